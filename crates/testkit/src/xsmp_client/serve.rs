//! What an [`XsmpApp`](super::XsmpApp) does in its own process: one order a line comes in, one
//! event a line goes out.

use std::{
    env,
    io::{self, ErrorKind, Read as _, Write as _},
    os::{
        fd::{AsFd as _, BorrowedFd},
        unix::net::UnixStream,
    },
    path::PathBuf,
    time::Duration,
};

use endsession_ice::{
    ByteOrder, Cookie, Cookies, DialogKind, InteractStyle, Property, SaveKind, SaveYourself, Wire,
    client::{Event, SetError},
};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
};

use super::{XsmpClient, connect, cookies};

/// Tells a process where its orders come from.
pub(super) const SIGN: &str = "ENDSESSION_TEST_XSMP";

/// Is an application until the test has no more orders, and ends the process; returns at once when
/// this process was not started by [`XsmpApp::start`](super::XsmpApp::start).
pub fn serve_if_told() {
    let Some(path) = env::var_os(SIGN) else {
        return;
    };
    let orders = UnixStream::connect(path).expect("the test is there");
    let mut served = Served {
        orders,
        begun: Vec::new(),
        line: Line::Down,
        deaf: false,
    };
    while served.turn() {}
    std::process::exit(0);
}

/// What connects it with the manager.
enum Line {
    Down,
    Client(Box<XsmpClient>),
    /// Connections that speak no protocol.
    Raw(Vec<UnixStream>),
}

struct Served {
    orders: UnixStream,
    /// Of an order that has not come whole.
    begun: Vec<u8>,
    line: Line,
    /// It does not read what the manager says.
    deaf: bool,
}

impl Served {
    /// Waits for whatever comes first, and sees to it; false when it is to end.
    fn turn(&mut self) -> bool {
        let heard = match &self.line {
            _ if self.deaf => Vec::new(),
            Line::Down => Vec::new(),
            Line::Client(client) => readable(&self.orders, [client.as_fd()]),
            Line::Raw(streams) => readable(&self.orders, streams.iter().map(|s| s.as_fd())),
        };
        if heard.is_empty() {
            return self.take_orders();
        }
        match &mut self.line {
            Line::Client(client) => {
                let mut events = Vec::new();
                let end = loop {
                    match client.next(Duration::ZERO) {
                        Ok(Some(event)) => {
                            events.push(told(&event, client.connection().client_id()));
                        }
                        Ok(None) => break None,
                        Err(error) if error.kind() == ErrorKind::InvalidData => {
                            break Some(format!("refused: {error}"));
                        }
                        Err(_) => break Some("closed".to_owned()),
                    }
                };
                if let Some(end) = end {
                    self.line = Line::Down;
                    events.push(end);
                }
                events.iter().for_each(|event| self.tell(event));
            }
            Line::Raw(streams) => {
                let mut closed = 0;
                for n in heard.into_iter().rev() {
                    if !matches!(streams[n].read(&mut [0; 4096]), Ok(1..)) {
                        streams.remove(n);
                        closed += 1;
                    }
                }
                (0..closed).for_each(|_| self.tell("closed"));
            }
            Line::Down => {}
        }
        true
    }

    fn take_orders(&mut self) -> bool {
        let mut buffer = [0; 64 << 10];
        let Ok(count @ 1..) = self.orders.read(&mut buffer) else {
            return false;
        };
        self.begun.extend_from_slice(&buffer[..count]);
        while let Some(end) = self.begun.iter().position(|b| *b == b'\n') {
            let order: Vec<u8> = self.begun.drain(..=end).collect();
            let order = String::from_utf8(order).expect("orders are text");
            let words: Vec<&str> = order.split_whitespace().collect();
            match self.obey(&words) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
                Err(error) => self.tell(&format!("cannot {}: {error}", words.join(" "))),
            }
        }
        true
    }

    /// See [`XsmpApp::order`](super::XsmpApp::order).
    fn obey(&mut self, words: &[&str]) -> io::Result<()> {
        match words {
            ["connect", how @ ..] => self.line = Line::Client(Box::new(client(how)?)),
            ["knock", count] => {
                let manager = variable("SESSION_MANAGER");
                let streams = (0..number(count)).map(|_| connect(&manager));
                self.line = Line::Raw(streams.collect::<io::Result<_>>()?);
                self.tell("knocked");
            }
            ["bytes", hex] => {
                let bytes = from_hex(hex);
                match &mut self.line {
                    Line::Client(client) => client.send_raw(&bytes)?,
                    Line::Raw(streams) => {
                        for stream in streams {
                            stream.write_all(&bytes)?;
                        }
                    }
                    Line::Down => {}
                }
            }
            ["forget"] => {
                if let Line::Client(client) = &mut self.line {
                    client.forget();
                }
            }
            ["deaf"] => self.deaf = true,
            ["hang-up"] => self.line = Line::Down,
            ["exit"] => std::process::exit(0),
            ["set", name, values @ ..] => {
                let values: Vec<Vec<u8>> = values.iter().map(|hex| from_hex(hex)).collect();
                let property = Property::list(name, values);
                self.say(|c| match c.set_properties(vec![property]) {
                    Err(SetError::WrongState(error)) => Err(error),
                    result => {
                        result.expect("a test sends what may be sent");
                        Ok(())
                    }
                })?;
            }
            ["get", count] => {
                for _ in 0..number(count) {
                    // Not by the client's own state, which bears only a few at a time.
                    let Line::Client(client) = &mut self.line else {
                        break;
                    };
                    client.send_raw(&[1, 14, 0, 0, 0, 0, 0, 0])?;
                }
            }
            ["done", success] => self.say(|c| c.save_done(*success == "yes"))?,
            ["interact-request"] => self.say(|c| c.interact_request(DialogKind::Normal))?,
            ["interact-done", word] => self.say(|c| c.interact_done(*word == "cancel"))?,
            ["phase-2"] => self.say(|c| c.phase2_request())?,
            ["request", words @ ..] => {
                let has = |word: &str| words.contains(&word);
                let save = SaveYourself {
                    kind: if has("Local") {
                        SaveKind::Local
                    } else {
                        SaveKind::Both
                    },
                    shutdown: has("shutdown"),
                    interact: if has("Any") {
                        InteractStyle::Any
                    } else {
                        InteractStyle::None
                    },
                    fast: has("fast"),
                };
                self.say(|c| c.request_save(save, has("global")))?;
            }
            ["close"] => {
                self.say(|c| {
                    c.close(&[]);
                    Ok(())
                })?;
                self.line = Line::Down;
            }
            _ => return Err(io::Error::other("there is no such order")),
        }
        Ok(())
    }

    fn say(
        &mut self,
        order: impl FnOnce(
            &mut endsession_ice::client::Connection,
        ) -> Result<(), endsession_ice::WrongState>,
    ) -> io::Result<()> {
        match &mut self.line {
            Line::Client(client) => client.order(order),
            _ => Err(io::Error::other("it is no client")),
        }
    }

    fn tell(&mut self, event: &str) {
        // A test that has ended does not care.
        let _ = self.orders.write_all(format!("{event}\n").as_bytes());
    }
}

/// Waits until orders come, or one of `others`: then which.
fn readable<'a>(
    orders: &UnixStream,
    others: impl IntoIterator<Item = BorrowedFd<'a>>,
) -> Vec<usize> {
    let mut fds = vec![PollFd::from_borrowed_fd(orders.as_fd(), PollFlags::IN)];
    let others = others.into_iter();
    fds.extend(others.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
    loop {
        match poll(&mut fds, None) {
            Err(Errno::INTR) => {}
            result => {
                result.expect("poll");
                break;
            }
        }
    }
    let came = |(n, fd): (usize, &PollFd<'_>)| (!fd.revents().is_empty()).then_some(n);
    fds[1..].iter().enumerate().filter_map(came).collect()
}

fn client(how: &[&str]) -> io::Result<XsmpClient> {
    let manager = variable("SESSION_MANAGER");
    let right = || cookies(&manager, &PathBuf::from(variable("ICEAUTHORITY")));
    let has = |word: &str| how.contains(&word);
    let shown = match () {
        () if has("cookie=none") => None,
        () if has("cookie=wrong") => Some(Cookies {
            ice: Cookie::new([7; 16]),
            xsmp: Cookie::new([7; 16]),
        }),
        () => Some(right()?),
    };
    let previous = how.iter().find_map(|word| word.strip_prefix("previous="));
    let order = match () {
        () if has("order=big") => ByteOrder::MsbFirst,
        () if has("order=little") => ByteOrder::LsbFirst,
        () => ByteOrder::NATIVE,
    };
    let wire = Wire {
        order,
        ..Wire::default()
    };
    XsmpClient::connect_as(&manager, shown, previous, wire)
}

/// An event as [`XsmpApp::hears`](super::XsmpApp::hears) has it.
fn told(event: &Event, id: Option<&str>) -> String {
    match event {
        Event::Registered => format!("registered {}", id.unwrap_or_default()),
        Event::PreviousIdRefused => "previous id refused".to_owned(),
        Event::SaveYourself(save) => {
            let shutdown = if save.shutdown { " shutdown" } else { "" };
            let fast = if save.fast { " fast" } else { "" };
            format!("save {:?}{shutdown} {:?}{fast}", save.kind, save.interact)
        }
        Event::Interact => "interact".to_owned(),
        Event::Phase2 => "phase 2".to_owned(),
        Event::SaveComplete => "complete".to_owned(),
        Event::ShutdownCancelled => "cancelled".to_owned(),
        Event::Die => "die".to_owned(),
        Event::PeerError(error) => format!("error {}", error.class),
        other => format!("{other:?}"),
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

fn number(word: &str) -> usize {
    word.parse().expect("a number")
}

fn from_hex(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
    let bytes = digits.chunks(2).map(|pair| pair[0] * 16 + pair[1]);
    bytes
        .map(|byte| u8::try_from(byte).expect("two digits"))
        .collect()
}

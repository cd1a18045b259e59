//! The floor of XSMP: what a log-off costs the sockets alone. As many connections between two
//! processes, the same numbers of bytes in the same order, and nobody who reads them.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use rustix::event::epoll;

use crate::crowd::{Crowd, Talk};

// The lengths of the messages of XSMP, header included.
const REQUEST: usize = 16;
const QUERY: usize = 16;
const ANSWER: usize = 8;
const DIE: usize = 8;
const LEAVE: usize = 16;

/// Serves one crowd of `count` connections at `path`, until it has gone.
///
/// # Errors
/// What the system says against it.
pub fn serve_sockets(path: &Path, count: usize) -> io::Result<()> {
    let listener = UnixListener::bind(path)?;
    println!("ready");
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut each = Vec::new();
    for n in 0..count {
        let (stream, _) = listener.accept()?;
        stream.set_nonblocking(true)?;
        let data = epoll::EventData::new_u64(n as u64);
        epoll::add(&epoll, &stream, data, epoll::EventFlags::IN)?;
        each.push((stream, first(n)));
    }
    let mut ready: Vec<epoll::Event> = Vec::with_capacity(256);
    let mut answers = 0;
    loop {
        ready.clear();
        epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut ready), None)?;
        for event in &ready {
            let n = usize::try_from(event.data.u64()).unwrap_or_default();
            let (stream, awaited) = &mut each[n];
            let mut buffer = [0; 16];
            let length = match awaited {
                Awaited::Request => REQUEST,
                Awaited::Answer => ANSWER,
                Awaited::Leave => LEAVE,
            };
            match stream.read(&mut buffer[..length]) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error),
            }
            match *awaited {
                Awaited::Request => {
                    *awaited = Awaited::Answer;
                    all(&mut each, &[0; QUERY])?;
                }
                Awaited::Answer => {
                    *awaited = Awaited::Leave;
                    answers += 1;
                    if answers == count {
                        answers = 0;
                        all(&mut each, &[0; DIE])?;
                    }
                }
                Awaited::Leave => *awaited = first(n),
            }
        }
    }
}

/// What a client says next. One message is read at a time: every one comes whole.
#[derive(Clone, Copy)]
enum Awaited {
    Request,
    Answer,
    Leave,
}

/// The first client is the one that asks for it.
fn first(n: usize) -> Awaited {
    if n == 0 {
        Awaited::Request
    } else {
        Awaited::Answer
    }
}

fn all(each: &mut [(UnixStream, Awaited)], message: &[u8]) -> io::Result<()> {
    each.iter_mut()
        .try_for_each(|(stream, _)| stream.write_all(message))
}

/// The clients of the floor.
#[derive(Debug)]
pub struct FloorClients(Crowd<Client>);

impl FloorClients {
    /// Connects `count` of them.
    ///
    /// # Errors
    /// What the system says against it.
    pub fn connect(path: &Path, count: usize) -> io::Result<Self> {
        let mut crowd = Crowd::new()?;
        for _ in 0..count {
            crowd.add(UnixStream::connect(path)?, Client::default())?;
        }
        Ok(Self(crowd))
    }

    /// The messages of one log-off.
    ///
    /// # Errors
    /// When the server has gone first.
    pub fn run(&mut self) -> io::Result<()> {
        self.0.each().for_each(|client| client.got = 0);
        self.0
            .with(0, |client| client.output.extend([0; REQUEST]))?;
        self.0.until_done()
    }
}

#[derive(Debug, Default)]
struct Client {
    got: usize,
    output: Vec<u8>,
}

impl Talk for Client {
    fn heard(&mut self, bytes: &[u8]) {
        self.got += bytes.len();
        match self.got {
            QUERY => self.output.extend([0; ANSWER]),
            _ if self.is_done() => self.output.extend([0; LEAVE]),
            _ => {}
        }
    }

    fn output(&self) -> &[u8] {
        &self.output
    }

    fn sent(&mut self, n: usize) {
        self.output.drain(..n);
    }

    fn is_done(&self) -> bool {
        self.got == QUERY + DIE
    }
}

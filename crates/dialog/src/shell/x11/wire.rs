//! The X11 wire without a wait: requests are queued, replies and events come back in the order in
//! which the server sent them.
//!
//! May touch the X server's socket and the X authority file. `x11rb-protocol` gives the requests
//! and replies; its sibling `x11rb` is not used, because its connection waits without a limit
//! whenever the server reads or answers slowly, and a stopped server must not stop the dialog.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind},
    path::PathBuf,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{RecvFlags, SendFlags, Shutdown, recv, send},
};
use tokio::{io::Interest, net::UnixStream};
use x11rb_protocol::{
    connect::Connect,
    errors::ConnectError,
    parse_display::{ParsedDisplay, parse_display},
    protocol::{
        Event,
        xproto::{GE_GENERIC_EVENT, Screen, Setup},
    },
    x11_utils::{
        ExtInfoProvider, ExtensionInformation, ReplyRequest, Request, TryParse, VoidRequest,
    },
    xauth::{Family, get_auth},
};

/// Set in the code of an event that a client sent (`SendEvent`).
const SENT: u8 = 0x80;

/// The longest reply or event taken. The longest honest one is a property or the keyboard's
/// mapping, of some ten KiB; the protocol itself would allow 16 GiB.
const MAX_PACKET: usize = 1 << 20;

/// Bytes that may wait to be written: one frame of the largest screen there is, and some. There is
/// never a second frame under way.
const MAX_QUEUED: usize = 160 << 20;

/// Requests sent beyond the oldest unanswered one. A reply names its request by 16 bits; past
/// this the name would be ambiguous.
const MAX_AHEAD: u64 = 60_000;

/// How long a server may take to read our last words. Only a stopped one needs more than a
/// millisecond.
const FAREWELL_LIMIT: Duration = Duration::from_millis(100);

/// Bytes taken from the socket at a time.
const READ_SIZE: usize = 32 << 10;

/// A connection to an X server on which every question carries a tag of the caller's.
#[derive(Debug)]
pub(super) struct Wire<T> {
    stream: UnixStream,
    input: Vec<u8>,
    output: VecDeque<u8>,
    overfull: bool,
    setup: Setup,
    screen: usize,
    /// Requests sent so far; the last one's sequence number.
    sent: u64,
    /// The questions that are still open, oldest first.
    asked: VecDeque<(u64, Tag<T>)>,
    /// Events that came while [`Wire::ask_now`] waited.
    early: VecDeque<Event>,
    ids: u32,
}

#[derive(Debug)]
enum Tag<T> {
    /// Of [`Wire::ask_now`].
    Now,
    Later(T),
}

/// What the server sent.
#[derive(Debug)]
pub(super) enum Packet<T> {
    /// The reply to the question with this tag.
    Reply(T, Vec<u8>),
    /// The server refused the question with this tag; most often its window is gone.
    Refused(T),
    /// An event.
    Event(Event),
}

#[derive(Debug)]
enum Raw<T> {
    Answer(Tag<T>, Option<Vec<u8>>),
    Event(Event),
}

impl<T> Wire<T> {
    /// Connects to a display such as `:0`, for as long as the caller waits.
    pub(super) async fn connect(display: &str) -> io::Result<Self> {
        let parsed = parse_display(Some(display))
            .map_err(|error| io::Error::new(ErrorKind::InvalidInput, error))?;
        let path = socket_path(&parsed).ok_or_else(|| {
            let why = "it is reached over the network, and only this machine's displays are used";
            io::Error::new(ErrorKind::Unsupported, why)
        })?;
        let stream = loop {
            match UnixStream::connect(&path).await {
                // Its door is full.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                other => break other?,
            }
        };
        // An unreadable authority file is not yet an error: the server may let this user in
        // without a cookie.
        let uname = rustix::system::uname();
        let auth = get_auth(Family::LOCAL, uname.nodename().to_bytes(), parsed.display);
        let (name, data) = auth.ok().flatten().unwrap_or_default();
        let (mut greeting, request) = Connect::with_authorization(name, data);
        let mut output: VecDeque<u8> = request.into();
        loop {
            write(&stream, &mut output)?;
            let interest = interest(&output);
            stream.ready(interest).await?;
            match stream.try_read(greeting.buffer()) {
                Ok(0) => return Err(closed()),
                Ok(count) => {
                    if greeting.advance(count) {
                        break;
                    }
                }
                Err(error) if is_temporary(&error) => {}
                Err(error) => return Err(error),
            }
        }
        let setup = greeting.into_setup().map_err(refusal)?;
        let screen = usize::from(parsed.screen);
        if screen >= setup.roots.len() {
            let why = format!("it has no screen {screen}");
            return Err(io::Error::new(ErrorKind::NotFound, why));
        }
        Ok(Self {
            stream,
            input: Vec::new(),
            output,
            overfull: false,
            setup,
            screen,
            sent: 0,
            asked: VecDeque::new(),
            early: VecDeque::new(),
            ids: 0,
        })
    }

    /// What the server said of itself.
    pub(super) fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The screen that the display's name asks for, and its number.
    pub(super) fn screen(&self) -> (&Screen, usize) {
        (&self.setup.roots[self.screen], self.screen)
    }

    /// A name for something new. They come round again after two millions, of which a dialog makes
    /// one at each change of its size.
    pub(super) fn id(&mut self) -> u32 {
        let (base, mask) = (self.setup.resource_id_base, self.setup.resource_id_mask);
        self.ids = self.ids.wrapping_add(1);
        let step = mask & mask.wrapping_neg();
        base | (self.ids.wrapping_mul(step) & mask)
    }

    /// Asks a question of the core protocol.
    pub(super) fn ask<R: ReplyRequest>(&mut self, request: R, tag: T) {
        self.ask_extension(request, 0, tag);
    }

    /// Asks a question of the extension with this major opcode.
    pub(super) fn ask_extension<R: ReplyRequest>(&mut self, request: R, opcode: u8, tag: T) {
        self.queue(request, opcode);
        self.asked.push_back((self.sent, Tag::Later(tag)));
    }

    /// Asks a question and waits for the reply; None where the server refuses it.
    pub(super) async fn ask_now<R: ReplyRequest>(
        &mut self,
        request: R,
    ) -> io::Result<Option<R::Reply>> {
        self.queue(request, 0);
        self.asked.push_back((self.sent, Tag::Now));
        loop {
            match self.raw()? {
                None => self.arrival().await?,
                Some(Raw::Answer(Tag::Now, reply)) => {
                    return match reply.as_deref().map(R::Reply::try_parse) {
                        Some(Ok((reply, _))) => Ok(Some(reply)),
                        Some(Err(error)) => Err(malformed(error)),
                        None => Ok(None),
                    };
                }
                // Only before the window is opened, when nothing else has been asked.
                Some(Raw::Answer(Tag::Later(_), _)) => {}
                Some(Raw::Event(event)) => self.early.push_back(event),
            }
        }
    }

    /// Sends a request that has no reply. Should it fail, nobody learns of it.
    pub(super) fn send<R: VoidRequest>(&mut self, request: R) {
        self.queue(request, 0);
    }

    fn queue<R: Request>(&mut self, request: R, opcode: u8) {
        // None of the requests made here carries a file descriptor.
        let (bytes, _) = Request::serialize(request, opcode);
        self.sent += 1;
        let ahead = self.asked.front().map_or(0, |(first, _)| self.sent - first);
        if self.output.len() + bytes.len() > MAX_QUEUED || ahead > MAX_AHEAD {
            self.overfull = true;
        } else {
            self.output.extend(bytes);
        }
    }

    /// Waits until the server has sent something; [`Self::packet`] then tells what. Cancel-safe.
    pub(super) async fn arrival(&mut self) -> io::Result<()> {
        loop {
            self.flush()?;
            if self.read()? {
                return Ok(());
            }
            self.stream.ready(interest(&self.output)).await?;
        }
    }

    /// Writes what the socket takes now.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.overfull {
            let why = "it does not read what it is sent";
            return Err(io::Error::new(ErrorKind::TimedOut, why));
        }
        write(&self.stream, &mut self.output)
    }

    /// Says the last words, and sees that they are heard: a server that finds a connection closed
    /// before it has read all of it drops the rest, where we left something unread. Waits for the
    /// server to hang up, at most for [`FAREWELL_LIMIT`].
    pub(super) fn hang_up(&mut self) {
        let end = Instant::now() + FAREWELL_LIMIT;
        if self.flush().is_err() || rustix::net::shutdown(&self.stream, Shutdown::Write).is_err() {
            return;
        }
        let mut rest = [0; 4096];
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let mut fds = [PollFd::new(&self.stream, PollFlags::IN)];
            let limit = Timespec::try_from(left).ok();
            match poll(&mut fds, limit.as_ref()) {
                Ok(0) | Err(_) => return,
                Ok(_) => match recv(&self.stream, &mut rest, RecvFlags::DONTWAIT) {
                    Ok((0, _)) | Err(_) => return,
                    Ok(_) => {}
                },
            }
        }
    }

    fn read(&mut self) -> io::Result<bool> {
        let filled = self.input.len();
        self.input.resize(filled + READ_SIZE, 0);
        let result = self.stream.try_read(&mut self.input[filled..]);
        self.input.truncate(filled + *result.as_ref().unwrap_or(&0));
        match result {
            Ok(0) => Err(closed()),
            Ok(_) => Ok(true),
            Err(error) if is_temporary(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The next packet that has arrived whole.
    pub(super) fn packet(&mut self) -> io::Result<Option<Packet<T>>> {
        if let Some(event) = self.early.pop_front() {
            return Ok(Some(Packet::Event(event)));
        }
        Ok(match self.raw()? {
            Some(Raw::Answer(Tag::Later(tag), Some(reply))) => Some(Packet::Reply(tag, reply)),
            Some(Raw::Answer(Tag::Later(tag), None)) => Some(Packet::Refused(tag)),
            Some(Raw::Event(event)) => Some(Packet::Event(event)),
            Some(Raw::Answer(Tag::Now, _)) | None => None,
        })
    }

    fn raw(&mut self) -> io::Result<Option<Raw<T>>> {
        loop {
            let Some(length) = packet_length(&self.input)? else {
                return Ok(None);
            };
            let bytes: Vec<u8> = self.input.drain(..length).collect();
            // `packet_length` gave at least the 32 bytes that every packet has.
            let (code, sequence) = (bytes[0] & 0x7f, u16::from_ne_bytes([bytes[2], bytes[3]]));
            // From KeyPress to MotionNotify: a client can send those too, and no hand made them.
            if matches!(code, 2..=6) && bytes[0] & SENT != 0 {
                continue;
            }
            if code > 1 {
                match Event::parse(&bytes, &NoExtension) {
                    Ok(event) => return Ok(Some(Raw::Event(event))),
                    Err(error) => tracing::debug!("an event of the X server's: {error}"),
                }
                continue;
            }
            let awaited = match self.asked.front() {
                Some((asked, _)) if *asked as u16 == sequence => self.asked.pop_front(),
                _ => None,
            };
            match (code, awaited) {
                (0, Some((_, tag))) => return Ok(Some(Raw::Answer(tag, None))),
                // An error to a request without a reply: what it was about is gone, and that is
                // told by other means.
                (0, None) => tracing::debug!(
                    code = bytes[1],
                    request = bytes[10],
                    "the X server refused a request"
                ),
                (_, Some((_, tag))) => return Ok(Some(Raw::Answer(tag, Some(bytes)))),
                (_, None) => return Err(malformed("a reply to no question")),
            }
        }
    }
}

/// No events of extensions are asked for.
struct NoExtension;

impl ExtInfoProvider for NoExtension {
    fn get_from_major_opcode(&self, _: u8) -> Option<(&str, ExtensionInformation)> {
        None
    }

    fn get_from_event_code(&self, _: u8) -> Option<(&str, ExtensionInformation)> {
        None
    }

    fn get_from_error_code(&self, _: u8) -> Option<(&str, ExtensionInformation)> {
        None
    }
}

fn interest(output: &VecDeque<u8>) -> Interest {
    if output.is_empty() {
        Interest::READABLE
    } else {
        Interest::READABLE | Interest::WRITABLE
    }
}

/// Writes what a socket takes now. Not `try_write`: a broken socket must not raise SIGPIPE,
/// whatever the process has made of that signal; and the last words are said when the loop is no
/// more.
fn write(stream: &UnixStream, output: &mut VecDeque<u8>) -> io::Result<()> {
    while !output.is_empty() {
        let (bytes, _) = output.as_slices();
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        match send(stream, bytes, flags) {
            Ok(count) => drop(output.drain(..count)),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                // Or the next wait would find the socket writable still.
                let full = || Err::<(), _>(ErrorKind::WouldBlock.into());
                let _ = stream.try_io(Interest::WRITABLE, full);
                break;
            }
            Err(error) => return Err(error.into()),
        }
    }
    if output.is_empty() {
        // A frame is megabytes, what follows it is not.
        output.shrink_to(READ_SIZE);
    }
    Ok(())
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

fn closed() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "it closed the connection")
}

fn malformed(why: impl ToString) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why.to_string())
}

/// The socket of a display on this machine. `x11rb-protocol` would tell it, but reckons a TCP port
/// first, which overflows for a display past 59535.
fn socket_path(display: &ParsedDisplay) -> Option<PathBuf> {
    if display.host.starts_with('/') {
        return Some(PathBuf::from(&display.host));
    }
    let is_local = match display.protocol.as_deref() {
        Some(protocol) => protocol == "unix",
        None => display.host.is_empty(),
    };
    is_local.then(|| PathBuf::from(format!("/tmp/.X11-unix/X{}", display.display)))
}

/// The server's own words where it refused us.
fn refusal(error: ConnectError) -> io::Error {
    let reason = match error {
        ConnectError::SetupFailed(failed) => failed.reason,
        ConnectError::SetupAuthenticate(more) => more.reason,
        other => return malformed(other),
    };
    let reason = String::from_utf8_lossy(&reason);
    io::Error::new(ErrorKind::PermissionDenied, reason.trim())
}

/// The length of the packet at the start of these bytes, once it is there whole.
fn packet_length(input: &[u8]) -> io::Result<Option<usize>> {
    let Some(header) = input.first_chunk::<32>() else {
        return Ok(None);
    };
    let mut length = 32;
    if header[0] == 1 || header[0] & 0x7f == GE_GENERIC_EVENT {
        let words = u32::from_ne_bytes([header[4], header[5], header[6], header[7]]);
        length += words as usize * 4;
    }
    if length > MAX_PACKET {
        return Err(malformed(format!(
            "it sent a packet of {length} bytes; at most {MAX_PACKET} are taken"
        )));
    }
    Ok((input.len() >= length).then_some(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_without_end_is_refused_before_it_is_stored() {
        let mut packet = [0; 32];
        packet[0] = 1;
        assert_eq!(packet_length(&packet[..31]).unwrap(), None);
        assert_eq!(packet_length(&packet).unwrap(), Some(32));
        packet[4..8].copy_from_slice(&u32::MAX.to_ne_bytes());
        assert!(packet_length(&packet).is_err());
    }

    #[tokio::test]
    async fn a_display_on_the_network_and_one_without_sense_are_refused() {
        for display in ["elsewhere.example:0", "no display"] {
            assert!(Wire::<()>::connect(display).await.is_err(), "{display}");
        }
    }
}

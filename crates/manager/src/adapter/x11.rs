//! The X11 wire without a wait: requests are queued, replies and events come back in the order in
//! which the server sent them.
//!
//! May touch the X server's socket and the X authority file. `x11rb-protocol` gives the requests
//! and replies; its sibling `x11rb` is not used, because its connection waits without a limit
//! whenever the server reads or answers slowly, and a stopped X server must not stop the manager.
//!
//! Only the display's Unix socket is tried. The processes behind a display that is reached over
//! the network run on another machine: what it tells of them names nobody here.

use std::{collections::VecDeque, io, path::PathBuf};

use x11rb_protocol::{
    connect::Connect,
    errors::ConnectError,
    parse_display::{ParsedDisplay, parse_display},
    protocol::xproto::{GE_GENERIC_EVENT, Setup, Window},
    x11_utils::{ReplyRequest, Request, VoidRequest},
    xauth::{Family, get_auth},
};

use super::{
    display::DisplayError,
    link::{CONNECT_LIMIT, Link, Writer},
    text,
};

/// The longest reply or event taken. The longest honest one lists every child of the root window,
/// four bytes each; the protocol itself would allow 16 GiB.
const MAX_PACKET: usize = 1 << 20;

/// Requests sent beyond the oldest unanswered one. A reply names its request by 16 bits; past
/// this the name would be ambiguous.
const MAX_AHEAD: u64 = 60_000;

/// A connection to an X server on which every question carries a tag of the caller's.
#[derive(Debug)]
pub(crate) struct X11Wire<T> {
    link: Link,
    screen: u16,
    root: Window,
    /// Requests sent so far; the last one's sequence number.
    sent: u64,
    /// The questions that are still open, oldest first.
    asked: VecDeque<(u64, T)>,
}

/// What the server sent.
#[derive(Debug)]
pub(crate) enum Packet<T> {
    /// The reply to the question with this tag.
    Reply(T, Vec<u8>),
    /// The server refused the question with this tag; most often its window is gone.
    Refused(T),
    /// An event: its code and its bytes.
    Event(u8, Vec<u8>),
}

impl<T> X11Wire<T> {
    /// Connects to a display such as `:0`, and gives up after [`CONNECT_LIMIT`].
    pub(crate) async fn connect(display: &str) -> Result<Self, DisplayError> {
        tokio::time::timeout(CONNECT_LIMIT, Self::handshake(display))
            .await
            .unwrap_or_else(|_| Err(DisplayError::silent(display_name(display))))
    }

    async fn handshake(display: &str) -> Result<Self, DisplayError> {
        let what = || display_name(display);
        let failed = |source| DisplayError::Io {
            what: what(),
            source,
        };
        let parsed = parse_display(Some(display))
            .map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
        let path = socket_path(&parsed).ok_or_else(|| DisplayError::Unsupported {
            what: what(),
            why: "it is reached over the network, so its processes are not this machine's"
                .to_owned(),
        })?;
        let mut link = Link::connect(&path).await.map_err(failed)?;

        // An unreadable authority file is not yet an error: the server may let this user in
        // without a cookie.
        let uname = rustix::system::uname();
        let auth = get_auth(Family::LOCAL, uname.nodename().to_bytes(), parsed.display);
        let (name, data) = auth.ok().flatten().unwrap_or_default();
        let (mut greeting, request) = Connect::with_authorization(name, data);
        link.queue(&request);
        loop {
            let wanted = greeting.buffer().len();
            let bytes = link.take(wanted);
            greeting.buffer()[..bytes.len()].copy_from_slice(&bytes);
            if greeting.advance(bytes.len()) {
                break;
            }
            if link.input().is_empty() {
                link.arrival().await.map_err(failed)?;
            }
        }
        let setup = greeting
            .into_setup()
            .map_err(|error| failed(refusal(error)))?;
        let root = root_of(&setup, parsed.screen).ok_or_else(|| DisplayError::Unsupported {
            what: what(),
            why: format!("it has no screen {}", parsed.screen),
        })?;
        Ok(Self {
            link,
            screen: parsed.screen,
            root,
            sent: 0,
            asked: VecDeque::new(),
        })
    }

    /// The root window of the screen that the display's name asks for.
    pub(crate) fn root(&self) -> Window {
        self.root
    }

    /// The server's process; see [`Link::writer`].
    pub(crate) fn server(&self) -> Option<Writer> {
        self.link.writer()
    }

    /// That screen's number.
    pub(crate) fn screen(&self) -> u16 {
        self.screen
    }

    /// Asks a question of the core protocol.
    pub(crate) fn ask<R: ReplyRequest>(&mut self, request: R, tag: T) {
        self.ask_extension(request, 0, tag);
    }

    /// Asks a question of the extension with this major opcode.
    pub(crate) fn ask_extension<R: ReplyRequest>(&mut self, request: R, opcode: u8, tag: T) {
        self.queue(request, opcode);
        self.asked.push_back((self.sent, tag));
    }

    /// Sends a request that has no reply. Should it fail, nobody learns of it.
    pub(crate) fn send<R: VoidRequest>(&mut self, request: R) {
        self.queue(request, 0);
    }

    /// The same to the extension with this major opcode.
    pub(crate) fn send_extension<R: VoidRequest>(&mut self, request: R, opcode: u8) {
        self.queue(request, opcode);
    }

    fn queue<R: Request>(&mut self, request: R, opcode: u8) {
        // None of the requests made here carries a file descriptor.
        let (bytes, _) = Request::serialize(request, opcode);
        self.sent += 1;
        if self
            .asked
            .front()
            .is_some_and(|(oldest, _)| self.sent - oldest > MAX_AHEAD)
        {
            self.link.give_up();
        }
        self.link.queue(&bytes);
    }

    /// Waits until the server has sent something; [`Self::packet`] then tells what. Cancel-safe.
    pub(crate) async fn arrival(&mut self) -> io::Result<()> {
        self.link.arrival().await
    }

    /// Reads and writes what goes without waiting.
    pub(crate) fn turn(&mut self) -> io::Result<bool> {
        self.link.turn()
    }

    /// Writes what the socket takes now.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.link.flush()
    }

    /// The next packet that has arrived whole.
    pub(crate) fn packet(&mut self) -> io::Result<Option<Packet<T>>> {
        loop {
            let Some(length) = packet_length(self.link.input())? else {
                return Ok(None);
            };
            let bytes = self.link.take(length);
            // `packet_length` gave at least the 32 bytes that every packet has.
            let (code, sequence) = (bytes[0] & 0x7f, u16::from_ne_bytes([bytes[2], bytes[3]]));
            if code > 1 {
                return Ok(Some(Packet::Event(code, bytes)));
            }
            let awaited = match self.asked.front() {
                Some((asked, _)) if *asked as u16 == sequence => self.asked.pop_front(),
                _ => None,
            };
            match (code, awaited) {
                (0, Some((_, tag))) => return Ok(Some(Packet::Refused(tag))),
                // An error to a request without a reply: its window is gone, and that is told
                // by other means.
                (0, None) => tracing::trace!(code = bytes[1], "the X server refused a request"),
                (_, Some((_, tag))) => return Ok(Some(Packet::Reply(tag, bytes))),
                (_, None) => {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "it answered a question that was not asked",
                    ));
                }
            }
        }
    }
}

/// What a display is called in an error.
pub(crate) fn display_name(display: &str) -> String {
    format!("the X display {display}")
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

fn root_of(setup: &Setup, screen: u16) -> Option<Window> {
    setup
        .roots
        .get(usize::from(screen))
        .map(|screen| screen.root)
}

/// The server's own words where it refused us.
fn refusal(error: ConnectError) -> io::Error {
    let (kind, reason) = match error {
        ConnectError::SetupFailed(failed) => (io::ErrorKind::PermissionDenied, failed.reason),
        ConnectError::SetupAuthenticate(more) => (io::ErrorKind::PermissionDenied, more.reason),
        other => return io::Error::new(io::ErrorKind::InvalidData, other),
    };
    io::Error::new(kind, text::from_latin1(&reason).trim().to_owned())
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
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("it sent a packet of {length} bytes; at most {MAX_PACKET} are taken"),
        ));
    }
    Ok((input.len() >= length).then_some(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(code: u8, words: u32, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        bytes[0] = code;
        bytes[4..8].copy_from_slice(&words.to_ne_bytes());
        bytes
    }

    #[test]
    fn a_packet_is_taken_when_it_is_whole() {
        assert_eq!(packet_length(&[]).unwrap(), None);
        assert_eq!(packet_length(&packet(28, 9, 31 + 1)[..31]).unwrap(), None);
        // Only replies and generic events have a length; in others those bytes mean other things.
        assert_eq!(packet_length(&packet(28, 9, 40)).unwrap(), Some(32));
        assert_eq!(packet_length(&packet(0, 9, 40)).unwrap(), Some(32));
        assert_eq!(packet_length(&packet(1, 2, 39)).unwrap(), None);
        assert_eq!(packet_length(&packet(1, 2, 64)).unwrap(), Some(40));
        assert_eq!(packet_length(&packet(35 | 0x80, 1, 36)).unwrap(), Some(36));
    }

    #[test]
    fn a_packet_without_end_is_refused_before_it_is_stored() {
        assert!(packet_length(&packet(1, u32::MAX, 32)).is_err());
    }

    #[test]
    fn a_display_is_found_by_its_socket() {
        let path = |name| socket_path(&parse_display(Some(name)).unwrap());
        assert_eq!(path(":7.1"), Some("/tmp/.X11-unix/X7".into()));
        assert_eq!(path("unix/host:7"), path(":7"));
        assert_eq!(path(":65535"), Some("/tmp/.X11-unix/X65535".into()));
        assert_eq!(path("/dev/null"), Some("/dev/null".into()));
        assert_eq!(path("localhost:10"), None);
        assert_eq!(path("tcp/:10"), None);
    }

    #[tokio::test]
    async fn a_display_on_the_network_is_refused() {
        let error = X11Wire::<()>::connect("elsewhere.example:0")
            .await
            .unwrap_err();
        assert!(matches!(error, DisplayError::Unsupported { .. }), "{error}");
        let error = X11Wire::<()>::connect("no display").await.unwrap_err();
        assert!(matches!(error, DisplayError::Io { .. }), "{error}");
    }
}

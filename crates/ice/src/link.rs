//! What both sides of a connection do alike: messages in and out, their numbers, error messages
//! and the limits on all of it.

use std::fmt;

use crate::error::{Error, PeerError};
use crate::frame::{Framer, MAX_MESSAGE, MAX_SETUP_MESSAGE};
use crate::opcode::{Opcode, Protocol, ice as op};
use crate::values::{ErrorClass, Severity};
use crate::wire::{ByteOrder, HEADER, Writer};
use crate::{cookie, ice, xsmp};

/// The most that is kept of what a peer does not read, in bytes. The longest message is half of it.
pub const MAX_OUTPUT: usize = 1 << 20;

/// How many errors of a peer are answered before the connection is closed. Real applications make
/// a few (libSM calls back too early, toolkits send `InteractDone` after a cancel); one that makes
/// hundreds is broken, and each answer costs.
pub const MAX_ERRORS: u32 = 64;

/// The most that waits to be polled. A peer that sends more in one go is not a session client.
pub const MAX_EVENTS: usize = 256;

/// How this side sends: its byte order and its major opcode for XSMP. The default is what libSM
/// does; others are for tests, since a peer may choose freely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wire {
    /// The order of bytes in numbers.
    pub order: ByteOrder,
    /// The major opcode of our XSMP messages; 0 is taken as 1, because 0 is ICE's. libICE does not
    /// find its way with more than 127.
    pub opcode: u8,
}

impl Default for Wire {
    fn default() -> Self {
        Self {
            order: ByteOrder::NATIVE,
            opcode: 1,
        }
    }
}

/// What came in.
#[derive(Debug)]
pub(crate) enum Input {
    Ice(ice::Message),
    Xsmp(xsmp::Message),
    /// An error of the peer that has been answered and counted.
    Fault(Error),
}

/// The common state.
pub(crate) struct Link {
    framer: Framer,
    ours: Wire,
    theirs: Option<ByteOrder>,
    /// The peer's major opcode for XSMP.
    pub(crate) their_major: Option<u8>,
    /// The ICE connection is set up. Before that every error ends it.
    pub(crate) connected: bool,
    received: u32,
    sent: u32,
    out: Vec<u8>,
    faults: u32,
    closed: bool,
}

impl Link {
    /// A link that begins by announcing its byte order (ice.xml: before anything else, errors
    /// included).
    pub(crate) fn new(wire: Wire) -> Self {
        let mut link = Self {
            framer: Framer::default(),
            ours: Wire {
                opcode: wire.opcode.max(1),
                ..wire
            },
            theirs: None,
            their_major: None,
            connected: false,
            received: 0,
            sent: 0,
            out: Vec::new(),
            faults: 0,
            closed: false,
        };
        link.append(&ice::Message::ByteOrder(wire.order).encode(wire.order));
        link
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    pub(crate) fn output(&self) -> &[u8] {
        &self.out
    }

    /// Forgets the first `n` bytes of the output.
    pub(crate) fn sent(&mut self, n: usize) {
        self.out.drain(..n.min(self.out.len()));
        if self.out.is_empty() {
            self.out.shrink_to(HEADER * 16);
        }
    }

    /// How many errors of the peer were borne.
    pub(crate) fn faults(&self) -> u32 {
        self.faults
    }

    /// The number of the peer's message that is being handled.
    pub(crate) fn received(&self) -> u32 {
        self.received
    }

    /// The number of our last message.
    pub(crate) fn last_sent(&self) -> u32 {
        self.sent
    }

    pub(crate) fn our_major(&self) -> u8 {
        self.ours.opcode
    }

    /// The next message of `input`, or an error of the peer that was borne. `None` when more input
    /// is needed, or none is wanted.
    pub(crate) fn next(&mut self, input: &mut &[u8]) -> Result<Option<Input>, Error> {
        if self.closed {
            *input = &[];
            return Ok(None);
        }
        let limit = match self.their_major {
            Some(_) => MAX_MESSAGE,
            None => MAX_SETUP_MESSAGE,
        };
        // ByteOrder itself has no body: its length is 0 in either order.
        let order = self.theirs.unwrap_or(ByteOrder::NATIVE);
        let frame = match self.framer.next(input, order, limit) {
            Ok(None) => return Ok(None),
            Ok(Some(frame)) => frame,
            Err(error) => {
                self.received = self.received.wrapping_add(1);
                let error = self.known(error);
                return self.fault(error).map(|error| Some(Input::Fault(error)));
            }
        };
        self.received = self.received.wrapping_add(1);
        let decoded = self.decode(&frame.bytes, frame.major(), frame.minor());
        match decoded {
            Ok(message) => Ok(Some(message)),
            Err(error) => self.fault(error).map(|error| Some(Input::Fault(error))),
        }
    }

    fn decode(&mut self, message: &[u8], major: u8, minor: u8) -> Result<Input, Error> {
        let Some(order) = self.theirs else {
            return self.first(message, major, minor);
        };
        if major == 0 {
            ice::Message::decode(order, message).map(Input::Ice)
        } else if self.their_major == Some(major) {
            xsmp::Message::decode(order, message).map(Input::Xsmp)
        } else {
            Err(Error::BadMajor {
                opcode: Opcode {
                    protocol: Protocol::Unknown(major),
                    minor,
                },
            })
        }
    }

    /// The first message of a connection says in which order the rest is.
    fn first(&mut self, message: &[u8], major: u8, minor: u8) -> Result<Input, Error> {
        if major != 0 {
            return Err(Error::BadMajor {
                opcode: Opcode {
                    protocol: Protocol::Unknown(major),
                    minor,
                },
            });
        }
        if minor != op::BYTE_ORDER {
            return Err(Error::BadState {
                opcode: Opcode::ice(minor),
                state: "before ByteOrder",
            });
        }
        let decoded = ice::Message::decode(ByteOrder::NATIVE, message)?;
        if let ice::Message::ByteOrder(order) = decoded {
            self.theirs = Some(order);
        }
        Ok(Input::Ice(decoded))
    }

    /// Names the protocol of a message that was refused by its header.
    fn known(&self, error: Error) -> Error {
        match error {
            Error::TooLong { opcode, limit, got }
                if opcode.protocol == self.their_major.map_or(Protocol::Ice, Protocol::Unknown) =>
            {
                let protocol = match opcode.protocol {
                    Protocol::Unknown(_) => Protocol::Xsmp,
                    other => other,
                };
                Error::TooLong {
                    opcode: Opcode { protocol, ..opcode },
                    limit,
                    got,
                }
            }
            other => other,
        }
    }

    /// Answers an error of the peer. `Ok` gives it back where the connection goes on; after `Err`
    /// it is closed.
    pub(crate) fn fault(&mut self, error: Error) -> Result<Error, Error> {
        if error.is_fatal() || !self.connected {
            return Err(self.fail(error));
        }
        self.faults += 1;
        if self.faults > MAX_ERRORS {
            return Err(self.fail(Error::TooManyErrors {
                limit: MAX_ERRORS,
                last: Box::new(error),
            }));
        }
        self.tell(&error, false);
        match self.closed {
            true => Err(Error::OutputFull { limit: MAX_OUTPUT }),
            false => Ok(error),
        }
    }

    /// Answers an error of the peer after which there is nothing more to say, and gives it back.
    pub(crate) fn fail(&mut self, error: Error) -> Error {
        self.tell(&error, true);
        self.closed = true;
        error
    }

    fn tell(&mut self, error: &Error, fatal: bool) {
        let (Some(class), Some(opcode)) = (error.class(), error.opcode()) else {
            return;
        };
        let sequence = self.received;
        let told = PeerError {
            opcode,
            sequence,
            class,
            severity: error.severity(fatal),
            values: self.values(error),
        };
        self.send_error(&told);
    }

    /// Sends an error message under the major opcode that belongs to it.
    pub(crate) fn send_error(&mut self, error: &PeerError) {
        let major = match error.opcode.protocol {
            Protocol::Xsmp if error.class != ErrorClass::BadMajor => self.ours.opcode,
            _ => 0,
        };
        let message = ice::encode_error(self.ours.order, major, error);
        self.append(&message);
    }

    /// What the class adds to an error message (ice.xml, "Generic Error Classes" and "ICE Error
    /// Classes").
    fn values(&self, error: &Error) -> Vec<u8> {
        let mut to = Writer::new(self.ours.order, 0, 0, [0, 0]);
        match error {
            Error::BadValue { offset, got, .. } => {
                write_bad_value(&mut to, *offset, got);
            }
            // There is no offending value but the whole of what the message holds.
            Error::TooMuch { .. } => write_bad_value(&mut to, HEADER, &[]),
            Error::BadMajor { opcode } => {
                if let Protocol::Unknown(major) = opcode.protocol {
                    to.u8(major);
                }
            }
            Error::MajorOpcodeDuplicate { major } => {
                to.u8(*major);
            }
            Error::CookieRejected { .. } => {
                to.string(format!("{} authentication rejected", cookie::AUTH_NAME).as_bytes());
            }
            Error::UnknownProtocol { name } => {
                to.string(name.as_bytes());
            }
            Error::ProtocolDuplicate => {
                to.string(b"XSMP");
            }
            Error::TooManyErrors { last, .. } => return self.values(last),
            _ => {}
        }
        to.finish().split_off(HEADER)
    }

    /// The values of a `BadValue`, in our byte order.
    pub(crate) fn bad_value(&self, offset: usize, value: &[u8]) -> Vec<u8> {
        let mut to = Writer::new(self.ours.order, 0, 0, [0, 0]);
        write_bad_value(&mut to, offset, value);
        to.finish().split_off(HEADER)
    }

    /// An `ARRAY8` in our byte order.
    pub(crate) fn array8(&self, bytes: &[u8]) -> Vec<u8> {
        let mut to = Writer::new(self.ours.order, 0, 0, [0, 0]);
        to.array8(bytes).finish().split_off(HEADER)
    }

    pub(crate) fn send_ice(&mut self, message: &ice::Message) {
        let bytes = message.encode(self.ours.order);
        self.append(&bytes);
    }

    pub(crate) fn send_xsmp(&mut self, message: &xsmp::Message) {
        let bytes = message.encode(self.ours.order, self.ours.opcode);
        self.append(&bytes);
    }

    pub(crate) fn send_properties<'a>(
        &mut self,
        properties: impl ExactSizeIterator<Item = &'a crate::property::Property>,
    ) {
        let bytes = xsmp::encode_properties(self.ours.order, self.ours.opcode, properties);
        self.append(&bytes);
    }

    /// Queues a message, or closes where the peer has left too much unread.
    fn append(&mut self, message: &[u8]) {
        if self.closed {
            return;
        }
        if self.out.len() + message.len() > MAX_OUTPUT {
            self.closed = true;
            return;
        }
        self.sent = self.sent.wrapping_add(1);
        self.out.extend_from_slice(message);
    }
}

impl fmt::Debug for Link {
    /// Without what is on its way in and out: a cookie may be in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("received", &self.received)
            .field("sent", &self.sent)
            .field("unread", &self.out.len())
            .field("faults", &self.faults)
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

fn write_bad_value(to: &mut Writer, offset: usize, value: &[u8]) {
    to.u32(u32::try_from(offset).unwrap_or(u32::MAX));
    to.u32(u32::try_from(value.len()).unwrap_or(u32::MAX));
    to.raw(value);
}

/// Whether an error message ends XSMP, and with it the connection.
pub(crate) fn ends(error: &PeerError) -> bool {
    match error.severity {
        Severity::CanContinue => false,
        Severity::FatalToProtocol => error.opcode.protocol == Protocol::Xsmp,
        Severity::FatalToConnection => true,
    }
}

//! What can be wrong with what a peer sends, and how it is told.

use std::fmt;

use crate::opcode::{Opcode, Protocol};
use crate::values::{ErrorClass, Severity};

/// What was wrong with a message, or with the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A header claims more than a message may have; nothing of it was taken.
    TooLong {
        /// The message.
        opcode: Opcode,
        /// The most that is taken, in bytes.
        limit: usize,
        /// What the header claims, in bytes.
        got: u64,
    },
    /// A message is longer or shorter than what it holds.
    BadLength {
        /// The message.
        opcode: Opcode,
        /// The field that did not fit.
        field: &'static str,
        /// The bytes that it needs.
        expected: usize,
        /// The bytes that are there.
        got: usize,
    },
    /// A field has a value that it cannot have.
    BadValue {
        /// The message.
        opcode: Opcode,
        /// The field.
        field: &'static str,
        /// Where it stands, in bytes from the beginning of the message.
        offset: usize,
        /// What it may be.
        expected: &'static str,
        /// What it is; of a long one, the beginning.
        got: Vec<u8>,
    },
    /// More than this side keeps. Nothing of the message was applied.
    TooMuch {
        /// The message.
        opcode: Opcode,
        /// What there is too much of.
        field: &'static str,
        /// The most that is taken.
        limit: usize,
        /// What there would be.
        got: usize,
    },
    /// A message that has no place in the present state.
    BadState {
        /// The message.
        opcode: Opcode,
        /// The state.
        state: &'static str,
    },
    /// A message that the protocol does not have, or not in this direction.
    BadMinor {
        /// The message.
        opcode: Opcode,
    },
    /// A message of a protocol that was not set up.
    BadMajor {
        /// The message.
        opcode: Opcode,
    },
    /// None of the offered versions is spoken.
    NoVersion {
        /// The message that offered them.
        opcode: Opcode,
    },
    /// The peer cannot authenticate itself with a cookie.
    NoAuthentication {
        /// The message that offered other ways, or none.
        opcode: Opcode,
    },
    /// The cookie is not the right one.
    CookieRejected {
        /// What it was to open.
        protocol: Protocol,
    },
    /// The peer wants to speak another protocol than XSMP.
    UnknownProtocol {
        /// Its name, cut to what can be shown.
        name: String,
    },
    /// XSMP is set up already.
    ProtocolDuplicate,
    /// The major opcode is taken.
    MajorOpcodeDuplicate {
        /// The opcode.
        major: u8,
    },
    /// The peer ended the connection or the protocol with an error message.
    Refused(PeerError),
    /// The peer went on making errors.
    TooManyErrors {
        /// How many are borne.
        limit: u32,
        /// The one that was too many.
        last: Box<Error>,
    },
    /// The peer does not read what it is sent.
    OutputFull {
        /// The most that is kept for it, in bytes.
        limit: usize,
    },
    /// The peer sends more at once than is kept.
    TooManyEvents {
        /// The most that is kept.
        limit: usize,
    },
}

/// An error message that the peer sent about one of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerError {
    /// Our message.
    pub opcode: Opcode,
    /// Its number among all that we sent, from 1.
    pub sequence: u32,
    /// What was wrong with it.
    pub class: ErrorClass,
    /// What becomes of the connection.
    pub severity: Severity,
    /// What the class adds, as it came, cut to 256 bytes: a string, or offset, length and value.
    pub values: Vec<u8>,
}

/// A command that has no place in the present state. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongState {
    /// The message that was to be sent.
    pub command: &'static str,
    /// The state.
    pub state: &'static str,
}

impl Error {
    /// The class under which the peer is told; `None` where there is nothing to tell.
    pub(crate) fn class(&self) -> Option<ErrorClass> {
        Some(match self {
            Self::TooLong { .. } | Self::BadLength { .. } => ErrorClass::BadLength,
            Self::BadValue { .. } | Self::TooMuch { .. } => ErrorClass::BadValue,
            Self::BadState { .. } => ErrorClass::BadState,
            Self::BadMinor { .. } => ErrorClass::BadMinor,
            Self::BadMajor { .. } => ErrorClass::BadMajor,
            Self::NoVersion { .. } => ErrorClass::NoVersion,
            Self::NoAuthentication { .. } => ErrorClass::NoAuthentication,
            Self::CookieRejected { .. } => ErrorClass::AuthenticationRejected,
            Self::UnknownProtocol { .. } => ErrorClass::UnknownProtocol,
            Self::ProtocolDuplicate => ErrorClass::ProtocolDuplicate,
            Self::MajorOpcodeDuplicate { .. } => ErrorClass::MajorOpcodeDuplicate,
            Self::TooManyErrors { last, .. } => return last.class(),
            Self::Refused(_) | Self::OutputFull { .. } | Self::TooManyEvents { .. } => {
                return None;
            }
        })
    }

    /// The message that it is about, where it is about one.
    #[must_use]
    pub fn opcode(&self) -> Option<Opcode> {
        use crate::opcode::ice;
        Some(match self {
            Self::TooLong { opcode, .. }
            | Self::BadLength { opcode, .. }
            | Self::BadValue { opcode, .. }
            | Self::TooMuch { opcode, .. }
            | Self::BadState { opcode, .. }
            | Self::BadMinor { opcode }
            | Self::BadMajor { opcode }
            | Self::NoVersion { opcode }
            | Self::NoAuthentication { opcode } => *opcode,
            Self::CookieRejected { .. } => Opcode::ice(ice::AUTH_REPLY),
            Self::UnknownProtocol { .. }
            | Self::ProtocolDuplicate
            | Self::MajorOpcodeDuplicate { .. } => Opcode::ice(ice::PROTOCOL_SETUP),
            Self::TooManyErrors { last, .. } => return last.opcode(),
            Self::Refused(of) => of.opcode,
            Self::OutputFull { .. } | Self::TooManyEvents { .. } => return None,
        })
    }

    /// Whether the connection cannot go on after it, in any state. Where the peer's idea of what a
    /// message holds is not ours, nothing that follows means what it seems to (ice.xml, "Message
    /// Format": "a serious protocol failure").
    pub(crate) fn is_fatal(&self) -> bool {
        !matches!(
            self,
            Self::BadValue { .. }
                | Self::TooMuch { .. }
                | Self::BadState { .. }
                | Self::BadMinor { .. }
                | Self::BadMajor { .. }
                | Self::UnknownProtocol { .. }
                | Self::ProtocolDuplicate
                | Self::MajorOpcodeDuplicate { .. }
        )
    }

    /// What the message about it says. The documents fix most of it, also where the connection
    /// goes on: what is fatal to a protocol that was not set up harms no other.
    pub(crate) fn severity(&self, fatal: bool) -> Severity {
        match self {
            Self::CookieRejected { .. }
            | Self::UnknownProtocol { .. }
            | Self::ProtocolDuplicate
            | Self::MajorOpcodeDuplicate { .. } => Severity::FatalToProtocol,
            Self::TooManyErrors { .. } => Severity::FatalToConnection,
            _ if !fatal => Severity::CanContinue,
            _ => match self.opcode() {
                Some(opcode) if opcode.protocol == Protocol::Xsmp => Severity::FatalToProtocol,
                _ => Severity::FatalToConnection,
            },
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { opcode, limit, got } => write!(
                f,
                "{opcode}: the message claims {got} bytes, of which at most {limit} are taken"
            ),
            Self::BadLength {
                opcode,
                field,
                expected,
                got,
            } => write!(
                f,
                "{opcode}: {field} needs {expected} bytes, the message has {got}"
            ),
            Self::BadValue {
                opcode,
                field,
                expected,
                got,
                ..
            } => write!(f, "{opcode}: {field} is {got:?}, expected {expected}"),
            Self::TooMuch {
                opcode,
                field,
                limit,
                got,
            } => write!(f, "{opcode}: {field}: {got}, at most {limit} are taken"),
            Self::BadState { opcode, state } => {
                write!(f, "{opcode} has no place in state {state}")
            }
            Self::BadMinor { opcode } => write!(f, "{opcode} is not sent to this side"),
            Self::BadMajor { opcode } => {
                write!(f, "{opcode}: that protocol was not set up")
            }
            Self::NoVersion { opcode } => {
                write!(
                    f,
                    "{opcode} offers no version that is spoken here, which is 1.0"
                )
            }
            Self::NoAuthentication { opcode } => {
                write!(f, "{opcode} does not offer {}", crate::cookie::AUTH_NAME)
            }
            Self::CookieRejected { protocol } => {
                write!(f, "the cookie for {protocol} is not the right one")
            }
            Self::UnknownProtocol { name } => {
                write!(f, "expected the protocol XSMP, got {name:?}")
            }
            Self::ProtocolDuplicate => f.write_str("XSMP is set up already"),
            Self::MajorOpcodeDuplicate { major } => {
                write!(f, "major opcode {major} is taken")
            }
            Self::Refused(error) => write!(f, "the peer ended it: {error}"),
            Self::TooManyErrors { limit, last } => {
                write!(f, "more than {limit} errors, the last: {last}")
            }
            Self::OutputFull { limit } => {
                write!(f, "the peer left {limit} bytes unread")
            }
            Self::TooManyEvents { limit } => {
                write!(f, "the peer sent more than {limit} messages at once")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::TooManyErrors { last, .. } => Some(last),
            Self::Refused(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = match self.severity {
            Severity::CanContinue => "",
            Severity::FatalToProtocol => ", fatal to the protocol",
            Severity::FatalToConnection => ", fatal to the connection",
        };
        write!(
            f,
            "{} about {}, our message {}{end}",
            self.class, self.opcode, self.sequence
        )
    }
}

impl std::error::Error for PeerError {}

impl fmt::Display for WrongState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be sent in state {}", self.command, self.state)
    }
}

impl std::error::Error for WrongState {}

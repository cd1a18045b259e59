//! What messages are called: protocols, opcodes and their names.

use std::fmt;

/// Whose message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// ICE itself, major opcode 0.
    Ice,
    /// XSMP, under the major opcode that its sender announced.
    Xsmp,
    /// A major opcode that was never set up.
    Unknown(u8),
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ice => f.write_str("ICE"),
            Self::Xsmp => f.write_str("XSMP"),
            Self::Unknown(major) => write!(f, "protocol {major}"),
        }
    }
}

/// A kind of message: protocol and minor opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Opcode {
    /// Whose.
    pub protocol: Protocol,
    /// Which of its messages.
    pub minor: u8,
}

/// Minor opcode 0 of every protocol.
pub(crate) const ERROR: u8 = 0;

/// Minor opcodes of ICE (ice.xml, "ICE Minor opcodes").
pub(crate) mod ice {
    pub(crate) const BYTE_ORDER: u8 = 1;
    pub(crate) const CONNECTION_SETUP: u8 = 2;
    pub(crate) const AUTH_REQUIRED: u8 = 3;
    pub(crate) const AUTH_REPLY: u8 = 4;
    pub(crate) const AUTH_NEXT_PHASE: u8 = 5;
    pub(crate) const CONNECTION_REPLY: u8 = 6;
    pub(crate) const PROTOCOL_SETUP: u8 = 7;
    pub(crate) const PROTOCOL_REPLY: u8 = 8;
    pub(crate) const PING: u8 = 9;
    pub(crate) const PING_REPLY: u8 = 10;
    pub(crate) const WANT_TO_CLOSE: u8 = 11;
    pub(crate) const NO_CLOSE: u8 = 12;
}

/// Minor opcodes of XSMP (xsmp.xml, "Messages").
pub(crate) mod xsmp {
    pub(crate) const REGISTER_CLIENT: u8 = 1;
    pub(crate) const REGISTER_CLIENT_REPLY: u8 = 2;
    pub(crate) const SAVE_YOURSELF: u8 = 3;
    pub(crate) const SAVE_YOURSELF_REQUEST: u8 = 4;
    pub(crate) const INTERACT_REQUEST: u8 = 5;
    pub(crate) const INTERACT: u8 = 6;
    pub(crate) const INTERACT_DONE: u8 = 7;
    pub(crate) const SAVE_YOURSELF_DONE: u8 = 8;
    pub(crate) const DIE: u8 = 9;
    pub(crate) const SHUTDOWN_CANCELLED: u8 = 10;
    pub(crate) const CLOSE_CONNECTION: u8 = 11;
    pub(crate) const SET_PROPERTIES: u8 = 12;
    pub(crate) const DELETE_PROPERTIES: u8 = 13;
    pub(crate) const GET_PROPERTIES: u8 = 14;
    pub(crate) const GET_PROPERTIES_REPLY: u8 = 15;
    pub(crate) const SAVE_YOURSELF_PHASE2_REQUEST: u8 = 16;
    pub(crate) const SAVE_YOURSELF_PHASE2: u8 = 17;
    pub(crate) const SAVE_COMPLETE: u8 = 18;
}

const ICE_NAMES: [&str; 13] = [
    "Error",
    "ByteOrder",
    "ConnectionSetup",
    "AuthenticationRequired",
    "AuthenticationReply",
    "AuthenticationNextPhase",
    "ConnectionReply",
    "ProtocolSetup",
    "ProtocolReply",
    "Ping",
    "PingReply",
    "WantToClose",
    "NoClose",
];

const XSMP_NAMES: [&str; 19] = [
    "Error",
    "RegisterClient",
    "RegisterClientReply",
    "SaveYourself",
    "SaveYourselfRequest",
    "InteractRequest",
    "Interact",
    "InteractDone",
    "SaveYourselfDone",
    "Die",
    "ShutdownCancelled",
    "CloseConnection",
    "SetProperties",
    "DeleteProperties",
    "GetProperties",
    "GetPropertiesReply",
    "SaveYourselfPhase2Request",
    "SaveYourselfPhase2",
    "SaveComplete",
];

impl Opcode {
    pub(crate) const fn ice(minor: u8) -> Self {
        Self {
            protocol: Protocol::Ice,
            minor,
        }
    }

    pub(crate) const fn xsmp(minor: u8) -> Self {
        Self {
            protocol: Protocol::Xsmp,
            minor,
        }
    }

    /// The message's name in the protocol's document; `None` where it has none of that number.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        let names: &[&str] = match self.protocol {
            Protocol::Ice => &ICE_NAMES,
            Protocol::Xsmp => &XSMP_NAMES,
            Protocol::Unknown(_) => &[],
        };
        names.get(usize::from(self.minor)).copied()
    }
}

impl fmt::Display for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} {name} ({})", self.protocol, self.minor),
            None => write!(f, "{} message {}", self.protocol, self.minor),
        }
    }
}

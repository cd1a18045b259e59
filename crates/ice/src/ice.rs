//! The messages of ICE (ice.xml, "Message Encoding").

use crate::error::{Error, PeerError};
use crate::opcode::{ERROR, Opcode, Protocol, ice};
use crate::values::{ErrorClass, Severity};
use crate::wire::{ByteOrder, HEADER, Reader, Writer};

/// The version of ICE, and of XSMP, that is spoken here.
pub(crate) const VERSION: (u16, u16) = (1, 0);

/// What is kept of the values of an error message.
const MAX_ERROR_VALUES: usize = 256;

/// A message that one side sends about a connection, a protocol or the other side's messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Error(PeerError),
    ByteOrder(ByteOrder),
    ConnectionSetup {
        must_authenticate: bool,
        vendor: Vec<u8>,
        release: Vec<u8>,
        auth_names: Vec<Vec<u8>>,
        versions: Vec<(u16, u16)>,
    },
    AuthRequired {
        index: u8,
        data: Vec<u8>,
    },
    AuthReply {
        data: Vec<u8>,
    },
    AuthNextPhase {
        data: Vec<u8>,
    },
    ConnectionReply {
        version_index: u8,
        vendor: Vec<u8>,
        release: Vec<u8>,
    },
    ProtocolSetup {
        major: u8,
        must_authenticate: bool,
        name: Vec<u8>,
        vendor: Vec<u8>,
        release: Vec<u8>,
        auth_names: Vec<Vec<u8>>,
        versions: Vec<(u16, u16)>,
    },
    ProtocolReply {
        major: u8,
        version_index: u8,
        vendor: Vec<u8>,
        release: Vec<u8>,
    },
    Ping,
    PingReply,
    WantToClose,
    NoClose,
}

impl Message {
    /// The message of a frame whose major opcode is 0.
    pub(crate) fn decode(order: ByteOrder, message: &[u8]) -> Result<Self, Error> {
        let minor = message[1];
        let opcode = Opcode::ice(minor);
        let mut from = Reader::new(opcode, order, message);
        let from = &mut from;
        let decoded = match minor {
            ERROR => return decode_error(Protocol::Ice, order, message).map(Self::Error),
            ice::BYTE_ORDER => Self::ByteOrder(
                ByteOrder::from_wire(message[2])
                    .ok_or_else(|| bad_byte(opcode, "byte-order", message, 2, "0 or 1"))?,
            ),
            ice::CONNECTION_SETUP => {
                from.bytes("fields", 8)?;
                let must_authenticate = boolean(opcode, "must-authenticate", message, 8)?;
                Self::ConnectionSetup {
                    must_authenticate,
                    vendor: from.string("vendor")?.to_vec(),
                    release: from.string("release")?.to_vec(),
                    auth_names: strings(from, message[3])?,
                    versions: versions(from, message[2])?,
                }
            }
            ice::AUTH_REQUIRED => Self::AuthRequired {
                index: message[2],
                data: auth_data(from)?,
            },
            ice::AUTH_REPLY => Self::AuthReply {
                data: auth_data(from)?,
            },
            ice::AUTH_NEXT_PHASE => Self::AuthNextPhase {
                data: auth_data(from)?,
            },
            ice::CONNECTION_REPLY => Self::ConnectionReply {
                version_index: message[2],
                vendor: from.string("vendor")?.to_vec(),
                release: from.string("release")?.to_vec(),
            },
            ice::PROTOCOL_SETUP => {
                let must_authenticate = boolean(opcode, "must-authenticate", message, 3)?;
                let fields = from.bytes("fields", 8)?;
                let (version_count, auth_count) = (fields[0], fields[1]);
                Self::ProtocolSetup {
                    major: message[2],
                    must_authenticate,
                    name: from.string("protocol-name")?.to_vec(),
                    vendor: from.string("vendor")?.to_vec(),
                    release: from.string("release")?.to_vec(),
                    auth_names: strings(from, auth_count)?,
                    versions: versions(from, version_count)?,
                }
            }
            ice::PROTOCOL_REPLY => Self::ProtocolReply {
                version_index: message[2],
                major: message[3],
                vendor: from.string("vendor")?.to_vec(),
                release: from.string("release")?.to_vec(),
            },
            ice::PING => Self::Ping,
            ice::PING_REPLY => Self::PingReply,
            ice::WANT_TO_CLOSE => Self::WantToClose,
            ice::NO_CLOSE => Self::NoClose,
            _ => return Err(Error::BadMinor { opcode }),
        };
        from.finish()?;
        Ok(decoded)
    }

    /// Its minor opcode.
    pub(crate) fn minor(&self) -> u8 {
        match self {
            Self::Error(_) => ERROR,
            Self::ByteOrder(_) => ice::BYTE_ORDER,
            Self::ConnectionSetup { .. } => ice::CONNECTION_SETUP,
            Self::AuthRequired { .. } => ice::AUTH_REQUIRED,
            Self::AuthReply { .. } => ice::AUTH_REPLY,
            Self::AuthNextPhase { .. } => ice::AUTH_NEXT_PHASE,
            Self::ConnectionReply { .. } => ice::CONNECTION_REPLY,
            Self::ProtocolSetup { .. } => ice::PROTOCOL_SETUP,
            Self::ProtocolReply { .. } => ice::PROTOCOL_REPLY,
            Self::Ping => ice::PING,
            Self::PingReply => ice::PING_REPLY,
            Self::WantToClose => ice::WANT_TO_CLOSE,
            Self::NoClose => ice::NO_CLOSE,
        }
    }

    /// The message as it is sent. An error is sent by [`encode_error`] alone.
    pub(crate) fn encode(&self, order: ByteOrder) -> Vec<u8> {
        let message = |minor, data| Writer::new(order, 0, minor, data);
        match self {
            Self::Error(error) => encode_error(order, 0, error),
            Self::ByteOrder(of) => message(ice::BYTE_ORDER, [of.to_wire(), 0]).finish(),
            Self::ConnectionSetup {
                must_authenticate,
                vendor,
                release,
                auth_names,
                versions,
            } => {
                let counts = [count(versions.len()), count(auth_names.len())];
                let mut to = message(ice::CONNECTION_SETUP, counts);
                to.u8(u8::from(*must_authenticate)).zeros(7);
                to.string(vendor).string(release);
                write_offer(&mut to, auth_names, versions);
                to.finish()
            }
            Self::AuthRequired { index, data } => {
                write_auth(message(ice::AUTH_REQUIRED, [*index, 0]), data)
            }
            Self::AuthReply { data } => write_auth(message(ice::AUTH_REPLY, [0, 0]), data),
            Self::AuthNextPhase { data } => write_auth(message(ice::AUTH_NEXT_PHASE, [0, 0]), data),
            Self::ConnectionReply {
                version_index,
                vendor,
                release,
            } => message(ice::CONNECTION_REPLY, [*version_index, 0])
                .string(vendor)
                .string(release)
                .finish(),
            Self::ProtocolSetup {
                major,
                must_authenticate,
                name,
                vendor,
                release,
                auth_names,
                versions,
            } => {
                let must = u8::from(*must_authenticate);
                let mut to = message(ice::PROTOCOL_SETUP, [*major, must]);
                to.u8(count(versions.len())).u8(count(auth_names.len()));
                to.zeros(6).string(name).string(vendor).string(release);
                write_offer(&mut to, auth_names, versions);
                to.finish()
            }
            Self::ProtocolReply {
                major,
                version_index,
                vendor,
                release,
            } => message(ice::PROTOCOL_REPLY, [*version_index, *major])
                .string(vendor)
                .string(release)
                .finish(),
            Self::Ping => message(ice::PING, [0, 0]).finish(),
            Self::PingReply => message(ice::PING_REPLY, [0, 0]).finish(),
            Self::WantToClose => message(ice::WANT_TO_CLOSE, [0, 0]).finish(),
            Self::NoClose => message(ice::NO_CLOSE, [0, 0]).finish(),
        }
    }
}

/// The error message of a frame with minor opcode 0, of whichever protocol.
pub(crate) fn decode_error(
    protocol: Protocol,
    order: ByteOrder,
    message: &[u8],
) -> Result<PeerError, Error> {
    let opcode = Opcode {
        protocol,
        minor: ERROR,
    };
    let class = order.u16([message[2], message[3]]);
    let mut from = Reader::new(opcode, order, message);
    let minor = from.u8("offending-minor-opcode")?;
    let severity = from.u8("severity")?;
    from.bytes("unused", 2)?;
    let sequence = from.u32("sequence-number")?;
    let values = &message[from.at()..];
    Ok(PeerError {
        opcode: Opcode { protocol, minor },
        sequence,
        class: ErrorClass::from_wire(class),
        severity: Severity::from_wire(severity)
            .ok_or_else(|| bad_byte(opcode, "severity", message, 9, "0, 1 or 2"))?,
        values: values[..values.len().min(MAX_ERROR_VALUES)].to_vec(),
    })
}

/// An error message about the peer's message, under the major opcode that we send with.
pub(crate) fn encode_error(order: ByteOrder, major: u8, error: &PeerError) -> Vec<u8> {
    let mut to = Writer::new(order, major, ERROR, [0, 0]);
    to.u8(error.opcode.minor).u8(error.severity.to_wire());
    to.zeros(2).u32(error.sequence).raw(&error.values);
    let mut message = to.finish();
    // The class stands in the header, as a number of 16 bits.
    let class = Writer::new(order, 0, 0, [0, 0])
        .u16(error.class.to_wire())
        .finish();
    message[2..4].copy_from_slice(&class[HEADER..HEADER + 2]);
    message
}

/// A `BadValue` about one byte.
pub(crate) fn bad_byte(
    opcode: Opcode,
    field: &'static str,
    message: &[u8],
    offset: usize,
    expected: &'static str,
) -> Error {
    Error::BadValue {
        opcode,
        field,
        offset,
        expected,
        got: message[offset..=offset].to_vec(),
    }
}

/// A `BOOL`.
pub(crate) fn boolean(
    opcode: Opcode,
    field: &'static str,
    message: &[u8],
    offset: usize,
) -> Result<bool, Error> {
    match message[offset] {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(bad_byte(opcode, field, message, offset, "0 or 1")),
    }
}

fn strings(from: &mut Reader<'_>, count: u8) -> Result<Vec<Vec<u8>>, Error> {
    (0..count)
        .map(|_| Ok(from.string("authentication-protocol-names")?.to_vec()))
        .collect()
}

fn versions(from: &mut Reader<'_>, count: u8) -> Result<Vec<(u16, u16)>, Error> {
    (0..count)
        .map(|_| Ok((from.u16("version-list")?, from.u16("version-list")?)))
        .collect()
}

fn auth_data(from: &mut Reader<'_>) -> Result<Vec<u8>, Error> {
    let len = from.u16("length of authentication data")?;
    from.bytes("unused", 6)?;
    Ok(from.bytes("data", usize::from(len))?.to_vec())
}

fn write_auth(mut to: Writer, data: &[u8]) -> Vec<u8> {
    let data = &data[..data.len().min(usize::from(u16::MAX))];
    to.u16(u16::try_from(data.len()).unwrap_or(u16::MAX));
    to.zeros(6).raw(data).finish()
}

fn write_offer(to: &mut Writer, auth_names: &[Vec<u8>], versions: &[(u16, u16)]) {
    for name in auth_names.iter().take(255) {
        to.string(name);
    }
    for (major, minor) in versions.iter().take(255) {
        to.u16(*major).u16(*minor);
    }
}

fn count(of: usize) -> u8 {
    u8::try_from(of).unwrap_or(u8::MAX)
}

#[cfg(test)]
pub(crate) mod tests;

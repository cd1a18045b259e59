//! The messages of XSMP (xsmp.xml, "Messages").

use crate::error::{Error, PeerError};
use crate::ice::{bad_byte, boolean, decode_error, encode_error};
use crate::opcode::{ERROR, Opcode, Protocol, xsmp};
use crate::property::{self, Property};
use crate::values::{DialogKind, InteractStyle, SaveKind, SaveYourself};
use crate::wire::{ByteOrder, Reader, Writer, shown};

/// The most lines of a client's last words that are kept, and the bytes of each. They are shown to
/// the user.
pub const MAX_REASONS: usize = 32;
/// See [`MAX_REASONS`].
pub const MAX_REASON: usize = 1024;

/// A message between a client and the session manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Error(PeerError),
    RegisterClient { previous: Vec<u8> },
    RegisterClientReply { id: Vec<u8> },
    SaveYourself(SaveYourself),
    SaveYourselfRequest { save: SaveYourself, global: bool },
    InteractRequest(DialogKind),
    Interact,
    InteractDone { cancel: bool },
    SaveYourselfDone { success: bool },
    Die,
    ShutdownCancelled,
    CloseConnection { reasons: Vec<String> },
    SetProperties(Vec<Property>),
    DeleteProperties(Vec<Vec<u8>>),
    GetProperties,
    GetPropertiesReply(Vec<Property>),
    Phase2Request,
    Phase2,
    SaveComplete,
}

impl Message {
    /// The message of a frame with the peer's major opcode for XSMP.
    pub(crate) fn decode(order: ByteOrder, message: &[u8]) -> Result<Self, Error> {
        let minor = message[1];
        let opcode = Opcode::xsmp(minor);
        let mut from = Reader::new(opcode, order, message);
        let from = &mut from;
        let decoded = match minor {
            ERROR => return decode_error(Protocol::Xsmp, order, message).map(Self::Error),
            xsmp::REGISTER_CLIENT => Self::RegisterClient {
                previous: from.array8("previous-ID")?.to_vec(),
            },
            xsmp::REGISTER_CLIENT_REPLY => Self::RegisterClientReply {
                id: from.array8("client-ID")?.to_vec(),
            },
            xsmp::SAVE_YOURSELF => {
                let fields = from.bytes("fields", 8)?;
                from.finish()?;
                Self::SaveYourself(save(opcode, message, fields)?)
            }
            xsmp::SAVE_YOURSELF_REQUEST => {
                let fields = from.bytes("fields", 8)?;
                from.finish()?;
                Self::SaveYourselfRequest {
                    save: save(opcode, message, fields)?,
                    global: boolean(opcode, "global", message, 12)?,
                }
            }
            xsmp::INTERACT_REQUEST => {
                from.finish()?;
                Self::InteractRequest(
                    DialogKind::from_wire(message[2])
                        .ok_or_else(|| bad_byte(opcode, "dialog-type", message, 2, "0 or 1"))?,
                )
            }
            xsmp::INTERACT => Self::Interact,
            xsmp::INTERACT_DONE => {
                from.finish()?;
                Self::InteractDone {
                    cancel: boolean(opcode, "cancel-shutdown", message, 2)?,
                }
            }
            xsmp::SAVE_YOURSELF_DONE => {
                from.finish()?;
                Self::SaveYourselfDone {
                    success: boolean(opcode, "success", message, 2)?,
                }
            }
            xsmp::DIE => Self::Die,
            xsmp::SHUTDOWN_CANCELLED => Self::ShutdownCancelled,
            xsmp::CLOSE_CONNECTION => Self::CloseConnection {
                reasons: read_reasons(from)?,
            },
            xsmp::SET_PROPERTIES => Self::SetProperties(property::read_list(from)?),
            xsmp::DELETE_PROPERTIES => Self::DeleteProperties(property::read_names(from)?),
            xsmp::GET_PROPERTIES => Self::GetProperties,
            xsmp::GET_PROPERTIES_REPLY => Self::GetPropertiesReply(property::read_list(from)?),
            xsmp::SAVE_YOURSELF_PHASE2_REQUEST => Self::Phase2Request,
            xsmp::SAVE_YOURSELF_PHASE2 => Self::Phase2,
            xsmp::SAVE_COMPLETE => Self::SaveComplete,
            _ => return Err(Error::BadMinor { opcode }),
        };
        from.finish()?;
        Ok(decoded)
    }

    /// The message as it is sent, under the major opcode that we announced.
    pub(crate) fn encode(&self, order: ByteOrder, major: u8) -> Vec<u8> {
        let message = |minor, data| Writer::new(order, major, minor, [data, 0]);
        match self {
            Self::Error(error) => encode_error(order, major, error),
            Self::RegisterClient { previous } => {
                message(xsmp::REGISTER_CLIENT, 0).array8(previous).finish()
            }
            Self::RegisterClientReply { id } => {
                message(xsmp::REGISTER_CLIENT_REPLY, 0).array8(id).finish()
            }
            Self::SaveYourself(save) => message(xsmp::SAVE_YOURSELF, 0)
                .raw(&save_bytes(save))
                .zeros(4)
                .finish(),
            Self::SaveYourselfRequest { save, global } => message(xsmp::SAVE_YOURSELF_REQUEST, 0)
                .raw(&save_bytes(save))
                .u8(u8::from(*global))
                .zeros(3)
                .finish(),
            Self::InteractRequest(kind) => message(xsmp::INTERACT_REQUEST, kind.to_wire()).finish(),
            Self::Interact => message(xsmp::INTERACT, 0).finish(),
            Self::InteractDone { cancel } => {
                message(xsmp::INTERACT_DONE, u8::from(*cancel)).finish()
            }
            Self::SaveYourselfDone { success } => {
                message(xsmp::SAVE_YOURSELF_DONE, u8::from(*success)).finish()
            }
            Self::Die => message(xsmp::DIE, 0).finish(),
            Self::ShutdownCancelled => message(xsmp::SHUTDOWN_CANCELLED, 0).finish(),
            Self::CloseConnection { reasons } => {
                let mut to = message(xsmp::CLOSE_CONNECTION, 0);
                let reasons = &reasons[..reasons.len().min(MAX_REASONS)];
                to.count(reasons.len());
                for reason in reasons {
                    let bytes = reason.as_bytes();
                    to.array8(&bytes[..bytes.len().min(MAX_REASON)]);
                }
                to.finish()
            }
            Self::SetProperties(properties) => {
                properties_message(message(xsmp::SET_PROPERTIES, 0), properties.iter())
            }
            Self::DeleteProperties(names) => {
                let mut to = message(xsmp::DELETE_PROPERTIES, 0);
                to.count(names.len());
                for name in names {
                    to.array8(name);
                }
                to.finish()
            }
            Self::GetProperties => message(xsmp::GET_PROPERTIES, 0).finish(),
            Self::GetPropertiesReply(properties) => {
                properties_message(message(xsmp::GET_PROPERTIES_REPLY, 0), properties.iter())
            }
            Self::Phase2Request => message(xsmp::SAVE_YOURSELF_PHASE2_REQUEST, 0).finish(),
            Self::Phase2 => message(xsmp::SAVE_YOURSELF_PHASE2, 0).finish(),
            Self::SaveComplete => message(xsmp::SAVE_COMPLETE, 0).finish(),
        }
    }
}

/// `GetPropertiesReply` without a copy of the properties.
pub(crate) fn encode_properties<'a>(
    order: ByteOrder,
    major: u8,
    properties: impl ExactSizeIterator<Item = &'a Property>,
) -> Vec<u8> {
    let to = Writer::new(order, major, xsmp::GET_PROPERTIES_REPLY, [0, 0]);
    properties_message(to, properties)
}

fn properties_message<'a>(
    mut to: Writer,
    properties: impl ExactSizeIterator<Item = &'a Property>,
) -> Vec<u8> {
    property::write_list(&mut to, properties);
    to.finish()
}

fn save_bytes(save: &SaveYourself) -> [u8; 4] {
    [
        save.kind.to_wire(),
        u8::from(save.shutdown),
        save.interact.to_wire(),
        u8::from(save.fast),
    ]
}

fn save(opcode: Opcode, message: &[u8], fields: &[u8]) -> Result<SaveYourself, Error> {
    let bad = |field, offset| bad_byte(opcode, field, message, offset, "0, 1 or 2");
    Ok(SaveYourself {
        kind: SaveKind::from_wire(fields[0]).ok_or_else(|| bad("type", 8))?,
        shutdown: boolean(opcode, "shutdown", message, 9)?,
        interact: InteractStyle::from_wire(fields[2]).ok_or_else(|| bad("interact-style", 10))?,
        fast: boolean(opcode, "fast", message, 11)?,
    })
}

/// The client leaves whatever we think of its words: what is too much of them is left out.
fn read_reasons(from: &mut Reader<'_>) -> Result<Vec<String>, Error> {
    let count = from.count("number of reasons", 8)?;
    let mut reasons = Vec::new();
    for at in 0..count {
        let reason = from.array8("reason")?;
        if at < MAX_REASONS {
            reasons.push(shown(reason, MAX_REASON));
        }
    }
    Ok(reasons)
}

#[cfg(test)]
mod tests;

//! The few messages of the Wayland protocol with which a compositor is greeted, and with which
//! river is told to exit (wayland.xml: wl_display, wl_registry, wl_callback).
//!
//! May touch one Wayland socket. `wayland-client` is not used here: it does not tell who answers.

use std::path::Path;

use crate::adapter::link::Writer;
use crate::adapter::talk::{Talk, TalkError};

/// The object that every connection begins with.
const DISPLAY: u32 = 1;

/// More globals than any compositor has; one that goes on telling of new ones is none.
const MAX_GLOBALS: usize = 1024;

/// A global of a compositor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Global {
    pub(super) name: u32,
    pub(super) interface: String,
}

/// An event: its object, its number in the interface, and its arguments as bytes.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) object: u32,
    pub(super) opcode: u16,
    pub(super) body: Vec<u8>,
}

/// A connection to a compositor.
#[derive(Debug)]
pub(super) struct Wire {
    talk: Talk,
    last: u32,
}

impl Wire {
    pub(super) async fn connect(socket: &Path) -> Result<Self, TalkError> {
        let talk = Talk::with("the compositor", socket).await?;
        Ok(Self {
            talk,
            last: DISPLAY,
        })
    }

    /// A number for a new object. Those of objects that have gone are not used again.
    pub(super) fn new_id(&mut self) -> u32 {
        self.last += 1;
        self.last
    }

    /// Queues a request.
    pub(super) fn request(&mut self, object: u32, opcode: u16, body: &[u8]) {
        // Only our own short requests are framed, so that the length fits.
        let length = (8 + body.len()) as u32;
        let head = [object, length << 16 | u32::from(opcode)];
        self.talk.say(&[words(&head), body.to_vec()].concat());
    }

    /// The next event. An error of the protocol ends the connection.
    pub(super) async fn event(&mut self) -> Result<Event, TalkError> {
        let message = self.talk.hear(message_length).await?;
        let word = |at: usize| word(&message, at).unwrap_or_default();
        let (object, opcode) = (word(0), (word(4) & 0xffff) as u16);
        let body = message[8..].to_vec();
        if (object, opcode) == (DISPLAY, 0) {
            let why = string(&body, 8).map_or_else(String::new, |(why, _)| why);
            return Err(self.talk.refused(why));
        }
        Ok(Event {
            object,
            opcode,
            body,
        })
    }

    /// Waits until the compositor has answered everything that was requested so far.
    pub(super) async fn sync(&mut self, mut meanwhile: impl FnMut(Event)) -> Result<(), TalkError> {
        let callback = self.new_id();
        self.request(DISPLAY, 0, &words(&[callback]));
        loop {
            let event = self.event().await?;
            if event.object == callback {
                return Ok(());
            }
            meanwhile(event);
        }
    }

    /// The registry's object, and the globals that there are now.
    pub(super) async fn globals(&mut self) -> Result<(u32, Vec<Global>), TalkError> {
        let registry = self.new_id();
        self.request(DISPLAY, 1, &words(&[registry]));
        let mut globals = Vec::new();
        let mut garbled = false;
        self.sync(|event| {
            if (event.object, event.opcode) == (registry, 0) {
                let name = word(&event.body, 0);
                match name.zip(string(&event.body, 4)) {
                    Some((name, (interface, _))) if globals.len() < MAX_GLOBALS => {
                        globals.push(Global { name, interface });
                    }
                    _ => garbled = true,
                }
            }
        })
        .await?;
        if garbled {
            return Err(self.malformed("a list of globals that is none"));
        }
        Ok((registry, globals))
    }

    /// Binds a global in its first version, and gives its new object.
    pub(super) fn bind(&mut self, registry: u32, global: &Global) -> u32 {
        let id = self.new_id();
        let parts = [
            words(&[global.name]),
            text(&global.interface),
            words(&[1, id]),
        ];
        self.request(registry, 0, &parts.concat());
        id
    }

    pub(super) fn writer(&self) -> Option<Writer> {
        self.talk.writer()
    }

    pub(super) fn malformed(&self, why: &str) -> TalkError {
        self.talk.malformed(why.to_owned())
    }

    pub(super) fn refused(&self, why: String) -> TalkError {
        self.talk.refused(why)
    }

    pub(super) fn stranger(&self) -> TalkError {
        self.talk.stranger()
    }
}

fn message_length(input: &[u8]) -> Result<Option<usize>, String> {
    let Some(head) = word(input, 4) else {
        return Ok(None);
    };
    let length = (head >> 16) as usize;
    if length < 8 || !length.is_multiple_of(4) {
        return Err(format!("a message of {length} bytes"));
    }
    Ok(Some(length))
}

/// Numbers as they stand in a message.
pub(super) fn words(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_ne_bytes()).collect()
}

/// A string as it stands in a message: its length with the zero byte, its bytes, and padding.
pub(super) fn text(text: &str) -> Vec<u8> {
    let length = text.len() + 1;
    let mut bytes = words(&[length as u32]);
    bytes.extend_from_slice(text.as_bytes());
    bytes.resize(4 + length.next_multiple_of(4), 0);
    bytes
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_ne_bytes(*word))
}

/// The string at this place, and what comes after it.
pub(super) fn string(bytes: &[u8], at: usize) -> Option<(String, usize)> {
    let length = word(bytes, at)? as usize;
    let begin = at + 4;
    let end = begin.checked_add(length.checked_sub(1)?)?;
    let text = String::from_utf8_lossy(bytes.get(begin..end)?).into_owned();
    Some((text, begin + length.next_multiple_of(4)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_goes_there_and_back() {
        for (case, length) in [("", 8), ("abc", 8), ("abcd", 12)] {
            let bytes = text(case);
            assert_eq!(bytes.len(), length, "{case:?}");
            assert_eq!(string(&bytes, 0), Some((case.to_owned(), length)));
        }
    }

    #[test]
    fn a_string_that_is_cut_off_is_none() {
        let bytes = text("abcd");
        assert_eq!(string(&bytes[..6], 0), None);
        assert_eq!(string(&words(&[0]), 0), None);
        assert_eq!(string(&words(&[u32::MAX]), 0), None);
        assert_eq!(string(&[], 0), None);
    }

    #[test]
    fn a_message_is_measured_by_its_header() {
        assert_eq!(message_length(&words(&[2])), Ok(None));
        assert_eq!(message_length(&words(&[2, 12 << 16])), Ok(Some(12)));
        assert!(message_length(&words(&[2, 7 << 16])).is_err());
        assert!(message_length(&words(&[2, 10 << 16])).is_err());
    }
}

//! Reads a list of operations off any bytes.

use endsession_ice::{ByteOrder, DialogKind, InteractStyle, SaveKind, SaveYourself};

use super::pair::wire;
use endsession_ice::Wire;

/// The bytes that are left.
pub(crate) struct Ops<'a>(pub(crate) &'a [u8]);

impl<'a> Ops<'a> {
    /// The next byte; 0 when there is none.
    pub(crate) fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    /// Whether there is more.
    pub(crate) fn more(&self) -> bool {
        !self.0.is_empty()
    }

    /// The next bytes, at most so many.
    pub(crate) fn take(&mut self, most: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub(crate) fn bool(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    pub(crate) fn wire(&mut self) -> Wire {
        let order = match self.bool() {
            false => ByteOrder::LsbFirst,
            true => ByteOrder::MsbFirst,
        };
        wire(order, self.byte())
    }

    pub(crate) fn save(&mut self) -> SaveYourself {
        let byte = self.byte();
        SaveYourself {
            kind: [SaveKind::Global, SaveKind::Local, SaveKind::Both][usize::from(byte & 3) % 3],
            shutdown: byte & 4 == 4,
            interact: [
                InteractStyle::None,
                InteractStyle::Errors,
                InteractStyle::Any,
            ][usize::from(byte >> 3 & 3) % 3],
            fast: byte & 32 == 32,
        }
    }

    pub(crate) fn dialog(&mut self) -> DialogKind {
        match self.bool() {
            false => DialogKind::Error,
            true => DialogKind::Normal,
        }
    }

    /// A message under `major` with the next bytes for its body, its length right in `order`.
    pub(crate) fn message(&mut self, order: ByteOrder, major: u8) -> Vec<u8> {
        let header = self.take(3);
        let units = self.byte() & 15;
        let mut message = vec![major, 0, 0, 0, 0, 0, 0, 0];
        message[1..1 + header.len()].copy_from_slice(header);
        message[match order {
            ByteOrder::LsbFirst => 4,
            ByteOrder::MsbFirst => 7,
        }] = units;
        let mut body = self.take(usize::from(units) * 8).to_vec();
        body.resize(usize::from(units) * 8, 0);
        message.extend(body);
        message
    }
}

//! Numbers, strings and padding as ICE and XSMP lay them out, in either byte order.
//!
//! Each side of a connection sends in its own order (ice.xml, "Data Types"), so both are read and
//! both can be written. A reader never looks beyond the message that it was given, and names the
//! field that did not fit.

use crate::error::Error;
use crate::opcode::Opcode;

/// Bytes of a message's header; lengths count what follows it.
pub(crate) const HEADER: usize = 8;

/// The order in which one side sends the bytes of a number (ice.xml, `ByteOrder`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ByteOrder {
    /// Least significant byte first.
    LsbFirst,
    /// Most significant byte first.
    MsbFirst,
}

impl ByteOrder {
    /// The order of the machine that this was built for.
    pub const NATIVE: Self = if cfg!(target_endian = "big") {
        Self::MsbFirst
    } else {
        Self::LsbFirst
    };

    /// The order that a `ByteOrder` message announces.
    pub(crate) fn from_wire(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::LsbFirst),
            1 => Some(Self::MsbFirst),
            _ => None,
        }
    }

    pub(crate) fn to_wire(self) -> u8 {
        match self {
            Self::LsbFirst => 0,
            Self::MsbFirst => 1,
        }
    }

    pub(crate) fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::LsbFirst => u16::from_le_bytes(bytes),
            Self::MsbFirst => u16::from_be_bytes(bytes),
        }
    }

    pub(crate) fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::LsbFirst => u32::from_le_bytes(bytes),
            Self::MsbFirst => u32::from_be_bytes(bytes),
        }
    }

    fn bytes16(self, value: u16) -> [u8; 2] {
        match self {
            Self::LsbFirst => value.to_le_bytes(),
            Self::MsbFirst => value.to_be_bytes(),
        }
    }

    fn bytes32(self, value: u32) -> [u8; 4] {
        match self {
            Self::LsbFirst => value.to_le_bytes(),
            Self::MsbFirst => value.to_be_bytes(),
        }
    }
}

/// Reads the fields of one message, header included, so that positions are those that a `BadValue`
/// error names.
pub(crate) struct Reader<'a> {
    opcode: Opcode,
    order: ByteOrder,
    message: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the first byte after the header of `message`, which holds at least a header.
    pub(crate) fn new(opcode: Opcode, order: ByteOrder, message: &'a [u8]) -> Self {
        Self {
            opcode,
            order,
            message,
            at: HEADER,
        }
    }

    /// Where the next field begins, from the beginning of the message.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn opcode(&self) -> Opcode {
        self.opcode
    }

    /// The next `count` bytes.
    pub(crate) fn bytes(&mut self, field: &'static str, count: usize) -> Result<&'a [u8], Error> {
        let rest = &self.message[self.at..];
        let Some(bytes) = rest.get(..count) else {
            return Err(Error::BadLength {
                opcode: self.opcode,
                field,
                expected: count,
                got: rest.len(),
            });
        };
        self.at += count;
        Ok(bytes)
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, Error> {
        Ok(self.bytes(field, 1)?[0])
    }

    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, Error> {
        let bytes = self.bytes(field, 2)?;
        Ok(self.order.u16([bytes[0], bytes[1]]))
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, Error> {
        let bytes = self.bytes(field, 4)?;
        Ok(self.order.u32([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// An ICE `STRING`: 16 bits of length, padded to 4 bytes in all.
    pub(crate) fn string(&mut self, field: &'static str) -> Result<&'a [u8], Error> {
        let len = usize::from(self.u16(field)?);
        let bytes = self.bytes(field, len)?;
        self.bytes(field, pad(2 + len, 4))?;
        Ok(bytes)
    }

    /// An XSMP `ARRAY8`: 32 bits of length, padded to 8 bytes in all.
    pub(crate) fn array8(&mut self, field: &'static str) -> Result<&'a [u8], Error> {
        // More than fits in an address is more than fits in the message.
        let len = usize::try_from(self.u32(field)?).unwrap_or(usize::MAX);
        let bytes = self.bytes(field, len)?;
        self.bytes(field, pad(4 + len, 8))?;
        Ok(bytes)
    }

    /// A count with its 4 unused bytes, as lists of XSMP begin. Each element takes at least
    /// `least` bytes, so a count that cannot fit is refused before anything is made of it.
    pub(crate) fn count(&mut self, field: &'static str, least: usize) -> Result<usize, Error> {
        let count = usize::try_from(self.u32(field)?).unwrap_or(usize::MAX);
        self.bytes(field, 4)?;
        let room = (self.message.len() - self.at) / least;
        if count > room {
            return Err(Error::BadLength {
                opcode: self.opcode,
                field,
                expected: count.saturating_mul(least),
                got: self.message.len() - self.at,
            });
        }
        Ok(count)
    }

    /// The end of the message: nothing may be left but the padding to 8 bytes.
    pub(crate) fn finish(&self) -> Result<(), Error> {
        let expected = self.at + pad(self.at, 8);
        if expected == self.message.len() {
            return Ok(());
        }
        Err(Error::BadLength {
            opcode: self.opcode,
            field: "message",
            expected: expected - HEADER,
            got: self.message.len() - HEADER,
        })
    }
}

/// Writes one message: its header first, its length when it is finished.
pub(crate) struct Writer {
    order: ByteOrder,
    bytes: Vec<u8>,
}

impl Writer {
    /// A message of this major and minor opcode. `data` are bytes 2 and 3 of the header.
    pub(crate) fn new(order: ByteOrder, major: u8, minor: u8, data: [u8; 2]) -> Self {
        Self {
            order,
            bytes: vec![major, minor, data[0], data[1], 0, 0, 0, 0],
        }
    }

    pub(crate) fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes.push(value);
        self
    }

    pub(crate) fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes.extend(self.order.bytes16(value));
        self
    }

    pub(crate) fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes.extend(self.order.bytes32(value));
        self
    }

    pub(crate) fn raw(&mut self, value: &[u8]) -> &mut Self {
        self.bytes.extend(value);
        self
    }

    pub(crate) fn zeros(&mut self, count: usize) -> &mut Self {
        self.bytes.resize(self.bytes.len() + count, 0);
        self
    }

    /// An ICE `STRING`. What does not fit in 16 bits of length is cut off; no caller comes near.
    pub(crate) fn string(&mut self, value: &[u8]) -> &mut Self {
        let value = &value[..value.len().min(usize::from(u16::MAX))];
        let len = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.u16(len).raw(value).zeros(pad(2 + value.len(), 4))
    }

    /// An XSMP `ARRAY8`. Callers keep below the caps of `property`, far below 32 bits.
    pub(crate) fn array8(&mut self, value: &[u8]) -> &mut Self {
        let len = u32::try_from(value.len()).unwrap_or(u32::MAX);
        self.u32(len).raw(value).zeros(pad(4 + value.len(), 8))
    }

    /// The count at the head of a list of XSMP.
    pub(crate) fn count(&mut self, count: usize) -> &mut Self {
        self.u32(u32::try_from(count).unwrap_or(u32::MAX)).zeros(4)
    }

    /// The message, padded, with its length in the header.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        self.zeros(pad(self.bytes.len(), 8));
        let units = u32::try_from((self.bytes.len() - HEADER) / 8).unwrap_or(u32::MAX);
        self.bytes[4..8].copy_from_slice(&self.order.bytes32(units));
        std::mem::take(&mut self.bytes)
    }
}

/// How many bytes are missing from `len` to a multiple of `to` (ice.xml, "Data Types").
pub(crate) fn pad(len: usize, to: usize) -> usize {
    (to - len % to) % to
}

/// A string of ours as bytes of the Portable Character Set; what is not of it becomes `_`.
pub(crate) fn portable(text: &str, longest: usize) -> Vec<u8> {
    text.chars()
        .map(|c| {
            if c.is_ascii_graphic() || c == ' ' {
                c as u8
            } else {
                b'_'
            }
        })
        .take(longest)
        .collect()
}

/// A peer's string to show: UTF-8 where it is that, else Latin-1; cut at `longest` bytes.
pub(crate) fn shown(bytes: &[u8], longest: usize) -> String {
    let bytes = &bytes[..bytes.len().min(longest)];
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&b| char::from(b)).collect(),
    }
}

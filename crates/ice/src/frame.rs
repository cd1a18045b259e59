//! Cuts a stream of bytes into messages, however it was chopped.
//!
//! A header that claims too much is refused when its eighth byte arrives: no byte after it is
//! taken, and no memory is set aside for what a header claims, only for what has come.

use crate::error::Error;
use crate::opcode::{Opcode, Protocol};
use crate::wire::{ByteOrder, HEADER};

/// The longest message that is taken, header included. Properties hold command lines and
/// environments, of which a system allows 128 KiB a string and a few hundred in practice; what a
/// client may keep at this side (`MAX_PROPERTIES_BYTES`) fits twice.
pub const MAX_MESSAGE: usize = 1 << 20;

/// The longest message before both sides know each other. It holds names and a cookie; nobody who
/// has not shown one makes this side keep more.
pub const MAX_SETUP_MESSAGE: usize = 1 << 14;

/// One message, header included.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) bytes: Vec<u8>,
}

impl Frame {
    pub(crate) fn major(&self) -> u8 {
        self.bytes[0]
    }

    pub(crate) fn minor(&self) -> u8 {
        self.bytes[1]
    }
}

/// Collects one message at a time.
#[derive(Default)]
pub(crate) struct Framer {
    bytes: Vec<u8>,
    // The length of the message under way, once its header is whole.
    length: Option<usize>,
}

impl Framer {
    /// Takes from the front of `input` what belongs to the message under way, and returns the
    /// message once it is whole. `None` means that more input is needed. Lengths are in `order`;
    /// `limit` is in bytes, header included.
    pub(crate) fn next(
        &mut self,
        input: &mut &[u8],
        order: ByteOrder,
        limit: usize,
    ) -> Result<Option<Frame>, Error> {
        let length = match self.length {
            Some(length) => length,
            None => {
                self.fill(input, HEADER);
                let Some(header) = self.bytes.first_chunk::<HEADER>() else {
                    return Ok(None);
                };
                let length = claimed(header, order, limit)?;
                self.length = Some(length);
                length
            }
        };
        self.fill(input, length);
        if self.bytes.len() < length {
            return Ok(None);
        }
        self.length = None;
        Ok(Some(Frame {
            bytes: std::mem::take(&mut self.bytes),
        }))
    }

    fn fill(&mut self, input: &mut &[u8], to: usize) {
        let missing = to.saturating_sub(self.bytes.len());
        let (taken, rest) = input.split_at(missing.min(input.len()));
        self.bytes.extend_from_slice(taken);
        *input = rest;
    }
}

/// How long the message of this header is, header included.
fn claimed(header: &[u8; HEADER], order: ByteOrder, limit: usize) -> Result<usize, Error> {
    let units = order.u32([header[4], header[5], header[6], header[7]]);
    let claimed = u64::from(units) * 8 + HEADER as u64;
    match usize::try_from(claimed) {
        Ok(length) if length <= limit => Ok(length),
        _ => Err(Error::TooLong {
            opcode: Opcode {
                // Which protocol has this opcode is not known here; the caller does know.
                protocol: match header[0] {
                    0 => Protocol::Ice,
                    major => Protocol::Unknown(major),
                },
                minor: header[1],
            },
            limit,
            got: claimed,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(framer: &mut Framer, input: &mut &[u8]) -> Result<Option<Frame>, Error> {
        framer.next(input, ByteOrder::LsbFirst, 64)
    }

    #[test]
    fn messages_come_out_whole_however_they_were_chopped() {
        let stream = [
            0, 9, 0, 0, 0, 0, 0, 0, //
            1, 3, 0, 0, 1, 0, 0, 0, 1, 1, 2, 0, 0, 0, 0, 0, //
            0, 10, 0, 0, 0, 0, 0, 0,
        ];
        for chunk in 1..=stream.len() {
            let mut framer = Framer::default();
            let mut got = Vec::new();
            for mut part in stream.chunks(chunk) {
                while let Some(frame) = next(&mut framer, &mut part).unwrap() {
                    got.push(frame.bytes);
                }
                assert!(part.is_empty());
            }
            assert_eq!(got, [&stream[..8], &stream[8..24], &stream[24..]]);
        }
    }

    #[test]
    fn a_header_that_claims_too_much_is_refused_with_its_last_byte() {
        let mut framer = Framer::default();
        let mut input: &[u8] = &[1, 12, 0, 0, 0xff, 0xff, 0xff];
        assert!(next(&mut framer, &mut input).unwrap().is_none());
        let mut input: &[u8] = &[0xff, 1, 2, 3];
        let error = next(&mut framer, &mut input).unwrap_err();
        let got = u64::from(u32::MAX) * 8 + 8;
        assert!(matches!(error, Error::TooLong { limit: 64, got: g, .. } if g == got));
        assert_eq!(input, [1, 2, 3]);
        assert!(framer.bytes.capacity() <= 64);
    }

    #[test]
    fn the_longest_message_is_taken_and_one_unit_more_is_not() {
        let mut longest = vec![0; 64];
        longest[4] = 7;
        let frame = next(&mut Framer::default(), &mut &longest[..]).unwrap();
        assert_eq!(frame.unwrap().bytes, longest);
        longest[4] = 8;
        assert!(next(&mut Framer::default(), &mut &longest[..]).is_err());
    }

    #[test]
    fn memory_is_taken_for_what_came_not_for_what_was_claimed() {
        let mut framer = Framer::default();
        let mut input: &[u8] = &[1, 12, 0, 0, 0xff, 0xff, 0, 0, 1];
        let frame = framer.next(&mut input, ByteOrder::LsbFirst, MAX_MESSAGE);
        assert!(frame.unwrap().is_none());
        assert!(framer.bytes.capacity() < 64);
    }
}

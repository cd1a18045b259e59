//! Keys by the server's keyboard mapping, as the core protocol has it: keysyms by key code, two for
//! each of two groups.

use x11rb_protocol::protocol::xproto::{GetKeyboardMappingReply, GetModifierMappingReply};
use xkbcommon_dl::keysyms;

use super::super::xkb::key_of_sym;
use crate::input::Key;

const SHIFT: u16 = 1;
/// Control, Alt and the logo make a key somebody else's shortcut.
const SHORTCUTS: u16 = 4 | 8 | 64;

/// What keys mean.
#[derive(Debug, Default)]
pub(super) struct Keys {
    first: u8,
    syms_per_code: usize,
    syms: Vec<u32>,
    num_lock: u16,
    /// The key that went up last, and when: one that goes down at the same moment repeats.
    released: Option<(u8, u32)>,
}

impl Keys {
    /// Takes the server's mapping, which begins with key `first`.
    pub(super) fn set_mapping(&mut self, first: u8, reply: GetKeyboardMappingReply) {
        self.first = first;
        self.syms_per_code = usize::from(reply.keysyms_per_keycode);
        self.syms = reply.keysyms;
    }

    /// Takes the server's modifiers: eight rows of keys.
    pub(super) fn set_modifiers(&mut self, reply: &GetModifierMappingReply) {
        let row = reply.keycodes.len() / 8;
        self.num_lock = 0;
        if row == 0 {
            return;
        }
        for (number, keys) in reply.keycodes.chunks_exact(row).take(8).enumerate() {
            let is_num_lock = |code: &u8| self.row(*code).contains(&keysyms::Num_Lock);
            if keys.iter().any(is_num_lock) {
                self.num_lock = 1 << number;
            }
        }
    }

    fn row(&self, code: u8) -> &[u32] {
        let from = usize::from(code.wrapping_sub(self.first)) * self.syms_per_code;
        if code < self.first {
            return &[];
        }
        self.syms
            .get(from..from + self.syms_per_code)
            .unwrap_or_default()
    }

    /// A key went up.
    pub(super) fn up(&mut self, code: u8, time: u32) {
        self.released = Some((code, time));
    }

    /// A key went down, with these modifiers: what it means, and whether it only repeats.
    pub(super) fn down(&mut self, code: u8, state: u16, time: u32) -> Option<(Key, bool)> {
        let repeated = self.released.take() == Some((code, time));
        if state & SHORTCUTS & !self.num_lock != 0 {
            return None;
        }
        let key = key_of_sym(self.sym(code, state), state & SHIFT != 0)?;
        Some((key, repeated))
    }

    fn sym(&self, code: u8, state: u16) -> u32 {
        let row = self.row(code);
        // The XKB extension puts the group in force into bits 13 and 14.
        let group = usize::from(state >> 13 & 3);
        let at = |index: usize| row.get(index).copied().unwrap_or(0);
        let base = if group == 1 && at(2) != 0 { 2 } else { 0 };
        let (plain, shifted) = (at(base), at(base + 1));
        let keypad = |sym: u32| (keysyms::KP_Space..=keysyms::KP_9).contains(&sym);
        let shift = (state & SHIFT != 0) != (keypad(shifted) && state & self.num_lock != 0);
        if shift && shifted != 0 {
            shifted
        } else {
            plain
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        let rows = [
            [keysyms::Tab, keysyms::ISO_Left_Tab],
            [keysyms::KP_Home, keysyms::KP_7],
            [keysyms::Escape, 0],
        ];
        Keys {
            first: 8,
            syms_per_code: 2,
            syms: rows.concat(),
            num_lock: 16,
            released: None,
        }
    }

    #[test]
    fn levels_follow_shift_and_num_lock() {
        let mut keys = keys();
        assert_eq!(keys.down(8, 0, 1), Some((Key::Tab, false)));
        assert_eq!(keys.down(8, SHIFT, 1), Some((Key::BackTab, false)));
        assert_eq!(keys.down(9, 0, 1), Some((Key::Home, false)));
        assert_eq!(keys.down(9, 16, 1), None, "a seven");
        assert_eq!(keys.down(9, 16 | SHIFT, 1), Some((Key::Home, false)));
        assert_eq!(keys.down(10, SHIFT, 1), Some((Key::Escape, false)));
        assert_eq!(keys.down(10, 4, 1), None, "Control makes it a shortcut");
        assert_eq!(keys.down(7, 0, 1), None);
        assert_eq!(keys.down(255, 0, 1), None);
    }

    #[test]
    fn up_and_down_at_one_moment_is_a_repetition() {
        let mut keys = keys();
        keys.up(8, 10);
        assert_eq!(keys.down(8, 0, 10), Some((Key::Tab, true)));
        keys.up(8, 20);
        assert_eq!(keys.down(8, 0, 21), Some((Key::Tab, false)));
    }
}

//! Names of keys on a US keyboard, as the kernel numbers them (linux/input-event-codes.h).

/// The keymap that goes with the numbers. The compositor completes it from xkb's data.
pub(super) const US: &str = r#"xkb_keymap {
    xkb_keycodes { include "evdev+aliases(qwerty)" };
    xkb_types { include "complete" };
    xkb_compat { include "complete" };
    xkb_symbols { include "pc+us+inet(evdev)" };
};
"#;

/// Keys of one row each, from left to right, and the number of the first.
const ROWS: &[(&str, u32)] = &[
    ("1234567890-=", 2),
    ("qwertyuiop[]", 16),
    ("asdfghjkl;'`", 30),
    ("\\zxcvbnm,./", 43),
];

/// Those that need Shift, in the order of [`ROWS`].
const SHIFTED: &[(&str, u32)] = &[
    ("!@#$%^&*()_+", 2),
    ("QWERTYUIOP{}", 16),
    ("ASDFGHJKL:\"~", 30),
    ("|ZXCVBNM<>?", 43),
];

/// Keys that are no characters, by their keysym's name.
const NAMED: &[(&str, u32)] = &[
    ("Escape", 1),
    ("BackSpace", 14),
    ("Tab", 15),
    ("Return", 28),
    ("Control", 29),
    ("Shift", SHIFT),
    ("Alt", 56),
    ("space", 57),
    ("F1", 59),
    ("F2", 60),
    ("F3", 61),
    ("F4", 62),
    ("F5", 63),
    ("F10", 68),
    ("KP_Enter", 96),
    ("Home", 102),
    ("Up", 103),
    ("Page_Up", 104),
    ("Left", 105),
    ("Right", 106),
    ("End", 107),
    ("Down", 108),
    ("Page_Down", 109),
    ("Delete", 111),
    ("Super", 125),
];

pub(super) const SHIFT: u32 = 42;

/// The key called `name`: a keysym's name, or the character on it.
#[track_caller]
pub(super) fn key(name: &str) -> u32 {
    let named = NAMED.iter().find(|(known, _)| *known == name);
    let single = || {
        let mut characters = name.chars();
        let first = characters.next().filter(|_| characters.next().is_none())?;
        find(ROWS, first)
    };
    named
        .map(|(_, code)| *code)
        .or_else(single)
        .unwrap_or_else(|| panic!("no key of a US keyboard is called {name}"))
}

/// The key that gives `character`, and whether Shift has to be held.
#[track_caller]
pub(super) fn key_of(character: char) -> (u32, bool) {
    let plain = match character {
        '\n' => Some(28),
        '\t' => Some(15),
        ' ' => Some(57),
        _ => find(ROWS, character),
    };
    plain
        .map(|code| (code, false))
        .or_else(|| find(SHIFTED, character).map(|code| (code, true)))
        .unwrap_or_else(|| panic!("a US keyboard has no {character:?}"))
}

fn find(rows: &[(&str, u32)], character: char) -> Option<u32> {
    rows.iter().find_map(|(row, first)| {
        let place = row.chars().position(|on_it| on_it == character)?;
        Some(first + place as u32)
    })
}

/// The bit that key `code` sets while it is held, as in the real modifiers of X.
pub(super) fn modifier(code: u32) -> u32 {
    match code {
        SHIFT => 1,
        29 => 4,
        56 => 8,
        125 => 64,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_numbered_as_the_kernel_does() {
        assert_eq!(["a", "l", "z", "`", "\\"].map(key), [30, 38, 44, 41, 43]);
        assert_eq!(key_of('?'), (53, true));
        assert_eq!(key_of('0'), (11, false));
    }
}

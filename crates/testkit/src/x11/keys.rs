//! Typing through XTEST: the client cannot tell it from a keyboard.

use x11rb::{
    connection::Connection,
    protocol::{
        xproto::{
            ConnectionExt as _, GetKeyboardMappingReply, KEY_PRESS_EVENT, KEY_RELEASE_EVENT, Window,
        },
        xtest::ConnectionExt as _,
    },
    rust_connection::RustConnection,
};

/// Keysyms of keysymdef.h for keys that are no characters.
const NAMED: &[(&str, u32)] = &[
    ("BackSpace", 0xff08),
    ("Tab", 0xff09),
    ("Return", 0xff0d),
    ("Escape", 0xff1b),
    ("Home", 0xff50),
    ("Left", 0xff51),
    ("Up", 0xff52),
    ("Right", 0xff53),
    ("Down", 0xff54),
    ("Page_Up", 0xff55),
    ("Page_Down", 0xff56),
    ("End", 0xff57),
    ("KP_Enter", 0xff8d),
    ("F1", 0xffbe),
    ("F2", 0xffbf),
    ("F3", 0xffc0),
    ("F4", 0xffc1),
    ("F5", 0xffc2),
    ("F10", 0xffc7),
    ("Shift", SHIFT),
    ("Control", 0xffe3),
    ("Alt", 0xffe9),
    ("Super", 0xffeb),
    ("Delete", 0xffff),
    ("space", 0x20),
];
const SHIFT: u32 = 0xffe1;

/// Types `text`; a line feed is Return.
#[track_caller]
pub(super) fn type_text(connection: &RustConnection, root: Window, text: &str) {
    let keyboard = Keyboard::read(connection, root);
    for character in text.chars() {
        let (code, shifted) = keyboard.find(keysym(character));
        let shift = shifted.then(|| keyboard.find(SHIFT).0);
        keyboard.stroke(shift.into_iter().chain([code]).collect());
    }
    keyboard.finish();
}

/// Presses the keys of `chord` in this order and releases them in the opposite one.
#[track_caller]
pub(super) fn press(connection: &RustConnection, root: Window, chord: &[&str]) {
    let keyboard = Keyboard::read(connection, root);
    let codes = chord.iter().map(|name| keyboard.called(name));
    keyboard.stroke(codes.collect());
    keyboard.finish();
}

/// Presses the key called `name` and holds it, or lets it go.
#[track_caller]
pub(super) fn hold(connection: &RustConnection, root: Window, name: &str, down: bool) {
    let keyboard = Keyboard::read(connection, root);
    let kind = if down {
        KEY_PRESS_EVENT
    } else {
        KEY_RELEASE_EVENT
    };
    keyboard.fake(kind, keyboard.called(name));
    keyboard.finish();
}

fn keysym(character: char) -> u32 {
    match character {
        '\n' => 0xff0d,
        '\t' => 0xff09,
        // Latin-1 is its own keysym; all else has the bit that says "Unicode".
        ' '..='~' | '\u{a0}'..='\u{ff}' => character.into(),
        _ => 0x0100_0000 | u32::from(character),
    }
}

struct Keyboard<'a> {
    connection: &'a RustConnection,
    root: Window,
    first: u8,
    mapping: GetKeyboardMappingReply,
}

impl<'a> Keyboard<'a> {
    #[track_caller]
    fn read(connection: &'a RustConnection, root: Window) -> Self {
        let setup = connection.setup();
        let first = setup.min_keycode;
        let count = setup.max_keycode - first + 1;
        let mapping = connection
            .get_keyboard_mapping(first, count)
            .expect("the X server lives");
        let mapping = mapping.reply().expect("the X server's keyboard");
        Self {
            connection,
            root,
            first,
            mapping,
        }
    }

    /// The key that gives `keysym`, and whether Shift has to be held.
    #[track_caller]
    fn find(&self, keysym: u32) -> (u8, bool) {
        let per_key = usize::from(self.mapping.keysyms_per_keycode).max(1);
        for shifted in [false, true] {
            let keys = self.mapping.keysyms.chunks(per_key);
            let found = keys
                .zip(self.first..=u8::MAX)
                .find(|(syms, _)| syms.get(usize::from(shifted)) == Some(&keysym));
            if let Some((_, code)) = found {
                return (code, shifted);
            }
        }
        panic!("the keyboard has no key for keysym {keysym:#x}")
    }

    /// The key with this name: a keysym's of [`NAMED`], or the character on it.
    #[track_caller]
    fn called(&self, name: &str) -> u8 {
        let named = NAMED.iter().find(|(known, _)| *known == name);
        let named = named.map(|(_, keysym)| *keysym);
        let mut characters = name.chars();
        let first = characters.next().filter(|_| characters.next().is_none());
        let keysym = named.or(first.map(keysym));
        let keysym = keysym.unwrap_or_else(|| panic!("no key is called {name}"));
        self.find(keysym).0
    }

    fn stroke(&self, codes: Vec<u8>) {
        for code in &codes {
            self.fake(KEY_PRESS_EVENT, *code);
        }
        for code in codes.iter().rev() {
            self.fake(KEY_RELEASE_EVENT, *code);
        }
    }

    fn fake(&self, kind: u8, code: u8) {
        let sent =
            self.connection
                .xtest_fake_input(kind, code, x11rb::CURRENT_TIME, self.root, 0, 0, 0);
        sent.expect("the X server lives").ignore_error();
    }

    /// Returns when the server has handled every stroke.
    fn finish(&self) {
        let sync = self
            .connection
            .get_input_focus()
            .expect("the X server lives")
            .reply();
        sync.expect("the X server answers");
    }
}

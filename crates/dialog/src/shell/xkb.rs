//! Keys by the keymap that the display gives, through libxkbcommon loaded at run time: so a Dvorak
//! layout and `caps:escape` mean here what they mean elsewhere, and building needs no C library.
//! Without that library the fixed places of the keys stand in.
//!
//! The only file of the crate with `unsafe`: the library's functions are C. May touch the file that
//! the compositor hands over, and that library.

#![allow(unsafe_code)]

use std::{
    ffi::CString,
    fmt,
    os::fd::OwnedFd,
    ptr::{NonNull, null_mut},
};

use rustix::fs::FileType;
use xkbcommon_dl::{
    XKB_MOD_NAME_ALT, XKB_MOD_NAME_CTRL, XKB_MOD_NAME_LOGO, XKB_MOD_NAME_SHIFT, XkbCommon, keysyms,
    xkb_context, xkb_context_flags, xkb_keymap, xkb_keymap_compile_flags, xkb_keymap_format,
    xkb_state, xkb_state_component, xkbcommon_option,
};

use crate::input::Key;

/// The longest keymap taken. Ordinary ones have 40 to 80 KiB.
const MAX_KEYMAP: usize = 1 << 20;

/// evdev counts keys from 0 and X, whose numbers keymaps use, from 8.
const EVDEV_OFFSET: u32 = 8;

/// What a keysym means to a dialog. `shift` is for layouts that give Tab no second level.
pub(super) fn key_of_sym(sym: u32, shift: bool) -> Option<Key> {
    Some(match sym {
        keysyms::Tab | keysyms::KP_Tab if shift => Key::BackTab,
        keysyms::Tab | keysyms::KP_Tab => Key::Tab,
        keysyms::ISO_Left_Tab => Key::BackTab,
        keysyms::Return | keysyms::KP_Enter | keysyms::ISO_Enter => Key::Enter,
        keysyms::space | keysyms::KP_Space => Key::Space,
        keysyms::Escape => Key::Escape,
        keysyms::Up | keysyms::KP_Up => Key::Up,
        keysyms::Down | keysyms::KP_Down => Key::Down,
        keysyms::Left | keysyms::KP_Left => Key::Left,
        keysyms::Right | keysyms::KP_Right => Key::Right,
        keysyms::Page_Up | keysyms::KP_Page_Up => Key::PageUp,
        keysyms::Page_Down | keysyms::KP_Page_Down => Key::PageDown,
        keysyms::Home | keysyms::KP_Home => Key::Home,
        keysyms::End | keysyms::KP_End => Key::End,
        _ => return None,
    })
}

/// What the key at this place of an ordinary keyboard means (`input-event-codes.h`).
fn key_of_place(code: u32, shift: bool) -> Option<Key> {
    Some(match code {
        1 => Key::Escape,
        15 if shift => Key::BackTab,
        15 => Key::Tab,
        28 | 96 => Key::Enter,
        57 => Key::Space,
        102 => Key::Home,
        103 => Key::Up,
        104 => Key::PageUp,
        105 => Key::Left,
        106 => Key::Right,
        107 => Key::End,
        108 => Key::Down,
        109 => Key::PageDown,
        _ => return None,
    })
}

/// What keys mean, and which modifiers are held.
#[derive(Debug, Default)]
pub(super) enum Keymap {
    /// No keymap that could be read: the places of keys. Modifiers are those of every keymap
    /// there is: 1 is Shift, 4 Control, 8 Alt, 64 the logo.
    #[default]
    Places,
    /// The same, with these modifiers held.
    PlacesWith(u32),
    /// The display's own.
    Xkb(Xkb),
}

/// Modifiers that make a key somebody else's shortcut.
const SHORTCUTS: u32 = 4 | 8 | 64;

impl Keymap {
    /// Reads the keymap that a `wl_keyboard` names by a file and its claimed size.
    pub(super) fn read(file: &OwnedFd, size: u32) -> Self {
        let Some(text) = text_of(file, size) else {
            tracing::warn!("the compositor's keymap cannot be read; keys are taken by their place");
            return Self::default();
        };
        match Xkb::new(&text) {
            Ok(xkb) => Self::Xkb(xkb),
            Err(why) => {
                tracing::warn!("{why}; keys are taken by their place");
                Self::default()
            }
        }
    }

    /// Takes the modifiers and the layout as `wl_keyboard` tells them.
    pub(super) fn set_modifiers(&mut self, depressed: u32, latched: u32, locked: u32, group: u32) {
        match self {
            Self::Places | Self::PlacesWith(_) => *self = Self::PlacesWith(depressed | latched),
            Self::Xkb(xkb) => xkb.set_modifiers(depressed, latched, locked, group),
        }
    }

    /// What this key, counted as evdev does, means now.
    pub(super) fn key(&self, code: u32) -> Option<Key> {
        let place = |held: u32| {
            let key = key_of_place(code, held & 1 != 0);
            key.filter(|_| held & SHORTCUTS == 0)
        };
        match self {
            Self::Places => place(0),
            Self::PlacesWith(held) => place(*held),
            Self::Xkb(xkb) => xkb.key(code),
        }
    }

    /// Whether this key repeats while it is held.
    pub(super) fn repeats(&self, code: u32) -> bool {
        match self {
            Self::Places | Self::PlacesWith(_) => true,
            Self::Xkb(xkb) => xkb.repeats(code),
        }
    }
}

/// The text in a keymap's file. It is read and not mapped: a file that is cut short under a mapping
/// would end us. Only a plain file is read, because another kind could keep us waiting.
fn text_of(file: &OwnedFd, size: u32) -> Option<CString> {
    let facts = rustix::fs::fstat(file).ok()?;
    if FileType::from_raw_mode(facts.st_mode) != FileType::RegularFile {
        return None;
    }
    let length = usize::try_from(facts.st_size).ok()?.min(size as usize);
    if length > MAX_KEYMAP {
        return None;
    }
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while filled < length {
        match rustix::io::pread(file, &mut bytes[filled..], filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return None,
        }
    }
    bytes.truncate(filled);
    let end = bytes.iter().position(|byte| *byte == 0);
    bytes.truncate(end.unwrap_or(filled));
    CString::new(bytes).ok()
}

/// A keymap of libxkbcommon and its state. Not `Send`: it stays with the one loop.
pub(super) struct Xkb {
    library: &'static XkbCommon,
    context: NonNull<xkb_context>,
    keymap: NonNull<xkb_keymap>,
    state: NonNull<xkb_state>,
}

impl Xkb {
    fn new(text: &CString) -> Result<Self, &'static str> {
        let library = xkbcommon_option().ok_or("libxkbcommon.so.0 is not there")?;
        let flags = xkb_context_flags::XKB_CONTEXT_NO_DEFAULT_INCLUDES;
        // SAFETY: takes a flag and returns a context of its own, or null.
        let context = unsafe { (library.xkb_context_new)(flags) };
        let context = NonNull::new(context).ok_or("libxkbcommon has no memory")?;
        // SAFETY: the context lives; the text ends with a zero and is only read during the call.
        let keymap = unsafe {
            (library.xkb_keymap_new_from_string)(
                context.as_ptr(),
                text.as_ptr(),
                xkb_keymap_format::XKB_KEYMAP_FORMAT_TEXT_V1,
                xkb_keymap_compile_flags::XKB_KEYMAP_COMPILE_NO_FLAGS,
            )
        };
        // SAFETY: a null keymap is not looked at; a state holds a reference to its keymap.
        let state = if keymap.is_null() {
            null_mut()
        } else {
            unsafe { (library.xkb_state_new)(keymap) }
        };
        let (Some(keymap), Some(state)) = (NonNull::new(keymap), NonNull::new(state)) else {
            // SAFETY: each was made above, is referred to by nobody else, and is let go once.
            unsafe {
                if !keymap.is_null() {
                    (library.xkb_keymap_unref)(keymap);
                }
                (library.xkb_context_unref)(context.as_ptr());
            }
            return Err("libxkbcommon does not understand the compositor's keymap");
        };
        Ok(Self {
            library,
            context,
            keymap,
            state,
        })
    }

    fn set_modifiers(&mut self, depressed: u32, latched: u32, locked: u32, group: u32) {
        // SAFETY: the state lives as long as self; the rest are numbers.
        unsafe {
            (self.library.xkb_state_update_mask)(
                self.state.as_ptr(),
                depressed,
                latched,
                locked,
                0,
                0,
                group,
            );
        }
    }

    fn key(&self, code: u32) -> Option<Key> {
        let code = code.checked_add(EVDEV_OFFSET)?;
        // SAFETY: the state lives as long as self; a code that the keymap lacks gives no symbol.
        let sym = unsafe { (self.library.xkb_state_key_get_one_sym)(self.state.as_ptr(), code) };
        let shortcut = [XKB_MOD_NAME_CTRL, XKB_MOD_NAME_ALT, XKB_MOD_NAME_LOGO];
        if shortcut.into_iter().any(|name| self.held(name)) {
            return None;
        }
        key_of_sym(sym, self.held(XKB_MOD_NAME_SHIFT))
    }

    fn repeats(&self, code: u32) -> bool {
        let Some(code) = code.checked_add(EVDEV_OFFSET) else {
            return false;
        };
        // SAFETY: the keymap lives as long as self; a code that it lacks does not repeat.
        unsafe { (self.library.xkb_keymap_key_repeats)(self.keymap.as_ptr(), code) != 0 }
    }

    /// Whether a modifier is in effect. The name ends with a zero.
    fn held(&self, name: &'static [u8]) -> bool {
        debug_assert_eq!(name.last(), Some(&0));
        // SAFETY: the state lives as long as self; the library's own constants end with a zero.
        let held = unsafe {
            (self.library.xkb_state_mod_name_is_active)(
                self.state.as_ptr(),
                name.as_ptr().cast(),
                xkb_state_component::XKB_STATE_MODS_EFFECTIVE,
            )
        };
        // -1 where the keymap has no such modifier.
        held == 1
    }
}

impl Drop for Xkb {
    fn drop(&mut self) {
        // SAFETY: the three were made in `new`, nobody else refers to them, and they are let go
        // once, users before what they use.
        unsafe {
            (self.library.xkb_state_unref)(self.state.as_ptr());
            (self.library.xkb_keymap_unref)(self.keymap.as_ptr());
            (self.library.xkb_context_unref)(self.context.as_ptr());
        }
    }
}

impl fmt::Debug for Xkb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Xkb").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn shift_turns_tab_round_whatever_the_layout_says() {
        assert_eq!(key_of_sym(keysyms::Tab, false), Some(Key::Tab));
        assert_eq!(key_of_sym(keysyms::Tab, true), Some(Key::BackTab));
        assert_eq!(key_of_sym(keysyms::ISO_Left_Tab, true), Some(Key::BackTab));
        assert_eq!(key_of_sym(keysyms::KP_Enter, false), Some(Key::Enter));
        assert_eq!(key_of_sym(keysyms::a, false), None);
    }

    #[test]
    fn places_of_keys_stand_in_for_a_keymap() {
        let mut keymap = Keymap::default();
        assert_eq!(keymap.key(1), Some(Key::Escape));
        keymap.set_modifiers(1, 0, 0, 0);
        assert_eq!(keymap.key(15), Some(Key::BackTab));
        keymap.set_modifiers(4, 0, 0, 0);
        assert_eq!(keymap.key(28), None, "Control makes it a shortcut");
    }

    #[test]
    fn a_keymap_that_is_none_falls_back_and_a_pipe_is_not_read() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"not a keymap").unwrap();
        let keymap = Keymap::read(&file.into(), u32::MAX);
        assert!(matches!(keymap, Keymap::Places));
        let (pipe, _held_open) = std::io::pipe().unwrap();
        assert!(matches!(Keymap::read(&pipe.into(), 10), Keymap::Places));
    }

    /// The smallest keymap with a place that is not the usual one: Escape on Caps Lock.
    const KEYMAP: &str = r#"xkb_keymap {
        xkb_keycodes { minimum = 8; maximum = 255; <CAPS> = 66; <TAB> = 23; <LFSH> = 50; };
        xkb_types { virtual_modifiers V;
            type "ONE_LEVEL" { modifiers = none; level_name[1] = "Any"; };
            type "TWO_LEVEL" { modifiers = Shift; map[Shift] = 2;
                level_name[1] = "Base"; level_name[2] = "Shift"; };
        };
        xkb_compat { };
        xkb_symbols { key <CAPS> { [ Escape ] }; key <TAB> { [ Tab, ISO_Left_Tab ] }; };
    };"#;

    #[test]
    fn the_displays_keymap_says_what_a_key_means() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(KEYMAP.as_bytes()).unwrap();
        let mut keymap = Keymap::read(&file.into(), KEYMAP.len() as u32);
        assert!(matches!(keymap, Keymap::Xkb(_)), "{keymap:?}");
        assert_eq!(keymap.key(58), Some(Key::Escape));
        assert_eq!(keymap.key(1), None);
        assert_eq!(keymap.key(15), Some(Key::Tab));
        keymap.set_modifiers(1, 0, 0, 0);
        assert_eq!(keymap.key(15), Some(Key::BackTab));
        assert_eq!(keymap.key(u32::MAX), None);
        assert!(!keymap.repeats(u32::MAX));
    }
}

//! A seat's keyboard: which of our surfaces has it, what its keys mean, and those that are held.

use std::time::{Duration, Instant};

use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle, WEnum,
    protocol::{
        wl_keyboard::{self, KeyState, KeymapFormat, WlKeyboard},
        wl_surface::WlSurface,
    },
};

use super::{
    super::{ShellEvent, xkb::Keymap},
    state::State,
};
use crate::input::{Input, Key};

/// A key that is held.
#[derive(Clone, Copy, Debug)]
struct Held {
    code: u32,
    key: Key,
    next: Instant,
}

/// A seat's keyboard.
#[derive(Debug)]
pub(super) struct Keyboard {
    proxy: WlKeyboard,
    keymap: Keymap,
    /// Ours that has it.
    pub(super) focus: Option<WlSurface>,
    /// One of ours had it since there is this keyboard.
    pub(super) was_ours: bool,
    /// How long a key is held before it repeats, and how long between; None where it does not.
    repeat: Option<(Duration, Duration)>,
    held: Option<Held>,
}

impl Keyboard {
    pub(super) fn new(proxy: WlKeyboard) -> Self {
        Self {
            proxy,
            keymap: Keymap::default(),
            focus: None,
            was_ours: false,
            // What most have, until the compositor says what its user wants.
            repeat: repeat_of(25, 600),
            held: None,
        }
    }

    /// When the held key repeats next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.held.map(|held| held.next)
    }

    /// The key that repeats now. One that we were too late for is not made up for.
    pub(super) fn repeat(&mut self, now: Instant) -> Option<Key> {
        let (_, pause) = self.repeat?;
        let held = self.held.as_mut().filter(|held| held.next <= now)?;
        held.next = now + pause;
        Some(held.key)
    }

    /// A key went down or up. What it means, if it went down and means something.
    fn key(&mut self, code: u32, down: bool, now: Instant) -> Option<Key> {
        if !down {
            self.held.take_if(|held| held.code == code);
            return None;
        }
        // A second key ends the repetition of the first.
        self.held = None;
        let key = self.keymap.key(code)?;
        if let Some((delay, _)) = self.repeat
            && self.keymap.repeats(code)
        {
            self.held = Some(Held {
                code,
                key,
                next: now + delay,
            });
        }
        Some(key)
    }

    pub(super) fn release(self) {
        if self.proxy.version() >= 3 {
            self.proxy.release();
        }
    }
}

/// `wl_keyboard.repeat_info`: keys a second, and milliseconds before the first.
fn repeat_of(rate: i32, delay: i32) -> Option<(Duration, Duration)> {
    let rate = u32::try_from(rate).ok().filter(|rate| *rate > 0)?;
    let delay = u64::try_from(delay).ok()?;
    // Never faster than a screen shows it.
    let pause = Duration::from_secs(1) / rate.min(60);
    Some((Duration::from_millis(delay), pause))
}

impl Dispatch<WlKeyboard, u32> for State {
    fn event(
        state: &mut Self,
        _: &WlKeyboard,
        event: wl_keyboard::Event,
        seat: &u32,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let ours = |surface: &WlSurface| state.owns(surface);
        let entered = match &event {
            wl_keyboard::Event::Enter { surface, .. } => ours(surface),
            _ => false,
        };
        let seat = state.seats.iter_mut().find(|s| s.name == *seat);
        let Some(keyboard) = seat.and_then(|seat| seat.keyboard.as_mut()) else {
            return;
        };
        match event {
            wl_keyboard::Event::Keymap {
                format: WEnum::Value(KeymapFormat::XkbV1),
                fd,
                size,
            } => {
                keyboard.keymap = Keymap::read(&fd, size);
                keyboard.held = None;
            }
            // Keys that were held before are nobody's answer to us.
            wl_keyboard::Event::Enter { surface, .. } => {
                keyboard.held = None;
                keyboard.was_ours |= entered;
                keyboard.focus = Some(surface);
            }
            wl_keyboard::Event::Leave { surface, .. } => {
                keyboard.held = None;
                keyboard.focus = None;
                let was_ours = state.owns(&surface);
                state.robbed |= was_ours;
            }
            wl_keyboard::Event::Modifiers {
                mods_depressed,
                mods_latched,
                mods_locked,
                group,
                ..
            } => keyboard
                .keymap
                .set_modifiers(mods_depressed, mods_latched, mods_locked, group),
            wl_keyboard::Event::RepeatInfo { rate, delay } => {
                keyboard.repeat = repeat_of(rate, delay);
                keyboard.held = None;
            }
            wl_keyboard::Event::Key {
                key,
                state: WEnum::Value(pressed),
                ..
            } => {
                let down = pressed == KeyState::Pressed;
                let meant = keyboard.key(key, down, Instant::now());
                let focus = keyboard.focus.clone();
                if let Some(key) = meant
                    && focus.is_some_and(|surface| state.owns(&surface))
                {
                    let input = Input::Key {
                        key,
                        repeated: false,
                    };
                    state.events.push_back(ShellEvent::Input(input));
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_of_nothing_and_a_negative_delay_repeat_nothing() {
        assert_eq!(repeat_of(0, 600), None);
        assert_eq!(repeat_of(-1, 600), None);
        assert_eq!(repeat_of(25, -1), None);
        let (delay, pause) = repeat_of(25, 600).unwrap();
        assert_eq!((delay.as_millis(), pause.as_millis()), (600, 40));
        let (_, pause) = repeat_of(i32::MAX, 0).unwrap();
        assert!(pause >= Duration::from_millis(16));
    }
}

//! Seats: somebody's keyboard, pointer and fingers, each of which may come and go.

use std::time::Instant;

use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle, WEnum,
    protocol::{
        wl_seat::{self, Capability, WlSeat},
        wl_surface::WlSurface,
        wl_touch::{self, WlTouch},
    },
};

use super::{super::ShellEvent, keyboard::Keyboard, pointer::Pointer, state::State};
use crate::{
    geometry::Point,
    input::{Input, Key},
};

/// Fingers followed at a time, of all seats. Nobody has more, a broken panel may claim to.
const MAX_FINGERS: usize = 32;

/// One seat. Its number in the registry names it.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) name: u32,
    proxy: WlSeat,
    pub(super) keyboard: Option<Keyboard>,
    pub(super) pointer: Option<Pointer>,
    touch: Option<WlTouch>,
    /// Fingers that are down on the window, by their number; the place of one in the list is our
    /// number for it.
    fingers: Vec<Option<i32>>,
}

impl Seat {
    pub(super) fn new(name: u32, proxy: WlSeat) -> Self {
        Self {
            name,
            proxy,
            keyboard: None,
            pointer: None,
            touch: None,
            fingers: Vec::new(),
        }
    }

    /// When a held key repeats next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.keyboard.as_ref().and_then(Keyboard::deadline)
    }

    /// The key that repeats now.
    pub(super) fn repeat(&mut self, now: Instant) -> Option<Key> {
        self.keyboard.as_mut().and_then(|k| k.repeat(now))
    }

    /// The surface that has the seat's keyboard, if it is one of ours.
    pub(super) fn keyboard_focus(&self) -> Option<&WlSurface> {
        self.keyboard.as_ref().and_then(|k| k.focus.as_ref())
    }

    /// Whether its pointer is on what is painted.
    pub(super) fn has_pointer_inside(&self) -> bool {
        self.pointer.as_ref().is_some_and(Pointer::is_inside)
    }

    /// Whether the seat has a keyboard that was ours and was given to somebody else.
    pub(super) fn lost_keyboard(&self) -> bool {
        self.keyboard
            .as_ref()
            .is_some_and(|k| k.was_ours && k.focus.is_none())
    }

    /// The seat's latest press of a button on the window.
    pub(super) fn press(&self) -> Option<(&WlSeat, u32)> {
        let serial = self.pointer.as_ref()?.press?;
        Some((&self.proxy, serial))
    }

    /// Lets go of its devices, and of itself.
    pub(super) fn release(mut self) {
        self.drop_devices(Capability::empty());
        if self.proxy.version() >= 5 {
            self.proxy.release();
        }
    }

    /// Lets go of the devices that the seat no longer has.
    fn drop_devices(&mut self, now: Capability) {
        if !now.contains(Capability::Keyboard)
            && let Some(keyboard) = self.keyboard.take()
        {
            keyboard.release();
        }
        if !now.contains(Capability::Pointer)
            && let Some(pointer) = self.pointer.take()
        {
            pointer.release();
        }
        if !now.contains(Capability::Touch)
            && let Some(touch) = self.touch.take()
        {
            self.fingers.clear();
            if touch.version() >= 3 {
                touch.release();
            }
        }
    }

    /// Takes the devices that the seat has now.
    fn take_devices(&mut self, now: Capability, queue: &QueueHandle<State>) {
        if now.contains(Capability::Keyboard) && self.keyboard.is_none() {
            let keyboard = self.proxy.get_keyboard(queue, self.name);
            self.keyboard = Some(Keyboard::new(keyboard));
        }
        if now.contains(Capability::Pointer) && self.pointer.is_none() {
            let pointer = self.proxy.get_pointer(queue, self.name);
            self.pointer = Some(Pointer::new(pointer));
        }
        if now.contains(Capability::Touch) && self.touch.is_none() {
            self.touch = Some(self.proxy.get_touch(queue, self.name));
        }
    }

    /// Our number for a finger that comes down. None: there are more than anybody has.
    fn add_finger(&mut self, id: i32) -> Option<i32> {
        let free = self.fingers.iter().position(Option::is_none);
        let place = free.unwrap_or(self.fingers.len());
        if place >= MAX_FINGERS {
            return None;
        }
        self.fingers.resize(self.fingers.len().max(place + 1), None);
        self.fingers[place] = Some(id);
        self.number(place)
    }

    /// Our number for a finger that is down.
    fn finger(&self, id: i32) -> Option<(usize, i32)> {
        let place = self.fingers.iter().position(|f| *f == Some(id))?;
        Some((place, self.number(place)?))
    }

    /// Fingers of two seats are two fingers.
    fn number(&self, place: usize) -> Option<i32> {
        let seat = i32::try_from(self.name).ok()?;
        seat.checked_mul(MAX_FINGERS as i32)?
            .checked_add(place as i32)
    }
}

impl Dispatch<WlSeat, u32> for State {
    fn event(
        state: &mut Self,
        _: &WlSeat,
        event: wl_seat::Event,
        name: &u32,
        _: &Connection,
        queue: &QueueHandle<Self>,
    ) {
        let wl_seat::Event::Capabilities {
            capabilities: WEnum::Value(now),
        } = event
        else {
            return;
        };
        let Some(seat) = state.seats.iter_mut().find(|s| s.name == *name) else {
            return;
        };
        let was_inside = seat.pointer.as_ref().is_some_and(Pointer::is_inside);
        let touched = seat.fingers.iter().any(Option::is_some);
        seat.drop_devices(now);
        seat.take_devices(now, queue);
        if was_inside && seat.pointer.is_none() {
            let left = ShellEvent::Input(Input::PointerLeft);
            state.events.push_back(left);
        }
        if touched && !now.contains(Capability::Touch) {
            let cancelled = ShellEvent::Input(Input::TouchCancelled);
            state.events.push_back(cancelled);
        }
    }
}

impl Dispatch<WlTouch, u32> for State {
    fn event(
        state: &mut Self,
        _: &WlTouch,
        event: wl_touch::Event,
        name: &u32,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let painted = match &event {
            wl_touch::Event::Down { surface, .. } => state.paints_on(surface),
            _ => false,
        };
        let Some(seat) = state.seats.iter_mut().find(|s| s.name == *name) else {
            return;
        };
        let at = |x: f64, y: f64| Point::new(x as f32, y as f32);
        let input = match event {
            wl_touch::Event::Down { id, x, y, .. } if painted => {
                let number = seat.add_finger(id);
                number.map(|number| Input::TouchDown(number, at(x, y)))
            }
            wl_touch::Event::Motion { id, x, y, .. } => {
                let finger = seat.finger(id);
                finger.map(|(_, number)| Input::TouchMoved(number, at(x, y)))
            }
            wl_touch::Event::Up { id, .. } => seat.finger(id).map(|(place, number)| {
                seat.fingers[place] = None;
                Input::TouchUp(number)
            }),
            wl_touch::Event::Cancel => {
                let down = seat.fingers.iter().any(Option::is_some);
                seat.fingers.clear();
                down.then_some(Input::TouchCancelled)
            }
            _ => None,
        };
        state.events.extend(input.map(ShellEvent::Input));
    }
}

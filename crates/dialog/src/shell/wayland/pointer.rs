//! A seat's pointer. What it did at one moment comes as a group of events that ends with `frame`.

use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle, WEnum,
    protocol::{
        wl_pointer::{self, Axis, ButtonState, WlPointer},
        wl_surface::WlSurface,
    },
};

use super::{super::ShellEvent, cursor::Cursor, state::State};
use crate::{geometry::Point, input::Input};

/// The first button (`BTN_LEFT` of `input-event-codes.h`).
const FIRST_BUTTON: u32 = 0x110;

/// Logical pixels that one notch of a wheel scrolls: three lines of text.
const NOTCH: f32 = 48.0;

/// Events of one moment that are kept. A real one has a handful.
const MAX_IN_FRAME: usize = 64;

/// A seat's pointer.
#[derive(Debug)]
pub(super) struct Pointer {
    proxy: WlPointer,
    pub(super) cursor: Cursor,
    /// The surface of frames that it is on, and where.
    inside: Option<(WlSurface, Point)>,
    /// The serial of the latest press of the first button.
    pub(super) press: Option<u32>,
    /// What this moment has brought.
    frame: Vec<Input>,
    /// Scrolled at this moment: logical pixels, and 120ths of a notch where it is a wheel.
    pixels: f32,
    notches: i32,
}

impl Pointer {
    pub(super) fn new(proxy: WlPointer) -> Self {
        Self {
            proxy,
            cursor: Cursor::default(),
            inside: None,
            press: None,
            frame: Vec::new(),
            pixels: 0.0,
            notches: 0,
        }
    }

    /// Whether it is on the window.
    pub(super) fn is_inside(&self) -> bool {
        self.inside.is_some()
    }

    pub(super) fn release(self) {
        self.cursor.destroy();
        if self.proxy.version() >= 3 {
            self.proxy.release();
        }
    }

    fn push(&mut self, input: Input) {
        if self.frame.len() < MAX_IN_FRAME {
            self.frame.push(input);
        }
    }

    fn moved(&mut self, x: f64, y: f64) {
        if let Some((_, at)) = &mut self.inside {
            *at = Point::new(x as f32, y as f32);
            let moved = Input::PointerMoved(*at);
            match self.frame.last_mut() {
                Some(last @ Input::PointerMoved(_)) => *last = moved,
                _ => self.push(moved),
            }
        }
    }

    fn event(&mut self, event: &wl_pointer::Event, paints: bool) {
        match event {
            wl_pointer::Event::Enter {
                surface,
                surface_x,
                surface_y,
                ..
            } => {
                self.inside = paints.then(|| (surface.clone(), Point::default()));
                self.moved(*surface_x, *surface_y);
            }
            wl_pointer::Event::Leave { .. } if self.inside.take().is_some() => {
                self.push(Input::PointerLeft);
            }
            wl_pointer::Event::Motion {
                surface_x,
                surface_y,
                ..
            } => self.moved(*surface_x, *surface_y),
            wl_pointer::Event::Button {
                serial,
                button: FIRST_BUTTON,
                state: WEnum::Value(state),
                ..
            } => {
                if let Some((_, at)) = self.inside {
                    if *state == ButtonState::Pressed {
                        self.press = Some(*serial);
                        self.push(Input::PointerPressed(at));
                    } else {
                        self.push(Input::PointerReleased(at));
                    }
                }
            }
            wl_pointer::Event::Axis {
                axis: WEnum::Value(Axis::VerticalScroll),
                value,
                ..
            } => self.pixels += *value as f32,
            wl_pointer::Event::AxisDiscrete {
                axis: WEnum::Value(Axis::VerticalScroll),
                discrete,
            } => self.notches = self.notches.saturating_add(discrete.saturating_mul(120)),
            wl_pointer::Event::AxisValue120 {
                axis: WEnum::Value(Axis::VerticalScroll),
                value120,
            } => self.notches = self.notches.saturating_add(*value120),
            _ => {}
        }
    }

    /// What the moment that has ended brought.
    fn take(&mut self) -> Vec<Input> {
        let pixels = std::mem::take(&mut self.pixels);
        let notches = std::mem::take(&mut self.notches);
        let by = match notches {
            0 => pixels,
            // A wheel's pixels are the compositor's taste, its notches are not.
            notches => notches as f32 / 120.0 * NOTCH,
        };
        if by != 0.0 && self.is_inside() {
            self.push(Input::Scrolled(by));
        }
        std::mem::take(&mut self.frame)
    }
}

impl Dispatch<WlPointer, u32> for State {
    fn event(
        state: &mut Self,
        proxy: &WlPointer,
        event: wl_pointer::Event,
        seat: &u32,
        _: &Connection,
        queue: &QueueHandle<Self>,
    ) {
        let (paints, scale) = match &event {
            wl_pointer::Event::Enter { surface, .. } => {
                (state.paints_on(surface), state.cursor_scale())
            }
            _ => (false, 1),
        };
        let seat = state.seats.iter_mut().find(|s| s.name == *seat);
        let Some(pointer) = seat.and_then(|seat| seat.pointer.as_mut()) else {
            return;
        };
        // Over a backdrop, too, the cursor is ours to set.
        if let wl_pointer::Event::Enter { serial, .. } = event {
            pointer
                .cursor
                .show(&state.globals, queue, proxy, serial, scale);
        }
        let ends = matches!(event, wl_pointer::Event::Frame) || proxy.version() < 5;
        pointer.event(&event, paints);
        if ends {
            let inputs = pointer.take();
            for input in inputs {
                state.push_moving(input);
            }
        }
    }
}

impl State {
    /// Adds what the pointer did; of places that nobody has seen yet the latest counts.
    fn push_moving(&mut self, input: Input) {
        let event = ShellEvent::Input(input);
        if let (Some(last @ ShellEvent::Input(Input::PointerMoved(_))), Input::PointerMoved(_)) =
            (self.events.back_mut(), input)
        {
            *last = event;
        } else {
            self.events.push_back(event);
        }
    }
}

//! [`Inputs`]: a keyboard and a pointer that the testkit plugs into a compositor.
//!
//! To clients they are like any other: what is typed goes to whatever has the keyboard, a layer
//! surface or a locker as well as a window. Protocols zwp_virtual_keyboard_v1 and
//! zwlr_virtual_pointer_v1.

use std::{
    fs::File,
    io::Write,
    os::fd::AsFd,
    path::Path,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use rustix::fs::{MemfdFlags, memfd_create};
use wayland_client::{
    Connection, Dispatch, EventQueue, Proxy, QueueHandle, delegate_noop,
    globals::{GlobalListContents, registry_queue_init},
    protocol::{
        wl_keyboard::KeymapFormat,
        wl_output::WlOutput,
        wl_pointer::{Axis, AxisSource, ButtonState},
        wl_registry::{self, WlRegistry},
        wl_seat::WlSeat,
    },
};
use wayland_protocols::xdg::xdg_output::zv1::client::{
    zxdg_output_manager_v1::ZxdgOutputManagerV1,
    zxdg_output_v1::{self, ZxdgOutputV1},
};
use wayland_protocols_misc::zwp_virtual_keyboard_v1::client::{
    zwp_virtual_keyboard_manager_v1::ZwpVirtualKeyboardManagerV1,
    zwp_virtual_keyboard_v1::ZwpVirtualKeyboardV1,
};
use wayland_protocols_wlr::virtual_pointer::v1::client::{
    zwlr_virtual_pointer_manager_v1::ZwlrVirtualPointerManagerV1,
    zwlr_virtual_pointer_v1::ZwlrVirtualPointerV1,
};

use super::keymap;
use crate::wait::{Deadline, LIMIT};

/// BTN_LEFT of linux/input-event-codes.h.
const LEFT: u32 = 0x110;

/// How far one step of a wheel scrolls, as libinput says it.
const STEP: f64 = 15.0;

/// A keyboard and a pointer. They are unplugged when this is dropped.
#[derive(Debug)]
pub struct Inputs(Mutex<Plugged>);

#[derive(Debug)]
struct Plugged {
    queue: EventQueue<Outputs>,
    outputs: Outputs,
    keyboard: ZwpVirtualKeyboardV1,
    pointer: ZwlrVirtualPointerV1,
    /// The modifiers that are held.
    held: u32,
    since: Instant,
}

/// Where the outputs are: a pointer is placed relative to all of them.
#[derive(Debug)]
struct Outputs {
    registry: WlRegistry,
    manager: ZxdgOutputManagerV1,
    list: Vec<Output>,
}

#[derive(Debug)]
struct Output {
    name: u32,
    output: WlOutput,
    logical: ZxdgOutputV1,
    position: (i32, i32),
    size: (i32, i32),
}

impl Inputs {
    /// Plugs them into the compositor whose display is the socket `path`. A client that starts later
    /// finds them there; one that is there already has to take notice first.
    ///
    /// # Panics
    /// When the compositor does not let clients bring their own.
    #[track_caller]
    pub fn plug_into(path: &Path) -> Self {
        let deadline = Deadline::after(LIMIT);
        loop {
            match Plugged::into(&super::connect(path)) {
                Ok(plugged) => return Self(Mutex::new(plugged)),
                // A compositor may make its socket before it makes its seat.
                Err(_) if !deadline.passed() => std::thread::sleep(Duration::from_millis(1)),
                Err(error) => panic!("plugging into {}: {error}", path.display()),
            }
        }
    }

    /// Presses the keys of `chord` in this order and releases them in the opposite one. A key is
    /// called as its keysym is (`Tab`, `Escape`, `Return`, `space`, `Page_Down`, `Shift`, `Control`)
    /// or by the character on it.
    #[track_caller]
    pub fn press(&self, chord: &[&str]) {
        let codes: Vec<u32> = chord.iter().map(|name| keymap::key(name)).collect();
        self.with(|plugged| plugged.stroke(&codes));
    }

    /// Presses the key called `name` and holds it: after a moment it repeats.
    #[track_caller]
    pub fn hold_key(&self, name: &str) {
        let code = keymap::key(name);
        self.with(|plugged| plugged.key(code, true));
    }

    /// Lets the key called `name` go.
    #[track_caller]
    pub fn release_key(&self, name: &str) {
        let code = keymap::key(name);
        self.with(|plugged| plugged.key(code, false));
    }

    /// Types `text`, which a US keyboard can; a line feed is Return.
    #[track_caller]
    pub fn type_text(&self, text: &str) {
        let strokes: Vec<_> = text.chars().map(keymap::key_of).collect();
        self.with(|plugged| {
            for (code, shifted) in strokes {
                let shift: &[u32] = if shifted { &[keymap::SHIFT] } else { &[] };
                plugged.stroke(&[shift, &[code]].concat());
            }
        });
    }

    /// Moves the pointer to `x`, `y` of the compositor's layout: logical pixels, all outputs together.
    #[track_caller]
    pub fn point(&self, x: i32, y: i32) {
        self.with(|plugged| plugged.point(x, y));
    }

    /// Moves the pointer there, presses the left button and releases it.
    #[track_caller]
    pub fn click(&self, x: i32, y: i32) {
        self.with(|plugged| {
            plugged.point(x, y);
            plugged.button(ButtonState::Pressed);
            plugged.button(ButtonState::Released);
        });
    }

    /// Presses the left button where the pointer is, and holds it.
    #[track_caller]
    pub fn hold_button(&self) {
        self.with(|plugged| plugged.button(ButtonState::Pressed));
    }

    /// Lets the left button go where the pointer is.
    #[track_caller]
    pub fn release_button(&self) {
        self.with(|plugged| plugged.button(ButtonState::Released));
    }

    /// Turns the wheel by `steps` where the pointer is; positive is towards the end of a list.
    #[track_caller]
    pub fn scroll(&self, steps: i32) {
        self.with(|plugged| {
            let time = plugged.time();
            let (pointer, vertical) = (&plugged.pointer, Axis::VerticalScroll);
            pointer.axis_source(AxisSource::Wheel);
            pointer.axis_discrete(time, vertical, f64::from(steps) * STEP, steps);
            pointer.frame();
        });
    }

    /// Does it, and returns when the compositor has taken all of it in.
    #[track_caller]
    fn with(&self, act: impl FnOnce(&mut Plugged)) {
        let mut plugged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Which outputs there are now, and where.
        plugged.settle();
        plugged.settle();
        act(&mut plugged);
        plugged.settle();
    }
}

impl Plugged {
    fn into(connection: &Connection) -> Result<Self, Box<dyn std::error::Error>> {
        let (globals, mut queue) = registry_queue_init::<Outputs>(connection)?;
        let handle = queue.handle();
        let keyboards: ZwpVirtualKeyboardManagerV1 = globals.bind(&handle, 1..=1, ())?;
        let pointers: ZwlrVirtualPointerManagerV1 = globals.bind(&handle, 1..=2, ())?;
        let mut outputs = Outputs {
            registry: globals.registry().clone(),
            manager: globals.bind(&handle, 2..=3, ())?,
            list: Vec::new(),
        };
        globals.contents().with_list(|list| {
            for global in list.iter().filter(|g| g.interface == "wl_output") {
                outputs.add(global.name, &handle);
            }
        });
        // For no seat in particular: a compositor without devices may make its seat only now.
        let pointer = pointers.create_virtual_pointer(None, &handle, ());
        queue.roundtrip(&mut outputs)?;
        let seat: WlSeat = globals.bind(&handle, 1..=5, ())?;
        let keyboard = keyboards.create_virtual_keyboard(&seat, &handle, ());
        let file = memfd_create("keymap", MemfdFlags::CLOEXEC)?;
        let mut file = File::from(file);
        // Its reader takes it for a C string.
        let text = [keymap::US.as_bytes(), &[0]].concat();
        file.write_all(&text)?;
        keyboard.keymap(KeymapFormat::XkbV1 as u32, file.as_fd(), text.len() as u32);
        queue.roundtrip(&mut outputs)?;
        Ok(Self {
            queue,
            outputs,
            keyboard,
            pointer,
            held: 0,
            since: Instant::now(),
        })
    }

    #[track_caller]
    fn settle(&mut self) {
        let done = self.queue.roundtrip(&mut self.outputs);
        done.unwrap_or_else(|error| panic!("the compositor: {error}"));
    }

    fn time(&self) -> u32 {
        self.since.elapsed().as_millis() as u32
    }

    fn stroke(&mut self, codes: &[u32]) {
        for code in codes {
            self.key(*code, true);
        }
        for code in codes.iter().rev() {
            self.key(*code, false);
        }
    }

    fn key(&mut self, code: u32, down: bool) {
        self.keyboard.key(self.time(), code, down.into());
        if down {
            self.held |= keymap::modifier(code);
        } else {
            self.held &= !keymap::modifier(code);
        }
        self.keyboard.modifiers(self.held, 0, 0, 0);
    }

    fn point(&self, x: i32, y: i32) {
        let (left, top, width, height) = self.outputs.bounds();
        let (x, y) = (x - left, y - top);
        assert!(
            (0..width).contains(&x) && (0..height).contains(&y),
            "the pointer cannot go to {x},{y}: outputs are {width} by {height}"
        );
        let [x, y, width, height] = [x, y, width, height].map(i32::unsigned_abs);
        self.pointer
            .motion_absolute(self.time(), x, y, width, height);
        self.pointer.frame();
    }

    fn button(&self, state: ButtonState) {
        self.pointer.button(self.time(), LEFT, state);
        self.pointer.frame();
    }
}

impl Outputs {
    fn add(&mut self, name: u32, handle: &QueueHandle<Self>) {
        let output: WlOutput = self.registry.bind(name, 1, handle, ());
        let logical = self.manager.get_xdg_output(&output, handle, ());
        self.list.push(Output {
            name,
            output,
            logical,
            position: (0, 0),
            size: (0, 0),
        });
    }

    /// Left, top, width and height of the rectangle around all outputs.
    fn bounds(&self) -> (i32, i32, i32, i32) {
        let edge = |of: fn(&Output) -> i32| self.list.iter().map(of);
        let left = edge(|o| o.position.0).min().unwrap_or_default();
        let top = edge(|o| o.position.1).min().unwrap_or_default();
        let right = edge(|o| o.position.0 + o.size.0).max().unwrap_or_default();
        let bottom = edge(|o| o.position.1 + o.size.1).max().unwrap_or_default();
        (left, top, right - left, bottom - top)
    }
}

impl Dispatch<WlRegistry, GlobalListContents> for Outputs {
    fn event(
        state: &mut Self,
        _: &WlRegistry,
        event: wl_registry::Event,
        _: &GlobalListContents,
        _: &Connection,
        handle: &QueueHandle<Self>,
    ) {
        match event {
            wl_registry::Event::Global {
                name, interface, ..
            } if interface == WlOutput::interface().name => state.add(name, handle),
            wl_registry::Event::GlobalRemove { name } => {
                let gone = |output: &mut Output| output.name == name;
                for output in state.list.extract_if(.., gone) {
                    output.logical.destroy();
                    drop(output.output);
                }
            }
            _ => {}
        }
    }
}

impl Dispatch<ZxdgOutputV1, ()> for Outputs {
    fn event(
        state: &mut Self,
        logical: &ZxdgOutputV1,
        event: zxdg_output_v1::Event,
        _: &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let Some(output) = state.list.iter_mut().find(|o| o.logical == *logical) else {
            return;
        };
        match event {
            zxdg_output_v1::Event::LogicalPosition { x, y } => output.position = (x, y),
            zxdg_output_v1::Event::LogicalSize { width, height } => output.size = (width, height),
            _ => {}
        }
    }
}

delegate_noop!(Outputs: ignore WlOutput);
delegate_noop!(Outputs: ignore WlSeat);
delegate_noop!(Outputs: ZxdgOutputManagerV1);
delegate_noop!(Outputs: ZwpVirtualKeyboardManagerV1);
delegate_noop!(Outputs: ZwpVirtualKeyboardV1);
delegate_noop!(Outputs: ZwlrVirtualPointerManagerV1);
delegate_noop!(Outputs: ZwlrVirtualPointerV1);

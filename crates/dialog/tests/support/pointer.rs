//! A pointer of the test's own, for compositors with wlr-virtual-pointer. A headless seat has none.

use std::{os::unix::net::UnixStream, path::Path};

use wayland_client::{
    Connection, Dispatch, EventQueue, QueueHandle, delegate_noop,
    protocol::{
        wl_pointer::{Axis, AxisSource, ButtonState},
        wl_registry::{self, WlRegistry},
        wl_seat::WlSeat,
    },
};
use wayland_protocols_wlr::virtual_pointer::v1::client::{
    zwlr_virtual_pointer_manager_v1::ZwlrVirtualPointerManagerV1,
    zwlr_virtual_pointer_v1::ZwlrVirtualPointerV1,
};

#[derive(Default)]
struct State {
    manager: Option<ZwlrVirtualPointerManagerV1>,
}

/// The pointer. Dropped, it is unplugged.
pub(crate) struct VirtualPointer {
    queue: EventQueue<State>,
    state: State,
    pointer: ZwlrVirtualPointerV1,
    extent: (u32, u32),
}

impl VirtualPointer {
    /// A pointer that moves over screens of this extent, at its middle.
    #[track_caller]
    pub(crate) fn new(socket: &str, extent: (u32, u32)) -> Self {
        let stream = UnixStream::connect(Path::new(socket)).unwrap();
        let connection = Connection::from_socket(stream).unwrap();
        let mut queue = connection.new_event_queue();
        let mut state = State::default();
        connection.display().get_registry(&queue.handle(), ());
        queue.roundtrip(&mut state).unwrap();
        let manager = state.manager.as_ref().expect("wlr-virtual-pointer");
        let pointer = manager.create_virtual_pointer(None, &queue.handle(), ());
        let mut pointer = Self {
            queue,
            state,
            pointer,
            extent,
        };
        pointer.go(extent.0 / 2, extent.1 / 2);
        pointer
    }

    /// Moves it.
    pub(crate) fn go(&mut self, x: u32, y: u32) {
        let (width, height) = self.extent;
        self.pointer.motion_absolute(0, x, y, width, height);
        self.frame();
    }

    /// Presses and releases its first button.
    pub(crate) fn click(&mut self) {
        for state in [ButtonState::Pressed, ButtonState::Released] {
            self.button(state);
        }
    }

    /// Presses or releases its first button.
    pub(crate) fn button(&mut self, state: ButtonState) {
        self.pointer.button(0, 0x110, state);
        self.frame();
    }

    /// Turns its wheel by so many notches down.
    pub(crate) fn wheel(&mut self, notches: i32) {
        self.pointer.axis_source(AxisSource::Wheel);
        let value = f64::from(notches) * 15.0;
        self.pointer
            .axis_discrete(0, Axis::VerticalScroll, value, notches);
        self.frame();
    }

    fn frame(&mut self) {
        self.pointer.frame();
        self.queue.roundtrip(&mut self.state).unwrap();
    }
}

impl Dispatch<WlRegistry, ()> for State {
    fn event(
        state: &mut Self,
        registry: &WlRegistry,
        event: wl_registry::Event,
        (): &(),
        _: &Connection,
        queue: &QueueHandle<Self>,
    ) {
        if let wl_registry::Event::Global {
            name, interface, ..
        } = event
            && interface == "zwlr_virtual_pointer_manager_v1"
        {
            state.manager = Some(registry.bind(name, 1, queue, ()));
        }
    }
}

delegate_noop!(State: ignore WlSeat);
delegate_noop!(State: ZwlrVirtualPointerManagerV1);
delegate_noop!(State: ZwlrVirtualPointerV1);

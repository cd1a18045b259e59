//! The windows of a compositor without an IPC of its own: zwlr_foreign_toplevel_manager_v1.

use std::{os::fd::AsFd, path::Path, time::Duration};

use wayland_client::{
    Connection, Dispatch, EventQueue, QueueHandle, event_created_child,
    globals::{GlobalListContents, registry_queue_init},
    protocol::wl_registry::{self, WlRegistry},
};
use wayland_protocols_wlr::foreign_toplevel::v1::client::{
    zwlr_foreign_toplevel_handle_v1::{self, ZwlrForeignToplevelHandleV1},
    zwlr_foreign_toplevel_manager_v1::{self, EVT_TOPLEVEL_OPCODE, ZwlrForeignToplevelManagerV1},
};

use crate::wait::Deadline;

/// One window, as a taskbar sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Toplevel {
    /// Its `app_id`.
    pub app_id: String,
    /// Its title.
    pub title: String,
    /// Whether it is the active one.
    pub activated: bool,
}

/// The windows of the compositor whose display is the socket `path`.
#[track_caller]
pub fn toplevels(path: &Path) -> Vec<Toplevel> {
    let connection = super::connect(path);
    let (_queue, state) = listen(&connection);
    state.list()
}

/// Waits until the windows of the compositor whose display is the socket `path` are as `wanted` says.
///
/// # Panics
/// When `limit` runs out; the message lists the windows.
#[track_caller]
pub fn wait_for_toplevels(
    path: &Path,
    limit: Duration,
    wanted: impl Fn(&[Toplevel]) -> bool,
) -> Vec<Toplevel> {
    let deadline = Deadline::after(limit);
    let connection = super::connect(path);
    let (mut queue, mut state) = listen(&connection);
    loop {
        let list = state.list();
        if wanted(&list) {
            return list;
        }
        let _ = queue.flush();
        if let Some(reading) = queue.prepare_read() {
            assert!(
                deadline.readable(connection.as_fd()),
                "within {limit:?} windows stayed {list:#?}"
            );
            let _ = reading.read();
        }
        let done = queue.dispatch_pending(&mut state);
        done.unwrap_or_else(|error| panic!("the compositor: {error}"));
    }
}

#[track_caller]
fn listen(connection: &Connection) -> (EventQueue<State>, State) {
    let (globals, mut queue) =
        registry_queue_init::<State>(connection).expect("the compositor's globals");
    let manager: Result<ZwlrForeignToplevelManagerV1, _> = globals.bind(&queue.handle(), 1..=3, ());
    manager.expect("a compositor that lists windows");
    let mut state = State::default();
    // Once for the handles, and once for what is told of them.
    for _ in 0..2 {
        queue.roundtrip(&mut state).expect("the compositor lives");
    }
    (queue, state)
}

#[derive(Debug, Default)]
struct State {
    /// Each window, and whether all that belongs together has been told of it.
    windows: Vec<(ZwlrForeignToplevelHandleV1, Toplevel, bool)>,
}

impl State {
    fn list(&self) -> Vec<Toplevel> {
        let told = self.windows.iter().filter(|(.., done)| *done);
        told.map(|(_, window, _)| window.clone()).collect()
    }
}

impl Dispatch<ZwlrForeignToplevelManagerV1, ()> for State {
    fn event(
        state: &mut Self,
        _: &ZwlrForeignToplevelManagerV1,
        event: zwlr_foreign_toplevel_manager_v1::Event,
        _: &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let zwlr_foreign_toplevel_manager_v1::Event::Toplevel { toplevel } = event {
            state.windows.push((toplevel, Toplevel::default(), false));
        }
    }

    event_created_child!(State, ZwlrForeignToplevelManagerV1, [
        EVT_TOPLEVEL_OPCODE => (ZwlrForeignToplevelHandleV1, ()),
    ]);
}

impl Dispatch<ZwlrForeignToplevelHandleV1, ()> for State {
    fn event(
        state: &mut Self,
        handle: &ZwlrForeignToplevelHandleV1,
        event: zwlr_foreign_toplevel_handle_v1::Event,
        _: &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        use zwlr_foreign_toplevel_handle_v1::{Event, State as Flag};
        let Some(at) = state.windows.iter().position(|(h, ..)| h == handle) else {
            return;
        };
        let (_, window, done) = &mut state.windows[at];
        match event {
            Event::Title { title } => window.title = title,
            Event::AppId { app_id } => window.app_id = app_id,
            Event::State { state } => {
                let (flags, _) = state.as_chunks();
                let active = Flag::Activated as u32;
                window.activated = flags.iter().any(|flag| u32::from_ne_bytes(*flag) == active);
            }
            Event::Done => *done = true,
            Event::Closed => {
                handle.destroy();
                state.windows.remove(at);
            }
            _ => {}
        }
    }
}

impl Dispatch<WlRegistry, GlobalListContents> for State {
    fn event(
        _: &mut Self,
        _: &WlRegistry,
        _: wl_registry::Event,
        _: &GlobalListContents,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
    }
}

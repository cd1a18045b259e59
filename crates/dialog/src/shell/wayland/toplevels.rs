//! Whether some application's window is the active one (wlr-foreign-toplevel-management).
//!
//! Where a compositor has no ext-session-lock, a locker is an overlay like our strip, and inhibits
//! all others' input (wlr-input-inhibitor): nobody is told that the screen is locked, but then no
//! window is active any more. sway 1.7 draws the older of two overlays above, so that a strip would
//! be left to be read over a locked screen.

use wayland_client::{
    Connection, Dispatch, QueueHandle, event_created_child, protocol::wl_registry::WlRegistry,
};
use wayland_protocols_wlr::foreign_toplevel::v1::client::{
    zwlr_foreign_toplevel_handle_v1::{
        self, State as WindowState, ZwlrForeignToplevelHandleV1 as Handle,
    },
    zwlr_foreign_toplevel_manager_v1::{
        self, EVT_TOPLEVEL_OPCODE, ZwlrForeignToplevelManagerV1 as Manager,
    },
};

use super::state::State;

/// Windows that are followed: more than any desk has, less than a runaway application opens.
const MAX_WINDOWS: usize = 4096;

/// The windows of applications.
#[derive(Debug)]
pub(super) struct Toplevels {
    manager: Manager,
    /// Each, and whether it is active.
    windows: Vec<(Handle, bool)>,
}

impl Toplevels {
    /// Follows them from now on: by the number and version that their manager has in the registry.
    pub(super) fn follow(
        registry: &WlRegistry,
        (name, version): (u32, u32),
        queue: &QueueHandle<State>,
    ) -> Self {
        Self {
            manager: registry.bind(name, version.min(3), queue, ()),
            windows: Vec::new(),
        }
    }

    /// Whether one of them is active.
    pub(super) fn any_is_active(&self) -> bool {
        self.windows.iter().any(|(_, active)| *active)
    }

    /// Follows them no longer: each change of a title would wake us.
    pub(super) fn leave(self) {
        self.manager.stop();
        for (window, _) in self.windows {
            window.destroy();
        }
    }
}

impl Dispatch<Manager, ()> for State {
    fn event(
        state: &mut Self,
        manager: &Manager,
        event: zwlr_foreign_toplevel_manager_v1::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let zwlr_foreign_toplevel_manager_v1::Event::Toplevel { toplevel } = event else {
            return;
        };
        match &mut state.toplevels {
            // Of one that was left there may be more on the way.
            Some(known) if known.manager == *manager && known.windows.len() < MAX_WINDOWS => {
                known.windows.push((toplevel, false));
            }
            _ => toplevel.destroy(),
        }
    }

    event_created_child!(State, Manager, [EVT_TOPLEVEL_OPCODE => (Handle, ())]);
}

impl Dispatch<Handle, ()> for State {
    fn event(
        state: &mut Self,
        window: &Handle,
        event: zwlr_foreign_toplevel_handle_v1::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let Some(known) = &mut state.toplevels else {
            return;
        };
        match event {
            zwlr_foreign_toplevel_handle_v1::Event::State { state } => {
                let (words, _) = state.as_chunks();
                let mut states = words.iter().map(|word| u32::from_ne_bytes(*word));
                let active = states.any(|state| state == WindowState::Activated as u32);
                if let Some(found) = known.windows.iter_mut().find(|(w, _)| w == window) {
                    found.1 = active;
                }
            }
            zwlr_foreign_toplevel_handle_v1::Event::Closed => {
                known.windows.retain(|(known, _)| known != window);
                window.destroy();
            }
            _ => {}
        }
    }
}

//! Wayland windows through `zwlr_foreign_toplevel_manager_v1`, versions 1 to 3: every wlroots
//! compositor without an IPC of its own that we speak, and more (Hyprland, niri, labwc, wayfire).
//!
//! May touch the compositor's Wayland socket. The protocol tells no process: the windows of one
//! app id can be closed, and no process behind them can be named.

use std::{collections::HashMap, future::pending, io, path::Path};

use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle, event_created_child,
    protocol::{
        wl_callback::{self, WlCallback},
        wl_registry::{self, WlRegistry},
        wl_seat::{self, WlSeat},
    },
};
use wayland_protocols_wlr::foreign_toplevel::v1::client::{
    zwlr_foreign_toplevel_handle_v1::{self as handle, ZwlrForeignToplevelHandleV1 as Handle},
    zwlr_foreign_toplevel_manager_v1::{self as manager, ZwlrForeignToplevelManagerV1 as Manager},
};

use super::{
    display::{DisplayError, DisplayEvent, MAX_WINDOWS, Toplevel, WindowKey},
    ledger::Ledger,
    link::CONNECT_LIMIT,
    text,
    wayland::WaylandLink,
};

/// Requests that may wait to be written, 12 to 16 bytes each: a close for every window several
/// times over. Past it the compositor does not read.
const MAX_UNSENT: usize = 4 * MAX_WINDOWS;

/// The windows of a Wayland session.
#[derive(Debug)]
pub struct WlrToplevels {
    what: String,
    link: WaylandLink<State>,
    state: State,
}

/// What the protocol's events fill in.
#[derive(Debug, Default)]
struct State {
    manager: Option<Manager>,
    seat: Option<WlSeat>,
    windows: HashMap<WindowKey, Window>,
    /// How many of our roundtrips have come back.
    roundtrips: u32,
    ledger: Ledger,
}

/// A window, and what was said of it since the last `done`.
#[derive(Debug)]
struct Window {
    handle: Handle,
    toplevel: Toplevel,
}

impl WlrToplevels {
    /// Connects to the compositor's Wayland socket.
    ///
    /// # Errors
    /// [`DisplayError::Io`] if the socket cannot be reached or says nothing for 3 s,
    /// [`DisplayError::Unsupported`] if the compositor lacks the protocol.
    pub async fn connect(socket: &Path) -> Result<Self, DisplayError> {
        let what = format!("the compositor at {}", socket.display());
        tokio::time::timeout(CONNECT_LIMIT, Self::open(what.clone(), socket))
            .await
            .unwrap_or_else(|_| Err(DisplayError::silent(what)))
    }

    async fn open(what: String, socket: &Path) -> Result<Self, DisplayError> {
        let failed = |source| DisplayError::Io {
            what: what.clone(),
            source,
        };
        let link = WaylandLink::connect(socket).await.map_err(failed)?;
        let handle = link.handle();
        link.connection.display().get_registry(&handle, ());
        let mut this = Self {
            what: what.clone(),
            link,
            state: State::default(),
        };

        // The first tells what the compositor offers; what we then bind has told of every window
        // that exists when the second comes back.
        this.roundtrip(&handle).await.map_err(failed)?;
        if this.state.manager.is_none() {
            return Err(DisplayError::Unsupported {
                what,
                why: format!("it does not offer {}", Manager::interface().name),
            });
        }
        this.roundtrip(&handle).await.map_err(failed)?;
        Ok(this)
    }

    async fn roundtrip(&mut self, handle: &QueueHandle<State>) -> io::Result<()> {
        let awaited = self.state.roundtrips + 1;
        self.link.connection.display().sync(handle, ());
        while self.state.roundtrips < awaited {
            self.link.arrival(&mut self.state).await?;
        }
        Ok(())
    }

    /// The next event; see [`super::display::Display::next`].
    pub async fn next(&mut self) -> DisplayEvent {
        loop {
            if let Some(event) = self.state.ledger.pop() {
                return event;
            }
            if self.state.ledger.is_over() {
                return pending().await;
            }
            if let Err(error) = self.link.arrival(&mut self.state).await {
                self.state.ledger.lost(format!("{}: {error}", self.what));
            }
        }
    }

    /// An event that has already arrived.
    pub fn try_next(&mut self) -> Option<DisplayEvent> {
        if let Some(event) = self.state.ledger.pop() {
            return Some(event);
        }
        if !self.state.ledger.is_over()
            && let Err(error) = self
                .link
                .flush()
                .and_then(|_| self.link.turn(&mut self.state))
        {
            self.state.ledger.lost(format!("{}: {error}", self.what));
        }
        self.state.ledger.pop()
    }

    /// Asks the window to close.
    pub fn close(&mut self, window: WindowKey) {
        if let Some(window) = self.state.windows.get(&window) {
            window.handle.close();
            self.made(1);
        }
    }

    /// Shows the window to the user. `false`: it has gone, or there is no seat to show it on.
    pub fn activate(&mut self, window: WindowKey) -> bool {
        let Some(window) = self.state.windows.get(&window) else {
            return false;
        };
        match &self.state.seat {
            Some(seat) => {
                window.handle.unset_minimized();
                window.handle.activate(seat);
                self.made(2);
                true
            }
            None => {
                tracing::warn!("{} has no seat to activate a window with", self.what);
                false
            }
        }
    }

    /// `false`: the protocol has no way to ask.
    pub fn ping(&mut self, _window: WindowKey) -> bool {
        false
    }

    /// Sends the requests just made, as far as the socket takes them now; the rest, and the news
    /// of a broken socket, is for `next`.
    fn made(&mut self, requests: usize) {
        self.link.made(requests);
        if let Err(error) = self.link.flush() {
            tracing::debug!(%error, "a request could not be sent");
        }
        if self.link.unsent() > MAX_UNSENT {
            self.state
                .ledger
                .lost(format!("{}: it does not read what it is sent", self.what));
        }
    }
}

fn key(handle: &Handle) -> WindowKey {
    WindowKey(u64::from(handle.id().protocol_id()))
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
        // A seat or a protocol that goes away again leaves objects that do nothing: no harm.
        let wl_registry::Event::Global {
            name,
            interface,
            version,
        } = event
        else {
            return;
        };
        if interface == Manager::interface().name && state.manager.is_none() {
            state.manager = Some(registry.bind(name, version.min(3), queue, ()));
        } else if interface == WlSeat::interface().name && state.seat.is_none() {
            state.seat = Some(registry.bind(name, 1, queue, ()));
        }
    }
}

impl Dispatch<Manager, ()> for State {
    fn event(
        state: &mut Self,
        _: &Manager,
        event: manager::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            manager::Event::Toplevel { toplevel } if state.windows.len() < MAX_WINDOWS => {
                let window = Window {
                    handle: toplevel,
                    toplevel: Toplevel::default(),
                };
                state.windows.insert(key(&window.handle), window);
            }
            manager::Event::Toplevel { toplevel } => toplevel.destroy(),
            manager::Event::Finished => {
                state
                    .ledger
                    .lost("the compositor no longer tells of its windows");
            }
            _ => {}
        }
    }

    event_created_child!(Self, Manager, [
        manager::EVT_TOPLEVEL_OPCODE => (Handle, ()),
    ]);
}

impl Dispatch<Handle, ()> for State {
    fn event(
        state: &mut Self,
        handle: &Handle,
        event: handle::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let key = key(handle);
        let Some(window) = state.windows.get_mut(&key) else {
            return;
        };
        match event {
            handle::Event::Title { title } => window.toplevel.title = text::from_str(&title),
            handle::Event::AppId { app_id } => window.toplevel.app_id = text::from_str(&app_id),
            handle::Event::Parent { parent } => window.toplevel.dialog = parent.is_some(),
            // Only now do the values above belong together.
            handle::Event::Done => state.ledger.update(key, window.toplevel.clone()),
            handle::Event::Closed => {
                state.windows.remove(&key);
                state.ledger.remove(key);
                handle.destroy();
            }
            _ => {}
        }
    }
}

impl Dispatch<WlCallback, ()> for State {
    fn event(
        state: &mut Self,
        _: &WlCallback,
        event: wl_callback::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let wl_callback::Event::Done { .. } = event {
            state.roundtrips += 1;
        }
    }
}

impl Dispatch<WlSeat, ()> for State {
    fn event(
        _: &mut Self,
        _: &WlSeat,
        _: wl_seat::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        os::unix::net::UnixListener,
        thread,
    };

    use super::*;

    #[tokio::test]
    async fn a_compositor_without_the_protocol_is_named_unsupported() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wayland-0");
        let listener = UnixListener::bind(&path).unwrap();
        let compositor = thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            // get_registry (object 2) and sync (object 3), 12 bytes each.
            client.read_exact(&mut [0; 24]).unwrap();
            // No global; wl_callback.done on object 3.
            for word in [3_u32, 12 << 16, 0] {
                client.write_all(&word.to_ne_bytes()).unwrap();
            }
            client.read_to_end(&mut Vec::new()).unwrap();
        });
        let error = WlrToplevels::connect(&path).await.unwrap_err();
        assert!(matches!(error, DisplayError::Unsupported { .. }), "{error}");
        assert!(
            error
                .to_string()
                .contains("zwlr_foreign_toplevel_manager_v1"),
            "{error}"
        );
        compositor.join().unwrap();
    }
}

//! Keeping a Wayland compositor from idling: `zwp_idle_inhibit_manager_v1`, for what neither asks logind
//! nor is asked: compositors that blank by themselves, and idle daemons that go by the compositor alone.
//!
//! May touch the compositor's Wayland socket. The protocol ties it to a surface that the user sees: ours
//! is one transparent pixel on the overlay layer, that takes neither keys nor clicks. sway and Hyprland do
//! not ask for that, and have a surface that is shown nowhere: a pixel over a film in full screen would
//! cost them the shortest way to the screen.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd as _;
use std::path::Path;

use wayland_client::protocol::{
    wl_buffer::WlBuffer,
    wl_callback::{self, WlCallback},
    wl_compositor::WlCompositor,
    wl_output::WlOutput,
    wl_region::WlRegion,
    wl_registry::{self, WlRegistry},
    wl_shm::{self, WlShm},
    wl_shm_pool::WlShmPool,
    wl_surface::WlSurface,
};
use wayland_client::{Connection, Dispatch, Proxy, QueueHandle, delegate_noop};
use wayland_protocols::wp::idle_inhibit::zv1::client::{
    zwp_idle_inhibit_manager_v1::ZwpIdleInhibitManagerV1 as Manager,
    zwp_idle_inhibitor_v1::ZwpIdleInhibitorV1 as Inhibitor,
};
use wayland_protocols_wlr::layer_shell::v1::client::{
    zwlr_layer_shell_v1::{Layer, ZwlrLayerShellV1 as LayerShell},
    zwlr_layer_surface_v1::{
        self as layer_surface, Anchor, KeyboardInteractivity, ZwlrLayerSurfaceV1 as LayerSurface,
    },
};

use super::wayland::WaylandLink;
use crate::backend::compositor::{self, Ipc};

/// What the pixel's surface is called, where compositors have rules about such.
const NAMESPACE: &str = "endsession-awake";

/// How often the surface is made again for one more output: as often as outputs may go at once.
const TRIES: u32 = 8;

/// A compositor that is kept from idling as long as this is there.
#[derive(Debug)]
pub(crate) struct Inhibited {
    link: WaylandLink<State>,
    state: State,
}

/// What the protocol's events fill in.
#[derive(Debug, Default)]
struct State {
    compositor: Option<WlCompositor>,
    shm: Option<WlShm>,
    layer_shell: Option<LayerShell>,
    manager: Option<Manager>,
    shown: Option<Shown>,
    /// How many of our roundtrips have come back.
    roundtrips: u32,
    /// How often the surface may still be made, until another output comes: a compositor that closes
    /// every one must not keep us busy.
    tries: u32,
}

/// The surface, and what hangs on it.
#[derive(Debug)]
struct Shown {
    surface: WlSurface,
    layer: Option<LayerSurface>,
    inhibitor: Option<Inhibitor>,
}

impl Shown {
    fn destroy(self) {
        if let Some(inhibitor) = self.inhibitor {
            inhibitor.destroy();
        }
        if let Some(layer) = self.layer {
            layer.destroy();
        }
        self.surface.destroy();
    }
}

impl Inhibited {
    /// Begins with it. `bare`: the surface need not be shown.
    ///
    /// # Errors
    /// What is missing or broken.
    pub(crate) async fn begin(socket: &Path, bare: bool) -> Result<Self, String> {
        let bare = bare || matches!(compositor::ipc(socket).await, Some(Ipc::Hyprland(_)));
        Self::open(socket, bare).await.map_err(|e| e.to_string())
    }

    async fn open(socket: &Path, bare: bool) -> io::Result<Self> {
        let link = WaylandLink::connect(socket).await?;
        link.connection.display().get_registry(&link.handle(), ());
        let mut this = Self {
            link,
            state: State::default(),
        };
        this.roundtrip().await?;
        if this.state.manager.is_none() {
            let missing = format!("it has no {}", Manager::interface().name);
            return Err(io::Error::new(ErrorKind::Unsupported, missing));
        }
        if bare {
            this.state.layer_shell = None;
        }
        this.state.make(&this.link.handle());
        while this.state.waits() {
            this.link.arrival(&mut this.state).await?;
        }
        this.roundtrip().await?;
        Ok(this)
    }

    async fn roundtrip(&mut self) -> io::Result<()> {
        let awaited = self.state.roundtrips + 1;
        let handle = self.link.handle();
        self.link.connection.display().sync(&handle, ());
        while self.state.roundtrips < awaited {
            self.link.arrival(&mut self.state).await?;
        }
        Ok(())
    }

    /// Waits for the end of the connection, and makes the surface again where its output has gone.
    /// Cancel-safe.
    pub(crate) async fn lost(&mut self) -> io::Error {
        loop {
            if let Err(error) = self.link.arrival(&mut self.state).await {
                return error;
            }
            if self.state.shown.is_none() && self.state.tries > 0 {
                self.state.make(&self.link.handle());
            }
        }
    }
}

impl State {
    /// Whether the surface is there and waits to be shown.
    fn waits(&self) -> bool {
        self.shown.as_ref().is_some_and(|s| s.inhibitor.is_none())
    }

    /// Makes the surface: inhibited at once where it need not be shown, else once it is configured.
    fn make(&mut self, queue: &QueueHandle<Self>) {
        self.tries = self.tries.saturating_sub(1);
        let Some(compositor) = &self.compositor else {
            return;
        };
        let surface = compositor.create_surface(queue, ());
        let layer = self.layer_shell.as_ref().map(|shell| {
            let name = NAMESPACE.to_owned();
            let layer = shell.get_layer_surface(&surface, None, Layer::Overlay, name, queue, ());
            layer.set_size(1, 1);
            layer.set_anchor(Anchor::Top | Anchor::Left);
            layer.set_exclusive_zone(-1);
            layer.set_keyboard_interactivity(KeyboardInteractivity::None);
            // Nothing in it is there to be clicked at.
            let nothing = compositor.create_region(queue, ());
            surface.set_input_region(Some(&nothing));
            nothing.destroy();
            surface.commit();
            layer
        });
        let is_bare = layer.is_none();
        self.shown = Some(Shown {
            surface,
            layer,
            inhibitor: None,
        });
        if is_bare {
            self.inhibit(queue);
        }
    }

    /// Shows the pixel.
    fn show(&mut self, queue: &QueueHandle<Self>) {
        if let (Some(shm), Some(shown)) = (&self.shm, &self.shown) {
            match pixel(shm, queue) {
                Ok(buffer) => {
                    shown.surface.attach(Some(&buffer), 0, 0);
                    shown.surface.damage(0, 0, 1, 1);
                    shown.surface.commit();
                }
                Err(error) => tracing::warn!("there is no memory for a pixel: {error}"),
            }
        }
        self.inhibit(queue);
    }

    fn inhibit(&mut self, queue: &QueueHandle<Self>) {
        if let (Some(manager), Some(shown)) = (&self.manager, &mut self.shown)
            && shown.inhibitor.is_none()
        {
            let inhibitor = manager.create_inhibitor(&shown.surface, queue, ());
            shown.inhibitor = Some(inhibitor);
        }
    }
}

/// One pixel of which nothing is seen.
fn pixel(shm: &WlShm, queue: &QueueHandle<State>) -> io::Result<WlBuffer> {
    const BYTES: i32 = 4;
    let flags = rustix::fs::MemfdFlags::CLOEXEC;
    let file = rustix::fs::memfd_create("endsession-pixel", flags)?;
    // All zeros, which is transparent.
    rustix::fs::ftruncate(&file, BYTES as u64)?;
    let pool = shm.create_pool(file.as_fd(), BYTES, queue, ());
    let buffer = pool.create_buffer(0, 1, 1, BYTES, wl_shm::Format::Argb8888, queue, ());
    pool.destroy();
    Ok(buffer)
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
        let wl_registry::Event::Global {
            name,
            interface,
            version,
        } = event
        else {
            return;
        };
        if interface == WlOutput::interface().name {
            state.tries = TRIES;
        } else if interface == WlCompositor::interface().name && state.compositor.is_none() {
            state.compositor = Some(registry.bind(name, version.min(4), queue, ()));
        } else if interface == WlShm::interface().name && state.shm.is_none() {
            state.shm = Some(registry.bind(name, 1, queue, ()));
        } else if interface == LayerShell::interface().name && state.layer_shell.is_none() {
            state.layer_shell = Some(registry.bind(name, version.min(3), queue, ()));
        } else if interface == Manager::interface().name && state.manager.is_none() {
            state.manager = Some(registry.bind(name, 1, queue, ()));
        }
    }
}

impl Dispatch<LayerSurface, ()> for State {
    fn event(
        state: &mut Self,
        layer: &LayerSurface,
        event: layer_surface::Event,
        (): &(),
        _: &Connection,
        queue: &QueueHandle<Self>,
    ) {
        match event {
            layer_surface::Event::Configure { serial, .. } => {
                layer.ack_configure(serial);
                state.show(queue);
            }
            layer_surface::Event::Closed => {
                // Its output has gone.
                if let Some(shown) = state.shown.take() {
                    shown.destroy();
                }
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

delegate_noop!(State: WlCompositor);
delegate_noop!(State: WlRegion);
delegate_noop!(State: WlShmPool);
delegate_noop!(State: LayerShell);
delegate_noop!(State: Manager);
delegate_noop!(State: Inhibitor);
delegate_noop!(State: ignore WlBuffer);
delegate_noop!(State: ignore WlShm);
delegate_noop!(State: ignore WlSurface);

//! What a compositor offers, and its outputs.

use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle, WEnum, delegate_noop,
    protocol::{
        wl_compositor::WlCompositor,
        wl_output::{self, Transform, WlOutput},
        wl_registry::{self, WlRegistry},
        wl_seat::WlSeat,
        wl_shm::{self, WlShm},
        wl_shm_pool::WlShmPool,
        wl_subcompositor::WlSubcompositor,
    },
};
use wayland_protocols::{
    wp::{
        cursor_shape::v1::client::wp_cursor_shape_manager_v1::WpCursorShapeManagerV1,
        fractional_scale::v1::client::wp_fractional_scale_manager_v1::WpFractionalScaleManagerV1,
        single_pixel_buffer::v1::client::wp_single_pixel_buffer_manager_v1::WpSinglePixelBufferManagerV1,
        viewporter::client::{wp_viewport::WpViewport, wp_viewporter::WpViewporter},
    },
    xdg::{
        decoration::zv1::client::zxdg_decoration_manager_v1::ZxdgDecorationManagerV1,
        shell::client::xdg_wm_base::{self, XdgWmBase},
        xdg_output::zv1::client::{
            zxdg_output_manager_v1::ZxdgOutputManagerV1,
            zxdg_output_v1::{self, ZxdgOutputV1},
        },
    },
};
use wayland_protocols_wlr::layer_shell::v1::client::zwlr_layer_shell_v1::ZwlrLayerShellV1;

use super::{seat::Seat, state::State};

/// Outputs and seats followed: more than any desk has, less than a runaway compositor makes.
const MAX_OF_A_KIND: usize = 64;

/// What a compositor offers.
#[derive(Debug, Default)]
pub(super) struct Globals {
    pub(super) compositor: Option<WlCompositor>,
    pub(super) subcompositor: Option<WlSubcompositor>,
    pub(super) shm: Option<WlShm>,
    pub(super) viewporter: Option<WpViewporter>,
    pub(super) single_pixel: Option<WpSinglePixelBufferManagerV1>,
    pub(super) fractional: Option<WpFractionalScaleManagerV1>,
    pub(super) layer_shell: Option<ZwlrLayerShellV1>,
    pub(super) wm_base: Option<XdgWmBase>,
    pub(super) decoration: Option<ZxdgDecorationManagerV1>,
    pub(super) cursor_shape: Option<WpCursorShapeManagerV1>,
    xdg_output: Option<ZxdgOutputManagerV1>,
    /// Where the windows of others can be followed: the registry, the number in it, the version.
    pub(super) toplevels: Option<(WlRegistry, u32, u32)>,
    /// It hides everything by itself while the screen is locked.
    pub(super) locks: bool,
}

/// An output.
#[derive(Debug)]
pub(super) struct Output {
    /// Its number in the registry.
    name: u32,
    pub(super) proxy: WlOutput,
    xdg: Option<ZxdgOutputV1>,
    /// Pixels of it that are one logical pixel, rounded up where that is a fraction.
    pub(super) scale: i32,
    mode: (i32, i32),
    sideways: bool,
    logical: Option<(i32, i32)>,
}

impl Output {
    /// Its size in logical pixels, where it is known.
    pub(super) fn size(&self) -> Option<(u32, u32)> {
        let (width, height) = self.logical.unwrap_or_else(|| {
            let (width, height) = (self.mode.0 / self.scale, self.mode.1 / self.scale);
            if self.sideways {
                (height, width)
            } else {
                (width, height)
            }
        });
        let side = |length| u32::try_from(length).ok().filter(|length| *length > 0);
        Some((side(width)?, side(height)?))
    }
}

impl State {
    fn bind(&mut self, registry: &WlRegistry, name: u32, interface: &str, version: u32) {
        let queue = &self.queue.clone();
        let globals = &mut self.globals;
        /// Binds a global into its place, at most at the version that this code knows.
        macro_rules! take {
            ($field:ident, $newest:expr) => {
                globals.$field = Some(registry.bind(name, version.min($newest), queue, ()))
            };
        }
        match interface {
            "wl_compositor" => take!(compositor, 6),
            "wl_subcompositor" => take!(subcompositor, 1),
            "wl_shm" => take!(shm, 1),
            "wp_viewporter" => take!(viewporter, 1),
            "wp_single_pixel_buffer_manager_v1" => take!(single_pixel, 1),
            "wp_fractional_scale_manager_v1" => take!(fractional, 1),
            "zwlr_layer_shell_v1" => take!(layer_shell, 4),
            "xdg_wm_base" => take!(wm_base, 5),
            "zxdg_decoration_manager_v1" => take!(decoration, 1),
            "wp_cursor_shape_manager_v1" => take!(cursor_shape, 1),
            "zwlr_foreign_toplevel_manager_v1" => {
                globals.toplevels = Some((registry.clone(), name, version));
            }
            "ext_session_lock_manager_v1" => globals.locks = true,
            "zxdg_output_manager_v1" => {
                take!(xdg_output, 3);
                self.ask_logical_sizes();
            }
            "wl_output" if self.outputs.len() < MAX_OF_A_KIND => {
                let proxy = registry.bind(name, version.min(4), queue, ());
                self.outputs.push(Output {
                    name,
                    proxy,
                    xdg: None,
                    scale: 1,
                    mode: (0, 0),
                    sideways: false,
                    logical: None,
                });
                self.ask_logical_sizes();
            }
            "wl_seat" if self.seats.len() < MAX_OF_A_KIND => {
                let proxy: WlSeat = registry.bind(name, version.min(9), queue, name);
                self.seats.push(Seat::new(name, proxy));
            }
            _ => {}
        }
    }

    fn ask_logical_sizes(&mut self) {
        if let Some(manager) = &self.globals.xdg_output {
            for output in self.outputs.iter_mut().filter(|o| o.xdg.is_none()) {
                let id = output.proxy.clone();
                output.xdg = Some(manager.get_xdg_output(&output.proxy, &self.queue, id));
            }
        }
    }

    fn unbind(&mut self, name: u32) {
        if let Some(index) = self.outputs.iter().position(|o| o.name == name) {
            let output = self.outputs.remove(index);
            self.output_gone(&output.proxy);
            if let Some(xdg) = output.xdg {
                xdg.destroy();
            }
            if output.proxy.version() >= 3 {
                output.proxy.release();
            }
        }
        if let Some(index) = self.seats.iter().position(|seat| seat.name == name) {
            self.seats.remove(index).release();
        }
    }

    pub(super) fn output(&self, proxy: &WlOutput) -> Option<&Output> {
        self.outputs.iter().find(|output| output.proxy == *proxy)
    }
}

impl Dispatch<WlRegistry, ()> for State {
    fn event(
        state: &mut Self,
        registry: &WlRegistry,
        event: wl_registry::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            wl_registry::Event::Global {
                name,
                interface,
                version,
            } => state.bind(registry, name, &interface, version),
            wl_registry::Event::GlobalRemove { name } => state.unbind(name),
            _ => {}
        }
    }
}

impl Dispatch<WlOutput, ()> for State {
    fn event(
        state: &mut Self,
        proxy: &WlOutput,
        event: wl_output::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let Some(output) = state.outputs.iter_mut().find(|o| o.proxy == *proxy) else {
            return;
        };
        match event {
            wl_output::Event::Scale { factor } => output.scale = factor.max(1),
            wl_output::Event::Mode {
                flags: WEnum::Value(flags),
                width,
                height,
                ..
            } if flags.contains(wl_output::Mode::Current) => output.mode = (width, height),
            wl_output::Event::Geometry {
                transform: WEnum::Value(transform),
                ..
            } => {
                output.sideways = matches!(
                    transform,
                    Transform::_90 | Transform::_270 | Transform::Flipped90 | Transform::Flipped270
                );
            }
            _ => {}
        }
    }
}

impl Dispatch<ZxdgOutputV1, WlOutput> for State {
    fn event(
        state: &mut Self,
        _: &ZxdgOutputV1,
        event: zxdg_output_v1::Event,
        proxy: &WlOutput,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let zxdg_output_v1::Event::LogicalSize { width, height } = event
            && let Some(output) = state.outputs.iter_mut().find(|o| o.proxy == *proxy)
        {
            output.logical = Some((width, height));
        }
    }
}

impl Dispatch<XdgWmBase, ()> for State {
    fn event(
        _: &mut Self,
        base: &XdgWmBase,
        event: xdg_wm_base::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let xdg_wm_base::Event::Ping { serial } = event {
            base.pong(serial);
        }
    }
}

impl Dispatch<WlShm, ()> for State {
    fn event(
        _: &mut Self,
        _: &WlShm,
        _: wl_shm::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        // Every compositor takes ARGB, which is all that is used.
    }
}

delegate_noop!(State: WlCompositor);
delegate_noop!(State: WlSubcompositor);
delegate_noop!(State: WlShmPool);
delegate_noop!(State: WpViewporter);
delegate_noop!(State: WpViewport);
delegate_noop!(State: WpSinglePixelBufferManagerV1);
delegate_noop!(State: WpFractionalScaleManagerV1);
delegate_noop!(State: ZwlrLayerShellV1);
delegate_noop!(State: ZxdgDecorationManagerV1);
delegate_noop!(State: WpCursorShapeManagerV1);
delegate_noop!(State: ZxdgOutputManagerV1);

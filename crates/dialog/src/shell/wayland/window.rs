//! An ordinary window (xdg-shell): the third form, and every form where the compositor has no layer
//! shell.

use std::collections::VecDeque;

use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle,
    protocol::{wl_seat::WlSeat, wl_surface::WlSurface},
};
use wayland_protocols::xdg::{
    decoration::zv1::client::zxdg_toplevel_decoration_v1::{Mode, ZxdgToplevelDecorationV1},
    shell::client::{
        xdg_surface::{self, XdgSurface},
        xdg_toplevel::{self, XdgToplevel},
    },
};

use super::{
    super::{Names, ShellEvent},
    canvas::Canvas,
    globals::Globals,
    state::{Stage, State},
};

/// An ordinary window.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) canvas: Canvas,
    xdg: XdgSurface,
    toplevel: XdgToplevel,
    decoration: Option<ZxdgToplevelDecorationV1>,
    /// What came since the last `configure` of the surface, which makes it true.
    coming: Wish,
    /// What the compositor wants; None before it said anything.
    wish: Option<Wish>,
    /// A `configure` was acknowledged, and no commit has followed: compositors hold a change back
    /// until then.
    unanswered: bool,
    /// The latest sizes that we chose. sway calls floating windows tiled and sends them their own
    /// size back: that is no wish.
    own: VecDeque<(u32, u32)>,
}

/// Own sizes that may still be under way back to us.
const MAX_OWN: usize = 4;

/// What a compositor wants of a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Wish {
    /// The size; zero where that is ours to choose.
    size: (u32, u32),
    /// It is tiled, maximized or fullscreen: the size is not a mere proposal.
    fixed: bool,
    /// The largest that is sensible; zero where nobody said.
    bounds: (u32, u32),
}

impl Window {
    pub(super) fn new(
        globals: &Globals,
        queue: &QueueHandle<State>,
        names: &Names,
        seen: bool,
    ) -> Option<Self> {
        let base = globals.wm_base.as_ref()?;
        let canvas = Canvas::new(globals, queue, seen)?;
        let xdg = base.get_xdg_surface(&canvas.surface, queue, ());
        let toplevel = xdg.get_toplevel(queue, ());
        toplevel.set_app_id(names.app_id.clone());
        toplevel.set_title(names.title.clone());
        let decoration = globals.decoration.as_ref().map(|manager| {
            let decoration = manager.get_toplevel_decoration(&toplevel, queue, ());
            decoration.set_mode(Mode::ServerSide);
            decoration
        });
        canvas.surface.commit();
        Some(Self {
            canvas,
            xdg,
            toplevel,
            decoration,
            coming: Wish::default(),
            wish: None,
            unanswered: false,
            own: VecDeque::new(),
        })
    }

    /// The room for the window and whether it has to be just that, once the compositor has said so.
    /// `output` is the size of an output.
    pub(super) fn room(&self, output: Option<(u32, u32)>) -> Option<((u32, u32), bool)> {
        let wish = self.wish?;
        if self.is_fixed() {
            return Some((wish.size, true));
        }
        let known = |size: (u32, u32)| (size.0 > 0 && size.1 > 0).then_some(size);
        // Without any word of it, the smallest screen that is still in use.
        let room = known(wish.bounds).or(output).unwrap_or((1024, 600));
        Some((room, false))
    }

    /// Whether the compositor insists on a size.
    fn is_fixed(&self) -> bool {
        self.wish.is_some_and(|wish| {
            wish.fixed && wish.size.0 > 0 && wish.size.1 > 0 && !self.own.contains(&wish.size)
        })
    }

    /// Fixes the size to that of the frame that was attached; the caller commits.
    pub(super) fn prepare(&mut self) {
        self.unanswered = false;
        let (width, height) = self.canvas.size();
        if !self.is_fixed() && self.own.back() != Some(&(width, height)) {
            while self.own.len() >= MAX_OWN {
                self.own.pop_front();
            }
            self.own.push_back((width, height));
        }
        let (width, height) = (width as i32, height as i32);
        self.toplevel.set_min_size(width, height);
        self.toplevel.set_max_size(width, height);
        self.xdg.set_window_geometry(0, 0, width, height);
    }

    /// Lets a `configure` that changes nothing for us take effect.
    pub(super) fn answer(&mut self) {
        if std::mem::take(&mut self.unanswered) && self.canvas.is_painted() {
            self.canvas.surface.commit();
        }
    }

    pub(super) fn set_title(&self, title: &str) {
        self.toplevel.set_title(title.to_owned());
    }

    /// The user drags it from now on, by the press with this serial.
    pub(super) fn begin_move(&self, seat: &WlSeat, serial: u32) {
        self.toplevel._move(seat, serial);
    }

    pub(super) fn owns(&self, surface: &WlSurface) -> bool {
        self.canvas.surface == *surface
    }

    pub(super) fn destroy(&mut self) {
        if let Some(decoration) = self.decoration.take() {
            decoration.destroy();
        }
        self.toplevel.destroy();
        self.xdg.destroy();
        self.canvas.destroy();
    }
}

impl Dispatch<XdgSurface, ()> for State {
    fn event(
        state: &mut Self,
        xdg: &XdgSurface,
        event: xdg_surface::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let xdg_surface::Event::Configure { serial } = event {
            xdg.ack_configure(serial);
            if let Some(Stage::Window(window)) = &mut state.stage
                && window.xdg == *xdg
            {
                window.wish = Some(window.coming);
                window.unanswered = true;
            }
        }
    }
}

impl Dispatch<XdgToplevel, ()> for State {
    fn event(
        state: &mut Self,
        toplevel: &XdgToplevel,
        event: xdg_toplevel::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let window = match &mut state.stage {
            Some(Stage::Window(window)) if window.toplevel == *toplevel => window,
            _ => return,
        };
        let side = |length: i32| u32::try_from(length).unwrap_or(0);
        match event {
            xdg_toplevel::Event::Configure {
                width,
                height,
                states,
            } => {
                window.coming.size = (side(width), side(height));
                window.coming.fixed = states.chunks_exact(4).any(|word| {
                    let state = u32::from_ne_bytes([word[0], word[1], word[2], word[3]]);
                    is_fixing(state)
                });
            }
            xdg_toplevel::Event::ConfigureBounds { width, height } => {
                window.coming.bounds = (side(width), side(height));
            }
            xdg_toplevel::Event::Close => state.events.push_back(ShellEvent::CloseRequested),
            _ => {}
        }
    }
}

/// Whether a state of a toplevel takes its size out of our hands.
fn is_fixing(state: u32) -> bool {
    use xdg_toplevel::State as S;
    let fixing = [
        S::Maximized,
        S::Fullscreen,
        S::TiledLeft,
        S::TiledRight,
        S::TiledTop,
        S::TiledBottom,
    ];
    fixing.into_iter().any(|fixing| u32::from(fixing) == state)
}

impl Dispatch<ZxdgToplevelDecorationV1, ()> for State {
    fn event(
        _: &mut Self,
        proxy: &ZxdgToplevelDecorationV1,
        _: <ZxdgToplevelDecorationV1 as Proxy>::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        // A compositor that draws no decoration is obeyed by not drawing any either.
        tracing::trace!(decoration = %proxy.id(), "the compositor chose");
    }
}

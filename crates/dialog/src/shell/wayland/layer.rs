//! The sheet and the strip, on layer surfaces (wlr-layer-shell).
//!
//! A sheet is a backdrop on every output, and the card that frames are painted on is a subsurface
//! of the backdrop on the output that the compositor chose: so the card can be of any size at any
//! time, and a click beside it is ours too. A strip is one surface at the top edge, which keeps
//! room for itself.

use wayland_client::{
    Connection, Dispatch, Proxy, QueueHandle, delegate_noop,
    protocol::{
        wl_buffer::WlBuffer, wl_output::WlOutput, wl_subsurface::WlSubsurface,
        wl_surface::WlSurface,
    },
};
use wayland_protocols::wp::viewporter::client::wp_viewport::WpViewport;
use wayland_protocols_wlr::layer_shell::v1::client::{
    zwlr_layer_shell_v1::Layer,
    zwlr_layer_surface_v1::{self, Anchor, KeyboardInteractivity, ZwlrLayerSurfaceV1},
};

use super::{
    buffers,
    canvas::Canvas,
    globals::Globals,
    state::{Stage, State},
};

/// What our layer surfaces are called, for a compositor's rules.
const NAMESPACE: &str = "endsession";

/// The side of the buffer that is drawn out. One pixel would do, but for compositors that count in
/// fractions of 65536 (wlroots with pixman): from 3840 pixels in one they step past its end before
/// they reach the output's, and leave its last lines bare.
const DRAWN_OUT: u32 = 256;

/// Half black.
const DIM: u32 = 0x8000_0000;

/// A layer surface that covers an output and dims it.
#[derive(Debug)]
pub(super) struct Backdrop {
    /// None: where the compositor wants it.
    pub(super) output: Option<WlOutput>,
    pub(super) surface: WlSurface,
    layer: ZwlrLayerSurfaceV1,
    viewport: Option<WpViewport>,
    /// What the compositor gave it; zero before it did.
    size: (u32, u32),
    /// The size that it was dimmed for.
    dimmed: (u32, u32),
    /// A `configure` was acknowledged, and no commit has followed.
    unanswered: bool,
    buffer: Option<WlBuffer>,
}

impl Backdrop {
    fn new(
        globals: &Globals,
        queue: &QueueHandle<State>,
        output: Option<WlOutput>,
        keyboard: KeyboardInteractivity,
    ) -> Option<Self> {
        let surface = globals.compositor.as_ref()?.create_surface(queue, ());
        let viewport = globals
            .viewporter
            .as_ref()
            .map(|viewporter| viewporter.get_viewport(&surface, queue, ()));
        let layer = layer_surface(globals, queue, &surface, output.as_ref())?;
        layer.set_anchor(Anchor::all());
        // Over bars, too.
        layer.set_exclusive_zone(-1);
        layer.set_keyboard_interactivity(keyboard);
        surface.commit();
        Some(Self {
            output,
            surface,
            layer,
            viewport,
            size: (0, 0),
            dimmed: (0, 0),
            unanswered: false,
            buffer: None,
        })
    }

    /// Whether it has a size that it was not dimmed for.
    fn is_bare(&self) -> bool {
        self.size != (0, 0) && self.size != self.dimmed
    }

    /// Dims the output, once the compositor has said how large it is.
    fn dim(&mut self, globals: &Globals, queue: &QueueHandle<State>) {
        let unanswered = std::mem::take(&mut self.unanswered);
        if !self.is_bare() {
            if unanswered {
                self.surface.commit();
            }
            return;
        }
        // A small buffer, drawn out over the output: one of its size would be megabytes.
        let pixel = self.viewport.as_ref().map(|viewport| {
            viewport.set_destination(self.size.0 as i32, self.size.1 as i32);
            (DRAWN_OUT, DRAWN_OUT)
        });
        if self.buffer.is_none() || pixel.is_none() {
            if let Some(old) = self.buffer.take() {
                old.destroy();
            }
            let size = pixel.unwrap_or(self.size);
            self.buffer = match (&globals.single_pixel, pixel, &globals.shm) {
                (Some(manager), Some(_), _) => {
                    Some(manager.create_u32_rgba_buffer(0, 0, 0, DIM, queue, ()))
                }
                (_, _, Some(shm)) => buffers::flat(shm, queue, size, DIM)
                    .inspect_err(|error| tracing::error!("no memory for a backdrop: {error}"))
                    .ok(),
                _ => None,
            };
        }
        self.surface.attach(self.buffer.as_ref(), 0, 0);
        self.surface
            .damage(0, 0, self.size.0 as i32, self.size.1 as i32);
        self.surface.commit();
        self.dimmed = self.size;
    }

    fn set_rank(&self, rank: Layer) {
        if self.layer.version() >= 2 {
            self.layer.set_layer(rank);
            self.surface.commit();
        }
    }

    fn destroy(&mut self) {
        if let Some(viewport) = self.viewport.take() {
            viewport.destroy();
        }
        self.layer.destroy();
        self.surface.destroy();
        if let Some(buffer) = self.buffer.take() {
            buffer.destroy();
        }
    }
}

/// A backdrop on every output, and a card.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) primary: Backdrop,
    others: Vec<Backdrop>,
    /// Outputs whose backdrop the compositor took away: it does not want one there.
    bare: Vec<WlOutput>,
    pub(super) card: Canvas,
    place: WlSubsurface,
    at: Option<(i32, i32)>,
    /// It went below overlays, for somebody took the keyboard from it.
    pub(super) below: bool,
}

impl Sheet {
    pub(super) fn new(globals: &Globals, queue: &QueueHandle<State>, seen: bool) -> Option<Self> {
        let subcompositor = globals.subcompositor.as_ref()?;
        let keyboard = KeyboardInteractivity::Exclusive;
        let primary = Backdrop::new(globals, queue, None, keyboard)?;
        let card = Canvas::new(globals, queue, seen)?;
        let place = subcompositor.get_subsurface(&card.surface, &primary.surface, queue, ());
        place.set_desync();
        Some(Self {
            primary,
            others: Vec::new(),
            bare: Vec::new(),
            card,
            place,
            at: None,
            below: false,
        })
    }

    /// The size of the output, once the compositor has told it.
    pub(super) fn room(&self) -> Option<(u32, u32)> {
        (self.primary.size != (0, 0)).then_some(self.primary.size)
    }

    /// Shows what is not shown yet: backdrops, and the card in its place. Nothing before there is a
    /// frame on the card.
    pub(super) fn settle(&mut self, globals: &Globals, queue: &QueueHandle<State>) {
        if !self.card.is_painted() {
            return;
        }
        let (width, height) = self.card.size();
        let middle = |room: u32, size: u32| (room as i32 - size as i32) / 2;
        let at = (
            middle(self.primary.size.0, width),
            middle(self.primary.size.1, height),
        );
        if self.at != Some(at) {
            self.at = Some(at);
            self.place.set_position(at.0, at.1);
            // A subsurface moves when its parent is committed.
            if !self.primary.is_bare() {
                self.primary.surface.commit();
            }
        }
        self.primary.dim(globals, queue);
        for backdrop in &mut self.others {
            backdrop.dim(globals, queue);
        }
    }

    /// Covers the outputs besides the one that the card is on.
    pub(super) fn cover(
        &mut self,
        globals: &Globals,
        queue: &QueueHandle<State>,
        outputs: &[WlOutput],
    ) {
        self.others.retain_mut(|backdrop| {
            let keep = backdrop
                .output
                .as_ref()
                .is_some_and(|o| outputs.contains(o));
            if !keep {
                backdrop.destroy();
            }
            keep
        });
        self.bare.retain(|output| outputs.contains(output));
        for output in outputs {
            let covered = |b: &Backdrop| b.output.as_ref() == Some(output);
            if self.others.iter().any(covered) || self.bare.contains(output) {
                continue;
            }
            let keyboard = KeyboardInteractivity::None;
            let backdrop = Backdrop::new(globals, queue, Some(output.clone()), keyboard);
            if let Some(backdrop) = backdrop {
                if self.below {
                    backdrop.set_rank(Layer::Top);
                }
                self.others.push(backdrop);
            }
        }
    }

    /// Goes below overlays, or above all else again.
    ///
    /// Where there is no ext-session-lock, lockers are overlays like ours, and sway 1.7 draws the
    /// older one above: a sheet would be seen, and could be answered, over a locked screen.
    pub(super) fn step_down(&mut self, below: bool) {
        if self.below != below {
            self.below = below;
            let rank = rank(below);
            self.primary.set_rank(rank);
            for backdrop in &self.others {
                backdrop.set_rank(rank);
            }
        }
    }

    /// Lets go of the keyboard at once, because another form takes over.
    pub(super) fn release_keyboard(&self) {
        let layer = &self.primary.layer;
        layer.set_keyboard_interactivity(KeyboardInteractivity::None);
        self.primary.surface.commit();
    }

    pub(super) fn owns(&self, surface: &WlSurface) -> bool {
        self.card.surface == *surface
            || self.primary.surface == *surface
            || self.others.iter().any(|b| b.surface == *surface)
    }

    pub(super) fn destroy(&mut self) {
        self.place.destroy();
        self.card.destroy();
        self.primary.destroy();
        for backdrop in &mut self.others {
            backdrop.destroy();
        }
    }
}

/// A surface at the top edge of an output.
#[derive(Debug)]
pub(super) struct Strip {
    pub(super) canvas: Canvas,
    layer: ZwlrLayerSurfaceV1,
    /// The output's size, as the compositor told it before the first frame.
    pub(super) output: Option<(u32, u32)>,
    /// The size it asked for.
    asked: (u32, u32),
    keyboard: KeyboardInteractivity,
    /// It went below overlays, for the screen may be locked.
    below: bool,
}

impl Strip {
    pub(super) fn new(globals: &Globals, queue: &QueueHandle<State>, seen: bool) -> Option<Self> {
        let canvas = Canvas::new(globals, queue, seen)?;
        let layer = layer_surface(globals, queue, &canvas.surface, None)?;
        // To learn how large the output is. It is at its edge from the first frame on.
        layer.set_anchor(Anchor::all());
        layer.set_exclusive_zone(-1);
        // Not even on demand: sway 1.7 takes that for exclusive, and would starve the window that
        // the user has to answer.
        layer.set_keyboard_interactivity(KeyboardInteractivity::None);
        canvas.surface.commit();
        Some(Self {
            canvas,
            layer,
            output: None,
            asked: (0, 0),
            keyboard: KeyboardInteractivity::None,
            below: false,
        })
    }

    /// Goes to the edge, as high as the frame that was attached; the caller commits.
    pub(super) fn prepare(&mut self) {
        let size = self.canvas.size();
        if self.asked != size {
            self.asked = size;
            self.layer.set_anchor(Anchor::Top);
            self.layer.set_size(size.0, size.1);
            self.layer.set_exclusive_zone(size.1 as i32);
        }
    }

    /// Goes below overlays, as [`Sheet::step_down`] does, or above all else again.
    pub(super) fn step_down(&mut self, below: bool) {
        if self.below != below && self.layer.version() >= 2 {
            self.below = below;
            self.layer.set_layer(rank(below));
            // The first frame brings it along.
            if self.canvas.is_painted() {
                self.canvas.surface.commit();
            }
        }
    }

    /// Takes the keyboard: the user clicked.
    pub(super) fn take_keyboard(&mut self) {
        self.set_keyboard(KeyboardInteractivity::Exclusive);
    }

    /// Has the keyboard no longer than it should. `inside`: the pointer is on the strip still;
    /// `focused`: it has got the keyboard.
    pub(super) fn yield_keyboard(&mut self, inside: bool, focused: bool) {
        if self.keyboard == KeyboardInteractivity::None {
            return;
        }
        if !inside {
            // The user is on the way to the window that waits for an answer.
            self.set_keyboard(KeyboardInteractivity::None);
        } else if focused && self.layer.version() >= 4 {
            // It stays until the user clicks elsewhere.
            self.set_keyboard(KeyboardInteractivity::OnDemand);
        }
    }

    fn set_keyboard(&mut self, keyboard: KeyboardInteractivity) {
        if self.keyboard != keyboard {
            self.keyboard = keyboard;
            self.layer.set_keyboard_interactivity(keyboard);
            self.canvas.surface.commit();
        }
    }

    pub(super) fn destroy(&mut self) {
        self.layer.destroy();
        self.canvas.destroy();
    }
}

/// Where a surface is, below overlays or among them.
fn rank(below: bool) -> Layer {
    if below { Layer::Top } else { Layer::Overlay }
}

/// A layer surface that is seen over fullscreen windows.
fn layer_surface(
    globals: &Globals,
    queue: &QueueHandle<State>,
    surface: &WlSurface,
    output: Option<&WlOutput>,
) -> Option<ZwlrLayerSurfaceV1> {
    let shell = globals.layer_shell.as_ref()?;
    let namespace = NAMESPACE.to_owned();
    Some(shell.get_layer_surface(surface, output, Layer::Overlay, namespace, queue, ()))
}

impl Dispatch<ZwlrLayerSurfaceV1, ()> for State {
    fn event(
        state: &mut Self,
        layer: &ZwlrLayerSurfaceV1,
        event: zwlr_layer_surface_v1::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        match event {
            zwlr_layer_surface_v1::Event::Configure {
                serial,
                width,
                height,
            } => {
                layer.ack_configure(serial);
                state.layer_configured(layer, (width, height));
            }
            zwlr_layer_surface_v1::Event::Closed => state.layer_closed(layer),
            _ => {}
        }
    }
}

impl State {
    fn layer_configured(&mut self, layer: &ZwlrLayerSurfaceV1, size: (u32, u32)) {
        self.rebuilt = 0;
        match &mut self.stage {
            Some(Stage::Sheet(sheet)) => {
                let mut backdrops = std::iter::once(&mut sheet.primary).chain(&mut sheet.others);
                if let Some(backdrop) = backdrops.find(|b| b.layer == *layer) {
                    backdrop.size = size;
                    backdrop.unanswered = true;
                }
            }
            Some(Stage::Strip(strip)) if strip.layer == *layer => {
                if strip.canvas.is_painted() {
                    // Acknowledged, and it changes nothing: the size is ours.
                    strip.canvas.surface.commit();
                } else {
                    strip.output = Some(size);
                }
            }
            _ => {}
        }
    }

    /// The compositor took a layer surface away: most often its output is gone.
    fn layer_closed(&mut self, layer: &ZwlrLayerSurfaceV1) {
        match &mut self.stage {
            Some(Stage::Sheet(sheet)) if sheet.primary.layer != *layer => {
                sheet.others.retain_mut(|backdrop| {
                    let closed = backdrop.layer == *layer;
                    if closed {
                        sheet.bare.extend(backdrop.output.take());
                        backdrop.destroy();
                    }
                    !closed
                });
            }
            Some(Stage::Sheet(_)) => self.homeless = true,
            Some(Stage::Strip(strip)) if strip.layer == *layer => self.homeless = true,
            // One that is about to go anyway.
            _ => {}
        }
    }
}

delegate_noop!(State: WlSubsurface);

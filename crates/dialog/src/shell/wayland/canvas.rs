//! A surface that frames are painted on, whatever its role: when it takes another frame, and
//! whether the last one was really shown.

use std::time::{Duration, Instant};

use tiny_skia::PixmapMut;
use wayland_client::{
    Proxy, QueueHandle,
    protocol::{wl_buffer::WlBuffer, wl_callback::WlCallback, wl_surface::WlSurface},
};
use wayland_protocols::wp::{
    fractional_scale::v1::client::wp_fractional_scale_v1::WpFractionalScaleV1,
    viewporter::client::wp_viewport::WpViewport,
};

use super::{buffers::Buffers, globals::Globals, state::State};

/// A frame that a compositor has not shown for so long is not seen: the screen is locked or off,
/// or the surface is on no output. A shown one takes a fiftieth of that.
pub(super) const FRAME_LIMIT: Duration = Duration::from_secs(1);

/// The widest and highest frame painted, in pixels of the display: beyond any screen.
const MAX_SIDE: u32 = 16384;

/// What a callback of the compositor's is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Callback {
    /// All that was sent before has been answered.
    Synced,
    /// A frame of a canvas was shown.
    Frame,
}

/// A frame that the compositor has not shown yet.
#[derive(Debug)]
struct Awaited {
    callback: WlCallback,
    /// When it counts as not seen; None once it does.
    until: Option<Instant>,
    /// Nobody waits for it: it only tells whether the surface is seen.
    probe: bool,
    /// Another frame was refused meanwhile.
    refused: bool,
}

/// What a shown frame means for whoever paints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// Not a frame of this canvas.
    Foreign,
    /// Another may be painted.
    Frame,
    /// Nothing: nobody asked.
    Probe,
}

/// A surface that frames are painted on.
#[derive(Debug)]
pub(super) struct Canvas {
    pub(super) surface: WlSurface,
    viewport: Option<WpViewport>,
    fractional: Option<WpFractionalScaleV1>,
    buffers: Buffers,
    /// Of the last frame, in logical pixels; zero before the first.
    size: (u32, u32),
    awaited: Option<Awaited>,
    /// A frame was shown, and none since has been waited for in vain.
    seen: bool,
}

impl Canvas {
    /// An empty surface. `seen`: it takes the place of one that the user sees.
    pub(super) fn new(globals: &Globals, queue: &QueueHandle<State>, seen: bool) -> Option<Self> {
        let surface = globals.compositor.as_ref()?.create_surface(queue, ());
        let viewport = globals
            .viewporter
            .as_ref()
            .map(|viewporter| viewporter.get_viewport(&surface, queue, ()));
        // A fraction is of no use to a surface that cannot be scaled to it.
        let fractional = globals
            .fractional
            .as_ref()
            .filter(|_| viewport.is_some())
            .map(|manager| manager.get_fractional_scale(&surface, queue, surface.clone()));
        Some(Self {
            surface,
            viewport,
            fractional,
            buffers: Buffers::default(),
            size: (0, 0),
            awaited: None,
            seen,
        })
    }

    /// The last frame's size in logical pixels.
    pub(super) fn size(&self) -> (u32, u32) {
        self.size
    }

    /// Whether a frame was ever painted.
    pub(super) fn is_painted(&self) -> bool {
        self.size != (0, 0)
    }

    /// Whether the last frame was shown, as far as is known.
    pub(super) fn is_seen(&self) -> bool {
        self.seen
    }

    /// When a frame that is not shown will count as not seen.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.awaited.as_ref().and_then(|awaited| awaited.until)
    }

    /// Takes note of the time.
    pub(super) fn at(&mut self, now: Instant) {
        if let Some(awaited) = &mut self.awaited
            && awaited.until.is_some_and(|until| until <= now)
        {
            awaited.until = None;
            self.seen = false;
        }
    }

    /// Paints a frame and attaches it; the caller commits. `false`: the display has not taken the
    /// last one, and nothing was painted.
    pub(super) fn paint(
        &mut self,
        globals: &Globals,
        queue: &QueueHandle<State>,
        size: (u32, u32),
        scale: f32,
        paint: &mut dyn FnMut(&mut PixmapMut<'_>, f32),
    ) -> bool {
        if let Some(awaited) = &mut self.awaited {
            awaited.refused = true;
            return false;
        }
        let Some(shm) = &globals.shm else {
            return false;
        };
        let pixels = (pixels(size.0, scale), pixels(size.1, scale));
        let mut bytes = vec![0; pixels.0 as usize * pixels.1 as usize * 4];
        let Some(mut pixmap) = PixmapMut::from_bytes(&mut bytes, pixels.0, pixels.1) else {
            return false;
        };
        if !self.buffers.has_room(pixels) {
            return false;
        }
        paint(&mut pixmap, scale);
        to_argb(&mut bytes);
        let Some(buffer) = self.buffers.fill(shm, queue, pixels, &bytes) else {
            return false;
        };
        self.surface.attach(Some(buffer), 0, 0);
        if self.surface.version() >= 4 {
            self.surface
                .damage_buffer(0, 0, pixels.0 as i32, pixels.1 as i32);
        } else {
            self.surface.damage(0, 0, size.0 as i32, size.1 as i32);
        }
        if scale.fract() == 0.0 && self.fractional.is_none() {
            if self.surface.version() >= 3 {
                self.surface.set_buffer_scale(scale as i32);
            }
        } else if let Some(viewport) = &self.viewport {
            viewport.set_destination(size.0 as i32, size.1 as i32);
        }
        self.size = size;
        self.await_frame(queue, false);
        true
    }

    /// Finds out whether the surface is seen, by a frame that changes nothing.
    pub(super) fn probe(&mut self, queue: &QueueHandle<State>) {
        if !self.is_painted() || self.awaited.is_some() {
            return;
        }
        // Some compositors make no frame where nothing was damaged.
        self.surface.damage(0, 0, 1, 1);
        self.await_frame(queue, true);
        self.surface.commit();
    }

    fn await_frame(&mut self, queue: &QueueHandle<State>, probe: bool) {
        self.awaited = Some(Awaited {
            callback: self.surface.frame(queue, Callback::Frame),
            until: Some(Instant::now() + FRAME_LIMIT),
            probe,
            refused: false,
        });
    }

    /// A frame was shown: one of this canvas?
    pub(super) fn shown(&mut self, callback: &WlCallback) -> Shown {
        match self.awaited.take_if(|a| a.callback == *callback) {
            None => Shown::Foreign,
            Some(awaited) => {
                self.seen = true;
                if awaited.probe && !awaited.refused {
                    Shown::Probe
                } else {
                    Shown::Frame
                }
            }
        }
    }

    /// The compositor gave a buffer back. `true`: a frame had to wait for that.
    pub(super) fn released(&mut self, buffer: &WlBuffer) -> bool {
        self.buffers.released(buffer) && self.awaited.is_none()
    }

    /// Gives everything back.
    pub(super) fn destroy(&mut self) {
        if let Some(fractional) = self.fractional.take() {
            fractional.destroy();
        }
        if let Some(viewport) = self.viewport.take() {
            viewport.destroy();
        }
        self.surface.destroy();
        self.buffers.destroy();
    }
}

/// Pixels of the display for so many logical ones.
fn pixels(logical: u32, scale: f32) -> u32 {
    // Half a thousandth less, so that 100 at 1.1 are 110 pixels whatever a float makes of it.
    let exact = f64::from(logical) * f64::from(scale) - 0.0005;
    (exact.ceil() as u32).clamp(1, MAX_SIDE)
}

/// tiny-skia has red first, `wl_shm` counts from the lowest byte of a word.
fn to_argb(bytes: &mut [u8]) {
    for pixel in bytes.chunks_exact_mut(4) {
        let argb = u32::from_be_bytes([pixel[3], pixel[0], pixel[1], pixel[2]]);
        pixel.copy_from_slice(&argb.to_ne_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_of_a_pixel_is_a_pixel() {
        assert_eq!(pixels(100, 1.5), 150);
        assert_eq!(pixels(101, 1.5), 152);
        assert_eq!(pixels(100, 1.1), 110);
        assert_eq!(pixels(0, 1.0), 1);
        assert_eq!(pixels(u32::MAX, 4.0), MAX_SIDE);
    }
}

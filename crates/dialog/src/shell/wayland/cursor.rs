//! The cursor over our surfaces: by its shape's name where the compositor draws it, else from the
//! cursor theme. Where there is neither, the one from before stays: never none.
//!
//! May read the cursor theme's files.

use std::io::Read;

use wayland_client::{
    Proxy, QueueHandle, delegate_noop,
    protocol::{wl_buffer::WlBuffer, wl_pointer::WlPointer, wl_surface::WlSurface},
};
use wayland_protocols::wp::cursor_shape::v1::client::wp_cursor_shape_device_v1::{
    Shape, WpCursorShapeDeviceV1,
};

use super::{buffers, globals::Globals, state::State};

/// The most of a cursor's file that is read. Animated ones have some hundred KiB.
const MAX_FILE: u64 = 8 << 20;

/// A cursor's usual size, where `XCURSOR_SIZE` does not say another.
const SIZE: u32 = 24;

/// What a theme may call the ordinary arrow.
const NAMES: [&str; 3] = ["left_ptr", "default", "arrow"];

/// What the pointer looks like.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    shape: Option<WpCursorShapeDeviceV1>,
    drawn: Option<Drawn>,
}

/// A cursor from the theme.
#[derive(Debug)]
struct Drawn {
    surface: WlSurface,
    buffer: WlBuffer,
    hotspot: (i32, i32),
    /// The scale that it was drawn for.
    scale: i32,
}

impl Cursor {
    /// Shows the ordinary arrow, now that the pointer has come over one of our surfaces.
    pub(super) fn show(
        &mut self,
        globals: &Globals,
        queue: &QueueHandle<State>,
        pointer: &WlPointer,
        serial: u32,
        scale: i32,
    ) {
        if self.shape.is_none()
            && let Some(manager) = &globals.cursor_shape
        {
            self.shape = Some(manager.get_pointer(pointer, queue, ()));
        }
        if let Some(shape) = &self.shape {
            shape.set_shape(serial, Shape::Default);
            return;
        }
        if self.drawn.as_ref().is_none_or(|drawn| drawn.scale != scale) {
            let drawn = draw(globals, queue, scale);
            if let Some(old) = std::mem::replace(&mut self.drawn, drawn) {
                old.destroy();
            }
        }
        if let Some(drawn) = &self.drawn {
            let (x, y) = drawn.hotspot;
            pointer.set_cursor(serial, Some(&drawn.surface), x, y);
        }
    }

    pub(super) fn destroy(self) {
        if let Some(shape) = self.shape {
            shape.destroy();
        }
        if let Some(drawn) = self.drawn {
            drawn.destroy();
        }
    }
}

impl Drawn {
    fn destroy(self) {
        self.surface.destroy();
        self.buffer.destroy();
    }
}

/// Takes the arrow out of the theme.
fn draw(globals: &Globals, queue: &QueueHandle<State>, scale: i32) -> Option<Drawn> {
    let (compositor, shm) = (globals.compositor.as_ref()?, globals.shm.as_ref()?);
    let wanted = std::env::var("XCURSOR_SIZE").ok();
    let wanted = wanted.and_then(|size| size.parse().ok()).unwrap_or(SIZE);
    let theme = std::env::var("XCURSOR_THEME").unwrap_or_else(|_| "default".to_owned());
    let theme = xcursor::CursorTheme::load(&theme);
    let file = NAMES.iter().find_map(|name| theme.load_icon(name))?;
    let mut bytes = Vec::new();
    let file = std::fs::File::open(file).ok()?;
    file.take(MAX_FILE).read_to_end(&mut bytes).ok()?;
    let images = xcursor::parser::parse_xcursor(&bytes)?;
    let pixels = wanted.saturating_mul(scale.unsigned_abs());
    let image = images.iter().min_by_key(|i| i.size.abs_diff(pixels))?;
    let size = (image.width, image.height);
    // A buffer's sides are whole multiples of its scale, or the compositor throws us out.
    let divides = |side: u32| side.is_multiple_of(scale.unsigned_abs().max(1));
    let divisor = if divides(size.0) && divides(size.1) {
        scale.max(1)
    } else {
        1
    };
    let length = size.0 as usize * size.1 as usize * 4;
    let argb = image.pixels_rgba.get(..length)?;
    let buffer = buffers::filled(shm, queue, size, argb).ok()?;
    let surface = compositor.create_surface(queue, ());
    if surface.version() >= 3 {
        surface.set_buffer_scale(divisor);
    }
    surface.attach(Some(&buffer), 0, 0);
    surface.damage(0, 0, i32::MAX, i32::MAX);
    surface.commit();
    Some(Drawn {
        surface,
        buffer,
        hotspot: (image.xhot as i32 / divisor, image.yhot as i32 / divisor),
        scale,
    })
}

delegate_noop!(State: WpCursorShapeDeviceV1);

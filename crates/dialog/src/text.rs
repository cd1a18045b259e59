//! Text: shaped with its script's own rules, isolated from the text around it, clipped to its
//! place, and put into pixels.

use tiny_skia::{Color, PixmapMut};

use crate::geometry::{Rect, Size};

/// How a text looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    /// The height of an em, in logical pixels.
    pub size: f32,
    /// Bold.
    pub bold: bool,
    /// Lines at most; what is longer ends in an ellipsis.
    pub max_lines: usize,
}

/// What a layout has to know of text.
pub trait Measure {
    /// The size that `text` takes where it may be `width` logical pixels wide: as wide as its
    /// longest line, rounded up, at most `width`; as high as its lines.
    fn measure(&mut self, text: &str, style: &Style, width: f32) -> Size;
}

/// The fonts and what has been shaped with them, for one scale.
#[derive(Debug)]
pub struct Text {}

impl Text {
    /// Text in the locale's own habits (which Han shapes, which digits); `locale` as in `LANG`.
    #[must_use]
    pub fn new(locale: &str) -> Self {
        let _ = locale;
        Self {}
    }

    /// Sets how many pixels of the display are one logical pixel.
    pub fn set_scale(&mut self, scale: f32) {
        let _ = scale;
    }

    /// Draws `text` into `into`, clipped to `place`: from its left, or from its right where the
    /// text is of a script that begins there; from its top. `place` is in logical pixels.
    pub fn draw(
        &mut self,
        into: &mut PixmapMut<'_>,
        text: &str,
        style: &Style,
        place: Rect,
        clip: Rect,
        color: Color,
    ) {
        let _ = (into, text, style, place, clip, color);
    }
}

impl Measure for Text {
    fn measure(&mut self, text: &str, style: &Style, width: f32) -> Size {
        let _ = (text, style, width);
        Size::default()
    }
}

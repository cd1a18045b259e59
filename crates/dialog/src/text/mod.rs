//! Text: shaped with its script's own rules, isolated from the text around it, clipped to its
//! place, and put into pixels.
//!
//! All text is untrusted. It is made plain first: one line of bounded length that is never markup.
//! The paragraph's direction is that of its first strong character. Lines are broken between
//! words, and within one that is longer than a line.

mod boxes;
mod glyphs;
mod lines;
mod plain;

use std::{collections::HashMap, fmt, path::PathBuf, rc::Rc};

use cosmic_text::{AttrsList, ShapeLine, Shaping};
use tiny_skia::{Color, PixmapMut};

use crate::{
    fonts::Fonts,
    geometry::{Rect, Size},
};
use glyphs::{Clip, Glyphs, Ink};
use lines::{Asked, Layout, Shaped};
pub use plain::inline;

/// The most glyphs that are kept shaped. A frame has some two thousand; a glyph takes 100 bytes.
const MAX_SHAPED: usize = 16_384;

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
pub struct Text {
    fonts: Fonts,
    scale: f32,
    glyphs: Glyphs,
    /// Of ordinary weight, and bold; by the text as it came.
    shaped: [HashMap<Box<str>, Shaped>; 2],
    /// How many glyphs those have.
    kept: usize,
    /// What every line of the dialog's own faces needs; ordinary, and bold.
    own: [Option<Rc<Own>>; 2],
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Text")
            .field("fonts", &self.fonts)
            .field("scale", &self.scale)
            .field("kept", &self.kept)
            .finish_non_exhaustive()
    }
}

/// What the dialog's own face gives to every line.
#[derive(Debug)]
struct Own {
    /// How far it reaches above and below the baseline, in ems.
    reach: (f32, f32),
    ellipsis: Shaped,
}

impl Text {
    /// Text in the locale's own habits (which Han shapes, which digits); `locale` as in `LANG`.
    /// Looks at the names of the system's fonts and reads one.
    #[must_use]
    pub fn new(locale: &str) -> Self {
        Self::with(Fonts::of_environment(locale))
    }

    /// The same with the fonts below these directories alone.
    #[must_use]
    pub fn with_fonts(locale: &str, directories: Vec<PathBuf>) -> Self {
        Self::with(Fonts::below(locale, directories))
    }

    fn with(fonts: Fonts) -> Self {
        Self {
            fonts,
            scale: 1.0,
            glyphs: Glyphs::new(),
            shaped: [HashMap::new(), HashMap::new()],
            kept: 0,
            own: [None, None],
        }
    }

    /// Sets how many pixels of the display are one logical pixel.
    pub fn set_scale(&mut self, scale: f32) {
        self.scale = if scale.is_finite() {
            scale.clamp(0.25, 16.0)
        } else {
            1.0
        };
    }

    /// How many pixels of the display are one logical pixel.
    #[must_use]
    pub const fn scale(&self) -> f32 {
        self.scale
    }

    /// Whether a paragraph with this text begins at the right: its first strong character does.
    #[must_use]
    pub fn is_rtl(&self, text: &str) -> bool {
        unicode_bidi::get_base_direction(plain::plain(text).as_str())
            == unicode_bidi::Direction::Rtl
    }

    /// Draws `text` into `into`, clipped to `place`: from its left, or from its right where the
    /// text is of a script that begins there; from its top. `place` is in logical pixels.
    pub fn draw(
        &mut self,
        into: &mut PixmapMut<'_>,
        text: &str,
        style: &Style,
        place: Rect,
        color: Color,
    ) {
        self.draw_within(into, text, style, place, place, color);
    }

    /// The same, clipped to `clip` too: a list scrolls under its edges.
    pub fn draw_within(
        &mut self,
        into: &mut PixmapMut<'_>,
        text: &str,
        style: &Style,
        place: Rect,
        clip: Rect,
        color: Color,
    ) {
        let scale = self.scale;
        let scaled = |at: f32| at * scale;
        let seen = place.intersection(&clip);
        let clip = Clip {
            left: pixel(scaled(seen.x).floor()).max(0),
            top: pixel(scaled(seen.y).floor()).max(0),
            right: pixel(scaled(seen.right()).ceil()).min(into.width().cast_signed()),
            bottom: pixel(scaled(seen.bottom()).ceil()).min(into.height().cast_signed()),
        };
        if clip.left >= clip.right || clip.top >= clip.bottom || color.alpha() == 0.0 {
            return;
        }
        let (x, y) = (scaled(place.x).round(), scaled(place.y).round());
        if self.fonts.is_empty() {
            let rtl = self.is_rtl(text);
            boxes::draw(
                into,
                text,
                style,
                (x, y, place.width),
                rtl,
                self.scale,
                clip,
                color,
            );
            return;
        }
        let layout = self.lay_out(text, style, place.width);
        let ink = Ink::of(color);
        for line in &layout.lines {
            let x = if layout.rtl {
                x + (scaled(place.width) - line.width).round()
            } else {
                x
            };
            for (key, at) in line.placed(x, y) {
                self.glyphs
                    .draw(self.fonts.system(), key, at, &ink, clip, into);
            }
        }
    }

    fn lay_out(&mut self, text: &str, style: &Style, width: f32) -> Rc<Layout> {
        let asked = self.asked(style, width);
        let weight = usize::from(style.bold);
        if !self.shaped[weight].contains_key(text) {
            self.keep(text, style.bold);
        }
        let own = self.own(style.bold);
        match (self.shaped[weight].get_mut(text), own) {
            (Some(shaped), Some(own)) => shaped.lay_out(asked, own.reach, &own.ellipsis),
            _ => Rc::default(),
        }
    }

    fn asked(&self, style: &Style, width: f32) -> Asked {
        let width = if width.is_finite() {
            width.clamp(0.0, 1e5)
        } else {
            1e5
        };
        Asked {
            size: self.size(style).to_bits(),
            width: (width * self.scale).to_bits(),
            max_lines: style.max_lines.max(1),
        }
    }

    /// Shapes a text and keeps it. An empty one has nothing to keep.
    fn keep(&mut self, text: &str, bold: bool) {
        let Some(shaped) = self.shape(&plain::plain(text), bold) else {
            return;
        };
        // The text itself counts too: it may be long and have few glyphs.
        let size = shaped.len() + text.len() / size_of::<u128>() + 1;
        if self.kept + size > MAX_SHAPED {
            self.shaped.iter_mut().for_each(HashMap::clear);
            self.kept = 0;
        }
        self.kept += size;
        self.shaped[usize::from(bold)].insert(text.into(), shaped);
    }

    fn shape(&mut self, plain: &str, bold: bool) -> Option<Shaped> {
        let runs = self.fonts.runs(plain, bold);
        let own = self.fonts.own(bold)?;
        if runs.text.is_empty() {
            return None;
        }
        let mut attrs = AttrsList::new(&self.fonts.attrs(own));
        for (range, face) in &runs.spans {
            if *face != own {
                attrs.add_span(range.clone(), &self.fonts.attrs(*face));
            }
        }
        let system = self.fonts.system();
        let line = ShapeLine::new(system, &runs.text, &attrs, Shaping::Advanced, 1);
        Some(Shaped::new(&runs.text, &line))
    }

    fn own(&mut self, bold: bool) -> Option<Rc<Own>> {
        if let Some(own) = &self.own[usize::from(bold)] {
            return Some(Rc::clone(own));
        }
        let face = self.fonts.own(bold)?;
        let reach = self.fonts.reach(face);
        let ellipsis = if self.fonts.has("…") { "…" } else { "..." };
        let ellipsis = self.shape(ellipsis, bold)?;
        let own = Rc::new(Own { reach, ellipsis });
        self.own[usize::from(bold)] = Some(Rc::clone(&own));
        Some(own)
    }

    /// The height of an em in pixels of the display.
    fn size(&self, style: &Style) -> f32 {
        let size = if style.size.is_finite() {
            style.size
        } else {
            1.0
        };
        (size * self.scale).clamp(1.0, 1000.0)
    }
}

impl Measure for Text {
    fn measure(&mut self, text: &str, style: &Style, width: f32) -> Size {
        if self.fonts.is_empty() {
            return boxes::measure(text, style, width);
        }
        let layout = self.lay_out(text, style, width);
        if layout.lines.is_empty() {
            return Size::default();
        }
        Size {
            // A hair above a whole number is not a pixel more.
            width: (layout.width / self.scale - 0.001)
                .ceil()
                .clamp(0.0, width.max(0.0)),
            height: layout.height / self.scale,
        }
    }
}

/// A place in pixels as a whole number; the rounding is the caller's.
#[expect(clippy::cast_possible_truncation, reason = "such a cast saturates")]
fn pixel(at: f32) -> i32 {
    at as i32
}

#[cfg(test)]
mod tests;

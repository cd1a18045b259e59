//! Text where there is no font at all: a box for each character, so that it is seen where something
//! stands, how long it is and that fonts are missing. What it says is still told to assistive
//! technology.
//!
//! No font is built in: one with all scripts would be larger than the rest of the program, and one
//! without them would show boxes to those users still.

use tiny_skia::{Color, PixmapMut};
use unicode_segmentation::UnicodeSegmentation as _;

use super::{
    Style,
    glyphs::{Clip, Ink, fill},
    pixel, plain,
};
use crate::geometry::Size;

/// How far boxes reach above and below the baseline, in ems.
pub(super) const REACH: (f32, f32) = (1.0, 0.25);
/// From one box to the next, in ems.
const ADVANCE: f32 = 0.6;
const LINE: f32 = REACH.0 + REACH.1;

/// How many boxes each line has.
fn lines(text: &str, style: &Style, width: f32) -> Vec<String> {
    let size = style.size.clamp(1.0, 1000.0);
    let fit = pixel((width / (size * ADVANCE)).floor()).max(1);
    let fit = usize::try_from(fit).unwrap_or(1);
    let text = plain::plain(text);
    let all: Vec<&str> = text.graphemes(true).collect();
    all.chunks(fit)
        .take(style.max_lines.max(1))
        .map(|line| line.concat())
        .collect()
}

/// As [`super::Measure::measure`].
pub(super) fn measure(text: &str, style: &Style, width: f32) -> Size {
    let lines = lines(text, style, width);
    let longest = lines
        .iter()
        .map(|line| line.graphemes(true).count())
        .max()
        .unwrap_or(0);
    Size {
        width: (as_f32(longest) * ADVANCE * style.size)
            .ceil()
            .clamp(0.0, width.max(0.0)),
        height: (as_f32(lines.len()) * LINE * style.size).ceil(),
    }
}

/// Draws the boxes of `text` from `x`, `y`, in pixels of the display; `width` is in logical pixels.
#[expect(
    clippy::too_many_arguments,
    reason = "called once, with all that a drawing has"
)]
pub(super) fn draw(
    into: &mut PixmapMut<'_>,
    text: &str,
    style: &Style,
    (x, y, width): (f32, f32, f32),
    rtl: bool,
    scale: f32,
    clip: Clip,
    color: Color,
) {
    let ink = Ink::of(color);
    let em = style.size * scale;
    let thick = pixel((em / 16.0).round()).max(1);
    for (row, line) in lines(text, style, width).iter().enumerate() {
        let top = pixel(y + (as_f32(row) * LINE + 0.25) * em);
        let bottom = pixel(y + (as_f32(row) * LINE + 1.0) * em);
        for (at, cluster) in line.graphemes(true).enumerate() {
            let left = if rtl {
                x + width * scale - as_f32(at + 1) * ADVANCE * em
            } else {
                x + as_f32(at) * ADVANCE * em
            };
            let (left, right) = (pixel(left), pixel(left + (ADVANCE - 0.1) * em));
            if cluster.trim().is_empty() {
                continue;
            }
            for (left, top, right, bottom) in [
                (left, top, right, top + thick),
                (left, bottom - thick, right, bottom),
                (left, top + thick, left + thick, bottom - thick),
                (right - thick, top + thick, right, bottom - thick),
            ] {
                let side = Clip {
                    left: left.max(clip.left),
                    top: top.max(clip.top),
                    right: right.min(clip.right),
                    bottom: bottom.min(clip.bottom),
                };
                fill(into, side, &ink);
            }
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a text has a thousand characters at most"
)]
fn as_f32(count: usize) -> f32 {
    count as f32
}

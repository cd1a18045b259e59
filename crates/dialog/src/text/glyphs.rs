//! Glyphs as pixels: rasterised once, kept, and blended into a picture.

use std::{collections::HashMap, fmt};

use cosmic_text::{CacheKey, FontSystem, SwashCache, SwashContent, SwashImage};
use tiny_skia::{Color, PixmapMut};

/// The most bytes of glyphs that are kept. A frame needs some hundred glyphs of 200 bytes each;
/// an emoji at scale 2 takes 6 KiB.
const MAX_KEPT: usize = 1 << 20;

/// A rectangle of pixels: left, top, right, bottom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clip {
    pub(super) left: i32,
    pub(super) top: i32,
    pub(super) right: i32,
    pub(super) bottom: i32,
}

/// The glyphs that were drawn.
pub(super) struct Glyphs {
    rasteriser: SwashCache,
    images: HashMap<CacheKey, Option<SwashImage>>,
    kept: usize,
}

/// A colour, and how coverage becomes opacity for it.
#[derive(Debug)]
pub(super) struct Ink {
    /// Red, green, blue, not multiplied.
    rgb: [u32; 3],
    alpha: u32,
    opacity: [u8; 256],
}

impl Ink {
    /// Of a colour. Blending happens in the picture's own, non-linear values, which makes light
    /// strokes on dark thinner than dark ones on light; more opacity evens that out.
    pub(super) fn of(color: Color) -> Self {
        let luminance = 0.2126 * color.red() + 0.7152 * color.green() + 0.0722 * color.blue();
        let exponent = 1.0 - 0.28 * luminance;
        let mut opacity = [0; 256];
        for (coverage, opacity) in (0_u16..).zip(&mut opacity) {
            let covered = f32::from(coverage) / 255.0;
            *opacity = to_byte(covered.powf(exponent));
        }
        Self {
            rgb: [color.red(), color.green(), color.blue()].map(|c| u32::from(to_byte(c))),
            alpha: u32::from(to_byte(color.alpha())),
            opacity,
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is clamped"
)]
fn to_byte(part: f32) -> u8 {
    (part.clamp(0.0, 1.0) * 255.0 + 0.5) as u8
}

impl fmt::Debug for Glyphs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Glyphs")
            .field("kept", &self.kept)
            .finish_non_exhaustive()
    }
}

impl Glyphs {
    pub(super) fn new() -> Self {
        Self {
            rasteriser: SwashCache::new(),
            images: HashMap::new(),
            kept: 0,
        }
    }

    /// Draws a glyph with its origin at `x`, `y`, inside `clip`.
    pub(super) fn draw(
        &mut self,
        system: &mut FontSystem,
        key: CacheKey,
        (x, y): (i32, i32),
        ink: &Ink,
        clip: Clip,
        into: &mut PixmapMut<'_>,
    ) {
        if self.kept > MAX_KEPT {
            self.images.clear();
            self.kept = 0;
        }
        let rasteriser = &mut self.rasteriser;
        let kept = &mut self.kept;
        let image = self.images.entry(key).or_insert_with(|| {
            let image = rasteriser.get_image_uncached(system, key);
            *kept += size_of::<(CacheKey, SwashImage)>();
            *kept += image.as_ref().map_or(0, |image| image.data.len());
            image
        });
        if let Some(image) = image {
            blend(image, (x, y), ink, clip, into);
        }
    }
}

/// Puts a glyph over what is there.
fn blend(image: &SwashImage, (x, y): (i32, i32), ink: &Ink, clip: Clip, into: &mut PixmapMut<'_>) {
    let bytes = match image.content {
        SwashContent::Mask => 1,
        SwashContent::Color => 4,
        // Never asked for.
        SwashContent::SubpixelMask => return,
    };
    let Ok(width) = usize::try_from(image.placement.width) else {
        return;
    };
    let Ok(stride) = usize::try_from(into.width()) else {
        return;
    };
    if width == 0 {
        return;
    }
    let (left, top) = (
        x.saturating_add(image.placement.left),
        y.saturating_sub(image.placement.top),
    );
    let pixels = into.data_mut();
    for (row, line) in (0_i32..).zip(image.data.chunks_exact(width * bytes)) {
        let to_y = top.saturating_add(row);
        if to_y < clip.top || to_y >= clip.bottom {
            continue;
        }
        for (column, source) in (0_i32..).zip(line.chunks_exact(bytes)) {
            let to_x = left.saturating_add(column);
            if to_x < clip.left || to_x >= clip.right {
                continue;
            }
            let (Ok(to_x), Ok(to_y)) = (usize::try_from(to_x), usize::try_from(to_y)) else {
                continue;
            };
            let at = (to_y * stride + to_x) * 4;
            let Some(pixel) = pixels.get_mut(at..at + 4) else {
                continue;
            };
            match *source {
                [0] => {}
                [coverage] => {
                    let alpha = product(u32::from(ink.opacity[usize::from(coverage)]), ink.alpha);
                    over(pixel, ink.rgb.map(|c| product(c, alpha)), alpha);
                }
                // A picture has its own colours, and is as transparent as the text is.
                [red, green, blue, alpha] => {
                    let alpha = product(u32::from(alpha), ink.alpha);
                    over(
                        pixel,
                        [red, green, blue].map(|c| product(u32::from(c), alpha)),
                        alpha,
                    );
                }
                _ => {}
            }
        }
    }
}

/// Fills a rectangle that lies within the picture.
pub(super) fn fill(into: &mut PixmapMut<'_>, place: Clip, ink: &Ink) {
    let Ok(stride) = usize::try_from(into.width()) else {
        return;
    };
    let pixels = into.data_mut();
    for y in place.top..place.bottom {
        for x in place.left..place.right {
            let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else {
                continue;
            };
            let at = (y * stride + x) * 4;
            if let Some(pixel) = pixels.get_mut(at..at + 4) {
                over(pixel, ink.rgb.map(|c| product(c, ink.alpha)), ink.alpha);
            }
        }
    }
}

/// The product of two parts of 255.
const fn product(a: u32, b: u32) -> u32 {
    (a * b + 127) / 255
}

/// Premultiplied source over a premultiplied pixel.
fn over(pixel: &mut [u8], rgb: [u32; 3], alpha: u32) {
    for (to, from) in pixel.iter_mut().zip(rgb.into_iter().chain([alpha])) {
        let sum = from + product(u32::from(*to), 255 - alpha);
        // Rounding may lead past the top by one.
        *to = u8::try_from(sum).unwrap_or(u8::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cosmic_text::Placement;
    use tiny_skia::Pixmap;

    fn mask(width: u32, data: &[u8]) -> SwashImage {
        let mut image = SwashImage::new();
        image.content = SwashContent::Mask;
        image.placement = Placement {
            left: 0,
            top: 0,
            width,
            height: 1,
        };
        image.data = data.to_vec();
        image
    }

    const ALL: Clip = Clip {
        left: 0,
        top: 0,
        right: 3,
        bottom: 1,
    };

    #[test]
    fn half_covered_black_over_white_is_grey_and_over_nothing_half_transparent() {
        let black = Ink::of(Color::BLACK);
        let mut white = Pixmap::new(3, 1).unwrap();
        white.fill(Color::WHITE);
        blend(
            &mask(3, &[0, 128, 255]),
            (0, 0),
            &black,
            ALL,
            &mut white.as_mut(),
        );
        let seen: Vec<_> = white
            .pixels()
            .iter()
            .map(|p| (p.red(), p.alpha()))
            .collect();
        assert_eq!(seen, [(255, 255), (127, 255), (0, 255)]);

        let mut clear = Pixmap::new(3, 1).unwrap();
        blend(
            &mask(3, &[0, 128, 255]),
            (0, 0),
            &black,
            ALL,
            &mut clear.as_mut(),
        );
        let seen: Vec<_> = clear
            .pixels()
            .iter()
            .map(|p| (p.red(), p.alpha()))
            .collect();
        assert_eq!(seen, [(0, 0), (0, 128), (0, 255)]);
    }

    #[test]
    fn pixels_stay_premultiplied() {
        let mut clear = Pixmap::new(3, 1).unwrap();
        let ink = Ink::of(Color::from_rgba8(255, 128, 3, 180));
        for _ in 0..3 {
            blend(
                &mask(3, &[7, 99, 255]),
                (0, 0),
                &ink,
                ALL,
                &mut clear.as_mut(),
            );
            for pixel in clear.data().chunks_exact(4) {
                assert!(pixel[..3].iter().all(|c| *c <= pixel[3]), "{pixel:?}");
            }
        }
    }

    #[test]
    fn nothing_is_drawn_outside_the_clip() {
        let mut picture = Pixmap::new(3, 1).unwrap();
        let clip = Clip {
            left: 1,
            top: 0,
            right: 2,
            bottom: 1,
        };
        let ink = Ink::of(Color::WHITE);
        blend(
            &mask(9, &[255; 9]),
            (-3, 0),
            &ink,
            clip,
            &mut picture.as_mut(),
        );
        blend(
            &mask(3, &[255; 3]),
            (0, i32::MIN),
            &ink,
            clip,
            &mut picture.as_mut(),
        );
        let seen: Vec<_> = picture.pixels().iter().map(|p| p.alpha()).collect();
        assert_eq!(seen, [0, 255, 0]);
    }
}

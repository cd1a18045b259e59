//! A file of an icon as pixels of the size that is asked for.

use std::path::Path;

use resvg::usvg::{
    self, ImageHrefResolver, Tree,
    roxmltree::{Document, ParsingOptions},
};
use tiny_skia::{FilterQuality, Pixmap, PixmapPaint, Transform};

use crate::keyfile;

/// The largest file. Icons of 512 pixels have some 200 KiB.
const MAX_FILE: usize = 2 << 20;
/// The most pixels to a side of a picture that is decoded.
const MAX_SIDE: u32 = 1024;
/// The most nodes of a drawing. The largest icons of the usual themes have some thousands.
const MAX_NODES: u32 = 20_000;

/// Reads a file and draws it into a square of `size` pixels, in its middle. `None` where it is not
/// there, too large, or nothing that can be drawn.
pub(super) fn load(path: &Path, size: u32) -> Option<Pixmap> {
    let kind = path.extension()?.to_str()?.to_ascii_lowercase();
    let pixels = match kind.as_str() {
        "png" => png(&keyfile::read(path, MAX_FILE)?, size),
        "svg" => svg(&keyfile::read(path, MAX_FILE)?, size),
        _ => None,
    }?;
    // A drawing that is nothing but a picture of another kind shows nothing.
    let is_seen = pixels.pixels().iter().any(|p| p.alpha() > 0);
    is_seen.then_some(pixels)
}

fn png(data: &[u8], size: u32) -> Option<Pixmap> {
    // The header's width and height, before anything is made as large as they say.
    let number = |at: usize| {
        let bytes = data.get(at..at + 4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    };
    if number(16)? > MAX_SIDE || number(20)? > MAX_SIDE {
        return None;
    }
    let mut picture = Pixmap::decode_png(data).ok()?;
    if picture.width() == size && picture.height() == size {
        return Some(picture);
    }
    // Filters look at a few pixels only: what is much larger is halved first.
    while picture.width().max(picture.height()) >= size.saturating_mul(2) {
        picture = halved(&picture)?;
    }
    let mut square = Pixmap::new(size, size)?;
    let paint = PixmapPaint {
        quality: FilterQuality::Bicubic,
        ..PixmapPaint::default()
    };
    let fit = fit(as_f32(picture.width()), as_f32(picture.height()), size);
    square.draw_pixmap(0, 0, picture.as_ref(), &paint, fit, None);
    Some(square)
}

fn svg(data: &[u8], size: u32) -> Option<Pixmap> {
    let text = std::str::from_utf8(data).ok()?;
    // Noise is computed as often as the drawing says, and no icon needs it.
    if text.contains("feTurbulence") {
        return None;
    }
    let reading = ParsingOptions {
        // Drawings of older programs have one; what it may define is bounded by the parser.
        allow_dtd: true,
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(text, reading).ok()?;
    let options = usvg::Options {
        // A picture in a drawing may be any file, and any size.
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(|_, _, _| None),
            resolve_string: Box::new(|_, _| None),
        },
        ..usvg::Options::default()
    };
    let tree = Tree::from_xmltree(&document, &options).ok()?;
    let mut square = Pixmap::new(size, size)?;
    let fit = fit(tree.size().width(), tree.size().height(), size);
    resvg::render(&tree, fit, &mut square.as_mut());
    Some(square)
}

/// Puts a picture into the middle of a square, as large as it fits.
fn fit(width: f32, height: f32, size: u32) -> Transform {
    let size = as_f32(size);
    let scale = size / width.max(height);
    let (left, top) = ((size - width * scale) / 2.0, (size - height * scale) / 2.0);
    Transform::from_row(scale, 0.0, 0.0, scale, left, top)
}

/// A picture of half the width and height: each pixel the mean of four. The values are multiplied
/// by their opacity, so that means are right.
fn halved(from: &Pixmap) -> Option<Pixmap> {
    let (width, height) = (from.width().div_ceil(2), from.height().div_ceil(2));
    let mut to = Pixmap::new(width, height)?;
    let (from_width, from_height) = (from.width() as usize, from.height() as usize);
    let data = from.data();
    let stride = width as usize * 4;
    for (y, row) in to.data_mut().chunks_exact_mut(stride).enumerate() {
        for (x, pixel) in row.chunks_exact_mut(4).enumerate() {
            // At an odd edge the last pixel counts twice.
            let (right, below) = (
                (2 * x + 1).min(from_width - 1),
                (2 * y + 1).min(from_height - 1),
            );
            for (channel, value) in pixel.iter_mut().enumerate() {
                let sum: u16 = [
                    (2 * x, 2 * y),
                    (right, 2 * y),
                    (2 * x, below),
                    (right, below),
                ]
                .into_iter()
                .map(|(x, y)| u16::from(data[(y * from_width + x) * 4 + channel]))
                .sum();
                *value = u8::try_from((sum + 2) / 4).unwrap_or(u8::MAX);
            }
        }
    }
    Some(to)
}

#[expect(clippy::cast_precision_loss, reason = "sizes of icons are small")]
const fn as_f32(length: u32) -> f32 {
    length as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn svg_of(body: &str) -> Option<Pixmap> {
        svg(
            format!(r#"<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="10" height="10">{body}</svg>"#)
                .as_bytes(),
            20,
        )
    }

    #[test]
    fn a_drawing_is_drawn_at_the_size_asked_for() {
        let icon = svg_of(r##"<rect width="5" height="10" fill="#ff0000"/>"##).unwrap();
        assert_eq!((icon.width(), icon.height()), (20, 20));
        assert_eq!(
            icon.pixel(4, 10).map(|p| (p.red(), p.alpha())),
            Some((255, 255))
        );
        assert_eq!(icon.pixel(15, 10).map(|p| p.alpha()), Some(0));
    }

    #[test]
    fn an_icon_that_shows_nothing_is_none() {
        let temp = tempfile::tempdir().unwrap();
        for (body, is_seen) in [("", false), (r##"<rect width="5" height="5"/>"##, true)] {
            let path = temp.path().join("icon.svg");
            let text = format!(
                r#"<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10">{body}</svg>"#
            );
            std::fs::write(&path, text).unwrap();
            assert_eq!(load(&path, 16).is_some(), is_seen, "{body}");
        }
    }

    #[test]
    fn a_drawing_reads_no_other_file() {
        let temp = tempfile::tempdir().unwrap();
        let inner = temp.path().join("inner.svg");
        std::fs::write(
            &inner,
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><rect width="10" height="10" fill="#00ff00"/></svg>"##,
        )
        .unwrap();
        let icon = svg_of(&format!(
            r#"<image width="10" height="10" xlink:href="{}"/>"#,
            inner.display()
        ))
        .unwrap();
        assert!(icon.pixels().iter().all(|pixel| pixel.alpha() == 0));
    }

    #[test]
    fn what_is_no_picture_or_too_much_of_one_is_none() {
        assert!(svg(b"<svg", 16).is_none());
        assert!(svg(b"\x1f\x8bzipped", 16).is_none());
        assert!(svg(b"\xff\xfe", 16).is_none());
        assert!(svg_of(&"<g>".repeat(100_000)).is_none());
        let deep = "<g>".repeat(9000) + &"</g>".repeat(9000);
        assert!(svg_of(&deep).is_none());
        assert!(svg_of(&"<g/>".repeat(30_000)).is_none());
        let nested = (1..40).fold(
            r#"<rect id="u0" width="1" height="1"/>"#.to_owned(),
            |all, n| {
                let last = n - 1;
                all + &format!(
                    r##"<g id="u{n}"><use xlink:href="#u{last}"/><use xlink:href="#u{last}"/></g>"##
                )
            },
        );
        assert!(svg_of(&nested).is_none());

        assert!(png(b"", 16).is_none());
        assert!(png(b"\x89PNG\r\n\x1a\nnonsense and more of it", 16).is_none());
        let whole = Pixmap::new(8, 8).unwrap().encode_png().unwrap();
        assert!(png(&whole, 16).is_some());
        assert!(png(&whole[..whole.len() / 2], 16).is_none());
        let mut huge = whole;
        huge[16..20].copy_from_slice(&100_000_u32.to_be_bytes());
        assert!(png(&huge, 16).is_none());
    }

    #[test]
    fn a_picture_is_made_smaller_by_means_and_keeps_its_shape() {
        // Stripes of one pixel: any filter that skips pixels would show some of them.
        let mut stripes = Pixmap::new(256, 128).unwrap();
        for (at, pixel) in stripes.data_mut().chunks_exact_mut(4).enumerate() {
            pixel.copy_from_slice(if at % 2 == 0 {
                &[255; 4]
            } else {
                &[0, 0, 0, 255]
            });
        }
        let icon = png(&stripes.encode_png().unwrap(), 24).unwrap();
        let middle = icon.pixel(12, 12).unwrap();
        assert!((120..=136).contains(&middle.red()), "{middle:?}");
        assert_eq!(middle.alpha(), 255);
        // It is twice as wide as high: above and below there is nothing.
        assert_eq!(icon.pixel(12, 2).map(|p| p.alpha()), Some(0));
        assert_eq!(icon.pixel(12, 22).map(|p| p.alpha()), Some(0));
        assert!(png(&Pixmap::new(1, 1).unwrap().encode_png().unwrap(), 48).is_some());
    }
}

//! [`Picture`]: what a screen shows, its pixels, and the kept picture ("golden") that it should be.
//!
//! ```no_run
//! use std::path::Path;
//! use endsession_testkit::{picture::{Screen, Tolerance}, sway::Sway, wait::LIMIT};
//!
//! let sway = Sway::start();
//! let _foot = sway.sandbox().spawn(["foot"]);
//! let lit = |picture: &endsession_testkit::picture::Picture| picture.count([0, 0, 0]) < 900_000;
//! let picture = sway.wait_for_picture(LIMIT, lit);
//! picture.crop((0, 0, 200, 50)).assert_like(Path::new("tests/goldens/foot.png"), Tolerance::default());
//! ```
//!
//! With `ENDSESSION_BLESS=1` in the environment every comparison writes its golden instead. Look at
//! what it wrote before it is committed.

mod compare;
mod screen;

use std::{
    fmt,
    fs::File,
    io::{BufReader, BufWriter},
    path::Path,
};

pub use compare::{Difference, Tolerance};
pub use screen::Screen;

/// A rectangle of a picture, in pixels from its top left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Its left edge.
    pub x: u32,
    /// Its top edge.
    pub y: u32,
    /// How wide it is.
    pub width: u32,
    /// How high it is.
    pub height: u32,
}

impl From<(u32, u32, u32, u32)> for Region {
    /// Left edge, top edge, width and height.
    fn from((x, y, width, height): (u32, u32, u32, u32)) -> Self {
        Self {
            x,
            y,
            width,
            height,
        }
    }
}

/// Pixels without transparency, as a screen has them.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    /// Row by row from the top: red, green, blue.
    rgb: Vec<[u8; 3]>,
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a picture of {} by {}", self.width, self.height)
    }
}

impl Picture {
    /// The picture of `width` by `height` pixels whose rows, from the top, follow each other in `rgb`.
    ///
    /// # Panics
    /// When that is not how many pixels there are.
    #[track_caller]
    pub fn new(width: u32, height: u32, rgb: Vec<[u8; 3]>) -> Self {
        assert_eq!(
            rgb.len(),
            width as usize * height as usize,
            "pixels of a picture of {width} by {height}"
        );
        Self { width, height, rgb }
    }

    /// The picture in a PNG file. Where that is transparent, white shows through.
    ///
    /// # Panics
    /// When there is none, or it cannot be read.
    #[track_caller]
    pub fn load(path: &Path) -> Self {
        Self::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn read(path: &Path) -> Result<Self, png::DecodingError> {
        let mut decoder = png::Decoder::new(BufReader::new(File::open(path)?));
        // Whatever the file holds, palettes and greys and 16 bits, becomes 8 bits a channel.
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder.read_info()?;
        let size = reader.output_buffer_size();
        let mut bytes = vec![0; size.ok_or(png::DecodingError::LimitsExceeded)?];
        let info = reader.next_frame(&mut bytes)?;
        bytes.truncate(info.buffer_size());
        let over_white = |value: u8, alpha: u8| {
            let (value, alpha) = (u32::from(value), u32::from(alpha));
            ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
        };
        let rgb = bytes
            .chunks_exact(info.color_type.samples())
            .map(|pixel| match *pixel {
                [grey] => [grey; 3],
                [grey, alpha] => [over_white(grey, alpha); 3],
                [red, green, blue] => [red, green, blue],
                [red, green, blue, alpha] => [red, green, blue].map(|v| over_white(v, alpha)),
                _ => [0; 3],
            });
        Ok(Self {
            width: info.width,
            height: info.height,
            rgb: rgb.collect(),
        })
    }

    /// Writes it as a PNG file, with the directories it needs.
    #[track_caller]
    pub fn save(&self, path: &Path) {
        self.write(path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    fn write(&self, path: &Path) -> Result<(), png::EncodingError> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let file = BufWriter::new(File::create(path)?);
        let mut encoder = png::Encoder::new(file, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        // Goldens are kept in the repository.
        encoder.set_compression(png::Compression::High);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(self.rgb.as_flattened())?;
        writer.finish()
    }

    /// How wide it is, in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// How high it is, in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Width and height, in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// Red, green and blue of the pixel `x` from the left and `y` from the top.
    ///
    /// # Panics
    /// When that is outside.
    #[track_caller]
    pub fn pixel(&self, x: u32, y: u32) -> [u8; 3] {
        assert!(
            x < self.width && y < self.height,
            "pixel {x},{y} of {self:?}"
        );
        self.rgb[self.index(x, y)]
    }

    fn index(&self, x: u32, y: u32) -> usize {
        y as usize * self.width as usize + x as usize
    }

    fn row(&self, y: u32) -> &[[u8; 3]] {
        let start = self.index(0, y);
        &self.rgb[start..start + self.width as usize]
    }

    /// How many pixels are exactly of `colour`: red, green, blue.
    pub fn count(&self, colour: [u8; 3]) -> usize {
        self.rgb.iter().filter(|pixel| **pixel == colour).count()
    }

    /// The smallest rectangle that has all pixels of exactly `colour`; None where there are none.
    pub fn bounds_of(&self, colour: [u8; 3]) -> Option<Region> {
        self.bounds(|x, y| self.rgb[self.index(x, y)] == colour)
    }

    /// The smallest rectangle outside of which both pictures, of one size, are the same; None where
    /// they are the same everywhere. It finds what appeared.
    ///
    /// # Panics
    /// When their sizes differ.
    #[track_caller]
    pub fn changed_from(&self, before: &Self) -> Option<Region> {
        assert_eq!(self.size(), before.size(), "sizes of pictures to compare");
        self.bounds(|x, y| self.rgb[self.index(x, y)] != before.rgb[self.index(x, y)])
    }

    fn bounds(&self, wanted: impl Fn(u32, u32) -> bool) -> Option<Region> {
        let mut found: Option<(u32, u32, u32, u32)> = None;
        for y in 0..self.height {
            for x in (0..self.width).filter(|x| wanted(*x, y)) {
                let (left, top, right, _) = found.unwrap_or((x, y, x, y));
                found = Some((left.min(x), top, right.max(x), y));
            }
        }
        let (left, top, right, bottom) = found?;
        Some((left, top, right - left + 1, bottom - top + 1).into())
    }

    /// The part of it in `region`.
    ///
    /// # Panics
    /// When that is not wholly inside.
    #[track_caller]
    pub fn crop(&self, region: impl Into<Region>) -> Self {
        let region = self.inside(region.into());
        let columns = region.x as usize..(region.x + region.width) as usize;
        let rows = region.y..region.y + region.height;
        let rgb = rows.flat_map(|y| self.row(y)[columns.clone()].iter().copied());
        Self {
            width: region.width,
            height: region.height,
            rgb: rgb.collect(),
        }
    }

    /// The same with `region` painted over in grey: what differs from run to run, as a clock does.
    ///
    /// # Panics
    /// When that is not wholly inside.
    #[track_caller]
    pub fn without(mut self, region: impl Into<Region>) -> Self {
        let region = self.inside(region.into());
        for y in region.y..region.y + region.height {
            let start = self.index(region.x, y);
            self.rgb[start..start + region.width as usize].fill([0x80; 3]);
        }
        self
    }

    #[track_caller]
    fn inside(&self, region: Region) -> Region {
        let fits = |at: u32, length: u32, whole: u32| {
            at.checked_add(length).is_some_and(|end| end <= whole)
        };
        assert!(
            fits(region.x, region.width, self.width) && fits(region.y, region.height, self.height),
            "{region:?} is not inside {self:?}"
        );
        region
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLACK: [u8; 3] = [0; 3];
    const RED: [u8; 3] = [255, 0, 0];

    /// Black with one red pixel at 3,2.
    fn dotted() -> Picture {
        let mut rgb = vec![BLACK; 5 * 4];
        rgb[2 * 5 + 3] = RED;
        Picture::new(5, 4, rgb)
    }

    #[test]
    fn pixels_are_found_where_they_are() {
        let picture = dotted();
        assert_eq!((picture.pixel(3, 2), picture.pixel(2, 3)), (RED, BLACK));
        assert_eq!(picture.bounds_of(RED), Some((3, 2, 1, 1).into()));
        let cropped = picture.crop((2, 1, 3, 3));
        assert_eq!((cropped.size(), cropped.pixel(1, 1)), ((3, 3), RED));
        let plain = picture.clone().without((3, 2, 1, 1));
        assert_eq!(plain.changed_from(&picture), Some((3, 2, 1, 1).into()));
        assert_eq!(plain.bounds_of(RED), None);
    }

    #[test]
    #[should_panic(expected = "is not inside a picture of 5 by 4")]
    fn a_region_that_is_not_inside_is_a_failure() {
        dotted().crop((3, 0, 3, 1));
    }

    #[test]
    fn a_saved_picture_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/dotted.png");
        dotted().save(&path);
        assert_eq!(Picture::load(&path), dotted());
    }
}

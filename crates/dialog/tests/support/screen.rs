//! What a screenshot shows.

use std::path::Path;

use tiny_skia::Pixmap;

use super::client::{BORDER, BORDER_WIDTH};

/// A screenshot.
pub(crate) struct Screen(Pixmap);

impl Screen {
    #[track_caller]
    pub(crate) fn read(path: &Path) -> Self {
        if let Some(dir) = std::env::var_os("ENDSESSION_TEST_PICTURES") {
            let name = path.file_name().unwrap();
            std::fs::copy(path, Path::new(&dir).join(name)).unwrap();
        }
        Self(Pixmap::load_png(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
    }

    pub(crate) fn width(&self) -> u32 {
        self.0.width()
    }

    pub(crate) fn height(&self) -> u32 {
        self.0.height()
    }

    #[track_caller]
    pub(crate) fn at(&self, x: u32, y: u32) -> [u8; 3] {
        let pixel = self.0.pixel(x, y).expect("a pixel of the screen");
        [pixel.red(), pixel.green(), pixel.blue()]
    }

    /// How many pixels have this colour.
    pub(crate) fn count(&self, colour: [u8; 3]) -> usize {
        let same = |p: &&tiny_skia::PremultipliedColorU8| [p.red(), p.green(), p.blue()] == colour;
        self.0.pixels().iter().filter(same).count()
    }

    /// Asserts that the test's window is exactly there and no larger, in pixels of the screen: all
    /// of its border and all of what is inside.
    #[track_caller]
    pub(crate) fn shows(
        &self,
        (x, y): (u32, u32),
        (width, height): (u32, u32),
        scale: f32,
        fill: [u8; 3],
    ) {
        self.covers((x, y), (width, height), scale, fill);
        let around = [
            (x.wrapping_sub(1), y),
            (x, y.wrapping_sub(1)),
            (x + width, y),
            (x, y + height),
        ];
        for (x, y) in around {
            if x < self.width() && y < self.height() {
                assert_ne!(self.at(x, y), BORDER, "the window ends before {x},{y}");
            }
        }
    }

    /// As [`Self::shows`], over another window of the kind.
    #[track_caller]
    pub(crate) fn covers(
        &self,
        (x, y): (u32, u32),
        (width, height): (u32, u32),
        scale: f32,
        fill: [u8; 3],
    ) {
        let border = (BORDER_WIDTH * scale) as u32;
        for dy in 0..height {
            for dx in 0..width {
                let edge = |d: u32, length: u32| d < border || d >= length - border;
                let expected = if edge(dx, width) || edge(dy, height) {
                    BORDER
                } else {
                    fill
                };
                let found = self.at(x + dx, y + dy);
                assert_eq!(found, expected, "at {},{} of the window", dx, dy);
            }
        }
    }
}

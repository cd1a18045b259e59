//! Where a picture shows the test's window.

use endsession_testkit::picture::Picture;

use super::client::{BORDER, BORDER_WIDTH, FILL};

/// Where the window is to be, in pixels of a picture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    at: (u32, u32),
    size: (u32, u32),
    scale: f32,
}

impl Place {
    pub(crate) fn new(at: (u32, u32), size: (u32, u32)) -> Self {
        let scale = 1.0;
        Self { at, size, scale }
    }

    /// So many pixels of the picture are one of the window's.
    pub(crate) fn scaled(self, scale: f32) -> Self {
        Self { scale, ..self }
    }

    /// Whether the window is exactly there and no larger: all of its border and all of what is
    /// inside. What is wrong, where it is not.
    pub(crate) fn holds(&self, picture: &Picture) -> Result<(), String> {
        self.is_covered(picture)?;
        let ((x, y), (width, height)) = (self.at, self.size);
        let around = [
            (x.wrapping_sub(1), y),
            (x, y.wrapping_sub(1)),
            (x + width, y),
            (x, y + height),
        ];
        let inside = |(x, y): &(u32, u32)| *x < picture.width() && *y < picture.height();
        for (x, y) in around.into_iter().filter(inside) {
            if picture.pixel(x, y) == BORDER {
                return Err(format!("the window goes on at {x},{y}"));
            }
        }
        Ok(())
    }

    /// As [`Self::holds`], over another window of the kind.
    pub(crate) fn is_covered(&self, picture: &Picture) -> Result<(), String> {
        let ((x, y), (width, height)) = (self.at, self.size);
        if x + width > picture.width() || y + height > picture.height() {
            return Err(format!("{self:?} is not in {picture:?}"));
        }
        let border = (BORDER_WIDTH * self.scale) as u32;
        let edge = |d: u32, length: u32| d < border || d >= length - border;
        for dy in 0..height {
            for dx in 0..width {
                let expected = if edge(dx, width) || edge(dy, height) {
                    BORDER
                } else {
                    FILL
                };
                let found = picture.pixel(x + dx, y + dy);
                if found != expected {
                    return Err(format!(
                        "at {dx},{dy} of the window there is {found:?}, not {expected:?}"
                    ));
                }
            }
        }
        Ok(())
    }

    /// How many pixels of its border there are.
    pub(crate) fn border(&self) -> usize {
        let (width, height) = self.size;
        let border = 2 * (BORDER_WIDTH * self.scale) as u32;
        (width * height - (width - border) * (height - border)) as usize
    }
}

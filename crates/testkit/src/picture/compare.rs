//! Whether a picture is the golden one, and what to look at where it is not.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use super::{Picture, Region};

/// Writes goldens instead of comparing with them.
const BLESS: &str = "ENDSESSION_BLESS";

/// What may differ between a picture and its golden.
///
/// Another version of a rasteriser or compositor moves the shades along edges a little, in many
/// pixels; a wrong letter, a missing line or another colour moves few pixels much. So slight
/// differences are bounded by their share of the picture, and great ones by themselves: a share
/// alone would let a letter go missing from a large picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// A pixel whose channels all differ by no more than this is the same. Of 255.
    pub channel: u8,
    /// A pixel with a channel that differs by more than this is wrong, and none may be.
    pub far: u8,
    /// The share of pixels that may differ by more than `channel` and no more than `far`; 0 to 1.
    pub share: f64,
}

impl Tolerance {
    /// Every pixel is the golden's.
    pub const EXACT: Self = Self {
        channel: 0,
        far: 0,
        share: 0.0,
    };
}

impl Default for Tolerance {
    /// What text that the same fonts and rasteriser drew needs through different compositors.
    fn default() -> Self {
        Self {
            channel: 8,
            far: 64,
            share: 0.002,
        }
    }
}

/// How two pictures of one size differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The share of pixels that differ by more than a tolerance's `channel`; 0 to 1.
    pub share: f64,
    /// How many pixels differ by more than its `far`.
    pub far: usize,
    /// The greatest difference of any channel.
    pub greatest: u8,
    /// Where pixels differ by more than `channel`.
    pub region: Option<Region>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = self.share * 100.0;
        write!(
            f,
            "{share:.3} % of the pixels differ, {} of them greatly, by {} of 255 at most",
            self.far, self.greatest
        )?;
        match self.region {
            Some(Region {
                x,
                y,
                width,
                height,
            }) => write!(f, ", all within {width} by {height} at {x},{y}"),
            None => Ok(()),
        }
    }
}

impl Picture {
    /// How it differs from `other`.
    ///
    /// # Errors
    /// What their sizes are, when those differ.
    pub fn difference(&self, other: &Self, tolerance: Tolerance) -> Result<Difference, String> {
        if self.size() != other.size() {
            let ((w, h), (other_w, other_h)) = (self.size(), other.size());
            return Err(format!("it is {w} by {h}, and not {other_w} by {other_h}"));
        }
        let distances = || self.rgb.iter().zip(&other.rgb).map(distance);
        let count = |limit: u8| distances().filter(|distance| *distance > limit).count();
        Ok(Difference {
            share: count(tolerance.channel) as f64 / self.rgb.len().max(1) as f64,
            far: count(tolerance.far),
            greatest: distances().max().unwrap_or(0),
            region: self.bounds(|x, y| {
                let at = self.index(x, y);
                distance((&self.rgb[at], &other.rgb[at])) > tolerance.channel
            }),
        })
    }

    /// Whether it is `other` within `tolerance`.
    pub fn is_like(&self, other: &Self, tolerance: Tolerance) -> bool {
        self.difference(other, tolerance)
            .is_ok_and(|difference| difference.within(tolerance))
    }

    /// Compares it with the picture that is kept at `golden`, a path from the package's directory.
    ///
    /// With `ENDSESSION_BLESS=1` it is written there instead.
    ///
    /// # Panics
    /// When it differs, or there is none. What is there, what was expected and where they differ are
    /// then written below the target directory, and the message says where.
    #[track_caller]
    pub fn assert_like(&self, golden: &Path, tolerance: Tolerance) {
        if blessing() {
            self.save(golden);
        } else if let Err(why) = self.check(golden, tolerance) {
            panic!("not like {}: {why}", golden.display());
        }
    }

    fn check(&self, golden: &Path, tolerance: Tolerance) -> Result<(), String> {
        let why = if golden.exists() {
            let expected = Self::load(golden);
            let why = match self.difference(&expected, tolerance) {
                Ok(difference) if difference.within(tolerance) => return Ok(()),
                Ok(difference) => {
                    let picture = self.shown_against(&expected, tolerance);
                    picture.save(&report(golden, "difference"));
                    difference.to_string()
                }
                Err(sizes) => sizes,
            };
            expected.save(&report(golden, "expected"));
            why
        } else {
            "there is no such picture".to_owned()
        };
        let actual = report(golden, "actual");
        self.save(&actual);
        Err(format!(
            "{why}\nLook at {}, with what was expected and the difference beside it. \
             If it is right, {BLESS}=1 keeps it.",
            actual.display()
        ))
    }

    /// Itself in pale grey, with what differs from `expected` in yellow, and what differs greatly in
    /// red.
    fn shown_against(&self, expected: &Self, tolerance: Tolerance) -> Self {
        let pixels = self.rgb.iter().zip(&expected.rgb).map(|pair| {
            let grey = (pair.0.iter().map(|v| u32::from(*v)).sum::<u32>() / 3) as u8;
            match distance(pair) {
                far if far > tolerance.far => [0xff, 0, 0],
                near if near > tolerance.channel => [0xff, 0xc0, 0],
                _ => [0xc0 + grey / 4; 3],
            }
        });
        Self::new(self.width, self.height, pixels.collect())
    }
}

impl Difference {
    fn within(&self, tolerance: Tolerance) -> bool {
        self.far == 0 && self.share <= tolerance.share
    }
}

/// Whether goldens are to be written.
pub(super) fn blessing() -> bool {
    std::env::var_os(BLESS).is_some_and(|value| !value.is_empty() && value != "0")
}

/// The greatest difference of a channel.
fn distance((one, other): (&[u8; 3], &[u8; 3])) -> u8 {
    let channels = one.iter().zip(other);
    channels.map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
}

/// Writes what a test waited for in vain, under its name, and returns where.
pub(super) fn keep_last(picture: &Picture) -> PathBuf {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a-test").replace("::", "-");
    let path = report(Path::new(&test), "never-as-awaited");
    picture.save(&path);
    path
}

/// Where `kind` of a comparison with `golden` is written: below the target directory, whatever that
/// is, because cargo marks it.
fn report(golden: &Path, kind: &str) -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let target = program
        .ancestors()
        .find(|dir| dir.join("CACHEDIR.TAG").exists());
    let target = target.map_or_else(std::env::temp_dir, Path::to_owned);
    let package = std::env::var("CARGO_PKG_NAME").unwrap_or_default();
    let name = golden.file_stem().unwrap_or_default().to_string_lossy();
    let file = format!("{name}.{kind}.png");
    target.join("goldens").join(package).join(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHITE: [u8; 3] = [255; 3];

    /// White, 100 by 100, with `pixels` of it in `colour`.
    fn with(pixels: usize, colour: [u8; 3]) -> Picture {
        let mut rgb = vec![WHITE; 10_000];
        rgb[..pixels].fill(colour);
        Picture::new(100, 100, rgb)
    }

    fn is_like_white(picture: &Picture) -> bool {
        picture.is_like(&with(0, WHITE), Tolerance::default())
    }

    #[test]
    fn slight_shades_are_tolerated_everywhere_and_greater_ones_in_few_places() {
        assert!(is_like_white(&with(10_000, [250; 3])));
        assert!(is_like_white(&with(20, [200; 3])));
        assert!(!is_like_white(&with(21, [200; 3])));
    }

    #[test]
    fn one_wrong_pixel_is_wrong() {
        assert!(!is_like_white(&with(1, [255, 255, 100])));
    }

    #[test]
    fn another_size_is_another_picture() {
        let narrow = with(0, WHITE).crop((0, 0, 99, 100));
        let why = narrow.difference(&with(0, WHITE), Tolerance::default());
        assert_eq!(why.unwrap_err(), "it is 99 by 100, and not 100 by 100");
    }

    #[test]
    fn a_failure_says_how_much_differs_and_leaves_pictures_to_look_at() {
        let dir = tempfile::tempdir().unwrap();
        let golden = dir.path().join("picture-of-a-failure.png");
        with(0, WHITE).save(&golden);
        let red = with(7, [255, 0, 0]);
        let why = red.check(&golden, Tolerance::default()).unwrap_err();
        let expected = "0.070 % of the pixels differ, 7 of them greatly, by 255 of 255 at most, \
                        all within 7 by 1 at 0,0";
        assert!(why.starts_with(expected), "{why}");
        assert_eq!(Picture::load(&report(&golden, "actual")), red);
        let shown = Picture::load(&report(&golden, "difference"));
        assert_eq!((shown.count([255, 0, 0]), shown.count(WHITE)), (7, 9_993));
    }

    #[test]
    fn a_golden_that_is_not_there_is_a_failure() {
        let why = with(0, WHITE).check(Path::new("no-such.png"), Tolerance::EXACT);
        assert!(why.unwrap_err().starts_with("there is no such picture"));
    }
}

//! What every display can: be looked at, until it shows what a test waits for.

use std::{path::Path, time::Duration};

use super::{
    Picture, Region, Tolerance,
    compare::{blessing, keep_last},
};
use crate::wait::Deadline;

/// How often a screen is looked at while something is awaited on it: about a frame. Displays do not
/// tell a bystander that they have drawn.
const FRAME: Duration = Duration::from_millis(16);

/// For how long nothing may change before a screen counts as still.
const STILL: Duration = Duration::from_millis(300);

/// A display that can be looked at.
pub trait Screen {
    /// What it shows now, without the pointer.
    #[track_caller]
    fn picture(&self) -> Picture;

    /// What it shows in `region` now.
    ///
    /// # Panics
    /// When that is not wholly on the screen.
    #[track_caller]
    fn picture_of(&self, region: impl Into<Region>) -> Picture
    where
        Self: Sized,
    {
        self.picture().crop(region)
    }

    /// Waits until it shows what `wanted` accepts.
    ///
    /// # Panics
    /// When `limit` runs out; the message says where the last picture was written.
    #[track_caller]
    fn wait_for_picture(&self, limit: Duration, wanted: impl Fn(&Picture) -> bool) -> Picture
    where
        Self: Sized,
    {
        let deadline = Deadline::after(limit);
        loop {
            let picture = self.picture();
            if wanted(&picture) {
                return picture;
            }
            if deadline.passed() {
                let path = keep_last(&picture);
                panic!(
                    "within {limit:?} the screen never was as awaited; it is in {}",
                    path.display()
                );
            }
            std::thread::sleep(FRAME);
        }
    }

    /// Waits until what it shows in `region` is like `golden`; see [`Picture::assert_like`]. So a
    /// frame that is on its way has come.
    ///
    /// With `ENDSESSION_BLESS=1` what it shows once it is still is written there.
    ///
    /// # Panics
    /// When it still differs after `limit`.
    #[track_caller]
    fn wait_until_like(
        &self,
        region: impl Into<Region>,
        golden: &Path,
        tolerance: Tolerance,
        limit: Duration,
    ) -> Picture
    where
        Self: Sized,
    {
        let region = region.into();
        if blessing() || !golden.exists() {
            let picture = self.wait_until_still(limit).crop(region);
            picture.assert_like(golden, tolerance);
            return picture;
        }
        let (expected, deadline) = (Picture::load(golden), Deadline::after(limit));
        loop {
            let picture = self.picture_of(region);
            if picture.is_like(&expected, tolerance) {
                return picture;
            }
            if deadline.passed() {
                picture.assert_like(golden, tolerance);
                return picture;
            }
            std::thread::sleep(FRAME);
        }
    }

    /// Waits until it has not changed for a while. That is no proof that nothing is to come: wait for
    /// something that a test knows of where there is such a thing.
    ///
    /// # Panics
    /// When it still changes after `limit`.
    #[track_caller]
    fn wait_until_still(&self, limit: Duration) -> Picture
    where
        Self: Sized,
    {
        let deadline = Deadline::after(limit);
        let (mut last, mut still) = (self.picture(), Deadline::after(STILL));
        while !still.passed() {
            assert!(
                !deadline.passed(),
                "after {limit:?} the screen still changes"
            );
            std::thread::sleep(FRAME);
            let picture = self.picture();
            if picture != last {
                (last, still) = (picture, Deadline::after(STILL));
            }
        }
        last
    }
}

//! Screen lockers: real ones, locked for certain by the time they are returned.
//!
//! Neither is unlocked with a password: the sandbox's user has none. [`Lock::unlock`] uses what each
//! offers instead.

use rustix::process::Signal;

use crate::{
    picture::Screen,
    session::{Proc, Sandbox},
    sway::Sway,
    wait::LIMIT,
    x11::Xvfb,
};

/// The colour of a locked screen: red, green, blue. Nothing else is of it.
pub const COLOUR: [u8; 3] = [0x00, 0x33, 0x66];

/// A running locker. Dropping it kills it, which unlocks X11 and sway 1.7; under ext-session-lock a
/// compositor stays locked when its locker is killed.
#[derive(Debug)]
pub struct Lock {
    process: Proc,
    goodbye: Signal,
}

impl Lock {
    /// swaylock on all outputs of `sway`. It uses ext-session-lock where sway has that (1.8), else the
    /// input inhibitor and a layer surface.
    ///
    /// # Panics
    /// When it does not lock in time.
    #[track_caller]
    pub fn sway(sway: &Sway) -> Self {
        let process = start(sway.sandbox(), &["swaylock", "-C", "/dev/null", "-u", "-c"]);
        // The keyboard is taken before anything is drawn, so what is seen is locked.
        for output in sway.outputs() {
            let screen = sway.on_output(&output.name);
            screen.wait_for_picture(LIMIT, |picture| {
                picture.count(COLOUR) == (picture.width() * picture.height()) as usize
            });
        }
        // It unlocks at this signal; killed, it would leave an ext-session-lock in place.
        Self {
            process,
            goodbye: Signal::USR1,
        }
    }

    /// i3lock on `xvfb`.
    ///
    /// # Panics
    /// When it does not lock in time.
    #[track_caller]
    pub fn x11(xvfb: &Xvfb) -> Self {
        let process = start(xvfb.sandbox(), &["i3lock", "--nofork", "-u", "-c"]);
        xvfb.wait_until_locked(LIMIT);
        Self {
            process,
            goodbye: Signal::TERM,
        }
    }

    /// Its process.
    pub fn process(&self) -> &Proc {
        &self.process
    }

    /// Unlocks the screen, as when its user is back.
    #[track_caller]
    pub fn unlock(self) {
        self.process.signal(self.goodbye);
        self.process.wait_exit(LIMIT);
    }
}

#[track_caller]
fn start(sandbox: &Sandbox, words: &[&str]) -> Proc {
    let [red, green, blue] = COLOUR;
    let colour = format!("{red:02x}{green:02x}{blue:02x}");
    sandbox.spawn([words, &[&colour]].concat())
}

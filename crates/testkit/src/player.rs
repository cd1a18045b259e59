//! [`Player`]: Firefox that plays a film, which it has recorded itself (WebM with picture and sound), so
//! that a test needs no file of others and no network.
//!
//! ```no_run
//! use endsession_testkit::{bus::Bus, player::Player, session::Sandbox, x11::Xvfb};
//!
//! let sandbox = Sandbox::new();
//! let _bus = Bus::daemon_in(&sandbox);
//! let xvfb = Xvfb::with_openbox_in(&sandbox);
//! let player = Player::start(&sandbox);
//! player.pause();
//! ```

use crate::{
    session::{Proc, Sandbox},
    wait::LIMIT,
    x11::{Display, Window},
    xsmp,
};

const PAGE: &str = include_str!("../assets/video.html");

/// It may play without a user's word.
const SETTINGS: &str = r#"
user_pref("media.autoplay.default", 0);
user_pref("media.autoplay.blocking_policy", 0);
"#;

/// A running Firefox. Dropping it ends it.
#[derive(Debug)]
pub struct Player {
    process: Proc,
    display: Display,
    window: Window,
}

impl Player {
    /// Starts it on the sandbox's `DISPLAY`; it plays when this returns.
    ///
    /// # Panics
    /// When it does not play in time; the message has the titles of the windows.
    #[track_caller]
    pub fn start(sandbox: &Sandbox) -> Self {
        let name = sandbox.env("DISPLAY").expect("a player needs a display");
        let display = Display::new(&name.to_string_lossy());
        let page = sandbox.write("film.html", PAGE);
        let process = sandbox.spawn(xsmp::firefox(sandbox, SETTINGS, &page));
        // It starts, records for two seconds and finds a way to play.
        let window = display.wait_for_window(2 * LIMIT, |w| w.title.contains("the film plays"));
        Self {
            process,
            display,
            window,
        }
    }

    /// Pauses it, and waits until it does.
    #[track_caller]
    pub fn pause(&self) {
        self.press("the film is paused");
    }

    /// Lets it go on, and waits until it does.
    #[track_caller]
    pub fn go_on(&self) {
        self.press("the film plays");
    }

    #[track_caller]
    fn press(&self, title: &str) {
        self.display.press(&self.window, &["space"]);
        let is_it = |w: &Window| w.id == self.window.id && w.title.contains(title);
        self.display.wait_for_window(LIMIT, is_it);
    }

    /// Its process.
    pub fn process(&self) -> &Proc {
        &self.process
    }
}

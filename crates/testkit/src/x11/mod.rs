//! [`Xvfb`]: an X server without a screen, alone, with openbox or with i3.
//!
//! ```no_run
//! use std::time::Duration;
//! use endsession_testkit::{session::Sandbox, x11::Xvfb};
//!
//! let sandbox = Sandbox::new();
//! let xvfb = Xvfb::with_openbox_in(&sandbox); // the sandbox's DISPLAY is its own from now on
//! let xterm = sandbox.spawn(["xterm"]);
//! let window = xvfb.wait_for_window(Duration::from_secs(10), |w| w.pid == Some(xterm.pid()));
//! xvfb.type_text(&window, "exit\n");
//! ```

mod desk;
mod display;
mod keys;
mod saver;
mod screen;

use std::{ops::Deref, path::Path};

use rustix::process::Signal;

use crate::{
    picture::{Picture, Region, Screen},
    session::{Manner, Proc, Sandbox},
    sway::prepare_x11_sockets,
    sweep,
    wait::LIMIT,
};

pub use display::{Display, Window};
pub use screen::Monitor;

/// A running Xvfb. Its [`Display`] is reached through deref. Dropping it ends it.
#[derive(Debug)]
pub struct Xvfb {
    /// Before the server: it ends first.
    manager: Option<Proc>,
    server: Server,
    display: Display,
    sandbox: Sandbox,
}

/// The server's process, and the socket that a killed one leaves.
#[derive(Debug)]
struct Server {
    process: Option<Proc>,
    number: String,
}

impl Xvfb {
    /// An X server without a window manager, in a sandbox of its own; 1280 by 800.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_in(&Sandbox::new())
    }

    /// An X server without a window manager; the sandbox's `DISPLAY` becomes its own.
    #[track_caller]
    pub fn start_in(sandbox: &Sandbox) -> Self {
        Self::sized(sandbox, 1280, 800)
    }

    /// As [`start_in`](Self::start_in), with a screen of `width` by `height` pixels.
    #[track_caller]
    pub fn sized(sandbox: &Sandbox, width: u16, height: u16) -> Self {
        Self::with_options(sandbox, &format!("{width}x{height}x24"), &[])
    }

    /// As [`start_in`](Self::start_in), without the X-Resource extension: it tells of no window whose
    /// process it is.
    #[track_caller]
    pub fn without_processes_in(sandbox: &Sandbox) -> Self {
        Self::with_options(sandbox, "1280x800x24", &["-extension", "X-Resource"])
    }

    #[track_caller]
    fn with_options(sandbox: &Sandbox, screen: &str, options: &[&str]) -> Self {
        prepare_x11_sockets();
        // Asked to end, it removes its socket.
        let manner = Manner {
            farewell: Signal::TERM,
            ..Manner::default()
        };
        let args = [
            "Xvfb",
            "-displayfd",
            "1",
            "-screen",
            "0",
            screen,
            "-nolisten",
            "tcp",
            "-ac",
        ];
        // Without -noreset it would start anew, and forget every client, whenever the last one
        // disconnects; the testkit's own connections come and go.
        let process = sandbox.spawn_in_manner([&args[..], &["-noreset"], options].concat(), manner);
        let number = process.wait_for_line("", LIMIT).trim().to_owned();
        let display = Display::new(&format!(":{number}"));
        sandbox.set_env("DISPLAY", display.name());
        let server = Server {
            process: Some(process),
            number,
        };
        Self {
            manager: None,
            server,
            display,
            sandbox: sandbox.clone(),
        }
    }

    /// An X server with openbox, in a sandbox of its own.
    #[track_caller]
    pub fn with_openbox() -> Self {
        Self::with_openbox_in(&Sandbox::new())
    }

    /// An X server with openbox, which manages windows by the time this returns.
    #[track_caller]
    pub fn with_openbox_in(sandbox: &Sandbox) -> Self {
        let mut xvfb = Self::start_in(sandbox);
        xvfb.manager = Some(sandbox.spawn(["openbox"]));
        xvfb.display.wait_for_window_manager(LIMIT);
        xvfb
    }

    /// The server's process.
    pub fn process(&self) -> &Proc {
        self.server
            .process
            .as_ref()
            .expect("taken only when it is dropped")
    }

    /// An X server with i3, in a sandbox of its own.
    #[track_caller]
    pub fn with_i3() -> Self {
        Self::with_i3_in(&Sandbox::new())
    }

    /// An X server with i3, which manages windows by the time this returns: without a bar, and with no
    /// wizard that asks for a configuration.
    #[track_caller]
    pub fn with_i3_in(sandbox: &Sandbox) -> Self {
        let mut xvfb = Self::start_in(sandbox);
        let config = "# i3 config file (v4)\nfont pango:monospace 8\nfocus_follows_mouse no\n";
        let config = sandbox.write(".config/i3/testkit", config).into_os_string();
        xvfb.manager = Some(sandbox.spawn(["i3".into(), "-c".into(), config]));
        xvfb.display.wait_for_window_manager(LIMIT);
        xvfb
    }

    /// The window manager, where the testkit started one.
    pub fn window_manager(&self) -> Option<&Proc> {
        self.manager.as_ref()
    }

    /// openbox, where it runs.
    pub fn openbox(&self) -> Option<&Proc> {
        self.manager.as_ref().filter(|it| it.name() == "openbox")
    }

    /// The name of its display, as in `DISPLAY`.
    pub fn display(&self) -> &str {
        self.display.name()
    }

    /// The sandbox it runs in.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Writes what the screen shows to `path`, as PNG.
    #[track_caller]
    pub fn screenshot(&self, path: &Path) {
        self.display.picture().save(path);
    }
}

impl Screen for Xvfb {
    #[track_caller]
    fn picture(&self) -> Picture {
        self.display.picture()
    }

    #[track_caller]
    fn picture_of(&self, region: impl Into<Region>) -> Picture {
        self.display.picture_of(region)
    }
}

impl Deref for Xvfb {
    type Target = Display;

    fn deref(&self) -> &Display {
        &self.display
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process = None;
        sweep::remove_display_socket(&self.number);
    }
}

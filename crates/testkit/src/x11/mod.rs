//! [`Xvfb`]: an X server without a screen, alone or with openbox.
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

mod display;
mod keys;

use std::{ops::Deref, path::Path};

use rustix::process::Signal;

use crate::{
    session::{Manner, Proc, Sandbox},
    sway::prepare_x11_sockets,
    sweep,
    wait::LIMIT,
};

pub use display::{Display, Window};

/// A running Xvfb. Its [`Display`] is reached through deref. Dropping it ends it.
#[derive(Debug)]
pub struct Xvfb {
    /// Before the server: it ends first.
    openbox: Option<Proc>,
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
            openbox: None,
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
        xvfb.openbox = Some(sandbox.spawn(["openbox"]));
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

    /// openbox, where it runs.
    pub fn openbox(&self) -> Option<&Proc> {
        self.openbox.as_ref()
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
        let inside = self.sandbox.runtime_dir().join("screenshot.png");
        let picture = format!("png:{}", inside.display());
        let command = [
            "import",
            "-display",
            self.display(),
            "-window",
            "root",
            &picture,
        ];
        let import = self.sandbox.spawn(command);
        assert!(
            import.wait_exit(LIMIT).success(),
            "import: {}",
            import.stderr_so_far()
        );
        std::fs::copy(&inside, path).expect("copying the screenshot");
        let _ = std::fs::remove_file(inside);
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

//! [`Desk`]: a session on an X display, in which examples run.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use endsession_testkit::session::Proc;
use endsession_testkit::x11::{Window, Xvfb};

use crate::support::{IDLE, LIMIT, On, Session, sandbox};

/// A session with openbox's windows.
pub(crate) struct Desk {
    pub(crate) session: Session,
    pub(crate) xvfb: Xvfb,
}

impl Desk {
    #[track_caller]
    pub(crate) fn new() -> Self {
        let sandbox = sandbox();
        let xvfb = Xvfb::with_openbox_in(&sandbox);
        let session = Session::with_in(&sandbox, On::Daemon, "", &IDLE);
        Self { session, xvfb }
    }

    /// Starts the example of that name.
    #[track_caller]
    pub(crate) fn example(&self, name: &str, arguments: &[&str]) -> Proc {
        let file = self.install(name).display().to_string();
        self.sandbox.spawn([&[file.as_str()], arguments].concat())
    }

    /// Its file, where the session's user can run it.
    #[track_caller]
    pub(crate) fn install(&self, name: &str) -> PathBuf {
        self.sandbox.install(&built(name))
    }

    /// Waits for a window of that title, and gives it the keyboard.
    #[track_caller]
    pub(crate) fn window(&self, title: &str) -> Window {
        let window = self.xvfb.wait_for_window(LIMIT, |w| w.title == title);
        self.xvfb.focus(&window);
        window
    }

    /// Begins a log-off.
    #[track_caller]
    #[must_use]
    pub(crate) fn log_off(&self) -> Proc {
        self.start(&["logoff"])
    }

    /// That log-off was cancelled, and the session goes on.
    #[track_caller]
    pub(crate) fn was_cancelled(&self, log_off: &Proc) {
        let status = log_off.wait_exit(LIMIT);
        assert_eq!(status.code(), Some(1), "{}", log_off.stderr_so_far());
        assert!(self.run.is_alive());
    }

    /// That log-off went through, and this program ended well with it.
    #[track_caller]
    pub(crate) fn went_through(&self, log_off: &Proc, program: &Proc) {
        let status = log_off.wait_exit(LIMIT);
        assert_eq!(status.code(), Some(0), "{}", log_off.stderr_so_far());
        let ended = program.wait_exit(LIMIT);
        assert!(ended.success(), "{ended}: {}", program.stderr_so_far());
        self.ends_in_order();
    }
}

impl Deref for Desk {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

/// The file of an example. How old it is only cargo can tell: `cargo xtask test` builds them first.
#[track_caller]
fn built(name: &str) -> PathBuf {
    // Beside the command's own profile.
    let command = Path::new(env!("CARGO_BIN_EXE_endsession"));
    let target = command.ancestors().nth(2).unwrap();
    let file = match name {
        "winit" | "editor" => target.join(format!("examples/debug/endsession-example-{name}")),
        name => target.join("debug/examples").join(name),
    };
    assert!(
        file.is_file(),
        "there is no {}; this makes it:\n    cargo xtask examples",
        file.display()
    );
    file
}

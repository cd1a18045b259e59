//! [`Qt6Session`]: a Qt 6 program that uses QSessionManager.
//!
//! On Debian's Qt 6: PyPI's wheels of PySide6 and PyQt6 are built without libSM, and no program of
//! theirs ever registers.

use std::time::Duration;

use serde_json::Value;

use super::Events;
use crate::{
    programs,
    session::{Proc, Sandbox},
    wait::LIMIT,
    x11::Display,
};

/// What a [`Qt6Session`] does in commitDataRequest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qt6Manner {
    /// Agrees.
    Agree,
    /// Shows its own message box: Save, Discard, Cancel.
    Dialog,
    /// Cancels the log-off by itself.
    Cancel,
    /// Never returns.
    Hang,
    /// Aborts.
    Crash,
    /// Agrees, and asks for a second phase whenever it saves its state.
    Phase2,
}

/// The program: assets/qt6_session.py, whose head lists its events.
#[derive(Debug)]
pub struct Qt6Session {
    events: Events,
    process: Proc,
    display: Display,
}

impl Qt6Session {
    /// Starts it on the sandbox's `DISPLAY`, and waits until its window is shown.
    #[track_caller]
    pub fn start(sandbox: &Sandbox, manner: Qt6Manner) -> Self {
        let manner = match manner {
            Qt6Manner::Agree => "--agree",
            Qt6Manner::Dialog => "--dialog",
            Qt6Manner::Cancel => "--cancel",
            Qt6Manner::Hang => "--hang",
            Qt6Manner::Crash => "--crash",
            Qt6Manner::Phase2 => "--phase2",
        };
        let script = include_str!("../../assets/qt6_session.py");
        let command = command(sandbox, "qt6_session.py", script, &[manner]);
        let process = sandbox.spawn(command);
        let events = Events::of(process.stdout());
        let display = display(sandbox);
        let program = Self {
            events,
            process,
            display,
        };
        program.wait_for("ready", LIMIT);
        program
    }

    /// Its process.
    pub fn process(&self) -> &Proc {
        &self.process
    }

    /// What happened to it.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// The next event called `name`; see [`Events::wait_for`].
    #[track_caller]
    pub fn wait_for(&self, name: &str, limit: Duration) -> Value {
        self.events.wait_for(name, limit)
    }

    /// Its id at the session manager; None without one.
    pub fn session_id(&self) -> Option<String> {
        let ready = self.events.so_far().into_iter().next()?;
        let id = ready["session"].as_str()?;
        (!id.is_empty()).then(|| id.to_owned())
    }

    /// Waits for its message box and presses `button`: "save", "discard" or "cancel".
    #[track_caller]
    pub fn press(&self, button: &str) {
        let title = self.wait_for("dialog", LIMIT)["title"].clone();
        let dialog = self
            .display
            .wait_for_window(LIMIT, |window| window.title.as_str() == title);
        self.display.press(&dialog, &["Alt", &button[..1]]);
        assert_eq!(self.wait_for("answer", LIMIT)["button"], button);
    }
}

/// The display that the sandbox's programs find.
#[track_caller]
pub(super) fn display(sandbox: &Sandbox) -> Display {
    let name = sandbox.env("DISPLAY");
    let name = name.expect("what speaks XSMP is started after its X display");
    Display::new(&name.to_string_lossy())
}

/// The words that run a script of Qt 6's on X11.
#[track_caller]
pub(super) fn command(
    sandbox: &Sandbox,
    name: &str,
    script: &str,
    arguments: &[&str],
) -> std::process::Command {
    programs::need("/usr/lib/python3/dist-packages/PyQt6");
    let script = sandbox.write(name, script);
    let mut command = std::process::Command::new(programs::need("/usr/bin/python3"));
    command.arg(script).args(arguments);
    command.env("QT_QPA_PLATFORM", "xcb");
    command
}

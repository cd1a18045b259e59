//! Log-offs in sessions that have no manager: the command brings one along. On headless sway, and
//! on Xvfb with openbox and with i3, none of them started by endsession.
#![allow(missing_docs, clippy::unwrap_used)]

use std::path::Path;
use std::time::Duration;

use endsession_testkit::a11y::role;
use endsession_testkit::apps;
use endsession_testkit::bus::Bus;
use endsession_testkit::session::{Proc, Sandbox};
use endsession_testkit::sway::{Config, Sway};
use endsession_testkit::wait;
use endsession_testkit::x11::Xvfb;

mod at;
mod at_once;
#[path = "../support/desk.rs"]
mod desk;
mod nothing_to_end;
mod others;

use desk::wait_for_descendant;

/// Longer than anything here takes; only a failing test waits so long.
const LIMIT: Duration = Duration::from_secs(60);

const TEXT: &str = "not saved yet";

/// A sandbox with a bus and the binary under test, and no window to answer in.
fn sandbox() -> (Sandbox, Bus) {
    let sandbox = Sandbox::new();
    sandbox.install(Path::new(env!("CARGO_BIN_EXE_endsession")));
    let bus = Bus::daemon_in(&sandbox);
    sandbox.write(
        ".config/endsession/config.toml",
        "[dialog]\ncommand = []\n[deadlines]\nforced = \"2s\"\n",
    );
    (sandbox, bus)
}

/// A session that nobody manages.
enum Session {
    Sway(Sway),
    X11(Xvfb),
}

impl Session {
    fn sway(sandbox: &Sandbox) -> Self {
        Self::Sway(Sway::start_in(sandbox, &Config::new()))
    }

    fn openbox(sandbox: &Sandbox) -> Self {
        Self::X11(Xvfb::with_openbox_in(sandbox))
    }

    fn i3(sandbox: &Sandbox) -> Self {
        Self::X11(Xvfb::with_i3_in(sandbox))
    }

    /// The process that ends last.
    fn compositor(&self) -> u32 {
        match self {
            Self::Sway(sway) => sway.pid(),
            Self::X11(xvfb) => xvfb.window_manager().unwrap().pid(),
        }
    }

    #[track_caller]
    fn wait_for_window(&self, title: &str) {
        match self {
            Self::Sway(s) => drop(s.wait_for_window(LIMIT, |w| w.title.contains(title))),
            Self::X11(x) => drop(x.wait_for_window(LIMIT, |w| w.title.contains(title))),
        }
    }

    /// A terminal with an idle shell.
    #[track_caller]
    fn terminal(&self, sandbox: &Sandbox) -> Proc {
        let shell = ["bash", "--norc", "-i"];
        let words = match self {
            Self::Sway(_) => [&["foot", "--title", "terminal", "--"], &shell[..]].concat(),
            Self::X11(_) => [&["xterm", "-title", "terminal", "-e"], &shell[..]].concat(),
        };
        let terminal = sandbox.spawn(words);
        self.wait_for_window("terminal");
        // An xterm that is told to close before its shell runs forgets it.
        wait_for_descendant(terminal.pid(), "bash");
        terminal
    }

    #[track_caller]
    fn type_into(&self, title: &str, text: &str) {
        match self {
            Self::Sway(s) => {
                s.type_text(&s.wait_for_window(LIMIT, |w| w.title.contains(title)), text)
            }
            Self::X11(x) => {
                x.type_text(&x.wait_for_window(LIMIT, |w| w.title.contains(title)), text)
            }
        }
    }
}

/// Waits until an editor's dialog shows this button.
#[track_caller]
fn wait_for_button(editor: &apps::App, name: &str) {
    editor.widgets().wait_for(LIMIT, |w| {
        w.role == role::PUSH_BUTTON && w.showing && w.name.replace('_', "") == name
    });
}

/// Runs a command of `endsession` to its end: status, stdout, stderr.
#[track_caller]
fn endsession(sandbox: &Sandbox, arguments: &[&str]) -> (i32, String, String) {
    let proc = sandbox.spawn([&["endsession"], arguments].concat());
    let status = proc.wait_exit(LIMIT);
    (
        status.code().unwrap_or(-1),
        proc.stdout_so_far(),
        proc.stderr_so_far(),
    )
}

/// The processes of the sandbox that run endsession.
fn managers(sandbox: &Sandbox) -> Vec<u32> {
    let runs = |pid: &u32| {
        std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|c| c.trim() == "endsession")
    };
    sandbox.processes().into_iter().filter(runs).collect()
}

/// No manager is left behind.
#[track_caller]
fn leaves_no_manager(sandbox: &Sandbox) {
    for pid in managers(sandbox) {
        assert!(wait::until_gone(pid, LIMIT), "a manager is left: {pid}");
    }
}

fn an_unsaved_editor_is_named_and_nothing_is_lost(sandbox: &Sandbox, session: &Session) {
    let mousepad = apps::mousepad(sandbox);
    let terminal = session.terminal(sandbox);
    mousepad.write(TEXT);
    session.wait_for_window("*");
    let (status, _, errors) = endsession(sandbox, &["logoff", "--no-dialog"]);
    assert_eq!(status, 1, "{errors}");
    let named = format!("mousepad (pid {}):", mousepad.process().pid());
    assert!(errors.to_lowercase().contains(&named), "{errors}");
    leaves_no_manager(sandbox);
    mousepad.press("Cancel");
    assert_eq!(mousepad.text(), TEXT);
    assert!(terminal.is_alive());
    assert!(wait::is_alive(session.compositor()));
}

fn it_ends_the_session_and_the_compositor_last(sandbox: &Sandbox, session: &Session) {
    let mousepad = apps::mousepad(sandbox);
    let terminal = session.terminal(sandbox);
    mousepad.write(TEXT);
    session.wait_for_window("*");
    let compositor = session.compositor();
    let exits = sandbox.exit_order();
    exits.watch("mousepad", mousepad.process().pid());
    exits.watch("terminal", terminal.pid());
    exits.watch("compositor", compositor);
    let logoff = sandbox.spawn(["endsession", "logoff"]);
    mousepad.press("Don't Save");
    let status = logoff.wait_exit(LIMIT);
    assert_eq!(status.code(), Some(0), "{}", logoff.stderr_so_far());
    let order = exits.wait_for(3, LIMIT);
    assert_eq!(order, ["mousepad", "terminal", "compositor"]);
    leaves_no_manager(sandbox);
}

/// A session without a bus: the command brings one along too.
fn it_needs_no_bus(sandbox: &Sandbox, session: &Session) {
    let mousepad = apps::mousepad(sandbox);
    mousepad.write(TEXT);
    session.wait_for_window("*");
    let compositor = session.compositor();
    let endsession = |arguments: &[&str]| {
        let without_bus = ["env", "-u", "DBUS_SESSION_BUS_ADDRESS", "endsession"];
        sandbox.spawn([&without_bus[..], arguments].concat())
    };
    let cancelled = endsession(&["logoff"]);
    wait_for_button(&mousepad, "Cancel");
    let cancel = endsession(&["cancel"]);
    let status = cancel.wait_exit(LIMIT);
    assert!(status.success(), "{}", cancel.stderr_so_far());
    let status = cancelled.wait_exit(LIMIT);
    assert_eq!(status.code(), Some(1), "{}", cancelled.stderr_so_far());
    leaves_no_manager(sandbox);

    let logoff = endsession(&["logoff"]);
    mousepad.press("Don't Save");
    let status = logoff.wait_exit(LIMIT);
    let errors = logoff.stderr_so_far();
    assert_eq!(status.code(), Some(0), "{errors}");
    assert!(errors.contains("There is no session bus here"), "{errors}");
    assert!(wait::until_gone(compositor, LIMIT));
    leaves_no_manager(sandbox);
}

fn the_terminal_that_it_was_typed_in_is_no_blocker_and_no_loss(
    sandbox: &Sandbox,
    session: &Session,
) {
    let terminal = session.terminal(sandbox);
    let compositor = session.compositor();
    session.type_into("terminal", "endsession logoff\n");
    assert!(wait::until_gone(terminal.pid(), LIMIT));
    assert!(wait::until_gone(compositor, LIMIT));
    leaves_no_manager(sandbox);
}

fn it_survives_its_terminal(sandbox: &Sandbox, session: &Session) {
    let mousepad = apps::mousepad(sandbox);
    mousepad.write(TEXT);
    session.wait_for_window("*");
    let terminal = session.terminal(sandbox);
    session.type_into("terminal", "endsession logoff\n");
    // Its save dialog is there: the log-off waits for its user.
    wait_for_button(&mousepad, "Cancel");
    terminal.kill();
    assert!(wait::until_gone(terminal.pid(), LIMIT));
    let compositor = session.compositor();
    mousepad.press("Don't Save");
    assert!(wait::until_gone(compositor, LIMIT));
    leaves_no_manager(sandbox);
}

macro_rules! on_each_session {
    ($($name:ident),* $(,)?) => {
        mod on_sway {
            use super::*;
            $(#[test] fn $name() {
                let (sandbox, _bus) = sandbox();
                let session = Session::sway(&sandbox);
                super::$name(&sandbox, &session);
            })*
        }
        mod on_openbox {
            use super::*;
            $(#[test] fn $name() {
                let (sandbox, _bus) = sandbox();
                let session = Session::openbox(&sandbox);
                super::$name(&sandbox, &session);
            })*
        }
        mod on_i3 {
            use super::*;
            $(#[test] fn $name() {
                let (sandbox, _bus) = sandbox();
                let session = Session::i3(&sandbox);
                super::$name(&sandbox, &session);
            })*
        }
    };
}

on_each_session![
    an_unsaved_editor_is_named_and_nothing_is_lost,
    it_ends_the_session_and_the_compositor_last,
    it_needs_no_bus,
    the_terminal_that_it_was_typed_in_is_no_blocker_and_no_loss,
    it_survives_its_terminal,
];

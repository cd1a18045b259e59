//! A whole session on a real display: `endsession run` with sway or openbox, and what a user does
//! in it.

use std::time::Duration;

use endsession_testkit::session::{ExitOrder, Proc, Sandbox};
use endsession_testkit::sway::{self, Config, Sway};
use endsession_testkit::wait::for_entry;
use endsession_testkit::x11::Xvfb;

/// Longer than anything here takes; only a failing test waits so long.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// What shows the windows.
pub(crate) enum Shown {
    Sway(Sway),
    X11(Xvfb),
}

/// The session.
pub(crate) struct Desk {
    pub(crate) shown: Shown,
    pub(crate) run: Proc,
    pub(crate) exits: ExitOrder,
    pub(crate) sandbox: Sandbox,
}

/// Shorter than a user's patience, longer than the slowest step of a loaded machine.
const CONFIG: &str = "[deadlines]\nforced = \"2s\"\n";

impl Desk {
    /// Headless sway.
    pub(crate) fn sway() -> Self {
        Self::sway_with(&Sandbox::new(), Config::new())
    }

    /// Headless sway with a configuration of its own, in a sandbox that may already be prepared.
    pub(crate) fn sway_with(sandbox: &Sandbox, config: Config) -> Self {
        let sandbox = sandbox.clone();
        sway::prepare(&sandbox);
        let config = config.write(&sandbox).display().to_string();
        let run = start(&sandbox, &["sway", "-c", &config]);
        let sway = Sway::attach(&sandbox);
        let exits = sandbox.exit_order();
        exits.watch("compositor", sway.pid());
        Self {
            shown: Shown::Sway(sway),
            run,
            exits,
            sandbox,
        }
    }

    /// Xvfb with openbox.
    pub(crate) fn x11() -> Self {
        let sandbox = Sandbox::new();
        let xvfb = Xvfb::start_in(&sandbox);
        let run = start(&sandbox, &["openbox"]);
        xvfb.wait_for_window_manager(LIMIT);
        let exits = sandbox.exit_order();
        exits.watch("compositor", child_of(run.pid(), "openbox"));
        Self {
            shown: Shown::X11(xvfb),
            run,
            exits,
            sandbox,
        }
    }

    /// Waits for a window whose title contains `title`.
    #[track_caller]
    pub(crate) fn wait_for_window(&self, title: &str) {
        match &self.shown {
            Shown::Sway(s) => drop(s.wait_for_window(LIMIT, |w| w.title.contains(title))),
            Shown::X11(x) => drop(x.wait_for_window(LIMIT, |w| w.title.contains(title))),
        }
    }

    /// Types into the window whose title contains `title`.
    #[track_caller]
    pub(crate) fn type_into(&self, title: &str, text: &str) {
        match &self.shown {
            Shown::Sway(s) => {
                s.type_text(&s.wait_for_window(LIMIT, |w| w.title.contains(title)), text)
            }
            Shown::X11(x) => {
                x.type_text(&x.wait_for_window(LIMIT, |w| w.title.contains(title)), text)
            }
        }
    }

    /// A terminal with an idle shell, titled "terminal": foot on sway, xterm on X11.
    #[track_caller]
    pub(crate) fn terminal(&self) -> Proc {
        let shell = ["bash", "--norc", "-i"];
        let words = match &self.shown {
            Shown::Sway(_) => [&["foot", "--title", "terminal", "--"], &shell[..]].concat(),
            Shown::X11(_) => [&["xterm", "-title", "terminal", "-e"], &shell[..]].concat(),
        };
        let terminal = self.sandbox.spawn(words);
        self.wait_for_window("terminal");
        // An xterm that is told to close before its shell runs forgets it.
        crate::wait_for_descendant(terminal.pid(), "bash");
        terminal
    }

    /// Whether nothing is shown any more: with the display gone nothing can be.
    pub(crate) fn windows_are_gone(&self) -> bool {
        match &self.shown {
            Shown::Sway(_) => true,
            Shown::X11(x) => x.windows().is_empty(),
        }
    }

    /// Starts a command of `endsession` in the session.
    #[track_caller]
    pub(crate) fn command(&self, arguments: &[&str]) -> Proc {
        self.sandbox.spawn([&["endsession"], arguments].concat())
    }

    /// Runs a command of `endsession` to its end: status, stdout, stderr.
    #[track_caller]
    pub(crate) fn endsession(&self, arguments: &[&str]) -> (i32, String, String) {
        let proc = self.command(arguments);
        let status = proc.wait_exit(LIMIT);
        (
            status.code().unwrap_or(-1),
            proc.stdout_so_far(),
            proc.stderr_so_far(),
        )
    }

    /// Every event from now on, as it is written by `watch`.
    #[track_caller]
    pub(crate) fn watch(&self) -> Proc {
        let watch = self.command(&["watch"]);
        // It watches once it has asked; another command's answer comes after that in the manager.
        let (status, _, _) = self.endsession(&["status"]);
        assert_eq!(status, 0);
        watch
    }

    /// The user's choice, as a bar or a dialog would send it.
    #[track_caller]
    pub(crate) fn choose(&self, choice: &str, pid: Option<u32>) {
        let application = format!("string:{}", pid.map(|p| p.to_string()).unwrap_or_default());
        let sent = self.sandbox.spawn([
            "dbus-send",
            "--session",
            "--print-reply",
            "--dest=org.endsession.Manager1",
            "/org/endsession/Manager1",
            "org.endsession.Manager1.Choose",
            "uint32:0",
            &format!("string:{choice}"),
            &application,
        ]);
        assert!(sent.wait_exit(LIMIT).success(), "{}", sent.stderr_so_far());
    }

    /// Waits until the session has ended in order, the compositor after all that were watched.
    #[track_caller]
    pub(crate) fn ends_last_of(&self, applications: usize) -> Vec<String> {
        let status = self.run.wait_exit(LIMIT);
        let order = self.exits.wait_for(applications + 1, LIMIT);
        assert_eq!(status.code(), Some(0), "{}", self.run.stderr_so_far());
        assert_eq!(
            order.last().map(String::as_str),
            Some("compositor"),
            "{order:?}"
        );
        order
    }
}

/// Starts a session and waits for its bus, which becomes the sandbox's.
#[track_caller]
pub(crate) fn start(sandbox: &Sandbox, session: &[&str]) -> Proc {
    sandbox.install(env!("CARGO_BIN_EXE_endsession").as_ref());
    let config = sandbox
        .write("endsession.toml", CONFIG)
        .display()
        .to_string();
    sandbox.set_env("SHELL", "/bin/bash");
    sandbox.unset_env("DBUS_SESSION_BUS_ADDRESS");
    let run = sandbox.spawn([&["endsession", "run", "--config", &config, "--"], session].concat());
    let socket = for_entry(&sandbox.runtime_dir(), LIMIT, |name| {
        name.starts_with("endsession-bus-")
    });
    sandbox.set_env(
        "DBUS_SESSION_BUS_ADDRESS",
        format!("unix:path={}", socket.display()),
    );
    run
}

/// The child of `parent` that runs `program`; the session's command is started before its display
/// is ready.
fn child_of(parent: u32, program: &str) -> u32 {
    let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    let children = children.expect("the children of run");
    let is_it = |pid: &u32| {
        std::fs::read_to_string(format!("/proc/{pid}/comm"))
            .is_ok_and(|comm| comm.trim() == program)
    };
    children
        .split_whitespace()
        .filter_map(|c| c.parse().ok())
        .find(is_it)
        .expect("the session's command")
}

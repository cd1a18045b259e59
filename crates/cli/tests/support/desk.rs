//! A whole session on a real display: `endsession run` with sway or openbox, and what a user does
//! in it.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses its part; a test fails by panicking, its helpers too"
)]

use std::time::Duration;

use endsession_testkit::session::{ExitOrder, Proc, Sandbox, environ_of};
use endsession_testkit::sway::{self, Config, Sway};
use endsession_testkit::wait::for_entry;
use endsession_testkit::x11::{Display, Xvfb};

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
pub(crate) const DEADLINES: &str = "forced = \"2s\"";

/// The program that shows what a request waits for; `None` is endsession's own.
pub(crate) type Dialog<'a> = Option<&'a [&'a str]>;

/// Most tests are not about it.
const NO_DIALOG: Dialog<'_> = Some(&[]);

impl Desk {
    /// Headless sway.
    pub(crate) fn sway() -> Self {
        Self::sway_with(&Sandbox::new(), Config::new())
    }

    /// Headless sway with a configuration of its own, in a sandbox that may already be prepared.
    pub(crate) fn sway_with(sandbox: &Sandbox, config: Config) -> Self {
        Self::sway_of(sandbox, config, DEADLINES)
    }

    /// Headless sway, and this program as the dialog.
    pub(crate) fn sway_with_dialog(sandbox: &Sandbox, config: Config, dialog: Dialog<'_>) -> Self {
        Self::sway_on(sandbox, config, DEADLINES, dialog)
    }

    /// Headless sway with these deadlines, and whatever else of a configuration follows them.
    pub(crate) fn sway_of(sandbox: &Sandbox, config: Config, deadlines: &str) -> Self {
        Self::sway_on(sandbox, config, deadlines, NO_DIALOG)
    }

    fn sway_on(sandbox: &Sandbox, config: Config, deadlines: &str, dialog: Dialog<'_>) -> Self {
        let sandbox = sandbox.clone();
        sway::prepare(&sandbox);
        let config = config.write(&sandbox).display().to_string();
        let run = start_with(&sandbox, deadlines, dialog, &["sway", "-c", &config]);
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
        Self::x11_of(DEADLINES)
    }

    /// The same, where the X server tells of no window whose process it is.
    pub(crate) fn xsmp_x11_without_processes() -> Self {
        let sandbox = Sandbox::new();
        let xvfb = Xvfb::without_processes_in(&sandbox);
        let desk = Self::of_xvfb(sandbox, xvfb, DEADLINES, NO_DIALOG);
        desk.become_clients(desk.compositor());
        desk
    }

    /// Xvfb with openbox and these deadlines, and whatever else of a configuration follows them.
    pub(crate) fn x11_of(deadlines: &str) -> Self {
        let sandbox = Sandbox::new();
        let xvfb = Xvfb::start_in(&sandbox);
        Self::of_xvfb(sandbox, xvfb, deadlines, NO_DIALOG)
    }

    /// Xvfb with openbox, and this program as the dialog.
    pub(crate) fn x11_with_dialog(sandbox: &Sandbox, dialog: Dialog<'_>) -> Self {
        let xvfb = Xvfb::start_in(sandbox);
        Self::of_xvfb(sandbox.clone(), xvfb, DEADLINES, dialog)
    }

    /// Xvfb with i3, and this program as the dialog.
    pub(crate) fn i3_with_dialog(sandbox: &Sandbox, dialog: Dialog<'_>) -> Self {
        let xvfb = Xvfb::start_in(sandbox);
        // Without a configuration it asks whether to make one.
        let config = sandbox.write("i3.config", "font pango:monospace 8\n");
        let words = ["i3", "-c", &config.display().to_string()];
        Self::managed_by(&words, sandbox.clone(), xvfb, DEADLINES, dialog)
    }

    fn of_xvfb(sandbox: Sandbox, xvfb: Xvfb, deadlines: &str, dialog: Dialog<'_>) -> Self {
        Self::managed_by(&["openbox"], sandbox, xvfb, deadlines, dialog)
    }

    fn managed_by(
        words: &[&str],
        sandbox: Sandbox,
        xvfb: Xvfb,
        deadlines: &str,
        dialog: Dialog<'_>,
    ) -> Self {
        let run = start_with(&sandbox, deadlines, dialog, words);
        xvfb.wait_for_window_manager(LIMIT);
        let exits = sandbox.exit_order();
        exits.watch("compositor", child_of(run.pid(), words[0]));
        Self {
            shown: Shown::X11(xvfb),
            run,
            exits,
            sandbox,
        }
    }

    /// Xvfb with openbox, and these deadlines; the sandbox's processes are clients of XSMP.
    pub(crate) fn xsmp_x11(deadlines: &str) -> Self {
        let desk = Self::x11_of(deadlines);
        desk.become_clients(desk.compositor());
        desk
    }

    /// Headless sway with Xwayland, and these deadlines; the sandbox's processes are X11's, and
    /// clients of XSMP.
    pub(crate) fn xsmp_sway(deadlines: &str) -> Self {
        let config = Config::new().with_xwayland();
        let desk = Self::sway_of(&Sandbox::new(), config, deadlines);
        let Shown::Sway(sway) = &desk.shown else {
            unreachable!("this desk is sway's")
        };
        sway.x11();
        desk.become_clients(desk.compositor());
        desk
    }

    /// Gives the sandbox what the session's own processes have of XSMP.
    fn become_clients(&self, of: u32) {
        let environment = environ_of(of);
        for name in ["SESSION_MANAGER", "ICEAUTHORITY"] {
            if let Some(value) = environment.get(name) {
                self.sandbox.set_env(name, value);
            }
        }
        assert!(self.sandbox.env("SESSION_MANAGER").is_some());
    }

    /// The process that ends last.
    #[track_caller]
    pub(crate) fn compositor(&self) -> u32 {
        match &self.shown {
            Shown::Sway(sway) => sway.pid(),
            Shown::X11(_) => child_of(self.run.pid(), "openbox"),
        }
    }

    /// Where X11's windows are: the display, or sway's Xwayland.
    #[track_caller]
    pub(crate) fn display(&self) -> Display {
        Display::new(&self.sandbox.env("DISPLAY").unwrap().to_string_lossy())
    }

    /// What `status --json` says.
    #[track_caller]
    pub(crate) fn status(&self) -> serde_json::Value {
        let (code, status, errors) = self.endsession(&["status", "--json"]);
        assert_eq!(code, 0, "{errors}");
        serde_json::from_str(&status).unwrap()
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
        wait_for_descendant(terminal.pid(), "bash");
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
        self.watch_with(&[]).0
    }

    /// `watch` with these options, and the number of the last request before its first event that
    /// matters: it tells of one that is begun and cancelled for it alone.
    #[track_caller]
    pub(crate) fn watch_with(&self, options: &[&str]) -> (Proc, u64) {
        let watch = self.command(&[&["watch"], options].concat());
        let mut last = 0;
        while watch.stdout_so_far().is_empty() {
            assert!(watch.is_alive(), "{}", watch.stderr_so_far());
            let nothing = ["logoff", "--confirm", "--timeout", "1ms", "--json"];
            let (_, outcome, errors) = self.endsession(&nothing);
            let outcome = serde_json::from_str::<serde_json::Value>(&outcome);
            last = outcome.expect(&errors)["request"].as_u64().unwrap();
        }
        (watch, last)
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
    start_with(sandbox, DEADLINES, NO_DIALOG, session)
}

/// The same with these deadlines and this dialog.
#[track_caller]
pub(crate) fn start_with(
    sandbox: &Sandbox,
    deadlines: &str,
    dialog: Dialog<'_>,
    session: &[&str],
) -> Proc {
    sandbox.install(env!("CARGO_BIN_EXE_endsession").as_ref());
    // A list of Rust's strings reads like one of TOML's.
    let dialog = dialog.map(|words| format!("command = {words:?}"));
    let dialog = dialog.unwrap_or_default();
    let config = format!("[deadlines]\n{deadlines}\n[dialog]\n{dialog}\n");
    let config = sandbox.write("endsession.toml", config);
    let config = config.display().to_string();
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

/// Ends a process that a test found, and did not start itself.
pub(crate) fn end(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
}

/// Waits for a process below `ancestor` that runs `program`.
#[track_caller]
pub(crate) fn wait_for_descendant(ancestor: u32, program: &str) -> u32 {
    let deadline = std::time::Instant::now() + LIMIT;
    while std::time::Instant::now() < deadline {
        let mut todo = vec![ancestor];
        while let Some(pid) = todo.pop() {
            let comm = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            if comm.trim() == program {
                return pid;
            }
            let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))
                .unwrap_or_default();
            todo.extend(
                children
                    .split_whitespace()
                    .filter_map(|c| c.parse::<u32>().ok()),
            );
        }
        // The kernel tells nobody of a stranger's child; this is a readiness loop with a limit.
        std::thread::yield_now();
    }
    panic!("no {program} below {ancestor}");
}

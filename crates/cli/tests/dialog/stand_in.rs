//! A desk whose dialog is the stand-in, and what the stand-in tells.

use std::path::PathBuf;

use endsession_testkit::apps::{Answer, GtkApp};
use endsession_testkit::names::OwnsName;
use endsession_testkit::session::{Proc, Sandbox};
use endsession_testkit::sway::Config;
use endsession_testkit::wait::{for_line_in, until_gone};

use crate::desk::{Desk, LIMIT};

/// A session, and the lines of its dialogs.
pub(crate) struct Stage {
    pub(crate) desk: Desk,
    log: PathBuf,
}

/// Where a session is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    Sway,
    /// sway with an Xwayland, which nothing has started yet.
    Xwayland,
    X11,
}

impl Stage {
    /// With a dialog that behaves like this.
    #[track_caller]
    pub(crate) fn new(on: On, manner: &str) -> Self {
        Self::new_in(&Sandbox::new(), on, manner)
    }

    /// The same, in a sandbox that may already be prepared.
    #[track_caller]
    pub(crate) fn new_in(sandbox: &Sandbox, on: On, manner: &str) -> Self {
        let script = sandbox.write("stand_in.py", include_str!("stand_in.py"));
        let log = sandbox.home().join("dialog.log");
        let (script, file) = (script.display().to_string(), log.display().to_string());
        let words = ["/usr/bin/python3", &script, &file, manner];
        Self::with(on, sandbox, &words, log)
    }

    /// The same, started by a shell that waits for it.
    #[track_caller]
    pub(crate) fn wrapped(on: On, manner: &str) -> Self {
        let sandbox = Sandbox::new();
        let script = sandbox.write("stand_in.py", include_str!("stand_in.py"));
        let log = sandbox.home().join("dialog.log");
        let (script, file) = (script.display(), log.display());
        let line = format!("/usr/bin/python3 {script} {file} '{manner}'; true");
        Self::with(on, &sandbox, &["/bin/sh", "-c", &line], log)
    }

    /// With this program as the dialog.
    #[track_caller]
    pub(crate) fn of_program(on: On, words: &[&str]) -> Self {
        let sandbox = Sandbox::new();
        let log = sandbox.home().join("dialog.log");
        Self::with(on, &sandbox, words, log)
    }

    #[track_caller]
    fn with(on: On, sandbox: &Sandbox, words: &[&str], log: PathBuf) -> Self {
        sandbox.set_env("ENDSESSION_LOG", "debug");
        sandbox.set_env("LANG", "es_ES.UTF-8");
        // The accessibility bus registers clients of its own, as late as it likes.
        sandbox.set_env("NO_AT_BRIDGE", "1");
        let desk = match on {
            On::Sway => Desk::sway_with_dialog(sandbox, Config::new(), Some(words)),
            On::Xwayland => {
                let config = Config::new().with_xwayland();
                Desk::sway_with_dialog(sandbox, config, Some(words))
            }
            On::X11 => Desk::x11_with_dialog(sandbox, Some(words)),
        };
        Self { desk, log }
    }

    /// Waits for a line of a dialog that begins like this, the first at or after `from`; what follows
    /// it, and where the next begins.
    #[track_caller]
    pub(crate) fn says_from(&self, from: usize, begin: &str) -> (String, usize) {
        let (line, next) = for_line_in(&self.log, from, LIMIT, |l| l.starts_with(begin));
        (line[begin.len()..].trim().to_owned(), next)
    }

    /// The same, from the beginning.
    #[track_caller]
    pub(crate) fn says(&self, begin: &str) -> String {
        self.says_from(0, begin).0
    }

    /// All that dialogs have said.
    pub(crate) fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// How many dialogs have been started.
    pub(crate) fn starts(&self) -> usize {
        let lines = self.lines();
        lines.iter().filter(|l| l.starts_with("started")).count()
    }

    /// Waits until the manager has logged this.
    #[track_caller]
    pub(crate) fn logs(&self, what: &str) {
        self.desk.run.stderr().wait_for(what, LIMIT);
    }

    /// An application that holds the session open.
    #[track_caller]
    pub(crate) fn holder(&self) -> GtkApp {
        GtkApp::start(&self.desk.sandbox, Answer::Inhibit)
    }

    /// Somebody owns this name on the session's bus, and answers nothing.
    #[track_caller]
    pub(crate) fn owns(&self, name: &str) -> OwnsName {
        let sandbox = &self.desk.sandbox;
        let address = sandbox.env("DBUS_SESSION_BUS_ADDRESS").unwrap();
        OwnsName::take_on(&address.to_string_lossy(), sandbox.uid(), name)
    }

    /// A log-off that the key binding of a window manager would start: with no terminal.
    #[track_caller]
    pub(crate) fn log_off(&self) -> Proc {
        self.desk.command(&["logoff"])
    }

    /// Waits for the end of the log-off with this status.
    #[track_caller]
    pub(crate) fn ends_with(&self, logoff: &Proc, status: i32) {
        let log = || format!("{:?}\n{}", self.lines(), self.desk.run.stderr_so_far());
        assert!(until_gone(logoff.pid(), LIMIT), "{}", log());
        let ended = logoff.wait_exit(LIMIT);
        assert_eq!(ended.code(), Some(status), "{}", log());
    }

    /// What `status --json` says of the request.
    #[track_caller]
    pub(crate) fn request(&self) -> serde_json::Value {
        self.desk.status()["request"].clone()
    }
}

/// Runs each function as a test on sway and as one on X11.
macro_rules! on_both {
    ($($behaviour:ident;)*) => {
        mod sway {
            $(#[test] fn $behaviour() { super::$behaviour($crate::stand_in::On::Sway) })*
        }
        mod x11 {
            $(#[test] fn $behaviour() { super::$behaviour($crate::stand_in::On::X11) })*
        }
    };
}
pub(crate) use on_both;

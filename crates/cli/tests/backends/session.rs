//! `endsession manager` in a session whose display is there already.

use endsession_testkit::bus::Bus;
use endsession_testkit::session::{ExitOrder, Proc, Sandbox};
pub(crate) use endsession_testkit::wait::LIMIT;
use serde_json::Value;

/// A session with a manager that did not start it.
pub(crate) struct Session {
    pub(crate) manager: Proc,
    pub(crate) exits: ExitOrder,
    pub(crate) sandbox: Sandbox,
    _bus: Bus,
}

impl Session {
    /// On the display that the sandbox's variables name.
    #[track_caller]
    pub(crate) fn around(sandbox: &Sandbox) -> Self {
        Self::with(sandbox, "")
    }

    /// The same with these further lines of its configuration.
    #[track_caller]
    pub(crate) fn with(sandbox: &Sandbox, config: &str) -> Self {
        sandbox.install(env!("CARGO_BIN_EXE_endsession").as_ref());
        let bus = Bus::daemon_in(sandbox);
        let config = format!("[dialog]\ncommand = []\n{config}\n");
        let config = sandbox
            .write("endsession.toml", config)
            .display()
            .to_string();
        let manager = sandbox.spawn(["endsession", "manager", "--config", &config]);
        bus.wait_for_name("org.gnome.SessionManager", LIMIT);
        Self {
            manager,
            exits: sandbox.exit_order(),
            sandbox: sandbox.clone(),
            _bus: bus,
        }
    }

    /// Runs a command of `endsession` to its end: status, stdout, stderr.
    #[track_caller]
    pub(crate) fn endsession(&self, arguments: &[&str]) -> (i32, String, String) {
        let command = self.sandbox.spawn([&["endsession"], arguments].concat());
        let code = command.wait_exit(LIMIT).code().unwrap_or(-1);
        (code, command.stdout_so_far(), command.stderr_so_far())
    }

    /// What `status` calls the session.
    #[track_caller]
    pub(crate) fn shown_by(&self) -> Option<String> {
        let (code, status, errors) = self.endsession(&["status", "--json"]);
        assert_eq!(code, 0, "{errors}");
        let status: Value = serde_json::from_str(&status).unwrap();
        status["session"].as_str().map(str::to_owned)
    }

    /// Whether the control interface offers a log-off.
    #[track_caller]
    pub(crate) fn can_log_off(&self) -> bool {
        let asked = self.sandbox.spawn([
            "dbus-send",
            "--session",
            "--print-reply",
            "--dest=org.endsession.Manager1",
            "/org/endsession/Manager1",
            "org.freedesktop.DBus.Properties.Get",
            "string:org.endsession.Manager1",
            "string:Kinds",
        ]);
        assert!(
            asked.wait_exit(LIMIT).success(),
            "{}",
            asked.stderr_so_far()
        );
        asked.stdout_so_far().contains("\"logoff\"")
    }

    /// Logs off, and waits until this many of those that are watched have ended.
    #[track_caller]
    pub(crate) fn logs_off(&self, watched: usize) -> Vec<String> {
        let (code, _, errors) = self.endsession(&["logoff"]);
        assert_eq!(code, 0, "{errors}{}", self.said());
        let order = self.exits.wait_for(watched, LIMIT);
        assert_eq!(
            self.manager.wait_exit(LIMIT).code(),
            Some(0),
            "{}",
            self.said()
        );
        order
    }

    /// The manager's log.
    pub(crate) fn said(&self) -> String {
        self.manager.stderr_so_far()
    }

    /// It was ended as this, and no signal was needed.
    #[track_caller]
    pub(crate) fn ended_as(&self, kind: &str, pid: u32) {
        let said = self.said();
        assert!(said.contains(&format!("(pid {pid}) as {kind}")), "{said}");
        // What is left of the session beside it is signalled before.
        let stayed = |line: &str| line.contains("WARN") && line.contains("SIG");
        assert!(
            !said.lines().any(stayed) && !said.contains("SIGKILL"),
            "{said}"
        );
    }

    /// A log-off is refused before anybody is asked, with this in the sentence that says why.
    #[track_caller]
    pub(crate) fn cannot_log_off(&self, code: i32, why: &str) {
        let (status, _, errors) = self.endsession(&["logoff"]);
        assert_eq!(status, code, "{errors}");
        assert!(errors.contains(why), "{errors}");
        assert!(self.manager.is_alive());
    }
}

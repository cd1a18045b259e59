//! A machine on which alice has a session: sway under `endsession run`, with applications.

use std::time::Duration;

use endsession_testkit::{
    machine::{Login, Machine, Ran, Setup},
    session::Proc,
    wait::for_entry,
};

/// Ends take half a minute at most, and a machine whose cores are busy some times as long.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// alice's session, and the machine below it.
pub(crate) struct Desk<'a> {
    pub(crate) machine: &'a Machine,
    pub(crate) login: Login<'a>,
}

/// Boots a machine that has the program under test; nothing where none can boot.
#[track_caller]
pub(crate) fn boot(setup: Setup) -> Option<Machine> {
    for program in ["sway", "foot", "mousepad", "wtype"] {
        endsession_testkit::programs::need(program);
    }
    let machine = setup.boot()?;
    machine.install(env!("CARGO_BIN_EXE_endsession").as_ref());
    Some(machine)
}

impl<'a> Desk<'a> {
    /// Logs alice in: sway, and these lines of its configuration. A foot whose shell idles is always
    /// there; it is what commands are run beside.
    #[track_caller]
    pub(crate) fn start(machine: &'a Machine, lines: &str) -> Self {
        Self::start_by(machine, "exec endsession run -- sway -c /share/sway", lines)
    }

    /// The same, with another way to start it.
    #[track_caller]
    pub(crate) fn start_by(machine: &'a Machine, command: &str, lines: &str) -> Self {
        let config = format!(
            "xwayland disable\n\
             for_window [app_id=\"foot\"] exec touch /share/foot.up\n\
             for_window [title=\"^\\*\"] exec touch /share/unsaved\n\
             exec foot sh\n\
             {lines}\n"
        );
        std::fs::write(machine.share().join("sway"), config).unwrap();
        let script = format!(
            "export WLR_BACKENDS=headless WLR_LIBINPUT_NO_DEVICES=1 WLR_RENDERER=pixman\n\
             export GSETTINGS_BACKEND=memory GIO_USE_VFS=local NO_AT_BRIDGE=1\n\
             {command}"
        );
        let login = machine.login("alice", "gui", &script);
        let desk = Self { machine, login };
        desk.wait_for_file("foot.up");
        desk
    }

    /// Waits until somebody of the session has made this file.
    #[track_caller]
    pub(crate) fn wait_for_file(&self, name: &str) {
        for_entry(&self.machine.share(), LIMIT, |entry| entry == name);
    }

    /// Runs `endsession` in the session to its end.
    #[track_caller]
    pub(crate) fn endsession(&self, arguments: &[&str]) -> Ran {
        let words = ["endsession"].iter().chain(arguments);
        self.login.exec("foot", words)
    }

    /// Starts it, and goes on; it ends with what is returned.
    #[must_use]
    #[track_caller]
    pub(crate) fn begin(&self, arguments: &[&str]) -> Proc {
        let words = ["endsession"].iter().chain(arguments);
        self.login.start("foot", words)
    }

    /// Waits for a line of the machine's journal.
    #[track_caller]
    pub(crate) fn wait_for_journal(&self, pattern: &str) -> String {
        self.machine.journal_lines().wait_for(pattern, LIMIT)
    }

    /// mousepad, with text in it that is not saved.
    #[must_use]
    #[track_caller]
    pub(crate) fn unsaved_mousepad(&self) -> Proc {
        let mousepad = self
            .login
            .start("foot", ["sh", "-c", "touch /share/started; exec mousepad"]);
        let typed = "for_window [app_id=\"mousepad\"] exec wtype -s 500 dear -s 100 x";
        self.login.exec("foot", ["swaymsg", typed]).success();
        self.wait_for_file("unsaved");
        mousepad
    }

    /// Whether the session is as it was.
    #[track_caller]
    pub(crate) fn goes_on(&self) {
        assert!(self.machine.is_up() && self.login.is_open());
        let status = self.endsession(&["status", "--json"]).success();
        assert!(status.contains("\"request\":null"), "{status}");
        // It will be told of the next shutdown too.
        let locks = self
            .machine
            .exec(["systemd-inhibit", "--list", "--no-pager"]);
        let locks = locks.success();
        assert!(locks.contains("endsession"), "{locks}");
    }
}

/// mousepad with nothing in it.
pub(crate) const MOUSEPAD: &str =
    "exec mousepad\nfor_window [app_id=\"mousepad\"] exec touch /share/mousepad.up";

/// A terminal whose program needs a second to save when its window is closed.
pub(crate) const SAVER: &str = r#"exec foot sh -c 'trap "sleep 1; touch /share/saved; exit" HUP TERM; touch /share/saver.up; while :; do sleep 0.1; done'"#;

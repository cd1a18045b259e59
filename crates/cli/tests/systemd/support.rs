//! Sessions of the user alice on a machine with a real systemd: units as sessions bring them, sway on
//! a headless output, and applications started in units of their own.

use std::path::Path;
use std::time::Duration;

use endsession_testkit::machine::{Login, Machine, Ran, Setup};
use endsession_testkit::session::Proc;
use endsession_testkit::wait::for_line_in;
use serde_json::Value;

/// Longer than anything here takes; only a failing test waits so long.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Sway needs neither a graphics card nor input.
pub(crate) const HEADLESS: &str =
    "export WLR_BACKENDS=headless WLR_LIBINPUT_NO_DEVICES=1 WLR_RENDERER=pixman";

/// Units by their names.
type Files = &'static [(&'static str, &'static str)];

macro_rules! units {
    ($dir:literal: $($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!($dir, "/", $name)))),*]
    };
}

/// What this project ships.
pub(crate) const SHIPPED: Files =
    units!("../../../../units": "endsession.service", "endsession-shutdown.target");

/// As uwsm has them: names and relations, where they matter to whoever ends the session.
pub(crate) const UWSM: Files = units!("units/uwsm":
    "app-graphical.slice", "background-graphical.slice", "wayland-session-envelope@.target",
    "wayland-session-pre@.target", "wayland-session-shutdown.target", "wayland-session@.target",
    "wayland-wm-env@.service", "wayland-wm@.service");

/// As sway-systemd has them.
pub(crate) const SWAY_SYSTEMD: Files = units!("units/sway-systemd":
    "sway-session-shutdown.target", "sway-session.target");

/// As niri has them, with sway in its place.
pub(crate) const NIRI: Files = units!("units/niri": "niri-shutdown.target", "niri.service");

/// What a session's own part of sway's configuration does: what it knows goes to systemd, which then
/// goes on.
pub(crate) const FINALIZE: &str =
    "systemctl --user import-environment WAYLAND_DISPLAY SWAYSOCK; systemd-notify --ready";

/// Waits until sway's tree has a mark. sway does not say when the subscription stands, so that one
/// change may be missed.
const WINDOW: &str = r#"
    exec {changes}< <(exec swaymsg -m -t subscribe '["window"]')
    until swaymsg -t get_tree | grep -q -- "$1"; do
        read -t 1 -u "$changes" -r _
        [ $? -ne 1 ] || exit 1
    done
    kill $!
"#;

/// A machine with a session of alice's.
pub(crate) struct Desk {
    pub(crate) machine: Machine,
}

impl Desk {
    /// Boots it, with what we ship installed and enabled, and these units too. `sway`: what sway's
    /// configuration starts.
    #[track_caller]
    pub(crate) fn boot(units: Files, sway: &str) -> Option<Self> {
        Self::boot_with(units, sway, |setup| setup)
    }

    /// As [`Desk::boot`], with more in it.
    #[track_caller]
    pub(crate) fn boot_with(
        units: Files,
        sway: &str,
        more: impl FnOnce(Setup) -> Setup,
    ) -> Option<Self> {
        let mut setup = more(Machine::setup());
        for (name, text) in SHIPPED.iter().chain(units) {
            setup = setup.file(&format!("/etc/systemd/user/{name}"), text);
        }
        let machine = setup.boot()?;
        machine.install(Path::new(env!("CARGO_BIN_EXE_endsession")));
        let enable = ["systemctl", "--global", "enable", "endsession.service"];
        machine.exec(enable).success();
        // A user's services may go on when the user has logged off.
        machine
            .exec(["loginctl", "enable-linger", "alice"])
            .success();
        let up = "echo up > /share/sway.up";
        let config = format!("xwayland disable\nexec sh -c '{sway}; {up}'\n");
        std::fs::write(machine.share().join("sway.conf"), config).unwrap();
        std::fs::write(machine.share().join("window.sh"), WINDOW).unwrap();
        Some(Self { machine })
    }

    /// Logs alice in and waits until sway is up.
    #[track_caller]
    pub(crate) fn login(&self, script: &str) -> Login<'_> {
        let login = self.machine.login("alice", "gui", script);
        self.wait_for_file("sway.up");
        login
    }

    /// Waits until something has written its line to a file of `/share`, and returns that.
    #[track_caller]
    pub(crate) fn wait_for_file(&self, name: &str) -> String {
        for_line_in(&self.machine.share().join(name), 0, LIMIT, |_| true).0
    }

    /// Runs a command as a service of alice's, with what her systemd knows of the session.
    #[track_caller]
    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        let service = [
            "systemd-run",
            "--user",
            "--quiet",
            "--collect",
            "--pipe",
            "--wait",
            "--",
        ];
        self.machine.exec_as("alice", service.iter().chain(words))
    }

    /// As [`Desk::run`], and goes on.
    #[track_caller]
    pub(crate) fn start(&self, words: &[&str]) -> Proc {
        let options = [
            "--uid=alice",
            "--working-directory=/home/alice",
            "--setenv=XDG_RUNTIME_DIR=/run/user/4001",
            "--setenv=DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/4001/bus",
        ];
        let service = [
            "systemd-run",
            "--user",
            "--quiet",
            "--collect",
            "--pipe",
            "--wait",
            "--",
        ];
        self.machine.start(&options, service.iter().chain(words))
    }

    /// `systemctl --user` of alice's; its output.
    #[track_caller]
    pub(crate) fn systemctl(&self, words: &[&str]) -> String {
        let ran = self
            .machine
            .exec_as("alice", ["systemctl", "--user"].iter().chain(words));
        ran.stdout.trim().to_owned()
    }

    /// A property of a unit of alice's.
    #[track_caller]
    pub(crate) fn property(&self, unit: &str, name: &str) -> String {
        self.systemctl(&["show", "--value", "--property", name, unit])
    }

    #[track_caller]
    pub(crate) fn state(&self, unit: &str) -> String {
        self.property(unit, "ActiveState")
    }

    /// Starts a service of alice's that is no part of any session.
    #[track_caller]
    pub(crate) fn background(&self, unit: &str, words: &[&str]) {
        let unit = format!("--unit={unit}");
        let run = ["systemd-run", "--user", "--quiet", &unit, "--"];
        self.machine
            .exec_as("alice", run.iter().chain(words))
            .success();
    }

    /// Starts a service as one that is bound to the graphical session, or in other ways.
    #[track_caller]
    pub(crate) fn service(&self, unit: &str, properties: &[&str], line: &str) {
        let unit = format!("--unit={unit}");
        let mut run = vec!["systemd-run", "--user", "--quiet", &unit];
        run.extend(properties);
        run.extend(["--", "bash", "-c", line]);
        self.machine.exec_as("alice", run).success();
    }

    /// Starts an application from within sway, in a scope of its own as launchers do.
    #[track_caller]
    pub(crate) fn application(&self, scope: &str, slice: &str, line: &str) {
        let line = format!(
            "exec systemd-run --user --quiet --scope --unit={scope} --slice={slice} -- {line}"
        );
        self.run(&["swaymsg", &line]).success();
    }

    /// Waits until sway shows a window, by what its tree says of it.
    #[track_caller]
    pub(crate) fn wait_for_window(&self, mark: &str) {
        self.run(&["bash", "/share/window.sh", mark]).success();
    }

    /// What `endsession status` knows.
    #[track_caller]
    pub(crate) fn status(&self) -> Value {
        let status = self.run(&["endsession", "status", "--json"]).success();
        serde_json::from_str(&status).unwrap()
    }

    /// The journal so far, one line an entry, to look up who came before whom.
    #[track_caller]
    pub(crate) fn journal(&self) -> Journal {
        Journal(self.machine.journal())
    }

    /// Waits until the journal has a line.
    #[track_caller]
    pub(crate) fn wait_for_journal(&self, text: &str) {
        self.machine.journal_lines().wait_for(text, LIMIT);
    }
}

/// What was logged, in order.
pub(crate) struct Journal(String);

impl Journal {
    /// Where a text comes first.
    #[track_caller]
    pub(crate) fn at(&self, text: &str) -> usize {
        let found = self.0.find(text);
        found.unwrap_or_else(|| panic!("the journal lacks {text:?}:\n{}", self.0))
    }

    pub(crate) fn has(&self, text: &str) -> bool {
        self.0.contains(text)
    }

    /// These came in this order.
    #[track_caller]
    pub(crate) fn is_in_order(&self, texts: &[&str]) {
        for pair in texts.windows(2) {
            let (first, then) = (self.at(pair[0]), self.at(pair[1]));
            assert!(
                first < then,
                "{:?} before {:?}:\n{}",
                pair[1],
                pair[0],
                self.0
            );
        }
    }
}

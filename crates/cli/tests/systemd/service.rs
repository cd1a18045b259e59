//! `endsession.service`: when it is up, and what stopping, restarting and killing it does.

use endsession_testkit::machine::{Login, Machine};
use endsession_testkit::wait::Deadline;

use crate::support::{Desk, FINALIZE, HEADLESS, LIMIT, NIRI, SWAY_SYSTEMD};

const NIRI_LOGIN: &str = "systemctl --user --wait start niri.service; \
                          systemctl --user start --job-mode=replace-irreversibly niri-shutdown.target";

/// A GTK application that registers with the session manager once, when it starts.
const GTK: &str = include_str!("../../../testkit/assets/gtk_app.py");

/// A session that shows one application, in a scope of its own.
#[track_caller]
fn begin(desk: &Desk) -> Login<'_> {
    let login = desk.login(NIRI_LOGIN);
    desk.application("app-mousepad-1.scope", "app.slice", "mousepad");
    desk.wait_for_window("Mousepad");
    login
}

#[test]
fn it_is_up_before_the_first_application_of_the_session() {
    let unit = "[Unit]\nAfter=graphical-session.target\nPartOf=graphical-session.target\n\
                [Service]\nExecStart=python3 /etc/gtk_app.py --app-id org.test.First\n";
    let Some(desk) = Desk::boot_with(NIRI, FINALIZE, |setup| {
        setup
            .file("/etc/gtk_app.py", GTK)
            .file("/etc/systemd/user/app-first.service", unit)
            .file(
                "/etc/systemd/user/graphical-session.target.d/10-first.conf",
                "[Unit]\nWants=app-first.service\n",
            )
    }) else {
        return;
    };
    let _login = desk.login(NIRI_LOGIN);
    desk.wait_for_window("A GTK application");
    desk.journal().is_in_order(&[
        "Starting endsession.service",
        "managing this session",
        "Started endsession.service",
        "Reached target graphical-session-pre.target",
        "Starting niri.service",
        "Started app-first.service",
    ]);
    let status = desk.status();
    let applications = status["applications"].as_array().unwrap();
    let registered = |a: &&serde_json::Value| {
        a["windows"][0] == "A GTK application" && a["protocols"][0] == "org.gnome.SessionManager"
    };
    assert!(applications.iter().any(|a| registered(&a)), "{status:#}");
    let text = desk.systemctl(&[
        "show",
        "--value",
        "--property=StatusText",
        "endsession.service",
    ]);
    assert_eq!(text, "Nobody has asked to end this session");
    // And systemd hands our session manager on to what it starts.
    let environment = desk.run(&["printenv", "SESSION_MANAGER"]).success();
    assert!(environment.contains(".ICE-unix/"), "{environment}");
}

#[test]
fn to_stop_or_restart_it_ends_no_application() {
    let Some(desk) = Desk::boot(NIRI, FINALIZE) else {
        return;
    };
    let login = begin(&desk);
    let before = desk.property("endsession.service", "MainPID");
    desk.systemctl(&["restart", "endsession.service"]);
    assert_ne!(desk.property("endsession.service", "MainPID"), before);
    desk.wait_for_window("Mousepad");
    desk.systemctl(&["stop", "endsession.service"]);
    assert_eq!(desk.state("endsession.service"), "inactive");
    assert_eq!(desk.property("endsession.service", "Result"), "success");
    assert_eq!(desk.state("app-mousepad-1.scope"), "active");
    assert!(login.is_open());
    desk.wait_for_window("Mousepad");
    assert!(
        desk.journal()
            .has("told to end; the session goes on without a manager")
    );
}

#[test]
fn a_request_under_way_is_cancelled_when_it_is_stopped() {
    let Some(desk) = Desk::boot(NIRI, FINALIZE) else {
        return;
    };
    let login = desk.login(NIRI_LOGIN);
    desk.application(
        "app-foot-1.scope",
        "app.slice",
        "foot --app-id=term sleep 1234",
    );
    desk.wait_for_window("\"term\"");
    let asked = desk.start(&["endsession", "logoff"]);
    desk.wait_for_journal("blocks (job)");
    // A service was started before there was a display, and shows its dialog on it.
    desk.wait_for_journal("started the dialog");
    let limit = Deadline::after(LIMIT);
    while desk.status()["request"]["shown"] != true {
        assert!(!limit.passed(), "{:#}", desk.status());
    }
    let text = [
        "show",
        "--value",
        "--property=StatusText",
        "endsession.service",
    ];
    assert_eq!(
        desk.systemctl(&text),
        "Asking the applications of this session"
    );
    desk.systemctl(&["stop", "endsession.service"]);
    assert_eq!(
        asked.wait_exit(LIMIT).code(),
        Some(1),
        "{}",
        asked.stdout_so_far()
    );
    assert_eq!(desk.state("app-foot-1.scope"), "active");
    assert!(login.is_open());
}

#[test]
fn after_a_crash_its_names_come_back() {
    let Some(desk) = Desk::boot(NIRI, FINALIZE) else {
        return;
    };
    let login = begin(&desk);
    let before = desk.property("endsession.service", "MainPID");
    desk.run(&["kill", "-KILL", &before]).success();
    desk.wait_for_journal("endsession.service: Scheduled restart job");
    // Waits for the job.
    desk.systemctl(&["start", "endsession.service"]);
    let status = desk.status();
    assert_ne!(status["manager_pid"].to_string(), before);
    assert!(status.to_string().contains("Mousepad"), "{status:#}");
    let over = desk.run(&["endsession", "logoff", "--no-dialog"]);
    assert_eq!(over.code, Some(0), "{over:?}");
    assert_eq!(login.wait_for_status(LIMIT), "exited 0");
}

#[test]
fn a_desktop_that_brings_its_own_manager_is_left_alone() {
    let start = "systemctl --user import-environment WAYLAND_DISPLAY SWAYSOCK XDG_CURRENT_DESKTOP; \
                 systemctl --user start sway-session.target";
    let Some(desk) = Desk::boot(SWAY_SYSTEMD, start) else {
        return;
    };
    let script = format!(
        "{HEADLESS}; export XDG_CURRENT_DESKTOP=ubuntu:GNOME; exec sway -c /share/sway.conf"
    );
    let _login = desk.login(&script);
    assert_eq!(desk.state("graphical-session.target"), "active");
    assert_eq!(desk.state("endsession.service"), "inactive");
    assert_eq!(
        desk.property("endsession.service", "Result"),
        "exec-condition"
    );
    let check = desk.run(&["endsession", "manager", "--check"]);
    assert_eq!(check.code, Some(1), "{check:?}");
    assert!(check.stderr.contains("GNOME"), "{check:?}");
}

/// The user's systemd ends, and everything with it: that is the end of the session, and the manager
/// uses what time it has.
#[test]
fn the_end_of_the_users_systemd_is_the_end_of_the_session() {
    let Some(desk) = Desk::boot(NIRI, FINALIZE) else {
        return;
    };
    let login = begin(&desk);
    desk.machine
        .exec(["systemctl", "stop", "user@4001.service"])
        .success();
    login.wait_for_status(LIMIT);
    let journal = desk.journal();
    journal.is_in_order(&[
        "told to end: the session ends within",
        "the session is over",
    ]);
    assert!(!journal.has("endsession.service: Failed"));
    let left = desk
        .machine
        .look(["pgrep", "-u", "alice", "endsession|mousepad|sway"]);
    assert_eq!(left.stdout, "");
}

#[test]
fn its_file_and_the_targets_are_right_for_systemd() {
    let Some(machine) = Machine::boot() else {
        return;
    };
    let _login = machine.login("alice", "gui", "sleep 1000");
    machine.install(std::path::Path::new(env!("CARGO_BIN_EXE_endsession")));
    for (name, text) in crate::support::SHIPPED {
        machine.write(&format!("/etc/systemd/user/{name}"), text);
        let file = format!("/etc/systemd/user/{name}");
        let verified = machine.exec_as(
            "alice",
            ["systemd-analyze", "--user", "--man=no", "verify", &file],
        );
        assert_eq!(
            (verified.code, verified.stderr.trim()),
            (Some(0), ""),
            "{name}"
        );
    }
}

#[test]
fn what_is_held_is_held_at_logind_by_a_manager_that_is_in_no_session_of_logind() {
    endsession_testkit::programs::need("gnome-session-inhibit");
    let Some(desk) = Desk::boot(NIRI, FINALIZE) else {
        return;
    };
    let _login = begin(&desk);
    let hold = ["gnome-session-inhibit", "--inhibit", "logout:suspend:idle"];
    let whose = ["--app-id", "burner", "--reason", "Burning", "sleep", "1000"];
    let _burner = desk.start(&[&hold[..], &whose].concat());
    let blocks = || {
        let call = "busctl --json=short call org.freedesktop.login1 /org/freedesktop/login1 \
                    org.freedesktop.login1.Manager ListInhibitors";
        let list = desk.machine.exec(["sh", "-c", call]).success();
        let list: serde_json::Value = serde_json::from_str(&list).unwrap();
        let all = list["data"][0].as_array().unwrap().iter();
        let ours = all.filter(|lock| lock[1] == "burner" && lock[3] == "block");
        ours.filter(|lock| lock[2] == "Burning").count()
    };
    let deadline = Deadline::after(LIMIT);
    while blocks() != 3 {
        assert!(!deadline.passed(), "{}", desk.machine.journal());
    }

    // logind may be started again at any time, as when it is upgraded.
    let restart = ["systemctl", "restart", "systemd-logind"];
    desk.machine.exec(restart).success();
    let lines = desk.machine.journal_lines();
    lines.wait_for("logind is back: all locks are taken again", LIMIT);
    while blocks() != 3 {
        assert!(!deadline.passed(), "{}", desk.machine.journal());
    }
    let status = desk.status();
    assert_eq!(status["holds"][0]["name"], "burner", "{status:#}");
}

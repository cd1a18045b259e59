//! A session as uwsm starts it: the compositor is a service, and so is the manager.

use crate::support::{Desk, FINALIZE, LIMIT, UWSM};

/// What uwsm does in the login session, once it has prepared everything.
const LOGIN: &str =
    "trap '' TERM HUP; systemctl --user start --wait wayland-session-envelope@sway.target";

/// Says when it is told to end, and takes a moment for it.
const SAYS: &str =
    "trap 'echo \"$NAME is\"\" stopped\"; exit 0' TERM; while :; do sleep 0.1 & wait $!; done";

fn says(name: &str) -> String {
    SAYS.replace("$NAME", name)
}

#[test]
fn a_log_off_asks_first_then_ends_units_as_units_and_the_compositor_last() {
    let Some(desk) = Desk::boot(UWSM, FINALIZE) else {
        return;
    };
    let login = desk.login(LOGIN);
    desk.background("syncthing.service", &["sleep", "infinity"]);
    let pid = desk.property("syncthing.service", "MainPID");
    let after = "--property=After=graphical-session.target";
    let part = "--property=PartOf=graphical-session.target";
    desk.service("bar.service", &[part, after], &says("bar"));
    let conflicts = "--property=Conflicts=endsession-shutdown.target";
    let before = "--property=Before=endsession-shutdown.target";
    desk.service("hook.service", &[conflicts, before], &says("hook"));
    desk.application(
        "app-foot-1.scope",
        "app-graphical.slice",
        "foot --app-id=term sleep 1234",
    );
    // Of this one a helper stays behind when its window has gone.
    desk.application(
        "app-mousepad-1.scope",
        "app.slice",
        "sh -c 'sleep 1000 & exec mousepad'",
    );
    desk.application("app-helper-1.scope", "app.slice", "sleep 1000");
    desk.wait_for_window("Mousepad");
    desk.wait_for_window("\"term\"");

    // The job in the terminal holds it up, and nothing has gone.
    let refused = desk.run(&["endsession", "logoff", "--no-dialog"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("sleep 1234"), "{refused:?}");
    for unit in [
        "app-foot-1.scope",
        "app-mousepad-1.scope",
        "bar.service",
        "hook.service",
    ] {
        assert_eq!(desk.state(unit), "active", "{unit}");
    }
    desk.wait_for_window("Mousepad");

    desk.run(&["pkill", "-x", "-f", "sleep 1234"]).success();
    let over = desk.run(&["endsession", "logoff", "--no-dialog"]);
    assert_eq!(over.code, Some(0), "{over:?}");
    assert_eq!(login.wait_for_status(LIMIT), "exited 0");

    desk.wait_for_journal("Stopped endsession.service");
    let journal = desk.journal();
    journal.is_in_order(&[
        "mousepad has gone",
        "stopping app-mousepad-1.scope",
        "starting wayland-session-shutdown.target",
        "bar is stopped",
        "Stopped target graphical-session.target",
        "Stopped wayland-wm@sway.service",
        "the session is over",
    ]);
    journal.is_in_order(&[
        "stopping app-helper-1.scope",
        "hook is stopped",
        "Reached target endsession-shutdown.target",
        "starting wayland-session-shutdown.target",
    ]);
    assert!(
        !journal.has("SIGTERM to sleep"),
        "{}",
        desk.machine.journal()
    );
    for unit in [
        "graphical-session.target",
        "graphical-session-pre.target",
        "endsession.service",
    ] {
        assert_eq!(desk.state(unit), "inactive", "{unit}");
    }
    assert_eq!(desk.property("endsession.service", "Result"), "success");
    // What is no part of the session has not noticed.
    assert_eq!(desk.property("syncthing.service", "MainPID"), pid);
    assert_eq!(desk.state("syncthing.service"), "active");
}

#[test]
fn a_session_can_begin_and_end_again_with_the_same_systemd() {
    let Some(desk) = Desk::boot(UWSM, FINALIZE) else {
        return;
    };
    for _ in 0..2 {
        let login = desk.login(LOGIN);
        std::fs::remove_file(desk.machine.share().join("sway.up")).unwrap();
        let over = desk.run(&["endsession", "logoff", "--no-dialog"]);
        assert_eq!(over.code, Some(0), "{over:?}");
        assert_eq!(login.wait_for_status(LIMIT), "exited 0");
    }
}

#[test]
fn what_hangs_in_a_unit_is_killed_with_all_that_the_unit_holds() {
    let Some(desk) = Desk::boot(UWSM, FINALIZE) else {
        return;
    };
    let login = desk.login(LOGIN);
    let deaf =
        "sh -c 'trap \"\" TERM; sleep 1000 & sleep 1000 & echo up > /share/deaf; wait; wait'";
    desk.application("app-deaf-1.scope", "app.slice", deaf);
    desk.wait_for_file("deaf");
    let over = desk.run(&["endsession", "logoff", "--no-dialog"]);
    assert_eq!(over.code, Some(0), "{over:?}");
    assert_eq!(login.wait_for_status(LIMIT), "exited 0");
    assert_eq!(desk.state("app-deaf-1.scope"), "inactive");
    desk.journal().is_in_order(&[
        "stopping app-deaf-1.scope",
        "Stopped wayland-wm@sway.service",
    ]);
}

/// The compositor's service runs `run`, which ends itself with what it stops.
#[test]
fn run_as_the_compositors_service_ends_with_it() {
    let run = "[Service]\nExecStart=\nExecStart=endsession run -- sway -c /share/sway.conf\n";
    let Some(desk) = Desk::boot_with(UWSM, FINALIZE, |setup| {
        setup.file("/etc/systemd/user/wayland-wm@.service.d/run.conf", run)
    }) else {
        return;
    };
    let disable = ["systemctl", "--global", "disable", "endsession.service"];
    desk.machine.exec(disable).success();
    let login = desk.login(LOGIN);
    desk.service(
        "bar.service",
        &["--property=PartOf=graphical-session.target"],
        &says("bar"),
    );
    let over = desk.run(&["endsession", "logoff", "--no-dialog"]);
    assert_eq!(over.code, Some(0), "{over:?}");
    assert_eq!(login.wait_for_status(LIMIT), "exited 0");
    assert_eq!(
        desk.property("wayland-wm@sway.service", "Result"),
        "success"
    );
    let journal = desk.journal();
    journal.is_in_order(&["bar is stopped", "the session is over"]);
    assert!(!journal.has("SIGKILL"), "{}", desk.machine.journal());
    assert_eq!(desk.state("graphical-session.target"), "inactive");
}

#[test]
fn a_compositor_that_crashes_takes_the_manager_with_its_session() {
    let Some(desk) = Desk::boot(UWSM, FINALIZE) else {
        return;
    };
    let login = desk.login(LOGIN);
    let sway = desk.property("wayland-wm@sway.service", "MainPID");
    desk.run(&["kill", "-KILL", &sway]).success();
    login.wait_for_status(LIMIT);
    desk.wait_for_journal("Stopped endsession.service");
    assert_eq!(desk.state("graphical-session.target"), "inactive");
    assert_eq!(desk.property("endsession.service", "Result"), "success");
}

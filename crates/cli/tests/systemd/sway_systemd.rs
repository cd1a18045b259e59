//! A session as sway-systemd makes it: sway runs in the login session, and tells systemd.

use crate::support::{Desk, HEADLESS, LIMIT, SWAY_SYSTEMD};

const START: &str = "systemctl --user import-environment WAYLAND_DISPLAY SWAYSOCK XDG_SESSION_TYPE; \
                     systemctl --user start sway-session.target";

fn login_with(command: &str) -> String {
    format!("{HEADLESS}; exec {command} -c /share/sway.conf")
}

#[test]
fn the_session_is_shut_down_by_its_own_target_before_sway_ends() {
    let Some(desk) = Desk::boot(SWAY_SYSTEMD, START) else {
        return;
    };
    let login = desk.login(&login_with("sway"));
    desk.background("syncthing.service", &["sleep", "infinity"]);
    let pid = desk.property("syncthing.service", "MainPID");
    let part = "--property=PartOf=graphical-session.target";
    let says =
        "trap 'echo \"bar is\"\" stopped\"; exit 0' TERM; while :; do sleep 0.1 & wait $!; done";
    desk.service("bar.service", &[part], says);
    desk.application("app-mousepad-1.scope", "app.slice", "mousepad");
    desk.wait_for_window("Mousepad");
    let status = desk.status();
    assert_eq!(status["session"], "sway", "{status:#}");

    let over = desk.run(&["endsession", "logoff", "--no-dialog"]);
    assert_eq!(over.code, Some(0), "{over:?}");
    assert_eq!(login.wait_for_status(LIMIT), "exited 0");
    desk.wait_for_journal("Stopped endsession.service");
    let journal = desk.journal();
    journal.is_in_order(&[
        "mousepad has gone",
        "starting sway-session-shutdown.target",
        "Stopped target graphical-session.target",
        "ending sway (pid ",
        "the session is over",
    ]);
    // Nothing but the display tells when it is to have ended.
    journal.is_in_order(&["bar is stopped", "ending sway (pid "]);
    for unit in [
        "graphical-session.target",
        "sway-session.target",
        "endsession.service",
    ] {
        assert_eq!(desk.state(unit), "inactive", "{unit}");
    }
    assert_eq!(desk.property("syncthing.service", "MainPID"), pid);
}

/// `run` in the login session: the user's bus and systemd are the session's too.
#[test]
fn a_session_of_run_shuts_the_target_down_too() {
    let Some(desk) = Desk::boot(SWAY_SYSTEMD, START) else {
        return;
    };
    let login = desk.login(&login_with("endsession run -- sway"));
    // The service finds that the session has a manager.
    assert_eq!(desk.state("endsession.service"), "inactive");
    // What outlives sessions has been started from a terminal of this one.
    desk.application(
        "app-foot-1.scope",
        "app.slice",
        "foot sh -c 'tmux new-session -d sleep 1000; tmux display -p \"#{pid}\" > /share/tmux'",
    );
    let tmux = desk.wait_for_file("tmux");
    desk.application("app-helper-1.scope", "app.slice", "sleep 1000");
    let over = desk.run(&["endsession", "logoff", "--no-dialog"]);
    assert_eq!(over.code, Some(0), "{over:?}");
    assert_eq!(login.wait_for_status(LIMIT), "exited 0");
    let journal = desk.journal();
    journal.is_in_order(&[
        "stopping app-helper-1.scope",
        "starting sway-session-shutdown.target",
        "Stopped target graphical-session.target",
        "the session is over",
    ]);
    assert!(
        !journal.has("stopping app-foot-1.scope"),
        "tmux lives there"
    );
    assert_eq!(desk.state("graphical-session.target"), "inactive");
    assert_eq!(desk.state("app-foot-1.scope"), "active");
    desk.run(&["kill", "-0", &tmux]).success();
}

#[test]
fn a_session_target_without_a_shutdown_of_its_own_is_stopped_itself() {
    let only_target = &SWAY_SYSTEMD[1..];
    assert_eq!(only_target[0].0, "sway-session.target");
    let Some(desk) = Desk::boot(only_target, START) else {
        return;
    };
    let login = desk.login(&login_with("sway"));
    let over = desk.run(&["endsession", "logoff", "--no-dialog"]);
    assert_eq!(over.code, Some(0), "{over:?}");
    assert_eq!(login.wait_for_status(LIMIT), "exited 0");
    desk.journal().is_in_order(&[
        "stopping sway-session.target",
        "Stopped target graphical-session.target",
        "ending sway (pid ",
    ]);
}

#[test]
fn a_systemd_that_does_not_answer_holds_nothing_up() {
    let Some(desk) = Desk::boot(SWAY_SYSTEMD, START) else {
        return;
    };
    let login = desk.login(&login_with("endsession run -- sway"));
    desk.application(
        "app-helper-1.scope",
        "app.slice",
        "sh -c 'echo up > /share/helper; exec sleep 1000'",
    );
    desk.wait_for_file("helper");
    let stop = "kill -STOP $(pgrep -u alice -f 'systemd --user')";
    desk.machine.exec(["sh", "-c", stop]).success();
    let over = login.exec("sway", ["endsession", "logoff", "--no-dialog"]);
    assert_eq!(over.code, Some(0), "{over:?}");
    assert_eq!(login.wait_for_status(LIMIT), "exited 0");
    let left = desk.machine.look(["pgrep", "-u", "alice", "-x", "sleep"]);
    assert_eq!(left.stdout, "", "nothing of the session is left");
    let resume = "kill -CONT $(pgrep -u alice -f 'systemd --user')";
    desk.machine.look(["sh", "-c", resume]);
}

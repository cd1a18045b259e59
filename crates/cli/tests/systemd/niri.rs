//! A session as niri-session starts it: one service, bound to the graphical session. sway stands in
//! for the compositor, which Debian 12 lacks.

use crate::support::{Desk, FINALIZE, LIMIT, NIRI};

/// What niri-session does.
const LOGIN: &str = "systemctl --user --wait start niri.service; \
                     systemctl --user start --job-mode=replace-irreversibly niri-shutdown.target";

#[test]
fn the_compositors_service_is_shut_down_after_what_it_shows() {
    let Some(desk) = Desk::boot(NIRI, FINALIZE) else {
        return;
    };
    let login = desk.login(LOGIN);
    let part = "--property=PartOf=graphical-session.target";
    let after = "--property=After=graphical-session.target";
    let says =
        "trap 'echo \"bar is\"\" stopped\"; exit 0' TERM; while :; do sleep 0.1 & wait $!; done";
    desk.service("bar.service", &[part, after], says);
    desk.application("app-mousepad-1.scope", "app.slice", "mousepad");
    desk.wait_for_window("Mousepad");

    let over = desk.run(&["endsession", "logoff", "--no-dialog"]);
    assert_eq!(over.code, Some(0), "{over:?}");
    assert_eq!(login.wait_for_status(LIMIT), "exited 0");
    desk.wait_for_journal("Stopped endsession.service");
    desk.journal().is_in_order(&[
        "mousepad has gone",
        "starting niri-shutdown.target",
        "bar is stopped",
        "Stopped target graphical-session.target",
        "Stopped niri.service",
        "the session is over",
    ]);
    assert_eq!(desk.state("graphical-session.target"), "inactive");
    assert_eq!(desk.property("endsession.service", "Result"), "success");
}

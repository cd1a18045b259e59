//! lxqt-session 1.2, which asks no application.

use endsession_testkit::managers::Managed;

use crate::shared::{is_over, no_second_manager, points_to_the_owner, ready, refuses, start};
use crate::support::{LIMIT, endsession, run};

#[test]
fn its_session_is_over_when_it_has_left() {
    let lxqt = ready(Managed::lxqt());
    is_over(&endsession(
        lxqt.sandbox(),
        &["logoff", "--force", "--no-dialog"],
    ));
    lxqt.wait_until_over(LIMIT);
}

#[test]
fn its_menu_is_its_own_program_and_a_cancel_there_is_told() {
    let lxqt = ready(Managed::lxqt());
    let command = start(lxqt.sandbox(), &["menu"]);
    // Its window bypasses the window manager.
    let keys =
        "xdotool search --sync --onlyvisible --class lxqt-leave windowfocus --sync key Escape";
    let words: Vec<_> = keys.split(' ').collect();
    // The window may have gone before the key is up again, which xdotool counts as a failure.
    run(lxqt.sandbox(), &words);
    assert_eq!(command.wait_exit(LIMIT).code(), Some(1));
    command
        .stderr()
        .wait_for("The log-off was cancelled.", LIMIT);
    assert!(lxqt.process().is_alive());
}

#[test]
fn confirm_is_our_own_question() {
    let lxqt = ready(Managed::lxqt());
    let command = start(lxqt.sandbox(), &["logoff", "--confirm"]);
    let window = lxqt
        .xvfb()
        .wait_for_window(LIMIT, |w| w.pid == Some(command.pid()));
    lxqt.xvfb().close(&window);
    assert_eq!(command.wait_exit(LIMIT).code(), Some(1));
    assert!(lxqt.process().is_alive());
}

#[test]
fn what_lxqt_cannot_do_is_refused() {
    let lxqt = ready(Managed::lxqt());
    refuses(
        lxqt.sandbox(),
        &["logoff", "--timeout", "9s"],
        "LXQt's session manager has no way to cancel a log-off, so --timeout cannot be kept",
    );
    let pid = lxqt.process().pid();
    let owner = format!("LXQt's session manager (lxqt-session, pid {pid})");
    let done = endsession(lxqt.sandbox(), &["status"]);
    assert!(done.out.contains(&owner), "{done:?}");
    points_to_the_owner(lxqt.sandbox(), &owner);
    no_second_manager(lxqt.sandbox(), "lxqt-session", pid);
}

#[test]
fn what_the_machine_cannot_do_is_told_before_anybody_is_asked() {
    let lxqt = ready(Managed::lxqt());
    // There is no logind here.
    let done = endsession(lxqt.sandbox(), &["poweroff"]);
    assert_eq!(done.code(), Some(2), "{done:?}");
    assert_eq!(
        done.err,
        "endsession: LXQt's session manager says that it cannot power off this machine\n"
    );
    assert!(lxqt.process().is_alive());
}

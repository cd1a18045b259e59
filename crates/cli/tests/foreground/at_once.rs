//! Two commands at once where no manager runs: the managers that they bring along do not get into each
//! other's way.

use endsession_testkit::apps;
use endsession_testkit::wait;

use super::{LIMIT, Session, TEXT, leaves_no_manager, managers, sandbox, wait_for_button};

/// Two log-offs, and how they end.
const TWO: &str = "endsession logoff & first=$!
    endsession logoff & second=$!
    wait $first; first=$?
    wait $second; echo ended $first $?";

fn two_at_once_are_one_request(has_bus: bool) {
    let (sandbox, _bus) = sandbox();
    // Editors need one to be looked into.
    let around: &[&str] = match has_bus {
        true => &[],
        false => &["env", "-u", "DBUS_SESSION_BUS_ADDRESS"],
    };
    let spawn = |words: &[&str]| sandbox.spawn([around, words].concat());
    let session = Session::openbox(&sandbox);
    let mousepad = apps::mousepad(&sandbox);
    mousepad.write(TEXT);
    session.wait_for_window("*");
    let both = spawn(&["sh", "-c", TWO]);
    both.stderr().wait_for("has joined it", LIMIT);
    wait_for_button(&mousepad, "Cancel");
    let cancel = spawn(&["endsession", "cancel"]);
    let status = cancel.wait_exit(LIMIT);
    assert!(status.success(), "{}", cancel.stderr_so_far());
    both.wait_for_line("ended 1 1", LIMIT);
    leaves_no_manager(&sandbox);
    assert!(wait::is_alive(session.compositor()));

    // Their place is free again.
    mousepad.press("Cancel");
    let both = spawn(&["sh", "-c", TWO]);
    both.stderr().wait_for("has joined it", LIMIT);
    mousepad.press("Don't Save");
    assert!(wait::until_gone(session.compositor(), LIMIT));
    leaves_no_manager(&sandbox);
    assert!(managers(&sandbox).is_empty());
}

#[test]
fn two_at_once_are_one_request_on_the_session_bus() {
    two_at_once_are_one_request(true);
}

#[test]
fn two_at_once_are_one_request_without_a_session_bus() {
    two_at_once_are_one_request(false);
}

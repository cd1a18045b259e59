//! A dialog that cannot be started, crashes, hangs or does not go: the request stays answerable.

use endsession_testkit::session::Proc;
use endsession_testkit::wait::until_gone;
use serde_json::json;

use crate::desk::LIMIT;
use crate::stand_in::{On, Stage, on_both};

on_both! {
    one_that_crashes_is_started_once_more_then_choose_answers;
}

/// A notification server in the session.
#[track_caller]
fn notifier(stage: &Stage) -> Proc {
    let script = stage
        .desk
        .sandbox
        .write("notifier.py", include_str!("notifier.py"));
    let script = script.display().to_string();
    let server = stage
        .desk
        .sandbox
        .spawn_with_input(["/usr/bin/python3", &script]);
    server.wait_for_line("ready", LIMIT);
    server
}

fn one_that_crashes_is_started_once_more_then_choose_answers(on: On) {
    let stage = Stage::new(on, "crashes");
    let holder = stage.holder();
    // A server of the machine's own must not be started; this one never answers.
    let _silent = stage.owns("org.freedesktop.Notifications");
    let logoff = stage.log_off();
    stage.logs("the dialog failed: it was ended by signal 6 while the request still waits; it is started once more");
    stage.logs("answer with `endsession choose` or `endsession cancel`");
    assert_eq!(stage.starts(), 2);
    let request = stage.request();
    assert_eq!(
        (&request["shown"], &request["show"]),
        (&json!(false), &json!(true))
    );
    let id = holder.pid().to_string();
    let (code, _, errors) = stage.desk.endsession(&["choose", "end-one", &id]);
    assert_eq!(code, 0, "{errors}");
    stage.ends_with(&logoff, 0);
    stage.desk.ends_last_of(0);
    assert_eq!(stage.starts(), 2);
}

#[test]
fn a_notification_stands_in_and_its_button_cancels() {
    let stage = Stage::new(On::Sway, "crashes");
    let _holder = stage.holder();
    let server = notifier(&stage);
    let logoff = stage.log_off();
    let said = server.wait_for_line("notified: The log-off is held up", LIMIT);
    assert!(said.contains("['cancel', 'Cancel log-off']"), "{said}");
    assert!(said.contains("urgency 2 / 0"), "{said}");
    assert!(said.contains(": There are unsaved documents"), "{said}");
    while stage.request()["shown"] == false {
        assert!(logoff.is_alive());
    }
    server.write("click cancel\n");
    stage.ends_with(&logoff, 1);
    server.wait_for_line("closed 7", LIMIT);
}

#[test]
fn what_is_to_be_confirmed_can_be_confirmed_in_the_notification() {
    let stage = Stage::new(On::X11, "crashes");
    let server = notifier(&stage);
    let logoff = stage.desk.command(&["logoff", "--confirm"]);
    let said = server.wait_for_line("notified: Log off?", LIMIT);
    let actions = "['confirm', 'Log off', 'cancel', 'Cancel']";
    assert!(said.contains(actions), "{said}");
    server.write("click confirm\n");
    stage.ends_with(&logoff, 0);
    stage.desk.ends_last_of(0);
}

#[test]
fn a_notification_that_was_dismissed_shows_nothing() {
    let stage = Stage::of_program(On::X11, &["/nowhere/dialog"]);
    let _holder = stage.holder();
    let server = notifier(&stage);
    let logoff = stage.log_off();
    stage.logs("cannot start /nowhere/dialog");
    server.wait_for_line("notified: ", LIMIT);
    server.write("dismiss\n");
    // Nothing announces that the manager has heard it.
    while stage.request()["shown"] == true {
        assert!(logoff.is_alive());
    }
    assert_eq!(stage.desk.endsession(&["cancel"]).0, 0);
    stage.ends_with(&logoff, 1);
}

#[test]
fn one_that_is_never_seen_is_killed() {
    let stage = Stage::new(On::X11, "hangs");
    let _holder = stage.holder();
    let _silent = stage.owns("org.freedesktop.Notifications");
    let logoff = stage.log_off();
    let first = stage.says("started").parse().unwrap();
    stage.logs("it was not seen within 5 s; it is started once more");
    assert!(until_gone(first, LIMIT));
    stage.logs("answer with `endsession choose`");
    assert_eq!(stage.starts(), 2);
    assert_eq!(stage.desk.endsession(&["choose", "cancel"]).0, 0);
    stage.ends_with(&logoff, 1);
}

#[test]
fn what_a_wrapper_started_goes_with_it() {
    let stage = Stage::wrapped(On::X11, "shows");
    let _holder = stage.holder();
    let logoff = stage.log_off();
    let dialog: u32 = stage.says("started").parse().unwrap();
    stage.says("shown");
    let wrapper = endsession_manager::process::Stat::read(dialog)
        .unwrap()
        .ppid;
    let wrapper = rustix::process::Pid::from_raw(i32::try_from(wrapper).unwrap()).unwrap();
    rustix::process::kill_process(wrapper, rustix::process::Signal::KILL).unwrap();
    stage.logs("it was ended by signal 9 while the request still waits; it is started once more");
    assert!(until_gone(dialog, LIMIT));
    assert_eq!(stage.desk.endsession(&["cancel"]).0, 0);
    stage.ends_with(&logoff, 1);
}

#[test]
fn a_notification_says_what_blocks_now() {
    let stage = Stage::of_program(On::X11, &["/nowhere/dialog"]);
    let first = stage.holder();
    let server = notifier(&stage);
    let logoff = stage.log_off();
    let rows = |said: &str| said.matches("There are unsaved documents").count();
    let said = server.wait_for_line("notified: ", LIMIT);
    assert_eq!(rows(&said), 1, "{said}");
    let second = stage.holder();
    let said = server.wait_for_line("replaced 7: ", LIMIT);
    assert_eq!(rows(&said), 2, "{said}");
    first.uninhibit();
    second.uninhibit();
    stage.ends_with(&logoff, 0);
    stage.desk.ends_last_of(0);
}

#[test]
fn one_that_does_not_close_is_ended() {
    let stage = Stage::new(On::Sway, "stays");
    let _holder = stage.holder();
    let logoff = stage.log_off();
    let dialog = stage.says("started").parse().unwrap();
    stage.says("shown");
    assert_eq!(stage.desk.endsession(&["cancel"]).0, 0);
    stage.ends_with(&logoff, 1);
    stage.says("ignores SIGTERM");
    assert!(until_gone(dialog, LIMIT));
    assert!(stage.desk.run.is_alive());
    // The next request is shown again.
    let (_, from) = stage.says_from(0, "ignores SIGTERM");
    let again = stage.log_off();
    stage.says_from(from, "shown");
    assert_eq!(stage.desk.endsession(&["cancel"]).0, 0);
    stage.ends_with(&again, 1);
}

#[test]
fn one_that_stays_does_not_hold_up_the_end() {
    let stage = Stage::new(On::Sway, "stays");
    let holder = stage.holder();
    let logoff = stage.log_off();
    let dialog = stage.says("started").parse().unwrap();
    stage.says("shown");
    holder.uninhibit();
    stage.ends_with(&logoff, 0);
    stage.desk.ends_last_of(0);
    assert!(until_gone(dialog, LIMIT));
    // Nobody waited for it.
    let log = stage.desk.run.stderr_so_far();
    assert!(!log.contains("SIGTERM to the dialog"), "{log}");
}

#[test]
fn one_that_leaves_the_bus_is_replaced() {
    let stage = Stage::new(On::X11, "leaves the bus");
    let _holder = stage.holder();
    let logoff = stage.log_off();
    let (_, from) = stage.says_from(0, "left the bus");
    stage.says_from(from, "started");
    assert_eq!(stage.desk.endsession(&["cancel"]).0, 0);
    stage.ends_with(&logoff, 1);
}

#[test]
fn asked_once_more_it_is_tried_once_more() {
    let stage = Stage::new(On::X11, "crashes");
    let _holder = stage.holder();
    let _silent = stage.owns("org.freedesktop.Notifications");
    let logoff = stage.log_off();
    stage.logs("answer with `endsession choose`");
    let again = stage.log_off();
    let mut from = 0;
    for _ in 0..4 {
        from = stage.says_from(from, "started").1;
    }
    assert_eq!(stage.desk.endsession(&["cancel"]).0, 0);
    stage.ends_with(&logoff, 1);
    stage.ends_with(&again, 1);
}

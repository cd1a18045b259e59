//! Clients that leave early, stay, are silent or say too much; the others are none the worse.

use crate::desk::{Desk, QUERY, has_ended, register, was_cancelled};

/// `SaveYourselfDone`, as a client on a machine of this one's byte order says it.
const DONE: [u8; 8] = [1, 8, 1, 0, 0, 0, 0, 0];

#[test]
fn who_crashes_when_asked_counts_as_agreeing() {
    let desk = Desk::new();
    let (crashing, other) = (desk.client("crashing"), desk.client("other"));
    let log_off = desk.log_off();
    crashing.hears(QUERY);
    other.hears(QUERY);
    crashing.order("exit");
    other.order("done yes");
    desk.lets_go(&other);
    has_ended(&log_off, "The session has ended.");
}

#[test]
fn who_leaves_after_agreeing_is_not_waited_for() {
    let desk = Desk::new();
    let (early, other) = (desk.client("early"), desk.client("other"));
    let log_off = desk.log_off();
    early.hears(QUERY);
    other.hears(QUERY);
    early.order("done yes");
    early.order("close");
    early.order("exit");
    early.ends();
    other.order("done yes");
    desk.lets_go(&other);
    has_ended(&log_off, "The session has ended.");
}

#[test]
fn who_is_silent_is_shown_as_slow_and_may_still_answer() {
    let desk = Desk::with("slow = \"100ms\"");
    let (silent, other) = (desk.client("silent"), desk.client("other"));
    let watcher = desk.watcher();
    let log_off = desk.log_off();
    silent.hears(QUERY);
    other.hears(QUERY);
    other.order("done yes");
    watcher.hears_event(&[("event", "slow".into()), ("name", "silent".into())]);
    // Others come and go meanwhile.
    let third = desk.app("third");
    register_and_agree(&third);
    silent.order("done yes");
    for app in [&silent, &other, &third] {
        desk.lets_go(app);
    }
    has_ended(&log_off, "The session has ended.");
}

#[track_caller]
fn register_and_agree(app: &endsession_testkit::xsmp_client::XsmpApp) {
    register(app);
    app.hears(QUERY);
    app.order("done yes");
}

#[test]
fn with_nobody_there_who_never_answers_cancels_and_is_named() {
    let desk = Desk::with("slow = \"50ms\"\nnot-responding = \"100ms\"");
    let silent = desk.client("silent");
    silent.order("deaf");
    let log_off = desk.start(&["logoff", "--no-dialog"]);
    let blocker = format!("  silent (pid {}): is not responding", silent.pid());
    was_cancelled(&log_off, &blocker);
    assert!(silent.is_alive());
}

#[test]
fn a_second_answer_is_an_error_and_changes_nothing() {
    let desk = Desk::new();
    let (twice, other) = (desk.client("twice"), desk.client("other"));
    // Also where nothing was asked at all.
    twice.order_with("bytes", &DONE);
    twice.hears("error BadState");
    let log_off = desk.log_off();
    twice.hears(QUERY);
    other.hears(QUERY);
    twice.order("done yes");
    twice.order_with("bytes", &DONE);
    twice.hears("error BadState");
    assert_eq!(desk.status()["request"]["phase"], "asking");
    other.order("done yes");
    for app in [&twice, &other] {
        desk.lets_go(app);
    }
    has_ended(&log_off, "The session has ended.");
}

#[test]
fn who_stays_when_told_to_end_gets_sigterm() {
    let desk = Desk::with("exit-told = \"100ms\"");
    let app = desk.client("stays");
    let watcher = desk.watcher();
    let log_off = desk.log_off();
    app.hears(QUERY);
    app.order("done yes");
    app.hears("die");
    watcher.hears_event(&[("event", "signalled".into()), ("signal", "SIGTERM".into())]);
    app.ends();
    has_ended(&log_off, "The session has ended.");
    desk.ends_in_order();
}

#[test]
fn who_closes_its_connection_and_stays_gets_sigterm_and_sigkill() {
    let desk = Desk::with("exit-told = \"100ms\"\nexit = \"100ms\"\nexit-kill = \"100ms\"");
    let app = desk.stubborn_app("stays");
    register(&app);
    let watcher = desk.watcher();
    let log_off = desk.log_off();
    app.hears(QUERY);
    app.order("done yes");
    app.hears("die");
    app.order("close");
    for signal in ["SIGTERM", "SIGKILL"] {
        watcher.hears_event(&[("event", "signalled".into()), ("signal", signal.into())]);
    }
    app.ends();
    has_ended(&log_off, "The session has ended.");
    desk.ends_in_order();
}

#[test]
fn who_stays_may_still_be_saving_and_goes_before_its_time() {
    let desk = Desk::new();
    let app = desk.client("saving");
    let watcher = desk.watcher();
    let log_off = desk.log_off();
    app.hears(QUERY);
    app.order("done yes");
    app.hears("die");
    assert_eq!(desk.status()["applications"][0]["state"], "saving");
    app.order("exit");
    app.ends();
    has_ended(&log_off, "The session has ended.");
    let signalled = watcher.events();
    assert!(
        signalled.iter().all(|e| e["event"] != "signalled"),
        "{signalled:?}"
    );
}

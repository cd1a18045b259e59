//! A log-off that is called off: who learns of it, and that the next one works on the same clients.

use endsession_testkit::gnome_client::Manner;
use endsession_testkit::xsmp_client::XsmpApp;
use serde_json::json;

use crate::desk::{Desk, QUERY, has_ended, was_cancelled};
use crate::support::LIMIT;

/// A log-off that these agree to, and the end of the session.
#[track_caller]
fn the_next_one_works(desk: &Desk, apps: &[&XsmpApp]) {
    let log_off = desk.log_off();
    for app in apps {
        app.hears(QUERY);
        app.order("done yes");
    }
    for app in apps {
        desk.lets_go(app);
    }
    has_ended(&log_off, "The session has ended.");
    desk.ends_in_order();
}

#[test]
fn the_users_no_in_an_application_cancels_for_all_who_were_asked() {
    let desk = Desk::new();
    let on_bus = desk.client_on_bus(Manner::Agree);
    let (agreed, says_no, saving) = (
        desk.client("agreed"),
        desk.client("editor"),
        desk.client("saving"),
    );
    let watcher = desk.watcher();
    let log_off = desk.log_off();
    for app in [&agreed, &says_no, &saving] {
        app.hears(QUERY);
    }
    agreed.order("done yes");
    watcher.hears_event(&[("name", "agreed".into()), ("answer", "accept".into())]);
    says_no.order("interact-request");
    says_no.hears("interact");
    says_no.order("interact-done cancel");
    was_cancelled(&log_off, "The log-off was cancelled by the user in editor.");
    for app in [&agreed, &says_no, &saving] {
        app.hears("cancelled");
    }
    on_bus.wait_for("CancelEndSession", LIMIT);
    let outcome = watcher.hears_outcome();
    assert_eq!(
        (&outcome["by"], &outcome["why"]),
        (&json!("application"), &json!("editor"))
    );
    // They have still to answer what is void, before the next or after it.
    saving.order("done yes");
    says_no.order("done no");
    the_next_one_works(&desk, &[&agreed, &says_no, &saving]);
}

#[test]
fn an_answer_that_comes_after_the_next_query_is_not_taken_for_its_answer() {
    let desk = Desk::new();
    let (late, other) = (desk.client("late"), desk.client("other"));
    let first = desk.log_off();
    late.hears(QUERY);
    other.hears(QUERY);
    other.order("done yes");
    assert_eq!(desk.endsession(&["cancel"]).code(), Some(0));
    was_cancelled(&first, "The log-off was cancelled.");
    late.hears("cancelled");
    other.hears("cancelled");
    let watcher = desk.watcher();
    let second = desk.log_off();
    other.hears(QUERY);
    other.order("done yes");
    watcher.hears_event(&[("name", "other".into()), ("answer", "accept".into())]);
    late.order("done yes");
    late.hears(QUERY);
    assert_eq!(desk.status()["request"]["phase"], "asking");
    late.order("interact-request");
    late.hears("interact");
    late.order("interact-done cancel");
    was_cancelled(&second, "The log-off was cancelled by the user in late.");
    other.hears("cancelled");
    late.hears("cancelled");
    late.order("done yes");
    the_next_one_works(&desk, &[&late, &other]);
}

#[test]
fn who_waited_for_its_turn_hears_of_the_cancel_and_not_of_the_turn() {
    let desk = Desk::new();
    let (first, second) = (desk.client("first"), desk.client("second"));
    let watcher = desk.watcher();
    let log_off = desk.log_off();
    for app in [&first, &second] {
        app.hears(QUERY);
    }
    first.order("interact-request");
    first.hears("interact");
    second.order("interact-request");
    watcher.hears_event(&[("name", "second".into()), ("answer", "wants-user".into())]);
    first.order("interact-done cancel");
    was_cancelled(&log_off, "in first.");
    for app in [&first, &second] {
        app.hears("cancelled");
        app.order("done yes");
    }
    the_next_one_works(&desk, &[&first, &second]);
}

/// A client waits for the last word when all is cancelled, and is asked anew. What it owes it says
/// by itself, or `forgets`.
fn the_last_word_is_had_the_next_time(forgets: bool) {
    let desk = Desk::new();
    let (last, other) = (desk.client("last"), desk.client("other"));
    if forgets {
        last.order("forget");
    }
    let watcher = desk.watcher();
    let log_off = desk.log_off();
    for app in [&last, &other] {
        app.hears(QUERY);
    }
    last.order("phase-2");
    watcher.hears_event(&[("name", "last".into()), ("answer", "wants-last".into())]);
    assert_eq!(desk.endsession(&["cancel"]).code(), Some(0));
    was_cancelled(&log_off, "The log-off was cancelled.");
    for app in [&last, &other] {
        app.hears("cancelled");
    }
    other.order("done yes");
    let log_off = desk.log_off();
    for app in [&last, &other] {
        app.hears(QUERY);
    }
    last.order("phase-2");
    other.order("done yes");
    last.hears("phase 2");
    last.order("done yes");
    for app in [&last, &other] {
        desk.lets_go(app);
    }
    has_ended(&log_off, "The session has ended.");
}

#[test]
fn who_waited_for_the_last_word_is_asked_anew_the_next_time() {
    the_last_word_is_had_the_next_time(false);
}

#[test]
fn who_forgets_what_it_owes_is_asked_anew_all_the_same() {
    the_last_word_is_had_the_next_time(true);
}

#[test]
fn who_was_not_asked_hears_nothing() {
    let desk = Desk::new();
    let app = desk.client("editor");
    let silent = desk.client_on_bus(Manner::Silent);
    let log_off = desk.log_off();
    silent.wait_for("QueryEndSession", LIMIT);
    assert_eq!(desk.endsession(&["cancel"]).code(), Some(0));
    was_cancelled(&log_off, "The log-off was cancelled.");
    drop(silent);
    // The next that it hears is this, and no word of a cancel.
    the_next_one_works(&desk, &[&app]);
}

#[test]
fn with_nobody_there_a_wish_to_ask_the_user_cancels_and_is_named() {
    let desk = Desk::new();
    let app = desk.client("editor");
    let log_off = desk.start(&["logoff", "--no-dialog"]);
    app.hears(QUERY);
    app.order("interact-request");
    let blocker = format!(
        "  editor (pid {}): wants to ask its user, and nobody is there",
        app.pid()
    );
    was_cancelled(&log_off, &blocker);
    app.hears("cancelled");
    app.order("done yes");
    the_next_one_works(&desk, &[&app]);
}

#[test]
fn the_first_save_goes_on_when_the_log_off_behind_it_is_cancelled() {
    let desk = Desk::new();
    let app = desk.app("editor");
    app.order("connect");
    app.hears("registered ");
    app.hears("save Local None");
    let watcher = desk.watcher();
    let log_off = desk.log_off();
    watcher.hears_event(&[("event", "asked".into()), ("name", "editor".into())]);
    assert_eq!(desk.endsession(&["cancel"]).code(), Some(0));
    was_cancelled(&log_off, "The log-off was cancelled.");
    app.order("done yes");
    app.hears("complete");
    the_next_one_works(&desk, &[&app]);
}

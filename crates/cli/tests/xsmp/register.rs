//! Coming, coming back, and the first save.

use crate::desk::{Desk, INITIAL, QUERY, has_ended, register, registered};
use crate::support::wait_for_status;

#[test]
fn a_new_client_is_saved_once_when_it_has_registered() {
    let desk = Desk::new();
    let app = desk.app("editor");
    app.order("connect");
    let id = registered(&app);
    app.hears(INITIAL);
    app.order("done yes");
    app.hears("complete");
    let status = desk.status();
    let known = &status["applications"][0];
    assert_eq!(known["name"], "editor");
    assert_eq!(known["pid"], app.pid());
    assert_eq!(known["protocols"], serde_json::json!(["xsmp"]));
    assert_eq!(known["xsmp"][0]["client_id"], id);
}

#[test]
fn several_clients_of_one_program_are_several_applications() {
    let desk = Desk::new();
    let (first, second) = (desk.client("editor"), desk.client("editor"));
    let status = desk.status();
    let applications = status["applications"].as_array().unwrap();
    let pids = applications.iter().map(|a| a["pid"].as_u64().unwrap());
    let mut pids: Vec<u64> = pids.collect();
    let mut expected = [first.pid(), second.pid()].map(u64::from);
    pids.sort_unstable();
    expected.sort_unstable();
    assert_eq!(pids, expected);
}

#[test]
fn a_log_off_during_the_first_save_waits_for_it() {
    let desk = Desk::new();
    let app = desk.app("editor");
    app.order("connect");
    app.hears("registered ");
    app.hears(INITIAL);
    let watcher = desk.watcher();
    let log_off = desk.log_off();
    watcher.hears_event(&[("event", "asked".into()), ("name", "editor".into())]);
    app.order("done yes");
    app.hears("complete");
    app.hears(QUERY);
    app.order("done yes");
    desk.lets_go(&app);
    has_ended(&log_off, "The session has ended.");
    desk.ends_in_order();
}

#[test]
fn a_client_that_comes_during_a_log_off_is_asked_too() {
    let desk = Desk::new();
    let first = desk.client("editor");
    let log_off = desk.log_off();
    first.hears(QUERY);
    let late = desk.app("viewer");
    late.order("connect");
    late.hears("registered ");
    late.hears(INITIAL);
    first.order("done yes");
    late.order("done yes");
    late.hears("complete");
    late.hears(QUERY);
    late.order("done yes");
    desk.lets_go(&first);
    desk.lets_go(&late);
    has_ended(&log_off, "The session has ended.");
}

#[test]
fn a_client_that_comes_back_keeps_its_id_and_is_not_saved_again() {
    let desk = Desk::new();
    let app = desk.app("editor");
    let id = register(&app);
    app.order("close");
    wait_for_status(&desk, |s| s["applications"] == serde_json::json!([]));
    app.order(&format!("connect previous={id}"));
    assert_eq!(registered(&app), id);
    let log_off = desk.log_off();
    app.hears(QUERY);
    app.order("done yes");
    desk.lets_go(&app);
    has_ended(&log_off, "The session has ended.");
}

#[test]
fn a_client_that_crashed_may_come_back_with_its_id() {
    let desk = Desk::new();
    let app = desk.app("editor");
    let id = register(&app);
    app.order("exit");
    app.ends();
    wait_for_status(&desk, |s| s["applications"] == serde_json::json!([]));
    let again = desk.app("editor");
    again.order(&format!("connect previous={id}"));
    assert_eq!(registered(&again), id);
}

#[test]
fn an_id_that_nobody_was_given_is_refused_and_another_given() {
    let desk = Desk::new();
    let app = desk.app("editor");
    app.order("connect previous=10a00010f1234000117000000000000010001");
    app.hears("previous id refused");
    assert_ne!(registered(&app), "10a00010f1234000117000000000000010001");
    app.hears(INITIAL);
}

#[test]
fn an_id_in_use_is_refused_and_its_owner_keeps_it() {
    let desk = Desk::new();
    let owner = desk.app("editor");
    let id = register(&owner);
    let thief = desk.app("thief");
    thief.order(&format!("connect previous={id}"));
    thief.hears("previous id refused");
    assert_ne!(registered(&thief), id);
    thief.hears(INITIAL);
    thief.order("done yes");
    thief.hears("complete");
    let log_off = desk.log_off();
    for app in [&owner, &thief] {
        app.hears(QUERY);
        app.order("done yes");
    }
    for app in [&owner, &thief] {
        desk.lets_go(app);
    }
    has_ended(&log_off, "The session has ended.");
}

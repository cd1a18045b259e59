//! The clients of org.gnome.SessionManager behave as their manners say.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod support;

use endsession_testkit::{
    bus::Bus,
    gnome_client::{GnomeClient, Manner},
    names::OwnsName,
};
use support::{LIMIT, Manager};

const QUERY: &str = "QueryEndSession";
const RESPONSE: &str = "EndSessionResponse";

fn client(manner: Manner) -> (Bus, Manager, GnomeClient) {
    let bus = Bus::daemon();
    let manager = Manager::start(&bus);
    let client = GnomeClient::register(&bus, "editor", manner);
    assert_eq!(manager.next_call().1, "RegisterClient");
    manager.tell(client.unique_name(), client.path(), QUERY);
    let seen = client.wait_for(QUERY, LIMIT);
    assert_eq!(seen.destination.as_deref(), Some(client.unique_name()));
    assert_eq!(seen.path, client.path());
    (bus, manager, client)
}

#[test]
fn agreeing_answers_and_leaves_when_told_to_end() {
    let (_bus, manager, client) = client(Manner::Agree);
    assert_eq!(manager.next(RESPONSE).2, "true ");
    manager.tell(client.unique_name(), client.path(), "CancelEndSession");
    client.wait_for("CancelEndSession", LIMIT);
    manager.tell(client.unique_name(), client.path(), "EndSession");
    client.wait_until_left(LIMIT);
    assert_eq!(client.members(), [QUERY, "CancelEndSession", "EndSession"]);
}

#[test]
fn refusing_gives_its_reason() {
    let (_bus, manager, client) = client(Manner::Refuse("two unsaved files".into()));
    assert_eq!(manager.next(RESPONSE).2, "false two unsaved files");
    assert_eq!(client.members(), [QUERY]);
}

#[test]
fn silent_answers_only_by_hand() {
    let (_bus, manager, client) = client(Manner::Silent);
    assert!(manager.is_unanswered());
    client.answer(true, "at last");
    assert_eq!(manager.next_call().2, "true at last");
}

#[test]
fn twice_answers_twice() {
    let (_bus, manager, _client) = client(Manner::Twice);
    assert_eq!(manager.next(RESPONSE).2, "true ");
    assert_eq!(manager.next(RESPONSE).2, "true ");
}

#[test]
fn a_crash_leaves_without_an_answer() {
    let (_bus, manager, client) = client(Manner::Crash);
    client.wait_until_left(LIMIT);
    assert!(manager.is_unanswered());
}

#[test]
fn leaving_early_answers_and_is_gone() {
    let (_bus, manager, client) = client(Manner::LeaveEarly);
    client.wait_until_left(LIMIT);
    assert_eq!(manager.next(RESPONSE).2, "true ");
}

#[test]
fn one_that_stays_is_there_after_it_was_told_to_end() {
    let (bus, manager, client) = client(Manner::Stay);
    manager.next(RESPONSE);
    manager.tell(client.unique_name(), client.path(), "EndSession");
    client.wait_for("EndSession", LIMIT);
    bus.wait_for_name(client.unique_name(), LIMIT);
}

#[test]
fn an_inhibitor_is_taken_and_given_back() {
    let (_bus, manager, client) = client(Manner::Silent);
    let cookie = client.inhibit("burning a disc", 1);
    assert_eq!(manager.next("Inhibit").2, "burning a disc");
    client.uninhibit(cookie);
    manager.next("Uninhibit");
}

#[test]
fn hundreds_fit_in_one_process() {
    let bus = Bus::broker();
    let manager = Manager::start(&bus);
    let clients = GnomeClient::register_many(&bus, 300, "client", &Manner::Agree);
    for client in &clients {
        manager.tell(client.unique_name(), client.path(), QUERY);
    }
    for _ in 0..300 {
        assert_eq!(manager.next(RESPONSE).2, "true ");
    }
}

#[test]
fn a_manager_that_is_not_there_is_an_error() {
    let bus = Bus::daemon();
    let client = GnomeClient::register_on(bus.address(), bus.uid(), "editor", Manner::Agree);
    assert!(client.is_err());
}

#[test]
fn a_name_is_anothers_until_it_is_given_back() {
    let bus = Bus::daemon();
    let name = OwnsName::take(&bus, "org.gnome.SessionManager");
    let second = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        OwnsName::take(&bus, "org.gnome.SessionManager")
    }));
    assert!(second.is_err());
    drop(name);
    OwnsName::take(&bus, "org.gnome.SessionManager");
}

//! Requests to end the session, and what is told of their outcome.

use endsession_testkit::gnome_client::Manner;
use endsession_testkit::managers::{Managed, Shell};
use endsession_testkit::xsmp::Xfce;

use crate::actor::Actor;
use crate::support::{LIMIT, On, Session, on_both_buses, sandbox};

on_both_buses!(
    the_one_who_asks_is_asked_too,
    whoever_asks_is_told_that_it_ends,
    who_refused_is_told_when_it_is_cancelled,
    a_request_that_is_to_be_confirmed_waits_for_the_user,
    a_request_by_force_asks_nobody,
);

fn the_one_who_asks_is_asked_too(on: On) {
    let session = Session::on(on);
    let actor = Actor::start(&session.sandbox, "org.example.Editor");
    actor.order("send logoff no plain Done for today");
    actor.says("got query 1.");
    assert_eq!(session.status()["request"]["reason"], "Done for today");
    actor.order("accept");
    actor.says("got end 1.");
    actor.order("done");
    session.ends_in_order();
}

/// A program that asks and is no client: nothing of it is waited for.
#[track_caller]
fn asks_only(session: &Session) -> Actor {
    let environment = [("ENDSESSION_BACKEND", "none")];
    let actor = Actor::launch(&session.sandbox, "org.example.Bar", &environment);
    actor.says("connected to none ");
    actor
}

fn whoever_asks_is_told_that_it_ends(on: On) {
    let session = Session::on(on);
    let client = session.client("editor", Manner::Agree);
    let actor = asks_only(&session);
    actor.order("send logoff no plain -");
    actor.says("outcome: Ending");
    session.ends_in_order();
    assert_eq!(client.members(), ["QueryEndSession", "EndSession"]);
}

fn who_refused_is_told_when_it_is_cancelled(on: On) {
    let session = Session::on(on);
    let _refuses = session.client("editor", Manner::Refuse("two \"files\"".to_owned()));
    let actor = Actor::start(&session.sandbox, "org.example.Bar");
    let raw = session.watcher();
    actor.order("send logoff no plain -");
    actor.says("got query 1.");
    actor.order("accept");
    raw.hears_event(&[("event", "blocked".into())]);
    assert!(raw.cancel().unwrap());
    let said = actor.says("outcome: ");
    let expected =
        r#"Cancelled { blockers: [Blocker { name: "editor", reason: "two \"files\"" }] }"#;
    assert!(said.contains(expected), "{said}");
}

fn a_request_that_is_to_be_confirmed_waits_for_the_user(on: On) {
    let session = Session::on(on);
    let actor = Actor::start(&session.sandbox, "org.example.Bar");
    let raw = session.watcher();
    actor.order("send logoff no confirm -");
    raw.hears_event(&[("event", "phase".into()), ("phase", "confirming".into())]);
    raw.choose("cancel", "").unwrap();
    actor.says("outcome: Cancelled { blockers: [] }");
    assert!(actor.told().is_empty());
}

fn a_request_by_force_asks_nobody(on: On) {
    let session = Session::on(on);
    let client = session.client("editor", Manner::Refuse("never".to_owned()));
    let actor = asks_only(&session);
    actor.order("send logoff force plain -");
    actor.says("outcome: Ending");
    session.ends_in_order();
    assert_eq!(client.members(), ["EndSession"]);
}

#[test]
fn a_machine_that_cannot_is_said_before_anybody_is_asked() {
    let session = Session::on(On::Daemon);
    let actor = Actor::start(&session.sandbox, "org.example.Bar");
    actor.order("send poweroff no plain -");
    let said = actor.says("not begun: ");
    assert!(said.contains("not possible here"), "{said}");
    assert!(actor.told().is_empty());
}

#[test]
fn without_a_manager_it_is_said_what_to_do() {
    let sandbox = sandbox();
    let actor = Actor::start(&sandbox, "org.example.Bar");
    actor.order("send logoff no plain -");
    let said = actor.says("not begun: ");
    assert!(said.contains("run `endsession logoff`"), "{said}");
}

#[test]
fn gnome_and_mate_are_asked_in_their_protocol() {
    for managed in [Managed::gnome(), Managed::mate()] {
        let actor = Actor::start(managed.sandbox(), "org.example.Bar");
        actor.order("send logoff no plain -");
        actor.says("outcome: Begun");
        actor.says("got query 1.");
        actor.order("accept");
        actor.says("got end 1.");
        actor.order("done");
        managed.wait_until_over(LIMIT);
    }
}

#[test]
fn gnome_is_forced() {
    let gnome = Managed::gnome();
    let _shell = Shell::on(gnome.bus());
    let actor = Actor::start(gnome.sandbox(), "org.example.Bar");
    actor.order("hold film l Rendering");
    actor.order("send logoff force plain -");
    actor.says("got end 1.");
    actor.order("done");
    gnome.wait_until_over(LIMIT);
}

#[test]
fn what_xfce_cannot_is_refused_and_the_rest_is_asked() {
    let xfce = Xfce::start();
    let environment = [("ENDSESSION_BACKEND", "xfce")];
    let actor = Actor::launch(xfce.sandbox(), "org.example.Bar", &environment);
    actor.says("connected to xfce ");
    let said = actor.asks("send logoff force plain -", "not begun: ");
    assert!(
        said.contains("Xfce's session manager knows no such thing"),
        "{said}"
    );
    actor.order("send logoff no plain -");
    actor.says("got query 1.");
    actor.order("accept");
    actor.says("got end 1.");
    actor.order("done");
    xfce.wait_until_over(LIMIT);
}

//! Under endsession's own manager.

use endsession_testkit::gnome_client::Manner;

use crate::actor::Actor;
use crate::desk::{Desk, has_ended, was_cancelled};
use crate::support::wait_for_status;

const EDITOR: &str = "org.example.Editor";

/// What the manager calls it: by its program.
fn name() -> String {
    let program = std::env::current_exe().unwrap();
    program.file_name().unwrap().to_string_lossy().into_owned()
}

fn launch(desk: &Desk) -> Actor {
    let authority = desk.authority.display().to_string();
    Actor::launch(
        &desk.sandbox,
        EDITOR,
        &[
            ("ENDSESSION_BACKEND", "xsmp"),
            ("SESSION_MANAGER", &desk.manager),
            ("ICEAUTHORITY", &authority),
        ],
    )
}

/// An application that the manager knows, and has saved for the first time.
#[track_caller]
fn start(desk: &Desk) -> Actor {
    let actor = launch(desk);
    actor.says("connected to xsmp");
    let name = name();
    wait_for_status(desk, |status| {
        let apps = status["applications"].as_array().unwrap();
        apps.iter().any(|app| app["name"] == name)
    });
    actor
}

#[test]
fn it_is_asked_and_agrees_and_is_told_to_end() {
    let desk = Desk::new();
    let actor = start(&desk);
    let log_off = desk.log_off();
    actor.says("got query 1. critical=false");
    actor.order("accept");
    actor.says("got end 1.");
    actor.order("done");
    desk.ends_in_order();
    has_ended(&log_off, "The session has ended.");
    assert_eq!(actor.told(), ["query", "end"]);
}

#[test]
fn a_refusal_cancels_and_it_is_asked_again_the_next_time() {
    let desk = Desk::new();
    let actor = start(&desk);
    for n in 1..=2 {
        let log_off = desk.log_off();
        actor.says(&format!("got query {n}."));
        actor.order("refuse Two documents are not saved");
        let by = format!("The log-off was cancelled by the user in {}.", name());
        was_cancelled(&log_off, &by);
        actor.says(&format!("got cancelled {n}."));
    }
    let log_off = desk.log_off();
    actor.says("got query 3.");
    actor.order("accept");
    actor.says("got end 1.");
    actor.order("done");
    has_ended(&log_off, "The session has ended.");
}

#[test]
fn the_users_yes_lets_it_go_on() {
    let desk = Desk::new();
    let actor = start(&desk);
    let log_off = desk.log_off();
    actor.says("got query 1.");
    actor.order("ask Save the letter?");
    wait_for_status(&desk, |s| s["waits"][0]["kind"] == "asking-user");
    actor.order("yes");
    actor.says("got end 1.");
    actor.order("done");
    has_ended(&log_off, "The session has ended.");
    assert_eq!(actor.told(), ["query", "end"]);
}

#[test]
fn the_users_no_cancels() {
    let desk = Desk::new();
    let actor = start(&desk);
    let log_off = desk.log_off();
    actor.says("got query 1.");
    actor.order("ask Save the letter?");
    wait_for_status(&desk, |s| s["waits"][0]["kind"] == "asking-user");
    actor.order("no I go on writing");
    let by = format!("The log-off was cancelled by the user in {}.", name());
    was_cancelled(&log_off, &by);
    actor.says("got cancelled 1.");
}

#[test]
fn a_question_is_no_silence() {
    let desk = Desk::with("not-responding = \"300ms\"\nslow = \"100ms\"");
    let actor = start(&desk);
    let other = desk.client("other");
    other.order("deaf");
    let log_off = desk.log_off();
    actor.says("got query 1.");
    actor.order("ask Save the letter?");
    // The silent one is slow by then; the one that asks its user is not.
    let status = wait_for_status(&desk, |s| {
        let waits = s["waits"].as_array().unwrap();
        waits
            .iter()
            .any(|w| w["name"] == "other" && w["kind"] == "slow")
    });
    let waits = status["waits"].as_array().unwrap();
    let of_actor = waits.iter().find(|w| w["name"] == name()).unwrap();
    assert_eq!(of_actor["kind"], "asking-user", "{status:#}");
    assert_eq!(desk.endsession(&["cancel"]).code(), Some(0));
    was_cancelled(&log_off, "The log-off was cancelled.");
    actor.says("got cancelled 1.");
    assert_eq!(actor.told(), ["query", "cancelled"]);
}

#[test]
fn what_somebody_else_cancels_is_told() {
    let desk = Desk::new();
    let actor = start(&desk);
    let other = desk.client("other");
    let log_off = desk.log_off();
    actor.says("got query 1.");
    actor.order("ask Save the letter?");
    other.hears(crate::desk::QUERY);
    assert_eq!(desk.endsession(&["cancel"]).code(), Some(0));
    was_cancelled(&log_off, "The log-off was cancelled.");
    actor.says("got cancelled 1.");
    // Too late, and harmless.
    actor.order("no I go on writing");
    actor.says("obeyed no");
    other.hears("cancelled");
    other.order("done no");
    let log_off = desk.log_off();
    actor.says("got query 2.");
    actor.order("accept");
    other.hears(crate::desk::QUERY);
    other.order("done yes");
    actor.says("got end 1.");
    actor.order("done");
    desk.lets_go(&other);
    has_ended(&log_off, "The session has ended.");
}

#[test]
fn a_refusal_on_the_bus_comes_first_and_asks_it_nothing() {
    let desk = Desk::new();
    let actor = start(&desk);
    let _refuses = desk.client_on_bus(Manner::Refuse("not now".into()));
    let done = desk.endsession(&["logoff", "--no-dialog"]);
    assert_eq!(done.code(), Some(1), "{done:?}");
    assert_eq!(actor.told(), [""; 0]);
}

#[test]
fn a_hold_holds() {
    let desk = Desk::new();
    let actor = start(&desk);
    actor.order("hold film l Rendering");
    actor.asks("held film", "film holds LOG_OFF");
    let log_off = desk.log_off();
    actor.says("got query 1.");
    actor.order("accept");
    was_cancelled(&log_off, "The log-off was cancelled by the user in ");
    actor.says("got cancelled 1.");
    actor.order("release film");
    let log_off = desk.log_off();
    actor.says("got query 2.");
    actor.order("accept");
    actor.says("got end 1.");
    actor.order("done");
    has_ended(&log_off, "The session has ended.");
}

#[test]
fn a_forced_end_is_critical() {
    let desk = Desk::new();
    let actor = start(&desk);
    let log_off = desk.start(&["logoff", "--force"]);
    actor.says("got query 1. critical=true");
    actor.order("refuse Two documents are not saved");
    actor.says("got end 1.");
    actor.order("done");
    has_ended(&log_off, "The session has ended.");
}

#[test]
fn a_manager_that_dies_calls_its_question_off() {
    let desk = Desk::new();
    let actor = start(&desk);
    let _log_off = desk.log_off();
    actor.says("got query 1.");
    desk.run.kill();
    actor.says("got cancelled 1.");
    actor.says("got backend 1. none");
    actor.order("accept");
    actor.says("obeyed accept");
}

#[test]
fn a_manager_that_hangs_does_not_hang_the_application() {
    let desk = Desk::new();
    let pid = desk.run.pid().to_string();
    let stopped = crate::support::run(&desk.sandbox, &["kill", "-STOP", &pid]);
    assert_eq!(stopped.code(), Some(0), "{stopped:?}");
    let actor = launch(&desk);
    let failed = actor.says("failed after ");
    assert!(failed.contains("the backend xsmp is not there"), "{failed}");
    let stopped = crate::support::run(&desk.sandbox, &["kill", "-CONT", &pid]);
    assert_eq!(stopped.code(), Some(0), "{stopped:?}");
}

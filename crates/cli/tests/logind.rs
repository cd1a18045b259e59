//! Answers and orders of events that a real logind cannot be brought to, from one that does what it
//! is told. What the real one does is in `power`.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod support;

use endsession_testkit::gnome_client::Manner;
use endsession_testkit::logind::{Answer, Leave, Logind, Orders};
use serde_json::Value;
use support::{IDLE, LIMIT, On, Session, sandbox};

const POWER_OFF: &str = "org.freedesktop.login1.power-off";

/// A session on a machine whose logind has these orders.
fn session(orders: impl FnOnce(&mut Orders)) -> (Session, Logind) {
    let sandbox = sandbox();
    let logind = Logind::of(&sandbox);
    logind.orders(orders);
    let session = Session::with_in(&sandbox, On::Daemon, "", &IDLE);
    logind.wait(LIMIT, "a delay lock", |seen| seen.delay_locks == 1);
    (session, logind)
}

/// Asks for a power-off, and has its outcome.
#[track_caller]
fn power_off(session: &Session, options: &[&str]) -> Value {
    let done = session.endsession(&[&["poweroff", "--json"], options].concat());
    assert_eq!(done.code(), Some(1), "{done:?}");
    serde_json::from_str(&done.out).unwrap()
}

fn called(logind: &Logind, what: &str) -> bool {
    logind.seen().calls.iter().any(|call| call == what)
}

#[test]
fn a_machine_that_cannot_is_not_asked_to() {
    let (session, logind) = session(|orders| orders.can = "na".into());
    let done = session.endsession(&["poweroff"]);
    assert_eq!(done.code(), Some(2), "{done:?}");
    assert!(
        done.err.contains("this machine has no way to do it"),
        "{done:?}"
    );
    assert!(!called(&logind, "PowerOff"));
}

#[test]
fn a_question_for_the_password_that_is_dismissed_cancels_before_anybody_is_asked() {
    let (session, logind) = session(|orders| {
        orders.can = "challenge".into();
        orders.leave = Leave::Dismissed;
    });
    let client = session.client("editor", Manner::Agree);
    let outcome = power_off(&session, &[]);
    assert_eq!(outcome["by"], "not-authorized");
    assert_eq!(
        outcome["why"],
        "the question for the password was dismissed"
    );
    assert!(called(&logind, POWER_OFF) && !called(&logind, "PowerOff"));
    assert!(!client.members().contains(&"QueryEndSession".to_owned()));
}

#[test]
fn a_password_that_is_given_goes_on_to_the_end() {
    let (session, logind) = session(|orders| orders.can = "challenge".into());
    let _asks = session.start(&["poweroff"]);
    logind.wait(LIMIT, "PowerOff", |seen| {
        seen.calls.ends_with(&["PowerOff".into()])
    });
    // Our own lock would delay it.
    logind.wait(LIMIT, "no delay lock", |seen| seen.delay_locks == 0);
    // What systemd does next.
    session.run.terminate();
    session.ends_in_order();
}

#[test]
fn who_is_being_asked_for_a_password_can_still_cancel() {
    let (session, logind) = session(|orders| {
        orders.can = "challenge".into();
        orders.leave = Leave::Asks;
    });
    let asks = session.start(&["poweroff", "--json"]);
    logind.wait(LIMIT, "a question", |seen| {
        seen.calls.contains(&POWER_OFF.into())
    });
    assert_eq!(session.status()["request"]["phase"], "authorizing");
    assert_eq!(session.endsession(&["cancel"]).code(), Some(0));
    assert_eq!(asks.wait_exit(LIMIT).code(), Some(1));
    let withdrawn = "CancelCheckAuthorization".to_owned();
    logind.wait(LIMIT, "its withdrawal", |seen| {
        seen.calls.contains(&withdrawn)
    });
}

#[test]
fn a_refusal_at_the_last_moment_is_a_failure_and_the_lock_is_taken_again() {
    let (session, logind) = session(|orders| orders.end = Answer::No("busy".into()));
    let outcome = power_off(&session, &[]);
    assert_eq!(outcome["outcome"], "failed");
    assert_eq!(outcome["why"], "logind does not end the machine: busy");
    logind.wait(LIMIT, "a delay lock", |seen| seen.delay_locks == 1);
    assert!(session.run.is_alive());
}

#[test]
fn a_power_off_that_is_called_off_is_a_failure_and_the_session_goes_on() {
    let (session, logind) = session(|_| {});
    let asks = session.start(&["poweroff", "--json"]);
    logind.wait(LIMIT, "PowerOff", |seen| {
        seen.calls.contains(&"PowerOff".into())
    });
    logind.prepare_for_shutdown(true);
    logind.prepare_for_shutdown(false);
    assert_eq!(asks.wait_exit(LIMIT).code(), Some(1));
    let outcome: Value = serde_json::from_str(&asks.stdout_so_far()).unwrap();
    assert_eq!(outcome["outcome"], "failed");
    assert_eq!(outcome["why"], "the end of the machine was called off");
    logind.wait(LIMIT, "a delay lock", |seen| seen.delay_locks == 1);
    assert_eq!(session.status()["request"], Value::Null);
}

#[test]
fn a_shutdown_by_somebody_else_is_everybodys_end_and_can_be_called_off_to_the_last() {
    let (session, logind) = session(|_| {});
    let client = session.client("editor", Manner::Refuse("busy".into()));
    let watcher = session.watcher();
    logind.prepare_for_shutdown(true);
    client.wait_for("EndSession", LIMIT);
    logind.wait(LIMIT, "no delay lock", |seen| seen.delay_locks == 0);
    assert!(session.run.is_alive());
    logind.prepare_for_shutdown(false);
    let outcome = watcher.hears_outcome();
    assert_eq!(outcome["outcome"], "cancelled");
    assert_eq!(outcome["by"], "restored");
    logind.wait(LIMIT, "a delay lock", |seen| seen.delay_locks == 1);
    assert!(session.run.is_alive());
}

#[test]
fn a_shutdown_that_begins_twice_or_is_called_off_for_nothing_does_no_harm() {
    let (session, logind) = session(|_| {});
    logind.prepare_for_shutdown(false);
    logind.prepare_for_shutdown(true);
    logind.prepare_for_shutdown(true);
    logind.wait(LIMIT, "no delay lock", |seen| seen.delay_locks == 0);
    session.run.terminate();
    session.ends_in_order();
}

#[test]
fn to_end_all_over_the_locks_of_others_is_another_right() {
    let (session, logind) = session(|orders| {
        orders.locks = vec![("apt".into(), "Installing".into())];
    });
    let watcher = session.watcher();
    let asks = session.start(&["poweroff", "--json"]);
    let blocked = watcher.hears_event(&[("event", "blocked".into())]);
    assert_eq!(
        (&blocked["name"], &blocked["reason"]),
        (&"apt".into(), &"Installing".into())
    );
    logind.orders(|orders| orders.leave = Leave::Refused);
    session.endsession(&["choose", "end-all"]);
    assert_eq!(asks.wait_exit(LIMIT).code(), Some(1));
    let outcome: Value = serde_json::from_str(&asks.stdout_so_far()).unwrap();
    assert_eq!(outcome["by"], "not-authorized", "{outcome}");
    assert!(called(&logind, &format!("{POWER_OFF}-ignore-inhibit")));
    assert!(!called(&logind, "PowerOff"));
}

#[test]
fn a_lock_that_is_released_lets_the_request_go_on() {
    let (session, logind) = session(|orders| {
        orders.locks = vec![("apt".into(), "Installing".into())];
    });
    let watcher = session.watcher();
    let _asks = session.start(&["restart"]);
    watcher.hears_event(&[("event", "blocked".into())]);
    logind.orders(|orders| orders.locks.clear());
    logind.wait(LIMIT, "Reboot", |seen| {
        seen.calls.contains(&"Reboot".into())
    });
}

#[test]
fn gnomes_own_words_for_it_ask_the_user_first() {
    let (session, logind) = session(|_| {});
    let watcher = session.watcher();
    let can = watcher.gnome("CanShutdown", &()).unwrap();
    assert!(can.body().deserialize::<bool>().unwrap());
    watcher.gnome("Shutdown", &()).unwrap();
    watcher.hears_event(&[("phase", "confirming".into())]);
    watcher.choose("confirm", "").unwrap();
    logind.wait(LIMIT, "PowerOff", |seen| {
        seen.calls.contains(&"PowerOff".into())
    });
}

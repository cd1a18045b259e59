//! Under endsession's own manager, on dbus-daemon and on dbus-broker.

use endsession_testkit::gnome_client::Manner;
use endsession_testkit::session::Sandbox;
use serde_json::{Value, json};

use crate::actor::Actor;
use crate::support::{
    IDLE, LIMIT, On, Session, on_both_buses, sandbox, start, until, wait_for_status,
};

on_both_buses!(
    it_is_asked_and_agrees_and_is_told_to_end,
    a_refusal_is_shown_with_its_reason,
    a_query_that_is_dropped_is_accepted,
    the_users_yes_lets_it_go_on,
    the_users_no_cancels_at_once,
    what_was_called_off_without_an_answer_is_answered_anew,
    a_question_is_no_silence,
    what_somebody_else_cancels_is_told,
    a_hold_blocks_with_the_reason_that_it_has_now,
    a_hold_that_is_released_lets_the_end_go_on,
    a_manager_that_starts_anew_knows_the_hold_again,
    a_manager_that_comes_later_is_found,
    an_application_that_closes_its_client_is_asked_no_more,
    a_forced_end_is_critical,
    whoever_thinks_is_alive_and_whoever_takes_no_events_is_not,
);

fn blockers(status: &Value) -> Vec<(String, String, String)> {
    let text = |b: &Value, field: &str| b[field].as_str().unwrap_or_default().to_owned();
    let blockers = status["blockers"].as_array().unwrap();
    let blockers = blockers
        .iter()
        .map(|b| (text(b, "name"), text(b, "kind"), text(b, "reason")));
    blockers.collect()
}

fn blocker(name: &str, kind: &str, reason: &str) -> (String, String, String) {
    (name.to_owned(), kind.to_owned(), reason.to_owned())
}

fn it_is_asked_and_agrees_and_is_told_to_end(on: On) {
    let session = Session::on(on);
    let actor = Actor::start(&session.sandbox, "org.example.Editor");
    actor.says("connected to endsession");
    let logoff = session.start(&["logoff"]);
    actor.says("got query 1. critical=false");
    actor.order("accept");
    actor.says("got end 1. critical=false kind=None");
    actor.order("done");
    session.ends_in_order();
    assert_eq!(logoff.wait_exit(LIMIT).code(), Some(0));
    assert_eq!(actor.told(), ["query", "end"]);
}

fn a_refusal_is_shown_with_its_reason(on: On) {
    let session = Session::on(on);
    let actor = Actor::start(&session.sandbox, "org.example.Editor");
    let raw = session.watcher();
    raw.request(&[]).unwrap();
    actor.says("got query 1.");
    actor.order("refuse Two documents are not saved");
    raw.hears_event(&[("event", "blocked".into()), ("kind", "refused".into())]);
    let expected = blocker(
        "org.example.Editor",
        "refused",
        "Two documents are not saved",
    );
    assert_eq!(blockers(&session.status()), [expected]);
    assert!(raw.cancel().unwrap());
    actor.says("got cancelled 1.");
    assert_eq!(actor.told(), ["query", "cancelled"]);
}

fn a_query_that_is_dropped_is_accepted(on: On) {
    let session = Session::on(on);
    let actor = Actor::start(&session.sandbox, "org.example.Editor");
    session.raw().request(&[]).unwrap();
    actor.says("got query 1.");
    actor.order("drop");
    actor.says("got end 1.");
    actor.order("done");
    session.ends_in_order();
}

fn the_users_yes_lets_it_go_on(on: On) {
    let session = Session::on(on);
    let actor = Actor::start(&session.sandbox, "org.example.Editor");
    session.raw().request(&[]).unwrap();
    actor.says("got query 1.");
    actor.order("ask Save the letter?");
    wait_for_status(&session, |s| s["waits"][0]["kind"] == "asking-user");
    actor.order("yes");
    actor.says("got end 1.");
    actor.order("done");
    session.ends_in_order();
    assert_eq!(actor.told(), ["query", "end"]);
}

fn the_users_no_cancels_at_once(on: On) {
    let session = Session::on(on);
    let actor = Actor::start(&session.sandbox, "org.example.Editor");
    let raw = session.watcher();
    raw.request(&[]).unwrap();
    actor.says("got query 1.");
    actor.order("ask Save the letter?");
    wait_for_status(&session, |s| s["waits"][0]["kind"] == "asking-user");
    actor.order("no I go on writing");
    let finished = raw.hears_event(&[("event", "finished".into())]);
    assert_eq!(finished["outcome"], "cancelled");
    assert_eq!(finished["by"], "application");
    assert_eq!(finished["why"], "org.example.Editor: I go on writing");
    // It is told too, and asked again the next time.
    actor.says("got cancelled 1.");
    raw.request(&[]).unwrap();
    actor.says("got query 2.");
    actor.order("accept");
    actor.says("got end 1.");
    actor.order("done");
    session.ends_in_order();
}

/// Longer than a silent client has.
fn a_question_is_no_silence(on: On) {
    let session = Session::with(on, "not-responding = \"300ms\"\nslow = \"100ms\"", &IDLE);
    let asks = Actor::start(&session.sandbox, "org.example.Asks");
    let silent = session.client("silent", Manner::Silent);
    session.raw().request(&[]).unwrap();
    asks.says("got query 1.");
    asks.order("ask Save the letter?");
    let status = wait_for_status(&session, |s| !s["blockers"].as_array().unwrap().is_empty());
    assert_eq!(blockers(&status).len(), 1, "{status:#}");
    assert_eq!(status["blockers"][0]["name"], "silent");
    silent.answer(true, "");
    asks.order("yes");
    asks.says("got end 1.");
    asks.order("done");
    session.ends_in_order();
}

fn what_somebody_else_cancels_is_told(on: On) {
    let session = Session::on(on);
    let actor = Actor::start(&session.sandbox, "org.example.Editor");
    let _refuses = session.client("other", Manner::Refuse("no".to_owned()));
    let raw = session.watcher();
    raw.request(&[]).unwrap();
    actor.says("got query 1.");
    actor.order("accept");
    raw.hears_event(&[("event", "blocked".into())]);
    assert!(raw.cancel().unwrap());
    actor.says("got cancelled 1.");
}

fn a_hold_blocks_with_the_reason_that_it_has_now(on: On) {
    let session = Session::on(on);
    let actor = Actor::start(&session.sandbox, "org.example.Render");
    actor.order("hold film l Rendering, 3 minutes left");
    let name = "org.example.Render";
    let is =
        |reason: &'static str| move |s: &Value| blockers(s) == [blocker(name, "inhibitor", reason)];
    wait_for_status(&session, is("Rendering, 3 minutes left"));
    actor.asks("held film", "film holds LOG_OFF");
    for n in 0..1_000 {
        actor.order(&format!("reason film {n} frames left"));
    }
    actor.order("reason film Rendering, 2 minutes left");
    wait_for_status(&session, is("Rendering, 2 minutes left"));
    actor.order("hold idle i Playing");
    wait_for_status(&session, |s| {
        s["other_inhibitors"].as_array().is_some_and(|i| {
            i.len() == 1 && i[0]["reason"] == "Playing" && i[0]["what"][0] == "idle"
        })
    });
}

fn a_hold_that_is_released_lets_the_end_go_on(on: On) {
    let session = Session::on(on);
    let actor = Actor::start(&session.sandbox, "org.example.Render");
    actor.order("hold film l Rendering");
    actor.says("obeyed hold");
    wait_for_status(&session, |s| blockers(s).len() == 1);
    let raw = session.watcher();
    raw.request(&[]).unwrap();
    actor.says("got query 1.");
    actor.order("accept");
    raw.hears_event(&[("event", "blocked".into()), ("reason", "Rendering".into())]);
    actor.order("release film");
    actor.says("got end 1.");
    actor.order("done");
    session.ends_in_order();
}

/// The user is being asked, or nobody has said anything, when somebody else calls it off.
fn what_was_called_off_without_an_answer_is_answered_anew(on: On) {
    let session = Session::on(on);
    let actor = Actor::start(&session.sandbox, "org.example.Editor");
    let raw = session.watcher();
    for (nth, asks) in [(1, true), (2, false), (3, true)] {
        raw.request(&[]).unwrap();
        actor.says(&format!("got query {nth}."));
        if asks {
            actor.order("ask Save the letter?");
            wait_for_status(&session, |s| s["waits"][0]["kind"] == "asking-user");
        }
        assert!(raw.cancel().unwrap());
        actor.says(&format!("got cancelled {nth}."));
        assert_eq!(actor.told().len(), 2 * nth, "each once: {:?}", actor.told());
    }
    raw.request(&[]).unwrap();
    actor.says("got query 4.");
    actor.order("accept");
    actor.says("got end 1.");
    actor.order("done");
    session.ends_in_order();
}

#[test]
fn a_thousand_log_offs_are_asked_about_and_called_off() {
    let session = Session::on(On::Daemon);
    let actor = Actor::start(&session.sandbox, "org.example.Editor");
    let _refuses = session.client("other", Manner::Refuse("no".to_owned()));
    let raw = session.raw();
    for nth in 1..=1_000 {
        raw.request(&[]).unwrap();
        actor.says(&format!("got query {nth}. "));
        if nth == 1 {
            // One that has just come and was never heard is asked twice after a cancel: it may have
            // missed the first.
            actor.order("accept");
            wait_for_status(&session, |s| {
                let mut all = s["applications"].as_array().unwrap().iter();
                all.any(|a| a["votes"] == json!(["accepted"]))
            });
        }
        // Some answers come too late, and change nothing.
        if nth % 2 == 0 {
            actor.order("accept");
        }
        assert!(raw.cancel().unwrap());
        actor.says(&format!("got cancelled {nth}. "));
    }
    assert_eq!(actor.told().len(), 2_000);
}

/// A session whose manager can be killed without it.
fn manager(sandbox: &Sandbox) -> endsession_testkit::session::Proc {
    start(sandbox, "", &IDLE)
}

fn a_manager_that_starts_anew_knows_the_hold_again(on: On) {
    let session = Session::on(on);
    let actor = Actor::start(&session.sandbox, "org.example.Render");
    actor.order("hold film l Rendering");
    wait_for_status(&session, |s| blockers(s).len() == 1);
    session.run.kill();
    session.run.wait_exit(LIMIT);
    actor.says("got backend 1.");
    let _run = manager(&session.sandbox);
    actor.says("got backend 2. endsession");
    let known =
        |s: &Value| blockers(s) == [blocker("org.example.Render", "inhibitor", "Rendering")];
    wait_for_status(&session, known);
    session.raw().request(&[]).unwrap();
    actor.says("got query 1.");
}

fn a_manager_that_comes_later_is_found(on: On) {
    let sandbox = sandbox();
    let bus = match on {
        On::Daemon => endsession_testkit::bus::Bus::daemon_in(&sandbox),
        On::Broker => endsession_testkit::bus::Bus::broker_in(&sandbox),
    };
    let actor = Actor::start(&sandbox, "org.example.Editor");
    actor.order("hold film l Rendering");
    let run = manager(&sandbox);
    bus.wait_for_name("org.gnome.SessionManager", LIMIT);
    actor.says("got backend 1. endsession");
    let session = Session { run, bus, sandbox };
    wait_for_status(&session, |s| blockers(s).len() == 1);
    actor.asks("held film", "film holds LOG_OFF");
}

fn an_application_that_closes_its_client_is_asked_no_more(on: On) {
    let session = Session::on(on);
    let actor = Actor::start(&session.sandbox, "org.example.Editor");
    let clients = |s: &Value| s["applications"].as_array().unwrap().len();
    actor.order("hold film l Rendering");
    wait_for_status(&session, |s| clients(s) == 1);
    actor.order("close");
    wait_for_status(&session, |s| clients(s) == 0 && blockers(s).is_empty());
    // And its thread has ended.
    let tasks = format!("/proc/{}/task", actor.process().pid());
    until(|| {
        let tasks = std::fs::read_dir(&tasks).unwrap();
        let names = tasks.filter_map(|t| std::fs::read_to_string(t.ok()?.path().join("comm")).ok());
        !names.into_iter().any(|name| name.starts_with("endsession"))
    });
}

fn a_forced_end_is_critical(on: On) {
    let session = Session::on(on);
    let actor = Actor::start(&session.sandbox, "org.example.Editor");
    let logoff = session.start(&["logoff", "--force"]);
    actor.says("got end 1. critical=true");
    actor.order("done");
    session.ends_in_order();
    assert_eq!(logoff.wait_exit(LIMIT).code(), Some(0));
    assert_eq!(actor.told(), ["end"]);
}

fn whoever_thinks_is_alive_and_whoever_takes_no_events_is_not(on: On) {
    let session = Session::with(on, "not-responding = \"300ms\"\nslow = \"100ms\"", &IDLE);
    let thinks = Actor::start(&session.sandbox, "org.example.Thinks");
    let deaf = Actor::launch(
        &session.sandbox,
        "org.example.Deaf",
        &[("ENDSESSION_TEST_DEAF", "1")],
    );
    deaf.says("connected to endsession");
    session.raw().request(&[]).unwrap();
    thinks.says("got query 1.");
    let status = wait_for_status(&session, |s| !s["blockers"].as_array().unwrap().is_empty());
    let expected = (
        "org.example.Deaf".to_owned(),
        "not-responding".to_owned(),
        String::new(),
    );
    assert_eq!(blockers(&status), [expected]);
    assert_eq!(status["waits"][0]["name"], "org.example.Thinks");
}

//! Applications that reach us through the real xdg-desktop-portal: asked, refusing, cancelled, ended; in a sandbox and out of it.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

#[path = "support/desk.rs"]
mod desk;
mod support;

use std::path::Path;

use desk::Desk;
use endsession_testkit::portal::{Answer, Portal, PortalApp, gtk4_app};
use serde_json::Value;
use support::raw::refusal;
use support::{IDLE, LIMIT, On, Session, wait_for_status};
use zbus::ObjectPath;

const RUNNING: u32 = 1;
const QUERY_END: u32 = 2;
const ENDING: u32 = 3;

/// The file that is installed.
fn description() -> &'static Path {
    Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../data/portals/endsession.portal"
    ))
}

/// A session with these deadlines, and the portal in it.
#[track_caller]
fn session(deadlines: &str) -> (Session, Portal) {
    let session = Session::with(On::Daemon, deadlines, &IDLE);
    let portal = Portal::start(&session.sandbox, description());
    (session, portal)
}

fn blocked(name: &str, reason: &str) -> [(&'static str, Value); 3] {
    [
        ("event", "blocked".into()),
        ("name", name.into()),
        ("reason", reason.into()),
    ]
}

#[test]
fn one_that_agrees_is_asked_and_told_to_end() {
    let (session, _portal) = session("");
    let app = PortalApp::start(&session.sandbox, Answer::Agree);
    session.raw().request(&[]).unwrap();
    app.wait_exit(LIMIT);
    assert_eq!(app.states(), [RUNNING, QUERY_END, ENDING]);
    session.ends_in_order();
}

#[test]
fn each_sandboxed_application_is_its_own_blocker_with_its_own_name_and_reason() {
    let (session, _portal) = session("slow = \"200ms\"\nnot-responding = \"400ms\"");
    let sandbox = &session.sandbox;
    let editor = PortalApp::sandboxed(sandbox, "org.example.Editor", 1, Answer::Refuse);
    let player = PortalApp::sandboxed(sandbox, "org.example.Player", 2, Answer::Agree);
    player.inhibit(1, "Burning a disc");
    let mail = PortalApp::sandboxed(sandbox, "org.example.Mail", 3, Answer::Agree);

    let raw = session.watcher();
    raw.request(&[]).unwrap();
    raw.hears_event(&blocked(
        "org.example.Editor",
        "There are unsaved documents",
    ));
    raw.hears_event(&blocked("org.example.Player", "Burning a disc"));
    let status = wait_for_status(&session, |status| {
        status["blockers"]
            .as_array()
            .is_some_and(|all| all.len() == 2)
    });
    // The application itself, not the proxy that speaks for it.
    let of = |name: &str| {
        let all = status["applications"].as_array().unwrap();
        all.iter().find(|a| a["name"] == name).unwrap().clone()
    };
    let pid = u32::try_from(of("org.example.Mail")["pid"].as_u64().unwrap()).unwrap();
    let program = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap();
    assert!(program.to_string_lossy().contains("python3"), "{program:?}");
    assert_eq!(
        of("org.example.Mail")["protocols"],
        serde_json::json!(["portal"])
    );

    assert!(raw.cancel().unwrap());
    for app in [&editor, &player, &mail] {
        app.wait_for_state(QUERY_END, LIMIT);
        let told = || app.states() == [RUNNING, QUERY_END, RUNNING];
        support::until(told);
    }
}

#[test]
fn a_hold_that_ends_lets_the_log_off_go_on_by_itself() {
    let (session, _portal) = session("");
    let app = PortalApp::sandboxed(&session.sandbox, "org.example.Editor", 1, Answer::Agree);
    app.inhibit(1, "Saving");
    let raw = session.watcher();
    raw.request(&[]).unwrap();
    raw.hears_event(&blocked("org.example.Editor", "Saving"));
    app.release();
    app.wait_for_state(ENDING, LIMIT);
    session.ends_in_order();
}

#[test]
fn one_that_never_answers_its_second_query_does_not_hold_the_others_up() {
    let (session, _portal) = session("slow = \"100ms\"\nnot-responding = \"300ms\"");
    let once = PortalApp::sandboxed(&session.sandbox, "org.example.Once", 1, Answer::Once);
    let other = PortalApp::sandboxed(&session.sandbox, "org.example.Other", 2, Answer::Agree);
    other.inhibit(1, "Saving");
    let raw = session.watcher();
    raw.request(&[]).unwrap();
    raw.hears_event(&blocked("org.example.Other", "Saving"));
    assert!(raw.cancel().unwrap());
    raw.hears_outcome();
    support::until(|| once.states() == [RUNNING, QUERY_END, RUNNING]);
    other.release();
    raw.forget();
    raw.request(&[]).unwrap();
    // It alone is waited for, by its own name.
    raw.hears_event(&[
        ("event", "slow".into()),
        ("name", "org.example.Once".into()),
    ]);
    support::until(|| other.states().last() == Some(&QUERY_END));
    raw.choose("end-all", "").unwrap();
    session.ends_in_order();
}

#[test]
fn one_whose_yes_came_as_it_was_called_off_is_asked_anew() {
    let (session, _portal) = session("");
    let app = PortalApp::start(&session.sandbox, Answer::Agree);
    let raw = session.watcher();
    raw.request(&[]).unwrap();
    app.wait_for_state(QUERY_END, LIMIT);
    assert!(raw.cancel().unwrap());
    support::until(|| app.states() == [RUNNING, QUERY_END, RUNNING]);
    raw.request(&[]).unwrap();
    app.wait_exit(LIMIT);
    session.ends_in_order();
}

#[test]
fn one_that_dies_while_it_is_asked_has_agreed() {
    let (session, _portal) = session("");
    let app = PortalApp::start(&session.sandbox, Answer::Silent);
    session.raw().request(&[]).unwrap();
    app.wait_for_state(QUERY_END, LIMIT);
    app.write("quit\n");
    session.ends_in_order();
}

#[test]
fn a_stranger_cannot_answer_for_a_sandboxed_application() {
    let (session, _portal) = session("");
    let app = PortalApp::start(&session.sandbox, Answer::Silent);
    let raw = session.watcher();
    raw.request(&[]).unwrap();
    app.wait_for_state(QUERY_END, LIMIT);
    let path = ObjectPath::try_from("/org/freedesktop/portal/desktop/session/1_1/monitor").unwrap();
    let answered = raw.call(
        "/org/freedesktop/portal/desktop",
        "org.freedesktop.impl.portal.Inhibit",
        "QueryEndResponse",
        &path,
    );
    assert_eq!(refusal(answered), "AccessDenied");
    app.answer();
    session.ends_in_order();
}

#[test]
fn without_the_portal_its_applications_hold_nothing_up() {
    let (session, portal) = session("");
    let app = PortalApp::start(&session.sandbox, Answer::Silent);
    app.inhibit(1, "Saving");
    let raw = session.watcher();
    raw.request(&[]).unwrap();
    raw.hears("a blocker", |m| {
        (m.body()
            .deserialize::<&str>()
            .is_ok_and(|json| json.contains("Saving")))
        .then_some(())
    });
    portal.process().signal(rustix::process::Signal::KILL);
    session.ends_in_order();
}

#[test]
fn a_thousand_holds_of_one_application_are_one_applications_share() {
    let (session, _portal) = session("");
    let app = PortalApp::sandboxed(&session.sandbox, "org.example.Mad", 1, Answer::Agree);
    app.write("flood 1000\n");
    let count = |status: &Value| {
        let all = status["applications"].as_array().unwrap();
        let mad = all.iter().find(|a| a["name"] == "org.example.Mad");
        mad.map_or(0, |mad| mad["inhibitors"].as_array().unwrap().len())
    };
    app.wait_for_line("flooded", LIMIT);
    let status = wait_for_status(&session, |status| count(status) >= 64);
    assert_eq!(count(&status), 64);
}

/// In a real desktop: up to 4.8 GTK hears the end and, by an error of its own, stays; its windows are closed then.
#[test]
fn gtk_4_applications_are_asked_refuse_are_cancelled_and_end() {
    let desk = Desk::x11();
    let _portal = Portal::start(&desk.sandbox, description());
    let agreeing = gtk4_app(&desk.sandbox, false);
    let refusing = gtk4_app(&desk.sandbox, true);
    let watch = desk.watch();

    let logoff = desk.command(&["logoff"]);
    agreeing.wait_for_line("query-end", LIMIT);
    refusing.wait_for_line("inhibited", LIMIT);
    watch.wait_for_line("There are unsaved documents", LIMIT);
    assert_eq!(desk.endsession(&["cancel"]).0, 0);
    assert_eq!(logoff.wait_exit(LIMIT).code(), Some(1));

    // What it holds it holds, cancelled or not, and it takes one more when it is asked again.
    let mark = watch.stdout().mark();
    let _again = desk.command(&["logoff"]);
    watch
        .stdout()
        .wait_for_from(mark, "There are unsaved documents", LIMIT);
    desk.choose("end-all", None);
    for app in [&agreeing, &refusing] {
        app.wait_exit(LIMIT);
    }
    assert_eq!(desk.run.wait_exit(LIMIT).code(), Some(0));
}

//! `endsession logoff`, `status`, `watch` and `cancel` for people and for scripts: what they print
//! and how they end.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod support;

use endsession_testkit::gnome_client::{GnomeClient, Manner};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use support::{Done, LIMIT, On, Session, wait_for_status};

/// An application of the demo as a process of the session: a clock agrees, an editor asks its user,
/// a player hangs.
fn session_with(application: &str, deadlines: &str) -> Session {
    let script = format!("endsession demo-app {application} & exec sleep infinity");
    let session = Session::with(On::Daemon, deadlines, &["sh", "-c", &script]);
    wait_for_status(&session, |s| s["applications"][0]["name"] == application);
    session
}

/// The process of the only application.
fn application(session: &Session) -> Pid {
    let pid = session.status()["applications"][0]["pid"].as_i64().unwrap();
    Pid::from_raw(pid.try_into().unwrap()).unwrap()
}

fn refusing(session: &Session) -> GnomeClient {
    session.client("editor", Manner::Refuse("two files are not saved".into()))
}

#[track_caller]
fn said(done: &Done, status: i32, lines: &[&str]) {
    assert_eq!(done.code(), Some(status), "{done:?}");
    assert_eq!(done.err.lines().collect::<Vec<_>>(), lines);
}

fn own_pid() -> u32 {
    std::process::id()
}

#[test]
fn everybody_agrees_and_the_session_has_ended() {
    let session = Session::on(On::Daemon);
    let client = session.client("editor", Manner::Agree);
    said(
        &session.endsession(&["logoff"]),
        0,
        &["The session has ended."],
    );
    session.ends_in_order();
    client.wait_until_left(LIMIT);
}

#[test]
fn no_dialog_lists_the_refusal_with_its_reason() {
    let session = Session::on(On::Daemon);
    let client = refusing(&session);
    let done = session.endsession(&["logoff", "--no-dialog"]);
    let blocker = format!(
        "  editor (pid {}): refuses: two files are not saved",
        own_pid()
    );
    said(&done, 1, &["The log-off was refused.", &blocker]);
    client.wait_for("CancelEndSession", LIMIT);
    assert!(session.run.is_alive());
}

#[test]
fn no_dialog_lists_the_inhibitor_with_its_reason() {
    let session = Session::on(On::Daemon);
    let holder = session.raw();
    holder
        .inhibit("org.example.Burner", "a disc is being burnt", 1)
        .unwrap();
    let done = session.endsession(&["logoff", "--no-dialog"]);
    let blocker = format!(
        "  org.example.Burner (pid {}): a disc is being burnt",
        own_pid()
    );
    said(&done, 1, &["The log-off was refused.", &blocker]);
    // An inhibitor of something else does not block.
    drop(holder);
    let holder = session.raw();
    holder.inhibit("org.example.Player", "a film", 8).unwrap();
    assert_eq!(
        session.endsession(&["logoff", "--no-dialog"]).code(),
        Some(0)
    );
    session.ends_in_order();
}

#[test]
fn an_inhibitor_without_a_reason_is_told_as_such() {
    let session = Session::on(On::Daemon);
    let holder = session.raw();
    holder.inhibit("", "", 1).unwrap();
    let done = session.endsession(&["logoff", "--no-dialog"]);
    assert!(
        done.err
            .contains("holds the session open, and gives no reason"),
        "{done:?}"
    );
}

#[test]
fn a_user_who_does_not_answer_is_waited_for_until_the_time_limit() {
    let session = Session::on(On::Daemon);
    let editor = session
        .sandbox
        .spawn_with_input(["endsession", "demo-app", "editor"]);
    editor.wait_for_line("ready", LIMIT);
    let done = session.endsession(&["logoff", "--timeout", "1s"]);
    editor.wait_for_line("ask", LIMIT);
    let asks = format!("editor (pid {}) is asking the user", editor.pid());
    let late = "The log-off was cancelled: it took longer than allowed.";
    said(&done, 1, &[&asks, late]);
    assert!(editor.is_alive());
}

#[test]
fn the_users_no_in_an_application_is_told() {
    let session = Session::on(On::Daemon);
    let editor = session
        .sandbox
        .spawn_with_input(["endsession", "demo-app", "editor"]);
    editor.wait_for_line("ready", LIMIT);
    editor.write("no\n");
    let done = session.endsession(&["logoff"]);
    let said_no = "The log-off was cancelled by the user in editor: the user keeps the session.";
    let asks = format!("editor (pid {}) is asking the user", editor.pid());
    said(&done, 1, &[&asks, said_no]);
    editor.write("yes\n");
    said(
        &session.endsession(&["logoff"]),
        0,
        &[&asks, "The session has ended."],
    );
    editor.wait_for_line("saved", LIMIT);
    session.ends_in_order();
}

#[test]
fn force_asks_nobody() {
    let session = Session::on(On::Daemon);
    let client = refusing(&session);
    let done = session.endsession(&["logoff", "--force"]);
    said(&done, 0, &["The session has ended."]);
    session.ends_in_order();
    assert_eq!(client.members(), ["EndSession"]);
    assert_eq!(client.seen()[0].flags, 1);
}

#[test]
fn force_after_a_while_ends_what_blocks() {
    let session = Session::on(On::Daemon);
    let client = refusing(&session);
    let done = session.endsession(&["logoff", "--force-after", "500ms"]);
    let blocks = format!(
        "editor (pid {}) blocks: refuses: two files are not saved",
        own_pid()
    );
    said(
        &done,
        0,
        &[
            &blocks,
            "The session has ended.",
            "Ended over their objection: editor.",
        ],
    );
    session.ends_in_order();
    assert_eq!(client.members(), ["QueryEndSession", "EndSession"]);
    let waited = client.seen()[1].at - client.seen()[0].at;
    assert!(waited.as_millis() >= 400, "{waited:?}");
}

#[test]
fn force_after_waits_also_without_a_dialog() {
    let session = Session::on(On::Daemon);
    let _client = refusing(&session);
    let done = session.endsession(&["logoff", "--no-dialog", "--force-after", "300ms"]);
    said(
        &done,
        0,
        &[
            "The session has ended.",
            "Ended over their objection: editor.",
        ],
    );
}

#[test]
fn what_is_stopped_blocks_and_force_if_hung_ends_it() {
    let session = session_with("clock", "slow = \"200ms\"\nforced = \"200ms\"");
    let clock = application(&session);
    kill_process(clock, Signal::STOP).unwrap();
    let name = format!("clock (pid {})", clock.as_raw_nonzero());
    let done = session.endsession(&["logoff", "--no-dialog"]);
    let blocker = format!("  {name}: is not responding");
    said(&done, 1, &["The log-off was refused.", &blocker]);
    let done = session.endsession(&["logoff", "--force-if-hung"]);
    said(
        &done,
        0,
        &[
            "The session has ended.",
            "Ended over their objection: clock.",
        ],
    );
    session.ends_in_order();
}

#[test]
fn what_hangs_is_ended_by_force_if_hung() {
    let session = session_with(
        "player",
        "slow = \"200ms\"\nnot-responding = \"300ms\"\nforced = \"200ms\"",
    );
    let watcher = session.watcher();
    let done = session.endsession(&["logoff", "--force-if-hung"]);
    said(
        &done,
        0,
        &[
            "The session has ended.",
            "Ended over their objection: player.",
        ],
    );
    watcher.hears_event(&[("event", "slow".into()), ("name", "player".into())]);
    watcher.hears_event(&[("event", "overridden".into())]);
    watcher.hears_event(&[("event", "signalled".into()), ("signal", "SIGTERM".into())]);
    session.ends_in_order();
}

#[test]
fn what_stays_after_it_was_told_is_signalled() {
    let session = session_with("player", "forced = \"200ms\"");
    let done = session.endsession(&["logoff", "--force"]);
    assert_eq!(done.code(), Some(0), "{done:?}");
    session.ends_in_order();
    assert_eq!(session.sandbox.processes(), [session.bus.pid().unwrap()]);
}

#[test]
fn two_log_offs_have_one_outcome() {
    let session = Session::on(On::Daemon);
    let watcher = session.watcher();
    let client = session.client("editor", Manner::Silent);
    let first = session.start(&["logoff"]);
    client.wait_for("QueryEndSession", LIMIT);
    let second = session.start(&["logoff"]);
    second
        .stderr()
        .wait_for("already under way; this one has joined it", LIMIT);
    client.answer(false, "not saved");
    watcher.hears_event(&[("event", "blocked".into())]);
    assert_eq!(session.endsession(&["cancel"]).code(), Some(0));
    for command in [&first, &second] {
        assert_eq!(command.wait_exit(LIMIT).code(), Some(1));
        command
            .stderr()
            .wait_for("The log-off was cancelled.", LIMIT);
    }
    client.wait_for("CancelEndSession", LIMIT);
    assert_eq!(client.members(), ["QueryEndSession", "CancelEndSession"]);
}

#[test]
fn confirm_waits_for_the_users_word() {
    let session = Session::on(On::Daemon);
    let client = session.client("editor", Manner::Agree);
    let logoff = session.start(&["logoff", "--confirm", "--reason", "an update"]);
    let status = wait_for_status(&session, |s| s["request"]["phase"] == "confirming");
    assert_eq!(status["request"]["reason"], "an update");
    assert_eq!(client.members(), [""; 0]);
    session.raw().choose("confirm", "").unwrap();
    assert_eq!(logoff.wait_exit(LIMIT).code(), Some(0));
    session.ends_in_order();
}

#[test]
fn json_of_an_outcome_has_its_documented_shape() {
    let session = Session::on(On::Daemon);
    let client = refusing(&session);
    let done = session.endsession(&["logoff", "--no-dialog", "--json"]);
    assert_eq!((done.code(), done.err.as_str()), (Some(1), ""));
    let mut outcome: Value = serde_json::from_str(&done.out).unwrap();
    // For how long it blocked is another number each time.
    assert!(outcome["blockers"][0]["waiting_ms"].take().is_u64());
    let blocker = json!({
        "id": own_pid().to_string(), "name": "editor", "pid": own_pid(), "kind": "refused",
        "reason": "two files are not saved", "responding": true, "waiting_ms": null, "running_ms": 0,
    });
    assert_eq!(
        outcome,
        json!({
            "request": 1, "kind": "logoff", "outcome": "cancelled", "by": "blocked", "why": "", "blockers": [blocker],
            "gone": [], "told": [], "overridden": [], "overridden_by_rule": [],
        })
    );
    assert_eq!(done.out.lines().count(), 1);
    drop(client);
    let done = session.endsession(&["logoff", "--json"]);
    let outcome: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(
        (done.code(), &outcome["outcome"]),
        (Some(0), &json!("over"))
    );
}

#[test]
fn status_shows_who_is_here_and_what_would_block() {
    let session = Session::on(On::Daemon);
    let client = session.client("editor", Manner::Agree);
    client.inhibit("two files are not saved", 1);
    client.inhibit("a film", 8);
    let pid = own_pid();
    let status = session.status();
    let (app, hold) = (&status["applications"][0], &status["other_inhibitors"][0]);
    assert_eq!(
        (&status["version"], &status["session"]),
        (&json!(1), &json!("sleep"))
    );
    assert_eq!(status["manager_pid"], session.run.pid());
    assert_eq!(status["request"], Value::Null);
    assert_eq!((&app["name"], &app["pid"]), (&json!("editor"), &json!(pid)));
    assert_eq!(
        app["protocols"],
        json!(["org.gnome.SessionManager", "inhibitor"])
    );
    assert_eq!(app["inhibitors"], json!(["two files are not saved"]));
    assert_eq!(
        (&app["votes"], &app["state"]),
        (&json!(["idle"]), &json!("running"))
    );
    assert_eq!(
        hold,
        &json!({ "name": "testkit", "reason": "a film", "what": ["idle"] })
    );
    assert_eq!(status["blockers"][0]["kind"], "inhibitor");
    let told = session.endsession(&["status"]);
    for line in [
        "Request: none under way".to_owned(),
        format!("  editor (pid {pid}): org.gnome.SessionManager, inhibitor"),
        "    holds: two files are not saved".to_owned(),
        format!("  editor (pid {pid}) (logoff): two files are not saved"),
        format!("  editor (pid {pid}) (idle): a film"),
        "Would block now:".to_owned(),
        format!("  editor (pid {pid}): two files are not saved"),
    ] {
        assert!(
            told.out.lines().any(|l| l == line),
            "{line:?} in {}",
            told.out
        );
    }
}

#[test]
fn status_shows_the_request_under_way() {
    let session = Session::on(On::Daemon);
    let _client = refusing(&session);
    let raw = session.watcher();
    raw.request(&[("reason", "an update".into())]).unwrap();
    raw.hears_event(&[("event", "blocked".into())]);
    let status = session.status();
    assert_eq!(status["request"]["phase"], "asking");
    assert_eq!(status["blockers"][0]["kind"], "refused");
    assert_eq!(status["applications"][0]["votes"], json!(["refused"]));
    let told = session.endsession(&["status"]).out;
    assert!(
        told.contains("Request: logoff asking, because: an update"),
        "{told}"
    );
    assert!(told.contains("Blocks:\n  editor"), "{told}");
}

/// Starts `watch`, and waits until it watches: until one of the requests that are begun and
/// cancelled for it alone is told.
fn watching(session: &Session, arguments: &[&str]) -> endsession_testkit::session::Proc {
    let watch = session.start(arguments);
    let raw = session.raw();
    while watch.stdout_so_far().is_empty() {
        raw.request(&[("confirm", true.into())]).unwrap();
        raw.cancel().unwrap();
        assert!(watch.is_alive(), "{}", watch.stderr_so_far());
    }
    watch
}

#[test]
fn watch_prints_an_event_a_line_in_order() {
    let session = Session::on(On::Daemon);
    let client = session.client("editor", Manner::Agree);
    let (machine, people) = (
        watching(&session, &["watch", "--json"]),
        watching(&session, &["watch"]),
    );
    assert_eq!(session.endsession(&["logoff"]).code(), Some(0));
    session.ends_in_order();
    for watch in [&machine, &people] {
        assert_eq!(watch.wait_exit(LIMIT).code(), Some(0));
    }
    client.wait_until_left(LIMIT);
    let text = machine.stdout_so_far();
    let events: Vec<Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let request = events.last().unwrap()["request"].clone();
    let own = events.iter().filter(|e| e["request"] == request);
    let kinds: Vec<&str> = own.map(|e| e["event"].as_str().unwrap()).collect();
    let order = [
        "phase", "asked", "answered", "phase", "closing", "gone", "phase", "finished",
    ];
    assert_eq!(kinds, order);
    let name = format!("editor (pid {})", own_pid());
    let told = people.stdout_so_far();
    let (_, told) = told.rsplit_once("Asking every application\n").unwrap();
    assert_eq!(
        told.lines().collect::<Vec<_>>(),
        [
            format!("{name} was asked"),
            format!("{name} agrees"),
            "Closing applications".to_owned(),
            format!("{name} was told to end"),
            format!("{name} has ended"),
            "Ending the session".to_owned(),
            "The session has ended.".to_owned(),
        ]
    );
}

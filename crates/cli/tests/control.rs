//! org.endsession.Manager1, as bars, dialogs and the command use it: requests, choices, status,
//! events, and what is refused. On dbus-daemon and on dbus-broker.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod support;

use std::collections::HashMap;

use endsession_testkit::gnome_client::Manner;
use serde_json::{Value, json};
use support::raw::{CONTROL, CONTROL_PATH, PROPERTIES, Raw, refusal};
use support::{LIMIT, On, Session, on_both_buses};
use zbus::Variant;

on_both_buses!(
    a_request_has_a_number_and_an_outcome,
    events_come_in_order_to_those_who_watch_only,
    the_phase_is_a_property_that_tells_its_changes,
    a_choice_without_a_request_is_refused,
    a_choice_that_is_none_is_refused,
    a_choice_for_another_request_is_refused,
    a_choice_for_an_application_that_is_not_there_is_refused,
    confirming_is_only_for_what_is_to_be_confirmed,
    ask_again_asks_the_one_that_refused,
    end_one_ends_that_one_whatever_becomes_of_the_request,
    end_all_goes_on_over_every_objection,
    cancel_says_whether_there_was_something_to_cancel,
    a_request_tells_why,
    options_of_a_request_are_checked,
    status_tells_whether_somebody_shows_the_request,
    a_request_that_nobody_shows_is_cancelled_in_time,
    an_unattended_request_is_cancelled_by_what_blocks,
    a_request_has_a_time_limit,
    the_version_is_told,
    a_request_that_joins_is_told_and_what_has_no_window_is_not_shown,
    status_tells_a_late_dialog_whom_the_request_waits_for,
    a_screen_saver_on_the_bus_locks_the_screen,
);

fn blocked(raw: &Raw) -> Value {
    raw.hears_event(&[("event", "blocked".into())])
}

fn refuse() -> Manner {
    Manner::Refuse("not saved".to_owned())
}

fn a_request_has_a_number_and_an_outcome(on: On) {
    let session = Session::on(on);
    let client = session.client("editor", Manner::Agree);
    let raw = session.watcher();
    let (number, joined) = raw.request(&[]).unwrap();
    assert!(number > 0 && !joined);
    let outcome = raw.hears_outcome();
    assert_eq!(
        outcome,
        json!({
            "event": "finished", "request": number, "kind": "logoff", "outcome": "over", "by": "", "why": "",
            "blockers": [], "gone": [], "told": [], "overridden": [], "overridden_by_rule": [],
        })
    );
    client.wait_until_left(LIMIT);
    session.ends_in_order();
}

fn events_come_in_order_to_those_who_watch_only(on: On) {
    let session = Session::on(on);
    let client = session.client("editor", Manner::Agree);
    let (watcher, former, bystander) = (session.watcher(), session.watcher(), session.raw());
    former.control("Unwatch", &()).unwrap();
    bystander.listen("type='signal'");
    watcher.request(&[]).unwrap();
    watcher.hears_outcome();
    let events = watcher.events();
    let told: Vec<String> = events
        .iter()
        .map(|e| {
            let more = e.get("phase").or(e.get("answer")).or(e.get("outcome"));
            let words = [Some(&e["event"]), more].into_iter().flatten();
            words
                .filter_map(Value::as_str)
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    assert_eq!(
        told,
        [
            "phase asking",
            "asked",
            "answered accept",
            "phase closing",
            "closing",
            "gone",
            "phase ending",
            "finished over"
        ]
    );
    let who: Vec<&Value> = events.iter().filter(|e| e.get("name").is_some()).collect();
    assert!(
        who.iter()
            .all(|e| e["name"] == "editor" && e["pid"] == std::process::id())
    );
    client.wait_until_left(LIMIT);
    session.ends_in_order();
    bystander.hears_signal("SessionOver", 1);
    assert_eq!(former.events(), [Value::Null; 0]);
    assert_eq!(bystander.events(), [Value::Null; 0]);
}

fn the_phase_is_a_property_that_tells_its_changes(on: On) {
    let session = Session::on(on);
    let _refusing = session.client("editor", refuse());
    let raw = session.watcher();
    raw.listen(&format!(
        "type='signal',interface='{PROPERTIES}',path='{CONTROL_PATH}'"
    ));
    let phase = || -> String {
        let reply = raw
            .call(CONTROL_PATH, PROPERTIES, "Get", &(CONTROL, "Phase"))
            .unwrap();
        let body = reply.body();
        let value: Variant<'_> = body.deserialize().unwrap();
        String::try_from(value).unwrap()
    };
    let changed = |nth: usize| -> String {
        let message = raw.hears_signal("PropertiesChanged", nth);
        let body = message.body();
        let (interface, mut changed, _): (&str, HashMap<&str, Variant<'_>>, Vec<&str>) =
            body.deserialize().unwrap();
        assert_eq!(interface, CONTROL);
        String::try_from(changed.remove("Phase").unwrap()).unwrap()
    };
    assert_eq!(phase(), "");
    raw.request(&[("confirm", Variant::from(true))]).unwrap();
    assert_eq!(
        (changed(1), phase()),
        ("confirming".into(), "confirming".into())
    );
    raw.choose("confirm", "").unwrap();
    assert_eq!((changed(2), phase()), ("asking".into(), "asking".into()));
    raw.cancel().unwrap();
    assert_eq!((changed(3), phase()), (String::new(), String::new()));
}

fn a_choice_without_a_request_is_refused(on: On) {
    let session = Session::on(on);
    let raw = session.raw();
    for choice in ["confirm", "cancel", "end-all", "ask-again"] {
        assert_eq!(refusal(raw.choose(choice, "")), "NoRequest", "{choice}");
    }
}

fn a_choice_that_is_none_is_refused(on: On) {
    let session = Session::on(on);
    let client = session.client("editor", refuse());
    let raw = session.watcher();
    raw.request(&[]).unwrap();
    blocked(&raw);
    assert_eq!(refusal(raw.choose("explode", "")), "InvalidArgs");
    assert_eq!(refusal(raw.choose("", "")), "InvalidArgs");
    assert_eq!(client.members(), ["QueryEndSession"]);
}

fn a_choice_for_another_request_is_refused(on: On) {
    let session = Session::on(on);
    let client = session.client("editor", refuse());
    let raw = session.watcher();
    let (number, _) = raw.request(&[]).unwrap();
    blocked(&raw);
    let stale = raw.control("Choose", &(number + 1, "end-all", ""));
    assert_eq!(refusal(stale), "NoRequest");
    assert_eq!(client.members(), ["QueryEndSession"]);
    raw.control("Choose", &(number, "cancel", "")).unwrap();
    client.wait_for("CancelEndSession", LIMIT);
}

fn a_choice_for_an_application_that_is_not_there_is_refused(on: On) {
    let session = Session::on(on);
    let client = session.client("editor", refuse());
    let raw = session.watcher();
    raw.request(&[]).unwrap();
    blocked(&raw);
    for (choice, id) in [
        ("end-one", ""),
        ("end-one", "1"),
        ("end-one", "nobody"),
        ("show", ""),
        ("ask-again", "nobody"),
    ] {
        let refused = refusal(raw.choose(choice, id));
        assert_eq!(refused, "UnknownApplication", "{choice} {id:?}");
    }
    assert_eq!(client.members(), ["QueryEndSession"]);
}

fn confirming_is_only_for_what_is_to_be_confirmed(on: On) {
    let session = Session::on(on);
    let client = session.client("editor", refuse());
    let raw = session.watcher();
    raw.request(&[("confirm", Variant::from(true))]).unwrap();
    for choice in ["end-all", "ask-again"] {
        assert_eq!(refusal(raw.choose(choice, "")), "NotNow", "{choice}");
    }
    raw.choose("confirm", "").unwrap();
    blocked(&raw);
    assert_eq!(refusal(raw.choose("confirm", "")), "NotNow");
    assert_eq!(client.members(), ["QueryEndSession"]);
}

fn ask_again_asks_the_one_that_refused(on: On) {
    let session = Session::on(on);
    let client = session.client("editor", Manner::Silent);
    let raw = session.watcher();
    raw.request(&[]).unwrap();
    client.wait_for("QueryEndSession", LIMIT);
    client.answer(false, "not saved");
    let blocker = blocked(&raw);
    raw.choose("ask-again", blocker["id"].as_str().unwrap())
        .unwrap();
    client.wait_for_nth("QueryEndSession", 2, LIMIT);
    raw.hears_event(&[("event", "cleared".into())]);
    client.answer(true, "");
    client.wait_until_left(LIMIT);
    assert_eq!(
        client.members(),
        [
            "QueryEndSession",
            "CancelEndSession",
            "QueryEndSession",
            "EndSession"
        ]
    );
    session.ends_in_order();
}

fn end_one_ends_that_one_whatever_becomes_of_the_request(on: On) {
    // The player hangs in its query, so that the request stays under way.
    let hung = "endsession demo-app player & exec sleep infinity";
    let session = Session::with(on, "", &["sh", "-c", hung]);
    support::wait_for_status(&session, |s| s["applications"][0]["name"] == "player");
    let editor = session.client("editor", refuse());
    let raw = session.watcher();
    raw.request(&[]).unwrap();
    let blocker = blocked(&raw);
    let id = blocker["id"].as_str().unwrap();
    assert_eq!(id, std::process::id().to_string());
    raw.choose("end-one", id).unwrap();
    editor.wait_until_left(LIMIT);
    assert_eq!(editor.members(), ["QueryEndSession", "EndSession"]);
    assert_eq!(editor.seen()[1].flags, 1, "forceful");
    assert_eq!(raw.status()["request"]["phase"], "asking");
    raw.cancel().unwrap();
    assert_eq!(raw.hears_outcome()["gone"], json!(["editor"]));
    assert_eq!(raw.status()["applications"][0]["name"], "player");
}

fn end_all_goes_on_over_every_objection(on: On) {
    let session = Session::on(on);
    let holder = session.raw();
    holder.inhibit("burner", "burning", 1).unwrap();
    let editor = session.client("editor", refuse());
    let raw = session.watcher();
    raw.request(&[]).unwrap();
    raw.hears_event(&[("event", "blocked".into()), ("kind", "refused".into())]);
    raw.hears_event(&[("event", "blocked".into()), ("kind", "inhibitor".into())]);
    raw.choose("end-all", "").unwrap();
    editor.wait_until_left(LIMIT);
    assert_eq!(raw.hears_outcome()["outcome"], "over");
    session.ends_in_order();
}

fn cancel_says_whether_there_was_something_to_cancel(on: On) {
    let session = Session::on(on);
    let raw = session.watcher();
    assert!(!raw.cancel().unwrap());
    raw.request(&[("confirm", Variant::from(true))]).unwrap();
    assert!(raw.cancel().unwrap());
    assert!(!raw.cancel().unwrap());
    let outcome = raw.hears_outcome();
    assert_eq!(
        (&outcome["outcome"], &outcome["by"]),
        (&json!("cancelled"), &json!("user"))
    );
}

fn a_request_tells_why(on: On) {
    let session = Session::on(on);
    let raw = session.raw();
    let options = [
        ("confirm", Variant::from(true)),
        ("reason", Variant::from("the battery is empty\x1b[2J")),
    ];
    let (number, _) = raw.request(&options).unwrap();
    let request = &raw.status()["request"];
    assert_eq!(request["reason"], "the battery is empty[2J");
    assert_eq!(
        (&request["id"], &request["kind"]),
        (&json!(number), &json!("logoff"))
    );
}

fn options_of_a_request_are_checked(on: On) {
    let session = Session::on(on);
    let client = session.client("editor", Manner::Agree);
    let raw = session.raw();
    let wrong = [
        ("colour", Variant::from("blue")),
        ("confirm", Variant::from("yes")),
        ("timeout-ms", Variant::from(5_u32)),
        ("force", Variant::from("please")),
        ("force-after-ms", Variant::from(-1_i64)),
        ("reason", Variant::from(7_u8)),
    ];
    for option in wrong {
        assert_eq!(
            refusal(raw.request(std::slice::from_ref(&option))),
            "InvalidArgs",
            "{option:?}"
        );
    }
    let nothing = HashMap::<&str, Variant<'_>>::new();
    assert_eq!(
        refusal(raw.control("Request", &("explode", nothing))),
        "InvalidArgs"
    );
    assert_eq!(raw.status()["request"], Value::Null);
    assert_eq!(client.members(), [""; 0]);
}

fn status_tells_whether_somebody_shows_the_request(on: On) {
    let session = Session::on(on);
    let (raw, dialog) = (session.raw(), session.raw());
    raw.request(&[("confirm", Variant::from(true))]).unwrap();
    assert_eq!(raw.status()["request"]["shown"], false);
    for _ in 0..2 {
        dialog.control("Show", &()).unwrap();
        assert_eq!(raw.status()["request"]["shown"], true);
    }
    dialog.control("Unshow", &()).unwrap();
    assert_eq!(raw.status()["request"]["shown"], false);
    // One that leaves shows nothing any more.
    dialog.control("Show", &()).unwrap();
    drop(dialog);
    support::wait_for_status(&session, |s| s["request"]["shown"] == false);
}

fn a_request_that_nobody_shows_is_cancelled_in_time(on: On) {
    let session = Session::with(on, "nobody-shown = \"300ms\"", &support::IDLE);
    let client = session.client("editor", refuse());
    let raw = session.watcher();
    raw.request(&[]).unwrap();
    let outcome = raw.hears_outcome();
    assert_eq!(outcome["by"], "nobody-shown");
    assert_eq!(outcome["blockers"][0]["reason"], "not saved");
    client.wait_for("CancelEndSession", LIMIT);
    assert!(session.run.is_alive());
}

fn an_unattended_request_is_cancelled_by_what_blocks(on: On) {
    let session = Session::on(on);
    let client = session.client("editor", refuse());
    let raw = session.watcher();
    raw.request(&[("unattended", Variant::from(true))]).unwrap();
    let outcome = raw.hears_outcome();
    assert_eq!(
        (&outcome["outcome"], &outcome["by"]),
        (&json!("cancelled"), &json!("blocked"))
    );
    let blocker = &outcome["blockers"][0];
    assert_eq!(blocker["name"], "editor");
    assert_eq!(blocker["kind"], "refused");
    assert_eq!(blocker["reason"], "not saved");
    assert_eq!(blocker["responding"], true);
    client.wait_for("CancelEndSession", LIMIT);
}

fn a_request_has_a_time_limit(on: On) {
    let session = Session::on(on);
    let client = session.client("editor", Manner::Silent);
    let raw = session.watcher();
    raw.request(&[("timeout-ms", Variant::from(300_u64))])
        .unwrap();
    assert_eq!(raw.hears_outcome()["by"], "timeout");
    client.wait_for("CancelEndSession", LIMIT);
    assert!(session.run.is_alive());
}

fn the_version_is_told(on: On) {
    let session = Session::on(on);
    let raw = session.raw();
    let reply = raw
        .call(CONTROL_PATH, PROPERTIES, "GetAll", &CONTROL)
        .unwrap();
    let body = reply.body();
    let all: HashMap<&str, Variant<'_>> = body.deserialize().unwrap();
    assert_eq!(all["Version"], Variant::from(1_u32));
    assert_eq!(all["Kinds"], Variant::from(vec!["logoff"]));
    assert_eq!(all.len(), 3);
    let unknown = raw.call(CONTROL_PATH, PROPERTIES, "Get", &(CONTROL, "Colour"));
    assert_eq!(refusal(unknown), "UnknownProperty");
    let set = (CONTROL, "Phase", Variant::from("over"));
    assert_eq!(
        refusal(raw.call(CONTROL_PATH, PROPERTIES, "Set", &set)),
        "PropertyReadOnly"
    );
}

fn a_request_that_joins_is_told_and_what_has_no_window_is_not_shown(on: On) {
    let session = Session::on(on);
    let _refusing = session.client("editor", refuse());
    let raw = session.watcher();
    let (number, _) = raw.request(&[]).unwrap();
    let blocker = blocked(&raw);
    raw.hears_event(&[("event", "show".into()), ("on", true.into())]);
    assert_eq!(raw.request(&[]).unwrap(), (number, true));
    let joined = raw.hears_event(&[("event", "joined".into())]);
    assert_eq!(
        joined,
        json!({"event": "joined", "request": number, "kind": "logoff"})
    );
    let id = blocker["id"].as_str().unwrap();
    assert_eq!(refusal(raw.choose("show", id)), "NotNow");
    raw.cancel().unwrap();
    raw.hears_event(&[("event", "show".into()), ("on", false.into())]);
}

fn status_tells_a_late_dialog_whom_the_request_waits_for(on: On) {
    let session = Session::with(on, "slow = \"100ms\"", &support::IDLE);
    let _silent = session.client("office", Manner::Silent);
    let raw = session.watcher();
    raw.request(&[("reason", Variant::from("an update"))])
        .unwrap();
    raw.hears_event(&[("event", "slow".into())]);
    let status = raw.status();
    let waits = &status["waits"];
    assert_eq!(waits.as_array().unwrap().len(), 1, "{status}");
    assert_eq!(
        (
            &waits[0]["name"],
            &waits[0]["kind"],
            &waits[0]["responding"]
        ),
        (&json!("office"), &json!("slow"), &json!(true))
    );
    assert!(waits[0]["waiting_ms"].is_u64());
    let request = &status["request"];
    assert_eq!(
        (&request["to_go"], &request["forced"], &request["reason"]),
        (&json!(1), &json!(false), &json!("an update"))
    );
    raw.cancel().unwrap();
}

/// A screen saver that is active until it is told otherwise.
struct Saver(std::sync::Arc<std::sync::atomic::AtomicBool>);

#[zbus::interface(name = "org.freedesktop.ScreenSaver")]
impl Saver {
    #[zbus(name = "GetActive")]
    fn active(&self) -> bool {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }
}

fn a_screen_saver_on_the_bus_locks_the_screen(on: On) {
    let session = Session::on(on);
    let _refusing = session.client("editor", refuse());
    let saver = session.raw();
    let (name, path) = (
        "org.freedesktop.ScreenSaver",
        "/org/freedesktop/ScreenSaver",
    );
    saver.block_on(async {
        let active = std::sync::Arc::new(true.into());
        let server = saver.connection().object_server();
        server.at(path, Saver(active)).await.unwrap();
        saver.connection().request_name(name).await.unwrap();
    });
    let raw = session.watcher();
    raw.control("Show", &()).unwrap();
    raw.request(&[]).unwrap();
    session.run.stderr().wait_for("the screen is locked", LIMIT);
    assert_eq!(raw.status()["request"]["shown"], false);
    // Of anybody else it is no word.
    let changes = |of: &Raw, active: bool| {
        let emitted =
            of.connection()
                .emit_signal(None::<&str>, path, name, "ActiveChanged", &active);
        of.block_on(emitted).unwrap();
    };
    changes(&raw, false);
    changes(&saver, false);
    session
        .run
        .stderr()
        .wait_for("the screen is unlocked", LIMIT);
    assert_eq!(raw.status()["request"]["shown"], true);
    let until_shown = |shown| support::until(|| raw.status()["request"]["shown"] == shown);
    changes(&saver, true);
    until_shown(false);
    // One that leaves locks nothing.
    drop(saver);
    until_shown(true);
    raw.cancel().unwrap();
}

//! A log-off: who is asked what and when, whose turn it is, and who is told to end.

use endsession_testkit::gnome_client::Manner;

use crate::desk::{Desk, LAST_SAVE, QUERY, has_ended};
use crate::support::LIMIT;

#[test]
fn a_client_is_asked_saves_and_is_let_go() {
    let desk = Desk::new();
    desk.serves_honest_clients();
}

#[test]
fn nobody_is_asked_before_those_on_the_bus_have_agreed() {
    let desk = Desk::new();
    let app = desk.client("editor");
    let on_bus = desk.client_on_bus(Manner::Silent);
    let log_off = desk.log_off();
    on_bus.wait_for("QueryEndSession", LIMIT);
    // What it is asked here it is asked before the log-off, were it asked at once.
    app.order("request Local");
    app.hears("save Local None");
    app.order("done yes");
    app.hears("complete");
    on_bus.answer(true, "");
    app.hears(QUERY);
    app.order("done yes");
    desk.lets_go(&app);
    has_ended(&log_off, "The session has ended.");
    on_bus.wait_until_left(LIMIT);
}

#[test]
fn a_refusal_on_the_bus_leaves_clients_unasked() {
    let desk = Desk::new();
    let app = desk.client("editor");
    let refusing = desk.client_on_bus(Manner::Refuse("not now".into()));
    let done = desk.endsession(&["logoff", "--no-dialog"]);
    assert_eq!(done.code(), Some(1), "{done:?}");
    drop(refusing);
    let _log_off = desk.log_off();
    // The first that it hears is of the second log-off, and there is no word of a cancelled one.
    app.hears(QUERY);
}

#[test]
fn a_failed_save_is_no_refusal() {
    let desk = Desk::new();
    let app = desk.client("editor");
    let log_off = desk.log_off();
    app.hears(QUERY);
    app.order("done no");
    desk.lets_go(&app);
    has_ended(&log_off, "The session has ended.");
}

#[test]
fn nobody_is_told_to_end_before_all_have_agreed() {
    let desk = Desk::new();
    let (quick, slow) = (desk.client("quick"), desk.client("slow"));
    let watcher = desk.watcher();
    let log_off = desk.log_off();
    quick.hears(QUERY);
    slow.hears(QUERY);
    quick.order("done yes");
    watcher.hears_event(&[("event", "answered".into()), ("name", "quick".into())]);
    assert_eq!(desk.status()["request"]["phase"], "asking");
    slow.order("done yes");
    desk.lets_go(&quick);
    desk.lets_go(&slow);
    has_ended(&log_off, "The session has ended.");
}

#[test]
fn one_application_at_a_time_talks_to_its_user_in_the_order_of_asking() {
    let desk = Desk::new();
    let apps = ["one", "two", "three"].map(|name| desk.client(name));
    let watcher = desk.watcher();
    let log_off = desk.log_off();
    for (app, name) in apps.iter().zip(["one", "two", "three"]) {
        app.hears(QUERY);
        app.order("interact-request");
        watcher.hears_event(&[
            ("event", "answered".into()),
            ("name", name.into()),
            ("answer", "wants-user".into()),
        ]);
    }
    for (app, name) in apps.iter().zip(["one", "two", "three"]) {
        app.hears("interact");
        watcher.hears_event(&[("name", name.into()), ("answer", "asking-user".into())]);
        let votes = |s: &serde_json::Value| {
            let apps = s["applications"].as_array().unwrap();
            let asking = apps.iter().filter(|a| a["votes"][0] == "asking-user");
            asking
                .map(|a| a["name"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(votes(&desk.status()), [name]);
        app.order("interact-done go-on");
        app.order("done yes");
    }
    apps.iter().for_each(|app| desk.lets_go(app));
    has_ended(&log_off, "The session has ended.");
}

#[test]
fn who_crashes_while_talking_to_its_user_gives_its_turn_away() {
    let desk = Desk::new();
    let (first, second) = (desk.client("first"), desk.client("second"));
    let log_off = desk.log_off();
    first.hears(QUERY);
    second.hears(QUERY);
    first.order("interact-request");
    first.hears("interact");
    second.order("interact-request");
    first.order("exit");
    second.hears("interact");
    second.order("interact-done go-on");
    second.order("done yes");
    desk.lets_go(&second);
    has_ended(&log_off, "The session has ended.");
}

#[test]
fn an_open_dialog_has_no_deadline_and_is_told() {
    let desk = Desk::with("slow = \"100ms\"\nnot-responding = \"200ms\"");
    let (asking, slow) = (desk.client("asking"), desk.client("slow"));
    let watcher = desk.watcher();
    let log_off = desk.log_off();
    asking.hears(QUERY);
    slow.hears(QUERY);
    asking.order("interact-request");
    asking.hears("interact");
    let told = format!("asking (pid {}) is asking the user", asking.pid());
    log_off.stderr().wait_for(&told, LIMIT);
    // Its deadline came; that of the other would have come before.
    watcher.hears_event(&[("event", "slow".into()), ("name", "slow".into())]);
    let late = watcher.events();
    let late = late
        .iter()
        .filter(|e| e["event"] == "slow" && e["name"] == "asking");
    assert_eq!(late.count(), 0);
    slow.order("done yes");
    asking.order("interact-done go-on");
    asking.order("done yes");
    desk.lets_go(&slow);
    desk.lets_go(&asking);
    has_ended(&log_off, "The session has ended.");
}

#[test]
fn the_last_word_comes_when_all_others_have_answered() {
    let desk = Desk::new();
    let apps = ["first", "second", "last"].map(|name| desk.client(name));
    let [first, second, last] = &apps;
    let watcher = desk.watcher();
    let log_off = desk.log_off();
    apps.iter().for_each(|app| drop(app.hears(QUERY)));
    last.order("phase-2");
    watcher.hears_event(&[("name", "last".into()), ("answer", "wants-last".into())]);
    first.order("done yes");
    watcher.hears_event(&[("name", "first".into()), ("answer", "accept".into())]);
    // An application with an open dialog has not answered.
    second.order("interact-request");
    second.hears("interact");
    assert_eq!(desk.status()["request"]["phase"], "asking");
    second.order("interact-done go-on");
    second.order("done yes");
    last.hears("phase 2");
    last.order("done yes");
    apps.iter().for_each(|app| desk.lets_go(app));
    has_ended(&log_off, "The session has ended.");
    let accepted = watcher.events();
    let accepted = accepted.iter().filter(|e| e["answer"] == "accept");
    let names: Vec<_> = accepted.map(|e| e["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["first", "second", "last"]);
}

#[test]
fn all_who_want_the_last_word_have_it_together() {
    let desk = Desk::new();
    let (one, two) = (desk.client("one"), desk.client("two"));
    let log_off = desk.log_off();
    for app in [&one, &two] {
        app.hears(QUERY);
        app.order("phase-2");
    }
    for app in [&one, &two] {
        app.hears("phase 2");
    }
    for app in [&one, &two] {
        app.order("done yes");
    }
    for app in [&one, &two] {
        desk.lets_go(app);
    }
    has_ended(&log_off, "The session has ended.");
}

#[test]
fn an_application_may_ask_for_the_log_off() {
    let desk = Desk::new();
    let (asks, other) = (desk.client("asks"), desk.client("other"));
    asks.order("request shutdown Any global");
    for app in [&asks, &other] {
        app.hears(QUERY);
        app.order("done yes");
    }
    desk.lets_go(&other);
    desk.lets_go(&asks);
    desk.ends_in_order();
}

#[test]
fn a_checkpoint_of_all_saves_all_and_ends_nobody() {
    let desk = Desk::new();
    let (asks, other) = (desk.client("asks"), desk.client("other"));
    asks.order("request global");
    for app in [&asks, &other] {
        app.hears("save Both None");
        app.order("done yes");
        app.hears("complete");
    }
    assert_eq!(desk.status()["request"], serde_json::Value::Null);
    let _log_off = desk.log_off();
    other.hears(QUERY);
}

#[test]
fn a_checkpoint_of_one_is_its_own_alone() {
    let desk = Desk::new();
    let (asks, other) = (desk.client("asks"), desk.client("other"));
    // Of this one alone nothing is ended, whatever it says.
    asks.order("request shutdown Any");
    asks.hears("save Both Any");
    asks.order("interact-request");
    asks.hears("interact");
    asks.order("interact-done go-on");
    asks.order("done yes");
    asks.hears("complete");
    let _log_off = desk.log_off();
    asks.hears(QUERY);
    other.hears(QUERY);
}

#[test]
fn force_saves_without_interaction_and_ends_all() {
    let desk = Desk::new();
    let (idle, asking) = (desk.client("idle"), desk.client("asking"));
    let _log_off = desk.log_off();
    for app in [&idle, &asking] {
        app.hears(QUERY);
    }
    asking.order("interact-request");
    asking.hears("interact");
    idle.order("done yes");
    let force = desk.start(&["logoff", "--force"]);
    desk.lets_go(&asking);
    idle.hears("die");
    idle.order("exit");
    assert_eq!(
        force.wait_exit(LIMIT).code(),
        Some(0),
        "{}",
        force.stderr_so_far()
    );
    desk.ends_in_order();
}

#[test]
fn force_from_the_beginning_asks_for_a_fast_save() {
    let desk = Desk::new();
    let app = desk.client("editor");
    let force = desk.start(&["logoff", "--force"]);
    app.hears(LAST_SAVE);
    // It may not talk to its user now.
    app.order("interact-request");
    app.hears("cannot interact-request");
    app.order("done yes");
    desk.lets_go(&app);
    has_ended(&force, "The session has ended.");
    desk.ends_in_order();
}

#[test]
fn sigterm_to_the_manager_saves_fast_and_ends_all_in_time() {
    let desk = Desk::with("imposed = \"10s\"");
    let (saves, asking) = (desk.client("saves"), desk.client("asking"));
    let _log_off = desk.log_off();
    for app in [&saves, &asking] {
        app.hears(QUERY);
    }
    asking.order("interact-request");
    asking.hears("interact");
    desk.run.terminate();
    saves.order("done yes");
    desk.lets_go(&saves);
    desk.lets_go(&asking);
    desk.ends_in_order();
}

#[test]
fn sigterm_to_an_idle_manager_asks_for_a_fast_save() {
    let desk = Desk::with("imposed = \"10s\"");
    let app = desk.client("editor");
    desk.run.terminate();
    app.hears(LAST_SAVE);
    app.order("done yes");
    desk.lets_go(&app);
    desk.ends_in_order();
}

#[test]
fn who_does_not_save_in_time_goes_with_an_imposed_end() {
    let desk = Desk::with("imposed = \"500ms\"");
    let app = desk.stubborn_app("stubborn");
    crate::desk::register(&app);
    desk.run.terminate();
    app.hears(LAST_SAVE);
    desk.ends_in_order();
    app.ends();
}

//! org.gnome.SessionManager as clients of it see a log-off: who is asked, told and spared, and what
//! each answer leads to. On dbus-daemon and on dbus-broker.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod support;

use endsession_testkit::gnome_client::Manner;
use support::raw::{MANAGER, MANAGER_PATH, OWN_CLIENT, PRIVATE, refusal};
use support::{LIMIT, On, Session, on_both_buses, run, wait_for_status};
use zbus::Variant;

const QUERY: &str = "QueryEndSession";
const END: &str = "EndSession";
const CANCEL: &str = "CancelEndSession";

fn refuse(reason: &str) -> Manner {
    Manner::Refuse(reason.to_owned())
}

on_both_buses!(
    only_the_client_that_is_meant_hears_its_signals,
    everybody_agrees_and_everybody_is_told_to_end,
    a_broadcast_says_that_the_session_is_over,
    logout_0_asks_the_user_first,
    logout_1_asks_the_clients_at_once,
    logout_2_asks_nobody,
    logout_with_another_mode_is_an_invalid_option,
    a_client_that_has_answered_its_end_is_told_to_stop,
    a_client_that_crashes_in_the_query_has_agreed,
    a_client_that_leaves_after_its_yes_is_not_waited_for,
    a_client_that_unregisters_in_the_query_has_agreed,
    a_client_that_registers_during_the_query_is_asked_at_once,
    a_client_that_missed_its_query_on_arrival_is_asked_once_more,
    a_client_that_missed_a_cancelled_query_is_understood_in_the_next,
    a_client_that_registers_while_the_user_confirms_is_asked_with_the_rest,
    an_inhibitor_taken_inside_the_query_blocks_although_the_client_agrees,
    a_refusal_whose_inhibitor_is_released_is_asked_again,
    an_inhibitor_blocks_without_any_client,
    an_inhibitor_whose_holder_leaves_blocks_no_more,
    a_logout_while_one_is_under_way_joins_it,
    force_overrides_the_refusal_that_blocks,
    asking_the_user_stops_the_clients_deadline,
    the_users_no_in_an_application_cancels,
    an_applications_own_no_blocks,
    nobody_registers_while_the_session_ends,
    power_is_honest,
    a_query_can_follow_a_cancelled_one,
);

fn only_the_client_that_is_meant_hears_its_signals(on: On) {
    let session = Session::on(on);
    let bystander = session.raw();
    bystander.listen("type='signal'");
    let agreeing = session.client("agreeing", Manner::Agree);
    let refusing = session.client("refusing", refuse("not now"));
    let raw = session.watcher();
    raw.request(&[]).unwrap();
    raw.hears_event(&[("event", "blocked".into()), ("reason", "not now".into())]);
    assert!(raw.cancel().unwrap());
    for client in [&agreeing, &refusing] {
        client.wait_for(CANCEL, LIMIT);
        assert_eq!(client.members(), [QUERY, CANCEL]);
        for seen in client.seen() {
            assert_eq!(
                seen.destination.as_deref(),
                Some(client.unique_name()),
                "{seen:?}"
            );
            assert_eq!(
                (seen.path.as_str(), seen.flags),
                (client.path(), 0),
                "{seen:?}"
            );
        }
    }
    // What was sent before this broadcast would have come before it.
    let last = session.client("last", Manner::Agree);
    bystander.hears("the last ClientAdded", |m| {
        let path: String = m
            .body()
            .deserialize::<zbus::ObjectPath<'_>>()
            .ok()?
            .to_string();
        (path == last.path()).then_some(())
    });
    let interfaces: Vec<String> = bystander
        .heard()
        .iter()
        .filter_map(|m| Some(m.header().interface()?.to_string()))
        .collect();
    assert!(!interfaces.iter().any(|i| i == PRIVATE), "{interfaces:?}");
}

fn everybody_agrees_and_everybody_is_told_to_end(on: On) {
    let session = Session::on(on);
    let clients = [
        session.client("one", Manner::Agree),
        session.client("two", Manner::Twice),
    ];
    session.raw().request(&[]).unwrap();
    for client in &clients {
        client.wait_until_left(LIMIT);
        assert_eq!(client.members(), [QUERY, END]);
        assert_eq!(client.seen()[1].flags, 0);
    }
    session.ends_in_order();
}

/// at-spi-bus-launcher answers EndSession and waits for Stop, as gnome-session sends it.
fn a_client_that_has_answered_its_end_is_told_to_stop(on: On) {
    let session = Session::on(on);
    let client = session.client("launcher", Manner::Stay);
    session.raw().request(&[]).unwrap();
    client.wait_for("EndSession", LIMIT);
    client.answer(true, "");
    client.wait_for("Stop", LIMIT);
    assert_eq!(client.members(), [QUERY, "EndSession", "Stop"]);
    client.leave();
    session.ends_in_order();
}

fn a_broadcast_says_that_the_session_is_over(on: On) {
    let session = Session::on(on);
    let raw = session.raw();
    raw.listen(&format!("type='signal',interface='{MANAGER}'"));
    raw.request(&[]).unwrap();
    let over = raw.hears_signal("SessionOver", 1);
    assert_eq!(over.header().path().unwrap().as_str(), MANAGER_PATH);
    session.ends_in_order();
}

fn logout_0_asks_the_user_first(on: On) {
    let session = Session::on(on);
    let client = session.client("editor", Manner::Agree);
    let raw = session.watcher();
    raw.gnome("Logout", &0_u32).unwrap();
    raw.hears_event(&[("event", "phase".into()), ("phase", "confirming".into())]);
    assert_eq!(client.members(), [""; 0]);
    raw.choose("confirm", "").unwrap();
    client.wait_until_left(LIMIT);
    assert_eq!(client.members(), [QUERY, END]);
    session.ends_in_order();
}

fn logout_1_asks_the_clients_at_once(on: On) {
    let session = Session::on(on);
    let client = session.client("editor", Manner::Agree);
    session.raw().gnome("Logout", &1_u32).unwrap();
    client.wait_until_left(LIMIT);
    assert_eq!(client.members(), [QUERY, END]);
    session.ends_in_order();
}

fn logout_2_asks_nobody(on: On) {
    let session = Session::on(on);
    let client = session.client("editor", refuse("never"));
    session.raw().gnome("Logout", &2_u32).unwrap();
    client.wait_until_left(LIMIT);
    assert_eq!(client.members(), [END]);
    assert_eq!(client.seen()[0].flags, 1, "forceful");
    session.ends_in_order();
}

fn logout_with_another_mode_is_an_invalid_option(on: On) {
    let session = Session::on(on);
    let client = session.client("editor", Manner::Agree);
    let raw = session.raw();
    assert_eq!(refusal(raw.gnome("Logout", &3_u32)), "InvalidOption");
    assert_eq!(refusal(raw.gnome("Logout", &u32::MAX)), "InvalidOption");
    assert_eq!(raw.status()["request"], serde_json::Value::Null);
    assert_eq!(client.members(), [""; 0]);
}

fn a_client_that_crashes_in_the_query_has_agreed(on: On) {
    let session = Session::on(on);
    let crashing = session.client("crashing", Manner::Crash);
    let agreeing = session.client("agreeing", Manner::Agree);
    session
        .raw()
        .request(&[("unattended", Variant::from(true))])
        .unwrap();
    crashing.wait_until_left(LIMIT);
    agreeing.wait_for(END, LIMIT);
    session.ends_in_order();
}

fn a_client_that_leaves_after_its_yes_is_not_waited_for(on: On) {
    let session = Session::on(on);
    let early = session.client("early", Manner::LeaveEarly);
    session
        .raw()
        .request(&[("unattended", Variant::from(true))])
        .unwrap();
    early.wait_until_left(LIMIT);
    session.ends_in_order();
    assert_eq!(early.members(), [QUERY]);
}

fn a_client_that_unregisters_in_the_query_has_agreed(on: On) {
    let session = Session::on(on);
    let client = session.client("shy", Manner::Silent);
    session.raw().request(&[]).unwrap();
    client.wait_for(QUERY, LIMIT);
    client.unregister();
    session.ends_in_order();
    assert_eq!(client.members(), [QUERY]);
}

fn a_client_that_registers_during_the_query_is_asked_at_once(on: On) {
    let session = Session::on(on);
    let first = session.client("first", Manner::Silent);
    session.raw().request(&[]).unwrap();
    first.wait_for(QUERY, LIMIT);
    let late = session.client("late", Manner::Agree);
    late.wait_for(QUERY, LIMIT);
    assert_eq!(
        first.members(),
        [QUERY],
        "nobody is ended before all have agreed"
    );
    first.answer(true, "");
    late.wait_until_left(LIMIT);
    session.ends_in_order();
    assert_eq!(late.members(), [QUERY, END]);
}

/// A client learns where to listen from the reply to its registration, and the query comes right
/// after that: at-spi-registryd misses it.
fn a_client_that_missed_its_query_on_arrival_is_asked_once_more(on: On) {
    let session = Session::with(on, "slow = \"200ms\"", &support::IDLE);
    let first = session.client("first", Manner::Silent);
    let raw = session.watcher();
    raw.request(&[]).unwrap();
    first.wait_for(QUERY, LIMIT);
    first.answer(false, "not now");
    raw.cancel().unwrap();
    first.wait_for("CancelEndSession", LIMIT);
    raw.request(&[]).unwrap();
    first.wait_for_nth(QUERY, 2, LIMIT);
    let late = session.raw();
    late.register("late", "").unwrap();
    late.hears_signal(QUERY, 2);
    raw.hears_event(&[("event", "slow".into()), ("name", "first".into())]);
    let queries = first.members().iter().filter(|m| *m == QUERY).count();
    assert_eq!(queries, 2, "it listens, and was asked once in each request");
    raw.cancel().unwrap();
    late.hears_signal("CancelEndSession", 1);
}

/// The answer to the next query is not taken for a late one to the query that it missed.
fn a_client_that_missed_a_cancelled_query_is_understood_in_the_next(on: On) {
    let session = Session::on(on);
    let first = session.client("first", Manner::Silent);
    let raw = session.watcher();
    raw.request(&[]).unwrap();
    first.wait_for(QUERY, LIMIT);
    let late = session.raw();
    let client = late.register("late", "").unwrap();
    late.hears_signal(QUERY, 1);
    // As far as anybody can tell it was not listening yet.
    raw.cancel().unwrap();
    late.hears_signal("CancelEndSession", 1);
    first.leave();
    raw.request(&[]).unwrap();
    late.hears_signal(QUERY, 3);
    for _ in 0..2 {
        late.call(&client, PRIVATE, "EndSessionResponse", &(true, ""))
            .unwrap();
    }
    late.hears_signal(END, 1);
}

fn a_client_that_registers_while_the_user_confirms_is_asked_with_the_rest(on: On) {
    let session = Session::on(on);
    let raw = session.raw();
    raw.request(&[("confirm", Variant::from(true))]).unwrap();
    let late = session.client("late", Manner::Agree);
    assert_eq!(raw.status()["request"]["phase"], "confirming");
    assert_eq!(late.members(), [""; 0]);
    raw.choose("confirm", "").unwrap();
    late.wait_until_left(LIMIT);
    session.ends_in_order();
}

/// GTK's way to refuse: it says yes, and takes an inhibitor just before.
fn an_inhibitor_taken_inside_the_query_blocks_although_the_client_agrees(on: On) {
    let session = Session::on(on);
    let client = session.client("gedit", Manner::Silent);
    let raw = session.watcher();
    raw.request(&[]).unwrap();
    client.wait_for(QUERY, LIMIT);
    let cookie = client.inhibit("There are unsaved documents", 1);
    client.answer(true, "");
    let blocked = raw.hears_event(&[("event", "blocked".into())]);
    assert_eq!(blocked["kind"], "inhibitor");
    assert_eq!(blocked["reason"], "There are unsaved documents");
    raw.hears_event(&[("event", "answered".into()), ("answer", "accept".into())]);
    assert_eq!(raw.status()["request"]["phase"], "asking");
    assert_eq!(client.members(), [QUERY]);
    // Saved: the log-off goes on by itself, and the yes stands.
    client.uninhibit(cookie);
    client.wait_until_left(LIMIT);
    assert_eq!(client.members(), [QUERY, END]);
    session.ends_in_order();
}

fn a_refusal_whose_inhibitor_is_released_is_asked_again(on: On) {
    let session = Session::on(on);
    let client = session.client("editor", Manner::Silent);
    let raw = session.watcher();
    raw.request(&[]).unwrap();
    client.wait_for(QUERY, LIMIT);
    let cookie = client.inhibit("unsaved", 1);
    client.answer(false, "two files are not saved");
    raw.hears_event(&[("event", "blocked".into()), ("kind", "refused".into())]);
    client.uninhibit(cookie);
    client.wait_for_nth(QUERY, 2, LIMIT);
    assert_eq!(client.members(), [QUERY, CANCEL, QUERY]);
    client.answer(true, "");
    client.wait_until_left(LIMIT);
    assert_eq!(client.members(), [QUERY, CANCEL, QUERY, END]);
    session.ends_in_order();
}

fn an_inhibitor_blocks_without_any_client(on: On) {
    let session = Session::on(on);
    let holder = session.raw();
    let cookie = holder
        .inhibit("org.example.Burner", "a disc is being burnt", 1)
        .unwrap();
    let raw = session.watcher();
    raw.request(&[]).unwrap();
    let blocked = raw.hears_event(&[("event", "blocked".into())]);
    assert_eq!(blocked["name"], "org.example.Burner");
    assert_eq!(blocked["pid"], std::process::id());
    // Released by itself, as when the disc is done.
    holder.gnome("Uninhibit", &cookie).unwrap();
    session.ends_in_order();
}

fn an_inhibitor_whose_holder_leaves_blocks_no_more(on: On) {
    let session = Session::on(on);
    let holder = session.raw();
    holder
        .inhibit("org.example.Burner", "a disc is being burnt", 1)
        .unwrap();
    let raw = session.watcher();
    raw.request(&[]).unwrap();
    raw.hears_event(&[("event", "blocked".into())]);
    drop(holder);
    session.ends_in_order();
}

fn a_logout_while_one_is_under_way_joins_it(on: On) {
    let session = Session::on(on);
    let client = session.client("editor", refuse("not saved"));
    let (first, second) = (session.watcher(), session.watcher());
    let (number, joined) = first.request(&[]).unwrap();
    assert!(!joined);
    first.hears_event(&[("event", "blocked".into())]);
    assert_eq!(second.request(&[]).unwrap(), (number, true));
    second.gnome("Logout", &1_u32).unwrap();
    assert!(second.cancel().unwrap());
    let outcome = first.hears_outcome();
    assert_eq!(outcome, second.hears_outcome());
    assert_eq!(
        (&outcome["outcome"], &outcome["request"]),
        (&"cancelled".into(), &number.into())
    );
    client.wait_for(CANCEL, LIMIT);
    assert_eq!(client.members(), [QUERY, CANCEL]);
    // Each request has a number of its own.
    assert_eq!(second.request(&[]).unwrap(), (number + 1, false));
}

fn force_overrides_the_refusal_that_blocks(on: On) {
    let session = Session::on(on);
    let client = session.client("editor", refuse("not saved"));
    let raw = session.watcher();
    let (number, _) = raw.request(&[]).unwrap();
    raw.hears_event(&[("event", "blocked".into())]);
    assert_eq!(
        raw.request(&[("force", Variant::from("now"))]).unwrap(),
        (number, true)
    );
    client.wait_until_left(LIMIT);
    assert_eq!(client.members(), [QUERY, END]);
    assert_eq!(client.seen()[1].flags, 1, "forceful");
    let outcome = raw.hears_outcome();
    assert_eq!(outcome["outcome"], "over");
    assert_eq!(outcome["overridden"], serde_json::json!(["editor"]));
    session.ends_in_order();
}

fn asking_the_user_stops_the_clients_deadline(on: On) {
    // The player hangs in its query: when it is shown as slow, so would be whoever was asked with it.
    let session = Session::with(
        on,
        "slow = \"1s\"",
        &[
            "sh",
            "-c",
            "endsession demo-app player & exec sleep infinity",
        ],
    );
    let raw = session.watcher();
    let editor = raw.register("editor", "").unwrap();
    wait_for_status(&session, |s| {
        s["applications"].as_array().unwrap().len() == 2
    });
    raw.request(&[]).unwrap();
    raw.hears_signal(QUERY, 1);
    raw.call(&editor, OWN_CLIENT, "AskingUser", &()).unwrap();
    let slow = raw.hears_event(&[("event", "slow".into())]);
    assert_eq!(slow["name"], "player");
    let own: Vec<_> = raw
        .events()
        .into_iter()
        .filter(|e| e["pid"] == std::process::id())
        .collect();
    let events: Vec<_> = own
        .iter()
        .map(|e| (e["event"].as_str().unwrap(), e["answer"].as_str()))
        .collect();
    assert_eq!(events, [("asked", None), ("answered", Some("asking-user"))]);
    // A yes of the user's is a yes.
    raw.call(&editor, OWN_CLIENT, "Answer", &(true, true, ""))
        .unwrap();
    raw.hears_event(&[("event", "answered".into()), ("answer", "accept".into())]);
}

fn the_users_no_in_an_application_cancels(on: On) {
    let session = Session::on(on);
    let raw = session.watcher();
    let editor = raw.register("editor", "").unwrap();
    let other = session.client("clock", Manner::Agree);
    raw.request(&[]).unwrap();
    raw.hears_signal(QUERY, 1);
    raw.call(&editor, OWN_CLIENT, "AskingUser", &()).unwrap();
    raw.call(
        &editor,
        OWN_CLIENT,
        "Answer",
        &(false, true, "the user keeps the session"),
    )
    .unwrap();
    let outcome = raw.hears_outcome();
    assert_eq!(outcome["outcome"], "cancelled");
    assert_eq!(outcome["by"], "application");
    assert_eq!(outcome["why"], "editor: the user keeps the session");
    raw.hears_signal(CANCEL, 1);
    other.wait_for(CANCEL, LIMIT);
    assert_eq!(raw.status()["request"], serde_json::Value::Null);
}

fn an_applications_own_no_blocks(on: On) {
    let session = Session::on(on);
    let raw = session.watcher();
    let editor = raw.register("editor", "").unwrap();
    raw.request(&[]).unwrap();
    raw.hears_signal(QUERY, 1);
    raw.call(&editor, OWN_CLIENT, "Answer", &(false, false, "printing"))
        .unwrap();
    let blocked = raw.hears_event(&[("event", "blocked".into())]);
    assert_eq!(
        (&blocked["kind"], &blocked["reason"]),
        (&"refused".into(), &"printing".into())
    );
    assert_eq!(raw.status()["request"]["phase"], "asking");
}

fn nobody_registers_while_the_session_ends(on: On) {
    // What ignores SIGTERM keeps the session in its last phase until it is killed.
    let session = Session::with(
        on,
        "",
        &["sh", "-c", "trap '' TERM; echo $$; exec sleep infinity"],
    );
    let pid = session.run.wait_for_line("", LIMIT);
    let raw = session.watcher();
    raw.request(&[]).unwrap();
    raw.hears_event(&[("event", "phase".into()), ("phase", "ending".into())]);
    assert_eq!(refusal(raw.register("late", "")), "NotInRunning");
    assert!(
        !raw.gnome("IsSessionRunning", &())
            .unwrap()
            .body()
            .deserialize::<bool>()
            .unwrap()
    );
    assert_eq!(refusal(raw.choose("cancel", "")), "TooLate");
    // A request now joins the one that nothing can stop.
    assert!(raw.request(&[]).unwrap().1);
    assert_eq!(
        run(&session.sandbox, &["kill", "-KILL", &pid]).code(),
        Some(0)
    );
    session.ends_in_order();
}

fn power_is_honest(on: On) {
    let session = Session::on(on);
    let raw = session.raw();
    for method in ["CanShutdown", "CanRebootToFirmwareSetup"] {
        assert!(
            !raw.gnome(method, &())
                .unwrap()
                .body()
                .deserialize::<bool>()
                .unwrap(),
            "{method}"
        );
    }
    for method in [
        "Shutdown",
        "Reboot",
        "RequestShutdown",
        "RequestReboot",
        "Suspend",
    ] {
        assert_eq!(refusal(raw.gnome(method, &())), "GeneralError", "{method}");
    }
    for kind in ["poweroff", "restart"] {
        let options = std::collections::HashMap::<&str, Variant<'_>>::new();
        assert_eq!(
            refusal(raw.control("Request", &(kind, options))),
            "Unsupported"
        );
    }
    assert_eq!(raw.status()["request"], serde_json::Value::Null);
}

fn a_query_can_follow_a_cancelled_one(on: On) {
    let session = Session::on(on);
    let client = session.client("editor", Manner::Silent);
    let raw = session.watcher();
    for round in 1..=2 {
        raw.request(&[]).unwrap();
        client.wait_for_nth(QUERY, round, LIMIT);
        raw.cancel().unwrap();
        client.wait_for_nth(CANCEL, round, LIMIT);
    }
    raw.request(&[]).unwrap();
    client.wait_for_nth(QUERY, 3, LIMIT);
    // The yes to a cancelled query, given late, is none to this one.
    for _ in 0..2 {
        client.answer(true, "");
    }
    assert_eq!(raw.status()["request"]["phase"], "asking");
    client.answer(true, "");
    client.wait_until_left(LIMIT);
    session.ends_in_order();
}

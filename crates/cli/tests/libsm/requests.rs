//! SaveYourselfRequest in all its forms, and the saves that follow: of one client, of all, and the
//! log-off.

use endsession_testkit::xsmp::LibSmClient;
use serde_json::{Value, json};

use crate::desk::{Desk, ends, is_asked, save};
use crate::support::LIMIT;

const KINDS: [&str; 3] = ["local", "global", "both"];
const STYLES: [&str; 3] = ["none", "errors", "any"];

/// Asks for `of` what the SaveYourself `wanted` says.
fn request(client: &LibSmClient, wanted: &Value, of: &str) {
    let mut order = wanted.clone();
    order["do"] = "request".into();
    order["global"] = (of == "all").into();
    client.send(&order);
    client.wait_for("did", LIMIT);
}

/// Is asked this, and saves.
#[track_caller]
fn saves(client: &LibSmClient, wanted: &Value) {
    assert_eq!(client.wait_for("save-yourself", LIMIT), *wanted);
    client.done(true);
    client.wait_for("save-complete", LIMIT);
}

#[test]
fn a_client_is_saved_alone_in_every_form_that_it_asks_for() {
    let desk = Desk::new();
    let [client, other] = &desk.clients();
    for kind in KINDS {
        for style in STYLES {
            for fast in [false, true] {
                let wanted = save(kind, false, style, fast);
                request(client, &wanted, "itself");
                saves(client, &wanted);
            }
        }
    }
    // Nobody's word ends a client, not even its own.
    request(client, &save("both", true, "any", false), "itself");
    saves(client, &save("both", false, "any", false));
    other.ping();
    // Its first save alone.
    assert_eq!(crate::desk::heard(other).len(), 2);
    assert_eq!(desk.status()["request"], Value::Null);
    desk.nobody_complained(&[client, other]);
}

#[test]
fn all_are_saved_in_every_form_that_one_asks_for() {
    let desk = Desk::new();
    let [client, other] = &desk.clients();
    for (kind, style) in KINDS.into_iter().zip(STYLES) {
        for fast in [false, true] {
            let wanted = save(kind, false, style, fast);
            request(client, &wanted, "all");
            saves(client, &wanted);
            saves(other, &wanted);
        }
    }
    assert_eq!(desk.status()["request"], Value::Null);
    desk.nobody_complained(&[client, other]);
}

#[test]
fn a_request_right_after_registering_waits_for_the_first_save() {
    let desk = Desk::new();
    let client = LibSmClient::start(&desk.sandbox);
    client.open(None);
    client.wait_for("save-yourself", LIMIT);
    let wanted = save("both", false, "any", true);
    request(&client, &wanted, "itself");
    client.ping();
    client.done(true);
    client.wait_for("save-complete", LIMIT);
    saves(&client, &wanted);
    desk.nobody_complained(&[&client]);
}

#[test]
fn a_client_talks_to_its_user_and_has_a_second_phase_also_in_a_save_of_its_own() {
    let desk = Desk::new();
    let client = desk.client();
    for (style, error) in [("any", false), ("any", true), ("errors", true)] {
        let wanted = save("global", false, style, false);
        request(&client, &wanted, "itself");
        assert_eq!(client.wait_for("save-yourself", LIMIT), wanted);
        client.interact(error);
        client.wait_for("interact", LIMIT);
        client.interact_done(false);
        client.request_phase2();
        client.wait_for("phase2", LIMIT);
        client.done(true);
        client.wait_for("save-complete", LIMIT);
    }
    desk.nobody_complained(&[&client]);
}

#[test]
fn a_log_off_is_one_in_whatever_form_a_client_asks_for_it() {
    let desk = Desk::new();
    let [asks, other] = &desk.clients();
    let raw = desk.watcher();
    for (kind, style) in KINDS.into_iter().zip(STYLES) {
        raw.forget();
        request(asks, &save(kind, true, style, kind == "both"), "all");
        is_asked(asks);
        is_asked(other);
        assert!(raw.cancel().unwrap());
        for client in [asks, other] {
            client.wait_for("shutdown-cancelled", LIMIT);
            client.done(true);
        }
        assert_eq!(raw.hears_outcome()["outcome"], json!("cancelled"));
    }
    asks.request_log_off();
    for client in [asks, other] {
        is_asked(client);
        client.done(true);
    }
    ends(other);
    ends(asks);
    desk.ends_in_order();
    desk.nobody_complained(&[asks, other]);
}

//! Error and Ping: what libSM lets an application say out of place, the manager answers, and both
//! go on.

use endsession_testkit::xsmp::{LibSmClient, Property};
use serde_json::{Value, json};

use crate::desk::{Desk, ends, is_asked, save};
use crate::support::LIMIT;

/// The classes of errors (ice.xml, "Generic Error Classes").
const BAD_STATE: u16 = 0x8001;
const BAD_VALUE: u16 = 0x8003;

/// libSM's error handler is told, of the message with this minor opcode; the client lives on.
#[track_caller]
fn is_told(client: &LibSmClient, opcode: u8, class: u16) {
    let error = client.wait_for("sm-error", LIMIT);
    let told = ["opcode", "kind", "severity"].map(|field| error[field].clone());
    assert_eq!(told, [json!(opcode), json!(class), json!(0)]);
    client.ping();
}

/// Says something that has no place.
#[track_caller]
fn errs(client: &LibSmClient, order: &Value, opcode: u8) {
    client.send(order);
    is_told(client, opcode, BAD_STATE);
}

#[test]
fn what_has_no_place_is_answered_and_the_client_lives_on() {
    let desk = Desk::new();
    let client = desk.client();
    let interact = json!({"do": "interact", "dialog": "normal"});
    let interact_done = json!({"do": "interact-done", "cancel": false});
    let phase2 = json!({"do": "phase2"});
    let done = json!({"do": "done", "success": true});
    let cancel = json!({"do": "interact-done", "cancel": true});
    // Nothing is under way.
    errs(&client, &interact, 5);
    errs(&client, &interact_done, 7);
    errs(&client, &done, 8);
    errs(&client, &phase2, 16);
    // A save in which it may talk of errors alone.
    let wanted = save("local", false, "errors", false);
    let mut request = wanted.clone();
    request["do"] = "request".into();
    request["global"] = false.into();
    client.send(&request);
    client.wait_for("save-yourself", LIMIT);
    errs(&client, &interact, 5);
    errs(&client, &interact_done, 7);
    client.interact(true);
    client.wait_for("interact", LIMIT);
    // There is no shutdown that it could cancel.
    errs(&client, &cancel, 7);
    client.done(true);
    client.wait_for("save-complete", LIMIT);
    errs(&client, &done, 8);

    let raw = desk.watcher();
    raw.request(&[]).unwrap();
    is_asked(&client);
    client.done(true);
    ends(&client);
    desk.ends_in_order();
}

#[test]
fn a_property_that_is_too_much_is_refused_and_the_client_lives_on() {
    let desk = Desk::new();
    let client = desk.client();
    let program = [Property::new("Program", "ARRAY8", &["probe"])];
    client.set(&program);
    let huge = "x".repeat(130 << 10);
    client.set(&[Property::new("Document", "ARRAY8", &[&huge])]);
    is_told(&client, 12, BAD_VALUE);
    assert_eq!(client.properties(), program);
}

#[test]
fn both_sides_answer_pings() {
    let desk = Desk::new();
    let [client, other] = &desk.clients();
    client.ping();
    let raw = desk.watcher();
    for _ in 0..2 {
        raw.request(&[]).unwrap();
        is_asked(client);
        is_asked(other);
        client.request_phase2();
        client.ping();
        assert!(raw.cancel().unwrap());
        client.wait_for("shutdown-cancelled", LIMIT);
        other.wait_for("shutdown-cancelled", LIMIT);
        other.done(true);
        // The client says nothing of the cancelled save. That it has seen the cancel the manager
        // knows by its answer to a ping alone, and asks it nothing before.
    }
    desk.nobody_complained(&[client, other]);
}

#[test]
fn a_manager_that_is_gone_is_told_to_a_client_that_lives_on() {
    let desk = Desk::new();
    let client = desk.client();
    desk.run.kill();
    client.wait_for("gone", LIMIT);
    assert!(client.process().is_alive());
}

//! RegisterClient and CloseConnection: clients that come, come back and leave.

use endsession_testkit::xsmp::LibSmClient;
use serde_json::json;

use crate::desk::{Desk, ends, heard, initial, is_asked, settle};
use crate::support::{LIMIT, wait_for_status};

#[track_caller]
fn nobody_is_registered(desk: &Desk) {
    wait_for_status(desk, |s| s["applications"] == json!([]));
}

#[test]
fn a_new_client_is_given_an_id_and_saved_once() {
    let desk = Desk::new();
    let client = LibSmClient::start(&desk.sandbox);
    let id = client.open(None);
    let told = client.events().so_far();
    let opened = told.iter().find(|e| e["event"] == "opened").unwrap();
    assert_eq!(opened["vendor"], "endsession");
    assert_eq!(opened["release"], env!("CARGO_PKG_VERSION"));
    assert_eq!(client.wait_for("save-yourself", LIMIT), initial());
    client.done(true);
    client.wait_for("save-complete", LIMIT);
    client.ping();
    assert_eq!(heard(&client), ["save-yourself", "save-complete"]);
    let known = &desk.status()["applications"][0];
    assert_eq!(known["pid"], client.process().pid());
    assert_eq!(known["xsmp"][0]["client_id"], id);
    desk.nobody_complained(&[&client]);
}

#[test]
fn a_client_that_comes_back_has_its_id_and_is_not_saved_again() {
    let desk = Desk::new();
    let client = LibSmClient::start(&desk.sandbox);
    let id = client.open(None);
    settle(&client);
    client.close(&[]);
    nobody_is_registered(&desk);
    assert_eq!(client.open(Some(&id)), id);
    client.ping();
    // Not even a second time, from another process.
    client.exit();
    nobody_is_registered(&desk);
    let again = LibSmClient::start(&desk.sandbox);
    assert_eq!(again.open(Some(&id)), id);
    again.ping();
    assert_eq!(heard(&client), ["save-yourself", "save-complete"]);
    assert_eq!(heard(&again), [""; 0]);
    desk.nobody_complained(&[&client, &again]);
}

#[test]
fn an_id_that_is_unknown_or_in_use_makes_libsm_ask_for_another() {
    let desk = Desk::new();
    let owner = LibSmClient::start(&desk.sandbox);
    let taken = owner.open(None);
    settle(&owner);
    for previous in [&taken, "1nobody-was-ever-given-this", "\u{fc}"] {
        let client = LibSmClient::start(&desk.sandbox);
        let id = client.open(Some(previous));
        assert_ne!(id, previous);
        settle(&client);
        // libSM takes the refusal in by itself.
        desk.nobody_complained(&[&client]);
    }
}

#[test]
fn clients_leave_with_reasons_and_without() {
    let desk = Desk::new();
    let client = LibSmClient::start(&desk.sandbox);
    // libSM writes past its buffer with more than a kilobyte.
    let long = "x".repeat(800);
    for reasons in [&[][..], &["out of memory"], &["", "zu groß", &long]] {
        client.open(None);
        settle(&client);
        client.close(reasons);
        nobody_is_registered(&desk);
    }
    let closed = client.events().so_far();
    let closed = closed.iter().filter(|event| event["event"] == "closed");
    assert!(closed.clone().all(|event| event["status"] == "now"));
    assert_eq!(closed.count(), 3);
    desk.nobody_complained(&[&client]);
}

#[test]
fn who_leaves_or_crashes_when_it_is_asked_counts_as_agreeing() {
    let desk = Desk::new();
    let [leaves, crashes, agrees] = &desk.clients();
    let raw = desk.watcher();
    raw.request(&[]).unwrap();
    for client in [leaves, crashes, agrees] {
        is_asked(client);
    }
    leaves.close(&["nothing to do any more"]);
    leaves.exit();
    crashes.exit();
    agrees.done(true);
    ends(agrees);
    desk.ends_in_order();
    desk.nobody_complained(&[leaves, crashes, agrees]);
}

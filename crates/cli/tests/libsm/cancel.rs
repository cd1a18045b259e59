//! ShutdownCancelled, wherever a client stands.

use endsession_testkit::xsmp::LibSmClient;
use serde_json::json;

use crate::desk::{Desk, ends, heard, is_asked};
use crate::support::LIMIT;

/// All are asked anew, agree and end, and nobody ever made a mistake.
#[track_caller]
fn the_next_log_off_works(desk: &Desk, clients: &[&LibSmClient]) {
    let raw = desk.watcher();
    raw.request(&[]).unwrap();
    for client in clients {
        is_asked(client);
        // libSM still has what it asked for before the cancel in its list.
        client.interact(false);
        client.wait_for("interact", LIMIT);
        client.interact_done(false);
        client.done(true);
    }
    for client in clients {
        ends(client);
    }
    desk.ends_in_order();
    desk.nobody_complained(clients);
}

#[test]
fn a_cancel_reaches_all_wherever_they_stand() {
    let desk = Desk::new();
    let clients: [LibSmClient; 6] = desk.clients();
    let [silent, done, talks, waits, last, forgets] = &clients;
    let raw = desk.watcher();
    raw.request(&[]).unwrap();
    clients.iter().for_each(is_asked);
    done.done(true);
    talks.interact(false);
    talks.wait_for("interact", LIMIT);
    waits.interact(true);
    last.request_phase2();
    forgets.request_phase2();
    // All of it has been heard.
    clients.iter().for_each(LibSmClient::ping);
    assert!(raw.cancel().unwrap());
    for client in &clients {
        client.wait_for("shutdown-cancelled", LIMIT);
    }
    // What they owe, some with what they had begun. One never says it, as Qt in its second phase.
    silent.done(true);
    talks.interact_done(true);
    talks.done(true);
    waits.done(false);
    last.done(true);
    clients.iter().for_each(LibSmClient::ping);
    for client in [silent, done, waits, last, forgets] {
        let expected = ["save-yourself", "save-complete", "save-yourself"];
        assert_eq!(heard(client)[..3], expected);
        assert_eq!(heard(client)[3..], ["shutdown-cancelled"]);
    }
    assert_eq!(desk.status()["request"], json!(null));
    the_next_log_off_works(&desk, &clients.each_ref());
}

#[test]
fn the_users_no_cancels_for_all() {
    let desk = Desk::new();
    let [refuses, other, done] = &desk.clients();
    // Most say at once that they are done, with a failure; some never do.
    for says_done in [true, false] {
        let raw = desk.watcher();
        raw.request(&[]).unwrap();
        for client in [refuses, other, done] {
            is_asked(client);
        }
        done.done(true);
        refuses.interact(false);
        refuses.wait_for("interact", LIMIT);
        refuses.send(&json!({"do": "interact-done", "cancel": true}));
        if says_done {
            refuses.send(&json!({"do": "done", "success": false}));
        }
        for client in [refuses, other, done] {
            client.wait_for("shutdown-cancelled", LIMIT);
        }
        let outcome = raw.hears_outcome();
        assert_eq!(outcome["outcome"], "cancelled");
        assert_eq!(outcome["by"], "application");
        other.done(true);
    }
    the_next_log_off_works(&desk, &[refuses, other, done]);
}

#[test]
fn a_cancel_during_the_second_phase_is_heard_before_and_after_the_answer() {
    let desk = Desk::new();
    let [busy, done, first] = &desk.clients();
    let raw = desk.watcher();
    raw.request(&[]).unwrap();
    for client in [busy, done, first] {
        is_asked(client);
    }
    busy.request_phase2();
    done.request_phase2();
    for client in [busy, done] {
        client.ping();
    }
    first.done(true);
    busy.wait_for("phase2", LIMIT);
    done.wait_for("phase2", LIMIT);
    done.done(true);
    done.ping();
    assert!(raw.cancel().unwrap());
    for client in [busy, done, first] {
        client.wait_for("shutdown-cancelled", LIMIT);
    }
    busy.done(true);
    the_next_log_off_works(&desk, &[busy, done, first]);
}

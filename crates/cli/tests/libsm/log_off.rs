//! A log-off up to Die: answers, interactions and second phases.

use crate::desk::{Desk, ends, heard, is_asked};
use crate::support::LIMIT;

#[test]
fn clients_agree_and_end_whether_they_could_save_or_not() {
    let desk = Desk::new();
    let [saved, failed] = &desk.clients();
    let raw = desk.watcher();
    raw.request(&[]).unwrap();
    for (client, success) in [(saved, true), (failed, false)] {
        is_asked(client);
        client.done(success);
    }
    for client in [saved, failed] {
        ends(client);
        let expected = ["save-yourself", "save-complete", "save-yourself", "die"];
        assert_eq!(heard(client), expected);
    }
    desk.ends_in_order();
    assert_eq!(raw.hears_outcome()["outcome"], "over");
    desk.nobody_complained(&[saved, failed]);
}

#[test]
fn clients_talk_to_their_users_in_turn_about_errors_and_anything() {
    let desk = Desk::new();
    let [first, second, quiet] = &desk.clients();
    let raw = desk.watcher();
    raw.request(&[]).unwrap();
    for client in [first, second, quiet] {
        is_asked(client);
    }
    quiet.done(true);
    first.interact(false);
    first.wait_for("interact", LIMIT);
    second.interact(true);
    // What it has asked for the manager knows now; it is not its turn.
    second.ping();
    assert!(!heard(second).contains(&"interact".to_owned()));
    first.interact_done(false);
    first.done(true);
    second.wait_for("interact", LIMIT);
    second.interact_done(false);
    // Something else turned up.
    second.interact(false);
    second.wait_for("interact", LIMIT);
    second.interact_done(false);
    second.done(true);
    for client in [first, second, quiet] {
        ends(client);
    }
    desk.ends_in_order();
    desk.nobody_complained(&[first, second, quiet]);
}

#[test]
fn a_second_phase_begins_when_all_others_are_done() {
    let desk = Desk::new();
    let [last, talks_last, first] = &desk.clients();
    let raw = desk.watcher();
    raw.request(&[]).unwrap();
    for client in [last, talks_last, first] {
        is_asked(client);
    }
    last.request_phase2();
    last.ping();
    talks_last.interact(false);
    talks_last.wait_for("interact", LIMIT);
    talks_last.interact_done(false);
    talks_last.request_phase2();
    talks_last.ping();
    for client in [last, talks_last] {
        assert!(!heard(client).contains(&"phase2".to_owned()));
    }
    first.done(true);
    for client in [last, talks_last] {
        client.wait_for("phase2", LIMIT);
    }
    last.done(true);
    talks_last.interact(true);
    talks_last.wait_for("interact", LIMIT);
    talks_last.interact_done(false);
    talks_last.done(true);
    for client in [last, talks_last, first] {
        ends(client);
    }
    desk.ends_in_order();
    desk.nobody_complained(&[last, talks_last, first]);
}

//! A manager and an application go through everything that the protocol has.

use endsession_ice::{
    ByteOrder, DialogKind, InteractStyle, Property, SaveKind, SaveYourself, client, server,
};

use crate::harness::pair::Pair;
use crate::harness::pair::wire;

type S = server::Event;
type C = client::Event;

#[test]
fn a_new_client_registers_saves_and_goes_on() {
    let mut pair = Pair::new(Default::default(), Default::default(), None);
    assert_eq!(pair.server.state(), server::State::Authenticating);
    pair.drive();
    assert_eq!(
        pair.server_events(),
        [S::RegisterRequested { previous: None }]
    );
    assert_eq!(pair.server.state(), server::State::Registering);
    assert!(pair.server.is_authenticated());
    pair.server.register("1C0A80001").unwrap();
    pair.server.save_yourself(SaveYourself::INITIAL).unwrap();
    pair.drive();
    assert_eq!(pair.server.client_id(), Some("1C0A80001"));
    assert_eq!(pair.client.client_id(), Some("1C0A80001"));
    assert_eq!(pair.client.vendor(), "endsession");
    assert_eq!(pair.client.release(), "1");
    let events = [C::Registered, C::SaveYourself(SaveYourself::INITIAL)];
    assert_eq!(pair.client_events(), events);

    let program = Property::array8("Program", "test");
    pair.client.set_properties(vec![program.clone()]).unwrap();
    pair.client.save_done(true).unwrap();
    assert_eq!(pair.client.state(), client::State::Idle);
    pair.drive();
    let events = [S::PropertiesChanged, S::SaveDone { success: true }];
    assert_eq!(pair.server_events(), events);
    assert_eq!(pair.server.properties().get("Program"), Some(&program));
    assert_eq!(pair.server.state(), server::State::Saved);
    pair.server.save_complete().unwrap();
    pair.drive();
    assert_eq!(pair.client_events(), [C::SaveComplete]);
    assert_eq!(pair.server.state(), server::State::Idle);
}

#[test]
fn a_client_that_comes_back_keeps_its_id() {
    let mut pair = Pair::new(Default::default(), Default::default(), Some("2abc"));
    pair.drive();
    let previous = Some("2abc".to_owned());
    assert_eq!(pair.server_events(), [S::RegisterRequested { previous }]);
    pair.server.register("2abc").unwrap();
    pair.drive();
    assert_eq!(pair.client_events(), [C::Registered]);
    assert_eq!(pair.client.client_id(), Some("2abc"));
}

#[test]
fn a_client_whose_id_is_not_known_asks_for_a_new_one() {
    let mut pair = Pair::new(Default::default(), Default::default(), Some("2abc"));
    pair.drive();
    pair.server_events();
    pair.server.refuse_previous_id().unwrap();
    assert_eq!(pair.server.state(), server::State::Unregistered);
    pair.drive();
    assert_eq!(pair.client_events(), [C::PreviousIdRefused]);
    assert_eq!(
        pair.server_events(),
        [S::RegisterRequested { previous: None }]
    );
    pair.server.register("2def").unwrap();
    pair.drive();
    assert_eq!(pair.client_events(), [C::Registered]);
}

#[test]
fn a_log_off_to_which_nobody_objects() {
    let mut pair = Pair::registered();
    pair.server.save_yourself(SaveYourself::LOG_OFF).unwrap();
    assert_eq!(pair.server.state(), server::State::Saving);
    pair.drive();
    assert_eq!(
        pair.client_events(),
        [C::SaveYourself(SaveYourself::LOG_OFF)]
    );
    assert_eq!(pair.client.state(), client::State::Saving);
    pair.client.save_done(true).unwrap();
    assert_eq!(pair.client.state(), client::State::Saved);
    pair.drive();
    assert_eq!(pair.server_events(), [S::SaveDone { success: true }]);
    pair.server.die().unwrap();
    assert_eq!(pair.server.state(), server::State::Dying);
    pair.drive();
    assert_eq!(pair.client_events(), [C::Die]);
    pair.client.close(&[]);
    pair.drive();
    assert_eq!(pair.server_events(), [S::Closed { reasons: vec![] }]);
    assert!(pair.server.is_closed() && pair.client.is_closed());
}

#[test]
fn a_save_that_failed_is_told() {
    let mut pair = Pair::registered();
    pair.server.save_yourself(SaveYourself::LOG_OFF).unwrap();
    pair.drive();
    pair.client.save_done(false).unwrap();
    pair.drive();
    assert_eq!(pair.server_events(), [S::SaveDone { success: false }]);
}

#[test]
fn the_user_is_asked_and_says_yes() {
    let mut pair = interacting();
    pair.client.interact_done(false).unwrap();
    pair.client.save_done(true).unwrap();
    pair.drive();
    let events = [
        S::InteractDone { cancel: false },
        S::SaveDone { success: true },
    ];
    assert_eq!(pair.server_events(), events);
    assert_eq!(pair.server.state(), server::State::Saved);
}

#[test]
fn the_late_end_of_a_save_that_its_user_cancelled_answers_no_later_one() {
    let mut pair = interacting();
    pair.client.interact_done(true).unwrap();
    pair.drive();
    pair.server.shutdown_cancelled().unwrap();
    pair.drive();
    // They cross: the end of the old save, and the new one.
    pair.client.save_done(false).unwrap();
    pair.server.save_yourself(SaveYourself::LOG_OFF).unwrap();
    pair.server_events();
    pair.drive();
    assert_eq!(pair.server_events(), []);
    assert_eq!(pair.server.state(), server::State::Saving);
    pair.client.save_done(true).unwrap();
    pair.drive();
    assert_eq!(pair.server_events(), [S::SaveDone { success: true }]);
}

#[test]
fn the_user_is_asked_and_says_no() {
    let mut pair = interacting();
    pair.client.interact_done(true).unwrap();
    pair.drive();
    assert_eq!(pair.server_events(), [S::InteractDone { cancel: true }]);
    assert_eq!(pair.server.state(), server::State::Saving);
    pair.server.shutdown_cancelled().unwrap();
    assert_eq!(pair.server.state(), server::State::Cancelled);
    pair.drive();
    assert_eq!(pair.client_events(), [C::ShutdownCancelled]);
    assert_eq!(pair.client.state(), client::State::Cancelled);
    // It may say so, and gVim does not.
    assert_eq!(pair.server.state(), server::State::Idle);
    pair.client.save_done(false).unwrap();
    pair.drive();
    assert_eq!(pair.server_events(), []);
    assert_eq!(pair.server.state(), server::State::Idle);
    assert_eq!(pair.client.state(), client::State::Idle);
}

fn interacting() -> Pair {
    let mut pair = Pair::registered();
    pair.server.save_yourself(SaveYourself::LOG_OFF).unwrap();
    pair.drive();
    pair.client_events();
    pair.client.interact_request(DialogKind::Normal).unwrap();
    pair.drive();
    let kind = DialogKind::Normal;
    assert_eq!(pair.server_events(), [S::InteractRequested { kind }]);
    assert_eq!(pair.server.state(), server::State::InteractRequested);
    pair.server.interact().unwrap();
    assert_eq!(pair.server.state(), server::State::Interacting);
    pair.drive();
    assert_eq!(pair.client_events(), [C::Interact]);
    assert_eq!(pair.client.state(), client::State::Interacting);
    pair
}

#[test]
fn a_client_may_talk_to_the_user_several_times() {
    let mut pair = interacting();
    for _ in 0..3 {
        pair.client.interact_done(false).unwrap();
        pair.client.interact_request(DialogKind::Error).unwrap();
        pair.drive();
        let kind = DialogKind::Error;
        let events = [
            S::InteractDone { cancel: false },
            S::InteractRequested { kind },
        ];
        assert_eq!(pair.server_events(), events);
        pair.server.interact().unwrap();
        pair.drive();
        assert_eq!(pair.client_events(), [C::Interact]);
    }
}

#[test]
fn a_client_that_waits_for_the_others_is_told_when_they_are_done() {
    let mut pair = Pair::registered();
    pair.server.save_yourself(SaveYourself::LOG_OFF).unwrap();
    pair.drive();
    pair.client_events();
    pair.client.phase2_request().unwrap();
    pair.drive();
    assert_eq!(pair.server_events(), [S::Phase2Requested]);
    assert_eq!(pair.server.state(), server::State::Phase2Requested);
    pair.server.save_yourself_phase2().unwrap();
    assert_eq!(pair.server.state(), server::State::SavingPhase2);
    pair.drive();
    assert_eq!(pair.client_events(), [C::Phase2]);
    // Also then it may talk to the user.
    pair.client.interact_request(DialogKind::Error).unwrap();
    pair.drive();
    pair.server_events();
    pair.server.interact().unwrap();
    pair.drive();
    pair.client.interact_done(false).unwrap();
    pair.client.save_done(true).unwrap();
    pair.drive();
    let events = [
        S::InteractDone { cancel: false },
        S::SaveDone { success: true },
    ];
    assert_eq!(pair.server_events(), events);
}

#[test]
fn a_client_asks_for_a_log_off() {
    let mut pair = Pair::registered();
    pair.client
        .request_save(SaveYourself::LOG_OFF, true)
        .unwrap();
    pair.drive();
    let save = SaveYourself::LOG_OFF;
    assert_eq!(
        pair.server_events(),
        [S::SaveYourselfRequested { save, global: true }]
    );
    assert_eq!(pair.server.state(), server::State::Idle);
}

#[test]
fn properties_are_set_asked_for_and_taken_back() {
    let mut pair = Pair::registered();
    let a = Property::array8("a", "1");
    let b = Property::list("b", ["2", "3"]);
    pair.client
        .set_properties(vec![a.clone(), b.clone()])
        .unwrap();
    pair.client.get_properties().unwrap();
    pair.client.delete_properties(&["a", "never set"]).unwrap();
    pair.client.get_properties().unwrap();
    pair.drive();
    // Two changes that nobody looked at are one.
    assert_eq!(pair.server_events(), [S::PropertiesChanged]);
    let events = [C::Properties(vec![a, b.clone()]), C::Properties(vec![b])];
    assert_eq!(pair.client_events(), events);
    pair.client.delete_properties(&["never set"]).unwrap();
    pair.drive();
    assert_eq!(pair.server_events(), []);
}

#[test]
fn both_sides_can_ping() {
    let mut pair = Pair::registered();
    pair.server.ping().unwrap();
    pair.client.ping().unwrap();
    pair.drive();
    assert_eq!(pair.server_events(), [S::Pong]);
    assert_eq!(pair.client_events(), [C::Pong]);
}

#[test]
fn a_client_leaves_with_its_last_words() {
    let mut pair = Pair::registered();
    pair.client.close(&["out of memory", "und Schluß"]);
    pair.drive();
    let reasons = vec!["out of memory".to_owned(), "und Schluß".to_owned()];
    assert_eq!(pair.server_events(), [S::Closed { reasons }]);
    assert_eq!(pair.server.state(), server::State::Closed);
}

#[test]
fn after_a_client_left_nothing_it_sends_matters() {
    let mut pair = Pair::registered();
    pair.client.close(&[]);
    pair.drive();
    pair.server_events();
    assert_eq!(pair.server.handle_input(&[0xff; 100]), Ok(()));
    assert_eq!(pair.server_events(), []);
    assert!(pair.server.output().is_empty());
    assert!(pair.server.die().is_err());
}

#[test]
fn every_way_of_sending_goes_through_all_of_it_in_chunks_of_any_size() {
    let orders = [ByteOrder::LsbFirst, ByteOrder::MsbFirst];
    for (ours, theirs) in orders.into_iter().flat_map(|a| orders.map(|b| (a, b))) {
        for chunk in [1, 2, 3, 7, 8, 9, 64, usize::MAX] {
            let mut pair = Pair::new(wire(ours, 3), wire(theirs, 200), Some("1old"));
            pair.chunk = chunk;
            everything(&mut pair);
        }
    }
}

fn everything(pair: &mut Pair) {
    pair.drive();
    pair.server.refuse_previous_id().unwrap();
    pair.drive();
    pair.server.register("1new").unwrap();
    let save = SaveYourself {
        kind: SaveKind::Both,
        shutdown: true,
        interact: InteractStyle::Any,
        fast: true,
    };
    pair.server.save_yourself(save).unwrap();
    pair.drive();
    let environment = Property::environment([("A", "1"), ("LANG", "C.UTF-8")]);
    pair.client
        .set_properties(vec![environment.clone()])
        .unwrap();
    pair.client.interact_request(DialogKind::Error).unwrap();
    pair.drive();
    pair.server.interact().unwrap();
    pair.drive();
    pair.client.interact_done(false).unwrap();
    pair.client.phase2_request().unwrap();
    pair.drive();
    pair.server.save_yourself_phase2().unwrap();
    pair.drive();
    pair.client.get_properties().unwrap();
    pair.client.save_done(true).unwrap();
    pair.drive();
    pair.server.ping().unwrap();
    pair.server.die().unwrap();
    pair.drive();
    pair.client.close(&["done"]);
    pair.drive();
    let previous = Some("1old".to_owned());
    let expected = [
        S::RegisterRequested { previous },
        S::RegisterRequested { previous: None },
        S::PropertiesChanged,
        S::InteractRequested {
            kind: DialogKind::Error,
        },
        S::InteractDone { cancel: false },
        S::Phase2Requested,
        S::SaveDone { success: true },
        S::Pong,
        S::Closed {
            reasons: vec!["done".to_owned()],
        },
    ];
    assert_eq!(pair.server_events(), expected);
    let expected = [
        C::PreviousIdRefused,
        C::Registered,
        C::SaveYourself(save),
        C::Interact,
        C::Phase2,
        C::Properties(vec![environment]),
        C::Die,
    ];
    assert_eq!(pair.client_events(), expected);
    assert_eq!((pair.server.errors(), pair.client.errors()), (0, 0));
}

//! What is owed and what has crossed on the wire when a shutdown is cancelled.

use endsession_ice::{DialogKind, SaveYourself, client, server};

use crate::harness::pair::Pair;

type C = client::Event;
type S = server::Event;

// As an application on libSM would send them, in the native order, under opcode 1.
const INTERACT_REQUEST: [u8; 8] = [1, 5, 1, 0, 0, 0, 0, 0];
const INTERACT_DONE: [u8; 8] = [1, 7, 0, 0, 0, 0, 0, 0];
const INTERACT_CANCEL: [u8; 8] = [1, 7, 1, 0, 0, 0, 0, 0];
const SAVE_DONE: [u8; 8] = [1, 8, 1, 0, 0, 0, 0, 0];
const PHASE2_REQUEST: [u8; 8] = [1, 16, 0, 0, 0, 0, 0, 0];
const PING_REPLY: [u8; 8] = [0, 10, 0, 0, 0, 0, 0, 0];

/// A manager's connection whose client is asked to save for a log-off.
fn asked() -> server::Connection {
    let mut server = Pair::registered().server;
    server.save_yourself(SaveYourself::LOG_OFF).unwrap();
    server
}

#[track_caller]
fn gives(server: &mut server::Connection, input: &[[u8; 8]], expected: &[S]) {
    server.handle_input(&input.concat()).unwrap();
    let events: Vec<_> = std::iter::from_fn(|| server.poll_event()).collect();
    assert_eq!(events, expected);
    assert_eq!(server.errors(), 0);
}

#[test]
fn what_crossed_with_the_cancel_is_dropped_and_the_answer_told() {
    let mut server = asked();
    server.shutdown_cancelled().unwrap();
    let crossed = [INTERACT_REQUEST, INTERACT_DONE, PHASE2_REQUEST];
    gives(&mut server, &crossed, &[]);
    assert_eq!(server.state(), server::State::Cancelled);
    let told = [S::SaveDone { success: true }];
    gives(&mut server, &[PING_REPLY, SAVE_DONE], &told);
    assert_eq!(server.state(), server::State::Idle);
}

#[test]
fn an_answer_that_crossed_with_the_cancel_is_the_one_that_was_owed() {
    let mut server = asked();
    server.shutdown_cancelled().unwrap();
    let told = [S::SaveDone { success: true }];
    gives(&mut server, &[SAVE_DONE, PING_REPLY], &told);
    assert_eq!(server.state(), server::State::Idle);
}

#[test]
fn an_answer_given_before_the_cancel_is_not_owed_again() {
    let mut server = asked();
    gives(&mut server, &[SAVE_DONE], &[S::SaveDone { success: true }]);
    server.shutdown_cancelled().unwrap();
    assert_eq!(server.state(), server::State::Idle);
    server.handle_input(&SAVE_DONE).unwrap();
    assert!(matches!(server.poll_event(), Some(S::Misbehaved(_))));
}

#[test]
fn the_answer_to_a_cancelled_save_is_not_taken_for_that_to_a_new_one() {
    let mut server = asked();
    server.shutdown_cancelled().unwrap();
    server.save_yourself(SaveYourself::LOG_OFF).unwrap();
    gives(&mut server, &[PING_REPLY, SAVE_DONE], &[]);
    assert_eq!(server.state(), server::State::Saving);
    gives(&mut server, &[SAVE_DONE], &[S::SaveDone { success: true }]);
    assert_eq!(server.state(), server::State::Saved);
}

#[test]
fn a_request_to_interact_is_of_the_save_that_the_client_knew_of() {
    let mut server = asked();
    server.shutdown_cancelled().unwrap();
    server.save_yourself(SaveYourself::LOG_OFF).unwrap();
    // Sent before it saw the cancel.
    gives(&mut server, &[INTERACT_REQUEST], &[]);
    // And after: Qt asks anew from within the dialog that was open.
    let kind = DialogKind::Normal;
    let told = [S::InteractRequested { kind }];
    gives(&mut server, &[PING_REPLY, INTERACT_REQUEST], &told);
    server.interact().unwrap();
    gives(
        &mut server,
        &[INTERACT_DONE],
        &[S::InteractDone { cancel: false }],
    );
}

#[test]
fn a_client_that_waited_for_phase_2_and_answers_nothing_owes_nothing() {
    // As Qt does.
    let mut server = asked();
    gives(&mut server, &[PHASE2_REQUEST], &[S::Phase2Requested]);
    server.shutdown_cancelled().unwrap();
    assert_eq!(server.state(), server::State::Cancelled);
    gives(&mut server, &[PING_REPLY], &[]);
    assert_eq!(server.state(), server::State::Idle);
    server.save_yourself(SaveYourself::LOG_OFF).unwrap();
    let done = S::SaveDone { success: true };
    gives(&mut server, &[PING_REPLY, SAVE_DONE], &[done]);
}

#[test]
fn a_client_that_was_cancelled_by_its_user_may_never_answer_and_answers_the_next() {
    // As gVim does.
    let mut server = asked();
    gives(
        &mut server,
        &[INTERACT_REQUEST],
        &[S::InteractRequested {
            kind: DialogKind::Normal,
        }],
    );
    server.interact().unwrap();
    let no = S::InteractDone { cancel: true };
    gives(&mut server, &[INTERACT_CANCEL], &[no]);
    server.shutdown_cancelled().unwrap();
    assert_eq!(server.state(), server::State::Cancelled);
    gives(&mut server, &[PING_REPLY], &[]);
    assert_eq!(server.state(), server::State::Idle);
    server.save_yourself(SaveYourself::LOG_OFF).unwrap();
    let done = S::SaveDone { success: true };
    gives(&mut server, &[PING_REPLY, SAVE_DONE], &[done]);
    assert_eq!(server.state(), server::State::Saved);
}

#[test]
fn a_client_that_waited_for_phase_2_and_answers_owed_that() {
    // As xsmp.xml has it.
    let mut server = asked();
    gives(&mut server, &[PHASE2_REQUEST], &[S::Phase2Requested]);
    server.shutdown_cancelled().unwrap();
    server.save_yourself(SaveYourself::LOG_OFF).unwrap();
    gives(&mut server, &[SAVE_DONE, PING_REPLY], &[]);
    assert_eq!(server.state(), server::State::Saving);
    gives(&mut server, &[SAVE_DONE], &[S::SaveDone { success: true }]);
}

#[test]
fn a_ping_of_the_caller_is_told_apart_from_that_behind_a_cancel() {
    let mut server = asked();
    server.ping().unwrap();
    server.shutdown_cancelled().unwrap();
    server.ping().unwrap();
    gives(
        &mut server,
        &[PING_REPLY, PING_REPLY, PING_REPLY],
        &[S::Pong, S::Pong],
    );
}

#[test]
fn what_a_dying_client_says_of_its_save_is_told_where_it_is_an_answer() {
    let mut server = asked();
    server.die().unwrap();
    let late = [INTERACT_REQUEST, PHASE2_REQUEST, INTERACT_DONE];
    gives(&mut server, &late, &[]);
    gives(&mut server, &[SAVE_DONE], &[S::SaveDone { success: true }]);
    assert_eq!(server.state(), server::State::Dying);
}

#[test]
fn a_client_may_be_told_that_a_cancelled_save_is_over() {
    // As xfce4-session sends them.
    const SAVE_COMPLETE: [u8; 8] = [1, 18, 0, 0, 0, 0, 0, 0];
    const SHUTDOWN_CANCELLED: [u8; 8] = [1, 10, 0, 0, 0, 0, 0, 0];
    for answers_before in [true, false] {
        let mut pair = Pair::registered();
        pair.server.save_yourself(SaveYourself::LOG_OFF).unwrap();
        pair.drive();
        let client = &mut pair.client;
        assert_eq!(
            client.poll_event(),
            Some(C::SaveYourself(SaveYourself::LOG_OFF))
        );
        if answers_before {
            client.save_done(true).unwrap();
        }
        client.handle_input(&SHUTDOWN_CANCELLED).unwrap();
        if !answers_before {
            client.save_done(true).unwrap();
        }
        client.handle_input(&SAVE_COMPLETE).unwrap();
        assert_eq!(client.errors(), 0);
        // But once.
        client.handle_input(&SAVE_COMPLETE).unwrap();
        assert_eq!(client.errors(), 1);
        let told = pair.client_events();
        assert_eq!(told[..2], [C::ShutdownCancelled, C::SaveComplete]);
        assert_eq!(pair.client.state(), client::State::Idle);
    }
}

//! Errors that are borne, errors that end it, and commands out of place.

use endsession_ice::{
    DialogKind, Error, ErrorClass, InteractStyle, MAX_ERRORS, PeerError, Property, Protocol,
    SaveYourself, Severity, WrongState, client, server,
};

use crate::harness::pair::Pair;

type S = server::Event;

/// What a manager tells a client that sent these messages one by one: of each, class and whether
/// the connection goes on.
#[track_caller]
fn told(server: &mut server::Connection, message: &[u8]) -> (ErrorClass, bool) {
    server.sent(usize::MAX);
    let went_on = server.handle_input(message).is_ok();
    let told = server.output();
    assert_eq!(told[1], 0, "no error: {told:?}");
    let class = u16::from_ne_bytes([told[2], told[3]]);
    let class = match class {
        0 => ErrorClass::BadMajor,
        6 => ErrorClass::ProtocolDuplicate,
        7 => ErrorClass::MajorOpcodeDuplicate,
        8 => ErrorClass::UnknownProtocol,
        0x8000 => ErrorClass::BadMinor,
        0x8001 => ErrorClass::BadState,
        0x8002 => ErrorClass::BadLength,
        0x8003 => ErrorClass::BadValue,
        other => panic!("class {other}"),
    };
    assert_eq!(went_on, !server.is_closed());
    (class, went_on)
}

fn message(major: u8, minor: u8, data: u8) -> [u8; 8] {
    [major, minor, data, 0, 0, 0, 0, 0]
}

#[test]
fn a_registered_client_may_err_and_go_on() {
    let mut server = Pair::registered().server;
    let borne = [
        // Nothing of it is under way.
        (message(1, 5, 0), ErrorClass::BadState),
        (message(1, 7, 0), ErrorClass::BadState),
        (message(1, 8, 0), ErrorClass::BadState),
        (message(1, 16, 0), ErrorClass::BadState),
        (message(0, 10, 0), ErrorClass::BadState),
        (message(0, 12, 0), ErrorClass::BadState),
        (message(0, 1, 0), ErrorClass::BadState),
        // The manager's own messages.
        (message(1, 6, 0), ErrorClass::BadMinor),
        (message(1, 9, 0), ErrorClass::BadMinor),
        (message(1, 10, 0), ErrorClass::BadMinor),
        (message(1, 17, 0), ErrorClass::BadMinor),
        (message(1, 18, 0), ErrorClass::BadMinor),
        // Messages of nobody.
        (message(1, 19, 0), ErrorClass::BadMinor),
        (message(0, 13, 0), ErrorClass::BadMinor),
        (message(7, 1, 0), ErrorClass::BadMajor),
        // A value out of range.
        (message(1, 8, 2), ErrorClass::BadValue),
    ];
    for (at, (message, class)) in (1..).zip(borne) {
        assert_eq!(told(&mut server, &message), (class, true), "{message:?}");
        assert!(matches!(server.poll_event(), Some(S::Misbehaved(_))));
        assert_eq!(server.poll_event(), None);
        assert_eq!(server.errors(), at);
    }
    assert_eq!(server.state(), server::State::Idle);
}

#[test]
fn a_second_registration_is_out_of_place() {
    let mut server = Pair::registered().server;
    let register = [1, 1, 0, 0]
        .into_iter()
        .chain(1_u32.to_ne_bytes())
        .chain([0; 8]);
    let register: Vec<u8> = register.collect();
    assert_eq!(told(&mut server, &register), (ErrorClass::BadState, true));
}

#[test]
fn a_second_setup_of_xsmp_and_another_protocol_are_refused_and_harm_nothing() {
    let mut server = Pair::registered().server;
    let setup = |major: u8, name: &[u8; 4]| {
        let mut setup = vec![0, 7, major, 0];
        setup.extend(4_u32.to_ne_bytes());
        setup.extend([1, 0, 0, 0, 0, 0, 0, 0]);
        setup.extend(4_u16.to_ne_bytes());
        setup.extend(name);
        setup.extend([0; 2 + 4 + 4]);
        setup.extend([1_u16.to_ne_bytes(), [0; 2]].concat());
        setup.extend([0; 4]);
        setup
    };
    let class = ErrorClass::ProtocolDuplicate;
    assert_eq!(told(&mut server, &setup(2, b"XSMP")), (class, true));
    let class = ErrorClass::MajorOpcodeDuplicate;
    assert_eq!(told(&mut server, &setup(1, b"XSMP")), (class, true));
    let class = ErrorClass::UnknownProtocol;
    assert_eq!(told(&mut server, &setup(2, b"DCOP")), (class, true));
    let name = "DCOP".to_owned();
    let events: Vec<_> = std::iter::from_fn(|| server.poll_event()).collect();
    assert_eq!(events[2], S::Misbehaved(Error::UnknownProtocol { name }));
    let class = ErrorClass::BadValue;
    assert_eq!(told(&mut server, &setup(0, b"XSMP")), (class, true));
}

#[test]
fn a_wrong_length_ends_it() {
    let mut server = Pair::registered().server;
    let mut body = message(1, 9, 0).to_vec();
    body[1] = 14;
    body[4..8].copy_from_slice(&1_u32.to_ne_bytes());
    body.extend([0; 8]);
    assert_eq!(told(&mut server, &body), (ErrorClass::BadLength, false));
    // Fatal to XSMP, under its opcode.
    assert_eq!(server.output()[0], 1);
    assert_eq!(server.output()[9], 1);
    assert_eq!(server.poll_event(), None);
}

#[test]
fn whoever_speaks_before_it_is_registered_is_shut_out() {
    for minor in [4, 5, 7, 8, 12, 13, 14, 16] {
        let mut pair = Pair::new(Default::default(), Default::default(), None);
        pair.drive();
        let mut text = message(1, minor, 0).to_vec();
        if matches!(minor, 4 | 12 | 13) {
            text[4..8].copy_from_slice(&1_u32.to_ne_bytes());
            text.extend([0; 8]);
        }
        let class = ErrorClass::BadState;
        assert_eq!(told(&mut pair.server, &text), (class, false), "{minor}");
    }
}

#[test]
fn errors_are_borne_up_to_a_limit() {
    let mut server = Pair::registered().server;
    for _ in 0..MAX_ERRORS {
        server.handle_input(&message(1, 8, 0)).unwrap();
    }
    let error = server.handle_input(&message(1, 8, 0)).unwrap_err();
    let Error::TooManyErrors { limit, last } = error else {
        panic!("{error:?}");
    };
    assert_eq!(limit, MAX_ERRORS);
    assert!(matches!(*last, Error::BadState { .. }));
    assert!(server.is_closed());
}

#[test]
fn only_such_interaction_is_asked_for_as_was_allowed() {
    for (style, kind, allowed) in [
        (InteractStyle::None, DialogKind::Error, false),
        (InteractStyle::None, DialogKind::Normal, false),
        (InteractStyle::Errors, DialogKind::Error, true),
        (InteractStyle::Errors, DialogKind::Normal, false),
        (InteractStyle::Any, DialogKind::Error, true),
        (InteractStyle::Any, DialogKind::Normal, true),
    ] {
        let mut pair = Pair::registered();
        let save = SaveYourself {
            interact: style,
            ..SaveYourself::LOG_OFF
        };
        pair.server.save_yourself(save).unwrap();
        pair.drive();
        assert_eq!(pair.client.interact_request(kind).is_ok(), allowed);
        // And of a client that does not care:
        let mut server = Pair::registered().server;
        server.save_yourself(save).unwrap();
        let data = u8::from(kind == DialogKind::Normal);
        server.handle_input(&message(1, 5, data)).unwrap();
        let event = server.poll_event();
        assert_eq!(event == Some(S::InteractRequested { kind }), allowed);
    }
}

#[test]
fn a_cancel_where_nothing_can_be_cancelled_still_ends_the_interaction() {
    let mut server = Pair::registered().server;
    let save = SaveYourself {
        shutdown: false,
        ..SaveYourself::LOG_OFF
    };
    server.save_yourself(save).unwrap();
    server.handle_input(&message(1, 5, 1)).unwrap();
    server.poll_event();
    server.interact().unwrap();
    assert_eq!(
        told(&mut server, &message(1, 7, 1)),
        (ErrorClass::BadState, true)
    );
    assert!(matches!(server.poll_event(), Some(S::Misbehaved(_))));
    assert_eq!(server.poll_event(), Some(S::InteractDone { cancel: false }));
    assert_eq!(server.state(), server::State::Saving);
}

#[test]
fn an_answer_ends_an_interaction_that_was_not_ended() {
    let mut server = Pair::registered().server;
    server.save_yourself(SaveYourself::LOG_OFF).unwrap();
    server.handle_input(&message(1, 5, 1)).unwrap();
    server.interact().unwrap();
    server.handle_input(&message(1, 8, 1)).unwrap();
    assert_eq!(server.state(), server::State::Saved);
    assert_eq!(server.errors(), 0);
}

#[test]
fn a_manager_cannot_send_what_has_no_place() {
    let mut pair = Pair::new(Default::default(), Default::default(), None);
    let wrong = |command, state| Err(WrongState { command, state });
    let server = &mut pair.server;
    assert_eq!(server.die(), wrong("Die", "Authenticating"));
    assert_eq!(server.ping(), wrong("Ping", "Authenticating"));
    assert_eq!(
        server.register("1"),
        wrong("RegisterClientReply", "Authenticating")
    );
    pair.drive();
    let server = &mut pair.server;
    assert_eq!(server.die(), wrong("Die", "Registering"));
    server.register("1").unwrap();
    assert_eq!(server.register("1"), wrong("RegisterClientReply", "Idle"));
    assert_eq!(server.interact(), wrong("Interact", "Idle"));
    assert_eq!(
        server.save_yourself_phase2(),
        wrong("SaveYourselfPhase2", "Idle")
    );
    assert_eq!(server.save_complete(), wrong("SaveComplete", "Idle"));
    assert_eq!(
        server.shutdown_cancelled(),
        wrong("ShutdownCancelled", "Idle")
    );
    let log_off = SaveYourself::LOG_OFF;
    server.save_yourself(log_off).unwrap();
    assert_eq!(
        server.save_yourself(log_off),
        wrong("SaveYourself", "Saving")
    );
    server.die().unwrap();
    assert_eq!(
        server.save_yourself(log_off),
        wrong("SaveYourself", "Dying")
    );
    assert_eq!(
        server.shutdown_cancelled(),
        wrong("ShutdownCancelled", "Dying")
    );
    // A survivor may be told again.
    server.die().unwrap();
}

#[test]
fn only_a_shutdown_can_be_cancelled() {
    let mut server = Pair::registered().server;
    server.save_yourself(SaveYourself::INITIAL).unwrap();
    assert!(server.shutdown_cancelled().is_err());
    server.handle_input(&message(1, 8, 1)).unwrap();
    assert!(server.shutdown_cancelled().is_err());
}

#[test]
fn an_application_cannot_send_what_has_no_place() {
    let mut pair = Pair::new(Default::default(), Default::default(), None);
    assert!(pair.client.get_properties().is_err());
    assert!(pair.client.set_properties(vec![]).is_err());
    pair.drive();
    pair.server.register("1").unwrap();
    pair.drive();
    let client = &mut pair.client;
    let wrong = |command| {
        Err(WrongState {
            command,
            state: "Idle",
        })
    };
    assert_eq!(client.save_done(true), wrong("SaveYourselfDone"));
    assert_eq!(
        client.interact_request(DialogKind::Error),
        wrong("InteractRequest")
    );
    assert_eq!(client.interact_done(false), wrong("InteractDone"));
    assert_eq!(client.phase2_request(), wrong("SaveYourselfPhase2Request"));
    let many = vec![Property::array8("a", vec![0; 1 << 20])];
    assert!(matches!(
        client.set_properties(many),
        Err(client::SetError::TooMuch(_))
    ));
}

#[test]
fn an_application_that_is_told_to_end_owes_no_answer() {
    let mut pair = Pair::registered();
    pair.server.save_yourself(SaveYourself::LOG_OFF).unwrap();
    pair.server.die().unwrap();
    pair.drive();
    assert_eq!(pair.client.state(), client::State::Dying);
    assert!(pair.client.save_done(true).is_err());
    pair.client.close(&[]);
    pair.drive();
    assert!(pair.server.is_closed());
}

#[test]
fn a_manager_that_asks_again_is_told_that_the_old_save_failed() {
    let mut pair = Pair::registered();
    pair.server.save_yourself(SaveYourself::LOG_OFF).unwrap();
    pair.drive();
    pair.client.interact_request(DialogKind::Normal).unwrap();
    pair.drive();
    pair.server.shutdown_cancelled().unwrap();
    pair.server.save_yourself(SaveYourself::LOG_OFF).unwrap();
    pair.drive();
    assert_eq!(pair.client.state(), client::State::Saving);
    assert_eq!(pair.server.state(), server::State::Saving);
    pair.client.save_done(true).unwrap();
    pair.drive();
    assert_eq!(pair.server.state(), server::State::Saved);
    assert_eq!((pair.server.errors(), pair.client.errors()), (0, 0));
}

#[test]
fn an_error_of_the_peer_is_told_and_a_fatal_one_ends_it() {
    let error = |severity: u8| {
        let mut error = vec![1, 0];
        error.extend(0x8001_u16.to_ne_bytes());
        error.extend(1_u32.to_ne_bytes());
        error.extend([18, severity, 0, 0]);
        error.extend(9_u32.to_ne_bytes());
        error
    };
    let expected = |severity| PeerError {
        opcode: endsession_ice::Opcode {
            protocol: Protocol::Xsmp,
            minor: 18,
        },
        sequence: 9,
        class: ErrorClass::BadState,
        severity,
        values: vec![],
    };
    let mut pair = Pair::registered();
    let can_continue = expected(Severity::CanContinue);
    pair.server.handle_input(&error(0)).unwrap();
    pair.client.handle_input(&error(0)).unwrap();
    assert_eq!(pair.server_events(), [S::PeerError(can_continue.clone())]);
    assert_eq!(
        pair.client_events(),
        [client::Event::PeerError(can_continue)]
    );
    let fatal = expected(Severity::FatalToProtocol);
    pair.server.handle_input(&error(1)).unwrap();
    let refused = Err(Error::Refused(fatal.clone()));
    assert_eq!(pair.client.handle_input(&error(1)), refused);
    let reasons = vec![];
    assert_eq!(
        pair.server_events(),
        [S::PeerError(fatal), S::Closed { reasons }]
    );
    assert!(pair.server.is_closed() && pair.client.is_closed());
}

#[test]
fn a_client_that_wants_to_close_may_and_a_manager_may_not() {
    let mut pair = Pair::registered();
    pair.client.handle_input(&message(0, 11, 0)).unwrap();
    assert_eq!(pair.client.output(), message(0, 12, 0));
    pair.server.handle_input(&message(0, 11, 0)).unwrap();
    assert_eq!(pair.server_events(), [S::Closed { reasons: vec![] }]);
}

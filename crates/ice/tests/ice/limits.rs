//! Every limit on what one peer can make this side keep.

use endsession_ice::property::{MAX_PROPERTIES, MAX_PROPERTY_VALUE};
use endsession_ice::{
    Error, MAX_EVENTS, MAX_MESSAGE, MAX_OUTPUT, Property, Protocol, SaveYourself, server,
};

use crate::harness::pair::Pair;

type S = server::Event;

fn header(minor: u8, units: u32) -> Vec<u8> {
    [vec![1, minor, 0, 0], units.to_ne_bytes().to_vec()].concat()
}

#[test]
fn a_header_that_claims_four_gigabytes_ends_it_at_once() {
    let mut server = Pair::registered().server;
    let error = server.handle_input(&header(12, u32::MAX)).unwrap_err();
    let Error::TooLong { opcode, limit, got } = error else {
        panic!("{error:?}");
    };
    assert_eq!((opcode.protocol, opcode.minor), (Protocol::Xsmp, 12));
    assert_eq!((limit, got), (MAX_MESSAGE, u64::from(u32::MAX) * 8 + 8));
    assert!(server.is_closed());
}

#[test]
fn the_longest_message_is_taken_and_what_it_holds_too_much_refused() {
    let mut server = Pair::registered().server;
    let units = u32::try_from(MAX_MESSAGE / 8 - 1).unwrap();
    server.handle_input(&header(12, units)).unwrap();
    // One property whose only value fills the rest.
    let mut body = [1_u32, 0, 0, 0, 0, 0, 1, 0].map(u32::to_ne_bytes).concat();
    let value = MAX_MESSAGE - 8 - body.len() - 4;
    body.extend(u32::try_from(value).unwrap().to_ne_bytes());
    body.resize(MAX_MESSAGE - 8, 0);
    server.handle_input(&body).unwrap();
    let Some(S::Misbehaved(Error::TooMuch {
        field, limit, got, ..
    })) = server.poll_event()
    else {
        panic!("taken");
    };
    assert_eq!(
        (field, limit, got),
        ("property value", MAX_PROPERTY_VALUE, value)
    );
    assert!(server.properties().is_empty());
    assert!(!server.is_closed());
}

#[test]
fn properties_of_many_messages_are_limited_together() {
    let mut pair = Pair::registered();
    for n in 0..=MAX_PROPERTIES {
        let property = Property::array8(&n.to_string(), "");
        pair.client.set_properties(vec![property]).unwrap();
        pair.drive();
    }
    let expected = |event: &S| {
        matches!(
            event,
            S::Misbehaved(Error::TooMuch {
                field: "number of properties",
                ..
            })
        )
    };
    assert!(pair.server_events().iter().any(expected));
    assert_eq!(pair.server.properties().len(), MAX_PROPERTIES);
    assert!(matches!(
        pair.client_events()[..],
        [endsession_ice::client::Event::PeerError(_)]
    ));
}

#[test]
fn a_client_that_asks_and_does_not_read_is_shut_out() {
    let mut pair = Pair::registered();
    let big = Property::array8("big", vec![0; MAX_PROPERTY_VALUE]);
    pair.client.set_properties(vec![big]).unwrap();
    pair.drive();
    let mut asked = 0;
    let error = loop {
        asked += 1;
        match pair.server.handle_input(&header(14, 0)) {
            Ok(()) => assert!(asked < 100),
            Err(error) => break error,
        }
    };
    assert_eq!(error, Error::OutputFull { limit: MAX_OUTPUT });
    assert!(pair.server.is_closed());
    assert!(pair.server.output().len() <= MAX_OUTPUT);
}

#[test]
fn a_client_that_pings_and_does_not_read_is_shut_out() {
    let mut server = Pair::registered().server;
    let pings = [0, 9, 0, 0, 0, 0, 0, 0].repeat(MAX_OUTPUT / 8 + 1);
    let error = server.handle_input(&pings).unwrap_err();
    assert_eq!(error, Error::OutputFull { limit: MAX_OUTPUT });
}

#[test]
fn a_client_that_sends_more_than_is_looked_at_is_shut_out() {
    let mut server = Pair::registered().server;
    let request = [header(4, 1), vec![0; 8]].concat();
    server.handle_input(&request.repeat(MAX_EVENTS)).unwrap();
    let error = server.handle_input(&request).unwrap_err();
    assert_eq!(error, Error::TooManyEvents { limit: MAX_EVENTS });
    assert!(server.is_closed());
}

#[test]
fn requests_to_interact_are_limited() {
    let mut server = Pair::registered().server;
    server.save_yourself(SaveYourself::LOG_OFF).unwrap();
    for _ in 0..16 {
        server.handle_input(&header(5, 0)).unwrap();
        assert!(matches!(
            server.poll_event(),
            Some(S::InteractRequested { .. })
        ));
    }
    server.handle_input(&header(5, 0)).unwrap();
    assert!(matches!(server.poll_event(), Some(S::Misbehaved(_))));
}

#[test]
fn pings_without_an_answer_are_limited() {
    let mut server = Pair::registered().server;
    for _ in 0..16 {
        server.ping().unwrap();
    }
    assert!(server.ping().is_err());
}

#[test]
fn an_id_that_nobody_can_have_given_is_refused_without_a_question() {
    for previous in [&b"\x01"[..], b"\xff", b"a\0b", &[b'1'; 256]] {
        let mut pair = Pair::new(Default::default(), Default::default(), Some("replaced"));
        // Up to the registration, which is then this one.
        while !pair.server.is_authenticated() {
            pair.step();
        }
        let length = u32::try_from(previous.len()).unwrap();
        let mut body = [&length.to_ne_bytes()[..], previous].concat();
        body.resize(body.len().next_multiple_of(8), 0);
        let units = u32::try_from(body.len() / 8).unwrap();
        pair.server
            .handle_input(&[header(1, units), body].concat())
            .unwrap();
        assert_eq!(pair.server_events(), []);
        assert_eq!(pair.server.state(), server::State::Unregistered);
    }
}

#[test]
fn the_longest_id_is_told_back_whole() {
    let id = "1".repeat(255);
    let mut pair = Pair::new(Default::default(), Default::default(), Some(&id));
    pair.drive();
    let previous = Some(id.clone());
    assert_eq!(pair.server_events(), [S::RegisterRequested { previous }]);
    pair.server.register(&id).unwrap();
    pair.drive();
    assert_eq!(pair.client.client_id(), Some(&id[..]));
}

#[test]
fn an_id_of_the_caller_is_sent_as_the_document_allows() {
    let mut pair = Pair::new(Default::default(), Default::default(), None);
    pair.drive();
    pair.server.register("1\0ü\n2").unwrap();
    pair.drive();
    assert_eq!(pair.server.client_id(), Some("1___2"));
    assert_eq!(pair.client.client_id(), Some("1___2"));
}

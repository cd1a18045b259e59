//! Every message of XSMP, byte by byte in both orders, as the tables of xsmp.xml have it.

use super::*;
use crate::ice::tests::Part::{self, Raw, W};
use crate::ice::tests::{ORDERS, bytes};
use crate::values::{ErrorClass, Severity};

const MAJOR: u8 = 5;

fn is(message: &Message, parts: &[Part]) {
    for order in ORDERS {
        let expected = bytes(order, parts);
        assert_eq!(message.encode(order, MAJOR), expected, "{order:?}");
        assert_eq!(
            Message::decode(order, &expected).as_ref(),
            Ok(message),
            "{order:?}"
        );
    }
}

#[test]
fn register_client_and_its_reply() {
    is(
        &Message::RegisterClient { previous: vec![] },
        &[Raw(&[5, 1, 0, 0]), W(1), W(0), Raw(&[0; 4])],
    );
    is(
        &Message::RegisterClient {
            previous: b"12345".into(),
        },
        &[Raw(&[5, 1, 0, 0]), W(2), W(5), Raw(b"12345\0\0\0\0\0\0\0")],
    );
    is(
        &Message::RegisterClientReply { id: b"1234".into() },
        &[Raw(&[5, 2, 0, 0]), W(1), W(4), Raw(b"1234")],
    );
}

#[test]
fn save_yourself_and_its_request() {
    let save = SaveYourself {
        kind: SaveKind::Both,
        shutdown: true,
        interact: InteractStyle::Errors,
        fast: false,
    };
    is(
        &Message::SaveYourself(save),
        &[Raw(&[5, 3, 0, 0]), W(1), Raw(&[2, 1, 1, 0, 0, 0, 0, 0])],
    );
    is(
        &Message::SaveYourself(SaveYourself::INITIAL),
        &[Raw(&[5, 3, 0, 0]), W(1), Raw(&[1, 0, 0, 0, 0, 0, 0, 0])],
    );
    is(
        &Message::SaveYourselfRequest {
            save: SaveYourself {
                fast: true,
                ..SaveYourself::LOG_OFF
            },
            global: true,
        },
        &[Raw(&[5, 4, 0, 0]), W(1), Raw(&[0, 1, 2, 1, 1, 0, 0, 0])],
    );
}

#[test]
fn messages_whose_field_is_in_the_header() {
    for (message, header) in [
        (Message::InteractRequest(DialogKind::Error), &[5, 5, 0, 0]),
        (Message::InteractRequest(DialogKind::Normal), &[5, 5, 1, 0]),
        (Message::InteractDone { cancel: false }, &[5, 7, 0, 0]),
        (Message::InteractDone { cancel: true }, &[5, 7, 1, 0]),
        (Message::SaveYourselfDone { success: false }, &[5, 8, 0, 0]),
        (Message::SaveYourselfDone { success: true }, &[5, 8, 1, 0]),
    ] {
        is(&message, &[Raw(header), W(0)]);
    }
}

#[test]
fn messages_without_a_field() {
    for (message, header) in [
        (Message::Interact, &[5, 6, 0, 0]),
        (Message::Die, &[5, 9, 0, 0]),
        (Message::ShutdownCancelled, &[5, 10, 0, 0]),
        (Message::GetProperties, &[5, 14, 0, 0]),
        (Message::Phase2Request, &[5, 16, 0, 0]),
        (Message::Phase2, &[5, 17, 0, 0]),
        (Message::SaveComplete, &[5, 18, 0, 0]),
    ] {
        is(&message, &[Raw(header), W(0)]);
    }
}

#[test]
fn close_connection() {
    is(
        &Message::CloseConnection { reasons: vec![] },
        &[Raw(&[5, 11, 0, 0]), W(1), W(0), Raw(&[0; 4])],
    );
    is(
        &Message::CloseConnection {
            reasons: vec!["bye now".into(), "".into()],
        },
        &[
            Raw(&[5, 11, 0, 0]),
            W(4),
            W(2),
            Raw(&[0; 4]),
            W(7),
            Raw(b"bye now\0\0\0\0\0"),
            W(0),
            Raw(&[0; 4]),
        ],
    );
}

#[test]
fn properties_in_all_messages_that_have_them() {
    let list = vec![
        Property::array8("Program", "smc"),
        Property::list("RestartCommand", ["smc", "-session"]),
        Property::card8("RestartStyleHint", 3),
        Property {
            name: vec![],
            kind: vec![],
            values: vec![],
        },
    ];
    let parts = |minor: &'static [u8]| {
        vec![
            Raw(minor),
            W(26),
            W(4),
            Raw(&[0; 4]),
            W(7),
            Raw(b"Program\0\0\0\0\0"),
            W(6),
            Raw(b"ARRAY8\0\0\0\0\0\0"),
            W(1),
            Raw(&[0; 4]),
            W(3),
            Raw(b"smc\0"),
            W(14),
            Raw(b"RestartCommand\0\0\0\0\0\0"),
            W(12),
            Raw(b"LISTofARRAY8"),
            W(2),
            Raw(&[0; 4]),
            W(3),
            Raw(b"smc\0"),
            W(8),
            Raw(b"-session\0\0\0\0"),
            W(16),
            Raw(b"RestartStyleHint\0\0\0\0"),
            W(5),
            Raw(b"CARD8\0\0\0\0\0\0\0"),
            W(1),
            Raw(&[0; 4]),
            W(1),
            Raw(&[3, 0, 0, 0]),
            W(0),
            Raw(&[0; 4]),
            W(0),
            Raw(&[0; 4]),
            W(0),
            Raw(&[0; 4]),
        ]
    };
    is(
        &Message::SetProperties(list.clone()),
        &parts(&[5, 12, 0, 0]),
    );
    is(
        &Message::GetPropertiesReply(list.clone()),
        &parts(&[5, 15, 0, 0]),
    );
    for order in ORDERS {
        let by_reference = encode_properties(order, MAJOR, list.iter());
        assert_eq!(by_reference, bytes(order, &parts(&[5, 15, 0, 0])));
    }
    is(
        &Message::DeleteProperties(vec![b"DiscardCommand".into()]),
        &[
            Raw(&[5, 13, 0, 0]),
            W(4),
            W(1),
            Raw(&[0; 4]),
            W(14),
            Raw(b"DiscardCommand\0\0\0\0\0\0"),
        ],
    );
}

#[test]
fn error() {
    let error = PeerError {
        opcode: Opcode::xsmp(xsmp::REGISTER_CLIENT),
        sequence: 6,
        class: ErrorClass::BadValue,
        severity: Severity::CanContinue,
        values: b"12345678".into(),
    };
    is(
        &Message::Error(error),
        &[
            Raw(&[5, 0]),
            Part::H(0x8003),
            W(2),
            Raw(&[1, 0, 0, 0]),
            W(6),
            Raw(b"12345678"),
        ],
    );
}

#[test]
fn a_message_that_xsmp_does_not_have_is_refused_by_number() {
    assert_eq!(
        Message::decode(ByteOrder::LsbFirst, &[5, 19, 0, 0, 0, 0, 0, 0]),
        Err(Error::BadMinor {
            opcode: Opcode::xsmp(19)
        })
    );
}

#[test]
fn every_field_with_few_values_refuses_others_with_its_place() {
    let save = [5, 3, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let request = [5, 4, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let short = |minor| [5, minor, 0, 0, 0, 0, 0, 0];
    let cases: [(Vec<u8>, usize, u8, &str); 12] = [
        (save.into(), 8, 3, "type"),
        (save.into(), 9, 2, "shutdown"),
        (save.into(), 10, 3, "interact-style"),
        (save.into(), 11, 2, "fast"),
        (request.into(), 8, 255, "type"),
        (request.into(), 9, 255, "shutdown"),
        (request.into(), 10, 255, "interact-style"),
        (request.into(), 11, 255, "fast"),
        (request.into(), 12, 2, "global"),
        (short(5).into(), 2, 2, "dialog-type"),
        (short(7).into(), 2, 2, "cancel-shutdown"),
        (short(8).into(), 2, 2, "success"),
    ];
    for (mut message, at, value, expected) in cases {
        assert!(Message::decode(ByteOrder::LsbFirst, &message).is_ok());
        message[at] = value;
        match Message::decode(ByteOrder::LsbFirst, &message) {
            Err(Error::BadValue {
                field, offset, got, ..
            }) => {
                assert_eq!((field, offset, got), (expected, at, vec![value]));
            }
            other => panic!("{expected}: {other:?}"),
        }
    }
}

#[test]
fn a_body_where_none_belongs_is_refused() {
    for minor in [5, 6, 7, 8, 9, 10, 14, 16, 17, 18] {
        let message = [5, minor, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let decoded = Message::decode(ByteOrder::LsbFirst, &message);
        assert!(
            matches!(
                decoded,
                Err(Error::BadLength {
                    field: "message",
                    ..
                })
            ),
            "{minor}"
        );
    }
}

#[test]
fn a_body_that_is_missing_is_refused() {
    for minor in [0, 1, 2, 3, 4, 11, 12, 13, 15] {
        let message = [5, minor, 0, 0, 0, 0, 0, 0];
        let decoded = Message::decode(ByteOrder::LsbFirst, &message);
        assert!(
            matches!(decoded, Err(Error::BadLength { .. })),
            "{minor}: {decoded:?}"
        );
    }
}

#[test]
fn last_words_are_cut_and_shown_as_they_can_be() {
    let reasons = vec!["x".repeat(MAX_REASON + 5); MAX_REASONS + 5];
    let sent = Message::CloseConnection { reasons }.encode(ByteOrder::LsbFirst, MAJOR);
    let Ok(Message::CloseConnection { reasons }) = Message::decode(ByteOrder::LsbFirst, &sent)
    else {
        panic!("no reasons");
    };
    assert_eq!(reasons.len(), MAX_REASONS);
    assert!(reasons.iter().all(|reason| reason.len() == MAX_REASON));

    let latin = [
        5, 11, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, b'f', 0xfc, b'r', 0,
    ];
    let decoded = Message::decode(ByteOrder::LsbFirst, &latin);
    let reasons = vec!["für".to_owned()];
    assert_eq!(decoded, Ok(Message::CloseConnection { reasons }));
}

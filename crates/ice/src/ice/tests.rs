//! Every message of ICE, byte by byte in both orders, as the tables of ice.xml have it.

use super::*;
use crate::opcode;
use Part::{H, Raw, W};

/// A piece of a message: bytes, or a number of 16 or 32 bits in the sender's order.
pub(crate) enum Part {
    Raw(&'static [u8]),
    H(u16),
    W(u32),
}

pub(crate) fn bytes(order: ByteOrder, parts: &[Part]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        match (part, order) {
            (Raw(raw), _) => bytes.extend(*raw),
            (H(value), ByteOrder::LsbFirst) => bytes.extend(value.to_le_bytes()),
            (H(value), ByteOrder::MsbFirst) => bytes.extend(value.to_be_bytes()),
            (W(value), ByteOrder::LsbFirst) => bytes.extend(value.to_le_bytes()),
            (W(value), ByteOrder::MsbFirst) => bytes.extend(value.to_be_bytes()),
        }
    }
    bytes
}

pub(crate) const ORDERS: [ByteOrder; 2] = [ByteOrder::LsbFirst, ByteOrder::MsbFirst];

fn is(message: &Message, parts: &[Part]) {
    for order in ORDERS {
        let expected = bytes(order, parts);
        assert_eq!(message.encode(order), expected, "{order:?}");
        assert_eq!(
            Message::decode(order, &expected).as_ref(),
            Ok(message),
            "{order:?}"
        );
    }
}

#[test]
fn byte_order() {
    is(
        &Message::ByteOrder(ByteOrder::LsbFirst),
        &[Raw(&[0, 1, 0, 0]), W(0)],
    );
    is(
        &Message::ByteOrder(ByteOrder::MsbFirst),
        &[Raw(&[0, 1, 1, 0]), W(0)],
    );
}

#[test]
fn connection_setup() {
    let message = Message::ConnectionSetup {
        must_authenticate: true,
        vendor: b"MIT".into(),
        release: b"1.0".into(),
        auth_names: vec![b"MIT-MAGIC-COOKIE-1".into()],
        versions: vec![(1, 0), (0x102, 3)],
    };
    is(
        &message,
        &[
            Raw(&[0, 2, 2, 1]),
            W(7),
            Raw(&[1, 0, 0, 0, 0, 0, 0, 0]),
            H(3),
            Raw(b"MIT\0\0\0"),
            H(3),
            Raw(b"1.0\0\0\0"),
            H(18),
            Raw(b"MIT-MAGIC-COOKIE-1"),
            H(1),
            H(0),
            H(0x102),
            H(3),
            Raw(&[0; 4]),
        ],
    );
}

#[test]
fn authentication_required_reply_and_next_phase() {
    is(
        &Message::AuthRequired {
            index: 3,
            data: vec![],
        },
        &[Raw(&[0, 3, 3, 0]), W(1), H(0), Raw(&[0; 6])],
    );
    is(
        &Message::AuthReply {
            data: b"0123456789abcdef".into(),
        },
        &[
            Raw(&[0, 4, 0, 0]),
            W(3),
            H(16),
            Raw(&[0; 6]),
            Raw(b"0123456789abcdef"),
        ],
    );
    is(
        &Message::AuthNextPhase {
            data: b"abc".into(),
        },
        &[
            Raw(&[0, 5, 0, 0]),
            W(2),
            H(3),
            Raw(&[0; 6]),
            Raw(b"abc\0\0\0\0\0"),
        ],
    );
}

#[test]
fn connection_reply() {
    let message = Message::ConnectionReply {
        version_index: 2,
        vendor: b"MIT".into(),
        release: b"1.0".into(),
    };
    is(
        &message,
        &[
            Raw(&[0, 6, 2, 0]),
            W(2),
            H(3),
            Raw(b"MIT\0\0\0"),
            H(3),
            Raw(b"1.0\0\0\0"),
        ],
    );
}

#[test]
fn protocol_setup() {
    let message = Message::ProtocolSetup {
        major: 9,
        must_authenticate: true,
        name: b"XSMP".into(),
        vendor: b"MIT".into(),
        release: b"1.0".into(),
        auth_names: vec![b"MIT-MAGIC-COOKIE-1".into()],
        versions: vec![(1, 0)],
    };
    is(
        &message,
        &[
            Raw(&[0, 7, 9, 1]),
            W(7),
            Raw(&[1, 1, 0, 0, 0, 0, 0, 0]),
            H(4),
            Raw(b"XSMP\0\0"),
            H(3),
            Raw(b"MIT\0\0\0"),
            H(3),
            Raw(b"1.0\0\0\0"),
            H(18),
            Raw(b"MIT-MAGIC-COOKIE-1"),
            H(1),
            H(0),
        ],
    );
}

#[test]
fn protocol_reply() {
    let message = Message::ProtocolReply {
        major: 7,
        version_index: 1,
        vendor: b"xfce4-session".into(),
        release: b"".into(),
    };
    is(
        &message,
        &[
            Raw(&[0, 8, 1, 7]),
            W(3),
            H(13),
            Raw(b"xfce4-session\0"),
            H(0),
            Raw(&[0, 0]),
            Raw(&[0; 4]),
        ],
    );
}

#[test]
fn messages_without_a_body() {
    for (message, minor) in [
        (Message::Ping, &[0, 9, 0, 0]),
        (Message::PingReply, &[0, 10, 0, 0]),
        (Message::WantToClose, &[0, 11, 0, 0]),
        (Message::NoClose, &[0, 12, 0, 0]),
    ] {
        is(&message, &[Raw(minor), W(0)]);
    }
}

#[test]
fn error() {
    let error = PeerError {
        opcode: Opcode::ice(opcode::ice::PROTOCOL_SETUP),
        sequence: 0x0102_0304,
        class: ErrorClass::BadValue,
        severity: Severity::FatalToConnection,
        values: vec![1, 2, 3, 4, 5, 6, 7, 8],
    };
    is(
        &Message::Error(error),
        &[
            Raw(&[0, 0]),
            H(0x8003),
            W(2),
            Raw(&[7, 2, 0, 0]),
            W(0x0102_0304),
            Raw(&[1, 2, 3, 4, 5, 6, 7, 8]),
        ],
    );
}

#[test]
fn every_error_class_has_its_number() {
    for (number, class) in [
        (0, ErrorClass::BadMajor),
        (1, ErrorClass::NoAuthentication),
        (2, ErrorClass::NoVersion),
        (3, ErrorClass::SetupFailed),
        (4, ErrorClass::AuthenticationRejected),
        (5, ErrorClass::AuthenticationFailed),
        (6, ErrorClass::ProtocolDuplicate),
        (7, ErrorClass::MajorOpcodeDuplicate),
        (8, ErrorClass::UnknownProtocol),
        (0x8000, ErrorClass::BadMinor),
        (0x8001, ErrorClass::BadState),
        (0x8002, ErrorClass::BadLength),
        (0x8003, ErrorClass::BadValue),
        (0x4711, ErrorClass::Other(0x4711)),
    ] {
        assert_eq!(ErrorClass::from_wire(number), class);
        assert_eq!(class.to_wire(), number);
    }
}

#[test]
fn unused_and_pad_bytes_are_ignored() {
    // As libICE sends them: what was in its buffer before.
    let sent = [
        0, 3, 0, 5, 1, 0, 0, 0, 0, 0, b'M', b'I', b'T', 0, 0, 0, //
    ];
    let expected = Message::AuthRequired {
        index: 0,
        data: vec![],
    };
    assert_eq!(Message::decode(ByteOrder::LsbFirst, &sent), Ok(expected));
}

#[test]
fn a_message_that_is_too_short_or_too_long_names_what_does_not_fit() {
    let short = [0, 4, 0, 0, 1, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(
        Message::decode(ByteOrder::LsbFirst, &short),
        Err(Error::BadLength {
            opcode: Opcode::ice(4),
            field: "data",
            expected: 16,
            got: 0
        })
    );
    let long = [0, 9, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(
        Message::decode(ByteOrder::LsbFirst, &long),
        Err(Error::BadLength {
            opcode: Opcode::ice(9),
            field: "message",
            expected: 0,
            got: 8
        })
    );
}

#[test]
fn a_string_that_reaches_beyond_the_message_is_refused() {
    let reply = [0, 6, 0, 0, 1, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0];
    assert!(matches!(
        Message::decode(ByteOrder::LsbFirst, &reply),
        Err(Error::BadLength {
            field: "vendor",
            expected: 0xffff,
            got: 6,
            ..
        })
    ));
}

#[test]
fn values_that_a_field_cannot_have_are_named_with_their_place() {
    let bad = |message: &[u8], expected_field, expected_offset| match Message::decode(
        ByteOrder::LsbFirst,
        message,
    ) {
        Err(Error::BadValue {
            field, offset, got, ..
        }) => {
            assert_eq!((field, offset), (expected_field, expected_offset));
            assert_eq!(got, [message[offset]]);
        }
        other => panic!("{other:?}"),
    };
    bad(&[0, 1, 2, 0, 0, 0, 0, 0], "byte-order", 2);
    let mut setup = [0; 24];
    setup[1] = 2;
    setup[4] = 2;
    setup[8] = 2;
    bad(&setup, "must-authenticate", 8);
    let mut setup = [0; 32];
    setup[1] = 7;
    setup[3] = 9;
    setup[4] = 3;
    bad(&setup, "must-authenticate", 3);
    let mut error = [0; 16];
    error[4] = 1;
    error[9] = 3;
    bad(&error, "severity", 9);
}

#[test]
fn a_message_that_ice_does_not_have_is_refused_by_number() {
    assert_eq!(
        Message::decode(ByteOrder::LsbFirst, &[0, 13, 0, 0, 0, 0, 0, 0]),
        Err(Error::BadMinor {
            opcode: Opcode::ice(13)
        })
    );
}

#[test]
fn an_errors_values_are_cut() {
    let mut message = vec![0; 16 + 1024];
    message[4] = 129;
    let Ok(Message::Error(error)) = Message::decode(ByteOrder::LsbFirst, &message) else {
        panic!("no error");
    };
    assert_eq!(error.values.len(), MAX_ERROR_VALUES);
}

//! Who is let in, and what those are told who are not.

use endsession_ice::{
    ByteOrder, Cookie, Cookies, Error, ErrorClass, Opcode, Protocol, Severity, Wire, client, server,
};

use crate::harness::pair::{Pair, cookies};

fn rejected(shown: Option<Cookies>) -> (Error, Error) {
    let mut server = server::Connection::new(cookies(), "endsession", "1");
    let mut client = client::Connection::new(shown, None);
    loop {
        let up = client.output().to_vec();
        client.sent(up.len());
        let theirs = server.handle_input(&up);
        let down = server.output().to_vec();
        server.sent(down.len());
        let ours = client.handle_input(&down);
        if let Err(theirs) = theirs {
            assert!(server.is_closed() && client.is_closed());
            assert!(!server.is_authenticated());
            assert_eq!(server.poll_event(), None);
            return (theirs, ours.unwrap_err());
        }
        assert!(!up.is_empty(), "nobody was rejected");
    }
}

#[track_caller]
fn refused(error: &Error, class: ErrorClass, severity: Severity, minor: u8) {
    let Error::Refused(told) = error else {
        panic!("{error:?}");
    };
    assert_eq!((told.class, told.severity), (class, severity));
    assert_eq!(
        (told.opcode.protocol, told.opcode.minor),
        (Protocol::Ice, minor)
    );
}

#[test]
fn a_wrong_cookie_is_rejected_for_the_connection() {
    let (server, client) = rejected(Some(Cookies {
        ice: Cookie::new([0; 16]),
        ..cookies()
    }));
    assert_eq!(
        server,
        Error::CookieRejected {
            protocol: Protocol::Ice
        }
    );
    let class = ErrorClass::AuthenticationRejected;
    refused(&client, class, Severity::FatalToProtocol, 4);
}

#[test]
fn a_wrong_cookie_is_rejected_for_xsmp() {
    let (server, client) = rejected(Some(Cookies {
        xsmp: Cookie::new([0; 16]),
        ..cookies()
    }));
    assert_eq!(
        server,
        Error::CookieRejected {
            protocol: Protocol::Xsmp
        }
    );
    let class = ErrorClass::AuthenticationRejected;
    refused(&client, class, Severity::FatalToProtocol, 4);
}

#[test]
fn the_cookies_are_not_interchangeable_for_the_connection() {
    let (server, _) = rejected(Some(Cookies {
        ice: cookies().xsmp,
        xsmp: cookies().xsmp,
    }));
    assert_eq!(
        server,
        Error::CookieRejected {
            protocol: Protocol::Ice
        }
    );
}

#[test]
fn a_client_without_a_cookie_is_rejected() {
    let (server, client) = rejected(None);
    let opcode = Opcode {
        protocol: Protocol::Ice,
        minor: 2,
    };
    assert_eq!(server, Error::NoAuthentication { opcode });
    let class = ErrorClass::NoAuthentication;
    refused(&client, class, Severity::FatalToConnection, 2);
}

#[test]
fn the_cookie_for_ice_opens_xsmp_too_as_libice_shows_it() {
    let mut server = server::Connection::new(cookies(), "endsession", "1");
    let shown = Cookies {
        ice: cookies().ice,
        xsmp: cookies().ice,
    };
    let mut client = client::Connection::new(Some(shown), None);
    while !server.is_authenticated() {
        let up = client.output().to_vec();
        client.sent(up.len());
        server.handle_input(&up).unwrap();
        let down = server.output().to_vec();
        server.sent(down.len());
        client.handle_input(&down).unwrap();
    }
}

#[test]
fn no_connection_prints_a_cookie_that_is_on_its_way() {
    let mut pair = Pair::new(Default::default(), Default::default(), None);
    pair.chunk = 9;
    while pair.step() {
        let printed = format!("{:?} {:?}", pair.server, pair.client);
        // "the cook", as a list of bytes.
        assert!(!printed.contains("116, 104, 101, 32"), "{printed}");
        assert!(!printed.contains("the cook"), "{printed}");
    }
}

// Of a client that sends least significant byte first.
const BYTE_ORDER: [u8; 8] = [0, 1, 0, 0, 0, 0, 0, 0];

fn new() -> server::Connection {
    let wire = Wire {
        order: ByteOrder::LsbFirst,
        opcode: 1,
    };
    let mut server = server::Connection::with_wire(cookies(), "", "", wire);
    server.sent(8);
    server
}

/// What a new connection does with this input, and the error that it sends: class, minor opcode,
/// severity and sequence number.
#[track_caller]
fn ends(input: &[&[u8]], class: u16, minor: u8, severity: u8, sequence: u8) {
    let mut server = new();
    let result = server.handle_input(&input.concat());
    assert!(result.is_err() && server.is_closed(), "{result:?}");
    let told = server.output();
    assert_eq!(told[..2], [0, 0]);
    assert_eq!(told[2..4], class.to_le_bytes());
    assert_eq!(told[8..10], [minor, severity]);
    assert_eq!(told[12], sequence);
}

#[test]
fn whoever_does_not_begin_with_the_byte_order_is_shut_out() {
    ends(&[&[0, 9, 0, 0, 0, 0, 0, 0]], 0x8001, 9, 2, 1);
    ends(&[&[1, 1, 0, 0, 0, 0, 0, 0]], 0, 1, 2, 1);
    ends(&[&[0, 1, 2, 0, 0, 0, 0, 0]], 0x8003, 1, 2, 1);
    // A body, whose length is as unknown as the order.
    ends(
        &[&[0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
        0x8002,
        1,
        2,
        1,
    );
    // Something else altogether.
    ends(&[b"GET / HTTP/1.1\r\n\r\n"], 0x8002, b'E', 2, 1);
}

#[test]
fn nothing_but_setup_comes_before_setup() {
    ends(&[&BYTE_ORDER, &[0, 9, 0, 0, 0, 0, 0, 0]], 0x8001, 9, 2, 2);
    ends(&[&BYTE_ORDER, &BYTE_ORDER], 0x8001, 1, 2, 2);
    ends(&[&BYTE_ORDER, &[1, 1, 0, 0, 0, 0, 0, 0]], 0, 1, 2, 2);
    let auth_reply = [0, 4, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    ends(&[&BYTE_ORDER, &auth_reply], 0x8001, 4, 2, 2);
}

#[test]
fn no_common_version_is_told() {
    let setup = [
        0, 2, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, //
        0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0,
    ];
    ends(&[&BYTE_ORDER, &setup], 2, 2, 2, 2);
}

#[test]
fn a_long_message_before_setup_is_not_waited_for() {
    let header = [0, 2, 1, 1, 0, 0x10, 0, 0];
    ends(&[&BYTE_ORDER, &header], 0x8002, 2, 2, 2);
}

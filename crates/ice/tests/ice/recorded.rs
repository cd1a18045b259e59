//! What libICE 1.0.10 and libSM 1.2.3 really send, recorded from an application (client) and from
//! xfce4-session 4.18 (manager) on a little-endian machine, message by message. Their unused bytes
//! are left as they came: whatever was in the buffer before.

use endsession_ice::{
    ByteOrder, Cookie, Cookies, DialogKind, SaveYourself, Wire, client, property, server,
    well_known::RestartStyle,
};

type S = server::Event;
type C = client::Event;

const LSB: Wire = Wire {
    order: ByteOrder::LsbFirst,
    opcode: 1,
};

const BYTE_ORDER: &str = "0001000000000000";
const CONNECTION_SETUP: &str = "0002010106000000000000000000000003004d49540000000300312e30000000\
    12004d49542d4d414749432d434f4f4b49452d3101000000";
// The cookie of the entry for ICE, 16 times 0x11, both times.
const AUTH_REPLY: &str = "0004010103000000100000000000000011111111111111111111111111111111";
const PROTOCOL_SETUP: &str = "00070100070000000101000000000000040058534d50111103004d4954111111\
    0300312e302d4d4112004d49542d4d414749432d434f4f4b49452d3101000000";
const REGISTER_CLIENT: &str = "01010100010000000000000000000000";
const SET_PROPERTIES: &str = "010c01002400000005000000000000000700000050726f6772616d0000000000\
    06000000415252415938000000000000010000000000000003000000736d6300\
    0600000055736572494400000000000006000000415252415938000000000000\
    010000000000000004000000726f6f740e00000052657374617274436f6d6d61\
    6e640000000000000c0000004c4953546f664152524159380300000000000000\
    03000000736d6300080000002d73657373696f6e000000000100000078000000\
    0c000000436c6f6e65436f6d6d616e640c0000004c4953546f66415252415938\
    010000000000000003000000736d630010000000526573746172745374796c65\
    48696e7400000000050000004341524438000000000000000100000000000000\
    0400000000000000";
const SAVE_YOURSELF_DONE: &str = "0108010000000000";
const GET_PROPERTIES: &str = "010e010000000000";
const DELETE_PROPERTIES: &str = "010d01000400000001000000000000000e00000044697363617264436f6d6d61\
    6e64000041525241";
const SAVE_YOURSELF_REQUEST: &str = "01040100010000000001020001000000";
const PHASE2_REQUEST: &str = "0110010000000000";
const INTERACT_REQUEST: &str = "0105010000000000";
const INTERACT_DONE_CANCEL: &str = "0107010000000000";
const PING_REPLY: &str = "000a010000000000";
const CLOSE_CONNECTION: &str = "010b010003000000010000000000000007000000627965206e6f770000000000";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
    let byte = |pair: &[u32]| u8::try_from(pair[0] * 16 + pair[1]).unwrap();
    digits.chunks_exact(2).map(byte).collect()
}

#[track_caller]
fn takes(server: &mut server::Connection, messages: &[&str], expected: &[S]) {
    for message in messages {
        server.handle_input(&bytes(message)).unwrap();
    }
    let events: Vec<_> = std::iter::from_fn(|| server.poll_event()).collect();
    assert_eq!(events, expected);
    assert_eq!(server.errors(), 0);
}

#[track_caller]
fn sends(server: &mut server::Connection, expected: &str) {
    assert_eq!(server.output(), bytes(expected));
    server.sent(usize::MAX);
}

fn registered() -> server::Connection {
    let cookies = Cookies {
        ice: Cookie::new([0x11; 16]),
        xsmp: Cookie::new([0x22; 16]),
    };
    let mut server = server::Connection::with_wire(cookies, "endsession", "0.1", LSB);
    sends(&mut server, "0001000000000000");
    takes(&mut server, &[BYTE_ORDER, CONNECTION_SETUP], &[]);
    sends(&mut server, "00030000010000000000000000000000");
    takes(&mut server, &[AUTH_REPLY], &[]);
    sends(
        &mut server,
        "00060000030000000a00656e6473657373696f6e0300302e3100000000000000",
    );
    takes(&mut server, &[PROTOCOL_SETUP], &[]);
    sends(&mut server, "00030000010000000000000000000000");
    takes(&mut server, &[AUTH_REPLY], &[]);
    sends(
        &mut server,
        "00080001030000000a00656e6473657373696f6e0300302e3100000000000000",
    );
    let asked = S::RegisterRequested { previous: None };
    takes(&mut server, &[REGISTER_CLIENT], &[asked]);
    server.register("1234").unwrap();
    server.save_yourself(SaveYourself::INITIAL).unwrap();
    sends(
        &mut server,
        "01020000010000000400000031323334 01030000010000000100000000000000",
    );
    let events = [S::PropertiesChanged, S::SaveDone { success: true }];
    takes(&mut server, &[SET_PROPERTIES, SAVE_YOURSELF_DONE], &events);
    server.save_complete().unwrap();
    sends(&mut server, "0112000000000000");
    server
}

#[test]
fn an_application_on_libsm_logs_off() {
    let mut server = registered();
    takes(&mut server, &[DELETE_PROPERTIES, GET_PROPERTIES], &[]);
    assert_eq!(server.output()[..8], bytes("010f000024000000"));
    server.sent(usize::MAX);
    let save = SaveYourself::LOG_OFF;
    let event = S::SaveYourselfRequested { save, global: true };
    takes(&mut server, &[SAVE_YOURSELF_REQUEST], &[event]);
    server.save_yourself(save).unwrap();
    server.ping().unwrap();
    sends(
        &mut server,
        "01030000010000000001020000000000 0009000000000000",
    );
    let messages = [SET_PROPERTIES, SAVE_YOURSELF_DONE, PING_REPLY];
    let events = [S::PropertiesChanged, S::SaveDone { success: true }, S::Pong];
    takes(&mut server, &messages, &events);
    server.die().unwrap();
    sends(&mut server, "0109000000000000");
    let reasons = vec!["bye now".to_owned()];
    takes(&mut server, &[CLOSE_CONNECTION], &[S::Closed { reasons }]);
}

#[test]
fn an_application_on_libsm_asks_its_user_who_cancels() {
    let mut server = registered();
    server.save_yourself(SaveYourself::LOG_OFF).unwrap();
    server.sent(usize::MAX);
    let kind = DialogKind::Normal;
    takes(
        &mut server,
        &[INTERACT_REQUEST],
        &[S::InteractRequested { kind }],
    );
    server.interact().unwrap();
    sends(&mut server, "0106000000000000");
    let event = S::InteractDone { cancel: true };
    takes(&mut server, &[INTERACT_DONE_CANCEL], &[event]);
    server.shutdown_cancelled().unwrap();
    // With a ping behind it, to know when it was seen.
    sends(&mut server, "010a000000000000 0009000000000000");
    let messages = [SAVE_YOURSELF_DONE, PING_REPLY];
    takes(&mut server, &messages, &[S::SaveDone { success: true }]);
    assert_eq!(server.state(), server::State::Idle);
}

#[test]
fn an_application_on_libsm_waits_for_the_others() {
    let mut server = registered();
    server.save_yourself(SaveYourself::LOG_OFF).unwrap();
    server.sent(usize::MAX);
    takes(&mut server, &[PHASE2_REQUEST], &[S::Phase2Requested]);
    server.save_yourself_phase2().unwrap();
    sends(&mut server, "0111000000000000");
    let event = S::SaveDone { success: true };
    takes(&mut server, &[SAVE_YOURSELF_DONE], &[event]);
}

#[test]
fn the_properties_of_an_application_on_libsm_are_read() {
    let server = registered();
    let properties = server.properties();
    assert_eq!(properties.len(), 5);
    assert_eq!(properties.program(), Some(&b"smc"[..]));
    assert_eq!(properties.user_id(), Some(&b"root"[..]));
    let restart: [&[u8]; 3] = [b"smc", b"-session", b"x"];
    assert_eq!(properties.restart_command().unwrap(), restart);
    assert_eq!(properties.restart_style(), RestartStyle::IfRunning);
    let program = properties.get("Program").unwrap();
    assert_eq!(program.kind, property::ARRAY8);
}

#[test]
fn xfce4_session_takes_a_client_and_saves_it() {
    let cookies = Cookies {
        ice: Cookie::new([0x11; 16]),
        xsmp: Cookie::new([0x11; 16]),
    };
    let mut client = client::Connection::with_wire(Some(cookies), None, LSB);
    let mut takes = |message: &str, answer: &str, expected: &[C]| {
        client.handle_input(&bytes(message)).unwrap();
        let events: Vec<_> = std::iter::from_fn(|| client.poll_event()).collect();
        assert_eq!(events, expected);
        if let Some(C::SaveYourself(_)) = events.last() {
            client.save_done(true).unwrap();
        }
        assert_eq!(client.output(), bytes(answer), "{message}");
        client.sent(usize::MAX);
    };
    let setup = "0001000000000000 00020101060000000000000000000000 03004d4954000000\
        0300312e30000000 12004d49542d4d414749432d434f4f4b49452d31 01000000";
    takes("0001000500000000", setup, &[]);
    let cookie = "00040000030000001000000000000000 11111111111111111111111111111111";
    takes("00030005010000000000000000000000", cookie, &[]);
    let setup = "00070100070000000101000000000000 040058534d500000 03004d4954000000\
        0300312e30000000 12004d49542d4d414749432d434f4f4b49452d31 01000000";
    takes(
        "000600050200000003004d49540000000300312e30550000",
        setup,
        &[],
    );
    takes("000300050100000000004d4954000000", cookie, &[]);
    let reply = "00080001030000000d0078666365342d73657373696f6e000600342e31382e31";
    takes(reply, "01010000010000000000000000000000", &[]);
    let reply = "0102000106000000250000003234663865353365352d616331372d346463312d\
        383635342d3463663133643139396238381d085bee550000";
    takes(reply, "", &[C::Registered]);
    let save = SaveYourself::INITIAL;
    takes(
        "01030001010000000100000032346638",
        "0108010000000000",
        &[C::SaveYourself(save)],
    );
    takes("0112000100000000", "", &[C::SaveComplete]);
    assert_eq!(
        client.client_id(),
        Some("24f8e53e5-ac17-4dc1-8654-4cf13d199b88")
    );
    assert_eq!(
        (client.vendor(), client.release()),
        ("xfce4-session", "4.18.1")
    );
}

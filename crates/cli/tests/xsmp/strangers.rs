//! Whoever speaks XSMP badly or not at all loses its connection; honest clients notice nothing.

use std::io::Read as _;

use endsession_ice::authority;
use endsession_testkit::wait::{self, Deadline};
use endsession_testkit::xsmp_client::{XsmpApp, connect};
use rustix::process::getuid;

use crate::desk::{Desk, INITIAL, QUERY, has_ended, register};
use crate::support::{LIMIT, until};

/// Strangers whom the manager bears at once.
const MAX_STRANGERS: usize = 64;

/// A byte order and the first message of ICE, as far as its length: 4 GiB.
const ENDLESS: &[u8] = &[0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0xff, 0xff, 0xff, 0xff];

/// A client that says this after it has registered loses its connection, and the manager says why.
#[track_caller]
fn loses_its_connection(desk: &Desk, bytes: &[u8]) {
    let app = desk.client("hostile");
    app.order_with("bytes", bytes);
    until_over(&app);
    let complaint = format!("of hostile (pid {}) is closed", app.pid());
    desk.run.stderr().wait_for(&complaint, LIMIT);
}

/// Whatever it is told before.
#[track_caller]
fn until_over(app: &XsmpApp) {
    while !matches!(app.next().split(':').next(), Some("closed" | "refused")) {}
}

#[test]
fn a_wrong_cookie_lets_nobody_in() {
    let desk = Desk::new();
    let app = desk.app("thief");
    app.order("connect cookie=wrong");
    let refused = app.hears("refused: ");
    assert!(refused.contains("AuthenticationRejected"), "{refused}");
    assert_eq!(desk.status()["applications"], serde_json::json!([]));
    desk.serves_honest_clients();
}

#[test]
fn no_cookie_lets_nobody_in() {
    let desk = Desk::new();
    let app = desk.app("thief");
    app.order("connect cookie=none");
    let refused = app.hears("refused: ");
    assert!(refused.contains("NoAuthentication"), "{refused}");
    desk.serves_honest_clients();
}

#[test]
fn another_user_is_not_even_spoken_to() {
    assert!(getuid().is_root(), "only root can be two users");
    let desk = Desk::new();
    assert_ne!(desk.sandbox.uid(), 0);
    // It may read the secret, too.
    assert!(authority::file::read(&desk.authority).is_ok());
    let mut stream = connect(&desk.manager).unwrap();
    assert!(Deadline::after(LIMIT).readable(std::os::fd::AsFd::as_fd(&stream)));
    // Not even the byte order, which comes first.
    assert!(!matches!(stream.read(&mut [0; 16]), Ok(1..)));
    desk.run
        .stderr()
        .wait_for("user 0 tried to be an XSMP client", LIMIT);
    // Nor by a connection each for ever.
    for _ in 0..200 {
        drop(connect(&desk.manager).unwrap());
    }
    desk.serves_honest_clients();
}

#[test]
fn half_a_message_and_silence_hold_up_nobody() {
    let desk = Desk::new();
    let (stranger, known) = (desk.app("stranger"), desk.client("known"));
    stranger.order("knock 1");
    stranger.hears("knocked");
    stranger.order_with("bytes", &[0, 1, 0]);
    // A known one, too, in the middle of a property: it is waited for as one that is silent, until
    // it leaves.
    known.order_with("bytes", &[1, 12, 0, 0, 0xff, 0, 0, 0, 1]);
    let honest = desk.client("honest");
    let log_off = desk.log_off();
    known.hears(QUERY);
    honest.hears(QUERY);
    honest.order("done yes");
    known.order("exit");
    desk.lets_go(&honest);
    has_ended(&log_off, "The session has ended.");
    desk.ends_in_order();
}

#[test]
fn a_length_of_4_gib_is_not_waited_for() {
    let desk = Desk::new();
    let stranger = desk.app("stranger");
    let before = desk.memory();
    stranger.order("knock 1");
    stranger.hears("knocked");
    stranger.order_with("bytes", ENDLESS);
    stranger.hears("closed");
    loses_its_connection(&desk, &[1, 12, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    assert!(desk.memory() < before + (8 << 20));
    desk.serves_honest_clients();
}

#[test]
fn garbage_ends_a_connection() {
    let desk = Desk::new();
    let stranger = desk.app("stranger");
    for garbage in [
        &b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..],
        &[0xff; 4096],
        b"\x00\x01\x07\x00\x00\x00\x00\x00",
        b"\x00\x02\x00\x00\x00\x00\x00\x00",
    ] {
        stranger.order("knock 1");
        stranger.hears("knocked");
        stranger.order_with("bytes", garbage);
        stranger.hears("closed");
    }
    loses_its_connection(&desk, &[0xff; 4096]);
    desk.serves_honest_clients();
}

#[test]
fn unknown_messages_are_errors_and_too_many_of_them_the_end() {
    let desk = Desk::new();
    let clumsy = desk.client("clumsy");
    for message in [[1, 99, 0, 0, 0, 0, 0, 0], [1, 9, 0, 0, 0, 0, 0, 0]] {
        clumsy.order_with("bytes", &message);
        clumsy.hears("error BadMinor");
    }
    clumsy.order_with("bytes", &[7, 1, 0, 0, 0, 0, 0, 0]);
    clumsy.hears("error BadMajor");
    // It is a client nevertheless; one that does nothing else is none for long.
    loses_its_connection(&desk, &[1, 99, 0, 0, 0, 0, 0, 0].repeat(100));
    desk.log_off_of(&clumsy);
}

#[test]
fn clients_speak_in_either_byte_order() {
    let desk = Desk::new();
    let (big, little) = (desk.app("big"), desk.app("little"));
    for (app, order) in [(&big, "big"), (&little, "little")] {
        app.order(&format!("connect order={order}"));
        app.hears("registered ");
        app.hears(INITIAL);
        app.order_with("set Program", order.as_bytes());
        app.order("done yes");
        app.hears("complete");
    }
    let status = desk.status();
    let mut told: Vec<_> = status["applications"].as_array().unwrap().iter().collect();
    told.sort_by_key(|a| a["name"].as_str());
    for (app, name) in told.into_iter().zip(["big", "little"]) {
        assert_eq!(app["xsmp"][0]["properties"]["Program"][0], name);
    }
    let log_off = desk.log_off();
    for app in [&big, &little] {
        app.hears(QUERY);
        app.order("done yes");
    }
    for app in [&big, &little] {
        desk.lets_go(app);
    }
    has_ended(&log_off, "The session has ended.");
}

#[test]
fn who_asks_and_never_reads_is_hung_up_on() {
    let desk = Desk::new();
    let deaf = desk.client("deaf");
    deaf.order_with("set Program", &vec![b'x'; 100 << 10]);
    let before = desk.memory();
    deaf.order("deaf");
    deaf.order("get 100");
    let complaint = format!("of deaf (pid {}) is closed", deaf.pid());
    desk.run.stderr().wait_for(&complaint, LIMIT);
    assert!(desk.memory() < before + (16 << 20));
    desk.serves_honest_clients();
}

#[test]
fn a_thousand_who_never_authenticate_leave_room_for_one_who_does() {
    let desk = Desk::new();
    let honest = desk.client("honest");
    let (descriptors, memory) = (desk.descriptors(), desk.memory());
    let crowd = desk.app("crowd");
    crowd.order("knock 1000");
    crowd.hears("knocked");
    for _ in MAX_STRANGERS..1000 {
        crowd.hears("closed");
    }
    // Those that are left are still there, and nobody else.
    until(|| desk.descriptors() <= descriptors + MAX_STRANGERS);
    assert!(desk.memory() < memory + (16 << 20));
    let another = desk.app("another");
    register(&another);
    another.order("exit");
    another.ends();
    assert!(wait::is_alive(crowd.pid()));
    desk.log_off_of(&honest);
}

#[test]
fn connections_that_come_and_go_leave_nothing() {
    let desk = Desk::new();
    let honest = desk.client("honest");
    let descriptors = desk.descriptors();
    let restless = desk.app("restless");
    for _ in 0..20 {
        restless.order("knock 20");
        restless.hears("knocked");
        restless.order("hang-up");
        register(&restless);
        restless.order("close");
    }
    until(|| desk.descriptors() <= descriptors);
    desk.log_off_of(&honest);
}

//! The manager's side of a connection, under any input and any commands in any order.

use endsession_ice::server::{Connection, Event, State};
use endsession_ice::{MAX_ERRORS, MAX_EVENTS, MAX_OUTPUT, WrongState};

use super::ops::Ops;
use super::pair::{Pair, cookies};
use super::properties::within_limits;

/// The first bytes say how both sides send and whether the client is registered; then operations
/// follow until there are no more.
pub(crate) fn server(data: &[u8]) {
    let mut ops = Ops(data);
    let (ours, theirs) = (ops.wire(), ops.wire());
    let mut server = match ops.bool() {
        false => Connection::with_wire(cookies(), "endsession", "1", ours),
        true => Pair::registered_with(theirs).server,
    };
    while ops.more() {
        let was_closed = server.is_closed();
        operation(&mut server, &mut ops, theirs);
        check(&server);
        assert!(!was_closed || server.is_closed());
    }
    poll(&mut server);
    check(&server);
}

fn operation(server: &mut Connection, ops: &mut Ops<'_>, theirs: endsession_ice::Wire) {
    let major = theirs.opcode.max(1);
    let state = server.state();
    match ops.byte() % 20 {
        0 => input(server, ops.take(64)),
        1 => input(server, &ops.message(theirs.order, 0)),
        2..=4 => input(server, &ops.message(theirs.order, major)),
        5 => {
            let message = ops.message(theirs.order, major);
            input(server, &message.repeat(usize::from(ops.byte())));
        }
        6 => exactly(server.register("1"), state == State::Registering),
        7 => exactly(server.refuse_previous_id(), state == State::Registering),
        8 | 9 => {
            let allowed = [State::Idle, State::Saved, State::Cancelled];
            exactly(server.save_yourself(ops.save()), allowed.contains(&state));
        }
        10 => {
            let done = server.save_yourself_phase2();
            assert!(done.is_ok() || state != State::Phase2Requested);
        }
        11 => exactly(server.interact(), state == State::InteractRequested),
        12 => exactly(server.save_complete(), state == State::Saved),
        13 => {
            let done = server.shutdown_cancelled();
            let after = [State::Idle, State::Cancelled, State::Closed];
            assert!(done.is_err() || after.contains(&server.state()));
        }
        14 => {
            let before = [
                State::Authenticating,
                State::Connected,
                State::Unregistered,
                State::Registering,
                State::Closed,
            ];
            exactly(server.die(), !before.contains(&state));
        }
        15 => {
            let _ = server.ping();
        }
        16 => server.sent(usize::from(ops.byte())),
        17 => server.sent(usize::MAX),
        _ => poll(server),
    }
}

/// A command is taken where it is allowed, and nowhere else.
fn exactly(done: Result<(), WrongState>, allowed: bool) {
    assert_eq!(done.is_ok(), allowed, "{done:?}");
}

fn input(server: &mut Connection, bytes: &[u8]) {
    let was_closed = server.is_closed();
    let result = server.handle_input(bytes);
    assert!(result.is_ok() || server.is_closed());
    assert!(result.is_ok() || !was_closed);
}

fn poll(server: &mut Connection) {
    let mut events = 0;
    while let Some(event) = server.poll_event() {
        events += 1;
        // Beside those of the client: that a command found no room, and the end.
        assert!(events <= MAX_EVENTS + 2);
        if let Event::Closed { .. } = event {
            assert!(server.is_closed());
            // It is the last.
            assert_eq!(server.poll_event(), None);
        }
    }
}

fn check(server: &Connection) {
    assert!(server.output().len() <= MAX_OUTPUT);
    assert!(server.errors() <= MAX_ERRORS + 1);
    assert_eq!(server.is_closed(), server.state() == State::Closed);
    within_limits(server.properties());
}

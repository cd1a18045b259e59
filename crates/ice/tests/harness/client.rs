//! The application's side of a connection, under any input and any commands in any order.

use endsession_ice::client::{Connection, State};
use endsession_ice::{MAX_ERRORS, MAX_OUTPUT, Property, Wire};

use super::ops::Ops;
use super::pair::{Pair, cookies};

/// The first bytes say how both sides send and whether the client is registered; then operations
/// follow until there are no more.
pub(crate) fn client(data: &[u8]) {
    let mut ops = Ops(data);
    let (ours, theirs) = (ops.wire(), ops.wire());
    let has_cookies = ops.bool();
    let mut client = match ops.bool() {
        false => Connection::with_wire(has_cookies.then(cookies), Some("1"), ours),
        // Joined to a manager that sends in its default way, with opcode 1.
        true => Pair::registered_with(ours).client,
    };
    while ops.more() {
        let was_closed = client.is_closed();
        operation(&mut client, &mut ops, theirs);
        check(&client);
        assert!(!was_closed || client.is_closed());
    }
    while client.poll_event().is_some() {}
}

fn operation(client: &mut Connection, ops: &mut Ops<'_>, theirs: Wire) {
    let state = client.state();
    match ops.byte() % 20 {
        0 => input(client, ops.take(64)),
        1 => input(client, &ops.message(theirs.order, 0)),
        2..=4 => input(client, &ops.message(theirs.order, theirs.opcode.max(1))),
        5 | 6 => input(client, &ops.message(Wire::default().order, 1)),
        7 => {
            let message = ops.message(Wire::default().order, 1);
            input(client, &message.repeat(usize::from(ops.byte())));
        }
        8 => {
            let value = ops.take(8);
            let _ = client.set_properties(vec![Property::array8("Program", value)]);
        }
        9 => {
            let _ = client.delete_properties(&["Program"]);
        }
        10 => {
            let _ = client.get_properties();
        }
        11 => {
            let (save, global) = (ops.save(), ops.bool());
            let _ = client.request_save(save, global);
        }
        12 => {
            let done = client.interact_request(ops.dialog());
            assert!(done.is_err() || client.state() == State::InteractRequested);
        }
        13 => {
            let done = client.interact_done(ops.bool());
            assert!(done.is_err() || state == State::Interacting);
        }
        14 => {
            let done = client.phase2_request();
            assert_eq!(done.is_ok(), state == State::Saving);
        }
        15 => {
            let owed = [State::Saving, State::SavingPhase2, State::Cancelled];
            assert_eq!(client.save_done(ops.bool()).is_ok(), owed.contains(&state));
        }
        16 => {
            let _ = client.ping();
        }
        17 => client.sent(usize::from(ops.byte()) * 16),
        18 => {
            let end = ops.byte() == 0;
            if end {
                client.close(&["reason"]);
                assert!(client.is_closed());
            }
        }
        _ => while client.poll_event().is_some() {},
    }
}

fn input(client: &mut Connection, bytes: &[u8]) {
    let was_registered = client.client_id().is_some();
    let result = client.handle_input(bytes);
    assert!(result.is_ok() || client.is_closed());
    assert!(!was_registered || client.client_id().is_some());
}

fn check(client: &Connection) {
    assert!(client.output().len() <= MAX_OUTPUT);
    assert!(client.errors() <= MAX_ERRORS + 1);
    assert_eq!(client.is_closed(), client.state() == State::Closed);
}

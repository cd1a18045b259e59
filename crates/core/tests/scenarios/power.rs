//! Ends that take the machine along: what has to be permitted first, and what is called off.

use endsession_core::*;

use crate::desk::{App, Backend, Closed, Desk, Leave, Says};
use crate::{editor, mail};

fn power_off() -> Request {
    Request {
        kind: Kind::PowerOff,
        ..Request::default()
    }
}

#[test]
fn leave_is_asked_before_anybody_else_is() {
    let mut desk = Desk::new([mail()]);
    desk.backend = Backend::GoesDown(30_000);
    desk.request(power_off());
    desk.log_is(&[
        "0.0 -- Authorizing",
        "0.0 ask leave: PowerOff",
        "0.0 -- Asking",
        "0.0 ask mail",
        "0.0 mail says yes",
        "0.0 -- Closing",
        "0.0 end mail",
        "0.0 mail has gone",
        "0.0 -- Ending",
        "0.0 SIGTERM the rest",
        "0.0 end the session: PowerOff",
    ]);
    desk.tell(Event::Backend(Ok(())));
    desk.log_is(&["0.0 OVER"]);
}

#[test]
fn without_leave_nobody_is_asked() {
    let mut desk = Desk::new([mail()]);
    desk.leave = Leave::Refused("not in the group");
    desk.request(power_off());
    desk.log_is(&[
        "0.0 -- Authorizing",
        "0.0 ask leave: PowerOff",
        "0.0 CANCELLED NotAuthorized(\"not in the group\")",
    ]);
}

#[test]
fn leave_is_asked_when_the_user_has_confirmed() {
    let mut desk = Desk::new([]);
    desk.request(Request {
        confirm: true,
        ..power_off()
    });
    desk.log_is(&["0.0 -- Confirming", "0.0 show"]);
    desk.choose(Choice::Confirm);
    desk.log_starts(&["0.0 hide", "0.0 -- Authorizing", "0.0 ask leave: PowerOff"]);
}

#[test]
fn a_password_that_nobody_gives_cancels_in_time() {
    let mut desk = Desk::new([mail()]);
    desk.leave = Leave::AsksUser;
    desk.request(power_off());
    desk.wait(300_000);
    desk.log_is(&[
        "0.0 -- Authorizing",
        "0.0 ask leave: PowerOff",
        "300.0 CANCELLED NotAuthorized(\"nobody answered whether it is permitted\")",
    ]);
}

#[test]
fn a_log_off_that_becomes_more_closes_nothing_before_that_is_permitted() {
    let burner = App::new("burner").votes(Says::AsksUser);
    let mut desk = Desk::new([mail(), burner]);
    desk.leave = Leave::AsksUser;
    desk.log_off();
    desk.request(power_off());
    desk.answers("burner", Answer::Accept);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask mail",
        "0.0 ask burner",
        "0.0 mail says yes",
        "0.0 burner asks the user",
        "0.0 ask leave: PowerOff",
        "0.0 burner says yes",
    ]);
    desk.tell(Event::Authorized(Kind::PowerOff, Ok(())));
    desk.log_starts(&["0.0 -- Closing"]);
}

#[test]
fn an_end_of_the_machine_that_does_not_come_is_a_failure_that_says_what_has_gone() {
    let mut desk = Desk::new([mail()]);
    desk.backend = Backend::GoesDown(95_000);
    desk.request(power_off());
    desk.wait(95_000);
    desk.log_ends(&[
        "0.0 end the session: PowerOff",
        "95.0 FAILED the machine did not go down in time; gone mail",
    ]);
}

#[test]
fn an_end_of_the_machine_that_is_called_off_is_a_failure_that_says_what_has_gone() {
    let mut desk = Desk::new([mail()]);
    desk.backend = Backend::GoesDown(95_000);
    desk.request(power_off());
    desk.tell(Event::Restored);
    desk.log_ends(&[
        "0.0 end the session: PowerOff",
        "0.0 FAILED the end of the machine was called off; gone mail",
    ]);
}

#[test]
fn an_imposed_end_is_shown_when_it_lasts() {
    let mut desk = Desk::new([editor()]);
    desk.tell(Event::Imposed(5_000));
    desk.wait(2_999);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 -- Imposed",
        "0.0 close editor: * letter",
        "0.0 close editor: Save?",
        "0.3 show",
    ]);
}

#[test]
fn an_imposed_end_can_be_called_off_also_when_all_that_was_to_be_done_is_done() {
    let stays = App::new("hung").votes(Says::Yes).when_closed(Closed::Stays);
    let mut desk = Desk::new([mail(), stays]);
    desk.backend = Backend::GoesDown(30_000);
    desk.tell(Event::Imposed(5_000));
    desk.wait(4_000);
    desk.log_ends(&[
        "3.0 -- Ending",
        "3.0 SIGTERM the rest",
        "3.0 end the session: LogOff",
    ]);
    desk.tell(Event::Restored);
    desk.log_is(&["4.0 CANCELLED Restored; gone mail; told hung"]);
    desk.log_off();
    desk.log_starts(&["4.0 -- Asking"]);
}

#[test]
fn a_log_off_that_is_past_stopping_is_not_called_off_with_the_machines_end() {
    let mut desk = Desk::new([]);
    desk.rest_goes = false;
    desk.log_off();
    desk.tell(Event::Imposed(5_000));
    desk.tell(Event::Restored);
    desk.tell(Event::RestGone);
    desk.log_ends(&["0.0 end the session: LogOff", "0.0 OVER"]);
}

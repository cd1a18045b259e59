//! The end of it, and an end that nobody can refuse.

use endsession_core::*;

use crate::desk::{App, Backend, Closed, Desk, Says};
use crate::{editor, mail};

#[test]
fn a_backend_that_refuses_is_a_failure_that_says_what_has_gone() {
    let mut desk = Desk::new([mail()]);
    desk.backend = Backend::Refuses("another user is logged on");
    desk.log_off();
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask mail",
        "0.0 mail says yes",
        "0.0 -- Closing",
        "0.0 end mail",
        "0.0 mail has gone",
        "0.0 -- Ending",
        "0.0 SIGTERM the rest",
        "0.0 end the session: LogOff",
        "0.0 FAILED another user is logged on; gone mail",
    ]);
}

#[test]
fn a_backend_that_hangs_is_a_failure() {
    let mut desk = Desk::new([]);
    desk.backend = Backend::Hangs;
    desk.log_off();
    desk.wait(30_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 -- Closing",
        "0.0 -- Ending",
        "0.0 SIGTERM the rest",
        "0.0 end the session: LogOff",
        "30.0 FAILED the session did not end in time",
    ]);
}

#[test]
fn an_imposed_end_tells_everyone_at_once_and_ends_in_its_budget() {
    let mut desk = Desk::new([
        App::new("burner")
            .votes(Says::No("burning"))
            .when_closed(Closed::Stays),
        editor(),
        mail(),
    ]);
    desk.tell(Event::Imposed(10_000));
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 -- Imposed",
        "0.0 end burner by force",
        "0.0 close editor: * letter",
        "0.0 end mail by force",
        "0.0 close mail: Inbox",
        "0.0 close editor: Save?",
        "0.0 mail has gone",
    ]);
    desk.wait(10_000);
    desk.log_is(&[
        "0.3 show",
        "6.0 hide",
        "6.0 -- Ending",
        "6.0 SIGTERM the rest",
        "6.0 end the session: LogOff",
        "6.0 OVER",
    ]);
}

#[test]
fn an_imposed_end_takes_over_a_request_and_can_be_called_off() {
    let mut desk = Desk::new([
        mail(),
        App::new("burner")
            .votes(Says::No("burning"))
            .when_closed(Closed::Stays),
    ]);
    desk.log_off();
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask mail",
        "0.0 ask burner",
        "0.0 mail says yes",
        "0.0 burner says no: burning",
        "0.0 blocked by burner, no: burning",
    ]);
    desk.tell(Event::Imposed(10_000));
    desk.log_is(&[
        "0.0 -- Imposed",
        "0.0 end mail by force",
        "0.0 close mail: Inbox",
        "0.0 end burner by force",
        "0.0 cleared burner, no: burning",
        "0.0 mail has gone",
    ]);
    desk.tell(Event::Restored);
    desk.wait(60_000);
    desk.log_is(&["0.0 CANCELLED Restored; gone mail; told burner"]);
}

#[test]
fn what_ignores_an_imposed_end_is_killed_within_its_budget() {
    let mut desk = Desk::new([App::new("hung").votes(Says::Yes).when_closed(Closed::Stays)]);
    desk.rest_goes = false;
    desk.tell(Event::Imposed(10_000));
    desk.wait(10_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 -- Imposed",
        "0.0 end hung by force",
        "0.3 show",
        "6.0 hide",
        "6.0 -- Ending",
        "6.0 SIGTERM the rest",
        "9.0 SIGKILL the rest",
        "9.5 end the session: LogOff",
        "9.5 OVER",
    ]);
}

#[test]
fn what_is_left_gets_sigterm_then_sigkill_then_the_session_ends() {
    let mut desk = Desk::new([]);
    desk.rest_goes = false;
    desk.log_off();
    desk.wait(10_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 -- Closing",
        "0.0 -- Ending",
        "0.0 SIGTERM the rest",
        "5.0 SIGKILL the rest",
        "10.0 end the session: LogOff",
        "10.0 OVER",
    ]);
}

//! Silence, and who is shown what the request waits for.

use endsession_core::*;

use crate::desk::{App, Closed, Desk, Says};
use crate::mail;

#[test]
fn an_xsmp_client_that_never_answers_is_asked_by_its_windows() {
    let mut desk = Desk::new([
        App::new("office")
            .window("letter")
            .votes_late(Says::Nothing)
            .when_closed(Closed::AsksToSave),
        App::new("viewer").window("dog"),
    ]);
    desk.log_off();
    desk.wait(60_000);
    desk.saves("office");
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask office",
        "5.0 office is slow",
        "5.0 ping office",
        "5.3 show",
        "30.0 ping office",
        "30.0 office abstains",
        "30.0 hide",
        "30.0 -- Closing",
        "30.0 close office: letter",
        "30.0 blocked by office, window: Save?",
        "30.3 show",
        "60.0 cleared office, window: Save?",
        "60.0 blocked by office, window: letter",
        "60.0 office has gone",
        "60.0 cleared office, window: letter",
        "60.0 hide",
        "60.0 close viewer: dog",
        "60.0 viewer has gone",
        "60.0 -- Ending",
        "60.0 SIGTERM the rest",
        "60.0 end the session: LogOff",
        "60.0 OVER",
    ]);
}

#[test]
fn slow_at_five_seconds_and_not_responding_only_without_a_pong() {
    let mut desk = Desk::new([
        App::new("office").votes(Says::Nothing),
        App::new("hung").votes(Says::Nothing).answers_no_ping(),
    ]);
    desk.log_off();
    desk.wait(31_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask office",
        "0.0 ask hung",
        "5.0 office is slow",
        "5.0 ping office",
        "5.0 hung is slow",
        "5.0 ping hung",
        "5.3 show",
        "30.0 ping office",
        "30.0 ping hung",
        "30.0 blocked by hung, not responding",
    ]);
    desk.answers("office", Answer::Accept);
    desk.answers("hung", Answer::Accept);
    desk.log_is(&[
        "31.0 office says yes",
        "31.0 hung says yes",
        "31.0 cleared hung, not responding",
        "31.0 hide",
        "31.0 -- Closing",
        "31.0 end office",
        "31.0 end hung",
        "31.0 office has gone",
        "31.0 hung has gone",
        "31.0 -- Ending",
        "31.0 SIGTERM the rest",
        "31.0 end the session: LogOff",
        "31.0 OVER",
    ]);
}

#[test]
fn a_stopped_process_is_not_responding_at_once() {
    let mut desk = Desk::new([App::new("hung").votes(Says::Nothing)]);
    desk.log_off();
    desk.tell(Event::Stopped(desk.of("hung")));
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask hung",
        "0.0 blocked by hung, not responding",
    ]);
}

#[test]
fn a_late_answer_to_a_cancelled_query_does_not_count_for_the_next() {
    let mut desk = Desk::new([App::new("office").votes(Says::Nothing)]);
    desk.log_off();
    desk.choose(Choice::Cancel);
    desk.log_off();
    desk.answers("office", Answer::Accept);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask office",
        "0.0 void office",
        "0.0 CANCELLED User",
        "0.0 -- Asking",
        "0.0 ask office",
        "0.0 office says yes",
    ]);
    desk.answers("office", Answer::Accept);
    desk.log_is(&[
        "0.0 office says yes",
        "0.0 -- Closing",
        "0.0 end office",
        "0.0 office has gone",
        "0.0 -- Ending",
        "0.0 SIGTERM the rest",
        "0.0 end the session: LogOff",
        "0.0 OVER",
    ]);
}

#[test]
fn a_look_that_never_completes_fails_and_closes_nothing() {
    let mut desk = Desk::new([App::new("viewer").window("dog")]);
    desk.looks = false;
    desk.log_off();
    desk.wait(20_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "10.0 FAILED the display did not tell its windows in time",
    ]);
}

#[test]
fn confirm_asks_the_user_before_anybody() {
    let mut desk = Desk::new([mail()]);
    let confirm = || Request {
        confirm: true,
        ..Request::default()
    };
    desk.request(confirm());
    desk.log_is(&["0.0 -- Confirming", "0.0 show"]);
    desk.choose(Choice::Cancel);
    desk.log_is(&["0.0 hide", "0.0 CANCELLED User"]);
    desk.request(confirm());
    desk.choose(Choice::Confirm);
    desk.log_is(&[
        "0.0 -- Confirming",
        "0.0 show",
        "0.0 hide",
        "0.0 -- Asking",
        "0.0 ask mail",
        "0.0 mail says yes",
        "0.0 -- Closing",
        "0.0 end mail",
        "0.0 mail has gone",
        "0.0 -- Ending",
        "0.0 SIGTERM the rest",
        "0.0 end the session: LogOff",
        "0.0 OVER",
    ]);
}

#[test]
fn a_second_request_joins_and_upgrades_the_first() {
    let mut desk = Desk::new([mail(), App::new("burner").votes(Says::No("burning"))]);
    desk.log_off();
    let joined = desk.request(Request {
        kind: Kind::Restart,
        ..Request::default()
    });
    assert_eq!(joined, Joined::Joined);
    desk.request(Request {
        force: Force::Now,
        ..Request::default()
    });
    desk.wait(1_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask mail",
        "0.0 ask burner",
        "0.0 mail says yes",
        "0.0 burner says no: burning",
        "0.0 blocked by burner, no: burning",
        "0.0 ask leave: Restart",
        "0.0 -- Closing",
        "0.0 cleared burner, no: burning",
        "0.0 end mail by force",
        "0.0 close mail: Inbox",
        "0.0 end burner by force",
        "0.0 mail has gone",
        "0.0 burner has gone",
        "0.0 -- Ending",
        "0.0 SIGTERM the rest",
        "0.0 end the session: Restart",
        "0.0 OVER; overridden burner",
    ]);
}

#[test]
fn a_request_that_nobody_is_shown_is_cancelled() {
    let mut desk = Desk::new([App::new("burner").votes(Says::No("burning"))]);
    desk.has_dialog = false;
    desk.log_off();
    desk.wait(400_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask burner",
        "0.0 burner says no: burning",
        "0.0 blocked by burner, no: burning",
        "0.3 show",
        "300.0 void burner",
        "300.0 cleared burner, no: burning",
        "300.0 hide",
        "300.0 CANCELLED NobodyShown; blocked by burner, no: burning",
    ]);
}

#[test]
fn behind_a_lock_a_request_waits_for_the_user() {
    let mut desk = Desk::new([App::new("burner").votes(Says::No("burning"))]);
    desk.tell(Event::Locked(true));
    desk.log_off();
    desk.wait(86_400_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask burner",
        "0.0 burner says no: burning",
        "0.0 blocked by burner, no: burning",
        "0.3 show",
    ]);
    desk.tell(Event::Locked(false));
    desk.wait(400_000);
    desk.choose(Choice::Cancel);
    desk.log_is(&[
        "86800.0 void burner",
        "86800.0 cleared burner, no: burning",
        "86800.0 hide",
        "86800.0 CANCELLED User; blocked by burner, no: burning",
    ]);
}

#[test]
fn the_time_to_be_shown_begins_anew_when_the_screen_is_unlocked() {
    let mut desk = Desk::new([App::new("burner").votes(Says::No("burning"))]);
    desk.has_dialog = false;
    desk.tell(Event::Locked(true));
    desk.log_off();
    desk.wait(299_000);
    desk.tell(Event::Locked(false));
    desk.wait(299_000);
    desk.log_ends(&["0.3 show"]);
    desk.wait(1_000);
    desk.log_ends(&["599.0 CANCELLED NobodyShown; blocked by burner, no: burning"]);
}

#[test]
fn what_is_shown_stays_while_somebody_is_asked_again() {
    let mut desk = Desk::new([App::new("burner").votes(Says::No("burning")), mail()]);
    desk.log_off();
    desk.wait(1_000);
    desk.log_ends(&["0.3 show"]);
    desk.choose(Choice::AskAgain(None));
    desk.wait(1_000);
    desk.log_is(&[
        "1.0 void burner",
        "1.0 ask burner",
        "1.0 cleared burner, no: burning",
        "1.0 burner says no: burning",
        "1.0 blocked by burner, no: burning",
    ]);
}

#[test]
fn nothing_is_shown_of_an_application_without_a_window() {
    let mut desk = Desk::new([App::new("burner").votes(Says::No("burning"))]);
    desk.log_off();
    let of = desk.of("burner");
    assert_eq!(desk.chooses(Choice::Show(of)), Err(ChoiceError::NoWindow));
}

#[test]
fn a_lost_bus_fails_the_request() {
    let mut desk = Desk::new([mail(), App::new("burner").votes(Says::No("burning"))]);
    desk.log_off();
    desk.tell(Event::BusLost);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask mail",
        "0.0 ask burner",
        "0.0 mail says yes",
        "0.0 burner says no: burning",
        "0.0 blocked by burner, no: burning",
        "0.0 void mail",
        "0.0 void burner",
        "0.0 cleared burner, no: burning",
        "0.0 FAILED the session bus is gone, so nobody on it can be asked",
    ]);
}

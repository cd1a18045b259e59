//! Nobody there to choose, force, and ending one alone.

use endsession_core::*;

use crate::desk::{App, Closed, Desk, Says};
use crate::{editor, forced, mail, no_dialog};

#[test]
fn without_a_dialog_the_first_blocker_cancels_and_is_listed() {
    let mut desk = Desk::new([mail(), App::new("burner").votes(Says::No("burning"))]);
    desk.request(no_dialog());
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
        "0.0 CANCELLED Blocked; blocked by burner, no: burning",
    ]);
}

#[test]
fn without_a_dialog_a_silent_client_cancels_at_thirty_seconds() {
    let mut desk = Desk::new([App::new("office").votes(Says::Nothing)]);
    desk.request(no_dialog());
    desk.wait(60_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask office",
        "5.0 office is slow",
        "5.0 ping office",
        "30.0 blocked by office, not responding",
        "30.0 void office",
        "30.0 cleared office, not responding",
        "30.0 CANCELLED Blocked; blocked by office, not responding",
    ]);
}

#[test]
fn without_a_dialog_force_if_hung_waits_one_period_more_for_what_answers_pings() {
    let mut desk = Desk::new([App::new("office").votes(Says::Nothing)]);
    desk.request(Request {
        force: Force::IfHung,
        ..no_dialog()
    });
    desk.wait(120_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask office",
        "5.0 office is slow",
        "5.0 ping office",
        "30.0 ping office",
        "60.0 blocked by office, not responding",
        "60.0 void office",
        "60.0 cleared office, not responding",
        "60.0 CANCELLED Blocked; blocked by office, not responding",
    ]);
}

#[test]
fn force_asks_nobody() {
    let mut desk = Desk::new([
        App::new("burner").votes(Says::No("burning")),
        editor(),
        App::new("chat").window("Chat").when_closed(Closed::ToTray),
    ]);
    desk.inhibits("burner", "burning");
    desk.request(forced(Force::Now));
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 -- Closing",
        "0.0 end burner by force",
        "0.0 close editor: * letter",
        "0.0 close chat: Chat",
        "0.0 burner has gone",
        "0.0 close editor: Save?",
    ]);
    desk.wait(60_000);
    desk.log_is(&[
        "20.0 SIGTERM editor",
        "20.0 SIGTERM chat",
        "20.0 editor has gone",
        "20.0 chat has gone",
        "20.0 -- Ending",
        "20.0 SIGTERM the rest",
        "20.0 end the session: LogOff",
        "20.0 OVER; overridden burner, chat, editor",
    ]);
}

#[test]
fn force_if_hung_overrides_only_what_hangs() {
    let mut desk = Desk::new([
        App::new("hung").votes(Says::Nothing).answers_no_ping(),
        App::new("burner").votes(Says::No("burning")),
    ]);
    desk.request(forced(Force::IfHung));
    desk.wait(40_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask hung",
        "0.0 ask burner",
        "0.0 burner says no: burning",
        "0.0 blocked by burner, no: burning",
        "0.3 show",
        "5.0 hung is slow",
        "5.0 ping hung",
        "30.0 ping hung",
        "30.0 override hung",
    ]);
}

#[test]
fn force_after_lets_the_user_decide_until_then() {
    let mut desk = Desk::new([App::new("burner").votes(Says::No("burning"))]);
    desk.request(forced(Force::After(10_000)));
    desk.wait(10_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask burner",
        "0.0 burner says no: burning",
        "0.0 blocked by burner, no: burning",
        "0.3 show",
        "10.0 -- Closing",
        "10.0 cleared burner, no: burning",
        "10.0 end burner by force",
        "10.0 burner has gone",
        "10.0 hide",
        "10.0 -- Ending",
        "10.0 SIGTERM the rest",
        "10.0 end the session: LogOff",
        "10.0 OVER; overridden burner",
    ]);
}

#[test]
fn a_timeout_cancels() {
    let mut desk = Desk::new([mail(), App::new("burner").votes(Says::No("burning"))]);
    desk.request(Request {
        timeout: Some(10_000),
        ..Request::default()
    });
    desk.wait(20_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask mail",
        "0.0 ask burner",
        "0.0 mail says yes",
        "0.0 burner says no: burning",
        "0.0 blocked by burner, no: burning",
        "0.3 show",
        "10.0 void mail",
        "10.0 void burner",
        "10.0 cleared burner, no: burning",
        "10.0 hide",
        "10.0 CANCELLED TimedOut; blocked by burner, no: burning",
    ]);
}

#[test]
fn end_all_anyway_ends_save_dialogs_too_and_says_so() {
    let mut desk = Desk::new([editor(), App::new("burner").votes(Says::No("burning"))]);
    desk.log_off();
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask burner",
        "0.0 burner says no: burning",
        "0.0 blocked by burner, no: burning",
    ]);
    desk.choose(Choice::EndAll);
    desk.wait(60_000);
    desk.log_is(&[
        "0.0 -- Closing",
        "0.0 cleared burner, no: burning",
        "0.0 close editor: * letter",
        "0.0 end burner by force",
        "0.0 close editor: Save?",
        "0.0 burner has gone",
        "20.0 SIGTERM editor",
        "20.0 editor has gone",
        "20.0 -- Ending",
        "20.0 SIGTERM the rest",
        "20.0 end the session: LogOff",
        "20.0 OVER; overridden burner, editor",
    ]);
}

#[test]
fn whoever_chose_end_all_is_shown_that_they_go() {
    let mut desk = Desk::new([editor(), App::new("burner").votes(Says::No("burning"))]);
    desk.log_off();
    desk.wait(1_000);
    desk.choose(Choice::EndAll);
    desk.wait(60_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask burner",
        "0.0 burner says no: burning",
        "0.0 blocked by burner, no: burning",
        "0.3 show",
        "1.0 -- Closing",
        "1.0 cleared burner, no: burning",
        "1.0 close editor: * letter",
        "1.0 end burner by force",
        "1.0 close editor: Save?",
        "1.0 burner has gone",
        "21.0 SIGTERM editor",
        "21.0 editor has gone",
        "21.0 hide",
        "21.0 -- Ending",
        "21.0 SIGTERM the rest",
        "21.0 end the session: LogOff",
        "21.0 OVER; overridden burner, editor",
    ]);
}

#[test]
fn whoever_chose_to_end_one_is_shown_that_it_goes_and_no_longer() {
    let mut desk = Desk::new([
        App::new("burner")
            .window("Disc")
            .votes(Says::No("burning"))
            .when_closed(Closed::Stays),
        App::new("gedit").votes(Says::AsksUser),
    ]);
    desk.log_off();
    desk.wait(1_000);
    desk.choose(Choice::EndOne(desk.of("burner")));
    desk.wait(20_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask burner",
        "0.0 ask gedit",
        "0.0 burner says no: burning",
        "0.0 blocked by burner, no: burning",
        "0.0 gedit asks the user",
        "0.3 show",
        "1.0 override burner",
        "1.0 end burner by force",
        "1.0 close burner: Disc",
        "1.0 cleared burner, no: burning",
        "6.0 SIGTERM burner",
        "6.0 burner has gone",
        "6.0 hide",
    ]);
}

#[test]
fn ending_one_while_asking_leaves_the_others_alone() {
    let mut desk = Desk::new([
        App::new("burner")
            .window("Disc")
            .votes(Says::No("burning"))
            .when_closed(Closed::Stays)
            .ignores_sigterm(),
        App::new("gedit").votes(Says::AsksUser),
        App::new("viewer").window("dog"),
    ]);
    desk.log_off();
    desk.choose(Choice::EndOne(desk.of("burner")));
    desk.wait(20_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask burner",
        "0.0 ask gedit",
        "0.0 burner says no: burning",
        "0.0 blocked by burner, no: burning",
        "0.0 gedit asks the user",
        "0.0 override burner",
        "0.0 end burner by force",
        "0.0 close burner: Disc",
        "0.0 cleared burner, no: burning",
        "5.0 SIGTERM burner",
        "10.0 SIGKILL burner",
        "10.0 burner has gone",
    ]);
}

#[test]
fn ending_one_goes_on_after_the_request_and_no_longer() {
    let mut desk = Desk::new([
        App::new("burner")
            .window("Disc")
            .votes(Says::No("burning"))
            .when_closed(Closed::Stays),
        mail(),
    ]);
    desk.tell(Event::Spared(desk.of("burner")));
    desk.log_off();
    desk.choose(Choice::EndOne(desk.of("burner")));
    desk.choose(Choice::Cancel);
    desk.wait(20_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask burner",
        "0.0 ask mail",
        "0.0 burner says no: burning",
        "0.0 blocked by burner, no: burning",
        "0.0 mail says yes",
        "0.0 override burner",
        "0.0 end burner by force",
        "0.0 close burner: Disc",
        "0.0 cleared burner, no: burning",
        "0.0 -- Closing",
        "0.0 void mail",
        "0.0 CANCELLED User; told burner",
    ]);
    // It could not be signalled and is still there: the next request asks it as if for the first
    // time.
    desk.log_off();
    desk.log_is(&[
        "20.0 -- Asking",
        "20.0 ask burner",
        "20.0 ask mail",
        "20.0 burner says no: burning",
        "20.0 blocked by burner, no: burning",
        "20.0 mail says yes",
    ]);
}

#[test]
fn consent_follows_the_application() {
    let mut desk = Desk::new([
        App::new("hung").votes(Says::Nothing).answers_no_ping(),
        App::new("gedit").votes(Says::AsksUser),
    ]);
    desk.request(forced(Force::IfHung));
    desk.wait(30_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask hung",
        "0.0 ask gedit",
        "0.0 gedit asks the user",
        "5.0 hung is slow",
        "5.0 ping hung",
        "5.3 show",
        "30.0 ping hung",
        "30.0 override hung",
        "30.0 hide",
    ]);
    desk.inhibits("hung", "busy after all");
    desk.answers("hung", Answer::UserRefused("no".into()));
    desk.answers("gedit", Answer::Accept);
    desk.log_is(&[
        "30.0 hung says that the user said no: no",
        "30.0 gedit says yes",
        "30.0 -- Closing",
        "30.0 end hung by force",
        "30.0 end gedit",
        "30.0 hung has gone",
        "30.0 gedit has gone",
        "30.0 -- Ending",
        "30.0 SIGTERM the rest",
        "30.0 end the session: LogOff",
        "30.0 OVER; overridden hung",
    ]);
}

#[test]
fn with_nobody_there_force_after_still_comes() {
    let mut desk = Desk::new([App::new("burner").votes(Says::No("burning"))]);
    desk.has_dialog = false;
    desk.request(Request {
        force: Force::After(600_000),
        ..no_dialog()
    });
    desk.wait(600_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask burner",
        "0.0 burner says no: burning",
        "0.0 blocked by burner, no: burning",
        "600.0 -- Closing",
        "600.0 cleared burner, no: burning",
        "600.0 end burner by force",
        "600.0 burner has gone",
        "600.0 -- Ending",
        "600.0 SIGTERM the rest",
        "600.0 end the session: LogOff",
        "600.0 OVER; overridden burner",
    ]);
}

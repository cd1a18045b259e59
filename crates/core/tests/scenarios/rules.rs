//! What a user's rules change, and the hooks of the session's end.

use endsession_core::*;

use crate::desk::{App, Closed, Desk, Says};
use crate::{editor, mail, no_dialog};

fn ignored() -> Rule {
    Rule {
        ignore: true,
        ..Rule::default()
    }
}

fn end_anyway() -> Rule {
    Rule {
        end_anyway: true,
        ..Rule::default()
    }
}

fn within(ms: u64) -> Rule {
    Rule {
        deadline: Some(ms),
        ..Rule::default()
    }
}

#[test]
fn what_is_ignored_is_neither_asked_nor_closed_and_holds_nothing() {
    let tray = App::new("tray")
        .window("* Tray")
        .votes(Says::No("never"))
        .ruled(ignored());
    let mut desk = Desk::new([tray, mail()]);
    desk.inhibits("tray", "syncing");
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
        "0.0 OVER",
    ]);
}

#[test]
fn an_imposed_end_does_not_wait_for_what_is_ignored() {
    let tray = App::new("tray").window("Tray").ruled(ignored());
    let mut desk = Desk::new([tray, mail()]);
    desk.tell(Event::Imposed(10_000));
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 -- Imposed",
        "0.0 end mail by force",
        "0.0 close mail: Inbox",
        "0.0 mail has gone",
        "0.0 -- Ending",
        "0.0 SIGTERM the rest",
        "0.0 end the session: LogOff",
        "0.0 OVER",
    ]);
}

#[test]
fn one_that_is_ignored_from_now_on_is_told_that_its_query_is_void() {
    let mut desk = Desk::new([App::new("tray").votes(Says::Nothing), mail()]);
    desk.log_off();
    desk.tell(Event::Ruled {
        of: desk.of("tray"),
        rule: ignored(),
    });
    desk.log_ends(&[
        "0.0 mail says yes",
        "0.0 void tray",
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
fn a_no_that_a_rule_overrides_blocks_nobody_and_is_told_at_the_end() {
    let tray = App::new("tray")
        .window("Tray")
        .votes(Says::No("never"))
        .when_closed(Closed::Stays)
        .ruled(end_anyway());
    let mut desk = Desk::new([tray]);
    desk.request(no_dialog());
    desk.wait(30_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask tray",
        "0.0 tray says no: never",
        "0.0 override tray",
        "0.0 -- Closing",
        "0.0 end tray by force",
        "0.0 close tray: Tray",
        "20.0 SIGTERM tray",
        "20.0 tray has gone",
        "20.0 -- Ending",
        "20.0 SIGTERM the rest",
        "20.0 end the session: LogOff",
        "20.0 OVER; overridden tray; by a rule tray",
    ]);
}

#[test]
fn what_agrees_is_told_as_always_although_a_rule_would_override_it() {
    let mut desk = Desk::new([mail().ruled(end_anyway())]);
    desk.log_off();
    desk.log_ends(&[
        "0.0 end mail",
        "0.0 mail has gone",
        "0.0 -- Ending",
        "0.0 SIGTERM the rest",
        "0.0 end the session: LogOff",
        "0.0 OVER",
    ]);
}

#[test]
fn a_no_that_the_user_said_cancels_whatever_a_rule_says() {
    let asks = App::new("chat").votes(Says::AsksUser).ruled(end_anyway());
    let mut desk = Desk::new([asks]);
    desk.log_off();
    desk.answers("chat", Answer::UserRefused("not now".into()));
    desk.log_ends(&["0.0 void chat", "0.0 CANCELLED in chat: not now"]);
}

#[test]
fn a_save_dialog_of_what_a_rule_ends_anyway_is_closed_and_its_time_runs() {
    let mut desk = Desk::new([editor().ruled(Rule {
        end_anyway: true,
        ..within(40_000)
    })]);
    desk.log_off();
    desk.wait(60_000);
    desk.log_ends(&[
        "0.0 close editor: Save?",
        "40.0 SIGTERM editor",
        "40.0 editor has gone",
        "40.0 -- Ending",
        "40.0 SIGTERM the rest",
        "40.0 end the session: LogOff",
        "40.0 OVER; overridden editor; by a rule editor",
    ]);
}

#[test]
fn a_deadline_of_its_own_counts_for_each_of_its_steps() {
    let slow = App::new("vm")
        .window("vm")
        .votes(Says::Nothing)
        .answers_no_ping()
        .ruled(within(40_000));
    let mut desk = Desk::new([slow]);
    desk.log_off();
    desk.wait(60_000);
    desk.log_ends(&[
        "0.0 ask vm",
        "40.0 vm is slow",
        "40.0 ping vm",
        "40.0 ping vm",
        "40.3 show",
        "45.0 blocked by vm, not responding",
    ]);
    let stays = App::new("vm")
        .window("vm")
        .when_closed(Closed::Stays)
        .ruled(within(40_000));
    let mut desk = Desk::new([stays]);
    desk.log_off();
    desk.wait(60_000);
    desk.log_ends(&[
        "40.0 ping vm",
        "40.0 blocked by vm, window: vm",
        "40.3 show",
    ]);
    let tray = App::new("vm")
        .window("vm")
        .when_closed(Closed::ToTray)
        .ignores_sigterm()
        .ruled(within(40_000));
    let mut desk = Desk::new([tray]);
    desk.log_off();
    desk.wait(90_000);
    desk.log_ends(&[
        "40.0 SIGTERM vm",
        "80.0 SIGKILL vm",
        "80.0 vm has gone",
        "80.0 -- Ending",
        "80.0 SIGTERM the rest",
        "80.0 end the session: LogOff",
        "80.0 OVER",
    ]);
}

#[test]
fn with_nobody_there_what_never_answers_is_overridden_and_cancels_nothing() {
    let mut desk = Desk::new([App::new("tray").votes(Says::Nothing).ruled(end_anyway())]);
    desk.request(no_dialog());
    desk.wait(90_000);
    desk.log_ends(&["30.0 OVER; overridden tray; by a rule tray"]);
}

#[test]
fn hooks_of_the_end_run_before_the_rest_is_signalled() {
    let mut desk = Desk::new([mail()]);
    desk.hooks_end = false;
    desk.log_off();
    desk.log_ends(&["0.0 mail has gone", "0.0 -- Ending", "0.0 run hooks"]);
    desk.wait(2_000);
    desk.tell(Event::HooksEnded);
    desk.log_is(&[
        "2.0 SIGTERM the rest",
        "2.0 end the session: LogOff",
        "2.0 OVER",
    ]);
}

#[test]
fn hooks_of_the_end_have_their_time_and_no_more() {
    let mut desk = Desk::new([]);
    desk.hooks_end = false;
    desk.log_off();
    desk.wait(20_000);
    desk.log_ends(&[
        "0.0 run hooks",
        "10.0 end the hooks",
        "10.0 SIGTERM the rest",
        "10.0 end the session: LogOff",
        "10.0 OVER",
    ]);
}

#[test]
fn in_an_imposed_end_hooks_run_beside_the_rest_and_within_its_time() {
    let mut desk = Desk::new([App::new("stays").window("w").when_closed(Closed::Stays)]);
    desk.hooks_end = false;
    desk.tell(Event::Imposed(10_000));
    desk.wait(20_000);
    desk.log_ends(&[
        "6.0 -- Ending",
        "6.0 run hooks",
        "6.0 SIGTERM the rest",
        "9.0 end the hooks",
        "9.0 end the session: LogOff",
        "9.0 OVER",
    ]);
}

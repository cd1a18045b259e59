//! Applications are let go.

use endsession_core::*;

use crate::desk::{App, Closed, Desk, Says};
use crate::{editor, from, mail};

#[test]
fn a_save_dialog_blocks_and_its_answer_lets_the_request_go_on() {
    let mut desk = Desk::new([mail(), editor()]);
    desk.log_off();
    desk.wait(1_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask mail",
        "0.0 mail says yes",
        "0.0 -- Closing",
        "0.0 close editor: * letter",
        "0.0 blocked by editor, window: Save?",
        "0.3 show",
    ]);
    desk.choose(Choice::Show(desk.of("editor")));
    desk.saves("editor");
    desk.log_is(&[
        "1.0 activate editor: Save?",
        "1.0 cleared editor, window: Save?",
        "1.0 blocked by editor, window: * letter",
        "1.0 editor has gone",
        "1.0 cleared editor, window: * letter",
        "1.0 hide",
        "1.0 end mail",
        "1.0 mail has gone",
        "1.0 -- Ending",
        "1.0 SIGTERM the rest",
        "1.0 end the session: LogOff",
        "1.0 OVER",
    ]);
}

#[test]
fn a_cancelled_save_dialog_still_blocks_and_can_be_closed_again() {
    let mut desk = Desk::new([editor(), mail()]);
    desk.log_off();
    desk.keeps("editor");
    desk.wait(1_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask mail",
        "0.0 mail says yes",
        "0.0 -- Closing",
        "0.0 close editor: * letter",
        "0.0 blocked by editor, window: Save?",
        "0.0 cleared editor, window: Save?",
        "0.0 blocked by editor, window: * letter",
        "0.3 show",
    ]);
    desk.choose(Choice::AskAgain(None));
    desk.log_is(&[
        "1.0 close editor: * letter",
        "1.0 cleared editor, window: * letter",
        "1.0 blocked by editor, window: Save?",
    ]);
    desk.choose(Choice::Cancel);
    desk.log_is(&[
        "1.0 void mail",
        "1.0 cleared editor, window: Save?",
        "1.0 hide",
        "1.0 CANCELLED User; blocked by editor, window: Save?; told editor",
    ]);
}

#[test]
fn unsaved_work_goes_first_whatever_it_voted() {
    let mut desk = Desk::new([
        App::new("viewer").window("dog"),
        App::new("kate")
            .window("* letter")
            .votes_late(Says::Yes)
            .when_closed(Closed::AsksToSave),
    ]);
    desk.log_off();
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask kate",
        "0.0 kate says yes",
        "0.0 -- Closing",
        "0.0 end kate",
        "0.0 blocked by kate, window: Save?",
    ]);
}

#[test]
fn a_terminal_goes_after_the_editor_inside_it() {
    let mut desk = Desk::new([
        App::new("terminal").window("* sh"),
        App::new("editor").window("letter").votes(Says::Yes),
    ]);
    let (guest, host) = (desk.of("editor"), desk.of("terminal"));
    desk.tell(Event::Hosted { guest, host });
    desk.log_off();
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask editor",
        "0.0 editor says yes",
        "0.0 -- Closing",
        "0.0 end editor",
        "0.0 editor has gone",
        "0.0 close terminal: * sh",
        "0.0 terminal has gone",
        "0.0 -- Ending",
        "0.0 SIGTERM the rest",
        "0.0 end the session: LogOff",
        "0.0 OVER",
    ]);
}

#[test]
fn the_requesters_window_never_counts_against_its_request() {
    let mut desk = Desk::new([
        App::new("terminal").window("~").when_closed(Closed::Stays),
        mail(),
    ]);
    desk.request(from(&desk, "terminal"));
    desk.wait(3_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask mail",
        "0.0 mail says yes",
        "0.0 -- Closing",
        "0.0 end mail",
        "0.0 mail has gone",
        "0.0 close terminal: ~",
        "2.0 ping terminal",
        "2.0 -- Ending",
        "2.0 SIGTERM the rest",
        "2.0 end the session: LogOff",
        "2.0 OVER",
    ]);
}

#[test]
fn an_application_that_hides_in_the_tray_gets_sigterm_after_three_seconds() {
    let mut desk = Desk::new([App::new("chat").window("Chat").when_closed(Closed::ToTray)]);
    desk.log_off();
    desk.wait(2_900);
    desk.log_is(&["0.0 -- Asking", "0.0 -- Closing", "0.0 close chat: Chat"]);
    desk.wait(100);
    desk.log_is(&[
        "3.0 SIGTERM chat",
        "3.0 chat has gone",
        "3.0 -- Ending",
        "3.0 SIGTERM the rest",
        "3.0 end the session: LogOff",
        "3.0 OVER",
    ]);
}

#[test]
fn what_ignores_sigterm_gets_sigkill_twenty_seconds_later() {
    let mut desk = Desk::new([App::new("chat")
        .window("Chat")
        .when_closed(Closed::ToTray)
        .ignores_sigterm()]);
    desk.log_off();
    desk.wait(60_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 -- Closing",
        "0.0 close chat: Chat",
        "3.0 SIGTERM chat",
        "23.0 SIGKILL chat",
        "23.0 chat has gone",
        "23.0 -- Ending",
        "23.0 SIGTERM the rest",
        "23.0 end the session: LogOff",
        "23.0 OVER",
    ]);
}

#[test]
fn nothing_is_signalled_while_it_holds() {
    let mut desk = Desk::new([App::new("chat").window("Chat").when_closed(Closed::ToTray)]);
    desk.log_off();
    desk.inhibits("chat", "sending");
    desk.wait(60_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 -- Closing",
        "0.0 close chat: Chat",
        "0.0 blocked by chat, inhibitor: sending",
        "0.3 show",
    ]);
    desk.releases("chat");
    desk.wait(3_000);
    desk.log_is(&[
        "60.0 cleared chat, inhibitor: sending",
        "60.0 hide",
        "63.0 SIGTERM chat",
        "63.0 chat has gone",
        "63.0 -- Ending",
        "63.0 SIGTERM the rest",
        "63.0 end the session: LogOff",
        "63.0 OVER",
    ]);
}

#[test]
fn a_browser_ends_as_one_on_sigterm() {
    let mut desk = Desk::new([App::new("browser").browser("News").ignores_sigterm()]);
    desk.log_off();
    desk.wait(2_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 -- Closing",
        "0.0 SIGTERM browser",
        "2.0 ping browser",
        "2.0 blocked by browser, window: News",
    ]);
}

#[test]
fn who_registers_while_closing_is_asked_at_once_and_holds_it() {
    let mut desk = Desk::new([editor(), App::new("viewer").window("dog")]);
    desk.log_off();
    desk.starts(App::new("late").votes(Says::No("just started")));
    desk.saves("editor");
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 -- Closing",
        "0.0 close editor: * letter",
        "0.0 blocked by editor, window: Save?",
        "0.0 ask late",
        "0.0 late says no: just started",
        "0.0 blocked by late, no: just started",
        "0.0 cleared editor, window: Save?",
        "0.0 blocked by editor, window: * letter",
        "0.0 editor has gone",
        "0.0 cleared editor, window: * letter",
    ]);
    desk.crashes("late");
    desk.log_is(&[
        "0.0 cleared late, no: just started",
        "0.0 close viewer: dog",
        "0.0 viewer has gone",
        "0.0 -- Ending",
        "0.0 SIGTERM the rest",
        "0.0 end the session: LogOff",
        "0.0 OVER",
    ]);
}

#[test]
fn who_leaves_or_crashes_counts_as_accepting() {
    let mut desk = Desk::new([
        App::new("mail").votes(Says::Nothing),
        App::new("chat").votes(Says::AsksUser),
    ]);
    desk.log_off();
    desk.crashes("mail");
    desk.tell(Event::Unregistered(VoterId(1)));
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask mail",
        "0.0 ask chat",
        "0.0 chat asks the user",
        "0.0 -- Closing",
        "0.0 -- Ending",
        "0.0 SIGTERM the rest",
        "0.0 end the session: LogOff",
        "0.0 OVER",
    ]);
}

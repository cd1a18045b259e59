//! Who is asked, and the two kinds of no.

use endsession_core::*;

use crate::desk::{App, Desk, Says};
use crate::{from, mail};

#[test]
fn nobody_objects_and_each_group_goes_before_the_next() {
    let mut desk = Desk::new([
        App::new("terminal").window("~"),
        App::new("browser").browser("News"),
        App::new("paint").window("cat").votes_late(Says::Yes),
        mail(),
        App::new("viewer").window("dog"),
        App::new("notes").window("* list"),
    ]);
    desk.request(from(&desk, "terminal"));
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask mail",
        "0.0 mail says yes",
        "0.0 ask paint",
        "0.0 paint says yes",
        "0.0 -- Closing",
        "0.0 close notes: * list",
        "0.0 notes has gone",
        "0.0 close viewer: dog",
        "0.0 viewer has gone",
        "0.0 end paint",
        "0.0 end mail",
        "0.0 paint has gone",
        "0.0 mail has gone",
        "0.0 SIGTERM browser",
        "0.0 browser has gone",
        "0.0 close terminal: ~",
        "0.0 terminal has gone",
        "0.0 -- Ending",
        "0.0 SIGTERM the rest",
        "0.0 end the session: LogOff",
        "0.0 OVER",
    ]);
}

#[test]
fn an_xsmp_client_is_asked_when_all_others_have_agreed() {
    let mut desk = Desk::new([
        App::new("paint").votes_late(Says::Yes),
        App::new("mail").votes(Says::AsksUser),
    ]);
    desk.log_off();
    desk.log_is(&["0.0 -- Asking", "0.0 ask mail", "0.0 mail asks the user"]);
    desk.answers("mail", Answer::Accept);
    desk.log_is(&[
        "0.0 mail says yes",
        "0.0 ask paint",
        "0.0 paint says yes",
        "0.0 -- Closing",
        "0.0 end paint",
        "0.0 end mail",
        "0.0 paint has gone",
        "0.0 mail has gone",
        "0.0 -- Ending",
        "0.0 SIGTERM the rest",
        "0.0 end the session: LogOff",
        "0.0 OVER",
    ]);
}

#[test]
fn an_empty_session_ends_at_once() {
    let mut desk = Desk::new([]);
    desk.log_off();
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 -- Closing",
        "0.0 -- Ending",
        "0.0 SIGTERM the rest",
        "0.0 end the session: LogOff",
        "0.0 OVER",
    ]);
}

#[test]
fn a_refusal_blocks_and_a_cancel_reaches_everyone_asked_once() {
    let mut desk = Desk::new([
        mail(),
        App::new("burner").votes(Says::No("burning")),
        App::new("viewer").window("dog"),
        App::new("paint").votes_late(Says::Yes),
    ]);
    desk.log_off();
    desk.wait(1_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask mail",
        "0.0 ask burner",
        "0.0 mail says yes",
        "0.0 burner says no: burning",
        "0.0 blocked by burner, no: burning",
        "0.3 show",
    ]);
    desk.choose(Choice::Cancel);
    desk.wait(60_000);
    desk.log_is(&[
        "1.0 void mail",
        "1.0 void burner",
        "1.0 cleared burner, no: burning",
        "1.0 hide",
        "1.0 CANCELLED User; blocked by burner, no: burning",
    ]);
}

/// Two XSMP editors with unsaved text, and a window manager that saves what the others leave.
fn two_editors_and_a_window_manager() -> Desk {
    Desk::new([
        App::new("letter").votes_late(Says::WantsUser),
        App::new("diary").votes_late(Says::WantsUser),
        App::new("wm").votes_late(Says::Last),
    ])
}

#[test]
fn one_dialog_at_a_time_without_a_deadline_and_the_last_word_when_all_have_answered() {
    let mut desk = two_editors_and_a_window_manager();
    desk.log_off();
    desk.wait(600_000);
    desk.answers("letter", Answer::UserAnswered);
    desk.answers("letter", Answer::Accept);
    desk.wait(600_000);
    // This one keeps saving for a while after the user has answered: the deadline runs again.
    desk.answers("diary", Answer::UserAnswered);
    desk.wait(6_000);
    desk.answers("diary", Answer::Accept);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask letter",
        "0.0 ask diary",
        "0.0 ask wm",
        "0.0 letter wants to ask the user",
        "0.0 let letter ask the user",
        "0.0 diary wants to ask the user",
        "0.0 wm wants the last word",
        "600.0 letter has its user's answer",
        "600.0 let diary ask the user",
        "600.0 letter says yes",
        "1200.0 diary has its user's answer",
        "1205.0 diary is slow",
        "1205.0 ping diary",
        "1205.3 show",
        "1206.0 diary says yes",
        "1206.0 hide",
        "1206.0 ask wm again",
        "1206.0 wm says yes",
        "1206.0 -- Closing",
        "1206.0 end letter",
        "1206.0 end diary",
        "1206.0 end wm",
        "1206.0 letter has gone",
        "1206.0 diary has gone",
        "1206.0 wm has gone",
        "1206.0 -- Ending",
        "1206.0 SIGTERM the rest",
        "1206.0 end the session: LogOff",
        "1206.0 OVER",
    ]);
}

#[test]
fn the_users_no_in_a_dialog_voids_those_that_wait_for_theirs() {
    let mut desk = two_editors_and_a_window_manager();
    desk.log_off();
    desk.wait(1_000);
    desk.answers("letter", Answer::UserRefused("keep".into()));
    desk.log_ends(&[
        "1.0 letter says that the user said no: keep",
        "1.0 void letter",
        "1.0 void diary",
        "1.0 void wm",
        "1.0 CANCELLED in letter: keep",
    ]);
}

#[test]
fn a_crash_in_a_dialog_gives_the_next_its_turn() {
    let mut desk = two_editors_and_a_window_manager();
    desk.log_off();
    desk.crashes("letter");
    desk.log_ends(&["0.0 let diary ask the user"]);
}

#[test]
fn a_client_that_goes_when_it_is_asked_is_told_as_gone_when_another_cancels() {
    let mut desk = Desk::new([
        App::new("letter")
            .window("letter")
            .votes_late(Says::WantsUser),
        App::new("diary").votes_late(Says::WantsUser),
    ]);
    desk.log_off();
    // The user discards; the editor closes its window and leaves, and was never told to.
    desk.answers("letter", Answer::UserAnswered);
    desk.tell(Event::Unregistered(VoterId(0)));
    desk.tell(Event::WindowGone(WindowId(0)));
    desk.answers("diary", Answer::UserRefused("keep".into()));
    desk.log_ends(&[
        "0.0 let diary ask the user",
        "0.0 letter has gone",
        "0.0 diary says that the user said no: keep",
        "0.0 void diary",
        "0.0 CANCELLED in diary: keep; gone letter",
    ]);
}

#[test]
fn a_dialog_that_nobody_is_there_to_answer_cancels() {
    let mut desk = Desk::new([App::new("letter").votes_late(Says::WantsUser)]);
    desk.request(Request {
        unattended: true,
        ..Request::default()
    });
    desk.log_ends(&[
        "0.0 letter wants to ask the user",
        "0.0 blocked by letter, asks the user",
        "0.0 void letter",
        "0.0 cleared letter, asks the user",
        "0.0 CANCELLED Blocked; blocked by letter, asks the user",
    ]);
}

#[test]
fn the_users_no_in_an_application_cancels() {
    let mut desk = Desk::new([mail(), App::new("editor").votes(Says::AsksUser)]);
    desk.log_off();
    desk.wait(600_000);
    desk.answers("editor", Answer::UserRefused("letter is not saved".into()));
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask mail",
        "0.0 ask editor",
        "0.0 mail says yes",
        "0.0 editor asks the user",
        "600.0 editor says that the user said no: letter is not saved",
        "600.0 void mail",
        "600.0 void editor",
        "600.0 CANCELLED in editor: letter is not saved",
    ]);
}

#[test]
fn a_quick_answer_flashes_no_window() {
    let mut desk = Desk::new([App::new("burner").votes(Says::Yes)]);
    desk.inhibits("burner", "burning");
    desk.log_off();
    desk.wait(200);
    desk.releases("burner");
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 blocked by burner, inhibitor: burning",
        "0.0 ask burner",
        "0.0 burner says yes",
        "0.2 cleared burner, inhibitor: burning",
        "0.2 -- Closing",
        "0.2 end burner",
        "0.2 burner has gone",
        "0.2 -- Ending",
        "0.2 SIGTERM the rest",
        "0.2 end the session: LogOff",
        "0.2 OVER",
    ]);
}

#[test]
fn xsmp_clients_are_not_asked_while_anything_is_held() {
    let mut desk = Desk::new([mail(), App::new("paint").votes_late(Says::Yes)]);
    desk.inhibits("mail", "sending");
    desk.log_off();
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 blocked by mail, inhibitor: sending",
        "0.0 ask mail",
        "0.0 mail says yes",
    ]);
}

#[test]
fn an_inhibitor_taken_with_the_yes_blocks_until_it_is_released() {
    let mut desk = Desk::new([App::new("gedit").window("a").votes(Says::YesBut("unsaved"))]);
    desk.log_off();
    desk.wait(1_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask gedit",
        "0.0 blocked by gedit, inhibitor: unsaved",
        "0.0 gedit says yes",
        "0.3 show",
    ]);
    desk.releases("gedit");
    desk.log_is(&[
        "1.0 cleared gedit, inhibitor: unsaved",
        "1.0 hide",
        "1.0 -- Closing",
        "1.0 end gedit",
        "1.0 gedit has gone",
        "1.0 -- Ending",
        "1.0 SIGTERM the rest",
        "1.0 end the session: LogOff",
        "1.0 OVER",
    ]);
}

#[test]
fn an_inhibitor_tells_how_far_it_is_and_is_the_same() {
    let mut desk = Desk::new([mail()]);
    desk.inhibits("mail", "20 MB to write");
    desk.log_off();
    desk.log_ends(&["0.0 mail says yes"]);
    desk.inhibits("mail", "10 MB to write");
    desk.log_is(&[
        "0.0 cleared mail, inhibitor: 20 MB to write",
        "0.0 blocked by mail, inhibitor: 10 MB to write",
    ]);
    desk.inhibits("mail", "10 MB to write");
    desk.log_is(&[]);
}

#[test]
fn a_refusal_is_asked_again_when_its_inhibitor_goes() {
    let mut desk = Desk::new([mail(), App::new("burner").votes(Says::No("burning"))]);
    desk.inhibits("burner", "disc in the drive");
    desk.log_off();
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 blocked by burner, inhibitor: disc in the drive",
        "0.0 ask mail",
        "0.0 ask burner",
        "0.0 mail says yes",
        "0.0 burner says no: burning",
        "0.0 blocked by burner, no: burning",
    ]);
    desk.changes_manner("burner", Says::Yes);
    desk.releases("burner");
    desk.log_is(&[
        "0.0 void burner",
        "0.0 ask burner",
        "0.0 cleared burner, no: burning",
        "0.0 cleared burner, inhibitor: disc in the drive",
        "0.0 burner says yes",
        "0.0 -- Closing",
        "0.0 end mail",
        "0.0 end burner",
        "0.0 mail has gone",
        "0.0 burner has gone",
        "0.0 -- Ending",
        "0.0 SIGTERM the rest",
        "0.0 end the session: LogOff",
        "0.0 OVER",
    ]);
}

#[test]
fn a_job_blocks_until_it_has_ended() {
    let mut desk = Desk::new([App::new("terminal").window("~")]);
    desk.runs_job("terminal", "make");
    desk.log_off();
    desk.wait(1_000);
    desk.job_ends("terminal");
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 blocked by terminal, job: make",
        "0.3 show",
        "1.0 cleared terminal, job: make",
        "1.0 hide",
        "1.0 -- Closing",
        "1.0 close terminal: ~",
        "1.0 terminal has gone",
        "1.0 -- Ending",
        "1.0 SIGTERM the rest",
        "1.0 end the session: LogOff",
        "1.0 OVER",
    ]);
}

//! Applications that something else lets go of as one: the programs of a Wine prefix.

use endsession_core::*;

use crate::desk::{App, Closed, Desk, Says};
use crate::{editor, forced, mail, no_dialog};

/// The seed's program: "End the session?", Yes or No.
fn seed(name: &'static str) -> App {
    App::new(name)
        .window("Seed")
        .bundled()
        .when_closed(Closed::AsksToSave)
}

#[test]
fn a_bundle_goes_after_unsaved_work_and_before_anything_that_agreed() {
    let mut desk = Desk::new([
        mail(),
        App::new("files").window("Home"),
        App::new("tray.exe").bundled(),
        App::new("notes.exe").window("* Notes").bundled(),
        editor(),
    ]);
    desk.log_off();
    desk.saves("editor");
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask mail",
        "0.0 mail says yes",
        "0.0 -- Closing",
        "0.0 close editor: * letter",
        "0.0 blocked by editor, window: Save?",
        "0.0 cleared editor, window: Save?",
        "0.0 blocked by editor, window: * letter",
        "0.0 editor has gone",
        "0.0 cleared editor, window: * letter",
        "0.0 close the bundle",
        "0.0 Wine: tray.exe has gone",
        "0.0 leave the bundle",
        "0.0 Wine: notes.exe has gone",
        "0.0 close files: Home",
        "0.0 files has gone",
        "0.0 end mail",
        "0.0 mail has gone",
        "0.0 -- Ending",
        "0.0 SIGTERM the rest",
        "0.0 end the session: LogOff",
        "0.0 OVER",
    ]);
}

#[test]
fn a_no_within_a_bundle_is_the_users_and_lists_who_went_before() {
    let mut desk = Desk::new([
        mail(),
        App::new("first.exe").window("First").bundled(),
        seed("seed.exe"),
        App::new("last.exe").window("Last").bundled(),
    ]);
    desk.log_off();
    desk.wait(60_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 ask mail",
        "0.0 mail says yes",
        "0.0 -- Closing",
        "0.0 close the bundle",
        "0.0 Wine: first.exe has gone",
        "0.0 blocked by Wine: seed.exe, window: Save?",
        "0.3 show",
        "2.0 ping last.exe",
        "12.0 ping last.exe",
        "22.0 ping last.exe",
    ]);
    desk.refuses_in_its_bundle("seed.exe");
    desk.log_is(&[
        "60.0 cleared Wine: seed.exe, window: Save?",
        "60.0 hide",
        "60.0 void mail",
        "60.0 CANCELLED in Wine: seed.exe: no; gone Wine: first.exe",
    ]);
}

#[test]
fn a_yes_within_a_bundle_lets_the_next_be_asked() {
    let mut desk = Desk::new([seed("one.exe"), seed("two.exe")]);
    desk.log_off();
    desk.wait(1_000);
    desk.saves("one.exe");
    desk.saves("two.exe");
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 -- Closing",
        "0.0 close the bundle",
        "0.0 blocked by Wine: one.exe, window: Save?",
        "0.3 show",
        "1.0 cleared Wine: one.exe, window: Save?",
        "1.0 hide",
        "1.0 Wine: one.exe has gone",
        "1.0 blocked by Wine: two.exe, window: Save?",
        "1.0 cleared Wine: two.exe, window: Save?",
        "1.0 leave the bundle",
        "1.0 Wine: two.exe has gone",
        "1.0 -- Ending",
        "1.0 SIGTERM the rest",
        "1.0 end the session: LogOff",
        "1.0 OVER",
    ]);
}

#[test]
fn who_hangs_in_a_bundle_is_named_and_ended_and_the_others_are_asked_then() {
    let mut desk = Desk::new([
        App::new("hang.exe")
            .window("Hang")
            .bundled()
            .when_closed(Closed::Stays)
            .answers_no_ping(),
        App::new("next.exe").window("Next").bundled(),
    ]);
    desk.log_off();
    desk.wait(20_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 -- Closing",
        "0.0 close the bundle",
        "2.0 ping hang.exe",
        "2.0 ping next.exe",
        "7.0 blocked by Wine: hang.exe, window: Hang (hung)",
        "7.3 show",
        "12.0 ping next.exe",
    ]);
    desk.choose(Choice::EndOne(desk.of("hang.exe")));
    desk.wait(5_000);
    desk.log_is(&[
        "20.0 override hang.exe",
        "20.0 close hang.exe: Hang",
        "20.0 cleared Wine: hang.exe, window: Hang (hung)",
        "22.0 ping next.exe",
        "25.0 SIGTERM hang.exe",
        "25.0 Wine: hang.exe has gone",
        "25.0 hide",
        "25.0 leave the bundle",
        "25.0 Wine: next.exe has gone",
        "25.0 -- Ending",
        "25.0 SIGTERM the rest",
        "25.0 end the session: LogOff",
        "25.0 OVER; overridden Wine: hang.exe",
    ]);
}

#[test]
fn who_hangs_when_his_turn_comes_late_is_named_then() {
    let late = App::new("late.exe")
        .window("Late")
        .bundled()
        .when_closed(Closed::Stays);
    let mut desk = Desk::new([late]);
    desk.log_off();
    desk.wait(5_000);
    desk.tell(Event::Stopped(desk.of("late.exe")));
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 -- Closing",
        "0.0 close the bundle",
        "2.0 ping late.exe",
        "5.0 blocked by Wine: late.exe, window: Late (hung)",
    ]);
}

#[test]
fn one_that_was_only_slow_blocks_no_more_when_it_answers_a_ping() {
    let slow = App::new("slow.exe")
        .window("Slow")
        .bundled()
        .when_closed(Closed::Stays)
        .answers_no_ping();
    let mut desk = Desk::new([slow]);
    desk.log_off();
    desk.wait(8_000);
    desk.tell(Event::Pong(desk.of("slow.exe")));
    desk.log_ends(&[
        "7.0 blocked by Wine: slow.exe, window: Slow (hung)",
        "7.3 show",
        "8.0 cleared Wine: slow.exe, window: Slow (hung)",
        "8.0 hide",
    ]);
}

#[test]
fn nobody_is_ended_who_thinks_for_long_or_asks_his_user() {
    let mut desk = Desk::new([
        seed("seed.exe"),
        App::new("last.exe").window("Last").bundled(),
    ]);
    desk.log_off();
    desk.wait(10 * 60_000);
    desk.choose(Choice::Cancel);
    desk.log_ends(&[
        "22.0 ping last.exe",
        "600.0 cleared Wine: seed.exe, window: Save?",
        "600.0 hide",
        "600.0 leave the bundle",
        "600.0 CANCELLED User; blocked by Wine: seed.exe, window: Save?; told Wine: seed.exe",
    ]);
}

#[test]
fn a_bundle_that_shows_nothing_holds_nothing_up() {
    let quiet = App::new("quiet.exe").bundled().when_closed(Closed::Stays);
    let mut desk = Desk::new([quiet]);
    desk.request(no_dialog());
    desk.wait(7_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 -- Closing",
        "0.0 close the bundle",
        "2.0 ping quiet.exe",
        "3.6 ping quiet.exe",
        "5.3 ping quiet.exe",
        "6.9 leave the bundle",
        "6.9 -- Ending",
        "6.9 SIGTERM the rest",
        "6.9 end the session: LogOff",
        "6.9 OVER",
    ]);
}

#[test]
fn a_bundle_of_which_nobody_hangs_blocks_after_half_a_minute() {
    let deaf = |name| App::new(name).bundled().when_closed(Closed::Stays);
    let mut desk = Desk::new([deaf("tray.exe"), deaf("notes.exe").window("Notes")]);
    desk.log_off();
    desk.wait(32_000);
    desk.log_ends(&[
        "22.0 ping tray.exe",
        "22.0 ping notes.exe",
        "32.0 blocked by Wine: tray.exe, not responding",
    ]);
    desk.wait(40_000);
    desk.choose(Choice::EndOne(desk.of("tray.exe")));
    desk.wait(5_000);
    desk.log_starts(&[
        "32.3 show",
        "72.0 override tray.exe",
        "72.0 cleared Wine: tray.exe, not responding",
        "77.0 SIGTERM tray.exe",
        "77.0 Wine: tray.exe has gone",
    ]);
}

#[test]
fn by_force_a_bundle_has_its_time_and_is_signalled_then() {
    let mut desk = Desk::new([
        seed("seed.exe"),
        App::new("last.exe").window("Last").bundled(),
    ]);
    desk.request(forced(Force::Now));
    desk.wait(20_000);
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 -- Closing",
        "0.0 close the bundle by force",
        "20.0 SIGTERM seed.exe",
        "20.0 SIGTERM last.exe",
        "20.0 Wine: seed.exe has gone",
        "20.0 leave the bundle",
        "20.0 Wine: last.exe has gone",
        "20.0 -- Ending",
        "20.0 SIGTERM the rest",
        "20.0 end the session: LogOff",
        "20.0 OVER; overridden Wine: last.exe, Wine: seed.exe",
    ]);
}

#[test]
fn what_cannot_be_closed_as_one_goes_by_its_windows() {
    let mut desk = Desk::new([App::new("odd.exe")
        .window("Odd")
        .bundled()
        .when_closed(Closed::Stays)]);
    desk.log_off();
    desk.tell(Event::BundleEnded(BundleId(1), BundleEnd::Done));
    desk.log_is(&[
        "0.0 -- Asking",
        "0.0 -- Closing",
        "0.0 close the bundle",
        "0.0 close odd.exe: Odd",
    ]);
}

#[test]
fn a_bundle_with_one_that_is_ignored_is_not_closed() {
    let ignored = Rule {
        ignore: true,
        ..Rule::default()
    };
    let mut desk = Desk::new([
        App::new("game.exe").window("Game").bundled().ruled(ignored),
        App::new("notes.exe").window("Notes").bundled(),
    ]);
    desk.log_off();
    desk.log_starts(&[
        "0.0 -- Asking",
        "0.0 -- Closing",
        "0.0 close notes.exe: Notes",
        "0.0 Wine: notes.exe has gone",
        "0.0 -- Ending",
    ]);
}

#[test]
fn a_voter_is_asked_and_told_whatever_bundle_it_is_in() {
    let mut desk = Desk::new([App::new("odd.exe").window("Odd").votes(Says::Yes).bundled()]);
    desk.log_off();
    desk.log_starts(&[
        "0.0 -- Asking",
        "0.0 ask odd.exe",
        "0.0 odd.exe says yes",
        "0.0 -- Closing",
        "0.0 end odd.exe",
    ]);
}

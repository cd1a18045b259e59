//! The user's answers, by keys and by clicks.

use endsession_testkit::picture::Region;
use endsession_testkit::wait::until_gone;

use crate::desk::LIMIT;
use crate::room::{CARD, DANGER, On, Room, on_both};

on_both! {
    escape_cancels_and_nothing_is_lost;
    enter_cancels_at_first;
    one_is_ended_by_keys_after_a_warning_and_the_log_off_goes_on;
    all_are_ended_by_clicks_after_a_warning;
    what_clears_by_itself_lets_the_log_off_go_on_and_closes_the_window;
    nothing_is_shown_where_nothing_blocks;
    to_confirm_is_to_say_yes;
    not_to_confirm_is_no;
    the_first_answer_counts_whoever_gives_it;
}

fn escape_cancels_and_nothing_is_lost(on: On) {
    let room = Room::new(on);
    let holder = room.holder();
    let logoff = room.log_off(&[]);
    let dialog = room.dialog();
    room.focused();
    room.key(&["Escape"]);
    let said = room.ends(&logoff, 1);
    assert!(said.contains("The log-off was cancelled."), "{said}");
    assert!(until_gone(dialog, LIMIT));
    assert!(holder.is_alive() && room.desk.run.is_alive());
    room.sees(|p| p.count(CARD) < 2_000);
}

fn enter_cancels_at_first(on: On) {
    let room = Room::new(on);
    let _holder = room.holder();
    let logoff = room.log_off(&[]);
    room.focused();
    room.key(&["Return"]);
    room.ends(&logoff, 1);
}

fn one_is_ended_by_keys_after_a_warning_and_the_log_off_goes_on(on: On) {
    let room = Room::new(on);
    let holder = room.holder();
    let logoff = room.log_off(&[]);
    room.focused();
    // From Cancel round to Show, to End, and in the warning from Back to End it before it.
    room.keys(&["Tab", "Tab", "Return"]);
    room.sees(|p| p.count(DANGER) > 500);
    assert!(holder.is_alive());
    room.key(&["Shift", "Tab"]);
    room.key(&["Return"]);
    holder.wait_exit(LIMIT);
    room.ends(&logoff, 0);
    room.is_over();
}

fn all_are_ended_by_clicks_after_a_warning(on: On) {
    let room = Room::new(on);
    let holder = room.holder();
    let logoff = room.log_off(&[]);
    room.focused();
    let card = room.card();
    // At the left of the last line of buttons.
    let end_all = Region {
        x: card.x + 40,
        y: card.y + card.height - 50,
        width: 60,
        height: 16,
    };
    room.click(end_all);
    let warning = room.sees(|p| p.count(DANGER) > 1_000);
    assert!(holder.is_alive());
    room.click(warning.bounds_of(DANGER).unwrap());
    room.ends(&logoff, 0);
    holder.wait_exit(LIMIT);
    room.is_over();
}

fn what_clears_by_itself_lets_the_log_off_go_on_and_closes_the_window(on: On) {
    let room = Room::new(on);
    let holder = room.holder();
    let logoff = room.log_off(&[]);
    let dialog = room.dialog();
    room.focused();
    holder.uninhibit();
    room.ends(&logoff, 0);
    room.is_over();
    assert!(until_gone(dialog, LIMIT));
}

fn nothing_is_shown_where_nothing_blocks(on: On) {
    let room = Room::new(on);
    let logoff = room.log_off(&[]);
    room.ends(&logoff, 0);
    room.is_over();
    let log = room.desk.run.stderr_so_far();
    assert!(!log.contains("the dialog"), "{log}");
}

fn to_confirm_is_to_say_yes(on: On) {
    let room = Room::new(on);
    let logoff = room.log_off(&["--confirm", "--reason", "Maintenance at noon"]);
    room.focused();
    room.keys(&["Tab", "Return"]);
    room.ends(&logoff, 0);
    room.is_over();
}

fn not_to_confirm_is_no(on: On) {
    let room = Room::new(on);
    let logoff = room.log_off(&["--confirm"]);
    room.focused();
    room.key(&["Return"]);
    room.ends(&logoff, 1);
    assert!(room.desk.run.is_alive());
}

fn the_first_answer_counts_whoever_gives_it(on: On) {
    let room = Room::new(on);
    let _holder = room.holder();
    let logoff = room.log_off(&[]);
    let dialog = room.dialog();
    room.focused();
    assert_eq!(room.desk.endsession(&["choose", "cancel"]).0, 0);
    room.ends(&logoff, 1);
    assert!(until_gone(dialog, LIMIT));
    assert_eq!(room.desk.endsession(&["choose", "cancel"]).0, 1);
}

//! A command under `endsession hold`, as the user meets it in the dialog.

use std::path::PathBuf;

use crate::desk::{LIMIT, Shown};
use crate::room::{On, Room, on_both, wait_until};

on_both! {
    a_command_that_is_held_for_is_shown_and_lets_the_log_off_go_on;
}

fn a_command_that_is_held_for_is_shown_and_lets_the_log_off_go_on(on: On) {
    let room = Room::new(on);
    let words = ["endsession", "hold", "--why", "copying photos", "--", "cat"];
    let hold = room.desk.sandbox.spawn_with_input(words);
    let is_held = || room.desk.status()["blockers"][0]["reason"] == "copying photos";
    wait_until(is_held, "it holds nothing");
    let logoff = room.log_off(&[]);
    room.focused();
    if let Some(dir) = std::env::var_os("ENDSESSION_SCREENSHOTS") {
        let file = PathBuf::from(dir).join(format!("hold-{on:?}.png"));
        match &room.desk.shown {
            Shown::Sway(sway) => sway.screenshot(&file),
            Shown::X11(xvfb) => xvfb.screenshot(&file),
        }
    }
    hold.close_input();
    assert_eq!(hold.wait_exit(LIMIT).code(), Some(0));
    room.ends(&logoff, 0);
    room.is_over();
}

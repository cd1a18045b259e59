//! A command under `endsession hold`, as the user meets it in the dialog.

use std::path::PathBuf;

use crate::desk::{LIMIT, Shown, end, wait_for_descendant};
use crate::room::{On, Room, on_both, wait_until};

on_both! {
    a_command_that_is_held_for_is_shown_and_lets_the_log_off_go_on;
    what_outlives_the_session_is_told_beside_who_holds_it_up;
}

fn screenshot(room: &Room, name: &str) {
    if let Some(dir) = std::env::var_os("ENDSESSION_SCREENSHOTS") {
        let file = PathBuf::from(dir).join(name);
        match &room.desk.shown {
            Shown::Sway(sway) => sway.screenshot(&file),
            Shown::X11(xvfb) => xvfb.screenshot(&file),
        }
    }
}

fn a_command_that_is_held_for_is_shown_and_lets_the_log_off_go_on(on: On) {
    let room = Room::new(on);
    let words = ["endsession", "hold", "--why", "copying photos", "--", "cat"];
    let hold = room.desk.sandbox.spawn_with_input(words);
    let is_held = || room.desk.status()["blockers"][0]["reason"] == "copying photos";
    wait_until(is_held, "it holds nothing");
    let logoff = room.log_off(&[]);
    room.focused();
    screenshot(&room, &format!("hold-{on:?}.png"));
    hold.close_input();
    assert_eq!(hold.wait_exit(LIMIT).code(), Some(0));
    room.ends(&logoff, 0);
    room.is_over();
}

fn what_outlives_the_session_is_told_beside_who_holds_it_up(on: On) {
    let room = Room::new(on);
    let reader = room.reader();
    let terminal = room.desk.terminal();
    let line = "nohup sleep 4242 >/dev/null 2>&1 &\n";
    room.desk.type_into("terminal", line);
    let sleep = wait_for_descendant(terminal.pid(), "sleep");
    let holder = room.holder();
    let logoff = room.log_off(&[]);
    let dialog = reader.application(room.dialog());
    let told = "Goes on after the end of the session: ";
    let tree = dialog.wait_for_tree(LIMIT, |tree| tree.contains(told));
    assert!(tree.contains(": sleep 4242 &\""), "{tree}");
    assert!(tree.contains("One application holds this up."), "{tree}");
    room.focused();
    screenshot(&room, &format!("survivors-{on:?}.png"));
    room.press(&dialog, "Cancel");
    room.ends(&logoff, 1);
    drop(holder);
    end(sleep);
}

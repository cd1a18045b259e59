//! The seed's own box, the menu, and the demo on a desktop.

use endsession_testkit::pty::Pty;
use endsession_testkit::session::Proc;

use crate::desk::{LIMIT, Shown};
use crate::room::{CARD, DANGER, On, Room, on_both, sandbox};

on_both! {
    yes_is_0;
    escape_and_enter_at_first_are_no;
    a_window_that_is_closed_is_no;
    a_log_off_closes_it_and_that_is_no;
    the_menu_logs_off;
    a_menu_that_is_left_does_nothing;
    the_demos_editor_asks_in_a_window_and_its_player_is_ended_in_the_dialog;
}

/// A question's window, with the keyboard.
fn asked(room: &Room, words: &[&str]) -> Proc {
    let ask = room.desk.command(words);
    let title = words.get(1).copied().unwrap_or("End the session?");
    room.desk.wait_for_window(title);
    match &room.desk.shown {
        Shown::Sway(sway) => drop(sway.wait_for_window(LIMIT, |w| w.title == title && w.focused)),
        Shown::X11(xvfb) => {
            let window = xvfb.wait_for_window(LIMIT, |w| w.title == title);
            xvfb.wait_for_focus(&window, LIMIT);
        }
    }
    room.card();
    ask
}

fn yes_is_0(on: On) {
    let room = Room::new(on);
    let ask = asked(
        &room,
        &["ask", "Restart the server?", "--detail", "Two backups run."],
    );
    room.keys(&["Tab", "Return"]);
    room.ends(&ask, 0);
}

fn escape_and_enter_at_first_are_no(on: On) {
    let room = Room::new(on);
    for key in ["Escape", "Return"] {
        let ask = asked(&room, &["ask"]);
        room.key(&[key]);
        room.ends(&ask, 1);
    }
}

fn a_window_that_is_closed_is_no(on: On) {
    let room = Room::new(on);
    let ask = asked(&room, &["ask"]);
    match &room.desk.shown {
        Shown::Sway(sway) => {
            sway.close(&sway.wait_for_window(LIMIT, |w| w.title == "End the session?"));
        }
        Shown::X11(xvfb) => {
            xvfb.close(&xvfb.wait_for_window(LIMIT, |w| w.title == "End the session?"));
        }
    }
    room.ends(&ask, 1);
}

/// It is an application's window like any other.
fn a_log_off_closes_it_and_that_is_no(on: On) {
    let room = Room::new(on);
    let ask = asked(&room, &["ask"]);
    let logoff = room.log_off(&[]);
    room.ends(&ask, 1);
    room.ends(&logoff, 0);
    room.is_over();
}

/// The menu's window, with the keyboard.
fn menu(room: &Room) -> Proc {
    let menu = room.desk.command(&["menu"]);
    match &room.desk.shown {
        Shown::Sway(_) => {}
        Shown::X11(xvfb) => {
            let window = xvfb.wait_for_window(LIMIT, |w| w.title == "End the session");
            xvfb.wait_for_focus(&window, LIMIT);
        }
    }
    room.card();
    menu
}

fn the_menu_logs_off(on: On) {
    let room = Room::new(on);
    let menu = menu(&room);
    room.keys(&["Home", "Return"]);
    room.ends(&menu, 0);
    room.is_over();
}

fn a_menu_that_is_left_does_nothing(on: On) {
    let room = Room::new(on);
    let menu = menu(&room);
    room.key(&["Escape"]);
    room.ends(&menu, 1);
    assert_eq!(room.desk.status()["request"], serde_json::Value::Null);
}

fn the_demos_editor_asks_in_a_window_and_its_player_is_ended_in_the_dialog(on: On) {
    let room = Room::new(on);
    let demo = Pty::spawn(&room.desk.sandbox, ["endsession", "demo"]);
    demo.wait_for("It asks in its window", LIMIT);
    room.desk.wait_for_window("End the session?");
    room.card();
    room.keys(&["Tab", "Return"]);
    demo.wait_for("player (pid", LIMIT);
    demo.wait_for("The player hangs.", LIMIT);
    // The manager of the demo shows its own dialog: a row with End, which has no window to show.
    room.sees(|p| p.bounds_of(CARD).is_some_and(|c| c.width > 500));
    room.keys(&["Tab", "Return"]);
    room.sees(|p| p.count(DANGER) > 500);
    room.key(&["Shift", "Tab"]);
    room.key(&["Return"]);
    demo.wait_for("The session has ended.", LIMIT);
    demo.wait_for("No application is left.", LIMIT);
}

#[test]
fn without_a_display_it_is_asked_at_the_terminal_in_the_users_language() {
    let sandbox = sandbox();
    sandbox.install(env!("CARGO_BIN_EXE_endsession").as_ref());
    sandbox.set_env("LANG", "es_ES.UTF-8");
    let ask = Pty::spawn(&sandbox, ["sh", "-c", "endsession ask; echo status $?"]);
    ask.wait_for("¿Terminar la sesión?", LIMIT);
    ask.wait_for("s: Sí   n: No", LIMIT);
    ask.write("xs");
    ask.wait_for("status 0", LIMIT);
    let ask = Pty::spawn(&sandbox, ["sh", "-c", "endsession ask; echo status $?"]);
    ask.wait_for("n: No", LIMIT);
    ask.write("n");
    ask.wait_for("status 1", LIMIT);
    // An arrow is no answer; Ctrl-C is one, and the terminal echoes as before.
    let line = "trap : INT; endsession ask; echo status $?; stty -a | grep -o ' echo '";
    let ask = Pty::spawn(&sandbox, ["sh", "-c", line]);
    ask.wait_for("n: No", LIMIT);
    ask.write("\u{1b}[A");
    ask.write("\u{3}");
    ask.wait_for("status 1", LIMIT);
    ask.wait_for(" echo ", LIMIT);
}

#[test]
fn where_nobody_can_be_asked_it_says_so() {
    let sandbox = sandbox();
    sandbox.install(env!("CARGO_BIN_EXE_endsession").as_ref());
    for (display, why) in [(None, "no display"), (Some(":4711"), ":4711")] {
        if let Some(display) = display {
            sandbox.set_env("DISPLAY", display);
        }
        let ask = sandbox.spawn(["endsession", "ask"]);
        assert_eq!(ask.wait_exit(LIMIT).code(), Some(3));
        let said = ask.stderr_so_far();
        assert!(said.contains(why), "{said}");
    }
    // A display that was left behind is passed over for one that is there.
    sandbox.set_env("WAYLAND_DISPLAY", "wayland-gone");
    let ask = sandbox.spawn(["endsession", "ask"]);
    assert_eq!(ask.wait_exit(LIMIT).code(), Some(3));
    assert!(
        ask.stderr_so_far().contains(":4711"),
        "{}",
        ask.stderr_so_far()
    );
}

//! `end_the_session`: the seed as a program, which asks in the window of whatever the desktop has for that.

use std::os::unix::fs::symlink;
use std::process::Command;

use endsession_testkit::programs;
use endsession_testkit::session::Proc;

use crate::desk::Desk;
use crate::support::LIMIT;

const QUESTION: &str = "End the session?";

#[test]
fn a_no_keeps_the_session_and_a_yes_ends_it() {
    let desk = Desk::new();
    let seed = desk.example("end_the_session", &[]);
    seed.wait_for_line("ready", LIMIT);
    let log_off = desk.log_off();
    let question = desk.window(QUESTION);
    desk.xvfb.press(&question, &["Escape"]);
    desk.was_cancelled(&log_off);
    assert!(seed.is_alive());

    let log_off = desk.log_off();
    let question = desk.window(QUESTION);
    desk.xvfb.press(&question, &["Tab"]);
    desk.xvfb.press(&question, &["Return"]);
    desk.went_through(&log_off, &seed);
}

#[test]
fn it_ends_the_session_itself_and_asks_its_user_like_everybody() {
    let desk = Desk::new();
    let seed = desk.example("end_the_session", &["--end"]);
    let question = desk.window(QUESTION);
    desk.xvfb.press(&question, &["Tab"]);
    desk.xvfb.press(&question, &["Return"]);
    let ended = seed.wait_exit(LIMIT);
    assert!(ended.success(), "{ended}: {}", seed.stderr_so_far());
    desk.ends_in_order();
}

/// The example, which finds this program alone to ask with.
#[track_caller]
fn asks_with(desk: &Desk, program: &str) -> Proc {
    let dir = desk.sandbox.dir().join(format!("only-{program}"));
    std::fs::create_dir(&dir).unwrap();
    symlink(programs::need(program), dir.join(program)).unwrap();
    let mut command = Command::new(desk.install("end_the_session"));
    command.env("PATH", &dir);
    let seed = desk.sandbox.spawn(command);
    seed.wait_for_line("ready", LIMIT);
    seed
}

#[test]
fn zenity_asks_too() {
    let desk = Desk::new();
    let seed = asks_with(&desk, "zenity");
    for (key, is_yes) in [("Escape", false), ("Return", true)] {
        let log_off = desk.log_off();
        let window = desk
            .xvfb
            .wait_for_window(LIMIT, |w| w.class.eq_ignore_ascii_case("zenity"));
        desk.xvfb.focus(&window);
        desk.xvfb.press(&window, &[key]);
        if is_yes {
            desk.went_through(&log_off, &seed);
        } else {
            desk.was_cancelled(&log_off);
        }
    }
}

#[test]
fn xmessage_asks_too() {
    let desk = Desk::new();
    let seed = asks_with(&desk, "xmessage");
    let log_off = desk.log_off();
    let window = desk
        .xvfb
        .wait_for_window(LIMIT, |w| w.class.eq_ignore_ascii_case("xmessage"));
    // Closed, it is a no.
    desk.xvfb.close(&window);
    desk.was_cancelled(&log_off);
    assert!(seed.is_alive());
}

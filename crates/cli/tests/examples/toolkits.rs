//! `winit` and `editor`: windows of toolkits, whose programs ask their users themselves.

use std::path::PathBuf;

use endsession_testkit::session::Proc;
use endsession_testkit::x11::Window;

use crate::desk::Desk;
use crate::support::wait_for_status;

const SAVED: &str = "Saved: u makes it unsaved";
const UNSAVED: &str = "Unsaved: s saves";
const ASKS: &str = "The drawing is not saved. End the session? y or n";

#[test]
fn winit_with_nothing_unsaved_agrees() {
    let desk = Desk::new();
    let program = desk.example("winit", &[]);
    desk.window(SAVED);
    let log_off = desk.log_off();
    desk.went_through(&log_off, &program);
}

#[test]
fn winit_asks_its_user_who_says_no_and_then_yes() {
    let desk = Desk::new();
    let program = desk.example("winit", &[]);
    let window = desk.window(SAVED);
    desk.xvfb.type_text(&window, "u");
    desk.window(UNSAVED);
    let log_off = desk.log_off();
    desk.window(ASKS);
    desk.xvfb.type_text(&window, "n");
    desk.was_cancelled(&log_off);
    desk.window(UNSAVED);
    let log_off = desk.log_off();
    desk.window(ASKS);
    desk.xvfb.type_text(&window, "y");
    desk.went_through(&log_off, &program);
}

#[test]
fn winits_question_goes_when_somebody_else_cancels() {
    let desk = Desk::new();
    let program = desk.example("winit", &[]);
    let window = desk.window(SAVED);
    desk.xvfb.type_text(&window, "u");
    desk.window(UNSAVED);
    let log_off = desk.log_off();
    desk.window(ASKS);
    assert_eq!(desk.endsession(&["cancel"]).code(), Some(0));
    desk.was_cancelled(&log_off);
    desk.window(UNSAVED);
    assert!(program.is_alive());
}

/// The editor with unsaved text, its window, and its file.
fn editor(desk: &Desk) -> (Proc, Window, PathBuf) {
    let file = desk.sandbox.write("letter.txt", "Dear ");
    let program = desk.example("editor", &[&file.display().to_string()]);
    let window = desk.window("letter.txt - Editor");
    desk.xvfb.type_text(&window, "reader");
    desk.window("*letter.txt - Editor");
    (program, window, file)
}

/// A log-off for which the editor asks its user, who presses this.
fn log_off(desk: &Desk, window: &Window, key: &str) -> Proc {
    let log_off = desk.log_off();
    wait_for_status(desk, |s| s["waits"][0]["kind"] == "asking-user");
    desk.xvfb.press(window, &[key]);
    log_off
}

#[test]
fn the_editor_saves_and_lets_the_session_end() {
    let desk = Desk::new();
    let (program, window, file) = editor(&desk);
    let log_off = log_off(&desk, &window, "s");
    desk.went_through(&log_off, &program);
    assert_eq!(std::fs::read_to_string(file).unwrap(), "Dear reader");
}

#[test]
fn the_editor_keeps_the_session_and_then_discards() {
    let desk = Desk::new();
    let (program, window, file) = editor(&desk);
    let first = log_off(&desk, &window, "Escape");
    desk.was_cancelled(&first);
    let second = log_off(&desk, &window, "c");
    desk.was_cancelled(&second);
    desk.window("*letter.txt - Editor");
    let third = log_off(&desk, &window, "d");
    desk.went_through(&third, &program);
    assert_eq!(std::fs::read_to_string(file).unwrap(), "Dear ");
}

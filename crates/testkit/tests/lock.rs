//! Screens that are locked: nobody else gets a key, and all is as before when they are unlocked.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::time::Duration;

use endsession_testkit::{
    lock::{COLOUR, Lock},
    picture::Screen,
    session::{Proc, Sandbox},
    sway::Sway,
    x11::Xvfb,
};

const LIMIT: Duration = Duration::from_secs(30);

/// A terminal that keeps the first line that it is sent.
fn listener(sandbox: &Sandbox, terminal: &[&str]) -> Proc {
    let script = "printf '\\033]0;listening\\007'; read line; echo \"$line\" >$HOME/heard";
    sandbox.spawn([terminal, &["sh", "-c", script]].concat())
}

fn heard(sandbox: &Sandbox, terminal: &Proc) -> String {
    assert!(terminal.wait_exit(LIMIT).success());
    std::fs::read_to_string(sandbox.home().join("heard")).unwrap()
}

#[test]
fn a_locked_sway_gives_keys_to_its_locker_alone() {
    let sway = Sway::start();
    let foot = listener(sway.sandbox(), &["foot"]);
    sway.wait_for_window(LIMIT, |window| window.title == "listening");
    let lock = Lock::sway(&sway);
    sway.inputs().type_text("locked");
    lock.unlock();
    sway.wait_for_picture(LIMIT, |picture| picture.count(COLOUR) == 0);
    sway.wait_for_window(LIMIT, |window| window.focused);
    sway.inputs().type_text("open\n");
    assert_eq!(heard(sway.sandbox(), &foot), "open\n");
}

#[test]
fn a_second_output_is_locked_as_well() {
    let sway = Sway::start();
    let added = sway.add_output();
    let _lock = Lock::sway(&sway);
    let picture = sway.on_output(&added.name).picture();
    assert_eq!(
        picture.count(COLOUR),
        (picture.width() * picture.height()) as usize
    );
}

#[test]
fn a_locked_display_gives_keys_to_its_locker_alone() {
    let xvfb = Xvfb::with_openbox();
    let xterm = listener(xvfb.sandbox(), &["xterm", "-e"]);
    let window = xvfb.wait_for_window(LIMIT, |window| window.title == "listening");
    assert!(!xvfb.keyboard_is_grabbed());
    let lock = Lock::x11(&xvfb);
    assert!(xvfb.keyboard_is_grabbed());
    xvfb.type_keys("locked");
    assert_eq!(xvfb.picture().pixel(0, 0), COLOUR);
    lock.unlock();
    xvfb.focus(&window);
    xvfb.type_keys("open\n");
    assert_eq!(heard(xvfb.sandbox(), &xterm), "open\n");
}

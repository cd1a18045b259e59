//! A command on a terminal: it talks, it knows its size, and it can lose the terminal.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::{os::unix::process::ExitStatusExt, time::Duration};

use endsession_testkit::{pty::Pty, session::Sandbox, wait::for_entry};

const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn a_question_is_seen_and_answered() {
    let sandbox = Sandbox::new();
    let script = "printf 'End the session? [y/N] '; read -r a; echo \"answer: $a\"; test -t 0 -a -t 1 -a -t 2";
    let pty = Pty::spawn(&sandbox, ["sh", "-c", script]);
    pty.wait_for("End the session? [y/N] ", LIMIT);
    pty.write("y\n");
    pty.wait_for("answer: y", LIMIT);
    assert!(pty.wait_exit(LIMIT).success());
}

#[test]
fn control_and_c_interrupt() {
    let sandbox = Sandbox::new();
    // Not `read`: a trap that is set off just before it blocks runs only when it returns.
    let script = "trap 'exit 7' INT; echo ready; while :; do sleep 0.1; done";
    let pty = Pty::spawn(&sandbox, ["sh", "-c", script]);
    pty.wait_for("ready", LIMIT);
    pty.write("\x03");
    assert_eq!(pty.wait_exit(LIMIT).code(), Some(7));
}

#[test]
fn the_size_is_known_and_changes() {
    let sandbox = Sandbox::new();
    let script = "trap 'stty size' WINCH; stty size; while :; do read x; done";
    let pty = Pty::spawn(&sandbox, ["bash", "-c", script]);
    pty.wait_for("24 80", LIMIT);
    pty.resize(100, 30);
    // bash runs a trap once its read returns.
    pty.write("\n");
    pty.wait_for("30 100", LIMIT);
}

#[test]
fn a_lost_terminal_hangs_up() {
    let sandbox = Sandbox::new();
    let mut pty = Pty::spawn(&sandbox, ["sh", "-c", "echo ready; exec sleep 1000"]);
    pty.wait_for("ready", LIMIT);
    pty.hang_up();
    assert_eq!(pty.wait_exit(LIMIT).signal(), Some(1));
}

#[test]
fn a_process_may_outlive_its_terminal() {
    let sandbox = Sandbox::new();
    let script =
        "trap 'touch $HOME/hung-up' HUP; echo ready; while :; do read x || break; done; sleep 1000";
    let mut pty = Pty::spawn(&sandbox, ["sh", "-c", script]);
    pty.wait_for("ready", LIMIT);
    pty.hang_up();
    for_entry(&sandbox.home(), LIMIT, |name| name == "hung-up");
    assert!(pty.is_alive());
}

//! `endsession demo`: the whole story with no desktop at all, in the order in which it happens, and
//! nothing left behind.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod support;

use endsession_testkit::pty::Pty;
use endsession_testkit::session::Sandbox;
use support::{Done, LIMIT, endsession, run, sandbox};

const BEGIN: [&str; 3] = [
    "A session with three applications: a clock, an editor with unsaved text, a player that will hang.",
    "Logging off: every application is asked, and nobody is ended before all have agreed.",
    "Asking every application.",
];

/// The lines appear in this order, whatever is between them.
#[track_caller]
fn in_order(text: &str, lines: &[&str]) {
    let mut rest = text;
    for line in lines {
        let Some((_, after)) = rest.split_once(line) else {
            panic!("{line:?} is not there, or not in its place:\n{text}");
        };
        rest = after;
    }
}

/// Neither a process nor a file.
#[track_caller]
fn nothing_is_left(sandbox: &Sandbox) {
    assert_eq!(sandbox.processes(), [0; 0]);
    for dir in [
        sandbox.runtime_dir(),
        sandbox.dir().join("tmp"),
        sandbox.home(),
    ] {
        let files: Vec<_> = std::fs::read_dir(&dir)
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(files, [""; 0], "{}", dir.display());
    }
}

/// The story of a Yes.
#[track_caller]
fn ended(done: &Done) {
    assert_eq!((done.code(), done.err.as_str()), (Some(0), ""), "{done:?}");
    in_order(&done.out, &BEGIN);
    in_order(
        &done.out,
        &[
            "clock (pid",
            "The editor has unsaved text. It asks: \"End the session?\"",
            "The user answers: Yes.",
            "player (pid",
            ") has not answered yet",
            ") blocks: is not responding",
            "The user is told, and chooses: end player alone.",
            "Closing applications.",
            "Ending the session.",
            "The session has ended.",
            "Ended over their objection: player.",
            "No application is left.",
        ],
    );
    // Who agrees is told to end after the last vote only.
    let (asking, closing) = done.out.split_once("Closing applications.").unwrap();
    let ended = |l: &&str| l.contains("has ended") && !l.contains("player");
    assert_eq!(asking.lines().find(ended), None, "{asking}");
    for name in ["clock", "editor"] {
        let told = format!("{name} (pid");
        let line = closing
            .lines()
            .find(|l| l.contains(&told) && l.contains("was told to end"));
        assert!(line.is_some(), "{name}: {closing}");
    }
    assert!(closing.contains("the editor saves its text"), "{closing}");
}

/// The story of a No.
#[track_caller]
fn kept(done: &Done) {
    assert_eq!((done.code(), done.err.as_str()), (Some(1), ""), "{done:?}");
    in_order(&done.out, &BEGIN);
    in_order(
        &done.out,
        &[
            "It asks: \"End the session?\"",
            "The user answers: No.",
            "The log-off was cancelled by the user in editor: the user keeps the session.",
            "Still running, nothing lost: clock, editor, player.",
        ],
    );
    assert!(!done.out.contains("was told to end"), "{}", done.out);
}

#[test]
fn yes_ends_everybody_after_the_last_vote() {
    let sandbox = sandbox();
    ended(&endsession(&sandbox, &["demo", "--yes"]));
    nothing_is_left(&sandbox);
}

#[test]
fn no_leaves_everybody_running_and_loses_nothing() {
    let sandbox = sandbox();
    kept(&endsession(&sandbox, &["demo", "--no"]));
    nothing_is_left(&sandbox);
}

#[test]
fn into_a_pipe_it_answers_yes_by_itself() {
    let sandbox = sandbox();
    ended(&endsession(&sandbox, &["demo"]));
    nothing_is_left(&sandbox);
}

#[test]
fn it_needs_nothing_of_its_environment() {
    let sandbox = sandbox();
    let program = sandbox.dir().join("bin/endsession").display().to_string();
    let empty = ["env", "-i", "PATH=/nowhere", &program, "demo", "--no"];
    kept(&run(&sandbox, &empty));
    assert_eq!(sandbox.processes(), [0; 0]);
}

#[test]
fn on_a_terminal_the_user_answers() {
    let sandbox = sandbox();
    let terminal = Pty::spawn(&sandbox, ["endsession", "demo"]);
    terminal.wait_for("It asks: \"End the session?\"", LIMIT);
    terminal.wait_for("y: Yes   n: No", LIMIT);
    terminal.write("xy");
    terminal.wait_for("editor", LIMIT);
    terminal.wait_for(
        "The player hangs.  e: end it   w: keep waiting   c: cancel the log-off",
        LIMIT,
    );
    terminal.write("w");
    terminal.wait_for("Waiting for the player; e ends it, c cancels.", LIMIT);
    terminal.write("e");
    assert_eq!(
        terminal.wait_exit(LIMIT).code(),
        Some(0),
        "{}",
        terminal.text()
    );
    terminal.wait_for("No application is left.", LIMIT);
    in_order(
        &terminal.text(),
        &["agrees", "Closing applications.", "The session has ended."],
    );
    nothing_is_left(&sandbox);
}

#[test]
fn on_a_terminal_a_no_cancels() {
    for key in ["n", "c", "\x03"] {
        let sandbox = sandbox();
        let terminal = Pty::spawn(&sandbox, ["endsession", "demo"]);
        terminal.wait_for("y: Yes   n: No", LIMIT);
        terminal.write(key);
        assert_eq!(
            terminal.wait_exit(LIMIT).code(),
            Some(1),
            "{}",
            terminal.text()
        );
        terminal.wait_for("Still running, nothing lost: clock, editor, player.", LIMIT);
        nothing_is_left(&sandbox);
    }
}

#[test]
fn a_lost_terminal_leaves_nothing() {
    let sandbox = sandbox();
    let mut terminal = Pty::spawn(&sandbox, ["endsession", "demo"]);
    terminal.wait_for("y: Yes   n: No", LIMIT);
    terminal.hang_up();
    terminal.wait_exit(LIMIT);
    support::until(|| sandbox.processes().is_empty());
}

//! The command of Windows, built for Windows and run under Wine, with applications in C that it asks. `cargo xtask windows build` makes what these run.
//!
//! Wine asks one process after another, in the order in which they were started, and ends each before it asks the next. It takes no reasons, and lParam
//! is 0.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod ask;
mod end;
mod hold;

use std::path::PathBuf;
use std::time::Duration;

use endsession_testkit::wine::{Built, Program, Wine};
use endsession_testkit::x11::Xvfb;

/// Longer than anything here takes; only a failing test waits so long.
const LIMIT: Duration = Duration::from_secs(30);

/// Starts `endsession.exe ARGUMENTS`.
#[track_caller]
fn start(wine: &Wine, arguments: &[&str]) -> Program {
    wine.spawn(Built::Binary("endsession"), arguments)
}

/// Runs `endsession.exe ARGUMENTS` to its end: its exit status, and what it said.
#[track_caller]
fn endsession(wine: &Wine, arguments: &[&str]) -> (Option<i32>, String) {
    let command = start(wine, arguments);
    let status = command.wait_exit(LIMIT);
    (status.code(), command.output())
}

/// Asks from outside for the end of the session: whether all have agreed.
#[track_caller]
fn all_agree(wine: &Wine) -> bool {
    wine.end_session(&[]).wait_exit(LIMIT).code() == Some(0)
}

/// Keeps what is on the screen for whoever wants to see it.
fn keep_picture(xvfb: &Xvfb, name: &str) {
    if let Some(dir) = std::env::var_os("ENDSESSION_SCREENSHOTS") {
        xvfb.screenshot(&PathBuf::from(dir).join(name));
    }
}

#[test]
fn every_command_explains_itself() {
    let wine = Wine::start();
    let (code, all) = endsession(&wine, &["--help"]);
    assert!(code == Some(0) && all.contains("Exit status: 0"), "{all}");
    for command in [
        "logoff",
        "restart",
        "poweroff",
        "status",
        "hold",
        "ask",
        "completions",
    ] {
        assert!(all.contains(command), "{command}");
        let (code, help) = endsession(&wine, &[command, "--help"]);
        let usage = format!("Usage: endsession.exe {command}");
        assert!(code == Some(0) && help.contains(&usage), "{help}");
    }
    let (code, completions) = endsession(&wine, &["completions", "powershell"]);
    assert!(code == Some(0) && completions.contains("poweroff"));
}

#[test]
fn wrong_usage_is_status_2_and_says_what_is_wrong() {
    let wine = Wine::start();
    let wrong: [(&[&str], &str); 7] = [
        (&[], "Usage"),
        (&["explode"], "explode"),
        (
            &["logoff", "--force", "--force-if-hung"],
            "cannot be used with",
        ),
        (&["logoff", "--wait", "soon"], "30s or 2m"),
        (&["restart", "--reason-code", "0xno"], "0x80040001"),
        (&["hold", "--", "cmd"], "--why"),
        (&["hold", "--why", " ", "--", "cmd"], "copying the photos"),
    ];
    for (words, said) in wrong {
        let (code, output) = endsession(&wine, words);
        assert_eq!(code, Some(2), "{words:?}: {output}");
        assert!(output.contains(said), "{words:?}: {output}");
    }
}

#[test]
fn status_names_who_is_asked_and_says_what_windows_does_not_tell() {
    let wine = Wine::start();
    let seen = wine.application(&["--title", "Two documents"]);
    let hidden = [(); 2].map(|()| wine.application(&["--hidden", "--title", "Nobody sees it"]));
    let (code, said) = endsession(&wine, &["status"]);
    assert_eq!(code, Some(0), "{said}");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "Session: managed by Windows (backend windows)");
    assert!(
        said.contains("Who holds it open cannot be listed"),
        "{said}"
    );
    let place = |text: &str| lines.iter().position(|line| line.contains(text));
    let order = [
        place("and may refuse:"),
        place(": Two documents"),
        place("and may not refuse"),
        place("  application.exe (2)"),
    ];
    assert!(order.is_sorted() && !order.contains(&None), "{said}");
    assert!(!said.contains("endsession.exe"), "{said}");
    assert!(seen.is_alive() && hidden.iter().all(|one| one.is_alive()));
}

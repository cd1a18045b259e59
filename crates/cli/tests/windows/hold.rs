//! `hold`: the session stays open while its command runs, and a window says so.

use endsession_testkit::picture::Screen as _;
use endsession_testkit::wine::{Built, Program, Wine, built};
use endsession_testkit::x11::Xvfb;
use rustix::process::Signal;

use crate::{LIMIT, all_agree, endsession, keep_picture, start};

/// `endsession.exe hold` around an application that agrees to everything; its windows are there.
#[track_caller]
fn held(wine: &Wine, why: &str, options: &[&str]) -> Program {
    let application = wine.sandbox().install(&built(Built::C("application")));
    let application = application.to_str().unwrap();
    let words = ["hold", "--why", why, "--", application];
    let hold = start(wine, &[&words, options].concat());
    hold.wait_for_line("ready ", LIMIT);
    hold
}

/// Closes the windows of the application, which ends by that.
#[track_caller]
fn close_application(wine: &Wine) {
    let closed = wine.run("wine", &["taskkill", "/im", "application.exe"]);
    assert!(closed.wait_exit(LIMIT).success(), "{}", closed.output());
}

#[test]
fn the_session_stays_open_while_the_command_runs_and_ends_after_it() {
    let wine = Wine::start();
    let hold = held(&wine, "copying photos", &[]);
    let (_, status) = endsession(&wine, &["status"]);
    assert!(status.contains("endsession.exe (pid"), "{status}");
    assert!(!all_agree(&wine));
    assert!(!all_agree(&wine));
    assert!(hold.is_alive());
    // It was not even asked: who holds was asked before it.
    assert!(!hold.output().contains("query"), "{}", hold.output());
    close_application(&wine);
    assert_eq!(hold.wait_exit(LIMIT).code(), Some(0));
    assert!(all_agree(&wine));
}

#[test]
fn a_log_off_by_our_own_command_is_refused_by_the_hold() {
    let wine = Wine::start();
    let hold = held(&wine, "copying photos", &[]);
    let (code, said) = endsession(&wine, &["logoff", "--wait", "2s"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(hold.is_alive());
}

#[test]
fn what_only_sleep_is_held_for_may_end() {
    let wine = Wine::start();
    let application = wine.sandbox().install(&built(Built::C("application")));
    let application = application.to_str().unwrap();
    let hold = start(
        &wine,
        &[
            "hold",
            "--what",
            "sleep,idle",
            "--why",
            "a film",
            "--",
            application,
        ],
    );
    hold.wait_for_line("ready ", LIMIT);
    assert!(all_agree(&wine));
    hold.wait_exit(LIMIT);
}

#[test]
fn its_status_is_the_commands() {
    let wine = Wine::start();
    let run = |words: &[&str]| endsession(&wine, &[&["hold", "--why", "x", "--"], words].concat());
    assert_eq!(run(&["cmd", "/c", "exit 0"]).0, Some(0));
    assert_eq!(run(&["cmd", "/c", "exit 7"]).0, Some(7));
    let (code, said) = run(&["no-such-program"]);
    assert_eq!(code, Some(127), "{said}");
    assert!(said.contains("cannot start no-such-program"), "{said}");
    // Nothing of it is left that would hold.
    assert!(all_agree(&wine));
}

#[test]
fn without_a_desktop_it_says_that_it_does_not_hold_and_runs_the_command() {
    let wine = Wine::start();
    wine.sandbox().set_env("ENDSESSION_BACKEND", "console");
    let (code, said) = endsession(&wine, &["hold", "--why", "x", "--", "cmd", "/c", "exit 7"]);
    assert_eq!(code, Some(7), "{said}");
    assert!(
        said.contains("not held up: the end of the session"),
        "{said}"
    );
}

#[test]
fn a_window_shows_what_is_held_and_closing_it_lets_go() {
    let xvfb = Xvfb::with_openbox();
    let wine = Wine::on_display_in(xvfb.sandbox());
    let why = "copying photos to R&D's disk, which takes some three minutes more";
    let hold = held(&wine, why, &["--hidden"]);
    let window = xvfb.wait_for_window(LIMIT, |window| window.title == "application");
    xvfb.wait_until_still(LIMIT);
    keep_picture(&xvfb, "wine-hold.png");
    assert!(!all_agree(&wine));
    xvfb.close(&window);
    hold.wait_for_line("its window was closed: nothing is held up any more", LIMIT);
    assert!(hold.is_alive());
    assert!(all_agree(&wine));
    hold.wait_exit(LIMIT);
}

#[test]
fn ctrl_c_is_the_commands() {
    let wine = Wine::start();
    let hold = held(&wine, "copying photos", &[]);
    // Wine makes it CTRL_C_EVENT, of which a program dies that does not handle it, with a status of its own.
    hold.process().signal(Signal::INT);
    assert!(!all_agree(&wine));
    close_application(&wine);
    assert_eq!(hold.wait_exit(LIMIT).code(), Some(0));
}

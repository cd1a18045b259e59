//! Programs with this crate under Wine, asked by programs in C, by Wine itself and by each other.
//!
//! Wine tells less than Windows: lparam is always 0 (`ask_window.c` sends others), and no reason is taken. What is called for these, where
//! and when, the crate's unit tests have.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::{path::PathBuf, time::Duration};

use endsession_testkit::{
    wine::{Built, Program, Wine},
    x11::{Window, Xvfb},
};

const LIMIT: Duration = Duration::from_secs(30);

/// The example of that name, ready to be asked.
#[track_caller]
fn start(wine: &Wine, example: &str, args: &[&str]) -> Program {
    let program = wine.spawn(Built::Example(example), args);
    program.wait_for_line("ready", LIMIT);
    program
}

/// What it has said. Wine's own services start on the way and write to the same place; one of them crashes now and then, before any program of
/// ours has begun. That ours has crashed is told by what it does not say.
fn lines(program: &Program) -> Vec<String> {
    let lines = program.lines().into_iter();
    lines.filter(|line| !line.starts_with("wine: ")).collect()
}

/// What happened to it since it was ready.
fn story(program: &Program) -> Vec<String> {
    lines(program).into_iter().skip(1).collect()
}

/// What `listen` says. Wine does not tell what ends.
const QUERY: &str = "query kind=None critical=false";
const AGREED: [&str; 3] = [QUERY, "answered", "end kind=None"];
const REFUSED: [&str; 3] = [QUERY, "answered", "cancelled"];

#[track_caller]
fn refused(wine: &Wine) {
    assert_eq!(wine.end_session(&[]).wait_exit(LIMIT).code(), Some(1));
}

#[track_caller]
fn agreed(wine: &Wine) {
    assert!(wine.end_session(&[]).wait_exit(LIMIT).success());
}

#[test]
fn the_seeds_request_in_c_asks_it() {
    let wine = Wine::start();
    let program = start(&wine, "listen", &["yes"]);
    assert_eq!(lines(&program), ["ready backend=windows held=None"]);
    wine.log_off();
    assert!(program.wait_exit(LIMIT).success());
    assert_eq!(story(&program), AGREED);
    wine.wait_until_over(LIMIT);
}

#[test]
fn its_no_keeps_the_session() {
    let wine = Wine::start();
    let program = start(&wine, "listen", &["no"]);
    let after = wine.application(&[]);
    refused(&wine);
    program.wait_for_line("cancelled", LIMIT);
    assert_eq!(story(&program), REFUSED);
    assert!(program.is_alive() && after.is_alive());
    // Each time anew.
    refused(&wine);
    assert_eq!(story(&program), [REFUSED, REFUSED].concat());
}

#[test]
fn who_asks_its_user_is_waited_for() {
    let wine = Wine::start();
    let no = start(&wine, "listen", &["ask-no"]);
    refused(&wine);
    no.wait_for_line("cancelled", LIMIT);
    assert_eq!(story(&no), [QUERY, "asking", "answered", "cancelled"]);
    no.process().kill();
    no.wait_exit(LIMIT);
    let yes = start(&wine, "listen", &["ask-yes"]);
    agreed(&wine);
    assert!(yes.wait_exit(LIMIT).success());
    assert_eq!(story(&yes), [QUERY, "asking", "answered", "end kind=None"]);
}

#[test]
fn a_query_that_is_dropped_is_a_yes() {
    let wine = Wine::start();
    let program = start(&wine, "listen", &["drop"]);
    agreed(&wine);
    assert!(program.wait_exit(LIMIT).success());
    assert_eq!(story(&program), AGREED);
}

#[test]
fn who_never_answers_hangs_and_the_session_waits_for_it() {
    let wine = Wine::start();
    let program = start(&wine, "listen", &["never"]);
    let asked = wine.end_session(&[]);
    program.wait_for_line(QUERY, LIMIT);
    assert!(asked.is_alive() && program.is_alive());
    program.process().kill();
    asked.wait_exit(LIMIT);
}

#[test]
fn a_hold_holds_until_it_is_released_though_wine_takes_no_reason() {
    let wine = Wine::start();
    let program = start(&wine, "listen", &["yes", "--hold", "Rendering"]);
    assert_eq!(
        lines(&program),
        ["ready backend=windows held=Some(LOG_OFF)"]
    );
    refused(&wine);
    program.wait_for_line("released", LIMIT);
    agreed(&wine);
    assert!(program.wait_exit(LIMIT).success());
    let expected = [&REFUSED[..], &["released"], &AGREED].concat();
    assert_eq!(story(&program), expected);
}

#[test]
fn a_client_that_was_dropped_is_asked_nothing() {
    let wine = Wine::start();
    let program = wine.spawn(Built::Example("listen"), &["no", "--leave"]);
    program.wait_for_line("left", LIMIT);
    let other = wine.application(&[]);
    agreed(&wine);
    assert!(other.wait_exit(LIMIT).success());
    assert_eq!(lines(&program), ["left"]);
}

#[test]
fn programs_in_c_are_asked_for_it() {
    let wine = Wine::start();
    let c = wine.application(&["--answer", "no"]);
    let request = wine.spawn(Built::Example("request"), &["logoff"]);
    assert!(request.wait_exit(LIMIT).success());
    // Windows tells no more.
    assert_eq!(lines(&request), ["sent", "Begun"]);
    c.wait_for_line("end window=1 wparam=0", LIMIT);
    assert!(c.is_alive());
    c.process().kill();
    c.wait_exit(LIMIT);
    let c = wine.application(&[]);
    let request = wine.spawn(Built::Example("request"), &["restart"]);
    assert!(request.wait_exit(LIMIT).success());
    assert!(c.wait_exit(LIMIT).success());
    c.wait_for_line("end window=1 wparam=1", LIMIT);
}

#[test]
fn by_force_nobody_is_asked() {
    let wine = Wine::start();
    let (c, program) = (
        wine.application(&["--hang"]),
        start(&wine, "listen", &["no"]),
    );
    let request = wine.spawn(Built::Example("request"), &["poweroff", "force"]);
    request.wait_for_line("sent", LIMIT);
    c.wait_exit(LIMIT);
    program.wait_exit(LIMIT);
    assert_eq!(lines(&c).len() + lines(&program).len(), 2);
}

#[test]
fn the_mask_tells_what_ends_and_a_critical_end_takes_no_no() {
    let wine = Wine::start();
    let program = start(&wine, "listen", &["no"]);
    let title = "org.endsession.Listen";
    let args = [
        title,
        "0x80000000",
        "0x1",
        "0x40000000",
        "0xc0000000",
        "--cancel",
        "0",
    ];
    let asks = wine.spawn(Built::C("ask_window"), &args);
    assert!(asks.wait_exit(LIMIT).success(), "{}", asks.output());
    let answers = ["answer 0", "answer 0", "answer 1", "answer 1", "told"];
    assert_eq!(lines(&asks), answers);
    let kinds = [
        "query kind=Some(LogOff) critical=false",
        "query kind=Some(AppUpdate) critical=false",
        "query kind=Some(Shutdown) critical=true",
        "query kind=Some(LogOff) critical=true",
    ];
    program.wait_for_line("cancelled", LIMIT);
    let queries: Vec<_> = story(&program)
        .into_iter()
        .filter(|line| line.starts_with("query"))
        .collect();
    assert_eq!(queries, kinds);
    let ends = wine.spawn(Built::C("ask_window"), &[title, "--end", "0x80000001"]);
    assert!(ends.wait_exit(LIMIT).success());
    program.wait_for_line("end kind=Some(AppUpdate)", LIMIT);
}

#[test]
fn a_flood_of_questions_is_one_event_and_ends_nobody() {
    let wine = Wine::start();
    let program = start(&wine, "listen", &["never"]);
    let title = "org.endsession.Listen";
    let flood = wine.spawn(Built::C("ask_window"), &[title, "--flood", "5000"]);
    assert!(flood.wait_exit(LIMIT).success(), "{}", flood.output());
    // It gets through to it still.
    let cancels = wine.spawn(Built::C("ask_window"), &[title, "--cancel", "0"]);
    assert!(cancels.wait_exit(LIMIT).success());
    program.wait_for_line("cancelled", LIMIT);
    assert!(program.is_alive());
    assert_eq!(
        story(&program)
            .iter()
            .filter(|line| line.starts_with("query"))
            .count(),
        1
    );
}

#[test]
fn the_applications_window_is_asked_in_its_own_loop() {
    let wine = Wine::start();
    let no = start(&wine, "window", &["no"]);
    refused(&wine);
    no.wait_for_line("cancelled", LIMIT);
    assert_eq!(story(&no), ["query", "answered", "cancelled"]);
    no.process().kill();
    no.wait_exit(LIMIT);
    let yes = start(&wine, "window", &["yes"]);
    agreed(&wine);
    assert!(yes.wait_exit(LIMIT).success());
    assert_eq!(story(&yes), ["query", "answered", "end"]);
}

#[test]
fn many_windows_are_one_event() {
    let wine = Wine::start();
    let no = start(&wine, "window", &["no", "--more", "49"]);
    refused(&wine);
    no.wait_for_line("cancelled", LIMIT);
    assert_eq!(story(&no), ["query", "answered", "cancelled"]);
    no.process().kill();
    no.wait_exit(LIMIT);
    let yes = start(&wine, "window", &["yes", "--more", "49"]);
    agreed(&wine);
    assert!(yes.wait_exit(LIMIT).success());
    assert_eq!(story(&yes), ["query", "answered", "end"]);
}

#[test]
fn another_thread_may_answer_for_the_window() {
    let wine = Wine::start();
    let no = start(&wine, "window", &["no", "--thread"]);
    refused(&wine);
    no.wait_for_line("cancelled", LIMIT);
    assert_eq!(story(&no), ["query", "answered", "cancelled"]);
}

#[test]
fn a_loop_that_does_not_turn_while_it_is_asked_is_given_back() {
    let wine = Wine::start();
    // It would say yes, if it could.
    let program = start(&wine, "window", &["yes", "--turns"]);
    refused(&wine);
    assert!(program.is_alive());
}

#[test]
fn a_program_whose_window_has_gone_is_asked_through_another() {
    let wine = Wine::start();
    let program = start(&wine, "window", &["no", "--close", "--thread"]);
    program.wait_for_line("closed", LIMIT);
    refused(&wine);
    program.wait_for_line("cancelled", LIMIT);
    assert_eq!(
        story(&program),
        ["closed", "query", "answered", "cancelled"]
    );
}

#[test]
fn a_window_whose_client_was_dropped_answers_for_itself() {
    let wine = Wine::start();
    let program = start(&wine, "window", &["no", "--leave"]);
    program.wait_for_line("left", LIMIT);
    agreed(&wine);
    assert!(program.wait_exit(LIMIT).success());
    assert_eq!(story(&program), ["left"]);
}

#[test]
fn the_named_backend_is_taken_or_nothing() {
    let wine = Wine::start();
    wine.sandbox().set_env("ENDSESSION_BACKEND", "console");
    let console = start(&wine, "listen", &["no", "--hold", "Rendering"]);
    assert_eq!(
        lines(&console),
        ["ready backend=console held=Some(NOTHING)"]
    );
    wine.sandbox().set_env("ENDSESSION_BACKEND", "gnome");
    let none = wine.spawn(Built::Example("listen"), &[]);
    assert_eq!(none.wait_exit(LIMIT).code(), Some(1));
    assert_eq!(
        lines(&none),
        ["Error: Unavailable { backend: Gnome, why: \"this is Windows\" }"]
    );
}

fn is_box(window: &Window) -> bool {
    window.title == "end_the_session"
}

/// The seed with the crate: its question, its user's keys, asked by the seed's request in C.
#[test]
fn the_user_decides_in_the_seeds_box() {
    let xvfb = Xvfb::with_openbox();
    let wine = Wine::on_display_in(xvfb.sandbox());
    let application = start(&wine, "end_the_session", &[]);

    wine.log_off();
    let asks = xvfb.wait_for_window(LIMIT, is_box);
    screenshot(&xvfb, "wine-rust-box.png");
    // From Yes to No.
    xvfb.press(&asks, &["Tab"]);
    xvfb.press(&asks, &["Return"]);
    xvfb.wait_for_windows(LIMIT, |windows| !windows.iter().any(is_box));
    assert!(application.is_alive());

    wine.log_off();
    let asks = xvfb.wait_for_window(LIMIT, is_box);
    xvfb.press(&asks, &["Return"]);
    assert!(application.wait_exit(LIMIT).success());
    xvfb.wait_until_empty(LIMIT);
}

fn is_drawing(window: &Window) -> bool {
    window.title == "Drawing"
}

fn is_question(window: &Window) -> bool {
    window.title == "Question"
}

#[test]
fn a_question_while_the_application_asks_its_user_is_refused_and_no_second_event() {
    let xvfb = Xvfb::with_openbox();
    let wine = Wine::on_display_in(xvfb.sandbox());
    let program = start(&wine, "window", &["ask"]);
    xvfb.wait_for_window(LIMIT, is_drawing);
    let asked = wine.end_session(&[]);
    program.wait_for_line("asking", LIMIT);
    let asks = xvfb.wait_for_window(LIMIT, is_question);
    screenshot(&xvfb, "wine-rust-window.png");
    let again = wine.spawn(Built::C("ask_window"), &["Drawing", "0"]);
    assert!(again.wait_exit(LIMIT).success());
    assert_eq!(lines(&again), ["answer 0"]);
    assert!(asked.is_alive());
    // Yes, with the keyboard, in the loop of the box within that of the question.
    xvfb.press(&asks, &["Return"]);
    assert!(asked.wait_exit(LIMIT).success());
    assert!(program.wait_exit(LIMIT).success());
    assert_eq!(story(&program), ["query", "asking", "answered", "end"]);
}

#[test]
fn an_application_in_its_own_dialog_can_answer_in_it() {
    let wine = Wine::start();
    let program = start(&wine, "window", &["yes", "--box"]);
    program.wait_for_line("box", LIMIT);
    agreed(&wine);
    assert!(program.wait_exit(LIMIT).success());
    assert_eq!(story(&program), ["box", "query", "answered", "end"]);
}

#[test]
fn an_application_that_answers_only_after_its_own_dialog_gets_out_of_it() {
    let xvfb = Xvfb::with_openbox();
    let wine = Wine::on_display_in(xvfb.sandbox());
    let program = start(&wine, "window", &["yes", "--box", "--turns"]);
    program.wait_for_line("box", LIMIT);
    let its_own = xvfb.wait_for_window(LIMIT, is_question);
    let asked = wine.end_session(&[]);
    // The dialog works, and its end lets the question go: no answer, so not now.
    xvfb.press(&its_own, &["Return"]);
    program.wait_for_line("box gone", LIMIT);
    assert_eq!(asked.wait_exit(LIMIT).code(), Some(1));
    assert!(program.is_alive());
}

fn screenshot(xvfb: &Xvfb, name: &str) {
    if let Some(dir) = std::env::var_os("ENDSESSION_SCREENSHOTS") {
        xvfb.screenshot(&PathBuf::from(dir).join(name));
    }
}

//! The seed under Wine, C against C: who is asked, who may refuse, and what is left. Wine asks one process after another and ends each
//! before it asks the next; Windows asks all of them first.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::{path::PathBuf, time::Duration};

use endsession_testkit::{
    picture::Screen,
    session::Sandbox,
    sway::{self, Config, Sway},
    wine::{Program, Wine},
    x11::{Window, Xvfb},
};

const LIMIT: Duration = Duration::from_secs(30);

/// What an application says that was asked, agreed and was ended. Wine tells no one why: lparam is 0, as for a shutdown.
const AGREED: [&str; 3] = [
    "query window=1 wparam=0 lparam=0x0",
    "answer window=1 value=1",
    "end window=1 wparam=1 lparam=0x0",
];

/// The same of one that refused.
const REFUSED: [&str; 3] = [
    "query window=1 wparam=0 lparam=0x0",
    "answer window=1 value=0",
    "end window=1 wparam=0 lparam=0x0",
];

/// What happened to it since its windows were there.
fn story(program: &Program) -> Vec<String> {
    program.lines().into_iter().skip(1).collect()
}

#[test]
fn all_agree_and_are_ended() {
    let wine = Wine::start();
    let (first, second) = (wine.application(&[]), wine.application(&[]));
    wine.log_off();
    for application in [&first, &second] {
        // Windows ends it, from outside, with status 0.
        assert!(application.wait_exit(LIMIT).success());
        assert_eq!(story(application), AGREED);
    }
    wine.wait_until_over(LIMIT);
}

#[test]
fn the_flag_for_a_log_off_is_the_same_as_none() {
    let wine = Wine::start();
    let application = wine.application(&[]);
    wine.log_off_ex(0);
    assert!(application.wait_exit(LIMIT).success());
    assert_eq!(story(&application), AGREED);
}

#[test]
fn one_that_is_told_of_the_end_may_still_choose_its_status() {
    let wine = Wine::start();
    let application = wine.application(&["--exit-on-end", "7"]);
    wine.log_off();
    assert_eq!(application.wait_exit(LIMIT).code(), Some(7));
}

#[test]
fn a_refusal_keeps_the_session_and_those_who_were_not_asked_yet() {
    let wine = Wine::start();
    let before = wine.application(&[]);
    let refuses = wine.application(&["--answer", "no"]);
    let after = wine.application(&[]);
    let order = wine.sandbox().exit_order();
    order.watch("before", before.pid());
    let asked = wine.end_session(&[]);
    assert_eq!(asked.wait_exit(LIMIT).code(), Some(1));
    assert_eq!(story(&refuses), REFUSED);
    // Wine had ended this one before it asked the other.
    assert_eq!(order.order(), ["before"]);
    assert_eq!(story(&before), AGREED);
    assert!(refuses.is_alive() && after.is_alive());
    assert!(story(&after).is_empty(), "{:?}", story(&after));
}

#[test]
fn exit_windows_is_accepted_before_anybody_refuses() {
    let wine = Wine::start();
    let refuses = wine.application(&["--answer", "no"]);
    // Says "accepted", as Windows does: the call returns when the log-off has begun.
    wine.log_off();
    refuses.wait_for_line("end window=1 wparam=0", LIMIT);
    assert_eq!(story(&refuses), REFUSED);
    assert!(refuses.is_alive());
}

#[test]
fn one_that_hangs_holds_the_log_off_up_for_as_long_as_it_hangs() {
    let wine = Wine::start();
    let before = wine.application(&[]);
    let hangs = wine.application(&["--hang"]);
    let after = wine.application(&[]);
    let asked = wine.end_session(&[]);
    hangs.wait_for_line("query window=1", LIMIT);
    assert!(before.wait_exit(LIMIT).success());
    assert!(asked.is_alive() && hangs.is_alive() && after.is_alive());
    assert!(story(&after).is_empty(), "{:?}", story(&after));
    // Once it is gone, the next is asked. What Wine makes of that answer is a matter of luck: it may wait for ever.
    hangs.process().kill();
    after.wait_for_line("answer window=1 value=1", LIMIT);
}

#[test]
fn force_asks_nobody() {
    let wine = Wine::start();
    let applications = [
        wine.application(&["--answer", "no"]),
        wine.application(&["--hang"]),
    ];
    const EWX_FORCE: u32 = 4;
    wine.log_off_ex(EWX_FORCE);
    for application in &applications {
        application.wait_exit(LIMIT);
        assert!(story(application).is_empty(), "{:?}", story(application));
    }
    wine.wait_until_over(LIMIT);
}

#[test]
fn every_window_of_an_application_is_asked() {
    let wine = Wine::start();
    let application = wine.application(&["--windows", "3"]);
    wine.log_off();
    application.wait_exit(LIMIT);
    let story = story(&application);
    for window in 1..=3 {
        for what in ["query", "answer", "end"] {
            let begin = format!("{what} window={window} ");
            let count = story.iter().filter(|line| line.starts_with(&begin)).count();
            assert_eq!(count, 1, "{begin}: {story:?}");
        }
    }
}

#[test]
fn a_window_that_nobody_sees_is_asked_too() {
    let wine = Wine::start();
    let application = wine.application(&["--hidden", "--answer", "no"]);
    assert_eq!(wine.end_session(&[]).wait_exit(LIMIT).code(), Some(1));
    assert_eq!(story(&application), REFUSED);
}

#[test]
fn one_without_a_window_is_neither_asked_nor_ended() {
    let wine = Wine::start();
    let without = wine.application(&["--windows", "0"]);
    let with = wine.application(&[]);
    assert!(wine.end_session(&[]).wait_exit(LIMIT).success());
    assert!(with.wait_exit(LIMIT).success());
    assert!(without.is_alive() && story(&without).is_empty());
}

#[test]
fn one_that_takes_its_time_is_waited_for() {
    let wine = Wine::start();
    let slow = wine.application(&["--slow", "2000", "--answer", "no"]);
    assert_eq!(wine.end_session(&[]).wait_exit(LIMIT).code(), Some(1));
    assert_eq!(story(&slow), REFUSED);
}

#[test]
fn the_answer_may_be_given_in_a_box() {
    let wine = Wine::start();
    let no = wine.application(&["--press", "no"]);
    assert_eq!(wine.end_session(&[]).wait_exit(LIMIT).code(), Some(1));
    assert_eq!(story(&no), REFUSED);
    no.process().kill();
    no.wait_exit(LIMIT);
    let yes = wine.application(&["--press", "yes"]);
    assert!(wine.end_session(&[]).wait_exit(LIMIT).success());
    assert!(yes.wait_exit(LIMIT).success());
    assert_eq!(story(&yes), AGREED);
}

fn is_work(window: &Window) -> bool {
    window.title == "Unsaved work"
}

fn is_box(window: &Window) -> bool {
    window.title == "End the session"
}

/// For a developer to look at, where the variable names a directory.
fn keep_screenshot(screen: &impl Screen, name: &str) {
    if let Some(dir) = std::env::var_os("ENDSESSION_SCREENSHOTS") {
        screen.picture().save(&PathBuf::from(dir).join(name));
    }
}

/// Whoever ends a prefix from outside has to know of this window: it is Wine's, and waits for its user.
#[test]
fn wine_itself_shows_whom_it_waits_for() {
    let xvfb = Xvfb::with_openbox();
    let wine = Wine::on_display_in(xvfb.sandbox());
    let hangs = wine.application(&["--hang", "--title", "Hangs"]);
    let asked = wine.end_session(&[]);
    // After five seconds.
    let waits = xvfb.wait_for_window(LIMIT, |window| window.title == "Waiting for Program");
    assert_ne!(waits.pid, Some(hangs.pid()));
    keep_screenshot(&xvfb, "wine-waits.png");
    assert!(hangs.is_alive() && asked.is_alive());
}

/// The seed itself: its application, its request, its box, and its user's keys.
#[test]
fn the_user_decides_in_the_seeds_box() {
    let xvfb = Xvfb::with_openbox();
    let wine = Wine::on_display_in(xvfb.sandbox());
    let application = wine.end_the_session();
    xvfb.wait_for_window(LIMIT, is_work);

    wine.log_off();
    let asks = xvfb.wait_for_window(LIMIT, is_box);
    keep_screenshot(&xvfb, "wine-box.png");
    // From Yes to No.
    xvfb.press(&asks, &["Tab"]);
    xvfb.press(&asks, &["Return"]);
    xvfb.wait_for_windows(LIMIT, |windows| !windows.iter().any(is_box));
    assert!(application.is_alive() && xvfb.windows().iter().any(is_work));

    wine.log_off();
    let asks = xvfb.wait_for_window(LIMIT, is_box);
    xvfb.press(&asks, &["Return"]);
    assert!(application.wait_exit(LIMIT).success());
    xvfb.wait_until_empty(LIMIT);
}

/// The same in a Wayland session, where Wine's windows are Xwayland's.
#[test]
fn the_user_decides_on_sway_too() {
    let sway = Sway::start_in(&Sandbox::new(), &Config::new().with_xwayland());
    sway.x11();
    let wine = Wine::on_display_in(sway.sandbox());
    let application = wine.end_the_session();
    let titled = |title: &'static str| move |window: &sway::Window| window.title == title;
    let work = sway.wait_for_window(LIMIT, titled("Unsaved work"));
    assert_eq!(work.pid, application.pid());

    wine.log_off();
    let asks = sway.wait_for_window(LIMIT, titled("End the session"));
    keep_screenshot(&sway, "wine-sway.png");
    sway.press(&asks, &["-k", "Tab", "-k", "Return"]);
    sway.wait_for_windows(LIMIT, |windows| windows.len() == 1);
    assert!(application.is_alive());

    wine.log_off();
    let asks = sway.wait_for_window(LIMIT, titled("End the session"));
    sway.press(&asks, &["-k", "Return"]);
    assert!(application.wait_exit(LIMIT).success());
    sway.wait_until_empty(LIMIT);
}

#[test]
fn one_prefix_does_not_end_another() {
    let sandbox = Sandbox::new();
    let (wine, other) = (Wine::start_in(&sandbox), Wine::start_in(&sandbox));
    assert_ne!(wine.prefix(), other.prefix());
    let (here, there) = (wine.application(&[]), other.application(&[]));
    wine.log_off();
    assert!(here.wait_exit(LIMIT).success());
    wine.wait_until_over(LIMIT);
    assert!(there.is_alive() && story(&there).is_empty());
    drop(wine);
    assert!(there.is_alive());
}

#[test]
fn nothing_is_left_of_a_prefix() {
    let sandbox = Sandbox::new();
    let wine = Wine::start_in(&sandbox);
    let application = wine.application(&["--hang"]);
    let asked = wine.end_session(&[]);
    application.wait_for_line("query ", LIMIT);
    assert!(wine.processes().len() > 2, "{:?}", wine.processes());
    drop(wine);
    assert!(!application.is_alive() && !asked.is_alive());
    assert!(sandbox.processes().is_empty());
}

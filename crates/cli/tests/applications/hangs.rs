//! Applications that hang when they are asked: shown, and ended only on the user's word.

use endsession_testkit::xsmp::Qt6Manner;

use super::*;

const DEADLINES: &str = "slow = \"1s\"\nnot-responding = \"2s\"\nforced = \"1s\"";

fn one_that_hangs_is_ended_alone_when_the_user_says_so(desk: &Desk) {
    let hangs = Qt6Session::start(&desk.sandbox, Qt6Manner::Hang);
    let agrees = Qt6Session::start(&desk.sandbox, Qt6Manner::Agree);
    let xterm = App::xterm(&desk.sandbox);
    xterm.wait_for_registration(LIMIT);
    let first = LogOff::begin(desk);
    agrees.wait_for("committed", LIMIT);
    let blocker = first.wait_for_blocker("not-responding", hangs.pid());
    assert_eq!(blocker["responding"], false);
    first.wait_for_answer("accept", xterm.pid());
    assert_eq!(desk.endsession(&["cancel"]).0, 0);
    first.is_cancelled_at_no_cost(desk);
    are_alive(&[hangs.pid(), agrees.pid(), xterm.pid()]);

    // It owes an answer, and is asked again as soon as it pays: never, this one.
    let second = LogOff::begin(desk);
    agrees.wait_for("committed", LIMIT);
    second.wait_for_answer("accept", xterm.pid());
    second.wait_for("slow", hangs.pid());
    are_alive(&[hangs.pid(), agrees.pid(), xterm.pid()]);
    desk.choose("end-one", Some(hangs.pid()));
    hangs.process().wait_exit(LIMIT);
    assert!(agrees.process().wait_exit(LIMIT).success());
    second.is_over_but_for(desk, &[hangs.pid()]);
}

#[test]
fn whoever_is_stopped_is_ended_by_a_log_off_that_says_so() {
    // A stopped process is one on any display.
    let desk = &Desk::xsmp_x11(DEADLINES);
    let featherpad = App::featherpad(&desk.sandbox);
    let xterm = App::xterm(&desk.sandbox);
    let gvim = App::gvim(&desk.sandbox);
    let agrees = Qt6Session::start(&desk.sandbox, Qt6Manner::Agree);
    for app in [&featherpad, &xterm] {
        app.wait_for_registration(LIMIT);
    }
    let hanging = [&featherpad, &xterm, &gvim];
    for app in hanging {
        app.signal(Signal::STOP);
    }
    let log_off = LogOff::with(desk, &["--force-if-hung"]);
    for app in hanging {
        log_off.wait_for("overridden", app.pid());
    }
    assert!(agrees.process().wait_exit(LIMIT).success());
    log_off.is_over_but_for(desk, &hanging.map(App::pid));
}

on_both! { one_that_hangs_is_ended_alone_when_the_user_says_so; }

//! Applications that crash while they are asked: each counts as agreeing.

use endsession_testkit::xsmp::Qt6Manner;

use super::*;

const DEADLINES: &str = "slow = \"1s\"";

fn whoever_crashes_while_asked_counts_as_agreeing(desk: &Desk) {
    let aborts = Qt6Session::start(&desk.sandbox, Qt6Manner::Crash);
    let featherpad = App::featherpad(&desk.sandbox);
    featherpad.modify("not saved yet");
    let apps = [
        App::xterm(&desk.sandbox),
        App::gvim(&desk.sandbox),
        App::libreoffice_gen(&desk.sandbox),
        App::firefox(&desk.sandbox),
    ];
    for app in [&featherpad, &apps[0], &apps[2], &apps[3]] {
        app.wait_for_registration(LIMIT);
    }
    for app in &apps {
        app.signal(Signal::STOP);
    }
    let log_off = LogOff::begin(desk);
    // One with its dialog open, one by itself, the others before they have said anything.
    log_off.wait_for_answer("asking-user", featherpad.pid());
    featherpad.wait_for_dialog(LIMIT);
    aborts.process().wait_exit(LIMIT);
    for app in &apps {
        log_off.wait_for("asked", app.pid());
        assert!(app.is_alive());
        app.signal(Signal::KILL);
    }
    assert!(desk.run.is_alive(), "one still asks its user");
    featherpad.signal(Signal::KILL);
    log_off.is_over(desk, 0);
}

on_both! { whoever_crashes_while_asked_counts_as_agreeing; }

//! Applications whose user decides in a dialog of their own: featherpad (Qt 5), gVim, and a Qt 6
//! program with QSessionManager.

use endsession_testkit::xsmp::Qt6Manner;

use super::*;

/// Long enough for whoever answers, short for whoever is stopped.
const DEADLINES: &str = "slow = \"1s\"";

/// The whole story of one that asks, beside another that asks and an xterm that agrees.
fn story(desk: &Desk, name: &str, asker: &dyn Asks, is_whole: impl Fn()) {
    let other = Qt6Session::start(&desk.sandbox, Qt6Manner::Dialog);
    let xterm = App::xterm(&desk.sandbox);
    xterm.wait_for_registration(LIMIT);
    let all = [asker.pid(), other.pid(), xterm.pid()];
    is_one_application(desk, name, asker.pid());

    // Its user's Cancel cancels the log-off, and the other one's dialog is never shown.
    signal(other.pid(), Signal::STOP);
    let first = LogOff::begin(desk);
    let asks = first.wait_for_answer("asking-user", asker.pid());
    assert_eq!(asks["name"], name);
    assert_eq!(votes(desk, asker.pid()), ["asking-user"]);
    first.wait_for_answer("accept", xterm.pid());
    signal(other.pid(), Signal::CONT);
    first.wait_for_answer("wants-user", other.pid());
    asker.choose(Choice::Cancel);
    let cancelled = first.is_cancelled_at_no_cost(desk);
    assert_eq!(
        (&cancelled["by"], &cancelled["why"]),
        (&"application".into(), &name.into())
    );
    assert!(
        first
            .said()
            .contains(&format!("{name} (pid {}) is asking", asker.pid()))
    );
    assert_eq!(other.wait_for("interaction", LIMIT)["allowed"], false);
    other.wait_for("committed", LIMIT);
    assert_eq!(dialogs(&other), 0);
    are_alive(&all);
    is_whole();

    // It hangs: that is shown, and the other one is asked meanwhile. It comes back and waits for its
    // turn; the other one's Cancel is for it too.
    signal(asker.pid(), Signal::STOP);
    let second = LogOff::begin(desk);
    second.wait_for_answer("asking-user", other.pid());
    second.wait_for("slow", asker.pid());
    second.wait_for_blocker("not-responding", asker.pid());
    signal(asker.pid(), Signal::CONT);
    second.wait_for_answer("wants-user", asker.pid());
    other.choose(Choice::Cancel);
    assert_eq!(second.is_cancelled_at_no_cost(desk)["by"], "application");
    are_alive(&all);
    is_whole();

    // Cancelled from elsewhere with its dialog open: it is the user's to answer still, and the
    // answer is nobody's any more.
    signal(other.pid(), Signal::STOP);
    let third = LogOff::begin(desk);
    third.wait_for_answer("asking-user", asker.pid());
    assert_eq!(desk.endsession(&["cancel"]).0, 0);
    assert_eq!(third.is_cancelled_at_no_cost(desk)["by"], "user");
    signal(other.pid(), Signal::CONT);
    asker.choose(Choice::Cancel);
    are_alive(&all);
    is_whole();

    // It is asked again all the same, and what it lets go of lets the log-off go on.
    signal(other.pid(), Signal::STOP);
    let last = LogOff::begin(desk);
    last.wait_for_answer("asking-user", asker.pid());
    for (who, pid) in ["asker", "other", "xterm"].iter().zip(all) {
        desk.exits.watch(*who, pid);
    }
    asker.choose(Choice::Discard);
    last.wait_for_answer("user-answered", asker.pid());
    assert!(is_alive(xterm.pid()), "told before all had agreed");
    signal(other.pid(), Signal::CONT);
    other.choose(Choice::Discard);
    last.is_over(desk, 3);
}

/// It is listed once, by both that lead to it, and the session's own program not at all.
#[track_caller]
fn is_one_application(desk: &Desk, name: &str, pid: u32) {
    let status = desk.status();
    let all = status["applications"].as_array().unwrap();
    let named: Vec<_> = all
        .iter()
        .filter(|a| a["name"] == name && a["pid"] == pid)
        .collect();
    let [one] = named[..] else {
        panic!("{status:#}")
    };
    assert_eq!(one["protocols"], serde_json::json!(["xsmp", "window"]));
    // Qt's is an int, four bytes.
    let hint = &one["xsmp"][0]["properties"]["RestartStyleHint"];
    assert!(
        hint.is_null() || *hint == serde_json::json!(["0"]),
        "{one:#}"
    );
    assert!(
        all.iter().filter(|a| a["pid"] == pid).count() == 1,
        "{status:#}"
    );
    assert!(
        all.iter().all(|a| a["pid"] != desk.compositor()),
        "{status:#}"
    );
}

fn votes(desk: &Desk, pid: u32) -> Vec<String> {
    let status = desk.status();
    let all = status["applications"].as_array().unwrap();
    let one = all.iter().find(|a| a["pid"] == pid).unwrap();
    serde_json::from_value(one["votes"].clone()).unwrap()
}

fn dialogs(program: &Qt6Session) -> usize {
    let names = program.events().names();
    names.iter().filter(|name| *name == "dialog").count()
}

fn featherpad(desk: &Desk) {
    let featherpad = App::featherpad(&desk.sandbox);
    featherpad.wait_for_registration(LIMIT);
    featherpad.modify("not saved yet");
    story(desk, "FeatherPad", &featherpad, || {
        assert!(featherpad.window().title.starts_with('*'));
        assert_eq!(featherpad.windows().len(), 1);
    });
}

fn gvim_which_is_never_done_after_its_cancel(desk: &Desk) {
    let gvim = App::gvim(&desk.sandbox);
    gvim.modify("not saved yet");
    story(desk, "Gvim", &gvim, || {
        assert!(gvim.window().title.contains(" + "));
        assert_eq!(gvim.windows().len(), 1);
    });
}

fn a_qt6_program(desk: &Desk) {
    let program = Qt6Session::start(&desk.sandbox, Qt6Manner::Dialog);
    story(desk, "qt6_session.py", &program, || {});
}

fn qt6_programs_that_cancel_by_themselves_and_that_save_in_two_phases(desk: &Desk) {
    // It saves its state when it registers; a log-off asks only for what is the user's.
    let two_phases = Qt6Session::start(&desk.sandbox, Qt6Manner::Phase2);
    assert_eq!(two_phases.wait_for("save", LIMIT)["phase2"], false);
    assert_eq!(two_phases.wait_for("save", LIMIT)["phase2"], true);
    let cancels = Qt6Session::start(&desk.sandbox, Qt6Manner::Cancel);
    let first = LogOff::begin(desk);
    cancels.wait_for("cancelled", LIMIT);
    assert_eq!(first.is_cancelled_at_no_cost(desk)["by"], "application");
    are_alive(&[two_phases.pid(), cancels.pid()]);
    cancels.process().kill();
    cancels.process().wait_exit(LIMIT);

    let second = LogOff::begin(desk);
    two_phases.wait_for("committed", LIMIT);
    assert!(two_phases.process().wait_exit(LIMIT).success());
    second.is_over(desk, 0);
}

on_both! {
    featherpad;
    gvim_which_is_never_done_after_its_cancel;
    a_qt6_program;
    qt6_programs_that_cancel_by_themselves_and_that_save_in_two_phases;
}

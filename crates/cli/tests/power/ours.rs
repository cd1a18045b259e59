//! Ends that the user asks for.

use endsession_testkit::machine::{End, Machine};

use crate::desk::{Desk, LIMIT, MOUSEPAD, boot};

/// Where each of these lines stands in the journal: in this order.
#[track_caller]
fn in_order(journal: &str, lines: &[&str]) {
    let mut rest = journal;
    for line in lines {
        match rest.split_once(line) {
            Some((_, after)) => rest = after,
            None => panic!("{line:?} is not where it should be in\n{journal}"),
        }
    }
}

#[test]
fn a_power_off_closes_applications_first_and_the_compositor_with_the_machine() {
    let Some(machine) = boot(Machine::setup()) else {
        return;
    };
    let desk = Desk::start(&machine, MOUSEPAD);
    desk.wait_for_file("mousepad.up");
    let kinds = desk.login.exec(
        "foot",
        [
            "busctl",
            "--user",
            "get-property",
            "org.endsession.Manager1",
            "/org/endsession/Manager1",
            "org.endsession.Manager1",
            "Kinds",
        ],
    );
    assert_eq!(
        kinds.success().trim(),
        "as 3 \"logoff\" \"restart\" \"poweroff\""
    );
    let _asks = desk.begin(&["poweroff"]);
    assert_eq!(machine.wait_for_end(LIMIT), End::PowerOff);
    let journal = machine.journal();
    in_order(
        &journal,
        &[
            "request 1: authorizing",
            "request 1: asking",
            "request 1: closing",
            "mousepad has gone",
            "request 1: ending",
            "asking logind to power the machine off",
            "the session is over",
        ],
    );
    let before = journal.split("System is powering down").next();
    assert!(!before.unwrap().contains("ending sway"), "{journal}");
    assert_eq!(desk.login.wait_for_status(LIMIT), "exited 0");
}

#[test]
fn a_restart_restarts() {
    let Some(machine) = boot(Machine::setup()) else {
        return;
    };
    let desk = Desk::start(&machine, "");
    let _asks = desk.begin(&["restart", "--force"]);
    assert_eq!(machine.wait_for_end(LIMIT), End::Restart);
    assert_eq!(desk.login.wait_for_status(LIMIT), "exited 0");
}

#[test]
fn what_is_unsaved_holds_a_power_off_up_and_cancel_keeps_everything() {
    let Some(machine) = boot(Machine::setup()) else {
        return;
    };
    let desk = Desk::start(&machine, "");
    let _mousepad = desk.unsaved_mousepad();
    let asks = desk.begin(&["poweroff"]);
    desk.wait_for_journal("mousepad blocks");
    desk.endsession(&["cancel"]).success();
    assert_eq!(asks.wait_exit(LIMIT).code(), Some(1));
    let said = asks.stderr_so_far();
    assert!(said.contains("The power-off was cancelled"), "{said}");
    desk.goes_on();
    assert!(desk.login.processes().contains(&"mousepad".to_owned()));
}

#[test]
fn a_machine_that_does_not_go_down_leaves_the_session_and_says_what_has_closed() {
    let Some(machine) = boot(Machine::setup()) else {
        return;
    };
    let desk = Desk::start(&machine, MOUSEPAD);
    desk.wait_for_file("mousepad.up");
    // Found out by nobody before the last moment.
    let mask = ["systemctl", "mask", "--runtime", "poweroff.target"];
    machine.exec(mask).success();
    let outcome = desk.endsession(&["poweroff", "--json"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(
        outcome.stdout.contains("\"outcome\":\"failed\""),
        "{outcome:?}"
    );
    let why = "logind does not end the machine";
    assert!(outcome.stdout.contains(why), "{outcome:?}");
    assert!(outcome.stdout.contains("mousepad"), "{outcome:?}");
    assert!(machine.is_up() && desk.login.is_open());
    assert!(desk.login.processes().contains(&"sway".to_owned()));
}

#[test]
fn a_power_off_needs_no_manager() {
    let Some(machine) = boot(Machine::setup()) else {
        return;
    };
    let desk = Desk::start_by(&machine, "exec sway -c /share/sway", MOUSEPAD);
    desk.wait_for_file("mousepad.up");
    let _asks = desk.begin(&["poweroff"]);
    assert_eq!(machine.wait_for_end(LIMIT), End::PowerOff);
    let lines = [
        "mousepad has gone",
        "asking logind to power the machine off",
    ];
    in_order(&machine.journal(), &lines);
}

#[test]
fn a_desktop_of_which_nothing_else_ends_is_logged_off_from_through_logind() {
    let Some(machine) = boot(Machine::setup()) else {
        return;
    };
    // What is said to show it does not.
    let lines = format!("exec env ENDSESSION_COMPOSITOR=niri endsession manager\n{MOUSEPAD}");
    let desk = Desk::start_by(&machine, "exec sway -c /share/sway", &lines);
    desk.wait_for_file("mousepad.up");
    desk.wait_for_journal("logind's session");
    let _asks = desk.begin(&["logoff"]);
    desk.wait_for_journal("Removed session");
    let journal = machine.journal();
    in_order(&journal, &["mousepad has gone", "logind ends the session"]);
    assert_eq!(desk.login.processes(), Vec::<String>::new());
    assert!(machine.is_up());
}

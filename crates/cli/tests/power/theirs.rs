//! Ends that somebody else begins.

use endsession_testkit::machine::{End, Machine};

use crate::desk::{Desk, LIMIT, MOUSEPAD, SAVER, boot};

#[test]
fn a_shutdown_by_somebody_else_waits_for_what_is_still_saving() {
    let Some(machine) = boot(Machine::setup()) else {
        return;
    };
    let desk = Desk::start(&machine, SAVER);
    desk.wait_for_file("saver.up");
    machine.exec(["systemctl", "poweroff"]);
    assert_eq!(machine.wait_for_end(LIMIT), End::PowerOff);
    assert!(
        machine.share().join("saved").exists(),
        "{}",
        machine.journal()
    );
    let journal = machine.journal();
    assert!(
        journal.contains("the machine is being shut down"),
        "{journal}"
    );
    assert_eq!(desk.login.wait_for_status(LIMIT), "exited 0");
}

#[test]
fn a_shutdown_that_is_called_off_gives_the_session_back_and_says_who_went() {
    let Some(machine) = boot(Machine::setup()) else {
        return;
    };
    let desk = Desk::start(&machine, MOUSEPAD);
    desk.wait_for_file("mousepad.up");
    let watch = desk.begin(&["watch"]);
    desk.endsession(&["status"]).success();
    // Somebody delays it for longer than we do, and meanwhile it becomes impossible.
    let slow = "exec systemd-inhibit --what=shutdown --mode=delay sh -c 'touch /share/slow.up; sleep 1000'";
    let _slow = machine.start(&["--unit=slow"], ["sh", "-c", slow]);
    desk.wait_for_file("slow.up");
    let call = "busctl call org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager PowerOff b false";
    machine.exec(["sh", "-c", call]).success();
    desk.wait_for_journal("all that was to be done is done");
    let mask = ["systemctl", "mask", "--runtime", "poweroff.target"];
    machine.exec(mask).success();
    machine.exec(["systemctl", "stop", "slow"]).success();
    desk.wait_for_journal("the machine is not shut down after all");
    watch
        .stdout()
        .wait_for("The end of the session was called off", LIMIT);
    watch.stdout().wait_for("Already closed:", LIMIT);
    drop(watch);
    assert!(machine.is_up() && desk.login.is_open());
    assert!(desk.login.processes().contains(&"sway".to_owned()));
}

#[test]
fn a_session_that_an_administrator_terminates_ends_in_order_and_leaves_nothing() {
    let Some(machine) = boot(Machine::setup()) else {
        return;
    };
    let desk = Desk::start(&machine, "exec mousepad");
    let terminate = ["loginctl", "terminate-session", desk.login.session()];
    machine.exec(terminate).success();
    assert_eq!(desk.login.wait_for_status(LIMIT), "exited 0");
    assert_eq!(desk.login.processes(), Vec::<String>::new());
}

#[test]
fn a_shutdown_by_somebody_else_is_shown() {
    let delay = "[Login]\nInhibitDelayMaxSec=60\n";
    let setup = Machine::setup().file("/etc/systemd/logind.conf.d/20-delay.conf", delay);
    let Some(machine) = boot(setup) else { return };
    // A program that goes once the user has been told.
    let script = "trap 'until endsession status --json | grep -q \"shown.:true\"; do sleep 0.1; done\n\
                  touch /share/saved; exit' HUP TERM\n\
                  touch /share/saver.up\nwhile :; do sleep 0.1; done\n";
    std::fs::write(machine.share().join("saver"), script).unwrap();
    let desk = Desk::start(&machine, "exec foot sh /share/saver");
    desk.wait_for_file("saver.up");
    machine.exec(["systemctl", "poweroff"]);
    assert_eq!(machine.wait_for_end(LIMIT), End::PowerOff);
    let journal = machine.journal();
    assert!(machine.share().join("saved").exists(), "{journal}");
    assert!(journal.contains("started the dialog"), "{journal}");
}

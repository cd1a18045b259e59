//! Locks that others hold against a shutdown.

use endsession_testkit::machine::{End, Machine};

use crate::desk::{Desk, LIMIT, boot};

const APT: [&str; 7] = [
    "systemd-inhibit",
    "--what=shutdown",
    "--mode=block",
    "--who=apt",
    "--why=Installing packages",
    "sleep",
    "1000",
];

#[test]
fn a_lock_of_somebody_else_holds_a_power_off_up_until_it_is_released() {
    let Some(machine) = boot(Machine::setup()) else {
        return;
    };
    let desk = Desk::start(&machine, "");
    let _apt = machine.start(&["--unit=apt"], APT);
    let list = machine.exec([
        "bash",
        "-c",
        "until systemd-inhibit --list | grep apt; do sleep 0.05; done",
    ]);
    list.success();
    let refused = desk.endsession(&["poweroff", "--no-dialog"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("apt"), "{refused:?}");
    assert!(
        refused.stderr.contains("Installing packages"),
        "{refused:?}"
    );
    desk.goes_on();

    let _asks = desk.begin(&["poweroff"]);
    desk.wait_for_journal("apt blocks (inhibitor): Installing packages");
    machine.exec(["systemctl", "stop", "apt"]).success();
    assert_eq!(machine.wait_for_end(LIMIT), End::PowerOff);
}

#[test]
fn a_lock_of_somebody_else_is_nothing_to_a_log_off() {
    let Some(machine) = boot(Machine::setup()) else {
        return;
    };
    let desk = Desk::start(&machine, "");
    let _apt = machine.start(&["--unit=apt"], APT);
    let list = machine.exec([
        "bash",
        "-c",
        "until systemd-inhibit --list | grep apt; do sleep 0.05; done",
    ]);
    list.success();
    let _asks = desk.begin(&["logoff", "--no-dialog"]);
    assert_eq!(desk.login.wait_for_status(LIMIT), "exited 0");
    assert!(machine.is_up());
}

#[test]
fn a_lock_of_the_session_itself_holds_a_log_off_up() {
    let Some(machine) = boot(Machine::setup()) else {
        return;
    };
    let lock = "exec systemd-inhibit --what=shutdown --who=burner --why=Burning sh -c 'touch /share/lock.up; sleep 1000'";
    let desk = Desk::start(&machine, lock);
    desk.wait_for_file("lock.up");
    let refused = desk.endsession(&["logoff", "--no-dialog"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("burner"), "{refused:?}");
    desk.goes_on();
}

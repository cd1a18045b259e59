//! Sessions that end otherwise than by a log-off: told from outside, or because their compositor
//! died.

use endsession_testkit::apps;
use endsession_testkit::session::Sandbox;
use endsession_testkit::x11::Xvfb;
use rustix::process::Signal;

use crate::desk::{Desk, LIMIT, Shown};

#[test]
fn sigterm_ends_everything_in_order_within_its_time() {
    let desk = Desk::sway();
    let mousepad = apps::mousepad(&desk.sandbox);
    mousepad.write("unsaved");
    desk.wait_for_window("*");
    let terminal = desk.terminal();
    desk.exits.watch("mousepad", mousepad.process().pid());
    desk.exits.watch("terminal", terminal.pid());
    desk.run.signal(Signal::TERM);
    let order = desk.ends_last_of(2);
    assert_eq!(order.len(), 3, "{order:?}");
    crate::kept_its_display(&mousepad.process().stderr_so_far());
}

#[test]
fn a_compositor_that_dies_leaves_nothing_running() {
    let desk = Desk::sway();
    let mousepad = apps::mousepad(&desk.sandbox);
    mousepad.write("unsaved");
    desk.wait_for_window("*");
    let Shown::Sway(sway) = &desk.shown else {
        unreachable!("this desk is sway's")
    };
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(sway.pid().try_into().unwrap()).unwrap(),
        Signal::KILL,
    )
    .unwrap();
    assert_eq!(
        desk.run.wait_exit(LIMIT).code(),
        Some(128 + 9),
        "{}",
        desk.run.stderr_so_far()
    );
    mousepad.process().wait_exit(LIMIT);
    assert!(
        !desk
            .sandbox
            .env("DBUS_SESSION_BUS_ADDRESS")
            .is_some_and(|a| {
                std::path::Path::new(a.to_string_lossy().trim_start_matches("unix:path=")).exists()
            })
    );
}

#[test]
fn a_compositor_that_is_told_to_exit_by_its_own_command_ends_the_session() {
    let desk = Desk::sway();
    let terminal = desk.terminal();
    let Shown::Sway(sway) = &desk.shown else {
        unreachable!("this desk is sway's")
    };
    // sway's answer may be lost with sway.
    let _answer = sway.command("exit");
    assert_eq!(
        desk.run.wait_exit(LIMIT).code(),
        Some(0),
        "{}",
        desk.run.stderr_so_far()
    );
    terminal.wait_exit(LIMIT);
}

#[test]
fn a_single_application_without_a_window_manager_is_a_session() {
    let sandbox = Sandbox::new();
    let xvfb = Xvfb::start_in(&sandbox);
    let run = crate::desk::start(
        &sandbox,
        &["xterm", "-title", "kiosk", "-e", "bash", "--norc", "-i"],
    );
    let window = xvfb.wait_for_window(LIMIT, |w| w.title == "kiosk");
    crate::desk::wait_for_descendant(window.pid.unwrap(), "bash");
    let logoff = sandbox.spawn(["endsession", "logoff", "--no-dialog"]);
    assert_eq!(
        logoff.wait_exit(LIMIT).code(),
        Some(0),
        "{}",
        logoff.stderr_so_far()
    );
    assert_eq!(
        run.wait_exit(LIMIT).code(),
        Some(0),
        "{}",
        run.stderr_so_far()
    );
    assert!(
        !run.stderr_so_far().contains("SIGKILL"),
        "{}",
        run.stderr_so_far()
    );
}

//! A session whose bus dies: what is under way fails, and the session itself goes on to its own end.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod support;

use endsession_testkit::gnome_client::{GnomeClient, Manner};
use endsession_testkit::session::Sandbox;
use rustix::process::{Pid, Signal, kill_process};
use support::{IDLE, LIMIT, endsession, sandbox, start_with_private_bus};

/// Kills the bus that `run` started.
fn kill_the_bus(sandbox: &Sandbox) {
    let is_it = |pid: &u32| {
        std::fs::read_to_string(format!("/proc/{pid}/comm"))
            .is_ok_and(|comm| comm.trim() == "dbus-daemon")
    };
    let bus = sandbox.processes().into_iter().find(is_it).unwrap();
    let bus = Pid::from_raw(bus.try_into().unwrap()).unwrap();
    kill_process(bus, Signal::KILL).unwrap();
}

#[test]
fn a_bus_that_dies_ends_the_request_and_not_the_session() {
    let sandbox = sandbox();
    let script = "mkfifo $HOME/end; read -r line <$HOME/end; exit 5";
    let run = start_with_private_bus(&sandbox, "", &["sh", "-c", script]);
    let address = sandbox.env("DBUS_SESSION_BUS_ADDRESS").unwrap();
    let client = GnomeClient::register_on(
        address.to_str().unwrap(),
        sandbox.uid(),
        "editor",
        Manner::Silent,
    );
    let client = client.unwrap();
    let logoff = sandbox.spawn(["endsession", "logoff"]);
    client.wait_for("QueryEndSession", LIMIT);
    kill_the_bus(&sandbox);
    assert_eq!(logoff.wait_exit(LIMIT).code(), Some(3));
    logoff
        .stderr()
        .wait_for("the manager left before the request had ended", LIMIT);
    assert_eq!(endsession(&sandbox, &["status"]).code(), Some(3));
    // The session goes on until its command ends, and has its status.
    assert!(run.is_alive());
    std::fs::write(sandbox.home().join("end"), "now\n").unwrap();
    assert_eq!(run.wait_exit(LIMIT).code(), Some(5));
    assert!(
        !run.stderr_so_far().contains("panicked"),
        "{}",
        run.stderr_so_far()
    );
}

#[test]
fn a_session_whose_bus_died_still_ends_on_sigterm() {
    let sandbox = sandbox();
    let run = start_with_private_bus(&sandbox, "", &IDLE);
    kill_the_bus(&sandbox);
    run.terminate();
    assert_eq!(run.wait_exit(LIMIT).code(), Some(0));
    assert_eq!(sandbox.processes(), [0; 0]);
}

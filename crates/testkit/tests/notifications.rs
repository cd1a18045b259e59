//! A notification daemon that keeps what it is told, as clients of another implementation see it.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::time::Duration;

use endsession_testkit::{
    bus::Bus,
    notifications::Notifications,
    session::{Proc, Sandbox},
};

const LIMIT: Duration = Duration::from_secs(30);

fn start() -> (Sandbox, Bus, Notifications) {
    let sandbox = Sandbox::new();
    let bus = Bus::daemon_in(&sandbox);
    let daemon = Notifications::on(&bus);
    (sandbox, bus, daemon)
}

/// Calls a method of the daemon with gdbus, and returns what it printed.
fn call(sandbox: &Sandbox, method: &str, args: &[&str]) -> String {
    let method = format!("org.freedesktop.Notifications.{method}");
    let words = [
        "gdbus",
        "call",
        "--session",
        "--dest=org.freedesktop.Notifications",
        "--object-path=/org/freedesktop/Notifications",
        "--method",
        &method,
    ];
    let gdbus = sandbox.spawn([&words[..], args].concat());
    // gdbus reads types off the value where the daemon does not describe itself.
    assert!(
        gdbus.wait_exit(LIMIT).success(),
        "{}",
        gdbus.stderr_so_far()
    );
    gdbus.stdout_so_far()
}

fn notify(sandbox: &Sandbox, replaces: u32, summary: &str) -> String {
    let replaces = format!("uint32 {replaces}");
    let (actions, hints) = ("['cancel', 'Cancel']", "{'urgency': <byte 2>}");
    let args = [
        "an-app", &replaces, "an-icon", summary, "a body", actions, hints, "0",
    ];
    call(sandbox, "Notify", &args)
}

/// Something that prints the signals of the daemon, once it listens.
fn monitor(sandbox: &Sandbox) -> Proc {
    let words = [
        "gdbus",
        "monitor",
        "--session",
        "--dest=org.freedesktop.Notifications",
    ];
    let monitor = sandbox.spawn(words);
    monitor.wait_for_line("is owned by", LIMIT);
    monitor
}

#[test]
fn a_notification_is_kept_replaced_and_taken_back() {
    let (sandbox, _bus, daemon) = start();
    assert_eq!(notify(&sandbox, 0, "first"), "(uint32 1,)\n");
    let seen = daemon.wait_for(LIMIT, |seen| seen.summary == "first");
    let texts = [&seen.app_name, &seen.app_icon, &seen.body];
    assert_eq!(texts, ["an-app", "an-icon", "a body"]);
    assert_eq!(seen.actions, [("cancel".to_owned(), "Cancel".to_owned())]);
    assert_eq!((seen.urgency, seen.timeout), (Some(2), 0));
    assert_eq!(notify(&sandbox, 1, "second"), "(uint32 1,)\n");
    assert_eq!(notify(&sandbox, 0, "third"), "(uint32 2,)\n");
    let summaries: Vec<_> = daemon.all().into_iter().map(|seen| seen.summary).collect();
    assert_eq!(summaries, ["second", "third"]);
    call(&sandbox, "CloseNotification", &["uint32 1"]);
    assert_eq!(daemon.wait_until_closed(1, LIMIT), 3);
}

#[test]
fn a_choice_is_told_to_the_sender() {
    let (sandbox, _bus, daemon) = start();
    let monitor = monitor(&sandbox);
    notify(&sandbox, 0, "choose");
    daemon.invoke(1, "cancel");
    monitor.wait_for_line("ActionInvoked (uint32 1, 'cancel')", LIMIT);
    monitor.wait_for_line("NotificationClosed (uint32 1, uint32 2)", LIMIT);
}

#[test]
fn it_says_what_it_can_and_who_it_is() {
    let (sandbox, _bus, _daemon) = start();
    let capabilities = call(&sandbox, "GetCapabilities", &[]);
    assert!(capabilities.contains("'actions'"), "{capabilities}");
    let server = call(&sandbox, "GetServerInformation", &[]);
    assert_eq!(server, "('testkit', 'endsession', '1', '1.2')\n");
}

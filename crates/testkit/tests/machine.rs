//! The machine: it boots, users log in to it, it ends as it was told, and leaves nothing.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::{fs, path::PathBuf, time::Duration};

use endsession_testkit::{
    machine::{End, Machine},
    session::Sandbox,
    wait::is_alive,
};

const LIMIT: Duration = Duration::from_secs(60);

/// The control groups of machines of test process `pid`.
fn groups_of(pid: u32) -> Vec<PathBuf> {
    let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
    let entries = roots
        .iter()
        .flat_map(|root| fs::read_dir(root).into_iter().flatten());
    let name = format!("endsession-test.{pid}-");
    entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().contains(&name))
        .collect()
}

#[test]
fn a_machine_runs_systemd_and_leaves_nothing() {
    let Some(machine) = Machine::boot() else {
        return;
    };
    let first = machine.exec(["cat", "/proc/1/comm"]).success();
    assert_eq!(first.trim(), "systemd");
    let failed = machine.exec(["systemctl", "list-units", "--failed", "--no-legend"]);
    assert_eq!(failed.success(), "");
    assert_eq!(machine.exec(["sh", "-c", "exit 7"]).code, Some(7));
    let (share, within) = (machine.share(), machine.file("/etc/hostname"));
    assert!(share.exists() && within.exists());
    drop(machine);
    assert!(!share.exists() && !within.exists());
}

#[test]
fn a_login_is_an_active_session_with_a_user_bus() {
    let Some(machine) = Machine::boot() else {
        return;
    };
    let login = machine.login("alice", "gui", "sleep 1000; exit 3");
    let show = ["loginctl", "show-session", login.session(), "--property"];
    let property = |name| machine.exec(show.iter().chain([&name])).success();
    assert_eq!(property("State").trim(), "State=active");
    assert_eq!(property("Class").trim(), "Class=user");
    assert_eq!(property("Seat").trim(), "Seat=seat0");
    let units = machine.exec_as("alice", ["systemctl", "--user", "is-active", "dbus.socket"]);
    assert_eq!(units.success().trim(), "active");
    let names = machine.exec_as("alice", ["busctl", "--user", "--no-legend", "list"]);
    assert!(names.success().contains("org.freedesktop.systemd1"));

    let script = "echo $XDG_SESSION_ID; id -un; grep ^0: /proc/self/cgroup";
    let inside = login.exec("sleep", ["sh", "-c", script]).success();
    let id = login.session();
    let wanted = format!("{id}\nalice\n0::/user.slice/user-4001.slice/session-{id}.scope\n");
    assert_eq!(inside, wanted);
    assert!(login.processes().contains(&"sleep".to_owned()));

    // What a terminal would do: the script goes on after its command.
    login
        .exec("sleep", ["pkill", "-u", "alice", "sleep"])
        .success();
    assert_eq!(login.wait_for_status(LIMIT), "exited 3");
    assert!(!login.is_open());
}

#[test]
fn polkit_answers_by_the_rules_that_were_put_there() {
    // Who may do it with other users logged in may do it without: the rule is about both.
    let rule = r#"polkit.addRule(function(action, subject) {
        if (action.id.indexOf("org.freedesktop.login1.power-off") == 0) return polkit.Result.NO;
    });"#;
    let setup = Machine::setup().file("/etc/polkit-1/rules.d/10-test.rules", rule);
    let Some(machine) = setup.boot() else { return };
    let login = machine.login("alice", "gui", "sleep 1000");
    let can = |what| {
        let call = [
            "busctl",
            "call",
            "org.freedesktop.login1",
            "/org/freedesktop/login1",
        ];
        let member = ["org.freedesktop.login1.Manager", what];
        login.exec("sleep", call.iter().chain(&member)).success()
    };
    assert_eq!(can("CanPowerOff").trim(), "s \"no\"");
    assert_eq!(can("CanReboot").trim(), "s \"yes\"");
}

#[test]
fn a_machine_ends_as_it_was_told_and_its_journal_is_kept() {
    for (command, end) in [("poweroff", End::PowerOff), ("reboot", End::Restart)] {
        let Some(machine) = Machine::boot() else {
            return;
        };
        machine.exec(["logger", "a word before the end"]).success();
        machine
            .journal_lines()
            .wait_for("a word before the end", LIMIT);
        machine.exec(["systemctl", command]);
        assert_eq!(machine.wait_for_end(LIMIT), end);
        assert!(machine.journal().contains("a word before the end"));
    }
}

#[test]
fn machines_run_side_by_side() {
    let (Some(one), Some(other)) = (Machine::boot(), Machine::boot()) else {
        return;
    };
    one.write("/etc/marker", "one");
    assert_eq!(other.exec(["cat", "/etc/marker"]).code, Some(1));
    drop(one);
    other.exec(["true"]).success();
}

#[test]
fn a_killed_test_process_leaves_no_machine() {
    // This test starts itself as the process to be killed.
    if let Some(report) = std::env::var_os("TESTKIT_VICTIM") {
        let machine = Machine::boot().unwrap();
        let pid = machine.exec(["sh", "-c", "echo up"]).success();
        fs::write(report, format!("{}\n", pid.trim())).unwrap();
        loop {
            std::thread::park();
        }
    }
    let Some(machine) = Machine::boot() else {
        return;
    };
    drop(machine);
    let sandbox = Sandbox::as_caller();
    let report = sandbox.dir().join("report");
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    let name = if name == "main" {
        "a_killed_test_process_leaves_no_machine".into()
    } else {
        name
    };
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", &name, "--nocapture"])
        .env("TESTKIT_VICTIM", &report);
    let victim = sandbox.spawn(command);
    endsession_testkit::wait::for_line_in(&report, 0, LIMIT, |line| line == "up");
    let groups = groups_of(victim.pid());
    assert_eq!(groups.len(), 1, "{groups:?}");
    victim.kill();
    victim.wait_exit(LIMIT);
    // The watcher of the killed process does it.
    let events = groups[0].join("cgroup.events");
    let deadline = endsession_testkit::wait::Deadline::after(LIMIT);
    while events.exists() {
        assert!(!deadline.passed(), "{} is still there", groups[0].display());
        std::thread::yield_now();
    }
    assert!(!is_alive(victim.pid()));
}

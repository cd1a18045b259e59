//! `endsession run`: its status, its bus, and what it leaves behind: nothing.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod support;

use std::time::{Duration, Instant};

use endsession_testkit::bus::Bus;
use endsession_testkit::gnome_client::{GnomeClient, Manner};
use endsession_testkit::names::OwnsName;
use endsession_testkit::session::{Sandbox, environ_of};
use endsession_testkit::wait::{is_alive, until_gone};
use rustix::process::{Pid, Signal, kill_process};
use support::raw::{self, Raw};
use support::{
    Done, IDLE, LIMIT, On, Session, endsession, run, sandbox, start, start_with_private_bus,
};

/// Nothing of the sandbox runs, and its runtime directory is as empty as it was.
#[track_caller]
fn nothing_is_left(sandbox: &Sandbox) {
    let left: Vec<String> = sandbox
        .processes()
        .into_iter()
        .map(|pid| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default())
        .collect();
    assert_eq!(left, [""; 0]);
    let entries = std::fs::read_dir(sandbox.runtime_dir()).unwrap();
    let files = entries.map(|e| e.unwrap().file_name());
    // dbus-daemon keeps a directory of its own there, for services of the day.
    let files: Vec<_> = files.filter(|name| name != "dbus-1").collect();
    assert_eq!(files, [""; 0]);
}

/// Runs a session of one command to its end.
#[track_caller]
fn session_of(sandbox: &Sandbox, command: &[&str]) -> Done {
    endsession(sandbox, &[&["run", "--"], command].concat())
}

/// The pid that a process wrote as its first line.
#[track_caller]
fn pid(line: &str) -> u32 {
    line.trim().parse().unwrap()
}

#[test]
fn an_ordered_log_off_is_status_0_and_leaves_nothing() {
    let sandbox = sandbox();
    let session = start_with_private_bus(&sandbox, "", &IDLE);
    let done = endsession(&sandbox, &["logoff", "--no-dialog"]);
    assert_eq!(done.code(), Some(0), "{done:?}");
    assert_eq!(session.wait_exit(LIMIT).code(), Some(0));
    nothing_is_left(&sandbox);
}

#[test]
fn a_command_that_ends_by_itself_gives_its_own_status() {
    for status in [0, 1, 7, 255] {
        let sandbox = sandbox();
        let done = session_of(&sandbox, &["sh", "-c", &format!("exit {status}")]);
        assert_eq!(done.code(), Some(status), "{done:?}");
        nothing_is_left(&sandbox);
    }
}

#[test]
fn a_command_that_a_signal_ended_gives_128_and_its_number() {
    for (signal, status) in [("KILL", 137), ("TERM", 143), ("SEGV", 139)] {
        let sandbox = sandbox();
        let done = session_of(&sandbox, &["sh", "-c", &format!("kill -{signal} $$")]);
        assert_eq!(done.code(), Some(status), "{done:?}");
    }
}

#[test]
fn the_commands_words_are_its_own() {
    let sandbox = sandbox();
    let done = session_of(&sandbox, &["echo", "--config", "--json", "-x"]);
    assert_eq!(
        (done.code(), done.out.as_str()),
        (Some(0), "--config --json -x\n")
    );
}

#[test]
fn a_command_that_is_not_there_is_named() {
    let sandbox = sandbox();
    let done = session_of(&sandbox, &["no-such-compositor", "-c", "x"]);
    assert_eq!(done.code(), Some(3), "{done:?}");
    assert!(
        done.err
            .contains("endsession: cannot start no-such-compositor: No such file"),
        "{done:?}"
    );
    nothing_is_left(&sandbox);
}

#[test]
fn without_a_bus_program_it_says_which_to_install() {
    let sandbox = sandbox();
    sandbox.set_env("PATH", sandbox.dir().join("bin"));
    let done = session_of(&sandbox, &["/bin/sleep", "infinity"]);
    assert_eq!(done.code(), Some(2), "{done:?}");
    for word in ["dbus-daemon", "dbus-broker-launch", "install"] {
        assert!(done.err.contains(word), "{done:?}");
    }
    nothing_is_left(&sandbox);
}

#[test]
fn a_session_without_a_bus_has_one_of_its_own() {
    let sandbox = sandbox();
    let session =
        start_with_private_bus(&sandbox, "", &["sh", "-c", "echo $$; exec sleep infinity"]);
    let child = pid(&session.wait_for_line("", LIMIT));
    let address = environ_of(child)["DBUS_SESSION_BUS_ADDRESS"].clone();
    let socket = format!("endsession-bus-{}", session.pid());
    assert_eq!(
        address,
        format!("unix:path={}", sandbox.runtime_dir().join(socket).display())
    );
    let client =
        GnomeClient::register_on(&address, sandbox.uid(), "editor", Manner::Agree).unwrap();
    assert_eq!(endsession(&sandbox, &["logoff"]).code(), Some(0));
    client.wait_until_left(LIMIT);
    assert_eq!(session.wait_exit(LIMIT).code(), Some(0));
    nothing_is_left(&sandbox);
}

#[test]
fn a_session_on_a_bus_that_is_managed_gets_one_of_its_own() {
    for name in ["org.gnome.SessionManager", "org.kde.ksmserver"] {
        let sandbox = sandbox();
        let bus = Bus::daemon_in(&sandbox);
        let _other = OwnsName::take(&bus, name);
        let session = start_with_private_bus(&sandbox, "", &IDLE);
        assert_eq!(endsession(&sandbox, &["logoff"]).code(), Some(0));
        assert_eq!(session.wait_exit(LIMIT).code(), Some(0));
    }
}

#[test]
fn a_manager_refuses_to_start_where_another_owns_the_session() {
    for name in [
        "org.gnome.SessionManager",
        "org.xfce.SessionManager",
        "org.endsession.Manager1",
    ] {
        let sandbox = sandbox();
        let bus = Bus::daemon_in(&sandbox);
        let _other = OwnsName::take(&bus, name);
        let done = endsession(&sandbox, &["manager"]);
        assert_eq!(done.code(), Some(3), "{done:?}");
        let program = std::fs::read_to_string("/proc/self/comm").unwrap();
        let owner = format!("{} (pid {})", program.trim(), std::process::id());
        assert!(
            done.err.contains(name) && done.err.contains(&owner),
            "{done:?}"
        );
    }
}

#[test]
fn a_manager_of_a_session_that_it_did_not_start_ends_on_sigterm() {
    let sandbox = Sandbox::new();
    sandbox.install(env!("CARGO_BIN_EXE_endsession").as_ref());
    let bus = Bus::daemon_in(&sandbox);
    let manager = sandbox.spawn(["endsession", "manager"]);
    bus.wait_for_name("org.gnome.SessionManager", LIMIT);
    let client = GnomeClient::register(&bus, "editor", Manner::Agree);
    manager.signal(Signal::TERM);
    client.wait_for("EndSession", LIMIT);
    assert_eq!(manager.wait_exit(LIMIT).code(), Some(0));
    assert_eq!(client.members(), ["EndSession"]);
}

#[test]
fn a_manager_of_a_session_that_it_did_not_start_says_that_it_cannot_end_it() {
    let sandbox = sandbox();
    let bus = Bus::daemon_in(&sandbox);
    let manager = sandbox.spawn(["endsession", "manager"]);
    bus.wait_for_name("org.endsession.Manager1", LIMIT);
    let client = GnomeClient::register(&bus, "editor", Manner::Agree);
    let done = endsession(&sandbox, &["logoff"]);
    assert_eq!(done.code(), Some(2), "{done:?}");
    assert!(done.err.contains("endsession run -- COMMAND"), "{done:?}");
    assert_eq!(client.members(), [""; 0]);
    let property = (raw::CONTROL, "Kinds");
    let kinds = Raw::connect(&bus)
        .call(raw::CONTROL_PATH, raw::PROPERTIES, "Get", &property)
        .unwrap();
    let none: zbus::Variant<'_> = Vec::<&str>::new().into();
    assert_eq!(
        kinds.body().deserialize::<zbus::Variant<'_>>().unwrap(),
        none
    );
    drop(bus);
    assert_eq!(manager.wait_exit(LIMIT).code(), Some(3));
}

#[test]
fn sigterm_ends_everybody_in_order() {
    let sandbox = sandbox();
    let script = "trap 'echo told; exit 0' TERM; (trap 'echo child told; exit 0' TERM; sleep 1000 & wait) & \
                  echo ready; wait; wait";
    let session = start_with_private_bus(&sandbox, "imposed = \"5s\"", &["sh", "-c", script]);
    session.wait_for_line("ready", LIMIT);
    let address = sandbox.env("DBUS_SESSION_BUS_ADDRESS").unwrap();
    let address = address.to_str().unwrap();
    let client = GnomeClient::register_on(
        address,
        sandbox.uid(),
        "editor",
        Manner::Refuse("no".into()),
    );
    let client = client.unwrap();
    session.terminate();
    client.wait_until_left(LIMIT);
    assert_eq!(client.members(), ["EndSession"]);
    assert_eq!(client.seen()[0].flags, 1, "forceful");
    assert_eq!(session.wait_exit(LIMIT).code(), Some(0));
    session.wait_for_line("child told", LIMIT);
    nothing_is_left(&sandbox);
}

#[test]
fn a_command_that_ignores_sigterm_is_killed() {
    let session = Session::with(
        On::Daemon,
        "",
        &["sh", "-c", "trap '' TERM; echo $$; exec sleep infinity"],
    );
    let child = pid(&session.run.wait_for_line("", LIMIT));
    let begun = Instant::now();
    let done = session.endsession(&["logoff"]);
    assert_eq!(done.code(), Some(0), "{done:?}");
    session.ends_in_order();
    assert!(
        begun.elapsed() >= Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    assert!(!is_alive(child));
}

#[test]
fn orphans_of_the_session_end_with_it() {
    let sandbox = sandbox();
    let script = "(setsid sh -c 'sleep 1000 & echo $!' &) ; exec sleep infinity";
    let session = start_with_private_bus(&sandbox, "", &["sh", "-c", script]);
    let orphan = pid(&session.wait_for_line("", LIMIT));
    assert!(is_alive(orphan));
    assert_eq!(endsession(&sandbox, &["logoff"]).code(), Some(0));
    assert_eq!(session.wait_exit(LIMIT).code(), Some(0));
    assert!(!is_alive(orphan));
    nothing_is_left(&sandbox);
}

#[test]
fn orphans_end_also_when_the_command_ends_by_itself() {
    let sandbox = sandbox();
    let script = "trap '' TERM; setsid sleep 1000 & echo $!; exit 4";
    let session = start(&sandbox, "", &["sh", "-c", script]);
    let orphan = pid(&session.wait_for_line("", LIMIT));
    assert_eq!(session.wait_exit(LIMIT).code(), Some(4));
    assert!(until_gone(orphan, LIMIT));
    nothing_is_left(&sandbox);
}

#[test]
fn what_runs_under_nohup_outlives_the_session() {
    let sandbox = sandbox();
    let script = "nohup sleep 1000 >/dev/null 2>&1 & echo $!; exec sleep infinity";
    let session = start_with_private_bus(&sandbox, "", &["sh", "-c", script]);
    let kept = pid(&session.wait_for_line("", LIMIT));
    // The shell forks before nohup ignores SIGHUP.
    support::until(|| {
        std::fs::read_to_string(format!("/proc/{kept}/comm")).is_ok_and(|c| c.trim() == "sleep")
    });
    assert_eq!(endsession(&sandbox, &["logoff"]).code(), Some(0));
    assert_eq!(session.wait_exit(LIMIT).code(), Some(0));
    assert_eq!(sandbox.processes(), [kept]);
    let raw = Pid::from_raw(i32::try_from(kept).unwrap()).unwrap();
    kill_process(raw, Signal::KILL).unwrap();
    assert!(until_gone(kept, LIMIT));
    nothing_is_left(&sandbox);
}

#[test]
fn a_second_session_of_the_user_is_a_session_of_its_own() {
    let first = Session::on(On::Daemon);
    let second = start_with_private_bus(&first.sandbox, "", &IDLE);
    assert_eq!(first.endsession(&["logoff"]).code(), Some(0));
    assert_eq!(second.wait_exit(LIMIT).code(), Some(0));
    assert!(first.run.is_alive());
}

#[test]
fn the_commands_output_is_its_own() {
    let sandbox = sandbox();
    let done = run(
        &sandbox,
        &["endsession", "run", "sh", "-c", "echo out; echo err >&2"],
    );
    assert_eq!(done.out, "out\n");
    assert!(done.err.contains("err\n"), "{done:?}");
}

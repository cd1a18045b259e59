//! The environment, the sockets and the authority file: what is put there and taken back.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use endsession_ice::authority::{self, Entry};
use endsession_testkit::bus::Bus;
use endsession_testkit::session::{Sandbox, environ_of};
use endsession_testkit::wait::for_entry;
use endsession_testkit::xsmp_client::connect;

use crate::desk::{Desk, environment, shell};
use crate::support::{LIMIT, endsession, run, sandbox, start_with_private_bus};

/// The entries of a session that is not ours, and of a program that is none at all.
fn foreign() -> Vec<u8> {
    let entry = |protocol: &str, id: &str| Entry {
        protocol: protocol.into(),
        protocol_data: vec![0xff, 0, 1],
        network_id: id.into(),
        auth_name: b"MIT-MAGIC-COOKIE-1".into(),
        auth_data: vec![9; 16],
    };
    let other = entry("ICE", "local/elsewhere:@/tmp/.ICE-unix/1");
    let strange = Entry {
        auth_name: b"SOMETHING-ELSE".into(),
        auth_data: Vec::new(),
        ..entry("", "unix/\u{fc}:")
    };
    authority::serialise(&[other.clone(), strange, other]).unwrap()
}

/// Hands a file of this test's to the sandbox's user.
fn give(sandbox: &Sandbox, file: &Path) {
    std::os::unix::fs::chown(file, Some(sandbox.uid()), None).unwrap();
}

/// What is left of its own in the customary directory.
fn path_sockets(ids: &str) -> Vec<PathBuf> {
    let paths = ids.split(',').filter_map(|id| id.strip_prefix("unix/"));
    let paths = paths.map(|id| PathBuf::from(id.split_once(':').unwrap().1));
    paths.collect()
}

#[track_caller]
fn everything_is_taken_back(ids: &str, authority: &Path) {
    assert!(connect(ids).is_err(), "somebody still listens at {ids}");
    assert_eq!(path_sockets(ids).iter().filter(|p| p.exists()).count(), 0);
    assert!(!authority.exists(), "{}", authority.display());
    for lock in ["-c", "-l", "-n"] {
        let mut name = authority.as_os_str().to_owned();
        name.push(lock);
        assert!(!Path::new(&name).exists(), "{}", name.to_string_lossy());
    }
}

#[test]
fn what_run_starts_knows_the_manager_and_not_an_outer_one() {
    let sandbox = sandbox();
    sandbox.set_env("SESSION_MANAGER", "local/outer:@/tmp/.ICE-unix/1");
    let bus = Bus::daemon_in(&sandbox);
    let run = shell(&sandbox, "");
    let (ids, authority) = environment(&run);
    assert!(!ids.contains("outer"), "{ids}");
    let pid = run.pid().to_string();
    assert!(ids.contains(&format!(":@/tmp/.ICE-unix/{pid},")), "{ids}");
    assert_eq!(path_sockets(&ids).len(), 1, "{ids}");
    // No transport that leaves the machine.
    for id in ids.split(',') {
        assert!(id.starts_with("local/") || id.starts_with("unix/"), "{id}");
    }
    let authority = Path::new(&authority);
    assert_eq!(authority, sandbox.runtime_dir().join("ICEauthority"));
    let about = authority.metadata().unwrap();
    assert_eq!(about.permissions().mode() & 0o777, 0o600);
    assert_eq!(about.uid(), sandbox.uid());
    // Two entries a listener, as libICE wants them, all with the one secret.
    let entries = authority::file::read(authority).unwrap();
    let named: Vec<(&[u8], &[u8])> = entries
        .iter()
        .map(|e| (e.protocol.as_slice(), e.network_id.as_slice()))
        .collect();
    let listeners = ids.split(',').map(str::as_bytes);
    let expected: Vec<(&[u8], &[u8])> = listeners
        .flat_map(|id| [(b"ICE".as_slice(), id), (b"XSMP".as_slice(), id)])
        .collect();
    assert_eq!(named.len(), expected.len());
    assert!(expected.iter().all(|e| named.contains(e)), "{named:?}");
    assert!(entries.iter().all(|e| e.auth_data == entries[0].auth_data));
    assert_eq!(entries[0].auth_data.len(), 16);
    drop(bus);
}

#[test]
fn two_sessions_have_secrets_of_their_own() {
    let (first, second) = (Desk::new(), Desk::new());
    let secret = |desk: &Desk| {
        authority::file::read(&desk.authority).unwrap()[0]
            .auth_data
            .clone()
    };
    assert_ne!(secret(&first), secret(&second));
    assert_ne!(first.manager, second.manager);
}

#[test]
fn what_the_private_bus_starts_knows_the_manager_too() {
    let sandbox = sandbox();
    let told = sandbox.home().join("told");
    let probe = "[D-BUS Service]\nName=org.example.Probe\nExec=/bin/sh -c 'echo \
                 \"$SESSION_MANAGER $ICEAUTHORITY\" > \"$HOME/telling\"; mv \"$HOME/telling\" \"$HOME/told\"'\n";
    sandbox.set_env("XDG_DATA_HOME", sandbox.home().join("data"));
    sandbox.write("data/dbus-1/services/org.example.Probe.service", probe);
    let session = start_with_private_bus(
        &sandbox,
        "",
        &[
            "sh",
            "-c",
            "echo \"environment $SESSION_MANAGER $ICEAUTHORITY\"; exec sleep infinity",
        ],
    );
    let own = session.wait_for_line("environment ", LIMIT);
    // It ends without taking its name, so nobody waits for a reply.
    run(
        &sandbox,
        &[
            "dbus-send",
            "--session",
            "--type=method_call",
            "--dest=org.freedesktop.DBus",
            "/org/freedesktop/DBus",
            "org.freedesktop.DBus.StartServiceByName",
            "string:org.example.Probe",
            "uint32:0",
        ],
    );
    for_entry(&sandbox.home(), LIMIT, |name| name == "told");
    let told = fs::read_to_string(told).unwrap();
    assert_eq!(Some(told.trim()), own.strip_prefix("environment "));
    assert_eq!(endsession(&sandbox, &["logoff"]).code(), Some(0));
}

#[test]
fn a_manager_that_did_not_start_the_session_serves_xsmp_too() {
    let sandbox = sandbox();
    let bus = Bus::daemon_in(&sandbox);
    let manager = sandbox.spawn(["endsession", "manager"]);
    bus.wait_for_name("org.gnome.SessionManager", LIMIT);
    let authority = sandbox.runtime_dir().join("ICEauthority");
    for_entry(&sandbox.runtime_dir(), LIMIT, |name| name == "ICEauthority");
    let entries = authority::file::read(&authority).unwrap();
    let ids: Vec<String> = entries
        .iter()
        .filter(|e| e.protocol == b"ICE")
        .map(|e| String::from_utf8(e.network_id.clone()).unwrap())
        .collect();
    assert!(connect(&ids.join(",")).is_ok());
    manager.terminate();
    assert_eq!(manager.wait_exit(LIMIT).code(), Some(0));
    everything_is_taken_back(&ids.join(","), &authority);
}

#[test]
fn everything_is_taken_back_at_the_end() {
    let desk = Desk::new();
    let client = desk.client("editor");
    let log_off = desk.log_off();
    client.hears(crate::desk::QUERY);
    client.order("done yes");
    desk.lets_go(&client);
    assert_eq!(log_off.wait_exit(LIMIT).code(), Some(0));
    desk.ends_in_order();
    everything_is_taken_back(&desk.manager, &desk.authority);
}

#[test]
fn everything_is_taken_back_after_sigterm() {
    let desk = Desk::new();
    desk.run.terminate();
    desk.ends_in_order();
    everything_is_taken_back(&desk.manager, &desk.authority);
}

#[test]
fn everything_is_taken_back_when_the_command_ends_by_itself() {
    let desk = Desk::new();
    desk.run.write("exit 3\n");
    assert_eq!(desk.ends().code(), Some(3));
    everything_is_taken_back(&desk.manager, &desk.authority);
}

#[test]
fn what_others_have_in_the_file_stays_byte_for_byte() {
    let sandbox = sandbox();
    let file = sandbox.write("authority", foreign());
    sandbox.set_env("ICEAUTHORITY", &file);
    let bus = Bus::daemon_in(&sandbox);
    let run = shell(&sandbox, "");
    let (ids, authority) = environment(&run);
    assert_eq!(authority.as_bytes(), file.as_os_str().as_bytes());
    let during = fs::read(&file).unwrap();
    assert!(during.len() > foreign().len() && during.ends_with(&foreign()));
    assert_eq!(endsession(&sandbox, &["logoff"]).code(), Some(0));
    assert_eq!(run.wait_exit(LIMIT).code(), Some(0));
    assert_eq!(fs::read(&file).unwrap(), foreign());
    assert!(connect(&ids).is_err());
    drop(bus);
}

#[test]
fn a_file_that_was_there_and_empty_stays() {
    let sandbox = sandbox();
    let file = sandbox.write("authority", "");
    sandbox.set_env("ICEAUTHORITY", &file);
    let _bus = Bus::daemon_in(&sandbox);
    let run = shell(&sandbox, "");
    environment(&run);
    assert_ne!(file.metadata().unwrap().len(), 0);
    run.terminate();
    assert_eq!(run.wait_exit(LIMIT).code(), Some(0));
    assert_eq!(file.metadata().unwrap().len(), 0);
}

#[test]
fn a_lock_that_is_held_costs_xsmp_and_not_the_session() {
    let sandbox = sandbox();
    for name in ["ICEauthority-c", "ICEauthority-l"] {
        let path = sandbox.runtime_dir().join(name);
        fs::write(&path, "").unwrap();
        give(&sandbox, &path);
    }
    let bus = Bus::daemon_in(&sandbox);
    let run = shell(&sandbox, "");
    run.write("echo \"environment $SESSION_MANAGER.\"\n");
    run.wait_for_line("environment .", LIMIT);
    let warning = run
        .stderr()
        .wait_for("cannot put the session's cookie", LIMIT);
    for word in ["ICEauthority", "another program holds its lock", "XSMP"] {
        assert!(warning.contains(word), "{warning}");
    }
    assert_eq!(endsession(&sandbox, &["logoff"]).code(), Some(0));
    assert_eq!(run.wait_exit(LIMIT).code(), Some(0));
    // The lock is its holder's.
    assert!(sandbox.runtime_dir().join("ICEauthority-c").exists());
    drop(bus);
}

#[test]
fn a_file_that_is_no_authority_file_is_left_alone() {
    let sandbox = sandbox();
    let file = sandbox.write("authority", "my diary\n");
    sandbox.set_env("ICEAUTHORITY", &file);
    let bus = Bus::daemon_in(&sandbox);
    let run = shell(&sandbox, "");
    run.write("echo \"environment $SESSION_MANAGER.\"\n");
    run.wait_for_line("environment .", LIMIT);
    run.stderr()
        .wait_for("cannot put the session's cookie", LIMIT);
    assert_eq!(endsession(&sandbox, &["logoff"]).code(), Some(0));
    assert_eq!(run.wait_exit(LIMIT).code(), Some(0));
    assert_eq!(fs::read_to_string(&file).unwrap(), "my diary\n");
    drop(bus);
}

#[test]
fn clients_are_given_the_session_they_are_in() {
    let desk = Desk::new();
    let app = desk.client("editor");
    let environment = environ_of(app.pid());
    assert_eq!(environment["SESSION_MANAGER"], desk.manager);
    assert_eq!(Path::new(&environment["ICEAUTHORITY"]), desk.authority);
}

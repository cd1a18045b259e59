//! The command's manners: help, wrong usage, no session to talk to, a reader that has gone, and a
//! configuration that is wrong.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod support;

use std::process::Stdio;

use endsession_testkit::bus::Bus;
use endsession_testkit::gnome_client::Manner;
use endsession_testkit::names::OwnsName;
use support::{Done, LIMIT, On, Session, endsession, sandbox};

const COMMANDS: [&str; 11] = [
    "logoff",
    "status",
    "watch",
    "cancel",
    "choose",
    "hold",
    "run",
    "manager",
    "demo",
    "completions",
    "man",
];

#[test]
fn every_command_explains_itself() {
    let sandbox = sandbox();
    let all = endsession(&sandbox, &["--help"]);
    assert_eq!(all.code(), Some(0));
    assert!(all.out.contains("Exit status: 0"), "{all:?}");
    for command in COMMANDS {
        assert!(all.out.contains(command), "{command}");
        let help = endsession(&sandbox, &[command, "--help"]);
        assert_eq!((help.code(), help.err.as_str()), (Some(0), ""), "{command}");
        assert!(
            help.out.contains(&format!("Usage: endsession {command}")),
            "{help:?}"
        );
    }
    assert!(!all.out.contains("demo-app"), "{}", all.out);
}

#[test]
fn the_version_and_the_manual_are_printed() {
    let sandbox = sandbox();
    let version = endsession(&sandbox, &["--version"]);
    assert_eq!(
        version.out,
        format!("endsession {}\n", env!("CARGO_PKG_VERSION"))
    );
    let man = endsession(&sandbox, &["man"]);
    assert!(
        man.code() == Some(0) && man.out.contains(".TH endsession"),
        "{man:?}"
    );
    for shell in ["bash", "zsh", "fish"] {
        let completions = endsession(&sandbox, &["completions", shell]);
        assert!(
            completions.code() == Some(0) && completions.out.contains("logoff"),
            "{shell}"
        );
    }
}

#[test]
fn wrong_usage_is_status_2_and_says_what_is_wrong() {
    let sandbox = sandbox();
    let wrong: [(&[&str], &str); 12] = [
        (&[], "Usage"),
        (&["explode"], "explode"),
        (&["logoff", "--colour"], "--colour"),
        (&["logoff", "--timeout", "soon"], "30s"),
        (&["logoff", "--force", "--confirm"], "cannot be used with"),
        (
            &["logoff", "--no-dialog", "--confirm"],
            "cannot be used with",
        ),
        (&["run"], "COMMAND"),
        (&["completions", "tcl"], "tcl"),
        (&["choose"], "CHOICE"),
        (&["choose", "explode"], "end-one"),
        (&["choose", "end-one"], "needs an application"),
        (&["choose", "end-all", "gedit"], "takes no application"),
    ];
    for (arguments, said) in wrong {
        let done = endsession(&sandbox, arguments);
        assert_eq!(done.code(), Some(2), "{arguments:?}: {done:?}");
        assert!(done.err.contains(said), "{arguments:?}: {done:?}");
        assert_eq!(done.out, "", "{arguments:?}");
    }
}

#[track_caller]
fn has_no_session(done: &Done, said: &str) {
    assert_eq!(done.code(), Some(3), "{done:?}");
    assert!(
        done.err.starts_with("endsession: ") && done.err.contains(said),
        "{done:?}"
    );
    assert_eq!(
        (done.out.as_str(), done.err.lines().count()),
        ("", 1),
        "{done:?}"
    );
}

const NEED_A_SESSION: [&[&str]; 7] = [
    &["logoff"],
    &["logoff", "--json", "--force"],
    &["status"],
    &["status", "--json"],
    &["watch"],
    &["cancel"],
    &["choose", "cancel"],
];

#[test]
fn without_a_bus_there_is_no_session() {
    let sandbox = sandbox();
    for command in NEED_A_SESSION {
        has_no_session(&endsession(&sandbox, command), "DBUS_SESSION_BUS_ADDRESS");
    }
    has_no_session(
        &endsession(&sandbox, &["manager"]),
        "DBUS_SESSION_BUS_ADDRESS",
    );
}

#[test]
fn a_bus_that_does_not_answer_is_named() {
    let sandbox = sandbox();
    sandbox.set_env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere/bus");
    for command in NEED_A_SESSION {
        has_no_session(&endsession(&sandbox, command), "unix:path=/nowhere/bus");
    }
    sandbox.set_env("DBUS_SESSION_BUS_ADDRESS", "nonsense");
    has_no_session(&endsession(&sandbox, &["status"]), "nonsense");
    has_no_session(&endsession(&sandbox, &["manager"]), "nonsense");
}

#[test]
fn a_bus_without_a_manager_has_no_session() {
    let sandbox = sandbox();
    let _bus = Bus::daemon_in(&sandbox);
    for command in NEED_A_SESSION {
        has_no_session(&endsession(&sandbox, command), "endsession run -- COMMAND");
    }
}

#[test]
fn another_manager_is_named() {
    let sandbox = sandbox();
    let bus = Bus::daemon_in(&sandbox);
    let _other = OwnsName::take(&bus, "org.kde.ksmserver");
    for command in NEED_A_SESSION {
        let done = endsession(&sandbox, command);
        match command {
            // It is asked, and the program that would do it is not there.
            ["logoff"] => has_no_session(&done, "KDE Plasma's session manager cannot be asked"),
            ["logoff", ..] => assert_eq!(done.code(), Some(2), "{done:?}"),
            ["status", ..] => {
                assert!(
                    done.out.contains("KDE Plasma's session manager"),
                    "{done:?}"
                );
            }
            _ => has_no_session(&done, "KDE Plasma's session manager"),
        }
    }
}

#[test]
fn a_manager_that_takes_no_client_is_not_waited_for() {
    let sandbox = sandbox();
    let bus = Bus::daemon_in(&sandbox);
    let _other = OwnsName::take(&bus, "org.gnome.SessionManager");
    let done = endsession(&sandbox, &["logoff", "--force"]);
    assert!(matches!(done.code(), Some(1 | 3)), "{done:?}");
    assert!(done.err.contains("GNOME's session manager"), "{done:?}");
}

#[test]
fn cancel_with_nothing_under_way_is_status_1() {
    let session = Session::on(On::Daemon);
    let done = session.endsession(&["cancel"]);
    assert_eq!(done.code(), Some(1));
    assert_eq!(
        done.err,
        "endsession: there is no request to end the session under way to cancel\n"
    );
}

#[test]
fn cancel_cancels_what_is_under_way() {
    let session = Session::on(On::Daemon);
    let raw = session.watcher();
    raw.request(&[("confirm", true.into())]).unwrap();
    let done = session.endsession(&["cancel"]);
    assert_eq!(
        (done.code(), done.err.as_str()),
        (Some(0), "The log-off was cancelled.\n")
    );
    assert_eq!(raw.hears_outcome()["by"], "user");
}

#[test]
fn choose_with_nothing_under_way_is_status_1() {
    let session = Session::on(On::Daemon);
    let done = session.endsession(&["choose", "end-all"]);
    assert_eq!(done.code(), Some(1));
    assert_eq!(
        done.err,
        "endsession: there is no request to end the session under way to answer\n"
    );
}

#[test]
fn choose_names_what_there_is_and_answers() {
    let session = Session::on(On::Daemon);
    let client = session.client("editor", Manner::Refuse("not saved".to_owned()));
    let raw = session.watcher();
    raw.request(&[]).unwrap();
    raw.hears_event(&[("event", "blocked".into())]);
    let unknown = session.endsession(&["choose", "ask-again", "vim"]);
    assert_eq!(unknown.code(), Some(1));
    let there = format!("\"vim\"; there are editor (pid {})", std::process::id());
    assert!(unknown.err.contains(&there), "{unknown:?}");
    let early = session.endsession(&["choose", "confirm"]);
    assert_eq!(early.code(), Some(1), "{early:?}");
    assert!(early.err.contains("not open"), "{early:?}");
    let again = session.endsession(&["choose", "ask-again", "Editor"]);
    assert_eq!((again.code(), again.err.as_str()), (Some(0), ""));
    client.wait_for("CancelEndSession", LIMIT);
    assert_eq!(session.endsession(&["choose", "cancel"]).code(), Some(0));
    assert_eq!(raw.hears_outcome()["by"], "user");
}

/// Runs a command whose output nobody reads: the pipe's other end is closed before it starts.
#[track_caller]
fn into_a_closed_pipe(session: &Session, arguments: &[&str]) -> Done {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = session
        .sandbox
        .as_user([&["endsession"], arguments].concat());
    command
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(Stdio::piped());
    let output = command.spawn().unwrap().wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    Done {
        status: output.status,
        out: String::new(),
        err,
    }
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let session = Session::on(On::Daemon);
    let all: [&[&str]; 8] = [
        &["status"],
        &["status", "--json"],
        &["man"],
        &["completions", "bash"],
        &["completions", "zsh"],
        &["--help"],
        &["--version"],
        &["logoff", "--json"],
    ];
    for arguments in all {
        let done = into_a_closed_pipe(&session, arguments);
        assert_eq!(
            (done.code(), done.err.as_str()),
            (Some(0), ""),
            "{arguments:?}"
        );
    }
    session.ends_in_order();
}

#[test]
fn a_demo_that_nobody_reads_ends_all_the_same() {
    let session = Session::on(On::Daemon);
    let done = into_a_closed_pipe(&session, &["demo", "--no"]);
    assert_eq!((done.code(), done.err.as_str()), (Some(1), ""));
}

/// Runs `run` with a configuration; the command would leave a trace.
#[track_caller]
fn with_configuration(text: &str) -> (Done, String) {
    let sandbox = sandbox();
    let file = sandbox.write("wrong.toml", text).display().to_string();
    let trace = sandbox.home().join("trace");
    let trace = trace.to_str().unwrap();
    let done = endsession(&sandbox, &["run", "--config", &file, "--", "touch", trace]);
    assert!(
        !std::path::Path::new(trace).exists(),
        "started in spite of {text:?}"
    );
    assert_eq!(std::fs::read_dir(sandbox.runtime_dir()).unwrap().count(), 0);
    (done, file)
}

#[test]
fn a_wrong_configuration_is_status_2_and_nothing_is_started() {
    let wrong = [
        (
            "[deadlines]\nslow = \"1s\"\n  slov = \"1s\"\n",
            "3:3",
            "slov",
        ),
        ("[deadlines]\nslow = 5\n", "2:8", "string"),
        ("[deadlines]\nslow = \"soon\"\n", "2:8", "30s"),
        ("[dead-lines]\n", "1:2", "dead-lines"),
        ("[deadlines\n", "1:11", ""),
        ("\u{feff}\n[deadlines]\nslow = -1", "3:8", "string"),
    ];
    for (text, place, said) in wrong {
        let (done, file) = with_configuration(text);
        assert_eq!(done.code(), Some(2), "{done:?}");
        assert!(
            done.err
                .starts_with(&format!("endsession: {file}:{place}: ")),
            "{done:?}"
        );
        assert!(done.err.contains(said), "{done:?}");
    }
}

#[test]
fn a_configuration_that_is_named_must_be_there() {
    let sandbox = sandbox();
    for command in [
        &["run", "--config", "/nowhere.toml", "--", "touch", "trace"][..],
        &["manager", "--config", "/nowhere.toml"],
    ] {
        let done = endsession(&sandbox, command);
        assert_eq!(done.code(), Some(2), "{done:?}");
        assert!(done.err.contains("/nowhere.toml: No such file"), "{done:?}");
    }
    assert!(!sandbox.home().join("trace").exists());
}

#[test]
fn the_users_own_configuration_is_read_where_none_is_named() {
    let sandbox = sandbox();
    let file = sandbox.write(
        ".config/endsession/config.toml",
        "[deadlines]\nslov = \"1s\"\n",
    );
    let done = endsession(&sandbox, &["run", "true"]);
    assert_eq!(done.code(), Some(2), "{done:?}");
    assert!(
        done.err.contains(&format!("{}:2:1: ", file.display())),
        "{done:?}"
    );
    let other = sandbox.dir().join("other");
    sandbox.set_env("XDG_CONFIG_HOME", &other);
    let run = sandbox.spawn(["endsession", "run", "true"]);
    assert_eq!(run.wait_exit(LIMIT).code(), Some(0));
}

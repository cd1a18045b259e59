//! `endsession config check`, the administrator's file, and a configuration that changes while a
//! session runs.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod support;

use std::os::unix::fs::PermissionsExt;

use endsession_testkit::bus::Bus;
use endsession_testkit::gnome_client::Manner;
use endsession_testkit::session::Sandbox;
use serde_json::json;
use support::{Done, IDLE, LIMIT, Session, endsession, sandbox};

const USER: &str = ".config/endsession/config.toml";
const SYSTEM: &str = "xdg/endsession/config.toml";

fn place() -> Sandbox {
    let sandbox = sandbox();
    sandbox.set_env("XDG_CONFIG_DIRS", sandbox.home().join("xdg"));
    sandbox
}

fn check(sandbox: &Sandbox) -> Done {
    endsession(sandbox, &["config", "check"])
}

#[track_caller]
fn has(text: &str, line: &str) {
    assert!(
        text.lines().any(|l| l == line),
        "{line:?} is not in\n{text}"
    );
}

#[test]
fn without_a_file_it_shows_the_defaults_and_is_right() {
    let sandbox = place();
    let done = check(&sandbox);
    assert_eq!((done.code(), done.err.as_str()), (Some(0), ""), "{done:?}");
    let home = sandbox.home().display().to_string();
    has(&done.out, &format!("{home}/{USER}: not there"));
    has(&done.out, &format!("{home}/{SYSTEM}: not there"));
    has(&done.out, "  deadlines.slow = \"5s\" (default)");
    assert!(
        done.out
            .contains("  built in: an application whose program is firefox or "),
        "{done:?}"
    );
}

#[test]
fn every_error_is_told_with_its_place_and_a_suggestion() {
    let sandbox = place();
    let path = sandbox.write(
        USER,
        "[deadlines]\nslov = \"1s\"\nexit = \"soon\"\n[[application]]\nignore = true\n",
    );
    let done = check(&sandbox);
    assert_eq!(done.code(), Some(2), "{done:?}");
    let path = path.display();
    for begin in [
        format!("{path}:2:1: unknown field `slov`"),
        format!("{path}:3:8: \"soon\" is no duration"),
        format!("{path}:4:1: this rule says nothing of whom"),
    ] {
        assert!(
            done.err.lines().any(|l| l.starts_with(&begin)),
            "{begin} in {}",
            done.err
        );
    }
    assert!(done.err.contains("did you mean `slow`?"), "{done:?}");
    has(
        &done.err,
        "endsession: 3 errors; nothing starts with this configuration",
    );
    // And so it is.
    let done = endsession(&sandbox, &["run", "--", "true"]);
    assert_eq!(done.code(), Some(2), "{done:?}");
    assert!(done.err.contains(":2:1: unknown field"), "{done:?}");
}

#[test]
fn each_rule_is_explained_and_what_never_counts_is_a_warning() {
    let sandbox = place();
    let user = sandbox.write(
        USER,
        "[[application]]\napp-id = \"chat\"\nend-anyway = true\ndeadline = \"40s\"\n\
         [[application]]\napp-id = \"CHAT.desktop\"\nend-anyway = false\n\
         [[application]]\nexecutable = \"/nowhere/tray\"\nignore = true\n[hooks]\nending = \"1m\"\n",
    );
    let system = sandbox.write(
        SYSTEM,
        "[deadlines]\nslow = \"9s\"\n[hooks]\nending = \"2m\"\n",
    );
    let done = check(&sandbox);
    assert_eq!((done.code(), done.err.as_str()), (Some(0), ""), "{done:?}");
    let (user, system) = (user.display(), system.display());
    has(
        &done.out,
        &format!(
            "  {user}:1: an application called chat is ended even if it refuses, after its time to save; has 40s for each \
             step: to answer, to close, to exit, to save before it is forced"
        ),
    );
    has(
        &done.out,
        &format!("    warning: it never decides anything: the rule at {user}:1 does"),
    );
    has(&done.out, "    warning: there is no /nowhere/tray");
    has(&done.out, &format!("  hooks.ending = \"1m\" ({user}:12)"));
    has(
        &done.out,
        &format!("  deadlines.slow = \"9s\" ({system}:2)"),
    );
}

#[test]
fn one_file_alone_can_be_checked() {
    let sandbox = place();
    let file = sandbox.write("mine.toml", "[dialog]\ncommand = []\n");
    let file = file.display().to_string();
    let done = endsession(&sandbox, &["config", "check", &file]);
    assert_eq!(done.code(), Some(0), "{done:?}");
    has(&done.out, &format!("  dialog.command = [] ({file}:2)"));
    let done = endsession(&sandbox, &["config", "check", "/nowhere.toml"]);
    assert_eq!(done.code(), Some(2), "{done:?}");
    assert!(
        done.err
            .contains("cannot read the configuration /nowhere.toml"),
        "{done:?}"
    );
}

#[test]
fn hooks_are_listed_in_their_order_and_why_one_is_refused() {
    let sandbox = place();
    let put = |path: &str, mode| {
        let path = sandbox.write(path, "#!/bin/sh\n");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        path.display().to_string()
    };
    let second = put(".config/endsession/hooks/asking.d/20-b", 0o755);
    let first = put("xdg/endsession/hooks/asking.d/10-a", 0o755);
    let open = put(".config/endsession/hooks/ending.d/10-open", 0o777);
    let done = check(&sandbox);
    assert_eq!(done.code(), Some(0), "{done:?}");
    let order = format!("  asking: {first}\n  asking: {second}\n");
    assert!(done.out.contains(&order), "{done:?}");
    let warning = format!("    warning: the hook {open} is not run: others may write it");
    assert!(done.out.contains(&warning), "{done:?}");
}

/// A session with the user's own file.
fn begin(sandbox: &Sandbox) -> Session {
    let bus = Bus::daemon_in(sandbox);
    let run = sandbox.spawn([&["endsession", "run", "--"], &IDLE[..]].concat());
    bus.wait_for_name("org.gnome.SessionManager", LIMIT);
    Session {
        run,
        bus,
        sandbox: sandbox.clone(),
    }
}

#[test]
fn what_is_written_while_the_session_runs_counts_from_the_next_request_on() {
    let sandbox = place();
    let session = begin(&sandbox);
    let _chat = session.client("chat", Manner::Refuse("never".into()));
    let log_off = || session.endsession(&["logoff", "--no-dialog", "--json"]);
    assert_eq!(log_off().code(), Some(1));
    // A wrong one changes nothing, and is told.
    sandbox.write(USER, "[[aplication]]\n");
    assert_eq!(log_off().code(), Some(1));
    session
        .run
        .stderr()
        .wait_for("unknown field `aplication`", LIMIT);
    sandbox.write(
        SYSTEM,
        "[[application]]\napp-id = \"chat\"\nend-anyway = true\n",
    );
    sandbox.write(USER, "");
    let done = log_off();
    assert_eq!(done.code(), Some(0), "{done:?}");
    let outcome: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(outcome["overridden_by_rule"], json!(["chat"]));
    session.ends_in_order();
}

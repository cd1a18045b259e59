//! Hooks: real scripts in a user's and an administrator's directories, run by a real manager.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

#[path = "support/desk.rs"]
mod desk;
mod support;

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use endsession_testkit::bus::Bus;
use endsession_testkit::gnome_client::Manner;
use endsession_testkit::session::Sandbox;
use endsession_testkit::sway::Config;
use endsession_testkit::wait::{is_alive, until_gone};
use serde_json::{Value, json};
use support::{IDLE, LIMIT, Session, sandbox, until};

/// Where hooks stand below the sandbox's home.
const USER: &str = ".config/endsession/hooks";
const SYSTEM: &str = "xdg/endsession/hooks";

/// A sandbox with an administrator's directory of its own.
fn place() -> Sandbox {
    let sandbox = sandbox();
    sandbox.set_env("XDG_CONFIG_DIRS", sandbox.home().join("xdg"));
    sandbox
}

/// Puts down a script of the shell.
fn put(sandbox: &Sandbox, dir: &str, name: &str, script: &str) -> PathBuf {
    let path = sandbox.write(format!("{dir}/{name}"), format!("#!/bin/sh\n{script}\n"));
    set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    path
}

/// A session with these hooks of the user's that are asked.
fn asking(hooks: &[(&str, &str)]) -> Session {
    asking_within("30s", hooks)
}

/// The same with a limit.
fn asking_within(limit: &str, hooks: &[(&str, &str)]) -> Session {
    let sandbox = place();
    for (name, script) in hooks {
        put(&sandbox, &format!("{USER}/asking.d"), name, script);
    }
    begin(sandbox, &format!("[hooks]\nasking = {limit:?}"), &IDLE)
}

fn begin(sandbox: Sandbox, config: &str, command: &[&str]) -> Session {
    let bus = Bus::daemon_in(&sandbox);
    let run = support::start(&sandbox, config, command);
    bus.wait_for_name("org.gnome.SessionManager", LIMIT);
    Session { run, bus, sandbox }
}

fn log_off(session: &Session) -> Value {
    let done = session.endsession(&["logoff", "--no-dialog", "--json"]);
    serde_json::from_str(&done.out).unwrap_or_else(|_| panic!("{done:?}"))
}

/// What the only hook said that blocks.
#[track_caller]
fn reason(outcome: &Value, name: &str) -> String {
    let blockers = outcome["blockers"].as_array().unwrap();
    let of = blockers.iter().find(|b| b["name"] == name);
    let of = of.unwrap_or_else(|| panic!("{outcome:#}"));
    assert_eq!((&of["kind"], &of["pid"]), (&json!("refused"), &Value::Null));
    assert_eq!(of["id"], format!("hook:{name}"));
    of["reason"].as_str().unwrap().to_owned()
}

/// What a hook wrote into a file of the sandbox's home, once it is there.
#[track_caller]
fn written(sandbox: &Sandbox, name: &str) -> String {
    let path = sandbox.home().join(name);
    until(|| std::fs::read_to_string(&path).is_ok_and(|text| text.ends_with('\n')));
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn one_that_fails_refuses_with_its_last_line_and_is_named() {
    let session = asking(&[(
        "10-backup",
        "echo looking; echo 'the tape is full' >&2; echo; exit 3",
    )]);
    let done = session.endsession(&["logoff", "--no-dialog"]);
    assert_eq!(done.code(), Some(1), "{done:?}");
    assert!(
        done.err
            .contains("  10-backup: refuses: the tape is full\n"),
        "{done:?}"
    );
    assert_eq!(reason(&log_off(&session), "10-backup"), "the tape is full");
    let log = session.run.stderr();
    log.wait_for("hook 10-backup: looking", LIMIT);
    log.wait_for("hook 10-backup: the tape is full", LIMIT);
}

#[test]
fn one_that_fails_silently_refuses_with_its_status() {
    let session = asking(&[("quiet", "exit 7"), ("shot", "kill -KILL $$")]);
    let outcome = log_off(&session);
    assert_eq!(reason(&outcome, "quiet"), "it ended with status 7");
    // The second may not have had its turn: nobody is there, and the first has cancelled.
    let shot = asking(&[("shot", "kill -KILL $$")]);
    assert_eq!(reason(&log_off(&shot), "shot"), "it was ended by signal 9");
}

#[test]
fn those_that_agree_leave_no_trace_and_the_session_ends() {
    let session = asking(&[("10-a", "exit 0"), ("20-b", "exit 0")]);
    let client = session.client("editor", Manner::Agree);
    let watcher = session.watcher();
    let done = session.endsession(&["logoff", "--json"]);
    let outcome: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(outcome["outcome"], "over", "{outcome:#}");
    assert_eq!(outcome["gone"], json!([]));
    watcher.hears_event(&[
        ("event", "answered".into()),
        ("name", "20-b".into()),
        ("answer", "accept".into()),
    ]);
    client.wait_until_left(LIMIT);
    session.ends_in_order();
}

#[test]
fn they_are_run_in_order_and_a_file_of_the_users_takes_the_place_of_another() {
    let sandbox = place();
    let say = |word: &str| format!("echo {word} >>~/said");
    let (user, system) = (format!("{USER}/asking.d"), format!("{SYSTEM}/asking.d"));
    put(&sandbox, &system, "10-a", &say("system-a"));
    put(&sandbox, &system, "20-b", &say("system-b"));
    put(&sandbox, &system, "30-c", &say("system-c"));
    put(&sandbox, &user, "20-b", &say("user-b"));
    put(&sandbox, &user, "05-d", &say("user-d"));
    put(&sandbox, &user, "07-e~", &say("backup"));
    let plain = put(&sandbox, &user, "08-f", &say("plain"));
    set_permissions(plain, Permissions::from_mode(0o644)).unwrap();
    symlink("/dev/null", sandbox.home().join(&user).join("30-c")).unwrap();
    let open = put(&sandbox, &user, "40-g", &say("open"));
    set_permissions(open, Permissions::from_mode(0o777)).unwrap();
    let session = begin(sandbox, "", &IDLE);
    assert_eq!(log_off(&session)["outcome"], "over");
    session.ends_in_order();
    let said = std::fs::read_to_string(session.sandbox.home().join("said")).unwrap();
    assert_eq!(said, "user-d\nsystem-a\nuser-b\n");
    session
        .run
        .stderr()
        .wait_for("40-g is not run: others may write it", LIMIT);
}

#[test]
fn one_that_hangs_does_not_answer_and_is_ended_with_all_it_started() {
    let session = asking_within(
        "300ms",
        &[(
            "10-hangs",
            "trap '' TERM; echo $$; (trap '' TERM; echo $$; exec sleep 1000) & echo $! >~/child; wait; sleep 1000",
        )],
    );
    let outcome = log_off(&session);
    assert_eq!(outcome["by"], "blocked", "{outcome:#}");
    let why = reason(&outcome, "10-hangs");
    assert!(
        why.starts_with("does not answer: it still ran after 300ms"),
        "{why}"
    );
    let child = written(&session.sandbox, "child").trim().parse().unwrap();
    assert!(until_gone(child, LIMIT));
    assert!(session.run.is_alive());
}

#[test]
fn one_that_reads_nothing_and_says_too_much_blocks_nobody() {
    let session = asking(&[(
        "10-loud",
        "exec <&-; i=0; while [ $i -lt 2000 ]; do printf '%01000d\\n' $i; i=$((i+1)); done; printf %0100000d 7; echo; \
         echo the end",
    )]);
    assert_eq!(log_off(&session)["outcome"], "over");
    session.ends_in_order();
    let log = session.run.stderr_so_far();
    let lines = log.lines().filter(|l| l.contains("hook 10-loud: ")).count();
    assert_eq!(lines, 201, "200 and how many more");
    assert!(
        log.contains("hook 10-loud: 1802 more lines"),
        "{}",
        log.len()
    );
}

#[test]
fn one_that_never_stops_talking_has_its_time_and_no_more() {
    let session = asking_within("300ms", &[("10-yes", "exec yes")]);
    let why = reason(&log_off(&session), "10-yes");
    assert!(why.starts_with("does not answer"), "{why}");
    // And nobody else was kept from being heard meanwhile.
    assert_eq!(session.status()["request"], Value::Null);
}

#[test]
fn what_it_leaves_running_is_not_waited_for_and_goes_with_the_session() {
    let session = asking(&[
        ("10-daemon", "sleep 1000 & echo $! >~/daemon"),
        ("20-no", "test -e ~/go || { echo no; exit 1; }"),
    ]);
    assert_eq!(reason(&log_off(&session), "20-no"), "no");
    let daemon = written(&session.sandbox, "daemon").trim().parse().unwrap();
    assert!(is_alive(daemon), "it is the session's as any other");
    session.sandbox.write("go", "");
    assert_eq!(log_off(&session)["outcome"], "over");
    session.ends_in_order();
    assert!(!is_alive(daemon));
}

#[test]
fn it_reads_what_is_asked_and_lives_in_the_sessions_environment() {
    let script = "cat >~/event; env >~/environment; pwd >~/dir; echo done >>~/dir; exit 1";
    let sandbox = place();
    put(&sandbox, &format!("{USER}/asking.d"), "10-event", script);
    let command = ["sh", "-c", "MINE=yes exec sleep infinity"];
    let session = begin(sandbox, "", &command);
    let holder = session.raw();
    holder.inhibit("burner", "a disc", 1).unwrap();
    let asked = session.start(&["logoff", "--reason", "good night"]);
    let dir = written(&session.sandbox, "dir");
    assert_eq!(dir, format!("{}\ndone\n", session.sandbox.home().display()));
    let event: Value = serde_json::from_str(&written(&session.sandbox, "event")).unwrap();
    for (field, value) in [
        ("version", json!(1)),
        ("hook", json!("asking")),
        ("request", json!(1)),
        ("kind", json!("logoff")),
        ("reason", json!("good night")),
        ("phase", json!("asking")),
        ("imposed", json!(false)),
        ("outcome", Value::Null),
    ] {
        assert_eq!(event[field], value, "{field} of {event:#}");
    }
    let environment = written(&session.sandbox, "environment");
    let bus = format!("DBUS_SESSION_BUS_ADDRESS={}", session.bus.address());
    for line in ["MINE=yes", "ENDSESSION_HOOK=asking", &bus] {
        assert!(
            environment.lines().any(|l| l == line),
            "{line} in {environment}"
        );
    }
    assert!(!environment.contains("SESSION_MANAGER="), "{environment}");
    assert_eq!(session.endsession(&["cancel"]).code(), Some(0));
    asked.wait_exit(LIMIT);
}

#[test]
fn it_reaches_the_sessions_display_and_what_it_shows_there_is_no_application() {
    let sandbox = Sandbox::new();
    let dir = format!("{USER}/asking.d");
    // Its own window is on the display, and the compositor knows it.
    let script = "foot --app-id mine sleep 1000 & until swaymsg -t get_tree | grep -q '\"app_id\": \"mine\"'; \
                  do sleep 0.05; done; kill $!; wait $!; echo seen; exit 1";
    put(&sandbox, &dir, "10-window", script);
    let desk = desk::Desk::sway_with(&sandbox, Config::new());
    let (code, outcome, errors) = desk.endsession(&["logoff", "--no-dialog", "--json"]);
    assert_eq!(code, 1, "{errors}");
    let outcome: Value = serde_json::from_str(&outcome).unwrap();
    assert_eq!(reason(&outcome, "10-window"), "seen");
    assert_eq!(
        outcome["blockers"].as_array().unwrap().len(),
        1,
        "{outcome:#}"
    );
}

#[test]
fn asked_again_it_is_run_again_and_the_log_off_goes_on() {
    let session = asking(&[(
        "10-mounted",
        "test -e ~/unmounted || { echo still mounted; exit 1; }",
    )]);
    let watcher = session.watcher();
    let asked = session.start(&["logoff", "--json"]);
    watcher.hears_event(&[
        ("event", "blocked".into()),
        ("reason", "still mounted".into()),
    ]);
    session.sandbox.write("unmounted", "");
    let done = session.endsession(&["choose", "ask-again", "hook:10-mounted"]);
    assert_eq!(done.code(), Some(0), "{done:?}");
    session.ends_in_order();
    assert_eq!(asked.wait_exit(LIMIT).code(), Some(0));
}

#[test]
fn overridden_by_the_user_it_says_nothing_more() {
    let session = asking(&[
        ("10-no", "echo no; exit 1"),
        ("20-hangs", "echo $$ >~/pid; exec sleep 1000"),
    ]);
    let watcher = session.watcher();
    let asked = session.start(&["logoff", "--json"]);
    watcher.hears_event(&[("event", "blocked".into()), ("name", "10-no".into())]);
    let hangs = written(&session.sandbox, "pid").trim().parse().unwrap();
    let done = session.endsession(&["choose", "end-all"]);
    assert_eq!(done.code(), Some(0), "{done:?}");
    session.ends_in_order();
    assert!(!is_alive(hangs));
    assert_eq!(asked.wait_exit(LIMIT).code(), Some(0));
    let outcome: Value = serde_json::from_str(&asked.stdout_so_far()).unwrap();
    assert_eq!(outcome["overridden"], json!(["10-no"]), "{outcome:#}");
    assert_eq!(outcome["gone"], json!([]), "{outcome:#}");
}

#[test]
fn by_force_no_hook_is_asked_and_those_of_the_end_run_before_anything_is_ended() {
    let sandbox = place();
    put(
        &sandbox,
        &format!("{USER}/asking.d"),
        "10-no",
        "echo asked >~/asked; exit 1",
    );
    let ending =
        "cat >~/event; kill -0 $(cat ~/pid) && echo alive >~/others; echo ended >>~/others";
    put(&sandbox, &format!("{USER}/ending.d"), "10-save", ending);
    let command = [
        "sh",
        "-c",
        "sleep 1000 & echo $! >~/pid; exec sleep infinity",
    ];
    let session = begin(sandbox, "", &command);
    written(&session.sandbox, "pid");
    let done = session.endsession(&["logoff", "--force"]);
    assert_eq!(done.code(), Some(0), "{done:?}");
    session.ends_in_order();
    assert!(!session.sandbox.home().join("asked").exists());
    assert_eq!(written(&session.sandbox, "others"), "alive\nended\n");
    let event: Value = serde_json::from_str(&written(&session.sandbox, "event")).unwrap();
    assert_eq!(
        (&event["hook"], &event["phase"]),
        (&json!("ending"), &json!("ending"))
    );
    assert_eq!(event["forced"], true);
}

#[test]
fn one_of_the_end_that_hangs_has_its_time_and_no_more() {
    let sandbox = place();
    let dir = format!("{USER}/ending.d");
    put(
        &sandbox,
        &dir,
        "10-hangs",
        "trap '' TERM; echo $$ >~/pid; while :; do sleep 1000; done",
    );
    put(&sandbox, &dir, "20-late", "echo late >~/late");
    let session = begin(sandbox, "[hooks]\nending = \"500ms\"", &IDLE);
    assert_eq!(log_off(&session)["outcome"], "over");
    session.ends_in_order();
    let hangs = written(&session.sandbox, "pid").trim().parse().unwrap();
    assert!(until_gone(hangs, LIMIT));
    assert!(!session.sandbox.home().join("late").exists());
    session
        .run
        .stderr()
        .wait_for("hook 10-hangs has had its time", LIMIT);
}

#[test]
fn in_an_imposed_end_those_of_the_end_run_within_its_time() {
    let sandbox = place();
    let dir = format!("{USER}/ending.d");
    put(&sandbox, &dir, "10-save", "cat >~/event");
    put(
        &sandbox,
        &dir,
        "20-hangs",
        "echo $$ >~/pid; exec sleep 1000",
    );
    let session = begin(
        sandbox,
        "imposed = \"2s\"\n[hooks]\nending = \"10m\"",
        &IDLE,
    );
    // Its names are there before it heeds signals.
    session.status();
    session.run.terminate();
    session.ends_in_order();
    let event: Value = serde_json::from_str(&written(&session.sandbox, "event")).unwrap();
    assert_eq!(event["imposed"], true, "{event:#}");
    let hangs = written(&session.sandbox, "pid").trim().parse().unwrap();
    assert!(until_gone(hangs, LIMIT));
}

#[test]
fn a_manager_that_did_not_start_the_session_hears_of_their_end_too() {
    let sandbox = place();
    put(
        &sandbox,
        &format!("{USER}/ending.d"),
        "10-save",
        "cat >~/event",
    );
    let config = sandbox.write("endsession.toml", "[deadlines]\nimposed = \"20s\"\n");
    let bus = Bus::daemon_in(&sandbox);
    let config = config.display().to_string();
    let run = sandbox.spawn(["endsession", "manager", "--config", &config]);
    bus.wait_for_name("org.gnome.SessionManager", LIMIT);
    let session = Session { run, bus, sandbox };
    session.status();
    session.run.terminate();
    session.ends_in_order();
    let event: Value = serde_json::from_str(&written(&session.sandbox, "event")).unwrap();
    assert_eq!(event["imposed"], true, "{event:#}");
    let log = session.run.stderr_so_far();
    assert!(!log.contains("has had its time"), "{log}");
}

#[test]
fn after_a_cancel_they_are_told_of_it_and_nothing_waits() {
    let sandbox = place();
    let dir = format!("{USER}/cancelled.d");
    put(&sandbox, &dir, "10-event", "cat >~/event");
    put(
        &sandbox,
        &dir,
        "20-hangs",
        "echo $$ >~/pid; exec sleep 1000",
    );
    let session = begin(sandbox, "", &IDLE);
    let client = session.client("editor", Manner::Refuse("unsaved".into()));
    assert_eq!(log_off(&session)["by"], "blocked");
    let event: Value = serde_json::from_str(&written(&session.sandbox, "event")).unwrap();
    assert_eq!(
        (&event["hook"], &event["phase"]),
        (&json!("cancelled"), &json!("asking"))
    );
    assert_eq!(event["outcome"]["by"], "blocked", "{event:#}");
    assert_eq!(event["outcome"]["blockers"][0]["reason"], "unsaved");
    let hangs = written(&session.sandbox, "pid").trim().parse().unwrap();
    // The next one is not held up by it, and its end takes it along.
    drop(client);
    assert_eq!(log_off(&session)["outcome"], "over");
    session.ends_in_order();
    assert!(until_gone(hangs, LIMIT));
}

#[test]
fn what_it_shows_or_registers_is_no_application() {
    let session = asking(&[(
        "10-asks",
        "dbus-send --session --print-reply --dest=org.gnome.SessionManager /org/gnome/SessionManager \
         org.gnome.SessionManager.Inhibit string:hook uint32:0 string:mine uint32:1 && echo held; exit 1",
    )]);
    let outcome = log_off(&session);
    assert_eq!(reason(&outcome, "10-asks"), "held");
    assert_eq!(
        outcome["blockers"].as_array().unwrap().len(),
        1,
        "{outcome:#}"
    );
}

#[test]
fn what_it_leaves_behind_counts_once_it_has_ended() {
    let holder = "from gi.repository import Gio, GLib\n\
                  bus = Gio.bus_get_sync(Gio.BusType.SESSION)\n\
                  name = 'org.gnome.SessionManager'\n\
                  args = GLib.Variant('(susu)', ('left', 0, 'still here', 1))\n\
                  bus.call_sync(name, '/org/gnome/SessionManager', name, 'Inhibit', args, None, 0, -1)\n\
                  open('held', 'w').write('held\\n')\n\
                  GLib.MainLoop().run()\n";
    let session = asking(&[(
        "10-leaves",
        "/usr/bin/python3 holder.py >/dev/null 2>&1 & while ! test -s held; do sleep 0.01; done",
    )]);
    session.sandbox.write("holder.py", holder);
    let outcome = log_off(&session);
    let blocker = &outcome["blockers"][0];
    assert_eq!(
        (&blocker["kind"], &blocker["reason"]),
        (&json!("inhibitor"), &json!("still here")),
        "{outcome:#}"
    );
}

#[test]
fn one_that_is_no_program_is_named_with_what_is_wrong() {
    let sandbox = place();
    let path = sandbox.write(
        format!("{USER}/asking.d/10-broken"),
        "#!/no/such/interpreter\n",
    );
    set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    let session = begin(sandbox, "", &IDLE);
    let why = reason(&log_off(&session), "10-broken");
    assert!(
        why.starts_with("it cannot be started: No such file"),
        "{why}"
    );
}

#[test]
fn cancelled_while_it_runs_it_is_ended_and_the_next_request_asks_it_anew() {
    let session = asking(&[(
        "10-slow",
        "echo $$ >>~/pids; test -e ~/go || exec sleep 1000",
    )]);
    let asked = session.start(&["logoff"]);
    let first = written(&session.sandbox, "pids").trim().parse().unwrap();
    let status = session.status();
    let of = &status["applications"][0];
    assert_eq!(
        (&of["id"], &of["protocols"]),
        (&json!("hook:10-slow"), &json!(["hook"]))
    );
    assert_eq!(session.endsession(&["cancel"]).code(), Some(0));
    assert_eq!(asked.wait_exit(LIMIT).code(), Some(1));
    assert!(until_gone(first, LIMIT));
    session.sandbox.write("go", "");
    assert_eq!(log_off(&session)["outcome"], "over");
    session.ends_in_order();
}

#[test]
fn a_manager_that_ends_takes_them_along() {
    let sandbox = place();
    put(
        &sandbox,
        &format!("{USER}/asking.d"),
        "10-slow",
        "echo $$ >~/pid; exec sleep 1000",
    );
    let session = begin(sandbox, "imposed = \"1s\"", &IDLE);
    let asked = session.start(&["logoff"]);
    let hook = written(&session.sandbox, "pid").trim().parse().unwrap();
    session.run.terminate();
    session.ends_in_order();
    assert!(until_gone(hook, LIMIT));
    asked.wait_exit(LIMIT);
}

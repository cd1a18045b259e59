//! What it holds: a real session of `endsession run`, whose log-off waits for the command and goes on when that has ended.

use endsession_testkit::bus::Bus;
use endsession_testkit::session::Proc;
use serde_json::Value;

use crate::support::{LIMIT, On, Session, endsession, sandbox, start, wait_for_status};

/// Ends when its input does, or at SIGTERM with status 5.
const COPIES: &str = "trap 'echo told; exit 5' TERM; exec 3<&0; cat <&3 >/dev/null 2>&1 & wait $!";

fn session() -> Session {
    Session::with(On::Daemon, "forced = \"10s\"", &crate::support::IDLE)
}

/// `endsession hold OPTIONS` around a script of a shell, known to the manager.
#[track_caller]
fn held(session: &Session, options: &[&str], script: &str) -> Proc {
    let words = [
        &["endsession", "hold", "--why", "copying photos"],
        options,
        &["--", "sh", "-c", script],
    ];
    let hold = session.sandbox.spawn_with_input(words.concat());
    wait_for_status(session, |status| {
        holder(status).is_some_and(|app| app["inhibitors"][0] == "copying photos")
            || status["other_inhibitors"][0]["reason"] == "copying photos"
    });
    hold
}

/// The application that holds, as `status` has it.
fn holder(status: &Value) -> Option<&Value> {
    let applications = status["applications"].as_array().unwrap();
    applications.iter().find(|app| app["name"] == "sh")
}

/// Waits until it holds up the log-off that is under way, by its name and with its reason.
#[track_caller]
fn blocks(session: &Session, hold: &Proc) {
    let status = wait_for_status(session, |status| {
        !status["request"].is_null() && status["blockers"][0]["reason"] == "copying photos"
    });
    let blockers = status["blockers"].as_array().unwrap();
    assert_eq!(blockers.len(), 1, "{status:#}");
    assert_eq!(blockers[0]["name"], "sh", "{status:#}");
    assert_eq!(blockers[0]["kind"], "inhibitor", "{status:#}");
    assert_eq!(blockers[0]["pid"], hold.pid(), "{status:#}");
}

#[test]
fn a_log_off_waits_for_the_command_and_goes_on_by_itself() {
    let session = session();
    let hold = held(&session, &[], COPIES);
    let log_off = session.start(&["logoff"]);
    blocks(&session, &hold);
    hold.close_input();
    assert_eq!(hold.wait_exit(LIMIT).code(), Some(0));
    assert_eq!(log_off.wait_exit(LIMIT).code(), Some(0));
    session.ends_in_order();
    assert_eq!(hold.stderr_so_far(), "");
}

#[test]
fn in_a_script_the_log_off_is_cancelled_and_names_it() {
    let session = session();
    let hold = held(&session, &[], COPIES);
    let done = session.endsession(&["logoff", "--no-dialog"]);
    assert_eq!(done.code(), Some(1), "{done:?}");
    assert!(
        done.err.contains("sh") && done.err.contains("copying photos"),
        "{done:?}"
    );
    // It holds on: the command knows nothing of all that.
    let again = session.endsession(&["logoff", "--no-dialog"]);
    assert_eq!(again.code(), Some(1), "{again:?}");
    assert!(hold.is_alive());
}

#[test]
fn a_command_that_crashes_holds_no_more() {
    let session = session();
    let hold = held(&session, &[], "read -r _; kill -KILL $$");
    let log_off = session.start(&["logoff"]);
    blocks(&session, &hold);
    hold.write("\n");
    assert_eq!(hold.wait_exit(LIMIT).code(), Some(128 + 9));
    assert_eq!(log_off.wait_exit(LIMIT).code(), Some(0));
}

#[test]
fn a_hold_that_is_killed_holds_no_more() {
    let session = session();
    let hold = held(&session, &[], COPIES);
    let log_off = session.start(&["logoff"]);
    blocks(&session, &hold);
    hold.kill();
    assert_eq!(log_off.wait_exit(LIMIT).code(), Some(0));
}

#[test]
fn a_log_off_by_force_tells_the_command_and_waits_for_it() {
    let session = session();
    let hold = held(&session, &[], COPIES);
    let log_off = session.start(&["logoff", "--force"]);
    assert_eq!(hold.wait_exit(LIMIT).code(), Some(5));
    assert_eq!(hold.stdout_so_far(), "told\n");
    assert_eq!(log_off.wait_exit(LIMIT).code(), Some(0));
    session.ends_in_order();
}

#[test]
fn to_end_this_one_is_to_tell_the_command() {
    let session = session();
    let hold = held(&session, &[], COPIES);
    let log_off = session.start(&["logoff"]);
    blocks(&session, &hold);
    let chosen = session.endsession(&["choose", "end-one", "sh"]);
    assert_eq!(chosen.code(), Some(0), "{chosen:?}");
    assert_eq!(hold.wait_exit(LIMIT).code(), Some(5));
    assert_eq!(log_off.wait_exit(LIMIT).code(), Some(0));
}

#[test]
fn what_is_held_is_what_was_asked_for() {
    let session = session();
    let hold = held(&session, &["--what", "sleep,idle"], COPIES);
    let status = session.status();
    let what: Vec<&str> = status["other_inhibitors"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|one| one["what"].as_array().unwrap())
        .map(|what| what.as_str().unwrap())
        .collect();
    assert_eq!(what, ["suspend", "idle"], "{status:#}");
    assert!(
        status["blockers"].as_array().unwrap().is_empty(),
        "{status:#}"
    );
    // It is asked, agrees, and is told.
    let done = session.endsession(&["logoff", "--no-dialog"]);
    assert_eq!(done.code(), Some(0), "{done:?}");
    assert_eq!(hold.wait_exit(LIMIT).code(), Some(5));
}

#[test]
fn it_holds_again_under_a_manager_that_comes_later() {
    let sandbox = sandbox();
    let bus = Bus::daemon_in(&sandbox);
    let words = [
        "endsession",
        "hold",
        "--why",
        "copying photos",
        "--",
        "sh",
        "-c",
        COPIES,
    ];
    let hold = sandbox.spawn_with_input(words);
    let said = hold
        .stderr()
        .wait_for("not held up: the end of the session", LIMIT);
    assert!(said.contains("sh runs all the same"), "{said}");
    let run = start(&sandbox, "forced = \"10s\"", &crate::support::IDLE);
    bus.wait_for_name("org.gnome.SessionManager", LIMIT);
    hold.stderr().wait_for("everything is held up now", LIMIT);
    let session = Session { run, bus, sandbox };
    wait_for_status(&session, |status| holder(status).is_some());
    let done = endsession(&session.sandbox, &["logoff", "--no-dialog"]);
    assert_eq!(done.code(), Some(1), "{done:?}");
    hold.close_input();
    assert_eq!(hold.wait_exit(LIMIT).code(), Some(0));
}

#[test]
fn all_that_is_held_is_listed_by_name_and_reason() {
    let session = session();
    let list = |options: &[&str]| {
        let done = session.endsession(&[&["hold", "--list"], options].concat());
        assert_eq!(done.code(), Some(0), "{done:?}");
        done.out
    };
    assert_eq!(list(&[]), "Nothing is held.\n");
    assert_eq!(list(&["--json"]), "[]\n");

    let hold = held(&session, &["--what", "logoff,sleep"], COPIES);
    let pid = hold.pid();
    assert_eq!(
        list(&[]),
        format!("sh (pid {pid}) (logoff, sleep): copying photos\n")
    );
    let listed: Value = serde_json::from_str(&list(&["--json"])).unwrap();
    assert_eq!(listed, session.status()["holds"]);

    hold.close_input();
    hold.wait_exit(LIMIT);
    wait_for_status(&session, |status| status["holds"] == serde_json::json!([]));
    let wrong = session.endsession(&["hold", "--list", "--why", "x", "--", "true"]);
    assert_eq!(wrong.code(), Some(2), "{wrong:?}");
}

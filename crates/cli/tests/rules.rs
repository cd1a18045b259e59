//! Rules per application, on real displays with real applications, and on a bus with peers that
//! refuse.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

#[path = "support/desk.rs"]
mod desk;
mod support;

use desk::{Desk, Shown};
use endsession_testkit::apps;
use endsession_testkit::gnome_client::Manner;
use endsession_testkit::session::{Proc, Sandbox};
use endsession_testkit::sway::Config;
use serde_json::{Value, json};
use support::application::{self, Application};
use support::{LIMIT, On, Session};

/// A session with these rules.
fn session(rules: &str) -> Session {
    Session::with(On::Daemon, rules, &support::IDLE)
}

/// The entry of [`Application`]'s own process.
#[test]
fn application_entry() {
    let _was_one = application::main();
}

fn of<'a>(status: &'a Value, name: &str) -> &'a Value {
    let all = status["applications"].as_array().unwrap();
    let found = all.iter().find(|a| a["name"] == name);
    found.unwrap_or_else(|| panic!("{status:#}"))
}

#[test]
fn a_tray_program_that_always_refuses_is_ended_anyway_and_the_report_says_by_what() {
    let session = session("[[application]]\napp-id = \"Tray\"\nend-anyway = true\n");
    let tray = session.client("tray", Manner::Refuse("I never go".into()));
    let watcher = session.watcher();
    let done = session.endsession(&["logoff", "--no-dialog", "--json"]);
    assert_eq!(done.code(), Some(0), "{done:?}");
    let outcome: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(outcome["overridden"], json!(["tray"]));
    assert_eq!(outcome["overridden_by_rule"], json!(["tray"]));
    watcher.hears_event(&[
        ("event", "overridden".into()),
        ("name", "tray".into()),
        ("by_rule", true.into()),
    ]);
    // It was asked like any other, and told by force.
    let seen = tray.members();
    assert_eq!(seen, ["QueryEndSession", "EndSession"]);
    session
        .run
        .stderr()
        .wait_for("is ended anyway, as a rule says", LIMIT);
    session.ends_in_order();
}

#[test]
fn the_terminal_says_that_a_rule_did_it() {
    let session = session("[[application]]\napp-id = \"tray\"\nend-anyway = true\n");
    let _tray = session.client("tray", Manner::Refuse("I never go".into()));
    let done = session.endsession(&["logoff"]);
    assert_eq!(done.code(), Some(0), "{done:?}");
    assert!(
        done.err
            .contains("Ended over their objection: tray (as a rule says)."),
        "{done:?}"
    );
    session.ends_in_order();
}

#[test]
fn an_ignored_one_is_never_asked_holds_nothing_and_ends_with_the_rest() {
    let session = session("[[application]]\napp-id = \"org.example.Sync\"\nignore = true\n");
    let sync = Application::start(&session.sandbox, "application_entry", "org.example.sync");
    let agrees = session.client("editor", Manner::Agree);
    let status = session.status();
    let rule = &of(&status, "org.example.sync")["rule"];
    assert_eq!(rule["ignore"], true, "{status:#}");
    let origin = rule["from"][0].as_str().unwrap();
    assert!(origin.ends_with("endsession.toml:2"), "{origin}");
    let done = session.endsession(&["status"]);
    assert!(done.out.contains("ignored, as a rule says"), "{done:?}");
    let done = session.endsession(&["logoff", "--no-dialog"]);
    assert_eq!(done.code(), Some(0), "{done:?}");
    agrees.wait_until_left(LIMIT);
    session.ends_in_order();
    assert_eq!(sync.members(), [""; 0]);
}

#[test]
fn a_deadline_of_its_own_is_what_a_silent_one_has() {
    // Ten minutes for all others.
    let session = session(
        "slow = \"10m\"\nnot-responding = \"10m\"\nping = \"1s\"\n\
         [[application]]\napp-id = \"hangs\"\ndeadline = \"300ms\"\nend-anyway = true\n",
    );
    let _hangs = session.client("hangs", Manner::Silent);
    let done = session.endsession(&["logoff", "--no-dialog", "--json"]);
    let outcome: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(
        outcome["overridden_by_rule"],
        json!(["hangs"]),
        "{outcome:#}"
    );
    session.ends_in_order();
}

/// Headless sway with these rules.
fn sway(rules: &str) -> Desk {
    Desk::sway_of(
        &Sandbox::new(),
        Config::new(),
        &format!("{}\n{rules}", desk::DEADLINES),
    )
}

#[test]
fn an_editor_that_is_ignored_is_not_closed_and_loses_what_it_has_not_saved() {
    let desk = Desk::xsmp_x11(&format!(
        "{}\n[[application]]\napp-id = \"mousepad\"\nignore = true\n",
        desk::DEADLINES
    ));
    let editor = apps::mousepad(&desk.sandbox);
    editor.write("not saved");
    desk.wait_for_window("*");
    desk.exits.watch("editor", editor.process().pid());
    let (watch, _) = desk.watch_with(&["--json"]);
    let (code, _, errors) = desk.endsession(&["logoff", "--no-dialog"]);
    assert_eq!(code, 0, "{errors}");
    desk.ends_last_of(1);
    let told = events(&watch, editor.process().pid());
    assert_eq!(told, [""; 0], "{}", watch.stdout_so_far());
}

#[test]
fn an_editor_that_a_rule_ends_anyway_has_its_own_time_and_no_more() {
    let desk = Desk::xsmp_x11(&format!(
        "{}\n[[application]]\nexecutable = \"mousepad\"\nend-anyway = true\ndeadline = \"500ms\"\n",
        desk::DEADLINES
    ));
    let editor = apps::mousepad(&desk.sandbox);
    editor.write("not saved");
    desk.wait_for_window("*");
    desk.exits.watch("editor", editor.process().pid());
    let (code, outcome, errors) = desk.endsession(&["logoff", "--no-dialog", "--json"]);
    assert_eq!(code, 0, "{outcome}{errors}");
    let outcome: Value = serde_json::from_str(&outcome).unwrap();
    let by_rule = outcome["overridden_by_rule"].as_array().unwrap();
    assert_eq!(by_rule.len(), 1, "{outcome:#}");
    assert_eq!(desk.ends_last_of(1)[0], "editor");
}

/// What `watch --json` told of a process, by the events' names.
fn events(watch: &Proc, pid: u32) -> Vec<String> {
    let told = watch.stdout_so_far();
    let all = told
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).unwrap());
    let of = all.filter(|e| e["pid"] == pid);
    of.map(|e| e["event"].as_str().unwrap().to_owned())
        .collect()
}

const FIREFOX: &str = "user_pref('browser.aboutwelcome.enabled', false);\n\
                       user_pref('browser.shell.checkDefaultBrowser', false);\n\
                       user_pref('browser.tabs.warnOnClose', false);\n\
                       user_pref('datareporting.policy.dataSubmissionEnabled', false);\n\
                       user_pref('toolkit.startup.max_resumed_crashes', -1);\n";

/// Firefox as a client of Wayland, which nobody can ask. Its process and that of its window.
fn firefox(desk: &Desk) -> (Proc, u32) {
    let Shown::Sway(sway) = &desk.shown else {
        unreachable!("this desk is sway's")
    };
    let settings = desk.sandbox.write("firefox/user.js", FIREFOX);
    let page = desk
        .sandbox
        .write("page.html", "<!doctype html><title>a page</title>");
    let mut command = std::process::Command::new("firefox-esr");
    command.args(["--no-remote", "--profile"]);
    command.arg(settings.parent().unwrap()).arg(page);
    command
        .env("MOZ_ENABLE_WAYLAND", "1")
        .env("GDK_BACKEND", "wayland");
    let process = desk.sandbox.spawn(command);
    let pid = sway
        .wait_for_window(LIMIT, |w| w.title.contains("a page"))
        .pid;
    (process, pid)
}

#[test]
fn firefox_ends_whole_on_sigterm_by_a_built_in_rule() {
    let desk = sway("");
    let (_firefox, pid) = firefox(&desk);
    desk.exits.watch("firefox", pid);
    let status = desk.status();
    let all = status["applications"].as_array().unwrap();
    let rule = &all.iter().find(|a| a["pid"] == pid).unwrap()["rule"];
    assert_eq!(
        (&rule["end_by"], &rule["from"]),
        (&json!("sigterm"), &json!(["built in"])),
        "{status:#}"
    );
    let (watch, _) = desk.watch_with(&["--json"]);
    let (code, _, errors) = desk.endsession(&["logoff", "--no-dialog"]);
    assert_eq!(code, 0, "{errors}");
    desk.ends_last_of(1);
    assert_eq!(events(&watch, pid), ["closing", "signalled", "gone"]);
}

#[test]
fn firefox_is_closed_window_by_window_where_the_users_rule_says_so() {
    let desk =
        sway("exit = \"10m\"\n[[application]]\napp-id = \"firefox-esr\"\nend-by = \"close\"\n");
    let (_firefox, pid) = firefox(&desk);
    desk.exits.watch("firefox", pid);
    let (watch, _) = desk.watch_with(&["--json"]);
    let (code, _, errors) = desk.endsession(&["logoff", "--no-dialog"]);
    assert_eq!(code, 0, "{errors}");
    desk.ends_last_of(1);
    assert_eq!(events(&watch, pid), ["closing", "gone"]);
}

#[test]
fn an_editor_ends_on_sigterm_where_the_users_rule_says_so() {
    let desk = sway("[[application]]\napp-id = \"mousepad\"\nend-by = \"sigterm\"\n");
    let editor = apps::mousepad(&desk.sandbox);
    desk.wait_for_window("Mousepad");
    let pid = editor.process().pid();
    desk.exits.watch("editor", pid);
    let (watch, _) = desk.watch_with(&["--json"]);
    let (code, _, errors) = desk.endsession(&["logoff"]);
    assert_eq!(code, 0, "{errors}");
    desk.ends_last_of(1);
    assert_eq!(events(&watch, pid), ["closing", "signalled", "gone"]);
}

//! Where the dialog is started, in which environment, and that it is no application.

use endsession_testkit::pty::Pty;
use endsession_testkit::session::{Sandbox, environ_of};
use endsession_testkit::wait::until_gone;
use serde_json::json;

use crate::desk::{LIMIT, Shown};
use crate::stand_in::{On, Stage, on_both};

on_both! {
    it_is_started_in_the_sessions_environment_and_closes_with_the_request;
    it_is_no_application_whatever_its_window_says;
    to_confirm_it_is_there_at_once_and_a_choice_answers;
    a_terminal_that_shows_it_is_enough_until_it_leaves;
    a_window_that_was_shown_is_told;
}

fn pid(of: &str) -> u32 {
    of.parse().unwrap()
}

fn it_is_started_in_the_sessions_environment_and_closes_with_the_request(on: On) {
    let stage = Stage::new(on, "shows");
    let holder = stage.holder();
    let logoff = stage.log_off();
    let dialog = pid(&stage.says("started"));
    stage.says("shown");
    let environment = environ_of(dialog);
    let has = |name: &str| environment.get(name).map(String::as_str);
    let display = match &stage.desk.shown {
        Shown::Sway(sway) => {
            let socket = stage.desk.sandbox.runtime_dir().join(sway.display());
            assert_eq!(has("WAYLAND_DISPLAY"), socket.to_str());
            assert_eq!(has("DISPLAY"), None, "it would start Xwayland");
            "WAYLAND_DISPLAY"
        }
        Shown::X11(_) => {
            let display = stage.desk.sandbox.env("DISPLAY").unwrap();
            assert_eq!(has("DISPLAY"), display.to_str());
            "DISPLAY"
        }
    };
    let bus = stage.desk.sandbox.env("DBUS_SESSION_BUS_ADDRESS").unwrap();
    let runtime = stage.desk.sandbox.runtime_dir();
    assert_eq!(has("DBUS_SESSION_BUS_ADDRESS"), bus.to_str(), "{display}");
    assert_eq!(has("XDG_RUNTIME_DIR"), runtime.to_str());
    assert_eq!(has("LANG"), Some("es_ES.UTF-8"));
    assert_eq!(has("ENDSESSION_LOG"), Some("debug"));
    assert_eq!(has("SESSION_MANAGER"), None, "it is no client");
    let request = stage.request();
    assert_eq!(
        (&request["shown"], &request["show"]),
        (&json!(true), &json!(true))
    );
    holder.uninhibit();
    stage.ends_with(&logoff, 0);
    stage.desk.ends_last_of(0);
    assert!(until_gone(dialog, LIMIT));
    assert_eq!(stage.starts(), 1);
}

fn it_is_no_application_whatever_its_window_says(on: On) {
    let stage = Stage::new(on, "window");
    let holder = stage.holder();
    let logoff = stage.log_off();
    let dialog = pid(&stage.says("started"));
    stage.says("shown");
    stage.desk.wait_for_window("* Dialog");
    let status = stage.desk.status();
    let ids: Vec<&serde_json::Value> = status["applications"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| &a["pid"])
        .collect();
    assert_eq!(ids, [&json!(holder.pid())], "{status:#}");
    assert_ne!(holder.pid(), dialog);
    assert_eq!(status["request"]["to_go"], 1);
    // What it is told comes from it: no terminal or bar is behind it.
    stage.desk.choose("cancel", None);
    stage.ends_with(&logoff, 1);
    assert!(until_gone(dialog, LIMIT));
    assert!(!stage.lines().iter().any(|l| l == "was closed"));
    holder.uninhibit();
}

fn to_confirm_it_is_there_at_once_and_a_choice_answers(on: On) {
    let stage = Stage::new(on, "shows");
    let logoff = stage.desk.command(&["logoff", "--confirm"]);
    stage.says("shown");
    assert_eq!(stage.request()["phase"], "confirming");
    // The user presses the key for it once more.
    let again = stage.desk.command(&["logoff", "--confirm"]);
    stage.says("joined");
    let (code, _, errors) = stage.desk.endsession(&["choose", "confirm"]);
    assert_eq!(code, 0, "{errors}");
    stage.ends_with(&logoff, 0);
    stage.ends_with(&again, 0);
    stage.desk.ends_last_of(0);
    assert_eq!(stage.starts(), 1);
}

fn a_terminal_that_shows_it_is_enough_until_it_leaves(on: On) {
    let stage = Stage::new(on, "shows");
    let holder = stage.holder();
    let mut terminal = Pty::spawn(&stage.desk.sandbox, ["endsession", "logoff"]);
    terminal.wait_for("These hold the session open:", LIMIT);
    // The manager has long said that it is to be shown: the view counts seconds.
    terminal.wait_for("(1 s)", LIMIT);
    assert_eq!(stage.starts(), 0);
    terminal.hang_up();
    stage.says("shown");
    holder.uninhibit();
    stage.desk.ends_last_of(0);
}

fn a_window_that_was_shown_is_told(on: On) {
    let stage = Stage::new(on, "shows");
    let holder = stage.holder();
    let logoff = stage.log_off();
    stage.says("shown");
    stage.desk.choose("show", Some(holder.pid()));
    stage.says("activated");
    stage.desk.choose("cancel", None);
    stage.ends_with(&logoff, 1);
}

#[test]
fn a_key_pressed_again_brings_the_dialog_whatever_else_shows_it() {
    let stage = Stage::new(On::X11, "shows");
    let _holder = stage.holder();
    let terminal = Pty::spawn(&stage.desk.sandbox, ["endsession", "logoff"]);
    terminal.wait_for("These hold the session open:", LIMIT);
    terminal.wait_for("(1 s)", LIMIT);
    assert_eq!(stage.starts(), 0);
    // Perhaps that terminal is on another workspace.
    let again = stage.log_off();
    stage.says("shown");
    stage.desk.choose("cancel", None);
    stage.ends_with(&again, 1);
}

#[test]
fn where_the_display_tells_no_process_its_name_tells_its_window() {
    let sandbox = Sandbox::new();
    sandbox.set_env("ENDSESSION_DISPLAY", "wlr-foreign-toplevel");
    let stage = Stage::new_in(&sandbox, On::Sway, "window");
    let _holder = stage.holder();
    let logoff = stage.log_off();
    let dialog = pid(&stage.says("started"));
    stage.says("shown");
    stage.desk.wait_for_window("* Dialog");
    let status = stage.desk.status();
    assert_eq!(status["display"], "wlr-foreign-toplevel");
    assert!(!status.to_string().contains("* Dialog"), "{status:#}");
    let environment = environ_of(dialog);
    assert!(environment["WAYLAND_DISPLAY"].starts_with('/'));
    stage.desk.choose("cancel", None);
    stage.ends_with(&logoff, 1);
}

#[test]
fn an_xwayland_is_named_once_it_runs_and_not_started_before() {
    let stage = Stage::new(On::Xwayland, "shows");
    let Shown::Sway(sway) = &stage.desk.shown else {
        unreachable!("this desk is sway's")
    };
    let holder = stage.holder();
    for runs in [false, true] {
        let from = stage.lines().iter().map(|l| l.len() + 1).sum();
        let logoff = stage.log_off();
        let dialog = pid(&stage.says_from(from, "started").0);
        stage.says_from(from, "shown");
        let named = environ_of(dialog).get("DISPLAY").cloned();
        let xwayland = runs.then(|| stage.desk.sandbox.env("DISPLAY").unwrap());
        assert_eq!(named.as_deref(), xwayland.as_ref().and_then(|d| d.to_str()));
        stage.desk.choose("cancel", None);
        stage.ends_with(&logoff, 1);
        assert!(until_gone(dialog, LIMIT));
        if !runs {
            sway.x11();
        }
    }
    drop(holder);
}

#[test]
fn what_was_chosen_is_shown_until_it_is_done() {
    let stage = Stage::new(On::X11, "shows");
    let _holder = stage.holder();
    let script = "import gi, signal\ngi.require_version('Gtk', '3.0')\nfrom gi.repository import Gtk\n\
                  w = Gtk.Window(title='stubborn')\nw.connect('delete-event', lambda *_: True)\n\
                  w.show_all()\nGtk.main()\n";
    let script = stage.desk.sandbox.write("stubborn.py", script);
    let stubborn = stage
        .desk
        .sandbox
        .spawn(["/usr/bin/python3", &script.display().to_string()]);
    stage.desk.wait_for_window("stubborn");
    let logoff = stage.log_off();
    stage.says("shown");
    assert_eq!(stage.desk.endsession(&["choose", "end-all"]).0, 0);
    // It has two seconds, in which the user sees that it is waited for.
    let request = stage.request();
    assert_eq!(request["forced"], true, "{request}");
    assert_eq!(request["show"], true, "{request}");
    assert!(request["to_go"].as_u64() > Some(0), "{request}");
    assert!(!stage.lines().iter().any(|l| l == "closes"));
    stage.ends_with(&logoff, 0);
    stubborn.wait_exit(LIMIT);
}

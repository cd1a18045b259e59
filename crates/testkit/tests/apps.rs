//! Real applications on both display kinds: their text is written and read back, their save dialogs
//! answered, and what a session manager says to them is seen.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod support;

use endsession_testkit::{
    apps::{self, Answer, App, Editor, GtkApp},
    bus::Bus,
    session::Sandbox,
    sway::{Config, Sway},
    x11::Xvfb,
};
use support::{LIMIT, Manager};

const TEXT: &str = "not saved yet: wörd\nand more";

fn on_x11(start: fn(&Sandbox) -> App) -> (Bus, Xvfb, App) {
    let sandbox = Sandbox::new();
    let bus = Bus::daemon_in(&sandbox);
    let xvfb = Xvfb::with_openbox_in(&sandbox);
    let app = start(&sandbox);
    app.write(TEXT);
    assert_eq!(app.text(), TEXT);
    (bus, xvfb, app)
}

fn on_sway(start: fn(&Sandbox) -> App) -> (Bus, Sway, App) {
    let sandbox = Sandbox::new();
    let bus = Bus::daemon_in(&sandbox);
    let sway = Sway::start_in(&sandbox, &Config::new());
    let app = start(&sandbox);
    app.write(TEXT);
    assert_eq!(app.text(), TEXT);
    (bus, sway, app)
}

#[test]
fn mousepad_on_x11_asks_before_it_closes() {
    let (_bus, xvfb, mousepad) = on_x11(apps::mousepad);
    let window = xvfb.wait_for_window(LIMIT, |window| window.title.starts_with('*'));
    assert_eq!(window.pid, Some(mousepad.process().pid()));
    xvfb.close(&window);
    let dialog = xvfb.wait_for_window(LIMIT, |dialog| dialog.transient_for == Some(window.id));
    mousepad.press("Cancel");
    xvfb.wait_for_windows(LIMIT, |windows| {
        windows.iter().all(|other| other.id != dialog.id)
    });
    assert_eq!(mousepad.text(), TEXT);
    xvfb.close(&window);
    mousepad.press("Don't Save");
    assert!(mousepad.process().wait_exit(LIMIT).success());
}

#[test]
fn mousepad_on_sway_asks_before_it_closes() {
    let (_bus, sway, mousepad) = on_sway(apps::mousepad);
    let window = sway.wait_for_window(LIMIT, |window| window.title.starts_with('*'));
    assert_eq!(window.pid, mousepad.process().pid());
    sway.close(&window);
    sway.wait_for_windows(LIMIT, |windows| windows.len() == 2);
    mousepad.press("Cancel");
    sway.wait_for_windows(LIMIT, |windows| windows.len() == 1);
    assert_eq!(mousepad.text(), TEXT);
    sway.close(&window);
    mousepad.press("Don't Save");
    assert!(mousepad.process().wait_exit(LIMIT).success());
}

#[test]
fn gedit_inhibits_once_it_is_modified() {
    let sandbox = Sandbox::new();
    let bus = Bus::daemon_in(&sandbox);
    let manager = Manager::start(&bus);
    let xvfb = Xvfb::with_openbox_in(&sandbox);
    let gedit = apps::gedit(&sandbox);
    gedit.write(TEXT);
    assert_eq!(manager.next("Inhibit").2, "There are unsaved documents");
    xvfb.wait_for_window(LIMIT, |window| window.title.starts_with('*'));
    assert_eq!(gedit.text(), TEXT);
}

#[test]
fn gedit_works_on_sway() {
    let (_bus, sway, _gedit) = on_sway(apps::gedit);
    sway.wait_for_window(LIMIT, |window| window.title.starts_with('*'));
}

#[test]
fn gnome_text_editor_on_x11_asks_before_it_closes() {
    let (_bus, xvfb, editor) = on_x11(apps::gnome_text_editor);
    let window = xvfb.wait_for_window(LIMIT, |window| window.title.contains("not saved"));
    xvfb.close(&window);
    xvfb.wait_for_windows(LIMIT, |windows| windows.len() == 2);
    editor.press("Cancel");
    xvfb.wait_for_windows(LIMIT, |windows| windows.len() == 1);
    assert_eq!(editor.text(), TEXT);
    xvfb.close(&window);
    xvfb.wait_for_windows(LIMIT, |windows| windows.len() == 2);
    editor.press("Discard");
    assert!(editor.process().wait_exit(LIMIT).success());
}

#[test]
fn gnome_text_editor_works_on_sway() {
    let (_bus, sway, _editor) = on_sway(apps::gnome_text_editor);
    sway.wait_for_window(LIMIT, |window| window.title.contains("not saved"));
}

#[test]
fn an_editor_that_another_program_started_is_reached() {
    let sandbox = Sandbox::new();
    let _bus = Bus::daemon_in(&sandbox);
    let config = Config::new().line("exec mousepad --disable-server");
    let sway = Sway::start_in(&sandbox, &config);
    let window = sway.wait_for_window(LIMIT, |window| window.app_id.contains("mousepad"));
    let mousepad = Editor::of(window.pid);
    sway.type_text(&window, "typed with keys");
    sway.wait_for_window(LIMIT, |window| window.title.starts_with('*'));
    mousepad.wait_for_text("typed with keys", LIMIT);
}

/// A GTK application that is registered, and what it is to the manager.
fn gtk(answer: Answer) -> (Bus, Xvfb, Manager, GtkApp, String, String) {
    let sandbox = Sandbox::new();
    let bus = Bus::daemon_in(&sandbox);
    let manager = Manager::start(&bus);
    let xvfb = Xvfb::with_openbox_in(&sandbox);
    let app = GtkApp::start(&sandbox, answer);
    // The first to register is the launcher of the accessibility bus, where that runs already.
    let (name, path) = loop {
        let (name, _, path) = manager.next("RegisterClient");
        if bus.pid_of(&name) == app.pid() {
            break (name, path);
        }
    };
    manager.tell(&name, &path, "QueryEndSession");
    app.wait_for_signal("QueryEndSession", LIMIT);
    app.wait_for_line("query-end", LIMIT);
    (bus, xvfb, manager, app, name, path)
}

#[test]
fn a_gtk_application_agrees_and_quits_when_told() {
    let (_bus, _xvfb, manager, app, name, path) = gtk(Answer::Agree);
    assert_eq!(manager.next("EndSessionResponse").2, "true ");
    manager.tell(&name, &path, "EndSession");
    app.wait_for_line("shutdown", LIMIT);
    assert!(app.wait_exit(LIMIT).success());
    let lines = app.lines();
    assert_eq!(lines[1..3], ["signal QueryEndSession (0,)", "query-end"]);
}

#[test]
fn a_gtk_application_inhibits_before_it_agrees() {
    let (_bus, _xvfb, manager, app, name, path) = gtk(Answer::Inhibit);
    let order = ["Inhibit", "EndSessionResponse"].map(|method| manager.next(method).2);
    assert_eq!(order, ["There are unsaved documents", "true "]);
    app.uninhibit();
    manager.next("Uninhibit");
    manager.tell(&name, &path, "CancelEndSession");
    app.wait_for_signal("CancelEndSession", LIMIT);
}

#[test]
fn a_gtk_application_ignores_until_it_answers() {
    let (_bus, _xvfb, manager, app, ..) = gtk(Answer::Ignore);
    assert!(manager.is_unanswered());
    app.answer();
    assert_eq!(manager.next("EndSessionResponse").2, "true ");
}

#[test]
fn a_gtk_application_hangs() {
    let (_bus, _xvfb, manager, app, name, path) = gtk(Answer::Hang);
    manager.tell(&name, &path, "EndSession");
    assert!(manager.is_unanswered() && app.is_alive());
}

//! A log-off on real displays with real applications: each test on headless sway and on Xvfb with
//! openbox.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../support/desk.rs"]
mod desk;
mod ends;
mod terminals;
mod wayland;

use desk::{Desk, LIMIT, end, wait_for_descendant};
use endsession_testkit::apps::{self, Answer, GtkApp};
use rustix::process::Signal;
use terminals::{
    a_job_under_nohup_is_listed_and_outlives_the_session,
    a_pipeline_holds_until_its_last_program_has_ended,
    a_terminal_within_a_terminal_is_what_runs_in_it, how_long_a_job_has_run_is_told,
    jobs_in_the_background_hold_it_too_until_each_has_ended, what_only_shows_holds_nothing,
};

const TEXT: &str = "not saved yet: wörd";

/// No application said that its display died under it.
#[track_caller]
fn kept_its_display(errors: &str) {
    for sign in [
        "Lost connection to Wayland",
        "Error reading events from display",
        "X connection to",
        "Broken pipe",
    ] {
        assert!(!errors.contains(sign), "{errors}");
    }
}

fn a_refused_log_off_names_the_application_and_loses_nothing(desk: &Desk) {
    let mousepad = apps::mousepad(&desk.sandbox);
    let terminal = desk.terminal();
    mousepad.write(TEXT);
    desk.wait_for_window("*");
    let (status, _, errors) = desk.endsession(&["logoff", "--no-dialog"]);
    assert_eq!(status, 1, "{errors}");
    let named = format!(
        "mousepad (pid {}): its window is still open",
        mousepad.process().pid()
    );
    assert!(errors.to_lowercase().contains(&named), "{errors}");
    mousepad.press("Cancel");
    assert_eq!(mousepad.text(), TEXT);
    assert!(
        terminal.is_alive(),
        "closed before the one with unsaved text had agreed"
    );
    assert!(desk.run.is_alive());
}

fn an_answered_save_dialog_lets_the_log_off_go_on(desk: &Desk) {
    let mousepad = apps::mousepad(&desk.sandbox);
    let terminal = desk.terminal();
    mousepad.write(TEXT);
    desk.wait_for_window("*");
    desk.exits.watch("mousepad", mousepad.process().pid());
    desk.exits.watch("terminal", terminal.pid());
    let logoff = desk.command(&["logoff"]);
    mousepad.press("Don't Save");
    assert_eq!(
        logoff.wait_exit(LIMIT).code(),
        Some(0),
        "{}",
        logoff.stderr_so_far()
    );
    assert_eq!(desk.ends_last_of(2), ["mousepad", "terminal", "compositor"]);
    kept_its_display(&mousepad.process().stderr_so_far());
    kept_its_display(&terminal.stderr_so_far());
}

fn a_cancelled_log_off_says_what_had_closed(desk: &Desk) {
    let mousepad = apps::mousepad(&desk.sandbox);
    mousepad.write(TEXT);
    desk.wait_for_window("*");
    let stubborn = stubborn(desk);
    let watch = desk.watch();
    let logoff = desk.command(&["logoff"]);
    mousepad.press("Don't Save");
    watch.wait_for_line("blocks: its window is still open: stubborn", LIMIT);
    assert_eq!(desk.endsession(&["cancel"]).0, 0);
    assert_eq!(logoff.wait_exit(LIMIT).code(), Some(1));
    let said = logoff.stderr_so_far();
    assert!(
        said.to_lowercase().contains("already closed: mousepad"),
        "{said}"
    );
    assert!(said.contains("Told to close, and still there: "), "{said}");
    assert!(stubborn.is_alive() && desk.run.is_alive());
}

fn force_ends_all(desk: &Desk) {
    let mousepad = apps::mousepad(&desk.sandbox);
    mousepad.write(TEXT);
    desk.wait_for_window("*");
    let stubborn = stubborn(desk);
    desk.exits.watch("mousepad", mousepad.process().pid());
    desk.exits.watch("stubborn", stubborn.pid());
    let logoff = desk.command(&["logoff", "--force"]);
    desk.ends_last_of(2);
    assert_eq!(
        logoff.wait_exit(LIMIT).code(),
        Some(0),
        "{}",
        logoff.stderr_so_far()
    );
    assert!(desk.windows_are_gone());
    kept_its_display(&mousepad.process().stderr_so_far());
    kept_its_display(&stubborn.stderr_so_far());
}

fn a_stopped_application_is_shown_and_can_be_ended_alone(desk: &Desk) {
    let mousepad = apps::mousepad(&desk.sandbox);
    let pid = mousepad.process().pid();
    let gtk = GtkApp::start(&desk.sandbox, Answer::Inhibit);
    mousepad.process().signal(Signal::STOP);
    let watch = desk.watch();
    let logoff = desk.command(&["logoff"]);
    // The inhibitor holds Asking; released, Closing begins and finds the stopped one.
    watch.wait_for_line("blocks", LIMIT);
    gtk.uninhibit();
    watch.wait_for_line("not responding", LIMIT);
    let (_, status, _) = desk.endsession(&["status"]);
    assert!(status.contains("not responding"), "{status}");
    assert!(gtk.is_alive());
    desk.choose("end-one", Some(pid));
    mousepad.process().wait_exit(LIMIT);
    assert_eq!(
        logoff.wait_exit(LIMIT).code(),
        Some(0),
        "{}",
        logoff.stderr_so_far()
    );
    assert!(desk.run.wait_exit(LIMIT).success());
}

fn an_application_that_crashes_counts_as_gone(desk: &Desk) {
    let mousepad = apps::mousepad(&desk.sandbox);
    mousepad.write(TEXT);
    desk.wait_for_window("*");
    let watch = desk.watch();
    let logoff = desk.command(&["logoff"]);
    watch.wait_for_line("blocks", LIMIT);
    mousepad.process().kill();
    assert_eq!(
        logoff.wait_exit(LIMIT).code(),
        Some(0),
        "{}",
        logoff.stderr_so_far()
    );
    assert!(desk.run.wait_exit(LIMIT).success());
}

fn a_gtk_application_agrees_and_is_told_to_end(desk: &Desk) {
    let gtk = GtkApp::start(&desk.sandbox, Answer::Agree);
    desk.wait_for_window("A GTK application");
    desk.exits.watch("gtk", gtk.pid());
    let (code, status, errors) = desk.endsession(&["status"]);
    assert_eq!(code, 0, "{errors}");
    let row = format!("(pid {}): org.gnome.SessionManager, window", gtk.pid());
    assert!(
        status.contains(&row),
        "one application through both channels: {status}"
    );
    assert_eq!(desk.endsession(&["logoff", "--no-dialog"]).0, 0);
    desk.ends_last_of(1);
    let lines = gtk.lines();
    let order: Vec<usize> = [
        "signal QueryEndSession",
        "query-end",
        "signal EndSession",
        "shutdown",
    ]
    .iter()
    .map(|line| {
        lines
            .iter()
            .position(|l| l.starts_with(line))
            .unwrap_or_else(|| panic!("{line}: {lines:?}"))
    })
    .collect();
    assert!(order.is_sorted(), "{lines:?}");
    assert!(
        !lines.iter().any(|l| l.contains("delete")),
        "its window was closed beside its vote: {lines:?}"
    );
    kept_its_display(&gtk.stderr_so_far());
}

fn an_inhibitor_taken_while_voting_blocks_until_it_is_released(desk: &Desk) {
    let gtk = GtkApp::start(&desk.sandbox, Answer::Inhibit);
    let mousepad = apps::mousepad(&desk.sandbox);
    let watch = desk.watch();
    let logoff = desk.command(&["logoff"]);
    watch.wait_for_line("blocks", LIMIT);
    assert!(
        mousepad.process().is_alive(),
        "closed before all had agreed"
    );
    gtk.uninhibit();
    assert_eq!(
        logoff.wait_exit(LIMIT).code(),
        Some(0),
        "{}",
        logoff.stderr_so_far()
    );
    assert!(desk.run.wait_exit(LIMIT).success());
}

fn gedit_whose_only_word_is_its_inhibitor_is_named_with_its_reason(desk: &Desk) {
    let gedit = apps::gedit(&desk.sandbox);
    gedit.write(TEXT);
    desk.wait_for_window("*");
    let (status, _, errors) = desk.endsession(&["logoff", "--no-dialog"]);
    assert_eq!(status, 1, "{errors}");
    assert!(errors.contains("There are unsaved documents"), "{errors}");
    assert!(errors.to_lowercase().contains("gedit (pid"), "{errors}");
    assert_eq!(gedit.text(), TEXT);
    assert!(gedit.process().is_alive());
}

fn a_status_typed_in_a_terminal_is_no_job(desk: &Desk) {
    let _terminal = desk.terminal();
    let file = desk.sandbox.home().join("status");
    let done = desk.sandbox.home().join("done");
    let line = format!(
        "endsession status --json > {}; touch {}\n",
        file.display(),
        done.display()
    );
    desk.type_into("terminal", &line);
    endsession_testkit::wait::for_entry(&desk.sandbox.home(), LIMIT, |name| name == "done");
    let status = std::fs::read_to_string(file).expect("the status is written");
    let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
    assert_eq!(status["blockers"], serde_json::json!([]), "{status}");
}

fn a_job_in_a_terminal_blocks_until_it_ends(desk: &Desk) {
    let terminal = desk.terminal();
    desk.type_into("terminal", "cat\n");
    let job = wait_for_descendant(terminal.pid(), "cat");
    let watch = desk.watch();
    let logoff = desk.command(&["logoff"]);
    watch.wait_for_line("is running: cat", LIMIT);
    assert!(terminal.is_alive());
    end(job);
    assert_eq!(
        logoff.wait_exit(LIMIT).code(),
        Some(0),
        "{}",
        logoff.stderr_so_far()
    );
    assert!(desk.run.wait_exit(LIMIT).success());
}

fn an_editor_goes_before_the_terminal_it_was_started_from(desk: &Desk) {
    let terminal = desk.terminal();
    desk.type_into("terminal", "mousepad --disable-server &\n");
    desk.wait_for_window("Mousepad");
    let pid = wait_for_descendant(terminal.pid(), "mousepad");
    let mousepad = apps::Editor::of(pid);
    mousepad.write(TEXT);
    desk.wait_for_window("*");
    desk.exits.watch("mousepad", pid);
    desk.exits.watch("terminal", terminal.pid());
    let logoff = desk.command(&["logoff"]);
    mousepad.press("Don't Save");
    assert_eq!(
        logoff.wait_exit(LIMIT).code(),
        Some(0),
        "{}",
        logoff.stderr_so_far()
    );
    assert_eq!(desk.ends_last_of(2), ["mousepad", "terminal", "compositor"]);
}

fn the_requesters_own_terminal_never_counts_and_goes_last(desk: &Desk) {
    let terminal = desk.terminal();
    let mousepad = apps::mousepad(&desk.sandbox);
    desk.exits.watch("mousepad", mousepad.process().pid());
    desk.exits.watch("terminal", terminal.pid());
    desk.type_into("terminal", "endsession logoff\n");
    assert_eq!(desk.ends_last_of(2), ["mousepad", "terminal", "compositor"]);
}

/// A window that closes for nobody.
fn stubborn(desk: &Desk) -> endsession_testkit::session::Proc {
    let script = "import gi\ngi.require_version('Gtk', '3.0')\nfrom gi.repository import Gtk\n\
                  w = Gtk.Window(title='stubborn')\nw.connect('delete-event', lambda *_: True)\n\
                  w.show_all()\nGtk.main()\n";
    let script = desk
        .sandbox
        .write("stubborn.py", script)
        .display()
        .to_string();
    let proc = desk.sandbox.spawn(["/usr/bin/python3", &script]);
    desk.wait_for_window("stubborn");
    proc
}

macro_rules! on_both {
    ($($behaviour:ident;)*) => {
        mod sway {
            $(#[test] fn $behaviour() { super::$behaviour(&super::Desk::sway()); })*
        }
        mod x11 {
            $(#[test] fn $behaviour() { super::$behaviour(&super::Desk::x11()); })*
        }
    };
}

on_both! {
    a_refused_log_off_names_the_application_and_loses_nothing;
    an_answered_save_dialog_lets_the_log_off_go_on;
    a_cancelled_log_off_says_what_had_closed;
    force_ends_all;
    a_stopped_application_is_shown_and_can_be_ended_alone;
    an_application_that_crashes_counts_as_gone;
    a_gtk_application_agrees_and_is_told_to_end;
    an_inhibitor_taken_while_voting_blocks_until_it_is_released;
    gedit_whose_only_word_is_its_inhibitor_is_named_with_its_reason;
    a_job_in_a_terminal_blocks_until_it_ends;
    a_job_under_nohup_is_listed_and_outlives_the_session;
    a_pipeline_holds_until_its_last_program_has_ended;
    a_terminal_within_a_terminal_is_what_runs_in_it;
    how_long_a_job_has_run_is_told;
    jobs_in_the_background_hold_it_too_until_each_has_ended;
    what_only_shows_holds_nothing;
    a_status_typed_in_a_terminal_is_no_job;
    an_editor_goes_before_the_terminal_it_was_started_from;
    the_requesters_own_terminal_never_counts_and_goes_last;
}

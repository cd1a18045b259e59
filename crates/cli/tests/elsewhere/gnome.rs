//! gnome-session 43, with a stand-in for GNOME Shell's dialog where one is needed.

use endsession_testkit::gnome_client::{GnomeClient, Manner};
use endsession_testkit::managers::{Managed, Shell};
use endsession_testkit::notifications::Notifications;
use rustix::process::Signal;

use crate::shared::{
    is_over, no_second_manager, outcome, points_to_the_owner, ready, refuses, start,
};
use crate::support::{LIMIT, endsession};

#[test]
fn a_session_of_which_everybody_agrees_is_over() {
    let gnome = ready(Managed::gnome());
    let client = GnomeClient::register(gnome.bus(), "editor", Manner::Agree);
    is_over(&endsession(gnome.sandbox(), &["logoff"]));
    gnome.wait_until_over(LIMIT);
    assert_eq!(client.members()[..2], ["QueryEndSession", "EndSession"]);
}

#[test]
fn who_blocks_is_named_and_a_cancel_in_the_shells_dialog_is_told() {
    let gnome = ready(Managed::gnome());
    let shell = Shell::on(gnome.bus());
    let holds = GnomeClient::register(gnome.bus(), "burner", Manner::Agree);
    holds.inhibit("burning a disc", 1);
    let _refuses = GnomeClient::register(gnome.bus(), "editor", Manner::Refuse("unsaved".into()));
    let command = start(gnome.sandbox(), &["logoff", "--json"]);
    assert_eq!(shell.wait_for_dialog(), 0);
    command.stderr().wait_for("editor", LIMIT);
    shell.cancel();
    let (said, status) = outcome(&command);
    assert_eq!(status, Some(1));
    assert_eq!(
        (said["outcome"].as_str(), said["by"].as_str()),
        (Some("cancelled"), Some("user"))
    );
    let mut blockers: Vec<_> = said["blockers"].as_array().unwrap().iter().collect();
    blockers.sort_by_key(|b| b["name"].as_str());
    let told = |at: usize| {
        let b = blockers[at];
        let text = |field: &str| b[field].as_str().unwrap().to_owned();
        (text("name"), text("kind"), text("reason"))
    };
    let row = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
    assert_eq!(told(0), row("editor", "refused", "unsaved"));
    assert_eq!(told(1), row("testkit", "inhibitor", "burning a disc"));
    assert_eq!(blockers[0]["pid"], std::process::id());
    let err = command.stderr_so_far();
    assert!(err.contains("testkit blocks: burning a disc"), "{err}");
    assert!(
        err.contains("GNOME asks about it in its own window."),
        "{err}"
    );
    assert!(gnome.process().is_alive());
}

#[test]
fn what_the_user_overrides_in_the_shells_dialog_is_told() {
    let gnome = ready(Managed::gnome());
    let shell = Shell::on(gnome.bus());
    let holds = GnomeClient::register(gnome.bus(), "burner", Manner::Agree);
    holds.inhibit("burning a disc", 1);
    let command = start(gnome.sandbox(), &["logoff", "--json"]);
    shell.wait_for_dialog();
    command.stderr().wait_for("testkit", LIMIT);
    shell.log_off();
    let (said, status) = outcome(&command);
    assert_eq!(status, Some(0));
    assert_eq!(said["outcome"], "over");
    assert_eq!(said["overridden"][0], "testkit");
    gnome.wait_until_over(LIMIT);
}

#[test]
fn force_asks_nobody() {
    let gnome = ready(Managed::gnome());
    let client = GnomeClient::register(gnome.bus(), "editor", Manner::Refuse("unsaved".into()));
    client.inhibit("unsaved", 1);
    is_over(&endsession(
        gnome.sandbox(),
        &["logoff", "--force", "--no-dialog"],
    ));
    gnome.wait_until_over(LIMIT);
}

#[test]
fn force_after_forces_what_still_blocks_and_a_missing_shell_is_told() {
    let gnome = ready(Managed::gnome());
    let client = GnomeClient::register(gnome.bus(), "editor", Manner::Agree);
    client.inhibit("unsaved", 1);
    let done = endsession(gnome.sandbox(), &["logoff", "--force-after", "3s"]);
    is_over(&done);
    assert!(done.err.contains("GNOME Shell does not run"), "{done:?}");
    assert!(
        done.err.contains("Ended over their objection: testkit."),
        "{done:?}"
    );
    gnome.wait_until_over(LIMIT);
}

#[test]
fn force_ends_what_is_under_way_already() {
    let gnome = ready(Managed::gnome());
    let client = GnomeClient::register(gnome.bus(), "editor", Manner::Agree);
    client.inhibit("unsaved", 1);
    let first = start(gnome.sandbox(), &["logoff"]);
    first.stderr().wait_for("testkit", LIMIT);
    let second = endsession(gnome.sandbox(), &["logoff"]);
    assert_eq!(second.code(), Some(1));
    assert_eq!(
        second.err,
        "endsession: GNOME's session manager is ending the session already; answer it in its own windows\n"
    );
    is_over(&endsession(gnome.sandbox(), &["logoff", "--force"]));
    assert_eq!(first.wait_exit(LIMIT).code(), Some(0));
}

#[test]
fn confirm_is_the_shells_own_question() {
    let gnome = ready(Managed::gnome());
    let shell = Shell::on(gnome.bus());
    let command = start(gnome.sandbox(), &["logoff", "--confirm", "--json"]);
    assert_eq!(shell.wait_for_dialog(), 0);
    shell.cancel();
    let (said, status) = outcome(&command);
    assert_eq!((said["by"].as_str(), status), (Some("user"), Some(1)));
    assert!(gnome.process().is_alive());
}

#[test]
fn menu_is_the_shells_own_dialog() {
    let gnome = ready(Managed::gnome());
    let shell = Shell::on(gnome.bus());
    let command = start(gnome.sandbox(), &["menu"]);
    assert_eq!(shell.wait_for_dialog(), 0);
    shell.log_off();
    assert_eq!(command.wait_exit(LIMIT).code(), Some(0));
    gnome.wait_until_over(LIMIT);
}

#[test]
fn a_terminal_that_is_lost_leaves_the_rest_to_the_manager() {
    let gnome = ready(Managed::gnome());
    let client = GnomeClient::register(gnome.bus(), "editor", Manner::Agree);
    client.inhibit("unsaved", 1);
    let command = start(gnome.sandbox(), &["logoff"]);
    command.stderr().wait_for("testkit", LIMIT);
    command.signal(Signal::HUP);
    assert_eq!(command.wait_exit(LIMIT).code(), Some(0));
    assert!(gnome.process().is_alive());
}

#[test]
fn an_interrupt_says_that_it_cannot_cancel() {
    let gnome = ready(Managed::gnome());
    let client = GnomeClient::register(gnome.bus(), "editor", Manner::Agree);
    client.inhibit("unsaved", 1);
    let command = start(gnome.sandbox(), &["logoff"]);
    command.stderr().wait_for("testkit", LIMIT);
    command.signal(Signal::INT);
    assert_eq!(command.wait_exit(LIMIT).code(), Some(1));
    command
        .stderr()
        .wait_for("takes no cancel from elsewhere", LIMIT);
}

#[test]
fn a_manager_that_is_killed_meanwhile_is_a_failure() {
    let gnome = ready(Managed::gnome());
    let client = GnomeClient::register(gnome.bus(), "editor", Manner::Agree);
    client.inhibit("unsaved", 1);
    let command = start(gnome.sandbox(), &["logoff"]);
    command.stderr().wait_for("testkit", LIMIT);
    gnome.process().kill();
    assert_eq!(command.wait_exit(LIMIT).code(), Some(1));
    command
        .stderr()
        .wait_for("left without having ended the session", LIMIT);
}

#[test]
fn a_manager_that_is_stopped_is_not_waited_for() {
    let gnome = ready(Managed::gnome());
    gnome.process().signal(Signal::STOP);
    let done = endsession(gnome.sandbox(), &["logoff"]);
    assert_eq!(done.code(), Some(3), "{done:?}");
    assert_eq!(
        done.err,
        "endsession: GNOME's session manager cannot be asked: org.gnome.SessionManager does not answer\n"
    );
}

#[test]
fn the_reason_is_shown_as_a_notification() {
    let gnome = ready(Managed::gnome());
    let daemon = Notifications::on(gnome.bus());
    let arguments = ["logoff", "--reason", "the disk is full"];
    is_over(&endsession(gnome.sandbox(), &arguments));
    let shown = daemon.all();
    assert_eq!(shown[0].body, "the disk is full");
    assert_eq!(shown[0].summary, "Logging off");
}

#[test]
fn what_the_machine_cannot_do_is_told_before_anybody_is_asked() {
    let gnome = ready(Managed::gnome());
    // There is no logind here.
    let done = endsession(gnome.sandbox(), &["restart"]);
    assert_eq!(done.code(), Some(2), "{done:?}");
    assert_eq!(
        done.err,
        "endsession: GNOME's session manager says that it cannot restart this machine\n"
    );
    assert!(gnome.process().is_alive());
}

#[test]
fn options_that_gnome_cannot_keep_are_refused() {
    let gnome = ready(Managed::gnome());
    refuses(
        gnome.sandbox(),
        &["logoff", "--timeout", "9s"],
        "GNOME's session manager has no way to cancel a log-off, so --timeout cannot be kept",
    );
    refuses(
        gnome.sandbox(),
        &["logoff", "--no-dialog"],
        "GNOME's session manager asks the user where something blocks, so --no-dialog cannot be kept",
    );
    assert!(gnome.process().is_alive());
}

#[test]
fn its_clients_and_inhibitors_are_in_the_status() {
    let gnome = ready(Managed::gnome());
    let client = GnomeClient::register(gnome.bus(), "editor", Manner::Agree);
    client.inhibit("unsaved", 1);
    client.inhibit("a film", 8);
    let done = endsession(gnome.sandbox(), &["status"]);
    assert_eq!(done.code(), Some(0), "{done:?}");
    let pid = gnome.process().pid();
    let owner = format!("GNOME's session manager (gnome-session-binary, pid {pid})");
    assert!(
        done.out.starts_with(&format!("Session: owned by {owner}")),
        "{}",
        done.out
    );
    let done = endsession(gnome.sandbox(), &["status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(status["owner"], owner);
    assert_eq!(status["manager_pid"], pid);
    let apps = status["applications"].as_array().unwrap();
    assert!(apps.iter().any(|a| a["name"] == "editor"), "{apps:#?}");
    assert_eq!(status["blockers"][0]["reason"], "unsaved");
    assert_eq!(status["other_inhibitors"][0]["what"][0], "idle");
    let holds = status["holds"].as_array().unwrap().iter();
    let mut holds: Vec<_> = holds
        .map(|h| format!("{} {}", h["reason"], h["what"]))
        .collect();
    holds.sort();
    assert_eq!(holds, ["\"a film\" [\"idle\"]", "\"unsaved\" [\"logoff\"]"]);
    points_to_the_owner(gnome.sandbox(), &owner);
    no_second_manager(gnome.sandbox(), "gnome-session-binary", pid);
}

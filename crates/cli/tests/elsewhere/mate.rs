//! mate-session 1.26, whose dialogs are its own.

use endsession_testkit::apps;
use endsession_testkit::gnome_client::{GnomeClient, Manner};
use endsession_testkit::managers::Managed;
use endsession_testkit::xsmp::{App, Choice};

use crate::shared::{
    dialog, is_over, no_second_manager, outcome, points_to_the_owner, ready, refuses, start,
};
use crate::support::{LIMIT, endsession};

#[test]
fn a_session_of_which_everybody_agrees_is_over() {
    let mate = ready(Managed::mate());
    let client = GnomeClient::register(mate.bus(), "editor", Manner::Agree);
    is_over(&endsession(mate.sandbox(), &["logoff"]));
    mate.wait_until_over(LIMIT);
    assert_eq!(client.members()[..2], ["QueryEndSession", "EndSession"]);
}

#[test]
fn what_an_application_has_unsaved_blocks_and_a_cancel_in_mates_dialog_is_told() {
    let mate = ready(Managed::mate());
    let gedit = apps::gedit(mate.sandbox());
    gedit.write("unsaved");
    let command = start(mate.sandbox(), &["logoff", "--json"]);
    let window = dialog(mate.xvfb(), mate.process());
    command
        .stderr()
        .wait_for("There are unsaved documents", LIMIT);
    mate.xvfb().close(&window);
    let (said, status) = outcome(&command);
    assert_eq!(status, Some(1));
    assert_eq!(
        (said["outcome"].as_str(), said["by"].as_str()),
        (Some("cancelled"), Some("user"))
    );
    assert_eq!(said["blockers"][0]["kind"], "inhibitor");
    assert_eq!(said["blockers"][0]["reason"], "There are unsaved documents");
    assert!(gedit.process().is_alive());
}

#[test]
fn a_blocker_that_clears_lets_the_log_off_go_on() {
    let mate = ready(Managed::mate());
    let client = GnomeClient::register(mate.bus(), "editor", Manner::Agree);
    let cookie = client.inhibit("unsaved", 1);
    let command = start(mate.sandbox(), &["logoff"]);
    dialog(mate.xvfb(), mate.process());
    command.stderr().wait_for("testkit blocks: unsaved", LIMIT);
    client.uninhibit(cookie);
    assert_eq!(command.wait_exit(LIMIT).code(), Some(0));
    command.stderr().wait_for("testkit no longer blocks", LIMIT);
    mate.wait_until_over(LIMIT);
}

#[test]
fn who_refuses_is_told_although_a_cancel_takes_it_back() {
    let mate = ready(Managed::mate());
    let _client = GnomeClient::register(mate.bus(), "editor", Manner::Refuse("unsaved".into()));
    let command = start(mate.sandbox(), &["logoff", "--json"]);
    let window = dialog(mate.xvfb(), mate.process());
    command.stderr().wait_for("editor", LIMIT);
    mate.xvfb().close(&window);
    let (said, status) = outcome(&command);
    assert_eq!(status, Some(1));
    assert_eq!(said["blockers"][0]["name"], "editor");
    assert_eq!(said["blockers"][0]["pid"], std::process::id());
}

#[test]
fn a_cancel_in_the_dialog_of_an_xsmp_client_is_told() {
    let mate = ready(Managed::mate());
    mate.serve_xsmp();
    let featherpad = App::featherpad(mate.sandbox());
    featherpad.wait_for_registration(LIMIT);
    featherpad.modify("unsaved");
    let command = start(mate.sandbox(), &["logoff", "--json"]);
    featherpad.wait_for_dialog(LIMIT);
    command.stderr().wait_for("featherpad", LIMIT);
    featherpad.answer(Choice::Cancel);
    let (said, status) = outcome(&command);
    assert_eq!(status, Some(1));
    assert_eq!(said["outcome"], "cancelled");
    assert_eq!(said["blockers"][0]["name"], "featherpad", "{said:#}");
    assert!(featherpad.is_alive());
}

#[test]
fn force_asks_nobody_and_tells_who_holds_the_session_even_so() {
    let mate = ready(Managed::mate());
    let client = GnomeClient::register(mate.bus(), "editor", Manner::Refuse("unsaved".into()));
    let cookie = client.inhibit("unsaved", 1);
    // MATE's own force stops at inhibitors: rather than in its dialog it ends here.
    let done = endsession(mate.sandbox(), &["logoff", "--force"]);
    assert_eq!(done.code(), Some(1), "{done:?}");
    assert!(
        done.err
            .ends_with("The log-off was refused.\n  testkit: unsaved\n"),
        "{done:?}"
    );
    assert_eq!(client.members(), [""; 0]);
    client.uninhibit(cookie);
    is_over(&endsession(mate.sandbox(), &["logoff", "--force"]));
    mate.wait_until_over(LIMIT);
}

#[test]
fn a_no_to_mates_own_question_is_a_cancel_although_mate_tells_nobody() {
    let mate = ready(Managed::mate());
    let command = start(mate.sandbox(), &["logoff", "--confirm", "--json"]);
    let window = dialog(mate.xvfb(), mate.process());
    mate.xvfb().close(&window);
    let (said, status) = outcome(&command);
    assert_eq!((said["by"].as_str(), status), (Some("user"), Some(1)));
    assert!(mate.process().is_alive());
    // It was cancelled in truth: the next one begins anew.
    is_over(&endsession(mate.sandbox(), &["logoff"]));
}

#[test]
fn a_question_whose_no_could_not_be_known_is_not_asked() {
    let mate = ready(Managed::mate());
    let display = mate.sandbox().env("DISPLAY").unwrap();
    mate.sandbox().unset_env("DISPLAY");
    let done = endsession(mate.sandbox(), &["logoff", "--confirm"]);
    assert_eq!(done.code(), Some(3), "{done:?}");
    assert!(done.err.contains("without --confirm"), "{done:?}");
    mate.sandbox().set_env("DISPLAY", display);
    assert_eq!(mate.xvfb().titles(), [""; 0]);
}

#[test]
fn a_yes_to_mates_own_question_ends_the_session() {
    let mate = ready(Managed::mate());
    let command = start(mate.sandbox(), &["menu"]);
    let window = dialog(mate.xvfb(), mate.process());
    mate.xvfb().press(&window, &["Return"]);
    assert_eq!(command.wait_exit(LIMIT).code(), Some(0));
    mate.wait_until_over(LIMIT);
}

#[test]
fn options_that_mate_cannot_keep_are_refused() {
    let mate = ready(Managed::mate());
    refuses(
        mate.sandbox(),
        &["logoff", "--force-after", "9s"],
        "MATE's session manager cannot be told to force a log-off that is under way, so --force-after cannot be kept",
    );
    refuses(
        mate.sandbox(),
        &["logoff", "--force-if-hung"],
        "MATE's session manager does not tell which applications are not responding, so --force-if-hung cannot be \
         kept",
    );
    let pid = mate.process().pid();
    let owner = format!("MATE's session manager (mate-session, pid {pid})");
    points_to_the_owner(mate.sandbox(), &owner);
    no_second_manager(mate.sandbox(), "mate-session", pid);
}

#[test]
fn what_the_machine_cannot_do_is_told_before_anybody_is_asked() {
    let mate = ready(Managed::mate());
    // There is no logind here.
    let done = endsession(mate.sandbox(), &["poweroff"]);
    assert_eq!(done.code(), Some(2), "{done:?}");
    assert_eq!(
        done.err,
        "endsession: MATE's session manager says that it cannot power off this machine\n"
    );
    assert!(mate.process().is_alive());
}

//! cinnamon-session 5.6, whose dialogs are its own.

use endsession_testkit::gnome_client::{GnomeClient, Manner};
use endsession_testkit::managers::Managed;

use crate::shared::{
    dialog, is_over, no_second_manager, outcome, points_to_the_owner, ready, start,
};
use crate::support::{LIMIT, endsession};

#[test]
fn a_session_of_which_everybody_agrees_is_over() {
    let cinnamon = ready(Managed::cinnamon());
    let client = GnomeClient::register(cinnamon.bus(), "editor", Manner::Agree);
    is_over(&endsession(cinnamon.sandbox(), &["logoff"]));
    cinnamon.wait_until_over(LIMIT);
    assert_eq!(client.members()[..2], ["QueryEndSession", "EndSession"]);
}

#[test]
fn who_blocks_is_named_and_a_cancel_in_cinnamons_dialog_is_told() {
    let cinnamon = ready(Managed::cinnamon());
    let client = GnomeClient::register(cinnamon.bus(), "editor", Manner::Agree);
    client.inhibit("unsaved", 1);
    let command = start(cinnamon.sandbox(), &["logoff", "--json"]);
    let window = dialog(cinnamon.xvfb(), cinnamon.process());
    command.stderr().wait_for("testkit blocks: unsaved", LIMIT);
    cinnamon.xvfb().close(&window);
    let (said, status) = outcome(&command);
    assert_eq!(status, Some(1));
    assert_eq!(said["by"], "user");
    assert_eq!(said["blockers"][0]["reason"], "unsaved");
}

#[test]
fn force_asks_nobody() {
    let cinnamon = ready(Managed::cinnamon());
    let client = GnomeClient::register(cinnamon.bus(), "editor", Manner::Refuse("no".into()));
    client.inhibit("unsaved", 1);
    is_over(&endsession(cinnamon.sandbox(), &["logoff", "--force"]));
    cinnamon.wait_until_over(LIMIT);
}

#[test]
fn a_no_to_cinnamons_own_question_is_a_cancel_although_cinnamon_tells_nobody() {
    let cinnamon = ready(Managed::cinnamon());
    let command = start(cinnamon.sandbox(), &["logoff", "--confirm", "--json"]);
    let window = dialog(cinnamon.xvfb(), cinnamon.process());
    cinnamon.xvfb().close(&window);
    let (said, status) = outcome(&command);
    assert_eq!((said["by"].as_str(), status), (Some("user"), Some(1)));
    let pid = cinnamon.process().pid();
    let owner = format!("Cinnamon's session manager (cinnamon-session, pid {pid})");
    points_to_the_owner(cinnamon.sandbox(), &owner);
    no_second_manager(cinnamon.sandbox(), "cinnamon-session", pid);
}

#[test]
fn a_yes_to_cinnamons_own_question_ends_the_session() {
    let cinnamon = ready(Managed::cinnamon());
    let command = start(cinnamon.sandbox(), &["logoff", "--confirm"]);
    let window = dialog(cinnamon.xvfb(), cinnamon.process());
    cinnamon.xvfb().press(&window, &["Return"]);
    assert_eq!(command.wait_exit(LIMIT).code(), Some(0));
    cinnamon.wait_until_over(LIMIT);
}

#[test]
fn what_the_machine_cannot_do_is_told_before_anybody_is_asked() {
    let cinnamon = ready(Managed::cinnamon());
    // There is no logind here.
    let done = endsession(cinnamon.sandbox(), &["restart"]);
    assert_eq!(done.code(), Some(2), "{done:?}");
    assert_eq!(
        done.err,
        "endsession: Cinnamon's session manager says that it cannot restart this machine\n"
    );
    assert!(cinnamon.process().is_alive());
}

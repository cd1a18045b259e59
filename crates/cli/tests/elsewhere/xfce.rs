//! xfce4-session 4.18, whose clients speak XSMP.

use endsession_testkit::xsmp::{App, Choice, Xfce};

use crate::shared::{
    install, is_over, no_second_manager, outcome, points_to_the_owner, refuses, start,
};
use crate::support::{LIMIT, endsession, run, until};

fn ready(xfce: Xfce) -> Xfce {
    install(xfce.sandbox());
    xfce
}

/// Its dialog bypasses the window manager, and takes the keyboard; an invisible window before it
/// does, too.
fn wait_for_dialog(xfce: &Xfce) {
    // It fails, too, where a window goes while it looks.
    let search = "xdotool search --onlyvisible --class xfce4-session";
    let search: Vec<_> = search.split(' ').collect();
    until(|| run(xfce.sandbox(), &search).code() == Some(0));
    until(|| xfce.xvfb().keyboard_is_grabbed());
}

#[test]
fn a_session_of_which_everybody_agrees_is_over() {
    let xfce = ready(Xfce::start());
    is_over(&endsession(xfce.sandbox(), &["logoff"]));
    xfce.wait_until_over(LIMIT);
}

#[test]
fn a_cancel_in_an_applications_own_dialog_is_told_with_its_name() {
    let xfce = ready(Xfce::start());
    let featherpad = App::featherpad(xfce.sandbox());
    xfce.wait_for_client(LIMIT);
    featherpad.modify("unsaved");
    let command = start(xfce.sandbox(), &["logoff", "--json"]);
    featherpad.wait_for_dialog(LIMIT);
    // Qt does not say which process it is.
    command
        .stderr()
        .wait_for("featherpad is asking the user", LIMIT);
    featherpad.answer(Choice::Cancel);
    let (said, status) = outcome(&command);
    assert_eq!(status, Some(1));
    assert_eq!(
        (said["outcome"].as_str(), said["by"].as_str()),
        (Some("cancelled"), Some("application"))
    );
    assert_eq!(said["why"], "featherpad");
    assert!(xfce.process().is_alive() && featherpad.is_alive());
}

#[test]
fn a_discard_in_an_applications_own_dialog_ends_the_session() {
    let xfce = ready(Xfce::start());
    let featherpad = App::featherpad(xfce.sandbox());
    xfce.wait_for_client(LIMIT);
    featherpad.modify("unsaved");
    let command = start(xfce.sandbox(), &["logoff"]);
    featherpad.wait_for_dialog(LIMIT);
    featherpad.answer(Choice::Discard);
    assert_eq!(command.wait_exit(LIMIT).code(), Some(0));
    xfce.wait_until_over(LIMIT);
}

#[test]
fn a_no_to_xfces_own_question_is_a_cancel_although_xfce_tells_nobody() {
    let xfce = ready(Xfce::start_that_asks());
    let command = start(xfce.sandbox(), &["logoff", "--confirm", "--json"]);
    wait_for_dialog(&xfce);
    xfce.xvfb().press_key(&["Escape"]);
    let (said, status) = outcome(&command);
    assert_eq!((said["by"].as_str(), status), (Some("user"), Some(1)));
    assert!(xfce.process().is_alive());
    is_over(&endsession(xfce.sandbox(), &["logoff"]));
}

#[test]
fn a_yes_to_xfces_own_question_ends_the_session() {
    let xfce = ready(Xfce::start_that_asks());
    let command = start(xfce.sandbox(), &["menu"]);
    wait_for_dialog(&xfce);
    xfce.xvfb().press_key(&["Return"]);
    assert_eq!(command.wait_exit(LIMIT).code(), Some(0));
    xfce.wait_until_over(LIMIT);
}

#[test]
fn what_xfce_cannot_do_is_refused_before_anybody_is_asked() {
    let xfce = ready(Xfce::start());
    refuses(
        xfce.sandbox(),
        &["logoff", "--force"],
        "Xfce's session manager has no log-off that asks nobody, so --force cannot be kept",
    );
    refuses(
        xfce.sandbox(),
        &["logoff", "--no-dialog"],
        "Xfce's session manager lets applications ask the user, so --no-dialog cannot be kept",
    );
    let pid = xfce.process().pid();
    let owner = format!("Xfce's session manager (xfce4-session, pid {pid})");
    points_to_the_owner(xfce.sandbox(), &owner);
    no_second_manager(xfce.sandbox(), "xfce4-session", pid);
    assert!(xfce.process().is_alive());
}

#[test]
fn its_clients_are_in_the_status() {
    let xfce = ready(Xfce::start());
    let done = endsession(xfce.sandbox(), &["status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    let apps = status["applications"].as_array().unwrap();
    let one = apps.iter().find(|a| a["name"] == "xfsettingsd");
    assert_eq!(one.unwrap()["protocols"][0], "xsmp", "{apps:#?}");
}

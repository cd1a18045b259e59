//! Stand-ins for ksmserver, plasma-shutdown and its greeter.

use endsession_testkit::managers::Plasma;
use endsession_testkit::session::Sandbox;

use crate::shared::{outcome, refuses, start};
use crate::support::{LIMIT, sandbox};

fn plasma() -> (Sandbox, Plasma) {
    let sandbox = sandbox();
    let plasma = Plasma::start(&sandbox);
    (sandbox, plasma)
}

#[test]
fn a_session_that_everybody_agrees_to_end_is_over() {
    let (sandbox, plasma) = plasma();
    let command = start(&sandbox, &["logoff", "--json"]);
    assert_eq!(plasma.shutdown_comes(), "logout");
    plasma.shutdown_leaves(true);
    plasma.ends();
    let (said, status) = outcome(&command);
    assert_eq!((said["outcome"].as_str(), status), (Some("over"), Some(0)));
}

#[test]
fn a_restart_is_asked_for_in_its_own_words() {
    let (sandbox, plasma) = plasma();
    let command = start(&sandbox, &["restart"]);
    assert_eq!(plasma.shutdown_comes(), "logoutAndReboot");
    plasma.shutdown_leaves(false);
    assert_eq!(command.wait_exit(LIMIT).code(), Some(1));
    let command = start(&sandbox, &["poweroff", "--confirm"]);
    assert_eq!(plasma.prompt_comes(), "promptShutDown");
    plasma.prompt_leaves(false);
    assert_eq!(command.wait_exit(LIMIT).code(), Some(1));
}

#[test]
fn a_cancel_is_told_when_plasma_shutdown_has_left() {
    let (sandbox, plasma) = plasma();
    let command = start(&sandbox, &["logoff", "--json"]);
    plasma.shutdown_comes();
    plasma.shutdown_leaves(false);
    let (said, status) = outcome(&command);
    assert_eq!((said["by"].as_str(), status), (Some("user"), Some(1)));
}

#[test]
fn confirm_is_the_greeters_own_question() {
    let (sandbox, plasma) = plasma();
    let command = start(&sandbox, &["logoff", "--confirm", "--json"]);
    assert_eq!(plasma.prompt_comes(), "promptLogout");
    plasma.prompt_leaves(true);
    plasma.shutdown_leaves(true);
    plasma.ends();
    assert_eq!(outcome(&command).1, Some(0));
}

#[test]
fn a_no_in_the_greeter_is_a_cancel() {
    let (sandbox, plasma) = plasma();
    let command = start(&sandbox, &["menu"]);
    assert_eq!(plasma.prompt_comes(), "promptLogout");
    plasma.prompt_leaves(false);
    assert_eq!(command.wait_exit(LIMIT).code(), Some(1));
    command
        .stderr()
        .wait_for("The log-off was cancelled.", LIMIT);
}

#[test]
fn plasma_has_no_log_off_by_force() {
    let (sandbox, _plasma) = plasma();
    refuses(
        &sandbox,
        &["logoff", "--force"],
        "KDE Plasma's session manager has no log-off that asks nobody, so --force cannot be kept",
    );
}

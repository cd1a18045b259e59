//! `endsession hold` where another manager owns the session: its command is what that manager shows as the reason, and waits for.

use endsession_testkit::managers::{Managed, Shell};
use endsession_testkit::session::{Proc, Sandbox};

use crate::shared::{dialog, outcome, ready, start};
use crate::support::{LIMIT, endsession, until};

/// `endsession hold` around a command that ends with its input, once the manager knows of it.
#[track_caller]
fn held(sandbox: &Sandbox) -> Proc {
    let words = ["endsession", "hold", "--why", "copying photos", "--", "cat"];
    let hold = sandbox.spawn_with_input(words);
    until(|| {
        let status = endsession(sandbox, &["status", "--json"]);
        status.out.contains("\"copying photos\"")
    });
    hold
}

#[test]
fn mates_log_off_waits_for_the_command() {
    let mate = ready(Managed::mate());
    let hold = held(mate.sandbox());
    let command = start(mate.sandbox(), &["logoff"]);
    dialog(mate.xvfb(), mate.process());
    command.stderr().wait_for("copying photos", LIMIT);
    hold.close_input();
    assert_eq!(hold.wait_exit(LIMIT).code(), Some(0));
    assert_eq!(command.wait_exit(LIMIT).code(), Some(0));
    mate.wait_until_over(LIMIT);
    assert_eq!(hold.stderr_so_far(), "");
}

#[test]
fn gnomes_log_off_names_the_command() {
    let gnome = ready(Managed::gnome());
    let shell = Shell::on(gnome.bus());
    let hold = held(gnome.sandbox());
    let command = start(gnome.sandbox(), &["logoff", "--json"]);
    assert_eq!(shell.wait_for_dialog(), 0);
    command.stderr().wait_for("copying photos", LIMIT);
    shell.cancel();
    let (said, status) = outcome(&command);
    assert_eq!(status, Some(1));
    let blocker = &said["blockers"][0];
    assert_eq!(blocker["name"], "cat", "{said}");
    assert_eq!(blocker["reason"], "copying photos", "{said}");
    assert!(hold.is_alive());
    hold.close_input();
    assert_eq!(hold.wait_exit(LIMIT).code(), Some(0));
}

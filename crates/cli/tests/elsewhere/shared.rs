//! What every desktop's tests share: a session with the command installed, and what holds for each.

use endsession_testkit::managers::Managed;
use endsession_testkit::session::{Proc, Sandbox};
use endsession_testkit::x11::{Window, Xvfb};
use serde_json::Value;

use crate::support::{Done, LIMIT, endsession};

/// The session with the command in its `PATH`.
pub(crate) fn ready(managed: Managed) -> Managed {
    install(managed.sandbox());
    managed
}

pub(crate) fn install(sandbox: &Sandbox) {
    sandbox.install(env!("CARGO_BIN_EXE_endsession").as_ref());
}

/// A command that goes on while the test does something.
#[track_caller]
pub(crate) fn start(sandbox: &Sandbox, arguments: &[&str]) -> Proc {
    sandbox.spawn([&["endsession"], arguments].concat())
}

/// Its outcome, as `--json` printed it, and its exit status.
#[track_caller]
pub(crate) fn outcome(command: &Proc) -> (Value, Option<i32>) {
    let status = command.wait_exit(LIMIT);
    let out = command.stdout_so_far();
    let json = serde_json::from_str(&out)
        .unwrap_or_else(|e| panic!("{e}: {out:?}, {}", command.stderr_so_far()));
    (json, status.code())
}

/// A window of the manager's own.
#[track_caller]
pub(crate) fn dialog(xvfb: &Xvfb, manager: &Proc) -> Window {
    xvfb.wait_for_window(LIMIT, |w| w.pid == Some(manager.pid()))
}

/// What can only be done elsewhere is said with the owner's name, and nothing happens.
#[track_caller]
pub(crate) fn points_to_the_owner(sandbox: &Sandbox, owner: &str) {
    let commands: [&[&str]; 3] = [&["cancel"], &["watch"], &["choose", "end-all"]];
    for command in commands {
        let done = endsession(sandbox, command);
        assert_eq!(done.code(), Some(3), "{command:?}: {done:?}");
        let said =
            format!("endsession: {owner} owns this session, not endsession: its own windows");
        assert!(done.err.starts_with(&said), "{command:?}: {done:?}");
        assert_eq!(done.err.lines().count(), 1, "{command:?}: {done:?}");
    }
}

/// `endsession manager` does not start beside it, and names it.
#[track_caller]
pub(crate) fn no_second_manager(sandbox: &Sandbox, program: &str, pid: u32) {
    let done = endsession(sandbox, &["manager"]);
    assert_eq!(done.code(), Some(3), "{done:?}");
    let said = format!("endsession: {program} (pid {pid}) already manages this session");
    assert!(done.err.contains(&said), "{done:?}");
}

/// An option that cannot be kept is refused before anybody is asked.
#[track_caller]
pub(crate) fn refuses(sandbox: &Sandbox, arguments: &[&str], sentence: &str) {
    let done = endsession(sandbox, arguments);
    assert_eq!(done.code(), Some(2), "{arguments:?}: {done:?}");
    assert_eq!(done.err, format!("endsession: {sentence}\n"));
}

#[track_caller]
pub(crate) fn is_over(done: &Done) {
    assert_eq!(done.code(), Some(0), "{done:?}");
    assert!(
        done.err.contains("The session has ended.\n"),
        "{}",
        done.err
    );
}

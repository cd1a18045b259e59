//! Compositors and window managers as Debian ships them.

use endsession_testkit::phoc::Phoc;
use endsession_testkit::session::Sandbox;
use endsession_testkit::sway::{self, Sway};
use endsession_testkit::wait::for_entry;
use endsession_testkit::weston::Weston;
use endsession_testkit::x11::Xvfb;

use crate::session::{LIMIT, Session};

#[test]
fn sway_is_told_over_its_ipc_when_its_applications_have_gone() {
    let sway = Sway::start();
    let session = Session::around(sway.sandbox());
    let foot = sway.sandbox().spawn(["foot"]);
    sway.wait_for_window(LIMIT, |w| w.pid == foot.pid());
    assert_eq!(session.shown_by().as_deref(), Some("sway"));
    assert!(session.can_log_off());
    session.exits.watch("foot", foot.pid());
    session.exits.watch("sway", sway.pid());
    assert_eq!(session.logs_off(2), ["foot", "sway"]);
    session.ended_as("sway", sway.pid());
    assert!(sway.process().unwrap().wait_exit(LIMIT).success());
}

#[test]
fn i3_is_told_over_its_ipc() {
    let xvfb = Xvfb::with_i3();
    let i3 = xvfb.window_manager().unwrap();
    let session = Session::around(xvfb.sandbox());
    let xterm = xvfb.sandbox().spawn(["xterm"]);
    xvfb.wait_for_window(LIMIT, |w| w.pid == Some(xterm.pid()));
    assert_eq!(session.shown_by().as_deref(), Some("i3"));
    session.exits.watch("xterm", xterm.pid());
    session.exits.watch("i3", i3.pid());
    assert_eq!(session.logs_off(2), ["xterm", "i3"]);
    session.ended_as("i3", i3.pid());
    assert!(i3.wait_exit(LIMIT).success());
    assert!(
        xvfb.process().is_alive(),
        "the server is whoever's who started it"
    );
}

#[test]
fn openbox_is_told_as_its_own_command_does() {
    let xvfb = Xvfb::with_openbox();
    let openbox = xvfb.openbox().unwrap();
    let session = Session::around(xvfb.sandbox());
    let xterm = xvfb.sandbox().spawn(["xterm"]);
    xvfb.wait_for_window(LIMIT, |w| w.pid == Some(xterm.pid()));
    assert_eq!(session.shown_by().as_deref(), Some("openbox"));
    session.exits.watch("xterm", xterm.pid());
    session.exits.watch("openbox", openbox.pid());
    assert_eq!(session.logs_off(2), ["xterm", "openbox"]);
    session.ended_as("openbox", openbox.pid());
    assert!(openbox.wait_exit(LIMIT).success());
}

#[test]
fn another_compositor_is_found_by_who_answers_at_its_socket() {
    let phoc = Phoc::start();
    let session = Session::around(phoc.sandbox());
    let foot = phoc.sandbox().spawn(["foot"]);
    phoc.wait_for_toplevels(LIMIT, |windows| windows.iter().any(|w| w.app_id == "foot"));
    assert_eq!(session.shown_by().as_deref(), Some("phoc"));
    session.exits.watch("foot", foot.pid());
    let pid = phoc.process().unwrap().pid();
    session.exits.watch("phoc", pid);
    // Its windows have no process that is known: gone they are, and foot may yet be about to go.
    session.logs_off(2);
    session.ended_as("wayland", pid);
}

/// weston lists no windows to others, so that only force ends it.
#[test]
fn a_compositor_that_shows_no_windows_to_others_is_ended_by_force_alone() {
    let weston = Weston::start();
    let session = Session::around(weston.sandbox());
    assert_eq!(session.shown_by().as_deref(), Some("weston"));
    session.cannot_log_off(1, "cannot be seen");
    session.exits.watch("weston", weston.process().pid());
    let (code, _, errors) = session.endsession(&["logoff", "--force"]);
    assert_eq!(code, 0, "{errors}{}", session.said());
    // It may go as soon as its own shell has, which is of the session.
    session.exits.wait_for(1, LIMIT);
}

#[test]
fn cage_is_ended_by_force_alone_too() {
    let sandbox = Sandbox::new();
    sway::prepare(&sandbox);
    let cage = sandbox.spawn(["cage", "--", "sleep", "infinity"]);
    for_entry(&sandbox.runtime_dir(), LIMIT, |name| name == "wayland-0");
    sandbox.set_env("WAYLAND_DISPLAY", "wayland-0");
    let session = Session::around(&sandbox);
    assert_eq!(session.shown_by().as_deref(), Some("cage"));
    session.exits.watch("cage", cage.pid());
    let (code, _, errors) = session.endsession(&["logoff", "--force"]);
    assert_eq!(code, 0, "{errors}{}", session.said());
    session.exits.wait_for(1, LIMIT);
    session.ended_as("wayland", cage.pid());
}

#[test]
fn a_window_manager_that_tells_nobody_who_it_is_ends_with_its_server() {
    let xvfb = Xvfb::start();
    let twm = xvfb.sandbox().spawn(["twm"]);
    let session = Session::around(xvfb.sandbox());
    session.exits.watch("twm", twm.pid());
    session.exits.watch("Xvfb", xvfb.process().pid());
    assert_eq!(session.shown_by().as_deref(), Some("Xvfb"));
    session.logs_off(2);
    session.ended_as("x11", xvfb.process().pid());
}

#[test]
fn any_window_manager_that_says_who_it_is_is_ended_and_not_its_server() {
    let xvfb = Xvfb::start();
    let manager = xvfb.sandbox().spawn(["matchbox-window-manager"]);
    xvfb.wait_for_window_manager(LIMIT);
    let session = Session::around(xvfb.sandbox());
    session.exits.watch("manager", manager.pid());
    assert_eq!(
        session.shown_by().as_deref(),
        Some("matchbox-window-manager")
    );
    session.logs_off(1);
    session.ended_as("x11", manager.pid());
    assert!(xvfb.process().is_alive());
}

#[test]
fn an_x_server_without_a_window_manager_is_ended_itself() {
    let xvfb = Xvfb::start();
    let session = Session::around(xvfb.sandbox());
    let xterm = xvfb.sandbox().spawn(["xterm"]);
    xvfb.wait_for_window(LIMIT, |w| w.pid == Some(xterm.pid()));
    session.exits.watch("xterm", xterm.pid());
    session.exits.watch("Xvfb", xvfb.process().pid());
    assert_eq!(session.logs_off(2), ["xterm", "Xvfb"]);
    session.ended_as("x11", xvfb.process().pid());
}

#[test]
fn another_users_x_server_is_nobodys_to_end() {
    // The server is the test's own user's, who is root where this differs from the sandbox's.
    let theirs = Sandbox::as_caller();
    let xvfb = Xvfb::start_in(&theirs);
    let ours = Sandbox::new();
    if ours.uid() == theirs.uid() {
        return endsession_testkit::machine::not_run("only root can be two users");
    }
    ours.set_env("DISPLAY", xvfb.display());
    let session = Session::around(&ours);
    assert_eq!(session.shown_by(), None);
    session.cannot_log_off(3, "another user's process");
    assert!(xvfb.process().is_alive());
}

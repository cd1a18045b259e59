//! What is ended is the process that answers, and no other that a socket or a variable may name.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use endsession_testkit::fake_compositor::{FakeCompositor, Fault, Kind};
use endsession_testkit::phoc::Phoc;
use endsession_testkit::session::Sandbox;
use endsession_testkit::sway::Sway;
use endsession_testkit::wait::for_entry;
use endsession_testkit::x11::Xvfb;

use crate::session::{LIMIT, Session};

/// The test's own user may be another than the sandbox's.
fn open_to_all(socket: &Path) {
    std::fs::set_permissions(socket, Permissions::from_mode(0o777)).unwrap();
}

/// weston takes its socket from systemd, here from a stand-in that cannot be told from it: whoever
/// asks the socket for its peer is told of the listener.
#[test]
fn a_compositor_that_was_passed_its_socket_is_ended_and_not_who_listened() {
    let sandbox = Sandbox::new();
    let script = sandbox.write("listener.py", include_str!("listener.py"));
    let socket = sandbox.runtime_dir().join("wayland-passed");
    let listener = sandbox.spawn([
        "/usr/bin/python3",
        script.to_str().unwrap(),
        socket.to_str().unwrap(),
        "weston",
        "--backend=headless-backend.so",
        "--modules=systemd-notify.so",
        "--socket=weston-own",
        "--idle-time=0",
    ]);
    let weston: u32 = listener.wait_for_line("", LIMIT).trim().parse().unwrap();
    sandbox.set_env("WAYLAND_DISPLAY", "wayland-passed");
    let session = Session::around(&sandbox);
    assert_eq!(session.shown_by().as_deref(), Some("weston"));
    session.exits.watch("weston", weston);
    // It lists no windows to others, so that nothing but force ends it.
    let (code, _, errors) = session.endsession(&["logoff", "--force"]);
    assert_eq!(code, 0, "{errors}{}", session.said());
    session.exits.wait_for(1, LIMIT);
    session.ended_as("wayland", weston);
    listener.wait_for_line("ended", LIMIT);
    assert!(listener.is_alive());
}

#[test]
fn sway_below_a_shell_is_ended_and_not_the_shell() {
    let sandbox = Sandbox::new();
    endsession_testkit::sway::prepare(&sandbox);
    let config = endsession_testkit::sway::Config::new().write(&sandbox);
    let line = format!("sway -c {}; echo ended; sleep 1000", config.display());
    let shell = sandbox.spawn(["sh", "-c", &line]);
    let sway = Sway::attach(&sandbox);
    let session = Session::around(&sandbox);
    session.exits.watch("sway", sway.pid());
    session.logs_off(1);
    session.ended_as("sway", sway.pid());
    shell.wait_for_line("ended", LIMIT);
    assert!(shell.is_alive());
}

#[test]
fn variables_that_name_two_sessions_end_neither() {
    let sway = Sway::start();
    let phoc = Phoc::start();
    let sandbox = sway.sandbox();
    let other = phoc.sandbox().runtime_dir().join(phoc.display());
    sandbox.set_env("WAYLAND_DISPLAY", other);
    let session = Session::around(sandbox);
    session.cannot_log_off(3, "the displays of two sessions");
    assert!(sway.process().unwrap().is_alive() && phoc.process().unwrap().is_alive());
}

#[test]
fn a_stale_socket_of_sway_leads_to_the_display_that_is_there() {
    let phoc = Phoc::start();
    let sandbox = phoc.sandbox();
    let stale = sandbox.runtime_dir().join("sway-ipc.stale.sock");
    drop(UnixListener::bind(&stale).unwrap());
    open_to_all(&stale);
    sandbox.set_env("SWAYSOCK", &stale);
    let session = Session::around(sandbox);
    let pid = phoc.process().unwrap().pid();
    session.exits.watch("phoc", pid);
    session.logs_off(1);
    session.ended_as("wayland", pid);
}

#[test]
fn a_stale_display_is_named_and_nothing_is_touched() {
    let sandbox = Sandbox::new();
    let stale = sandbox.runtime_dir().join("wayland-9");
    drop(UnixListener::bind(&stale).unwrap());
    open_to_all(&stale);
    sandbox.set_env("WAYLAND_DISPLAY", &stale);
    let session = Session::around(&sandbox);
    assert_eq!(session.shown_by(), None);
    session.cannot_log_off(3, "wayland-9: Connection refused");
}

#[test]
fn a_display_that_answers_nonsense_is_named_and_nothing_is_touched() {
    let sandbox = Sandbox::new();
    let path = sandbox.runtime_dir().join("wayland-9");
    let listener = UnixListener::bind(&path).unwrap();
    sandbox.set_env("WAYLAND_DISPLAY", &path);
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            use std::io::Write as _;
            let mut stream = stream.unwrap();
            let _gone = stream.write_all(b"220 mail.example.org ESMTP\r\n");
            open.push(stream);
        }
    });
    let session = Session::around(&sandbox);
    session.cannot_log_off(3, "makes no sense");
}

#[test]
fn without_a_display_the_reason_says_so() {
    let session = Session::around(&Sandbox::new());
    assert!(!session.can_log_off());
    session.cannot_log_off(3, "no display of this session is known");
}

#[test]
fn in_an_xwayland_alone_it_is_the_compositor_that_ends() {
    let sandbox = Sandbox::new();
    let config = endsession_testkit::sway::Config::new().with_xwayland();
    let sway = Sway::start_in(&sandbox, &config);
    sway.x11();
    let xterm = sandbox.spawn(["xterm"]);
    sway.wait_for_window(LIMIT, |w| w.title.contains("xterm") || w.pid == xterm.pid());
    // As in a tmux that was told of the X display alone.
    sandbox.unset_env("WAYLAND_DISPLAY");
    sandbox.unset_env("SWAYSOCK");
    let session = Session::around(&sandbox);
    assert_eq!(session.shown_by().as_deref(), Some("sway"));
    session.exits.watch("xterm", xterm.pid());
    session.exits.watch("sway", sway.pid());
    assert_eq!(session.logs_off(2), ["xterm", "sway"]);
    session.ended_as("sway", sway.pid());
}

#[test]
fn what_is_set_is_used_and_has_to_fit() {
    let phoc = Phoc::start();
    let session = Session::with(phoc.sandbox(), "[session]\ncompositor = \"sway\"");
    let pid = phoc.process().unwrap().pid();
    let why = format!("said to be shown by sway and is shown by phoc (pid {pid})");
    session.cannot_log_off(3, &why);
    drop(session);
    phoc.sandbox().set_env("ENDSESSION_COMPOSITOR", "process");
    let session = Session::with(phoc.sandbox(), "[session]\ncompositor = \"sway\"");
    session.exits.watch("phoc", pid);
    session.logs_off(1);
    session.ended_as("process", pid);
}

#[test]
fn a_name_that_is_none_is_refused_with_those_that_are() {
    let xvfb = Xvfb::start();
    xvfb.sandbox().set_env("ENDSESSION_COMPOSITOR", "kwin");
    let session = Session::around(xvfb.sandbox());
    session.cannot_log_off(3, "\"kwin\", which is none of sway, i3,");
}

#[test]
fn a_compositor_that_ends_by_itself_ends_the_request_and_the_session() {
    let sandbox = Sandbox::new();
    let fake = FakeCompositor::start_in(&sandbox, Kind::Plain, Fault::None);
    let session = Session::around(&sandbox);
    let bus = sandbox.env("DBUS_SESSION_BUS_ADDRESS").unwrap();
    let client = endsession_testkit::gnome_client::GnomeClient::register_on(
        bus.to_str().unwrap(),
        sandbox.uid(),
        "editor",
        endsession_testkit::gnome_client::Manner::Silent,
    )
    .unwrap();
    let logoff = sandbox.spawn(["endsession", "logoff"]);
    client.wait_for("QueryEndSession", LIMIT);
    fake.process().kill();
    // What is left has its time, and nothing hangs.
    client.wait_for("EndSession", LIMIT);
    assert_eq!(
        logoff.wait_exit(LIMIT).code(),
        Some(0),
        "{}",
        session.said()
    );
    assert_eq!(session.manager.wait_exit(LIMIT).code(), Some(0));
}

#[test]
fn a_manager_ends_with_the_display_also_while_nothing_is_under_way() {
    let phoc = Phoc::start();
    let session = Session::around(phoc.sandbox());
    // It knows by then what shows the session.
    assert_eq!(session.shown_by().as_deref(), Some("phoc"));
    phoc.process().unwrap().kill();
    assert_eq!(
        session.manager.wait_exit(LIMIT).code(),
        Some(0),
        "{}",
        session.said()
    );
}

#[test]
fn a_window_manager_may_be_replaced_while_a_log_off_waits() {
    let xvfb = Xvfb::with_openbox();
    let session = Session::around(xvfb.sandbox());
    let bus = session.sandbox.env("DBUS_SESSION_BUS_ADDRESS").unwrap();
    let client = endsession_testkit::gnome_client::GnomeClient::register_on(
        bus.to_str().unwrap(),
        session.sandbox.uid(),
        "editor",
        endsession_testkit::gnome_client::Manner::Silent,
    )
    .unwrap();
    let logoff = session.sandbox.spawn(["endsession", "logoff"]);
    client.wait_for("QueryEndSession", LIMIT);
    let up = session.sandbox.runtime_dir().join("openbox-is-up");
    let touch = format!("touch {}", up.display());
    let second = session
        .sandbox
        .spawn(["openbox", "--replace", "--startup", &touch]);
    let first = xvfb.openbox().unwrap();
    first.wait_exit(LIMIT);
    // While it starts it forgets what it is told.
    for_entry(&session.sandbox.runtime_dir(), LIMIT, |name| {
        name == "openbox-is-up"
    });
    assert!(logoff.is_alive() && session.manager.is_alive());
    session.exits.watch("second", second.pid());
    client.leave();
    assert_eq!(
        logoff.wait_exit(LIMIT).code(),
        Some(0),
        "{}",
        session.said()
    );
    session.exits.wait_for(1, LIMIT);
    session.ended_as("openbox", second.pid());
    assert!(xvfb.process().is_alive());
}

/// Both are known by their program alone: phoc goes by their names here.
#[test]
fn labwc_and_wayfire_are_signalled_as_their_own_commands_would() {
    for name in ["labwc", "wayfire"] {
        let sandbox = Sandbox::new();
        let phoc = Phoc::called_in(&sandbox, name);
        let session = Session::around(&sandbox);
        assert_eq!(session.shown_by().as_deref(), Some(name));
        let pid = phoc.process().unwrap().pid();
        session.exits.watch(name, pid);
        session.logs_off(1);
        session.ended_as(name, pid);
    }
}

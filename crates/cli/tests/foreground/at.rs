//! `--display` and `--session`: a session of this machine, from outside of it.

use std::path::Path;

use endsession_testkit::apps;
use endsession_testkit::machine::Machine;
use endsession_testkit::pty::Pty;
use endsession_testkit::wait;

use super::{LIMIT, Session, TEXT, endsession, leaves_no_manager, sandbox};

/// The words that run a command as from cron: with nothing of the session in its environment.
fn from_outside<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let unset = [
        "env",
        "-u",
        "DISPLAY",
        "-u",
        "WAYLAND_DISPLAY",
        "-u",
        "SWAYSOCK",
        "-u",
        "DBUS_SESSION_BUS_ADDRESS",
        "endsession",
    ];
    [&unset[..], words].concat()
}

fn a_session_is_ended_from_outside(session: impl Fn(&super::Sandbox) -> Session, display: &str) {
    let (sandbox, _bus) = sandbox();
    let session = session(&sandbox);
    let mousepad = apps::mousepad(&sandbox);
    mousepad.write(TEXT);
    session.wait_for_window("*");
    let display = sandbox.env(display).unwrap();
    let display = display.to_string_lossy();
    let asked = ["logoff", "--no-dialog", "--display", &display];
    let asked = sandbox.spawn(from_outside(&asked));
    let status = asked.wait_exit(LIMIT);
    let errors = asked.stderr_so_far();
    assert_eq!(status.code(), Some(1), "{errors}");
    assert!(errors.to_lowercase().contains("mousepad (pid"), "{errors}");
    mousepad.press("Cancel");
    assert_eq!(mousepad.text(), TEXT);

    let compositor = session.compositor();
    let display = format!("--display={display}");
    let forced = ["logoff", &display, "--force-after", "1s"];
    let forced = sandbox.spawn(from_outside(&forced));
    assert_eq!(
        forced.wait_exit(LIMIT).code(),
        Some(0),
        "{}",
        forced.stderr_so_far()
    );
    assert!(wait::until_gone(compositor, LIMIT));
    leaves_no_manager(&sandbox);
}

#[test]
fn a_wayland_session_is_ended_from_outside() {
    a_session_is_ended_from_outside(Session::sway, "WAYLAND_DISPLAY");
}

#[test]
fn an_x_session_is_ended_from_outside() {
    a_session_is_ended_from_outside(Session::openbox, "DISPLAY");
}

/// Whoever comes from outside is not the user at the session's screen: that one is shown it there.
#[test]
fn a_terminal_outside_is_not_where_the_sessions_user_looks() {
    let (sandbox, _bus) = sandbox();
    let session = Session::openbox(&sandbox);
    let shown = sandbox.home().join("shown");
    let script = format!("touch {}; exec sleep 1000", shown.display());
    sandbox.write(
        ".config/endsession/config.toml",
        format!("[dialog]\ncommand = [\"sh\", \"-c\", \"{script}\"]\n"),
    );
    let mousepad = apps::mousepad(&sandbox);
    mousepad.write(TEXT);
    session.wait_for_window("*");
    let display = format!("--display={}", sandbox.env("DISPLAY").unwrap().display());
    let terminal = Pty::spawn(&sandbox, from_outside(&["logoff", &display]));
    wait::for_entry(&sandbox.home(), LIMIT, |name| name == "shown");
    terminal.wait_for("Mousepad (pid", LIMIT);
    let cancel = sandbox.spawn(from_outside(&["cancel", &display]));
    assert!(cancel.wait_exit(LIMIT).success());
    assert_eq!(cancel.stderr_so_far(), "The log-off was cancelled.\n");
    let status = terminal.wait_exit(LIMIT);
    assert_eq!(status.code(), Some(1), "{}", terminal.text());
    // No keys are offered there.
    assert!(
        !terminal.text().contains("c: cancel"),
        "{}",
        terminal.text()
    );
    leaves_no_manager(&sandbox);
}

#[test]
fn a_session_that_is_not_there_is_an_error_that_names_those_that_are() {
    let (sandbox, _bus) = sandbox();
    let session = Session::sway(&sandbox);
    let display = sandbox.env("WAYLAND_DISPLAY").unwrap();
    let display = Path::new(&display).file_name().unwrap().to_string_lossy();
    for option in ["--display=:4711", "--session=no-such"] {
        for command in ["logoff", "status", "cancel", "watch"] {
            let (status, out, errors) = endsession(&sandbox, &[command, option]);
            assert_eq!(status, 3, "{errors}");
            assert!(out.is_empty(), "{out}");
            assert!(errors.contains(&*display), "{errors}");
        }
    }
    assert!(wait::is_alive(session.compositor()));
}

/// A real login, as logind knows it, and root who is outside of it.
#[test]
fn root_ends_a_users_session_by_its_login() {
    let Some(machine) = Machine::boot() else {
        return;
    };
    machine.install(Path::new(env!("CARGO_BIN_EXE_endsession")));
    let script = "export WLR_BACKENDS=headless WLR_LIBINPUT_NO_DEVICES=1 WLR_RENDERER=pixman
        echo 'exec foot /share/job' >sway.conf
        echo 'touch /share/foot; exec sleep 1000' >/share/job; chmod +x /share/job
        endsession run -- sway -c sway.conf
        echo $? >/share/ended";
    let login = machine.login("alice", "gui", script);
    wait::for_entry(&machine.share(), LIMIT, |name| name == "foot");
    let status = machine.exec(["endsession", "status", "--session", login.session()]);
    let status = status.success();
    assert!(status.contains("foot"), "{status}");
    // The job in the terminal is one that a log-off would end.
    let asked = [
        "endsession",
        "logoff",
        "--no-dialog",
        "--session",
        login.session(),
    ];
    let asked = machine.exec(asked);
    assert_eq!(asked.code, Some(1), "{asked:?}");
    assert!(asked.stderr.contains("foot"), "{asked:?}");
    let bob = machine.exec_as(
        "bob",
        ["endsession", "logoff", "--session", login.session()],
    );
    assert_eq!(bob.code, Some(3), "{bob:?}");
    let forced = [
        "endsession",
        "logoff",
        "--force-after=1s",
        "--session",
        login.session(),
    ];
    let forced = machine.exec(forced);
    assert_eq!(forced.code, Some(0), "{forced:?}");
    wait::for_entry(&machine.share(), LIMIT, |name| name == "ended");
    let ended = std::fs::read_to_string(machine.share().join("ended")).unwrap();
    assert_eq!(ended.trim(), "0");
}

//! Where there is no session, or not one alone: the command says in one sentence why, ends with
//! status 3, and has touched nothing.

use std::os::unix::net::UnixListener;

use endsession_testkit::machine::not_run;
use endsession_testkit::session::Sandbox;
use endsession_testkit::sway::{Config, Sway};
use endsession_testkit::wait;
use endsession_testkit::weston::Weston;
use endsession_testkit::x11::Xvfb;

use super::{LIMIT, Session, endsession, managers, sandbox};

/// Refused with one sentence, which has these words.
#[track_caller]
fn says(sandbox: &Sandbox, words: &[&str]) {
    let (status, out, errors) = endsession(sandbox, &["logoff"]);
    assert_eq!(status, 3, "{errors}");
    assert_eq!(out, "");
    assert_eq!(errors.lines().count(), 1, "{errors}");
    for word in words {
        assert!(errors.contains(word), "{word:?} is not in: {errors}");
    }
    assert!(managers(sandbox).is_empty());
}

#[test]
fn no_display() {
    let (sandbox, _bus) = sandbox();
    says(&sandbox, &["WAYLAND_DISPLAY", "DISPLAY", "ssh", "cron"]);
    sandbox.unset_env("DBUS_SESSION_BUS_ADDRESS");
    says(&sandbox, &["WAYLAND_DISPLAY", "DISPLAY"]);
}

#[test]
fn a_display_that_is_not_there_any_more() {
    let (sandbox, _bus) = sandbox();
    sandbox.set_env("WAYLAND_DISPLAY", "wayland-7");
    says(&sandbox, &["wayland-7", "not there"]);
    // As a compositor leaves it that was killed.
    drop(UnixListener::bind(sandbox.runtime_dir().join("wayland-7")).unwrap());
    says(&sandbox, &["wayland-7", "not there"]);
    sandbox.unset_env("WAYLAND_DISPLAY");
    sandbox.set_env("DISPLAY", ":4711");
    says(&sandbox, &[":4711", "not there"]);
    sandbox.set_env("DISPLAY", "localhost:10.0");
    says(&sandbox, &["localhost:10", "another machine"]);
    sandbox.set_env("DISPLAY", "nonsense");
    says(&sandbox, &["nonsense"]);
}

#[test]
fn a_wayland_display_without_its_directory() {
    let (sandbox, _bus) = sandbox();
    sandbox.set_env("WAYLAND_DISPLAY", "wayland-1");
    sandbox.unset_env("XDG_RUNTIME_DIR");
    says(&sandbox, &["wayland-1", "XDG_RUNTIME_DIR"]);
}

#[test]
fn a_socket_that_never_answers() {
    let (sandbox, _bus) = sandbox();
    let path = sandbox.runtime_dir().join("wayland-7");
    let silent = "import socket, sys, time\n\
                  listener = socket.socket(socket.AF_UNIX)\n\
                  listener.bind(sys.argv[1])\n\
                  listener.listen()\n\
                  print('listens', flush=True)\n\
                  time.sleep(1000)";
    let silent = ["python3", "-c", silent, &path.display().to_string()];
    let silent = sandbox.spawn(silent);
    silent.wait_for_line("listens", LIMIT);
    sandbox.set_env("WAYLAND_DISPLAY", "wayland-7");
    says(&sandbox, &["wayland-7", "no answer"]);
    assert!(silent.is_alive());
}

#[test]
fn two_displays_that_are_two_sessions() {
    let (sandbox, _bus) = sandbox();
    let sway = Session::sway(&sandbox);
    let xvfb = Xvfb::with_openbox_in(&sandbox);
    says(&sandbox, &[xvfb.display(), "two sessions", "--display"]);
    assert!(wait::is_alive(sway.compositor()));
    // Each of them can be named.
    let (status, _, errors) = endsession(&sandbox, &["logoff", "--display", xvfb.display()]);
    assert_eq!(status, 0, "{errors}");
    assert!(wait::until_gone(
        xvfb.window_manager().unwrap().pid(),
        LIMIT
    ));
    assert!(wait::is_alive(sway.compositor()));
}

#[test]
fn a_compositor_in_a_window_is_the_session_that_is_meant() {
    let (sandbox, _bus) = sandbox();
    let outer = Xvfb::with_openbox_in(&sandbox);
    let inner = Sway::nested_in(&outer, 1, &Config::new());
    // Both are named, as in a terminal of the inner one.
    sandbox.set_env("DISPLAY", outer.display());
    let (status, _, errors) = endsession(&sandbox, &["logoff"]);
    assert_eq!(status, 0, "{errors}");
    assert!(wait::until_gone(inner.pid(), LIMIT));
    assert!(outer.window_manager().unwrap().is_alive());
}

#[test]
fn a_compositor_that_tells_nobody_of_its_windows() {
    let (sandbox, _bus) = sandbox();
    let weston = Weston::start_in(&sandbox);
    says(&sandbox, &["windows", "--force"]);
    // What has no --force does not name it, and what only looks can still tell.
    let (status, _, errors) = endsession(&sandbox, &["menu"]);
    assert_eq!(status, 3, "{errors}");
    assert!(errors.contains("`endsession logoff`"), "{errors}");
    assert!(!errors.contains("--force"), "{errors}");
    let (status, out, errors) = endsession(&sandbox, &["status"]);
    assert_eq!(status, 0, "{errors}");
    assert!(out.contains("Request: none under way"), "{out}");
    super::leaves_no_manager(&sandbox);
    assert!(weston.process().is_alive());
    let (status, _, errors) = endsession(&sandbox, &["logoff", "--force"]);
    assert_eq!(status, 0, "{errors}");
    assert!(wait::until_gone(weston.process().pid(), LIMIT));
}

/// A multiplexer keeps the environment of the session that it was started in.
#[test]
fn a_multiplexer_that_outlived_its_session() {
    let (sandbox, _bus) = sandbox();
    let session = Session::sway(&sandbox);
    let tmux = |words: &[&str]| {
        let socket = sandbox.dir().join("tmp/tmux").display().to_string();
        let words = [&["tmux", "-S", &socket, "-f", "/dev/null"], words].concat();
        let ran = sandbox.spawn(words);
        assert!(ran.wait_exit(LIMIT).success(), "{}", ran.stderr_so_far());
    };
    tmux(&["new-session", "-d", "sh"]);
    tmux(&["new-window", "-d", "-n", "work", "sleep 4242"]);
    let work = || {
        let all = sandbox.processes().into_iter();
        let argument = |pid: &u32| {
            std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|c| c == b"sleep\x004242\0")
        };
        all.filter(argument).count()
    };
    let typed = |line: &str| tmux(&["send-keys", line, "Enter"]);
    let file = |name: &str| sandbox.home().join(name);
    // From within it the session is ended, and it is no part of that.
    typed(&format!(
        "endsession logoff; echo $? >{}",
        file("first").display()
    ));
    wait::for_entry(&sandbox.home(), LIMIT, |name| name == "first");
    assert!(wait::until_gone(session.compositor(), LIMIT));
    assert!(work() > 0, "what runs beside it outlives the session too");
    typed(&format!(
        "endsession logoff 2>{}; echo $? >{}",
        file("errors").display(),
        file("second").display()
    ));
    wait::for_entry(&sandbox.home(), LIMIT, |name| name == "second");
    let read = |name: &str| std::fs::read_to_string(file(name)).unwrap();
    assert_eq!(read("first").trim(), "0");
    assert_eq!(read("second").trim(), "3");
    assert!(read("errors").contains("not there"), "{}", read("errors"));
    tmux(&["kill-server"]);
}

fn sandbox_is_of_the_caller() -> bool {
    Sandbox::new().uid() == rustix::process::getuid().as_raw()
}

#[test]
fn another_users_display() {
    if sandbox_is_of_the_caller() {
        return not_run("only root can be another user than that of the session");
    }
    let (sandbox, _bus) = sandbox();
    let session = Session::sway(&sandbox);
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_endsession"))
        .arg("logoff")
        .env_clear()
        .env("WAYLAND_DISPLAY", sandbox.env("WAYLAND_DISPLAY").unwrap())
        .env("XDG_RUNTIME_DIR", sandbox.runtime_dir())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{errors}");
    assert!(errors.contains("of user"), "{errors}");
    assert!(wait::is_alive(session.compositor()));
}

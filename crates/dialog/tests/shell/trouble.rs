//! Displays that are not there, say nothing, or do not listen.

use std::{
    os::unix::net::UnixListener,
    time::{Duration, Instant},
};

use endsession_dialog::shell::{Form, ShellError, Target};
use endsession_testkit::{sway::Sway, x11::Xvfb};

use crate::support::client::{Client, wayland};

#[track_caller]
fn error(target: &Target) -> ShellError {
    match Client::try_open(target, Form::Sheet, (10.0, 10.0)) {
        Ok(_) => panic!("it opened"),
        Err(error) => error,
    }
}

#[test]
fn no_display_is_an_error() {
    assert!(matches!(error(&Target::default()), ShellError::NoDisplay));
}

#[test]
fn a_display_that_is_not_there_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let found = error(&wayland(&dir.path().join("nothing")));
    assert!(matches!(found, ShellError::Unreachable { .. }), "{found}");
    let x11 = Target {
        wayland: None,
        x11: Some(":7654".to_owned()),
    };
    let found = error(&x11);
    assert!(matches!(found, ShellError::Unreachable { .. }), "{found}");
}

#[test]
fn a_display_that_says_nothing_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("silent");
    let _silent = UnixListener::bind(&path).unwrap();
    let x11 = Target {
        wayland: None,
        x11: Some(path.to_str().unwrap().to_owned()),
    };
    for target in [wayland(&path), x11] {
        let start = Instant::now();
        let found = error(&target);
        assert!(matches!(found, ShellError::Unreachable { .. }), "{found}");
        assert!(start.elapsed() < Duration::from_secs(8));
    }
}

/// Asks for all that there is, of a display that is stopped: nothing waits, and the window counts
/// as not seen.
#[track_caller]
fn does_not_wait(client: &mut Client, stop: impl FnOnce()) {
    stop();
    let start = Instant::now();
    for round in 1..50 {
        let side = 100.0 + round as f32;
        client.resize((side, side));
        client.shell.set_title("Another");
        client.shell.set_form(Form::Strip);
        client.shell.set_form(Form::Sheet);
    }
    assert!(start.elapsed() < Duration::from_secs(5), "something waited");
}

#[test]
fn a_compositor_that_stops_holds_nothing_up() {
    let sway = Sway::start();
    let mut client = Client::shown(&sway, Form::Sheet, (400.0, 300.0));
    let process = sway.process().unwrap();
    does_not_wait(&mut client, || {
        process.signal(rustix::process::Signal::STOP)
    });
    process.signal(rustix::process::Signal::CONT);
    client.until("it goes on", |c| c.visible && c.lost.is_none());
}

#[test]
fn a_frame_that_a_stopped_display_does_not_take_is_not_seen() {
    let sway = Sway::start();
    let mut client = Client::shown(&sway, Form::Sheet, (400.0, 300.0));
    let process = sway.process().unwrap();
    process.signal(rustix::process::Signal::STOP);
    client.resize((100.0, 100.0));
    client.until("it is not seen", |c| !c.visible);
    process.signal(rustix::process::Signal::CONT);
    client.until("it is seen", |c| c.visible);
}

#[test]
fn an_x_server_that_stops_holds_nothing_up() {
    let xvfb = Xvfb::start();
    let mut client = Client::shown(&xvfb, Form::Sheet, (400.0, 300.0));
    does_not_wait(&mut client, || {
        xvfb.process().signal(rustix::process::Signal::STOP);
    });
    client.until("it is not seen", |c| !c.visible);
    xvfb.process().signal(rustix::process::Signal::CONT);
    client.until("it goes on", |c| c.visible && c.lost.is_none());
}

//! Xvfb, alone and with openbox: windows are seen as they come and go, text arrives, nothing is left.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::{path::Path, time::Duration};

use endsession_testkit::{
    session::{Proc, Sandbox},
    wait::is_alive,
    x11::{Window, Xvfb},
};

const LIMIT: Duration = Duration::from_secs(30);

/// An xterm that runs `script`, once the script has told: before that xterm takes no keys, and may
/// have nobody yet to hang up on.
fn settled(xvfb: &Xvfb, script: &str) -> (Proc, Window) {
    let script = format!("trap 'exit 3' INT; printf '\\033]0;settled\\007'; {script}");
    let xterm = xvfb.sandbox().spawn(["xterm", "-e", "sh", "-c", &script]);
    let window = xvfb.wait_for_window(LIMIT, |window| window.title == "settled");
    assert_eq!(
        (window.pid, window.class.as_str()),
        (Some(xterm.pid()), "XTerm")
    );
    (xterm, window)
}

fn what_is_typed_arrives(xvfb: &Xvfb) {
    let sandbox = xvfb.sandbox();
    let script = "read line; echo \"$line\" > $HOME/part; mv $HOME/part $HOME/typed";
    let (xterm, window) = settled(xvfb, script);
    xvfb.type_text(&window, "first KEY, and all others: ~|<>!\n");
    assert!(
        xterm.wait_exit(LIMIT).success(),
        "{}",
        xterm.stderr_so_far()
    );
    let typed = std::fs::read_to_string(sandbox.home().join("typed")).unwrap();
    assert_eq!(typed, "first KEY, and all others: ~|<>!\n");
    xvfb.wait_until_empty(LIMIT);
}

#[test]
fn what_is_typed_arrives_without_a_window_manager() {
    what_is_typed_arrives(&Xvfb::start());
}

#[test]
fn what_is_typed_arrives_with_openbox() {
    what_is_typed_arrives(&Xvfb::with_openbox());
}

#[test]
fn a_closed_window_goes_and_its_program_with_it() {
    let xvfb = Xvfb::with_openbox();
    let (xterm, window) = settled(&xvfb, "while :; do sleep 0.1; done");
    assert_eq!(xvfb.titles(), ["settled"]);
    xvfb.close(&window);
    xvfb.wait_until_empty(LIMIT);
    xterm.wait_exit(LIMIT);
}

#[test]
fn a_chord_is_pressed() {
    let xvfb = Xvfb::start();
    let (xterm, window) = settled(&xvfb, "while :; do sleep 0.1; done");
    xvfb.press(&window, &["Control", "c"]);
    xterm.wait_exit(LIMIT);
}

#[test]
fn the_screen_can_be_kept_as_a_picture() {
    let xvfb = Xvfb::sized(&Sandbox::new(), 320, 200);
    let dir = tempfile::tempdir().unwrap();
    let picture = dir.path().join("screen.png");
    xvfb.screenshot(&picture);
    assert!(std::fs::read(picture).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn servers_start_side_by_side_and_leave_nothing() {
    let (processes, sockets): (Vec<u32>, Vec<String>) = std::thread::scope(|scope| {
        let start = || {
            let xvfb = Xvfb::with_openbox();
            let socket = format!("/tmp/.X11-unix/X{}", xvfb.display().trim_start_matches(':'));
            assert!(Path::new(&socket).exists());
            (xvfb.process().pid(), socket)
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(start)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .unzip()
    });
    assert!(!processes.into_iter().any(is_alive));
    // Another test's server may have taken over a number meanwhile; then it listens there.
    for socket in sockets {
        assert!(
            !Path::new(&socket).exists()
                || std::os::unix::net::UnixStream::connect(&socket).is_ok()
        );
    }
}

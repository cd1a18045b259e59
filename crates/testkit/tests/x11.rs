//! Xvfb, alone and with openbox: windows are seen as they come and go, text arrives, nothing is left.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::{path::Path, time::Duration};

use endsession_testkit::{
    picture::{Picture, Region, Screen},
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
fn a_region_of_the_screen_is_seen_in_its_colours() {
    let xvfb = Xvfb::start();
    let command = [
        "xterm",
        "-bg",
        "#123456",
        "-fg",
        "#fedcba",
        "-geometry",
        "+100+50",
    ];
    let _xterm = xvfb.sandbox().spawn(command);
    let (back, text) = ([0x12, 0x34, 0x56], [0xfe, 0xdc, 0xba]);
    let shown = |picture: &Picture| picture.count(back) > 10_000 && picture.count(text) > 0;
    let picture = xvfb.wait_for_picture(LIMIT, shown);
    let region = picture.bounds_of(back).unwrap();
    assert!(region.x >= 100 && region.y >= 50, "{region:?}");
    assert_eq!(xvfb.picture_of(region).pixel(0, 0), back);
}

#[test]
fn keys_and_clicks_go_to_who_has_the_keyboard_and_lies_under_the_pointer() {
    let xvfb = Xvfb::with_openbox();
    // Reports of the mouse, as xterm sends them.
    let script = "stty raw -echo; printf '\\033[?1000h\\033[?1006h\\033]0;listening\\007'; \
                  head -c 14 >$HOME/part; mv $HOME/part $HOME/heard";
    let xterm = xvfb.sandbox().spawn(["xterm", "-e", "sh", "-c", script]);
    let window = xvfb.wait_for_window(LIMIT, |window| window.title == "listening");
    xvfb.wait_for_focus(&window, LIMIT);
    assert_eq!(xvfb.focused().unwrap().id, window.id);
    xvfb.type_keys("aB?");
    xvfb.press_key(&["Control", "c"]);
    let (x, y, ..) = xvfb.place(&window);
    xvfb.click(x as i16 + 30, y as i16 + 30);
    xterm.wait_exit(LIMIT);
    let heard = std::fs::read_to_string(xvfb.sandbox().home().join("heard")).unwrap();
    assert!(heard.starts_with("aB?\x03\x1b[<0;"), "{heard:?}");
}

fn the_last_window_has_the_keyboard_and_is_topmost(xvfb: &Xvfb) {
    let (_first, under) = settled(xvfb, "while :; do sleep 0.1; done");
    let command = ["xterm", "-T", "the last", "-e", "sleep", "1000"];
    let _last = xvfb.sandbox().spawn(command);
    let over = xvfb.wait_for_window(LIMIT, |window| window.title == "the last");
    xvfb.wait_for_focus(&over, LIMIT);
    xvfb.focus(&under);
    xvfb.focus(&over);
    let order: Vec<_> = xvfb
        .stacking()
        .into_iter()
        .map(|window| window.id)
        .collect();
    assert_eq!(order, [under.id, over.id]);
    assert!(xvfb.property(&over, "WM_NAME").unwrap() == b"the last");
    let kinds = xvfb.atoms(&over, "WM_PROTOCOLS");
    assert!(kinds.contains(&"WM_DELETE_WINDOW".to_owned()), "{kinds:?}");
}

#[test]
fn openbox_tells_the_order_of_windows() {
    the_last_window_has_the_keyboard_and_is_topmost(&Xvfb::with_openbox());
}

#[test]
fn i3_manages_windows_and_asks_nothing() {
    let xvfb = Xvfb::with_i3();
    assert_eq!(xvfb.titles(), [""; 0]);
    let command = ["xterm", "-e", "sleep", "1000"];
    let _xterm = xvfb.sandbox().spawn(command);
    let window = xvfb.wait_for_window(LIMIT, |window| window.class == "XTerm");
    xvfb.wait_for_focus(&window, LIMIT);
    // Tiled: it has all of the screen but its frame.
    let (.., width, height) = xvfb.place(&window);
    assert!(width > 1260 && height > 750, "{width} by {height}");
    xvfb.close(&window);
    xvfb.wait_until_empty(LIMIT);
}

#[test]
fn a_display_is_divided_into_monitors() {
    let sandbox = Sandbox::new();
    let xvfb = Xvfb::sized(&sandbox, 1600, 600);
    assert_eq!(xvfb.monitors().len(), 1);
    let regions = [(0, 0, 800, 600), (800, 0, 800, 600)].map(Region::from);
    xvfb.set_monitors(&regions);
    let monitors = xvfb.monitors();
    let seen: Vec<_> = monitors.iter().map(|monitor| monitor.region).collect();
    assert_eq!(seen, regions);
    assert!(monitors[0].primary && !monitors[1].primary);
    // The same that xrandr says to a person.
    let xrandr = sandbox.spawn(["xrandr", "--listmonitors"]);
    assert!(xrandr.wait_exit(LIMIT).success());
    assert!(xrandr.stdout_so_far().starts_with("Monitors: 2"));
}

#[test]
fn a_resource_is_set_as_xrdb_sets_it() {
    let xvfb = Xvfb::start();
    xvfb.set_resource("Xcursor.size", "48");
    for dpi in ["96", "192"] {
        xvfb.set_resource("Xft.dpi", dpi);
    }
    let xrdb = xvfb.sandbox().spawn(["xrdb", "-query"]);
    assert!(xrdb.wait_exit(LIMIT).success());
    assert_eq!(xrdb.stdout_so_far(), "Xcursor.size:\t48\nXft.dpi:\t192\n");
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

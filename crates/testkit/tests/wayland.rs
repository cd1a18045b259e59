//! sway, phoc and weston as a user has them: keys and clicks go where the keyboard and the pointer
//! are, outputs come and go, and what is shown can be read.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::time::Duration;

use endsession_testkit::{
    phoc::Phoc,
    picture::{Picture, Screen, Tolerance},
    session::{Proc, Sandbox},
    sway::{Config, Sway},
    wayland::Inputs,
    weston::Weston,
    x11::Xvfb,
};

const LIMIT: Duration = Duration::from_secs(30);

/// foot's own colour.
const BACKGROUND: [u8; 3] = [0x11; 3];

/// A foot that keeps `count` bytes of what its terminal is sent, mouse reports among it.
fn listener(sandbox: &Sandbox, count: usize) -> Proc {
    let script = format!(
        "stty raw -echo; printf '\\033[?1000h\\033[?1006h\\033]0;listening\\007'; \
         dd bs=1 count={count} status=none of=$HOME/part; mv $HOME/part $HOME/heard"
    );
    // Small enough for any output.
    let size = "--window-size-chars=40x10";
    sandbox.spawn(["foot", size, "sh", "-c", &script])
}

/// Whether foot is on the screen: a compositor shows a window some time after it lists it, and only
/// then can it be clicked.
fn is_shown(picture: &Picture) -> bool {
    picture.count(BACKGROUND) > 20_000
}

fn heard(sandbox: &Sandbox, foot: &Proc) -> String {
    let part = || std::fs::read(sandbox.home().join("part")).unwrap_or_default();
    let ended = endsession_testkit::wait::until_gone(foot.pid(), LIMIT);
    assert!(ended, "only {:?} came", String::from_utf8_lossy(&part()));
    std::fs::read_to_string(sandbox.home().join("heard")).unwrap()
}

/// Both, at `x`, `y`, with nothing lost from the first key on.
fn keys_and_clicks_arrive(sandbox: &Sandbox, foot: &Proc, inputs: &Inputs, x: i32, y: i32) {
    inputs.type_text("first KEY?");
    inputs.press(&["Control", "c"]);
    inputs.press(&["Shift", "Tab"]);
    inputs.click(x, y);
    let heard = heard(sandbox, foot);
    assert!(
        heard.starts_with("first KEY?\x03\x1b[Z\x1b[<0;"),
        "{heard:?}"
    );
}

#[test]
fn keys_and_clicks_arrive_on_sway() {
    let sway = Sway::start();
    let foot = listener(sway.sandbox(), 20);
    sway.wait_for_window(LIMIT, |window| window.title == "listening");
    sway.wait_for_picture(LIMIT, is_shown);
    keys_and_clicks_arrive(sway.sandbox(), &foot, sway.inputs(), 640, 360);
}

#[test]
fn keys_and_clicks_arrive_on_phoc() {
    let phoc = Phoc::start();
    let foot = listener(phoc.sandbox(), 20);
    phoc.wait_for_toplevels(LIMIT, |windows| {
        windows
            .iter()
            .any(|w| w.title == "listening" && w.activated)
    });
    phoc.wait_for_picture(LIMIT, is_shown);
    keys_and_clicks_arrive(phoc.sandbox(), &foot, phoc.inputs(), 640, 360);
    phoc.wait_for_toplevels(LIMIT, <[_]>::is_empty);
}

#[test]
fn a_click_goes_to_the_output_that_is_there() {
    let sway = Sway::start();
    let added = sway.add_output();
    sway.set_scale(&added.name, 2.0);
    let added = sway.output(&added.name);
    assert!(added.position.0 >= 1280 && added.scale > 1.9, "{added:?}");
    sway.command(&format!("focus output {}", added.name))
        .unwrap();
    let foot = listener(sway.sandbox(), 9);
    sway.wait_for_window(LIMIT, |window| window.title == "listening");
    sway.wait_for_picture(LIMIT, is_shown);
    let middle = |at, length| at + length / 2;
    sway.click(
        middle(added.position.0, added.size.0),
        middle(added.position.1, added.size.1),
    );
    assert!(heard(sway.sandbox(), &foot).starts_with("\x1b[<0;"));
}

#[test]
fn outputs_come_and_go_and_change() {
    let sway = Sway::start();
    let first = sway.outputs().remove(0);
    assert_eq!((first.size, first.scale), ((1280, 720), 1.0));
    sway.set_resolution(&first.name, 800, 600);
    assert_eq!(sway.picture().size(), (800, 600));
    sway.set_scale(&first.name, 1.5);
    assert_eq!(sway.on_output(&first.name).picture().size(), (800, 600));
    let second = sway.add_output();
    assert_eq!(sway.outputs().len(), 2);
    assert!(second.position.0 > 0, "{second:?}");
}

#[test]
fn an_output_of_a_nested_sway_can_be_unplugged() {
    let xvfb = Xvfb::start();
    let sway = Sway::nested_in(&xvfb, 2, &Config::new());
    let foot = sway.sandbox().spawn(["foot", "sleep", "1000"]);
    sway.wait_for_window(LIMIT, |window| window.pid == foot.pid());
    let names = || -> Vec<String> { sway.outputs().into_iter().map(|o| o.name).collect() };
    assert_eq!(names(), ["X11-1", "X11-2"]);
    assert_eq!(sway.on_output("X11-2").picture().size(), (1024, 768));
    sway.unplug("X11-1");
    assert_eq!(names(), ["X11-2"]);
    assert!(foot.is_alive() && sway.windows().len() == 1);
}

/// Almost all of it is foot's background, and something is written on it.
fn is_written_on(picture: &Picture) -> bool {
    let background = picture.count(BACKGROUND);
    let all = (picture.width() * picture.height()) as usize;
    background > all / 4 && background < all
}

#[test]
fn sway_can_be_looked_at() {
    let sway = Sway::start();
    let empty = sway.picture();
    assert_eq!(empty.size(), (1280, 720));
    let _foot = sway
        .sandbox()
        .spawn(["foot", "sh", "-c", "echo shown; sleep 1000"]);
    let shown = sway.wait_for_picture(LIMIT, is_written_on);
    assert!(shown.changed_from(&empty).is_some());
}

#[test]
fn the_same_is_seen_in_another_session_wherever_the_pointer_is() {
    let dir = tempfile::tempdir().unwrap();
    let golden = dir.path().join("golden.png");
    let region = (0, 0, 600, 200);
    for clicked in [false, true] {
        let sway = Sway::start();
        sway.sandbox()
            .use_fonts(&["/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf"]);
        let _foot = sway
            .sandbox()
            .spawn(["foot", "sh", "-c", "echo shown; sleep 1000"]);
        sway.wait_for_picture(LIMIT, is_written_on);
        if clicked {
            sway.click(300, 100);
            sway.wait_until_like(region, &golden, Tolerance::EXACT, LIMIT);
        } else {
            sway.wait_until_still(LIMIT).crop(region).save(&golden);
        }
    }
}

#[test]
fn phoc_can_be_looked_at_at_any_scale() {
    for scale in [1.0, 2.0] {
        let phoc = Phoc::with_scale_in(&Sandbox::new(), scale);
        let _foot = phoc
            .sandbox()
            .spawn(["foot", "sh", "-c", "echo shown; sleep 1000"]);
        let shown = phoc.wait_for_picture(LIMIT, is_written_on);
        assert_eq!(shown.size(), (1280, 720));
    }
}

#[test]
fn weston_has_windows_alone_and_is_typed_into() {
    for scale in [1, 2] {
        let weston = Weston::with_scale_in(&Sandbox::new(), scale);
        assert_eq!(weston.picture().size(), (1280, 800));
        let foot = listener(weston.sandbox(), 14);
        let windows = weston.wait_for_windows(LIMIT, |windows| {
            windows.iter().any(|w| w.label.contains("listening"))
        });
        assert_eq!(windows[0].pid, foot.pid());
        let picture = weston.wait_for_picture(LIMIT, is_shown);
        weston.type_keys("aB?");
        weston.press_key(&["Control", "c"]);
        let seen = picture.bounds_of(BACKGROUND).unwrap();
        // Not its title bar, which is of that colour too.
        let middle = (seen.x + seen.width / 2, seen.y + seen.height / 2);
        weston.click(middle.0 as i16, middle.1 as i16);
        let heard = heard(weston.sandbox(), &foot);
        assert!(heard.starts_with("aB?\x03\x1b[<0;"), "{heard:?}");
        weston.wait_for_windows(LIMIT, <[_]>::is_empty);
    }
}

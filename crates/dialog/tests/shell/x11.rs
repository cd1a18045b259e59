//! X servers: with openbox, with i3, and with no window manager.

use std::time::Duration;

use endsession_dialog::{
    geometry::{Point, Size},
    input::{Input, Key},
    shell::{Form, ShellEvent},
};
use endsession_testkit::{
    lock::Lock,
    picture::Screen,
    session::{Proc, Sandbox},
    x11::Xvfb,
};

use crate::support::{
    client::{Client, LIMIT},
    place::Place,
};

/// An X server with i3 as it comes, but for its first-run dialog: the focus follows the pointer,
/// as it does not with the testkit's.
struct I3 {
    xvfb: Xvfb,
    _i3: Proc,
}

impl I3 {
    fn start() -> Self {
        let sandbox = Sandbox::new();
        let xvfb = Xvfb::start_in(&sandbox);
        let config = sandbox.write(".config/i3/config", "font pango:monospace 8\n");
        let i3 = sandbox.spawn(["i3", "-c", config.to_str().unwrap()]);
        xvfb.wait_for_window_manager(LIMIT);
        Self { xvfb, _i3: i3 }
    }
}

/// A sheet is in the middle of the screen, has the keyboard, and is spoken to in its own places.
#[track_caller]
fn has_a_whole_sheet(xvfb: &Xvfb) {
    let mut sheet = Client::shown(xvfb, Form::Sheet, (400.0, 300.0));
    assert_eq!(sheet.room, Some((Size::new(1280.0, 800.0), 1.0, false)));
    sheet.until("the keyboard", |c| c.focused);
    sheet.until_at(Place::new((440, 250), (400, 300)), xvfb);
    sheet.until("it knows its place", |c| {
        c.shell.origin() == Some(Point::new(440.0, 250.0))
    });

    for chord in [
        &["Tab"][..],
        &["Shift", "Tab"],
        &["Return"],
        &["space"],
        &["Escape"],
        &["Control", "Up"],
        &["Page_Down"],
    ] {
        xvfb.press_key(chord);
    }
    sheet.until("the last key", |c| c.keys().contains(&Key::PageDown));
    let expected = [
        Key::Tab,
        Key::BackTab,
        Key::Enter,
        Key::Space,
        Key::Escape,
        Key::PageDown,
    ];
    assert_eq!(sheet.keys(), expected);

    xvfb.click(460, 280);
    xvfb.scroll(1);
    let at = Point::new(20.0, 30.0);
    sheet.until("the wheel", |c| c.inputs().contains(&Input::Scrolled(48.0)));
    assert!(sheet.inputs().contains(&Input::PointerMoved(at)));
    assert!(sheet.inputs().contains(&Input::PointerReleased(at)));
    assert_eq!(sheet.presses(), [at]);
    xvfb.point(10, 10);
    sheet.until("it leaves", |c| c.inputs().contains(&Input::PointerLeft));

    sheet.resize((600.0, 500.0));
    sheet.until_at(Place::new((340, 150), (600, 500)), xvfb);
    // i3 may first tell of the window's own size.
    sheet.until("the whole screen's room", |c| {
        c.room == Some((Size::new(1280.0, 800.0), 1.0, false))
    });
}

#[test]
fn openbox_shows_a_whole_sheet() {
    has_a_whole_sheet(&Xvfb::with_openbox());
}

#[test]
fn i3_shows_a_whole_sheet() {
    has_a_whole_sheet(&I3::start().xvfb);
}

#[test]
fn a_sheet_needs_no_window_manager() {
    has_a_whole_sheet(&Xvfb::start());
}

#[test]
fn without_a_window_manager_the_keyboard_is_given_back() {
    let xvfb = Xvfb::start();
    let mut first = Client::shown(&xvfb, Form::Window, (300.0, 200.0));
    first.until("the keyboard", |c| c.focused);
    let mut sheet = Client::shown(&xvfb, Form::Sheet, (400.0, 300.0));
    sheet.until("the keyboard", |c| c.focused);
    first.until("it is lent", |c| !c.focused);
    drop(sheet);
    first.until("it is given back", |c| c.focused);
}

/// A strip is at the top, windows make room for it, and the keyboard stays with them.
#[track_caller]
fn has_a_whole_strip(xvfb: &Xvfb) {
    let mut under = Client::shown(xvfb, Form::Window, (300.0, 200.0));
    under.until("the keyboard", |c| c.focused);
    let mut strip = Client::shown(xvfb, Form::Strip, (600.0, 80.0));
    assert_eq!(strip.room, Some((Size::new(1280.0, 200.0), 1.0, false)));
    // i3 makes docks as wide as the screen; the rest has the colour of the frame's edge.
    strip.until_over(Place::new((340, 0), (600, 80)), xvfb);
    xvfb.press_key(&["Return"]);
    under.until("the key", |c| c.keys() == [Key::Enter]);
    assert_eq!(strip.keys(), []);
    xvfb.click(360, 40);
    strip.until("a click", |c| c.presses() == [Point::new(20.0, 40.0)]);
    strip.shell.take_keyboard();
    strip.until("the keyboard", |c| c.focused);
    xvfb.press_key(&["Escape"]);
    strip.until("the key", |c| c.keys() == [Key::Escape]);
}

#[test]
fn openbox_gives_a_strip_the_top_edge() {
    let xvfb = Xvfb::with_openbox();
    has_a_whole_strip(&xvfb);
}

#[test]
fn i3_gives_a_strip_the_top_edge() {
    has_a_whole_strip(&I3::start().xvfb);
}

#[test]
fn a_strip_needs_no_window_manager() {
    has_a_whole_strip(&Xvfb::start());
}

/// The forms change in place.
#[track_caller]
fn changes_forms(xvfb: &Xvfb) {
    let mut under = Client::shown(xvfb, Form::Window, (300.0, 200.0));
    under.until("the keyboard", |c| c.focused);
    let mut client = Client::shown(xvfb, Form::Sheet, (400.0, 300.0));
    client.until("the keyboard", |c| c.focused);
    client.shell.set_form(Form::Strip);
    client.until("the keyboard is let go", |c| !c.focused);
    client.resize((600.0, 80.0));
    client.until_over(Place::new((340, 0), (600, 80)), xvfb);
    assert!(client.visible);
    under.until("the keyboard", |c| c.focused);
    client.shell.set_form(Form::Sheet);
    client.resize((400.0, 300.0));
    client.until("the keyboard", |c| c.focused);
    client.until_at(Place::new((440, 250), (400, 300)), xvfb);
}

#[test]
fn openbox_lets_forms_change() {
    changes_forms(&Xvfb::with_openbox());
}

#[test]
fn i3_lets_forms_change() {
    changes_forms(&I3::start().xvfb);
}

#[test]
fn forms_change_without_a_window_manager() {
    changes_forms(&Xvfb::start());
}

#[test]
fn a_window_is_closed_by_its_manager_and_answers_pings() {
    let xvfb = Xvfb::with_openbox();
    let mut client = Client::shown(&xvfb, Form::Window, (300.0, 200.0));
    let window = xvfb.wait_for_window(LIMIT, |w| w.class == "endsession-test");
    assert_eq!(window.title, "A test's window");
    assert_eq!(window.pid, Some(std::process::id()));
    let pid = std::process::id().to_ne_bytes();
    assert_eq!(xvfb.property(&window, "_NET_WM_PID").unwrap(), pid);
    assert!(xvfb.property(&window, "WM_CLIENT_MACHINE").is_some());
    let protocols = xvfb.atoms(&window, "WM_PROTOCOLS");
    assert!(
        protocols.iter().any(|p| p == "_NET_WM_PING"),
        "{protocols:?}"
    );
    let kinds = xvfb.atoms(&window, "_NET_WM_WINDOW_TYPE");
    assert!(
        kinds.iter().any(|k| k == "_NET_WM_WINDOW_TYPE_NORMAL"),
        "{kinds:?}"
    );
    client.shell.set_title("Another");
    client.rest(Duration::from_millis(10));
    xvfb.wait_for_window(LIMIT, |w| w.title == "Another");
    xvfb.close(&window);
    client.until("it is to close", |c| {
        c.events.contains(&ShellEvent::CloseRequested)
    });
}

#[test]
fn i3_tiles_a_window_and_it_fits() {
    let i3 = I3::start();
    let mut client = Client::shown(&i3.xvfb, Form::Window, (300.0, 200.0));
    client.until("the keyboard", |c| c.focused);
    let tile = i3.xvfb.sandbox().spawn(["i3-msg", "floating", "disable"]);
    assert!(tile.wait_exit(LIMIT).success(), "{}", tile.stderr_so_far());
    client.until("it is told its size", |c| {
        c.room.is_some_and(|(_, _, exact)| exact)
    });
    let (room, _, _) = client.room.unwrap();
    assert!(room.width > 1200.0 && room.height > 700.0, "{room:?}");
    let size = (room.width as u32, room.height as u32);
    client.until("it is where it says", |c| {
        let at = c.shell.origin().map(|at| (at.x as u32, at.y as u32));
        at.is_some_and(|at| {
            let place = Place::new(at, size);
            place.is_covered(&i3.xvfb.picture()).is_ok()
        })
    });
}

#[test]
fn the_users_dpi_is_the_scale_and_a_change_is_followed() {
    let xvfb = Xvfb::with_openbox();
    xvfb.set_resource("Xft.dpi", "192");
    let mut sheet = Client::shown(&xvfb, Form::Sheet, (200.0, 150.0));
    assert_eq!(sheet.room, Some((Size::new(640.0, 400.0), 2.0, false)));
    let twice = Place::new((440, 250), (400, 300)).scaled(2.0);
    sheet.until_at(twice, &xvfb);
    xvfb.click(480, 310);
    sheet.until("a click", |c| c.presses() == [Point::new(20.0, 30.0)]);
    xvfb.set_resource("Xft.dpi", "96");
    sheet.until("the scale", |c| {
        c.room == Some((Size::new(1280.0, 800.0), 1.0, false))
    });
    sheet.until_at(Place::new((540, 325), (200, 150)), &xvfb);
}

#[test]
fn a_key_that_is_held_is_told_as_a_repetition() {
    let xvfb = Xvfb::start();
    let mut sheet = Client::shown(&xvfb, Form::Sheet, (400.0, 300.0));
    sheet.until("the keyboard", |c| c.focused);
    xvfb.hold_key("Down");
    let again = Input::Key {
        key: Key::Down,
        repeated: true,
    };
    sheet.until("it repeats", |c| c.inputs().contains(&again));
    xvfb.release_key("Down");
    assert_eq!(sheet.keys(), [Key::Down]);
}

/// Behind i3lock nothing is seen.
#[track_caller]
fn is_not_seen_while_locked(xvfb: &Xvfb) {
    let mut sheet = Client::shown(xvfb, Form::Sheet, (400.0, 300.0));
    let lock = sheet.while_it_lives(|| Lock::x11(xvfb));
    sheet.until("it is not seen", |c| !c.visible);
    lock.unlock();
    sheet.until("it is seen again", |c| c.visible);
}

#[test]
fn a_sheet_behind_a_locker_is_not_seen_with_openbox() {
    is_not_seen_while_locked(&Xvfb::with_openbox());
}

#[test]
fn a_sheet_behind_a_locker_is_not_seen_with_i3() {
    is_not_seen_while_locked(&I3::start().xvfb);
}

#[test]
fn what_was_covered_is_shown_again() {
    let xvfb = Xvfb::start();
    let mut sheet = Client::shown(&xvfb, Form::Sheet, (400.0, 300.0));
    let cover = Client::shown(&xvfb, Form::Window, (600.0, 500.0));
    sheet.until("it is covered", |c| !c.visible);
    drop(cover);
    sheet.until("it is seen", |c| c.visible);
    sheet.until_at(Place::new((440, 250), (400, 300)), &xvfb);
    assert_eq!(sheet.frames, 1, "nothing was painted anew");
}

#[test]
fn nothing_happens_and_nobody_wakes_while_nothing_changes() {
    let xvfb = Xvfb::with_openbox();
    let mut sheet = Client::shown(&xvfb, Form::Sheet, (400.0, 300.0));
    sheet.rest(Duration::from_millis(700));
    sheet.idles();
}

#[test]
fn a_server_that_dies_is_told_once() {
    let xvfb = Xvfb::with_openbox();
    let mut sheet = Client::shown(&xvfb, Form::Sheet, (400.0, 300.0));
    xvfb.process().kill();
    sheet.until("it is lost", |c| c.lost.is_some());
    let count = sheet.events.len();
    sheet.resize((100.0, 100.0));
    sheet.shell.set_form(Form::Strip);
    sheet.rest(Duration::from_millis(200));
    assert_eq!(sheet.events.len(), count);
}

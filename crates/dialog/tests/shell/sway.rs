//! sway: the sheet, the strip and the window; keyboard, pointer, outputs and a screen locker.

use std::time::Duration;

use endsession_dialog::{
    geometry::{Point, Size},
    input::{Input, Key},
    shell::{Form, ShellEvent},
};
use endsession_testkit::{
    lock::{COLOUR, Lock},
    picture::{Picture, Screen},
    session::Sandbox,
    sway::{Config, Sway},
};

use crate::support::{
    client::{BORDER, Client, FILL, LIMIT},
    place::Place,
};

const WHITE: [u8; 3] = [255; 3];

/// A sway with one output of 1280 by 720.
fn sway(lines: &[&str]) -> Sway {
    let mut config = Config::new().line("output * resolution 1280x720");
    for line in lines {
        config = config.line(*line);
    }
    Sway::start_in(&Sandbox::new(), &config)
}

#[track_caller]
fn command(sway: &Sway, line: &str) {
    sway.command(line)
        .unwrap_or_else(|error| panic!("{line}: {error}"));
}

/// Locks the screen: nothing but the locker is on it then. It hides the pointer, which comes over it
/// when it moves next, and lies on the screen as our window drew it before.
#[track_caller]
fn locked(sway: &Sway) -> Lock {
    std::thread::scope(|scope| {
        let lock = scope.spawn(|| Lock::sway(sway));
        sway.wait_for_picture(LIMIT, |picture| picture.pixel(0, 719) == COLOUR);
        sway.inputs().point(400, 400);
        lock.join().unwrap()
    })
}

/// How many pixels are white that was dimmed by half.
fn greys(picture: &Picture) -> usize {
    picture.count([127; 3]) + picture.count([128; 3])
}

#[test]
fn a_sheet_is_centred_on_a_dimmed_output() {
    // The pointer over a window is drawn with the theme of the test's own environment.
    let sway = sway(&[
        "seat * hide_cursor 100",
        "for_window [app_id=\"endsession-test\"] border none, floating disable",
    ]);
    let inside = (1280 - 8) * (720 - 8);
    let mut white = Client::shown(&sway, Form::Window, (200.0, 100.0));
    white.refill(WHITE);
    white.until_picture(&sway, |picture| picture.count(WHITE) == inside);
    let mut sheet = Client::shown(&sway, Form::Sheet, (400.0, 300.0));
    assert_eq!(sheet.room, Some((Size::new(1280.0, 720.0), 1.0, false)));
    let place = Place::new((440, 210), (400, 300));
    place.holds(&sway.picture()).unwrap();
    // All that was white and is not beneath the card.
    let dimmed = inside - 400 * 300;
    let picture = sheet.until_picture(&sway, |picture| greys(picture) == dimmed);
    place.holds(&picture).unwrap();
    assert_eq!(picture.count(BORDER), place.border());
}

#[test]
fn nothing_is_seen_before_the_first_frame() {
    let sway = sway(&[]);
    let before = sway.picture();
    let mut client = Client::open(&sway, Form::Sheet, (400.0, 300.0));
    assert_eq!(client.frames, 0);
    assert_eq!(sway.picture().changed_from(&before), None);
    client.until("the window is seen", |c| c.visible);
}

#[test]
fn a_sheet_has_the_keyboard_and_its_keys_arrive() {
    let sway = sway(&[]);
    let mut sheet = Client::shown(&sway, Form::Sheet, (400.0, 300.0));
    sheet.until("the keyboard", |c| c.focused);
    for chord in [
        &["Tab"][..],
        &["Shift", "Tab"],
        &["Return"],
        &["space"],
        &["Escape"],
        &["Up"],
        &["Page_Down"],
        &["a"],
        &["Control", "Home"],
        &["End"],
    ] {
        sway.press_key(chord);
    }
    sheet.until("the last key", |c| c.keys().contains(&Key::End));
    let expected = [
        Key::Tab,
        Key::BackTab,
        Key::Enter,
        Key::Space,
        Key::Escape,
        Key::Up,
        Key::PageDown,
        Key::End,
    ];
    assert_eq!(sheet.keys(), expected);
    assert!(sheet.inputs().contains(&Input::Focused(true)));
}

#[test]
fn a_key_that_is_held_repeats_until_it_is_let_go() {
    let sway = sway(&["input * repeat_delay 150", "input * repeat_rate 50"]);
    let mut sheet = Client::shown(&sway, Form::Sheet, (400.0, 300.0));
    sheet.until("the keyboard", |c| c.focused);
    sway.inputs().hold_key("Down");
    sheet.until("it repeats", |c| c.repetitions() >= 3);
    assert_eq!(sheet.keys(), [Key::Down]);
    sway.inputs().release_key("Down");
    // What comes after the release tells that it has come.
    sway.inputs().point(460, 240);
    let moved = Input::PointerMoved(Point::new(20.0, 30.0));
    sheet.until("the pointer", |c| c.inputs().contains(&moved));
    let count = sheet.repetitions();
    sheet.rest(Duration::from_millis(500));
    assert_eq!(sheet.repetitions(), count);
}

#[test]
fn the_pointer_is_told_in_places_of_the_card() {
    let sway = sway(&[]);
    let pointer = sway.inputs();
    let mut sheet = Client::shown(&sway, Form::Sheet, (400.0, 300.0));
    pointer.click(460, 240);
    let at = Point::new(20.0, 30.0);
    sheet.until("a click", |c| {
        c.inputs().contains(&Input::PointerReleased(at))
    });
    assert_eq!(sheet.presses(), [at]);
    pointer.scroll(2);
    sheet.until("the wheel", |c| c.inputs().contains(&Input::Scrolled(96.0)));
    pointer.point(100, 100);
    sheet.until("it leaves", |c| c.inputs().contains(&Input::PointerLeft));
    // A click beside the card is swallowed, and is nothing to whoever paints.
    pointer.click(100, 100);
    pointer.scroll(1);
    let inputs = sheet.inputs().len();
    pointer.point(839, 500);
    let back = Input::PointerMoved(Point::new(399.0, 290.0));
    sheet.until("it is back", |c| c.inputs().contains(&back));
    assert_eq!(sheet.inputs()[inputs..], [back]);
}

#[test]
fn a_card_that_grows_stays_in_the_middle() {
    let sway = sway(&[]);
    let mut sheet = Client::shown(&sway, Form::Sheet, (400.0, 300.0));
    sheet.resize((600.0, 500.0));
    let frames = |c: &Client| {
        let done = |e: &&ShellEvent| **e == ShellEvent::FrameDone;
        c.events.iter().filter(done).count()
    };
    sheet.until("the frame", |c| frames(c) == 2);
    let grown = Place::new((340, 110), (600, 500));
    grown.holds(&sway.picture()).unwrap();
    sheet.resize((200.0, 100.0));
    sheet.until("the frame", |c| frames(c) == 3);
    let shrunk = Place::new((540, 310), (200, 100));
    shrunk.holds(&sway.picture()).unwrap();
}

#[test]
fn a_strip_has_the_top_edge_and_never_the_keyboard_by_itself() {
    let sway = sway(&["for_window [app_id=\"endsession-test\"] border none"]);
    let mut tiled = Client::shown(&sway, Form::Window, (300.0, 200.0));
    command(&sway, "[app_id=endsession-test] floating disable");
    tiled.until("it is tiled", |c| {
        c.room == Some((Size::new(1280.0, 720.0), 1.0, true))
    });
    let mut strip = Client::shown(&sway, Form::Strip, (600.0, 80.0));
    assert_eq!(strip.room, Some((Size::new(1280.0, 180.0), 1.0, false)));
    tiled.until("it made room", |c| {
        c.room == Some((Size::new(1280.0, 640.0), 1.0, true)) && c.visible
    });
    tiled.until("the keyboard", |c| c.focused);
    sway.press_key(&["Return"]);
    tiled.until("the key", |c| c.keys() == [Key::Enter]);
    strip.rest(Duration::from_millis(300));
    assert_eq!(strip.keys(), []);
    let place = Place::new((340, 0), (600, 80));
    place.is_covered(&sway.picture()).unwrap();
    // Seen over what is fullscreen.
    command(&sway, "[app_id=endsession-test] fullscreen enable");
    tiled.until("it is fullscreen", |c| {
        c.room == Some((Size::new(1280.0, 720.0), 1.0, true))
    });
    place.is_covered(&sway.picture()).unwrap();
}

#[test]
fn a_click_gives_the_strip_the_keyboard_while_the_pointer_is_on_it() {
    let sway = sway(&[]);
    let mut under = Client::shown(&sway, Form::Window, (300.0, 200.0));
    let mut strip = Client::shown(&sway, Form::Strip, (600.0, 80.0));
    under.until("the keyboard", |c| c.focused);
    sway.click(400, 40);
    strip.until("a click", |c| c.presses().len() == 1);
    strip.shell.take_keyboard();
    strip.until("the keyboard", |c| c.focused);
    under.until("the keyboard is lent", |c| !c.focused);
    sway.inputs().point(400, 400);
    strip.until("the keyboard is given back", |c| !c.focused);
    under.until("the keyboard", |c| c.focused);
}

#[test]
fn forms_change_in_place_and_the_keyboard_is_let_go_at_once() {
    let sway = sway(&[]);
    let mut under = Client::shown(&sway, Form::Window, (300.0, 200.0));
    let mut client = Client::shown(&sway, Form::Sheet, (400.0, 300.0));
    client.until("the keyboard", |c| c.focused);
    client.shell.set_form(Form::Strip);
    client.until("the keyboard is let go", |c| !c.focused);
    client.until("room for the strip", |c| {
        c.room == Some((Size::new(1280.0, 180.0), 1.0, false))
    });
    under.until("the window has the keyboard", |c| c.focused);
    client.resize((600.0, 80.0));
    client.until("it is seen", |c| {
        c.events.last() == Some(&ShellEvent::FrameDone)
    });
    let strip = Place::new((340, 0), (600, 80));
    strip.holds(&sway.picture()).unwrap();
    assert!(client.visible);
    assert!(!client.events.contains(&ShellEvent::Visible(false)));
    client.shell.set_form(Form::Sheet);
    client.until("the keyboard", |c| c.focused);
    client.resize((400.0, 300.0));
    client.until_at(Place::new((440, 210), (400, 300)), &sway);
}

#[test]
fn a_window_floats_at_its_own_size_and_is_closed_by_its_manager() {
    let sway = sway(&["default_floating_border none"]);
    let mut client = Client::shown(&sway, Form::Window, (300.0, 200.0));
    let window = sway.wait_for_window(LIMIT, |w| w.app_id == "endsession-test");
    assert_eq!(window.title, "A test's window");
    client.shell.set_title("Another");
    sway.wait_for_window(LIMIT, |w| w.title == "Another");
    let place = Place::new((490, 260), (300, 200));
    place.holds(&sway.picture()).unwrap();
    sway.close(&window);
    client.until("it is to close", |c| {
        c.events.contains(&ShellEvent::CloseRequested)
    });
}

#[test]
fn a_scale_of_two_makes_four_pixels_of_one() {
    let sway = sway(&["output * scale 2"]);
    let sheet = Client::shown(&sway, Form::Sheet, (200.0, 100.0));
    assert_eq!(sheet.room, Some((Size::new(640.0, 360.0), 2.0, false)));
    let place = Place::new((440, 260), (400, 200)).scaled(2.0);
    place.holds(&sway.picture()).unwrap();
}

#[test]
fn a_scale_that_changes_is_followed() {
    let sway = sway(&[]);
    let mut sheet = Client::shown(&sway, Form::Sheet, (200.0, 100.0));
    sway.set_scale("HEADLESS-1", 2.0);
    sheet.until("the scale", |c| {
        c.room == Some((Size::new(640.0, 360.0), 2.0, false))
    });
    let place = Place::new((440, 260), (400, 200)).scaled(2.0);
    sheet.until_at(place, &sway);
}

#[test]
fn an_output_that_comes_is_dimmed() {
    let sway = sway(&[]);
    let mut white = Client::shown(&sway, Form::Window, (200.0, 100.0));
    white.refill(WHITE);
    let mut sheet = Client::shown(&sway, Form::Sheet, (400.0, 300.0));
    let name = sway.add_output().name;
    sway.set_resolution(&name, 800, 600);
    let second = sway.on_output(&name);
    let bare = second.picture().pixel(799, 599);
    let empty = sheet.until_picture(&second, |p| p.pixel(799, 599) != bare);
    assert_eq!(empty.count(FILL), 0, "one card only");
    assert_eq!(empty.count(bare), 0, "it is dimmed");
    let there = format!("[app_id=endsession-test] move to output {name}");
    command(&sway, &there);
    let picture = sheet.until_picture(&second, |p| greys(p) > 10_000);
    assert_eq!(picture.count(WHITE), 0, "it is dimmed");
}

#[test]
fn a_sheet_under_a_locker_is_not_seen_until_it_is_unlocked() {
    let sway = sway(&[]);
    let mut sheet = Client::shown(&sway, Form::Sheet, (400.0, 300.0));
    sheet.until("the keyboard", |c| c.focused);
    let lock = sheet.while_it_lives(|| locked(&sway));
    sheet.until("it is not seen", |c| !c.visible);
    let locked = sway.picture();
    assert_eq!(locked.count(FILL), 0, "nothing of it over the locker");
    assert_eq!(locked.count(COLOUR), 1280 * 720);
    lock.unlock();
    sheet.until("it is seen again", |c| c.visible && c.focused);
    let place = Place::new((440, 210), (400, 300));
    place.holds(&sway.picture()).unwrap();
}

#[test]
fn a_strip_on_an_empty_desk_is_seen_until_the_screen_is_locked() {
    let sway = sway(&[]);
    let mut strip = Client::shown(&sway, Form::Strip, (600.0, 80.0));
    let place = Place::new((340, 0), (600, 80));
    strip.until_at(place, &sway);
    let lock = strip.while_it_lives(|| locked(&sway));
    lock.unlock();
    strip.until_at(place, &sway);
}

#[test]
fn a_strip_is_not_left_to_be_read_over_a_locker() {
    let sway = sway(&[]);
    let mut under = Client::shown(&sway, Form::Window, (300.0, 200.0));
    command(&sway, "[app_id=endsession-test] fullscreen enable");
    under.until("it is fullscreen", |c| {
        c.room == Some((Size::new(1280.0, 720.0), 1.0, true)) && c.focused
    });
    let mut strip = Client::shown(&sway, Form::Strip, (600.0, 80.0));
    let place = Place::new((340, 0), (600, 80));
    strip.until_over(place, &sway);
    let lock = strip.while_it_lives(|| locked(&sway));
    lock.unlock();
    strip.until_over(place, &sway);
    // Nor where the user is about to answer in it.
    sway.click(400, 40);
    strip.until("a click", |c| c.presses().len() == 1);
    strip.shell.take_keyboard();
    strip.until("the keyboard", |c| c.focused);
    let lock = strip.while_it_lives(|| locked(&sway));
    assert!(!strip.focused);
    lock.unlock();
    strip.until_over(place, &sway);
}

#[test]
fn nothing_happens_and_nobody_wakes_while_nothing_changes() {
    let sway = sway(&[]);
    let mut sheet = Client::shown(&sway, Form::Sheet, (400.0, 300.0));
    sheet.rest(Duration::from_millis(500));
    sheet.idles();
}

#[test]
fn a_compositor_that_dies_is_told_once() {
    let sway = sway(&[]);
    let mut sheet = Client::shown(&sway, Form::Sheet, (400.0, 300.0));
    drop(sway);
    sheet.until("it is lost", |c| c.lost.is_some());
    let count = sheet.events.len();
    sheet.rest(Duration::from_millis(200));
    assert_eq!(sheet.events.len(), count);
    // Nor does anything that is still asked of it fail.
    sheet.resize((100.0, 100.0));
    sheet.shell.set_form(Form::Strip);
}

//! sway: the sheet, the strip and the window; keyboard, pointer, outputs and a screen locker.

use std::time::Duration;

use endsession_dialog::{
    geometry::{Point, Size},
    input::{Input, Key},
    shell::{Form, ShellEvent, Target},
};
use endsession_testkit::{
    session::{Proc, Sandbox},
    sway::{Config, Sway},
};

use crate::support::{
    client::{Client, FILL, LIMIT},
    pointer::VirtualPointer,
    screen::Screen,
};

/// A sway with one output of 1280 by 720.
fn sway(lines: &[&str]) -> Sway {
    let mut config = Config::new().line("output * resolution 1280x720");
    for line in lines {
        config = config.line(*line);
    }
    Sway::start_in(&Sandbox::new(), &config)
}

fn target(sway: &Sway) -> Target {
    let socket = sway.sandbox().runtime_dir().join(sway.display());
    Target {
        wayland: Some(socket.to_str().unwrap().to_owned()),
        x11: None,
    }
}

fn pointer(sway: &Sway) -> VirtualPointer {
    let socket = target(sway).wayland.unwrap();
    VirtualPointer::new(&socket, (1280, 720))
}

#[track_caller]
fn command(sway: &Sway, line: &str) {
    sway.command(line)
        .unwrap_or_else(|error| panic!("{line}: {error}"));
}

/// What one output shows.
#[track_caller]
fn screen(sway: &Sway, output: &str, name: &str) -> Screen {
    let inside = sway.sandbox().runtime_dir().join(format!("{name}.png"));
    let grim = sway
        .sandbox()
        .spawn(["grim", "-o", output, inside.to_str().unwrap()]);
    assert!(
        grim.wait_exit(LIMIT).success(),
        "grim: {}",
        grim.stderr_so_far()
    );
    Screen::read(&inside)
}

/// Presses keys, while the windows go on; dropped, the keyboard goes.
fn wtype(sway: &Sway, args: &[&str]) -> Proc {
    // A headless seat has no keyboard before, and the first key would be missed.
    let wait = ["wtype", "-s", "500"];
    sway.sandbox()
        .spawn([&wait, args, &["-s", "60000"]].concat())
}

#[test]
fn a_sheet_is_centred_on_a_dimmed_output() {
    let sway = sway(&[]);
    let mut white = Client::shown(&target(&sway), Form::Window, (200.0, 100.0));
    white.refill([255, 255, 255]);
    let sheet = Client::shown(&target(&sway), Form::Sheet, (400.0, 300.0));
    assert_eq!(sheet.room, Some((Size::new(1280.0, 720.0), 1.0, false)));
    let screen = screen(&sway, "HEADLESS-1", "sway-sheet");
    screen.shows((440, 210), (400, 300), 1.0, FILL);
    assert_eq!(screen.count([255, 255, 255]), 0, "nothing is left undimmed");
}

#[test]
fn nothing_is_seen_before_the_first_frame() {
    let sway = sway(&[]);
    let before = screen(&sway, "HEADLESS-1", "sway-before");
    let mut client = Client::open(&target(&sway), Form::Sheet, (400.0, 300.0));
    assert_eq!(client.frames, 0);
    let after = screen(&sway, "HEADLESS-1", "sway-opened");
    assert_eq!(before.at(640, 360), after.at(640, 360));
    client.until("the window is seen", |c| c.visible);
}

#[test]
fn a_sheet_has_the_keyboard_and_its_keys_arrive() {
    let sway = sway(&[]);
    let mut sheet = Client::shown(&target(&sway), Form::Sheet, (400.0, 300.0));
    let _keyboard = wtype(
        &sway,
        &[
            "-k", "Tab", "-M", "shift", "-k", "Tab", "-m", "shift", "-k", "Return", "-k", "space",
            "-k", "Escape", "-k", "Up", "-k", "Next", "-k", "a", "-M", "ctrl", "-k", "Home", "-m",
            "ctrl", "-k", "End",
        ],
    );
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
    let mut sheet = Client::shown(&target(&sway), Form::Sheet, (400.0, 300.0));
    let holds = [
        "wtype", "-s", "300", "-P", "Down", "-s", "3000", "-p", "Down",
    ];
    let wtype = sway.sandbox().spawn(holds);
    let repeated = |c: &Client| {
        let inputs = c.inputs();
        let again = |i: &&Input| {
            matches!(
                i,
                Input::Key {
                    key: Key::Down,
                    repeated: true
                }
            )
        };
        inputs.iter().filter(again).count()
    };
    sheet.until("it repeats", |c| repeated(c) >= 3);
    assert_eq!(sheet.keys(), [Key::Down]);
    assert!(wtype.wait_exit(LIMIT).success());
    sheet.until("the keyboard has gone", |c| !c.focused);
    let count = repeated(&sheet);
    sheet.rest(Duration::from_millis(500));
    assert_eq!(repeated(&sheet), count);
}

#[test]
fn the_pointer_is_told_in_places_of_the_card() {
    let sway = sway(&[]);
    let mut pointer = pointer(&sway);
    let mut sheet = Client::shown(&target(&sway), Form::Sheet, (400.0, 300.0));
    pointer.go(460, 240);
    pointer.click();
    let at = Point::new(20.0, 30.0);
    sheet.until("a click", |c| {
        c.inputs().contains(&Input::PointerReleased(at))
    });
    assert_eq!(sheet.presses(), [at]);
    pointer.wheel(2);
    sheet.until("the wheel", |c| c.inputs().contains(&Input::Scrolled(96.0)));
    pointer.go(100, 100);
    sheet.until("it leaves", |c| c.inputs().contains(&Input::PointerLeft));
    // A click beside the card is swallowed, and is nothing to whoever paints.
    pointer.click();
    pointer.wheel(1);
    pointer.go(839, 500);
    let back = Input::PointerMoved(Point::new(399.0, 290.0));
    sheet.until("it is back", |c| c.inputs().contains(&back));
    assert_eq!(sheet.presses().len(), 1);
    let inputs = sheet.inputs().len();
    drop(pointer);
    sheet.until("it is unplugged", |c| {
        c.inputs()[inputs..] == [Input::PointerLeft]
    });
}

#[test]
fn a_card_that_grows_stays_in_the_middle() {
    let sway = sway(&[]);
    let mut sheet = Client::shown(&target(&sway), Form::Sheet, (400.0, 300.0));
    sheet.resize((600.0, 500.0));
    let frames = |c: &Client| {
        let done = |e: &&ShellEvent| **e == ShellEvent::FrameDone;
        c.events.iter().filter(done).count()
    };
    sheet.until("the frame", |c| frames(c) == 2);
    let shot = screen(&sway, "HEADLESS-1", "sway-grown");
    shot.shows((340, 110), (600, 500), 1.0, FILL);
    sheet.resize((200.0, 100.0));
    sheet.until("the frame", |c| frames(c) == 3);
    let shot = screen(&sway, "HEADLESS-1", "sway-shrunk");
    shot.shows((540, 310), (200, 100), 1.0, FILL);
}

#[test]
fn a_strip_has_the_top_edge_and_never_the_keyboard_by_itself() {
    let sway = sway(&["for_window [app_id=\"endsession-test\"] border none"]);
    let mut tiled = Client::shown(&target(&sway), Form::Window, (300.0, 200.0));
    command(&sway, "[app_id=endsession-test] floating disable");
    tiled.until("it is tiled", |c| {
        c.room == Some((Size::new(1280.0, 720.0), 1.0, true))
    });
    let mut strip = Client::shown(&target(&sway), Form::Strip, (600.0, 80.0));
    assert_eq!(strip.room, Some((Size::new(1280.0, 180.0), 1.0, false)));
    tiled.until("it made room", |c| {
        c.room == Some((Size::new(1280.0, 640.0), 1.0, true)) && c.visible
    });
    let _keyboard = wtype(&sway, &["-k", "Return"]);
    tiled.until("the key", |c| c.keys() == [Key::Enter]);
    strip.rest(Duration::from_millis(300));
    assert_eq!(strip.keys(), []);
    let shot = screen(&sway, "HEADLESS-1", "sway-strip");
    shot.covers((340, 0), (600, 80), 1.0, FILL);
    // Seen over what is fullscreen.
    command(&sway, "[app_id=endsession-test] fullscreen enable");
    tiled.until("it is fullscreen", |c| {
        c.room == Some((Size::new(1280.0, 720.0), 1.0, true))
    });
    let shot = screen(&sway, "HEADLESS-1", "sway-strip-fullscreen");
    shot.covers((340, 0), (600, 80), 1.0, FILL);
}

#[test]
fn a_click_gives_the_strip_the_keyboard_while_the_pointer_is_on_it() {
    let sway = sway(&[]);
    let mut pointer = pointer(&sway);
    let mut under = Client::shown(&target(&sway), Form::Window, (300.0, 200.0));
    let mut strip = Client::shown(&target(&sway), Form::Strip, (600.0, 80.0));
    let _keyboard = wtype(&sway, &[]);
    under.until("the keyboard", |c| c.focused);
    pointer.go(400, 40);
    pointer.click();
    strip.until("a click", |c| c.presses().len() == 1);
    strip.shell.take_keyboard();
    strip.until("the keyboard", |c| c.focused);
    under.until("the keyboard is lent", |c| !c.focused);
    pointer.go(400, 400);
    strip.until("the keyboard is given back", |c| !c.focused);
    under.until("the keyboard", |c| c.focused);
}

#[test]
fn forms_change_in_place_and_the_keyboard_is_let_go_at_once() {
    let sway = sway(&[]);
    let mut under = Client::shown(&target(&sway), Form::Window, (300.0, 200.0));
    let mut client = Client::shown(&target(&sway), Form::Sheet, (400.0, 300.0));
    // wtype holds the seat's keyboard while it waits.
    let typing = sway.sandbox().spawn(["wtype", "-s", "20000", "-k", "a"]);
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
    let shot = screen(&sway, "HEADLESS-1", "sway-switched");
    shot.shows((340, 0), (600, 80), 1.0, FILL);
    assert!(client.visible);
    assert!(!client.events.contains(&ShellEvent::Visible(false)));
    client.shell.set_form(Form::Sheet);
    client.until("the keyboard", |c| c.focused);
    client.resize((400.0, 300.0));
    client.rest(Duration::from_millis(200));
    let shot = screen(&sway, "HEADLESS-1", "sway-switched-back");
    shot.shows((440, 210), (400, 300), 1.0, FILL);
    drop(typing);
}

#[test]
fn a_window_floats_at_its_own_size_and_is_closed_by_its_manager() {
    let sway = sway(&["default_floating_border none"]);
    let mut client = Client::shown(&target(&sway), Form::Window, (300.0, 200.0));
    let window = sway.wait_for_window(LIMIT, |w| w.app_id == "endsession-test");
    assert_eq!(window.title, "A test's window");
    client.shell.set_title("Another");
    sway.wait_for_window(LIMIT, |w| w.title == "Another");
    let shot = screen(&sway, "HEADLESS-1", "sway-window");
    shot.shows((490, 260), (300, 200), 1.0, FILL);
    sway.close(&window);
    client.until("it is to close", |c| {
        c.events.contains(&ShellEvent::CloseRequested)
    });
}

#[test]
fn a_scale_of_two_makes_four_pixels_of_one() {
    let sway = sway(&["output * scale 2"]);
    let sheet = Client::shown(&target(&sway), Form::Sheet, (200.0, 100.0));
    assert_eq!(sheet.room, Some((Size::new(640.0, 360.0), 2.0, false)));
    let shot = screen(&sway, "HEADLESS-1", "sway-scale-2");
    shot.shows((440, 260), (400, 200), 2.0, FILL);
}

#[test]
fn a_scale_that_changes_is_followed() {
    let sway = sway(&[]);
    let mut sheet = Client::shown(&target(&sway), Form::Sheet, (200.0, 100.0));
    command(&sway, "output HEADLESS-1 scale 2");
    sheet.until("the scale", |c| {
        c.room == Some((Size::new(640.0, 360.0), 2.0, false))
    });
    sheet.rest(Duration::from_millis(200));
    let shot = screen(&sway, "HEADLESS-1", "sway-scale-changed");
    shot.shows((440, 260), (400, 200), 2.0, FILL);
}

#[test]
fn an_output_that_comes_is_dimmed() {
    let sway = sway(&[]);
    let mut white = Client::shown(&target(&sway), Form::Window, (200.0, 100.0));
    white.refill([255, 255, 255]);
    let mut sheet = Client::shown(&target(&sway), Form::Sheet, (400.0, 300.0));
    command(&sway, "create_output");
    command(&sway, "output HEADLESS-2 resolution 800x600");
    sheet.rest(Duration::from_millis(300));
    let empty = screen(&sway, "HEADLESS-2", "sway-second");
    assert_eq!(empty.count(FILL), 0, "one card only");
    command(&sway, "[app_id=endsession-test] move to output HEADLESS-2");
    sheet.rest(Duration::from_millis(300));
    let second = screen(&sway, "HEADLESS-2", "sway-second-dimmed");
    assert_eq!(second.count([255, 255, 255]), 0, "it is dimmed");
    assert!(second.count([127, 127, 127]) + second.count([128, 128, 128]) > 10_000);
}

#[test]
fn a_sheet_under_a_locker_is_not_seen_until_it_is_unlocked() {
    let sway = sway(&[]);
    let typing = sway.sandbox().spawn(["wtype", "-s", "60000", "-k", "a"]);
    let mut sheet = Client::shown(&target(&sway), Form::Sheet, (400.0, 300.0));
    sheet.until("the keyboard", |c| c.focused);
    let locker = sway.sandbox().spawn(["swaylock", "-c", "004000"]);
    sheet.until("it is not seen", |c| !c.visible);
    let locked = screen(&sway, "HEADLESS-1", "sway-locked");
    assert_eq!(locked.count(FILL), 0, "nothing of it over the locker");
    assert_eq!(locked.count([0, 0x40, 0]), 1280 * 720);
    locker.signal(rustix::process::Signal::USR1);
    sheet.until("it is seen again", |c| c.visible && c.focused);
    let shot = screen(&sway, "HEADLESS-1", "sway-unlocked");
    shot.shows((440, 210), (400, 300), 1.0, FILL);
    drop(typing);
}

#[test]
fn nothing_happens_and_nobody_wakes_while_nothing_changes() {
    let sway = sway(&[]);
    let mut sheet = Client::shown(&target(&sway), Form::Sheet, (400.0, 300.0));
    sheet.rest(Duration::from_millis(500));
    sheet.idles();
}

#[test]
fn a_compositor_that_dies_is_told_once() {
    let sway = sway(&[]);
    let mut sheet = Client::shown(&target(&sway), Form::Sheet, (400.0, 300.0));
    drop(sway);
    sheet.until("it is lost", |c| c.lost.is_some());
    let count = sheet.events.len();
    sheet.rest(Duration::from_millis(200));
    assert_eq!(sheet.events.len(), count);
    // Nor does anything that is still asked of it fail.
    sheet.resize((100.0, 100.0));
    sheet.shell.set_form(Form::Strip);
}

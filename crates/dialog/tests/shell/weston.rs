//! weston: a compositor without layer shell, where every form is an ordinary window.

use std::time::Duration;

use endsession_dialog::{
    input::{Input, Key},
    shell::{Form, ShellEvent},
};
use endsession_testkit::{picture::Picture, weston::Weston};

use crate::support::{
    client::{BORDER, Client},
    place::Place,
};

/// A weston whose pointer is beside its output.
fn weston() -> Weston {
    let weston = Weston::start();
    point_away(&weston);
    weston
}

/// Takes the pointer off the pictures: over a window it is drawn with the theme of the test's own
/// environment.
fn point_away(weston: &Weston) {
    weston.point(1290, 10);
}

/// Where the window is on the screen, once it is there whole and of this size.
#[track_caller]
fn place(client: &mut Client, weston: &Weston, size: (u32, u32)) -> (u32, u32) {
    // weston tells of no frame that X has shown, nor when the pointer has gone from it: each picture
    // takes its time by itself.
    let find = |picture: &Picture| {
        let found = picture.bounds_of(BORDER)?;
        let at = (found.x, found.y);
        Place::new(at, size).holds(picture).is_ok().then_some(at)
    };
    let picture = client.until_picture(weston, |picture| find(picture).is_some());
    find(&picture).unwrap()
}

#[test]
fn a_sheet_is_a_window_that_is_shown_and_spoken_to() {
    let weston = weston();
    let mut sheet = Client::shown(&weston, Form::Sheet, (400.0, 300.0));
    sheet.until("the keyboard", |c| c.focused);
    let (left, top) = place(&mut sheet, &weston, (400, 300));
    weston.click(left as i16 + 20, top as i16 + 30);
    weston.scroll(1);
    sheet.until("the wheel", |c| c.inputs().contains(&Input::Scrolled(48.0)));
    assert_eq!(sheet.presses().len(), 1);
    weston.press_key(&["Tab"]);
    weston.press_key(&["Return"]);
    sheet.until("the keys", |c| c.keys() == [Key::Tab, Key::Enter]);

    point_away(&weston);
    sheet.resize((500.0, 400.0));
    place(&mut sheet, &weston, (500, 400));
    assert!(sheet.visible);

    // Another form is the same window.
    sheet.shell.set_form(Form::Strip);
    sheet.rest(Duration::from_millis(300));
    assert!(sheet.visible && sheet.focused);
}

#[test]
fn it_is_dragged_by_the_place_that_is_pressed() {
    let weston = weston();
    let mut window = Client::shown(&weston, Form::Window, (300.0, 200.0));
    let (left, top) = place(&mut window, &weston, (300, 200));
    let (x, y) = (left as i16 + 50, top as i16 + 50);
    weston.point(x, y);
    weston.hold_button();
    window.until("a press", |c| c.presses().len() == 1);
    window.shell.begin_move();
    window.until("the pointer is the compositor's", |c| {
        c.inputs().contains(&Input::PointerLeft)
    });
    weston.drag(x + 30, y + 20);
    weston.release_button();
    point_away(&weston);
    let expected = Place::new((left + 30, top + 20), (300, 200));
    window.until_at(expected, &weston);
}

#[test]
fn a_compositor_that_dies_is_told() {
    let weston = weston();
    let mut window = Client::shown(&weston, Form::Window, (300.0, 200.0));
    weston.process().kill();
    window.until("it is lost", |c| {
        matches!(c.events.last(), Some(ShellEvent::Lost(_)))
    });
}

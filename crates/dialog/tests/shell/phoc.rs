//! phoc: another compositor with layer shell, which does things otherwise than sway.

use endsession_dialog::{
    geometry::{Point, Size},
    input::{Input, Key},
    shell::Form,
};
use endsession_testkit::{phoc::Phoc, picture::Screen, session::Sandbox};

use crate::support::{client::Client, place::Place};

/// A phoc whose pointer is out of the pictures: over a window it is drawn with the theme of the
/// test's own environment.
fn phoc(scale: f64) -> Phoc {
    let phoc = Phoc::with_scale_in(&Sandbox::new(), scale);
    let corner = (1279.0 / scale, 719.0 / scale);
    phoc.inputs().point(corner.0 as i32, corner.1 as i32);
    phoc
}

#[test]
fn a_sheet_is_shown_and_spoken_to() {
    let phoc = phoc(1.0);
    let mut sheet = Client::shown(&phoc, Form::Sheet, (400.0, 300.0));
    assert_eq!(sheet.room, Some((Size::new(1280.0, 720.0), 1.0, false)));
    let place = Place::new((440, 210), (400, 300));
    place.holds(&phoc.picture()).unwrap();
    sheet.until("the keyboard", |c| c.focused);
    phoc.press_key(&["Tab"]);
    phoc.press_key(&["Escape"]);
    sheet.until("the keys", |c| c.keys() == [Key::Tab, Key::Escape]);
    phoc.click(460, 240);
    let at = Point::new(20.0, 30.0);
    sheet.until("a click", |c| {
        c.inputs().contains(&Input::PointerReleased(at))
    });
    phoc.inputs().point(1279, 719);
    sheet.resize((600.0, 500.0));
    sheet.until_at(Place::new((340, 110), (600, 500)), &phoc);
}

#[test]
fn a_strip_is_at_the_top_and_becomes_a_sheet() {
    let phoc = phoc(1.0);
    let mut client = Client::shown(&phoc, Form::Strip, (600.0, 80.0));
    assert_eq!(client.room, Some((Size::new(1280.0, 180.0), 1.0, false)));
    client.until_at(Place::new((340, 0), (600, 80)), &phoc);
    client.shell.set_form(Form::Sheet);
    client.resize((400.0, 300.0));
    client.until("room for the sheet", |c| {
        c.room == Some((Size::new(1280.0, 720.0), 1.0, false))
    });
    client.until_at(Place::new((440, 210), (400, 300)), &phoc);
    assert!(client.visible);
}

#[test]
fn a_scale_of_two_makes_four_pixels_of_one() {
    let phoc = phoc(2.0);
    let sheet = Client::shown(&phoc, Form::Sheet, (200.0, 100.0));
    assert_eq!(sheet.room, Some((Size::new(640.0, 360.0), 2.0, false)));
    let place = Place::new((440, 260), (400, 200)).scaled(2.0);
    place.holds(&phoc.picture()).unwrap();
}

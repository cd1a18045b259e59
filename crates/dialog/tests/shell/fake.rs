//! What needs a compositor of the tests' own: fractions, fingers, frames that do not come, outputs
//! that go.

use std::time::Duration;

use endsession_dialog::{
    geometry::{Point, Size},
    input::{Input, Key},
    shell::Form,
};

use crate::support::{
    client::Client,
    compositor::{Compositor, Order},
};

const ROOM: Size = Size::new(1000.0, 600.0);

#[test]
fn a_scale_of_one_and_a_half_is_painted_in_its_own_pixels() {
    let mut compositor = Compositor::start(180);
    let mut sheet = Client::shown(&compositor, Form::Sheet, (301.0, 200.0));
    assert_eq!(sheet.room, Some((ROOM, 1.5, false)));
    let [card] = compositor.cards()[..] else {
        panic!("{:?}", compositor.seen());
    };
    assert_eq!((card.buffer, card.shown), ((452, 300), (301, 200)));
    assert_eq!(card.at, (349, 200));
    compositor.order(Order::Scale(240));
    sheet.until("the scale", |c| c.room == Some((ROOM, 2.0, false)));
    sheet.until("the frame", |_| compositor.cards()[0].buffer == (602, 400));
}

#[test]
fn fingers_are_told_apart_in_places_of_the_card() {
    let mut compositor = Compositor::start(120);
    let mut sheet = Client::shown(&compositor, Form::Sheet, (300.0, 200.0));
    compositor.order(Order::TouchDown(7, 10.0, 20.0));
    compositor.order(Order::TouchDown(9, 30.0, 40.0));
    compositor.order(Order::TouchMove(7, 11.5, 21.0));
    compositor.order(Order::TouchUp(7));
    compositor.order(Order::TouchCancel);
    // Of fingers that are not down nothing is told.
    compositor.order(Order::TouchUp(9));
    compositor.order(Order::TouchDown(9, 50.0, 60.0));
    sheet.until("the last finger", |c| c.inputs().len() == 6);
    let inputs = sheet.inputs();
    let [
        Input::TouchDown(first, at),
        Input::TouchDown(second, _),
        rest @ ..,
    ] = &inputs[..]
    else {
        panic!("{inputs:?}");
    };
    assert_eq!(*at, Point::new(10.0, 20.0));
    assert_ne!(first, second);
    let expected = [
        Input::TouchMoved(*first, Point::new(11.5, 21.0)),
        Input::TouchUp(*first),
        Input::TouchCancelled,
        Input::TouchDown(*first, Point::new(50.0, 60.0)),
    ];
    assert_eq!(rest, expected);
}

#[test]
fn a_keyboard_and_a_pointer_that_are_unplugged_let_go() {
    const DOWN: u32 = 108;
    let mut compositor = Compositor::start(120);
    compositor.order(Order::Devices(true));
    let mut sheet = Client::shown(&compositor, Form::Sheet, (300.0, 200.0));
    compositor.order(Order::Point(10.0, 20.0));
    compositor.order(Order::Hold(DOWN));
    sheet.until("it repeats", |c| c.repetitions() >= 3);
    assert_eq!(sheet.keys(), [Key::Down]);
    compositor.order(Order::Devices(false));
    sheet.until("both have gone", |c| {
        !c.focused && c.inputs().contains(&Input::PointerLeft)
    });
    let count = sheet.inputs().len();
    sheet.rest(Duration::from_millis(500));
    assert_eq!(sheet.inputs().len(), count);
}

#[test]
fn a_frame_that_is_not_shown_is_not_seen_until_it_is() {
    let mut compositor = Compositor::start(120);
    let mut sheet = Client::shown(&compositor, Form::Sheet, (300.0, 200.0));
    compositor.order(Order::Hide(true));
    sheet.resize((310.0, 200.0));
    sheet.until("it is not seen", |c| !c.visible);
    // Nothing more is painted meanwhile.
    let frames = sheet.frames;
    sheet.resize((320.0, 200.0));
    assert_eq!(sheet.frames, frames);
    compositor.order(Order::Hide(false));
    sheet.until("it is seen, as it is now", |c| {
        c.visible && c.frames == frames + 1
    });
    sheet.until("the frame", |_| compositor.cards()[0].shown == (320, 200));
}

#[test]
fn a_sheet_opened_behind_a_lock_is_not_seen() {
    let mut compositor = Compositor::start(120);
    compositor.order(Order::Hide(true));
    let mut sheet = Client::open(&compositor, Form::Sheet, (300.0, 200.0));
    sheet.rest(Duration::from_millis(1500));
    assert!(sheet.frames == 1 && !sheet.visible);
    compositor.order(Order::Hide(false));
    sheet.until("it is seen", |c| c.visible);
}

#[test]
fn a_card_whose_output_goes_comes_back_on_another() {
    let mut compositor = Compositor::start(120);
    let mut sheet = Client::shown(&compositor, Form::Sheet, (300.0, 200.0));
    compositor.order(Order::Plug);
    sheet.until("both are dimmed", |_| compositor.seen().len() == 3);
    compositor.order(Order::Unplug);
    sheet.until("it is there again", |c| {
        compositor.seen().len() == 2 && compositor.cards().len() == 1 && c.visible
    });
    // And where there is no other, when there is one.
    compositor.order(Order::Unplug);
    sheet.until("it is not seen", |c| !c.visible);
    compositor.order(Order::Plug);
    sheet.until("it is seen", |c| c.visible);
    assert_eq!(compositor.cards().len(), 1);
    assert!(sheet.lost.is_none());
}

//! `ask`: the seed's own box, with its user's keys and pointer.

use endsession_testkit::picture::Screen as _;
use endsession_testkit::wine::{Program, Wine};
use endsession_testkit::x11::{Window, Xvfb};

use crate::{LIMIT, keep_picture, start};

/// The box, shown.
#[track_caller]
fn asked(xvfb: &Xvfb, wine: &Wine, words: &[&str]) -> (Program, Window) {
    let ask = start(wine, &[&["ask"], words].concat());
    let shown = xvfb.wait_for_window(LIMIT, |window| window.title == "endsession");
    xvfb.wait_for_focus(&shown, LIMIT);
    (ask, shown)
}

#[test]
fn yes_is_0_and_no_is_1() {
    let xvfb = Xvfb::with_openbox();
    let wine = Wine::on_display_in(xvfb.sandbox());
    for (key, code) in [("y", 0), ("n", 1)] {
        let (ask, shown) = asked(&xvfb, &wine, &[]);
        // The button's underlined letter, as in any box of Windows.
        xvfb.press(&shown, &[key]);
        assert_eq!(ask.wait_exit(LIMIT).code(), Some(code), "{key}");
    }
}

#[test]
fn the_question_is_shown_and_its_buttons_are_clicked() {
    let xvfb = Xvfb::with_openbox();
    let wine = Wine::on_display_in(xvfb.sandbox());
    let words = ["Restart the server?", "--detail", "Two backups run."];
    let (ask, shown) = asked(&xvfb, &wine, &words);
    xvfb.wait_until_still(LIMIT);
    keep_picture(&xvfb, "wine-ask.png");
    let (left, top, width, height) = xvfb.place(&shown);
    // The right one of its two buttons, at its bottom.
    let (x, y) = (left + width as i32 * 3 / 4, top + height as i32 - 20);
    xvfb.click(i16::try_from(x).unwrap(), i16::try_from(y).unwrap());
    assert_eq!(ask.wait_exit(LIMIT).code(), Some(1));
}

//! Beside an application's own dialog: ours neither covers it nor takes its keyboard.

use endsession_testkit::apps::{self, App};
use endsession_testkit::picture::Region;
use endsession_testkit::session::Proc;

use crate::desk::{LIMIT, Shown};
use crate::room::{CARD, On, Room, on_both};

on_both! {
    a_save_dialog_keeps_its_place_and_its_keyboard;
    its_answer_lets_the_log_off_go_on;
    the_strip_cancels_by_a_click;
    the_key_for_logging_off_once_more_shows_all_of_it;
}

const TEXT: &str = "not saved yet";

/// A log-off that an editor's save dialog holds up, and the strip that says so.
fn blocked(room: &Room) -> (App, Proc, Region) {
    let mousepad = apps::mousepad(&room.desk.sandbox);
    mousepad.write(TEXT);
    room.desk.wait_for_window("*");
    let logoff = room.log_off(&[]);
    room.desk.wait_for_window("Save Changes");
    room.dialog();
    let strip = room.sees(|p| {
        let card = p.bounds_of(CARD);
        card.is_some_and(|c| c.y < 8 && c.width > 600 && p.count(CARD) > 20_000)
    });
    let strip = strip.crop((0, 0, strip.width(), 100));
    (mousepad, logoff, strip.bounds_of(CARD).unwrap())
}

/// Where the save dialog is.
fn save_dialog(room: &Room) -> Region {
    match &room.desk.shown {
        Shown::Sway(sway) => {
            let tree = sway.tree();
            find(&tree, "Save Changes").expect("the save dialog")
        }
        Shown::X11(xvfb) => {
            let window = xvfb.wait_for_window(LIMIT, |w| w.title == "Save Changes");
            let (x, y, width, height) = xvfb.place(&window);
            Region {
                x: x.try_into().unwrap(),
                y: y.try_into().unwrap(),
                width,
                height,
            }
        }
    }
}

fn find(node: &serde_json::Value, title: &str) -> Option<Region> {
    if node["name"] == title {
        let rect = |field: &str| u32::try_from(node["rect"][field].as_i64()?).ok();
        return Some(Region {
            x: rect("x")?,
            y: rect("y")?,
            width: rect("width")?,
            height: rect("height")?,
        });
    }
    let children = ["nodes", "floating_nodes"].iter();
    children
        .filter_map(|list| node[*list].as_array())
        .flatten()
        .find_map(|child| find(child, title))
}

fn a_save_dialog_keeps_its_place_and_its_keyboard(on: On) {
    let room = Room::new(on);
    let (mousepad, logoff, strip) = blocked(&room);
    let dialog = save_dialog(&room);
    assert!(
        strip.y + strip.height <= dialog.y || strip.x + strip.width <= dialog.x,
        "{strip:?} covers {dialog:?}"
    );
    // The key goes to the save dialog: it is cancelled, and the log-off is not.
    room.key(&["Escape"]);
    mousepad.wait_for_text(TEXT, LIMIT);
    match &room.desk.shown {
        Shown::Sway(sway) => {
            sway.wait_for_windows(LIMIT, |all| all.iter().all(|w| w.title != "Save Changes"));
        }
        Shown::X11(xvfb) => {
            xvfb.wait_for_windows(LIMIT, |all| all.iter().all(|w| w.title != "Save Changes"));
        }
    }
    assert_eq!(room.desk.status()["request"]["phase"], "closing");
    assert_eq!(room.desk.endsession(&["cancel"]).0, 0);
    room.ends(&logoff, 1);
    assert!(mousepad.process().is_alive());
}

fn its_answer_lets_the_log_off_go_on(on: On) {
    let room = Room::new(on);
    let (mousepad, logoff, _) = blocked(&room);
    mousepad.press("Don't Save");
    room.ends(&logoff, 0);
    room.is_over();
}

fn the_strip_cancels_by_a_click(on: On) {
    let room = Room::new(on);
    let (mousepad, logoff, strip) = blocked(&room);
    // The last of its buttons.
    let cancel = Region {
        x: strip.x + strip.width - 70,
        y: strip.y + 20,
        width: 20,
        height: 20,
    };
    room.click(cancel);
    let said = room.ends(&logoff, 1);
    assert!(said.contains("The log-off was cancelled."), "{said}");
    assert_eq!(mousepad.text(), TEXT);
}

fn the_key_for_logging_off_once_more_shows_all_of_it(on: On) {
    let room = Room::new(on);
    let (_mousepad, logoff, _) = blocked(&room);
    let again = room.log_off(&[]);
    // In the middle, and with the keyboard.
    room.sees(|p| p.bounds_of(CARD).is_some_and(|c| c.y > 100) && p.count(CARD) > 20_000);
    room.key(&["Escape"]);
    room.ends(&logoff, 1);
    room.ends(&again, 1);
}

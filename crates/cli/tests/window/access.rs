//! What a screen reader reads, hears and can do.

use endsession_testkit::apps::{Answer, GtkApp};
use endsession_testkit::wait::until_gone;

use crate::desk::LIMIT;
use crate::room::{On, Room, on_both};

on_both! {
    everything_is_named_and_every_button_can_be_pressed;
    what_comes_and_goes_is_announced;
}

fn everything_is_named_and_every_button_can_be_pressed(on: On) {
    let room = Room::new(on);
    let reader = room.reader();
    let holder = room.holder();
    let logoff = room.log_off(&["--reason", "Maintenance"]);
    let dialog = reader.application(room.dialog());
    let tree = dialog.wait_for_tree(LIMIT, |tree| tree.contains("Cancel"));
    for line in [
        "frame \"Logging off\"",
        "heading \"Logging off\"",
        "label \"One application holds this up.\"",
        "list \"Applications that hold this up\"",
        "list item",
        "\"There are unsaved documents\"",
        "button \"Show ",
        "button \"End ",
        "button \"End all anyway…\"",
        "button \"Ask again\"",
        "button \"Cancel\"",
    ] {
        assert!(tree.contains(line), "no {line} in\n{tree}");
    }
    room.focused();
    let focused = |tree: &str| {
        let mut lines = tree.lines();
        lines.any(|l| l.contains("\"Cancel\"") && l.contains("focused"))
    };
    dialog.wait_for_tree(LIMIT, focused);
    // Through the warning and back, then through it to the end.
    room.press(&dialog, "End all anyway…");
    room.press(&dialog, "Back");
    room.press(&dialog, "End all anyway…");
    room.press(&dialog, "End all");
    room.ends(&logoff, 0);
    holder.wait_exit(LIMIT);
    room.is_over();
}

fn what_comes_and_goes_is_announced(on: On) {
    let room = Room::new(on);
    let reader = room.reader();
    let _first = room.holder();
    let second = GtkApp::start(&room.desk.sandbox, Answer::Agree);
    let logoff = room.log_off(&[]);
    let pid = room.dialog();
    let dialog = reader.application(pid);
    room.focused();
    dialog.wait_for_tree(LIMIT, |tree| {
        tree.contains("One application holds this up.")
    });
    let mark = reader.mark();
    second.inhibit("Burning a disc");
    reader.wait_for_announcement(mark, ": Burning a disc", LIMIT);
    dialog.wait_for_tree(LIMIT, |tree| tree.contains("2 applications hold this up."));
    let mark = reader.mark();
    second.uninhibit();
    reader.wait_for_announcement(mark, "no longer holds this up", LIMIT);
    room.press(&dialog, "Cancel");
    room.ends(&logoff, 1);
    assert!(until_gone(pid, LIMIT));
}

//! One that agrees and asks only when it is told to end goes before all others: a No costs nothing.

use endsession_testkit::apps;
use endsession_testkit::xsmp::Qt6Manner;

use super::*;

const DEADLINES: &str = "window-stays = \"1s\"";

fn a_qt6_editor_is_told_before_anybody_else(desk: &Desk) {
    let mousepad = apps::mousepad(&desk.sandbox);
    let editor = App::qt6_editor(&desk.sandbox);
    editor.modify("not saved yet");
    let agrees = Qt6Session::start(&desk.sandbox, Qt6Manner::Agree);
    let xterm = App::xterm(&desk.sandbox);
    let gvim = App::gvim(&desk.sandbox);
    for app in [&editor, &xterm] {
        app.wait_for_registration(LIMIT);
    }
    let others = [
        ("mousepad", mousepad.process().pid()),
        ("agrees", agrees.pid()),
        ("xterm", xterm.pid()),
        ("gvim", gvim.pid()),
    ];

    let first = LogOff::begin(desk);
    first.wait_for_answer("accept", editor.pid());
    let title = editor.events().wait_for("dialog", LIMIT)["title"].clone();
    first.wait_for_news(|e| {
        e["event"] == "blocked"
            && e["kind"] == "window"
            && e["pid"] == editor.pid()
            && e["reason"] == title
    });
    editor.answer(Choice::Cancel);
    first.wait_for_news(|e| {
        let reason = e["reason"].as_str().unwrap_or_default();
        e["event"] == "blocked" && e["pid"] == editor.pid() && reason.starts_with('*')
    });
    assert_eq!(desk.endsession(&["cancel"]).0, 0);
    let cancelled = first.is_cancelled();
    assert!(
        first.said().contains("its window is still open"),
        "{}",
        first.said()
    );
    assert_eq!(first.pids("closing"), [u64::from(editor.pid())]);
    assert_eq!(cancelled["gone"], serde_json::json!([]));
    are_alive(&others.map(|(_, pid)| pid));
    assert!(!agrees.events().names().contains(&"quit".to_owned()));
    assert!(editor.window().title.starts_with('*'));

    // It was told to end, and is known by its window from then on.
    let second = LogOff::begin(desk);
    desk.exits.watch("editor", editor.pid());
    for (name, pid) in others {
        desk.exits.watch(name, pid);
    }
    editor.events().wait_for("dialog", LIMIT);
    second.wait_for("closing", editor.pid());
    assert_eq!(second.pids("closing"), [u64::from(editor.pid())]);
    editor.answer(Choice::Discard);
    let order = second.is_over(desk, 5);
    assert_eq!(order[..2], ["editor", "mousepad"]);
}

on_both! { a_qt6_editor_is_told_before_anybody_else; }

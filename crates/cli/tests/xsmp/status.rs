//! What clients say of themselves: shown as their words, and never run.

use std::path::Path;

use serde_json::json;

use crate::desk::{Desk, QUERY, was_cancelled};

/// A command that leaves a trace when it is run.
fn trap(trace: &Path) -> Vec<Vec<u8>> {
    let touch = format!("touch {}", trace.display());
    ["/bin/sh", "-c", &touch].map(|word| word.into()).to_vec()
}

fn words(list: &[Vec<u8>]) -> String {
    let hex = |word: &Vec<u8>| word.iter().map(|b| format!("{b:02x}")).collect::<String>();
    list.iter().map(hex).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_a_client_says_of_itself_is_shown() {
    let desk = Desk::new();
    let app = desk.client("editor");
    app.order_with("set Program", b"/usr/bin/gedit");
    app.order_with("set ProcessID", b"1");
    let restart = ["gedit".into(), b"--state".to_vec(), b"a b".to_vec()];
    app.order(&format!("set RestartCommand {}", words(&restart)));
    // What it is asked it has, so all of it has come.
    app.order("request Local");
    app.hears("save Local None");
    let status = desk.status();
    let known = &status["applications"][0];
    let told = &known["xsmp"][0]["properties"];
    assert_eq!(told["RestartCommand"], json!(["gedit", "--state", "a b"]));
    assert_eq!(told["Program"], json!(["/usr/bin/gedit"]));
    assert_eq!(told["ProcessID"], json!(["1"]));
    // Who it is, it is not asked.
    assert_eq!(
        (&known["name"], &known["pid"]),
        (&json!("editor"), &json!(app.pid()))
    );
    let shown = desk.endsession(&["status"]).out;
    let name = format!("  editor (pid {}): xsmp", app.pid());
    assert!(shown.contains(&name), "{shown}");
    assert!(
        shown.contains("    says it restarts as: gedit --state a b\n"),
        "{shown}"
    );
}

#[test]
fn hostile_words_reach_no_terminal() {
    let desk = Desk::new();
    let app = desk.client("editor");
    app.order_with(
        "set RestartCommand",
        b"\x1b[2J\x1b]0;owned\x07\nApplications:\n  root \xff\xfe\0",
    );
    app.order_with("set Program", &vec![b'x'; 100 << 10]);
    app.order_with("set \u{fc}\x1b[31m", b"1");
    app.order("request Local");
    app.hears("save Local None");
    let done = desk.endsession(&["status"]);
    assert_eq!(done.code(), Some(0), "{done:?}");
    let bad = |c: char| c.is_control() && c != '\n';
    assert!(!done.out.contains(bad), "{done:?}");
    let line = done.out.lines().find(|l| l.contains("says it restarts as"));
    assert!(line.unwrap().contains("owned"), "{done:?}");
    assert_eq!(
        done.out.lines().filter(|l| *l == "Applications:").count(),
        1
    );
    let json = desk.endsession(&["status", "--json"]);
    assert!(json.out.len() < 32 << 10, "{} bytes", json.out.len());
    assert!(!json.out.contains("\\u001b") && !json.out.contains(bad));
}

#[test]
fn too_many_properties_are_refused_and_the_client_stays() {
    let desk = Desk::new();
    let app = desk.client("editor");
    for n in 0..300 {
        app.order_with(&format!("set P{n}"), b"x");
    }
    for _ in 256..300 {
        app.hears("error ");
    }
    desk.log_off_of(&app);
}

#[test]
fn nothing_that_a_client_names_is_ever_run() {
    let desk = Desk::with("exit-told = \"100ms\"");
    let app = desk.client("editor");
    let left = desk.client("left");
    let names = [
        "RestartCommand",
        "DiscardCommand",
        "ShutdownCommand",
        "ResignCommand",
        "CloneCommand",
    ];
    let traces = desk.sandbox.home().join("traces");
    for name in names {
        let trap = words(&trap(&traces.join(name)));
        app.order(&format!("set {name} {trap}"));
        left.order(&format!("set {name} {trap}"));
    }
    std::fs::create_dir(&traces).unwrap();
    std::fs::set_permissions(&traces, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    app.order_with("set RestartStyleHint", &[2]);
    desk.status();
    // When it dies and says that it wants to be restarted at once; when all is cancelled; at the end.
    left.order("exit");
    left.ends();
    let log_off = desk.log_off();
    app.hears(QUERY);
    app.order("interact-request");
    app.hears("interact");
    app.order("interact-done cancel");
    was_cancelled(&log_off, "in editor");
    app.hears("cancelled");
    app.order("done yes");
    desk.log_off_of(&app);
    assert_eq!(traces.read_dir().unwrap().count(), 0);
}

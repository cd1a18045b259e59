//! Compositors that Debian does not ship, each a faithful fake of its IPC, and what may be wrong with it.

use endsession_testkit::fake_compositor::{FakeCompositor, Fault, Kind};
use endsession_testkit::session::Sandbox;
use serde_json::json;

use crate::session::{LIMIT, Session};

/// Logs off around a fake, and tells what it was told until it ended.
#[track_caller]
fn log_off(kind: Kind, fault: Fault, known_as: &str) -> (Vec<String>, String) {
    let sandbox = Sandbox::new();
    let fake = FakeCompositor::start_in(&sandbox, kind, fault);
    let session = Session::around(&sandbox);
    session.exits.watch("fake", fake.process().pid());
    session.logs_off(1);
    let said = session.said();
    let as_kind = format!("(pid {}) as {known_as}", fake.process().pid());
    assert!(said.contains(&as_kind), "{said}");
    fake.process().wait_exit(LIMIT);
    (fake.told(), said)
}

macro_rules! ended_by_its_own_command {
    ($($name:ident: $kind:ident, $known_as:literal, $told:literal;)*) => {
        $(#[test] fn $name() {
            let (told, said) = log_off(Kind::$kind, Fault::None, $known_as);
            assert_eq!(told, [$told], "{said}");
        })*
    };
}

ended_by_its_own_command! {
    a_classic_hyprland_is_told_in_its_dialect: HyprlandClassic, "hyprland", "exit";
    a_hyprland_with_an_old_configuration_is_told_in_its_dialect: HyprlandHyprlang, "hyprland", "exit";
    a_hyprland_that_speaks_lua_is_told_in_its_dialect: HyprlandLua, "hyprland", "exit";
    niri_is_told_to_quit_without_its_own_question: Niri, "niri", "Quit";
    river_is_told_over_its_control_protocol: River, "river", "exit";
    one_without_an_ipc_is_signalled: Plain, "wayland", "SIGTERM";
}

/// The window's process is what its compositor says.
#[test]
fn windows_are_their_processes_where_the_compositor_tells_them() {
    for (kind, shown_by, close) in [
        (
            Kind::HyprlandClassic,
            "hyprland",
            "closewindow address:0x5f1a",
        ),
        (
            Kind::HyprlandLua,
            "hyprland",
            "hl.dsp.window.close({ window = \"address:0x5f1a\" })",
        ),
        (Kind::Niri, "niri", "{\"CloseWindow\": {\"id\": 24346}}"),
    ] {
        let sandbox = Sandbox::new();
        let fake = FakeCompositor::start_in(&sandbox, kind, Fault::None);
        let application = sandbox.spawn(["sleep", "infinity"]);
        let pid = application.pid();
        fake.has(&[match kind {
            Kind::Niri => json!({"id": 24346, "title": "a", "app_id": "editor", "pid": pid}),
            _ => json!({"address": "0x5f1a", "title": "a", "class": "editor", "pid": pid}),
        }]);
        let session = Session::around(&sandbox);
        let (_, status, _) = session.endsession(&["status", "--json"]);
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        assert_eq!(status["display"], shown_by, "{status:#}");
        assert_eq!(status["applications"][0]["pid"], pid, "{status:#}");
        session.exits.watch("fake", fake.process().pid());
        session.logs_off(1);
        let exit = if kind == Kind::Niri { "Quit" } else { "exit" };
        assert_eq!(fake.told(), [close, exit], "{}", session.said());
    }
}

#[test]
fn an_ipc_that_is_no_use_is_followed_by_sigterm() {
    for kind in [
        Kind::HyprlandLua,
        Kind::HyprlandClassic,
        Kind::Niri,
        Kind::River,
    ] {
        for fault in [
            Fault::Refuses,
            Fault::Nonsense,
            Fault::HangsUp,
            Fault::Endless,
        ] {
            let hangs_up_is_agreed = kind == Kind::River && fault == Fault::HangsUp;
            if hangs_up_is_agreed || (kind == Kind::River && fault == Fault::Endless) {
                continue;
            }
            let known_as = match kind {
                Kind::Niri => "niri",
                Kind::River => "river",
                _ => "hyprland",
            };
            let (told, said) = log_off(kind, fault, known_as);
            assert_eq!(told, ["SIGTERM"], "{kind:?} {fault:?}: {said}");
            assert!(said.contains("does not take its exit command"), "{said}");
        }
    }
}

#[test]
fn an_ipc_that_never_answers_is_followed_by_sigterm() {
    for (kind, known_as) in [
        (Kind::HyprlandLua, "hyprland"),
        (Kind::Niri, "niri"),
        (Kind::River, "river"),
    ] {
        let (told, said) = log_off(kind, Fault::Silent, known_as);
        assert_eq!(told, ["SIGTERM"], "{kind:?}: {said}");
        assert!(said.contains("does not answer within 3 s"), "{said}");
    }
}

#[test]
fn one_that_agrees_and_stays_gets_sigterm() {
    let (told, said) = log_off(Kind::Niri, Fault::Stays, "niri");
    assert_eq!(told, ["Quit", "SIGTERM"], "{said}");
}

#[test]
fn one_that_clings_is_killed() {
    let (told, said) = log_off(Kind::HyprlandLua, Fault::Clings, "hyprland");
    assert_eq!(told, ["exit", "SIGTERM"], "{said}");
    assert!(said.contains("SIGKILL"), "{said}");
}

/// A compositor with `cap_sys_nice` is such a one.
#[test]
fn one_that_may_not_be_looked_into_is_known_by_who_answers_at_its_sockets() {
    for (kind, known_as) in [
        (Kind::HyprlandLua, "hyprland"),
        (Kind::Niri, "niri"),
        (Kind::Plain, "wayland"),
    ] {
        // A second of its kind is there, whose sockets look the same.
        let other = Sandbox::new();
        let other = FakeCompositor::start_in(&other, kind, Fault::None);
        let sandbox = Sandbox::new();
        let fake = FakeCompositor::private_in(&sandbox, kind);
        let session = Session::around(&sandbox);
        session.exits.watch("fake", fake.process().pid());
        session.logs_off(1);
        let said = session.said();
        assert!(said.contains(known_as), "{said}");
        assert!(other.process().is_alive(), "{said}");
        assert_eq!(other.told(), [""; 0]);
    }
}

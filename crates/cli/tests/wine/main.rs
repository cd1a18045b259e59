//! Windows programs under Wine in a session of `endsession run`: on Xvfb with openbox, and on headless
//! sway, where they are clients of its Xwayland. `cargo xtask windows build` builds the programs.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../support/desk.rs"]
mod desk;
mod prefix;

use desk::{Desk, LIMIT, Shown};
use endsession_testkit::session::{Proc, Sandbox};
use endsession_testkit::sway::Config;
use endsession_testkit::wait::{is_alive, until_gone};
use endsession_testkit::wine::Program;
use endsession_testkit::x11::Xvfb;
use prefix::{Prefix, wait_until, windows};
use serde_json::{Value, json};

/// Runs each function on both desks.
macro_rules! on_both {
    ($($behaviour:ident;)*) => {
        mod sway {
            use super::{DEADLINES, Desk};
            $(#[test] fn $behaviour() { super::$behaviour(&Desk::xsmp_sway(DEADLINES)); })*
        }
        mod x11 {
            use super::{DEADLINES, Desk};
            $(#[test] fn $behaviour() { super::$behaviour(&Desk::xsmp_x11(DEADLINES)); })*
        }
    };
}

/// Who hangs is named in a second.
const DEADLINES: &str = "not-responding = \"6s\"\nwindow-stays = \"500ms\"\nping = \"500ms\"\nforced = \"2s\"\nend-one = \"1s\"";

on_both! {
    no_in_the_box_cancels_and_lists_what_had_closed_and_yes_ends_the_session;
    a_program_that_hangs_is_named_and_can_be_ended_alone;
    a_program_that_hangs_is_ended_where_the_caller_allows_that;
    programs_of_two_prefixes_are_asked_one_prefix_after_the_other;
    a_program_that_refuses_is_ended_by_force;
    a_prefix_with_no_program_holds_nothing_and_its_server_goes;
    a_program_without_a_window_holds_nothing;
    programs_of_another_display_are_left_alone;
}

/// The box that the seed's program asks with.
const BOX: &str = "End the session";

/// Presses a button of the box by its letter.
#[track_caller]
fn answer(desk: &Desk, letter: &str) {
    wait_until(|| windows(desk, BOX) == 1);
    let display = desk.display();
    let window = display.wait_for_window(LIMIT, |w| w.title == BOX);
    display.press(&window, &[letter]);
}

/// The applications that `status` lists, by name.
fn applications(desk: &Desk) -> Vec<(String, Option<u64>)> {
    let status = desk.status();
    let all = status["applications"].as_array().unwrap().iter();
    all.map(|a| (a["name"].as_str().unwrap().to_owned(), a["pid"].as_u64()))
        .collect()
}

fn of(name: &str, proc: &Program) -> (String, Option<u64>) {
    (name.to_owned(), Some(proc.pid().into()))
}

/// Starts a log-off, whose outcome it writes as JSON.
fn log_off(desk: &Desk, options: &[&str]) -> Proc {
    desk.command(&[&["logoff", "--json"], options].concat())
}

#[track_caller]
fn outcome(log_off: &Proc, status: i32) -> Value {
    let exit = log_off.wait_exit(LIMIT);
    let (out, err) = (log_off.stdout_so_far(), log_off.stderr_so_far());
    assert_eq!(exit.code(), Some(status), "{out}{err}");
    serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}"))
}

/// What blocks the request under way, once something does.
#[track_caller]
fn blockers(desk: &Desk) -> Vec<Value> {
    let read = || desk.status()["blockers"].as_array().unwrap().clone();
    wait_until(|| !read().is_empty());
    read()
}

fn no_in_the_box_cancels_and_lists_what_had_closed_and_yes_ends_the_session(desk: &Desk) {
    let prefix = Prefix::new(desk);
    let names = ["one.exe", "two.exe", "three.exe"];
    let programs = names.map(|name| prefix.seed(desk, name));
    let terminal = desk.terminal();
    let mut known = applications(desk);
    known.retain(|(name, _)| name.starts_with("Wine"));
    let called = names.map(|name| format!("Wine: {name}"));
    for (name, program) in called.iter().zip(&programs) {
        assert!(known.contains(&of(name, program)), "{known:?}");
    }
    assert_eq!(known.len(), 3, "{known:?}");

    // Wine's own order is nobody's to foretell.
    let refused = log_off(desk, &[]);
    let first = asks(desk);
    answer(desk, "y");
    wait_until(|| programs.iter().filter(|p| p.is_alive()).count() == 2);
    let second = asks(desk);
    answer(desk, "n");
    let cancelled = outcome(&refused, 1);
    let why = cancelled["why"].as_str().unwrap();
    assert_eq!(cancelled["by"], "application", "{cancelled:#}");
    assert!(why.starts_with(&second), "{cancelled:#}");
    assert_eq!(cancelled["gone"], json!([first]), "{cancelled:#}");
    assert_eq!(cancelled["told"], json!([]), "{cancelled:#}");
    for (name, program) in called.iter().zip(&programs) {
        assert_eq!(program.is_alive(), *name != first, "{name}");
    }
    assert!(terminal.is_alive());

    let agreed = log_off(desk, &[]);
    for left in [1, 0] {
        answer(desk, "y");
        wait_until(|| programs.iter().filter(|p| p.is_alive()).count() == left);
    }
    let over = outcome(&agreed, 0);
    assert_eq!(over["outcome"], "over", "{over:#}");
    assert_eq!(over["overridden"], json!([]), "{over:#}");
    desk.ends_last_of(0);
    assert!(until_gone(terminal.pid(), LIMIT));
}

/// Whose box is open: it alone holds the session.
#[track_caller]
fn asks(desk: &Desk) -> String {
    let named = |b: &Value| b["kind"] == "window" && b["reason"] == BOX;
    wait_until(|| {
        desk.status()["blockers"]
            .as_array()
            .unwrap()
            .iter()
            .any(named)
    });
    let blocks = blockers(desk);
    assert_eq!(blocks.len(), 1, "{blocks:?}");
    blocks[0]["name"].as_str().unwrap().to_owned()
}

fn a_program_that_hangs_is_named_and_can_be_ended_alone(desk: &Desk) {
    let prefix = Prefix::new(desk);
    let hang = prefix.application(desk, "hang.exe", "Hang", &["--hang"]);
    let next = prefix.application(desk, "next.exe", "Next", &[]);
    let request = log_off(desk, &[]);
    let blocks = blockers(desk);
    let names: Vec<&Value> = blocks.iter().map(|b| &b["name"]).collect();
    assert_eq!(
        names,
        ["Wine: hang.exe"],
        "whose turn has not come is not named"
    );
    assert!(next.is_alive() && hang.is_alive());
    desk.choose("end-one", Some(hang.pid()));
    let over = outcome(&request, 0);
    assert_eq!(over["overridden"], json!(["Wine: hang.exe"]), "{over:#}");
    desk.ends_last_of(0);
    let said = next.output();
    assert!(
        said.contains("answer window=1 value=1"),
        "it was asked then: {said}"
    );
}

fn a_program_that_hangs_is_ended_where_the_caller_allows_that(desk: &Desk) {
    let prefix = Prefix::new(desk);
    let _hang = prefix.application(desk, "hang.exe", "Hang", &["--hang"]);
    let request = log_off(desk, &["--force-if-hung"]);
    let over = outcome(&request, 0);
    assert_eq!(over["overridden"], json!(["Wine: hang.exe"]), "{over:#}");
    desk.ends_last_of(0);
}

fn programs_of_two_prefixes_are_asked_one_prefix_after_the_other(desk: &Desk) {
    let one = Prefix::new(desk);
    let two = Prefix::new(desk);
    let first = one.seed(desk, "first.exe");
    let second = two.seed(desk, "second.exe");
    let mut known = applications(desk);
    known.sort();
    let called =
        |name: &str, prefix: &Prefix| format!("Wine: {name} ({})", prefix.path().display());
    let home = desk.sandbox.home().display().to_string();
    let called = |name: &str, prefix: &Prefix| called(name, prefix).replace(&home, "~");
    let expected = [
        of(&called("first.exe", &one), &first),
        of(&called("second.exe", &two), &second),
    ];
    assert_eq!(known, expected);
    let request = log_off(desk, &[]);
    answer(desk, "y");
    // Never both at once: the first one has gone by then.
    wait_until(|| !(is_alive(first.pid()) && is_alive(second.pid())) && windows(desk, BOX) == 1);
    let blocks = blockers(desk);
    assert_eq!(blocks.len(), 1, "{blocks:?}");
    answer(desk, "n");
    let cancelled = outcome(&request, 1);
    let (gone, refused) = match first.is_alive() {
        true => (&expected[1].0, &expected[0].0),
        false => (&expected[0].0, &expected[1].0),
    };
    assert_eq!(cancelled["gone"], json!([gone]), "{cancelled:#}");
    let alone = refused.split(" (").next().unwrap();
    let why = cancelled["why"].as_str().unwrap();
    assert!(why.starts_with(alone), "{cancelled:#}");
}

fn a_program_that_refuses_is_ended_by_force(desk: &Desk) {
    let prefix = Prefix::new(desk);
    let refuses = prefix.application(desk, "no.exe", "No", &["--answer", "no", "--stay"]);
    let request = log_off(desk, &[]);
    let cancelled = outcome(&request, 1);
    let why = cancelled["why"].as_str().unwrap();
    assert!(why.starts_with("Wine: no.exe"), "{cancelled:#}");
    assert!(refuses.is_alive());
    let over = outcome(&log_off(desk, &["--force"]), 0);
    assert_eq!(over["overridden"], json!(["Wine: no.exe"]), "{over:#}");
    desk.ends_last_of(0);
    assert!(until_gone(refuses.pid(), LIMIT));
}

fn a_prefix_with_no_program_holds_nothing_and_its_server_goes(desk: &Desk) {
    let prefix = Prefix::new(desk);
    // It stays after the last program, until it is ended.
    assert!(prefix.run("wineserver", &["-p"]).wait_exit(LIMIT).success());
    let program = prefix.application(desk, "program.exe", "Program", &[]);
    let pid = prefix.server();
    let key = [
        "reg",
        "add",
        "HKCU\\Software\\Tests",
        "/v",
        "setting",
        "/d",
        "kept",
    ];
    assert!(prefix.run("wine", &key).wait_exit(LIMIT).success());
    program.process().kill();
    program.wait_exit(LIMIT);
    wait_until(|| applications(desk).is_empty());
    assert!(is_alive(pid));
    outcome(&log_off(desk, &["--no-dialog"]), 0);
    desk.ends_last_of(0);
    if let Shown::Sway(_) = desk.shown {
        assert!(until_gone(pid, LIMIT), "it was started on this display");
        // A server writes what it has when it is told to end, and loses it when it is killed.
        let settings = std::fs::read_to_string(prefix.path().join("user.reg")).unwrap();
        assert!(settings.contains("\"setting\"=\"kept\""));
    }
}

fn a_program_without_a_window_holds_nothing(desk: &Desk) {
    let prefix = Prefix::new(desk);
    let hidden = prefix.application(desk, "no.exe", "No", &["--hidden", "--answer", "no"]);
    outcome(&log_off(desk, &["--no-dialog"]), 0);
    desk.ends_last_of(0);
    if let Shown::Sway(_) = desk.shown {
        assert!(
            until_gone(hidden.pid(), LIMIT),
            "it was started on this display alone"
        );
        assert!(hidden.output().contains("query window=1"), "and was asked");
    }
}

fn programs_of_another_display_are_left_alone(desk: &Desk) {
    let other = Xvfb::with_openbox();
    let (theirs, shared) = (Prefix::new(desk), Prefix::new(desk));
    let elsewhere = |prefix: &Prefix, name: &str| {
        let here = desk.sandbox.env("DISPLAY").unwrap();
        let wayland = desk.sandbox.env("WAYLAND_DISPLAY");
        desk.sandbox.set_env("DISPLAY", other.display());
        desk.sandbox.unset_env("WAYLAND_DISPLAY");
        let proc = prefix.elsewhere(&other, name, name);
        desk.sandbox.set_env("DISPLAY", here);
        if let Some(wayland) = wayland {
            desk.sandbox.set_env("WAYLAND_DISPLAY", wayland);
        }
        proc
    };
    let alone = elsewhere(&theirs, "alone.exe");
    let beside = elsewhere(&shared, "beside.exe");
    let ours = shared.application(desk, "ours.exe", "Ours", &[]);
    let names: Vec<String> = applications(desk)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["ours.exe"]);
    outcome(&log_off(desk, &[]), 0);
    desk.ends_last_of(0);
    assert!(until_gone(ours.pid(), LIMIT));
    let said = ours.output();
    assert!(
        said.contains("close window=1") && !said.contains("query"),
        "{said}"
    );
    for left in [&alone, &beside] {
        assert!(left.is_alive());
        assert!(!left.output().contains("query"));
    }
}

/// The session's display tells no process, and Xwayland's windows by their class alone.
#[test]
fn where_no_process_is_told_programs_are_known_by_their_names() {
    let sandbox = Sandbox::new();
    sandbox.set_env("ENDSESSION_DISPLAY", "wlr-foreign-toplevel");
    let desk = Desk::sway_of(&sandbox, Config::new().with_xwayland(), DEADLINES);
    let Shown::Sway(sway) = &desk.shown else {
        unreachable!("this desk is sway's")
    };
    sway.x11();
    let prefix = Prefix::new(&desk);
    let seed = prefix.seed(&desk, "seed.exe");
    assert_eq!(applications(&desk), [of("Wine: seed.exe", &seed)]);
    let refused = log_off(&desk, &[]);
    assert_eq!(asks(&desk), "Wine: seed.exe");
    answer(&desk, "n");
    outcome(&refused, 1);
    assert!(seed.is_alive());
    let agreed = log_off(&desk, &[]);
    answer(&desk, "y");
    outcome(&agreed, 0);
    desk.ends_last_of(0);
}

/// A window manager that something else started, and a log-off that brings its manager along.
#[test]
fn a_log_off_without_a_manager_asks_them_too() {
    let sandbox = Sandbox::new();
    sandbox.install(env!("CARGO_BIN_EXE_endsession").as_ref());
    sandbox.unset_env("DBUS_SESSION_BUS_ADDRESS");
    let xvfb = Xvfb::with_openbox_in(&sandbox);
    let openbox = xvfb.openbox().unwrap();
    let prefix = Prefix::in_sandbox(&sandbox);
    let agrees = prefix.elsewhere(&xvfb, "yes.exe", "Yes");
    let log_off = sandbox.spawn(["endsession", "logoff", "--json", "--no-dialog"]);
    outcome(&log_off, 0);
    assert!(until_gone(agrees.pid(), LIMIT) && until_gone(openbox.pid(), LIMIT));
    let said = agrees.output();
    assert!(
        said.contains("end window=1 wparam=1"),
        "it was asked and told: {said}"
    );
}

/// SIGTERM to `run`: an end that nobody can refuse.
#[test]
fn in_an_end_that_nobody_can_refuse_they_are_told_in_time() {
    let desk = Desk::xsmp_sway(DEADLINES);
    let prefix = Prefix::new(&desk);
    let agrees = prefix.application(&desk, "yes.exe", "Yes", &[]);
    let other = Prefix::new(&desk);
    let refuses = other.application(&desk, "no.exe", "No", &["--answer", "no", "--stay"]);
    desk.run.terminate();
    desk.ends_last_of(0);
    assert!(until_gone(agrees.pid(), LIMIT) && until_gone(refuses.pid(), LIMIT));
    let said = agrees.output();
    assert!(said.contains("end window=1 wparam=1"), "{said}");
}

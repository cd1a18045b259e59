//! What keeps a real screen on: an X server that blanks by itself, a film that plays in Firefox, and an
//! application that holds off idling in each of the ways there are.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

#[path = "../support/desk.rs"]
mod desk;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use desk::{DEADLINES, Desk, LIMIT, Shown};
use endsession_testkit::gnome_client::{GnomeClient, Manner};
use endsession_testkit::picture::Screen as _;
use endsession_testkit::player::Player;
use endsession_testkit::session::{Proc, Sandbox};
use endsession_testkit::sway::Config;
use endsession_testkit::wait::for_entry;
use endsession_testkit::x11::Display;
use serde_json::{Value, json};

/// Time enough for a screen that blanks after one second to have done so twice.
const TWICE: Duration = Duration::from_millis(2_500);

/// A desk whose manager takes the screen saver's name at once.
fn desk() -> Desk {
    let desk = Desk::x11_of(&format!("{DEADLINES}\n[holds]\nscreen-saver = \"0s\""));
    desk.run
        .stderr()
        .wait_for("serving org.freedesktop.ScreenSaver", LIMIT);
    desk
}

fn client(desk: &Desk) -> GnomeClient {
    let bus = desk.sandbox.env("DBUS_SESSION_BUS_ADDRESS").unwrap();
    let uid = desk.sandbox.uid();
    GnomeClient::register_on(&bus.to_string_lossy(), uid, "player", Manner::Agree).unwrap()
}

/// Calls a method of the screen saver, and has what it answers.
#[track_caller]
fn saver(desk: &Desk, member: &str, arguments: &[&str]) -> String {
    let words = [
        "gdbus",
        "call",
        "--session",
        "--dest=org.freedesktop.ScreenSaver",
        "--object-path=/org/freedesktop/ScreenSaver",
        &format!("--method=org.freedesktop.ScreenSaver.{member}"),
    ];
    let call = desk.sandbox.spawn([&words, arguments].concat());
    let status = call.wait_exit(LIMIT);
    assert!(status.success(), "{member}: {}", call.stderr_so_far());
    call.stdout_so_far().trim().to_owned()
}

/// Waits until what is held is `what`, by names and what they hold; asks again whenever the manager has
/// answered.
#[track_caller]
fn wait_for_holds(desk: &Desk, what: &[(&str, &str)]) -> Value {
    let begun = Instant::now();
    let wanted: Vec<Value> = what
        .iter()
        .map(|(name, what)| json!({ "name": name, "what": [what] }))
        .collect();
    loop {
        let holds = desk.status()["holds"].clone();
        let held = holds.as_array().unwrap().iter();
        let held: Vec<Value> = held
            .map(|h| json!({ "name": h["name"], "what": h["what"] }))
            .collect();
        if held == wanted {
            return holds;
        }
        assert!(begun.elapsed() < LIMIT, "held are {holds:#}, not {what:?}");
    }
}

/// The screen is on, and stays so for longer than it takes to blank.
#[track_caller]
fn stays_on(display: &Display) {
    let begun = Instant::now();
    while begun.elapsed() < TWICE {
        assert!(!display.is_blank(), "after {:?}", begun.elapsed());
        // Nothing is to happen, and nothing announces that: it is looked at until the time is over.
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(
        display.untouched() > Duration::from_secs(2),
        "nobody touched anything"
    );
}

#[test]
fn an_x_server_does_not_blank_while_somebody_holds_off_idling() {
    let desk = desk();
    let display = desk.display();
    display.blank_after(1);
    display.wait_until_blank(LIMIT);
    display.blank_after(1);
    let player = client(&desk);
    let cookie = player.inhibit("Playing", 8);
    let kept = desk.run.stderr();
    kept.wait_for("is kept from blanking", LIMIT);
    stays_on(&display);
    player.uninhibit(cookie);
    display.wait_until_blank(LIMIT);

    // What holds off something else does nothing for the screen, and a crash gives it back.
    display.blank_after(1);
    player.inhibit("Burning", 1 | 4);
    display.wait_until_blank(LIMIT);
    display.blank_after(1);
    player.inhibit("Playing", 8);
    stays_on(&display);
    player.leave();
    display.wait_until_blank(LIMIT);
}

/// swayidle on this desk, which goes by the compositor alone: there is no logind. Announced in a file.
fn swayidle(desk: &Desk) -> (Proc, PathBuf) {
    endsession_testkit::programs::need("swayidle");
    let file = desk.sandbox.home().join("idle");
    let note = format!("touch {}", file.display());
    let swayidle = desk
        .sandbox
        .spawn(["swayidle", "-d", "timeout", "1", &note]);
    let said = swayidle.stderr();
    said.wait_for("Register idle timeout at 1000 ms", LIMIT);
    (swayidle, file)
}

/// A compositor does not idle while somebody holds that off, and nothing of that is seen.
#[track_caller]
fn a_compositor_is_kept_from_idling(sandbox: &Sandbox) {
    let desk = Desk::sway_of(sandbox, Config::new(), DEADLINES);
    let Shown::Sway(sway) = &desk.shown else {
        unreachable!("this desk is sway's")
    };
    let before = sway.picture();
    let player = client(&desk);
    let cookie = player.inhibit("Playing", 8);
    let log = desk.run.stderr();
    log.wait_for("is kept from blanking", LIMIT);
    let (_swayidle, idle) = swayidle(&desk);
    let begun = Instant::now();
    while begun.elapsed() < TWICE {
        assert!(!idle.exists(), "after {:?}", begun.elapsed());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(sway.picture(), before, "a pixel is seen");
    player.uninhibit(cookie);
    for_entry(&desk.sandbox.home(), LIMIT, |name| name == "idle");
    log.wait_for("may blank again", LIMIT);

    // It is nobody's window, and in nobody's way when the session ends.
    player.inhibit("Playing", 8);
    assert_eq!(desk.endsession(&["logoff"]).0, 0);
    desk.ends_last_of(0);
}

#[test]
fn sway_does_not_idle_while_somebody_holds_that_off() {
    a_compositor_is_kept_from_idling(&Sandbox::new());
}

#[test]
fn a_compositor_that_wants_to_see_a_surface_is_shown_one() {
    let sandbox = Sandbox::new();
    // sway, as if it were one that we know nothing of.
    sandbox.set_env("ENDSESSION_DISPLAY", "wlr-foreign-toplevel");
    a_compositor_is_kept_from_idling(&sandbox);
}

#[test]
fn a_manager_that_dies_gives_the_screen_back() {
    let desk = desk();
    let display = desk.display();
    display.blank_after(1);
    let player = client(&desk);
    player.inhibit("Playing", 8);
    desk.run.stderr().wait_for("is kept from blanking", LIMIT);
    stays_on(&display);
    desk.run.kill();
    display.wait_until_blank(LIMIT);
}

#[test]
fn the_screen_saver_tells_and_blanks_and_shows() {
    let desk = desk();
    let display = desk.display();
    display.blank_after(600);
    assert_eq!(saver(&desk, "SetActive", &["true"]), "(true,)");
    assert!(display.is_blank());
    assert_eq!(saver(&desk, "SetActive", &["false"]), "(true,)");
    assert!(!display.is_blank());
    saver(&desk, "SetActive", &["true"]);
    saver(&desk, "SimulateUserActivity", &[]);
    assert!(!display.is_blank());
    let told = saver(&desk, "GetSessionIdleTime", &[]);
    let told = told.trim_matches(|c: char| !c.is_ascii_digit() && c != ' ');
    let told: u64 = told.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(told <= display.untouched().as_secs(), "{told} s");
    assert_eq!(saver(&desk, "GetActive", &[]), "(false,)");
}

#[test]
fn a_film_in_firefox_keeps_the_screen_on_while_it_plays() {
    let desk = desk();
    let display = desk.display();
    let player = Player::start(&desk.sandbox);
    let holds = wait_for_holds(&desk, &[("firefox-esr", "idle")]);
    assert_eq!(holds[0]["what"], json!(["idle"]), "{holds:#}");
    assert_eq!(holds[0]["pid"], player.process().pid());
    assert_ne!(holds[0]["reason"], "", "{holds:#}");
    assert_eq!(desk.status()["blockers"], json!([]));
    display.blank_after(1);
    stays_on(&display);

    player.pause();
    wait_for_holds(&desk, &[]);
    display.wait_until_blank(LIMIT);

    display.blank_after(1);
    player.go_on();
    wait_for_holds(&desk, &[("firefox-esr", "idle")]);
    stays_on(&display);
    player.process().kill();
    wait_for_holds(&desk, &[]);
    display.wait_until_blank(LIMIT);
}

//! `org.freedesktop.ScreenSaver`: its name, which everybody else may have before and instead of us, and
//! its calls. What keeps a real screen on is in `screen_on`.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod support;

use endsession_testkit::logind::Logind;
use serde_json::json;
use support::raw::{MANAGER, MANAGER_PATH, PROPERTIES, Raw, Refused, refusal};
use support::{IDLE, LIMIT, On, Session, on_both_buses, sandbox, wait_for_status};
use zbus::Message;

const NAME: &str = "org.freedesktop.ScreenSaver";
const PATH: &str = "/org/freedesktop/ScreenSaver";
const OLD_PATH: &str = "/ScreenSaver";

/// No grace for others: the tests are those.
const AT_ONCE: &str = "[holds]\nscreen-saver = \"0s\"\n";

on_both_buses!(
    an_inhibitor_of_the_screen_saver_is_one_of_the_session,
    only_its_holder_releases_it_and_it_goes_with_its_holder,
    the_name_is_anybody_elses_who_wants_it,
    whoever_has_the_name_keeps_it,
    wrong_calls_are_refused_and_named,
);

#[track_caller]
fn serving(on: On) -> Session {
    let session = Session::with_in(&sandbox(), on, AT_ONCE, &IDLE);
    session.bus.wait_for_name(NAME, LIMIT);
    session
}

/// Calls a method of whoever has the name.
#[track_caller]
fn call<B>(raw: &Raw, path: &str, member: &str, body: &B) -> Result<Message, Refused>
where
    B: serde::Serialize + zbus::zvariant::DynamicType,
{
    raw.call_to(NAME, path, NAME, member, body)
}

#[track_caller]
fn inhibit(raw: &Raw, app: &str, reason: &str) -> u32 {
    let reply = call(raw, PATH, "Inhibit", &(app, reason)).unwrap();
    reply.body().deserialize().unwrap()
}

/// Asks the bus for the name; what it says.
#[track_caller]
fn request_name(raw: &Raw, flags: u32) -> u32 {
    let bus = "org.freedesktop.DBus";
    let path = "/org/freedesktop/DBus";
    let reply = raw.call_to(bus, path, bus, "RequestName", &(NAME, flags));
    reply.unwrap().body().deserialize().unwrap()
}

fn an_inhibitor_of_the_screen_saver_is_one_of_the_session(on: On) {
    let session = serving(on);
    let raw = session.raw();
    raw.listen(&format!(
        "type='signal',interface='{PROPERTIES}',path='{MANAGER_PATH}'"
    ));
    raw.listen(&format!("type='signal',interface='{MANAGER}'"));
    let cookie = inhibit(&raw, "firefox", "video-playing");
    raw.hears_signal("PropertiesChanged", 1);
    raw.hears_signal("InhibitorAdded", 1);
    let status = session.status();
    assert_eq!(status["holds"][0]["what"], json!(["idle"]), "{status:#}");
    assert_eq!(status["holds"][0]["reason"], "video-playing");
    assert_eq!(status["blockers"], json!([]));
    let inhibited = raw.gnome("IsInhibited", &8_u32).unwrap();
    assert!(inhibited.body().deserialize::<bool>().unwrap());
    // The older path is the same object.
    call(&raw, OLD_PATH, "UnInhibit", &cookie).unwrap();
    raw.hears_signal("PropertiesChanged", 2);
    assert_eq!(session.status()["holds"], json!([]));
}

fn only_its_holder_releases_it_and_it_goes_with_its_holder(on: On) {
    let session = serving(on);
    let (holder, other) = (session.raw(), session.raw());
    let cookie = inhibit(&holder, "", "");
    assert_eq!(
        refusal(call(&other, PATH, "UnInhibit", &cookie)),
        "AccessDenied"
    );
    assert_eq!(
        refusal(call(&holder, PATH, "UnInhibit", &(cookie + 1))),
        "GeneralError"
    );
    let status = session.status();
    assert_ne!(status["holds"][0]["name"], "", "its program: {status:#}");
    drop(holder);
    wait_for_status(&session, |s| s["holds"] == json!([]));
}

fn the_name_is_anybody_elses_who_wants_it(on: On) {
    let session = serving(on);
    let (player, saver) = (session.raw(), session.raw());
    inhibit(&player, "mpv", "Playing");
    player.inhibit("burner", "Burning", 8).unwrap();
    const REPLACE: u32 = 2;
    assert_eq!(request_name(&saver, REPLACE), 1, "it is the owner");
    session
        .run
        .stderr()
        .wait_for("another program serves", LIMIT);
    // What was held there could not be released any more; the rest stays.
    let status = wait_for_status(&session, |s| s["holds"].as_array().unwrap().len() == 1);
    assert_eq!(status["holds"][0]["name"], "burner");
    // When that one has gone, it is served again.
    drop(saver);
    session.bus.wait_for_name(NAME, LIMIT);
    inhibit(&player, "mpv", "Playing");
}

fn whoever_has_the_name_keeps_it(on: On) {
    let sandbox = sandbox();
    let bus = match on {
        On::Daemon => endsession_testkit::bus::Bus::daemon_in(&sandbox),
        On::Broker => endsession_testkit::bus::Bus::broker_in(&sandbox),
    };
    let saver = Raw::connect(&bus);
    assert_eq!(request_name(&saver, 0), 1);
    let run = support::start(&sandbox, AT_ONCE, &IDLE);
    bus.wait_for_name(MANAGER, LIMIT);
    let raw = Raw::connect(&bus);
    // Whatever was asked of the bus by then has been answered.
    raw.inhibit("mpv", "Playing", 8).unwrap();
    let owner = raw.owner(NAME);
    assert_eq!(owner, saver.name());
    drop(saver);
    run.stderr()
        .wait_for("serving org.freedesktop.ScreenSaver", LIMIT);
    assert_ne!(raw.owner(NAME), owner);
}

fn wrong_calls_are_refused_and_named(on: On) {
    let session = serving(on);
    let raw = session.raw();
    for (member, takes) in [
        ("Inhibit", "(ss)"),
        ("UnInhibit", "(u)"),
        ("SetActive", "(b)"),
        ("GetActive", "()"),
    ] {
        let refused = call(&raw, PATH, member, &(1_i64, 2.0)).unwrap_err();
        assert!(refused.name.ends_with("InvalidArgs"), "{refused:?}");
        assert!(refused.text.contains(takes), "{refused:?}");
    }
    assert_eq!(refusal(call(&raw, PATH, "Explode", &())), "UnknownMethod");
    // This session has no X server, and no logind.
    for member in ["GetSessionIdleTime", "SimulateUserActivity", "Lock"] {
        assert_eq!(
            refusal(call(&raw, PATH, member, &())),
            "NotSupported",
            "{member}"
        );
    }
    assert_eq!(
        refusal(call(&raw, PATH, "SetActive", &true)),
        "NotSupported"
    );
    let mut refused = 0;
    for _ in 0..1025 {
        refused += usize::from(call(&raw, PATH, "Inhibit", &("runaway", "")).is_err());
    }
    assert_eq!(refused, 1, "a connection has its share");
}

#[test]
fn it_is_active_while_a_locker_runs() {
    let sandbox = sandbox();
    // What the kernel says runs is the file's name.
    let locker = sandbox.dir().join("swaylock");
    let sleep = std::fs::canonicalize("/bin/sleep").unwrap();
    std::fs::copy(sleep, &locker).unwrap();
    let script = format!("{} 1000; exec sleep 1000", locker.display());
    let command = ["sh", "-c", &script];
    let session = Session::with_in(&sandbox, On::Daemon, AT_ONCE, &command);
    session.bus.wait_for_name(NAME, LIMIT);
    let raw = session.raw();
    let active = || -> bool {
        let reply = call(&raw, PATH, "GetActive", &()).unwrap();
        reply.body().deserialize().unwrap()
    };
    let seconds = || -> u32 {
        let reply = call(&raw, PATH, "GetActiveTime", &()).unwrap();
        reply.body().deserialize().unwrap()
    };
    support::until(active);
    assert!(seconds() < 30);
    let of_script = support::run(&sandbox, &["pkill", "-x", "swaylock"]);
    assert_eq!(of_script.code(), Some(0), "{of_script:?}");
    support::until(|| !active());
    assert_eq!(seconds(), 0);
}

#[test]
fn our_own_screen_saver_is_not_asked_whether_it_is_locked() {
    let session = serving(On::Daemon);
    let editor = session.raw();
    editor.inhibit("editor", "unsaved", 1).unwrap();
    let watcher = session.watcher();
    watcher.request(&[]).unwrap();
    watcher.hears_event(&[("event", "blocked".into())]);
    let status = session.status();
    assert_eq!(status["request"]["locked"], false, "{status:#}");
    watcher.cancel().unwrap();
    watcher.hears_outcome();
}

#[test]
fn the_name_is_never_taken_where_the_user_says_so() {
    let config = "[holds]\nscreen-saver = \"never\"\n";
    let session = Session::with_in(&sandbox(), On::Daemon, config, &IDLE);
    let raw = session.raw();
    let refused = call(&raw, PATH, "Inhibit", &("mpv", "Playing")).unwrap_err();
    assert!(refused.name.ends_with("ServiceUnknown"), "{refused:?}");
    raw.inhibit("mpv", "Playing", 8).unwrap();
}

#[test]
fn to_lock_is_logind_s_business_and_an_error_comes_back() {
    let sandbox = sandbox();
    let _logind = Logind::of(&sandbox);
    let session = Session::with_in(&sandbox, On::Daemon, AT_ONCE, &IDLE);
    session.bus.wait_for_name(NAME, LIMIT);
    // That logind knows of no session.
    let refused = call(&session.raw(), PATH, "Lock", &()).unwrap_err();
    assert!(refused.name.ends_with("NotSupported"), "{refused:?}");
}

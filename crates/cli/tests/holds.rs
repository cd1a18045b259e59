//! What applications hold, told to logind: one that does what it is told, for answers that come late,
//! never or not at all, and what a real one cannot be brought to. What the real one shows is in `power`.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod support;

use endsession_testkit::logind::{Answer, Logind, Orders, Seen};
use serde_json::{Value, json};
use support::raw::{CONTROL, CONTROL_PATH, PROPERTIES, Raw, refusal};
use support::{IDLE, LIMIT, On, Session, sandbox, wait_for_status};

const LOG_OFF: u32 = 1;
const SUSPEND: u32 = 4;
const IDLING: u32 = 8;

/// A session on a machine whose logind has these orders.
fn session(orders: impl FnOnce(&mut Orders)) -> (Session, Logind) {
    let sandbox = sandbox();
    let logind = Logind::of(&sandbox);
    logind.orders(orders);
    let session = Session::with_in(&sandbox, On::Daemon, "", &IDLE);
    logind.wait(LIMIT, "a delay lock", |seen| seen.delay_locks == 1);
    // Answered once logind has been asked for all that it is asked for in the beginning.
    let kinds = (CONTROL, "Kinds");
    let raw = session.raw();
    raw.call(CONTROL_PATH, PROPERTIES, "Get", &kinds).unwrap();
    (session, logind)
}

/// Waits until this is held by exactly one lock with these words.
#[track_caller]
fn wait_for(logind: &Logind, what: &str, who: &str, why: &str) -> Seen {
    logind.wait(LIMIT, &format!("{what} held by {who}: {why}"), |seen| {
        seen.holder(what) == Some((who, why))
    })
}

#[track_caller]
fn wait_for_nothing(logind: &Logind) -> Seen {
    logind.wait(LIMIT, "no lock", |seen| seen.blocks.is_empty())
}

#[test]
fn each_flag_is_a_lock_of_its_kind_and_is_given_back_at_once() {
    let (session, logind) = session(|_| {});
    let raw = session.raw();
    let film = raw.inhibit("mpv", "Playing a film", SUSPEND | IDLING);
    wait_for(&logind, "idle", "mpv", "Playing a film");
    let seen = wait_for(&logind, "sleep", "mpv", "Playing a film");
    assert_eq!(seen.blocks.len(), 2, "{seen:?}");
    let text = raw.inhibit("editor", "There are unsaved documents", LOG_OFF);
    wait_for(&logind, "shutdown", "editor", "There are unsaved documents");
    raw.gnome("Uninhibit", &film.unwrap()).unwrap();
    logind.wait(LIMIT, "one lock", |seen| {
        seen.blocks.len() == 1 && seen.holder("shutdown").is_some()
    });
    raw.gnome("Uninhibit", &text.unwrap()).unwrap();
    wait_for_nothing(&logind);
    // A switch of users and automatic mounting are nothing to logind.
    raw.inhibit("installer", "a disk", 2 | 16).unwrap();
    raw.inhibit("mpv", "again", IDLING).unwrap();
    let seen = wait_for(&logind, "idle", "mpv", "again");
    assert_eq!(seen.blocks.len(), 1, "{seen:?}");
}

#[test]
fn the_words_of_a_lock_follow_its_holders() {
    let (session, logind) = session(|_| {});
    let (firefox, mpv) = (session.raw(), session.raw());
    firefox.inhibit("firefox", "video-playing", IDLING).unwrap();
    wait_for(&logind, "idle", "firefox", "video-playing");
    mpv.inhibit("mpv", "", IDLING).unwrap();
    let both = "firefox: video-playing; mpv: no reason given";
    wait_for(&logind, "idle", "firefox, mpv", both);
    // Whoever leaves the bus holds nothing.
    drop(firefox);
    wait_for(&logind, "idle", "mpv", "no reason given");
    drop(mpv);
    wait_for_nothing(&logind);
}

#[test]
fn a_thousand_inhibitors_are_one_lock_a_kind() {
    let (session, logind) = session(|_| {});
    let raws: Vec<Raw> = (0..4).map(|_| session.raw()).collect();
    for (n, raw) in raws.iter().enumerate() {
        for _ in 0..250 {
            let name = format!("player {n}");
            raw.inhibit(&name, "Playing", SUSPEND | IDLING).unwrap();
        }
    }
    let who = "player 0, player 1, player 2 and 1 more";
    let seen = logind.wait(LIMIT, who, |seen| {
        let is = |what| seen.holder(what).is_some_and(|(named, _)| named == who);
        is("idle") && is("sleep")
    });
    assert_eq!(seen.blocks.len(), 2, "{seen:?}");
    // Taken when the first comes, and again with each name: not with each inhibitor.
    assert!(seen.asked <= 8, "{seen:?}");
    assert_eq!(session.status()["holds"].as_array().unwrap().len(), 1000);
    drop(raws);
    wait_for_nothing(&logind);
    wait_for_status(&session, |s| s["holds"] == json!([]));
}

#[test]
fn a_holder_that_dies_at_once_leaves_nothing() {
    let (session, logind) = session(|orders| orders.block = Answer::Never);
    let watcher = session.watcher();
    let raw = session.raw();
    raw.inhibit("brief", "", IDLING).unwrap();
    logind.wait(LIMIT, "a question", |seen| seen.asked == 1);
    drop(raw);
    watcher.hears_event(&[("event", "released".into()), ("name", "brief".into())]);
    // The lock that comes now is dropped as it comes.
    logind.answer_at_last();
    let seen = wait_for_nothing(&logind);
    assert_eq!(seen.asked, 1);
}

#[test]
fn flags_that_hold_nothing_are_refused_and_unknown_ones_are_kept() {
    let (session, logind) = session(|_| {});
    let raw = session.raw();
    assert_eq!(refusal(raw.inhibit("a", "nothing", 0)), "GeneralError");
    raw.inhibit("b", "of the future", 1 << 20).unwrap();
    let status = session.status();
    assert_eq!(status["holds"].as_array().unwrap().len(), 1, "{status:#}");
    assert_eq!(status["holds"][0]["what"], json!([]));
    assert_eq!(status["blockers"], json!([]));
    assert_eq!(logind.seen().asked, 0);
}

#[test]
fn a_refusal_is_logged_once_and_the_session_knows_of_the_hold_all_the_same() {
    let (session, logind) = session(|orders| orders.block = Answer::No("not you".into()));
    let raw = session.raw();
    raw.inhibit("mpv", "Playing", IDLING).unwrap();
    raw.inhibit("editor", "unsaved", SUSPEND).unwrap();
    raw.inhibit("vlc", "Playing", IDLING).unwrap();
    logind.wait(LIMIT, "three questions", |seen| seen.asked == 3);
    let log = session.run.stderr();
    log.wait_for("logind gives no sleep lock", LIMIT);
    let status = session.status();
    assert_eq!(status["holds"].as_array().unwrap().len(), 3, "{status:#}");
    // Nothing changes, nothing is asked.
    session.status();
    assert_eq!(logind.seen().asked, 3);
    let said = session.run.stderr_so_far();
    let idle = said.matches("logind gives no idle lock").count();
    assert_eq!((idle, said.matches("not you").count()), (1, 2), "{said}");
    // Given again, it is taken with the next change.
    logind.orders(|orders| orders.block = Answer::Yes);
    raw.inhibit("mpv", "another film", IDLING).unwrap();
    let why = "mpv: Playing; vlc: Playing; mpv: another film";
    wait_for(&logind, "idle", "mpv, vlc", why);
}

#[test]
fn a_logind_that_never_answers_holds_nobody_up() {
    let (session, logind) = session(|orders| orders.block = Answer::Never);
    let raw = session.raw();
    let cookie = raw.inhibit("mpv", "Playing", IDLING | LOG_OFF).unwrap();
    logind.wait(LIMIT, "two questions", |seen| seen.asked == 2);
    assert_eq!(session.status()["blockers"][0]["reason"], "Playing");
    raw.gnome("Uninhibit", &cookie).unwrap();
    let second = raw.inhibit("vlc", "Playing", IDLING).unwrap();
    // One question at a time: what is asked is what is wanted when the answer has come.
    assert_eq!(session.status()["holds"][0]["name"], "vlc");
    assert_eq!(logind.seen().asked, 2);
    logind.orders(|orders| orders.block = Answer::Yes);
    logind.answer_at_last();
    wait_for(&logind, "idle", "vlc", "Playing");
    logind.wait(LIMIT, "one lock", |seen| seen.blocks.len() == 1);
    raw.gnome("Uninhibit", &second).unwrap();
    wait_for_nothing(&logind);
}

#[test]
fn a_logind_that_is_started_again_is_told_again() {
    let (session, logind) = session(|_| {});
    let raw = session.raw();
    raw.inhibit("mpv", "Playing", IDLING).unwrap();
    wait_for(&logind, "idle", "mpv", "Playing");
    logind.stop();
    // Meanwhile it is asked for in vain.
    raw.inhibit("burner", "Burning", SUSPEND).unwrap();
    session
        .run
        .stderr()
        .wait_for("logind gives no sleep lock", LIMIT);
    logind.start_again();
    wait_for(&logind, "idle", "mpv", "Playing");
    wait_for(&logind, "sleep", "burner", "Burning");
    logind.wait(LIMIT, "the delay lock", |seen| seen.delay_locks == 1);
}

#[test]
fn without_a_system_bus_the_session_alone_knows_and_says_so_once() {
    let sandbox = sandbox();
    sandbox.set_env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere");
    let session = Session::with_in(&sandbox, On::Daemon, "", &IDLE);
    let raw = session.raw();
    raw.inhibit("mpv", "Playing", IDLING).unwrap();
    raw.inhibit("vlc", "Playing", IDLING).unwrap();
    let held = session.run.stderr();
    held.wait_for("holds idle, of which logind is not told", LIMIT);
    assert_eq!(session.status()["holds"].as_array().unwrap().len(), 2);
    let log = session.run.stderr_so_far();
    assert_eq!(log.matches("logind is not told").count(), 1, "{log}");
}

#[test]
fn our_own_lock_does_not_stand_against_our_own_power_off() {
    let (session, logind) = session(|_| {});
    let editor = session.raw();
    editor.inhibit("editor", "unsaved", LOG_OFF).unwrap();
    wait_for(&logind, "shutdown", "editor", "unsaved");
    let watcher = session.watcher();
    let asks = session.start(&["poweroff", "--json"]);
    // It is the application that blocks, and nobody else.
    watcher.hears_event(&[("event", "blocked".into()), ("reason", "unsaved".into())]);
    assert_eq!(session.status()["blockers"].as_array().unwrap().len(), 1);
    logind.orders(|orders| orders.end = Answer::No("busy".into()));
    session.endsession(&["choose", "end-all"]);
    let calls = logind.wait(LIMIT, "PowerOff", |seen| {
        seen.calls.contains(&"PowerOff".into())
    });
    assert!(calls.blocks.is_empty(), "{calls:?}");
    assert!(
        !calls
            .calls
            .iter()
            .any(|call| call.ends_with("ignore-inhibit")),
        "{calls:?}"
    );
    // It failed, and what is still held is held at logind again.
    assert_eq!(asks.wait_exit(LIMIT).code(), Some(1));
    let outcome: Value = serde_json::from_str(&asks.stdout_so_far()).unwrap();
    assert_eq!(outcome["outcome"], "failed", "{outcome}");
    wait_for(&logind, "shutdown", "editor", "unsaved");
}

#[test]
fn everybody_who_watches_hears_of_a_hold_under_one_name_with_one_reason() {
    let (session, logind) = session(|_| {});
    let watcher = session.watcher();
    let raw = session.raw();
    let cookie = raw
        .inhibit("mpv", "A \u{202e}film\n", SUSPEND | IDLING)
        .unwrap();
    let held = watcher.hears_event(&[("event", "held".into())]);
    let expected = json!({
        "event": "held",
        "id": std::process::id().to_string(),
        "name": "mpv",
        "pid": std::process::id(),
        "reason": "A film ",
        "what": ["sleep", "idle"],
    });
    assert_eq!(held, expected);
    wait_for(&logind, "idle", "mpv", "A film");
    let mut listed = session.status()["holds"][0].clone();
    listed["event"] = "held".into();
    assert_eq!(listed, expected);
    let text = session.endsession(&["status"]).out;
    let line = format!("mpv (pid {}) (sleep, idle): A film", std::process::id());
    assert!(text.contains(&line), "{text}");
    let pid = std::process::id();
    let log = session.run.stderr();
    log.wait_for(
        &format!("held by mpv (pid {pid}): sleep, idle: A film"),
        LIMIT,
    );
    raw.gnome("Uninhibit", &cookie).unwrap();
    watcher.hears_event(&[("event", "released".into()), ("name", "mpv".into())]);
    log.wait_for(&format!("released by mpv (pid {pid})"), LIMIT);
}

#[test]
fn inhibited_actions_are_right_when_the_lock_is_late() {
    let (session, logind) = session(|orders| orders.block = Answer::Never);
    let raw = session.raw();
    raw.listen(&format!("type='signal',interface='{PROPERTIES}'"));
    let cookie = raw.inhibit("mpv", "Playing", IDLING).unwrap();
    raw.hears_signal("PropertiesChanged", 1);
    let is = |flags: u32| -> bool {
        let reply = raw.gnome("IsInhibited", &flags).unwrap();
        reply.body().deserialize().unwrap()
    };
    assert!(is(IDLING));
    raw.gnome("Uninhibit", &cookie).unwrap();
    raw.hears_signal("PropertiesChanged", 2);
    assert!(!is(IDLING));
    logind.answer_at_last();
    wait_for_nothing(&logind);
}

#[test]
fn locks_of_others_hold_a_log_off_only_where_the_user_wants_it() {
    let locks = |orders: &mut Orders| orders.locks = vec![("apt".into(), "Installing".into())];
    let sandbox = sandbox();
    let logind = Logind::of(&sandbox);
    logind.orders(locks);
    let config = "[holds]\nsystem = \"log-off\"\n";
    let session = Session::with_in(&sandbox, On::Daemon, config, &IDLE);
    logind.wait(LIMIT, "a delay lock", |seen| seen.delay_locks == 1);
    let status = wait_for_status(&session, |s| s["holds"] != json!([]));
    assert_eq!(
        status["holds"][0]["what"],
        json!(["logoff", "restart", "poweroff"])
    );
    let done = session.endsession(&["logoff", "--no-dialog"]);
    assert_eq!(done.code(), Some(1), "{done:?}");
    assert!(
        done.err.contains("apt") && done.err.contains("Installing"),
        "{done:?}"
    );
    // Over it goes as over any other, and takes no right of polkit's.
    session.endsession(&["logoff", "--force"]);
    session.ends_in_order();
    let asked = logind.seen().calls;
    assert!(
        !asked.iter().any(|call| call.contains("ignore-inhibit")),
        "{asked:?}"
    );
}

#[test]
fn locks_of_others_are_nothing_to_a_log_off_by_default() {
    let (session, _logind) = session(|orders| {
        orders.locks = vec![("apt".into(), "Installing".into())];
    });
    let status = wait_for_status(&session, |s| s["holds"] != json!([]));
    assert_eq!(status["holds"][0]["name"], "apt");
    assert_eq!(status["holds"][0]["what"], json!(["restart", "poweroff"]));
    session.endsession(&["logoff", "--no-dialog"]);
    session.ends_in_order();
}

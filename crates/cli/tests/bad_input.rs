//! What nobody should send: it is refused with a reason, changes nothing, and costs the others
//! nothing.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod support;

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use endsession_testkit::gnome_client::{GnomeClient, Manner};
use futures_util::future::join_all;
use rustix::process::getuid;
use rustix::thread::{set_thread_res_gid, set_thread_res_uid};
use support::raw::{
    CONTROL, CONTROL_PATH, MANAGER, MANAGER_PATH, OWN_CLIENT, PRIVATE, Raw, refusal,
};
use support::{LIMIT, On, Session, on_both_buses};
use zbus::{Message, ObjectPath};

on_both_buses!(
    an_answer_that_nobody_asked_for_changes_nothing,
    a_repeated_answer_changes_nothing,
    an_answer_for_another_client_is_denied_and_changes_nothing,
    a_reason_may_be_empty_or_odd_and_is_cut_when_it_is_long,
    ten_thousand_inhibitors_of_one_connection_are_refused_at_the_cap,
    ten_thousand_clients_of_one_connection_are_refused_at_the_cap,
    wrong_arguments_are_refused_and_named,
    what_is_not_there_is_refused,
    a_peer_that_never_reads_its_replies_holds_up_nobody,
    another_user_is_denied,
);

/// What the manager keeps in memory, in kB.
fn memory(session: &Session) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", session.run.pid())).unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// It answers, and before long.
#[track_caller]
fn answers_quickly(session: &Session) {
    let raw = session.raw();
    let begun = Instant::now();
    raw.gnome("IsInhibited", &1_u32).unwrap();
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
}

fn an_answer_that_nobody_asked_for_changes_nothing(on: On) {
    let session = Session::on(on);
    let raw = session.watcher();
    let client = raw.register("editor", "").unwrap();
    // None of these is an answer to the query that comes after them.
    raw.call(&client, PRIVATE, "EndSessionResponse", &(true, ""))
        .unwrap();
    raw.call(&client, PRIVATE, "EndSessionResponse", &(false, "no"))
        .unwrap();
    raw.call(&client, OWN_CLIENT, "AskingUser", &()).unwrap();
    raw.call(&client, OWN_CLIENT, "Answer", &(false, true, "no"))
        .unwrap();
    raw.request(&[]).unwrap();
    raw.hears_signal("QueryEndSession", 1);
    let status = raw.status();
    assert_eq!(
        status["applications"][0]["votes"],
        serde_json::json!(["asked"])
    );
    assert_eq!(status["request"]["phase"], "asking");
}

fn a_repeated_answer_changes_nothing(on: On) {
    let session = Session::on(on);
    let raw = session.watcher();
    let client = raw.register("editor", "").unwrap();
    let hold = raw
        .inhibit("editor", "so that the request waits", 1)
        .unwrap();
    raw.request(&[]).unwrap();
    raw.hears_signal("QueryEndSession", 1);
    raw.call(&client, PRIVATE, "EndSessionResponse", &(true, ""))
        .unwrap();
    for _ in 0..100 {
        raw.call(
            &client,
            PRIVATE,
            "EndSessionResponse",
            &(false, "changed my mind"),
        )
        .unwrap();
    }
    raw.call(
        &client,
        OWN_CLIENT,
        "Answer",
        &(false, true, "changed my mind"),
    )
    .unwrap();
    let status = raw.status();
    assert_eq!(
        status["applications"][0]["votes"],
        serde_json::json!(["accepted"])
    );
    raw.gnome("Uninhibit", &hold).unwrap();
    raw.hears_signal("EndSession", 1);
}

fn an_answer_for_another_client_is_denied_and_changes_nothing(on: On) {
    let session = Session::on(on);
    let (owner, other) = (session.watcher(), session.raw());
    let client = owner.register("editor", "").unwrap();
    owner.request(&[]).unwrap();
    owner.hears_signal("QueryEndSession", 1);
    let denied = [
        other.call(&client, PRIVATE, "EndSessionResponse", &(true, "")),
        other.call(&client, PRIVATE, "EndSessionResponse", &(false, "x")),
        other.call(&client, OWN_CLIENT, "AskingUser", &()),
        other.call(&client, OWN_CLIENT, "Answer", &(false, true, "x")),
    ];
    for call in denied {
        assert_eq!(refusal(call), "AccessDenied");
    }
    let status = owner.status();
    assert_eq!(
        status["applications"][0]["votes"],
        serde_json::json!(["asked"])
    );
    assert_eq!(status["request"]["phase"], "asking");
}

fn a_reason_may_be_empty_or_odd_and_is_cut_when_it_is_long(on: On) {
    let session = Session::on(on);
    let raw = session.raw();
    let kept = |reason: &str| -> String {
        let cookie = raw.inhibit("x", reason, 1).unwrap();
        let path = format!("{MANAGER_PATH}/Inhibitor{cookie}");
        let reply = raw.call(
            &path,
            "org.gnome.SessionManager.Inhibitor",
            "GetReason",
            &(),
        );
        let kept = reply
            .unwrap()
            .body()
            .deserialize::<&str>()
            .unwrap()
            .to_owned();
        raw.gnome("Uninhibit", &cookie).unwrap();
        kept
    };
    assert_eq!(kept(""), "");
    assert_eq!(kept("\x1b[2J\u{7}two\nlines\u{9b}"), " [2J two\nlines ");
    assert_eq!(kept(&"x".repeat(1 << 20)), "x".repeat(4096));
    // Cut at a character, not within one.
    assert_eq!(kept(&"日".repeat(1 << 19)), "日".repeat(4096 / 3));
    let name = "n".repeat(1 << 20);
    raw.inhibit(&name, "x", 1).unwrap();
    raw.register(&name, &name).unwrap();
    assert!(raw.status().to_string().len() < 8192);
}

/// Calls a method `count` times at once; how often it went well, and the names of the errors.
fn many(
    raw: &Raw,
    count: usize,
    member: &str,
    body: &(impl serde::Serialize + zbus::zvariant::DynamicType),
) -> (usize, Vec<String>) {
    let call = || {
        raw.connection()
            .call_method(Some(MANAGER), MANAGER_PATH, Some(MANAGER), member, body)
    };
    let (mut well, mut errors) = (0, Vec::new());
    // Not more at once than a connection may have calls without a reply.
    for part in (0..count).step_by(500) {
        let calls = (part..count.min(part + 500)).map(|_| call());
        for result in raw.block_on(join_all(calls)) {
            match result {
                Ok(_) => well += 1,
                Err(error) => errors.push(error.to_string()),
            }
        }
    }
    (well, errors)
}

fn ten_thousand_inhibitors_of_one_connection_are_refused_at_the_cap(on: On) {
    let session = Session::on(on);
    let raw = session.raw();
    let before = memory(&session);
    let (taken, errors) = many(&raw, 10_000, "Inhibit", &("runaway", 0_u32, "again", 4_u32));
    assert_eq!((taken, errors.len()), (1024, 10_000 - 1024));
    assert!(
        errors
            .iter()
            .all(|e| e.contains("too many inhibitors: 1024 on this connection")),
        "{}",
        errors[0]
    );
    answers_quickly(&session);
    assert!(
        memory(&session) < before + 32 * 1024,
        "{before} kB, then {}",
        memory(&session)
    );
    // The others may still hold the session, and what is released makes room.
    session.raw().inhibit("other", "mine", 1).unwrap();
    assert_eq!(
        refusal(raw.inhibit("runaway", "again", 4)),
        "LimitsExceeded"
    );
    raw.gnome("Uninhibit", &1_u32).unwrap();
    raw.inhibit("runaway", "again", 4).unwrap();
    drop(raw);
    support::wait_for_status(&session, |s| {
        s["other_inhibitors"].as_array().unwrap().is_empty()
    });
}

fn ten_thousand_clients_of_one_connection_are_refused_at_the_cap(on: On) {
    let session = Session::on(on);
    let raw = session.raw();
    let before = memory(&session);
    let (registered, errors) = many(&raw, 10_000, "RegisterClient", &("runaway", ""));
    assert_eq!((registered, errors.len()), (2048, 10_000 - 2048));
    answers_quickly(&session);
    assert!(
        memory(&session) < before + 32 * 1024,
        "{before} kB, then {}",
        memory(&session)
    );
    let editor = session.client("editor", Manner::Agree);
    drop(raw);
    session.raw().request(&[]).unwrap();
    editor.wait_until_left(LIMIT);
    session.ends_in_order();
}

fn wrong_arguments_are_refused_and_named(on: On) {
    let session = Session::on(on);
    let raw = session.raw();
    let client = raw.register("editor", "").unwrap();
    let manager =
        |member: &str, takes: &str| (MANAGER_PATH, MANAGER, member.to_owned(), takes.to_owned());
    let takes = [
        manager("RegisterClient", "ss"),
        manager("UnregisterClient", "o"),
        manager("Inhibit", "susu"),
        manager("Uninhibit", "u"),
        manager("IsInhibited", "u"),
        manager("Logout", "u"),
        manager("GetLocale", "i"),
        (&client, PRIVATE, "EndSessionResponse".into(), "bs".into()),
        (&client, OWN_CLIENT, "Answer".into(), "bbs".into()),
        (CONTROL_PATH, CONTROL, "Request".into(), "sa{sv}".into()),
        (CONTROL_PATH, CONTROL, "Choose".into(), "uss".into()),
    ];
    for (path, interface, member, takes) in takes {
        let wrong = [
            (raw.call(path, interface, &member, &()), ""),
            (raw.call(path, interface, &member, &(1.5_f64)), "d"),
            (
                raw.call(path, interface, &member, &(vec!["x"], 7_u64)),
                "ast",
            ),
        ];
        for (called, with) in wrong {
            let refused = called.unwrap_err();
            assert_eq!(
                refused.name, "org.freedesktop.DBus.Error.InvalidArgs",
                "{member}"
            );
            assert_eq!(
                refused.text,
                format!("{member} takes ({takes}), and was called with ({with})")
            );
        }
    }
    assert_eq!(raw.status()["request"], serde_json::Value::Null);
}

fn what_is_not_there_is_refused(on: On) {
    let session = Session::on(on);
    let raw = session.raw();
    assert_eq!(refusal(raw.gnome("Explode", &())), "UnknownMethod");
    assert_eq!(refusal(raw.control("Explode", &())), "UnknownMethod");
    assert_eq!(
        refusal(raw.call(MANAGER_PATH, CONTROL, "Cancel", &())),
        "UnknownMethod"
    );
    for path in [
        "/",
        "/org/example",
        "/org/gnome/SessionManager/Client1",
        "/org/gnome/SessionManager/Inhibitor0",
    ] {
        let refused = refusal(raw.call(path, PRIVATE, "EndSessionResponse", &(true, "")));
        assert_eq!(refused, "UnknownObject", "{path}");
    }
    for path in [
        "/org/gnome/SessionManager/Client4294967296",
        "/org/gnome/SessionManager/Clientx",
    ] {
        let body = ObjectPath::try_from(path).unwrap();
        assert_eq!(
            refusal(raw.gnome("UnregisterClient", &body)),
            "NotRegistered",
            "{path}"
        );
    }
}

/// A connection of the sandbox's user that says what it likes and reads nothing.
fn deaf(session: &Session) -> UnixStream {
    let (uid, address) = (session.bus.uid(), session.bus.address().to_owned());
    let connect = move || {
        let path = address
            .trim_start_matches("unix:path=")
            .split(',')
            .next()
            .unwrap();
        // The bus asks the kernel for the user of the thread that connects.
        if uid != getuid().as_raw() {
            let id = rustix::process::Gid::from_raw(uid);
            set_thread_res_gid(
                None::<rustix::process::Gid>,
                Some(id),
                None::<rustix::process::Gid>,
            )
            .unwrap();
            let id = rustix::process::Uid::from_raw(uid);
            set_thread_res_uid(
                None::<rustix::process::Uid>,
                Some(id),
                None::<rustix::process::Uid>,
            )
            .unwrap();
        }
        UnixStream::connect(path).unwrap()
    };
    let mut stream = std::thread::spawn(connect).join().unwrap();
    let hex: String = uid
        .to_string()
        .bytes()
        .map(|b| format!("{b:02x}"))
        .collect();
    stream
        .write_all(format!("\0AUTH EXTERNAL {hex}\r\n").as_bytes())
        .unwrap();
    let mut answer = [0; 64];
    let length = stream.read(&mut answer).unwrap();
    assert!(
        answer[..length].starts_with(b"OK "),
        "{:?}",
        String::from_utf8_lossy(&answer)
    );
    stream.write_all(b"BEGIN\r\n").unwrap();
    stream
}

fn call(
    path: &str,
    interface: &str,
    member: &str,
    body: &(impl serde::Serialize + zbus::zvariant::DynamicType),
) -> Vec<u8> {
    let destination = if path == "/org/freedesktop/DBus" {
        interface
    } else {
        MANAGER
    };
    let call = Message::method_call(path, member).destination(destination);
    call.interface(interface)
        .build(body)
        .unwrap()
        .data()
        .to_vec()
}

fn a_peer_that_never_reads_its_replies_holds_up_nobody(on: On) {
    let session = Session::on(on);
    let mut deaf = deaf(&session);
    let bus = "org.freedesktop.DBus";
    deaf.write_all(&call("/org/freedesktop/DBus", bus, "Hello", &()))
        .unwrap();
    deaf.write_all(&call(CONTROL_PATH, CONTROL, "Watch", &()))
        .unwrap();
    deaf.set_write_timeout(Some(LIMIT)).unwrap();
    let long = call(
        MANAGER_PATH,
        MANAGER,
        "Inhibit",
        &("deaf", 0_u32, "x".repeat(4096).as_str(), 4_u32),
    );
    let ask = call(
        CONTROL_PATH,
        "org.freedesktop.DBus.Introspectable",
        "Introspect",
        &(),
    );
    for n in 0..5_000 {
        // A bus may well close on one that lets its replies pile up.
        if deaf
            .write_all(if n % 5 == 0 { &long } else { &ask })
            .is_err()
        {
            break;
        }
    }
    answers_quickly(&session);
    let client = session.client("editor", Manner::Agree);
    let done = session.endsession(&["logoff", "--no-dialog"]);
    assert_eq!(done.code(), Some(0), "{done:?}");
    client.wait_until_left(LIMIT);
    session.ends_in_order();
}

/// dbus-daemon does not let another user in at all; dbus-broker lets in whom its policy does, and
/// the manager serves the session's own user alone. Who is not root has nobody else to be, and only
/// claims to.
fn another_user_is_denied(on: On) {
    let session = Session::on(on);
    let own = session.bus.uid();
    let other = if getuid().is_root() { 0 } else { own };
    let claims = if other == own { own + 1 } else { other };
    let address = session.bus.address();
    let refused = GnomeClient::register_on(address, claims, "other", Manner::Agree).unwrap_err();
    if other != own && on == On::Broker {
        let said = refused.to_string();
        assert!(
            said.contains("this session belongs to another user"),
            "{said}"
        );
    }
    assert_eq!(session.status()["applications"], serde_json::json!([]));
    if other != own {
        // The same for the command, which says so.
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_endsession"));
        command
            .arg("logoff")
            .env("DBUS_SESSION_BUS_ADDRESS", address);
        let output = command.stdin(std::process::Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let (status, why) = match on {
            On::Daemon => (3, "cannot be reached"),
            On::Broker => (2, "this session belongs to another user"),
        };
        assert!(
            output.status.code() == Some(status) && said.contains(why),
            "{said}"
        );
    }
    assert!(session.run.is_alive());
}

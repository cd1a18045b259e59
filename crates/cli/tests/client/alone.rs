//! Where no session manager is there, or a bus that is none: logind, nobody, and what was asked for by name.

use std::os::unix::net::UnixListener;

use endsession_testkit::bus::Bus;
use endsession_testkit::logind::Logind;
use endsession_testkit::managers::Managed;
use rustix::process::Signal;

use crate::actor::Actor;
use crate::support::{LIMIT, On, Session, on_both_buses, sandbox};

const BACKEND: &str = "ENDSESSION_BACKEND";

#[test]
fn logind_tells_of_a_shutdown_and_waits_until_the_application_is_done() {
    let sandbox = sandbox();
    let logind = Logind::of(&sandbox);
    let actor = Actor::start(&sandbox, "org.example.Editor");
    actor.says("connected to logind");
    logind.wait(LIMIT, "a delay lock", |seen| seen.delay_locks == 1);
    logind.prepare_for_shutdown(true);
    actor.says("got end 1. critical=true kind=Some(Shutdown)");
    // Called off, and told once more.
    logind.prepare_for_shutdown(false);
    actor.says("got cancelled 1.");
    assert_eq!(logind.seen().delay_locks, 1);
    logind.prepare_for_shutdown(true);
    actor.says("got end 2.");
    assert_eq!(logind.seen().delay_locks, 1, "not before it is done");
    actor.order("done");
    logind.wait(LIMIT, "no delay lock", |seen| seen.delay_locks == 0);
}

#[test]
fn a_manager_that_comes_is_taken_instead_of_logind() {
    let sandbox = sandbox();
    let logind = Logind::of(&sandbox);
    let _bus = Bus::daemon_in(&sandbox);
    let actor = Actor::start(&sandbox, "org.example.Editor");
    actor.says("connected to logind");
    logind.wait(LIMIT, "a delay lock", |seen| seen.delay_locks == 1);
    let run = crate::support::start(&sandbox, "", &crate::support::IDLE);
    actor.says("got backend 1. endsession");
    run.kill();
    actor.says("got backend 2. logind");
}

#[test]
fn nobody_is_no_error() {
    let sandbox = sandbox();
    let bus = Bus::daemon_in(&sandbox);
    sandbox.set_env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent");
    let actor = Actor::start(&sandbox, "org.example.Editor");
    actor.says("connected to none");
    actor.order("hold film l Rendering");
    actor.asks("held film", "film holds NOTHING");
    drop(bus);
    actor.asks("backend", "its backend is none");
}

#[test]
fn a_bus_that_does_not_answer_keeps_nobody_from_starting() {
    let sandbox = sandbox();
    sandbox.set_env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent");
    let path = sandbox.runtime_dir().join("hung");
    let _listens = UnixListener::bind(&path).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let address = format!("unix:path={}", path.display());
    sandbox.set_env("DBUS_SESSION_BUS_ADDRESS", address);
    let actor = Actor::start(&sandbox, "org.example.Editor");
    let said = actor.says("connected to none after ");
    let after: u64 = said.split(' ').nth(4).unwrap().parse().unwrap();
    assert!(after < 2_500, "{said}");
    actor.asks("close", "obeyed close");
}

#[test]
fn a_manager_that_hangs_keeps_nobody_from_starting_and_is_taken_when_it_answers() {
    let mate = Managed::mate();
    mate.process().signal(Signal::STOP);
    let actor = Actor::start(mate.sandbox(), "org.example.Editor");
    let said = actor.says("connected to none after ");
    let after: u64 = said.split(' ').nth(4).unwrap().parse().unwrap();
    assert!((1_900..3_000).contains(&after), "{said}");
    mate.process().signal(Signal::CONT);
    let begun = std::time::Instant::now();
    loop {
        let said = actor.asks("backend", "its backend is ");
        if said.contains("mate") {
            break;
        }
        assert!(begun.elapsed() < LIMIT, "{said}");
    }
}

#[test]
fn the_environment_names_the_backend() {
    let session = Session::on(On::Daemon);
    let none = Actor::launch(&session.sandbox, "org.example.Editor", &[(BACKEND, "none")]);
    none.says("connected to none");
    let ours = Actor::launch(
        &session.sandbox,
        "org.example.Editor",
        &[(BACKEND, "endsession")],
    );
    ours.says("connected to endsession");
    let missing = Actor::launch(
        &session.sandbox,
        "org.example.Editor",
        &[(BACKEND, "gnome")],
    );
    let said = missing.says("failed after ");
    assert!(
        said.contains("the backend gnome is not there: nobody on the session bus owns its name"),
        "{said}"
    );
    let unknown = Actor::launch(&session.sandbox, "org.example.Editor", &[(BACKEND, "gnom")]);
    unknown.says("no backend is called \"gnom\"");
}

#[test]
fn a_backend_that_was_asked_for_is_waited_for_again_when_it_goes() {
    let session = Session::on(On::Daemon);
    let actor = Actor::launch(
        &session.sandbox,
        "org.example.Editor",
        &[(BACKEND, "endsession")],
    );
    actor.says("connected to endsession");
    session.run.kill();
    actor.says("got backend 1. none");
    let _run = crate::support::start(&session.sandbox, "", &crate::support::IDLE);
    actor.says("got backend 2. endsession");
}

on_both_buses!(what_strangers_say_is_nothing);

/// On dbus-daemon and dbus-broker anybody may send anybody a signal.
fn what_strangers_say_is_nothing(on: On) {
    let session = Session::on(on);
    let actor = Actor::start(&session.sandbox, "org.example.Editor");
    let raw = session.raw();
    let names = raw.block_on(async {
        let bus = zbus::fdo::DBusProxy::new(raw.connection()).await.unwrap();
        bus.list_names().await.unwrap()
    });
    for name in names.iter().filter(|name| name.as_str().starts_with(':')) {
        for number in 0..8 {
            let path = format!("/org/gnome/SessionManager/Client{number}");
            for member in ["QueryEndSession", "EndSession", "Stop", "CancelEndSession"] {
                let signal = zbus::Message::signal(&*path, crate::support::raw::PRIVATE, member);
                let message = signal.destination(name.as_str()).build(&1_u32).unwrap();
                raw.block_on(raw.connection().send(&message)).unwrap();
            }
        }
    }
    // What comes after it is heard after it.
    session.watcher().request(&[]).unwrap();
    actor.says("got query 1.");
    actor.order("accept");
    actor.says("got end 1. critical=false");
    assert_eq!(actor.told(), ["query", "end"]);
    actor.order("done");
    session.ends_in_order();
}

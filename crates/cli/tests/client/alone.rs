//! Where no session manager is there, or a bus that is none: logind, nobody, and what was asked for by name.

use std::os::unix::net::UnixListener;

use endsession_testkit::bus::Bus;
use endsession_testkit::logind::Logind;
use endsession_testkit::managers::Managed;
use endsession_testkit::names::OwnsName;
use endsession_testkit::session::{Proc, Sandbox};
use endsession_testkit::x11::Xvfb;
use rustix::process::Signal;

use crate::actor::Actor;
use crate::support::{IDLE, LIMIT, On, Session, endsession, on_both_buses, sandbox, start, until};

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
    let run = start(&sandbox, "", &IDLE);
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

/// A session bus at a place that stays the same.
#[track_caller]
fn bus_at(sandbox: &Sandbox, address: &str) -> Proc {
    let address = format!("--address={address}");
    let daemon = sandbox.spawn([
        "dbus-daemon",
        "--session",
        "--nofork",
        "--print-address",
        &address,
    ]);
    daemon.wait_for_line("unix:", LIMIT);
    daemon
}

#[test]
fn a_bus_that_was_lost_is_tried_again_when_something_is_held() {
    let sandbox = sandbox();
    sandbox.set_env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent");
    let path = sandbox.runtime_dir().join("bus");
    let address = format!("unix:path={}", path.display());
    sandbox.set_env("DBUS_SESSION_BUS_ADDRESS", &address);
    let first = bus_at(&sandbox, &address);
    let is_managed = || endsession(&sandbox, &["status"]).code() == Some(0);
    let run = start(&sandbox, "", &IDLE);
    until(is_managed);
    let actor = Actor::start(&sandbox, "org.example.Render");
    actor.says("connected to endsession");
    first.kill();
    actor.says("got backend 1. none");
    run.kill();
    run.wait_exit(LIMIT);
    // A daemon that is killed leaves its socket.
    std::fs::remove_file(&path).unwrap();
    let _second = bus_at(&sandbox, &address);
    let _run = start(&sandbox, "", &IDLE);
    until(is_managed);
    actor.asks("backend", "its backend is none");
    actor.order("hold film l Rendering");
    actor.says("got backend 2. endsession");
    actor.asks("held film", "film holds LOG_OFF");
}

#[test]
fn a_stranger_that_never_says_who_it_is_disturbs_nobody() {
    let mate = Managed::mate();
    let actor = Actor::start(mate.sandbox(), "org.example.Editor");
    actor.says("connected to mate ");
    let _stranger = OwnsName::take(mate.bus(), "org.endsession.Manager1");
    let call = "dbus-send --session --dest=org.gnome.SessionManager /org/gnome/SessionManager \
                org.gnome.SessionManager.Logout uint32:1";
    let _sent = mate
        .sandbox()
        .spawn(call.split_whitespace().collect::<Vec<_>>());
    actor.says("got query 1.");
    actor.order("accept");
    actor.says("got end 1.");
    actor.order("done");
    mate.wait_until_over(LIMIT);
}

/// `endsession logoff` brings a manager along for its one request: who uses the crate hears of it, although nobody was there when it started.
#[test]
fn where_no_manager_runs_it_is_asked_all_the_same() {
    let sandbox = sandbox();
    sandbox.set_env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent");
    let _bus = Bus::daemon_in(&sandbox);
    let _xvfb = Xvfb::with_openbox_in(&sandbox);
    let actor = Actor::start(&sandbox, "org.example.Editor");
    actor.says("connected to none");
    let command = sandbox.spawn(["endsession", "logoff", "--json"]);
    actor.says("got backend 1. endsession");
    actor.says("got query 1.");
    actor.order("ask Save the letter?");
    actor.order("no I go on writing");
    assert_eq!(command.wait_exit(LIMIT).code(), Some(1));
    let said = command.stdout_so_far();
    assert!(
        said.contains("org.example.Editor: I go on writing"),
        "{said}"
    );
    actor.says("got backend 2. none");
}

/// One bus serves two displays, with a manager each: an application is a client of its own display's, although the other has the name that is known.
#[test]
fn the_manager_of_another_display_is_somebody_elses() {
    let sandbox = sandbox();
    sandbox.set_env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent");
    let bus = Bus::daemon_in(&sandbox);
    let first = Xvfb::with_openbox_in(&sandbox);
    let second = Xvfb::with_openbox_in(&sandbox);
    sandbox.set_env("DISPLAY", first.display());
    let _of_first = sandbox.spawn(["endsession", "manager"]);
    bus.wait_for_name("org.gnome.SessionManager", LIMIT);
    let here = Actor::start(&sandbox, "org.example.First");
    here.says("connected to endsession");
    sandbox.set_env("DISPLAY", second.display());
    let there = Actor::start(&sandbox, "org.example.Second");
    there.says("connected to none");
    let of_second = sandbox.spawn(["endsession", "manager"]);
    there.says("got backend 1. endsession");
    let _command = sandbox.spawn(["endsession", "logoff"]);
    there.says("got query 1.");
    there.order("accept");
    there.says("got end 1.");
    there.order("done");
    of_second.wait_exit(LIMIT);
    here.asks("backend", "its backend is endsession");
    assert!(here.told().is_empty());
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
    let _run = start(&session.sandbox, "", &IDLE);
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
        for number in 0..64 {
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

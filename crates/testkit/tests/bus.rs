//! Each bus starts, carries a call and a name, knows its users, and leaves nothing.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::time::Duration;

use endsession_testkit::{bus::Bus, session::Sandbox, wait::is_alive};

const LIMIT: Duration = Duration::from_secs(20);

fn works(bus: &Bus) {
    let connection = bus.connect();
    let address = bus.address().to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let uid = runtime.block_on(async {
        connection.request_name("org.example.Taken").await.unwrap();
        let proxy = zbus::fdo::DBusProxy::new(&connection).await.unwrap();
        let us = connection.unique_name().unwrap().to_owned();
        proxy.get_connection_unix_user(us.into()).await.unwrap()
    });
    assert_eq!(uid, bus.uid(), "on {address}");
    bus.wait_for_name("org.example.Taken", LIMIT);
}

#[test]
fn the_daemon_works_and_leaves_nothing() {
    let sandbox = Sandbox::new();
    let bus = Bus::daemon_in(&sandbox);
    works(&bus);
    let pid = bus.pid().unwrap();
    drop((bus, sandbox));
    assert!(!is_alive(pid));
}

#[test]
fn the_broker_works_and_leaves_nothing() {
    let sandbox = Sandbox::new();
    let bus = Bus::broker_in(&sandbox);
    works(&bus);
    let pid = bus.pid().unwrap();
    drop((bus, sandbox));
    assert!(!is_alive(pid));
}

#[test]
fn the_embedded_bus_works_and_ends() {
    let bus = Bus::embedded();
    works(&bus);
    let path = bus
        .address()
        .trim_start_matches("unix:path=")
        .split(',')
        .next()
        .unwrap()
        .to_owned();
    assert!(std::path::Path::new(&path).exists());
    drop(bus);
    assert!(std::os::unix::net::UnixStream::connect(path).is_err());
}

#[test]
fn a_process_of_the_sandbox_reaches_each_bus() {
    for start in [Bus::daemon_in, Bus::broker_in, Bus::embedded_in] {
        let sandbox = Sandbox::new();
        let bus = start(&sandbox);
        let send = sandbox.spawn([
            "dbus-send",
            "--session",
            "--print-reply",
            "--dest=org.freedesktop.DBus",
            "/org/freedesktop/DBus",
            "org.freedesktop.DBus.GetId",
        ]);
        assert!(
            send.wait_exit(LIMIT).success(),
            "{}: {}",
            bus.address(),
            send.stderr_so_far()
        );
    }
}

#[test]
fn a_name_is_awaited_until_somebody_takes_it() {
    let bus = Bus::daemon();
    let connection = bus.connect();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| bus.wait_for_name("org.example.Late", LIMIT));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime
            .block_on(connection.request_name("org.example.Late"))
            .unwrap();
        waiter.join().unwrap();
    });
}

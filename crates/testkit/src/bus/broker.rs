//! dbus-broker, started without systemd.
//!
//! Its launcher wants the journal's socket and a systemd user manager, which a test machine may
//! lack. So the testkit is the launcher: it gives the broker a socket pair as its controller and a
//! listening socket with a policy that allows everything, as session.conf does. Interface
//! `org.bus1.DBus.Broker`, from dbus-broker's src/launch and src/broker/controller-dbus.c; the shape
//! of the policy is that of versions 33 to 37.

use std::{
    fs,
    os::fd::AsFd,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
};

use zbus::{Connection, Fd, ObjectPath, Variant};

use crate::{
    programs, rt,
    session::{Proc, Sandbox},
    wait::LIMIT,
};

/// A rule to connect, to own names, to send and to receive: `(bta(btbs)a(btssssuutt)a(btssssuutt))`.
type Batch = (bool, u64, Vec<Own>, Vec<Transmit>, Vec<Transmit>);
/// Verdict, priority, whether the name is a prefix, the name.
type Own = (bool, u64, bool, &'static str);
/// Verdict, priority, name, path, interface, member, type, broadcast, and the range of descriptors.
type Transmit = (
    bool,
    u64,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    u32,
    u32,
    u64,
    u64,
);

#[derive(Debug)]
pub(super) struct Broker {
    process: Proc,
    path: PathBuf,
    /// The broker ends with its controller.
    _controller: Connection,
}

impl Broker {
    #[track_caller]
    pub(super) fn start(sandbox: &Sandbox) -> Self {
        let path = sandbox.runtime_dir().join("bus");
        let listener = UnixListener::bind(&path).expect("the bus's socket");
        // The broker accepts until there is nobody left; on a blocking socket it would wait there.
        listener
            .set_nonblocking(true)
            .expect("a socket that does not block");
        sandbox.give(&path);
        let (ours, theirs) = UnixStream::pair().expect("a socket pair");
        let process = sandbox.spawn_on(command(), theirs.into());
        let start = async move {
            let builder = zbus::connection::Builder::unix_stream(ours).p2p();
            let controller = builder.build().await?;
            add_listener(&controller, &listener).await?;
            zbus::Result::Ok(controller)
        };
        match rt::block_on("starting dbus-broker", LIMIT, start) {
            Ok(controller) => Self {
                process,
                path,
                _controller: controller,
            },
            Err(error) => panic!("dbus-broker: {error}\n{}", process.stderr_so_far()),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.pid()
    }
}

fn command() -> Vec<String> {
    let id = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let id = if id.trim().len() == 32 {
        id.trim().to_owned()
    } else {
        "0".repeat(31) + "1"
    };
    let broker = programs::need("dbus-broker").display().to_string();
    // The controller is standard input: the one descriptor that needs no unsafe code to hand over.
    let mut command = vec![
        broker,
        "--controller".into(),
        "0".into(),
        "--machine-id".into(),
        id,
    ];
    // Its own defaults are small: 128 descriptors for all connections of one user together.
    let limits = [
        "--max-bytes",
        "1073741824",
        "--max-fds",
        "65536",
        "--max-matches",
        "1048576",
    ];
    command.extend(limits.map(String::from));
    command
}

async fn add_listener(controller: &Connection, listener: &UnixListener) -> zbus::Result<()> {
    let path = ObjectPath::try_from("/org/bus1/DBus/Listener/0")?;
    let socket = Fd::from(listener.as_fd());
    let everything = (true, 1, "", "", "", "", 0, 0, 0, u64::MAX);
    let batch = || -> Batch {
        (
            true,
            1,
            vec![(true, 1, true, "")],
            vec![everything],
            vec![everything],
        )
    };
    // For any user without a policy of its own (uid -1), and for every range of users.
    let users = vec![(u32::MAX, batch())];
    let groups = vec![(false, 0_u32, u32::MAX - 1, batch())];
    let selinux = Vec::<(&str, &str)>::new();
    let policy = Variant::from((users, groups, selinux, false, "session"));
    let broker = Some("org.bus1.DBus.Broker");
    let body = (path, socket, policy);
    controller
        .call_method(
            None::<&str>,
            "/org/bus1/DBus/Broker",
            broker,
            "AddListener",
            &body,
        )
        .await?;
    Ok(())
}

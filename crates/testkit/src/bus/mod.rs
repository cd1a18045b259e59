//! [`Bus`]: a session bus of a test's own: dbus-daemon, dbus-broker, or busd in this process.
//!
//! ```no_run
//! use endsession_testkit::{bus::Bus, session::Sandbox};
//!
//! let sandbox = Sandbox::new();
//! let bus = Bus::daemon_in(&sandbox); // the sandbox's processes find it from now on
//! assert!(bus.address().starts_with("unix:"));
//! ```
//!
//! Only dbus-daemon activates services (the accessibility bus, for one): dbus-broker leaves that to
//! systemd, and busd has none. busd 0.6 does not answer a call to a name that nobody owns, where the
//! others answer with an error: such a call waits for ever.

mod broker;
mod embedded;

use std::{os::unix::net::UnixStream, path::PathBuf, time::Duration};

use rustix::{
    process::{Gid, Uid, getuid},
    thread::{set_thread_res_gid, set_thread_res_uid},
};
use zbus::Connection;

use crate::{
    rt,
    session::{Proc, Sandbox},
    wait::LIMIT,
};

/// A running session bus. Dropping it ends the bus.
#[derive(Debug)]
pub struct Bus {
    address: String,
    uid: u32,
    pid: Option<u32>,
    _kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Daemon {
        _process: Proc,
    },
    Broker {
        _broker: broker::Broker,
    },
    Embedded {
        _thread: embedded::Embedded,
        _sandbox: Sandbox,
    },
}

impl Bus {
    /// dbus-daemon in a sandbox of its own.
    #[track_caller]
    pub fn daemon() -> Self {
        Self::daemon_in(&Sandbox::new())
    }

    /// dbus-daemon as the sandbox's user; the sandbox's `DBUS_SESSION_BUS_ADDRESS` becomes its own.
    #[track_caller]
    pub fn daemon_in(sandbox: &Sandbox) -> Self {
        let process = sandbox.spawn(["dbus-daemon", "--session", "--print-address", "--nofork"]);
        let address = process.wait_for_line("unix:", LIMIT);
        let pid = Some(process.pid());
        Self::ready(sandbox, address, pid, Kind::Daemon { _process: process })
    }

    /// dbus-broker in a sandbox of its own.
    #[track_caller]
    pub fn broker() -> Self {
        Self::broker_in(&Sandbox::new())
    }

    /// dbus-broker as the sandbox's user; the sandbox's `DBUS_SESSION_BUS_ADDRESS` becomes its own.
    #[track_caller]
    pub fn broker_in(sandbox: &Sandbox) -> Self {
        let broker = broker::Broker::start(sandbox);
        let address = format!("unix:path={}", broker.path().display());
        let pid = Some(broker.pid());
        Self::ready(sandbox, address, pid, Kind::Broker { _broker: broker })
    }

    /// busd in this process, with its socket in a sandbox of its own.
    #[track_caller]
    pub fn embedded() -> Self {
        Self::embedded_in(&Sandbox::new())
    }

    /// busd in this process; the sandbox's `DBUS_SESSION_BUS_ADDRESS` becomes its own. It runs as
    /// the user of the test, who need not be the sandbox's.
    #[track_caller]
    pub fn embedded_in(sandbox: &Sandbox) -> Self {
        let thread = embedded::Embedded::start(sandbox);
        let address = thread.address().to_owned();
        let kind = Kind::Embedded {
            _thread: thread,
            _sandbox: sandbox.clone(),
        };
        Self::ready(sandbox, address, None, kind)
    }

    fn ready(sandbox: &Sandbox, address: String, pid: Option<u32>, kind: Kind) -> Self {
        sandbox.set_env("DBUS_SESSION_BUS_ADDRESS", &address);
        Self {
            address,
            uid: sandbox.uid(),
            pid,
            _kind: kind,
        }
    }

    /// Its address, as in `DBUS_SESSION_BUS_ADDRESS`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The process of the bus; None for the embedded one.
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// The user that the sandbox's processes are on this bus.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// A connection of this process to it, as the sandbox's user. It works on the testkit's own
    /// runtime; a test that is asynchronous itself may use it from any other.
    #[track_caller]
    pub fn connect(&self) -> Connection {
        let (address, uid) = (self.address.clone(), self.uid);
        rt::block_on("connecting to the bus", LIMIT, async move {
            connect(&address, uid).await
        })
        .unwrap_or_else(|error| panic!("connecting to {}: {error}", self.address))
    }

    /// The process that owns `name`, a well-known or a unique one.
    ///
    /// # Panics
    /// When nobody does.
    #[track_caller]
    pub fn pid_of(&self, name: &str) -> u32 {
        let (address, uid, owner) = (self.address.clone(), self.uid, name.to_owned());
        let ask = async move {
            let connection = connect(&address, uid).await?;
            let owner = zbus::names::BusName::try_from(owner)?;
            let bus = zbus::fdo::DBusProxy::new(&connection).await?;
            zbus::Result::Ok(bus.get_connection_unix_process_id(owner).await?)
        };
        rt::block_on("asking for a process", LIMIT, ask)
            .unwrap_or_else(|error| panic!("the process of {name}: {error}"))
    }

    /// Waits until somebody owns `name`.
    ///
    /// # Panics
    /// When `limit` runs out.
    #[track_caller]
    pub fn wait_for_name(&self, name: &str, limit: Duration) {
        wait_for_name(&self.address, self.uid, name, limit);
    }
}

/// Waits until somebody owns `name` on the bus at `address`.
#[track_caller]
pub(crate) fn wait_for_name(address: &str, uid: u32, name: &str, limit: Duration) {
    let (address, wanted) = (address.to_owned(), name.to_owned());
    let owned = async move { until_owned(&address, uid, wanted).await };
    rt::block_on(&format!("waiting for the name {name}"), limit, owned)
        .unwrap_or_else(|error| panic!("waiting for the name {name}: {error}"));
}

async fn until_owned(address: &str, uid: u32, name: String) -> zbus::Result<()> {
    use futures_util::StreamExt;
    let connection = connect(address, uid).await?;
    let bus = zbus::fdo::DBusProxy::new(&connection).await?;
    let mut changes = bus
        .receive_name_owner_changed_with_args(&[(0, name.as_str())])
        .await?;
    let wanted = zbus::names::BusName::try_from(name.as_str())?;
    // Asked once the signal is subscribed to, so that no owner can appear unseen in between.
    if bus.name_has_owner(wanted).await? {
        return Ok(());
    }
    while let Some(change) = changes.next().await {
        if change.args()?.new_owner().is_some() {
            return Ok(());
        }
    }
    Err(zbus::Error::Failure("the bus has gone".into()))
}

/// Connects to a bus as user `uid`. To be called on [`rt`]'s runtime.
pub(crate) async fn connect(address: &str, uid: u32) -> zbus::Result<Connection> {
    let stream = connect_as(uid, socket_path(address)?)?;
    zbus::connection::Builder::unix_stream(stream)
        .user_id(uid)
        .build()
        .await
}

/// The socket that `address` names; in this testkit always a path.
fn socket_path(address: &str) -> zbus::Result<SocketName> {
    let options = address.strip_prefix("unix:").unwrap_or_default();
    let option = |key: &str| {
        options
            .split(',')
            .find_map(|option| option.strip_prefix(key)?.strip_prefix('='))
    };
    match (option("path"), option("abstract")) {
        (Some(path), _) => Ok(SocketName::Path(unescape(path).into())),
        (_, Some(name)) => Ok(SocketName::Abstract(unescape(name))),
        _ => Err(zbus::Error::Address(address.into())),
    }
}

enum SocketName {
    Path(PathBuf),
    Abstract(String),
}

/// Undoes the percent escapes of a D-Bus address value.
fn unescape(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits: String = rest.by_ref().take(2).map(char::from).collect();
        bytes.extend(u8::from_str_radix(&digits, 16));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Connects as user `uid`. The bus reads the peer's user at this moment from the *thread* that
/// connects, so a thread that takes that user on for one call is enough; root may do so.
fn connect_as(uid: u32, socket: SocketName) -> std::io::Result<UnixStream> {
    use std::os::{linux::net::SocketAddrExt, unix::net::SocketAddr};
    let connect = move || {
        let stay = None::<Uid>;
        if uid != getuid().as_raw() {
            set_thread_res_gid(None::<Gid>, Some(Gid::from_raw(uid)), None::<Gid>)?;
            set_thread_res_uid(stay, Some(Uid::from_raw(uid)), stay)?;
        }
        match socket {
            SocketName::Path(path) => UnixStream::connect(path),
            SocketName::Abstract(name) => {
                UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?)
            }
        }
    };
    std::thread::spawn(connect)
        .join()
        .expect("connecting does not panic")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_value_is_unescaped() {
        assert_eq!(unescape("/tmp/a%20b%2fc"), "/tmp/a b/c");
    }
}

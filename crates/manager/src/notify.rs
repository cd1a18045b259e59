//! Telling systemd how far a service is: the datagrams of
//! [sd_notify(3)](https://www.freedesktop.org/software/systemd/man/sd_notify.html). Writes to the
//! socket that `NOTIFY_SOCKET` names, and never waits for it.
//!
//! There is no watchdog: its sign of life would wake an idle machine for nothing.

use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Who is told; nobody where no service manager waits for it.
#[derive(Debug, Default)]
pub struct Notify {
    to: Option<(UnixDatagram, SocketAddr)>,
    /// What was said last, so that nothing is said twice.
    status: String,
}

impl Notify {
    /// The socket that the environment names, for the process that systemd itself started.
    #[must_use]
    pub fn from_environment() -> Self {
        match std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) {
            Some(name) => Self::to(&name),
            None => Self::default(),
        }
    }

    fn to(name: &OsString) -> Self {
        let open = || {
            let socket = UnixDatagram::unbound()?;
            socket.set_nonblocking(true)?;
            let address = match name.as_bytes() {
                [b'@', rest @ ..] => SocketAddr::from_abstract_name(rest)?,
                _ => SocketAddr::from_pathname(name)?,
            };
            std::io::Result::Ok((socket, address))
        };
        let to =
            open().inspect_err(|error| tracing::warn!("NOTIFY_SOCKET={name:?} is no use: {error}"));
        Self {
            to: to.ok(),
            status: String::new(),
        }
    }

    /// The service is up: what is ordered after it may start.
    pub fn ready(&mut self, status: &str) {
        status.clone_into(&mut self.status);
        self.send(&format!("READY=1\nSTATUS={status}"));
    }

    /// What it does, for `systemctl status`. One line.
    pub fn status(&mut self, status: &str) {
        if self.status != status {
            status.clone_into(&mut self.status);
            self.send(&format!("STATUS={status}"));
        }
    }

    /// It is about to end.
    pub fn stopping(&mut self) {
        self.send("STOPPING=1");
    }

    fn send(&mut self, text: &str) {
        let Some((socket, address)) = &self.to else {
            return;
        };
        if let Err(error) = socket.send_to_addr(text.as_bytes(), address) {
            // systemd has gone, or is about to be run again; nobody else would read it.
            tracing::debug!("systemd was not told {text:?}: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(listens: &UnixDatagram, notify: &mut Notify, say: impl Fn(&mut Notify)) -> String {
        say(notify);
        let mut text = [0; 256];
        let length = listens.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..length]).into_owned()
    }

    #[test]
    fn a_path_and_an_abstract_name_are_told_alike() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let by_path = UnixDatagram::bind(&path).unwrap();
        let name = format!("endsession-test-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let by_name = UnixDatagram::bind_addr(&address).unwrap();
        for (listens, name) in [
            (&by_path, path.into_os_string()),
            (&by_name, format!("@{name}").into()),
        ] {
            let mut notify = Notify::to(&name);
            assert_eq!(
                heard(listens, &mut notify, |n| n.ready("up")),
                "READY=1\nSTATUS=up"
            );
            notify.status("up");
            assert_eq!(
                heard(listens, &mut notify, |n| n.status("busy")),
                "STATUS=busy"
            );
            assert_eq!(heard(listens, &mut notify, Notify::stopping), "STOPPING=1");
        }
    }

    #[test]
    fn a_socket_that_nobody_reads_holds_nothing_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let _deaf = UnixDatagram::bind(&path).unwrap();
        let mut notify = Notify::to(&path.into_os_string());
        for n in 0..10_000 {
            notify.status(&format!("{n}"));
        }
        Notify::to(&OsString::from("/nowhere/at/all")).ready("up");
        Notify::to(&OsString::from("x".repeat(500))).ready("up");
        Notify::default().ready("up");
    }
}

//! The graphical sessions of this machine, for an administrator outside of them: which displays
//! there are, whose, and what a program needs in its environment to be inside one. Reads /proc.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use crate::display_of::{self, Named, Nested};
use crate::membership::login_session;
use crate::process::{self, Table};

/// Variables that make a program part of a session. What else a process of it has is its own: a
/// terminal's name, a toolkit's modules, a loader's libraries.
const OF_A_SESSION: [&str; 34] = [
    "DBUS_SESSION_BUS_ADDRESS",
    "DESKTOP_SESSION",
    "DISPLAY",
    "HOME",
    "HYPRLAND_INSTANCE_SIGNATURE",
    "I3SOCK",
    "ICEAUTHORITY",
    "LABWC_PID",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_MESSAGES",
    "LOGNAME",
    "NIRI_SOCKET",
    "PATH",
    "SESSION_MANAGER",
    "SWAYSOCK",
    "TMPDIR",
    "USER",
    "WAYFIRE_SOCKET",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_DIRS",
    "XDG_CONFIG_HOME",
    "XDG_CURRENT_DESKTOP",
    "XDG_DATA_DIRS",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "XDG_SEAT",
    "XDG_SESSION_CLASS",
    "XDG_SESSION_DESKTOP",
    "XDG_SESSION_ID",
    "XDG_SESSION_TYPE",
];

/// One graphical session, by its display.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Whose.
    pub uid: u32,
    /// The group of its processes.
    pub gid: u32,
    /// The compositor's socket.
    pub wayland: Option<PathBuf>,
    /// The X display: of an X session, or of Xwayland.
    pub x11: Option<String>,
    /// The login session that it lies in, as logind counts them.
    pub login: Option<String>,
    /// What makes a program part of it.
    pub environment: BTreeMap<OsString, OsString>,
}

impl Session {
    /// Whether somebody means this one by `display`: `:1`, `wayland-1` or a socket's path.
    #[must_use]
    pub fn is_at(&self, display: &str) -> bool {
        let wayland = self.wayland.as_ref().is_some_and(|socket| {
            socket.as_os_str() == display || socket.file_name() == Some(OsStr::new(display))
        });
        wayland || self.x11.as_deref() == Some(&display_of::whole_display(display.to_owned()))
    }

    /// The name by which `--display` takes it.
    #[must_use]
    pub fn display(&self) -> String {
        match (&self.wayland, &self.x11) {
            (Some(socket), _) => socket
                .file_name()
                .unwrap_or(socket.as_os_str())
                .to_string_lossy()
                .into_owned(),
            (None, x11) => x11.clone().unwrap_or_default(),
        }
    }
}

/// Which session a process is in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    uid: u32,
    display: String,
}

/// Every graphical session that we may enter: our own user's, and as root everybody's. In the
/// order of their users and displays.
#[must_use]
pub fn all() -> Vec<Session> {
    let table = Table::read();
    let own = rustix::process::getuid();
    let mut members: BTreeMap<Key, Vec<(u32, Named)>> = BTreeMap::new();
    for stat in table.iter().filter(|s| !s.is_zombie()) {
        let Some(uid) = process::uid_of(stat.pid) else {
            continue;
        };
        if !own.is_root() && uid != own.as_raw() {
            continue;
        }
        let mut named = Named::to(stat.pid);
        let opened = display_of::wayland_sockets(&[stat.pid]);
        if let Some(socket) = opened.into_iter().next() {
            // The compositor itself; what its environment names lies around it.
            named = Named {
                wayland: Some(socket),
                ..Named::default()
            };
        } else if let (Some(wayland), Some(x11)) = (&named.wayland, &named.x11)
            && display_of::nested(&table, wayland, x11) == Nested::Unclear
        {
            // An X session inherits the name of the compositor that it was started under.
            named.wayland = None;
        }
        let display = match (&named.wayland, &named.x11) {
            (Some(socket), _) if socket.exists() => socket.display().to_string(),
            (None, Some(x11)) if !display_of::is_remote(x11) => x11.clone(),
            _ => continue,
        };
        members
            .entry(Key { uid, display })
            .or_default()
            .push((stat.pid, named));
    }
    let sessions = members
        .into_iter()
        .filter_map(|(key, members)| session(&table, key.uid, &members));
    sessions.collect()
}

fn session(table: &Table, uid: u32, members: &[(u32, Named)]) -> Option<Session> {
    // Most of its processes agree on the bus; one that was started by hand may not.
    let mut buses: BTreeMap<OsString, usize> = BTreeMap::new();
    let environments: Vec<(u32, BTreeMap<OsString, OsString>)> = members
        .iter()
        .filter_map(|(pid, _)| {
            let all = process::environment(*pid)?;
            let kept = all.into_iter().filter(|(name, _)| is_of_a_session(name));
            Some((*pid, kept.collect()))
        })
        .collect();
    let bus = OsString::from("DBUS_SESSION_BUS_ADDRESS");
    for (_, environment) in &environments {
        if let Some(address) = environment.get(&bus) {
            *buses.entry(address.clone()).or_default() += 1;
        }
    }
    let common = buses.into_iter().max_by_key(|(_, count)| *count);
    let common = common.map(|(address, _)| address);
    let (pid, mut environment) = environments
        .into_iter()
        .filter(|(_, e)| e.get(&bus) == common.as_ref())
        .max_by_key(|(_, e)| e.len())?;
    let (_, named) = members.iter().find(|(of, _)| *of == pid)?;
    let x11 = named.x11.clone().or_else(|| {
        let inside = |(pid, _): &&(u32, Named)| table.get(*pid).is_some();
        members
            .iter()
            .filter(inside)
            .find_map(|(_, n)| n.x11.clone())
    });
    let mut set = |name: &str, value: Option<&OsStr>| {
        match value {
            Some(value) => environment.insert(name.into(), value.to_owned()),
            None => environment.remove(OsStr::new(name)),
        };
    };
    let wayland = named.wayland.as_ref().map(|w| w.as_os_str());
    set("WAYLAND_DISPLAY", wayland);
    set("DISPLAY", x11.as_deref().map(OsStr::new));
    if let Some(sway) = members
        .iter()
        .find_map(|(pid, _)| display_of::sway_socket(*pid))
    {
        set("SWAYSOCK", Some(sway.as_os_str()));
    } else if wayland.is_none() {
        set("SWAYSOCK", None);
    }
    Some(Session {
        uid,
        gid: process::gid_of(pid)?,
        wayland: named.wayland.clone(),
        x11,
        login: login_session(pid),
        environment,
    })
}

/// Whether a variable tells a program which session it is in.
#[must_use]
pub fn is_of_a_session(name: &OsStr) -> bool {
    OF_A_SESSION
        .iter()
        .any(|known| known.as_bytes() == name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(wayland: Option<&str>, x11: Option<&str>) -> Session {
        Session {
            uid: 1000,
            gid: 1000,
            wayland: wayland.map(PathBuf::from),
            x11: x11.map(str::to_owned),
            login: None,
            environment: BTreeMap::new(),
        }
    }

    #[test]
    fn a_session_is_named_by_any_name_of_its_display() {
        let sway = at(Some("/run/user/1000/wayland-1"), Some(":2"));
        for name in ["wayland-1", "/run/user/1000/wayland-1", ":2", ":2.0"] {
            assert!(sway.is_at(name), "{name}");
        }
        for name in ["wayland-0", ":0", "", "run"] {
            assert!(!sway.is_at(name), "{name}");
        }
        assert_eq!(sway.display(), "wayland-1");
        assert_eq!(at(None, Some(":1")).display(), ":1");
    }

    #[test]
    fn what_a_loader_reads_is_not_taken_over() {
        for name in ["LD_PRELOAD", "GTK_MODULES", "TERM", "ENDSESSION_LOG"] {
            assert!(!is_of_a_session(OsStr::new(name)), "{name}");
        }
        assert!(is_of_a_session(OsStr::new("DISPLAY")));
    }
}

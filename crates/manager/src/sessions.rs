//! The graphical sessions of this machine, for an administrator outside of them: which displays
//! there are, whose, and what a program needs in its environment to be inside one. Reads /proc.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use crate::display_of::{self, Named, Nested};
use crate::membership::{Belongs, Displays, login_session};
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

/// Every graphical session that we may enter: our own user's, and as root everybody's. In the
/// order of their displays.
#[must_use]
pub fn all() -> Vec<Session> {
    let table = Table::read();
    let mut around = Around::default();
    let mut members: BTreeMap<String, Vec<Member>> = BTreeMap::new();
    for stat in table.iter().filter(|s| !s.is_zombie()) {
        let Some(uid) = process::uid_of(stat.pid) else {
            continue;
        };
        let mut named = Named::to(stat.pid);
        let opened = display_of::wayland_sockets(&[stat.pid]);
        if let Some(socket) = opened.into_iter().next() {
            // The compositor itself; what its environment names lies around it.
            named = Named {
                wayland: Some(socket),
                ..Named::default()
            };
        } else if around.is(&table, &named) == Some(Nested::Unclear) {
            // An X session inherits the name of the compositor that it was started under.
            named.wayland = None;
        }
        let display = match (&named.wayland, &named.x11) {
            (Some(socket), _) => socket.display().to_string(),
            (None, Some(x11)) if !display_of::is_remote(x11) => x11.clone(),
            _ => continue,
        };
        let pid = stat.pid;
        let all = members.entry(display).or_default();
        all.push(Member { uid, pid, named });
    }
    let own = rustix::process::getuid();
    let mut sessions: Vec<Session> = members
        .into_values()
        .filter_map(|mut members| {
            let owner = owner(&members)?;
            // Whoever else names a display, with sudo for one, is not whose session it is.
            members.retain(|m| m.uid == owner);
            let may_enter = own.is_root() || owner == own.as_raw();
            session(owner, &members).filter(|_| may_enter)
        })
        .collect();
    // A program that was told of Xwayland alone is in the compositor's session.
    let wayland: Vec<Session> = sessions.clone();
    sessions.retain(|s| {
        let named = |wayland: &Session| Named {
            wayland: wayland.wayland.clone(),
            x11: s.x11.clone(),
            ..Named::default()
        };
        s.wayland.is_some()
            || !wayland
                .iter()
                .any(|w| around.is(&table, &named(w)) == Some(Nested::Xwayland))
    });
    sessions
}

/// A process of a session.
struct Member {
    uid: u32,
    pid: u32,
    named: Named,
}

/// What X displays are to the Wayland displays that are named beside them: to find that out once
/// takes a look at every process.
#[derive(Default)]
struct Around(BTreeMap<(PathBuf, String), Nested>);

impl Around {
    fn is(&mut self, table: &Table, named: &Named) -> Option<Nested> {
        let (wayland, x11) = (named.wayland.as_ref()?, named.x11.as_ref()?);
        let key = (wayland.clone(), x11.clone());
        let known = self.0.entry(key);
        Some(*known.or_insert_with(|| display_of::nested(table, wayland, x11)))
    }
}

/// Whose a display is: its server's user. An X server that root started serves whoever logged in
/// there: of most programs. `None` where nobody listens any more.
fn owner(members: &[Member]) -> Option<u32> {
    let named = &members.first()?.named;
    let uid = match (&named.wayland, &named.x11) {
        (Some(socket), _) => return display_of::server(socket),
        (None, x11) => display_of::x11_server(x11.as_ref()?)?,
    };
    if uid != 0 {
        return Some(uid);
    }
    let mut users: BTreeMap<u32, usize> = BTreeMap::new();
    for member in members.iter().filter(|m| m.uid != 0) {
        *users.entry(member.uid).or_default() += 1;
    }
    let most = users.into_iter().max_by_key(|(_, count)| *count);
    Some(most.map_or(uid, |(uid, _)| uid))
}

fn session(uid: u32, members: &[Member]) -> Option<Session> {
    // Most of its processes agree on the bus; one that was started by hand may not.
    let mut buses: BTreeMap<OsString, usize> = BTreeMap::new();
    let environments: Vec<(u32, BTreeMap<OsString, OsString>)> = members
        .iter()
        .filter_map(|member| {
            let all = process::environment(member.pid)?;
            let kept = all.into_iter().filter(|(name, _)| is_of_a_session(name));
            Some((member.pid, kept.collect()))
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
    let named = &members.iter().find(|m| m.pid == pid)?.named;
    let told = || members.iter().find_map(|m| m.named.x11.clone());
    let x11 = named.x11.clone().or_else(told);
    let mut set = |name: &str, value: Option<&OsStr>| {
        match value {
            Some(value) => environment.insert(name.into(), value.to_owned()),
            None => environment.remove(OsStr::new(name)),
        };
    };
    let wayland = named.wayland.as_ref().map(|w| w.as_os_str());
    set("WAYLAND_DISPLAY", wayland);
    set("DISPLAY", x11.as_deref().map(OsStr::new));
    if let Some(sway) = members.iter().find_map(|m| display_of::sway_socket(m.pid)) {
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

/// Whether a process is in another session than the one whose display our own environment names: it
/// was started on another display, or shows another one itself, or knows of none and is of another
/// login than we and those on our display. `None` where nothing tells.
#[must_use]
pub fn is_in_another(pid: u32) -> Option<bool> {
    let table = Table::read();
    let ours = Named::to_us();
    let shows = display_of::wayland_sockets(&[pid]);
    if !shows.is_empty() {
        return match (&ours.wayland, &ours.x11) {
            (Some(wayland), _) => Some(!shows.contains(wayland)),
            (None, Some(x11)) => Some(
                shows
                    .iter()
                    .all(|socket| display_of::nested(&table, socket, x11) == Nested::Unclear),
            ),
            (None, None) => None,
        };
    }
    let displays = Displays::find(&table, None, None, None, None);
    match displays.owns(pid) {
        Belongs::Here => return Some(false),
        Belongs::Elsewhere => return Some(true),
        Belongs::Unknown => {}
    }
    let own = std::env::var("XDG_SESSION_ID").ok();
    let own = own.filter(|id| !id.is_empty())?;
    let theirs = login_session(pid)?;
    // What the user's systemd started is of no login, or of the wrong one.
    let of_the_user = std::fs::read_to_string(format!("/proc/{pid}/cgroup"))
        .is_ok_and(|cgroups| cgroups.contains("/user@"));
    if of_the_user {
        return None;
    }
    let mut here = table
        .iter()
        .filter(|stat| displays.owns(stat.pid) == Belongs::Here)
        .peekable();
    // Without a display of ours there is nothing to compare; over ssh it may have been named by hand.
    here.peek()?;
    Some(own != theirs && !here.any(|stat| login_session(stat.pid).as_ref() == Some(&theirs)))
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

//! Finds the display of a session: from the environments of its processes where the manager
//! started it, else from the manager's own. Reads /proc and the runtime directory.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::adapter::display::{Display, DisplayError};
use crate::adapter::hyprland::HyprlandWindows;
use crate::adapter::niri::NiriWindows;
use crate::adapter::sway::SwayWindows;
use crate::adapter::toplevels::WlrToplevels;
use crate::adapter::windows::X11Windows;
use crate::backend::compositor::{self, Ipc};
use crate::dialog::Environment;
use crate::process::{self, Table};
use crate::sockets;

/// A way to see the session's windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// sway's IPC socket, and the X display of its Xwayland where one runs.
    Sway(PathBuf, Option<String>),
    /// A Wayland socket.
    Wayland(PathBuf),
    /// An X display.
    X11(String),
}

impl Way {
    /// Connects; gives up by itself on a display that does not answer.
    ///
    /// # Errors
    /// When it cannot be reached or lacks what is needed.
    pub async fn connect(&self) -> Result<Display, DisplayError> {
        match self {
            Self::Sway(socket, x11) => SwayWindows::connect(socket, x11.as_deref())
                .await
                .map(Display::Sway),
            Self::Wayland(socket) => wayland(socket).await,
            Self::X11(display) => X11Windows::connect(display).await.map(Display::X11),
        }
    }
}

/// Prefers the IPC of the compositor behind a Wayland socket, which knows each window's process.
async fn wayland(socket: &Path) -> Result<Display, DisplayError> {
    let connected = match compositor::ipc(socket).await.filter(|_| !is_wlr_wanted()) {
        Some(Ipc::Hyprland(ipc)) => HyprlandWindows::connect(&ipc).await.map(Display::Hyprland),
        Some(Ipc::Niri(ipc)) => NiriWindows::connect(&ipc).await.map(Display::Niri),
        None => return WlrToplevels::connect(socket).await.map(Display::Wlr),
    };
    match connected {
        Ok(display) => Ok(display),
        Err(error) => {
            tracing::warn!("windows are seen without their processes: {error}");
            WlrToplevels::connect(socket).await.map(Display::Wlr)
        }
    }
}

fn is_wlr_wanted() -> bool {
    std::env::var_os("ENDSESSION_DISPLAY").is_some_and(|v| v == "wlr-foreign-toplevel")
}

/// The variables that name a display.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Named {
    pub(crate) wayland: Option<PathBuf>,
    pub(crate) sway: Option<PathBuf>,
    pub(crate) x11: Option<String>,
}

impl Named {
    /// What a process was told.
    pub(crate) fn to(pid: u32) -> Self {
        of_variables(&|name| process::variable(pid, name))
    }

    /// What this process was told.
    pub(crate) fn to_us() -> Self {
        of_variables(&own_variable)
    }

    /// Whether they name any display.
    pub(crate) fn is_display(&self) -> bool {
        self.wayland.is_some() || self.x11.is_some()
    }

    /// Whether both name the display of one session. Below a Wayland compositor a program may be told
    /// of the X display alone.
    pub(crate) fn is_same_display(&self, other: &Self) -> bool {
        match (&self.wayland, &other.wayland) {
            (Some(one), Some(other)) => one == other,
            _ => self.x11.is_some() && self.x11 == other.x11,
        }
    }

    /// What these variables tell.
    pub(crate) fn in_environment(all: &Environment) -> Self {
        of_variables(&|name| {
            let value = all.get(OsStr::new(name))?.to_str()?;
            (!value.is_empty()).then(|| value.to_owned())
        })
    }
}

/// The ways to see a session's windows, the best first. `session` is the process that the manager
/// started as the session, and all processes of it descend from the manager; without one the
/// manager lives inside the session itself.
#[must_use]
pub fn find(table: &Table, session: Option<u32>) -> Vec<Way> {
    let mut ways = Vec::new();
    match session {
        None => {
            let xwayland = None;
            add_named(&mut ways, &of_variables(&own_variable), xwayland);
        }
        Some(session) => add_inside(&mut ways, table, session),
    }
    wanted(ways)
}

/// The ways to see the windows of the display that these variables name.
pub(crate) fn named_in(all: &Environment) -> Vec<Way> {
    let mut ways = Vec::new();
    let xwayland = None;
    add_named(&mut ways, &Named::in_environment(all), xwayland);
    wanted(ways)
}

fn wanted(mut ways: Vec<Way>) -> Vec<Way> {
    if is_wlr_wanted() {
        ways.retain(|w| !matches!(w, Way::Sway(..)));
    }
    ways
}

/// The names of the displays of a session, as [`find`] takes it.
pub(crate) fn names(table: &Table, session: Option<u32>) -> Vec<Named> {
    let Some(session) = session else {
        let mut ours = Named::to_us();
        if let (Some(wayland), Some(x11)) = (&ours.wayland, &ours.x11)
            && nested(table, wayland, x11) != Nested::Xwayland
        {
            // The display around a compositor in a window is another session's.
            ours.x11 = None;
        }
        return vec![ours];
    };
    let inside = inside(table);
    let x11 = xwayland(table, &inside);
    let opened = wayland_sockets(&inside).into_iter().map(|socket| Named {
        wayland: Some(socket),
        x11: x11.clone(),
        ..Named::default()
    });
    let opened: Vec<Named> = opened.collect();
    if !opened.is_empty() {
        return opened;
    }
    let (told, inherited) = told(&inside, session);
    if told.is_empty() {
        vec![inherited]
    } else {
        told.into_iter().collect()
    }
}

/// What processes of a session were told of a display, and what its own process inherited.
fn told(inside: &[u32], session: u32) -> (BTreeSet<Named>, Named) {
    let inherited = Named::to(session);
    // A bus that we started was told of what we were told of.
    let ours = Named::to_us();
    let told = inside
        .iter()
        .filter(|pid| **pid != session)
        .map(|pid| Named::to(*pid))
        .filter(|n| *n != inherited && *n != ours && *n != Named::default())
        .collect();
    (told, inherited)
}

fn add(ways: &mut Vec<Way>, way: Way) {
    if !ways.contains(&way) {
        ways.push(way);
    }
}

/// The processes of a session that the manager started. A compositor's children may have forked
/// away from it; they are still ours.
pub(crate) fn inside(table: &Table) -> Vec<u32> {
    let own = std::process::id();
    let ours = table.iter().filter(|s| table.descends(s.pid, own));
    ours.map(|s| s.pid).collect()
}

/// The displays that processes of the session opened, then those that they were told of.
fn add_inside(ways: &mut Vec<Way>, table: &Table, session: u32) {
    let inside = inside(table);
    let xwayland = xwayland(table, &inside);
    for socket in inside.iter().filter_map(|pid| sway_socket(*pid)) {
        add(ways, Way::Sway(socket, xwayland.clone()));
    }
    for socket in wayland_sockets(&inside) {
        add(ways, Way::Wayland(socket));
    }
    if !ways.is_empty() {
        return;
    }
    // What the session's own process inherited is the display around it. A window manager's or an
    // application's session lives there; what its children were told of instead is nearer.
    let (told, inherited) = told(&inside, session);
    for named in told.iter().chain([&inherited]) {
        add_named(ways, named, xwayland.clone());
    }
}

/// The displays that variables name. Below a Wayland compositor the X display is only part of the
/// session, and connecting to a lazy Xwayland would start it.
fn add_named(ways: &mut Vec<Way>, named: &Named, xwayland: Option<String>) {
    if let Some(socket) = named.sway.as_ref().filter(|s| s.exists()) {
        add(ways, Way::Sway(socket.clone(), xwayland));
    }
    match (&named.wayland, &named.x11) {
        (Some(wayland), _) => add(ways, Way::Wayland(wayland.clone())),
        (None, Some(x11)) => add(ways, Way::X11(x11.clone())),
        (None, None) => {}
    }
}

/// The Wayland sockets on which processes of the session listen: what they hold open, not what
/// anybody claims.
pub(crate) fn wayland_sockets(inside: &[u32]) -> Vec<PathBuf> {
    let mut listening = sockets::listening();
    listening.retain(|s| {
        let name = s.path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("wayland-"))
    });
    if listening.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for pid in inside {
        for path in sockets::held_by(*pid, &listening).unwrap_or_default() {
            if !found.contains(&path) {
                found.push(path);
            }
        }
    }
    found
}

/// Why the display that an environment names is not one to end a session by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// None is named.
    #[error(
        "no session here: neither WAYLAND_DISPLAY nor DISPLAY is set (over ssh and from cron they are not)"
    )]
    None,
    /// The name of a Wayland socket means nothing without its directory.
    #[error("WAYLAND_DISPLAY={0} means nothing without XDG_RUNTIME_DIR, which is not set")]
    NoRuntimeDir(String),
    /// A display of another machine.
    #[error("DISPLAY={0} shows on another machine, and its session is ended there")]
    Remote(String),
    /// Nobody listens on the socket any more.
    #[error("{variable}={name} names a display that is not there (any more)")]
    Stale {
        /// The variable.
        variable: &'static str,
        /// What it says.
        name: String,
    },
    /// Two displays.
    #[error("WAYLAND_DISPLAY={wayland} and DISPLAY={x11} are two sessions, one within the other")]
    Two {
        /// The one.
        wayland: String,
        /// The other.
        x11: String,
    },
    /// The display of another user.
    #[error("{name} is the display of user {uid}, and this is user {own}")]
    AnotherUsers {
        /// Its name.
        name: String,
        /// Whose.
        uid: u32,
        /// Who we are.
        own: u32,
    },
}

/// The ways to see the windows of the one session that our own environment names, the best first.
/// Nothing is connected to but sockets, to see whether somebody is there.
///
/// # Errors
/// When the environment names none, or more than one.
pub fn usable(table: &Table) -> Result<Vec<Way>, Unusable> {
    let named = Named::to_us();
    match (&named.wayland, &named.x11) {
        (None, _) if own_variable("WAYLAND_DISPLAY").is_some() => {
            let name = own_variable("WAYLAND_DISPLAY").unwrap_or_default();
            return Err(Unusable::NoRuntimeDir(name));
        }
        (None, None) => return Err(Unusable::None),
        (None, Some(x11)) if is_remote(x11) => return Err(Unusable::Remote(x11.clone())),
        (None, Some(x11)) => is_ours(x11_server(x11), "DISPLAY", x11)?,
        (Some(wayland), x11) => {
            let name = wayland.display().to_string();
            is_ours(server(wayland), "WAYLAND_DISPLAY", &name)?;
            if let Some(x11) = x11.as_ref().filter(|x| !is_remote(x))
                && nested(table, wayland, x11) == Nested::Unclear
            {
                let (wayland, x11) = (name, x11.clone());
                return Err(Unusable::Two { wayland, x11 });
            }
        }
    }
    Ok(find(table, None))
}

/// Whoever listens on a socket, by user; `None` where nobody does. Who called `listen()` may be a
/// wrapper, and the user is the same.
pub(crate) fn server(socket: &Path) -> Option<u32> {
    let stream = std::os::unix::net::UnixStream::connect(socket).ok()?;
    uid_of_peer(&stream)
}

/// The same of an X display.
pub(crate) fn x11_server(x11: &str) -> Option<u32> {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::{SocketAddr, UnixStream};
    let path = x11_socket(x11)?;
    let of_path = UnixStream::connect(&path);
    let stream = of_path.or_else(|_| {
        let address = SocketAddr::from_abstract_name(&path)?;
        UnixStream::connect_addr(&address)
    });
    uid_of_peer(&stream.ok()?)
}

fn uid_of_peer(stream: &std::os::unix::net::UnixStream) -> Option<u32> {
    let credentials = rustix::net::sockopt::socket_peercred(stream).ok()?;
    Some(credentials.uid.as_raw())
}

/// An X server that root started serves whoever logged in on it.
fn is_ours(uid: Option<u32>, variable: &'static str, name: &str) -> Result<(), Unusable> {
    let own = rustix::process::getuid().as_raw();
    match uid {
        None => Err(Unusable::Stale {
            variable,
            name: name.to_owned(),
        }),
        Some(0) if variable == "DISPLAY" && own != 0 => Ok(()),
        Some(uid) if uid != own => Err(Unusable::AnotherUsers {
            name: name.to_owned(),
            uid,
            own,
        }),
        Some(_) => Ok(()),
    }
}

/// What an X display is to the Wayland display that is named beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nested {
    /// They are one session: it is the compositor's Xwayland.
    Xwayland,
    /// The compositor runs in a window of that X display, or nobody serves it any more: the session
    /// is the Wayland display's alone.
    Around,
    /// They are two sessions, and the environment does not say which of them is meant.
    Unclear,
}

/// What an X display is to a Wayland display, both named in one environment.
#[must_use]
pub fn nested(table: &Table, wayland: &Path, x11: &str) -> Nested {
    let Some(socket) = x11_socket(x11) else {
        return Nested::Unclear;
    };
    let socket = Path::new(&socket);
    let all = sockets::listening();
    let servers = listeners(table, socket, &all);
    let compositors = listeners(table, wayland, &all);
    let is_served = all.iter().any(|s| s.path == socket);
    let is_compositors = |pid: &u32| {
        let of_it = compositors
            .iter()
            .any(|c| c == pid || table.descends(*pid, *c));
        let name = table.get(*pid).map(|s| s.comm.to_ascii_lowercase());
        of_it && (compositors.contains(pid) || name.is_some_and(|n| n.starts_with("xwayland")))
    };
    let inside_x11 = compositors
        .iter()
        .any(|pid| Named::to(*pid).x11.as_deref() == Some(x11));
    if servers.iter().any(is_compositors) {
        Nested::Xwayland
    } else if inside_x11 || !is_served {
        Nested::Around
    } else {
        Nested::Unclear
    }
}

/// The socket of a local X display.
fn x11_socket(x11: &str) -> Option<String> {
    let number = x11.strip_prefix(':')?.split('.').next()?;
    let number: u32 = number.parse().ok()?;
    Some(format!("/tmp/.X11-unix/X{number}"))
}

/// An X display of another machine, or one that ssh forwards: what it shows is no session of this
/// machine.
#[must_use]
pub fn is_remote(x11: &str) -> bool {
    !x11.starts_with(':') && !x11.starts_with("unix:") && !x11.starts_with('/')
}

/// The processes that listen on a socket, of those that may be looked at.
fn listeners(table: &Table, on: &Path, all: &[sockets::Listening]) -> Vec<u32> {
    let mut on_it = all.to_vec();
    on_it.retain(|s| s.path == on);
    let holds = |pid: u32| sockets::held_by(pid, &on_it).is_some_and(|held| !held.is_empty());
    if on_it.is_empty() {
        return Vec::new();
    }
    table.iter().map(|s| s.pid).filter(|p| holds(*p)).collect()
}

fn own_variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.is_empty())
}

fn of_variables(variable: &dyn Fn(&str) -> Option<String>) -> Named {
    let runtime = variable("XDG_RUNTIME_DIR").map(PathBuf::from);
    let wayland = variable("WAYLAND_DISPLAY").and_then(|w| {
        if w.starts_with('/') {
            Some(PathBuf::from(w))
        } else {
            runtime.map(|r| r.join(w))
        }
    });
    Named {
        wayland,
        sway: variable("SWAYSOCK").map(PathBuf::from),
        x11: variable("DISPLAY").map(whole_display),
    }
}

/// `:0` and `:0.0` are one display: a screen that is not named is the first.
pub(crate) fn whole_display(name: String) -> String {
    let first = name.strip_suffix(".0").filter(|rest| {
        let number = rest.rsplit(':').next().unwrap_or_default();
        rest.contains(':') && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
    });
    first.map(str::to_owned).unwrap_or(name)
}

/// The IPC socket that a sway process opened: its name carries the pid.
pub(crate) fn sway_socket(pid: u32) -> Option<PathBuf> {
    use std::os::unix::fs::MetadataExt as _;
    if process::program(pid)? != "sway" {
        return None;
    }
    let runtime = process::variable(pid, "XDG_RUNTIME_DIR").unwrap_or_else(|| "/tmp".to_owned());
    let uid = std::fs::metadata(format!("/proc/{pid}")).ok()?.uid();
    let socket = Path::new(&runtime).join(format!("sway-ipc.{uid}.{pid}.sock"));
    socket.exists().then_some(socket)
}

/// The display of an Xwayland that already runs in the session.
fn xwayland(table: &Table, inside: &[u32]) -> Option<String> {
    let is_server = |pid: &&u32| table.get(**pid).is_some_and(|s| s.comm == "Xwayland");
    let server = inside.iter().find(is_server)?;
    process::arguments(*server)
        .into_iter()
        .find(|a| a.starts_with(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_of_one_session_name_one_display() {
        let named = |variables: &[(&str, &str)]| {
            let all = variables.iter().map(|(n, v)| ((*n).into(), (*v).into()));
            Named::in_environment(&Environment::from_iter(all))
        };
        let dir = ("XDG_RUNTIME_DIR", "/run/user/1000");
        let ours = named(&[dir, ("WAYLAND_DISPLAY", "wayland-1"), ("DISPLAY", ":1")]);
        let by_path = named(&[("WAYLAND_DISPLAY", "/run/user/1000/wayland-1")]);
        let by_xwayland = named(&[("DISPLAY", ":1.0")]);
        for same in [&by_path, &by_xwayland] {
            assert!(ours.is_same_display(same), "{same:?}");
        }
        // Two compositors may both have started an Xwayland and been told of the first.
        let nested = named(&[dir, ("WAYLAND_DISPLAY", "wayland-2"), ("DISPLAY", ":1")]);
        let none = named(&[dir, ("WAYLAND_DISPLAY", ""), ("DISPLAY", "")]);
        for other in [&nested, &none] {
            assert!(!ours.is_same_display(other), "{other:?}");
        }
        assert!(!none.is_same_display(&none) && !none.is_display());
    }

    #[test]
    fn a_display_is_the_same_with_and_without_its_first_screen() {
        let x11 = |name: &str| of_variables(&|v| (v == "DISPLAY").then(|| name.to_owned())).x11;
        assert_eq!(x11(":0"), x11(":0.0"));
        assert_eq!(x11("host:10.0").as_deref(), Some("host:10"));
        for other in [":0.1", "10.0.0.0:0", ":1.0.0", "host.0"] {
            assert_eq!(x11(other).as_deref(), Some(other));
        }
    }
}

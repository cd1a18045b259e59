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
    sway: Option<PathBuf>,
    pub(crate) x11: Option<String>,
}

impl Named {
    /// What a process was told.
    pub(crate) fn to(pid: u32) -> Self {
        of_variables(&|name| process::variable(pid, name))
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
    let inherited = of_variables(&|name| process::variable(session, name));
    let told: BTreeSet<Named> = inside
        .iter()
        .filter(|pid| **pid != session)
        .map(|pid| of_variables(&|name| process::variable(*pid, name)))
        .filter(|n| *n != inherited && *n != Named::default())
        .collect();
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
fn whole_display(name: String) -> String {
    let first = name.strip_suffix(".0").filter(|rest| {
        let number = rest.rsplit(':').next().unwrap_or_default();
        rest.contains(':') && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
    });
    first.map(str::to_owned).unwrap_or(name)
}

/// The IPC socket that a sway process opened: its name carries the pid.
fn sway_socket(pid: u32) -> Option<PathBuf> {
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

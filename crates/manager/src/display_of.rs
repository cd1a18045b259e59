//! Finds the display of a session: from the environments of its processes where the manager
//! started it, else from the manager's own. Reads /proc and the runtime directory.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::adapter::display::{Display, DisplayError};
use crate::adapter::sway::SwayWindows;
use crate::adapter::toplevels::WlrToplevels;
use crate::adapter::windows::X11Windows;
use crate::process::{self, Table};

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
    /// Its name in `status`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sway(..) => "sway",
            Self::Wayland(_) => "wlr-foreign-toplevel",
            Self::X11(_) => "x11",
        }
    }

    /// Connects; gives up by itself on a display that does not answer.
    ///
    /// # Errors
    /// When it cannot be reached or lacks what is needed.
    pub async fn connect(&self) -> Result<Display, DisplayError> {
        match self {
            Self::Sway(socket, x11) => SwayWindows::connect(socket, x11.as_deref())
                .await
                .map(Display::Sway),
            Self::Wayland(socket) => WlrToplevels::connect(socket).await.map(Display::Wlr),
            Self::X11(display) => X11Windows::connect(display).await.map(Display::X11),
        }
    }
}

/// The variables that name a display.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Named {
    wayland: Option<PathBuf>,
    sway: Option<PathBuf>,
    x11: Option<String>,
}

/// The ways to see a session's windows, the best first. `root` is the process that the manager
/// started as the session; without one the manager lives inside the session itself.
#[must_use]
pub fn find(table: &Table, root: Option<u32>) -> Vec<Way> {
    let mut ways = Vec::new();
    let mut add = |way: Way| {
        if !ways.contains(&way) {
            ways.push(way);
        }
    };
    let xwayland = root.and_then(|root| xwayland(table, root));
    let named: BTreeSet<Named> = match root {
        None => BTreeSet::from([of_variables(&|name| own_variable(name))]),
        Some(root) => {
            let inside: Vec<u32> = table
                .iter()
                .filter(|s| s.pid == root || table.descends(s.pid, root))
                .map(|s| s.pid)
                .collect();
            // A compositor names its sockets to its children, not to itself; what it inherited
            // is the display around it (a nested compositor's), and not the session's.
            let inherited = of_variables(&|name| process::variable(root, name));
            for pid in &inside {
                if let Some(socket) = sway_socket(*pid) {
                    add(Way::Sway(socket, xwayland.clone()));
                }
            }
            let mut named: BTreeSet<Named> = inside
                .iter()
                .filter(|pid| **pid != root)
                .map(|pid| of_variables(&|name| process::variable(*pid, name)))
                .map(|n| Named {
                    wayland: n.wayland.filter(|w| Some(w) != inherited.wayland.as_ref()),
                    sway: n.sway.filter(|s| Some(s) != inherited.sway.as_ref()),
                    x11: n.x11.filter(|x| Some(x) != inherited.x11.as_ref()),
                })
                .collect();
            if named.iter().all(|n| *n == Named::default()) && ways_is_empty(&inside) {
                // A window manager or an application on a display that was there before.
                named.insert(inherited);
            }
            named
        }
    };
    for n in &named {
        if let Some(sway) = n.sway.as_ref().filter(|s| s.exists()) {
            add(Way::Sway(
                sway.clone(),
                xwayland.clone().or_else(|| n.x11.clone()),
            ));
        }
    }
    for n in &named {
        if let Some(wayland) = &n.wayland {
            add(Way::Wayland(wayland.clone()));
        }
    }
    for n in named {
        // Below a Wayland compositor the X display is only part of the session, and connecting to
        // a lazy Xwayland would start it.
        if let (None, Some(x11)) = (&n.wayland, n.x11) {
            add(Way::X11(x11));
        }
    }
    if std::env::var_os("ENDSESSION_DISPLAY").is_some_and(|v| v == "wlr-foreign-toplevel") {
        ways.retain(|w| !matches!(w, Way::Sway(..)));
    }
    ways
}

/// Whether no process of these has an IPC socket of sway.
fn ways_is_empty(inside: &[u32]) -> bool {
    inside.iter().all(|pid| sway_socket(*pid).is_none())
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
        x11: variable("DISPLAY"),
    }
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

/// The display of an Xwayland that already runs below the session.
fn xwayland(table: &Table, root: u32) -> Option<String> {
    let server = table
        .iter()
        .find(|s| s.comm == "Xwayland" && table.descends(s.pid, root))?;
    process::arguments(server.pid)
        .into_iter()
        .find(|a| a.starts_with(':'))
}

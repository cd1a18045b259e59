//! What a program that the manager starts needs to show a window on the session's display. The
//! manager itself lives outside: its own variables may name no display, or the one around it.
//! Reads /proc.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::display_of::{self, Named, Way};
use crate::process::{self, Table};

/// Variables, by name.
pub(crate) type Environment = BTreeMap<OsString, OsString>;

/// Of no use to a second program: each was meant for the one that was started with it.
const NOT_HANDED_ON: [&str; 9] = [
    "DESKTOP_STARTUP_ID",
    "XDG_ACTIVATION_TOKEN",
    "WAYLAND_SOCKET",
    // The dialog is no client of its own session.
    "SESSION_MANAGER",
    "NOTIFY_SOCKET",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
    "MANAGERPIDFDID",
];

/// All variables for the dialog: those of the process that shows the session's display or was
/// told of it (so locale, themes and paths are the session's), with the display in them. `None`
/// where the session has none. `session`: its own process, where the manager started it. `told`:
/// what the user's systemd gives to what it starts, where that tells of the session.
pub(crate) fn environment(
    table: &Table,
    session: Option<u32>,
    way: Option<&Way>,
    told: Option<&Environment>,
    bus_address: &str,
) -> Option<Environment> {
    let mut all = match (session, way) {
        (Some(session), Some(way)) => inside(table, session, way)?,
        (Some(_), None) => return None,
        (None, way) => ours(way, told)?,
    };
    all = for_another(all, bus_address);
    let own = std::env::vars_os().filter(|(name, _)| {
        let name = name.as_encoded_bytes();
        name.starts_with(b"ENDSESSION_")
    });
    all.extend(own);
    Some(all)
}

/// These variables, fit for a program that is started beside the one that has them, on this bus.
pub(crate) fn for_another(mut all: Environment, bus_address: &str) -> Environment {
    for name in NOT_HANDED_ON {
        all.remove(&OsString::from(name));
    }
    set(&mut all, "DBUS_SESSION_BUS_ADDRESS", bus_address);
    all
}

fn set(all: &mut Environment, name: &str, value: impl Into<OsString>) {
    all.insert(name.into(), value.into());
}

/// The manager lives inside the session, and its own variables name the display, or those of a
/// service of its kind.
fn ours(way: Option<&Way>, told: Option<&Environment>) -> Option<Environment> {
    let mut all: Environment = std::env::vars_os().collect();
    all.extend(
        told.into_iter()
            .flatten()
            .map(|(n, v)| (n.clone(), v.clone())),
    );
    let named = Named::in_environment(&all);
    if named.wayland.is_none() && named.x11.is_none() {
        return None;
    }
    if named.wayland.is_some() {
        keep_from_starting_xwayland(&mut all, way);
    }
    Some(all)
}

/// Below a Wayland compositor the X display is named only where it already runs: to connect to a
/// lazy Xwayland is to start it.
fn keep_from_starting_xwayland(all: &mut Environment, way: Option<&Way>) {
    match way {
        Some(Way::Sway(_, Some(running))) => set(all, "DISPLAY", running),
        _ => drop(all.remove(&OsString::from("DISPLAY"))),
    }
}

fn inside(table: &Table, session: u32, way: &Way) -> Option<Environment> {
    let inside = display_of::inside(table);
    let of = |pid: u32| process::environment(pid).map(Environment::from_iter);
    // A compositor with capabilities may not be read; what we gave it is the most of it.
    let given = || std::env::vars_os().collect();
    match way {
        Way::X11(display) => {
            let told = |pid: u32| Named::to(pid).x11.as_ref() == Some(display);
            // An application's own variables are its own: a PATH, a language, a toolkit's modules.
            let mut all = of(session).unwrap_or_else(given);
            // The cookie is the display's, and whoever was told of the one may know the other.
            let cookie = OsString::from("XAUTHORITY");
            if !told(session) || !all.contains_key(&cookie) {
                let others = inside.into_iter().filter(|pid| told(*pid));
                let known = others.filter_map(of).find_map(|mut e| e.remove(&cookie));
                if let Some(known) = known {
                    all.insert(cookie, known);
                }
            }
            all.remove(&OsString::from("WAYLAND_DISPLAY"));
            set(&mut all, "DISPLAY", display);
            Some(all)
        }
        Way::Sway(..) | Way::Wayland(_) => {
            let (pid, socket) = listener(&inside, way)?;
            let mut all = pid.and_then(of).unwrap_or_else(given);
            set(&mut all, "WAYLAND_DISPLAY", socket);
            // It tells its children; what it was started with itself does not name it.
            if let Way::Sway(ipc, _) = way {
                set(&mut all, "SWAYSOCK", ipc);
            }
            keep_from_starting_xwayland(&mut all, Some(way));
            Some(all)
        }
    }
}

/// The compositor behind a way, where it is seen, and its Wayland socket.
fn listener(inside: &[u32], way: &Way) -> Option<(Option<u32>, PathBuf)> {
    let of = |pid: u32| display_of::wayland_sockets(&[pid]);
    match way {
        Way::Sway(ipc, _) => {
            let pid = sway_of(ipc).filter(|pid| inside.contains(pid));
            let own = pid.and_then(|pid| of(pid).into_iter().next());
            // What its children were told, where the compositor itself may not be read.
            let told = || inside.iter().find_map(|pid| Named::to(*pid).wayland);
            Some((pid, own.or_else(told)?))
        }
        Way::Wayland(socket) => {
            let pid = inside.iter().copied().find(|pid| of(*pid).contains(socket));
            Some((pid, socket.clone()))
        }
        Way::X11(_) => None,
    }
}

/// sway's IPC socket carries its pid: `sway-ipc.UID.PID.sock`.
fn sway_of(ipc: &Path) -> Option<u32> {
    let name = ipc.file_name()?.to_str()?.strip_suffix(".sock")?;
    name.rsplit('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pid_of_sway_stands_in_its_sockets_name() {
        let of = |name: &str| sway_of(Path::new(name));
        assert_eq!(of("/run/user/1000/sway-ipc.1000.4711.sock"), Some(4711));
        assert_eq!(of("/run/user/1000/sway-ipc.sock"), None);
        assert_eq!(of("/"), None);
    }

    #[test]
    fn a_lazy_xwayland_is_not_named() {
        let mut all = Environment::new();
        set(&mut all, "DISPLAY", ":0");
        let mut lazy = all.clone();
        keep_from_starting_xwayland(&mut lazy, Some(&Way::Sway("s".into(), None)));
        assert!(lazy.is_empty());
        let runs = Way::Sway("s".into(), Some(":7".into()));
        keep_from_starting_xwayland(&mut all, Some(&runs));
        assert_eq!(all[&OsString::from("DISPLAY")], ":7");
    }
}

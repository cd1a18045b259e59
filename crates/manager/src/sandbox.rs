//! Which application a connection of a sandbox is. Flatpak puts a proxy between an application and the bus, so that the bus knows the proxy's process alone; but
//! it marks both with one file, `/.flatpak-info` at the root that they see, which names the instance. Reads /proc.

use std::fs;
use std::io::Read as _;

use endsession_core::Identity;

use crate::process::{self, Stat, Table};

/// The file is some hundred bytes.
const MAX_INFO: u64 = 64 * 1024;

/// Programs of the sandbox itself, in it and around it.
const SANDBOX: [&str; 3] = ["bwrap", "xdg-dbus-proxy", "flatpak-bwrap"];

/// What a sandbox is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sandbox {
    /// The application.
    app: String,
    /// One run of it; empty where it is not told.
    instance: String,
}

impl Sandbox {
    /// That in which a process is; `None` for one in none, or that may not be looked at.
    fn of(pid: u32) -> Option<Self> {
        let file = fs::File::open(format!("/proc/{pid}/root/.flatpak-info")).ok()?;
        let mut text = String::new();
        file.take(MAX_INFO).read_to_string(&mut text).ok()?;
        Self::parse(&text)
    }

    /// A key file: `[Application]` with `name`, `[Instance]` with `instance-id`.
    fn parse(text: &str) -> Option<Self> {
        let mut group = "";
        let (mut app, mut instance) = (None, String::new());
        for line in text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
                group = name;
            } else if let Some((key, value)) = line.split_once('=') {
                match (group, key.trim()) {
                    ("Application", "name") => app = Some(value.trim().to_owned()),
                    ("Instance", "instance-id") => instance = value.trim().to_owned(),
                    _ => {}
                }
            }
        }
        let app = app.filter(|app| !app.is_empty())?;
        Some(Self { app, instance })
    }
}

/// The application of which `pid` is a connection to the bus: the process itself, unless it is in a sandbox; then the first process of that sandbox that is
/// no part of it. `None` where the sandbox shows none, or several instances cannot be told apart.
pub(crate) fn application(pid: u32, table: &Table) -> Option<Identity> {
    let Some(sandbox) = Sandbox::of(pid) else {
        return process::identity(pid);
    };
    let is_program = |stat: &&Stat| !SANDBOX.contains(&stat.comm.as_str()) && !stat.is_zombie();
    // A snap, and whatever is connected by itself.
    if table.get(pid).as_ref().is_some_and(is_program) {
        return process::identity(pid);
    }
    let inside = table.iter().filter(is_program);
    let mut inside = inside.filter(|stat| Sandbox::of(stat.pid).as_ref() == Some(&sandbox));
    let first = inside.by_ref().min_by_key(|stat| (stat.start, stat.pid))?;
    // Without an instance's id two runs of one application look alike.
    (!sandbox.instance.is_empty()).then(|| first.identity())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sandbox_is_known_by_its_application_and_instance() {
        let info = "[Application]\nname=org.example.Editor\nruntime=runtime/x\n\n[Instance]\ninstance-id=4711\nname=no\n";
        let known = Sandbox {
            app: "org.example.Editor".into(),
            instance: "4711".into(),
        };
        assert_eq!(Sandbox::parse(info), Some(known));
        assert_eq!(Sandbox::parse("[Runtime]\nname=x\n"), None);
        assert_eq!(Sandbox::parse("garbage\0[Application"), None);
    }

    #[test]
    fn one_in_no_sandbox_is_its_own_application() {
        let own = std::process::id();
        assert_eq!(application(own, &Table::read()), process::identity(own));
        assert_eq!(application(u32::MAX, &Table::read()), None);
    }
}

//! What the kernel says of a process: its program, and the sandbox that it lives in. Only files of
//! `/proc` itself are read, never any that the process could put there: those may block.

use std::{fs, path::Path};

use super::entry;
use crate::keyfile;

/// The largest cgroup file that is read; a line has at most a path's 4 KiB.
const MAX_FILE: usize = 16 * 1024;

/// The name of the program that a process runs; `None` where it is one that runs others, such as an
/// interpreter.
pub(super) fn program(pid: u32) -> Option<String> {
    let path = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let name = path.file_name()?.to_str()?;
    // An update has replaced it while it runs.
    let name = name.strip_suffix(" (deleted)").unwrap_or(name);
    (!entry::is_runner(name)).then(|| name.to_owned())
}

/// The application id of a process in a Flatpak or Snap.
pub(super) fn sandboxed(pid: u32) -> Option<String> {
    // Files of /proc have no size, so it is read without a look at that.
    let text = keyfile::read_text(Path::new(&format!("/proc/{pid}/cgroup")), MAX_FILE)?;
    of_cgroup(&text)
}

/// By the name of the scope: `app-flatpak-org.gnome.gedit-4711.scope`,
/// `snap.firefox.firefox-<number>.scope`.
fn of_cgroup(text: &str) -> Option<String> {
    text.lines()
        .flat_map(|line| line.split('/'))
        .rev()
        .find_map(|unit| {
            let unit = unit.strip_suffix(".scope")?;
            if let Some(rest) = unit.strip_prefix("app-flatpak-") {
                let (id, _) = rest.rsplit_once('-')?;
                return Some(unescaped(id));
            }
            let mut parts = unit.strip_prefix("snap.")?.splitn(3, '.');
            let (snap, app) = (parts.next()?, parts.next()?);
            let app = app.split('-').next()?;
            Some(format!("{}_{}", unescaped(snap), unescaped(app)))
        })
}

/// systemd writes a dash in a unit's name as `\x2d`.
fn unescaped(name: &str) -> String {
    name.replace("\\x2d", "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sandbox_is_known_by_its_scope() {
        for (text, expected) in [
            (
                "0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-flatpak-org.gnome.gedit-4711.scope\n",
                Some("org.gnome.gedit"),
            ),
            (
                "0::/app.slice/app-flatpak-org.my\\x2dorg.app-12.scope\n",
                Some("org.my-org.app"),
            ),
            (
                "0::/user.slice/snap.firefox.firefox-0af3.scope\n",
                Some("firefox_firefox"),
            ),
            (
                "0::/app.slice/app-org.gnome.Terminal.slice/vte-spawn-1.scope\n",
                None,
            ),
            ("0::/\n", None),
            ("", None),
        ] {
            assert_eq!(of_cgroup(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_process_is_known_by_its_program() {
        let own = std::env::current_exe().unwrap();
        let own = own.file_name().unwrap().to_str().unwrap();
        assert_eq!(program(std::process::id()).as_deref(), Some(own));
        assert_eq!(program(u32::MAX), None);
        assert_eq!(sandboxed(u32::MAX), None);
    }
}

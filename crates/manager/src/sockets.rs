//! The Unix sockets on which processes listen: what they hold open, not what anybody claims. Reads
//! /proc.

use std::path::{Path, PathBuf};

/// A socket on which somebody listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listening {
    inode: String,
    /// Where it was bound.
    pub(crate) path: PathBuf,
}

/// All of this network namespace that have a path.
pub(crate) fn listening() -> Vec<Listening> {
    let unix = std::fs::read_to_string("/proc/net/unix").unwrap_or_default();
    unix.lines().filter_map(parse).collect()
}

/// A line of /proc/net/unix: Num RefCount Protocol Flags Type St Inode Path; flag 10000 is a
/// listening socket.
fn parse(line: &str) -> Option<Listening> {
    let mut rest = line;
    let mut field = || {
        let (field, after) = rest.trim_start().split_once(' ')?;
        rest = after;
        Some(field)
    };
    let (flags, inode) = (
        (0..4).map_while(|_| field()).nth(3)?,
        (0..3).map_while(|_| field()).nth(2)?,
    );
    // A path may have blanks in it, and is the rest of the line.
    let path = rest;
    (flags == "00010000" && path.starts_with('/')).then(|| Listening {
        inode: inode.to_owned(),
        path: Path::new(path).to_owned(),
    })
}

/// Those of `all` that a process holds; `None` where it may not be looked into, as one that has
/// privileges of its own (`cap_sys_nice` for a compositor) must not be.
pub(crate) fn held_by(pid: u32, all: &[Listening]) -> Option<Vec<PathBuf>> {
    let mut held = Vec::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten() {
        let target = std::fs::read_link(entry.path()).unwrap_or_default();
        let target = target.to_string_lossy();
        let inode = target.strip_prefix("socket:[");
        let inode = inode.and_then(|t| t.strip_suffix(']'));
        let socket = inode.and_then(|i| all.iter().find(|s| s.inode == i));
        if let Some(socket) = socket.filter(|s| !held.contains(&s.path)) {
            held.push(socket.path.clone());
        }
    }
    Some(held)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_of_a_socket_that_is_listened_on_and_has_a_path() {
        let line = |flags: &str, path: &str| {
            parse(&format!(
                "0000000000000000: 00000002 00000000 {flags} 0001 01 12345{path}"
            ))
        };
        let at = |path: &str| {
            Some(Listening {
                inode: "12345".into(),
                path: path.into(),
            })
        };
        assert_eq!(line("00010000", " /run/a b"), at("/run/a b"));
        assert_eq!(line("00000000", " /run/a"), None);
        assert_eq!(line("00010000", " @/tmp/.X11-unix/X0"), None);
        assert_eq!(line("00010000", ""), None);
        assert_eq!(
            parse("Num       RefCount Protocol Flags    Type St Inode Path"),
            None
        );
        assert_eq!(parse(""), None);
    }

    #[test]
    fn a_socket_is_its_holder_s() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("here");
        let _held = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let held = held_by(std::process::id(), &listening()).unwrap();
        assert!(held.contains(&path), "{held:?}");
    }
}

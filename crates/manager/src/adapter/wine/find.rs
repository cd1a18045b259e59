//! Which Wine prefixes are in use, and which programs run in each. Reads /proc.
//!
//! A prefix that is in use has one wineserver, whose working directory is `server-DEVICE-INODE`, named
//! after the prefix's own directory. A program of it is a process of Wine's loader whose environment
//! names that directory.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use endsession_core::Identity;

use crate::adapter::text;
use crate::process::{self, Stat, Table};

/// A directory, whatever it is called: its device and inode.
pub(crate) type Directory = (u64, u64);

/// One program of a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) of: Identity,
    pub(crate) pid: u32,
    /// Its file, such as `notepad.exe`.
    pub(crate) name: String,
    /// It is part of Wine itself, and nothing that a user started.
    pub(crate) is_service: bool,
    /// What runs it.
    loader: PathBuf,
    prefix: PathBuf,
}

#[cfg(test)]
impl Program {
    /// One of which nothing else matters.
    pub(super) fn named(of: Identity, name: &str) -> Self {
        Self {
            pid: of.pid().unwrap_or_default(),
            of,
            name: name.to_owned(),
            is_service: false,
            loader: PathBuf::new(),
            prefix: PathBuf::new(),
        }
    }
}

/// A prefix that is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    pub(crate) directory: Directory,
    pub(crate) path: PathBuf,
    pub(crate) server: Identity,
    /// The program of its server.
    pub(crate) server_program: PathBuf,
    /// What runs a Windows program.
    pub(crate) loader: PathBuf,
    pub(crate) programs: Vec<Program>,
}

/// All prefixes in use of our own user that this process can reach: one in a container of its own has
/// other files than we see, and its programs are known by their windows alone.
pub(crate) fn find(table: &Table) -> Vec<Prefix> {
    let servers = table
        .iter()
        .filter(|s| s.comm.starts_with("wineserver") && !s.is_zombie());
    let servers: BTreeMap<Directory, (&Stat, PathBuf)> = servers
        .filter(|s| is_reachable(s.pid))
        .filter_map(|s| {
            let program = process::executable(s.pid).filter(|p| is_named(p, "wineserver"))?;
            let at = fs::read_link(format!("/proc/{}/cwd", s.pid)).ok()?;
            let directory = directory_of(at.file_name()?.to_str()?)?;
            Some((directory, (s, program)))
        })
        .collect();
    if servers.is_empty() {
        return Vec::new();
    }
    let mut programs: BTreeMap<Directory, Vec<Program>> = BTreeMap::new();
    for (directory, program) in table.iter().filter_map(program) {
        programs.entry(directory).or_default().push(program);
    }
    let prefix = |(directory, (server, server_program)): (Directory, (&Stat, PathBuf))| {
        let programs = programs.remove(&directory)?;
        // One that an installation of its own runs would be of no use to the others' server.
        let loader = programs.first()?.loader.clone();
        Some(Prefix {
            directory,
            path: programs.first()?.prefix.clone(),
            server: server.identity(),
            server_program,
            loader,
            programs,
        })
    };
    servers.into_iter().filter_map(prefix).collect()
}

/// `server-DEVICE-INODE`, both in hexadecimal (wineserver(1), "FILES").
fn directory_of(name: &str) -> Option<Directory> {
    let (device, inode) = name.strip_prefix("server-")?.split_once('-')?;
    let number = |digits| u64::from_str_radix(digits, 16).ok();
    Some((number(device)?, number(inode)?))
}

/// Our own user's, and in the file system that we see.
fn is_reachable(pid: u32) -> bool {
    let mounts = |of: &str| fs::read_link(format!("/proc/{of}/ns/mnt")).ok();
    let theirs = mounts(&pid.to_string());
    theirs.is_some()
        && theirs == mounts("self")
        && process::uid_of(pid) == Some(rustix::process::getuid().as_raw())
}

fn is_named(program: &Path, name: &str) -> bool {
    let file = program.file_name().and_then(|f| f.to_str());
    file.is_some_and(|f| f.starts_with(name))
}

/// A process as a program of a prefix, if it is one.
fn program(stat: &Stat) -> Option<(Directory, Program)> {
    if stat.is_zombie() {
        return None;
    }
    let loader = loader(&process::executable(stat.pid)?)?;
    if !is_reachable(stat.pid) {
        return None;
    }
    let variable = |name| process::variable(stat.pid, name).map(PathBuf::from);
    let prefix = variable("WINEPREFIX")
        .or_else(|| Some(variable("HOME")?.join(".wine")))
        .filter(|p| p.is_absolute())?;
    let at = fs::metadata(&prefix).ok()?;
    let arguments = process::arguments(stat.pid);
    let program = Program {
        of: stat.identity(),
        pid: stat.pid,
        name: file_name(arguments.first().map_or("", String::as_str)),
        is_service: is_service(&arguments),
        loader,
        prefix,
    };
    Some(((at.dev(), at.ino()), program))
}

/// `wine64` from `wine64-preloader`: what sets the address space up starts the other, and only that
/// can be started by itself.
fn loader(program: &Path) -> Option<PathBuf> {
    if !is_named(program, "wine") || is_named(program, "wineserver") {
        return None;
    }
    let name = program.file_name()?.to_str()?;
    Some(match name.strip_suffix("-preloader") {
        Some(name) => program.with_file_name(name),
        None => program.to_owned(),
    })
}

/// The last part of a Windows path or of one of this system.
fn file_name(path: &str) -> String {
    let name = path.rsplit(['\\', '/']).next().unwrap_or_default();
    text::from_str(name)
}

/// Programs of Wine itself that show no window of a user's, in their own directory. What stays in a
/// prefix for some seconds after its last program is no reason to hold a session open.
const SERVICES: [&str; 9] = [
    "services.exe",
    "winedevice.exe",
    "plugplay.exe",
    "rpcss.exe",
    "svchost.exe",
    "wineboot.exe",
    "winemenubuilder.exe",
    "tabtip.exe",
    "rundll32.exe",
];

fn is_service(arguments: &[String]) -> bool {
    let mut arguments = arguments.iter().map(|a| a.to_ascii_lowercase());
    let path = arguments.next().unwrap_or_default();
    let first = arguments.next().unwrap_or_default();
    let of_wine = path.starts_with("c:\\windows\\");
    match file_name(&path).as_str() {
        // The desktop that is no window; `/desktop=NAME` is one in a window.
        "explorer.exe" => first == "/desktop",
        // It waits for the program that it started.
        "start.exe" => first == "/exec",
        // A console in a terminal of this system; else it has a window.
        "conhost.exe" => first == "--unix",
        name => of_wine && SERVICES.contains(&name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_names_the_directory_of_its_prefix() {
        assert_eq!(
            directory_of("server-fe00-9c400d"),
            Some((0xfe00, 0x9c_400d))
        );
        for other in [
            "",
            "server-",
            "server-fe00",
            "server-x-1",
            "socket",
            "server-1-",
        ] {
            assert_eq!(directory_of(other), None, "{other}");
        }
    }

    #[test]
    fn a_program_is_what_wines_loader_runs() {
        let of = |path: &str| loader(Path::new(path));
        let wine = PathBuf::from("/opt/wine/bin/wine64");
        assert_eq!(of("/opt/wine/bin/wine64-preloader"), Some(wine.clone()));
        assert_eq!(of("/opt/wine/bin/wine64"), Some(wine));
        for other in ["/usr/lib/wine/wineserver64", "/usr/bin/bash", "/"] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn a_program_is_called_by_its_file() {
        assert_eq!(
            file_name("C:\\Program Files\\Paint\\paint.exe"),
            "paint.exe"
        );
        assert_eq!(file_name("/home/me/notes.exe"), "notes.exe");
        assert_eq!(file_name("seed.exe"), "seed.exe");
        assert_eq!(file_name("C:\\a\x1b[2J.exe"), "a\u{fffd}[2J.exe");
    }

    #[test]
    fn what_wine_starts_for_itself_is_no_program_of_the_users() {
        let service = |line: &[&str]| {
            let line: Vec<String> = line.iter().map(|a| (*a).to_owned()).collect();
            is_service(&line)
        };
        assert!(service(&["C:\\windows\\system32\\services.exe"]));
        assert!(service(&[
            "C:\\windows\\system32\\explorer.exe",
            "/desktop"
        ]));
        assert!(service(&["start.exe", "/exec", "notes.exe"]));
        assert!(!service(&["C:\\windows\\system32\\explorer.exe"]));
        assert!(!service(&[
            "C:\\windows\\explorer.exe",
            "/desktop=shell,800x600"
        ]));
        assert!(!service(&["C:\\windows\\system32\\notepad.exe"]));
        assert!(!service(&["C:\\tools\\services.exe"]));
        assert!(!service(&[]));
    }

    #[test]
    fn without_a_server_nothing_is_found() {
        assert_eq!(find(&Table::default()), []);
    }
}

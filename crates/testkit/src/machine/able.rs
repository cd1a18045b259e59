//! Whether this computer can run a machine at all, and what is said where it cannot: a test that did
//! not run must not look like one that passed.

use std::{
    fs::OpenOptions,
    io::Write as _,
    process::{Command, Stdio},
};

use rustix::process::getuid;

use super::group::Hierarchy;
use crate::programs;

/// The file in which `cargo xtask test` finds what did not run, one line a test.
const NOT_RUN: &str = "ENDSESSION_NOT_RUN";

/// The hierarchy that machines run on.
///
/// # Errors
/// Why there can be none here.
///
/// # Panics
/// When a program is missing; the message names its Debian package.
#[track_caller]
pub(super) fn hierarchy() -> Result<Hierarchy, String> {
    programs::need("systemd-nspawn");
    if !getuid().is_root() {
        return Err("only root can boot a machine".into());
    }
    let mut unshare = Command::new(programs::need("unshare"));
    unshare.args(["--mount", "--propagation", "private", "true"]);
    let unshare = unshare.stdin(Stdio::null()).output();
    let unshare = unshare.map_err(|error| format!("unshare: {error}"))?;
    if !unshare.status.success() {
        let said = String::from_utf8_lossy(&unshare.stderr).trim().to_owned();
        return Err(format!("there can be no private mounts here ({said})"));
    }
    Hierarchy::find().ok_or_else(|| "control groups of version 2 are not mounted".into())
}

/// Says that the calling test does not run, and why: at once, and in what `cargo xtask test` says in
/// the end.
pub fn not_run(why: &str) {
    let line = format!("{}: {}\n", test(), why.replace('\n', " "));
    // Not through a macro, whose output is shown for tests that fail alone.
    let _ = std::io::stderr().write_all(format!("NOT RUN: {line}").as_bytes());
    let Some(list) = std::env::var_os(NOT_RUN) else {
        return;
    };
    let list = OpenOptions::new().append(true).create(true).open(list);
    let _ = list.and_then(|mut list| list.write_all(line.as_bytes()));
}

/// The name of the test that runs in this thread.
fn test() -> String {
    let thread = std::thread::current();
    let name = thread.name().filter(|name| *name != "main");
    // A process for one test runs it in its main thread, and is given its name.
    let name = name.map(str::to_owned).or_else(|| {
        let mut words = std::env::args().skip(1);
        words.find(|word| !word.starts_with("--"))
    });
    name.unwrap_or_else(|| "a test".into())
}

//! The Debian packages that the end-to-end tests need: which are missing, and getting them.

use std::{
    fmt,
    io::{IsTerminal as _, Write as _, stdin, stdout},
    path::Path,
};

use anyhow::{Result, ensure};

use crate::run::{command, output, run_command, succeeds};

/// The one list; endsession-testkit reads it too.
const LIST: &str = include_str!("../packages.txt");

/// One package of the list.
pub(crate) struct Package {
    /// Its name in Debian.
    pub(crate) name: &'static str,
    /// What the tests use from it.
    programs: Vec<&'static str>,
}

/// Packages are missing, and nobody was there to agree to their installation.
#[derive(Debug)]
pub(crate) struct Missing {
    line: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the tests need packages that are not installed; this gets them:\n{}",
            self.line
        )
    }
}

impl std::error::Error for Missing {}

/// Every package of the list.
pub(crate) fn all() -> impl Iterator<Item = Package> {
    LIST.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some(Package {
                name: words.next()?,
                programs: words.collect(),
            })
        })
}

impl Package {
    fn is_installed(&self) -> bool {
        if self.programs.is_empty() {
            let status = output("dpkg-query", &["-W", "-f=${db:Status-Status}", self.name]);
            return status == "installed";
        }
        self.programs.iter().all(|program| is_there(program))
    }
}

/// The version of an installed package.
///
/// # Errors
/// When it is not installed.
pub(crate) fn version(name: &str) -> Result<String> {
    let version = output("dpkg-query", &["-W", "-f=${Version}", name]);
    ensure!(!version.is_empty(), "{name} is not installed");
    Ok(version)
}

/// Has apt read anew what Debian offers, where that takes no password. A list of somebody else that cannot be had is no
/// reason to stop; what is missing then is named when it is downloaded.
pub(crate) fn refresh() {
    if let Some(error) = is_root()
        .then(|| apt_get(&["update", "-q"]))
        .and_then(Result::err)
    {
        eprintln!("xtask: going on without new lists: {error:#}");
    }
}

/// Looked for where the tests look for it: in the system, not in the caller's `PATH`.
fn is_there(program: &str) -> bool {
    let dirs = [
        "/usr/local/bin",
        "/usr/bin",
        "/bin",
        "/usr/local/sbin",
        "/usr/sbin",
        "/sbin",
    ];
    // An absolute path replaces what it is joined to.
    dirs.iter().any(|dir| Path::new(dir).join(program).exists())
}

/// Sees to it that every package that `wanted` accepts is installed: with CI set at once, in a terminal after a
/// question.
///
/// # Errors
/// [`Missing`] where neither is the case or the answer is no; else what apt-get failed with.
pub(crate) fn ensure(wanted: impl Fn(&str) -> bool) -> Result<()> {
    let missing: Vec<_> = all()
        .filter(|package| wanted(package.name) && !package.is_installed())
        .map(|package| package.name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let sudo = if is_root() { "" } else { "sudo " };
    let line = format!(
        "{sudo}apt-get update && {sudo}apt-get install -y --no-install-recommends {}",
        missing.join(" ")
    );
    let can_install = is_root() || succeeds("sudo", &["--version"]);
    if !can_install || !succeeds("apt-get", &["--version"]) || !is_agreed(&missing)? {
        return Err(Missing { line }.into());
    }
    apt_get(&["update"])?;
    apt_get(&[&["install", "-y", "--no-install-recommends"], &missing[..]].concat())
}

fn is_agreed(missing: &[&str]) -> Result<bool> {
    if std::env::var_os("CI").is_some_and(|value| !value.is_empty()) {
        return Ok(true);
    }
    if !stdin().is_terminal() || !stdout().is_terminal() {
        return Ok(false);
    }
    println!(
        "The tests need {} Debian packages that are not installed:",
        missing.len()
    );
    missing.iter().for_each(|name| println!("  {name}"));
    print!("Install them with apt-get? [y/N] ");
    stdout().flush()?;
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn apt_get(args: &[&str]) -> Result<()> {
    let mut words = vec!["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"];
    words.extend(args);
    if !is_root() {
        words.insert(0, "sudo");
    }
    run_command(command(words[0]).args(&words[1..]), &words.join(" "))
}

fn is_root() -> bool {
    output("id", &["-u"]).trim() == "0"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_names_each_package_once() {
        let names: Vec<_> = all().map(|package| package.name).collect();
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
    }

    #[test]
    fn a_program_is_looked_for_by_name_and_by_path() {
        assert!(is_there("sh") && is_there("/bin/sh"));
        assert!(!is_there("no-such-program-anywhere") && !is_there("/no/such/file"));
    }
}

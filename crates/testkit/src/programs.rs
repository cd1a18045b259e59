//! Finds the programs the testkit runs, and names the Debian package of one that is missing.

use std::path::{Path, PathBuf};

/// The list that `cargo xtask test` installs from.
const PACKAGES: &str = include_str!("../../../xtask/packages.txt");

/// Where programs are looked for, and the `PATH` of every sandbox. The caller's own `PATH` may name
/// directories that the sandbox's user cannot read.
pub const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";

/// The full path of `program`.
///
/// # Panics
/// When it is not installed; the message names its Debian package.
#[track_caller]
pub fn need(program: &str) -> PathBuf {
    match find(program) {
        Some(path) => path,
        None => panic!("{}", missing(program)),
    }
}

fn find(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Path::new(program).exists().then(|| program.into());
    }
    PATH.split(':')
        .map(|dir| Path::new(dir).join(program))
        .find(|path| path.is_file())
}

fn missing(program: &str) -> String {
    match package(program) {
        Some(package) => format!("{program} is not installed: apt-get install {package}"),
        None => format!("{program} is not installed"),
    }
}

/// The Debian package that xtask's list gives for `program`.
fn package(program: &str) -> Option<&'static str> {
    PACKAGES
        .lines()
        .filter(|line| !line.starts_with('#'))
        .find_map(|line| {
            let mut words = line.split_whitespace();
            let package = words.next()?;
            words.any(|word| word == program).then_some(package)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_names_its_package() {
        assert_eq!(package("Xvfb"), Some("xvfb"));
        assert_eq!(
            missing("Xvfb"),
            "Xvfb is not installed: apt-get install xvfb"
        );
    }

    #[test]
    #[should_panic(expected = "no-such-program-anywhere is not installed")]
    fn a_missing_program_is_a_failure() {
        need("no-such-program-anywhere");
    }
}

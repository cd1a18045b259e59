//! `cargo xtask windows`: everything is also checked, built and run for Windows, on Linux, with Debian's compiler and Wine. Debian's and
//! no other, so that everybody tests the same thing.

mod cache;
mod prefix;
mod programs;
mod runner;
mod toolchain;

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result, bail};

use self::toolchain::Toolchain;
use crate::{
    packages,
    run::{command, root, run_command},
};

/// Rust's name for it.
const TARGET: &str = "x86_64-pc-windows-gnu";

/// The compiler of C for it.
const COMPILER: &str = "x86_64-w64-mingw32-gcc";

/// The Debian packages for it; all are in xtask/packages.txt.
const DEBIAN: [&str; 3] = ["gcc-mingw-w64-x86-64", "wine", "wine64"];

/// The packages of the workspace that are for Windows too, tests and examples included.
const TESTED: &[&str] = &["endsession", "endsession-ice"];

/// Those of which only the program is: their tests drive it from Linux, under Wine.
const PROGRAMS: &[&str] = &["endsession-cli"];

/// The hidden task that cargo starts programs with.
pub(crate) const RUNNER: &str = "windows-runner";

/// What `cargo xtask windows` does.
pub(crate) const HELP: &str = "\
Check, build and test for Windows, on Linux.

Usage: cargo xtask windows <TASK>

Tasks:
  setup        Make the compiler and the Wine prefix in the cache, where they are not there yet. The other tasks do
               this first. The cache is $ENDSESSION_CACHE, or endsession in $XDG_CACHE_HOME or ~/.cache.
  clippy, check, doc, build, test, run [ARGS]
               That command of cargo with ARGS, for Windows. Without a package in ARGS: for every package that builds
               there; with -D warnings for clippy and doc. What is run, runs under Wine, each program in a prefix of
               its own. `build` also builds what the tests of the testkit run.
  env          Print all of that as variables for a shell: eval \"$(cargo xtask windows env)\".
";

/// Carries out `cargo xtask windows WORDS`.
///
/// # Errors
/// What the task fails with; [`packages::Missing`] when something has to be installed first.
pub(crate) fn main(words: &[String]) -> Result<()> {
    let (task, args) = words
        .split_first()
        .map_or(("", words), |(task, args)| (task.as_str(), args));
    match (task, args) {
        ("setup", []) => Windows::get().map(drop),
        ("env", []) => {
            Windows::get()?
                .variables()
                .iter()
                .for_each(|(name, value)| {
                    println!("export {name}='{}'", value.display());
                });
            Ok(())
        }
        ("build", []) => build(),
        ("clippy" | "check" | "doc" | "build" | "test" | "run", _) => {
            Windows::get()?.cargo(task, args)
        }
        _ => bail!(
            "unknown: windows {}; see cargo xtask windows --help",
            words.join(" ")
        ),
    }
}

/// Clippy for Windows, over everything that builds there.
///
/// # Errors
/// What clippy finds.
pub(crate) fn clippy() -> Result<()> {
    Windows::get()?.cargo("clippy", &[])
}

/// The documentation as Windows has it.
///
/// # Errors
/// What rustdoc finds.
pub(crate) fn doc() -> Result<()> {
    Windows::get()?.cargo("doc", &[])
}

/// Builds what the testkit's tests run under Wine.
///
/// # Errors
/// What does not build.
pub(crate) fn build() -> Result<()> {
    let windows = Windows::get()?;
    windows.cargo("build", &[])?;
    programs::build(&windows.prefix)
}

/// Runs the tests of all that builds for Windows, under Wine.
///
/// # Errors
/// That a test failed.
pub(crate) fn test() -> Result<()> {
    Windows::get()?.cargo("test", &[])
}

/// Runs `words` under Wine, for cargo.
///
/// # Errors
/// When it cannot be run, or a test ended without saying that it passed.
pub(crate) fn runner(words: &[String]) -> Result<ExitCode> {
    let template =
        std::env::var_os(programs::PREFIX).context("only cargo xtask windows starts this")?;
    runner::run(words, Path::new(&template))
}

/// All that is needed, in its place.
struct Windows {
    toolchain: Toolchain,
    /// The Wine prefix that is copied for each program.
    prefix: PathBuf,
}

impl Windows {
    fn get() -> Result<Self> {
        packages::ensure(|package| DEBIAN.contains(&package))?;
        let cache = cache::dir()?;
        let toolchain = Toolchain::get(&cache)?;
        Ok(Self {
            toolchain,
            prefix: prefix::get(&cache)?,
        })
    }

    /// What makes any cargo one that builds for Windows.
    fn variables(&self) -> Vec<(&'static str, PathBuf)> {
        let mut runner = std::env::current_exe()
            .unwrap_or_else(|_| "xtask".into())
            .into_os_string();
        runner.push(format!(" {RUNNER}"));
        vec![
            ("CARGO_BUILD_TARGET", TARGET.into()),
            // Apart, or each build would throw away what the other made.
            ("CARGO_TARGET_DIR", target_dir()),
            ("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER", runner.into()),
            (
                "CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUSTFLAGS",
                self.toolchain.sysroot_flag().into(),
            ),
            ("RUSTC", self.toolchain.program("rustc")),
            ("RUSTDOC", self.toolchain.program("rustdoc")),
            (programs::PREFIX, self.prefix.clone()),
        ]
    }

    /// Runs a command of cargo; over every package that is for Windows where `args` name none.
    fn cargo(&self, task: &str, args: &[String]) -> Result<()> {
        for words in plan(task, args, TESTED, PROGRAMS) {
            let mut cargo = match task {
                // Debian's own: it starts the driver that is of the same version as the compiler.
                "clippy" => {
                    let mut clippy = Command::new(self.toolchain.program("cargo-clippy"));
                    clippy.current_dir(root());
                    clippy
                }
                _ => command("cargo"),
            };
            cargo.args(&words).envs(self.variables());
            if task == "doc" && args.is_empty() {
                cargo.env("RUSTDOCFLAGS", "-D warnings");
            }
            let line = format!("cargo {} (for Windows)", words.join(" "));
            run_command(&mut cargo, &line)?;
        }
        Ok(())
    }
}

/// What cargo is told, one run after another.
fn plan(task: &str, args: &[String], tested: &[&str], programs: &[&str]) -> Vec<Vec<String>> {
    let both = [tested, programs].concat();
    if args.is_empty() {
        let runs: &[(&[&str], &[&str])] = match task {
            "clippy" => &[
                (tested, &["--all-targets", "--", "-D", "warnings"]),
                (programs, &["--", "-D", "warnings"]),
            ],
            "doc" => &[(tested, &["--no-deps"])],
            "build" => &[(tested, &["--lib", "--examples"]), (programs, &["--bins"])],
            // What documentation tells is tested on Linux.
            "test" => &[(tested, &["--lib", "--bins", "--tests", "--no-fail-fast"])],
            _ => &[(&both, &[])],
        };
        let runs = runs.iter().filter(|(packages, _)| !packages.is_empty());
        return runs
            .map(|(packages, rest)| words(task, packages, rest))
            .collect();
    }
    let is_package =
        |arg: &&str| arg.starts_with("-p") || arg.starts_with("--package") || *arg == "--workspace";
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    // What follows "--" is not cargo's.
    let is_named = args.iter().take_while(|arg| **arg != "--").any(is_package);
    let packages = match task {
        _ if is_named => &[][..],
        "run" => programs,
        "test" | "doc" => tested,
        _ => &both,
    };
    vec![words(task, packages, &args)]
}

fn words(task: &str, packages: &[&str], rest: &[&str]) -> Vec<String> {
    let packages = packages
        .iter()
        .map(|package| format!("--package={package}"));
    let rest = rest.iter().map(|&word| word.to_owned());
    [task.to_owned()]
        .into_iter()
        .chain(packages)
        .chain(rest)
        .collect()
}

/// Where everything for Windows is built.
fn target_dir() -> PathBuf {
    root().join("target/windows")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(task: &str, args: &[&str]) -> Vec<String> {
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        let runs = plan(task, &args, &["library"], &["program"]);
        runs.iter().map(|words| words.join(" ")).collect()
    }

    #[test]
    fn without_words_everything_is_done_that_is_for_windows() {
        assert_eq!(
            planned("clippy", &[]),
            [
                "clippy --package=library --all-targets -- -D warnings",
                "clippy --package=program -- -D warnings",
            ]
        );
        assert_eq!(
            planned("build", &[]),
            [
                "build --package=library --lib --examples",
                "build --package=program --bins"
            ]
        );
        assert_eq!(
            planned("test", &[]),
            ["test --package=library --lib --bins --tests --no-fail-fast"]
        );
        assert!(plan("clippy", &[], &[], &[]).is_empty());
    }

    #[test]
    fn words_go_to_cargo_with_every_package_unless_they_name_one() {
        assert_eq!(planned("test", &["name"]), ["test --package=library name"]);
        assert_eq!(
            planned("test", &["--", "-p"]),
            ["test --package=library -- -p"]
        );
        assert_eq!(planned("test", &["-p", "core"]), ["test -p core"]);
        assert_eq!(
            planned("check", &["-v"]),
            ["check --package=library --package=program -v"]
        );
        assert_eq!(
            planned("run", &["status"]),
            ["run --package=program status"]
        );
    }

    #[test]
    fn its_debian_packages_are_on_the_list() {
        let all: Vec<_> = packages::all().map(|package| package.name).collect();
        assert!(
            DEBIAN.iter().all(|package| all.contains(package)),
            "{all:?}"
        );
    }
}

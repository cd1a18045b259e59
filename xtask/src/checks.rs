//! What a change must pass, cheapest first, and the tests themselves.

use std::{collections::BTreeSet, path::PathBuf, time::Instant};

use anyhow::{Context as _, Result};

use crate::{
    packages,
    run::{command, output, root, run, run_command, succeeds, target},
    windows,
};

type Check = fn() -> Result<()>;

/// All that `ci` runs, in this order. The tests come last: they take longest.
const CHECKS: &[(&str, Check)] = &[
    ("fmt", fmt),
    ("clippy", clippy),
    ("doc", doc),
    ("windows-clippy", windows::clippy),
    ("windows-doc", windows::doc),
    ("deny", deny),
    ("msrv", msrv),
    ("test", || test(&[])),
];

/// The check called `name`.
pub(crate) fn named(name: &str) -> Option<Check> {
    CHECKS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, check)| *check)
}

/// Runs every check; stops at the first that fails.
///
/// # Errors
/// What the failing check says.
pub(crate) fn ci() -> Result<()> {
    for (name, check) in CHECKS {
        let start = Instant::now();
        eprintln!("\nxtask: == {name}");
        check().with_context(|| format!("{name} failed"))?;
        eprintln!(
            "xtask: {name} passed in {:.1} s",
            start.elapsed().as_secs_f32()
        );
    }
    eprintln!("\nxtask: everything passed");
    Ok(())
}

/// Runs all tests; `args` go to their runner.
///
/// # Errors
/// [`packages::Missing`] when something has to be installed first; else that a test failed.
pub(crate) fn test(args: &[String]) -> Result<()> {
    packages::ensure(|_| true)?;
    // What the tests under Wine run.
    windows::build()?;
    examples()?;
    let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
    let is_selection = !args.is_empty();
    // One run tells of everything that fails.
    args.insert(0, "--no-fail-fast");
    if !args
        .iter()
        .any(|arg| arg.starts_with("-p") || arg.starts_with("--package"))
    {
        args.insert(0, "--workspace");
    }
    let not_run = NotRun::begin()?;
    let ran = if succeeds("cargo", &["nextest", "--version"]) {
        not_run.run(&[&["nextest", "run"], &args[..]].concat())
    } else {
        not_run.run(&[&["test"], &args[..]].concat())
    };
    not_run.say();
    ran?;
    // nextest runs no tests in documentation; a selection is not about those.
    if !is_selection && succeeds("cargo", &["nextest", "--version"]) {
        run("cargo", &["test", "--workspace", "--doc"])?;
        not_run.say();
    }
    if !is_selection {
        windows::test()?;
    }
    Ok(())
}

/// The tests that this computer cannot run. Each says so itself in a file; for their runner they have
/// passed, so its summary does not tell.
struct NotRun(PathBuf);

impl NotRun {
    fn begin() -> Result<Self> {
        let dir = root().join("target");
        std::fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
        let list = dir.join("not-run.txt");
        std::fs::write(&list, "").with_context(|| list.display().to_string())?;
        Ok(Self(list))
    }

    fn run(&self, args: &[&str]) -> Result<()> {
        let mut tests = command("cargo");
        tests.args(args).env("ENDSESSION_NOT_RUN", &self.0);
        run_command(&mut tests, &format!("cargo {}", args.join(" ")))
    }

    /// Names each with the reason, as the last that is read.
    fn say(&self) {
        let list = std::fs::read_to_string(&self.0).unwrap_or_default();
        let tests: BTreeSet<&str> = list.lines().collect();
        if tests.is_empty() {
            return;
        }
        eprintln!(
            "\nxtask: ------------------------------------------------------------------------"
        );
        eprintln!(
            "xtask: NOT RUN: {} tests, and nobody knows whether they pass:",
            tests.len()
        );
        tests.iter().for_each(|test| eprintln!("xtask:     {test}"));
        eprintln!(
            "xtask: ------------------------------------------------------------------------"
        );
    }
}

/// Runs cargo on the examples with a toolkit: a workspace of their own, whose programs lie apart.
fn toolkits(command: &str, args: &[&str]) -> Result<()> {
    let apart = format!("--target-dir={}", target().join("examples").display());
    let workspace = "--manifest-path=examples/Cargo.toml";
    let common = [
        command,
        "--workspace",
        workspace,
        &apart,
        "--locked",
        "--quiet",
    ];
    run("cargo", &[&common, args].concat())
}

/// Builds the examples that the tests run.
///
/// # Errors
/// When one cannot be built.
pub(crate) fn examples() -> Result<()> {
    run("cargo", &["build", "-p", "endsession", "--examples"])?;
    toolkits("build", &[])
}

fn fmt() -> Result<()> {
    run("cargo", &["fmt", "--all", "--", "--check"])?;
    let toolkits = "--manifest-path=examples/Cargo.toml";
    run("cargo", &["fmt", "--all", toolkits, "--", "--check"])
}

fn clippy() -> Result<()> {
    run(
        "cargo",
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ],
    )?;
    let lint = ["--all-targets", "--", "-D", "warnings"];
    toolkits("clippy", &lint)
}

fn doc() -> Result<()> {
    let mut doc = command("cargo");
    doc.args(["doc", "--workspace", "--no-deps"])
        .env("RUSTDOCFLAGS", "-D warnings");
    run_command(
        &mut doc,
        "RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps",
    )
}

fn deny() -> Result<()> {
    if !succeeds("cargo", &["deny", "--version"]) {
        run("cargo", &["install", "--locked", "cargo-deny"])?;
    }
    // Advisories need their database from the network; a change here does not make one appear.
    let check = ["deny", "check", "--hide-inclusion-graph"];
    run(
        "cargo",
        &[&check[..], &["licenses", "bans", "sources"]].concat(),
    )
}

/// The oldest compiler that Cargo.toml promises, if it can be had; else clippy's word on it.
fn msrv() -> Result<()> {
    let version = rust_version()?;
    let is_there = || output("rustup", &["toolchain", "list"]).contains(&version);
    if !is_there() && std::env::var_os("CI").is_some_and(|value| !value.is_empty()) {
        // Without a network this fails, and the lint below has to do.
        let _ = run(
            "rustup",
            &["toolchain", "install", &version, "--profile", "minimal"],
        );
    }
    if is_there() {
        let check = ["cargo", "check", "--workspace", "--all-targets"];
        return run("rustup", &[&["run", &version], &check[..]].concat());
    }
    eprintln!("xtask: ---------------------------------------------------------------------------");
    eprintln!("xtask: Rust {version} IS NOT INSTALLED: what follows is a lint, not that compiler.");
    eprintln!("xtask: It finds library items that are newer, not newer syntax. To really check:");
    eprintln!("xtask:     rustup toolchain install {version} --profile minimal");
    eprintln!("xtask: ---------------------------------------------------------------------------");
    let lint = ["-A", "clippy::all", "-D", "clippy::incompatible_msrv"];
    run(
        "cargo",
        &[&["clippy", "--workspace", "--all-targets", "--"], &lint[..]].concat(),
    )
}

/// `rust-version` of the workspace.
fn rust_version() -> Result<String> {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).context("Cargo.toml")?;
    let line = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version"));
    let version = line
        .and_then(|line| line.split('"').nth(1))
        .context("no rust-version")?;
    Ok(version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_compiler_is_the_manifests() {
        assert_eq!(rust_version().unwrap(), env!("CARGO_PKG_RUST_VERSION"));
    }
}

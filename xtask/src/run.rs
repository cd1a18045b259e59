//! Starts programs, and says so.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

/// A command at the root of the repository, with the cargo that started this one by the name `cargo`.
pub(crate) fn command(program: &str) -> Command {
    let program = match (program, std::env::var_os("CARGO")) {
        ("cargo", Some(cargo)) => cargo,
        _ => program.into(),
    };
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    let set = std::env::var_os("CARGO_TARGET_DIR").filter(|dir| !dir.is_empty());
    root().join(set.unwrap_or_else(|| "target".into()))
}

/// Runs `program` with `args` to its end.
///
/// # Errors
/// When it cannot be started, or fails.
pub(crate) fn run(program: &str, args: &[&str]) -> Result<()> {
    run_command(
        command(program).args(args),
        &format!("{program} {}", args.join(" ")),
    )
}

/// Runs `command` to its end; `line` is what is said of it.
///
/// # Errors
/// When it cannot be started, or fails.
pub(crate) fn run_command(command: &mut Command, line: &str) -> Result<()> {
    eprintln!("xtask: {line}");
    let status = command
        .status()
        .with_context(|| format!("cannot start {line}"))?;
    if !status.success() {
        bail!("failed, {status}: {line}");
    }
    Ok(())
}

/// Whether `program` with `args` can be started and succeeds; it says nothing.
pub(crate) fn succeeds(program: &str, args: &[&str]) -> bool {
    let mut command = command(program);
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// What `program` with `args` prints; nothing when it cannot be started or fails.
pub(crate) fn output(program: &str, args: &[&str]) -> String {
    let output = command(program).args(args).stdin(Stdio::null()).output();
    let output = output.ok().filter(|output| output.status.success());
    output
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default()
}

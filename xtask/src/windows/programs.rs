//! The programs in C that the testkit runs under Wine: `crates/testkit/assets/windows/*.c`, each a program of its own. They are built
//! with mingw as they stand, where the testkit looks for them: `target/windows/programs`.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

use super::{COMPILER, target_dir};
use crate::run::{root, run_command};

/// Tells the runner of the prefix that it copies.
pub(super) const PREFIX: &str = "ENDSESSION_WINE_PREFIX";

const SOURCES: &str = "crates/testkit/assets/windows";

/// Builds them, and puts beside them a link to the prefix at `prefix`.
///
/// # Errors
/// What does not compile.
pub(super) fn build(prefix: &Path) -> Result<()> {
    let to = target_dir().join("programs");
    fs::create_dir_all(&to).with_context(|| format!("cannot create {}", to.display()))?;
    let from = root().join(SOURCES);
    for source in fs::read_dir(&from).with_context(|| format!("cannot read {}", from.display()))? {
        let source = source?.path();
        if source.extension().is_some_and(|extension| extension == "c") {
            compile(&source, &to)?;
        }
    }
    // Another takes the old one's place in one step: a test may be about to follow it.
    let (link, new) = (
        to.join("prefix"),
        to.join(format!("prefix.{}", std::process::id())),
    );
    let _ = fs::remove_file(&new);
    symlink(prefix, &new)?;
    fs::rename(&new, &link).with_context(|| format!("cannot replace {}", link.display()))
}

/// Compiles `source` into the directory `to`, unless it is there of the same source: the testkit compares that copy too.
fn compile(source: &Path, to: &Path) -> Result<()> {
    let name = source.file_stem().context("a source has a name")?;
    let (program, copy) = (
        to.join(name).with_extension("exe"),
        to.join(name).with_extension("c"),
    );
    let text = fs::read(source).with_context(|| format!("cannot read {}", source.display()))?;
    if program.exists() && fs::read(&copy).is_ok_and(|built_from| built_from == text) {
        return Ok(());
    }
    let _ = fs::remove_file(&copy);
    let new = program.with_extension(format!("{}.new", std::process::id()));
    let mut compiler = Command::new(COMPILER);
    // -mwindows: programs of the desktop, for which Wine starts no console.
    compiler.args([
        "-std=c17",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-O1",
        "-s",
        "-mwindows",
        "-o",
    ]);
    compiler.arg(&new).arg(source).stdin(Stdio::null());
    run_command(&mut compiler, &format!("{COMPILER} {}", source.display()))?;
    ensure!(new.exists(), "{COMPILER} made no {}", new.display());
    fs::rename(&new, &program)?;
    fs::write(&copy, text).with_context(|| format!("cannot write {}", copy.display()))
}

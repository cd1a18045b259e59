//! The compiler for Windows: Debian's own, unpacked beside the system and never installed. Debian has no library of Rust for
//! x86_64-pc-windows-gnu, but the source of the very version of its compiler (rust-web-src), from which cargo builds one.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

use super::{
    TARGET,
    cache::{self, Entry},
};
use crate::{
    packages,
    run::{self, output},
};

/// What is unpacked, with all that it needs and the system has not.
const PACKAGES: [&str; 3] = ["rustc-web", "rust-web-src", "rust-web-clippy"];

/// The programs that are started through a script, because they look for their libraries only in the system's directories.
/// cargo-clippy starts the clippy-driver that lies beside it, with the same variables.
const PROGRAMS: [&str; 3] = ["rustc", "rustdoc", "cargo-clippy"];

/// The compiler's parts below the cache.
#[derive(Debug)]
pub(super) struct Toolchain {
    dir: PathBuf,
}

impl Toolchain {
    /// The toolchain; it is made where it is not in `cache` yet, which takes about a minute.
    ///
    /// # Errors
    /// When a package cannot be had, or the library cannot be built.
    pub(super) fn get(cache: &Path) -> Result<Self> {
        if let Some(dir) = entry().ok().and_then(|entry| entry.find(cache)) {
            return Ok(Self { dir });
        }
        // A list that is not of today names versions that cannot be downloaded any more.
        packages::refresh();
        let dir = entry()?.get(cache, make)?;
        Ok(Self { dir })
    }

    /// One of its programs: `rustc`, `rustdoc` or `cargo-clippy`.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.dir.join("bin").join(name)
    }
}

/// What it is made from. The linker's packages count, because the library is built with them.
fn entry() -> Result<Entry> {
    let policy = output("apt-cache", &["policy", "rustc-web"]);
    let compiler = candidate(&policy)
        .context("apt offers no rustc-web: run apt-get update (Debian 12 and later have it)")?;
    let linker = packages::version("gcc-mingw-w64-x86-64")?;
    let headers = packages::version("mingw-w64-x86-64-dev")?;
    let recipe = include_str!("toolchain.rs").to_owned();
    let made_from = vec![compiler.to_owned(), linker, headers, recipe];
    Ok(Entry {
        what: "rust-windows",
        made_from,
    })
}

/// The version that `apt-cache policy` would install.
fn candidate(policy: &str) -> Option<&str> {
    let version = policy
        .lines()
        .find_map(|line| line.trim().strip_prefix("Candidate:"))?;
    Some(version.trim()).filter(|version| *version != "(none)")
}

fn make(dir: &Path) -> Result<()> {
    let debs = dir.join("debs");
    fs::create_dir(&debs)?;
    // apt drops its privileges for a download where the directory lets it.
    let mut download = Command::new("apt-get");
    download
        .args(["download", "-q"])
        .args(needed()?)
        .current_dir(&debs);
    quietly(&mut download)
        .context("cannot download Debian's compiler; does apt-get update work?")?;
    let root = dir.join("debian");
    for deb in fs::read_dir(&debs)? {
        quietly(
            Command::new("dpkg-deb")
                .arg("-x")
                .arg(deb?.path())
                .arg(&root),
        )?;
    }
    write_scripts(dir)?;
    build_library(dir)?;
    // Half of all that was unpacked, and nothing needs it any more.
    for part in [
        debs,
        root.join("usr/src"),
        root.join("usr/share"),
        dir.join("library"),
    ] {
        cache::remove(&part)?;
    }
    Ok(())
}

/// The packages to download: those of the toolchain, and whatever these need that is not installed.
fn needed() -> Result<BTreeSet<String>> {
    let installed = output("dpkg-query", &["-W", "-f=${Package} ${db:Status-Status}\n"]);
    let installed: BTreeSet<&str> = installed
        .lines()
        .filter_map(|line| line.strip_suffix(" installed"))
        .collect();
    let mut depends = BTreeMap::new();
    let needed = closure(&installed, |package| {
        let depends = depends.entry(package.to_owned());
        depends
            .or_insert_with(|| dependencies(&output("apt-cache", &["depends", package])))
            .clone()
    });
    ensure!(
        needed
            .iter()
            .any(|package| package.starts_with("libstd-rust-web")),
        "apt does not say what {} needs: {needed:?}",
        PACKAGES[0]
    );
    Ok(needed)
}

/// From [`PACKAGES`] on along `depends`. The toolchain's own parts are taken although they be installed: all is of one version then.
fn closure(
    installed: &BTreeSet<&str>,
    mut depends: impl FnMut(&str) -> Vec<String>,
) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = BTreeSet::new();
    let mut open: Vec<String> = PACKAGES.map(str::to_owned).to_vec();
    while let Some(package) = open.pop() {
        let is_part = PACKAGES.contains(&package.as_str())
            || package.starts_with("libstd-rust-web")
            || package.starts_with("libllvm");
        if (is_part || !installed.contains(package.as_str())) && found.insert(package.clone()) {
            open.extend(depends(&package));
        }
    }
    found
}

/// The packages that `apt-cache depends` calls needed. One of several alternatives ("|Depends") and a name that several packages
/// provide (in angle brackets) are such that every system with a C compiler has one.
fn dependencies(text: &str) -> Vec<String> {
    let names = text
        .lines()
        .filter_map(|line| line.strip_prefix("  Depends: "));
    names
        .filter(|name| !name.starts_with('<'))
        .map(str::to_owned)
        .collect()
}

/// Scripts that find everything from where they stand, so that the directory can be renamed.
fn write_scripts(dir: &Path) -> Result<()> {
    let bin = dir.join("bin");
    fs::create_dir(&bin)?;
    let script = |program: &str| {
        format!(
            "#!/bin/sh\nroot=${{0%/*}}/../debian\n\
             LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu:$root/lib/x86_64-linux-gnu exec \"$root/usr/bin/{program}\" \"$@\"\n"
        )
    };
    for program in PROGRAMS {
        let path = bin.join(program);
        fs::write(&path, script(program))?;
        fs::set_permissions(&path, PermissionsExt::from_mode(0o755))?;
    }
    Ok(())
}

/// Builds Rust's library for the target, and puts it where the compiler looks for it by itself.
fn build_library(dir: &Path) -> Result<()> {
    let package = dir.join("library");
    fs::create_dir_all(package.join("src"))?;
    fs::write(package.join("src/lib.rs"), "")?;
    let manifest =
        "[package]\nname = \"nothing\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n";
    fs::write(package.join("Cargo.toml"), manifest)?;
    let mut build = run::command("cargo");
    build
        .args(["build", "--quiet", "--release", "--target", TARGET])
        .arg("-Zbuild-std=std,panic_unwind,panic_abort,test")
        .current_dir(&package)
        .env("RUSTC", dir.join("bin/rustc"))
        // Lets a released compiler build its own library.
        .env("RUSTC_BOOTSTRAP", "1")
        // Else the library would be built where the caller builds, and with the caller's flags.
        .env("CARGO_TARGET_DIR", package.join("target"))
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    run::run_command(
        &mut build,
        &format!("cargo build --release --target {TARGET} -Zbuild-std=…"),
    )?;
    let to = dir.join("debian/usr/lib/rustlib").join(TARGET).join("lib");
    fs::create_dir_all(&to)?;
    let mut count = 0;
    for file in fs::read_dir(package.join("target").join(TARGET).join("release/deps"))? {
        let file = file?;
        let name = file.file_name().to_string_lossy().into_owned();
        if name.ends_with(".rlib") && !name.starts_with("libnothing-") {
            fs::rename(file.path(), to.join(&name))?;
            count += 1;
        }
    }
    ensure!(count > 0, "cargo built no library for {TARGET}");
    Ok(())
}

/// Runs `command`; its output is shown when it fails.
fn quietly(command: &mut Command) -> Result<()> {
    let line = format!("{command:?}");
    let output = command
        .output()
        .with_context(|| format!("cannot start {line}"))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!(
            "failed, {}: {line}\n{}",
            output.status,
            String::from_utf8_lossy(&said)
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_candidate_is_what_apt_would_install() {
        let policy = "rustc-web:\n  Installed: (none)\n  Candidate: 1.96.0+dfsg1-1~deb12u2\n  Version table:\n";
        assert_eq!(candidate(policy), Some("1.96.0+dfsg1-1~deb12u2"));
        assert_eq!(
            candidate("rustc-web:\n  Installed: (none)\n  Candidate: (none)\n"),
            None
        );
        assert_eq!(candidate(""), None);
    }

    #[test]
    fn what_is_needed_is_told_from_what_may_be() {
        let text = "rustc-web\n  Depends: libc6\n |Depends: one\n  Depends: other\n  Depends: <libc-dev>\n    libc6-dev\n\
                    \x20 Recommends: cargo-web\n  Conflicts: rustc\n";
        assert_eq!(dependencies(text), ["libc6", "other"]);
    }

    #[test]
    fn what_is_installed_is_not_downloaded_but_for_the_toolchain_itself() {
        let depends = |package: &str| match package {
            "rustc-web" => vec!["libc6".to_owned(), "libstd-rust-web-dev".to_owned()],
            "libstd-rust-web-dev" => vec!["libllvm22".to_owned()],
            "libllvm22" => vec!["libz3-4".to_owned(), "libxml2".to_owned()],
            "libxml2" => vec!["libicu72".to_owned()],
            _ => Vec::new(),
        };
        let installed = BTreeSet::from(["libc6", "libxml2", "libllvm22"]);
        let needed = closure(&installed, depends);
        let needed: Vec<&str> = needed.iter().map(String::as_str).collect();
        let all = [
            "libllvm22",
            "libstd-rust-web-dev",
            "libz3-4",
            "rust-web-clippy",
            "rust-web-src",
            "rustc-web",
        ];
        assert_eq!(needed, all);
    }
}

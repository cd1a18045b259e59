//! The Wine prefix that every test gets a copy of. Made once: Wine takes five seconds for one, and it has 700 MB. Here nearly all of
//! its files become links to those that Wine itself was installed with, so a copy is a matter of milliseconds and 3 MB.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    io::Write as _,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};

use super::{COMPILER, cache::Entry};
use crate::packages;

/// The user whose directories it has; `USER` of the testkit's sandboxes.
const USER: &str = "tester";

/// Where Debian's Wine keeps the files that a prefix begins with.
const ORIGINALS: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/wine/x86_64-windows",
    "/usr/share/wine/nls",
    "/usr/share/wine/fonts",
];

/// Rust's library takes its random numbers from this one, which Wine 8 lacks.
const RANDOM: &str = "#include <windows.h>\n#include <ntsecapi.h>\n\
    __declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE bytes, SIZE_T length)\n\
    { return RtlGenRandom(bytes, (ULONG)length); }\n";

/// What a test wants of every prefix. No windows are shown: the null driver needs no display; the testkit looks for this very line.
/// Parts of Wine that no test is about are not loaded; with its debugger a program that crashes would hang for ever.
const SETTINGS: &str = r#"
[Software\\Wine\\Drivers]
"Graphics"="null"

[Software\\Wine\\DllOverrides]
"mscoree"=""
"mshtml"=""
"winedbg.exe"=""
"winemenubuilder.exe"=""
"#;

/// The prefix; it is made where it is not in `cache` yet, which takes some seconds.
///
/// # Errors
/// When Wine fails.
pub(super) fn get(cache: &Path) -> Result<PathBuf> {
    let wine = packages::version("libwine")?;
    let compiler = packages::version("gcc-mingw-w64-x86-64")?;
    let recipe = include_str!("prefix.rs").to_owned();
    let entry = Entry {
        what: "wine",
        made_from: vec![wine, compiler, recipe],
    };
    entry
        .get(cache, |dir| {
            // What Wine asks of its user's home is not to come from here.
            let home = dir.join("home");
            fs::create_dir(&home)?;
            let prefix = dir.join("prefix");
            boot(&prefix, &home)?;
            fs::remove_dir_all(home)?;
            leave_home(&prefix)?;
            link_originals(&prefix)?;
            compile(
                RANDOM,
                &prefix.join("drive_c/windows/system32/bcryptprimitives.dll"),
            )?;
            let mut settings = fs::OpenOptions::new()
                .append(true)
                .open(prefix.join("user.reg"))?;
            settings.write_all(SETTINGS.as_bytes())?;
            Ok(())
        })
        .map(|dir| dir.join("prefix"))
}

/// Makes `command` one of the prefix at `prefix`, with nothing of the caller's display.
pub(super) fn use_in<'a>(command: &'a mut Command, prefix: &Path, home: &Path) -> &'a mut Command {
    command
        .env("WINEPREFIX", prefix)
        .env("WINEDEBUG", "-all")
        .env_remove("WINEDLLOVERRIDES")
        .env("HOME", home)
        // Debian's Wine makes a directory for its server's socket there, and leaves it.
        .env("TMPDIR", home)
        .env("USER", USER)
        .env("LOGNAME", USER)
        .env_remove("WINELOADER")
        .env_remove("WINEARCH")
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .stdin(Stdio::null())
}

/// Ends all that runs in the prefix, and waits until its server has written everything.
pub(super) fn end(prefix: &Path, home: &Path) {
    for option in ["-k", "-w"] {
        let mut server = Command::new("wineserver");
        let server = use_in(&mut server, prefix, home).arg(option);
        // Nothing runs: that is a failure to it, and as good.
        let _ = server.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

fn boot(prefix: &Path, home: &Path) -> Result<()> {
    // What it starts inherits its descriptors and stays: a pipe to us would never end.
    let path = home.with_file_name("wineboot.log");
    let log = fs::File::create(&path)?;
    let mut wineboot = Command::new("wineboot");
    use_in(&mut wineboot, prefix, home)
        // It would ask for parts that no test is about, and wait for an answer.
        .env("WINEDLLOVERRIDES", "mscoree,mshtml,winemenubuilder.exe=d")
        .arg("--init")
        .stdout(log.try_clone()?)
        .stderr(log);
    let status = wineboot.status().context("cannot start wineboot");
    // Not -k: what has not been written yet is written when the last program has gone.
    let mut wait = Command::new("wineserver");
    let waited = use_in(&mut wait, prefix, home)
        .arg("-w")
        .stdout(Stdio::null())
        .status();
    let said = fs::read_to_string(&path).unwrap_or_default();
    ensure!(status?.success(), "wineboot --init failed:\n{said}");
    ensure!(
        waited?.success() && prefix.join("user.reg").exists(),
        "Wine made no prefix:\n{said}"
    );
    fs::remove_file(path)?;
    // Debian's Wine names here where it keeps its server's socket. With a copy of that all copies would share the place, and only
    // the first user could enter it.
    let _ = fs::remove_file(prefix.join("wineserver"));
    Ok(())
}

/// Makes directories of what leads to the home it was made in.
fn leave_home(prefix: &Path) -> Result<()> {
    let user = prefix.join("drive_c/users").join(USER);
    for entry in fs::read_dir(&user).with_context(|| format!("Wine made no {}", user.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_symlink() {
            fs::remove_file(entry.path())?;
            fs::create_dir(entry.path())?;
        }
    }
    Ok(())
}

/// Puts a link to it in the place of every file that is the same as one of Wine's.
fn link_originals(prefix: &Path) -> Result<()> {
    let mut originals: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    for dir in ORIGINALS {
        for file in fs::read_dir(dir).with_context(|| format!("Wine has no {dir}"))? {
            let file = file?;
            originals
                .entry(file.file_name())
                .or_insert_with(|| file.path());
        }
    }
    let (mut linked, mut open) = (0, vec![prefix.join("drive_c")]);
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
                continue;
            }
            let Some(original) = originals.get(&entry.file_name()) else {
                continue;
            };
            if entry.file_type()?.is_file() && fs::read(entry.path())? == fs::read(original)? {
                fs::remove_file(entry.path())?;
                symlink(original, entry.path())?;
                linked += 1;
            }
        }
    }
    if linked < 500 {
        bail!("only {linked} files of the prefix are Wine's own: is it kept in {ORIGINALS:?}?");
    }
    Ok(())
}

fn compile(source: &str, to: &Path) -> Result<()> {
    let file = to.with_extension("c");
    fs::write(&file, source)?;
    let mut compiler = Command::new(COMPILER);
    compiler
        .args(["-O2", "-shared", "-o"])
        .arg(to)
        .arg(&file)
        .arg("-ladvapi32");
    let status = compiler
        .status()
        .with_context(|| format!("cannot start {COMPILER}"))?;
    ensure!(status.success(), "failed, {status}: {compiler:?}");
    fs::remove_file(file)?;
    Ok(())
}

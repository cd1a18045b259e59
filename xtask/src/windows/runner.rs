//! Runs one program under Wine for cargo, in a prefix of its own: `xtask windows-runner PROGRAM ARGS`.
//!
//! A log-off ends a test process that owns a window with status 0, and cargo takes that for success. So what is a test has to say
//! itself that all went well.

use std::{
    fs::{self, File},
    io::{Read as _, Seek as _, Write as _},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode, ExitStatus, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};

use super::prefix;

/// The line with which a test process ends that has run all its tests.
const VERDICT: &str = "\ntest result: ok.";

/// How long one program may run, in seconds: as long as a test of Linux, see `.config/nextest.toml`. It is killed a little later.
const LIMIT: &str = "600";

/// What `timeout` ends with when it had to end the program.
const TIMED_OUT: i32 = 124;

/// How the directories of runners begin; their process id follows.
const NAME: &str = "endsession-wine-";

/// Runs the program that `words` name; its status is the status of this process.
///
/// # Errors
/// When it cannot be run, or a test process ended without its verdict.
pub(super) fn run(words: &[String], template: &Path) -> Result<ExitCode> {
    let (program, args) = words.split_first().context("no program to run")?;
    let world = World::new(template)?;
    // Files, because what Wine starts on the way inherits these and lives on: a pipe would never end.
    let (mut out, mut err) = (world.file("out")?, world.file("err")?);
    let mut wine = Command::new("setpriv");
    prefix::use_in(&mut wine, &world.prefix, &world.home);
    // A program that hangs has an end, and so has one whose runner was killed.
    wine.args([
        "--pdeathsig",
        "TERM",
        "timeout",
        "--foreground",
        "--kill-after",
        "10",
        LIMIT,
    ]);
    wine.args(["setpriv", "--pdeathsig", "KILL", "wine"])
        .arg(program)
        .args(args);
    wine.stdout(out.try_clone()?).stderr(err.try_clone()?);
    let status = wine.status().context("cannot start setpriv")?;
    prefix::end(&world.prefix, &world.home);
    let said = text(&mut out)?;
    std::io::stdout().write_all(said.as_bytes())?;
    std::io::stderr().write_all(text(&mut err)?.as_bytes())?;
    if status.code() == Some(TIMED_OUT) {
        bail!("{program} was ended after {LIMIT} s");
    }
    let is_test = Path::new(program)
        .parent()
        .is_some_and(|dir| dir.ends_with("deps"));
    if is_test && is_silent_end(args, status, &said) {
        anyhow::bail!(
            "{program} ended with status 0 before its tests had: something ended it, or logged it off"
        );
    }
    Ok(code(status))
}

/// Whether a test process ended as if all were well, and did not say so.
fn is_silent_end(args: &[String], status: ExitStatus, said: &str) -> bool {
    // Asked for a list or for help it runs no test.
    let runs = !args
        .iter()
        .any(|arg| matches!(arg.as_str(), "--list" | "--help" | "-h"));
    runs && status.success() && !said.replace('\r', "").contains(VERDICT)
}

/// The same status; 128 and the signal for one that was killed, as a shell tells it.
fn code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| Some(128 + status.signal()?));
    ExitCode::from(u8::try_from(code.unwrap_or(1)).unwrap_or(u8::MAX))
}

fn text(file: &mut File) -> Result<String> {
    file.rewind()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A directory with a copy of the prefix, removed at the end.
struct World {
    dir: PathBuf,
    prefix: PathBuf,
    home: PathBuf,
}

impl World {
    fn new(template: &Path) -> Result<Self> {
        let all = std::env::temp_dir();
        remove_left(&all);
        let dir = all.join(format!("{NAME}{}", std::process::id()));
        let (prefix, home) = (dir.join("prefix"), dir.join("home"));
        fs::create_dir(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let world = Self { dir, prefix, home };
        fs::create_dir(&world.home)?;
        let mut copy = Command::new("cp");
        let status = copy
            .arg("-a")
            .arg(template)
            .arg(&world.prefix)
            .stdin(Stdio::null())
            .status();
        ensure!(status?.success(), "cannot copy {}", template.display());
        Ok(world)
    }

    fn file(&self, name: &str) -> Result<File> {
        let path = self.dir.join(name);
        let file = File::options()
            .read(true)
            .append(true)
            .create_new(true)
            .open(&path);
        file.with_context(|| format!("cannot create {}", path.display()))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        prefix::end(&self.prefix, &self.home);
        // Wine's server removes files of its own while it ends.
        let _ = (0..10).find(|_| fs::remove_dir_all(&self.dir).is_ok());
    }
}

/// Removes what runners have left that were killed.
fn remove_left(all: &Path) {
    for entry in fs::read_dir(all).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(NAME));
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_says_nothing_has_not_passed() {
        let silent = |args: &[&str], status, said| {
            let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
            is_silent_end(&args, ExitStatus::from_raw(status), said)
        };
        assert!(silent(&[], 0, "\r\nrunning 2 tests\r\ntest a ... ok\r\n"));
        assert!(!silent(
            &[],
            0,
            "\r\nrunning 2 tests\r\n\r\ntest result: ok. 2 passed\r\n"
        ));
        assert!(silent(&[], 0, "\r\n\r\ntest result: FAILED. 1 passed\r\n"));
        // Cargo hears of these from the status.
        assert!(!silent(&[], 101 << 8, "\r\nrunning 2 tests\r\n"));
        assert!(!silent(&["--list"], 0, "a: test\r\n"));
    }

    #[test]
    fn the_status_is_the_programs() {
        let code_of = |raw| code(ExitStatus::from_raw(raw));
        assert_eq!(code_of(7 << 8), ExitCode::from(7));
        assert_eq!(code_of(9), ExitCode::from(137));
    }
}

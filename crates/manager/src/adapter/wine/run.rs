//! One `wineboot --end-session` as a process: what it is given, and what its end means. Starts a
//! process, reads what it wrote, and kills it.
//!
//! Wine's documented way to end a session: it sends WM_QUERYENDSESSION to the windows of one program
//! after another, and WM_ENDSESSION with the answer; a program that agreed is ended before the next one
//! is asked, and a FALSE stops it (Microsoft: "Logging Off", "WM_QUERYENDSESSION"; wineboot(1)).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitStatus, Stdio};

use endsession_core::{BundleId, Identity};
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::process::{Pid, Signal, kill_process_group};

use super::find::Prefix;
use crate::process;

/// Bytes that are kept of what it says: a line for each window that it asks.
const MAX_OUTPUT: u64 = 256 << 10;

/// Variables of the prefix's server without which another process of Wine does not find that server,
/// or its own libraries, or is not let in. It is our own user's; the rest of its environment is its own.
const OF_SERVER: [&str; 9] = [
    "HOME",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "LD_LIBRARY_PATH",
    "WINEDLLPATH",
    "WINEARCH",
    "WINEESYNC",
    "WINEFSYNC",
    "WINENTSYNC",
];

/// Variables of our own.
const OWN: [&str; 5] = ["PATH", "USER", "LOGNAME", "LANG", "LC_ALL"];

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Everybody agreed.
    Agreed,
    /// One did not.
    Refused,
    /// It could not do its work.
    Failed,
}

/// One that runs.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) bundle: BundleId,
    pub(super) pid: u32,
    output: File,
    /// Nobody waits for it any more.
    pub(super) is_left: bool,
    /// Programs that have shown a window since, the last one last: whoever asks its user does.
    pub(super) asked: Vec<Identity>,
}

impl Running {
    /// Begins to close a prefix.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn start(
        bundle: BundleId,
        prefix: &Prefix,
        forceful: bool,
    ) -> std::io::Result<Self> {
        let output = output()?;
        let mut command = Command::new(&prefix.loader);
        command
            // By its path: by its name alone another process of Wine would look for it, and stand between.
            .arg("C:\\windows\\system32\\wineboot.exe")
            .arg("--end-session")
            .args(forceful.then_some("--force"))
            .env_clear()
            .envs(environment(prefix))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::from(output.try_clone()?))
            // No pipe: what Wine starts has it too, and would keep it open.
            .stderr(Stdio::from(output.try_clone()?))
            .process_group(0);
        let process = command.spawn()?;
        Ok(Self {
            bundle,
            pid: process.id(),
            output,
            is_left: false,
            asked: Vec::new(),
        })
    }

    pub(super) fn group(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.pid).ok()?)
    }

    /// Nobody else is asked. Whoever is being asked can still answer, and nobody hears it. There is
    /// nothing in it to be saved, and Wine takes the loss of a process like any other's.
    pub(super) fn kill(&self) {
        // Its status has not been taken, so the number is nobody else's.
        if let Some(group) = self.group()
            && let Err(error) = kill_process_group(group, Signal::KILL)
        {
            tracing::debug!("wineboot (pid {}) could not be killed: {error}", self.pid);
        }
    }

    /// What its exit means.
    pub(super) fn ended(&self, status: ExitStatus) -> End {
        let mut output = vec![0; usize::try_from(MAX_OUTPUT).unwrap_or_default()];
        let length = self.output.read_at(&mut output, 0).unwrap_or_default();
        let output = String::from_utf8_lossy(output.get(..length).unwrap_or_default());
        let output = output.trim_end_matches('\0');
        let end = meaning(status.code(), output);
        if end == End::Failed {
            let last = output.lines().next_back().unwrap_or_default();
            let last = crate::adapter::text::from_str(last);
            tracing::warn!("wineboot did not end the programs of its prefix ({status}): {last}");
        }
        end
    }
}

/// A file in memory that does not grow: one that says more finds it full.
fn output() -> std::io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = rustix::fs::memfd_create("endsession-wineboot", flags)?;
    rustix::fs::ftruncate(&file, MAX_OUTPUT)?;
    rustix::fs::fcntl_add_seals(&file, SealFlags::GROW | SealFlags::SEAL)?;
    Ok(File::from(file))
}

fn environment(prefix: &Prefix) -> BTreeMap<OsString, OsString> {
    let mut all = BTreeMap::new();
    for name in OWN {
        if let Some(value) = std::env::var_os(name) {
            all.insert(name.into(), value);
        }
    }
    let server = prefix.server.pid().into_iter();
    for (name, value) in server.filter_map(process::environment).flatten() {
        if OF_SERVER.iter().any(|n| name == *n) {
            all.insert(name, value);
        }
    }
    let mut set = |name: &str, value: OsString| all.insert(name.into(), value);
    set("WINEPREFIX", prefix.path.clone().into());
    set("WINESERVER", prefix.server_program.clone().into());
    set("WINELOADER", prefix.loader.clone().into());
    // Its answers, by which a refusal is told from a failure.
    set("WINEDEBUG", "-all,+wineboot".into());
    // Without a display driver it shows no window of its own. It would after five seconds, also where
    // a program asks its user: "not responding", over that program's question; who waits for what is
    // ours to show. And one that crashes is not to start a debugger.
    let without = "winex11.drv=d;winewayland.drv=d;winedbg.exe=d";
    set("WINEDLLOVERRIDES", without.into());
    all
}

/// What an exit status and what was said before mean together. 1 is a refusal, and much else.
fn meaning(code: Option<i32>, output: &str) -> End {
    let of = |line: &str| line.contains("WM_QUERYENDSESSION");
    let refuses = |line: &&str| {
        let answer = line.split("lresult ").nth(1).unwrap_or_default();
        of(line) && answer.trim() == "0"
    };
    match code {
        Some(0) => End::Agreed,
        // A Wine that was built without its traces says nothing.
        Some(1) if output.lines().any(|l| refuses(&l)) || output.is_empty() => End::Refused,
        // There was no room for the answer.
        Some(1) if output.len() as u64 >= MAX_OUTPUT => End::Refused,
        _ => End::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    const YES: &str = "0124:trace:wineboot:end_session_message_callback received response WM_QUERYENDSESSION hwnd 0000000000010050 lresult 1\n";
    const NO: &str = "0124:trace:wineboot:end_session_message_callback received response WM_QUERYENDSESSION hwnd 0000000000010062 lresult 0\n";
    const TOLD: &str = "0124:trace:wineboot:end_session_message_callback received response WM_ENDSESSION hwnd 0000000000020044 lresult 0\n";

    #[test]
    fn a_refusal_is_told_from_a_failure() {
        assert_eq!(meaning(Some(0), &[YES, TOLD].concat()), End::Agreed);
        assert_eq!(meaning(Some(1), &[YES, NO, TOLD].concat()), End::Refused);
        assert_eq!(meaning(Some(1), ""), End::Refused);
        let mismatch = "wine client error:0: version mismatch 738/800.\n";
        assert_eq!(meaning(Some(1), mismatch), End::Failed);
        assert_eq!(meaning(Some(1), &[YES, TOLD].concat()), End::Failed);
        assert_eq!(meaning(Some(5), NO), End::Failed);
        assert_eq!(meaning(None, ""), End::Failed);
    }

    #[test]
    fn what_it_says_does_not_grow_us() {
        let mut file = output().unwrap();
        let many = vec![b'x'; usize::try_from(MAX_OUTPUT).unwrap()];
        file.write_all(&many).unwrap();
        assert!(file.write_all(b"more").is_err());
        assert_eq!(file.metadata().unwrap().len(), MAX_OUTPUT);
    }
}

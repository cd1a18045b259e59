//! Finds every process that a sandbox started, however far it has gone, and ends it.
//!
//! Each process of a sandbox carries `ENDSESSION_TEST=<process id>.<sandbox>` in its environment, and
//! so does whatever it starts: also what detached itself or what a bus activated. The sweep reads
//! `/proc/*/environ` for it. For a test process that was itself killed a watcher does the same; it
//! lives in a group of its own and waits for the end of its standard input.

use std::{
    fs,
    os::fd::{AsFd, OwnedFd},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{ChildStdin, Command, Stdio},
    sync::OnceLock,
    time::Duration,
};

use rustix::process::{Signal, pidfd_send_signal};

use crate::wait::{Deadline, is_alive, pidfd};

/// The variable that marks a sandbox's processes.
pub(crate) const MARK: &str = "ENDSESSION_TEST";

/// Rounds of killing before the sweep gives up: each sees what the round before had just forked.
const ROUNDS: usize = 50;

/// The directory of this test process and the name all its sandboxes' marks begin with.
pub(crate) struct Home {
    pub(crate) dir: PathBuf,
    pub(crate) mark: String,
    /// Its end tells the watcher that this process is gone.
    _watcher: ChildStdin,
}

/// The one [`Home`] of this test process.
pub(crate) fn home() -> &'static Home {
    static HOME: OnceLock<Home> = OnceLock::new();
    HOME.get_or_init(|| {
        // Short: socket paths in it may have 107 bytes.
        let dir = tempfile::Builder::new()
            .prefix("es-")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .tempdir()
            .expect("a temporary directory")
            .keep();
        let random = dir
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a name of ASCII");
        let mark = format!("{}{}", std::process::id(), random.trim_start_matches("es"));
        let watcher = watcher(&dir, &mark);
        Home {
            dir,
            mark,
            _watcher: watcher,
        }
    })
}

/// Starts what outlives this process to clean up behind it.
#[expect(
    clippy::zombie_processes,
    reason = "it outlives this process, by design"
)]
fn watcher(dir: &Path, mark: &str) -> ChildStdin {
    const SCRIPT: &str = r#"
        while read -r _; do :; done
        for round in 1 2 3 4 5 6 7 8 9 10; do
            found=$(grep -lasz "^ENDSESSION_TEST=$1\." /proc/[0-9]*/environ)
            [ -n "$found" ] || break
            for file in $found; do
                pid=${file#/proc/}
                kill -KILL "${pid%/environ}" 2>/dev/null
                rm -f "/tmp/.ICE-unix/${pid%/environ}"
                dead="$dead ${pid%/environ} "
            done
        done
        for lock in /tmp/.X*-lock; do
            number=${lock#/tmp/.X}
            case $dead in *" $(tr -cd 0-9 <"$lock") "*)
                rm -f "$lock" "/tmp/.X11-unix/X${number%-lock}" ;;
            esac
        done 2>/dev/null
        for group in /sys/fs/cgroup/endsession-test."$1".* /sys/fs/cgroup/*/endsession-test."$1".*; do
            [ -d "$group" ] || continue
            echo 1 >"$group/cgroup.kill"
            for round in 1 2 3 4 5 6 7 8 9 10; do
                find "$group" -depth -type d -exec rmdir {} + && break
                sleep 0.1
            done
        done 2>/dev/null
        rm -rf -- "$2"
    "#;
    let mut child = Command::new("/bin/sh")
        .args(["-c", SCRIPT, "endsession-test-watcher", mark])
        .arg(dir)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("/bin/sh");
    child.stdin.take().expect("stdin was piped")
}

/// A process's environment as the kernel tells it; None when it may not be read or there is none.
///
/// A process that is just executing a program shows an empty one for some microseconds; it is asked
/// again. A process that has none at all costs the few milliseconds that takes.
pub(crate) fn environ(pid: u32) -> Option<Vec<u8>> {
    for _ in 0..10 {
        let bytes = fs::read(format!("/proc/{pid}/environ")).ok()?;
        // A kernel thread has no environment either, and no program.
        if !bytes.is_empty() || fs::read_link(format!("/proc/{pid}/exe")).is_err() {
            return Some(bytes);
        }
        std::thread::sleep(Duration::from_micros(300));
    }
    Some(Vec::new())
}

/// The living processes whose mark is `mark`, with a descriptor each that names them for good.
pub(crate) fn marked(mark: &str) -> Vec<(u32, OwnedFd)> {
    let wanted = format!("{MARK}={mark}").into_bytes();
    let carries = |pid: u32| {
        environ(pid).is_some_and(|all| all.split(|byte| *byte == 0).any(|var| var == wanted))
    };
    let Ok(proc) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    proc.flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| *pid != std::process::id() && carries(*pid))
        // Read again once the descriptor is there: a number may have changed hands in between.
        .filter_map(|pid| Some((pid, pidfd(pid)?)))
        .filter(|(pid, _)| carries(*pid))
        .collect()
}

/// Kills everything marked `mark`, and waits until it is gone. `spawned` are processes that carried
/// the mark and may have ended before.
pub(crate) fn kill_marked(mark: &str, spawned: Vec<u32>) {
    let mut dead = spawned;
    for _ in 0..ROUNDS {
        let found = marked(mark);
        if found.is_empty() {
            remove_ice_sockets(&dead);
            return remove_display_locks(&dead);
        }
        dead.extend(found.iter().map(|(pid, _)| *pid));
        for (_, process) in &found {
            let _ = pidfd_send_signal(process, Signal::KILL);
        }
        let deadline = Deadline::after(Duration::from_secs(5));
        for (pid, process) in &found {
            if !deadline.readable(process.as_fd()) {
                eprintln!("testkit: process {pid} of sandbox {mark} was killed and is still there");
            }
        }
    }
    eprintln!("testkit: processes of sandbox {mark} keep appearing");
}

/// Removes the sockets that session managers of `dead` listened on: libICE names one after the
/// process, and leaves it when that is killed.
fn remove_ice_sockets(dead: &[u32]) {
    for pid in dead.iter().filter(|pid| !is_alive(**pid)) {
        let _ = fs::remove_file(format!("/tmp/.ICE-unix/{pid}"));
    }
}

/// Removes the locks and sockets of X displays that processes of `dead` held: an X server, or a
/// compositor for its Xwayland, leaves them when it is killed.
fn remove_display_locks(dead: &[u32]) {
    let Ok(dir) = fs::read_dir("/tmp") else {
        return;
    };
    for entry in dir.flatten() {
        let name = entry.file_name();
        let number = name
            .to_str()
            .and_then(|name| name.strip_prefix(".X")?.strip_suffix("-lock"));
        // What else is there is nobody's to read, and may be gigabytes.
        let Some(number) = number else { continue };
        let holder = fs::read_to_string(entry.path()).unwrap_or_default();
        // Padded with spaces, and ended by a line feed (Xorg) or a zero byte (wlroots).
        let holder = holder.trim_matches(|padding: char| !padding.is_ascii_digit());
        let held_by_dead = holder
            .parse()
            .is_ok_and(|pid| dead.contains(&pid) && !is_alive(pid));
        if held_by_dead {
            remove_display_socket(number);
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Removes the socket of X display `number`, unless some process has it open: the number may have
/// been taken over.
pub(crate) fn remove_display_socket(number: &str) {
    let socket = format!("/tmp/.X11-unix/X{number}");
    // Also lists a socket that is bound and does not listen yet, where a connection would be refused.
    let open = fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let is_open = |line: &str| {
        line.rsplit(' ')
            .next()
            .is_some_and(|path| path.trim_start_matches('@') == socket)
    };
    if !open.lines().any(is_open) {
        let _ = fs::remove_file(socket);
    }
}

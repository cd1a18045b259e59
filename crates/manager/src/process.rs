//! Processes: who they are, whose they are, and when they end. Reads /proc and pidfds; signals
//! only what [`is_of_session`] vouches for.

use std::collections::{BTreeMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use endsession_core::{Identity, Signal};
use futures_util::stream::{FuturesUnordered, StreamExt};
use rustix::process::{Pid, PidfdFlags, Signal as RawSignal, pidfd_open, pidfd_send_signal};
use tokio::net::unix::pipe::Receiver;

/// What `/proc/PID/stat` tells of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// The process.
    pub pid: u32,
    /// Its command name, at most 15 bytes.
    pub comm: String,
    /// R, S, D, T (stopped), t (traced), Z (gone, not yet reaped) and others.
    pub state: char,
    /// Its parent.
    pub ppid: u32,
    /// Its process group.
    pub pgrp: u32,
    /// Its session, by the pid of the session leader.
    pub session: u32,
    /// Its controlling terminal's device number, 0 for none.
    pub tty: u64,
    /// The foreground process group of that terminal.
    pub tpgid: i64,
    /// Its start time in clock ticks since boot.
    pub start: u64,
    /// It ignores SIGHUP: nohup leaves that in what it starts, and in all below it.
    pub ignores_hangup: bool,
}

impl Stat {
    /// Reads one process; `None` when it is gone or its line makes no sense.
    #[must_use]
    pub fn read(pid: u32) -> Option<Self> {
        // In one read: these files tell no size, and to read one to its end takes seven. The line has
        // 52 numbers and a name.
        let mut line = [0; 2048];
        let mut file = fs::File::open(format!("/proc/{pid}/stat")).ok()?;
        let length = file.read(&mut line).ok()?;
        // The name may be cut off within a character.
        Self::parse(&String::from_utf8_lossy(&line[..length]))
    }

    fn parse(line: &str) -> Option<Self> {
        // The name stands in parentheses and may contain any of them itself.
        let (open, close) = (line.find('(')?, line.rfind(')')?);
        let pid = line.get(..open)?.trim().parse().ok()?;
        let comm = line.get(open + 1..close)?.to_owned();
        let rest = line.get(close + 1..)?.split_ascii_whitespace().take(31);
        let rest: Vec<&str> = rest.collect();
        let number = |at: usize| rest.get(at)?.parse::<i64>().ok();
        Some(Self {
            pid,
            comm,
            state: rest.first()?.chars().next()?,
            ppid: u32::try_from(number(1)?).ok()?,
            pgrp: u32::try_from(number(2)?).ok()?,
            session: u32::try_from(number(3)?).ok()?,
            // Printed as a signed int.
            tty: u64::try_from(number(4)? & 0xffff_ffff).ok()?,
            tpgid: number(5)?,
            start: rest.get(19)?.parse().ok()?,
            // A mask of signals, of which SIGHUP is the first.
            ignores_hangup: number(30).is_some_and(|mask| mask & 1 != 0),
        })
    }

    /// The identity of this process.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity::Process {
            pid: self.pid,
            start: self.start,
        }
    }

    /// Stopped by a signal or a tracer.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        matches!(self.state, 'T' | 't')
    }

    /// It has ended and only waits for its parent.
    #[must_use]
    pub fn is_zombie(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }
}

/// How long ago a process began, in milliseconds; `began`: in clock ticks since boot.
#[must_use]
pub fn age(began: u64) -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let now = u64::try_from(now.tv_sec).unwrap_or_default() * 1000
        + u64::try_from(now.tv_nsec / 1_000_000).unwrap_or_default();
    let ticks = rustix::param::clock_ticks_per_second().max(1);
    now.saturating_sub(began.saturating_mul(1000) / ticks)
}

/// The identity of a live process by its pid.
#[must_use]
pub fn identity(pid: u32) -> Option<Identity> {
    Stat::read(pid)
        .filter(|s| !s.is_zombie())
        .map(|s| s.identity())
}

/// The arguments of a process; empty for kernel threads and what may not be read.
#[must_use]
pub fn arguments(pid: u32) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    bytes
        .split(|b| *b == 0)
        .filter(|a| !a.is_empty())
        .map(|a| String::from_utf8_lossy(a).into_owned())
        .collect()
}

/// The arguments of a process, as many as its first 4 KiB hold: enough to know what it is. Empty
/// where it is no longer the same process.
#[must_use]
pub fn arguments_in_short(of: &Stat) -> Vec<String> {
    const SHORT: u64 = 4 << 10;
    let mut bytes = Vec::new();
    let read = fs::File::open(format!("/proc/{}/cmdline", of.pid))
        .and_then(|file| file.take(SHORT).read_to_end(&mut bytes));
    let same = || Stat::read(of.pid).is_some_and(|now| now.identity() == of.identity());
    if read.is_err() || !same() {
        return Vec::new();
    }
    let arguments = bytes.split(|b| *b == 0).filter(|a| !a.is_empty());
    arguments
        .map(|a| String::from_utf8_lossy(a).into_owned())
        .collect()
}

/// The file that a process executes, as the kernel tells it; of one that was replaced meanwhile,
/// where it was.
#[must_use]
pub fn executable(pid: u32) -> Option<PathBuf> {
    let path = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let bytes = path.as_os_str().as_bytes();
    Some(match bytes.strip_suffix(b" (deleted)") {
        Some(bytes) => PathBuf::from(OsStr::from_bytes(bytes)),
        None => path,
    })
}

/// The name of the program that a process executes: the last part of its path.
#[must_use]
pub fn program(pid: u32) -> Option<String> {
    let path = executable(pid)?;
    Some(path.file_name()?.to_string_lossy().into_owned())
}

/// What a process is called: its command name, whole where the kernel has cut it and the program's
/// file tells the rest. `None` when it is gone.
#[must_use]
pub fn name(pid: u32) -> Option<String> {
    // TASK_COMM_LEN of linux/sched.h, without the byte that ends it.
    const CUT: usize = 15;
    let comm = Stat::read(pid)?.comm;
    let whole = (comm.len() == CUT).then(|| program(pid)).flatten();
    Some(whole.filter(|w| w.starts_with(&comm)).unwrap_or(comm))
}

/// Whether a process executes the very file that we do.
pub(crate) fn runs_our_program(pid: u32) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let of = |of: &str| {
        let file = fs::metadata(format!("/proc/{of}/exe")).ok()?;
        Some((file.dev(), file.ino()))
    };
    let ours = of("self");
    ours.is_some() && of(&pid.to_string()) == ours
}

/// One variable of a process's environment as it was when it was started.
#[must_use]
pub fn variable(pid: u32, name: &str) -> Option<String> {
    let bytes = fs::read(format!("/proc/{pid}/environ")).ok()?;
    bytes.split(|b| *b == 0).find_map(|entry| {
        let value = entry.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        (!value.is_empty()).then(|| String::from_utf8_lossy(value).into_owned())
    })
}

/// The whole environment of a process as it was when it was started; `None` for what may not be
/// read.
#[must_use]
pub fn environment(pid: u32) -> Option<Vec<(OsString, OsString)>> {
    let bytes = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let entry = |entry: &[u8]| {
        let at = entry.iter().position(|b| *b == b'=')?;
        let part = |bytes: &[u8]| OsStr::from_bytes(bytes).to_owned();
        Some((part(&entry[..at]), part(&entry[at + 1..])))
    };
    let all: Vec<_> = bytes.split(|b| *b == 0).filter_map(entry).collect();
    // Of one that has ended nothing is left.
    (!all.is_empty()).then_some(all)
}

/// All processes at one moment, and who descends from whom.
#[derive(Debug, Default)]
pub struct Table {
    stats: BTreeMap<u32, Stat>,
}

impl Table {
    /// These processes.
    #[cfg(test)]
    pub(crate) fn of(stats: impl IntoIterator<Item = Stat>) -> Self {
        let stats = stats.into_iter().map(|s| (s.pid, s)).collect();
        Self { stats }
    }

    /// Reads all of /proc once. What ends meanwhile is left out.
    #[must_use]
    pub fn read() -> Self {
        let mut stats = BTreeMap::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let pid = entry.file_name().to_str().and_then(|n| n.parse().ok());
            if let Some(stat) = pid.and_then(Stat::read) {
                stats.insert(stat.pid, stat);
            }
        }
        Self { stats }
    }

    /// One process.
    #[must_use]
    pub fn get(&self, pid: u32) -> Option<&Stat> {
        self.stats.get(&pid)
    }

    /// All processes.
    pub fn iter(&self) -> impl Iterator<Item = &Stat> {
        self.stats.values()
    }

    /// The parents of a process, the nearest first.
    pub fn ancestors(&self, pid: u32) -> impl Iterator<Item = &Stat> {
        let mut at = self.get(pid).map(|s| s.ppid);
        // A pid recycled while reading could close a circle; no chain is longer than all.
        (0..self.stats.len()).map_while(move |_| {
            let stat = self.stats.get(&at?)?;
            at = Some(stat.ppid);
            Some(stat)
        })
    }

    /// Whether `pid` descends from `ancestor`.
    #[must_use]
    pub fn descends(&self, pid: u32, ancestor: u32) -> bool {
        self.ancestors(pid).any(|s| s.pid == ancestor)
    }
}

/// Whether a process may be signalled as part of the session: it is `inside`, which is to say that
/// it descends from what the manager started or was started on the session's display, or it has
/// `verified` windows there. When unsure: no.
#[must_use]
pub fn is_of_session(table: &Table, pid: u32, inside: bool, verified: bool) -> bool {
    let own = std::process::id();
    let Some(stat) = table.get(pid) else {
        return false;
    };
    let ours = pid == own || table.descends(own, pid);
    if ours
        || stat.is_zombie()
        || pid <= 1
        || uid_of(pid) != Some(rustix::process::getuid().as_raw())
    {
        return false;
    }
    // What shows a window cannot outlive its display, even if it ignores SIGHUP as xterm does.
    verified || (inside && !outlives_sessions(table, stat))
}

/// Multiplexer servers, what runs in them, and whatever was started under nohup are meant to
/// outlive a session.
pub(crate) fn outlives_sessions(table: &Table, stat: &Stat) -> bool {
    let own = std::process::id();
    // Whoever is under nohup and starts something means that.
    let from_us = table.descends(stat.pid, own) && ignores_hangup(own);
    is_multiplexed(table, stat) || (stat.ignores_hangup && !from_us)
}

/// Whether a process is a multiplexer's server or runs in one. Of what lies below us only what is
/// between counts: the session itself may have been started from within tmux.
#[must_use]
pub fn is_multiplexed(table: &Table, stat: &Stat) -> bool {
    let own = std::process::id();
    let inside = table.ancestors(stat.pid).take_while(|s| s.pid != own);
    is_multiplexer(stat) || inside.into_iter().any(is_multiplexer)
}

/// Whether a process is a multiplexer's server: screen's has the name of its client, which lives in a
/// terminal.
pub(crate) fn is_multiplexer(s: &Stat) -> bool {
    s.comm.starts_with("tmux: server") || s.comm == "SCREEN" || (s.comm == "screen" && s.tty == 0)
}

/// Whose a process is: its effective user. Who owns its directory in /proc is not asked: of one that
/// may not be looked into, that is root.
pub(crate) fn uid_of(pid: u32) -> Option<u32> {
    effective(pid, "Uid:")
}

/// The group that a process is in first of all.
pub(crate) fn gid_of(pid: u32) -> Option<u32> {
    effective(pid, "Gid:")
}

/// `/proc/PID/status` has the real, the effective, the saved and the file system's.
fn effective(pid: u32, which: &str) -> Option<u32> {
    let status = fs::read(format!("/proc/{pid}/status")).ok()?;
    let status = String::from_utf8_lossy(&status);
    let line = status.lines().find_map(|line| line.strip_prefix(which))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Whether a process was started under nohup.
pub(crate) fn ignores_hangup(pid: u32) -> bool {
    Stat::read(pid).is_some_and(|s| s.ignores_hangup)
}

/// Signals a process, having made sure through a pidfd that it is still the one meant.
///
/// # Errors
/// When it is gone (`ESRCH`) or may not be signalled.
pub fn signal(of: &Identity, signal: Signal) -> io::Result<()> {
    let fd = open(of)?;
    let raw = match signal {
        Signal::Term => RawSignal::TERM,
        Signal::Kill => RawSignal::KILL,
    };
    pidfd_send_signal(fd, raw)?;
    if signal == Signal::Term {
        // A stopped process would get its SIGTERM only when continued, perhaps never.
        let _gone_already = pidfd_send_signal(open(of)?, RawSignal::CONT);
    }
    Ok(())
}

/// A pidfd for exactly this process: opened first, then the start time read again.
fn open(of: &Identity) -> io::Result<OwnedFd> {
    let gone = || io::Error::from_raw_os_error(rustix::io::Errno::SRCH.raw_os_error());
    let Identity::Process { pid, .. } = of else {
        return Err(gone());
    };
    let raw = i32::try_from(*pid)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(gone)?;
    let fd = pidfd_open(raw, PidfdFlags::NONBLOCK)?;
    if Stat::read(*pid).map(|s| s.identity()).as_ref() == Some(of) {
        Ok(fd)
    } else {
        Err(gone())
    }
}

/// Processes whose exit is awaited; wakes only when one ends.
#[derive(Default)]
pub struct Exits {
    watched: HashSet<Identity>,
    ends: FuturesUnordered<std::pin::Pin<Box<dyn Future<Output = Identity>>>>,
}

impl std::fmt::Debug for Exits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exits")
            .field("watched", &self.watched)
            .finish_non_exhaustive()
    }
}

impl Exits {
    /// Watches a process. `false`: it is gone already.
    pub fn watch(&mut self, of: &Identity) -> bool {
        if self.watched.contains(of) {
            return true;
        }
        // A pidfd becomes readable when its process ends, as a pipe does when there is data; the
        // pipe's wrapper is the one that takes any descriptor and owns it.
        let Ok(fd) = open(of).and_then(Receiver::from_owned_fd_unchecked) else {
            return false;
        };
        self.watched.insert(of.clone());
        let of = of.clone();
        self.ends.push(Box::pin(async move {
            // An error of the event loop itself is as good as an exit: it is looked at again.
            let _readable = fd.readable().await;
            of
        }));
        true
    }

    /// How many are watched.
    #[must_use]
    pub fn len(&self) -> usize {
        self.watched.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.watched.is_empty()
    }

    /// Waits up to two seconds for one process, without an event loop; whether it is gone.
    #[must_use]
    pub fn wait_briefly(of: &Identity) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let Ok(fd) = open(of) else { return true };
        let limit = Timespec {
            tv_sec: 2,
            tv_nsec: 0,
        };
        let mut fds = [PollFd::new(&fd, PollFlags::IN)];
        poll(&mut fds, Some(&limit)).is_ok_and(|ready| ready > 0)
    }

    /// The next process to end; never while none is watched.
    pub async fn next(&mut self) -> Identity {
        loop {
            match self.ends.next().await {
                Some(of) => {
                    self.watched.remove(&of);
                    return of;
                }
                None => std::future::pending().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_name_may_contain_anything() {
        let line = "42 (a) b ( c) T 7 8 9 34816 10 4194304 1 2 3 4 5 6 7 8 20 0 1 0 12345 1 2";
        let stat = Stat::parse(line).unwrap();
        assert_eq!(
            (stat.pid, stat.comm.as_str(), stat.ppid),
            (42, "a) b ( c", 7)
        );
        assert_eq!((stat.tty, stat.tpgid, stat.start), (34816, 10, 12345));
        assert!(stat.is_stopped());
    }

    #[test]
    fn what_was_started_under_nohup_is_known_by_it() {
        let ignores = |hangup: &str| {
            let mut child = std::process::Command::new("sh")
                .args(["-c", &format!("{hangup} echo; exec cat")])
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            let _told = child.stdout.take().unwrap().read(&mut [0]).unwrap();
            let ignores = ignores_hangup(child.id());
            drop(child.stdin.take());
            child.wait().unwrap();
            ignores
        };
        assert!(ignores("trap '' HUP;"));
        // Unless these tests themselves run under it.
        assert_eq!(ignores(""), ignores_hangup(std::process::id()));
    }

    #[test]
    fn nonsense_is_no_process() {
        for line in [
            "",
            "()",
            "1 (x",
            ") (",
            "1 (x) S",
            "x (y) S 1 2 3 4 5 6 7 8 9",
        ] {
            assert_eq!(Stat::parse(line), None, "{line}");
        }
    }

    #[test]
    fn a_recycled_pid_is_not_signalled() {
        let of = Identity::Process {
            pid: std::process::id(),
            start: 1,
        };
        let error = signal(&of, Signal::Term).unwrap_err();
        assert_eq!(
            error.raw_os_error(),
            Some(rustix::io::Errno::SRCH.raw_os_error())
        );
    }

    #[test]
    fn a_recycled_pid_has_no_command_line() {
        let own = Stat::read(std::process::id()).unwrap();
        assert!(!arguments_in_short(&own).is_empty());
        let start = own.start + 1;
        assert!(arguments_in_short(&Stat { start, ..own }).is_empty());
    }

    #[test]
    fn a_command_line_is_read_in_part() {
        let long = "x".repeat(100_000);
        let mut child = std::process::Command::new("cat")
            .args(["-", &long])
            .stdin(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let stat = Stat::read(child.id()).unwrap();
        let told: usize = arguments_in_short(&stat).iter().map(String::len).sum();
        assert!((100..=4096).contains(&told), "{told}");
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    #[test]
    fn neither_we_nor_our_ancestors_are_ever_of_the_session() {
        let table = Table::read();
        let own = std::process::id();
        assert!(!is_of_session(&table, own, true, true));
        for stat in table.ancestors(own) {
            assert!(!is_of_session(&table, stat.pid, true, true), "{stat:?}");
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_exit_is_told_once() {
        let mut child = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let of = identity(child.id()).unwrap();
        let mut exits = Exits::default();
        assert!(exits.watch(&of));
        assert!(exits.watch(&of));
        drop(child.stdin.take());
        assert_eq!(exits.next().await, of);
        child.wait().unwrap();
        assert!(!exits.watch(&of));
    }
}

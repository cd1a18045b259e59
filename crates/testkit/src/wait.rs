//! Waiting for descriptors and files, with an end. No wait here passes time for luck.

use std::{
    ffi::OsString,
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::inotify,
    io::Errno,
    process::{Pid, PidfdFlags, pidfd_open},
};

/// How long the testkit itself waits for a program to become ready: far more than any needs, even on
/// a machine with two busy cores.
pub const LIMIT: Duration = Duration::from_secs(30);

/// A moment after which a wait has failed.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// `limit` from now.
    pub fn after(limit: Duration) -> Self {
        Self(Instant::now() + limit)
    }

    /// What is left of it; zero once it has passed.
    pub fn left(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Whether it has passed.
    pub fn passed(&self) -> bool {
        self.left().is_zero()
    }

    /// Waits until `fd` can be read or was closed by its peer. False once the deadline has passed.
    pub fn readable(&self, fd: BorrowedFd<'_>) -> bool {
        loop {
            let left = self.left();
            let mut fds = [PollFd::new(&fd, PollFlags::IN)];
            match poll(&mut fds, Some(&timespec(left))) {
                Ok(0) if left.is_zero() => return false,
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return true,
                Err(error) => panic!("poll: {error}"),
            }
        }
    }
}

/// `duration` in the kernel's form.
pub(crate) fn timespec(duration: Duration) -> Timespec {
    Timespec::try_from(duration).expect("a time limit fits a timespec")
}

/// A descriptor that becomes readable when process `pid` ends; None where there is no such process.
pub fn pidfd(pid: u32) -> Option<OwnedFd> {
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    pidfd_open(pid, PidfdFlags::empty()).ok()
}

/// Whether process `pid` exists and has not ended (a zombie has).
pub fn is_alive(pid: u32) -> bool {
    pidfd(pid).is_some_and(|fd| !Deadline::after(Duration::ZERO).readable(fd.as_fd()))
}

/// Waits until process `pid` has ended, whoever its parent is. False when `limit` ran out.
pub fn until_gone(pid: u32, limit: Duration) -> bool {
    pidfd(pid).is_none_or(|fd| Deadline::after(limit).readable(fd.as_fd()))
}

/// Waits until `dir` has an entry whose name `wanted` accepts, and returns its path.
///
/// # Panics
/// When `limit` runs out; the message lists what is in `dir`.
#[track_caller]
pub fn for_entry(dir: &Path, limit: Duration, wanted: impl Fn(&str) -> bool) -> PathBuf {
    let deadline = Deadline::after(limit);
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC).expect("inotify_init");
    inotify::add_watch(
        &watch,
        dir,
        inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVED_TO,
    )
    .unwrap_or_else(|error| panic!("cannot watch {}: {error}", dir.display()));
    loop {
        // Listed only after the watch is there, so no entry can appear unseen in between.
        let names = entries(dir);
        if let Some(name) = names.iter().find(|name| name.to_str().is_some_and(&wanted)) {
            return dir.join(name);
        }
        if !deadline.readable(watch.as_fd()) {
            panic!(
                "{} never had the awaited entry within {limit:?}, only {names:?}",
                dir.display()
            );
        }
        let mut buffer = [MaybeUninit::uninit(); 4096];
        // What changed does not matter, the directory is listed again.
        let _ = inotify::Reader::new(&watch, &mut buffer).next();
    }
}

fn entries(dir: &Path) -> Vec<OsString> {
    let Ok(entries) = dir.read_dir() else {
        return Vec::new();
    };
    entries.flatten().map(|entry| entry.file_name()).collect()
}

/// Waits until `file`, which another process appends to, has a complete line from byte `from` on that
/// `wanted` accepts; the line, and where the next one begins. The file may not be there yet.
///
/// # Panics
/// When `limit` runs out; the message has the file.
#[track_caller]
pub fn for_line_in(
    file: &Path,
    from: usize,
    limit: Duration,
    wanted: impl Fn(&str) -> bool,
) -> (String, usize) {
    let deadline = Deadline::after(limit);
    let dir = file.parent().expect("a file is in a directory");
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC).expect("inotify_init");
    let changes =
        inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVED_TO | inotify::WatchFlags::MODIFY;
    inotify::add_watch(&watch, dir, changes)
        .unwrap_or_else(|error| panic!("cannot watch {}: {error}", dir.display()));
    loop {
        // Read only after the watch is there, so nothing can be written unseen in between.
        let bytes = std::fs::read(file).unwrap_or_default();
        let mut end = from;
        for line in bytes
            .get(from..)
            .unwrap_or_default()
            .split_inclusive(|byte| *byte == b'\n')
        {
            end += line.len();
            let line = String::from_utf8_lossy(line);
            if let Some(line) = line.strip_suffix('\n').filter(|line| wanted(line)) {
                return (line.to_owned(), end);
            }
        }
        if !deadline.readable(watch.as_fd()) {
            panic!(
                "{} never had the awaited line within {limit:?}:\n{}",
                file.display(),
                String::from_utf8_lossy(&bytes)
            );
        }
        let mut buffer = [MaybeUninit::uninit(); 4096];
        // What changed does not matter, the file is read again.
        let _ = inotify::Reader::new(&watch, &mut buffer).next();
    }
}

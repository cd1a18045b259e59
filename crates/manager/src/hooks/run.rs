//! One hook as a process: what it is given, what it says, and how it is ended. Starts processes,
//! reads their output and signals their groups.

use std::io::{Seek as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use endsession_core::VoterId;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::net::unix::pipe::Receiver;

use super::Occasion;
use super::find::Hook;
use crate::adapter::text;

/// Between SIGTERM and SIGKILL.
const KILL_AFTER: Duration = Duration::from_secs(2);

/// Lines of one hook that reach the log; a hook that says more is not meant to be read.
const MAX_LINES: usize = 200;

/// Bytes of a line; what follows is left out.
const MAX_LINE: usize = 2048;

/// Bytes that are still taken in of a hook that has ended: a pipe holds as much. What it left behind
/// may write on for ever.
const MAX_REST: usize = 64 << 10;

/// What a hook says, line by line.
#[derive(Debug, Default)]
struct Lines {
    open: Vec<u8>,
    told: usize,
    /// The last line with something on it.
    last: String,
}

impl Lines {
    fn push(&mut self, hook: &str, bytes: &[u8]) {
        for part in bytes.split_inclusive(|b| *b == b'\n') {
            let (line, ends) = match part.strip_suffix(b"\n") {
                Some(line) => (line, true),
                None => (part, false),
            };
            let room = MAX_LINE.saturating_sub(self.open.len());
            self.open.extend_from_slice(&line[..line.len().min(room)]);
            if ends {
                self.end_line(hook);
            }
        }
    }

    fn end_line(&mut self, hook: &str) {
        let line = text::from_utf8(&std::mem::take(&mut self.open));
        let line = line.trim();
        if line.is_empty() {
            return;
        }
        line.clone_into(&mut self.last);
        self.told += 1;
        if self.told <= MAX_LINES {
            tracing::info!("hook {hook}: {line}");
        }
    }

    fn end(&mut self, hook: &str) {
        self.end_line(hook);
        if self.told > MAX_LINES {
            let more = self.told - MAX_LINES;
            tracing::info!("hook {hook}: {more} more lines");
        }
    }
}

/// A hook that runs.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) occasion: Occasion,
    pub(super) name: String,
    pub(super) pid: u32,
    /// Whose answer it gives, while somebody waits for it.
    pub(super) voter: Option<VoterId>,
    output: Option<Receiver>,
    lines: Lines,
    /// When its time is over.
    term_at: Option<Instant>,
    kill_at: Option<Instant>,
    /// It was told to end.
    told: bool,
}

impl Running {
    /// Starts a hook. `event` is what it can read.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn start(
        occasion: Occasion,
        hook: &Hook,
        environment: super::Environment,
        event: &str,
        limit: Option<Duration>,
    ) -> std::io::Result<Self> {
        let (from, to) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let home = environment.get(std::ffi::OsStr::new("HOME")).cloned();
        let mut command = Command::new(&hook.path);
        command
            .env_clear()
            .envs(environment)
            .stdin(Stdio::from(readable(event)?))
            .stdout(Stdio::from(to.try_clone()?))
            .stderr(Stdio::from(to))
            // Signals of our terminal are words to the session, not to it; and it is ended with all
            // that it started.
            .process_group(0);
        if let Some(home) = home.filter(|home| Path::new(home).is_dir()) {
            command.current_dir(home);
        }
        let process = command.spawn()?;
        rustix::io::ioctl_fionbio(&from, true)?;
        Ok(Self {
            occasion,
            name: hook.name.clone(),
            pid: process.id(),
            voter: None,
            output: Some(Receiver::from_owned_fd_unchecked(from)?),
            lines: Lines::default(),
            term_at: limit.map(|limit| Instant::now() + limit),
            kill_at: None,
            told: false,
        })
    }

    /// When something is to be done about it.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.kill_at.or(self.term_at)
    }

    /// Its time is over: the one that it had, or that after SIGTERM. Whether it was the first.
    pub(super) fn is_late(&mut self, now: Instant) -> bool {
        if self.kill_at.is_some_and(|at| at <= now) {
            self.kill_at = None;
            tracing::warn!("hook {} did not end on SIGTERM; SIGKILL", self.name);
            self.signal(Signal::KILL);
        } else if self.term_at.is_some_and(|at| at <= now) {
            self.stop();
            return true;
        }
        false
    }

    /// It was killed; where the kernel does not take it away, nobody waits for that.
    pub(super) fn is_given_up(&self) -> bool {
        self.told && self.kill_at.is_none()
    }

    /// Nobody waits for it any more.
    pub(super) fn stop(&mut self) {
        if !std::mem::replace(&mut self.told, true) {
            self.term_at = None;
            self.kill_at = Some(Instant::now() + KILL_AFTER);
            self.signal(Signal::TERM);
            // A stopped process would get its SIGTERM only when continued, perhaps never.
            self.signal(Signal::CONT);
        }
    }

    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    pub(super) fn group(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.pid).ok()?)
    }

    fn signal(&self, signal: Signal) {
        // Its status has not been taken, so the number is nobody else's.
        if let Some(group) = self.group()
            && let Err(error) = kill_process_group(group, signal)
        {
            tracing::debug!("hook {} could not be signalled: {error}", self.name);
        }
    }

    /// Of one that was ended, what it started goes too, while the group's number is still its own.
    pub(super) fn end_what_it_left(&self) {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        if self.told
            && let Some(pid) = self.group()
            && let Ok(Some(_exited)) = waitid(WaitId::Pid(pid), options)
        {
            self.kill();
        }
    }

    /// Takes in what it says.
    pub(super) fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(output) = &mut self.output else {
            return Poll::Pending;
        };
        let mut bytes = [0; 8192];
        let mut buffer = ReadBuf::new(&mut bytes);
        match Pin::new(output).poll_read(cx, &mut buffer) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                self.lines.push(&self.name, buffer.filled());
            }
            Poll::Ready(_) => self.output = None,
        }
        Poll::Ready(())
    }

    /// It has ended: the last line that it said.
    pub(super) fn last_line(mut self) -> String {
        if let Some(output) = self.output.take() {
            let mut bytes = [0; 8192];
            let mut rest = MAX_REST;
            // Straight from the pipe: the event loop may not have heard of the last of it.
            while let Ok(count) = rustix::io::read(&output, &mut bytes) {
                if count == 0 || rest == 0 {
                    break;
                }
                self.lines.push(&self.name, &bytes[..count]);
                rest = rest.saturating_sub(count);
            }
        }
        self.lines.end(&self.name);
        self.lines.last
    }
}

/// A text as something to read from that needs no writer: a hook that never reads blocks nobody.
fn readable(text: &str) -> std::io::Result<OwnedFd> {
    let fd = rustix::fs::memfd_create("endsession-event", rustix::fs::MemfdFlags::CLOEXEC)?;
    let mut file = std::fs::File::from(fd);
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together_and_the_last_one_with_something_on_it_is_kept() {
        let mut lines = Lines::default();
        lines.push("h", b"one\ntw");
        assert_eq!(lines.last, "one");
        lines.push("h", b"o\n\n  \n");
        assert_eq!(lines.last, "two");
        lines.push("h", b"three");
        lines.end("h");
        assert_eq!((lines.last.as_str(), lines.told), ("three", 3));
    }

    #[test]
    fn what_a_hook_says_does_not_grow_us_or_redraw_anything() {
        let mut lines = Lines::default();
        for _ in 0..1000 {
            lines.push("h", &[b'x'; 1 << 12]);
        }
        assert_eq!(lines.open.len(), MAX_LINE);
        lines.push("h", b"\n\x1b[2Jred\n");
        assert!(!lines.last.contains('\x1b'), "{:?}", lines.last);
        for _ in 0..10 * MAX_LINES {
            lines.push("h", b"y\n");
        }
        assert_eq!(lines.told, 10 * MAX_LINES + 2);
    }
}

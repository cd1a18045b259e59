//! What `hold` needs of Linux: the signals that are sent to it, for the command to have.

use std::future::poll_fn;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::task::Poll;

use endsession::{Builder, Client, End, Events, What};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::{self, SignalKind};

use crate::exit::{Failure, Result};

/// An exit status.
pub(crate) type Status = u8;

/// Those that are passed on. What a terminal says of itself (its size, that it stops or goes on) its kernel says to the command too.
const PASSED_ON: [Signal; 6] = [
    Signal::HUP,
    Signal::INT,
    Signal::QUIT,
    Signal::TERM,
    Signal::USR1,
    Signal::USR2,
];

/// The signals that came while it holds.
pub(crate) struct Holding {
    signals: Vec<(Signal, unix::Signal)>,
}

impl Holding {
    /// Begins to hold. What is held and for whom, the builder and the hold say.
    pub(crate) fn begin(
        builder: Builder,
        _what: What,
        _name: &str,
        _why: &str,
    ) -> Result<(Self, Client, Events)> {
        let ignored = ignored();
        let mut signals = Vec::new();
        for signal in PASSED_ON {
            // Who started us with nohup, or in the background of a script, wants the command to ignore it too. A program inherits that, but not a
            // handler.
            if ignored & bit(signal) != 0 {
                continue;
            }
            let kind = SignalKind::from_raw(signal.as_raw());
            let stream =
                unix::signal(kind).map_err(|e| Failure::io("cannot wait for signals", e))?;
            signals.push((signal, stream));
        }
        let (client, events) = builder.connect().map_err(failure)?;
        Ok((Self { signals }, client, events))
    }

    /// Passes every signal on to the process `pid`, a child whose status nobody has taken. Ends when the user wants it let go, which cannot be said here.
    pub(crate) async fn let_go(&mut self, pid: u32) {
        loop {
            let signal = self.next().await;
            if !is_from_the_terminal(signal) {
                send(pid, signal);
            }
        }
    }

    async fn next(&mut self) -> Signal {
        poll_fn(|context| {
            for (signal, stream) in &mut self.signals {
                if let Poll::Ready(Some(())) = stream.poll_recv(context) {
                    return Poll::Ready(*signal);
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// Tells the process `pid` that the session ends. What is returned is kept until it has ended.
pub(crate) fn tell_to_end(pid: u32, end: End) -> Option<End> {
    send(pid, Signal::TERM);
    Some(end)
}

/// How a shell tells how a command ended.
pub(crate) fn status(status: ExitStatus) -> Status {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok())
        .unwrap_or(u8::MAX)
}

fn send(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    if let Some(Err(error)) = pid.map(|pid| kill_process(pid, signal)) {
        tracing::debug!("{signal:?} could not be passed on: {error}");
    }
}

/// Whether `signal` is most likely a key of our terminal: then the whole group in its foreground had it, the command too. A second Ctrl-C makes many
/// programs drop what they are saving.
fn is_from_the_terminal(signal: Signal) -> bool {
    if !matches!(signal, Signal::INT | Signal::QUIT) {
        return false;
    }
    let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let Ok(terminal) = rustix::fs::open("/dev/tty", flags, Mode::empty()) else {
        return false;
    };
    rustix::termios::tcgetpgrp(terminal).is_ok_and(|group| group == rustix::process::getpgrp())
}

/// The signals that this process was started to ignore, one bit each; proc(5), SigIgn.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.unwrap_or(0)
}

/// A signal's bit there.
fn bit(signal: Signal) -> u64 {
    1 << (signal.as_raw() - 1)
}

fn failure(error: endsession::Error) -> Failure {
    match error {
        endsession::Error::UnknownBackend(_) => Failure::Usage(error.to_string()),
        _ => Failure::NoSession(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn a_status_is_told_as_a_shell_tells_it() {
        assert_eq!(status(ExitStatus::from_raw(7 << 8)), 7);
        assert_eq!(status(ExitStatus::from_raw(15)), 143);
    }

    #[test]
    fn an_unknown_backend_is_wrong_usage() {
        let unknown = "gnom".parse::<endsession::Backend>().unwrap_err();
        let failure = failure(endsession::Error::UnknownBackend(unknown));
        assert_eq!(failure.exit(), Exit::Usage);
    }
}

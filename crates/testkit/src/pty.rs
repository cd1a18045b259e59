//! [`Pty`]: a command on a pseudo-terminal, as in a terminal window that can be lost.
//!
//! ```no_run
//! use std::time::Duration;
//! use endsession_testkit::{pty::Pty, session::Sandbox};
//!
//! let sandbox = Sandbox::new();
//! let mut shell = Pty::spawn(&sandbox, ["sh", "-c", "read -r line; echo \"you said $line\"; sleep 9"]);
//! shell.write("yes\n");
//! shell.wait_for("you said yes", Duration::from_secs(5));
//! shell.hang_up(); // the terminal is gone: its processes get SIGHUP
//! ```
//!
//! What appears is text with the escape sequences taken out, not a screen: what a program overwrites
//! stays in it.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    ops::Deref,
    os::fd::{AsFd, OwnedFd},
    os::unix::{ffi::OsStrExt, fs::OpenOptionsExt},
    thread::JoinHandle,
    time::Duration,
};

use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, eventfd, poll},
    fs::OFlags,
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

use crate::session::{Output, Proc, Sandbox, ToCommand};

/// A process on a terminal of its own, which it leads as its session. The [`Proc`] is reached through
/// deref; its standard output and its error output are both the terminal.
#[derive(Debug)]
pub struct Pty {
    proc: Proc,
    /// The terminal's other side; None once it was hung up.
    master: Option<File>,
    raw: Output,
    stop: OwnedFd,
    reader: Option<JoinHandle<()>>,
}

impl Pty {
    /// Starts `command` on a terminal of 80 columns and 24 rows.
    #[track_caller]
    pub fn spawn(sandbox: &Sandbox, command: impl ToCommand) -> Self {
        let command = command.to_command();
        let name = command.get_program().to_string_lossy().into_owned();
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
            .expect("a pseudo-terminal");
        grantpt(&master).expect("grantpt");
        unlockpt(&master).expect("unlockpt");
        let path = ptsname(&master, Vec::new()).expect("the terminal's name");
        let path = std::path::Path::new(std::ffi::OsStr::from_bytes(path.as_bytes()));
        // A program may open its terminal again by its name: tmux does.
        sandbox.give(path);
        let slave = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OFlags::NOCTTY.bits() as i32)
            .open(path)
            .expect("the terminal");
        let size = Winsize {
            ws_col: 80,
            ws_row: 24,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&slave, size).expect("the terminal's size");
        let proc = sandbox.spawn_on_terminal(with_setsid(&command), slave.into());

        let master = File::from(master);
        let raw = Output::new(format!("{name}'s terminal"));
        let stop = eventfd(0, EventfdFlags::CLOEXEC).expect("eventfd");
        let reader = {
            let source = master.try_clone().expect("a copy of the terminal");
            let stop = stop.try_clone().expect("a copy of an eventfd");
            let raw = raw.clone();
            std::thread::Builder::new()
                .name("testkit-pty".into())
                .spawn(move || read(source, &stop, &raw))
                .expect("a thread")
        };
        Self {
            proc,
            master: Some(master),
            raw,
            stop,
            reader: Some(reader),
        }
    }

    /// Types `text`; a line feed is Enter, "\x03" is Control and C.
    ///
    /// # Panics
    /// After [`hang_up`](Self::hang_up).
    #[track_caller]
    pub fn write(&self, text: &str) {
        let mut master = self.master.as_ref().expect("the terminal was hung up");
        // Enter is a carriage return; the line discipline makes a line feed of it.
        let keys = text.replace('\n', "\r");
        master
            .write_all(keys.as_bytes())
            .expect("typing on the terminal");
    }

    /// What has appeared, without escape sequences and carriage returns.
    pub fn text(&self) -> String {
        strip(self.raw.text().as_bytes())
    }

    /// Every byte that has appeared.
    pub fn raw(&self) -> String {
        self.raw.text()
    }

    /// Waits until `wanted` has appeared, also within a line that goes on: a prompt.
    ///
    /// # Panics
    /// When `limit` runs out or the terminal's last process ends without it.
    #[track_caller]
    pub fn wait_for(&self, wanted: &str, limit: Duration) {
        let found = self
            .raw
            .wait_until(limit, |raw| strip(raw).contains(wanted).then_some(()));
        found.unwrap_or_else(|why| panic!("{wanted:?} never appeared: {why}"));
    }

    /// Gives the terminal another size; its foreground processes get SIGWINCH.
    #[track_caller]
    pub fn resize(&self, columns: u16, rows: u16) {
        let size = Winsize {
            ws_col: columns,
            ws_row: rows,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let master = self.master.as_ref().expect("the terminal was hung up");
        tcsetwinsize(master, size).expect("the terminal's size");
    }

    /// Closes the terminal, as when its window is closed or a connection is lost: the leader and the
    /// foreground processes get SIGHUP, reads give the end, writes fail.
    pub fn hang_up(&mut self) {
        let _ = rustix::io::write(&self.stop, &1_u64.to_ne_bytes());
        // It holds a copy of the terminal; only when the last one is closed is the terminal gone.
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        self.master = None;
    }
}

impl Deref for Pty {
    type Target = Proc;

    fn deref(&self) -> &Proc {
        &self.proc
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        self.hang_up();
    }
}

/// Runs `command` as the leader of a session whose terminal is its standard input.
fn with_setsid(command: &std::process::Command) -> std::process::Command {
    let mut wrapped = std::process::Command::new("setsid");
    wrapped
        .arg("--ctty")
        .arg(command.get_program())
        .args(command.get_args());
    wrapped.env("TERM", "xterm-256color");
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    if let Some(dir) = command.get_current_dir() {
        wrapped.current_dir(dir);
    }
    wrapped
}

/// Reads until nobody has the terminal open any more, or until it is told to stop.
fn read(mut source: File, stop: &OwnedFd, raw: &Output) {
    let mut buffer = [0; 8192];
    loop {
        let mut fds = [
            PollFd::new(&source, PollFlags::IN),
            PollFd::from_borrowed_fd(stop.as_fd(), PollFlags::IN),
        ];
        if poll(&mut fds, None).is_err() {
            continue;
        }
        if !fds[1].revents().is_empty() {
            break;
        }
        // The last close of the other side reads as an I/O error.
        match source.read(&mut buffer) {
            Ok(count @ 1..) => raw.push(&buffer[..count]),
            _ => break,
        }
    }
    raw.close();
}

/// `raw` without escape sequences (ECMA-48: CSI, OSC and the two-byte ones) and carriage returns.
fn strip(raw: &[u8]) -> String {
    let mut text = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            0x1b => match bytes.next() {
                // Parameters and intermediates, up to a final byte.
                Some(b'[') => {
                    bytes.by_ref().find(|byte| (0x40..=0x7e).contains(byte));
                }
                // A string, up to BEL or ESC \.
                Some(b']' | b'P' | b'X' | b'^' | b'_') => {
                    let end = bytes.by_ref().find(|byte| matches!(byte, 0x07 | 0x1b));
                    if end == Some(0x1b) {
                        bytes.next();
                    }
                }
                // Intermediates, up to a final byte: the choice of a character set.
                Some(0x20..=0x2f) => {
                    bytes.by_ref().find(|byte| (0x30..=0x7e).contains(byte));
                }
                _ => {}
            },
            b'\r' | 0x07 => {}
            byte => text.push(byte),
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::strip;

    #[test]
    fn escape_sequences_are_taken_out() {
        let raw = b"\x1b]0;a title\x07\x1b[1;31mred\x1b[0m\x1b(B and\r\n\x1b]8;;x\x1b\\plain\x1b7";
        assert_eq!(strip(raw), "red and\nplain");
    }
}

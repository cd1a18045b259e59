//! The user's terminal: single keys without echo, its width, and giving it back as it was.

use std::io::IsTerminal as _;

use rustix::fs::{Mode, OFlags};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr,
};
use tokio::net::unix::pipe::Receiver;

/// A terminal in which keys come one by one. Dropping it restores what was set before.
#[derive(Debug)]
pub(crate) struct Terminal {
    keys: Receiver,
    before: Termios,
}

/// Whether there is a terminal to show things on and take keys from.
pub(crate) fn is_there() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

impl Terminal {
    /// Takes the terminal of stdin.
    pub(crate) fn open() -> std::io::Result<Self> {
        // Opened anew: not blocking on reads is a property of the open file, and stdin's is shared
        // with the shell.
        let path = rustix::termios::ttyname(std::io::stdin(), Vec::new())?;
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let tty = rustix::fs::open(path.as_c_str(), flags, Mode::empty())?;
        let before = tcgetattr(&tty)?;
        let mut raw = before.clone();
        // ISIG stays: Ctrl-C is the user's cancel, as everywhere.
        raw.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
        raw.special_codes[SpecialCodeIndex::VMIN] = 1;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(&tty, OptionalActions::Now, &raw)?;
        Ok(Self {
            keys: Receiver::from_owned_fd_unchecked(tty)?,
            before,
        })
    }

    /// The next keys; `None` when the terminal is lost. Cancel-safe.
    pub(crate) async fn keys(&self) -> Option<Vec<u8>> {
        loop {
            self.keys.readable().await.ok()?;
            let mut bytes = [0; 64];
            match self.keys.try_read(&mut bytes) {
                Ok(0) => return None,
                Ok(n) => return Some(bytes[..n].to_vec()),
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return None,
            }
        }
    }

    /// Columns, 80 where the terminal does not say.
    pub(crate) fn width(&self) -> usize {
        tcgetwinsize(&self.keys)
            .ok()
            .map(|s| usize::from(s.ws_col))
            .filter(|w| *w > 0)
            .unwrap_or(80)
    }
}

/// The next keys of a terminal that may not be there: without one, never any.
pub(crate) async fn keys(terminal: Option<&Terminal>) -> Option<Vec<u8>> {
    match terminal {
        Some(terminal) => terminal.keys().await,
        None => std::future::pending().await,
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _lost_with_its_settings = tcsetattr(&self.keys, OptionalActions::Now, &self.before);
    }
}

//! The session is a child of ours: a compositor, a window manager, a single application. Ending
//! it is SIGTERM to that process, as its own exit command would do, and SIGKILL when it stays.

use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use endsession_core::{Identity, Signal};

use crate::process;

/// A compositor that has no client left ends at once; sway needs some milliseconds.
const KILL_AFTER: Duration = Duration::from_secs(10);

/// The process that is the session.
#[derive(Debug)]
pub struct Child {
    process: std::process::Child,
    identity: Identity,
    name: String,
    status: Option<ExitStatus>,
    /// [`Child::end`] was called.
    told: bool,
    kill_at: Option<Instant>,
}

impl Child {
    /// Starts it.
    ///
    /// # Errors
    /// When the command cannot be started; the error is the system's.
    pub fn start(command: &mut Command) -> std::io::Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let process = command.spawn()?;
        let pid = process.id();
        // Before we wait for it, its pid cannot be anybody else's.
        let identity =
            process::Stat::read(pid).map_or(Identity::Process { pid, start: 0 }, |s| s.identity());
        Ok(Self {
            process,
            identity,
            name,
            status: None,
            told: false,
            kill_at: None,
        })
    }

    /// Its pid.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Its identity.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Its program, as it was called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it ended, once [`Child::has_exited`] has been told.
    #[must_use]
    pub fn status(&self) -> Option<ExitStatus> {
        self.status
    }

    /// Its parent, who waits for all children at once, has taken its status.
    pub fn has_exited(&mut self, status: ExitStatus) {
        self.status = Some(status);
    }

    /// Begins to end it; the exit is seen by [`Child::status`].
    pub fn end(&mut self) {
        if self.status.is_none() {
            if let Err(error) = process::signal(&self.identity, Signal::Term) {
                tracing::warn!(
                    "{} (pid {}) could not be told to end: {error}",
                    self.name,
                    self.pid()
                );
            }
            self.told = true;
            self.kill_at = Some(Instant::now() + KILL_AFTER);
        }
    }

    /// Whether its exit, when it comes, is our doing: also once it had to be killed.
    #[must_use]
    pub fn was_told(&self) -> bool {
        self.told
    }

    /// When [`Child::kill`] is due.
    #[must_use]
    pub fn kill_at(&self) -> Option<Instant> {
        self.kill_at.filter(|_| self.status.is_none())
    }

    /// It did not end when told.
    pub fn kill(&mut self) {
        self.kill_at = None;
        tracing::warn!(
            "{} (pid {}) did not end on SIGTERM within {KILL_AFTER:?}; SIGKILL",
            self.name,
            self.pid()
        );
        if let Err(error) = process::signal(&self.identity, Signal::Kill) {
            tracing::warn!("{} could not be killed: {error}", self.name);
        }
    }
}

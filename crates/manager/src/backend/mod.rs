//! Ways to end a session: one file a way. Each is told once to end it, and says when it has.

pub mod child;
pub mod compositor;
pub(crate) mod unit;

use std::future::pending;
use std::time::Instant;

pub use child::Child;
pub use compositor::Compositor;

use endsession_core::Identity;

use crate::config;
use crate::display_of::Way;

/// How this session ends.
#[derive(Debug)]
pub enum Backend {
    /// The manager started the session as its child: `endsession run`.
    Child(Child),
    /// Something else started the session; this shows or manages its windows.
    Compositor(Compositor),
    /// The session is nobody's process: the demo's, and that of tests.
    Nothing,
    /// There is no way to end the session, and requests say so before anybody is asked.
    Missing,
}

impl Backend {
    /// Finds how a session ends that this process did not start. `ways`: how its windows are seen, as
    /// [`crate::display_of::find`] gives them; the one that was connected to comes first. `set`: what
    /// the user says, before which [`compositor::VARIABLE`] goes.
    ///
    /// It connects to the display, asks who answers there, and takes a few milliseconds; a display
    /// that does not answer is given up after 3 s.
    ///
    /// # Errors
    /// Why there is no way to end it, in one sentence without its full stop. Nothing has been changed.
    pub async fn find(ways: &[Way], set: &config::Session) -> Result<Self, compositor::FindError> {
        Compositor::find(ways, set).await.map(Self::Compositor)
    }

    /// The session's own process as it is called, where there is one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Child(child) => Some(child.name()),
            Self::Compositor(compositor) => Some(compositor.name()),
            Self::Nothing | Self::Missing => None,
        }
    }

    /// The session's own process, where there is one.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        match self {
            Self::Child(child) => Some(child.identity()),
            Self::Compositor(compositor) => Some(compositor.identity()),
            Self::Nothing | Self::Missing => None,
        }
    }

    /// The session's own process, where the manager started it.
    #[must_use]
    pub fn child_pid(&self) -> Option<u32> {
        match self {
            Self::Child(child) => Some(child.pid()),
            Self::Compositor(_) | Self::Nothing | Self::Missing => None,
        }
    }

    /// When [`Backend::handle_timeout`] is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        match self {
            Self::Child(child) => child.kill_at(),
            Self::Compositor(compositor) => compositor.due(),
            Self::Nothing | Self::Missing => None,
        }
    }

    /// The session's own process has not ended in time.
    pub(crate) fn handle_timeout(&mut self) {
        match self {
            Self::Child(child) => child.kill(),
            Self::Compositor(compositor) => compositor.handle_timeout(),
            Self::Nothing | Self::Missing => {}
        }
    }

    /// Waits for what the session's own process answers to being told; see [`Compositor::answer`].
    pub(crate) async fn answer(&mut self) {
        match self {
            Self::Compositor(compositor) => compositor.answer().await,
            Self::Child(_) | Self::Nothing | Self::Missing => pending().await,
        }
    }

    /// Whether the session is known to have ended, and its display with it: the process that was
    /// the session has. A manager may end while its session goes on.
    pub(crate) fn has_ended(&self) -> bool {
        match self {
            Self::Child(child) => child.status().is_some(),
            Self::Compositor(compositor) => compositor.is_gone(),
            Self::Nothing | Self::Missing => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_session_has_ended_when_its_own_process_has_and_never_otherwise() {
        assert!(!Backend::Missing.has_ended());
        assert!(!Backend::Nothing.has_ended());
        let mut child = Child::start(&mut Command::new("true")).unwrap();
        child.end();
        let mut backend = Backend::Child(child);
        assert!(!backend.has_ended());
        let Backend::Child(child) = &mut backend else {
            unreachable!("it was made one");
        };
        child.has_exited(std::process::ExitStatus::default());
        assert!(backend.has_ended());
    }
}

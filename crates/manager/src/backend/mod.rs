//! Ways to end a session: one file a way. Each is told once to end it, and says when it has.

pub mod child;

pub use child::Child;

/// How this session ends.
#[derive(Debug)]
pub enum Backend {
    /// The manager started the session as its child: `endsession run`.
    Child(Child),
    /// The session is nobody's process: the demo's, and that of tests.
    Nothing,
    /// There is no way to end the session, and requests say so before anybody is asked.
    Missing,
}

impl Backend {
    /// Whether the session is known to have ended, and its display with it: the process that was
    /// the session has, and its status was taken. A manager may end while its session goes on.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self, Self::Child(child) if child.status().is_some())
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

//! Exit statuses: one place for both systems.

use std::process::ExitCode;

/// What a command's end means to whoever started it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Ended, or under way and past stopping; what was asked for was done.
    Done,
    /// Refused or cancelled; the session goes on.
    Refused,
    /// Wrong usage or configuration, or a machine that cannot.
    Usage,
    /// No session or no manager to talk to.
    NoSession,
    /// The command that was run ended with this status: the session's own, or the one that was held for.
    #[cfg_attr(windows, expect(dead_code, reason = "a status has 32 bits there"))]
    Session(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Refused => 1,
            Exit::Usage => 2,
            Exit::NoSession => 3,
            Exit::Session(status) => status,
        })
    }
}

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
    /// The session's own command ended by itself with this status.
    #[cfg_attr(
        windows,
        expect(dead_code, reason = "there statuses have 32 bits: see Exit::leave")
    )]
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

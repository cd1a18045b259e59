//! The failures of Linux' commands, and the exit statuses that they have.

pub(crate) use crate::exit_status::Exit;

/// Why a command could not do its work. Each says what was wrong and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(
        "no session bus: DBUS_SESSION_BUS_ADDRESS is not set and $XDG_RUNTIME_DIR/bus is not there; run this inside the session"
    )]
    NoBus,
    #[error(
        "the session bus at {address} cannot be reached ({source}); run this inside the session"
    )]
    Unreachable {
        address: String,
        source: zbus::Error,
    },
    #[error(
        "no endsession manager on this session's bus; start the session with `endsession run -- COMMAND` (for example `endsession run -- sway`)"
    )]
    NoManager,
    #[error(
        "{owner} owns this session, not endsession: its own windows are where a request to end it is watched, answered and cancelled"
    )]
    OtherManager { owner: crate::elsewhere::Owner },
    #[error("the manager does not answer; see its journal (`journalctl --user -t endsession`)")]
    NoAnswer,
    #[error("{0}")]
    NoSession(String),
    /// Neither a manager nor a display.
    #[error("{manager}; and {display}")]
    Nothing {
        /// Why there is no manager.
        manager: Box<Failure>,
        /// Why there is no session to end without one.
        display: String,
    },
    /// Another process of ours has said why, and this is its exit status.
    #[error("see above")]
    Said(u8),
    #[error("no window can be shown: {0}")]
    NoWindow(String),
    #[error("{0}")]
    Refused(String),
    #[error("the manager did not answer as expected: {0}")]
    Bus(#[from] zbus::Error),
    #[error(
        "the manager left before the request had ended; see its journal (`journalctl --user -t endsession`)"
    )]
    ManagerLeft,
    #[error("{0}")]
    Config(#[from] endsession_manager::config::ConfigError),
    #[error("{0}")]
    Manager(#[from] endsession_manager::BusError),
    #[error("{0}")]
    Usage(String),
    #[error("{what}: {source}")]
    Io {
        what: String,
        source: std::io::Error,
    },
}

impl Failure {
    pub(crate) fn io(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io {
            what: what.into(),
            source,
        }
    }

    /// No session manager is to be found, so that the session has none, as far as can be known.
    pub(crate) fn is_without_manager(&self) -> bool {
        matches!(
            self,
            Self::NoBus | Self::NoManager | Self::Unreachable { .. }
        )
    }

    /// What is different from a session with a manager.
    pub(crate) fn without_manager(&self) -> &'static str {
        match self {
            Self::NoManager => {
                "No session manager runs here. Applications register with one when they start, so only windows, jobs \
                 in terminals and inhibitors can be asked now."
            }
            _ => {
                "There is no session bus here, so only windows and jobs in terminals can be asked."
            }
        }
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Refused(_) => Exit::Refused,
            Self::Said(status) => Exit::Session(*status),
            Self::Config(_) | Self::Usage(_) => Exit::Usage,
            _ => Exit::NoSession,
        }
    }
}

pub(crate) type Result<T> = std::result::Result<T, Failure>;

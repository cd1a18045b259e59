//! The failures of the commands on Windows, and the exit statuses that they have.

use endsession::Error;

pub(crate) use crate::exit_status::Exit;

/// Why a command could not do its work. Each says what was wrong and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    System(#[from] Error),
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

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::System(Error::NotPermitted { .. }) => Exit::Refused,
            Self::System(Error::Unsupported { .. } | Error::UnknownBackend(_)) | Self::Usage(_) => {
                Exit::Usage
            }
            _ => Exit::NoSession,
        }
    }
}

pub(crate) type Result<T> = std::result::Result<T, Failure>;

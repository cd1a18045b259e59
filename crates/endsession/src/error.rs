//! What can go wrong.

use std::{error, fmt};

use crate::{Backend, UnknownBackend};

/// Why something could not be done. Each says what, and where there is something to do about it, what.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The application id is empty, longer than 255 bytes or has a character that none may have.
    BadAppId {
        /// What was given; its beginning, where it is long.
        given: String,
    },
    /// The window is not a window of this process.
    BadWindow {
        /// What was found instead.
        why: String,
    },
    /// `ENDSESSION_BACKEND` names no backend.
    UnknownBackend(UnknownBackend),
    /// The backend that was asked for by name is not there.
    Unavailable {
        /// Which.
        backend: Backend,
        /// What is missing.
        why: String,
    },
    /// There is no way to do that here.
    Unsupported {
        /// What.
        what: &'static str,
        /// Why not, and what to do instead.
        why: String,
    },
    /// The user or the system does not permit it.
    NotPermitted {
        /// Who said no to what.
        why: String,
    },
    /// The session manager or the system failed.
    Failed {
        /// What was tried.
        what: &'static str,
        /// What it answered.
        why: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadAppId { given } => write!(
                f,
                "not an application id: {given:?} (1 to 255 bytes of letters, digits, '.', '-' and '_', as in \"org.example.Editor\")"
            ),
            Self::BadWindow { why } => write!(f, "not a window of this process: {why}"),
            Self::UnknownBackend(unknown) => write!(f, "ENDSESSION_BACKEND: {unknown}"),
            Self::Unavailable { backend, why } => {
                write!(f, "the backend {} is not there: {why}", backend.name())
            }
            Self::Unsupported { what, why } => write!(f, "{what} is not possible here: {why}"),
            Self::NotPermitted { why } => write!(f, "not permitted: {why}"),
            Self::Failed { what, why } => write!(f, "{what} failed: {why}"),
        }
    }
}

impl error::Error for Error {}

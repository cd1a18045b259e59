//! What comes in: facts from the edges, requests and the user's choices.

use crate::id::{BundleId, Identity, InhibitorId, JobId, VoterId, WindowId};
use crate::rule::Rule;

/// A fact that an edge observed. Unknown ids, repeats and late facts are harmless.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// A client registered with a session protocol and can be asked.
    Registered {
        /// Its number.
        voter: VoterId,
        /// The application behind it.
        of: Identity,
        /// The name to show.
        name: String,
        /// When in the order of asking it comes.
        round: Round,
    },
    /// A client left its protocol: unregistered, disconnected, crashed. Counts as accepting.
    Unregistered(VoterId),
    /// A client answered.
    Answered(VoterId, Answer),
    /// A window is there, or changed.
    WindowSeen {
        /// Its number.
        window: WindowId,
        /// The application behind it.
        of: Identity,
        /// What is known of it.
        about: Window,
    },
    /// A window has gone.
    WindowGone(WindowId),
    /// A log-off inhibitor was taken, or its reason changed.
    Inhibited {
        /// Its number.
        inhibitor: InhibitorId,
        /// The application behind it.
        of: Identity,
        /// The name to show.
        name: String,
        /// Why, in the application's words.
        reason: String,
    },
    /// An inhibitor was released.
    Uninhibited(InhibitorId),
    /// A terminal has a foreground job that is not its idle shell.
    JobSeen {
        /// Its number.
        job: JobId,
        /// The terminal emulator.
        of: Identity,
        /// The terminal's name to show.
        name: String,
        /// The job's command line.
        what: String,
    },
    /// The job has ended.
    JobGone(JobId),
    /// Something else lets go of the application together with others ([`crate::Action::CloseBundle`]),
    /// one after the other: it can be neither asked nor closed by itself. It is there, with or without
    /// a window, until it exits or this is taken back.
    Bundled {
        /// The application.
        of: Identity,
        /// The name to show, in place of what its windows tell.
        name: String,
        /// With which others.
        bundle: BundleId,
    },
    /// That is so no longer.
    Unbundled(Identity),
    /// What [`crate::Action::CloseBundle`] began has ended. Who exited of it has been told before.
    BundleEnded(BundleId, BundleEnd),
    /// `guest` was started from within `host` (an editor from a terminal): closing the host takes
    /// the guest along, so the guest goes first.
    Hosted {
        /// The application inside.
        guest: Identity,
        /// The application around it.
        host: Identity,
    },
    /// The rules say this about an application. Told before the first of its other facts, so that none
    /// is taken in without, and again when more is known of it.
    Ruled {
        /// The application.
        of: Identity,
        /// What the rules say.
        rule: Rule,
    },
    /// The process has exited, for certain (its pidfd said so).
    Exited(Identity),
    /// The process is not the session's: never signal it, never wait for its exit.
    Spared(Identity),
    /// The application answered a ping, or cannot be pinged and is not stopped.
    Pong(Identity),
    /// The process is stopped (state T in `/proc/PID/stat`).
    Stopped(Identity),
    /// The answer to [`crate::Action::Look`]: everything seen by now has been told.
    Looked,
    /// Something that the user sees shows what the request waits for.
    ViewerCame,
    /// It no longer does.
    ViewerLeft,
    /// The screen was locked or unlocked.
    Locked(bool),
    /// The session will end within so many milliseconds, whatever anybody says.
    Imposed(u64),
    /// The end of the session that began outside of it was called off: an imposed one, however far
    /// it had come, or that of the machine after [`Event::GoesDown`].
    Restored,
    /// The answer to [`crate::Action::Authorize`]: this kind of end is permitted, or why not. A no
    /// may also come unasked, and later, and ends the request as well.
    Authorized(Kind, Result<(), String>),
    /// The session bus is gone: nobody on it can object any more.
    BusLost,
    /// In Ending: no hook runs any more.
    HooksEnded,
    /// In Ending: no process of the session is left but those the backend ends.
    RestGone,
    /// In Ending, after [`crate::Action::EndSession`]: the machine goes down, and takes the session
    /// with it within so many milliseconds.
    GoesDown(u64),
    /// In Ending: the backend has ended the session, or says why it could not.
    Backend(Result<(), String>),
}

/// How the closing of a bundle ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BundleEnd {
    /// Nobody said no, or it could not be closed: what is left of it goes like any other.
    Done,
    /// The user said no to one of it. Who went before stays gone, and nobody else was asked.
    Refused {
        /// To which application, where that is known.
        by: Option<Identity>,
        /// What to call it otherwise.
        name: String,
        /// In what words.
        reason: String,
    },
}

/// A client's answer to a query.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// Yes.
    Accept,
    /// The application says no by itself: a blocker.
    Refuse(String),
    /// The application asked the user, and the user said no: the request is cancelled.
    UserRefused(String),
    /// The application is asking the user; its deadline stops.
    AskingUser,
    /// The application wants to ask the user, and waits for its turn ([`crate::Action::Interact`]):
    /// where its protocol can hold a dialog back, no two are shown at once. XSMP `InteractRequest`.
    WantsUser,
    /// The user has answered the application's dialog and did not say no; the application goes on
    /// with what the answer meant, under a deadline again. XSMP `InteractDone`.
    UserAnswered,
    /// The application wants to be asked once more when all others have answered
    /// ([`crate::Action::QueryAgain`]). XSMP `SaveYourselfPhase2Request`.
    WantsLast,
}

/// When a client is asked: lower rounds first, all of one round together.
///
/// XSMP clients come after all others, because Qt 5 closes its clean windows when asked. Within a
/// protocol higher shutdown levels come first, as `SetProcessShutdownParameters` orders them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Round {
    late: bool,
    // Stored inverted, so that the derived order is the order of asking.
    below: u16,
}

impl Round {
    /// The shutdown level of applications that set none: 0x280, as on Windows.
    pub const DEFAULT_LEVEL: u16 = 0x280;

    /// Clients that answer without side effects.
    #[must_use]
    pub fn early(level: u16) -> Self {
        Self {
            late: false,
            below: u16::MAX - level,
        }
    }

    pub(crate) fn is_late(self) -> bool {
        self.late
    }

    /// Clients for whom being asked may already close something (XSMP).
    #[must_use]
    pub fn late(level: u16) -> Self {
        Self {
            late: true,
            below: u16::MAX - level,
        }
    }
}

/// What is known of a window.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// The application's name to show (app id, class).
    pub name: String,
    /// The title.
    pub title: String,
    /// The title carries a modified mark.
    pub unsaved: bool,
    /// A dialog.
    pub dialog: bool,
}

/// Which end is asked for. A higher one includes the lower.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// End the session.
    #[default]
    LogOff,
    /// End the session and restart the machine.
    Restart,
    /// End the session and power the machine off.
    PowerOff,
}

/// What the caller allows to be overridden.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Force {
    /// Nothing: the user decides.
    #[default]
    No,
    /// Only what is not responding (`EWX_FORCEIFHUNG`).
    IfHung,
    /// Everything, after so many milliseconds.
    After(u64),
    /// Everything, and nobody is asked (`EWX_FORCE`).
    Now,
}

/// A request to end the session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Request {
    /// Which end.
    pub kind: Kind,
    /// The user confirms before anybody is asked.
    pub confirm: bool,
    /// What may be overridden.
    pub force: Force,
    /// Nobody is there to choose: the first blocker cancels.
    pub unattended: bool,
    /// The whole request may take so many milliseconds.
    pub timeout: Option<u64>,
    /// Why, to show.
    pub reason: String,
    /// The applications from within which the request came (a terminal, a bar): closed last, and
    /// their windows never count against it.
    pub requester: Vec<Identity>,
}

/// The user's word on a request under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Choice {
    /// Yes, in Confirming.
    Confirm,
    /// No: nobody else is ended.
    Cancel,
    /// End this application now, whatever becomes of the request.
    EndOne(Identity),
    /// End all that block, and all that will.
    EndAll,
    /// Ask this one again, or all that block.
    AskAgain(Option<Identity>),
    /// Show this application's windows.
    Show(Identity),
}

/// Why a choice was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChoiceError {
    /// No request is under way.
    NoRequest,
    /// It is too late: the session is already ending.
    TooLate,
    /// Nothing is to be confirmed, or everything must be confirmed first.
    NotNow,
    /// There is no such application.
    UnknownApp,
    /// The application has no window that could be shown.
    NoWindow,
}

impl std::fmt::Display for ChoiceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoRequest => "no request to end the session is under way",
            Self::TooLate => "the session is already ending and can no longer be kept",
            Self::NotNow => "this choice is not open in the present phase",
            Self::UnknownApp => "no application of that name is part of the request",
            Self::NoWindow => "it has no window that could be shown",
        })
    }
}

impl std::error::Error for ChoiceError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn higher_levels_are_asked_first_and_late_clients_last() {
        let mut rounds = [
            Round::late(u16::MAX),
            Round::early(0),
            Round::late(0),
            Round::early(Round::DEFAULT_LEVEL),
            Round::early(0x3ff),
        ];
        rounds.sort();
        let order = [
            Round::early(0x3ff),
            Round::early(Round::DEFAULT_LEVEL),
            Round::early(0),
            Round::late(u16::MAX),
            Round::late(0),
        ];
        assert_eq!(rounds, order);
    }

    #[test]
    fn a_higher_kind_includes_the_lower_and_more_force_the_less() {
        assert!(Kind::LogOff < Kind::Restart && Kind::Restart < Kind::PowerOff);
        assert!(Force::No < Force::IfHung && Force::After(u64::MAX) < Force::Now);
    }
}

//! What goes out: orders to the edges, and news for whoever watches.

use crate::event::{Answer, Kind};
use crate::id::{BundleId, Identity, InhibitorId, JobId, VoterId, WindowId};

/// An order to an edge.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Ask this client.
    Query(VoterId),
    /// It is this client's turn to ask the user, as it wanted (`Interact`).
    Interact(VoterId),
    /// All others have answered: ask this client for its last word (`SaveYourselfPhase2`).
    QueryAgain(VoterId),
    /// Tell this client that its query is void (`CancelEndSession`, `ShutdownCancelled`).
    CancelQuery(VoterId),
    /// Tell this client to end (`EndSession`, `Die`). Its point of no return.
    End {
        /// The client.
        voter: VoterId,
        /// It is not being asked, and will be ended.
        forceful: bool,
    },
    /// Close this window, as the user would.
    Close(WindowId),
    /// Have all of a bundle end, one after the other, each asked first, and say
    /// [`crate::Event::BundleEnded`].
    CloseBundle {
        /// Which.
        bundle: BundleId,
        /// It is not being asked, and will be ended.
        forceful: bool,
    },
    /// Nobody waits for that any more: nobody else of it is to be asked, and nothing is to be said.
    LeaveBundle(BundleId),
    /// Show this window to the user.
    Activate(WindowId),
    /// Signal the application's process, if it is the session's; else answer
    /// [`crate::Event::Spared`].
    Signal(Identity, Signal),
    /// Tell when the application's process exits, or that it is not the session's.
    Watch(Identity),
    /// Find out whether the application still handles events.
    Ping(Identity),
    /// Tell every window, job and inhibitor that is not yet told, then [`crate::Event::Looked`].
    Look,
    /// Find out whether this kind of end is permitted, asking the user where that takes a
    /// password, and say [`crate::Event::Authorized`]. A later order takes the place of an earlier
    /// one, and none is needed any more once the request has finished.
    Authorize(Kind),
    /// Show the user what the request waits for, or stop showing it. Where it was shown when the
    /// user overrode something, it stays until that has gone: the user follows what was chosen.
    Show(bool),
    /// Run the hooks of the session's end, and say [`crate::Event::HooksEnded`] when none runs any more.
    RunHooks,
    /// They have had their time: end them. Nobody waits for them any more.
    EndHooks,
    /// Signal every process of the session but those the backend ends, and say
    /// [`crate::Event::RestGone`] when none is left.
    SignalRest(Signal),
    /// End the session itself, the compositor last, and say [`crate::Event::Backend`].
    EndSession(Kind),
    /// News; nothing depends on it.
    Notice(Notice),
    /// The request has ended. Exactly once for each.
    Finished(Outcome),
}

/// The two signals that end a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    /// SIGTERM.
    Term,
    /// SIGKILL.
    Kill,
}

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// The user is asked whether to begin at all.
    Confirming,
    /// Whether the end is permitted is found out, before anybody is asked for it.
    Authorizing,
    /// Everybody is asked; nobody is ended.
    Asking,
    /// Applications are let go, group by group.
    Closing,
    /// An end that nobody can refuse: everyone is told at once.
    Imposed,
    /// No way back: what is left is ended, then the session.
    Ending,
}

/// News of a request, for people and programs that watch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Notice {
    /// The request entered a phase.
    Phase(Phase),
    /// A client was asked.
    Asked(Identity),
    /// A client answered.
    Answered(Identity, Answer),
    /// A client has not answered yet.
    Slow(Identity),
    /// A client never answered and its windows answer pings: they are closed in its turn, so that
    /// it can ask its user then.
    Abstained(Identity),
    /// The application was closed or told to end.
    Closing(Identity),
    /// The application has gone.
    Gone {
        /// Which.
        of: Identity,
        /// Its name, since nobody can look it up any more.
        name: String,
    },
    /// Something blocks.
    Blocked(Blocker),
    /// It no longer does.
    Cleared(Blocker),
    /// The application may no longer block.
    Overridden(Identity),
    /// The application's process was signalled.
    Signalled(Identity, Signal),
}

/// One thing that blocks, of one application.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Blocker {
    /// The application.
    pub of: Identity,
    /// Its name to show.
    pub name: String,
    /// What blocks.
    pub why: Why,
}

/// What blocks a request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// The application said no, with its reason.
    Refused(VoterId, String),
    /// It holds a log-off inhibitor, with its reason.
    Inhibitor(InhibitorId, String),
    /// A job runs in its terminal.
    Job(JobId, String),
    /// It was closed or told to end, and shows windows: the title of the one to answer.
    Window {
        /// The title.
        title: String,
        /// It does not answer a ping, or is stopped.
        hung: bool,
    },
    /// It has been silent too long, and answers no ping or is stopped.
    NotResponding,
    /// It wants to ask the user, and nobody is there.
    AsksUser,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The session is over.
    Over {
        /// The applications that were ended over their objection.
        overridden: Vec<String>,
        /// Those of them that a rule of the user's overrode.
        by_rule: Vec<String>,
    },
    /// The session goes on.
    Cancelled {
        /// By whom.
        by: CancelledBy,
        /// What blocked then.
        blockers: Vec<Blocker>,
        /// What had closed by then.
        gone: Vec<String>,
        /// What had been told to end or closed and is still there.
        told: Vec<String>,
    },
    /// Something failed on the way; the session, or what is left of it, goes on.
    Failed {
        /// What failed.
        why: String,
        /// What had closed by then.
        gone: Vec<String>,
    },
}

/// What cancelled a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CancelledBy {
    /// The user, or a caller on the user's behalf.
    User,
    /// The user, in an application's own dialog.
    InApplication {
        /// The application.
        name: String,
        /// What it said.
        reason: String,
    },
    /// A blocker, with nobody there to choose.
    Blocked,
    /// The caller's time limit.
    TimedOut,
    /// It waited for the user, and nothing showed it.
    NobodyShown,
    /// The imposed end was called off.
    Restored,
    /// This kind of end is not permitted, and why.
    NotAuthorized(String),
}

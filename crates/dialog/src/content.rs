//! What a dialog is about, as plain data: whoever opens it tells this, and hears a [`Choice`].

/// What is to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A request to end the session: what is about to happen and who holds it up.
    Request(Request),
    /// A question of the caller's, with Yes and No.
    Question(Question),
    /// The ways to end the session.
    Menu(Vec<Kind>),
}

/// Which end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Of the session.
    #[default]
    LogOff,
    /// Of the session, and the machine restarts.
    Restart,
    /// Of the session, and the machine is powered off.
    PowerOff,
}

/// Where a request stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// The user is asked whether to begin at all.
    Confirming,
    /// Applications are asked; nobody is ended.
    #[default]
    Asking,
    /// Applications are let go.
    Closing,
    /// The session is ended from outside: applications are told, and nothing can be chosen.
    Imposed,
    /// No way back.
    Ending,
}

/// A request to end the session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Which end.
    pub kind: Kind,
    /// Where it stands.
    pub phase: Phase,
    /// Why, in the words of whoever asked for it; empty where nobody said.
    pub reason: String,
    /// Who holds it up.
    pub rows: Vec<Row>,
    /// What outlives the session and holds nothing up, in a few words each. Untrusted.
    pub survivors: Vec<String>,
    /// How many applications have closed.
    pub closed: usize,
    /// How many have closed or are to close.
    pub total: usize,
    /// "End all anyway" was chosen: nobody can hold it up any more.
    pub forced: bool,
}

/// One application that holds a request up, and by what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// The application, as [`Choice`] names it.
    pub app: String,
    /// What it calls itself: an app id, a class, a program. Untrusted.
    pub name: String,
    /// Its process, where it is known.
    pub pid: Option<u32>,
    /// By what.
    pub holds: Holds,
    /// In its own words; a window's title, a job's command line. Untrusted.
    pub reason: String,
    /// It handles events, as far as is known.
    pub responding: bool,
    /// It has a window that can be shown.
    pub can_show: bool,
    /// Since when, in milliseconds after [`crate::dialog::Options::origin`]; before that it is
    /// negative.
    pub since: i64,
}

/// What an application holds a request up by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holds {
    /// It said no.
    #[default]
    Refusal,
    /// It holds an inhibitor.
    Inhibitor,
    /// A job runs in its terminal.
    Job,
    /// It was told to close, and a window of it is still open.
    Window,
    /// It has been silent for too long.
    NotResponding,
    /// It wants to ask its user.
    WantsUser,
    /// It asks its user, in a window of its own.
    AsksUser,
    /// It has not answered yet.
    Slow,
}

/// A question with Yes and No.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// The question. Untrusted.
    pub text: String,
    /// What else is to be said of it; may be empty. Untrusted.
    pub detail: String,
}

/// What the user chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Yes: to a question, or to what is to be confirmed.
    Yes,
    /// No, or cancel.
    No,
    /// End this application now.
    EndOne(String),
    /// End all that hold the request up.
    EndAll,
    /// Ask all again.
    AskAgain,
    /// Show this application's window, so that the user can answer it.
    Show(String),
    /// This of the ways to end the session.
    Kind(Kind),
}

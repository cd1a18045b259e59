//! One XSMP client: what is under way between it and us, and what its words mean to the
//! coordinator. Touches no socket.
//!
//! XSMP knows one save at a time. A query is a save with `shutdown`; a save may already be under
//! way when one is wanted (a client is saved once when it registers, and owes the answer to a
//! query that was cancelled), and then the query waits for it.

use endsession_core::Answer;
use endsession_ice::server::{Connection, Event, State};
use endsession_ice::{InteractStyle, SaveKind, SaveYourself, WrongState};

/// What a client is asked when the session is to end (xsmp.xml, `SaveYourself`).
const QUERY: SaveYourself = SaveYourself {
    kind: SaveKind::Global,
    shutdown: true,
    interact: InteractStyle::Any,
    fast: false,
};

/// What it is asked when it will be ended whatever it says.
const LAST_SAVE: SaveYourself = SaveYourself {
    kind: SaveKind::Global,
    shutdown: true,
    interact: InteractStyle::None,
    fast: true,
};

/// Why a client is saving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// It is new, or somebody asked for a checkpoint. Ends with `SaveComplete`.
    Checkpoint,
    /// The session is to end, and it is asked. `voted`: it has said what counts.
    Query { voted: bool },
    /// It was asked, and the query is void. It still owes its `SaveYourselfDone`. `voted`: it had
    /// said what counts, so that nobody waits for it.
    Void { voted: bool },
    /// It is told to end as soon as it has saved.
    LastSave,
}

/// What is to be asked when the save under way is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Query,
    Checkpoint(SaveYourself),
}

/// What a client's words lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It is to be registered; the id that it had before, if any.
    Register(Option<String>),
    /// An answer to the query.
    Answer(Answer),
    /// It asks for the end of the session.
    LogOff,
    /// It asks for all to be saved.
    Checkpoint(SaveYourself),
    /// It is alive.
    Pong,
    /// It leaves.
    Left,
}

/// The conversation with one client.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) connection: Connection,
    save: Option<Why>,
    next: Option<Next>,
    told: bool,
}

impl Client {
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection,
            save: None,
            next: None,
            told: false,
        }
    }

    /// What the client has said, one thing at a time.
    pub(super) fn poll(&mut self) -> Option<Said> {
        loop {
            let Some(event) = self.connection.poll_event() else {
                return self.forgotten();
            };
            if let Some(said) = self.heard(event) {
                return Some(said);
            }
        }
    }

    fn heard(&mut self, event: Event) -> Option<Said> {
        match event {
            Event::RegisterRequested { previous } => Some(Said::Register(previous)),
            Event::SaveYourselfRequested { save, global } => self.save_requested(save, global),
            Event::InteractRequested { .. } => self.wants_user(),
            Event::InteractDone { cancel } => self.user_answered(cancel),
            Event::Phase2Requested => self.wants_last(),
            Event::SaveDone { success } => self.saved(success),
            Event::Pong => Some(Said::Pong),
            Event::Closed { .. } => Some(Said::Left),
            Event::PeerError(error) => {
                tracing::debug!("an XSMP client complains: {error}");
                None
            }
            // What it keeps with us is read when somebody wants to see it.
            _ => None,
        }
    }

    /// A client that waited for the last word when its query was cancelled may have forgotten that
    /// it owes an answer (Qt does). It has shown that it knows of the cancel, and is idle: nothing
    /// more is to be waited for.
    fn forgotten(&mut self) -> Option<Said> {
        let Some(Why::Void { voted }) = self.save else {
            return None;
        };
        if self.connection.state() != State::Idle {
            return None;
        }
        self.save = None;
        self.go_on();
        (!voted).then_some(Said::Answer(Answer::Accept))
    }

    /// A request that is not for the end of the whole session is one to be saved, never to be
    /// ended: nobody else's word ends a client.
    fn save_requested(&mut self, save: SaveYourself, global: bool) -> Option<Said> {
        if save.shutdown && global {
            return Some(Said::LogOff);
        }
        let save = SaveYourself {
            shutdown: false,
            ..save
        };
        if global {
            return Some(Said::Checkpoint(save));
        }
        self.checkpoint(save);
        None
    }

    fn wants_user(&mut self) -> Option<Said> {
        match self.save {
            Some(Why::Query { voted: false }) => Some(Said::Answer(Answer::WantsUser)),
            // A checkpoint that it asked for with leave to talk to its user.
            Some(Why::Checkpoint) => self.obey(Connection::interact),
            _ => None,
        }
    }

    fn user_answered(&mut self, cancel: bool) -> Option<Said> {
        let Some(Why::Query { voted }) = &mut self.save else {
            return None;
        };
        if std::mem::replace(voted, *voted || cancel) {
            return None;
        }
        Some(Said::Answer(if cancel {
            // XSMP carries no reason; the application's own dialog has told it.
            Answer::UserRefused(String::new())
        } else {
            Answer::UserAnswered
        }))
    }

    fn wants_last(&mut self) -> Option<Said> {
        match self.save {
            Some(Why::Query { voted: false }) => Some(Said::Answer(Answer::WantsLast)),
            // Nobody else is saving for the same purpose: there is nothing to wait for.
            Some(_) => self.obey(Connection::save_yourself_phase2),
            None => None,
        }
    }

    /// A failed save is no refusal (no session manager takes it for one): the client has shown its
    /// user what went wrong, and has had its chance to cancel.
    fn saved(&mut self, success: bool) -> Option<Said> {
        if !success {
            tracing::debug!("an XSMP client could not save everything");
        }
        let said = match self.save.take() {
            Some(Why::Query { voted }) => {
                self.save = Some(Why::Query { voted: true });
                (!voted).then_some(Said::Answer(Answer::Accept))
            }
            Some(Why::Void { voted }) => {
                // The coordinator waits for the answer to what it cancelled.
                (!voted).then_some(Said::Answer(Answer::Accept))
            }
            Some(Why::Checkpoint) => self.obey(Connection::save_complete),
            Some(Why::LastSave) => {
                self.die();
                return None;
            }
            None => None,
        };
        if self.is_free() {
            self.go_on();
        }
        said
    }

    /// Whether it can be asked to save.
    fn is_free(&self) -> bool {
        self.save.is_none() && self.connection.state() == State::Idle
    }

    /// Asks what was to be asked.
    fn go_on(&mut self) {
        match self.next.take() {
            Some(Next::Query) => self.begin(QUERY, Why::Query { voted: false }),
            Some(Next::Checkpoint(save)) => self.begin(save, Why::Checkpoint),
            None => {}
        }
    }

    fn begin(&mut self, save: SaveYourself, why: Why) {
        if self.connection.save_yourself(save).is_ok() {
            self.save = Some(why);
        }
    }

    fn obey(&mut self, order: fn(&mut Connection) -> Result<(), WrongState>) -> Option<Said> {
        if let Err(error) = order(&mut self.connection) {
            // The state machine and this one disagree, which is our mistake and no client's.
            tracing::error!("{error}");
        }
        None
    }

    /// The id that it says it had is not known here. It may register as a new one.
    pub(super) fn refuse_previous_id(&mut self) {
        self.obey(Connection::refuse_previous_id);
    }

    /// Saves it without an end of the session, when it has nothing else to do.
    pub(super) fn checkpoint(&mut self, save: SaveYourself) {
        if self.is_free() {
            self.begin(save, Why::Checkpoint);
        } else if self.next.is_none() {
            self.next = Some(Next::Checkpoint(save));
        }
    }

    /// Asks it.
    pub(super) fn query(&mut self) {
        self.told = false;
        self.next = Some(Next::Query);
        if self.is_free() {
            self.go_on();
        }
    }

    /// It is its turn to talk to its user.
    pub(super) fn interact(&mut self) {
        self.obey(Connection::interact);
    }

    /// All others have saved.
    pub(super) fn query_again(&mut self) {
        self.obey(Connection::save_yourself_phase2);
    }

    /// Its query is void. An answer that nobody will give is given here.
    pub(super) fn cancel(&mut self) -> Option<Said> {
        if self.next == Some(Next::Query) {
            self.next = None;
            return Some(Said::Answer(Answer::Accept));
        }
        let Some(Why::Query { voted }) = self.save else {
            return None;
        };
        self.obey(Connection::shutdown_cancelled);
        // With its `SaveYourselfDone` already here, nothing is owed.
        let owes = self.connection.state() != State::Idle;
        self.save = owes.then_some(Why::Void { voted });
        if self.is_free() {
            self.go_on();
        }
        None
    }

    /// Tells it to end: at once if it has agreed, else when it has saved what it can save without
    /// its user.
    pub(super) fn end(&mut self, forceful: bool) {
        if std::mem::replace(&mut self.told, true) {
            return;
        }
        self.next = None;
        if !forceful {
            return self.die();
        }
        match self.connection.state() {
            State::Idle => self.begin(LAST_SAVE, Why::LastSave),
            State::Saving | State::SavingPhase2 => self.save = Some(Why::LastSave),
            State::Phase2Requested => {
                self.save = Some(Why::LastSave);
                self.obey(Connection::save_yourself_phase2);
            }
            // It would wait for its user.
            _ => self.die(),
        }
        if self.save != Some(Why::LastSave) {
            self.die();
        }
    }

    fn die(&mut self) {
        self.told = true;
        self.save = None;
        self.next = None;
        self.obey(Connection::die);
    }
}

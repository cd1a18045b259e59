//! One XSMP client: what is under way between it and us, and what its words mean to the
//! coordinator. Touches no socket.
//!
//! XSMP knows one save at a time. A query is a save with `shutdown`; a save may already be under
//! way when one is wanted (a client is saved once when it registers, and owes the answer to a
//! query that was cancelled), and then the query waits for it.

use endsession_core::Answer;
use endsession_ice::server::{Connection, Event, State};
use endsession_ice::{Error, InteractStyle, SaveYourself, WrongState};

/// What a client is asked when the session is to end (xsmp.xml, `SaveYourself`).
const QUERY: SaveYourself = SaveYourself::LOG_OFF;

/// What it is asked when it will be ended whatever it says.
const LAST_SAVE: SaveYourself = SaveYourself {
    interact: InteractStyle::None,
    fast: true,
    ..SaveYourself::LOG_OFF
};

/// Why a client is saving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// It is new, or somebody asked for a checkpoint. Ends with `SaveComplete`.
    Checkpoint,
    /// The session is to end, and it is asked. `voted`: it has said what counts.
    Query { voted: bool },
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
    /// It broke the protocol, and goes on.
    Mistake(Error),
    /// It leaves; its last words to the user.
    Left(Vec<String>),
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
            let event = self.connection.poll_event()?;
            if let Some(said) = self.heard(event) {
                return Some(said);
            }
        }
    }

    /// Asks what waited for the client to be done with something else.
    pub(super) fn settle(&mut self) {
        if self.next.is_some() && self.is_free() {
            self.go_on();
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
            Event::Closed { reasons } => Some(Said::Left(reasons)),
            Event::PeerError(error) => {
                tracing::debug!("an XSMP client complains: {error}");
                None
            }
            Event::Misbehaved(error) => Some(Said::Mistake(error)),
            // What it keeps with us is read when somebody wants to see it.
            _ => None,
        }
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
            Some(Why::Checkpoint) => self.obey(Connection::save_complete),
            Some(Why::LastSave) => {
                self.die();
                None
            }
            // What it owed to a query that was cancelled.
            None => None,
        };
        self.settle();
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
        // One that has left obeys nothing any more; that it has is told next.
        if self.connection.is_closed() {
            return None;
        }
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
        self.settle();
    }

    /// It is its turn to talk to its user.
    pub(super) fn interact(&mut self) {
        self.obey(Connection::interact);
    }

    /// All others have saved.
    pub(super) fn query_again(&mut self) {
        self.obey(Connection::save_yourself_phase2);
    }

    /// Its query is void. The coordinator counts on an answer that is still to come; the
    /// connection tells that from the answer to a later query, so it is given here.
    pub(super) fn cancel(&mut self) -> Option<Said> {
        let owes = if self.next == Some(Next::Query) {
            self.next = None;
            true
        } else if let Some(Why::Query { voted }) =
            self.save.take_if(|s| matches!(s, Why::Query { .. }))
        {
            self.obey(Connection::shutdown_cancelled);
            !voted
        } else {
            false
        };
        owes.then_some(Said::Answer(Answer::Accept))
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
            _ => {}
        }
        if self.save != Some(Why::LastSave) {
            self.die();
        }
    }

    fn die(&mut self) {
        self.save = None;
        self.next = None;
        self.obey(Connection::die);
    }
}

#[cfg(test)]
mod tests {
    use endsession_ice::client::{Connection as App, Event as Told};
    use endsession_ice::{Cookie, Cookies, DialogKind};

    use super::*;

    /// A client, the application at its other end, and what each of them was told.
    struct Pair {
        client: Client,
        app: App,
        said: Vec<Said>,
        told: Vec<Told>,
    }

    impl Pair {
        /// A client that has registered, and is not saving.
        fn new() -> Self {
            let cookie = Cookie::new([7; 16]);
            let cookies = Cookies {
                ice: cookie.clone(),
                xsmp: cookie,
            };
            let mut pair = Self {
                client: Client::new(Connection::new(cookies.clone(), "test", "1")),
                app: App::new(Some(cookies), None),
                said: Vec::new(),
                told: Vec::new(),
            };
            pair.drive();
            assert_eq!(pair.said(), [Said::Register(None)]);
            pair.client.connection.register("id").unwrap();
            assert_eq!(pair.told(), [Told::Registered]);
            pair
        }

        /// Carries bytes until neither side has any.
        fn drive(&mut self) {
            loop {
                self.client.settle();
                let to_app = self.client.connection.output().to_vec();
                self.client.connection.sent(to_app.len());
                self.app.handle_input(&to_app).unwrap();
                self.told
                    .extend(std::iter::from_fn(|| self.app.poll_event()));
                let to_client = self.app.output().to_vec();
                self.app.sent(to_client.len());
                self.client.connection.handle_input(&to_client).unwrap();
                self.said.extend(std::iter::from_fn(|| self.client.poll()));
                if to_app.is_empty() && to_client.is_empty() {
                    return;
                }
            }
        }

        fn said(&mut self) -> Vec<Said> {
            self.drive();
            std::mem::take(&mut self.said)
        }

        fn told(&mut self) -> Vec<Told> {
            self.drive();
            std::mem::take(&mut self.told)
        }

        fn done(&mut self) {
            self.app.save_done(true).unwrap();
        }
    }

    const YES: Said = Said::Answer(Answer::Accept);

    #[test]
    fn a_query_waits_for_the_save_under_way() {
        let mut pair = Pair::new();
        pair.client.checkpoint(SaveYourself::INITIAL);
        pair.client.query();
        assert_eq!(pair.told(), [Told::SaveYourself(SaveYourself::INITIAL)]);
        pair.done();
        assert_eq!(pair.said(), []);
        assert_eq!(pair.told(), [Told::SaveComplete, Told::SaveYourself(QUERY)]);
        pair.done();
        assert_eq!(pair.said(), [YES]);
        pair.client.end(false);
        assert_eq!(pair.told(), [Told::Die]);
    }

    #[test]
    fn a_query_that_was_never_sent_is_answered_when_it_is_void() {
        let mut pair = Pair::new();
        pair.client.checkpoint(SaveYourself::INITIAL);
        pair.client.query();
        assert_eq!(pair.client.cancel(), Some(YES));
        pair.drive();
        pair.done();
        assert_eq!(pair.said(), []);
        assert_eq!(pair.told().last(), Some(&Told::SaveComplete));
    }

    #[test]
    fn a_void_query_is_answered_once_and_the_next_is_told_apart() {
        let mut pair = Pair::new();
        pair.client.query();
        assert_eq!(pair.told(), [Told::SaveYourself(QUERY)]);
        assert_eq!(pair.client.cancel(), Some(YES));
        pair.client.query();
        assert_eq!(pair.told(), [Told::ShutdownCancelled]);
        pair.done();
        // The late answer is nobody's; only then the next query is sent.
        assert_eq!(pair.said(), []);
        assert_eq!(pair.told(), [Told::SaveYourself(QUERY)]);
        pair.done();
        assert_eq!(pair.said(), [YES]);
    }

    #[test]
    fn the_users_no_is_the_answer_and_the_end_of_the_save_says_nothing_more() {
        let mut pair = Pair::new();
        pair.client.query();
        pair.drive();
        pair.app.interact_request(DialogKind::Normal).unwrap();
        assert_eq!(pair.said(), [Said::Answer(Answer::WantsUser)]);
        pair.client.interact();
        assert_eq!(pair.told().last(), Some(&Told::Interact));
        pair.app.interact_done(true).unwrap();
        let no = Said::Answer(Answer::UserRefused(String::new()));
        assert_eq!(pair.said(), [no]);
        assert_eq!(pair.client.cancel(), None);
        assert_eq!(pair.told(), [Told::ShutdownCancelled]);
        pair.done();
        assert_eq!(pair.said(), []);
        pair.client.query();
        assert_eq!(pair.told(), [Told::SaveYourself(QUERY)]);
    }

    #[test]
    fn one_that_says_no_and_never_that_it_is_done_can_be_asked_again() {
        // gVim.
        let mut pair = Pair::new();
        pair.client.query();
        pair.drive();
        pair.app.interact_request(DialogKind::Error).unwrap();
        pair.drive();
        pair.client.interact();
        pair.drive();
        pair.app.interact_done(true).unwrap();
        pair.drive();
        assert_eq!(pair.client.cancel(), None);
        assert_eq!(pair.told().last(), Some(&Told::ShutdownCancelled));
        pair.client.query();
        assert_eq!(pair.told(), [Told::SaveYourself(QUERY)]);
    }

    #[test]
    fn a_dialog_that_was_not_cancelled_and_a_second_phase_lead_to_a_yes() {
        let mut pair = Pair::new();
        pair.client.query();
        pair.drive();
        pair.app.interact_request(DialogKind::Normal).unwrap();
        pair.drive();
        pair.client.interact();
        pair.drive();
        pair.app.interact_done(false).unwrap();
        pair.drive();
        pair.app.phase2_request().unwrap();
        assert_eq!(
            pair.said(),
            [Answer::WantsUser, Answer::UserAnswered, Answer::WantsLast].map(Said::Answer)
        );
        pair.client.query_again();
        pair.drive();
        pair.done();
        assert_eq!(pair.said(), [YES]);
    }

    #[test]
    fn a_client_that_is_ended_by_force_may_save_without_its_user() {
        let mut pair = Pair::new();
        pair.client.end(true);
        assert_eq!(pair.told(), [Told::SaveYourself(LAST_SAVE)]);
        pair.app.phase2_request().unwrap();
        pair.drive();
        pair.done();
        assert_eq!(pair.said(), []);
        assert_eq!(pair.told().last(), Some(&Told::Die));
    }

    #[test]
    fn a_client_that_talks_to_its_user_is_ended_at_once_by_force_and_one_that_saves_when_it_has() {
        let mut talks = Pair::new();
        talks.client.query();
        talks.drive();
        talks.app.interact_request(DialogKind::Normal).unwrap();
        talks.drive();
        talks.client.end(true);
        assert_eq!(talks.told().last(), Some(&Told::Die));
        let mut saves = Pair::new();
        saves.client.query();
        saves.client.end(true);
        assert_eq!(saves.told(), [Told::SaveYourself(QUERY)]);
        saves.done();
        assert_eq!(saves.told(), [Told::Die]);
        assert_eq!(saves.said(), []);
    }

    #[test]
    fn nobody_elses_word_ends_a_client() {
        let mut pair = Pair::new();
        pair.app.request_save(QUERY, true).unwrap();
        assert_eq!(pair.said(), [Said::LogOff]);
        // For itself alone, it is saved and no more.
        pair.app.request_save(QUERY, false).unwrap();
        pair.drive();
        let save = SaveYourself {
            shutdown: false,
            ..QUERY
        };
        assert_eq!(pair.told(), [Told::SaveYourself(save)]);
        pair.app.interact_request(DialogKind::Normal).unwrap();
        assert_eq!(pair.told(), [Told::Interact]);
        pair.app.interact_done(false).unwrap();
        pair.done();
        assert_eq!(pair.told(), [Told::SaveComplete]);
        assert_eq!(pair.said(), []);
    }
}

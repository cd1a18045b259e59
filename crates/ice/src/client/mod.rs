//! The application's side of one connection.
//!
//! [`Connection`] does no I/O and reads no clock; it is used as
//! [`server::Connection`](crate::server) is: bytes go in through [`Connection::handle_input`], what
//! happened comes out of [`Connection::poll_event`], commands fail with [`WrongState`] where the
//! protocol does not allow them, and [`Connection::output`] is written to the socket.
//!
//! From connecting to [`Event::Registered`] everything goes by itself.

mod session;
mod setup;

use std::collections::VecDeque;

use crate::cookie::Cookies;
use crate::error::{Error, PeerError, WrongState};
use crate::link::{Input, Link, MAX_EVENTS, MAX_OUTPUT, Wire};
use crate::property::{Properties, Property, TooMuch};
use crate::values::{DialogKind, SaveYourself};
use crate::wire::portable;
use crate::xsmp::Message;
use crate::{ice, server};
use session::Session;

/// How many pings, and how many questions for properties, may be without an answer.
const MAX_ASKED: u32 = 16;

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// ICE and XSMP are being set up.
    Connecting,
    /// The id is awaited.
    Registering,
    /// Nothing is under way.
    Idle,
    /// Asked to save.
    Saving,
    /// Asked to save, waiting for leave to talk to the user.
    InteractRequested,
    /// Talking to the user.
    Interacting,
    /// Waiting until all others have saved.
    WaitingForPhase2,
    /// All others have saved.
    SavingPhase2,
    /// Saved; the user must change nothing until the outcome is known.
    Saved,
    /// The shutdown was cancelled; [`Connection::save_done`] is still owed.
    Cancelled,
    /// Told to end.
    Dying,
    /// Over.
    Closed,
}

impl State {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connecting => "Connecting",
            Self::Registering => "Registering",
            Self::Idle => "Idle",
            Self::Saving => "Saving",
            Self::InteractRequested => "InteractRequested",
            Self::Interacting => "Interacting",
            Self::WaitingForPhase2 => "WaitingForPhase2",
            Self::SavingPhase2 => "SavingPhase2",
            Self::Saved => "Saved",
            Self::Cancelled => "Cancelled",
            Self::Dying => "Dying",
            Self::Closed => "Closed",
        }
    }
}

/// What the manager did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// It gave an id. [`Connection::client_id`] has it.
    Registered,
    /// It does not know the previous id; a new one was asked for.
    PreviousIdRefused,
    /// It asks to save: [`Connection::save_done`]. A save under way was answered with a failure.
    SaveYourself(SaveYourself),
    /// The user may be talked to: [`Connection::interact_done`].
    Interact,
    /// All others have saved: [`Connection::save_done`].
    Phase2,
    /// The save is over; the application may go on. Some managers say so also after a cancel.
    SaveComplete,
    /// The session goes on. If [`Connection::save_done`] was not yet said, it is still owed, and
    /// the state is [`State::Cancelled`]. For a client that was [`State::WaitingForPhase2`] it has
    /// been said.
    ShutdownCancelled,
    /// The application must end: [`Connection::close`].
    Die,
    /// The answer to [`Connection::get_properties`].
    Properties(Vec<Property>),
    /// The answer to [`Connection::ping`].
    Pong,
    /// It says that a message of ours was wrong.
    PeerError(PeerError),
    /// A message of its was wrong. It was told, and the connection goes on.
    Misbehaved(Error),
}

/// How far the setup has come.
#[derive(Debug)]
enum Stage {
    ByteOrder,
    Setup { authenticated: bool },
    Protocol { authenticated: bool },
    Registering { previous: bool, sequence: u32 },
    Registered(Session),
}

/// The application's side of one connection.
#[derive(Debug)]
pub struct Connection {
    link: Link,
    cookies: Option<Cookies>,
    previous: Vec<u8>,
    stage: Stage,
    id: Option<String>,
    vendor: String,
    release: String,
    pings: u32,
    questions: u32,
    events: VecDeque<Event>,
}

impl Connection {
    /// A connection that was just made to a session manager. The cookies are those of
    /// [`authority::client_cookies`](crate::authority::client_cookies); without them, only a
    /// manager that asks for none takes the client. `previous` is the id of an earlier session.
    #[must_use]
    pub fn new(cookies: Option<Cookies>, previous: Option<&str>) -> Self {
        Self::with_wire(cookies, previous, Wire::default())
    }

    /// The same, sending in another way.
    #[must_use]
    pub fn with_wire(cookies: Option<Cookies>, previous: Option<&str>, wire: Wire) -> Self {
        Self {
            link: Link::new(wire),
            cookies,
            previous: portable(previous.unwrap_or(""), server::MAX_CLIENT_ID),
            stage: Stage::ByteOrder,
            id: None,
            vendor: String::new(),
            release: String::new(),
            pings: 0,
            questions: 0,
            events: VecDeque::new(),
        }
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> State {
        if self.link.is_closed() {
            return State::Closed;
        }
        match &self.stage {
            Stage::ByteOrder | Stage::Setup { .. } | Stage::Protocol { .. } => State::Connecting,
            Stage::Registering { .. } => State::Registering,
            Stage::Registered(session) => session.state(),
        }
    }

    /// The id that the manager gave.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The manager's name, empty until XSMP is set up.
    #[must_use]
    pub fn vendor(&self) -> &str {
        &self.vendor
    }

    /// The manager's version, empty until XSMP is set up.
    #[must_use]
    pub fn release(&self) -> &str {
        &self.release
    }

    /// How many errors of the manager were borne.
    #[must_use]
    pub fn errors(&self) -> u32 {
        self.link.faults()
    }

    /// What is to be written to the socket.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        self.link.output()
    }

    /// Whether it is over. What is left in [`Connection::output`] is still to be written.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.link.is_closed()
    }

    /// Takes what came from the socket, in pieces of any size.
    ///
    /// # Errors
    /// When the manager refused the client ([`Error::Refused`]), or made an error after which the
    /// connection cannot go on. It is then closed. What a closed connection is given is discarded.
    pub fn handle_input(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let mut input = bytes;
        while let Some(message) = self.link.next(&mut input)? {
            match message {
                Input::Ice(message) => self.handle_ice(message)?,
                Input::Xsmp(message) => self.handle_xsmp(message)?,
                Input::Fault(error) => self.push(Event::Misbehaved(error))?,
            }
            // A reply found no room.
            if self.link.is_closed() {
                return Err(Error::OutputFull { limit: MAX_OUTPUT });
            }
        }
        Ok(())
    }

    /// Tells the manager of the application. Those required are `Program`, `UserID`,
    /// `RestartCommand` and `CloneCommand`, before the first [`Connection::save_done`]
    /// (xsmp.xml, "Predefined Properties").
    ///
    /// # Errors
    /// Before the client is registered, and after it left; and for more than the limits of
    /// [`property`](crate::property).
    pub fn set_properties(&mut self, properties: Vec<Property>) -> Result<(), SetError> {
        self.registered("SetProperties")
            .map_err(SetError::WrongState)?;
        // Within the limits that a manager of this crate has.
        Properties::new()
            .set(properties.clone())
            .map_err(SetError::TooMuch)?;
        self.send(&Message::SetProperties(properties));
        Ok(())
    }

    /// Takes back what was told.
    ///
    /// # Errors
    /// Before the client is registered, and after it left.
    pub fn delete_properties(&mut self, names: &[&str]) -> Result<(), WrongState> {
        self.registered("DeleteProperties")?;
        let names = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        self.send(&Message::DeleteProperties(names));
        Ok(())
    }

    /// Asks for what was told. The manager answers [`Event::Properties`].
    ///
    /// # Errors
    /// Before the client is registered, when too many questions are without an answer, and after it
    /// left.
    pub fn get_properties(&mut self) -> Result<(), WrongState> {
        self.registered("GetProperties")?;
        if self.questions >= MAX_ASKED {
            return Err(self.wrong("GetProperties"));
        }
        self.questions += 1;
        self.send(&Message::GetProperties);
        Ok(())
    }

    /// Asks for a save: of this client, or of all (`global`). With `shutdown`, for the end of the
    /// session. The manager may or may not follow.
    ///
    /// # Errors
    /// Before the client is registered, when it is told to end, and after it left.
    pub fn request_save(&mut self, save: SaveYourself, global: bool) -> Result<(), WrongState> {
        self.registered("SaveYourselfRequest")?;
        if self.state() == State::Dying {
            return Err(self.wrong("SaveYourselfRequest"));
        }
        self.send(&Message::SaveYourselfRequest { save, global });
        Ok(())
    }

    /// Asks for leave to talk to the user. The manager answers [`Event::Interact`], or
    /// [`Event::ShutdownCancelled`].
    ///
    /// # Errors
    /// Unless the client is saving, and was allowed to talk about that.
    pub fn interact_request(&mut self, kind: DialogKind) -> Result<(), WrongState> {
        self.command("InteractRequest", |session| session.interact_request(kind))
    }

    /// Says that talking to the user is over. With `cancel`, the user wants the session to go on.
    ///
    /// # Errors
    /// Unless the client is [`State::Interacting`]; with `cancel`, unless it is for a shutdown.
    pub fn interact_done(&mut self, cancel: bool) -> Result<(), WrongState> {
        self.command("InteractDone", |session| session.interact_done(cancel))
    }

    /// Asks to be told when all others have saved. The manager answers [`Event::Phase2`].
    ///
    /// # Errors
    /// Unless the client is [`State::Saving`].
    pub fn phase2_request(&mut self) -> Result<(), WrongState> {
        self.command("SaveYourselfPhase2Request", Session::phase2_request)
    }

    /// Answers [`Event::SaveYourself`] or [`Event::Phase2`].
    ///
    /// # Errors
    /// Unless the client is saving and not waiting for the manager, or owes the answer after a
    /// cancel. One that is told to end owes none.
    pub fn save_done(&mut self, success: bool) -> Result<(), WrongState> {
        self.command("SaveYourselfDone", |session| session.save_done(success))
    }

    /// Asks whether the manager handles messages. It answers [`Event::Pong`].
    ///
    /// # Errors
    /// Before the client is registered, when too many are without an answer, and after it left.
    pub fn ping(&mut self) -> Result<(), WrongState> {
        self.registered("Ping")?;
        if self.pings >= MAX_ASKED {
            return Err(self.wrong("Ping"));
        }
        self.pings += 1;
        self.link.send_ice(&ice::Message::Ping);
        Ok(())
    }

    /// Leaves. The reasons are for the user's eyes; where leaving is expected, there are none.
    pub fn close(&mut self, reasons: &[&str]) {
        if matches!(self.stage, Stage::Registered(_)) {
            let reasons = reasons.iter().map(|&reason| reason.to_owned()).collect();
            self.send(&Message::CloseConnection { reasons });
        }
        self.link.close();
    }

    /// What happened, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Forgets the first `n` bytes of [`Connection::output`]: they were written.
    pub fn sent(&mut self, n: usize) {
        self.link.sent(n);
    }

    fn wrong(&self, command: &'static str) -> WrongState {
        WrongState {
            command,
            state: self.state().name(),
        }
    }

    fn registered(&self, command: &'static str) -> Result<(), WrongState> {
        match &self.stage {
            Stage::Registered(_) if !self.link.is_closed() => Ok(()),
            _ => Err(self.wrong(command)),
        }
    }

    /// Runs a command of a registered client and sends what it says.
    fn command(
        &mut self,
        name: &'static str,
        run: impl FnOnce(&mut Session) -> Option<Message>,
    ) -> Result<(), WrongState> {
        self.registered(name)?;
        let wrong = self.wrong(name);
        let Stage::Registered(session) = &mut self.stage else {
            return Err(wrong);
        };
        let message = run(session).ok_or(wrong)?;
        self.send(&message);
        Ok(())
    }

    fn send(&mut self, message: &Message) {
        self.link.send_xsmp(message);
    }

    fn push(&mut self, event: Event) -> Result<(), Error> {
        if self.events.len() >= MAX_EVENTS {
            self.link.close();
            return Err(Error::TooManyEvents { limit: MAX_EVENTS });
        }
        self.events.push_back(event);
        Ok(())
    }

    /// Answers an error of the manager, and tells the caller where it goes on.
    fn fault(&mut self, error: Error) -> Result<(), Error> {
        let error = self.link.fault(error)?;
        self.push(Event::Misbehaved(error))
    }
}

/// Why properties were not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetError {
    /// The client is not registered.
    WrongState(WrongState),
    /// There is too much of them.
    TooMuch(TooMuch),
}

impl std::fmt::Display for SetError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::WrongState(error) => error.fmt(f),
            Self::TooMuch(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SetError {}

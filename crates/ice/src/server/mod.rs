//! The session manager's side of one connection.
//!
//! [`Connection`] does no I/O and reads no clock. Its methods come in four kinds:
//!
//! - getters ([`Connection::state`], [`Connection::client_id`], [`Connection::properties`]);
//! - [`Connection::handle_input`]: bytes come in;
//! - commands, which fail with [`WrongState`] where the protocol does not allow them;
//! - what comes out: [`Connection::poll_event`], and [`Connection::output`] with
//!   [`Connection::sent`] for the bytes.
//!
//! After every call, take events until there are none and write the output. When
//! [`Connection::is_closed`], write what is left of the output, if the socket takes it, and close
//! the socket.
//!
//! A ping, `GetProperties` and all of authentication are answered by the connection itself. So are
//! errors of the client: those after which it can go on are answered, counted and told as
//! [`Event::Misbehaved`]; too many of them ([`MAX_ERRORS`](crate::MAX_ERRORS)), or a grave one,
//! close the connection.

mod session;
mod setup;

use std::collections::VecDeque;

use crate::cookie::Cookies;
use crate::error::{Error, PeerError, WrongState};
use crate::ice;
use crate::link::{Input, Link, MAX_EVENTS, MAX_OUTPUT, Wire, ends};
use crate::property::Properties;
use crate::values::{DialogKind, SaveYourself};
use crate::wire::portable;
use session::{Barrier, Session};

/// The longest client id that is taken or given. The document's own format has 58 characters at
/// most.
pub const MAX_CLIENT_ID: usize = 255;

/// The longest vendor or release that is sent.
const MAX_VENDOR: usize = 255;

/// How many pings may be without an answer.
const MAX_PINGS: usize = 16;

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// ICE is not yet set up.
    Authenticating,
    /// ICE is, XSMP is not.
    Connected,
    /// XSMP is set up; the client has not asked for an id.
    Unregistered,
    /// The client has asked for an id: [`Connection::register`] or
    /// [`Connection::refuse_previous_id`].
    Registering,
    /// Registered, nothing under way.
    Idle,
    /// Asked to save; the answer is awaited.
    Saving,
    /// Asked to save; it wants to talk to the user: [`Connection::interact`].
    InteractRequested,
    /// It talks to the user.
    Interacting,
    /// It wants to know when all others are done: [`Connection::save_yourself_phase2`].
    Phase2Requested,
    /// It has been told that all others are done; the answer is awaited.
    SavingPhase2,
    /// It has answered, and waits for [`Connection::save_complete`], [`Connection::die`] or
    /// [`Connection::shutdown_cancelled`].
    Saved,
    /// The shutdown was cancelled before it answered, and it still owes the answer.
    Cancelled,
    /// Told to die.
    Dying,
    /// Over.
    Closed,
}

impl State {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Authenticating => "Authenticating",
            Self::Connected => "Connected",
            Self::Unregistered => "Unregistered",
            Self::Registering => "Registering",
            Self::Idle => "Idle",
            Self::Saving => "Saving",
            Self::InteractRequested => "InteractRequested",
            Self::Interacting => "Interacting",
            Self::Phase2Requested => "Phase2Requested",
            Self::SavingPhase2 => "SavingPhase2",
            Self::Saved => "Saved",
            Self::Cancelled => "Cancelled",
            Self::Dying => "Dying",
            Self::Closed => "Closed",
        }
    }
}

/// What the client did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// It asks for an id, or says which one it had. Answer with [`Connection::register`] or
    /// [`Connection::refuse_previous_id`].
    RegisterRequested {
        /// The id of an earlier session. Printable ASCII, [`MAX_CLIENT_ID`] at most.
        previous: Option<String>,
    },
    /// It asks for a save, or for the end of the session.
    SaveYourselfRequested {
        /// Which.
        save: SaveYourself,
        /// Of all clients, not of itself alone.
        global: bool,
    },
    /// It wants to talk to the user: [`Connection::interact`].
    InteractRequested {
        /// About what.
        kind: DialogKind,
    },
    /// It is done with talking to the user.
    InteractDone {
        /// The user said no: the whole shutdown is to be cancelled.
        cancel: bool,
    },
    /// It wants to be told when all others are done: [`Connection::save_yourself_phase2`].
    Phase2Requested,
    /// It has answered a [`Connection::save_yourself`], whether with or without the interaction
    /// that it asked for.
    SaveDone {
        /// It saved all that it wanted to save.
        success: bool,
    },
    /// [`Connection::properties`] are others.
    PropertiesChanged,
    /// The answer to [`Connection::ping`].
    Pong,
    /// It left. Nothing more comes.
    Closed {
        /// Its last words, to be shown to the user.
        reasons: Vec<String>,
    },
    /// It says that a message of ours was wrong.
    PeerError(PeerError),
    /// A message of its was wrong. It was told, and the connection goes on.
    Misbehaved(Error),
}

/// How far the setup has come.
#[derive(Debug)]
enum Stage {
    ByteOrder,
    Setup,
    Auth { version_index: u8 },
    Connected,
    ProtocolAuth { major: u8, version_index: u8 },
    Unregistered,
    Registering { sequence: u32, previous: Vec<u8> },
    Registered(Session),
}

/// A ping without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ping {
    /// The caller's.
    Asked,
    /// Behind a `ShutdownCancelled`, to know when the client has seen that.
    Barrier,
}

/// The manager's side of one connection.
#[derive(Debug)]
pub struct Connection {
    link: Link,
    cookies: Cookies,
    vendor: Vec<u8>,
    release: Vec<u8>,
    stage: Stage,
    id: Option<String>,
    properties: Properties,
    pings: VecDeque<Ping>,
    events: VecDeque<Event>,
}

impl Connection {
    /// A connection that was just accepted by the listener of these cookies. `vendor` and `release`
    /// name the session manager to its clients.
    #[must_use]
    pub fn new(cookies: Cookies, vendor: &str, release: &str) -> Self {
        Self::with_wire(cookies, vendor, release, Wire::default())
    }

    /// The same, sending in another way.
    #[must_use]
    pub fn with_wire(cookies: Cookies, vendor: &str, release: &str, wire: Wire) -> Self {
        Self {
            link: Link::new(wire),
            cookies,
            vendor: portable(vendor, MAX_VENDOR),
            release: portable(release, MAX_VENDOR),
            stage: Stage::ByteOrder,
            id: None,
            properties: Properties::new(),
            pings: VecDeque::new(),
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
            Stage::ByteOrder | Stage::Setup | Stage::Auth { .. } => State::Authenticating,
            Stage::Connected | Stage::ProtocolAuth { .. } => State::Connected,
            Stage::Unregistered => State::Unregistered,
            Stage::Registering { .. } => State::Registering,
            Stage::Registered(session) => session.state(),
        }
    }

    /// Whether the client showed a good cookie for XSMP.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        matches!(
            self.stage,
            Stage::Unregistered | Stage::Registering { .. } | Stage::Registered(_)
        )
    }

    /// The id that the client was given.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// What the client told of itself.
    #[must_use]
    pub fn properties(&self) -> &Properties {
        &self.properties
    }

    /// How many errors of the client were borne.
    #[must_use]
    pub fn errors(&self) -> u32 {
        self.link.faults()
    }

    /// What is to be written to the socket.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        self.link.output()
    }

    /// Whether it is over. What is left in [`Connection::output`] may tell the client why.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.link.is_closed()
    }

    /// Takes what came from the socket, in pieces of any size.
    ///
    /// # Errors
    /// When the client made an error after which the connection cannot go on. It is then closed,
    /// and the output tells the client why. What a closed connection is given is discarded, without
    /// an error (xsmp.xml, `ConnectionClosed`).
    pub fn handle_input(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let mut input = bytes;
        while let Some(message) = self.link.next(&mut input)? {
            match message {
                Input::Ice(message) => self.handle_ice(message)?,
                Input::Xsmp(message) => self.handle_xsmp(message)?,
                Input::Fault(error) => self.push(Event::Misbehaved(error))?,
            }
            // A reply found no room.
            if self.link.is_closed() && !self.left() {
                return Err(Error::OutputFull { limit: MAX_OUTPUT });
            }
        }
        Ok(())
    }

    /// Gives the client its id (xsmp.xml, `RegisterClientReply`): the previous one, or a new one,
    /// as [`client_id::format`](crate::client_id::format) makes it. Then, for a new one,
    /// [`SaveYourself::INITIAL`] must be sent. What is not printable ASCII is sent as `_`, and the
    /// id is cut to [`MAX_CLIENT_ID`]; [`Connection::client_id`] is what was sent.
    ///
    /// # Errors
    /// In any state but [`State::Registering`].
    pub fn register(&mut self, id: &str) -> Result<(), WrongState> {
        if self.state() != State::Registering {
            return Err(self.wrong("RegisterClientReply"));
        }
        self.give_id(id);
        Ok(())
    }

    /// Says that the previous id is not known here; the client may ask again (xsmp.xml,
    /// `RegisterClient`).
    ///
    /// # Errors
    /// In any state but [`State::Registering`].
    pub fn refuse_previous_id(&mut self) -> Result<(), WrongState> {
        if self.state() != State::Registering {
            return Err(self.wrong("Error BadValue"));
        }
        self.refuse_id();
        Ok(())
    }

    /// Asks the client to save. It answers [`Event::SaveDone`], after other requests.
    ///
    /// # Errors
    /// Unless the client is [`State::Idle`], [`State::Saved`], or [`State::Cancelled`], where the
    /// answer that it owes is told apart from the new one.
    pub fn save_yourself(&mut self, save: SaveYourself) -> Result<(), WrongState> {
        self.command("SaveYourself", |session| session.save_yourself(save))
    }

    /// Says that all other clients are done.
    ///
    /// # Errors
    /// Unless the client asked for it and was not told: it is [`State::Phase2Requested`], or talks
    /// to the user meanwhile.
    pub fn save_yourself_phase2(&mut self) -> Result<(), WrongState> {
        self.command("SaveYourselfPhase2", Session::phase2)
    }

    /// Lets the client talk to the user.
    ///
    /// # Errors
    /// In any state but [`State::InteractRequested`].
    pub fn interact(&mut self) -> Result<(), WrongState> {
        self.command("Interact", Session::interact)
    }

    /// Says that the save is over, and the client may go on.
    ///
    /// # Errors
    /// In any state but [`State::Saved`].
    pub fn save_complete(&mut self) -> Result<(), WrongState> {
        self.command("SaveComplete", Session::save_complete)
    }

    /// Says that the session goes on. A client that has not answered still does: it is
    /// [`State::Cancelled`] until then.
    ///
    /// # Errors
    /// Unless the client was asked to save for a shutdown and has not been told the outcome.
    pub fn shutdown_cancelled(&mut self) -> Result<(), WrongState> {
        self.command("ShutdownCancelled", Session::shutdown_cancelled)
    }

    /// Tells the client to end.
    ///
    /// # Errors
    /// Before it is registered, and after it left.
    pub fn die(&mut self) -> Result<(), WrongState> {
        self.command("Die", Session::die)
    }

    /// Asks whether the client handles messages. It answers [`Event::Pong`].
    ///
    /// # Errors
    /// Before ICE is set up, when too many are without an answer, and when it is over.
    pub fn ping(&mut self) -> Result<(), WrongState> {
        let state = self.state();
        if matches!(state, State::Authenticating | State::Closed) || self.pings.len() >= MAX_PINGS {
            return Err(self.wrong("Ping"));
        }
        self.send_ping(Ping::Asked);
        self.check_output();
        Ok(())
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

    /// Runs a command of a registered client and sends what it says.
    fn command(
        &mut self,
        name: &'static str,
        run: impl FnOnce(&mut Session) -> Option<session::Send>,
    ) -> Result<(), WrongState> {
        let wrong = self.wrong(name);
        if self.link.is_closed() {
            return Err(wrong);
        }
        let Stage::Registered(session) = &mut self.stage else {
            return Err(wrong);
        };
        let send = run(session).ok_or(wrong)?;
        if send.barrier == Barrier::Before {
            self.send_ping(Ping::Barrier);
        }
        self.link.send_xsmp(&send.message);
        if send.barrier == Barrier::After {
            self.send_ping(Ping::Barrier);
        }
        self.check_output();
        Ok(())
    }

    fn send_ping(&mut self, ping: Ping) {
        self.pings.push_back(ping);
        self.link.send_ice(&ice::Message::Ping);
    }

    /// A command found no room for its message: there is nobody to return the error to but the next
    /// who polls.
    fn check_output(&mut self) {
        if self.link.is_closed() {
            let error = Error::OutputFull { limit: MAX_OUTPUT };
            self.events.push_back(Event::Misbehaved(error));
            self.leave(Vec::new());
        }
    }

    /// The client left.
    fn leave(&mut self, reasons: Vec<String>) {
        self.link.close();
        self.events.push_back(Event::Closed { reasons });
    }

    /// Whether the client left by its own word.
    fn left(&self) -> bool {
        matches!(self.events.back(), Some(Event::Closed { .. }))
    }

    fn push(&mut self, event: Event) -> Result<(), Error> {
        // Of several changes that nobody looked at, one says it all.
        if event == Event::PropertiesChanged && self.events.back() == Some(&event) {
            return Ok(());
        }
        if self.events.len() >= MAX_EVENTS {
            self.link.close();
            return Err(Error::TooManyEvents { limit: MAX_EVENTS });
        }
        self.events.push_back(event);
        Ok(())
    }

    /// Answers an error of the client, and tells the caller where it goes on.
    fn fault(&mut self, error: Error) -> Result<(), Error> {
        let error = self.link.fault(error)?;
        self.push(Event::Misbehaved(error))
    }

    /// The client says that a message of ours was wrong.
    fn handle_error(&mut self, error: PeerError) -> Result<(), Error> {
        let end = ends(&error) || !self.link.connected;
        self.push(Event::PeerError(error))?;
        if end {
            self.leave(Vec::new());
        }
        Ok(())
    }
}

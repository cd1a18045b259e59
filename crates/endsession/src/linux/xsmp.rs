//! X11's session management protocol: a client of the manager that `SESSION_MANAGER` names.
//!
//! One thread, which reads. Whoever has something to say says it at once, and waits for nobody: a manager that takes nothing more from us has hung,
//! and is given up.
//!
//! XSMP has no no. A program that refuses asks for leave to talk to its user, and says then that the user wants the session to go on (xsmp.xml,
//! `InteractDone`). So it may refuse only where it may talk; a hold is kept in the same way.

use std::{
    io::{ErrorKind, Read, Write},
    net::Shutdown,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, SyncSender},
    },
    time::Duration,
};

use std::os::unix::net::UnixStream;

use endsession_ice::{
    DialogKind, InteractStyle, Property, SaveYourself,
    client::{Connection, Event, State},
};

use crate::{
    Ending, What,
    backend::{Application, Command, Commands},
    query::Answer,
    shared::{Shared, Ticket},
};

mod introduction;
mod place;

use introduction::introduction;
use place::Place;

/// What it is called when something is wrong with it.
const MANAGER: &str = "the manager that SESSION_MANAGER names";

/// How long a manager may take to know us.
const LIMIT: Duration = Duration::from_secs(2);

/// How long what we say may wait for room. The system keeps some hundred kilobytes for a manager that does not read, and we say eight bytes at a
/// time: one without room has not read for long. This is the shortest that the system can tell from for ever.
const ROOM: Duration = Duration::from_millis(1);

/// A save that the manager waits for, and that may be the end.
#[derive(Debug)]
struct Asked {
    ticket: Ticket,
    /// Whether a no can be said.
    may_refuse: bool,
    /// What is said as soon as we may talk to the user.
    answer: Option<Answer>,
}

/// What both threads have: the reader's and the application's.
struct Talk {
    connection: Connection,
    stream: UnixStream,
    /// What the manager is told as soon as it knows us.
    introduction: Vec<Property>,
    shared: Arc<Shared>,
    asked: Option<Asked>,
    /// A save for the end was answered, and how it ends is not known.
    is_undecided: bool,
    /// We were told to end, with this ticket.
    end: Option<Ticket>,
    /// The application wants nothing more.
    is_left: bool,
}

/// A registered client.
struct Client(Arc<Mutex<Talk>>);

/// Registers with the manager that the environment names. `gone` is called once when it has gone; not when we left it, because the application wants
/// nothing more or was told to end and is done.
///
/// # Errors
/// What is missing.
pub(crate) fn connect(
    application: &Application,
    shared: &Arc<Shared>,
    gone: Box<dyn FnOnce() + Send>,
) -> Result<Box<dyn Commands>, String> {
    connect_to(Place::of_session()?, application, shared, gone)
}

fn connect_to(
    place: Place,
    application: &Application,
    shared: &Arc<Shared>,
    gone: Box<dyn FnOnce() + Send>,
) -> Result<Box<dyn Commands>, String> {
    let (first, registered) = mpsc::sync_channel(1);
    let application = application.clone();
    let for_thread = Arc::clone(shared);
    // Connecting has no time limit of its own: a listener whose queue is full makes it wait.
    std::thread::Builder::new()
        .name("endsession-xsmp".into())
        .spawn(move || live(&place, &application, for_thread, &first, gone))
        .map_err(|error| format!("no thread can be started: {error}"))?;
    match registered.recv_timeout(LIMIT) {
        Ok(Ok(talk)) => Ok(Box::new(Client(talk))),
        Ok(Err(why)) => Err(why),
        Err(_) => Err(format!(
            "{MANAGER} has not answered within {} s",
            LIMIT.as_secs()
        )),
    }
}

/// What the first result is.
type First = Result<Arc<Mutex<Talk>>, String>;

fn live(
    place: &Place,
    application: &Application,
    shared: Arc<Shared>,
    first: &SyncSender<First>,
    gone: Box<dyn FnOnce() + Send>,
) {
    let talk = match register(place, application, shared) {
        Ok(talk) => Arc::new(Mutex::new(talk)),
        Err(why) => {
            // Nobody hears it who has waited long enough.
            let _late = first.send(Err(why));
            return;
        }
    };
    if first.send(Ok(Arc::clone(&talk))).is_err() {
        lock(&talk).leave();
        return;
    }
    if let Err(why) = listen(&talk) {
        tracing::debug!("the session manager of SESSION_MANAGER is given up: {why}");
    }
    let mut talk = lock(&talk);
    let is_left = talk.is_left;
    talk.is_over();
    drop(talk);
    if !is_left {
        gone();
    }
}

/// Connects, and talks until we are known.
fn register(place: &Place, application: &Application, shared: Arc<Shared>) -> Result<Talk, String> {
    let (stream, cookies) = place.connect()?;
    let io = |error: std::io::Error| format!("{MANAGER}: {error}");
    stream.set_write_timeout(Some(ROOM)).map_err(io)?;
    // Each piece of an answer may take as long as all of it: whoever waits has given up by then, and this thread ends at the latest a piece later.
    stream.set_read_timeout(Some(LIMIT)).map_err(io)?;
    let mut talk = Talk {
        connection: Connection::new(cookies, None),
        stream,
        introduction: introduction(application),
        shared,
        asked: None,
        is_undecided: false,
        end: None,
        is_left: false,
    };
    talk.flush()?;
    let mut buffer = [0; 4096];
    while matches!(
        talk.connection.state(),
        State::Connecting | State::Registering
    ) {
        let count = read(&talk.stream, &mut buffer)?;
        talk.takes(&buffer[..count])?;
    }
    talk.stream.set_read_timeout(None).map_err(io)?;
    Ok(talk)
}

/// Reads until the connection is over.
fn listen(talk: &Mutex<Talk>) -> Result<(), String> {
    let stream = lock(talk).stream.try_clone();
    let stream = stream.map_err(|error| error.to_string())?;
    let mut buffer = [0; 4096];
    loop {
        let count = read(&stream, &mut buffer)?;
        let mut talk = lock(talk);
        talk.takes(&buffer[..count])?;
        if talk.connection.is_closed() {
            return Ok(());
        }
    }
}

fn read(mut stream: &UnixStream, buffer: &mut [u8]) -> Result<usize, String> {
    loop {
        match stream.read(buffer) {
            Ok(0) => return Err(format!("{MANAGER} has hung up")),
            Ok(count) => return Ok(count),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(format!("reading from {MANAGER}: {error}")),
        }
    }
}

/// No code of others runs under it, so one that panicked has left it whole.
fn lock(talk: &Mutex<Talk>) -> MutexGuard<'_, Talk> {
    talk.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Commands for Client {
    fn send(&self, command: Command) {
        lock(&self.0).command(command);
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        lock(&self.0).leave();
    }
}

impl Talk {
    /// What the manager sent.
    fn takes(&mut self, bytes: &[u8]) -> Result<(), String> {
        // A message of ICE has a multiple of eight bytes, so that no piece ends two: what one asks for is done before the next changes where we stand.
        for piece in bytes.chunks(8) {
            let taken = self.connection.handle_input(piece);
            self.heed();
            // It may be told what was wrong, and not listen.
            let told = self.flush();
            taken.map_err(|error| format!("{MANAGER}: {error}"))?;
            told?;
        }
        Ok(())
    }

    /// Does what the manager asked for.
    fn heed(&mut self) {
        while let Some(event) = self.connection.poll_event() {
            match event {
                Event::Registered => {
                    let introduction = std::mem::take(&mut self.introduction);
                    if let Err(error) = self.connection.set_properties(introduction) {
                        tracing::warn!("the session manager is not told who this is: {error}");
                    }
                }
                Event::SaveYourself(save) => self.save_yourself(save),
                Event::Interact => self.answer(),
                Event::ShutdownCancelled => self.called_off(),
                // Some managers end a log-off that was called off with this alone.
                Event::SaveComplete if self.is_undecided => self.called_off(),
                Event::Die if self.end.is_none() => {
                    self.asked = None;
                    self.is_undecided = false;
                    self.end = Some(self.shared.end(Ending::UNKNOWN));
                }
                Event::PeerError(error) => {
                    tracing::warn!("the session manager calls a message of ours wrong: {error:?}");
                }
                Event::Misbehaved(error) => {
                    tracing::debug!("the session manager sent something wrong: {error}");
                }
                _ => {}
            }
        }
    }

    fn save_yourself(&mut self, save: SaveYourself) {
        if !save.shutdown {
            // A save that the last question was given up for.
            if self.asked.is_some() {
                self.called_off();
            }
            // What this program has to keep it keeps by itself.
            self.done(true);
            return;
        }
        let may_refuse = save.interact == InteractStyle::Any && !save.fast;
        let ticket = self.shared.query(Ending::new(None, !may_refuse));
        self.is_undecided = false;
        self.asked = Some(Asked {
            ticket,
            may_refuse,
            answer: None,
        });
    }

    /// The session goes on.
    fn called_off(&mut self) {
        self.asked = None;
        self.is_undecided = false;
        self.shared.cancelled();
        if self.connection.state() == State::Cancelled {
            self.done(false);
        }
    }

    /// What the application says.
    fn command(&mut self, command: Command) {
        match command {
            Command::Answer(ticket, answer) => match &mut self.asked {
                Some(asked) if asked.ticket == ticket => {
                    asked.answer = Some(answer);
                    self.answer();
                }
                _ => {}
            },
            Command::Ended(ticket) if self.end == Some(ticket) => self.leave(),
            Command::Close => self.leave(),
            // Which holds there are is looked up when it matters.
            _ => {}
        }
        if let Err(why) = self.flush() {
            tracing::debug!("the session manager is given up: {why}");
            // This wakes the reader.
            let _gone = self.stream.shutdown(Shutdown::Both);
        }
    }

    /// Says what can be said now of the application's answer.
    fn answer(&mut self) {
        let Some(asked) = &mut self.asked else {
            return;
        };
        let state = self.connection.state();
        match (&asked.answer, state) {
            (None, _) => {}
            (Some(Answer::AskingUser { .. }), State::Saving) if asked.may_refuse => {
                self.ask_to_talk();
            }
            (Some(Answer::AskingUser { .. }), _) => {}
            (Some(answer), State::Saving | State::Interacting) => {
                let accepts = matches!(answer, Answer::Accept);
                let goes_on = !accepts || self.is_held();
                match (goes_on, state) {
                    (true, State::Saving) if self.may_refuse() => self.ask_to_talk(),
                    (_, State::Saving) => self.answered(accepts),
                    _ => {
                        self.interacted(goes_on);
                        self.answered(!goes_on);
                    }
                }
            }
            // It is said when we may talk to the user.
            (Some(_), _) => {}
        }
    }

    fn may_refuse(&self) -> bool {
        self.asked.as_ref().is_some_and(|asked| asked.may_refuse)
    }

    /// Whether the application holds the session open, whatever it answers.
    fn is_held(&self) -> bool {
        let holds = self.shared.holds();
        holds
            .iter()
            .any(|(_, what, _)| what.contains(What::LOG_OFF))
    }

    fn ask_to_talk(&mut self) {
        if let Err(wrong) = self.connection.interact_request(DialogKind::Normal) {
            tracing::error!("a question for leave to ask the user came at a wrong time: {wrong}");
        }
    }

    fn interacted(&mut self, cancel: bool) {
        if let Err(wrong) = self.connection.interact_done(cancel) {
            tracing::error!("the end of asking the user came at a wrong time: {wrong}");
        }
    }

    /// The question is answered; what comes of it is the manager's to tell.
    fn answered(&mut self, success: bool) {
        self.asked = None;
        self.is_undecided = true;
        self.done(success);
    }

    fn done(&mut self, success: bool) {
        if let Err(wrong) = self.connection.save_done(success) {
            tracing::error!("the answer to a save came at a wrong time: {wrong}");
        }
    }

    fn leave(&mut self) {
        if std::mem::replace(&mut self.is_left, true) {
            return;
        }
        self.connection.close(&[]);
        // A manager that takes it no more sees the end of the connection.
        let _hung = self.flush();
        let _gone = self.stream.shutdown(Shutdown::Both);
    }

    /// The manager has gone, or we have: nothing comes of a question any more. Whoever was told to end is.
    fn is_over(&mut self) {
        let was_asked = self.asked.take().is_some() || std::mem::take(&mut self.is_undecided);
        if was_asked && self.end.is_none() && !self.is_left {
            self.shared.cancelled();
        }
        let _gone = self.stream.shutdown(Shutdown::Both);
    }

    fn flush(&mut self) -> Result<(), String> {
        while !self.connection.output().is_empty() {
            match (&self.stream).write(self.connection.output()) {
                Ok(count) => self.connection.sent(count),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    return Err(format!("{MANAGER} reads nothing"));
                }
                Err(error) => return Err(format!("writing to {MANAGER}: {error}")),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

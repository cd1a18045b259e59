//! `org.freedesktop.impl.portal.Inhibit`: sandboxed applications, as xdg-desktop-portal tells of them. Each monitor is a client of its own; each
//! hold is an inhibitor like any other. Turns calls into events, and queries and ends into signals. Decides nothing, touches no socket, reads no
//! clock.
//!
//! The portal speaks for its applications: whoever owns its name is believed which application calls, as it looks at the caller itself, and
//! nobody else is. The process of an application is what the bus vouches for: its connection's, whose name stands in the path of each request.

mod held;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use endsession_core::{Answer, Event, Identity, Round, VoterId};
use zbus::message::{Header, Type};
use zbus::{Message, ObjectPath, Variant};

use super::gnome::{Effects, Gnome};
use crate::bus::{Answered, DBUS, DBUS_PATH, Failure, Peer, failure, reply, signal, wants_reply};
use held::{Hold, Inhibit};

/// Our name as a backend of the portal.
pub const NAME: &str = "org.freedesktop.impl.portal.desktop.endsession";
/// The portal's own name.
pub(crate) const FRONTEND: &str = "org.freedesktop.portal.Desktop";
const PATH: &str = "/org/freedesktop/portal/desktop";
const INHIBIT: &str = "org.freedesktop.impl.portal.Inhibit";
const REQUEST: &str = "org.freedesktop.impl.portal.Request";
const SESSION: &str = "org.freedesktop.impl.portal.Session";

/// Numbers of this protocol's clients, apart from those of others.
const VOTER: u64 = 1 << 59;

/// Monitors kept, and holds, in all and of one application. An application has one of each; a runaway one must not use up everybody's share.
const MAX_MONITORS: usize = 4096;
const MAX_HOLDS: usize = 4096;
const MAX_EACH: usize = 64;
/// Calls that wait until the bus has told whose they are.
pub(crate) const MAX_WAITING: usize = 1024;
/// Bytes kept of an app id, and of an object's path.
const MAX_TEXT: usize = 512;

/// How long a yes waits for a hold that was taken before it. The portal passes a hold on when it has read its permissions, a process away, and a yes at once:
/// the hold arrives some milliseconds later, and would come too late.
const SETTLES: Duration = Duration::from_millis(250);

/// `session-state` of `StateChanged`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running = 1,
    QueryEnd = 2,
    Ending = 3,
}

/// An application that is told how the session stands, and is asked.
#[derive(Clone, Debug)]
struct Monitor {
    /// The path of its session object.
    session: String,
    /// Its connection.
    sender: String,
    /// It was asked and has not answered.
    is_asked: bool,
    /// When its yes counts.
    settles: Option<Instant>,
}

/// A call that waits until the bus has told whose it is.
#[derive(Clone, Debug)]
struct Waiting {
    call: Message,
    sender: String,
}

/// The portal's state.
#[derive(Debug, Default)]
pub(crate) struct Portal {
    /// Who owns the portal's name.
    frontend: Option<String>,
    monitors: BTreeMap<u64, Monitor>,
    /// By the path of the request that took it.
    holds: HashMap<String, Hold>,
    waiting: BTreeMap<NonZeroU32, Waiting>,
    last: u64,
    is_locked: bool,
}

impl Portal {
    /// Whether a path is one of the portal's objects: its own, its requests, its sessions.
    pub(crate) fn owns_path(path: &str) -> bool {
        path.strip_prefix(PATH)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Whether a client is one of this protocol's.
    pub(crate) fn owns(voter: VoterId) -> bool {
        voter.0 & !(VOTER - 1) == VOTER
    }

    /// When the next yes counts.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.monitors.values().filter_map(|m| m.settles).min()
    }

    /// The interfaces of one of its objects, as introspection data.
    pub(crate) fn describe(&self, path: &str) -> Option<&'static str> {
        if path == PATH {
            return Some(include_str!("inhibit.xml"));
        }
        if self.holds.contains_key(path) {
            return Some(include_str!("request.xml"));
        }
        let is_session = self.monitors.values().any(|m| m.session == path);
        is_session.then_some(include_str!("session.xml"))
    }

    /// Carries out one call. `None`: it is answered later, once [`Portal::told`] has been given the bus's answer to a question in `effects`.
    pub(crate) fn call(
        &mut self,
        message: &Message,
        peer: &Peer,
        gnome: &mut Gnome,
        effects: &mut Effects,
        questions: &mut Vec<Message>,
    ) -> Option<Answered> {
        let header = message.header();
        if self.frontend.as_ref() != Some(&peer.name) {
            return Some(Err(Failure::denied(format!(
                "only {FRONTEND} speaks for sandboxed applications; an application calls that"
            ))));
        }
        let path = header.path().map(|p| p.to_string()).unwrap_or_default();
        let member = header.member().map(|m| m.to_string()).unwrap_or_default();
        let interface = header.interface().map(|i| i.to_string());
        let answered = match (interface.as_deref(), member.as_str()) {
            (Some("org.freedesktop.DBus.Properties"), _) => properties(&member, message, &header),
            (None | Some(INHIBIT), "Inhibit" | "CreateMonitor") if path == PATH => {
                return self
                    .ask_whose(message, &header, questions)
                    .map_or_else(|f| Some(Err(f)), |()| None);
            }
            (None | Some(INHIBIT), "QueryEndResponse") if path == PATH => {
                self.query_end_response(message, &header)
            }
            (Some(REQUEST), "Close") => {
                self.release(&path, gnome, effects);
                reply(&header, &())
            }
            (Some(SESSION), "Close") => {
                self.close_session(&path, effects);
                reply(&header, &())
            }
            _ => Err(Failure::unknown_method(&header)),
        };
        Some(answered)
    }

    /// Asks the bus whose connection it is that a call is about.
    fn ask_whose(
        &mut self,
        message: &Message,
        header: &Header<'_>,
        questions: &mut Vec<Message>,
    ) -> Result<(), Failure> {
        let (handle, expected) = match header.member().map(|m| m.as_str()) {
            Some("Inhibit") => {
                let body = message.body();
                let call = body.deserialize::<Inhibit<'_>>();
                (call.ok().map(|call| call.0.to_string()), "ossua{sv}")
            }
            _ => {
                let body = message.body();
                let call: Result<(ObjectPath<'_>, ObjectPath<'_>, &str, &str), _> =
                    body.deserialize();
                (call.ok().map(|call| call.0.to_string()), "ooss")
            }
        };
        let handle = handle.ok_or_else(|| Failure::arguments(header, expected))?;
        let sender = sender_of(&handle).ok_or_else(|| {
            Failure::new(
                "org.freedesktop.DBus.Error.InvalidArgs",
                format!("{} names no caller", text(&handle)),
            )
        })?;
        if self.waiting.len() >= MAX_WAITING {
            return Err(limit("calls that wait", self.waiting.len()));
        }
        // A second one under the same path would leave the first without anybody to release it.
        if self.holds.contains_key(&handle) {
            return Err(Failure::new(
                "org.freedesktop.DBus.Error.InvalidArgs",
                format!("{} is a request already", text(&handle)),
            ));
        }
        let question = Message::method_call(DBUS_PATH, "GetConnectionCredentials")
            .destination(DBUS)
            .interface(DBUS)
            .build(&sender.as_str())
            .map_err(|e| Failure::new("org.freedesktop.DBus.Error.Failed", e.to_string()))?;
        let waiting = Waiting {
            call: message.clone(),
            sender,
        };
        if header.member().map(|m| m.as_str()) == Some("Inhibit") {
            self.holds.insert(handle, Hold::Awaited);
        }
        let serial = question.primary_header().serial_num();
        self.waiting.insert(serial, waiting);
        questions.push(question);
        Ok(())
    }

    /// The bus has answered whose a call is: `of` finds the application of a process.
    pub(crate) fn told(
        &mut self,
        answer: &Message,
        gnome: &mut Gnome,
        effects: &mut Effects,
        of: impl FnOnce(u32) -> Option<Identity>,
    ) -> Vec<Message> {
        let serial = answer.header().reply_serial();
        let Some(waiting) = serial.and_then(|s| self.waiting.remove(&s)) else {
            return Vec::new();
        };
        let header = waiting.call.header();
        let body = answer.body();
        let mut found: HashMap<String, Variant<'_>> = match answer.message_type() {
            Type::Error => HashMap::new(),
            _ => body.deserialize().unwrap_or_default(),
        };
        let mut number = |key: &str| found.remove(key).and_then(|v| u32::try_from(v).ok());
        let (pid, uid) = (number("ProcessID"), number("UnixUserID"));
        let caller = Peer {
            identity: pid.and_then(of).unwrap_or_else(|| {
                self.last += 1;
                Identity::Peer(VOTER + self.last)
            }),
            name: waiting.sender,
            pid,
            uid,
        };
        let (done, after) = match header.member().map(|m| m.as_str()) {
            // It has left the bus meanwhile.
            member if answer.message_type() == Type::Error => {
                if member == Some("Inhibit") {
                    self.forget_awaited(&waiting.call);
                }
                let gone = Failure::denied(format!("{} has left the bus", caller.name));
                (Err(gone), None)
            }
            Some("Inhibit") => {
                let done = self.inhibit(&waiting.call, &header, &caller, gnome, effects);
                (done, None)
            }
            _ => match self.create_monitor(&waiting.call, &header, &caller, effects) {
                // What it begins with comes after it knows that it will come.
                Ok((done, number)) => (Ok(done), self.state_of(number, State::Running)),
                Err(failed) => (Err(failed), None),
            },
        };
        let done = match done {
            Ok(done) => Some(done),
            Err(failed) => failure(&header, &failed),
        };
        let done = done.filter(|_| wants_reply(&waiting.call));
        done.into_iter().chain(after).collect()
    }

    fn create_monitor(
        &mut self,
        call: &Message,
        header: &Header<'_>,
        caller: &Peer,
        effects: &mut Effects,
    ) -> Result<(Message, u64), Failure> {
        let body = call.body();
        let (_handle, session, app_id, _window): (ObjectPath<'_>, ObjectPath<'_>, &str, &str) =
            body.deserialize()
                .map_err(|_| Failure::arguments(header, "ooss"))?;
        let of_this = self.monitors.values().filter(|m| m.sender == caller.name);
        if self.monitors.len() >= MAX_MONITORS || of_this.count() >= MAX_EACH {
            return Err(limit("monitors", self.monitors.len()));
        }
        if session.len() > MAX_TEXT
            || self
                .monitors
                .values()
                .any(|m| m.session == session.as_str())
        {
            return Err(Failure::new(
                "org.freedesktop.DBus.Error.InvalidArgs",
                format!("{} cannot be a new session", text(&session)),
            ));
        }
        self.last += 1;
        let number = VOTER + self.last;
        let monitor = Monitor {
            session: session.to_string(),
            sender: caller.name.clone(),
            is_asked: false,
            settles: None,
        };
        self.monitors.insert(number, monitor);
        effects.events.push(Event::Registered {
            voter: VoterId(number),
            of: caller.identity.clone(),
            name: name(app_id, caller),
            round: Round::early(Round::DEFAULT_LEVEL),
        });
        // 0: done, as every response of the portal says it.
        Ok((reply(header, &0_u32)?, number))
    }

    fn query_end_response(&mut self, message: &Message, header: &Header<'_>) -> Answered {
        let body = message.body();
        let session: ObjectPath<'_> = body
            .deserialize()
            .map_err(|_| Failure::arguments(header, "o"))?;
        let mut monitors = self.monitors.values_mut();
        let monitor = monitors
            .find(|m| m.session == session.as_str())
            .ok_or_else(|| Failure::unknown_object(&text(&session)))?;
        // A late or repeated one is no answer to anything.
        if std::mem::take(&mut monitor.is_asked) {
            monitor.settles = Some(Instant::now() + SETTLES);
        }
        reply(header, &())
    }

    /// Those whose yes counts by now.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Vec<Event> {
        let mut events = Vec::new();
        for (number, monitor) in &mut self.monitors {
            if monitor.settles.is_some_and(|at| at <= now) {
                monitor.settles = None;
                events.push(Event::Answered(VoterId(*number), Answer::Accept));
            }
        }
        events
    }

    fn close_session(&mut self, path: &str, effects: &mut Effects) {
        let found = self.monitors.iter().find(|(_, m)| m.session == path);
        if let Some(number) = found.map(|(number, _)| *number) {
            self.monitors.remove(&number);
            effects.events.push(Event::Unregistered(VoterId(number)));
        }
    }

    /// Asks a client.
    pub(crate) fn query(&mut self, voter: VoterId) -> Option<Message> {
        let monitor = self.monitors.get_mut(&voter.0)?;
        monitor.is_asked = true;
        monitor.settles = None;
        self.state_of(voter.0, State::QueryEnd)
    }

    /// Tells a client that its query is void. The coordinator counts on an answer that is still to come; here none does, or it came and does not count any
    /// more, so it is given at once.
    pub(crate) fn cancel(&mut self, voter: VoterId) -> (Option<Message>, Option<Event>) {
        let Some(monitor) = self.monitors.get_mut(&voter.0) else {
            return (None, None);
        };
        let was_asked = std::mem::take(&mut monitor.is_asked);
        let settled = monitor.settles.take().is_some();
        let owes = was_asked || settled;
        let answer = owes.then_some(Event::Answered(voter, Answer::Accept));
        (self.state_of(voter.0, State::Running), answer)
    }

    /// Tells a client to end.
    pub(crate) fn end(&mut self, voter: VoterId) -> Option<Message> {
        let monitor = self.monitors.get_mut(&voter.0)?;
        monitor.is_asked = false;
        monitor.settles = None;
        self.state_of(voter.0, State::Ending)
    }

    /// The screen was locked or unlocked: what to tell of it. Its applications learn nothing more of the lock.
    pub(crate) fn locked(&mut self, is_locked: bool) -> Vec<Message> {
        if std::mem::replace(&mut self.is_locked, is_locked) == is_locked {
            return Vec::new();
        }
        let numbers: Vec<u64> = self.monitors.keys().copied().collect();
        let state = |number: u64| match self.monitors.get(&number) {
            Some(monitor) if monitor.is_asked => State::QueryEnd,
            _ => State::Running,
        };
        let told = numbers.into_iter();
        told.filter_map(|number| self.state_of(number, state(number)))
            .collect()
    }

    fn state_of(&self, number: u64, state: State) -> Option<Message> {
        let monitor = self.monitors.get(&number)?;
        let session = ObjectPath::try_from(monitor.session.as_str()).ok()?;
        let told = HashMap::from([
            ("screensaver-active", Variant::from(self.is_locked)),
            ("session-state", Variant::from(state as u32)),
        ]);
        let to = self.frontend.as_deref();
        signal(to, PATH, INHIBIT, "StateChanged", &(session, told))
    }

    /// Somebody owns the portal's name from now on, or nobody.
    pub(crate) fn frontend_is(
        &mut self,
        owner: Option<&str>,
        gnome: &mut Gnome,
        effects: &mut Effects,
    ) {
        let owner = owner.filter(|name| !name.is_empty());
        if self.frontend.as_deref() == owner {
            return;
        }
        // What the one before told of is nobody's word any more.
        self.all_left(gnome, effects);
        self.frontend = owner.map(str::to_owned);
    }

    /// The portal is gone, and with it whatever it spoke for.
    pub(crate) fn all_left(&mut self, gnome: &mut Gnome, effects: &mut Effects) {
        self.frontend = None;
        self.waiting.clear();
        let paths: Vec<String> = self.holds.keys().cloned().collect();
        for path in paths {
            self.release(&path, gnome, effects);
        }
        for number in std::mem::take(&mut self.monitors).into_keys() {
            effects.events.push(Event::Unregistered(VoterId(number)));
        }
    }
}

/// The name to show: what the portal knows the application by, or its program's.
fn name(app_id: &str, caller: &Peer) -> String {
    if !app_id.is_empty() {
        return text(app_id);
    }
    let pid = caller.identity.pid().or(caller.pid);
    pid.and_then(crate::process::program)
        .unwrap_or_else(|| caller.name.clone())
}

/// The connection whose call a request is: its unique name is the last but one part of the path, with `_` for `.` and without the `:`.
/// (`org.freedesktop.portal.Request` says so to applications, which have to know the path beforehand.)
fn sender_of(handle: &str) -> Option<String> {
    let rest = handle.strip_prefix(PATH)?.strip_prefix("/request/")?;
    let (sender, token) = rest.split_once('/')?;
    let is_plain = sender.chars().all(|c| c.is_ascii_digit() || c == '_');
    (is_plain && !sender.is_empty() && sender.len() < 64 && !token.is_empty())
        .then(|| format!(":{}", sender.replace('_', ".")))
}

/// A peer's text, cut and made harmless.
fn text(text: &str) -> String {
    let kept = text.chars().take(MAX_TEXT);
    kept.map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn limit(what: &str, all: usize) -> Failure {
    Failure::new(
        "org.freedesktop.DBus.Error.LimitsExceeded",
        format!("too many {what}: {all} in all; release some first"),
    )
}

/// No object has any but the version of the interface of sessions and requests, which nobody reads: the portal asks for all and takes none.
fn properties(member: &str, message: &Message, header: &Header<'_>) -> Answered {
    match member {
        "GetAll" => {
            let body = message.body();
            let _interface: &str = body
                .deserialize()
                .map_err(|_| Failure::arguments(header, "s"))?;
            reply(header, &HashMap::<&str, Variant<'_>>::new())
        }
        _ => Err(Failure::unknown_method(header)),
    }
}

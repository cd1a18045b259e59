//! `org.gnome.SessionManager`, as GTK applications speak it: the union of what gnome-session 43 to
//! 50 and mate-session serve. Turns its calls into events, and queries and ends into signals to
//! exactly the client meant. Decides nothing, touches no socket.
//!
//! What is held through `org.freedesktop.ScreenSaver` is an inhibitor here too, of idling alone, so that
//! whoever goes by `InhibitedActions` hears of it.

mod held;
mod objects;
mod properties;

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use endsession_core::{Event, Force, Identity, Request, VoterId};
use zbus::Message;
use zbus::message::Header;
use zbus::{ObjectPath, Variant};

use crate::bus::{Answered, Failure, Peer, reply, signal};

const NAME: &str = "org.gnome.SessionManager";
const PATH: &str = "/org/gnome/SessionManager";
const CLIENT: &str = "org.gnome.SessionManager.Client";
const PRIVATE: &str = "org.gnome.SessionManager.ClientPrivate";
const INHIBITOR: &str = "org.gnome.SessionManager.Inhibitor";
const PRESENCE: &str = "org.gnome.SessionManager.Presence";
/// Ours, on the same client objects: what the seed's dialog needs and GNOME's protocol lacks.
const OWN_CLIENT: &str = "org.endsession.Client1";

/// Bytes kept of a reason.
pub const MAX_REASON: usize = 4096;
/// Bytes kept of an app id or startup id.
const MAX_ID: usize = 512;
/// Clients and inhibitors kept, in all and of one connection. A session has dozens; a runaway
/// client must not grow us without bound, nor use up everybody's share.
const MAX_CLIENTS: usize = 8192;
const MAX_CLIENTS_EACH: usize = 2048;
const MAX_INHIBITORS: usize = 8192;
const MAX_INHIBITORS_EACH: usize = 1024;

/// What an inhibitor may hold: the flags of `Inhibit`.
pub(crate) const LOG_OFF: u32 = 1;
pub(crate) const SWITCH_USER: u32 = 2;
pub(crate) const SUSPEND: u32 = 4;
pub(crate) const IDLE: u32 = 8;
pub(crate) const AUTOMOUNT: u32 = 16;

/// A registered client.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) bus_name: String,
    pub(crate) app_id: String,
    startup_id: String,
    pid: Option<u32>,
    /// It was told to end; its next answer says that it has done what it had to.
    told: bool,
    /// When it registered.
    since: Instant,
    /// It has spoken on its own object: it listens there.
    heard: bool,
    /// It was asked right after it had registered, and has not been heard since. It may not have
    /// listened yet: a client learns where to listen from the reply.
    unheard: bool,
    /// It was unheard when its query was cancelled: nobody knows whether an answer to that is still
    /// to come, or whether it was missed.
    in_doubt: bool,
}

/// A client that registered so shortly ago may not listen yet.
const JUST_REGISTERED: Duration = Duration::from_secs(1);

/// A held inhibitor.
#[derive(Clone, Debug)]
pub(crate) struct Inhibitor {
    bus_name: String,
    pub(crate) app_id: String,
    /// What its holder is called: the app id, or its program where it gave none.
    pub(crate) name: String,
    /// Its holder.
    pub(crate) of: Identity,
    pub(crate) reason: String,
    pub(crate) flags: u32,
    xid: u32,
    client: Option<u32>,
    /// It was taken at `org.freedesktop.ScreenSaver`.
    by_saver: bool,
}

/// What a call leads to besides its reply.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) events: Vec<Event>,
    pub(crate) signals: Vec<Message>,
    pub(crate) request: Option<Request>,
    /// Inhibitors that were taken, and those that were released.
    pub(crate) taken: Vec<Inhibitor>,
    pub(crate) released: Vec<Inhibitor>,
}

/// The service's state.
#[derive(Debug, Default)]
pub(crate) struct Gnome {
    pub(crate) clients: BTreeMap<u32, Client>,
    pub(crate) inhibitors: BTreeMap<u32, Inhibitor>,
    /// The flags of all of them together.
    inhibited: u32,
    /// What each connection holds, so that one that leaves is forgotten without a search.
    held: HashMap<String, Held>,
    last: u32,
    presence: (u32, String),
    ending: bool,
    /// Inhibitors have come or gone since [`Gnome::inhibitors_changed`].
    changed: bool,
}

#[derive(Debug, Default)]
struct Held {
    clients: Vec<u32>,
    inhibitors: Vec<u32>,
}

/// What an inhibitor is asked for with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) app_id: &'a str,
    pub(crate) xid: u32,
    pub(crate) reason: &'a str,
    pub(crate) flags: u32,
    pub(crate) by_saver: bool,
}

fn client_path(n: u32) -> String {
    format!("{PATH}/Client{n}")
}

fn inhibitor_path(n: u32) -> String {
    format!("{PATH}/Inhibitor{n}")
}

fn object(path: String) -> Result<ObjectPath<'static>, Failure> {
    ObjectPath::try_from(path).map_err(|e| error("GeneralError", e.to_string()))
}

/// One of the protocol's own errors.
fn error(name: &str, text: impl Into<String>) -> Failure {
    let name = match name {
        "NotInInitialization" => "org.gnome.SessionManager.NotInInitialization",
        "NotInRunning" => "org.gnome.SessionManager.NotInRunning",
        "AlreadyRegistered" => "org.gnome.SessionManager.AlreadyRegistered",
        "NotRegistered" => "org.gnome.SessionManager.NotRegistered",
        "InvalidOption" => "org.gnome.SessionManager.InvalidOption",
        _ => "org.gnome.SessionManager.GeneralError",
    };
    Failure::new(name, text)
}

/// Cuts a peer's text to `max` bytes at a character, controls made harmless.
fn clip(text: &str, max: usize) -> String {
    let mut kept = String::new();
    for c in text.chars() {
        let c = if c.is_control() && c != '\n' { ' ' } else { c };
        if kept.len() + c.len_utf8() > max {
            break;
        }
        kept.push(c);
    }
    kept
}

/// Reads the arguments of a call that takes exactly `T`, all of whose parts own what they hold.
fn arguments<T>(message: &Message, header: &Header<'_>, expected: &str) -> Result<T, Failure>
where
    T: serde::de::DeserializeOwned + zbus::zvariant::Type,
{
    let body = message.body();
    body.deserialize()
        .map_err(|_| Failure::arguments(header, expected))
}

impl Gnome {
    /// Whether a path is one of this service's objects.
    pub(crate) fn owns(path: &str) -> bool {
        path == PATH
            || path
                .strip_prefix(PATH)
                .is_some_and(|rest| rest.starts_with('/'))
    }

    /// The session is ending: nobody registers any more.
    pub(crate) fn set_ending(&mut self, ending: bool) {
        self.ending = ending;
    }

    /// The names of the objects below the service's own, for introspection.
    pub(crate) fn children(&self) -> Vec<String> {
        let clients = self.clients.keys().map(|n| format!("Client{n}"));
        let inhibitors = self.inhibitors.keys().map(|n| format!("Inhibitor{n}"));
        clients
            .chain(inhibitors)
            .chain(["Presence".to_owned()])
            .collect()
    }

    /// The interfaces of one of its objects, as introspection data.
    pub(crate) fn describe(&self, path: &str) -> Option<&'static str> {
        match self.find(path)? {
            Object::Manager => Some(include_str!("manager.xml")),
            Object::Client(_) => Some(include_str!("client.xml")),
            Object::Inhibitor(_) => Some(include_str!("inhibitor.xml")),
            Object::Presence => Some(include_str!("presence.xml")),
        }
    }

    fn find(&self, path: &str) -> Option<Object> {
        let rest = path.strip_prefix(PATH)?;
        if rest.is_empty() {
            return Some(Object::Manager);
        }
        let name = rest.strip_prefix('/')?;
        if name == "Presence" {
            return Some(Object::Presence);
        }
        if let Some(n) = name.strip_prefix("Client").and_then(|n| n.parse().ok()) {
            return self.clients.contains_key(&n).then_some(Object::Client(n));
        }
        let n = name.strip_prefix("Inhibitor")?.parse().ok()?;
        self.inhibitors
            .contains_key(&n)
            .then_some(Object::Inhibitor(n))
    }

    /// Carries out one call.
    pub(crate) fn call(
        &mut self,
        message: &Message,
        peer: &Peer,
        effects: &mut Effects,
    ) -> Answered {
        let header = message.header();
        let path = header.path().map(|p| p.to_string()).unwrap_or_default();
        let object = self
            .find(&path)
            .ok_or_else(|| Failure::unknown_object(&path))?;
        let member = header.member().map(|m| m.to_string()).unwrap_or_default();
        let interface = header.interface().map(|i| i.to_string());
        let interface = interface.as_deref();
        if interface == Some("org.freedesktop.DBus.Properties") {
            return self.property(&object, &member, message, &header, effects);
        }
        match object {
            Object::Manager if matches!(interface, None | Some(NAME)) => {
                self.manager_call(&member, message, &header, peer, effects)
            }
            Object::Client(n) => match interface {
                Some(PRIVATE) => self.private_call(n, &member, message, &header, peer, effects),
                Some(OWN_CLIENT) => self.own_call(n, &member, message, &header, peer, effects),
                None | Some(CLIENT) => self.client_call(n, &member, &header, effects),
                _ => Err(Failure::unknown_method(&header)),
            },
            Object::Inhibitor(n) if matches!(interface, None | Some(INHIBITOR)) => {
                self.inhibitor_call(n, &member, &header)
            }
            Object::Presence if matches!(interface, None | Some(PRESENCE)) => {
                self.presence_call(&member, message, &header, effects)
            }
            _ => Err(Failure::unknown_method(&header)),
        }
    }

    fn manager_call(
        &mut self,
        member: &str,
        message: &Message,
        header: &Header<'_>,
        peer: &Peer,
        effects: &mut Effects,
    ) -> Answered {
        let cannot = |what: &str| {
            error(
                "GeneralError",
                format!("this session cannot {what}: it has no way to reach the machine's power"),
            )
        };
        match member {
            "RegisterClient" => {
                let body = message.body();
                let (app_id, startup_id): (&str, &str) = body
                    .deserialize()
                    .map_err(|_| Failure::arguments(header, "ss"))?;
                let path = self.register(app_id, startup_id, peer, effects)?;
                reply(header, &object(path)?)
            }
            "UnregisterClient" => {
                let body = message.body();
                let path: ObjectPath<'_> = body
                    .deserialize()
                    .map_err(|_| Failure::arguments(header, "o"))?;
                let Some(Object::Client(n)) = self.find(path.as_str()) else {
                    return Err(error(
                        "NotRegistered",
                        format!("{path} is no registered client"),
                    ));
                };
                self.own(n, peer)?;
                self.drop_client(n, effects);
                reply(header, &())
            }
            "Inhibit" => {
                let body = message.body();
                let (app_id, xid, reason, flags): (&str, u32, &str, u32) = body
                    .deserialize()
                    .map_err(|_| Failure::arguments(header, "susu"))?;
                let asked = Asked {
                    app_id,
                    xid,
                    reason,
                    flags,
                    by_saver: false,
                };
                let cookie = self.inhibit(asked, peer, effects)?;
                reply(header, &cookie)
            }
            "Uninhibit" => {
                let cookie: u32 = arguments::<u32>(message, header, "u")?;
                self.uninhibit(cookie, peer, effects)?;
                reply(header, &())
            }
            "IsInhibited" => {
                let flags: u32 = arguments::<u32>(message, header, "u")?;
                reply(header, &(self.inhibited() & flags != 0))
            }
            "GetInhibitors" => {
                let paths: Result<Vec<_>, _> = self
                    .inhibitors
                    .keys()
                    .map(|n| object(inhibitor_path(*n)))
                    .collect();
                reply(header, &paths?)
            }
            "GetClients" => {
                let paths: Result<Vec<_>, _> = self
                    .clients
                    .keys()
                    .map(|n| object(client_path(*n)))
                    .collect();
                reply(header, &paths?)
            }
            "Logout" => {
                let mode: u32 = arguments::<u32>(message, header, "u")?;
                let (confirm, force) = match mode {
                    0 => (true, Force::No),
                    1 => (false, Force::No),
                    2 => (false, Force::Now),
                    _ => {
                        return Err(error(
                            "InvalidOption",
                            format!(
                                "log-off mode {mode} is none of 0 (normal), 1 (no confirmation), 2 (force)"
                            ),
                        ));
                    }
                };
                effects.request = Some(Request {
                    confirm,
                    force,
                    ..Request::default()
                });
                reply(header, &())
            }
            "Shutdown" | "RequestShutdown" => Err(cannot("power off")),
            "Reboot" | "RequestReboot" => Err(cannot("restart")),
            "Suspend" => Err(cannot("suspend")),
            // The type of the reply is b until gnome-session 49, which every client still reads.
            // Where logind can be asked, it has been, and `CanShutdown` does not come here.
            "CanShutdown" | "CanRebootToFirmwareSetup" => reply(header, &false),
            "SetRebootToFirmwareSetup" => Err(cannot("restart into the firmware's set-up")),
            "IsSessionRunning" => reply(header, &!self.ending),
            "Setenv" => Err(error(
                "NotInInitialization",
                "the environment can be set only before the session runs",
            )),
            "GetLocale" => {
                let category: i32 = arguments::<i32>(message, header, "i")?;
                reply(header, &locale(category).as_str())
            }
            "InitializationError" => Err(error(
                "NotInInitialization",
                "the session is already running",
            )),
            "Initialized" => reply(header, &()),
            _ => Err(Failure::unknown_method(header)),
        }
    }

    /// Asks a client.
    ///
    /// Twice where it may never have heard a query that was cancelled: the first answer would be taken
    /// for the late one to that.
    pub(crate) fn query(&mut self, voter: VoterId) -> Vec<Message> {
        self.set_told(voter, false);
        let client = u32::try_from(voter.0).ok();
        let client = client.and_then(|n| self.clients.get_mut(&n));
        let times = client.map_or(0, |client| {
            client.unheard = !client.heard && client.since.elapsed() < JUST_REGISTERED;
            1 + usize::from(std::mem::take(&mut client.in_doubt))
        });
        (0..times)
            .filter_map(|_| self.to_client(voter, "QueryEndSession", Some(0)))
            .collect()
    }

    /// Asks a client that takes long a second time, where it may have missed the first.
    pub(crate) fn query_missed(&mut self, voter: VoterId) -> Option<Message> {
        let n = u32::try_from(voter.0).ok()?;
        let client = self.clients.get_mut(&n)?;
        let missed = std::mem::take(&mut client.unheard);
        missed.then(|| self.to_client(voter, "QueryEndSession", Some(0)))?
    }

    /// Tells a client that its query is void.
    pub(crate) fn cancel(&mut self, voter: VoterId) -> Option<Message> {
        let n = u32::try_from(voter.0).ok()?;
        let client = self.clients.get_mut(&n)?;
        client.in_doubt |= std::mem::take(&mut client.unheard);
        self.to_client(voter, "CancelEndSession", None)
    }

    /// Tells a client to end.
    pub(crate) fn end(&mut self, voter: VoterId, forceful: bool) -> Option<Message> {
        self.set_told(voter, true);
        self.to_client(voter, "EndSession", Some(u32::from(forceful)))
    }

    fn set_told(&mut self, voter: VoterId, told: bool) {
        let n = u32::try_from(voter.0).ok();
        if let Some(client) = n.and_then(|n| self.clients.get_mut(&n)) {
            client.told = told;
        }
    }

    fn to_client(&self, voter: VoterId, member: &str, flags: Option<u32>) -> Option<Message> {
        let n = u32::try_from(voter.0).ok()?;
        let client = self.clients.get(&n)?;
        let (to, path) = (Some(client.bus_name.as_str()), client_path(n));
        match flags {
            Some(flags) => signal(to, &path, PRIVATE, member, &flags),
            None => signal(to, &path, PRIVATE, member, &()),
        }
    }

    /// Says that the session is over.
    pub(crate) fn session_over() -> Option<Message> {
        signal(None, PATH, NAME, "SessionOver", &())
    }

    /// Says that the session runs.
    pub(crate) fn session_running() -> Option<Message> {
        signal(None, PATH, NAME, "SessionRunning", &())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Object {
    Manager,
    Client(u32),
    Inhibitor(u32),
    Presence,
}

fn limit(what: &str, each: usize, all: usize) -> Failure {
    Failure::new(
        "org.freedesktop.DBus.Error.LimitsExceeded",
        format!("too many {what}: {each} on this connection, {all} in all; release some first"),
    )
}

pub(crate) fn properties_changed(
    path: &str,
    interface: &str,
    changed: &HashMap<&str, Variant<'_>>,
) -> Option<Message> {
    let invalidated: [&str; 0] = [];
    signal(
        None,
        path,
        "org.freedesktop.DBus.Properties",
        "PropertiesChanged",
        &(interface, changed, &invalidated[..]),
    )
}

/// The session's locale for a category of `locale.h`, from the environment as setlocale reads it.
fn locale(category: i32) -> String {
    let name = match category {
        0 => "LC_CTYPE",
        1 => "LC_NUMERIC",
        2 => "LC_TIME",
        3 => "LC_COLLATE",
        4 => "LC_MONETARY",
        5 => "LC_MESSAGES",
        _ => "LC_ALL",
    };
    let set = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    set("LC_ALL")
        .or_else(|| set(name))
        .or_else(|| set("LANG"))
        .unwrap_or_else(|| "C".to_owned())
}

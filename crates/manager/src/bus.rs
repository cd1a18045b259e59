//! The session bus: our names on it, who its peers are, and what goes out.
//!
//! Everything that the bus sends comes through one stream, in order, replies to our own questions
//! included: waiting for a reply inside the loop would stop the stream that brings it.

use std::collections::{BTreeMap, HashMap};
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use endsession_core::Identity;
use futures_util::{FutureExt as _, StreamExt as _};
use zbus::message::{Flags, Header, Type};
use zbus::names::BusName;
use zbus::{Connection, Message, MessageStream, connection};

use crate::adapter::screensaver;
use crate::process;

/// Peers remembered. Each that leaves the bus is forgotten; the cap is against a bus that does not
/// say so.
const MAX_PEERS: usize = 16_384;

/// Messages of one peer kept while the bus is asked who it is.
const MAX_PARKED: usize = 1024;

/// How long another manager may take to say whose it is. It answers at once, unless it hangs.
const MANAGES_LIMIT: Duration = Duration::from_secs(2);

/// Bytes of an answer that is kept. The longest asked for is an environment, and a few hundred
/// variables are some 20 KiB; a message may be 128 MiB.
const MAX_ANSWER: usize = 1 << 20;

/// How long the last messages may take to be read by the bus.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);

pub(crate) const DBUS: &str = "org.freedesktop.DBus";
pub(crate) const DBUS_PATH: &str = "/org/freedesktop/DBus";

/// Who is at the other end, as the bus vouches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    /// Its unique name.
    pub(crate) name: String,
    pub(crate) pid: Option<u32>,
    pub(crate) uid: Option<u32>,
    /// Its process, or its connection where the bus tells no process.
    pub(crate) identity: Identity,
}

/// What came in.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A method call, and who made it.
    Call(Message, Peer),
    /// A peer left the bus.
    Left(String),
    /// A peer answered our ping, or left it unanswered with an error, which it could only do alive.
    Pong(Identity),
    /// The answer to [`Bus::call`], which may be an error.
    Answer(About, Message),
    /// A signal that somebody asked the bus for.
    Signal(Message),
    /// A name that somebody asked the bus for has another owner; empty for none.
    Owner(String, String),
    /// The screen saver's name was ours and is another's now.
    SaverNameLost,
    /// The screen saver's name is nobody's.
    SaverNameFree,
}

/// What a call of the manager's own was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// Whether a screen saver is active.
    ScreenSaver,
    /// A desktop notification.
    Notification,
    /// Whose connection it is that a call of the portal's is about.
    Portal,
    /// Who owns the portal's name.
    PortalOwner,
    /// The name of the screen saver.
    SaverName,
}

impl About {
    /// How many of its kind are remembered.
    fn most(self) -> usize {
        match self {
            Self::Portal => crate::adapter::portal::MAX_WAITING,
            _ => 32,
        }
    }
}

#[derive(Debug)]
enum Known {
    Yes(Peer),
    Asking(Vec<Message>),
}

/// One connection to a session bus.
#[derive(Debug)]
pub(crate) struct Bus {
    connection: Connection,
    stream: MessageStream,
    out: Vec<Message>,
    peers: HashMap<String, Known>,
    lookups: HashMap<NonZeroU32, String>,
    pings: HashMap<NonZeroU32, Identity>,
    calls: BTreeMap<NonZeroU32, About>,
    questions: HashMap<NonZeroU32, Asked>,
    anonymous: u64,
    /// We have the names that applications know.
    first: bool,
}

/// A question of the manager's own; see [`Bus::ask`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question(NonZeroU32);

#[derive(Debug)]
struct Asked {
    /// What was to be done, for the log.
    what: &'static str,
    answer: Option<Message>,
}

/// Why the bus could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BusError {
    /// The bus itself.
    #[error("the session bus at {address}: {source}")]
    Bus {
        /// Where.
        address: String,
        /// What it said.
        source: zbus::Error,
    },
    /// Somebody owns the session already.
    #[error(
        "{owner} already manages this session (it owns {name} on the session bus); use its own log-off, or `endsession run`, which starts a session with a bus of its own"
    )]
    Owned {
        /// The bus name.
        name: String,
        /// The program and pid that own it.
        owner: String,
    },
}

/// The names by which session managers are known. Owning any of them means owning the session.
pub const MANAGER_NAMES: [&str; 6] = [
    "org.gnome.SessionManager",
    "org.kde.ksmserver",
    "org.xfce.SessionManager",
    "org.lxqt.session",
    "com.system76.CosmicSession",
    "org.endsession.Manager1",
];

impl Bus {
    pub(crate) async fn connect(address: &str) -> Result<Self, BusError> {
        let error = |source| BusError::Bus {
            address: address.to_owned(),
            source,
        };
        let queue = NonZeroUsize::new(1024).unwrap_or(NonZeroUsize::MIN);
        let connection = connection::Builder::address(address)
            .max_queued(queue)
            .build()
            .await
            .map_err(error)?;
        // Before we own a name nobody has anything to say to us, so the stream misses nothing.
        let stream = MessageStream::from(&connection);
        // Only departures of connections: a general rule would wake us for every name that comes.
        let rule = "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',\
                    member='NameOwnerChanged',arg2=''";
        connection
            .call_method(Some(DBUS), DBUS_PATH, Some(DBUS), "AddMatch", &rule)
            .await
            .map_err(error)?;
        Ok(Self {
            connection,
            stream,
            out: Vec::new(),
            peers: HashMap::new(),
            lookups: HashMap::new(),
            pings: HashMap::new(),
            calls: BTreeMap::new(),
            questions: HashMap::new(),
            anonymous: 0,
            first: false,
        })
    }

    /// Takes the session manager's names, all or none. `beside`: where an endsession that manages
    /// another display has them, only the name of a further session.
    pub(crate) async fn take_names(&mut self, address: &str, beside: bool) -> Result<(), BusError> {
        for name in MANAGER_NAMES {
            let Some(owner) = self.owner(name).await else {
                continue;
            };
            if beside && self.manages_another_display().await {
                tracing::info!(
                    "{owner} manages another session on this bus: applications that register over the bus \
                     reach that one; here only windows, jobs and XSMP clients can be asked"
                );
                return self.take_second_name(address).await;
            }
            return Err(BusError::Owned {
                name: name.to_owned(),
                owner,
            });
        }
        // Ours first: whoever sees the other one owned and not ours takes us for another manager.
        let portal = crate::adapter::portal::NAME;
        self.request_names(
            address,
            &[crate::control::NAME, portal, "org.gnome.SessionManager"],
        )
        .await?;
        self.first = true;
        Ok(())
    }

    /// Whether applications find us under the names that they know.
    pub(crate) fn is_first(&self) -> bool {
        self.first
    }

    /// Takes the name by which the command, bars and dialogs reach us, and none that applications
    /// know: for one request in a session that has no manager.
    pub(crate) async fn take_control_name(&self, address: &str) -> Result<(), BusError> {
        if self.owner(crate::control::NAME).await.is_some() && self.manages_another_display().await
        {
            return self.take_second_name(address).await;
        }
        self.request_names(address, &[crate::control::NAME]).await
    }

    async fn take_second_name(&self, address: &str) -> Result<(), BusError> {
        let id = crate::membership::name_on_the_bus();
        let name = format!("{}.s_{id}", crate::control::NAME);
        self.request_names(address, &[&name]).await
    }

    /// Whether the owner of our name says that our process, and so our display, is not its own.
    async fn manages_another_display(&self) -> bool {
        let call = self.connection.call_method(
            Some(crate::control::NAME),
            crate::control::PATH,
            Some(crate::control::INTERFACE),
            "Manages",
            &(),
        );
        let Ok(Ok(reply)) = tokio::time::timeout(MANAGES_LIMIT, call).await else {
            return false;
        };
        reply.body().deserialize::<bool>().is_ok_and(|ours| !ours)
    }

    async fn request_names(&self, address: &str, names: &[&str]) -> Result<(), BusError> {
        let error = |source| BusError::Bus {
            address: address.to_owned(),
            source,
        };
        for name in names {
            const DO_NOT_QUEUE: u32 = 4;
            let reply = self
                .connection
                .call_method(
                    Some(DBUS),
                    DBUS_PATH,
                    Some(DBUS),
                    "RequestName",
                    &(name, DO_NOT_QUEUE),
                )
                .await
                .map_err(error)?;
            let owned: u32 = reply.body().deserialize().map_err(error)?;
            if owned != 1 {
                // Somebody was faster than our question.
                let owner = self
                    .owner(name)
                    .await
                    .unwrap_or_else(|| "another program".to_owned());
                return Err(BusError::Owned {
                    name: (*name).to_owned(),
                    owner,
                });
            }
        }
        Ok(())
    }

    /// The process of the bus itself, where it tells.
    pub(crate) async fn pid(&self) -> Option<u32> {
        let call = self.connection.call_method(
            Some(DBUS),
            DBUS_PATH,
            Some(DBUS),
            "GetConnectionUnixProcessID",
            &DBUS,
        );
        call.await.ok()?.body().deserialize().ok()
    }

    /// Who owns a name, as "program (pid N)".
    async fn owner(&self, name: &str) -> Option<String> {
        let reply = self
            .connection
            .call_method(
                Some(DBUS),
                DBUS_PATH,
                Some(DBUS),
                "GetConnectionUnixProcessID",
                &name,
            )
            .await
            .ok()?;
        let pid: u32 = reply.body().deserialize().ok()?;
        let program = process::name(pid).unwrap_or_else(|| "a program".to_owned());
        Some(format!("{program} (pid {pid})"))
    }

    /// Waits for the next message; `None` when the bus is gone. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        self.stream.next().await?.ok()
    }

    /// A message that has already arrived.
    pub(crate) fn try_next(&mut self) -> Option<Message> {
        self.stream.next().now_or_never()??.ok()
    }

    /// Sorts one message; calls of a peer not yet known wait until the bus has told who it is.
    pub(crate) fn sort(&mut self, message: Message) -> Vec<Incoming> {
        match message.message_type() {
            Type::MethodCall => self.sort_call(message).into_iter().collect(),
            Type::MethodReturn | Type::Error => self.sort_reply(&message),
            Type::Signal => self.sort_signal(&message).into_iter().collect(),
        }
    }

    fn sort_call(&mut self, message: Message) -> Option<Incoming> {
        let sender = message.header().sender()?.to_string();
        match self.peers.get_mut(&sender) {
            Some(Known::Yes(peer)) => Some(Incoming::Call(message, peer.clone())),
            Some(Known::Asking(parked)) => {
                if parked.len() < MAX_PARKED {
                    parked.push(message);
                }
                None
            }
            None => {
                if self.peers.len() >= MAX_PEERS {
                    tracing::warn!(
                        "more than {MAX_PEERS} peers on the bus; forgetting all of them"
                    );
                    self.peers.clear();
                }
                let ask = Message::method_call(DBUS_PATH, "GetConnectionCredentials")
                    .destination(DBUS)
                    .interface(DBUS)
                    .build(&sender.as_str())
                    .ok()?;
                self.lookups
                    .insert(ask.primary_header().serial_num(), sender.clone());
                self.out.push(ask);
                self.peers.insert(sender, Known::Asking(vec![message]));
                None
            }
        }
    }

    fn sort_reply(&mut self, message: &Message) -> Vec<Incoming> {
        let Some(serial) = message.header().reply_serial() else {
            return Vec::new();
        };
        if let Some(of) = self.pings.remove(&serial) {
            return vec![Incoming::Pong(of)];
        }
        if let Some(about) = self.calls.remove(&serial) {
            return vec![Incoming::Answer(about, message.clone())];
        }
        if self.questions.contains_key(&serial) {
            self.keep(serial, message);
            return Vec::new();
        }
        let Some(sender) = self.lookups.remove(&serial) else {
            return Vec::new();
        };
        let Some(Known::Asking(parked)) = self.peers.remove(&sender) else {
            return Vec::new();
        };
        if message.message_type() == Type::Error {
            // It left before the bus could say who it was.
            return Vec::new();
        }
        let body = message.body();
        let mut found: HashMap<String, zbus::Variant<'_>> = body.deserialize().unwrap_or_default();
        let mut number = |key: &str| found.remove(key).and_then(|v| u32::try_from(v).ok());
        let (pid, uid) = (number("ProcessID"), number("UnixUserID"));
        let identity = pid.and_then(process::identity).unwrap_or_else(|| {
            self.anonymous += 1;
            Identity::Peer(self.anonymous)
        });
        let peer = Peer {
            name: sender.clone(),
            pid,
            uid,
            identity,
        };
        self.peers.insert(sender, Known::Yes(peer.clone()));
        parked
            .into_iter()
            .map(|m| Incoming::Call(m, peer.clone()))
            .collect()
    }

    fn sort_signal(&mut self, message: &Message) -> Option<Incoming> {
        let header = message.header();
        if header.sender()?.as_str() != DBUS {
            return Some(Incoming::Signal(message.clone()));
        }
        let body = message.body();
        match header.member()?.as_str() {
            "NameOwnerChanged" => {}
            "NameLost" => {
                let lost = body.deserialize::<&str>().ok()?;
                return (lost == screensaver::NAME).then_some(Incoming::SaverNameLost);
            }
            _ => return None,
        }
        let (name, _old, new): (&str, &str, &str) = body.deserialize().ok()?;
        if new.is_empty() && name == screensaver::NAME {
            return Some(Incoming::SaverNameFree);
        }
        if !name.starts_with(':') {
            return Some(Incoming::Owner(name.to_owned(), new.to_owned()));
        }
        if !new.is_empty() {
            return None;
        }
        // Calls that it made before are answered to nobody; what it held is let go.
        self.peers.remove(name);
        Some(Incoming::Left(name.to_owned()))
    }

    /// Asks whether a peer still handles messages.
    pub(crate) fn ping(&mut self, name: &str, of: &Identity) {
        let ping = Message::method_call("/", "Ping")
            .interface("org.freedesktop.DBus.Peer")
            .destination(name)
            .build(&());
        if let Ok(ping) = ping {
            self.pings
                .insert(ping.primary_header().serial_num(), of.clone());
            self.out.push(ping);
        }
    }

    /// Queues a call whose answer comes through the loop, as [`Incoming::Answer`]. It may never
    /// come: nobody waits for it. Of each kind the last few are remembered.
    pub(crate) fn call(&mut self, call: Message, about: About) {
        let most = about.most();
        let same = self.calls.iter().filter(|(_, a)| **a == about);
        // Serial numbers grow: the first is the oldest.
        let oldest = same.clone().next().map(|(serial, _)| *serial);
        if let Some(oldest) = oldest.filter(|_| same.count() >= most) {
            self.calls.remove(&oldest);
        }
        self.calls.insert(call.primary_header().serial_num(), about);
        self.out.push(call);
    }

    /// Queues a question, and keeps its answer for [`Bus::answer`]. Nobody waits for it. That it
    /// was refused is logged as this `what`; there is no answer then.
    pub(crate) fn ask(&mut self, question: Message, what: &'static str) -> Question {
        let serial = question.primary_header().serial_num();
        let asked = Asked { what, answer: None };
        self.questions.insert(serial, asked);
        self.out.push(question);
        Question(serial)
    }

    fn keep(&mut self, serial: NonZeroU32, message: &Message) {
        let Some(asked) = self.questions.get_mut(&serial) else {
            return;
        };
        let too_long = message.data().len() > MAX_ANSWER;
        if message.message_type() != Type::Error && !too_long {
            asked.answer = Some(message.clone());
            return;
        }
        let what = asked.what;
        self.questions.remove(&serial);
        if too_long {
            return tracing::warn!("{what}: an answer of more than {MAX_ANSWER} bytes is not read");
        }
        let header = message.header();
        let name = header.error_name().map(|n| n.to_string());
        let name = name.unwrap_or_default();
        let text: String = message.body().deserialize().unwrap_or_default();
        // Who is not there, or does not know what was asked for, is so by design.
        if ["NameHasNoOwner", "ServiceUnknown", "UnknownMethod"]
            .iter()
            .any(|absent| name.strip_prefix("org.freedesktop.DBus.Error.") == Some(absent))
        {
            tracing::debug!("{what}: {name}: {text}");
        } else {
            tracing::warn!("{what}: {name}: {text}");
        }
    }

    /// Whether a question has neither been answered nor refused.
    pub(crate) fn is_open(&self, question: Question) -> bool {
        let asked = self.questions.get(&question.0);
        asked.is_some_and(|asked| asked.answer.is_none())
    }

    /// The answer to a question, once it has come.
    pub(crate) fn answer(&self, question: Question) -> Option<&Message> {
        self.questions.get(&question.0)?.answer.as_ref()
    }

    /// Waits for an answer; `None` when the question was refused, or the bus is gone. It may never
    /// come. For when the loop has ended: whatever else arrives meanwhile is dropped.
    pub(crate) async fn wait_for(&mut self, question: Question) -> Option<&Message> {
        while self.questions.get(&question.0)?.answer.is_none() {
            let message = self.next().await?;
            self.sort(message);
        }
        self.answer(question)
    }

    /// Queues a message for [`Bus::flush`].
    pub(crate) fn send(&mut self, message: Message) {
        self.out.push(message);
    }

    /// Sends what is queued, with as few writes as the socket allows.
    pub(crate) async fn flush(&mut self) -> Result<(), zbus::Error> {
        if self.out.is_empty() {
            return Ok(());
        }
        let out = std::mem::take(&mut self.out);
        self.connection.send_all(&out).await
    }

    /// Sends what is queued and waits until the bus has read it, for a second at most. For when the
    /// loop has ended and the bus is ended next: one that is signalled reads no more.
    pub(crate) async fn drain(&mut self) -> Result<(), zbus::Error> {
        let question = Message::method_call(DBUS_PATH, "GetId")
            .destination(DBUS)
            .interface(DBUS)
            .build(&())?;
        let question = self.ask(question, "the bus was not asked for its id");
        self.flush().await?;
        if tokio::time::timeout(DRAIN_LIMIT, self.wait_for(question))
            .await
            .is_err()
        {
            tracing::warn!("the session bus is slow; who listens may not hear how it ended");
        }
        Ok(())
    }
}

/// A method's failure, by D-Bus error name and text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) name: &'static str,
    pub(crate) text: String,
}

impl Failure {
    pub(crate) fn new(name: &'static str, text: impl Into<String>) -> Self {
        Self {
            name,
            text: text.into(),
        }
    }

    pub(crate) fn unknown_method(header: &Header<'_>) -> Self {
        let member = header.member().map(|m| m.to_string()).unwrap_or_default();
        let interface = header
            .interface()
            .map(|i| i.to_string())
            .unwrap_or_default();
        Self::new(
            "org.freedesktop.DBus.Error.UnknownMethod",
            format!("there is no method {member:?} of {interface:?} on this object"),
        )
    }

    pub(crate) fn unknown_object(path: &str) -> Self {
        Self::new(
            "org.freedesktop.DBus.Error.UnknownObject",
            format!("there is no object {path}"),
        )
    }

    pub(crate) fn arguments(header: &Header<'_>, expected: &str) -> Self {
        let member = header.member().map(|m| m.to_string()).unwrap_or_default();
        Self::new(
            "org.freedesktop.DBus.Error.InvalidArgs",
            format!(
                "{member} takes ({expected}), and was called with ({})",
                header.signature().to_string_no_parens()
            ),
        )
    }

    pub(crate) fn denied(text: impl Into<String>) -> Self {
        Self::new("org.freedesktop.DBus.Error.AccessDenied", text)
    }
}

/// A method's outcome: its reply, ready to send.
pub(crate) type Answered = Result<Message, Failure>;

/// Builds a reply.
pub(crate) fn reply<B>(header: &Header<'_>, body: &B) -> Answered
where
    B: serde::Serialize + zbus::zvariant::DynamicType,
{
    Message::method_return(header).build(body).map_err(|e| {
        Failure::new(
            "org.freedesktop.DBus.Error.Failed",
            format!("the reply could not be built: {e}"),
        )
    })
}

/// Whether the caller wants a reply at all.
pub(crate) fn wants_reply(message: &Message) -> bool {
    !message
        .primary_header()
        .flags()
        .contains(Flags::NO_REPLY_EXPECTED)
}

/// The message for a failure.
pub(crate) fn failure(header: &Header<'_>, failure: &Failure) -> Option<Message> {
    Message::error(header, failure.name)
        .build(&failure.text.as_str())
        .ok()
}

/// A signal, to one peer or to everybody who listens.
pub(crate) fn signal<B>(
    to: Option<&str>,
    path: &str,
    interface: &str,
    member: &str,
    body: &B,
) -> Option<Message>
where
    B: serde::Serialize + zbus::zvariant::DynamicType,
{
    let mut builder = Message::signal(path, interface, member);
    if let Some(to) = to {
        builder = builder.destination(BusName::try_from(to).ok()?);
    }
    match builder.build(body) {
        Ok(message) => Some(message),
        Err(error) => {
            tracing::error!("{interface}.{member} on {path} could not be built: {error}");
            None
        }
    }
}

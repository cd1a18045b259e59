//! One message bus: what is sent, what is heard in its order, and who owns which name. Raw messages, so that an answer and a signal that came one after
//! the other are taken one after the other.
//!
//! May touch the bus.

use std::{
    collections::VecDeque,
    num::{NonZeroU32, NonZeroUsize},
    pin::Pin,
};

use futures_core::Stream as _;
use zbus::{
    Connection, DBusError as _, Message, MessageStream, connection,
    message::{Flags, Type},
    names::BusName,
    zvariant::DynamicType,
};

pub(super) const DBUS: &str = "org.freedesktop.DBus";
const DBUS_PATH: &str = "/org/freedesktop/DBus";

/// Messages kept while we wait for an answer. Whoever floods us waits then, not our memory.
const QUEUE: usize = 1024;

/// A connection.
pub(super) struct Bus {
    connection: Connection,
    stream: MessageStream,
    /// What came while an answer was waited for, or was put back.
    early: VecDeque<Message>,
}

/// Whom a message is for: an object of a connection, and which of its interfaces.
#[derive(Clone, Copy, Debug)]
pub(super) struct To<'a> {
    pub(super) name: &'a str,
    pub(super) path: &'a str,
    pub(super) interface: &'a str,
}

/// The bus itself.
const BUS: To<'_> = To {
    name: DBUS,
    path: DBUS_PATH,
    interface: DBUS,
};

/// An error as D-Bus has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Its name; empty for one that has none, as when the connection is lost.
    pub(super) name: String,
    pub(super) text: String,
}

impl Refusal {
    /// What a peer that says nothing in time is as good as.
    pub(super) fn silent() -> Self {
        Self {
            name: "org.freedesktop.DBus.Error.NoReply".to_owned(),
            text: "it does not answer".to_owned(),
        }
    }

    /// Whether the error has this name's last part.
    pub(super) fn is(&self, last: &str) -> bool {
        self.name.rsplit('.').next() == Some(last)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = if self.text.is_empty() {
            &self.name
        } else {
            &self.text
        };
        f.write_str(&crate::text::reason(text))
    }
}

impl From<zbus::Error> for Refusal {
    fn from(error: zbus::Error) -> Self {
        match error {
            zbus::Error::MethodError(name, text, _) => Self {
                name: name.to_string(),
                text: text.unwrap_or_default(),
            },
            // Errors with one of the bus's own names come apart from the others.
            zbus::Error::FDO(error) => Self {
                name: error.name().to_string(),
                text: error.description().unwrap_or_default().to_owned(),
            },
            other => Self {
                name: String::new(),
                text: other.to_string(),
            },
        }
    }
}

/// A reply to what was sent with [`Bus::ask`], by its serial.
pub(super) fn reply(message: &Message) -> Option<(NonZeroU32, Result<(), Refusal>)> {
    let header = message.header();
    let serial = header.reply_serial()?;
    match message.message_type() {
        Type::MethodReturn => Some((serial, Ok(()))),
        Type::Error => {
            let name = header.error_name().map(ToString::to_string);
            let refusal = Refusal {
                name: name.unwrap_or_default(),
                text: message.body().deserialize().unwrap_or_default(),
            };
            Some((serial, Err(refusal)))
        }
        Type::MethodCall | Type::Signal => None,
    }
}

/// What a signal is, and who sent it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Signal {
    pub(super) sender: String,
    pub(super) path: String,
    pub(super) interface: String,
    pub(super) member: String,
}

impl Signal {
    pub(super) fn of(message: &Message) -> Option<Self> {
        if message.message_type() != Type::Signal {
            return None;
        }
        let header = message.header();
        Some(Self {
            sender: header.sender()?.to_string(),
            path: header.path()?.to_string(),
            interface: header.interface()?.to_string(),
            member: header.member()?.to_string(),
        })
    }

    /// Whether it is this object's own.
    pub(super) fn is_of(&self, who: To<'_>) -> bool {
        self.sender == who.name && self.path == who.path && self.interface == who.interface
    }
}

/// A name that has another owner now.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) name: String,
    pub(super) old: Option<String>,
    pub(super) new: Option<String>,
}

impl Owner {
    pub(super) fn of(message: &Message) -> Option<Self> {
        let signal = Signal::of(message)?;
        if !signal.is_of(BUS) || signal.member != "NameOwnerChanged" {
            return None;
        }
        let body = message.body();
        let (name, old, new): (&str, &str, &str) = body.deserialize().ok()?;
        let some = |name: &str| (!name.is_empty()).then(|| name.to_owned());
        Some(Self {
            name: name.to_owned(),
            old: some(old),
            new: some(new),
        })
    }
}

impl Bus {
    pub(super) async fn connect(address: &str) -> Result<Self, Refusal> {
        let queue = NonZeroUsize::new(QUEUE).unwrap_or(NonZeroUsize::MIN);
        let connection = connection::Builder::address(address)
            .max_queued(queue)
            .build()
            .await?;
        let stream = MessageStream::from(&connection);
        Ok(Self {
            connection,
            stream,
            early: VecDeque::new(),
        })
    }

    /// Our name on it.
    pub(super) fn own_name(&self) -> String {
        let name = self.connection.unique_name();
        name.map(ToString::to_string).unwrap_or_default()
    }

    /// Hears the signals that match `rule` from now on.
    pub(super) async fn listen(&mut self, rule: &str) -> Result<(), Refusal> {
        let rule = format!("type='signal',{rule}");
        self.call(BUS, "AddMatch", &rule).await.map(drop)
    }

    /// No longer hears them.
    pub(super) async fn ignore(&self, rule: &str) -> Result<(), Refusal> {
        let rule = format!("type='signal',{rule}");
        self.tell(BUS, "RemoveMatch", &rule).await
    }

    /// Hears of every change of who owns a name; `key` is `arg0`, or `arg0namespace` for the names below it as well.
    pub(super) async fn follow(&mut self, key: &str, name: &str) -> Result<(), Refusal> {
        let rule =
            format!("sender='{DBUS}',interface='{DBUS}',member='NameOwnerChanged',{key}='{name}'");
        self.listen(&rule).await
    }

    /// Who owns a name.
    pub(super) async fn owner(&mut self, name: &str) -> Option<String> {
        let reply = self.call(BUS, "GetNameOwner", &name).await.ok()?;
        reply.body().deserialize().ok()
    }

    /// The names that begin like this, in their order.
    pub(super) async fn names(&mut self, beginning: &str) -> Vec<String> {
        let Ok(reply) = self.call(BUS, "ListNames", &()).await else {
            return Vec::new();
        };
        let body = reply.body();
        let names: Vec<&str> = body.deserialize().unwrap_or_default();
        let mut names: Vec<String> = names
            .into_iter()
            .filter(|name| name.starts_with(beginning))
            .map(str::to_owned)
            .collect();
        names.sort();
        names
    }

    /// The process behind a connection.
    pub(super) async fn pid(&mut self, name: &str) -> Option<u32> {
        let reply = self.call(BUS, "GetConnectionUnixProcessID", &name).await;
        reply.ok()?.body().deserialize().ok()
    }

    /// Calls a method and waits for its answer, as long as it takes. What comes meanwhile is heard afterwards: read off at once, because a queue that nobody
    /// empties would keep the answer out, and no more of it than [`QUEUE`].
    pub(super) async fn call<B>(
        &mut self,
        to: To<'_>,
        member: &str,
        body: &B,
    ) -> Result<Message, Refusal>
    where
        B: serde::Serialize + DynamicType,
    {
        let serial = self.ask_starting(to, member, body).await?;
        loop {
            let Some(message) = self.read().await else {
                return Err(Refusal {
                    name: String::new(),
                    text: "the bus is gone".to_owned(),
                });
            };
            match reply(&message) {
                Some((to, answer)) if to == serial => return answer.map(|()| message),
                _ if self.early.len() < QUEUE => self.early.push_back(message),
                _ => {}
            }
        }
    }

    /// Calls a method; its answer is heard in its turn, with this serial.
    pub(super) async fn ask<B>(
        &self,
        to: To<'_>,
        member: &str,
        body: &B,
    ) -> Result<NonZeroU32, Refusal>
    where
        B: serde::Serialize + DynamicType,
    {
        self.send(to, member, body, Flags::NO_AUTO_START).await
    }

    /// The same, where a service that does not run yet is started.
    pub(super) async fn ask_starting<B>(
        &self,
        to: To<'_>,
        member: &str,
        body: &B,
    ) -> Result<NonZeroU32, Refusal>
    where
        B: serde::Serialize + DynamicType,
    {
        self.send(to, member, body, Flags::empty()).await
    }

    /// Calls a method whose answer nobody needs.
    pub(super) async fn tell<B>(&self, to: To<'_>, member: &str, body: &B) -> Result<(), Refusal>
    where
        B: serde::Serialize + DynamicType,
    {
        let flags = Flags::NO_AUTO_START | Flags::NO_REPLY_EXPECTED;
        self.send(to, member, body, flags).await.map(drop)
    }

    async fn send<B>(
        &self,
        to: To<'_>,
        member: &str,
        body: &B,
        flags: Flags,
    ) -> Result<NonZeroU32, Refusal>
    where
        B: serde::Serialize + DynamicType,
    {
        let name = BusName::try_from(to.name).map_err(|error| Refusal {
            name: String::new(),
            text: error.to_string(),
        })?;
        let message = Message::method_call(to.path, member)
            .destination(name)
            .interface(to.interface)
            .with_flags(flags)
            .build(body)?;
        let serial = message.primary_header().serial_num();
        self.connection.send(&message).await?;
        Ok(serial)
    }

    /// Answers a call to us. We have no objects; whoever asks whether this program lives is told so while `lives`, that is while the application takes
    /// its events: a manager takes one that does not answer for one that hangs.
    pub(super) async fn answer(&self, call: &Message, lives: bool) {
        let header = call.header();
        let is_wanted = !header.primary().flags().contains(Flags::NO_REPLY_EXPECTED);
        let is_ping = header.member().is_some_and(|m| m.as_str() == "Ping")
            && header
                .interface()
                .is_none_or(|i| i.as_str() == "org.freedesktop.DBus.Peer");
        let answer = match (is_wanted, is_ping) {
            (false, _) => return,
            (true, true) if !lives => return,
            (true, true) => Message::method_return(&header).build(&()),
            (true, false) => Message::error(&header, "org.freedesktop.DBus.Error.UnknownMethod")
                .build(&"a program that uses endsession has no such method"),
        };
        if let Ok(answer) = answer {
            // Where it cannot be sent the bus is gone, which is heard.
            let _gone = self.connection.send(&answer).await;
        }
    }

    /// The next message; `None` when the bus is gone. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Message> {
        match self.early.pop_front() {
            Some(message) => Some(message),
            None => self.read().await,
        }
    }

    async fn read(&mut self) -> Option<Message> {
        let stream = &mut self.stream;
        let next = std::future::poll_fn(|context| Pin::new(&mut *stream).poll_next(context));
        next.await?.ok()
    }

    /// Hears these first.
    pub(super) fn put_back(&mut self, messages: Vec<Message>) {
        self.early.extend(messages);
    }

    /// Leaves the bus, once what was sent is out.
    pub(super) async fn leave(self) {
        let _gone = self.connection.close().await;
    }
}

//! The session bus as somebody else's session manager is asked over it: calls that wait no longer
//! than [`ANSWER_LIMIT`], and everything that can happen meanwhile as one stream of events in the
//! order in which the bus told it.
//!
//! May touch the session bus, this process's signals, and the X server for one watched process.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use endsession_manager::adapter::shown::Shown;
use futures_util::StreamExt as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;
use zbus::message::Type;
use zbus::names::BusName;
use zbus::{Connection, DBusError as _, Message, MessageStream, connection};

use crate::exit::{Failure, Result};

pub(super) const DBUS: &str = "org.freedesktop.DBus";
const DBUS_PATH: &str = "/org/freedesktop/DBus";

/// How long a manager may take to answer a plain question. They answer from a loop that never waits
/// long; one that is stopped or hangs must not hold us.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Something that happened.
#[derive(Debug)]
pub(super) enum Heard {
    /// A signal.
    Signal(Message),
    /// The answer to what [`Bus::send`] sent, by its serial.
    Answer(NonZeroU32, std::result::Result<Message, Refusal>),
    /// A well-known name has a new owner, or none.
    Owner(String, Option<String>),
    /// The watched process shows its first window, or its last one has gone.
    Shows(bool),
    /// The time that was set has come.
    Time,
    /// The user pressed Ctrl-C.
    Interrupt,
    /// The terminal is lost, or somebody ends this process: most likely the session ends.
    Farewell,
    /// The bus is gone.
    Gone,
}

/// An error as D-Bus has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The error's name.
    pub(super) name: String,
    /// In the other's words; the name where it has none.
    pub(super) text: String,
}

/// The signals that have a meaning of their own while we wait for an outcome.
struct Signals {
    interrupt: Signal,
    hangup: Signal,
    terminate: Signal,
}

/// The connection.
pub(super) struct Bus {
    connection: Connection,
    stream: MessageStream,
    /// Ctrl-C, and what ends us, once they are minded.
    signals: Option<Signals>,
    /// What is watched for windows.
    shown: Option<Shown>,
    /// When [`Heard::Time`] is due.
    time: Option<Instant>,
}

impl Bus {
    pub(super) async fn connect(address: &str) -> Result<Self> {
        let queue = NonZeroUsize::new(4096).unwrap_or(NonZeroUsize::MIN);
        let connection = connection::Builder::address(address)
            .max_queued(queue)
            .build()
            .await
            .map_err(|source| Failure::Unreachable {
                address: address.to_owned(),
                source,
            })?;
        let stream = MessageStream::from(&connection);
        Ok(Self {
            connection,
            stream,
            signals: None,
            shown: None,
            time: None,
        })
    }

    /// From now on Ctrl-C and what would end this process are told by [`Self::next`].
    pub(super) fn mind_signals(&mut self) -> Result<()> {
        let handler = |kind| signal(kind).map_err(|e| Failure::io("cannot wait for signals", e));
        self.signals = Some(Signals {
            interrupt: handler(SignalKind::interrupt())?,
            hangup: handler(SignalKind::hangup())?,
            terminate: handler(SignalKind::terminate())?,
        });
        Ok(())
    }

    /// Hears signals of `interface`'s kind that match this rule from now on.
    pub(super) async fn listen(&self, rule: &str) -> Result<()> {
        let rule = format!("type='signal',{rule}");
        self.call(DBUS, DBUS_PATH, DBUS, "AddMatch", &rule)
            .await
            .map(drop)
            .map_err(|r| Failure::Refused(format!("the session bus refuses: {}", r.text)))
    }

    /// Hears of changes of a name's owner from now on.
    pub(super) async fn follow(&self, name: &str) -> Result<()> {
        let rule =
            format!("sender='{DBUS}',interface='{DBUS}',member='NameOwnerChanged',arg0='{name}'");
        self.listen(&rule).await
    }

    /// Calls a method and waits for its answer. What arrives meanwhile is still to be heard.
    pub(super) async fn call<B>(
        &self,
        name: &str,
        path: &str,
        interface: &str,
        member: &str,
        body: &B,
    ) -> std::result::Result<Message, Refusal>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        let call = self
            .connection
            .call_method(Some(name), path, Some(interface), member, body);
        match tokio::time::timeout(ANSWER_LIMIT, call).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(error)) => Err(Refusal::from(error)),
            Err(_) => Err(Refusal {
                name: "org.freedesktop.DBus.Error.NoReply".to_owned(),
                text: format!("{name} does not answer"),
            }),
        }
    }

    /// Calls a method; its answer comes as [`Heard::Answer`], in its turn.
    pub(super) async fn send<B>(
        &self,
        name: &str,
        path: &str,
        interface: &str,
        member: &str,
        body: &B,
    ) -> Result<NonZeroU32>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        let destination = BusName::try_from(name)?;
        let message = Message::method_call(path, member)
            .destination(destination)
            .interface(interface)
            .build(body)?;
        let serial = message.primary_header().serial_num();
        self.connection.send(&message).await?;
        Ok(serial)
    }

    /// The connection that owns a name.
    pub(super) async fn owner(&self, name: &str) -> Option<String> {
        let reply = self
            .call(DBUS, DBUS_PATH, DBUS, "GetNameOwner", &name)
            .await
            .ok()?;
        reply.body().deserialize().ok()
    }

    /// Watches the windows of a process on the display of this environment; `false` where that
    /// cannot be seen.
    pub(super) async fn watch_windows_of(&mut self, pid: Option<u32>) -> bool {
        let display = std::env::var("DISPLAY").ok().filter(|d| !d.is_empty());
        let (Some(display), Some(pid)) = (display, pid) else {
            return false;
        };
        match Shown::watch(&display, pid).await {
            Ok(shown) => self.shown = Some(shown),
            Err(error) => tracing::debug!("its windows are not seen: {error}"),
        }
        self.shown.is_some()
    }

    /// Whether the watched process shows a window now; `false` where that is no longer seen.
    pub(super) async fn shows_window(&mut self) -> bool {
        match &mut self.shown {
            Some(shown) => shown.is_open().await.unwrap_or(false),
            None => false,
        }
    }

    /// Lets [`Heard::Time`] come after this long.
    pub(super) fn alarm(&mut self, after: Duration) {
        self.time = Instant::now().checked_add(after);
    }

    /// It is no longer waited for.
    pub(super) fn no_alarm(&mut self) {
        self.time = None;
    }

    /// Waits for what happens next.
    pub(super) async fn next(&mut self) -> Heard {
        loop {
            tokio::select! {
                // In this order: what the bus has told already comes before everything else, so
                // that an end is known before the signal that it brings us.
                biased;
                message = self.stream.next() => match message {
                    Some(Ok(message)) => {
                        if let Some(heard) = heard(message) {
                            return heard;
                        }
                    }
                    Some(Err(_)) | None => return Heard::Gone,
                },
                heard = told(self.signals.as_mut()) => return heard,
                change = change(self.shown.as_mut()) => match change {
                    Ok(on) => return Heard::Shows(on),
                    // The display is lost: whether the session has ended, the bus tells.
                    Err(error) => {
                        tracing::debug!("its windows are no longer seen: {error}");
                        self.shown = None;
                    }
                },
                () = at(self.time) => {
                    self.time = None;
                    return Heard::Time;
                }
            }
        }
    }
}

fn heard(message: Message) -> Option<Heard> {
    match message.message_type() {
        Type::MethodCall => None,
        Type::MethodReturn => {
            let serial = message.header().reply_serial()?;
            Some(Heard::Answer(serial, Ok(message)))
        }
        Type::Error => {
            let header = message.header();
            let serial = header.reply_serial()?;
            let name = header.error_name().map(|n| n.to_string());
            let name = name.unwrap_or_default();
            let text: String = message.body().deserialize().unwrap_or_default();
            Some(Heard::Answer(serial, Err(Refusal::new(name, text))))
        }
        Type::Signal => {
            let header = message.header();
            let is = |member: &str| header.member().is_some_and(|m| m.as_str() == member);
            let by_bus = header.sender().is_some_and(|s| s.as_str() == DBUS);
            if by_bus && is("NameOwnerChanged") {
                let body = message.body();
                let (name, _, new): (&str, &str, &str) = body.deserialize().ok()?;
                let new = (!new.is_empty()).then(|| new.to_owned());
                return Some(Heard::Owner(name.to_owned(), new));
            }
            Some(Heard::Signal(message))
        }
    }
}

async fn told(signals: Option<&mut Signals>) -> Heard {
    let Some(signals) = signals else {
        return std::future::pending().await;
    };
    tokio::select! {
        Some(()) = signals.interrupt.recv() => Heard::Interrupt,
        Some(()) = signals.hangup.recv() => Heard::Farewell,
        Some(()) = signals.terminate.recv() => Heard::Farewell,
        else => std::future::pending().await,
    }
}

async fn change(shown: Option<&mut Shown>) -> std::io::Result<bool> {
    match shown {
        Some(shown) => shown.change().await,
        None => std::future::pending().await,
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

impl Refusal {
    pub(super) fn new(name: String, text: String) -> Self {
        let text = if text.is_empty() { name.clone() } else { text };
        Self { name, text }
    }

    /// Whether the error has this name's last part.
    pub(super) fn is(&self, last: &str) -> bool {
        self.name.rsplit('.').next() == Some(last)
    }

    /// Whether nobody is there to answer.
    pub(super) fn is_nobody(&self) -> bool {
        self.is("ServiceUnknown") || self.is("NameHasNoOwner") || self.is("Disconnected")
    }
}

impl From<zbus::Error> for Refusal {
    fn from(error: zbus::Error) -> Self {
        match error {
            zbus::Error::MethodError(name, text, _) => {
                Self::new(name.to_string(), text.unwrap_or_default())
            }
            zbus::Error::FDO(error) => {
                let text = error.description().unwrap_or_default().to_owned();
                Self::new(error.name().to_string(), text)
            }
            other => Self::new(String::new(), other.to_string()),
        }
    }
}

//! What the thread that speaks D-Bus lives in: the buses, the application's commands, and what is heard of all, one thing at a time.
//!
//! May touch the buses and the environment. Nothing here wakes up by itself: it sleeps until a bus or the application says something.

use std::{
    collections::VecDeque, path::PathBuf, sync::Arc, sync::mpsc::SyncSender, time::Duration,
};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use zbus::{Message, message::Type};

use super::{
    bus::{Bus, Owner},
    find::{self, Found},
};
use crate::{
    Backend,
    backend::{Application, Command},
    shared::Shared,
};

/// How long a bus may take to let us in. One that does not is as good as none: whoever needs no bus is found instead.
const BUS_LIMIT: Duration = Duration::from_secs(1);

/// How long somebody who may be better than whoever is at work may take to say who it is.
const LOOK_LIMIT: Duration = Duration::from_secs(2);

/// How long leaving a bus may take. One that hangs takes nothing any more.
const LEAVE_LIMIT: Duration = Duration::from_secs(1);

/// Something that happened.
#[derive(Debug)]
pub(super) enum Heard {
    /// The application says something.
    Command(Command),
    /// It wants nothing more.
    Close,
    /// A message on the session bus.
    Session(Message),
    /// A message on the system bus.
    System(Message),
    /// Whoever is spoken to has gone, or somebody better has come: look again.
    Again,
}

/// The application has closed its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closed;

/// How a backend's work ended.
#[derive(Debug)]
pub(super) enum Left {
    Closed(Closed),
    /// To be looked for anew.
    Again,
    /// It could not begin: why. It is not tried again before something about it changes.
    Failed(String),
}

impl From<Closed> for Left {
    fn from(closed: Closed) -> Self {
        Self::Closed(closed)
    }
}

/// What the application says.
pub(super) struct Orders {
    commands: UnboundedReceiver<Order>,
    /// What came while something else was waited for.
    waiting: VecDeque<Command>,
    is_closed: bool,
    /// Whoever waits until the command that is carried out now is said.
    waits: Option<SyncSender<()>>,
}

/// A command, and who waits until it is said: until this is dropped.
pub(super) type Order = (Command, Option<SyncSender<()>>);

/// See the [module](self).
pub(super) struct World {
    pub(super) application: Application,
    pub(super) shared: Arc<Shared>,
    /// The one that the application wants.
    pub(super) forced: Option<Backend>,
    pub(super) session: Option<Bus>,
    /// Whether another try at the session bus may have another result.
    pub(super) may_reach_session: bool,
    pub(super) system: Option<Bus>,
    /// Who is at work.
    pub(super) current: Found,
    /// Who could not begin.
    pub(super) failed: Vec<Found>,
    /// Why the last of them could not, for a program that wanted that one.
    pub(super) why: String,
    /// Whoever starts us and waits for the first result.
    first: Option<SyncSender<Result<(), String>>>,
    pub(super) orders: Orders,
    /// What ends without a bus says it here.
    notices: (UnboundedSender<()>, UnboundedReceiver<()>),
}

impl Orders {
    /// The next command; `None` when it is the last.
    fn take(&mut self, order: Option<Order>) -> Option<Command> {
        let (command, waits) = order.unwrap_or((Command::Close, None));
        self.waits = waits;
        self.is_closed = command == Command::Close;
        (!self.is_closed).then_some(command)
    }

    /// Waits for something, however long it takes, unless the application closes its client. Its other commands wait.
    pub(super) async fn patiently<T>(
        &mut self,
        something: impl Future<Output = T>,
    ) -> Result<T, Closed> {
        tokio::pin!(something);
        loop {
            tokio::select! {
                biased;
                result = &mut something => return Ok(result),
                order = self.commands.recv() => {
                    if let Some(command) = self.take(order) {
                        self.waiting.push_back(command);
                    }
                    if self.is_closed {
                        return Err(Closed);
                    }
                },
            }
        }
    }
}

impl World {
    pub(super) fn new(
        application: Application,
        forced: Option<Backend>,
        shared: Arc<Shared>,
        commands: UnboundedReceiver<Order>,
        first: Option<SyncSender<Result<(), String>>>,
    ) -> Self {
        Self {
            application,
            shared,
            forced,
            session: None,
            may_reach_session: true,
            system: None,
            current: Found::None,
            failed: Vec::new(),
            why: String::new(),
            first,
            orders: Orders {
                commands,
                waiting: VecDeque::new(),
                is_closed: false,
                waits: None,
            },
            notices: unbounded_channel(),
        }
    }

    /// A backend has begun.
    pub(super) fn is_at_work(&mut self, backend: Backend) {
        tracing::debug!("the session is spoken to through the backend {backend}");
        if self.forced.is_none_or(|forced| forced == backend) {
            self.tell_first(Ok(()));
        }
        self.shared.backend_is(backend);
    }

    /// The first result, for whoever waits for it.
    pub(super) fn tell_first(&mut self, result: Result<(), String>) {
        if let Some(first) = self.first.take() {
            // It may have waited long enough.
            let _waits = first.send(result);
        }
    }

    /// Whether somebody waits for the first result.
    pub(super) fn is_first(&self) -> bool {
        self.first.is_some()
    }

    /// Where what ends without a bus is told: [`Heard::Again`] comes of it.
    #[cfg(feature = "xsmp")]
    pub(super) fn notices(&self) -> UnboundedSender<()> {
        self.notices.0.clone()
    }

    /// Lets the session bus be tried again, where there is one to try; whether there is.
    pub(super) fn may_try_session_again(&mut self) -> bool {
        self.may_reach_session = session_address().is_some();
        self.may_reach_session
    }

    /// Reaches the session bus where that is possible and not done.
    pub(super) async fn reach_session(&mut self) -> Result<(), Closed> {
        if self.session.is_some() || !std::mem::take(&mut self.may_reach_session) {
            return Ok(());
        }
        let Some(address) = session_address() else {
            tracing::debug!("there is no session bus: DBUS_SESSION_BUS_ADDRESS is not set");
            return Ok(());
        };
        let forced = self.forced;
        let reached = self.orders.patiently(async {
            let connect = async {
                let mut bus = Bus::connect(&address).await?;
                find::follow(&mut bus, forced).await?;
                Ok(bus)
            };
            let limited = tokio::time::timeout(BUS_LIMIT, connect).await;
            limited.unwrap_or_else(|_| Err(super::bus::Refusal::silent()))
        });
        match reached.await? {
            Ok(bus) => self.session = Some(bus),
            Err(why) => tracing::warn!("the session bus at {address} cannot be reached: {why}"),
        }
        Ok(())
    }

    /// Reaches the system bus where that is not done.
    pub(super) async fn reach_system(&mut self) -> Result<Result<(), String>, Closed> {
        if self.system.is_some() {
            return Ok(Ok(()));
        }
        let address = system_address();
        let reached = self.orders.patiently(async {
            let limited = tokio::time::timeout(BUS_LIMIT, Bus::connect(&address)).await;
            limited.unwrap_or_else(|_| Err(super::bus::Refusal::silent()))
        });
        Ok(match reached.await? {
            Ok(bus) => {
                self.system = Some(bus);
                Ok(())
            }
            Err(why) => Err(format!(
                "the system bus at {address} cannot be reached: {why}"
            )),
        })
    }

    /// Waits for what happens next.
    pub(super) async fn next(&mut self) -> Heard {
        loop {
            if self.orders.is_closed {
                return Heard::Close;
            }
            // What was said before this is said.
            self.orders.waits = None;
            if let Some(command) = self.orders.waiting.pop_front() {
                return Heard::Command(command);
            }
            // None of them before the others: a bus that never stops must not keep the application from leaving.
            tokio::select! {
                message = next(self.session.as_mut()) => match message {
                    Some(message) => {
                        if let Some(heard) = self.session_says(message).await {
                            return heard;
                        }
                    }
                    None => {
                        tracing::warn!("the session bus is gone; it is tried again when something is held");
                        self.session = None;
                        return Heard::Again;
                    }
                },
                message = next(self.system.as_mut()) => match message {
                    Some(message) => return Heard::System(message),
                    None => {
                        tracing::warn!("the system bus is gone");
                        self.system = None;
                        return Heard::Again;
                    }
                },
                order = self.orders.commands.recv() => {
                    return self.orders.take(order).map_or(Heard::Close, Heard::Command);
                }
                Some(()) = self.notices.1.recv() => return Heard::Again,
            }
        }
    }

    async fn session_says(&mut self, message: Message) -> Option<Heard> {
        if message.message_type() == Type::MethodCall {
            let lives = !self.shared.is_ignored();
            if let Some(bus) = &self.session {
                bus.answer(&message, lives).await;
            }
            return None;
        }
        let Some(change) = Owner::of(&message) else {
            return Some(Heard::Session(message));
        };
        self.failed.retain(|failed| !failed.is_reached_by(&change));
        if self.current.is_lost_with(&change) {
            return Some(Heard::Again);
        }
        if change.new.is_none() || !self.current.may_be_replaced_by(&change.name) {
            return None;
        }
        // Whoever is at work goes on meanwhile, so one that does not say who it is is not waited for.
        match tokio::time::timeout(LOOK_LIMIT, find::find(self)).await {
            Ok(Ok(found)) if found == self.current => None,
            Ok(Ok(_)) => Some(Heard::Again),
            Ok(Err(Closed)) => Some(Heard::Close),
            Err(_) => None,
        }
    }

    /// Leaves the buses in an orderly way.
    pub(super) async fn leave(self) {
        for bus in [self.session, self.system].into_iter().flatten() {
            let _hangs = tokio::time::timeout(LEAVE_LIMIT, bus.leave()).await;
        }
    }
}

async fn next(bus: Option<&mut Bus>) -> Option<Message> {
    match bus {
        Some(bus) => bus.next().await,
        None => std::future::pending().await,
    }
}

/// The session bus that the environment names.
pub(super) fn session_address() -> Option<String> {
    set("DBUS_SESSION_BUS_ADDRESS").or_else(|| {
        let socket = PathBuf::from(set("XDG_RUNTIME_DIR")?).join("bus");
        let exists = socket.exists();
        exists.then(|| format!("unix:path={}", socket.display()))
    })
}

/// The system bus.
pub(super) fn system_address() -> String {
    set("DBUS_SYSTEM_BUS_ADDRESS")
        .unwrap_or_else(|| "unix:path=/run/dbus/system_bus_socket".to_owned())
}

fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

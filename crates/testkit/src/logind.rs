//! [`Logind`]: a logind and a polkit that do what a test orders, on a system bus of their own, for
//! answers and orders of events that the real ones cannot be brought to ([`crate::machine`] has those).
//!
//! Built from org.freedesktop.login1(5) and polkit's D-Bus reference: `CanPowerOff`, `CanReboot`,
//! `PowerOff`, `Reboot`, `Inhibit`, `ListInhibitors`, `ListSessions`, `GetSessionByPID`, `PrepareForShutdown`
//! and the properties that a session manager reads; `CheckAuthorization`. It ends nothing.
//!
//! ```no_run
//! use endsession_testkit::{logind::Logind, session::Sandbox, wait::LIMIT};
//!
//! let sandbox = Sandbox::new();
//! let logind = Logind::of(&sandbox); // the sandbox's processes find it from now on
//! logind.orders(|orders| orders.can = "na".into());
//! // What is under test holds its delay lock.
//! logind.wait(LIMIT, "a delay lock", |seen| seen.delay_locks > 0);
//! logind.prepare_for_shutdown(true);
//! ```

use std::{
    collections::HashMap,
    os::fd::AsFd,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::StreamExt;
use zbus::{Connection, Message, MessageStream, Variant, message::Type};

use crate::{
    bus::{self, Bus},
    rt,
    session::Sandbox,
    wait::{Deadline, LIMIT},
};

const LOGIN: &str = "org.freedesktop.login1";
const PATH: &str = "/org/freedesktop/login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";
const POLKIT: &str = "org.freedesktop.PolicyKit1";

/// How an order of the machine's end is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// It begins, and nothing follows.
    #[default]
    Yes,
    /// It is refused, with this text.
    No(String),
    /// Not at all.
    Never,
}

/// What polkit says to `CheckAuthorization`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Leave {
    /// It is given.
    #[default]
    Given,
    /// It is not.
    Refused,
    /// The user was asked, and did not want to be.
    Dismissed,
    /// It asks the user, who does not answer.
    Asks,
}

/// What it is to do.
#[derive(Clone, Debug)]
pub struct Orders {
    /// The answer of `CanPowerOff` and `CanReboot`.
    pub can: String,
    /// The answer to `PowerOff` and `Reboot`.
    pub end: Answer,
    /// polkit's.
    pub leave: Leave,
    /// Who holds a lock in mode block against a shutdown: names and reasons.
    pub locks: Vec<(String, String)>,
    /// The answer to `Inhibit` in mode block. [`Answer::Never`] is one that may still come:
    /// [`Logind::answer_at_last`].
    pub block: Answer,
    /// `InhibitDelayMaxUSec`, in milliseconds.
    pub delay: u64,
}

impl Default for Orders {
    fn default() -> Self {
        Self {
            can: "yes".into(),
            end: Answer::default(),
            leave: Leave::default(),
            locks: Vec::new(),
            block: Answer::default(),
            delay: 5_000,
        }
    }
}

/// A lock that somebody holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    /// `shutdown`, `sleep`, `idle`.
    pub what: String,
    /// Its holder's name for itself.
    pub who: String,
    /// And why.
    pub why: String,
    /// `block` or `delay`.
    pub mode: String,
    /// The process that took it.
    pub pid: u32,
    number: u64,
}

/// What it has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The names of all methods that were called, in order; of `CheckAuthorization` the action.
    pub calls: Vec<String>,
    /// How many delay locks are held.
    pub delay_locks: usize,
    /// The locks in mode block that are held, the oldest first.
    pub blocks: Vec<Lock>,
    /// How many locks in mode block were asked for.
    pub asked: usize,
    taken: u64,
}

impl Seen {
    /// Who holds this, and why, where exactly one lock says so.
    pub fn holder(&self, what: &str) -> Option<(&str, &str)> {
        let mut locks = self.blocks.iter().filter(|lock| lock.what == what);
        let lock = locks.next().filter(|_| locks.next().is_none())?;
        Some((&lock.who, &lock.why))
    }

    fn gone(&mut self, lock: &Lock) {
        if lock.mode == "delay" {
            // One of before its end is not counted any more.
            self.delay_locks = self.delay_locks.saturating_sub(1);
        } else {
            self.blocks.retain(|held| held.number != lock.number);
        }
    }
}

/// The two services. Dropping it ends their bus.
#[derive(Debug)]
pub struct Logind {
    connection: Connection,
    shared: Arc<Shared>,
    _bus: Bus,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<(Orders, Seen)>,
    changed: Condvar,
    /// Calls of `Inhibit` that wait for their answer.
    late: Mutex<Vec<Message>>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, (Orders, Seen)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn late(&self) -> MutexGuard<'_, Vec<Message>> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.lock().1);
        self.changed.notify_all();
    }
}

impl Logind {
    /// On a bus that `sandbox`'s processes take for the system's.
    ///
    /// # Panics
    /// When the bus cannot be had.
    #[track_caller]
    pub fn of(sandbox: &Sandbox) -> Self {
        let bus = Bus::daemon();
        sandbox.set_env("DBUS_SYSTEM_BUS_ADDRESS", bus.address());
        let (address, uid) = (bus.address().to_owned(), bus.uid());
        let shared = Arc::<Shared>::default();
        let keeper = shared.clone();
        let start = async move {
            let connection = bus::connect(&address, uid).await?;
            let stream = MessageStream::from(&connection);
            rt::handle().spawn(serve(connection.clone(), stream, keeper));
            connection.request_name(LOGIN).await?;
            connection.request_name(POLKIT).await?;
            zbus::Result::Ok(connection)
        };
        match rt::block_on("starting a logind", LIMIT, start) {
            Ok(connection) => Self {
                connection,
                shared,
                _bus: bus,
            },
            Err(error) => panic!("{LOGIN}: {error}"),
        }
    }

    /// Changes what it is to do, and tells of it as logind does when locks come or go.
    #[track_caller]
    pub fn orders(&self, change: impl FnOnce(&mut Orders)) {
        let locks = {
            let mut state = self.shared.lock();
            let before = state.0.locks.clone();
            change(&mut state.0);
            state.0.locks != before
        };
        if locks {
            let connection = self.connection.clone();
            let tell = async move { locks_changed(&connection).await };
            rt::block_on("telling of locks", LIMIT, tell)
                .unwrap_or_else(|error| panic!("telling of locks: {error}"));
        }
    }

    /// Answers the calls that [`Orders::block`] had wait: each has its lock now.
    #[track_caller]
    pub fn answer_at_last(&self) {
        let late = std::mem::take(&mut *self.shared.late());
        for call in late {
            let (connection, shared) = (self.connection.clone(), self.shared.clone());
            let answer = async move { inhibit(&connection, &call, &shared).await };
            rt::block_on("a late answer", LIMIT, answer)
                .unwrap_or_else(|error| panic!("a late answer: {error}"));
        }
    }

    /// Ends it, with all that it knows of locks. The bus and polkit stay.
    #[track_caller]
    pub fn stop(&self) {
        self.shared.note(|seen| {
            seen.blocks.clear();
            seen.delay_locks = 0;
        });
        self.shared.late().clear();
        let connection = self.connection.clone();
        let release = async move { connection.release_name(LOGIN).await };
        rt::block_on("the end of logind", LIMIT, release)
            .unwrap_or_else(|error| panic!("{LOGIN}: {error}"));
    }

    /// Starts it again.
    #[track_caller]
    pub fn start_again(&self) {
        let connection = self.connection.clone();
        let request = async move { connection.request_name(LOGIN).await };
        rt::block_on("logind once more", LIMIT, request)
            .unwrap_or_else(|error| panic!("{LOGIN}: {error}"));
    }

    /// Says that the machine is being shut down, or no longer.
    #[track_caller]
    pub fn prepare_for_shutdown(&self, begins: bool) {
        self.emit(MANAGER, "PrepareForShutdown", begins);
    }

    /// What it has seen so far.
    pub fn seen(&self) -> Seen {
        self.shared.lock().1.clone()
    }

    /// Waits until what it has seen is `what`.
    ///
    /// # Panics
    /// When `limit` runs out; the message has what it has seen.
    #[track_caller]
    pub fn wait(&self, limit: Duration, what: &str, wanted: impl Fn(&Seen) -> bool) -> Seen {
        let deadline = Deadline::after(limit);
        let mut state = self.shared.lock();
        while !wanted(&state.1) {
            assert!(
                !deadline.passed(),
                "within {limit:?} never {what}, only {:?}",
                state.1
            );
            let waited = self.shared.changed.wait_timeout(state, deadline.left());
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.1.clone()
    }

    #[track_caller]
    fn emit<B>(&self, interface: &'static str, member: &'static str, body: B)
    where
        B: serde::Serialize + zbus::DynamicType + Send + Sync,
    {
        let message = Message::signal(PATH, interface, member)
            .build(&body)
            .unwrap_or_else(|error| panic!("{member}: {error}"));
        let connection = self.connection.clone();
        let emit = async move { connection.send(&message).await };
        rt::block_on(member, LIMIT, emit).unwrap_or_else(|error| panic!("{member}: {error}"));
    }
}

async fn serve(connection: Connection, mut stream: MessageStream, shared: Arc<Shared>) {
    while let Some(Ok(message)) = stream.next().await {
        if message.message_type() == Type::MethodCall {
            // Whoever called may have gone.
            let _ = answer(&connection, &message, &shared).await;
        }
    }
}

async fn answer(
    connection: &Connection,
    message: &Message,
    shared: &Arc<Shared>,
) -> zbus::Result<()> {
    let (header, body) = (message.header(), message.body());
    let member = header.member().map(|m| m.as_str().to_owned());
    let member = member.unwrap_or_default();
    let orders = shared.lock().0.clone();
    let note = |what: &str| shared.note(|seen| seen.calls.push(what.to_owned()));
    match member.as_str() {
        "GetAll" => {
            let all = HashMap::from([(
                "InhibitDelayMaxUSec",
                Variant::from(orders.delay.saturating_mul(1000)),
            )]);
            connection.reply(&header, &all).await
        }
        "CanPowerOff" | "CanReboot" => connection.reply(&header, &orders.can.as_str()).await,
        "ListSessions" => {
            let none: Vec<(&str, u32, &str, &str, zbus::ObjectPath<'_>)> = Vec::new();
            connection.reply(&header, &none).await
        }
        "ListInhibitors" => {
            let locks = orders.locks.iter();
            let mut locks: Vec<(&str, &str, &str, &str, u32, u32)> = locks
                .map(|(who, why)| ("shutdown", who.as_str(), why.as_str(), "block", 0, 1))
                .collect();
            let held = shared.lock().1.blocks.clone();
            locks.extend(held.iter().map(|lock| {
                let Lock { what, who, why, .. } = lock;
                (
                    what.as_str(),
                    who.as_str(),
                    why.as_str(),
                    "block",
                    0,
                    lock.pid,
                )
            }));
            connection.reply(&header, &locks).await
        }
        "Inhibit" => {
            let (_, _, _, mode): (&str, &str, &str, &str) = body.deserialize()?;
            if mode == "delay" {
                return inhibit(connection, message, shared).await;
            }
            shared.note(|seen| seen.asked += 1);
            match &orders.block {
                Answer::Yes => inhibit(connection, message, shared).await,
                Answer::Never => {
                    shared.late().push(message.clone());
                    Ok(())
                }
                Answer::No(why) => {
                    let error = "org.freedesktop.DBus.Error.AccessDenied";
                    connection.reply_error(&header, error, &why.as_str()).await
                }
            }
        }
        "PowerOff" | "Reboot" => {
            note(&member);
            match &orders.end {
                Answer::Yes => connection.reply(&header, &()).await,
                Answer::Never => Ok(()),
                Answer::No(why) => {
                    let error = "org.freedesktop.login1.OperationInProgress";
                    connection.reply_error(&header, error, &why.as_str()).await
                }
            }
        }
        "CheckAuthorization" => {
            type Check<'m> = (
                (&'m str, HashMap<&'m str, Variant<'m>>),
                &'m str,
                HashMap<&'m str, &'m str>,
                u32,
                &'m str,
            );
            let (_, action, ..): Check<'_> = body.deserialize()?;
            note(action);
            let dismissed = HashMap::from([("polkit.dismissed", "true")]);
            let answer = match orders.leave {
                Leave::Given => (true, false, HashMap::new()),
                Leave::Refused => (false, false, HashMap::new()),
                Leave::Dismissed => (false, false, dismissed),
                Leave::Asks => return Ok(()),
            };
            connection.reply(&header, &(answer,)).await
        }
        _ => {
            note(&member);
            let error = "org.freedesktop.DBus.Error.UnknownMethod";
            let text = "this logind knows of no such thing";
            connection.reply_error(&header, error, &text).await
        }
    }
}

/// Gives a lock, which lasts as long as its descriptor.
async fn inhibit(
    connection: &Connection,
    call: &Message,
    shared: &Arc<Shared>,
) -> zbus::Result<()> {
    let (header, body) = (call.header(), call.body());
    let (what, who, why, mode): (&str, &str, &str, &str) = body.deserialize()?;
    let bus = "org.freedesktop.DBus";
    let sender = header.sender().map(|name| name.to_string());
    let sender = sender.unwrap_or_default();
    let pid = connection
        .call_method(
            Some(bus),
            "/org/freedesktop/DBus",
            Some(bus),
            "GetConnectionUnixProcessID",
            &sender.as_str(),
        )
        .await?;
    let mut lock = Lock {
        what: what.to_owned(),
        who: who.to_owned(),
        why: why.to_owned(),
        mode: mode.to_owned(),
        pid: pid.body().deserialize()?,
        number: 0,
    };
    // No process that the test starts meanwhile may hold it too.
    let flags = rustix::pipe::PipeFlags::CLOEXEC;
    let (held, lease) = rustix::pipe::pipe_with(flags).map_err(std::io::Error::from)?;
    shared.note(|seen| {
        seen.taken += 1;
        lock.number = seen.taken;
        match mode {
            "delay" => seen.delay_locks += 1,
            _ => seen.blocks.push(lock.clone()),
        }
    });
    let (keeper, bus) = (shared.clone(), connection.clone());
    // It is held until the other end is closed: that end has no reader, so it never is ready.
    std::thread::spawn(move || {
        Deadline::after(Duration::from_secs(3600)).readable(held.as_fd());
        keeper.note(|seen| seen.gone(&lock));
        // As the real one says it, after it has seen it.
        let told = rt::handle().spawn(async move { locks_changed(&bus).await });
        drop(told);
    });
    connection.reply(&header, &zbus::Fd::from(lease)).await?;
    locks_changed(connection).await
}

async fn locks_changed(connection: &Connection) -> zbus::Result<()> {
    let changed = HashMap::from([("BlockInhibited", Variant::from("shutdown"))]);
    let names: Vec<&str> = Vec::new();
    let message = Message::signal(PATH, "org.freedesktop.DBus.Properties", "PropertiesChanged")
        .build(&(MANAGER, changed, names))?;
    connection.send(&message).await
}

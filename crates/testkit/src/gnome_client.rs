//! Clients of `org.gnome.SessionManager` with manners of their own, as raw D-Bus.
//!
//! ```no_run
//! use std::time::Duration;
//! use endsession_testkit::{bus::Bus, gnome_client::{GnomeClient, Manner}};
//!
//! # let bus = Bus::daemon(); // with the manager under test on it
//! let editor = GnomeClient::register(&bus, "editor", Manner::Refuse("two unsaved files".into()));
//! let seen = editor.wait_for("QueryEndSession", Duration::from_secs(5));
//! assert_eq!(seen.destination.as_deref(), Some(editor.unique_name()));
//! ```
//!
//! Hundreds fit in one process: each is one connection, all on one thread. They are *this* process
//! to the bus; what has to be a process of its own is in [`apps`](crate::apps).

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures_util::{StreamExt, future::join_all};
use zbus::{Connection, Message, MessageStream, OwnedObjectPath, message::Type};

use crate::{
    bus::{self, Bus},
    rt,
    wait::{Deadline, LIMIT},
};

const MANAGER: &str = "org.gnome.SessionManager";
const MANAGER_PATH: &str = "/org/gnome/SessionManager";
const CLIENT: &str = "org.gnome.SessionManager.ClientPrivate";

/// How a client behaves. Where nothing else is said it leaves the bus when it is told to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Agrees to every query.
    Agree,
    /// Refuses every query with this reason.
    Refuse(String),
    /// Answers no query; [`GnomeClient::answer`] does.
    Silent,
    /// Agrees to every query twice.
    Twice,
    /// Is gone from the bus when it is queried, without an answer.
    Crash,
    /// Agrees, and is gone before it is told to end.
    LeaveEarly,
    /// Agrees, and stays when it is told to end.
    Stay,
}

/// One signal that a client got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its name: `QueryEndSession`, `EndSession`, `CancelEndSession` or `Stop`.
    pub member: String,
    /// Its argument; 0 where it has none. 1 forceful, 2 save, 4 last.
    pub flags: u32,
    /// The object that sent it.
    pub path: String,
    /// The connection that sent it.
    pub sender: Option<String>,
    /// The connection it was sent to; None for a broadcast.
    pub destination: Option<String>,
    /// When it was seen here.
    pub at: Instant,
}

/// A registered client. Dropping it leaves the bus without unregistering.
#[derive(Debug)]
pub struct GnomeClient {
    connection: Connection,
    unique_name: String,
    path: OwnedObjectPath,
    seen: Arc<Seens>,
}

#[derive(Debug, Default)]
struct Seens {
    list: Mutex<(Vec<Seen>, bool)>,
    changed: Condvar,
}

impl GnomeClient {
    /// Registers a client called `app_id`, as the sandbox's user.
    ///
    /// # Panics
    /// When the manager refuses it, or is not there.
    #[track_caller]
    pub fn register(bus: &Bus, app_id: &str, manner: Manner) -> Self {
        Self::register_on(bus.address(), bus.uid(), app_id, manner)
            .unwrap_or_else(|error| panic!("registering {app_id}: {error}"))
    }

    /// Registers a client on the bus at `address`, as user `uid`.
    ///
    /// # Errors
    /// What the manager says against it, or the bus.
    pub fn register_on(
        address: &str,
        uid: u32,
        app_id: &str,
        manner: Manner,
    ) -> Result<Self, zbus::Error> {
        let (address, app_id) = (address.to_owned(), app_id.to_owned());
        let register = async move { register(&address, uid, &app_id, manner).await };
        rt::block_on("registering a client", LIMIT, register)
    }

    /// Registers `count` clients, called `app_id` and a number, all at once.
    ///
    /// # Panics
    /// When one of them is refused.
    #[track_caller]
    pub fn register_many(bus: &Bus, count: usize, app_id: &str, manner: &Manner) -> Vec<Self> {
        let (address, uid) = (bus.address().to_owned(), bus.uid());
        let (app_id, manner) = (app_id.to_owned(), manner.clone());
        let register_all = async move {
            let names = (0..count).map(|number| format!("{app_id}{number}"));
            let clients = names.map(|name| {
                let (address, manner) = (address.clone(), manner.clone());
                async move { register(&address, uid, &name, manner).await }
            });
            join_all(clients)
                .await
                .into_iter()
                .collect::<zbus::Result<Vec<_>>>()
        };
        rt::block_on("registering clients", LIMIT * 4, register_all)
            .unwrap_or_else(|error| panic!("registering {count} clients: {error}"))
    }

    /// Its connection's name on the bus.
    pub fn unique_name(&self) -> &str {
        &self.unique_name
    }

    /// Its object at the manager.
    pub fn path(&self) -> &str {
        self.path.as_str()
    }

    /// The signals it has got, first to last.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().0.clone()
    }

    /// The names of the signals it has got, first to last.
    pub fn members(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.member).collect()
    }

    /// Waits for its first `member`.
    ///
    /// # Panics
    /// When `limit` runs out or the bus has gone; the message lists what it got.
    #[track_caller]
    pub fn wait_for(&self, member: &str, limit: Duration) -> Seen {
        self.wait_for_nth(member, 1, limit)
    }

    /// Waits for its `nth` `member`, counted from 1.
    ///
    /// # Panics
    /// When `limit` runs out or the bus has gone; the message lists what it got.
    #[track_caller]
    pub fn wait_for_nth(&self, member: &str, nth: usize, limit: Duration) -> Seen {
        let deadline = Deadline::after(limit);
        let mut state = self.seen.lock();
        loop {
            let mut matching = state.0.iter().filter(|seen| seen.member == member);
            if let Some(seen) = matching.nth(nth - 1) {
                return seen.clone();
            }
            let members: Vec<_> = state.0.iter().map(|seen| &seen.member).collect();
            assert!(
                !state.1,
                "the client left the bus with {members:?}, without {member}"
            );
            assert!(
                !deadline.passed(),
                "within {limit:?} only {members:?}, not {member} {nth}"
            );
            let waited = self.seen.changed.wait_timeout(state, deadline.left());
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until it has left the bus: because its manner says so, or because the bus has gone.
    ///
    /// # Panics
    /// When `limit` runs out; the message lists what it got.
    #[track_caller]
    pub fn wait_until_left(&self, limit: Duration) {
        let deadline = Deadline::after(limit);
        let mut state = self.seen.lock();
        while !state.1 {
            let members: Vec<_> = state.0.iter().map(|seen| &seen.member).collect();
            assert!(
                !deadline.passed(),
                "the client is there after {limit:?}, with {members:?}"
            );
            let waited = self.seen.changed.wait_timeout(state, deadline.left());
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Answers a query by hand.
    #[track_caller]
    pub fn answer(&self, agrees: bool, reason: &str) {
        let (connection, path) = (self.connection.clone(), self.path.clone());
        let reason = reason.to_owned();
        let answer = async move { answer(&connection, &path, agrees, &reason).await };
        rt::block_on("answering", LIMIT, answer).unwrap_or_else(|error| panic!("answer: {error}"));
    }

    /// Takes an inhibitor: flag 1 log-off, 2 switch user, 4 suspend, 8 idle, 16 automount.
    #[track_caller]
    pub fn inhibit(&self, reason: &str, flags: u32) -> u32 {
        let body = (String::from("testkit"), 0_u32, reason.to_owned(), flags);
        self.call("Inhibit", body)
            .body()
            .deserialize()
            .expect("a cookie")
    }

    /// Gives an inhibitor back.
    #[track_caller]
    pub fn uninhibit(&self, cookie: u32) {
        self.call("Uninhibit", (cookie,));
    }

    /// Unregisters, and stays on the bus.
    #[track_caller]
    pub fn unregister(&self) {
        self.call("UnregisterClient", (self.path.clone(),));
    }

    /// Leaves the bus without a word, as a crash does.
    pub fn leave(&self) {
        let connection = self.connection.clone();
        rt::block_on("leaving the bus", LIMIT, async move {
            connection.close().await.ok()
        });
    }

    #[track_caller]
    fn call<B>(&self, method: &'static str, body: B) -> Message
    where
        B: serde::Serialize + zbus::DynamicType + Send + Sync + 'static,
    {
        let connection = self.connection.clone();
        let call = async move {
            connection
                .call_method(Some(MANAGER), MANAGER_PATH, Some(MANAGER), method, &body)
                .await
        };
        rt::block_on(method, LIMIT, call).unwrap_or_else(|error| panic!("{method}: {error}"))
    }
}

impl Drop for GnomeClient {
    fn drop(&mut self) {
        let connection = self.connection.clone();
        // Not waited for: hundreds may go at once. The task that reads it ends with it.
        rt::handle().spawn(async move { connection.close().await });
    }
}

impl Seens {
    fn lock(&self) -> MutexGuard<'_, (Vec<Seen>, bool)> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn register(
    address: &str,
    uid: u32,
    app_id: &str,
    manner: Manner,
) -> zbus::Result<GnomeClient> {
    let connection = bus::connect(address, uid).await?;
    // Before it registers: a manager may query it the moment it has.
    let stream = MessageStream::from(&connection);
    let reply = connection
        .call_method(
            Some(MANAGER),
            MANAGER_PATH,
            Some(MANAGER),
            "RegisterClient",
            &(app_id, ""),
        )
        .await?;
    let path: OwnedObjectPath = reply.body().deserialize()?;
    // gnome-session says to everybody what it means for one: its clients listen for it.
    let rule = format!(
        "type='signal',interface='{CLIENT}',path='{}'",
        path.as_str()
    );
    let bus = Some("org.freedesktop.DBus");
    connection
        .call_method(bus, "/org/freedesktop/DBus", bus, "AddMatch", &rule)
        .await?;
    let seen = Arc::<Seens>::default();
    let unique_name = connection
        .unique_name()
        .map(ToString::to_string)
        .unwrap_or_default();
    tokio::spawn(behave(
        connection.clone(),
        path.clone(),
        stream,
        manner,
        seen.clone(),
    ));
    Ok(GnomeClient {
        connection,
        unique_name,
        path,
        seen,
    })
}

/// Records what comes, and answers as `manner` has it, until the connection is closed.
async fn behave(
    connection: Connection,
    path: OwnedObjectPath,
    mut stream: MessageStream,
    manner: Manner,
    seen: Arc<Seens>,
) {
    while let Some(Ok(message)) = stream.next().await {
        let Some(signal) = signal(&message) else {
            continue;
        };
        let member = signal.member.clone();
        seen.lock().0.push(signal);
        seen.changed.notify_all();
        // An answer that cannot be sent, because the bus is going, is nothing to the client.
        match (member.as_str(), &manner) {
            ("QueryEndSession", Manner::Agree | Manner::Stay) => {
                let _ = answer(&connection, &path, true, "").await;
            }
            ("QueryEndSession", Manner::Refuse(reason)) => {
                let _ = answer(&connection, &path, false, reason).await;
            }
            ("QueryEndSession", Manner::Twice) => {
                let _ = answer(&connection, &path, true, "").await;
                let _ = answer(&connection, &path, true, "").await;
            }
            ("QueryEndSession", Manner::Crash) => break,
            ("QueryEndSession", Manner::LeaveEarly) => {
                let _ = answer(&connection, &path, true, "").await;
                break;
            }
            ("EndSession" | "Stop", Manner::Stay) => {}
            ("EndSession" | "Stop", _) => {
                let _ = answer(&connection, &path, true, "").await;
                break;
            }
            _ => {}
        }
    }
    let _ = connection.close().await;
    seen.lock().1 = true;
    seen.changed.notify_all();
}

/// The signal to a client that `message` is, if it is one.
fn signal(message: &Message) -> Option<Seen> {
    let header = message.header();
    if header.message_type() != Type::Signal || header.interface()? != CLIENT {
        return None;
    }
    Some(Seen {
        member: header.member()?.to_string(),
        flags: message.body().deserialize().unwrap_or(0),
        path: header.path()?.to_string(),
        sender: header.sender().map(ToString::to_string),
        destination: header.destination().map(ToString::to_string),
        at: Instant::now(),
    })
}

async fn answer(
    connection: &Connection,
    path: &OwnedObjectPath,
    agrees: bool,
    reason: &str,
) -> zbus::Result<()> {
    let body = (agrees, reason);
    let call = connection.call_method(
        Some(MANAGER),
        path,
        Some(CLIENT),
        "EndSessionResponse",
        &body,
    );
    call.await.map(drop)
}

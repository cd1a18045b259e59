//! [`Notifications`]: a notification daemon that shows nothing and keeps everything
//! (org.freedesktop.Notifications 1.2).
//!
//! ```no_run
//! use endsession_testkit::{bus::Bus, notifications::Notifications, wait::LIMIT};
//!
//! let bus = Bus::daemon();
//! let daemon = Notifications::on(&bus);
//! // What is under test notifies.
//! let seen = daemon.wait_for(LIMIT, |seen| seen.summary.contains("log-off"));
//! daemon.invoke(seen.id, "cancel");
//! ```

use std::{
    collections::BTreeMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::StreamExt;
use zbus::{Connection, Message, MessageStream, OwnedVariant, message::Type};

use crate::{
    bus::{self, Bus},
    rt,
    wait::{Deadline, LIMIT},
};

const NAME: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";

/// One notification, as it was shown last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Its number, which a later one may name to take its place.
    pub id: u32,
    /// Who it is from.
    pub app_name: String,
    /// The name of its icon.
    pub app_icon: String,
    /// Its first line.
    pub summary: String,
    /// What follows.
    pub body: String,
    /// What can be chosen: a key each, and its label.
    pub actions: Vec<(String, String)>,
    /// How urgent it is: 0 low, 1 normal, 2 critical; None where nothing was said.
    pub urgency: Option<u8>,
    /// The names of all hints.
    pub hints: Vec<String>,
    /// For how long it is shown, in milliseconds; -1 as the daemon likes, 0 for ever.
    pub timeout: i32,
    /// Why it was closed: 1 it expired, 2 it was dismissed, 3 its sender took it back. None while it is
    /// shown.
    pub closed: Option<u32>,
}

/// The daemon. Dropping it gives its name back.
#[derive(Debug)]
pub struct Notifications {
    connection: Connection,
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    list: Mutex<Vec<Notification>>,
    changed: Condvar,
}

type Notify = (
    String,
    u32,
    String,
    String,
    String,
    Vec<String>,
    BTreeMap<String, OwnedVariant>,
    i32,
);

impl Notifications {
    /// The daemon of `bus`.
    ///
    /// # Panics
    /// When there is one already.
    #[track_caller]
    pub fn on(bus: &Bus) -> Self {
        let (address, uid) = (bus.address().to_owned(), bus.uid());
        let seen = Arc::<Seen>::default();
        let keeper = seen.clone();
        let start = async move {
            let connection = bus::connect(&address, uid).await?;
            let stream = MessageStream::from(&connection);
            rt::handle().spawn(serve(connection.clone(), stream, keeper));
            connection.request_name(NAME).await?;
            zbus::Result::Ok(connection)
        };
        match rt::block_on("starting a notification daemon", LIMIT, start) {
            Ok(connection) => Self { connection, seen },
            Err(error) => panic!("{NAME}: {error}"),
        }
    }

    /// All notifications, in the order in which they came first.
    pub fn all(&self) -> Vec<Notification> {
        self.seen.lock().clone()
    }

    /// Waits for a notification that `wanted` accepts.
    ///
    /// # Panics
    /// When `limit` runs out; the message lists those there were.
    #[track_caller]
    pub fn wait_for(
        &self,
        limit: Duration,
        wanted: impl Fn(&Notification) -> bool,
    ) -> Notification {
        let deadline = Deadline::after(limit);
        let mut list = self.seen.lock();
        loop {
            if let Some(found) = list.iter().find(|notification| wanted(notification)) {
                return found.clone();
            }
            assert!(
                !deadline.passed(),
                "within {limit:?} no such notification, only {list:#?}"
            );
            let waited = self.seen.changed.wait_timeout(list, deadline.left());
            list = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until notification `id` is closed, and returns why: see [`Notification::closed`].
    ///
    /// # Panics
    /// When `limit` runs out.
    #[track_caller]
    pub fn wait_until_closed(&self, id: u32, limit: Duration) -> u32 {
        let closed = self.wait_for(limit, |seen| seen.id == id && seen.closed.is_some());
        closed.closed.expect("awaited just now")
    }

    /// Chooses an action of notification `id`, as its user would: by its key, `default` for the
    /// notification itself. It is closed then.
    #[track_caller]
    pub fn invoke(&self, id: u32, key: &str) {
        self.emit("ActionInvoked", (id, key.to_owned()));
        self.close(id, 2);
    }

    /// Closes notification `id`, as when its user waves it away (2) or its time is up (1).
    #[track_caller]
    pub fn close(&self, id: u32, why: u32) {
        self.seen.close(id, why);
        self.emit("NotificationClosed", (id, why));
    }

    #[track_caller]
    fn emit<B>(&self, member: &'static str, body: B)
    where
        B: serde::Serialize + zbus::DynamicType + Send + Sync + 'static,
    {
        let connection = self.connection.clone();
        let emit = async move {
            let nobody_in_particular = None::<&str>;
            connection
                .emit_signal(nobody_in_particular, PATH, NAME, member, &body)
                .await
        };
        rt::block_on(member, LIMIT, emit).unwrap_or_else(|error| panic!("{member}: {error}"));
    }
}

impl Drop for Notifications {
    fn drop(&mut self) {
        let connection = self.connection.clone();
        // Closed here rather than some time after: the name is free when this returns.
        rt::block_on("ending a notification daemon", LIMIT, async move {
            connection.close().await.ok()
        });
    }
}

impl Seen {
    fn lock(&self) -> MutexGuard<'_, Vec<Notification>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps it, in the place of the one that it replaces.
    fn keep(&self, body: Notify) -> u32 {
        let (app_name, replaces, app_icon, summary, body, actions, hints, timeout) = body;
        let mut list = self.lock();
        let (pairs, _) = actions.as_chunks::<2>();
        let pairs = pairs.iter().cloned().map(|[key, label]| (key, label));
        let urgency = hints.get("urgency").cloned();
        let old = list
            .iter()
            .position(|notification| notification.id == replaces && notification.closed.is_none());
        let next = list.len() as u32 + 1;
        let notification = Notification {
            id: old.map_or(next, |_| replaces),
            app_name,
            app_icon,
            summary,
            body,
            actions: pairs.collect(),
            urgency: urgency.and_then(|value| u8::try_from(value).ok()),
            hints: hints.into_keys().collect(),
            timeout,
            closed: None,
        };
        let id = notification.id;
        match old {
            Some(at) => list[at] = notification,
            None => list.push(notification),
        }
        self.changed.notify_all();
        id
    }

    fn close(&self, id: u32, why: u32) {
        for notification in self.lock().iter_mut().filter(|it| it.id == id) {
            notification.closed = Some(why);
        }
        self.changed.notify_all();
    }
}

async fn serve(connection: Connection, mut stream: MessageStream, seen: Arc<Seen>) {
    while let Some(Ok(message)) = stream.next().await {
        if message.message_type() != Type::MethodCall {
            continue;
        }
        if let Err(error) = answer(&connection, &message, &seen).await {
            let name = "org.freedesktop.DBus.Error.InvalidArgs";
            let text = error.to_string();
            // Whoever called may have gone.
            let _ = connection.reply_error(&message.header(), name, &text).await;
        }
    }
}

async fn answer(connection: &Connection, message: &Message, seen: &Seen) -> zbus::Result<()> {
    let (header, body) = (message.header(), message.body());
    match header.member().map(|member| member.as_str()) {
        Some("Notify") => {
            let id = seen.keep(body.deserialize()?);
            connection.reply(&header, &id).await
        }
        Some("CloseNotification") => {
            let id: u32 = body.deserialize()?;
            seen.close(id, 3);
            connection
                .emit_signal(None::<&str>, PATH, NAME, "NotificationClosed", &(id, 3_u32))
                .await?;
            connection.reply(&header, &()).await
        }
        Some("GetCapabilities") => {
            let capabilities = ["actions", "body", "persistence"].map(str::to_owned);
            connection.reply(&header, &capabilities.to_vec()).await
        }
        Some("GetServerInformation") => {
            connection
                .reply(&header, &("testkit", "endsession", "1", "1.2"))
                .await
        }
        _ => {
            let error = "org.freedesktop.DBus.Error.UnknownMethod";
            connection
                .reply_error(&header, error, &"there is no such method")
                .await
        }
    }
}

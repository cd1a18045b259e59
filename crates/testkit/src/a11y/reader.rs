//! [`ScreenReader`]: what makes applications show their tree, and hears what they tell of changes.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::StreamExt;
use zbus::{Connection, MatchRule, Message, MessageStream, OwnedObjectPath, OwnedVariant, Variant};

use super::{Application, REGISTRY, call, connect};
use crate::{
    bus::{self, Bus},
    rt,
    wait::{Deadline, LIMIT},
};

/// Events that wait to be looked at: what changes while a tree is built are hundreds.
const QUEUE: NonZeroUsize = NonZeroUsize::new(8192).expect("more than none");

/// One thing that an application told of: a signal of org.a11y.atspi.Event.Object or .Window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened: `Announcement`, `StateChanged`, `ChildrenChanged`, `PropertyChange`, `Activate`.
    pub member: String,
    /// More closely: `focused`, `add`, `accessible-name`.
    pub detail: String,
    /// A number that belongs to it: 1 and 0 for a state that came and went, 1 and 2 for an
    /// announcement that is polite and assertive.
    pub number: i32,
    /// A text that belongs to it: what is announced.
    pub text: String,
    /// The widget, as in [`Widget::path`](super::Widget::path).
    pub path: String,
    /// The process that told it; None where it has gone.
    pub pid: Option<u32>,
}

/// A screen reader as far as applications can tell: org.a11y.Status says so, and events are wanted.
/// Dropping it says that none runs any more.
#[derive(Debug)]
pub struct ScreenReader {
    session: Connection,
    connection: Connection,
    heard: Arc<Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    events: Mutex<Vec<Event>>,
    changed: Condvar,
}

impl ScreenReader {
    /// A screen reader of `bus`, which has to be dbus-daemon.
    ///
    /// # Panics
    /// When there is no accessibility bus.
    #[track_caller]
    pub fn on(bus: &Bus) -> Self {
        Self::on_address(bus.address(), bus.uid())
    }

    /// A screen reader of the bus at `address`, as user `uid`.
    ///
    /// # Panics
    /// When there is no accessibility bus.
    #[track_caller]
    pub fn on_address(address: &str, uid: u32) -> Self {
        let address = address.to_owned();
        let heard = Arc::<Heard>::default();
        let listener = heard.clone();
        let start = async move {
            let session = bus::connect(&address, uid).await?;
            let connection = connect(&address, uid).await?;
            let stream = listen(&connection).await?;
            rt::handle().spawn(record(connection.clone(), stream, listener));
            set_running(&session, true).await?;
            zbus::Result::Ok((session, connection))
        };
        match rt::block_on("starting a screen reader", LIMIT, start) {
            Ok((session, connection)) => Self {
                session,
                connection,
                heard,
            },
            Err(error) => panic!("the accessibility bus: {error}"),
        }
    }

    /// The application with process `pid`; waits until it has registered.
    ///
    /// # Panics
    /// When it does not in time.
    #[track_caller]
    pub fn application(&self, pid: u32) -> Application {
        let connection = self.connection.clone();
        Application::find(pid, async move { Ok(connection) })
    }

    /// Where it is now in what it hears, for [`wait_for_event`](Self::wait_for_event).
    pub fn mark(&self) -> usize {
        self.heard.lock().len()
    }

    /// Everything it has heard since `mark`.
    pub fn events(&self, mark: usize) -> Vec<Event> {
        let events = self.heard.lock();
        events.get(mark..).unwrap_or_default().to_vec()
    }

    /// Waits for an event since `mark` that `wanted` accepts; 0 is from the beginning.
    ///
    /// # Panics
    /// When `limit` runs out; the message lists what it heard.
    #[track_caller]
    pub fn wait_for_event(
        &self,
        mark: usize,
        limit: Duration,
        wanted: impl Fn(&Event) -> bool,
    ) -> Event {
        let deadline = Deadline::after(limit);
        let mut events = self.heard.lock();
        loop {
            let since = events.get(mark..).unwrap_or_default();
            if let Some(event) = since.iter().find(|event| wanted(event)) {
                return event.clone();
            }
            assert!(
                !deadline.passed(),
                "within {limit:?} no such event, only {since:#?}"
            );
            let waited = self.heard.changed.wait_timeout(events, deadline.left());
            events = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What has been announced since `mark`.
    pub fn announcements(&self, mark: usize) -> Vec<String> {
        let events = self.events(mark).into_iter();
        let announced = events.filter(|event| event.member == "Announcement");
        announced.map(|event| event.text).collect()
    }

    /// Waits until something is announced, since `mark`, that contains `text`; all of what is said.
    ///
    /// # Panics
    /// When `limit` runs out; the message lists what it heard.
    #[track_caller]
    pub fn wait_for_announcement(&self, mark: usize, text: &str, limit: Duration) -> String {
        let is_it = |event: &Event| event.member == "Announcement" && event.text.contains(text);
        self.wait_for_event(mark, limit, is_it).text
    }
}

impl Drop for ScreenReader {
    fn drop(&mut self) {
        let session = self.session.clone();
        // The bus may be gone already, and then nobody is left to be told.
        let tell = async move { set_running(&session, false).await.ok() };
        rt::block_on("ending a screen reader", LIMIT, tell);
    }
}

impl Heard {
    fn lock(&self) -> MutexGuard<'_, Vec<Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says whether a screen reader runs. Applications go by either property; that a reader has come sets
/// the other too, and that it has gone does not.
async fn set_running(session: &Connection, running: bool) -> zbus::Result<()> {
    let path = OwnedObjectPath::try_from("/org/a11y/bus")?;
    let properties = "org.freedesktop.DBus.Properties";
    for name in ["IsEnabled", "ScreenReaderEnabled"] {
        let body = ("org.a11y.Status", name, Variant::from(running));
        let () = call(session, "org.a11y.Bus", &path, properties, "Set", &body).await?;
    }
    Ok(())
}

async fn listen(connection: &Connection) -> zbus::Result<MessageStream> {
    let path = OwnedObjectPath::try_from("/org/a11y/atspi/registry")?;
    // Toolkits tell only what somebody wants to hear.
    for kind in ["object:", "window:"] {
        let () = call(
            connection,
            REGISTRY,
            &path,
            REGISTRY,
            "RegisterEvent",
            &(kind,),
        )
        .await?;
    }
    let rule = MatchRule::builder()
        .msg_type(zbus::message::Type::Signal)
        .build()?;
    MessageStream::for_match_rule(rule, connection, Some(QUEUE)).await
}

async fn record(connection: Connection, mut stream: MessageStream, heard: Arc<Heard>) {
    let mut pids = HashMap::new();
    while let Some(Ok(message)) = stream.next().await {
        let Some((mut event, sender)) = event(&message) else {
            continue;
        };
        event.pid = match pids.get(&sender) {
            Some(pid) => *pid,
            None => {
                let pid = process(&connection, &sender).await;
                *pids.entry(sender).or_insert(pid)
            }
        };
        heard.lock().push(event);
        heard.changed.notify_all();
    }
}

async fn process(connection: &Connection, sender: &str) -> Option<u32> {
    let bus = zbus::fdo::DBusProxy::new(connection).await.ok()?;
    let name = zbus::names::BusName::try_from(sender).ok()?;
    bus.get_connection_unix_process_id(name).await.ok()
}

/// The event that `message` is, and who sent it; None for other signals.
fn event(message: &Message) -> Option<(Event, String)> {
    let header = message.header();
    let interface = header.interface()?.as_str();
    interface.strip_prefix("org.a11y.atspi.Event.")?;
    let body = message.body();
    // What comes last is of no use here, and there are two forms of it.
    type New = (
        String,
        i32,
        i32,
        OwnedVariant,
        HashMap<String, OwnedVariant>,
    );
    type Old = (String, i32, i32, OwnedVariant, (String, OwnedObjectPath));
    let (detail, number, value) = match body.deserialize::<New>() {
        Ok((detail, number, _, value, _)) => (detail, number, value),
        Err(_) => {
            let (detail, number, _, value, _) = body.deserialize::<Old>().ok()?;
            (detail, number, value)
        }
    };
    let event = Event {
        member: header.member()?.to_string(),
        detail,
        number,
        text: String::try_from(value).unwrap_or_default(),
        path: header.path()?.to_string(),
        pid: None,
    };
    Some((event, header.sender()?.to_string()))
}

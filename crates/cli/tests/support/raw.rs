//! [`Raw`]: a peer on a session's bus that calls what the test likes and records all it hears.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use endsession_testkit::bus::Bus;
use futures_util::StreamExt as _;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use zbus::message::Type;
use zbus::zvariant::DynamicType;
use zbus::{Connection, DBusError as _, Message, MessageStream, ObjectPath, Variant};

use super::LIMIT;

pub(crate) const MANAGER: &str = "org.gnome.SessionManager";
pub(crate) const MANAGER_PATH: &str = "/org/gnome/SessionManager";
pub(crate) const PRIVATE: &str = "org.gnome.SessionManager.ClientPrivate";
pub(crate) const OWN_CLIENT: &str = "org.endsession.Client1";
pub(crate) const CONTROL: &str = "org.endsession.Manager1";
pub(crate) const CONTROL_PATH: &str = "/org/endsession/Manager1";
pub(crate) const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// An error as the bus brought it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// The last part of an error's name.
#[track_caller]
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, Refused>) -> String {
    let refused = result.unwrap_err();
    assert!(
        !refused.text.is_empty(),
        "an error without a sentence: {refused:?}"
    );
    refused
        .name
        .rsplit('.')
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// A peer.
pub(crate) struct Raw {
    connection: Connection,
    runtime: Runtime,
    heard: Arc<Heard>,
}

#[derive(Default)]
struct Heard {
    signals: Mutex<Vec<Message>>,
    changed: Condvar,
}

impl Raw {
    /// As the sandbox's user.
    #[track_caller]
    pub(crate) fn connect(bus: &Bus) -> Self {
        let connection = bus.connect();
        let mut stream = MessageStream::from(&connection);
        let heard = Arc::<Heard>::default();
        let record = heard.clone();
        std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                while let Some(Ok(message)) = stream.next().await {
                    if message.message_type() == Type::Signal {
                        record.signals.lock().unwrap().push(message);
                        record.changed.notify_all();
                    }
                }
            });
        });
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        Self {
            connection,
            runtime,
            heard,
        }
    }

    /// Its name on the bus.
    pub(crate) fn name(&self) -> String {
        self.connection
            .unique_name()
            .map(ToString::to_string)
            .unwrap_or_default()
    }

    /// The connection, for what is not here.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Runs a future on this peer's runtime.
    #[track_caller]
    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        let limited = async { tokio::time::timeout(LIMIT, future).await };
        self.runtime.block_on(limited).expect("an answer in time")
    }

    /// Calls a method of the manager.
    #[track_caller]
    pub(crate) fn call<B>(
        &self,
        path: &str,
        interface: &str,
        member: &str,
        body: &B,
    ) -> Result<Message, Refused>
    where
        B: serde::Serialize + DynamicType,
    {
        self.call_to(MANAGER, path, interface, member, body)
    }

    /// Calls a method of somebody else.
    #[track_caller]
    pub(crate) fn call_to<B>(
        &self,
        to: &str,
        path: &str,
        interface: &str,
        member: &str,
        body: &B,
    ) -> Result<Message, Refused>
    where
        B: serde::Serialize + DynamicType,
    {
        let call = self
            .connection
            .call_method(Some(to), path, Some(interface), member, body);
        match self.block_on(call) {
            Ok(reply) => Ok(reply),
            Err(zbus::Error::MethodError(name, text, _)) => Err(Refused {
                name: name.to_string(),
                text: text.unwrap_or_default(),
            }),
            // One of the bus's own names, which we use too.
            Err(zbus::Error::FDO(error)) => Err(Refused {
                name: error.name().to_string(),
                text: error.description().unwrap_or_default().to_owned(),
            }),
            Err(error) => panic!("{member}: {error}"),
        }
    }

    /// The unique name of who owns a name.
    #[track_caller]
    pub(crate) fn owner(&self, name: &str) -> String {
        let bus = "org.freedesktop.DBus";
        let reply = self.call_to(bus, "/org/freedesktop/DBus", bus, "GetNameOwner", &name);
        reply
            .unwrap()
            .body()
            .deserialize::<&str>()
            .unwrap()
            .to_owned()
    }

    /// Calls a method of org.gnome.SessionManager.
    #[track_caller]
    pub(crate) fn gnome<B>(&self, member: &str, body: &B) -> Result<Message, Refused>
    where
        B: serde::Serialize + DynamicType,
    {
        self.call(MANAGER_PATH, MANAGER, member, body)
    }

    /// Calls a method of org.endsession.Manager1.
    #[track_caller]
    pub(crate) fn control<B>(&self, member: &str, body: &B) -> Result<Message, Refused>
    where
        B: serde::Serialize + DynamicType,
    {
        self.call(CONTROL_PATH, CONTROL, member, body)
    }

    /// Registers a client; its path.
    #[track_caller]
    pub(crate) fn register(&self, app_id: &str, startup_id: &str) -> Result<String, Refused> {
        let reply = self.gnome("RegisterClient", &(app_id, startup_id))?;
        let path: ObjectPath<'_> = reply
            .body()
            .deserialize::<ObjectPath<'_>>()
            .unwrap()
            .into_owned();
        Ok(path.to_string())
    }

    /// Takes an inhibitor; its cookie.
    #[track_caller]
    pub(crate) fn inhibit(&self, app_id: &str, reason: &str, flags: u32) -> Result<u32, Refused> {
        let reply = self.gnome("Inhibit", &(app_id, 0_u32, reason, flags))?;
        Ok(reply.body().deserialize().unwrap())
    }

    /// Asks for a log-off; the request's number, and whether it joined another.
    #[track_caller]
    pub(crate) fn request(&self, options: &[(&str, Variant<'_>)]) -> Result<(u32, bool), Refused> {
        let options: HashMap<&str, Variant<'_>> =
            options.iter().map(|(k, v)| (*k, v.clone())).collect();
        let reply = self.control("Request", &("logoff", options))?;
        Ok(reply.body().deserialize().unwrap())
    }

    /// The user's word.
    #[track_caller]
    pub(crate) fn choose(&self, choice: &str, application: &str) -> Result<(), Refused> {
        self.control("Choose", &(0_u32, choice, application))
            .map(drop)
    }

    /// Cancels; whether there was something to cancel.
    #[track_caller]
    pub(crate) fn cancel(&self) -> Result<bool, Refused> {
        Ok(self.control("Cancel", &())?.body().deserialize().unwrap())
    }

    /// What Status says.
    #[track_caller]
    pub(crate) fn status(&self) -> Value {
        let reply = self.control("Status", &()).unwrap();
        let body = reply.body();
        serde_json::from_str(body.deserialize().unwrap()).unwrap()
    }

    /// Hears the broadcasts that `rule` describes, from now on.
    #[track_caller]
    pub(crate) fn listen(&self, rule: &str) {
        let bus = "org.freedesktop.DBus";
        let call = self.connection.call_method(
            Some(bus),
            "/org/freedesktop/DBus",
            Some(bus),
            "AddMatch",
            &rule,
        );
        self.block_on(call).unwrap();
    }

    /// Waits until the signals heard so far have what `wanted` looks for.
    #[track_caller]
    fn wait<T>(&self, what: &str, wanted: impl Fn(&[Message]) -> Option<T>) -> T {
        let begun = Instant::now();
        let mut signals = self.heard.signals.lock().unwrap();
        loop {
            if let Some(found) = wanted(&signals) {
                return found;
            }
            let left = LIMIT.saturating_sub(begun.elapsed());
            assert!(
                left > Duration::ZERO,
                "{what} was never heard; heard were {:#?}",
                members(&signals)
            );
            let waited = self.heard.changed.wait_timeout(signals, left);
            signals = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits for a signal for which `wanted` finds something.
    #[track_caller]
    pub(crate) fn hears<T>(&self, what: &str, wanted: impl Fn(&Message) -> Option<T>) -> T {
        self.wait(what, |all| all.iter().find_map(&wanted))
    }

    /// Waits for its `nth` signal called `member`, counted from 1.
    #[track_caller]
    pub(crate) fn hears_signal(&self, member: &str, nth: usize) -> Message {
        let is_it = |m: &&Message| {
            m.header()
                .member()
                .is_some_and(|name| name.as_str() == member)
        };
        self.wait(member, |all| all.iter().filter(is_it).nth(nth - 1).cloned())
    }

    /// Waits for an event of Manager1 with these fields.
    #[track_caller]
    pub(crate) fn hears_event(&self, fields: &[(&str, Value)]) -> Value {
        self.hears(&format!("{fields:?}"), |message| {
            event(message).filter(|event| fields.iter().all(|(name, value)| event[*name] == *value))
        })
    }

    /// The events of Manager1 so far.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.heard
            .signals
            .lock()
            .unwrap()
            .iter()
            .filter_map(event)
            .collect()
    }

    /// How its request ended.
    #[track_caller]
    pub(crate) fn hears_outcome(&self) -> Value {
        self.hears_event(&[("event", "finished".into())])
    }

    /// The signals so far.
    pub(crate) fn heard(&self) -> Vec<Message> {
        self.heard.signals.lock().unwrap().clone()
    }

    /// Forgets what was heard.
    pub(crate) fn forget(&self) {
        self.heard.signals.lock().unwrap().clear();
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let close = self.connection.clone().close();
        let _already_gone = self
            .runtime
            .block_on(async { tokio::time::timeout(LIMIT, close).await });
    }
}

/// The event that a signal brings.
fn event(message: &Message) -> Option<Value> {
    let header = message.header();
    if header.interface()?.as_str() != CONTROL || header.member()?.as_str() != "Event" {
        return None;
    }
    serde_json::from_str(message.body().deserialize().ok()?).ok()
}

fn members(signals: &[Message]) -> Vec<String> {
    let name = |m: &Message| {
        let member = m
            .header()
            .member()
            .map(ToString::to_string)
            .unwrap_or_default();
        event(m).map_or(member, |event| event.to_string())
    };
    signals.iter().map(name).collect()
}

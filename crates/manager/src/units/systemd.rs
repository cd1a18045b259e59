//! A conversation with the user's systemd, `org.freedesktop.systemd1`: see
//! [its documentation](https://www.freedesktop.org/software/systemd/man/org.freedesktop.systemd1.html).
//!
//! Over the user's bus, on a connection of its own: the session may be on another bus, and waiting for
//! an answer on the session's would stop what comes over that. A connection lasts as long as one
//! matter. (systemd's private socket, which needs no bus, is not for us: it signs as
//! `org.freedesktop.systemd1`, which zbus takes for no sender.)

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt as _;
use zbus::message::{Flags, Type};
use zbus::{Connection, Message, MessageStream, Variant, connection};

use crate::bus::{DBUS, DBUS_PATH};

const NAME: &str = "org.freedesktop.systemd1";
const PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const UNIT: &str = "org.freedesktop.systemd1.Unit";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// systemd answers within milliseconds; it does not when it is stopped or frozen.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// Jobs whose end is remembered until somebody asks. One matter starts a handful; the rest are
/// other people's.
const MAX_JOBS: usize = 4096;

/// Why systemd did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(
        "the user's bus, which leads to the user's systemd, cannot be reached at {at}: {source}"
    )]
    Unreachable { at: PathBuf, source: zbus::Error },
    #[error("the user's systemd does not answer {call}")]
    Silent { call: &'static str },
    #[error("{call}: {text} ({name})")]
    Refused {
        call: &'static str,
        name: String,
        text: String,
    },
    #[error("the connection to the user's systemd: {0}")]
    Connection(#[from] zbus::Error),
}

impl Error {
    /// There is no such unit, or it is not there any more.
    pub(crate) fn is_unknown_unit(&self) -> bool {
        let Self::Refused { name, .. } = self else {
            return false;
        };
        let known = ["NoSuchUnit", "LoadFailed"];
        let name = name.rsplit('.').next().unwrap_or_default();
        known.contains(&name)
    }
}

type Result<T> = std::result::Result<T, Error>;

/// A job, by its object path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Job(String);

/// A unit that is to stop.
#[derive(Debug)]
pub(crate) struct Stop {
    pub(crate) unit: String,
    pub(crate) job: Job,
    /// It is at it, and does not wait for others.
    pub(crate) has_begun: bool,
}

/// What is known of one unit. Relations are names of units.
#[derive(Debug, Default)]
pub(crate) struct Unit {
    values: HashMap<String, Value>,
}

#[derive(Debug)]
enum Value {
    Text(String),
    Names(Vec<String>),
}

impl Unit {
    /// One relation, as `BindsTo`; empty where there is none.
    pub(crate) fn names(&self, relation: &str) -> &[String] {
        match self.values.get(relation) {
            Some(Value::Names(names)) => names,
            _ => &[],
        }
    }

    /// Whether one of these relations leads to this unit.
    pub(crate) fn relates(&self, relations: &[&str], to: &str) -> bool {
        let leads = |relation: &&str| self.names(relation).iter().any(|name| name == to);
        relations.iter().any(leads)
    }

    fn text(&self, property: &str) -> &str {
        match self.values.get(property) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    /// A file or somebody's order stands behind it.
    pub(crate) fn is_loaded(&self) -> bool {
        self.text("LoadState") == "loaded"
    }

    /// It runs, or is on its way up or down.
    pub(crate) fn is_up(&self) -> bool {
        !matches!(self.text("ActiveState"), "inactive" | "failed" | "")
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Systemd {
    connection: Connection,
    stream: MessageStream,
    /// Jobs that have ended, with how.
    ended: BTreeMap<String, String>,
    /// Its unique name, once it has answered: who else may say that a job has ended?
    systemd: Option<String>,
}

impl Systemd {
    /// Connects over the user's bus, which listens at this socket.
    pub(crate) async fn connect(socket: &Path) -> Result<Self> {
        let unreachable = |source: zbus::Error| Error::Unreachable {
            at: socket.to_owned(),
            source,
        };
        // Every job that ends is told here, and stopping a session ends many.
        let queue = NonZeroUsize::new(4096).unwrap_or(NonZeroUsize::MIN);
        let address = format!("unix:path={}", socket.display());
        let builder = connection::Builder::address(address.as_str()).max_queued(queue);
        let connected = tokio::time::timeout(ANSWERS_WITHIN, builder.build()).await;
        let silent = Error::Silent { call: "a greeting" };
        let connection = connected.map_err(|_| silent)?.map_err(unreachable)?;
        // Nothing comes before it is asked for.
        let stream = MessageStream::from(&connection);
        Ok(Self {
            connection,
            stream,
            ended: BTreeMap::new(),
            systemd: None,
        })
    }

    /// Asks to be told when jobs end: before the first that is waited for is begun.
    async fn subscribe(&mut self) -> Result<()> {
        if self.systemd.is_none() {
            let rule =
                format!("type='signal',sender='{NAME}',interface='{MANAGER}',member='JobRemoved'");
            self.call_on(DBUS, DBUS_PATH, DBUS, "AddMatch", &rule)
                .await?;
            let answer = self.call(PATH, MANAGER, "Subscribe", &()).await?;
            self.systemd = answer.header().sender().map(|name| name.to_string());
        }
        Ok(())
    }

    async fn call<B>(
        &mut self,
        path: &str,
        interface: &str,
        method: &'static str,
        body: &B,
    ) -> Result<Message>
    where
        B: serde::Serialize + zbus::DynamicType,
    {
        self.call_on(NAME, path, interface, method, body).await
    }

    async fn call_on<B>(
        &mut self,
        name: &str,
        path: &str,
        interface: &str,
        method: &'static str,
        body: &B,
    ) -> Result<Message>
    where
        B: serde::Serialize + zbus::DynamicType,
    {
        let call = Message::method_call(path, method)
            .destination(name)
            .interface(interface)
            .with_flags(Flags::NO_AUTO_START)
            .build(body)?;
        let serial = call.primary_header().serial_num();
        let limit = tokio::time::Instant::now() + ANSWERS_WITHIN;
        self.connection.send(&call).await?;
        loop {
            let next = tokio::time::timeout_at(limit, self.next()).await;
            let message = next.map_err(|_| Error::Silent { call: method })??;
            let header = message.header();
            if header.reply_serial() != Some(serial) {
                continue;
            }
            if message.message_type() != Type::Error {
                return Ok(message.clone());
            }
            let name = header.error_name().map(|n| n.to_string());
            return Err(Error::Refused {
                call: method,
                name: name.unwrap_or_default(),
                text: message.body().deserialize().unwrap_or_default(),
            });
        }
    }

    /// The next message; the end of a job is noted on the way.
    async fn next(&mut self) -> Result<Message> {
        let closed =
            || zbus::Error::from(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
        let message = self.stream.next().await.ok_or_else(closed)??;
        let header = message.header();
        let is_end = message.message_type() == Type::Signal
            && header.member().is_some_and(|m| m.as_str() == "JobRemoved")
            && header.sender().map(|name| name.as_str()) == self.systemd.as_deref();
        if is_end
            && let Ok((_, job, _, result)) =
                message
                    .body()
                    .deserialize::<(u32, zbus::ObjectPath<'_>, String, String)>()
        {
            if self.ended.len() >= MAX_JOBS {
                self.ended.pop_first();
            }
            self.ended.insert(job.to_string(), result);
        }
        drop(header);
        Ok(message)
    }

    async fn job<B>(&mut self, method: &'static str, body: &B) -> Result<Job>
    where
        B: serde::Serialize + zbus::DynamicType,
    {
        self.subscribe().await?;
        let answer = self.call(PATH, MANAGER, method, body).await?;
        let body = answer.body();
        let path: zbus::ObjectPath<'_> = body.deserialize()?;
        Ok(Job(path.to_string()))
    }

    /// `StartUnit`.
    pub(crate) async fn start(&mut self, unit: &str, mode: &str) -> Result<Job> {
        self.job("StartUnit", &(unit, mode)).await
    }

    /// `StopUnit`: SIGTERM to its processes, or what its file says, and SIGKILL at its own limit.
    pub(crate) async fn stop(&mut self, unit: &str) -> Result<Job> {
        self.job("StopUnit", &(unit, "replace")).await
    }

    /// `KillUnit`: SIGKILL to all its processes.
    pub(crate) async fn kill(&mut self, unit: &str) -> Result<()> {
        const SIGKILL: i32 = 9;
        let body = (unit, "all", SIGKILL);
        self.call(PATH, MANAGER, "KillUnit", &body).await?;
        Ok(())
    }

    /// Waits until a job has ended, for as long as that takes: `done`, `failed`, `canceled`…
    pub(crate) async fn wait_for(&mut self, job: &Job) -> Result<String> {
        loop {
            if let Some(result) = self.ended.remove(&job.0) {
                return Ok(result);
            }
            self.next().await?;
        }
    }

    /// A unit, read from its file if nobody has yet.
    pub(crate) async fn unit(&mut self, name: &str) -> Result<Unit> {
        let answer = self.call(PATH, MANAGER, "LoadUnit", &name).await?;
        let body = answer.body();
        let path: zbus::ObjectPath<'_> = body.deserialize()?;
        let answer = self
            .call(path.as_str(), PROPERTIES, "GetAll", &UNIT)
            .await?;
        let body = answer.body();
        let all: HashMap<String, Variant<'_>> = body.deserialize()?;
        let values = all.into_iter().filter_map(|(name, value)| {
            let value = match value {
                Variant::Str(text) => Value::Text(text.to_string()),
                other => Value::Names(Vec::<String>::try_from(other).ok()?),
            };
            Some((name, value))
        });
        let values = values.collect();
        Ok(Unit { values })
    }

    /// The units that are on their way down, or about to be.
    pub(crate) async fn stopping(&mut self) -> Result<Vec<Stop>> {
        type Listed<'a> = (
            u32,
            String,
            String,
            String,
            zbus::ObjectPath<'a>,
            zbus::ObjectPath<'a>,
        );
        self.subscribe().await?;
        let answer = self.call(PATH, MANAGER, "ListJobs", &()).await?;
        let body = answer.body();
        let jobs: Vec<Listed<'_>> = body.deserialize()?;
        let stops = jobs.into_iter().filter(|(_, _, kind, ..)| kind == "stop");
        let stops = stops.map(|(_, unit, _, state, job, _)| Stop {
            unit,
            job: Job(job.to_string()),
            has_begun: state == "running",
        });
        Ok(stops.collect())
    }

    async fn property(&mut self, name: &str) -> Result<Message> {
        self.call(PATH, PROPERTIES, "Get", &(MANAGER, name)).await
    }

    /// The variables that units are started with.
    pub(crate) async fn environment(&mut self) -> Result<Vec<String>> {
        let answer = self.property("Environment").await?;
        let body = answer.body();
        let value: Variant<'_> = body.deserialize()?;
        Ok(Vec::<String>::try_from(value).unwrap_or_default())
    }

    /// `running`, `degraded`, `stopping`…
    pub(crate) async fn state(&mut self) -> Result<String> {
        let answer = self.property("SystemState").await?;
        let body = answer.body();
        let value: Variant<'_> = body.deserialize()?;
        Ok(String::try_from(value).unwrap_or_default())
    }
}

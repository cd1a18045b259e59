//! Talking to the manager: the client side of `org.endsession.Manager1`.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use endsession_manager::control::{INTERFACE, NAME, PATH};
use endsession_manager::report::{News, Status};
use futures_util::StreamExt as _;
use zbus::message::Type;
use zbus::{Connection, DBusError as _, Message, MessageStream, Variant, connection};

use crate::bus;
use crate::exit::{Exit, Failure, Result};
use crate::show;

const DBUS: &str = "org.freedesktop.DBus";

/// A connection to the manager of this session.
pub(crate) struct Control {
    connection: Connection,
    events: MessageStream,
    /// Its name on the bus: [`NAME`], or that of a further session.
    name: String,
    manager: String,
}

/// The session bus that the environment names.
pub(crate) fn session_bus() -> Option<String> {
    let set = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    set("DBUS_SESSION_BUS_ADDRESS").or_else(|| {
        let socket = PathBuf::from(set("XDG_RUNTIME_DIR")?).join("bus");
        socket
            .exists()
            .then(|| format!("unix:path={}", socket.display()))
    })
}

impl Control {
    /// Connects to the manager of the session whose environment this is.
    pub(crate) async fn connect() -> Result<Self> {
        let connected = match session_bus() {
            Some(address) => Self::connect_to(&address).await,
            None => Err(Failure::NoBus),
        };
        match connected {
            // A request that is under way without a session bus has one of its own.
            Err(Failure::NoBus | Failure::Unreachable { .. }) if bus::met().is_some() => {
                Self::connect_to(&bus::met().unwrap_or_default()).await
            }
            connected => connected,
        }
    }

    /// Connects to the manager of this session on a bus.
    pub(crate) async fn connect_to(address: &str) -> Result<Self> {
        match Self::connect_to_any(address).await {
            // This session has none then.
            Err(Failure::OtherManager { owner }) if owner.is_of_another_session() => {
                Err(Failure::NoManager)
            }
            connected => connected,
        }
    }

    /// The same, where another program that manages another session on this bus counts too: it
    /// has the names that a manager of ours would take.
    pub(crate) async fn connect_to_any(address: &str) -> Result<Self> {
        let unreachable = |source| Failure::Unreachable {
            address: address.to_owned(),
            source,
        };
        let queue = NonZeroUsize::new(4096).unwrap_or(NonZeroUsize::MIN);
        let connection = connection::Builder::address(address)
            .max_queued(queue)
            .build()
            .await
            .map_err(unreachable)?;
        let events = MessageStream::from(&connection);
        let (found, others) = managers(&connection).await?;
        let Some((name, manager)) = found else {
            // One of ours that manages another display is no other manager of this one.
            return Err(match crate::elsewhere::owner(&connection, &others).await {
                Some(owner) => Failure::OtherManager { owner },
                None => Failure::NoManager,
            });
        };
        // Its leaving ends every wait.
        let rule = format!(
            "type='signal',sender='{DBUS}',interface='{DBUS}',member='NameOwnerChanged',arg0='{name}'"
        );
        connection
            .call_method(
                Some(DBUS),
                "/org/freedesktop/DBus",
                Some(DBUS),
                "AddMatch",
                &rule,
            )
            .await?;
        Ok(Self {
            connection,
            events,
            name,
            manager,
        })
    }

    async fn call<B>(&self, member: &str, body: &B) -> Result<Message>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        let called = self
            .connection
            .call_method(Some(&*self.name), PATH, Some(INTERFACE), member, body)
            .await;
        let (name, text) = match called {
            Ok(reply) => return Ok(reply),
            Err(zbus::Error::MethodError(name, text, _)) => (name.to_string(), text),
            // Errors with one of the bus's own names come apart from the others.
            Err(zbus::Error::FDO(error)) => (
                error.name().to_string(),
                error.description().map(str::to_owned),
            ),
            Err(error) => return Err(error.into()),
        };
        let text = text.unwrap_or_else(|| name.clone());
        Err(match name.as_str() {
            "org.endsession.Error.Unsupported"
            | "org.endsession.Error.SessionOver"
            | "org.freedesktop.DBus.Error.AccessDenied"
            | "org.freedesktop.DBus.Error.InvalidArgs" => Failure::Usage(text),
            "org.endsession.Error.NoBackend" | "org.endsession.Error.OtherSession" => {
                Failure::NoSession(text)
            }
            // It left, or the bus did, with our call in its hands.
            "org.freedesktop.DBus.Error.NoReply"
            | "org.freedesktop.DBus.Error.Disconnected"
            | "org.freedesktop.DBus.Error.ServiceUnknown"
            | "org.freedesktop.DBus.Error.NameHasNoOwner" => Failure::ManagerLeft,
            _ => Failure::Refused(text),
        })
    }

    /// Asks for every change from now on.
    pub(crate) async fn watch(&self) -> Result<()> {
        self.call("Watch", &()).await.map(drop)
    }

    /// Says that this program shows the user what a request waits for.
    pub(crate) async fn show(&self) -> Result<()> {
        self.call("Show", &()).await.map(drop)
    }

    /// It no longer does.
    pub(crate) async fn unshow(&self) -> Result<()> {
        self.call("Unshow", &()).await.map(drop)
    }

    /// The ways in which this session can be ended now: `logoff`, `restart`, `poweroff`.
    pub(crate) async fn kinds(&self) -> Result<Vec<String>> {
        let reply = self
            .connection
            .call_method(
                Some(&*self.name),
                PATH,
                Some("org.freedesktop.DBus.Properties"),
                "Get",
                &(INTERFACE, "Kinds"),
            )
            .await?;
        let body = reply.body();
        let kinds: Variant<'_> = body.deserialize()?;
        Ok(match kinds {
            Variant::Array(names) => names
                .iter()
                .filter_map(|name| match name {
                    Variant::Str(name) => Some(name.to_string()),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        })
    }

    /// Asks to end the session; the request's number, and whether it joined another.
    pub(crate) async fn request(
        &self,
        kind: &str,
        options: HashMap<&str, Variant<'_>>,
    ) -> Result<(u32, bool)> {
        Ok(self
            .call("Request", &(kind, options))
            .await?
            .body()
            .deserialize()?)
    }

    /// The user's word.
    pub(crate) async fn choose(&self, request: u32, choice: &str, application: &str) -> Result<()> {
        self.call("Choose", &(request, choice, application))
            .await
            .map(drop)
    }

    /// Cancels what is under way; `false` where nothing is.
    pub(crate) async fn cancel(&self) -> Result<bool> {
        Ok(self.call("Cancel", &()).await?.body().deserialize()?)
    }

    /// Everything that the manager knows, as it wrote it and as we read it.
    pub(crate) async fn status(&self) -> Result<(String, Status)> {
        let reply = self.call("Status", &()).await?;
        let json: String = reply.body().deserialize()?;
        let status = serde_json::from_str(&json)
            .map_err(|e| Failure::Refused(format!("the manager's status cannot be read: {e}")))?;
        Ok((json, status))
    }

    /// The next change, as the manager wrote it and as we read it; `None` when the manager or
    /// the bus has gone.
    pub(crate) async fn next(&mut self) -> Option<(String, Option<News>)> {
        loop {
            let message = self.events.next().await?.ok()?;
            if message.message_type() != Type::Signal {
                continue;
            }
            let header = message.header();
            let sender = header.sender().map(|s| s.to_string()).unwrap_or_default();
            match header.member().map(|m| m.to_string()).as_deref() {
                Some("Event") if sender == self.manager => {
                    let json: String = message.body().deserialize().ok()?;
                    let news = serde_json::from_str(&json).ok();
                    return Some((json, news));
                }
                Some("NameOwnerChanged") if sender == DBUS => {
                    let body = message.body();
                    let (name, _, new): (&str, &str, &str) = body.deserialize().ok()?;
                    if name == self.name && new.is_empty() {
                        return None;
                    }
                }
                _ => {}
            }
        }
    }
}

/// How long a manager may take to say whose it is. It answers at once, unless it hangs.
const MANAGES_LIMIT: Duration = Duration::from_secs(5);

/// The manager of the session that this process is in, by its name and who owns that, and else
/// those of other sessions: one bus may serve several of one user.
async fn managers(connection: &Connection) -> Result<(Option<(String, String)>, Vec<String>)> {
    let mut others = Vec::new();
    let reply = connection
        .call_method(
            Some(DBUS),
            "/org/freedesktop/DBus",
            Some(DBUS),
            "ListNames",
            &(),
        )
        .await?;
    let body = reply.body();
    let names: Vec<&str> = body.deserialize()?;
    let second = format!("{NAME}.s_");
    let managers = names
        .into_iter()
        .filter(|n| *n == NAME || n.starts_with(&second));
    for name in managers {
        let Some(manager) = owner(connection, name).await else {
            continue;
        };
        let call = connection.call_method(Some(name), PATH, Some(INTERFACE), "Manages", &());
        let ours = match tokio::time::timeout(MANAGES_LIMIT, call).await {
            Ok(Ok(reply)) => reply.body().deserialize().unwrap_or(true),
            // An older one knows of one session alone.
            Ok(Err(_)) => true,
            Err(_) => return Err(Failure::NoAnswer),
        };
        if ours {
            return Ok((Some((name.to_owned(), manager)), others));
        }
        others.push(manager);
    }
    Ok((None, others))
}

async fn owner(connection: &Connection, name: &str) -> Option<String> {
    let reply = connection
        .call_method(
            Some(DBUS),
            "/org/freedesktop/DBus",
            Some(DBUS),
            "GetNameOwner",
            &name,
        )
        .await
        .ok()?;
    reply.body().deserialize().ok()
}

/// `endsession cancel`.
pub(crate) async fn cancel() -> Result<Exit> {
    let control = Control::connect().await?;
    // Its kind is told before it has gone.
    let (_, status) = control.status().await?;
    let kind = status.request.map(|r| r.kind).unwrap_or_default();
    if control.cancel().await? {
        eprintln!("{} was cancelled.", show::request(&kind));
        Ok(Exit::Done)
    } else {
        Err(Failure::Refused(
            "there is no request to end the session under way to cancel".to_owned(),
        ))
    }
}

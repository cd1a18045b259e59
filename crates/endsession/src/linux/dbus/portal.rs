//! `org.freedesktop.portal.Inhibit`: what a sandboxed program has, and a desktop whose session manager has no clients of its own.
//!
//! `CreateMonitor` makes a session, whose `StateChanged` says `session-state`: 1 running, 2 it is to end and wants a `QueryEndResponse`, 3 it ends. That response has no
//! yes and no; a no is an `Inhibit` with the flag 1 that was granted before it. So a refusal and a question to the user are both such an inhibitor, which is
//! closed when the user says yes, when the session runs on, and when it is asked again.
//!
//! Every call of a portal makes a request object, at a path that its caller knows beforehand; its `Response` says whether it was granted, and closing it ends
//! what it began. May touch the session bus.

use std::{collections::BTreeMap, collections::HashMap, num::NonZeroU32};

use zbus::{Message, ObjectPath, OwnedObjectPath, Variant};

use super::{
    bus::{Bus, Refusal, Signal, To, reply},
    find::{Found, PORTAL},
    gnome::flags,
    leases::{Key, Leases, Take},
    world::{Closed, Heard, Left, World},
};
use crate::{Backend, Ending, What, Window, backend::Command, query::Answer, shared::Ticket};

const PATH: &str = "/org/freedesktop/portal/desktop";
const INHIBIT: &str = "org.freedesktop.portal.Inhibit";
const REQUEST: &str = "org.freedesktop.portal.Request";
const SESSION: &str = "org.freedesktop.portal.Session";

/// The first that waits for an answer.
const VERSION: u32 = 3;

/// Number of the request that makes the monitor.
const MONITOR: u32 = 1;

/// See the [module](self).
struct Portal {
    /// Its connection.
    owner: String,
    /// Where our requests are: everything before their numbers.
    requests: String,
    /// The monitor, once it was granted.
    session: Option<String>,
    last: u32,
    /// Calls that are not answered, and the requests that they are for.
    calls: BTreeMap<NonZeroU32, NonZeroU32>,
    leases: Leases<NonZeroU32>,
    query: Option<Ticket>,
    /// The response to a query waits for the inhibitor that says no.
    owes: bool,
    state: u32,
    is_told: bool,
}

/// Speaks to the portal until it goes, a better one comes or the application goes.
pub(super) async fn run(world: &mut World) -> Left {
    let Some(bus) = &mut world.session else {
        return Left::Again;
    };
    let begun = world.orders.patiently(begin(bus)).await;
    let (owner, us) = match begun {
        Ok(Ok(begun)) => begun,
        Ok(Err(refusal)) => return Left::Failed(format!("{INHIBIT}: {refusal}")),
        Err(closed) => return closed.into(),
    };
    // It may have been started by our call.
    world.current = Found::Portal(Some(owner.clone()));
    let mut portal = Portal {
        owner,
        requests: format!("{PATH}/request/{us}/endsession_{}_", std::process::id()),
        session: None,
        last: 0,
        calls: BTreeMap::new(),
        leases: Leases::default(),
        query: None,
        owes: false,
        state: 1,
        is_told: false,
    };
    let lived = portal.live(world).await;
    let left = lived.unwrap_or_else(|refusal| {
        tracing::debug!("{INHIBIT} cannot be told: {refusal}");
        Left::Again
    });
    if !portal.is_told {
        world.shared.cancelled();
    }
    left
}

/// Who the portal is, and our own name as its paths have it.
async fn begin(bus: &mut Bus) -> Result<(String, String), Refusal> {
    let properties = To {
        name: PORTAL,
        path: PATH,
        interface: "org.freedesktop.DBus.Properties",
    };
    let reply = bus.call(properties, "Get", &(INHIBIT, "version")).await?;
    let body = reply.body();
    let version = match body.deserialize::<Variant<'_>>()? {
        Variant::U32(version) => version,
        _ => 0,
    };
    if version < VERSION {
        return Err(Refusal {
            name: String::new(),
            text: format!("it is version {version}, and asks nobody before {VERSION}"),
        });
    }
    let owner = bus.owner(PORTAL).await.ok_or_else(Refusal::silent)?;
    let rule = |interface: &str| format!("sender='{owner}',interface='{interface}'");
    bus.listen(&format!("{},path='{PATH}'", rule(INHIBIT)))
        .await?;
    let us = bus.own_name().trim_start_matches(':').replace('.', "_");
    let ours = format!("{PATH}/request/{us}");
    bus.listen(&format!("{},path_namespace='{ours}'", rule(REQUEST)))
        .await?;
    Ok((owner, us))
}

impl Portal {
    fn to<'a>(&'a self, path: &'a str, interface: &'a str) -> To<'a> {
        To {
            name: &self.owner,
            path,
            interface,
        }
    }

    async fn live(&mut self, world: &mut World) -> Result<Left, Refusal> {
        self.monitor(world).await?;
        loop {
            match world.next().await {
                Heard::Session(message) => {
                    if let Some(left) = self.hear(world, &message).await? {
                        return Ok(left);
                    }
                }
                Heard::Command(command) => self.obey(world, command).await?,
                Heard::Close => {
                    if let (Some(session), Some(bus)) = (&self.session, &world.session) {
                        bus.tell(self.to(session, SESSION), "Close", &()).await?;
                    }
                    return Ok(Left::Closed(Closed));
                }
                Heard::Again => return Ok(Left::Again),
                Heard::System(_) => {}
            }
        }
    }

    /// The next request's number.
    fn number(&mut self) -> NonZeroU32 {
        self.last = self.last.checked_add(1).unwrap_or(MONITOR + 1);
        NonZeroU32::new(self.last).unwrap_or(NonZeroU32::MIN)
    }

    fn token(number: NonZeroU32) -> String {
        format!("endsession_{}_{number}", std::process::id())
    }

    async fn monitor(&mut self, world: &World) -> Result<(), Refusal> {
        let number = self.number();
        let token = Self::token(number);
        let options = HashMap::from([
            ("handle_token", Variant::from(token.as_str())),
            ("session_handle_token", Variant::from(token.as_str())),
        ]);
        let Some(bus) = &world.session else {
            return Ok(());
        };
        let to = self.to(PATH, INHIBIT);
        let body = (window(world), options);
        let serial = bus.ask(to, "CreateMonitor", &body).await?;
        self.calls.insert(serial, number);
        Ok(())
    }

    async fn hear(
        &mut self,
        world: &mut World,
        message: &Message,
    ) -> Result<Option<Left>, Refusal> {
        if let Some((serial, answer)) = reply(message) {
            let number = self.calls.remove(&serial);
            return match (number, answer) {
                (Some(number), Err(refusal)) => self.granted(world, number, Err(refusal)).await,
                // Whether it was granted, the response says.
                _ => Ok(None),
            };
        }
        let Some(signal) = Signal::of(message) else {
            return Ok(None);
        };
        if signal.sender != self.owner {
            return Ok(None);
        }
        match (signal.interface.as_str(), signal.member.as_str()) {
            (REQUEST, "Response") => {
                let number = signal.path.strip_prefix(&self.requests);
                let Some(number) = number.and_then(|number| number.parse().ok()) else {
                    return Ok(None);
                };
                let body = message.body();
                let read = body.deserialize::<(u32, HashMap<&str, Variant<'_>>)>();
                let Ok((response, results)) = read else {
                    return Ok(None);
                };
                let granted = match response {
                    0 => Ok(results),
                    _ => Err(Refusal {
                        name: String::new(),
                        text: "it is not permitted".to_owned(),
                    }),
                };
                if number == NonZeroU32::MIN
                    && let Ok(results) = &granted
                {
                    return self.begins(world, results).await;
                }
                self.granted(world, number, granted.map(drop)).await
            }
            (INHIBIT, "StateChanged") if signal.path == PATH => {
                let body = message.body();
                let read = body.deserialize::<(ObjectPath<'_>, HashMap<&str, Variant<'_>>)>();
                let Ok((session, state)) = read else {
                    return Ok(None);
                };
                // The first may come before the response.
                let is_ours = self
                    .session
                    .as_deref()
                    .is_none_or(|s| s == session.as_str());
                if let (true, Some(Variant::U32(state))) = (is_ours, state.get("session-state")) {
                    self.changed(world, *state).await?;
                }
                Ok(None)
            }
            (SESSION, "Closed") if Some(&signal.path) == self.session.as_ref() => {
                Ok(Some(Left::Failed("it closed our session".to_owned())))
            }
            _ => Ok(None),
        }
    }

    /// The monitor was granted.
    async fn begins(
        &mut self,
        world: &mut World,
        results: &HashMap<&str, Variant<'_>>,
    ) -> Result<Option<Left>, Refusal> {
        let session = match results.get("session_handle") {
            Some(Variant::Str(path)) => path.to_string(),
            Some(Variant::ObjectPath(path)) => path.to_string(),
            _ => return Ok(Some(Left::Failed("its session has no name".to_owned()))),
        };
        if let Some(bus) = &mut world.session {
            let rule = format!(
                "sender='{}',interface='{SESSION}',path='{session}'",
                self.owner
            );
            bus.listen(&rule).await?;
        }
        self.session = Some(session);
        world.is_at_work(Backend::Portal);
        for (id, what, reason) in world.shared.holds() {
            let take = self.leases.set(Key::Hold(id), what, &reason);
            self.take(world, take).await?;
        }
        Ok(None)
    }

    /// A request was granted or refused.
    async fn granted(
        &mut self,
        world: &World,
        number: NonZeroU32,
        granted: Result<(), Refusal>,
    ) -> Result<Option<Left>, Refusal> {
        if number == NonZeroU32::MIN {
            return Ok(granted
                .err()
                .map(|refusal| Left::Failed(format!("{INHIBIT}: {refusal}"))));
        }
        if let Err(refusal) = &granted {
            tracing::warn!("{INHIBIT} refuses a hold: {refusal}");
        }
        let Some(then) = self.leases.answered(number, granted.ok().map(|()| number)) else {
            return Ok(None);
        };
        for number in then.give {
            self.give(world, number).await?;
        }
        if let Some((id, what)) = then.refused {
            world.shared.hold_refused(id, what);
        }
        self.take(world, then.take).await?;
        if self.owes && !self.leases.is_asking(Key::Asking) {
            self.respond(world).await?;
        }
        Ok(None)
    }

    async fn changed(&mut self, world: &World, state: u32) -> Result<(), Refusal> {
        let before = std::mem::replace(&mut self.state, state);
        match state {
            1 if before != 1 => {
                self.query = None;
                self.owes = false;
                self.is_told = false;
                world.shared.cancelled();
                self.release(world, Key::Asking).await
            }
            2 => {
                self.owes = false;
                self.release(world, Key::Asking).await?;
                self.query = Some(world.shared.query(Ending::UNKNOWN));
                Ok(())
            }
            3 if before != 3 => {
                self.query = None;
                self.is_told = true;
                world.shared.end(Ending::UNKNOWN);
                self.release(world, Key::Asking).await
            }
            _ => Ok(()),
        }
    }

    async fn obey(&mut self, world: &World, command: Command) -> Result<(), Refusal> {
        let take = match command {
            Command::Answer(ticket, answer) if self.query == Some(ticket) => match answer {
                Answer::AskingUser { reason } | Answer::Refuse { reason, .. } => {
                    self.owes = true;
                    self.leases.set(Key::Asking, What::LOG_OFF, &reason)
                }
                Answer::Accept if self.leases.has(Key::Asking) => {
                    return self.release(world, Key::Asking).await;
                }
                Answer::Accept => return self.respond(world).await,
            },
            Command::Hold { id, what, reason } => self.leases.set(Key::Hold(id), what, &reason),
            Command::Reason { id, reason } => self.leases.set_reason(Key::Hold(id), &reason),
            Command::Release(id) => return self.release(world, Key::Hold(id)).await,
            // Who is done just goes: nobody waits to be told.
            Command::Answer(..) | Command::Ended(_) | Command::Close => None,
        };
        self.take(world, take).await
    }

    async fn take(&mut self, world: &World, take: Option<Take>) -> Result<(), Refusal> {
        let (Some(take), Some(bus)) = (take, &world.session) else {
            return Ok(());
        };
        let number = self.number();
        let token = Self::token(number);
        let options = HashMap::from([
            ("handle_token", Variant::from(token.as_str())),
            ("reason", Variant::from(take.reason.as_str())),
        ]);
        let body = (window(world), flags(take.what), options);
        let serial = bus.ask(self.to(PATH, INHIBIT), "Inhibit", &body).await?;
        self.calls.insert(serial, number);
        self.leases.asked(take.key, number);
        Ok(())
    }

    async fn release(&mut self, world: &World, key: Key) -> Result<(), Refusal> {
        match self.leases.release(key) {
            Some(number) => self.give(world, number).await,
            None => Ok(()),
        }
    }

    /// Ends what a request began.
    async fn give(&self, world: &World, number: NonZeroU32) -> Result<(), Refusal> {
        let path = format!("{}{number}", self.requests);
        match &world.session {
            Some(bus) => bus.tell(self.to(&path, REQUEST), "Close", &()).await,
            None => Ok(()),
        }
    }

    /// Says that the application has been heard.
    async fn respond(&mut self, world: &World) -> Result<(), Refusal> {
        self.owes = false;
        let session = self.session.as_deref().map(OwnedObjectPath::try_from);
        let (Some(Ok(session)), Some(bus)) = (session, &world.session) else {
            return Ok(());
        };
        let to = self.to(PATH, INHIBIT);
        bus.tell(to, "QueryEndResponse", &session).await
    }
}

/// The application's window, as portals name windows.
fn window(world: &World) -> String {
    match &world.application.window {
        Some(Window::X11(window)) => format!("x11:{window:x}"),
        Some(Window::Wayland(handle)) => format!("wayland:{handle}"),
        _ => String::new(),
    }
}

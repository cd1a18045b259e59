//! Being a client of `org.gnome.SessionManager`: endsession's manager, gnome-session up to 50, mate-session, cinnamon-session; and of
//! `org.xfce.SessionManager`, whose client interface is the same under other names.
//!
//! `RegisterClient` makes an object of ours at the manager. Its signals ask and tell: `QueryEndSession`, `EndSession`, `CancelEndSession`, `Stop`; with
//! `EndSessionResponse` on it the first two are answered. endsession's manager has `org.endsession.Client1` beside it, for what that cannot say.
//!
//! | | endsession | GNOME, MATE, Cinnamon | Xfce |
//! |---|---|---|---|
//! | refuse | `Answer(false, false, reason)` | `EndSessionResponse(false, reason)`: an inhibitor of the manager's own making | the same: not minded |
//! | ask the user | `AskingUser()` | see below | no answer yet: 60 s |
//! | the user's no | `Answer(false, true, reason)`: cancels | the inhibitor stays, with the reason | not minded |
//! | a cancel | `CancelEndSession` | the same | `ShutdownCancelled`, to everybody |
//! | hold | `Inhibit` | `Inhibit` | `Inhibit` from 4.20, which disables its own log-off; sleep is held up with logind before |
//!
//! Xfce's queries are always forceful, and what is answered is not looked at: it only waits for the answer (4.18 to 4.21, `xfsm-manager.c`). Its XSMP takes a
//! refusal, and so is tried before it.
//!
//! Asking the user under GNOME and its kin. Their time for an answer is 1 s, and then they make an inhibitor of whoever has not answered, which a later
//! yes does not take away: the user would have to end a session by force that nobody minds. So while the user is asked an inhibitor of our
//! own is held, with the application's reason, and the query is answered with yes, as GTK does it. A yes of the user's gives the inhibitor back, and the
//! manager goes on by itself. A no leaves it, and the manager's own dialog says so; the protocol has no word that cancels.

use zbus::{Message, OwnedObjectPath};

use super::{
    bus::{Bus, Refusal, Signal, To, reply},
    find,
    leases::{Key, Leases, Take},
    logind::Locks,
    world::{Heard, Left, World},
};
use crate::{Backend, Ending, What, Window, backend::Command, query::Answer, shared::Ticket};

/// How one of them calls things.
#[derive(Debug)]
pub(super) struct Dialect {
    /// The well-known name.
    name: &'static str,
    path: &'static str,
    interface: &'static str,
    /// The interface of a client's object that its own signals are on.
    client: &'static str,
}

/// GNOME's.
pub(super) const GNOME: Dialect = Dialect {
    name: find::GNOME,
    path: "/org/gnome/SessionManager",
    interface: "org.gnome.SessionManager",
    client: "org.gnome.SessionManager.ClientPrivate",
};

/// Xfce's.
pub(super) const XFCE: Dialect = Dialect {
    name: find::XFCE,
    path: "/org/xfce/SessionManager",
    interface: "org.xfce.Session.Manager",
    client: "org.xfce.Session.Client",
};

/// What endsession's manager has beside [`GNOME`]'s.
const OWN_CLIENT: &str = "org.endsession.Client1";

/// The flag of a query and an end that cannot be refused.
const FORCEFUL: u32 = 1;

/// A registered client.
struct Client<'a> {
    dialect: &'static Dialect,
    backend: Backend,
    /// The manager's connection. All that counts comes from it, and goes to it, whoever owns its names.
    manager: &'a str,
    /// Our object there.
    object: String,
    /// The log-off that the application is asked about.
    query: Option<Ticket>,
    end: Option<Ticket>,
    /// Told to end, or to stop: whatever comes of it, it is told once.
    is_told: bool,
    leases: Leases<u32>,
    /// It knows no `Inhibit`: sleep is held up with logind's locks, and nothing else.
    locks: Option<Locks>,
}

/// Speaks to the manager until it goes or the application does.
pub(super) async fn run(
    world: &mut World,
    dialect: &'static Dialect,
    backend: Backend,
    manager: &str,
) -> Left {
    let Some(bus) = &mut world.session else {
        return Left::Again;
    };
    let registered = register(bus, dialect, manager, &world.application.id);
    let object = match world.orders.patiently(registered).await {
        Ok(Ok(object)) => object,
        Ok(Err(refusal)) => return Left::Failed(format!("{}: {refusal}", dialect.name)),
        Err(closed) => return closed.into(),
    };
    let mut client = Client {
        dialect,
        backend,
        manager,
        object,
        query: None,
        end: None,
        is_told: false,
        leases: Leases::default(),
        locks: None,
    };
    world.is_at_work(backend);
    let lived = client.live(world).await;
    let left = lived.unwrap_or_else(|refusal| {
        tracing::debug!("{} cannot be told: {refusal}", dialect.name);
        Left::Again
    });
    // Whoever asked is not there any more, and nobody else knows of it. One that had told us to end has ended.
    if !client.is_told {
        world.shared.cancelled();
    }
    left
}

/// Becomes a client: the path of its object.
async fn register(
    bus: &mut Bus,
    dialect: &Dialect,
    manager: &str,
    app_id: &str,
) -> Result<String, Refusal> {
    // gnome-session says to everybody what it means for one. Until it is known which one we are, all is heard, so that a query that comes at once
    // is not missed; then what is for others does not wake us any more.
    let all = format!("sender='{manager}',interface='{}'", dialect.client);
    bus.listen(&all).await?;
    // It told whoever started us under which name it knows us.
    let startup_id = std::env::var("DESKTOP_AUTOSTART_ID").unwrap_or_default();
    let to = To {
        name: manager,
        path: dialect.path,
        interface: dialect.interface,
    };
    let mut registered = bus.call(to, "RegisterClient", &(app_id, startup_id)).await;
    // The variable is not ours to take away, so a program that this one started has it too, and so has our next connection.
    if matches!(&registered, Err(refusal) if refusal.is("AlreadyRegistered")) {
        registered = bus.call(to, "RegisterClient", &(app_id, "")).await;
    }
    let registered = registered.and_then(|reply| {
        let path = reply.body().deserialize::<OwnedObjectPath>();
        Ok(path.map(|path| path.to_string())?)
    });
    if let Ok(path) = &registered {
        bus.listen(&format!("{all},path='{path}'")).await?;
    }
    if dialect.name == XFCE.name {
        let interface = dialect.interface;
        let rule = format!("sender='{manager}',interface='{interface}',member='ShutdownCancelled'");
        bus.listen(&rule).await?;
    }
    bus.ignore(&all).await?;
    registered
}

impl Client<'_> {
    fn manager(&self) -> To<'_> {
        To {
            name: self.manager,
            path: self.dialect.path,
            interface: self.dialect.interface,
        }
    }

    fn object(&self) -> To<'_> {
        To {
            name: self.manager,
            path: &self.object,
            interface: self.dialect.client,
        }
    }

    async fn live(&mut self, world: &mut World) -> Result<Left, Refusal> {
        for (id, what, reason) in world.shared.holds() {
            self.hold(world, Key::Hold(id), what, &reason).await?;
        }
        loop {
            match world.next().await {
                Heard::Session(message) => {
                    if let Some((serial, answer)) = reply(&message) {
                        self.answered(world, serial, answer, &message).await?;
                    } else if let Some(signal) = Signal::of(&message) {
                        if signal.is_of(self.object()) {
                            let flags = message.body().deserialize().unwrap_or(0);
                            self.told(world, &signal.member, flags).await?;
                        } else if signal.is_of(self.manager())
                            && signal.member == "ShutdownCancelled"
                        {
                            self.told(world, "CancelEndSession", 0).await?;
                        }
                    }
                }
                Heard::Command(command) => self.obey(world, command).await?,
                Heard::Close => {
                    self.leave(world).await?;
                    return Ok(Left::Closed(super::world::Closed));
                }
                Heard::Again => return Ok(Left::Again),
                Heard::System(message) => {
                    if let Some(locks) = &mut self.locks {
                        locks.hear(world, &message).await?;
                    }
                }
            }
        }
    }

    /// The manager says something to us.
    async fn told(&mut self, world: &World, member: &str, flags: u32) -> Result<(), Refusal> {
        let ending = Ending::new(None, flags & FORCEFUL != 0);
        match member {
            "QueryEndSession" => {
                // One that was about an earlier query holds nothing up any more.
                self.release(world, Key::Asking).await?;
                self.query = Some(world.shared.query(ending));
            }
            "EndSession" => {
                self.query = None;
                self.is_told = true;
                self.end = Some(world.shared.end(ending));
                self.release(world, Key::Asking).await?;
            }
            "CancelEndSession" => {
                // endsession's manager waits for an answer to each query, also to one that it took back: the next would be taken for it.
                if self.query.take().is_some() && self.backend == Backend::Endsession {
                    self.respond(world, true, "").await?;
                }
                self.end = None;
                self.is_told = false;
                world.shared.cancelled();
                self.release(world, Key::Asking).await?;
            }
            // To one that was told to end it says only that it may go.
            "Stop" if !self.is_told => {
                self.query = None;
                self.is_told = true;
                world.shared.end(Ending::UNKNOWN);
            }
            _ => {}
        }
        Ok(())
    }

    /// The application says something.
    async fn obey(&mut self, world: &World, command: Command) -> Result<(), Refusal> {
        match command {
            Command::Answer(ticket, answer) if self.query == Some(ticket) => {
                self.answer(world, answer).await
            }
            Command::Ended(ticket) if self.end == Some(ticket) => {
                self.end = None;
                self.respond(world, true, "").await
            }
            Command::Answer(..) | Command::Ended(_) | Command::Close => Ok(()),
            Command::Hold { id, what, reason } => {
                self.hold(world, Key::Hold(id), what, &reason).await
            }
            Command::Reason { id, reason } => {
                if let Some(locks) = &mut self.locks {
                    return locks.reason(world, Key::Hold(id), &reason).await;
                }
                let take = self.leases.set_reason(Key::Hold(id), &reason);
                self.take(world, take).await
            }
            Command::Release(id) => self.release(world, Key::Hold(id)).await,
        }
    }

    async fn answer(&mut self, world: &World, answer: Answer) -> Result<(), Refusal> {
        let is_ours = self.backend == Backend::Endsession;
        let is_asking = matches!(answer, Answer::AskingUser { .. });
        match answer {
            Answer::AskingUser { .. } if is_ours => {
                self.tell_ours(world, "AskingUser", &()).await?
            }
            // It has a minute, and nothing that would say so.
            Answer::AskingUser { .. } if self.backend == Backend::Xfce => {}
            Answer::AskingUser { reason } => {
                self.hold(world, Key::Asking, What::LOG_OFF, &reason)
                    .await?;
                self.respond(world, true, "").await?;
            }
            Answer::Refuse { reason, by_user } if is_ours => {
                let answer = (false, by_user, reason.as_str());
                self.tell_ours(world, "Answer", &answer).await?;
            }
            // The query was answered when the question began; what it began stays until the end is called off.
            Answer::Refuse {
                reason,
                by_user: true,
            } if self.backend != Backend::Xfce => {
                let take = self.leases.set_reason(Key::Asking, &reason);
                self.take(world, take).await?;
            }
            Answer::Refuse { reason, .. } => self.respond(world, false, &reason).await?,
            Answer::Accept if self.leases.has(Key::Asking) => {
                self.release(world, Key::Asking).await?;
            }
            Answer::Accept => self.respond(world, true, "").await?,
        }
        if !is_asking {
            self.query = None;
        }
        Ok(())
    }

    async fn hold(
        &mut self,
        world: &World,
        key: Key,
        what: What,
        reason: &str,
    ) -> Result<(), Refusal> {
        if let Some(locks) = &mut self.locks {
            // A log-off cannot be held up, and its screen savers look at no lock.
            let what = what.intersection(What::SLEEP);
            return match what.is_nothing() {
                true => Ok(()),
                false => locks.hold(world, key, what, reason).await,
            };
        }
        let take = self.leases.set(key, what, reason);
        self.take(world, take).await
    }

    /// Asks for a lease.
    async fn take(&mut self, world: &World, take: Option<Take>) -> Result<(), Refusal> {
        let (Some(take), Some(bus)) = (take, &world.session) else {
            return Ok(());
        };
        let window = match world.application.window {
            Some(Window::X11(window)) => window,
            _ => 0,
        };
        let id = world.application.id.as_str();
        let inhibit = (id, window, take.reason.as_str(), flags(take.what));
        let serial = bus.ask(self.manager(), "Inhibit", &inhibit).await?;
        self.leases.asked(take.key, serial);
        Ok(())
    }

    async fn answered(
        &mut self,
        world: &mut World,
        serial: std::num::NonZeroU32,
        answer: Result<(), Refusal>,
        message: &Message,
    ) -> Result<(), Refusal> {
        if !self.leases.awaits(serial) {
            return Ok(());
        }
        if let Err(refusal) = &answer {
            if self.backend == Backend::Xfce && refusal.is("UnknownMethod") {
                return self.holds_without_inhibit(world).await;
            }
            tracing::warn!("{} refuses a hold: {refusal}", self.dialect.name);
        }
        let cookie = answer.ok().and_then(|()| message.body().deserialize().ok());
        let Some(then) = self.leases.answered(serial, cookie) else {
            return Ok(());
        };
        for cookie in then.give {
            self.give(world, cookie).await?;
        }
        if let Some((id, what)) = then.refused {
            world.shared.hold_refused(id, what);
        }
        self.take(world, then.take).await
    }

    /// It has no inhibitors, as Xfce before 4.20.
    async fn holds_without_inhibit(&mut self, world: &mut World) -> Result<(), Refusal> {
        self.leases = Leases::default();
        if self.locks.is_some() {
            return Ok(());
        }
        if let Ok(Err(why)) = world.reach_system().await {
            tracing::warn!("sleep cannot be held up: {why}");
        }
        let has_logind = world.system.is_some();
        self.locks = Some(Locks::default());
        for (id, what, reason) in world.shared.holds() {
            if !has_logind {
                world.shared.hold_refused(id, What::SLEEP);
            }
            self.hold(world, Key::Hold(id), what, &reason).await?;
        }
        Ok(())
    }

    async fn release(&mut self, world: &World, key: Key) -> Result<(), Refusal> {
        if let Some(locks) = &mut self.locks {
            locks.release(key);
        }
        match self.leases.release(key) {
            Some(cookie) => self.give(world, cookie).await,
            None => Ok(()),
        }
    }

    async fn give(&self, world: &World, cookie: u32) -> Result<(), Refusal> {
        match &world.session {
            Some(bus) => bus.tell(self.manager(), "Uninhibit", &cookie).await,
            None => Ok(()),
        }
    }

    async fn respond(&self, world: &World, is_ok: bool, reason: &str) -> Result<(), Refusal> {
        let Some(bus) = &world.session else {
            return Ok(());
        };
        let answer = (is_ok, reason);
        bus.tell(self.object(), "EndSessionResponse", &answer).await
    }

    async fn tell_ours<B>(&self, world: &World, member: &str, body: &B) -> Result<(), Refusal>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        let to = To {
            interface: OWN_CLIENT,
            ..self.object()
        };
        match &world.session {
            Some(bus) => bus.tell(to, member, body).await,
            None => Ok(()),
        }
    }

    /// Leaves in an orderly way. Its inhibitors go with our connection.
    async fn leave(&self, world: &World) -> Result<(), Refusal> {
        let (Some(bus), Ok(object)) = (&world.session, OwnedObjectPath::try_from(&*self.object))
        else {
            return Ok(());
        };
        bus.tell(self.manager(), "UnregisterClient", &object).await
    }
}

/// What `Inhibit` calls it.
pub(super) fn flags(what: What) -> u32 {
    let flags = [(What::LOG_OFF, 1), (What::SLEEP, 4), (What::IDLE, 8)];
    let flags = flags.into_iter().filter(|(flag, _)| what.contains(*flag));
    flags.map(|(_, bit)| bit).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_said_in_inhibits_flags() {
        assert_eq!(flags(What::LOG_OFF), 1);
        assert_eq!(flags(What::LOG_OFF | What::SLEEP | What::IDLE), 13);
        assert_eq!(flags(What::NOTHING), 0);
    }
}

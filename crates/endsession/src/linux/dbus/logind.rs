//! systemd-logind: nobody is asked at log-off, but a shut-down waits, for a moment, for who holds a delay lock.
//!
//! `Inhibit("shutdown", …, "delay")` gives a file descriptor; `PrepareForShutdown(true)` says that the machine goes down, and giving the descriptor back that we are
//! done. logind waits for that no longer than `InhibitDelayMaxSec`, 5 s unless it is configured. Holds are block locks; there is none for a log-off alone, so
//! [`What::LOG_OFF`] holds up what can be held up: restart and power-off.
//!
//! May touch the system bus.

use std::num::NonZeroU32;

use zbus::OwnedFd;

use super::{
    bus::{Bus, Owner, Refusal, Signal, To, reply},
    leases::{Key, Leases, Take},
    world::{Closed, Heard, Left, World},
};
use crate::{Backend, Ending, Kind, What, backend::Command, shared::Ticket};

const NAME: &str = "org.freedesktop.login1";
const LOGIND: To<'_> = To {
    name: NAME,
    path: "/org/freedesktop/login1",
    interface: "org.freedesktop.login1.Manager",
};

/// Block locks, for whoever else has none of its own for what is held.
#[derive(Debug, Default)]
pub(super) struct Locks {
    leases: Leases<OwnedFd>,
}

impl Locks {
    pub(super) async fn hold(
        &mut self,
        world: &World,
        key: Key,
        what: What,
        reason: &str,
    ) -> Result<(), Refusal> {
        let take = self.leases.set(key, what, reason);
        self.take(world, take).await
    }

    pub(super) async fn reason(
        &mut self,
        world: &World,
        key: Key,
        reason: &str,
    ) -> Result<(), Refusal> {
        let take = self.leases.set_reason(key, reason);
        self.take(world, take).await
    }

    pub(super) fn release(&mut self, key: Key) {
        drop(self.leases.release(key));
    }

    async fn take(&mut self, world: &World, take: Option<Take>) -> Result<(), Refusal> {
        let (Some(take), Some(bus)) = (take, &world.system) else {
            return Ok(());
        };
        let id = world.application.id.as_str();
        let inhibit = (locks(take.what), id, take.reason.as_str(), "block");
        let serial = bus.ask(LOGIND, "Inhibit", &inhibit).await?;
        self.leases.asked(take.key, serial);
        Ok(())
    }

    /// A message on the system bus that may be an answer to this.
    pub(super) async fn hear(
        &mut self,
        world: &World,
        message: &zbus::Message,
    ) -> Result<(), Refusal> {
        let Some((serial, answer)) = reply(message) else {
            return Ok(());
        };
        if !self.leases.awaits(serial) {
            return Ok(());
        }
        if let Err(refusal) = &answer {
            tracing::warn!("systemd-logind refuses a hold: {refusal}");
        }
        let lock = answer.ok().and_then(|()| message.body().deserialize().ok());
        self.answered(world, serial, lock).await
    }

    async fn answered(
        &mut self,
        world: &World,
        serial: NonZeroU32,
        lock: Option<OwnedFd>,
    ) -> Result<(), Refusal> {
        let Some(then) = self.leases.answered(serial, lock) else {
            return Ok(());
        };
        if let Some((id, what)) = then.refused {
            world.shared.hold_refused(id, what);
        }
        self.take(world, then.take).await
    }
}

/// What is held, in logind's words.
fn locks(what: What) -> String {
    let words = [
        (What::LOG_OFF, "shutdown"),
        (What::SLEEP, "sleep"),
        (What::IDLE, "idle"),
    ];
    let words = words.iter().filter(|(flag, _)| what.contains(*flag));
    let words: Vec<&str> = words.map(|(_, word)| *word).collect();
    words.join(":")
}

/// Listens to logind until somebody better comes or the application goes.
pub(super) async fn run(world: &mut World) -> Left {
    match world.reach_system().await {
        Ok(Ok(())) => {}
        Ok(Err(why)) => return Left::Failed(why),
        Err(closed) => return closed.into(),
    }
    let Some(bus) = &mut world.system else {
        return Left::Again;
    };
    let id = world.application.id.clone();
    let begun = world
        .orders
        .patiently(async { begin(bus, &id).await })
        .await;
    let (owner, delay) = match begun {
        Ok(Ok(begun)) => begun,
        Ok(Err(refusal)) => return Left::Failed(format!("systemd-logind: {refusal}")),
        Err(closed) => return closed.into(),
    };
    world.is_at_work(Backend::Logind);
    let mut logind = Logind {
        owner,
        delay: Some(delay),
        end: None,
        locks: Locks::default(),
    };
    logind.live(world).await.unwrap_or(Left::Again)
}

/// Hears of shut-downs from now on, and delays them: who logind is, and the lock.
async fn begin(bus: &mut Bus, id: &str) -> Result<(String, OwnedFd), Refusal> {
    let (path, interface) = (LOGIND.path, LOGIND.interface);
    bus.listen(&format!(
        "sender='{NAME}',path='{path}',interface='{interface}',member='PrepareForShutdown'"
    ))
    .await?;
    bus.follow("arg0", NAME).await?;
    let lock = delay(bus, id).await?;
    let owner = bus.owner(NAME).await.ok_or_else(Refusal::silent)?;
    Ok((owner, lock))
}

async fn delay(bus: &mut Bus, id: &str) -> Result<OwnedFd, Refusal> {
    let inhibit = ("shutdown", id, "Saves what it has to", "delay");
    let reply = bus.call(LOGIND, "Inhibit", &inhibit).await?;
    Ok(reply.body().deserialize()?)
}

struct Logind {
    /// Its connection.
    owner: String,
    /// Held until the application is done.
    delay: Option<OwnedFd>,
    end: Option<Ticket>,
    locks: Locks,
}

impl Logind {
    async fn live(&mut self, world: &mut World) -> Result<Left, Refusal> {
        for (id, what, reason) in world.shared.holds() {
            let key = Key::Hold(id);
            self.locks.hold(world, key, what, &reason).await?;
        }
        loop {
            match world.next().await {
                Heard::System(message) => {
                    self.hear(world, &message).await?;
                    self.locks.hear(world, &message).await?;
                }
                Heard::Command(command) => match command {
                    Command::Ended(ticket) if self.end == Some(ticket) => {
                        self.end = None;
                        self.delay = None;
                    }
                    Command::Hold { id, what, reason } => {
                        let key = Key::Hold(id);
                        self.locks.hold(world, key, what, &reason).await?;
                        // Something happens in this program: perhaps the session bus is back.
                        if world.session.is_none() && world.may_try_session_again() {
                            return Ok(Left::Again);
                        }
                    }
                    Command::Reason { id, reason } => {
                        self.locks.reason(world, Key::Hold(id), &reason).await?;
                    }
                    Command::Release(id) => self.locks.release(Key::Hold(id)),
                    Command::Answer(..) | Command::Ended(_) | Command::Close => {}
                },
                Heard::Close => return Ok(Left::Closed(Closed)),
                Heard::Again => return Ok(Left::Again),
                Heard::Session(_) => {}
            }
        }
    }

    async fn hear(&mut self, world: &mut World, message: &zbus::Message) -> Result<(), Refusal> {
        if let Some(change) = Owner::of(message) {
            // Started anew it knows our locks still.
            if let (NAME, Some(owner)) = (change.name.as_str(), change.new) {
                self.owner = owner;
            }
            return Ok(());
        }
        let theirs = To {
            name: &self.owner,
            ..LOGIND
        };
        let Some(signal) = Signal::of(message) else {
            return Ok(());
        };
        if !signal.is_of(theirs) || signal.member != "PrepareForShutdown" {
            return Ok(());
        }
        match message.body().deserialize() {
            Ok(true) => {
                let ending = Ending::new(Some(Kind::Shutdown), true);
                self.end = Some(world.shared.end(ending));
            }
            Ok(false) => {
                self.end = None;
                world.shared.cancelled();
                if let (None, Some(bus)) = (&self.delay, &mut world.system) {
                    self.delay = Some(delay(bus, &world.application.id).await?);
                }
            }
            Err(_) => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_said_in_loginds_words() {
        assert_eq!(locks(What::LOG_OFF | What::IDLE), "shutdown:idle");
        assert_eq!(locks(What::SLEEP), "sleep");
    }
}

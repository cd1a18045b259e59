//! GNOME, MATE and Cinnamon: `org.gnome.SessionManager`, object `/org/gnome/SessionManager`.
//!
//! For the time of the request we are a client of the manager, because that is how it tells of what
//! becomes of it: `QueryEndSession`, then `EndSession` or `CancelEndSession`. We agree at once to all
//! of it, so that we never hold it up. Who blocks is an inhibitor with flag 1; a client that refused,
//! or did not answer within a second, is given one by the manager.
//!
//! | | GNOME | MATE | Cinnamon |
//! |---|---|---|---|
//! | log-off | `Logout(1)` | `Logout(1)` | `Logout(1)` |
//! | restart, power-off | `Reboot()`, `Shutdown()`, which always ask | `RequestReboot()`, `RequestShutdown()` | the same |
//! | asking first | `Logout(0)` | `Logout(0)`, `Shutdown()` | `Logout(0)`, `Reboot()`, `Shutdown()` |
//! | by force | `Logout(2)`, also when something is under way | `Logout(2)`, which still stops at inhibitors | `Logout(2)` |
//!
//! The dialog of GNOME belongs to GNOME Shell and comes after the query, so that its cancel is heard.
//! MATE's and Cinnamon's question comes before anybody is queried, and a No is told to nobody: there
//! the dialog is watched, and when it has gone and still nobody is queried the answer was no.

use std::num::NonZeroU32;

use endsession_core::Kind;
use endsession_manager::report::News;
use zbus::Message;

use super::bus::{Heard, Refusal};
use super::inhibitors::{Inhibitor, MAX_INHIBITORS, path_of};
use super::plan::{Confirm, Plan};
use super::{Desk, Elsewhere, Outcome};
use crate::exit::{Failure, Result};
use crate::logoff::eprintln_quietly;
use crate::show;

pub(super) const NAME: &str = "org.gnome.SessionManager";
pub(super) const PATH: &str = "/org/gnome/SessionManager";
pub(super) const CLIENT: &str = "org.gnome.SessionManager.Client";
const PRIVATE: &str = "org.gnome.SessionManager.ClientPrivate";

/// The one who shows GNOME's dialog.
pub(super) const SHELL: &str = "org.gnome.Shell";

/// The flag of a forced query.
const FORCEFUL: u32 = 1;

/// One request, and what has been heard of it.
struct Request<'a> {
    at: &'a mut Elsewhere,
    /// Our client object; none where a log-off was under way already.
    client: Option<String>,
    /// Somebody is queried.
    asked: bool,
    /// Everybody is told to end: past stopping.
    told: bool,
    blockers: Vec<Inhibitor>,
    overridden: Vec<String>,
}

/// Ends the session.
pub(super) async fn end(at: &mut Elsewhere, kind: Kind, plan: Plan) -> Result<Outcome> {
    if kind != Kind::LogOff {
        at.can(PATH, NAME, "CanShutdown", kind).await?;
    }
    at.bus
        .listen(&format!("sender='{NAME}',path_namespace='{PATH}'"))
        .await?;
    // What is under way can still be forced.
    let forces = plan.force && at.owner.desk == Desk::Gnome;
    let client = match register(at).await {
        Ok(client) => Some(client),
        Err(refusal) if refusal.is("NotInRunning") && forces => None,
        Err(refusal) if refusal.is("NotInRunning") => {
            return Err(Failure::Refused(format!(
                "{} is ending the session already; answer it in its own windows",
                at.owner.desk.manager()
            )));
        }
        Err(refusal) => return Err(at.refusal(&refusal)),
    };
    if plan.force && at.owner.desk == Desk::Mate {
        // Its force asks no client, and still stops at these.
        let holds = Inhibitor::all(at).await;
        let holds: Vec<_> = holds.iter().filter(|i| i.blocks()).collect();
        if !holds.is_empty() {
            eprintln_quietly(
                "MATE's session manager does not force what holds the session open, so nobody was asked.",
            );
            return Ok(Outcome::Cancelled {
                by: "blocked",
                why: String::new(),
                blockers: holds.into_iter().map(Inhibitor::blocker).collect(),
            });
        }
    }
    let asks_first = plan.confirm == Confirm::Theirs;
    if asks_first && at.owner.desk != Desk::Gnome && !at.bus.watch_windows_of(at.owner.pid).await {
        return Err(Failure::NoWindow(format!(
            "{} tells nobody that its question was answered with no, and its window cannot be watched here; use \
             the same command without --confirm",
            at.owner.desk.manager()
        )));
    }
    if at.owner.desk == Desk::Gnome && kind != Kind::LogOff && !plan.force && !asks_first {
        eprintln_quietly("GNOME asks in its own window before it restarts or powers off.");
    }
    let mut serials = Vec::new();
    for call in calls(at.owner.desk, kind, plan) {
        serials.push(send(at, call).await?);
    }
    if let Some(after) = plan.force_after {
        at.bus.alarm(after);
    }
    let request = Request {
        asked: client.is_none(),
        at,
        client,
        told: false,
        blockers: Vec::new(),
        overridden: Vec::new(),
    };
    request.follow(&serials).await
}

/// Becomes a client.
async fn register(at: &Elsewhere) -> std::result::Result<String, Refusal> {
    let arguments = ("endsession", "");
    let called = at
        .bus
        .call(NAME, PATH, NAME, "RegisterClient", &arguments)
        .await;
    path_of(&called?).ok_or_else(|| {
        // As good as none.
        Refusal::new(
            "org.freedesktop.DBus.Error.NoReply".to_owned(),
            "its answer to RegisterClient makes no sense".to_owned(),
        )
    })
}

/// What a request is in their words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    /// `Logout`, with its mode.
    Logout(u32),
    /// A method without arguments.
    Plain(&'static str),
}

fn calls(desk: Desk, kind: Kind, plan: Plan) -> Vec<Call> {
    let asks_first = plan.confirm == Confirm::Theirs;
    let mode = match (plan.force, asks_first) {
        (true, _) => 2,
        (false, true) => 0,
        (false, false) => 1,
    };
    // GNOME has no other, and these two ask wherever they are.
    let asks = desk == Desk::Gnome || asks_first;
    let first = match (kind, asks) {
        (Kind::LogOff, _) => return vec![Call::Logout(mode)],
        (Kind::Restart, true) => "Reboot",
        (Kind::Restart, false) => "RequestReboot",
        (Kind::PowerOff, true) => "Shutdown",
        (Kind::PowerOff, false) => "RequestShutdown",
    };
    let mut calls = vec![Call::Plain(first)];
    if plan.force {
        calls.push(FORCE);
    }
    calls
}

/// Forces what is under way, whatever it is: GNOME keeps its kind.
const FORCE: Call = Call::Logout(2);

/// Asks. Some calls GNOME answers only when all is decided.
async fn send(at: &Elsewhere, call: Call) -> Result<NonZeroU32> {
    match call {
        Call::Logout(mode) => at.bus.send(NAME, PATH, NAME, "Logout", &mode).await,
        Call::Plain(member) => at.bus.send(NAME, PATH, NAME, member, &()).await,
    }
}

impl Request<'_> {
    async fn follow(mut self, calls: &[NonZeroU32]) -> Result<Outcome> {
        let mut marker = None;
        loop {
            match self.at.bus.next().await {
                Heard::Signal(message) if self.at.is_theirs(&message) => {
                    if let Some(outcome) = self.signal(&message).await? {
                        return Ok(outcome);
                    }
                }
                // Once we are queried, a cancel comes as a signal, too. What is no client hears none.
                Heard::Answer(serial, Err(refusal))
                    if calls.contains(&serial)
                        && (!self.asked || self.client.is_none())
                        && !self.told =>
                {
                    return Err(self.at.refusal(&refusal));
                }
                Heard::Shows(false) if !self.asked => {
                    // The manager answers this after it has dealt with the button.
                    let member = "IsSessionRunning";
                    marker = Some(self.at.bus.send(NAME, PATH, NAME, member, &()).await?);
                }
                Heard::Answer(serial, _) if Some(serial) == marker && !self.asked => {
                    // Not where only a helper of the dialog has gone.
                    let goes_on = self.at.bus.shows_window().await;
                    if !goes_on {
                        return Ok(self.cancelled());
                    }
                }
                Heard::Owner(name, None) if name == NAME => return Ok(self.gone()),
                Heard::Gone => return Ok(self.gone()),
                Heard::Time if !self.told => drop(send(self.at, FORCE).await?),
                Heard::Interrupt => return self.at.interrupted(self.told),
                Heard::Farewell => return Ok(Outcome::Left),
                _ => {}
            }
        }
    }

    async fn signal(&mut self, message: &Message) -> Result<Option<Outcome>> {
        let header = message.header();
        let member = header.member().map(|m| m.to_string()).unwrap_or_default();
        let path = header.path().map(|p| p.to_string()).unwrap_or_default();
        let ours = Some(&path) == self.client.as_ref();
        match member.as_str() {
            "QueryEndSession" if ours => {
                self.agree().await?;
                self.asked = true;
                let flags: u32 = message.body().deserialize().unwrap_or_default();
                if flags & FORCEFUL == 0 || self.at.owner.desk == Desk::Mate {
                    for inhibitor in Inhibitor::all(self.at).await {
                        self.blocks(inhibitor).await;
                    }
                }
            }
            "EndSession" if ours => {
                self.agree().await?;
                self.told = true;
                let still = self.blockers.drain(..);
                self.overridden = still.map(|i| i.blocker().name).collect();
            }
            "SessionOver" if path == PATH => self.told = true,
            "CancelEndSession" if ours => return Ok(Some(self.cancelled())),
            "InhibitorAdded" if self.asked && !self.told => {
                if let Some(path) = path_of(message)
                    && let Some(inhibitor) = Inhibitor::read(self.at, &path).await
                {
                    self.blocks(inhibitor).await;
                }
            }
            // A cancel takes back first what the manager itself had made: those go with their
            // client only, so that the outcome can tell of them.
            "InhibitorRemoved" => {
                let path = path_of(message);
                self.cleared(|i| Some(&i.path) == path.as_ref() && i.client.is_empty());
            }
            "ClientRemoved" => {
                let path = path_of(message);
                self.cleared(|i| Some(&i.client) == path.as_ref());
            }
            _ => {}
        }
        Ok(None)
    }

    /// Agrees. What the manager makes of it is not waited for.
    async fn agree(&self) -> Result<()> {
        if let Some(client) = &self.client {
            let answer = (true, "");
            let member = "EndSessionResponse";
            self.at
                .bus
                .send(NAME, client, PRIVATE, member, &answer)
                .await?;
        }
        Ok(())
    }

    async fn blocks(&mut self, inhibitor: Inhibitor) {
        let known = self.blockers.iter().any(|b| b.path == inhibitor.path);
        if !inhibitor.blocks() || known || self.blockers.len() >= MAX_INHIBITORS {
            return;
        }
        eprintln_quietly(&show::news(&News::Blocked(inhibitor.blocker())));
        self.blockers.push(inhibitor);
        if self.blockers.len() > 1 {
            return;
        }
        // Ours is not the place to answer; the user may not see the one that is.
        let desk = self.at.owner.desk;
        let shown = desk != Desk::Gnome || self.at.bus.owner(SHELL).await.is_some();
        if shown {
            eprintln_quietly(&format!("{} asks about it in its own window.", desk.name()));
        } else {
            eprintln_quietly(
                "GNOME Shell does not run, so nothing asks about it; `endsession logoff --force` ends the session.",
            );
        }
    }

    fn cleared(&mut self, gone: impl Fn(&Inhibitor) -> bool) {
        for inhibitor in self.blockers.extract_if(.., |i| gone(i)) {
            eprintln_quietly(&show::news(&News::Cleared(inhibitor.blocker())));
        }
    }

    fn cancelled(&self) -> Outcome {
        Outcome::Cancelled {
            by: "user",
            why: String::new(),
            blockers: self.blockers.iter().map(Inhibitor::blocker).collect(),
        }
    }

    fn gone(self) -> Outcome {
        if self.told {
            return Outcome::Over {
                overridden: self.overridden,
            };
        }
        self.at.gone(self.client.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(confirm: Confirm, force: bool) -> Plan {
        Plan {
            confirm,
            force,
            force_after: None,
        }
    }

    #[test]
    fn each_is_asked_with_its_own_words() {
        let plain = plan(Confirm::No, false);
        let asks = plan(Confirm::Theirs, false);
        let force = plan(Confirm::No, true);
        for desk in [Desk::Gnome, Desk::Mate, Desk::Cinnamon] {
            assert_eq!(calls(desk, Kind::LogOff, plain), [Call::Logout(1)]);
            assert_eq!(calls(desk, Kind::LogOff, asks), [Call::Logout(0)]);
            assert_eq!(calls(desk, Kind::LogOff, force), [FORCE]);
        }
        let restart = |desk, plan| calls(desk, Kind::Restart, plan);
        assert_eq!(restart(Desk::Gnome, plain), [Call::Plain("Reboot")]);
        assert_eq!(restart(Desk::Gnome, force), [Call::Plain("Reboot"), FORCE]);
        assert_eq!(restart(Desk::Mate, plain), [Call::Plain("RequestReboot")]);
        assert_eq!(restart(Desk::Cinnamon, asks), [Call::Plain("Reboot")]);
        let power_off = calls(Desk::Mate, Kind::PowerOff, asks);
        assert_eq!(power_off, [Call::Plain("Shutdown")]);
        let power_off = calls(Desk::Cinnamon, Kind::PowerOff, plain);
        assert_eq!(power_off, [Call::Plain("RequestShutdown")]);
    }
}

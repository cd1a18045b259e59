//! What follows from logind's answers: requests that wait for them, leave that has to be settled,
//! locks of others that hold a request up, and a machine that somebody else shuts down.

use endsession_core::{Choice, Event, Identity, Joined, Kind, Phase, Request};
use zbus::message::Header;
use zbus::{Message, Variant};

use crate::backend::Backend;
use crate::backend::compositor::FindError;
use crate::bus::{Answered, Failure, Peer, failure, reply, wants_reply};
use crate::config::System;
use crate::control::{self, Command};
use crate::logind::{Lock, Rights, Told, ToldLocks, Word};
use crate::manager::Manager;
use crate::process::{self, Stat};
use crate::serve::properties;

/// How long a machine that goes down may take to end this session, in milliseconds, beside what
/// locks of others may delay it. systemd begins with the sessions; it is a matter of seconds.
const GOES_DOWN: u64 = 60_000;

/// Calls kept while logind is asked. Each waits some milliseconds; a caller that does not wait must
/// not grow us.
const MAX_WAITING: usize = 256;

/// polkit's agents: they may be needed for a password until the machine goes down, and end with it.
const AGENTS: [&str; 14] = [
    "polkit-gnome-authentication-agent-1",
    "polkit-mate-authentication-agent-1",
    "polkit-kde-authentication-agent-1",
    "polkit-ukui-authentication-agent-1",
    "lxqt-policykit-agent",
    "lxpolkit",
    "xfce-polkit",
    "hyprpolkitagent",
    "soteria",
    "dde-polkit-agent",
    "mate-polkit",
    "cmd-polkit-agent",
    "ukui-polkit",
    "pkttyagent",
];

/// Where this session stands with the machine it runs on.
#[derive(Debug, Default)]
pub(crate) struct Power {
    waiting: Vec<Waiting>,
    /// Locks that hold the request under way up.
    locks: ToldLocks,
    /// Somebody else shuts the machine down.
    pub(crate) imposed: bool,
    /// We do.
    asked_for: bool,
    /// The machine goes down, and the session with it.
    pub(crate) goes_down: bool,
    /// polkit permits it over the locks of others.
    over_locks: bool,
    /// What the user chose, and that needs such leave.
    choice: Option<Choice>,
}

/// A call that cannot be answered before logind has.
#[derive(Debug)]
struct Waiting {
    message: Message,
    peer: Peer,
    what: What,
}

#[derive(Debug)]
enum What {
    Kinds,
    AllProperties,
    Request(Request),
    /// The same, in GNOME's protocol.
    GnomeRequest(Request),
    GnomeCan,
}

impl What {
    fn read(message: &Message, header: &Header<'_>, peer: &Peer) -> Option<Self> {
        let path = header.path().map(|p| p.to_string())?;
        if path == control::PATH {
            return match control::read(message, header, peer).ok()? {
                Command::Kinds => Some(Self::Kinds),
                Command::AllProperties => Some(Self::AllProperties),
                Command::Request(r) if r.kind != Kind::LogOff => Some(Self::Request(r)),
                _ => None,
            };
        }
        let manager = "org.gnome.SessionManager";
        let is_its = header.interface().is_none_or(|i| i.as_str() == manager);
        if path != "/org/gnome/SessionManager" || !is_its {
            return None;
        }
        let kind = match header.member()?.as_str() {
            "Shutdown" | "RequestShutdown" => Kind::PowerOff,
            "Reboot" | "RequestReboot" => Kind::Restart,
            "CanShutdown" => return Some(Self::GnomeCan),
            _ => return None,
        };
        Some(Self::GnomeRequest(Request {
            kind,
            confirm: true,
            ..Request::default()
        }))
    }
}

impl Manager {
    /// Reaches for the machine's power: restart and power off are offered where logind permits them,
    /// and a shutdown by somebody else gives applications its delay to end.
    #[must_use]
    pub fn with_logind(mut self) -> Self {
        let compositor = self
            .backend
            .identity()
            .or(self.compositor.as_ref().map(|(of, _)| of));
        self.logind.open(compositor.and_then(Identity::pid));
        self
    }

    /// Keeps a call whose answer depends on logind's; `false` where it can be answered now.
    pub(crate) fn waits_for_logind(
        &mut self,
        message: &Message,
        header: &Header<'_>,
        peer: &Peer,
    ) -> bool {
        let own = rustix::process::getuid().as_raw();
        if peer.uid.is_some_and(|uid| uid != own) || self.power.waiting.len() >= MAX_WAITING {
            return false;
        }
        if !self.logind.is_there() && !self.logind.is_connecting() {
            return false;
        }
        let Some(what) = What::read(message, header, peer) else {
            return false;
        };
        // While it connects it is about to tell.
        if self.logind.is_there() {
            self.logind.ask_what_it_can();
        }
        self.power.waiting.push(Waiting {
            message: message.clone(),
            peer: peer.clone(),
            what,
        });
        true
    }

    async fn answer_those_who_waited(&mut self) {
        for waiting in std::mem::take(&mut self.power.waiting) {
            let Waiting {
                message,
                peer,
                what,
            } = waiting;
            let header = message.header();
            let answered = self.answer_what_waited(what, &header, &peer).await;
            if wants_reply(&message)
                && let Some(reply) = answered.map_or_else(|f| failure(&header, &f), Some)
            {
                self.bus.send(reply);
            }
        }
    }

    async fn answer_what_waited(
        &mut self,
        what: What,
        header: &Header<'_>,
        peer: &Peer,
    ) -> Answered {
        match what {
            What::Kinds => reply(header, &Variant::from(self.kinds().await)),
            What::AllProperties => reply(header, &properties(self).await),
            What::Request(request) => {
                let joined = self.begin(request, peer.pid, Some(&peer.name)).await?;
                reply(header, &(self.request, joined == Joined::Joined))
            }
            What::GnomeCan => reply(header, &self.logind.can.power_off.may_be()),
            What::GnomeRequest(request) => {
                let begun = self.begin(request, peer.pid, Some(&peer.name)).await;
                let name = "org.gnome.SessionManager.GeneralError";
                begun.map_err(|f| Failure::new(name, f.text))?;
                reply(header, &())
            }
        }
    }

    /// Takes in what logind says.
    pub(crate) async fn logind_told(&mut self, told: Told) {
        self.processes = None;
        match told {
            Told::Connected(began) => {
                self.logind.connected(began);
                self.tell_locks();
                self.answer_those_who_waited().await;
            }
            Told::Can(can) => {
                self.logind.can = *can;
                self.answer_those_who_waited().await;
                self.tell_locks();
            }
            Told::Lost => {
                tracing::warn!("the system bus is gone, and the machine's power with it");
                self.logind.lost();
                self.answer_those_who_waited().await;
            }
            Told::Leavings(leavings) => {
                let changes = self.logind.leavings != leavings;
                self.logind.leavings = leavings;
                if changes && self.core.phase().is_some() {
                    self.look_at_jobs();
                }
            }
            Told::Locked(lock) => self.logind.locked(lock),
            Told::Held(kept, lease) => self.logind.held(kept, lease),
            Told::Returned => self.logind.returned(),
            Told::ScreenLocked(number, result) => self.saver_is_done(number, result.map(|()| 0)),
            Told::LocksChanged => self.logind.ask_for_locks(),
            Told::Locks(locks) => {
                self.logind.can.locks = locks;
                self.tell_locks();
            }
            Told::Authorized(number, word) => {
                if self.logind.is_answered(number) {
                    self.leave_is_settled(word);
                }
            }
            Told::Ending(begun) => self.machine_ends(begun),
            Told::Terminated(result) => self.event(Event::Backend(result)),
            Told::Shutdown(true) => self.shutdown_begins().await,
            Told::Shutdown(false) => self.shutdown_is_called_off(),
            Told::Nothing => {}
        }
    }

    /// Whether that end of the machine may be asked for.
    ///
    /// # Errors
    /// Why not, for the caller.
    pub(crate) fn can_be_asked_for(&self, kind: Kind) -> Result<(), Failure> {
        let word = self.logind.can.word(kind);
        if word.may_be() {
            return Ok(());
        }
        Err(refusal(kind, word))
    }

    /// Tells the coordinator of the locks that stand against the request under way, and of no other:
    /// those of this session always, since the session's end breaks them, those of others when the
    /// machine is to end, or where the user wants them to count.
    pub(crate) fn tell_locks(&mut self) {
        let kind = self.core.current().map(|r| r.kind);
        let mut stand = Vec::new();
        for lock in self.logind.can.locks.clone() {
            if kind.is_some_and(|kind| kind != Kind::LogOff || self.holds_a_log_off(&lock)) {
                stand.push(lock);
            }
        }
        let (new, gone) = self.power.locks.change(&stand);
        for (lock, inhibitor, of) in new {
            self.event(Event::Inhibited {
                inhibitor,
                of,
                name: lock.who,
                reason: lock.why,
            });
        }
        for inhibitor in gone {
            self.event(Event::Uninhibited(inhibitor));
        }
    }

    /// Whether a lock stands against a log-off too.
    pub(crate) fn holds_a_log_off(&mut self, lock: &Lock) -> bool {
        self.config.holds.system == System::LogOff
            || process::identity(lock.pid).is_some_and(|of| self.is_ours(&of))
    }

    /// Whether a lock of somebody outside the session stands against its end.
    fn others_hold_locks(&mut self) -> bool {
        let holders: Vec<Identity> = self.power.locks.holders().cloned().collect();
        holders.iter().any(|of| !self.is_ours(of))
    }

    /// Finds out whether the request under way is permitted.
    pub(crate) fn authorize(&mut self, kind: Kind) {
        let Some(request) = self.core.current() else {
            return;
        };
        let may_ask = !request.unattended;
        let forced = request.force == endsession_core::Force::Now;
        let word = self.logind.can.word(kind).clone();
        // A choice that waits for its leave goes over them too.
        let goes_over = forced || self.power.choice.is_some();
        let over_locks = goes_over && self.others_hold_locks();
        self.power.over_locks = over_locks;
        let rights = match (&word, over_locks) {
            (Word::Yes, false) => return self.event(Event::Authorized(kind, Ok(()))),
            (Word::Yes, true) => Rights::OverLocks,
            (Word::Challenge, false) => Rights::Plain,
            (Word::Challenge, true) => Rights::Both,
            (word, _) => {
                let why = refusal(kind, word).text;
                return self.event(Event::Authorized(kind, Err(why)));
            }
        };
        if !self.logind.authorize(kind, rights, may_ask) {
            let why = "the system bus is gone".to_owned();
            self.event(Event::Authorized(kind, Err(why)));
        }
    }

    fn leave_is_settled(&mut self, word: Result<(), String>) {
        let Some(kind) = self.core.current().map(|r| r.kind) else {
            return;
        };
        if let Err(why) = &word {
            tracing::warn!("request {}: {why}", self.request);
        }
        match self.power.choice.take() {
            None => self.event(Event::Authorized(kind, word)),
            Some(choice) if word.is_ok() => {
                self.power.over_locks = true;
                self.event(Event::Authorized(kind, word));
                let now = self.now();
                if let Err(error) = self.core.choose(now, choice) {
                    tracing::info!("a choice came too late: {error}");
                }
            }
            Some(_) => self.event(Event::Authorized(kind, word)),
        }
    }

    /// Whether a choice has to wait because it goes over the locks of others, which is another right
    /// than the one that has been settled. Without it the machine would not go down in the end, with
    /// everything closed.
    pub(crate) fn choice_takes_leave(&mut self, choice: &Choice) -> bool {
        let Some(request) = self.core.current() else {
            return false;
        };
        let (kind, may_ask) = (request.kind, !request.unattended);
        let goes_over = match choice {
            Choice::EndAll => true,
            Choice::EndOne(of) => self.power.locks.are_of(of),
            _ => false,
        };
        let is_open = matches!(self.core.phase(), Some(Phase::Asking | Phase::Closing));
        if !is_open
            || !goes_over
            || kind == Kind::LogOff
            || self.power.over_locks
            || !self.others_hold_locks()
        {
            return false;
        }
        // A question that is open already is asked anew, with this one.
        let rights = match self.logind.is_asking() {
            true => Rights::Both,
            false => Rights::OverLocks,
        };
        if !self.logind.authorize(kind, rights, may_ask) {
            return false;
        }
        self.power.choice = Some(choice.clone());
        true
    }

    /// Ends the session in the way of its kind, when all applications have gone.
    pub(crate) async fn end_session(&mut self, kind: Kind) {
        self.rest = None;
        let ends_anyway = self.told_to_end || self.ended_by_itself.is_some();
        if self.power.imposed && !ends_anyway {
            tracing::info!("all that was to be done is done; the machine goes on going down");
            self.logind.give_lock_back();
            return self.wait_for_the_machine();
        }
        // A lost session is no word of anybody's that the machine is to end.
        let ends_anyway = ends_anyway || self.session_is_gone || self.core.is_imposed();
        if kind == Kind::LogOff || ends_anyway {
            let vanished = matches!(self.backend, Backend::Missing)
                && !ends_anyway
                && !self.session_is_gone
                && !self.logind.is_a_desktop();
            // The window manager has gone by itself; another may have taken its place.
            if vanished && let Err(why) = self.find_backend().await {
                tracing::info!("nothing is left to end: {why}");
                let gone = why.is_nobody() || matches!(why, FindError::NoDisplay);
                let word = gone.then_some(()).ok_or_else(|| why.to_string());
                return self.event(Event::Backend(word));
            }
            return self.end_units();
        }
        // Our own would delay what we ask for, or stand against it.
        self.logind.give_lock_back();
        self.logind.withhold(true);
        self.power.asked_for = true;
        let over_locks = self.power.over_locks || self.core.is_forced();
        let over_locks = over_locks && self.others_hold_locks();
        tracing::info!("asking logind to {}", verb(kind));
        if !self.logind.end_machine(kind, over_locks) {
            let why = format!("cannot {}: the system bus is gone", verb(kind));
            self.event(Event::Backend(Err(why)));
        }
    }

    /// logind has taken the order, or not.
    fn machine_ends(&mut self, begun: Result<(), String>) {
        if self.core.phase() != Some(Phase::Ending) {
            // The request has failed meanwhile: what logind does now is somebody else's end.
            return;
        }
        match begun {
            Ok(()) if self.told_to_end => self.end_by_backend(),
            Ok(()) => self.wait_for_the_machine(),
            Err(why) => {
                self.power.asked_for = false;
                let why = format!("logind does not end the machine: {why}");
                self.event(Event::Backend(Err(why)));
            }
        }
    }

    /// systemd ends the compositor and us. What ends first of the two is the end.
    fn wait_for_the_machine(&mut self) {
        self.power.goes_down = true;
        if self.backend.has_ended() {
            self.event(Event::Backend(Ok(())));
        } else {
            let within = self.logind.delay.saturating_add(GOES_DOWN);
            self.event(Event::GoesDown(within));
        }
    }

    async fn shutdown_begins(&mut self) {
        if self.power.asked_for || self.core.is_over() {
            return;
        }
        let budget = self.logind.delay;
        tracing::info!("the machine is being shut down: the session ends within {budget} ms");
        self.power.imposed = true;
        if self.core.phase().is_none() {
            self.request = self.request.wrapping_add(1);
        }
        // While no request is under way nobody has looked who is there.
        self.look().await;
        self.event(Event::Imposed(budget));
    }

    fn shutdown_is_called_off(&mut self) {
        let ours = self.power.imposed || self.power.asked_for;
        // What ends for another reason as well is not given back.
        let goes_on = !self.told_to_end && !self.session_is_gone;
        if ours && goes_on && self.ended_by_itself.is_none() {
            tracing::info!("the machine is not shut down after all");
            self.event(Event::Restored);
        }
    }

    /// The request has ended, and the session goes on.
    pub(crate) fn power_goes_on(&mut self) {
        self.logind.withdraw();
        self.power.choice = None;
        self.power.over_locks = false;
        self.power.imposed = false;
        self.power.asked_for = false;
        self.power.goes_down = false;
        self.tell_locks();
        self.logind.take_lock();
        self.logind.withhold(false);
    }

    /// Whether polkit's agents are still needed, and end with the machine.
    pub(crate) fn agents_stay(&self) -> bool {
        let kind = self.core.current().map(|r| r.kind);
        self.power.imposed || kind.is_some_and(|kind| kind != Kind::LogOff)
    }

    /// An agent of polkit's is no application: it is not asked or told, since it may be needed for a
    /// password until the end, and has nothing to lose.
    pub(crate) fn is_of_an_agent(&self, event: &Event) -> bool {
        match event {
            Event::Registered { of, .. } => of.pid().and_then(Stat::read).is_some_and(is_agent),
            _ => false,
        }
    }
}

/// Whether a process has the name of an agent: as the kernel knows its program, or as it calls itself
/// where it is a script.
pub(crate) fn is_agent(stat: impl std::borrow::Borrow<Stat>) -> bool {
    let stat = stat.borrow();
    let begins = |agent: &&str| {
        let name = stat.comm.trim_start_matches('.');
        // The kernel keeps fifteen bytes.
        name.starts_with(&agent[..agent.len().min(13)])
    };
    if !AGENTS.iter().any(begins) {
        return false;
    }
    let is =
        |name: &str| AGENTS.contains(&name.trim_start_matches('.').trim_end_matches("-wrapped"));
    process::program(stat.pid).is_some_and(|program| is(&program)) || is(&stat.comm)
}

fn verb(kind: Kind) -> &'static str {
    match kind {
        Kind::LogOff => "log off",
        Kind::Restart => "restart the machine",
        Kind::PowerOff => "power the machine off",
    }
}

/// Why that kind of end cannot be had, in a sentence.
fn refusal(kind: Kind, word: &Word) -> Failure {
    let verb = verb(kind);
    let unsupported = "org.endsession.Error.Unsupported";
    match word {
        Word::Absent => Failure::new(
            unsupported,
            format!("cannot {verb}: logind says that this machine has no way to do it"),
        ),
        Word::Unknown(why) => Failure::new(unsupported, format!("cannot {verb}: {why}")),
        _ => Failure::new(
            "org.endsession.Error.NotPermitted",
            format!(
                "you are not permitted to {verb}; polkit's rules say so, and your administrator can change them"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_known_by_its_name_as_far_as_the_kernel_keeps_it() {
        let stat = |comm: &str| Stat {
            comm: comm.to_owned(),
            ..Stat::read(std::process::id()).unwrap()
        };
        assert!(is_agent(stat("lxpolkit")));
        assert!(!is_agent(stat("polkitd")));
        assert!(!is_agent(stat("sway")));
    }

    #[test]
    fn what_is_not_permitted_and_what_cannot_be_are_two_things() {
        let failure = refusal(Kind::PowerOff, &Word::No);
        assert_eq!(failure.name, "org.endsession.Error.NotPermitted");
        let failure = refusal(Kind::Restart, &Word::Absent);
        assert_eq!(failure.name, "org.endsession.Error.Unsupported");
        assert!(failure.text.contains("restart the machine"));
    }
}

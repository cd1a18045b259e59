//! logind, on the system bus: which of its sessions this is, whether the machine may be restarted or
//! powered off and by whose word, locks against that, and the end of it all.
//!
//! Nothing here waits inside the manager's loop: what is asked becomes a future, and its answer a
//! [`Told`] that the loop takes in. Every call has a limit. Without a system bus, or without logind on
//! it, a session can be logged off from and nothing more. What follows from the answers is decided
//! in [`crate::power`].

mod calls;
mod holds;
mod locks;
mod session;

use std::collections::HashMap;
use std::future::Future;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::time::Duration;

use endsession_core::{InhibitorId, Kind};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use zbus::{Connection, Message, MessageStream, connection};

use crate::adapter::jobs::Stay;
use calls::{Calls, LOGIN, LOGIN_MANAGER, LOGIN_PATH};
use holds::{Holds, Next};
pub(crate) use holds::{Kept, Words};
pub(crate) use locks::{Lock, Told as ToldLocks};
pub(crate) use session::Session;

/// What the system bus may take to let us in.
const CONNECT: Duration = Duration::from_secs(5);

/// The delay that logind has by default, in milliseconds: `InhibitDelayMaxSec` of logind.conf(5).
const DEFAULT_DELAY: u64 = 5_000;

/// What logind and polkit say about an end of the machine, without asking anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// It is permitted.
    Yes,
    /// It takes a password.
    Challenge,
    /// It is not permitted.
    No,
    /// This machine cannot.
    Absent,
    /// There is no answer, and why.
    Unknown(String),
}

impl Word {
    /// The answer of `CanPowerOff` and `CanReboot`. Since 257 some name the locks that stand against
    /// it, which are looked at apart.
    fn of(word: &str) -> Self {
        match word {
            "yes" | "inhibited" | "inhibitor-blocked" => Self::Yes,
            "challenge" | "challenge-inhibitor-blocked" => Self::Challenge,
            "na" => Self::Absent,
            _ => Self::No,
        }
    }

    /// Whether it is worth offering.
    pub(crate) fn may_be(&self) -> bool {
        matches!(self, Self::Yes | Self::Challenge)
    }
}

/// What this machine may be told to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Can {
    pub(crate) restart: Word,
    pub(crate) power_off: Word,
    /// What others hold against it.
    pub(crate) locks: Vec<Lock>,
}

impl Can {
    fn nothing(why: &str) -> Self {
        Self {
            restart: Word::Unknown(why.to_owned()),
            power_off: Word::Unknown(why.to_owned()),
            locks: Vec::new(),
        }
    }

    pub(crate) fn word(&self, kind: Kind) -> &Word {
        match kind {
            Kind::Restart => &self.restart,
            _ => &self.power_off,
        }
    }
}

/// Rights that polkit gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rights {
    /// To end the machine.
    Plain,
    /// To end it over the locks of others.
    OverLocks,
    /// Both.
    Both,
}

/// What is told to the loop.
#[derive(Debug)]
pub(crate) enum Told {
    /// The system bus is there, or why not.
    Connected(Result<Box<Began>, String>),
    /// A delay lock was taken.
    Locked(Result<OwnedFd, String>),
    /// What the machine may be told to do.
    Can(Box<Can>),
    /// What others hold against its end.
    Locks(Vec<Lock>),
    /// polkit's word on the question of that number.
    Authorized(u32, Result<(), String>),
    /// The machine goes down, or why not.
    Ending(Result<(), String>),
    /// The session was terminated, or why not.
    Terminated(Result<(), String>),
    /// Somebody shuts the machine down, or no longer: `PrepareForShutdown`.
    Shutdown(bool),
    /// Locks were taken or released.
    LocksChanged,
    /// What it does with what is left of a session.
    Leavings(Option<Leavings>),
    /// A lock that was asked for on behalf of applications, or why there is none.
    Held(Kept, Result<OwnedFd, String>),
    /// logind has been started again.
    Returned,
    /// It has told lockers to lock, for the call with this number, or why not.
    ScreenLocked(u64, Result<(), String>),
    /// Nothing that matters.
    Nothing,
    /// The system bus is gone.
    Lost,
}

/// What it does with what is left of a session of this user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leavings {
    /// What is left in the login's scope is ended: `KillUserProcesses`, for this user.
    pub(crate) kills: bool,
    /// The user is logged on elsewhere too.
    pub(crate) elsewhere: bool,
    /// The user's name.
    pub(crate) user: String,
}

/// What is known when the system bus is there.
#[derive(Debug)]
pub(crate) struct Began {
    calls: Calls,
    signals: MessageStream,
    session: Option<Session>,
    delay: u64,
    lock: Option<OwnedFd>,
    can: Can,
    leavings: Option<Leavings>,
}

type Work = Pin<Box<dyn Future<Output = Told>>>;

/// The manager's side of logind.
#[derive(Debug)]
pub(crate) struct Logind {
    calls: Option<Calls>,
    signals: Option<MessageStream>,
    work: FuturesUnordered<Work>,
    connecting: bool,
    lock: Option<OwnedFd>,
    locking: bool,
    /// What `InhibitDelayMaxUSec` gives, in milliseconds.
    pub(crate) delay: u64,
    /// The session as logind knows it.
    pub(crate) session: Option<Session>,
    /// What was said last.
    pub(crate) can: Can,
    /// What it does with what is left of this session; `None` where it is not there to do anything.
    pub(crate) leavings: Option<Leavings>,
    /// The number of the last question to polkit, and whether it is open.
    question: u32,
    open: bool,
    /// Locks for what applications hold.
    holds: Holds,
    /// Why there is no logind to ask, once that is known.
    absent: Option<String>,
}

impl Default for Logind {
    fn default() -> Self {
        Self {
            calls: None,
            signals: None,
            work: FuturesUnordered::new(),
            connecting: false,
            lock: None,
            locking: false,
            delay: DEFAULT_DELAY,
            session: None,
            can: Can::nothing("this session has no system bus"),
            leavings: None,
            question: 0,
            open: false,
            holds: Holds::default(),
            absent: None,
        }
    }
}

impl Logind {
    /// Looks for logind. `compositor`: the process that is the session, where there is one.
    pub(crate) fn open(&mut self, compositor: Option<u32>) {
        self.connecting = true;
        self.begin(async move { Told::Connected(connect(compositor).await.map(Box::new)) });
    }

    /// Whether anything can be asked.
    pub(crate) fn is_there(&self) -> bool {
        self.calls.is_some()
    }

    /// Whether this session is a desktop of its own, which `TerminateSession` ends and nothing else.
    pub(crate) fn is_a_desktop(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_a_desktop)
    }

    /// Whether that is not known yet.
    pub(crate) fn is_connecting(&self) -> bool {
        self.connecting
    }

    fn begin(&mut self, work: impl Future<Output = Told> + 'static) {
        self.work.push(Box::pin(work));
    }

    /// Has `ask` done, unless there is nobody to ask.
    fn ask<F: Future<Output = Told> + 'static>(&mut self, ask: impl FnOnce(Calls) -> F) -> bool {
        let Some(calls) = self.calls.clone() else {
            return false;
        };
        self.begin(ask(calls));
        true
    }

    /// The next answer or signal. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Told {
        let Self { work, signals, .. } = self;
        let signal = async {
            match signals {
                Some(signals) => signals.next().await,
                None => std::future::pending().await,
            }
        };
        let answer = async {
            match work.next().await {
                Some(told) => told,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            told = answer => told,
            signal = signal => match signal {
                Some(Ok(signal)) => heard(&signal),
                Some(Err(_)) => Told::Nothing,
                None => Told::Lost,
            },
        }
    }

    /// What [`Told::Connected`] brought.
    pub(crate) fn connected(&mut self, began: Result<Box<Began>, String>) {
        self.connecting = false;
        match began {
            Err(why) => {
                tracing::info!("the machine's power cannot be reached: {why}");
                self.can = Can::nothing(&why);
                self.absent = Some(why);
                self.hold_again();
            }
            Ok(began) => {
                let began = *began;
                if let Some(session) = &began.session {
                    tracing::info!("logind's session {}", session.id);
                }
                self.calls = Some(began.calls);
                self.signals = Some(began.signals);
                self.session = began.session;
                self.delay = began.delay;
                self.lock = began.lock;
                self.can = began.can;
                self.leavings = began.leavings;
                self.hold_again();
            }
        }
    }

    /// The system bus is gone, and with it everybody on it. A delay lock that is held stays.
    pub(crate) fn lost(&mut self) {
        self.calls = None;
        self.signals = None;
        self.can = Can::nothing("the system bus is gone");
        self.absent = Some("the system bus is gone".to_owned());
    }

    /// Applications hold this with these words now, or none does any more.
    pub(crate) fn hold(&mut self, kept: Kept, words: Option<Words>) {
        if let Some(words) = self.holds.want(kept, words) {
            self.ask_for_hold(kept, words);
        }
    }

    fn ask_for_hold(&mut self, kept: Kept, words: Words) {
        if self.ask(move |calls| async move { Told::Held(kept, calls.block(kept, &words).await) }) {
            return;
        }
        // While it connects nothing is known; all is asked for once that is done.
        let first = self.holds.unasked(kept);
        if let (Some(words), Some(why)) = (first, &self.absent) {
            tracing::warn!(
                "{} holds {}, of which logind is not told: {why}",
                words.who,
                kept.what()
            );
        }
    }

    fn hold_again(&mut self) {
        for (kept, words) in self.holds.returned() {
            self.ask_for_hold(kept, words);
        }
    }

    /// What [`Told::Held`] brought.
    pub(crate) fn held(&mut self, kept: Kept, lease: Result<OwnedFd, String>) {
        match self.holds.answered(kept, lease) {
            Next::Rest => {}
            Next::Ask(words) => self.ask_for_hold(kept, words),
            Next::Complain(why) => tracing::warn!(
                "logind gives no {} lock for what applications hold: {why}",
                kept.what()
            ),
        }
    }

    /// logind has been started again, and may have forgotten all locks.
    pub(crate) fn returned(&mut self) {
        tracing::info!("logind is back: all locks are taken again");
        self.hold_again();
        if self.lock.take().is_some() {
            self.take_lock();
        }
    }

    /// Our lock against a shutdown is given back while we ask for one ourselves.
    pub(crate) fn withhold(&mut self, on: bool) {
        if let Some(words) = self.holds.withhold(on) {
            self.ask_for_hold(Kept::Shutdown, words);
        }
    }

    /// Takes the delay lock, unless it is held.
    pub(crate) fn take_lock(&mut self) {
        if self.lock.is_none() && !self.locking {
            self.locking = self.ask(|calls| async move { Told::Locked(calls.delay_lock().await) });
        }
    }

    /// What [`Told::Locked`] brought.
    pub(crate) fn locked(&mut self, lock: Result<OwnedFd, String>) {
        self.locking = false;
        match lock {
            Ok(lock) => self.lock = Some(lock),
            Err(why) => tracing::info!("logind gives no delay lock: {why}"),
        }
    }

    /// Gives the delay lock back.
    pub(crate) fn give_lock_back(&mut self) {
        self.lock = None;
    }

    /// Asks what the machine may be told to do; [`Told::Can`].
    pub(crate) fn ask_what_it_can(&mut self) -> bool {
        self.ask(|calls| async move { Told::Can(Box::new(can(&calls).await)) })
    }

    /// Asks what it does with what is left of a session; [`Told::Leavings`].
    pub(crate) fn ask_about_leavings(&mut self) {
        let own = self.session.as_ref().map(|s| s.id.clone());
        self.ask(|calls| async move { Told::Leavings(leavings(&calls, own.as_deref()).await) });
    }

    /// What stays when this session ends.
    pub(crate) fn stay(&self) -> Option<Stay> {
        let leavings = self.leavings.as_ref()?;
        Some(Stay {
            kills: leavings.kills,
            lingers: leavings.elsewhere || lingers(&leavings.user),
        })
    }

    /// Asks who holds what against its end; [`Told::Locks`].
    pub(crate) fn ask_for_locks(&mut self) {
        self.ask(
            |calls| async move { Told::Locks(calls.locks().await.unwrap_or_default().others) },
        );
    }

    /// Has polkit settle that the machine may be ended; [`Told::Authorized`].
    ///
    /// `rights`: which ones. `may_ask`: the user, for a password. False where nobody can be asked.
    pub(crate) fn authorize(&mut self, kind: Kind, rights: Rights, may_ask: bool) -> bool {
        self.withdraw();
        self.question = self.question.wrapping_add(1);
        let number = self.question;
        let name = ticket(number);
        self.open = self.ask(move |calls| async move {
            let ticket = may_ask.then_some(name.as_str());
            let settle = async {
                if rights != Rights::OverLocks {
                    calls.authorize(kind, false, ticket).await?;
                }
                if rights != Rights::Plain {
                    calls.authorize(kind, true, ticket).await?;
                }
                Ok(())
            };
            Told::Authorized(number, settle.await)
        });
        self.open
    }

    /// Whether polkit has a question of ours to answer.
    pub(crate) fn is_asking(&self) -> bool {
        self.open
    }

    /// Whether this is the answer to the question that is open; it no longer is.
    pub(crate) fn is_answered(&mut self, number: u32) -> bool {
        let is = self.open && self.question == number;
        if is {
            self.open = false;
        }
        is
    }

    /// The question that is open need not be answered any more.
    pub(crate) fn withdraw(&mut self) {
        if std::mem::take(&mut self.open) {
            let name = ticket(self.question);
            self.ask(move |calls| async move {
                calls.withdraw(&name).await;
                Told::Nothing
            });
        }
    }

    /// Tells lockers to lock; [`Told::ScreenLocked`] with that number. False where this is no session
    /// of logind's.
    pub(crate) fn lock_screen(&mut self, number: u64) -> bool {
        let Some(id) = self.session.as_ref().map(|session| session.id.clone()) else {
            return false;
        };
        self.ask(move |calls| async move { Told::ScreenLocked(number, calls.lock(&id).await) })
    }

    /// Whether the coordinator knows a lock of others by this number.
    pub(crate) fn is_lock(&self, number: InhibitorId) -> bool {
        locks::is_lock(number)
    }

    /// Ends the machine; [`Told::Ending`]. False where nobody can.
    pub(crate) fn end_machine(&mut self, kind: Kind, over_locks: bool) -> bool {
        self.ask(
            move |calls| async move { Told::Ending(calls.end_machine(kind, over_locks).await) },
        )
    }

    /// Ends the session with everything in it; [`Told::Terminated`]. False where it is none that may
    /// be ended so.
    pub(crate) fn terminate(&mut self) -> bool {
        let Some(session) = self.session.clone().filter(Session::is_a_desktop) else {
            return false;
        };
        self.ask(move |calls| async move { Told::Terminated(calls.terminate(&session.id).await) })
    }
}

/// What names a question to polkit: unique on our connection.
fn ticket(number: u32) -> String {
    format!("endsession-{number}")
}

fn heard(signal: &Message) -> Told {
    let header = signal.header();
    let from = |path: &str| header.path().is_some_and(|p| p.as_str() == path);
    match header.member().map(|m| m.as_str().to_owned()).as_deref() {
        Some("PrepareForShutdown") if from(LOGIN_PATH) => signal
            .body()
            .deserialize::<bool>()
            .map_or(Told::Nothing, Told::Shutdown),
        Some("PropertiesChanged") if from(LOGIN_PATH) && names_locks(signal) => Told::LocksChanged,
        Some("NameOwnerChanged") if has_come(signal) => Told::Returned,
        _ => Told::Nothing,
    }
}

/// Whether it is `BlockInhibited` that has changed, as each time that such a lock comes or goes.
fn names_locks(signal: &Message) -> bool {
    type Changed<'m> = (&'m str, HashMap<&'m str, zbus::Variant<'m>>, Vec<&'m str>);
    let body = signal.body();
    let changed = body.deserialize::<Changed<'_>>();
    changed.is_ok_and(|(_, values, names)| {
        values.contains_key("BlockInhibited") || names.contains(&"BlockInhibited")
    })
}

/// Whether it is logind that has come to the bus.
fn has_come(signal: &Message) -> bool {
    let header = signal.header();
    let body = signal.body();
    let change = body.deserialize::<(&str, &str, &str)>();
    header.sender().is_some_and(|s| s.as_str() == calls::BUS)
        && change.is_ok_and(|(name, _, new)| name == LOGIN && !new.is_empty())
}

async fn connect(compositor: Option<u32>) -> Result<Began, String> {
    let address = std::env::var("DBUS_SYSTEM_BUS_ADDRESS").ok();
    let address = address.filter(|address| !address.is_empty());
    let builder = match &address {
        Some(address) => connection::Builder::address(address.as_str()),
        None => connection::Builder::system(),
    };
    let connected = tokio::time::timeout(CONNECT, builder.build()).await;
    let connection: Connection = connected
        .map_err(|_| format!("the system bus does not answer within {CONNECT:?}"))?
        .map_err(|error| format!("the system bus cannot be reached ({error})"))?;
    let signals = MessageStream::from(&connection);
    let calls = Calls(connection);
    // The first call to logind: where there is none, it fails.
    let delay = calls
        .delay()
        .await
        .map_err(|why| format!("logind: {why}"))?;
    let rule = format!(
        "type='signal',sender='{LOGIN}',path='{LOGIN_PATH}',interface='{LOGIN_MANAGER}',\
         member='PrepareForShutdown'"
    );
    calls.match_signals(&rule).await?;
    // A lock that is taken or released changes a property; little else does, so that this wakes
    // nobody who idles.
    let rule = format!(
        "type='signal',sender='{LOGIN}',path='{LOGIN_PATH}',member='PropertiesChanged',\
         arg0='{LOGIN_MANAGER}'"
    );
    calls.match_signals(&rule).await?;
    let bus = calls::BUS;
    let rule = format!(
        "type='signal',sender='{bus}',interface='{bus}',member='NameOwnerChanged',arg0='{LOGIN}'"
    );
    calls.match_signals(&rule).await?;
    let lock = match calls.delay_lock().await {
        Ok(lock) => Some(lock),
        Err(why) => {
            tracing::info!("logind gives no delay lock: {why}");
            None
        }
    };
    let session = session(&calls, compositor).await;
    let can = can(&calls).await;
    let leavings = leavings(&calls, session.as_ref().map(|s| s.id.as_str())).await;
    Ok(Began {
        calls,
        signals,
        session,
        delay,
        lock,
        can,
        leavings,
    })
}

/// The session of the process that is it, else our own, else the one that the environment names: that
/// one may be somebody's claim, and has to be this user's.
async fn session(calls: &Calls, compositor: Option<u32>) -> Option<Session> {
    for pid in compositor.into_iter().chain([std::process::id()]) {
        match calls.session_of(pid).await {
            Ok(session) => return Some(session),
            Err(why) => tracing::debug!("logind's session of process {pid}: {why}"),
        }
    }
    let id = std::env::var("XDG_SESSION_ID").ok()?;
    let session = calls.session(&id).await.ok()?;
    session.is_ours().then_some(session)
}

/// Whether a user's systemd goes on without a login: the file that `loginctl enable-linger` makes,
/// which logind itself looks for whenever it is asked.
fn lingers(user: &str) -> bool {
    !user.is_empty()
        && !user.contains('/')
        && std::path::Path::new("/var/lib/systemd/linger")
            .join(user)
            .exists()
}

async fn leavings(calls: &Calls, own: Option<&str>) -> Option<Leavings> {
    match calls.leavings(own).await {
        Ok(leavings) => Some(leavings),
        Err(why) => {
            tracing::info!("what logind does with what is left of a session is not known: {why}");
            None
        }
    }
}

async fn can(calls: &Calls) -> Can {
    let all = calls.locks().await.unwrap_or_default();
    let (locked, locks) = (all.stand(), all.others);
    Can {
        restart: calls.can(Kind::Restart, locked).await,
        power_off: calls.can(Kind::PowerOff, locked).await,
        locks,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_logind_is_understood() {
        for (word, may_be) in [
            ("yes", true),
            ("challenge", true),
            ("inhibited", true),
            ("inhibitor-blocked", true),
            ("challenge-inhibitor-blocked", true),
            ("no", false),
            ("na", false),
            ("a word of the future", false),
        ] {
            assert_eq!(Word::of(word).may_be(), may_be, "{word}");
        }
        assert_eq!(Word::of("na"), Word::Absent);
    }
}

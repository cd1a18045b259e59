//! `org.freedesktop.ScreenSaver`, where nobody else serves it: its name, its calls, and what keeps the
//! screen on while somebody holds off idling.
//!
//! A session whose manager takes `org.gnome.SessionManager` is one in which browsers and players ask here
//! before they would help themselves. What they hold is an inhibitor of [`crate::adapter::gnome`]; logind
//! is told of it ([`crate::holds`]), which swayidle and hypridle go by, and so is the display.

use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::pin::Pin;
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use zbus::Message;
use zbus::message::Header;

use crate::adapter::awake::{Awake, Screen};
use crate::adapter::blank::{self, Errand};
use crate::adapter::gnome::{Asked, Effects, IDLE};
use crate::adapter::screensaver::{self, Call, NAME};
use crate::backend::Backend;
use crate::bus::{About, Answered, DBUS, DBUS_PATH, Failure, Peer, failure, reply, wants_reply};
use crate::display_of::{self, Way};
use crate::manager::Manager;

/// Calls kept while somebody else is asked. Each waits some milliseconds; a caller that does not wait
/// must not grow us.
const MAX_WAITING: usize = 64;

/// DBUS_NAME_FLAG_ALLOW_REPLACEMENT and DBUS_NAME_FLAG_DO_NOT_QUEUE: whoever wants the name has it.
const POLITELY: u32 = 1 | 4;

const NOT_SUPPORTED: &str = "org.freedesktop.DBus.Error.NotSupported";

/// Whose the name is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Name {
    /// Somebody else's, or nobody's business of ours.
    #[default]
    NotOurs,
    /// Nobody's, as far as is known; it is asked for then.
    Due(Instant),
    Asked,
    Ours,
}

type Work = Pin<Box<dyn Future<Output = (u64, Result<u32, String>)>>>;

/// The manager's side of it.
#[derive(Debug, Default)]
pub(crate) struct Saver {
    name: Name,
    /// How long nobody else has to have the name; `None`: it is never taken.
    after: Option<Duration>,
    awake: Awake,
    /// Somebody holds off idling, and it has been looked for a display to keep on.
    looked: bool,
    waiting: BTreeMap<u64, (Message, Call)>,
    last: u64,
    work: FuturesUnordered<Work>,
}

impl Saver {
    fn begin(&mut self) {
        self.name = match self.after {
            Some(after) => Name::Due(Instant::now() + after),
            None => Name::NotOurs,
        };
    }

    /// The session's display has become known: it may be one to keep on.
    pub(crate) fn look_again(&mut self) {
        self.looked = self.awake.is_on();
    }

    /// Whether it is ours.
    pub(crate) fn is_ours(&self) -> bool {
        self.name == Name::Ours
    }

    /// When the name is to be asked for.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.name {
            Name::Due(at) => Some(at),
            _ => None,
        }
    }

    /// Goes on with what is under way; what a display answered. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<(u64, Result<u32, String>)> {
        let Self { work, awake, .. } = self;
        let answer = async {
            match work.next().await {
                Some(answer) => answer,
                None => pending().await,
            }
        };
        tokio::select! {
            answer = answer => Some(answer),
            () = awake.next() => None,
        }
    }
}

/// How long a process has run, in seconds.
fn age(start: u64) -> u32 {
    // USER_HZ, as the kernel counts for user space: proc(5).
    const TICKS: u64 = 100;
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let now = u64::try_from(now.tv_sec).unwrap_or_default();
    u32::try_from(now.saturating_sub(start / TICKS)).unwrap_or(u32::MAX)
}

impl Manager {
    /// Serves `org.freedesktop.ScreenSaver` from when nobody else has taken its name for a while: of all
    /// that a session starts with, nothing is to be kept from it by us.
    #[must_use]
    pub fn serving_screen_saver(mut self) -> Self {
        if self.bus.is_first() {
            self.saver.after = self.config.screen_saver();
            self.saver.begin();
        }
        self
    }

    /// It is time to ask for the name.
    pub(crate) fn ask_for_savers_name(&mut self) {
        self.saver.name = Name::Asked;
        let call = Message::method_call(DBUS_PATH, "RequestName")
            .destination(DBUS)
            .interface(DBUS)
            .build(&(NAME, POLITELY));
        if let Ok(call) = call {
            self.bus.call(call, About::SaverName);
        }
    }

    /// The bus's answer to that.
    pub(crate) fn savers_name_answered(&mut self, answer: &Message) {
        const OWNER: u32 = 1;
        let owned = answer.body().deserialize::<u32>();
        self.saver.name = match owned {
            Ok(OWNER) => {
                tracing::info!("serving {NAME}, which nobody else does");
                Name::Ours
            }
            _ => Name::NotOurs,
        };
    }

    /// Somebody wants the name more than we do.
    pub(crate) fn savers_name_lost(&mut self) {
        if !self.saver.is_ours() {
            return;
        }
        tracing::info!("another program serves {NAME} from now on");
        self.saver.name = Name::NotOurs;
        let mut effects = Effects::default();
        self.gnome.drop_savers(&mut effects);
        self.carry_out(effects);
    }

    /// Nobody has the name any more. Whoever had it may be about to come back.
    pub(crate) fn savers_name_is_free(&mut self) {
        if self.saver.name == Name::NotOurs {
            self.saver.begin();
        }
    }

    /// Whether a call is one to the screen saver, and that is us.
    pub(crate) fn is_for_saver(&self, header: &Header<'_>) -> bool {
        let path = header
            .path()
            .is_some_and(|p| screensaver::PATHS.contains(&p.as_str()));
        let standard = header
            .interface()
            .is_some_and(|i| i.as_str().starts_with("org.freedesktop.DBus."));
        self.saver.is_ours() && path && !standard
    }

    /// Carries out a call to the screen saver; `None` where its answer comes later.
    pub(crate) async fn saver_call(
        &mut self,
        message: &Message,
        header: &Header<'_>,
        peer: &Peer,
    ) -> Option<Answered> {
        let call = match screensaver::read(message, header) {
            Ok(call) => call,
            Err(failure) => return Some(Err(failure)),
        };
        let answered = match &call {
            Call::Inhibit(app_id, reason) => {
                let asked = Asked {
                    app_id,
                    xid: 0,
                    reason,
                    flags: IDLE,
                    by_saver: true,
                };
                let mut effects = Effects::default();
                let cookie = self.gnome.inhibit(asked, peer, &mut effects);
                self.carry_out(effects);
                cookie.and_then(|cookie| reply(header, &cookie))
            }
            Call::UnInhibit(cookie) => {
                let mut effects = Effects::default();
                let released = self.gnome.uninhibit(*cookie, peer, &mut effects);
                self.carry_out(effects);
                released.and_then(|()| reply(header, &()))
            }
            Call::GetActive => {
                self.look_at_lockers();
                reply(header, &self.lock.since().is_some())
            }
            Call::GetActiveTime => {
                self.look_at_lockers();
                reply(header, &self.lock.since().map_or(0, age))
            }
            Call::Lock => {
                let number = match self.keep_call(message, &call) {
                    Ok(number) => number,
                    Err(failure) => return Some(Err(failure)),
                };
                if self.logind.lock_screen(number) {
                    return None;
                }
                self.saver.waiting.remove(&number);
                Err(Failure::new(
                    NOT_SUPPORTED,
                    "this session is none of logind's, which tells lockers to lock",
                ))
            }
            Call::GetSessionIdleTime => {
                return self.run_errand(message, &call, Errand::IdleTime).await;
            }
            Call::SimulateUserActivity | Call::SetActive(false) => {
                return self.run_errand(message, &call, Errand::Reset).await;
            }
            Call::SetActive(true) => {
                return self.run_errand(message, &call, Errand::Activate).await;
            }
        };
        Some(answered)
    }

    fn keep_call(&mut self, message: &Message, call: &Call) -> Result<u64, Failure> {
        if self.saver.waiting.len() >= MAX_WAITING {
            return Err(Failure::new(
                "org.freedesktop.DBus.Error.LimitsExceeded",
                format!("{MAX_WAITING} calls wait for an answer already; wait for one of them"),
            ));
        }
        self.saver.last += 1;
        let kept = (message.clone(), call.clone());
        self.saver.waiting.insert(self.saver.last, kept);
        Ok(self.saver.last)
    }

    /// Has the X display asked or told.
    async fn run_errand(
        &mut self,
        message: &Message,
        call: &Call,
        errand: Errand,
    ) -> Option<Answered> {
        let Some(Screen::X11(display)) = self.screen().await else {
            return Some(Err(Failure::new(
                NOT_SUPPORTED,
                "this session is shown by no X server, and a compositor cannot be asked for this",
            )));
        };
        match self.keep_call(message, call) {
            Err(failure) => Some(Err(failure)),
            Ok(number) => {
                let run = async move { (number, blank::run(display, errand).await) };
                self.saver.work.push(Box::pin(run));
                None
            }
        }
    }

    /// Answers a call that has waited. `done`: a display's answer, in seconds.
    pub(crate) fn saver_is_done(&mut self, number: u64, done: Result<u32, String>) {
        let Some((message, call)) = self.saver.waiting.remove(&number) else {
            return;
        };
        if !wants_reply(&message) {
            return;
        }
        let header = message.header();
        let answered = match (done, call) {
            (Err(why), _) => Err(Failure::new("org.freedesktop.DBus.Error.Failed", why)),
            (Ok(seconds), Call::GetSessionIdleTime) => reply(&header, &seconds),
            (Ok(_), Call::SetActive(_)) => reply(&header, &true),
            (Ok(_), _) => reply(&header, &()),
        };
        if let Some(reply) = answered.map_or_else(|f| failure(&header, &f), Some) {
            self.bus.send(reply);
        }
    }

    /// Keeps the screen on while somebody holds off idling, and no longer.
    pub(crate) async fn keep_screen_on(&mut self) {
        if self.saver.looked == self.is_idling_held() {
            return;
        }
        self.saver.looked = !self.saver.looked;
        if !self.saver.looked {
            self.saver.awake.let_go();
        } else if let Some(screen) = self.screen().await {
            self.saver.awake.keep(screen);
        }
    }

    /// Whether somebody else than the compositor does: phoc, for one, passes on here what it is asked for,
    /// and would hold for ever what we ask it for.
    fn is_idling_held(&self) -> bool {
        if self.gnome.inhibited() & IDLE == 0 {
            return false;
        }
        let compositor = self.ends_last();
        let mut holders = self
            .gnome
            .inhibitors
            .values()
            .filter(|i| i.flags & IDLE != 0);
        holders.any(|i| Some(&i.of) != compositor)
    }

    /// What shows this session. An X display below a Wayland compositor shows nothing itself.
    async fn screen(&mut self) -> Option<Screen> {
        let child = match &self.backend {
            Backend::Child(child) if child.status().is_some() => return None,
            Backend::Child(child) => Some(child.pid()),
            Backend::Nothing => return None,
            Backend::Compositor(_) | Backend::Missing => None,
        };
        let ways = match self.ways_told().await {
            Some(ways) if child.is_none() => ways,
            _ => display_of::find(&self.processes(), child),
        };
        let is_sway = ways.iter().any(|way| matches!(way, Way::Sway(..)));
        ways.into_iter().find_map(|way| match way {
            Way::Sway(..) => None,
            Way::Wayland(socket) => Some(Screen::Wayland(socket, is_sway)),
            Way::X11(display) => (!is_sway).then_some(Screen::X11(display)),
        })
    }
}

//! The compositor or window manager of a session that something else started. It is found by who
//! answers at the session's display, ended by its own exit command, and only then by signals.
//!
//! One file a compositor says how it is known and told; `server` says whose process it is, `wire` and
//! [`crate::adapter`] how it is spoken to. Nothing here waits for it without a limit.

mod hyprland;
mod i3;
mod labwc;
mod niri;
mod openbox;
mod river;
mod server;
mod sway;
mod wayfire;
mod wayland;
mod wire;
mod x11;

use std::fmt;
use std::future::{Future, pending};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::str::FromStr;
use std::time::{Duration, Instant};

use endsession_core::{Identity, Signal};
use serde::Deserialize;

use self::server::{At, Server};
use crate::adapter::display::DisplayError;
pub use crate::adapter::talk::TalkError;
use crate::adapter::talk::limited;
use crate::config;
use crate::display_of::Way;
use crate::process;

/// The variable that says what the session's compositor is, before the configuration does.
pub const VARIABLE: &str = "ENDSESSION_COMPOSITOR";

/// How long a compositor may take to go once it was told, and once more after SIGTERM. It has no
/// client left, and needs some milliseconds.
const GOES_WITHIN: Duration = Duration::from_secs(10);

/// What a session's compositor or window manager is, which says how it is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// sway: its IPC.
    Sway,
    /// i3: its IPC.
    I3,
    /// Hyprland: its socket, in either dialect.
    Hyprland,
    /// niri: its IPC.
    Niri,
    /// labwc: SIGTERM.
    Labwc,
    /// river: its control protocol where it has one, else SIGTERM.
    River,
    /// wayfire: SIGTERM.
    Wayfire,
    /// openbox: its control message.
    Openbox,
    /// Any other window manager, or an X server without one: SIGTERM.
    X11,
    /// Any other Wayland compositor: SIGTERM.
    Wayland,
    /// Whatever it is: SIGTERM.
    Process,
}

impl Kind {
    /// In the order in which they are tried: what is more exactly known comes first.
    const ALL: [(&'static str, Self); 11] = [
        ("sway", Self::Sway),
        ("i3", Self::I3),
        ("hyprland", Self::Hyprland),
        ("niri", Self::Niri),
        ("labwc", Self::Labwc),
        ("river", Self::River),
        ("wayfire", Self::Wayfire),
        ("openbox", Self::Openbox),
        ("x11", Self::X11),
        ("wayland", Self::Wayland),
        ("process", Self::Process),
    ];

    /// Its name, as in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        let named = Self::ALL.iter().find(|(_, kind)| *kind == self);
        named.map_or("process", |(name, _)| name)
    }

    fn is(self, server: &Server) -> bool {
        match self {
            Self::Sway => sway::is(server),
            Self::I3 => i3::is(server),
            Self::Hyprland => hyprland::is(server),
            Self::Niri => niri::is(server),
            Self::Labwc => labwc::is(server),
            Self::River => river::is(server),
            Self::Wayfire => wayfire::is(server),
            Self::Openbox => openbox::is(server),
            Self::X11 => x11::is(server),
            Self::Wayland => wayland::is(server),
            Self::Process => true,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = FindError;

    fn from_str(name: &str) -> Result<Self, FindError> {
        let named = Self::ALL.iter().find(|(known, _)| *known == name);
        named
            .map(|(_, kind)| *kind)
            .ok_or_else(|| FindError::Unknown {
                name: name.to_owned(),
            })
    }
}

/// Why there is no compositor that could be ended; each is one sentence without its full stop.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// Nothing names a display.
    #[error(
        "no display of this session is known: WAYLAND_DISPLAY, SWAYSOCK and DISPLAY are not set"
    )]
    NoDisplay,
    /// The display or the IPC could not be spoken to.
    #[error(transparent)]
    Talk(#[from] TalkError),
    /// The X display could not be reached.
    #[error(transparent)]
    Display(#[from] DisplayError),
    /// It is not this user's.
    #[error("{what} (pid {pid}) is another user's process, which is not for us to end")]
    OtherUser {
        /// What.
        what: String,
        /// Its process.
        pid: u32,
    },
    /// The kernel names no process of ours behind it.
    #[error(
        "the process of {what} cannot be told: it has just ended, or runs in another container"
    )]
    Unseen {
        /// What.
        what: String,
    },
    /// Two variables name the displays of two sessions.
    #[error(
        "the environment names the displays of two sessions, that of {first} and that of {second}; \
         unset the one that is not meant"
    )]
    TwoSessions {
        /// The one, with its pid.
        first: String,
        /// The other, with its pid.
        second: String,
    },
    /// It is not what the user says.
    #[error("this session is said to be shown by {wanted} and is shown by {found}")]
    IsNot {
        /// What was set.
        wanted: Kind,
        /// What was found, with its pid.
        found: String,
    },
    /// Only the X server of a Wayland session is known, and not whose it is.
    #[error("{display} is an Xwayland, and nothing says which Wayland compositor it belongs to")]
    OnlyXwayland {
        /// The display.
        display: String,
    },
    /// What was set is none of the names.
    #[error(
        "{VARIABLE} is {name:?}, which is none of sway, i3, hyprland, niri, labwc, river, wayfire, openbox, \
         x11, wayland and process"
    )]
    Unknown {
        /// What was set.
        name: String,
    },
}

impl FindError {
    /// Nobody is there, so that another display may be meant.
    pub(crate) fn is_nobody(&self) -> bool {
        matches!(
            self,
            Self::Talk(TalkError::Io { .. } | TalkError::Silent { .. })
                | Self::Display(DisplayError::Io { .. })
        )
    }
}

/// An exit command that is under way.
type Word = Pin<Box<dyn Future<Output = Result<(), FindError>> + Send>>;

/// The process that ends last, and with which the session ends.
pub struct Compositor {
    kind: Kind,
    server: Server,
    /// Where it takes its exit command, where it does.
    ipc: Option<PathBuf>,
    step: Step,
    word: Option<Word>,
    due: Option<Instant>,
}

/// How far its end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Runs,
    Told,
    Terminated,
    Killed,
    Gone,
}

impl Compositor {
    /// Finds what shows the windows that are seen in the first of these ways that leads anywhere.
    ///
    /// # Errors
    /// Why there is none; nothing has been changed.
    pub async fn find(ways: &[Way], set: &config::Session) -> Result<Self, FindError> {
        let wanted = match std::env::var(VARIABLE) {
            Ok(name) if !name.is_empty() => Some(name.parse()?),
            _ => set.compositor,
        };
        let server = server_of(ways).await?;
        let kind = match wanted {
            Some(kind) if kind.is(&server) => kind,
            Some(kind) => return Err(server.is_not(kind)),
            None => {
                let known = Kind::ALL.iter().find(|(_, kind)| kind.is(&server));
                known.map_or(Kind::Process, |(_, kind)| *kind)
            }
        };
        let ipc = match kind {
            Kind::Sway => server.socket(sway::is_ipc),
            Kind::I3 => i3::ipc(&server).await?,
            Kind::Hyprland => server.socket(hyprland::is_ipc),
            Kind::Niri => server.socket(niri::is_ipc),
            _ => None,
        };
        Ok(Self {
            kind,
            server,
            ipc,
            step: Step::Runs,
            word: None,
            due: None,
        })
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its process.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.server.of
    }

    /// Its program.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.server.program
    }

    /// Begins to end it. Its exit is for the manager to see.
    pub fn end(&mut self) {
        if self.step != Step::Runs {
            return;
        }
        tracing::info!("ending {} as {}", self.server.describe(), self.kind);
        self.word = self.exit_command();
        self.step = Step::Told;
        if self.word.is_none() {
            self.signal(Signal::Term);
        }
    }

    fn exit_command(&self) -> Option<Word> {
        let of = self.server.of.clone();
        let what = self.server.describe();
        let command: Word = match (self.kind, &self.ipc, &self.server.at) {
            (Kind::Sway | Kind::I3, Some(socket), _) => {
                let socket = socket.clone();
                Box::pin(async move { Ok(sway::exit(&socket, &of).await?) })
            }
            (Kind::Hyprland, Some(socket), _) => {
                let socket = socket.clone();
                Box::pin(async move { Ok(hyprland::exit(&socket, &of).await?) })
            }
            (Kind::Niri, Some(socket), _) => {
                let socket = socket.clone();
                Box::pin(async move { Ok(niri::exit(&socket, &of).await?) })
            }
            (Kind::River, _, At::Wayland(socket)) => {
                let socket = socket.clone();
                Box::pin(async move { Ok(river::exit(&socket, &of).await?) })
            }
            (Kind::Openbox, _, At::Managing(display)) => {
                let display = display.clone();
                Box::pin(async move { openbox::exit(&display, &of).await })
            }
            _ => return None,
        };
        Some(Box::pin(limited(|| what, command)))
    }

    /// Waits for the answer to its exit command; for ever while none is under way. Cancel-safe.
    pub(crate) async fn answer(&mut self) {
        let Some(word) = &mut self.word else {
            return pending().await;
        };
        let answer = word.await;
        self.word = None;
        if self.step != Step::Told {
            return;
        }
        match answer {
            Ok(()) => self.due = Some(Instant::now() + GOES_WITHIN),
            Err(error) => {
                let name = self.server.describe();
                tracing::warn!("{name} does not take its exit command ({error}); SIGTERM");
                self.signal(Signal::Term);
            }
        }
    }

    /// It is ended as the unit that it is, and needs no word of its own.
    pub(crate) fn is_stopped(&mut self) {
        if self.step == Step::Runs {
            self.step = Step::Told;
        }
    }

    /// That did not end it: it is ended as any other.
    pub(crate) fn was_not_stopped(&mut self) {
        if self.step == Step::Told {
            self.step = Step::Runs;
        }
    }

    /// When [`Compositor::handle_timeout`] is due.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// It has not gone in time.
    pub fn handle_timeout(&mut self) {
        let name = self.server.describe();
        match self.step {
            Step::Told => {
                tracing::warn!("{name} has not gone within {GOES_WITHIN:?}; SIGTERM");
                self.signal(Signal::Term);
            }
            Step::Terminated => {
                tracing::warn!("{name} has not gone within {GOES_WITHIN:?} of SIGTERM; SIGKILL");
                self.signal(Signal::Kill);
            }
            Step::Runs | Step::Killed | Step::Gone => self.due = None,
        }
    }

    fn signal(&mut self, signal: Signal) {
        let now = Instant::now();
        (self.step, self.due) = match signal {
            Signal::Term => (Step::Terminated, Some(now + GOES_WITHIN)),
            Signal::Kill => (Step::Killed, None),
        };
        if let Err(error) = process::signal(&self.server.of, signal) {
            tracing::warn!("{} could not be signalled: {error}", self.server.describe());
        }
    }

    /// Its process has ended.
    pub(crate) fn has_exited(&mut self) {
        self.step = Step::Gone;
        self.word = None;
        self.due = None;
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.step == Step::Gone
    }

    /// Whether the display goes with it. A window manager may be replaced by another.
    #[must_use]
    pub fn is_the_display(&self) -> bool {
        !matches!(self.server.at, At::Managing(_))
    }

    /// Whether its exit, when it comes, is our doing.
    #[must_use]
    pub fn was_told(&self) -> bool {
        self.step != Step::Runs
    }
}

impl fmt::Debug for Compositor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compositor")
            .field("kind", &self.kind)
            .field("server", &self.server)
            .field("ipc", &self.ipc)
            .field("step", &self.step)
            .finish_non_exhaustive()
    }
}

/// An IPC that knows the processes of windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ipc {
    Hyprland(PathBuf),
    Niri(PathBuf),
}

/// The IPC of the compositor that answers at a Wayland socket, where it is one of those.
pub(crate) async fn ipc(socket: &Path) -> Option<Ipc> {
    let way = Way::Wayland(socket.to_owned());
    let server = Server::find(&way).await.ok()?;
    let hyprland = server.socket(hyprland::is_ipc).map(Ipc::Hyprland);
    hyprland.or_else(|| server.socket(niri::is_ipc).map(Ipc::Niri))
}

/// Who shows the windows that are seen in the first way that leads anywhere. The other ways must not
/// lead to somebody else: what is ended has to be what the user sees.
async fn server_of(ways: &[Way]) -> Result<Server, FindError> {
    let mut found: Option<Server> = None;
    let mut nobody = None;
    for way in ways {
        match (Server::find(way).await, &mut found) {
            (Ok(server), None) => found = Some(server),
            (Ok(server), Some(first)) if server.of != first.of => {
                return Err(FindError::TwoSessions {
                    first: first.describe(),
                    second: server.describe(),
                });
            }
            // A Wayland socket says more than sway's IPC.
            (Ok(server), Some(first)) if first.at == At::Ipc => *first = server,
            (Err(error), None) if !error.is_nobody() => return Err(error),
            (Err(error), None) => drop(nobody.get_or_insert(error)),
            (Ok(_) | Err(_), Some(_)) => {}
        }
    }
    found.ok_or_else(|| nobody.unwrap_or(FindError::NoDisplay))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_called_by_its_name_everywhere() {
        for (name, kind) in Kind::ALL {
            assert_eq!(name.parse::<Kind>().unwrap(), kind);
            assert_eq!(kind.to_string(), name);
            let set: config::Session = toml::from_str(&format!("compositor = {name:?}")).unwrap();
            assert_eq!(set.compositor, Some(kind));
            let every = FindError::Unknown { name: "x".into() }.to_string();
            assert!(every.contains(name), "{every}");
        }
        let error = "kwin".parse::<Kind>().unwrap_err().to_string();
        assert!(error.contains("\"kwin\""), "{error}");
    }

    #[tokio::test]
    async fn without_a_display_there_is_nothing_to_end() {
        let error = Compositor::find(&[], &config::Session::default()).await;
        assert!(matches!(error, Err(FindError::NoDisplay)), "{error:?}");
    }
}

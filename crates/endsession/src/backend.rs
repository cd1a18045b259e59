//! The ways in which a program is asked, by name, what each can do, and the seam behind which each lives.

use std::{fmt, str::FromStr, sync::Arc};

use crate::{
    hold::{HoldId, What},
    query::Answer,
    shared::{Shared, Ticket},
    window::Window,
};

/// Who asks this program, and in which protocol.
///
/// On Linux the first of this list that is there is taken. The environment variable `ENDSESSION_BACKEND` names another by
/// its [`name`](Self::name).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Backend {
    /// endsession's manager: `org.gnome.SessionManager` with what that protocol cannot say (`org.endsession.Client1`).
    Endsession,
    /// gnome-session up to version 50, over `org.gnome.SessionManager`.
    Gnome,
    /// mate-session, over `org.gnome.SessionManager`.
    Mate,
    /// cinnamon-session, over `org.gnome.SessionManager`.
    Cinnamon,
    /// X11's session management protocol: KDE Plasma, Xfce and others, through `SESSION_MANAGER`.
    Xsmp,
    /// xfce4-session, over `org.xfce.SessionManager`: where it runs without X11, because it takes no refusal there.
    Xfce,
    /// `org.freedesktop.portal.Inhibit`: sandboxed programs, and desktops with no other way.
    Portal,
    /// systemd-logind: told of shut-downs, not asked at log-off.
    Logind,
    /// Windows, through a window's `WM_QUERYENDSESSION`.
    Windows,
    /// Windows, through a console control handler: where no window can be made.
    Console,
    /// Nobody asks.
    None,
}

/// A backend's name that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownBackend(String);

impl Backend {
    /// All of them, in the order in which they are tried.
    pub const ALL: [Self; 11] = [
        Self::Endsession,
        Self::Gnome,
        Self::Mate,
        Self::Cinnamon,
        Self::Xsmp,
        Self::Xfce,
        Self::Portal,
        Self::Logind,
        Self::Windows,
        Self::Console,
        Self::None,
    ];

    /// Its name, as `ENDSESSION_BACKEND` takes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Endsession => "endsession",
            Self::Gnome => "gnome",
            Self::Mate => "mate",
            Self::Cinnamon => "cinnamon",
            Self::Xfce => "xfce",
            Self::Xsmp => "xsmp",
            Self::Portal => "portal",
            Self::Logind => "logind",
            Self::Windows => "windows",
            Self::Console => "console",
            Self::None => "none",
        }
    }

    /// What it can do.
    #[must_use]
    pub const fn support(self) -> Support {
        let all = What::LOG_OFF.union(What::SLEEP).union(What::IDLE);
        let nothing = Support {
            queries: false,
            refuses: false,
            waits_for_user: false,
            shows_reason: false,
            tells_kind: false,
            tells_end: false,
            holds: What::NOTHING,
        };
        match self {
            Self::Endsession => Support {
                queries: true,
                refuses: true,
                waits_for_user: true,
                shows_reason: true,
                tells_end: true,
                holds: all,
                ..nothing
            },
            Self::Gnome | Self::Mate | Self::Cinnamon => Support {
                queries: true,
                refuses: true,
                shows_reason: true,
                tells_end: true,
                holds: all,
                ..nothing
            },
            // What it asks it does not mind: it waits for the answer, a minute at most. Sleep is held up with logind's locks.
            Self::Xfce => Support {
                queries: true,
                tells_end: true,
                holds: What::SLEEP,
                ..nothing
            },
            Self::Xsmp => Support {
                queries: true,
                refuses: true,
                waits_for_user: true,
                tells_end: true,
                holds: What::LOG_OFF,
                ..nothing
            },
            Self::Portal => Support {
                queries: true,
                refuses: true,
                shows_reason: true,
                tells_end: true,
                holds: all,
                ..nothing
            },
            Self::Logind => Support {
                shows_reason: true,
                tells_kind: true,
                tells_end: true,
                holds: all,
                ..nothing
            },
            Self::Windows => Support {
                queries: true,
                refuses: true,
                shows_reason: true,
                tells_kind: true,
                tells_end: true,
                holds: all,
                ..nothing
            },
            Self::Console => Support {
                tells_kind: true,
                tells_end: true,
                ..nothing
            },
            Self::None => nothing,
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Backend {
    type Err = UnknownBackend;

    fn from_str(name: &str) -> Result<Self, UnknownBackend> {
        let known = Self::ALL.into_iter().find(|known| known.name() == name);
        known.ok_or_else(|| UnknownBackend(crate::text::cut(name, 60).to_owned()))
    }
}

impl fmt::Display for UnknownBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Backend::ALL.map(Backend::name).join(", ");
        write!(f, "no backend is called {:?}; there are {names}", self.0)
    }
}

impl std::error::Error for UnknownBackend {}

/// What a backend can do. The guide's table shows them side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Support {
    queries: bool,
    refuses: bool,
    waits_for_user: bool,
    shows_reason: bool,
    tells_kind: bool,
    tells_end: bool,
    holds: What,
}

impl Support {
    /// Whether this program is asked before the session ends.
    #[must_use]
    pub const fn queries(self) -> bool {
        self.queries
    }

    /// Whether a refusal counts: the session does not end, or its user is asked whether it should anyway.
    #[must_use]
    pub const fn refuses(self) -> bool {
        self.refuses
    }

    /// Whether the deadline stops while this program asks its user, and a no is then the user's, which calls the end off.
    #[must_use]
    pub const fn waits_for_user(self) -> bool {
        self.waits_for_user
    }

    /// Whether the user is shown the reason of a refusal or a hold.
    #[must_use]
    pub const fn shows_reason(self) -> bool {
        self.shows_reason
    }

    /// Whether [`Ending::kind`](crate::Ending::kind) is told.
    #[must_use]
    pub const fn tells_kind(self) -> bool {
        self.tells_kind
    }

    /// Whether this program is told that the end has come, before it is ended.
    #[must_use]
    pub const fn tells_end(self) -> bool {
        self.tells_end
    }

    /// What can be held up.
    #[must_use]
    pub const fn holds(self) -> What {
        self.holds
    }
}

/// Who the program is, as backends tell it.
#[derive(Clone, Debug)]
pub(crate) struct Application {
    pub(crate) id: String,
    pub(crate) window: Option<Window>,
    /// How it is started again, without the program itself; `None` where it is not to be.
    pub(crate) restart: Option<Vec<String>>,
    /// Windows: `SetProcessShutdownParameters`, 0x100 to 0x3FF.
    pub(crate) level: Option<u32>,
}

/// What a backend is told by the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// The answer to a query. [`Answer::AskingUser`] is followed by another. Only answers to the query that is open come here.
    Answer(Ticket, Answer),
    /// The application has cleaned up after [`Shared::end`]; it may be ended.
    Ended(Ticket),
    /// Hold something up. One that a backend knows already, because it read [`Shared::holds`] a moment ago, is no second one. A hold that the backend cannot keep is kept in [`Shared`] all the same, for the backend that comes after it.
    Hold {
        id: HoldId,
        what: What,
        reason: String,
    },
    /// A hold has another reason from now on.
    Reason { id: HoldId, reason: String },
    /// A hold is over.
    Release(HoldId),
    /// The application wants nothing more: leave in an orderly way. The last command.
    Close,
}

/// How the application's threads reach a backend.
pub(crate) trait Commands: Send + Sync {
    /// Takes `command` from any thread, without blocking; but of [`Command::Ended`] and [`Command::Close`], after which a program exits, it may wait half a second
    /// until they are said. A backend that has gone takes it and drops it.
    fn send(&self, command: Command);
}

/// A backend at work, in threads of its own. It speaks through the [`Shared`] it was started with: [`Shared::query`],
/// [`Shared::end`], [`Shared::cancelled`], [`Shared::backend_is`]; each returns at once and may be called from any thread.
pub(crate) type Started = Box<dyn Commands>;

/// What every platform has: `platform::start`.
pub(crate) type Start =
    fn(Application, Option<Backend>, Arc<Shared>) -> Result<Started, crate::Error>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_backend_is_known_by_its_name() {
        for backend in Backend::ALL {
            assert_eq!(backend.name().parse(), Ok(backend));
        }
        let unknown = "gnom".parse::<Backend>().map_err(|error| error.to_string());
        assert_eq!(
            unknown,
            Err("no backend is called \"gnom\"; there are endsession, gnome, mate, cinnamon, xsmp, xfce, portal, logind, windows, console, none".to_owned())
        );
    }

    #[test]
    fn who_cannot_ask_cannot_be_refused() {
        for backend in Backend::ALL {
            let support = backend.support();
            assert!(support.queries() || !support.refuses(), "{backend}");
            assert!(support.refuses() || !support.waits_for_user(), "{backend}");
        }
    }
}

//! Who manages this session: the table of backends, tried in order, and how each is known.
//!
//! May ask the session bus, /proc for a program's name, and the environment.

use std::path::Path;

use super::{
    bus::{Bus, Owner, Refusal, To},
    world::{Closed, World},
};
use crate::Backend;

pub(super) const OURS: &str = "org.endsession.Manager1";
const OURS_PATH: &str = "/org/endsession/Manager1";
pub(super) const GNOME: &str = "org.gnome.SessionManager";
pub(super) const XFCE: &str = "org.xfce.SessionManager";
pub(super) const PORTAL: &str = "org.freedesktop.portal.Desktop";

/// The names by which they are known, and the best backend that a new owner of each may be.
const NAMES: [(&str, Backend); 4] = [
    (OURS, Backend::Endsession),
    (GNOME, Backend::Gnome),
    (XFCE, Backend::Xfce),
    (PORTAL, Backend::Portal),
];

/// Sessions that are looked at on one bus. No user has so many.
const MAX_SESSIONS: usize = 16;

/// Who was found, by the connection that is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Who speaks GNOME's protocol: [`Backend::Endsession`], `Gnome`, `Mate` or `Cinnamon`.
    Gnome(Backend, String),
    Xfce(String),
    Xsmp,
    /// Started when it is called, where nobody owns the name.
    Portal(Option<String>),
    Logind,
    None,
}

impl Found {
    pub(super) fn backend(&self) -> Backend {
        match self {
            Self::Gnome(backend, _) => *backend,
            Self::Xfce(_) => Backend::Xfce,
            Self::Xsmp => Backend::Xsmp,
            Self::Portal(_) => Backend::Portal,
            Self::Logind => Backend::Logind,
            Self::None => Backend::None,
        }
    }

    fn connection(&self) -> Option<&str> {
        match self {
            Self::Gnome(_, owner) | Self::Xfce(owner) => Some(owner),
            Self::Portal(owner) => owner.as_deref(),
            Self::Xsmp | Self::Logind | Self::None => None,
        }
    }

    /// Whether it has gone with this change.
    pub(super) fn is_lost_with(&self, change: &Owner) -> bool {
        change.old.is_some() && change.old.as_deref() == self.connection()
    }

    /// Whether a new owner of this name may be better than it.
    pub(super) fn may_be_replaced_by(&self, name: &str) -> bool {
        best_of(name).is_some_and(|best| best < self.backend())
    }

    /// Whether what could not begin may begin after this change.
    pub(super) fn is_reached_by(&self, change: &Owner) -> bool {
        match best_of(&change.name) {
            Some(Backend::Portal) => self.backend() == Backend::Portal,
            Some(Backend::Xfce) => self.backend() == Backend::Xfce,
            // A session with another manager may have another of these, too.
            Some(_) => true,
            None => false,
        }
    }
}

fn best_of(name: &str) -> Option<Backend> {
    let is = |known: &str| {
        let rest = name.strip_prefix(known);
        rest.is_some_and(|rest| rest.is_empty() || known == OURS && rest.starts_with('.'))
    };
    let known = NAMES.iter().find(|(known, _)| is(known));
    known.map(|(_, best)| *best)
}

/// Hears from now on who owns the names that count.
pub(super) async fn follow(bus: &mut Bus, forced: Option<Backend>) -> Result<(), Refusal> {
    for (name, best) in NAMES {
        let counts = match forced {
            None => true,
            Some(Backend::Mate | Backend::Cinnamon | Backend::Gnome) => best == Backend::Gnome,
            Some(forced) => best == forced,
        };
        if counts {
            let key = if name == OURS {
                "arg0namespace"
            } else {
                "arg0"
            };
            bus.follow(key, name).await?;
        }
    }
    Ok(())
}

/// Looks who is there: the first of the table that has not failed.
pub(super) async fn find(world: &mut World) -> Result<Found, Closed> {
    const TABLE: [Backend; 8] = [
        Backend::Endsession,
        Backend::Gnome,
        Backend::Mate,
        Backend::Cinnamon,
        Backend::Xsmp,
        Backend::Xfce,
        Backend::Portal,
        Backend::Logind,
    ];
    let forced = world.forced;
    // One look at the bus for all in the table that need it.
    let looked = async {
        match &mut world.session {
            Some(bus) => Names::look(bus, forced).await,
            None => Names::default(),
        }
    };
    let names = world.orders.patiently(looked).await?;
    let found = TABLE
        .into_iter()
        .filter(|backend| forced.is_none_or(|forced| forced == *backend))
        .filter_map(|backend| names.find(backend, forced.is_some()))
        .find(|found| !world.failed.contains(found));
    Ok(found.unwrap_or(Found::None))
}

/// Who owns the names.
#[derive(Debug, Default)]
struct Names {
    is_on_bus: bool,
    /// The connection of our manager of this session.
    ours: Option<String>,
    /// Whose GNOME's name is.
    gnome: Option<(Backend, String)>,
    xfce: Option<String>,
    portal: Option<String>,
}

impl Names {
    async fn look(bus: &mut Bus, forced: Option<Backend>) -> Self {
        let mut names = Self {
            is_on_bus: true,
            ..Self::default()
        };
        let (ours, others) = our_manager(bus).await;
        names.ours = ours;
        if names.ours.is_some() && forced.is_none() {
            return names;
        }
        if let Some(owner) = bus.owner(GNOME).await {
            let is_ours = names.ours.as_ref() == Some(&owner) || others.contains(&owner);
            if !is_ours {
                names.gnome = Some((desktop(bus, &owner).await, owner));
            }
        }
        names.xfce = bus.owner(XFCE).await;
        names.portal = bus.owner(PORTAL).await;
        names
    }

    fn find(&self, backend: Backend, is_forced: bool) -> Option<Found> {
        match backend {
            Backend::Endsession => self
                .ours
                .clone()
                .map(|ours| Found::Gnome(Backend::Endsession, ours)),
            Backend::Gnome | Backend::Mate | Backend::Cinnamon => {
                let (desktop, owner) = self.gnome.clone()?;
                (desktop == backend).then_some(Found::Gnome(desktop, owner))
            }
            Backend::Xfce => self.xfce.clone().map(Found::Xfce),
            Backend::Xsmp => {
                let is_set = std::env::var_os("SESSION_MANAGER").is_some_and(|v| !v.is_empty());
                (is_set || is_forced).then_some(Found::Xsmp)
            }
            // It is started only for those who have no other way.
            Backend::Portal => {
                let starts = self.is_on_bus && (is_forced || is_sandboxed());
                let is_there = self.portal.is_some() || starts;
                is_there.then(|| Found::Portal(self.portal.clone()))
            }
            Backend::Logind => Some(Found::Logind),
            _ => None,
        }
    }
}

/// The control interface of a manager of ours.
pub(super) fn our_control(manager: &str) -> To<'_> {
    To {
        name: manager,
        path: OURS_PATH,
        interface: OURS,
    }
}

/// Our manager of this session, and those of other displays: one bus may serve several. It says itself whose it is.
pub(super) async fn our_manager(bus: &mut Bus) -> (Option<String>, Vec<String>) {
    let mut others = Vec::new();
    let names = bus.names(OURS).await;
    let names = names
        .into_iter()
        .filter(|name| best_of(name) == Some(Backend::Endsession));
    for name in names.take(MAX_SESSIONS) {
        let Some(owner) = bus.owner(&name).await else {
            continue;
        };
        let manages = match bus.call(our_control(&owner), "Manages", &()).await {
            Ok(reply) => reply.body().deserialize().unwrap_or(false),
            // It has gone meanwhile, or is somebody else.
            Err(_) => false,
        };
        if manages {
            return (Some(owner), others);
        }
        others.push(owner);
    }
    (None, others)
}

/// Whose GNOME's name is: MATE and Cinnamon have the same protocol, and are told apart by the program that owns it, as the kernel names that.
pub(super) async fn desktop(bus: &mut Bus, owner: &str) -> Backend {
    let Some(pid) = bus.pid(owner).await else {
        return Backend::Gnome;
    };
    let program = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    by_program(&program)
}

fn by_program(program: &str) -> Backend {
    if program.starts_with("mate-session") {
        Backend::Mate
    } else if program.starts_with("cinnamon-sessi") {
        Backend::Cinnamon
    } else {
        Backend::Gnome
    }
}

/// Whether this program runs in a sandbox that has a portal as its way out.
fn is_sandboxed() -> bool {
    Path::new("/.flatpak-info").exists() || std::env::var_os("SNAP").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(name: &str, old: Option<&str>, new: Option<&str>) -> Owner {
        Owner {
            name: name.to_owned(),
            old: old.map(str::to_owned),
            new: new.map(str::to_owned),
        }
    }

    #[test]
    fn those_who_share_a_name_are_told_apart_by_their_program() {
        assert_eq!(by_program("mate-session\n"), Backend::Mate);
        assert_eq!(by_program("cinnamon-sessio\n"), Backend::Cinnamon);
        assert_eq!(by_program("gnome-session-b\n"), Backend::Gnome);
        assert_eq!(by_program(""), Backend::Gnome);
    }

    #[test]
    fn a_better_one_that_comes_later_is_looked_at() {
        let logind = Found::Logind;
        assert!(logind.may_be_replaced_by(GNOME));
        assert!(logind.may_be_replaced_by("org.endsession.Manager1.s_4"));
        assert!(!logind.may_be_replaced_by("org.endsession.Manager10"));
        assert!(!logind.may_be_replaced_by("org.example.Other"));
        let mate = Found::Gnome(Backend::Mate, ":1.4".to_owned());
        assert!(!mate.may_be_replaced_by(XFCE) && !Found::Xsmp.may_be_replaced_by(XFCE));
        assert!(mate.may_be_replaced_by(OURS));
        // What the portal tells beside it is nothing new.
        assert!(!mate.may_be_replaced_by(PORTAL));
    }

    #[test]
    fn who_leaves_is_lost() {
        let mate = Found::Gnome(Backend::Mate, ":1.4".to_owned());
        assert!(mate.is_lost_with(&change(GNOME, Some(":1.4"), None)));
        assert!(mate.is_lost_with(&change(GNOME, Some(":1.4"), Some(":1.9"))));
        assert!(!mate.is_lost_with(&change(GNOME, None, Some(":1.4"))));
        assert!(!mate.is_lost_with(&change(XFCE, Some(":1.5"), None)));
    }

    #[test]
    fn a_stranger_on_our_name_is_nobody() {
        let names = Names {
            is_on_bus: true,
            ..Names::default()
        };
        assert_eq!(names.find(Backend::Endsession, false), None);
        assert_eq!(names.find(Backend::Logind, false), Some(Found::Logind));
    }
}

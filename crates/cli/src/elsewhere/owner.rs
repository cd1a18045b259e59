//! Whose session it is: the other manager's name on the bus, and the program behind it where several
//! share one.
//!
//! May ask the bus, and /proc for the program's name and its session.

use std::fmt;

use endsession_manager::report::one_line;
use endsession_manager::{process, sessions};
use zbus::Connection;

use super::bus::DBUS;
use super::gnome::SHELL;

/// Whose session manager it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Desk {
    /// gnome-session, and whoever else owns its name and is not one of the next two.
    Gnome,
    Mate,
    Cinnamon,
    Kde,
    Xfce,
    Lxqt,
    Cosmic,
}

impl Desk {
    /// Whether its manager tells what is held, and by whom.
    pub(crate) fn tells_holds(self) -> bool {
        matches!(self, Self::Gnome | Self::Mate | Self::Cinnamon)
    }

    /// The desktop's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gnome => "GNOME",
            Self::Mate => "MATE",
            Self::Cinnamon => "Cinnamon",
            Self::Kde => "KDE Plasma",
            Self::Xfce => "Xfce",
            Self::Lxqt => "LXQt",
            Self::Cosmic => "COSMIC",
        }
    }

    /// Its session manager, in a sentence.
    pub(super) fn manager(self) -> String {
        format!("{}'s session manager", self.name())
    }

    /// Whether it ends the session without asking any application, so that nothing can block.
    pub(super) fn asks_nobody(self) -> bool {
        matches!(self, Self::Lxqt | Self::Cosmic)
    }

    /// By the name on the bus. Who it is of those that share one, the program tells.
    fn of(name: &str, program: &str) -> Option<Self> {
        Some(match name {
            "org.gnome.SessionManager" if program.starts_with("mate-") => Self::Mate,
            "org.gnome.SessionManager" if program.starts_with("cinnamon-") => Self::Cinnamon,
            "org.gnome.SessionManager" => Self::Gnome,
            "org.kde.ksmserver" => Self::Kde,
            "org.xfce.SessionManager" => Self::Xfce,
            "org.lxqt.session" => Self::Lxqt,
            "com.system76.CosmicSession" => Self::Cosmic,
            _ => return None,
        })
    }
}

/// Who owns the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) desk: Desk,
    /// Its well-known name on the bus.
    pub(super) name: &'static str,
    /// Its connection's.
    pub(super) unique: String,
    pub(super) pid: Option<u32>,
    /// The program's name, empty where that cannot be known.
    program: String,
    /// It provably manages another session of this user than ours.
    is_of_another: bool,
}

impl Owner {
    /// Whether it provably manages another session than ours: one bus may serve several.
    pub(crate) fn is_of_another_session(&self) -> bool {
        self.is_of_another
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.desk.manager())?;
        match (self.pid, self.program.as_str()) {
            (Some(pid), "") => write!(f, " (pid {pid})"),
            (Some(pid), program) => write!(f, " ({program}, pid {pid})"),
            (None, _) => Ok(()),
        }
    }
}

/// Who owns the session on this connection's bus, where it is another manager than those connections,
/// which are managers of our own. Where nobody owns ours, one that owns another session on this bus.
pub(crate) async fn owner(connection: &Connection, ours: &[String]) -> Option<Owner> {
    let mut of_another = None;
    for name in endsession_manager::MANAGER_NAMES {
        let asked = connection.call_method(
            Some(DBUS),
            "/org/freedesktop/DBus",
            Some(DBUS),
            "GetNameOwner",
            &name,
        );
        let Ok(reply) = asked.await else {
            continue;
        };
        let Ok(unique) = reply.body().deserialize::<String>() else {
            continue;
        };
        if ours.contains(&unique) {
            continue;
        }
        let pid = pid_of(connection, name).await;
        let program = one_line(&pid.and_then(process::name).unwrap_or_default());
        let Some(desk) = Desk::of(name, &program) else {
            continue;
        };
        let mut is_of_another = pid.and_then(sessions::is_in_another);
        if is_of_another.is_none() && desk == Desk::Gnome {
            // On Wayland it is there before its display; the shell on the same bus shows that.
            let shell = pid_of(connection, SHELL).await;
            is_of_another = shell.and_then(sessions::is_in_another);
        }
        let owner = Owner {
            desk,
            name,
            unique,
            pid,
            program,
            is_of_another: is_of_another == Some(true),
        };
        if !owner.is_of_another {
            return Some(owner);
        }
        of_another = of_another.or(Some(owner));
    }
    of_another
}

/// The process that owns a name.
async fn pid_of(connection: &Connection, name: &str) -> Option<u32> {
    let asked = connection.call_method(
        Some(DBUS),
        "/org/freedesktop/DBus",
        Some(DBUS),
        "GetConnectionUnixProcessID",
        &name,
    );
    asked.await.ok()?.body().deserialize().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn managers_that_share_a_name_are_told_apart_by_their_program() {
        let of = |program| Desk::of("org.gnome.SessionManager", program);
        assert_eq!(of("gnome-session-binary"), Some(Desk::Gnome));
        assert_eq!(of("gnome-session-service"), Some(Desk::Gnome));
        assert_eq!(of("mate-session"), Some(Desk::Mate));
        // As the kernel cuts it, where the program's file may not be looked at.
        assert_eq!(of("cinnamon-sessio"), Some(Desk::Cinnamon));
        // A stranger is taken at its interface's word.
        assert_eq!(of(""), Some(Desk::Gnome));
        assert_eq!(Desk::of("org.endsession.Manager1", "endsession"), None);
    }

    #[test]
    fn an_owner_is_named_as_far_as_it_is_known() {
        let mut owner = Owner {
            desk: Desk::Xfce,
            name: "org.xfce.SessionManager",
            unique: ":1.4".to_owned(),
            pid: Some(7),
            program: "xfce4-session".to_owned(),
            is_of_another: false,
        };
        assert_eq!(
            owner.to_string(),
            "Xfce's session manager (xfce4-session, pid 7)"
        );
        owner.pid = None;
        assert_eq!(owner.to_string(), "Xfce's session manager");
    }
}

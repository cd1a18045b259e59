//! What each desktop's session manager can be asked for, and in which words. Pure: decides, and asks nobody.
//!
//! | | asked | with a question first | by force |
//! |---|---|---|---|
//! | GNOME | `Logout(1)`; `Reboot()`, `Shutdown()`, which always ask | `Logout(0)` | `Logout(2)`, also after the other two |
//! | MATE | `Logout(1)`, `RequestReboot()`, `RequestShutdown()` | `Logout(0)`, `Shutdown()` | none: its `Logout(2)` stops at inhibitors |
//! | Cinnamon | the same | `Logout(0)`, `Reboot()`, `Shutdown()` | `Logout(2)` |
//! | KDE Plasma | `org.kde.Shutdown` | `org.kde.LogoutPrompt` | none |
//! | Xfce | `Logout(false, true)`, `Restart(true)`, `Shutdown(true)` | `Logout(true, true)` | none |
//! | LXQt | asks nobody: `logout()`, `reboot()`, `powerOff()` | none | the same |
//! | COSMIC | asks nobody: `Exit()` | none | the same |
//! | none: systemd-logind | asks nobody: `Reboot(true)`, `PowerOff(true)`; stops at block locks | none | none |
//!
//! What cannot be said is refused before anything is asked for, never done in another way. A program that hangs is passed over by KDE's and Xfce's by
//! themselves; the others know no such thing.

use super::bus::To;
use crate::{EndRequest, Error, Force, request::End};

/// Whose session it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Desk {
    Gnome,
    Mate,
    Cinnamon,
    Kde,
    Xfce,
    Lxqt,
    Cosmic,
    /// Nobody's: the machine can be asked.
    Nobody,
}

/// The arguments of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arguments {
    None,
    Mode(u32),
    Bool(bool),
    Bools(bool, bool),
}

/// A call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) to: To<'static>,
    pub(super) member: &'static str,
    pub(super) arguments: Arguments,
}

const GNOME: To<'_> = To {
    name: "org.gnome.SessionManager",
    path: "/org/gnome/SessionManager",
    interface: "org.gnome.SessionManager",
};
const KDE: To<'_> = To {
    name: "org.kde.Shutdown",
    path: "/Shutdown",
    interface: "org.kde.Shutdown",
};
const PROMPT: To<'_> = To {
    name: "org.kde.LogoutPrompt",
    path: "/LogoutPrompt",
    interface: "org.kde.LogoutPrompt",
};
const XFCE: To<'_> = To {
    name: "org.xfce.SessionManager",
    path: "/org/xfce/SessionManager",
    interface: "org.xfce.Session.Manager",
};
const LXQT: To<'_> = To {
    name: "org.lxqt.session",
    path: "/LXQtSession",
    interface: "org.lxqt.session",
};
const COSMIC: To<'_> = To {
    name: "com.system76.CosmicSession",
    path: "/com/system76/CosmicSession",
    interface: "com.system76.CosmicSession",
};
const LOGIND: To<'_> = To {
    name: "org.freedesktop.login1",
    path: "/org/freedesktop/login1",
    interface: "org.freedesktop.login1.Manager",
};

impl Desk {
    /// Who owns which name; the first three are told apart by their program.
    pub(super) const NAMES: [(&str, Self); 5] = [
        (GNOME.name, Self::Gnome),
        ("org.kde.ksmserver", Self::Kde),
        (XFCE.name, Self::Xfce),
        (LXQT.name, Self::Lxqt),
        (COSMIC.name, Self::Cosmic),
    ];

    /// Who carries it out, in a sentence.
    pub(super) fn manager(self) -> &'static str {
        match self {
            Self::Gnome => "GNOME's session manager",
            Self::Mate => "MATE's session manager",
            Self::Cinnamon => "Cinnamon's session manager",
            Self::Kde => "KDE Plasma's session manager",
            Self::Xfce => "Xfce's session manager",
            Self::Lxqt => "LXQt's session manager",
            Self::Cosmic => "COSMIC's session manager",
            Self::Nobody => "systemd-logind",
        }
    }

    fn asks_nobody(self) -> bool {
        matches!(self, Self::Lxqt | Self::Cosmic | Self::Nobody)
    }
}

/// The calls that make up a request.
///
/// # Errors
/// [`Error::Unsupported`]: what cannot be said here, and what to do instead.
pub(super) fn calls(desk: Desk, request: &EndRequest) -> Result<Vec<Call>, Error> {
    let (what, confirms) = (request.what, request.confirm);
    let forces = request.force == Force::Yes;
    let who = desk.manager();
    let unsupported = |what, why: String| Err(Error::Unsupported { what, why });
    if desk == Desk::Nobody && what == End::LogOff {
        return unsupported(
            "logging off",
            "no session manager runs in this session; run `endsession logoff`, which does it by itself, or start the \
             session with `endsession run`"
                .to_owned(),
        );
    }
    if desk == Desk::Cosmic && what != End::LogOff {
        let why = format!("{who} only logs off; log off first");
        return unsupported("restarting and powering off", why);
    }
    let can_force = match desk {
        Desk::Gnome | Desk::Lxqt | Desk::Cosmic => true,
        Desk::Cinnamon => what == End::LogOff,
        Desk::Mate | Desk::Kde | Desk::Xfce | Desk::Nobody => false,
    };
    if forces && !can_force {
        let why = format!("{who} knows no such thing; send the request without force");
        return unsupported("ending without asking anybody", why);
    }
    if request.force == Force::IfHung
        && !desk.asks_nobody()
        && !matches!(desk, Desk::Kde | Desk::Xfce)
    {
        let why = format!("{who} does not tell who hangs; send the request without force");
        return unsupported("ending only programs that hang", why);
    }
    let can_confirm = match (desk, what) {
        (Desk::Gnome | Desk::Cinnamon | Desk::Kde, _) => true,
        (Desk::Mate, End::LogOff | End::PowerOff) | (Desk::Xfce, End::LogOff) => true,
        (Desk::Mate | Desk::Xfce | Desk::Lxqt | Desk::Cosmic | Desk::Nobody, _) => false,
    };
    if confirms && !can_confirm {
        let why =
            format!("{who} has no such question; ask with `endsession::ask` and send it then");
        return unsupported("asking the user first", why);
    }
    Ok(words(desk, what, confirms, forces))
}

fn words(desk: Desk, what: End, confirms: bool, forces: bool) -> Vec<Call> {
    let call = |to, member, arguments| Call {
        to,
        member,
        arguments,
    };
    let one = |to, member, arguments| vec![call(to, member, arguments)];
    let none = Arguments::None;
    match desk {
        Desk::Gnome | Desk::Mate | Desk::Cinnamon => {
            let logout = |mode| call(GNOME, "Logout", Arguments::Mode(mode));
            // GNOME has no other, and these two ask wherever they are.
            let asks = desk == Desk::Gnome || confirms;
            let first = match (what, asks) {
                (End::LogOff, _) if forces => return vec![logout(2)],
                (End::LogOff, _) => return vec![logout(u32::from(!confirms))],
                (End::Restart, true) => "Reboot",
                (End::Restart, false) => "RequestReboot",
                (End::PowerOff, true) => "Shutdown",
                (End::PowerOff, false) => "RequestShutdown",
            };
            let mut calls = one(GNOME, first, none);
            if forces {
                // Forces what is under way, and keeps its kind.
                calls.push(logout(2));
            }
            calls
        }
        Desk::Kde => match (what, confirms) {
            (End::LogOff, false) => one(KDE, "logout", none),
            (End::Restart, false) => one(KDE, "logoutAndReboot", none),
            (End::PowerOff, false) => one(KDE, "logoutAndShutdown", none),
            (End::LogOff, true) => one(PROMPT, "promptLogout", none),
            (End::Restart, true) => one(PROMPT, "promptReboot", none),
            (End::PowerOff, true) => one(PROMPT, "promptShutDown", none),
        },
        Desk::Xfce => match what {
            End::LogOff => one(XFCE, "Logout", Arguments::Bools(confirms, true)),
            End::Restart => one(XFCE, "Restart", Arguments::Bool(true)),
            End::PowerOff => one(XFCE, "Shutdown", Arguments::Bool(true)),
        },
        Desk::Lxqt => match what {
            End::LogOff => one(LXQT, "logout", none),
            End::Restart => one(LXQT, "reboot", none),
            End::PowerOff => one(LXQT, "powerOff", none),
        },
        Desk::Cosmic => one(COSMIC, "Exit", none),
        Desk::Nobody => match what {
            End::LogOff => Vec::new(),
            End::Restart => one(LOGIND, "Reboot", Arguments::Bool(true)),
            End::PowerOff => one(LOGIND, "PowerOff", Arguments::Bool(true)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Desk; 8] = [
        Desk::Gnome,
        Desk::Mate,
        Desk::Cinnamon,
        Desk::Kde,
        Desk::Xfce,
        Desk::Lxqt,
        Desk::Cosmic,
        Desk::Nobody,
    ];

    fn said(desk: Desk, request: &EndRequest) -> String {
        match calls(desk, request) {
            Ok(calls) => {
                let calls = calls.iter();
                let words: Vec<String> = calls
                    .map(|call| format!("{} {:?}", call.member, call.arguments))
                    .collect();
                words.join(", ")
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn each_is_asked_with_its_own_words() {
        let log_off = EndRequest::log_off();
        assert_eq!(said(Desk::Mate, &log_off), "Logout Mode(1)");
        assert_eq!(
            said(Desk::Gnome, &log_off.clone().confirm()),
            "Logout Mode(0)"
        );
        assert_eq!(said(Desk::Xfce, &log_off), "Logout Bools(false, true)");
        assert_eq!(said(Desk::Kde, &log_off.confirm()), "promptLogout None");
        let restart = EndRequest::restart();
        assert_eq!(said(Desk::Gnome, &restart), "Reboot None");
        assert_eq!(said(Desk::Mate, &restart), "RequestReboot None");
        let forced = restart.force(Force::Yes);
        assert_eq!(said(Desk::Gnome, &forced), "Reboot None, Logout Mode(2)");
        let power_off = EndRequest::power_off();
        assert_eq!(said(Desk::Nobody, &power_off), "PowerOff Bool(true)");
    }

    fn who_can(request: &EndRequest) -> Vec<Desk> {
        let can = |desk: &Desk| calls(*desk, request).is_ok();
        ALL.into_iter().filter(can).collect()
    }

    #[test]
    fn force_that_cannot_be_had_is_refused() {
        let forced = EndRequest::log_off().force(Force::Yes);
        let can = [Desk::Gnome, Desk::Cinnamon, Desk::Lxqt, Desk::Cosmic];
        assert_eq!(who_can(&forced), can);
        let hung = EndRequest::log_off().force(Force::IfHung);
        let can = [Desk::Kde, Desk::Xfce, Desk::Lxqt, Desk::Cosmic];
        assert_eq!(who_can(&hung), can);
    }

    #[test]
    fn without_a_manager_it_is_said_what_to_do() {
        let said = said(Desk::Nobody, &EndRequest::log_off());
        assert!(said.contains("run `endsession logoff`"), "{said}");
    }
}

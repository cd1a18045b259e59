//! What another session manager can be asked for, and which options of ours it cannot keep. Pure:
//! decides, and asks nobody.
//!
//! An option is kept, by the manager or by us, or the command is refused with a sentence before
//! anybody was asked. None is silently ignored. `docs/desktops.md` has the same as a table.

use std::time::Duration;

use endsession_core::Kind;

use super::Desk;
use crate::args::Logoff;

/// Who asks the user whether to begin at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Confirm {
    /// Nobody.
    No,
    /// The manager, in its own dialog.
    Theirs,
    /// We do: the manager has no question for this, or none whose answer can be known.
    Ours,
}

/// How it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) confirm: Confirm,
    /// Nobody is to be asked.
    pub(super) force: bool,
    /// When what still blocks is to be overridden.
    pub(super) force_after: Option<Duration>,
}

/// Makes the plan.
///
/// # Errors
/// A sentence: which option cannot be kept, and why.
pub(super) fn of(desk: Desk, kind: Kind, options: &Logoff) -> Result<Plan, String> {
    let who = desk.manager();
    let what = match kind {
        Kind::LogOff => "log-off",
        Kind::Restart => "restart",
        Kind::PowerOff => "power-off",
    };
    if desk == Desk::Cosmic && kind != Kind::LogOff {
        return Err(format!(
            "{who} only logs off; log off first, or use `systemctl {}`",
            if kind == Kind::Restart {
                "reboot"
            } else {
                "poweroff"
            }
        ));
    }
    let asks_nobody = desk.asks_nobody();
    let can_force = match desk {
        Desk::Gnome => true,
        Desk::Mate | Desk::Cinnamon => kind == Kind::LogOff,
        Desk::Kde | Desk::Xfce => false,
        Desk::Lxqt | Desk::Cosmic => true,
    };
    if options.force && !can_force {
        return Err(format!(
            "{who} has no {what} that asks nobody, so --force cannot be kept"
        ));
    }
    // Those two pass over a client that does not answer, by themselves.
    let passes_over_hung = matches!(desk, Desk::Kde | Desk::Xfce);
    if options.force_if_hung && !passes_over_hung && !asks_nobody {
        return Err(format!(
            "{who} does not tell which applications are not responding, so --force-if-hung cannot be kept"
        ));
    }
    if options.force_after.is_some() && desk != Desk::Gnome && !asks_nobody {
        return Err(format!(
            "{who} cannot be told to force a {what} that is under way, so --force-after cannot be kept"
        ));
    }
    if options.timeout.is_some() {
        return Err(format!(
            "{who} has no way to cancel a {what}, so --timeout cannot be kept"
        ));
    }
    if options.no_dialog && !options.force && !asks_nobody {
        let asks = match desk {
            Desk::Kde | Desk::Xfce => "lets applications ask the user",
            _ => "asks the user where something blocks",
        };
        return Err(format!("{who} {asks}, so --no-dialog cannot be kept"));
    }
    Ok(Plan {
        confirm: if options.confirm {
            question(desk, kind)
        } else {
            Confirm::No
        },
        force: options.force,
        force_after: options.force_after.filter(|_| !asks_nobody),
    })
}

/// Who asks for `--confirm`.
fn question(desk: Desk, kind: Kind) -> Confirm {
    match (desk, kind) {
        (Desk::Gnome | Desk::Cinnamon | Desk::Kde, _) => Confirm::Theirs,
        // MATE's other dialog is about powering off, with a restart as one of its buttons.
        (Desk::Mate, Kind::LogOff | Kind::PowerOff) => Confirm::Theirs,
        (Desk::Xfce, Kind::LogOff) => Confirm::Theirs,
        (Desk::Mate | Desk::Xfce | Desk::Lxqt | Desk::Cosmic, _) => Confirm::Ours,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Desk; 7] = [
        Desk::Gnome,
        Desk::Mate,
        Desk::Cinnamon,
        Desk::Kde,
        Desk::Xfce,
        Desk::Lxqt,
        Desk::Cosmic,
    ];

    fn who_can(kind: Kind, options: &Logoff) -> Vec<Desk> {
        let can = |desk: &Desk| of(*desk, kind, options).is_ok();
        ALL.into_iter().filter(can).collect()
    }

    #[test]
    fn force_is_kept_where_the_manager_has_it() {
        let force = Logoff {
            force: true,
            ..Logoff::default()
        };
        assert_eq!(
            who_can(Kind::LogOff, &force),
            [
                Desk::Gnome,
                Desk::Mate,
                Desk::Cinnamon,
                Desk::Lxqt,
                Desk::Cosmic
            ]
        );
        assert_eq!(who_can(Kind::Restart, &force), [Desk::Gnome, Desk::Lxqt]);
        let refusal = of(Desk::Xfce, Kind::LogOff, &force).unwrap_err();
        assert_eq!(
            refusal,
            "Xfce's session manager has no log-off that asks nobody, so --force cannot be kept"
        );
    }

    #[test]
    fn nobody_can_cancel_so_nobody_takes_a_timeout() {
        let timeout = Logoff {
            timeout: Some(Duration::from_secs(9)),
            ..Logoff::default()
        };
        assert_eq!(who_can(Kind::LogOff, &timeout), []);
    }

    #[test]
    fn what_forces_later_is_kept_where_a_log_off_under_way_can_be_forced() {
        let later = Logoff {
            force_after: Some(Duration::from_secs(9)),
            ..Logoff::default()
        };
        let plan = of(Desk::Gnome, Kind::PowerOff, &later).unwrap();
        assert_eq!(plan.force_after, later.force_after);
        // Nothing blocks where nobody is asked.
        assert_eq!(
            who_can(Kind::LogOff, &later),
            [Desk::Gnome, Desk::Lxqt, Desk::Cosmic]
        );
        assert_eq!(
            of(Desk::Lxqt, Kind::LogOff, &later).unwrap().force_after,
            None
        );
    }

    #[test]
    fn hung_clients_are_passed_over_by_two_managers_themselves() {
        let hung = Logoff {
            force_if_hung: true,
            ..Logoff::default()
        };
        assert_eq!(
            who_can(Kind::LogOff, &hung),
            [Desk::Kde, Desk::Xfce, Desk::Lxqt, Desk::Cosmic]
        );
    }

    #[test]
    fn no_dialog_is_kept_where_nobody_asks_the_user() {
        let quiet = Logoff {
            no_dialog: true,
            ..Logoff::default()
        };
        assert_eq!(who_can(Kind::LogOff, &quiet), [Desk::Lxqt, Desk::Cosmic]);
        let forced = Logoff {
            force: true,
            ..quiet
        };
        assert!(of(Desk::Mate, Kind::LogOff, &forced).is_ok());
    }

    #[test]
    fn a_question_is_the_managers_own_where_it_has_one() {
        let confirm = Logoff {
            confirm: true,
            ..Logoff::default()
        };
        let who = |desk, kind| of(desk, kind, &confirm).unwrap().confirm;
        assert_eq!(who(Desk::Mate, Kind::LogOff), Confirm::Theirs);
        assert_eq!(who(Desk::Mate, Kind::Restart), Confirm::Ours);
        assert_eq!(who(Desk::Xfce, Kind::PowerOff), Confirm::Ours);
        assert_eq!(who(Desk::Kde, Kind::PowerOff), Confirm::Theirs);
        assert_eq!(who(Desk::Cosmic, Kind::LogOff), Confirm::Ours);
    }

    #[test]
    fn cosmic_only_logs_off() {
        let refusal = of(Desk::Cosmic, Kind::Restart, &Logoff::default()).unwrap_err();
        assert!(refusal.contains("systemctl reboot"), "{refusal}");
    }
}

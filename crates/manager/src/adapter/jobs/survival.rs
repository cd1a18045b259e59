//! What becomes of a process that is meant to outlive the session: logind ends what is left in the
//! login's scope where `KillUserProcesses=` says so, and the user's systemd with all that is in it when
//! the user's last login ends, unless the user lingers (logind.conf(5), loginctl(1)). Pure.

/// What becomes of a process when the session ends and we let it be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It ends with the session.
    Ends,
    /// It outlives it.
    Survives,
    /// It is another login's, or another user's.
    Unrelated,
}

/// What logind will do with what is left of a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stay {
    /// What is left in the login's scope is ended: `KillUserProcesses`, for this user.
    pub(crate) kills: bool,
    /// The user's systemd stays: the user lingers, or is logged on elsewhere too.
    pub(crate) lingers: bool,
}

/// Where a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// In a unit of the user's systemd that ends with the graphical session.
    Graphical,
    /// In another unit of the user's systemd.
    UserManager,
    /// In the scope of this login.
    Login,
    /// In the scope of another login.
    OtherLogin,
    /// Where nobody ends anything.
    Nowhere,
}

impl Stay {
    /// What becomes of what is there. `None` of the answers of logind: there is none.
    pub(crate) fn fate(logind: Option<Self>, home: Home) -> Fate {
        let ends = match (home, logind) {
            (Home::OtherLogin, _) => return Fate::Unrelated,
            (Home::Graphical, _) => true,
            (Home::UserManager, Some(stay)) => !stay.lingers,
            (Home::Login, Some(stay)) => stay.kills,
            (Home::UserManager | Home::Login, None) | (Home::Nowhere, _) => false,
        };
        if ends { Fate::Ends } else { Fate::Survives }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_outlives_a_session_depends_on_where_it_is_and_what_logind_does() {
        let stay = |kills, lingers| Some(Stay { kills, lingers });
        for (logind, home, fate) in [
            (stay(false, false), Home::Login, Fate::Survives),
            (stay(true, false), Home::Login, Fate::Ends),
            // Lingering keeps the user's systemd, not the login's scope.
            (stay(true, true), Home::Login, Fate::Ends),
            (stay(false, false), Home::UserManager, Fate::Ends),
            (stay(true, true), Home::UserManager, Fate::Survives),
            (stay(false, true), Home::Graphical, Fate::Ends),
            (stay(true, true), Home::OtherLogin, Fate::Unrelated),
            (stay(true, false), Home::Nowhere, Fate::Survives),
            (None, Home::Login, Fate::Survives),
            (None, Home::UserManager, Fate::Survives),
        ] {
            assert_eq!(Stay::fate(logind, home), fate, "{logind:?} {home:?}");
        }
    }
}

//! `endsession manager`: the session manager of a session that something else started.

use endsession_manager::config::Config;
use endsession_manager::{DialogCommand, Ended, Manager, Notify, Options};

use crate::args::ManagerOptions;
use crate::control::{Control, session_bus};
use crate::exit::{Exit, Failure, Result};

/// Desktops that start a session manager of their own, by their names in `XDG_CURRENT_DESKTOP`.
const DESKTOPS: [&str; 12] = [
    "Budgie",
    "Cinnamon",
    "COSMIC",
    "Deepin",
    "GNOME",
    "KDE",
    "LXQt",
    "MATE",
    "Pantheon",
    "Unity",
    "X-Cinnamon",
    "XFCE",
];

/// Manages the session until it ends.
pub(crate) async fn run(options: ManagerOptions) -> Result<Exit> {
    if options.check {
        return check().await;
    }
    let config = read_config(options.config.as_deref())?;
    let bus_address = session_bus().ok_or(Failure::NoBus)?;
    let manager = Manager::start_beside(Options {
        bus_address,
        config,
        dialog: Some(dialog()),
    })
    .await?
    .serving_xsmp()
    .await
    .telling(Notify::from_environment())
    .watching_its_compositor()
    .await
    .with_logind()
    .serving_screen_saver();
    tracing::info!("managing this session");
    Ok(match manager.run().await {
        Ended::Over | Ended::Session(_) | Ended::Left => Exit::Done,
        Ended::BusLost => Exit::NoSession,
        Ended::GoesOn => Exit::Refused,
    })
}

/// Says whether the session is in want of a manager. A desktop's own may take its names only later,
/// and whoever is faster than it keeps the user from logging in.
async fn check() -> Result<Exit> {
    let address = session_bus().ok_or(Failure::NoBus)?;
    let desktop = std::env::var("XDG_CURRENT_DESKTOP").unwrap_or_default();
    if let Some(desktop) = brings_its_own(&desktop) {
        return Err(Failure::Refused(format!(
            "{desktop} (XDG_CURRENT_DESKTOP) brings a session manager of its own"
        )));
    }
    match Control::connect_to_any(&address).await {
        Err(Failure::NoManager) => Ok(Exit::Done),
        Err(Failure::OtherManager { owner }) if owner.is_of_another_session() => {
            Err(Failure::Refused(format!(
                "{owner} manages another session on this bus, which has one manager alone; `endsession run` starts \
                 a session with a bus of its own"
            )))
        }
        Err(Failure::OtherManager { owner }) => {
            Err(Failure::Refused(format!("{owner} manages this session")))
        }
        Ok(_) => Err(Failure::Refused(
            "endsession manages this session already".to_owned(),
        )),
        Err(failure) => Err(failure),
    }
}

/// The first desktop of the list that starts a session manager of its own.
fn brings_its_own(desktops: &str) -> Option<&str> {
    let mut named = desktops.split(':').map(str::trim);
    named.find(|name| {
        DESKTOPS
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
    })
}

/// Our own dialog: a process of the program file that is already open, since a replaced file on disk
/// would be another version.
pub(crate) fn dialog() -> DialogCommand {
    DialogCommand {
        program: "/proc/self/exe".into(),
        arg0: Some("endsession".into()),
        arguments: vec!["dialog".into()],
    }
}

/// The configuration: the user's, or the file that was named instead, above the administrator's.
pub(crate) fn read_config(named: Option<&std::path::Path>) -> Result<Config> {
    Ok(Config::load(named)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn desktops_with_a_manager_of_their_own_are_known_by_any_of_their_names() {
        assert_eq!(brings_its_own("ubuntu:GNOME"), Some("GNOME"));
        assert_eq!(brings_its_own("kde"), Some("kde"));
        for others in ["", "sway:wlroots", "Hyprland", "i3", "GNOME-Flashback-like"] {
            assert_eq!(brings_its_own(others), None, "{others}");
        }
    }
}

//! `endsession manager`: the session manager of a session that something else started.

use endsession_manager::config::Config;
use endsession_manager::{DialogCommand, Ended, Manager, Options};

use crate::args::ManagerOptions;
use crate::control::session_bus;
use crate::exit::{Exit, Failure, Result};

/// Manages the session until it ends.
pub(crate) async fn run(options: ManagerOptions) -> Result<Exit> {
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
    .watching_its_compositor()
    .await
    .with_logind();
    tracing::info!("managing this session");
    Ok(match manager.run().await {
        Ended::Over | Ended::Session(_) => Exit::Done,
        Ended::BusLost => Exit::NoSession,
        Ended::GoesOn => Exit::Refused,
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

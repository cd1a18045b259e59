//! `endsession manager`: the session manager of a session that something else started.

use endsession_manager::config::Config;
use endsession_manager::{Ended, Manager, Options};

use crate::args::ManagerOptions;
use crate::control::session_bus;
use crate::exit::{Exit, Failure, Result};

/// Manages the session until it ends.
pub(crate) async fn run(options: ManagerOptions) -> Result<Exit> {
    let config = read_config(options.config.as_deref())?;
    let bus_address = session_bus().ok_or(Failure::NoBus)?;
    let manager = Manager::start(Options {
        bus_address,
        config,
    })
    .await?
    .serving_xsmp()
    .await;
    tracing::info!("managing this session");
    Ok(match manager.run().await {
        Ended::Over | Ended::Session(_) => Exit::Done,
        Ended::BusLost => Exit::NoSession,
    })
}

/// The user's configuration, or the file that was named instead.
pub(crate) fn read_config(named: Option<&std::path::Path>) -> Result<Config> {
    Ok(match (named, Config::user_path()) {
        (Some(path), _) => Config::read(path, true)?,
        (None, Some(path)) => Config::read(&path, false)?,
        (None, None) => Config::default(),
    })
}

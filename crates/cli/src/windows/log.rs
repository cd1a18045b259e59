//! The log: stderr. ERROR always means a bug of ours.

use std::io::IsTerminal as _;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

/// Begins to log. `ENDSESSION_LOG` (error, warn, info, debug, trace) says how much.
pub(crate) fn start() {
    let level = std::env::var("ENDSESSION_LOG")
        .ok()
        .and_then(|level| level.parse().ok())
        // What a command does not get is said by the command itself.
        .unwrap_or(LevelFilter::ERROR);
    let stderr = tracing_subscriber::fmt::layer()
        .without_time()
        .log_internal_errors(false)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    tracing_subscriber::registry()
        .with(Targets::new().with_target("endsession", level))
        .with(stderr)
        .init();
}

//! Where the log goes: the journal where it runs, else stderr. ERROR always means a bug of ours.

use std::io::IsTerminal as _;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::prelude::*;

/// Who logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verbosity {
    /// A command only says what goes wrong.
    Command,
    /// A session or manager says what it does.
    Manager,
    /// That of one request does too, but not into the terminal of whoever typed it.
    OneRequest,
}

/// Begins to log. `ENDSESSION_LOG` (error, warn, info, debug, trace) overrides how much.
pub(crate) fn start(verbosity: Verbosity) {
    let journal = match verbosity {
        Verbosity::Command => None,
        Verbosity::Manager | Verbosity::OneRequest => tracing_journald::layer().ok(),
    };
    let default = match verbosity {
        Verbosity::Manager => LevelFilter::INFO,
        Verbosity::OneRequest if journal.is_some() => LevelFilter::INFO,
        Verbosity::OneRequest | Verbosity::Command => LevelFilter::WARN,
    };
    let level = std::env::var("ENDSESSION_LOG")
        .ok()
        .and_then(|l| l.parse().ok())
        .unwrap_or(default);
    // Libraries log their own affairs; what is wrong with them reaches our log as our warning.
    let ours = tracing_subscriber::filter::Targets::new()
        .with_target("endsession", level)
        .with_target("endsession_manager", level)
        .with_target("endsession_core", level);
    let registry = tracing_subscriber::registry().with(ours);
    match journal {
        Some(journal) => registry
            .with(journal.with_syslog_identifier("endsession".to_owned()))
            .init(),
        None => {
            let stderr = tracing_subscriber::fmt::layer()
                .without_time()
                // It would tell of a lost terminal on that terminal, and panic.
                .log_internal_errors(false)
                .with_target(false)
                .with_ansi(std::io::stderr().is_terminal())
                .with_writer(std::io::stderr);
            registry.with(stderr).init();
        }
    }
}

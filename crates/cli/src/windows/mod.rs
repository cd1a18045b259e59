//! The command on Windows: what of it can be done there. Windows is the session manager; this asks it.

mod args;
mod ask;
mod end;
pub(crate) mod exit;
pub(crate) mod holding;
mod log;
mod status;

use std::process::ExitCode;

use args::{Cli, Command};
use clap::Parser as _;
use end::End;
use exit::{Exit, Failure, Result};

use crate::hold;
use crate::options::Hold;

pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; the rest is wrong usage.
            let status = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            };
            let _the_reader_may_be_gone = error.print();
            return status.into();
        }
    };
    log::start();
    let result = match cli.command {
        Command::Logoff(options) => end::run(End::LogOff, options),
        Command::Restart(options) => end::run(End::Restart, options),
        Command::Poweroff(options) => end::run(End::PowerOff, options),
        Command::Status => status::run(),
        Command::Hold(options) => hold_while_it_runs(options),
        Command::Ask(options) => ask::run(options),
        Command::Completions { shell } => args::completions(shell),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => {
            eprintln!("endsession: {failure}");
            failure.exit().into()
        }
    }
}

/// `hold` ends as its command does, and a status has 32 bits here.
fn hold_while_it_runs(options: Hold) -> Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::io("the system gives no event loop", e))?;
    let status = runtime.block_on(hold::run(options))?;
    drop(runtime);
    std::process::exit(status)
}

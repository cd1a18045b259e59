//! The command on Linux: reads the command line, runs one command, and maps its result to an exit status. Everything else is in the commands,
//! which lie beside this file.

pub(crate) mod args;
pub(crate) mod ask;
pub(crate) mod at;
pub(crate) mod bus;
pub(crate) mod choose;
pub(crate) mod config;
pub(crate) mod control;
pub(crate) mod demo;
pub(crate) mod dialog;
pub(crate) mod elsewhere;
pub(crate) mod exit;
pub(crate) mod foreground;
#[path = "hold/linux.rs"]
pub(crate) mod holding;
pub(crate) mod log;
pub(crate) mod logoff;
pub(crate) mod manager;
pub(crate) mod menu;
pub(crate) mod run;
pub(crate) mod screen;
pub(crate) mod show;
pub(crate) mod status;
pub(crate) mod terminal;
pub(crate) mod watch;

use std::process::ExitCode;

use args::{Cli, Command};
use clap::Parser as _;
use exit::{Exit, Failure};

use crate::hold;

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
    log::start(match cli.command {
        Command::Run(_) | Command::Manager(_) => log::Verbosity::Manager,
        Command::OneRequest(_) => log::Verbosity::OneRequest,
        _ => log::Verbosity::Command,
    });
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("endsession: the system gives no event loop: {error}");
            return Exit::NoSession.into();
        }
    };
    let result = runtime.block_on(async {
        if let Some(at) = cli.command.at().filter(|at| at.is_named()) {
            return at::go(at).await;
        }
        match cli.command {
            Command::Logoff(options) => logoff::run("logoff", options).await,
            Command::Restart(options) => logoff::run("restart", options).await,
            Command::Poweroff(options) => logoff::run("poweroff", options).await,
            Command::Status(options) => status::run(options.json.json).await,
            Command::Watch(options) => watch::run(options.json.json).await,
            Command::Cancel(_) => control::cancel().await,
            Command::Choose(options) => choose::run(options).await,
            Command::Run(options) => run::run(options).await,
            Command::Manager(options) => manager::run(options).await,
            Command::OneRequest(options) => foreground::run(options).await,
            Command::Inside(options) => at::inside(&options),
            Command::Config(options) => config::run(&options),
            Command::Demo(options) => demo::run(options).await,
            Command::Menu => menu::run().await,
            Command::Ask(options) => ask::run(options).await,
            Command::Hold(options) if options.list => status::holds(options.json).await,
            Command::Hold(options) => hold::run(options.hold).await.map(Exit::Session),
            Command::Dialog => dialog::run().await,
            Command::DemoApp(options) => demo::app::run(options).await,
            Command::Completions { shell } => args::completions(shell),
            Command::Man => args::man(),
        }
    });
    match result {
        Ok(exit) => exit.into(),
        Err(failure @ Failure::Said(_)) => failure.exit().into(),
        Err(failure) => {
            eprintln!("endsession: {failure}");
            failure.exit().into()
        }
    }
}

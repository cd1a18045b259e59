//! `endsession`: ends your session the way it should end. Reads the command line, runs one
//! command, and maps its result to an exit status. Everything else is in the commands.

mod args;
mod ask;
mod choose;
mod control;
mod demo;
mod dialog;
mod exit;
mod log;
mod logoff;
mod manager;
mod menu;
mod run;
mod screen;
mod show;
mod status;
mod terminal;
mod watch;

use std::process::ExitCode;

use args::{Cli, Command};
use clap::Parser as _;
use exit::Exit;

fn main() -> ExitCode {
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
    log::start(matches!(cli.command, Command::Run(_) | Command::Manager(_)));
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
        match cli.command {
            Command::Logoff(options) => logoff::run("logoff", options).await,
            Command::Restart(options) => logoff::run("restart", options).await,
            Command::Poweroff(options) => logoff::run("poweroff", options).await,
            Command::Status(options) => status::run(options.json).await,
            Command::Watch(options) => watch::run(options.json).await,
            Command::Cancel => control::cancel().await,
            Command::Choose(options) => choose::run(options).await,
            Command::Run(options) => run::run(options).await,
            Command::Manager(options) => manager::run(options).await,
            Command::Demo(options) => demo::run(options).await,
            Command::Menu => menu::run().await,
            Command::Ask(options) => ask::run(options).await,
            Command::Dialog => dialog::run().await,
            Command::DemoApp(options) => demo::app::run(options).await,
            Command::Completions { shell } => args::completions(shell),
            Command::Man => args::man(),
        }
    });
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => {
            eprintln!("endsession: {failure}");
            failure.exit().into()
        }
    }
}

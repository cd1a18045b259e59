//! The command line on Windows: the one definition behind help and completions.

use std::time::Duration;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::exit::{Exit, Failure, Result};
use crate::options::{Ask, Hold};

const EXIT_STATUS: &str = "Exit status: 0 ended (or under way, once nothing can stop it), 1 refused, cancelled or not permitted, \
                           2 wrong usage, or a machine that cannot, 3 Windows failed.";

const END: &str = "Windows asks every program with a window. It tells this one that the session ends, but not that it does not: where nothing is heard \
                   for as long as --wait says, some program refuses or asks its user still, and the exit status is 1. What becomes of the request then is its user's.\n\n\
                   Exit status: 0 ended (or under way, once nothing can stop it), 1 refused, cancelled, not permitted, or not ended yet, \
                   2 wrong usage, or a machine that cannot, 3 Windows failed.";

const HOLD: &str = "It holds for as long as COMMAND itself runs, however that ends. A small window says so meanwhile, for Windows lets nobody \
                    refuse who has none; closing it lets go, and COMMAND goes on. Whoever ends the session sees COMMAND's name and TEXT, \
                    and may end it all the same. Where there is no desktop to show a window on, and for what cannot be held up, \
                    that is said.\n\n\
                    Exit status: COMMAND's own; 127 COMMAND was not found, 126 it could not be started, 2 wrong usage or no desktop, \
                    3 Windows failed.";

/// Ends your session the way it should end: every application is asked, the user decides, nothing
/// is lost.
#[derive(Debug, Parser)]
#[command(name = "endsession", version, after_help = EXIT_STATUS, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Log off: Windows asks every program, then ends the session
    #[command(after_help = END)]
    Logoff(End),
    /// Restart the machine: Windows asks every program first, as for a log-off
    #[command(after_help = END)]
    Restart(End),
    /// Power the machine off: Windows asks every program first, as for a log-off
    #[command(after_help = END)]
    Poweroff(End),
    /// Show which programs are asked, and what of the rest Windows tells
    Status,
    /// Hold the session open while a command runs
    #[command(after_help = HOLD)]
    Hold(Hold),
    /// Ask the user a question with Yes and No, in a window
    #[command(
        after_help = "Exit status: 0 for Yes, 1 for No or a closed window, 2 wrong usage, or no desktop to show a window on, 3 no window can be shown."
    )]
    Ask(Ask),
    /// Print completions for a shell
    Completions { shell: clap_complete::Shell },
}

#[derive(Debug, Args)]
pub(crate) struct End {
    /// Ask nobody: what is not saved is lost (EWX_FORCE)
    #[arg(long, conflicts_with = "force_if_hung")]
    pub(crate) force: bool,
    /// End what does not answer without asking the user (EWX_FORCEIFHUNG)
    #[arg(long)]
    pub(crate) force_if_hung: bool,
    /// Why; Windows shows it to nobody, so this is for scripts that run elsewhere too
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Why, for Windows' event log: a system shutdown reason code, as in 0x80040001
    #[arg(long, value_name = "CODE", value_parser = code)]
    pub(crate) reason_code: Option<u32>,
    /// How long to wait for the end, as in 90s or 2m; 0s to begin it and no more
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30s")]
    pub(crate) wait: Duration,
}

fn code(text: &str) -> std::result::Result<u32, String> {
    let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|e| format!("{e}; codes are as in 0x80040001"))
}

fn duration(text: &str) -> std::result::Result<Duration, String> {
    humantime::parse_duration(text).map_err(|e| format!("{e}; durations are as in 30s or 2m"))
}

/// Prints completions to stdout.
pub(crate) fn completions(shell: clap_complete::Shell) -> Result<Exit> {
    use std::io::Write as _;
    // The generator itself panics where it cannot write: a buffer always can be written to.
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "endsession", &mut text);
    let mut out = std::io::stdout().lock();
    match out.write_all(&text).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::io("cannot write the completions", e))
        }
        _ => Ok(Exit::Done),
    }
}

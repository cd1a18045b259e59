//! What commands take that are the same on Linux and on Windows.

use std::ffi::OsString;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Ask {
    /// The question; without one, whether to end the session
    pub(crate) question: Option<String>,
    /// A sentence below it
    #[arg(long, value_name = "TEXT")]
    pub(crate) detail: Option<String>,
}

/// What to know of `hold`.
pub(crate) const HOLD: &str = "It holds for as long as COMMAND itself runs, however that ends. Whoever ends the session sees COMMAND's name and TEXT, \
                               and may end it all the same: COMMAND is told to end then (SIGTERM). What cannot be held up here is said, and COMMAND runs \
                               all the same. Signals sent to this program are passed on to COMMAND. On Windows a small window shows what is held: only \
                               who has one may refuse there. Closing it lets go, and COMMAND goes on.\n\n\
                               Exit status: COMMAND's own, or 128 and the number of the signal that ended it; 127 COMMAND was not found, 126 it could \
                               not be started, 2 wrong usage, 3 no way to hold.";

#[derive(Debug, Args)]
pub(crate) struct Hold {
    /// Why, as it is shown to whoever ends the session
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub(crate) why: String,
    /// What is held up, joined by commas
    #[arg(
        long,
        value_name = "WHAT",
        value_enum,
        value_delimiter = ',',
        default_value = "logoff"
    )]
    pub(crate) what: Vec<Held>,
    /// What runs meanwhile
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    pub(crate) command: Vec<OsString>,
}

/// What `hold` holds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Held {
    /// The end of the session: log-off, restart, power-off
    Logoff,
    /// Suspend and hibernate
    Sleep,
    /// The screen's blanking and locking
    Idle,
}

/// A hold that says nothing leaves the user without a choice.
fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("say what must not be interrupted, as in \"copying the photos\"".to_owned());
    }
    Ok(text.to_owned())
}

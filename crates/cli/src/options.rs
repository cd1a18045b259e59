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

#[derive(Debug, Args)]
pub(crate) struct Hold {
    /// Why, as it is shown to whoever ends the session
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    #[cfg_attr(windows, arg(required = true))]
    #[cfg_attr(not(windows), arg(required_unless_present = "list"))]
    pub(crate) why: Option<String>,
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
    #[cfg_attr(windows, arg(required = true))]
    #[cfg_attr(not(windows), arg(required_unless_present = "list"))]
    #[arg(
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

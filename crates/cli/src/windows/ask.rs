//! `endsession ask` on Windows: the seed's own box.

use crate::exit::{Exit, Result};
use crate::options::Ask;

/// Asks, and says the answer by the exit status.
pub(crate) fn run(options: Ask) -> Result<Exit> {
    let mut text = options
        .question
        .unwrap_or_else(|| "End the session?".to_owned());
    if let Some(detail) = options.detail {
        text.push_str("\n\n");
        text.push_str(&detail);
    }
    let yes = endsession::ask(&text)?;
    Ok(if yes { Exit::Done } else { Exit::Refused })
}

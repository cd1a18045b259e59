//! `endsession watch`: every change, one a line.

use crate::control::Control;
use crate::exit::{Exit, Result};
use crate::show;

/// Runs until the manager leaves or the user interrupts.
pub(crate) async fn run(json: bool) -> Result<Exit> {
    let mut control = Control::connect().await?;
    control.watch().await?;
    while let Some((text, news)) = control.next().await {
        match news {
            _ if json => show::line(&text),
            Some(news) => show::line(&show::news(&news)),
            // A newer manager's event that this command does not know.
            None => show::line(&text),
        }
    }
    Ok(Exit::Done)
}

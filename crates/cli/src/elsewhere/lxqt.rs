//! LXQt: `org.lxqt.session`, object `/LXQtSession`, of lxqt-session.
//!
//! It asks no application. `logout()`, `reboot()` and `powerOff()` end its modules, then everything
//! that it started, then the window manager, and it leaves; applications end with their display.
//! Nothing can be cancelled. None of the three is answered.

use std::process::Stdio;

use endsession_core::Kind;

use super::bus::Heard;
use super::{Elsewhere, Outcome};
use crate::exit::{Failure, Result};

const NAME: &str = "org.lxqt.session";
const PATH: &str = "/LXQtSession";

/// Ends the session.
pub(super) async fn end(at: &mut Elsewhere, kind: Kind) -> Result<Outcome> {
    match kind {
        Kind::LogOff => {}
        Kind::Restart => at.can(PATH, NAME, "canReboot", kind).await?,
        Kind::PowerOff => at.can(PATH, NAME, "canPowerOff", kind).await?,
    }
    at.warn_that_nobody_is_asked();
    let member = match kind {
        Kind::LogOff => "logout",
        Kind::Restart => "reboot",
        Kind::PowerOff => "powerOff",
    };
    let call = at.bus.send(NAME, PATH, NAME, member, &()).await?;
    at.until_gone(NAME, call).await
}

/// Opens its own menu, the program `lxqt-leave`, and waits for what the user makes of it.
pub(super) async fn menu(at: &mut Elsewhere) -> Result<Outcome> {
    let mut leave = tokio::process::Command::new("lxqt-leave")
        .stdin(Stdio::null())
        // What its libraries find missing is nothing to our user.
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| Failure::io("cannot start lxqt-leave", e))?;
    let mut asked = None;
    loop {
        let heard = tokio::select! {
            heard = at.bus.next() => heard,
            _ = leave.wait(), if asked.is_none() => {
                // What it had to say it has said by now, and this comes after it: a manager that
                // is ending never gets to answer.
                asked = Some(at.bus.send(NAME, PATH, NAME, "canLogout", &()).await?);
                continue;
            }
        };
        match heard {
            Heard::Answer(serial, Ok(_)) if Some(serial) == asked => {
                return Ok(Outcome::Cancelled {
                    by: "user",
                    why: String::new(),
                    blockers: Vec::new(),
                });
            }
            Heard::Owner(name, None) if name == NAME => return Ok(at.gone(true)),
            Heard::Gone => return Ok(at.gone(true)),
            Heard::Interrupt => return at.interrupted(false),
            Heard::Farewell => return Ok(Outcome::Left),
            _ => {}
        }
    }
}

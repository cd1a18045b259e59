//! COSMIC: `com.system76.CosmicSession`, object `/com/system76/CosmicSession`, of cosmic-session.
//!
//! `Exit()` ends the session at once: no application is asked, and nothing can be cancelled. Its
//! leaving the bus is the end.

use super::bus::Heard;
use super::{Elsewhere, Outcome};
use crate::exit::Result;

const NAME: &str = "com.system76.CosmicSession";
const PATH: &str = "/com/system76/CosmicSession";

/// Logs off.
pub(super) async fn end(at: &mut Elsewhere) -> Result<Outcome> {
    at.warn_that_nobody_is_asked();
    let call = at.bus.send(NAME, PATH, NAME, "Exit", &()).await?;
    loop {
        match at.bus.next().await {
            // Gone with the session, the call unanswered.
            Heard::Answer(serial, Err(refusal)) if serial == call && !refusal.is("NoReply") => {
                return Err(at.refusal(&refusal));
            }
            Heard::Owner(name, None) if name == NAME => return Ok(at.gone(true)),
            Heard::Gone => return Ok(at.gone(true)),
            Heard::Interrupt => return at.interrupted(true),
            Heard::Farewell => return Ok(Outcome::Left),
            _ => {}
        }
    }
}

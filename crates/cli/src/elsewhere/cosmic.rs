//! COSMIC: `com.system76.CosmicSession`, object `/com/system76/CosmicSession`, of cosmic-session.
//!
//! `Exit()` ends the session at once: no application is asked, and nothing can be cancelled. Its
//! leaving the bus is the end.

use super::{Elsewhere, Outcome};
use crate::exit::Result;

const NAME: &str = "com.system76.CosmicSession";
const PATH: &str = "/com/system76/CosmicSession";

/// Logs off.
pub(super) async fn end(at: &mut Elsewhere) -> Result<Outcome> {
    at.warn_that_nobody_is_asked();
    let call = at.bus.send(NAME, PATH, NAME, "Exit", &()).await?;
    at.until_gone(NAME, call).await
}

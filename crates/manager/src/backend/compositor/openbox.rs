//! openbox: the message `_OB_CONTROL` with 3 to the root window, as `openbox --exit` sends it (openbox
//! 3.6, `openbox/openbox.c`, `openbox/event.c`).
//!
//! May touch the X server's socket.

use endsession_core::Identity;

use super::FindError;
use super::server::{At, Server};
use super::x11::Screen;
use crate::adapter::talk::TalkError;

/// 1 reads the configuration again, 2 restarts.
const EXIT: u32 = 3;

/// Whether this server is one.
pub(super) fn is(server: &Server) -> bool {
    server.program == "openbox" && matches!(server.at, At::Managing(_))
}

/// Makes sure that it is this process that manages the display, and tells it to exit. openbox does
/// not answer; the X server says that the message has gone out.
pub(super) async fn exit(display: &str, of: &Identity) -> Result<(), FindError> {
    let mut screen = Screen::connect(display).await?;
    if screen.manager().await? != of.pid() {
        let what = format!("the X display {display}");
        return Err(TalkError::Stranger { what }.into());
    }
    Ok(screen.tell("_OB_CONTROL", EXIT).await?)
}

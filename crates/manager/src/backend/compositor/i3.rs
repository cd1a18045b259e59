//! i3: `exit` over its IPC socket as [`super::sway`] says it; the socket's path stands in the root window's property `I3_SOCKET_PATH`
//! (i3's "IPC interface" document).
//!
//! May touch that socket and the X server's.

use std::path::PathBuf;

use super::FindError;
use super::server::{At, Server};
use super::x11::Screen;

/// A path is shorter than this (unix(7): 108 bytes).
const MAX_PATH: u32 = 256;

/// Whether this server is one.
pub(super) fn is(server: &Server) -> bool {
    server.program == "i3" && matches!(server.at, At::Managing(_))
}

/// Its IPC socket. Whether it is really this i3 that answers there is seen when it is spoken to.
pub(super) async fn ipc(server: &Server) -> Result<Option<PathBuf>, FindError> {
    let At::Managing(display) = &server.at else {
        return Ok(None);
    };
    let mut screen = Screen::connect(display).await?;
    let path = screen.root_text("I3_SOCKET_PATH", MAX_PATH).await?;
    Ok((!path.is_empty()).then(|| path.into()))
}

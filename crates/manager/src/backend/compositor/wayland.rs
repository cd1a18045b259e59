//! Any other compositor: SIGTERM to the process that answers at the Wayland socket. Those built on
//! wlroots, smithay or libweston take it as the word to exit; sway, which has better, does too.

use super::server::{At, Server};

/// Whether this server is one.
pub(super) fn is(server: &Server) -> bool {
    matches!(server.at, At::Wayland(_) | At::Ipc)
}

//! wayfire: SIGTERM, on which it shuts down as on its own exit binding (wayfire 0.11, `src/main.cpp`).
//! Its IPC (`plugins/ipc`) has no method that exits; its socket is only a sign of what it is.

use super::server::Server;

/// Whether this server is one.
pub(super) fn is(server: &Server) -> bool {
    server.program == "wayfire" || server.socket(is_ipc).is_some()
}

/// wayfire-WAYLAND_DISPLAY-.socket
pub(super) fn is_ipc(path: &str) -> bool {
    path.contains("/wayfire-") && path.ends_with(".socket")
}

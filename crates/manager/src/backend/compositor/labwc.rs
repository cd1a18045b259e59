//! labwc: SIGTERM, which is what `labwc --exit` sends (labwc(1)). That takes the pid from `LABWC_PID`;
//! here it is the process that answers at the Wayland socket.

use super::server::Server;

/// Whether this server is one.
pub(super) fn is(server: &Server) -> bool {
    server.program == "labwc"
}

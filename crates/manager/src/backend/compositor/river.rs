//! river: its command `exit` over `zriver_control_v1`, as `riverctl exit` does it (river 0.3.12,
//! `protocol/river-control-unstable-v1.xml`; river-classic goes on with it). From 0.4 on river leaves
//! control to a window manager of its own, which alone may ask it to exit (`river_window_manager_v1`):
//! there it is SIGTERM, which both take as the word to exit.
//!
//! May touch its Wayland socket.

use std::path::Path;

use endsession_core::Identity;

use super::server::{Server, wrote};
use super::wire::{Global, Wire, string, text, words};
use crate::adapter::talk::TalkError;

const CONTROL: &str = "zriver_control_v1";
const ADD_ARGUMENT: u16 = 1;
const RUN_COMMAND: u16 = 2;
/// Events of `zriver_command_callback_v1`.
const SUCCESS: u16 = 0;

/// Whether this server is one.
pub(super) fn is(server: &Server) -> bool {
    server.program == "river" || server.globals.iter().any(|g| g.interface == CONTROL)
}

/// Makes sure that it is this process that answers, and tells it to exit.
pub(super) async fn exit(socket: &Path, of: &Identity) -> Result<(), TalkError> {
    let mut wire = Wire::connect(socket).await?;
    let (registry, globals) = wire.globals().await?;
    if !wrote(of, wire.writer()) {
        return Err(wire.stranger());
    }
    let global = |interface: &str| globals.iter().find(|g: &&Global| g.interface == interface);
    let (Some(control), Some(seat)) = (global(CONTROL), global("wl_seat")) else {
        return Err(wire.refused(format!("it has no {CONTROL}")));
    };
    let (control, seat) = (wire.bind(registry, control), wire.bind(registry, seat));
    wire.request(control, ADD_ARGUMENT, &text("exit"));
    let callback = wire.new_id();
    wire.request(control, RUN_COMMAND, &words(&[seat, callback]));
    loop {
        match wire.event().await {
            Ok(event) if event.object != callback => {}
            Ok(event) if event.opcode == SUCCESS => return Ok(()),
            Ok(event) => {
                let why = string(&event.body, 0).map_or_else(String::new, |(why, _)| why);
                return Err(wire.refused(why));
            }
            Err(error) if error.is_hang_up() => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

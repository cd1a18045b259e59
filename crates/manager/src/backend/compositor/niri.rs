//! niri: the action `Quit` over its IPC socket, JSON a line (niri 25.11, `niri-ipc/src/lib.rs`).
//!
//! May touch that socket.

use std::path::Path;

use endsession_core::Identity;
use serde::de::IgnoredAny;

use super::server::{Server, wrote};
use crate::adapter::talk::{Talk, TalkError};

/// Whether this server is one.
pub(super) fn is(server: &Server) -> bool {
    server.program == "niri" || server.socket(is_ipc).is_some()
}

/// niri.WAYLAND_DISPLAY.PID.sock
pub(super) fn is_ipc(path: &str) -> bool {
    path.contains("/niri.") && path.ends_with(".sock")
}

/// Makes sure that it is this process that answers, and tells it to exit, without the question that
/// it would put to the user.
pub(super) async fn exit(socket: &Path, of: &Identity) -> Result<(), TalkError> {
    let mut talk = Talk::with("the IPC", socket).await?;
    ask(&mut talk, r#""Version""#).await?;
    if !wrote(of, talk.writer()) {
        return Err(talk.stranger());
    }
    match ask(
        &mut talk,
        r#"{"Action":{"Quit":{"skip_confirmation":true}}}"#,
    )
    .await
    {
        Err(error) if error.is_hang_up() => Ok(()),
        told => told,
    }
}

async fn ask(talk: &mut Talk, request: &str) -> Result<(), TalkError> {
    talk.say(request.as_bytes());
    talk.say(b"\n");
    let line = talk.hear_line().await?;
    // Its `Reply` is a `Result<Response, String>`, as serde writes it.
    match serde_json::from_slice::<Result<IgnoredAny, String>>(&line) {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(why)) => Err(talk.refused(why)),
        Err(error) => Err(talk.malformed(error.to_string())),
    }
}

//! sway, and what descends from it with its IPC: `exit` over the socket that it opens for `swaymsg`
//! (sway-ipc(7): `GET_VERSION`, `RUN_COMMAND`; sway(5): `exit`).
//!
//! May touch that socket.

use std::path::Path;

use endsession_core::Identity;
use serde::Deserialize;

use super::server::{Server, wrote};
use crate::adapter::i3ipc::{self, GET_VERSION, RUN_COMMAND};
use crate::adapter::talk::{Talk, TalkError};

/// Whether this server is one.
pub(super) fn is(server: &Server) -> bool {
    server.program == "sway" || server.socket(is_ipc).is_some()
}

/// sway-ipc.UID.PID.sock
pub(super) fn is_ipc(path: &str) -> bool {
    path.contains("/sway-ipc.") && path.ends_with(".sock")
}

/// Makes sure that it is this process that answers, and tells it to exit.
pub(super) async fn exit(socket: &Path, of: &Identity) -> Result<(), TalkError> {
    let mut talk = Talk::with("the IPC", socket).await?;
    greet(&mut talk, of).await?;
    talk.say(&i3ipc::encode(RUN_COMMAND, "exit"));
    match answer(&mut talk, RUN_COMMAND).await {
        // i3 is gone before it answers.
        Err(error) if error.is_hang_up() => Ok(()),
        Err(error) => Err(error),
        Ok(json) => match serde_json::from_slice::<Vec<Done>>(&json) {
            Ok(done) => match done.into_iter().find(|done| !done.success) {
                Some(done) => Err(talk.refused(done.error.unwrap_or_default())),
                None => Ok(()),
            },
            Err(error) => Err(talk.malformed(error.to_string())),
        },
    }
}

/// Makes sure that it is this process that answers.
pub(super) async fn greet(talk: &mut Talk, of: &Identity) -> Result<(), TalkError> {
    version(talk).await?;
    match wrote(of, talk.writer()) {
        true => Ok(()),
        false => Err(talk.stranger()),
    }
}

/// Asks for the version, which changes nothing and is answered at once.
pub(super) async fn version(talk: &mut Talk) -> Result<(), TalkError> {
    talk.say(&i3ipc::encode(GET_VERSION, ""));
    answer(talk, GET_VERSION).await.map(drop)
}

/// The payload of the answer to the one question that is open.
async fn answer(talk: &mut Talk, to: u32) -> Result<Vec<u8>, TalkError> {
    let frame = |input: &[u8]| i3ipc::decode(input).map_err(|error| error.to_string());
    let length = |input: &[u8]| Ok(frame(input)?.map(|(_, header, payload)| header + payload));
    let mut answer = talk.hear(length).await?;
    match frame(&answer) {
        Ok(Some((kind, header, _))) if kind == to => Ok(answer.split_off(header)),
        _ => Err(talk.malformed(format!("no answer of type {to}"))),
    }
}

/// What became of one command.
#[derive(Debug, Deserialize)]
struct Done {
    success: bool,
    error: Option<String>,
}

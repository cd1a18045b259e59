//! Hyprland: its exit dispatcher over the socket that `hyprctl` speaks to, in the dialect that this
//! Hyprland understands; see [`hyprctl`].
//!
//! May touch that socket. It takes one request a connection, and hangs up after its answer.

use std::path::Path;

use endsession_core::Identity;

use super::server::{Server, wrote};
use crate::adapter::hyprctl::{self, Dialect};
use crate::adapter::talk::{Talk, TalkError};

/// Whether this server is one.
pub(super) fn is(server: &Server) -> bool {
    server.program.eq_ignore_ascii_case("hyprland") || server.socket(is_ipc).is_some()
}

/// $XDG_RUNTIME_DIR/hypr/SIGNATURE/.socket.sock
pub(super) fn is_ipc(path: &str) -> bool {
    path.contains("/hypr/") && path.ends_with("/.socket.sock")
}

/// Makes sure that it is this process that answers, and tells it to exit.
pub(super) async fn exit(socket: &Path, of: &Identity) -> Result<(), TalkError> {
    let status = ask(socket, of, hyprctl::STATUS).await?;
    if status.is_empty() {
        return Err(TalkError::Malformed {
            what: format!("the IPC at {}", socket.display()),
            why: "it hangs up without an answer".to_owned(),
        });
    }
    let dialect = Dialect::of(&status);
    match tell(socket, of, dialect).await {
        // Its words have changed once; they may again.
        Err(TalkError::Refused { .. }) => tell(socket, of, dialect.other()).await,
        told => told,
    }
}

async fn tell(socket: &Path, of: &Identity, dialect: Dialect) -> Result<(), TalkError> {
    let answer = match ask(socket, of, dialect.exit()).await {
        Err(error) if error.is_hang_up() => return Ok(()),
        answer => answer?,
    };
    // Nothing at all: it went before it answered.
    match hyprctl::refusal(&answer).filter(|why| !why.is_empty()) {
        None => Ok(()),
        Some(why) => Err(TalkError::Refused {
            what: format!("the IPC at {}", socket.display()),
            why: why.to_owned(),
        }),
    }
}

async fn ask(socket: &Path, of: &Identity, request: &str) -> Result<String, TalkError> {
    let mut talk = Talk::with("the IPC", socket).await?;
    talk.say(request.as_bytes());
    let answer = talk.hear_out().await?;
    // Who hangs up without a word is not known, and has done nothing.
    if !answer.is_empty() && !wrote(of, talk.writer()) {
        return Err(talk.stranger());
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

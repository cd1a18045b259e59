//! Hyprland: its exit dispatcher over the socket that `hyprctl` speaks to, in the dialect that this
//! Hyprland understands (Hyprland 0.56, `src/ipc/s1` and `hyprctl/src/main.cpp`; 0.53 to 0.55,
//! `src/debug/HyprCtl.cpp`).
//!
//! May touch that socket. It takes one request a connection, and hangs up after its answer.
//!
//! Until 0.54 a dispatcher is `dispatch NAME ARGUMENT`. From 0.55 on a Hyprland whose configuration is
//! Lua reads `dispatch EXPRESSION` as Lua instead, and one whose configuration is still hyprlang reads
//! the classic form; later ones know only Lua. Which it is, `status` tells, and a Hyprland that does not
//! know that request is a classic one. Each refuses the other's form and does nothing.

use std::path::Path;

use endsession_core::Identity;
use serde::Deserialize;

use super::server::{Server, wrote};
use super::talk::{Talk, TalkError};

/// How a Hyprland is told to exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    Classic,
    Lua,
}

impl Dialect {
    fn exit(self) -> &'static str {
        match self {
            Self::Classic => "/dispatch exit",
            Self::Lua => "/dispatch hl.dsp.exit()",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Classic => Self::Lua,
            Self::Lua => Self::Classic,
        }
    }
}

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
    let status = ask(socket, of, "j/status").await?;
    if status.is_empty() {
        return Err(TalkError::Malformed {
            what: format!("the IPC at {}", socket.display()),
            why: "it hangs up without an answer".to_owned(),
        });
    }
    let dialect = dialect(&status);
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
    let answer = answer.trim();
    // Nothing at all: it went before it answered.
    if answer.is_empty() || answer.starts_with("ok") {
        return Ok(());
    }
    Err(TalkError::Refused {
        what: format!("the IPC at {}", socket.display()),
        why: answer.lines().next().unwrap_or_default().to_owned(),
    })
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

/// What `status` says of the dialect.
fn dialect(status: &str) -> Dialect {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Status {
        config_provider: String,
    }
    match serde_json::from_str::<Status>(status) {
        Ok(status) if status.config_provider == "hyprlang" => Dialect::Classic,
        Ok(_) => Dialect::Lua,
        Err(_) => Dialect::Classic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dialect_is_what_status_says_and_classic_before_there_was_one() {
        let says = |provider: &str| {
            let json =
                format!("\n{{\n \"configProvider\": \"{provider}\",\n \"backend\": \"drm\"\n}}\n");
            dialect(&json)
        };
        assert_eq!(says("lua"), Dialect::Lua);
        assert_eq!(says("hyprlang"), Dialect::Classic);
        assert_eq!(dialect("unknown request"), Dialect::Classic);
        assert_eq!(dialect(""), Dialect::Classic);
    }
}

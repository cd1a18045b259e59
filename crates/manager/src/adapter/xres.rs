//! The process behind an X11 window, as the X server itself knows it (the X-Resource extension,
//! version 1.2, `QueryClientIds`): the credentials of the connection that made the window.
//!
//! May touch an X server's socket. `_NET_WM_PID` is what a client says of itself, and a client
//! can say what it likes: that is never read.

use std::{borrow::Cow, collections::HashMap};

use x11rb_protocol::{
    protocol::{
        res::{
            ClientIdMask, ClientIdSpec, QueryClientIdsReply, QueryClientIdsRequest,
            X11_EXTENSION_NAME,
        },
        xproto::{QueryExtensionReply, QueryExtensionRequest},
    },
    x11_utils::TryParse,
};

use super::{
    display::DisplayError,
    link::CONNECT_LIMIT,
    x11::{Packet, X11Wire, display_name},
};

/// Asks whether the server has the extension; [`opcode`] reads the reply.
pub(crate) fn query_extension() -> QueryExtensionRequest<'static> {
    QueryExtensionRequest {
        name: Cow::Borrowed(X11_EXTENSION_NAME.as_bytes()),
    }
}

/// The extension's major opcode, where the server has it.
pub(crate) fn opcode(reply: &[u8]) -> Option<u8> {
    let (reply, _) = QueryExtensionReply::try_parse(reply).ok()?;
    reply.present.then_some(reply.major_opcode)
}

/// Asks whose this window is; [`pid`] reads the reply.
pub(crate) fn query_pid(window: u32) -> QueryClientIdsRequest<'static> {
    let spec = ClientIdSpec {
        client: window,
        mask: ClientIdMask::LOCAL_CLIENT_PID,
    };
    QueryClientIdsRequest {
        specs: Cow::Owned(vec![spec]),
    }
}

/// The process id in the reply; none for a client that is not local.
pub(crate) fn pid(reply: &[u8]) -> Option<u32> {
    let (reply, _) = QueryClientIdsReply::try_parse(reply).ok()?;
    let id = reply
        .ids
        .iter()
        .find(|id| id.spec.mask == ClientIdMask::LOCAL_CLIENT_PID)?;
    // 0 is nobody, and a number past `pid_t` no process.
    id.value
        .first()
        .copied()
        .filter(|pid| i32::try_from(*pid).is_ok_and(|pid| pid > 0))
}

/// Asks for the processes of these windows, over a connection that is closed again at once: one
/// that stays would keep an Xwayland alive that the compositor stops with its last client.
///
/// A window that is missing in the answer has no process that the server vouches for.
pub(crate) async fn pids(
    display: &str,
    windows: Vec<u32>,
) -> Result<HashMap<u32, u32>, DisplayError> {
    let asking = async {
        let what = || display_name(display);
        let broken = |source| DisplayError::Io {
            what: what(),
            source,
        };
        let mut wire = X11Wire::connect(display).await?;
        wire.ask(query_extension(), None);
        let mut open = 1;
        let mut found = HashMap::new();
        while open > 0 {
            match wire.packet().map_err(broken)? {
                None => wire.arrival().await.map_err(broken)?,
                Some(Packet::Event(..)) => {}
                Some(Packet::Refused(_)) => open -= 1,
                Some(Packet::Reply(None, reply)) => {
                    let opcode = opcode(&reply).ok_or_else(|| DisplayError::Unsupported {
                        what: what(),
                        why: format!("it lacks {X11_EXTENSION_NAME}"),
                    })?;
                    open += windows.len();
                    for &window in &windows {
                        wire.ask_extension(query_pid(window), opcode, Some(window));
                    }
                    open -= 1;
                }
                Some(Packet::Reply(Some(window), reply)) => {
                    found.extend(pid(&reply).map(|pid| (window, pid)));
                    open -= 1;
                }
            }
        }
        Ok(found)
    };
    tokio::time::timeout(CONNECT_LIMIT, asking)
        .await
        .unwrap_or_else(|_| Err(DisplayError::silent(display_name(display))))
}

//! Whether a process handles events, asked by its windows on an X display (EWMH `_NET_WM_PING`): for
//! windows of Xwayland, where the compositor says nothing of it and names no window of X11.
//!
//! May touch the X server's socket. A process is known by what the server vouches for (X-Resource).

use std::borrow::Cow;
use std::collections::HashSet;
use std::io;
use std::time::Duration;

use x11rb_protocol::{
    protocol::xproto::{
        AtomEnum, CLIENT_MESSAGE_EVENT, ChangeWindowAttributesAux, ChangeWindowAttributesRequest,
        ClientMessageEvent, EventMask, GetPropertyRequest, InternAtomReply, InternAtomRequest,
        QueryTreeReply, QueryTreeRequest, SendEventRequest, Window,
    },
    x11_utils::TryParse as _,
};

use super::{
    display::{DisplayError, MAX_WINDOWS},
    ewmh,
    x11::{Packet, X11Wire, display_name},
    xres,
};

/// How long an answer is waited for. One that takes longer is none, and the connection does not keep
/// an Xwayland alive any longer.
const LIMIT: Duration = Duration::from_secs(60);

/// What a reply is about.
#[derive(Clone, Copy, Debug)]
enum Asked {
    Protocols,
    Ping,
    Extension,
    Tree,
    Owner(Window),
    Property(Window),
}

/// Waits until a window of this process on a display such as `:0` has answered (`true`); `false` where
/// it has none there that can be asked. Of one that does not answer within a minute it is an error.
///
/// # Errors
/// When the display cannot be reached, or is lost.
pub(crate) async fn answers(display: &str, pid: u32) -> Result<bool, DisplayError> {
    let failed = |source| DisplayError::Io {
        what: display_name(display),
        source,
    };
    let wire = X11Wire::connect(display).await?;
    tokio::time::timeout(LIMIT, ask(wire, pid))
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(failed)
}

async fn ask(mut wire: X11Wire<Asked>, pid: u32) -> io::Result<bool> {
    let root = wire.root();
    // An answer goes to the root window.
    let value_list = ChangeWindowAttributesAux::new().event_mask(EventMask::SUBSTRUCTURE_NOTIFY);
    wire.send(ChangeWindowAttributesRequest {
        window: root,
        value_list: Cow::Owned(value_list),
    });
    for (name, asked) in [
        ("WM_PROTOCOLS", Asked::Protocols),
        ("_NET_WM_PING", Asked::Ping),
    ] {
        let question = InternAtomRequest {
            only_if_exists: false,
            name: Cow::Borrowed(name.as_bytes()),
        };
        wire.ask(question, asked);
    }
    wire.ask(xres::query_extension(), Asked::Extension);
    wire.ask(QueryTreeRequest { window: root }, Asked::Tree);
    let (mut protocols, mut ping, mut extension) = (0, 0, None);
    let mut open: usize = 4;
    let mut pinged = HashSet::new();
    loop {
        let Some(packet) = wire.packet()? else {
            if open == 0 && pinged.is_empty() {
                return Ok(false);
            }
            wire.arrival().await?;
            continue;
        };
        let (asked, reply) = match packet {
            Packet::Event(CLIENT_MESSAGE_EVENT, event) => {
                if is_answer(&event, protocols, ping, &pinged) {
                    return Ok(true);
                }
                continue;
            }
            Packet::Event(..) => continue,
            Packet::Refused(_) => {
                open -= 1;
                continue;
            }
            Packet::Reply(asked, reply) => (asked, reply),
        };
        open -= 1;
        let atom = || InternAtomReply::try_parse(&reply).map_or(0, |(reply, _)| reply.atom);
        match asked {
            Asked::Protocols => protocols = atom(),
            Asked::Ping => ping = atom(),
            Asked::Extension => extension = xres::opcode(&reply),
            Asked::Tree => {
                let children = QueryTreeReply::try_parse(&reply);
                let children = children.map(|(tree, _)| tree.children).unwrap_or_default();
                let Some(extension) = extension else {
                    return Ok(false);
                };
                for window in children.into_iter().rev().take(MAX_WINDOWS) {
                    open += 1;
                    wire.ask_extension(xres::query_pid(window), extension, Asked::Owner(window));
                }
            }
            Asked::Owner(window) if xres::pid(&reply) == Some(pid) => {
                open += 1;
                let question = GetPropertyRequest {
                    delete: false,
                    window,
                    property: protocols,
                    type_: AtomEnum::ATOM.into(),
                    long_offset: 0,
                    long_length: 64,
                };
                wire.ask(question, Asked::Property(window));
            }
            Asked::Property(window) if ewmh::values(&reply).contains(&ping) => {
                let event = ClientMessageEvent::new(32, window, protocols, [ping, 1, window, 0, 0]);
                wire.send(SendEventRequest {
                    propagate: false,
                    destination: window,
                    event_mask: EventMask::NO_EVENT,
                    event: Cow::Owned(event.into()),
                });
                pinged.insert(window);
            }
            Asked::Owner(_) | Asked::Property(_) => {}
        }
    }
}

/// An application answers by sending the same on to the root window.
fn is_answer(event: &[u8], protocols: u32, ping: u32, pinged: &HashSet<Window>) -> bool {
    let Ok((event, _)) = ClientMessageEvent::try_parse(event) else {
        return false;
    };
    if event.format != 32 || event.type_ != protocols || pinged.contains(&event.window) {
        return false;
    }
    let data = event.data.as_data32();
    data[0] == ping && pinged.contains(&data[2])
}

//! Whether one process shows a window on an X display: how a dialog of another session manager is
//! seen to go away where that manager tells nobody of its answer.
//!
//! May touch the X server's socket. Windows are known by the process that the server vouches for
//! (X-Resource), since such a dialog often bypasses the window manager and stands in no list.

use std::collections::{HashMap, HashSet};
use std::io;

use x11rb_protocol::{
    protocol::xproto::{
        CREATE_NOTIFY_EVENT, ChangeWindowAttributesAux, ChangeWindowAttributesRequest,
        CreateNotifyEvent, DESTROY_NOTIFY_EVENT, DestroyNotifyEvent, EventMask,
        GetInputFocusRequest, GetWindowAttributesReply, GetWindowAttributesRequest,
        MAP_NOTIFY_EVENT, MapNotifyEvent, MapState, UNMAP_NOTIFY_EVENT, UnmapNotifyEvent, Window,
        WindowClass,
    },
    x11_utils::TryParse as _,
};

use super::{
    display::{DisplayError, MAX_WINDOWS},
    link::CONNECT_LIMIT,
    x11::{Packet, X11Wire, display_name},
    xres,
};

/// What a reply is about.
#[derive(Clone, Copy, Debug)]
enum Asked {
    Extension,
    Owner(Window),
    Attributes(Window),
    /// Nothing: it only has to come after what was asked before.
    Marker,
}

/// The windows that one process opens from now on.
#[derive(Debug)]
pub struct Shown {
    wire: X11Wire<Asked>,
    xres: u8,
    pid: u32,
    /// Windows of that process, and whether each was looked at.
    known: HashMap<Window, bool>,
    /// Those of them that are on the screen and not only for input.
    open: HashSet<Window>,
    /// One has come and gone before it could be looked at.
    missed: bool,
}

impl Shown {
    /// Watches the windows that `pid` opens on a display such as `:0` from when this returns.
    ///
    /// # Errors
    /// When the display cannot be reached, does not answer within 3 s, or cannot tell whose a window
    /// is (X-Resource 1.2).
    pub async fn watch(display: &str, pid: u32) -> Result<Self, DisplayError> {
        let mut wire = X11Wire::connect(display).await?;
        let root = wire.root();
        wire.send(select(root, EventMask::SUBSTRUCTURE_NOTIFY));
        // Its answer says that the server has taken in the line above, too.
        wire.ask(xres::query_extension(), Asked::Extension);
        let answer = tokio::time::timeout(CONNECT_LIMIT, first_reply(&mut wire));
        let what = || display_name(display);
        let reply = match answer.await {
            Ok(Ok(reply)) => reply,
            Ok(Err(source)) => {
                return Err(DisplayError::Io {
                    what: what(),
                    source,
                });
            }
            Err(_) => return Err(DisplayError::silent(what())),
        };
        let xres =
            reply
                .and_then(|r| xres::opcode(&r))
                .ok_or_else(|| DisplayError::Unsupported {
                    what: what(),
                    why: "it does not tell whose a window is (X-Resource)".to_owned(),
                })?;
        Ok(Self {
            wire,
            xres,
            pid,
            known: HashMap::new(),
            open: HashSet::new(),
            missed: false,
        })
    }

    /// Waits until the process shows its first window (`true`) or its last one has gone (`false`). One
    /// that has gone before it could be looked at is told of as gone; whether it was to be seen, nobody
    /// knows. Cancel-safe.
    ///
    /// # Errors
    /// When the display is lost.
    pub async fn change(&mut self) -> io::Result<bool> {
        loop {
            let before = !self.open.is_empty();
            while let Some(packet) = self.wire.packet()? {
                self.take(&packet);
                let now = !self.open.is_empty();
                if now != before || (std::mem::take(&mut self.missed) && !now) {
                    self.wire.flush()?;
                    return Ok(now);
                }
            }
            self.wire.arrival().await?;
        }
    }

    /// Whether a window is to be seen now, as the server has it.
    ///
    /// # Errors
    /// When the display is lost, or does not answer within 3 s.
    pub async fn is_open(&mut self) -> io::Result<bool> {
        let settled = tokio::time::timeout(CONNECT_LIMIT, self.settle());
        settled
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
        Ok(!self.open.is_empty())
    }

    /// Takes in what the server has to tell until now, and what that leads to.
    async fn settle(&mut self) -> io::Result<()> {
        // A new window takes two questions, one after the other.
        for _ in 0..3 {
            self.wire.ask(GetInputFocusRequest, Asked::Marker);
            loop {
                match self.wire.packet()? {
                    Some(Packet::Reply(Asked::Marker, _) | Packet::Refused(Asked::Marker)) => break,
                    Some(packet) => self.take(&packet),
                    None => self.wire.arrival().await?,
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, packet: &Packet<Asked>) {
        match packet {
            Packet::Reply(Asked::Owner(window), reply) => {
                if xres::pid(reply) == Some(self.pid) && self.known.len() < MAX_WINDOWS {
                    self.known.insert(*window, false);
                    // A window of its own tells of itself even when a window manager has put it
                    // into a frame. It may have been shown by then: hence the question.
                    self.wire.send(select(*window, EventMask::STRUCTURE_NOTIFY));
                    let question = GetWindowAttributesRequest { window: *window };
                    self.wire.ask(question, Asked::Attributes(*window));
                }
            }
            Packet::Reply(Asked::Attributes(window), reply) => {
                let Ok((attributes, _)) = GetWindowAttributesReply::try_parse(reply) else {
                    return;
                };
                if let Some(looked_at) = self.known.get_mut(window) {
                    *looked_at = true;
                }
                // What is only there to grab the keyboard is not seen by anybody.
                if attributes.class == WindowClass::INPUT_ONLY {
                    self.forget(*window);
                } else if attributes.map_state != MapState::UNMAPPED {
                    self.open.insert(*window);
                }
            }
            Packet::Refused(Asked::Attributes(window)) => self.forget(*window),
            Packet::Reply(Asked::Extension | Asked::Marker, _) | Packet::Refused(_) => {}
            Packet::Event(code, event) => self.event(*code, event),
        }
    }

    fn event(&mut self, code: u8, event: &[u8]) {
        match code {
            CREATE_NOTIFY_EVENT => {
                if let Ok((e, _)) = CreateNotifyEvent::try_parse(event) {
                    let question = xres::query_pid(e.window);
                    let tag = Asked::Owner(e.window);
                    self.wire.ask_extension(question, self.xres, tag);
                }
            }
            MAP_NOTIFY_EVENT => {
                if let Ok((e, _)) = MapNotifyEvent::try_parse(event)
                    && self.known.contains_key(&e.window)
                {
                    self.open.insert(e.window);
                }
            }
            UNMAP_NOTIFY_EVENT => {
                if let Ok((e, _)) = UnmapNotifyEvent::try_parse(event) {
                    self.open.remove(&e.window);
                }
            }
            DESTROY_NOTIFY_EVENT => {
                if let Ok((e, _)) = DestroyNotifyEvent::try_parse(event) {
                    self.forget(e.window);
                }
            }
            _ => {}
        }
    }

    fn forget(&mut self, window: Window) {
        self.missed |= self.known.remove(&window) == Some(false);
        self.open.remove(&window);
    }
}

fn select(window: Window, mask: EventMask) -> ChangeWindowAttributesRequest<'static> {
    ChangeWindowAttributesRequest {
        window,
        value_list: std::borrow::Cow::Owned(ChangeWindowAttributesAux::new().event_mask(mask)),
    }
}

/// The reply to the one question that is open; `None` where it is refused.
async fn first_reply(wire: &mut X11Wire<Asked>) -> io::Result<Option<Vec<u8>>> {
    loop {
        match wire.packet()? {
            None => wire.arrival().await?,
            Some(Packet::Reply(_, reply)) => return Ok(Some(reply)),
            Some(Packet::Refused(_)) => return Ok(None),
            Some(Packet::Event(..)) => {}
        }
    }
}

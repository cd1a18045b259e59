//! Any other window manager of an X display, and an X server without one: ended by SIGTERM, which
//! window managers and servers take as the word to exit (Xserver(1), "Signals").
//!
//! May touch the X server's socket. A window manager is the client behind the window that
//! `_NET_SUPPORTING_WM_CHECK` names (EWMH), else the owner of `WM_Sn` (ICCCM 4.3), and whose client
//! that is, the server tells (XRes). A window manager that shows neither cannot be told from other
//! clients: its server is ended then.

use std::borrow::Cow;

use x11rb_protocol::protocol::xproto::{
    Atom, ClientMessageEvent, EventMask, GetInputFocusRequest, GetPropertyReply,
    GetSelectionOwnerReply, GetSelectionOwnerRequest, InternAtomReply, InternAtomRequest,
    SendEventRequest, Window,
};
use x11rb_protocol::x11_utils::{ReplyRequest, TryParse};

use super::FindError;
use super::server::{At, Server};
use crate::adapter::link::Writer;
use crate::adapter::talk::TalkError;
use crate::adapter::x11::{Packet, X11Wire};
use crate::adapter::{ewmh, xres};

/// Whether this is one: everything behind an X display is, unless something better is known.
pub(super) fn is(server: &Server) -> bool {
    matches!(server.at, At::Managing(_) | At::X11(_))
}

/// A screen of an X display, asked one question at a time.
#[derive(Debug)]
pub(super) struct Screen {
    display: String,
    wire: X11Wire<()>,
}

impl Screen {
    pub(super) async fn connect(display: &str) -> Result<Self, FindError> {
        let wire = X11Wire::connect(display)
            .await
            .map_err(FindError::Display)?;
        let display = display.to_owned();
        Ok(Self { display, wire })
    }

    /// The X server.
    pub(super) fn server(&self) -> Option<Writer> {
        self.wire.server()
    }

    /// Waits until the server has done everything that was asked so far.
    pub(super) async fn sync(&mut self) -> Result<(), TalkError> {
        self.ask(GetInputFocusRequest, 0).await.map(drop)
    }

    /// The process of the window manager, where there is one that can be told.
    pub(super) async fn manager(&mut self) -> Result<Option<u32>, TalkError> {
        let windows = [self.supporting().await?, self.owner().await?];
        for window in windows.into_iter().flatten() {
            if let Some(pid) = self.client(window).await? {
                return Ok(Some(pid));
            }
        }
        Ok(None)
    }

    /// The window that the window manager keeps for others to see that it is there. One that does
    /// not name itself is left over from a window manager that has gone.
    async fn supporting(&mut self) -> Result<Option<Window>, TalkError> {
        let check = self.atom("_NET_SUPPORTING_WM_CHECK").await?;
        let root = self.wire.root();
        let Some(window) = self.window(root, check).await? else {
            return Ok(None);
        };
        let named = self.window(window, check).await?;
        Ok(named.filter(|named| *named == window))
    }

    async fn owner(&mut self) -> Result<Option<Window>, TalkError> {
        let name = format!("WM_S{}", self.wire.screen());
        let selection = self.atom(&name).await?;
        let reply = self.ask(GetSelectionOwnerRequest { selection }, 0).await?;
        let owner = |reply: Vec<u8>| Some(GetSelectionOwnerReply::try_parse(&reply).ok()?.0.owner);
        Ok(reply.and_then(owner).filter(|window| *window != 0))
    }

    /// The local process whose client made this window.
    async fn client(&mut self, window: Window) -> Result<Option<u32>, TalkError> {
        let reply = self.ask(xres::query_extension(), 0).await?;
        let Some(opcode) = reply.and_then(|reply| xres::opcode(&reply)) else {
            return Ok(None);
        };
        let reply = self.ask(xres::query_pid(window), opcode).await?;
        Ok(reply.and_then(|reply| xres::pid(&reply)))
    }

    /// 0 where nobody has used the name yet: the server refuses whatever is asked with that.
    async fn atom(&mut self, name: &str) -> Result<Atom, TalkError> {
        let name = Cow::Borrowed(name.as_bytes());
        let request = InternAtomRequest {
            only_if_exists: true,
            name,
        };
        let reply = self.ask(request, 0).await?;
        let atom = |reply: Vec<u8>| Some(InternAtomReply::try_parse(&reply).ok()?.0.atom);
        Ok(reply.and_then(atom).unwrap_or_default())
    }

    async fn window(&mut self, of: Window, property: Atom) -> Result<Option<Window>, TalkError> {
        let reply = self.ask(ewmh::property(of, property, 4), 0).await?;
        let values = reply.map(|reply| ewmh::values(&reply)).unwrap_or_default();
        Ok(values.first().copied().filter(|window| *window != 0))
    }

    /// A text property of the root window, of at most this many bytes.
    pub(super) async fn root_text(&mut self, name: &str, bytes: u32) -> Result<String, TalkError> {
        let property = self.atom(name).await?;
        let root = self.wire.root();
        let reply = self.ask(ewmh::property(root, property, bytes), 0).await?;
        let text = |reply: Vec<u8>| {
            let (reply, _) = GetPropertyReply::try_parse(&reply).ok()?;
            Some(String::from_utf8_lossy(&reply.value).into_owned())
        };
        Ok(reply.and_then(text).unwrap_or_default())
    }

    /// Sends a message to the window manager, as EWMH has clients do it.
    pub(super) async fn tell(&mut self, name: &str, data: u32) -> Result<(), TalkError> {
        let kind = self.atom(name).await?;
        let root = self.wire.root();
        let event = ClientMessageEvent::new(32, root, kind, [data, 0, 0, 0, 0]);
        let mask = EventMask::SUBSTRUCTURE_NOTIFY | EventMask::SUBSTRUCTURE_REDIRECT;
        self.wire.send(SendEventRequest {
            propagate: false,
            destination: root,
            event_mask: mask,
            event: Cow::Owned(event.into()),
        });
        self.sync().await
    }

    /// Asks, and waits for the answer; `None` where the server refuses, most often because the window
    /// has gone.
    async fn ask<R: ReplyRequest>(
        &mut self,
        request: R,
        opcode: u8,
    ) -> Result<Option<Vec<u8>>, TalkError> {
        self.wire.ask_extension(request, opcode, ());
        loop {
            let broken = |source| TalkError::Io {
                what: format!("the X display {}", self.display),
                source,
            };
            match self.wire.packet().map_err(broken)? {
                None => self.wire.arrival().await.map_err(broken)?,
                Some(Packet::Event(..)) => {}
                Some(Packet::Refused(())) => return Ok(None),
                Some(Packet::Reply((), reply)) => return Ok(Some(reply)),
            }
        }
    }
}

//! An X display as a test sees it: windows, the focus, typing. Each call uses a connection of its
//! own, so it disturbs no other's events.

use std::{fmt, os::fd::AsFd, time::Duration};

use x11rb::{
    connection::{Connection, RequestConnection as _},
    errors::ReplyError,
    properties::WmClass,
    protocol::{
        res::{self, ClientIdMask, ClientIdSpec, ConnectionExt as _},
        xproto::{
            Atom, AtomEnum, ChangeWindowAttributesAux, ClientMessageEvent, ConnectionExt as _,
            EventMask, InputFocus, MapState, Window as Id,
        },
    },
    rust_connection::RustConnection,
};

use super::keys;
use crate::wait::{Deadline, LIMIT};

x11rb::atom_manager! {
    /// The names that window managers and clients use.
    Atoms: AtomsCookie {
        SM_CLIENT_ID,
        UTF8_STRING,
        WM_CLIENT_LEADER,
        WM_DELETE_WINDOW,
        WM_PROTOCOLS,
        _NET_ACTIVE_WINDOW,
        _NET_CLIENT_LIST,
        _NET_CLOSE_WINDOW,
        _NET_SUPPORTED,
        _NET_SUPPORTING_WM_CHECK,
        _NET_WM_NAME,
    }
}

/// One window of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its XID.
    pub id: Id,
    /// The process behind its connection, as the server knows it (XRes).
    pub pid: Option<u32>,
    /// The class part of `WM_CLASS`.
    pub class: String,
    /// The title: `_NET_WM_NAME`, or `WM_NAME`.
    pub title: String,
    /// The window it is a dialog of.
    pub transient_for: Option<Id>,
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} (pid {:?})", self.class, self.title, self.pid)
    }
}

/// An X display, by name.
#[derive(Clone, Debug)]
pub struct Display {
    name: String,
}

impl Display {
    /// The display called `name`, as in `DISPLAY`; nothing is connected yet.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
        }
    }

    /// Its name, as in `DISPLAY`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The windows of clients. Without a window manager: the named and mapped children of the root.
    #[track_caller]
    pub fn windows(&self) -> Vec<Window> {
        self.open().windows()
    }

    /// The titles of all windows.
    #[track_caller]
    pub fn titles(&self) -> Vec<String> {
        self.windows()
            .into_iter()
            .map(|window| window.title)
            .collect()
    }

    /// Waits for a window that `wanted` accepts; None when `limit` runs out.
    #[track_caller]
    pub fn try_window(&self, limit: Duration, wanted: impl Fn(&Window) -> bool) -> Option<Window> {
        let session = self.open();
        session.wait_until(limit, || session.windows().into_iter().find(&wanted))
    }

    /// Waits for a window that `wanted` accepts.
    ///
    /// # Panics
    /// When `limit` runs out; the message lists the windows.
    #[track_caller]
    pub fn wait_for_window(&self, limit: Duration, wanted: impl Fn(&Window) -> bool) -> Window {
        let session = self.open();
        let found = session.wait_until(limit, || session.windows().into_iter().find(&wanted));
        found.unwrap_or_else(|| {
            panic!(
                "within {limit:?} no such window, only {:#?}",
                session.windows()
            )
        })
    }

    /// Waits until the windows are as `wanted` says: until one has gone, or all have.
    ///
    /// # Panics
    /// When `limit` runs out; the message lists the windows.
    #[track_caller]
    pub fn wait_for_windows(&self, limit: Duration, wanted: impl Fn(&[Window]) -> bool) {
        let session = self.open();
        let found = session.wait_until(limit, || wanted(&session.windows()).then_some(()));
        found.unwrap_or_else(|| panic!("within {limit:?} windows stayed {:#?}", session.windows()));
    }

    /// Waits until no window is left.
    #[track_caller]
    pub fn wait_until_empty(&self, limit: Duration) {
        self.wait_for_windows(limit, <[Window]>::is_empty);
    }

    /// The XSMP id of the client behind `window`: `SM_CLIENT_ID` of its `WM_CLIENT_LEADER` (ICCCM 5.1).
    /// None while it has none.
    #[track_caller]
    pub fn session_id(&self, window: &Window) -> Option<String> {
        self.open().session_id(window.id)
    }

    /// Waits until the client behind `window` has an XSMP id: until it has registered.
    ///
    /// # Panics
    /// When `limit` runs out.
    #[track_caller]
    pub fn wait_for_session_id(&self, window: &Window, limit: Duration) -> String {
        let session = self.open();
        let found = session.wait_until(limit, || session.session_id(window.id));
        found.unwrap_or_else(|| panic!("within {limit:?} {window} has no SM_CLIENT_ID"))
    }

    /// Waits until a window manager has said that it manages the display.
    #[track_caller]
    pub fn wait_for_window_manager(&self, limit: Duration) {
        let session = self.open();
        // It keeps the list from then on, so an empty one is there too.
        let ready = || {
            session.window_manager()?;
            session.property(session.root, session.atoms._NET_CLIENT_LIST)
        };
        assert!(
            session.wait_until(limit, ready).is_some(),
            "no window manager on {}",
            self.name
        );
    }

    /// Gives `window` the keyboard, and waits until it has it.
    #[track_caller]
    pub fn focus(&self, window: &Window) {
        self.open().focus(window);
    }

    /// Types `text` into `window`, through XTEST: to the client it is a keyboard's.
    ///
    /// # Panics
    /// When the display's layout lacks a character of `text`.
    #[track_caller]
    pub fn type_text(&self, window: &Window, text: &str) {
        let session = self.open();
        session.focus(window);
        keys::type_text(&session.connection, session.root, text);
    }

    /// Presses a key with modifiers in `window`: `["Control", "Shift", "s"]`.
    #[track_caller]
    pub fn press(&self, window: &Window, chord: &[&str]) {
        let session = self.open();
        session.focus(window);
        keys::press(&session.connection, session.root, chord);
    }

    /// Asks for `window` to be closed, as its user would: through the window manager where there is
    /// one that does that, else with `WM_DELETE_WINDOW`.
    #[track_caller]
    pub fn close(&self, window: &Window) {
        let session = self.open();
        let atoms = &session.atoms;
        let supported = session.property(session.root, atoms._NET_SUPPORTED);
        let supported = numbers(&supported.unwrap_or_default());
        // A Wayland compositor manages the windows of its Xwayland, and closes none for others.
        let closes = supported.contains(&atoms._NET_CLOSE_WINDOW);
        let message = if closes && session.window_manager().is_some() {
            // A source indication of 2: a pager, on the user's behalf.
            ClientMessageEvent::new(32, window.id, atoms._NET_CLOSE_WINDOW, [0, 2, 0, 0, 0])
        } else {
            let data = [atoms.WM_DELETE_WINDOW, 0, 0, 0, 0];
            ClientMessageEvent::new(32, window.id, atoms.WM_PROTOCOLS, data)
        };
        let managed = message.type_ == atoms._NET_CLOSE_WINDOW;
        let target = if managed { session.root } else { window.id };
        session.send(target, managed, message);
    }

    #[track_caller]
    pub(super) fn open(&self) -> Session {
        Session::open(&self.name).unwrap_or_else(|error| panic!("X display {}: {error}", self.name))
    }
}

/// A connection to a display.
pub(super) struct Session {
    pub(super) connection: RustConnection,
    pub(super) root: Id,
    atoms: Atoms,
}

impl Session {
    fn open(name: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let (connection, screen) = x11rb::connect(Some(name))?;
        let root = connection.setup().roots[screen].root;
        let atoms = Atoms::new(&connection)?.reply()?;
        Ok(Self {
            connection,
            root,
            atoms,
        })
    }

    /// Waits until `wanted` finds something; it is asked again whenever anything has changed.
    pub(super) fn wait_until<T>(
        &self,
        limit: Duration,
        wanted: impl Fn() -> Option<T>,
    ) -> Option<T> {
        let deadline = Deadline::after(limit);
        self.watch(
            self.root,
            EventMask::SUBSTRUCTURE_NOTIFY | EventMask::PROPERTY_CHANGE,
        );
        loop {
            // What comes while the windows are read has to be looked at once more.
            while self
                .connection
                .poll_for_event()
                .expect("the X server lives")
                .is_some()
            {}
            let found = wanted();
            if found.is_some() {
                return found;
            }
            let mut changed = false;
            while self
                .connection
                .poll_for_event()
                .expect("the X server lives")
                .is_some()
            {
                changed = true;
            }
            if deadline.passed()
                || (!changed && !deadline.readable(self.connection.stream().as_fd()))
            {
                return None;
            }
        }
    }

    pub(super) fn watch(&self, window: Id, mask: EventMask) {
        let mask = ChangeWindowAttributesAux::new().event_mask(mask);
        let _ = self
            .connection
            .change_window_attributes(window, &mask)
            .map(|cookie| cookie.ignore_error());
    }

    pub(super) fn windows(&self) -> Vec<Window> {
        let ids = match self.property(self.root, self.atoms._NET_CLIENT_LIST) {
            Some(list) => numbers(&list),
            None => self.mapped_children(),
        };
        ids.into_iter().filter_map(|id| self.window(id)).collect()
    }

    /// The children of the root, from the lowest to the topmost.
    pub(super) fn children(&self) -> Vec<Id> {
        let tree = self
            .connection
            .query_tree(self.root)
            .ok()
            .and_then(|cookie| cookie.reply().ok());
        tree.map(|tree| tree.children).unwrap_or_default()
    }

    pub(super) fn mapped_children(&self) -> Vec<Id> {
        let is_shown = |id: &Id| {
            let attributes = self.connection.get_window_attributes(*id).ok();
            let attributes = attributes.and_then(|cookie| cookie.reply().ok());
            attributes.is_some_and(|a| a.map_state == MapState::VIEWABLE && !a.override_redirect)
        };
        self.children().into_iter().filter(is_shown).collect()
    }

    /// The window `id`; None once it has gone. Changes of its properties become events.
    pub(super) fn window(&self, id: Id) -> Option<Window> {
        self.watch(id, EventMask::PROPERTY_CHANGE);
        let class = WmClass::get(&self.connection, id)
            .ok()?
            .reply_unchecked()
            .ok()?;
        let class = class.map(|class| String::from_utf8_lossy(class.class()).into_owned());
        let name = self
            .property(id, self.atoms._NET_WM_NAME)
            .or_else(|| self.property(id, AtomEnum::WM_NAME.into()));
        let transient = self.property(id, AtomEnum::WM_TRANSIENT_FOR.into());
        // A window that has gone in between has no process, and nothing to say of it is true.
        let pid = self.pid(id).ok()?;
        Some(Window {
            id,
            pid,
            class: class.unwrap_or_default(),
            title: String::from_utf8_lossy(&name.unwrap_or_default()).into_owned(),
            transient_for: transient.and_then(|bytes| numbers(&bytes).first().copied()),
        })
    }

    /// The XSMP id of a window's client. Changes of its leader's properties become events.
    fn session_id(&self, window: Id) -> Option<String> {
        self.watch(window, EventMask::PROPERTY_CHANGE);
        let leader = self.property(window, self.atoms.WM_CLIENT_LEADER)?;
        let leader = *numbers(&leader).first()?;
        self.watch(leader, EventMask::PROPERTY_CHANGE);
        let id = self.property(leader, self.atoms.SM_CLIENT_ID)?;
        String::from_utf8(id).ok()
    }

    fn pid(&self, id: Id) -> Result<Option<u32>, ReplyError> {
        if self
            .connection
            .extension_information(res::X11_EXTENSION_NAME)?
            .is_none()
        {
            return Ok(None);
        }
        let spec = ClientIdSpec {
            client: id,
            mask: ClientIdMask::LOCAL_CLIENT_PID,
        };
        let reply = self.connection.res_query_client_ids(&[spec])?.reply()?;
        Ok(reply.ids.first().and_then(|id| id.value.first().copied()))
    }

    pub(super) fn property(&self, window: Id, name: Atom) -> Option<Vec<u8>> {
        let cookie = self
            .connection
            .get_property(false, window, name, AtomEnum::ANY, 0, 1 << 16)
            .ok()?;
        let reply = cookie.reply().ok()?;
        (reply.type_ != x11rb::NONE).then_some(reply.value)
    }

    /// The window manager's own window, if one runs: the root names it, and it names itself.
    fn window_manager(&self) -> Option<Id> {
        let check = self.atoms._NET_SUPPORTING_WM_CHECK;
        let window = *numbers(&self.property(self.root, check)?).first()?;
        (numbers(&self.property(window, check)?).first() == Some(&window)).then_some(window)
    }

    fn focus(&self, window: &Window) {
        self.watch(
            window.id,
            EventMask::FOCUS_CHANGE | EventMask::PROPERTY_CHANGE,
        );
        // What is asked while a window manager is still placing the window, or gives the focus to
        // another that has just come, has no effect: it is asked again when something has changed.
        let focused = self.wait_until(LIMIT, || {
            let focused = self.has_focus(window.id);
            if !focused {
                self.ask_for_focus(window);
            }
            focused.then_some(())
        });
        let has_it = || self.connection.get_input_focus().ok()?.reply().ok();
        assert!(
            focused.is_some(),
            "{window} never had the keyboard, but {:?} of {:?}",
            has_it().map(|reply| reply.focus),
            self.windows()
        );
    }

    fn ask_for_focus(&self, window: &Window) {
        if self.window_manager().is_some() {
            let data = [2, x11rb::CURRENT_TIME, 0, 0, 0];
            let name = self.atoms._NET_ACTIVE_WINDOW;
            self.send(
                self.root,
                true,
                ClientMessageEvent::new(32, window.id, name, data),
            );
        } else {
            let _ = self
                .connection
                .set_input_focus(InputFocus::PARENT, window.id, x11rb::CURRENT_TIME)
                .map(|cookie| cookie.ignore_error());
        }
        // What follows waits for the answer and sends nothing.
        let _ = self.connection.flush();
    }

    /// Whether the focus is on `window` or inside it, where toolkits put it.
    pub(super) fn has_focus(&self, window: Id) -> bool {
        let Some(Ok(reply)) = self
            .connection
            .get_input_focus()
            .ok()
            .map(|cookie| cookie.reply())
        else {
            return false;
        };
        let mut at = reply.focus;
        while at > 1 && at != window {
            let tree = self
                .connection
                .query_tree(at)
                .ok()
                .and_then(|cookie| cookie.reply().ok());
            at = tree.map_or(0, |tree| tree.parent);
        }
        at == window
    }

    /// Sends `message`; to a root window it is for the window manager.
    fn send(&self, target: Id, to_root: bool, message: ClientMessageEvent) {
        let mask = if to_root {
            EventMask::SUBSTRUCTURE_REDIRECT | EventMask::SUBSTRUCTURE_NOTIFY
        } else {
            EventMask::NO_EVENT
        };
        let sent = self.connection.send_event(false, target, mask, message);
        sent.expect("the X server lives").ignore_error();
        // A server drops what a client has sent when that client closes its connection with events
        // unread; so nobody leaves before the server has answered.
        let sync = self
            .connection
            .get_input_focus()
            .expect("the X server lives")
            .reply();
        sync.expect("the X server answers");
    }
}

pub(super) fn numbers(bytes: &[u8]) -> Vec<u32> {
    let (words, _) = bytes.as_chunks();
    words.iter().map(|word| u32::from_ne_bytes(*word)).collect()
}

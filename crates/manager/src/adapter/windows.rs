//! X11: the windows of applications, with a window manager that speaks EWMH or with none.
//!
//! May touch the X server's socket. No question is ever waited for: what the server answers is
//! taken in as it arrives, so that a stopped server stops nothing here but the news of it.
//!
//! With a window manager, its `_NET_CLIENT_LIST` says which windows are applications'. Without
//! one (a kiosk, a bare `xinit`), the mapped children of the root window are. A window manager
//! that neither speaks EWMH nor leaves its clients where they were (twm) hides them from us.

mod leaders;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    future::pending,
    io,
};

use x11rb_protocol::{
    protocol::xproto::{
        CLIENT_MESSAGE_EVENT, ChangeWindowAttributesAux, ChangeWindowAttributesRequest,
        ClientMessageEvent, ConfigureWindowAux, ConfigureWindowRequest, DESTROY_NOTIFY_EVENT,
        DestroyNotifyEvent, EventMask, GetInputFocusRequest, GetSelectionOwnerReply,
        GetSelectionOwnerRequest, GetWindowAttributesReply, GetWindowAttributesRequest, InputFocus,
        InternAtomReply, InternAtomRequest, KillClientRequest, MAP_NOTIFY_EVENT, MapNotifyEvent,
        MapState, PROPERTY_NOTIFY_EVENT, PropertyNotifyEvent, QueryTreeReply, QueryTreeRequest,
        SendEventRequest, SetInputFocusRequest, StackMode, UNMAP_NOTIFY_EVENT, UnmapNotifyEvent,
    },
    x11_utils::TryParse,
};

use leaders::{Leader, Led};

use super::{
    display::{DisplayError, DisplayEvent, MAX_WINDOWS, Toplevel, WindowKey},
    ewmh::{self, Atoms, Piece},
    inquiry::Inquiry,
    ledger::Ledger,
    link::CONNECT_LIMIT,
    x11::{Packet, X11Wire, display_name},
    xres,
};

/// Atoms read of `_NET_SUPPORTED`: EWMH names about 100 hints.
const MAX_SUPPORTED: u32 = 1024;

/// The windows of an X11 session.
#[derive(Debug)]
pub struct X11Windows {
    what: String,
    wire: X11Wire<Ask>,
    atoms: Atoms,
    /// The X-Resource extension's opcode. Without it no process is known.
    xres: Option<u8>,
    manager: Manager,
    /// `WM_Sn`, the selection that a window manager of screen n owns (ICCCM 4.3), and its owner
    /// where no EWMH window manager is known.
    selection: u32,
    owner: u32,
    /// The window manager's process, as far as it was found; whether it was looked for.
    manager_pid: Option<u32>,
    sought_manager: bool,
    /// The windows that were there on connecting are known by name.
    listed: bool,
    windows: BTreeMap<u32, Window>,
    /// The windows that those name their client's leader: asked about once for all of them.
    leaders: BTreeMap<u32, Leader>,
    /// Tells a window from an earlier one of the same XID.
    births: u64,
    /// Tells one ping's answer from another's, and from a window manager's own pings.
    pings: u32,
    ledger: Ledger,
}

/// Who says which windows are applications'.
#[derive(Debug)]
enum Manager {
    /// Not known yet, or just changing: a window manager that starts or goes unmaps and reparents
    /// windows, and none of that means that a window has gone.
    Unknown,
    /// Nobody: the mapped children of the root window are.
    None,
    /// An EWMH window manager, known by its check window.
    Ewmh {
        check: u32,
        closes: bool,
        activates: bool,
        clients: BTreeSet<u32>,
    },
}

/// One window that is, or may turn out to be, an application's. It is told of when nothing of it
/// is missing.
#[derive(Debug)]
struct Window {
    about: Inquiry,
    led: Led,
    /// The first ping since it last answered one.
    ping: Option<u32>,
}

/// In which of the two a window is asked about; it may be both.
#[derive(Clone, Copy, Debug)]
enum Role {
    Window,
    Leader,
}

/// The questions to the server.
#[derive(Clone, Copy, Debug)]
enum Ask {
    Atom(usize),
    XRes,
    /// The root's `_NET_SUPPORTING_WM_CHECK`.
    Check,
    /// The same property of the window that the root's names, which has to name itself.
    CheckOf(u32),
    Supported,
    Clients,
    Tree,
    /// Nothing, but its answer follows those about the tree.
    TreeRead,
    /// Whether this child of the root is mapped and a window manager's business.
    Attributes(u32),
    Piece(Role, u32, u64, Piece),
    /// The atom of the window manager's selection, and who owns that.
    Selection,
    SelectionOwner,
    /// The process behind the window that stands for the window manager.
    ManagerPid(u32),
}

impl X11Windows {
    /// Connects to a display such as `:0`.
    ///
    /// # Errors
    /// [`DisplayError::Io`] if it cannot be reached, refuses us or says nothing for 3 s,
    /// [`DisplayError::Unsupported`] if it is on another machine.
    pub async fn connect(display: &str) -> Result<Self, DisplayError> {
        let what = display_name(display);
        tokio::time::timeout(CONNECT_LIMIT, Self::open(display))
            .await
            .unwrap_or_else(|_| Err(DisplayError::silent(what)))
    }

    async fn open(display: &str) -> Result<Self, DisplayError> {
        let mut this = Self {
            what: display_name(display),
            wire: X11Wire::connect(display).await?,
            atoms: Atoms::default(),
            xres: None,
            manager: Manager::Unknown,
            selection: 0,
            owner: 0,
            manager_pid: None,
            sought_manager: false,
            listed: false,
            windows: BTreeMap::new(),
            leaders: BTreeMap::new(),
            births: 0,
            pings: 0,
            ledger: Ledger::default(),
        };
        let selection = format!("WM_S{}", this.wire.screen());
        let names = Atoms::NAMES.iter().enumerate();
        let names = names.map(|(place, name)| (*name, Ask::Atom(place)));
        for (name, ask) in names.chain([(&*selection, Ask::Selection)]) {
            let request = InternAtomRequest {
                only_if_exists: false,
                name: Cow::Borrowed(name.as_bytes()),
            };
            this.wire.ask(request, ask);
        }
        this.wire.ask(xres::query_extension(), Ask::XRes);
        while !this.is_settled() {
            let arrival = this.wire.arrival().await.and_then(|()| this.read_packets());
            arrival.map_err(|source| DisplayError::Io {
                what: this.what.clone(),
                source,
            })?;
        }
        Ok(this)
    }

    /// Whether everything is known of every window that was found so far, and of who manages them.
    fn is_settled(&self) -> bool {
        self.listed && self.sought_manager && self.windows.values().all(Window::is_known)
    }

    /// The window manager's process; see [`super::display::Display::window_manager`].
    #[must_use]
    pub fn window_manager(&self) -> Option<u32> {
        self.manager_pid
    }

    /// The next event; see [`super::display::Display::next`].
    pub async fn next(&mut self) -> DisplayEvent {
        loop {
            if let Some(event) = self.ledger.pop() {
                return event;
            }
            if self.ledger.is_over() {
                return pending().await;
            }
            let arrival = self.wire.arrival().await;
            self.take_in(arrival.map(|()| true));
        }
    }

    /// An event that has already arrived.
    pub fn try_next(&mut self) -> Option<DisplayEvent> {
        if let Some(event) = self.ledger.pop() {
            return Some(event);
        }
        if !self.ledger.is_over() {
            let arrival = self.wire.turn();
            self.take_in(arrival);
        }
        self.ledger.pop()
    }

    fn take_in(&mut self, arrival: io::Result<bool>) {
        if let Err(error) = arrival.and_then(|_| self.read_packets()) {
            self.ledger.lost(format!("{}: {error}", self.what));
        }
    }

    /// Asks the window to close, by the best means that it and the window manager have.
    pub fn close(&mut self, window: WindowKey) {
        let Some((xid, known)) = self.known(window) else {
            return;
        };
        let deletable = known.about.facts.speaks(self.atoms.wm_delete_window);
        let (managed_close, _) = self.manager_does(xid);
        if managed_close {
            self.tell_manager(xid, self.atoms.net_close_window, [0, 2, 0, 0, 0]);
        } else if deletable {
            let data = [self.atoms.wm_delete_window, 0, 0, 0, 0];
            self.tell_window(xid, data);
        } else {
            // What every window manager does with a window that has no other way to be closed.
            self.wire.send(KillClientRequest { resource: xid });
        }
        self.flush();
    }

    /// Shows the window to the user: activates and raises it. `false`: it has gone.
    pub fn activate(&mut self, window: WindowKey) -> bool {
        let Some((xid, _)) = self.known(window) else {
            return false;
        };
        let (_, managed_activation) = self.manager_does(xid);
        if managed_activation {
            // Source 2: on the user's behalf. Otherwise a window manager may only let it flash.
            self.tell_manager(xid, self.atoms.net_active_window, [2, 0, 0, 0, 0]);
        } else {
            let value_list = ConfigureWindowAux::new().stack_mode(StackMode::ABOVE);
            self.wire.send(ConfigureWindowRequest {
                window: xid,
                value_list: Cow::Owned(value_list),
            });
            self.wire.send(SetInputFocusRequest {
                revert_to: InputFocus::POINTER_ROOT,
                focus: xid,
                time: 0,
            });
        }
        self.flush();
        true
    }

    /// Asks whether the application still handles events (EWMH `_NET_WM_PING`); `false` where
    /// its window does not take part in that.
    pub fn ping(&mut self, window: WindowKey) -> bool {
        let ping = self.atoms.net_wm_ping;
        let Some((xid, known)) = self.known(window) else {
            return false;
        };
        if !known.about.facts.speaks(ping) {
            return false;
        }
        self.pings = self.pings.wrapping_add(1);
        let serial = self.pings;
        if let Some(known) = self.windows.get_mut(&xid) {
            known.ping.get_or_insert(serial);
        }
        self.tell_window(xid, [ping, serial, xid, 0, 0]);
        self.flush();
        true
    }

    /// Whether the window manager closes, and whether it activates, this window when told to.
    fn manager_does(&self, xid: u32) -> (bool, bool) {
        match &self.manager {
            Manager::Ewmh {
                closes,
                activates,
                clients,
                ..
            } if clients.contains(&xid) => (*closes, *activates),
            _ => (false, false),
        }
    }

    /// The XID and what is known of a window that was told of and has not gone.
    fn known(&self, key: WindowKey) -> Option<(u32, &Window)> {
        let xid = u32::try_from(key.0)
            .ok()
            .filter(|_| self.ledger.contains(key))?;
        Some((xid, self.windows.get(&xid)?))
    }

    /// A message to the window manager about a window (EWMH, "Root Window Messages").
    fn tell_manager(&mut self, window: u32, kind: u32, data: [u32; 5]) {
        let event = ClientMessageEvent::new(32, window, kind, data);
        self.send_event(
            self.wire.root(),
            EventMask::SUBSTRUCTURE_REDIRECT | EventMask::SUBSTRUCTURE_NOTIFY,
            event,
        );
    }

    /// A message to the window's owner (ICCCM 4.2.8).
    fn tell_window(&mut self, window: u32, data: [u32; 5]) {
        let event = ClientMessageEvent::new(32, window, self.atoms.wm_protocols, data);
        self.send_event(window, EventMask::NO_EVENT, event);
    }

    fn send_event(&mut self, destination: u32, event_mask: EventMask, event: ClientMessageEvent) {
        let event = Cow::Owned(event.into());
        self.wire.send(SendEventRequest {
            propagate: false,
            destination,
            event_mask,
            event,
        });
    }

    /// Sends what the socket takes now; the rest, and the news of a broken socket, is for `next`.
    fn flush(&mut self) {
        if let Err(error) = self.wire.flush() {
            tracing::debug!(%error, "a request could not be sent");
        }
    }

    fn read_packets(&mut self) -> io::Result<()> {
        while let Some(packet) = self.wire.packet()? {
            match packet {
                Packet::Reply(ask, reply) => self.answered(ask, Some(&reply)),
                Packet::Refused(ask) => self.answered(ask, None),
                Packet::Event(code, event) => self.happened(code, &event),
            }
        }
        Ok(())
    }

    // What the server answered.

    fn answered(&mut self, ask: Ask, reply: Option<&[u8]>) {
        match ask {
            Ask::Atom(place) => {
                let atom = reply.and_then(|reply| InternAtomReply::try_parse(reply).ok());
                self.atoms
                    .set(place, atom.map_or(0, |(reply, _)| reply.atom));
            }
            // The last of the questions that everything else needs.
            Ask::XRes => {
                self.xres = reply.and_then(xres::opcode);
                if self.xres.is_none() {
                    tracing::warn!("{} lacks X-Resource: processes stay unknown", self.what);
                }
                let mask = EventMask::PROPERTY_CHANGE | EventMask::SUBSTRUCTURE_NOTIFY;
                self.select(self.wire.root(), mask);
                self.ask_manager();
            }
            Ask::Check => match reply.map(ewmh::values).as_deref() {
                Some([check, ..]) if ![0, self.wire.root()].contains(check) => {
                    let check = *check;
                    let mask = self.mask(check) | EventMask::STRUCTURE_NOTIFY;
                    self.select(check, mask);
                    self.ask_property(
                        check,
                        self.atoms.net_supporting_wm_check,
                        4,
                        Ask::CheckOf(check),
                    );
                }
                _ => self.unmanaged(),
            },
            Ask::CheckOf(check) => {
                // The root's property outlives the window manager that set it (EWMH).
                if reply
                    .map(ewmh::values)
                    .is_some_and(|values| values.first() == Some(&check))
                {
                    self.managed(check);
                } else {
                    self.unmanaged();
                }
            }
            Ask::Supported => {
                let hints = reply.map(ewmh::values).unwrap_or_default();
                if let Manager::Ewmh {
                    closes, activates, ..
                } = &mut self.manager
                {
                    *closes = hints.contains(&self.atoms.net_close_window);
                    *activates = hints.contains(&self.atoms.net_active_window);
                }
            }
            Ask::Clients => self.listed_clients(reply.map(ewmh::values).unwrap_or_default()),
            Ask::Tree => {
                let tree = reply.and_then(|reply| QueryTreeReply::try_parse(reply).ok());
                let children = tree.map(|(tree, _)| tree.children).unwrap_or_default();
                // Topmost first: what the user sees is not lost to a client's thousand hidden ones.
                for xid in children.into_iter().rev().take(4 * MAX_WINDOWS) {
                    self.wire.ask(
                        GetWindowAttributesRequest { window: xid },
                        Ask::Attributes(xid),
                    );
                }
                // The answers come in order: when this one is here, those all are.
                self.wire.ask(GetInputFocusRequest, Ask::TreeRead);
            }
            Ask::TreeRead => self.listed = true,
            Ask::Attributes(xid) => {
                let reply = reply.and_then(|reply| GetWindowAttributesReply::try_parse(reply).ok());
                match reply {
                    Some((a, _)) if a.map_state != MapState::UNMAPPED && !a.override_redirect => {
                        if matches!(self.manager, Manager::None) {
                            self.track(xid);
                        }
                    }
                    _ if self.is_listed(xid) => {}
                    _ => self.forget(xid),
                }
            }
            Ask::Piece(role, xid, birth, piece) => self.learned(role, xid, birth, piece, reply),
            Ask::Selection => {
                let atom = reply.and_then(|reply| InternAtomReply::try_parse(reply).ok());
                self.selection = atom.map_or(0, |(reply, _)| reply.atom);
            }
            Ask::SelectionOwner => {
                let owner = reply.and_then(|reply| GetSelectionOwnerReply::try_parse(reply).ok());
                let owner = owner.map_or(0, |(reply, _)| reply.owner);
                self.owned(owner);
            }
            Ask::ManagerPid(of) => {
                let pid = reply.and_then(xres::pid);
                let is_check = matches!(self.manager, Manager::Ewmh { check, .. } if check == of);
                if is_check && pid.is_none() {
                    self.ask_owner();
                } else if is_check || of == self.owner {
                    self.found_manager(pid);
                }
            }
        }
    }

    fn learned(&mut self, role: Role, xid: u32, birth: u64, piece: Piece, reply: Option<&[u8]>) {
        let atoms = self.atoms;
        let Some(about) = self.about(role, xid).filter(|about| about.birth == birth) else {
            return;
        };
        if about.answered(piece, reply, &atoms) {
            self.ask_piece(role, xid, piece);
        }
        match role {
            Role::Leader => self.tell_followers(xid),
            Role::Window => {
                if piece == Piece::Leader {
                    self.follow_leader(xid);
                }
                self.tell(xid);
            }
        }
    }

    fn about(&mut self, role: Role, xid: u32) -> Option<&mut Inquiry> {
        match role {
            Role::Window => self.windows.get_mut(&xid).map(|window| &mut window.about),
            Role::Leader => self.leaders.get_mut(&xid).map(|leader| &mut leader.about),
        }
    }

    // What happened on the display.

    fn happened(&mut self, code: u8, event: &[u8]) {
        let root = self.wire.root();
        match code {
            PROPERTY_NOTIFY_EVENT => {
                let Ok((event, _)) = PropertyNotifyEvent::try_parse(event) else {
                    return;
                };
                if event.window != root {
                    if let Some(piece) = Piece::of_atom(event.atom, &self.atoms) {
                        self.ask_piece(Role::Window, event.window, piece);
                        if Piece::OF_LEADER.contains(&piece) {
                            self.ask_piece(Role::Leader, event.window, piece);
                        }
                    }
                } else if event.atom == self.atoms.net_supporting_wm_check {
                    self.ask_manager();
                } else if matches!(self.manager, Manager::Ewmh { .. }) {
                    if event.atom == self.atoms.net_client_list {
                        self.ask_clients();
                    } else if event.atom == self.atoms.net_supported {
                        self.ask_supported();
                    }
                }
            }
            MAP_NOTIFY_EVENT => {
                let Ok((event, _)) = MapNotifyEvent::try_parse(event) else {
                    return;
                };
                let is_child = event.event == root && !event.override_redirect;
                if is_child && matches!(self.manager, Manager::None) {
                    self.track(event.window);
                }
            }
            UNMAP_NOTIFY_EVENT => {
                let Ok((event, _)) = UnmapNotifyEvent::try_parse(event) else {
                    return;
                };
                // A client that the window manager lists may be iconified, and a window that is
                // reparented is unmapped for a moment: ask again rather than believe it.
                let listed = self.is_listed(event.window);
                if self.windows.contains_key(&event.window) && !listed {
                    let request = GetWindowAttributesRequest {
                        window: event.window,
                    };
                    self.wire.ask(request, Ask::Attributes(event.window));
                }
            }
            DESTROY_NOTIFY_EVENT => {
                let Ok((event, _)) = DestroyNotifyEvent::try_parse(event) else {
                    return;
                };
                self.forget(event.window);
                self.forget_leader(event.window);
                match &mut self.manager {
                    Manager::Ewmh { check, .. } if *check == event.window => self.ask_manager(),
                    _ if self.owner == event.window => self.ask_manager(),
                    Manager::Ewmh { clients, .. } => drop(clients.remove(&event.window)),
                    _ => {}
                }
            }
            CLIENT_MESSAGE_EVENT => {
                let Ok((event, _)) = ClientMessageEvent::try_parse(event) else {
                    return;
                };
                self.message(&event);
            }
            _ => {}
        }
    }

    /// An application answers a ping by sending it on to the root window.
    fn message(&mut self, event: &ClientMessageEvent) {
        let of_root = event.window == self.wire.root() && event.format == 32;
        if !of_root || event.type_ != self.atoms.wm_protocols {
            return;
        }
        let [protocol, serial, xid, ..] = event.data.as_data32();
        let Some(window) = self.windows.get_mut(&xid) else {
            return;
        };
        // Any ping of ours since will do: whoever is asked every second and answers after two is
        // slow, not hung.
        let ours = |first| serial.wrapping_sub(first) <= self.pings.wrapping_sub(first);
        if protocol == self.atoms.net_wm_ping && window.ping.is_some_and(ours) {
            window.ping = None;
            self.ledger.pong(WindowKey(u64::from(xid)));
        }
    }

    // Which windows there are.

    fn ask_manager(&mut self) {
        self.manager = Manager::Unknown;
        self.owner = 0;
        let root = self.wire.root();
        self.ask_property(root, self.atoms.net_supporting_wm_check, 4, Ask::Check);
    }

    fn managed(&mut self, check: u32) {
        let clients = BTreeSet::new();
        self.manager = Manager::Ewmh {
            check,
            closes: false,
            activates: false,
            clients,
        };
        self.ask_supported();
        self.ask_clients();
        self.ask_manager_pid(check);
    }

    fn unmanaged(&mut self) {
        self.manager = Manager::None;
        // Clients of a window manager that has gone are told of under other rules now.
        let known: Vec<u32> = self.windows.keys().copied().collect();
        known.into_iter().for_each(|xid| self.tell(xid));
        self.wire.ask(
            QueryTreeRequest {
                window: self.wire.root(),
            },
            Ask::Tree,
        );
        self.ask_owner();
    }

    // Whose the window manager is.

    fn ask_manager_pid(&mut self, of: u32) {
        match self.xres {
            Some(opcode) => {
                self.wire
                    .ask_extension(xres::query_pid(of), opcode, Ask::ManagerPid(of));
            }
            None => self.found_manager(None),
        }
    }

    fn ask_owner(&mut self) {
        let selection = self.selection;
        self.wire
            .ask(GetSelectionOwnerRequest { selection }, Ask::SelectionOwner);
    }

    fn owned(&mut self, owner: u32) {
        if matches!(self.manager, Manager::Unknown) {
            // Another window manager is being looked for already.
            return;
        }
        if [0, self.wire.root()].contains(&owner) {
            return self.found_manager(None);
        }
        self.owner = owner;
        self.reselect(owner);
        self.ask_manager_pid(owner);
    }

    fn found_manager(&mut self, pid: Option<u32>) {
        self.manager_pid = pid;
        self.sought_manager = true;
    }

    // Which windows are applications'.

    fn ask_supported(&mut self) {
        let root = self.wire.root();
        self.ask_property(
            root,
            self.atoms.net_supported,
            4 * MAX_SUPPORTED,
            Ask::Supported,
        );
    }

    fn ask_clients(&mut self) {
        let root = self.wire.root();
        let bytes = 4 * MAX_WINDOWS as u32;
        self.ask_property(root, self.atoms.net_client_list, bytes, Ask::Clients);
    }

    fn listed_clients(&mut self, list: Vec<u32>) {
        self.listed = true;
        let Manager::Ewmh { clients, .. } = &mut self.manager else {
            return;
        };
        let new: BTreeSet<u32> = list.into_iter().collect();
        let old = std::mem::replace(clients, new.clone());
        // A window that was known before this window manager came, and that it has not got to
        // yet, is not gone: only what was listed once and is no more.
        for xid in old.difference(&new) {
            self.forget(*xid);
        }
        for xid in new.difference(&old) {
            self.track(*xid);
            self.tell(*xid);
        }
    }

    fn is_listed(&self, xid: u32) -> bool {
        matches!(&self.manager, Manager::Ewmh { clients, .. } if clients.contains(&xid))
    }

    /// Starts to watch a window and asks for all that there is to know of it.
    fn track(&mut self, xid: u32) {
        let is_new = xid != self.wire.root() && !self.windows.contains_key(&xid);
        if !is_new || self.windows.len() >= MAX_WINDOWS {
            return;
        }
        self.births += 1;
        let window = Window {
            about: Inquiry::new(self.births, &Piece::ALL),
            led: Led::Unasked,
            ping: None,
        };
        self.windows.insert(xid, window);
        // First watched, then asked: no change falls between the two.
        self.reselect(xid);
        for piece in Piece::ALL {
            self.ask_piece(Role::Window, xid, piece);
        }
    }

    fn forget(&mut self, xid: u32) {
        if let Some(window) = self.windows.remove(&xid) {
            self.leave_leader(xid, window.led);
            self.reselect(xid);
            self.ledger.remove(WindowKey(u64::from(xid)));
        }
    }

    /// Tells the manager of a window as it is now, once all is known of it.
    fn tell(&mut self, xid: u32) {
        let listed = self.is_listed(xid);
        let Some(window) = self.windows.get(&xid).filter(|window| window.is_known()) else {
            return;
        };
        let key = WindowKey(u64::from(xid));
        let facts = &window.about.facts;
        if facts.is_application(listed) {
            let leader = window.led.leader();
            let session_id = match leader.map(|leader| self.leaders.get(&leader)) {
                None => facts.session_id(None),
                Some(Some(leader)) => facts.session_id(Some(&leader.about.facts)),
                // It was destroyed.
                Some(None) => None,
            };
            let toplevel = Toplevel {
                session_id,
                ..facts.toplevel()
            };
            self.ledger.update(key, toplevel);
        } else {
            self.ledger.remove(key);
        }
    }

    fn ask_piece(&mut self, role: Role, xid: u32, piece: Piece) {
        let atoms = self.atoms;
        let Some(about) = self.about(role, xid) else {
            return;
        };
        if !about.ask(piece) {
            return;
        }
        let birth = about.birth;
        let ask = Ask::Piece(role, xid, birth, piece);
        match (piece.request(xid, &atoms), self.xres) {
            (Some(request), _) => self.wire.ask(request, ask),
            (None, Some(opcode)) => self.wire.ask_extension(xres::query_pid(xid), opcode, ask),
            (None, None) => self.learned(role, xid, birth, piece, None),
        }
    }

    fn ask_property(&mut self, window: u32, property: u32, bytes: u32, ask: Ask) {
        self.wire.ask(ewmh::property(window, property, bytes), ask);
    }

    /// What is to be heard of a window, whatever it is to us.
    fn mask(&self, xid: u32) -> EventMask {
        let is_check = matches!(self.manager, Manager::Ewmh { check, .. } if check == xid);
        if self.windows.contains_key(&xid) || self.leaders.contains_key(&xid) {
            EventMask::PROPERTY_CHANGE | EventMask::STRUCTURE_NOTIFY
        } else if is_check || xid == self.owner {
            EventMask::STRUCTURE_NOTIFY
        } else {
            EventMask::NO_EVENT
        }
    }

    fn reselect(&mut self, xid: u32) {
        let mask = self.mask(xid);
        self.select(xid, mask);
    }

    fn select(&mut self, window: u32, mask: EventMask) {
        let value_list = ChangeWindowAttributesAux::new().event_mask(mask);
        self.wire.send(ChangeWindowAttributesRequest {
            window,
            value_list: Cow::Owned(value_list),
        });
    }
}

impl Window {
    /// Whether everything is known of it.
    fn is_known(&self) -> bool {
        self.about.is_complete() && matches!(self.led, Led::By(_))
    }
}

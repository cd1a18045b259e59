//! What an X11 window says of itself (ICCCM, EWMH), and whether it is an application's.
//!
//! Sans-IO: property values in, answers out. Every value is a claim of the window's owner, so
//! nothing here says whose the window is.

use x11rb_protocol::{
    protocol::xproto::{Atom, AtomEnum, GetPropertyReply, GetPropertyRequest},
    x11_utils::TryParse,
};

use super::{
    display::{MAX_TEXT, Toplevel},
    text,
};

/// Declares the atoms that are interned on connecting, each with its name on the wire.
macro_rules! atoms {
    ($($field:ident: $name:literal,)*) => {
        /// The atoms of one display.
        #[derive(Clone, Copy, Debug, Default)]
        pub(crate) struct Atoms { $(pub(crate) $field: Atom,)* }

        impl Atoms {
            /// Their names, in the order of [`Self::set`].
            pub(crate) const NAMES: &'static [&'static str] = &[$($name,)*];

            /// Stores what the server answered for the name at this place.
            pub(crate) fn set(&mut self, place: usize, atom: Atom) {
                let fields = [$(&mut self.$field,)*];
                if let Some(field) = fields.into_iter().nth(place) {
                    *field = atom;
                }
            }
        }
    };
}

atoms! {
    utf8_string: "UTF8_STRING",
    wm_protocols: "WM_PROTOCOLS",
    wm_delete_window: "WM_DELETE_WINDOW",
    wm_state: "WM_STATE",
    wm_client_leader: "WM_CLIENT_LEADER",
    sm_client_id: "SM_CLIENT_ID",
    net_supported: "_NET_SUPPORTED",
    net_supporting_wm_check: "_NET_SUPPORTING_WM_CHECK",
    net_client_list: "_NET_CLIENT_LIST",
    net_close_window: "_NET_CLOSE_WINDOW",
    net_active_window: "_NET_ACTIVE_WINDOW",
    net_wm_name: "_NET_WM_NAME",
    net_wm_ping: "_NET_WM_PING",
    net_wm_state: "_NET_WM_STATE",
    net_wm_state_modal: "_NET_WM_STATE_MODAL",
    net_wm_window_type: "_NET_WM_WINDOW_TYPE",
    type_normal: "_NET_WM_WINDOW_TYPE_NORMAL",
    type_dialog: "_NET_WM_WINDOW_TYPE_DIALOG",
    type_utility: "_NET_WM_WINDOW_TYPE_UTILITY",
    type_desktop: "_NET_WM_WINDOW_TYPE_DESKTOP",
    type_dock: "_NET_WM_WINDOW_TYPE_DOCK",
    type_toolbar: "_NET_WM_WINDOW_TYPE_TOOLBAR",
    type_menu: "_NET_WM_WINDOW_TYPE_MENU",
    type_splash: "_NET_WM_WINDOW_TYPE_SPLASH",
    type_dropdown_menu: "_NET_WM_WINDOW_TYPE_DROPDOWN_MENU",
    type_popup_menu: "_NET_WM_WINDOW_TYPE_POPUP_MENU",
    type_tooltip: "_NET_WM_WINDOW_TYPE_TOOLTIP",
    type_notification: "_NET_WM_WINDOW_TYPE_NOTIFICATION",
    type_combo: "_NET_WM_WINDOW_TYPE_COMBO",
    type_dnd: "_NET_WM_WINDOW_TYPE_DND",
}

/// A property of a window, or its process: what there is to know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    NetName,
    Name,
    Class,
    Protocols,
    Type,
    Transient,
    NetState,
    State,
    /// The window that stands for the whole client (ICCCM 5.1).
    Leader,
    /// The client's name in XSMP, on its leader or on a window that has none.
    SessionId,
    Pid,
}

impl Piece {
    pub(crate) const ALL: [Self; 11] = [
        Self::NetName,
        Self::Name,
        Self::Class,
        Self::Protocols,
        Self::Type,
        Self::Transient,
        Self::NetState,
        Self::State,
        Self::Leader,
        Self::SessionId,
        Self::Pid,
    ];

    /// What there is to know of a leader: its id, and whose it is.
    pub(crate) const OF_LEADER: [Self; 2] = [Self::SessionId, Self::Pid];

    /// Its bit in a set of pieces.
    pub(crate) fn bit(self) -> u16 {
        1 << self as u16
    }

    /// The property it is; the process is none.
    fn atom(self, atoms: &Atoms) -> Option<Atom> {
        Some(match self {
            Self::NetName => atoms.net_wm_name,
            Self::Name => AtomEnum::WM_NAME.into(),
            Self::Class => AtomEnum::WM_CLASS.into(),
            Self::Protocols => atoms.wm_protocols,
            Self::Type => atoms.net_wm_window_type,
            Self::Transient => AtomEnum::WM_TRANSIENT_FOR.into(),
            Self::NetState => atoms.net_wm_state,
            Self::State => atoms.wm_state,
            Self::Leader => atoms.wm_client_leader,
            Self::SessionId => atoms.sm_client_id,
            Self::Pid => return None,
        })
    }

    /// The piece that this property is.
    pub(crate) fn of_atom(atom: Atom, atoms: &Atoms) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|piece| piece.atom(atoms) == Some(atom))
    }

    /// The request for it; the process is asked for elsewhere.
    pub(crate) fn request(self, window: u32, atoms: &Atoms) -> Option<GetPropertyRequest> {
        let bytes = match self {
            // The four bytes more are for a character that straddles the cut.
            Self::NetName | Self::Name => MAX_TEXT + 4,
            // Two strings, each as long as a title may be.
            Self::Class => 2 * (MAX_TEXT + 4),
            // 64 atoms: EWMH names 5 protocols, 13 states and 14 types.
            Self::Protocols | Self::Type | Self::NetState => 256,
            Self::Transient | Self::State | Self::Leader => 4,
            Self::SessionId => MAX_TEXT,
            Self::Pid => return None,
        };
        Some(property(window, self.atom(atoms)?, bytes as u32))
    }
}

/// Asks for at most this many bytes of a property, whatever its type.
pub(crate) fn property(window: u32, property: Atom, bytes: u32) -> GetPropertyRequest {
    GetPropertyRequest {
        delete: false,
        window,
        property,
        type_: AtomEnum::ANY.into(),
        long_offset: 0,
        long_length: bytes / 4,
    }
}

/// The 32-bit values of a property; none where it is missing or of another format.
pub(crate) fn values(reply: &[u8]) -> Vec<u32> {
    GetPropertyReply::try_parse(reply)
        .ok()
        .and_then(|(reply, _)| reply.value32().map(Iterator::collect))
        .unwrap_or_default()
}

/// What is known of one window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    net_name: Option<String>,
    name: Option<String>,
    class: Option<String>,
    /// `WM_PROTOCOLS`, where it is set.
    protocols: Option<Vec<Atom>>,
    has_state: bool,
    unlisted_type: bool,
    dialog_type: bool,
    transient: bool,
    modal: bool,
    /// The window that is said to stand for the client; never 0.
    pub(crate) leader: Option<u32>,
    pub(crate) session_id: Option<String>,
    pub(crate) pid: Option<u32>,
}

impl Facts {
    /// Takes in a property as the server has it; `None` where it could not be had.
    pub(crate) fn learn(&mut self, piece: Piece, reply: Option<&[u8]>, atoms: &Atoms) {
        let reply = reply.and_then(|bytes| GetPropertyReply::try_parse(bytes).ok());
        // A property that is not there is answered with type None, and is as good as gone.
        let reply = reply
            .map(|(reply, _)| reply)
            .filter(|reply| reply.type_ != 0);
        let values = || -> Vec<u32> {
            reply
                .as_ref()
                .and_then(|r| Some(r.value32()?.collect()))
                .unwrap_or_default()
        };
        let bytes = reply
            .as_ref()
            .filter(|reply| reply.format == 8)
            .map(|reply| &*reply.value);
        let is_utf8 = reply
            .as_ref()
            .is_some_and(|reply| reply.type_ == atoms.utf8_string);
        match piece {
            Piece::NetName => self.net_name = bytes.map(text::from_utf8),
            // COMPOUND_TEXT is shown as if it were STRING: the same but for its escapes, and
            // whoever needs those sets _NET_WM_NAME today.
            Piece::Name if is_utf8 => self.name = bytes.map(text::from_utf8),
            Piece::Name => self.name = bytes.map(text::from_latin1),
            Piece::Class => self.class = bytes.map(class),
            Piece::Protocols => self.protocols = reply.is_some().then(values),
            Piece::Type => {
                // Types stand in the order of the client's preference (EWMH): the first known one.
                let kind = values().into_iter().find_map(|kind| Kind::of(kind, atoms));
                self.unlisted_type = kind == Some(Kind::Unlisted);
                self.dialog_type = kind == Some(Kind::Dialog);
            }
            Piece::Transient => {
                self.transient = values().first().is_some_and(|parent| *parent != 0)
            }
            Piece::NetState => self.modal = values().contains(&atoms.net_wm_state_modal),
            Piece::State => self.has_state = reply.is_some(),
            Piece::Leader => self.leader = values().first().copied().filter(|leader| *leader != 0),
            // One that is longer than was asked for is no id: a part of it could be another's.
            Piece::SessionId => {
                let is_whole = reply.as_ref().is_some_and(|reply| reply.bytes_after == 0);
                self.session_id = bytes.filter(|_| is_whole).and_then(session_id);
            }
            Piece::Pid => {}
        }
    }

    /// Whether an application's user would call it a window of that application.
    ///
    /// `listed`: a window manager says that it is a client. Without one, anything may be mapped
    /// on the root window, and only what bears a client's marks is one (ICCCM 4.1.2, 4.1.3.1).
    pub(crate) fn is_application(&self, listed: bool) -> bool {
        let bears_marks = self.class.is_some() || self.protocols.is_some() || self.has_state;
        !self.unlisted_type && (listed || bears_marks)
    }

    /// Whether it takes part in this protocol (`WM_DELETE_WINDOW`, `_NET_WM_PING`).
    pub(crate) fn speaks(&self, protocol: Atom) -> bool {
        self.protocols
            .as_ref()
            .is_some_and(|all| all.contains(&protocol))
    }

    /// The XSMP client id of a window whose leader is known to be this; its own where it has none.
    ///
    /// Any window may name any other its leader: only one of the same process is believed.
    pub(crate) fn session_id(&self, leader: Option<&Self>) -> Option<String> {
        let bearer = leader.unwrap_or(self);
        bearer.session_id.clone().filter(|_| bearer.pid == self.pid)
    }

    /// What the manager is told of it, but for its XSMP client id.
    pub(crate) fn toplevel(&self) -> Toplevel {
        Toplevel {
            title: self
                .net_name
                .clone()
                .or_else(|| self.name.clone())
                .unwrap_or_default(),
            app_id: self.class.clone().unwrap_or_default(),
            pid: self.pid,
            session_id: None,
            dialog: self.transient || self.modal || self.dialog_type,
        }
    }
}

/// What `_NET_WM_WINDOW_TYPE` comes down to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Application,
    Dialog,
    /// A desktop, a panel, a menu, a notification and their kin.
    Unlisted,
}

impl Kind {
    fn of(atom: Atom, atoms: &Atoms) -> Option<Self> {
        let unlisted = [
            atoms.type_desktop,
            atoms.type_dock,
            atoms.type_toolbar,
            atoms.type_menu,
            atoms.type_splash,
            atoms.type_dropdown_menu,
            atoms.type_popup_menu,
            atoms.type_tooltip,
            atoms.type_notification,
            atoms.type_combo,
            atoms.type_dnd,
        ];
        if atom == atoms.type_dialog {
            Some(Self::Dialog)
        } else if [atoms.type_normal, atoms.type_utility].contains(&atom) {
            Some(Self::Application)
        } else {
            unlisted.contains(&atom).then_some(Self::Unlisted)
        }
    }
}

/// The class part of `WM_CLASS`: the second of two strings that each end with a zero byte
/// (ICCCM 4.1.2.5). The one string there is, where a careless client sets one.
fn class(value: &[u8]) -> String {
    let mut parts = value.split(|byte| *byte == 0);
    let instance = parts.next().unwrap_or_default();
    let class = parts
        .next()
        .filter(|class| !class.is_empty())
        .unwrap_or(instance);
    // The standard says ISO 8859-1, today's toolkits write UTF-8.
    match std::str::from_utf8(class) {
        Ok(class) => text::from_str(class),
        Err(_) => text::from_latin1(class),
    }
}

/// An XSMP client id: a string of the X portable character set (XSMP, section 3), so that anything
/// else is none. Some clients count the zero byte at its end as part of it.
fn session_id(value: &[u8]) -> Option<String> {
    let value = value.strip_suffix(b"\0").unwrap_or(value);
    let is_id = !value.is_empty() && value.iter().all(|b| (b' '..=b'~').contains(b));
    is_id.then(|| text::from_latin1(value))
}

#[cfg(test)]
mod tests {
    use x11rb_protocol::x11_utils::Serialize;

    use super::*;

    fn atoms() -> Atoms {
        let mut atoms = Atoms::default();
        for place in 0..Atoms::NAMES.len() {
            atoms.set(place, 1000 + place as u32);
        }
        atoms
    }

    fn reply(type_: Atom, format: u8, value: &[u8]) -> Vec<u8> {
        let length = value.len().div_ceil(4);
        let mut bytes = GetPropertyReply {
            format,
            sequence: 0,
            length: length as u32,
            type_,
            bytes_after: 0,
            value_len: value.len() as u32 / u32::from(format.max(8) / 8),
            value: value.to_vec(),
        }
        .serialize();
        bytes.resize(32 + 4 * length, 0);
        bytes
    }

    fn atoms_reply(values: &[u32]) -> Vec<u8> {
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_ne_bytes())
            .collect();
        reply(AtomEnum::ATOM.into(), 32, &bytes)
    }

    fn string(value: &[u8]) -> Vec<u8> {
        reply(AtomEnum::STRING.into(), 8, value)
    }

    #[test]
    fn the_utf8_title_wins_over_the_latin1_one() {
        let atoms = atoms();
        let mut facts = Facts::default();
        facts.learn(Piece::Name, Some(&string(b"caf\xe9")), &atoms);
        assert_eq!(facts.toplevel().title, "café");
        facts.learn(
            Piece::NetName,
            Some(&reply(atoms.utf8_string, 8, "日本".as_bytes())),
            &atoms,
        );
        assert_eq!(facts.toplevel().title, "日本");
        // Deleted again: the server answers with type None.
        facts.learn(Piece::NetName, Some(&reply(0, 0, b"")), &atoms);
        assert_eq!(facts.toplevel().title, "café");
        facts.learn(
            Piece::Name,
            Some(&reply(atoms.utf8_string, 8, "é".as_bytes())),
            &atoms,
        );
        assert_eq!(facts.toplevel().title, "é");
    }

    #[test]
    fn the_class_is_the_second_string() {
        assert_eq!(class(b"xterm\0XTerm\0"), "XTerm");
        assert_eq!(class(b"lonely"), "lonely");
        assert_eq!(class(b"lonely\0\0"), "lonely");
        assert_eq!(class(b""), "");
        assert_eq!(class(b"a\0caf\xe9\0rest"), "café");
    }

    #[test]
    fn docks_and_their_kin_are_no_applications() {
        let atoms = atoms();
        let mut facts = Facts::default();
        for (types, application, dialog) in [
            (vec![], true, false),
            (vec![atoms.type_normal], true, false),
            (vec![atoms.type_utility], true, false),
            (vec![atoms.type_dialog], true, true),
            (vec![atoms.type_dock], false, false),
            (vec![atoms.type_desktop], false, false),
            (vec![atoms.type_notification], false, false),
            // The first known type counts; KDE puts types of its own before it.
            (vec![4242, atoms.type_dock, atoms.type_normal], false, false),
            (vec![4242], true, false),
        ] {
            facts.learn(Piece::Type, Some(&atoms_reply(&types)), &atoms);
            assert_eq!(facts.is_application(true), application, "{types:?}");
            assert_eq!(facts.toplevel().dialog, dialog, "{types:?}");
        }
    }

    #[test]
    fn without_a_window_manager_a_client_is_known_by_its_marks() {
        let atoms = atoms();
        let bare = Facts::default();
        assert!(!bare.is_application(false));
        assert!(bare.is_application(true));
        let marks = [
            (Piece::Class, string(b"x\0X\0")),
            (Piece::Protocols, atoms_reply(&[])),
            (Piece::State, reply(atoms.wm_state, 32, &[0; 4])),
        ];
        for (piece, mark) in marks {
            let mut facts = Facts::default();
            facts.learn(piece, Some(&mark), &atoms);
            assert!(facts.is_application(false), "{piece:?}");
            facts.learn(piece, None, &atoms);
            assert!(!facts.is_application(false), "{piece:?}");
        }
    }

    #[test]
    fn a_transient_or_modal_window_is_a_dialog() {
        let atoms = atoms();
        let mut facts = Facts::default();
        facts.learn(Piece::Transient, Some(&atoms_reply(&[0])), &atoms);
        assert!(!facts.toplevel().dialog);
        facts.learn(Piece::Transient, Some(&atoms_reply(&[7])), &atoms);
        assert!(facts.toplevel().dialog);
        facts.learn(Piece::Transient, None, &atoms);
        facts.learn(
            Piece::NetState,
            Some(&atoms_reply(&[3, atoms.net_wm_state_modal])),
            &atoms,
        );
        assert!(facts.toplevel().dialog);
    }

    #[test]
    fn a_session_id_is_a_whole_line_of_printable_characters() {
        let id = "10a000001000000000000001";
        assert_eq!(session_id(id.as_bytes()).as_deref(), Some(id));
        assert_eq!(session_id(b"a b~\0").as_deref(), Some("a b~"));
        for none in [&b""[..], b"\0", b"a\0b", b"a\nb", b"caf\xe9", b"\x1b[2J"] {
            assert_eq!(session_id(none), None, "{none:?}");
        }
        let atoms = atoms();
        let mut facts = Facts::default();
        let longest = vec![b'x'; MAX_TEXT];
        facts.learn(Piece::SessionId, Some(&string(&longest)), &atoms);
        assert_eq!(facts.session_id.as_deref().map(str::len), Some(MAX_TEXT));
        // The server gave what was asked for, and has more of it.
        let mut longer = string(&longest);
        longer[12..16].copy_from_slice(&1_u32.to_ne_bytes());
        facts.learn(Piece::SessionId, Some(&longer), &atoms);
        assert_eq!(facts.session_id, None);
        // A list of windows is no text, and text is no list of windows.
        facts.learn(Piece::SessionId, Some(&atoms_reply(&[0x4141_4141])), &atoms);
        assert_eq!(facts.session_id, None);
        facts.learn(Piece::Leader, Some(&string(b"AAAA")), &atoms);
        assert_eq!(facts.leader, None);
        facts.learn(Piece::Leader, Some(&atoms_reply(&[0, 7])), &atoms);
        assert_eq!(facts.leader, None);
        facts.learn(Piece::Leader, Some(&atoms_reply(&[7, 8])), &atoms);
        assert_eq!(facts.leader, Some(7));
    }

    #[test]
    fn only_a_leader_of_the_same_process_is_believed() {
        let of = |id: &str, pid| Facts {
            session_id: (!id.is_empty()).then(|| id.to_owned()),
            pid,
            ..Facts::default()
        };
        let window = of("own", Some(1));
        let id = |leader: Option<&Facts>| window.session_id(leader);
        assert_eq!(id(None).as_deref(), Some("own"));
        assert_eq!(id(Some(&of("led", Some(1)))).as_deref(), Some("led"));
        // The id belongs on the leader: beside one, the window's own says nothing.
        assert_eq!(id(Some(&of("", Some(1)))), None);
        // A process that is known and one that is not are two: one of them is not of this machine.
        for other in [Some(2), None] {
            assert_eq!(id(Some(&of("led", other))), None);
        }
        let unknown = of("", None);
        assert_eq!(unknown.session_id(Some(&of("led", Some(1)))), None);
        let led = unknown.session_id(Some(&of("led", None)));
        assert_eq!(led.as_deref(), Some("led"));
    }

    #[test]
    fn a_property_of_the_wrong_shape_is_as_good_as_none() {
        let atoms = atoms();
        let mut facts = Facts::default();
        for piece in Piece::ALL {
            for bytes in [&b""[..], b"short", &[0xff; 40], &reply(1, 16, b"ab")] {
                facts.learn(piece, Some(bytes), &atoms);
            }
        }
        assert_eq!(facts.toplevel(), Toplevel::default());
        // A title in format 32 is no text.
        facts.learn(Piece::NetName, Some(&atoms_reply(&[1, 2])), &atoms);
        assert_eq!(facts.toplevel().title, "");
    }
}

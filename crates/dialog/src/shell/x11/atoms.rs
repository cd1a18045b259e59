//! The names that clients and window managers use among themselves.

use std::io;

use x11rb_protocol::protocol::xproto::InternAtomRequest;

use super::wire::Wire;

/// Declares the atoms, each called as on the wire.
macro_rules! atoms {
    ($($name:ident)*) => {
        /// Atoms by their names.
        #[derive(Clone, Copy, Debug, Default)]
        #[allow(non_snake_case, reason = "called as on the wire")]
        pub(super) struct Atoms {
            $(pub(super) $name: u32,)*
        }

        impl Atoms {
            /// Asks the server for all of them.
            pub(super) async fn ask<T>(wire: &mut Wire<T>) -> io::Result<Self> {
                let mut atoms = Self::default();
                $(atoms.$name = atom(wire, stringify!($name)).await?;)*
                Ok(atoms)
            }
        }
    };
}

atoms! {
    UTF8_STRING
    WM_CLIENT_MACHINE
    WM_DELETE_WINDOW
    WM_PROTOCOLS
    _MOTIF_WM_HINTS
    _NET_ACTIVE_WINDOW
    _NET_SUPPORTING_WM_CHECK
    _NET_WM_MOVERESIZE
    _NET_WM_NAME
    _NET_WM_PID
    _NET_WM_PING
    _NET_WM_STATE
    _NET_WM_STATE_ABOVE
    _NET_WM_STATE_HIDDEN
    _NET_WM_STATE_SKIP_PAGER
    _NET_WM_STATE_SKIP_TASKBAR
    _NET_WM_STATE_STICKY
    _NET_WM_STRUT
    _NET_WM_STRUT_PARTIAL
    _NET_WM_WINDOW_TYPE
    _NET_WM_WINDOW_TYPE_DIALOG
    _NET_WM_WINDOW_TYPE_DOCK
    _NET_WM_WINDOW_TYPE_NORMAL
}

/// One atom, whatever its name.
pub(super) async fn atom<T>(wire: &mut Wire<T>, name: &str) -> io::Result<u32> {
    let request = InternAtomRequest {
        only_if_exists: false,
        name: name.as_bytes().into(),
    };
    Ok(wire.ask_now(request).await?.map_or(0, |reply| reply.atom))
}

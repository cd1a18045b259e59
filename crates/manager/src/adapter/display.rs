//! What every display kind tells the manager, and what the manager asks of it.
//!
//! One file a display kind implements this: [`super::sway`], [`super::hyprland`], [`super::niri`],
//! [`super::toplevels`] (wlroots' foreign-toplevel protocol) and [`super::windows`] (X11). May touch the display's own socket and
//! nothing else: no bus, no signals to processes, no decisions.

use std::io;

use super::{
    hyprland::HyprlandWindows, link::CONNECT_LIMIT, niri::NiriWindows, sway::SwayWindows,
    toplevels::WlrToplevels, windows::X11Windows,
};

/// A window's name within one display connection.
///
/// sway: the container id. Hyprland: the address. niri: the id. wlroots: the protocol id of the handle. X11: the window's XID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowKey(pub u64);

/// One window of an application, as a display tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Toplevel {
    /// The title, lossily decoded and cut to [`MAX_TEXT`] bytes at a character.
    pub title: String,
    /// `app_id` on Wayland, the class part of `WM_CLASS` on X11; cut like the title.
    pub app_id: String,
    /// The process behind the window's connection, where the display vouches for it (sway, Hyprland,
    /// niri: the Wayland connection's credentials; X11: XRes). Never `_NET_WM_PID`, which is a claim.
    pub pid: Option<u32>,
    /// X11: the `SM_CLIENT_ID` of the window's client (ICCCM 5.1), by which a client of XSMP says
    /// that this window is its own. What `pid` says, and no more than that: the id itself is that
    /// process's claim. At most [`MAX_TEXT`] printable ASCII characters.
    pub session_id: Option<String>,
    /// A modal or transient window: most likely a dialog that waits for the user.
    pub dialog: bool,
}

/// Bytes kept of a title or app id: enough for a row on a screen; a peer may send megabytes.
pub const MAX_TEXT: usize = 512;

/// Windows kept of one display: a runaway client must not grow us without bound.
pub const MAX_WINDOWS: usize = 4096;

/// What a display tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DisplayEvent {
    /// A window is there, or something about it changed.
    Window(WindowKey, Toplevel),
    /// The window is gone.
    Closed(WindowKey),
    /// The application behind this window answered [`Display::ping`].
    Pong(WindowKey),
    /// The connection is lost: the display died or threw us out. Nothing comes after it.
    Lost(String),
}

/// Why a display could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DisplayError {
    /// The socket could not be reached or broke.
    #[error("{what}: {source}")]
    Io {
        /// Which display or socket.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// The display is there and lacks what is needed.
    #[error("{what} cannot list windows: {why}")]
    Unsupported {
        /// Which display or socket.
        what: String,
        /// What is missing.
        why: String,
    },
    /// What answered does not speak the display's protocol, or speaks it past our limits.
    #[error("{what} makes no sense: {why}")]
    Malformed {
        /// Which display or socket.
        what: String,
        /// What was wrong.
        why: String,
    },
}

impl DisplayError {
    /// It took longer than it may.
    pub(super) fn is_time_out(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::TimedOut)
    }

    /// It took the connection and then said nothing within [`CONNECT_LIMIT`].
    pub(super) fn silent(what: String) -> Self {
        let why = format!("no answer within {} s", CONNECT_LIMIT.as_secs());
        Self::Io {
            what,
            source: io::Error::new(io::ErrorKind::TimedOut, why),
        }
    }
}

/// One connection to the session's display.
#[derive(Debug)]
pub enum Display {
    /// sway or i3 over its IPC socket: knows each window's process.
    Sway(SwayWindows),
    /// Hyprland over its sockets: knows each window's process.
    Hyprland(HyprlandWindows),
    /// niri over its IPC socket: knows each window's process.
    Niri(NiriWindows),
    /// `zwlr_foreign_toplevel_manager_v1`: knows no process.
    Wlr(WlrToplevels),
    /// X11, EWMH or bare.
    X11(X11Windows),
}

impl Display {
    /// Its name in `status`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sway(_) => "sway",
            Self::Hyprland(_) => "hyprland",
            Self::Niri(_) => "niri",
            Self::Wlr(_) => "wlr-foreign-toplevel",
            Self::X11(_) => "x11",
        }
    }

    /// The next event. Cancel-safe: dropping the future loses nothing. After
    /// [`DisplayEvent::Lost`], which comes once, it waits for ever.
    ///
    /// The windows that exist on connecting come first, and are all there before `connect`
    /// returns, so that [`Display::try_next`] hands them out without waiting.
    pub async fn next(&mut self) -> DisplayEvent {
        match self {
            Self::Sway(d) => d.next().await,
            Self::Hyprland(d) => d.next().await,
            Self::Niri(d) => d.next().await,
            Self::Wlr(d) => d.next().await,
            Self::X11(d) => d.next().await,
        }
    }

    /// An event that has already arrived.
    pub fn try_next(&mut self) -> Option<DisplayEvent> {
        match self {
            Self::Sway(d) => d.try_next(),
            Self::Hyprland(d) => d.try_next(),
            Self::Niri(d) => d.try_next(),
            Self::Wlr(d) => d.try_next(),
            Self::X11(d) => d.try_next(),
        }
    }

    /// Whether every window that is known has been told of. sway's Xwayland windows wait for their
    /// process to be known; a look that ends before would miss them.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        match self {
            Self::Sway(d) => d.is_settled(),
            Self::Hyprland(d) => d.is_settled(),
            Self::Niri(d) => d.is_settled(),
            Self::Wlr(_) | Self::X11(_) => true,
        }
    }

    /// The process of the window manager, as the display vouches for it, where that is a program of
    /// its own: known once connected, and followed from then on. A compositor is the display itself
    /// and is none.
    ///
    /// A window manager may be a client of XSMP (openbox is), and has to outlive the applications.
    #[must_use]
    pub fn window_manager(&self) -> Option<u32> {
        match self {
            // i3 is a window manager too, but none that speaks XSMP, and its IPC tells no pid.
            Self::Sway(_) | Self::Hyprland(_) | Self::Niri(_) | Self::Wlr(_) => None,
            Self::X11(d) => d.window_manager(),
        }
    }

    /// Asks the window to close, as the user's click on its close button would. Never blocks; a
    /// window that is gone is no error.
    pub fn close(&mut self, window: WindowKey) {
        match self {
            Self::Sway(d) => d.close(window),
            Self::Hyprland(d) => d.close(window),
            Self::Niri(d) => d.close(window),
            Self::Wlr(d) => d.close(window),
            Self::X11(d) => d.close(window),
        }
    }

    /// Shows the window to the user: activates and raises it. Never blocks. `false`: this window
    /// cannot be shown.
    pub fn activate(&mut self, window: WindowKey) -> bool {
        match self {
            Self::Sway(d) => d.activate(window),
            Self::Hyprland(d) => d.activate(window),
            Self::Niri(d) => d.activate(window),
            Self::Wlr(d) => d.activate(window),
            Self::X11(d) => d.activate(window),
        }
    }

    /// Asks whether the application still handles events. `false`: this window cannot be asked,
    /// so no [`DisplayEvent::Pong`] will come and none may be missed.
    pub fn ping(&mut self, window: WindowKey) -> bool {
        match self {
            Self::Sway(d) => d.ping(window),
            Self::Hyprland(d) => d.ping(window),
            Self::Niri(d) => d.ping(window),
            Self::Wlr(d) => d.ping(window),
            Self::X11(d) => d.ping(window),
        }
    }
}

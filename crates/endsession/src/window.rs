//! The application's window, where it gives one.

/// A window of the application: its main one.
///
/// On Windows a program with a visible window is the one that may refuse, and what it refuses is shown with that window: give it. On Linux it lets
/// a session manager bring the window to the front.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Window {
    /// An `HWND` of this process. [`Builder::connect`](crate::Builder::connect) fails with
    /// [`Error::BadWindow`](crate::Error::BadWindow) for any other.
    Win32(isize),
    /// An X11 window's id.
    X11(u32),
    /// A Wayland toplevel's handle from `xdg_foreign` (without a prefix).
    Wayland(String),
}

impl Window {
    /// The window of `handle`, as winit and most toolkits tell it. `None` for a kind of window that no session manager knows by that handle: a
    /// Wayland surface is known only by what `xdg_foreign` exports.
    #[cfg(feature = "raw-window-handle")]
    #[must_use]
    pub fn of(handle: &impl raw_window_handle::HasWindowHandle) -> Option<Self> {
        use raw_window_handle::RawWindowHandle;
        match handle.window_handle().ok()?.as_raw() {
            RawWindowHandle::Win32(window) => Some(Self::Win32(window.hwnd.get())),
            RawWindowHandle::Xlib(window) => u32::try_from(window.window).ok().map(Self::X11),
            RawWindowHandle::Xcb(window) => Some(Self::X11(window.window.get())),
            _ => None,
        }
    }
}

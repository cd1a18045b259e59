//! Windows on a display. One file a display kind; what is drawn and what input means is not
//! theirs.

mod wayland;
mod x11;
mod xkb;

use tiny_skia::PixmapMut;

use crate::geometry::{Point, Size};
use crate::input::Input;

/// Where and how the window is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Above everything, with the keyboard, centred; on Wayland every output behind it is dimmed.
    Sheet,
    /// At the top edge of one output, which gives it room; the keyboard only when the user asks
    /// for it.
    Strip,
    /// An ordinary window of an application.
    Window,
}

/// What a window is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Its title.
    pub title: String,
    /// Its app id (Wayland) and class (X11).
    pub app_id: String,
}

/// Where a display is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// The Wayland socket, as in `WAYLAND_DISPLAY`.
    pub wayland: Option<String>,
    /// The X display, as in `DISPLAY`.
    pub x11: Option<String>,
}

/// What a display tells.
#[derive(Clone, Debug, PartialEq)]
pub enum ShellEvent {
    /// The window may be drawn: so much room there is at most, in logical pixels, and so many
    /// pixels of the display are one logical pixel. Comes before the first frame and whenever one
    /// of them changes. Answer with [`Shell::present`].
    Configured {
        /// Room for the window: of the output, of the edge, or what the window manager gave it.
        room: Size,
        /// 1.0, 1.5, 2.0…
        scale: f32,
        /// The window manager wants the window to be exactly `room`.
        exact: bool,
    },
    /// The display has shown the last frame and takes another.
    FrameDone,
    /// The user's hands.
    Input(Input),
    /// The user can see the window, or no longer: it is covered whole, or the screen is locked.
    Visible(bool),
    /// The user closed the window by the window manager's means.
    CloseRequested,
    /// The display is lost, or threw us out. Nothing comes after it.
    Lost(String),
}

/// Why no window could be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShellError {
    /// Neither a Wayland nor an X display is named.
    #[error("no display: neither WAYLAND_DISPLAY nor DISPLAY is set; run this inside a session")]
    NoDisplay,
    /// It cannot be reached.
    #[error("the display {display} cannot be reached: {why}")]
    Unreachable {
        /// Which.
        display: String,
        /// What the system said.
        why: String,
    },
    /// It is there and lacks what is needed.
    #[error("the display {display} cannot show a window: {why}")]
    Unsupported {
        /// Which.
        display: String,
        /// What is missing.
        why: String,
    },
}

/// A window on a display.
#[derive(Debug)]
pub enum Shell {
    /// Wayland.
    Wayland(Box<wayland::Wayland>),
    /// X11.
    X11(Box<x11::X11>),
}

impl Shell {
    /// Connects and opens a window, on Wayland where that is named. Nothing is seen before the
    /// first [`Shell::present`].
    ///
    /// # Errors
    /// When no display is named or none can be used. Gives up by itself on one that does not
    /// answer.
    pub async fn open(target: &Target, form: Form, names: Names) -> Result<Self, ShellError> {
        let mut failed = ShellError::NoDisplay;
        if let Some(display) = &target.wayland {
            match wayland::Wayland::open(display, form, names.clone()).await {
                Ok(window) => return Ok(Self::Wayland(Box::new(window))),
                Err(error) => failed = error,
            }
        }
        // A WAYLAND_DISPLAY that was left behind is no reason to show nothing.
        if let Some(display) = &target.x11 {
            match x11::X11::open(display, form, names).await {
                Ok(window) => return Ok(Self::X11(Box::new(window))),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// What happens next. Cancel-safe: dropping the future loses nothing. After
    /// [`ShellEvent::Lost`] it waits for ever.
    pub async fn next(&mut self) -> ShellEvent {
        match self {
            Self::Wayland(s) => s.next().await,
            Self::X11(s) => s.next().await,
        }
    }

    /// Changes the form; [`ShellEvent::Configured`] follows. The window does not vanish between.
    pub fn set_form(&mut self, form: Form) {
        match self {
            Self::Wayland(s) => s.set_form(form),
            Self::X11(s) => s.set_form(form),
        }
    }

    /// Changes the title.
    pub fn set_title(&mut self, title: &str) {
        match self {
            Self::Wayland(s) => s.set_title(title),
            Self::X11(s) => s.set_title(title),
        }
    }

    /// Shows a frame of `size` logical pixels: `paint` fills a buffer of that size times the scale,
    /// rounded up, which is all transparent when it is called. The window takes that size. `false`,
    /// and `paint` is not called: the display has not taken the last frame yet;
    /// [`ShellEvent::FrameDone`] follows, present again then.
    pub fn present(&mut self, size: Size, paint: &mut dyn FnMut(&mut PixmapMut<'_>, f32)) -> bool {
        match self {
            Self::Wayland(s) => s.present(size, paint),
            Self::X11(s) => s.present(size, paint),
        }
    }

    /// Where the window's top left is on the screen, in pixels of the display, where the display
    /// tells (X11).
    #[must_use]
    pub fn origin(&self) -> Option<Point> {
        match self {
            Self::Wayland(_) => None,
            Self::X11(s) => s.origin(),
        }
    }

    /// Whether what is transparent in a frame shows what is behind the window. Where it does not
    /// (X11 without a compositor), it is black.
    #[must_use]
    pub fn has_alpha(&self) -> bool {
        match self {
            Self::Wayland(_) => true,
            Self::X11(s) => s.has_alpha(),
        }
    }

    /// In [`Form::Window`]: the user drags the window by the place that is pressed now.
    pub fn begin_move(&mut self) {
        match self {
            Self::Wayland(s) => s.begin_move(),
            Self::X11(s) => s.begin_move(),
        }
    }

    /// The user asked for it once more: brings it to the front, where that is not its place anyway.
    pub fn raise(&mut self) {
        match self {
            Self::Wayland(_) => {}
            Self::X11(s) => s.raise(),
        }
    }

    /// In [`Form::Strip`]: takes the keyboard, because the user clicked. On Wayland it is given back
    /// when the pointer leaves the strip.
    pub fn take_keyboard(&mut self) {
        match self {
            Self::Wayland(s) => s.take_keyboard(),
            Self::X11(s) => s.take_keyboard(),
        }
    }
}

//! What a display tells of the user's hands, whatever kind of display it is.

use crate::geometry::Point;

/// A key, as far as a dialog has a meaning for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// To the next control.
    Tab,
    /// To the control before.
    BackTab,
    /// Enter, and its twin on the number pad.
    Enter,
    /// Space.
    Space,
    /// Escape.
    Escape,
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Arrow left.
    Left,
    /// Arrow right.
    Right,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// To the first.
    Home,
    /// To the last.
    End,
}

/// One thing that the user's hands did. Places are in logical pixels from the top left of what is
/// drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Input {
    /// A key went down, or repeats while it is held.
    Key {
        /// Which.
        key: Key,
        /// It is held, and this is not its first coming.
        repeated: bool,
    },
    /// The pointer is there.
    PointerMoved(Point),
    /// The first button went down there.
    PointerPressed(Point),
    /// It was released there.
    PointerReleased(Point),
    /// The pointer has left.
    PointerLeft,
    /// The wheel, or two fingers: so many logical pixels down.
    Scrolled(f32),
    /// A finger came down; fingers are told apart by their number.
    TouchDown(i32, Point),
    /// It moved.
    TouchMoved(i32, Point),
    /// It went up.
    TouchUp(i32),
    /// All fingers' movements are void: the display took them for a gesture of its own.
    TouchCancelled,
    /// The keyboard is ours, or no longer.
    Focused(bool),
}

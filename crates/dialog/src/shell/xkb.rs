//! Keys by the keymap that the display gives, through libxkbcommon loaded at run time.

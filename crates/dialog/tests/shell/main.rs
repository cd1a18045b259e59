//! Windows on real displays: sway, wayfire, weston, and X servers with openbox, i3 and nothing.

#[path = "../support/mod.rs"]
mod support;

mod sway;
mod x11;

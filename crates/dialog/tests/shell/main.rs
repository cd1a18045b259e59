//! Windows on real displays: sway, wayfire, weston, and X servers with openbox, i3 and nothing.

#![allow(clippy::unwrap_used, reason = "a test may")]

#[path = "../support/mod.rs"]
mod support;

mod fake;
mod phoc;
mod sway;
mod trouble;
mod weston;
mod x11;

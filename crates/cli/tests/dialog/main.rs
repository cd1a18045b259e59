//! The dialog as the manager sees it: a program that is started where it is needed, watched, and
//! replaced where it fails. Here a stand-in, on headless sway and on Xvfb with openbox.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

#[path = "../support/desk.rs"]
mod desk;
mod fails;
mod locked;
mod shown;
mod stand_in;

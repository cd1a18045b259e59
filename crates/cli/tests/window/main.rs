//! endsession's own dialog as its user meets it: on headless sway and on Xvfb, with real
//! applications, keys, clicks and a screen reader. What it looks like in each state is in the
//! pictures of `endsession-dialog`; here are those of whole screens.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod access;
mod answers;
mod ask;
#[path = "../support/desk.rs"]
mod desk;
mod hold;
mod looks;
mod room;
mod strip;
mod trouble;

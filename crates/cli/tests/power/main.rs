//! Restart, power off and whatever else logind has a word in: on machines with a real systemd,
//! logind and polkit, with real applications on a real sway.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod desk;
mod holds;
mod leave;
mod locks;
mod ours;
mod theirs;

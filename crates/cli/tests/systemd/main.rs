//! Sessions of systemd, on a machine with a real one: the service that we ship, sessions as uwsm,
//! sway-systemd and niri start them, and entries for a display manager.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers too"
)]

mod entries;
mod niri;
mod service;
mod sessions;
mod support;
mod sway_systemd;
mod terminals;
mod uwsm;

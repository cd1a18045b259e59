//! `endsession hold`: as a command that runs another, and as what holds a session open.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

#[path = "../support/mod.rs"]
mod support;

mod command;
mod session;

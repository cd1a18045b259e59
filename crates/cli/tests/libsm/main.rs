//! Interoperability: the real libSM and libICE, on which nearly every XSMP client is built, against
//! the real binary's session, through every message of the protocol.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod authority;
mod cancel;
mod desk;
mod errors;
mod log_off;
mod properties;
mod register;
mod requests;
#[path = "../support/mod.rs"]
mod support;

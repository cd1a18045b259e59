//! The crate for applications, over XSMP: an application of its own process under this manager and under xfce4-session.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

#[allow(dead_code, reason = "each test uses its part")]
#[path = "../client/actor.rs"]
mod actor;
#[allow(dead_code, reason = "each test uses its part")]
#[path = "../xsmp/desk.rs"]
mod desk;
mod ours;
#[path = "../support/mod.rs"]
mod support;
mod xfce;

/// Not a test: what an [`actor::Actor`]'s process runs.
#[test]
fn actor_process() {
    actor::main();
}

/// Not a test: what the process of a client of the [`desk::Desk`]'s runs.
#[test]
fn application() {
    endsession_testkit::xsmp_client::serve_if_told();
}

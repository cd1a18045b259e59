//! The crate for applications, driven as an application drives it: a process of its own that connects, is asked, answers, holds and ends.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod actor;
mod alone;
mod desktops;
mod machine;
mod ours;
mod portal;
mod requests;
#[path = "../support/mod.rs"]
mod support;

/// Not a test: what an [`actor::Actor`]'s process runs.
#[test]
fn actor_process() {
    actor::main();
}

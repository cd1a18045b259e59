//! The examples that authors copy from, driven as their users would, on an X display under this manager.
//!
//! They are built apart (`cargo xtask examples`), those with a toolkit in a workspace of their own.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod desk;
mod job;
mod recipes;
mod seed;
#[path = "../support/mod.rs"]
mod support;
mod toolkits;

//! The crate's behaviour as its users see it. The bytes of single messages are tested beside them.
#![allow(clippy::unwrap_used, reason = "a test's helpers fail the test")]

#[path = "../harness/mod.rs"]
mod harness;

mod authentication;
mod authority;
mod cancelled;
mod corpus;
#[cfg(unix)]
mod file;
mod flows;
mod limits;
mod random;
mod recorded;
mod wrong_states;

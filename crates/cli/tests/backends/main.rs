//! Sessions that something else started: `endsession manager` inside one finds its compositor or
//! window manager and ends that last, by its own exit command.
#![allow(missing_docs, clippy::unwrap_used)]

mod fakes;
mod real;
mod session;
mod verified;

//! Where another manager owns the session: the real ones are asked by the real command, each on a
//! bus and an Xvfb of its own, and what the command says is what became of it. ksmserver and
//! cosmic-session are stand-ins; see `endsession_testkit::managers`.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod cinnamon;
mod cosmic;
mod gnome;
mod hold;
mod lxqt;
mod mate;
mod plasma;
mod shared;
#[path = "../support/mod.rs"]
mod support;
mod xfce;

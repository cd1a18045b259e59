//! The edges: one file a protocol. Each turns its peers' words into events for the coordinator,
//! and the coordinator's actions into its peers' words.

pub mod display;
pub(crate) mod ewmh;
pub mod gnome;
pub(crate) mod i3ipc;
mod inquiry;
pub mod jobs;
mod ledger;
pub(crate) mod link;
pub mod sway;
pub(crate) mod text;
pub mod toplevels;
pub mod windows;
pub(crate) mod x11;
pub(crate) mod xres;
pub(crate) mod xsmp;

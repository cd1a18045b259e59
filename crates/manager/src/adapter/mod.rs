//! The edges: one file a protocol. Each turns its peers' words into events for the coordinator,
//! and the coordinator's actions into its peers' words.

pub mod display;
mod ewmh;
pub mod gnome;
mod i3ipc;
mod inquiry;
pub mod jobs;
mod ledger;
mod link;
pub mod shown;
pub mod sway;
pub(crate) mod text;
pub mod toplevels;
pub mod windows;
mod x11;
mod xres;
pub(crate) mod xsmp;

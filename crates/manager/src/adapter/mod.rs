//! The edges: one file a protocol. Each turns its peers' words into events for the coordinator,
//! and the coordinator's actions into its peers' words.

pub mod display;
pub mod sway;
pub mod toplevels;
pub mod windows;

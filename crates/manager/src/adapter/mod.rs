//! The edges: one file a protocol. Each turns its peers' words into events for the coordinator,
//! and the coordinator's actions into its peers' words.

pub(crate) mod awake;
pub(crate) mod blank;
pub mod display;
mod errands;
pub(crate) mod ewmh;
pub mod gnome;
pub(crate) mod hyprctl;
pub mod hyprland;
pub(crate) mod i3ipc;
mod idle;
mod inquiry;
pub mod jobs;
mod ledger;
pub(crate) mod link;
pub mod niri;
pub mod portal;
pub(crate) mod screensaver;
pub mod shown;
pub mod sway;
pub(crate) mod talk;
pub(crate) mod text;
pub mod toplevels;
mod wayland;
pub mod windows;
pub(crate) mod wine;
pub(crate) mod x11;
pub(crate) mod xping;
pub(crate) mod xres;
pub(crate) mod xsmp;

//! The session manager of endsession: one thread, one loop, between the protocols that
//! applications speak and the coordinator that decides.
//!
//! The loop owns the coordinator. [`adapter`] has one file a protocol, [`backend`] one file a way
//! to end the session. What the manager tells is in [`report`], what it is told in [`config`] and
//! over the bus, where it is [`control`].

mod activation;
pub mod adapter;
pub mod backend;
mod bus;
pub mod config;
pub mod control;
mod dialog;
pub mod display_of;
mod holds;
pub mod hooks;
mod lock;
mod logind;
mod look;
mod manager;
mod membership;
mod notify;
mod perform;
mod portal;
mod power;
pub mod process;
mod removable;
pub mod report;
pub mod rules;
mod sandbox;
mod saver;
mod serve;
pub mod sessions;
mod sockets;
mod units;
pub mod unsaved;

pub use bus::{BusError, MANAGER_NAMES};
pub use dialog::{APP_ID, DialogCommand};
pub use manager::{Ended, Manager, Options};
pub use notify::Notify;

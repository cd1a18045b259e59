#![doc = include_str!("guide.md")]
#![doc = ""]
#![doc = include_str!("recipes.md")]
// Where nobody is spoken to, much of what both sides share is for nobody.
#![cfg_attr(
    not(any(windows, all(target_os = "linux", feature = "dbus"))),
    allow(dead_code)
)]

mod ask;
mod backend;
mod client;
mod end;
mod ending;
mod error;
mod events;
#[cfg(test)]
mod guide;
mod hold;
mod outcome;
mod query;
mod request;
mod shared;
mod text;
mod window;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(any(target_os = "linux", windows)))]
#[path = "none.rs"]
mod none;
#[cfg(any(windows, test))]
mod windows;

#[cfg(target_os = "linux")]
use linux as platform;
#[cfg(not(any(target_os = "linux", windows)))]
use none as platform;
#[cfg(windows)]
use windows as platform;

pub use ask::ask;
pub use backend::{Backend, Support, UnknownBackend};
pub use client::{Builder, Client};
pub use end::End;
pub use ending::{Ending, Kind};
pub use error::Error;
pub use events::{Event, Events, Next};
pub use hold::{Hold, What};
pub use outcome::{Blocker, Outcome, Pending};
pub use query::{AskingUser, Query};
pub use request::{EndRequest, Force, log_off};
pub use text::MAX_REASON;
pub use window::Window;
#[cfg(windows)]
pub use windows::{HoldWindow, Program, programs};

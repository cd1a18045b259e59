//! Be asked before the session ends.
//!
//! A program that uses this crate is asked when its user logs off, restarts or powers off. It agrees, refuses with a reason, or asks its user
//! first; it is told when the end has come, or that it was called off; it holds the session open while something must not be interrupted;
//! and it can end the session itself. One API, on Linux (whatever session manager runs there) and on Windows.
//!
//! ```no_run
//! use endsession::{Client, Event};
//!
//! let (client, events) = Client::connect("org.example.Editor")?;
//! for event in events {
//!     match event {
//!         Event::Query(query) if unsaved() => query.refuse("Two documents are not saved"),
//!         Event::Query(query) => query.accept(),
//!         Event::End(end) => { save_window_places(); end.done(); break }
//!         _ => {} // called off
//!     }
//! }
//! # fn unsaved() -> bool { true }
//! # fn save_window_places() {}
//! # drop(client);
//! # Ok::<(), endsession::Error>(())
//! ```

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
#[cfg(windows)]
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

//! What speaks XSMP: real applications, a client on the real libSM, and a real foreign manager.
//!
//! ```no_run
//! use std::time::Duration;
//! use endsession_testkit::{wait::LIMIT, xsmp::{App, Choice, Xfce}};
//!
//! let xfce = Xfce::start();
//! let featherpad = App::featherpad(xfce.sandbox());
//! featherpad.wait_for_registration(LIMIT);
//! featherpad.modify("not saved yet");
//! xfce.log_off();
//! featherpad.answer(Choice::Cancel);
//! xfce.wait_for_trace("INTERACT DONE [Cancel shutdown = True]", LIMIT);
//! assert!(featherpad.process().is_alive());
//! ```
//!
//! - [`App`]: featherpad (Qt 5), Firefox, LibreOffice, gVim, xterm and a Qt 6 editor, all on X11 or
//!   Xwayland: started, made unsaved, their save dialogs answered.
//! - [`Qt6Session`]: a Qt 6 program that uses QSessionManager in every manner.
//! - [`LibSmClient`]: a client that does exactly what it is told, on libSM itself.
//! - [`Xfce`]: xfce4-session, to be a client of.
//!
//! An application finds its manager in the sandbox's `SESSION_MANAGER` and `ICEAUTHORITY`.

mod app;
mod events;
mod libsm;
mod qt6;
mod xfce;

pub(crate) use app::firefox;
pub use app::{App, Choice, Kind};
pub use events::Events;
pub use libsm::{LibSmClient, Property};
pub use qt6::{Qt6Manner, Qt6Session};
pub use xfce::Xfce;
pub(crate) use xfce::prepare_ice_sockets;

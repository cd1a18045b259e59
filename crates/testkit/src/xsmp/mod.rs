//! What speaks XSMP: a client on the real libSM, and a real foreign manager.
//!
//! - [`LibSmClient`]: a client that does exactly what it is told, on libSM itself.
//! - [`Xfce`]: xfce4-session, to be a client of.
//!
//! A client finds its manager in the sandbox's `SESSION_MANAGER` and `ICEAUTHORITY`.

mod events;
mod libsm;
mod xfce;

pub use events::Events;
pub use libsm::{LibSmClient, Property};
pub use xfce::Xfce;

//! Linux: one table of backends, tried in order, each in the protocol of whoever manages the session.
//!
//! [`dbus`] has the table, and all of it that is on D-Bus; [`xsmp`] is X11's protocol, which a program built without D-Bus has alone.

mod ask;
#[cfg(feature = "dbus")]
mod dbus;
#[cfg(not(feature = "dbus"))]
mod without_dbus;
#[cfg(feature = "xsmp")]
mod xsmp;

pub(crate) use ask::ask;
#[cfg(feature = "dbus")]
pub(crate) use dbus::{request, start};
#[cfg(not(feature = "dbus"))]
pub(crate) use without_dbus::{request, start};

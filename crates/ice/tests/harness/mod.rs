//! What the fuzz targets do with a piece of input, and what must hold whatever it is.
//!
//! The targets in `fuzz/` include this file, and so does the test that replays the kept corpus: both
//! run the same functions. Each takes any bytes and panics where something does not hold.

mod authority;
mod client;
mod frames;
mod ops;
pub(crate) mod pair;
mod properties;
mod server;

pub(crate) use authority::authority;
pub(crate) use client::client;
pub(crate) use frames::frames;
pub(crate) use properties::properties;
pub(crate) use server::server;

/// A target: its name, which is that of its corpus, and what it runs.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// All targets.
pub(crate) const TARGETS: [Target; 5] = [
    ("frames", frames),
    ("properties", properties),
    ("authority", authority),
    ("server", server),
    ("client", client),
];

//! What the tests of displays share.

#![allow(dead_code)]

pub(crate) mod client;
pub(crate) mod compositor;
pub(crate) mod place;

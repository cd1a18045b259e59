//! Linux: one table of backends, tried in order, each in the protocol of whoever manages the session.

mod ask;
#[cfg(feature = "dbus")]
mod dbus;
#[cfg(feature = "xsmp")]
mod xsmp;

use std::sync::Arc;

use crate::{
    Backend, EndRequest, Error, Pending,
    backend::{Application, Started},
    shared::Shared,
};

pub(crate) use ask::ask;

pub(crate) fn start(
    application: Application,
    backend: Option<Backend>,
    shared: Arc<Shared>,
) -> Result<Started, Error> {
    dbus::start(application, backend, shared)
}

pub(crate) fn request(_: EndRequest) -> Result<Pending, Error> {
    Err(Error::Unsupported {
        what: "ending the session",
        why: String::new(),
    })
}

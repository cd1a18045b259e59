//! Linux: one table of backends, tried in order, each in the protocol of whoever manages the session.

mod ask;
#[cfg(feature = "xsmp")]
mod xsmp;

use std::sync::Arc;

use crate::{
    Backend, EndRequest, Error, Pending,
    backend::{Application, Command, Commands, Started},
    shared::Shared,
};

pub(crate) use ask::ask;

struct Nobody;

impl Commands for Nobody {
    fn send(&self, _: Command) {}
}

pub(crate) fn start(
    application: Application,
    backend: Option<Backend>,
    shared: Arc<Shared>,
) -> Result<Started, Error> {
    #[cfg(feature = "xsmp")]
    if matches!(backend, None | Some(Backend::Xsmp)) {
        let left = Arc::clone(&shared);
        let gone = Box::new(move || left.backend_is(Backend::None));
        match xsmp::connect(&application, &shared, gone) {
            Ok(commands) => {
                shared.backend_is(Backend::Xsmp);
                return Ok(commands);
            }
            Err(why) if backend.is_some() => {
                return Err(Error::Unavailable {
                    backend: Backend::Xsmp,
                    why,
                });
            }
            Err(why) => tracing::debug!("no XSMP: {why}"),
        }
    }
    #[cfg(not(feature = "xsmp"))]
    let _ = application;
    match backend {
        Some(backend) if backend != Backend::None => Err(Error::Unavailable {
            backend,
            why: "it is not there".to_owned(),
        }),
        _ => {
            shared.backend_is(Backend::None);
            Ok(Box::new(Nobody))
        }
    }
}

pub(crate) fn request(_: EndRequest) -> Result<Pending, Error> {
    Err(Error::Unsupported {
        what: "ending the session",
        why: String::new(),
    })
}

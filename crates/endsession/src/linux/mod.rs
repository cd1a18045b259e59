//! TEMP

use std::sync::Arc;

use crate::{
    Backend, EndRequest, Error, Pending,
    backend::{Application, Command, Commands, Started},
    shared::Shared,
};

struct Nobody;

impl Commands for Nobody {
    fn send(&self, _: Command) {}
}

pub(crate) fn start(
    _: Application,
    backend: Option<Backend>,
    shared: Arc<Shared>,
) -> Result<Started, Error> {
    match backend {
        Some(backend) if backend != Backend::None => Err(Error::Unavailable {
            backend,
            why: format!("there is none on {}", std::env::consts::OS),
        }),
        _ => {
            shared.backend_is(Backend::None);
            Ok(Box::new(Nobody))
        }
    }
}

pub(crate) fn request(_: EndRequest) -> Result<Pending, Error> {
    Err(unsupported("ending the session"))
}

pub(crate) fn ask(_: &str) -> Result<bool, Error> {
    Err(unsupported("asking the user"))
}

fn unsupported(what: &'static str) -> Error {
    Error::Unsupported {
        what,
        why: format!("endsession does not know how on {}", std::env::consts::OS),
    }
}

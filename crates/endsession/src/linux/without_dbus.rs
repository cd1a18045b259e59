//! A program that was built without D-Bus: XSMP, where it was built with that, or nobody.

use std::sync::Arc;

use crate::{
    Backend, EndRequest, Error, Pending,
    backend::{Application, Command, Commands, Started},
    shared::Shared,
};

/// Nobody to speak to.
struct Nobody;

impl Commands for Nobody {
    fn send(&self, _: Command) {}
}

pub(crate) fn start(
    application: Application,
    forced: Option<Backend>,
    shared: Arc<Shared>,
) -> Result<Started, Error> {
    let is_wanted = |backend| forced.is_none_or(|forced| forced == backend);
    let why = match is_wanted(Backend::Xsmp).then(|| connect(&application, &shared)) {
        Some(Ok(commands)) => {
            shared.backend_is(Backend::Xsmp);
            return Ok(commands);
        }
        Some(Err(why)) => why,
        None => "this program was built without D-Bus".to_owned(),
    };
    match forced {
        Some(backend) if backend != Backend::None => Err(Error::Unavailable { backend, why }),
        _ => {
            shared.backend_is(Backend::None);
            Ok(Box::new(Nobody))
        }
    }
}

#[cfg(feature = "xsmp")]
fn connect(application: &Application, shared: &Arc<Shared>) -> Result<Started, String> {
    let left = Arc::clone(shared);
    let gone = Box::new(move || left.backend_is(Backend::None));
    super::xsmp::connect(application, shared, gone)
}

#[cfg(not(feature = "xsmp"))]
fn connect(_: &Application, _: &Arc<Shared>) -> Result<Started, String> {
    Err("this program was built without XSMP".to_owned())
}

pub(crate) fn request(_: EndRequest) -> Result<Pending, Error> {
    Err(Error::Unsupported {
        what: "ending the session",
        why:
            "this program was built without D-Bus; run `endsession logoff`, `restart` or `poweroff`"
                .to_owned(),
    })
}

//! Which of the two backends it is.

use std::sync::Arc;

use super::{
    calls::Calls,
    console,
    door::{Host, Line},
    given, hidden, introduce,
    system::Handle,
};
use crate::{
    Backend, EndRequest, Error, Pending, Window,
    backend::{Application, Command, Commands, Started},
    shared::Shared,
};

/// Nobody asks.
struct Nobody;

impl Commands for Nobody {
    fn send(&self, _: Command) {}
}

pub(crate) fn start(
    application: Application,
    backend: Option<Backend>,
    shared: Arc<Shared>,
) -> Result<Started, Error> {
    let window = application.window.as_ref().map(of_windows).transpose()?;
    if backend != Some(Backend::None) {
        introduce::introduce(&Calls::new(), &application);
    }
    match backend {
        Some(Backend::None) => {
            shared.backend_is(Backend::None);
            Ok(Box::new(Nobody))
        }
        Some(backend @ Backend::Windows) => {
            match windows(&application.id, window, Arc::clone(&shared))? {
                Ok(started) => Ok(started),
                Err(why) => Err(Error::Unavailable { backend, why }),
            }
        }
        Some(backend @ Backend::Console) => {
            console(&application.id, &shared).map_err(|why| Error::Unavailable { backend, why })
        }
        None => match windows(&application.id, window, Arc::clone(&shared))? {
            Ok(started) => Ok(started),
            Err(no_window) => console(&application.id, &shared).or_else(|why| {
                tracing::warn!("this program is not asked: {no_window}; {why}");
                shared.backend_is(Backend::None);
                let nobody: Started = Box::new(Nobody);
                Ok(nobody)
            }),
        },
        Some(backend) => Err(Error::Unavailable {
            backend,
            why: "this is Windows".to_owned(),
        }),
    }
}

pub(crate) fn request(request: EndRequest) -> Result<Pending, Error> {
    super::request::send(&Calls::new(), &request)
}

fn of_windows(window: &Window) -> Result<Handle, Error> {
    match window {
        Window::Win32(window) => {
            given::check(*window)?;
            Ok(*window)
        }
        other => Err(Error::BadWindow {
            why: format!("{other:?}, and this is Windows"),
        }),
    }
}

/// The outer error is the application's; the inner one says why this backend is not there.
fn windows(
    name: &str,
    window: Option<Handle>,
    shared: Arc<Shared>,
) -> Result<Result<Started, String>, Error> {
    let host = Host::new(Calls::new(), Arc::clone(&shared), name.to_owned());
    host.windows().given = window;
    if let Err(why) = hidden::start(Arc::clone(&host), name.to_owned()) {
        return Ok(Err(why));
    }
    if let Some(window) = window
        && let Err(error) = given::subclass(&host, window)
    {
        host.take(Command::Close);
        return Err(error);
    }
    shared.backend_is(Backend::Windows);
    Ok(Ok(Box::new(Line(Arc::downgrade(&host)))))
}

fn console(name: &str, shared: &Arc<Shared>) -> Result<Started, String> {
    let host = Host::new(Calls::new(), Arc::clone(shared), name.to_owned());
    let started = console::start(host)?;
    shared.backend_is(Backend::Console);
    Ok(started)
}

//! What happens, in order and to the tenth of a second, in sessions that one can picture: one
//! behaviour each, named after it.
#![allow(missing_docs)]

mod asking;
mod bundles;
mod closing;
mod desk;
mod ending;
mod forcing;
mod power;
mod rules;
mod waiting;

use desk::{App, Closed, Desk, Says};
use endsession_core::*;

pub(crate) fn from(requester: &Desk, name: &str) -> Request {
    Request {
        requester: vec![requester.of(name)],
        ..Request::default()
    }
}

pub(crate) fn forced(force: Force) -> Request {
    Request {
        force,
        ..Request::default()
    }
}

pub(crate) fn no_dialog() -> Request {
    Request {
        unattended: true,
        ..Request::default()
    }
}

pub(crate) fn mail() -> App {
    App::new("mail").window("Inbox").votes(Says::Yes)
}

pub(crate) fn editor() -> App {
    App::new("editor")
        .window("* letter")
        .when_closed(Closed::AsksToSave)
}

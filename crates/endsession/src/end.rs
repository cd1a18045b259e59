//! The end has come.

use std::sync::Arc;

use crate::{
    Ending,
    shared::{Shared, Ticket},
};

/// The session ends now: nobody is asked any more. Save and clean up, then [`done`](Self::done) and exit.
///
/// There is little time: 5 s on Windows, 10 s under endsession's manager and GNOME. A program that is done may be ended at that very moment, so everything else
/// comes before. Dropping it is being done.
#[must_use = "dropping it says that everything is cleaned up"]
#[derive(Debug)]
pub struct End {
    shared: Arc<Shared>,
    ticket: Ticket,
    ending: Ending,
}

impl End {
    pub(crate) fn new(shared: Arc<Shared>, ticket: Ticket, ending: Ending) -> Self {
        Self {
            shared,
            ticket,
            ending,
        }
    }

    /// What ends.
    #[must_use]
    pub fn ending(&self) -> Ending {
        self.ending
    }

    /// Everything is cleaned up.
    pub fn done(self) {}
}

impl Drop for End {
    fn drop(&mut self) {
        self.shared.ended(self.ticket);
    }
}

//! [`Shell`]: GNOME Shell, as far as gnome-session knows it: the interface
//! `org.gnome.SessionManager.EndSessionDialog` on `org.gnome.Shell`. It shows nothing; the test
//! answers.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use zbus::{Connection, Message};

use super::fake::{self, Answers};
use crate::{
    bus::Bus,
    wait::{Deadline, LIMIT},
};

const NAME: &str = "org.gnome.Shell";
const PATH: &str = "/org/gnome/SessionManager/EndSessionDialog";
const DIALOG: &str = "org.gnome.SessionManager.EndSessionDialog";

/// The stand-in. Dropping it gives its name back.
#[derive(Debug)]
pub struct Shell {
    connection: Connection,
    opened: Arc<Opened>,
}

/// The kinds of dialog that were opened: 0 log-off, 1 power-off, 2 restart.
#[derive(Debug, Default)]
struct Opened {
    list: Mutex<Vec<u32>>,
    changed: Condvar,
}

impl Shell {
    /// The Shell of `bus`.
    #[track_caller]
    pub fn on(bus: &Bus) -> Self {
        let opened = Arc::<Opened>::default();
        let connection = fake::serve(bus, NAME, opened.clone());
        Self { connection, opened }
    }

    /// Waits until a dialog is open, and returns its kind: 0 log-off, 1 power-off, 2 restart.
    ///
    /// # Panics
    /// When none is within [`LIMIT`].
    #[track_caller]
    pub fn wait_for_dialog(&self) -> u32 {
        let deadline = Deadline::after(LIMIT);
        let mut list = self
            .opened
            .list
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(kind) = list.last() {
                return *kind;
            }
            assert!(!deadline.passed(), "no dialog within {LIMIT:?}");
            let waited = self.opened.changed.wait_timeout(list, deadline.left());
            list = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The user presses Cancel.
    #[track_caller]
    pub fn cancel(&self) {
        fake::emit(&self.connection, PATH, DIALOG, "Canceled");
    }

    /// The user presses Log Out.
    #[track_caller]
    pub fn log_off(&self) {
        fake::emit(&self.connection, PATH, DIALOG, "ConfirmedLogout");
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        fake::close(&self.connection);
    }
}

impl Answers for Opened {
    async fn answer(&self, connection: &Connection, message: &Message) -> zbus::Result<bool> {
        let header = message.header();
        match header.member().map(|member| member.as_str()) {
            Some("Open") => {
                let body = message.body();
                let (kind, ..): (u32, u32, u32, Vec<zbus::ObjectPath<'_>>) = body.deserialize()?;
                self.list
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(kind);
                self.changed.notify_all();
                connection.reply(&header, &()).await?;
                Ok(true)
            }
            Some("Close") => {
                connection.reply(&header, &()).await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

//! The application as its session manager knows it.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    Backend, Error, Event, Events, Hold, Support, What, Window,
    backend::{Application, Start},
    events, platform,
    shared::Shared,
};

/// How long [`Builder::connect`] waits for a first answer of whoever manages the session. A bus that does not answer must not keep an
/// application from starting: it goes on without, and hears of it later.
const FIRST: Duration = Duration::from_secs(2);

/// This program as its session manager knows it: it is asked and may hold for as long as this, a clone, its [`Events`] or a [`Hold`] lives.
///
/// It costs one thread, which sleeps until it is spoken to, and no polling.
#[derive(Clone)]
pub struct Client {
    handle: Arc<Handle>,
}

/// Everything that keeps the connection up has one of these; with the last it is closed.
pub(crate) struct Handle {
    pub(crate) shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// How a program introduces itself. Made by [`Client::builder`].
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is connected"]
pub struct Builder {
    application: Application,
    backend: Option<Backend>,
}

impl Client {
    /// A program called `app_id`, to be told more of.
    ///
    /// The id is the one of its desktop file, without `.desktop`: `"org.example.Editor"`.
    pub fn builder(app_id: impl Into<String>) -> Builder {
        Builder {
            application: Application {
                id: app_id.into(),
                window: None,
                restart: None,
                level: None,
            },
            backend: None,
        }
    }

    /// Introduces a program of which no more is to be said than its `app_id`: [`Client::builder`], [`Builder::connect`].
    ///
    /// # Errors
    /// As [`Builder::connect`].
    pub fn connect(app_id: impl Into<String>) -> Result<(Self, Events), Error> {
        Self::builder(app_id).connect()
    }

    /// Who asks this program. It changes when the session manager does ([`Event::Backend`]).
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.handle.shared.backend().unwrap_or(Backend::None)
    }

    /// What that one can do.
    #[must_use]
    pub fn support(&self) -> Support {
        self.backend().support()
    }

    /// Holds the session open until the value is dropped. The user sees `reason` ("Rendering, 3 minutes left") and may end it all the same.
    pub fn hold(&self, reason: impl AsRef<str>) -> Hold {
        self.hold_up(What::LOG_OFF, reason)
    }

    /// Holds `what` up until the value is dropped. [`Hold::held`] tells what of it is possible here.
    pub fn hold_up(&self, what: What, reason: impl AsRef<str>) -> Hold {
        Hold::new(Arc::clone(&self.handle), what, reason.as_ref())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("backend", &self.backend())
            .finish_non_exhaustive()
    }
}

impl Builder {
    /// Its main window. On Windows call [`connect`](Self::connect) on the thread that made the window: it is then asked through this window, which is subclassed, and refusals and
    /// holds are shown with it. While it is asked, its thread carries out messages as within any dialog, but its loop does not turn: take events where a
    /// message brings them ([`connect_with`](Self::connect_with) and the toolkit's way to send into its loop), or on another thread. One that looks for them once a turn refuses, after 4.5 s. When
    /// the window has gone, the program is asked through one that nobody sees.
    pub fn window(mut self, window: Window) -> Self {
        self.application.window = Some(window);
        self
    }

    /// It can be started again at the next log-on, by the program that runs now with these arguments: XSMP's `RestartCommand`,
    /// [RegisterApplicationRestart](https://learn.microsoft.com/en-us/windows/win32/api/winbase/nf-winbase-registerapplicationrestart) on Windows
    /// (which counts after the program has run for 60 s). Elsewhere it is without effect.
    pub fn restart_with<I>(mut self, arguments: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.application.restart = Some(arguments.into_iter().map(Into::into).collect());
        self
    }

    /// When it is asked, among all programs: the higher, the earlier, from 0x100 to 0x3FF; others have 0x280.
    /// [SetProcessShutdownParameters](https://learn.microsoft.com/en-us/windows/win32/api/processthreadsapi/nf-processthreadsapi-setprocessshutdownparameters)
    /// on Windows; without effect on Linux, where all are asked at once.
    pub fn level(mut self, level: u32) -> Self {
        self.application.level = Some(level.clamp(0x100, 0x3FF));
        self
    }

    /// Uses `backend` and no other, as `ENDSESSION_BACKEND` does, which has the last word.
    pub fn backend(mut self, backend: Backend) -> Self {
        self.backend = Some(backend);
        self
    }

    /// Introduces the program to whoever manages this session. The events are to be taken.
    ///
    /// Where nobody manages it, that is no error: [`Client::backend`] is [`Backend::None`] then, and a session manager that comes later is found. It waits for
    /// the first answer at most 2 s.
    ///
    /// # Errors
    /// [`Error::BadAppId`], [`Error::BadWindow`], [`Error::UnknownBackend`]; [`Error::Unavailable`] for a backend that was asked for by name;
    /// [`Error::Failed`] where the system has no thread left.
    pub fn connect(self) -> Result<(Client, Events), Error> {
        let client = self.start()?;
        let events = Events::new(Arc::clone(&client.handle));
        Ok((client, events))
    }

    /// As [`connect`](Self::connect); every event is given to `callback`, on a thread of its own: to be sent on into an event loop, or handled there. It
    /// may take its time, and show a dialog.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn connect_with(
        self,
        callback: impl FnMut(Event) + Send + 'static,
    ) -> Result<Client, Error> {
        let client = self.start()?;
        let shared = Arc::clone(&client.handle.shared);
        events::dispatch(shared, callback).map_err(|error| Error::Failed {
            what: "starting a thread",
            why: error.to_string(),
        })?;
        Ok(client)
    }

    fn start(self) -> Result<Client, Error> {
        const START: Start = platform::start;
        check_app_id(&self.application.id)?;
        let backend = match std::env::var("ENDSESSION_BACKEND") {
            Ok(name) if !name.is_empty() => Some(name.parse().map_err(Error::UnknownBackend)?),
            _ => self.backend,
        };
        let shared = Shared::new();
        let commands = START(self.application, backend, Arc::clone(&shared))?;
        shared.commands_go_to(commands);
        let client = Client {
            handle: Arc::new(Handle { shared }),
        };
        client.handle.shared.wait_for_backend(FIRST);
        Ok(client)
    }
}

/// Every protocol takes such an id, and so does every list in which it is shown.
fn check_app_id(id: &str) -> Result<(), Error> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if (1..=255).contains(&id.len()) && id.chars().all(is_plain) {
        return Ok(());
    }
    Err(Error::BadAppId {
        given: id.chars().take(60).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn can_be_sent<T: Send + 'static>() {}
    const fn can_be_shared<T: Send + Sync + 'static>() {}

    /// What the documentation promises to those who write programs of several threads.
    const _: () = {
        can_be_shared::<Client>();
        can_be_shared::<Hold>();
        can_be_shared::<Error>();
        can_be_shared::<Builder>();
        can_be_shared::<crate::EndRequest>();
        can_be_sent::<Event>();
        can_be_sent::<Events>();
        can_be_sent::<crate::Query>();
        can_be_sent::<crate::AskingUser>();
        can_be_sent::<crate::End>();
        can_be_sent::<crate::Pending>();
    };

    #[test]
    fn an_app_id_is_a_desktop_files() {
        assert_eq!(check_app_id("org.example.Editor-2_b"), Ok(()));
        for bad in ["", "a b", "a/b", "a\n", "é", &"a".repeat(256)] {
            assert!(
                matches!(check_app_id(bad), Err(Error::BadAppId { .. })),
                "{bad}"
            );
        }
    }
}

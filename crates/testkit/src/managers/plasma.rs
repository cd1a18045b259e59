//! [`Plasma`]: KDE Plasma's three programs, as far as they can be asked: ksmserver
//! (`org.kde.ksmserver`), plasma-shutdown (`org.kde.Shutdown`) and ksmserver-logout-greeter
//! (`org.kde.LogoutPrompt`). Made from the sources of plasma-workspace 5.27 and 6.7 and compared
//! with the real ksmserver and plasma-shutdown of Debian 12.
//!
//! The real ones are started by the bus when they are called. So are these: the bus gets service
//! files for them, whose program the test's own `sh` is, and who comes is this process. As there, the
//! call is kept until the name is there.

use std::{
    path::Path,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use zbus::{Connection, Message};

use super::fake::{self, Answers};
use crate::{
    bus::Bus,
    session::Sandbox,
    wait::{Deadline, LIMIT},
};

/// The stand-in. Dropping it gives its names back.
#[derive(Debug)]
pub struct Plasma {
    ksmserver: Connection,
    shutdown: Mutex<Option<Connection>>,
    prompt: Mutex<Option<Connection>>,
    state: Arc<State>,
    bus: Bus,
    sandbox: Sandbox,
}

#[derive(Debug, Default)]
struct State {
    /// What `isShuttingDown` says.
    ends: AtomicBool,
    /// Every method that was called, in order.
    calls: Mutex<Vec<String>>,
    changed: Condvar,
}

impl Plasma {
    /// A session of it, on a bus of its own in `sandbox`.
    #[track_caller]
    pub fn start(sandbox: &Sandbox) -> Self {
        for name in ["org.kde.Shutdown", "org.kde.LogoutPrompt"] {
            let file = sandbox.home().join(format!("activated-{name}"));
            let service = format!(
                "[D-BUS Service]\nName={name}\nExec=/bin/sh -c \"echo >{}; sleep 1000\"\n",
                file.display()
            );
            sandbox.write(
                format!(".local/share/dbus-1/services/{name}.service"),
                service,
            );
        }
        // Where dbus-daemon looks is else the user's home as the system knows it.
        sandbox.set_env("XDG_DATA_HOME", sandbox.home().join(".local/share"));
        let bus = Bus::daemon_in(sandbox);
        let state = Arc::<State>::default();
        Self {
            ksmserver: fake::serve(&bus, "org.kde.ksmserver", state.clone()),
            shutdown: Mutex::default(),
            prompt: Mutex::default(),
            state,
            bus,
            sandbox: sandbox.clone(),
        }
    }

    /// Its session bus.
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// plasma-shutdown was called: it comes, and gets the call. Returns the method.
    #[track_caller]
    pub fn shutdown_comes(&self) -> String {
        self.comes("org.kde.Shutdown", &self.shutdown)
    }

    /// The greeter was called: it comes, and gets the call. Returns the method.
    #[track_caller]
    pub fn prompt_comes(&self) -> String {
        self.comes("org.kde.LogoutPrompt", &self.prompt)
    }

    /// plasma-shutdown leaves, and ksmserver then ends, or does not because somebody cancelled.
    pub fn shutdown_leaves(&self, ends: bool) {
        self.state.ends.store(ends, Ordering::SeqCst);
        leave(&self.shutdown);
    }

    /// The greeter leaves; with a yes it has called plasma-shutdown.
    #[track_caller]
    pub fn prompt_leaves(&self, yes: bool) {
        if yes {
            let shutdown = self.start_service("org.kde.Shutdown");
            keep(&self.shutdown, shutdown);
        }
        leave(&self.prompt);
    }

    /// ksmserver ends, and the session with it.
    pub fn ends(&self) {
        fake::close(&self.ksmserver);
    }

    #[track_caller]
    fn comes(&self, name: &str, place: &Mutex<Option<Connection>>) -> String {
        let called = format!("activated-{name}");
        crate::wait::for_entry(&self.sandbox.home(), LIMIT, |entry| entry == called);
        let _ = std::fs::remove_file(Path::new(&self.sandbox.home()).join(&called));
        keep(place, self.start_service(name));
        self.state.wait_for_call()
    }

    #[track_caller]
    fn start_service(&self, name: &str) -> Connection {
        fake::serve(&self.bus, name, self.state.clone())
    }
}

fn keep(place: &Mutex<Option<Connection>>, connection: Connection) {
    *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
}

fn leave(place: &Mutex<Option<Connection>>) {
    let connection = place.lock().unwrap_or_else(PoisonError::into_inner).take();
    connection.iter().for_each(fake::close);
}

impl Drop for Plasma {
    fn drop(&mut self) {
        leave(&self.shutdown);
        leave(&self.prompt);
        fake::close(&self.ksmserver);
    }
}

impl State {
    #[track_caller]
    fn wait_for_call(&self) -> String {
        let deadline = Deadline::after(LIMIT);
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(call) = calls.pop() {
                return call;
            }
            assert!(!deadline.passed(), "no call within {LIMIT:?}");
            let waited = self.changed.wait_timeout(calls, deadline.left());
            calls = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Answers for State {
    async fn answer(&self, connection: &Connection, message: &Message) -> zbus::Result<bool> {
        let header = message.header();
        let member = header.member().map(|member| member.to_string());
        let member = member.unwrap_or_default();
        let path = header.path().map(|path| path.to_string());
        match (path.as_deref(), member.as_str()) {
            (Some("/KSMServer"), "isShuttingDown") => {
                let ends = self.ends.load(Ordering::SeqCst);
                connection.reply(&header, &ends).await?;
            }
            (Some("/Shutdown"), "logout" | "logoutAndReboot" | "logoutAndShutdown")
            | (Some("/LogoutPrompt"), "promptLogout" | "promptReboot" | "promptShutDown") => {
                connection.reply(&header, &()).await?;
                self.calls
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(member);
                self.changed.notify_all();
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

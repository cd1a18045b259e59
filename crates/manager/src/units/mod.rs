//! The user's systemd: applications that are units end as units, the graphical session is stopped
//! as its owner does it, and a manager that is a service itself learns its session from there.
//!
//! - [`place`]: which unit a process is in, by the kernel's word.
//! - [`systemd`]: the conversation.
//! - [`graphical`]: ending `graphical-session.target`.
//! - `perform`: what the manager makes of it.
//!
//! Nothing here is waited for inside the loop but the few things that a look needs, and those no
//! longer than [`LOOK`]. Without a systemd of the user's nothing is tried; one that does not answer
//! is not asked again until the next request.

pub(crate) mod graphical;
mod perform;
pub(crate) mod place;
pub(crate) mod systemd;

pub(crate) use perform::{IDLE, Rest};

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use endsession_core::Identity;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::Notify;

use crate::backend::unit;
use crate::dialog::Environment;
use crate::display_of::Named;
use systemd::{Error, Systemd};

/// The target that units of others may conflict with, to be stopped when a session ends: started
/// when Ending begins.
pub(crate) const SHUTDOWN: &str = "endsession-shutdown.target";

/// What a look at the session may wait for systemd.
const LOOK: Duration = Duration::from_secs(1);

/// What systemd did, or did not.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A unit was not stopped; the processes that it stood for are to be signalled themselves.
    NotStopped(Vec<Identity>),
    /// Whoever conflicts with [`SHUTDOWN`] has stopped.
    Announced,
    /// The graphical session is down, or not, and why.
    SessionStopped(Result<(), String>),
    /// The unit that is the compositor has stopped, or not, and why.
    CompositorStopped(Result<(), String>),
    /// Nothing that anybody waits for.
    Nothing,
}

type Order = Pin<Box<dyn Future<Output = Heard>>>;

/// The manager's dealings with the user's systemd.
pub(crate) struct Units {
    /// The socket of the bus that leads to it, where both are there.
    socket: Option<PathBuf>,
    /// It did not answer: not to be asked again now.
    silent: Rc<Cell<bool>>,
    /// The unit that this process is in.
    own: Option<String>,
    /// The unit that is the session's compositor, where it is one.
    pub(crate) compositor: Option<String>,
    /// This process is that unit's: systemd itself started it.
    is_service: bool,
    /// Services that were asked about: whether they are part of the graphical session.
    of_session: BTreeMap<String, bool>,
    /// The variables that systemd gives to what it starts, as last seen.
    told: Option<Environment>,
    /// This process was told to end.
    told_to_end: Rc<Notify>,
    orders: FuturesUnordered<Order>,
    /// [`Heard::Announced`] is still to come.
    announcing: bool,
}

impl std::fmt::Debug for Units {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Units")
            .field("socket", &self.socket)
            .field("own", &self.own)
            .field("is_service", &self.is_service)
            .finish_non_exhaustive()
    }
}

impl Units {
    /// Finds the user's systemd, without a word to it.
    pub(crate) fn find() -> Self {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| !dir.is_empty());
        let runtime = runtime.map(PathBuf::from);
        // Where the user has a systemd, its own socket is there whatever the bus is.
        let runtime = runtime.filter(|dir| dir.join("systemd/private").exists());
        let socket = runtime.map(|dir| dir.join("bus"));
        let own_pid = std::process::id();
        let own = place::Place::of(own_pid).map(|place| place.unit);
        let started = std::env::var("SYSTEMD_EXEC_PID").ok();
        let is_service = own.is_some() && started.and_then(|pid| pid.parse().ok()) == Some(own_pid);
        Self {
            socket: socket.filter(|socket| socket.exists()),
            silent: Rc::default(),
            own,
            compositor: None,
            is_service,
            of_session: BTreeMap::new(),
            told: None,
            told_to_end: Rc::default(),
            orders: FuturesUnordered::new(),
            announcing: false,
        }
    }

    /// The variables that systemd gives to what it starts, as last seen.
    pub(crate) fn told(&self) -> Option<&Environment> {
        self.told.as_ref()
    }

    /// Whether a unit is the one that this process or the session's own is in: whatever was started
    /// from there is in it too.
    pub(crate) fn is_around(&self, unit: &str) -> bool {
        [&self.own, &self.compositor]
            .into_iter()
            .flatten()
            .any(|u| u == unit)
    }

    /// Whether systemd started this process as a service of its own.
    pub(crate) fn is_service(&self) -> bool {
        self.is_service
    }

    /// This process was told to end, most likely by what it stops itself.
    pub(crate) fn is_told_to_end(&self) {
        self.told_to_end.notify_one();
    }

    /// A request begins: what did not answer before may do so now.
    pub(crate) fn begin(&mut self) {
        self.silent.set(false);
        self.of_session.clear();
    }

    fn socket(&self) -> Option<PathBuf> {
        let socket = self.socket.as_ref().filter(|_| !self.silent.get());
        socket.filter(|socket| socket.exists()).cloned()
    }

    /// Asks something that a look needs. `None`: there is no answer, for whatever reason.
    async fn ask<T>(&mut self, question: impl AsyncFnOnce(&mut Systemd) -> Answer<T>) -> Option<T> {
        let socket = self.socket()?;
        let asked = async {
            let mut systemd = Systemd::connect(&socket).await?;
            question(&mut systemd).await
        };
        match tokio::time::timeout(LOOK, asked).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => tracing::warn!("{error}"),
            Err(_) => tracing::warn!("the user's systemd does not answer"),
        }
        self.silent.set(true);
        None
    }

    /// The variables that systemd gives to what it starts: they name the session's display where
    /// whoever started the session has told them to systemd.
    pub(crate) async fn environment(&mut self) -> Option<Environment> {
        let lines = self
            .ask(async |systemd| systemd.environment().await)
            .await?;
        Some(variables(&lines))
    }

    /// Learns of services whether they are part of the graphical session.
    pub(crate) async fn learn(&mut self, services: Vec<String>) {
        let new = services.into_iter();
        let new: Vec<String> = new.filter(|s| !self.of_session.contains_key(s)).collect();
        if new.is_empty() {
            return;
        }
        let known = self.ask(async |systemd| {
            let mut known = BTreeMap::new();
            for name in new {
                let is = graphical::is_of_session(systemd, &name).await?;
                known.insert(name, is);
            }
            Ok(known)
        });
        let known = known.await;
        self.of_session.extend(known.unwrap_or_default());
    }

    /// Whether a service is part of the graphical session, as far as is known.
    pub(crate) fn is_of_session(&self, service: &str) -> bool {
        self.of_session.get(service).copied().unwrap_or(false)
    }

    /// Whether anything that was ordered is still awaited.
    pub(crate) fn are_ordered(&self) -> bool {
        !self.orders.is_empty()
    }

    /// Whether the user's systemd is about to end, and everything with it.
    pub(crate) async fn is_stopping(&mut self) -> Option<bool> {
        // It may have been silent once, and now all depends on its word.
        self.silent.set(false);
        let state = self.ask(async |systemd| systemd.state().await).await?;
        Some(state == "stopping")
    }

    fn order(&mut self, order: impl AsyncFnOnce(PathBuf) -> Heard + 'static) -> bool {
        let Some(socket) = self.socket() else {
            return false;
        };
        self.orders.push(Box::pin(order(socket)));
        true
    }

    /// Stops units, each with the processes that it stands for.
    pub(crate) fn stop(&mut self, units: BTreeMap<String, Vec<Identity>>) {
        let left = units.values().flatten().cloned().collect();
        let silent = self.silent.clone();
        let ordered = self.order(async move |socket| match stop(&socket, &units).await {
            Ok(left) if left.is_empty() => Heard::Nothing,
            Ok(left) => Heard::NotStopped(left),
            Err(error) => {
                tracing::warn!("{error}");
                silent.set(true);
                Heard::NotStopped(units.into_values().flatten().collect())
            }
        });
        if !ordered {
            self.orders
                .push(Box::pin(async { Heard::NotStopped(left) }));
        }
    }

    /// SIGKILL to all that is left in a unit.
    pub(crate) fn kill(&mut self, unit: String) {
        self.order(async move |socket| {
            let killed = async {
                let mut systemd = Systemd::connect(&socket).await?;
                systemd.kill(&unit).await
            };
            match killed.await {
                Err(error) if !error.is_unknown_unit() => tracing::warn!("{unit}: {error}"),
                _ => {}
            }
            Heard::Nothing
        });
    }

    /// Starts [`SHUTDOWN`]: units that conflict with it stop now.
    pub(crate) fn announce(&mut self) {
        let ordered = self.order(async |socket| {
            let announced = async {
                let mut systemd = Systemd::connect(&socket).await?;
                let job = systemd.start(SHUTDOWN, "replace").await?;
                systemd.wait_for(&job).await
            };
            match announced.await {
                Ok(result) => tracing::debug!("{SHUTDOWN}: {result}"),
                // The units need not be installed.
                Err(error) if error.is_unknown_unit() => tracing::debug!("{error}"),
                Err(error) => tracing::warn!("{SHUTDOWN} was not started: {error}"),
            }
            Heard::Announced
        });
        self.announcing = ordered;
    }

    /// Whether somebody who conflicts with [`SHUTDOWN`] may still be at it.
    pub(crate) fn is_announcing(&self) -> bool {
        self.announcing
    }

    /// Stops the graphical session, if it is the one with this display; whether there is anybody to
    /// do so.
    pub(crate) fn stop_session(&mut self, display: Option<Named>) -> bool {
        let session = graphical::Session {
            display,
            compositor: self.compositor.clone(),
            own: self.own.clone(),
            told: self.told_to_end.clone(),
        };
        self.order(async move |socket| {
            Heard::SessionStopped(match Systemd::connect(&socket).await {
                Ok(mut systemd) => graphical::end(&mut systemd, &session).await,
                Err(error) => Err(error.to_string()),
            })
        })
    }

    /// Stops the unit that is the compositor; `false` where it is none, or has been tried.
    pub(crate) fn stop_compositor(&mut self) -> bool {
        let Some(unit) = self.compositor.take() else {
            return false;
        };
        tracing::info!("stopping {unit}");
        self.order(async move |socket| Heard::CompositorStopped(unit::end(&socket, &unit).await))
    }

    /// What systemd has done next; never while nothing was ordered. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Heard {
        let heard = match self.orders.next().await {
            Some(heard) => heard,
            None => std::future::pending().await,
        };
        if matches!(heard, Heard::Announced) {
            self.announcing = false;
        }
        heard
    }
}

type Answer<T> = Result<T, Error>;

/// Variables out of lines `NAME=VALUE`.
fn variables(lines: &[String]) -> Environment {
    let variables = lines.iter().filter_map(|line| {
        let (name, value) = line.split_once('=')?;
        Some((OsString::from(name), OsString::from(value)))
    });
    variables.collect()
}

/// Those that are still to be ended, since their unit would not be stopped.
async fn stop(
    socket: &std::path::Path,
    units: &BTreeMap<String, Vec<Identity>>,
) -> Answer<Vec<Identity>> {
    let mut systemd = Systemd::connect(socket).await?;
    let mut left = Vec::new();
    for (unit, processes) in units {
        match systemd.stop(unit).await {
            Ok(_) => {}
            // It has ended meanwhile.
            Err(error) if error.is_unknown_unit() => {}
            Err(error @ Error::Refused { .. }) => {
                tracing::info!("{unit} cannot be stopped as a unit: {error}");
                left.extend(processes.iter().cloned());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(left)
}

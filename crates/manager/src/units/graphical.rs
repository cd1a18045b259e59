//! Ending `graphical-session.target` as its owner does, so that everything bound to it ends, in
//! order, and nothing is left for the next session to stumble over.
//!
//! The target cannot be started by hand, and whoever pulls it in binds itself to it: that is its
//! owner. The owners there are bring a target of their own that conflicts with the session and is
//! started to end it. They name it alike:
//!
//! | owner | shut down by |
//! |---|---|
//! | `sway-session.target` ([sway-systemd](https://github.com/alebastr/sway-systemd)) | `sway-session-shutdown.target` |
//! | `wayland-session@….target` ([uwsm](https://github.com/Vladimir-csp/uwsm)) | `wayland-session-shutdown.target` |
//! | `niri.service` ([niri](https://github.com/YaLTeR/niri)) | `niri-shutdown.target` |
//!
//! An owner without one is stopped itself.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;

use super::systemd::{Error, Job, Stop, Systemd};
use crate::dialog::Environment;
use crate::display_of::Named;

/// What a graphical session is in systemd; see systemd.special(7).
pub(crate) const TARGET: &str = "graphical-session.target";

/// Relations of a unit that pulls the target in, seen from the target.
const OWNERS: [&str; 3] = ["BoundBy", "RequiredBy", "WantedBy"];

/// Relations of a unit that ends with another.
const BOUND: [&str; 5] = ["PartOf", "BindsTo", "Requisite", "Requires", "Conflicts"];

/// Owners that are looked at. There is one, or two where a compositor is a unit too.
const MAX_OWNERS: usize = 32;

/// Units that do not end on what systemd sent them get SIGKILL after this, as the compositor of
/// `run` does; by itself systemd gives them 90 s.
const KILL_AFTER: Duration = Duration::from_secs(10);

/// And after this they are not waited for any longer.
const LIMIT: Duration = Duration::from_secs(25);

/// Whose session is to be ended.
#[derive(Debug)]
pub(super) struct Session {
    /// How its processes name its display.
    pub(super) display: Option<Named>,
    /// The unit that is its compositor.
    pub(super) compositor: Option<String>,
    /// The unit that this process is in: it goes when it has done its work.
    pub(super) own: Option<String>,
    /// This process was told to end.
    pub(super) told: Rc<Notify>,
}

/// Ends the target, if it is this session's, and waits until it is down and all that ends with it.
pub(super) async fn end(systemd: &mut Systemd, session: &Session) -> Result<(), String> {
    match tokio::time::timeout(LIMIT, end_all(systemd, session)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(format!("{TARGET} could not be stopped: {error}")),
        Err(_) => Err(format!("{TARGET} has not stopped within {LIMIT:?}")),
    }
}

async fn end_all(systemd: &mut Systemd, session: &Session) -> Result<(), Error> {
    let target = systemd.unit(TARGET).await?;
    if !target.is_up() || !is_this_ones(systemd, session).await? {
        return Ok(());
    }
    let mut owners: BTreeSet<String> = BTreeSet::new();
    for relation in OWNERS {
        for name in target.names(relation).iter().take(MAX_OWNERS) {
            if systemd.unit(name).await?.is_up() {
                owners.insert(name.clone());
            }
        }
    }
    let mut shutdowns: BTreeSet<String> = BTreeSet::new();
    for name in owners.iter().filter_map(|owner| shutdown_of(owner)) {
        let unit = systemd.unit(&name).await?;
        if unit.is_loaded() && unit.relates(&["Conflicts"], TARGET) {
            shutdowns.insert(name);
        }
    }
    let mut jobs = Vec::new();
    for name in &shutdowns {
        tracing::info!("starting {name}");
        // Nothing that is queued meanwhile may call this off.
        jobs.push(systemd.start(name, "replace-irreversibly").await?);
    }
    if jobs.is_empty() {
        if owners.is_empty() {
            owners.insert(TARGET.to_owned());
        }
        for name in &owners {
            tracing::info!("stopping {name}");
            jobs.push(systemd.stop(name).await?);
        }
    }
    let mut names = owners;
    names.extend(shutdowns);
    names.insert(TARGET.to_owned());
    let mut ending = Ending {
        jobs,
        ended: 0,
        names,
        session,
    };
    match tokio::time::timeout(KILL_AFTER, ending.wait(systemd)).await {
        Ok(done) => done,
        Err(_) => {
            ending.kill(systemd).await?;
            ending.wait(systemd).await
        }
    }
}

/// There is one graphical session for a user's systemd, and the user may have others that it knows
/// nothing of: it was told the display of its own, or runs its compositor.
async fn is_this_ones(systemd: &mut Systemd, session: &Session) -> Result<bool, Error> {
    let told: Environment = super::variables(&systemd.environment().await?);
    let told = Named::in_environment(&told);
    if let Some(ours) = &session.display
        && told.is_display()
    {
        return Ok(ours.is_same_display(&told));
    }
    match &session.compositor {
        Some(unit) => is_of_session(systemd, unit).await,
        None => Ok(false),
    }
}

/// The session on its way down.
struct Ending<'a> {
    jobs: Vec<Job>,
    /// How many of them have ended.
    ended: usize,
    /// What its units are bound to.
    names: BTreeSet<String>,
    session: &'a Session,
}

impl Ending<'_> {
    /// Waits for our jobs, then for whatever stops with the session and is ordered before nothing:
    /// the display goes next. What was waited for already is not again.
    ///
    /// Our own unit may be one that others wait for: once this process is told to end, only what is
    /// on its way down already is waited for, as the rest comes after us.
    async fn wait(&mut self, systemd: &mut Systemd) -> Result<(), Error> {
        let told = &self.session.told;
        let mut is_told = false;
        while let Some(job) = self.jobs.get(self.ended).filter(|_| !is_told) {
            tokio::select! {
                ended = systemd.wait_for(job) => {
                    ended?;
                    self.ended += 1;
                }
                () = told.notified() => is_told = true,
            }
        }
        while let Some(stop) = self.stopping(systemd, is_told).await?.first() {
            tokio::select! {
                ended = systemd.wait_for(&stop.job) => drop(ended?),
                () = told.notified() => is_told = true,
            }
        }
        Ok(())
    }

    /// What is on its way down with the session, or about to be, this process aside.
    async fn stopping(&self, systemd: &mut Systemd, begun: bool) -> Result<Vec<Stop>, Error> {
        let mut stopping = Vec::new();
        for stop in systemd.stopping().await? {
            if Some(&stop.unit) == self.session.own.as_ref() || (begun && !stop.has_begun) {
                continue;
            }
            let unit = systemd.unit(&stop.unit).await?;
            if self.names.iter().any(|to| unit.relates(&BOUND, to)) {
                stopping.push(stop);
            }
        }
        Ok(stopping)
    }

    /// Ends the hard way what holds the others up.
    async fn kill(&self, systemd: &mut Systemd) -> Result<(), Error> {
        for Stop { unit: name, .. } in self.stopping(systemd, true).await? {
            tracing::warn!("{name} did not stop within {KILL_AFTER:?}; SIGKILL");
            if let Err(error) = systemd.kill(&name).await {
                // A target has no processes.
                tracing::debug!("{name} was not killed: {error}");
            }
        }
        Ok(())
    }
}

/// Whether a unit is part of the graphical session: it is stopped with it.
pub(super) async fn is_of_session(systemd: &mut Systemd, name: &str) -> Result<bool, Error> {
    let unit = systemd.unit(name).await?;
    let relations = [
        "PartOf",
        "BindsTo",
        "Requisite",
        "Requires",
        "PropagatesStopTo",
    ];
    Ok(unit.relates(&relations, TARGET))
}

/// The target that ends a session of this owner, if it follows the convention.
fn shutdown_of(owner: &str) -> Option<String> {
    let (stem, kind) = owner.rsplit_once('.')?;
    let stem = stem.split('@').next().filter(|stem| !stem.is_empty())?;
    matches!(kind, "target" | "service").then(|| format!("{stem}-shutdown.target"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_shut_down_by_their_own_target() {
        let of = |owner| shutdown_of(owner).unwrap_or_default();
        assert_eq!(of("sway-session.target"), "sway-session-shutdown.target");
        assert_eq!(
            of("wayland-session@sway.desktop.target"),
            "wayland-session-shutdown.target"
        );
        assert_eq!(of("niri.service"), "niri-shutdown.target");
        assert_eq!(of("app-foot-1.scope"), "");
        assert_eq!(of("@x.target"), "");
        assert_eq!(of("nonsense"), "");
    }
}

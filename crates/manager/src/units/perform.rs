//! What the manager makes of units: which are the session's, and when they are ended.

use std::collections::{BTreeMap, BTreeSet};

use endsession_core::{Choice, ChoiceError, Event, Going, Identity, Phase, Signal};

use super::Heard;
use super::place::{Kind, Place};
use crate::backend::Backend;
use crate::display_of::{self, Named, Way};
use crate::manager::{LOST_BUDGET, Manager};
use crate::membership::{Belongs, Displays};
use crate::process::{self, Stat, Table};

/// What a manager says of itself while there is no request.
pub(crate) const IDLE: &str = "Nobody has asked to end this session";

/// What is left of a session, and how it is to be ended.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    /// Every process.
    pub(crate) all: BTreeSet<Identity>,
    /// Units that hold nothing else, with their processes: they are stopped as units.
    pub(crate) units: BTreeMap<String, Vec<Identity>>,
}

impl Rest {
    /// Those that no unit stands for.
    pub(crate) fn alone(&self) -> impl Iterator<Item = &Identity> {
        let of_units: BTreeSet<&Identity> = self.units.values().flatten().collect();
        self.all.iter().filter(move |of| !of_units.contains(of))
    }
}

impl Manager {
    /// A manager that is a service was started before its display: systemd knows by now, if the
    /// session has told it. `None` where our own variables tell.
    pub(crate) async fn ways_told(&mut self) -> Option<Vec<Way>> {
        if !self.units.is_service() {
            return None;
        }
        let told = self.units.environment().await?;
        let ways = display_of::named_in(&told);
        self.units.told = Some(told);
        Some(ways)
    }

    /// Remembers how processes of the session name its display, to know them by when it is gone.
    pub(crate) fn remember_display(&mut self) {
        self.saver.look_again();
        if let Some(environment) = self.environment_of_session() {
            self.session_named = Some(Named::in_environment(&environment));
            self.displays = None;
        }
    }

    /// Whether a process is a background service of the user's that is no part of the session,
    /// whatever window it shows: never ended by us.
    pub(crate) fn is_background(&self, pid: u32) -> bool {
        Place::of(pid).is_some_and(|at| {
            at.kind() == Kind::Service
                && !self.units.is_around(&at.unit)
                && !self.units.is_of_session(&at.unit)
        })
    }

    /// Whether a process is in a unit that was made for one application of this session.
    pub(crate) fn is_in_application(&self, table: &Table, displays: &Displays, pid: u32) -> bool {
        table.get(pid).is_some_and(|stat| self.may_end(table, stat))
            && Place::of(pid).is_some_and(|at| at.kind() == Kind::Application)
            && displays.claims(pid)
    }

    /// Whether nothing speaks against ending a process: it is neither ours, nor meant to outlive
    /// the session.
    fn may_end(&self, table: &Table, stat: &Stat) -> bool {
        process::is_of_session(table, stat.pid, true, true)
            && !process::outlives_sessions(table, stat)
            && !self.keep.contains(&stat.pid)
    }

    /// Learns which services windows belong to, before anything is made of them.
    pub(crate) async fn learn_services(&mut self) {
        let pids = self.core.apps().filter_map(|app| app.of.pid());
        let places = pids.filter_map(Place::of);
        let services = places.filter(|at| at.kind() == Kind::Service);
        let services: BTreeSet<String> = services.map(|at| at.unit).collect();
        self.units.learn(services.into_iter().collect()).await;
    }

    /// The units of applications of this session, each with all of its processes. A unit that holds
    /// anything to be let be is left out: what `may` not end, or outlives sessions, or belongs to
    /// another display.
    pub(crate) fn session_units(
        &self,
        table: &Table,
        displays: &Displays,
        may: &dyn Fn(&Stat) -> bool,
    ) -> BTreeMap<String, Vec<Identity>> {
        let mut members: BTreeMap<String, Vec<&Stat>> = BTreeMap::new();
        for stat in table.iter().filter(|stat| !stat.is_zombie()) {
            if let Some(at) = Place::of(stat.pid).filter(|at| at.kind() == Kind::Application) {
                members.entry(at.unit).or_default().push(stat);
            }
        }
        members.retain(|unit, inside| {
            let whose = |s: &Stat| displays.owns(s.pid);
            let told = inside.iter().any(|s| displays.claims(s.pid));
            let spared =
                |s: &&&Stat| !self.may_end(table, s) || !may(s) || whose(s) == Belongs::Elsewhere;
            let spared = inside.iter().find(spared).filter(|_| told);
            if let Some(Stat { comm, pid, .. }) = spared {
                tracing::debug!("{unit} does not end as a unit: {comm} (pid {pid}) is in it");
            }
            told && spared.is_none()
        });
        let identities = |inside: Vec<&Stat>| inside.into_iter().map(Stat::identity).collect();
        let units = members.into_iter();
        units
            .map(|(unit, inside)| (unit, identities(inside)))
            .collect()
    }

    /// The unit to end instead of one application's process: what was made for it alone, once it
    /// has been asked and is to go for good.
    fn unit_of(&mut self, of: &Identity) -> Option<(String, Vec<Identity>)> {
        let app = self.core.app(of)?;
        // "Ends by SIGTERM" is a word to the application itself, not to its helpers.
        if app.going == Going::Polite {
            return None;
        }
        let unit = Place::of(of.pid()?)
            .filter(|at| at.kind() == Kind::Application)?
            .unit;
        let others: BTreeSet<u32> = self
            .core
            .apps()
            .filter(|app| app.of != of && !(app.windows.is_empty() && app.voters.is_empty()))
            .filter_map(|app| app.of.pid())
            .collect();
        let table = self.processes();
        let displays = self.displays_with(&table);
        let requesters = &self.requester_pids;
        let mut units = self.session_units(&table, &displays, &|stat| {
            !others.contains(&stat.pid)
                && !requesters.contains(&stat.pid)
                && !self.goes_last(&table, stat)
        });
        units.remove_entry(&unit)
    }

    /// The last of all: what systemd stops with the session, then the session itself.
    pub(crate) fn end_units(&mut self) {
        if !self.units.stop_session(self.session_named.clone()) {
            self.end_by_backend();
        }
    }

    /// Ends an application as the unit that it is; `false` where it is none.
    pub(crate) fn end_as_unit(&mut self, of: &Identity, signal: Signal) -> bool {
        let Some((unit, processes)) = self.unit_of(of) else {
            return false;
        };
        match signal {
            Signal::Term => {
                tracing::info!("stopping {unit} ({})", self.name_of(of));
                self.units.stop(BTreeMap::from([(unit, processes)]));
            }
            Signal::Kill => {
                tracing::info!("SIGKILL to all of {unit} ({})", self.name_of(of));
                self.units.kill(unit);
                for of in processes {
                    let _gone_already = process::signal(&of, Signal::Kill);
                }
            }
        }
        true
    }

    /// Something that was ordered has been done, or not.
    pub(crate) fn units_heard(&mut self, heard: Heard) {
        // An answer may come when the request that it was for has failed.
        let ends = self.core.phase() == Some(Phase::Ending);
        match heard {
            Heard::SessionStopped(_) | Heard::CompositorStopped(_) if !ends => {}
            Heard::NotStopped(processes) => {
                for of in processes {
                    // Of one that has gone there is no name.
                    let name = self.name_of(&of);
                    match process::signal(&of, Signal::Term) {
                        Ok(()) => tracing::info!("SIGTERM to {name}"),
                        Err(error) => tracing::debug!("{name} could not be signalled: {error}"),
                    }
                }
            }
            Heard::Announced => self.mind_the_rest(),
            Heard::SessionStopped(result) => {
                if let Err(why) = result {
                    tracing::warn!("{why}");
                }
                self.end_by_backend();
            }
            Heard::CompositorStopped(result) => self.compositor_stopped(result),
            Heard::Nothing => {}
        }
    }

    /// Its exit is seen for itself; where there is none yet, the unit did not mean it.
    fn compositor_stopped(&mut self, result: Result<(), String>) {
        let Backend::Compositor(compositor) = &mut self.backend else {
            return;
        };
        let of = compositor.identity().clone();
        let there = of.pid().and_then(process::identity).as_ref() == Some(&of);
        if compositor.is_gone() || !there {
            return;
        }
        match result {
            Ok(()) => {
                compositor.was_not_stopped();
                self.end_by_backend();
            }
            Err(why) => self.event(Event::Backend(Err(why))),
        }
    }

    /// SIGTERM. From whoever started us it is the end of the session; but a service may be stopped
    /// or started anew while its session goes on, and then it leaves it in peace.
    pub(crate) async fn told_to_end(&mut self) {
        self.told_to_end = true;
        self.notify.stopping();
        if self.core.phase() == Some(Phase::Ending) {
            self.units.is_told_to_end();
            self.event(Event::Imposed(self.config.imposed()));
            if self.power.goes_down {
                // Nothing more is waited for than the compositor.
                self.end_by_backend();
            }
            return;
        }
        if self.is_once() {
            return self.leave();
        }
        // A session that we started is ours, and does not go on without us.
        let may_go_on = self.units.is_service() && !matches!(self.backend, Backend::Child(_));
        let alone = may_go_on && self.units.is_stopping().await != Some(true);
        // While no request is under way nobody has looked who is there.
        self.look().await;
        if !alone {
            let budget = self.config.imposed();
            tracing::info!("told to end: the session ends within {budget} ms");
            self.event(Event::Imposed(budget));
        } else if self.display.is_none() && self.session_named.is_some() {
            tracing::info!("told to end, and the session's display has gone: so does what is left");
            self.event(Event::Imposed(LOST_BUDGET));
        } else {
            self.leave();
        }
    }

    /// The session goes on without a manager.
    fn leave(&mut self) {
        tracing::info!("told to end; the session goes on without a manager");
        let now = self.now();
        match self.core.choose(now, Choice::Cancel) {
            Ok(()) | Err(ChoiceError::NoRequest) => self.leaves = true,
            Err(error) => tracing::info!("the request under way goes on to its end: {error}"),
        }
    }

    /// What is left of the session, as units: each is asked to stop.
    pub(crate) fn stop_units(&mut self, units: BTreeMap<String, Vec<Identity>>) {
        for unit in units.keys() {
            tracing::info!("stopping {unit}");
        }
        if !units.is_empty() {
            self.units.stop(units);
        }
    }

    /// For `systemctl status`.
    pub(crate) fn say_status(&mut self, phase: Option<Phase>) {
        let status = match phase {
            None => IDLE,
            Some(Phase::Confirming) => "Asking the user whether to end this session",
            Some(Phase::Authorizing) => "Finding out whether this end is permitted",
            Some(Phase::Asking) => "Asking the applications of this session",
            Some(Phase::Closing) => "Letting the applications of this session go",
            Some(Phase::Imposed) => "This session ends, whatever anybody says",
            Some(Phase::Ending) => "Ending this session",
        };
        self.notify.status(status);
    }
}

//! Looking at what is there: windows, jobs in terminals, and who was started from within whom.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use endsession_core::{Blocker, Event, Identity, JobId, Phase, Why, Window, WindowId};

use crate::adapter::display::{Display, DisplayEvent, Toplevel, WindowKey};
use crate::adapter::jobs::{self, Fate, Home, Job, Stay};
use crate::backend::compositor::FindError;
use crate::backend::{Backend, unit};
use crate::display_of;
use crate::manager::{LOST_BUDGET, Manager};
use crate::membership::{Belongs, Displays, login_session_by_cgroup};
use crate::perform::DISPLAY_SERVERS;
use crate::process;
use crate::report::{self, BlockerInfo};
use crate::units::place::Place;
use crate::unsaved::looks_unsaved;

/// How long a display may take to tell what it knows of its windows.
const WINDOWS_LIMIT: Duration = Duration::from_secs(3);

impl Manager {
    /// Everything that is there now is told to the coordinator.
    pub(crate) async fn look(&mut self) {
        self.find_windows_programs();
        self.look_at_windows().await;
        self.bundle_windows_programs();
        self.look_at_lockers();
        self.look_at_jobs();
    }

    /// Every window that is there now is told to the coordinator, and which XSMP client is the
    /// window manager.
    pub(crate) async fn look_at_windows(&mut self) {
        self.take_in_windows().await;
        let manager = self.display.as_ref().and_then(Display::window_manager);
        self.xsmp.set_window_manager(manager);
        while let Some(effect) = self.xsmp.done() {
            self.xsmp_effect(effect);
        }
        self.learn_services().await;
    }

    async fn take_in_windows(&mut self) {
        self.open_display().await;
        let limit = tokio::time::Instant::now() + WINDOWS_LIMIT;
        loop {
            while let Some(event) = self.display.as_mut().and_then(Display::try_next) {
                self.display_event(event);
            }
            let Some(display) = self.display.as_mut().filter(|d| !d.is_settled()) else {
                return;
            };
            let next = tokio::time::timeout_at(limit, display.next()).await;
            self.processes = None;
            match next {
                Ok(event) => self.display_event(event),
                Err(_) => return tracing::warn!("some windows' processes are not told in time"),
            }
        }
    }

    /// The pid below which all processes of the session are, where the manager started it.
    pub(crate) fn root(&self) -> Option<u32> {
        match &self.backend {
            // The demo's applications are started by its own process.
            Backend::Child(_) | Backend::Nothing => Some(std::process::id()),
            Backend::Compositor(_) | Backend::Missing => None,
        }
    }

    /// Finds how the session ends, where this process did not start it.
    pub(crate) async fn find_backend(&mut self) -> Result<(), FindError> {
        if !matches!(self.backend, Backend::Missing) {
            return Ok(());
        }
        self.open_display().await;
        let mut ways = match self.ways_told().await {
            Some(ways) => ways,
            None => display_of::find(&self.processes(), None),
        };
        if let (Some(_), Some(seen)) = (&self.display, &self.display_way) {
            // What ends is what the user sees the windows of.
            ways.retain(|way| way != seen);
            ways.insert(0, seen.clone());
        }
        let found = Backend::find(&ways, &self.config.session).await;
        // It took a while.
        self.processes = None;
        if found.is_err() && self.core.phase().is_none() {
            self.close_display();
        }
        self.backend = found?;
        let found = self.backend.identity().zip(self.backend.name());
        if let Some((of, name)) = found.map(|(of, name)| (of.clone(), name.to_owned())) {
            self.exits.watch(&of);
            self.units.compositor = of.pid().and_then(unit::of_compositor);
            // Known when it has gone: whoever waited for it cleans up then.
            let table = self.processes();
            let above = |pid| table.ancestors(pid).map(process::Stat::identity).collect();
            self.compositor_waiters = of.pid().map(above).unwrap_or_default();
            self.compositor = Some((of, name));
        }
        Ok(())
    }

    /// Each request finds anew how the session ends.
    pub(crate) fn forget_backend(&mut self) {
        if matches!(self.backend, Backend::Compositor(_)) {
            self.backend = Backend::Missing;
            self.displays = None;
        }
    }

    /// Connects to the session's display, unless that is done.
    pub(crate) async fn open_display(&mut self) {
        if self.display.is_some() {
            return;
        }
        let child = match &self.backend {
            Backend::Child(child) if child.status().is_some() => return,
            Backend::Child(child) => Some(child.pid()),
            Backend::Nothing => return,
            Backend::Compositor(_) | Backend::Missing => None,
        };
        let ways = match self.ways_told().await {
            Some(ways) if child.is_none() => ways,
            _ => display_of::find(&self.processes(), child),
        };
        self.display_is_unseen = !ways.is_empty();
        if ways.is_empty() {
            "none found".clone_into(&mut self.display_name);
        }
        for way in ways {
            let connected = way.connect().await;
            // It took a while, and what is told next is to be what is there then.
            self.processes = None;
            match connected {
                Ok(display) => {
                    display.name().clone_into(&mut self.display_name);
                    self.display = Some(display);
                    self.display_is_unseen = false;
                    self.display_way = Some(way);
                    self.remember_display();
                    break;
                }
                Err(error) => {
                    tracing::warn!("windows are not seen: {error}");
                    self.display_name = error.to_string();
                }
            }
        }
    }

    /// Lets go of the display: nobody needs to be woken for a title while no request is under way.
    pub(crate) fn close_display(&mut self) {
        self.display = None;
        self.forget_windows_programs();
        let windows: Vec<WindowId> = self
            .core
            .apps()
            .flat_map(|a| a.windows.into_iter().map(|(w, _)| w))
            .collect();
        for window in windows {
            self.event(Event::WindowGone(window));
        }
        self.survivors.clear();
        for job in std::mem::take(&mut self.jobs).into_keys() {
            self.event(Event::JobGone(job));
        }
    }

    pub(crate) fn display_event(&mut self, event: DisplayEvent) {
        match event {
            DisplayEvent::Window(key, toplevel) => self.window_seen(key, toplevel),
            DisplayEvent::Closed(key) => self.event(Event::WindowGone(WindowId(key.0))),
            DisplayEvent::Pong(key) => {
                let of = self
                    .core
                    .apps()
                    .find(|a| a.windows.iter().any(|(w, _)| w.0 == key.0))
                    .map(|a| a.of.clone());
                if let Some(of) = of {
                    self.event(Event::Pong(of));
                }
            }
            DisplayEvent::Lost(why) => {
                self.display = None;
                self.display_name = format!("lost: {why}");
                let asking = matches!(
                    self.core.phase(),
                    Some(Phase::Confirming | Phase::Authorizing | Phase::Asking | Phase::Closing)
                );
                self.close_display();
                if self.power.goes_down && !matches!(self.backend, Backend::Child(_)) {
                    self.event(Event::Backend(Ok(())));
                }
                if asking {
                    tracing::warn!(
                        "the session's display is lost ({why}); what is left of the session ends"
                    );
                    self.event(Event::Imposed(LOST_BUDGET));
                }
            }
        }
    }

    fn window_seen(&mut self, key: WindowKey, toplevel: Toplevel) {
        if self.dialog.shows(&toplevel) {
            return;
        }
        // The windows of all X clients are one process's where niri shows them, and that process is
        // their display.
        let pid = toplevel.pid.filter(|pid| !serves_a_display(*pid));
        let of = pid.and_then(process::identity);
        // Where a compositor tells of Xwayland's windows only what they are called, a name says no more
        // than the display's own kind of identity would.
        let of = of.or_else(|| self.wine.named(&toplevel.app_id));
        if let Some(of) = &of {
            let opens = self.core.owner(WindowId(key.0)).is_none();
            self.meet_windows_program(of, opens);
            if self.wine.is_service(of) {
                return;
            }
        }
        // Where no process is known, the XSMP client that the window names: the worst that a false
        // name does is to leave a window to the vote of another application of the same user.
        let named = toplevel.session_id.as_deref().filter(|_| of.is_none());
        let of = of.or_else(|| self.xsmp.owner(named?).cloned());
        let name = if toplevel.app_id.is_empty() {
            toplevel.pid.and_then(process::program).unwrap_or_default()
        } else {
            toplevel.app_id.clone()
        };
        let of = of.unwrap_or_else(|| match toplevel.app_id.as_str() {
            "" => Identity::Peer(key.0 | WINDOW_PEER),
            app_id => Identity::AppId(app_id.to_owned()),
        });
        let about = Window {
            name,
            unsaved: looks_unsaved(&toplevel.title),
            title: toplevel.title,
            dialog: toplevel.dialog,
        };
        self.event(Event::WindowSeen {
            window: WindowId(key.0),
            of,
            about,
        });
    }

    /// Finds the jobs in the session's terminals, and which application hosts which.
    pub(crate) fn look_at_jobs(&mut self) {
        let table = self.processes();
        let applications: BTreeSet<u32> = self
            .core
            .apps()
            .filter(|a| !a.windows.is_empty() || !a.voters.is_empty())
            .filter_map(|a| a.of.pid())
            .collect();
        let displays = self.displays_with(&table);
        let programs = jobs::Programs::new(&self.config.jobs);
        let found = jobs::find(&jobs::Context {
            table: &table,
            root: self.root(),
            applications: &applications,
            requesters: &self.requester_pids,
            programs: &programs,
            inside: &|s| self.is_inside(&table, &displays, s.pid),
            fate: &|s| self.fate(&displays, s),
            arguments: &process::arguments_in_short,
        });
        let mut there: BTreeMap<JobId, Job> = BTreeMap::new();
        for job in found.jobs {
            // What ended between two reads has a number that may be another's by now.
            let is_there =
                |of: &Identity| of.pid().and_then(process::identity).as_ref() == Some(of);
            if !job.members.iter().any(is_there) {
                continue;
            }
            for member in &job.members {
                // Whatever is not watched is seen to have ended when what is watched has.
                if self.exits.len() < MAX_WATCHED {
                    self.exits.watch(member);
                }
            }
            self.event(Event::JobSeen {
                job: job.id,
                of: job.terminal.clone(),
                name: job.name.clone(),
                what: job.what.clone(),
            });
            there.insert(job.id, job);
        }
        self.tell_survivors(found.survivors);
        let before = std::mem::replace(&mut self.jobs, there);
        let gone: Vec<JobId> = before
            .into_keys()
            .filter(|id| !self.jobs.contains_key(id))
            .collect();
        for id in gone {
            self.event(Event::JobGone(id));
        }
        for pid in &applications {
            let host = table
                .ancestors(*pid)
                .find(|a| applications.contains(&a.pid));
            if let (Some(guest), Some(host)) = (table.get(*pid), host) {
                self.event(Event::Hosted {
                    guest: guest.identity(),
                    host: host.identity(),
                });
            }
        }
    }

    /// Says once what is not held up for.
    fn tell_survivors(&mut self, survivors: Vec<Job>) {
        let same = |a: &Job, b: &Job| a.id == b.id && a.what == b.what;
        let before = std::mem::replace(&mut self.survivors, survivors);
        if self.core.phase().is_none() {
            return;
        }
        let is_new = |job: &&Job| !before.iter().any(|s| same(s, job));
        let new: Vec<report::Survivor> =
            (self.survivors.iter().filter(is_new).map(report::survivor)).collect();
        for survivor in new {
            tracing::info!("{} outlives the session: {}", survivor.name, survivor.what);
            self.tell_watchers(report::News::Survives(survivor));
        }
    }

    /// What becomes of a process when the session ends and we let it be.
    fn fate(&self, displays: &Displays, s: &process::Stat) -> Fate {
        let own = rustix::process::getuid().as_raw();
        if process::uid_of(s.pid) != Some(own) {
            return Fate::Unrelated;
        }
        let home = match Place::of(s.pid) {
            Some(at) if at.is_graphical() || self.units.is_of_session(&at.unit) => Home::Graphical,
            Some(_) => Home::UserManager,
            None => match (login_session_by_cgroup(s.pid), self.logind.session.as_ref()) {
                (Some(of), Some(ours)) if of == ours.id => Home::Login,
                (Some(_), Some(_)) => Home::OtherLogin,
                _ => Home::Nowhere,
            },
        };
        let fate = Stay::fate(self.logind.stay(), home);
        // Beside what ends whatever it was started from, another display's is none of ours.
        match displays.owns(s.pid) {
            Belongs::Elsewhere if fate == Fate::Survives => Fate::Unrelated,
            _ => fate,
        }
    }

    /// For how long a job has run, in milliseconds; 0 of what is none.
    pub(crate) fn running(&self, b: &Blocker) -> u64 {
        match &b.why {
            Why::Job(id, _) => self.jobs.get(id).map_or(0, |job| process::age(job.began)),
            _ => 0,
        }
    }

    /// A blocker as it is told.
    pub(crate) fn told(&self, b: &Blocker, waiting_ms: u64) -> BlockerInfo {
        BlockerInfo {
            running_ms: self.running(b),
            ..report::blocker(b, waiting_ms)
        }
    }

    /// The applications from within which a process made a request: the nearest one above it that
    /// has a window, and itself.
    pub(crate) fn requester(&mut self, pid: Option<u32>) -> Vec<Identity> {
        let Some(pid) = pid.filter(|pid| !self.dialog.owns(*pid)) else {
            return Vec::new();
        };
        let table = self.processes();
        let known = |pid: u32| {
            let of = table.get(pid)?.identity();
            let app = self.core.app(&of)?;
            (!app.windows.is_empty()).then_some(of)
        };
        let nearest = known(pid).or_else(|| table.ancestors(pid).find_map(|a| known(a.pid)));
        self.requester_pids.insert(pid);
        self.requester_pids
            .extend(table.ancestors(pid).map(|a| a.pid));
        nearest.into_iter().collect()
    }
}

/// Processes that are watched before those of jobs are no longer: each is a descriptor.
const MAX_WATCHED: usize = 512;

fn serves_a_display(pid: u32) -> bool {
    process::Stat::read(pid).is_some_and(|s| DISPLAY_SERVERS.contains(&s.comm.as_str()))
}

/// Numbers of windows of which nothing else is known, apart from numbers of bus peers.
const WINDOW_PEER: u64 = 1 << 63;

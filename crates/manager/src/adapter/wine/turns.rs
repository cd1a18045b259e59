//! Prefixes as the loop sees them: which programs the coordinator is told of, what it has done with
//! them, and what the end of a `wineboot` means to the request.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitStatus;

use endsession_core::{BundleEnd, BundleId, Event, Identity};

use super::called;
use super::find::{self, Prefix, Program};
use super::run::{End, Running};
use crate::manager::Manager;
use crate::membership::Belongs;
use crate::process;

impl Manager {
    /// Finds the Windows programs there are, before their windows are told of.
    pub(crate) fn find_windows_programs(&mut self) {
        let table = self.processes();
        self.wine.take_in(find::find(&table));
    }

    /// A window of this process is there, or opens now: if Wine runs it, it may be new.
    pub(crate) fn meet_windows_program(&mut self, of: &Identity, opens: bool) {
        if self.wine.program(of).is_none() {
            let is_wines = of.pid().and_then(process::program);
            if !is_wines.is_some_and(|p| p.starts_with("wine")) {
                return;
            }
            self.processes = None;
            self.find_windows_programs();
            self.bundle_windows_programs();
        }
        let Some(bundle) = self.wine.bundle_of(of).filter(|_| opens) else {
            return;
        };
        for running in &mut self.wine.running {
            if running.bundle == bundle {
                running.asked.retain(|o| o != of);
                running.asked.push(of.clone());
            }
        }
    }

    /// Tells the coordinator which programs go with their prefix: those of each prefix all of whose
    /// programs are the session's.
    pub(crate) fn bundle_windows_programs(&mut self) {
        let prefixes: Vec<(BundleId, PathBuf, Vec<Program>)> = self
            .wine
            .prefixes
            .iter()
            .map(|(bundle, prefix)| {
                let programs = prefix.programs.iter().filter(|p| !p.is_service);
                (*bundle, prefix.path.clone(), programs.cloned().collect())
            })
            .filter(|(_, _, programs): &(_, _, Vec<Program>)| !programs.is_empty())
            .collect();
        let (ours, others): (Vec<_>, Vec<_>) = prefixes
            .into_iter()
            .partition(|(_, _, programs)| programs.iter().all(|p| self.is_ours_alone(p)));
        for (_, path, programs) in others {
            let names: Vec<&str> = programs.iter().map(|p| p.name.as_str()).collect();
            let (path, names) = (path.display(), names.join(", "));
            tracing::debug!("{path} is not this session's alone, and is not closed: {names}");
        }
        let several = ours.len() > 1;
        let mut bundled = BTreeSet::new();
        for (bundle, path, programs) in ours {
            if self.wine.closed.contains(&bundle) && !self.wine.is_closing(bundle) {
                continue;
            }
            for program in programs {
                // One that ended between two reads is seen to have ended by the next look.
                if self.exits.watch(&program.of) {
                    bundled.insert(program.of.clone());
                    let name = called(&program, several.then_some(path.as_path()));
                    self.event(Event::Bundled {
                        of: program.of,
                        name,
                        bundle,
                    });
                }
            }
        }
        let before = std::mem::replace(&mut self.wine.bundled, bundled);
        for of in before.difference(&self.wine.bundled.clone()) {
            self.event(Event::Unbundled(of.clone()));
        }
    }

    /// A prefix may serve several sessions: it is closed as a whole or not at all.
    fn is_ours_alone(&mut self, program: &Program) -> bool {
        self.is_ours(&program.of) && self.belongs(program.pid) != Belongs::Elsewhere
    }

    /// Nobody looks at processes any more.
    pub(crate) fn forget_windows_programs(&mut self) {
        for of in std::mem::take(&mut self.wine.bundled) {
            self.event(Event::Unbundled(of));
        }
        self.wine.closed.clear();
        self.wine.prefixes.clear();
    }

    /// Has all programs of a prefix asked and ended.
    pub(crate) fn close_prefix(&mut self, bundle: BundleId, forceful: bool) {
        self.wine.closed.insert(bundle);
        let there =
            |p: &&Prefix| p.server.pid().and_then(process::identity).as_ref() == Some(&p.server);
        let Some(prefix) = self.wine.prefixes.get(&bundle).filter(there) else {
            return self.event(Event::BundleEnded(bundle, BundleEnd::Done));
        };
        match Running::start(bundle, prefix, forceful) {
            Ok(running) => {
                let path = prefix.path.display();
                tracing::info!("wineboot (pid {}) ends the programs of {path}", running.pid);
                self.wine.running.push(running);
            }
            Err(error) => {
                let (loader, path) = (prefix.loader.display(), prefix.path.display());
                tracing::warn!(
                    "{loader} cannot be started, and the programs of {path} are closed by their windows: {error}"
                );
                self.event(Event::BundleEnded(bundle, BundleEnd::Done));
            }
        }
    }

    /// Nobody waits for a prefix to close any more.
    pub(crate) fn leave_prefix(&mut self, bundle: BundleId) {
        let running = self.wine.running.iter_mut();
        for running in running.filter(|r| r.bundle == bundle && !r.is_left) {
            running.is_left = true;
            running.kill();
        }
        // It can be closed anew, by this request or another.
        self.wine.closed.remove(&bundle);
    }

    /// A child of ours has ended; if it is a `wineboot`, the coordinator learns what that means.
    pub(crate) fn wineboot_exited(&mut self, pid: u32, status: ExitStatus) {
        let Some(at) = self.wine.running.iter().position(|r| r.pid == pid) else {
            return;
        };
        let running = self.wine.running.remove(at);
        let bundle = running.bundle;
        if running.is_left {
            return;
        }
        let members: Vec<Identity> = self
            .core
            .apps()
            .filter(|a| a.bundle == Some(bundle))
            .map(|a| a.of.clone())
            .collect();
        let (alive, gone): (Vec<_>, Vec<_>) = members
            .into_iter()
            .partition(|of| of.pid().and_then(process::identity).as_ref() == Some(of));
        for of in gone {
            self.event(Event::Exited(of));
        }
        let end = match running.ended(status) {
            End::Agreed | End::Failed => BundleEnd::Done,
            // One that shows nothing cannot say no for its user, as on Windows.
            End::Refused if running.asked.is_empty() && !self.shows_something(&alive) => {
                tracing::info!(
                    "a Windows program that shows no window refused, and goes at the end"
                );
                BundleEnd::Done
            }
            End::Refused => {
                // Another request may close it again.
                self.wine.closed.remove(&bundle);
                let by = self.who_refused(&running, &alive);
                let name = by.as_ref().map(|of| self.name_of(of));
                tracing::info!("{} refused", name.as_deref().unwrap_or("a Windows program"));
                BundleEnd::Refused {
                    by,
                    name: "Wine".to_owned(),
                    reason: "it answered no to the end of the session".to_owned(),
                }
            }
        };
        self.event(Event::BundleEnded(bundle, end));
    }

    fn shows_something(&self, of: &[Identity]) -> bool {
        let shows = |of| self.core.app(of).is_some_and(|a| !a.windows.is_empty());
        of.iter().any(shows)
    }

    /// Wine does not say who it was. It is the one that asked its user last, or the only one that is
    /// left with a window; where several are, nobody is named.
    fn who_refused(&self, running: &Running, alive: &[Identity]) -> Option<Identity> {
        let asked = running.asked.iter().rev();
        let asked = asked.into_iter().find(|of| alive.contains(of)).cloned();
        let has_window = |of: &&Identity| self.core.app(of).is_some_and(|a| !a.windows.is_empty());
        let mut shown = alive.iter().filter(has_window);
        asked.or_else(|| match (shown.next(), shown.next()) {
            (Some(one), None) => Some(one.clone()),
            (None, _) if alive.len() == 1 => alive.first().cloned(),
            _ => None,
        })
    }
}

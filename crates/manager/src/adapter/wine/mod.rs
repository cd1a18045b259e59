//! Windows programs under Wine: those of one prefix can be neither asked nor closed one by one, only
//! the prefix as a whole, by `wineboot --end-session`. To the coordinator a prefix is a bundle.
//!
//! `find` tells which prefixes are in use and what runs in them, `run` is one `wineboot` as a process.
//! Here is what is kept of them, and what they are to the loop. Reads /proc, starts processes and
//! signals those alone.

mod find;
mod run;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use endsession_core::{BundleEnd, BundleId, Event, Identity};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use rustix::process::Pid;

use super::xping;
use crate::display_of::Named;
use crate::manager::Manager;
use crate::membership::Belongs;
use crate::process;
use find::{Directory, Prefix, Program};
use run::{End, Running};

/// What every program of a prefix is called first, so that a row says what kind of program it is.
const CALLED: &str = "Wine: ";

/// More programs than these, of all prefixes, are not taken in: each is watched for its exit.
const MAX_PROGRAMS: usize = 1024;

/// All prefixes that are in use.
#[derive(Debug, Default)]
pub(crate) struct Wine {
    /// Prefixes keep their numbers while they are in use.
    numbers: BTreeMap<Directory, BundleId>,
    last_number: u64,
    prefixes: BTreeMap<BundleId, Prefix>,
    /// Programs of which the coordinator knows that they go with their prefix.
    bundled: BTreeSet<Identity>,
    /// Prefixes that have been closed for the request under way; what is left of them goes by itself.
    closed: BTreeSet<BundleId>,
    running: Vec<Running>,
    pings: Pings,
}

/// Programs that are asked whether they handle events.
#[derive(Default)]
struct Pings {
    of: BTreeSet<Identity>,
    open: FuturesUnordered<std::pin::Pin<Box<dyn Future<Output = (Identity, bool)>>>>,
}

impl std::fmt::Debug for Pings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Pings").field(&self.of).finish()
    }
}

impl Wine {
    /// Asks a program whether it handles events, by its windows on its X display, where the session's
    /// display has no way to. Whether an answer may come.
    pub(crate) fn ping(&mut self, of: &Identity) -> bool {
        let Some((_, program)) = self.program(of) else {
            return false;
        };
        let pid = program.pid;
        let Some(display) = Named::to(pid).x11 else {
            return false;
        };
        if self.pings.of.insert(of.clone()) {
            let of = of.clone();
            self.pings.open.push(Box::pin(async move {
                let answered = xping::answers(&display, pid).await;
                // Where nothing can be asked, nothing speaks against it.
                let silent = matches!(&answered, Err(error) if error.is_time_out());
                if let Err(error) = answered {
                    tracing::debug!("no answer to a ping: {error}");
                }
                (of, !silent)
            }));
        }
        true
    }

    /// The next program that has answered; never where none is asked.
    pub(crate) async fn answered(&mut self) -> Identity {
        loop {
            match self.pings.open.next().await {
                Some((of, answered)) => {
                    self.pings.of.remove(&of);
                    if answered {
                        return of;
                    }
                }
                None => std::future::pending().await,
            }
        }
    }

    /// The processes to be waited for, each the leader of its group.
    pub(crate) fn groups(&self) -> impl Iterator<Item = Pid> {
        self.running.iter().filter_map(Running::group)
    }

    /// Takes in what there is now.
    fn take_in(&mut self, found: Vec<Prefix>) {
        let mut room = MAX_PROGRAMS;
        self.prefixes.clear();
        for mut prefix in found {
            prefix.programs.truncate(room);
            room -= prefix.programs.len();
            let last = &mut self.last_number;
            let number = *self.numbers.entry(prefix.directory).or_insert_with(|| {
                *last += 1;
                BundleId(*last)
            });
            self.prefixes.insert(number, prefix);
        }
        let prefixes = &self.prefixes;
        self.numbers
            .retain(|_, number| prefixes.contains_key(number));
    }

    fn is_closing(&self, bundle: BundleId) -> bool {
        let mut running = self.running.iter();
        running.any(|r| r.bundle == bundle && !r.is_left)
    }

    fn program(&self, of: &Identity) -> Option<(&Prefix, &Program)> {
        self.prefixes.values().find_map(|prefix| {
            let program = prefix.programs.iter().find(|p| p.of == *of)?;
            Some((prefix, program))
        })
    }

    /// Whether a process is part of Wine itself. What it shows (an icon's window, the desktop behind
    /// all others) is nothing to close.
    pub(crate) fn is_service(&self, of: &Identity) -> bool {
        self.program(of).is_some_and(|(_, p)| p.is_service)
    }

    /// The one program of this name, where a display tells of a window only what it is called.
    pub(crate) fn named(&self, name: &str) -> Option<Identity> {
        if name.is_empty() {
            return None;
        }
        let programs = self.prefixes.values().flat_map(|p| &p.programs);
        let mut named = programs.filter(|p| p.name.eq_ignore_ascii_case(name) && !p.is_service);
        let first = named.next()?;
        named.next().is_none().then(|| first.of.clone())
    }
}

/// What to call a program: by its file, and by its prefix where the session has several.
fn called(program: &Program, among: Option<&Path>) -> String {
    let name = &program.name;
    match among {
        Some(prefix) => format!("{CALLED}{name} ({})", short(prefix)),
        None => format!("{CALLED}{name}"),
    }
}

/// The name of a program as its file has it, of what it is called here.
pub(crate) fn file_of(called: &str) -> Option<&str> {
    let name = called.strip_prefix(CALLED)?;
    Some(
        match name.strip_suffix(')').and_then(|n| n.rsplit_once(" (")) {
            Some((name, _)) => name,
            None => name,
        },
    )
}

/// A path with `~` for the home directory.
fn short(path: &Path) -> String {
    let home = std::env::var_os("HOME").filter(|h| !h.is_empty());
    let inside = home.and_then(|home| path.strip_prefix(home).ok().map(Path::to_owned));
    let whole = match inside {
        Some(inside) => Path::new("~").join(inside),
        None => path.to_owned(),
    };
    super::text::from_str(&whole.to_string_lossy())
}

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

impl Wine {
    fn bundle_of(&self, of: &Identity) -> Option<BundleId> {
        let mut prefixes = self.prefixes.iter();
        let has = |(_, p): &(&BundleId, &Prefix)| p.programs.iter().any(|p| p.of == *of);
        prefixes.find(has).map(|(bundle, _)| *bundle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_called_by_its_file_and_among_several_prefixes_by_its_prefix() {
        let of = Identity::Process { pid: 7, start: 1 };
        let program = Program::named(of, "seed.exe");
        assert_eq!(called(&program, None), "Wine: seed.exe");
        let among = called(&program, Some(Path::new("/srv/games")));
        assert_eq!(among, "Wine: seed.exe (/srv/games)");
        assert_eq!(file_of(&among), Some("seed.exe"));
    }

    #[test]
    fn what_a_program_is_called_tells_its_file() {
        assert_eq!(file_of("Wine: seed.exe"), Some("seed.exe"));
        assert_eq!(file_of("Wine: seed.exe (~/.wine)"), Some("seed.exe"));
        assert_eq!(file_of("Wine: a (b) (~/.wine)"), Some("a (b)"));
        assert_eq!(file_of("seed.exe"), None);
    }
}

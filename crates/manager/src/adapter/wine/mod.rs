//! Windows programs under Wine: those of one prefix can be neither asked nor closed one by one, only
//! the prefix as a whole, by `wineboot --end-session`. To the coordinator a prefix is a bundle.
//!
//! `find` tells which prefixes are in use and what runs in them, `run` is one `wineboot` as a process,
//! `turns` says what all that means to the request. Here is what is kept of them. Reads /proc, starts
//! processes and signals those alone.

mod find;
mod run;
mod turns;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use endsession_core::{BundleId, Identity};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use rustix::process::Pid;

use super::xping;
use crate::display_of::Named;
use find::{Directory, Prefix, Program};
use run::Running;

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

/// A question to a program, and whether it answered.
type Ping = std::pin::Pin<Box<dyn Future<Output = (Identity, bool)>>>;

/// Programs that are asked whether they handle events.
#[derive(Default)]
struct Pings {
    of: BTreeSet<Identity>,
    open: FuturesUnordered<Ping>,
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

    fn bundle_of(&self, of: &Identity) -> Option<BundleId> {
        let mut prefixes = self.prefixes.iter();
        let has = |(_, p): &(&BundleId, &Prefix)| p.programs.iter().any(|p| p.of == *of);
        prefixes.find(has).map(|(bundle, _)| *bundle)
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

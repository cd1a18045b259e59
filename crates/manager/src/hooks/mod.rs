//! Hooks: the user's and the administrator's own executables, run on three occasions. They are
//! found by `find`, each is a process of `run`, and `turns` says when which is run, and what its end
//! means to the request. Here is what is kept of them.
//!
//! One after the other on each occasion, in the order of their names. A hook that is asked is a
//! voter of the coordinator that cannot be told: it leaves once it has agreed.

mod find;
mod run;
mod turns;

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::rc::Rc;
use std::task::Poll;
use std::time::Instant;

use endsession_core::{Event, Kind, VoterId};
use rustix::process::Pid;

use crate::config::files::Files;
use crate::dialog::environment::Environment;
use crate::process::{Stat, Table};
use find::Hook;
use run::Running;

/// Keeps the numbers of hooks apart from those of clients.
const VOTER: u64 = 1 << 61;

/// Hooks that wait for their turn; of cancelled requests there may be many, and each has its own.
const MAX_QUEUED: usize = 256;

/// Facts about what hooks show or register that are kept; more than these no script has.
const MAX_WITHHELD: usize = 64;

/// When a hook is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// Everybody is asked, and it may refuse.
    Asking,
    /// From the point of no return on, before anything that is left is signalled.
    Ending,
    /// A request was cancelled or failed.
    Cancelled,
}

impl Occasion {
    fn name(self) -> &'static str {
        match self {
            Self::Asking => "asking",
            Self::Ending => "ending",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A hook that waits for its turn.
#[derive(Debug)]
struct Job {
    occasion: Occasion,
    hook: Hook,
    event: Rc<str>,
    voter: Option<VoterId>,
}

/// All hooks of this session that are asked, wait or run.
#[derive(Debug, Default)]
pub(crate) struct Hooks {
    voters: BTreeMap<VoterId, Hook>,
    last_voter: u64,
    queue: VecDeque<Job>,
    running: Vec<Running>,
    /// What would have been told of applications, had a hook not started them.
    withheld: Vec<Event>,
    /// The coordinator waits for those of the session's end.
    awaited: bool,
    about: About,
}

/// What hooks are told of the request under way, or of the last one.
#[derive(Debug, Default)]
struct About {
    phase: &'static str,
    kind: Kind,
    reason: String,
}

impl Hooks {
    /// Whether any runs or waits for its turn.
    pub(crate) fn has_work(&self) -> bool {
        !self.running.is_empty() || !self.queue.is_empty()
    }

    /// Whether this voter is a hook.
    pub(crate) fn owns_voter(voter: VoterId) -> bool {
        voter.0 & VOTER != 0 && !crate::adapter::xsmp::Xsmp::owns(voter)
    }

    /// When something is to be done about one that runs.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.running.iter().filter_map(Running::deadline).min()
    }

    /// Waits until one has said something, and takes it in.
    pub(crate) async fn output(&mut self) {
        std::future::poll_fn(|cx| {
            let mut some = false;
            for hook in &mut self.running {
                some |= hook.poll_output(cx).is_ready();
            }
            if some { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// The processes to be waited for, each the leader of its group.
    pub(crate) fn groups(&self) -> impl Iterator<Item = Pid> {
        self.running.iter().filter_map(Running::group)
    }

    /// Whether a process is a hook that runs, or was started by it.
    pub(crate) fn owns(&self, pid: u32) -> bool {
        if self.running.is_empty() {
            return false;
        }
        // A hook is a script, and what it starts is a few steps below.
        const STEPS: usize = 8;
        let up = |stat: &Stat| Stat::read(stat.ppid);
        std::iter::successors(Stat::read(pid), up)
            .take(STEPS)
            .any(|s| {
                self.running
                    .iter()
                    .any(|r| r.pid == s.pid || r.pid == s.pgrp)
            })
    }

    /// The same, of a process in a table.
    pub(crate) fn owns_in(&self, table: &Table, of: &Stat) -> bool {
        self.running
            .iter()
            .any(|r| r.pid == of.pid || r.pid == of.pgrp || table.descends(of.pid, r.pid))
    }

    /// Keeps a fact about what a hook shows or registers, until the hook has ended: what it leaves
    /// behind is the session's like any other program.
    pub(crate) fn withhold(&mut self, event: Event) {
        if self.withheld.len() < MAX_WITHHELD {
            self.withheld.push(event);
        }
    }

    /// A fact that is about to be told replaces, or takes back, one that was withheld.
    pub(crate) fn outdate_withheld(&mut self, by: &Event) {
        self.withheld.retain(|event| match (event, by) {
            (Event::Registered { voter, .. }, Event::Unregistered(gone)) => voter != gone,
            (Event::Inhibited { inhibitor, .. }, Event::Uninhibited(gone)) => inhibitor != gone,
            (Event::WindowSeen { window, .. }, Event::WindowGone(gone)) => window != gone,
            (Event::WindowSeen { window, .. }, Event::WindowSeen { window: again, .. }) => {
                window != again
            }
            _ => true,
        });
    }

    fn is_busy(&self, occasion: Occasion) -> bool {
        let runs = |r: &Running| r.occasion == occasion && !r.is_given_up();
        self.running.iter().any(runs)
    }

    fn stop(&mut self, of: impl Fn(Occasion, Option<VoterId>) -> bool) {
        self.queue.retain(|job| !of(job.occasion, job.voter));
        for hook in self.running.iter_mut().filter(|r| of(r.occasion, r.voter)) {
            hook.voter = None;
            hook.stop();
        }
    }
}

/// The hooks of an occasion in the directories beside these files, and a sentence for each that is
/// refused.
fn beside(files: &Files, occasion: Occasion) -> (Vec<Hook>, Vec<String>) {
    find::find(&files.beside(&format!("hooks/{}.d", occasion.name())))
}

/// What would be run on one occasion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HooksOf {
    /// `asking`, `ending` or `cancelled`.
    pub occasion: &'static str,
    /// The files, in the order in which they are run.
    pub files: Vec<PathBuf>,
    /// A sentence for each file that is refused, with what to do.
    pub refused: Vec<String>,
}

/// Which hooks stand beside these files.
#[must_use]
pub fn list(files: &Files) -> Vec<HooksOf> {
    let of = |occasion: Occasion| {
        let (hooks, refused) = beside(files, occasion);
        HooksOf {
            occasion: occasion.name(),
            files: hooks.into_iter().map(|h| h.path).collect(),
            refused,
        }
    };
    [Occasion::Asking, Occasion::Ending, Occasion::Cancelled]
        .map(of)
        .to_vec()
}

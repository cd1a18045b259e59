//! Jobs in terminals: a terminal in which something runs that is not its idle shell.
//!
//! Closing a terminal is silent: foot and xterm just send SIGHUP, and a build or an editor's text
//! is gone. Works on what /proc told when it was read, when told to look and never in between;
//! `idle` says what is no work, `terminals` which terminals there are, `survival` what outlives
//! the session.

mod idle;
mod survival;
mod terminals;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use endsession_core::{Identity, JobId};

use crate::process::{self, Stat, Table};
pub use idle::Programs;
pub(crate) use survival::{Fate, Home, Stay};
use terminals::{Terminal, Whose};

/// Work in a terminal, or in all terminals of one multiplexer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its number, the same at each look.
    pub id: JobId,
    /// The application that the terminal belongs to.
    pub terminal: Identity,
    /// That one's name.
    pub name: String,
    /// What runs: command lines. ` &` behind one stands for the background.
    pub what: String,
    /// When the oldest of it began, in clock ticks since boot.
    pub began: u64,
    /// Processes of it, whose exits are worth another look.
    pub members: Vec<Identity>,
}

/// What a look at terminals finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// What the end of the session would end.
    pub jobs: Vec<Job>,
    /// What outlives it.
    pub survivors: Vec<Job>,
}

/// Processes of one terminal that are watched: enough to notice that a pipeline goes on without its
/// first program.
const MAX_MEMBERS: usize = 16;

/// Command lines told of one terminal or multiplexer.
const MAX_TOLD: usize = 3;

/// Bytes told of a command line.
const MAX_COMMAND: usize = 200;

/// Numbers of multiplexers, apart from those of terminals.
const MULTIPLEXER: u64 = 1 << 63;

/// What is known beside the processes.
pub struct Context<'a> {
    /// All processes.
    pub table: &'a Table,
    /// The pid below which the session is, where the manager started it.
    pub root: Option<u32>,
    /// Those that are asked in their own right.
    pub applications: &'a BTreeSet<u32>,
    /// From where the request came: the terminal of one of these never counts.
    pub requesters: &'a BTreeSet<u32>,
    /// Which programs count.
    pub programs: &'a Programs,
    /// Whether a process is of the session.
    pub inside: &'a dyn Fn(&Stat) -> bool,
    /// What becomes of a process that nobody of the session ends.
    pub(crate) fate: &'a dyn Fn(&Stat) -> Fate,
    /// The command line of a process.
    pub arguments: &'a dyn Fn(&Stat) -> Vec<String>,
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

/// A process group at work.
struct Group<'a> {
    what: String,
    shown: &'a Stat,
    members: Vec<&'a Stat>,
}

/// Finds the jobs in the session's terminals.
#[must_use]
pub fn find(context: &Context<'_>) -> Found {
    let terminals = terminals::all(context.table);
    let owners: BTreeSet<u32> = terminals
        .iter()
        .filter_map(|t| Some(t.owner?.pid))
        .collect();
    let mut found = Found::default();
    let mut servers: BTreeMap<u32, Vec<Group<'_>>> = BTreeMap::new();
    for terminal in &terminals {
        let requests = |s: &&Stat| context.requesters.contains(&s.pid);
        if terminal.processes.iter().any(requests) {
            continue;
        }
        match terminal.whose(context) {
            Whose::Nobodys => {}
            Whose::Multiplexer(server) => {
                let groups = groups(context, terminal, &owners);
                servers.entry(server.pid).or_default().extend(groups);
            }
            Whose::Application { of, name, bare } => {
                let mut groups = groups(context, terminal, &owners);
                if bare {
                    groups.retain(|g| i64::from(g.shown.pgrp) == terminal.foreground);
                }
                let survives = |g: &Group<'_>| {
                    let meant = |s: &&Stat| process::outlives_sessions(context.table, s);
                    g.members.iter().all(meant)
                        && g.members.iter().all(|s| (context.fate)(s) != Fate::Ends)
                };
                let (stay, go): (Vec<_>, Vec<_>) = groups.into_iter().partition(survives);
                let id = JobId(terminal.number());
                let job = |groups| job(id, of.identity(), &name, groups);
                found.jobs.extend(job(go));
                found.survivors.extend(job(stay));
            }
        }
    }
    for (pid, groups) in servers {
        let Some(server) = context.table.get(pid) else {
            continue;
        };
        let name = if server.comm.starts_with("tmux") {
            "tmux"
        } else {
            "screen"
        };
        let id = JobId(MULTIPLEXER | u64::from(pid));
        let job = job(id, server.identity(), name, groups);
        match (context.fate)(server) {
            Fate::Ends => found.jobs.extend(job),
            Fate::Survives => found.survivors.extend(job),
            Fate::Unrelated => {}
        }
    }
    found
}

/// One job of all groups; `None` of none.
fn job(id: JobId, terminal: Identity, name: &str, groups: Vec<Group<'_>>) -> Option<Job> {
    let began = groups.iter().map(|g| g.shown.start).min()?;
    let mut told: Vec<&str> = groups.iter().map(|g| g.what.as_str()).collect();
    let more = told.len().saturating_sub(MAX_TOLD);
    told.truncate(MAX_TOLD);
    let more = if more > 0 { ", …" } else { "" };
    let what = match told.as_slice() {
        [one] => (*one).to_owned(),
        told => format!("{} jobs ({}{more})", groups.len(), told.join(", ")),
    };
    let members = groups.iter().flat_map(|g| &g.members).take(MAX_MEMBERS);
    Some(Job {
        id,
        terminal,
        name: name.to_owned(),
        what,
        began,
        members: members.map(|s| s.identity()).collect(),
    })
}

/// The groups of a terminal that work, the foreground's first.
fn groups<'a>(
    context: &Context<'a>,
    terminal: &Terminal<'a>,
    owners: &BTreeSet<u32>,
) -> Vec<Group<'a>> {
    let mut by_group: BTreeMap<u32, Vec<&'a Stat>> = BTreeMap::new();
    for stat in &terminal.processes {
        by_group.entry(stat.pgrp).or_default().push(stat);
    }
    let is_background = |pgrp: u32| i64::from(pgrp) != terminal.foreground;
    let mut order: Vec<u32> = by_group.keys().copied().collect();
    order.sort_by_key(|pgrp| is_background(*pgrp));
    let mut groups = Vec::new();
    for pgrp in order {
        let members = &by_group[&pgrp];
        // A program with windows or a vote of its own is asked in its own right.
        if members
            .iter()
            .any(|s| context.applications.contains(&s.pid))
        {
            continue;
        }
        let commands: Vec<(&'a Stat, Vec<String>)> = members
            .iter()
            .map(|s| (*s, (context.arguments)(s)))
            .collect();
        let parts: Vec<idle::Part> = commands
            .iter()
            .map(|(stat, arguments)| context.programs.part(stat, arguments))
            .collect();
        let works = |at: usize| match parts[at] {
            idle::Part::Work => !owners.contains(&members[at].pid),
            idle::Part::Nothing | idle::Part::Pager => false,
            idle::Part::Pages => {
                let waits = |(other, part): (&&Stat, &idle::Part)| {
                    other.ppid == members[at].pid && *part == idle::Part::Pager
                };
                !members.iter().zip(&parts).any(waits)
            }
            idle::Part::Carries => !context
                .table
                .iter()
                .any(|s| s.ppid == members[at].pid && !s.is_zombie()),
        };
        let working: Vec<usize> = (0..members.len()).filter(|at| works(*at)).collect();
        let Some(first) = working.iter().min_by_key(|at| members[**at].start) else {
            continue;
        };
        // A pipeline is called by its first program, and `sudo make` as it was typed.
        let leads = |at: &usize| {
            members[*at].pid == pgrp
                && (works(*at) || parts[*at] == idle::Part::Carries)
                && !owners.contains(&members[*at].pid)
        };
        let shown = (0..members.len()).find(leads).unwrap_or(*first);
        let (stat, arguments) = &commands[shown];
        let mut what = what(stat, arguments);
        if members.iter().any(|s| s.is_stopped()) {
            what.push_str(" (stopped)");
        } else if is_background(pgrp) && terminal.has_foreground() {
            what.push_str(" &");
        }
        groups.push(Group {
            what,
            shown: stat,
            members: working.iter().map(|at| members[*at]).collect(),
        });
    }
    groups
}

/// A command line to show: fit for one row, and cut.
fn what(stat: &Stat, arguments: &[String]) -> String {
    let mut whole = String::new();
    for (n, argument) in arguments.iter().enumerate() {
        let shown = match n {
            0 => argument.rsplit('/').next().unwrap_or(argument),
            _ => argument.as_str(),
        };
        if n > 0 {
            whole.push(' ');
        }
        whole.push_str(shown);
        if whole.len() > MAX_COMMAND {
            let end = (0..=MAX_COMMAND)
                .rev()
                .find(|at| whole.is_char_boundary(*at));
            whole.truncate(end.unwrap_or_default());
            whole.push('…');
            break;
        }
    }
    let whole = if whole.is_empty() { &stat.comm } else { &whole };
    super::text::from_str(whole)
}

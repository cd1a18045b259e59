//! Jobs in terminals: a terminal whose foreground process group is not its idle shell.
//!
//! Closing a terminal is silent: foot and xterm just send SIGHUP, and a build or an editor's text
//! is gone. Reads /proc, when told to look and never in between.

use std::collections::{BTreeMap, BTreeSet};

use endsession_core::{Identity, JobId};

use crate::process::{self, Stat, Table};

/// A job, and the terminal emulator in which it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The terminal's device number.
    pub id: JobId,
    /// The emulator: the nearest process above the terminal's session that is not part of it.
    pub terminal: Identity,
    /// The emulator's name.
    pub name: String,
    /// The job's command line.
    pub what: String,
    /// The leader of the foreground group, whose exit is worth another look.
    pub leader: Option<Identity>,
}

/// Shells, which wait for their user when they have no script to run.
const SHELLS: [&str; 15] = [
    "sh", "bash", "rbash", "dash", "ash", "busybox", "zsh", "fish", "ksh", "ksh93", "mksh", "tcsh",
    "csh", "nu", "elvish",
];

/// Finds the jobs below `root` (all processes of the session descend from it) or below one of the
/// `applications`.
///
/// Not counted: the terminal from which the request itself came (`requester`, a pid in its
/// foreground group), and a foreground program that is itself one of the `applications`, since
/// that is asked in its own right.
#[must_use]
pub fn find(
    table: &Table,
    root: Option<u32>,
    applications: &BTreeSet<u32>,
    requesters: &BTreeSet<u32>,
) -> Vec<Job> {
    // The processes of each terminal.
    let mut terminals: BTreeMap<u64, Vec<&Stat>> = BTreeMap::new();
    for stat in table.iter().filter(|s| s.tty != 0 && !s.is_zombie()) {
        terminals.entry(stat.tty).or_default().push(stat);
    }
    let mut jobs = Vec::new();
    for (tty, processes) in terminals {
        if processes.iter().any(|p| requesters.contains(&p.pid)) {
            continue;
        }
        let Some(foreground) = processes.iter().find_map(|p| u32::try_from(p.tpgid).ok()) else {
            continue;
        };
        let group: Vec<&&Stat> = processes.iter().filter(|p| p.pgrp == foreground).collect();
        let Some(shown) = group.iter().find(|p| p.pid == foreground).or(group.first()) else {
            continue;
        };
        let Some(emulator) = emulator_of(table, shown) else {
            continue;
        };
        let inside = applications.contains(&emulator.pid)
            || root.is_some_and(|r| emulator.pid == r || table.descends(emulator.pid, r));
        // What runs in a multiplexer outlives the session, and so does the client shown here.
        let survives = process::is_multiplexed(table, emulator) || shown.comm == "tmux: client";
        if survives {
            continue;
        }
        let asked_itself = group.iter().any(|p| applications.contains(&p.pid));
        if !inside || asked_itself || is_idle_shell(shown, &process::arguments(shown.pid)) {
            continue;
        }
        jobs.push(Job {
            id: JobId(tty),
            terminal: emulator.identity(),
            name: process::program(emulator.pid).unwrap_or_else(|| emulator.comm.clone()),
            what: what(shown),
            leader: Some(shown.identity()),
        });
    }
    jobs
}

/// The process that opened the terminal: the first above its session that does not live in it.
fn emulator_of<'a>(table: &'a Table, inside: &Stat) -> Option<&'a Stat> {
    table
        .ancestors(inside.pid)
        .find(|a| a.tty != inside.tty && a.session != inside.session)
}

fn what(stat: &Stat) -> String {
    let mut arguments = process::arguments(stat.pid);
    match arguments.first_mut() {
        Some(program) => {
            if let Some(name) = program.rsplit('/').next() {
                *program = name.to_owned();
            }
            super::text::from_str(&arguments.join(" "))
        }
        None => stat.comm.clone(),
    }
}

/// A shell that waits for its user: interactive, with neither a script nor a command to run.
fn is_idle_shell(stat: &Stat, arguments: &[String]) -> bool {
    let name = arguments.first().map_or(stat.comm.as_str(), String::as_str);
    let name = name
        .rsplit('/')
        .next()
        .unwrap_or(name)
        .trim_start_matches('-');
    if !SHELLS.contains(&name) {
        return false;
    }
    let mut rest = arguments.iter().skip(1);
    if name == "busybox" {
        rest.next();
    }
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            // Options that take a file and still leave the shell interactive.
            "--rcfile" | "--init-file" | "-o" | "+o" | "-O" | "+O" | "--config" | "-C"
            | "--init-command" => {
                rest.next();
            }
            // A command or script is what it was started for.
            long if long.starts_with("--") => {
                if long.starts_with("--command") || long == "--commands" {
                    return false;
                }
            }
            short if short.starts_with('-') || short.starts_with('+') => {
                if short.contains('c') {
                    return false;
                }
            }
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idle(command: &str) -> bool {
        let arguments: Vec<String> = command.split(' ').map(str::to_owned).collect();
        let stat = Stat {
            pid: 1,
            comm: String::new(),
            state: 'S',
            ppid: 0,
            pgrp: 1,
            session: 1,
            tty: 1,
            tpgid: 1,
            start: 1,
            ignores_hangup: false,
        };
        is_idle_shell(&stat, &arguments)
    }

    #[test]
    fn a_shell_without_a_script_is_idle() {
        for shell in [
            "-bash",
            "/bin/bash",
            "bash -i",
            "bash --login",
            "zsh -l",
            "fish",
            "sh -i",
            "bash --rcfile x",
        ] {
            assert!(idle(shell), "{shell}");
        }
    }

    #[test]
    fn a_shell_with_work_is_a_job() {
        for job in [
            "sh -c make",
            "bash build.sh",
            "bash -lc make",
            "vim report.txt",
            "dash -ec x",
            "python3",
        ] {
            assert!(!idle(job), "{job}");
        }
    }
}

//! Which terminals there are, what runs in each, and whose it is. Reads names in /proc.

use std::collections::BTreeMap;

use super::Context;
use crate::process::{self, Stat, Table};

/// A terminal in which something lives.
pub(super) struct Terminal<'a> {
    device: u64,
    /// The session that it controls, by the pid of its leader.
    session: u32,
    /// Its foreground group; 0 or less: none, or one of another pid namespace.
    pub(super) foreground: i64,
    pub(super) processes: Vec<&'a Stat>,
    /// The process that opened it: the nearest above its session that does not live in it.
    pub(super) owner: Option<&'a Stat>,
}

/// Terminals within terminals that are followed outwards: nobody nests so many by intent.
const MAX_DEPTH: usize = 32;

/// Whose a terminal is.
pub(super) enum Whose<'a> {
    Nobodys,
    /// A server that shows its terminals in others.
    Multiplexer(&'a Stat),
    Application {
        of: &'a Stat,
        name: String,
        /// The session's own terminal, which is no application's window.
        bare: bool,
    },
}

/// All terminals that processes live in.
///
/// By session, not by the device's number alone: a container has terminals of its own with the same
/// numbers.
pub(super) fn all(table: &Table) -> Vec<Terminal<'_>> {
    let mut by_session: BTreeMap<(u32, u64), Vec<&Stat>> = BTreeMap::new();
    for stat in table.iter().filter(|s| s.tty != 0 && !s.is_zombie()) {
        let lives_in = by_session.entry((stat.session, stat.tty)).or_default();
        lives_in.push(stat);
    }
    let terminals = by_session.into_iter();
    terminals
        .map(|((session, device), processes)| {
            let leads = |s: &&&Stat| s.pid == session;
            let inner = processes.iter().find(leads).or(processes.first());
            let foreground = processes.iter().map(|s| s.tpgid).max();
            Terminal {
                device,
                session,
                foreground: foreground.unwrap_or_default(),
                owner: inner.and_then(|inner| owner(table, inner)),
                processes,
            }
        })
        .collect()
}

fn owner<'a>(table: &'a Table, inside: &Stat) -> Option<&'a Stat> {
    table
        .ancestors(inside.pid)
        .find(|a| a.tty != inside.tty && a.session != inside.session)
}

impl<'a> Terminal<'a> {
    /// Another number for each.
    pub(super) fn number(&self) -> u64 {
        (u64::from(self.session) << 32 | self.device) & !super::MULTIPLEXER
    }

    /// It has a foreground. Its group may be empty, for as long as a shell takes to see that it has ended.
    pub(super) fn has_foreground(&self) -> bool {
        self.foreground > 0
    }

    /// Whose it is: its owner's, or that of the terminal that this one lives in, as with `script`.
    pub(super) fn whose(&self, context: &Context<'a>) -> Whose<'a> {
        let table = context.table;
        let Some(mut of) = self.owner else {
            return self.is_bare(context).unwrap_or(Whose::Nobodys);
        };
        let inside = |s: &Stat| {
            context.applications.contains(&s.pid)
                || context
                    .root
                    .is_some_and(|root| s.pid == root || table.descends(s.pid, root))
                || (context.inside)(s)
        };
        for _ in 0..MAX_DEPTH {
            if process::is_multiplexer(of) {
                // The whole session may have been started from within one.
                let around = table.descends(std::process::id(), of.pid);
                return if around {
                    Whose::Nobodys
                } else {
                    Whose::Multiplexer(of)
                };
            }
            if of.tty == 0 || context.applications.contains(&of.pid) {
                break;
            }
            match owner(table, of) {
                Some(outer) if inside(outer) || process::is_multiplexer(outer) => of = outer,
                _ => break,
            }
        }
        if inside(of) {
            let name = process::program(of.pid).unwrap_or_else(|| of.comm.clone());
            return Whose::Application {
                of,
                name,
                bare: false,
            };
        }
        self.is_bare(context).unwrap_or(Whose::Nobodys)
    }

    /// The terminal that the session itself runs in, as with `endsession run -- bash`: what that
    /// started below us and put into the foreground is a job of it.
    fn is_bare(&self, context: &Context<'a>) -> Option<Whose<'a>> {
        let (table, root) = (context.table, context.root?);
        let own = std::process::id();
        let foreground = |s: &&&Stat| i64::from(s.pgrp) == self.foreground;
        let group = || self.processes.iter().filter(foreground);
        if group().any(|s| s.pid == own || context.applications.contains(&s.pid)) {
            return None;
        }
        let first = group().find(|s| table.descends(s.pid, root))?;
        let chain = std::iter::once(*first).chain(table.ancestors(first.pid));
        let of = chain.take_while(|s| s.pid != root).last()?;
        Some(Whose::Application {
            of,
            name: device_name(self.device),
            bare: true,
        })
    }
}

/// The name of a terminal's device: `tty1`, `pts/3`. Numbers as in the kernel's devices.txt.
fn device_name(device: u64) -> String {
    let major = (device >> 8) & 0xfff;
    let minor = (device & 0xff) | ((device >> 12) & 0xf_ff00);
    match major {
        4 if minor < 64 => format!("tty{minor}"),
        4 => format!("ttyS{}", minor - 64),
        136..=143 => format!("pts/{}", (major - 136) * 256 + minor),
        _ => "terminal".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_called_as_people_know_it() {
        for (device, name) in [
            (0x0401, "tty1"),
            (0x0440, "ttyS0"),
            (0x8803, "pts/3"),
            (0x88ff | (1 << 20), "pts/511"),
            (0x0500, "terminal"),
        ] {
            assert_eq!(device_name(device), name, "{device:x}");
        }
    }
}

//! What applications hold, and who is told of it: logind, the display, the log, whoever watches, and
//! `status`. The log-off inhibitors themselves are the coordinator's business.

use std::collections::BTreeSet;

use endsession_core::{Coordinator, Identity, InhibitorId};

use crate::adapter::gnome::{IDLE, Inhibitor, LOG_OFF, SUSPEND};
use crate::logind::{Kept, Words};
use crate::manager::Manager;
use crate::report::{self, Held, News};

/// Holders that a lock names; of more it says how many. Nobody reads a longer line of
/// `systemd-inhibit --list`.
const MAX_NAMED: usize = 3;

/// Characters of each name and reason in such a line.
const MAX_WORD: usize = 120;

/// The flag that makes logind keep something from happening.
fn flag(kept: Kept) -> u32 {
    match kept {
        Kept::Shutdown => LOG_OFF,
        Kept::Sleep => SUSPEND,
        Kept::Idle => IDLE,
    }
}

fn short(text: &str) -> String {
    let text = report::one_line(text).trim().to_owned();
    match text.char_indices().nth(MAX_WORD) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// Who holds it and why, as one lock at logind says it; `None` where nobody does. The names and
/// reasons of the first few, each once.
fn words<'a>(holders: impl Iterator<Item = (&'a str, &'a str)>) -> Option<Words> {
    let mut seen: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut named: Vec<(String, String)> = Vec::new();
    for (name, reason) in holders.filter(|holder| seen.insert(*holder)) {
        if named.len() < MAX_NAMED {
            let reason = Some(short(reason)).filter(|reason| !reason.is_empty());
            let reason = reason.unwrap_or_else(|| "no reason given".to_owned());
            named.push((short(name), reason));
        }
    }
    let more = seen.len() - named.len();
    let (who, why) = match named.as_slice() {
        [] => return None,
        [(who, why)] => (who.clone(), why.clone()),
        several => {
            let mut names: Vec<&str> = Vec::new();
            for (name, _) in several {
                if !names.contains(&name.as_str()) {
                    names.push(name);
                }
            }
            let all: Vec<String> = several.iter().map(|(n, r)| format!("{n}: {r}")).collect();
            (names.join(", "), all.join("; "))
        }
    };
    let and_more = match more {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(Words {
        who: format!("{who}{and_more}"),
        why: format!("{why}{and_more}"),
    })
}

/// An inhibitor as everybody is told of it: under the name that its application has elsewhere, where it
/// is known.
fn held(core: &Coordinator, i: &Inhibitor) -> Held {
    Held {
        id: report::id(&i.of),
        name: report::one_line(core.name_of(&i.of).unwrap_or(&i.name)),
        pid: i.of.pid(),
        reason: report::one_line(&i.reason),
        what: report::what(i.flags),
    }
}

/// A hold as the log has it.
fn line(held: &Held) -> String {
    let reason = match held.reason.trim() {
        "" => "no reason given",
        reason => reason,
    };
    // Flags that nobody has given a meaning hold nothing that we know of.
    let what = match held.what.as_slice() {
        [] => "nothing known".to_owned(),
        what => what.join(", "),
    };
    let pid = held.pid.map(|pid| format!(" (pid {pid})"));
    format!("{}{}: {what}: {reason}", held.name, pid.unwrap_or_default())
}

impl Manager {
    /// Tells everybody of inhibitors that were taken, whatever they hold. The coordinator knows of them.
    pub(crate) fn were_taken(&mut self, inhibitors: &[Inhibitor]) {
        for i in inhibitors {
            let held = held(&self.core, i);
            tracing::info!("held by {}", line(&held));
            self.tell_watchers(News::Held(held));
        }
    }

    /// The same of inhibitors that are about to be released. The coordinator still knows their holders.
    pub(crate) fn are_released(&mut self, inhibitors: &[Inhibitor]) {
        for i in inhibitors {
            let held = held(&self.core, i);
            tracing::info!("released by {}", line(&held));
            self.tell_watchers(News::Released(held));
        }
    }

    pub(crate) fn tell_watchers(&mut self, news: News) {
        if self.listeners.is_watched() {
            self.tell(&news);
        }
    }

    /// Has logind and the display keep what is held, and nothing else. Once for all that one wake-up
    /// brought.
    pub(crate) async fn mind_holds(&mut self) {
        if !self.gnome.inhibitors_changed() {
            return self.keep_screen_on().await;
        }
        for kept in Kept::ALL {
            let inhibitors = self.gnome.inhibitors.values();
            let holders = inhibitors.filter(|i| i.flags & flag(kept) != 0);
            let core = &self.core;
            let name = |of, given| core.name_of(of).unwrap_or(given);
            let words = words(holders.map(|i| (name(&i.of, &i.name), i.reason.as_str())));
            self.logind.hold(kept, words);
        }
        self.keep_screen_on().await;
    }

    /// Everything that holds something, for `status`: inhibitors of every kind, jobs in terminals, and
    /// locks of others at logind.
    pub(crate) fn holds(&mut self) -> Vec<Held> {
        let inhibitors = self.gnome.inhibitors.values();
        let mut all: Vec<Held> = inhibitors.map(|i| held(&self.core, i)).collect();
        let ours: BTreeSet<InhibitorId> = self
            .gnome
            .inhibitors
            .keys()
            .map(|n| InhibitorId(u64::from(*n)))
            .collect();
        for app in self.core.apps() {
            let log_off = |of: &Identity, name: &str, reason: &str| Held {
                id: report::id(of),
                name: report::one_line(name),
                pid: of.pid(),
                reason: report::one_line(reason),
                what: report::what(LOG_OFF),
            };
            // What other protocols than GNOME's brought; locks at logind are told below.
            let others = app.inhibitors.iter();
            let others = others.filter(|(id, _)| !ours.contains(id) && !self.logind.is_lock(*id));
            all.extend(others.map(|(_, reason)| log_off(app.of, app.name, reason)));
            let jobs = app.jobs.iter();
            all.extend(jobs.map(|(_, job)| log_off(app.of, app.name, job)));
        }
        for lock in self.logind.can.locks.clone() {
            let log_off = self.holds_a_log_off(&lock).then_some("logoff");
            let machine = ["restart", "poweroff"];
            all.push(Held {
                id: String::new(),
                name: report::one_line(&lock.who),
                pid: Some(lock.pid),
                reason: report::one_line(&lock.why),
                what: log_off
                    .into_iter()
                    .chain(machine)
                    .map(str::to_owned)
                    .collect(),
            });
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(holders: &[(&str, &str)]) -> Option<(String, String)> {
        words(holders.iter().copied()).map(|w| (w.who, w.why))
    }

    #[test]
    fn a_lock_says_who_holds_it_and_why() {
        let text = |who: &str, why: &str| Some((who.to_owned(), why.to_owned()));
        assert_eq!(said(&[]), None);
        assert_eq!(said(&[("mpv", "Playing")]), text("mpv", "Playing"));
        assert_eq!(said(&[("mpv", "")]), text("mpv", "no reason given"));
        let twice = [("mpv", "Playing"), ("mpv", "Playing")];
        assert_eq!(said(&twice), text("mpv", "Playing"));
        assert_eq!(
            said(&[("firefox", "video"), ("firefox", "audio"), ("mpv", "film")]),
            text("firefox, mpv", "firefox: video; firefox: audio; mpv: film")
        );
    }

    #[test]
    fn a_thousand_holders_are_one_short_line() {
        let names: Vec<String> = (0..1000).map(|n| format!("player {n}\n")).collect();
        let long = "x".repeat(4096);
        let holders = names.iter().map(|n| (n.as_str(), long.as_str()));
        let words = words(holders).unwrap();
        assert_eq!(
            words.who, "player 0, player 1, player 2 and 997 more",
            "one line, whatever they are called"
        );
        assert!(words.why.len() < 600 && words.why.ends_with(" and 997 more"));
    }
}

//! What a display was found to hold, and what of it the manager has not been told yet.
//!
//! Sans-IO, shared by every display kind, so that the promises of [`DisplayEvent`] are kept in one
//! place: a window is told of before it is closed, nothing is told twice, a window that changes a
//! hundred times before anyone asks is one event, and nothing follows `Lost`.

use std::collections::{BTreeMap, VecDeque};

use super::display::{DisplayEvent, MAX_WINDOWS, Toplevel, WindowKey};

/// The windows of one display.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    known: BTreeMap<WindowKey, Entry>,
    queue: VecDeque<Queued>,
    over: bool,
    full_warned: bool,
}

#[derive(Debug)]
struct Entry {
    toplevel: Toplevel,
    /// The manager has been told of this window at least once.
    told: bool,
    /// A `Queued::Changed` for it waits in the queue.
    queued: bool,
}

#[derive(Debug, PartialEq)]
enum Queued {
    Changed(WindowKey),
    Closed(WindowKey),
    Pong(WindowKey),
    Lost(String),
}

impl Ledger {
    /// Whether the connection is lost: nothing is taken in any more.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// Whether there is nothing to tell.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether this is an application's window that can be reached.
    pub(crate) fn contains(&self, key: WindowKey) -> bool {
        !self.over && self.known.contains_key(&key)
    }

    /// The window is there and looks like this.
    pub(crate) fn update(&mut self, key: WindowKey, toplevel: Toplevel) {
        if self.over {
            return;
        }
        if let Some(entry) = self.known.get_mut(&key) {
            if entry.toplevel != toplevel {
                entry.toplevel = toplevel;
                if !std::mem::replace(&mut entry.queued, true) {
                    self.queue.push_back(Queued::Changed(key));
                }
            }
        } else if self.known.len() < MAX_WINDOWS {
            let entry = Entry {
                toplevel,
                told: false,
                queued: true,
            };
            self.known.insert(key, entry);
            self.queue.push_back(Queued::Changed(key));
        } else if !std::mem::replace(&mut self.full_warned, true) {
            tracing::warn!(
                limit = MAX_WINDOWS,
                "more windows than are kept; the rest is ignored"
            );
        }
    }

    /// The window is gone, or is no application's window after all.
    pub(crate) fn remove(&mut self, key: WindowKey) {
        let Some(entry) = self.known.remove(&key) else {
            return;
        };
        if entry.queued {
            // A key can come back at once for another window: what is still queued under it must
            // not be taken for that one.
            self.queue.retain(|q| *q != Queued::Changed(key));
        }
        if entry.told && !self.over {
            self.queue.push_back(Queued::Closed(key));
        }
    }

    /// The application behind the window answered a ping.
    pub(crate) fn pong(&mut self, key: WindowKey) {
        if !self.over && !self.queue.contains(&Queued::Pong(key)) {
            self.queue.push_back(Queued::Pong(key));
        }
    }

    /// The connection is lost. What was queued before is still told.
    pub(crate) fn lost(&mut self, why: impl Into<String>) {
        if !std::mem::replace(&mut self.over, true) {
            self.queue.push_back(Queued::Lost(why.into()));
        }
    }

    /// The next thing to tell.
    pub(crate) fn pop(&mut self) -> Option<DisplayEvent> {
        Some(match self.queue.pop_front()? {
            Queued::Changed(key) => {
                // `remove` takes a window's queued change with it, so the entry is there; were it
                // not, there would be nothing to tell of this one.
                let Some(entry) = self.known.get_mut(&key) else {
                    return self.pop();
                };
                entry.queued = false;
                entry.told = true;
                DisplayEvent::Window(key, entry.toplevel.clone())
            }
            Queued::Closed(key) => DisplayEvent::Closed(key),
            Queued::Pong(key) => DisplayEvent::Pong(key),
            Queued::Lost(why) => DisplayEvent::Lost(why),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: WindowKey = WindowKey(1);

    fn titled(title: &str) -> Toplevel {
        Toplevel {
            title: title.to_owned(),
            ..Toplevel::default()
        }
    }

    fn drain(ledger: &mut Ledger) -> Vec<DisplayEvent> {
        std::iter::from_fn(|| ledger.pop()).collect()
    }

    #[test]
    fn many_changes_before_anyone_asks_are_one_event() {
        let mut ledger = Ledger::default();
        for n in 0..1000 {
            ledger.update(A, titled(&n.to_string()));
        }
        assert_eq!(drain(&mut ledger), [DisplayEvent::Window(A, titled("999"))]);
        ledger.update(A, titled("999"));
        assert_eq!(drain(&mut ledger), []);
    }

    #[test]
    fn a_window_that_was_never_told_of_is_never_closed() {
        let mut ledger = Ledger::default();
        ledger.update(A, titled("brief"));
        ledger.remove(A);
        ledger.remove(WindowKey(2));
        assert_eq!(drain(&mut ledger), []);
    }

    #[test]
    fn a_key_that_comes_back_is_closed_first() {
        let mut ledger = Ledger::default();
        ledger.update(A, titled("old"));
        drain(&mut ledger);
        ledger.update(A, titled("older"));
        ledger.remove(A);
        ledger.update(A, titled("new"));
        assert_eq!(
            drain(&mut ledger),
            [
                DisplayEvent::Closed(A),
                DisplayEvent::Window(A, titled("new"))
            ]
        );
    }

    #[test]
    fn nothing_follows_lost_and_it_comes_once() {
        let mut ledger = Ledger::default();
        ledger.update(A, titled("a"));
        ledger.lost("gone");
        ledger.lost("gone again");
        ledger.update(WindowKey(2), titled("b"));
        ledger.pong(A);
        ledger.remove(A);
        assert_eq!(drain(&mut ledger), [DisplayEvent::Lost("gone".to_owned())]);
        assert!(ledger.is_over());
        assert!(!ledger.contains(A));
    }

    #[test]
    fn a_runaway_client_does_not_grow_us() {
        let mut ledger = Ledger::default();
        for n in 0..MAX_WINDOWS as u64 + 100 {
            ledger.update(WindowKey(n), titled("w"));
        }
        assert_eq!(drain(&mut ledger).len(), MAX_WINDOWS);
        for _ in 0..10_000 {
            ledger.pong(A);
        }
        assert_eq!(drain(&mut ledger), [DisplayEvent::Pong(A)]);
    }
}

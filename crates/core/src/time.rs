//! Time as the core knows it, and the one list of deadlines. No clock here: time comes in with
//! every event.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{Identity, VoterId};

/// Milliseconds since an origin that the caller chose once and keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

impl Time {
    /// This time and `ms` milliseconds; stays at the end of time rather than wrap.
    #[must_use]
    pub fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

/// What happens when its time has come.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deadline {
    /// A voter has not answered: first it is slow, then silent.
    Voter(VoterId),
    /// An application that was closed or told goes to the next stage of its ladder.
    App(Identity),
    /// An application has not answered a ping.
    Ping(Identity),
    /// The edges have not finished looking at what is there.
    Look,
    /// The first blocker has lasted long enough to show a window.
    Show,
    /// Something waits for the user and nothing shows it.
    Unshown,
    /// Nobody has said whether the request is permitted.
    Authorize,
    /// The whole request has taken as long as its caller allowed.
    Timeout,
    /// The caller's word to end everything after a while.
    ForceAfter,
    /// The present step of Ending has taken long enough.
    Ending,
    /// An imposed end sends SIGTERM.
    ImposedTerm,
}

/// Deadlines in the order in which they expire; each at most once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Deadlines {
    list: BTreeSet<(Time, Deadline)>,
    /// Where each stands in the list: a thousand clients set and clear theirs, and a search for
    /// each would cost their square.
    times: BTreeMap<Deadline, Time>,
}

impl Deadlines {
    /// Sets `what` to `at`, replacing an earlier setting.
    pub(crate) fn set(&mut self, at: Time, what: Deadline) {
        self.clear(&what);
        self.times.insert(what.clone(), at);
        self.list.insert((at, what));
    }

    /// Sets `what` to `at` unless it is already set to an earlier time.
    pub(crate) fn set_at_latest(&mut self, at: Time, what: Deadline) {
        if self.time_of(&what).is_none_or(|t| t > at) {
            self.set(at, what);
        }
    }

    pub(crate) fn clear(&mut self, what: &Deadline) {
        if let Some((what, at)) = self.times.remove_entry(what) {
            self.list.remove(&(at, what));
        }
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&Deadline) -> bool) {
        self.list.retain(|(_, d)| keep(d));
        self.times.retain(|d, _| keep(d));
    }

    /// Takes the first deadline that is not after `now`.
    pub(crate) fn expired(&mut self, now: Time) -> Option<Deadline> {
        if self.next()? > now {
            return None;
        }
        let (_, deadline) = self.list.pop_first()?;
        self.times.remove(&deadline);
        Some(deadline)
    }

    pub(crate) fn next(&self) -> Option<Time> {
        self.list.first().map(|(t, _)| *t)
    }

    pub(crate) fn time_of(&self, what: &Deadline) -> Option<Time> {
        self.times.get(what).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Deadline> {
        self.list.iter().map(|(_, d)| d)
    }

    /// Forgets the times and keeps which deadlines are pending, in one order, so that states which
    /// differ only in time become equal.
    pub(crate) fn forget_times(&mut self) {
        let never = Time(u64::MAX);
        self.times.values_mut().for_each(|t| *t = never);
        self.list = self.times.keys().map(|d| (never, d.clone())).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_expire_in_order_and_once() {
        let mut d = Deadlines::default();
        d.set(Time(5), Deadline::Look);
        d.set(Time(3), Deadline::Show);
        d.set(Time(7), Deadline::Look);
        assert_eq!(d.next(), Some(Time(3)));
        assert_eq!(d.expired(Time(2)), None);
        assert_eq!(d.expired(Time(9)), Some(Deadline::Show));
        assert_eq!(d.expired(Time(9)), Some(Deadline::Look));
        assert_eq!(d.expired(Time(9)), None);
    }

    #[test]
    fn an_earlier_deadline_is_not_put_off() {
        let mut d = Deadlines::default();
        d.set_at_latest(Time(5), Deadline::Ending);
        d.set_at_latest(Time(9), Deadline::Ending);
        assert_eq!(d.time_of(&Deadline::Ending), Some(Time(5)));
        d.set_at_latest(Time(1), Deadline::Ending);
        assert_eq!(d.time_of(&Deadline::Ending), Some(Time(1)));
    }
}

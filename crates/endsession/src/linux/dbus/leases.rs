//! What is held with the session manager: which lease belongs to which hold, while answers are under way and reasons change. No I/O.
//!
//! A changed reason takes a new lease before the old one is given back, so that nothing slips through between them. At most one lease of a hold is asked for
//! at a time: an application that changes its reason a thousand times has the first and the last of them told.

use std::{collections::BTreeMap, num::NonZeroU32};

use crate::{What, hold::HoldId};

/// What is held for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Key {
    /// A hold of the application's.
    Hold(HoldId),
    /// The log-off, while it asks its user.
    Asking,
}

/// A lease to be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Take {
    pub(super) key: Key,
    pub(super) what: What,
    pub(super) reason: String,
}

/// What is to be done after an answer.
#[derive(Debug)]
pub(super) struct Then<L> {
    /// Leases to be given back.
    pub(super) give: Vec<L>,
    /// The next one to be asked for.
    pub(super) take: Option<Take>,
    /// The hold that was refused, and what of it.
    pub(super) refused: Option<(HoldId, What)>,
}

// Not derived: that would ask it of `L`.
impl<L> Default for Then<L> {
    fn default() -> Self {
        Self {
            give: Vec::new(),
            take: None,
            refused: None,
        }
    }
}

/// One hold.
#[derive(Debug)]
struct Held<L> {
    what: What,
    reason: String,
    lease: Option<L>,
    /// What was asked for and is not answered.
    asked: Option<NonZeroU32>,
    /// The reason has changed since.
    is_stale: bool,
}

/// All of them. `L` is what a lease is given back by.
#[derive(Debug)]
pub(super) struct Leases<L> {
    held: BTreeMap<Key, Held<L>>,
    /// Asked for, and no longer wanted.
    orphans: Vec<NonZeroU32>,
}

impl<L> Default for Leases<L> {
    fn default() -> Self {
        Self {
            held: BTreeMap::new(),
            orphans: Vec::new(),
        }
    }
}

impl<L> Leases<L> {
    /// `key` is to be held, for this reason from now on.
    pub(super) fn set(&mut self, key: Key, what: What, reason: &str) -> Option<Take> {
        let held = self.held.entry(key).or_insert_with(|| Held {
            what,
            reason: String::new(),
            lease: None,
            asked: None,
            is_stale: true,
        });
        if !held.is_stale && held.reason == reason {
            return None;
        }
        reason.clone_into(&mut held.reason);
        held.is_stale = true;
        held.next(key)
    }

    /// It has another reason from now on, where it is held.
    pub(super) fn set_reason(&mut self, key: Key, reason: &str) -> Option<Take> {
        let what = self.held.get(&key)?.what;
        self.set(key, what, reason)
    }

    /// It was asked for.
    pub(super) fn asked(&mut self, key: Key, serial: NonZeroU32) {
        match self.held.get_mut(&key) {
            Some(held) => held.asked = Some(serial),
            None => self.orphans.push(serial),
        }
    }

    /// An answer; `None` where it answers nothing of this.
    pub(super) fn answered(&mut self, serial: NonZeroU32, answer: Option<L>) -> Option<Then<L>> {
        let mut then = Then::default();
        if let Some(at) = self.orphans.iter().position(|s| *s == serial) {
            self.orphans.swap_remove(at);
            then.give.extend(answer);
            return Some(then);
        }
        let mut all = self.held.iter_mut();
        let (key, held) = all.find(|(_, held)| held.asked == Some(serial))?;
        held.asked = None;
        match answer {
            Some(lease) => then.give.extend(held.lease.replace(lease)),
            // What was held before it is held still, with the reason that it had.
            None if held.lease.is_some() => {}
            None => {
                if let Key::Hold(id) = key {
                    then.refused = Some((*id, held.what));
                }
            }
        }
        then.take = held.next(*key);
        Some(then)
    }

    /// It is no longer to be held; the lease to be given back.
    pub(super) fn release(&mut self, key: Key) -> Option<L> {
        let held = self.held.remove(&key)?;
        self.orphans.extend(held.asked);
        held.lease
    }

    /// Whether it is to be held.
    pub(super) fn has(&self, key: Key) -> bool {
        self.held.contains_key(&key)
    }

    /// Whether an answer about it is waited for.
    pub(super) fn is_asking(&self, key: Key) -> bool {
        self.held.get(&key).is_some_and(|held| held.asked.is_some())
    }

    /// Whether an answer to this is waited for.
    pub(super) fn awaits(&self, serial: NonZeroU32) -> bool {
        self.orphans.contains(&serial) || self.held.values().any(|h| h.asked == Some(serial))
    }
}

impl<L> Held<L> {
    /// What is to be asked for now.
    fn next(&mut self, key: Key) -> Option<Take> {
        if self.asked.is_some() || !std::mem::take(&mut self.is_stale) {
            return None;
        }
        Some(Take {
            key,
            what: self.what,
            reason: self.reason.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = Key::Hold(HoldId(7));

    fn serial(n: u32) -> NonZeroU32 {
        NonZeroU32::new(n).expect("not 0")
    }

    fn take(reason: &str) -> Option<Take> {
        Some(Take {
            key: KEY,
            what: What::LOG_OFF,
            reason: reason.to_owned(),
        })
    }

    #[test]
    fn a_changed_reason_takes_the_new_lease_before_the_old_one_goes() {
        let mut leases = Leases::default();
        assert_eq!(leases.set(KEY, What::LOG_OFF, "one"), take("one"));
        leases.asked(KEY, serial(1));
        assert_eq!(leases.set(KEY, What::LOG_OFF, "one"), None, "held already");
        let then = leases.answered(serial(1), Some('a')).expect("awaited");
        assert!(then.give.is_empty() && then.take.is_none());
        assert_eq!(leases.set_reason(KEY, "two"), take("two"));
        leases.asked(KEY, serial(2));
        let then = leases.answered(serial(2), Some('b')).expect("awaited");
        assert_eq!(then.give, ['a']);
        assert_eq!(leases.release(KEY), Some('b'));
    }

    #[test]
    fn a_thousand_reasons_are_asked_for_one_at_a_time() {
        let mut leases = Leases::default();
        assert!(leases.set(KEY, What::LOG_OFF, "first").is_some());
        leases.asked(KEY, serial(1));
        for n in 0..1_000 {
            assert_eq!(leases.set_reason(KEY, &n.to_string()), None);
        }
        let then = leases.answered(serial(1), Some('a')).expect("awaited");
        assert_eq!(then.take, take("999"));
    }

    #[test]
    fn what_was_released_before_it_was_answered_is_given_back_then() {
        let mut leases = Leases::default();
        leases.set(KEY, What::LOG_OFF, "short");
        leases.asked(KEY, serial(1));
        assert_eq!(leases.release(KEY), None);
        assert!(leases.awaits(serial(1)));
        let then = leases.answered(serial(1), Some('a')).expect("awaited");
        assert_eq!(then.give, ['a']);
        assert!(!leases.awaits(serial(1)));
        assert!(leases.answered(serial(1), Some('a')).is_none());
    }

    #[test]
    fn a_refusal_is_told_unless_an_older_lease_holds_it_still() {
        let mut leases = Leases::<char>::default();
        leases.set(KEY, What::LOG_OFF, "one");
        leases.asked(KEY, serial(1));
        let then = leases.answered(serial(1), None).expect("awaited");
        assert_eq!(then.refused, Some((HoldId(7), What::LOG_OFF)));
        assert_eq!(leases.set_reason(KEY, "two"), take("two"));
        leases.asked(KEY, serial(2));
        leases.answered(serial(2), Some('a'));
        leases.set_reason(KEY, "three");
        leases.asked(KEY, serial(3));
        let then = leases.answered(serial(3), None).expect("awaited");
        assert_eq!(then.refused, None);
        assert_eq!(leases.release(KEY), Some('a'));
    }

    #[test]
    fn an_answer_to_something_else_is_nothing() {
        let mut leases = Leases::default();
        leases.set(KEY, What::LOG_OFF, "one");
        assert!(leases.answered(serial(9), Some('a')).is_none());
    }
}

//! Locks of our own at logind for what applications hold: one lock in mode block a kind, whatever the
//! number of holders, and its who and why are theirs. Pure: says what is to be asked for, keeps what
//! came, and lets go of what is no longer wanted.

use std::os::fd::OwnedFd;

/// What logind can be kept from: the "what" of `Inhibit` in org.freedesktop.login1(5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kept {
    /// Restart and power-off.
    Shutdown,
    /// Suspend and hibernation.
    Sleep,
    /// Taking the session for idle.
    Idle,
}

impl Kept {
    pub(crate) const ALL: [Self; 3] = [Self::Shutdown, Self::Sleep, Self::Idle];

    /// What logind calls it.
    pub(crate) fn what(self) -> &'static str {
        match self {
            Self::Shutdown => "shutdown",
            Self::Sleep => "sleep",
            Self::Idle => "idle",
        }
    }
}

/// Who holds something, and why, as `systemd-inhibit --list` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    pub(crate) who: String,
    pub(crate) why: String,
}

/// What follows from an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing.
    Rest,
    /// This is to be asked for.
    Ask(Words),
    /// There is no lock, and this is the first time in a row that there is none.
    Complain(String),
}

/// The locks of all kinds. `L`: what a lease is, a descriptor but in tests.
#[derive(Debug)]
pub(crate) struct Holds<L = OwnedFd> {
    slots: [Slot<L>; 3],
    /// Our own order to end the machine: from systemd 257 on our lock would stand against it.
    withheld: bool,
}

#[derive(Debug)]
struct Slot<L> {
    wanted: Option<Words>,
    /// The lease, and with which words it was taken; none of a logind that has gone.
    lease: Option<(L, Option<Words>)>,
    /// What was asked for and is not answered yet.
    asked: Option<Words>,
    /// What was refused last: it is asked for again when the words change.
    refused: Option<Words>,
    /// It has been said that there is no lock.
    complained: bool,
}

impl<L> Default for Holds<L> {
    fn default() -> Self {
        let slot = || Slot {
            wanted: None,
            lease: None,
            asked: None,
            refused: None,
            complained: false,
        };
        Self {
            slots: [slot(), slot(), slot()],
            withheld: false,
        }
    }
}

impl<L> Holds<L> {
    fn slot(&mut self, kept: Kept) -> &mut Slot<L> {
        &mut self.slots[kept as usize]
    }

    /// Somebody holds it with these words now, or nobody any more; what is to be asked for.
    pub(crate) fn want(&mut self, kept: Kept, words: Option<Words>) -> Option<Words> {
        self.slot(kept).wanted = words;
        self.ask(kept)
    }

    /// What is to be asked for now, if nothing is being asked. What is not wanted is given back.
    fn ask(&mut self, kept: Kept) -> Option<Words> {
        let withheld = self.withheld && kept == Kept::Shutdown;
        let slot = self.slot(kept);
        let Some(wanted) = slot.wanted.clone().filter(|_| !withheld) else {
            slot.lease = None;
            slot.refused = None;
            return None;
        };
        let held = slot.lease.as_ref().and_then(|(_, words)| words.as_ref());
        let is_settled = [held, slot.refused.as_ref()].contains(&Some(&wanted));
        if slot.asked.is_some() || is_settled {
            return None;
        }
        slot.asked = Some(wanted.clone());
        Some(wanted)
    }

    /// The answer to what was asked for last.
    pub(crate) fn answered(&mut self, kept: Kept, lease: Result<L, String>) -> Next {
        let withheld = self.withheld && kept == Kept::Shutdown;
        let slot = self.slot(kept);
        let asked = slot.asked.take();
        match lease {
            Ok(lease) => {
                slot.complained = false;
                slot.refused = None;
                // The one before it, with other words, goes only now: there is no gap.
                slot.lease = Some((lease, asked));
            }
            Err(_) if slot.wanted != asked || withheld => {}
            Err(why) => {
                slot.refused = asked;
                return match std::mem::replace(&mut slot.complained, true) {
                    true => Next::Rest,
                    false => Next::Complain(why),
                };
            }
        }
        self.ask(kept).map_or(Next::Rest, Next::Ask)
    }

    /// There is nobody to ask: what was to be asked for is not under way. The words of the first such
    /// in a row.
    pub(crate) fn unasked(&mut self, kept: Kept) -> Option<Words> {
        let slot = self.slot(kept);
        let words = slot.asked.take();
        words.filter(|_| !std::mem::replace(&mut slot.complained, true))
    }

    /// logind is there, anew or for the first time: what it knew of us is in doubt. What is to be
    /// asked for.
    pub(crate) fn returned(&mut self) -> Vec<(Kept, Words)> {
        for slot in &mut self.slots {
            slot.complained = false;
            slot.refused = None;
            if let Some((_, words)) = &mut slot.lease {
                *words = None;
            }
        }
        let all = Kept::ALL.into_iter();
        all.filter_map(|kept| Some((kept, self.ask(kept)?)))
            .collect()
    }

    /// The machine's end is about to be asked for by us, or no longer: our lock against it is given
    /// back meanwhile. What is to be asked for.
    pub(crate) fn withhold(&mut self, on: bool) -> Option<Words> {
        self.withheld = on;
        self.ask(Kept::Shutdown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Kept::{Idle, Shutdown, Sleep};

    fn words(who: &str) -> Words {
        Words {
            who: who.to_owned(),
            why: "playing".to_owned(),
        }
    }

    fn held(holds: &Holds<u8>, kept: Kept) -> Option<u8> {
        holds.slots[kept as usize].lease.as_ref().map(|(l, _)| *l)
    }

    #[test]
    fn one_lock_a_kind_is_taken_and_given_back_at_once() {
        let mut holds = Holds::default();
        assert_eq!(holds.want(Idle, Some(words("a"))), Some(words("a")));
        assert_eq!(holds.want(Idle, Some(words("a"))), None);
        assert_eq!(holds.answered(Idle, Ok(1)), Next::Rest);
        assert_eq!((held(&holds, Idle), held(&holds, Sleep)), (Some(1), None));
        assert_eq!(holds.want(Idle, None), None);
        assert_eq!(held(&holds, Idle), None);
    }

    #[test]
    fn what_comes_after_its_release_is_dropped() {
        let mut holds = Holds::default();
        holds.want(Sleep, Some(words("a")));
        assert_eq!(holds.want(Sleep, None), None);
        assert_eq!(holds.answered(Sleep, Ok(1)), Next::Rest);
        assert_eq!(held(&holds, Sleep), None);
        // Taken once more before the answer: one question at a time, and the last words count.
        holds.want(Sleep, Some(words("a")));
        assert_eq!(holds.want(Sleep, None), None);
        assert_eq!(holds.want(Sleep, Some(words("b"))), None);
        assert_eq!(holds.answered(Sleep, Ok(2)), Next::Ask(words("b")));
        assert_eq!(held(&holds, Sleep), Some(2));
        assert_eq!(holds.answered(Sleep, Ok(3)), Next::Rest);
        assert_eq!(held(&holds, Sleep), Some(3));
    }

    #[test]
    fn other_words_replace_the_lock_without_a_gap() {
        let mut holds = Holds::default();
        holds.want(Idle, Some(words("a")));
        holds.answered(Idle, Ok(1));
        assert_eq!(holds.want(Idle, Some(words("a, b"))), Some(words("a, b")));
        assert_eq!(held(&holds, Idle), Some(1));
        assert_eq!(holds.answered(Idle, Ok(2)), Next::Rest);
        assert_eq!(held(&holds, Idle), Some(2));
    }

    #[test]
    fn a_refusal_is_told_once_and_asked_again_only_when_something_changes() {
        let mut holds = Holds::<u8>::default();
        let no = || Err("no".to_owned());
        holds.want(Idle, Some(words("a")));
        assert_eq!(holds.answered(Idle, no()), Next::Complain("no".into()));
        assert_eq!(holds.want(Idle, Some(words("a"))), None);
        assert_eq!(holds.want(Idle, Some(words("b"))), Some(words("b")));
        assert_eq!(holds.answered(Idle, no()), Next::Rest);
        holds.want(Idle, Some(words("c")));
        assert_eq!(holds.answered(Idle, Ok(1)), Next::Rest);
        holds.want(Idle, Some(words("d")));
        assert_eq!(holds.answered(Idle, no()), Next::Complain("no".into()));
        assert_eq!(held(&holds, Idle), Some(1));
    }

    #[test]
    fn a_logind_that_returns_is_asked_for_everything_again() {
        let mut holds = Holds::default();
        holds.want(Idle, Some(words("a")));
        assert_eq!(holds.unasked(Idle), Some(words("a")));
        assert_eq!(holds.returned(), [(Idle, words("a"))]);
        holds.answered(Idle, Ok(1));
        holds.want(Sleep, Some(words("b")));
        assert_eq!(holds.returned(), [(Idle, words("a"))], "the other is asked");
        assert_eq!(held(&holds, Idle), Some(1));
        holds.answered(Idle, Ok(2));
        assert_eq!(held(&holds, Idle), Some(2));
    }

    #[test]
    fn our_own_order_finds_no_lock_of_ours() {
        let mut holds = Holds::default();
        holds.want(Shutdown, Some(words("editor")));
        holds.want(Idle, Some(words("player")));
        holds.answered(Shutdown, Ok(1));
        holds.answered(Idle, Ok(2));
        assert_eq!(holds.withhold(true), None);
        assert_eq!(
            (held(&holds, Shutdown), held(&holds, Idle)),
            (None, Some(2))
        );
        assert_eq!(holds.want(Shutdown, Some(words("both"))), None);
        assert_eq!(holds.withhold(false), Some(words("both")));
        assert_eq!(holds.answered(Shutdown, Ok(3)), Next::Rest);
        assert_eq!(held(&holds, Shutdown), Some(3));
    }
}

//! Locks that others hold against a shutdown (logind's block inhibitors): who, and why. Pure.

use std::collections::BTreeMap;

use endsession_core::{Identity, InhibitorId};
use zbus::Message;

use crate::process;

/// Locks kept. Each is a descriptor that logind holds, and it has few.
const MAX_LOCKS: usize = 256;

/// Numbers of locks, apart from those of the session's own inhibitors.
const NUMBERS: u64 = 1 << 62;

/// Whether a number is a lock's.
pub(super) fn is_lock(number: InhibitorId) -> bool {
    number.0 >= NUMBERS
}

/// A lock on shutdown in mode block.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lock {
    pub(crate) pid: u32,
    pub(crate) uid: u32,
    /// Its holder's name for itself.
    pub(crate) who: String,
    pub(crate) why: String,
}

/// What stands against a shutdown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Locks {
    pub(super) others: Vec<Lock>,
    /// We hold one too, on behalf of applications.
    pub(super) ours: bool,
}

impl Locks {
    /// Those of `ListInhibitors`.
    pub(super) fn read(reply: &Message) -> zbus::Result<Self> {
        let body = reply.body();
        let all: Vec<(&str, &str, &str, &str, u32, u32)> = body.deserialize()?;
        let against = all.into_iter().filter(|(what, _, _, mode, ..)| {
            what.split(':').any(|what| what == "shutdown") && mode.starts_with("block")
        });
        let mut locks = Self::default();
        for (_, who, why, _, uid, pid) in against {
            if pid == std::process::id() {
                locks.ours = true;
            } else if locks.others.len() < MAX_LOCKS {
                locks.others.push(Lock {
                    pid,
                    uid,
                    who: who.to_owned(),
                    why: why.to_owned(),
                });
            }
        }
        Ok(locks)
    }

    /// Whether there are any.
    pub(super) fn stand(&self) -> bool {
        self.ours || !self.others.is_empty()
    }
}

impl Lock {
    /// Its holder, where that is a process that can be seen.
    fn holder(&self, number: InhibitorId) -> Identity {
        process::identity(self.pid).unwrap_or(Identity::Peer(number.0))
    }
}

/// The locks that the coordinator has been told of.
#[derive(Debug, Default)]
pub(crate) struct Told {
    told: BTreeMap<Lock, (InhibitorId, Identity)>,
    last: u64,
}

/// A lock that is new, by what the coordinator knows it.
pub(crate) type New = (Lock, InhibitorId, Identity);

impl Told {
    /// Which of these are new, and which are there no longer.
    pub(crate) fn change(&mut self, now: &[Lock]) -> (Vec<New>, Vec<InhibitorId>) {
        let mut gone = Vec::new();
        self.told.retain(|lock, (number, _)| {
            let stays = now.contains(lock);
            if !stays {
                gone.push(*number);
            }
            stays
        });
        let mut new = Vec::new();
        for lock in now {
            if !self.told.contains_key(lock) {
                self.last += 1;
                let number = InhibitorId(NUMBERS + self.last);
                let of = lock.holder(number);
                self.told.insert(lock.clone(), (number, of.clone()));
                new.push((lock.clone(), number, of));
            }
        }
        (new, gone)
    }

    /// Whether one of them is this application's.
    pub(crate) fn are_of(&self, of: &Identity) -> bool {
        self.told.values().any(|(_, holder)| holder == of)
    }

    /// Their holders.
    pub(crate) fn holders(&self) -> impl Iterator<Item = &Identity> {
        self.told.values().map(|(_, holder)| holder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(pid: u32) -> Lock {
        Lock {
            pid,
            uid: 0,
            who: "apt".into(),
            why: "Installing".into(),
        }
    }

    #[test]
    fn a_lock_is_told_once_and_its_end_once() {
        let mut told = Told::default();
        let (new, gone) = told.change(&[lock(1), lock(2)]);
        assert_eq!((new.len(), gone.len()), (2, 0));
        assert_eq!(told.change(&[lock(1), lock(2)]), (vec![], vec![]));
        let (new_again, gone) = told.change(&[lock(2), lock(3)]);
        assert_eq!(gone, [new[0].1]);
        assert_eq!(new_again.len(), 1);
        assert!(!new.contains(&new_again[0]));
    }

    #[test]
    fn only_block_locks_on_shutdown_count_and_ours_apart() {
        let all = [
            ("shutdown:sleep", "apt", "Installing", "block", 0_u32, 1_u32),
            ("sleep", "player", "Playing", "block", 1000, 2),
            ("shutdown", "editor", "Saving", "delay", 1000, 3),
            (
                "shutdown",
                "us",
                "ourselves",
                "block",
                1000,
                std::process::id(),
            ),
        ];
        let message = Message::signal("/a", "a.b", "C");
        let message = message.build(&all.to_vec()).unwrap();
        let locks = Locks::read(&message).unwrap();
        assert_eq!(locks.others, [lock(1)]);
        assert!(locks.ours && locks.stand());
    }
}

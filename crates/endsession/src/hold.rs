//! Holding the session open while something must not be interrupted.

use std::{
    fmt,
    ops::{BitOr, BitOrAssign},
    sync::Arc,
};

use crate::{client::Handle, text};

/// What a [`Hold`] holds up. Several are joined by `|`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct What(u8);

impl What {
    /// Nothing.
    pub const NOTHING: Self = Self(0);
    /// The end of the session: log-off, restart, power off.
    pub const LOG_OFF: Self = Self(1);
    /// The machine's suspend and hibernate.
    pub const SLEEP: Self = Self(2);
    /// The screen's blanking and locking, and what else comes of nobody being there.
    pub const IDLE: Self = Self(4);

    /// Whether all of `other` is in it.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in this one and not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether it is [`What::NOTHING`].
    #[must_use]
    pub const fn is_nothing(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for What {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

impl BitOrAssign for What {
    fn bitor_assign(&mut self, other: Self) {
        *self = self.union(other);
    }
}

impl fmt::Debug for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Self::LOG_OFF, "LOG_OFF"),
            (Self::SLEEP, "SLEEP"),
            (Self::IDLE, "IDLE"),
        ];
        let mut named = names
            .iter()
            .filter(|(what, _)| self.contains(*what))
            .peekable();
        if named.peek().is_none() {
            return f.write_str("NOTHING");
        }
        for (count, (_, name)) in named.enumerate() {
            f.write_str(if count == 0 { "" } else { " | " })?;
            f.write_str(name)?;
        }
        Ok(())
    }
}

/// Which hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct HoldId(pub(crate) u64);

/// Holds something up until it is dropped. Made by [`Client::hold`](crate::Client::hold).
///
/// The user sees the reason, and may end the session all the same. A session manager that was restarted is told again.
#[must_use = "it holds only until it is dropped"]
pub struct Hold {
    id: HoldId,
    handle: Arc<Handle>,
}

impl Hold {
    pub(crate) fn new(handle: Arc<Handle>, what: What, reason: &str) -> Self {
        let id = handle.shared.hold(what, text::reason(reason));
        Self { id, handle }
    }

    /// Tells another reason from now on, such as how long it will take still. Tell it when it changes for a person, not for each file: each is shown.
    pub fn set_reason(&self, reason: &str) {
        self.handle.shared.set_reason(self.id, text::reason(reason));
    }

    /// Which part of what was asked for is really held up: all, unless the backend cannot ([`Support::holds`](crate::Support::holds)) or refused.
    /// A hold that was just taken counts as held until the session manager has said otherwise.
    #[must_use]
    pub fn held(&self) -> What {
        self.handle.shared.held(self.id)
    }

    /// Lets go, as dropping does.
    pub fn release(self) {}
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.handle.shared.release(self.id);
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold")
            .field("held", &self.held())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_reads_as_it_is_written() {
        assert_eq!(
            format!("{:?}", What::LOG_OFF | What::IDLE),
            "LOG_OFF | IDLE"
        );
        assert_eq!(format!("{:?}", What::NOTHING), "NOTHING");
        assert!((What::LOG_OFF | What::SLEEP).contains(What::SLEEP));
        assert!(!What::LOG_OFF.contains(What::LOG_OFF | What::SLEEP));
    }
}

//! Which window stands for a client (ICCCM 5.1, `WM_CLIENT_LEADER`): it bears the client's id in
//! XSMP, and all windows of that client name it.
//!
//! May touch the X server's socket. Any window may name any other: what it names is watched and
//! asked about as any window is, and [`super::super::ewmh::Facts::session_id`] says what is believed.

use std::collections::BTreeSet;

use super::{
    super::{ewmh::Piece, inquiry::Inquiry},
    Role, X11Windows,
};

/// Who stands for a window's client (ICCCM 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Led {
    /// `WM_CLIENT_LEADER` is not known yet.
    Unasked,
    /// The first leader that it named is not known yet: it is told of when that is. Later ones are
    /// not waited for, or whoever changes its leader all the time would never be told of.
    Awaiting(u32),
    /// This window; none where it stands for itself.
    By(Option<u32>),
}

/// A window that others name their client's leader.
#[derive(Debug)]
pub(super) struct Leader {
    pub(super) about: Inquiry,
    followers: BTreeSet<u32>,
}

impl Led {
    pub(super) fn leader(self) -> Option<u32> {
        match self {
            Self::Unasked => None,
            Self::Awaiting(leader) => Some(leader),
            Self::By(leader) => leader,
        }
    }
}

impl X11Windows {
    /// Takes in which leader a window names now.
    pub(super) fn follow_leader(&mut self, xid: u32) {
        let root = self.wire.root();
        let Some(window) = self.windows.get_mut(&xid) else {
            return;
        };
        // A root window is nobody's, and watched by us for other things.
        let named = window.about.facts.leader;
        let leader = named.filter(|leader| ![root, xid].contains(leader));
        let before = std::mem::replace(&mut window.led, Led::By(leader));
        if before.leader() != leader {
            self.leave_leader(xid, before);
        }
        let Some(leader) = leader else { return };
        self.join_leader(xid, leader);
        let is_known = |leader: &Leader| leader.about.is_complete();
        if before == Led::Unasked
            && !self.leaders.get(&leader).is_some_and(is_known)
            && let Some(window) = self.windows.get_mut(&xid)
        {
            window.led = Led::Awaiting(leader);
        }
    }

    fn join_leader(&mut self, xid: u32, leader: u32) {
        if let Some(known) = self.leaders.get_mut(&leader) {
            known.followers.insert(xid);
            return;
        }
        self.births += 1;
        let known = Leader {
            about: Inquiry::new(self.births, &Piece::OF_LEADER),
            followers: BTreeSet::from([xid]),
        };
        // There are never more of them than there are windows.
        self.leaders.insert(leader, known);
        self.reselect(leader);
        for piece in Piece::OF_LEADER {
            self.ask_piece(Role::Leader, leader, piece);
        }
    }

    pub(super) fn leave_leader(&mut self, xid: u32, led: Led) {
        let Some(leader) = led.leader() else { return };
        if let Some(known) = self.leaders.get_mut(&leader) {
            known.followers.remove(&xid);
            if known.followers.is_empty() {
                self.leaders.remove(&leader);
                self.reselect(leader);
            }
        }
    }

    /// The leader's window is gone. Those that named it may name it again, or another one.
    pub(super) fn forget_leader(&mut self, leader: u32) {
        if let Some(gone) = self.leaders.remove(&leader) {
            self.reselect(leader);
            self.tell_all(gone.followers, leader);
        }
    }

    pub(super) fn tell_followers(&mut self, leader: u32) {
        let known = self.leaders.get(&leader);
        if let Some(known) = known.filter(|leader| leader.about.is_complete()) {
            self.tell_all(known.followers.clone(), leader);
        }
    }

    fn tell_all(&mut self, followers: BTreeSet<u32>, leader: u32) {
        for xid in followers {
            if let Some(window) = self.windows.get_mut(&xid) {
                window.led = Led::By(Some(leader));
                self.tell(xid);
            }
        }
    }
}

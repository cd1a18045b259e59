//! What is being asked about one X11 window, and what is known of it so far.
//!
//! Sans-IO. A window that changes a thousand times a second costs one question at a time.

use super::{
    ewmh::{Atoms, Facts, Piece},
    xres,
};

/// The questions about one window and their answers.
#[derive(Debug)]
pub(crate) struct Inquiry {
    /// Tells the window from an earlier one of the same XID.
    pub(crate) birth: u64,
    pub(crate) facts: Facts,
    /// Pieces that were never answered.
    missing: u16,
    /// Pieces that are being asked for, and those that changed again meanwhile.
    asked: u16,
    stale: u16,
}

impl Inquiry {
    /// Nothing is known yet, and these pieces are to be.
    pub(crate) fn new(birth: u64, pieces: &[Piece]) -> Self {
        Self {
            birth,
            facts: Facts::default(),
            missing: pieces.iter().fold(0, |set, piece| set | piece.bit()),
            asked: 0,
            stale: 0,
        }
    }

    /// Whether each piece was answered at least once.
    pub(crate) fn is_complete(&self) -> bool {
        self.missing == 0
    }

    /// Whether to ask for this piece now. One that is being asked for is asked for again when its
    /// answer has come, as [`Self::answered`] then tells.
    pub(crate) fn ask(&mut self, piece: Piece) -> bool {
        if self.asked & piece.bit() != 0 {
            self.stale |= piece.bit();
            return false;
        }
        self.asked |= piece.bit();
        true
    }

    /// Takes in an answer; `None` where the piece could not be had, or not even be asked for.
    /// Whether it is to be asked for again.
    pub(crate) fn answered(&mut self, piece: Piece, reply: Option<&[u8]>, atoms: &Atoms) -> bool {
        self.asked &= !piece.bit();
        self.missing &= !piece.bit();
        if piece == Piece::Pid {
            self.facts.pid = reply.and_then(xres::pid);
        } else {
            self.facts.learn(piece, reply, atoms);
        }
        let is_stale = self.stale & piece.bit() != 0;
        self.stale &= !piece.bit();
        is_stale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_asked_for_once_at_a_time_and_once_more_if_it_changed_meanwhile() {
        let mut inquiry = Inquiry::new(1, &[Piece::NetName]);
        assert!(inquiry.ask(Piece::NetName));
        for _ in 0..1000 {
            assert!(!inquiry.ask(Piece::NetName));
        }
        assert!(inquiry.answered(Piece::NetName, None, &Atoms::default()));
        assert!(inquiry.ask(Piece::NetName));
        assert!(!inquiry.answered(Piece::NetName, None, &Atoms::default()));
    }

    #[test]
    fn it_is_complete_once_everything_was_answered_and_stays_so() {
        let mut inquiry = Inquiry::new(1, &Piece::OF_LEADER);
        inquiry.answered(Piece::SessionId, None, &Atoms::default());
        assert!(!inquiry.is_complete());
        inquiry.answered(Piece::Pid, None, &Atoms::default());
        assert!(inquiry.is_complete());
        inquiry.ask(Piece::SessionId);
        assert!(inquiry.is_complete());
    }
}

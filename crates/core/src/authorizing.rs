//! The user's word and that of whoever permits this kind of end: before both, nobody is asked.

use crate::action::{Action, CancelledBy, Phase};
use crate::coordinator::Coordinator;
use crate::event::Kind;
use crate::time::Deadline;

impl Coordinator {
    /// The user has said yes: it may begin.
    pub(crate) fn confirmed(&mut self) {
        let authorized = self.under_way.as_ref().is_some_and(|u| u.authorized);
        if authorized {
            self.enter(Phase::Asking);
        } else {
            self.enter(Phase::Authorizing);
            self.authorize();
        }
    }

    /// Has somebody find out whether the request is permitted.
    pub(crate) fn authorize(&mut self) {
        let Some(u) = &self.under_way else { return };
        let kind = u.request.kind;
        self.deadlines
            .set(self.now.plus(self.policy.authorize), Deadline::Authorize);
        self.act(Action::Authorize(kind));
    }

    /// The word of whoever permits that kind of end.
    pub(crate) fn authorized(&mut self, kind: Kind, word: Result<(), String>) {
        let Some(u) = &mut self.under_way else { return };
        let asked = matches!(u.phase, Phase::Authorizing | Phase::Asking | Phase::Closing);
        // An answer about another kind is one to a question that has been asked anew since. A
        // second yes changes nothing; a no may come when the user overrides what speaks against it.
        let is_news = !u.authorized || (word.is_err() && kind != Kind::LogOff);
        if !is_news || !asked || u.request.kind != kind {
            return;
        }
        self.deadlines.clear(&Deadline::Authorize);
        match word {
            Err(why) => self.cancel(CancelledBy::NotAuthorized(why)),
            Ok(()) => {
                u.authorized = true;
                if u.phase == Phase::Authorizing {
                    self.enter(Phase::Asking);
                }
            }
        }
    }
}

//! Whether the user is to be shown the request, and what becomes of one that nobody shows.

use crate::action::{Action, Phase};
use crate::app::{App, Going, Voter};
use crate::coordinator::Coordinator;
use crate::id::Identity;
use crate::time::Deadline;

impl Coordinator {
    pub(crate) fn show(&mut self, on: bool) {
        let Some(u) = &mut self.under_way else { return };
        if u.shown != on {
            u.shown = on;
            self.act(Action::Show(on));
        }
        if !on {
            self.deadlines.clear(&Deadline::Show);
        }
    }

    /// Begins to show a request that `waits` for somebody, and hides one that does not.
    pub(crate) fn mind_the_window(&mut self, waits: bool) {
        self.forget_who_answered_again();
        let Some(u) = &self.under_way else { return };
        // What an imposed end waits for is shown from its beginning, if it lasts at all.
        if u.phase == Phase::Imposed {
            return;
        }
        let (shown, unattended) = (u.shown, u.request.unattended);
        if !waits {
            let stays = shown && self.carries_out_the_users_word();
            if self.phase() != Some(Phase::Confirming) && !stays {
                self.show(false);
            }
        } else if !shown && !unattended {
            self.deadlines
                .set_at_latest(self.now.plus(self.policy.show), Deadline::Show);
        }
    }

    /// Whether the user, who is shown the request, chose something that is still going on. That an
    /// application is overridden takes up to half a minute, and one that is asked again answers in
    /// a moment, most likely the same: whoever chose it must not see the window vanish meanwhile.
    fn carries_out_the_users_word(&self) -> bool {
        self.under_way.as_ref().is_some_and(|u| {
            let alone = |of| self.apps.get(of).is_some_and(|a| a.alone);
            match u.phase {
                Phase::Asking | Phase::Closing => {
                    u.forced || !u.again.is_empty() || u.leaving.iter().any(alone)
                }
                Phase::Confirming | Phase::Authorizing | Phase::Imposed | Phase::Ending => false,
            }
        })
    }

    /// An application that blocked is asked, or closed, once more.
    pub(crate) fn tries_again(&mut self, of: &Identity) {
        if let Some(u) = &mut self.under_way {
            u.again.insert(of.clone());
        }
    }

    fn forget_who_answered_again(&mut self) {
        let Some(u) = &mut self.under_way else { return };
        let apps = &self.apps;
        let goes = |app: &App| matches!(app.going, Going::Polite | Going::Bundle { .. });
        let is_tried = |app: &App| goes(app) || app.voters.values().any(Voter::is_awaited);
        u.again.retain(|of| apps.get(of).is_some_and(is_tried));
    }

    /// A request that waits for the user has a deadline unless somebody shows it: the force of
    /// its caller where that is still to come, else its end.
    pub(crate) fn mind_the_viewer(&mut self) {
        let waits = self.under_way.as_ref().is_some_and(|u| {
            u.phase == Phase::Confirming || !u.slow.is_empty() || !u.blockers.is_empty()
        });
        let forced_later = self.deadlines.time_of(&Deadline::ForceAfter).is_some();
        if waits && !self.is_shown() && !forced_later {
            // At least a moment: behind a lock it is set again and again.
            let unshown = self.now.plus(self.policy.unshown.max(1));
            self.deadlines.set_at_latest(unshown, Deadline::Unshown);
        } else if self.under_way.is_some() {
            self.deadlines.clear(&Deadline::Unshown);
        }
    }
}

//! The end of a request: called off, failed or done. Queries are taken back, deadlines forgotten.

use crate::action::{Action, CancelledBy, Notice, Outcome, Phase};
use crate::app::Going;
use crate::coordinator::Coordinator;
use crate::id::Identity;
use crate::time::Deadline;

impl Coordinator {
    /// Ends the request with the session going on.
    pub(crate) fn cancel(&mut self, by: CancelledBy) {
        if self
            .under_way
            .as_ref()
            .is_some_and(|u| u.phase != Phase::Ending)
        {
            self.call_off(by);
        }
    }

    /// As [`Coordinator::cancel`], also from Ending, where what ends the session may still say that
    /// it does not.
    pub(crate) fn call_off(&mut self, by: CancelledBy) {
        let blockers = self.blockers().cloned().collect();
        let told = self.void_queries();
        let gone = self.gone().to_vec();
        self.finish(Outcome::Cancelled {
            by,
            blockers,
            gone,
            told,
        });
    }

    /// Ends the request because something failed.
    pub(crate) fn fail(&mut self, why: String) {
        self.void_queries();
        let gone = self.gone().to_vec();
        self.finish(Outcome::Failed { why, gone });
    }

    /// Tells everybody who was asked and not yet told to end that the query is void; the names of
    /// those for whom it is too late.
    fn void_queries(&mut self) -> Vec<String> {
        let mut told = Vec::new();
        let mut void = Vec::new();
        for app in self.apps.values_mut() {
            let untouched = matches!(app.going, Going::No | Going::GaveUp | Going::Bundle { .. });
            if !untouched {
                told.push(app.name.clone());
            }
            void.extend(app.void_queries());
        }
        for voter in void {
            self.act(Action::CancelQuery(voter));
        }
        told
    }

    /// Forgets the request. What "end this one" began goes on by itself.
    pub(crate) fn finish(&mut self, outcome: Outcome) {
        let blockers = self
            .under_way
            .as_mut()
            .map(|u| std::mem::take(&mut u.blockers));
        for blocker in blockers.into_iter().flatten() {
            self.notice(Notice::Cleared(blocker));
        }
        self.show(false);
        self.leave_bundles();
        self.under_way = None;
        let deadlines = &self.deadlines;
        for (of, app) in &mut self.apps {
            if app.alone && deadlines.time_of(&Deadline::App(of.clone())).is_some() {
                continue;
            }
            app.reset();
        }
        let apps = &self.apps;
        self.deadlines.retain(|d| match d {
            Deadline::App(of) | Deadline::Ping(of) => apps.get(of).is_some_and(|a| a.alone),
            _ => false,
        });
        let bare: Vec<Identity> = self
            .apps
            .iter()
            .filter(|(_, a)| a.is_bare() && !a.alone)
            .map(|(of, _)| of.clone())
            .collect();
        for of in bare {
            self.forget(&of);
        }
        self.act(Action::Finished(outcome));
    }
}

//! Ending, from which there is no way back, and the imposed end, which nobody can refuse.

use crate::Going;
use crate::action::{Action, CancelledBy, Outcome, Phase, Signal};
use crate::app::App;
use crate::coordinator::{Coordinator, Step};
use crate::event::Request;
use crate::id::Identity;
use crate::time::Deadline;

/// A longer budget for an imposed end is taken as this one, a day. It may come from a setting
/// that says "infinity", and nobody is left waiting for that.
const LONGEST_BUDGET: u64 = 24 * 60 * 60 * 1000;

impl Coordinator {
    pub(crate) fn enter_ending(&mut self) {
        let Some(u) = &mut self.under_way else { return };
        if u.phase == Phase::Ending {
            return;
        }
        u.hooks = true;
        u.step = Step::Hooks;
        u.can_be_restored = u.phase == Phase::Imposed;
        u.blockers.clear();
        self.leave_bundles();
        // Whoever shows the request goes with the rest of the session.
        self.show(false);
        let imposed = self.under_way.as_ref().is_some_and(|u| u.imposed.is_some());
        self.enter(Phase::Ending);
        self.deadlines.retain(|d| matches!(d, Deadline::Ending));
        self.act(Action::RunHooks);
        if imposed {
            // There is no time for one after the other.
            self.terminate_the_rest();
        } else {
            self.deadlines
                .set_at_latest(self.now.plus(self.policy.hooks), Deadline::Ending);
        }
    }

    fn terminate_the_rest(&mut self) {
        let Some(u) = &mut self.under_way else { return };
        u.step = Step::Terminating;
        let rest = match u.imposed {
            // SIGTERM at 0.6 of the budget, SIGKILL at 0.9.
            Some(budget) => budget * 3 / 10,
            None => self.policy.rest,
        };
        self.deadlines.set(self.now.plus(rest), Deadline::Ending);
        self.act(Action::SignalRest(Signal::Term));
    }

    /// No hook of the session's end runs any more.
    pub(crate) fn hooks_ended(&mut self) {
        let Some(u) = &mut self.under_way else { return };
        if !std::mem::take(&mut u.hooks) {
            return;
        }
        match u.step {
            Step::Hooks => self.terminate_the_rest(),
            Step::LastHooks => self.end_session(),
            Step::NotYet | Step::Terminating | Step::Killing | Step::Backend => {}
        }
    }

    /// The hooks of the session's end have had their time.
    fn end_hooks(&mut self) {
        if let Some(u) = &mut self.under_way
            && std::mem::take(&mut u.hooks)
        {
            self.act(Action::EndHooks);
        }
    }

    /// The present step has taken long enough.
    pub(crate) fn ending_is_late(&mut self) {
        self.end_hooks();
        let Some(u) = &mut self.under_way else { return };
        match u.step {
            Step::NotYet => {}
            Step::Hooks => self.terminate_the_rest(),
            Step::Terminating => {
                u.step = Step::Killing;
                let rest = match u.imposed {
                    Some(budget) => budget / 20,
                    None => self.policy.rest,
                };
                self.act(Action::SignalRest(Signal::Kill));
                self.deadlines.set(self.now.plus(rest), Deadline::Ending);
            }
            Step::Killing | Step::LastHooks => self.end_session(),
            Step::Backend if u.goes_down => {
                self.fail("the machine did not go down in time".to_owned());
            }
            Step::Backend => self.fail("the session did not end in time".to_owned()),
        }
    }

    pub(crate) fn rest_gone(&mut self) {
        let Some(u) = &mut self.under_way else { return };
        match u.step {
            Step::Terminating | Step::Killing if u.hooks => u.step = Step::LastHooks,
            Step::Terminating | Step::Killing => self.end_session(),
            Step::NotYet | Step::Hooks | Step::LastHooks | Step::Backend => {}
        }
    }

    fn end_session(&mut self) {
        let Some(u) = &mut self.under_way else { return };
        u.step = Step::Backend;
        let kind = u.request.kind;
        self.deadlines
            .set(self.now.plus(self.policy.backend), Deadline::Ending);
        self.act(Action::EndSession(kind));
    }

    /// The backend has done its part, and the rest of the session ends with the machine.
    pub(crate) fn goes_down(&mut self, within: u64) {
        let Some(u) = &mut self.under_way else { return };
        if u.step == Step::Backend {
            u.goes_down = true;
            let at = self.now.plus(within.min(LONGEST_BUDGET));
            self.deadlines.set(at, Deadline::Ending);
        }
    }

    pub(crate) fn backend_done(&mut self, result: Result<(), String>) {
        let Some(u) = &self.under_way else { return };
        if u.step != Step::Backend {
            return;
        }
        match result {
            Ok(()) => {
                let overridden = u.overridden.iter().cloned().collect();
                let by_rule = u.by_rule.iter().cloned().collect();
                self.over = true;
                self.finish(Outcome::Over {
                    overridden,
                    by_rule,
                });
            }
            Err(why) => self.fail(why),
        }
    }

    /// The session will end within `budget` milliseconds: everyone is told at once.
    pub(crate) fn imposed(&mut self, budget: u64) {
        if self.over {
            return;
        }
        if self.under_way.is_none() {
            // It begins as a request and is taken over below, before anybody is asked.
            self.begin(Request::default());
        }
        let Some(u) = &mut self.under_way else { return };
        let budget = budget.min(u.imposed.unwrap_or(LONGEST_BUDGET));
        u.imposed = Some(budget);
        if u.phase == Phase::Ending {
            if u.step != Step::Backend {
                self.deadlines
                    .set_at_latest(self.now.plus(budget * 3 / 10), Deadline::Ending);
            }
            return;
        }
        self.deadlines
            .set_at_latest(self.now.plus(budget * 6 / 10), Deadline::ImposedTerm);
        let apps = &self.apps;
        // What "end this one" began goes on by itself, should the end be called off.
        self.deadlines.retain(|d| match d {
            Deadline::ImposedTerm => true,
            Deadline::App(of) => apps.get(of).is_some_and(|a| a.alone),
            _ => false,
        });
        if u.phase == Phase::Imposed {
            return;
        }
        u.forced = true;
        // Whoever imposes it has the right to.
        u.authorized = true;
        if !u.shown {
            let at = self.now.plus(self.policy.show);
            self.deadlines.set(at, Deadline::Show);
        }
        self.enter(Phase::Imposed);
        let all: Vec<Identity> = self.apps.keys().cloned().collect();
        for of in all {
            self.impose(&of);
        }
    }

    /// One step of an imposed end: whoever came late is told too; when nobody is left, it ends
    /// before its time.
    pub(crate) fn step_imposed(&mut self) -> bool {
        let late: Vec<Identity> = self
            .apps
            .iter()
            .filter(|(_, a)| !a.shows_nothing() && !a.is_let_be())
            .filter(|(_, a)| a.going == Going::No || a.can_be_told())
            .map(|(of, _)| of.clone())
            .collect();
        for of in &late {
            self.impose(of);
        }
        let is_left = |a: &App| !a.shows_nothing() && !a.is_let_be();
        // A window that has gone is not yet a process that has: it may be saving, and has time for it.
        let saves = |(of, a): (&Identity, &App)| {
            let goes = !matches!(a.going, Going::No | Going::GaveUp);
            of.is_process() && !a.spared && !a.is_let_be() && goes
        };
        let waits = self.apps.iter().any(saves) || self.apps.values().any(is_left);
        if late.is_empty() && !waits {
            self.enter_ending();
            return false;
        }
        !late.is_empty()
    }

    /// Tells and closes one application. Its ladder has no stages of its own: SIGTERM and SIGKILL
    /// come to all at once.
    fn impose(&mut self, of: &Identity) {
        let Some(app) = self.apps.get_mut(of).filter(|a| !a.is_let_be()) else {
            return;
        };
        if app.alone {
            self.tell_all(of, true);
            return;
        }
        app.overridden = false;
        self.force(of, 0);
        self.deadlines.clear(&Deadline::App(of.clone()));
    }

    pub(crate) fn restored(&mut self) {
        let Some(u) = &self.under_way else { return };
        match u.phase {
            Phase::Imposed => self.cancel(CancelledBy::Restored),
            Phase::Ending if u.can_be_restored => self.call_off(CancelledBy::Restored),
            Phase::Ending if u.goes_down => {
                self.fail("the end of the machine was called off".to_owned());
            }
            _ => {}
        }
    }
}

//! What a user's rules say about one application, and what that changes in a request. Which
//! application a rule means is decided where the applications' programs and names are known.

use std::collections::BTreeSet;

use crate::action::{Action, Phase};
use crate::app::{App, Silence, Vote, Voter};
use crate::coordinator::Coordinator;
use crate::id::Identity;
use crate::policy::Policy;
use crate::time::Deadline;

/// How the windows of an application that cannot vote are let go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndBy {
    /// Each window is closed, as the user would.
    #[default]
    Close,
    /// SIGTERM to its process, after everybody else: it loses windows when closed one by one and
    /// ends whole on that signal (browsers). Where no process is known, its windows are closed.
    Term,
}

/// What the rules say about one application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    /// It is never asked, never told or closed before Ending, and never a blocker. "End this one"
    /// still ends it: that is the user's later word.
    pub ignore: bool,
    /// How it is let go, unless it votes: then it is told in its protocol.
    pub end_by: EndBy,
    /// Its own no is overridden as soon as it says it, as by "end anyway". A no that its user said
    /// in its dialog is the user's and cancels as always.
    pub end_anyway: bool,
    /// Milliseconds that it has for each of its steps, in place of [`Policy`]'s.
    pub deadline: Option<u64>,
}

impl Policy {
    /// The waits for an application of which a rule says this. Its own deadline takes the place of
    /// every wait that is for the application's sake: to answer, to let its windows go, to exit,
    /// and to save before it is forced. The shorter ones after "end this one" and after a forced
    /// SIGTERM stay as they are: whoever chose those has waited already.
    #[must_use]
    pub fn under(&self, rule: &Rule) -> Self {
        let Some(deadline) = rule.deadline else {
            return self.clone();
        };
        Self {
            slow: deadline,
            silent: deadline,
            stays: deadline,
            exit: deadline,
            exit_voter: deadline,
            exit_kill: deadline,
            forced: deadline,
            ..self.clone()
        }
    }
}

impl Coordinator {
    /// The waits for one application, as its rule has them.
    pub(crate) fn policy_of(&self, of: &Identity) -> Policy {
        let rule = self.apps.get(of).map(|a| a.rule);
        self.policy.under(&rule.unwrap_or_default())
    }

    pub(crate) fn ruled(&mut self, of: &Identity, rule: Rule) {
        let before = self.apps.get(of).map(|a| a.rule).unwrap_or_default();
        if before == rule {
            return;
        }
        let app = self.known(of, "");
        app.rule = rule;
        let alone = app.alone;
        if rule.ignore && !alone {
            self.let_be(of);
        }
        if let Some(u) = &mut self.under_way {
            u.unasked = true;
        }
        self.touch(of);
    }

    /// An application is to be ignored from now on, whatever was begun with it.
    fn let_be(&mut self, of: &Identity) {
        let Some(app) = self.apps.get_mut(of) else {
            return;
        };
        let bundle = app.bundle;
        let void = app.void_queries();
        app.reset();
        self.breaks_its_bundle(bundle);
        for id in void {
            self.deadlines.clear(&Deadline::Voter(id));
            if let Some(u) = &mut self.under_way {
                u.no_longer_waits_for(id);
            }
            self.act(Action::CancelQuery(id));
        }
        self.deadlines.clear(&Deadline::App(of.clone()));
        self.deadlines.clear(&Deadline::Ping(of.clone()));
        self.outdate_look();
    }

    /// Where the user wrote a rule that says so, what an application says against its end does not
    /// count, and that it never answers neither.
    pub(crate) fn override_by_rule(&mut self, changed: &BTreeSet<Identity>) {
        if !matches!(self.phase(), Some(Phase::Asking | Phase::Closing)) {
            return;
        }
        for of in changed {
            let no = |a: &App| {
                let silent = |v: &Voter| v.vote == Vote::Asked(Silence::Silent);
                !a.blockers(of, !self.is_requester(of)).is_empty() || a.voters.values().any(silent)
            };
            let app = self.apps.get(of).filter(|a| a.rule.end_anyway);
            if app.is_some_and(|a| !self.may_not_block(a) && no(a)) {
                self.rule_overrides(of);
            }
        }
    }

    /// A rule of the user's overrides an application.
    pub(crate) fn rule_overrides(&mut self, of: &Identity) {
        if let Some(app) = self.apps.get_mut(of) {
            app.by_rule = true;
        }
        self.override_app(of, self.policy_of(of).forced);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_takes_the_place_of_the_waits_for_the_applications_sake() {
        let policy = Policy::default();
        assert_eq!(policy.under(&Rule::default()), policy);
        let own = policy.under(&Rule {
            deadline: Some(7),
            ..Rule::default()
        });
        let waits = [
            own.slow,
            own.silent,
            own.stays,
            own.exit,
            own.exit_voter,
            own.exit_kill,
            own.forced,
        ];
        assert_eq!(waits, [7; 7]);
        assert_eq!((own.ping, own.forced_one), (policy.ping, policy.forced_one));
        assert_eq!(own.forced_kill, policy.forced_kill);
    }
}

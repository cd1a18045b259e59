//! What a user's rules say about one application. Plain data; which application a rule means is
//! decided where the applications' programs and names are known.

use crate::policy::Policy;

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

//! Asking: everybody is asked, round by round, and nobody is ended.

use crate::action::{Action, Blocker, Notice, Phase, Why};
use crate::app::{MAX_OWED, Responds, Silence, Vote, Voter};
use crate::coordinator::{Coordinator, Look};
use crate::event::{Answer, Round};
use crate::id::{Identity, VoterId};
use crate::time::Deadline;
use crate::{CancelledBy, Force, Going};

impl Coordinator {
    /// One step of Asking; whether another may follow.
    pub(crate) fn step_asking(&mut self) -> bool {
        if self.ask_idle(self.round_reached()) {
            return true;
        }
        let Some(u) = &self.under_way else {
            return false;
        };
        // The first are asked beside what is held, so that the user learns of everything at once.
        let blocked = !u.forced && !u.blockers.is_empty();
        if !u.forced && !u.pending.is_empty() || blocked && u.round.is_some() {
            return false;
        }
        if !self.look_is_fresh() {
            return false;
        }
        // Who is left to ask comes in a later round than the one reached.
        let next = self
            .apps
            .values()
            .filter(|a| !self.may_not_block(a))
            .flat_map(|a| a.voters.values())
            .filter(|v| v.vote == Vote::Idle)
            .map(|v| v.round)
            .min();
        if blocked && next.is_none_or(Round::is_late) {
            return false;
        }
        let Some(u) = &mut self.under_way else {
            return false;
        };
        if let Some(next) = next {
            u.round = Some(next);
            u.unasked = true;
        } else if u.authorized {
            self.enter(Phase::Closing);
        } else {
            // It became another kind of end since.
            return false;
        }
        true
    }

    fn round_reached(&self) -> Option<Round> {
        self.under_way.as_ref().and_then(|u| u.round)
    }

    /// Asks every client that has not been asked, up to `round`; whether there was one.
    pub(crate) fn ask_idle(&mut self, round: Option<Round>) -> bool {
        let (Some(round), Some(u)) = (round, &mut self.under_way) else {
            return false;
        };
        // Looking at everybody after each of a thousand answers would cost their square.
        if !std::mem::take(&mut u.unasked) {
            return false;
        }
        let idle: Vec<VoterId> = self
            .apps
            .values()
            .filter(|a| !self.may_not_block(a))
            .flat_map(|a| a.voters.iter())
            .filter(|(_, v)| v.vote == Vote::Idle && v.round <= round)
            .map(|(id, _)| *id)
            .collect();
        for voter in &idle {
            self.ask(*voter);
        }
        !idle.is_empty()
    }

    /// Sends one query and starts its deadline.
    pub(crate) fn ask(&mut self, id: VoterId) {
        let Some(of) = self.voters.get(&id).cloned() else {
            return;
        };
        let slow = self.policy_of(&of).slow;
        let Some(voter) = self.apps.get_mut(&of).and_then(|a| a.voters.get_mut(&id)) else {
            return;
        };
        voter.last = false;
        voter.vote = Vote::Asked(Silence::Fresh);
        self.deadlines.set(self.now.plus(slow), Deadline::Voter(id));
        if let Some(u) = &mut self.under_way {
            u.pending.insert(id);
        }
        self.outdate_look();
        self.act(Action::Query(id));
        self.notice(Notice::Asked(of));
    }

    /// Gives those who wait for something their turn: one that wants to ask the user, when no
    /// other does; those that want to be asked last, when nobody else is to answer. Whether
    /// there was one.
    pub(crate) fn step_turns(&mut self) -> bool {
        let Some(u) = &mut self.under_way else {
            return false;
        };
        if u.asking_user.is_empty()
            && let Some(id) = u.want_user.front().copied()
        {
            self.set_vote(id, Vote::AskingUser);
            self.act(Action::Interact(id));
            if let Some(of) = self.voters.get(&id).cloned() {
                self.notice(Notice::Answered(of, Answer::AskingUser));
            }
            return true;
        }
        if u.want_last.is_empty() || u.pending.len() > u.want_last.len() {
            return false;
        }
        for id in u.want_last.clone() {
            self.set_vote(id, Vote::Asked(Silence::Fresh));
            self.act(Action::QueryAgain(id));
        }
        true
    }

    /// Moves an open vote to another that is open, with the deadline that it has, if any.
    fn set_vote(&mut self, id: VoterId, vote: Vote) {
        let Some(of) = self.voters.get(&id) else {
            return;
        };
        let slow = self.policy_of(of).slow;
        let Some(voter) = self.apps.get_mut(of).and_then(|a| a.voters.get_mut(&id)) else {
            return;
        };
        voter.last |= voter.vote == Vote::WantsLast;
        if matches!(vote, Vote::Asked(_)) {
            self.deadlines.set(self.now.plus(slow), Deadline::Voter(id));
        } else {
            self.deadlines.clear(&Deadline::Voter(id));
        }
        if let Some(u) = &mut self.under_way {
            u.follow(id, &vote);
        }
        voter.vote = vote;
    }

    /// A client that has been asked has not answered yet, and says what it waits for.
    fn answers_later(&mut self, id: VoterId, of: &Identity, answer: Answer) {
        let Some(voter) = self.apps.get(of).and_then(|a| a.voters.get(&id)) else {
            return;
        };
        let vote = match (&answer, &voter.vote) {
            (Answer::AskingUser, _) => Vote::AskingUser,
            (Answer::WantsUser, Vote::Asked(_)) => Vote::WantsUser,
            (Answer::UserAnswered, Vote::AskingUser) => Vote::Asked(Silence::Fresh),
            (Answer::WantsLast, Vote::Asked(_)) if !voter.last => Vote::WantsLast,
            _ => return,
        };
        let asks = matches!(vote, Vote::AskingUser | Vote::WantsUser);
        self.set_vote(id, vote);
        self.outdate_look();
        self.notice(Notice::Answered(of.clone(), answer));
        self.touch(of);
        let counts = self.apps.get(of).is_some_and(|a| !self.may_not_block(a));
        if asks && counts && self.nobody_chooses() {
            if self.apps.get(of).is_some_and(|a| a.rule.end_anyway) {
                self.rule_overrides(of);
            } else {
                self.cancel_for(of, Why::AsksUser);
            }
        }
    }

    /// Whether everything there is has been told; begins to look where not.
    pub(crate) fn look_is_fresh(&mut self) -> bool {
        let Some(u) = &mut self.under_way else {
            return false;
        };
        match u.look {
            Look::Fresh => true,
            Look::Looking { .. } => false,
            Look::Needed => {
                u.look = Look::Looking { stale: false };
                self.deadlines
                    .set(self.now.plus(self.policy.look), Deadline::Look);
                self.act(Action::Look);
                false
            }
        }
    }

    pub(crate) fn looked(&mut self) {
        let Some(u) = &mut self.under_way else { return };
        if let Look::Looking { stale } = u.look {
            u.look = if stale { Look::Needed } else { Look::Fresh };
            self.deadlines.clear(&Deadline::Look);
        }
    }

    pub(crate) fn look_is_late(&mut self) {
        let Some(u) = &mut self.under_way else { return };
        if u.forced {
            u.look = Look::Fresh;
        } else {
            // Going on would end applications whose windows were never seen.
            self.fail("the display did not tell its windows in time".to_owned());
        }
    }

    /// A client's answer. Late, repeated and unknown ones change nothing.
    pub(crate) fn answered(&mut self, id: VoterId, answer: Answer) {
        let Some(of) = self.voters.get(&id).cloned() else {
            return;
        };
        let counts = self.apps.get(&of).is_some_and(|a| !self.may_not_block(a));
        // Whatever it says, it is alive.
        self.responds(&of, Responds::Yes);
        let Some(voter) = self.apps.get_mut(&of).and_then(|a| a.voters.get_mut(&id)) else {
            return;
        };
        let open = voter.is_open();
        let debt = voter.owed > 0 && matches!(voter.vote, Vote::Asked(_));
        if !open || (debt && answer == Answer::Accept) {
            voter.owed = voter.owed.saturating_sub(1);
            return;
        }
        let vote = match &answer {
            Answer::Accept => Vote::Accepted,
            Answer::Refuse(reason) | Answer::UserRefused(reason) => Vote::Refused(reason.clone()),
            _ => return self.answers_later(id, &of, answer),
        };
        voter.owed = 0;
        let was_slow = voter.vote != Vote::Asked(Silence::Fresh);
        voter.vote = vote;
        self.deadlines.clear(&Deadline::Voter(id));
        self.outdate_look();
        self.notice(Notice::Answered(of.clone(), answer.clone()));
        if let Some(u) = &mut self.under_way {
            u.untold |= answer == Answer::Accept;
            u.no_longer_waits_for(id);
        }
        match answer {
            // The common case among a thousand clients: one answer fewer to wait for.
            Answer::Accept if !was_slow => {}
            Answer::UserRefused(reason) if counts => {
                let name = self
                    .apps
                    .get(&of)
                    .map(|a| a.name.clone())
                    .unwrap_or_default();
                self.cancel(CancelledBy::InApplication { name, reason });
            }
            _ => self.touch(&of),
        }
    }

    /// A client's deadline has come: slow first, then silent, then pinged again and again.
    pub(crate) fn voter_is_late(&mut self, id: VoterId) {
        let Some(of) = self.voters.get(&id).cloned() else {
            return;
        };
        if self.apps.get(&of).is_none_or(|a| self.may_not_block(a)) {
            return; // Nobody waits for its answer any more.
        }
        let policy = self.policy_of(&of);
        let Some(voter) = self.apps.get_mut(&of).and_then(|a| a.voters.get_mut(&id)) else {
            return;
        };
        let before = voter.vote.clone();
        let again = match before {
            Vote::Asked(Silence::Fresh) => {
                voter.vote = Vote::Asked(Silence::Slow);
                self.notice(Notice::Slow(of.clone()));
                policy.silent.saturating_sub(policy.slow)
            }
            Vote::Asked(_) => {
                voter.vote = Vote::Asked(Silence::Silent);
                policy.silent
            }
            _ => return,
        };
        self.deadlines
            .set(self.now.plus(again.max(1)), Deadline::Voter(id));
        self.touch(&of);
        if self.is_silence_final(&of, &before) {
            // It may answer pings and be no blocker; here it is what nobody is there to wait for.
            self.cancel_for(&of, Why::NotResponding);
        } else {
            self.ping(&of);
        }
    }

    /// An application with windows has answered a ping and handles its events. Those of its XSMP
    /// clients that have been silent for too long will never answer (LibreOffice on plain X11
    /// does not); they no longer count, and closing the windows asks the user in their place.
    pub(crate) fn abstain(&mut self, of: &Identity) {
        let Some(app) = self.apps.get(of).filter(|a| !a.windows.is_empty()) else {
            return;
        };
        let never = |v: &Voter| v.round.is_late() && v.vote == Vote::Asked(Silence::Silent);
        let silent: Vec<VoterId> = app
            .voters
            .iter()
            .filter(|(_, v)| never(v))
            .map(|(id, _)| *id)
            .collect();
        if silent.is_empty() {
            return;
        }
        for id in silent {
            self.set_vote(id, Vote::Abstained);
        }
        self.outdate_look();
        self.notice(Notice::Abstained(of.clone()));
        self.touch(of);
    }

    /// Whether nobody is there to wait any longer for a client of which this was the vote. Where
    /// what is hung is overridden, or a pong makes a client abstain, it has one more period. A hook
    /// has a limit of its own, and a rule that overrides what never answers needs nobody.
    fn is_silence_final(&self, of: &Identity, before: &Vote) -> bool {
        let app = self.apps.get(of);
        if of.is_hook() || app.is_some_and(|a| a.rule.end_anyway) {
            return false;
        }
        let may_abstain = self
            .apps
            .get(of)
            .is_some_and(|a| !a.windows.is_empty() && a.voters.values().any(|v| v.round.is_late()));
        let force = self.under_way.as_ref().map(|u| u.request.force);
        let is_final = match before {
            Vote::Asked(Silence::Slow) => force != Some(Force::IfHung) && !may_abstain,
            Vote::Asked(Silence::Silent) => true,
            _ => false,
        };
        is_final && self.nobody_chooses()
    }

    /// Cancels a request with nobody there, with this client as what blocked.
    fn cancel_for(&mut self, of: &Identity, why: Why) {
        let Some(name) = self.apps.get(of).map(|a| a.name.clone()) else {
            return;
        };
        let blocker = Blocker {
            of: of.clone(),
            name,
            why,
        };
        if let Some(u) = &mut self.under_way
            && u.blockers.insert(blocker.clone())
        {
            self.notice(Notice::Blocked(blocker));
        }
        self.cancel(CancelledBy::Blocked);
    }

    /// Asks whether an application handles events, unless the last answer is still awaited.
    pub(crate) fn ping(&mut self, of: &Identity) {
        let Some(app) = self.apps.get_mut(of) else {
            return;
        };
        if app.responds == Responds::Yes {
            app.responds = Responds::Pinged;
            self.deadlines
                .set(self.now.plus(self.policy.ping), Deadline::Ping(of.clone()));
        }
        self.act(Action::Ping(of.clone()));
    }

    /// The user's "ask again", for one application or for all that block.
    pub(crate) fn ask_again(&mut self, of: Option<&Identity>) {
        let all: Vec<Identity> = match of {
            Some(of) => vec![of.clone()],
            None => self.apps.keys().cloned().collect(),
        };
        for of in all {
            self.ask_refused_again(&of);
            let stays = self.apps.get(&of).is_some_and(|a| a.going == Going::Stays);
            if stays && !self.is_held() {
                self.close_again(&of);
            } else if self.apps.get(&of).is_some_and(|a| a.hung()) {
                self.ping(&of);
            }
        }
        self.outdate_look();
        self.look_is_fresh();
    }

    /// Voids the refusals of one application and asks those clients anew.
    pub(crate) fn ask_refused_again(&mut self, of: &Identity) {
        // Consent follows the application: once overridden, it is not asked about again.
        let Some(app) = self.apps.get(of).filter(|a| !self.may_not_block(a)) else {
            return;
        };
        let refused: Vec<VoterId> = app
            .voters
            .iter()
            .filter(|(_, v)| matches!(v.vote, Vote::Refused(_)))
            .map(|(id, _)| *id)
            .collect();
        if !refused.is_empty() {
            self.tries_again(of);
        }
        for voter in refused {
            self.act(Action::CancelQuery(voter));
            self.ask(voter);
        }
        self.touch(of);
    }

    /// Something that an application refused for has gone: its refusal is asked again.
    pub(crate) fn ask_again_if_clear(&mut self, of: &Identity) {
        let asking = matches!(self.phase(), Some(Phase::Asking | Phase::Closing));
        let clear = self
            .apps
            .get(of)
            .is_some_and(|a| a.inhibitors.is_empty() && a.jobs.is_empty() && !a.looks_unsaved());
        if asking && clear {
            self.ask_refused_again(of);
        }
    }
}

// The cap is a design constant, not a tuning knob: one query can be under way and one cancelled.
const _: () = assert!(MAX_OWED >= 1);

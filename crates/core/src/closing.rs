//! Closing: applications are let go, each group wholly gone before the next is touched, so that
//! a No costs least. And the ladder on which a single application goes.

use std::collections::BTreeSet;

use crate::Phase;
use crate::action::{Action, Notice, Signal, Why};
use crate::app::{App, Going, Vote};
use crate::coordinator::Coordinator;
use crate::event::Round;
use crate::id::{BundleId, Identity, VoterId};
use crate::time::Deadline;

/// The order in which applications are let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    /// Looks unsaved, whatever it voted: it may still ask its user.
    Unsaved,
    /// One bundle, of which nobody can be asked before the others have gone.
    Bundle(BundleId),
    /// Cannot vote: its windows are closed.
    CannotVote,
    /// Voted: told to end.
    Voters,
    /// Ends whole on SIGTERM only.
    ByTerm,
    /// The requester's own terminal or bar.
    Requester,
}

impl Coordinator {
    /// One step of Closing; whether another may follow.
    pub(crate) fn step_closing(&mut self) -> bool {
        if self.ask_idle(Some(Round::late(0))) {
            return true;
        }
        if self.is_held() {
            return false;
        }
        let Some(u) = self.under_way.as_mut().filter(|u| u.authorized) else {
            return false;
        };
        if std::mem::take(&mut u.untold) && self.tell_late_voters() {
            return true;
        }
        let waits = self
            .under_way
            .as_ref()
            .is_some_and(|u| !u.leaving.is_empty());
        if waits || !self.look_is_fresh() {
            return false;
        }
        let group = self.next_group();
        if group.is_empty() {
            self.enter_ending();
            return false;
        }
        let forced = self.under_way.as_ref().is_some_and(|u| u.forced);
        for of in &group {
            if forced || self.apps.get(of).is_some_and(|a| a.overridden) {
                self.force(of, self.policy_of(of).forced);
            } else {
                self.let_go(of);
            }
        }
        // All are told before any is watched: that takes longer, and the last of hundreds would
        // hear of the end by so much later.
        for of in group.into_iter().filter(Identity::is_process) {
            self.act(Action::Watch(of));
        }
        self.outdate_look();
        true
    }

    /// Whether somebody who was asked has not agreed: then nothing more is closed or signalled,
    /// since the user may still cancel.
    pub(crate) fn is_held(&self) -> bool {
        self.under_way.as_ref().is_some_and(|u| {
            let objects = |b: &crate::Blocker| !matches!(b.why, Why::Window { .. });
            !u.forced && (!u.pending.is_empty() || u.blockers.iter().any(objects))
        })
    }

    /// The applications to let go of next: of those that host no other one still here, all of
    /// the lowest group. With force there is no No to be cheap for, and all but the requester go
    /// at once.
    fn next_group(&self) -> Vec<Identity> {
        let forced = self.under_way.as_ref().is_some_and(|u| u.forced);
        let requesters = self.bundles_of_requester();
        let group = |of: &Identity, app: &App| {
            let bundle = self.whole(app);
            if self.is_requester(of) || bundle.is_some_and(|b| requesters.contains(&b)) {
                Group::Requester
            } else if forced {
                Group::Unsaved
            } else if let Some(bundle) = bundle {
                Group::Bundle(bundle)
            } else if app.ends_by_term() {
                Group::ByTerm
            } else if app.looks_unsaved() || app.is_asked_by_windows() {
                // Of one that never answered nobody knows.
                Group::Unsaved
            } else if app.can_be_told() {
                Group::Voters
            } else {
                Group::CannotVote
            }
        };
        let hosts: BTreeSet<&Identity> = self
            .apps
            .iter()
            .filter(|(of, a)| a.going == Going::No || a.is_leaving(self.is_requester(of)))
            .filter(|(_, a)| !a.shows_nothing() && !a.is_let_be())
            .filter_map(|(_, a)| a.host.as_ref())
            .collect();
        let open: Vec<(Group, &Identity)> = self
            .apps
            .iter()
            .filter(|(_, a)| a.going == Going::No && !a.shows_nothing() && !a.is_let_be())
            .filter(|(of, a)| match self.whole(a) {
                // Nothing goes along with one of these, and they do not wait for one another.
                Some(_) => true,
                // Of a bundle that cannot go as one, what shows nothing is left to Ending.
                None if a.windows.is_empty() && a.voters.is_empty() => false,
                None => !hosts.contains(of),
            })
            .map(|(of, a)| (group(of, a), of))
            .collect();
        let Some(first) = open.iter().map(|(g, _)| *g).min() else {
            return Vec::new();
        };
        open.into_iter()
            .filter(|(g, _)| *g == first)
            .map(|(_, of)| of.clone())
            .collect()
    }

    /// A client that registered on an application already on its way, and said yes, is told too;
    /// and one that never answered, when it has let its windows go: that was its yes.
    fn tell_late_voters(&mut self) -> bool {
        let agrees = |a: &App, vote: &Vote| match vote {
            Vote::Accepted => true,
            Vote::Abstained => a.windows.is_empty(),
            _ => false,
        };
        let late: Vec<VoterId> = self
            .apps
            .values()
            .filter(|a| a.going != Going::No)
            .flat_map(|a| a.voters.iter().map(move |v| (a, v)))
            .filter(|(a, (_, v))| agrees(a, &v.vote))
            .map(|(_, (id, _))| *id)
            .collect();
        for voter in &late {
            self.tell(*voter, false);
        }
        !late.is_empty()
    }

    /// Tells one client to end.
    fn tell(&mut self, id: VoterId, forceful: bool) {
        let Some(of) = self.voters.get(&id).cloned() else {
            return;
        };
        let Some(voter) = self.apps.get_mut(&of).and_then(|a| a.voters.get_mut(&id)) else {
            return;
        };
        if voter.vote != Vote::Told {
            voter.vote = Vote::Told;
            self.deadlines.clear(&Deadline::Voter(id));
            self.act(Action::End {
                voter: id,
                forceful,
            });
        }
    }

    pub(crate) fn tell_all(&mut self, of: &Identity, forceful: bool) {
        let voters: Vec<VoterId> = self
            .apps
            .get(of)
            .map(|a| a.voters.keys().copied().collect())
            .unwrap_or_default();
        for voter in voters {
            self.tell(voter, forceful);
        }
    }

    fn close_windows(&mut self, of: &Identity) {
        let Some(app) = self.apps.get(of) else { return };
        // To close a dialog is to answer it with Cancel: while there is another window to close,
        // it is the user's to answer.
        let spare = !self.may_not_block(app) && app.windows.values().any(|w| !w.about.dialog);
        let windows: Vec<_> = app
            .windows
            .iter()
            .filter(|(_, w)| !(spare && w.about.dialog))
            .map(|(id, _)| *id)
            .collect();
        for window in windows {
            self.act(Action::Close(window));
        }
    }

    fn signal(&mut self, of: &Identity, signal: Signal) {
        self.act(Action::Signal(of.clone(), signal));
        self.notice(Notice::Signalled(of.clone(), signal));
    }

    pub(crate) fn go(&mut self, of: &Identity, going: Going, after: u64) {
        if let Some(app) = self.apps.get_mut(of) {
            app.going = going;
            self.deadlines
                .set(self.now.plus(after), Deadline::App(of.clone()));
            self.touch(of);
        }
    }

    /// Lets go of an application in the way that suits it.
    fn let_go(&mut self, of: &Identity) {
        let Some(app) = self.apps.get(of) else { return };
        let told = app.can_be_told() && !app.is_asked_by_windows();
        let by_term = app.ends_by_term();
        let bundle = self.whole(app);
        self.notice(Notice::Closing(of.clone()));
        if let Some(bundle) = bundle {
            self.waits_for_its_turn(of, 0);
            self.close_bundle(bundle, false);
            return;
        }
        self.go(of, Going::Polite, self.policy_of(of).stays);
        // A voter owns its windows: they are not closed beside its vote.
        if told {
            self.tell_all(of, false);
        } else if by_term && of.is_process() {
            self.signal(of, Signal::Term);
        } else {
            self.close_windows(of);
        }
        self.look_after(of);
    }

    /// Ends an application through every channel it has, whatever it says; SIGTERM after `grace`.
    pub(crate) fn force(&mut self, of: &Identity, grace: u64) {
        let Some(app) = self.apps.get(of) else { return };
        if matches!(
            app.going,
            Going::Grace | Going::Term | Going::Kill | Going::GaveUp
        ) && app.overridden
        {
            return;
        }
        let grace = if app.shows_nothing() { 0 } else { grace };
        if app.objects() {
            self.record_override(of);
        }
        if of.is_process() {
            self.act(Action::Watch(of.clone()));
        }
        if let Some(app) = self.apps.get_mut(of) {
            app.overridden = true;
        }
        self.notice(Notice::Closing(of.clone()));
        self.go(of, Going::Grace, grace);
        self.tell_all(of, true);
        match self.apps.get(of) {
            Some(app) if !app.alone && self.whole(app).is_some() => {
                let bundle = self.whole(app);
                bundle.into_iter().for_each(|b| self.close_bundle(b, true));
            }
            _ => self.close_windows(of),
        }
        self.look_after(of);
    }

    fn record_override(&mut self, of: &Identity) {
        let Some(name) = self.apps.get(of).map(|a| a.name.clone()) else {
            return;
        };
        let by_rule = self.apps.get(of).is_some_and(|a| a.by_rule);
        if let Some(u) = &mut self.under_way {
            if by_rule {
                u.by_rule.insert(name.clone());
            }
            u.overridden.insert(name);
        }
    }

    /// Nothing of this application counts any more; if it is already on its way, it is forced.
    pub(crate) fn override_app(&mut self, of: &Identity, grace: u64) {
        self.record_override(of);
        self.notice(Notice::Overridden(of.clone()));
        let Some(app) = self.apps.get_mut(of) else {
            return;
        };
        if app.going == Going::No {
            app.overridden = true;
            self.touch(of);
        } else {
            self.force(of, grace);
        }
    }

    /// "End this one": now, and whatever becomes of the request.
    pub(crate) fn end_one(&mut self, of: &Identity) {
        self.record_override(of);
        self.notice(Notice::Overridden(of.clone()));
        if let Some(app) = self.apps.get_mut(of) {
            app.alone = true;
            // The ladder begins anew, with this choice's shorter times.
            app.overridden = false;
        }
        self.force(of, self.policy.forced_one);
        self.outdate_look();
    }

    /// "End all anyway", `--force` and `--force-after`: takes effect once Closing begins.
    pub(crate) fn force_all(&mut self) {
        let blocking: Vec<Identity> = self.blockers().map(|b| b.of.clone()).collect();
        for of in blocking {
            self.record_override(&of);
        }
        let Some(u) = &mut self.under_way else { return };
        if matches!(u.phase, Phase::Ending | Phase::Imposed) {
            return;
        }
        u.forced = true;
        u.all_changed = true;
        if u.phase == Phase::Asking && u.authorized {
            self.enter(Phase::Closing);
        }
        let going: Vec<Identity> = self
            .apps
            .iter()
            .filter(|(_, a)| a.going != Going::No)
            .map(|(of, _)| of.clone())
            .collect();
        for of in going {
            self.force(&of, self.policy_of(&of).forced);
        }
    }

    /// Closes the windows of an application that stayed once more.
    pub(crate) fn close_again(&mut self, of: &Identity) {
        if let Some(app) = self.apps.get(of).filter(|a| self.goes_with_its_bundle(a)) {
            // It has been asked; a window of its own is its user's to answer.
            if !app.answers_with_a_window() {
                self.tries_again(of);
                self.waits_for_its_turn(of, 0);
            }
            return;
        }
        if let Some(app) = self.apps.get_mut(of) {
            for window in app.windows.values_mut() {
                window.after = false;
            }
        }
        self.tries_again(of);
        self.go(of, Going::Polite, self.policy_of(of).stays);
        self.close_windows(of);
    }

    /// The next stage of an application's way out.
    pub(crate) fn next_stage(&mut self, of: &Identity) {
        let Some(app) = self.apps.get(of) else { return };
        let forced = self.may_not_block(app);
        let (going, empty) = (app.going, app.windows.is_empty());
        let held = !forced && (app.objects() || self.is_held());
        let signalable = of.is_process() && !app.spared;
        let policy = self.policy_of(of);
        match going {
            Going::Polite if !empty => {
                self.stay(of);
                self.ping(of);
            }
            Going::Polite => self.go(of, Going::Empty, policy.exit_voter),
            // Nothing is signalled while it blocks.
            Going::Empty if held => self.go(of, Going::Empty, policy.exit.max(1)),
            Going::Empty | Going::Grace if signalable => {
                if going == Going::Grace {
                    self.record_override(of);
                }
                self.signal(of, Signal::Term);
                let kill = if forced {
                    policy.forced_kill
                } else {
                    policy.exit_kill
                };
                self.go(of, Going::Term, kill);
            }
            Going::Term if held => self.go(of, Going::Term, policy.exit.max(1)),
            Going::Term => {
                self.signal(of, Signal::Kill);
                self.go(of, Going::Kill, policy.give_up);
            }
            Going::Empty | Going::Grace | Going::Kill => {
                let between = self.under_way.is_none();
                if let Some(app) = self.apps.get_mut(of) {
                    app.going = Going::GaveUp;
                    if between {
                        // "End this one" outlived its request, in vain. The consent ends with it.
                        app.reset();
                    }
                }
                self.look_after(of);
                self.touch(of);
            }
            Going::Bundle { pings } => self.turn_is_late(of, pings),
            Going::No | Going::Stays | Going::GaveUp => {}
        }
    }

    /// Names an application that was closed or told and shows a window as a blocker.
    pub(crate) fn stay(&mut self, of: &Identity) {
        if let Some(app) = self.apps.get_mut(of) {
            app.going = Going::Stays;
            self.deadlines.clear(&Deadline::App(of.clone()));
            self.touch(of);
        }
    }

    /// After something of an application went: notices when it is gone, or only its windows are,
    /// and forgets what nothing leads to any more.
    pub(crate) fn look_after(&mut self, of: &Identity) {
        let Some(app) = self.apps.get(of) else { return };
        let outlives = of.is_process() && !app.spared;
        let told = !app.voters.is_empty();
        if app.going == Going::No {
            let (bare, left, name) = (app.is_bare(), app.left, app.name.clone());
            if bare {
                self.forget(of);
            }
            if bare && left {
                self.record_gone(&name);
                self.notice(Notice::Gone {
                    of: of.clone(),
                    name,
                });
            }
            return;
        }
        match app.going {
            _ if app.shows_nothing() && !outlives => self.has_gone(of),
            Going::Stays | Going::Bundle { .. } if self.goes_with_its_bundle(app) => {
                // Its dialog was answered. It says itself what that means.
                let waits = app.going == Going::Stays;
                if waits && !app.hung() && !app.answers_with_a_window() {
                    self.waits_for_its_turn(of, 0);
                }
            }
            Going::Polite | Going::Stays if app.windows.is_empty() => {
                if let Some(u) = &mut self.under_way {
                    u.untold = true;
                }
                let policy = self.policy_of(of);
                let wait = if told { policy.exit_voter } else { policy.exit };
                self.go(of, Going::Empty, wait);
            }
            _ => {}
        }
    }

    /// An application on its way out is wholly gone.
    pub(crate) fn has_gone(&mut self, of: &Identity) {
        let Some(app) = self.apps.get_mut(of) else {
            return;
        };
        let name = app.name.clone();
        app.going = Going::No;
        app.left = false;
        app.alone = false;
        if self.under_way.is_none() {
            // What it still holds counts in the next request.
            app.reset();
        }
        if app.is_bare() {
            self.forget(of);
        }
        self.deadlines.clear(&Deadline::App(of.clone()));
        if !of.is_hook() {
            self.record_gone(&name);
        }
        self.notice(Notice::Gone {
            of: of.clone(),
            name,
        });
        self.touch(of);
    }

    /// Remembers, once, that an application went; one that comes again and again is one name.
    pub(crate) fn record_gone(&mut self, name: &str) {
        if let Some(u) = &mut self.under_way
            && u.gone_names.insert(name.to_owned())
        {
            u.gone.push(name.to_owned());
        }
    }

    /// Drops everything known of an application.
    pub(crate) fn forget(&mut self, of: &Identity) {
        let Some(app) = self.apps.remove(of) else {
            return;
        };
        for voter in app.voters.keys() {
            self.voters.remove(voter);
            self.deadlines.clear(&Deadline::Voter(*voter));
            if let Some(u) = &mut self.under_way {
                u.no_longer_waits_for(*voter);
            }
        }
        for window in app.windows.keys() {
            self.windows.remove(window);
        }
        for inhibitor in app.inhibitors.keys() {
            self.inhibitors.remove(inhibitor);
        }
        for job in app.jobs.keys() {
            self.jobs.remove(job);
        }
        self.deadlines.clear(&Deadline::App(of.clone()));
        self.deadlines.clear(&Deadline::Ping(of.clone()));
        self.touch(of);
        self.bundle_moves(app.bundle);
    }
}

//! A ghost that follows what the coordinator does and knows what it must never do. It is built
//! from events and actions alone, never from the coordinator's own state.
#![allow(dead_code, missing_docs, unreachable_pub)]

mod bundles;
mod order;

use std::collections::{BTreeMap, BTreeSet};

use endsession_core::*;

/// What has passed between the coordinator and one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Asked {
    No,
    Waiting,
    WantsUser,
    User,
    WantsLast,
    Abstained,
    Yes,
    Refused,
    Told,
}

impl Asked {
    /// Asked, and not answered.
    fn is_open(self) -> bool {
        self.is_awaited() || self == Self::Abstained
    }

    fn is_awaited(self) -> bool {
        matches!(
            self,
            Self::Waiting | Self::WantsUser | Self::User | Self::WantsLast
        )
    }
}

/// Where the hooks of the session's end stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Hooks {
    #[default]
    NotYet,
    Run,
    Ended,
}

/// What matters of a window.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pane {
    pub of: Identity,
    pub unsaved: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ghost {
    pub voters: BTreeMap<VoterId, (Identity, Asked)>,
    /// Clients for which being told is for good (XSMP).
    pub late: BTreeSet<VoterId>,
    /// Clients that have been asked for their last word.
    pub last: BTreeSet<VoterId>,
    /// How often the deadline of an XSMP client passed since it was asked, up to twice.
    pub late_by: BTreeMap<VoterId, u8>,
    pub windows: BTreeMap<WindowId, Pane>,
    pub holds: BTreeMap<(u8, u64), Identity>,
    pub under_way: bool,
    pub forced: bool,
    pub imposed: bool,
    pub if_hung: bool,
    pub confirming: bool,
    pub kind: Kind,
    /// That kind of end has not been permitted yet.
    pub unpermitted: bool,
    /// Somebody is finding out whether it is.
    pub asks_leave: bool,
    /// It is not, and the request has to end for it.
    pub refused_leave: bool,
    pub closing: bool,
    /// Some XSMP client has been asked.
    pub late_round: bool,
    pub ending: bool,
    pub backend: bool,
    /// Ending came of an imposed end, which can be called off.
    pub can_be_restored: bool,
    pub goes_down: bool,
    pub over: bool,
    pub overridden: BTreeSet<Identity>,
    /// What the rules say, of those of whom they say something.
    pub rules: BTreeMap<Identity, Rule>,
    pub hooks: Hooks,
    /// "End this one": stays beyond the request.
    pub alone: BTreeSet<Identity>,
    pub viewers: u8,
    pub locked: bool,
    /// What the news said blocks, and whether the user is shown it.
    pub blocked: BTreeSet<Blocker>,
    pub showing: bool,
    /// It is shown to be confirmed.
    pub showing_to_confirm: bool,
    /// It was hidden although what the user overrode has not gone: to be explained by the same
    /// input.
    pub hidden_early: bool,
    pub requester: BTreeSet<Identity>,
    pub spared: BTreeSet<Identity>,
    /// What is let go of with others, and those that are being closed.
    pub bundles: BTreeMap<Identity, BundleId>,
    pub closing_bundles: BTreeSet<BundleId>,
    /// Let go with their bundle.
    pub with_bundle: BTreeSet<Identity>,
    /// The user said no to one of a bundle, and the request has to end for it.
    pub refused_in_bundle: bool,
    /// Guests and the applications around them.
    pub hosts: BTreeMap<Identity, Identity>,
    /// Closed, told or signalled, and not yet certainly gone.
    pub touched: BTreeSet<Identity>,
    /// Nothing more can be done about these.
    pub killed: BTreeSet<Identity>,
    /// Touched by the input under way, with the group in which each was.
    pub batch: Vec<(Identity, u8)>,
}

/// An input of any kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    Event(Event),
    Request(Request),
    Choose(Choice),
    /// One deadline expires, whatever its time: what a search does.
    Expire(Deadline),
    /// What is due expires: what the manager does.
    Timeout,
}

impl Ghost {
    fn free(&self, of: &Identity) -> bool {
        self.forced
            || self.imposed
            || self.overridden.contains(of)
            || self.alone.contains(of)
            || self.rule(of).ignore
    }

    fn rule(&self, of: &Identity) -> Rule {
        self.rules.get(of).copied().unwrap_or_default()
    }

    /// Nothing may be done to it, whoever forces what.
    fn let_be(&self, of: &Identity) -> bool {
        self.rule(of).ignore && !self.alone.contains(of)
    }

    /// Every client that was asked has accepted, or was overridden.
    fn committed(&self) -> Result<(), String> {
        for (id, (of, asked)) in &self.voters {
            if (asked.is_awaited() || *asked == Asked::Refused) && !self.free(of) {
                return Err(format!("{id:?} of {of:?} is {asked:?}"));
            }
        }
        Ok(())
    }

    /// Everybody for whom being asked closes nothing has agreed, and nothing is held.
    fn early_ones_agree(&self) -> Result<(), String> {
        for (id, (of, asked)) in &self.voters {
            if !self.late.contains(id) && *asked != Asked::Yes && !self.free(of) {
                return Err(format!("{id:?} of {of:?} is {asked:?}"));
            }
        }
        match self.holds.values().find(|of| !self.free(of)) {
            Some(of) => Err(format!("{of:?} holds it")),
            None => Ok(()),
        }
    }

    /// Clients that count and stand where one of these says.
    fn standing(&self, at: &[Asked]) -> Option<VoterId> {
        self.voters
            .iter()
            .find(|(_, (of, asked))| at.contains(asked) && !self.free(of))
            .map(|(id, _)| *id)
    }

    /// Nobody waits for a turn that could be had.
    fn turns_are_taken(&self) -> Result<(), String> {
        let asked = self.under_way && !self.confirming && !self.ending && !self.imposed;
        let busy = self.standing(&[Asked::User]);
        if let Some(id) = self.standing(&[Asked::WantsUser]).filter(|_| asked)
            && busy.is_none()
        {
            return Err(format!("{id:?} waits for nobody to ask its user"));
        }
        let open = [Asked::Waiting, Asked::WantsUser, Asked::User];
        if let Some(id) = self.standing(&[Asked::WantsLast]).filter(|_| asked)
            && self.standing(&open).is_none()
        {
            return Err(format!("{id:?} waits for nobody to be asked last"));
        }
        Ok(())
    }

    fn holds_of(&self, of: &Identity) -> bool {
        self.holds.values().any(|o| o == of)
            || self
                .voters
                .values()
                .any(|(o, a)| o == of && *a == Asked::Refused)
    }

    /// What an input means by itself, before the coordinator has seen it.
    pub fn before(&mut self, op: &Op) {
        match op {
            Op::Event(Event::Registered {
                voter, of, round, ..
            }) => {
                if !self.voters.contains_key(voter) {
                    self.voters.insert(*voter, (of.clone(), Asked::No));
                    if *round >= Round::late(u16::MAX) {
                        self.late.insert(*voter);
                    } else {
                        self.late.remove(voter);
                    }
                }
            }
            Op::Event(Event::Unregistered(voter)) => {
                self.last.remove(voter);
                self.late_by.remove(voter);
                self.voters.remove(voter);
            }
            Op::Event(Event::WindowSeen { window, of, about }) => {
                let pane = Pane {
                    of: of.clone(),
                    unsaved: about.unsaved,
                };
                self.windows.insert(*window, pane);
            }
            Op::Event(Event::WindowGone(window)) => {
                self.windows.remove(window);
            }
            Op::Event(Event::Inhibited { inhibitor, of, .. }) => {
                self.holds.entry((0, inhibitor.0)).or_insert(of.clone());
            }
            Op::Event(Event::Uninhibited(i)) => {
                self.holds.remove(&(0, i.0));
            }
            Op::Event(Event::JobSeen { job, of, .. }) => {
                self.holds.insert((1, job.0), of.clone());
            }
            Op::Event(Event::JobGone(j)) => {
                self.holds.remove(&(1, j.0));
            }
            Op::Event(Event::Exited(of)) => {
                self.voters.retain(|_, (o, _)| o != of);
                self.last.retain(|v| self.voters.contains_key(v));
                self.late_by.retain(|v, _| self.voters.contains_key(v));
                self.windows.retain(|_, w| w.of != *of);
                self.holds.retain(|_, o| o != of);
                self.alone.remove(of);
                self.overridden.remove(of);
                self.spared.remove(of);
                self.touched.remove(of);
                self.killed.remove(of);
                self.rules.remove(of);
                self.hosts.remove(of);
                self.bundles.remove(of);
                self.with_bundle.remove(of);
            }
            Op::Event(Event::Bundled { of, bundle, .. }) => self.bundled(of, *bundle),
            Op::Event(Event::Unbundled(of)) => drop(self.bundles.remove(of)),
            Op::Event(Event::BundleEnded(bundle, end)) => self.bundle_ended(*bundle, end),
            Op::Event(Event::Ruled { of, rule }) => {
                let before = self.rule(of);
                self.rules.insert(of.clone(), *rule);
                self.rules.retain(|_, r| *r != Rule::default());
                if *rule != before && self.let_be(of) {
                    // Whatever was begun with it counts no more.
                    self.touched.remove(of);
                    self.killed.remove(of);
                    self.overridden.remove(of);
                }
            }
            Op::Event(Event::HooksEnded) if self.hooks == Hooks::Run => self.hooks = Hooks::Ended,
            Op::Event(Event::Answered(voter, answer)) => {
                if let Some((_, asked)) = self.voters.get_mut(voter)
                    && asked.is_open()
                {
                    // A yes may be owed to an earlier query; the notice tells (see `action`).
                    match (answer, *asked) {
                        (Answer::Refuse(_) | Answer::UserRefused(_), _) => *asked = Asked::Refused,
                        (Answer::AskingUser, _) => *asked = Asked::User,
                        (Answer::WantsUser, Asked::Waiting) => *asked = Asked::WantsUser,
                        (Answer::UserAnswered, Asked::User) => *asked = Asked::Waiting,
                        (Answer::WantsLast, Asked::Waiting) if !self.last.contains(voter) => {
                            *asked = Asked::WantsLast;
                        }
                        _ => {}
                    }
                    if *asked != Asked::Waiting || *answer == Answer::UserAnswered {
                        self.late_by.remove(voter);
                    }
                }
            }
            Op::Event(Event::Imposed(_)) if !self.over => {
                self.imposed = true;
                self.can_be_restored |= !self.ending;
                self.under_way = true;
                self.confirming = false;
                self.unpermitted = false;
                self.asks_leave = false;
            }
            Op::Event(Event::Authorized(kind, word)) => {
                let is_open = self.under_way && !self.confirming && !self.ending && !self.imposed;
                let revoked = is_open && word.is_err() && *kind != Kind::LogOff;
                if (self.asks_leave || revoked) && *kind == self.kind {
                    self.asks_leave = false;
                    self.unpermitted = word.is_err();
                    self.refused_leave = word.is_err();
                }
            }
            Op::Event(Event::GoesDown(_)) => self.goes_down |= self.backend,
            Op::Event(Event::Spared(of)) if self.is_remembered(of) => {
                self.spared.insert(of.clone());
                self.bundles.remove(of);
            }
            Op::Event(Event::Hosted { guest, host }) => self.hosted(guest, host),
            Op::Event(Event::ViewerCame) => self.viewers = self.viewers.saturating_add(1),
            Op::Event(Event::ViewerLeft) => self.viewers = self.viewers.saturating_sub(1),
            Op::Event(Event::Locked(on)) => self.locked = *on,
            Op::Event(_) => {}
            Op::Request(r) if !self.over => {
                if !self.under_way {
                    self.confirming = r.confirm;
                    self.kind = r.kind;
                    self.unpermitted = r.kind != Kind::LogOff;
                } else if !r.confirm {
                    self.confirming = false;
                }
                if r.kind > self.kind && !self.ending && !self.imposed {
                    self.kind = r.kind;
                    self.unpermitted = true;
                    self.asks_leave = false;
                }
                self.under_way = true;
                self.forced |= r.force == Force::Now;
                self.if_hung |= r.force == Force::IfHung;
                self.requester.extend(r.requester.iter().cloned());
            }
            Op::Choose(Choice::EndAll) if self.under_way && !self.confirming => self.forced = true,
            Op::Choose(Choice::EndOne(of)) if self.under_way && !self.confirming => {
                self.alone.insert(of.clone());
            }
            Op::Choose(Choice::Confirm) => self.confirming = false,
            Op::Expire(Deadline::ForceAfter) => {
                self.forced = true;
                self.confirming = false;
            }
            // Of no other client it matters, and each number more is a state more.
            Op::Expire(Deadline::Voter(v)) if self.late.contains(v) => {
                let times = self.late_by.entry(*v).or_default();
                *times = (*times + 1).min(2);
            }
            // Which of them passed, and how often, is not seen from here.
            Op::Timeout => self.late_by = self.voters.keys().map(|v| (*v, 2)).collect(),
            Op::Request(_) | Op::Choose(_) | Op::Expire(_) => {}
        }
    }

    /// A client has been asked, and is not late yet. Where several times have passed at once it may have
    /// become late within the same step, which is not seen from here.
    fn waits_anew(&mut self, op: &Op, v: VoterId) {
        if *op == Op::Timeout {
            self.late_by.insert(v, 2);
        } else {
            self.late_by.remove(&v);
        }
    }

    /// Checks one action against everything that must hold, and follows it.
    pub fn action(&mut self, op: &Op, action: &Action) -> Result<(), String> {
        let err = |what: &str| Err(format!("{what}: {action:?} after {op:?}"));
        self.in_order(action)
            .map_err(|why| format!("{why}: {action:?} after {op:?}"))?;
        self.bundles_in_order(op, action)
            .map_err(|why| format!("{why}: {action:?} after {op:?}"))?;
        match action {
            Action::Authorize(kind) => {
                if !self.unpermitted || self.confirming || *kind != self.kind || self.asks_leave {
                    return err("asked leave out of turn");
                }
                self.asks_leave = true;
            }
            Action::Notice(Notice::Phase(Phase::Asking)) if self.unpermitted => {
                return err("began before it was permitted");
            }
            Action::Query(v) => {
                if !self.under_way || self.confirming || self.imposed || self.ending {
                    return err("asked although nobody may be asked now");
                }
                let Some((of, asked)) = self.voters.get(v).cloned() else {
                    return err("asked a client that is not there");
                };
                if asked != Asked::No {
                    return err("asked twice");
                }
                if self.free(&of) {
                    return err("asked again after its consent was overridden");
                }
                if self.late.contains(v) && !self.closing && !self.late_round {
                    if let Err(why) = self.early_ones_agree() {
                        return err(&format!("an XSMP client asked too early ({why})"));
                    }
                    self.late_round = true;
                }
                self.last.remove(v);
                self.waits_anew(op, *v);
                self.voters.insert(*v, (of, Asked::Waiting));
            }
            Action::Interact(v) => {
                if self.standing(&[Asked::User]).is_some() {
                    return err("two dialogs at once");
                }
                match self.voters.get_mut(v) {
                    Some((_, asked)) if *asked == Asked::WantsUser => *asked = Asked::User,
                    _ => return err("let a client ask its user that did not want to"),
                }
            }
            Action::QueryAgain(v) => {
                let open = [Asked::Waiting, Asked::WantsUser, Asked::User];
                let others = self.voters.iter().any(|(id, (of, asked))| {
                    open.contains(asked) && !self.free(of) && !self.last.contains(id)
                });
                if others {
                    return err("asked for the last word before all others have answered");
                }
                self.waits_anew(op, *v);
                match self.voters.get_mut(v) {
                    Some((_, asked)) if *asked == Asked::WantsLast => *asked = Asked::Waiting,
                    _ => return err("asked a client again that did not want to be"),
                }
                if !self.last.insert(*v) {
                    return err("asked for the last word twice");
                }
            }
            Action::CancelQuery(v) => match self.voters.get_mut(v) {
                Some((_, asked)) if !matches!(asked, Asked::No | Asked::Told) => *asked = Asked::No,
                _ => return err("cancelled a query that is not open"),
            },
            Action::End { voter, forceful } => {
                let Some((of, asked)) = self.voters.get(voter).cloned() else {
                    return err("told a client that is not there");
                };
                if asked == Asked::Told {
                    return err("told twice");
                }
                if self.let_be(&of) {
                    return err("told although a rule says to ignore it");
                }
                if !self.free(&of) {
                    if let Err(why) = self.committed() {
                        return err(&format!("told before all have accepted ({why})"));
                    }
                    if !matches!(asked, Asked::Yes | Asked::Abstained) {
                        return err("told a client that has not accepted");
                    }
                    if *forceful {
                        return err("forceful without force");
                    }
                }
                self.voters.insert(*voter, (of, Asked::Told));
            }
            Action::Close(w) => {
                let Some(of) = self.windows.get(w).map(|w| w.of.clone()) else {
                    return err("closed a window that is not there");
                };
                if self.let_be(&of) {
                    return err("closed although a rule says to ignore it");
                }
                if !self.free(&of) {
                    if let Err(why) = self.committed() {
                        return err(&format!("closed before all have accepted ({why})"));
                    }
                    if !self.under_way || self.confirming {
                        return err("closed without a request");
                    }
                }
            }
            Action::Signal(of, _) if self.let_be(of) => {
                return err("signalled although a rule says to ignore it");
            }
            Action::Signal(of, _) if !self.free(of) => {
                let by_term = self.rule(of).end_by == EndBy::Term;
                let shows = self.windows.values().any(|w| w.of == *of);
                if self.holds_of(of) || (shows && !by_term) || self.committed().is_err() {
                    return err("signalled while it blocks");
                }
                if !self.under_way {
                    return err("signalled without a request");
                }
            }
            Action::RunHooks => {
                if !self.under_way || self.ending {
                    return err("a second end, or one without a request");
                }
                if let Err(why) = self.committed() {
                    return err(&format!("began to end before all have accepted ({why})"));
                }
                if self.unpermitted {
                    return err("began to end before it was permitted");
                }
                if let Some(of) = self.holds.values().find(|of| !self.free(of)) {
                    return err(&format!("began to end while {of:?} holds it"));
                }
                self.all_have_gone()
                    .map_err(|why| format!("began to end although {why} after {op:?}"))?;
                self.ending = true;
                self.hooks = Hooks::Run;
                self.hidden_early = false;
            }
            Action::EndHooks => {
                if self.hooks != Hooks::Run || !matches!(op, Op::Expire(_) | Op::Timeout) {
                    return err("ended hooks that do not run, or before their time");
                }
                self.hooks = Hooks::Ended;
            }
            Action::SignalRest(_) => {
                if !self.ending {
                    return err("ended the rest before the point of no return");
                }
                if self.hooks == Hooks::Run && !self.imposed {
                    return err("ended the rest while hooks run");
                }
            }
            Action::EndSession(kind) => {
                if !self.ending || self.backend || self.hooks == Hooks::Run {
                    return err("ended the session out of order");
                }
                if *kind != self.kind {
                    return err("ended the session as what was not asked for, or not permitted");
                }
                self.backend = true;
            }
            Action::Finished(outcome) => {
                if !self.under_way {
                    return err("a second outcome");
                }
                let open = self
                    .voters
                    .values()
                    .any(|(_, a)| !matches!(a, Asked::No | Asked::Told));
                match outcome {
                    Outcome::Over { .. } => {
                        if !self.backend {
                            return err("over before the backend was asked");
                        }
                        self.over = true;
                    }
                    Outcome::Failed { .. } | Outcome::Cancelled { .. } if open => {
                        return err("a client that was asked was not told that it is void");
                    }
                    Outcome::Cancelled { by, .. } if self.ending => {
                        let restored = *by == CancelledBy::Restored;
                        if !restored || !self.can_be_restored {
                            return err("cancelled from the point of no return");
                        }
                    }
                    Outcome::Failed { .. } if *op == Op::Event(Event::Restored) => {
                        if !self.goes_down {
                            return err("failed for an end that had not begun");
                        }
                    }
                    Outcome::Failed { .. } | Outcome::Cancelled { .. } => {}
                }
                if self.showing || !self.blocked.is_empty() {
                    return err("an outcome, and blockers are still shown");
                }
                // What was told before may be asked anew by the next request, but for XSMP: Die
                // is said once, and a survivor is known by its windows from then on.
                for (voter, (_, asked)) in &mut self.voters {
                    if !(*asked == Asked::Told && self.late.contains(voter)) {
                        *asked = Asked::No;
                    }
                }
                let keep = std::mem::take(self);
                // Who may be asked last is told anew by each query.
                *self = Self {
                    voters: keep.voters,
                    windows: keep.windows,
                    holds: keep.holds,
                    touched: &keep.touched & &keep.alone,
                    alone: keep.alone,
                    late: keep.late,
                    spared: keep.spared,
                    rules: keep.rules,
                    hosts: keep.hosts,
                    bundles: keep.bundles,
                    viewers: keep.viewers,
                    locked: keep.locked,
                    over: keep.over,
                    ..Self::default()
                };
            }
            Action::Notice(Notice::Overridden(of)) => {
                if !self.free(of) && !self.if_hung && !self.rule(of).end_anyway {
                    return err("overridden by nobody");
                }
                self.overridden.insert(of.clone());
            }
            Action::Notice(Notice::Answered(of, Answer::Accept)) => {
                if let Op::Event(Event::Answered(v, _)) = op
                    && let Some((o, asked)) = self.voters.get_mut(v)
                {
                    if o != of || !asked.is_open() {
                        return err("took an answer that was not asked for");
                    }
                    *asked = Asked::Yes;
                }
            }
            Action::Notice(Notice::Abstained(of)) => {
                if *op != Op::Event(Event::Pong(of.clone())) {
                    return err("abstained without a pong");
                }
                if !self.windows.values().any(|w| w.of == *of) {
                    return err("abstained without a window to ask by");
                }
                let mut some = false;
                for (id, (o, asked)) in &mut self.voters {
                    let silent = self.late_by.get(id) == Some(&2) && self.late.contains(id);
                    if o == of && *asked == Asked::Waiting && silent {
                        *asked = Asked::Abstained;
                        some = true;
                    }
                }
                if !some {
                    return err("abstained, and nobody was silent for long");
                }
            }
            Action::Notice(Notice::Blocked(b)) => {
                // Of two things due together, force may come second.
                if self.free(&b.of) && *op != Op::Timeout {
                    return err("blocked by what was overridden");
                }
                if !self.blocked.insert(b.clone()) {
                    return err("blocked twice");
                }
            }
            Action::Notice(Notice::Cleared(b)) if !self.blocked.remove(b) => {
                return err("cleared what did not block");
            }
            Action::Notice(Notice::Phase(Phase::Closing)) => self.closing = true,
            Action::Show(on) => {
                if *on == self.showing || !self.under_way {
                    return err("shown, or hidden, twice or for nothing");
                }
                self.showing = *on;
                let carried_out = self.forced && !self.imposed && !self.ending;
                self.hidden_early = !on && carried_out && !self.showing_to_confirm;
                self.showing_to_confirm = *on && self.confirming;
            }
            Action::Notice(Notice::Gone { of, .. }) => {
                self.alone.remove(of);
            }
            _ => {}
        }
        Ok(())
    }

    /// Checks what must hold between two inputs.
    pub fn at_rest(&mut self, c: &Coordinator) -> Result<(), String> {
        if c.phase().is_some() != self.under_way {
            return Err(format!(
                "a request ended without an outcome, or not at all: {:?}",
                c.phase()
            ));
        }
        if c.is_over() != self.over {
            return Err("over, and not over".to_owned());
        }
        if !self.under_way {
            // The ladder that "end this one" began ends with the application, or in vain.
            self.alone
                .retain(|of| c.deadlines().any(|d| *d == Deadline::App(of.clone())));
        }
        self.forget_the_gone();
        // What comes under that identity later is another application.
        self.rules.retain(|of, _| c.app(of).is_some());
        self.those_of_bundles_stand_again(c);
        let overridden = std::mem::take(&mut self.overridden);
        self.overridden = overridden
            .into_iter()
            .filter(|of| self.is_remembered(of))
            .collect();
        self.turns_are_taken()?;
        if self.refused_in_bundle {
            return Err("goes on although the user said no to one of a bundle".to_owned());
        }
        if self.refused_leave {
            return Err("goes on although it is not permitted".to_owned());
        }
        if self.unpermitted && self.under_way && !self.confirming && !self.asks_leave {
            return Err("waits for leave that nobody is asked for".to_owned());
        }
        if self.hidden_early {
            return Err("hidden while what the user overrode is still going".to_owned());
        }
        if self.showing && self.ending {
            return Err("shown from the point of no return".to_owned());
        }
        if self.showing != c.wants_to_be_shown() {
            return Err("to be shown, and not told so".to_owned());
        }
        let asking_user = self.voters.values().any(|(_, a)| *a == Asked::User);
        let shown = self.viewers > 0 && !self.locked;
        if self.under_way && c.poll_deadline().is_none() && !shown && !asking_user {
            return Err("waits without a deadline and shows it to nobody".to_owned());
        }
        if !c.blockers().eq(&self.blocked) {
            return Err("what blocks is not what the news said".to_owned());
        }
        let waits = self.confirming || !self.blocked.is_empty();
        let ends = |d: &Deadline| matches!(d, Deadline::Unshown | Deadline::ForceAfter);
        if waits && !shown && !c.deadlines().any(ends) {
            return Err("waits for the user without end, and shows it to nobody".to_owned());
        }
        Ok(())
    }
}

/// Gives one input to the coordinator and checks all that follows from it.
pub fn step(
    c: &mut Coordinator,
    ghost: &mut Ghost,
    now: Time,
    op: &Op,
) -> Result<Vec<Action>, String> {
    let answered_out_of_turn = match op {
        Op::Event(Event::Answered(v, _)) => !ghost.voters.get(v).is_some_and(|(_, a)| a.is_open()),
        _ => false,
    };
    let mut taken = true;
    match op {
        Op::Event(event) => c.handle_event(now, event.clone()),
        Op::Request(request) => {
            let refused = c.request(now, request.clone()).is_err();
            if refused != ghost.over {
                return Err("a request was refused, or taken after the end".to_owned());
            }
        }
        Op::Choose(choice) => {
            taken = c.choose(now, choice.clone()).is_ok();
        }
        Op::Expire(deadline) => c.expire_next(deadline),
        Op::Timeout => {
            let pends = |c: &Coordinator| c.deadlines().any(|d| *d == Deadline::ForceAfter);
            let before = pends(c);
            c.handle_timeout(now);
            if before && !pends(c) {
                ghost.before(&Op::Expire(Deadline::ForceAfter));
            }
        }
    }
    ghost.batch.clear();
    if taken {
        ghost.before(op);
    }
    let mut actions = Vec::new();
    while let Some(action) = c.poll_action() {
        if !taken {
            return Err(format!(
                "a choice that is not open did something: {action:?} after {op:?}"
            ));
        }
        ghost.action(op, &action)?;
        actions.push(action);
    }
    if answered_out_of_turn
        && let Some(a) = actions.iter().find(|a| {
            !matches!(
                a,
                Action::Notice(Notice::Cleared(_) | Notice::Blocked(_)) | Action::Show(_)
            )
        })
    {
        return Err(format!(
            "a late answer changed something: {a:?} after {op:?}"
        ));
    }
    ghost.at_rest(c)?;
    Ok(actions)
}

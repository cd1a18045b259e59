//! A ghost that follows what the coordinator does and knows what it must never do. It is built
//! from events and actions alone, never from the coordinator's own state.
#![allow(dead_code, missing_docs, unreachable_pub)]

use std::collections::{BTreeMap, BTreeSet};

use endsession_core::*;

/// What has passed between the coordinator and one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Asked {
    No,
    Waiting,
    User,
    Yes,
    Refused,
    Told,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ghost {
    pub voters: BTreeMap<VoterId, (Identity, Asked)>,
    /// Owner and whether it ends by SIGTERM.
    pub windows: BTreeMap<WindowId, (Identity, bool)>,
    pub holds: BTreeMap<(u8, u64), Identity>,
    pub under_way: bool,
    pub forced: bool,
    pub imposed: bool,
    pub if_hung: bool,
    pub confirming: bool,
    pub ending: bool,
    pub backend: bool,
    pub over: bool,
    pub overridden: BTreeSet<Identity>,
    /// "End this one": stays beyond the request.
    pub alone: BTreeSet<Identity>,
    pub viewers: u8,
    pub locked: bool,
    pub outcomes: u8,
}

/// An input of any kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    Event(Event),
    Request(Request),
    Choose(Choice),
    Expire(Deadline),
}

impl Ghost {
    fn free(&self, of: &Identity) -> bool {
        self.forced || self.imposed || self.overridden.contains(of) || self.alone.contains(of)
    }

    /// Every client that was asked has accepted, or was overridden.
    fn committed(&self) -> Result<(), String> {
        for (id, (of, asked)) in &self.voters {
            if matches!(asked, Asked::Waiting | Asked::User | Asked::Refused) && !self.free(of) {
                return Err(format!("{id:?} of {of:?} is {asked:?}"));
            }
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
            Op::Event(Event::Registered { voter, of, .. }) => {
                self.voters.entry(*voter).or_insert((of.clone(), Asked::No));
            }
            Op::Event(Event::Unregistered(voter)) => {
                self.voters.remove(voter);
            }
            Op::Event(Event::WindowSeen { window, of, about }) => {
                self.windows
                    .insert(*window, (of.clone(), about.ends_by_term));
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
                self.windows.retain(|_, (o, _)| o != of);
                self.holds.retain(|_, o| o != of);
                self.alone.remove(of);
                self.overridden.remove(of);
            }
            Op::Event(Event::Answered(voter, answer)) => {
                if let Some((_, asked)) = self.voters.get_mut(voter)
                    && matches!(asked, Asked::Waiting | Asked::User)
                {
                    // A yes may be owed to an earlier query; the notice tells (see `after`).
                    match answer {
                        Answer::Refuse(_) | Answer::UserRefused(_) => *asked = Asked::Refused,
                        Answer::AskingUser => *asked = Asked::User,
                        Answer::Accept => {}
                    }
                }
            }
            Op::Event(Event::Imposed(_)) if !self.over => {
                self.imposed = true;
                self.under_way = true;
                self.confirming = false;
            }
            Op::Event(Event::ViewerCame) => self.viewers += 1,
            Op::Event(Event::ViewerLeft) => self.viewers = self.viewers.saturating_sub(1),
            Op::Event(Event::Locked(on)) => self.locked = *on,
            Op::Event(_) => {}
            Op::Request(r) if !self.over => {
                if !self.under_way {
                    self.confirming = r.confirm;
                } else if !r.confirm {
                    self.confirming = false;
                }
                self.under_way = true;
                self.forced |= r.force == Force::Now;
                self.if_hung |= r.force == Force::IfHung;
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
            Op::Request(_) | Op::Choose(_) | Op::Expire(_) => {}
        }
    }

    /// Checks one action against everything that must hold, and follows it.
    pub fn action(&mut self, op: &Op, action: &Action) -> Result<(), String> {
        let err = |what: &str| Err(format!("{what}: {action:?} after {op:?}"));
        match action {
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
                self.voters.insert(*v, (of, Asked::Waiting));
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
                if !self.free(&of) {
                    if let Err(why) = self.committed() {
                        return err(&format!("told before all have accepted ({why})"));
                    }
                    if asked != Asked::Yes {
                        return err("told a client that has not accepted");
                    }
                    if *forceful {
                        return err("forceful without force");
                    }
                }
                self.voters.insert(*voter, (of, Asked::Told));
            }
            Action::Close(w) => {
                let Some((of, _)) = self.windows.get(w).cloned() else {
                    return err("closed a window that is not there");
                };
                if !self.free(&of) {
                    if let Err(why) = self.committed() {
                        return err(&format!("closed before all have accepted ({why})"));
                    }
                    if !self.under_way || self.confirming {
                        return err("closed without a request");
                    }
                }
            }
            Action::Signal(of, _) if !self.free(of) => {
                let by_term = self.windows.values().any(|(o, term)| o == of && *term);
                let shows = self.windows.values().any(|(o, _)| o == of);
                if self.holds_of(of) || (shows && !by_term) || self.committed().is_err() {
                    return err("signalled while it blocks");
                }
                if !self.under_way {
                    return err("signalled without a request");
                }
            }
            Action::SignalRest(_) => {
                if !self.under_way {
                    return err("ended the rest without a request");
                }
                if let Err(why) = self.committed() {
                    return err(&format!("ended the rest before all have accepted ({why})"));
                }
                // What is taken after the point of no return comes too late.
                if let Some(of) = self
                    .holds
                    .values()
                    .find(|of| !self.ending && !self.free(of))
                {
                    return err(&format!("ended the rest while {of:?} holds it"));
                }
                self.ending = true;
            }
            Action::EndSession(_) => {
                if !self.ending || self.backend {
                    return err("ended the session out of order");
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
                    Outcome::Cancelled { .. } if self.ending => {
                        return err("cancelled from the point of no return");
                    }
                    Outcome::Failed { .. } | Outcome::Cancelled { .. } if open => {
                        return err("a client that was asked was not told that it is void");
                    }
                    Outcome::Failed { .. } | Outcome::Cancelled { .. } => {}
                }
                // What was told before may be asked anew by the next request.
                for (_, asked) in self.voters.values_mut() {
                    *asked = Asked::No;
                }
                let keep = std::mem::take(self);
                *self = Self {
                    voters: keep.voters,
                    windows: keep.windows,
                    holds: keep.holds,
                    alone: keep.alone,
                    viewers: keep.viewers,
                    locked: keep.locked,
                    over: keep.over,
                    ..Self::default()
                };
            }
            Action::Notice(Notice::Overridden(of)) => {
                if !self.free(of) && !self.if_hung {
                    return err("overridden by nobody");
                }
                self.overridden.insert(of.clone());
            }
            Action::Notice(Notice::Answered(of, Answer::Accept)) => {
                if let Op::Event(Event::Answered(v, _)) = op
                    && let Some((o, asked)) = self.voters.get_mut(v)
                {
                    if o != of || !matches!(asked, Asked::Waiting | Asked::User) {
                        return err("took an answer that was not asked for");
                    }
                    *asked = Asked::Yes;
                }
            }
            Action::Notice(Notice::Blocked(b)) if self.free(&b.of) => {
                return err("blocked by what was overridden");
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
        let mut forgotten = Vec::new();
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
        for of in &self.overridden {
            let left = self.voters.values().any(|(o, _)| o == of)
                || self.windows.values().any(|(o, _)| o == of)
                || self.holds.values().any(|o| o == of);
            if !left {
                // What comes under that identity later is another application.
                forgotten.push(of.clone());
            }
        }
        for of in forgotten {
            self.overridden.remove(&of);
        }
        let asking_user = self.voters.values().any(|(_, a)| *a == Asked::User);
        let shown = self.viewers > 0 && !self.locked;
        if self.under_way && c.poll_deadline().is_none() && !shown && !asking_user {
            return Err("waits without a deadline and shows it to nobody".to_owned());
        }
        if !self.under_way && c.blockers().next().is_some() {
            return Err("blockers without a request".to_owned());
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
        Op::Event(Event::Answered(v, _)) => !ghost
            .voters
            .get(v)
            .is_some_and(|(_, a)| matches!(a, Asked::Waiting | Asked::User)),
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
    }
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

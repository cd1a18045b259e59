//! What the application has said about the end that is under way, and what Windows is to be answered. No call, no clock: whoever waits asks here after each
//! thing that happened.
//!
//! Windows asks one window at a time, but it may ask a second one, or the same again, while the first answer is awaited; it tells the end without having asked, and
//! the cancel in the middle of a question. Every order of that leads to one event for the application, and to an answer for each.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    Ending, What,
    backend::Command,
    hold::HoldId,
    query::Answer,
    shared::{Shared, Ticket},
    text,
};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Desk {
    /// Shown where the application gives no reason.
    name: String,
    round: Round,
    holds: BTreeMap<HoldId, (What, String)>,
    is_closed: bool,
}

/// How far one end has come.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Round {
    Quiet,
    /// The application has been asked.
    Open {
        ticket: Ticket,
        is_critical: bool,
        /// What it asks its user about.
        asking: Option<String>,
        /// It has not answered for so long that the user is to be told.
        is_late: bool,
    },
    /// It has answered, or its time has passed.
    Answered {
        ticket: Ticket,
        is_yes: bool,
        reason: Option<String>,
    },
    /// It has been told, and cleans up.
    Ending(Ticket),
    /// It is done.
    Over,
}

/// What a question leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// This is the answer.
    Say(bool),
    /// The application has to say.
    Wait(Ticket),
}

/// How a question stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The answer.
    Said(bool),
    /// None yet.
    Open {
        /// No answer would keep the session.
        is_critical: bool,
        /// The user is being asked.
        is_asking: bool,
    },
}

impl Desk {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            round: Round::Quiet,
            holds: BTreeMap::new(),
            is_closed: false,
        }
    }

    /// The application wants nothing more.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// What is held up, for those who hold it.
    pub(super) fn holds(&self) -> &BTreeMap<HoldId, (What, String)> {
        &self.holds
    }

    /// How the question `ticket` stands. One that was overtaken by the end has been answered with yes, one that was called off with no.
    pub(super) fn standing(&self, ticket: Ticket) -> Standing {
        match &self.round {
            Round::Open {
                ticket: open,
                is_critical,
                asking,
                ..
            } if *open == ticket => Standing::Open {
                is_critical: *is_critical,
                is_asking: asking.is_some(),
            },
            Round::Answered {
                ticket: answered,
                is_yes,
                ..
            } if *answered == ticket => Standing::Said(*is_yes),
            Round::Ending(_) | Round::Over => Standing::Said(true),
            _ => Standing::Said(self.is_closed),
        }
    }

    /// Whether the application has cleaned up after the end `ticket`.
    pub(super) fn is_over(&self, ticket: Ticket) -> bool {
        self.round != Round::Ending(ticket)
    }

    /// Why the session should not end now, for the user: what is being asked or was refused, else what is held. `None` where nothing keeps it.
    pub(super) fn reason(&self) -> Option<String> {
        if self.is_closed {
            return None;
        }
        let own = match &self.round {
            Round::Open {
                asking, is_late, ..
            } => asking.clone().or_else(|| is_late.then(String::new)),
            Round::Answered {
                is_yes: false,
                reason,
                ..
            } => reason.clone(),
            Round::Quiet | Round::Answered { .. } => None,
            Round::Ending(_) | Round::Over => return None,
        };
        let reason = match own {
            Some(reason) if !reason.is_empty() => reason,
            own => {
                let held: Vec<_> = self.holding().filter(|reason| !reason.is_empty()).collect();
                if own.is_none() && !self.is_holding() {
                    return None;
                }
                text::cut(&held.join("; "), text::MAX_REASON).to_owned()
            }
        };
        Some(if reason.is_empty() {
            self.name.clone()
        } else {
            reason
        })
    }

    fn holding(&self) -> impl Iterator<Item = &str> {
        let holds = self.holds.values();
        holds
            .filter(|(what, _)| what.contains(What::LOG_OFF))
            .map(|(_, reason)| reason.as_str())
    }

    fn is_holding(&self) -> bool {
        self.holding().next().is_some()
    }

    /// `WM_QUERYENDSESSION`.
    pub(super) fn query(&mut self, shared: &Arc<Shared>, ending: Ending) -> Step {
        if self.is_closed {
            return Step::Say(true);
        }
        match &mut self.round {
            // Another window, or somebody else's end: there is one question, and its answer is for all.
            Round::Open {
                ticket,
                is_critical,
                asking,
                ..
            } => {
                *is_critical |= ending.is_critical();
                match asking {
                    Some(_) if !*is_critical => Step::Say(false),
                    _ => Step::Wait(*ticket),
                }
            }
            Round::Ending(_) => Step::Say(true),
            // An answer counts for the question that it was given to. That of an earlier end is none to this one.
            Round::Quiet | Round::Answered { .. } | Round::Over => {
                let ticket = shared.query(ending);
                self.round = Round::Open {
                    ticket,
                    is_critical: ending.is_critical(),
                    asking: None,
                    is_late: false,
                };
                Step::Wait(ticket)
            }
        }
    }

    /// `WM_ENDSESSION` with TRUE. Gives what to wait for; `None` where nobody is left who cleans up.
    pub(super) fn end(&mut self, shared: &Arc<Shared>, ending: Ending) -> Option<Ticket> {
        if self.is_closed {
            return None;
        }
        if let Round::Ending(ticket) = self.round {
            return Some(ticket);
        }
        let ticket = shared.end(ending);
        self.round = Round::Ending(ticket);
        Some(ticket)
    }

    /// `WM_ENDSESSION` with FALSE.
    pub(super) fn cancelled(&mut self, shared: &Arc<Shared>) {
        self.round = Round::Quiet;
        if !self.is_closed {
            shared.cancelled();
        }
    }

    /// The user has to be told of a question that is open still.
    pub(super) fn late(&mut self, of: Ticket) {
        if let Round::Open {
            ticket, is_late, ..
        } = &mut self.round
            && *ticket == of
        {
            *is_late = true;
        }
    }

    /// The application's time to answer `of` has passed. It may say so still: then its reason counts from there on.
    pub(super) fn expire(&mut self, of: Ticket) {
        if let Round::Open {
            ticket,
            is_critical,
            ..
        } = self.round
            && ticket == of
        {
            self.round = Round::Answered {
                ticket,
                is_yes: is_critical,
                reason: Some(String::new()),
            };
        }
    }

    /// The application's loop ends, which is an answer: who goes does not mind.
    pub(super) fn leave(&mut self, of: Ticket) {
        match self.round {
            Round::Open { ticket, .. } if ticket == of => {
                self.round = Round::Answered {
                    ticket,
                    is_yes: true,
                    reason: None,
                };
            }
            _ => {}
        }
    }

    /// The application's time to clean up has passed.
    pub(super) fn give_up(&mut self, of: Ticket) {
        if self.round == Round::Ending(of) {
            self.round = Round::Over;
        }
    }

    /// What the application says.
    pub(super) fn take(&mut self, command: Command) {
        match command {
            Command::Answer(ticket, answer) => self.answer(ticket, answer),
            Command::Ended(ticket) => self.give_up(ticket),
            Command::Hold { id, what, reason } => {
                self.holds.insert(id, (what, reason));
            }
            Command::Reason { id, reason } => {
                if let Some(hold) = self.holds.get_mut(&id) {
                    hold.1 = reason;
                }
            }
            Command::Release(id) => {
                self.holds.remove(&id);
            }
            Command::Close => {
                self.is_closed = true;
                self.holds.clear();
                self.round = Round::Quiet;
            }
        }
    }

    fn answer(&mut self, to: Ticket, answer: Answer) {
        let is_holding = self.is_holding();
        match &mut self.round {
            Round::Open {
                ticket,
                is_critical,
                asking,
                ..
            } if *ticket == to => match answer {
                Answer::AskingUser { reason } => *asking = Some(reason),
                Answer::Accept => {
                    self.round = Round::Answered {
                        ticket: to,
                        // A hold holds, whatever is agreed to beside it.
                        is_yes: *is_critical || !is_holding,
                        reason: None,
                    };
                }
                Answer::Refuse { reason, .. } => {
                    self.round = Round::Answered {
                        ticket: to,
                        is_yes: *is_critical,
                        reason: Some(reason),
                    };
                }
            },
            // After its time: what Windows was told stands, what the user is shown follows.
            Round::Answered {
                ticket,
                reason: shown,
                ..
            } if *ticket == to => {
                *shown = match answer {
                    Answer::Accept => None,
                    Answer::Refuse { reason, .. } | Answer::AskingUser { reason } => Some(reason),
                };
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;

//! One application as the coordinator knows it: everything that leads to one identity.

use std::collections::BTreeMap;

use crate::action::{Blocker, Why};
use crate::event::{Round, Window};
use crate::id::{BundleId, Identity, InhibitorId, JobId, VoterId, WindowId};
use crate::rule::{EndBy, Rule};

/// How long a client that was asked has been silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Silence {
    /// Within what is usual.
    Fresh,
    /// Long enough to show.
    Slow,
    /// So long that, with no answer to a ping, it is not responding.
    Silent,
}

/// Where a client stands in the vote.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Vote {
    /// Not asked.
    Idle,
    /// Asked, no answer yet.
    Asked(Silence),
    /// It wants to ask the user and waits for its turn; no deadline runs.
    WantsUser,
    /// It is asking the user; no deadline runs.
    AskingUser,
    /// It wants to be asked once more when all others have answered; no deadline runs.
    WantsLast,
    /// It never answered, though its windows answer pings: it counts as one that cannot vote, and
    /// is asked by closing its windows.
    Abstained,
    /// Yes.
    Accepted,
    /// No, and why.
    Refused(String),
    /// Told to end; its point of no return.
    Told,
}

/// A registered client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Voter {
    pub(crate) round: Round,
    pub(crate) vote: Vote,
    /// Answers still owed to queries that were cancelled before they were answered. The protocols
    /// number no query, so a yes that pays such a debt must not count for the next one.
    pub(crate) owed: u8,
    /// It has been asked for its last word: that can be wanted once.
    pub(crate) last: bool,
}

impl Voter {
    pub(crate) fn new(round: Round) -> Self {
        Self {
            round,
            vote: Vote::Idle,
            owed: 0,
            last: false,
        }
    }

    /// It has been asked and has not answered: what it says now counts.
    pub(crate) fn is_open(&self) -> bool {
        self.is_awaited() || self.vote == Vote::Abstained
    }

    /// It has been asked, and its answer is waited for.
    pub(crate) fn is_awaited(&self) -> bool {
        matches!(
            self.vote,
            Vote::Asked(_) | Vote::WantsUser | Vote::AskingUser | Vote::WantsLast
        )
    }
}

/// More debts than this are not remembered: a client that never pays would be silent for ever.
pub(crate) const MAX_OWED: u8 = 2;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Win {
    pub(crate) about: Window,
    /// It opened after the application was closed or told: a save dialog, most likely.
    pub(crate) after: bool,
}

/// Whether the application handles events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Responds {
    /// Nothing speaks against it.
    Yes,
    /// A ping is on its way.
    Pinged,
    /// The ping was not answered in time.
    No,
    /// The process is stopped.
    Stopped,
}

/// Where an application stands on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Going {
    /// Untouched.
    No,
    /// Closed or told, within the usual time.
    Polite,
    /// Its bundle is being closed, one after the other, and its turn may not have come.
    Bundle {
        /// How often it was asked since whether it handles events.
        pings: u8,
    },
    /// Closed or told, and still showing a window: a blocker.
    Stays,
    /// Its windows have gone, its process has not: "still saving".
    Empty,
    /// To be ended whatever it says; the time before SIGTERM.
    Grace,
    /// SIGTERM was sent.
    Term,
    /// SIGKILL was sent.
    Kill,
    /// Nothing more can be done about it.
    GaveUp,
}

/// One application.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct App {
    pub(crate) name: String,
    pub(crate) voters: BTreeMap<VoterId, Voter>,
    pub(crate) windows: BTreeMap<WindowId, Win>,
    pub(crate) inhibitors: BTreeMap<InhibitorId, String>,
    pub(crate) jobs: BTreeMap<JobId, String>,
    pub(crate) host: Option<Identity>,
    /// It is let go with others, and there as long as its process is.
    pub(crate) bundle: Option<BundleId>,
    pub(crate) spared: bool,
    pub(crate) responds: Responds,
    pub(crate) rule: Rule,
    pub(crate) overridden: bool,
    /// A rule of the user's overrode it.
    pub(crate) by_rule: bool,
    /// "End this one" was chosen: its ladder runs whatever becomes of the request.
    pub(crate) alone: bool,
    pub(crate) going: Going,
    /// An XSMP client of it left after it was asked: when its windows are gone too, it has gone.
    pub(crate) left: bool,
}

impl App {
    pub(crate) fn new() -> Self {
        Self {
            name: String::new(),
            voters: BTreeMap::new(),
            windows: BTreeMap::new(),
            inhibitors: BTreeMap::new(),
            jobs: BTreeMap::new(),
            host: None,
            bundle: None,
            spared: false,
            responds: Responds::Yes,
            rule: Rule::default(),
            overridden: false,
            by_rule: false,
            alone: false,
            going: Going::No,
            left: false,
        }
    }

    /// Forgets what a request did to it: the next one asks it like everybody else.
    pub(crate) fn reset(&mut self) {
        self.alone = false;
        self.going = Going::No;
        self.left = false;
        self.overridden = false;
        self.by_rule = false;
        self.responds = Responds::Yes;
        for window in self.windows.values_mut() {
            window.after = false;
        }
    }

    /// Every query of this application that is open or answered, and not yet acted upon, is void.
    pub(crate) fn void_queries(&mut self) -> Vec<VoterId> {
        let mut void = Vec::new();
        for (id, voter) in &mut self.voters {
            match voter.vote {
                Vote::Idle | Vote::Told => continue,
                Vote::Asked(_)
                | Vote::WantsUser
                | Vote::AskingUser
                | Vote::WantsLast
                | Vote::Abstained => {
                    voter.owed = (voter.owed + 1).min(MAX_OWED);
                }
                Vote::Accepted | Vote::Refused(_) => {}
            }
            voter.vote = Vote::Idle;
            void.push(*id);
        }
        void
    }

    /// It has been asked and takes longer than is usual.
    pub(crate) fn is_slow(&self) -> bool {
        self.voters
            .values()
            .any(|v| matches!(v.vote, Vote::Asked(Silence::Slow | Silence::Silent)))
    }

    /// Nothing leads to it any more.
    pub(crate) fn is_bare(&self) -> bool {
        self.shows_nothing() && self.inhibitors.is_empty() && self.jobs.is_empty()
    }

    /// Neither a window nor a client, and no part of a bundle: nothing to close or tell.
    pub(crate) fn shows_nothing(&self) -> bool {
        self.windows.is_empty() && self.voters.is_empty() && self.bundle.is_none()
    }

    /// A window opened since it was closed or told: most likely it asks its user.
    pub(crate) fn answers_with_a_window(&self) -> bool {
        self.windows.values().any(|w| w.after)
    }

    /// Some client of it can still be told to end.
    pub(crate) fn can_be_told(&self) -> bool {
        self.voters.values().any(|v| v.vote != Vote::Told)
    }

    /// Some client of it never answered, and it has windows to ask by.
    pub(crate) fn is_asked_by_windows(&self) -> bool {
        !self.windows.is_empty() && self.voters.values().any(|v| v.vote == Vote::Abstained)
    }

    pub(crate) fn ends_by_term(&self) -> bool {
        self.rule.end_by == EndBy::Term
    }

    /// A rule says to ignore it, and the user has not chosen to end it.
    pub(crate) fn is_let_be(&self) -> bool {
        self.rule.ignore && !self.alone
    }

    pub(crate) fn looks_unsaved(&self) -> bool {
        self.windows.values().any(|w| w.about.unsaved)
    }

    pub(crate) fn hung(&self) -> bool {
        matches!(self.responds, Responds::No | Responds::Stopped)
    }

    /// It was closed or told, and Closing waits for it. Windows of the requester that stay never
    /// count against its request.
    pub(crate) fn is_leaving(&self, requester: bool) -> bool {
        match self.going {
            Going::No | Going::GaveUp => false,
            Going::Stays => !requester,
            _ => true,
        }
    }

    /// Votes and holds that speak against ending it, whatever its windows do.
    pub(crate) fn objects(&self) -> bool {
        !self.inhibitors.is_empty()
            || !self.jobs.is_empty()
            || self
                .voters
                .values()
                .any(|v| matches!(v.vote, Vote::Refused(_)))
    }

    /// Everything of it that blocks, unless it has been overridden.
    pub(crate) fn blockers(&self, of: &Identity, windows_count: bool) -> Vec<Blocker> {
        let mut all = Vec::new();
        for (id, voter) in &self.voters {
            if let Vote::Refused(reason) = &voter.vote {
                all.push(Why::Refused(*id, reason.clone()));
            }
        }
        let silent = self.voters.values().any(|v| match v.vote {
            Vote::Asked(Silence::Silent) => self.hung(),
            Vote::Asked(_) => self.responds == Responds::Stopped,
            _ => false,
        });
        if silent {
            all.push(Why::NotResponding);
        }
        all.extend(
            self.inhibitors
                .iter()
                .map(|(id, r)| Why::Inhibitor(*id, r.clone())),
        );
        all.extend(
            self.jobs
                .iter()
                .map(|(id, what)| Why::Job(*id, what.clone())),
        );
        if self.going == Going::Stays
            && windows_count
            && let Some(w) = self.window_to_answer()
        {
            let title = self.windows[&w].about.title.clone();
            all.push(Why::Window {
                title,
                hung: self.hung(),
            });
        }
        if self.going == Going::Stays && windows_count && self.windows.is_empty() {
            // Of a bundle, and it shows nothing that could be answered.
            all.push(Why::NotResponding);
        }
        all.into_iter()
            .map(|why| Blocker {
                of: of.clone(),
                name: self.name.clone(),
                why,
            })
            .collect()
    }

    /// The window that the user most likely has to answer: a dialog that opened after the close,
    /// any window that did, any dialog, any window.
    pub(crate) fn window_to_answer(&self) -> Option<WindowId> {
        self.windows
            .iter()
            .max_by_key(|(id, w)| (w.after && w.about.dialog, w.after, w.about.dialog, **id))
            .map(|(id, _)| *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_to_answer_is_the_dialog_that_opened_after_the_close() {
        let mut app = App::new();
        let mut show = |id, dialog, after| {
            let about = Window {
                dialog,
                ..Window::default()
            };
            app.windows.insert(WindowId(id), Win { about, after });
            app.window_to_answer()
        };
        assert_eq!(show(2, false, false), Some(WindowId(2)));
        // Of equals, the last to open is in front.
        assert_eq!(show(5, false, false), Some(WindowId(5)));
        assert_eq!(show(3, true, false), Some(WindowId(3)));
        assert_eq!(show(4, false, true), Some(WindowId(4)));
        assert_eq!(show(1, true, true), Some(WindowId(1)));
    }
}

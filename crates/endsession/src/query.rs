//! A question whether the session may end, and the application's answers.

use std::sync::Arc;

use crate::{
    Ending,
    shared::{Shared, Ticket},
    text,
};

/// How a query is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The session may end, for all that this application minds.
    Accept,
    /// It may not.
    Refuse {
        reason: String,
        /// Whether the user said so, asked by the application. Where the platform can tell the difference, that cancels the end.
        by_user: bool,
    },
    /// The user is being asked; the reason is what is shown meanwhile.
    AskingUser { reason: String },
}

/// The session is to end: may it?
///
/// Answer soon: within 1 s under GNOME, 5 s on Windows. Whoever has to ask its user first says so with [`ask_user`](Self::ask_user). Nothing is to be
/// closed or thrown away yet: others may refuse, and then everything goes on. Dropped without an answer, it accepts, and a warning is logged: an
/// application that loses a query must not hold up its user's log-off for ever.
#[must_use = "a query wants an answer; dropping it accepts"]
#[derive(Debug)]
pub struct Query {
    asked: Asked,
}

/// A query whose user is being asked. Made by [`Query::ask_user`].
///
/// Dropped without an answer it refuses, with the reason that it was made with: a question that was closed has not been answered with yes.
#[must_use = "the session waits for the user's answer; dropping it refuses"]
#[derive(Debug)]
pub struct AskingUser {
    asked: Asked,
    reason: String,
}

/// What both have.
#[derive(Debug)]
struct Asked {
    shared: Arc<Shared>,
    ticket: Ticket,
    ending: Ending,
    is_answered: bool,
}

impl Asked {
    fn answer(&mut self, answer: Answer) {
        self.is_answered = !matches!(answer, Answer::AskingUser { .. });
        self.shared.answer(self.ticket, answer);
    }
}

impl Query {
    pub(crate) fn new(shared: Arc<Shared>, ticket: Ticket, ending: Ending) -> Self {
        let asked = Asked {
            shared,
            ticket,
            ending,
            is_answered: false,
        };
        Self { asked }
    }

    /// What is to end.
    #[must_use]
    pub fn ending(&self) -> Ending {
        self.asked.ending
    }

    /// Whether it is over: called off, or its time has passed. An answer changes nothing any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        !self.asked.shared.is_open(self.asked.ticket)
    }

    /// Yes, for all that this application minds. `TRUE` to `WM_QUERYENDSESSION`.
    pub fn accept(mut self) {
        self.asked.answer(Answer::Accept);
    }

    /// No. The user sees `reason` where the platform shows one, and may end the session all the same. Cut at [`MAX_REASON`](crate::MAX_REASON).
    ///
    /// Hold instead ([`Client::hold`](crate::Client::hold)) what is known beforehand and ends by itself: then the session ends when it has ended.
    pub fn refuse(mut self, reason: impl AsRef<str>) {
        self.asked.answer(Answer::Refuse {
            reason: text::reason(reason.as_ref()),
            by_user: false,
        });
    }

    /// The application asks its user, with a dialog of its own; `reason` says what about, for all who wait. Where the platform can, the deadline
    /// stops, and a [`refuse`](AskingUser::refuse) is then the user's own no, which calls the end off
    /// ([`Support::waits_for_user`](crate::Support::waits_for_user)). Windows cannot: there `reason` is registered
    /// ([ShutdownBlockReasonCreate](https://learn.microsoft.com/en-us/windows/win32/api/winuser/nf-winuser-shutdownblockreasoncreate)),
    /// so that the user sees what the system waits for.
    ///
    /// Close the dialog when [`Event::Cancelled`](crate::Event::Cancelled) comes, or keep it as any save dialog; the answer is not needed any more.
    pub fn ask_user(mut self, reason: impl AsRef<str>) -> AskingUser {
        let reason = text::reason(reason.as_ref());
        self.asked.answer(Answer::AskingUser {
            reason: reason.clone(),
        });
        // This value is spent, though the query is not: the other one drops into the answer now.
        self.asked.is_answered = true;
        let asked = Asked {
            shared: Arc::clone(&self.asked.shared),
            ticket: self.asked.ticket,
            ending: self.asked.ending,
            is_answered: false,
        };
        AskingUser { asked, reason }
    }
}

impl AskingUser {
    /// What is to end.
    #[must_use]
    pub fn ending(&self) -> Ending {
        self.asked.ending
    }

    /// Whether it is over: called off, or its time has passed. An answer changes nothing any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        !self.asked.shared.is_open(self.asked.ticket)
    }

    /// The user said yes, and what was to be saved is saved.
    pub fn accept(mut self) {
        self.asked.answer(Answer::Accept);
    }

    /// The user said no.
    pub fn refuse(mut self, reason: impl AsRef<str>) {
        self.asked.answer(Answer::Refuse {
            reason: text::reason(reason.as_ref()),
            by_user: true,
        });
    }
}

impl Drop for Query {
    fn drop(&mut self) {
        if self.asked.is_answered {
            return;
        }
        if !self.is_over() {
            tracing::warn!("a query was dropped without an answer; it is accepted");
        }
        self.asked.answer(Answer::Accept);
    }
}

impl Drop for AskingUser {
    fn drop(&mut self) {
        if self.asked.is_answered {
            return;
        }
        if !self.is_over() {
            tracing::warn!("a question to the user was dropped without an answer; it is refused");
        }
        let reason = std::mem::take(&mut self.reason);
        self.asked.answer(Answer::Refuse {
            reason,
            by_user: true,
        });
    }
}

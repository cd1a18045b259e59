//! What the manager tells becomes what the dialog shows: first its whole status, then every change.
//! Pure.

use endsession_dialog::content::{Holds, Kind, Phase, Request, Row};
use endsession_manager::report::{BlockerInfo, News, Status, Who};

/// A request, as far as it has been told.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    id: u32,
    request: Request,
}

/// What a piece of news changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing that is seen.
    Nothing,
    /// What is seen.
    Content,
    /// The user asked for it once more.
    Attention,
    /// Nobody is needed any more.
    Over,
}

impl Model {
    /// The request that is under way and can still be answered.
    pub(super) fn of(status: &Status) -> Option<Self> {
        let request = status.request.as_ref()?;
        let mut model = Self {
            id: request.id,
            request: Request {
                kind: kind(&request.kind),
                phase: phase(&request.phase)?,
                reason: request.reason.clone(),
                closed: request.gone.len(),
                total: request.gone.len() + status.applications.len(),
                ..Request::default()
            },
        };
        for b in &status.blockers {
            model.blocked(b, 0);
        }
        for app in &status.applications {
            let who = Who {
                id: app.id.clone(),
                name: app.name.clone(),
                pid: app.pid,
                ..Who::default()
            };
            if app.votes.iter().any(|v| v == "asking-user") {
                model.waits(&who, Holds::AsksUser, 0);
            }
        }
        for row in &mut model.request.rows {
            let app = status.applications.iter().find(|a| a.id == row.app);
            row.can_show = app.is_some_and(|a| !a.windows.is_empty());
        }
        Some(model)
    }

    /// Its number, for `Choose`.
    pub(super) fn id(&self) -> u32 {
        self.id
    }

    /// What is to be shown.
    pub(super) fn content(&self) -> Request {
        self.request.clone()
    }

    /// Takes in what has happened at `now`.
    pub(super) fn news(&mut self, news: &News, now: i64) -> Change {
        match news {
            News::Phase { request, .. } if *request != self.id => return Change::Over,
            News::Phase { phase: name, .. } => match phase(name) {
                Some(phase) => {
                    self.request.phase = phase;
                    self.request.rows.retain(|r| !is_waiting(r.holds));
                }
                None => return Change::Over,
            },
            News::Finished(_) => return Change::Over,
            News::Blocked(b) => self.blocked(b, now),
            News::Cleared(b) => {
                let key = (
                    b.id.as_str(),
                    holds(&b.kind),
                    b.reason.as_str(),
                    b.responding,
                );
                self.request
                    .rows
                    .retain(|r| (r.app.as_str(), r.holds, r.reason.as_str(), r.responding) != key);
            }
            News::Slow(who) => self.waits(who, Holds::Slow, now),
            News::Answered { who, answer, .. } => {
                self.no_longer_waits(who);
                if answer == "asking-user" {
                    self.waits(who, Holds::AsksUser, now);
                }
            }
            News::Abstained(who) | News::Overridden(who) => self.no_longer_waits(who),
            News::Gone(who) => {
                self.no_longer_waits(who);
                self.request.closed += 1;
                self.request.total = self.request.total.max(self.request.closed);
            }
            News::Asked(_) | News::Closing(_) | News::Signalled { .. } => return Change::Nothing,
        }
        Change::Content
    }

    fn blocked(&mut self, b: &BlockerInfo, now: i64) {
        let row = Row {
            app: b.id.clone(),
            name: b.name.clone(),
            pid: b.pid,
            holds: holds(&b.kind),
            reason: b.reason.clone(),
            responding: b.responding,
            can_show: true,
            since: now.saturating_sub(i64::try_from(b.waiting_ms).unwrap_or(i64::MAX)),
        };
        let same = |r: &Row| {
            (&r.app, r.holds, &r.reason, r.responding)
                == (&row.app, row.holds, &row.reason, row.responding)
        };
        // What the status told, the events tell once more.
        if !self.request.rows.iter().any(same) {
            self.request.rows.push(row);
        }
    }

    fn waits(&mut self, who: &Who, holds: Holds, now: i64) {
        self.no_longer_waits(who);
        self.request.rows.push(Row {
            app: who.id.clone(),
            name: who.name.clone(),
            pid: who.pid,
            holds,
            responding: true,
            can_show: true,
            since: now,
            ..Row::default()
        });
    }

    fn no_longer_waits(&mut self, who: &Who) {
        self.request
            .rows
            .retain(|r| r.app != who.id || !is_waiting(r.holds));
    }
}

/// Rows that are no blockers.
fn is_waiting(holds: Holds) -> bool {
    matches!(holds, Holds::Slow | Holds::AsksUser)
}

fn kind(name: &str) -> Kind {
    match name {
        "restart" => Kind::Restart,
        "poweroff" => Kind::PowerOff,
        _ => Kind::LogOff,
    }
}

/// `None`: nothing can be chosen any more.
fn phase(name: &str) -> Option<Phase> {
    match name {
        "confirming" => Some(Phase::Confirming),
        "asking" => Some(Phase::Asking),
        "closing" => Some(Phase::Closing),
        _ => None,
    }
}

fn holds(kind: &str) -> Holds {
    match kind {
        "inhibitor" => Holds::Inhibitor,
        "job" => Holds::Job,
        "window" => Holds::Window,
        "not-responding" => Holds::NotResponding,
        "asks-user" => Holds::WantsUser,
        _ => Holds::Refusal,
    }
}

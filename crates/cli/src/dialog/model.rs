//! What the manager tells becomes what the dialog shows: first its whole status, then every change.
//! Pure.

use endsession_dialog::content::{Holds, Kind, Phase, Request, Row};
use endsession_manager::report::{BlockerInfo, News, Status, Survivor, Who};

use crate::show;

/// A request, as far as it has been told.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    id: u32,
    request: Request,
}

/// What a piece of news changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing that is seen.
    Nothing,
    /// What is seen.
    Content,
    /// The user asked for it once more.
    Attention,
    /// Somebody chose to show this application, and is to see it.
    Elsewhere(String),
    /// More than it tells: the whole status is to be read again.
    Unclear,
    /// Nobody is needed any more.
    Over,
}

impl Model {
    /// The request that is under way, is to be shown and can still be answered, as it is at `now`.
    pub(super) fn of(status: &Status, now: i64) -> Option<Self> {
        let request = status.request.as_ref().filter(|r| r.show)?;
        let mut model = Self {
            id: request.id,
            request: Request {
                kind: kind(&request.kind),
                phase: phase(&request.phase)?,
                reason: request.reason.clone(),
                closed: request.gone.len(),
                total: request.gone.len() + request.to_go,
                forced: request.forced,
                survivors: status.survivors.iter().map(survivor).collect(),
                ..Request::default()
            },
        };
        for b in status.blockers.iter().chain(&status.waits) {
            model.blocked(b, now);
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
            News::Finished(_) | News::Show { on: false, .. } => return Change::Over,
            News::Joined { kind: name, .. } => {
                self.request.kind = kind(name);
                return Change::Attention;
            }
            News::Activated(who) => return Change::Elsewhere(who.id.clone()),
            // Whether it has a window to show is in the status.
            News::Blocked(b) => {
                self.blocked(b, now);
                return Change::Unclear;
            }
            News::Cleared(b) => {
                let reason = reason(b);
                let key = (b.id.as_str(), holds(&b.kind), reason.as_str(), b.responding);
                self.request
                    .rows
                    .retain(|r| (r.app.as_str(), r.holds, r.reason.as_str(), r.responding) != key);
                // It may have another of the same kind with the same reason.
                return Change::Unclear;
            }
            News::Slow(who) => {
                self.waits(who, Holds::Slow, now);
                return Change::Unclear;
            }
            News::Answered { who, answer, .. } => {
                self.no_longer_waits(who);
                if answer == "asking-user" {
                    self.waits(who, Holds::AsksUser, now);
                    return Change::Unclear;
                }
            }
            News::Abstained(who) => self.no_longer_waits(who),
            // What outlived the session a moment ago may not any more.
            News::Survives(_) => return Change::Unclear,
            // It may have been one, or all.
            News::Overridden { .. } => return Change::Unclear,
            News::Gone(who) => {
                self.no_longer_waits(who);
                self.request.rows.retain(|r| r.app != who.id);
                // A status that is newer than this has counted it already.
                return Change::Unclear;
            }
            News::Asked(_)
            | News::Held(_)
            | News::Released(_)
            | News::Closing(_)
            | News::Signalled { .. }
            | News::Show { on: true, .. } => return Change::Nothing,
        }
        Change::Content
    }

    fn blocked(&mut self, b: &BlockerInfo, now: i64) {
        let row = Row {
            app: b.id.clone(),
            name: b.name.clone(),
            pid: b.pid,
            holds: holds(&b.kind),
            reason: reason(b),
            responding: b.responding,
            can_show: false,
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
            can_show: false,
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

/// Why it blocks. Of a job also for how long it has run; that is as old as the last news or status.
fn reason(b: &BlockerInfo) -> String {
    let minute = 60_000;
    if b.kind == "job" && b.running_ms >= minute {
        format!("{}, {}", b.reason, show::duration(b.running_ms))
    } else {
        b.reason.clone()
    }
}

/// Work that outlives the session, and where it runs.
fn survivor(s: &Survivor) -> String {
    format!("{}: {}", s.name, s.what)
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
        "imposed" => Some(Phase::Imposed),
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
        "slow" => Holds::Slow,
        "asking-user" => Holds::AsksUser,
        _ => Holds::Refusal,
    }
}
#[cfg(test)]
mod tests {
    use endsession_manager::report::{App, Finished, RequestInfo};

    use super::*;

    fn blocker(id: &str, kind: &str, waiting_ms: u64) -> BlockerInfo {
        BlockerInfo {
            id: id.into(),
            name: id.into(),
            kind: kind.into(),
            reason: "because".into(),
            responding: true,
            waiting_ms,
            ..BlockerInfo::default()
        }
    }

    #[test]
    fn of_a_job_it_is_told_for_how_long_it_has_run() {
        let job = |running_ms| BlockerInfo {
            running_ms,
            ..blocker("1", "job", 0)
        };
        assert_eq!(reason(&job(59_999)), "because");
        assert_eq!(reason(&job(4 * 60_000)), "because, 4 min");
        let mut model = Model::of(&status(), 0).unwrap();
        model.news(&News::Blocked(job(4 * 60_000)), 0);
        let rows = model.content().rows.len();
        model.news(&News::Cleared(job(4 * 60_000)), 0);
        assert_eq!(model.content().rows.len(), rows - 1);
    }

    fn who(id: &str) -> Who {
        Who {
            request: 3,
            id: id.into(),
            name: id.into(),
            pid: None,
        }
    }

    fn status() -> Status {
        Status {
            request: Some(RequestInfo {
                id: 3,
                kind: "poweroff".into(),
                phase: "asking".into(),
                reason: "noon".into(),
                gone: vec!["x".into()],
                to_go: 2,
                show: true,
                ..RequestInfo::default()
            }),
            applications: vec![
                App {
                    id: "1".into(),
                    windows: vec!["A window".into()],
                    ..App::default()
                },
                App {
                    id: "2".into(),
                    ..App::default()
                },
            ],
            blockers: vec![blocker("1", "inhibitor", 4_000)],
            waits: vec![blocker("2", "asking-user", 1_000)],
            survivors: vec![Survivor {
                name: "tmux".into(),
                what: "make".into(),
                ..Survivor::default()
            }],
            ..Status::default()
        }
    }

    fn phase_of(request: u32, phase: &str) -> News {
        News::Phase {
            request,
            phase: phase.into(),
        }
    }

    #[test]
    fn a_dialog_that_starts_late_knows_everything() {
        let model = Model::of(&status(), 0).unwrap();
        let r = model.content();
        assert_eq!(
            (model.id(), r.kind, r.phase),
            (3, Kind::PowerOff, Phase::Asking)
        );
        assert_eq!((r.closed, r.total), (1, 3));
        assert_eq!(r.survivors, ["tmux: make"]);
        let rows: Vec<_> = r
            .rows
            .iter()
            .map(|r| (r.app.as_str(), r.holds, r.since, r.can_show))
            .collect();
        assert_eq!(
            rows,
            [
                ("1", Holds::Inhibitor, -4_000, true),
                ("2", Holds::AsksUser, -1_000, false)
            ]
        );
    }

    #[test]
    fn without_a_request_or_past_its_end_there_is_nothing_to_show() {
        assert!(Model::of(&Status::default(), 0).is_none());
        let mut status = status();
        status.request.as_mut().unwrap().phase = "ending".into();
        assert!(Model::of(&status, 0).is_none());
    }

    #[test]
    fn what_the_status_told_is_not_shown_twice() {
        let mut model = Model::of(&status(), 0).unwrap();
        model.news(&News::Blocked(blocker("1", "inhibitor", 0)), 10);
        assert_eq!(model.content().rows.len(), 2);
        model.news(&News::Blocked(blocker("9", "window", 0)), 10);
        let row = model.content().rows.pop().unwrap();
        assert_eq!(
            (row.app.as_str(), row.holds, row.since),
            ("9", Holds::Window, 10)
        );
        model.news(&News::Cleared(blocker("9", "window", 77)), 20);
        model.news(&News::Cleared(blocker("1", "inhibitor", 77)), 20);
        assert_eq!(model.content().rows.len(), 1);
    }

    #[test]
    fn who_asks_or_is_slow_is_shown_until_it_has_answered_or_gone() {
        let mut model = Model::of(&status(), 0).unwrap();
        let holds = |model: &Model, app: &str| {
            let rows = model.content().rows;
            rows.iter().find(|r| r.app == app).map(|r| r.holds)
        };
        let answered = |app: &str, answer: &str| News::Answered {
            who: who(app),
            answer: answer.into(),
            reason: String::new(),
        };
        model.news(&News::Slow(who("7")), 5);
        assert_eq!(holds(&model, "7"), Some(Holds::Slow));
        model.news(&answered("7", "asking-user"), 6);
        assert_eq!(holds(&model, "7"), Some(Holds::AsksUser));
        model.news(&answered("7", "accept"), 7);
        assert_eq!(holds(&model, "7"), None);
        model.news(&News::Gone(who("2")), 8);
        assert_eq!(holds(&model, "2"), None);
    }

    #[test]
    fn it_is_over_with_the_request_or_when_nobody_is_needed() {
        for news in [
            phase_of(3, "ending"),
            phase_of(4, "asking"),
            News::Finished(Finished::default()),
            News::Show {
                request: 3,
                on: false,
            },
        ] {
            let mut model = Model::of(&status(), 0).unwrap();
            assert_eq!(model.news(&news, 0), Change::Over, "{news:?}");
        }
        let mut model = Model::of(&status(), 0).unwrap();
        for (name, phase) in [("closing", Phase::Closing), ("imposed", Phase::Imposed)] {
            assert_eq!(model.news(&phase_of(3, name), 0), Change::Content);
            assert_eq!(model.content().phase, phase);
        }
    }
}

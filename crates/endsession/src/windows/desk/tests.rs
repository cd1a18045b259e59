//! Every order of what Windows, time and the application may say: to each question one answer, and one event for all that are asked at once.

use std::collections::BTreeSet;

use super::*;
use crate::{Event, Kind, backend::Commands};

/// What may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Query,
    CriticalQuery,
    End,
    Cancelled,
    Accept,
    Refuse,
    Ask,
    Done,
    Expire,
    Late,
    Leave,
    Hold,
    Release,
    Close,
}

const OPS: [Op; 14] = [
    Op::Query,
    Op::CriticalQuery,
    Op::End,
    Op::Cancelled,
    Op::Accept,
    Op::Refuse,
    Op::Ask,
    Op::Done,
    Op::Expire,
    Op::Late,
    Op::Leave,
    Op::Hold,
    Op::Release,
    Op::Close,
];

struct Nowhere;

impl Commands for Nowhere {
    fn send(&self, _: Command) {}
}

/// The desk, and what is known of it from outside.
struct World {
    desk: Desk,
    shared: Arc<Shared>,
    /// Questions that wait.
    waiting: BTreeSet<Ticket>,
    /// The newest of all.
    last: Option<Ticket>,
    end: Option<Ticket>,
    hold: Option<HoldId>,
}

impl World {
    fn new() -> Self {
        let shared = Shared::new();
        shared.commands_go_to(Box::new(Nowhere));
        Self {
            desk: Desk::new("app".to_owned()),
            shared,
            waiting: BTreeSet::new(),
            last: None,
            end: None,
            hold: None,
        }
    }

    fn query(&mut self, is_critical: bool) {
        let was = self.open();
        let ending = Ending::new(Some(Kind::LogOff), is_critical);
        match self.desk.query(&self.shared, ending) {
            Step::Say(true) => assert!(self.desk.is_closed() || self.end.is_some()),
            // Only while the user is being asked.
            Step::Say(false) => assert!(was.is_some() && !is_critical),
            Step::Wait(ticket) => {
                // One that is open is shared.
                assert!(was.is_none_or(|was| was == ticket));
                self.waiting.insert(ticket);
                self.last = Some(ticket);
            }
        }
    }

    fn open(&self) -> Option<Ticket> {
        let is_open =
            |ticket: &Ticket| matches!(self.desk.standing(*ticket), Standing::Open { .. });
        self.waiting.iter().copied().find(is_open)
    }

    fn answer(&mut self, answer: Answer) {
        if let Some(ticket) = self.last {
            self.desk.take(Command::Answer(ticket, answer));
        }
    }

    fn carry_out(&mut self, op: Op) {
        let reason = || "why".to_owned();
        match op {
            Op::Query => self.query(false),
            Op::CriticalQuery => self.query(true),
            Op::End => {
                let ending = Ending::UNKNOWN;
                let told = self.desk.end(&self.shared, ending);
                assert!(self.end.is_none() || told == self.end);
                self.end = told;
            }
            Op::Cancelled => {
                self.desk.cancelled(&self.shared);
                self.end = None;
            }
            Op::Accept => self.answer(Answer::Accept),
            Op::Refuse => self.answer(Answer::Refuse {
                reason: reason(),
                by_user: false,
            }),
            Op::Ask => self.answer(Answer::AskingUser { reason: reason() }),
            Op::Done => {
                if let Some(end) = self.end.take() {
                    self.desk.take(Command::Ended(end));
                    assert!(self.desk.is_over(end));
                }
            }
            Op::Expire => self
                .last
                .into_iter()
                .for_each(|last| self.desk.expire(last)),
            Op::Late => self.last.into_iter().for_each(|last| self.desk.late(last)),
            Op::Leave => self.last.into_iter().for_each(|last| self.desk.leave(last)),
            Op::Hold => {
                let id = self.shared.hold(What::LOG_OFF, reason());
                let what = What::LOG_OFF;
                self.desk.take(Command::Hold {
                    id,
                    what,
                    reason: reason(),
                });
                self.hold = Some(id);
            }
            Op::Release => {
                if let Some(id) = self.hold.take() {
                    self.desk.take(Command::Release(id));
                }
            }
            Op::Close => {
                self.desk.take(Command::Close);
                self.end = None;
            }
        }
        self.verify();
    }

    fn verify(&mut self) {
        let open: Vec<_> = self
            .waiting
            .iter()
            .filter(|ticket| matches!(self.desk.standing(**ticket), Standing::Open { .. }))
            .copied()
            .collect();
        // There is one question at a time, the newest; whoever waits for another has been answered.
        assert!(open.len() <= 1);
        assert!(open.iter().all(|open| Some(*open) == self.last));
        assert!(open.is_empty() || !self.desk.is_closed());
        self.waiting.retain(|ticket| open.contains(ticket));
        // Nothing is shown of who agreed to go, or has gone.
        if self.end.is_some() || self.desk.is_closed() {
            assert_eq!(self.desk.reason(), None);
        }
        let is_shown = self.desk.reason().is_none_or(|reason| !reason.is_empty());
        assert!(is_shown);
    }
}

#[test]
fn in_every_order_each_question_has_one_answer() {
    fn orders(before: &mut Vec<Op>, depth: usize, count: &mut u32) {
        let mut world = World::new();
        before.iter().for_each(|op| world.carry_out(*op));
        *count += 1;
        if depth == 0 {
            return;
        }
        for op in OPS {
            before.push(op);
            orders(before, depth - 1, count);
            before.pop();
        }
    }
    let mut count = 0;
    orders(&mut Vec::new(), 5, &mut count);
    assert!(count > 500_000, "{count}");
}

#[test]
fn one_event_is_emitted_for_all_who_are_asked_at_once() {
    let mut world = World::new();
    (0..50).for_each(|_| world.query(false));
    let Ok(Some(Event::Query(query))) = world.shared.take() else {
        panic!("no query");
    };
    assert!(matches!(world.shared.take(), Ok(None)));
    query.accept();
}

#[test]
fn a_question_becomes_critical_while_the_user_is_asked() {
    let mut world = World::new();
    world.query(false);
    world.carry_out(Op::Ask);
    world.query(true);
    let ticket = world.last.unwrap();
    let expected = Standing::Open {
        is_critical: true,
        is_asking: true,
    };
    assert_eq!(world.desk.standing(ticket), expected);
    world.carry_out(Op::Refuse);
    assert_eq!(world.desk.standing(ticket), Standing::Said(true));
}

//! Stories, and every order of facts.

use std::collections::{HashSet, VecDeque};

use super::*;

/// Takes facts in at their times, and says what is ordered.
struct Story(Supervisor);

impl Story {
    fn begin() -> Self {
        let mut story = Self(Supervisor::new(true));
        assert_eq!(story.at(0, Input::Wanted(true)), [Order::Start]);
        story
    }

    fn orders(&mut self) -> Vec<Order> {
        std::iter::from_fn(|| self.0.poll()).collect()
    }

    fn at(&mut self, ms: u64, input: Input) -> Vec<Order> {
        self.0.handle(Time(ms), input);
        self.orders()
    }

    /// The deadline comes, at this time.
    fn times_out(&mut self, at: u64) -> Vec<Order> {
        assert_eq!(self.0.deadline(), Some(Time(at)));
        self.0.handle_timeout(Time(at));
        self.orders()
    }
}

fn failed(why: &str, again: bool) -> Order {
    let why = why.to_owned();
    Order::Warn { why, again }
}

fn crash() -> Input {
    Input::Exited("it crashed".to_owned())
}

fn asked_again(unseen: bool) -> Input {
    Input::AskedAgain { unseen }
}

const NOTHING: [Order; 0] = [];

#[test]
fn a_dialog_that_is_seen_and_closes_costs_no_wake_up() {
    let mut story = Story::begin();
    assert_eq!(story.at(50, Input::Shows(true)), NOTHING);
    assert_eq!(story.0.deadline(), None);
    assert_eq!(story.at(9_000, Input::Wanted(false)), NOTHING);
    assert_eq!(story.at(9_100, Input::Exited("0".into())), NOTHING);
    assert_eq!(story.0.deadline(), None);
}

#[test]
fn nothing_is_started_where_something_shows_it_or_the_screen_is_locked() {
    let mut story = Story(Supervisor::new(true));
    assert_eq!(story.at(0, Input::Elsewhere(true)), NOTHING);
    assert_eq!(story.at(1, Input::Wanted(true)), NOTHING);
    assert_eq!(story.at(2, Input::Locked(true)), NOTHING);
    assert_eq!(story.at(3, Input::Elsewhere(false)), NOTHING);
    assert_eq!(story.at(4, Input::Locked(false)), [Order::Start]);
}

#[test]
fn one_that_crashes_is_started_once_more_then_a_notification_stands_in() {
    let mut story = Story::begin();
    story.at(50, Input::Shows(true));
    let why = "it crashed while the request still waits";
    assert_eq!(story.at(900, crash()), [failed(why, true), Order::Start]);
    assert_eq!(story.at(950, crash()), [failed(why, false), Order::Notify]);
    assert_eq!(story.at(999, Input::Over), [Order::Withdraw]);
    // The next request begins anew.
    assert_eq!(story.at(1_000, Input::Wanted(true)), [Order::Start]);
}

#[test]
fn one_that_is_never_seen_is_killed_and_counted_once() {
    let mut story = Story::begin();
    let why = "it was not seen within 5 s";
    let kill = Order::Signal(Signal::Kill);
    assert_eq!(story.times_out(5_000), [kill.clone(), failed(why, true)]);
    assert_eq!(story.at(5_001, crash()), [Order::Start]);
    assert_eq!(
        story.times_out(10_001),
        [kill, failed(why, false), Order::Notify]
    );
    assert_eq!(story.at(10_002, crash()), NOTHING);
}

#[test]
fn a_lock_stops_the_time_in_which_it_has_to_be_seen() {
    let mut story = Story::begin();
    story.at(4_000, Input::Locked(true));
    assert_eq!(story.0.deadline(), None);
    story.at(60_000, Input::Locked(false));
    assert_eq!(story.0.deadline(), Some(Time(65_000)));
}

#[test]
fn one_that_does_not_close_is_told_then_killed() {
    let mut story = Story::begin();
    story.at(50, Input::Shows(true));
    story.at(1_000, Input::Over);
    assert_eq!(story.times_out(3_000), [Order::Signal(Signal::Term)]);
    assert_eq!(story.times_out(5_000), [Order::Signal(Signal::Kill)]);
    assert_eq!(story.0.deadline(), None);
    // Needed again, it has to be gone first.
    assert_eq!(story.at(5_100, Input::Wanted(true)), NOTHING);
    assert_eq!(story.at(5_200, crash()), [Order::Start]);
}

#[test]
fn one_that_was_closing_when_it_was_needed_again_has_not_failed() {
    let mut story = Story::begin();
    story.at(50, Input::Shows(true));
    story.at(1_000, Input::Wanted(false));
    assert_eq!(story.at(1_300, Input::Wanted(true)), NOTHING);
    assert_eq!(story.0.deadline(), None);
    assert_eq!(story.at(1_310, Input::Exited("0".into())), [Order::Start]);
}

#[test]
fn one_that_leaves_the_bus_has_to_be_seen_again() {
    let mut story = Story::begin();
    story.at(50, Input::Shows(true));
    story.at(7_000, Input::LeftBus);
    assert_eq!(story.0.deadline(), Some(Time(12_000)));
}

#[test]
fn what_cannot_be_started_at_all_is_not_tried_twice() {
    let cannot = |again| Input::CannotStart {
        why: "no display".into(),
        again,
    };
    let mut story = Story::begin();
    let gives_up = [failed("no display", false), Order::Notify];
    assert_eq!(story.at(1, cannot(false)), gives_up);
    // The user asks once more: perhaps there is one now.
    let again = [Order::Start, Order::Withdraw];
    assert_eq!(story.at(2, asked_again(false)), again);
    let tries = [failed("no display", true), Order::Start];
    assert_eq!(story.at(3, cannot(true)), tries);
}

#[test]
fn one_that_hangs_after_it_was_seen_is_replaced_when_the_user_asks_again() {
    let mut story = Story::begin();
    story.at(50, Input::Shows(true));
    assert_eq!(story.at(1_000, asked_again(true)), NOTHING);
    // Asking once more gives it no more time.
    assert_eq!(story.at(4_000, asked_again(true)), NOTHING);
    let failed = failed("it was not seen within 5 s", true);
    assert_eq!(
        story.times_out(6_000),
        [Order::Signal(Signal::Kill), failed]
    );
    assert_eq!(story.at(6_001, crash()), [Order::Start]);
    assert_eq!(story.at(6_100, Input::Shows(true)), NOTHING);
    assert_eq!(story.0.deadline(), None);
}

#[test]
fn whoever_asks_again_and_sees_nothing_is_shown_the_dialog_until_it_is_over() {
    let mut story = Story(Supervisor::new(true));
    story.at(0, Input::Elsewhere(true));
    assert_eq!(story.at(1, Input::Wanted(true)), NOTHING);
    assert_eq!(story.at(2, asked_again(false)), NOTHING);
    assert_eq!(story.at(3, asked_again(true)), [Order::Start]);
    story.at(50, Input::Shows(true));
    story.at(60, Input::Over);
    story.at(70, Input::Exited("0".into()));
    assert_eq!(story.at(80, Input::Wanted(true)), NOTHING);
}

#[test]
fn what_failed_behind_a_lock_is_tried_again_when_it_is_unlocked() {
    let mut story = Story::begin();
    story.at(1, crash());
    story.at(2, Input::Locked(true));
    story.at(3, crash());
    assert_eq!(story.at(4, Input::Locked(false)), [Order::Start]);
    let why = "it crashed while the request still waits";
    assert_eq!(story.at(5, crash()), [failed(why, true), Order::Start]);
}

#[test]
fn without_a_program_nothing_is_ordered() {
    let mut story = Story(Supervisor::new(false));
    assert_eq!(story.at(0, Input::Wanted(true)), NOTHING);
    assert_eq!(story.0.deadline(), None);
}

/// What a supervisor has ordered, and what is true of the world.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct World {
    runs: bool,
    killed: bool,
    wanted: bool,
    elsewhere: bool,
    insisted: bool,
    locked: bool,
    notified: bool,
    /// Starts since something happened that allows for more.
    starts: u8,
}

impl World {
    fn before(&mut self, input: &Input) {
        match input {
            Input::Wanted(on) => self.wanted = *on,
            Input::Elsewhere(on) => self.elsewhere = *on,
            Input::Locked(on) => self.locked = *on,
            Input::CannotStart { .. } | Input::Exited(_) => {
                self.runs = false;
                self.killed = false;
            }
            Input::Over => {
                self.wanted = false;
                self.insisted = false;
            }
            Input::AskedAgain { unseen } => self.insisted |= unseen,
            Input::Shows(_) | Input::LeftBus => {}
        }
        // One that was not needed meanwhile may be started without end: something else happened
        // in between.
        if !self.needed() || matches!(input, Input::AskedAgain { .. } | Input::Over) {
            self.starts = 0;
        }
    }

    fn needed(&self) -> bool {
        self.wanted && (!self.elsewhere || self.insisted) && !self.locked
    }

    fn obeys(&mut self, order: &Order) {
        match order {
            Order::Start => {
                assert!(!self.runs, "a second dialog");
                assert!(self.needed(), "a dialog that nobody needs");
                self.runs = true;
                self.starts += 1;
                assert!(self.starts <= MAX_FAILURES + 1, "started without end");
            }
            Order::Signal(signal) => {
                assert!(self.runs && !self.killed, "signalled what is not there");
                assert!(
                    *signal == Signal::Kill || !self.wanted,
                    "ended while needed"
                );
                self.killed = *signal == Signal::Kill;
            }
            Order::Notify => {
                assert!(!self.notified && self.needed(), "a needless notification");
                self.notified = true;
            }
            Order::Withdraw => {
                assert!(self.notified, "withdrew what is not there");
                self.notified = false;
            }
            Order::Warn { .. } => {}
        }
    }

    fn at_rest(&self, s: &Supervisor) {
        let hopeful = self.runs || self.notified;
        assert!(!self.needed() || hopeful, "nobody will show it");
        let lingers = self.runs && !self.killed && !self.wanted;
        assert!(!lingers || s.deadline().is_some(), "it may stay for ever");
        let idle = !self.runs || self.killed;
        assert!(!idle || s.deadline().is_none(), "waits for nothing");
        assert!(!self.notified || self.wanted, "a notification of nothing");
    }
}

#[test]
fn every_order_of_facts() {
    let flags = [true, false];
    let mut inputs: Vec<Input> = flags.iter().map(|on| Input::Wanted(*on)).collect();
    inputs.extend(flags.iter().map(|on| Input::Elsewhere(*on)));
    inputs.extend(flags.iter().map(|on| Input::Locked(*on)));
    inputs.extend(flags.iter().map(|on| Input::Shows(*on)));
    inputs.extend(flags.iter().map(|again| Input::CannotStart {
        why: "not there".into(),
        again: *again,
    }));
    inputs.extend([Input::LeftBus, crash(), Input::Over]);
    inputs.extend(flags.map(asked_again));
    let begin = (Supervisor::new(true), World::default());
    let mut seen = HashSet::from([begin.clone()]);
    let mut todo = VecDeque::from([begin]);
    while let Some((supervisor, world)) = todo.pop_front() {
        let expires = supervisor.deadline().map(|_| None);
        for input in inputs.iter().map(Some).chain(expires) {
            let is_start = matches!(input, Some(Input::CannotStart { .. }));
            let is_exit = matches!(input, Some(Input::Exited(_)));
            if (is_start || is_exit) && !world.runs {
                continue;
            }
            let (mut s, mut w) = (supervisor.clone(), world.clone());
            match input {
                Some(input) => {
                    w.before(input);
                    s.handle(Time(0), input.clone());
                }
                None => s.handle_timeout(Time(u64::MAX / 2)),
            }
            while let Some(order) = s.poll() {
                w.obeys(&order);
            }
            w.at_rest(&s);
            // States that differ only in time are one.
            s.now = Time(0);
            s.deadline = s.deadline.map(|_| Time(1));
            if seen.insert((s.clone(), w.clone())) {
                todo.push_back((s, w));
            }
        }
    }
    println!("{} states", seen.len());
    assert!(seen.len() > 100);
}

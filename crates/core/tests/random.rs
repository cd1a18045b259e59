//! Long random lists of operations on larger sessions, with real times and random durations,
//! checked by the same ghost as the search. What a search cannot reach: many applications, many
//! requests, and deadlines that expire together.
//!
//! `PROPTEST_CASES` sets how many lists; what fails becomes a scenario or a session of the search.
#![allow(missing_docs)]

mod support;

use std::collections::VecDeque;
use std::fmt;

use endsession_core::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngAlgorithm;
use support::{Ghost, Op, step};

/// Time-outs after "end all", from any state, until there is an outcome: eight applications, each
/// inside the other, with four stages each, and the looks and the steps of Ending.
const PATIENCE: usize = 100;

/// One entry of a list.
#[derive(Clone)]
enum Input {
    Op(Op),
    /// Somebody does what he was told some actions ago, so that lists reach far.
    Comply(u8),
    /// So many milliseconds pass; what is due in them expires in its time.
    Wait(u64),
    /// Time passes until the next deadline.
    Next,
}

/// One line each: a failing list is read, not counted.
impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Op(op) => write!(f, "{op:?}"),
            Self::Comply(n) => write!(f, "Comply({n})"),
            Self::Wait(ms) => write!(f, "Wait({ms})"),
            Self::Next => f.write_str("Next"),
        }
    }
}

/// Five processes, one of which only the app id is known, a hook, and one of which nothing is known.
fn identity() -> impl Strategy<Value = Identity> {
    (0..8_u32).prop_map(identity_of)
}

fn identity_of(n: u32) -> Identity {
    match n {
        0..5 => Identity::Process { pid: n, start: 1 },
        5 => Identity::AppId("id".into()),
        6 => Identity::Hook("hook".into()),
        _ => Identity::Peer(7),
    }
}

fn round() -> impl Strategy<Value = Round> {
    (any::<bool>(), 0..2_u16).prop_map(|(late, level)| match late {
        true => Round::late(level),
        false => Round::early(level),
    })
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        4 => Just(Answer::Accept),
        2 => Just(Answer::Refuse("no".into())),
        1 => Just(Answer::UserRefused("no".into())),
        1 => Just(Answer::AskingUser),
        2 => Just(Answer::WantsUser),
        1 => Just(Answer::UserAnswered),
        1 => Just(Answer::WantsLast),
    ]
}

fn window() -> impl Strategy<Value = Window> {
    (any::<bool>(), any::<bool>()).prop_map(|(unsaved, dialog)| Window {
        name: String::new(),
        title: if unsaved { "* w" } else { "w" }.into(),
        unsaved,
        dialog,
    })
}

fn rule() -> impl Strategy<Value = Rule> {
    let rarely = || proptest::bool::weighted(0.3);
    let deadline = proptest::option::weighted(0.3, 0..40_000_u64);
    (rarely(), any::<bool>(), rarely(), deadline).prop_map(
        |(ignore, term, end_anyway, deadline)| Rule {
            ignore,
            end_by: if term { EndBy::Term } else { EndBy::Close },
            end_anyway,
            deadline,
        },
    )
}

fn fact() -> impl Strategy<Value = Event> {
    let name = || "app".to_owned();
    prop_oneof![
        4 => (0..8_u64, identity(), round()).prop_map(move |(n, of, round)| {
            Event::Registered { voter: VoterId(n), of, name: name(), round }
        }),
        1 => (0..8_u64).prop_map(|n| Event::Unregistered(VoterId(n))),
        4 => (0..8_u64, answer()).prop_map(|(n, answer)| Event::Answered(VoterId(n), answer)),
        4 => (0..8_u64, identity(), window()).prop_map(|(n, of, about)| {
            Event::WindowSeen { window: WindowId(n), of, about }
        }),
        2 => (0..8_u64).prop_map(|n| Event::WindowGone(WindowId(n))),
        1 => (0..3_u64, identity(), "[rs]").prop_map(move |(n, of, reason)| {
            Event::Inhibited { inhibitor: InhibitorId(n), of, name: name(), reason }
        }),
        2 => (0..3_u64).prop_map(|n| Event::Uninhibited(InhibitorId(n))),
        1 => (0..2_u64, identity()).prop_map(move |(n, of)| {
            Event::JobSeen { job: JobId(n), of, name: name(), what: "make".into() }
        }),
        2 => (0..2_u64).prop_map(|n| Event::JobGone(JobId(n))),
        2 => (0..5_u32, 0..2_u64).prop_map(move |(n, bundle)| {
            Event::Bundled { of: identity_of(n), name: name(), bundle: BundleId(bundle) }
        }),
        1 => identity().prop_map(Event::Unbundled),
        1 => (0..2_u64, bundle_end()).prop_map(|(b, end)| Event::BundleEnded(BundleId(b), end)),
        1 => (identity(), identity()).prop_map(|(guest, host)| Event::Hosted { guest, host }),
        2 => (identity(), rule()).prop_map(|(of, rule)| Event::Ruled { of, rule }),
        2 => identity().prop_map(Event::Exited),
        1 => identity().prop_map(Event::Spared),
        2 => identity().prop_map(Event::Pong),
        1 => identity().prop_map(Event::Stopped),
        4 => Just(Event::Looked),
        1 => Just(Event::ViewerCame),
        1 => Just(Event::ViewerLeft),
        1 => any::<bool>().prop_map(Event::Locked),
        1 => prop_oneof![0..9_000_u64, Just(u64::MAX)].prop_map(Event::Imposed),
        1 => Just(Event::Restored),
        1 => Just(Event::BusLost),
        1 => Just(Event::HooksEnded),
        1 => Just(Event::RestGone),
        2 => (kind(), any::<bool>()).prop_map(|(kind, yes)| {
            Event::Authorized(kind, yes.then_some(()).ok_or("no".into()))
        }),
        1 => (0..9_000_u64).prop_map(Event::GoesDown),
        1 => Just(Event::Backend(Err("refused".into()))),
    ]
}

fn bundle_end() -> impl Strategy<Value = BundleEnd> {
    let by = proptest::option::of(identity());
    by.prop_map(|by| BundleEnd::Refused {
        by,
        name: "bundle".into(),
        reason: "r".into(),
    })
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        3 => Just(Kind::LogOff),
        1 => Just(Kind::Restart),
        2 => Just(Kind::PowerOff),
    ]
}

fn force() -> impl Strategy<Value = Force> {
    prop_oneof![
        6 => Just(Force::No),
        1 => Just(Force::IfHung),
        1 => (0..90_000_u64).prop_map(Force::After),
        1 => Just(Force::Now),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    let timeout = proptest::option::weighted(0.1, 0..90_000_u64);
    let rarely = || proptest::bool::weighted(0.2);
    let requester = vec(identity(), 0..2);
    (kind(), force(), rarely(), rarely(), timeout, requester).prop_map(
        |(kind, force, confirm, unattended, timeout, requester)| Request {
            kind,
            force,
            confirm,
            unattended,
            timeout,
            requester,
            reason: String::new(),
        },
    )
}

fn choice() -> impl Strategy<Value = Choice> {
    prop_oneof![
        3 => Just(Choice::Confirm),
        1 => Just(Choice::Cancel),
        2 => identity().prop_map(Choice::EndOne),
        1 => Just(Choice::EndAll),
        2 => proptest::option::of(identity()).prop_map(Choice::AskAgain),
        1 => identity().prop_map(Choice::Show),
    ]
}

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        12 => fact().prop_map(|e| Input::Op(Op::Event(e))),
        2 => request().prop_map(|r| Input::Op(Op::Request(r))),
        1 => choice().prop_map(|c| Input::Op(Op::Choose(c))),
        12 => any::<u8>().prop_map(Input::Comply),
        3 => (0..9_000_u64).prop_map(Input::Wait),
        3 => Just(Input::Next),
    ]
}

/// Durations of every size, none at all included.
fn policy() -> impl Strategy<Value = Policy> {
    let ms = prop_oneof![1 => Just(0_u64), 4 => 1..40_000_u64];
    vec(ms, 18).prop_map(|ms| Policy {
        slow: ms[0],
        silent: ms[1],
        ping: ms[2],
        stays: ms[3],
        exit: ms[4],
        exit_voter: ms[5],
        exit_kill: ms[6],
        forced: ms[7],
        forced_one: ms[8],
        forced_kill: ms[9],
        give_up: ms[10],
        show: ms[11],
        unshown: ms[12],
        look: ms[13],
        rest: ms[14],
        backend: ms[15],
        hooks: ms[16],
        authorize: ms[17],
    })
}

/// One session, the clock, and what its applications have been told and not yet done.
#[derive(Clone, Debug)]
struct Run {
    core: Coordinator,
    ghost: Ghost,
    now: Time,
    orders: VecDeque<Action>,
}

impl Run {
    fn new(policy: Policy) -> Self {
        Self {
            core: Coordinator::new(policy),
            ghost: Ghost::default(),
            now: Time(0),
            orders: VecDeque::new(),
        }
    }

    fn op(&mut self, op: &Op) -> Result<(), String> {
        let actions = step(&mut self.core, &mut self.ghost, self.now, op)?;
        self.orders.extend(actions);
        Ok(())
    }

    fn take(&mut self, input: &Input) -> Result<(), String> {
        match input {
            Input::Op(op) => self.op(op),
            Input::Comply(n) => {
                let at = usize::from(*n) % self.orders.len().max(1);
                let op = self.orders.remove(at).and_then(|o| self.done(&o, *n));
                op.map_or(Ok(()), |op| self.op(&op))
            }
            Input::Wait(ms) => {
                let until = self.now.plus(*ms);
                while self.core.poll_deadline().is_some_and(|t| t <= until) {
                    self.next()?;
                }
                self.now = until;
                Ok(())
            }
            Input::Next => self.next(),
        }
    }

    /// Goes to the next deadline, as the manager does.
    fn next(&mut self) -> Result<(), String> {
        let Some(at) = self.core.poll_deadline() else {
            return Ok(());
        };
        self.now = self.now.max(at);
        self.op(&Op::Timeout)?;
        match self.core.poll_deadline() {
            Some(next) if next <= self.now => Err(format!("{next:?} was due and did not expire")),
            _ => Ok(()),
        }
    }

    /// What somebody does who does as he is told.
    fn done(&self, order: &Action, n: u8) -> Option<Op> {
        let event = match order {
            Action::Query(v) if n.is_multiple_of(8) => {
                Event::Answered(*v, Answer::Refuse("no".into()))
            }
            Action::Query(v) => Event::Answered(*v, Answer::Accept),
            Action::End { voter, .. } => Event::Exited(self.ghost.voters.get(voter)?.0.clone()),
            Action::Close(w) => Event::WindowGone(*w),
            Action::CloseBundle { bundle, .. } => Event::BundleEnded(*bundle, BundleEnd::Done),
            Action::Signal(of, _) => Event::Exited(of.clone()),
            Action::Ping(of) => Event::Pong(of.clone()),
            Action::Look => Event::Looked,
            Action::Show(true) => Event::ViewerCame,
            Action::Show(false) => Event::ViewerLeft,
            Action::RunHooks => Event::HooksEnded,
            Action::SignalRest(_) => Event::RestGone,
            Action::Authorize(kind) if n.is_multiple_of(8) => {
                Event::Authorized(*kind, Err("no".into()))
            }
            Action::Authorize(kind) => Event::Authorized(*kind, Ok(())),
            Action::EndSession(_) if n.is_multiple_of(3) => Event::GoesDown(1_000),
            Action::EndSession(_) if n.is_multiple_of(8) => Event::Backend(Ok(())),
            Action::EndSession(_) => Event::Backend(Err("refused".into())),
            _ => return None,
        };
        Some(Op::Event(event))
    }

    /// After "end all", time alone brings an outcome.
    fn ends_by_itself(mut self) -> Result<(), String> {
        if self.core.is_over() {
            return Ok(());
        }
        if self.core.phase().is_none() {
            self.op(&Op::Request(Request::default()))?;
        }
        self.op(&Op::Choose(Choice::Confirm))?;
        self.op(&Op::Choose(Choice::EndAll))?;
        for _ in 0..PATIENCE {
            if self.core.phase().is_none() {
                return Ok(());
            }
            self.next()?;
        }
        Err(format!(
            "no outcome after {PATIENCE} time-outs in {:?}",
            self.core
        ))
    }
}

fn config() -> ProptestConfig {
    let config = ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 20_000,
        // Unoptimised, the default one takes most of the time.
        rng_algorithm: RngAlgorithm::XorShift,
        ..ProptestConfig::default()
    };
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => config,
        None => ProptestConfig {
            cases: 2_500,
            ..config
        },
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_invariants_hold_in_long_random_sessions(
        policy in policy(),
        inputs in vec(input(), 0..400),
        split in 0..400_usize,
    ) {
        let mut run = Run::new(policy);
        let mut twin: Option<Run> = None;
        for (n, input) in inputs.iter().enumerate() {
            if n == split {
                twin = Some(run.clone());
            }
            if run.core.is_over() {
                break;
            }
            run.take(input).map_err(|why| TestCaseError::fail(format!("{why} at {n}")))?;
            if let Some(twin) = &mut twin {
                twin.take(input).map_err(TestCaseError::fail)?;
                prop_assert_eq!(&twin.core, &run.core, "a copy went another way at {}", n);
            }
        }
        run.ends_by_itself().map_err(TestCaseError::fail)?;
    }
}

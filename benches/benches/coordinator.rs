//! What the coordinator itself costs: a log-off in which everybody agrees, from the request to the
//! order to end the session, with no bus, no process and no waiting. Its time per application must
//! not depend on how many there are.

use std::collections::VecDeque;

use divan::{Bencher, counter::ItemsCount};
use endsession_core::{
    Action, Answer, Coordinator, Event, Identity, Policy, Request, Round, Time, VoterId, Window,
    WindowId,
};

const SIZES: [usize; 5] = [1, 10, 100, 300, 1000];

fn main() {
    divan::main();
}

/// Every application registered, and leaves when it is told to.
#[divan::bench(args = SIZES)]
fn clients(bencher: Bencher<'_, '_>, count: usize) {
    measure(
        bencher,
        count,
        &Shape {
            votes: true,
            windows: 0,
        },
    );
}

/// Nobody registered: every application is closed by its one window.
#[divan::bench(args = SIZES)]
fn windows(bencher: Bencher<'_, '_>, count: usize) {
    measure(
        bencher,
        count,
        &Shape {
            votes: false,
            windows: 1,
        },
    );
}

/// Every application registered and shows two windows, which go before it does.
#[divan::bench(args = SIZES)]
fn clients_with_windows(bencher: Bencher<'_, '_>, count: usize) {
    measure(
        bencher,
        count,
        &Shape {
            votes: true,
            windows: 2,
        },
    );
}

/// What the applications of a session are like.
struct Shape {
    votes: bool,
    windows: u64,
}

fn measure(bencher: Bencher<'_, '_>, count: usize, shape: &Shape) {
    bencher
        .counter(ItemsCount::new(count))
        .with_inputs(|| session(count, shape))
        .bench_local_refs(|core| log_off(core, shape));
}

fn number(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn identity(n: u64) -> Identity {
    Identity::Process {
        pid: u32::try_from(n).unwrap_or(u32::MAX) + 1000,
        start: n,
    }
}

/// The application behind a client or window of this benchmark.
fn owner(id: u64, each: u64) -> Identity {
    identity(id / each.max(1))
}

fn session(count: usize, shape: &Shape) -> Coordinator {
    let mut core = Coordinator::new(Policy::default());
    for n in 0..number(count) {
        if shape.votes {
            let registered = Event::Registered {
                voter: VoterId(n),
                of: identity(n),
                name: format!("app{n}"),
                round: Round::early(Round::DEFAULT_LEVEL),
            };
            core.handle_event(Time(0), registered);
        }
        for w in 0..shape.windows {
            let seen = Event::WindowSeen {
                window: WindowId(n * shape.windows + w),
                of: identity(n),
                about: Window {
                    name: format!("app{n}"),
                    title: format!("document {w}"),
                    ..Window::default()
                },
            };
            core.handle_event(Time(0), seen);
        }
    }
    core
}

/// Carries a log-off through, as edges with obliging applications would.
fn log_off(core: &mut Coordinator, shape: &Shape) {
    let begun = core.request(Time(1), Request::default());
    assert!(begun.is_ok(), "the session is still there");
    let mut facts = VecDeque::new();
    loop {
        let mut batch = Vec::new();
        while let Some(action) = core.poll_action() {
            if react(action, shape, &mut batch) {
                return;
            }
        }
        // Applications answer in an order of their own: here the second half goes first.
        let half = batch.len() / 2;
        batch.rotate_left(half);
        facts.extend(batch.into_iter().flatten());
        match facts.pop_front() {
            Some(fact) => core.handle_event(Time(1), fact),
            None => panic!("the log-off waits for something that never comes"),
        }
    }
}

/// What follows from an order; whether it was the last one. The facts of one application stay in
/// their order.
fn react(action: Action, shape: &Shape, facts: &mut Vec<Vec<Event>>) -> bool {
    match action {
        Action::Query(voter) => facts.push(vec![Event::Answered(voter, Answer::Accept)]),
        Action::Look => facts.push(vec![Event::Looked]),
        Action::End { voter, .. } => {
            let windows = voter.0 * shape.windows..(voter.0 + 1) * shape.windows;
            let mut leaves: Vec<_> = windows.map(|w| Event::WindowGone(WindowId(w))).collect();
            leaves.push(Event::Unregistered(voter));
            leaves.push(Event::Exited(identity(voter.0)));
            facts.push(leaves);
        }
        Action::Close(window) => facts.push(vec![
            Event::WindowGone(window),
            Event::Exited(owner(window.0, shape.windows)),
        ]),
        Action::SignalRest(_) => facts.push(vec![Event::RestGone]),
        Action::EndSession(_) => return true,
        _ => {}
    }
    false
}

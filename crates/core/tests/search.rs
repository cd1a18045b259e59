//! Every order of events, in small sessions: a breadth-first search over all reachable states of
//! the coordinator, with every invariant checked in each, and with the question asked of each
//! whether choices and time-outs alone lead to an outcome.
//!
//! Time is abstracted: any pending deadline may be the next to expire, which covers every real
//! order and more. There is no depth limit; the number of states is printed and bounded only by
//! a cap that fails the test.
#![allow(missing_docs)]

mod support;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use endsession_core::*;
use support::{Ghost, Op, step};

/// More states than this, and a session is not small.
const CAP: usize = 2_000_000;

fn app(n: u32) -> Identity {
    Identity::Process { pid: n, start: 1 }
}

/// A session, by the inputs that may come at any time.
struct Session {
    name: &'static str,
    ops: Vec<Op>,
    setup: Vec<Op>,
}

fn register(n: u64, of: u32, round: Round) -> Op {
    let name = format!("app{of}");
    Op::Event(Event::Registered {
        voter: VoterId(n),
        of: app(of),
        name,
        round,
    })
}

fn window(n: u64, of: Identity, about: Window) -> Op {
    Op::Event(Event::WindowSeen {
        window: WindowId(n),
        of,
        about,
    })
}

fn answers(n: u64, which: &str) -> Vec<Op> {
    let mut ops = Vec::new();
    for c in which.chars() {
        let answer = match c {
            'y' => Answer::Accept,
            'n' => Answer::Refuse("no".into()),
            'u' => Answer::UserRefused("no".into()),
            _ => Answer::AskingUser,
        };
        ops.push(Op::Event(Event::Answered(VoterId(n), answer)));
    }
    ops
}

fn gone(n: u64) -> Op {
    Op::Event(Event::WindowGone(WindowId(n)))
}

fn plain() -> Op {
    Op::Request(Request::default())
}

fn always() -> Vec<Op> {
    vec![
        plain(),
        Op::Event(Event::Looked),
        Op::Event(Event::RestGone),
        Op::Event(Event::Backend(Ok(()))),
        Op::Event(Event::Backend(Err("refused".into()))),
        Op::Choose(Choice::Cancel),
        Op::Choose(Choice::EndAll),
    ]
}

/// Three clients of three rounds: one that comes, goes and asks its user at any time, one that
/// refuses and is asked again, and an XSMP client that crashes.
fn voters() -> Session {
    let mut ops = always();
    ops.push(register(1, 1, Round::early(0x280)));
    ops.push(Op::Event(Event::Unregistered(VoterId(1))));
    ops.extend(answers(1, "ynua"));
    ops.extend(answers(2, "yn"));
    ops.push(Op::Choose(Choice::AskAgain(None)));
    ops.extend(answers(3, "ya"));
    ops.push(Op::Event(Event::Exited(app(3))));
    let setup = vec![
        register(2, 2, Round::early(0x100)),
        register(3, 3, Round::late(0x280)),
    ];
    Session {
        name: "voters",
        ops,
        setup,
    }
}

/// Two clients of one application and a stopped one: ended alone, spared, silent; the bus dies.
fn silence() -> Session {
    let mut ops = always();
    for n in [1, 2] {
        ops.push(Op::Event(Event::Unregistered(VoterId(n))));
        ops.extend(answers(n, "y"));
    }
    ops.push(Op::Event(Event::Spared(app(1))));
    ops.push(Op::Event(Event::Stopped(app(3))));
    ops.extend(answers(3, "y"));
    ops.push(Op::Choose(Choice::EndOne(app(1))));
    ops.push(Op::Choose(Choice::EndOne(app(3))));
    ops.push(Op::Event(Event::BusLost));
    let setup = vec![
        register(1, 1, Round::early(0x280)),
        register(2, 1, Round::late(0x280)),
        register(3, 3, Round::early(0x280)),
    ];
    Session {
        name: "silence",
        ops,
        setup,
    }
}

/// A voter with a window, an editor with a save dialog, an application of which only the app id
/// is known.
fn windows() -> Session {
    let mut ops = always();
    let titled = |title: &str, unsaved| Window {
        name: "w".into(),
        title: title.into(),
        unsaved,
        ..Window::default()
    };
    ops.push(register(1, 1, Round::early(0x280)));
    ops.extend(answers(1, "yn"));
    ops.push(gone(1));
    ops.push(window(2, app(2), titled("* text", true)));
    ops.push(gone(2));
    ops.push(window(
        3,
        app(2),
        Window {
            dialog: true,
            ..titled("Save?", false)
        },
    ));
    ops.push(gone(3));
    ops.push(window(
        4,
        Identity::AppId("tray".into()),
        titled("tray", false),
    ));
    ops.push(gone(4));
    ops.push(Op::Choose(Choice::AskAgain(None)));
    let setup = vec![window(1, app(1), titled("voter", false))];
    Session {
        name: "windows",
        ops,
        setup,
    }
}

/// An inhibitor taken while voting, a job in a terminal that hosts an editor, a window that hangs.
fn holds() -> Session {
    let mut ops = always();
    ops.push(register(1, 1, Round::early(0x280)));
    ops.extend(answers(1, "yn"));
    let (of, name) = (app(1), "app1".to_owned());
    ops.push(Op::Event(Event::Inhibited {
        inhibitor: InhibitorId(1),
        of,
        name,
        reason: "unsaved".into(),
    }));
    ops.push(Op::Event(Event::Uninhibited(InhibitorId(1))));
    let (of, name) = (app(2), "foot".to_owned());
    ops.push(Op::Event(Event::JobSeen {
        job: JobId(1),
        of,
        name,
        what: "make".into(),
    }));
    ops.push(Op::Event(Event::JobGone(JobId(1))));
    ops.push(gone(2));
    ops.push(gone(3));
    ops.push(Op::Event(Event::Stopped(app(3))));
    ops.push(Op::Choose(Choice::AskAgain(None)));
    let setup = vec![
        window(2, app(2), Window::default()),
        window(3, app(3), Window::default()),
        Op::Event(Event::Hosted {
            guest: app(3),
            host: app(2),
        }),
    ];
    Session {
        name: "holds",
        ops,
        setup,
    }
}

/// Every kind of request, joined by every other, with viewers that come and go, over one client
/// each that votes, that has a window, and that ends by SIGTERM.
fn requests() -> Session {
    let mut ops = always();
    let request = |r: Request| Op::Request(r);
    ops.push(request(Request {
        force: Force::Now,
        ..Request::default()
    }));
    ops.push(request(Request {
        force: Force::IfHung,
        ..Request::default()
    }));
    ops.push(request(Request {
        force: Force::After(9),
        ..Request::default()
    }));
    ops.push(request(Request {
        unattended: true,
        timeout: Some(9),
        ..Request::default()
    }));
    ops.push(Op::Event(Event::Stopped(app(1))));
    ops.extend(answers(1, "yn"));
    ops.push(gone(2));
    ops.push(gone(3));
    let ends_by_term = true;
    let setup = vec![
        register(1, 1, Round::early(0x280)),
        window(2, app(2), Window::default()),
        window(
            3,
            app(3),
            Window {
                ends_by_term,
                ..Window::default()
            },
        ),
    ];
    Session {
        name: "requests",
        ops,
        setup,
    }
}

/// Viewers, a locked screen and nobody at all, while three clients block in three ways.
fn viewers() -> Session {
    let mut ops = always();
    ops.push(Op::Request(Request {
        confirm: true,
        ..Request::default()
    }));
    ops.push(Op::Choose(Choice::Confirm));
    for event in [
        Event::ViewerCame,
        Event::ViewerLeft,
        Event::Locked(true),
        Event::Locked(false),
    ] {
        ops.push(Op::Event(event));
    }
    ops.extend(answers(1, "yna"));
    ops.push(gone(2));
    ops.push(Op::Event(Event::Uninhibited(InhibitorId(3))));
    let setup = vec![
        register(1, 1, Round::early(0x280)),
        window(2, app(2), Window::default()),
        Op::Event(Event::Inhibited {
            inhibitor: InhibitorId(3),
            of: app(3),
            name: "burner".into(),
            reason: "burning".into(),
        }),
    ];
    Session {
        name: "viewers",
        ops,
        setup,
    }
}

/// An end that nobody can refuse, at any moment of a request, called off at any moment.
fn imposed() -> Session {
    let mut ops = always();
    ops.push(Op::Event(Event::Imposed(1000)));
    ops.push(Op::Event(Event::Imposed(100)));
    ops.push(Op::Event(Event::Restored));
    ops.push(Op::Event(Event::BusLost));
    ops.push(register(1, 1, Round::early(0x280)));
    ops.extend(answers(1, "yn"));
    ops.push(Op::Event(Event::Unregistered(VoterId(1))));
    ops.extend(answers(2, "y"));
    ops.push(gone(3));
    ops.push(Op::Event(Event::Exited(app(3))));
    ops.push(Op::Choose(Choice::EndOne(app(3))));
    let setup = vec![
        register(2, 2, Round::late(0x280)),
        window(3, app(3), Window::default()),
    ];
    Session {
        name: "imposed",
        ops,
        setup,
    }
}

struct Graph {
    index: HashMap<u64, u32>,
    /// Where each state came from, to tell the story of a failure.
    from: Vec<(u32, Op)>,
    /// Successors by choices and time-outs.
    escapes: Vec<Vec<u32>>,
    /// No request is under way: the last one has its outcome.
    settled: Vec<bool>,
}

impl Graph {
    fn story(&self, mut at: u32, last: &Op) -> String {
        let mut ops = vec![format!("{last:?}")];
        while at != 0 {
            let (from, op) = &self.from[at as usize];
            ops.push(format!("{op:?}"));
            at = *from;
        }
        ops.reverse();
        ops.join("\n  ")
    }
}

/// Walks all of one session; returns the number of states and transitions.
fn search(session: &Session) -> Result<(usize, usize), String> {
    let hasher = RandomState::new();
    let key = |c: &Coordinator, g: &Ghost| hasher.hash_one((c, g));
    let (mut c, mut ghost) = (Coordinator::new(Policy::default()), Ghost::default());
    for op in &session.setup {
        step(&mut c, &mut ghost, Time(0), op)?;
    }
    c.forget_times();
    let mut graph = Graph {
        index: HashMap::from([(key(&c, &ghost), 0)]),
        from: vec![(0, plain())],
        escapes: vec![vec![]],
        settled: vec![true],
    };
    let mut layer = vec![(0_u32, c, ghost)];
    let mut transitions = 0;
    while !layer.is_empty() {
        let mut next_layer = Vec::new();
        for (at, c, ghost) in layer {
            let expiries: Vec<Op> = c.deadlines().cloned().map(Op::Expire).collect();
            for op in session.ops.iter().chain(&expiries) {
                // A second viewer differs from the first in nothing.
                if ghost.viewers > 0 && *op == Op::Event(Event::ViewerCame) {
                    continue;
                }
                let (mut c, mut ghost) = (c.clone(), ghost.clone());
                step(&mut c, &mut ghost, Time(0), op).map_err(|why| {
                    format!(
                        "{why}\nin {} after\n  {}",
                        session.name,
                        graph.story(at, op)
                    )
                })?;
                c.forget_times();
                transitions += 1;
                let fresh = graph.from.len() as u32;
                let to = *graph.index.entry(key(&c, &ghost)).or_insert(fresh);
                if matches!(op, Op::Choose(_) | Op::Expire(_)) && to != at {
                    graph.escapes[at as usize].push(to);
                }
                if to == fresh {
                    if graph.from.len() > CAP {
                        return Err(format!("{}: more than {CAP} states", session.name));
                    }
                    graph.from.push((at, op.clone()));
                    graph.escapes.push(vec![]);
                    graph.settled.push(c.phase().is_none());
                    next_layer.push((to, c, ghost));
                }
            }
        }
        layer = next_layer;
    }
    every_state_has_a_way_out(&graph)?;
    Ok((graph.from.len(), transitions))
}

/// From each state some sequence of choices and time-outs reaches an outcome.
fn every_state_has_a_way_out(graph: &Graph) -> Result<(), String> {
    let mut back = vec![Vec::new(); graph.from.len()];
    for (from, tos) in graph.escapes.iter().enumerate() {
        for to in tos {
            back[*to as usize].push(from as u32);
        }
    }
    let mut reaches = graph.settled.clone();
    let mut todo: Vec<u32> = (0..)
        .zip(&reaches)
        .filter(|(_, r)| **r)
        .map(|(n, _)| n)
        .collect();
    while let Some(n) = todo.pop() {
        for from in &back[n as usize] {
            if !std::mem::replace(&mut reaches[*from as usize], true) {
                todo.push(*from);
            }
        }
    }
    match reaches.iter().position(|r| !r) {
        None => Ok(()),
        Some(n) => {
            let (from, op) = &graph.from[n];
            Err(format!("no way out after\n  {}", graph.story(*from, op)))
        }
    }
}

fn assert_holds(session: &Session) {
    let begun = std::time::Instant::now();
    match search(session) {
        Ok((states, transitions)) => {
            println!(
                "{} ({:.0?}): {states} states, {transitions} transitions, no depth limit",
                session.name,
                begun.elapsed()
            );
        }
        Err(why) => panic!("{why}"),
    }
}

macro_rules! search {
    ($($test:ident: $session:ident;)*) => {
        $(#[test] fn $test() { assert_holds(&$session()); })*
    };
}

search! {
    every_order_of_votes: voters;
    every_order_of_silence: silence;
    every_order_of_windows: windows;
    every_order_of_holds: holds;
    every_kind_of_request: requests;
    every_order_of_viewers: viewers;
    every_order_of_an_imposed_end: imposed;
}

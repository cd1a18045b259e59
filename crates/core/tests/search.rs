//! Every order of events, in small sessions: a breadth-first search over all reachable states of
//! the coordinator, with every invariant checked in each, and with the question asked of each
//! whether choices and time-outs alone lead to an outcome.
//!
//! Time is abstracted: any pending deadline may be the next to expire, which covers every real
//! order and more. There is no depth limit; the number of states is printed and bounded only by
//! a cap that fails the test.
#![allow(missing_docs)]

mod sessions;
mod support;

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};
use std::sync::Mutex;

use endsession_core::*;
use sessions::{Session, plain};
use support::{Ghost, Op, step};

/// More states than this, and a session is not small.
const CAP: usize = 1_000_000;

/// A fast hash of good quality: each word is folded in by a multiplication to 128 bits. Nobody
/// attacks a test, and the default hasher takes a third of its time.
#[derive(Default)]
struct Fold(u64);

impl Hasher for Fold {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        self.write_u64(u64::from_le_bytes(word));
    }

    fn write_u8(&mut self, n: u8) {
        self.write_u64(n.into());
    }

    fn write_u16(&mut self, n: u16) {
        self.write_u64(n.into());
    }

    fn write_u32(&mut self, n: u32) {
        self.write_u64(n.into());
    }

    fn write_u64(&mut self, n: u64) {
        let mixed = self.0 ^ n ^ 0x9e37_79b9_7f4a_7c15;
        let wide = u128::from(mixed) * 0xda94_2042_e4dd_58b5_u128;
        self.0 = (wide as u64).rotate_left(23) ^ ((wide >> 64) as u64);
    }

    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }

    fn finish(&self) -> u64 {
        let wide = u128::from(self.0 ^ 0xe703_7ed1_a0b4_28db) * 0x8ebc_6af0_9c88_c6e3_u128;
        (wide as u64) ^ ((wide >> 64) as u64)
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
    let hasher = BuildHasherDefault::<Fold>::default();
    let key = |c: &Coordinator, g: &Ghost| hasher.hash_one((c, g));
    let (mut c, mut ghost) = (Coordinator::new(Policy::default()), Ghost::default());
    for op in session.setup() {
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

/// Sessions searched, states and transitions, of all tests of this run.
static TOTAL: Mutex<(usize, usize, usize)> = Mutex::new((0, 0, 0));

fn assert_holds(session: &Session) {
    let begun = std::time::Instant::now();
    let (states, transitions) = search(session).unwrap_or_else(|why| panic!("{why}"));
    let took = begun.elapsed();
    let name = session.name;
    println!("{name} ({took:.1?}): {states} states, {transitions} transitions, no depth limit");
    let mut total = TOTAL
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    *total = (total.0 + 1, total.1 + states, total.2 + transitions);
    if total.0 == SESSIONS {
        let (n, states, transitions) = *total;
        println!("total of {n} sessions: {states} states, {transitions} transitions");
    }
}

macro_rules! search {
    ($($test:ident: $session:ident;)*) => {
        $(#[test] fn $test() { assert_holds(&sessions::$session()); })*
        const SESSIONS: usize = [$(stringify!($test)),*].len();
    };
}

search! {
    every_order_of_votes: votes;
    every_order_of_turns: turns;
    every_order_of_last_words: last_words;
    every_order_of_dialogs_of_clients: dialogs_of_clients;
    every_order_of_abstentions: abstentions;
    every_order_of_silence: silence;
    every_order_of_ending_one_alone: alone;
    every_order_of_save_dialogs: dialogs;
    every_order_of_windows_without_a_process: trays;
    every_order_of_registrations: registrations;
    every_order_of_holds: holds;
    every_order_of_hosts: hosts;
    every_order_of_guests: guests;
    every_order_of_bundles: bundles;
    every_order_of_bundles_that_change: bundles_that_change;
    every_order_of_two_bundles: two_bundles;
    every_order_of_an_imposed_end_of_bundles: imposed_bundles;
    every_order_of_groups: groups;
    every_order_of_a_requester: requester;
    every_kind_of_request: requests;
    every_order_with_nobody_there: unattended;
    every_order_of_viewers: viewers;
    every_order_of_leave: leave_to_power_off;
    every_order_of_leave_for_what_is_forced: leave_by_force;
    every_order_of_a_machine_that_goes_down: goes_down;
    every_order_of_an_imposed_end_of_votes: imposed_votes;
    every_order_of_an_imposed_end_of_windows: imposed_windows;
    every_order_of_ignoring: ignoring;
    every_order_of_ignored_guests: ignored_guests;
    every_order_of_ignoring_in_an_imposed_end: ignoring_imposed;
    every_order_of_ending_anyway: anyway;
    every_order_of_hooks: hooks;
}

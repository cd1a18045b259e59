//! In which order processes end, told by the kernel. It proves that a compositor outlived its
//! applications.

use std::{
    os::fd::OwnedFd,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rustix::{
    buffer::spare_capacity,
    event::{EventfdFlags, epoll, eventfd},
    io::{Errno, write},
};

use crate::wait::{Deadline, pidfd};

/// One process that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The name it was watched under.
    pub name: String,
    /// Its process id.
    pub pid: u32,
    /// When its end was seen. The order of the list is exact; this is a few microseconds late.
    pub at: Instant,
}

/// Watches processes, of whatever parent, and records the order in which they end.
///
/// The order is that of an epoll's ready list, to which the kernel appends as each process ends: so
/// it is right even for two ends within one time slice of this process.
#[derive(Debug)]
pub struct ExitOrder {
    epoll: Arc<OwnedFd>,
    stop: OwnedFd,
    state: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Debug, Default)]
struct State {
    watched: Vec<(String, u32, OwnedFd)>,
    exits: Vec<Exit>,
}

/// The epoll key of the descriptor that stops the thread.
const STOP: u64 = u64::MAX;

impl ExitOrder {
    pub(crate) fn new() -> Self {
        let epoll = Arc::new(epoll::create(epoll::CreateFlags::CLOEXEC).expect("epoll_create"));
        let stop = eventfd(0, EventfdFlags::CLOEXEC).expect("eventfd");
        let data = epoll::EventData::new_u64(STOP);
        epoll::add(&epoll, &stop, data, epoll::EventFlags::IN).expect("epoll_ctl");
        let state = Arc::<(Mutex<State>, Condvar)>::default();
        let (poller, shared) = (epoll.clone(), state.clone());
        std::thread::Builder::new()
            .name("testkit-exits".into())
            .spawn(move || collect(&poller, &shared))
            .expect("a thread");
        Self { epoll, stop, state }
    }

    /// Watches process `pid` under `name`. One that is already gone counts as ending now.
    pub fn watch(&self, name: impl Into<String>, pid: u32) {
        let name = name.into();
        let mut state = lock(&self.state);
        match pidfd(pid) {
            Some(process) => {
                let data = epoll::EventData::new_u64(state.watched.len() as u64);
                // One shot: a process that has ended stays readable for ever.
                let flags = epoll::EventFlags::IN | epoll::EventFlags::ONESHOT;
                epoll::add(&self.epoll, &process, data, flags).expect("epoll_ctl");
                state.watched.push((name, pid, process));
            }
            None => state.exits.push(Exit {
                name,
                pid,
                at: Instant::now(),
            }),
        }
    }

    /// Those that have ended so far, first to last.
    pub fn exits(&self) -> Vec<Exit> {
        lock(&self.state).exits.clone()
    }

    /// The names of those that have ended so far, first to last.
    pub fn order(&self) -> Vec<String> {
        self.exits().into_iter().map(|exit| exit.name).collect()
    }

    /// Waits until `count` of the watched have ended, and returns their names, first to last.
    ///
    /// # Panics
    /// When `limit` runs out; the message says which have ended.
    #[track_caller]
    pub fn wait_for(&self, count: usize, limit: Duration) -> Vec<String> {
        let deadline = Deadline::after(limit);
        let mut state = lock(&self.state);
        while state.exits.len() < count {
            if deadline.passed() {
                let ended: Vec<_> = state.exits.iter().map(|exit| &exit.name).collect();
                let watched: Vec<_> = state.watched.iter().map(|(name, ..)| name).collect();
                panic!("within {limit:?} only {ended:?} of {watched:?} ended, not {count}");
            }
            let waited = self.state.1.wait_timeout(state, deadline.left());
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.exits.iter().map(|exit| exit.name.clone()).collect()
    }
}

impl Drop for ExitOrder {
    fn drop(&mut self) {
        let _ = write(&self.stop, &1_u64.to_ne_bytes());
    }
}

fn lock(state: &(Mutex<State>, Condvar)) -> MutexGuard<'_, State> {
    state.0.lock().unwrap_or_else(PoisonError::into_inner)
}

fn collect(poller: &OwnedFd, shared: &(Mutex<State>, Condvar)) {
    let mut events = Vec::with_capacity(64);
    loop {
        events.clear();
        match epoll::wait(poller, spare_capacity(&mut events), None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return,
        }
        let mut state = lock(shared);
        for event in &events {
            let key = event.data.u64();
            if key == STOP {
                return;
            }
            let Some((name, pid, _)) = state.watched.get(key as usize) else {
                continue;
            };
            let exit = Exit {
                name: name.clone(),
                pid: *pid,
                at: Instant::now(),
            };
            state.exits.push(exit);
        }
        shared.1.notify_all();
    }
}

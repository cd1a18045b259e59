//! What the application's values and the backend's threads share: the queue of events, the query that is open, the holds. No I/O, no clock.
//!
//! It is where a late answer is thrown away, where an answer never comes twice, and from where a backend that was started anew learns what is held.
//! Nothing a peer sends makes it grow: one query and one end are open at a time, and events that were not yet taken are replaced by later ones.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    task::Waker,
};

use crate::{
    Backend, End, Ending, Event, Query, What,
    backend::{Command, Commands},
    hold::HoldId,
    query::Answer,
};

/// Which query or end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// An event that nobody has taken yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    Query(Ticket, Ending),
    Cancelled,
    End(Ticket, Ending),
    Backend(Backend),
}

/// What is held.
#[derive(Clone, Debug)]
struct Held {
    what: What,
    reason: String,
    /// What the backend said it cannot hold.
    refused: What,
}

#[derive(Default)]
struct State {
    last: u64,
    /// The query that may be answered.
    open: Option<Ticket>,
    /// Whether the application has taken a query or an end and not yet been told that it was called off.
    is_told: bool,
    end: Option<Ticket>,
    holds: BTreeMap<HoldId, Held>,
    backend: Option<Backend>,
    events: VecDeque<Waiting>,
    waker: Option<Waker>,
    is_closed: bool,
}

/// See the [module](self).
pub(crate) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// `None` until the backend is started.
    commands: OnceLock<Box<dyn Commands>>,
}

impl Shared {
    pub(crate) fn new() -> Arc<Self> {
        let shared = Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            commands: OnceLock::new(),
        };
        Arc::new(shared)
    }

    /// No code of others runs under the lock, so one that panicked has left it whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where commands go from now on. What was said before it was known has not been lost: holds are in [`Shared::holds`].
    pub(crate) fn commands_go_to(&self, commands: Box<dyn Commands>) {
        // Set once, by the one who started the backend.
        let _ = self.commands.set(commands);
    }

    fn send(&self, command: Command) {
        if let Some(commands) = self.commands.get() {
            commands.send(command);
        }
    }

    fn emit(&self, state: &mut State, event: Waiting) {
        state.events.push_back(event);
        self.changed.notify_all();
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    // What a backend says.

    /// The session is to end. Its answer comes as [`Command::Answer`] with the ticket. A query that is still open is over by this.
    pub(crate) fn query(&self, ending: Ending) -> Ticket {
        let mut state = self.state();
        let ticket = state.next();
        state.forget_untaken();
        state.open = Some(ticket);
        self.emit(&mut state, Waiting::Query(ticket, ending));
        ticket
    }

    /// The end was called off, whatever the application answered. It is told unless it never knew.
    pub(crate) fn cancelled(&self) {
        let mut state = self.state();
        state.open = None;
        state.forget_untaken();
        if std::mem::take(&mut state.is_told) {
            self.emit(&mut state, Waiting::Cancelled);
        }
    }

    /// The end has come. [`Command::Ended`] with the ticket says that the application is done. Once it is told, a query that was open is over.
    pub(crate) fn end(&self, ending: Ending) -> Ticket {
        let mut state = self.state();
        state.open = None;
        state.forget_untaken();
        let ticket = state.next();
        state.end = Some(ticket);
        self.emit(&mut state, Waiting::End(ticket, ending));
        ticket
    }

    /// Another backend is at work from now on, or the same again.
    pub(crate) fn backend_is(&self, backend: Backend) {
        let mut state = self.state();
        let is_first = state.backend.is_none();
        let is_same = state.backend.replace(backend) == Some(backend);
        // It is asked for each anew, and says itself what it refuses.
        for held in state.holds.values_mut() {
            held.refused = What::NOTHING;
        }
        if is_same || is_first {
            self.changed.notify_all();
            return;
        }
        state
            .events
            .retain(|event| !matches!(event, Waiting::Backend(_)));
        self.emit(&mut state, Waiting::Backend(backend));
    }

    /// What is held, for a backend that begins.
    #[cfg_attr(windows, allow(dead_code, reason = "Windows does not come and go"))]
    pub(crate) fn holds(&self) -> Vec<(HoldId, What, String)> {
        let state = self.state();
        let holds = state.holds.iter();
        holds
            .map(|(id, held)| (*id, held.what, held.reason.clone()))
            .collect()
    }

    /// A part of a hold was refused; [`What::NOTHING`]: none of it.
    pub(crate) fn hold_refused(&self, id: HoldId, refused: What) {
        if let Some(held) = self.state().holds.get_mut(&id) {
            held.refused = refused;
        }
    }

    /// Whether a query or an end waits for the application to take it.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code))]
    pub(crate) fn is_ignored(&self) -> bool {
        let state = self.state();
        let is_question = |event: &Waiting| matches!(event, Waiting::Query(..) | Waiting::End(..));
        state.events.iter().any(is_question)
    }

    // What the application's values say.

    pub(crate) fn is_open(&self, ticket: Ticket) -> bool {
        self.state().open == Some(ticket)
    }

    /// Takes the answer where the query is open still; a later one is thrown away.
    pub(crate) fn answer(&self, ticket: Ticket, answer: Answer) {
        let mut state = self.state();
        if state.open != Some(ticket) {
            return;
        }
        if !matches!(answer, Answer::AskingUser { .. }) {
            state.open = None;
        }
        drop(state);
        self.send(Command::Answer(ticket, answer));
    }

    pub(crate) fn ended(&self, ticket: Ticket) {
        let mut state = self.state();
        if state.end != Some(ticket) {
            return;
        }
        state.end = None;
        drop(state);
        self.send(Command::Ended(ticket));
    }

    pub(crate) fn hold(&self, what: What, reason: String) -> HoldId {
        let mut state = self.state();
        let id = HoldId(state.next().0);
        let held = Held {
            what,
            reason: reason.clone(),
            refused: What::NOTHING,
        };
        state.holds.insert(id, held);
        drop(state);
        self.send(Command::Hold { id, what, reason });
        id
    }

    pub(crate) fn set_reason(&self, id: HoldId, reason: String) {
        let mut state = self.state();
        match state.holds.get_mut(&id) {
            Some(held) if held.reason != reason => held.reason.clone_from(&reason),
            _ => return,
        }
        drop(state);
        self.send(Command::Reason { id, reason });
    }

    pub(crate) fn held(&self, id: HoldId) -> What {
        let state = self.state();
        let supported = state.backend.map_or(What::NOTHING, |b| b.support().holds());
        let held = state.holds.get(&id);
        held.map_or(What::NOTHING, |held| {
            let kept = held.what.intersection(supported);
            kept.without(held.refused)
        })
    }

    pub(crate) fn release(&self, id: HoldId) {
        if self.state().holds.remove(&id).is_some() {
            self.send(Command::Release(id));
        }
    }

    pub(crate) fn backend(&self) -> Option<Backend> {
        self.state().backend
    }

    /// Waits until a backend is at work, at most `limit`.
    pub(crate) fn wait_for_backend(&self, limit: std::time::Duration) {
        let state = self.state();
        let is_pending = |state: &mut State| state.backend.is_none();
        // Both outcomes are told by `backend`.
        drop(
            self.changed
                .wait_timeout_while(state, limit, is_pending)
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    /// The application wants nothing more.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        if std::mem::replace(&mut state.is_closed, true) {
            return;
        }
        state.events.clear();
        self.changed.notify_all();
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        self.send(Command::Close);
    }

    // The queue.

    /// The next event, if there is one; `Err` when there will be none.
    pub(crate) fn take(self: &Arc<Self>) -> Result<Option<Event>, Closed> {
        let mut state = self.state();
        self.take_from(&mut state)
    }

    /// As [`take`](Self::take); where there is none yet, `waker` is woken when there is.
    pub(crate) fn take_or_wake(self: &Arc<Self>, waker: &Waker) -> Result<Option<Event>, Closed> {
        let mut state = self.state();
        let taken = self.take_from(&mut state);
        if matches!(taken, Ok(None)) {
            state.waker = Some(waker.clone());
        }
        taken
    }

    /// As [`take`](Self::take), waiting for one, at most until `deadline`.
    pub(crate) fn take_by(
        self: &Arc<Self>,
        deadline: Option<std::time::Instant>,
    ) -> Result<Option<Event>, Closed> {
        let mut state = self.state();
        loop {
            if let Some(event) = self.take_from(&mut state)? {
                return Ok(Some(event));
            }
            state = match deadline {
                None => self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(std::time::Instant::now());
                    if left.is_zero() {
                        return Ok(None);
                    }
                    let waited = self.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn take_from(self: &Arc<Self>, state: &mut State) -> Result<Option<Event>, Closed> {
        if state.is_closed {
            return Err(Closed);
        }
        let event = state.events.pop_front().map(|waiting| match waiting {
            Waiting::Query(ticket, ending) => {
                state.is_told = true;
                Event::Query(Query::new(Arc::clone(self), ticket, ending))
            }
            Waiting::Cancelled => Event::Cancelled,
            Waiting::End(ticket, ending) => {
                state.is_told = true;
                Event::End(End::new(Arc::clone(self), ticket, ending))
            }
            Waiting::Backend(backend) => Event::Backend(backend),
        });
        Ok(event)
    }
}

/// There will be no further event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed;

impl State {
    fn next(&mut self) -> Ticket {
        self.last += 1;
        Ticket(self.last)
    }

    /// A query or an end that the application has not taken is as if it had not been: what comes now takes its place.
    fn forget_untaken(&mut self) {
        let is_question = |event: &Waiting| matches!(event, Waiting::Query(..) | Waiting::End(..));
        if self
            .events
            .iter()
            .any(|event| matches!(event, Waiting::End(..)))
        {
            self.end = None;
        }
        self.events.retain(|event| !is_question(event));
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

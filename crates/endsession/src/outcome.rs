//! What became of a request.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Condvar, Mutex, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

/// What became of an [`EndRequest`](crate::EndRequest).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// Nothing can stop it any more: this program is about to be told and ended too.
    Ending,
    /// It was called off, by the user or by what blocked it.
    Cancelled {
        /// Who refused and why, as far as it is told.
        blockers: Vec<Blocker>,
    },
    /// It could not be done.
    Failed {
        /// What failed, in words.
        why: String,
    },
    /// It was begun, and whoever does it tells no more: Windows, and most session managers. This program's own events tell the rest.
    Begun,
}

/// Who refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Blocker {
    /// The program, as the session manager names it.
    pub name: String,
    /// Its reason; empty where none is told.
    pub reason: String,
}

/// A request that is under way. Wait for its [`Outcome`], await it, or drop this: the request goes on.
#[must_use = "the request goes on whether or not its outcome is waited for"]
pub struct Pending {
    slot: Arc<Slot>,
}

/// The half of whoever carries the request out. Dropped, it says that nothing more is told.
pub(crate) struct Resolver {
    slot: Arc<Slot>,
}

#[derive(Default)]
struct Slot {
    state: Mutex<(Option<Outcome>, Option<Waker>)>,
    changed: Condvar,
}

/// A request that was just begun.
pub(crate) fn pending() -> (Resolver, Pending) {
    let slot = Arc::<Slot>::default();
    let resolver = Resolver {
        slot: Arc::clone(&slot),
    };
    (resolver, Pending { slot })
}

impl Resolver {
    #[cfg_attr(windows, allow(dead_code, reason = "Windows tells no outcome"))]
    pub(crate) fn resolve(self, outcome: Outcome) {
        self.set(outcome);
    }

    fn set(&self, outcome: Outcome) {
        let mut state = self
            .slot
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let waker = state.1.take();
        // The first word counts: dropping comes after resolving.
        state.0.get_or_insert(outcome);
        drop(state);
        self.slot.changed.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.set(Outcome::Begun);
    }
}

impl Pending {
    /// A request of which nothing more is told.
    #[cfg_attr(not(windows), allow(dead_code))]
    pub(crate) fn begun() -> Self {
        pending().1
    }

    /// Waits for the outcome. A session manager that asks its user may take minutes. A program that has a [`Client`](crate::Client) is asked too: it takes its
    /// events meanwhile, on another thread, or the end waits for it.
    #[must_use]
    pub fn wait(self) -> Outcome {
        let state = self
            .slot
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .slot
            .changed
            .wait_while(state, |state| state.0.is_none());
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        // It was waited for.
        state.0.take().unwrap_or(Outcome::Begun)
    }

    /// The outcome, where it is there within `limit`.
    #[must_use]
    pub fn wait_within(&self, limit: Duration) -> Option<Outcome> {
        let state = self
            .slot
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .slot
            .changed
            .wait_timeout_while(state, limit, |state| state.0.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.0.clone()
    }
}

impl Future for Pending {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let mut state = self
            .slot
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match &state.0 {
            Some(outcome) => Poll::Ready(outcome.clone()),
            None => {
                state.1 = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_outcome_counts() {
        let (resolver, pending) = pending();
        assert_eq!(pending.wait_within(Duration::ZERO), None);
        resolver.resolve(Outcome::Ending);
        assert_eq!(pending.wait_within(Duration::ZERO), Some(Outcome::Ending));
        assert_eq!(pending.wait(), Outcome::Ending);
    }

    #[test]
    fn whoever_goes_without_a_word_has_begun_it() {
        let (resolver, pending) = pending();
        drop(resolver);
        assert_eq!(pending.wait(), Outcome::Begun);
    }

    #[test]
    fn an_outcome_wakes_who_awaits_it() {
        use std::task::Wake;
        struct Flag(std::sync::atomic::AtomicBool);
        impl Wake for Flag {
            fn wake(self: Arc<Self>) {
                self.0.store(true, std::sync::atomic::Ordering::SeqCst);
            }
        }
        let flag = Arc::new(Flag(false.into()));
        let waker = Waker::from(Arc::clone(&flag));
        let mut context = Context::from_waker(&waker);
        let (resolver, mut pending) = pending();
        assert!(Pin::new(&mut pending).poll(&mut context).is_pending());
        resolver.resolve(Outcome::Ending);
        assert!(flag.0.load(std::sync::atomic::Ordering::SeqCst));
        assert_eq!(
            Pin::new(&mut pending).poll(&mut context),
            Poll::Ready(Outcome::Ending)
        );
    }
}

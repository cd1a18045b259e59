//! What the application is told, and three ways to take it: waiting, looking, awaiting.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use crate::{Backend, End, Query, client::Handle, shared::Shared};

/// What the application is told.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The session is to end; whether it may wants an answer.
    Query(Query),
    /// The session ends now: clean up and exit. Some platforms end a session without a query before it.
    End(End),
    /// The end that was asked about, or told, was called off. Everything goes on.
    Cancelled,
    /// Another session manager is there, or none any more; holds are kept and told to it. Nothing needs to be done.
    Backend(Backend),
}

/// The events, in their order. Made by [`Builder::connect`](crate::Builder::connect).
///
/// Take them on a thread of their own (it is an iterator that waits), look for them in an event loop's turn ([`try_next`](Self::try_next)), or await them
/// ([`next_async`](Self::next_async)) in any executor. An application whose events nobody takes is one that does not answer: drop its [`Client`](crate::Client)
/// and this, and it is asked no more.
pub struct Events {
    handle: Arc<Handle>,
}

impl Events {
    pub(crate) fn new(handle: Arc<Handle>) -> Self {
        Self { handle }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }

    /// The next event, if there is one now.
    pub fn try_next(&mut self) -> Option<Event> {
        self.shared().take().ok().flatten()
    }

    /// The next event, waiting for it at most `limit`.
    pub fn next_within(&mut self, limit: Duration) -> Option<Event> {
        // One too far away to be said is as good as none.
        let deadline = Instant::now().checked_add(limit);
        self.shared().take_by(deadline).ok().flatten()
    }

    /// The next event, awaited. Dropping the future loses nothing.
    pub fn next_async(&mut self) -> Next<'_> {
        Next { events: self }
    }

    /// The next event, for those who write futures themselves. `Ready(None)` never comes while this value lives.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Event>> {
        match self.shared().take_or_wake(context.waker()) {
            Ok(Some(event)) => Poll::Ready(Some(event)),
            Ok(None) => Poll::Pending,
            Err(_) => Poll::Ready(None),
        }
    }
}

/// Waits for each event; does not end while it is held.
impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.shared().take_by(None).ok().flatten()
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

/// The future of [`Events::next_async`].
#[must_use = "a future does nothing unless it is awaited"]
#[derive(Debug)]
pub struct Next<'a> {
    events: &'a mut Events,
}

impl Future for Next<'_> {
    type Output = Option<Event>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.events.poll_next(context)
    }
}

/// Gives every event to `callback`, on a thread of its own, until the application closes its client. A callback that waits for its user keeps
/// nobody but itself from its events.
pub(crate) fn dispatch(
    shared: Arc<Shared>,
    mut callback: impl FnMut(Event) + Send + 'static,
) -> std::io::Result<()> {
    std::thread::Builder::new()
        .name("endsession-events".into())
        .spawn(move || {
            while let Ok(event) = shared.take_by(None) {
                event.into_iter().for_each(&mut callback);
            }
        })
        .map(drop)
}

//! Requests to a compositor that takes one a connection: sent one after another, each with a limit,
//! while whoever sent them goes on.
//!
//! May touch the one socket it was given.

use std::{
    collections::VecDeque,
    fmt,
    future::{Future, pending},
    path::PathBuf,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use super::{
    display::MAX_WINDOWS,
    talk::{Talk, TalkError, limited},
};

/// Requests that may wait. Every window closed and shown is two a window; past that the compositor
/// does not answer.
const MAX_WAITING: usize = 2 * MAX_WINDOWS;

/// How an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// With the connection.
    Hanging,
    /// With a line.
    Line,
}

type Answer = Result<Vec<u8>, TalkError>;

type Asking = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// The requests to one socket. Each has a tag, with which its answer comes back.
pub(crate) struct Errands<T> {
    socket: PathBuf,
    ends: Ends,
    waiting: VecDeque<(T, String)>,
    under_way: Option<(T, Asking)>,
}

impl<T: Copy + PartialEq> Errands<T> {
    pub(crate) fn to(socket: PathBuf, ends: Ends) -> Self {
        Self {
            socket,
            ends,
            waiting: VecDeque::new(),
            under_way: None,
        }
    }

    /// Sends a request when those before it are done.
    pub(crate) fn send(&mut self, tag: T, request: String) {
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push_back((tag, request));
        } else {
            tracing::warn!("{} is behind; a request is lost", self.socket.display());
        }
    }

    /// Whether one with this tag waits.
    pub(crate) fn waits(&self, tag: T) -> bool {
        self.waiting.iter().any(|(t, _)| *t == tag)
    }

    /// Whether one with this tag is under way.
    pub(crate) fn is_under_way(&self, tag: T) -> bool {
        self.under_way.as_ref().is_some_and(|(t, _)| *t == tag)
    }

    /// The next answer; for ever while nothing is asked. Cancel-safe.
    pub(crate) async fn next(&mut self) -> (T, Answer) {
        self.begin();
        let Some((tag, request)) = &mut self.under_way else {
            return pending().await;
        };
        let answer = (*tag, request.await);
        self.under_way = None;
        answer
    }

    /// An answer that has already arrived. Nobody is woken by this look: whoever waits does so in
    /// [`Self::next`], which looks again.
    pub(crate) fn try_next(&mut self) -> Option<(T, Answer)> {
        self.begin();
        let (tag, request) = self.under_way.as_mut()?;
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(answer) = request.as_mut().poll(&mut context) else {
            return None;
        };
        let tag = *tag;
        self.under_way = None;
        Some((tag, answer))
    }

    fn begin(&mut self) {
        if self.under_way.is_some() {
            return;
        }
        if let Some((tag, request)) = self.waiting.pop_front() {
            let asking = ask(self.socket.clone(), request, self.ends);
            self.under_way = Some((tag, Box::pin(asking)));
        }
    }
}

/// Sends one request and waits for its answer, no longer than the limit.
pub(crate) async fn ask(socket: PathBuf, request: String, ends: Ends) -> Answer {
    let what = || format!("the IPC at {}", socket.display());
    let asking = async {
        let mut talk = Talk::with("the IPC", &socket).await?;
        talk.say(request.as_bytes());
        match ends {
            Ends::Hanging => talk.hear_out().await,
            Ends::Line => talk.hear_line().await,
        }
    };
    limited(what, asking).await
}

impl<T: fmt::Debug> fmt::Debug for Errands<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Errands")
            .field("socket", &self.socket)
            .field("waiting", &self.waiting)
            .field("under_way", &self.under_way.as_ref().map(|(tag, _)| tag))
            .finish_non_exhaustive()
    }
}

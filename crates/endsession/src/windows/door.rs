//! A window that is asked and told: what its thread does with these messages. Which window, and how messages come to it, is `hidden` and `given`.
//!
//! While a question is open its thread goes on carrying out messages, so the application's own loop may be the one that takes the event and answers it.

use std::{
    cell::Cell,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{
    desk::{Desk, Standing, Step},
    system::{Handle, Pumped, System},
    words,
};
use crate::{
    backend::{Command, Commands},
    shared::Shared,
};

/// How long an application may leave a question unanswered before the user is told: a little less than the 5 s (`HungAppTimeout`) after which
/// Windows tells it itself, or ends a program without a visible window.
const LATE: Duration = Duration::from_millis(4_500);

/// How long it may take to clean up: what
/// [Windows](https://learn.microsoft.com/en-us/windows/win32/shutdown/wm-endsession) gives it.
const CLEAN_UP: Duration = Duration::from_secs(5);

/// How many messages may be waited with in one thread, each within the other. Any program of the desktop can send them, and each takes stack.
const MOST_NESTED: u32 = 8;

/// What the threads of a backend have in common.
pub(super) struct Host<S> {
    pub(super) system: S,
    pub(super) shared: Arc<Shared>,
    desk: Mutex<Desk>,
    /// Told of each command, for who waits without a loop.
    changed: Condvar,
    windows: Mutex<Windows>,
    /// Whether it was said already that reasons are not shown here.
    has_no_reasons: AtomicBool,
}

/// Whom to wake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Windows {
    /// The window of our own thread.
    pub(super) own: Option<Handle>,
    /// The application's.
    pub(super) given: Option<Handle>,
}

impl<S: System> Host<S> {
    pub(super) fn new(system: S, shared: Arc<Shared>, name: String) -> Arc<Self> {
        Arc::new(Self {
            system,
            shared,
            desk: Mutex::new(Desk::new(name)),
            changed: Condvar::new(),
            windows: Mutex::default(),
            has_no_reasons: AtomicBool::new(false),
        })
    }

    /// Nothing that waits, and no code of others, runs under this lock.
    pub(super) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn windows(&self) -> MutexGuard<'_, Windows> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take(&self, command: Command) {
        self.desk().take(command);
        self.changed.notify_all();
        self.wake();
    }

    /// Lets every thread look at what has changed.
    pub(super) fn wake(&self) {
        let Windows { own, given } = *self.windows();
        for window in [own, given].into_iter().flatten() {
            self.system.wake(window);
        }
    }

    /// Tells the end, and waits until the application has cleaned up, in a thread without windows.
    pub(super) fn end_and_wait(&self, ending: crate::Ending) {
        let mut desk = self.desk();
        let Some(ticket) = desk.end(&self.shared, ending) else {
            return;
        };
        let waits = |desk: &mut Desk| !desk.is_over(ticket);
        let waited = self.changed.wait_timeout_while(desk, CLEAN_UP, waits);
        desk = waited.unwrap_or_else(PoisonError::into_inner).0;
        desk.give_up(ticket);
    }
}

/// How the application reaches a [`Host`]. It does not keep it: the threads do, until the application has closed its client.
pub(super) struct Line<S>(pub(super) Weak<Host<S>>);

impl<S: System> Commands for Line<S> {
    fn send(&self, command: Command) {
        if let Some(host) = self.0.upgrade() {
            host.take(command);
        }
    }
}

/// See the [module](self). It lives in the thread of its window.
pub(super) struct Door<S> {
    host: Arc<Host<S>>,
    window: Handle,
    /// Whether the thread is the application's: nothing of it goes on, apart from messages, until it is answered.
    is_given: bool,
    /// The reason that is registered.
    registered: Cell<Option<String>>,
    nested: Cell<u32>,
}

impl<S: System> Door<S> {
    pub(super) fn new(host: Arc<Host<S>>, window: Handle, is_given: bool) -> Self {
        Self {
            host,
            window,
            is_given,
            registered: Cell::new(None),
            nested: Cell::new(0),
        }
    }

    pub(super) fn host(&self) -> &Arc<Host<S>> {
        &self.host
    }

    pub(super) fn window(&self) -> Handle {
        self.window
    }

    /// Something has changed: registers the reason that holds now, with the window, as Windows wants it in its own thread.
    pub(super) fn look(&self) {
        let wanted = self.host.desk().reason();
        let registered = self.registered.take();
        if wanted != registered {
            if registered.is_some() {
                self.host.system.unblock(self.window);
            }
            if let Some(reason) = &wanted
                && let Err(error) = self.host.system.block(self.window, reason)
                && !self.host.has_no_reasons.swap(true, Ordering::Relaxed)
            {
                tracing::warn!(
                    "Windows takes no reason for its user (ShutdownBlockReasonCreate: error {error}); a refusal counts all the same"
                );
            }
        }
        self.registered.set(wanted);
    }

    /// `WM_QUERYENDSESSION`: what to answer.
    pub(super) fn query(&self, lparam: isize) -> bool {
        let Some(_nested) = Nested::enter(self) else {
            return false;
        };
        let system = &self.host.system;
        let ending = words::ending(lparam, system.tells_kind());
        let ticket = match self.host.desk().query(&self.host.shared, ending) {
            Step::Say(answer) => return answer,
            Step::Wait(ticket) => ticket,
        };
        let late = system.now() + LATE;
        // The application's own dialog is open, in a loop of its own below this one on the stack. It can end only when this has returned.
        let was_modal = self.is_given && !system.is_enabled(self.window);
        loop {
            let standing = self.host.desk().standing(ticket);
            self.look();
            let (is_critical, is_asking) = match standing {
                Standing::Said(answer) => return answer,
                Standing::Open {
                    is_critical,
                    is_asking,
                } => (is_critical, is_asking),
            };
            let is_late = system.now() >= late;
            let has_closed = was_modal && system.is_enabled(self.window);
            if (is_late && (is_critical || self.is_given && !is_asking))
                || (has_closed && !is_asking)
            {
                self.host.desk().expire(ticket);
                continue;
            }
            if is_late {
                self.host.desk().late(ticket);
                self.look();
            }
            if system.pump((!is_late).then_some(late)) == Pumped::Quit {
                self.host.desk().leave(ticket);
            }
        }
    }

    /// `WM_ENDSESSION`. Once it has returned, Windows ends the process.
    pub(super) fn end(&self, is_ending: bool, lparam: isize) {
        let system = &self.host.system;
        if !is_ending {
            self.host.desk().cancelled(&self.host.shared);
            self.look();
            return;
        }
        let ending = words::ending(lparam, system.tells_kind());
        let Some(ticket) = self.host.desk().end(&self.host.shared, ending) else {
            return;
        };
        let Some(_nested) = Nested::enter(self) else {
            return;
        };
        self.look();
        let deadline = system.now() + CLEAN_UP;
        while !self.host.desk().is_over(ticket) {
            if system.now() >= deadline || system.pump(Some(deadline)) == Pumped::Quit {
                break;
            }
        }
        self.host.desk().give_up(ticket);
    }

    /// The window goes: takes back what is registered with it.
    pub(super) fn close(&self) {
        if self.registered.take().is_some() {
            self.host.system.unblock(self.window);
        }
    }
}

/// One message that is waited with.
struct Nested<'a, S: System>(&'a Door<S>);

impl<'a, S: System> Nested<'a, S> {
    fn enter(door: &'a Door<S>) -> Option<Self> {
        let now = door.nested.get() + 1;
        (now <= MOST_NESTED).then(|| {
            door.nested.set(now);
            Self(door)
        })
    }
}

impl<S: System> Drop for Nested<'_, S> {
    fn drop(&mut self) {
        let left = self.0.nested.get() - 1;
        self.0.nested.set(left);
        if left == 0 {
            self.0.host.system.give_back();
        }
    }
}

#[cfg(test)]
mod tests;

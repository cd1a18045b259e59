//! When the dialog is started, given up and told to end. Decisions alone: no process, no bus and
//! no clock; facts and the time come in, orders go out, so that every order of facts can be tried.

use std::collections::VecDeque;

use endsession_core::{Signal, Time};

/// In this time a dialog has to be seen. A cold start from a slow disk takes one second.
pub(crate) const SHOW_LIMIT: u64 = 5_000;

/// In this time it closes by itself once nothing is to be shown any more; then SIGTERM, and after
/// the same time SIGKILL.
pub(crate) const CLOSE_LIMIT: u64 = 2_000;

/// It is started so often in one request: what failed twice fails again, and each failure is a
/// time in which the user sees nothing.
const MAX_FAILURES: u8 = 2;

/// A fact.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Input {
    /// Something is to show the user what the request waits for, or no longer.
    Wanted(bool),
    /// Something else than the dialog shows it: a terminal, a bar.
    Elsewhere(bool),
    /// The screen was locked or unlocked.
    Locked(bool),
    /// The answer to [`Order::Start`] where that failed, and whether to try again makes sense.
    CannotStart { why: String, again: bool },
    /// The dialog says that the user sees it, or no longer does.
    Shows(bool),
    /// The dialog has left the bus, and its process is still there.
    LeftBus,
    /// The dialog's process has ended, in this way.
    Exited(String),
    /// The user asked for the same once more. `unseen`: by something that shows nothing itself, so
    /// whatever else says that it shows the request, this user does not look at it.
    AskedAgain { unseen: bool },
    /// The request has ended.
    Over,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Order {
    /// Start the dialog.
    Start,
    /// Signal its process.
    Signal(Signal),
    /// Say in the log that the dialog failed; whether it is started once more.
    Warn { why: String, again: bool },
    /// No dialog can be shown: say so in the log, and in a desktop notification.
    Notify,
    /// The notification is no longer needed.
    Withdraw,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Waits {
    Nothing,
    /// The dialog is to be seen.
    Show,
    /// It is to close by itself.
    Close,
    /// It is to end on SIGTERM.
    Term,
}

/// The dialog's process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Process {
    /// It was seen, and is still on the bus.
    seen: bool,
    /// At some time it was not needed: that it ends is no failure.
    released: bool,
    told: Option<Signal>,
}

/// The state of the supervision of one dialog.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Supervisor {
    /// There is a dialog to start.
    has_program: bool,
    wanted: bool,
    elsewhere: bool,
    /// The dialog is to be shown whatever else shows the request, until that is over.
    insisted: bool,
    locked: bool,
    process: Option<Process>,
    failures: u8,
    notified: bool,
    waits: Waits,
    deadline: Option<Time>,
    now: Time,
    orders: VecDeque<Order>,
}

impl Supervisor {
    pub(crate) fn new(has_program: bool) -> Self {
        Self {
            has_program,
            wanted: false,
            elsewhere: false,
            insisted: false,
            locked: false,
            process: None,
            failures: 0,
            notified: false,
            waits: Waits::Nothing,
            deadline: None,
            now: Time(0),
            orders: VecDeque::new(),
        }
    }

    /// Whether there is a dialog that could be started.
    pub(crate) fn has_program(&self) -> bool {
        self.has_program
    }

    /// When to call [`Supervisor::handle_timeout`].
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.deadline
    }

    /// Whether the user is to be shown something that nothing shows yet.
    fn is_needed(&self) -> bool {
        self.wanted && !self.is_elsewhere() && !self.locked
    }

    fn is_elsewhere(&self) -> bool {
        self.elsewhere && !self.insisted
    }

    /// Something happened at `now`.
    pub(crate) fn handle(&mut self, now: Time, input: Input) {
        self.now = self.now.max(now);
        match input {
            Input::Wanted(on) => self.wanted = on,
            Input::Elsewhere(on) => self.elsewhere = on,
            Input::Locked(on) => {
                if self.locked && !on {
                    // What failed behind the lock may have failed because of it.
                    self.failures = 0;
                }
                self.locked = on;
            }
            Input::CannotStart { why, again } => {
                self.process = None;
                if !again {
                    self.failures = MAX_FAILURES;
                }
                self.has_failed(why);
            }
            Input::Shows(on) => {
                if let Some(process) = &mut self.process {
                    // One that was seen may be covered later: it is there and works.
                    process.seen |= on;
                }
            }
            Input::LeftBus => {
                if let Some(process) = &mut self.process {
                    process.seen = false;
                    // From now on it is as one that has just been started.
                    self.waits = Waits::Nothing;
                }
            }
            Input::Exited(how) => {
                if let Some(process) = self.process.take()
                    && !process.released
                    && process.told.is_none()
                {
                    self.has_failed(format!("{how} while the request still waits"));
                }
            }
            Input::AskedAgain { unseen } => {
                self.failures = 0;
                self.insisted |= unseen;
                if let Some(process) = &mut self.process {
                    // One that hangs was seen as well: it has to say so once more.
                    process.seen = false;
                }
            }
            Input::Over => {
                self.wanted = false;
                self.insisted = false;
                self.failures = 0;
            }
        }
        self.settle();
    }

    /// `now` has come.
    pub(crate) fn handle_timeout(&mut self, now: Time) {
        self.now = self.now.max(now);
        if self.deadline.is_none_or(|at| at > self.now) {
            return;
        }
        self.deadline = None;
        let signal = match self.waits {
            Waits::Nothing => return,
            Waits::Show | Waits::Term => Signal::Kill,
            Waits::Close => Signal::Term,
        };
        if let Some(process) = &mut self.process {
            process.told = Some(signal);
            self.orders.push_back(Order::Signal(signal));
        }
        if self.waits == Waits::Show {
            self.has_failed(format!("it was not seen within {} s", SHOW_LIMIT / 1000));
        }
        self.settle();
    }

    /// The next thing to do, if any.
    pub(crate) fn poll(&mut self) -> Option<Order> {
        self.orders.pop_front()
    }

    fn has_failed(&mut self, why: String) {
        self.failures = self.failures.saturating_add(1).min(MAX_FAILURES);
        let again = self.failures < MAX_FAILURES;
        self.orders.push_back(Order::Warn { why, again });
    }

    fn settle(&mut self) {
        let needed = self.is_needed();
        let may_start = self.has_program && self.failures < MAX_FAILURES;
        match &mut self.process {
            Some(process) => process.released |= !needed,
            None if needed && may_start => {
                self.process = Some(Process::default());
                self.orders.push_back(Order::Start);
            }
            None => {}
        }
        let given_up = self.has_program && !may_start;
        if self.notified && (!self.wanted || self.is_elsewhere() || !given_up) {
            self.notified = false;
            self.orders.push_back(Order::Withdraw);
        } else if !self.notified && needed && given_up {
            self.notified = true;
            self.orders.push_back(Order::Notify);
        }
        self.arm(needed);
    }

    /// Sets the deadline of what is waited for, when that has become something else.
    fn arm(&mut self, needed: bool) {
        let (waits, after) = match &self.process {
            None => (Waits::Nothing, 0),
            Some(process) => match process.told {
                Some(Signal::Kill) => (Waits::Nothing, 0),
                Some(Signal::Term) => (Waits::Term, CLOSE_LIMIT),
                None if !self.wanted => (Waits::Close, CLOSE_LIMIT),
                None if needed && !process.seen => (Waits::Show, SHOW_LIMIT),
                None => (Waits::Nothing, 0),
            },
        };
        if waits == Waits::Nothing {
            self.deadline = None;
        } else if waits != self.waits {
            self.deadline = Some(self.now.plus(after));
        }
        self.waits = waits;
    }
}

#[cfg(test)]
mod tests;

//! A Windows that does nothing but write down what it is asked, in which thread. Messages are what a test has put into its thread's queue.

use std::{
    cell::RefCell,
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

use super::{Handle, PowerRequest, Pumped, System};
use crate::What;

/// What was called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Call {
    Block(Handle, String),
    Unblock(Handle),
    RequestPower(What, String, PowerRequest),
    EndPower(PowerRequest),
    KeepAwake(What),
    SetLevel(u32),
    RegisterRestart(String),
    PermitPowerOff,
    ExitWindows(u32, u32),
}

type Message = Box<dyn FnOnce() -> Pumped>;

thread_local! {
    static QUEUE: RefCell<VecDeque<Message>> = RefCell::default();
}

/// Puts a message into the calling thread's queue.
pub(in super::super) fn post(message: impl FnOnce() + 'static) {
    let message = Box::new(|| {
        message();
        Pumped::Went
    });
    QUEUE.with_borrow_mut(|queue| queue.push_back(message));
}

/// Puts `WM_QUIT` there.
pub(in super::super) fn post_quit() {
    QUEUE.with_borrow_mut(|queue| queue.push_back(Box::new(|| Pumped::Quit)));
}

/// See the [module](self).
pub(in super::super) struct Recorded {
    state: Mutex<State>,
    begin: Instant,
}

#[derive(Default)]
struct State {
    calls: Vec<Call>,
    threads: Vec<ThreadId>,
    elapsed: Duration,
    given_back: u32,
    is_disabled: bool,
    is_without_reasons: bool,
    is_without_power: bool,
    is_never_awake: bool,
    power_off_error: Option<u32>,
    exit_error: Option<u32>,
    last_request: PowerRequest,
}

impl Default for Recorded {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            begin: Instant::now(),
        }
    }
}

impl Recorded {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, call: Call) {
        let mut state = self.state();
        state.calls.push(call);
        state.threads.push(thread::current().id());
    }

    /// What was called since the last time.
    pub(in super::super) fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.state().calls)
    }

    /// The threads of all calls.
    pub(in super::super) fn threads(&self) -> Vec<ThreadId> {
        self.state().threads.clone()
    }

    /// How often a loop was given back its messages.
    pub(in super::super) fn given_back(&self) -> u32 {
        self.state().given_back
    }

    /// How much time has passed.
    pub(in super::super) fn elapsed(&self) -> Duration {
        self.state().elapsed
    }

    pub(in super::super) fn pass(&self, time: Duration) {
        self.state().elapsed += time;
    }

    pub(in super::super) fn disable(&self, is_disabled: bool) {
        self.state().is_disabled = is_disabled;
    }

    /// As Wine: error 120 for each reason.
    pub(in super::super) fn take_no_reasons(&self) {
        self.state().is_without_reasons = true;
    }

    pub(in super::super) fn take_no_power_requests(&self) {
        self.state().is_without_power = true;
    }

    pub(in super::super) fn never_stay_awake(&self) {
        self.state().is_never_awake = true;
    }

    pub(in super::super) fn refuse_power_off_with(&self, error: u32) {
        self.state().power_off_error = Some(error);
    }

    pub(in super::super) fn fail_exit_with(&self, error: u32) {
        self.state().exit_error = Some(error);
    }
}

impl System for Recorded {
    fn now(&self) -> Instant {
        self.begin + self.elapsed()
    }

    fn pump(&self, deadline: Option<Instant>) -> Pumped {
        let message = QUEUE.with_borrow_mut(VecDeque::pop_front);
        match (message, deadline) {
            (Some(message), _) => message(),
            (None, Some(deadline)) => {
                self.state().elapsed = deadline - self.begin;
                Pumped::Went
            }
            (None, None) => panic!("waits for ever"),
        }
    }

    fn give_back(&self) {
        self.state().given_back += 1;
    }

    fn wake(&self, _: Handle) {}

    fn is_enabled(&self, _: Handle) -> bool {
        !self.state().is_disabled
    }

    fn block(&self, window: Handle, reason: &str) -> Result<(), u32> {
        self.record(Call::Block(window, reason.to_owned()));
        if self.state().is_without_reasons {
            Err(120)
        } else {
            Ok(())
        }
    }

    fn unblock(&self, window: Handle) {
        self.record(Call::Unblock(window));
    }

    fn tells_kind(&self) -> bool {
        true
    }

    fn request_power(&self, what: What, reason: &str) -> Result<PowerRequest, u32> {
        let request = {
            let mut state = self.state();
            if state.is_without_power {
                return Err(120);
            }
            state.last_request += 1;
            state.last_request
        };
        self.record(Call::RequestPower(what, reason.to_owned(), request));
        Ok(request)
    }

    fn end_power(&self, request: PowerRequest) {
        self.record(Call::EndPower(request));
    }

    fn keep_awake(&self, what: What) -> bool {
        self.record(Call::KeepAwake(what));
        !self.state().is_never_awake
    }

    fn set_level(&self, level: u32) -> Result<(), u32> {
        self.record(Call::SetLevel(level));
        Ok(())
    }

    fn register_restart(&self, line: &str) -> Result<(), u32> {
        self.record(Call::RegisterRestart(line.to_owned()));
        Ok(())
    }

    fn permit_power_off(&self) -> Result<(), u32> {
        self.record(Call::PermitPowerOff);
        self.state().power_off_error.map_or(Ok(()), Err)
    }

    fn exit_windows(&self, flags: u32, reason: u32) -> Result<(), u32> {
        self.record(Call::ExitWindows(flags, reason));
        self.state().exit_error.map_or(Ok(()), Err)
    }
}

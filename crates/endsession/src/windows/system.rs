//! What the rest of this module asks of Windows, by name: `calls::Calls` is Windows, `recorded::Recorded` is the tests'.

use std::time::Instant;

use crate::What;

/// A window: its `HWND`.
pub(super) type Handle = isize;

/// A power request that Windows keeps: its `HANDLE`.
pub(super) type PowerRequest = isize;

/// What came of waiting for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pumped {
    /// A message was carried out, or the deadline has come.
    Went,
    /// The thread's loop is to end (`WM_QUIT`).
    Quit,
}

/// The calls. Where one fails with a number, that is `GetLastError`'s.
pub(super) trait System: Send + Sync + 'static {
    /// The time.
    fn now(&self) -> Instant;

    /// Waits for one message of the calling thread and carries it out, at most until `deadline`. Messages that others sent to its windows are carried out too, so
    /// the caller may be called again within this.
    fn pump(&self, deadline: Option<Instant>) -> Pumped;

    /// Gives the calling thread's own loop what [`pump`](Self::pump) could not carry out in its place: messages to the thread, of which only that loop knows what they mean.
    fn give_back(&self);

    /// Wakes the thread of `window`, which then calls [`Door::look`](super::door::Door::look). From any thread; a window that has gone takes nothing.
    fn wake(&self, window: Handle);

    /// Whether `window` takes the user's input: an application's own modal dialog disables it.
    fn is_enabled(&self, window: Handle) -> bool;

    /// [ShutdownBlockReasonCreate](https://learn.microsoft.com/en-us/windows/win32/api/winuser/nf-winuser-shutdownblockreasoncreate), on the window's thread.
    fn block(&self, window: Handle, reason: &str) -> Result<(), u32>;

    /// [ShutdownBlockReasonDestroy](https://learn.microsoft.com/en-us/windows/win32/api/winuser/nf-winuser-shutdownblockreasondestroy), on the window's thread.
    fn unblock(&self, window: Handle);

    /// Whether a `lParam` of 0 means that the machine shuts down. Wine sends nothing else, whatever ends.
    fn tells_kind(&self) -> bool;

    /// [PowerCreateRequest](https://learn.microsoft.com/en-us/windows/win32/api/winbase/nf-winbase-powercreaterequest) and PowerSetRequest for what `what` names of
    /// [`What::SLEEP`] and [`What::IDLE`]. From any thread.
    fn request_power(&self, what: What, reason: &str) -> Result<PowerRequest, u32>;

    /// Ends one.
    fn end_power(&self, request: PowerRequest);

    /// [SetThreadExecutionState](https://learn.microsoft.com/en-us/windows/win32/api/winbase/nf-winbase-setthreadexecutionstate): it holds while
    /// the calling thread lives. Whether that worked.
    fn keep_awake(&self, what: What) -> bool;

    /// [SetProcessShutdownParameters](https://learn.microsoft.com/en-us/windows/win32/api/processthreadsapi/nf-processthreadsapi-setprocessshutdownparameters).
    fn set_level(&self, level: u32) -> Result<(), u32>;

    /// [RegisterApplicationRestart](https://learn.microsoft.com/en-us/windows/win32/api/winbase/nf-winbase-registerapplicationrestart). The number is an `HRESULT`.
    fn register_restart(&self, line: &str) -> Result<(), u32>;

    /// Enables `SE_SHUTDOWN_NAME` for this process.
    fn permit_power_off(&self) -> Result<(), u32>;

    /// [ExitWindowsEx](https://learn.microsoft.com/en-us/windows/win32/api/winuser/nf-winuser-exitwindowsex).
    fn exit_windows(&self, flags: u32, reason: u32) -> Result<(), u32>;
}

#[cfg(test)]
pub(super) mod recorded;

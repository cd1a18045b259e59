//! The calls of Windows, each as safe as what it says of itself. Nothing is decided here.

use std::{cell::RefCell, mem, ptr, time::Instant};

use windows_sys::{
    Win32::{
        Foundation::{
            CloseHandle, ERROR_SUCCESS, GetLastError, HANDLE, HMODULE, HWND, INVALID_HANDLE_VALUE,
            LUID,
        },
        Security::{
            AdjustTokenPrivileges, LUID_AND_ATTRIBUTES, LookupPrivilegeValueW,
            SE_PRIVILEGE_ENABLED, SE_SHUTDOWN_NAME, TOKEN_ADJUST_PRIVILEGES, TOKEN_PRIVILEGES,
            TOKEN_QUERY,
        },
        System::{
            LibraryLoader::{
                GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT, GetModuleHandleExW, GetModuleHandleW,
                GetProcAddress,
            },
            Power::{
                ES_CONTINUOUS, ES_DISPLAY_REQUIRED, ES_SYSTEM_REQUIRED, PowerCreateRequest,
                PowerRequestDisplayRequired, PowerRequestSystemRequired, PowerSetRequest,
                SetThreadExecutionState,
            },
            Recovery::RegisterApplicationRestart,
            Shutdown::{ExitWindowsEx, ShutdownBlockReasonCreate, ShutdownBlockReasonDestroy},
            SystemServices::POWER_REQUEST_CONTEXT_VERSION,
            Threading::{
                GetCurrentProcess, GetCurrentThreadId, INFINITE, OpenProcessToken,
                POWER_REQUEST_CONTEXT_SIMPLE_STRING, REASON_CONTEXT, REASON_CONTEXT_0,
                SetProcessShutdownParameters,
            },
        },
        UI::{
            Input::KeyboardAndMouse::IsWindowEnabled,
            WindowsAndMessaging::{
                DispatchMessageW, GA_ROOT, GCW_ATOM, GetAncestor, GetClassLongW, IsDialogMessageW,
                MSG, MWMO_INPUTAVAILABLE, MsgWaitForMultipleObjectsEx, PM_REMOVE, PeekMessageW,
                PostMessageW, PostQuitMessage, PostThreadMessageW, QS_ALLINPUT,
                RegisterWindowMessageW, TranslateMessage, WM_QUIT, WM_TIMER,
            },
        },
    },
    core::{s, w},
};

use super::{
    system::{Handle, PowerRequest, Pumped, System},
    words::utf16,
};
use crate::What;

/// The class of dialogs, as Windows names it by number.
const DIALOG: u32 = 32770;

/// How many messages of a thread without a window are kept for its loop. Windows itself keeps 10,000.
const MOST_KEPT: usize = 10_000;

thread_local! {
    /// What only this thread's own loop can carry out.
    static KEPT: RefCell<Vec<MSG>> = const { RefCell::new(Vec::new()) };
}

/// Windows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calls {
    /// The message that wakes a window's thread.
    look: u32,
    is_wine: bool,
}

impl Calls {
    pub(super) fn new() -> Self {
        // SAFETY: the name is a constant that ends with 0.
        let look = unsafe { RegisterWindowMessageW(w!("endsession.look")) };
        Self {
            look,
            is_wine: is_wine(),
        }
    }

    /// The message with which [`System::wake`] wakes.
    pub(super) fn look(&self) -> u32 {
        self.look
    }
}

/// GetLastError.
pub(super) fn last_error() -> u32 {
    // SAFETY: it has no conditions.
    unsafe { GetLastError() }
}

/// The module that this code is in: the program, or a library that has the crate built in.
pub(super) fn module() -> HMODULE {
    let mut handle = ptr::null_mut();
    let flags =
        GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
    let within: *const u16 = (module as fn() -> HMODULE as *const ()).cast();
    // SAFETY: with these flags the name is any address within a module, and this function's is; `handle` takes one, which is not to be freed.
    unsafe { GetModuleHandleExW(flags, within, &raw mut handle) };
    handle
}

fn is_wine() -> bool {
    // SAFETY: both names are constants that end with 0; ntdll is in every process and stays. What is found is not called.
    unsafe {
        let ntdll = GetModuleHandleW(w!("ntdll.dll"));
        !ntdll.is_null() && GetProcAddress(ntdll, s!("wine_get_version")).is_some()
    }
}

fn result(is_done: i32) -> Result<(), u32> {
    if is_done == 0 {
        Err(last_error())
    } else {
        Ok(())
    }
}

fn hwnd(window: Handle) -> HWND {
    window as HWND
}

/// Carries `message` out as a loop does that has dialogs: Tab, Enter and Escape work in them.
fn dispatch(message: &MSG) {
    // SAFETY: the message is one that was just received; a window that has gone meanwhile is answered with an error. Windows runs procedures of
    // this thread's windows within it, which may run this function again.
    unsafe {
        let root = GetAncestor(message.hwnd, GA_ROOT);
        if !root.is_null()
            && GetClassLongW(root, GCW_ATOM) == DIALOG
            && IsDialogMessageW(root, message) != 0
        {
            return;
        }
        TranslateMessage(message);
        DispatchMessageW(message);
    }
}

impl System for Calls {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn pump(&self, deadline: Option<Instant>) -> Pumped {
        let mut message = MSG::default();
        // SAFETY: `message` takes one message; no window: those of all windows of this thread, and of the thread itself.
        if unsafe { PeekMessageW(&raw mut message, ptr::null_mut(), 0, 0, PM_REMOVE) } != 0 {
            if message.message == WM_QUIT {
                // For the loop that it was meant for.
                // SAFETY: it has no conditions.
                unsafe { PostQuitMessage(i32::try_from(message.wParam).unwrap_or(0)) };
                return Pumped::Quit;
            }
            if message.hwnd.is_null() && message.message != WM_TIMER {
                KEPT.with_borrow_mut(|kept| {
                    if kept.len() < MOST_KEPT {
                        kept.push(message);
                    }
                });
                return Pumped::Went;
            }
            dispatch(&message);
            return Pumped::Went;
        }
        let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        let left = left.map_or(INFINITE, |left| {
            // Rounded up, or it would look again and again within the last one.
            u32::try_from(left.as_millis() + 1).unwrap_or(INFINITE - 1)
        });
        // SAFETY: no handles are given, so none are read.
        unsafe {
            MsgWaitForMultipleObjectsEx(0, ptr::null(), left, QS_ALLINPUT, MWMO_INPUTAVAILABLE)
        };
        Pumped::Went
    }

    fn give_back(&self) {
        for kept in KEPT.take() {
            // SAFETY: the message is one that was posted to this thread, as it was.
            unsafe {
                PostThreadMessageW(GetCurrentThreadId(), kept.message, kept.wParam, kept.lParam)
            };
        }
    }

    fn wake(&self, window: Handle) {
        // A queue that is full wakes its thread anyway; one whose window has gone needs no waking.
        // SAFETY: the message carries nothing, and its number is registered for this alone.
        unsafe { PostMessageW(hwnd(window), self.look, 0, 0) };
    }

    fn is_enabled(&self, window: Handle) -> bool {
        // SAFETY: any value may be asked about.
        unsafe { IsWindowEnabled(hwnd(window)) != 0 }
    }

    fn block(&self, window: Handle, reason: &str) -> Result<(), u32> {
        let reason = utf16(reason);
        // SAFETY: the text ends with 0 and is copied by Windows.
        result(unsafe { ShutdownBlockReasonCreate(hwnd(window), reason.as_ptr()) })
    }

    fn unblock(&self, window: Handle) {
        // SAFETY: any window may be named; one without a reason is answered with an error.
        unsafe { ShutdownBlockReasonDestroy(hwnd(window)) };
    }

    fn tells_kind(&self) -> bool {
        !self.is_wine
    }

    fn request_power(&self, what: What, reason: &str) -> Result<PowerRequest, u32> {
        let mut reason = utf16(reason);
        let context = REASON_CONTEXT {
            Version: POWER_REQUEST_CONTEXT_VERSION,
            Flags: POWER_REQUEST_CONTEXT_SIMPLE_STRING,
            Reason: REASON_CONTEXT_0 {
                SimpleReasonString: reason.as_mut_ptr(),
            },
        };
        // SAFETY: the context is of the kind that its flags say; its text ends with 0, lives until the call is over, and is copied.
        let request = unsafe { PowerCreateRequest(&raw const context) };
        if request.is_null() || request == INVALID_HANDLE_VALUE {
            return Err(last_error());
        }
        let types = [
            (What::SLEEP, PowerRequestSystemRequired),
            (What::IDLE, PowerRequestDisplayRequired),
        ];
        for (_, kind) in types.into_iter().filter(|(one, _)| what.contains(*one)) {
            // SAFETY: the request was just made.
            if let Err(error) = result(unsafe { PowerSetRequest(request, kind) }) {
                self.end_power(request as PowerRequest);
                return Err(error);
            }
        }
        Ok(request as PowerRequest)
    }

    fn end_power(&self, request: PowerRequest) {
        // SAFETY: it came from `request_power`, and whoever has it ends it once. Closing it clears what it requests.
        unsafe { CloseHandle(request as HANDLE) };
    }

    fn keep_awake(&self, what: What) -> bool {
        let flag = |one: What, flag| if what.contains(one) { flag } else { 0 };
        let flags = flag(What::SLEEP, ES_SYSTEM_REQUIRED) | flag(What::IDLE, ES_DISPLAY_REQUIRED);
        // SAFETY: it has no conditions.
        unsafe { SetThreadExecutionState(ES_CONTINUOUS | flags) != 0 }
    }

    fn set_level(&self, level: u32) -> Result<(), u32> {
        // SAFETY: it has no conditions.
        result(unsafe { SetProcessShutdownParameters(level, 0) })
    }

    fn register_restart(&self, line: &str) -> Result<(), u32> {
        let line = utf16(line);
        // SAFETY: the text ends with 0 and is copied.
        let code = unsafe { RegisterApplicationRestart(line.as_ptr(), 0) };
        if code == 0 {
            Ok(())
        } else {
            // The number as it is documented.
            Err(code.cast_unsigned())
        }
    }

    fn permit_power_off(&self) -> Result<(), u32> {
        let mut token: HANDLE = ptr::null_mut();
        let access = TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY;
        // SAFETY: `token` takes one handle, which is closed below; the process is this one.
        result(unsafe { OpenProcessToken(GetCurrentProcess(), access, &raw mut token) })?;
        let mut id = LUID::default();
        // SAFETY: the name is a constant that ends with 0; `id` takes one number.
        let found =
            result(unsafe { LookupPrivilegeValueW(ptr::null(), SE_SHUTDOWN_NAME, &raw mut id) });
        let enabled = found.and_then(|()| {
            let wanted = TOKEN_PRIVILEGES {
                PrivilegeCount: 1,
                Privileges: [LUID_AND_ATTRIBUTES {
                    Luid: id,
                    Attributes: SE_PRIVILEGE_ENABLED,
                }],
            };
            // SAFETY: `wanted` has as many entries as it says; the former state is not asked for.
            result(unsafe {
                AdjustTokenPrivileges(
                    token,
                    0,
                    &raw const wanted,
                    u32::try_from(mem::size_of_val(&wanted)).unwrap_or(0),
                    ptr::null_mut(),
                    ptr::null_mut(),
                )
            })
        });
        // It succeeds too when it has enabled nothing: ERROR_NOT_ALL_ASSIGNED.
        let enabled = enabled.and_then(|()| match last_error() {
            ERROR_SUCCESS => Ok(()),
            error => Err(error),
        });
        // SAFETY: opened above, closed once.
        unsafe { CloseHandle(token) };
        enabled
    }

    fn exit_windows(&self, flags: u32, reason: u32) -> Result<(), u32> {
        // SAFETY: it has no conditions.
        result(unsafe { ExitWindowsEx(flags, reason) })
    }
}

#[cfg(test)]
mod tests;

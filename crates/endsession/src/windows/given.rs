//! The application's own window, subclassed in its own thread: it is visible, so its refusal counts and its reason is shown with it.

use std::{rc::Rc, sync::Arc};

use windows_sys::Win32::{
    Foundation::{HWND, LPARAM, LRESULT, WPARAM},
    System::Threading::{GetCurrentProcessId, GetCurrentThreadId},
    UI::{
        Shell::{DefSubclassProc, RemoveWindowSubclass, SetWindowSubclass},
        WindowsAndMessaging::{
            GA_PARENT, GetAncestor, GetDesktopWindow, GetWindowThreadProcessId, IsWindow,
            WM_ENDSESSION, WM_NCDESTROY, WM_QUERYENDSESSION,
        },
    },
};

use super::{
    calls::Calls,
    door::{Door, Host},
    system::Handle,
};
use crate::Error;

/// Whether `window` is one that can be asked for this application, from this thread.
///
/// # Errors
/// [`Error::BadWindow`] says what it is instead.
pub(super) fn check(window: Handle) -> Result<(), Error> {
    let bad = |why: String| Err(Error::BadWindow { why });
    let given = window as HWND;
    // SAFETY: any value may be asked about.
    if unsafe { IsWindow(given) } == 0 {
        return bad(format!("0x{window:x} is no window"));
    }
    let mut process = 0;
    // SAFETY: `process` takes one number; a window that has gone meanwhile is answered with 0.
    let thread = unsafe { GetWindowThreadProcessId(given, &raw mut process) };
    // SAFETY: neither has conditions.
    let (this_process, this_thread) = unsafe { (GetCurrentProcessId(), GetCurrentThreadId()) };
    if process != this_process {
        return bad(format!("0x{window:x} is of process {process}"));
    }
    if thread != this_thread {
        return bad(format!(
            "0x{window:x} was made by another thread ({thread}): connect on that one"
        ));
    }
    // SAFETY: any value may be asked about.
    if unsafe { GetAncestor(given, GA_PARENT) != GetDesktopWindow() } {
        return bad(format!(
            "0x{window:x} is within another window, or a message-only one: give the top-level one"
        ));
    }
    Ok(())
}

/// Lets `window`, which has been checked, be asked from now on.
///
/// # Errors
/// [`Error::BadWindow`] where Windows refuses.
pub(super) fn subclass(host: &Arc<Host<Calls>>, window: Handle) -> Result<(), Error> {
    let door = Rc::into_raw(Rc::new(Door::new(Arc::clone(host), window, true)));
    let id = door as usize;
    // SAFETY: the window is this thread's, so the procedure runs in this thread alone, which is where the Rc belongs. It is given a pointer that `remove` frees.
    if unsafe { SetWindowSubclass(window as HWND, Some(procedure), id, id) } == 0 {
        // SAFETY: from into_raw above; nobody else has it.
        drop(unsafe { Rc::from_raw(door) });
        return Err(Error::BadWindow {
            why: format!("0x{window:x} cannot be subclassed (SetWindowSubclass)"),
        });
    }
    // What was said before.
    host.wake();
    Ok(())
}

/// Takes us out of the window's procedures, wherever others have put themselves.
///
/// # Safety
/// `id` is what [`subclass`] gave the window, and this is the window's thread.
unsafe fn remove(window: HWND, id: usize) {
    // SAFETY: the window's thread, as the caller says. It says whether we were in it still, so what it was given is freed once.
    if unsafe { RemoveWindowSubclass(window, Some(procedure), id) } != 0 {
        // SAFETY: from into_raw in `subclass`; nobody is given it any more.
        drop(unsafe { Rc::from_raw(id as *const Door<Calls>) });
    }
}

/// What happens to a message before the application's own procedure has it.
unsafe extern "system" fn procedure(
    window: HWND,
    message: u32,
    wparam: WPARAM,
    lparam: LPARAM,
    id: usize,
    data: usize,
) -> LRESULT {
    // It may be removed while it is asked, so this call has a share of its own.
    // SAFETY: `data` is from into_raw in `subclass`, in this thread, and lives until `remove` has taken this procedure out.
    let door = unsafe {
        let door = data as *const Door<Calls>;
        Rc::increment_strong_count(door);
        Rc::from_raw(door)
    };
    match message {
        WM_QUERYENDSESSION => {
            if !door.query(lparam) {
                return 0;
            }
            // SAFETY: any value may be asked about.
            if unsafe { IsWindow(window) } == 0 {
                return 1;
            }
            // We agree; the application's own procedure may know better.
        }
        WM_ENDSESSION => door.end(wparam != 0, lparam),
        WM_NCDESTROY => {
            door.close();
            door.host().windows().given = None;
            // SAFETY: with what this procedure was called with, in its window's thread.
            unsafe { remove(window, id) };
            door.host().wake();
        }
        _ if message == door.host().system.look() => {
            if door.host().desk().is_closed() {
                door.close();
                // SAFETY: as above.
                unsafe { remove(window, id) };
            } else {
                door.look();
            }
        }
        _ => {}
    }
    // SAFETY: exactly what we were called with, in the window's thread.
    unsafe { DefSubclassProc(window, message, wparam, lparam) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::windows::hidden;

    #[track_caller]
    fn is_bad(window: Handle, because: &str) {
        match check(window) {
            Err(Error::BadWindow { why }) if why.contains(because) => {}
            other => panic!("not because of {because:?}: {other:?}"),
        }
    }

    #[test]
    fn only_a_top_level_window_of_this_thread_is_asked() {
        is_bad(0, "0x0 is no window");
        // SAFETY: it has no conditions.
        is_bad(unsafe { GetDesktopWindow() } as Handle, "is of process");
        is_bad(hidden::create("test", true).unwrap(), "message-only");
        let own = hidden::create("test", false).unwrap();
        assert_eq!(check(own), Ok(()));
        let elsewhere = std::thread::spawn(move || is_bad(own, "connect on that one"));
        elsewhere.join().unwrap();
    }
}

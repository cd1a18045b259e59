//! Where no window can be made: a handler of console control events. It is told, and cannot refuse.
//!
//! Windows calls it in services alone: a program of the desktop that has loaded user32 is asked through a window
//! ([SetConsoleCtrlHandler](https://learn.microsoft.com/en-us/windows/console/setconsolectrlhandler)).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use windows_sys::Win32::System::{
    Console::{CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT, SetConsoleCtrlHandler},
    RemoteDesktop::ProcessIdToSessionId,
    Threading::GetCurrentProcessId,
};

use super::{
    calls::{Calls, last_error},
    door::Host,
};
use crate::{
    Ending, Kind,
    backend::{Command, Commands, Started},
};

/// Who is told. Windows gives the handler nothing but a number.
static HOSTS: Mutex<Vec<Arc<Host<Calls>>>> = Mutex::new(Vec::new());

struct Line(Weak<Host<Calls>>);

impl Commands for Line {
    fn send(&self, command: Command) {
        let Some(host) = self.0.upgrade() else {
            return;
        };
        let is_last = command == Command::Close;
        host.take(command);
        if is_last {
            hosts().retain(|other| !Arc::ptr_eq(other, &host));
        }
    }
}

fn hosts() -> MutexGuard<'static, Vec<Arc<Host<Calls>>>> {
    HOSTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets `host` be told from now on.
///
/// # Errors
/// In words, why not.
pub(super) fn start(host: Arc<Host<Calls>>) -> Result<Started, String> {
    // Once for all hosts; it stays, and without a host it handles nothing.
    static HANDLER: Mutex<bool> = Mutex::new(false);
    let mut is_there = HANDLER.lock().unwrap_or_else(PoisonError::into_inner);
    if !*is_there {
        // SAFETY: the handler is as Windows calls one, and may run in any thread.
        if unsafe { SetConsoleCtrlHandler(Some(handler), 1) } == 0 {
            return Err(format!("SetConsoleCtrlHandler: error {}", last_error()));
        }
        *is_there = true;
    }
    drop(is_there);
    let line = Line(Arc::downgrade(&host));
    hosts().push(host);
    Ok(Box::new(line))
}

/// Windows calls it in a thread of its own, and ends the process when it has returned.
unsafe extern "system" fn handler(event: u32) -> i32 {
    let kind = match event {
        // A service hears of every user's log-off; it ends with none.
        CTRL_LOGOFF_EVENT if is_service() => return 1,
        CTRL_LOGOFF_EVENT => Kind::LogOff,
        CTRL_SHUTDOWN_EVENT => Kind::Shutdown,
        // Ctrl-C and its like are the application's.
        _ => return 0,
    };
    let all = hosts().clone();
    if all.is_empty() {
        return 0;
    }
    let ending = Ending::new(Some(kind), true);
    std::thread::scope(|scope| {
        for host in &all {
            scope.spawn(|| host.end_and_wait(ending));
        }
    });
    1
}

/// Whether this is session 0, where services are and no user is.
fn is_service() -> bool {
    let mut session = u32::MAX;
    // SAFETY: `session` takes one number.
    unsafe { ProcessIdToSessionId(GetCurrentProcessId(), &raw mut session) != 0 && session == 0 }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use windows_sys::Win32::System::Console::CTRL_C_EVENT;

    use super::*;
    use crate::{Event, Events, client::Handle, shared::Shared};

    #[test]
    fn a_shut_down_is_told_and_waited_with_and_a_ctrl_c_is_the_applications() {
        let shared = Shared::new();
        let host = Host::new(Calls::new(), Arc::clone(&shared), "app".to_owned());
        shared.commands_go_to(start(host).unwrap());
        let mut events = Events::new(Arc::new(Handle { shared }));
        // SAFETY: as Windows calls it.
        assert_eq!(unsafe { handler(CTRL_C_EVENT) }, 0);
        assert!(events.try_next().is_none());
        // SAFETY: as above.
        let told = std::thread::spawn(|| unsafe { handler(CTRL_SHUTDOWN_EVENT) });
        let event = events.next_within(Duration::from_secs(60));
        let Some(Event::End(end)) = event else {
            panic!("{event:?}");
        };
        assert!(end.ending().is_critical());
        assert_eq!(end.ending().kind(), Some(Kind::Shutdown));
        assert!(!told.is_finished());
        end.done();
        assert_eq!(told.join().unwrap(), 1);
        drop(events);
        // SAFETY: as above.
        assert_eq!(unsafe { handler(CTRL_SHUTDOWN_EVENT) }, 0);
    }
}

//! Log-offs with real applications that speak XSMP, and with one that does not: each test in a
//! session of `endsession run` on Xvfb with openbox, and on headless sway, where they are clients of
//! its Xwayland.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../support/desk.rs"]
mod desk;
mod log_off;

use desk::{Desk, LIMIT};
use endsession_testkit::wait::is_alive;
use endsession_testkit::xsmp::{App, Choice, Qt6Session};
use log_off::LogOff;
use rustix::process::{Pid, Signal, kill_process};

/// Runs each function on both desks, with its file's deadlines.
macro_rules! on_both {
    ($($behaviour:ident;)*) => {
        mod sway {
            use super::{DEADLINES, Desk};
            $(#[test] fn $behaviour() { super::$behaviour(&Desk::xsmp_sway(DEADLINES)); })*
        }
        mod x11 {
            use super::{DEADLINES, Desk};
            $(#[test] fn $behaviour() { super::$behaviour(&Desk::xsmp_x11(DEADLINES)); })*
        }
    };
}

mod agrees;
mod asks;
mod closing_order;
mod crashes;
mod hangs;
mod libreoffice;
mod ties;

/// Somebody whose user may be asked.
trait Asks {
    fn pid(&self) -> u32;
    /// Waits for its dialog, and answers it.
    fn choose(&self, choice: Choice);
}

impl Asks for App {
    fn pid(&self) -> u32 {
        self.pid()
    }

    #[track_caller]
    fn choose(&self, choice: Choice) {
        self.answer(choice);
    }
}

impl Asks for Qt6Session {
    fn pid(&self) -> u32 {
        self.process().pid()
    }

    #[track_caller]
    fn choose(&self, choice: Choice) {
        self.press(match choice {
            Choice::Cancel => "cancel",
            Choice::Discard => "discard",
        });
    }
}

/// Sends a signal to a process that has not ended.
fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// All of these are there.
#[track_caller]
fn are_alive(pids: &[u32]) {
    let dead: Vec<_> = pids.iter().filter(|pid| !is_alive(**pid)).collect();
    assert!(dead.is_empty(), "{dead:?} of {pids:?} have ended");
}

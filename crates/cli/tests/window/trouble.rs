//! What happens to the dialog itself: killed, covered by a lock, without its display.

use endsession_testkit::wait::until_gone;
use rustix::process::{Pid, Signal, kill_process};

use crate::desk::{LIMIT, Shown};
use crate::room::{CARD, On, Room, on_both, wait_until};

on_both! {
    killed_it_comes_again_and_the_log_off_stays_answerable_without_it;
    behind_a_lock_it_does_not_count_as_shown;
}

fn kill(pid: u32) {
    let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
}

fn killed_it_comes_again_and_the_log_off_stays_answerable_without_it(on: On) {
    let room = Room::new(on);
    let holder = room.holder();
    let logoff = room.log_off(&[]);
    let first = room.dialog();
    room.focused();
    let mark = room.desk.run.stderr().mark();
    kill(first);
    let second = room.dialog_from(mark);
    room.focused();
    assert!(until_gone(first, LIMIT));
    let mark = room.desk.run.stderr().mark();
    kill(second);
    // Twice is enough; the log says how to answer from here.
    let log = room.desk.run.stderr();
    log.wait_for_from(mark, "endsession choose", LIMIT);
    assert_eq!(room.desk.status()["request"]["phase"], "asking");
    assert!(holder.is_alive() && logoff.is_alive());
    assert_eq!(room.desk.endsession(&["choose", "cancel"]).0, 0);
    room.ends(&logoff, 1);
}

fn behind_a_lock_it_does_not_count_as_shown(on: On) {
    let room = Room::new(on);
    let _holder = room.holder();
    let logoff = room.log_off(&[]);
    room.focused();
    let locker = match on {
        On::Sway => room.desk.sandbox.spawn(["swaylock", "-u", "-c", "000000"]),
        On::X11 => room.desk.sandbox.spawn(["i3lock", "-n", "-c", "000000"]),
    };
    room.sees(|p| p.count(CARD) == 0);
    let shown = || room.desk.status()["request"]["shown"] == true;
    wait_until(|| !shown(), "it counts as shown behind the lock");
    match on {
        // What it is told to do when the user has been recognised by other means.
        On::Sway => locker.signal(Signal::USR1),
        On::X11 => locker.terminate(),
    }
    room.sees(|p| p.count(CARD) > 2_000);
    wait_until(shown, "it never counts as shown again");
    if let Shown::X11(xvfb) = &room.desk.shown {
        let window = xvfb.wait_for_window(LIMIT, |w| w.title == "Logging off");
        xvfb.wait_for_focus(&window, LIMIT);
    }
    room.key(&["Escape"]);
    room.ends(&logoff, 1);
}

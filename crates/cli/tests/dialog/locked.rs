//! Behind a lock of the screen nothing is shown and the request waits; unlocked, the dialog comes.

use endsession_testkit::session::Proc;
use serde_json::json;

use crate::desk::{LIMIT, wait_for_descendant};
use crate::stand_in::{On, Stage};

/// Locks the screen, and waits until the manager has seen it.
#[track_caller]
fn lock(stage: &Stage, words: &[&str]) -> Proc {
    let locker = stage.desk.sandbox.spawn(words);
    wait_for_descendant(locker.pid(), words[0]);
    locker
}

#[track_caller]
fn waits_until_unlocked(stage: &Stage, unlock: impl FnOnce()) {
    let holder = stage.holder();
    let logoff = stage.log_off();
    stage.logs("the screen is locked");
    // The manager has said that it is to be shown.
    loop {
        let request = stage.request();
        if request["show"] == true {
            assert_eq!(request["shown"], json!(false), "{request}");
            break;
        }
        assert!(logoff.is_alive(), "{}", logoff.stderr_so_far());
    }
    assert_eq!(stage.starts(), 0);
    unlock();
    stage.logs("the screen is unlocked");
    stage.says("shown");
    assert_eq!(stage.request()["shown"], true);
    holder.uninhibit();
    stage.ends_with(&logoff, 0);
    stage.desk.ends_last_of(0);
}

#[test]
fn swaylock() {
    let stage = Stage::new(On::Sway, "shows");
    let locker = lock(&stage, &["swaylock", "-u"]);
    waits_until_unlocked(&stage, || locker.terminate());
}

#[test]
fn i3lock() {
    let stage = Stage::new(On::X11, "shows");
    let locker = lock(&stage, &["i3lock", "-n"]);
    waits_until_unlocked(&stage, || locker.terminate());
}

#[test]
fn one_that_forks_into_the_background_is_followed() {
    let stage = Stage::new(On::Sway, "shows");
    // What is started returns when the screen is locked; the locker itself is then an orphan.
    let started = stage.desk.sandbox.spawn(["swaylock", "-f", "-u"]);
    assert!(started.wait_exit(LIMIT).success());
    let is_locker = |pid: &u32| {
        let comm = std::fs::read_to_string(format!("/proc/{pid}/comm"));
        comm.is_ok_and(|comm| comm.trim() == "swaylock")
    };
    waits_until_unlocked(&stage, || {
        // The one that asks for the password is a process beside it, and ends with it.
        for pid in stage
            .desk
            .sandbox
            .processes()
            .iter()
            .filter(|p| is_locker(p))
        {
            let pid = rustix::process::Pid::from_raw(i32::try_from(*pid).unwrap()).unwrap();
            let _gone_with_the_other =
                rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
    });
}

#[track_caller]
fn is_not_touched_before_the_end(on: On, words: &[&str]) {
    let stage = Stage::new(on, "shows");
    let locker = lock(&stage, words);
    let logoff = stage.log_off();
    stage.ends_with(&logoff, 0);
    stage.desk.run.wait_exit(LIMIT);
    locker.wait_exit(LIMIT);
    let log = stage.desk.run.stderr_so_far();
    assert!(!log.contains(&format!("to {}", words[0])), "{log}");
}

#[test]
fn what_a_locker_hides_stays_hidden_to_the_end_on_sway() {
    is_not_touched_before_the_end(On::Sway, &["swaylock", "-u"]);
}

#[test]
fn what_a_locker_hides_stays_hidden_to_the_end_on_x11() {
    is_not_touched_before_the_end(On::X11, &["i3lock", "-n"]);
}

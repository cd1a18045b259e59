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
    let watch = stage.desk.command(&["status"]);
    watch.wait_exit(LIMIT);
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

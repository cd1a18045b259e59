//! `console_job`: a job in a terminal that holds the session.

use endsession_testkit::session::Proc;

use crate::desk::Desk;
use crate::support::{LIMIT, run, wait_for_status};

/// The job holds the session, and the manager knows why.
#[track_caller]
fn holds(desk: &Desk, seconds: &str) -> Proc {
    let job = desk.example("console_job", &[seconds]);
    job.wait_for_line("working", LIMIT);
    wait_for_status(&desk.session, |status| {
        let reason = status["blockers"][0]["reason"].as_str();
        reason.is_some_and(|reason| reason.starts_with("Encoding, "))
    });
    job
}

#[test]
fn a_log_off_waits_for_it_and_goes_on_by_itself() {
    let desk = Desk::new();
    let job = holds(&desk, "3");
    let watcher = desk.watcher();
    let log_off = desk.log_off();
    let blocked = watcher.hears_event(&[("event", "blocked".into())]);
    let reason = blocked["reason"].as_str().unwrap();
    assert!(reason.starts_with("Encoding, "), "{reason}");
    job.wait_for_line("done", LIMIT);
    desk.went_through(&log_off, &job);
}

#[test]
fn ctrl_c_ends_it_and_lets_go() {
    let desk = Desk::new();
    let job = holds(&desk, "600");
    let watcher = desk.watcher();
    let log_off = desk.log_off();
    watcher.hears_event(&[("event", "blocked".into())]);
    let pid = job.pid().to_string();
    run(&desk.sandbox, &["kill", "-INT", &pid]);
    assert!(!job.wait_exit(LIMIT).success());
    assert_eq!(log_off.wait_exit(LIMIT).code(), Some(0));
    desk.ends_in_order();
}

#[test]
fn a_forced_end_interrupts_it_in_order() {
    let desk = Desk::new();
    let job = holds(&desk, "600");
    let log_off = desk.start(&["logoff", "--force"]);
    job.wait_for_line("interrupted", LIMIT);
    desk.went_through(&log_off, &job);
}

//! Under a real xfce4-session.

use endsession_testkit::xsmp::Xfce;

use crate::actor::Actor;
use crate::support::LIMIT;

/// An application that is registered, and has saved for the first time.
#[track_caller]
fn start(xfce: &Xfce) -> Actor {
    let authority = xfce.ice_authority().display().to_string();
    let actor = Actor::launch(
        xfce.sandbox(),
        "org.example.Editor",
        &[
            ("ENDSESSION_BACKEND", "xsmp"),
            ("SESSION_MANAGER", xfce.session_manager()),
            ("ICEAUTHORITY", &authority),
        ],
    );
    actor.says("connected to xsmp");
    xfce.wait_for_client(LIMIT);
    actor
}

#[test]
fn it_is_asked_and_agrees_and_is_told_to_end() {
    let xfce = Xfce::start();
    let actor = start(&xfce);
    xfce.log_off();
    actor.says("got query 1. critical=false");
    actor.order("accept");
    actor.says("got end 1.");
    actor.order("done");
    assert!(xfce.wait_until_over(LIMIT).success());
    assert_eq!(actor.told(), ["query", "end"]);
}

#[test]
fn a_refusal_cancels_each_time_anew() {
    let xfce = Xfce::start();
    let (refuses, agrees) = (start(&xfce), start(&xfce));
    for n in 1..=2 {
        xfce.log_off();
        agrees.says(&format!("got query {n}."));
        agrees.order("accept");
        refuses.says(&format!("got query {n}."));
        refuses.order("refuse Two documents are not saved");
        refuses.says(&format!("got cancelled {n}."));
        agrees.says(&format!("got cancelled {n}."));
        xfce.wait_for_trace("state is now XFSM_MANAGER_IDLE", LIMIT);
    }
    xfce.log_off();
    for actor in [&refuses, &agrees] {
        actor.says("got query 3.");
        actor.order("accept");
    }
    for actor in [&refuses, &agrees] {
        actor.says("got end 1.");
        actor.order("done");
    }
    assert!(xfce.wait_until_over(LIMIT).success());
}

#[test]
fn two_ask_their_users_at_once_and_each_is_heard() {
    let xfce = Xfce::start();
    let (first, second) = (start(&xfce), start(&xfce));
    xfce.log_off();
    for actor in [&first, &second] {
        actor.says("got query 1.");
        actor.order("ask Save the letter?");
        xfce.wait_for_trace("received INTERACT REQUEST", LIMIT);
    }
    // Only one of them may talk; the other's answer is said in its turn.
    second.order("yes");
    first.order("yes");
    for actor in [&first, &second] {
        actor.says("got end 1.");
        actor.order("done");
    }
    assert!(xfce.wait_until_over(LIMIT).success());
}

#[test]
fn the_users_no_cancels_and_a_hold_too() {
    let xfce = Xfce::start();
    let actor = start(&xfce);
    xfce.log_off();
    actor.says("got query 1.");
    actor.order("ask Save the letter?");
    xfce.wait_for_trace("received INTERACT REQUEST", LIMIT);
    actor.order("no I go on writing");
    actor.says("got cancelled 1.");
    xfce.wait_for_trace("state is now XFSM_MANAGER_IDLE", LIMIT);
    actor.order("hold film l Rendering");
    xfce.log_off();
    actor.says("got query 2.");
    actor.order("accept");
    actor.says("got cancelled 2.");
    xfce.wait_for_trace("state is now XFSM_MANAGER_IDLE", LIMIT);
    // A checkpoint is nothing to be asked about.
    xfce.checkpoint();
    xfce.wait_for_trace("state is now XFSM_MANAGER_IDLE", LIMIT);
    actor.order("release film");
    xfce.log_off();
    actor.says("got query 3.");
    actor.order("accept");
    actor.says("got end 1.");
    actor.order("done");
    assert!(xfce.wait_until_over(LIMIT).success());
}

#[test]
fn a_manager_that_is_gone_is_noticed() {
    let xfce = Xfce::start();
    let actor = start(&xfce);
    xfce.log_off();
    actor.says("got query 1.");
    xfce.process().kill();
    actor.says("got cancelled 1.");
    actor.says("got backend 1. none");
}

//! What speaks XSMP: a client on libSM is told by a real session manager what happens.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::time::Duration;

use endsession_testkit::xsmp::{LibSmClient, Property, Xfce};

const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn a_client_on_libsm_does_what_it_is_told() {
    let xfce = Xfce::start();
    let client = LibSmClient::start(xfce.sandbox());
    let id = client.open(None);
    client.settle();
    client.wait_for("save-complete", LIMIT);
    let properties = [
        Property::new("Program", "ARRAY8", &["probe"]),
        Property::new("RestartCommand", "LISTofARRAY8", &["probe", "--again"]),
        Property::new("RestartStyleHint", "CARD8", &["3"]),
    ];
    client.set(&properties);
    client.delete(&["RestartStyleHint"]);
    client.ping();
    // Every client gets an empty list from this manager; its trace tells what it has.
    assert_eq!(client.properties(), []);
    for value in [
        "(Program, probe)",
        "(RestartCommand)",
        "(RestartStyleHint, 3)",
    ] {
        assert!(xfce.trace().contains(value), "{value}");
    }
    assert!(xfce.trace().contains("-> Removing (RestartStyleHint)"));

    // A second phase, and a dialog, of a log-off that another client asks for.
    let other = LibSmClient::start(xfce.sandbox());
    other.open(None);
    other.settle();
    other.request_log_off();
    let asked = client.wait_for("save-yourself", LIMIT);
    assert_eq!(
        (&asked["shutdown"], &asked["interact"]),
        (&true.into(), &"any".into())
    );
    other.wait_for("save-yourself", LIMIT);
    other.interact(false);
    other.wait_for("interact", LIMIT);
    other.interact_done(true);
    other.done(false);
    client.done(true);
    // It makes a checkpoint of a log-off that is cancelled, and tells nobody otherwise.
    client.wait_for("save-complete", LIMIT);
    xfce.wait_for_trace("XFSM_MANAGER_IDLE", LIMIT);

    // One that was there before comes back by its id.
    client.close(&["because"]);
    xfce.wait_for_trace("CLOSE CONNECTION [Num reasons = 1]", LIMIT);
    other.exit();
    let again = LibSmClient::start(xfce.sandbox());
    assert!(!again.open(Some(&id)).is_empty());
}

#[test]
fn a_client_on_libsm_takes_a_second_phase_and_dies() {
    let xfce = Xfce::start();
    let client = LibSmClient::start(xfce.sandbox());
    client.open(None);
    client.settle();
    client.wait_for("save-complete", LIMIT);
    xfce.log_off();
    client.wait_for("save-yourself", LIMIT);
    client.request_phase2();
    client.wait_for("phase2", LIMIT);
    client.done(true);
    client.wait_for("die", LIMIT);
    client.close(&[]);
    xfce.wait_until_over(LIMIT);
}

#[test]
fn a_client_on_libsm_says_why_it_is_refused_and_when_its_manager_is_gone() {
    let xfce = Xfce::start();
    let nobody = [(
        "SESSION_MANAGER",
        "local/nobody:@/tmp/.ICE-unix/no-such-socket",
    )];
    let lonely = LibSmClient::start_with(xfce.sandbox(), &nobody);
    assert!(lonely.try_open(None).unwrap_err().contains("open"));
    let stranger = LibSmClient::start_with(xfce.sandbox(), &[("ICEAUTHORITY", "/dev/null")]);
    let why = stranger.try_open(None).unwrap_err();
    assert!(why.contains("uthentication"), "{why}");
    let client = LibSmClient::start(xfce.sandbox());
    client.open(None);
    client.go_silent();
    xfce.process().kill();
    xfce.process().wait_exit(LIMIT);
    client.listen();
    client.wait_for("gone", LIMIT);
    assert!(client.process().is_alive());
}

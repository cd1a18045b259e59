//! A stand-in for cosmic-session, which asks no application.

use endsession_testkit::bus::Bus;
use endsession_testkit::managers::Cosmic;

use crate::shared::{is_over, points_to_the_owner};
use crate::support::{endsession, sandbox};

#[test]
fn its_session_is_over_when_it_has_left() {
    let sandbox = sandbox();
    let bus = Bus::daemon_in(&sandbox);
    let _cosmic = Cosmic::on(&bus);
    points_to_the_owner(
        &sandbox,
        &format!(
            "COSMIC's session manager ({}, pid {})",
            comm(),
            std::process::id()
        ),
    );
    is_over(&endsession(&sandbox, &["logoff"]));
    // It has left: there is no session any more.
    assert_eq!(endsession(&sandbox, &["logoff"]).code(), Some(3));
}

/// The stand-in is this process, into whose program file the sandbox's user may not look.
fn comm() -> String {
    let comm = std::fs::read_to_string("/proc/self/comm").unwrap();
    comm.trim().to_owned()
}

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
    let owner = format!("COSMIC's session manager ({}", program());
    points_to_the_owner(&sandbox, &format!("{owner}, pid {})", std::process::id()));
    is_over(&endsession(&sandbox, &["logoff"]));
    // It has left: there is no session any more.
    assert_eq!(endsession(&sandbox, &["logoff"]).code(), Some(3));
}

/// The stand-in is this process.
fn program() -> String {
    let exe = std::env::current_exe().unwrap();
    exe.file_name().unwrap().to_str().unwrap().to_owned()
}

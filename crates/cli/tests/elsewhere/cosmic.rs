//! A stand-in for cosmic-session, which asks no application.

use endsession_testkit::bus::Bus;
use endsession_testkit::managers::Cosmic;
use endsession_testkit::x11::Xvfb;

use crate::shared::{is_over, points_to_the_owner, start};
use crate::support::{LIMIT, endsession, sandbox};

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

#[test]
fn its_menu_is_ours_and_one_that_is_left_does_nothing() {
    let sandbox = sandbox();
    let bus = Bus::daemon_in(&sandbox);
    let xvfb = Xvfb::with_openbox_in(&sandbox);
    let _cosmic = Cosmic::on(&bus);
    let command = start(&sandbox, &["menu"]);
    let window = xvfb.wait_for_window(LIMIT, |w| w.pid == Some(command.pid()));
    xvfb.close(&window);
    assert_eq!(command.wait_exit(LIMIT).code(), Some(1));
    assert_eq!(endsession(&sandbox, &["status"]).code(), Some(0));
    let held = endsession(&sandbox, &["hold", "--list", "--json"]);
    assert_eq!((held.code(), held.out.as_str()), (Some(2), ""));
    let said = "the session manager of COSMIC does not tell what is held";
    assert!(held.err.contains(said), "{}", held.err);
}

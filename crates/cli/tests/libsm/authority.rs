//! How libICE authenticates with the manager's authority file.

use endsession_ice::authority::{self, Entry};
use endsession_testkit::xsmp::LibSmClient;

use crate::desk::{Desk, settle};
use crate::support::sandbox;

/// What becomes of a client whose authority file has these entries.
#[track_caller]
fn with(desk: &Desk, entries: &[Entry]) -> Result<String, String> {
    let file = authority::serialise(entries).unwrap();
    let file = desk.sandbox.write("authority", file);
    let file = file.display().to_string();
    LibSmClient::start_with(&desk.sandbox, &[("ICEAUTHORITY", &file)]).try_open(None)
}

/// It is refused, and libSM says that it was about authentication, and this.
#[track_caller]
fn refused(result: Result<String, String>, why: &str) {
    let told = result.unwrap_err();
    assert!(told.contains("uthentication"), "{told}");
    assert!(told.contains(why), "{told}");
}

fn of(entries: &[Entry], protocol: &str) -> Vec<Entry> {
    let all = entries.iter().cloned();
    all.filter(|e| e.protocol == protocol.as_bytes()).collect()
}

fn wrong(entries: &[Entry]) -> Vec<Entry> {
    let mut entries = entries.to_vec();
    for entry in &mut entries {
        entry.auth_data = vec![7; 16];
    }
    entries
}

fn elsewhere(entries: &[Entry]) -> Vec<Entry> {
    let mut entries = wrong(entries);
    for entry in &mut entries {
        entry.network_id.extend(b"0");
    }
    entries
}

#[test]
fn libice_shows_the_first_cookie_for_ice_and_needs_both_entries() {
    let desk = Desk::new();
    let own = authority::file::read(desk.ice_authority.as_ref()).unwrap();
    let (ice, xsmp) = (of(&own, "ICE"), of(&own, "XSMP"));
    assert!(!ice.is_empty() && ice.len() == xsmp.len());

    let both = [ice.clone(), xsmp.clone()].concat();
    with(&desk, &both).unwrap();
    // libICE shows the cookie for ICE for both.
    with(&desk, &[ice.clone(), wrong(&xsmp)].concat()).unwrap();
    // Of several entries the first is taken, and others' are passed over.
    let among = [elsewhere(&own), both.clone(), wrong(&own), elsewhere(&own)];
    with(&desk, &among.concat()).unwrap();

    refused(
        with(&desk, &[wrong(&own), both.clone()].concat()),
        "MIT-MAGIC-COOKIE-1 authentication rejected",
    );
    refused(with(&desk, &wrong(&own)), "rejected");
    for entries in [vec![], elsewhere(&own), ice, xsmp] {
        refused(
            with(&desk, &entries),
            "None of the authentication protocols",
        );
    }
    // Each of them was refused for itself.
    with(&desk, &both).unwrap();
}

#[test]
fn each_network_id_leads_to_the_manager() {
    let desk = Desk::new();
    let ids: Vec<&str> = desk.session_manager.split(',').collect();
    assert_eq!(ids.len(), 2);
    for id in ids {
        let client = LibSmClient::start_with(&desk.sandbox, &[("SESSION_MANAGER", id)]);
        client.open(None);
        settle(&client);
        desk.nobody_complained(&[&client]);
    }
}

#[test]
fn without_a_variable_libice_finds_the_file_in_the_runtime_directory() {
    let desk = Desk::new();
    let usual = desk.sandbox.runtime_dir().join("ICEauthority");
    assert_eq!(desk.ice_authority, usual.display().to_string());
    assert_eq!(desk.sandbox.env("ICEAUTHORITY"), None);
    LibSmClient::start(&desk.sandbox).open(None);
    let nothing = [("ICEAUTHORITY", "/dev/null")];
    let client = LibSmClient::start_with(&desk.sandbox, &nothing);
    refused(client.try_open(None), "");
}

#[test]
fn a_file_that_the_variable_names_is_used_by_both_sides() {
    let sandbox = sandbox();
    let named = sandbox.home().join("secrets");
    sandbox.set_env("ICEAUTHORITY", &named);
    let desk = Desk::in_sandbox(sandbox);
    assert_eq!(desk.ice_authority, named.display().to_string());
    LibSmClient::start(&desk.sandbox).open(None);
    // Where it would be without the variable, there is nothing.
    desk.sandbox.unset_env("ICEAUTHORITY");
    refused(LibSmClient::start(&desk.sandbox).try_open(None), "");
}

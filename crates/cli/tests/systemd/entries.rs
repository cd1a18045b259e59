//! The entries for display managers: they are right, and begin a session when they are started as a
//! display manager would.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use endsession_testkit::machine::Machine;
use endsession_testkit::programs;
use endsession_testkit::wait::for_line_in;

use crate::support::{HEADLESS, LIMIT};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data")
}

fn entries() -> Vec<PathBuf> {
    let dirs = ["wayland-sessions", "xsessions"];
    let all = dirs
        .iter()
        .flat_map(|dir| fs::read_dir(data().join(dir)).unwrap());
    let mut all: Vec<PathBuf> = all.map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

fn keys(entry: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(entry).unwrap();
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn every_entry_is_a_valid_one_of_a_session_that_run_starts() {
    let entries = entries();
    assert_eq!(entries.len(), 8, "{entries:?}");
    let dir = tempfile::tempdir().unwrap();
    for entry in entries {
        let keys = keys(&entry);
        let command = keys["Exec"].strip_prefix("endsession run -- ");
        let program = command.and_then(|c| c.split(' ').next());
        assert_eq!(program, Some(keys["TryExec"].as_str()), "{entry:?}");
        assert!(keys["Name"].ends_with(" (endsession)"), "{entry:?}");
        assert!(!keys["DesktopNames"].is_empty(), "{entry:?}");
        // A key of display managers, which the validator does not know.
        let text = fs::read_to_string(&entry).unwrap();
        let lines = text
            .lines()
            .filter(|line| !line.starts_with("DesktopNames="));
        let file = dir.path().join(entry.file_name().unwrap());
        fs::write(&file, lines.map(|l| format!("{l}\n")).collect::<String>()).unwrap();
        let mut validate = Command::new(programs::need("desktop-file-validate"));
        let said = validate.arg(&file).output().unwrap();
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        assert_eq!(said, "", "{entry:?}");
    }
}

/// Runs an entry's command in a login session, as a display manager does, and logs off from within.
#[track_caller]
fn begins_and_ends(name: &str, like: &str, prepare: &str, wait: &str) {
    let Some(machine) = Machine::boot() else {
        return;
    };
    machine.install(Path::new(env!("CARGO_BIN_EXE_endsession")));
    let keys = keys(&data().join(name));
    // What display managers do with DesktopNames.
    let desktops = keys["DesktopNames"].replace(';', ":");
    let script = format!(
        "export XDG_CURRENT_DESKTOP='{desktops}'\n{prepare}\n{}\n",
        keys["Exec"]
    );
    let login = machine.login("alice", "gui", &script);
    let up = machine.start(&[], ["true"]);
    drop(up);
    for_line_in(&machine.share().join("up"), 0, LIMIT, |_| true);
    let status = login.exec(like, ["endsession", "status"]).success();
    let session = status.lines().next().unwrap_or_default().to_owned();
    assert!(session.contains(wait), "{status}");
    let over = login.exec(like, ["endsession", "logoff", "--no-dialog"]);
    assert_eq!(over.code, Some(0), "{over:?}\n{}", machine.journal());
    assert_eq!(login.wait_for_status(LIMIT), "exited 0");
    // To the journal, under its name.
    let journal = machine.journal();
    assert!(journal.contains("endsession["), "{journal}");
    assert!(journal.contains("the session is over"), "{journal}");
}

#[test]
fn the_one_of_sway_begins_a_session() {
    let prepare = format!(
        "{HEADLESS}\nmkdir -p .config/sway\necho 'exec sh -c \"echo up > /share/up; exec sleep 1000\"' > .config/sway/config"
    );
    begins_and_ends(
        "wayland-sessions/sway-endsession.desktop",
        "sleep",
        &prepare,
        "sway",
    );
}

/// A display manager has started the X server before.
const X: &str = "Xvfb :7 -displayfd 1 -nolisten tcp > /share/display & read -r _ < <(tail -f --pid=$! /share/display)\n\
                 export DISPLAY=:7 XDG_SESSION_TYPE=x11\n";

#[test]
fn the_one_of_i3_begins_a_session() {
    let config = "exec --no-startup-id sh -c \"echo up > /share/up; exec sleep 1000\"";
    let prepare = format!(
        "{X}mkdir -p .config/i3\ncat > .config/i3/config <<'E'\n# i3 config file (v4)\n{config}\nE"
    );
    begins_and_ends("xsessions/i3-endsession.desktop", "sleep", &prepare, "i3");
}

#[test]
fn the_one_of_openbox_begins_a_session() {
    let start = "sh -c \"echo up > /share/up; exec sleep 1000\" &";
    let prepare =
        format!("{X}mkdir -p .config/openbox\ncat > .config/openbox/autostart <<'E'\n{start}\nE");
    begins_and_ends(
        "xsessions/openbox-endsession.desktop",
        "sleep",
        &prepare,
        "openbox",
    );
}

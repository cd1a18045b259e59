//! What cargo starts programs for Windows with, on real programs under Wine: `cargo xtask windows build` makes both.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What the runner said and ended with, and its directory.
struct Ran {
    status: Option<i32>,
    out: String,
    err: String,
    dir: PathBuf,
}

/// Runs the testkit's `application.exe` from a directory called `place`.
fn run(place: &str, args: &[&str]) -> Ran {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/windows/programs");
    let prefix = programs.join("prefix");
    assert!(
        prefix.is_dir(),
        "nothing is built for Windows; this does it:\n    cargo xtask windows build"
    );
    let dir = std::env::temp_dir().join(format!(
        "endsession-test-runner-{}-{place}",
        std::process::id()
    ));
    let program = dir.join(place).join("application.exe");
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    fs::copy(programs.join("application.exe"), &program).unwrap();
    let mut runner = Command::new(env!("CARGO_BIN_EXE_xtask"));
    runner.arg("windows-runner").arg(&program).args(args);
    runner
        .env("ENDSESSION_WINE_PREFIX", prefix)
        .env("TMPDIR", &dir)
        .stdin(Stdio::null());
    let child = runner
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let left = dir.join(format!("endsession-wine-{}", child.id()));
    let output = child.wait_with_output().unwrap();
    let ran = Ran {
        status: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
        dir: left,
    };
    assert!(!ran.dir.exists(), "{} is left", ran.dir.display());
    let in_dir: Vec<_> = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(in_dir, [place], "left in {}", dir.display());
    fs::remove_dir_all(dir).unwrap();
    ran
}

#[test]
fn a_test_that_a_log_off_ended_with_status_0_has_failed() {
    let ran = run("deps", &["--log-off"]);
    assert_eq!(ran.status, Some(1), "{}", ran.err);
    assert!(ran.out.contains("end window=1 wparam=1"), "{}", ran.out);
    assert!(
        ran.err.contains("ended with status 0 before its tests had"),
        "{}",
        ran.err
    );
}

#[test]
fn any_other_programs_status_and_output_are_its_own() {
    let ran = run("debug", &["--log-off"]);
    assert_eq!(ran.status, Some(0), "{}", ran.err);
    let ran = run("debug", &["--log-off", "--exit-on-end", "7"]);
    assert_eq!(ran.status, Some(7), "{}", ran.err);
    assert!(ran.out.ends_with("exit status=7\n"), "{}", ran.out);
}

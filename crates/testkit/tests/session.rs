//! The sandbox: processes start, are seen to end, and leave nothing.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::Duration,
};

use endsession_testkit::{
    measure,
    session::{Sandbox, environ_of},
    wait::{is_alive, until_gone},
};

const LIMIT: Duration = Duration::from_secs(20);

/// Starts a shell that detaches a process from every group, session and parent of the test.
fn detach(sandbox: &Sandbox) -> u32 {
    let script = "setsid sh -c 'echo $$; exec sleep 1000' & exit";
    let shell = sandbox.spawn(["sh", "-c", script]);
    assert!(shell.wait_exit(LIMIT).success());
    shell.wait_for_line("", LIMIT).trim().parse().unwrap()
}

#[test]
fn a_detached_process_ends_with_its_sandbox() {
    let sandbox = Sandbox::new();
    let detached = detach(&sandbox);
    assert!(is_alive(detached));
    assert_eq!(sandbox.processes(), [detached]);
    let dir = sandbox.dir().to_owned();
    drop(sandbox);
    assert!(!is_alive(detached));
    assert!(!dir.exists());
}

#[test]
fn a_panicking_test_leaves_nothing() {
    let mut left: Option<(u32, u32, std::path::PathBuf)> = None;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let sandbox = Sandbox::new();
        let shell = sandbox.spawn(["sh", "-c", "sleep 1000 & wait"]);
        left = Some((detach(&sandbox), shell.pid(), sandbox.dir().to_owned()));
        panic!("the test fails");
    }));
    assert!(outcome.is_err());
    let (detached, shell, dir) = left.unwrap();
    assert!(!is_alive(detached) && !is_alive(shell) && !dir.exists());
}

#[test]
fn a_killed_test_process_leaves_nothing() {
    // This test starts itself as the process to be killed.
    if let Some(report) = std::env::var_os("TESTKIT_VICTIM") {
        let sandbox = Sandbox::new();
        let text = format!("{} {}", detach(&sandbox), sandbox.dir().display());
        let half = Path::new(&report).with_extension("half");
        std::fs::write(&half, text).unwrap();
        std::fs::rename(half, report).unwrap();
        loop {
            std::thread::park();
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let report = dir.path().join("report");
    let mut victim = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_killed_test_process_leaves_nothing",
            "--nocapture",
        ])
        .env("TESTKIT_VICTIM", &report)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    endsession_testkit::wait::for_entry(dir.path(), LIMIT, |name| name == "report");
    let text = std::fs::read_to_string(&report).unwrap();
    let (detached, sandbox) = text.split_once(' ').unwrap();
    let detached = detached.parse().unwrap();
    assert!(is_alive(detached));
    victim.kill().unwrap();
    victim.wait().unwrap();
    assert!(until_gone(detached, LIMIT));
    let parent = Path::new(sandbox).parent().unwrap().to_owned();
    let siblings = parent.parent().unwrap();
    let name = parent.file_name().unwrap();
    until_absent(siblings, name);
}

/// Waits until `dir` has no entry `name`: the watcher removes files after the processes.
fn until_absent(dir: &Path, name: &std::ffi::OsStr) {
    let deadline = endsession_testkit::wait::Deadline::after(LIMIT);
    while dir.join(name).exists() {
        assert!(!deadline.passed(), "{name:?} was not removed");
        std::thread::yield_now();
    }
}

#[test]
fn a_process_sees_only_the_sandboxs_environment() {
    let sandbox = Sandbox::new();
    sandbox.set_env("COLOUR", "green");
    let sleep = sandbox.spawn(["sleep", "1000"]);
    let environ = environ_of(sleep.pid());
    assert_eq!(environ["COLOUR"], "green");
    assert_eq!(
        Path::new(&environ["XDG_RUNTIME_DIR"]),
        sandbox.runtime_dir()
    );
    assert!(!environ.contains_key("CARGO_MANIFEST_DIR"));
}

#[test]
fn the_sandbox_is_an_ordinary_users() {
    let sandbox = Sandbox::new();
    let id = sandbox.spawn(["sh", "-c", "id -u; touch $HOME/mine $XDG_RUNTIME_DIR/mine"]);
    assert!(id.wait_exit(LIMIT).success(), "{}", id.stderr_so_far());
    assert_eq!(id.wait_for_line("", LIMIT), sandbox.uid().to_string());
    assert_ne!(sandbox.uid(), 0);
}

#[test]
fn an_installed_binary_can_be_executed_by_the_sandbox() {
    let sandbox = Sandbox::new();
    let binary = sandbox.install(Path::new("/bin/echo"));
    assert!(binary.starts_with(sandbox.dir()));
    let echo = sandbox.spawn(["echo", "from the sandbox"]);
    echo.wait_for_line("from the sandbox", LIMIT);
}

#[test]
fn input_is_read_and_its_end_seen() {
    let sandbox = Sandbox::new();
    let cat = sandbox.spawn_with_input(["cat"]);
    cat.write("over there\n");
    cat.wait_for_line("over there", LIMIT);
    cat.close_input();
    assert!(cat.wait_exit(LIMIT).success());
}

#[test]
#[should_panic(expected = "no line with \"ready\"")]
fn a_process_that_ends_without_the_awaited_line_fails_at_once() {
    let sandbox = Sandbox::new();
    sandbox
        .spawn(["echo", "not yet"])
        .wait_for_line("ready", Duration::from_secs(600));
}

#[test]
fn ends_are_recorded_in_their_order() {
    let sandbox = Sandbox::new();
    let order = sandbox.exit_order();
    let sleeps: Vec<_> = (0..20).map(|_| sandbox.spawn(["sleep", "1000"])).collect();
    for (number, sleep) in sleeps.iter().enumerate() {
        order.watch(number.to_string(), sleep.pid());
    }
    let wanted: Vec<_> = (0..20).map(|number| (number * 7) % 20).collect();
    for number in &wanted {
        let sleep: &endsession_testkit::session::Proc = &sleeps[*number];
        sleep.kill();
        sleep.wait_exit(LIMIT);
    }
    let names: Vec<_> = wanted.iter().map(usize::to_string).collect();
    assert_eq!(order.wait_for(20, LIMIT), names);
}

#[test]
fn only_the_fonts_that_are_given_are_found() {
    let sandbox = Sandbox::new();
    let dejavu = "/usr/share/fonts/truetype/dejavu";
    let (sans, mono) = (
        format!("{dejavu}/DejaVuSans.ttf"),
        format!("{dejavu}/DejaVuSansMono.ttf"),
    );
    sandbox.use_fonts(&[&sans, &mono]);
    sandbox.use_fonts(&[&sans]);
    let dir = sandbox.env("ENDSESSION_FONTS").unwrap();
    let names: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["DejaVuSans.ttf"]);
    let list = sandbox.spawn(["fc-list", ":", "family"]);
    assert!(list.wait_exit(LIMIT).success());
    assert_eq!(list.stdout_so_far(), "DejaVu Sans\n");
}

#[test]
fn what_a_process_costs_is_read() {
    let sandbox = Sandbox::new();
    let shell =
        sandbox.spawn_with_input(["sh", "-c", "echo ready; while read -r line; do echo; done"]);
    shell.wait_for_line("ready", LIMIT);
    let pid = shell.pid();
    assert_eq!(measure::threads(pid), 1);
    let memory = measure::pss_kb(pid);
    assert!((50..100_000).contains(&memory), "{memory} kB");
    assert!(measure::private_kb(pid) <= memory);
    let before = measure::activity(pid);
    for _ in 0..5 {
        // It sleeps between two lines, so each one wakes it; on a busy machine it may lose the
        // processor before it comes to sleep.
        let mark = shell.stdout().mark();
        shell.write("again\n");
        shell.stdout().wait_for_from(mark, "", LIMIT);
    }
    let after = measure::activity(pid);
    let switches = |a: &measure::Activity| a.wakeups + a.preempted;
    assert!(
        switches(&after) >= switches(&before) + 4,
        "{before:?}, {after:?}"
    );
    assert!(after.cpu > before.cpu);
}

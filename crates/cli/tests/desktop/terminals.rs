//! Work in terminals: foot on sway, xterm on X11, tmux and screen.

use endsession_testkit::bus::Bus;
use endsession_testkit::pty::Pty;
use endsession_testkit::session::{Proc, Sandbox};
use endsession_testkit::sway::Config;
use endsession_testkit::wait;
use serde_json::{Value, json};

use crate::desk::{Desk, LIMIT, wait_for_descendant};

/// What blocks, without a request.
fn blockers(desk: &Desk) -> Value {
    desk.status()["blockers"].clone()
}

/// What outlives the session, by name and command.
fn survivors(desk: &Desk) -> Vec<String> {
    let status = desk.status();
    let all = status["survivors"].as_array().unwrap().iter();
    let text = |s: &Value| {
        assert!(s["pid"].is_u64(), "{s}");
        format!(
            "{}: {}",
            s["name"].as_str().unwrap(),
            s["what"].as_str().unwrap()
        )
    };
    all.map(text).collect()
}

#[track_caller]
fn goes_on(desk: &Desk, logoff: &Proc) {
    let status = logoff.wait_exit(LIMIT).code();
    assert_eq!(status, Some(0), "{}", logoff.stderr_so_far());
    assert!(desk.run.wait_exit(LIMIT).success());
}

/// Types a command that runs `program` in the desk's terminal; that one's pid.
fn typed(desk: &Desk, terminal: &Proc, line: &str, program: &str) -> u32 {
    desk.type_into("terminal", &format!("{line}\n"));
    wait_for_descendant(terminal.pid(), program)
}

pub(super) fn jobs_in_the_background_hold_it_too_until_each_has_ended(desk: &Desk) {
    let terminal = desk.terminal();
    let cat = typed(desk, &terminal, "sleep 4242 & cat", "cat");
    let sleep = wait_for_descendant(terminal.pid(), "sleep");
    let watch = desk.watch();
    let logoff = desk.command(&["logoff"]);
    watch.wait_for_line("is running: 2 jobs (cat, sleep 4242 &)", LIMIT);
    crate::end(cat);
    watch.wait_for_line("is running: sleep 4242 &", LIMIT);
    assert!(terminal.is_alive());
    crate::end(sleep);
    goes_on(desk, &logoff);
}

pub(super) fn a_pipeline_holds_until_its_last_program_has_ended(desk: &Desk) {
    let terminal = desk.terminal();
    let last = typed(desk, &terminal, "sleep 4242 | tac", "tac");
    let first = wait_for_descendant(terminal.pid(), "sleep");
    let stop = rustix::process::Pid::from_raw(last.try_into().unwrap()).unwrap();
    rustix::process::kill_process(stop, rustix::process::Signal::STOP).unwrap();
    let watch = desk.watch();
    let logoff = desk.command(&["logoff"]);
    watch.wait_for_line("is running: sleep 4242", LIMIT);
    crate::end(first);
    watch.wait_for_line("is running: tac", LIMIT);
    assert!(terminal.is_alive());
    rustix::process::kill_process(stop, rustix::process::Signal::CONT).unwrap();
    goes_on(desk, &logoff);
}

pub(super) fn a_terminal_within_a_terminal_is_what_runs_in_it(desk: &Desk) {
    let terminal = desk.terminal();
    let script = typed(
        desk,
        &terminal,
        "script -qc 'bash --norc -i' /dev/null",
        "script",
    );
    wait_for_descendant(script, "bash");
    assert_eq!(blockers(desk), json!([]));
    let cat = typed(desk, &terminal, "cat", "cat");
    let watch = desk.watch();
    let logoff = desk.command(&["logoff"]);
    // By the terminal's name, not by that of what carries it.
    watch.wait_for_line("is running: cat", LIMIT);
    let blocks = blockers(desk);
    assert_eq!(blocks.as_array().unwrap().len(), 1, "{blocks}");
    assert_eq!(blocks[0]["pid"], terminal.pid(), "{blocks}");
    crate::end(cat);
    goes_on(desk, &logoff);
}

pub(super) fn how_long_a_job_has_run_is_told(desk: &Desk) {
    let terminal = desk.terminal();
    let began = std::time::Instant::now();
    let cat = typed(desk, &terminal, "cat", "cat");
    let told = |desk: &Desk| blockers(desk)[0]["running_ms"].as_u64().unwrap();
    let first = told(desk);
    // The kernel counts in hundredths.
    assert!(
        u128::from(first) <= began.elapsed().as_millis() + 20,
        "{first}"
    );
    while told(desk) <= first {
        assert!(began.elapsed() < LIMIT);
    }
    let (_, status, _) = desk.endsession(&["status"]);
    let said = status
        .lines()
        .find(|line| line.contains("is running: cat, "));
    assert!(said.is_some_and(|line| line.ends_with(" s")), "{status}");
    crate::end(cat);
}

pub(super) fn what_only_shows_holds_nothing(desk: &Desk) {
    let terminal = desk.terminal();
    typed(desk, &terminal, "less /etc/passwd", "less");
    assert_eq!(blockers(desk), json!([]));
    goes_on(desk, &desk.command(&["logoff", "--no-dialog"]));
}

#[test]
fn the_configuration_says_which_programs_count() {
    let jobs = format!(
        "{}\n[jobs]\nignore = [\"cat\"]\ncount = \"less\"\n",
        crate::desk::DEADLINES
    );
    let desk = Desk::sway_of(&Sandbox::new(), Config::new(), &jobs);
    let terminal = desk.terminal();
    let cat = typed(&desk, &terminal, "cat", "cat");
    assert_eq!(blockers(&desk), json!([]));
    crate::end(cat);
    typed(&desk, &terminal, "less /etc/passwd", "less");
    assert_eq!(blockers(&desk)[0]["reason"], "less /etc/passwd");
}

pub(super) fn a_job_under_nohup_is_listed_and_outlives_the_session(desk: &Desk) {
    let terminal = desk.terminal();
    let line = "nohup sleep 4242 >/dev/null 2>&1 &";
    let sleep = typed(desk, &terminal, line, "sleep");
    let name = std::fs::read_to_string(format!("/proc/{}/comm", terminal.pid())).unwrap();
    assert_eq!(survivors(desk), [format!("{}: sleep 4242 &", name.trim())]);
    assert_eq!(blockers(desk), json!([]));
    let watch = desk.watch();
    let logoff = desk.command(&["logoff", "--no-dialog"]);
    watch.wait_for_line("outlives the session: sleep 4242 &", LIMIT);
    goes_on(desk, &logoff);
    crate::end(sleep);
}

/// Started in the session, shown in a window of it, and nothing that ends it: there is no logind here.
fn a_multiplexer_that_stays(name: &str, start: &[&str], attach: &[&str], server: &str) {
    let sandbox = Sandbox::new();
    let sockets = sandbox.home().join("sockets");
    let desk = Desk::sway_with(&sandbox, Config::new());
    desk.sandbox.set_env("SCREENDIR", &sockets);
    desk.sandbox.set_env("TMUX_TMPDIR", &sockets);
    let make = ["mkdir", "-m", "700", &sockets.display().to_string()];
    assert!(desk.sandbox.spawn(make).wait_exit(LIMIT).success());
    let began = desk.sandbox.spawn(start);
    assert!(
        began.wait_exit(LIMIT).success(),
        "{}",
        began.stderr_so_far()
    );
    let window = [&["foot", "--title", "attached", "--"], attach].concat();
    let terminal = desk.sandbox.spawn(window);
    desk.wait_for_window("attached");
    wait_for_descendant(terminal.pid(), server);
    // The same whether its client shows it here or not.
    assert_eq!(survivors(&desk), [format!("{name}: sleep 4242")]);
    assert_eq!(blockers(&desk), json!([]));
    let (_, status, _) = desk.endsession(&["status"]);
    assert!(
        status.contains("Survives the end of the session:"),
        "{status}"
    );
    let pid = desk.status()["survivors"][0]["pid"].as_u64().unwrap();
    goes_on(&desk, &desk.command(&["logoff", "--no-dialog"]));
    assert!(wait::until_gone(terminal.pid(), LIMIT));
    let pid = u32::try_from(pid).unwrap();
    let alive = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap();
    assert!(alive.starts_with(name), "{alive}");
    crate::end(pid);
    assert!(wait::until_gone(pid, LIMIT));
}

#[test]
fn work_in_tmux_is_listed_and_outlives_a_session_without_logind() {
    let start = ["tmux", "-f", "/dev/null", "new-session", "-d", "sleep 4242"];
    a_multiplexer_that_stays("tmux", &start, &["tmux", "attach"], "tmux: client");
}

#[test]
fn work_in_screen_is_listed_and_outlives_a_session_without_logind() {
    let start = ["screen", "-c", "/dev/null", "-dmS", "work", "sleep", "4242"];
    a_multiplexer_that_stays("screen", &start, &["screen", "-x", "work"], "screen");
}

#[test]
fn the_terminal_that_the_session_runs_in_is_one_too() {
    let sandbox = Sandbox::new();
    sandbox.install(std::path::Path::new(env!("CARGO_BIN_EXE_endsession")));
    let bus = Bus::daemon_in(&sandbox);
    let session = ["endsession", "run", "--", "bash", "--norc", "-i"];
    let tty = Pty::spawn(&sandbox, session);
    bus.wait_for_name("org.gnome.SessionManager", LIMIT);
    wait_for_descendant(tty.pid(), "bash");
    let status = || {
        let asked = sandbox.spawn(["endsession", "status", "--json"]);
        assert!(
            asked.wait_exit(LIMIT).success(),
            "{}",
            asked.stderr_so_far()
        );
        let status: Value = serde_json::from_str(&asked.stdout_so_far()).unwrap();
        status["blockers"].clone()
    };
    assert_eq!(status(), json!([]));
    tty.write("cat\n");
    let cat = wait_for_descendant(tty.pid(), "cat");
    // The shell gives it the terminal before it becomes what it is.
    let name = std::fs::read_link(format!("/proc/{cat}/fd/0")).unwrap();
    let name = name.strip_prefix("/dev").unwrap().display().to_string();
    let blocks = status();
    assert_eq!(blocks[0]["name"], name.as_str(), "{blocks}");
    assert_eq!(blocks[0]["reason"], "cat", "{blocks}");
    let asked = sandbox.spawn(["endsession", "logoff", "--no-dialog"]);
    assert_eq!(asked.wait_exit(LIMIT).code(), Some(1));
    tty.write("\x04");
    assert!(wait::until_gone(cat, LIMIT));
    let asked = sandbox.spawn(["endsession", "logoff", "--no-dialog"]);
    let ended = asked.wait_exit(LIMIT).code();
    assert_eq!(ended, Some(0), "{}", asked.stderr_so_far());
}

//! What a shell user expects of a command that runs another: its status, its signals, its terminal, its words.

use endsession_testkit::pty::Pty;
use endsession_testkit::session::{Proc, Sandbox};
use rustix::process::Signal;

use crate::support::{Done, LIMIT, endsession, run, sandbox};

/// Says which signals come, and ends with status 5 on SIGTERM.
const LISTENS: &str = "for s in HUP INT QUIT USR1; do trap \"echo $s\" $s; done; trap 'echo TERM; exit 5' TERM; \
                       echo ready; while :; do sleep 30 >&- 2>&- & wait $!; done";

/// A session in which nobody takes holds, which is all the same here.
fn world() -> Sandbox {
    let sandbox = sandbox();
    sandbox.set_env("ENDSESSION_BACKEND", "none");
    sandbox
}

/// Runs `endsession hold` around this shell script to its end.
#[track_caller]
fn hold(sandbox: &Sandbox, script: &str) -> Done {
    endsession(sandbox, &["hold", "--why", "x", "--", "sh", "-c", script])
}

/// `endsession hold` around a script that listens to signals, and does already.
#[track_caller]
fn listening(sandbox: &Sandbox) -> Proc {
    let words = [
        "endsession",
        "hold",
        "--why",
        "x",
        "--",
        "sh",
        "-c",
        LISTENS,
    ];
    let hold = sandbox.spawn(words);
    hold.wait_for_line("ready", LIMIT);
    hold
}

#[test]
fn its_status_is_the_commands() {
    let sandbox = world();
    for status in [0, 1, 7, 255] {
        let done = hold(&sandbox, &format!("exit {status}"));
        assert_eq!(done.code(), Some(status), "{done:?}");
    }
    let killed = hold(&sandbox, "kill -KILL $$");
    assert_eq!(killed.code(), Some(128 + 9), "{killed:?}");
}

#[test]
fn a_command_that_cannot_be_started_is_status_127_or_126() {
    let sandbox = world();
    let no_program = sandbox.write("notes", "not a program");
    let no_program = no_program.to_str().unwrap();
    for (command, status) in [("no-such-program", 127), (no_program, 126)] {
        let done = endsession(&sandbox, &["hold", "--why", "x", "--", command]);
        assert_eq!(done.code(), Some(status), "{done:?}");
        assert!(done.err.contains("cannot start"), "{done:?}");
    }
}

#[test]
fn what_it_is_told_wrongly_is_status_2() {
    let sandbox = world();
    let wrong: [(&[&str], &str); 5] = [
        (&["hold", "--", "true"], "--why"),
        (&["hold", "--why", "x"], "COMMAND"),
        (&["hold", "--why", " ", "--", "true"], "copying the photos"),
        (&["hold", "--why", "x", "--what", "lunch", "true"], "logoff"),
        (&["hold", "--why", "x", "--what", "", "true"], "logoff"),
    ];
    for (words, said) in wrong {
        let done = endsession(&sandbox, words);
        assert_eq!(done.code(), Some(2), "{words:?}: {done:?}");
        assert!(done.err.contains(said), "{words:?}: {done:?}");
    }
    sandbox.set_env("ENDSESSION_BACKEND", "gnom");
    let done = hold(&sandbox, "echo ran");
    assert_eq!((done.code(), done.out.as_str()), (Some(2), ""));
    assert!(
        done.err.contains("no backend is called \"gnom\""),
        "{done:?}"
    );
}

#[test]
fn what_follows_the_command_is_the_commands_own() {
    let done = endsession(
        &world(),
        &["hold", "--why=x", "echo", "--why", "-n", "--", "--help"],
    );
    assert_eq!(done.out, "--why -n -- --help\n", "{done:?}");
}

#[test]
fn what_is_not_held_is_said_and_the_command_runs_all_the_same() {
    let sandbox = world();
    let words = ["hold", "--why", "x", "--what", "logoff,idle", "--", "true"];
    let done = endsession(&sandbox, &words);
    assert_eq!((done.code(), done.out.as_str()), (Some(0), ""));
    let said = "endsession: not held up: the end of the session, idleness (no session manager or system service here takes a hold); \
                true runs all the same\n";
    assert_eq!(done.err, said);
}

#[test]
fn signals_are_passed_on() {
    let sandbox = world();
    let hold = listening(&sandbox);
    for (signal, name) in [
        (Signal::HUP, "HUP"),
        (Signal::INT, "INT"),
        (Signal::QUIT, "QUIT"),
        (Signal::USR1, "USR1"),
    ] {
        hold.signal(signal);
        hold.wait_for_line(name, LIMIT);
    }
    hold.terminate();
    assert_eq!(hold.wait_exit(LIMIT).code(), Some(5));
    assert_eq!(hold.stdout_so_far(), "ready\nHUP\nINT\nQUIT\nUSR1\nTERM\n");
}

#[test]
fn ctrl_c_reaches_the_command_once() {
    let sandbox = world();
    let words = [
        "endsession",
        "hold",
        "--why",
        "x",
        "--",
        "sh",
        "-c",
        LISTENS,
    ];
    let terminal = Pty::spawn(&sandbox, words);
    terminal.wait_for("ready", LIMIT);
    terminal.write("\x03");
    terminal.wait_for("INT", LIMIT);
    terminal.write("\x1c");
    terminal.wait_for("QUIT", LIMIT);
    // Whatever was passed on before this arrives before it.
    terminal.terminate();
    terminal.wait_for("TERM", LIMIT);
    assert_eq!(terminal.wait_exit(LIMIT).code(), Some(5));
    let said = terminal.text();
    for name in ["INT", "QUIT", "TERM"] {
        assert_eq!(said.matches(name).count(), 1, "{said}");
    }
}

#[test]
fn a_terminal_that_is_lost_hangs_the_command_up() {
    let sandbox = world();
    let file = sandbox.home().join("heard");
    let script = format!(
        "trap 'echo HUP >{}; exit 0' HUP; echo ready; while :; do sleep 30 >&- 2>&- & wait $!; done",
        file.display()
    );
    let words = [
        "endsession",
        "hold",
        "--why",
        "x",
        "--",
        "sh",
        "-c",
        &script,
    ];
    let mut terminal = Pty::spawn(&sandbox, words);
    terminal.wait_for("ready", LIMIT);
    terminal.hang_up();
    assert_eq!(terminal.wait_exit(LIMIT).code(), Some(0));
    assert_eq!(std::fs::read_to_string(file).unwrap(), "HUP\n");
}

#[test]
fn what_nohup_ignores_the_command_ignores_too() {
    let sandbox = world();
    let inside = "grep SigIgn /proc/self/status | cut -c 9-";
    let ignored = |before: &str| {
        let script = format!("{before} exec endsession hold --why x -- sh -c '{inside}'");
        let done = run(&sandbox, &["sh", "-c", &script]);
        u64::from_str_radix(done.out.trim(), 16).unwrap_or_else(|_| panic!("{done:?}"))
    };
    const HUP: u64 = 1;
    assert_eq!(ignored("") & HUP, 0);
    assert_eq!(ignored("trap \"\" HUP;") & HUP, HUP);
}

#[test]
fn its_input_and_output_are_the_commands() {
    let sandbox = world();
    let hold = sandbox.spawn_with_input(["endsession", "hold", "--why", "x", "--", "cat"]);
    hold.write("one\n");
    hold.wait_for_line("one", LIMIT);
    hold.close_input();
    assert_eq!(hold.wait_exit(LIMIT).code(), Some(0));
}

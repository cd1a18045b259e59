//! `endsession logoff` on a terminal: what it shows, what its keys do, and the terminal afterwards.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod support;

use endsession_testkit::pty::Pty;
use support::application::{self, Application};
use support::{LIMIT, On, Session, wait_for_status};

const QUERY: &str = "QueryEndSession";
const CANCEL: &str = "CancelEndSession";
const END: &str = "EndSession";

fn session() -> Session {
    Session::with(On::Daemon, "forced = \"300ms\"", &support::IDLE)
}

/// An application that answers when the test says so.
fn start(session: &Session, app_id: &str) -> Application {
    Application::start(
        &session.sandbox,
        "an_application_is_a_process_of_its_own",
        app_id,
    )
}

fn editor(session: &Session) -> Application {
    start(session, "editor")
}

/// Starts the log-off on a terminal of its own.
fn log_off(session: &Session, arguments: &[&str]) -> Pty {
    Pty::spawn(
        &session.sandbox,
        [&["endsession", "logoff"], arguments].concat(),
    )
}

/// Starts the log-off, has the client refuse, and waits until that is shown.
fn refused(session: &Session, client: &Application) -> Pty {
    let terminal = log_off(session, &[]);
    client.wait_for(QUERY, 1);
    client.answer(false, "two files are not saved");
    terminal.wait_for("refuses: two files are not saved", LIMIT);
    terminal.wait_for(
        "c: cancel   a: ask again   e: end one   E: end all anyway",
        LIMIT,
    );
    terminal
}

#[track_caller]
fn ends_with(terminal: &Pty, status: i32, said: &str) {
    let ended = terminal.wait_exit(LIMIT);
    assert_eq!(ended.code(), Some(status), "{}", terminal.text());
    terminal.wait_for(said, LIMIT);
}

#[test]
fn an_application_is_a_process_of_its_own() {
    if application::main() {
        return;
    }
    let session = session();
    let client = editor(&session);
    let pid = client.process().pid();
    assert_ne!(pid, std::process::id());
    assert_eq!(session.status()["applications"][0]["pid"], pid);
}

#[test]
fn the_view_names_who_is_waited_for_and_who_blocks() {
    let session = session();
    let client = editor(&session);
    let terminal = log_off(&session, &[]);
    client.wait_for(QUERY, 1);
    let name = format!("editor (pid {})", client.process().pid());
    terminal.wait_for("Asking applications: 0 of 1 answered", LIMIT);
    terminal.wait_for(&format!("  waiting for {name}"), LIMIT);
    client.answer(false, "two files are not saved");
    terminal.wait_for("These hold the session open:", LIMIT);
    terminal.wait_for(
        &format!("  1  {name}: refuses: two files are not saved (0 s)"),
        LIMIT,
    );
    // For how long it blocks is counted.
    terminal.wait_for("two files are not saved (1 s)", LIMIT);
    assert_eq!(session.status()["request"]["shown"], true);
    terminal.write("c");
    ends_with(&terminal, 1, "The log-off was cancelled.");
}

#[test]
fn a_asks_again() {
    let session = session();
    let client = editor(&session);
    let terminal = refused(&session, &client);
    terminal.write("a");
    client.wait_for(QUERY, 2);
    client.answer(true, "");
    ends_with(&terminal, 0, "The session has ended.");
    assert_eq!(client.members(), [QUERY, CANCEL, QUERY, END]);
    session.ends_in_order();
}

#[test]
fn e_and_y_end_the_one_that_blocks() {
    let session = session();
    let client = editor(&session);
    let terminal = refused(&session, &client);
    terminal.write("e");
    terminal.wait_for("End editor now? What it has not saved is lost.", LIMIT);
    assert_eq!(client.members(), [QUERY]);
    terminal.write("y");
    client.wait_until_left();
    ends_with(&terminal, 0, "Ended over their objection: editor.");
    assert_eq!(client.members(), [QUERY, END]);
    session.ends_in_order();
}

#[test]
fn e_asks_which_of_several_and_ends_that_one_only() {
    let session = session();
    let burner = start(&session, "burner");
    let client = editor(&session);
    let terminal = refused(&session, &client);
    burner.wait_for(QUERY, 1);
    burner.answer(false, "a disc is being burnt");
    terminal.wait_for("  2  burner", LIMIT);
    terminal.write("e");
    terminal.wait_for("End which one? Press its number.", LIMIT);
    // They are numbered as they came.
    terminal.write("2");
    terminal.wait_for("End burner now?", LIMIT);
    terminal.write("y");
    burner.wait_until_left();
    let status = wait_for_status(&session, |s| s["blockers"].as_array().unwrap().len() == 1);
    assert_eq!(status["blockers"][0]["name"], "editor");
    assert_eq!(client.members(), [QUERY]);
    terminal.write("a");
    client.wait_for(QUERY, 2);
    client.answer(true, "");
    ends_with(&terminal, 0, "Ended over their objection: burner.");
}

#[test]
fn any_other_key_than_y_ends_nobody() {
    let session = session();
    let client = editor(&session);
    let terminal = refused(&session, &client);
    for keys in ["e", "E"] {
        terminal.write(keys);
        terminal.wait_for("What", LIMIT);
        terminal.write("n");
    }
    terminal.write("xyz123\n");
    terminal.write("a");
    client.wait_for(QUERY, 2);
    assert_eq!(client.members(), [QUERY, CANCEL, QUERY]);
}

#[test]
fn capital_e_and_y_end_all_that_block() {
    let session = session();
    let burner = start(&session, "burner");
    let client = editor(&session);
    let terminal = refused(&session, &client);
    burner.wait_for(QUERY, 1);
    burner.answer(false, "a disc is being burnt");
    terminal.wait_for("  2  burner", LIMIT);
    terminal.write("E");
    terminal.wait_for(
        "End all of them anyway? What they have not saved is lost.",
        LIMIT,
    );
    assert_eq!(client.members(), [QUERY]);
    terminal.write("y");
    burner.wait_until_left();
    client.wait_until_left();
    ends_with(&terminal, 0, "Ended over their objection: burner, editor.");
    session.ends_in_order();
}

#[test]
fn c_escape_and_control_c_cancel() {
    let session = session();
    for (nth, key) in (1..).zip(["c", "q", "\x1b", "\x03"]) {
        let client = editor(&session);
        let terminal = refused(&session, &client);
        terminal.write(key);
        ends_with(&terminal, 1, "The log-off was cancelled.");
        client.wait_for(CANCEL, 1);
        assert_eq!(
            session.status()["request"],
            serde_json::Value::Null,
            "{nth}"
        );
    }
    assert!(session.run.is_alive());
}

#[test]
fn control_c_cancels_while_nothing_blocks_yet() {
    let session = session();
    let client = editor(&session);
    let terminal = log_off(&session, &[]);
    terminal.wait_for("waiting for editor", LIMIT);
    terminal.write("\x03");
    ends_with(&terminal, 1, "The log-off was cancelled.");
    client.wait_for(CANCEL, 1);
}

#[test]
fn confirm_asks_on_the_terminal() {
    let session = session();
    let client = editor(&session);
    for (key, status) in [("n", 1), ("y", 0)] {
        let terminal = log_off(&session, &["--confirm"]);
        terminal.wait_for(
            "Log off? Applications will be asked first.  y: yes   n: no",
            LIMIT,
        );
        assert_eq!(client.members(), [""; 0]);
        terminal.write(key);
        if status == 0 {
            client.wait_for(QUERY, 1);
            client.answer(true, "");
        }
        ends_with(&terminal, status, "The ");
    }
    session.ends_in_order();
}

#[test]
fn a_lost_terminal_is_no_word_of_the_users() {
    let session = session();
    let client = editor(&session);
    let mut terminal = refused(&session, &client);
    terminal.hang_up();
    assert_eq!(terminal.wait_exit(LIMIT).code(), Some(0));
    let status = wait_for_status(&session, |s| s["request"]["shown"] == false);
    assert_eq!(status["request"]["phase"], "asking");
    assert_eq!(client.members(), [QUERY]);
    // Another terminal joins it, and sees who blocks.
    let again = log_off(&session, &[]);
    again.wait_for("already under way", LIMIT);
    again.wait_for("refuses: two files are not saved", LIMIT);
    again.write("c");
    ends_with(&again, 1, "The log-off was cancelled.");
}

#[test]
fn the_terminal_is_given_back_as_it_was() {
    let session = session();
    let client = editor(&session);
    // An unusual setting, to be kept as well.
    let script = "stty -echoe; stty -g; endsession logoff; echo \"status $?\"; stty -g; read -r line; \
                  echo \"read $line\"";
    let terminal = Pty::spawn(&session.sandbox, ["sh", "-c", script]);
    client.wait_for(QUERY, 1);
    client.answer(false, "not saved");
    terminal.wait_for("refuses: not saved", LIMIT);
    terminal.write("\x1b");
    terminal.wait_for("status 1", LIMIT);
    terminal.write("by lines again\n");
    terminal.wait_for("read by lines again", LIMIT);
    let text = terminal.text();
    let is_settings =
        |l: &&str| l.len() > 40 && l.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
    let settings: Vec<&str> = text.lines().filter(is_settings).collect();
    assert_eq!(settings.len(), 2, "{text}");
    assert_eq!(settings[0], settings[1]);
    // Keys were not echoed while they were choices, and lines are again.
    assert_eq!(text.matches("by lines again").count(), 2, "{text}");
}

#[test]
fn a_narrow_terminal_breaks_no_line() {
    let session = session();
    let client = editor(&session);
    let terminal = log_off(&session, &[]);
    client.wait_for(QUERY, 1);
    terminal.resize(20, 10);
    client.answer(false, "not saved");
    terminal.wait_for("These hold the sessi\n", LIMIT);
    terminal.write("c");
    ends_with(&terminal, 1, "The log-off was cancelled.");
}

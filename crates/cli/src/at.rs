//! `--session` and `--display`: the same command, inside another session of this machine. The
//! session is found, its surroundings taken on, and the command started anew in them: in our own
//! place for a session of our user, in a process of its user where we are root.

use std::ffi::OsString;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use endsession_manager::sessions::{self, Session};
use rustix::process::{Pid, Signal, getuid, kill_process};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::signal::unix::{SignalKind, signal};

use crate::args::{At, Inside};
use crate::exit::{Exit, Failure, Result};

/// Bytes of a line that a process of another user prints and root's terminal shows. The longest
/// of our own is a status as JSON.
const MAX_LINE: u64 = 1 << 20;

/// How long what the command printed last may take to be shown once it has ended.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);

/// Goes to the session that the options name, and says how the command ended there.
pub(crate) async fn go(at: &At) -> Result<Exit> {
    let session = find(at, sessions::all())?;
    let arguments = without(std::env::args_os().skip(1));
    let own = getuid();
    if session.uid == own.as_raw() {
        return Err(become_part_of(&session, &arguments));
    }
    // Root's terminal is out of reach for a process of that user only once nothing of it is left in
    // there: a step of root's own gives up the terminal first.
    let mut command = of_ourselves();
    command
        .args(["inside", &session.uid.to_string(), &session.gid.to_string()])
        .arg("--")
        .args(&arguments)
        .env_clear()
        .envs(&session.environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    relay(tokio::process::Command::from(command)).await
}

fn of_ourselves() -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("endsession");
    command
}

/// Starts the command anew in our own place; returns only what went wrong.
fn become_part_of(session: &Session, arguments: &[OsString]) -> Failure {
    let mut command = of_ourselves();
    let mut arguments = arguments.iter();
    // After the subcommand, and before a `--`. An option, which unlike a variable no child inherits.
    command
        .args(arguments.next())
        .arg("--from-elsewhere")
        .args(arguments);
    for (name, _) in std::env::vars_os() {
        if sessions::is_of_a_session(&name) {
            command.env_remove(name);
        }
    }
    let error = command.envs(&session.environment).exec();
    Failure::io("cannot start anew in that session", error)
}

/// The second step of root's way into a session: without a terminal, and from then on that user.
pub(crate) fn inside(options: &Inside) -> Result<Exit> {
    rustix::process::setsid().map_err(|e| Failure::io("cannot leave the terminal", e.into()))?;
    let error = of_ourselves()
        .args(&options.command)
        .uid(options.uid)
        .gid(options.gid)
        .exec();
    let what = format!("cannot become user {}", options.uid);
    Err(Failure::io(what, error))
}

/// Shows what the process prints, passes our signals on, and ends as it ends.
async fn relay(mut command: tokio::process::Command) -> Result<Exit> {
    let handler = |kind| signal(kind).map_err(|e| Failure::io("cannot wait for signals", e));
    let (mut interrupt, mut terminate, mut hangup) = (
        handler(SignalKind::interrupt())?,
        handler(SignalKind::terminate())?,
        handler(SignalKind::hangup())?,
    );
    let mut child = command
        .spawn()
        .map_err(|e| Failure::io("cannot start anew in that session", e))?;
    let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
    let pass = |signal| {
        if let Some(pid) = pid {
            // It is our child, and its status was not taken yet.
            let _has_ended = kill_process(pid, signal);
        }
    };
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let shown = async {
        tokio::join!(
            show(stdout, std::io::stdout()),
            show(stderr, std::io::stderr())
        )
    };
    tokio::pin!(shown);
    let mut is_shown = false;
    let ended = loop {
        tokio::select! {
            _ = &mut shown, if !is_shown => is_shown = true,
            status = child.wait() => break status,
            Some(()) = interrupt.recv() => pass(Signal::INT),
            Some(()) = terminate.recv() => pass(Signal::TERM),
            Some(()) = hangup.recv() => pass(Signal::HUP),
        }
    };
    if !is_shown {
        // A manager that it brought along holds the same pipe, and may go on after it.
        let _rest = tokio::time::timeout(DRAIN_LIMIT, shown).await;
    }
    let status = ended.map_err(|e| Failure::io("cannot wait for the command", e))?;
    let signalled = status.signal().map(|s| 128 + s);
    let code = status.code().or(signalled).unwrap_or_default();
    Ok(Exit::Session(u8::try_from(code).unwrap_or(u8::MAX)))
}

/// Copies lines, without what would control the terminal.
async fn show(from: Option<impl AsyncRead + Unpin>, mut to: impl std::io::Write) {
    let Some(from) = from else { return };
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut one = (&mut from).take(MAX_LINE);
        if one.read_until(b'\n', &mut line).await.unwrap_or(0) == 0 {
            return;
        }
        let text = harmless(&String::from_utf8_lossy(&line));
        // A lost terminal or a closed pipe is no reason to end the command there.
        let _lost = to.write_all(text.as_bytes()).and_then(|()| to.flush());
    }
}

fn harmless(line: &str) -> String {
    line.chars()
        .filter(|c| matches!(c, '\n' | '\t') || !c.is_control())
        .collect()
}

/// The one session that is meant.
fn find(at: &At, all: Vec<Session>) -> Result<Session> {
    let what = match (&at.display, &at.session) {
        (Some(display), _) => format!("display {display}"),
        (None, id) => format!("login session {}", id.as_deref().unwrap_or_default()),
    };
    let meant = |s: &Session| match (&at.display, &at.session) {
        (Some(display), _) => s.is_at(display),
        (None, id) => id.is_some() && s.login == *id,
    };
    let list = describe(&all);
    let mut found = all.into_iter().filter(meant);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(Failure::NoSession(format!(
            "{what} is more than one session; name one of them by its socket's path with --display. There are: {list}"
        ))),
        (None, _) if getuid().is_root() => Err(Failure::NoSession(format!(
            "no session is on {what}; there are: {list}"
        ))),
        (None, _) => Err(Failure::NoSession(format!(
            "no session of yours is on {what} (root may name those of others); yours are: {list}"
        ))),
    }
}

/// Sessions, as `--display` and `--session` would name them.
pub(crate) fn describe(all: &[Session]) -> String {
    if all.is_empty() {
        return "none".to_owned();
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let one = |s: &Session| {
        let of = user_name(&users, s.uid).unwrap_or_else(|| s.uid.to_string());
        match &s.login {
            Some(id) => format!("{} (of {of}, login session {id})", s.display()),
            None => format!("{} (of {of})", s.display()),
        }
    };
    all.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn user_name(users: &str, uid: u32) -> Option<String> {
    let uid = uid.to_string();
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1) == Some(uid.as_str())).then(|| name.to_owned())
    })
}

/// The arguments without the options that led here.
fn without(all: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut kept = Vec::new();
    let mut all = all;
    while let Some(argument) = all.next() {
        match argument.to_str() {
            Some("--") => {
                kept.push(argument);
                kept.extend(all);
                break;
            }
            Some("--session" | "--display") => drop(all.next()),
            Some(a) if a.starts_with("--session=") || a.starts_with("--display=") => {}
            _ => kept.push(argument),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn session(uid: u32, wayland: Option<&str>, x11: Option<&str>, login: &str) -> Session {
        Session {
            uid,
            gid: uid,
            wayland: wayland.map(PathBuf::from),
            x11: x11.map(str::to_owned),
            login: Some(login.to_owned()),
            environment: Default::default(),
        }
    }

    fn at(display: Option<&str>, session: Option<&str>) -> At {
        At {
            display: display.map(str::to_owned),
            session: session.map(str::to_owned),
            from_elsewhere: false,
        }
    }

    fn all() -> Vec<Session> {
        vec![
            session(1000, Some("/run/user/1000/wayland-1"), Some(":0"), "2"),
            session(1000, None, Some(":5"), "7"),
            session(1001, Some("/run/user/1001/wayland-1"), None, "9"),
        ]
    }

    #[test]
    fn one_session_is_meant_or_all_are_named() {
        assert_eq!(find(&at(Some(":5"), None), all()).unwrap().uid, 1000);
        assert_eq!(find(&at(None, Some("9")), all()).unwrap().uid, 1001);
        let path = Some("/run/user/1001/wayland-1");
        assert_eq!(find(&at(path, None), all()).unwrap().uid, 1001);
        let two = find(&at(Some("wayland-1"), None), all()).unwrap_err();
        assert!(two.to_string().contains("more than one"), "{two}");
        assert!(two.to_string().contains("login session 9"), "{two}");
        assert_eq!(two.exit(), Exit::NoSession);
        let none = find(&at(Some(":9"), None), all()).unwrap_err();
        assert!(none.to_string().contains(":5"), "{none}");
        assert_eq!(none.exit(), Exit::NoSession);
        let nobody = find(&at(None, Some("1")), Vec::new()).unwrap_err();
        assert!(nobody.to_string().contains("none"), "{nobody}");
    }

    #[test]
    fn only_the_way_there_is_left_out() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        for (given, kept) in [
            ("logoff --display :1 --force", "logoff --force"),
            ("logoff --session=3 --json", "logoff --json"),
            ("logoff --reason --display", "logoff --reason"),
            ("choose end-one -- --display", "choose end-one -- --display"),
        ] {
            assert_eq!(without(words(given).into_iter()), words(kept), "{given}");
        }
    }

    #[tokio::test]
    async fn a_command_that_has_ended_is_not_waited_for_because_of_what_it_started() {
        // As long as this is open, what stays holds the command's output.
        let (input, _open) = std::io::pipe().unwrap();
        let mut command = tokio::process::Command::new("sh");
        command
            .args(["-c", "exec 3<&0; cat <&3 & exit 7"])
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let ended = tokio::time::timeout(Duration::from_secs(60), relay(command)).await;
        assert_eq!(ended.unwrap().unwrap(), Exit::Session(7));
    }

    #[test]
    fn a_terminal_is_not_controlled_by_what_it_shows() {
        assert_eq!(harmless("a\x1b[2Jb\tc\n"), "a[2Jb\tc\n");
    }

    #[test]
    fn a_user_has_a_name_where_the_system_knows_one() {
        let users = "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/sh\n";
        assert_eq!(user_name(users, 1000).as_deref(), Some("alice"));
        assert_eq!(user_name(users, 1), None);
    }
}

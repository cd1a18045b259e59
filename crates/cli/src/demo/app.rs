//! The demo's applications: small programs that register with the manager as a desktop's do. Each
//! is a process of its own, so that the one that hangs really hangs.
//!
//! The editor asks in a window where there is a display. Else its "window" is the demo's terminal:
//! it writes its question to stdout and reads the answer from stdin.

use std::io::{BufRead as _, Write as _};
use std::time::Instant;

use endsession_dialog::content::Question;
use endsession_dialog::i18n::Messages;
use futures_util::StreamExt as _;
use zbus::message::Type;
use zbus::{Connection, MessageStream, ObjectPath, connection};

use crate::args::{DemoApp, Manner};
use crate::control::session_bus;
use crate::exit::{Exit, Failure, Result};

const MANAGER: &str = "org.gnome.SessionManager";
const CLIENT: &str = "org.gnome.SessionManager.ClientPrivate";
const OWN: &str = "org.endsession.Client1";

/// Runs one application until it is told to end.
pub(crate) async fn run(options: DemoApp) -> Result<Exit> {
    let address = session_bus().ok_or(Failure::NoBus)?;
    let connection = connection::Builder::address(address.as_str())
        .build()
        .await?;
    let mut messages = MessageStream::from(&connection);
    let name = match options.manner {
        Manner::Clock => "clock",
        Manner::Editor => "editor",
        Manner::Player => "player",
    };
    let reply = connection
        .call_method(
            Some(MANAGER),
            "/org/gnome/SessionManager",
            Some(MANAGER),
            "RegisterClient",
            &(name, ""),
        )
        .await?;
    let path: ObjectPath<'static> = reply.body().deserialize::<ObjectPath<'_>>()?.into_owned();
    say("ready");
    while let Some(message) = messages.next().await {
        let message = message?;
        if message.message_type() != Type::Signal {
            continue;
        }
        let member = message
            .header()
            .member()
            .map(|m| m.to_string())
            .unwrap_or_default();
        match (member.as_str(), options.manner) {
            ("QueryEndSession", Manner::Clock) => {
                connection
                    .call_method(
                        Some(MANAGER),
                        &path,
                        Some(CLIENT),
                        "EndSessionResponse",
                        &(true, ""),
                    )
                    .await?;
            }
            ("QueryEndSession", Manner::Editor) => {
                let answered = ask(&connection, &path, &mut messages, options.window).await?;
                if answered == Asked::Ended {
                    return Ok(Exit::Done);
                }
            }
            // Hung: it never comes back to its event loop.
            ("QueryEndSession", Manner::Player) => loop {
                std::thread::park();
            },
            ("EndSession" | "Stop", Manner::Editor) => {
                say("saved");
                return Ok(Exit::Done);
            }
            ("EndSession" | "Stop", _) => return Ok(Exit::Done),
            _ => {}
        }
    }
    Ok(Exit::Done)
}

/// How a question ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// With an answer, or because nobody wants one any more.
    Done,
    /// The session has gone on without one.
    Ended,
}

/// The seed's own dialog: "End the session?".
async fn ask(
    connection: &Connection,
    path: &ObjectPath<'_>,
    messages: &mut MessageStream,
    window: bool,
) -> Result<Asked> {
    connection
        .call_method(Some(MANAGER), path, Some(OWN), "AskingUser", &())
        .await?;
    let mut yes = None;
    if window {
        say("ask-in-window");
        let options = crate::dialog::options("org.endsession.Demo", Instant::now());
        let words = Messages::new(&options.locale);
        let question = Question {
            text: words.text("ask"),
            detail: String::new(),
        };
        tokio::select! {
            answer = crate::ask::in_window(&question, options) => yes = answer.ok(),
            asked = no_longer_asked(messages) => return Ok(asked),
        }
    }
    let yes = yes.unwrap_or_else(at_terminal);
    let reason = if yes {
        ""
    } else {
        "the user keeps the session"
    };
    connection
        .call_method(
            Some(MANAGER),
            path,
            Some(OWN),
            "Answer",
            &(yes, true, reason),
        )
        .await?;
    Ok(Asked::Done)
}

fn at_terminal() -> bool {
    say("ask");
    let mut answer = String::new();
    let _no_answer_is_no = std::io::stdin().lock().read_line(&mut answer);
    answer.trim() == "yes"
}

/// Waits until the question is void.
async fn no_longer_asked(messages: &mut MessageStream) -> Asked {
    while let Some(Ok(message)) = messages.next().await {
        match message.header().member().map(|m| m.to_string()).as_deref() {
            Some("CancelEndSession") => return Asked::Done,
            Some("EndSession" | "Stop") => return Asked::Ended,
            _ => {}
        }
    }
    Asked::Ended
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Without the demo there is nobody to tell.
    let _gone = writeln!(out, "{line}").and_then(|()| out.flush());
}

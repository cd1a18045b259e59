//! The demo's applications: small programs that register with the manager as a desktop's do. Each
//! is a process of its own, so that the one that hangs really hangs.
//!
//! The editor's "window" is the demo's terminal: it writes its question to stdout and reads the
//! answer from stdin.

use std::io::{BufRead as _, Write as _};

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
            ("QueryEndSession", Manner::Editor) => ask(&connection, &path).await?,
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

/// The seed's own dialog: "End the session?".
async fn ask(connection: &Connection, path: &ObjectPath<'_>) -> Result<()> {
    connection
        .call_method(Some(MANAGER), path, Some(OWN), "AskingUser", &())
        .await?;
    say("ask");
    let mut answer = String::new();
    let _no_answer_is_no = std::io::stdin().lock().read_line(&mut answer);
    let yes = answer.trim() == "yes";
    let body = (
        yes,
        true,
        if yes {
            ""
        } else {
            "the user keeps the session"
        },
    );
    connection
        .call_method(Some(MANAGER), path, Some(OWN), "Answer", &body)
        .await?;
    Ok(())
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Without the demo there is nobody to tell.
    let _gone = writeln!(out, "{line}").and_then(|()| out.flush());
}

//! Xfce: `org.xfce.SessionManager`, object `/org/xfce/SessionManager`, interface
//! `org.xfce.Session.Manager`, of xfce4-session.
//!
//! `Logout(show dialog, allow save)`, `Restart(allow save)`, `Shutdown(allow save)`; saving is
//! allowed, as its own command does. Its states tell the rest: 3 it asks its clients, 4 it tells them
//! to end, and back to 2 or 1 when one of them has cancelled. A client in state 1 is asking the user;
//! the last one that did is who cancelled. A No in its own dialog is told to nobody: the dialog is
//! watched, and when it has gone and the state is still 1 the answer was no.

use std::collections::HashMap;

use endsession_core::Kind;
use endsession_manager::report::{News, Who, one_line};
use zbus::{Message, Variant};

use super::bus::Heard;
use super::plan::Confirm;
use super::{Elsewhere, Outcome};
use crate::exit::{Failure, Result};
use crate::logoff::eprintln_quietly;
use crate::show;

const NAME: &str = "org.xfce.SessionManager";
const PATH: &str = "/org/xfce/SessionManager";
const MANAGER: &str = "org.xfce.Session.Manager";
const CLIENT: &str = "org.xfce.Session.Client";

/// The manager's states (`GetState`, `StateChanged`).
const IDLE: u32 = 1;
const CHECKPOINT: u32 = 2;
const SHUTDOWN: u32 = 3;
const ENDING: u32 = 4;

/// A client's state while it asks the user.
const INTERACTING: u32 = 1;

/// Ends the session.
pub(super) async fn end(at: &mut Elsewhere, kind: Kind, confirm: Confirm) -> Result<Outcome> {
    match kind {
        Kind::LogOff => {}
        Kind::Restart => at.can(PATH, MANAGER, "CanRestart", kind).await?,
        Kind::PowerOff => at.can(PATH, MANAGER, "CanShutdown", kind).await?,
    }
    at.bus.listen(&format!("sender='{NAME}'")).await?;
    let asks_first = confirm == Confirm::Theirs;
    if asks_first && !at.bus.watch_windows_of(at.owner.pid).await {
        return Err(Failure::NoWindow(
            "Xfce's session manager tells nobody that its question was answered with no, and its window cannot be \
             watched here; use the same command without --confirm"
                .to_owned(),
        ));
    }
    let call = match kind {
        Kind::LogOff => {
            let arguments = (asks_first, true);
            at.bus.send(NAME, PATH, MANAGER, "Logout", &arguments).await
        }
        Kind::Restart => at.bus.send(NAME, PATH, MANAGER, "Restart", &true).await,
        Kind::PowerOff => at.bus.send(NAME, PATH, MANAGER, "Shutdown", &true).await,
    }?;
    let mut state = IDLE;
    let mut marker = None;
    let mut asking: Option<Who> = None;
    loop {
        match at.bus.next().await {
            Heard::Answer(serial, Err(refusal)) if serial == call => {
                return Err(at.refusal(&refusal));
            }
            Heard::Signal(message) if at.is_theirs(&message) => match signal(&message) {
                Some(Said::State(new)) => {
                    let was = std::mem::replace(&mut state, new);
                    if was == SHUTDOWN && matches!(new, CHECKPOINT | IDLE) {
                        return Ok(cancelled(asking));
                    }
                }
                Some(Said::Cancelled) => return Ok(cancelled(asking)),
                Some(Said::Asks(client)) if state == SHUTDOWN => {
                    let who = Client::read(at, &client).await.who();
                    eprintln_quietly(&show::news(&News::Answered {
                        who: who.clone(),
                        answer: "asking-user".to_owned(),
                        reason: String::new(),
                    }));
                    asking = Some(who);
                }
                _ => {}
            },
            Heard::Shows(false) if state == IDLE => {
                // The manager answers this after it has dealt with the button.
                marker = Some(at.bus.send(NAME, PATH, MANAGER, "GetState", &()).await?);
            }
            Heard::Answer(serial, _) if Some(serial) == marker && state == IDLE => {
                // Not where only a helper of the dialog has gone.
                let goes_on = at.bus.shows_window().await;
                if !goes_on {
                    return Ok(cancelled(None));
                }
            }
            Heard::Owner(name, None) if name == NAME => return Ok(at.gone(state == ENDING)),
            Heard::Gone => return Ok(at.gone(state == ENDING)),
            Heard::Interrupt => return at.interrupted(state == ENDING),
            Heard::Farewell => return Ok(Outcome::Left),
            _ => {}
        }
    }
}

/// A signal that means something here.
enum Said {
    State(u32),
    Cancelled,
    /// The client with this path asks the user.
    Asks(String),
}

fn signal(message: &Message) -> Option<Said> {
    let header = message.header();
    let interface = header.interface()?;
    match (interface.as_str(), header.member()?.as_str()) {
        (MANAGER, "StateChanged") => {
            let (_, new): (u32, u32) = message.body().deserialize().ok()?;
            Some(Said::State(new))
        }
        (MANAGER, "ShutdownCancelled") => Some(Said::Cancelled),
        (CLIENT, "StateChanged") => {
            let (_, new): (u32, u32) = message.body().deserialize().ok()?;
            let path = header.path()?.to_string();
            (new == INTERACTING).then_some(Said::Asks(path))
        }
        _ => None,
    }
}

fn cancelled(asking: Option<Who>) -> Outcome {
    match asking {
        Some(who) => Outcome::Cancelled {
            by: "application",
            why: show::name(&who.name, who.pid),
            blockers: Vec::new(),
        },
        None => Outcome::Cancelled {
            by: "user",
            why: String::new(),
            blockers: Vec::new(),
        },
    }
}

/// What a client says of itself: its XSMP properties.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Client {
    pub(super) path: String,
    pub(super) program: String,
    pub(super) pid: Option<u32>,
}

impl Client {
    pub(super) async fn read(at: &Elsewhere, path: &str) -> Self {
        let mut client = Self {
            path: path.to_owned(),
            ..Self::default()
        };
        let names: &[&str] = &["Program", "ProcessID"];
        let asked = at.bus.call(NAME, path, CLIENT, "GetSmProperties", &names);
        let Ok(reply) = asked.await else {
            return client;
        };
        let body = reply.body();
        let values: HashMap<&str, Variant<'_>> = body.deserialize().unwrap_or_default();
        let text = |name| match values.get(name) {
            Some(Variant::Str(text)) => one_line(text),
            _ => String::new(),
        };
        let program = text("Program");
        client.program = program.rsplit('/').next().unwrap_or_default().to_owned();
        client.pid = text("ProcessID").parse().ok();
        client
    }

    /// Every one that there is.
    pub(super) async fn all(at: &Elsewhere) -> Vec<Self> {
        let asked = at.bus.call(NAME, PATH, MANAGER, "ListClients", &()).await;
        let mut all = Vec::new();
        if let Ok(reply) = asked {
            let paths = super::inhibitors::paths_of(&reply);
            for path in paths.into_iter().take(super::status::MAX_CLIENTS) {
                all.push(Self::read(at, &path).await);
            }
        }
        all
    }

    fn who(self) -> Who {
        Who {
            request: 0,
            id: self.pid.map_or_else(String::new, |pid| pid.to_string()),
            name: self.program,
            pid: self.pid,
        }
    }
}

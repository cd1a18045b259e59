//! KDE Plasma: `org.kde.Shutdown` (plasma-shutdown, started when it is called) does the work with
//! ksmserver, `org.kde.LogoutPrompt` (ksmserver-logout-greeter) asks first.
//!
//! Both methods return at once. plasma-shutdown leaves the bus when it is done: ksmserver then still
//! says `isShuttingDown` where the session ends, and no longer where somebody cancelled. Who did, it
//! shows in a notification and tells nobody else. The greeter leaves when its user has answered;
//! with a yes it has called plasma-shutdown.

use std::time::Duration;

use endsession_core::Kind;

use super::bus::Heard;
use super::plan::Confirm;
use super::{Elsewhere, Outcome};
use crate::exit::Result;

const MANAGER: &str = "org.kde.ksmserver";
const SHUTDOWN: &str = "org.kde.Shutdown";
const PROMPT: &str = "org.kde.LogoutPrompt";

/// How long plasma-shutdown may take to appear after the greeter has left: that one does not wait
/// for the program that its call starts.
const ACTIVATION: Duration = Duration::from_secs(5);

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// The greeter has the question.
    Asking,
    /// It has left; plasma-shutdown appears if it was answered with yes.
    Answered,
    /// plasma-shutdown works.
    Closing,
    /// plasma-shutdown has left: ksmserver knows with what.
    Done,
    /// The session ends.
    Ending,
}

/// Ends the session.
pub(super) async fn end(at: &mut Elsewhere, kind: Kind, confirm: Confirm) -> Result<Outcome> {
    at.bus.follow(SHUTDOWN).await?;
    at.bus.follow(PROMPT).await?;
    let asks = confirm == Confirm::Theirs;
    let call = if asks {
        let member = match kind {
            Kind::LogOff => "promptLogout",
            Kind::Restart => "promptReboot",
            Kind::PowerOff => "promptShutDown",
        };
        at.bus
            .send(PROMPT, "/LogoutPrompt", PROMPT, member, &())
            .await?
    } else {
        let member = match kind {
            Kind::LogOff => "logout",
            Kind::Restart => "logoutAndReboot",
            Kind::PowerOff => "logoutAndShutdown",
        };
        at.bus
            .send(SHUTDOWN, "/Shutdown", SHUTDOWN, member, &())
            .await?
    };
    let mut now = if asks { At::Asking } else { At::Closing };
    let mut question = None;
    loop {
        let ask = match at.bus.next().await {
            // Who leaves without having answered is known by its leaving.
            Heard::Answer(serial, Err(refusal)) if serial == call && !refusal.is("NoReply") => {
                return Err(at.refusal(&refusal));
            }
            Heard::Answer(serial, answer) if Some(serial) == question && now == At::Done => {
                let ends = match answer {
                    Ok(answer) => answer.body().deserialize().unwrap_or(false),
                    // It has ended over the question, or never knew it.
                    Err(refusal) => refusal.is("NoReply") || refusal.is_nobody(),
                };
                if !ends {
                    return Ok(cancelled());
                }
                now = At::Ending;
                false
            }
            Heard::Owner(name, owner) => match (name.as_str(), owner.is_some()) {
                (PROMPT, false) if now == At::Asking => {
                    now = At::Answered;
                    at.bus.alarm(ACTIVATION);
                    false
                }
                // It may come before the greeter goes.
                (SHUTDOWN, true) if matches!(now, At::Asking | At::Answered) => {
                    now = At::Closing;
                    at.bus.no_alarm();
                    false
                }
                (SHUTDOWN, false) if now == At::Closing => {
                    now = At::Done;
                    true
                }
                (MANAGER, false) => {
                    return Ok(at.gone(matches!(now, At::Closing | At::Done | At::Ending)));
                }
                _ => false,
            },
            Heard::Time if now == At::Answered => return Ok(cancelled()),
            Heard::Gone => return Ok(at.gone(now != At::Asking)),
            Heard::Interrupt => return at.interrupted(now == At::Ending),
            Heard::Farewell => return Ok(Outcome::Left),
            _ => false,
        };
        if ask {
            let interface = "org.kde.KSMServerInterface";
            question = Some(
                at.bus
                    .send(MANAGER, "/KSMServer", interface, "isShuttingDown", &())
                    .await?,
            );
        }
    }
}

fn cancelled() -> Outcome {
    Outcome::Cancelled {
        by: "user",
        why: String::new(),
        blockers: Vec::new(),
    }
}

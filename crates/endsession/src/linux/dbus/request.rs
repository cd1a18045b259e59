//! Ending the session, asked of whoever manages it: endsession's manager, which tells what became of it, or a desktop's own, or logind.
//!
//! One thread and one connection a request, which live until the outcome is known. May touch the session bus, the system bus, and /proc to see whose a desktop's
//! session manager is.

use std::{collections::HashMap, sync::mpsc, time::Duration};

use zbus::{Message, Variant};

use super::{
    bus::{Bus, Owner, Refusal, Signal, reply},
    find,
    json::Json,
    plan::{self, Arguments, Call, Desk},
    world::{session_address, system_address},
};
use crate::{
    Backend, Blocker, EndRequest, Error, Force, Outcome, Pending,
    outcome::{Resolver, pending},
    request::End,
};

/// How long a session manager may take to say that it has begun. It answers from a loop that never waits long; logind may ask its user for a password first,
/// and says nothing until then.
const BEGIN_LIMIT: Duration = Duration::from_secs(10);

/// How long it may take once it has got the call; less than [`BEGIN_LIMIT`].
const ANSWER_LIMIT: Duration = Duration::from_secs(8);

/// Blockers kept of one outcome.
const MAX_BLOCKERS: usize = 1024;

const WHAT: &str = "ending the session";

/// Begins the request: returns once it is under way.
pub(crate) fn request(request: EndRequest) -> Result<Pending, Error> {
    let (begun, result) = mpsc::sync_channel(1);
    let (resolver, pending) = pending();
    let failed = |error: std::io::Error| Error::Failed {
        what: WHAT,
        why: error.to_string(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    std::thread::Builder::new()
        .name("endsession-end".into())
        .spawn(move || runtime.block_on(carry_out(request, begun, resolver)))
        .map_err(failed)?;
    match result.recv_timeout(BEGIN_LIMIT + Duration::from_secs(1)) {
        Ok(Ok(())) => Ok(pending),
        Ok(Err(error)) => Err(error),
        // The thread has the same limit, and says it.
        Err(_) => Err(silent()),
    }
}

fn silent() -> Error {
    Error::Failed {
        what: WHAT,
        why: format!(
            "the session manager has not answered within {} s",
            BEGIN_LIMIT.as_secs()
        ),
    }
}

type Begun = mpsc::SyncSender<Result<(), Error>>;

async fn carry_out(request: EndRequest, begun: Begun, resolver: Resolver) {
    let limited = tokio::time::timeout(BEGIN_LIMIT, begin(&request)).await;
    match limited.unwrap_or_else(|_| Err(silent())) {
        Err(error) => {
            // Whoever asked may have waited long enough.
            let _waits = begun.send(Err(error));
        }
        Ok(watched) => {
            let _waits = begun.send(Ok(()));
            if let Some(mut watched) = watched {
                resolver.resolve(watched.outcome().await);
            }
        }
    }
}

/// Asks whoever is there. The request, where it can be watched.
async fn begin(request: &EndRequest) -> Result<Option<Watched>, Error> {
    let bus = match session_address() {
        Some(address) => Bus::connect(&address).await.ok(),
        None => None,
    };
    let mut desk = Desk::Nobody;
    if let Some(mut bus) = bus {
        let (ours, others) = find::our_manager(&mut bus).await;
        if let Some(manager) = ours {
            return Watched::begin(bus, manager, request).await.map(Some);
        }
        desk = desk_on(&mut bus, &others).await;
        if desk != Desk::Nobody {
            let calls = plan::calls(desk, request)?;
            return tell(bus, desk, &calls).await.map(|()| None);
        }
    }
    let calls = plan::calls(desk, request)?;
    let bus = Bus::connect(&system_address()).await;
    let bus = bus.map_err(|refusal| Error::Unsupported {
        what: WHAT,
        why: format!("no session manager runs, and the system bus cannot be reached: {refusal}"),
    })?;
    tell(bus, desk, &calls).await.map(|()| None)
}

/// Whose session it is. `others` are managers of other displays, and so is one that was started on another than ours.
async fn desk_on(bus: &mut Bus, others: &[String]) -> Desk {
    for (name, desk) in Desk::NAMES {
        let Some(owner) = bus.owner(name).await else {
            continue;
        };
        let pid = bus.pid(&owner).await;
        if others.contains(&owner) || pid.is_some_and(is_on_another_display) {
            continue;
        }
        return match desk {
            Desk::Gnome => match find::desktop(bus, &owner).await {
                Backend::Mate => Desk::Mate,
                Backend::Cinnamon => Desk::Cinnamon,
                _ => Desk::Gnome,
            },
            other => other,
        };
    }
    Desk::Nobody
}

/// Whether a session manager was started on another display than ours, as its environment has it. One bus may serve several sessions of one user.
fn is_on_another_display(pid: u32) -> bool {
    let Ok(environment) = std::fs::read(format!("/proc/{pid}/environ")) else {
        return false;
    };
    let theirs = |name: &str| {
        let mut entries = environment.split(|byte| *byte == 0);
        let value = entries.find_map(|entry| {
            let entry = std::str::from_utf8(entry).ok()?;
            entry.strip_prefix(name)?.strip_prefix('=')
        });
        value.filter(|value| !value.is_empty()).map(str::to_owned)
    };
    for name in ["WAYLAND_DISPLAY", "DISPLAY"] {
        let ours = std::env::var(name).ok().filter(|value| !value.is_empty());
        if let (Some(ours), Some(theirs)) = (ours, theirs(name)) {
            return whole_display(&ours) != whole_display(&theirs);
        }
    }
    false
}

/// A display without its screen: `:1.0` is `:1`.
fn whole_display(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((display, screen))
            if display.contains(':') && screen.bytes().all(|b| b.is_ascii_digit()) =>
        {
            display
        }
        _ => name,
    }
}

/// Calls a manager that tells no more than whether it has begun.
async fn tell(mut bus: Bus, desk: Desk, calls: &[Call]) -> Result<(), Error> {
    let mut serials = Vec::new();
    let refused = |refusal: &Refusal| refused(desk.manager(), refusal);
    for call in calls {
        let to = call.to;
        let sent = match call.arguments {
            Arguments::None => bus.ask_starting(to, call.member, &()).await,
            Arguments::Mode(mode) => bus.ask_starting(to, call.member, &mode).await,
            Arguments::Bool(on) => bus.ask_starting(to, call.member, &on).await,
            Arguments::Bools(one, two) => bus.ask_starting(to, call.member, &(one, two)).await,
        };
        serials.push(sent.map_err(|refusal| refused(&refusal))?);
    }
    // Some answer only when all is decided, and a refusal comes at once. So something is asked after it, of the same loop: when that is answered and
    // nothing was refused, it has begun.
    let marker = match desk {
        Desk::Gnome | Desk::Mate | Desk::Cinnamon => Some("IsSessionRunning"),
        Desk::Xfce => Some("GetState"),
        // These answer nothing; what they got they have got when the bus answers.
        Desk::Lxqt | Desk::Cosmic => {
            let _there = bus.owner(Desk::NAMES[0].0).await;
            return Ok(());
        }
        // KDE's answers at once. logind may ask for a password, and says nothing until it has it.
        Desk::Kde | Desk::Nobody => None,
    };
    let marker = match (marker, calls.last()) {
        (Some(member), Some(call)) => {
            let asked = bus.ask(call.to, member, &()).await;
            Some(asked.map_err(|refusal| refused(&refusal))?)
        }
        _ => None,
    };
    let answered = async {
        while let Some(message) = bus.next().await {
            let Some((serial, answer)) = reply(&message) else {
                continue;
            };
            match answer {
                // Gone with the session, its call may be unanswered.
                Err(refusal) if serials.contains(&serial) && !refusal.is("NoReply") => {
                    return Err(refused(&refusal));
                }
                _ if Some(serial) == marker => return Ok(()),
                _ if serials.last() == Some(&serial) => return Ok(()),
                _ => {}
            }
        }
        // The bus went with the session.
        Ok(())
    };
    match tokio::time::timeout(ANSWER_LIMIT, answered).await {
        Ok(answered) => answered,
        // It asks for a password: what comes of it, it does.
        Err(_) if desk == Desk::Nobody => Ok(()),
        Err(_) => Err(refused(&Refusal::silent())),
    }
}

/// What a refused request means.
fn refused(who: &str, refusal: &Refusal) -> Error {
    let why = format!("{who}: {refusal}");
    match refusal.name.rsplit('.').next().unwrap_or_default() {
        "NotPermitted"
        | "AccessDenied"
        | "AuthFailed"
        | "InteractiveAuthorizationRequired"
        | "OperationInhibited"
        | "LockedDown" => Error::NotPermitted { why },
        "Unsupported" | "NoBackend" | "OtherSession" | "UnknownMethod" | "NotSupported" => {
            Error::Unsupported { what: WHAT, why }
        }
        _ => Error::Failed { what: WHAT, why },
    }
}

/// A request that our manager carries out.
struct Watched {
    bus: Bus,
    manager: String,
    request: u32,
    /// Nothing can stop it any more.
    is_ending: bool,
}

impl Watched {
    async fn begin(mut bus: Bus, manager: String, request: &EndRequest) -> Result<Self, Error> {
        let refused = |refusal: Refusal| refused("endsession", &refusal);
        let kind = match request.what {
            End::LogOff => "logoff",
            End::Restart => "restart",
            End::PowerOff => "poweroff",
        };
        let force = match request.force {
            Force::No => "no",
            Force::IfHung => "if-hung",
            Force::Yes => "now",
        };
        let options = HashMap::from([
            ("confirm", Variant::from(request.confirm)),
            ("force", Variant::from(force)),
            ("reason", Variant::from(request.reason.as_str())),
        ]);
        // Its leaving ends every wait.
        bus.follow("arg0", &manager).await.map_err(refused)?;
        let to = find::our_control(&manager);
        // Before it begins: it may be over before its call is answered.
        bus.call(to, "Watch", &()).await.map_err(refused)?;
        let asked = bus.ask_starting(to, "Request", &(kind, options)).await;
        let asked = asked.map_err(refused)?;
        let mut early = Vec::new();
        while let Some(message) = bus.next().await {
            match reply(&message) {
                Some((serial, Err(refusal))) if serial == asked => return Err(refused(refusal)),
                Some((serial, Ok(()))) if serial == asked => {
                    let body = message.body();
                    let (request, _joined): (u32, bool) =
                        body.deserialize().map_err(|error| refused(error.into()))?;
                    bus.put_back(early);
                    return Ok(Self {
                        bus,
                        manager,
                        request,
                        is_ending: false,
                    });
                }
                _ if Owner::of(&message).is_some_and(|change| change.new.is_none()) => break,
                // Nobody else's: a stranger must not fill this.
                _ if Signal::of(&message).is_some_and(|signal| signal.is_of(to)) => {
                    early.push(message);
                }
                _ => {}
            }
        }
        Err(Error::Failed {
            what: WHAT,
            why: "endsession's manager has left".to_owned(),
        })
    }

    async fn outcome(&mut self) -> Outcome {
        while let Some(message) = self.bus.next().await {
            if let Some(outcome) = self.hear(&message) {
                return outcome;
            }
            if Owner::of(&message).is_some_and(|change| change.new.is_none()) {
                break;
            }
        }
        if self.is_ending {
            return Outcome::Ending;
        }
        Outcome::Failed {
            why: "endsession's manager left without having ended the session".to_owned(),
        }
    }

    fn hear(&mut self, message: &Message) -> Option<Outcome> {
        let signal = Signal::of(message)?;
        if !signal.is_of(find::our_control(&self.manager)) || signal.member != "Event" {
            return None;
        }
        let text: String = message.body().deserialize().ok()?;
        let outcome = outcome_of(&text, self.request)?;
        self.is_ending |= outcome == Outcome::Ending;
        Some(outcome)
    }
}

/// What an event says about how this request ends.
fn outcome_of(event: &str, request: u32) -> Option<Outcome> {
    let event = Json::read(event)?;
    if event.number("request") != Some(f64::from(request)) {
        return None;
    }
    match (event.text("event"), event.text("phase")) {
        ("phase", "ending") => return Some(Outcome::Ending),
        ("finished", _) => {}
        _ => return None,
    }
    let why = event.text("why");
    Some(match (event.text("outcome"), event.text("by")) {
        ("over", _) => Outcome::Ending,
        ("cancelled", "not-authorized") | ("failed", _) => Outcome::Failed {
            why: why.to_owned(),
        },
        ("cancelled", by) => {
            let blocker = |name: &str, reason: &str| Blocker {
                name: name.to_owned(),
                reason: reason.to_owned(),
            };
            let blockers = event.list("blockers").iter().take(MAX_BLOCKERS);
            let mut blockers: Vec<_> = blockers
                .map(|b| blocker(b.text("name"), b.text("reason")))
                .collect();
            if by == "application" && blockers.is_empty() {
                let (name, reason) = why.split_once(": ").unwrap_or((why, ""));
                blockers.push(blocker(name, reason));
            }
            Outcome::Cancelled { blockers }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_read_off_the_managers_events() {
        let cancelled = r#"{"event":"finished","request":1,"outcome":"cancelled","by":"user","why":"","blockers":[{"name":"gedit","reason":"unsaved"}]}"#;
        let blockers = vec![Blocker {
            name: "gedit".to_owned(),
            reason: "unsaved".to_owned(),
        }];
        let expected = Some(Outcome::Cancelled { blockers });
        assert_eq!(outcome_of(cancelled, 1), expected);
        assert_eq!(outcome_of(cancelled, 2), None);
        let ending = r#"{"event":"phase","request":1,"phase":"ending"}"#;
        assert_eq!(outcome_of(ending, 1), Some(Outcome::Ending));
        let closing = r#"{"event":"phase","request":1,"phase":"closing"}"#;
        assert_eq!(outcome_of(closing, 1), None);
        assert_eq!(outcome_of("{", 1), None);
    }

    #[test]
    fn the_users_no_in_an_application_names_it() {
        let said = r#"{"event":"finished","request":1,"outcome":"cancelled","by":"application","why":"editor: I go on","blockers":[]}"#;
        let blockers = vec![Blocker {
            name: "editor".to_owned(),
            reason: "I go on".to_owned(),
        }];
        assert_eq!(outcome_of(said, 1), Some(Outcome::Cancelled { blockers }));
    }

    #[test]
    fn a_screen_is_no_display() {
        assert_eq!(whole_display(":1.0"), ":1");
        assert_eq!(whole_display(":1"), ":1");
        assert_eq!(whole_display("wayland-1.2"), "wayland-1.2");
    }
}

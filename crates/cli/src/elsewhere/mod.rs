//! Where another session manager owns the session: it is asked in its own protocol, and what really
//! becomes of that is reported, not just that it took the request.
//!
//! One file a manager; [`gnome`] is the interface that MATE and Cinnamon share. [`plan`] says what
//! each can be asked for. May touch the session bus, and the display to see a dialog go away.

mod bus;
mod cosmic;
mod gnome;
mod inhibitors;
mod kde;
mod lxqt;
mod owner;
mod plan;
mod status;
mod xfce;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::Instant;

use endsession_core::Kind;
use endsession_dialog::content::Question;
use endsession_dialog::i18n::Messages;
use endsession_manager::report::{BlockerInfo, Finished, one_line};
use zbus::{Message, Variant};

use crate::args::Logoff;
use crate::control::session_bus;
use crate::exit::{Exit, Failure, Result};
use crate::logoff::{self, Followed};
use crate::{ask, dialog};
use bus::{Bus, Heard, Refusal};
use owner::Desk;
use plan::{Confirm, Plan};

pub(crate) use owner::{Owner, owner};
pub(crate) use status::run as status;

/// A session that another manager owns, and the bus to it.
pub(crate) struct Elsewhere {
    bus: Bus,
    owner: Owner,
}

/// How a request ended.
#[derive(Debug)]
enum Outcome {
    /// The session is over.
    Over {
        /// Names of what was ended over its objection.
        overridden: Vec<String>,
    },
    /// It goes on. `by` and `why` as in docs/json.md.
    Cancelled {
        by: &'static str,
        why: String,
        blockers: Vec<BlockerInfo>,
    },
    /// The manager died in the middle of it.
    Failed(String),
    /// We are to go before it is over: the manager sees to the rest.
    Left,
}

impl Outcome {
    fn over() -> Self {
        Self::Over {
            overridden: Vec::new(),
        }
    }
}

impl Elsewhere {
    /// Connects to the manager that was found on the bus of the session whose environment this is.
    async fn connect(owner: Owner) -> Result<Self> {
        let address = session_bus().ok_or(Failure::NoBus)?;
        let bus = Bus::connect(&address).await?;
        // Its leaving ends every wait.
        bus.follow(owner.name).await?;
        Ok(Self { bus, owner })
    }

    /// Whether a signal is the manager's own.
    fn is_theirs(&self, message: &Message) -> bool {
        let header = message.header();
        header
            .sender()
            .is_some_and(|s| s.as_str() == self.owner.unique)
    }

    /// What a refused request means to the caller.
    fn refusal(&self, refusal: &Refusal) -> Failure {
        let who = self.owner.desk.manager();
        if refusal.is_nobody() || refusal.is("NoReply") {
            return Failure::NoSession(format!(
                "{who} cannot be asked: {}",
                one_line(&refusal.text)
            ));
        }
        Failure::Refused(format!("{who} refuses: {}", one_line(&refusal.text)))
    }

    /// Asks whether this kind of end is possible now, with a method that returns a boolean (of
    /// newer GNOMEs a number). What does not know the question is not in the way.
    async fn can(&self, path: &str, interface: &str, member: &str, kind: Kind) -> Result<()> {
        let asked = self.bus.call(self.owner.name, path, interface, member, &());
        let Ok(reply) = asked.await else {
            return Ok(());
        };
        let body = reply.body();
        let can = body.deserialize::<bool>().ok();
        let can = can.or_else(|| body.deserialize::<u32>().ok().map(|n| n != 0));
        if can != Some(false) {
            return Ok(());
        }
        // As where we would do it ourselves: it is the machine that cannot.
        Err(Failure::Usage(format!(
            "{} says that it cannot {} this machine",
            self.owner.desk.manager(),
            match kind {
                Kind::Restart => "restart",
                _ => "power off",
            }
        )))
    }

    async fn end(&mut self, kind: Kind, plan: Plan) -> Result<Outcome> {
        self.bus.mind_signals()?;
        match self.owner.desk {
            Desk::Gnome | Desk::Mate | Desk::Cinnamon => gnome::end(self, kind, plan).await,
            Desk::Kde => kde::end(self, kind, plan.confirm).await,
            Desk::Xfce => xfce::end(self, kind, plan.confirm).await,
            Desk::Lxqt => lxqt::end(self, kind).await,
            Desk::Cosmic => cosmic::end(self).await,
        }
    }

    /// Warns the user of a manager that asks no application.
    fn warn_that_nobody_is_asked(&self) {
        logoff::eprintln_quietly(&format!(
            "{} ends the session without asking any application.",
            self.owner.desk.manager()
        ));
    }

    /// Waits for the end that was asked for with this call, where nobody can
    /// stop it: the manager goes, and its session with it.
    async fn until_gone(&mut self, name: &str, call: NonZeroU32) -> Result<Outcome> {
        loop {
            match self.bus.next().await {
                // Gone with the session, the call may be unanswered.
                Heard::Answer(serial, Err(refusal)) if serial == call && !refusal.is("NoReply") => {
                    return Err(self.refusal(&refusal));
                }
                Heard::Owner(owned, None) if owned == name => return Ok(self.gone(true)),
                Heard::Gone => return Ok(self.gone(true)),
                Heard::Interrupt => return self.interrupted(true),
                Heard::Farewell => return Ok(Outcome::Left),
                _ => {}
            }
        }
    }

    /// What Ctrl-C can do: stop our waiting.
    fn interrupted(&self, past_stopping: bool) -> Result<Outcome> {
        if past_stopping {
            return Ok(Outcome::Left);
        }
        Err(Failure::Refused(format!(
            "{} takes no cancel from elsewhere: what it has begun goes on, and is answered in its own windows",
            self.owner.desk.manager()
        )))
    }

    /// The manager or the bus has gone.
    fn gone(&self, past_stopping: bool) -> Outcome {
        if past_stopping {
            return Outcome::over();
        }
        Outcome::Failed(format!(
            "{} left without having ended the session",
            self.owner
        ))
    }
}

/// Asks the other manager for this kind of end (`logoff`, `restart`, `poweroff`), waits for the
/// outcome and reports it.
pub(crate) async fn request(owner: Owner, kind: &str, options: &Logoff) -> Result<Exit> {
    let kind = match kind {
        "restart" => Kind::Restart,
        "poweroff" => Kind::PowerOff,
        _ => Kind::LogOff,
    };
    let mut at = Elsewhere::connect(owner).await?;
    let plan = plan::of(at.owner.desk, kind, options).map_err(Failure::Usage)?;
    if plan.confirm == Confirm::Ours && !confirmed(kind, options).await? {
        return Ok(report(
            kind,
            Outcome::Cancelled {
                by: "user",
                why: String::new(),
                blockers: Vec::new(),
            },
            options.json,
        ));
    }
    if let Some(reason) = options.reason.as_deref().filter(|r| !r.is_empty())
        && plan.confirm != Confirm::Ours
    {
        at.tell_reason(kind, reason).await;
    }
    let outcome = at.end(kind, plan).await?;
    Ok(report(kind, outcome, options.json))
}

/// `endsession menu`: the manager's own menu, or ours where it has none.
pub(crate) async fn menu(owner: Owner) -> Result<Exit> {
    let mut at = Elsewhere::connect(owner).await?;
    let plan = Plan {
        confirm: Confirm::Theirs,
        force: false,
        force_after: None,
    };
    let outcome = match at.owner.desk {
        Desk::Lxqt => {
            at.bus.mind_signals()?;
            lxqt::menu(&mut at).await?
        }
        Desk::Cosmic => {
            return match crate::menu::choose(vec![endsession_dialog::content::Kind::LogOff]).await?
            {
                Some(_) => Ok(report(
                    Kind::LogOff,
                    at.end(Kind::LogOff, plan).await?,
                    false,
                )),
                None => Ok(Exit::Refused),
            };
        }
        _ => at.end(Kind::LogOff, plan).await?,
    };
    Ok(report(Kind::LogOff, outcome, false))
}

impl Elsewhere {
    /// Shows the reason as a notification: no other manager takes one.
    async fn tell_reason(&self, kind: Kind, reason: &str) {
        const NAME: &str = "org.freedesktop.Notifications";
        const PATH: &str = "/org/freedesktop/Notifications";
        let summary = match kind {
            Kind::LogOff => "Logging off",
            Kind::Restart => "Restarting",
            Kind::PowerOff => "Powering off",
        };
        // Servers may read a body as markup.
        let body: String = one_line(reason)
            .chars()
            .map(|c| if "<>&".contains(c) { ' ' } else { c })
            .collect();
        let hints: HashMap<&str, Variant<'_>> = HashMap::new();
        let actions: Vec<&str> = Vec::new();
        let arguments = (
            "endsession",
            0_u32,
            "system-log-out",
            summary,
            body.as_str(),
            actions,
            hints,
            -1_i32,
        );
        if let Err(refusal) = self.bus.call(NAME, PATH, NAME, "Notify", &arguments).await {
            logoff::eprintln_quietly(&format!(
                "endsession: the reason is not shown to the user: {} takes none, and a notification failed: {}",
                self.owner.desk.manager(),
                one_line(&refusal.text)
            ));
        }
    }
}

/// Our own question, in a window or else at the terminal.
async fn confirmed(kind: Kind, options: &Logoff) -> Result<bool> {
    let dialog = dialog::options(ask::APP_ID, Instant::now());
    let words = Messages::new(&dialog.locale);
    let question = Question {
        text: words.text(match kind {
            Kind::LogOff => "confirm-log-off",
            Kind::Restart => "confirm-restart",
            Kind::PowerOff => "confirm-power-off",
        }),
        detail: options.reason.clone().unwrap_or_default(),
    };
    ask::answer(&question, dialog, &words).await
}

fn report(kind: Kind, outcome: Outcome, json: bool) -> Exit {
    let mut finished = match outcome {
        Outcome::Left => return Exit::Done,
        Outcome::Over { overridden } => Finished {
            outcome: "over".to_owned(),
            overridden,
            ..Finished::default()
        },
        Outcome::Failed(why) => Finished {
            outcome: "failed".to_owned(),
            why,
            ..Finished::default()
        },
        Outcome::Cancelled { by, why, blockers } => Finished {
            outcome: "cancelled".to_owned(),
            by: by.to_owned(),
            why,
            blockers,
            ..Finished::default()
        },
    };
    endsession_manager::report::kind(kind).clone_into(&mut finished.kind);
    logoff::report(Followed::Finished(Box::new(finished)), json)
}

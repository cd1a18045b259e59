//! `endsession logoff`, `restart` and `poweroff`: asks the manager, and where there is a terminal shows what happens and
//! takes the user's choice there. The manager owns the request: it outlives this command and its
//! terminal.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use endsession_manager::config::as_millis;
use endsession_manager::report::{Finished, News};
use tokio::signal::unix::{Signal, SignalKind, signal};
use zbus::Variant;

use crate::args::Logoff;
use crate::control::Control;
use crate::elsewhere;
use crate::exit::{Exit, Failure, Result};
use crate::foreground::{self, Purpose};
use crate::screen::{Key, Screen};
use crate::show;
use crate::terminal::{self, Terminal};

/// Asks for that kind of end and waits for the outcome.
pub(crate) async fn run(kind: &str, options: Logoff) -> Result<Exit> {
    // An administrator who came from elsewhere is not the user at the session's screen, who is to be
    // shown it there.
    let interactive =
        terminal::is_there() && !options.no_dialog && !options.json && !options.at.from_elsewhere;
    let purpose = match options.force {
        true => Purpose::Force,
        false => Purpose::Ask,
    };
    let (control, hint) = match foreground::connect(purpose).await {
        Err(Failure::OtherManager { owner }) => {
            return elsewhere::request(owner, kind, &options).await;
        }
        connected => connected?,
    };
    if let Some(hint) = hint.filter(|_| !options.json) {
        eprintln_quietly(hint);
    }
    request(control, kind, &options, interactive).await
}

/// Asks for that kind of end and waits for the outcome; `interactive`: what happens is shown in the
/// terminal, and the user's choice taken there.
pub(crate) async fn request(
    mut control: Control,
    kind: &str,
    options: &Logoff,
    interactive: bool,
) -> Result<Exit> {
    // A session that ends at once signals whatever is in it, this command too.
    let signals = Signals::new()?;
    control.watch().await?;
    let terminal = interactive.then(|| Terminal::open().ok()).flatten();
    // Only of a terminal that can be used: what says that it shows the request keeps the window away.
    if terminal.is_some() {
        control.show().await?;
    }
    let (request, joined) = control.request(kind, of(options)).await?;
    let mut screen = Screen::default();
    if joined {
        eprintln_quietly(
            "A request to end the session is already under way; this one has joined it.",
        );
        match control.status().await {
            Ok((_, status)) => screen.begin(&status),
            // It may have ended at once; how is in what we watch.
            Err(Failure::ManagerLeft) => {}
            Err(failure) => return Err(failure),
        }
    }
    let tells = match (&terminal, options.json, options.no_dialog) {
        (Some(_), ..) | (None, true, _) => Tells::Nothing,
        (None, false, true) => Tells::Questions,
        (None, false, false) => Tells::Blockers,
    };
    let outcome = follow(&mut control, request, screen, terminal, tells, signals).await?;
    Ok(report(outcome, options.json))
}

fn of(options: &Logoff) -> HashMap<&'static str, Variant<'_>> {
    let mut all = HashMap::from([
        ("confirm", Variant::from(options.confirm)),
        ("unattended", Variant::from(options.no_dialog)),
    ]);
    if options.force {
        all.insert("force", Variant::from("now"));
    }
    if options.force_if_hung {
        all.insert("force", Variant::from("if-hung"));
    }
    if let Some(after) = options.force_after {
        all.insert("force-after-ms", Variant::from(as_millis(after)));
    }
    if let Some(timeout) = options.timeout {
        all.insert("timeout-ms", Variant::from(as_millis(timeout)));
    }
    if let Some(reason) = &options.reason {
        all.insert("reason", Variant::from(reason.as_str()));
    }
    all
}

/// How following a request ended.
pub(crate) enum Followed {
    Finished(Box<Finished>),
    /// Past the point of no return, or the terminal is gone: the manager sees to the rest.
    LeftToTheManager,
}

/// What the terminal or the system tells this command.
struct Signals {
    interrupt: Signal,
    hangup: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> Result<Self> {
        let handler = |kind| signal(kind).map_err(|e| Failure::io("cannot wait for signals", e));
        Ok(Self {
            interrupt: handler(SignalKind::interrupt())?,
            hangup: handler(SignalKind::hangup())?,
            terminate: handler(SignalKind::terminate())?,
        })
    }
}

async fn follow(
    control: &mut Control,
    request: u32,
    screen: Screen,
    mut terminal: Option<Terminal>,
    tells: Tells,
    signals: Signals,
) -> Result<Followed> {
    let Signals {
        mut interrupt,
        mut hangup,
        mut terminate,
    } = signals;
    let begun = Instant::now();
    let mut view = View { screen, drawn: 0 };
    if let Some(terminal) = terminal.as_ref().filter(|_| view.screen.is_counting()) {
        let lines = view.screen.lines(0, terminal.width());
        view.draw(&lines);
    }
    // What happened between watching and the request's number is in the stream already.
    let mut past_stopping = false;
    loop {
        let counting = terminal.is_some() && view.screen.is_counting();
        tokio::select! {
            event = control.next() => {
                let Some((_, news)) = event else {
                    // The session took its bus with it.
                    return if past_stopping { Ok(Followed::LeftToTheManager) } else { Err(Failure::ManagerLeft) };
                };
                let Some(news) = news else { continue };
                match news {
                    News::Finished(f) if f.request == request => {
                        if terminal.is_some() {
                            view.draw(&[]);
                        }
                        return Ok(Followed::Finished(Box::new(f)));
                    }
                    News::Phase { ref phase, .. } if phase == "ending" => past_stopping = true,
                    _ => {}
                }
                if tells.tells(&news) {
                    eprintln_quietly(&show::news(&news));
                }
                view.screen.news(&news, as_millis(begun.elapsed()));
            }
            keys = terminal::keys(terminal.as_ref()) => match keys {
                // The terminal is lost: that is no word of the user's.
                None => return Ok(Followed::LeftToTheManager),
                Some(keys) => {
                    for key in keys {
                        if let Key::Choose(choice, application) = view.screen.key(key) {
                            // A choice that came too late is seen by what is shown next.
                            let _late = control.choose(request, choice, &application).await;
                        }
                    }
                }
            },
            Some(()) = interrupt.recv() => {
                let _too_late = control.choose(request, "cancel", "").await;
            }
            Some(()) = hangup.recv() => return Ok(Followed::LeftToTheManager),
            Some(()) = terminate.recv() => return Ok(Followed::LeftToTheManager),
            () = tokio::time::sleep(Duration::from_secs(1)), if counting => {}
        }
        if let Some(terminal) = &mut terminal {
            let lines = view
                .screen
                .lines(as_millis(begun.elapsed()), terminal.width());
            view.draw(&lines);
        }
    }
}

/// What is told as it happens, where no terminal shows all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tells {
    /// The outcome alone.
    Nothing,
    /// Who asks the user: a user who is asked by somebody else than us may not know why.
    Questions,
    /// What blocks too. Where the first blocker cancels, the outcome tells it.
    Blockers,
}

impl Tells {
    fn tells(self, news: &News) -> bool {
        match news {
            News::Answered { answer, .. } => self != Self::Nothing && answer == "asking-user",
            News::Blocked(_) => self == Self::Blockers,
            _ => false,
        }
    }
}

/// The screen, and how many lines of it are drawn.
struct View {
    screen: Screen,
    drawn: usize,
}

impl View {
    /// Draws over what was drawn before.
    fn draw(&mut self, lines: &[String]) {
        use std::io::Write as _;
        let mut text = String::new();
        if self.drawn > 0 {
            text.push_str(&format!("\x1b[{}A", self.drawn));
        }
        text.push_str("\r\x1b[J");
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        self.drawn = lines.len();
        let mut out = std::io::stdout().lock();
        // A lost terminal is noticed by its keys.
        let _lost = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}

/// Says how it ended, and with what status.
pub(crate) fn report(followed: Followed, json: bool) -> Exit {
    let Followed::Finished(finished) = followed else {
        return Exit::Done;
    };
    if json {
        match serde_json::to_string(&finished) {
            Ok(text) => show::line(&text),
            Err(error) => tracing::error!("the outcome could not be written as JSON: {error}"),
        }
    } else {
        for line in show::finished(&finished) {
            eprintln_quietly(&line);
        }
    }
    if finished.outcome == "over" {
        Exit::Done
    } else {
        Exit::Refused
    }
}

/// A line to stderr; a lost terminal is no reason to die.
pub(crate) fn eprintln_quietly(line: &str) {
    use std::io::Write as _;
    let _lost = writeln!(std::io::stderr(), "{line}");
}

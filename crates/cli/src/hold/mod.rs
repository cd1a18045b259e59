//! `endsession hold`: holds the session open while a command runs. What it needs of the system (signals, a window) is `crate::holding`.

mod words;

use std::io;
use std::process::Stdio;
use std::time::Duration;

use endsession::{Client, Event, Events, What};
use tokio::process::{Child, Command};

use crate::exit::{Failure, Result};
use crate::holding::{self, Holding};
use crate::options::{Held, Hold};

/// The command was found, and could not be started; as of env(1) and shells.
const NOT_STARTED: Status = 126;
/// It was not found.
const NOT_FOUND: Status = 127;

/// How long a session manager may take to say that it does not hold after all. Only what is said depends on it.
const SETTLED: Duration = Duration::from_secs(1);

/// How long it may take until an end of the session that waited for nothing else comes.
const LAST_WORD: Duration = Duration::from_secs(1);

/// An exit status of the system: 8 bits on Linux, 32 on Windows.
pub(crate) use crate::holding::Status;

/// Holds, runs the command, and ends as it does.
pub(crate) async fn run(options: Hold) -> Result<Status> {
    let Hold { why, what, command } = options;
    let (Some(why), Some((program, arguments))) = (why, command.split_first()) else {
        return Err(Failure::Usage(
            "hold needs --why TEXT and a command".to_owned(),
        ));
    };
    let name = words::name(program);
    let builder = Client::builder(words::app_id(&name));
    let what = what.into_iter().map(of).fold(What::NOTHING, What::union);
    let (mut holding, client, mut events) = Holding::begin(builder, what, &name, &why)?;
    let mut held = Holds {
        hold: Some(client.hold_up(what, &why)),
        client,
        what,
        why,
        name,
        said: String::new(),
        is_asked: false,
    };
    held.say_what_is_missing();
    let started = Command::new(program)
        .args(arguments)
        .stdin(Stdio::inherit())
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => return Ok(not_started(&held.name, &error)),
    };
    // Until its status is taken, nobody else gets its number.
    let Some(pid) = child.id() else {
        return wait(&mut child).await;
    };
    let settled = tokio::time::sleep(SETTLED);
    tokio::pin!(settled);
    let mut is_settled = false;
    // Kept until the command has ended: it says that we are done.
    let mut end = None;
    loop {
        tokio::select! {
            status = wait(&mut child) => {
                drop(end);
                held.leave(&mut events).await;
                return status;
            }
            () = holding.let_go(pid) => held.let_go(),
            event = events.next_async() => match event {
                Some(Event::End(ending)) => {
                    held.is_asked = false;
                    end = holding::tell_to_end(pid, ending);
                }
                Some(event) => held.take(event),
                // Not while it is held.
                None => {}
            },
            () = &mut settled, if !is_settled => {
                is_settled = true;
                held.say_what_is_missing();
            }
        }
    }
}

fn of(what: Held) -> What {
    match what {
        Held::Logoff => What::LOG_OFF,
        Held::Sleep => What::SLEEP,
        Held::Idle => What::IDLE,
    }
}

async fn wait(child: &mut Child) -> Result<Status> {
    let status = child
        .wait()
        .await
        .map_err(|e| Failure::io("cannot wait for the command", e))?;
    Ok(holding::status(status))
}

fn not_started(name: &str, error: &io::Error) -> Status {
    eprintln!("endsession: cannot start {name}: {error}");
    match error.kind() {
        io::ErrorKind::NotFound => NOT_FOUND,
        _ => NOT_STARTED,
    }
}

/// What is held, and what was said of it.
struct Holds {
    /// `None` once it was let go.
    hold: Option<endsession::Hold>,
    client: Client,
    what: What,
    why: String,
    /// The command's.
    name: String,
    /// What was said last of what is missing.
    said: String,
    /// Somebody wants the session to end, and what becomes of that is not known yet.
    is_asked: bool,
}

impl Holds {
    /// Says what is not held up, where that is news.
    fn say_what_is_missing(&mut self) {
        let Some(hold) = &self.hold else { return };
        let line = words::missing(self.what, hold.held(), self.client.backend(), &self.name);
        if line == self.said {
            return;
        }
        match line.is_empty() {
            true => eprintln!("endsession: everything is held up now"),
            false => eprintln!("endsession: {line}"),
        }
        self.said = line;
    }

    /// The user has closed the window that shows it.
    fn let_go(&mut self) {
        if self.hold.take().is_some() {
            let name = &self.name;
            eprintln!(
                "endsession: its window was closed: nothing is held up any more; {name} goes on"
            );
        }
    }

    /// Answers what is asked. Where the hold is known to whoever asks, it speaks for itself, by name and until it is over; elsewhere a refusal has to.
    fn take(&mut self, event: Event) {
        self.is_asked = match event {
            Event::Query(_) => true,
            Event::Cancelled => false,
            _ => self.is_asked,
        };
        match event {
            Event::Query(query) => match &self.hold {
                Some(hold)
                    if self.what.contains(What::LOG_OFF)
                        && !hold.held().contains(What::LOG_OFF) =>
                {
                    query.refuse(&self.why);
                }
                _ => query.accept(),
            },
            Event::Backend(_) => self.say_what_is_missing(),
            // Called off: the command goes on in any case.
            _ => {}
        }
    }

    /// The command has ended. Where that lets an end of the session go on, it comes at once, and to us too: some managers wait long for a client that goes
    /// just then without a word.
    async fn leave(mut self, events: &mut Events) {
        drop(self.hold.take());
        if self.is_asked {
            let told = async {
                while let Some(event) = events.next_async().await {
                    match event {
                        Event::End(end) => return end.done(),
                        Event::Cancelled => return,
                        Event::Query(query) => query.accept(),
                        _ => {}
                    }
                }
            };
            // Others may hold it up still.
            let _not_now = tokio::time::timeout(LAST_WORD, told).await;
        }
    }
}

//! [`Actor`]: an application that uses the crate, in a process of its own, and does what the test orders.
//!
//! Its process is this test program again, told so by its environment. It prints what it is told, one line each: `got KIND NUMBER.` and more.

use std::collections::HashMap;
use std::io::BufRead as _;
use std::process::Command;
use std::sync::{Arc, Mutex};

use endsession::{AskingUser, Client, EndRequest, Event, Force, Hold, Query, What};
use endsession_testkit::session::{Proc, Sandbox};

use crate::support::LIMIT;

/// Told so by this; its value is the application's id.
pub(crate) const SIGN: &str = "ENDSESSION_TEST_ACTOR";

/// An application.
pub(crate) struct Actor(Proc);

impl Actor {
    /// Starts it and waits until it has connected.
    #[track_caller]
    pub(crate) fn start(sandbox: &Sandbox, app_id: &str) -> Self {
        let actor = Self::launch(sandbox, app_id, &[]);
        actor.0.wait_for_line("connected", LIMIT);
        actor
    }

    /// Starts it with more in its environment, and waits for nothing.
    #[track_caller]
    pub(crate) fn launch(sandbox: &Sandbox, app_id: &str, environment: &[(&str, &str)]) -> Self {
        let program = std::env::current_exe().unwrap();
        let installed = sandbox.dir().join("bin").join(program.file_name().unwrap());
        if !installed.exists() {
            sandbox.install(&program);
        }
        let mut command = Command::new(installed);
        command
            .args(["--exact", "actor_process", "--nocapture", "--quiet"])
            .env(SIGN, app_id)
            .envs(environment.iter().copied());
        Self(sandbox.spawn_with_input(command))
    }

    /// Orders something: see [`main`].
    #[track_caller]
    pub(crate) fn order(&self, order: &str) {
        self.0.write(&format!("{order}\n"));
    }

    /// Waits until it has printed this.
    #[track_caller]
    pub(crate) fn says(&self, line: &str) -> String {
        self.0.wait_for_line(line, LIMIT)
    }

    /// Orders something and waits for what it prints.
    #[track_caller]
    pub(crate) fn asks(&self, order: &str, line: &str) -> String {
        let mark = self.0.stdout().mark();
        self.order(order);
        self.0.stdout().wait_for_from(mark, line, LIMIT)
    }

    /// What it was told, first to last, without its backends.
    pub(crate) fn told(&self) -> Vec<String> {
        let text = self.0.stdout_so_far();
        let told = text.lines().filter_map(|line| {
            let (_, rest) = line.split_once("got ")?;
            rest.split(' ').next().map(str::to_owned)
        });
        told.filter(|kind| kind != "backend").collect()
    }

    pub(crate) fn process(&self) -> &Proc {
        &self.0
    }
}

/// What it has to answer.
#[derive(Default)]
struct Open {
    query: Option<Query>,
    asking: Option<AskingUser>,
    end: Option<endsession::End>,
}

/// What the process runs. It takes orders, one a line:
///
/// `accept`, `refuse REASON`, `drop` (the query); `ask REASON`, then `yes` or `no REASON`; `done`, with which it ends; `hold NAME WHAT REASON`, `reason NAME REASON`, `release NAME`,
/// `held NAME`; `backend`; `send KIND FORCE CONFIRM REASON`; `close`.
pub(crate) fn main() {
    let Ok(app_id) = std::env::var(SIGN) else {
        return;
    };
    let begun = std::time::Instant::now();
    if std::env::var_os("ENDSESSION_TEST_DEAF").is_some() {
        let (client, _events) = Client::connect(app_id).unwrap();
        println!("\nconnected to {}", client.backend());
        std::io::stdin().lock().lines().for_each(drop);
        return;
    }
    let open = Arc::<Mutex<Open>>::default();
    let (told, mut counts) = (Arc::clone(&open), HashMap::<&str, u32>::new());
    let connected = Client::builder(app_id).connect_with(move |event| {
        let mut open = told.lock().unwrap();
        let (kind, more) = match event {
            Event::Query(query) => {
                let ending = query.ending();
                open.query = Some(query);
                ("query", format!("critical={}", ending.is_critical()))
            }
            Event::End(end) => {
                let ending = end.ending();
                open.end = Some(end);
                let more = format!("critical={} kind={:?}", ending.is_critical(), ending.kind());
                ("end", more)
            }
            Event::Cancelled => ("cancelled", String::new()),
            Event::Backend(backend) => ("backend", backend.to_string()),
            _ => return,
        };
        let count = counts.entry(kind).or_default();
        *count += 1;
        println!("\ngot {kind} {count}. {more}");
    });
    let client = match connected {
        Ok(client) => client,
        Err(error) => {
            println!("\nfailed after {} ms: {error}", begun.elapsed().as_millis());
            return;
        }
    };
    println!(
        "\nconnected to {} after {} ms",
        client.backend(),
        begun.elapsed().as_millis()
    );
    let mut client = Some(client);
    let mut holds = HashMap::<String, Hold>::new();
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let (order, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let (name, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let mut open = open.lock().unwrap();
        match order {
            // One that was called off meanwhile may have been answered already.
            "accept" => open.query.take().into_iter().for_each(Query::accept),
            "refuse" => open.query.take().unwrap().refuse(rest),
            "drop" => drop(open.query.take().unwrap()),
            "ask" => {
                let query = open.query.take().unwrap();
                open.asking = Some(query.ask_user(rest));
            }
            "yes" => open.asking.take().unwrap().accept(),
            "no" => open.asking.take().unwrap().refuse(rest),
            "done" => {
                open.end.take().unwrap().done();
                // As an application does.
                std::process::exit(0);
            }
            "hold" => {
                let (what, reason) = reason.split_once(' ').unwrap();
                let what = what.chars().fold(What::NOTHING, |what, c| match c {
                    'l' => what | What::LOG_OFF,
                    's' => what | What::SLEEP,
                    _ => what | What::IDLE,
                });
                let hold = client.as_ref().unwrap().hold_up(what, reason);
                holds.insert(name.to_owned(), hold);
            }
            "reason" => holds[name].set_reason(reason),
            "release" => holds.remove(name).unwrap().release(),
            "held" => println!("\n{name} holds {:?}", holds[name].held()),
            "backend" => println!("\nits backend is {}", client.as_ref().unwrap().backend()),
            "close" => {
                holds.clear();
                client = None;
            }
            "send" => {
                let words: Vec<&str> = rest.splitn(4, ' ').collect();
                let request = match words[0] {
                    "restart" => EndRequest::restart(),
                    "poweroff" => EndRequest::power_off(),
                    _ => EndRequest::log_off(),
                };
                let request = request.reason(words[3]).force(match words[1] {
                    "force" => Force::Yes,
                    "if-hung" => Force::IfHung,
                    _ => Force::No,
                });
                let request = match words[2] {
                    "confirm" => request.confirm(),
                    _ => request,
                };
                match request.send() {
                    Ok(pending) => {
                        std::thread::spawn(move || println!("\noutcome: {:?}", pending.wait()));
                    }
                    Err(error) => println!("\nnot begun: {error}"),
                }
            }
            other => panic!("no order {other:?}"),
        }
        println!("\nobeyed {line}");
    }
}

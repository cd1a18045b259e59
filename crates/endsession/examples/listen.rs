//! Says what this platform tells a program, one event a line, and answers as it is told to: for trying out a platform, a session manager, a backend.
//!
//!     listen [ANSWER] [--hold REASON] [--level N] [--leave]
//!
//! ANSWER is yes, no, ask-yes, ask-no (as a user would, after a second), drop (the query is dropped) or never. --hold: until an end was called off for the
//! first time. --leave: it wants to be asked nothing any more.

use std::{io::Write as _, thread, time::Duration};

use endsession::{Client, Event, Query};

/// How long its user takes.
const USER: Duration = Duration::from_secs(1);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let (mut answer, mut reason, mut leaves) = ("yes".to_owned(), None, false);
    let mut builder = Client::builder("org.endsession.Listen");
    while let Some(word) = words.next() {
        match word.as_str() {
            "--hold" => reason = Some(words.next().ok_or("--hold takes a reason")?),
            "--level" => {
                let level = words.next().ok_or("--level takes a number")?;
                builder = builder.level(level.parse()?);
            }
            "--leave" => leaves = true,
            "yes" | "no" | "ask-yes" | "ask-no" | "drop" | "never" => answer = word,
            _ => return Err(format!("unknown: {word}").into()),
        }
    }
    let (client, events) = builder.connect()?;
    let mut hold = reason.map(|reason| client.hold(reason));
    let held = hold.as_ref().map(endsession::Hold::held);
    if leaves {
        // The last of the three takes the connection down.
        drop((hold, client, events));
        say("left");
        loop {
            thread::park();
        }
    }
    say(&format!("ready backend={} held={held:?}", client.backend()));
    for event in events {
        match event {
            Event::Query(query) => {
                let ending = query.ending();
                say(&format!(
                    "query kind={:?} critical={}",
                    ending.kind(),
                    ending.is_critical()
                ));
                reply(query, &answer);
            }
            Event::End(end) => {
                say(&format!("end kind={:?}", end.ending().kind()));
                end.done();
            }
            Event::Cancelled => {
                say("cancelled");
                if let Some(hold) = hold.take() {
                    hold.release();
                    say("released");
                }
            }
            other => say(&format!("{other:?}")),
        }
    }
    Ok(())
}

fn reply(query: Query, answer: &str) {
    match answer {
        "no" => query.refuse("Two documents are not saved"),
        "drop" => drop(query),
        "never" => {
            // Kept, and never answered.
            std::mem::forget(query);
            return;
        }
        "ask-yes" | "ask-no" => {
            let asking = query.ask_user("Save the drawing?");
            say("asking");
            thread::sleep(USER);
            if answer == "ask-yes" {
                asking.accept();
            } else {
                asking.refuse("The drawing is not saved");
            }
        }
        _ => query.accept(),
    }
    say("answered");
}

/// Each line at once: this process may be ended at any moment.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Who does not listen any more misses nothing.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

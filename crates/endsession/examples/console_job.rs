//! A job in a terminal that must not be interrupted: `console_job [SECONDS]`, 30 without. It holds the session open while it works, and says how long it takes
//! still. A log-off waits for it, or its user ends it all the same. Ctrl-C ends it and lets go: with the process goes its hold.

use std::{
    sync::mpsc::{self, RecvTimeoutError},
    time::Duration,
};

use endsession::{Client, Event};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seconds: u64 = std::env::args().nth(1).map_or(Ok(30), |s| s.parse())?;
    let (ended, end) = mpsc::channel();
    let client =
        Client::builder("org.endsession.example.ConsoleJob").connect_with(move |event| {
            match event {
                // Nothing else of it minds: the hold says all there is to say.
                Event::Query(query) => query.accept(),
                Event::End(end) => ended.send(end).unwrap_or_default(),
                _ => {}
            }
        })?;
    let hold = client.hold(reason(seconds));
    if hold.held().is_nothing() {
        eprintln!(
            "a log-off will not wait: the backend {} holds nothing",
            client.backend()
        );
    }
    println!("working");
    for left in (0..seconds).rev() {
        // The work: a piece that takes a second.
        match end.recv_timeout(Duration::from_secs(1)) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(end) => {
                println!("interrupted, {left} s before it was done");
                end.done();
                return Ok(());
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
        // When it changes for a person: each is shown.
        if left < 10 || left % 10 == 0 {
            hold.set_reason(&reason(left));
        }
    }
    hold.release();
    println!("done");
    Ok(())
}

fn reason(seconds: u64) -> String {
    format!("Encoding, {seconds} s left")
}

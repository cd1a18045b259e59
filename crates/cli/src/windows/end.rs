//! `endsession logoff`, `restart` and `poweroff` on Windows: asks Windows, and waits to be told.

use std::time::{Duration, Instant};

use endsession::{Client, EndRequest, Event, Events, Force};

use super::args;
use crate::exit::{Exit, Result};

/// Among all that are asked this program is asked last (0x100 is the lowest level that applications may have): when it is told to end, all others have agreed.
const LAST: u32 = 0x100;

/// What is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    LogOff,
    Restart,
    PowerOff,
}

/// Asks for that end, and waits for it as long as the user says.
pub(crate) fn run(end: End, options: args::End) -> Result<Exit> {
    if options.reason.is_some() {
        eprintln!(
            "endsession: Windows shows the reason to nobody; --reason-code is for its event log"
        );
    }
    let force = match (options.force, options.force_if_hung) {
        (true, _) => Force::Yes,
        (_, true) => Force::IfHung,
        _ => Force::No,
    };
    let request = request(end, &options).force(force);
    // It is asked as everybody is, and hears what comes of it. Before the request, or it might miss its end.
    let (_client, mut events) = Client::builder("endsession").level(LAST).connect()?;
    let _tells_no_more = request.send()?;
    // Nobody is asked, and nobody told.
    if force == Force::Yes || options.wait.is_zero() {
        return Ok(Exit::Done);
    }
    Ok(follow(&mut events, options.wait))
}

fn request(end: End, options: &args::End) -> EndRequest {
    let mut request = match end {
        End::LogOff => EndRequest::log_off(),
        End::Restart => EndRequest::restart(),
        End::PowerOff => EndRequest::power_off(),
    };
    if let Some(reason) = &options.reason {
        request = request.reason(reason);
    }
    match options.reason_code {
        Some(code) => request.windows_reason(code),
        None => request,
    }
}

fn follow(events: &mut Events, limit: Duration) -> Exit {
    let begun = Instant::now();
    loop {
        match events.next_within(limit.saturating_sub(begun.elapsed())) {
            Some(Event::Query(query)) => query.accept(),
            Some(Event::End(end)) => {
                // Windows may end this program as soon as it is done.
                eprintln!("The session ends.");
                end.done();
                return Exit::Done;
            }
            Some(Event::Cancelled) => {
                eprintln!("Cancelled: the session goes on.");
                return Exit::Refused;
            }
            Some(_) => {}
            None => {
                eprintln!(
                    "The session has not ended within {}: a program refuses, or asks its user still. Windows tells neither \
                     which, nor what becomes of it.",
                    humantime::format_duration(limit)
                );
                return Exit::Refused;
            }
        }
    }
}

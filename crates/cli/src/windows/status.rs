//! `endsession status` on Windows: who is asked, and what cannot be known.

use std::collections::BTreeMap;
use std::io::Write as _;

use endsession::{Client, Program, What};

use crate::exit::{Exit, Failure, Result};

/// Prints what can be known.
pub(crate) fn run() -> Result<Exit> {
    let (client, _events) = Client::connect("endsession")?;
    let (backend, support) = (client.backend(), client.support());
    let mut lines = vec![format!("Session: managed by Windows (backend {backend})")];
    lines.push(if !support.queries() {
        "Nobody can be asked from here: there is no desktop (a service, or a remote command).".to_owned()
    } else if support.holds().contains(What::LOG_OFF) {
        "A log-off may be refused by programs with a visible window, this one not: `endsession hold` shows one while it holds.".to_owned()
    } else {
        "A log-off cannot be held up from here.".to_owned()
    });
    lines.push(
        "Who holds it open cannot be listed: they say so when they are asked, and Windows shows it then."
            .to_owned(),
    );
    lines.push(String::new());
    let programs = endsession::programs()?;
    let (seen, hidden): (Vec<_>, Vec<_>) = programs
        .into_iter()
        .filter(|program| program.pid != std::process::id())
        .partition(|program| program.is_visible);
    if seen.is_empty() {
        lines.push("No programs with a visible window.".to_owned());
    } else {
        lines.push("Programs that are asked, and may refuse:".to_owned());
        lines.extend(seen.iter().map(line));
    }
    if !hidden.is_empty() {
        lines.push("Programs that are asked, and may not refuse (no visible window):".to_owned());
        lines.push(format!("  {}", names(&hidden)));
    }
    let mut out = std::io::stdout().lock();
    let text = lines.join("\n") + "\n";
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::io("cannot write the status", e))
        }
        _ => Ok(Exit::Done),
    }
}

fn line(program: &Program) -> String {
    let Program {
        name, pid, title, ..
    } = program;
    match title.is_empty() {
        true => format!("  {name} (pid {pid})"),
        false => format!("  {name} (pid {pid}): {title}"),
    }
}

/// There are dozens of these on any desktop: each name once, with how often.
fn names(programs: &[Program]) -> String {
    let mut count = BTreeMap::<&str, usize>::new();
    for program in programs.iter().filter(|program| !program.name.is_empty()) {
        *count.entry(&program.name).or_default() += 1;
    }
    let named = count.iter().map(|(name, count)| match count {
        1 => (*name).to_owned(),
        _ => format!("{name} ({count})"),
    });
    named.collect::<Vec<_>>().join(", ")
}

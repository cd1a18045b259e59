//! `endsession status`: who is here, who holds the session open, what is under way.

use endsession_manager::config::format_millis;
use endsession_manager::report::{App, Status};

use crate::elsewhere::{self, Owner};
use crate::exit::{Exit, Failure, Result};
use crate::foreground::{self, Purpose};
use crate::screen::clip;
use crate::show;

/// Prints what the manager knows.
pub(crate) async fn run(json: bool) -> Result<Exit> {
    let (text, status) = read(|_| Ok(())).await?;
    if json {
        show::line(&text);
    } else {
        for line in lines(&status) {
            show::line(&line);
        }
    }
    Ok(Exit::Done)
}

/// Prints what is held, of all that the manager knows: `hold --list`.
pub(crate) async fn holds(json: bool) -> Result<Exit> {
    let (_, status) = read(|owner| {
        // An empty list would say that nothing is held.
        if owner.desk.tells_holds() {
            return Ok(());
        }
        let name = owner.desk.name();
        Err(Failure::Usage(format!(
            "the session manager of {name} does not tell what is held"
        )))
    })
    .await?;
    if json {
        show::line(&as_json(&status.holds)?);
    } else if status.holds.is_empty() {
        show::line("Nothing is held.");
    } else {
        for held in &status.holds {
            show::line(&show::hold(held));
        }
    }
    Ok(Exit::Done)
}

fn as_json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|e| Failure::Refused(format!("the status cannot be written: {e}")))
}

/// What the manager says, as its JSON and as what that means; of another manager what that one tells.
/// `accepts`: whether that one tells enough.
async fn read(accepts: impl FnOnce(&Owner) -> Result<()>) -> Result<(String, Status)> {
    let read = match foreground::connect(Purpose::Look).await {
        Err(Failure::OtherManager { owner }) => {
            accepts(&owner)?;
            let status = elsewhere::status(owner).await?;
            (as_json(&status)?, status)
        }
        connected => {
            let (control, hint) = connected?;
            if let Some(hint) = hint {
                eprintln!("{hint}");
            }
            control.status().await?
        }
    };
    Ok(read)
}

fn lines(s: &Status) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(owner) = &s.owner {
        lines.push(format!("Session: owned by {owner}"));
        if s.applications.is_empty() && s.holds.is_empty() {
            lines.push("It tells of no client.".to_owned());
            return lines;
        }
        return lines_of_applications(lines, s);
    }
    let session = s.session.as_deref().unwrap_or("not started by endsession");
    lines.push(format!(
        "Session: {session} (manager pid {}; windows: {})",
        s.manager_pid, s.display
    ));
    match &s.request {
        None => lines.push("Request: none under way".to_owned()),
        Some(r) => {
            let reason = if r.reason.is_empty() {
                String::new()
            } else {
                format!(", because: {}", r.reason)
            };
            let locked = if r.locked {
                ", waiting behind the locked screen"
            } else {
                ""
            };
            lines.push(format!("Request: {} {}{reason}{locked}", r.kind, r.phase));
        }
    }
    lines_of_applications(lines, s)
}

fn lines_of_applications(mut lines: Vec<String>, s: &Status) -> Vec<String> {
    lines.push(String::new());
    if s.applications.is_empty() {
        lines.push("No applications.".to_owned());
    } else {
        lines.push("Applications:".to_owned());
        lines.extend(s.applications.iter().flat_map(application));
    }
    if !s.survivors.is_empty() {
        lines.push("Survives the end of the session:".to_owned());
        for survivor in &s.survivors {
            let name = show::name(&survivor.name, survivor.pid);
            let time = show::duration(survivor.running_ms);
            lines.push(format!("  {name}: {}, {time}", survivor.what));
        }
    }
    if !s.foreign.is_empty() {
        lines.push("On another display, and neither asked nor ended here:".to_owned());
        for foreign in &s.foreign {
            let pid = foreign.pid.map(|p| format!(" (pid {p})"));
            lines.push(format!("  {}{}", foreign.name, pid.unwrap_or_default()));
        }
    }
    if !s.holds.is_empty() {
        lines.push("Held:".to_owned());
        lines.extend(s.holds.iter().map(|h| format!("  {}", show::hold(h))));
    }
    lines.push(String::new());
    if s.blockers.is_empty() {
        let nothing = if s.request.is_some() {
            "Nothing blocks."
        } else {
            "Nothing would block now, as far as can be known without asking."
        };
        lines.push(nothing.to_owned());
    } else {
        lines.push(
            if s.request.is_some() {
                "Blocks:"
            } else {
                "Would block now:"
            }
            .to_owned(),
        );
        for b in &s.blockers {
            let waiting = if b.waiting_ms == 0 {
                String::new()
            } else {
                format!(" ({})", show::duration(b.waiting_ms))
            };
            lines.push(format!("  {}{waiting}", show::blocker(b)));
        }
    }
    lines
}

/// Columns shown of a command; all of it is in the JSON.
const COMMAND_LENGTH: usize = 100;

fn application(a: &App) -> Vec<String> {
    let mut notes = a.protocols.clone();
    notes.extend(a.votes.iter().filter(|v| *v != "idle").cloned());
    if a.unsaved {
        notes.push("looks unsaved".to_owned());
    }
    if !a.responding {
        notes.push("not responding".to_owned());
    }
    if a.state != "running" {
        notes.push(a.state.clone());
    }
    if let Some(rule) = &a.rule {
        let (ignore, anyway) = (rule.ignore, rule.end_anyway);
        notes.extend(ignore.then(|| "ignored, as a rule says".to_owned()));
        notes.extend(anyway.then(|| "ended anyway, as a rule says".to_owned()));
        let own = rule.deadline_ms.map(format_millis);
        notes.extend(own.map(|time| format!("{time} for each step, as a rule says")));
    }
    let mut lines = vec![format!(
        "  {}: {}",
        show::name(&a.name, a.pid),
        notes.join(", ")
    )];
    for client in &a.xsmp {
        let command = client.properties.get("RestartCommand");
        if let Some(command) = command.filter(|c| !c.is_empty()) {
            let command = clip(&command.join(" "), COMMAND_LENGTH);
            lines.push(format!("    says it restarts as: {command}"));
        }
    }
    lines.extend(a.windows.iter().map(|title| format!("    window: {title}")));
    lines.extend(
        a.inhibitors
            .iter()
            .map(|reason| format!("    holds: {reason}")),
    );
    lines.extend(a.jobs.iter().map(|job| format!("    running: {job}")));
    lines
}

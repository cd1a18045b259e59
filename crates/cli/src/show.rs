//! Text for people: one place for how a blocker, an event and an outcome read.

use endsession_manager::report::{BlockerInfo, Finished, Held, News, Survivor, Who};

/// Writes a line to stdout. A reader that has gone, or a lost terminal, is no error.
pub(crate) fn line(text: &str) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    let _reader_may_be_gone = out
        .write_all(text.as_bytes())
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.flush());
}

/// An application's name, and its pid where it is known.
pub(crate) fn name(name: &str, pid: Option<u32>) -> String {
    let name = if name.is_empty() {
        "an unnamed application"
    } else {
        name
    };
    match pid {
        Some(pid) => format!("{name} (pid {pid})"),
        None => name.to_owned(),
    }
}

fn who(who: &Who) -> String {
    name(&who.name, who.pid)
}

/// What a blocker says, in a few words.
pub(crate) fn why(b: &BlockerInfo) -> String {
    let quoted = |text: &str| {
        if text.is_empty() {
            String::new()
        } else {
            format!(": {text}")
        }
    };
    let hung = if b.responding { "" } else { ", not responding" };
    match b.kind.as_str() {
        "refused" => format!("refuses{}", quoted(&b.reason)),
        "inhibitor" if b.reason.is_empty() => {
            "holds the session open, and gives no reason".to_owned()
        }
        "inhibitor" => b.reason.clone(),
        "job" if b.running_ms > 0 => {
            format!(
                "is running{}, {}",
                quoted(&b.reason),
                duration(b.running_ms)
            )
        }
        "job" => format!("is running{}", quoted(&b.reason)),
        "window" => format!("its window is still open{}{hung}", quoted(&b.reason)),
        "not-responding" => "is not responding".to_owned(),
        "slow" => "has not answered yet".to_owned(),
        "asking-user" => "asks you in its own window".to_owned(),
        "asks-user" => "wants to ask its user, and nobody is there".to_owned(),
        other => format!("{other}{}", quoted(&b.reason)),
    }
}

/// A blocker with its name.
pub(crate) fn blocker(b: &BlockerInfo) -> String {
    format!("{}: {}", name(&b.name, b.pid), why(b))
}

/// One event as a sentence.
pub(crate) fn news(news: &News) -> String {
    match news {
        News::Phase { phase, .. } => match phase.as_str() {
            "confirming" => "Waiting for the user to confirm".to_owned(),
            "authorizing" => "Finding out whether it is permitted".to_owned(),
            "asking" => "Asking every application".to_owned(),
            "closing" => "Closing applications".to_owned(),
            "imposed" => "The session must end: everybody is told at once".to_owned(),
            "ending" => "Ending the session".to_owned(),
            other => other.to_owned(),
        },
        News::Joined { .. } => "Another request joined this one".to_owned(),
        News::Show { on: true, .. } => "The user is to be shown what it waits for".to_owned(),
        News::Show { on: false, .. } => "Nothing is to be shown any more".to_owned(),
        News::Activated(w) => format!("{} was shown to the user", who(w)),
        News::Asked(w) => format!("{} was asked", who(w)),
        News::Answered {
            who: w,
            answer,
            reason,
        } => {
            let reason = if reason.is_empty() {
                String::new()
            } else {
                format!(": {reason}")
            };
            match answer.as_str() {
                "accept" => format!("{} agrees", who(w)),
                "refuse" => format!("{} refuses{reason}", who(w)),
                "user-refused" => format!("{}: the user said no{reason}", who(w)),
                "wants-user" => format!("{} wants to ask the user", who(w)),
                "user-answered" => format!("{} has the user's answer", who(w)),
                "wants-last" => format!("{} answers when all others have", who(w)),
                _ => format!("{} is asking the user", who(w)),
            }
        }
        News::Abstained(w) => format!(
            "{} does not answer; its windows are to be closed instead",
            who(w)
        ),
        News::Slow(w) => format!("{} has not answered yet", who(w)),
        News::Closing(w) => format!("{} was told to end", who(w)),
        News::Gone(w) => format!("{} has ended", who(w)),
        News::Blocked(b) => format!("{} blocks: {}", name(&b.name, b.pid), why(b)),
        News::Cleared(b) => format!("{} no longer blocks", name(&b.name, b.pid)),
        News::Overridden { who: w, by_rule } => {
            let rule = if *by_rule { ", as a rule says" } else { "" };
            format!("{} may no longer block{rule}", who(w))
        }
        News::Signalled { who: w, signal } => format!("{} got {signal}", who(w)),
        News::Finished(f) => finished(f).join("\n"),
        News::Survives(s) => survivor(s),
        News::Held(h) => format!("{} holds {}{}", name(&h.name, h.pid), held(h), because(h)),
        News::Released(h) => {
            format!("{} no longer holds {}", name(&h.name, h.pid), held(h))
        }
    }
}

/// Work that outlives the session.
pub(crate) fn survivor(s: &Survivor) -> String {
    let (name, time) = (name(&s.name, s.pid), duration(s.running_ms));
    format!("{name} outlives the session: {}, {time}", s.what)
}

/// What is held, in words.
fn held(h: &Held) -> String {
    let words = h.what.iter().map(|what| match what.as_str() {
        "logoff" => "the session open",
        "sleep" => "off sleep",
        "idle" => "off idling",
        "switch-user" => "off a switch of users",
        "automount" => "off automatic mounting",
        "restart" => "off a restart",
        "poweroff" => "off a power-off",
        other => other,
    });
    let words: Vec<&str> = words.collect();
    match words.as_slice() {
        [] => "nothing that has a name".to_owned(),
        words => words.join(", "),
    }
}

fn because(h: &Held) -> String {
    if h.reason.trim().is_empty() {
        ", and gives no reason".to_owned()
    } else {
        format!(": {}", h.reason)
    }
}

/// A hold, with its holder and what it is for.
pub(crate) fn hold(h: &Held) -> String {
    let reason = if h.reason.trim().is_empty() {
        "no reason given"
    } else {
        &h.reason
    };
    format!("{} ({}): {reason}", name(&h.name, h.pid), h.what.join(", "))
}

/// A request of this kind, as a sentence begins with it.
pub(crate) fn request(kind: &str) -> &'static str {
    match kind {
        "logoff" => "The log-off",
        "restart" => "The restart",
        "poweroff" => "The power-off",
        _ => "The request to end the session",
    }
}

/// How a request ended, as lines.
pub(crate) fn finished(f: &Finished) -> Vec<String> {
    let mut lines = Vec::new();
    let what = request(&f.kind);
    match f.outcome.as_str() {
        "over" => lines.push("The session has ended.".to_owned()),
        "failed" => lines.push(format!("{what} failed: {}.", f.why)),
        _ => lines.push(match f.by.as_str() {
            "application" => format!("{what} was cancelled by the user in {}.", f.why),
            "blocked" => format!("{what} was refused."),
            "timeout" => format!("{what} was cancelled: it took longer than allowed."),
            "nobody-shown" => {
                format!("{what} was cancelled: it waited for the user, and nothing showed that.")
            }
            "restored" => "The end of the session was called off.".to_owned(),
            "not-authorized" => format!("{what} was cancelled: {}.", f.why),
            _ => format!("{what} was cancelled."),
        }),
    }
    lines.extend(f.blockers.iter().map(|b| format!("  {}", blocker(b))));
    if !f.gone.is_empty() {
        lines.push(format!("Already closed: {}.", f.gone.join(", ")));
    }
    if !f.told.is_empty() {
        lines.push(format!(
            "Told to close, and still there: {}.",
            f.told.join(", ")
        ));
    }
    let by_rule = |name: &String| {
        let rule = f.overridden_by_rule.contains(name);
        if rule {
            format!("{name} (as a rule says)")
        } else {
            name.clone()
        }
    };
    if !f.overridden.is_empty() {
        let names: Vec<String> = f.overridden.iter().map(by_rule).collect();
        lines.push(format!("Ended over their objection: {}.", names.join(", ")));
    }
    lines
}

/// Milliseconds as people say it.
pub(crate) fn duration(ms: u64) -> String {
    match ms / 1000 {
        s @ 0..=59 => format!("{s} s"),
        s @ 60..=3599 => format!("{} min", s / 60),
        s => format!("{} h {} min", s / 3600, s / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_called_what_it_is() {
        for (kind, said) in [
            ("logoff", "The log-off was cancelled."),
            ("restart", "The restart was cancelled."),
            ("poweroff", "The power-off was cancelled."),
            // Of a newer manager.
            ("hibernate", "The request to end the session was cancelled."),
        ] {
            let outcome = Finished {
                kind: kind.to_owned(),
                outcome: "cancelled".to_owned(),
                ..Finished::default()
            };
            assert_eq!(finished(&outcome), [said]);
        }
    }
}

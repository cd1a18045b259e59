//! Words that need more than a look into the list: reasons in applications' own words, and times as
//! people say them.

use crate::content::{Holds, Kind, Row};
use crate::i18n::{Messages, Value};
use crate::text::inline;

pub(super) fn kind(kind: Kind, words: &Messages) -> String {
    match kind {
        Kind::LogOff => words.text("log-off"),
        Kind::Restart => words.text("restart"),
        Kind::PowerOff => words.text("power-off"),
    }
}

pub(super) fn going(kind: Kind, words: &Messages) -> String {
    match kind {
        Kind::LogOff => words.text("going-log-off"),
        Kind::Restart => words.text("going-restart"),
        Kind::PowerOff => words.text("going-power-off"),
    }
}

/// Reasons told of one application: there is room for hardly more than one.
const MAX_REASONS: usize = 3;

/// Why one application holds the request up: each reason once.
pub(super) fn why(rows: &[&Row], words: &Messages) -> String {
    let mut reasons: Vec<String> = Vec::new();
    // That it takes long is no news of one that is known to hold the request up.
    let holds = rows.iter().any(|r| r.holds != Holds::Slow);
    for row in rows.iter().filter(|r| !holds || r.holds != Holds::Slow) {
        if reasons.len() == MAX_REASONS {
            reasons.push("…".to_owned());
            break;
        }
        let reason = because(row, words);
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    reasons.join(" · ")
}

fn because(row: &Row, words: &Messages) -> String {
    let reason = inline(&row.reason);
    let with = |key| words.with(key, &[("reason", Value::Text(&reason))]);
    match (row.holds, reason.is_empty()) {
        (Holds::Refusal, true) => words.text("holds-refusal"),
        (Holds::Refusal, false) => with("holds-refusal-why"),
        (Holds::Inhibitor, true) => words.text("holds-inhibitor"),
        (Holds::Inhibitor, false) => with("holds-inhibitor-why"),
        (Holds::Job, true) => words.text("holds-job"),
        (Holds::Job, false) => with("holds-job-why"),
        (Holds::Window, true) => words.text("holds-window"),
        (Holds::Window, false) => with("holds-window-why"),
        (Holds::NotResponding, _) => words.text("holds-not-responding"),
        (Holds::WantsUser, _) => words.text("holds-wants-user"),
        (Holds::AsksUser, _) => words.text("holds-asks-user"),
        (Holds::Slow, _) => words.text("holds-slow"),
    }
}

/// What outlives the session, in one sentence; the first of them where there are many.
pub(super) fn survivors(all: &[String], words: &Messages) -> Option<String> {
    let mut said: Vec<String> = all.iter().take(MAX_REASONS).map(|s| inline(s)).collect();
    if said.is_empty() {
        return None;
    }
    if all.len() > MAX_REASONS {
        said.push("…".to_owned());
    }
    let said = said.join(" · ");
    Some(words.with("survives", &[("what", Value::Text(&said))]))
}

/// For how long, and whether it responds. Nothing in the first seconds: what is over at once has
/// not been waited for.
pub(super) fn note(hung: bool, ms: u64, words: &Messages) -> String {
    let mut parts = Vec::new();
    if hung {
        parts.push(words.text("not-responding"));
    }
    if let Some((key, n)) = rounded(ms) {
        let time = match key {
            Unit::Seconds => words.with("seconds", &[("n", Value::Number(n))]),
            Unit::Minutes => words.with("minutes", &[("n", Value::Number(n))]),
            Unit::Hours => words.with("hours", &[("n", Value::Number(n))]),
        };
        parts.push(words.with("waiting", &[("time", Value::Text(&time))]));
    }
    parts.join(" · ")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Seconds,
    Minutes,
    Hours,
}

/// So long do the seconds go in steps: nobody needs each, and each is a frame to draw.
const STEP: u64 = 10;

fn rounded(ms: u64) -> Option<(Unit, usize)> {
    let s = ms / 1000;
    let (unit, n) = match s {
        ..STEP => return None,
        STEP..60 => (Unit::Seconds, s / STEP * STEP),
        60..3600 => (Unit::Minutes, s / 60),
        _ => (Unit::Hours, s / 3600),
    };
    Some((unit, usize::try_from(n).unwrap_or(usize::MAX)))
}

/// When, in milliseconds from now, the words of something that has waited for `ms` change.
pub(super) fn next_change(ms: u64) -> u64 {
    let step = match ms / 1000 {
        0..60 => STEP * 1000,
        60..3600 => 60_000,
        _ => 3_600_000,
    };
    step - ms % step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_said_in_steps_and_not_at_all_at_first() {
        assert_eq!(rounded(9_999), None);
        assert_eq!(rounded(10_000), Some((Unit::Seconds, 10)));
        assert_eq!(rounded(59_999), Some((Unit::Seconds, 50)));
        assert_eq!(rounded(60_000), Some((Unit::Minutes, 1)));
        assert_eq!(rounded(3_600_000 * 30), Some((Unit::Hours, 30)));
    }

    #[test]
    fn the_words_change_when_they_are_said_to() {
        for ms in [
            0, 1, 9_999, 10_000, 12_345, 59_999, 60_000, 61_000, 3_599_999, 3_600_000,
        ] {
            let next = ms + next_change(ms);
            assert_ne!(rounded(ms), rounded(next), "{ms}");
            assert_eq!(rounded(ms), rounded(next - 1), "{ms}");
        }
    }
}

//! Words that need more than a look into the list: what applications say of themselves made fit to
//! show, and times as people say them.

use crate::content::{Holds, Kind, Row};
use crate::i18n::{Messages, Value};

/// Characters kept of a text that somebody else wrote: more than two lines of a row hold.
const MAX_TEXT: usize = 600;

/// A text that somebody else wrote, fit to stand beside ours: on one line, without control
/// characters, and without those that turn the direction of what comes after them.
#[must_use]
pub fn clean(text: &str) -> String {
    let mut out = String::new();
    let mut space = false;
    for c in text.chars().take(MAX_TEXT) {
        if c.is_whitespace() || c.is_control() {
            space = !out.is_empty();
        } else if !turns(c) {
            if std::mem::take(&mut space) {
                out.push(' ');
            }
            out.push(c);
        }
    }
    out
}

/// The explicit directional formatting characters (UAX 9), and what hides: joiners stay, since
/// scripts and emoji are written with them.
fn turns(c: char) -> bool {
    matches!(c,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{061c}'
        | '\u{200b}' | '\u{2060}' | '\u{feff}' | '\u{00ad}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e001f}')
}

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

/// Why one application holds the request up: each reason once.
pub(super) fn why(rows: &[&Row], words: &Messages) -> String {
    let mut reasons: Vec<String> = Vec::new();
    for row in rows {
        let reason = because(row, words);
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    reasons.join(" · ")
}

fn because(row: &Row, words: &Messages) -> String {
    let reason = clean(&row.reason);
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
    fn a_text_of_others_stays_on_its_line_and_in_its_direction() {
        assert_eq!(
            clean("  two\nlines\tand\u{7}  a bell "),
            "two lines and a bell"
        );
        assert_eq!(clean("evil\u{202e}gnp.exe\u{2069}"), "evilgnp.exe");
        assert_eq!(
            clean("👩\u{200d}💻 می\u{200c}خواهم"),
            "👩\u{200d}💻 می\u{200c}خواهم"
        );
        assert_eq!(clean(&"x".repeat(100_000)).len(), MAX_TEXT);
        assert_eq!(clean("\u{200b}\n \u{feff}"), "");
    }

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

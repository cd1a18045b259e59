//! The live view of a log-off in a terminal: what is known becomes lines, keys become choices.
//! Pure: no terminal here.

use std::collections::BTreeMap;

use endsession_manager::report::{BlockerInfo, News, Status, Who};
use unicode_width::UnicodeWidthChar as _;

use crate::show;

/// Milliseconds since the view began.
pub(crate) type Millis = u64;

/// What is shown.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    phase: String,
    /// Asked and not yet answered, by id.
    waiting: BTreeMap<String, String>,
    asked: usize,
    answered: usize,
    closing: BTreeMap<String, String>,
    gone: Vec<String>,
    /// What blocks, and what the user may want to do something about although it does not: who
    /// asks the user, and who takes long to answer.
    blockers: Vec<(BlockerInfo, Millis)>,
    question: Option<Question>,
}

/// Rows that are no blockers.
const WAITS: [&str; 2] = ["slow", "asking-user"];

/// A second key is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Question {
    EndWhich,
    ShowWhich,
    EndOne(usize),
    EndAll,
}

/// What a key means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// A choice and the application's id, as `Choose` takes them.
    Choose(&'static str, String),
    /// Only the view changed.
    Redraw,
    /// Nothing.
    Ignored,
}

impl Screen {
    /// Takes in what was there before the view began.
    pub(crate) fn begin(&mut self, status: &Status) {
        if let Some(request) = &status.request {
            self.phase.clone_from(&request.phase);
            self.gone.clone_from(&request.gone);
        }
        let rows = status.blockers.iter().chain(&status.waits);
        self.blockers = rows.map(|b| (b.clone(), 0)).collect();
    }

    /// Takes in one event at `now`.
    pub(crate) fn news(&mut self, news: &News, now: Millis) {
        match news {
            News::Phase { phase, .. } => {
                self.phase.clone_from(phase);
                self.blockers
                    .retain(|(b, _)| !WAITS.contains(&b.kind.as_str()));
            }
            News::Asked(w) => {
                self.asked += 1;
                let what = waiting_for(&show::name(&w.name, w.pid));
                self.waiting.insert(w.id.clone(), what);
            }
            News::Answered { who, answer, .. } => {
                self.no_longer_waits_for(who);
                if answer == "asking-user" {
                    self.waits_for(who, "asking-user", now);
                }
                let name = show::name(&who.name, who.pid);
                let still = match answer.as_str() {
                    "wants-user" => format!("{name} will ask you next"),
                    "asking-user" | "user-answered" => waiting_for(&name),
                    "wants-last" => format!("{name} answers when all others have"),
                    _ => {
                        self.answered += 1;
                        String::new()
                    }
                };
                if still.is_empty() {
                    self.waiting.remove(&who.id);
                } else {
                    self.waiting.insert(who.id.clone(), still);
                }
            }
            News::Closing(w) => {
                self.closing
                    .insert(w.id.clone(), show::name(&w.name, w.pid));
            }
            News::Gone(w) => {
                self.closing.remove(&w.id);
                self.waiting.remove(&w.id);
                self.no_longer_waits_for(w);
                self.gone.push(w.name.clone());
            }
            News::Blocked(b) => {
                // What was there when the view began may be told of once more.
                if !self.blockers.iter().any(|(x, _)| is_same(x, b)) {
                    self.blockers.push((b.clone(), now));
                }
            }
            News::Cleared(b) => self.blockers.retain(|(x, _)| !is_same(x, b)),
            News::Slow(w) => self.waits_for(w, "slow", now),
            News::Abstained(w) => {
                self.waiting.remove(&w.id);
                self.no_longer_waits_for(w);
            }
            News::Overridden(w) => self.no_longer_waits_for(w),
            News::Joined { .. }
            | News::Show { .. }
            | News::Activated(_)
            | News::Signalled { .. }
            | News::Finished(_) => {}
        }
    }

    fn waits_for(&mut self, who: &Who, kind: &str, now: Millis) {
        self.no_longer_waits_for(who);
        let row = BlockerInfo {
            id: who.id.clone(),
            name: who.name.clone(),
            pid: who.pid,
            kind: kind.to_owned(),
            responding: true,
            ..BlockerInfo::default()
        };
        self.blockers.push((row, now));
    }

    fn no_longer_waits_for(&mut self, who: &Who) {
        self.blockers
            .retain(|(b, _)| b.id != who.id || !WAITS.contains(&b.kind.as_str()));
    }

    /// Whether times on the screen grow.
    pub(crate) fn is_counting(&self) -> bool {
        !self.blockers.is_empty()
    }

    /// The lines to show, none wider than `width` columns.
    pub(crate) fn lines(&self, now: Millis, width: usize) -> Vec<String> {
        let mut lines = Vec::new();
        match self.phase.as_str() {
            "confirming" => {
                lines.push("Log off? Applications will be asked first.  y: yes   n: no".to_owned())
            }
            "asking" => lines.push(format!(
                "Asking applications: {} of {} answered",
                self.answered, self.asked
            )),
            "closing" => {
                let gone = self.gone.len();
                lines.push(format!(
                    "Closing applications: {gone} closed, {} to go",
                    self.closing.len()
                ));
            }
            "ending" => lines.push("Ending the session".to_owned()),
            other => lines.push(other.to_owned()),
        }
        if self.blockers.is_empty() {
            lines.extend(self.waiting.values().map(|what| format!("  {what}")));
        } else {
            lines.push("These hold the session open:".to_owned());
            for (n, (b, since)) in (1..).zip(&self.blockers) {
                let waiting = show::duration(now.saturating_sub(*since) + b.waiting_ms);
                lines.push(format!("  {n}  {} ({waiting})", show::blocker(b)));
            }
            lines.push(match &self.question {
                None => "c: cancel   a: ask again   e: end one   E: end all anyway   s: show one"
                    .to_owned(),
                Some(Question::EndWhich) => "End which one? Press its number.".to_owned(),
                Some(Question::ShowWhich) => "Show which one? Press its number.".to_owned(),
                Some(Question::EndOne(n)) => {
                    let name = self.blockers.get(*n).map_or("it", |(b, _)| b.name.as_str());
                    format!("End {name} now? What it has not saved is lost.  y: end it   n: no")
                }
                Some(Question::EndAll) => {
                    "End all of them anyway? What they have not saved is lost.  y: end all   n: no"
                        .to_owned()
                }
            });
        }
        lines.into_iter().map(|l| clip(&l, width)).collect()
    }

    /// What a key means now.
    pub(crate) fn key(&mut self, key: u8) -> Key {
        if self.phase == "confirming" {
            return match key {
                b'y' | b'Y' => Key::Choose("confirm", String::new()),
                b'n' | b'N' | b'c' | b'q' | ESCAPE => Key::Choose("cancel", String::new()),
                _ => Key::Ignored,
            };
        }
        if let Some(question) = self.question.take() {
            return self.answer(question, key);
        }
        match key {
            b'c' | b'q' | ESCAPE => Key::Choose("cancel", String::new()),
            _ if self.blockers.is_empty() => Key::Ignored,
            b'a' => Key::Choose("ask-again", String::new()),
            b'e' => self.ask(if self.blockers.len() == 1 {
                Question::EndOne(0)
            } else {
                Question::EndWhich
            }),
            b'E' => self.ask(Question::EndAll),
            b's' if self.blockers.len() == 1 => self.choose("show", 0),
            b's' => self.ask(Question::ShowWhich),
            _ => Key::Ignored,
        }
    }

    fn ask(&mut self, question: Question) -> Key {
        self.question = Some(question);
        Key::Redraw
    }

    fn answer(&mut self, question: Question, key: u8) -> Key {
        let place = key
            .checked_sub(b'1')
            .map(usize::from)
            .filter(|n| *n < 9.min(self.blockers.len()));
        match (question, key, place) {
            (Question::EndWhich, _, Some(n)) => self.ask(Question::EndOne(n)),
            (Question::ShowWhich, _, Some(n)) => self.choose("show", n),
            (Question::EndOne(n), b'y' | b'Y', _) => self.choose("end-one", n),
            (Question::EndAll, b'y' | b'Y', _) => Key::Choose("end-all", String::new()),
            // Any other key is no.
            _ => Key::Redraw,
        }
    }

    fn choose(&self, choice: &'static str, n: usize) -> Key {
        match self.blockers.get(n) {
            Some((b, _)) => Key::Choose(choice, b.id.clone()),
            None => Key::Redraw,
        }
    }
}

/// Whether two rows are about the same, whatever the time.
fn is_same(a: &BlockerInfo, b: &BlockerInfo) -> bool {
    (&a.id, &a.kind, &a.reason, a.responding) == (&b.id, &b.kind, &b.reason, b.responding)
}

const ESCAPE: u8 = 0x1b;

/// Cuts a line to `width` columns as a terminal counts them.
pub(crate) fn clip(line: &str, width: usize) -> String {
    let mut columns = 0;
    line.chars()
        .take_while(|c| {
            columns += c.width().unwrap_or(0);
            columns <= width
        })
        .collect()
}

fn waiting_for(name: &str) -> String {
    format!("waiting for {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocker(id: &str, name: &str) -> BlockerInfo {
        BlockerInfo {
            id: id.into(),
            name: name.into(),
            kind: "inhibitor".into(),
            reason: "unsaved documents".into(),
            responding: true,
            ..BlockerInfo::default()
        }
    }

    fn blocked() -> Screen {
        let mut screen = Screen::default();
        screen.news(
            &News::Phase {
                request: 1,
                phase: "asking".into(),
            },
            0,
        );
        screen.news(&News::Blocked(blocker("7", "gedit")), 1_000);
        screen.news(&News::Blocked(blocker("8", "disk burner")), 1_000);
        screen
    }

    #[test]
    fn blockers_are_named_with_reason_and_time() {
        let lines = blocked().lines(13_000, 80);
        assert_eq!(lines[2], "  1  gedit: unsaved documents (12 s)");
        assert!(lines.last().unwrap().starts_with("c: cancel"));
    }

    #[test]
    fn end_one_needs_a_number_and_a_yes() {
        let mut screen = blocked();
        assert_eq!(screen.key(b'e'), Key::Redraw);
        assert_eq!(screen.key(b'2'), Key::Redraw);
        assert_eq!(screen.key(b'y'), Key::Choose("end-one", "8".into()));
    }

    #[test]
    fn end_all_is_not_reachable_by_one_key() {
        let mut screen = blocked();
        assert_eq!(screen.key(b'E'), Key::Redraw);
        assert_eq!(screen.key(b'E'), Key::Redraw);
        assert_eq!(screen.key(b'y'), Key::Ignored);
    }

    #[test]
    fn escape_cancels_and_a_stray_number_does_nothing() {
        assert_eq!(blocked().key(0x1b), Key::Choose("cancel", String::new()));
        assert_eq!(blocked().key(b'1'), Key::Ignored);
    }

    #[test]
    fn a_view_that_joins_later_shows_what_was_there() {
        let mut screen = Screen::default();
        let before = BlockerInfo {
            waiting_ms: 65_000,
            ..blocker("7", "gedit")
        };
        screen.begin(&Status {
            blockers: vec![before],
            ..Status::default()
        });
        screen.news(&News::Blocked(blocker("7", "gedit")), 10);
        let lines = screen.lines(1_000, 80);
        assert_eq!(lines[2], "  1  gedit: unsaved documents (1 min)");
        assert_eq!(lines.len(), 4, "once: {lines:?}");
        screen.news(&News::Cleared(blocker("7", "gedit")), 2_000);
        assert!(!screen.is_counting());
    }

    #[test]
    fn a_blocker_that_clears_leaves_its_line() {
        let mut screen = blocked();
        screen.news(&News::Cleared(blocker("7", "gedit")), 2_000);
        assert!(screen.lines(3_000, 80).iter().all(|l| !l.contains("gedit")));
    }

    #[test]
    fn who_asks_the_user_or_takes_long_can_be_shown_and_ended() {
        let mut screen = Screen::default();
        let who = Who {
            id: "7".into(),
            name: "writer".into(),
            ..Who::default()
        };
        screen.news(&News::Asked(who.clone()), 0);
        screen.news(&News::Slow(who.clone()), 5_000);
        let lines = screen.lines(9_000, 80);
        assert_eq!(lines[2], "  1  writer: has not answered yet (4 s)");
        let answered = |answer: &str| News::Answered {
            who: who.clone(),
            answer: answer.into(),
            reason: String::new(),
        };
        screen.news(&answered("asking-user"), 10_000);
        let lines = screen.lines(11_000, 80);
        assert_eq!(lines[2], "  1  writer: asks you in its own window (1 s)");
        assert_eq!(screen.key(b's'), Key::Choose("show", "7".into()));
        screen.news(&answered("accept"), 12_000);
        assert_eq!(screen.key(b's'), Key::Ignored);
    }

    #[test]
    fn lines_are_cut_to_the_terminal_in_columns() {
        assert_eq!(clip("日本語 text", 5), "日本");
    }
}

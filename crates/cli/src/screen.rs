//! The live view of a log-off in a terminal: what is known becomes lines, keys become choices.
//! Pure: no terminal here.

use std::collections::{BTreeMap, BTreeSet};

use endsession_manager::report::{BlockerInfo, News, Status, Survivor, Who};
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
    /// Who was asked, by id.
    asked: BTreeSet<String>,
    closing: BTreeMap<String, String>,
    /// Who has gone, by id, since the view began.
    gone: BTreeSet<String>,
    /// Names of those that had gone when the view began. What was told before that may be told of
    /// once more.
    gone_before: Vec<String>,
    /// The applications that were there then, by id.
    there: BTreeSet<String>,
    /// What blocks, and what the user may want to do something about although it does not: who
    /// asks the user, and who takes long to answer.
    blockers: Vec<(BlockerInfo, Millis)>,
    /// The row that was cleared last, and its place.
    cleared: Option<(RowKey, usize)>,
    question: Option<Question>,
    /// What outlives the session and holds nothing.
    survivors: Vec<Survivor>,
}

/// More of what outlives the session is not told of while it ends; `status` lists it all.
const MAX_SURVIVORS: usize = 3;

/// Rows that are no blockers.
const WAITS: [&str; 2] = ["slow", "asking-user"];

/// A second key is needed. It answers what was seen when the question was asked: rows come and go
/// meanwhile, and their places in the list with them, so applications are kept by id.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Question {
    /// One of these, by its number.
    EndWhich(Vec<RowKey>),
    ShowWhich(Vec<RowKey>),
    EndOne(RowKey),
    EndAll,
}

/// What tells one row from another while its title and its place change.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RowKey {
    id: String,
    kind: String,
}

impl RowKey {
    fn of(b: &BlockerInfo) -> Self {
        Self {
            id: b.id.clone(),
            kind: b.kind.clone(),
        }
    }

    fn is_of(&self, b: &BlockerInfo) -> bool {
        (&self.id, &self.kind) == (&b.id, &b.kind)
    }
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
            self.gone_before.clone_from(&request.gone);
        }
        for app in &status.applications {
            self.there.insert(app.id.clone());
            let name = show::name(&app.name, app.pid);
            let votes = |those: &[&str]| app.votes.iter().any(|v| those.contains(&v.as_str()));
            if !app.votes.is_empty() && !app.votes.iter().all(|v| v == "idle") {
                self.asked.insert(app.id.clone());
            }
            if votes(&["asked", "wants-user", "asking-user", "wants-last"]) {
                self.waiting.insert(app.id.clone(), waiting_for(&name));
            }
            let votes_or_shows = !app.votes.is_empty() || !app.windows.is_empty();
            if match app.state.as_str() {
                "unkillable" => false,
                "running" => votes_or_shows,
                _ => true,
            } {
                self.closing.insert(app.id.clone(), name);
            }
        }
        let rows = status.blockers.iter().chain(&status.waits);
        self.blockers = rows.map(|b| (b.clone(), 0)).collect();
        self.survivors.clone_from(&status.survivors);
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
                self.asked.insert(w.id.clone());
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
                    _ => String::new(),
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
                let counted = !self.there.contains(&w.id) && self.gone_before.contains(&w.name);
                if !counted {
                    self.gone.insert(w.id.clone());
                }
            }
            News::Blocked(b) => {
                // What was there when the view began may be told of once more.
                if !self.blockers.iter().any(|(x, _)| is_same(x, b)) {
                    let end = self.blockers.len();
                    // One whose title has changed is told of as cleared and blocking again: it does
                    // not change its place, and with it the numbers of all below.
                    let before = self.cleared.take().filter(|(row, _)| row.is_of(b));
                    let place = before.map_or(end, |(_, place)| place.min(end));
                    self.blockers.insert(place, (b.clone(), now));
                }
            }
            News::Cleared(b) => {
                let place = self.blockers.iter().position(|(x, _)| is_same(x, b));
                if let Some(place) = place {
                    let (row, _) = self.blockers.remove(place);
                    self.cleared = Some((RowKey::of(&row), place));
                }
            }
            News::Slow(w) => self.waits_for(w, "slow", now),
            News::Abstained(w) => {
                self.waiting.remove(&w.id);
                self.no_longer_waits_for(w);
            }
            News::Overridden { who: w, .. } => self.no_longer_waits_for(w),
            News::Survives(s) => self.survives(s),
            News::Joined { .. }
            | News::Held(_)
            | News::Released(_)
            | News::Show { .. }
            | News::Activated(_)
            | News::Signalled { .. }
            | News::Finished(_) => {}
        }
        self.mind_the_question();
    }

    /// A question about what is no longer there is not asked any more: the next key would answer
    /// something that nobody sees.
    fn mind_the_question(&mut self) {
        let there = |key: &RowKey| self.blockers.iter().any(|(b, _)| key.is_of(b));
        let stands = match &self.question {
            None => return,
            Some(Question::EndWhich(rows) | Question::ShowWhich(rows)) => rows.iter().any(there),
            Some(Question::EndOne(row)) => there(row),
            Some(Question::EndAll) => !self.blockers.is_empty(),
        };
        if !stands {
            self.question = None;
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

    /// The same work is told of again when the status had it, and with other words when it changed.
    fn survives(&mut self, new: &Survivor) {
        let same = |s: &Survivor| (&s.name, s.pid) == (&new.name, new.pid);
        match self.survivors.iter().position(same) {
            Some(place) => self.survivors[place].clone_from(new),
            None if self.survivors.len() < MAX_SURVIVORS => self.survivors.push(new.clone()),
            None => {}
        }
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
                self.asked.len().saturating_sub(self.waiting.len()),
                self.asked.len()
            )),
            "closing" => {
                let gone = self.gone_before.len() + self.gone.len();
                lines.push(format!(
                    "Closing applications: {gone} closed, {} to go",
                    self.closing.len()
                ));
            }
            "ending" => lines.push("Ending the session".to_owned()),
            other => lines.push(other.to_owned()),
        }
        let survivors = self.survivors.iter().take(MAX_SURVIVORS);
        lines.extend(survivors.map(show::survivor));
        if self.blockers.is_empty() {
            lines.extend(self.waiting.values().map(|what| format!("  {what}")));
        } else {
            lines.push("These hold the session open:".to_owned());
            for (place, (b, since)) in self.blockers.iter().enumerate() {
                let waiting = show::duration(now.saturating_sub(*since) + b.waiting_ms);
                let n = self.number(place, b);
                lines.push(format!("  {n}  {} ({waiting})", show::blocker(b)));
            }
            lines.push(match &self.question {
                None => "c: cancel   a: ask again   e: end one   E: end all anyway   s: show one"
                    .to_owned(),
                Some(Question::EndWhich(_)) => "End which one? Press its number.".to_owned(),
                Some(Question::ShowWhich(_)) => "Show which one? Press its number.".to_owned(),
                Some(Question::EndOne(row)) => {
                    let of = self.blockers.iter().find(|(b, _)| row.is_of(b));
                    let name = of.map_or("it", |(b, _)| b.name.as_str());
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
            b'e' => self.ask(match self.blockers.as_slice() {
                [(only, _)] => Question::EndOne(RowKey::of(only)),
                _ => Question::EndWhich(self.rows()),
            }),
            b'E' => self.ask(Question::EndAll),
            b's' => match self.blockers.as_slice() {
                [(only, _)] => Key::Choose("show", only.id.clone()),
                _ => self.ask(Question::ShowWhich(self.rows())),
            },
            _ => Key::Ignored,
        }
    }

    fn rows(&self) -> Vec<RowKey> {
        self.blockers.iter().map(|(b, _)| RowKey::of(b)).collect()
    }

    /// The number of a row, as a user who was asked for one saw it: while the question stands no
    /// number moves to another row, and a row that came since has none.
    fn number(&self, place: usize, row: &BlockerInfo) -> String {
        match &self.question {
            Some(Question::EndWhich(asked) | Question::ShowWhich(asked)) => {
                // Two rows of one application and kind are told apart by their order.
                let before = self.blockers.iter().take(place);
                let twins = before.filter(|(b, _)| RowKey::of(row).is_of(b)).count();
                let mut places = (1..).zip(asked).filter(|(_, key)| key.is_of(row));
                let number = places.nth(twins).map(|(n, _): (usize, _)| n);
                number.map_or_else(|| " ".to_owned(), |n| n.to_string())
            }
            _ => (place + 1).to_string(),
        }
    }

    fn ask(&mut self, question: Question) -> Key {
        self.question = Some(question);
        Key::Redraw
    }

    fn answer(&mut self, question: Question, key: u8) -> Key {
        let numbered = |rows: Vec<RowKey>| {
            let place = key.checked_sub(b'1').filter(|n| *n < 9)?;
            let row = rows.into_iter().nth(usize::from(place))?;
            let is_there = self.blockers.iter().any(|(b, _)| row.is_of(b));
            is_there.then_some(row)
        };
        let next = match (question, key) {
            (Question::EndWhich(rows), _) => numbered(rows).map(Question::EndOne),
            (Question::ShowWhich(rows), _) => {
                let row = numbered(rows);
                return row.map_or(Key::Redraw, |row| Key::Choose("show", row.id));
            }
            (Question::EndOne(row), b'y' | b'Y') => return Key::Choose("end-one", row.id),
            (Question::EndAll, b'y' | b'Y') => return Key::Choose("end-all", String::new()),
            // Any other key is no.
            _ => None,
        };
        self.question = next;
        Key::Redraw
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
    use endsession_manager::report::{App, RequestInfo};

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
    fn a_yes_is_about_the_application_that_was_named_whatever_went_meanwhile() {
        let mut screen = blocked();
        screen.key(b'e');
        screen.key(b'2');
        screen.news(&News::Cleared(blocker("7", "gedit")), 2_000);
        screen.news(&News::Blocked(blocker("9", "mail")), 2_000);
        let lines = screen.lines(3_000, 80);
        assert!(lines.last().unwrap().starts_with("End disk burner now?"));
        assert_eq!(screen.key(b'y'), Key::Choose("end-one", "8".into()));
    }

    #[test]
    fn a_question_goes_with_the_row_that_it_is_about() {
        let mut screen = blocked();
        screen.key(b'e');
        screen.key(b'1');
        screen.news(&News::Cleared(blocker("7", "gedit")), 2_000);
        assert!(screen.lines(3_000, 80)[3].starts_with("c: cancel"));
        assert_eq!(screen.key(b'y'), Key::Ignored);
        screen.key(b'E');
        screen.news(&News::Cleared(blocker("8", "disk burner")), 2_000);
        screen.news(&News::Blocked(blocker("9", "mail")), 2_000);
        assert_eq!(screen.key(b'y'), Key::Ignored);
    }

    #[test]
    fn numbers_stay_as_they_were_when_they_were_asked_for() {
        let mut screen = blocked();
        screen.key(b's');
        screen.news(&News::Cleared(blocker("7", "gedit")), 2_000);
        screen.news(&News::Blocked(blocker("9", "mail")), 2_000);
        let lines = screen.lines(3_000, 80);
        assert!(lines[2].starts_with("  2  disk burner"), "{lines:?}");
        assert!(lines[3].starts_with("     mail"), "{lines:?}");
        assert_eq!(screen.key(b'2'), Key::Choose("show", "8".into()));
        screen.key(b's');
        screen.news(&News::Cleared(blocker("8", "disk burner")), 4_000);
        assert_eq!(screen.key(b'1'), Key::Redraw, "it has gone");
    }

    #[test]
    fn a_row_whose_title_changes_keeps_its_place_and_its_time() {
        let mut screen = blocked();
        screen.news(&News::Cleared(blocker("7", "gedit")), 61_000);
        let renamed = BlockerInfo {
            reason: "letter".into(),
            waiting_ms: 60_000,
            ..blocker("7", "gedit")
        };
        screen.news(&News::Blocked(renamed), 61_000);
        let lines = screen.lines(61_000, 80);
        assert_eq!(lines[2], "  1  gedit: letter (1 min)");
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
    fn a_view_that_joins_later_counts_what_was_there_once() {
        let app = |id: &str, vote: &str, state: &str| App {
            id: id.into(),
            name: id.into(),
            votes: vec![vote.into()],
            state: state.into(),
            ..App::default()
        };
        let status = |phase: &str, applications| Status {
            request: Some(RequestInfo {
                phase: phase.into(),
                gone: vec!["early".into()],
                ..RequestInfo::default()
            }),
            applications,
            ..Status::default()
        };
        let who = |id: &str| Who {
            id: id.into(),
            name: id.into(),
            ..Who::default()
        };
        let mut screen = Screen::default();
        let asked = vec![
            app("a", "accepted", "running"),
            app("b", "asked", "running"),
        ];
        screen.begin(&status("asking", asked));
        screen.news(&News::Asked(who("b")), 0);
        assert_eq!(
            screen.lines(0, 80)[0],
            "Asking applications: 1 of 2 answered"
        );
        let mut screen = Screen::default();
        let going = vec![app("a", "told", "closing"), app("b", "accepted", "running")];
        screen.begin(&status("closing", going));
        // Told of before the status was read, and counted in it.
        screen.news(&News::Gone(who("early")), 0);
        let first = |screen: &Screen| screen.lines(0, 80)[0].clone();
        assert_eq!(first(&screen), "Closing applications: 1 closed, 2 to go");
        screen.news(&News::Gone(who("a")), 0);
        screen.news(&News::Gone(who("a")), 0);
        assert_eq!(first(&screen), "Closing applications: 2 closed, 1 to go");
    }

    #[test]
    fn what_outlives_the_session_is_told_once_and_holds_nothing() {
        let survivor = |pid, what: &str| Survivor {
            name: "tmux".into(),
            pid: Some(pid),
            what: what.into(),
            running_ms: 5_000,
        };
        let mut screen = Screen::default();
        screen.begin(&Status {
            survivors: vec![survivor(7, "make")],
            ..Status::default()
        });
        screen.news(&News::Survives(survivor(7, "2 jobs (make, vim x)")), 0);
        let line = "tmux (pid 7) outlives the session: 2 jobs (make, vim x), 5 s";
        assert_eq!(screen.lines(0, 80)[1..], [line]);
        assert!(!screen.is_counting());
        for pid in 8..20 {
            screen.news(&News::Survives(survivor(pid, "make")), 0);
        }
        assert_eq!(screen.lines(0, 80).len(), 1 + MAX_SURVIVORS);
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

//! What is to be seen, in words: from the content and what the user has done with it so far to
//! headings, rows and buttons in the user's language. Pure: no places, no colours, no display.

mod words;

use crate::apps::App;
use crate::content::{Content, Holds, Kind, Phase, Question, Request, Row};
use crate::i18n::{Messages, Value};
use crate::shell::Form;
use crate::text::inline;

/// Something that the user can press.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Control {
    /// No, or cancel: what Escape means.
    No,
    /// Yes.
    Yes,
    /// Show this application's window.
    Show(String),
    /// End this application: asks first.
    End(String),
    /// End this application, after the warning.
    ReallyEnd(String),
    /// Ask all again.
    AskAgain,
    /// End all: asks first.
    EndAll,
    /// End all, after the warning.
    ReallyEndAll,
    /// Take a warning back.
    Back,
    /// From the strip to the sheet.
    Details,
    /// And back, to the application's own window.
    Less,
    /// One of the ways to end the session.
    Kind(Kind),
}

/// How a button looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Emphasis {
    /// Like the others.
    #[default]
    Normal,
    /// What most people want.
    Primary,
    /// What loses work.
    Danger,
}

/// A button.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    /// What it does.
    pub control: Control,
    /// What stands on it.
    pub label: String,
    /// What assistive technology calls it, where the label alone does not say it.
    pub spoken: String,
    /// What else there is to say; stands below the label in a menu.
    pub description: String,
    /// How it looks.
    pub emphasis: Emphasis,
}

/// One application.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowView {
    /// Which.
    pub app: String,
    /// Names of its icon, the best first.
    pub icons: Vec<String>,
    /// Its name.
    pub name: String,
    /// Why it holds the request up, or what would be lost.
    pub why: String,
    /// For how long, and whether it responds.
    pub note: String,
    /// It does not respond.
    pub hung: bool,
    /// What stands in it is a warning.
    pub warns: bool,
    /// What can be done about it.
    pub buttons: Vec<Button>,
}

/// One application that holds the request up, whatever the form shows of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    /// Which.
    pub app: String,
    /// Its name.
    pub name: String,
    /// Why.
    pub why: String,
}

/// How many of how many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// So many have closed,
    pub done: usize,
    /// of so many.
    pub total: usize,
    /// In words.
    pub text: String,
}

/// What is to be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Where.
    pub form: Form,
    /// The largest line; also the window's title.
    pub heading: String,
    /// Sentences below it.
    pub details: Vec<String>,
    /// How far it has come.
    pub progress: Option<Progress>,
    /// Who holds it up, as far as this form shows them.
    pub rows: Vec<RowView>,
    /// All who hold it up.
    pub holders: Vec<Holder>,
    /// A warning above the buttons.
    pub warning: String,
    /// Buttons that stand below each other, as a menu.
    pub choices: Vec<Button>,
    /// Buttons at the end, from left to right.
    pub buttons: Vec<Button>,
    /// What has the keyboard's focus at first, and what loses nothing.
    pub default: Control,
}

/// What the user has done with it so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ui {
    /// A warning is shown.
    pub pending: Option<Pending>,
    /// The user wants all of it, though an application's own dialog is open.
    pub expanded: bool,
    /// The user went to answer this application.
    pub answering: Option<String>,
}

/// A warning that waits for the user's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pending {
    /// Before this application is ended.
    One(String),
    /// Before all are.
    All,
}

/// The form that fits. Our window may never lie over the one that the user has to answer, nor keep
/// the keyboard from it.
#[must_use]
pub fn form(content: &Content, ui: &Ui) -> Form {
    match content {
        Content::Question(_) => Form::Window,
        Content::Menu(_) => Form::Sheet,
        Content::Request(r) if r.phase == Phase::Confirming || ui.expanded => Form::Sheet,
        Content::Request(r) => {
            if ui.answering.is_some() || r.rows.iter().any(Row::is_answered_elsewhere) {
                Form::Strip
            } else {
                Form::Sheet
            }
        }
    }
}

impl Row {
    /// Its user has to answer it in a window of its own, which is open now.
    #[must_use]
    pub fn is_answered_elsewhere(&self) -> bool {
        match self.holds {
            Holds::AsksUser => true,
            Holds::Window => self.responding,
            _ => false,
        }
    }
}

/// What is to be seen of `content` at `now`, in milliseconds after the origin that [`Row::since`]
/// counts from. `known` tells what the user knows an application by.
pub fn view(
    content: &Content,
    ui: &Ui,
    words: &Messages,
    now: i64,
    known: &mut dyn FnMut(&str, Option<u32>) -> App,
) -> View {
    let form = form(content, ui);
    match content {
        Content::Question(question) => ask(question, words),
        Content::Menu(kinds) => menu(kinds, words),
        Content::Request(request) => {
            let rows = rows(request, ui, words, now, known);
            if form == Form::Strip {
                strip(request, ui, rows, words)
            } else {
                sheet(request, ui, rows, words)
            }
        }
    }
}

fn button(control: Control, label: String) -> Button {
    Button {
        control,
        label,
        spoken: String::new(),
        description: String::new(),
        emphasis: Emphasis::Normal,
    }
}

impl View {
    /// Nothing to be seen yet, in this form.
    fn of(form: Form) -> Self {
        Self {
            form,
            heading: String::new(),
            details: Vec::new(),
            progress: None,
            rows: Vec::new(),
            holders: Vec::new(),
            warning: String::new(),
            choices: Vec::new(),
            buttons: Vec::new(),
            default: Control::No,
        }
    }
}

impl Button {
    fn primary(self) -> Self {
        Self {
            emphasis: Emphasis::Primary,
            ..self
        }
    }

    fn danger(self) -> Self {
        Self {
            emphasis: Emphasis::Danger,
            ..self
        }
    }

    /// Its name for assistive technology.
    #[must_use]
    pub fn accessible_name(&self) -> &str {
        if self.spoken.is_empty() {
            &self.label
        } else {
            &self.spoken
        }
    }
}

fn ask(question: &Question, words: &Messages) -> View {
    let detail = inline(&question.detail);
    View {
        heading: inline(&question.text),
        details: Some(detail).filter(|d| !d.is_empty()).into_iter().collect(),
        buttons: yes_and_no(words),
        ..View::of(Form::Window)
    }
}

fn yes_and_no(words: &Messages) -> Vec<Button> {
    vec![
        button(Control::No, words.text("no")),
        button(Control::Yes, words.text("yes")).primary(),
    ]
}

fn menu(kinds: &[Kind], words: &Messages) -> View {
    let choices = kinds.iter().map(|kind| Button {
        description: match kind {
            Kind::LogOff => words.text("menu-log-off"),
            Kind::Restart => words.text("menu-restart"),
            Kind::PowerOff => words.text("menu-power-off"),
        },
        ..button(Control::Kind(*kind), words::kind(*kind, words))
    });
    View {
        heading: words.text("menu-title"),
        choices: choices.collect(),
        buttons: vec![button(Control::No, words.text("cancel"))],
        ..View::of(Form::Sheet)
    }
}

fn sheet(request: &Request, ui: &Ui, rows: Vec<RowView>, words: &Messages) -> View {
    let because = inline(&request.reason);
    let because =
        (!because.is_empty()).then(|| words.with("because", &[("reason", Value::Text(&because))]));
    let mut details = Vec::new();
    let (heading, buttons) = if request.phase == Phase::Confirming {
        details.push(words.text("confirm-detail"));
        let heading = match request.kind {
            Kind::LogOff => words.text("confirm-log-off"),
            Kind::Restart => words.text("confirm-restart"),
            Kind::PowerOff => words.text("confirm-power-off"),
        };
        (heading, yes_and_no(words))
    } else if request.phase == Phase::Imposed {
        details.push(words.text("imposed-detail"));
        (words.text("imposed"), Vec::new())
    } else {
        details.push(state(request, &rows, words));
        (
            words::going(request.kind, words),
            footer(request, ui, &rows, words),
        )
    };
    details.extend(because);
    details.extend(words::survivors(&request.survivors, words));
    let warns = ui.pending == Some(Pending::All) && !rows.is_empty();
    View {
        heading,
        details,
        progress: progress(request, words),
        holders: holders(&rows),
        rows,
        warning: if warns {
            words.text("warn-end-all")
        } else {
            String::new()
        },
        default: default(&buttons),
        buttons,
        ..View::of(Form::Sheet)
    }
}

/// To take a warning back where there is one, else to cancel.
fn default(buttons: &[Button]) -> Control {
    let back = buttons.iter().any(|b| b.control == Control::Back);
    if back { Control::Back } else { Control::No }
}

/// What is going on, in a sentence.
fn state(request: &Request, rows: &[RowView], words: &Messages) -> String {
    if !rows.is_empty() {
        words.with("held", &[("count", Value::Number(rows.len()))])
    } else if request.forced {
        words.text("ending-all")
    } else if request.phase == Phase::Asking {
        words.text("asking")
    } else {
        words.text("closing")
    }
}

fn progress(request: &Request, words: &Messages) -> Option<Progress> {
    let goes = matches!(request.phase, Phase::Closing | Phase::Imposed) || request.forced;
    (goes && request.total > 0).then(|| {
        let done = request.closed.min(request.total);
        let numbers = [
            ("closed", Value::Number(done)),
            ("total", Value::Number(request.total)),
        ];
        Progress {
            done,
            total: request.total,
            text: words.with("progress", &numbers),
        }
    })
}

fn footer(request: &Request, ui: &Ui, rows: &[RowView], words: &Messages) -> Vec<Button> {
    let cancel = button(Control::No, words.text("cancel"));
    if rows.is_empty() || request.forced {
        return vec![cancel];
    }
    if ui.pending == Some(Pending::All) {
        // What loses nothing stands where the eye and the pointer expect it.
        return vec![
            button(Control::ReallyEndAll, words.text("do-end-all")).danger(),
            button(Control::Back, words.text("back")),
        ];
    }
    let mut buttons = vec![
        button(Control::EndAll, words.text("end-all")),
        button(Control::AskAgain, words.text("ask-again")),
    ];
    // The sheet lies over a window that the user has to answer.
    if ui.expanded && request.rows.iter().any(Row::is_answered_elsewhere) {
        buttons.push(button(Control::Less, words.text("less")));
    }
    buttons.push(cancel.primary());
    buttons
}

fn holders(rows: &[RowView]) -> Vec<Holder> {
    let holders = rows.iter().map(|r| Holder {
        app: r.app.clone(),
        name: r.name.clone(),
        why: r.why.clone(),
    });
    holders.collect()
}

/// More rows than anybody reads; as they go, others come.
const MAX_ROWS: usize = 200;

/// One row an application, whatever it holds the request up by, in the order in which they began.
fn rows(
    request: &Request,
    ui: &Ui,
    words: &Messages,
    now: i64,
    known: &mut dyn FnMut(&str, Option<u32>) -> App,
) -> Vec<RowView> {
    let mut apps: Vec<(&str, Vec<&Row>)> = Vec::new();
    for row in &request.rows {
        let room = apps.len() < MAX_ROWS;
        match apps.iter_mut().find(|(app, _)| *app == row.app) {
            Some((_, rows)) => rows.push(row),
            None if room => apps.push((&row.app, vec![row])),
            None => {}
        }
    }
    let rows = apps.into_iter().filter_map(|(app, rows)| {
        let first = rows.first()?;
        let App { name, icon } = known(&first.name, first.pid);
        let name = [inline(&name), inline(&first.name), words.text("unnamed")]
            .into_iter()
            .find(|n| !n.is_empty())
            .unwrap_or_default();
        let hung = rows.iter().any(|r| !r.responding);
        // Where that is all there is to say of it, it is said once.
        let says_hung = hung && !rows.iter().any(|r| r.holds == Holds::NotResponding);
        let warns = ui.pending == Some(Pending::One(app.to_owned()));
        let since = rows.iter().map(|r| r.since).min().unwrap_or(now);
        let spoken = |key| words.with(key, &[("app", Value::Text(&name))]);
        let buttons = if warns {
            let label = words.text("do-end-one");
            let end = Button {
                spoken: spoken("end-app"),
                ..button(Control::ReallyEnd(app.to_owned()), label).danger()
            };
            // Where "End…" stood: a second click takes it back.
            vec![end, button(Control::Back, words.text("back"))]
        } else {
            let mut buttons = Vec::new();
            if rows.iter().any(|r| r.can_show) {
                buttons.push(Button {
                    spoken: spoken("show-app"),
                    ..button(Control::Show(app.to_owned()), words.text("show"))
                });
            }
            buttons.push(Button {
                spoken: spoken("end-app"),
                ..button(Control::End(app.to_owned()), words.text("end-one"))
            });
            buttons
        };
        Some(RowView {
            app: app.to_owned(),
            // Where the desktop knows none, one that is called as the application calls itself.
            // Only the desktop may name a file.
            icons: [icon, first.name.to_lowercase().replace('/', "-")]
                .into_iter()
                .filter(|name| !name.is_empty())
                .collect(),
            why: if warns {
                spoken("warn-end-one")
            } else {
                words::why(&rows, words)
            },
            note: words::note(says_hung, waited(now, since), words),
            hung,
            warns,
            buttons,
            name,
        })
    });
    rows.collect()
}

/// For how long, in milliseconds.
fn waited(now: i64, since: i64) -> u64 {
    u64::try_from(now.saturating_sub(since)).unwrap_or(0)
}

/// When, in milliseconds from `now`, something of `content` reads otherwise though nothing has
/// happened: a time has grown. `None` where nothing does.
#[must_use]
pub fn next_change(content: &Content, now: i64) -> Option<u64> {
    let Content::Request(request) = content else {
        return None;
    };
    let changes = request
        .rows
        .iter()
        .map(|r| words::next_change(waited(now, r.since)));
    changes.min()
}

/// One line: who is to be answered now, and how many there are beside.
fn strip(request: &Request, ui: &Ui, rows: Vec<RowView>, words: &Messages) -> View {
    let answered = |app: &str| {
        let mut rows = request.rows.iter().filter(|r| r.app == app);
        rows.any(Row::is_answered_elsewhere)
    };
    let wanted = ui.answering.as_deref();
    let first = rows
        .iter()
        .find(|r| Some(r.app.as_str()) == wanted)
        .or_else(|| rows.iter().find(|r| answered(&r.app)))
        .or_else(|| rows.first());
    let heading = first.map_or_else(
        || words::going(request.kind, words),
        |row| words.with("strip-answer", &[("app", Value::Text(&row.name))]),
    );
    let progress = progress(request, words);
    let going = words::going(request.kind, words);
    let mut details = vec![match &progress {
        Some(progress) => format!("{going}: {}", progress.text),
        None => going,
    }];
    if rows.len() > 1 {
        let more = [("count", Value::Number(rows.len() - 1))];
        details.push(words.with("strip-more", &more));
    }
    let show = first.and_then(|r| {
        let mut buttons = r.buttons.iter();
        buttons.find(|b| matches!(b.control, Control::Show(_)))
    });
    let mut buttons: Vec<Button> = show.cloned().into_iter().collect();
    buttons.push(button(Control::Details, words.text("details")));
    // An application's own dialog beside it has a Cancel too, which means something else.
    let cancel = match request.kind {
        Kind::LogOff => words.text("cancel-log-off"),
        Kind::Restart => words.text("cancel-restart"),
        Kind::PowerOff => words.text("cancel-power-off"),
    };
    buttons.push(button(Control::No, cancel).primary());
    View {
        heading,
        details,
        progress,
        holders: holders(&rows),
        rows: first.cloned().into_iter().collect(),
        buttons,
        ..View::of(Form::Strip)
    }
}

#[cfg(test)]
mod tests;

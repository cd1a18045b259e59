//! A desk with simulated applications: a coordinator, a clock that only the test moves, and
//! applications with manners. What happens is written down in order, with the time in seconds.
//!
//! Applications react at once. [`Desk::drive`] lets everything happen that needs neither time nor
//! the user; [`Desk::wait`] lets time pass, with every deadline in its own moment.

use std::collections::VecDeque;

use endsession_core::*;

/// What an application says when it is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Says {
    Yes,
    No(&'static str),
    /// Takes an inhibitor, and says yes nevertheless, as GTK does.
    YesBut(&'static str),
    /// Shows a dialog of its own; the test answers with [`Desk::answers`].
    AsksUser,
    /// Asks whether it may show a dialog, and shows it when it may.
    WantsUser,
    /// Wants to be asked last, and says yes then.
    Last,
    Nothing,
}

/// What an application does when it is closed or told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    Exits,
    /// Asks whether to save; the test answers with [`Desk::saves`] or [`Desk::keeps`].
    AsksToSave,
    /// Hides its window and runs on.
    ToTray,
    /// Nothing at all.
    Stays,
}

/// One simulated application.
#[derive(Clone, Debug)]
pub(crate) struct App {
    name: &'static str,
    window: Option<Window>,
    rule: Rule,
    says: Option<(Says, Round)>,
    closed: Closed,
    pongs: bool,
    heeds_sigterm: bool,
    /// It is let go with others.
    bundled: bool,
    alive: bool,
}

impl App {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            window: None,
            rule: Rule::default(),
            says: None,
            closed: Closed::Exits,
            pongs: true,
            heeds_sigterm: true,
            bundled: false,
            alive: true,
        }
    }

    /// With a window of this title; a leading `*` is a modified mark.
    pub(crate) fn window(mut self, title: &str) -> Self {
        self.window = Some(Window {
            title: title.to_owned(),
            unsaved: title.starts_with('*'),
            ..Window::default()
        });
        self
    }

    /// With a window, and windows that are lost when closed one by one.
    pub(crate) fn browser(mut self, title: &str) -> Self {
        self = self.window(title);
        self.rule.end_by = EndBy::Term;
        self
    }

    /// With a rule of the user's.
    pub(crate) fn ruled(mut self, rule: Rule) -> Self {
        self.rule = rule;
        self
    }

    pub(crate) fn votes(mut self, says: Says) -> Self {
        self.says = Some((says, Round::early(Round::DEFAULT_LEVEL)));
        self
    }

    /// Is an XSMP client, and so asked when all others have agreed.
    pub(crate) fn votes_late(mut self, says: Says) -> Self {
        self.says = Some((says, Round::late(Round::DEFAULT_LEVEL)));
        self
    }

    /// Is let go with all others that are, one after the other as they started.
    pub(crate) fn bundled(mut self) -> Self {
        self.bundled = true;
        self
    }

    pub(crate) fn when_closed(mut self, closed: Closed) -> Self {
        self.closed = closed;
        self
    }

    pub(crate) fn answers_no_ping(mut self) -> Self {
        self.pongs = false;
        self
    }

    pub(crate) fn ignores_sigterm(mut self) -> Self {
        self.heeds_sigterm = false;
        self
    }
}

/// What the backend does when it is to end the session.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Backend {
    Ends,
    Refuses(&'static str),
    Hangs,
    /// The machine goes down within so many milliseconds.
    GoesDown(u64),
}

/// Whether an end is permitted that is not everybody's to ask for.
pub(crate) enum Leave {
    Given,
    Refused(&'static str),
    /// The user is asked for a password; the test answers with [`Desk::tell`].
    AsksUser,
}

pub(crate) struct Desk {
    core: Coordinator,
    now: Time,
    apps: Vec<App>,
    /// What applications have done and the coordinator has not yet been told.
    happened: VecDeque<Event>,
    /// The bundle is being closed, and who of it is asked.
    bundle_closes: Option<Option<usize>>,
    log: Vec<String>,
    pub(crate) backend: Backend,
    pub(crate) leave: Leave,
    /// Whether the display tells what is there.
    pub(crate) looks: bool,
    /// Whether what is left of the session goes when it is signalled.
    pub(crate) rest_goes: bool,
    /// Whether the hooks of the session's end are done at once.
    pub(crate) hooks_end: bool,
    /// Whether a "shown" dialog is seen by somebody.
    pub(crate) has_dialog: bool,
}

impl Desk {
    pub(crate) fn new(apps: impl IntoIterator<Item = App>) -> Self {
        let mut desk = Self {
            core: Coordinator::new(Policy::default()),
            now: Time(0),
            apps: Vec::new(),
            happened: VecDeque::new(),
            bundle_closes: None,
            log: Vec::new(),
            backend: Backend::Ends,
            leave: Leave::Given,
            looks: true,
            rest_goes: true,
            hooks_end: true,
            has_dialog: true,
        };
        for app in apps {
            desk.starts(app);
        }
        desk
    }

    /// What has happened since this was last called.
    #[track_caller]
    pub(crate) fn log_is(&mut self, expected: &[&str]) {
        assert_eq!(std::mem::take(&mut self.log), expected);
    }

    /// The first of what has happened; what follows is another test's story.
    #[track_caller]
    pub(crate) fn log_starts(&mut self, expected: &[&str]) {
        let log = std::mem::take(&mut self.log);
        assert_eq!(&log[..expected.len().min(log.len())], expected);
    }

    /// The last of what happened; what went before is another test's story.
    pub(crate) fn log_ends(&mut self, expected: &[&str]) {
        let log = std::mem::take(&mut self.log);
        let last = log.len().saturating_sub(expected.len());
        assert_eq!(&log[last..], expected, "at the end of {log:#?}");
    }

    pub(crate) fn starts(&mut self, app: App) {
        let n = self.apps.len();
        let (name, says, window) = (app.name, app.says, app.window.clone());
        let (rule, bundled) = (app.rule, app.bundled);
        self.apps.push(app);
        self.happened.push_back(Event::Ruled {
            of: self.of(name),
            rule,
        });
        if let Some((_, round)) = says {
            self.happened.push_back(Event::Registered {
                voter: VoterId(n as u64),
                of: self.of(name),
                name: name.to_owned(),
                round,
            });
        }
        if bundled {
            self.happened.push_back(Event::Bundled {
                of: self.of(name),
                name: format!("Wine: {name}"),
                bundle: BundleId(1),
            });
        }
        if let Some(window) = window {
            self.shows(n, n as u64, window);
        }
        self.drive();
    }

    fn shows(&mut self, n: usize, id: u64, about: Window) {
        let name = self.apps[n].name;
        self.happened.push_back(Event::WindowSeen {
            window: WindowId(id),
            of: self.of(name),
            about: Window {
                name: name.to_owned(),
                ..about
            },
        });
    }

    // --- who is who: the n-th application has pid n, voter n, window n, dialog n + 100 ---

    fn n(&self, name: &str) -> usize {
        let found = self.apps.iter().position(|a| a.name == name);
        found.unwrap_or_else(|| panic!("no application {name}"))
    }

    pub(crate) fn of(&self, name: &str) -> Identity {
        let pid = u32::try_from(self.n(name)).expect("a desk is small");
        Identity::Process { pid, start: 1 }
    }

    fn name_of(&self, of: &Identity) -> &'static str {
        self.apps[of.pid().expect("all are processes") as usize].name
    }

    fn window_name(&self, window: WindowId) -> String {
        let app = &self.apps[(window.0 % 100) as usize];
        match &app.window {
            Some(about) if window.0 < 100 => format!("{}: {}", app.name, about.title),
            _ => format!("{}: Save?", app.name),
        }
    }

    // --- what the user and the applications do ---

    pub(crate) fn request(&mut self, request: Request) -> Joined {
        let joined = self.core.request(self.now, request);
        self.drive();
        joined.expect("the session is not over")
    }

    pub(crate) fn log_off(&mut self) {
        assert_eq!(self.request(Request::default()), Joined::Began);
    }

    pub(crate) fn choose(&mut self, choice: Choice) {
        self.chooses(choice).expect("an open choice");
    }

    /// The same, of a choice that may not be open.
    pub(crate) fn chooses(&mut self, choice: Choice) -> Result<(), ChoiceError> {
        self.core.choose(self.now, choice)?;
        self.drive();
        Ok(())
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.happened.push_back(event);
        self.drive();
    }

    pub(crate) fn answers(&mut self, name: &str, answer: Answer) {
        self.tell(Event::Answered(VoterId(self.n(name) as u64), answer));
    }

    pub(crate) fn changes_manner(&mut self, name: &str, says: Says) {
        let n = self.n(name);
        let round = self.apps[n].says.expect("it votes").1;
        self.apps[n].says = Some((says, round));
    }

    pub(crate) fn inhibits(&mut self, name: &str, reason: &str) {
        self.tell(Event::Inhibited {
            inhibitor: InhibitorId(self.n(name) as u64),
            of: self.of(name),
            name: name.to_owned(),
            reason: reason.to_owned(),
        });
    }

    pub(crate) fn releases(&mut self, name: &str) {
        self.tell(Event::Uninhibited(InhibitorId(self.n(name) as u64)));
    }

    pub(crate) fn runs_job(&mut self, name: &str, what: &str) {
        self.tell(Event::JobSeen {
            job: JobId(self.n(name) as u64),
            of: self.of(name),
            name: name.to_owned(),
            what: what.to_owned(),
        });
    }

    pub(crate) fn job_ends(&mut self, name: &str) {
        self.tell(Event::JobGone(JobId(self.n(name) as u64)));
    }

    /// The user answers the save dialog: it saves, and goes.
    pub(crate) fn saves(&mut self, name: &str) {
        let n = self.n(name);
        self.happened
            .push_back(Event::WindowGone(WindowId(n as u64 + 100)));
        self.exits(n);
        self.drive();
    }

    /// The user answers the save dialog: the window stays as it was.
    pub(crate) fn keeps(&mut self, name: &str) {
        self.tell(Event::WindowGone(WindowId(self.n(name) as u64 + 100)));
    }

    pub(crate) fn crashes(&mut self, name: &str) {
        let n = self.n(name);
        self.exits(n);
        self.drive();
    }

    /// The user answers No in the dialog of one of the bundle: nobody else of it is asked.
    pub(crate) fn refuses_in_its_bundle(&mut self, name: &str) {
        let window = WindowId(self.n(name) as u64 + 100);
        self.happened.push_back(Event::WindowGone(window));
        self.bundle_closes = None;
        let end = BundleEnd::Refused {
            by: Some(self.of(name)),
            name: "Wine".to_owned(),
            reason: "no".to_owned(),
        };
        self.tell(Event::BundleEnded(BundleId(1), end));
    }

    /// Whoever is next in the bundle is asked, once the one before has gone. Whether there was something
    /// to do.
    fn ask_next_of_bundle(&mut self) -> bool {
        let Some(before) = self.bundle_closes else {
            return false;
        };
        if before.is_some_and(|n| self.apps[n].alive) {
            return false;
        }
        let next = self.apps.iter().position(|a| a.bundled && a.alive);
        self.bundle_closes = next.map(Some);
        match next {
            Some(n) => self.closed(n),
            None => {
                let end = Event::BundleEnded(BundleId(1), BundleEnd::Done);
                self.happened.push_back(end);
            }
        }
        true
    }

    // --- time ---

    /// Lets everything happen that needs neither time nor the user.
    pub(crate) fn drive(&mut self) {
        while self.step() {}
    }

    /// Lets so many milliseconds pass.
    pub(crate) fn wait(&mut self, ms: u64) {
        let until = self.now.plus(ms);
        while let Some(at) = self.core.poll_deadline().filter(|at| *at <= until) {
            self.now = at;
            self.core.handle_timeout(at);
            self.drive();
        }
        self.now = until;
    }

    /// One thing: an action carried out, or a fact told.
    fn step(&mut self) -> bool {
        if let Some(action) = self.core.poll_action() {
            self.perform(action);
        } else if let Some(event) = self.happened.pop_front() {
            self.write_event(&event);
            self.core.handle_event(self.now, event);
        } else {
            return self.ask_next_of_bundle();
        }
        true
    }

    // --- what the applications do with what they are told ---

    fn perform(&mut self, action: Action) {
        self.write_action(&action);
        match action {
            Action::Query(voter) => self.asked(voter),
            Action::QueryAgain(voter) => {
                let yes = Event::Answered(voter, Answer::Accept);
                self.happened.push_back(yes);
            }
            Action::End { voter, .. } => self.closed(voter.0 as usize),
            Action::Close(window) => self.closed((window.0 % 100) as usize),
            Action::Signal(of, signal) => {
                let n = self.n(self.name_of(&of));
                if signal == Signal::Kill || self.apps[n].heeds_sigterm {
                    self.exits(n);
                }
            }
            Action::Ping(of) if self.apps[self.n(self.name_of(&of))].pongs => {
                self.happened.push_back(Event::Pong(of));
            }
            Action::CloseBundle { .. } => self.bundle_closes = Some(None),
            Action::LeaveBundle(_) => self.bundle_closes = None,
            Action::Look if self.looks => self.happened.push_back(Event::Looked),
            Action::Show(on) if self.has_dialog => {
                let event = if on {
                    Event::ViewerCame
                } else {
                    Event::ViewerLeft
                };
                self.happened.push_back(event);
            }
            Action::RunHooks if self.hooks_end => self.happened.push_back(Event::HooksEnded),
            Action::SignalRest(_) if self.rest_goes => self.happened.push_back(Event::RestGone),
            Action::EndSession(_) => match self.backend {
                Backend::Ends => self.happened.push_back(Event::Backend(Ok(()))),
                Backend::Refuses(why) => {
                    self.happened.push_back(Event::Backend(Err(why.to_owned())));
                }
                Backend::Hangs => {}
                Backend::GoesDown(within) => {
                    self.happened.push_back(Event::GoesDown(within));
                }
            },
            Action::Authorize(kind) => {
                let word = match self.leave {
                    Leave::Given => Ok(()),
                    Leave::Refused(why) => Err(why.to_owned()),
                    Leave::AsksUser => return,
                };
                self.happened.push_back(Event::Authorized(kind, word));
            }
            _ => {}
        }
    }

    fn asked(&mut self, voter: VoterId) {
        let app = &self.apps[voter.0 as usize];
        let Some((says, _)) = app.says.filter(|_| app.alive) else {
            return;
        };
        let (name, of) = (app.name.to_owned(), self.of(app.name));
        let answer = match says {
            Says::Yes => Answer::Accept,
            Says::No(why) => Answer::Refuse(why.to_owned()),
            Says::YesBut(reason) => {
                self.happened.push_back(Event::Inhibited {
                    inhibitor: InhibitorId(voter.0),
                    of,
                    name,
                    reason: reason.to_owned(),
                });
                Answer::Accept
            }
            Says::AsksUser => Answer::AskingUser,
            Says::WantsUser => Answer::WantsUser,
            Says::Last => Answer::WantsLast,
            Says::Nothing => return,
        };
        self.happened.push_back(Event::Answered(voter, answer));
    }

    fn closed(&mut self, n: usize) {
        if !self.apps[n].alive {
            return;
        }
        match self.apps[n].closed {
            Closed::Exits => self.exits(n),
            Closed::AsksToSave => self.shows(
                n,
                n as u64 + 100,
                Window {
                    title: "Save?".to_owned(),
                    dialog: true,
                    ..Window::default()
                },
            ),
            Closed::ToTray => self
                .happened
                .push_back(Event::WindowGone(WindowId(n as u64))),
            Closed::Stays => {}
        }
    }

    fn exits(&mut self, n: usize) {
        if std::mem::replace(&mut self.apps[n].alive, false) {
            let of = self.of(self.apps[n].name);
            self.happened.push_back(Event::Exited(of));
        }
    }

    // --- the log ---

    fn write(&mut self, what: String) {
        let tenths = self.now.0 / 100;
        self.log
            .push(format!("{}.{} {what}", tenths / 10, tenths % 10));
    }

    fn write_event(&mut self, event: &Event) {
        if let Event::Answered(voter, answer) = event {
            let what = match answer {
                Answer::Accept => "says yes".to_owned(),
                Answer::Refuse(why) => format!("says no: {why}"),
                Answer::UserRefused(why) => format!("says that the user said no: {why}"),
                Answer::AskingUser => "asks the user".to_owned(),
                Answer::WantsUser => "wants to ask the user".to_owned(),
                Answer::UserAnswered => "has its user's answer".to_owned(),
                Answer::WantsLast => "wants the last word".to_owned(),
            };
            self.write(format!("{} {what}", self.apps[voter.0 as usize].name));
        }
    }

    fn write_action(&mut self, action: &Action) {
        let voter = |v: &VoterId| self.apps[v.0 as usize].name;
        let signal = |s: &Signal| match s {
            Signal::Term => "SIGTERM",
            Signal::Kill => "SIGKILL",
        };
        let line = match action {
            Action::Query(v) => format!("ask {}", voter(v)),
            Action::Interact(v) => format!("let {} ask the user", voter(v)),
            Action::QueryAgain(v) => format!("ask {} again", voter(v)),
            Action::CancelQuery(v) => format!("void {}", voter(v)),
            Action::End { voter: v, forceful } => {
                let how = if *forceful { " by force" } else { "" };
                format!("end {}{how}", voter(v))
            }
            Action::Close(w) => format!("close {}", self.window_name(*w)),
            Action::Activate(w) => format!("activate {}", self.window_name(*w)),
            Action::Signal(of, s) => format!("{} {}", signal(s), self.name_of(of)),
            Action::Ping(of) => format!("ping {}", self.name_of(of)),
            Action::Show(on) => if *on { "show" } else { "hide" }.to_owned(),
            Action::SignalRest(s) => format!("{} the rest", signal(s)),
            Action::EndSession(kind) => format!("end the session: {kind:?}"),
            Action::Authorize(kind) => format!("ask leave: {kind:?}"),
            Action::Notice(Notice::Phase(phase)) => format!("-- {phase:?}"),
            Action::Notice(Notice::Slow(of)) => format!("{} is slow", self.name_of(of)),
            Action::Notice(Notice::Abstained(of)) => format!("{} abstains", self.name_of(of)),
            Action::Notice(Notice::Blocked(b)) => format!("blocked by {}", describe(b)),
            Action::Notice(Notice::Cleared(b)) => format!("cleared {}", describe(b)),
            Action::Notice(Notice::Overridden(of)) => format!("override {}", self.name_of(of)),
            Action::Notice(Notice::Gone { name, .. }) => format!("{name} has gone"),
            Action::Finished(outcome) => finished(outcome),
            Action::EndHooks => "end the hooks".to_owned(),
            Action::RunHooks if !self.hooks_end => "run hooks".to_owned(),
            Action::CloseBundle { forceful, .. } => {
                let how = if *forceful { " by force" } else { "" };
                format!("close the bundle{how}")
            }
            Action::LeaveBundle(_) => "leave the bundle".to_owned(),
            Action::RunHooks | Action::Watch(_) | Action::Look | Action::Notice(_) => return,
        };
        self.write(line);
    }
}

fn describe(b: &Blocker) -> String {
    let why = match &b.why {
        Why::Refused(_, why) => format!("no: {why}"),
        Why::Inhibitor(_, why) => format!("inhibitor: {why}"),
        Why::Job(_, what) => format!("job: {what}"),
        Why::Window { title, hung } => {
            let hung = if *hung { " (hung)" } else { "" };
            format!("window: {title}{hung}")
        }
        Why::NotResponding => "not responding".to_owned(),
        Why::AsksUser => "asks the user".to_owned(),
    };
    format!("{}, {why}", b.name)
}

fn finished(outcome: &Outcome) -> String {
    let list = |what: &str, names: &[String]| match names {
        [] => String::new(),
        names => format!("; {what} {}", names.join(", ")),
    };
    match outcome {
        Outcome::Over {
            overridden,
            by_rule,
        } => format!(
            "OVER{}{}",
            list("overridden", overridden),
            list("by a rule", by_rule)
        ),
        Outcome::Cancelled {
            by,
            blockers,
            gone,
            told,
        } => {
            let by = match by {
                CancelledBy::InApplication { name, reason } => format!("in {name}: {reason}"),
                by => format!("{by:?}"),
            };
            let blockers: Vec<String> = blockers.iter().map(describe).collect();
            format!(
                "CANCELLED {by}{}{}{}",
                list("blocked by", &blockers),
                list("gone", gone),
                list("told", told)
            )
        }
        Outcome::Failed { why, gone } => format!("FAILED {why}{}", list("gone", gone)),
    }
}

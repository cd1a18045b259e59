//! The dialog as a process of the manager's: it is started when [`supervisor`] says so, in the
//! [`environment`] of the session's display, and where it cannot be shown a desktop
//! [`notification`] stands in. The dialog itself is a client of the control interface like any
//! other: it says that it is seen by `Show`, and closes by itself.

pub(crate) mod environment;
mod notification;
mod supervisor;

use std::ffi::OsString;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitStatus, Stdio};

use endsession_core::{Choice, Event, Identity, Kind, Phase, Signal, Time};
use zbus::Message;

use crate::adapter::display::Toplevel;
use crate::bus::About;
use crate::config;
use crate::manager::Manager;
use crate::process;
use crate::report;
pub(crate) use environment::Environment;
use notification::{Happened, Notification, Text};
pub(crate) use supervisor::Input;
use supervisor::{Order, Supervisor};

/// The app id (Wayland) and class (X11) of the dialog's own windows.
pub const APP_ID: &str = "org.endsession.Dialog";

/// A program that shows what a request waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialogCommand {
    /// The program: a path, or a name to be found in `PATH`.
    pub program: OsString,
    /// What it is called, where that is not the program itself.
    pub arg0: Option<OsString>,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

impl DialogCommand {
    /// What the user set instead of ours: `None` for no dialog at all.
    fn configured(ours: Option<Self>, set: &config::Dialog) -> Option<Self> {
        match set.command.as_deref() {
            None => ours,
            Some([]) => None,
            Some([program, arguments @ ..]) => Some(Self {
                program: program.into(),
                arg0: None,
                arguments: arguments.iter().map(OsString::from).collect(),
            }),
        }
    }
}

/// The dialog, and what stands in for it.
#[derive(Debug)]
pub(crate) struct Dialog {
    command: Option<DialogCommand>,
    supervisor: Supervisor,
    /// Its process, from start to exit.
    process: Option<Identity>,
    notification: Notification,
    /// The notification stands in for the dialog.
    stands_in: bool,
    /// When what it says is brought up to date.
    renew_at: Option<Time>,
}

/// What changes within this time, in milliseconds, is one change of the notification: no server is
/// sent more than three a second.
const RENEW_AFTER: u64 = 300;

impl Dialog {
    pub(crate) fn new(ours: Option<DialogCommand>, set: &config::Dialog) -> Self {
        let command = DialogCommand::configured(ours, set);
        Self {
            supervisor: Supervisor::new(command.is_some()),
            command,
            process: None,
            notification: Notification::default(),
            stands_in: false,
            renew_at: None,
        }
    }

    /// When the supervision's next deadline is.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let both = [self.supervisor.deadline(), self.renew_at];
        both.into_iter().flatten().min()
    }

    /// Its process, while there is one.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.as_ref().and_then(Identity::pid)
    }

    /// Its process group, which it leads.
    pub(crate) fn group(&self) -> Option<rustix::process::Pid> {
        let pid = i32::try_from(self.pid()?).ok()?;
        rustix::process::Pid::from_raw(pid)
    }

    /// Signals all of it: a wrapper script is the leader of a group in which the dialog itself is
    /// another process.
    fn signal(&self, signal: Signal) {
        use rustix::process::{Signal as Raw, kill_process_group};
        let signals: &[Raw] = match signal {
            // A stopped process would get its SIGTERM only when continued, perhaps never.
            Signal::Term => &[Raw::TERM, Raw::CONT],
            Signal::Kill => &[Raw::KILL],
        };
        // The leader's status has not been taken, so the number is nobody else's.
        for signal in signals.iter().filter_map(|s| Some((self.group()?, *s))) {
            if let Err(error) = kill_process_group(signal.0, signal.1) {
                tracing::debug!("the dialog could not be signalled: {error}");
            }
        }
    }

    /// Whether this process is the dialog, or was started by it.
    pub(crate) fn owns(&self, pid: u32) -> bool {
        let Some(dialog) = self.pid() else {
            return false;
        };
        // A wrapper script has the dialog a few steps below.
        const STEPS: usize = 8;
        let up = |pid: &u32| process::Stat::read(*pid).map(|s| s.ppid);
        std::iter::successors(Some(pid), up)
            .take(STEPS)
            .any(|pid| pid == dialog)
    }

    /// Whether a window is the dialog's: by its process where the display tells one, by its name
    /// where not. A name alone, beside the process of another, is a claim.
    pub(crate) fn shows(&self, window: &Toplevel) -> bool {
        match window.pid.filter(|pid| process::identity(*pid).is_some()) {
            Some(pid) => self.owns(pid),
            None => window.app_id == APP_ID,
        }
    }
}

impl Manager {
    /// A fact about the dialog or what it is for, and all that follows from it.
    pub(crate) fn supervise(&mut self, input: Input) {
        let now = self.now();
        self.dialog.supervisor.handle(now, input);
        self.obey_supervisor();
    }

    /// The supervision's deadline has come.
    pub(crate) fn supervision_is_due(&mut self) {
        // What was not seen in time may be behind a lock that nobody told of.
        if self.dialog.supervisor.deadline().is_some() {
            self.look_at_lockers();
        }
        let now = self.now();
        if self.dialog.renew_at.is_some_and(|at| at <= now) {
            self.dialog.renew_at = None;
            self.renew_notification();
        }
        self.dialog.supervisor.handle_timeout(now);
        self.obey_supervisor();
    }

    fn obey_supervisor(&mut self) {
        while let Some(order) = self.dialog.supervisor.poll() {
            match order {
                Order::Start => {
                    if let Err(cannot) = self.start_dialog() {
                        let now = self.now();
                        self.dialog.supervisor.handle(now, cannot);
                    }
                }
                Order::Signal(signal) => self.signal_dialog(signal),
                Order::Warn { why, again: true } => {
                    tracing::warn!("the dialog failed: {why}; it is started once more");
                }
                Order::Warn { why, again: false } => tracing::warn!("the dialog failed: {why}"),
                Order::Notify => self.stand_in(),
                Order::Withdraw => {
                    self.dialog.stands_in = false;
                    self.dialog.renew_at = None;
                    let (close, was_shown) = self.dialog.notification.close();
                    self.bus_send(close);
                    if was_shown {
                        self.event(Event::ViewerLeft);
                    }
                }
            }
        }
    }

    /// Something is to show the user what the request waits for, or no longer.
    pub(crate) fn is_to_be_shown(&mut self, on: bool) {
        if on {
            self.ask_screen_savers();
            self.look_at_lockers();
        }
        if on && !self.core.is_shown() && !self.dialog.supervisor.has_program() {
            self.say_what_blocks();
        }
        self.supervise(Input::Wanted(on));
    }

    /// What a program needs to show a window on the session's display, where there is one.
    pub(crate) fn environment_of_session(&mut self) -> Option<Environment> {
        let session = self.backend.child_pid();
        let table = self.processes();
        let (way, told) = (self.display_way.as_ref(), self.units.told());
        environment::environment(&table, session, way, told, &self.bus_address)
    }

    fn start_dialog(&mut self) -> Result<(), Input> {
        let cannot = |why: String, again| Err(Input::CannotStart { why, again });
        let Some(command) = self.dialog.command.clone() else {
            return cannot("there is none".to_owned(), false);
        };
        let Some(environment) = self.environment_of_session() else {
            return cannot(
                "this session has no display to show it on".to_owned(),
                false,
            );
        };
        let mut process = Command::new(&command.program);
        process
            .args(&command.arguments)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            // Ctrl-C in our terminal is a word to the session, not to its dialog.
            .process_group(0);
        if let Some(arg0) = &command.arg0 {
            process.arg0(arg0);
        }
        let program = command.program.to_string_lossy();
        match process.spawn() {
            Err(error) => cannot(format!("cannot start {program}: {error}"), true),
            Ok(child) => {
                // Before we wait for it, its pid cannot be anybody else's.
                let pid = child.id();
                let of = process::Stat::read(pid).map(|s| s.identity());
                self.dialog.process = Some(of.unwrap_or(Identity::Process { pid, start: 0 }));
                tracing::info!("started the dialog ({program}, pid {pid})");
                Ok(())
            }
        }
    }

    fn signal_dialog(&self, signal: Signal) {
        tracing::info!("{} to the dialog", report::signal(signal));
        self.dialog.signal(signal);
    }

    /// Of a wrapper that has ended, what it started may be left: it goes too, while the wrapper's
    /// status is not taken, since until then the group's number is nobody else's.
    pub(crate) fn end_what_the_dialog_left(&self) {
        use rustix::process::{WaitId, WaitIdOptions, waitid};
        let Some(pid) = self.dialog.group() else {
            return;
        };
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        if let Ok(Some(_exited)) = waitid(WaitId::Pid(pid), options) {
            self.dialog.signal(Signal::Kill);
        }
    }

    /// A child of ours has ended; if it is the dialog, that is taken in.
    pub(crate) fn dialog_exited(&mut self, pid: u32, status: ExitStatus) {
        if self.dialog.pid() != Some(pid) {
            return;
        }
        self.dialog.process = None;
        let how = match (status.code(), status.signal()) {
            (Some(code), _) => format!("it ended with status {code}"),
            (None, Some(signal)) => format!("it was ended by signal {signal}"),
            (None, None) => "it ended".to_owned(),
        };
        self.supervise(Input::Exited(how));
    }

    /// The session is over, and so is whatever is left of the dialog: with its process group, since
    /// nobody is there any more to end what it started.
    pub(crate) fn end_dialog(&mut self) {
        if self.dialog.pid().is_some() {
            self.signal_dialog(Signal::Kill);
        }
        let (close, _) = self.dialog.notification.close();
        self.bus_send(close);
    }

    /// The dialog cannot be shown: the log says how to answer, and a notification stands in.
    fn stand_in(&mut self) {
        self.say_what_blocks();
        tracing::warn!(
            "no dialog can be shown; the request waits: see `endsession status`, answer with `endsession choose` or \
             `endsession cancel`"
        );
        self.dialog.stands_in = true;
        self.renew_notification();
    }

    /// What blocks has changed, or something that may have kept the notification from being shown.
    pub(crate) fn blockers_changed(&mut self) {
        if self.dialog.stands_in && self.dialog.renew_at.is_none() {
            self.dialog.renew_at = Some(self.now().plus(RENEW_AFTER));
        }
    }

    /// Shows the notification, with what the request waits for now.
    fn renew_notification(&mut self) {
        let phase = self.core.phase().unwrap_or(Phase::Asking);
        let kind = self.core.current().map_or(Kind::LogOff, |r| r.kind);
        let blockers = self.core.blockers().map(|b| self.told(b, 0));
        let waits = report::waits(&self.core, |_| 0).into_iter();
        let rows: Vec<(String, String)> =
            blockers.chain(waits).map(|b| (b.name, b.reason)).collect();
        if phase != Phase::Confirming && rows.is_empty() {
            // Everything is on its way: there is nothing to answer, until something blocks again.
            return;
        }
        let (before, show) = self.dialog.notification.show(&Text::of(kind, phase, &rows));
        for message in before {
            self.bus.send(message);
        }
        if let Some(show) = show {
            self.bus.call(show, About::Notification);
        }
    }

    /// The notification server answered.
    pub(crate) fn notification_answered(&mut self, answer: &Message) {
        let (happened, close) = self.dialog.notification.answered(answer);
        self.bus_send(close);
        self.notification_happened(happened);
        if self.dialog.notification.is_outdated() {
            self.blockers_changed();
        }
    }

    /// A signal that may be the notification server's.
    pub(crate) fn notification_heard(&mut self, signal: &Message) {
        let happened = self.dialog.notification.heard(signal);
        self.notification_happened(happened);
    }

    /// A peer left the bus that may be the notification server.
    pub(crate) fn notification_server_left(&mut self, name: &str) {
        let happened = self.dialog.notification.left(name);
        self.notification_happened(happened);
    }

    /// The bus is gone, and with it everybody on it who showed something.
    pub(crate) fn viewers_are_lost(&mut self) {
        let notified = usize::from(self.dialog.notification.is_lost());
        for _ in 0..self.listeners.clear() + notified {
            self.event(Event::ViewerLeft);
        }
        // Nobody is there to be shown anything by a dialog either: it is a client of the bus.
        self.supervise(Input::Over);
        self.supervise(Input::Elsewhere(false));
    }

    /// What was asked of the bus for the notification of one request is not needed between requests.
    pub(crate) fn follow_no_notifications(&mut self) {
        for message in self.dialog.notification.unfollow() {
            self.bus.send(message);
        }
    }

    fn notification_happened(&mut self, happened: Option<Happened>) {
        match happened {
            None => {}
            Some(Happened::Up) => self.event(Event::ViewerCame),
            Some(Happened::Closed) => self.event(Event::ViewerLeft),
            Some(Happened::Nobody) => {
                tracing::info!("nothing shows notifications on the session bus");
            }
            Some(Happened::Chosen(action)) => {
                let choice = match action.as_str() {
                    "cancel" => Choice::Cancel,
                    "confirm" => Choice::Confirm,
                    _ => return,
                };
                let now = self.now();
                if let Err(error) = self.core.choose(now, choice) {
                    tracing::info!("{action}, chosen in the notification: {error}");
                }
            }
        }
    }

    fn bus_send(&mut self, message: Option<Message>) {
        if let Some(message) = message {
            self.bus.send(message);
        }
    }
}

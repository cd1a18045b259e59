//! The one loop. It owns the coordinator and everything at its edges, turns what happens into
//! events with the time of them, carries out the actions that follow, and sleeps until something
//! happens or the coordinator's next deadline.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::rc::Rc;
use std::time::{Duration, Instant};

use endsession_core::{Coordinator, Event, Identity, JobId, Kind, Phase, Request, Time};
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};

use crate::activation::Activation;
use crate::adapter::display::Display;
use crate::adapter::gnome::Gnome;
use crate::adapter::jobs::Job;
use crate::adapter::portal::Portal;
use crate::adapter::wine::Wine;
use crate::adapter::xsmp::{Effect, Xsmp};
use crate::backend::Backend;
use crate::bus::{Bus, BusError};
use crate::config::Config;
use crate::control::Listeners;
use crate::dialog::{Dialog, DialogCommand};
use crate::display_of::{self, Named, Way};
use crate::hooks::Hooks;
use crate::lock::Lock;
use crate::logind::Logind;
use crate::membership::{Belongs, Displays, Foreign};
use crate::notify::Notify;
use crate::perform::Hold;
use crate::power::Power;
use crate::process::{Exits, Table};
use crate::removable::Removable;
use crate::rules::Rules;
use crate::saver::Saver;
use crate::units::Units;

/// What applications have, in milliseconds, when their display is already gone: they cannot show
/// a dialog any more, only save and go.
pub(crate) const LOST_BUDGET: u64 = 5_000;

/// What a manager for one request knows of who will make it.
#[derive(Clone, Debug)]
struct Once {
    /// Until when somebody has to speak to it.
    until: Instant,
    /// Our parent, who started us.
    parent: u32,
    /// Its connection, once it has spoken.
    starter: Option<String>,
}

/// How long a manager for one request waits for whoever started it, who speaks to it at once.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);

/// What a manager needs to begin.
#[derive(Clone, Debug)]
pub struct Options {
    /// The session bus.
    pub bus_address: String,
    /// What the user set.
    pub config: Config,
    /// What shows the user what a request waits for, where nothing else does and the user set
    /// nothing else; `None` for nothing.
    pub dialog: Option<DialogCommand>,
}

/// How a manager's work ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The session was ended in order.
    Over,
    /// The session's own process ended by itself, with this status.
    Session(ExitStatus),
    /// The session bus is gone, and with it everything to manage.
    BusLost,
    /// The one request was cancelled or failed, or never came; the session goes on.
    GoesOn,
    /// The manager alone was told to end; its session goes on.
    Left,
}

/// The session manager.
#[derive(Debug)]
pub struct Manager {
    pub(crate) core: Coordinator,
    pub(crate) bus: Bus,
    pub(crate) gnome: Gnome,
    pub(crate) portal: Portal,
    pub(crate) xsmp: Xsmp,
    /// What was told to those who start programs for the session's bus and for systemd.
    activation: Option<Activation>,
    /// The processes whose XSMP clients have asked for the end of the session.
    pub(crate) xsmp_requests: BTreeSet<Option<u32>>,
    pub(crate) listeners: Listeners,
    pub(crate) backend: Backend,
    pub(crate) display: Option<Display>,
    /// How it was last reached.
    pub(crate) display_way: Option<Way>,
    /// How windows are seen, or why they are not.
    pub(crate) display_name: String,
    /// There is a display, and its windows cannot be seen.
    pub(crate) display_is_unseen: bool,
    /// How the session's processes name its display, once that was seen.
    pub(crate) session_named: Option<Named>,
    pub(crate) units: Units,
    pub(crate) notify: Notify,
    /// What is ordered after this service may start.
    is_ready: bool,
    pub(crate) dialog: Dialog,
    pub(crate) logind: Logind,
    pub(crate) power: Power,
    pub(crate) lock: Lock,
    pub(crate) saver: Saver,
    pub(crate) exits: Exits,
    /// See [`Manager::processes`]; as old as the last message or wake-up at most.
    pub(crate) processes: Option<Rc<Table>>,
    /// The session's displays, as they were with those processes.
    pub(crate) displays: Option<(Rc<Table>, Rc<Displays>)>,
    /// What runs in terminals, and what of it outlives the session, as last seen.
    pub(crate) jobs: BTreeMap<JobId, Job>,
    pub(crate) survivors: Vec<Job>,
    /// In Ending: what is left of the session and still alive.
    pub(crate) rest: Option<BTreeSet<Identity>>,
    /// What was last found to show the session that something else started, by name; its exit is
    /// watched.
    pub(crate) compositor: Option<(Identity, String)>,
    /// Those above it, who wait for its end.
    pub(crate) compositor_waiters: BTreeSet<Identity>,
    /// That has ended, and whether something else took its place is to be found out.
    compositor_left: bool,
    /// Nothing shows the session any more.
    pub(crate) session_is_gone: bool,
    /// Clients of another display.
    pub(crate) foreign: Foreign,
    /// There is no manager in this session but for one request.
    once: Option<Once>,
    /// Processes that `run` itself needs until the end: the bus.
    pub(crate) keep: BTreeSet<u32>,
    pub(crate) config: Config,
    pub(crate) rules: Rules,
    pub(crate) hooks: Hooks,
    pub(crate) wine: Wine,
    pub(crate) removable: Removable,
    /// The number of the request under way, or of the last one.
    pub(crate) request: u32,
    /// Its kind, as it was when it last entered a phase.
    pub(crate) kind: Kind,
    pub(crate) requester_pids: BTreeSet<u32>,
    pub(crate) since: HashMap<Hold, Instant>,
    /// Since when an application that does not block is waited for.
    pub(crate) slow_since: HashMap<Identity, Instant>,
    pub(crate) bus_address: String,
    pub(crate) ended: Option<Ended>,
    /// The session's own process ended before anybody asked it to.
    pub(crate) ended_by_itself: Option<ExitStatus>,
    pub(crate) bus_is_lost: bool,
    /// SIGTERM: this process ends, whether or not there is a way to end the session.
    pub(crate) told_to_end: bool,
    /// SIGTERM to this process alone: it goes once it has taken back what is under way.
    pub(crate) leaves: bool,
    origin: Instant,
    terminate: Vec<Signals>,
    children: Signals,
}

/// Why the manager could not go on.
type Result<T> = std::result::Result<T, BusError>;

impl Manager {
    /// Connects to the bus and takes the session manager's names, so that they are there before
    /// the first application starts.
    ///
    /// # Errors
    /// When the bus cannot be used, or another manager owns the session; nothing has changed then.
    pub async fn start(options: Options) -> Result<Self> {
        let mut bus = Bus::connect(&options.bus_address).await?;
        bus.take_names(&options.bus_address, false).await?;
        Self::on(bus, options, None).await
    }

    /// The same where another of us may manage another display on the same bus: the session is
    /// managed beside that one then, under a name of its own.
    ///
    /// # Errors
    /// As [`Manager::start`].
    pub async fn start_beside(options: Options) -> Result<Self> {
        let mut bus = Bus::connect(&options.bus_address).await?;
        bus.take_names(&options.bus_address, true).await?;
        Self::on(bus, options, None).await
    }

    /// A manager for one request, in a session that has none: it takes no name that applications
    /// know, and ends with that request, or when none comes.
    ///
    /// # Errors
    /// As [`Manager::start`].
    pub async fn start_once(options: Options) -> Result<Self> {
        let bus = Bus::connect(&options.bus_address).await?;
        bus.take_control_name(&options.bus_address).await?;
        let once = Once {
            until: Instant::now() + REQUEST_LIMIT,
            parent: std::os::unix::process::parent_id(),
            starter: None,
        };
        Self::on(bus, options, Some(once)).await
    }

    async fn on(bus: Bus, options: Options, once: Option<Once>) -> Result<Self> {
        let on = |kind| {
            signal(kind).map_err(|e| BusError::Bus {
                address: options.bus_address.clone(),
                source: e.into(),
            })
        };
        let mut terminate = vec![on(SignalKind::terminate())?, on(SignalKind::interrupt())?];
        // Whoever starts a session under nohup wants it to outlive the terminal.
        if !crate::process::ignores_hangup(std::process::id()) {
            terminate.push(on(SignalKind::hangup())?);
        }
        let mut manager = Self {
            core: Coordinator::new(options.config.policy()),
            rules: Rules::new(&options.config.application),
            hooks: Hooks::default(),
            wine: Wine::default(),
            removable: Removable::default(),
            bus,
            gnome: Gnome::default(),
            portal: Portal::default(),
            xsmp: Xsmp::default(),
            activation: None,
            xsmp_requests: BTreeSet::new(),
            listeners: Listeners::default(),
            backend: Backend::Missing,
            display: None,
            display_way: None,
            dialog: Dialog::new(options.dialog, &options.config.dialog),
            logind: Logind::default(),
            power: Power::default(),
            lock: Lock::default(),
            saver: Saver::default(),
            display_name: "not looked for yet".to_owned(),
            display_is_unseen: false,
            session_named: None,
            units: Units::find(),
            notify: Notify::default(),
            is_ready: false,
            exits: Exits::default(),
            processes: None,
            displays: None,
            jobs: BTreeMap::new(),
            survivors: Vec::new(),
            rest: None,
            compositor: None,
            compositor_waiters: BTreeSet::new(),
            compositor_left: false,
            session_is_gone: false,
            foreign: Foreign::default(),
            once,
            keep: BTreeSet::new(),
            request: 0,
            kind: Kind::LogOff,
            requester_pids: BTreeSet::new(),
            since: HashMap::new(),
            slow_since: HashMap::new(),
            bus_address: options.bus_address.clone(),
            ended: None,
            ended_by_itself: None,
            bus_is_lost: false,
            told_to_end: false,
            leaves: false,
            origin: Instant::now(),
            terminate,
            children: on(SignalKind::child())?,
            config: options.config,
        };
        // It may have been started on the session's display, and is needed to the end.
        manager.keep.extend(manager.bus.pid().await);
        if let Some(message) = Gnome::session_running().filter(|_| manager.once.is_none()) {
            manager.bus.send(message);
        }
        if manager.once.is_none() {
            manager.follow_the_portal();
        }
        manager.flush().await;
        Ok(manager)
    }

    /// Says how the session is to be ended.
    #[must_use]
    pub fn with_backend(mut self, backend: Backend) -> Self {
        if matches!(backend, Backend::Nothing) {
            // In the demo's own process Ctrl-C and a lost terminal are the user's word to the demo,
            // which cancels; only SIGTERM is ours.
            self.terminate.truncate(1);
        }
        self.backend = backend;
        self
    }

    /// Processes that are not the session's although they descend from us: the bus that `run`
    /// started. They are let be until the manager has ended.
    #[must_use]
    pub fn keeping(mut self, pids: impl IntoIterator<Item = u32>) -> Self {
        self.keep.extend(pids);
        self
    }

    /// Serves XSMP too, to whoever is started with [`Manager::environment`]. Where that cannot be
    /// done the log says why, and applications are known by their windows.
    pub async fn serving_xsmp(mut self) -> Self {
        self.xsmp.open().await;
        let variables = self.xsmp.environment();
        if !variables.is_empty() {
            self.activation = Some(Activation::set(&mut self.bus, variables));
            self.flush().await;
        }
        self
    }

    /// Tells the service manager how far this one is.
    #[must_use]
    pub fn telling(mut self, notify: Notify) -> Self {
        self.notify = notify;
        self
    }

    /// Variables that the session's processes need in their environment: `SESSION_MANAGER` and
    /// `ICEAUTHORITY` where XSMP is served, else none.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let variables = self.xsmp.environment().into_iter();
        variables.map(|v| (v.name, v.value)).collect()
    }

    /// Runs until the session has ended.
    pub async fn run(mut self) -> Ended {
        loop {
            for requester in std::mem::take(&mut self.xsmp_requests) {
                self.xsmp_log_off(requester).await;
            }
            if std::mem::take(&mut self.compositor_left) {
                self.look_for_another_compositor().await;
            }
            self.perform_all().await;
            self.mind_holds().await;
            if self.leaves && self.ended.is_none() {
                self.ended = Some(Ended::Left);
            }
            self.flush().await;
            self.say_when_ready();
            // What is told of a cancelled request has its time, also where we go and the session stays.
            let hooks_run =
                matches!(self.ended, Some(Ended::GoesOn | Ended::Left)) && self.hooks.has_work();
            if let Some(ended) = self.ended.take_if(|_| !hooks_run) {
                self.close().await;
                return ended;
            }
            self.wait().await;
        }
    }

    /// What is ordered after this service starts once whoever is started can find it: our names are
    /// taken, and systemd has the variables that tell of us.
    fn say_when_ready(&mut self) {
        let open = self
            .activation
            .as_ref()
            .is_some_and(|a| a.is_open(&self.bus));
        if !open && !std::mem::replace(&mut self.is_ready, true) {
            self.notify.ready(crate::units::IDLE);
        }
    }

    /// Waits for whatever happens next, and takes it in.
    async fn wait(&mut self) {
        self.processes = None;
        let at = |t: Time| self.origin + Duration::from_millis(t.0);
        let deadline = self.core.poll_deadline().map(at);
        let supervision = self.dialog.deadline().map(at);
        let backend_due = self.backend.due();
        let strangers_until = self.xsmp.deadline();
        let request_until = self.once_until();
        let hooks_until = self.hooks.deadline();
        let portal_until = self.portal.deadline();
        let removable_until = self.removable.deadline();
        let saver_due = self.saver.deadline();
        let lost = self.bus_is_lost;
        tokio::select! {
            biased;
            message = self.bus.next(), if !lost => match message {
                None => self.bus_lost(),
                Some(message) => {
                    self.take_in(message).await;
                    // What has come meanwhile is taken in one go and answered in one write.
                    for _ in 0..1024 {
                        let Some(message) = self.bus.try_next() else { break };
                        self.take_in(message).await;
                        self.perform_all().await;
                    }
                }
            },
            effect = self.xsmp.next() => {
                self.xsmp_effect(effect);
                // As above: what has come meanwhile is taken in one go.
                for _ in 0..1024 {
                    self.perform_all().await;
                    let Some(effect) = self.xsmp.try_next() else { break };
                    self.xsmp_effect(effect);
                }
            }
            event = next_of(&mut self.display) => self.display_event(event),
            of = self.exits.next() => self.exited(&of),
            of = self.wine.answered() => self.event(Event::Pong(of)),
            () = any(&mut self.terminate) => self.told_to_end().await,
            heard = self.units.next() => self.units_heard(heard),
            told = self.logind.next() => self.logind_told(told).await,
            answer = self.saver.next() => {
                if let Some((number, done)) = answer {
                    self.saver_is_done(number, done);
                }
            }
            () = until(saver_due) => self.ask_for_savers_name(),
            Some(()) = self.children.recv() => self.reap(),
            () = until(hooks_until) => self.hooks_are_due(),
            () = until(removable_until) => self.removable_is_due(),
            () = until(deadline) => {
                let now = self.now();
                self.core.handle_timeout(now);
            }
            () = until(supervision) => self.supervision_is_due(),
            () = until(portal_until) => self.portal_is_due(),
            () = until(strangers_until) => self.xsmp.handle_timeout(),
            () = until(request_until) => {
                tracing::info!("whoever started this manager has not spoken to it");
                self.ended = Some(Ended::GoesOn);
            }
            () = self.backend.answer() => {}
            () = until(backend_due) => self.backend.handle_timeout(),
            // Last of all: one that never stops talking must not keep its own time from coming.
            () = self.hooks.output() => {}
        }
    }

    /// Tells the coordinator a fact.
    pub(crate) fn event(&mut self, event: Event) {
        self.hooks.outdate_withheld(&event);
        if self.is_of_the_compositor(&event)
            || self.is_of_another_session(&event)
            || self.is_of_an_agent(&event)
        {
            return;
        }
        if let Some(pid) = application_of(&event) {
            // The dialog is no application, whatever a toolkit of its own may register: it is never
            // asked, closed or a blocker. Nor is a hook.
            if self.dialog.owns(pid) {
                return;
            }
            if self.hooks.owns(pid) {
                self.hooks.withhold(event);
                return;
            }
        }
        let now = self.now();
        // What the rules say comes before the first fact that they are about.
        let core = &self.core;
        if let Some((of, rule)) = self.rules.learn(&event, |of| core.rule_of(of).is_some())
            && core.rule_of(&of).unwrap_or_default() != rule
        {
            self.core.handle_event(now, Event::Ruled { of, rule });
        }
        self.core.handle_event(now, event);
    }

    /// Reads the configuration again, so that the next request goes by what the user has written
    /// since. One that is wrong changes nothing.
    pub(crate) fn read_configuration_again(&mut self) {
        match self.config.again() {
            Ok(config) if config == self.config => {}
            Ok(config) => {
                tracing::info!("the configuration has changed");
                self.core.set_policy(config.policy());
                let now = self.now();
                for (of, rule) in self.rules.replace(&config.application) {
                    if self.core.rule_of(&of).is_some_and(|before| before != rule) {
                        self.core.handle_event(now, Event::Ruled { of, rule });
                    }
                }
                self.config = config;
            }
            Err(error) => {
                tracing::warn!(
                    "{error}; the configuration stays as it was (see `endsession config check`)"
                );
            }
        }
    }

    pub(crate) fn xsmp_effect(&mut self, effect: Effect) {
        match effect {
            Effect::Fact(event) => self.event(event),
            Effect::LogOff(pid) => {
                self.xsmp_requests.insert(pid);
            }
        }
    }

    /// An XSMP client asks for the end of the session.
    async fn xsmp_log_off(&mut self, pid: Option<u32>) {
        let program = pid.and_then(crate::process::program).unwrap_or_default();
        tracing::info!(
            "{program} (pid {}) asks to log off",
            pid.unwrap_or_default()
        );
        if let Err(failure) = self.begin(Request::default(), pid, None).await {
            // XSMP has no word for "no" to this.
            tracing::warn!("it cannot be done: {}", failure.text);
        }
    }

    /// The time as the coordinator counts it.
    pub(crate) fn now(&self) -> Time {
        Time(crate::config::as_millis(self.origin.elapsed()))
    }

    pub(crate) async fn flush(&mut self) {
        if self.bus_is_lost {
            return;
        }
        if let Err(error) = self.bus.flush().await {
            tracing::warn!("the session bus does not take messages: {error}");
            self.bus_lost();
        }
    }

    /// Nobody on the bus can be asked or answer any more. What is under way fails; the session
    /// itself goes on until its own end.
    fn bus_lost(&mut self) {
        if std::mem::replace(&mut self.bus_is_lost, true) {
            return;
        }
        tracing::warn!("the session bus is gone; applications can no longer be asked");
        self.event(Event::BusLost);
        self.viewers_are_lost();
        let mut effects = crate::adapter::gnome::Effects::default();
        self.portal.all_left(&mut self.gnome, &mut effects);
        self.gnome.all_left(&mut effects);
        self.are_released(&effects.released);
        for event in effects.events {
            self.event(event);
        }
        // What is ending takes its bus along, and ends all the same.
        if !matches!(self.backend, Backend::Child(_)) && self.core.phase().is_none() {
            self.ended = Some(Ended::BusLost);
        }
    }

    /// Whose a process is.
    pub(crate) fn belongs(&mut self, pid: u32) -> Belongs {
        let table = self.processes();
        if self
            .root()
            .is_some_and(|root| pid == root || table.descends(pid, root))
        {
            return Belongs::Here;
        }
        self.displays_with(&table).owns(pid)
    }

    /// The session's displays, found once for all that one wake-up leads to.
    pub(crate) fn displays_with(&mut self, table: &Rc<Table>) -> Rc<Displays> {
        let known = self.displays.as_ref();
        if let Some((_, displays)) = known.filter(|(with, _)| Rc::ptr_eq(with, table)) {
            return displays.clone();
        }
        let displays = Rc::new(self.displays(table));
        self.displays = Some((table.clone(), displays.clone()));
        displays
    }

    /// What ends last: the session's own process, or what was found to show it.
    pub(crate) fn ends_last(&self) -> Option<&Identity> {
        let found = || self.compositor.as_ref().map(|(of, _)| of);
        self.backend.identity().or_else(found)
    }

    /// The session's displays, as far as they are known.
    pub(crate) fn displays(&self, table: &Table) -> Displays {
        if matches!(self.backend, Backend::Nothing) {
            // The demo's session is its own processes alone, on whichever display it is shown.
            return Displays::default();
        }
        let known = self.session_named.as_ref();
        Displays::find(
            table,
            self.backend.child_pid(),
            self.display_way.as_ref(),
            known,
            self.ends_last().and_then(Identity::pid),
        )
    }

    /// A client that came over a bus which serves another display too.
    fn is_of_another_session(&mut self, event: &Event) -> bool {
        let mut foreign = std::mem::take(&mut self.foreign);
        let theirs = foreign.takes(event, |pid| self.belongs(pid) == Belongs::Elsewhere);
        self.foreign = foreign;
        theirs
    }

    /// Whether this is a manager for one request.
    pub(crate) fn is_once(&self) -> bool {
        self.once.is_some()
    }

    /// When a manager for one request has waited long enough for somebody who makes one.
    fn once_until(&self) -> Option<Instant> {
        let once = self.once.as_ref()?;
        let waits = once.starter.is_none() && self.core.phase().is_none();
        waits.then_some(once.until)
    }

    /// A manager for one request is that of whoever started it.
    pub(crate) fn is_spoken_to(&mut self, peer: &str, pid: Option<u32>) {
        if let Some(once) = self.once.as_mut().filter(|once| pid == Some(once.parent)) {
            once.starter.get_or_insert_with(|| peer.to_owned());
        }
    }

    /// It has nothing left to do when that one goes without a request.
    pub(crate) fn starter_left(&mut self, peer: &str) {
        let starter = self.once.as_ref().and_then(|once| once.starter.as_deref());
        if starter == Some(peer) && self.core.phase().is_none() {
            self.ended.get_or_insert(Ended::GoesOn);
        }
    }

    /// What shows the session is no application of it.
    fn is_of_the_compositor(&self, event: &Event) -> bool {
        let Backend::Compositor(compositor) = &self.backend else {
            return false;
        };
        match event {
            Event::Registered { of, .. }
            | Event::WindowSeen { of, .. }
            | Event::Inhibited { of, .. }
            | Event::JobSeen { of, .. } => of == compositor.identity(),
            _ => false,
        }
    }

    /// A process that was watched has exited.
    pub(crate) fn exited(&mut self, of: &Identity) {
        self.reap();
        if let Backend::Compositor(compositor) = &mut self.backend
            && compositor.identity() == of
            && !compositor.is_gone()
        {
            let (told, is_all) = (compositor.was_told(), compositor.is_the_display());
            compositor.has_exited();
            let name = compositor.name().to_owned();
            if told || is_all {
                self.session_exited(&name, of, None, told);
            } else {
                tracing::info!("{name} ended by itself; the display is still there");
                self.forget_backend();
                self.compositor_left = true;
            }
        } else if self.compositor.as_ref().is_some_and(|(c, _)| c == of) {
            self.compositor_left = true;
        }
        self.locker_exited(of);
        if let Some(rest) = &mut self.rest {
            rest.remove(of);
        }
        if self.core.app(of).is_some() {
            self.event(Event::Exited(of.clone()));
        }
        if self.jobs.values().any(|job| job.members.contains(of)) {
            self.look_at_jobs();
        }
        self.mind_the_rest();
    }

    /// Takes the exit statuses of our children, and of the orphans of the session that became ours.
    /// Those are everybody's who started the session; elsewhere a child may be that of another part
    /// of this process, which waits for it itself.
    fn reap(&mut self) {
        use rustix::process::{WaitOptions, wait, waitpid};
        loop {
            self.end_what_the_dialog_left();
            self.end_what_hooks_left();
            let ended = match &self.backend {
                Backend::Child(_) => wait(WaitOptions::NOHANG).ok().flatten(),
                Backend::Compositor(_) | Backend::Nothing | Backend::Missing => {
                    let ours = self.dialog.group().into_iter();
                    let ours = ours.chain(self.hooks.groups()).chain(self.wine.groups());
                    let mut ours = ours.chain(self.removable.processes());
                    ours.find_map(|pid| waitpid(Some(pid), WaitOptions::NOHANG).ok().flatten())
                }
            };
            let Some((pid, status)) = ended else {
                return;
            };
            let status = ExitStatus::from_raw(status.as_raw());
            let pid = u32::try_from(pid.as_raw_nonzero().get()).unwrap_or_default();
            self.dialog_exited(pid, status);
            self.hook_exited(pid, status);
            self.wineboot_exited(pid, status);
            self.sync_exited(pid, status);
            if let Backend::Child(child) = &mut self.backend
                && child.pid() == pid
                && child.status().is_none()
            {
                let told = child.was_told();
                child.has_exited(status);
                let (name, of) = (child.name().to_owned(), child.identity().clone());
                self.session_exited(&name, &of, Some(status), told);
            }
        }
    }

    /// The process that is the session has ended: because we ended it, because it was itself an
    /// application that was closed, or by itself. Only a parent knows its `status`.
    fn session_exited(
        &mut self,
        name: &str,
        of: &Identity,
        status: Option<ExitStatus>,
        told: bool,
    ) {
        let how = status.map_or(String::new(), |status| format!(" ({status})"));
        if told || self.power.goes_down || self.core.is_over() {
            self.event(Event::Backend(Ok(())));
            return;
        }
        match self.core.phase() {
            // systemd says when all of it has stopped.
            Some(Phase::Ending) if self.units.are_ordered() => {}
            Some(Phase::Ending) => self.event(Event::Backend(Ok(()))),
            Some(Phase::Imposed) => {
                // The loss of its display was seen first.
                if !self.told_to_end && !self.power.imposed {
                    self.ended_by_itself = status;
                }
            }
            Some(Phase::Closing) if self.core.app(of).is_some() => {
                // It was an application of its own session and has been let go; the rest follows
                // in order.
                tracing::info!("{name} has closed{how}");
            }
            Some(_) | None => {
                tracing::info!("{name} ended by itself{how}; what is left of the session ends");
                self.ended_by_itself = status;
                self.event(Event::Imposed(LOST_BUDGET));
            }
        }
    }

    /// Ends with what shows the session, where something else started that, and not before: the
    /// session bus may outlive it. Does nothing where it cannot be told.
    pub async fn watching_its_compositor(mut self) -> Self {
        if let Err(why) = self.find_backend().await {
            tracing::info!("what shows this session cannot be told yet: {why}");
        }
        self.forget_backend();
        self.close_display();
        self
    }

    /// What showed the session has ended while nobody asked for that. A window manager may have been
    /// replaced by another.
    async fn look_for_another_compositor(&mut self) {
        let Some((of, name)) = self.compositor.take() else {
            return;
        };
        if !matches!(self.backend, Backend::Missing) {
            return;
        }
        self.display = None;
        let found = self.find_backend().await;
        if self.core.phase().is_none() {
            self.forget_backend();
        }
        if found.is_err() && self.display_answers().await {
            tracing::info!("{name} ended by itself; the display is still there");
        } else if found.is_err() {
            self.session_is_gone = true;
            self.session_exited(&name, &of, None, false);
        }
    }

    /// Whether the display is still there, whoever manages its windows.
    async fn display_answers(&mut self) -> bool {
        for way in display_of::find(&self.processes(), None) {
            if way.connect().await.is_ok() {
                return true;
            }
        }
        false
    }

    /// Takes back what was told and put down for a session that could not begin.
    pub async fn abandon(mut self) {
        self.close().await;
    }

    async fn close(&mut self) {
        self.end_dialog();
        self.end_hooks();
        // Whoever ends a locker unlocks the screen: not while there is a session behind it.
        if self.backend.has_ended() {
            self.end_lockers();
        }
        if let Some(activation) = self.activation.take().filter(|_| !self.bus_is_lost) {
            activation.unset(&mut self.bus).await;
        }
        self.xsmp.close().await;
        if let Some(message) = Gnome::session_over().filter(|_| self.once.is_none()) {
            self.bus.send(message);
        }
        if !self.bus_is_lost
            && let Err(error) = self.bus.drain().await
        {
            tracing::debug!("the session bus does not take messages: {error}");
        }
    }
}

/// The process of the application that an event makes known.
fn application_of(event: &Event) -> Option<u32> {
    match event {
        Event::Registered { of, .. }
        | Event::WindowSeen { of, .. }
        | Event::Bundled { of, .. }
        | Event::Inhibited { of, .. }
        | Event::JobSeen { of, .. } => of.pid(),
        _ => None,
    }
}

async fn next_of(display: &mut Option<Display>) -> crate::adapter::display::DisplayEvent {
    match display {
        Some(display) => display.next().await,
        None => std::future::pending().await,
    }
}

/// SIGTERM, Ctrl-C and the loss of the terminal all mean the same to a session.
async fn any(signals: &mut [Signals]) {
    std::future::poll_fn(|cx| {
        let mut came = false;
        for signal in signals.iter_mut() {
            came |= signal.poll_recv(cx).is_ready();
        }
        if came {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

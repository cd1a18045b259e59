//! Whose turn it is, and what the end of a hook means to the request: hooks as the loop sees them.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::rc::Rc;
use std::time::Instant;

use endsession_core::{Answer, Event, Identity, Outcome, Phase, Round, VoterId};

use super::find::Hook;
use super::run::Running;
use super::{About, Job, MAX_QUEUED, Occasion, VOTER, beside};
use crate::config::{as_millis, format_millis};
use crate::dialog::environment::{self, Environment};
use crate::manager::Manager;
use crate::process;
use crate::report::{self, HookEvent};

impl Manager {
    /// The hooks of an occasion. A manager without files, as the demo's, has none.
    fn found(&self, occasion: Occasion) -> Vec<Hook> {
        let (hooks, refused) = beside(&self.config.files, occasion);
        for sentence in refused {
            tracing::warn!("{sentence}");
        }
        hooks
    }

    /// Makes the hooks known that a request is to ask.
    pub(crate) fn register_hooks(&mut self) {
        for hook in self.found(Occasion::Asking) {
            self.hooks.last_voter += 1;
            let voter = VoterId(VOTER | self.hooks.last_voter);
            let name = hook.name.clone();
            self.hooks.voters.insert(voter, hook);
            self.event(Event::Registered {
                voter,
                of: Identity::Hook(name.clone()),
                name,
                round: Round::early(Round::DEFAULT_LEVEL),
            });
        }
    }

    /// The request entered a phase.
    pub(crate) fn tell_hooks_of(&mut self, phase: Phase) {
        if let Some(request) = self.core.current() {
            self.hooks.about = About {
                phase: report::phase(phase),
                kind: request.kind,
                reason: request.reason.clone(),
            };
        }
    }

    /// A hook is asked: it is run in its turn.
    pub(crate) fn ask_hook(&mut self, voter: VoterId) {
        let Some(hook) = self.hooks.voters.get(&voter).cloned() else {
            return;
        };
        let event = self.hook_event(Occasion::Asking, None);
        self.hooks.queue.push_back(Job {
            occasion: Occasion::Asking,
            hook,
            event,
            voter: Some(voter),
        });
        self.start_hooks();
    }

    /// Nobody wants a hook's answer any more.
    pub(crate) fn cancel_hook(&mut self, voter: VoterId) {
        self.hooks.stop(|_, of| of == Some(voter));
    }

    /// A hook that was overridden goes, and says nothing more.
    pub(crate) fn end_hook(&mut self, voter: VoterId) {
        self.cancel_hook(voter);
        self.hooks.voters.remove(&voter);
        self.event(Event::Unregistered(voter));
    }

    /// The session ends: its hooks are run, and the coordinator waits for them.
    pub(crate) fn run_ending_hooks(&mut self) {
        self.gnome.set_ending(true);
        self.hooks.stop(|occasion, _| occasion != Occasion::Ending);
        self.hooks.awaited = true;
        self.queue_hooks(Occasion::Ending, None);
    }

    /// They have had their time.
    pub(crate) fn end_ending_hooks(&mut self) {
        self.hooks.awaited = false;
        for hook in self
            .hooks
            .running
            .iter()
            .filter(|r| r.occasion == Occasion::Ending)
        {
            tracing::warn!("hook {} has had its time, and the session ends", hook.name);
        }
        self.hooks.stop(|occasion, _| occasion == Occasion::Ending);
    }

    /// The request has its outcome.
    pub(crate) fn hooks_after(&mut self, outcome: &Outcome, finished: &report::Finished) {
        for voter in std::mem::take(&mut self.hooks.voters).into_keys() {
            self.cancel_hook(voter);
            self.event(Event::Unregistered(voter));
        }
        self.hooks.awaited = false;
        if !matches!(outcome, Outcome::Over { .. }) {
            self.hooks.stop(|occasion, _| occasion == Occasion::Ending);
            self.queue_hooks(Occasion::Cancelled, Some(finished));
        }
    }

    fn queue_hooks(&mut self, occasion: Occasion, finished: Option<&report::Finished>) {
        let hooks = self.found(occasion);
        if !hooks.is_empty() {
            let event = self.hook_event(occasion, finished);
            for hook in hooks {
                if self.hooks.queue.len() >= MAX_QUEUED {
                    tracing::warn!(
                        "hook {} is not run: {MAX_QUEUED} others wait already",
                        hook.name
                    );
                    continue;
                }
                self.hooks.queue.push_back(Job {
                    occasion,
                    hook,
                    event: event.clone(),
                    voter: None,
                });
            }
        }
        self.start_hooks();
    }

    /// Starts whose turn it is; tells the coordinator when none is left that it waits for.
    fn start_hooks(&mut self) {
        loop {
            let queue = self.hooks.queue.iter();
            let next = queue
                .enumerate()
                .filter(|(_, j)| !self.hooks.is_busy(j.occasion));
            // Those that are asked again stand behind others, and go in the order of names too.
            let next = next.min_by(|(a, x), (b, y)| {
                let of = |n: &usize, job: &Job| match job.voter {
                    Some(_) => (0, job.hook.name.clone()),
                    None => (*n, String::new()),
                };
                of(a, x).cmp(&of(b, y))
            });
            let Some(job) = next
                .map(|(n, _)| n)
                .and_then(|n| self.hooks.queue.remove(n))
            else {
                break;
            };
            self.start_hook(job);
        }
        let is_ending = |j: &Job| j.occasion == Occasion::Ending;
        if self.hooks.awaited
            && !self.hooks.is_busy(Occasion::Ending)
            && !self.hooks.queue.iter().any(is_ending)
        {
            self.hooks.awaited = false;
            self.event(Event::HooksEnded);
        }
    }

    fn start_hook(&mut self, job: Job) {
        let [asking, cancelled] = self.config.hook_limits();
        let limit = match job.occasion {
            Occasion::Asking => Some(asking),
            Occasion::Cancelled => Some(cancelled),
            // The coordinator has the time of those.
            Occasion::Ending => None,
        };
        let environment = self.hook_environment(job.occasion);
        match Running::start(job.occasion, &job.hook, environment, &job.event, limit) {
            Ok(mut running) => {
                tracing::info!(
                    "started the {} hook {} (pid {})",
                    job.occasion.name(),
                    job.hook.path.display(),
                    running.pid
                );
                running.voter = job.voter;
                self.hooks.running.push(running);
            }
            Err(error) => {
                let path = job.hook.path.display();
                tracing::warn!("the hook {path} cannot be started: {error}");
                if let Some(voter) = job.voter {
                    self.hook_answers(voter, Some(format!("it cannot be started: {error}")));
                }
            }
        }
    }

    fn hook_answers(&mut self, voter: VoterId, refuses: Option<String>) {
        match refuses {
            Some(reason) => self.event(Event::Answered(voter, Answer::Refuse(reason))),
            None => {
                self.event(Event::Answered(voter, Answer::Accept));
                // It has nothing to be closed or told, and no part in what follows.
                self.hooks.voters.remove(&voter);
                self.event(Event::Unregistered(voter));
            }
        }
    }

    /// The time of one that runs is over.
    pub(crate) fn hooks_are_due(&mut self) {
        let [asking, _] = self.config.hook_limits();
        let now = Instant::now();
        let mut late = Vec::new();
        for hook in &mut self.hooks.running {
            if hook.is_late(now) {
                tracing::warn!("hook {} has had its time; SIGTERM", hook.name);
                late.extend(hook.voter.take());
            }
        }
        for voter in late {
            let limit = format_millis(as_millis(asking));
            let reason = format!("does not answer: it still ran after {limit}");
            self.hook_answers(voter, Some(reason));
        }
        self.start_hooks();
    }

    /// See [`Running::end_what_it_left`].
    pub(crate) fn end_what_hooks_left(&self) {
        for hook in &self.hooks.running {
            hook.end_what_it_left();
        }
    }

    /// A child of ours has ended; if it is a hook, that is taken in.
    pub(crate) fn hook_exited(&mut self, pid: u32, status: ExitStatus) {
        let Some(at) = self.hooks.running.iter().position(|r| r.pid == pid) else {
            return;
        };
        let hook = self.hooks.running.remove(at);
        let (name, voter) = (hook.name.clone(), hook.voter);
        let last = hook.last_line();
        let how = match (status.code(), status.signal()) {
            (Some(code), _) => format!("it ended with status {code}"),
            (None, Some(signal)) => format!("it was ended by signal {signal}"),
            (None, None) => "it ended".to_owned(),
        };
        if !status.success() {
            tracing::info!("hook {name}: {how}");
        }
        self.tell_withheld();
        if let Some(voter) = voter {
            let reason = if last.is_empty() { how } else { last };
            self.hook_answers(voter, (!status.success()).then_some(reason));
        }
        self.start_hooks();
    }

    /// What a hook leaves behind counts from now on, before its own answer does.
    fn tell_withheld(&mut self) {
        // A job is looked for again by itself.
        for event in std::mem::take(&mut self.hooks.withheld) {
            let lives = match &event {
                Event::Registered { of, .. }
                | Event::WindowSeen { of, .. }
                | Event::Inhibited { of, .. } => {
                    of.pid().and_then(process::identity).as_ref() == Some(of)
                }
                _ => false,
            };
            if lives {
                self.event(event);
            }
        }
    }

    /// The manager ends, and what still runs with it.
    pub(crate) fn end_hooks(&mut self) {
        self.hooks.queue.clear();
        for hook in &self.hooks.running {
            hook.kill();
        }
    }

    /// What a hook reads.
    fn hook_event(&self, occasion: Occasion, finished: Option<&report::Finished>) -> Rc<str> {
        let about = &self.hooks.about;
        let event = HookEvent {
            version: report::VERSION,
            hook: occasion.name().to_owned(),
            request: self.request,
            kind: report::kind(about.kind).to_owned(),
            reason: report::one_line(&about.reason),
            phase: about.phase.to_owned(),
            forced: self.core.is_forced(),
            imposed: self.core.is_imposed(),
            blockers: self
                .core
                .blockers()
                .map(|b| self.told(b, self.waiting(b)))
                .collect(),
            gone: self
                .core
                .gone()
                .iter()
                .map(|n| report::one_line(n))
                .collect(),
            outcome: finished.cloned(),
        };
        match serde_json::to_string(&event) {
            Ok(json) => format!("{json}\n").into(),
            Err(error) => {
                tracing::error!("an event could not be written as JSON: {error}");
                "{}\n".into()
            }
        }
    }

    /// The session's environment: that of its display where it has one, else that of its process.
    fn hook_environment(&mut self, occasion: Occasion) -> Environment {
        let session = self.backend.child_pid();
        let mut all = self.environment_of_session().unwrap_or_else(|| {
            let of_session = session.and_then(process::environment);
            let own = || std::env::vars_os().collect();
            let all = of_session.map_or_else(own, Environment::from_iter);
            environment::for_another(all, &self.bus_address)
        });
        let event = OsString::from(occasion.name());
        all.insert("ENDSESSION_HOOK".into(), event);
        all
    }
}

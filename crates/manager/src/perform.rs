//! Carrying out what the coordinator orders.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::time::Instant;

use endsession_core::{
    Action, Answer, Blocker, Event, Identity, InhibitorId, JobId, Kind, Notice, Outcome, Signal,
    VoterId, Why,
};
use zbus::Variant;

use crate::adapter::display::WindowKey;
use crate::adapter::gnome::properties_changed;
use crate::adapter::portal::Portal;
use crate::adapter::xsmp::Xsmp;
use crate::backend::Backend;
use crate::control;
use crate::dialog::Input;
use crate::hooks::Hooks;
use crate::manager::{Ended, Manager};
use crate::membership::Displays;
use crate::process::{self, Table};
use crate::removable::Removable;
use crate::report::{self, News, Who};
use crate::units::Rest;
use crate::units::place::{self, Place};

/// Servers of a display: they go with the compositor, since no application may lose its display
/// before it has gone itself.
pub(crate) const DISPLAY_SERVERS: [&str; 9] = [
    "Xwayland",
    // xwayland-satellite, of which the kernel keeps fifteen bytes.
    "xwayland-satell",
    "Xorg",
    "Xtigervnc",
    "Xephyr",
    "Xnest",
    "Xvfb",
    "Xvnc",
    "X",
];

/// What keeps a PAM session open for a unit with `PAMName=`, of which `run` may be the command: a
/// child of ours from before we were. Its end closes the session of logind that we are in.
const KEEPER_OF_PAM: &str = "(sd-pam)";

/// What blocks, as long as it is the same: titles and reasons change meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Hold {
    of: Identity,
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum How {
    Refuses(VoterId),
    Inhibits(InhibitorId),
    Works(JobId),
    /// An application has one such blocker, whichever of its windows it names.
    Stays,
    IsSilent,
    AsksUser,
}

impl Hold {
    fn of(b: &Blocker) -> Self {
        let how = match &b.why {
            Why::Refused(voter, _) => How::Refuses(*voter),
            Why::Inhibitor(inhibitor, _) => How::Inhibits(*inhibitor),
            Why::Job(job, _) => How::Works(*job),
            Why::Window { .. } => How::Stays,
            Why::NotResponding => How::IsSilent,
            Why::AsksUser => How::AsksUser,
        };
        let of = b.of.clone();
        Self { of, how }
    }
}

impl Manager {
    /// Carries out everything there is to do.
    pub(crate) async fn perform_all(&mut self) {
        while let Some(action) = self.core.poll_action() {
            self.perform(action).await;
        }
    }

    async fn perform(&mut self, action: Action) {
        match action {
            Action::Query(voter) if Hooks::owns_voter(voter) => self.ask_hook(voter),
            Action::CancelQuery(voter) if Hooks::owns_voter(voter) => self.cancel_hook(voter),
            Action::End { voter, .. } if Hooks::owns_voter(voter) => self.end_hook(voter),
            Action::Query(voter) if Removable::owns(voter) => self.ask_removable(voter),
            Action::CancelQuery(voter) if Removable::owns(voter) => self.cancel_removable(voter),
            Action::End { voter, .. } if Removable::owns(voter) => self.end_removable(voter),
            Action::Query(voter) if Xsmp::owns(voter) => self.xsmp.query(voter),
            Action::CancelQuery(voter) if Xsmp::owns(voter) => self.xsmp.cancel(voter),
            Action::End { voter, forceful } if Xsmp::owns(voter) => self.xsmp.end(voter, forceful),
            Action::Interact(voter) => self.xsmp.interact(voter),
            Action::QueryAgain(voter) => self.xsmp.query_again(voter),
            Action::Query(voter) if Portal::owns(voter) => {
                let message = self.portal.query(voter);
                self.send(message);
            }
            Action::CancelQuery(voter) if Portal::owns(voter) => {
                let (message, answer) = self.portal.cancel(voter);
                self.send(message);
                if let Some(answer) = answer {
                    self.event(answer);
                }
            }
            // The portal has no word for "at once".
            Action::End { voter, .. } if Portal::owns(voter) => {
                let message = self.portal.end(voter);
                self.send(message);
                self.close_windows_of(voter);
            }
            Action::Query(voter) => {
                for message in self.gnome.query(voter) {
                    self.bus.send(message);
                }
            }
            Action::CancelQuery(voter) => {
                let message = self.gnome.cancel(voter);
                self.send(message);
            }
            Action::End { voter, forceful } => {
                let message = self.gnome.end(voter, forceful);
                self.send(message);
            }
            Action::Close(window) => {
                if let Some(display) = &mut self.display {
                    display.close(WindowKey(window.0));
                }
            }
            Action::Activate(window) => {
                let display = self.display.as_mut();
                let activated = display.is_some_and(|d| d.activate(WindowKey(window.0)));
                let of = self.core.owner(window).filter(|_| activated).cloned();
                if let Some(of) = of {
                    let who = self.who(&of);
                    self.tell(&News::Activated(who));
                }
            }
            Action::CloseBundle { bundle, forceful } => self.close_prefix(bundle, forceful),
            Action::LeaveBundle(bundle) => self.leave_prefix(bundle),
            Action::Signal(of, signal) => self.signal(&of, signal),
            Action::Watch(of) => self.watch(&of),
            Action::Ping(of) => self.ping(&of),
            Action::Look => {
                self.look().await;
                self.event(Event::Looked);
            }
            Action::Show(on) => {
                self.is_to_be_shown(on);
                self.tell(&News::Show {
                    request: self.request,
                    on,
                });
            }
            Action::RunHooks => self.run_ending_hooks(),
            Action::EndHooks => self.end_ending_hooks(),
            Action::SignalRest(signal) => self.signal_rest(signal),
            Action::EndSession(kind) => self.end_session(kind).await,
            Action::Authorize(kind) => self.authorize(kind),
            Action::Notice(notice) => self.notice(&notice),
            Action::Finished(outcome) => self.finished(&outcome),
        }
    }

    /// Closes what a client shows that has just been told to end. GTK 4 up to 4.8 hears the portal's word for the end and, by an error of its own, does nothing
    /// then; what it shows can be closed all the same, and another is about to go anyway.
    fn close_windows_of(&mut self, voter: VoterId) {
        let mut apps = self.core.apps();
        let of = apps.find(|a| a.voters.iter().any(|(v, _)| *v == voter));
        let windows: Vec<u64> =
            of.map_or(Vec::new(), |a| a.windows.iter().map(|(w, _)| w.0).collect());
        drop(apps);
        for window in windows {
            if let Some(display) = &mut self.display {
                display.close(WindowKey(window));
            }
        }
    }

    fn send(&mut self, message: Option<zbus::Message>) {
        if let Some(message) = message {
            self.bus.send(message);
        }
    }

    /// The processes there are, read once for all that one wake-up leads to: a thousand
    /// applications are told to end together, and each is looked up.
    pub(crate) fn processes(&mut self) -> Rc<Table> {
        self.processes
            .get_or_insert_with(|| Rc::new(Table::read()))
            .clone()
    }

    /// Whether a process may be signalled and waited for as part of the session.
    pub(crate) fn is_ours(&mut self, of: &Identity) -> bool {
        let Some(pid) = of.pid() else { return false };
        let mut table = self.processes();
        let listed = table.get(pid).is_some_and(|s| s.identity() == *of);
        if !listed && process::identity(pid).as_ref() == Some(of) {
            // It has started since.
            self.processes = None;
            table = self.processes();
        }
        // Its windows are known by what the display vouches for.
        let verified = self.core.app(of).is_some_and(|a| !a.windows.is_empty());
        let displays = self.displays_with(&table);
        let in_application = self.is_in_application(&table, &displays, pid);
        let inside = self.is_inside(&table, &displays, pid);
        !self.keep.contains(&pid)
            && !self.is_background(pid)
            && process::is_of_session(&table, pid, inside, verified || in_application)
    }

    /// Whether a process was started in the session: below us, where we started it, or on its display,
    /// as what a session bus starts. A service of the user's own is there for other sessions too.
    pub(crate) fn is_inside(&self, table: &Table, displays: &Displays, pid: u32) -> bool {
        let below_us = self.root().is_some_and(|root| table.descends(pid, root));
        let is_service = Place::of(pid).is_some_and(|at| at.kind() != place::Kind::Application);
        below_us || (!is_service && displays.claims(pid))
    }

    fn signal(&mut self, of: &Identity, signal: Signal) {
        if !self.is_ours(of) {
            self.event(Event::Spared(of.clone()));
            return;
        }
        if self.end_as_unit(of, signal) {
            return;
        }
        match process::signal(of, signal) {
            Ok(()) => tracing::info!("{} to {}", report::signal(signal), self.name_of(of)),
            Err(error) => tracing::info!("{} could not be signalled: {error}", self.name_of(of)),
        }
    }

    fn watch(&mut self, of: &Identity) {
        let ours = self.is_ours(of);
        // It was told to end before it is watched, and of one that has gone nobody can say whose it was.
        let there = ours || of.pid().and_then(process::identity).as_ref() == Some(of);
        if there && !ours {
            self.event(Event::Spared(of.clone()));
        } else if !there || !self.exits.watch(of) {
            self.event(Event::Exited(of.clone()));
        }
    }

    /// Finds out whether an application still handles events: by its window where the display can
    /// ask, since that reaches its main loop; else over the bus.
    fn ping(&mut self, of: &Identity) {
        if of.is_hook() {
            // It has a limit of its own.
            self.event(Event::Pong(of.clone()));
            return;
        }
        if of
            .pid()
            .and_then(process::Stat::read)
            .is_some_and(|s| s.is_stopped())
        {
            self.event(Event::Stopped(of.clone()));
            return;
        }
        let (windows, voters) = self
            .core
            .app(of)
            .map(|a| {
                let windows: Vec<u64> = a.windows.iter().map(|(w, _)| w.0).collect();
                let voters: Vec<VoterId> = a.voters.iter().map(|(v, _)| *v).collect();
                (windows, voters)
            })
            .unwrap_or_default();
        for voter in voters.iter().filter(|v| !Xsmp::owns(**v)) {
            let message = self.gnome.query_missed(*voter);
            self.send(message);
        }
        let mut asked = false;
        if let Some(display) = &mut self.display {
            for window in windows {
                asked |= display.ping(WindowKey(window));
            }
        }
        asked = asked || self.wine.ping(of);
        // LibreOffice answers this one from a thread of its own, whatever its main loop does.
        if !asked {
            for voter in &voters {
                asked |= Xsmp::owns(*voter) && self.xsmp.ping(*voter);
            }
        }
        if !asked {
            let first = voters.first().and_then(|v| u32::try_from(v.0).ok());
            if let Some(client) = first.and_then(|n| self.gnome.clients.get(&n)) {
                self.bus.ping(&client.bus_name, of);
                asked = true;
            }
        }
        if !asked {
            // Nothing can ask it, and it is not stopped: nothing speaks against it.
            self.event(Event::Pong(of.clone()));
        }
    }

    /// Every process of the session but those that end with it or after it.
    fn signal_rest(&mut self, signal: Signal) {
        let table = Table::read();
        if signal == Signal::Term {
            self.units.announce();
        }
        let mut rest = self.rest_of_session(&table);
        if signal == Signal::Kill {
            // systemd has been asked to stop these, and waits for them longer than we do.
            rest.units
                .keys()
                .for_each(|unit| self.units.kill(unit.clone()));
        }
        let signalled: Vec<&Identity> = match signal {
            Signal::Term => rest.alone().collect(),
            Signal::Kill => rest.all.iter().collect(),
        };
        for of in signalled {
            if let Err(error) = process::signal(of, signal) {
                tracing::debug!("{of:?} could not be signalled: {error}");
            } else {
                tracing::info!("{} to {}", report::signal(signal), self.name_of(of));
            }
        }
        if signal == Signal::Term {
            self.stop_units(std::mem::take(&mut rest.units));
        }
        let alive = rest.all.into_iter().filter(|of| self.exits.watch(of));
        self.rest = Some(alive.collect());
        self.mind_the_rest();
    }

    /// Whether a process is not to go before the session itself does.
    pub(crate) fn goes_last(&self, table: &Table, s: &process::Stat) -> bool {
        let of = s.identity();
        let ends_last = self.ends_last();
        let pid = ends_last.and_then(Identity::pid);
        let dialog = self.dialog.pid();
        Some(&of) == ends_last
            // Whoever waits for the compositor's end, such as the script that started it, ends the
            // session then.
            || pid.is_some_and(|pid| table.descends(pid, s.pid))
            || self.compositor_waiters.contains(&of)
            || self.keep.contains(&s.pid)
            || DISPLAY_SERVERS.contains(&s.comm.as_str())
            || s.comm == KEEPER_OF_PAM
            || crate::lock::is_locker(s)
            // It closes by itself, and one that hangs must not hold up the end.
            || dialog.is_some_and(|d| s.pid == d || table.descends(s.pid, d))
    }

    fn rest_of_session(&self, table: &Table) -> Rest {
        let displays = self.displays(table);
        let windowed: BTreeSet<Identity> = self
            .core
            .apps()
            .filter(|a| !a.windows.is_empty())
            .map(|a| a.of.clone())
            .collect();
        let agents_stay = self.agents_stay();
        let may = |s: &process::Stat| {
            let stays = self.goes_last(table, s)
                || self.listeners.is_command(&s.identity())
                || (agents_stay && crate::power::is_agent(s))
                || self.hooks.owns_in(table, s)
                || self.removable.owns_process(s.pid);
            !stays
        };
        let units = self.session_units(table, &displays, &may);
        let left = table.iter().filter(|s| {
            let inside = self.is_inside(table, &displays, s.pid);
            let in_application = self.is_in_application(table, &displays, s.pid);
            let verified = windowed.contains(&s.identity()) || in_application;
            (inside || verified)
                && may(s)
                && !self.is_background(s.pid)
                && process::is_of_session(table, s.pid, inside, verified)
        });
        let left = left.map(process::Stat::identity);
        let all = left.chain(units.values().flatten().cloned()).collect();
        Rest { all, units }
    }

    /// In Ending: when everything that was signalled has gone, looks once more for what came
    /// since, and goes on when there is nothing.
    pub(crate) fn mind_the_rest(&mut self) {
        if self.rest.as_ref().is_none_or(|r| !r.is_empty()) {
            return;
        }
        let mut new = self.rest_of_session(&Table::read());
        for of in new.alone() {
            let _gone_already = process::signal(of, Signal::Term);
        }
        self.stop_units(std::mem::take(&mut new.units));
        let all = new.all.into_iter();
        let alive: BTreeSet<Identity> = all.filter(|of| self.exits.watch(of)).collect();
        if alive.is_empty() && self.units.is_announcing() {
            // What ends because the session does is still at it.
            self.rest = Some(alive);
        } else if alive.is_empty() {
            self.rest = None;
            self.event(Event::RestGone);
        } else {
            self.rest = Some(alive);
        }
    }

    /// Ends the session itself: its compositor, or what it is.
    pub(crate) fn end_by_backend(&mut self) {
        match &mut self.backend {
            Backend::Child(child) if child.status().is_none() => {
                tracing::info!("ending {} (pid {})", child.name(), child.pid());
                child.end();
            }
            Backend::Compositor(compositor)
                if !compositor.is_gone() && self.units.stop_compositor() =>
            {
                compositor.is_stopped();
            }
            Backend::Compositor(compositor) if !compositor.is_gone() => {
                let of = compositor.identity().clone();
                compositor.end();
                if !self.exits.watch(&of) {
                    self.exited(&of);
                }
            }
            Backend::Child(_) | Backend::Compositor(_) | Backend::Nothing => {
                self.event(Event::Backend(Ok(())));
            }
            // Whoever started the session, and now ends its manager, ends the rest of it.
            Backend::Missing if self.told_to_end || self.session_is_gone => {
                self.event(Event::Backend(Ok(())));
            }
            // The last resort: it takes along whatever is in logind's session.
            Backend::Missing if self.logind.terminate() => {
                tracing::info!("logind ends the session");
                // It ends us too, and waits for that.
                self.power.goes_down = true;
            }
            Backend::Missing => {
                let why = "this manager did not start the session and has no way to end it";
                self.event(Event::Backend(Err(why.to_owned())));
            }
        }
    }

    pub(crate) fn name_of(&self, of: &Identity) -> String {
        if let Identity::Hook(name) = of {
            return format!("hook {name}");
        }
        let known = self.core.app(of).map(|a| a.name.to_owned());
        let name = known.filter(|n| !n.is_empty());
        let name = name.or_else(|| of.pid().and_then(process::Stat::read).map(|s| s.comm));
        match (name, of.pid()) {
            (Some(name), Some(pid)) => format!("{name} (pid {pid})"),
            (Some(name), None) => name,
            (None, _) => report::id(of),
        }
    }

    pub(crate) fn who(&self, of: &Identity) -> Who {
        let name = match of {
            // One that has agreed has already left.
            Identity::Hook(name) => name.clone(),
            _ => self
                .core
                .app(of)
                .map_or_else(String::new, |a| a.name.to_owned()),
        };
        Who {
            request: self.current_request(),
            id: report::id(of),
            name: report::one_line(&name),
            pid: of.pid(),
        }
    }

    fn current_request(&self) -> u32 {
        if self.core.phase().is_some() {
            self.request
        } else {
            0
        }
    }

    /// For how long something has blocked, in milliseconds.
    pub(crate) fn waiting(&self, b: &endsession_core::Blocker) -> u64 {
        self.since
            .get(&Hold::of(b))
            .map_or(0, |since| crate::config::as_millis(since.elapsed()))
    }

    pub(crate) fn say_what_blocks(&self) {
        for b in self.core.blockers() {
            let b = self.told(b, 0);
            tracing::warn!(
                "{} holds the session open ({}): {}",
                b.name,
                b.kind,
                b.reason
            );
        }
    }

    fn notice(&mut self, notice: &Notice) {
        self.follow_what_is_waited_for(notice);
        match notice {
            Notice::Phase(phase) => {
                tracing::info!("request {}: {}", self.request, report::phase(*phase));
                self.kind = self.core.current().map_or(self.kind, |r| r.kind);
                self.tell_hooks_of(*phase);
                self.phase_changed(report::phase(*phase));
                self.say_status(Some(*phase));
            }
            Notice::Blocked(b) => {
                let since = self.since.entry(Hold::of(b));
                since.or_insert_with(Instant::now);
                let info = self.told(b, 0);
                tracing::info!("{} blocks ({}): {}", info.name, info.kind, info.reason);
            }
            Notice::Gone { name, .. } => tracing::info!("{name} has gone"),
            Notice::Overridden(of) if self.core.app(of).is_some_and(|a| a.by_rule) => {
                let from = self.rules.about(of).map(|v| v.from.join(", "));
                let from = from.unwrap_or_default();
                tracing::info!(
                    "{} is ended anyway, as a rule says ({from})",
                    self.name_of(of)
                );
            }
            _ => {}
        }
        if self.listeners.is_watched() {
            let news = self.news(notice);
            self.tell(&news);
        }
        if let Notice::Cleared(b) = notice {
            // One whose title alone has changed blocks already again, for as long as before.
            let hold = Hold::of(b);
            if !self.core.blockers().any(|b| Hold::of(b) == hold) {
                self.since.remove(&hold);
            }
        }
        let waits = matches!(
            notice,
            Notice::Blocked(_) | Notice::Cleared(_) | Notice::Slow(_) | Notice::Answered(..)
        );
        if waits {
            self.blockers_changed();
        }
    }

    /// Keeps since when each application is waited for that does not block.
    fn follow_what_is_waited_for(&mut self, notice: &Notice) {
        match notice {
            Notice::Slow(of) | Notice::Answered(of, Answer::AskingUser) => {
                self.slow_since.insert(of.clone(), Instant::now());
            }
            Notice::Answered(of, _)
            | Notice::Gone { of, .. }
            | Notice::Abstained(of)
            | Notice::Overridden(of) => drop(self.slow_since.remove(of)),
            _ => {}
        }
    }

    fn news(&self, notice: &Notice) -> News {
        match notice {
            Notice::Phase(phase) => News::Phase {
                request: self.request,
                phase: report::phase(*phase).to_owned(),
            },
            Notice::Asked(of) => News::Asked(self.who(of)),
            Notice::Answered(of, answer) => {
                let (answer, reason) = report::answer(answer);
                News::Answered {
                    who: self.who(of),
                    answer: answer.to_owned(),
                    reason: report::one_line(reason),
                }
            }
            Notice::Slow(of) => News::Slow(self.who(of)),
            Notice::Abstained(of) => News::Abstained(self.who(of)),
            Notice::Closing(of) => News::Closing(self.who(of)),
            Notice::Gone { of, name } => News::Gone(Who {
                name: report::one_line(name),
                ..self.who(of)
            }),
            Notice::Blocked(b) => News::Blocked(self.told(b, self.waiting(b))),
            Notice::Cleared(b) => News::Cleared(self.told(b, self.waiting(b))),
            Notice::Overridden(of) => News::Overridden {
                who: self.who(of),
                by_rule: self.core.app(of).is_some_and(|a| a.by_rule),
            },
            Notice::Signalled(of, signal) => News::Signalled {
                who: self.who(of),
                signal: report::signal(*signal).to_owned(),
            },
        }
    }

    /// Sends one event to everybody who watches.
    pub(crate) fn tell(&mut self, news: &News) {
        match serde_json::to_string(news) {
            Ok(json) => {
                for message in self.listeners.news(&json) {
                    self.bus.send(message);
                }
            }
            Err(error) => tracing::error!("an event could not be written as JSON: {error}"),
        }
    }

    fn phase_changed(&mut self, phase: &str) {
        let changed = HashMap::from([("Phase", Variant::from(phase))]);
        self.send(properties_changed(
            control::PATH,
            control::INTERFACE,
            &changed,
        ));
    }

    fn finished(&mut self, outcome: &Outcome) {
        let finished = report::Finished {
            kind: report::kind(self.kind).to_owned(),
            ..report::finished(self.request, outcome, |b| self.told(b, self.waiting(b)))
        };
        match outcome {
            Outcome::Over { .. } => tracing::info!("the session is over"),
            Outcome::Cancelled { .. } => {
                tracing::info!(
                    "request {} was cancelled ({} {})",
                    self.request,
                    finished.by,
                    finished.why
                );
            }
            Outcome::Failed { why, .. } => tracing::warn!("request {} failed: {why}", self.request),
        }
        self.phase_changed("");
        self.hooks_after(outcome, &finished);
        self.removable_after();
        self.say_status(None);
        self.tell(&News::Finished(finished));
        self.supervise(Input::Over);
        self.follow_no_screen_savers();
        self.follow_no_notifications();
        self.since.clear();
        self.slow_since.clear();
        self.requester_pids.clear();
        self.rest = None;
        if let Outcome::Over { .. } = outcome {
            self.ended = Some(match self.ended_by_itself {
                Some(status) => Ended::Session(status),
                None => Ended::Over,
            });
        } else if self.is_once() {
            self.ended = Some(Ended::GoesOn);
        } else if self.bus_is_lost && !matches!(self.backend, Backend::Child(_)) {
            self.ended = Some(Ended::BusLost);
        } else {
            self.gnome.set_ending(false);
            self.close_display();
            self.power_goes_on();
            // A machine that did not go down after the session's own process had: nothing is left
            // that could go on.
            let failed = matches!(outcome, Outcome::Failed { .. }) && self.kind != Kind::LogOff;
            if let (true, Backend::Child(child)) = (failed, &self.backend) {
                self.ended = child.status().map(Ended::Session);
            }
            self.forget_backend();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_is_the_same_whatever_its_title_says() {
        let hold = |why| {
            let of = Identity::AppId("editor".into());
            let name = "editor".to_owned();
            Hold::of(&Blocker { of, name, why })
        };
        let window = |title: &str, hung| {
            let title = title.to_owned();
            hold(Why::Window { title, hung })
        };
        assert_eq!(window("* a", false), window("b", true));
        let inhibitor = |id, reason: &str| hold(Why::Inhibitor(InhibitorId(id), reason.to_owned()));
        assert_eq!(inhibitor(1, "a"), inhibitor(1, "b"));
        assert_ne!(inhibitor(1, "a"), inhibitor(2, "a"));
        assert_ne!(window("a", false), inhibitor(1, "a"));
    }
}

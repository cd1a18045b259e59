//! What a fact from the edges changes in what is known.

use crate::action::{Action, Notice, Phase};
use crate::app::{App, Going, Responds, Vote, Voter, Win};
use crate::coordinator::Coordinator;
use crate::event::{Event, Round, Window};
use crate::id::{Identity, InhibitorId, VoterId, WindowId};
use crate::time::Deadline;

impl Coordinator {
    pub(crate) fn apply(&mut self, event: Event) {
        match event {
            Event::Registered {
                voter,
                of,
                name,
                round,
            } => self.registered(voter, of, name, round),
            Event::Unregistered(voter) => self.unregistered(voter),
            Event::Answered(voter, answer) => self.answered(voter, answer),
            Event::WindowSeen { window, of, about } => self.window_seen(window, of, about),
            Event::WindowGone(window) => self.window_gone(window),
            Event::Inhibited {
                inhibitor,
                of,
                name,
                reason,
            } => self.inhibited(inhibitor, of, &name, reason),
            Event::Uninhibited(inhibitor) => {
                if let Some(of) = self.inhibitors.remove(&inhibitor) {
                    if let Some(app) = self.apps.get_mut(&of) {
                        app.inhibitors.remove(&inhibitor);
                    }
                    self.hold_gone(&of);
                }
            }
            Event::JobSeen {
                job,
                of,
                name,
                what,
            } => {
                self.known(&of, &name).jobs.insert(job, what);
                if let Some(before) = self.jobs.insert(job, of.clone()).filter(|b| *b != of) {
                    if let Some(app) = self.apps.get_mut(&before) {
                        app.jobs.remove(&job);
                    }
                    self.touch(&before);
                    self.look_after(&before);
                }
                self.touch(&of);
            }
            Event::JobGone(job) => {
                if let Some(of) = self.jobs.remove(&job) {
                    if let Some(app) = self.apps.get_mut(&of) {
                        app.jobs.remove(&job);
                    }
                    self.hold_gone(&of);
                }
            }
            Event::Bundled { of, name, bundle } => self.bundled(&of, name, bundle),
            Event::Unbundled(of) => self.unbundled(&of),
            Event::BundleEnded(bundle, end) => self.bundle_ended(bundle, end),
            Event::Hosted { guest, host } => self.hosted(&guest, host),
            Event::Ruled { of, rule } => self.ruled(&of, rule),
            Event::Exited(of) => self.exited(&of),
            Event::Spared(of) => {
                if let Some(app) = self.apps.get_mut(&of) {
                    app.spared = true;
                    let bundle = app.bundle.take();
                    self.look_after(&of);
                    self.bundle_moves(bundle);
                }
            }
            Event::Pong(of) => {
                self.responds(&of, Responds::Yes);
                self.abstain(&of);
            }
            Event::Stopped(of) => self.responds(&of, Responds::Stopped),
            Event::Looked => self.looked(),
            Event::ViewerCame => self.viewers = self.viewers.saturating_add(1),
            Event::ViewerLeft => self.viewers = self.viewers.saturating_sub(1),
            Event::Locked(locked) => {
                // What ran out behind the lock was no time in which the user could have been shown
                // anything: it begins anew.
                self.deadlines.clear(&Deadline::Unshown);
                self.locked = locked;
            }
            Event::Imposed(budget) => self.imposed(budget),
            Event::Restored => self.restored(),
            Event::Authorized(kind, word) => self.authorized(kind, word),
            Event::GoesDown(within) => self.goes_down(within),
            Event::BusLost => {
                if matches!(
                    self.phase(),
                    Some(Phase::Confirming | Phase::Authorizing | Phase::Asking | Phase::Closing)
                ) {
                    self.fail("the session bus is gone, so nobody on it can be asked".to_owned());
                }
            }
            Event::HooksEnded => self.hooks_ended(),
            Event::RestGone => self.rest_gone(),
            Event::Backend(result) => self.backend_done(result),
        }
    }

    /// The application of an identity, made known if it is not. The first name stays unless a
    /// window tells a better one.
    pub(crate) fn known(&mut self, of: &Identity, name: &str) -> &mut App {
        let app = self.apps.entry(of.clone()).or_insert_with(App::new);
        if app.name.is_empty() {
            name.clone_into(&mut app.name);
        }
        app
    }

    fn registered(&mut self, id: VoterId, of: Identity, name: String, round: Round) {
        if self.voters.contains_key(&id) {
            return;
        }
        self.known(&of, &name).voters.insert(id, Voter::new(round));
        self.touch(&of);
        self.voters.insert(id, of);
        if let Some(u) = &mut self.under_way {
            u.unasked = true;
        }
    }

    fn unregistered(&mut self, id: VoterId) {
        let Some(of) = self.voters.remove(&id) else {
            return;
        };
        self.deadlines.clear(&Deadline::Voter(id));
        if let Some(u) = &mut self.under_way {
            u.no_longer_waits_for(id);
        }
        let Some(app) = self.apps.get_mut(&of) else {
            return;
        };
        let voter = app.voters.remove(&id);
        // An XSMP client may go when it is asked: a Qt 5 editor does, once its user chose to discard.
        let asked = voter
            .as_ref()
            .is_some_and(|v| v.is_open() || v.vote == Vote::Accepted);
        app.left |= asked && voter.as_ref().is_some_and(|v| v.round.is_late());
        let vote = voter.map(|v| v.vote);
        if vote != Some(Vote::Idle) {
            self.outdate_look();
        }
        // Looking at all clients of one application for each that leaves would cost their square.
        if !matches!(vote, Some(Vote::Idle | Vote::Accepted | Vote::Told)) {
            self.touch(&of);
        }
        self.look_after(&of);
    }

    fn window_seen(&mut self, id: WindowId, of: Identity, about: Window) {
        if let Some(before) = self.windows.get(&id).filter(|b| **b != of).cloned() {
            // Its process has become known since: it moves to that application.
            if let Some(app) = self.apps.get_mut(&before) {
                app.windows.remove(&id);
            }
            self.touch(&before);
            self.look_after(&before);
        }
        let known = self.windows.insert(id, of.clone()).is_some_and(|b| b == of);
        let app = self.known(&of, &about.name);
        if !about.name.is_empty() && app.bundle.is_none() {
            app.name.clone_from(&about.name);
        }
        let after = app.windows.get(&id).is_some_and(|w| w.after);
        let was_unsaved = app.windows.get(&id).is_some_and(|w| w.about.unsaved);
        let saved = was_unsaved && !about.unsaved;
        app.windows.insert(id, Win { about, after });
        if !known {
            self.opened_after_all(id, &of);
        }
        if saved {
            self.ask_again_if_clear(&of);
        }
        self.touch(&of);
    }

    /// A window opened: on an application that was closed or told, it is an answer.
    fn opened_after_all(&mut self, id: WindowId, of: &Identity) {
        let Some(app) = self.apps.get(of) else { return };
        let overridden = self.may_not_block(app) || app.alone;
        match app.going {
            Going::No => {}
            // It is let go by what lets go of its bundle.
            _ if overridden && !app.alone && self.whole(app).is_some() => {}
            // Save dialogs of what is ended anyway are closed like everything else of it.
            _ if overridden => self.act(Action::Close(id)),
            _ => {
                if let Some(w) = self.apps.get_mut(of).and_then(|a| a.windows.get_mut(&id)) {
                    w.after = true;
                }
                self.stay(of);
            }
        }
    }

    fn window_gone(&mut self, id: WindowId) {
        let Some(of) = self.windows.remove(&id) else {
            return;
        };
        let Some(app) = self.apps.get_mut(&of) else {
            return;
        };
        let unsaved = app.windows.remove(&id).is_some_and(|w| w.about.unsaved);
        self.touch(&of);
        self.look_after(&of);
        if unsaved {
            self.ask_again_if_clear(&of);
        }
    }

    /// A hold, or what one that is known says by now. It stays with whom it was first told of.
    fn inhibited(&mut self, id: InhibitorId, of: Identity, name: &str, reason: String) {
        match self.inhibitors.get(&id) {
            None => {
                self.known(&of, name).inhibitors.insert(id, reason);
                self.touch(&of);
                self.inhibitors.insert(id, of);
            }
            Some(holder) if *holder == of => {
                let held = self.apps.get_mut(&of).map(|app| &mut app.inhibitors);
                if let Some(before) = held.and_then(|held| held.get_mut(&id)) {
                    *before = reason;
                    self.touch(&of);
                }
            }
            Some(_) => {}
        }
    }

    fn hold_gone(&mut self, of: &Identity) {
        self.touch(of);
        self.look_after(of);
        self.ask_again_if_clear(of);
    }

    fn hosted(&mut self, guest: &Identity, host: Identity) {
        // A cycle would leave both waiting for each other for ever.
        let mut above = Some(&host);
        while let Some(of) = above {
            if of == guest {
                return;
            }
            above = self.apps.get(of).and_then(|a| a.host.as_ref());
        }
        if let Some(app) = self.apps.get_mut(guest) {
            app.host = Some(host);
        }
    }

    fn exited(&mut self, of: &Identity) {
        let Some(app) = self.apps.get(of) else { return };
        let going = app.going != Going::No;
        let name = app.name.clone();
        self.forget(of);
        self.outdate_look();
        if going {
            self.record_gone(&name);
            self.notice(Notice::Gone {
                of: of.clone(),
                name,
            });
        }
    }

    pub(crate) fn responds(&mut self, of: &Identity, responds: Responds) {
        let Some(app) = self.apps.get_mut(of) else {
            return;
        };
        if app.responds != responds {
            let before = std::mem::replace(&mut app.responds, responds);
            self.deadlines.clear(&Deadline::Ping(of.clone()));
            self.touch(of);
            self.turn_responds(of, before);
        }
    }
}

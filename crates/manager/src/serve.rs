//! What comes over the bus: sorted, checked, carried out and answered.

use std::collections::{HashMap, HashSet};

use endsession_core::{Choice, ChoiceError, Event, Force, Identity, Joined, Kind, Request};
use zbus::Message;
use zbus::Variant;
use zbus::message::Header;

use crate::adapter::gnome::{Effects, Gnome};
use crate::adapter::portal::{self, Portal};
use crate::adapter::screensaver;
use crate::backend::Backend;
use crate::bus::{About, Answered, Failure, Incoming, Peer, failure, reply, wants_reply};
use crate::control::{self, Command};
use crate::dialog::Input;
use crate::manager::Manager;
use crate::membership::Belongs;
use crate::report::{self, Hold, News, RequestInfo, Status};

impl Manager {
    /// Takes in one message of the bus.
    pub(crate) async fn take_in(&mut self, message: Message) {
        self.processes = None;
        for incoming in self.bus.sort(message) {
            match incoming {
                Incoming::Call(message, peer) => self.call(&message, &peer).await,
                Incoming::Left(name) => {
                    let mut effects = Effects::default();
                    self.gnome.left(&name, &mut effects);
                    self.carry_out(effects);
                    if let Some(was_dialog) = self.listeners.left(&name) {
                        self.event(Event::ViewerLeft);
                        self.viewers_changed();
                        if was_dialog {
                            self.supervise(Input::LeftBus);
                        }
                    }
                    self.starter_left(&name);
                    self.screen_saver_left(&name);
                    self.notification_server_left(&name);
                }
                Incoming::Pong(of) => self.event(Event::Pong(of)),
                Incoming::Answer(About::ScreenSaver, answer) => self.screen_saver_answered(&answer),
                Incoming::Answer(About::Notification, answer) => {
                    self.notification_answered(&answer)
                }
                Incoming::Answer(About::SaverName, answer) => self.savers_name_answered(&answer),
                Incoming::SaverNameLost => self.savers_name_lost(),
                Incoming::SaverNameFree => self.savers_name_is_free(),
                Incoming::Signal(signal) => {
                    self.screen_saver_heard(&signal);
                    self.notification_heard(&signal);
                }
                Incoming::Answer(About::Portal, answer) => self.portal_told(&answer),
                Incoming::Answer(About::PortalOwner, answer) => self.portal_owner_answered(&answer),
                Incoming::Owner(name, owner) if name == portal::FRONTEND => self.portal_is(&owner),
                Incoming::Owner(..) => {}
            }
        }
    }

    async fn call(&mut self, message: &Message, peer: &Peer) {
        let header = message.header();
        if self.waits_for_logind(message, &header, peer) {
            return;
        }
        let answered = match self.is_for_saver(&header) && is_its_user(peer) {
            true => self.saver_call(message, &header, peer).await,
            false => self.answer(message, &header, peer).await,
        };
        let Some(answered) = answered else {
            return;
        };
        if !wants_reply(message) {
            return;
        }
        let reply = answered.map_or_else(|f| failure(&header, &f), Some);
        if let Some(reply) = reply {
            self.bus.send(reply);
        }
    }

    /// The answer to a call; `None` where it comes later.
    async fn answer(
        &mut self,
        message: &Message,
        header: &Header<'_>,
        peer: &Peer,
    ) -> Option<Answered> {
        // The bus lets root in; a session is its user's alone.
        if !is_its_user(peer) {
            return Some(Err(Failure::denied("this session belongs to another user")));
        }
        let path = header.path().map(|p| p.to_string()).unwrap_or_default();
        let interface = header.interface().map(|i| i.to_string());
        let is_standard = matches!(
            interface.as_deref(),
            Some("org.freedesktop.DBus.Peer" | "org.freedesktop.DBus.Introspectable")
        );
        if Portal::owns_path(&path) && !is_standard {
            return self.portal_call(message, header, peer);
        }
        Some(self.answer_at_once(message, header, peer).await)
    }

    async fn answer_at_once(
        &mut self,
        message: &Message,
        header: &Header<'_>,
        peer: &Peer,
    ) -> Answered {
        let path = header.path().map(|p| p.to_string()).unwrap_or_default();
        match header.interface().map(|i| i.to_string()).as_deref() {
            Some("org.freedesktop.DBus.Peer") => return peer_call(header),
            Some("org.freedesktop.DBus.Introspectable") => return self.introspect(&path, header),
            _ => {}
        }
        if path == control::PATH {
            self.is_spoken_to(&peer.name, peer.pid);
            if peer.pid.is_some_and(crate::process::runs_our_program) {
                self.listeners.called(&peer.identity);
            }
            let command = control::read(message, header, peer)?;
            return self.command(command, header, peer).await;
        }
        if !Gnome::owns(&path) {
            return Err(Failure::unknown_object(&path));
        }
        let mut effects = Effects::default();
        let answered = self.gnome.call(message, peer, &mut effects);
        if let (Some(request), true) = (effects.request.take(), answered.is_ok()) {
            self.begin(request, peer.pid, Some(&peer.name))
                .await
                .map_err(|f| Failure::new("org.gnome.SessionManager.NotInRunning", f.text))?;
        }
        self.carry_out(effects);
        answered
    }

    pub(crate) fn carry_out(&mut self, effects: Effects) {
        self.are_released(&effects.released);
        for event in effects.events {
            self.event(event);
        }
        self.were_taken(&effects.taken);
        for message in effects.signals {
            self.bus.send(message);
        }
    }

    async fn command(&mut self, command: Command, header: &Header<'_>, peer: &Peer) -> Answered {
        match command {
            Command::Request(request) => {
                if peer
                    .pid
                    .is_some_and(|pid| self.belongs(pid) == Belongs::Elsewhere)
                {
                    return Err(Failure::new(
                        "org.endsession.Error.OtherSession",
                        "the caller runs on another display than the one that is managed here",
                    ));
                }
                let joined = self.begin(request, peer.pid, Some(&peer.name)).await?;
                reply(header, &(self.request, joined == Joined::Joined))
            }
            Command::Choose {
                request,
                choice,
                application,
            } => {
                self.choose(request, &choice, &application)?;
                reply(header, &())
            }
            Command::Cancel => {
                let now = self.now();
                match self.core.choose(now, Choice::Cancel) {
                    Ok(()) => reply(header, &true),
                    Err(ChoiceError::NoRequest) => reply(header, &false),
                    Err(e) => Err(choice_failure(e)),
                }
            }
            Command::Status => {
                // Who asks is no job that holds the session, in whichever terminal it was typed.
                let asks = peer.pid.filter(|pid| leads_its_terminal(*pid));
                let asks = asks.filter(|pid| self.requester_pids.insert(*pid));
                let status = self.status().await;
                if let Some(pid) = asks {
                    self.requester_pids.remove(&pid);
                }
                let json = serde_json::to_string(&status).map_err(|e| {
                    Failure::new(
                        "org.freedesktop.DBus.Error.Failed",
                        format!("the status cannot be written: {e}"),
                    )
                })?;
                reply(header, &json.as_str())
            }
            Command::Manages => {
                let elsewhere = peer
                    .pid
                    .is_some_and(|pid| self.belongs(pid) == Belongs::Elsewhere);
                reply(header, &!elsewhere)
            }
            Command::Watch(on) => {
                self.listeners.watch(&peer.name, on)?;
                reply(header, &())
            }
            Command::Show(on) => {
                let is_dialog = peer.pid.is_some_and(|pid| self.dialog.owns(pid));
                if self.listeners.show(&peer.name, on, is_dialog) {
                    self.event(if on {
                        Event::ViewerCame
                    } else {
                        Event::ViewerLeft
                    });
                    self.viewers_changed();
                }
                if is_dialog {
                    self.supervise(Input::Shows(on));
                }
                reply(header, &())
            }
            Command::Version => reply(header, &Variant::from(report::VERSION)),
            Command::Phase => reply(header, &Variant::from(self.phase_name())),
            Command::Kinds => reply(header, &Variant::from(self.kinds().await)),
            Command::AllProperties => reply(header, &properties(self).await),
        }
    }

    /// Who shows the session's state may have come or gone with a lock of the screen.
    fn viewers_changed(&mut self) {
        if self.core.phase().is_some() {
            self.look_at_lockers();
        }
        let elsewhere = self.listeners.shows_elsewhere();
        self.supervise(Input::Elsewhere(elsewhere));
    }

    /// The ways in which this session can end now.
    pub(crate) async fn kinds(&mut self) -> Vec<&'static str> {
        let is_found = !matches!(self.backend, Backend::Missing)
            || self.logind.is_a_desktop()
            || self.session_name().await.is_some();
        [Kind::LogOff, Kind::Restart, Kind::PowerOff]
            .into_iter()
            .filter(|kind| match kind {
                Kind::LogOff => is_found,
                kind => self.can_be_asked_for(*kind).is_ok(),
            })
            .map(report::kind)
            .collect()
    }

    /// What shows this session or manages its windows, where it has to be found first. What was found
    /// for a look is not kept: each request finds it anew.
    async fn session_name(&mut self) -> Option<String> {
        if !matches!(self.backend, Backend::Missing) {
            return None;
        }
        let found = self.find_backend().await;
        let name = found
            .is_ok()
            .then(|| self.backend.name().map(str::to_owned));
        self.forget_backend();
        if self.core.phase().is_none() {
            self.close_display();
        }
        name.flatten()
    }

    fn phase_name(&self) -> &'static str {
        self.core.phase().map_or("", report::phase)
    }

    /// Begins a request, or joins the one under way. `peer`: who made it, where that is somebody on
    /// the bus.
    pub(crate) async fn begin(
        &mut self,
        mut request: Request,
        requester: Option<u32>,
        peer: Option<&str>,
    ) -> Result<Joined, Failure> {
        if self.core.phase().is_none() {
            self.units.begin();
            self.forget_backend();
        }
        let found = self.find_backend().await;
        match (request.kind, found) {
            // The machine's end takes whatever shows the session along.
            (Kind::Restart | Kind::PowerOff, _) => self.can_be_asked_for(request.kind)?,
            (Kind::LogOff, Err(why)) if !self.logind.is_a_desktop() => {
                return Err(Failure::new(
                    "org.endsession.Error.NoBackend",
                    format!(
                        "this manager did not start the session and has no way to end it ({why}); start the \
                         session with `endsession run -- COMMAND`"
                    ),
                ));
            }
            (Kind::LogOff, _) => {}
        }
        if self.core.phase().is_none() {
            self.read_configuration_again();
        }
        self.ask_screen_savers();
        self.logind.ask_about_leavings();
        // Whose terminal it is can only be told once the windows are known.
        self.look_at_windows().await;
        // Where logind is to end a session that something else started, its applications have to be
        // seen to have gone before.
        let unseen = self.display_is_unseen
            || (matches!(self.backend, Backend::Missing) && self.display.is_none());
        if unseen && request.force != Force::Now {
            if self.core.phase().is_none() {
                self.forget_backend();
            }
            // To go on would end every window with the display, asked by nobody.
            return Err(Failure::new(
                "org.endsession.Error.DisplayUnseen",
                format!(
                    "the windows of this session cannot be seen ({}), so nobody could be asked about unsaved work; \
                     close them yourself and use --force",
                    self.display_name
                ),
            ));
        }
        if self.core.phase().is_none() {
            self.request = self.request.wrapping_add(1);
            // By force nobody is asked.
            if request.force != Force::Now && !self.core.is_over() {
                self.register_hooks();
                self.register_removable();
            }
        }
        request.requester = self.requester(requester);
        let shows_it = peer.is_some_and(|name| self.listeners.is_viewer(name));
        let unseen = !shows_it && !request.unattended;
        let now = self.now();
        let joined = self
            .core
            .request(now, request)
            .map_err(|e| Failure::new("org.endsession.Error.SessionOver", e.to_string()))?;
        self.tell_locks();
        if joined == Joined::Joined {
            let kind = self.core.current().map(|r| report::kind(r.kind));
            self.tell(&News::Joined {
                request: self.request,
                kind: kind.unwrap_or_default().to_owned(),
            });
            self.supervise(Input::AskedAgain { unseen });
        }
        Ok(joined)
    }

    fn choose(&mut self, request: u32, choice: &str, application: &str) -> Result<(), Failure> {
        if self.core.phase().is_some() && request != 0 && request != self.request {
            return Err(Failure::new(
                "org.endsession.Error.NoRequest",
                format!(
                    "request {request} is over; the one under way is {}",
                    self.request
                ),
            ));
        }
        let one = |of: Option<Identity>| of.ok_or_else(|| choice_failure(ChoiceError::UnknownApp));
        let of = self.application(application);
        let choice = match choice {
            "confirm" => Choice::Confirm,
            "cancel" => Choice::Cancel,
            "end-one" => Choice::EndOne(one(of)?),
            "end-all" => Choice::EndAll,
            "ask-again" if application.is_empty() => Choice::AskAgain(None),
            "ask-again" => Choice::AskAgain(Some(one(of)?)),
            "show" => Choice::Show(one(of)?),
            _ => {
                return Err(Failure::new(
                    "org.freedesktop.DBus.Error.InvalidArgs",
                    format!(
                        "{choice:?} is none of confirm, cancel, end-one, end-all, ask-again, show"
                    ),
                ));
            }
        };
        if self.choice_takes_leave(&choice) {
            return Ok(());
        }
        let now = self.now();
        self.core.choose(now, choice).map_err(choice_failure)
    }

    fn application(&self, id: &str) -> Option<Identity> {
        self.core
            .apps()
            .find(|a| report::id(a.of) == id)
            .map(|a| a.of.clone())
    }

    /// Everything that can be known now, looked at afresh.
    async fn status(&mut self) -> Status {
        let session = self.session_name().await;
        self.look().await;
        let under_way = self.core.phase();
        let blockers = match under_way {
            Some(_) => self
                .core
                .blockers()
                .map(|b| self.told(b, self.waiting(b)))
                .collect(),
            None => self
                .core
                .would_block()
                .iter()
                .map(|b| self.told(b, 0))
                .collect(),
        };
        let status = Status {
            version: report::VERSION,
            manager_pid: std::process::id(),
            display: self.display_name.clone(),
            session: session.or_else(|| self.backend.name().map(str::to_owned)),
            owner: None,
            request: under_way
                .zip(self.core.current())
                .map(|(phase, request)| RequestInfo {
                    id: self.request,
                    kind: report::kind(request.kind).to_owned(),
                    phase: report::phase(phase).to_owned(),
                    reason: report::one_line(&request.reason),
                    shown: self.core.is_shown(),
                    show: self.core.wants_to_be_shown(),
                    locked: self.core.is_locked(),
                    forced: self.core.is_forced(),
                    gone: self
                        .core
                        .gone()
                        .iter()
                        .map(|name| report::one_line(name))
                        .collect(),
                    to_go: self.core.to_go(),
                }),
            applications: report::applications(
                &self.core,
                |voter| self.xsmp.about(voter),
                |of| self.rules.about(of),
            ),
            holds: self.holds(),
            other_inhibitors: self.other_inhibitors(),
            foreign: self.foreign(),
            survivors: self.survivors.iter().map(report::survivor).collect(),
            blockers,
            waits: report::waits(&self.core, |of| {
                let since = self.slow_since.get(of);
                since.map_or(0, |at| crate::config::as_millis(at.elapsed()))
            }),
        };
        if under_way.is_none() {
            self.close_display();
        }
        status
    }

    fn foreign(&self) -> Vec<report::Foreign> {
        let one = |(name, pid): (&str, Option<u32>)| report::Foreign {
            name: report::one_line(name),
            pid,
        };
        self.foreign.iter().map(one).collect()
    }

    fn other_inhibitors(&self) -> Vec<Hold> {
        let names = [
            (2, "switch-user"),
            (4, "suspend"),
            (8, "idle"),
            (16, "automount"),
        ];
        self.gnome
            .inhibitors
            .values()
            .filter(|i| i.flags & 1 == 0)
            .map(|i| Hold {
                name: report::one_line(&i.name),
                reason: report::one_line(&i.reason),
                what: names
                    .iter()
                    .filter(|(f, _)| i.flags & f != 0)
                    .map(|(_, n)| (*n).to_owned())
                    .collect(),
            })
            .collect()
    }

    fn introspect(&self, path: &str, header: &Header<'_>) -> Answered {
        let savers: &[&str] = match self.saver.is_ours() {
            true => &screensaver::PATHS,
            false => &[],
        };
        let own = match path {
            control::PATH => Some(control::XML),
            _ if Portal::owns_path(path) => self.portal.describe(path),
            path if savers.contains(&path) => Some(screensaver::XML),
            _ => self.gnome.describe(path),
        };
        let mut children: Vec<String> = if path == "/org/gnome/SessionManager" {
            self.gnome.children()
        } else {
            Vec::new()
        };
        let ours = [control::PATH, "/org/gnome/SessionManager"];
        for object in ours.iter().chain(savers) {
            let below = object
                .strip_prefix(path.trim_end_matches('/'))
                .and_then(|r| r.strip_prefix('/'));
            let child = below.and_then(|r| r.split('/').next()).map(str::to_owned);
            children.extend(child.filter(|c| !c.is_empty()));
        }
        let mut seen = HashSet::new();
        children.retain(|child| seen.insert(child.clone()));
        if own.is_none() && children.is_empty() {
            return Err(Failure::unknown_object(path));
        }
        let mut xml = String::from(
            "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n \
             \"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n<node>\n",
        );
        if let Some(own) = own {
            xml.push_str(own);
            xml.push_str(STANDARD);
        }
        for child in children {
            xml.push_str(&format!("  <node name=\"{child}\"/>\n"));
        }
        xml.push_str("</node>\n");
        reply(header, &xml.as_str())
    }
}

/// Whether a peer is the session's own user.
fn is_its_user(peer: &Peer) -> bool {
    let own = rustix::process::getuid().as_raw();
    peer.uid.is_none_or(|uid| uid == own)
}

/// Whether it was typed by itself, and is no part of a job that calls it.
fn leads_its_terminal(pid: u32) -> bool {
    crate::process::Stat::read(pid).is_some_and(|s| s.tpgid == i64::from(pid))
}

/// The interfaces that every object has.
const STANDARD: &str = include_str!("standard.xml");

/// All properties of the control interface.
pub(crate) async fn properties(manager: &mut Manager) -> HashMap<&'static str, Variant<'static>> {
    let kinds = manager.kinds().await;
    HashMap::from([
        ("Version", Variant::from(report::VERSION)),
        ("Phase", Variant::from(manager.phase_name())),
        ("Kinds", Variant::from(kinds)),
    ])
}

fn peer_call(header: &Header<'_>) -> Answered {
    match header.member().map(|m| m.as_str().to_owned()).as_deref() {
        Some("Ping") => reply(header, &()),
        Some("GetMachineId") => {
            let id = std::fs::read_to_string("/etc/machine-id")
                .or_else(|_| std::fs::read_to_string("/var/lib/dbus/machine-id"))
                .map_err(|e| {
                    Failure::new(
                        "org.freedesktop.DBus.Error.Failed",
                        format!("no machine id: {e}"),
                    )
                })?;
            reply(header, &id.trim())
        }
        _ => Err(Failure::unknown_method(header)),
    }
}

fn choice_failure(error: ChoiceError) -> Failure {
    let name = match error {
        ChoiceError::NoRequest => "org.endsession.Error.NoRequest",
        ChoiceError::TooLate => "org.endsession.Error.TooLate",
        ChoiceError::UnknownApp => "org.endsession.Error.UnknownApplication",
        _ => "org.endsession.Error.NotNow",
    };
    Failure::new(name, error.to_string())
}

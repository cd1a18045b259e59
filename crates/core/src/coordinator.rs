//! The coordinator: its state, the request's life from beginning to outcome, and what both phases
//! share. What each phase does is in `asking`, `closing` and `ending`; what facts change is in
//! `facts`; whether the user is shown the request in `showing`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::action::{Action, Blocker, CancelledBy, Notice, Phase, Why};
use crate::app::{App, Going, Responds, Vote};
use crate::event::{Choice, ChoiceError, Event, Force, Kind, Request, Round};
use crate::id::{BundleId, Identity, InhibitorId, JobId, VoterId, WindowId};
use crate::policy::Policy;
use crate::rule::Rule;
use crate::time::{Deadline, Deadlines, Time};

/// Asks, waits, closes, ends: one session, at most one request at a time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Coordinator {
    pub(crate) policy: Policy,
    pub(crate) now: Time,
    pub(crate) apps: BTreeMap<Identity, App>,
    pub(crate) voters: BTreeMap<VoterId, Identity>,
    pub(crate) windows: BTreeMap<WindowId, Identity>,
    pub(crate) inhibitors: BTreeMap<InhibitorId, Identity>,
    pub(crate) jobs: BTreeMap<JobId, Identity>,
    pub(crate) under_way: Option<UnderWay>,
    pub(crate) viewers: u16,
    pub(crate) locked: bool,
    pub(crate) over: bool,
    pub(crate) deadlines: Deadlines,
    pub(crate) actions: VecDeque<Action>,
}

/// A request and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct UnderWay {
    pub(crate) request: Request,
    pub(crate) phase: Phase,
    pub(crate) step: Step,
    /// The kind of end is permitted. Until then nobody is closed, told or signalled.
    pub(crate) authorized: bool,
    pub(crate) look: Look,
    /// The round that is being asked; who registers in it or before it is asked at once.
    pub(crate) round: Option<Round>,
    /// Clients asked and not yet heard, of applications that still count. This and the sets below
    /// are kept beside what they are made of, so that a fact costs the same among a thousand
    /// applications as among three.
    pub(crate) pending: BTreeSet<VoterId>,
    /// Of those, the ones that ask the user now.
    pub(crate) asking_user: BTreeSet<VoterId>,
    /// The ones that want to, in the order in which they said so.
    pub(crate) want_user: VecDeque<VoterId>,
    /// The ones that want to be asked once more when all others have answered.
    pub(crate) want_last: BTreeSet<VoterId>,
    /// Some client may not have been asked yet.
    pub(crate) unasked: bool,
    /// Some client has said yes; its application may already be on its way.
    pub(crate) untold: bool,
    pub(crate) blockers: BTreeSet<Blocker>,
    /// Applications that take longer than is usual to answer. No blocker, but the user sees what
    /// is waited for: they may answer pings and never the query.
    pub(crate) slow: BTreeSet<Identity>,
    /// Applications closed or told, and waited for.
    pub(crate) leaving: BTreeSet<Identity>,
    /// Bundles that are being closed.
    pub(crate) bundles: BTreeSet<BundleId>,
    /// Applications of which something changed that those sets are made of.
    pub(crate) changed: BTreeSet<Identity>,
    /// Something changed for all of them.
    pub(crate) all_changed: bool,
    pub(crate) shown: bool,
    /// Who was asked or closed again and has not answered; see `showing`.
    pub(crate) again: BTreeSet<Identity>,
    /// Everything is ended, whatever it says.
    pub(crate) forced: bool,
    /// The budget of an imposed end, in milliseconds.
    pub(crate) imposed: Option<u64>,
    /// The request has come to Ending by an imposed end, which can be called off still.
    pub(crate) can_be_restored: bool,
    /// The backend has handed the session over to the machine's own end.
    pub(crate) goes_down: bool,
    /// Names of applications that went, in the order of their going.
    pub(crate) gone: Vec<String>,
    /// The same, to find whether one has been named.
    pub(crate) gone_names: BTreeSet<String>,
    pub(crate) overridden: BTreeSet<String>,
    /// Those of them that a rule overrode.
    pub(crate) by_rule: BTreeSet<String>,
    /// Hooks of the session's end run.
    pub(crate) hooks: bool,
}

impl UnderWay {
    /// A client has answered, left, or no longer counts.
    pub(crate) fn no_longer_waits_for(&mut self, id: VoterId) {
        self.pending.remove(&id);
        self.follow(id, &Vote::Idle);
    }

    /// Keeps the lists of those who wait for something in step with a vote.
    pub(crate) fn follow(&mut self, id: VoterId, vote: &Vote) {
        if *vote == Vote::AskingUser {
            self.asking_user.insert(id);
        } else {
            self.asking_user.remove(&id);
        }
        if *vote == Vote::WantsLast {
            self.want_last.insert(id);
        } else {
            self.want_last.remove(&id);
        }
        let queued = self.want_user.iter().position(|q| *q == id);
        match (queued, *vote == Vote::WantsUser) {
            (None, true) => self.want_user.push_back(id),
            (Some(place), false) => {
                self.want_user.remove(place);
            }
            _ => {}
        }
    }

    /// What blocks of one application.
    fn blockers_of(&self, of: &Identity) -> impl Iterator<Item = &Blocker> {
        // Nothing is ordered before this one among those of an application.
        let first = Blocker {
            of: of.clone(),
            name: String::new(),
            why: Why::Refused(VoterId(0), String::new()),
        };
        self.blockers
            .range(first..)
            .take_while(move |b| b.of == *of)
    }
}

/// Puts an application into a set, or takes it out.
fn put(set: &mut BTreeSet<Identity>, of: &Identity, into: bool) {
    if !into {
        set.remove(of);
    } else if !set.contains(of) {
        set.insert(of.clone());
    }
}

/// How far Ending has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    NotYet,
    /// Hooks run, with everything around them that they may need.
    Hooks,
    Terminating,
    Killing,
    /// Nothing is left but hooks, in an imposed end, which has no time for one after the other.
    LastHooks,
    Backend,
}

/// Whether the edges have told everything that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Look {
    Needed,
    Looking { stale: bool },
    Fresh,
}

/// Whether a request began or joined one under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Joined {
    /// It is a request of its own.
    Began,
    /// One was under way; this one joined it, upgraded it where it wants more, and has its outcome.
    Joined,
}

/// The session has ended; nothing can be requested of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionOver;

impl std::fmt::Display for SessionOver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the session has already ended")
    }
}

impl std::error::Error for SessionOver {}

/// What is known of one application, to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppView<'a> {
    /// Its identity.
    pub of: &'a Identity,
    /// Its name.
    pub name: &'a str,
    /// Its clients and their votes.
    pub voters: Vec<(VoterId, &'a Vote)>,
    /// Its windows with their titles.
    pub windows: Vec<(WindowId, &'a str)>,
    /// Its log-off inhibitors with their reasons.
    pub inhibitors: Vec<(InhibitorId, &'a str)>,
    /// The jobs in its terminals.
    pub jobs: Vec<(JobId, &'a str)>,
    /// Some window's title carries a modified mark.
    pub unsaved: bool,
    /// Whether it handles events, as far as is known.
    pub responds: Responds,
    /// How far out it is.
    pub going: Going,
    /// It may no longer block.
    pub overridden: bool,
    /// A rule of the user's overrode it.
    pub by_rule: bool,
    /// What the rules say about it.
    pub rule: Rule,
    /// The bundle that it is part of.
    pub bundle: Option<BundleId>,
}

impl Coordinator {
    /// A coordinator of a session of which nothing is known yet.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            now: Time(0),
            apps: BTreeMap::new(),
            voters: BTreeMap::new(),
            windows: BTreeMap::new(),
            inhibitors: BTreeMap::new(),
            jobs: BTreeMap::new(),
            under_way: None,
            viewers: 0,
            locked: false,
            over: false,
            deadlines: Deadlines::default(),
            actions: VecDeque::new(),
        }
    }

    /// The phase of the request under way.
    #[must_use]
    pub fn phase(&self) -> Option<Phase> {
        self.under_way.as_ref().map(|u| u.phase)
    }

    /// The request under way, with what has joined it.
    #[must_use]
    pub fn current(&self) -> Option<&Request> {
        self.under_way.as_ref().map(|u| &u.request)
    }

    /// Whether the session has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// What blocks the request under way.
    pub fn blockers(&self) -> impl Iterator<Item = &Blocker> {
        self.under_way.iter().flat_map(|u| u.blockers.iter())
    }

    /// What would block a request now, as far as can be known without asking.
    #[must_use]
    pub fn would_block(&self) -> Vec<Blocker> {
        self.apps
            .iter()
            .filter(|(_, app)| !app.rule.ignore)
            .flat_map(|(of, app)| app.blockers(of, false))
            .collect()
    }

    /// Names of the applications that the request under way has seen go.
    #[must_use]
    pub fn gone(&self) -> &[String] {
        self.under_way.as_ref().map_or(&[], |u| &u.gone)
    }

    /// How many applications are still to go: those that show a window or can be asked, and
    /// those on their way.
    #[must_use]
    pub fn to_go(&self) -> usize {
        let open = |(of, a): &(&Identity, &App)| match a.going {
            Going::GaveUp => false,
            Going::No => !a.shows_nothing() && !a.rule.ignore && !of.is_hook(),
            _ => !of.is_hook(),
        };
        self.apps.iter().filter(open).count()
    }

    /// Whether nobody can hold up the request under way any more: "end all anyway" was chosen, or
    /// its caller forces it, or the end is imposed.
    #[must_use]
    pub fn is_forced(&self) -> bool {
        self.under_way.as_ref().is_some_and(|u| u.forced)
    }

    /// Whether the end cannot be refused, and comes within a time that is not ours.
    #[must_use]
    pub fn is_imposed(&self) -> bool {
        self.under_way.as_ref().is_some_and(|u| u.imposed.is_some())
    }

    /// What an application is called, if it is known and has a name.
    #[must_use]
    pub fn name_of(&self, of: &Identity) -> Option<&str> {
        let name = self.apps.get(of).map(|a| a.name.as_str());
        name.filter(|name| !name.is_empty())
    }

    /// What the rules say about an application; `None` of one that is not known.
    #[must_use]
    pub fn rule_of(&self, of: &Identity) -> Option<Rule> {
        self.apps.get(of).map(|a| a.rule)
    }

    /// Whether something is to show the user what the request waits for: what the last
    /// [`Action::Show`] said.
    #[must_use]
    pub fn wants_to_be_shown(&self) -> bool {
        self.under_way.as_ref().is_some_and(|u| u.shown)
    }

    /// Whether something that the user sees shows the state of the session.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        self.viewers > 0 && !self.locked
    }

    /// Whether the screen is locked, so that the user sees nothing.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.locked
    }

    /// Every application known.
    pub fn apps(&self) -> impl Iterator<Item = AppView<'_>> {
        self.apps.iter().map(|(of, a)| self.view(of, a))
    }

    /// One application, if it is known.
    #[must_use]
    pub fn app(&self, of: &Identity) -> Option<AppView<'_>> {
        let (of, a) = self.apps.get_key_value(of)?;
        Some(self.view(of, a))
    }

    fn view<'a>(&self, of: &'a Identity, a: &'a App) -> AppView<'a> {
        AppView {
            of,
            name: &a.name,
            voters: a.voters.iter().map(|(id, v)| (*id, &v.vote)).collect(),
            windows: a
                .windows
                .iter()
                .map(|(id, w)| (*id, w.about.title.as_str()))
                .collect(),
            inhibitors: a
                .inhibitors
                .iter()
                .map(|(id, r)| (*id, r.as_str()))
                .collect(),
            jobs: a.jobs.iter().map(|(id, w)| (*id, w.as_str())).collect(),
            unsaved: a.looks_unsaved(),
            responds: a.responds,
            going: a.going,
            overridden: self.may_not_block(a),
            by_rule: a.by_rule,
            rule: a.rule,
            bundle: a.bundle,
        }
    }

    /// Whose a window is.
    #[must_use]
    pub fn owner(&self, window: WindowId) -> Option<&Identity> {
        self.windows.get(&window)
    }

    /// Which deadlines are pending, the next first.
    pub fn deadlines(&self) -> impl Iterator<Item = &Deadline> {
        self.deadlines.iter()
    }

    /// A fact has been observed at `now`.
    pub fn handle_event(&mut self, now: Time, event: Event) {
        self.now = self.now.max(now);
        self.apply(event);
        self.settle();
    }

    /// `now` has come; call when [`Coordinator::poll_deadline`] says so.
    pub fn handle_timeout(&mut self, now: Time) {
        self.now = self.now.max(now);
        while let Some(deadline) = self.deadlines.expired(self.now) {
            self.expire(deadline);
            self.settle();
        }
    }

    /// Begins a request, or joins the one under way.
    ///
    /// # Errors
    /// When the session has already ended.
    pub fn request(&mut self, now: Time, request: Request) -> Result<Joined, SessionOver> {
        self.now = self.now.max(now);
        if self.over {
            return Err(SessionOver);
        }
        let joined = if self.under_way.is_some() {
            self.join(request);
            Joined::Joined
        } else {
            self.begin(request);
            Joined::Began
        };
        self.settle();
        Ok(joined)
    }

    /// Sets the waits, which the user may have changed. Those that run already run on as they are.
    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
    }

    /// The user's word.
    ///
    /// # Errors
    /// When the choice is not open; nothing has changed then.
    pub fn choose(&mut self, now: Time, choice: Choice) -> Result<(), ChoiceError> {
        self.now = self.now.max(now);
        let phase = self.phase().ok_or(ChoiceError::NoRequest)?;
        if matches!(phase, Phase::Ending | Phase::Imposed) {
            return Err(ChoiceError::TooLate);
        }
        let open = match choice {
            Choice::Cancel => true,
            Choice::Confirm => phase == Phase::Confirming,
            _ => !matches!(phase, Phase::Confirming | Phase::Authorizing),
        };
        if !open {
            return Err(ChoiceError::NotNow);
        }
        if let Choice::EndOne(of) | Choice::Show(of) | Choice::AskAgain(Some(of)) = &choice
            && !self.apps.contains_key(of)
        {
            return Err(ChoiceError::UnknownApp);
        }
        match choice {
            Choice::Confirm => self.confirmed(),
            Choice::Cancel => self.cancel(CancelledBy::User),
            Choice::EndOne(of) => self.end_one(&of),
            Choice::EndAll => self.force_all(),
            Choice::AskAgain(of) => self.ask_again(of.as_ref()),
            Choice::Show(of) => {
                let window = self.apps.get(&of).and_then(App::window_to_answer);
                let window = window.ok_or(ChoiceError::NoWindow)?;
                self.act(Action::Activate(window));
            }
        }
        self.settle();
        Ok(())
    }

    /// The next thing to do, if any.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to call [`Coordinator::handle_timeout`] at the latest.
    #[must_use]
    pub fn poll_deadline(&self) -> Option<Time> {
        self.deadlines.next()
    }

    /// Makes states equal that differ only in time, or in what is kept for the report alone: a
    /// search calls this after each step and lets any pending deadline be the next to expire,
    /// with [`Coordinator::expire_next`].
    #[doc(hidden)]
    pub fn forget_times(&mut self) {
        self.now = Time(0);
        self.deadlines.forget_times();
        if let Some(u) = &mut self.under_way {
            u.gone.clear();
            u.gone_names.clear();
            u.overridden.clear();
            u.by_rule.clear();
        }
    }

    /// Lets `deadline` expire now, whatever its time. For searches.
    #[doc(hidden)]
    pub fn expire_next(&mut self, deadline: &Deadline) {
        self.deadlines.clear(deadline);
        self.expire(deadline.clone());
        self.settle();
    }

    pub(crate) fn act(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    pub(crate) fn notice(&mut self, notice: Notice) {
        self.actions.push_back(Action::Notice(notice));
    }

    /// Whether nothing of this application counts any more.
    pub(crate) fn may_not_block(&self, app: &App) -> bool {
        app.overridden || app.rule.ignore || self.under_way.as_ref().is_some_and(|u| u.forced)
    }

    pub(crate) fn is_requester(&self, of: &Identity) -> bool {
        self.under_way
            .as_ref()
            .is_some_and(|u| u.request.requester.contains(of))
    }

    /// Whether a request is under way and nobody is there to choose. While the force of some
    /// caller is still to come, what blocks can wait for it.
    pub(crate) fn nobody_chooses(&self) -> bool {
        let unattended = self.under_way.as_ref().map(|u| u.request.unattended);
        unattended == Some(true) && self.deadlines.time_of(&Deadline::ForceAfter).is_none()
    }

    /// Notes that what an application holds up may have changed.
    pub(crate) fn touch(&mut self, of: &Identity) {
        if let Some(u) = &mut self.under_way {
            u.changed.insert(of.clone());
        }
    }

    /// What was seen is no longer all there is: look again before the next step.
    pub(crate) fn outdate_look(&mut self) {
        if let Some(u) = &mut self.under_way {
            u.look = match u.look {
                Look::Fresh | Look::Needed => Look::Needed,
                Look::Looking { .. } => Look::Looking { stale: true },
            };
        }
    }

    pub(crate) fn begin(&mut self, request: Request) {
        for voter in self.apps.values_mut().flat_map(|a| a.voters.values_mut()) {
            // A D-Bus client that was told and stayed can be asked again; an XSMP client that
            // stayed after Die is known by its windows from then on.
            if voter.vote == Vote::Told && !voter.round.is_late() {
                voter.vote = Vote::Idle;
            }
        }
        // Everybody may leave a session; whether the machine may be touched is another's word.
        let authorized = request.kind == Kind::LogOff;
        let phase = if request.confirm {
            Phase::Confirming
        } else if authorized {
            Phase::Asking
        } else {
            Phase::Authorizing
        };
        if let Some(ms) = request.timeout {
            self.deadlines.set(self.now.plus(ms), Deadline::Timeout);
        }
        if let Force::After(ms) = request.force {
            self.deadlines.set(self.now.plus(ms), Deadline::ForceAfter);
        }
        let forced = request.force == Force::Now;
        self.under_way = Some(UnderWay {
            request,
            phase,
            step: Step::NotYet,
            authorized,
            look: Look::Needed,
            round: None,
            pending: BTreeSet::new(),
            asking_user: BTreeSet::new(),
            want_user: VecDeque::new(),
            want_last: BTreeSet::new(),
            unasked: true,
            untold: false,
            blockers: BTreeSet::new(),
            slow: BTreeSet::new(),
            leaving: BTreeSet::new(),
            bundles: BTreeSet::new(),
            changed: BTreeSet::new(),
            all_changed: true,
            shown: false,
            again: BTreeSet::new(),
            forced: false,
            imposed: None,
            can_be_restored: false,
            goes_down: false,
            gone: Vec::new(),
            gone_names: BTreeSet::new(),
            overridden: BTreeSet::new(),
            by_rule: BTreeSet::new(),
            hooks: false,
        });
        self.notice(Notice::Phase(phase));
        match phase {
            Phase::Confirming => self.show(true),
            Phase::Authorizing => self.authorize(),
            _ if forced => self.force_all(),
            _ => {}
        }
    }

    fn join(&mut self, new: Request) {
        let Some(u) = &mut self.under_way else { return };
        // What ends already ends as what it was permitted to be.
        let open = !matches!(u.phase, Phase::Ending | Phase::Imposed);
        let more = open && new.kind > u.request.kind;
        if more {
            u.request.kind = new.kind;
        }
        u.request.unattended &= new.unattended;
        for of in new.requester {
            if !u.request.requester.contains(&of) {
                u.request.requester.push(of);
            }
        }
        u.all_changed = true;
        if !open {
            return;
        }
        if more {
            u.authorized = false;
            if u.phase != Phase::Confirming {
                self.authorize();
            }
        }
        if self.phase() == Some(Phase::Confirming) && !new.confirm {
            self.confirmed();
        }
        match new.force {
            Force::Now if self.has_not_begun() => {
                // Nobody has yet said that anything is to happen; force then.
                if let Some(u) = &mut self.under_way {
                    u.request.force = Force::Now;
                }
            }
            Force::Now => self.force_all(),
            Force::After(ms) => {
                self.deadlines
                    .set_at_latest(self.now.plus(ms), Deadline::ForceAfter);
            }
            Force::IfHung => {
                if let Some(u) = &mut self.under_way {
                    u.request.force = u.request.force.max(Force::IfHung);
                }
            }
            Force::No => {}
        }
    }

    /// Whether the request waits for a word without which nobody is asked.
    fn has_not_begun(&self) -> bool {
        matches!(self.phase(), Some(Phase::Confirming | Phase::Authorizing))
    }

    pub(crate) fn enter(&mut self, phase: Phase) {
        let Some(u) = &mut self.under_way else { return };
        let confirmed = u.phase == Phase::Confirming;
        let begins = phase == Phase::Asking;
        let forced = u.request.force == Force::Now;
        u.phase = phase;
        u.all_changed = true;
        u.unasked = true;
        if confirmed {
            self.show(false);
        }
        self.notice(Notice::Phase(phase));
        if begins && forced {
            self.force_all();
        }
    }

    /// Does everything that can be done without a further fact.
    fn settle(&mut self) {
        while self.step() {}
        self.mind_the_viewer();
    }

    /// One step; whether another may follow.
    fn step(&mut self) -> bool {
        let stale = |u: &UnderWay| u.all_changed || !u.changed.is_empty();
        if self.under_way.as_ref().is_some_and(stale) && !self.refresh() {
            return false;
        }
        if matches!(self.phase(), Some(Phase::Asking | Phase::Closing)) && self.step_turns() {
            return true;
        }
        match self.phase() {
            Some(Phase::Asking) => self.step_asking(),
            Some(Phase::Closing) => self.step_closing(),
            Some(Phase::Imposed) => self.step_imposed(),
            Some(Phase::Confirming | Phase::Authorizing | Phase::Ending) | None => false,
        }
    }

    /// The applications to look at again.
    fn take_changed(&mut self) -> BTreeSet<Identity> {
        let Some(u) = &mut self.under_way else {
            return BTreeSet::new();
        };
        let mut changed = std::mem::take(&mut u.changed);
        if std::mem::take(&mut u.all_changed) {
            changed.extend(self.apps.keys().cloned());
            changed.extend(u.slow.iter().cloned());
            changed.extend(u.leaving.iter().cloned());
            changed.extend(u.blockers.iter().map(|b| b.of.clone()));
        }
        changed
    }

    /// Brings the blockers up to date; `false` when that ended the request.
    fn refresh(&mut self) -> bool {
        let mut changed = self.take_changed();
        self.override_hung(&changed);
        self.override_by_rule(&changed);
        changed.append(&mut self.take_changed());
        let (mut cleared, mut blocked) = (Vec::new(), Vec::new());
        for of in &changed {
            self.refresh_app(of, &mut cleared, &mut blocked);
        }
        for blocker in cleared {
            self.notice(Notice::Cleared(blocker));
        }
        for blocker in blocked {
            self.notice(Notice::Blocked(blocker));
        }
        let Some(u) = &self.under_way else {
            return false;
        };
        let alone = self.nobody_chooses();
        let (blocks, slow) = (!u.blockers.is_empty(), !u.slow.is_empty());
        if alone && blocks {
            self.cancel(CancelledBy::Blocked);
            return false;
        }
        self.mind_the_window(blocks || slow);
        true
    }

    /// Brings up to date what one application holds up, if it is still there.
    fn refresh_app(
        &mut self,
        of: &Identity,
        cleared: &mut Vec<Blocker>,
        blocked: &mut Vec<Blocker>,
    ) {
        let Some(u) = &mut self.under_way else { return };
        let requester = u.request.requester.contains(of);
        let asks = matches!(u.phase, Phase::Asking | Phase::Closing);
        let app = self.apps.get(of);
        let counts = app.filter(|a| asks && !a.overridden && !a.rule.ignore && !u.forced);
        for (id, voter) in app.iter().flat_map(|a| &a.voters) {
            if counts.is_some() && voter.is_awaited() {
                u.pending.insert(*id);
                u.follow(*id, &voter.vote);
            } else {
                u.no_longer_waits_for(*id);
            }
        }
        put(&mut u.slow, of, counts.is_some_and(App::is_slow));
        put(
            &mut u.leaving,
            of,
            app.is_some_and(|a| a.is_leaving(requester)),
        );
        let before: BTreeSet<Blocker> = u.blockers_of(of).cloned().collect();
        let now = counts.map_or_else(Vec::new, |a| a.blockers(of, !requester));
        let now = BTreeSet::from_iter(now);
        for gone in before.difference(&now) {
            u.blockers.remove(gone);
            cleared.push(gone.clone());
        }
        for new in now.difference(&before) {
            u.blockers.insert(new.clone());
            blocked.push(new.clone());
        }
    }

    /// With [`Force::IfHung`], what is not responding no longer blocks.
    fn override_hung(&mut self, changed: &BTreeSet<Identity>) {
        if self
            .under_way
            .as_ref()
            .is_none_or(|u| u.request.force != Force::IfHung)
        {
            return;
        }
        for of in changed {
            let hung = self.apps.get(of).is_some_and(|a| {
                !a.overridden
                    && !a.rule.ignore
                    && a.blockers(of, true).iter().any(|b| {
                        matches!(b.why, Why::NotResponding | Why::Window { hung: true, .. })
                    })
            });
            if hung {
                self.override_app(of, self.policy_of(of).forced);
            }
        }
    }

    fn expire(&mut self, deadline: Deadline) {
        match deadline {
            Deadline::Voter(voter) => self.voter_is_late(voter),
            Deadline::App(of) => self.next_stage(&of),
            Deadline::Ping(of) => {
                if let Some(app) = self.apps.get_mut(&of)
                    && app.responds == Responds::Pinged
                {
                    app.responds = Responds::No;
                    self.touch(&of);
                    self.turn_responds(&of, Responds::Pinged);
                }
            }
            Deadline::Look => self.look_is_late(),
            Deadline::Show => self.show(true),
            Deadline::Unshown => {
                // While the screen is locked nothing can be shown, and the request waits.
                if !self.locked {
                    self.cancel(CancelledBy::NobodyShown);
                }
            }
            Deadline::Authorize => {
                let why = "nobody answered whether it is permitted";
                self.cancel(CancelledBy::NotAuthorized(why.to_owned()));
            }
            Deadline::Timeout => self.cancel(CancelledBy::TimedOut),
            Deadline::ForceAfter => {
                if self.phase() == Some(Phase::Confirming) {
                    self.confirmed();
                }
                match &mut self.under_way {
                    Some(u) if u.phase == Phase::Authorizing => u.request.force = Force::Now,
                    _ => self.force_all(),
                }
            }
            Deadline::Ending => self.ending_is_late(),
            Deadline::ImposedTerm => self.enter_ending(),
        }
    }
}

//! Bundles: applications that something else lets go of as one, each asked and ended before the next
//! is asked, so that none of them can be asked beforehand and none be closed beside the others. The
//! programs of one Wine prefix are such.

use std::collections::BTreeSet;

use crate::action::{Action, CancelledBy, Phase};
use crate::app::{App, Going, Responds};
use crate::coordinator::Coordinator;
use crate::event::BundleEnd;
use crate::id::{BundleId, Identity};
use crate::time::Deadline;

/// How often one that goes with its bundle is asked whether it handles events, before it blocks
/// although it does. Its turn may come at any time between.
const PINGS: u8 = 3;

impl Coordinator {
    /// The bundle with which an application is let go. Not where it votes, since then it can be asked
    /// like others, nor where a rule says to ignore one of the bundle: then each goes by itself.
    pub(crate) fn whole(&self, app: &App) -> Option<BundleId> {
        let bundle = app.bundle.filter(|_| app.voters.is_empty())?;
        let let_be = |a: &App| a.bundle == Some(bundle) && a.is_let_be();
        (!self.apps.values().any(let_be)).then_some(bundle)
    }

    /// The bundles of which the requester is one.
    pub(crate) fn bundles_of_requester(&self) -> BTreeSet<BundleId> {
        let apps = self.apps.iter();
        apps.filter(|(of, _)| self.is_requester(of))
            .filter_map(|(_, a)| a.bundle)
            .collect()
    }

    /// Whether an application is on its way with its bundle: its turn may not have come.
    pub(crate) fn goes_with_its_bundle(&self, app: &App) -> bool {
        let runs = |b| {
            self.under_way
                .as_ref()
                .is_some_and(|u| u.bundles.contains(&b))
        };
        !app.overridden
            && matches!(app.going, Going::Bundle { .. } | Going::Stays)
            && app.bundle.is_some_and(runs)
    }

    pub(crate) fn bundled(&mut self, of: &Identity, name: String, bundle: BundleId) {
        let app = self.known(of, &name);
        if app.going == Going::No && !app.spared {
            app.bundle = Some(bundle);
            app.name = name;
        }
        self.touch(of);
        self.look_after(of);
    }

    pub(crate) fn unbundled(&mut self, of: &Identity) {
        let Some(app) = self.apps.get(of).filter(|a| a.bundle.is_some()) else {
            return;
        };
        let with_it = self.goes_with_its_bundle(app);
        let bundle = app.bundle;
        if let Some(app) = self.apps.get_mut(of) {
            app.bundle = None;
        }
        if with_it {
            self.stands_again(of);
        }
        self.touch(of);
        self.look_after(of);
        self.bundle_moves(bundle);
    }

    /// Has a bundle close, unless that is under way.
    pub(crate) fn close_bundle(&mut self, bundle: BundleId, forceful: bool) {
        if let Some(u) = &mut self.under_way
            && u.bundles.insert(bundle)
        {
            self.act(Action::CloseBundle { bundle, forceful });
        }
    }

    /// Nobody waits any more for the bundles that are closing.
    pub(crate) fn leave_bundles(&mut self) {
        let Some(u) = &mut self.under_way else { return };
        for bundle in std::mem::take(&mut u.bundles) {
            self.act(Action::LeaveBundle(bundle));
        }
    }

    fn members(&self, bundle: BundleId) -> Vec<Identity> {
        let apps = self.apps.iter();
        apps.filter(|(_, a)| a.bundle == Some(bundle))
            .map(|(of, _)| of.clone())
            .collect()
    }

    /// Whether something of a bundle shows a window.
    fn is_seen(&self, bundle: BundleId) -> bool {
        let mut apps = self.apps.values();
        apps.any(|a| a.bundle == Some(bundle) && !a.windows.is_empty())
    }

    /// A bundle has closed as far as it does, or its user said no.
    pub(crate) fn bundle_ended(&mut self, bundle: BundleId, end: BundleEnd) {
        let Some(u) = &mut self.under_way else { return };
        if !u.bundles.remove(&bundle) {
            return;
        }
        let may_cancel = !u.forced && u.phase == Phase::Closing;
        self.outdate_look();
        let members = self.members(bundle);
        let on_their_way = |a: &App| a.overridden && a.is_leaving(false);
        match end {
            BundleEnd::Refused { by, name, reason } => {
                let by = by.and_then(|of| self.apps.get(&of));
                let counts = by.is_none_or(|a| !self.may_not_block(a));
                let name = by.map_or(name, |a| a.name.clone());
                if may_cancel && counts {
                    // Those that are left were not told to end.
                    members.iter().for_each(|of| self.stands_again(of));
                    self.cancel(CancelledBy::InApplication { name, reason });
                } else if members
                    .iter()
                    .any(|of| self.apps.get(of).is_some_and(on_their_way))
                {
                    // Once whoever said no has gone, the others are let go again.
                    members.iter().for_each(|of| self.stands_again(of));
                } else {
                    self.dissolve(&members);
                }
            }
            BundleEnd::Done => self.dissolve(&members),
        }
    }

    /// What is left of a bundle was not asked: it goes as if there were none.
    fn dissolve(&mut self, members: &[Identity]) {
        for of in members {
            self.stands_again(of);
            self.unbundled(of);
        }
    }

    /// One that was on its way with its bundle is not any more.
    fn stands_again(&mut self, of: &Identity) {
        let with_it = |a: &App| match a.going {
            Going::Bundle { .. } => true,
            // One that votes was told by itself.
            Going::Stays => a.voters.is_empty(),
            _ => false,
        };
        if let Some(app) = self
            .apps
            .get_mut(of)
            .filter(|a| !a.overridden && with_it(a))
        {
            app.going = Going::No;
            for window in app.windows.values_mut() {
                window.after = false;
            }
            self.deadlines.clear(&Deadline::App(of.clone()));
        }
        self.touch(of);
        self.outdate_look();
    }

    /// A bundle was let go, and one of it is ignored from now on: the bundle cannot go any further.
    pub(crate) fn breaks_its_bundle(&mut self, bundle: Option<BundleId>) {
        let Some(u) = &mut self.under_way else { return };
        let Some(bundle) = bundle else { return };
        if !u.bundles.remove(&bundle) {
            return;
        }
        self.act(Action::LeaveBundle(bundle));
        for of in self.members(bundle) {
            self.stands_again(&of);
            self.look_after(&of);
        }
    }

    /// One of a bundle has gone: the turn of each of the others may just have come. Where nobody is
    /// left, there is nothing to wait for.
    pub(crate) fn bundle_moves(&mut self, bundle: Option<BundleId>) {
        let Some(bundle) = bundle else { return };
        let members = self.members(bundle);
        if let Some(u) = self.under_way.as_mut().filter(|_| members.is_empty())
            && u.bundles.remove(&bundle)
        {
            self.act(Action::LeaveBundle(bundle));
        }
        for of in members {
            let waits = |a: &&App| matches!(a.going, Going::Bundle { pings: 1.. });
            if self.apps.get(&of).filter(waits).is_some() {
                self.waits_for_its_turn(&of, 0);
            }
        }
    }

    /// Sets the next time at which one that goes with its bundle is looked at.
    pub(crate) fn waits_for_its_turn(&mut self, of: &Identity, pings: u8) {
        let policy = self.policy_of(of);
        let after = match self.apps.get(of).and_then(|a| a.bundle) {
            _ if pings == 0 => policy.stays,
            // Who shows nothing cannot say no, and has the time that it has when it is ended alone.
            Some(bundle) if !self.is_seen(bundle) => policy.forced_one / u64::from(PINGS),
            _ => policy.silent / u64::from(PINGS),
        };
        // At least a moment: it may be set again and again.
        self.go(of, Going::Bundle { pings }, after.max(1));
    }

    /// It has had a while. Who is asked answers no ping while it thinks, and those whose turn is
    /// still to come do; so one that is silent is what the others wait for.
    pub(crate) fn turn_is_late(&mut self, of: &Identity, pings: u8) {
        let Some(app) = self.apps.get(of) else { return };
        let bundle = app.bundle;
        let named = |a: &App| a.bundle == bundle && a.going == Going::Stays;
        if app.hung() {
            self.stay(of);
            self.ping(of);
        } else if pings < PINGS {
            self.waits_for_its_turn(of, pings + 1);
            self.ping(of);
        } else if let Some(bundle) = bundle.filter(|b| !self.is_seen(*b)) {
            // What nobody sees holds nothing up: it is left to Ending.
            if let Some(u) = &mut self.under_way {
                u.bundles.remove(&bundle);
            }
            self.act(Action::LeaveBundle(bundle));
            let members = self.members(bundle);
            self.dissolve(&members);
        } else if self.apps.values().any(named) {
            // Another is known to be what this one waits for.
            self.waits_for_its_turn(of, PINGS);
        } else {
            self.stay(of);
        }
    }

    /// Whether one that goes with its bundle handles events has changed.
    pub(crate) fn turn_responds(&mut self, of: &Identity, before: Responds) {
        let Some(app) = self.apps.get(of).filter(|a| self.goes_with_its_bundle(a)) else {
            return;
        };
        let was_hung = matches!(before, Responds::No | Responds::Stopped);
        if app.hung() {
            self.stay(of);
        } else if was_hung && !app.answers_with_a_window() {
            self.waits_for_its_turn(of, 1);
        }
    }
}

//! In which order applications may be let go, from events and actions alone: each group wholly
//! gone before the next is touched, and no host before its guests.

use std::collections::BTreeSet;

use endsession_core::*;

use super::{Asked, Ghost};

impl Ghost {
    /// Something leads to this application.
    pub fn is_known(&self, of: &Identity) -> bool {
        self.shows(of) || self.bundles.contains_key(of) || self.holds.values().any(|o| o == of)
    }

    /// Something leads to it, or its exit is waited for.
    pub fn is_remembered(&self, of: &Identity) -> bool {
        self.is_known(of) || self.touched.contains(of)
    }

    /// It has a window or a client.
    fn shows(&self, of: &Identity) -> bool {
        self.has_window(of) || self.voters.values().any(|(o, _)| o == of)
    }

    /// The same, or it is there as part of a bundle.
    fn is_shown(&self, of: &Identity) -> bool {
        self.shows(of) || self.bundles.contains_key(of)
    }

    fn has_window(&self, of: &Identity) -> bool {
        self.windows.values().any(|w| w.of == *of)
    }

    /// Whose exit is waited for.
    fn outlives_its_windows(&self, of: &Identity) -> bool {
        of.is_process() && !self.spared.contains(of)
    }

    pub fn hosted(&mut self, guest: &Identity, host: &Identity) {
        let mut above = Some(host);
        while let Some(of) = above {
            if of == guest {
                return;
            }
            above = self.hosts.get(of);
        }
        // What a rule is about is known by that alone.
        if self.is_remembered(guest) || self.rules.contains_key(guest) {
            self.hosts.insert(guest.clone(), host.clone());
        }
    }

    /// The group in which this application is to go; the lowest first.
    fn group(&self, of: &Identity) -> u8 {
        let mut windows = self.windows.values().filter(|w| w.of == *of);
        let unheard = |(o, asked): &(Identity, Asked)| o == of && *asked == Asked::Abstained;
        let unheard = self.has_window(of) && self.voters.values().any(unheard);
        let untold = |(o, asked): &(Identity, Asked)| o == of && *asked != Asked::Told;
        if self.requester.contains(of) || self.goes_with_requester(of) {
            5
        } else if self.whole(of).is_some() {
            1
        } else if self.rule(of).end_by == EndBy::Term {
            4
        } else if unheard || windows.any(|w| w.unsaved) {
            0
        } else if self.voters.values().any(untold) {
            3
        } else {
            2
        }
    }

    /// A guest that is still there, unless nothing more is expected of it.
    fn is_guest_of(&self, guest: &Identity, host: &Identity) -> bool {
        let there = self.has_window(guest) || (self.shows(guest) && !self.touched.contains(guest));
        let done = self.killed.contains(guest)
            || self.requester.contains(guest)
            || self.overridden.contains(guest)
            || self.let_be(guest)
            || self.alone.contains(guest);
        self.hosts.get(guest) == Some(host) && there && !done
    }

    /// Checks the first thing that is done to each application, and remembers it.
    pub fn in_order(&mut self, action: &Action) -> Result<(), String> {
        let of = match action {
            Action::Close(w) => self.windows.get(w).map(|w| w.of.clone()),
            Action::End { voter, .. } => self.voters.get(voter).map(|(of, _)| of.clone()),
            // A survivor of Die may have nothing left to close or tell.
            Action::Notice(Notice::Closing(of)) => Some(of.clone()),
            Action::Signal(of, signal) => {
                if *signal == Signal::Kill {
                    self.killed.insert(of.clone());
                }
                Some(of.clone())
            }
            _ => None,
        };
        let Some(of) = of.filter(|of| !self.touched.contains(of)) else {
            return Ok(());
        };
        let group = self.group(&of);
        if self.unpermitted && !self.alone.contains(&of) {
            return Err("touched before the end was permitted".to_owned());
        }
        // "End this one" is immediate, and with force there is no No to be cheap for.
        if !self.forced && !self.imposed && !self.alone.contains(&of) {
            self.nobody_earlier_is_left(&of, group)?;
        }
        self.batch.push((of.clone(), group));
        if self.whole(&of).is_some() && !self.alone.contains(&of) {
            self.with_bundle.insert(of.clone());
        }
        self.touched.insert(of);
        Ok(())
    }

    fn nobody_earlier_is_left(&self, of: &Identity, group: u8) -> Result<(), String> {
        let whole = self.whole(of).is_some();
        if let Some(guest) = self
            .hosts
            .keys()
            .find(|g| !whole && self.is_guest_of(g, of))
        {
            return Err(format!("a host went before its guest {guest:?}"));
        }
        let owners: BTreeSet<&Identity> = self
            .voters
            .values()
            .map(|(o, _)| o)
            .chain(self.windows.values().map(|w| &w.of))
            .chain(self.bundles.keys().filter(|of| self.whole(of).is_some()))
            .collect();
        for other in owners {
            let waits_for_guest = self.whole(other).is_none()
                && self
                    .hosts
                    .iter()
                    .any(|(guest, host)| host == other && self.is_shown(guest));
            let untouched = !self.touched.contains(other) && !waits_for_guest;
            if other != of && untouched && !self.let_be(other) && self.group(other) < group {
                return Err(format!("touched before {other:?} of an earlier group"));
            }
        }
        self.have_gone(&self.touched, Some(group))
            .map_err(|why| format!("touched although {why}"))
    }

    /// That these have gone, so far as anything is still expected of them. Those of the same
    /// group are let go together.
    fn have_gone(&self, these: &BTreeSet<Identity>, together: Option<u8>) -> Result<(), String> {
        for of in these {
            let beside = self
                .batch
                .iter()
                .any(|(o, g)| o == of && Some(*g) == together);
            let done = self.free(of) || self.requester.contains(of) || self.killed.contains(of);
            if !beside && !done && (self.outlives_its_windows(of) || self.has_window(of)) {
                return Err(format!("{of:?} has not gone"));
            }
        }
        Ok(())
    }

    /// What Ending may begin with: every client told, no window but of those that may stay.
    pub fn all_have_gone(&self) -> Result<(), String> {
        for (voter, (of, asked)) in &self.voters {
            if *asked != Asked::Told && !self.free(of) {
                return Err(format!("{voter:?} of {of:?} has not been told"));
            }
        }
        for (window, pane) in &self.windows {
            if !self.free(&pane.of) && !self.requester.contains(&pane.of) {
                return Err(format!("{window:?} of {:?} is there", pane.of));
            }
        }
        self.have_gone(&self.touched, None)
    }

    /// What has wholly gone may come again, as another application.
    pub fn forget_the_gone(&mut self) {
        let gone = |g: &Self, of: &Identity| {
            !g.shows(of) && !g.bundles.contains_key(of) && !g.outlives_its_windows(of)
        };
        let touched = std::mem::take(&mut self.touched);
        self.touched = touched
            .into_iter()
            .filter(|of| !gone(self, of) && (self.under_way || self.alone.contains(of)))
            .collect();
        if !self.under_way {
            self.killed.clear();
        }
        let hosts = std::mem::take(&mut self.hosts);
        self.hosts = hosts
            .into_iter()
            .filter(|(guest, _)| self.is_remembered(guest) || self.rules.contains_key(guest))
            .collect();
        let spared = std::mem::take(&mut self.spared);
        self.spared = spared
            .into_iter()
            .filter(|of| self.is_remembered(of))
            .collect();
        self.batch.clear();
    }
}

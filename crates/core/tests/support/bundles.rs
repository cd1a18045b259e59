//! What must hold of bundles, from events and actions alone: one at a time, each after everybody has
//! agreed, nothing of it closed or signalled beside it, and its user's no is the request's end.

use endsession_core::*;

use super::{Ghost, Op};

impl Ghost {
    /// The bundle with which it is let go.
    pub fn whole(&self, of: &Identity) -> Option<BundleId> {
        let bundle = *self.bundles.get(of)?;
        let votes = self.voters.values().any(|(o, _)| o == of);
        let mut of_it = self.bundles.iter().filter(|(_, b)| **b == bundle);
        let broken = of_it.any(|(of, _)| self.let_be(of));
        (!votes && !broken).then_some(bundle)
    }

    /// Whether it is let go with the application that asked for the end.
    pub fn goes_with_requester(&self, of: &Identity) -> bool {
        let bundle = self.whole(of);
        let of_requester = |of| bundle.is_some() && self.bundles.get(of) == bundle.as_ref();
        self.requester.iter().any(of_requester)
    }

    pub fn bundled(&mut self, of: &Identity, bundle: BundleId) {
        // One on its way goes on as it began.
        if !self.touched.contains(of) && !self.spared.contains(of) {
            self.bundles.insert(of.clone(), bundle);
        }
    }

    pub fn bundle_ended(&mut self, bundle: BundleId, end: &BundleEnd) {
        if !self.closing_bundles.remove(&bundle) {
            return;
        }
        if let BundleEnd::Refused { by, .. } = end {
            let known = by.as_ref().filter(|of| self.is_remembered(of));
            let counts = known.is_none_or(|of| !self.free(of));
            self.refused_in_bundle = counts && !self.forced && !self.imposed;
        } else {
            self.bundles.retain(|_, b| *b != bundle);
        }
    }

    /// What was let go with its bundle may be there again, when the bundle could not go any further.
    pub fn those_of_bundles_stand_again(&mut self, c: &Coordinator) {
        self.bundles
            .retain(|of, b| c.app(of).is_some_and(|a| a.bundle == Some(*b)));
        let with = std::mem::take(&mut self.with_bundle);
        for of in with {
            if c.app(&of).is_some_and(|a| a.going != Going::No) {
                self.with_bundle.insert(of);
            } else if !self.free(&of) {
                self.touched.remove(&of);
            }
        }
    }

    /// Checks and follows what is done to bundles.
    pub fn bundles_in_order(&mut self, op: &Op, action: &Action) -> Result<(), String> {
        let beside = |g: &Self, of: &Identity| {
            let closing = g.whole(of).is_some_and(|b| g.closing_bundles.contains(&b));
            closing && !g.alone.contains(of)
        };
        match action {
            Action::CloseBundle { bundle, forceful } => {
                let mut members = self.bundles.iter().filter(|(_, b)| *b == bundle);
                let free = members.any(|(of, _)| self.free(of));
                if *forceful && !free {
                    return Err("a bundle was closed by force that nobody chose".to_owned());
                }
                if !self.forced && !self.imposed {
                    self.committed().map_err(|why| {
                        format!("a bundle was closed before all have accepted ({why})")
                    })?;
                    let by_requester = |b: &BundleId| {
                        self.requester
                            .iter()
                            .any(|of| self.bundles.get(of) == Some(b))
                    };
                    if self.closing_bundles.iter().any(|b| !by_requester(b)) && !forceful {
                        return Err("a bundle was closed beside another".to_owned());
                    }
                }
                if !self.under_way || self.confirming || self.unpermitted {
                    return Err("a bundle was closed out of turn".to_owned());
                }
                if !self
                    .bundles
                    .iter()
                    .any(|(of, b)| b == bundle && !self.let_be(of))
                {
                    return Err("a bundle was closed of which nothing is there".to_owned());
                }
                if !self.closing_bundles.insert(*bundle) {
                    return Err("a bundle was closed twice".to_owned());
                }
            }
            Action::LeaveBundle(bundle) if !self.closing_bundles.remove(bundle) => {
                return Err("a bundle was left that is not being closed".to_owned());
            }
            Action::RunHooks | Action::Finished(_) if !self.closing_bundles.is_empty() => {
                return Err("a bundle is still being closed".to_owned());
            }
            Action::Close(w) if self.windows.get(w).is_some_and(|w| beside(self, &w.of)) => {
                return Err("a window was closed beside its bundle".to_owned());
            }
            Action::Signal(of, _) if beside(self, of) && !self.free(of) => {
                return Err("signalled beside its bundle".to_owned());
            }
            Action::Finished(outcome) => {
                let cancelled = matches!(outcome, Outcome::Cancelled { .. });
                let ended = matches!(op, Op::Event(Event::BundleEnded(..)));
                if ended && cancelled && !std::mem::take(&mut self.refused_in_bundle) {
                    return Err("a no that does not count cancelled".to_owned());
                }
                self.refused_in_bundle = false;
            }
            _ => {}
        }
        Ok(())
    }
}

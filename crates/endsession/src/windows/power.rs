//! What is held of the machine: its sleep and its idleness.

use std::collections::BTreeMap;

use super::system::{PowerRequest, System};
use crate::{What, hold::HoldId, shared::Shared};

/// What of a hold is the machine's.
const MACHINE: What = What::SLEEP.union(What::IDLE);

/// What is held by the thread in which this lives.
#[derive(Debug, Default)]
pub(super) struct Power {
    held: BTreeMap<HoldId, Held>,
    /// What the thread is kept awake for.
    awake: Option<What>,
}

#[derive(Debug)]
struct Held {
    what: What,
    reason: String,
    /// `None` where Windows takes no such request: then the thread holds it.
    request: Option<PowerRequest>,
}

impl Power {
    /// Makes what is held the same as `wanted`. Always from the same thread: what that holds ends with it.
    pub(super) fn hold(
        &mut self,
        system: &impl System,
        shared: &Shared,
        wanted: &BTreeMap<HoldId, (What, String)>,
    ) {
        self.held.retain(|id, held| {
            let is_same = wanted.get(id).is_some_and(|(what, reason)| {
                what.intersection(MACHINE) == held.what && *reason == held.reason
            });
            if let (false, Some(request)) = (is_same, held.request) {
                system.end_power(request);
            }
            is_same
        });
        for (id, (what, reason)) in wanted {
            let what = what.intersection(MACHINE);
            if what.is_nothing() || self.held.contains_key(id) {
                continue;
            }
            // An error here is a Windows (or a Wine) without such requests; what failed is told when the thread cannot hold it either.
            let request = system.request_power(what, reason).ok();
            let held = Held {
                what,
                reason: reason.clone(),
                request,
            };
            self.held.insert(*id, held);
        }
        self.keep_awake(system, shared);
    }

    fn keep_awake(&mut self, system: &impl System, shared: &Shared) {
        let without = |held: &&Held| held.request.is_none();
        let needed = self.held.values().filter(without);
        let needed = needed.fold(What::NOTHING, |sum, held| sum.union(held.what));
        if needed == self.awake.unwrap_or(What::NOTHING) {
            return;
        }
        if system.keep_awake(needed) {
            self.awake = Some(needed);
            return;
        }
        tracing::warn!("Windows does not keep the machine awake (SetThreadExecutionState failed)");
        for (id, held) in &self.held {
            if held.request.is_none() {
                shared.hold_refused(*id, held.what);
            }
        }
    }

    /// Lets go of everything.
    pub(super) fn release(&mut self, system: &impl System, shared: &Shared) {
        self.hold(system, shared, &BTreeMap::new());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::windows::system::recorded::{Call, Recorded};

    /// What a backend learns of holds.
    fn wanted(shared: &Arc<Shared>) -> BTreeMap<HoldId, (What, String)> {
        let holds = shared.holds().into_iter();
        holds
            .map(|(id, what, reason)| (id, (what, reason)))
            .collect()
    }

    fn shared() -> Arc<Shared> {
        let shared = Shared::new();
        shared.backend_is(crate::Backend::Windows);
        shared
    }

    fn request(what: What, reason: &str, number: PowerRequest) -> Call {
        Call::RequestPower(what, reason.to_owned(), number)
    }

    #[test]
    fn each_hold_is_a_request_with_its_reason() {
        let (system, shared, mut power) = (Recorded::default(), shared(), Power::default());
        let first = shared.hold(What::SLEEP | What::LOG_OFF, "Downloading".to_owned());
        shared.hold(What::LOG_OFF, "Rendering".to_owned());
        power.hold(&system, &shared, &wanted(&shared));
        power.hold(&system, &shared, &wanted(&shared));
        assert_eq!(system.calls(), [request(What::SLEEP, "Downloading", 1)]);
        shared.set_reason(first, "Downloading, 3 minutes left".to_owned());
        shared.hold(What::IDLE, "Playing".to_owned());
        power.hold(&system, &shared, &wanted(&shared));
        assert_eq!(
            system.calls(),
            [
                Call::EndPower(1),
                request(What::SLEEP, "Downloading, 3 minutes left", 2),
                request(What::IDLE, "Playing", 3),
            ]
        );
        power.release(&system, &shared);
        assert_eq!(system.calls(), [Call::EndPower(2), Call::EndPower(3)]);
        assert_eq!(shared.held(first), What::SLEEP | What::LOG_OFF);
    }

    #[test]
    fn without_requests_the_thread_is_kept_awake() {
        let (system, shared, mut power) = (Recorded::default(), shared(), Power::default());
        system.take_no_power_requests();
        let sleep = shared.hold(What::SLEEP, String::new());
        let idle = shared.hold(What::IDLE | What::SLEEP, String::new());
        power.hold(&system, &shared, &wanted(&shared));
        shared.release(sleep);
        power.hold(&system, &shared, &wanted(&shared));
        shared.release(idle);
        power.hold(&system, &shared, &wanted(&shared));
        assert_eq!(
            system.calls(),
            [
                Call::KeepAwake(What::SLEEP | What::IDLE),
                Call::KeepAwake(What::NOTHING)
            ]
        );
    }

    #[test]
    fn what_windows_does_not_hold_is_told() {
        let (system, shared, mut power) = (Recorded::default(), shared(), Power::default());
        system.take_no_power_requests();
        system.never_stay_awake();
        let id = shared.hold(What::SLEEP | What::LOG_OFF, String::new());
        power.hold(&system, &shared, &wanted(&shared));
        assert_eq!(shared.held(id), What::LOG_OFF);
    }
}

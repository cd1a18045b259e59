//! [`LogOff`]: one log-off, what its caller was told, and what everybody could see of it.

use endsession_testkit::session::Proc;
use endsession_testkit::xsmp::Events;
use serde_json::Value;

use crate::desk::{Desk, LIMIT};

/// A log-off that was asked for with `endsession logoff`, watched from before its beginning.
pub(crate) struct LogOff {
    news: Events,
    watch: Proc,
    /// The number of the last request that is not this one.
    before: u64,
    command: Proc,
}

impl LogOff {
    /// Asks for one.
    #[track_caller]
    pub(crate) fn begin(desk: &Desk) -> Self {
        Self::with(desk, &[])
    }

    /// Asks for one with these options.
    #[track_caller]
    pub(crate) fn with(desk: &Desk, options: &[&str]) -> Self {
        let (watch, before) = desk.watch_with(&["--json"]);
        Self {
            news: Events::of(watch.stdout()),
            watch,
            before,
            command: desk.command(&[&["logoff"], options].concat()),
        }
    }

    /// Waits for this event of this process.
    #[track_caller]
    pub(crate) fn wait_for(&self, event: &str, pid: u32) -> Value {
        self.wait_for_news(|e| e["event"] == event && e["pid"] == pid)
    }

    /// Waits for an event that `wanted` accepts, among all from the beginning.
    #[track_caller]
    pub(crate) fn wait_for_news(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        self.news.find(LIMIT, |e| self.is_of_this(e) && wanted(e))
    }

    /// Waits until this process has given this answer.
    #[track_caller]
    pub(crate) fn wait_for_answer(&self, answer: &str, pid: u32) -> Value {
        self.wait_for_news(|e| e["answer"] == answer && e["pid"] == pid)
    }

    /// Waits until this process blocks in this way.
    #[track_caller]
    pub(crate) fn wait_for_blocker(&self, kind: &str, pid: u32) -> Value {
        self.wait_for_news(|e| e["event"] == "blocked" && e["kind"] == kind && e["pid"] == pid)
    }

    fn is_of_this(&self, event: &Value) -> bool {
        event["request"].as_u64().is_none_or(|n| n > self.before)
    }

    /// The events so far that are called so, of whom.
    pub(crate) fn pids(&self, event: &str) -> Vec<u64> {
        let all = self.news.so_far();
        all.iter()
            .filter(|e| self.is_of_this(e) && e["event"] == event)
            .filter_map(|e| e["pid"].as_u64())
            .collect()
    }

    /// Waits until it was cancelled; how.
    #[track_caller]
    pub(crate) fn is_cancelled(&self) -> Value {
        let finished = self.wait_for_news(|e| e["event"] == "finished");
        assert_eq!(finished["outcome"], "cancelled", "{finished}");
        let status = self.command.wait_exit(LIMIT);
        assert_eq!(status.code(), Some(1), "{}", self.command.stderr_so_far());
        finished
    }

    /// As [`is_cancelled`](Self::is_cancelled), before anything was closed, told to end or
    /// signalled, and with the session's own program not asked.
    #[track_caller]
    pub(crate) fn is_cancelled_at_no_cost(&self, desk: &Desk) -> Value {
        let finished = self.is_cancelled();
        for event in ["closing", "signalled", "gone"] {
            let news = self.watch.stdout_so_far();
            assert_eq!(self.pids(event), [0; 0], "{event}: {news}");
        }
        self.has_spared(desk);
        finished
    }

    /// Waits until the session has ended in order, the compositor after this many that are watched,
    /// and nobody signalled; the order.
    #[track_caller]
    pub(crate) fn is_over(&self, desk: &Desk, applications: usize) -> Vec<String> {
        let compositor = desk.compositor();
        let order = desk.ends_last_of(applications);
        self.has_ended(&[]);
        assert!(!self.pids("asked").contains(&compositor.into()));
        order
    }

    /// As [`is_over`](Self::is_over), where only these were signalled.
    #[track_caller]
    pub(crate) fn is_over_but_for(&self, desk: &Desk, signalled: &[u32]) {
        desk.ends_last_of(0);
        self.has_ended(signalled);
    }

    #[track_caller]
    fn has_ended(&self, signalled: &[u32]) {
        let status = self.command.wait_exit(LIMIT);
        assert_eq!(status.code(), Some(0), "{}", self.command.stderr_so_far());
        self.watch.wait_exit(LIMIT);
        let pids = self.pids("signalled");
        let others = pids
            .iter()
            .filter(|pid| !signalled.iter().any(|s| u64::from(*s) == **pid));
        assert_eq!(others.count(), 0, "{}", self.watch.stdout_so_far());
    }

    /// The session's own program is an XSMP client too, and neither asked nor told.
    #[track_caller]
    fn has_spared(&self, desk: &Desk) {
        let compositor = u64::from(desk.compositor());
        for event in ["asked", "closing"] {
            assert!(!self.pids(event).contains(&compositor), "{event}");
        }
    }

    /// What `endsession logoff` has said so far.
    pub(crate) fn said(&self) -> String {
        self.command.stderr_so_far()
    }
}

//! The deadlines and their defaults, in milliseconds. Plain data; the manager reads them from its
//! configuration.

/// How long each wait may last. All values are milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Policy {
    /// A client that has not answered is shown as slow, and pinged. `HungAppTimeout` is 5 s.
    pub slow: u64,
    /// A client that has not answered and does not answer a ping is "not responding".
    pub silent: u64,
    /// The answer to a ping.
    pub ping: u64,
    /// A closed window that is still there is a blocker.
    pub stays: u64,
    /// A process whose last window has gone gets SIGTERM (close-to-tray programs).
    pub exit: u64,
    /// A client that was told to end, shows no window and has not left gets SIGTERM. gnome-session
    /// 50 gives 10 s: it was told to save, and may be at it.
    pub exit_voter: u64,
    /// After that SIGTERM, SIGKILL. A browser writes its profile meanwhile.
    pub exit_kill: u64,
    /// "End all anyway": the time before SIGTERM. `WaitToKillAppTimeout` is 20 s.
    pub forced: u64,
    /// "End this one": the time before SIGTERM.
    pub forced_one: u64,
    /// Between a forced SIGTERM and SIGKILL.
    pub forced_kill: u64,
    /// After SIGKILL, when the kernel still has not taken the process away.
    pub give_up: u64,
    /// From the first blocker to showing a window, so that a quick answer never flashes one.
    pub show: u64,
    /// Something waits for the user and nothing shows it: the request is cancelled.
    pub unshown: u64,
    /// The user is asked for a password, and nobody answers: the request is cancelled.
    pub authorize: u64,
    /// The edges look at windows and jobs.
    pub look: u64,
    /// In Ending, what is left gets SIGTERM, then after this SIGKILL.
    pub rest: u64,
    /// The backend ends the session.
    pub backend: u64,
    /// In Ending, all hooks together, before anything is signalled.
    pub hooks: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            slow: 5_000,
            silent: 30_000,
            ping: 5_000,
            stays: 2_000,
            exit: 3_000,
            exit_voter: 10_000,
            exit_kill: 20_000,
            forced: 20_000,
            forced_one: 5_000,
            forced_kill: 5_000,
            give_up: 5_000,
            show: 300,
            unshown: 300_000,
            authorize: 300_000,
            look: 10_000,
            rest: 5_000,
            backend: 30_000,
            hooks: 10_000,
        }
    }
}

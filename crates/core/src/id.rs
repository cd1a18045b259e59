//! Who is who: verified identities of applications and the names of what they hold.

/// One application, by what has been verified about it. Two channels that lead to the same identity
/// are one application; names that an application claims are never compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    /// A process, by credentials that a kernel or display server vouches for.
    Process {
        /// The process id.
        pid: u32,
        /// Its start time in clock ticks since boot (`/proc/PID/stat`, field 22), so that a
        /// recycled pid is another application.
        start: u64,
    },
    /// The windows of one app id on a compositor that tells no process. Can be closed, never
    /// signalled.
    AppId(String),
    /// A peer of which nothing is known but its connection, numbered by the adapter.
    Peer(u64),
    /// A hook by its file's name: the user's or the administrator's own script, which is asked like an
    /// application and is none.
    Hook(String),
}

impl Identity {
    /// Whether there is a process that can be signalled and awaited.
    #[must_use]
    pub fn is_process(&self) -> bool {
        matches!(self, Self::Process { .. })
    }

    /// Whether it is a hook.
    #[must_use]
    pub fn is_hook(&self) -> bool {
        matches!(self, Self::Hook(_))
    }

    /// The process id, where there is one.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        match self {
            Self::Process { pid, .. } => Some(*pid),
            _ => None,
        }
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);
    };
}

id!(
    /// A registered client of a session protocol, numbered by its adapter.
    VoterId
);
id!(
    /// A window, numbered by its adapter.
    WindowId
);
id!(
    /// An inhibitor, numbered by its adapter.
    InhibitorId
);
id!(
    /// Applications that are let go of as one, numbered by their adapter.
    BundleId
);
id!(
    /// The job of a terminal, or of all terminals of one multiplexer, numbered by its adapter.
    JobId
);

//! What kind of end a query or an end is about, as far as the platform tells.

/// What is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The user's session; the machine goes on.
    LogOff,
    /// The machine is restarted or powered off. No platform tells which.
    Shutdown,
    /// This application alone, so that files that it uses can be replaced: `ENDSESSION_CLOSEAPP` of Windows' Restart Manager.
    AppUpdate,
}

/// What kind of end a [`Query`](crate::Query) or an [`End`](crate::End) is about.
///
/// Windows tells it in the lParam of
/// [WM_QUERYENDSESSION](https://learn.microsoft.com/en-us/windows/win32/shutdown/wm-queryendsession); Linux tells hardly any of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ending {
    kind: Option<Kind>,
    is_critical: bool,
}

impl Ending {
    /// An end of which nothing is known.
    pub(crate) const UNKNOWN: Self = Self {
        kind: None,
        is_critical: false,
    };

    pub(crate) const fn new(kind: Option<Kind>, is_critical: bool) -> Self {
        Self { kind, is_critical }
    }

    /// What ends; `None` where the platform does not tell: [`Support::tells_kind`](crate::Support::tells_kind).
    #[must_use]
    pub fn kind(self) -> Option<Kind> {
        self.kind
    }

    /// Whether a refusal would change nothing: `ENDSESSION_CRITICAL` on Windows, the forceful flag of GNOME's protocol, a shut-down that logind
    /// has begun. Save what can be saved at once, without asking anybody.
    #[must_use]
    pub fn is_critical(self) -> bool {
        self.is_critical
    }
}

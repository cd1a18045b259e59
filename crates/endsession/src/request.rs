//! Ending the session: the seed's `ExitWindows(0, 0)`, and all that can be said with it.

use crate::{Error, Pending, platform, text};

/// What is to become of programs that hold an end up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Force {
    /// They are asked, and may refuse.
    #[default]
    No,
    /// They are asked; one that hangs is ended. `EWX_FORCEIFHUNG`.
    IfHung,
    /// Nobody is asked: unsaved work is lost. `EWX_FORCE`.
    Yes,
}

/// A request to end the session. [`log_off`] is the shortest one.
///
/// Whoever manages the session carries it out: it asks every program, and shows its user who refuses. On Windows that is
/// [ExitWindowsEx](https://learn.microsoft.com/en-us/windows/win32/api/winuser/nf-winuser-exitwindowsex).
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is sent"]
pub struct EndRequest {
    pub(crate) what: End,
    pub(crate) force: Force,
    pub(crate) confirm: bool,
    pub(crate) reason: String,
    pub(crate) windows_reason: Option<u32>,
}

/// What is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum End {
    LogOff,
    Restart,
    PowerOff,
}

/// Logs the current user off: every program is asked, and one that refuses is shown to the user. `ExitWindows(0, 0)`.
///
/// # Errors
/// As [`EndRequest::send`].
pub fn log_off() -> Result<Pending, Error> {
    EndRequest::log_off().send()
}

impl EndRequest {
    fn new(what: End) -> Self {
        Self {
            what,
            force: Force::No,
            confirm: false,
            reason: String::new(),
            windows_reason: None,
        }
    }

    /// End the user's session. `EWX_LOGOFF`.
    pub fn log_off() -> Self {
        Self::new(End::LogOff)
    }

    /// Restart the machine. `EWX_REBOOT`.
    pub fn restart() -> Self {
        Self::new(End::Restart)
    }

    /// Power the machine off. `EWX_POWEROFF`.
    pub fn power_off() -> Self {
        Self::new(End::PowerOff)
    }

    /// What is to become of programs that hold it up. A session manager that knows no such thing refuses the request, rather than do less or more.
    pub fn force(mut self, force: Force) -> Self {
        self.force = force;
        self
    }

    /// Asks the user first whether it is meant, where the session manager can. Windows cannot, and sending is [`Error::Unsupported`] there: [`ask`](crate::ask) first.
    pub fn confirm(mut self) -> Self {
        self.confirm = true;
        self
    }

    /// Why, for the user and the journal. Windows takes a code instead: [`windows_reason`](Self::windows_reason).
    pub fn reason(mut self, reason: impl AsRef<str>) -> Self {
        self.reason = text::reason(reason.as_ref());
        self
    }

    /// Why, for Windows' event log: a
    /// [system shutdown reason code](https://learn.microsoft.com/en-us/windows/win32/shutdown/system-shutdown-reason-codes), such as 0x8004_0001 (planned, an
    /// application's maintenance). Without one it is planned, for an application's reasons.
    pub fn windows_reason(mut self, code: u32) -> Self {
        self.windows_reason = Some(code);
        self
    }

    /// Sends it. What this program itself has to say is asked like everybody's.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where nobody here can do it, or not as it is asked for; [`Error::NotPermitted`]; [`Error::Failed`]. Nothing has
    /// ended then.
    pub fn send(self) -> Result<Pending, Error> {
        platform::request(self)
    }
}

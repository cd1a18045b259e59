//! The session as logind knows it, and whether it may be ended through logind.

use std::collections::HashMap;

use super::calls::text;

/// One of logind's sessions: `org.freedesktop.login1.Session`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) id: String,
    uid: u32,
    /// `wayland`, `x11`, `mir`, `tty`, `unspecified`.
    kind: String,
    class: String,
    service: String,
    remote: bool,
}

impl Session {
    pub(super) fn read(all: &HashMap<String, zbus::OwnedVariant>) -> Option<Self> {
        let user = all.get("User")?;
        let user: &zbus::Structure<'_> = user.try_into().ok()?;
        let uid = user.fields().first()?.downcast_ref::<u32>().ok()?;
        Some(Self {
            id: Some(text(all, "Id")).filter(|id| !id.is_empty())?,
            uid,
            kind: text(all, "Type"),
            class: text(all, "Class"),
            service: text(all, "Service"),
            remote: all.get("Remote").and_then(|v| bool::try_from(v).ok()) == Some(true),
        })
    }

    /// Whether it is this user's.
    pub(super) fn is_ours(&self) -> bool {
        self.uid == rustix::process::getuid().as_raw()
    }

    /// Whether `TerminateSession` ends a desktop and nothing else. A login at a console or over ssh
    /// is its user's whether or not a compositor was started in it, with whatever else runs there.
    pub(crate) fn is_a_desktop(&self) -> bool {
        matches!(self.kind.as_str(), "wayland" | "x11" | "mir")
            && self.class == "user"
            && !self.remote
            && self.service != "sshd"
            && self.is_ours()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desktop() -> Session {
        Session {
            id: "3".into(),
            uid: rustix::process::getuid().as_raw(),
            kind: "wayland".into(),
            class: "user".into(),
            service: "gdm-password".into(),
            remote: false,
        }
    }

    #[test]
    fn a_desktop_may_be_ended_and_no_other_login() {
        assert!(desktop().is_a_desktop());
        let others: [fn(&mut Session); 5] = [
            |s| s.kind = "tty".into(),
            |s| s.service = "sshd".into(),
            |s| s.remote = true,
            |s| s.class = "greeter".into(),
            |s| s.uid += 1,
        ];
        for change in others {
            let mut session = desktop();
            change(&mut session);
            assert!(!session.is_a_desktop(), "{session:?}");
        }
    }
}

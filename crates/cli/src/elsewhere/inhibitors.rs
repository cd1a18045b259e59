//! Inhibitors of `org.gnome.SessionManager`, as GNOME, MATE and Cinnamon tell of them: who holds the
//! session open there, and why.

use endsession_manager::process;
use endsession_manager::report::{BlockerInfo, one_line};
use zbus::{Message, ObjectPath};

use super::Elsewhere;
use super::gnome::{CLIENT, NAME, PATH};

const INHIBITOR: &str = "org.gnome.SessionManager.Inhibitor";

/// The flag of an inhibitor against log-off.
const LOGOUT: u32 = 1;

/// Inhibitors looked at: a user reads no more, and each costs questions.
pub(super) const MAX_INHIBITORS: usize = 64;

/// An inhibitor, as its manager tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Inhibitor {
    pub(super) path: String,
    pub(super) name: String,
    pub(super) reason: String,
    pub(super) flags: u32,
    /// The client on whose answer the manager made it; empty for one that an application took.
    pub(super) client: String,
    pub(super) pid: Option<u32>,
}

impl Inhibitor {
    /// Asks for what there is to know; `None` for one that has gone.
    pub(super) async fn read(at: &Elsewhere, path: &str) -> Option<Self> {
        let flags = at.bus.call(NAME, path, INHIBITOR, "GetFlags", &()).await;
        let flags = flags.ok()?.body().deserialize().ok()?;
        let text = async |member| {
            let reply = at.bus.call(NAME, path, INHIBITOR, member, &()).await.ok()?;
            let text: String = reply.body().deserialize().ok()?;
            Some(one_line(&text))
        };
        let client = at.bus.call(NAME, path, INHIBITOR, "GetClientId", &()).await;
        let client = client.ok().and_then(|reply| path_of(&reply));
        // Without a client it is "/", or an error.
        let client = client.filter(|c| c.len() > 1).unwrap_or_default();
        let pid = match client.as_str() {
            "" => None,
            client => client_pid(at, client).await,
        };
        // An XSMP client is called by its program, which may be a path.
        let name = text("GetAppId").await.unwrap_or_default();
        let name = name.rsplit('/').next().unwrap_or_default();
        Some(Self {
            path: path.to_owned(),
            name: name.to_owned(),
            reason: text("GetReason").await.unwrap_or_default(),
            flags,
            client,
            pid,
        })
    }

    /// Every one that there is.
    pub(super) async fn all(at: &Elsewhere) -> Vec<Self> {
        let Ok(reply) = at.bus.call(NAME, PATH, NAME, "GetInhibitors", &()).await else {
            return Vec::new();
        };
        let mut all = Vec::new();
        for path in paths_of(&reply).into_iter().take(MAX_INHIBITORS) {
            all.extend(Self::read(at, &path).await);
        }
        all
    }

    pub(super) fn blocks(&self) -> bool {
        self.flags & LOGOUT != 0
    }

    /// As everywhere a blocker is told of.
    pub(super) fn blocker(&self) -> BlockerInfo {
        let name = match (self.name.as_str(), self.pid) {
            ("", Some(pid)) => process::program(pid).unwrap_or_default(),
            (name, _) => name.to_owned(),
        };
        BlockerInfo {
            id: match self.pid {
                Some(pid) => pid.to_string(),
                None => format!("app:{name}"),
            },
            name,
            pid: self.pid,
            kind: if self.client.is_empty() {
                "inhibitor".to_owned()
            } else {
                "refused".to_owned()
            },
            reason: self.reason.clone(),
            responding: true,
            waiting_ms: 0,
            running_ms: 0,
        }
    }
}

/// The process of a client, where the manager tells it.
pub(super) async fn client_pid(at: &Elsewhere, client: &str) -> Option<u32> {
    let asked = at.bus.call(NAME, client, CLIENT, "GetUnixProcessId", &());
    let pid: u32 = asked.await.ok()?.body().deserialize().ok()?;
    (pid != 0).then_some(pid)
}

pub(super) fn paths_of(reply: &Message) -> Vec<String> {
    let body = reply.body();
    let paths: Vec<ObjectPath<'_>> = body.deserialize().unwrap_or_default();
    paths.into_iter().map(|p| p.to_string()).collect()
}

pub(super) fn path_of(message: &Message) -> Option<String> {
    let body = message.body();
    let path: ObjectPath<'_> = body.deserialize().ok()?;
    Some(path.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inhibitor_that_the_manager_made_is_its_clients_refusal() {
        let mut inhibitor = Inhibitor {
            name: "org.example.Editor".to_owned(),
            reason: "unsaved".to_owned(),
            flags: LOGOUT,
            ..Inhibitor::default()
        };
        let blocker = inhibitor.blocker();
        assert_eq!(
            (blocker.id.as_str(), blocker.kind.as_str()),
            ("app:org.example.Editor", "inhibitor")
        );
        inhibitor.client = "/org/gnome/SessionManager/Client7".to_owned();
        inhibitor.pid = Some(4711);
        let blocker = inhibitor.blocker();
        assert_eq!(
            (blocker.id.as_str(), blocker.kind.as_str()),
            ("4711", "refused")
        );
        inhibitor.flags = 8;
        assert!(!inhibitor.blocks());
    }
}

//! Calls to logind and polkit on the system bus, each with an end, and what their errors mean in a
//! sentence. Interfaces: org.freedesktop.login1(5) and the D-Bus reference of polkit.

use std::collections::HashMap;
use std::future::Future;
use std::os::fd::OwnedFd;
use std::time::Duration;

use endsession_core::Kind;
use futures_util::StreamExt as _;
use zbus::{Connection, MatchRule, Message, MessageStream, Variant};

use super::holds::{Kept, Words};
use super::locks::Locks;
use super::session::Session;
use super::{Leavings, Word};

/// What a call may take that asks nobody. logind starts polkit for some.
const LIMIT: Duration = Duration::from_secs(10);

/// What a user has to enter a password. The coordinator cancels a request before.
const PASSWORD: Duration = Duration::from_secs(600);

/// Sessions of others that are looked at; more users than this are not logged on to a machine that
/// has a display.
const MAX_SESSIONS: usize = 64;

/// What a lock on behalf of applications may take. Nobody waits for it, and one that comes late is
/// still wanted, or dropped when it comes.
const HOLD_LIMIT: Duration = Duration::from_secs(120);

/// How long logind may take to see that a lock was given back. It looks at that last of all.
const GIVEN_BACK: Duration = Duration::from_secs(3);

pub(super) const BUS: &str = "org.freedesktop.DBus";
pub(super) const LOGIN: &str = "org.freedesktop.login1";
pub(super) const LOGIN_PATH: &str = "/org/freedesktop/login1";
pub(super) const LOGIN_MANAGER: &str = "org.freedesktop.login1.Manager";
const SESSION: &str = "org.freedesktop.login1.Session";
const USER: &str = "org.freedesktop.login1.User";
const POLKIT: &str = "org.freedesktop.PolicyKit1";
const POLKIT_PATH: &str = "/org/freedesktop/PolicyKit1/Authority";
const AUTHORITY: &str = "org.freedesktop.PolicyKit1.Authority";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// SD_LOGIND_SKIP_INHIBITORS of org.freedesktop.login1(5), since systemd 257.
const SKIP_INHIBITORS: u64 = 1 << 4;

/// Properties by name.
type Properties = HashMap<String, zbus::OwnedVariant>;

/// Makes calls on one connection.
#[derive(Clone, Debug)]
pub(super) struct Calls(pub(super) Connection);

impl Calls {
    async fn call<B>(&self, to: [&str; 3], member: &str, body: &B) -> Result<Message, String>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        let [name, path, interface] = to;
        let call = self
            .0
            .call_method(Some(name), path, Some(interface), member, body);
        within(LIMIT, member, call).await
    }

    async fn login<B>(&self, member: &str, body: &B) -> Result<Message, String>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        self.call([LOGIN, LOGIN_PATH, LOGIN_MANAGER], member, body)
            .await
    }

    async fn properties(&self, path: &str, interface: &str) -> Result<Properties, String> {
        let reply = self
            .call([LOGIN, path, PROPERTIES], "GetAll", &interface)
            .await?;
        reply.body().deserialize().map_err(unclear)
    }

    /// Has the signals of logind's own object sent to us.
    pub(super) async fn match_signals(&self, rule: &str) -> Result<(), String> {
        let to = [BUS, "/org/freedesktop/DBus", BUS];
        self.call(to, "AddMatch", &rule).await.map(drop)
    }

    /// How long a delay lock delays a shutdown at most, in milliseconds: `InhibitDelayMaxUSec`.
    pub(super) async fn delay(&self) -> Result<u64, String> {
        let all = self.properties(LOGIN_PATH, LOGIN_MANAGER).await?;
        let usec = all
            .get("InhibitDelayMaxUSec")
            .and_then(|v| u64::try_from(v).ok());
        usec.map(|usec| usec / 1000)
            .ok_or_else(|| "logind has no InhibitDelayMaxUSec".to_owned())
    }

    /// Takes a delay lock: `Inhibit`. It is held as long as the descriptor.
    pub(super) async fn delay_lock(&self) -> Result<OwnedFd, String> {
        let why = "Applications save and close";
        let lock = ("shutdown", "endsession", why, "delay");
        let reply = self.login("Inhibit", &lock).await?;
        let fd: zbus::OwnedFd = reply.body().deserialize().map_err(unclear)?;
        Ok(fd.into())
    }

    /// Takes a lock in mode block: `Inhibit`. It is held as long as the descriptor.
    pub(super) async fn block(&self, kept: Kept, words: &Words) -> Result<OwnedFd, String> {
        let lock = (kept.what(), words.who.as_str(), words.why.as_str(), "block");
        let manager = Some(LOGIN_MANAGER);
        let call = self
            .0
            .call_method(Some(LOGIN), LOGIN_PATH, manager, "Inhibit", &lock);
        let reply = within(HOLD_LIMIT, "Inhibit", call).await?;
        let fd: zbus::OwnedFd = reply.body().deserialize().map_err(unclear)?;
        Ok(fd.into())
    }

    /// Returns once logind knows that we hold nothing against a shutdown any more: a descriptor is
    /// closed beside the bus, and a call may overtake it.
    async fn until_given_back(&self) -> Result<(), String> {
        let rule = format!(
            "type='signal',sender='{LOGIN}',path='{LOGIN_PATH}',member='PropertiesChanged',\
             arg0='{LOGIN_MANAGER}'"
        );
        let rule = MatchRule::try_from(rule.as_str()).map_err(|e| e.to_string())?;
        let mut changes = MessageStream::for_match_rule(rule, &self.0, None)
            .await
            .map_err(|e| e.to_string())?;
        let seen = async {
            while self.locks().await.is_ok_and(|locks| locks.ours) {
                if changes.next().await.is_none() {
                    break;
                }
            }
        };
        let waited = tokio::time::timeout(GIVEN_BACK, seen).await;
        waited.map_err(|_| format!("logind has our lock after {GIVEN_BACK:?}"))
    }

    /// The session that a process belongs to: `GetSessionByPID`.
    pub(super) async fn session_of(&self, pid: u32) -> Result<Session, String> {
        let reply = self.login("GetSessionByPID", &pid).await?;
        let path: zbus::ObjectPath<'static> = owned_path(&reply)?;
        self.session_at(path.as_str()).await
    }

    /// The session of that id: `GetSession`.
    pub(super) async fn session(&self, id: &str) -> Result<Session, String> {
        let reply = self.login("GetSession", &id).await?;
        let path = owned_path(&reply)?;
        self.session_at(path.as_str()).await
    }

    async fn session_at(&self, path: &str) -> Result<Session, String> {
        Session::read(&self.properties(path, SESSION).await?)
            .ok_or_else(|| format!("logind tells too little of {path}"))
    }

    /// Whether somebody else is logged on. logind counts sessions of class user.
    async fn others(&self) -> Result<bool, String> {
        let reply = self.login("ListSessions", &()).await?;
        let body = reply.body();
        let sessions: Vec<(&str, u32, &str, &str, zbus::ObjectPath<'_>)> =
            body.deserialize().map_err(unclear)?;
        let own = rustix::process::getuid().as_raw();
        let others = sessions.iter().filter(|(_, uid, ..)| *uid != own);
        for (.., path) in others.take(MAX_SESSIONS) {
            let all = self.properties(path.as_str(), SESSION).await;
            if all.is_ok_and(|all| text(&all, "Class") == "user") {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What is done with what is left of a session of this user; `own`: its id. `KillUserProcesses`,
    /// `KillOnlyUsers`, `KillExcludeUsers`, and other sessions.
    pub(super) async fn leavings(&self, own: Option<&str>) -> Result<Leavings, String> {
        let uid = rustix::process::getuid().as_raw();
        let reply = self.login("GetUser", &uid).await?;
        let path = owned_path(&reply)?;
        let user = self.properties(path.as_str(), USER).await?;
        let all = self.properties(LOGIN_PATH, LOGIN_MANAGER).await?;
        let user = text(&user, "Name");
        let lists = |key: &str| {
            let names = all.get(key).and_then(|v| v.try_clone().ok());
            let names = names.and_then(|v| Vec::<String>::try_from(v).ok());
            names.unwrap_or_default()
        };
        let only = lists("KillOnlyUsers");
        let is_meant = only.is_empty() || only.contains(&user);
        let kills = is_true(&all, "KillUserProcesses")
            && is_meant
            && !lists("KillExcludeUsers").contains(&user);
        Ok(Leavings {
            kills,
            elsewhere: self.is_elsewhere_too(uid, own).await?,
            user,
        })
    }

    /// Whether the user has another session that is not about to end.
    async fn is_elsewhere_too(&self, uid: u32, own: Option<&str>) -> Result<bool, String> {
        let reply = self.login("ListSessions", &()).await?;
        let body = reply.body();
        let sessions: Vec<(&str, u32, &str, &str, zbus::ObjectPath<'_>)> =
            body.deserialize().map_err(unclear)?;
        let others = sessions
            .iter()
            .filter(|(id, of, ..)| *of == uid && Some(*id) != own);
        for (.., path) in others.take(MAX_SESSIONS) {
            let Ok(all) = self.properties(path.as_str(), SESSION).await else {
                continue;
            };
            // Since 256 the user's systemd itself is one of class manager.
            if text(&all, "Class").starts_with("user") && text(&all, "State") != "closing" {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What is held against a shutdown: `ListInhibitors`.
    pub(super) async fn locks(&self) -> Result<Locks, String> {
        let reply = self.login("ListInhibitors", &()).await?;
        Locks::read(&reply).map_err(unclear)
    }

    /// Whether an end of the machine is permitted, as far as can be known without asking anybody.
    /// `locked`: somebody holds a lock against it, be it we, which in logind's own answer is one with a right
    /// that is not given.
    pub(super) async fn can(&self, kind: Kind, locked: bool) -> Word {
        let member = match kind {
            Kind::Restart => "CanReboot",
            _ => "CanPowerOff",
        };
        let reply = match self.login(member, &()).await {
            Ok(reply) => reply,
            Err(why) => return Word::Unknown(why),
        };
        let word = match reply.body().deserialize::<&str>() {
            Ok(word) => Word::of(word),
            Err(error) => return Word::Unknown(unclear(error)),
        };
        if !locked || !matches!(word, Word::No | Word::Challenge) {
            return word;
        }
        let action = self.action(kind).await;
        match self.check(&action, None).await {
            Ok(Checked::Yes) => Word::Yes,
            Ok(Checked::Challenge) => Word::Challenge,
            Ok(Checked::No { .. }) => Word::No,
            // Without polkit nobody but root may.
            Err(_) => word,
        }
    }

    /// What polkit calls it.
    async fn action(&self, kind: Kind) -> String {
        let action = action(kind);
        match self.others().await {
            Ok(true) => format!("{action}-multiple-sessions"),
            Ok(false) => action,
            Err(why) => {
                tracing::info!("who else is logged on is not known: {why}");
                action
            }
        }
    }

    /// Settles with polkit that an end of the machine is permitted; or, with `over_locks`, that it
    /// is against the locks of others. With a `ticket`, which names the question for
    /// [`Calls::withdraw`], the user is asked where that takes a password.
    pub(super) async fn authorize(
        &self,
        kind: Kind,
        over_locks: bool,
        ticket: Option<&str>,
    ) -> Result<(), String> {
        let action = match over_locks {
            true => format!("{}-ignore-inhibit", action(kind)),
            false => self.action(kind).await,
        };
        match self.check(&action, ticket).await? {
            Checked::Yes => Ok(()),
            Checked::Challenge if ticket.is_none() => Err(format!(
                "{action} takes a password, and nobody may be asked for it"
            )),
            Checked::Challenge => Err(format!(
                "{action} takes a password, and no polkit agent of this session asks for it"
            )),
            Checked::No { dismissed: true } => {
                Err("the question for the password was dismissed".to_owned())
            }
            Checked::No { dismissed: false } => Err(format!("polkit does not permit {action}")),
        }
    }

    /// `CheckAuthorization`, of ourselves: any other is root's to ask about. With a ticket it may
    /// ask the user.
    async fn check(&self, action: &str, ticket: Option<&str>) -> Result<Checked, String> {
        let own = self.0.unique_name().map(ToString::to_string);
        let name = HashMap::from([("name", Variant::from(own.unwrap_or_default()))]);
        let subject = ("system-bus-name", name);
        let details: HashMap<&str, &str> = HashMap::new();
        const ALLOW_USER_INTERACTION: u32 = 1;
        let flags = ticket.map_or(0, |_| ALLOW_USER_INTERACTION);
        let body = (subject, action, details, flags, ticket.unwrap_or_default());
        let call = self.0.call_method(
            Some(POLKIT),
            POLKIT_PATH,
            Some(AUTHORITY),
            "CheckAuthorization",
            &body,
        );
        let limit = ticket.map_or(LIMIT, |_| PASSWORD);
        let reply = within(limit, "polkit", call).await?;
        let body = reply.body();
        let (yes, challenge, details): (bool, bool, HashMap<&str, &str>) =
            body.deserialize().map_err(unclear)?;
        Ok(match (yes, challenge) {
            (true, _) => Checked::Yes,
            (false, true) => Checked::Challenge,
            (false, false) => Checked::No {
                dismissed: details.contains_key("polkit.dismissed"),
            },
        })
    }

    /// The question is not needed any more: `CancelCheckAuthorization`.
    pub(super) async fn withdraw(&self, ticket: &str) {
        let to = [POLKIT, POLKIT_PATH, AUTHORITY];
        let _answered_meanwhile = self.call(to, "CancelCheckAuthorization", &ticket).await;
    }

    /// `PowerOff` or `Reboot`. Returns when logind has begun with it.
    pub(super) async fn end_machine(&self, kind: Kind, over_locks: bool) -> Result<(), String> {
        let member = match kind {
            Kind::Restart => "Reboot",
            _ => "PowerOff",
        };
        if let Err(why) = self.until_given_back().await {
            tracing::info!("{member}: {why}");
        }
        if over_locks {
            let with_flags = format!("{member}WithFlags");
            let skipped = self.login(&with_flags, &SKIP_INHIBITORS).await;
            if skipped.is_ok() {
                return Ok(());
            }
            // Before 257 there is no such flag, and the right to go over locks is enough.
        }
        // It has been settled before whether it is permitted. Where that right is given for one
        // time only, polkit's agent, which is still there, may ask again.
        self.login(member, &true).await.map(drop)
    }

    /// `LockSession`: what locks the screen of a session hears of it.
    pub(super) async fn lock(&self, id: &str) -> Result<(), String> {
        self.login("LockSession", &id).await.map(drop)
    }

    /// `TerminateSession`, and waits until it has gone.
    pub(super) async fn terminate(&self, id: &str) -> Result<(), String> {
        const GONE: Duration = Duration::from_secs(25);
        let rule = format!(
            "type='signal',sender='{LOGIN}',interface='{LOGIN_MANAGER}',member='SessionRemoved'"
        );
        let rule = MatchRule::try_from(rule.as_str()).map_err(|e| e.to_string())?;
        let mut removed = MessageStream::for_match_rule(rule, &self.0, None)
            .await
            .map_err(|e| e.to_string())?;
        self.login("TerminateSession", &id).await?;
        let gone = async {
            while let Some(Ok(signal)) = removed.next().await {
                let body = signal.body();
                if body
                    .deserialize::<(&str, zbus::ObjectPath<'_>)>()
                    .is_ok_and(|(removed, _)| removed == id)
                {
                    return Ok(());
                }
            }
            Err("the system bus is gone".to_owned())
        };
        let waited = tokio::time::timeout(GONE, gone).await;
        waited.unwrap_or_else(|_| Err(format!("logind's session {id} is there after {GONE:?}")))
    }
}

/// What polkit says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Checked {
    Yes,
    /// It takes a password.
    Challenge,
    No {
        /// The user was asked and did not want to be.
        dismissed: bool,
    },
}

fn action(kind: Kind) -> String {
    let what = match kind {
        Kind::Restart => "reboot",
        _ => "power-off",
    };
    format!("{LOGIN}.{what}")
}

/// A property that is a text; nothing where it is none.
pub(super) fn text(all: &Properties, name: &str) -> String {
    let value = all.get(name).and_then(|value| <&str>::try_from(value).ok());
    value.unwrap_or_default().to_owned()
}

fn is_true(all: &Properties, name: &str) -> bool {
    all.get(name)
        .is_some_and(|value| bool::try_from(value).unwrap_or_default())
}

fn owned_path(reply: &Message) -> Result<zbus::ObjectPath<'static>, String> {
    let body = reply.body();
    let path: zbus::ObjectPath<'_> = body.deserialize().map_err(unclear)?;
    Ok(path.into_owned())
}

fn unclear(error: zbus::Error) -> String {
    format!("an answer that is not understood: {error}")
}

async fn within(
    limit: Duration,
    what: &str,
    call: impl Future<Output = zbus::Result<Message>>,
) -> Result<Message, String> {
    match tokio::time::timeout(limit, call).await {
        Err(_) => Err(format!("{what} was not answered within {limit:?}")),
        Ok(Ok(reply)) => Ok(reply),
        Ok(Err(zbus::Error::MethodError(_, Some(text), _))) => Err(text),
        Ok(Err(error)) => Err(error.to_string()),
    }
}

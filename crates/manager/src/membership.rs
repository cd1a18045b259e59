//! Whose a process is: this session's, another session's, or nobody can say. A session is a
//! display, and one bus may serve several of one user: a client of another display is listed and
//! never asked or ended. Reads /proc.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use endsession_core::{Event, InhibitorId, VoterId};

use crate::display_of::{self, Named, Way};
use crate::process::{self, Table};

/// What the environment of a process says about whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Belongs {
    /// It was started on this session's display.
    Here,
    /// It was started on another display.
    Elsewhere,
    /// It knows of no display, or this session has none yet.
    Unknown,
}

/// The displays of one session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Displays {
    wayland: BTreeSet<PathBuf>,
    x11: BTreeSet<String>,
    /// The display that we were told of ourselves, where the manager started the session: it may be
    /// one around that.
    around: Named,
    /// Where we are, and where what shows the session is.
    homes: Vec<Home>,
}

/// Where the kernel has a process, by its control group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Home {
    group: String,
    /// The login session.
    login: Option<String>,
}

impl Home {
    fn of(pid: u32) -> Self {
        let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        Self::parse(&groups)
    }

    /// `groups`: `/proc/PID/cgroup`, lines of `NUMBER:CONTROLLERS:PATH`. A machine may have both
    /// hierarchies that systemd uses, and processes in one of them.
    fn parse(groups: &str) -> Self {
        let of_systemd = groups.lines().filter_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            let controllers = fields.next()?;
            let group = fields.next()?;
            matches!(controllers, "" | "name=systemd").then_some(group)
        });
        let group = of_systemd.max_by_key(|group| group.len());
        let group = group.unwrap_or_default().to_owned();
        let login = group
            .split('/')
            .find_map(|part| part.strip_prefix("session-")?.strip_suffix(".scope"))
            .map(str::to_owned);
        Self { group, login }
    }

    /// Whether a process that is here was started by a system's service or from within another
    /// login, whatever display its environment names.
    fn is_apart_from(&self, homes: &[Self]) -> bool {
        if homes.iter().any(|home| home.group == self.group) {
            return false;
        }
        let known = homes.iter().filter_map(|home| home.login.as_ref());
        let another = self
            .login
            .as_ref()
            .is_some_and(|login| known.clone().count() > 0 && !known.clone().any(|l| l == login));
        another || self.group.starts_with("/system.slice/")
    }
}

impl Displays {
    /// Those of the session that `session` is the process of, where the manager started it; else
    /// those that our own environment names. And the one that was `reached` at last, as processes of
    /// the session name it: it may be gone. `compositor`: what shows the session, where that is known.
    pub(crate) fn find(
        table: &Table,
        session: Option<u32>,
        reached: Option<&Way>,
        named: Option<&Named>,
        compositor: Option<u32>,
    ) -> Self {
        let homes = [Some(std::process::id()), compositor];
        let mut this = Self {
            around: session.map(|_| Named::to_us()).unwrap_or_default(),
            homes: homes.into_iter().flatten().map(Home::of).collect(),
            ..Self::default()
        };
        if let Some(named) = named {
            this.wayland.extend(named.wayland.clone());
            this.x11.extend(named.x11.clone());
        }
        match reached {
            Some(Way::X11(display)) => drop(this.x11.insert(display.clone())),
            Some(Way::Wayland(socket)) => drop(this.wayland.insert(socket.clone())),
            // Its own socket's name tells nothing of Wayland's.
            Some(Way::Sway(..)) | None => {}
        }
        for named in display_of::names(table, session) {
            this.wayland.extend(named.wayland);
            this.x11.extend(named.x11);
        }
        this
    }

    /// Whose a process is that was told of these. Where a Wayland display is named, the X display
    /// beside it is only its Xwayland, or left from around it.
    fn of(&self, told: &Named) -> Belongs {
        if self.wayland.is_empty() && self.x11.is_empty() {
            return Belongs::Unknown;
        }
        let here = match (&told.wayland, &told.x11) {
            (None, None) => return Belongs::Unknown,
            (Some(wayland), _) if !self.wayland.is_empty() => self.wayland.contains(wayland),
            // Something on X11 in a session on X11, which inherited the name of a compositor
            // around both.
            (_, Some(x11)) => self.x11.contains(x11),
            (Some(_), None) => false,
        };
        if here {
            Belongs::Here
        } else {
            Belongs::Elsewhere
        }
    }

    /// Whose a process is.
    pub(crate) fn owns(&self, pid: u32) -> Belongs {
        self.of(&Named::to(pid))
    }

    /// Whether a process was started on a display that is this session's alone, from within it: it
    /// goes with the session. Where `run` was told of a display itself, what else is on that may be
    /// there for whoever is around us.
    pub(crate) fn claims(&self, pid: u32) -> bool {
        let told = Named::to(pid);
        self.of(&told) == Belongs::Here
            && !self.is_around(&told)
            && !Home::of(pid).is_apart_from(&self.homes)
    }

    fn is_around(&self, told: &Named) -> bool {
        if told.wayland.is_some() && !self.wayland.is_empty() {
            told.wayland == self.around.wayland
        } else {
            told.x11.is_some() && told.x11 == self.around.x11
        }
    }
}

/// Clients of another display of the same user, who came over the bus that all of them share.
/// They are listed, and nothing that they do or hold counts.
#[derive(Debug, Default)]
pub(crate) struct Foreign(BTreeMap<Channel, (String, Option<u32>)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Channel {
    Client(VoterId),
    Inhibitor(InhibitorId),
}

impl Foreign {
    /// Takes in a fact; whether it is one of theirs, and no news for the coordinator.
    /// `elsewhere`: whether a process belongs to another display; asked of newcomers alone.
    pub(crate) fn takes(&mut self, event: &Event, elsewhere: impl FnOnce(u32) -> bool) -> bool {
        let (channel, of, name) = match event {
            Event::Registered {
                voter, of, name, ..
            } => (Channel::Client(*voter), of, name),
            Event::Inhibited {
                inhibitor,
                of,
                name,
                ..
            } => (Channel::Inhibitor(*inhibitor), of, name),
            Event::Answered(voter, _) => return self.0.contains_key(&Channel::Client(*voter)),
            Event::Unregistered(voter) => {
                return self.0.remove(&Channel::Client(*voter)).is_some();
            }
            Event::Uninhibited(inhibitor) => {
                return self.0.remove(&Channel::Inhibitor(*inhibitor)).is_some();
            }
            _ => return false,
        };
        if !of.pid().is_some_and(elsewhere) {
            return false;
        }
        // As many as the adapters let in, who forget those that leave.
        self.0.insert(channel, (name.clone(), of.pid()));
        true
    }

    /// Each of their processes once, with the name that it gave.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Option<u32>)> {
        let once: BTreeSet<(&str, Option<u32>)> = self
            .0
            .values()
            .map(|(name, pid)| (name.as_str(), *pid))
            .collect();
        once.into_iter()
    }
}

/// A name for this session among those of one user, fit for a bus name: the login session's, else
/// the display's.
pub(crate) fn name_on_the_bus() -> String {
    let set = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    let name = set("XDG_SESSION_ID")
        .or_else(|| set("WAYLAND_DISPLAY"))
        .or_else(|| set("DISPLAY"))
        .unwrap_or_else(|| std::process::id().to_string());
    fit_for_the_bus(&name)
}

/// An element of a bus name has letters, digits and `_`, and the whole at most 255 bytes.
fn fit_for_the_bus(name: &str) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    name.chars().take(100).map(fit).collect()
}

/// The login session that the kernel has a process in, by its cgroup: what was started in it stays
/// in it.
pub(crate) fn login_session(pid: u32) -> Option<String> {
    let told = || process::variable(pid, "XDG_SESSION_ID");
    Home::of(pid).login.or_else(told)
}

/// The same by the kernel's word alone.
pub(crate) fn login_session_by_cgroup(pid: u32) -> Option<String> {
    Home::of(pid).login
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(wayland: Option<&str>, x11: Option<&str>) -> Named {
        Named {
            wayland: wayland.map(PathBuf::from),
            x11: x11.map(str::to_owned),
            ..Named::default()
        }
    }

    fn displays(wayland: &[&str], x11: &[&str]) -> Displays {
        Displays {
            wayland: wayland.iter().map(PathBuf::from).collect(),
            x11: x11.iter().map(|d| (*d).to_owned()).collect(),
            ..Displays::default()
        }
    }

    #[test]
    fn what_is_on_the_display_around_a_session_is_not_claimed() {
        let around = |displays: Displays, around: Named| Displays { around, ..displays };
        let outer = named(Some("/run/wayland-0"), Some(":0"));
        let sway = around(displays(&["/run/wayland-1"], &[]), outer.clone());
        assert!(!sway.is_around(&named(Some("/run/wayland-1"), None)));
        assert!(!sway.is_around(&named(Some("/run/wayland-1"), Some(":0"))));
        let kiosk = around(displays(&["/run/wayland-0"], &[":0"]), outer.clone());
        assert!(kiosk.is_around(&named(Some("/run/wayland-0"), None)));
        assert!(kiosk.is_around(&named(None, Some(":0"))));
        let nested = around(displays(&[], &[":5"]), outer);
        assert!(!nested.is_around(&named(Some("/run/wayland-0"), Some(":5"))));
    }

    #[test]
    fn services_of_the_system_and_other_logins_are_apart() {
        let home = |group: &str| Home::parse(&format!("4:cpu:/x\n0::{group}\n"));
        let ours = [home("/user.slice/user-1.slice/session-2.scope")];
        assert!(!home("/user.slice/user-1.slice/session-2.scope").is_apart_from(&ours));
        assert!(home("/user.slice/user-1.slice/session-7.scope").is_apart_from(&ours));
        let user = "/user.slice/user-1.slice/user@1.service/app.slice/app-a.scope";
        assert!(!home(user).is_apart_from(&ours));
        let cron = home("/system.slice/cron.service");
        assert!(cron.is_apart_from(&ours));
        assert!(!cron.is_apart_from(std::slice::from_ref(&cron)));
        let both = Home::parse("9:name=systemd:/\n0::/user.slice/session-2.scope\n");
        assert_eq!(both.login.as_deref(), Some("2"));
        // Without systemd nobody is anywhere.
        assert!(!home("/").is_apart_from(&ours));
    }

    #[test]
    fn a_process_is_its_displays() {
        let sway = displays(&["/run/wayland-1"], &[":1"]);
        let here = [
            named(Some("/run/wayland-1"), None),
            named(Some("/run/wayland-1"), Some(":9")),
            named(None, Some(":1")),
        ];
        for told in &here {
            assert_eq!(sway.of(told), Belongs::Here, "{told:?}");
        }
        let elsewhere = [
            named(Some("/run/wayland-0"), None),
            // Started in the session around a nested one, whose X display both know.
            named(Some("/run/wayland-0"), Some(":1")),
            named(None, Some(":0")),
        ];
        for told in &elsewhere {
            assert_eq!(sway.of(told), Belongs::Elsewhere, "{told:?}");
        }
        assert_eq!(sway.of(&named(None, None)), Belongs::Unknown);
    }

    #[test]
    fn a_session_on_x11_may_lie_within_a_compositor() {
        let vnc = displays(&[], &[":5"]);
        let inherited = named(Some("/run/wayland-0"), Some(":5"));
        assert_eq!(vnc.of(&inherited), Belongs::Here);
        let around = named(Some("/run/wayland-0"), Some(":0"));
        assert_eq!(vnc.of(&around), Belongs::Elsewhere);
    }

    #[test]
    fn a_session_without_a_display_knows_nobody() {
        let none = Displays::default();
        assert_eq!(
            none.of(&named(Some("/run/wayland-0"), None)),
            Belongs::Unknown
        );
    }

    #[test]
    fn who_comes_from_another_display_is_listed_until_it_leaves() {
        use endsession_core::{Answer, Identity, Round};
        let registered = |voter, pid| Event::Registered {
            voter: VoterId(voter),
            of: Identity::Process { pid, start: 1 },
            name: "editor".to_owned(),
            round: Round::early(0),
        };
        let mut foreign = Foreign::default();
        assert!(!foreign.takes(&registered(1, 10), |_| false));
        assert!(foreign.takes(&registered(2, 11), |pid| pid == 11));
        let answered = |voter| Event::Answered(VoterId(voter), Answer::Accept);
        assert!(!foreign.takes(&answered(1), |_| true));
        assert!(foreign.takes(&answered(2), |_| false));
        let listed: Vec<_> = foreign.iter().collect();
        assert_eq!(listed, [("editor", Some(11))]);
        assert!(foreign.takes(&Event::Unregistered(VoterId(2)), |_| true));
        assert!(!foreign.takes(&Event::Unregistered(VoterId(2)), |_| true));
        assert_eq!(foreign.iter().count(), 0);
    }

    #[test]
    fn a_name_on_the_bus_has_what_bus_names_may_have() {
        assert_eq!(fit_for_the_bus("c2"), "c2");
        assert_eq!(fit_for_the_bus(":1.0"), "_1_0");
        assert_eq!(fit_for_the_bus("/run/é"), "_run__");
    }
}

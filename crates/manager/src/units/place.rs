//! Where a process sits among the units of the user's systemd, read off its control group. Reads
//! /proc alone; what is told here is the kernel's word, not the process's.

use std::fs;

/// The unit of the user's systemd that a process is in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The unit's name.
    pub(crate) unit: String,
    /// Its control group, as `/proc/PID/cgroup` names it.
    pub(crate) group: String,
}

/// What kind of unit it is, as far as its name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Made for one application when that was started: a scope, or a service whose name says so
    /// (`app-…`, systemd's convention for desktop environments).
    Application,
    /// A program that D-Bus started. It may be an application or serve many.
    Activated,
    /// A service that somebody wrote a unit for.
    Service,
}

impl Place {
    /// Of a live process; `None` for one outside the user's systemd, or of another user.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
        Self::parse(&groups, rustix::process::getuid().as_raw())
    }

    /// `groups`: `/proc/PID/cgroup`. Each of its lines is `NUMBER:CONTROLLERS:PATH`; systemd keeps
    /// its units in the one without controllers, and on older systems in the one that has its name.
    fn parse(groups: &str, uid: u32) -> Option<Self> {
        let manager = format!("user@{uid}.service");
        groups.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            let controllers = fields.next()?;
            let path = fields.next()?;
            if !matches!(controllers, "" | "name=systemd") {
                return None;
            }
            let mut parts = path.split('/');
            let above = parts.by_ref().take_while(|part| *part != manager);
            let mut group: Vec<&str> = above.collect();
            group.push(&manager);
            // Slices hold units; below a unit there may be groups that it made for itself.
            let unit = parts.find(|part| {
                group.push(part);
                !part.ends_with(".slice")
            })?;
            Some(Self {
                unit: unescape(unit).to_owned(),
                group: group.join("/"),
            })
        })
    }

    /// It is below a slice that ends with the graphical session, as uwsm and others have them.
    pub(crate) fn is_graphical(&self) -> bool {
        self.group
            .split('/')
            .any(|part| part.ends_with("-graphical.slice"))
    }

    /// What its name tells.
    pub(crate) fn kind(&self) -> Kind {
        // The manager's own process is in a scope too.
        let is_scope = self.unit.ends_with(".scope") && self.unit != "init.scope";
        if is_scope || self.unit.starts_with("app-") {
            Kind::Application
        } else if self.unit.starts_with("dbus-") {
            Kind::Activated
        } else {
            Kind::Service
        }
    }
}

/// systemd puts an underscore before a name that the kernel could take for a file of its own.
fn unescape(name: &str) -> &str {
    name.strip_prefix('_').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(groups: &str) -> Option<String> {
        Place::parse(groups, 1000).map(|place| place.unit)
    }

    #[test]
    fn the_unit_is_below_all_slices_of_the_users_manager() {
        let user = "0::/user.slice/user-1000.slice/user@1000.service";
        assert_eq!(
            unit(&format!("{user}/app.slice/app-foot-12.scope\n")).as_deref(),
            Some("app-foot-12.scope")
        );
        let deep = format!("{user}/app.slice/app-graphical.slice/app-a\\x2db@1.service/own/group");
        let place = Place::parse(&deep, 1000).unwrap();
        assert_eq!(place.unit, "app-a\\x2db@1.service");
        assert!(place.group.ends_with("/app-a\\x2db@1.service"), "{place:?}");
        // The manager itself, and what it started before it had slices.
        assert_eq!(
            unit(&format!("{user}/init.scope")).as_deref(),
            Some("init.scope")
        );
        assert_eq!(unit(user), None);
    }

    #[test]
    fn what_is_not_of_this_users_manager_has_no_place() {
        for line in [
            "0::/user.slice/user-1000.slice/session-2.scope",
            "0::/user.slice/user-1001.slice/user@1001.service/app.slice/a.scope",
            "0::/system.slice/cron.service",
            "3:memory:/user.slice/user-1000.slice/user@1000.service/app.slice/a.scope",
            "0::/",
            "",
            ":::",
            "nonsense",
        ] {
            assert_eq!(unit(line), None, "{line}");
        }
    }

    #[test]
    fn the_older_layout_is_read_too() {
        let groups = "5:memory:/user.slice\n\
                      1:name=systemd:/user.slice/user-1000.slice/user@1000.service/app.slice/x.service\n\
                      0::/\n";
        assert_eq!(unit(groups).as_deref(), Some("x.service"));
    }

    #[test]
    fn a_name_that_was_escaped_for_the_kernel_is_the_units_again() {
        let line = "0::/user@1000.service/app.slice/_memory.service";
        assert_eq!(unit(line).as_deref(), Some("memory.service"));
    }

    #[test]
    fn applications_are_known_by_the_names_of_their_units() {
        let kind = |unit: &str| {
            let (unit, group) = (unit.to_owned(), String::new());
            Place { unit, group }.kind()
        };
        for name in [
            "app-foot-12.scope",
            "run-r9.scope",
            "app-nm\\x2dapplet@autostart.service",
        ] {
            assert_eq!(kind(name), Kind::Application, "{name}");
        }
        assert_eq!(kind("dbus-:1.2-org.x.Y@0.service"), Kind::Activated);
        assert_eq!(kind("syncthing.service"), Kind::Service);
        assert_eq!(kind("init.scope"), Kind::Service);
    }
}

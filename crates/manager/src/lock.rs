//! Whether the screen is locked: while it is, nothing counts as shown to the user.
//!
//! A locker is a process of the session with the name of one, looked for whenever it matters, and
//! its exit is the unlocking; or a screen saver on the session bus that says that it is active.
//! Nobody is asked in between: a request that nobody watches costs nothing.

use std::collections::{BTreeMap, BTreeSet};

use endsession_core::{Event, Identity};
use zbus::Message;
use zbus::message::{Flags, Type};

use crate::bus::{About, DBUS, DBUS_PATH};
use crate::dialog::Input;
use crate::display_of::{self, Named, Way};
use crate::manager::Manager;
use crate::process::{self, Stat, Table};

/// Programs that run only while they lock the screen. Screen savers that run all the time and lock
/// at times are on the bus instead.
const LOCKERS: [&str; 17] = [
    "swaylock",
    "i3lock",
    "gtklock",
    "hyprlock",
    "waylock",
    "xsecurelock",
    "slock",
    "physlock",
    "xlock",
    "xtrlock",
    "pyxtrlock",
    "sxlock",
    "alock",
    "wlock",
    "qtlock",
    "swaylock-plugin",
    "kscreenlocker_greet",
];

/// Screen savers on the bus: name, and object.
const SAVERS: [(&str, &str); 5] = [
    (
        "org.freedesktop.ScreenSaver",
        "/org/freedesktop/ScreenSaver",
    ),
    ("org.gnome.ScreenSaver", "/org/gnome/ScreenSaver"),
    ("org.cinnamon.ScreenSaver", "/org/cinnamon/ScreenSaver"),
    ("org.mate.ScreenSaver", "/org/mate/ScreenSaver"),
    ("org.xfce.ScreenSaver", "/org/xfce/ScreenSaver"),
];

/// What is known of the lock.
#[derive(Debug, Default)]
pub(crate) struct Lock {
    lockers: BTreeSet<Identity>,
    /// Screen savers that have answered, by unique name, and whether each is active.
    savers: BTreeMap<String, bool>,
    follows: bool,
    locked: bool,
}

impl Lock {
    fn is_on(&self) -> bool {
        !self.lockers.is_empty() || self.savers.values().any(|active| *active)
    }

    /// Since when a locker runs, in clock ticks since boot.
    pub(crate) fn since(&self) -> Option<u64> {
        let starts = self.lockers.iter().filter_map(|of| match of {
            Identity::Process { start, .. } => Some(*start),
            _ => None,
        });
        starts.min()
    }

    /// A screen saver's answer.
    fn answered(&mut self, answer: &Message) {
        let Some(name) = sender(answer) else { return };
        if answer.message_type() == Type::Error {
            self.savers.remove(&name);
        } else if let Ok(active) = answer.body().deserialize::<bool>() {
            self.savers.insert(name, active);
        }
    }

    /// A signal that may be a screen saver's: only of those that answered to the name.
    fn heard(&mut self, signal: &Message) {
        let header = signal.header();
        if header
            .member()
            .is_none_or(|m| m.as_str() != "ActiveChanged")
        {
            return;
        }
        let saver = sender(signal).and_then(|name| self.savers.get_mut(&name));
        if let (Some(saver), Ok(active)) = (saver, signal.body().deserialize::<bool>()) {
            *saver = active;
        }
    }
}

fn sender(message: &Message) -> Option<String> {
    message.header().sender().map(|s| s.to_string())
}

/// What runs scripts: the program of such a process is this, and its own name is the script's.
const INTERPRETERS: [&str; 10] = [
    "python", "perl", "sh", "bash", "dash", "zsh", "busybox", "ruby", "lua", "node",
];

/// Whether this is an interpreter's name, with or without a version: `python3.11`.
fn is_interpreter(program: &str) -> bool {
    let plain = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    INTERPRETERS.contains(&plain)
}

/// Whether a process has the name of a locker: as the kernel knows its program, or as it calls
/// itself where it is a script, or runs with more rights and its program may not be seen.
pub(crate) fn is_locker(stat: &Stat) -> bool {
    // Most processes are told apart without a look at their program.
    let plain = |name: &str| {
        let name = name.trim_start_matches('.').trim_end_matches("-wrapped");
        LOCKERS.contains(&name)
    };
    let begins = |l: &&str| {
        let name = stat.comm.trim_start_matches('.');
        // The kernel keeps fifteen bytes.
        name.starts_with(&l[..l.len().min(13)])
    };
    !stat.is_zombie()
        && LOCKERS.iter().any(begins)
        && plain(
            &process::program(stat.pid)
                .filter(|program| !is_interpreter(program))
                .unwrap_or_else(|| stat.comm.clone()),
        )
}

/// The lockers of the session: below its root, or told of its display (one that a service manager
/// started is below nobody).
fn lockers(
    table: &Table,
    root: Option<u32>,
    way: Option<&Way>,
    session: Option<&Named>,
) -> BTreeSet<Identity> {
    let named = |pid: u32| {
        let named = Named::to(pid);
        match way {
            Some(Way::X11(display)) => named.x11.as_ref() == Some(display),
            Some(Way::Wayland(socket)) => named.wayland.as_ref() == Some(socket),
            Some(Way::Sway(..)) => {
                let ours = display_of::wayland_sockets(&display_of::inside(table));
                let mut ours = ours.iter().chain(session.and_then(|s| s.wayland.as_ref()));
                named.wayland.is_some_and(|w| ours.any(|o| *o == w))
            }
            None => false,
        }
    };
    table
        .iter()
        .filter(|s| is_locker(s))
        .filter(|s| root.is_some_and(|r| table.descends(s.pid, r)) || named(s.pid))
        .map(Stat::identity)
        .collect()
}

impl Manager {
    /// Looks for lockers.
    pub(crate) fn look_at_lockers(&mut self) {
        let table = self.processes();
        let (way, session) = (self.display_way.as_ref(), self.session_named.as_ref());
        let found = lockers(&table, self.root(), way, session);
        let alive = found.into_iter().filter(|of| self.exits.watch(of));
        self.lock.lockers = alive.collect();
        self.mind_the_lock();
    }

    /// A process has exited; if it was a locker, another may have taken its place (one that forks
    /// into the background does).
    pub(crate) fn locker_exited(&mut self, of: &Identity) {
        if self.lock.lockers.contains(of) {
            self.processes = None;
            self.look_at_lockers();
        }
    }

    /// Asks the screen savers on the bus, without waiting: their answers come through the loop.
    pub(crate) fn ask_screen_savers(&mut self) {
        if !std::mem::replace(&mut self.lock.follows, true) {
            self.follow_screen_savers("AddMatch");
        }
        for (name, path) in SAVERS {
            if name == crate::adapter::screensaver::NAME && self.saver.is_ours() {
                // We would ask ourselves what we know.
                continue;
            }
            let call = Message::method_call(path, "GetActive")
                .destination(name)
                .interface(name)
                .with_flags(Flags::NO_AUTO_START)
                .build(&());
            if let Ok(call) = call {
                self.bus.call(call, About::ScreenSaver);
            }
        }
    }

    /// The request is over: nobody is to be woken by a screen saver until the next one asks again.
    pub(crate) fn follow_no_screen_savers(&mut self) {
        if std::mem::take(&mut self.lock.follows) {
            self.follow_screen_savers("RemoveMatch");
        }
    }

    fn follow_screen_savers(&mut self, how: &str) {
        for (name, _) in SAVERS {
            let rule =
                format!("type='signal',sender='{name}',interface='{name}',member='ActiveChanged'");
            let call = Message::method_call(DBUS_PATH, how)
                .destination(DBUS)
                .interface(DBUS)
                .build(&rule.as_str());
            if let Ok(call) = call {
                self.bus.send(call);
            }
        }
    }

    /// A screen saver answered.
    pub(crate) fn screen_saver_answered(&mut self, answer: &Message) {
        self.lock.answered(answer);
        self.mind_the_lock();
    }

    /// A signal that may be a screen saver's.
    pub(crate) fn screen_saver_heard(&mut self, signal: &Message) {
        self.lock.heard(signal);
        self.mind_the_lock();
    }

    /// A peer left the bus that may be a screen saver.
    pub(crate) fn screen_saver_left(&mut self, name: &str) {
        if self.lock.savers.remove(name).is_some() {
            self.mind_the_lock();
        }
    }

    fn mind_the_lock(&mut self) {
        let locked = self.lock.is_on();
        if self.lock.locked == locked {
            return;
        }
        self.lock.locked = locked;
        tracing::info!("the screen is {}locked", if locked { "" } else { "un" });
        self.event(Event::Locked(locked));
        for message in self.portal.locked(locked) {
            self.bus.send(message);
        }
        self.supervise(Input::Locked(locked));
    }

    /// A locker goes after the session and never before: what it hides stays hidden to the end. Only
    /// for when the session has ended.
    pub(crate) fn end_lockers(&mut self) {
        for of in &self.lock.lockers {
            let _gone_with_its_display = process::signal(of, endsession_core::Signal::Term);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lockers_name_is_known_as_packagers_wrap_it() {
        let stat = |comm: &str| Stat {
            pid: u32::MAX,
            comm: comm.into(),
            state: 'S',
            ppid: 1,
            pgrp: 1,
            session: 1,
            tty: 0,
            tpgid: -1,
            start: 1,
            ignores_hangup: false,
        };
        // Of a process that is not there, the name is all that is known.
        assert!(is_locker(&stat("swaylock")));
        assert!(is_locker(&stat("i3lock")));
        assert!(!is_locker(&stat("swaylockd-notes")));
        assert!(!is_locker(&stat("sway")));
    }

    #[test]
    fn a_locker_that_is_a_script_is_known_by_the_scripts_name() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = std::env::temp_dir().join(format!("locker-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let runs = |name: &str| {
            let script = folder.join(name);
            std::fs::write(&script, "#!/bin/sh\nread line\n").unwrap();
            std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
            let mut child = std::process::Command::new(&script)
                .stdin(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            let is = is_locker(&Stat::read(child.id()).unwrap());
            drop(child.stdin.take());
            child.wait().unwrap();
            is
        };
        let found = (runs("pyxtrlock"), runs("pyxtrlock-notes"));
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(found, (true, false));
        assert!(is_interpreter("python3.11") && !is_interpreter("swaylock"));
    }

    #[test]
    fn every_lockers_name_is_seen_in_fifteen_bytes() {
        for name in LOCKERS {
            assert!(name.is_ascii() && !name.is_empty(), "{name}");
        }
    }
}

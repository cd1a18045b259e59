//! The portal: the real xdg-desktop-portal, and applications that speak to nothing else.
//!
//! It is on no other bus of the testkit ([`Sandbox`] masks it), since any application of GTK 4 would start it there.

use std::{ops::Deref, path::Path, process::Command, time::Duration};

use crate::{
    bus, programs,
    session::{Proc, Sandbox},
    wait::LIMIT,
};

/// A running xdg-desktop-portal with one backend.
#[derive(Debug)]
pub struct Portal {
    process: Proc,
}

impl Portal {
    /// On the sandbox's bus, with the backend that `description` (a `.portal` file) tells of.
    ///
    /// # Panics
    /// When it does not take its name in time.
    #[track_caller]
    pub fn start(sandbox: &Sandbox, description: &Path) -> Self {
        let file = description.file_name().expect("a file's path");
        let text = std::fs::read(description).expect("the portal's description");
        let written = sandbox.write(Path::new("portals").join(file), text);
        let mut command = Command::new(programs::need("/usr/libexec/xdg-desktop-portal"));
        command
            .arg("--verbose")
            .env("XDG_DESKTOP_PORTAL_DIR", written.parent().expect("a file"))
            .env("XDG_CURRENT_DESKTOP", "sway")
            // Its debug messages say which calls it passes on.
            .env("G_MESSAGES_DEBUG", "all");
        let process = sandbox.spawn(command);
        let bus = sandbox.env("DBUS_SESSION_BUS_ADDRESS").expect("a bus");
        let bus = bus.to_string_lossy();
        bus::wait_for_name(&bus, sandbox.uid(), "org.freedesktop.portal.Desktop", LIMIT);
        Self { process }
    }

    /// Its process.
    pub fn process(&self) -> &Proc {
        &self.process
    }
}

/// How an application of the portal takes a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It agrees.
    Agree,
    /// It takes a hold, and answers right after it.
    Refuse,
    /// It does not answer.
    Silent,
    /// It agrees to its first query and does not answer the second.
    Once,
}

/// An application of the portal: assets/portal_app.py. Its [`Proc`] is reached through deref; it prints a line for everything that
/// happens to it.
#[derive(Debug)]
pub struct PortalApp {
    process: Proc,
    /// Between it and the bus, where it is in a sandbox.
    _proxy: Option<Proc>,
}

impl PortalApp {
    /// Starts one that is in no sandbox, and waits until its monitor is there.
    #[track_caller]
    pub fn start(sandbox: &Sandbox, answer: Answer) -> Self {
        let process = sandbox.spawn_with_input(Self::words(sandbox, answer));
        process.wait_for_line("ready", LIMIT);
        let _proxy = None;
        Self { process, _proxy }
    }

    /// Starts one in a sandbox as Flatpak makes it for `app`: marked, and with a proxy before the bus.
    ///
    /// # Panics
    /// When this computer allows no such sandbox, or it does not start.
    #[track_caller]
    pub fn sandboxed(sandbox: &Sandbox, app: &str, instance: u32, answer: Answer) -> Self {
        let info = format!("[Application]\nname={app}\n\n[Instance]\ninstance-id={instance}\n");
        let info = sandbox.write(format!("flatpak-info-{instance}"), info);
        let bus = sandbox.env("DBUS_SESSION_BUS_ADDRESS").expect("a bus");
        let socket = sandbox.runtime_dir().join(format!("proxy-{instance}"));
        let boxed = |words: &[String]| {
            let mut all = vec!["bwrap".to_owned()];
            all.extend(root());
            all.extend(["--ro-bind".to_owned(), info.display().to_string()]);
            all.push("/.flatpak-info".to_owned());
            all.extend_from_slice(words);
            all
        };
        let proxy = boxed(&[
            programs::need("xdg-dbus-proxy").display().to_string(),
            bus.to_string_lossy().into_owned(),
            socket.display().to_string(),
        ]);
        programs::need("bwrap");
        let proxy = sandbox.spawn(proxy);
        let name = format!("proxy-{instance}");
        crate::wait::for_entry(&sandbox.runtime_dir(), LIMIT, |entry| entry == name);
        let mut words = vec![
            "--setenv".to_owned(),
            "DBUS_SESSION_BUS_ADDRESS".to_owned(),
            format!("unix:path={}", socket.display()),
        ];
        words.extend(Self::words(sandbox, answer));
        let process = sandbox.spawn_with_input(boxed(&words));
        process.wait_for_line("ready", LIMIT);
        Self {
            process,
            _proxy: Some(proxy),
        }
    }

    fn words(sandbox: &Sandbox, answer: Answer) -> Vec<String> {
        let script = sandbox.write("portal_app.py", include_str!("../assets/portal_app.py"));
        programs::need("/usr/lib/python3/dist-packages/gi");
        let answer = match answer {
            Answer::Agree => "agree",
            Answer::Refuse => "refuse",
            Answer::Silent => "silent",
            Answer::Once => "once",
        };
        let python = programs::need("/usr/bin/python3").display().to_string();
        [&python, &script.display().to_string(), "--answer", answer]
            .map(str::to_owned)
            .into()
    }

    /// The states that it was told, in order.
    pub fn states(&self) -> Vec<u32> {
        let lines = self.process.stdout_so_far();
        let states = lines.lines().filter_map(|line| line.strip_prefix("state "));
        states.filter_map(|state| state.parse().ok()).collect()
    }

    /// Waits until it is told this state.
    #[track_caller]
    pub fn wait_for_state(&self, state: u32, limit: Duration) {
        self.process.wait_for_line(&format!("state {state}"), limit);
    }

    /// Holds something up: 1 log-off, 4 suspend, 8 idle.
    #[track_caller]
    pub fn inhibit(&self, flags: u32, reason: &str) {
        self.say(&format!("inhibit {flags} {reason}"), "inhibited");
    }

    /// Releases what it holds.
    #[track_caller]
    pub fn release(&self) {
        self.say("release", "released");
    }

    /// Answers the query that it was silent about.
    #[track_caller]
    pub fn answer(&self) {
        self.process.write("answer\n");
    }

    #[track_caller]
    fn say(&self, order: &str, done: &str) {
        let mark = self.process.stdout().mark();
        self.process.write(&format!("{order}\n"));
        self.process.stdout().wait_for_from(mark, done, LIMIT);
    }
}

impl Deref for PortalApp {
    type Target = Proc;

    fn deref(&self) -> &Proc {
        &self.process
    }
}

/// What bwrap is told so that this computer's root is seen, with room for a file that it does not have.
fn root() -> Vec<String> {
    let mut words = Vec::new();
    for entry in std::fs::read_dir("/").expect("the root").flatten() {
        let path = entry.path().display().to_string();
        match std::fs::read_link(entry.path()) {
            Ok(target) => {
                words.extend(["--symlink".to_owned(), target.display().to_string(), path])
            }
            Err(_) => words.extend(["--dev-bind-try".to_owned(), path.clone(), path]),
        }
    }
    words
}

/// Starts a GtkApplication of GTK 4 that registers through the portal, and waits until its window is shown: assets/gtk4_app.py. With `refuse` it takes a hold when it
/// is asked.
#[track_caller]
pub fn gtk4_app(sandbox: &Sandbox, refuse: bool) -> Proc {
    let script = sandbox.write("gtk4_app.py", include_str!("../assets/gtk4_app.py"));
    programs::need("/usr/lib/x86_64-linux-gnu/girepository-1.0/Gtk-4.0.typelib");
    let mut command = Command::new(programs::need("/usr/bin/python3"));
    command
        .arg(script)
        .env("GDK_DEBUG", "portals")
        // Its picture is nobody's business here.
        .env("GSK_RENDERER", "cairo");
    if refuse {
        command.arg("--refuse");
    }
    let process = sandbox.spawn_with_input(command);
    process.wait_for_line("ready", LIMIT);
    process
}

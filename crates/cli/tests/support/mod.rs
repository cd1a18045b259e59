//! A session without a desktop: the real binary's `run` on a bus of the test's own, its commands,
//! and raw peers on that bus.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod application;
pub(crate) mod raw;

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use endsession_testkit::bus::Bus;
use endsession_testkit::gnome_client::{GnomeClient, Manner};
use endsession_testkit::session::{Proc, Sandbox};
use endsession_testkit::wait::for_entry;
use serde_json::Value;

pub(crate) use raw::Raw;

/// Longer than anything here takes; only a failing test waits so long.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// What a session runs that is only to be ended.
pub(crate) const IDLE: [&str; 2] = ["sleep", "infinity"];

/// Which bus a session is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    Daemon,
    Broker,
}

/// Runs each function as a test on dbus-daemon and as one on dbus-broker.
#[allow(unused_macros, reason = "each test file uses its part")]
macro_rules! on_both_buses {
    ($($name:ident),* $(,)?) => {
        mod on_dbus_daemon {
            $(#[test] fn $name() { super::$name($crate::support::On::Daemon) })*
        }
        mod on_dbus_broker {
            $(#[test] fn $name() { super::$name($crate::support::On::Broker) })*
        }
    };
}
#[allow(unused_imports, reason = "each test file uses its part")]
pub(crate) use on_both_buses;

/// A sandbox with the binary under test in its `PATH`, and no bus.
pub(crate) fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.install(Path::new(env!("CARGO_BIN_EXE_endsession")));
    sandbox.unset_env("DBUS_SESSION_BUS_ADDRESS");
    sandbox
}

/// A running `endsession run` on a bus of the test's.
pub(crate) struct Session {
    pub(crate) run: Proc,
    pub(crate) bus: Bus,
    pub(crate) sandbox: Sandbox,
}

impl Session {
    /// On this bus, with the defaults, with nothing in it.
    #[track_caller]
    pub(crate) fn on(on: On) -> Self {
        Self::with(on, "", &IDLE)
    }

    /// On this bus, with these deadlines (`slow = "1s"` and so on) and this command.
    #[track_caller]
    pub(crate) fn with(on: On, deadlines: &str, command: &[&str]) -> Self {
        Self::with_in(&sandbox(), on, deadlines, command)
    }

    /// The same, in a sandbox that may already be prepared.
    #[track_caller]
    pub(crate) fn with_in(sandbox: &Sandbox, on: On, deadlines: &str, command: &[&str]) -> Self {
        let sandbox = sandbox.clone();
        let bus = match on {
            On::Daemon => Bus::daemon_in(&sandbox),
            On::Broker => Bus::broker_in(&sandbox),
        };
        let run = start(&sandbox, deadlines, command);
        // The last of its names: the manager is all there.
        bus.wait_for_name("org.gnome.SessionManager", LIMIT);
        Self { run, bus, sandbox }
    }

    /// A client that behaves like this.
    #[track_caller]
    pub(crate) fn client(&self, app_id: &str, manner: Manner) -> GnomeClient {
        GnomeClient::register(&self.bus, app_id, manner)
    }

    /// A peer that says and hears what the test likes.
    #[track_caller]
    pub(crate) fn raw(&self) -> Raw {
        Raw::connect(&self.bus)
    }

    /// One that has called Watch.
    #[track_caller]
    pub(crate) fn watcher(&self) -> Raw {
        let raw = self.raw();
        raw.control("Watch", &()).unwrap();
        raw
    }

    /// Starts `endsession ARGUMENTS` inside the session.
    #[track_caller]
    pub(crate) fn start(&self, arguments: &[&str]) -> Proc {
        self.sandbox.spawn([&["endsession"], arguments].concat())
    }

    /// Runs `endsession ARGUMENTS` inside the session to its end.
    #[track_caller]
    pub(crate) fn endsession(&self, arguments: &[&str]) -> Done {
        endsession(&self.sandbox, arguments)
    }

    /// What `status --json` says.
    #[track_caller]
    pub(crate) fn status(&self) -> Value {
        let done = self.endsession(&["status", "--json"]);
        assert_eq!(done.code(), Some(0), "{done:?}");
        serde_json::from_str(&done.out).unwrap()
    }

    /// Waits for the end of `run`, and of the session with it.
    #[track_caller]
    pub(crate) fn ends(&self) -> ExitStatus {
        self.run.wait_exit(LIMIT)
    }

    /// Waits for an ordered end.
    #[track_caller]
    pub(crate) fn ends_in_order(&self) {
        let status = self.ends();
        assert_eq!(status.code(), Some(0), "{}", self.run.stderr_so_far());
    }
}

/// A session whose bus `run` started itself, in `$XDG_RUNTIME_DIR`. The sandbox's processes find it
/// from then on.
#[track_caller]
pub(crate) fn start_with_private_bus(sandbox: &Sandbox, deadlines: &str, command: &[&str]) -> Proc {
    let run = start(sandbox, deadlines, command);
    let name = format!("endsession-bus-{}", run.pid());
    let socket = for_entry(&sandbox.runtime_dir(), LIMIT, |entry| entry == name);
    sandbox.set_env(
        "DBUS_SESSION_BUS_ADDRESS",
        format!("unix:path={}", socket.display()),
    );
    // Its socket is there before anybody listens for a manager behind it.
    until(|| endsession(sandbox, &["status"]).code() == Some(0));
    run
}

/// Starts `endsession run` with these deadlines and this command.
#[track_caller]
pub(crate) fn start(sandbox: &Sandbox, deadlines: &str, command: &[&str]) -> Proc {
    let config = sandbox.write("endsession.toml", format!("[deadlines]\n{deadlines}\n"));
    let config = config.display().to_string();
    sandbox.spawn([&["endsession", "run", "--config", &config, "--"], command].concat())
}

/// A command that has ended, and all that it wrote.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }
}

/// Runs `endsession ARGUMENTS` to its end.
#[track_caller]
pub(crate) fn endsession(sandbox: &Sandbox, arguments: &[&str]) -> Done {
    run(sandbox, &[&["endsession"], arguments].concat())
}

/// Runs a command to its end.
#[track_caller]
pub(crate) fn run(sandbox: &Sandbox, words: &[&str]) -> Done {
    let mut command = sandbox.as_user(words);
    command.stdin(Stdio::null());
    let (done, result) = mpsc::sync_channel(1);
    // The thread lives as long as its child, which is killed when the thread that started it ends.
    std::thread::spawn(move || done.send(command.output()));
    match result.recv_timeout(LIMIT) {
        Ok(output) => {
            let output = output.unwrap();
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
            Done {
                status: output.status,
                out: text(output.stdout),
                err: text(output.stderr),
            }
        }
        Err(_) => panic!("{words:?} lives after {LIMIT:?}"),
    }
}

/// Waits until `reached`, looking again whenever the manager has answered `status`.
#[track_caller]
pub(crate) fn wait_for_status(session: &Session, reached: impl Fn(&Value) -> bool) -> Value {
    let begun = std::time::Instant::now();
    loop {
        let status = session.status();
        if reached(&status) {
            return status;
        }
        assert!(
            begun.elapsed() < LIMIT,
            "never within {LIMIT:?}: {status:#}"
        );
    }
}

/// Waits until `reached`. For what nothing announces: a process between fork and exec.
#[track_caller]
pub(crate) fn until(reached: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !reached() {
        assert!(begun.elapsed() < LIMIT, "never within {LIMIT:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

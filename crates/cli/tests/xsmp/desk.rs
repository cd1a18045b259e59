//! [`Desk`]: a session that starts XSMP applications.

use std::ops::Deref;
use std::path::PathBuf;

use endsession_testkit::bus::Bus;
use endsession_testkit::gnome_client::{GnomeClient, Manner};
use endsession_testkit::session::{Proc, Sandbox};
use endsession_testkit::xsmp_client::XsmpApp;

use crate::support::{LIMIT, Session, sandbox};

/// What a client is asked when it has just come.
pub(crate) const INITIAL: &str = "save Local None";

/// What it is asked before a log-off.
pub(crate) const QUERY: &str = "save Global shutdown Any";

/// What it is asked when it will be ended whatever it says.
pub(crate) const LAST_SAVE: &str = "save Global shutdown None fast";

/// A session whose command is a shell that starts what the test wants.
pub(crate) struct Desk {
    session: Session,
    /// `SESSION_MANAGER` and `ICEAUTHORITY` of its processes.
    pub(crate) manager: String,
    pub(crate) authority: PathBuf,
}

impl Desk {
    /// With the defaults.
    #[track_caller]
    pub(crate) fn new() -> Self {
        Self::with("")
    }

    /// With these deadlines (`slow = "1s"` and so on).
    #[track_caller]
    pub(crate) fn with(deadlines: &str) -> Self {
        let sandbox = sandbox();
        let bus = Bus::daemon_in(&sandbox);
        let run = shell(&sandbox, deadlines);
        let (manager, authority) = environment(&run);
        Self {
            session: Session { run, bus, sandbox },
            manager,
            authority: authority.into(),
        }
    }

    /// Has the session's shell do something in the background.
    #[track_caller]
    pub(crate) fn launch(&self, line: &str) {
        self.run.write(&format!("{line} &\n"));
    }

    /// An application of the session that has not yet connected.
    #[track_caller]
    pub(crate) fn app(&self, name: &str) -> XsmpApp {
        XsmpApp::start(&self.sandbox, "application", name, |line| self.launch(line))
    }

    /// One that SIGTERM does not end.
    #[track_caller]
    pub(crate) fn stubborn_app(&self, name: &str) -> XsmpApp {
        XsmpApp::start(&self.sandbox, "application", name, |line| {
            self.launch(&format!("(trap '' TERM; {line})"));
        })
    }

    /// A client that has just registered, has saved for the first time, and is idle.
    #[track_caller]
    pub(crate) fn client(&self, name: &str) -> XsmpApp {
        let app = self.app(name);
        register(&app);
        app
    }

    /// A client of the bus.
    #[track_caller]
    pub(crate) fn client_on_bus(&self, manner: Manner) -> GnomeClient {
        self.session.client("on-bus", manner)
    }

    /// Begins a log-off. What it returns must be kept: without its command the request is not made.
    #[track_caller]
    #[must_use]
    pub(crate) fn log_off(&self) -> Proc {
        self.start(&["logoff"])
    }

    /// A log-off of this client alone: it is asked, agrees, and is let go; then the session has
    /// ended.
    #[track_caller]
    pub(crate) fn log_off_of(&self, app: &XsmpApp) {
        let log_off = self.log_off();
        app.hears(QUERY);
        app.order("done yes");
        self.lets_go(app);
        has_ended(&log_off, "The session has ended.");
        self.ends_in_order();
    }

    /// A client comes, and the session ends with it.
    #[track_caller]
    pub(crate) fn serves_honest_clients(&self) {
        self.log_off_of(&self.client("honest"));
    }

    /// The manager's memory, in bytes.
    #[track_caller]
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.run.pid())).unwrap();
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
        let kib: u64 = line.unwrap().trim_end_matches("kB").trim().parse().unwrap();
        kib << 10
    }

    /// How many descriptors the manager has open.
    #[track_caller]
    pub(crate) fn descriptors(&self) -> usize {
        let list = std::fs::read_dir(format!("/proc/{}/fd", self.run.pid())).unwrap();
        list.count()
    }

    /// The client is told to end, and does.
    #[track_caller]
    pub(crate) fn lets_go(&self, app: &XsmpApp) {
        app.hears("die");
        app.order("exit");
        app.ends();
    }
}

impl Deref for Desk {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // A test that fails, or is done before the session is, kills the manager, which takes
        // nothing back then.
        self.run.kill();
        let name = self.run.pid().to_string();
        let _gone_already = std::fs::remove_file(PathBuf::from("/tmp/.ICE-unix").join(name));
    }
}

/// Starts a session of a shell, on the bus of the sandbox's environment or on one of its own.
#[track_caller]
pub(crate) fn shell(sandbox: &Sandbox, deadlines: &str) -> Proc {
    let config = sandbox.write("endsession.toml", format!("[deadlines]\n{deadlines}\n"));
    let config = config.display().to_string();
    sandbox.spawn_with_input(["endsession", "run", "--config", &config, "--", "sh"])
}

/// `SESSION_MANAGER` and `ICEAUTHORITY` as the session's shell has them.
#[track_caller]
pub(crate) fn environment(run: &Proc) -> (String, String) {
    run.write("echo \"environment $SESSION_MANAGER $ICEAUTHORITY\"\n");
    let line = run.wait_for_line("environment ", LIMIT);
    let mut words = line.split(' ').skip(1).map(str::to_owned);
    (words.next().unwrap(), words.next().unwrap())
}

/// Registers a client, and saves for the first time; its id.
#[track_caller]
pub(crate) fn register(app: &XsmpApp) -> String {
    app.order("connect");
    let id = registered(app);
    app.hears(INITIAL);
    app.order("done yes");
    app.hears("complete");
    id
}

/// Waits for the id of a client that has connected.
#[track_caller]
pub(crate) fn registered(app: &XsmpApp) -> String {
    let told = app.hears("registered ");
    told.rsplit(' ').next().unwrap().to_owned()
}

/// A command has ended well, and has said this last.
#[track_caller]
pub(crate) fn has_ended(command: &Proc, last: &str) {
    let status = command.wait_exit(LIMIT);
    let said = command.stderr_so_far();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(said.lines().last(), Some(last), "{said}");
}

/// A request has been cancelled, for this reason.
#[track_caller]
pub(crate) fn was_cancelled(command: &Proc, why: &str) {
    let status = command.wait_exit(LIMIT);
    let said = command.stderr_so_far();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains(why), "{said}");
}

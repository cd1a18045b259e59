//! [`Machine`]: this computer's own system, booted once more as a small machine beside it, with a
//! real systemd, logind, polkit and user managers.
//!
//! It runs in private namespaces on an overlay of the root directory (`assets/machine.sh`), so that a
//! test may log users in, power it off or break it, and nothing of that is seen outside. Several run
//! side by side. One boots in half a second. Its processes are in a control group of their own and
//! end with the guard, or with the test's process.
//!
//! That takes root, control groups of version 2 and the right to mount. Where one is missing
//! [`Machine::boot`] returns nothing, says so at once, and `cargo xtask test` says so again in the
//! end; a missing package is a failure, as everywhere.
//!
//! ```no_run
//! use endsession_testkit::{machine::{End, Machine}, wait::LIMIT};
//!
//! let Some(machine) = Machine::boot() else { return };
//! let login = machine.login("alice", "gui", "exec sleep 1000");
//! machine.exec(["loginctl", "terminate-session", login.session()]).success();
//! machine.exec(["systemctl", "poweroff"]);
//! assert_eq!(machine.wait_for_end(LIMIT), End::PowerOff);
//! ```

mod able;
mod group;
mod journal;
mod login;

use std::{
    ffi::OsStr,
    fs,
    os::unix::{fs::PermissionsExt, net::UnixDatagram},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Duration,
};

use self::group::Group;
use crate::{
    programs,
    session::{Output, Proc, Sandbox},
    wait::{Deadline, LIMIT},
};

pub use able::not_run;
pub use login::Login;

const SCRIPT: &str = include_str!("../../assets/machine.sh");

/// The line that the script writes when it has prepared everything and systemd-nspawn takes over.
const PREPARED: &str = "booting";

/// The name that the machine has for itself.
const NAME: &str = "machine";

/// Settings that all machines have: the journal is kept, a user's manager does not outlive the user's
/// last session, and what does not end on SIGTERM is killed soon.
const SETTINGS: &[(&str, &str)] = &[
    (
        "/etc/systemd/journald.conf.d/10-test.conf",
        "[Journal]\nStorage=persistent\nRateLimitIntervalSec=0\n",
    ),
    (
        "/etc/systemd/logind.conf.d/10-test.conf",
        "[Login]\nUserStopDelaySec=0\n",
    ),
    (
        "/etc/systemd/system.conf.d/10-test.conf",
        "[Manager]\nDefaultTimeoutStopSec=10s\n",
    ),
];

/// How a machine ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was powered off.
    PowerOff,
    /// It was to be restarted.
    Restart,
}

/// A machine before it boots.
#[derive(Debug, Default)]
pub struct Setup {
    files: Vec<(String, String)>,
}

/// A running machine. Dropping it kills everything in it.
#[derive(Debug)]
pub struct Machine {
    // In the order of their ends: the group's kills what the others would wait for.
    _group: Group,
    nspawn: Proc,
    leader: u32,
    journal: OnceLock<Proc>,
    sandbox: Sandbox,
}

impl Setup {
    /// Puts a file there. Rules of polkit go to `/etc/polkit-1/rules.d`, settings of logind to
    /// `/etc/systemd/logind.conf.d`.
    #[must_use]
    pub fn file(mut self, path: &str, text: &str) -> Self {
        self.files.push((path.to_owned(), text.to_owned()));
        self
    }

    /// Boots it, and waits until it is up; nothing where this computer cannot.
    ///
    /// # Panics
    /// When a package is missing, or the machine does not come up.
    #[track_caller]
    pub fn boot(self) -> Option<Machine> {
        let hierarchy = able::hierarchy();
        let booted = hierarchy.and_then(|hierarchy| {
            let sandbox = Sandbox::as_caller();
            let group = Group::new(&hierarchy, sandbox.mark());
            let group = group.map_err(|error| format!("no control group can be made: {error}"))?;
            self.boot_in(sandbox, group)
        });
        booted.map_err(|why| able::not_run(&why)).ok()
    }

    #[track_caller]
    fn boot_in(self, sandbox: Sandbox, group: Group) -> Result<Machine, String> {
        let dir = sandbox.dir().to_owned();
        for part in ["disk", "files", "journal", "share"] {
            fs::create_dir(dir.join(part)).expect("a directory of the machine");
        }
        // Any user of the machine may write there.
        fs::set_permissions(dir.join("share"), PermissionsExt::from_mode(0o1777))
            .expect("the shared directory's mode");
        let settings = SETTINGS.iter().map(|(path, text)| (*path, *text));
        let files = self.files.iter().map(|(path, text)| (&**path, &**text));
        for (path, text) in settings.chain(files) {
            write(&dir.join("files").join(path.trim_start_matches('/')), text);
        }
        let socket = dir.join("notify");
        let notify = UnixDatagram::bind(&socket).expect("a socket of the machine");

        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private"]);
        command.args(["bash", "-c", SCRIPT, "machine.sh"]);
        command.arg(&dir).args([group.path(), NAME]);
        command.env("NOTIFY_SOCKET", &socket);
        let nspawn = sandbox.spawn(command);
        let prepared = |bytes: &[u8]| {
            String::from_utf8_lossy(bytes)
                .contains(PREPARED)
                .then_some(())
        };
        if nspawn.stdout().wait_until(LIMIT, prepared).is_err() {
            nspawn.stderr().settle();
            let said = nspawn.stderr_so_far();
            return Err(said.trim().to_owned());
        }
        let leader = up(&notify, &nspawn);
        Ok(Machine {
            _group: group,
            nspawn,
            leader,
            journal: OnceLock::new(),
            sandbox,
        })
    }
}

/// Waits for systemd-nspawn's word that the machine is up; the host's number of its process 1.
#[track_caller]
fn up(notify: &UnixDatagram, nspawn: &Proc) -> u32 {
    let deadline = Deadline::after(LIMIT);
    let (mut leader, mut ready) = (None, false);
    while !ready || leader.is_none() {
        // A machine that dies says nothing more: a short wait, then another look whether it lives.
        let wait = deadline.left().min(Duration::from_millis(500));
        if wait.is_zero() || !nspawn.is_alive() {
            nspawn.stdout().settle();
            let (out, err) = (nspawn.stdout_so_far(), nspawn.stderr_so_far());
            panic!("the machine did not come up; its console:\n{out}\n{err}");
        }
        notify.set_read_timeout(Some(wait)).expect("a time limit");
        let mut buffer = [0; 4096];
        let Ok(length) = notify.recv(&mut buffer) else {
            continue;
        };
        for line in String::from_utf8_lossy(&buffer[..length]).lines() {
            ready |= line == "READY=1";
            if let Some(pid) = line.strip_prefix("X_NSPAWN_LEADER_PID=") {
                leader = pid.parse().ok();
            }
        }
    }
    leader.expect("the loop ends with one")
}

impl Machine {
    /// A machine as it comes, with the users `alice` (4001) and `bob` (4002), who have no password.
    #[must_use]
    pub fn setup() -> Setup {
        Setup::default()
    }

    /// Boots a machine as it comes; see [`Setup::boot`].
    ///
    /// # Panics
    /// As that.
    #[track_caller]
    pub fn boot() -> Option<Self> {
        Self::setup().boot()
    }

    /// Runs a command as root, as a unit of its own, to its end.
    ///
    /// # Panics
    /// When it takes longer than [`LIMIT`], or the machine is going down and starts nothing more.
    #[track_caller]
    pub fn exec<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Ran {
        self.run(&[], words)
    }

    /// As [`exec`](Self::exec), as `user` and with the user's own bus, outside all sessions.
    ///
    /// # Panics
    /// As that.
    #[track_caller]
    pub fn exec_as<S: AsRef<OsStr>>(&self, user: &str, words: impl IntoIterator<Item = S>) -> Ran {
        let uid = uid(user);
        let options = [
            format!("--uid={user}"),
            format!("--working-directory=/home/{user}"),
            format!("--setenv=XDG_RUNTIME_DIR=/run/user/{uid}"),
            format!("--setenv=DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/{uid}/bus"),
        ];
        self.run(&options.each_ref().map(String::as_str), words)
    }

    #[track_caller]
    fn run<S: AsRef<OsStr>>(&self, options: &[&str], words: impl IntoIterator<Item = S>) -> Ran {
        Ran::of(&self.start(options, words))
    }

    /// Starts a command as a unit of its own; what is returned ends as that does, with its status and
    /// its output.
    #[track_caller]
    pub fn start<S: AsRef<OsStr>>(
        &self,
        options: &[&str],
        words: impl IntoIterator<Item = S>,
    ) -> Proc {
        let mut command = self.inside(["systemd-run", "--quiet", "--collect", "--pipe", "--wait"]);
        command.args(options).arg("--");
        for word in words {
            // systemd would put variables of its own there.
            command.arg(word.as_ref().to_string_lossy().replace('$', "$$"));
        }
        self.sandbox.spawn(command)
    }

    /// Runs a command as root without systemd's help, in the machine's namespaces alone: also while it
    /// goes down, when no unit is started any more.
    ///
    /// # Panics
    /// When it takes longer than [`LIMIT`].
    #[track_caller]
    pub fn look<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Ran {
        Ran::of(&self.sandbox.spawn(self.inside(words)))
    }

    /// A command in the machine's namespaces.
    #[track_caller]
    fn inside<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(programs::need("nsenter"));
        command.arg(format!("--target={}", self.leader));
        command.args([
            "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--",
        ]);
        command.args(words);
        // Its own is where programs look by themselves.
        command.env_remove("DBUS_SYSTEM_BUS_ADDRESS");
        command
    }

    /// A directory that the machine has as `/share`, for all its users.
    pub fn share(&self) -> PathBuf {
        self.sandbox.dir().join("share")
    }

    /// The machine's file `path`, as it is seen from outside. Gone with the machine's process 1.
    pub fn file(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.leader))
    }

    /// Writes a file of the machine, with the directories it needs.
    pub fn write(&self, path: &str, text: &str) {
        write(&self.file(path), text);
    }

    /// Puts a program into the machine's `PATH`, as `/usr/local/bin/NAME`.
    pub fn install(&self, program: &Path) {
        self.sandbox.install(program);
    }

    /// Waits until the machine has ended by itself.
    ///
    /// # Panics
    /// When it is still there after `limit`, or ended in another way.
    #[track_caller]
    pub fn wait_for_end(&self, limit: Duration) -> End {
        let status = self.nspawn.wait_exit(limit);
        match status.code() {
            Some(0) => End::PowerOff,
            Some(133) => End::Restart,
            _ => panic!(
                "the machine ended with {status}; its console:\n{}\n{}",
                self.nspawn.stdout_so_far(),
                self.nspawn.stderr_so_far()
            ),
        }
    }

    /// Whether it is still there.
    pub fn is_up(&self) -> bool {
        self.nspawn.is_alive()
    }

    /// What it wrote to its console so far.
    pub fn console(&self) -> &Output {
        self.nspawn.stdout()
    }
}

/// What a command of a machine came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Its exit status; none when a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error output.
    pub stderr: String,
}

impl Ran {
    #[track_caller]
    fn of(process: &Proc) -> Self {
        Self {
            code: process.wait_exit(LIMIT).code(),
            stdout: process.stdout_so_far(),
            stderr: process.stderr_so_far(),
        }
    }

    /// Its standard output.
    ///
    /// # Panics
    /// When it failed.
    #[track_caller]
    pub fn success(self) -> String {
        assert_eq!(self.code, Some(0), "{}\n{}", self.stdout, self.stderr);
        self.stdout
    }
}

/// The numbers that the script gives its users.
fn uid(user: &str) -> u32 {
    match user {
        "root" => 0,
        "alice" => 4001,
        "bob" => 4002,
        _ => panic!("the machine has no user {user}"),
    }
}

fn write(path: &Path, text: &str) {
    let dir = path.parent().expect("a file is in a directory");
    let written = fs::create_dir_all(dir).and_then(|()| fs::write(path, text));
    written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

//! [`Sandbox`]: one small world that owns directories, an environment, a user and processes.
//!
//! As root the sandbox's processes run as uid 65534, because sway refuses to run as root and because
//! a session is an ordinary user's; else they run as the caller. Everything started in it is marked
//! in its environment and ended when the last holder of the sandbox is dropped.
//!
//! ```no_run
//! use std::time::Duration;
//! use endsession_testkit::session::Sandbox;
//!
//! let sandbox = Sandbox::new();
//! let shell = sandbox.spawn(["sh", "-c", "echo ready; sleep 1000"]);
//! shell.wait_for_line("ready", Duration::from_secs(5));
//! // Dropped: both processes are gone.
//! ```

mod exits;
mod output;
mod proc;

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs,
    io::Write,
    os::unix::{ffi::OsStringExt, fs::PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use rustix::process::{Signal, getgid, getuid};
use tempfile::TempDir;

use crate::{programs, sweep};

pub use exits::{Exit, ExitOrder};
pub use output::Output;
pub use proc::Proc;

/// The user that processes run as when the tests run as root: nobody and nogroup.
pub const UNPRIVILEGED: u32 = 65534;

/// One test's world. Cloning it shares it.
#[derive(Clone, Debug)]
pub struct Sandbox(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    mark: String,
    uid: u32,
    gid: u32,
    dir: TempDir,
    env: Mutex<BTreeMap<OsString, OsString>>,
    /// Every process that was started, for what it may leave.
    spawned: Mutex<Vec<u32>>,
}

/// A command as [`Sandbox::spawn`] takes it: a [`Command`], or a list of words.
pub trait ToCommand {
    /// The command.
    fn to_command(self) -> Command;
}

impl ToCommand for Command {
    fn to_command(self) -> Command {
        self
    }
}

impl<const N: usize, S: AsRef<OsStr>> ToCommand for [S; N] {
    fn to_command(self) -> Command {
        words(&self)
    }
}

impl<S: AsRef<OsStr>> ToCommand for &[S] {
    fn to_command(self) -> Command {
        words(self)
    }
}

impl<S: AsRef<OsStr>> ToCommand for Vec<S> {
    fn to_command(self) -> Command {
        words(&self)
    }
}

fn words<S: AsRef<OsStr>>(list: &[S]) -> Command {
    let (program, args) = list.split_first().expect("a command has at least one word");
    let mut command = Command::new(program);
    command.args(args);
    command
}

/// How a process of the sandbox is started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// What it receives when this process dies, and first when it is dropped.
    pub(crate) farewell: Signal,
    /// Whether it leads a process group. A command of `setsid` must not.
    pub(crate) own_group: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            farewell: Signal::KILL,
            own_group: true,
        }
    }
}

impl Sandbox {
    /// A sandbox for an ordinary user: the caller, or uid 65534 when the caller is root.
    pub fn new() -> Self {
        if getuid().is_root() {
            Self::of(UNPRIVILEGED, UNPRIVILEGED)
        } else {
            Self::as_caller()
        }
    }

    /// A sandbox whose processes run as the caller, root or not.
    pub fn as_caller() -> Self {
        Self::of(getuid().as_raw(), getgid().as_raw())
    }

    fn of(uid: u32, gid: u32) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let home = sweep::home();
        let dir = tempfile::Builder::new()
            .prefix(&format!("{number}-"))
            .rand_bytes(0)
            .permissions(PermissionsExt::from_mode(0o755))
            .tempdir_in(&home.dir)
            .expect("the sandbox's directory");
        let sandbox = Self(Arc::new(Inner {
            mark: format!("{}.{number}", home.mark),
            uid,
            gid,
            dir,
            env: Mutex::default(),
            spawned: Mutex::default(),
        }));
        for part in ["home", "run", "tmp", "log", "bin"] {
            let path = sandbox.dir().join(part);
            fs::create_dir(&path).expect("a directory of the sandbox");
            sandbox.give(&path);
        }
        // Programs refuse a runtime directory that others may enter.
        let private = PermissionsExt::from_mode(0o700);
        fs::set_permissions(sandbox.runtime_dir(), private).expect("the runtime directory's mode");
        sandbox.fill_env();
        sandbox.mask_services();
        sandbox
    }

    fn fill_env(&self) {
        let path = format!("{}:{}", self.dir().join("bin").display(), programs::PATH);
        self.set_env("PATH", path);
        self.set_env("HOME", self.home());
        self.set_env("XDG_RUNTIME_DIR", self.runtime_dir());
        let data = self.dir().join("data").display().to_string();
        self.set_env(
            "XDG_DATA_DIRS",
            format!("{data}:/usr/local/share:/usr/share"),
        );
        self.set_env("TMPDIR", self.dir().join("tmp"));
        self.set_env("LANG", "C.UTF-8");
        self.set_env("SHELL", "/bin/sh");
        self.set_env("USER", "tester");
        self.set_env("LOGNAME", "tester");
        // Settings stay in each process: no dconf writer, no state shared between applications.
        self.set_env("GSETTINGS_BACKEND", "memory");
        // gvfs would start a family of daemons that no test is about.
        self.set_env("GIO_USE_VFS", "local");
        // No test talks to this computer's own logind: it would hold up a shutdown, or begin one.
        self.set_env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent");
        self.set_env(sweep::MARK, &self.0.mark);
    }

    /// No bus of it starts the portal: applications of GTK 4, Firefox and others would, each for settings that no test is about, and it mounts a file
    /// system. [`portal::Portal`](crate::portal::Portal) starts it where it is meant.
    fn mask_services(&self) {
        let services = self.dir().join("data/dbus-1/services");
        fs::create_dir_all(&services).expect("a directory of the sandbox");
        for name in [
            "org.freedesktop.portal.Desktop",
            "org.freedesktop.portal.Documents",
        ] {
            let file = services.join(format!("{name}.service"));
            let text = format!("[D-BUS Service]\nName={name}\nExec=/bin/false\n");
            fs::write(file, text).expect("a file of the sandbox");
        }
    }

    /// The user that its processes run as.
    pub fn uid(&self) -> u32 {
        self.0.uid
    }

    /// The group that its processes run as.
    pub(crate) fn gid(&self) -> u32 {
        self.0.gid
    }

    /// What marks its processes, and whatever else of it can be named.
    pub(crate) fn mark(&self) -> &str {
        &self.0.mark
    }

    /// The sandbox's own directory; everything of it is removed at the end.
    pub fn dir(&self) -> &Path {
        self.0.dir.path()
    }

    /// `HOME` of its processes.
    pub fn home(&self) -> PathBuf {
        self.dir().join("home")
    }

    /// `XDG_RUNTIME_DIR` of its processes.
    pub fn runtime_dir(&self) -> PathBuf {
        self.dir().join("run")
    }

    /// Sets a variable for every process started from now on.
    pub fn set_env(&self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) {
        self.env_map()
            .insert(name.as_ref().into(), value.as_ref().into());
    }

    /// Removes a variable for every process started from now on.
    pub fn unset_env(&self, name: impl AsRef<OsStr>) {
        self.env_map().remove(name.as_ref());
    }

    /// The value that processes started now get for `name`.
    pub fn env(&self, name: impl AsRef<OsStr>) -> Option<OsString> {
        self.env_map().get(name.as_ref()).cloned()
    }

    fn env_map(&self) -> MutexGuard<'_, BTreeMap<OsString, OsString>> {
        self.0.env.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a file below the sandbox's home, owned by its user, with the directories it needs.
    pub fn write(&self, name: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.home().join(name);
        let parent = path.parent().expect("a file below home has a parent");
        fs::create_dir_all(parent).expect("the file's directory");
        for dir in parent
            .ancestors()
            .take_while(|dir| dir.starts_with(self.home()))
        {
            self.give(dir);
        }
        let mut file = fs::File::create(&path).expect("a file of the sandbox");
        file.write_all(contents.as_ref())
            .expect("writing a file of the sandbox");
        self.give(&path);
        path
    }

    /// Lets what is under test find these font files and no others, so that it draws the same on every
    /// machine: `ENDSESSION_FONTS` names a directory of links to them. Fontconfig, which other programs
    /// ask, is told of the same directory.
    ///
    /// # Panics
    /// When one of them is not installed; the message names its Debian package.
    #[track_caller]
    pub fn use_fonts(&self, files: &[&str]) {
        let dir = self.home().join("fonts");
        // Fonts of an earlier call are not to be found any more.
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir).expect("a directory of the sandbox");
        self.give(&dir);
        for file in files {
            let file = programs::need(file);
            let name = file.file_name().expect("a path of a font");
            std::os::unix::fs::symlink(&file, dir.join(name)).expect("a link to a font");
        }
        let config = format!(
            "<?xml version=\"1.0\"?>\n<!DOCTYPE fontconfig SYSTEM \"urn:fontconfig:fonts.dtd\">\n\
             <fontconfig><dir>{}</dir><cachedir>{}</cachedir></fontconfig>\n",
            dir.display(),
            self.home().join(".cache/fontconfig").display(),
        );
        self.set_env("FONTCONFIG_FILE", self.write("fonts.conf", config));
        self.set_env("ENDSESSION_FONTS", dir);
    }

    /// Puts `binary` where the sandbox's user can execute it, and first in its `PATH`.
    ///
    /// A build directory may lie below a home that others cannot enter. A hard link where the file
    /// system allows it; else a copy made by another process, because a descriptor open for writing
    /// that a concurrent fork inherits makes executing the file fail with "text file busy".
    pub fn install(&self, binary: &Path) -> PathBuf {
        let name = binary.file_name().expect("a path of a binary");
        self.install_as(binary, name)
    }

    /// As [`install`](Self::install), under another name.
    pub(crate) fn install_as(&self, binary: &Path, name: impl AsRef<Path>) -> PathBuf {
        let target = self.dir().join("bin").join(name);
        if target.exists() {
            return target;
        }
        if fs::hard_link(binary, &target).is_err() {
            let copied = Command::new("cp")
                .arg("--")
                .arg(binary)
                .arg(&target)
                .status();
            assert!(
                copied.is_ok_and(|status| status.success()),
                "cannot copy {binary:?}"
            );
            self.give(&target);
        }
        target
    }

    /// Starts `command` in the sandbox, with its output recorded and nothing to read.
    ///
    /// Of a [`Command`] the program, arguments, variables and directory count; its descriptors and
    /// user do not.
    ///
    /// # Panics
    /// When the program is missing.
    #[track_caller]
    pub fn spawn(&self, command: impl ToCommand) -> Proc {
        Proc::spawn(
            self,
            command.to_command(),
            Manner::default(),
            proc::Input::Nothing,
        )
    }

    /// As [`spawn`](Self::spawn), with a standard input that [`Proc::write`] writes to.
    #[track_caller]
    pub fn spawn_with_input(&self, command: impl ToCommand) -> Proc {
        Proc::spawn(
            self,
            command.to_command(),
            Manner::default(),
            proc::Input::Pipe,
        )
    }

    /// As [`spawn`](Self::spawn), in a manner of its own.
    #[track_caller]
    pub(crate) fn spawn_in_manner(&self, command: impl ToCommand, manner: Manner) -> Proc {
        Proc::spawn(self, command.to_command(), manner, proc::Input::Nothing)
    }

    /// As [`spawn`](Self::spawn), with `fd` as standard input.
    #[track_caller]
    pub(crate) fn spawn_on(&self, command: impl ToCommand, fd: std::os::fd::OwnedFd) -> Proc {
        Proc::spawn(
            self,
            command.to_command(),
            Manner::default(),
            proc::Input::Fd(fd),
        )
    }

    /// As [`spawn`](Self::spawn), with all three descriptors on `terminal`, which `setsid` makes its
    /// controlling terminal.
    #[track_caller]
    pub(crate) fn spawn_on_terminal(
        &self,
        command: impl ToCommand,
        terminal: std::os::fd::OwnedFd,
    ) -> Proc {
        let manner = Manner {
            own_group: false,
            ..Manner::default()
        };
        Proc::spawn(
            self,
            command.to_command(),
            manner,
            proc::Input::Terminal(terminal),
        )
    }

    /// The command that runs `command` here: as the sandbox's user, with its environment, and to be
    /// killed when the thread that spawns it ends. For callers that spawn it themselves.
    #[track_caller]
    pub fn as_user(&self, command: impl ToCommand) -> Command {
        self.wrap(&command.to_command(), Signal::KILL)
    }

    #[track_caller]
    fn wrap(&self, command: &Command, farewell: Signal) -> Command {
        let program = command.get_program();
        let mut wrapped = Command::new(programs::need("setpriv"));
        if self.0.uid != getuid().as_raw() {
            wrapped.arg(format!("--reuid={}", self.0.uid));
            wrapped
                .arg(format!("--regid={}", self.0.gid))
                .arg("--clear-groups");
        }
        let signal = if farewell == Signal::TERM {
            "TERM"
        } else {
            "KILL"
        };
        wrapped.args(["--pdeathsig", signal, "--"]);
        match program.to_str().filter(|name| !name.contains('/')) {
            Some(name) if !self.dir().join("bin").join(name).exists() => {
                wrapped.arg(programs::need(name))
            }
            Some(name) => wrapped.arg(self.dir().join("bin").join(name)),
            None => wrapped.arg(program),
        };
        wrapped.args(command.get_args());
        wrapped.env_clear().envs(self.env_map().iter());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => wrapped.env(name, value),
                None => wrapped.env_remove(name),
            };
        }
        wrapped.current_dir(command.get_current_dir().unwrap_or(&self.home()));
        wrapped
    }

    /// Records in which order processes end.
    pub fn exit_order(&self) -> ExitOrder {
        ExitOrder::new()
    }

    /// Every living process of the sandbox, also those that detached themselves.
    pub fn processes(&self) -> Vec<u32> {
        sweep::marked(&self.0.mark)
            .into_iter()
            .map(|(pid, _)| pid)
            .collect()
    }

    /// Kills every process of the sandbox now, and waits until they are gone.
    pub fn kill_all(&self) {
        self.0.kill_all();
    }

    /// Notes a process that was started; its output goes to the files that this names: `kind` is
    /// "out" or "err".
    fn started(&self, pid: u32, name: &str) -> impl Fn(&str) -> PathBuf + use<> {
        let mut spawned = self.0.spawned();
        spawned.push(pid);
        let (dir, number) = (self.dir().join("log"), spawned.len());
        let name = name.to_owned();
        move |kind| dir.join(format!("{number:02}-{name}.{kind}"))
    }

    /// Hands `path` to the sandbox's user.
    pub(crate) fn give(&self, path: &Path) {
        if self.0.uid != getuid().as_raw() {
            std::os::unix::fs::chown(path, Some(self.0.uid), Some(self.0.gid))
                .unwrap_or_else(|error| panic!("chown {}: {error}", path.display()));
        }
    }
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Inner {
    fn kill_all(&self) {
        sweep::kill_marked(&self.mark, self.spawned().clone());
    }

    fn spawned(&self) -> MutexGuard<'_, Vec<u32>> {
        self.spawned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.kill_all();
    }
}

/// The environment that process `pid` was started with; empty when it cannot be read.
///
/// It tells what a manager under test gave its children: the bus, the display, `SESSION_MANAGER`.
pub fn environ_of(pid: u32) -> BTreeMap<String, String> {
    let bytes = sweep::environ(pid).unwrap_or_default();
    let variables = bytes.split(|byte| *byte == 0).filter_map(|variable| {
        let text = OsString::from_vec(variable.to_vec()).into_string().ok()?;
        let (name, value) = text.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    });
    variables.collect()
}

/// The user that process `pid` runs as; root when there is no such process.
pub fn user_of(pid: u32) -> u32 {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(format!("/proc/{pid}/status")).map_or(0, |metadata| metadata.uid())
}

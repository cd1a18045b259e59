//! Real displays and real applications for the tests, and their end: every process is a guard that
//! takes its whole process group with it, on a panic too, and dies with the test that started it.
//!
//! Waiting is for an event, and never longer than [`LIMIT`].

pub(crate) mod client;

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader},
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::inotify,
    process::{
        Pid, Signal, WaitId, WaitIdOptions, geteuid, kill_process, kill_process_group, waitid,
    },
};
use tempfile::TempDir;

/// How long a test waits for what must come. Only a failing one waits that long.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// How often is looked for what nothing can be waited on.
const LOOK: Duration = Duration::from_millis(5);

/// Nobody, as Debian has it: sway refuses to run as root.
const NOBODY: u32 = 65534;
const AS_NOBODY: [&str; 3] = ["--reuid=65534", "--regid=65534", "--clear-groups"];

/// A process of a test's own, and its process group.
pub(crate) struct Process {
    child: Child,
    reaped: bool,
}

impl Process {
    /// Starts a program; its environment holds nothing but what is given.
    pub(crate) fn start(program: &[&str], env: &[(&str, &OsStr)]) -> Self {
        Self::start_as(&[], program, env)
    }

    /// The same, with options to `setpriv`.
    fn start_as(privileges: &[&str], program: &[&str], env: &[(&str, &OsStr)]) -> Self {
        let mut command = Command::new("setpriv");
        // `setpriv` becomes the program, so that the process id stays the child's.
        command
            .args(["--pdeathsig", "KILL"])
            .args(privileges)
            .arg("--")
            .args(program);
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .envs(env.iter().copied());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0);
        command.stderr(if std::env::var_os("SHOW_STDERR").is_some() {
            Stdio::inherit()
        } else {
            Stdio::null()
        });
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{program:?}: {error}"));
        Self {
            child,
            reaped: false,
        }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// The first line that it writes.
    pub(crate) fn first_line(&mut self) -> String {
        let stdout = self
            .child
            .stdout
            .take()
            .expect("its output is piped and was not taken yet");
        wait_readable(&stdout, "the first line of a program");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// Signals it alone.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Ends it and its process group, whatever they are doing.
    fn kill(&mut self) {
        if !std::mem::replace(&mut self.reaped, true) {
            let _ = kill_process_group(self.pid(), Signal::KILL);
            let _ = self.child.wait();
        }
    }

    /// Lets it end in its own way, which for a display server is to remove its socket and lock;
    /// kills it if that takes long.
    fn end(&mut self) {
        if !self.reaped {
            let _ = kill_process(self.pid(), Signal::TERM);
            let _ = kill_process(self.pid(), Signal::CONT);
            let start = Instant::now();
            while !self.has_ended() && start.elapsed() < LIMIT / 10 {
                std::thread::sleep(LOOK);
            }
        }
        self.kill();
    }

    /// Whether it has ended. It is not waited for yet, so that its id stays its own.
    fn has_ended(&self) -> bool {
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        waitid(WaitId::Pid(self.pid()), ended).is_ok_and(|status| status.is_some())
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait_gone(&mut self) {
        // Its id is free for others once it has been waited for: what is left of its group goes
        // before that.
        eventually("a program ends", || self.has_ended());
        self.kill();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a program to its end and gives what it wrote.
pub(crate) fn output(program: &[&str], env: &[(&str, &OsStr)]) -> String {
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).envs(env.iter().copied());
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{program:?}: {error}"));
    assert!(output.status.success(), "{program:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// An X server with no screen, and a home for its clients.
pub(crate) struct Xvfb {
    pub(crate) server: Process,
    pub(crate) display: String,
    home: TempDir,
}

impl Xvfb {
    pub(crate) fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let display = private_display();
        let screen = ["-screen", "0", "800x600x24", "-nolisten", "tcp"];
        let arguments = [&["Xvfb", &display, "-displayfd", "1"][..], &screen].concat();
        let mut server = Process::start(&arguments, &[]);
        // The server writes its number once it takes connections.
        assert_eq!(
            format!(":{}", server.first_line()),
            display,
            "Xvfb did not start"
        );
        Self {
            server,
            display,
            home,
        }
    }

    /// Starts a client of it.
    pub(crate) fn run(&self, program: &[&str]) -> Process {
        Process::start(program, &self.env())
    }

    /// Starts a terminal; see [`xterm`].
    pub(crate) fn run_xterm(&self, title: &str) -> Process {
        xterm(title, self.home.path(), |program| self.run(program))
    }

    /// Runs a client of it to its end.
    pub(crate) fn output(&self, program: &[&str]) -> String {
        output(program, &self.env())
    }

    /// Starts a window manager and waits until it manages.
    pub(crate) fn run_openbox(&self) -> Process {
        let started = self.home.path().join("openbox-is-up");
        let touch = format!("touch {}", started.display());
        let openbox = self.run(&["openbox", "--sm-disable", "--startup", &touch]);
        wait_for_file(&started);
        openbox
    }

    /// Starts i3 and gives the path of its IPC socket.
    pub(crate) fn run_i3(&self) -> (Process, PathBuf) {
        let file = |name: &str| self.home.path().join(name);
        let (config, socket, up) = (file("config"), file("ipc"), file("i3-is-up"));
        let text = format!(
            "# i3 config file (v4)\nfont pango:monospace 8\nipc-socket {}\nexec --no-startup-id touch {}\n",
            socket.display(),
            up.display()
        );
        fs::write(&config, text).unwrap();
        let i3 = self.run(&["i3", "-c", &config.display().to_string()]);
        wait_for_file(&up);
        (i3, socket)
    }

    fn env(&self) -> Vec<(&'static str, &OsStr)> {
        let home = self.home.path().as_os_str();
        vec![
            ("DISPLAY", self.display.as_ref()),
            ("HOME", home),
            ("XDG_RUNTIME_DIR", home),
            ("XDG_CONFIG_HOME", home),
            ("LC_ALL", "C.UTF-8".as_ref()),
            // No bus, no settings and no accessibility service of the machine the test runs on.
            (
                "DBUS_SESSION_BUS_ADDRESS",
                "unix:path=/nonexistent".as_ref(),
            ),
            ("GSETTINGS_BACKEND", "memory".as_ref()),
            ("NO_AT_BRIDGE", "1".as_ref()),
        ]
    }
}

/// A headless sway.
pub(crate) struct Sway {
    pub(crate) compositor: Process,
    pub(crate) ipc: PathBuf,
    pub(crate) wayland: PathBuf,
    /// The display of its Xwayland, which starts when it is first connected to.
    pub(crate) x11_display: Option<String>,
    runtime: TempDir,
}

impl Sway {
    pub(crate) fn start() -> Self {
        Self::start_with("xwayland disable")
    }

    pub(crate) fn start_with_xwayland() -> Self {
        Self::start_with("xwayland enable")
    }

    fn start_with(settings: &str) -> Self {
        let runtime = tempfile::tempdir().unwrap();
        let config = runtime.path().join("config");
        let up = runtime.path().join("up");
        // sway runs this once it takes connections, and names them in the environment.
        let tell = format!(
            "exec printf '%s\\n' \"$SWAYSOCK\" \"$WAYLAND_DISPLAY\" \"$DISPLAY\" > {up}.new && mv {up}.new {up}",
            up = up.display()
        );
        fs::write(&config, format!("{settings}\n{tell}\n")).unwrap();
        let mut privileges = &[][..];
        if geteuid().is_root() {
            chown(runtime.path(), Some(NOBODY), Some(NOBODY)).unwrap();
            privileges = &AS_NOBODY;
        }
        let dir = runtime.path().as_os_str();
        let compositor = Process::start_as(
            privileges,
            &["sway", "--config", &config.display().to_string()],
            &[
                ("XDG_RUNTIME_DIR", dir),
                ("HOME", dir),
                ("WLR_BACKENDS", "headless".as_ref()),
                ("WLR_LIBINPUT_NO_DEVICES", "1".as_ref()),
                ("WLR_RENDERER", "pixman".as_ref()),
            ],
        );
        wait_for_file(&up);
        let up = fs::read_to_string(up).unwrap();
        let [ipc, wayland, x11] = up.split('\n').take(3).collect::<Vec<_>>()[..] else {
            panic!("sway told {up:?}");
        };
        Self {
            compositor,
            ipc: ipc.into(),
            wayland: runtime.path().join(wayland),
            x11_display: (!x11.is_empty()).then(|| x11.to_owned()),
            runtime,
        }
    }

    /// The display of its Xwayland.
    pub(crate) fn x11_display(&self) -> &OsStr {
        self.x11_display.as_deref().unwrap_or("none").as_ref()
    }

    /// Starts a client of it.
    pub(crate) fn run(&self, program: &[&str]) -> Process {
        let dir = self.runtime.path().as_os_str();
        Process::start(
            program,
            &[
                ("XDG_RUNTIME_DIR", dir),
                ("HOME", dir),
                ("WAYLAND_DISPLAY", self.wayland.as_os_str()),
                ("DISPLAY", self.x11_display()),
                ("LC_ALL", "C.UTF-8".as_ref()),
            ],
        )
    }

    /// Starts a terminal under its Xwayland; see [`xterm`].
    pub(crate) fn run_xterm(&self, title: &str) -> Process {
        xterm(title, self.runtime.path(), |program| self.run(program))
    }

    /// Starts Xwayland and lets this user in, where the test is not the compositor's own user: an
    /// Xwayland takes connections from its own user alone.
    pub(crate) fn open_xwayland(&self) {
        if geteuid().is_root() {
            let mut xhost = Process::start_as(
                &AS_NOBODY,
                &["xhost", "+si:localuser:root"],
                &[("DISPLAY", self.x11_display())],
            );
            xhost.wait_gone();
        }
    }

    /// Its tree, as `swaymsg` tells it.
    pub(crate) fn tree(&self) -> serde_json::Value {
        let json = output(
            &["swaymsg", "-t", "get_tree", "--raw"],
            &[("SWAYSOCK", self.ipc.as_ref())],
        );
        serde_json::from_str(&json).unwrap()
    }
}

/// Starts an xterm of this title and waits until its child runs: an xterm that is told to close
/// before that forgets about it.
fn xterm(title: &str, dir: &Path, run: impl Fn(&[&str]) -> Process) -> Process {
    let up = dir.join(format!("{title} is up"));
    let child = format!("touch '{}'; exec cat", up.display());
    let process = run(&["xterm", "-T", title, "-e", "sh", "-c", &child]);
    wait_for_file(&up);
    process
}

impl Drop for Sway {
    fn drop(&mut self) {
        self.compositor.end();
    }
}

impl Drop for Xvfb {
    fn drop(&mut self) {
        self.server.end();
        // What a killed server leaves behind. The number is this test's own, so that this is
        // nobody else's.
        let number = self.display.trim_start_matches(':');
        let _ = fs::remove_file(format!("/tmp/.X11-unix/X{number}"));
        let _ = fs::remove_file(format!("/tmp/.X{number}-lock"));
    }
}

/// A display number that no other test takes, and no server that looks for a free one from 0 up.
fn private_display() -> String {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let taken = TAKEN.fetch_add(1, Ordering::Relaxed);
    format!(
        ":{}",
        1000 + (std::process::id().wrapping_mul(64) + taken) % 50_000
    )
}

/// The one place that looks again and again, for what nothing can be waited on.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LIMIT, "never: {what}");
        std::thread::sleep(LOOK);
    }
}

/// Waits until this file exists.
fn wait_for_file(path: &Path) {
    let watch = inotify::init(inotify::CreateFlags::NONBLOCK).unwrap();
    let events = inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVED_TO;
    inotify::add_watch(&watch, path.parent().unwrap(), events).unwrap();
    // The watch is there before the look, so that nothing falls between them.
    while !path.exists() {
        wait_readable(&watch, &format!("{} appears", path.display()));
        let mut events = [const { std::mem::MaybeUninit::uninit() }; 4096];
        let mut reader = inotify::Reader::new(&watch, &mut events);
        while reader.next().is_ok() {}
    }
}

fn wait_readable(fd: &impl std::os::fd::AsFd, what: &str) {
    let limit = Timespec::try_from(LIMIT).unwrap();
    let ready = poll(&mut [PollFd::new(fd, PollFlags::IN)], Some(&limit)).unwrap();
    assert!(ready > 0, "never: {what}");
}

//! [`Proc`]: one process of a sandbox, its output and its end.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::{AsFd, OwnedFd},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError, mpsc},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group, pidfd_send_signal};

use super::{Manner, Output, Sandbox, output::find_line};
use crate::wait::{Deadline, pidfd};

/// How long a program that is asked to end before it is killed may take.
const FAREWELL: Duration = Duration::from_secs(3);

/// A process of a sandbox. Dropping it kills its process group.
#[derive(Debug)]
pub struct Proc {
    name: String,
    pid: u32,
    pidfd: OwnedFd,
    manner: Manner,
    child: Mutex<Reaped>,
    stdin: Mutex<Option<ChildStdin>>,
    stdout: Output,
    stderr: Output,
    /// Its directories must outlive it.
    _sandbox: Sandbox,
}

#[derive(Debug)]
struct Reaped {
    child: Child,
    status: Option<ExitStatus>,
}

/// Where a process reads from.
pub(super) enum Input {
    Nothing,
    Pipe,
    Fd(OwnedFd),
    /// Also where it writes to.
    Terminal(OwnedFd),
}

impl Proc {
    #[track_caller]
    pub(super) fn spawn(sandbox: &Sandbox, command: Command, manner: Manner, input: Input) -> Self {
        let name = Path::new(command.get_program())
            .file_name()
            .map_or("process".into(), |name| name.to_string_lossy().into_owned());
        let mut wrapped = sandbox.wrap(&command, manner.farewell);
        if manner.own_group {
            wrapped.process_group(0);
        }
        wrapped.stdout(Stdio::piped()).stderr(Stdio::piped());
        let copy = |fd: &OwnedFd| Stdio::from(fd.try_clone().expect("a copy of the terminal"));
        match input {
            Input::Nothing => wrapped.stdin(Stdio::null()),
            Input::Pipe => wrapped.stdin(Stdio::piped()),
            Input::Fd(fd) => wrapped.stdin(Stdio::from(fd)),
            Input::Terminal(fd) => wrapped.stdout(copy(&fd)).stderr(copy(&fd)).stdin(fd),
        };
        let mut child = spawn_from_lasting_thread(wrapped)
            .unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        let pid = child.id();
        let pidfd = pidfd(pid).expect("a child that was not waited for has a descriptor");
        let path = sandbox.started(pid, &name);
        let log = |kind: &str| File::create(path(kind)).expect("a log file");
        let stdout = match child.stdout.take() {
            Some(pipe) => Output::record(format!("{name}'s output"), pipe, log("out")),
            None => {
                // The terminal records it; nobody is to wait for an end of this one.
                let output = Output::new(format!("{name}'s output on its terminal"));
                output.close();
                output
            }
        };
        let stderr = match child.stderr.take() {
            Some(pipe) => Output::record(format!("{name}'s error output"), pipe, log("err")),
            None => stdout.clone(),
        };
        let stdin = Mutex::new(child.stdin.take());
        let child = Mutex::new(Reaped {
            child,
            status: None,
        });
        let _sandbox = sandbox.clone();
        Self {
            name,
            pid,
            pidfd,
            manner,
            child,
            stdin,
            stdout,
            stderr,
            _sandbox,
        }
    }

    /// Its process id. It is the program's own: what drops its privileges on the way executes it.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The last part of the program's path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it writes to its standard output.
    pub fn stdout(&self) -> &Output {
        &self.stdout
    }

    /// What it writes to its standard error output.
    pub fn stderr(&self) -> &Output {
        &self.stderr
    }

    /// Everything it has written to its standard output.
    pub fn stdout_so_far(&self) -> String {
        self.stdout.text()
    }

    /// Everything it has written to its standard error output.
    pub fn stderr_so_far(&self) -> String {
        self.stderr.text()
    }

    /// Waits for a line of its standard output that contains `pattern`; see [`Output::wait_for`].
    #[track_caller]
    pub fn wait_for_line(&self, pattern: &str, limit: Duration) -> String {
        match self
            .stdout
            .wait_until(limit, |bytes| find_line(bytes, pattern))
        {
            Ok(line) => line,
            Err(why) => panic!("no line with {pattern:?}: {why}\n{}", self.errors()),
        }
    }

    /// Writes to its standard input; it must come from [`Sandbox::spawn_with_input`].
    #[track_caller]
    pub fn write(&self, text: &str) {
        let mut stdin = self.stdin.lock().unwrap_or_else(PoisonError::into_inner);
        let pipe = stdin
            .as_mut()
            .unwrap_or_else(|| panic!("{} has no input", self.name));
        pipe.write_all(text.as_bytes())
            .unwrap_or_else(|error| panic!("{}: {error}", self.name));
    }

    /// Ends its standard input.
    pub fn close_input(&self) {
        *self.stdin.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it is still there after `limit`; the message has what it wrote.
    #[track_caller]
    pub fn wait_exit(&self, limit: Duration) -> ExitStatus {
        if !Deadline::after(limit).readable(self.pidfd.as_fd()) {
            let output = self.stdout.text();
            panic!(
                "{} lives after {limit:?}; it said:\n{output}\n{}",
                self.name,
                self.errors()
            );
        }
        let status = self.reaped().status();
        // What it wrote last is read by another thread; whoever asks for it now wants all of it.
        self.stdout.settle();
        self.stderr.settle();
        status
    }

    /// Its status, once it has ended.
    pub fn try_wait(&self) -> Option<ExitStatus> {
        let ended = Deadline::after(Duration::ZERO).readable(self.pidfd.as_fd());
        ended.then(|| self.reaped().status())
    }

    /// Whether it has not ended.
    pub fn is_alive(&self) -> bool {
        self.try_wait().is_none()
    }

    /// Sends `signal` to it alone. One that has ended takes no harm.
    pub fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(&self.pidfd, signal);
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// SIGKILL.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn errors(&self) -> String {
        self.stderr.settle();
        format!("and as errors:\n{}", self.stderr.text())
    }

    fn reaped(&self) -> MutexGuard<'_, Reaped> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reaped {
    /// Waits; the process has ended already, or is about to.
    fn status(&mut self) -> ExitStatus {
        match self.status {
            Some(status) => status,
            None => {
                let status = self.child.wait().expect("waiting for a child of ours");
                *self.status.insert(status)
            }
        }
    }
}

impl Drop for Proc {
    fn drop(&mut self) {
        // Once it was waited for, its number may be another's: then only the sandbox's sweep, which
        // knows its processes by their environment, may touch what is left of the group.
        if self.reaped().status.is_some() {
            return;
        }
        if self.manner.farewell != Signal::KILL {
            self.signal(self.manner.farewell);
            Deadline::after(FAREWELL).readable(self.pidfd.as_fd());
        }
        if let Some(group) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        self.kill();
        self.reaped().status();
    }
}

/// Spawns from a thread that never ends. A parent-death signal is sent when the *thread* that
/// forked ends, and a guard may well outlive the thread of the test that made it.
fn spawn_from_lasting_thread(command: Command) -> io::Result<Child> {
    type Request = (Command, mpsc::SyncSender<io::Result<Child>>);
    static SPAWNER: OnceLock<mpsc::Sender<Request>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (requests, incoming) = mpsc::channel::<Request>();
        let serve = move || {
            for (mut command, reply) in incoming {
                let _ = reply.send(command.spawn());
            }
        };
        std::thread::Builder::new()
            .name("testkit-spawn".into())
            .spawn(serve)
            .expect("a thread");
        requests
    });
    let (reply, result) = mpsc::sync_channel(1);
    spawner
        .send((command, reply))
        .expect("the spawning thread never ends");
    result.recv().expect("the spawning thread always answers")
}

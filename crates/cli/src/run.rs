//! `endsession run`: a session from its first process to its last: a bus if there is none, the
//! manager, then the command.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use endsession_core::{Identity, Signal};
use endsession_manager::backend::{self, Backend};
use endsession_manager::process::identity;
use endsession_manager::{BusError, Ended, Manager, Options};

use crate::args::Run;
use crate::control::session_bus;
use crate::exit::{Exit, Failure, Result};
use crate::manager::{dialog, read_config};

/// Runs the session.
pub(crate) async fn run(options: Run) -> Result<Exit> {
    let config = read_config(options.config.as_deref())?;
    let [program, arguments @ ..] = options.command.as_slice() else {
        return Err(Failure::Usage(
            "run needs a command, as in `endsession run -- sway`".to_owned(),
        ));
    };
    // What its processes leave behind when they fork away becomes ours, so that it ends with us.
    rustix::process::set_child_subreaper(rustix::process::Pid::from_raw(1))
        .map_err(|e| Failure::io("cannot adopt the session's orphans", e.into()))?;
    let mut bus = None;
    let mut manager = None;
    if let Some(address) = session_bus() {
        match Manager::start(Options {
            bus_address: address.clone(),
            config: config.clone(),
            dialog: Some(dialog()),
        })
        .await
        {
            Ok(started) => manager = Some((started, address)),
            Err(BusError::Owned { name, owner }) => {
                tracing::info!(
                    "{owner} owns {name} on the user's bus; this session gets a bus of its own"
                );
            }
            Err(error) => tracing::warn!("{error}; this session gets a bus of its own"),
        }
    }
    let (manager, address) = match manager {
        Some(started) => started,
        None => {
            let own = PrivateBus::start()?;
            let address = own.address.clone();
            bus = Some(own);
            (
                Manager::start(Options {
                    bus_address: address.clone(),
                    config,
                    dialog: Some(dialog()),
                })
                .await?,
                address,
            )
        }
    };
    let manager = manager.serving_xsmp().await;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("DBUS_SESSION_BUS_ADDRESS", &address)
        // One around us is not this session's.
        .env_remove("SESSION_MANAGER")
        .envs(manager.environment());
    if bus.is_some() {
        // They name the bus around us, not the session's.
        command
            .env_remove("DBUS_STARTER_ADDRESS")
            .env_remove("DBUS_STARTER_BUS_TYPE");
    }
    let child = match backend::Child::start(&mut command) {
        Ok(child) => child,
        Err(error) => {
            manager.abandon().await;
            let what = format!("cannot start {}", program.to_string_lossy());
            return Err(Failure::io(what, error));
        }
    };
    tracing::info!("started {} (pid {})", child.name(), child.pid());
    let kept = bus.as_ref().and_then(|b| b.identity.pid());
    let ended = manager
        .with_backend(Backend::Child(child))
        .keeping(kept)
        .with_logind()
        .serving_screen_saver()
        .run()
        .await;
    drop(bus);
    Ok(match ended {
        Ended::Over | Ended::Left => Exit::Done,
        Ended::BusLost => Exit::NoSession,
        Ended::GoesOn => Exit::Refused,
        Ended::Session(status) => match (status.code(), status.signal()) {
            (Some(code), _) => Exit::Session(u8::try_from(code).unwrap_or(u8::MAX)),
            (None, Some(signal)) => Exit::Session(u8::try_from(128 + signal).unwrap_or(u8::MAX)),
            (None, None) => Exit::Session(u8::MAX),
        },
    })
}

/// A message bus of this session alone, ended after everything else.
struct PrivateBus {
    identity: Identity,
    address: String,
    socket: PathBuf,
}

impl PrivateBus {
    /// Starts dbus-daemon, or dbus-broker where only that is there.
    fn start() -> Result<Self> {
        let socket = socket_path();
        let address = format!("unix:path={}", socket.display());
        let listener = UnixListener::bind(&socket).map_err(|e| {
            Failure::io(
                format!("cannot make the session bus's socket {}", socket.display()),
                e,
            )
        })?;
        // dbus-broker's launcher takes no other; dbus-daemon does not mind.
        listener
            .set_nonblocking(true)
            .map_err(|e| Failure::io("cannot prepare the session bus's socket", e))?;
        let programs = [
            // Both take their listening socket from whoever starts them, so that the bus can be
            // connected to from the first moment.
            (
                "dbus-daemon",
                "exec dbus-daemon --session --nofork --nopidfile --nosyslog --address=systemd:",
            ),
            ("dbus-broker-launch", "exec dbus-broker-launch --scope user"),
        ];
        for (program, line) in programs {
            if !is_installed(program) {
                continue;
            }
            let fd: OwnedFd = listener
                .try_clone()
                .map_err(|e| Failure::io("cannot pass on the session bus's socket", e))?
                .into();
            // The shell puts the socket where the protocol of sd_listen_fds(3) wants it.
            let script = format!("exec 3<&0 0</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ {line}");
            let process = Command::new("/bin/sh")
                .args(["-c", &script])
                .stdin(Stdio::from(fd))
                // Ctrl-C in our terminal ends the session in order; for that it needs its bus.
                .process_group(0)
                .env_remove("LISTEN_FDNAMES")
                .spawn()
                .map_err(|e| Failure::io(format!("cannot start {program}"), e))?;
            let pid = process.id();
            let identity = identity(pid).unwrap_or(Identity::Process { pid, start: 0 });
            return Ok(Self {
                identity,
                address,
                socket,
            });
        }
        let _nobody_listens = std::fs::remove_file(&socket);
        Err(Failure::Usage(
            "a session needs a message bus, and neither dbus-daemon nor dbus-broker-launch is installed; install \
             one of them (Debian: apt install dbus-daemon)"
                .to_owned(),
        ))
    }
}

impl Drop for PrivateBus {
    fn drop(&mut self) {
        use endsession_manager::process::{Exits, signal};
        // Verified by its start time: the manager takes every child's status, so that a pid may
        // already be somebody else's.
        if signal(&self.identity, Signal::Term).is_ok() && !Exits::wait_briefly(&self.identity) {
            let _gone_meanwhile = signal(&self.identity, Signal::Kill);
        }
        let _gone = std::fs::remove_file(&self.socket);
    }
}

fn socket_path() -> PathBuf {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR")
        .filter(|v| !v.is_empty())
        .map(PathBuf::from);
    let dir = runtime
        .filter(|r| r.is_dir())
        .unwrap_or_else(std::env::temp_dir);
    let pid = std::process::id();
    dir.join(format!("endsession-bus-{pid}"))
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| is_executable(&dir.join(program)))
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata()
        .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

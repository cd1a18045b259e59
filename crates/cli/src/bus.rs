//! A message bus inside this program itself, on a thread of its own: for the demo, which needs
//! nothing from the system, and for a log-off where no session bus runs. It has neither policy nor
//! activation. Touches a socket, and for a log-off a lock beside it, in `$XDG_RUNTIME_DIR`.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, OFlags, flock};

use crate::exit::{Failure, Result};

/// How long another process of ours may take from beginning a bus to having a manager on it. One that
/// is stopped or hangs must not hold us.
const READY_LIMIT: Duration = Duration::from_secs(5);

/// A running bus. It ends with the process.
pub(crate) struct Embedded {
    address: String,
    /// Its socket, as long as it is there.
    socket: Option<PathBuf>,
    /// Of the meeting place: nobody else begins a bus there as long as this is open.
    lock: Option<OwnedFd>,
}

/// Whose bus is at the meeting place.
pub(crate) enum Meeting {
    /// One that this process began.
    Ours(Embedded),
    /// One that another process of ours began, at this address; its manager is on it.
    Theirs(String),
}

/// Where the bus of a log-off in this display's session is, where there is no session bus: the same
/// place for all that look for it. `None` without a directory that is this user's alone.
pub(crate) fn meeting_place() -> Option<PathBuf> {
    let set = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    let runtime = PathBuf::from(set("XDG_RUNTIME_DIR")?);
    let display = set("WAYLAND_DISPLAY").or_else(|| set("DISPLAY"))?;
    let fit = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = display.chars().take(40).map(fit).collect();
    Some(runtime.join(format!("endsession-bus.{name}")))
}

/// The bus of a log-off that is under way there.
pub(crate) fn met() -> Option<String> {
    let place = meeting_place()?;
    UnixStream::connect(&place).ok()?;
    Some(format!("unix:path={}", place.display()))
}

/// The bus there, once whoever begins it shares the lock; `None` where that one ended instead, or takes
/// too long.
fn met_when_ready(lock: OwnedFd) -> Option<String> {
    let (ready, shared) = mpsc::sync_channel(1);
    // On a thread: waiting for a lock has no limit of its own.
    let thread = std::thread::Builder::new().name("lock".to_owned());
    let waits = move || {
        let shared = flock(&lock, FlockOperation::LockShared);
        let _nobody_waits = ready.send(shared);
    };
    thread.spawn(waits).ok()?;
    shared.recv_timeout(READY_LIMIT).ok()?.ok()?;
    met()
}

impl Embedded {
    /// Where nobody else looks for it.
    pub(crate) fn start() -> Result<Self> {
        let dir = std::env::temp_dir();
        Self::at(format!("unix:tmpdir={}", dir.display()))
    }

    /// Where all commands of this display's session look for it, or the one that is there already.
    ///
    /// Two may begin at once. Whoever has the lock for itself begins; it shares the lock once its manager
    /// is there, which is what everybody else waits for.
    pub(crate) fn start_at_meeting_place() -> Result<Meeting> {
        let Some(place) = meeting_place() else {
            return Self::start().map(Meeting::Ours);
        };
        let mut file = place.clone().into_os_string();
        file.push(".lock");
        let file = PathBuf::from(file);
        let broken = |e: rustix::io::Errno| {
            Failure::io(
                format!("cannot lock a bus's place with {}", file.display()),
                e.into(),
            )
        };
        // Twice: who had it may have ended meanwhile.
        for _ in 0..2 {
            let flags = OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
            let lock = rustix::fs::open(&file, flags, Mode::RUSR | Mode::WUSR).map_err(broken)?;
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) if met().is_none() => {
                    // What one left that was killed; nobody answered there.
                    let _not_there = std::fs::remove_file(&place);
                    let mut bus = Self::at(format!("unix:path={}", place.display()))?;
                    bus.lock = Some(lock);
                    return Ok(Meeting::Ours(bus));
                }
                Ok(()) | Err(rustix::io::Errno::WOULDBLOCK) => {}
                Err(error) => return Err(broken(error)),
            }
            if let Some(address) = met_when_ready(lock) {
                return Ok(Meeting::Theirs(address));
            }
        }
        Err(Failure::NoSession(format!(
            "another endsession of this session has not begun its bus at {} in time",
            place.display()
        )))
    }

    /// A manager is on it: from now on others may join that one.
    pub(crate) fn is_ready(&self) -> Result<()> {
        let Some(lock) = &self.lock else {
            return Ok(());
        };
        flock(lock, FlockOperation::LockShared)
            .map_err(|e| Failure::io("cannot share the lock of a bus's place", e.into()))
    }

    /// Nobody new finds it: another may begin at the same place. Whoever is connected stays so.
    pub(crate) fn leave_place(&mut self) {
        if let Some(socket) = self.socket.take() {
            let _gone = std::fs::remove_file(socket);
        }
        self.lock = None;
    }

    fn at(wanted: String) -> Result<Self> {
        let (ready, address) = mpsc::sync_channel(1);
        let asked = wanted.clone();
        let failed = |e: String| {
            Failure::NoSession(format!(
                "a bus of our own cannot be started at {asked}: {e}"
            ))
        };
        std::thread::Builder::new()
            .name("bus".to_owned())
            .spawn(move || zruntime::block_on(serve(wanted, ready)))
            .map_err(|e| failed(e.to_string()))?;
        match address.recv() {
            Ok(Ok(address)) => {
                let socket = address
                    .split([':', ','])
                    .find_map(|part| part.strip_prefix("path="))
                    .map(PathBuf::from);
                Ok(Self {
                    address,
                    socket,
                    lock: None,
                })
            }
            Ok(Err(error)) => Err(failed(error)),
            Err(_) => Err(failed("its thread ended".to_owned())),
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.leave_place();
    }
}

async fn serve(wanted: String, ready: mpsc::SyncSender<std::result::Result<String, String>>) {
    let mut bus = match busd::bus::Bus::for_address(Some(&wanted)).await {
        Ok(bus) => bus,
        Err(error) => {
            let _nobody_waits = ready.send(Err(format!("{error:#}")));
            return;
        }
    };
    let _nobody_waits = ready.send(Ok(bus.address().to_string()));
    if let Err(error) = bus.run().await {
        tracing::warn!("our own bus failed: {error:#}");
    }
}

//! Where XSMP clients come from: an abstract and a path socket, never TCP, and the entries in the
//! user's authority file that let them in. All of it is taken back at the end.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::os::unix::net::{SocketAddr, UnixListener as StdListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use endsession_ice::authority::{self, Entry, file};
use endsession_ice::network_id::{self, NetworkId};
use endsession_ice::{Cookie, Cookies};
use tokio::net::UnixListener;

use crate::activation::{Afterwards, Variable};

/// Where every libICE looks, and what sandboxes let through.
const DIRECTORY: &str = "/tmp/.ICE-unix";

/// Attempts to take the authority file's lock, and the time between two. Its holders rewrite a
/// few hundred bytes.
const LOCK_ATTEMPTS: u32 = 40;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// A lock this old belongs to somebody who died with it.
const LOCK_DEAD: Duration = Duration::from_secs(60);

/// Names tried for a socket, when others have squatted on the first.
const NAMES: u32 = 16;

/// Why XSMP cannot be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    /// No socket could be made.
    #[error("cannot listen for XSMP clients at {at}: {source}")]
    Socket {
        /// Where.
        at: String,
        /// Why.
        source: io::Error,
    },
    /// Nobody could be let in.
    #[error("cannot put the session's cookie into {file}: {why}")]
    Authority {
        /// The authority file.
        file: String,
        /// Why.
        why: String,
    },
}

/// The open door.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) listeners: Vec<UnixListener>,
    pub(crate) cookies: Cookies,
    /// `SESSION_MANAGER`.
    pub(crate) ids: String,
    /// The path socket, to be removed.
    socket: Option<PathBuf>,
    authority: PathBuf,
    /// The authority file was not there before.
    is_new: bool,
    /// Each of `ids` by itself.
    names: Vec<String>,
}

impl Door {
    /// Opens both sockets and writes the authority file.
    pub(crate) async fn open() -> Result<Self, ListenError> {
        let host = rustix::system::uname();
        let host = host.nodename().to_string_lossy().into_owned();
        let (abstract_name, hidden) = abstract_socket()?;
        let mut ids = Vec::from_iter(NetworkId::abstract_socket(&host, &abstract_name));
        let mut sockets = vec![hidden];
        let mut socket = None;
        match path_socket() {
            Ok((path, listener)) => {
                ids.extend(NetworkId::path_socket(&host, &path.to_string_lossy()));
                sockets.push(listener);
                socket = Some(path);
            }
            // Every client of today finds the abstract one first.
            Err(error) => tracing::warn!("{error}; clients reach the abstract socket only"),
        }
        // libICE's clients show the cookie of the entry for ICE for both protocols.
        let cookie = random()?;
        let authority = authority_file()?;
        let cookies = Cookies {
            ice: cookie.clone(),
            xsmp: cookie,
        };
        let mut door = Self {
            listeners: Vec::new(),
            cookies,
            ids: network_id::format_list(&ids),
            socket,
            is_new: !authority.exists(),
            authority,
            names: ids.iter().map(ToString::to_string).collect(),
        };
        for listener in sockets {
            let listener = listener
                .set_nonblocking(true)
                .and_then(|()| UnixListener::from_std(listener));
            door.listeners
                .push(listener.map_err(|source| ListenError::Socket {
                    at: door.ids.clone(),
                    source,
                })?);
        }
        door.rewrite(true).await?;
        Ok(door)
    }

    /// What its clients need in their environment.
    pub(crate) fn environment(&self) -> Vec<Variable> {
        let [runtime, home] = ["XDG_RUNTIME_DIR", "HOME"].map(std::env::var_os);
        let usual = file::default_path(None, runtime.as_deref(), home.as_deref());
        let shown = |path: PathBuf| path.to_string_lossy().into_owned();
        vec![
            Variable {
                name: "SESSION_MANAGER",
                value: self.ids.clone(),
                afterwards: Afterwards::Nothing,
            },
            // libICE and the D-Bus or systemd service that starts a client may not agree on where
            // the file is; with the variable they do.
            Variable {
                name: "ICEAUTHORITY",
                value: shown(self.authority.clone()),
                afterwards: Afterwards::Before(usual.map(shown).unwrap_or_default()),
            },
        ]
    }

    /// Takes everything back.
    pub(crate) async fn close(mut self) {
        self.listeners.clear();
        if let Err(error) = self.rewrite(false).await {
            tracing::warn!("{error}; old entries stay in it, and let nobody in");
        }
    }

    /// Puts our entries into the authority file, or takes them out. All others stay as they are.
    async fn rewrite(&self, put: bool) -> Result<(), ListenError> {
        let failed = |why: String| ListenError::Authority {
            file: self.authority.display().to_string(),
            why,
        };
        let mut attempt = 0;
        let lock = loop {
            let lock = file::Lock::try_acquire(&self.authority, SystemTime::now(), LOCK_DEAD);
            match lock.map_err(|e| failed(e.to_string()))? {
                Some(lock) => break lock,
                None if attempt < LOCK_ATTEMPTS => attempt += 1,
                None => return Err(failed("another program holds its lock".to_owned())),
            }
            tokio::time::sleep(LOCK_PAUSE).await;
        };
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let changed = lock.update(|old| {
            if put {
                let new = names
                    .iter()
                    .flat_map(|n| Entry::of_listener(n, &self.cookies));
                authority::merge(old, new.collect())
            } else {
                authority::remove(old, &names)
            }
        });
        changed.map_err(|e| failed(e.to_string()))?;
        // A file that we made goes with the last entry.
        let is_empty = std::fs::symlink_metadata(&self.authority).is_ok_and(|m| m.len() == 0);
        if !put && self.is_new && is_empty {
            std::fs::remove_file(&self.authority).map_err(|e| failed(e.to_string()))?;
        }
        Ok(())
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Some(path) = &self.socket {
            let _gone_already = std::fs::remove_file(path);
        }
    }
}

fn random() -> Result<Cookie, ListenError> {
    let mut bytes = [0; 16];
    let filled = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    match filled {
        Ok(16) => Ok(Cookie::new(bytes)),
        Ok(_) | Err(_) => Err(ListenError::Authority {
            file: "the authority file".to_owned(),
            why: "the system has no random bytes for it".to_owned(),
        }),
    }
}

fn authority_file() -> Result<PathBuf, ListenError> {
    let [named, runtime, home] = ["ICEAUTHORITY", "XDG_RUNTIME_DIR", "HOME"].map(std::env::var_os);
    let path = file::default_path(named.as_deref(), runtime.as_deref(), home.as_deref());
    path.ok_or_else(|| ListenError::Authority {
        file: "an ICE authority file".to_owned(),
        why: "none of ICEAUTHORITY, XDG_RUNTIME_DIR and HOME says where it is".to_owned(),
    })
}

/// The names to try for a socket: the customary one is the process id.
fn names() -> impl Iterator<Item = String> {
    let pid = std::process::id();
    std::iter::once(pid.to_string()).chain((1..NAMES).map(move |n| format!("{pid}-{n}")))
}

fn abstract_socket() -> Result<(String, StdListener), ListenError> {
    let mut last = io::Error::from(ErrorKind::AddrInUse);
    for name in names() {
        let name = format!("{DIRECTORY}/{name}");
        match SocketAddr::from_abstract_name(&name).and_then(|a| StdListener::bind_addr(&a)) {
            Ok(listener) => return Ok((name, listener)),
            Err(error) => last = error,
        }
    }
    Err(ListenError::Socket {
        at: format!("@{DIRECTORY}"),
        source: last,
    })
}

/// A socket in the customary directory where that is safe, else in the user's own.
fn path_socket() -> Result<(PathBuf, StdListener), ListenError> {
    let own = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let mut last = None;
    let directories = [Some(PathBuf::from(DIRECTORY)), own];
    for directory in directories.into_iter().flatten() {
        match bind_in(&directory) {
            Ok(bound) => return Ok(bound),
            Err(source) => {
                last = Some(ListenError::Socket {
                    at: directory.display().to_string(),
                    source,
                });
            }
        }
    }
    Err(last.unwrap_or_else(|| ListenError::Socket {
        at: DIRECTORY.to_owned(),
        source: ErrorKind::NotFound.into(),
    }))
}

fn bind_in(directory: &Path) -> io::Result<(PathBuf, StdListener)> {
    if directory == Path::new(DIRECTORY) {
        let made = std::fs::DirBuilder::new().mode(0o1777).create(directory);
        if made.is_ok() {
            // The umask has taken away what other users need.
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o1777))?;
        }
    }
    is_safe(directory)?;
    let mut last = io::Error::from(ErrorKind::AddrInUse);
    for name in names() {
        let path = directory.join(format!("{}{name}", prefix(directory)));
        match bind(&path) {
            Ok(listener) => return Ok((path, listener)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn prefix(directory: &Path) -> &'static str {
    if directory == Path::new(DIRECTORY) {
        ""
    } else {
        "endsession-ice-"
    }
}

/// Whoever owns the directory could put a socket of their own in place of ours, and would be sent
/// the cookie.
fn is_safe(directory: &Path) -> io::Result<()> {
    let meta = directory.symlink_metadata()?;
    let owner = meta.uid();
    let ours = owner == 0 || owner == rustix::process::getuid().as_raw();
    let kept = meta.mode() & 0o1000 != 0 || meta.mode() & 0o022 == 0;
    if meta.is_dir() && ours && kept {
        return Ok(());
    }
    Err(io::Error::new(
        ErrorKind::PermissionDenied,
        "it belongs to another user, or others may replace what is in it",
    ))
}

fn bind(path: &Path) -> io::Result<StdListener> {
    let in_use = match StdListener::bind(path) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => error,
        result => return result,
    };
    // Left behind by one of our number that was killed?
    let answers = std::os::unix::net::UnixStream::connect(path);
    let is_dead = answers.is_err_and(|e| e.kind() == ErrorKind::ConnectionRefused);
    let is_ours = path
        .symlink_metadata()
        .is_ok_and(|m| m.uid() == rustix::process::getuid().as_raw());
    if is_dead && is_ours {
        std::fs::remove_file(path)?;
        return StdListener::bind(path);
    }
    Err(in_use)
}

/// The user and process at the other end of a connection, as the kernel saw them connect.
pub(crate) fn credentials(stream: impl AsFd) -> io::Result<(u32, Option<u32>)> {
    let peer = rustix::net::sockopt::socket_peercred(stream)?;
    let pid = u32::try_from(peer.pid.as_raw_nonzero().get()).ok();
    Ok((peer.uid.as_raw(), pid))
}

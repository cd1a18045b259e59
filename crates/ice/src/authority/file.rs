//! The authority file on disk. The one module of this crate that does I/O, with `std::fs` alone.
//!
//! Whoever changes the file holds its lock, as libICE's `IceLockAuthFile` takes it: `FILE-c` is
//! created and then linked to `FILE-l`; whoever gets the link has the lock. It is advice, kept by
//! libICE, `iceauth` and other session managers. One attempt never waits; the caller decides when
//! to try again.
//!
//! A change is written to a new file beside the old one, and put in its place in one step. On any
//! error the old file is as it was.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Entry, FormatError, MAX_FILE, parse, serialise};

/// What went wrong with the file.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileError {
    /// The system refused.
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// Its answer.
        source: io::Error,
    },
    /// What is in the file is no authority file, or would be none.
    Format {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: FormatError,
    },
    /// The file is another user's: writing it would take it from them.
    NotOurs {
        /// Which file.
        path: PathBuf,
        /// The user id of its owner.
        owner: u32,
        /// Ours.
        expected: u32,
    },
    /// It is a directory, a pipe or a device.
    NotAFile {
        /// What.
        path: PathBuf,
    },
    /// It is a symbolic link that leads nowhere.
    BrokenLink {
        /// Which.
        path: PathBuf,
    },
}

impl std::fmt::Display for FileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io {
                action,
                path,
                source,
            } => write!(f, "cannot {action} {}: {source}", path.display()),
            Self::Format { path, source } => write!(f, "{}: {source}", path.display()),
            Self::NotOurs {
                path,
                owner,
                expected,
            } => write!(
                f,
                "{} belongs to user {owner}, expected {expected}",
                path.display()
            ),
            Self::NotAFile { path } => {
                write!(f, "{} is not a regular file", path.display())
            }
            Self::BrokenLink { path } => {
                write!(
                    f,
                    "{} is a symbolic link that leads nowhere",
                    path.display()
                )
            }
        }
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Format { source, .. } => Some(source),
            _ => None,
        }
    }
}

fn io_error<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> FileError + 'a {
    move |source| FileError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

/// Where the authority file is, from the values of `ICEAUTHORITY`, `XDG_RUNTIME_DIR` and `HOME`
/// (libICE, `IceAuthFileName`). An empty value counts as none. Versions of libICE before 1.0.10 do
/// not know the second: to be found by everybody, set `ICEAUTHORITY` for the session.
#[must_use]
pub fn default_path(
    iceauthority: Option<&OsStr>,
    runtime_dir: Option<&OsStr>,
    home: Option<&OsStr>,
) -> Option<PathBuf> {
    let set = |value: Option<&OsStr>| value.filter(|v| !v.is_empty()).map(PathBuf::from);
    set(iceauthority)
        .or_else(|| set(runtime_dir).map(|dir| dir.join("ICEauthority")))
        .or_else(|| set(home).map(|dir| dir.join(".ICEauthority")))
}

/// Reads the file, as a client does. One that is not there has no entries.
///
/// # Errors
/// When it cannot be read, or is no authority file.
pub fn read(path: &Path) -> Result<Vec<Entry>, FileError> {
    match found(path)? {
        Some(_) => read_entries(path),
        None => Ok(Vec::new()),
    }
}

/// The lock of an authority file. It is given back when dropped.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    created: PathBuf,
    linked: PathBuf,
    // What is locked with, so that a lock that was taken from us as stale is not taken from its new
    // owner in turn. As long as it is open, no other file has its number.
    file: File,
    // Whoever created the lock is us.
    uid: u32,
}

impl Lock {
    /// Tries once to lock the file at `path`, which need not exist. `None` means that somebody else
    /// has the lock. A lock older than `stale_after` at the time `now` is that of a process which
    /// died, and is removed.
    ///
    /// Two who remove the same stale lock at the same moment can both think that they have it; that
    /// is how libICE's lock is. Then one of their changes may be lost, but the file is whole.
    ///
    /// # Errors
    /// When the lock's files cannot be made, for another reason than that they are there.
    pub fn try_acquire(
        path: &Path,
        now: SystemTime,
        stale_after: Duration,
    ) -> Result<Option<Self>, FileError> {
        let created = with_suffix(path, "-c");
        let linked = with_suffix(path, "-l");
        if is_stale(&created, now, stale_after)? || is_stale(&linked, now, stale_after)? {
            remove(&created)?;
            remove(&linked)?;
        }
        let file = match new_file(&created) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(None),
            Err(error) => return Err(io_error("create", &created)(error)),
        };
        let about = file.metadata().map_err(io_error("look at", &created))?;
        match fs::hard_link(&created, &linked) {
            Ok(()) => Ok(Some(Self {
                path: path.to_owned(),
                created,
                linked,
                file,
                uid: about.uid(),
            })),
            // Somebody is just giving the lock back, or took ours for stale.
            Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists) => {
                remove(&created)?;
                Ok(None)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => {
                let error = io_error("link to", &linked)(error);
                remove(&created)?;
                Err(error)
            }
        }
    }

    /// The file that is locked.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Changes the file: [`merge`](super::merge) or [`remove`](super::remove). Where nothing
    /// changes, nothing is written. A symbolic link is followed and stays.
    ///
    /// # Errors
    /// When the file is not ours, cannot be read or written, or is no authority file. It is then as
    /// it was.
    pub fn update(&self, change: impl FnOnce(Vec<Entry>) -> Vec<Entry>) -> Result<(), FileError> {
        let (path, old) = match found(&self.path)? {
            Some(about) if about.uid() != self.uid => {
                return Err(FileError::NotOurs {
                    path: self.path.clone(),
                    owner: about.uid(),
                    expected: self.uid,
                });
            }
            Some(_) => (
                fs::canonicalize(&self.path).map_err(io_error("follow", &self.path))?,
                read_entries(&self.path)?,
            ),
            None => (self.path.clone(), Vec::new()),
        };
        let new = change(old.clone());
        if new == old {
            return Ok(());
        }
        let bytes = serialise(&new).map_err(|source| FileError::Format {
            path: path.clone(),
            source,
        })?;
        replace(&path, &bytes)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let Ok(ours) = self.file.metadata() else {
            return;
        };
        // In libICE's order. Nobody is there to be told of an error; the lock goes stale then.
        for path in [&self.created, &self.linked] {
            let is_ours = fs::symlink_metadata(path)
                .is_ok_and(|about| (about.dev(), about.ino()) == (ours.dev(), ours.ino()));
            if is_ours {
                let _ = fs::remove_file(path);
            }
        }
    }
}

/// Puts a file of these bytes in the place of the one at `path`.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let new = with_suffix(path, "-n");
    // Left behind by one who died; whoever has the lock may take it away.
    remove(&new)?;
    let mut file = new_file(&new).map_err(io_error("create", &new))?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    let replaced = written
        .map_err(io_error("write", &new))
        .and_then(|()| fs::rename(&new, path).map_err(io_error("replace", path)));
    if replaced.is_err() {
        remove(&new)?;
    }
    replaced
}

/// Creates a file that was not there, for our eyes alone. A link in its place is not followed.
fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

fn read_entries(path: &Path) -> Result<Vec<Entry>, FileError> {
    let mut bytes = Vec::new();
    let limit = MAX_FILE as u64 + 1;
    File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(io_error("read", path))?;
    parse(&bytes).map_err(|source| FileError::Format {
        path: path.to_owned(),
        source,
    })
}

/// The regular file at the end of all links; opening anything else could wait for ever.
fn found(path: &Path) -> Result<Option<Metadata>, FileError> {
    match fs::metadata(path) {
        Ok(about) if about.is_file() => Ok(Some(about)),
        Ok(_) => Err(FileError::NotAFile {
            path: path.to_owned(),
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => match fs::symlink_metadata(path) {
            Ok(_) => Err(FileError::BrokenLink {
                path: path.to_owned(),
            }),
            Err(_) => Ok(None),
        },
        Err(error) => Err(io_error("look at", path)(error)),
    }
}

/// Whether there is a lock file that has not changed for so long. One from the future is not.
fn is_stale(path: &Path, now: SystemTime, stale_after: Duration) -> Result<bool, FileError> {
    let about = match fs::symlink_metadata(path) {
        Ok(about) => about,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(io_error("look at", path)(error)),
    };
    let changed = u64::try_from(about.ctime()).unwrap_or(0);
    let now = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    Ok(now.saturating_sub(changed) > stale_after.as_secs())
}

fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io_error("remove", path)(error)),
        _ => Ok(()),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

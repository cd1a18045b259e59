//! The connection to a compositor: reaching it, and reading and writing without ever waiting on it.
//!
//! May touch the compositor's socket.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tokio::{io::Interest, net::UnixStream};
use wayland_client::{Connection, backend::WaylandError};

/// Bytes that may wait for a compositor that does not read. What a dialog says in a second of
/// animation is some kilobytes; past this the compositor is stopped for good.
const MAX_QUEUED: usize = 1 << 20;

/// How soon a compositor whose door is full is tried again.
const KNOCK: Duration = Duration::from_millis(20);

/// A connection that tells when it can be read.
#[derive(Debug)]
pub(super) struct Link {
    connection: Connection,
    /// The same socket once more, to wait on: the connection itself only blocks or refuses.
    watch: UnixStream,
}

/// The socket of a display: `WAYLAND_DISPLAY` is a path, or a name in the runtime directory.
fn socket_path(display: &str) -> io::Result<PathBuf> {
    let path = Path::new(display);
    if path.is_absolute() {
        return Ok(path.to_owned());
    }
    let dir = std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| Path::new(dir).is_absolute());
    let dir = dir.ok_or_else(|| io::Error::other("XDG_RUNTIME_DIR is not set"))?;
    Ok(Path::new(&dir).join(path))
}

impl Link {
    /// Reaches the compositor. A full door is knocked at again, for as long as the caller waits.
    pub(super) async fn connect(display: &str) -> io::Result<Self> {
        let path = socket_path(display)?;
        let stream = loop {
            match UnixStream::connect(&path).await {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    tokio::time::sleep(KNOCK).await;
                }
                other => break other?,
            }
        };
        let stream = stream.into_std()?;
        let watch = UnixStream::from_std(stream.try_clone()?)?;
        let connection = Connection::from_socket(stream).map_err(io::Error::other)?;
        connection.set_max_buffer_size(Some(MAX_QUEUED));
        Ok(Self { connection, watch })
    }

    /// The connection.
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Writes what the compositor takes now. `true`: it took all.
    pub(super) fn flush(&self) -> Result<bool, WaylandError> {
        match self.connection.flush() {
            Ok(()) => Ok(true),
            Err(WaylandError::Io(error)) if is_temporary(&error) => {
                // Or the next wait would find the socket writable still.
                let full = || Err::<(), _>(ErrorKind::WouldBlock.into());
                let _ = self.watch.try_io(Interest::WRITABLE, full);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Takes in what has arrived.
    fn read(&self) -> Result<(), WaylandError> {
        // None: events wait already to be dispatched.
        let Some(guard) = self.connection.prepare_read() else {
            return Ok(());
        };
        let mut failed = None;
        let read = self
            .watch
            .try_io(Interest::READABLE, || match guard.read() {
                Ok(_) => Ok(()),
                Err(WaylandError::Io(error)) => Err(error),
                Err(error) => {
                    failed = Some(error);
                    Ok(())
                }
            });
        match (read, failed) {
            (_, Some(error)) => Err(error),
            (Err(error), None) if !is_temporary(&error) => Err(WaylandError::Io(error)),
            _ => Ok(()),
        }
    }

    /// Waits until something may have arrived, and takes it in, or until the deadline; meanwhile
    /// writes what could not be written before. Cancel-safe.
    pub(super) async fn wait(&self, deadline: Option<Instant>) -> Result<(), WaylandError> {
        let interest = if self.flush()? {
            Interest::READABLE
        } else {
            Interest::READABLE | Interest::WRITABLE
        };
        let ready = self.watch.ready(interest);
        match deadline {
            None => ready.await,
            Some(at) => match tokio::time::timeout_at(at.into(), ready).await {
                Ok(ready) => ready,
                Err(_) => return Ok(()),
            },
        }
        .map_err(WaylandError::Io)?;
        self.read()
    }
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

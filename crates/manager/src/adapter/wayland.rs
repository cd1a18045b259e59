//! A connection to a Wayland compositor that never waits inside the library: read and written as far as
//! the socket goes, its events dispatched into whatever state the caller has.
//!
//! May touch the compositor's socket.

use std::io::{self, ErrorKind};
use std::path::Path;

use tokio::io::Interest;
use tokio::net::UnixStream;
use wayland_client::backend::WaylandError;
use wayland_client::{Connection, EventQueue, QueueHandle};

/// The connection. `S`: what events fill in.
#[derive(Debug)]
pub(super) struct WaylandLink<S> {
    pub(super) connection: Connection,
    queue: EventQueue<S>,
    /// The connection's socket once more, for its readiness only.
    readiness: UnixStream,
    /// Requests made since everything was last written.
    unsent: usize,
}

impl<S> WaylandLink<S> {
    /// Connects to a compositor's socket. What the compositor says is taken in later.
    pub(super) async fn connect(socket: &Path) -> io::Result<Self> {
        // Tokio's, because its `connect` does not wait for a compositor that no longer accepts.
        let stream = UnixStream::connect(socket).await?.into_std()?;
        let readiness = UnixStream::from_std(stream.try_clone()?)?;
        let connection = Connection::from_socket(stream).map_err(io::Error::other)?;
        let queue = connection.new_event_queue();
        Ok(Self {
            connection,
            queue,
            readiness,
            unsent: 0,
        })
    }

    /// What new objects are made with.
    pub(super) fn handle(&self) -> QueueHandle<S> {
        self.queue.handle()
    }

    /// So many requests were made.
    pub(super) fn made(&mut self, requests: usize) {
        self.unsent += requests;
    }

    /// How many of those that were made wait to be written.
    pub(super) fn unsent(&self) -> usize {
        self.unsent
    }

    /// Writes what the socket takes now. `false`: something still waits.
    pub(super) fn flush(&mut self) -> io::Result<bool> {
        let flush = || self.connection.flush().map_err(io_error);
        match self.readiness.try_io(Interest::WRITABLE, flush) {
            Ok(()) => {
                self.unsent = 0;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Waits until something more has arrived, writing meanwhile what the socket takes.
    /// Cancel-safe: it waits only while it holds nothing.
    pub(super) async fn arrival(&mut self, state: &mut S) -> io::Result<()> {
        while !self.turn(state)? {
            let interest = if self.flush()? {
                Interest::READABLE
            } else {
                Interest::READABLE | Interest::WRITABLE
            };
            self.readiness.ready(interest).await?;
        }
        Ok(())
    }

    /// Reads and writes what goes without waiting. `true`: something more has arrived.
    pub(super) fn turn(&mut self, state: &mut S) -> io::Result<bool> {
        let read = || match self.connection.prepare_read() {
            // Only another thread's reading would leave events behind; there is none.
            None => Ok(0),
            Some(guard) => guard.read().map_err(io_error),
        };
        let read = self.readiness.try_io(Interest::READABLE, read);
        let dispatched = self.queue.dispatch_pending(state);
        if dispatched.map_err(io::Error::other)? > 0 {
            // What came before the connection broke is told first.
            return Ok(true);
        }
        match read {
            Ok(_) => Ok(false),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            // The library calls a hang-up a broken pipe.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(io::Error::new(
                ErrorKind::UnexpectedEof,
                "it closed the connection",
            )),
            Err(error) => Err(error),
        }
    }
}

fn io_error(error: WaylandError) -> io::Error {
    match error {
        WaylandError::Io(error) => error,
        protocol => io::Error::other(protocol),
    }
}

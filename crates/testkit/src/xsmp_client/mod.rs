//! Clients of XSMP that do what a test orders, in processes of their own.
//!
//! Who a client is, is which process connected: several in one process are one application. So a
//! test drives an [`XsmpApp`]: the test program once more, told by its environment to call
//! [`serve_if_told`], which speaks through an [`XsmpClient`]. It can be started anywhere, also by the
//! session under test.
//!
//! ```no_run
//! use endsession_testkit::{session::Sandbox, xsmp_client::XsmpApp};
//!
//! # let sandbox = Sandbox::new(); // in whose environment SESSION_MANAGER stands
//! // `client` is a test that calls `serve_if_told` and nothing else.
//! let editor = XsmpApp::start(&sandbox, "client", "editor", |line| {
//!     std::mem::forget(sandbox.spawn(["sh", "-c", line]));
//! });
//! editor.order("connect");
//! editor.hears("registered");
//! editor.hears("save Local None");
//! editor.order("done yes");
//! editor.hears("complete");
//! ```

mod app;
mod serve;

use std::{
    io::{self, ErrorKind, Read as _, Write as _},
    os::{
        fd::{AsFd, BorrowedFd},
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixStream},
    },
    path::Path,
    time::Duration,
};

use endsession_ice::{
    Cookies, Wire, WrongState, authority,
    client::{Connection, Event},
    network_id::{self, Address},
};

use crate::wait::Deadline;

pub use app::XsmpApp;
pub use serve::serve_if_told;

/// One connection as a client, with the protocol kept as it should be or not at all.
#[derive(Debug)]
pub struct XsmpClient {
    stream: UnixStream,
    connection: Connection,
    /// It never says what it owes after a cancel, as some Qt do.
    forgetful: bool,
}

/// The minor opcode of `SaveYourselfDone`.
const SAVE_DONE: u8 = 8;

impl XsmpClient {
    /// Connects, and begins to register. `session_manager` is the value of `SESSION_MANAGER`,
    /// `authority` the file that `ICEAUTHORITY` names, `previous` the id of an earlier life.
    ///
    /// # Errors
    /// When nobody listens, or there is no cookie.
    pub fn connect(
        session_manager: &str,
        authority: &Path,
        previous: Option<&str>,
    ) -> io::Result<Self> {
        let cookies = cookies(session_manager, authority)?;
        Self::connect_as(session_manager, Some(cookies), previous, Wire::default())
    }

    /// The same with these cookies or none, sending in this way.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn connect_as(
        session_manager: &str,
        cookies: Option<Cookies>,
        previous: Option<&str>,
        wire: Wire,
    ) -> io::Result<Self> {
        let mut client = Self {
            stream: connect(session_manager)?,
            connection: Connection::with_wire(cookies, previous, wire),
            forgetful: false,
        };
        client.flush()?;
        Ok(client)
    }

    /// The next thing that the manager did; None when `limit` has run out.
    ///
    /// # Errors
    /// `UnexpectedEof` when the manager has hung up, `InvalidData` when it has refused us.
    pub fn next(&mut self, limit: Duration) -> io::Result<Option<Event>> {
        let deadline = Deadline::after(limit);
        loop {
            if let Some(event) = self.connection.poll_event() {
                return Ok(Some(event));
            }
            if !deadline.readable(self.stream.as_fd()) {
                return Ok(None);
            }
            let mut buffer = [0; 16 << 10];
            let count = self.stream.read(&mut buffer)?;
            if count == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.connection
                .handle_input(&buffer[..count])
                .map_err(|error| io::Error::new(ErrorKind::InvalidData, error.to_string()))?;
            if self.forgetful {
                self.drop_answers();
            }
            self.flush()?;
        }
    }

    /// Says something.
    ///
    /// # Errors
    /// When the protocol does not allow it now, or the manager has hung up.
    pub fn order(
        &mut self,
        order: impl FnOnce(&mut Connection) -> Result<(), WrongState>,
    ) -> io::Result<()> {
        order(&mut self.connection).map_err(io::Error::other)?;
        self.flush()
    }

    /// The connection.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Sends these bytes, whatever the protocol says.
    ///
    /// # Errors
    /// When the manager has hung up.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// From now on forgets what it owes after a cancel, which it says by itself otherwise.
    pub fn forget(&mut self) {
        self.forgetful = true;
    }

    /// Drops the answers that nobody ordered.
    fn drop_answers(&mut self) {
        let mut kept = Vec::new();
        let mut rest = self.connection.output();
        while let Some((message, more)) = rest.split_first_chunk::<8>() {
            // A registered client says nothing by itself that is longer than its header.
            if message[0] == 0 || message[1] != SAVE_DONE {
                kept.extend_from_slice(message);
            }
            rest = more;
        }
        let all = self.connection.output().len();
        self.connection.sent(all);
        let _ = self.stream.write_all(&kept);
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.connection.output().is_empty() {
            let count = self.stream.write(self.connection.output())?;
            self.connection.sent(count);
        }
        Ok(())
    }
}

impl AsFd for XsmpClient {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// Connects to the first of these listeners that is there, without a word.
///
/// # Errors
/// When none is.
pub fn connect(session_manager: &str) -> io::Result<UnixStream> {
    let ids = network_id::parse_list(session_manager).map_err(io::Error::other)?;
    let mut last = io::Error::from(ErrorKind::NotFound);
    for id in ids {
        let connected = match id.address() {
            Address::Abstract(name) => SocketAddr::from_abstract_name(name)
                .and_then(|address| UnixStream::connect_addr(&address)),
            Address::Path(path) => UnixStream::connect(path),
            _ => continue,
        };
        match connected {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The cookies for one of these listeners.
///
/// # Errors
/// When there are none.
pub fn cookies(session_manager: &str, authority: &Path) -> io::Result<Cookies> {
    let entries = authority::file::read(authority).map_err(io::Error::other)?;
    session_manager
        .split(',')
        .find_map(|id| authority::client_cookies(&entries, id))
        .ok_or_else(|| io::Error::new(ErrorKind::NotFound, "no cookie for this session manager"))
}

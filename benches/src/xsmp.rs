//! XSMP clients: they save at once whenever they are asked, and leave when they are told to.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::Path;

use endsession_ice::authority::{client_cookies, file};
use endsession_ice::client::{Connection, Event};
use endsession_ice::network_id::{Address, parse_list};
use endsession_ice::{Cookies, SaveYourself};

use crate::crowd::{Crowd, Talk};

/// Connections that register at a time: a manager need not bear more strangers.
const AT_ONCE: usize = 32;

/// Where a session manager lets clients in.
#[derive(Debug)]
pub struct Entrance {
    name: String,
    cookies: Cookies,
}

impl Entrance {
    /// The first of the manager's `SESSION_MANAGER`, as libICE takes it, with its cookies.
    ///
    /// # Errors
    /// When it is no abstract socket, or has no cookie in the authority file.
    pub fn find(session_manager: &str, authority: &Path) -> io::Result<Self> {
        let ids = parse_list(session_manager).map_err(io::Error::other)?;
        let entries = file::read(authority).map_err(io::Error::other)?;
        let first = ids.first().and_then(|id| match id.address() {
            Address::Abstract(name) => Some((name, client_cookies(&entries, &id.to_string())?)),
            _ => None,
        });
        let (name, cookies) = first.ok_or(io::ErrorKind::NotFound)?;
        let name = name.clone();
        Ok(Self { name, cookies })
    }

    /// The name of its socket.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Connects to an abstract socket of this name.
///
/// # Errors
/// What the system says against it.
pub fn knock(name: &str) -> io::Result<UnixStream> {
    UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?)
}

/// Registered clients.
#[derive(Debug)]
pub struct XsmpClients(Crowd<Client>);

impl XsmpClients {
    /// Registers `count` clients, each on a connection that `connect` makes, and lets them save for
    /// the first time.
    ///
    /// # Errors
    /// What the manager or the system says against it.
    pub fn register(
        entrance: &Entrance,
        count: usize,
        mut connect: impl FnMut() -> io::Result<UnixStream>,
    ) -> io::Result<Self> {
        let mut crowd = Crowd::new()?;
        for n in 1..=count {
            let connection = Connection::new(Some(entrance.cookies.clone()), None);
            let client = Client {
                connection,
                done: false,
            };
            crowd.add(connect()?, client)?;
            if n % AT_ONCE == 0 || n == count {
                crowd.until_done()?;
            }
        }
        Ok(Self(crowd))
    }

    /// One of them asks for the end of the session; done when all have been told to end.
    ///
    /// # Errors
    /// When the manager has gone first.
    pub fn log_off(&mut self) -> io::Result<()> {
        self.0.each().for_each(|client| client.done = false);
        self.0.with(0, |client| {
            let asked = client.connection.request_save(SaveYourself::LOG_OFF, true);
            asked.expect("it is registered");
        })?;
        self.0.until_done()
    }
}

#[derive(Debug)]
struct Client {
    connection: Connection,
    done: bool,
}

impl Talk for Client {
    fn heard(&mut self, bytes: &[u8]) {
        let taken = self.connection.handle_input(bytes);
        taken.expect("the manager keeps to the protocol");
        while let Some(event) = self.connection.poll_event() {
            match event {
                Event::SaveYourself(_) => {
                    let saved = self.connection.save_done(true);
                    saved.expect("it was asked");
                }
                Event::SaveComplete => self.done = true,
                Event::Die => {
                    self.connection.close(&[]);
                    self.done = true;
                }
                _ => {}
            }
        }
    }

    fn output(&self) -> &[u8] {
        self.connection.output()
    }

    fn sent(&mut self, n: usize) {
        self.connection.sent(n);
    }

    fn is_done(&self) -> bool {
        self.done
    }
}

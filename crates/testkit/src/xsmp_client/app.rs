//! [`XsmpApp`]: the test's end of an application in a process of its own.

use std::{
    fmt::Write as _,
    io::{BufRead as _, BufReader, Write as _},
    os::{
        fd::AsFd as _,
        unix::net::{UnixListener, UnixStream},
    },
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use rustix::net::sockopt::socket_peercred;

use super::serve::SIGN;
use crate::{
    session::Sandbox,
    wait::{self, Deadline, LIMIT},
};

/// An application that does what it is ordered to, and nothing by itself. Dropping it ends its
/// process.
#[derive(Debug)]
pub struct XsmpApp {
    name: String,
    pid: u32,
    orders: UnixStream,
    events: Mutex<(BufReader<UnixStream>, Vec<String>)>,
    socket: PathBuf,
}

impl XsmpApp {
    /// Starts it: `launch` runs a shell command line, in the background. Its program is called
    /// `name`; `entry` is the name of the test that calls [`serve_if_told`](super::serve_if_told).
    ///
    /// # Panics
    /// When it does not come.
    #[track_caller]
    pub fn start(sandbox: &Sandbox, entry: &str, name: &str, launch: impl FnOnce(&str)) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let program = std::env::current_exe().expect("the path of the test program");
        let program = sandbox.install_as(&program, name);
        let socket = sandbox.dir().join(format!("orders-{number}"));
        let listener = UnixListener::bind(&socket).expect("a socket in the sandbox");
        sandbox.give(&socket);
        launch(&format!(
            "{SIGN}={} {} --exact {entry} --nocapture --quiet >/dev/null",
            socket.display(),
            program.display(),
        ));
        assert!(
            Deadline::after(LIMIT).readable(listener.as_fd()),
            "{name} does not come"
        );
        let (orders, _) = listener.accept().expect("a connection");
        orders
            .set_read_timeout(Some(LIMIT))
            .expect("a limit for reading");
        let peer = socket_peercred(&orders).expect("the process at the other end");
        let events = BufReader::new(orders.try_clone().expect("the connection once more"));
        Self {
            name: name.to_owned(),
            pid: peer.pid.as_raw_nonzero().get().unsigned_abs(),
            orders,
            events: Mutex::new((events, Vec::new())),
            socket,
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether its process has not ended.
    pub fn is_alive(&self) -> bool {
        wait::is_alive(self.pid)
    }

    /// Waits until its process has ended.
    #[track_caller]
    pub fn ends(&self) {
        assert!(
            wait::until_gone(self.pid, LIMIT),
            "{} is still there; it heard {:?}",
            self.name,
            self.heard()
        );
    }

    /// Has it do something:
    ///
    /// - `connect [previous=ID] [cookie=wrong|none] [order=big|little]`: be a client;
    /// - `done yes|no`, `interact-request`, `interact-done cancel|go-on`, `phase-2`,
    ///   `request [Local] [shutdown] [Any] [fast] [global]`, `close`: the messages of XSMP;
    /// - `set NAME HEX…`: a property, a list of bytes; `get COUNT`: asks for all, so often;
    /// - `knock COUNT`: so many connections that say nothing;
    /// - `bytes HEX`: says that, on every connection;
    /// - `forget`: from now on does not say by itself what it owes after a cancel;
    /// - `deaf`: from now on reads nothing; `hang-up`: drops its connections; `exit`: ends.
    ///
    /// What it cannot do it says, which is something it [`hears`](Self::hears).
    #[track_caller]
    pub fn order(&self, order: &str) {
        (&self.orders)
            .write_all(format!("{order}\n").as_bytes())
            .unwrap_or_else(|error| panic!("{} takes no orders: {error}", self.name));
    }

    /// As [`order`](Self::order), with these bytes as its last word.
    #[track_caller]
    pub fn order_with(&self, order: &str, bytes: &[u8]) {
        let mut order = format!("{order} ");
        for byte in bytes {
            let _never_fails = write!(order, "{byte:02x}");
        }
        self.order(&order);
    }

    /// Waits for what it hears next, which must begin with `expected`:
    ///
    /// - `registered ID`, `previous id refused`, `save KIND [shutdown] STYLE [fast]`, `interact`,
    ///   `phase 2`, `complete`, `cancelled`, `die`: the messages of XSMP;
    /// - `error CLASS`: a message of its was wrong;
    /// - `refused: WHY`, `closed`: the connection is over;
    /// - `knocked`: it has as many connections as it was to have.
    ///
    /// Returns the whole of it.
    #[track_caller]
    pub fn hears(&self, expected: &str) -> String {
        let event = self.next();
        assert!(
            event.starts_with(expected),
            "{} was to hear {expected:?}; it heard {:?}",
            self.name,
            self.heard()
        );
        event
    }

    /// Waits for what it hears next.
    #[track_caller]
    pub fn next(&self) -> String {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let mut line = String::new();
        let read = events.0.read_line(&mut line);
        assert!(
            matches!(read, Ok(1..)),
            "{} hears no more ({read:?}); it heard {:?}",
            self.name,
            events.1
        );
        line.truncate(line.trim_end().len());
        events.1.push(line.clone());
        line
    }

    /// What it has heard as far as it was awaited.
    pub fn heard(&self) -> Vec<String> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.1.clone()
    }
}

impl Drop for XsmpApp {
    fn drop(&mut self) {
        // Without orders it ends. It may be in the middle of something: nobody waits for it.
        let _ = self.orders.shutdown(std::net::Shutdown::Both);
        let _ = std::fs::remove_file(&self.socket);
    }
}

//! XSMP, as Qt on X11, xterm, Firefox, LibreOffice, Emacs and gVim speak it (xsmp.xml, ice.xml of
//! libSM and libICE): one conversation a client, over Unix sockets. Turns what clients say into
//! events, and queries and ends into messages to exactly the client meant. Decides nothing.
//!
//! Everything is bounded: bytes by [`endsession_ice`], connections in number and, until they have
//! registered, in time. A client that breaks the protocol, stalls or floods loses its own
//! connection and nobody else's.

mod client;
mod listen;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use endsession_core::{Answer, Event, Identity, Round, VoterId};
use endsession_ice::server::Connection;
use endsession_ice::{Properties, SaveYourself, client_id};
use futures_util::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use rustix::net::{Shutdown, shutdown};
use tokio::net::{UnixListener, UnixStream};

use self::client::{Client, Said};
use self::listen::Door;
use super::link::{is_temporary, try_send};
use super::text;
use crate::activation::Variable;
use crate::process;

/// Marks the voters of this protocol, apart from those of the bus.
const VOTER: u64 = 1 << 62;

/// Connections that have not registered yet. libICE registers within milliseconds; past this, the
/// oldest has to make room.
const MAX_STRANGERS: usize = 64;

/// How long a connection may take to register.
const STRANGER_LIMIT: Duration = Duration::from_secs(15);

/// Clients, in all and of one process. A session has dozens.
const MAX_CLIENTS: usize = 4096;
const MAX_CLIENTS_EACH: usize = 1024;

/// Connections from which on more descriptors are asked of the system than the customary 1,024.
const MANY: usize = 256;

/// Ids of clients that have left, which a client that comes again may show.
const MAX_FORMER: usize = 1024;

/// Bytes read of one connection in one turn of the loop.
const READ_SIZE: usize = 16 << 10;

/// How long nobody is let in when the system has no descriptor left for another connection.
const CROWDED_PAUSE: Duration = Duration::from_secs(1);

/// What a turn leads to, for the loop to carry out.
#[derive(Debug)]
pub(crate) enum Effect {
    /// A fact for the coordinator.
    Fact(Event),
    /// The client of this process asks for the end of the session.
    LogOff(Option<u32>),
}

/// Something can be done without waiting.
type Wake = Pin<Box<dyn Future<Output = Ready>>>;

enum Ready {
    /// Somebody came through this door, or could not.
    Came(Rc<UnixListener>, io::Result<UnixStream>),
    Input(u64),
    Output(u64),
}

/// All clients, and the door through which they come.
#[derive(Default)]
pub(crate) struct Xsmp {
    door: Option<Door>,
    peers: BTreeMap<u64, Peer>,
    /// Those that have not registered, the oldest first.
    strangers: VecDeque<u64>,
    /// Living clients by their ids.
    ids: HashMap<String, u64>,
    former: VecDeque<String>,
    last: u64,
    wakes: FuturesUnordered<Wake>,
    effects: VecDeque<Effect>,
    /// The window manager's process. It is no application but what applications stand on, and is
    /// neither asked nor told: it goes with the session.
    window_manager: Option<u32>,
    refused: bool,
}

struct Peer {
    stream: Rc<UnixStream>,
    client: Client,
    pid: Option<u32>,
    of: Identity,
    since: Instant,
    /// The name to show, once it has registered.
    name: Option<String>,
    /// The coordinator knows it.
    votes: bool,
    /// Its output waits for room.
    full: bool,
}

impl std::fmt::Debug for Xsmp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Xsmp")
            .field("door", &self.door)
            .field("peers", &self.peers.len())
            .finish_non_exhaustive()
    }
}

impl Xsmp {
    /// Opens the door; until then, and where it cannot be opened, nobody comes.
    pub(crate) async fn open(&mut self) {
        match Door::open().await {
            Ok(mut door) => {
                for listener in std::mem::take(&mut door.listeners) {
                    self.watch_door(Rc::new(listener));
                }
                self.door = Some(door);
            }
            Err(error) => tracing::warn!(
                "{error}; applications that can be asked only over XSMP are closed by their windows"
            ),
        }
    }

    /// What the session's processes need in their environment to be clients; empty when nobody
    /// can be.
    pub(crate) fn environment(&self) -> Vec<Variable> {
        self.door.as_ref().map_or_else(Vec::new, Door::environment)
    }

    /// Hangs up on everybody, and takes everything back.
    pub(crate) async fn close(&mut self) {
        self.wakes = FuturesUnordered::new();
        self.peers.clear();
        if let Some(door) = self.door.take() {
            door.close().await;
        }
    }

    /// Whether this voter is one of ours.
    pub(crate) fn owns(voter: VoterId) -> bool {
        voter.0 & VOTER != 0
    }

    /// When somebody has taken too long to register.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let oldest = self.peers.get(self.strangers.front()?)?;
        Some(oldest.since + STRANGER_LIMIT)
    }

    /// Hangs up on those who have taken too long.
    pub(crate) fn handle_timeout(&mut self) {
        while self.deadline().is_some_and(|at| at <= Instant::now()) {
            let Some(n) = self.strangers.front().copied() else {
                return;
            };
            tracing::info!(
                "a connection that did not become an XSMP client within {} s was closed",
                STRANGER_LIMIT.as_secs()
            );
            self.hang_up(n);
        }
    }

    /// Waits until there is an [`Effect`]. Cancel-safe; never while nobody can come.
    pub(crate) async fn next(&mut self) -> Effect {
        loop {
            if let Some(effect) = self.effects.pop_front() {
                return effect;
            }
            match self.wakes.next().await {
                Some(ready) => self.handle(ready),
                None => std::future::pending().await,
            }
        }
    }

    /// The next effect that there is without waiting.
    pub(crate) fn try_next(&mut self) -> Option<Effect> {
        while self.effects.is_empty() {
            let ready = self.wakes.next().now_or_never()??;
            self.handle(ready);
        }
        self.effects.pop_front()
    }

    /// The next effect of what has been done here already.
    pub(crate) fn done(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    fn handle(&mut self, ready: Ready) {
        match ready {
            Ready::Came(listener, Ok(stream)) => {
                self.watch_door(listener);
                self.welcome(stream);
            }
            Ready::Came(listener, Err(error)) => {
                tracing::warn!("an XSMP client could not be let in: {error}");
                self.wakes.push(Box::pin(async move {
                    tokio::time::sleep(CROWDED_PAUSE).await;
                    let came = listener.accept().await.map(|(stream, _)| stream);
                    Ready::Came(listener, came)
                }));
            }
            Ready::Input(n) => self.read(n),
            Ready::Output(n) => {
                if let Some(peer) = self.peers.get_mut(&n) {
                    peer.full = false;
                }
                self.write(n);
            }
        }
    }

    fn watch_door(&mut self, listener: Rc<UnixListener>) {
        self.wakes.push(Box::pin(async move {
            let came = listener.accept().await.map(|(stream, _)| stream);
            Ready::Came(listener, came)
        }));
    }

    /// Takes in a connection of the session's own user.
    fn welcome(&mut self, stream: UnixStream) {
        let Ok((uid, pid)) = listen::credentials(&stream) else {
            return;
        };
        if uid != rustix::process::getuid().as_raw() {
            // The abstract socket has no owner: anybody may knock, and as often as they like.
            if !std::mem::replace(&mut self.refused, true) {
                tracing::warn!("user {uid} tried to be an XSMP client of this session");
            }
            return;
        }
        if self.strangers.len() >= MAX_STRANGERS
            && let Some(oldest) = self.strangers.front().copied()
        {
            tracing::info!("too many connections that are no XSMP client: the oldest is closed");
            self.hang_up(oldest);
        }
        let Some(door) = self
            .door
            .as_ref()
            .filter(|_| self.peers.len() < MAX_CLIENTS)
        else {
            tracing::warn!("more than {MAX_CLIENTS} XSMP clients: one more is not let in");
            return;
        };
        if self.peers.len() == MANY {
            make_room();
        }
        let version = env!("CARGO_PKG_VERSION");
        let connection = Connection::new(door.cookies.clone(), "endsession", version);
        self.last += 1;
        let n = self.last;
        let of = pid.and_then(process::identity);
        let peer = Peer {
            stream: Rc::new(stream),
            client: Client::new(connection),
            pid,
            of: of.unwrap_or(Identity::Peer(n | VOTER)),
            since: Instant::now(),
            name: None,
            votes: false,
            full: false,
        };
        self.peers.insert(n, peer);
        self.strangers.push_back(n);
        self.write(n);
        self.read(n);
    }

    fn watch_input(&mut self, n: u64) {
        if let Some(peer) = self.peers.get(&n) {
            let stream = peer.stream.clone();
            self.wakes.push(Box::pin(async move {
                let _error_shows_when_reading = stream.readable().await;
                Ready::Input(n)
            }));
        }
    }

    fn read(&mut self, n: u64) {
        let Some(peer) = self.peers.get_mut(&n) else {
            return;
        };
        let mut buffer = [0; READ_SIZE];
        match peer.stream.try_read(&mut buffer) {
            Ok(0) => return self.hang_up(n),
            Ok(count) => {
                if let Err(error) = peer.client.connection.handle_input(&buffer[..count]) {
                    self.complain(n, &error.to_string());
                }
                self.hear(n);
                self.write(n);
                let closed = |p: &Peer| p.client.connection.is_closed();
                if self.peers.get(&n).is_some_and(closed) {
                    return self.hang_up(n);
                }
            }
            Err(error) if is_temporary(&error) => {}
            Err(_) => return self.hang_up(n),
        }
        self.watch_input(n);
    }

    fn complain(&self, n: u64, error: &str) {
        tracing::warn!("the XSMP connection of {} is closed: {error}", self.who(n));
    }

    fn who(&self, n: u64) -> String {
        let who = self.peers.get(&n).map(|p| (p.name.as_deref(), p.pid));
        let (name, pid) = who.unwrap_or_default();
        let pid = pid.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string());
        format!("{} (pid {pid})", name.unwrap_or("a program"))
    }

    /// Sends what there is to send, as far as the socket takes it.
    fn write(&mut self, n: u64) {
        let Some(peer) = self.peers.get_mut(&n).filter(|p| !p.full) else {
            return;
        };
        while !peer.client.connection.output().is_empty() {
            match try_send(&peer.stream, peer.client.connection.output()) {
                Ok(count) => peer.client.connection.sent(count),
                Err(error) if is_temporary(&error) => {
                    peer.full = true;
                    let stream = peer.stream.clone();
                    self.wakes.push(Box::pin(async move {
                        let _error_shows_when_writing = stream.writable().await;
                        Ready::Output(n)
                    }));
                    return;
                }
                // Reading tells what became of it, and takes in what it said before.
                Err(_) => return,
            }
        }
    }

    /// Takes in what a client has said.
    fn hear(&mut self, n: u64) {
        while let Some(said) = self.peers.get_mut(&n).and_then(|p| p.client.poll()) {
            self.said(n, said);
        }
        if let Some(peer) = self.peers.get_mut(&n) {
            peer.client.settle();
        }
    }

    fn said(&mut self, n: u64, said: Said) {
        let Some(peer) = self.peers.get(&n) else {
            return;
        };
        match said {
            Said::Register(previous) => self.register(n, previous),
            Said::Answer(answer) => self.answered(n, answer),
            Said::LogOff => self.effects.push_back(Effect::LogOff(peer.pid)),
            Said::Checkpoint(save) => {
                let all: Vec<u64> = self.ids.values().copied().collect();
                for n in all {
                    self.with(n, |client| client.checkpoint(save));
                }
            }
            Said::Pong => self
                .effects
                .push_back(Effect::Fact(Event::Pong(peer.of.clone()))),
            Said::Mistake(error) => {
                tracing::warn!("{} breaks the rules of XSMP: {error}", self.who(n))
            }
            Said::Left(reasons) => {
                for reason in &reasons {
                    tracing::info!("{} leaves: {}", self.who(n), text::from_str(reason));
                }
                self.hang_up(n);
            }
        }
    }

    fn answered(&mut self, n: u64, answer: Answer) {
        if self.peers.get(&n).is_some_and(|p| p.votes) {
            let answer = Event::Answered(VoterId(n | VOTER), answer);
            self.effects.push_back(Effect::Fact(answer));
        }
    }

    /// Registers a client, under the id it had before if we know that one and it is free.
    fn register(&mut self, n: u64, previous: Option<String>) {
        let known = |id: &String| self.former.iter().position(|f| f == id);
        let (id, is_new) = match &previous {
            None => (self.new_id(n), true),
            Some(id) => match known(id) {
                Some(at) => {
                    self.former.remove(at);
                    (id.clone(), false)
                }
                // It then registers as a new one.
                None => {
                    tracing::debug!("no XSMP client of this session had the id {id:?}");
                    return self.with(n, Client::refuse_previous_id);
                }
            },
        };
        let Some(peer) = self.peers.get_mut(&n) else {
            return;
        };
        let pid = peer.pid;
        if peer.client.connection.register(&id).is_err() {
            return;
        }
        if is_new {
            // xsmp.xml, `RegisterClientReply`.
            peer.client.checkpoint(SaveYourself::INITIAL);
        }
        // What the process is called, not what it calls itself.
        let name = pid.and_then(process::program).unwrap_or_default();
        tracing::info!("{name} (pid {}) is an XSMP client", pid.unwrap_or_default());
        peer.name = Some(name);
        self.strangers.retain(|s| *s != n);
        self.ids.insert(id, n);
        let same = self
            .peers
            .values()
            .filter(|p| p.name.is_some() && p.pid == pid);
        if pid.is_some() && same.count() > MAX_CLIENTS_EACH {
            self.complain(n, "it has more than one program can need");
            return self.hang_up(n);
        }
        self.settle_vote(n);
    }

    /// The id of a client, unique among all hosts and times (xsmp.xml, `RegisterClientReply`).
    fn new_id(&self, n: u64) -> String {
        let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        client_id::format(client_id::Parts {
            // All clients are this machine's, and an address of it would tell whoever reads a
            // saved session where it is.
            address: std::net::Ipv4Addr::LOCALHOST.into(),
            time: crate::config::as_millis(since),
            pid: std::process::id(),
            sequence: u32::try_from(n % 10_000).unwrap_or_default(),
        })
    }

    /// Tells the coordinator of a client, or that it has none.
    fn settle_vote(&mut self, n: u64) {
        let Some(peer) = self.peers.get_mut(&n) else {
            return;
        };
        let Some(name) = peer.name.clone() else {
            return;
        };
        let votes = peer.pid.is_none() || peer.pid != self.window_manager;
        if std::mem::replace(&mut peer.votes, votes) == votes {
            return;
        }
        let voter = VoterId(n | VOTER);
        self.effects.push_back(Effect::Fact(if votes {
            Event::Registered {
                voter,
                of: peer.of.clone(),
                name,
                round: Round::late(Round::DEFAULT_LEVEL),
            }
        } else {
            Event::Unregistered(voter)
        }));
    }

    /// Which process is the window manager.
    pub(crate) fn set_window_manager(&mut self, pid: Option<u32>) {
        if std::mem::replace(&mut self.window_manager, pid) != pid {
            let all: Vec<u64> = self.ids.values().copied().collect();
            for n in all {
                self.settle_vote(n);
            }
        }
    }

    fn hang_up(&mut self, n: u64) {
        let Some(peer) = self.peers.remove(&n) else {
            return;
        };
        // Whoever waits for its input or its room holds the socket open, and wakes up by this.
        let _already_gone = shutdown(&peer.stream, Shutdown::Both);
        self.strangers.retain(|s| *s != n);
        if let Some(id) = peer.client.connection.client_id() {
            self.ids.remove(id);
            if self.former.len() >= MAX_FORMER {
                self.former.pop_front();
            }
            self.former.push_back(id.to_owned());
        }
        if peer.votes {
            let left = Event::Unregistered(VoterId(n | VOTER));
            self.effects.push_back(Effect::Fact(left));
        }
    }

    /// Does something with one client, and sends what that leads to.
    fn with(&mut self, n: u64, order: impl FnOnce(&mut Client)) {
        if let Some(peer) = self.peers.get_mut(&n) {
            order(&mut peer.client);
            self.write(n);
        }
    }

    /// Asks a client.
    pub(crate) fn query(&mut self, voter: VoterId) {
        self.with(voter.0 ^ VOTER, Client::query);
    }

    /// Lets a client talk to its user.
    pub(crate) fn interact(&mut self, voter: VoterId) {
        self.with(voter.0 ^ VOTER, Client::interact);
    }

    /// Tells a client that all others have saved.
    pub(crate) fn query_again(&mut self, voter: VoterId) {
        self.with(voter.0 ^ VOTER, Client::query_again);
    }

    /// Tells a client that its query is void.
    pub(crate) fn cancel(&mut self, voter: VoterId) {
        let n = voter.0 ^ VOTER;
        let mut said = None;
        self.with(n, |client| said = client.cancel());
        if let Some(said) = said {
            self.said(n, said);
        }
    }

    /// Tells a client to end.
    pub(crate) fn end(&mut self, voter: VoterId, forceful: bool) {
        self.with(voter.0 ^ VOTER, |client| client.end(forceful));
    }

    /// Asks a client whether it handles events; `false`: it cannot be asked.
    pub(crate) fn ping(&mut self, voter: VoterId) -> bool {
        let mut asked = false;
        self.with(voter.0 ^ VOTER, |client| {
            asked = client.connection.ping().is_ok();
        });
        asked
    }

    /// The application that registered under this id.
    pub(crate) fn owner(&self, id: &str) -> Option<&Identity> {
        let peer = self.peers.get(self.ids.get(id)?)?;
        peer.votes.then_some(&peer.of)
    }

    /// A client's id and what it keeps with us.
    pub(crate) fn about(&self, voter: VoterId) -> Option<(&str, &Properties)> {
        let connection = &self.peers.get(&(voter.0 ^ VOTER))?.client.connection;
        Some((connection.client_id()?, connection.properties()))
    }
}

/// Lets this process have as many descriptors as it may. Not before they are needed: programs that
/// are started with such a limit may use select(2), which knows no descriptor above 1,023.
fn make_room() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(
            "no more than {:?} descriptors can be had: {error}",
            limit.current
        );
    }
}

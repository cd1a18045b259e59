//! A log-off over XSMP: from the request of one client to the moment at which the last of so many
//! has been told to die, beside what the same bytes cost without a session manager.
//!
//! The manager and the floor's server are a process each; the clients are all driven by this one.
//! To the manager they are one application with many clients, or as many applications: then each
//! connection was made by a process of its own, which has handed it over and does nothing else.
//! After the benchmarks the ratios are printed, from pairs measured one after the other.

use std::{
    collections::BTreeMap,
    io::{self, IoSlice, IoSliceMut, Read as _},
    mem::MaybeUninit,
    os::{
        fd::AsFd as _,
        unix::net::{UnixListener, UnixStream},
    },
    process::{Command, ExitCode},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use divan::{Bencher, counter::ItemsCount};
use endsession_benches::{Entrance, FloorClients, XsmpClients, knock, serve_sockets};
use endsession_manager::{BusError, Manager, Options, backend::Backend, config::Config};
use endsession_testkit::{
    bus::Bus,
    session::{Proc, Sandbox},
};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

const SIZES: [usize; 5] = [1, 10, 100, 300, 1000];
const SAMPLES: u32 = 20;
const LIMIT: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |text: &str| text.parse().unwrap_or(0);
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["manager", bus, hand_over, count] => return manager(bus, hand_over, number(count)),
        ["application", entrance, hand_over] => return done(application(entrance, hand_over)),
        ["clients", ids, authority, count] => return done(hold(ids, authority, number(count))),
        ["floor", path, count] => return done(serve_sockets(path.as_ref(), number(count))),
        _ => {}
    }
    allow_many_connections();
    divan::main();
    print_ratios();
    ExitCode::SUCCESS
}

/// The session manager; all clients are one application.
#[divan::bench(args = SIZES, sample_count = SAMPLES, sample_size = 1)]
fn log_off(bencher: Bencher<'_, '_>, count: usize) {
    measure(bencher, "log_off", count, 0);
}

/// The session manager; every client is an application.
#[divan::bench(args = SIZES, sample_count = 10, sample_size = 1)]
fn applications(bencher: Bencher<'_, '_>, count: usize) {
    measure(bencher, "applications", count, count);
}

/// The sockets alone.
#[divan::bench(args = SIZES, sample_count = SAMPLES, sample_size = 1)]
fn socket_floor(bencher: Bencher<'_, '_>, count: usize) {
    let stage = Stage::new();
    let mut floor = Floor::new(&stage.sandbox, count);
    bencher
        .counter(ItemsCount::new(count))
        .bench_local(|| floor.run());
}

fn measure(bencher: Bencher<'_, '_>, name: &'static str, count: usize, applications: usize) {
    let stage = Stage::new();
    let mut floor = Floor::new(&stage.sandbox, count);
    bencher
        .counter(ItemsCount::new(count))
        .with_inputs(|| {
            let session = stage.session(count, applications);
            (session, floor.run())
        })
        .bench_local_values(|(mut session, floor)| {
            let begun = Instant::now();
            session.clients.log_off().expect("the manager serves them");
            record((name, count), floor, begun.elapsed());
            session
        });
}

/// Where sessions are measured, one after another.
struct Stage {
    bus: Bus,
    sandbox: Sandbox,
}

impl Stage {
    fn new() -> Self {
        let sandbox = Sandbox::as_caller();
        let bus = Bus::daemon_in(&sandbox);
        Self { bus, sandbox }
    }

    /// A manager and its clients; those of so many `applications`, or all of this process.
    fn session(&self, count: usize, applications: usize) -> Session {
        let hand_over = self.sandbox.runtime_dir().join("hand-over");
        let processes = UnixListener::bind(&hand_over).expect("a socket of the sandbox");
        let arguments = [
            "manager".as_ref(),
            self.bus.address().as_ref(),
            hand_over.as_os_str(),
            applications.to_string().as_ref(),
        ]
        .map(std::ffi::OsStr::to_owned);
        let manager = self.sandbox.spawn(role(arguments));
        let told = |name: &str| {
            let line = manager.wait_for_line(name, LIMIT);
            line.split_once('=').unwrap_or_default().1.to_owned()
        };
        let (ids, authority) = (told("SESSION_MANAGER="), told("ICEAUTHORITY="));
        let entrance = Entrance::find(&ids, authority.as_ref()).expect("the manager's cookie");
        let mut holders = Vec::new();
        let clients = XsmpClients::register(&entrance, count, || {
            if applications == 0 {
                return knock(entrance.name());
            }
            let (holder, stream) = receive(&processes)?;
            holders.push(holder);
            Ok(stream)
        });
        std::fs::remove_file(hand_over).expect("the socket was there");
        Session {
            clients: clients.expect("the manager lets them in"),
            _holders: holders,
            manager,
        }
    }
}

/// A manager and its clients.
struct Session {
    clients: XsmpClients,
    /// The processes that made the connections end with these.
    _holders: Vec<UnixStream>,
    manager: Proc,
}

impl Drop for Session {
    fn drop(&mut self) {
        // Whoever was told to die does; the manager need not wait for it here.
        self.manager.kill();
        self.manager.wait_exit(LIMIT);
    }
}

/// The floor's server and its clients.
struct Floor {
    clients: FloorClients,
    _server: Proc,
}

impl Floor {
    fn new(sandbox: &Sandbox, count: usize) -> Self {
        let path = sandbox.runtime_dir().join("floor");
        let arguments = [
            "floor".into(),
            path.clone().into_os_string(),
            count.to_string().into(),
        ];
        let server = sandbox.spawn(role(arguments));
        server.wait_for_line("ready", LIMIT);
        let clients = FloorClients::connect(&path, count).expect("the floor takes connections");
        let mut floor = Self {
            clients,
            _server: server,
        };
        // The first exchange on a connection costs more than those that follow.
        floor.run();
        floor
    }

    fn run(&mut self) -> Duration {
        let begun = Instant::now();
        self.clients.run().expect("the floor serves them");
        begun.elapsed()
    }
}

fn role<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let program = std::env::current_exe().expect("a process has a program");
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// The manager, and so many applications that it started.
#[expect(
    clippy::zombie_processes,
    reason = "the manager takes the statuses of its children"
)]
fn manager(address: &str, hand_over: &str, count: usize) -> ExitCode {
    let options = Options {
        bus_address: address.to_owned(),
        config: Config::default(),
        dialog: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the system gives an event loop");
    done(runtime.block_on(async {
        let manager = loop {
            match Manager::start(options.clone()).await {
                // The bus has not yet seen the end of the one before.
                Err(BusError::Owned { .. }) => tokio::time::sleep(Duration::from_millis(1)).await,
                started => break started?,
            }
        };
        let manager = manager.serving_xsmp().await;
        for (name, value) in manager.environment() {
            println!("{name}={value}");
        }
        let own = format!("/tmp/.ICE-unix/{}", std::process::id());
        for _ in 0..count {
            let started = role(["application", &own, hand_over]).spawn();
            started.expect("the system gives a process");
        }
        manager.with_backend(Backend::Nothing).run().await;
        Ok::<_, BusError>(())
    }))
}

/// One application: connects when it is told to, hands its connection over, and ends when whoever
/// has it does.
fn application(entrance: &str, hand_over: &str) -> io::Result<()> {
    let mut holder = UnixStream::connect(hand_over)?;
    let _word = holder.read(&mut [0])?;
    let connection = knock(entrance)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut rights = SendAncillaryBuffer::new(&mut space);
    let fds = [connection.as_fd()];
    rights.push(SendAncillaryMessage::ScmRights(&fds));
    sendmsg(
        &holder,
        &[IoSlice::new(&[0])],
        &mut rights,
        SendFlags::empty(),
    )?;
    drop(connection);
    holder.read(&mut [0]).map(drop)
}

/// The connection of the next application, and what holds its process.
fn receive(processes: &UnixListener) -> io::Result<(UnixStream, UnixStream)> {
    use std::io::Write as _;
    let (mut holder, _) = processes.accept()?;
    holder.write_all(&[0])?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut rights = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut buffers = [IoSliceMut::new(&mut byte)];
    recvmsg(&holder, &mut buffers, &mut rights, RecvFlags::CMSG_CLOEXEC)?;
    let connection = rights.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    let connection = connection.ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok((holder, connection.into()))
}

/// Idle clients of any session manager, to see what they cost it.
fn hold(ids: &str, authority: &str, count: usize) -> io::Result<()> {
    allow_many_connections();
    let entrance = Entrance::find(ids, authority.as_ref())?;
    let _clients = XsmpClients::register(&entrance, count, || knock(entrance.name()))?;
    println!("{count} clients are registered; they leave at the end of the input");
    io::copy(&mut io::stdin(), &mut io::sink()).map(drop)
}

fn done<E: std::fmt::Display>(result: Result<(), E>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// A thousand connections are more descriptors than a process is given at first.
fn allow_many_connections() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, all).expect("a process may use what it is allowed");
}

/// Pairs of floor and log-off, by the benchmark and the number of clients.
static PAIRS: Mutex<BTreeMap<(&str, usize), Pairs>> = Mutex::new(BTreeMap::new());

type Pairs = Vec<(Duration, Duration)>;

fn record(what: (&'static str, usize), floor: Duration, log_off: Duration) {
    let mut pairs = PAIRS.lock().unwrap_or_else(PoisonError::into_inner);
    pairs.entry(what).or_default().push((floor, log_off));
}

fn print_ratios() {
    let pairs = PAIRS.lock().unwrap_or_else(PoisonError::into_inner);
    if pairs.is_empty() {
        return;
    }
    println!("\n               clients   floor (median)   log-off (median)   (fastest)   ratio");
    for ((name, count), pairs) in pairs.iter() {
        let mut floors: Vec<Duration> = pairs.iter().map(|p| p.0).collect();
        let mut log_offs: Vec<Duration> = pairs.iter().map(|p| p.1).collect();
        floors.sort();
        log_offs.sort();
        let (floor, log_off) = (floors[floors.len() / 2], log_offs[log_offs.len() / 2]);
        println!(
            "{name:12}   {count:7}   {:11.2} ms   {:13.2} ms   {:6.2} ms   {:5.2}",
            floor.as_secs_f64() * 1e3,
            log_off.as_secs_f64() * 1e3,
            log_offs[0].as_secs_f64() * 1e3,
            log_off.as_secs_f64() / floor.as_secs_f64(),
        );
    }
}

//! A log-off over a real dbus-daemon: from the request to the moment at which the last of so many
//! clients has been told to end, beside what the same messages cost without a session manager.
//!
//! The manager, the floor's server and the bus are a process each; the clients are all in this one.
//! After the benchmarks the ratio of both is printed, from pairs measured one after the other on
//! the same connections.

use std::{
    collections::BTreeMap,
    process::{Command, ExitCode},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use divan::{Bencher, counter::ItemsCount};
use endsession_benches::{Clients, FLOOR_NAME, serve};
use endsession_manager::{BusError, Manager, Options, backend::Backend, config::Config};
use endsession_testkit::{
    bus::Bus,
    session::{Proc, Sandbox},
};
use tokio::runtime::{Builder, Runtime};

const SIZES: [usize; 5] = [1, 10, 100, 300, 1000];
const SAMPLES: u32 = 20;
const LIMIT: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["manager", address] => return manager(address, 0),
        ["manager", address, count] => return manager(address, count.parse().unwrap_or(0)),
        ["client", address] => return client(address),
        ["floor", address] => return floor(address),
        _ => {}
    }
    allow_many_connections();
    divan::main();
    print_ratios();
    ExitCode::SUCCESS
}

/// The session manager.
#[divan::bench(args = SIZES, sample_count = SAMPLES, sample_size = 1)]
fn log_off(bencher: Bencher<'_, '_>, count: usize) {
    let stage = Stage::new();
    bencher
        .counter(ItemsCount::new(count))
        .with_inputs(|| {
            let mut session = stage.session(count, true);
            let floor = session.time_floor();
            (session, floor)
        })
        .bench_local_values(|(mut session, floor)| {
            let begun = Instant::now();
            session.log_off();
            record(count, floor, begun.elapsed());
            session
        });
}

/// The bus alone.
#[divan::bench(args = SIZES, sample_count = SAMPLES, sample_size = 1)]
fn bus_floor(bencher: Bencher<'_, '_>, count: usize) {
    let stage = Stage::new();
    bencher
        .counter(ItemsCount::new(count))
        .with_inputs(|| stage.session(count, false))
        .bench_local_refs(Session::run_floor);
}

/// Applications that are processes of the session: from the request until every one of them has
/// gone and the manager itself has ended.
#[divan::bench(args = [1, 10, 100, 300], sample_count = 10, sample_size = 1)]
fn processes(bencher: Bencher<'_, '_>, count: usize) {
    let stage = Stage::new();
    bencher
        .counter(ItemsCount::new(count))
        .with_inputs(|| stage.session_of_processes(count))
        .bench_local_refs(|session| {
            session.request();
            session.wait_for_manager();
        });
}

/// Where sessions are measured, one after another: a bus, the floor's server, this thread.
struct Stage {
    runtime: Runtime,
    _floor: Proc,
    bus: Bus,
    sandbox: Sandbox,
}

impl Stage {
    fn new() -> Self {
        let sandbox = Sandbox::as_caller();
        let bus = Bus::daemon_in(&sandbox);
        let floor = role(&sandbox, "floor", &bus, &[]);
        bus.wait_for_name(FLOOR_NAME, LIMIT);
        Self {
            runtime: single_threaded(),
            _floor: floor,
            bus,
            sandbox,
        }
    }

    fn session(&self, count: usize, managed: bool) -> Session<'_> {
        let manager = managed.then(|| role(&self.sandbox, "manager", &self.bus, &[]));
        if managed {
            self.bus.wait_for_name("org.gnome.SessionManager", LIMIT);
        }
        let clients = self.block_on(async {
            let clients = Clients::connect(self.bus.address(), count).await?;
            clients.prepare_floor().await?;
            if managed {
                clients.register().await?;
            }
            zbus::Result::Ok(clients)
        });
        let mut session = Session {
            stage: self,
            clients: Some(clients),
            manager,
        };
        // The first exchange on a connection costs more than those that follow.
        session.run_floor();
        session
    }

    fn session_of_processes(&self, count: usize) -> Session<'_> {
        let manager = role(&self.sandbox, "manager", &self.bus, &[&count.to_string()]);
        self.bus.wait_for_name("org.gnome.SessionManager", LIMIT);
        let clients = self.block_on(async {
            let clients = Clients::connect(self.bus.address(), 0).await?;
            clients.wait_until_registered(count).await?;
            zbus::Result::Ok(clients)
        });
        Session {
            stage: self,
            clients: Some(clients),
            manager: Some(manager),
        }
    }

    fn block_on<T>(&self, future: impl Future<Output = zbus::Result<T>>) -> T {
        self.runtime
            .block_on(future)
            .unwrap_or_else(|error| panic!("the bus: {error}"))
    }
}

/// Clients, registered with a manager of their own where there is one.
struct Session<'a> {
    stage: &'a Stage,
    clients: Option<Clients>,
    manager: Option<Proc>,
}

impl Session<'_> {
    fn clients(&mut self) -> &mut Clients {
        self.clients
            .as_mut()
            .expect("they leave when it is dropped")
    }

    fn log_off(&mut self) {
        let stage = self.stage;
        stage.block_on(self.clients().log_off());
    }

    fn request(&mut self) {
        let stage = self.stage;
        stage.block_on(self.clients().request());
    }

    fn wait_for_manager(&self) {
        if let Some(manager) = &self.manager {
            manager.wait_exit(LIMIT);
        }
    }

    fn run_floor(&mut self) {
        let stage = self.stage;
        stage.block_on(self.clients().run_floor());
    }

    fn time_floor(&mut self) -> Duration {
        let begun = Instant::now();
        self.run_floor();
        begun.elapsed()
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        if let Some(clients) = self.clients.take() {
            self.stage.runtime.block_on(clients.leave());
        }
        self.wait_for_manager();
    }
}

fn program(role: &str, address: &str) -> Command {
    let program = std::env::current_exe().expect("a process has a program");
    let mut command = Command::new(program);
    command.args([role, address]);
    command
}

fn role(sandbox: &Sandbox, role: &str, bus: &Bus, arguments: &[&str]) -> Proc {
    let mut command = program(role, bus.address());
    command.args(arguments);
    sandbox.spawn(command)
}

/// The manager, and so many applications that it started.
#[expect(
    clippy::zombie_processes,
    reason = "the manager takes the statuses of its children"
)]
fn manager(address: &str, count: usize) -> ExitCode {
    let options = Options {
        bus_address: address.to_owned(),
        config: Config::default(),
        dialog: None,
    };
    done(single_threaded().block_on(async {
        let manager = loop {
            match Manager::start(options.clone()).await {
                // The bus has not yet seen the end of the one before.
                Err(BusError::Owned { .. }) => tokio::time::sleep(Duration::from_millis(1)).await,
                started => break started?,
            }
        };
        for _ in 0..count {
            let started = program("client", address).spawn();
            started.expect("the system gives a process");
        }
        manager.with_backend(Backend::Nothing).run().await;
        Ok::<_, BusError>(())
    }))
}

/// One application.
fn client(address: &str) -> ExitCode {
    done(single_threaded().block_on(async {
        let clients = Clients::connect(address, 1).await?;
        clients.register().await?;
        clients.until_told().await
    }))
}

fn floor(address: &str) -> ExitCode {
    done(single_threaded().block_on(serve(address)))
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

fn single_threaded() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the system gives an event loop")
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

/// Pairs of floor and log-off, by the number of clients.
static PAIRS: Mutex<BTreeMap<usize, Vec<(Duration, Duration)>>> = Mutex::new(BTreeMap::new());

fn record(count: usize, floor: Duration, log_off: Duration) {
    let mut pairs = PAIRS.lock().unwrap_or_else(PoisonError::into_inner);
    pairs.entry(count).or_default().push((floor, log_off));
}

fn print_ratios() {
    let pairs = PAIRS.lock().unwrap_or_else(PoisonError::into_inner);
    if pairs.is_empty() {
        return;
    }
    println!("\nclients   floor (median)   log-off (median)   ratio of medians   of fastest");
    for (count, pairs) in pairs.iter() {
        let mut floors: Vec<Duration> = pairs.iter().map(|p| p.0).collect();
        let mut log_offs: Vec<Duration> = pairs.iter().map(|p| p.1).collect();
        floors.sort();
        log_offs.sort();
        let (floor, log_off) = (floors[floors.len() / 2], log_offs[log_offs.len() / 2]);
        println!(
            "{count:7}   {:11.2} ms   {:13.2} ms   {:16.2}   {:10.2}",
            floor.as_secs_f64() * 1e3,
            log_off.as_secs_f64() * 1e3,
            log_off.as_secs_f64() / floor.as_secs_f64(),
            log_offs[0].as_secs_f64() / floors[0].as_secs_f64(),
        );
    }
}

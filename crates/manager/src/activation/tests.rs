use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use endsession_testkit::bus::Bus as TestBus;
use endsession_testkit::session::Sandbox;
use endsession_testkit::wait::for_entry;
use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use zbus::message::Type;
use zbus::{Connection, MessageStream, Variant};

use super::*;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

const OURS: &str = "local/here:@/tmp/.ICE-unix/7,unix/here:/tmp/.ICE-unix/7";

fn variables() -> Vec<Variable> {
    let variable = |name, value: &str, afterwards| Variable {
        name,
        value: value.to_owned(),
        afterwards,
    };
    let default = Afterwards::Before("/default".to_owned());
    vec![
        variable("SESSION_MANAGER", OURS, Afterwards::Nothing),
        variable("ICEAUTHORITY", "/ours", default),
    ]
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(PATIENCE, future).await;
    done.unwrap_or_else(|_| panic!("never: {what}"))
}

/// Waits until the bus itself has done everything so far.
async fn round_trip(bus: &mut Bus) {
    let question = bus.ask(to_bus("GetId", &()).unwrap(), "the bus has no id");
    bus.flush().await.unwrap();
    assert!(
        within("a round trip", bus.wait_for(question))
            .await
            .is_some()
    );
}

/// Gives the variables away and waits until everybody who is there has them.
async fn set(bus: &mut Bus, systemd: Option<&mut Systemd>) -> Activation {
    let activation = Activation::set(bus, variables());
    bus.flush().await.unwrap();
    round_trip(bus).await;
    if let Some(systemd) = systemd {
        systemd.until("SetEnvironment").await;
        let before = activation.before.unwrap();
        assert!(within("an answer", bus.wait_for(before)).await.is_some());
    }
    activation
}

/// A bus with a service that reports the variables that it is started with.
struct World {
    sandbox: Sandbox,
    daemon: TestBus,
    address: String,
}

impl World {
    fn new(start: fn(&Sandbox) -> TestBus) -> Self {
        Self::with(start, |_| {})
    }

    fn with(start: fn(&Sandbox) -> TestBus, prepare: impl FnOnce(&Sandbox)) -> Self {
        // A bus lets only its own user change what it gives to others.
        let sandbox = Sandbox::as_caller();
        let data = sandbox.home().join("data");
        sandbox.set_env("XDG_DATA_HOME", data);
        let report = sandbox.home().join("report");
        std::fs::create_dir(&report).unwrap();
        let services = [
            ("org.example.Reports", "report"),
            ("org.freedesktop.systemd1", "started"),
        ];
        for (name, file) in services {
            let file = report.join(file).display().to_string();
            let script = sandbox.write(
                format!("{name}.sh"),
                format!(
                    "for name in SESSION_MANAGER ICEAUTHORITY; do\n\
                     printenv $name | sed s,^,$name=, >> {file}.new; done\n\
                     mv {file}.new {file}\nexit 1\n"
                ),
            );
            sandbox.write(
                format!("data/dbus-1/services/{name}.service"),
                format!(
                    "[D-BUS Service]\nName={name}\nExec=/bin/sh {}\n",
                    script.display()
                ),
            );
        }
        prepare(&sandbox);
        let bus = start(&sandbox);
        let address = bus.address().to_owned();
        Self {
            sandbox,
            daemon: bus,
            address,
        }
    }

    async fn bus(&self) -> Bus {
        Bus::connect(&self.address).await.unwrap()
    }

    fn reports(&self) -> PathBuf {
        self.sandbox.home().join("report")
    }

    /// What the bus gives to what it starts now.
    async fn given(&self, bus: &mut Bus) -> Vec<String> {
        let start = to_bus("StartServiceByName", &("org.example.Reports", 0_u32)).unwrap();
        // It reports, and ends without having taken its name.
        let question = bus.ask(start, "the service has reported");
        bus.flush().await.unwrap();
        assert!(within("a report", bus.wait_for(question)).await.is_none());
        let report = for_entry(&self.reports(), PATIENCE, |name| name == "report");
        let text = std::fs::read_to_string(&report).unwrap();
        std::fs::remove_file(report).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn systemd_was_started(&self) -> bool {
        self.reports().join("started").exists()
    }
}

/// Another owner of systemd's name, which does what systemd does with its environment.
struct Systemd {
    environment: Arc<Mutex<Vec<String>>>,
    calls: mpsc::UnboundedReceiver<(String, Vec<String>)>,
    /// It no longer answers.
    mute: Arc<Mutex<bool>>,
    _connection: Connection,
}

impl Systemd {
    async fn start(world: &World, environment: &[&str]) -> Self {
        let builder = zbus::connection::Builder::address(world.address.as_str());
        let connection = builder.build().await.unwrap();
        let stream = MessageStream::from(&connection);
        let environment: Vec<String> = environment.iter().map(|&line| line.into()).collect();
        let environment = Arc::new(Mutex::new(environment));
        let (tell, calls) = mpsc::unbounded_channel();
        let mute = Arc::new(Mutex::new(false));
        tokio::spawn(serve(
            connection.clone(),
            stream,
            environment.clone(),
            mute.clone(),
            tell,
        ));
        connection.request_name(SYSTEMD).await.unwrap();
        Self {
            environment,
            calls,
            mute,
            _connection: connection,
        }
    }

    /// The arguments of the next call of this method.
    async fn until(&mut self, method: &str) -> Vec<String> {
        loop {
            let (member, arguments) = within(method, self.calls.recv()).await.unwrap();
            if member == method {
                return arguments;
            }
        }
    }

    fn environment(&self) -> Vec<String> {
        self.environment.lock().unwrap().clone()
    }

    fn set_by_another(&self, line: &str) {
        assign(&mut self.environment.lock().unwrap(), line);
    }
}

fn unassign(environment: &mut Vec<String>, name: &str) {
    environment.retain(|line| line.split('=').next() != Some(name));
}

fn assign(environment: &mut Vec<String>, line: &str) {
    unassign(environment, line.split('=').next().unwrap());
    environment.push(line.to_owned());
}

async fn serve(
    connection: Connection,
    mut stream: MessageStream,
    environment: Arc<Mutex<Vec<String>>>,
    mute: Arc<Mutex<bool>>,
    tell: mpsc::UnboundedSender<(String, Vec<String>)>,
) {
    while let Some(Ok(message)) = stream.next().await {
        let header = message.header();
        if message.message_type() != Type::MethodCall || *mute.lock().unwrap() {
            continue;
        }
        let member = header.member().unwrap().to_string();
        let body = message.body();
        let arguments: Vec<String> = body.deserialize().unwrap_or_default();
        let mut all = environment.lock().unwrap().clone();
        let reply = Message::method_return(&header);
        let reply = if member == "Get" {
            let (interface, property): (&str, &str) = body.deserialize().unwrap();
            assert_eq!((interface, property), (SYSTEMD_MANAGER, "Environment"));
            reply.build(&Variant::from(all))
        } else {
            match member.as_str() {
                "SetEnvironment" => arguments.iter().for_each(|line| assign(&mut all, line)),
                "UnsetEnvironment" => arguments.iter().for_each(|name| unassign(&mut all, name)),
                other => panic!("{other} is not systemd's"),
            }
            *environment.lock().unwrap() = all;
            reply.build(&())
        };
        connection.send(&reply.unwrap()).await.unwrap();
        tell.send((member, arguments)).ok();
    }
}

#[tokio::test]
async fn what_the_daemon_starts_is_told_of_the_session_until_it_ends() {
    let world = World::new(TestBus::daemon_in);
    let mut bus = world.bus().await;
    assert_eq!(world.given(&mut bus).await, [""; 0]);

    let activation = set(&mut bus, None).await;
    let ours = [
        format!("SESSION_MANAGER={OURS}"),
        "ICEAUTHORITY=/ours".to_owned(),
    ];
    assert_eq!(world.given(&mut bus).await, ours);

    // We are gone at once afterwards, as at the end of a session.
    within("the end", activation.unset(&mut bus)).await;
    drop(bus);
    let after = world.given(&mut world.bus().await).await;
    assert_eq!(after, ["SESSION_MANAGER=", "ICEAUTHORITY=/default"]);
    assert!(!world.systemd_was_started());
}

#[tokio::test]
async fn the_daemon_gets_back_what_it_was_started_with() {
    let world = World::with(TestBus::daemon_in, |sandbox| {
        sandbox.set_env("ICEAUTHORITY", "/before");
        sandbox.set_env("SESSION_MANAGER", "local/here:/over");
    });
    let mut bus = world.bus().await;
    let activation = set(&mut bus, None).await;
    within("the end", activation.unset(&mut bus)).await;
    let after = world.given(&mut bus).await;
    assert_eq!(after, ["SESSION_MANAGER=", "ICEAUTHORITY=/before"]);
}

#[tokio::test]
async fn systemd_is_left_as_it_was_found() {
    for start in [TestBus::daemon_in, TestBus::broker_in] {
        for (before, after) in [
            (&["LANG=C"][..], &["LANG=C"][..]),
            (&["ICEAUTHORITY=/before"], &["ICEAUTHORITY=/before"]),
            // The manager that this names is over: its session is ours.
            (&["SESSION_MANAGER=local/here:/over", "LANG=C"], &["LANG=C"]),
            // Not these variables, however much they look like them.
            (&["SESSION_MANAGER_X=1", "X"], &["SESSION_MANAGER_X=1", "X"]),
        ] {
            let world = World::new(start);
            let mut systemd = Systemd::start(&world, before).await;
            let mut bus = world.bus().await;
            let activation = set(&mut bus, Some(&mut systemd)).await;
            let told = systemd.environment();
            assert!(
                told.contains(&format!("SESSION_MANAGER={OURS}")),
                "{told:?}"
            );
            assert!(told.contains(&"ICEAUTHORITY=/ours".to_owned()), "{told:?}");

            within("the end", activation.unset(&mut bus)).await;
            // It has answered: nothing is still to come.
            assert_eq!(systemd.environment(), after);
        }
    }
}

#[tokio::test]
async fn what_somebody_else_has_set_since_is_left() {
    let world = World::new(TestBus::daemon_in);
    let mut systemd = Systemd::start(&world, &[]).await;
    let mut bus = world.bus().await;
    let activation = set(&mut bus, Some(&mut systemd)).await;
    systemd.set_by_another("SESSION_MANAGER=local/here:/theirs");
    within("the end", activation.unset(&mut bus)).await;
    assert_eq!(systemd.until("UnsetEnvironment").await, ["ICEAUTHORITY"]);
    let theirs = ["SESSION_MANAGER=local/here:/theirs"];
    assert_eq!(systemd.environment(), theirs);
    let given = world.given(&mut bus).await;
    assert_eq!(given, [theirs[0], "ICEAUTHORITY=/default"]);
}

#[tokio::test]
async fn what_was_unset_since_is_not_set_again_but_in_the_bus() {
    let world = World::new(TestBus::daemon_in);
    let mut systemd = Systemd::start(&world, &[]).await;
    let mut bus = world.bus().await;
    let activation = set(&mut bus, Some(&mut systemd)).await;
    unassign(&mut systemd.environment.lock().unwrap(), "SESSION_MANAGER");
    within("the end", activation.unset(&mut bus)).await;
    assert_eq!(systemd.environment(), [""; 0]);
    let given = world.given(&mut bus).await;
    assert_eq!(given, ["SESSION_MANAGER=", "ICEAUTHORITY=/default"]);
}

#[tokio::test]
async fn a_systemd_that_does_not_answer_holds_the_end_up_no_longer_than_said() {
    let world = World::new(TestBus::daemon_in);
    let mut systemd = Systemd::start(&world, &[]).await;
    let mut bus = world.bus().await;
    let activation = set(&mut bus, Some(&mut systemd)).await;
    *systemd.mute.lock().unwrap() = true;
    let start = Instant::now();
    within("the end", activation.unset(&mut bus)).await;
    assert!((LIMIT..PATIENCE / 4).contains(&start.elapsed()));
    // Unasked, nothing is taken from anybody.
    assert_eq!(systemd.environment().len(), 2);
}

#[tokio::test]
async fn a_bus_that_knows_none_of_it_costs_nothing() {
    for start in [TestBus::broker_in, TestBus::embedded_in] {
        let world = World::new(start);
        let mut bus = world.bus().await;
        let activation = set(&mut bus, None).await;
        let start = Instant::now();
        within("the end", activation.unset(&mut bus)).await;
        assert!(start.elapsed() < LIMIT, "somebody was waited for");
        round_trip(&mut bus).await;
    }
}

#[tokio::test]
async fn a_bus_that_is_gone_costs_nothing() {
    let world = World::new(TestBus::daemon_in);
    let mut systemd = Systemd::start(&world, &[]).await;
    let mut bus = world.bus().await;
    let activation = set(&mut bus, Some(&mut systemd)).await;
    drop((systemd, world));
    let start = Instant::now();
    within("the end", activation.unset(&mut bus)).await;
    assert!(start.elapsed() < LIMIT, "somebody was waited for");
}

#[tokio::test]
async fn the_bus_names_its_process() {
    let world = World::new(TestBus::daemon_in);
    let mut bus = world.bus().await;
    let activation = set(&mut bus, None).await;
    let pid = bus.answer(activation.bus_pid.unwrap()).and_then(number);
    assert_eq!(pid, world.daemon.pid());
    assert!(!is_broker(pid.unwrap()));
}

#[test]
fn the_brokers_launcher_is_known_by_its_name() {
    let sandbox = Sandbox::as_caller();
    let launcher = sandbox.dir().join("bin/dbus-broker-launch");
    std::os::unix::fs::symlink("/bin/sh", &launcher).unwrap();
    let launcher = launcher.display().to_string();
    let script = "echo ready; read line";
    let process = sandbox.spawn_with_input([launcher.as_str(), "-c", script]);
    process.wait_for_line("ready", PATIENCE);
    assert!(is_broker(process.pid()));
    process.close_input();
    process.wait_exit(PATIENCE);
    assert!(!is_broker(process.pid()));
}

#[test]
fn what_was_there_before_comes_back_and_what_is_anothers_stays() {
    let variables = variables();
    let one = |name: &'static str, value: &str| Values::from([(name, value.to_owned())]);
    let plan = |before: &Values<'static>, now: &Values<'static>| {
        Plan::new(&variables, Some(before), Some(now), |_| None)
    };
    // Both are systemd's own now, and were not before.
    let both = Values::from([
        ("SESSION_MANAGER", OURS.to_owned()),
        ("ICEAUTHORITY", "/ours".to_owned()),
    ]);
    let nothing = Values::new();
    let gone = plan(&nothing, &both);
    assert_eq!(gone.gone, ["SESSION_MANAGER", "ICEAUTHORITY"]);
    assert_eq!(gone.put_back, nothing);
    assert_eq!(gone.on_bus["SESSION_MANAGER"], "");
    assert_eq!(gone.on_bus["ICEAUTHORITY"], "/default");

    let before = one("ICEAUTHORITY", "/before");
    let back = plan(&before, &both);
    assert_eq!(back.put_back, before);
    assert_eq!(back.on_bus["ICEAUTHORITY"], "/before");
    assert_eq!(back.gone, ["SESSION_MANAGER"]);

    // systemd refused ours and has what it had: that is not ours to take.
    let kept = plan(&before, &before);
    assert_eq!(kept.put_back, nothing);
    assert_eq!(kept.gone, ["SESSION_MANAGER"]);
    assert_eq!(kept.on_bus["ICEAUTHORITY"], "/before");

    // Without systemd there is what the bus was started with.
    let started = |name: &str| Some(format!("{name} at first"));
    let alone = Plan::new(&variables, None, None, started);
    assert_eq!(alone.on_bus["SESSION_MANAGER"], "");
    assert_eq!(alone.on_bus["ICEAUTHORITY"], "ICEAUTHORITY at first");
}

#[test]
fn an_environment_that_makes_no_sense_is_empty() {
    let call = Message::method_call("/", "Get").build(&()).unwrap();
    let reply = || Message::method_return(&call.header());
    let replies = [
        reply().build(&()),
        reply().build(&7_u32),
        reply().build(&Variant::from(7_u32)),
        reply().build(&Variant::from("SESSION_MANAGER=x")),
        reply().build(&vec!["SESSION_MANAGER=x"]),
        reply().build(&Variant::from(vec!["SESSION_MANAGER", "=", ""])),
    ];
    for reply in replies {
        assert!(values(&reply.unwrap(), &variables()).is_empty());
    }
    let lines = vec!["ICEAUTHORITY=", "SESSION_MANAGER=a=b"];
    let reply = reply().build(&Variant::from(lines)).unwrap();
    let found = values(&reply, &variables());
    assert_eq!(found["ICEAUTHORITY"], "");
    assert_eq!(found["SESSION_MANAGER"], "a=b");
}

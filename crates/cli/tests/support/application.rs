//! [`Application`]: a client in a process of its own, driven by the test. Clients in the test's own
//! process are one application to the manager, and host of every terminal that the test opens.

use std::io::BufRead as _;

use endsession_testkit::session::{Proc, Sandbox};
use futures_util::StreamExt as _;
use tokio::runtime::Builder;
use zbus::message::Type;
use zbus::{Connection, MessageStream, ObjectPath};

use super::LIMIT;
use super::raw::{MANAGER, MANAGER_PATH, PRIVATE};

/// Its process is this test program again, told so by its environment.
const SIGN: &str = "ENDSESSION_TEST_APPLICATION";

/// A registered client that answers when it is told to, and ends when it is told to.
pub(crate) struct Application(Proc);

impl Application {
    /// Starts it. `entry` is the name of the test that calls [`main`] first of all.
    #[track_caller]
    pub(crate) fn start(sandbox: &Sandbox, entry: &str, app_id: &str) -> Self {
        let program = std::env::current_exe().unwrap();
        let installed = sandbox.dir().join("bin").join(program.file_name().unwrap());
        if !installed.exists() {
            sandbox.install(&program);
        }
        let mut command = std::process::Command::new(installed);
        command
            .args(["--exact", entry, "--nocapture", "--quiet"])
            .env(SIGN, app_id);
        let process = sandbox.spawn_with_input(command);
        process.wait_for_line("registered", LIMIT);
        Self(process)
    }

    /// Waits until it has got `member` for the `nth` time.
    #[track_caller]
    pub(crate) fn wait_for(&self, member: &str, nth: usize) {
        self.0.wait_for_line(&format!("got {member} {nth}."), LIMIT);
    }

    /// Answers its query.
    #[track_caller]
    pub(crate) fn answer(&self, agrees: bool, reason: &str) {
        self.0.write(&format!("{agrees} {reason}\n"));
    }

    /// What it has got, first to last.
    pub(crate) fn members(&self) -> Vec<String> {
        let text = self.0.stdout_so_far();
        let got = text
            .lines()
            .filter_map(|l| l.split_once("got ")?.1.split(' ').next());
        got.map(str::to_owned).collect()
    }

    /// Waits until it has ended.
    #[track_caller]
    pub(crate) fn wait_until_left(&self) {
        self.0.wait_exit(LIMIT);
    }

    /// Its process.
    pub(crate) fn process(&self) -> &Proc {
        &self.0
    }
}

/// Whether this process was started as an application; if so it was one, and has ended.
pub(crate) fn main() -> bool {
    let Ok(app_id) = std::env::var(SIGN) else {
        return false;
    };
    let (connected, connection) = std::sync::mpsc::channel();
    let listen = std::thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let connection = Connection::session().await.unwrap();
            let mut stream = MessageStream::from(&connection);
            connected.send(connection).unwrap();
            let mut got = Vec::<String>::new();
            while let Some(Ok(message)) = stream.next().await {
                let header = message.header();
                let is_ours = header.interface().is_some_and(|i| i.as_str() == PRIVATE);
                if message.message_type() != Type::Signal || !is_ours {
                    continue;
                }
                got.push(header.member().unwrap().to_string());
                let member = got.last().unwrap();
                let nth = got.iter().filter(|m| *m == member).count();
                println!("got {member} {nth}.");
                if member == "EndSession" {
                    std::process::exit(0);
                }
            }
        });
    });
    let connection = connection.recv().unwrap();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let path = runtime.block_on(async {
        let body = (app_id.as_str(), "");
        let call = connection.call_method(
            Some(MANAGER),
            MANAGER_PATH,
            Some(MANAGER),
            "RegisterClient",
            &body,
        );
        let reply = call.await.unwrap();
        let body = reply.body();
        body.deserialize::<ObjectPath<'_>>().unwrap().into_owned()
    });
    println!("registered");
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let (agrees, reason) = line.split_once(' ').unwrap();
        let body = (agrees == "true", reason);
        let answer = connection.call_method(
            Some(MANAGER),
            &path,
            Some(PRIVATE),
            "EndSessionResponse",
            &body,
        );
        runtime.block_on(answer).unwrap();
    }
    listen.join().unwrap();
    true
}

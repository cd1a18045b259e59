//! [`Desk`]: a session, and clients on libSM in it.

use std::ops::Deref;
use std::path::Path;

use endsession_testkit::bus::Bus;
use endsession_testkit::session::Sandbox;
use endsession_testkit::xsmp::LibSmClient;
use serde_json::{Value, json};

use crate::support::raw::MANAGER;
use crate::support::{LIMIT, Session, sandbox, start};

/// What a session runs, which tells what it was given to be a client.
const SHELL: &str = r#"echo "SESSION_MANAGER=$SESSION_MANAGER"; echo "ICEAUTHORITY=$ICEAUTHORITY"
exec sleep infinity"#;

/// A running session. Its clients find it in the sandbox's `SESSION_MANAGER`, and its cookies where
/// libICE looks by itself.
pub(crate) struct Desk {
    session: Session,
    /// `SESSION_MANAGER` and `ICEAUTHORITY` of its processes.
    pub(crate) session_manager: String,
    pub(crate) ice_authority: String,
}

impl Desk {
    /// A session in a sandbox of its own.
    #[track_caller]
    pub(crate) fn new() -> Self {
        Self::in_sandbox(sandbox())
    }

    /// A session with this environment.
    #[track_caller]
    pub(crate) fn in_sandbox(sandbox: Sandbox) -> Self {
        let bus = Bus::daemon_in(&sandbox);
        // What clients complain of is told at this level alone.
        sandbox.set_env("ENDSESSION_LOG", "debug");
        let run = start(&sandbox, "", &["sh", "-c", SHELL]);
        sandbox.unset_env("ENDSESSION_LOG");
        bus.wait_for_name(MANAGER, LIMIT);
        let told = |name: &str| {
            let line = run.wait_for_line(&format!("{name}="), LIMIT);
            line.split_once('=').unwrap().1.to_owned()
        };
        let (session_manager, ice_authority) = (told("SESSION_MANAGER"), told("ICEAUTHORITY"));
        sandbox.set_env("SESSION_MANAGER", &session_manager);
        Self {
            session: Session { run, bus, sandbox },
            session_manager,
            ice_authority,
        }
    }

    /// A client that has registered, has saved for the first time, and is idle.
    #[track_caller]
    pub(crate) fn client(&self) -> LibSmClient {
        let client = LibSmClient::start(&self.sandbox);
        client.open(None);
        settle(&client);
        client
    }

    /// So many of them.
    #[track_caller]
    pub(crate) fn clients<const N: usize>(&self) -> [LibSmClient; N] {
        std::array::from_fn(|_| self.client())
    }

    /// Neither the manager nor libSM found anything wrong with what the other said.
    #[track_caller]
    pub(crate) fn nobody_complained(&self, clients: &[&LibSmClient]) {
        for client in clients {
            let told = client.events().so_far();
            let wrong = ["sm-error", "ice-error", "failed", "gone"];
            let fine = |event: &Value| !wrong.iter().any(|name| event["event"] == *name);
            assert!(told.iter().all(fine), "{told:#?}");
        }
        let log = self.run.stderr_so_far();
        for sign in ["breaks the protocol", "complains", "is closed", "ERROR"] {
            assert!(!log.contains(sign), "{log}");
        }
    }
}

impl Deref for Desk {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // Where the session has not ended, the manager is killed, and takes nothing back.
        self.run.kill();
        let socket = Path::new("/tmp/.ICE-unix").join(self.run.pid().to_string());
        let _gone_already = std::fs::remove_file(socket);
    }
}

/// A SaveYourself as the client tells of it.
pub(crate) fn save(kind: &str, shutdown: bool, interact: &str, fast: bool) -> Value {
    json!({"event": "save-yourself", "save": kind, "shutdown": shutdown, "interact": interact,
        "fast": fast})
}

/// What a new client is asked.
pub(crate) fn initial() -> Value {
    save("local", false, "none", false)
}

/// Waits for what every client is asked before a log-off.
#[track_caller]
pub(crate) fn is_asked(client: &LibSmClient) {
    let asked = client.wait_for("save-yourself", LIMIT);
    assert_eq!(asked, save("global", true, "any", false));
}

/// Saves for the first time.
#[track_caller]
pub(crate) fn settle(client: &LibSmClient) {
    assert_eq!(client.wait_for("save-yourself", LIMIT), initial());
    client.done(true);
    client.wait_for("save-complete", LIMIT);
}

/// Is told to end, and does.
#[track_caller]
pub(crate) fn ends(client: &LibSmClient) {
    client.wait_for("die", LIMIT);
    client.close(&[]);
    client.exit();
}

/// What a client has heard from the manager since it was open, but for pings.
pub(crate) fn heard(client: &LibSmClient) -> Vec<String> {
    let own = ["ready", "opened", "did", "pong", "closed"];
    let names = client.events().names().into_iter();
    names.filter(|name| !own.contains(&name.as_str())).collect()
}

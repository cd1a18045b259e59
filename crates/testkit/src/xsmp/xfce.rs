//! [`Xfce`]: a real xfce4-session, the foreign manager that clients are tested against.

use std::{
    fs, io,
    os::unix::{
        fs::{DirBuilderExt, PermissionsExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{
    bus::Bus,
    managers::private_system_bus,
    rt,
    session::{Proc, Sandbox},
    wait::{self, LIMIT},
    x11::Xvfb,
};

const NAME: &str = "org.xfce.SessionManager";
const PATH: &str = "/org/xfce/SessionManager";
const INTERFACE: &str = "org.xfce.Session.Manager";
const TRACE: &str = ".xfce4-session.verbose-log";

/// Its settings: nothing is saved, shown or asked. It does not manage a session without any client;
/// its own settings daemon is one.
const SETTINGS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-session" version="1.0">
  <property name="general" type="empty">
    <property name="FailsafeSessionName" type="string" value="Failsafe"/>
    <property name="SaveOnExit" type="bool" value="false"/>
    <property name="PromptOnLogout" type="bool" value="false"/>
  </property>
  <property name="startup" type="empty">
    <property name="ssh-agent" type="empty">
      <property name="enabled" type="bool" value="false"/>
    </property>
    <property name="gpg-agent" type="empty">
      <property name="enabled" type="bool" value="false"/>
    </property>
  </property>
  <property name="sessions" type="empty">
    <property name="Failsafe" type="empty">
      <property name="IsFailsafe" type="bool" value="true"/>
      <property name="Count" type="int" value="1"/>
      <property name="Client0_Command" type="array">
        <value type="string" value="sh"/>
        <value type="string" value="-c"/>
        <value type="string" value="echo SESSION_MANAGER=$SESSION_MANAGER; exec xfsettingsd --no-daemon"/>
      </property>
      <property name="Client0_Priority" type="int" value="15"/>
      <property name="Client0_PerScreen" type="bool" value="false"/>
    </property>
  </property>
</channel>
"#;

/// A session of xfce4-session in a sandbox, on a bus and on an Xvfb of its own, with an openbox that is
/// no client of it, so that windows can still be used when it has told everybody to end. The
/// sandbox's `SESSION_MANAGER` and `ICEAUTHORITY` are its own: what is started there registers.
///
/// It asks every client at once, grants one interaction at a time, gives each 60 s, and ends when the
/// last one has gone.
#[derive(Debug)]
pub struct Xfce {
    session: Proc,
    session_manager: String,
    ice_authority: PathBuf,
    /// How much of the trace was looked at.
    seen: Mutex<usize>,
    /// The same, for clients that register.
    settled: Mutex<usize>,
    xvfb: Xvfb,
    bus: Bus,
    /// One without logind: nothing that is asked here reaches the machine.
    _system: Bus,
    sandbox: Sandbox,
}

impl Xfce {
    /// Starts it, and waits until it manages a session.
    #[track_caller]
    pub fn start() -> Self {
        Self::with_settings(SETTINGS)
    }

    /// The same, but that it asks the user where its caller wants that.
    #[track_caller]
    pub fn start_that_asks() -> Self {
        let (asks_not, asks) = ("bool\" value=\"false", "bool\" value=\"true");
        let line = |value| format!("name=\"PromptOnLogout\" type=\"{value}\"");
        Self::with_settings(&SETTINGS.replace(&line(asks_not), &line(asks)))
    }

    #[track_caller]
    fn with_settings(settings: &str) -> Self {
        prepare_ice_sockets();
        let sandbox = Sandbox::new();
        // The other way round the session would be on it.
        let system = private_system_bus(&sandbox);
        let bus = Bus::daemon_in(&sandbox);
        let xvfb = Xvfb::with_openbox_in(&sandbox);
        let channel = ".config/xfce4/xfconf/xfce-perchannel-xml/xfce4-session.xml";
        sandbox.write(channel, settings);
        // The machine's autostarts are found through this; only this one is, whatever it says.
        let nothing = sandbox.write(".config/nothing/empty", "");
        sandbox.set_env("XDG_CONFIG_DIRS", nothing.parent().unwrap_or(&nothing));
        let hidden = "[Desktop Entry]\nType=Application\nName=none\nHidden=true\n";
        sandbox.write(".config/autostart/xfsettingsd.desktop", hidden);
        sandbox.set_env("XFSM_VERBOSE", "1");
        let ice_authority = sandbox.runtime_dir().join("ICEauthority");
        sandbox.set_env("ICEAUTHORITY", &ice_authority);
        let session = sandbox.spawn(["xfce4-session"]);
        let line = session.wait_for_line("SESSION_MANAGER=", LIMIT);
        let session_manager = line.trim_start_matches("SESSION_MANAGER=").to_owned();
        sandbox.set_env("SESSION_MANAGER", &session_manager);
        let xfce = Self {
            session,
            session_manager,
            ice_authority,
            seen: Mutex::new(0),
            settled: Mutex::new(0),
            xvfb,
            bus,
            _system: system,
            sandbox,
        };
        // While it starts it refuses to end.
        xfce.wait_for_trace("state is now XFSM_MANAGER_IDLE", LIMIT);
        xfce.wait_for_client(LIMIT);
        xfce
    }

    /// Where clients are started.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Its display.
    pub fn xvfb(&self) -> &Xvfb {
        &self.xvfb
    }

    /// Its session bus.
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// Its process.
    pub fn process(&self) -> &Proc {
        &self.session
    }

    /// Its network ids, as in `SESSION_MANAGER`.
    pub fn session_manager(&self) -> &str {
        &self.session_manager
    }

    /// The file with its cookies, as in `ICEAUTHORITY`.
    pub fn ice_authority(&self) -> &Path {
        &self.ice_authority
    }

    /// Asks for a log-off without a question and without saving the session.
    #[track_caller]
    pub fn log_off(&self) {
        self.call("Logout", (false, false));
    }

    /// Asks everybody to save, and nobody to end.
    #[track_caller]
    pub fn checkpoint(&self) {
        self.call("Checkpoint", ("",));
    }

    /// Waits until it has ended.
    #[track_caller]
    pub fn wait_until_over(&self, limit: Duration) -> ExitStatus {
        self.session.wait_exit(limit)
    }

    /// Waits until the next client has registered and answered the SaveYourself that it gets then, and
    /// returns its id. Before that a log-off would not ask it.
    ///
    /// # Panics
    /// When none does within `limit`; the message has the trace.
    #[track_caller]
    pub fn wait_for_client(&self, limit: Duration) -> String {
        let settled = " client state was XFSM_CLIENT_SAVINGLOCAL and now is XFSM_CLIENT_IDLE";
        let line = self.next_line(&self.settled, settled, limit);
        let id = line.trim_end_matches(settled).rsplit(' ').next();
        id.unwrap_or_default().to_owned()
    }

    /// Waits for the next line of its trace that contains `pattern`, and returns it. It tells what
    /// clients send: `received INTERACT REQUEST [Dialog type = Normal]`, `received SAVE YOURSELF DONE
    /// [Success = True]`, `received CLOSE CONNECTION`; and its own states.
    ///
    /// # Panics
    /// When none comes within `limit`; the message has the trace.
    #[track_caller]
    pub fn wait_for_trace(&self, pattern: &str, limit: Duration) -> String {
        self.next_line(&self.seen, pattern, limit)
    }

    #[track_caller]
    fn next_line(&self, seen: &Mutex<usize>, pattern: &str, limit: Duration) -> String {
        let file = self.sandbox.home().join(TRACE);
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (line, end) = wait::for_line_in(&file, *seen, limit, |line| line.contains(pattern));
        *seen = end;
        line
    }

    /// Its whole trace so far.
    pub fn trace(&self) -> String {
        let bytes = fs::read(self.sandbox.home().join(TRACE)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[track_caller]
    fn call<B>(&self, method: &'static str, body: B)
    where
        B: serde::Serialize + zbus::DynamicType + Send + Sync + 'static,
    {
        let connection = self.bus.connect();
        let call = async move {
            connection
                .call_method(Some(NAME), PATH, Some(INTERFACE), method, &body)
                .await
                .map(drop)
        };
        rt::block_on(method, LIMIT, call).unwrap_or_else(|error| panic!("{method}: {error}"));
    }
}

impl Drop for Xfce {
    fn drop(&mut self) {
        // One that is killed leaves its socket.
        self.session.kill();
        let paths = self.session_manager.split([',', ':']);
        for path in paths.filter(|path| path.starts_with("/tmp/.ICE-unix/")) {
            let _gone_already = fs::remove_file(path);
        }
    }
}

/// Managers listen in a directory that has to be root's or the user's own, at their process id. One
/// that was killed leaves its socket there, and another user's with that id could not listen.
pub(crate) fn prepare_ice_sockets() {
    let dir = Path::new("/tmp/.ICE-unix");
    if fs::DirBuilder::new().mode(0o1777).create(dir).is_ok() {
        // Once more, past the umask.
        let _ = fs::set_permissions(dir, PermissionsExt::from_mode(0o1777));
    }
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.parse().ok());
        // One that is about to listen refuses, too, but lives.
        let refuses = || UnixStream::connect(entry.path()).is_err_and(|e| is_refused(&e));
        if pid.is_some_and(|pid| !wait::is_alive(pid)) && refuses() {
            let _not_ours = fs::remove_file(entry.path());
        }
    }
}

fn is_refused(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ConnectionRefused
}

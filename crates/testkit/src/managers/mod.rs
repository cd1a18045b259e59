//! Session managers of other desktops: the real ones from Debian, each with a bus, an Xvfb and
//! directories of its own, and stand-ins for what no reasonable installation has.
//!
//! | | |
//! |---|---|
//! | [`Managed::gnome`] | gnome-session, without GNOME Shell; [`Shell`] shows its dialog |
//! | [`Managed::mate`], [`Managed::cinnamon`], [`Managed::lxqt`] | the real ones, their dialogs too |
//! | [`xsmp::xfce`](crate::xsmp) | xfce4-session |
//! | [`Plasma`], [`Cosmic`] | stand-ins for ksmserver with plasma-shutdown and its greeter, and for cosmic-session |
//!
//! None of them reaches the machine: their system bus is a private one without logind, so that a
//! restart ends at the question whether one is possible.

mod fake;
mod plasma;
mod shell;

use std::{process::ExitStatus, time::Duration};

use crate::{
    bus::Bus,
    rt,
    session::{Proc, Sandbox},
    wait::LIMIT,
    x11::Xvfb,
    xsmp,
};

pub use fake::Cosmic;
pub use plasma::Plasma;
pub use shell::Shell;

const NAME: &str = "org.gnome.SessionManager";
const PATH: &str = "/org/gnome/SessionManager";

/// A session of one of them.
#[derive(Debug)]
pub struct Managed {
    session: Proc,
    xvfb: Xvfb,
    bus: Bus,
    _system: Bus,
    sandbox: Sandbox,
}

impl Managed {
    /// gnome-session without any component. It asks its clients, and what would be a dialog of GNOME
    /// Shell is one only where [`Shell`] stands in.
    #[track_caller]
    pub fn gnome() -> Self {
        let world = World::new();
        world.component("gnome-session", "GNOME Session", "");
        let program = "/usr/libexec/gnome-session-binary";
        world.managed(&[
            program,
            "--builtin",
            "--disable-acceleration-check",
            "--session=test",
        ])
    }

    /// mate-session, which shows its dialogs itself.
    #[track_caller]
    pub fn mate() -> Self {
        World::new().managed(&["mate-session"])
    }

    /// cinnamon-session with one component that does nothing: it wants one.
    #[track_caller]
    pub fn cinnamon() -> Self {
        let world = World::new();
        world.component("cinnamon-session", "Cinnamon Session", "nothing;");
        let entry = "[Desktop Entry]\nType=Application\nName=nothing\nExec=sleep infinity\n";
        world
            .sandbox
            .write(".local/share/applications/nothing.desktop", entry);
        world.managed(&["cinnamon-session", "--session=test"])
    }

    /// lxqt-session with a window manager that does nothing. It asks nobody.
    #[track_caller]
    pub fn lxqt() -> Self {
        let world = World::new();
        let session = world.sandbox.spawn(["lxqt-session", "-w", "true"]);
        world.bus.wait_for_name("org.lxqt.session", LIMIT);
        world.with(session)
    }

    /// Lets what is started in the sandbox from now on find it as an XSMP manager.
    pub fn serve_xsmp(&self) {
        let host = rustix::system::uname();
        let host = host.nodename().to_string_lossy();
        let id = format!("local/{host}:@/tmp/.ICE-unix/{}", self.session.pid());
        self.sandbox.set_env("SESSION_MANAGER", id);
    }

    /// Where clients are started.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Its display, with an openbox that is no client of it.
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

    /// Waits until it has ended.
    #[track_caller]
    pub fn wait_until_over(&self, limit: Duration) -> ExitStatus {
        self.session.wait_exit(limit)
    }
}

/// What a session manager finds when it starts.
struct World {
    xvfb: Xvfb,
    bus: Bus,
    system: Bus,
    sandbox: Sandbox,
}

impl World {
    #[track_caller]
    fn new() -> Self {
        xsmp::prepare_ice_sockets();
        let sandbox = Sandbox::new();
        // The other way round the session would be on it.
        let system = private_system_bus(&sandbox);
        let bus = Bus::daemon_in(&sandbox);
        let xvfb = Xvfb::with_openbox_in(&sandbox);
        // The machine's autostarts are found through this; only this one is, whatever it says.
        let nothing = sandbox.write(".config/nothing/empty", "");
        sandbox.set_env("XDG_CONFIG_DIRS", nothing.parent().unwrap_or(&nothing));
        let ice_authority = sandbox.runtime_dir().join("ICEauthority");
        sandbox.set_env("ICEAUTHORITY", ice_authority);
        Self {
            xvfb,
            bus,
            system,
            sandbox,
        }
    }

    /// The session `test` with these required components.
    fn component(&self, program: &str, group: &str, components: &str) {
        let text = format!("[{group}]\nName=Test\nRequiredComponents={components}\n");
        let file = format!(".config/{program}/sessions/test.session");
        self.sandbox.write(file, text);
    }

    /// Starts one that owns org.gnome.SessionManager, and waits until it can be asked.
    #[track_caller]
    fn managed(self, command: &[&str]) -> Managed {
        let session = self.sandbox.spawn(command);
        self.bus.wait_for_name(NAME, LIMIT);
        let connection = self.bus.connect();
        rt::block_on("waiting for a session", LIMIT, async move {
            until_running(connection).await
        })
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        self.with(session)
    }

    fn with(self, session: Proc) -> Managed {
        Managed {
            session,
            xvfb: self.xvfb,
            bus: self.bus,
            _system: self.system,
            sandbox: self.sandbox,
        }
    }
}

/// A bus that the sandbox's programs take for the system's: there is nobody on it.
#[track_caller]
pub(crate) fn private_system_bus(sandbox: &Sandbox) -> Bus {
    let bus = Bus::daemon_in(sandbox);
    sandbox.set_env("DBUS_SYSTEM_BUS_ADDRESS", bus.address());
    sandbox.unset_env("DBUS_SESSION_BUS_ADDRESS");
    bus
}

/// While it starts it refuses to end. Its signal may come before anybody listens.
async fn until_running(connection: zbus::Connection) -> zbus::Result<()> {
    use futures_util::StreamExt as _;
    let manager = zbus::Proxy::new(&connection, NAME, PATH, NAME).await?;
    let mut running = manager.receive_signal("SessionRunning").await?;
    let is_running: bool = manager.call("IsSessionRunning", &()).await?;
    if !is_running {
        running.next().await;
    }
    Ok(())
}

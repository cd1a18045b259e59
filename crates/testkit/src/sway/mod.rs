//! [`Sway`]: a headless sway, and the parts to start one by other means.
//!
//! ```no_run
//! use std::time::Duration;
//! use endsession_testkit::{session::Sandbox, sway::{self, Sway}};
//!
//! // A sway of the testkit's own.
//! let sway = Sway::start();
//! let foot = sway.sandbox().spawn(["foot"]);
//! let window = sway.wait_for_window(Duration::from_secs(10), |w| w.pid == foot.pid());
//! sway.type_text(&window, "exit\n");
//!
//! // A sway that the command under test starts.
//! let sandbox = Sandbox::new();
//! sway::prepare(&sandbox);
//! let config = sway::Config::new().line("exec foot").write(&sandbox);
//! let run = sandbox.spawn(["endsession", "run", "--", "sway", "-c", config.to_str().unwrap()]);
//! let sway = Sway::attach(&sandbox);
//! sway.wait_for_window(Duration::from_secs(10), |w| w.app_id == "foot");
//! ```

mod config;
mod ipc;

use std::{
    ops::Deref,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::Signal;

use crate::{
    session::{Manner, Proc, Sandbox},
    wait::{LIMIT, for_entry, for_line_in},
    x11::Display,
};

pub use config::Config;
pub use ipc::{Ipc, Window};

/// A running sway. Its [`Ipc`] is reached through deref. Dropping one that [`Sway::start`] made ends
/// it; one that was attached to belongs to whoever started it.
#[derive(Debug)]
pub struct Sway {
    process: Option<Proc>,
    pid: u32,
    ipc: Ipc,
    display: String,
    sandbox: Sandbox,
}

/// Sets what a headless sway needs in the sandbox's environment: no devices, no graphics card.
pub fn prepare(sandbox: &Sandbox) {
    sandbox.set_env("WLR_BACKENDS", "headless");
    sandbox.set_env("WLR_LIBINPUT_NO_DEVICES", "1");
    sandbox.set_env("WLR_RENDERER", "pixman");
    sandbox.set_env("XDG_SESSION_TYPE", "wayland");
    prepare_x11_sockets();
}

/// Xwayland's socket goes to a directory that has to be root's or the user's own.
pub(crate) fn prepare_x11_sockets() {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    let dir = Path::new("/tmp/.X11-unix");
    if std::fs::DirBuilder::new().mode(0o1777).create(dir).is_ok() {
        // Once more, past the umask.
        let _ = std::fs::set_permissions(dir, PermissionsExt::from_mode(0o1777));
    }
}

impl Sway {
    /// sway in a sandbox of its own, without Xwayland and without a session bus.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_in(&Sandbox::new(), &Config::new())
    }

    /// sway in `sandbox`, whose `WAYLAND_DISPLAY` and `SWAYSOCK` become its own.
    #[track_caller]
    pub fn start_in(sandbox: &Sandbox, config: &Config) -> Self {
        prepare(sandbox);
        let config = config.write(sandbox).into_os_string();
        // Asked to end, it removes its sockets.
        let manner = Manner {
            farewell: Signal::TERM,
            ..Manner::default()
        };
        let process = sandbox.spawn_in_manner(["sway".into(), "-c".into(), config], manner);
        let mut sway = Self::attach(sandbox);
        sway.process = Some(process);
        sway
    }

    /// The sway that something else starts in `sandbox`: waits for its socket. The sandbox's
    /// `WAYLAND_DISPLAY` and `SWAYSOCK` become its own.
    ///
    /// # Panics
    /// When none appears in time.
    #[track_caller]
    pub fn attach(sandbox: &Sandbox) -> Self {
        // sway-ipc.<uid>.<pid>.sock
        let is_socket = |name: &str| name.starts_with("sway-ipc.") && name.ends_with(".sock");
        let path = for_entry(&sandbox.runtime_dir(), LIMIT, is_socket);
        let pid = path
            .file_name()
            .and_then(|name| name.to_str()?.rsplit('.').nth(1)?.parse().ok());
        // sway opens its display before its socket.
        let is_display = |name: &str| name.starts_with("wayland-") && !name.ends_with(".lock");
        let display = for_entry(&sandbox.runtime_dir(), LIMIT, is_display);
        let display = display
            .file_name()
            .expect("an entry has a name")
            .to_string_lossy();
        let ipc = Ipc::new(&path);
        sandbox.set_env("WAYLAND_DISPLAY", &*display);
        sandbox.set_env("SWAYSOCK", &path);
        Self {
            process: None,
            pid: pid.expect("the socket's name has sway's process id"),
            ipc,
            display: display.into_owned(),
            sandbox: sandbox.clone(),
        }
    }

    /// sway's process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// sway's process, where the testkit started it.
    pub fn process(&self) -> Option<&Proc> {
        self.process.as_ref()
    }

    /// The name of its display, as in `WAYLAND_DISPLAY`.
    pub fn display(&self) -> &str {
        &self.display
    }

    /// The display of its Xwayland, which the sandbox's `DISPLAY` becomes; sway starts it for its
    /// first client. Needs [`Config::with_xwayland`].
    #[track_caller]
    pub fn x11(&self) -> Display {
        // sway tells the number to its children alone.
        let file = self.sandbox.runtime_dir().join("display");
        let line = format!("exec echo $DISPLAY >{}", file.display());
        self.ipc
            .command(&line)
            .unwrap_or_else(|error| panic!("sway: {error}"));
        let (name, _) = for_line_in(&file, 0, LIMIT, |_| true);
        assert!(name.starts_with(':'), "sway has no Xwayland");
        self.sandbox.set_env("DISPLAY", &name);
        // Xwayland lets in the user who started it, and a test may be another.
        let xhost = self.sandbox.spawn(["xhost", "+local:"]);
        let status = xhost.wait_exit(LIMIT);
        assert!(status.success(), "xhost: {}", xhost.stderr_so_far());
        Display::new(&name)
    }

    /// The sandbox it runs in.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Gives `window` the keyboard.
    #[track_caller]
    pub fn focus(&self, window: &Window) {
        let line = format!("[con_id={}] focus", window.con_id);
        self.ipc
            .command(&line)
            .unwrap_or_else(|error| panic!("cannot focus {window}: {error}"));
        self.ipc
            .wait_for_window(LIMIT, |w| w.con_id == window.con_id && w.focused);
    }

    /// Types `text` into `window`.
    ///
    /// A headless seat has no keyboard until wtype brings one, and a client that has just learned of
    /// a keyboard misses its first key: wtype waits for it, half a second.
    #[track_caller]
    pub fn type_text(&self, window: &Window, text: &str) {
        self.focus(window);
        self.wtype(&["-s", "500", "--", text]);
    }

    /// Presses a key in `window`: an xkb key name, after `-M` and modifiers, as wtype(1) takes them.
    ///
    /// ```no_run
    /// # let sway = endsession_testkit::sway::Sway::start();
    /// # let window = sway.windows().remove(0);
    /// sway.press(&window, &["-M", "ctrl", "-k", "q", "-m", "ctrl"]);
    /// ```
    #[track_caller]
    pub fn press(&self, window: &Window, keys: &[&str]) {
        self.focus(window);
        self.wtype(&[&["-s", "500"], keys].concat());
    }

    #[track_caller]
    fn wtype(&self, args: &[&str]) {
        let status = self.sandbox.spawn([&["wtype"], args].concat());
        assert!(
            status.wait_exit(LIMIT).success(),
            "wtype: {}",
            status.stderr_so_far()
        );
    }

    /// Asks sway to close `window`, as its user would.
    #[track_caller]
    pub fn close(&self, window: &Window) {
        let line = format!("[con_id={}] kill", window.con_id);
        self.ipc
            .command(&line)
            .unwrap_or_else(|error| panic!("cannot close {window}: {error}"));
    }

    /// Waits until sway has no window left.
    #[track_caller]
    pub fn wait_until_empty(&self, limit: Duration) {
        self.ipc.wait_for_windows(limit, <[Window]>::is_empty);
    }

    /// Writes what the screen shows to `path`, as PNG.
    #[track_caller]
    pub fn screenshot(&self, path: &Path) {
        let inside: PathBuf = self.sandbox.runtime_dir().join("screenshot.png");
        let grim = self
            .sandbox
            .spawn(["grim".into(), inside.clone().into_os_string()]);
        assert!(
            grim.wait_exit(LIMIT).success(),
            "grim: {}",
            grim.stderr_so_far()
        );
        std::fs::copy(&inside, path).expect("copying the screenshot");
        let _ = std::fs::remove_file(inside);
    }
}

impl Deref for Sway {
    type Target = Ipc;

    fn deref(&self) -> &Ipc {
        &self.ipc
    }
}

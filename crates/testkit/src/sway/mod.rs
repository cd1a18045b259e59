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
mod outputs;

use std::{ops::Deref, path::Path, process::Command, time::Duration};

use rustix::process::Signal;

use crate::{
    picture::{Picture, Screen},
    session::{Manner, Proc, Sandbox},
    wait::{LIMIT, for_entry, for_line_in},
    wayland::{self, Inputs},
    x11::{Display, Xvfb},
};

pub use config::Config;
pub use ipc::{Ipc, Window};
pub use outputs::Output;

/// A running sway. Its [`Ipc`] is reached through deref. Dropping one that [`Sway::start`] made ends
/// it; one that was attached to belongs to whoever started it.
#[derive(Debug)]
pub struct Sway {
    process: Option<Proc>,
    pid: u32,
    ipc: Ipc,
    inputs: Inputs,
    display: String,
    sandbox: Sandbox,
    /// The display that its outputs are windows of.
    host: Option<Display>,
}

/// Sets what a headless sway needs in the sandbox's environment: no devices, no graphics card.
pub fn prepare(sandbox: &Sandbox) {
    sandbox.set_env("WLR_BACKENDS", "headless");
    sandbox.set_env("WLR_LIBINPUT_NO_DEVICES", "1");
    sandbox.set_env("WLR_RENDERER", "pixman");
    sandbox.set_env("XDG_SESSION_TYPE", "wayland");
    wayland::hide_pointer(sandbox);
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
        Self::launch(sandbox, config, &[])
    }

    /// sway with `outputs` outputs that are windows of `xvfb`, in its sandbox, whose `DISPLAY` is unset:
    /// clients are to come to sway. Only such outputs can be [unplugged](Self::unplug). They are of
    /// 1024 by 768 and lie upon each other there; look at sway, not at `xvfb`.
    #[track_caller]
    pub fn nested_in(xvfb: &Xvfb, outputs: u32, config: &Config) -> Self {
        let sandbox = xvfb.sandbox();
        prepare(sandbox);
        sandbox.unset_env("DISPLAY");
        let outputs = outputs.to_string();
        let env = [
            ("WLR_BACKENDS", "x11"),
            ("WLR_X11_OUTPUTS", outputs.as_str()),
            ("DISPLAY", xvfb.display()),
        ];
        let host = Display::new(xvfb.display());
        // wlroots looks the names of its messages up and does not make them: somebody has to before.
        host.windows();
        let mut sway = Self::launch(sandbox, config, &env);
        sway.host = Some(host);
        sway
    }

    #[track_caller]
    fn launch(sandbox: &Sandbox, config: &Config, env: &[(&str, &str)]) -> Self {
        // Asked to end, it removes its sockets.
        let manner = Manner {
            farewell: Signal::TERM,
            ..Manner::default()
        };
        let mut command = Command::new("sway");
        command.arg("-c").arg(config.write(sandbox));
        command.envs(env.iter().copied());
        let process = sandbox.spawn_in_manner(command, manner);
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
        let display = wayland::wait_for_display(sandbox);
        let ipc = Ipc::new(&path);
        let inputs = Inputs::plug_into(&sandbox.runtime_dir().join(&display));
        sandbox.set_env("WAYLAND_DISPLAY", &display);
        sandbox.set_env("SWAYSOCK", &path);
        Self {
            process: None,
            pid: pid.expect("the socket's name has sway's process id"),
            ipc,
            inputs,
            display,
            sandbox: sandbox.clone(),
            host: None,
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

    /// A keyboard and a pointer, which are there from the start: what they do goes to whatever has the
    /// keyboard or lies under the pointer, a layer surface as well as a window.
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// Presses a key with modifiers, for whatever has the keyboard: `["Shift", "Tab"]`. See
    /// [`Inputs::press`].
    #[track_caller]
    pub fn press_key(&self, chord: &[&str]) {
        self.inputs.press(chord);
    }

    /// Clicks at `x`, `y` of the layout, in logical pixels: on what a picture shows there. A window that is
    /// listed may not be on the screen yet.
    #[track_caller]
    pub fn click(&self, x: i32, y: i32) {
        self.inputs.click(x, y);
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

    /// Writes what all outputs show to `path`, as PNG.
    #[track_caller]
    pub fn screenshot(&self, path: &Path) {
        self.picture().save(path);
    }

    /// Takes the output called `name` away from a [nested](Self::nested_in) sway, as when it is
    /// unplugged.
    #[track_caller]
    pub fn unplug(&self, name: &str) {
        let host = self.host.as_ref();
        let host = host.expect("only outputs of a nested sway can be unplugged");
        // Both are numbered in the order in which they came.
        let number = |name: &str| name.rsplit('-').next()?.parse::<u32>().ok();
        let mut outputs: Vec<String> = self.ipc.outputs().into_iter().map(|o| o.name).collect();
        outputs.sort_by_key(|name| number(name));
        let mut windows = host.windows();
        windows.sort_by_key(|window| window.id);
        let at = outputs.iter().position(|output| output == name);
        let at = at.unwrap_or_else(|| panic!("there is no output {name}, only {outputs:?}"));
        host.close(&windows[at]);
        self.ipc.wait_for_outputs(LIMIT, |outputs| {
            outputs.iter().all(|o| o.name != name).then_some(())
        });
    }

    /// The output called `name` alone, as a screen of its own pixels.
    pub fn on_output(&self, name: &str) -> OnOutput<'_> {
        OnOutput {
            sandbox: &self.sandbox,
            name: name.to_owned(),
        }
    }
}

/// One output of a sway.
#[derive(Clone, Debug)]
pub struct OnOutput<'a> {
    sandbox: &'a Sandbox,
    name: String,
}

impl Screen for OnOutput<'_> {
    #[track_caller]
    fn picture(&self) -> Picture {
        wayland::grim(self.sandbox, &["-o", &self.name])
    }
}

impl Screen for Sway {
    /// All outputs side by side, at the greatest of their scales.
    #[track_caller]
    fn picture(&self) -> Picture {
        wayland::grim(&self.sandbox, &[])
    }
}

impl Deref for Sway {
    type Target = Ipc;

    fn deref(&self) -> &Ipc {
        &self.ipc
    }
}

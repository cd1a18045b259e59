//! [`Phoc`]: a headless phoc, the second compositor with layer shell that runs without a graphics
//! card. (wayfire 0.7 does not: it insists on a DRM device.)
//!
//! It is of the wlroots family as sway is, and has none of sway's ways: a window fills the output, a
//! new one covers it, and there is no IPC.
//!
//! ```no_run
//! use endsession_testkit::{phoc::Phoc, wait::LIMIT};
//!
//! let phoc = Phoc::start();
//! let _foot = phoc.sandbox().spawn(["foot"]);
//! phoc.wait_for_toplevels(LIMIT, |windows| windows.iter().any(|w| w.app_id == "foot"));
//! phoc.inputs().type_text("exit\n");
//! ```

use std::{ffi::OsString, path::PathBuf, time::Duration};

use rustix::process::Signal;

use crate::{
    picture::{Picture, Screen},
    programs,
    session::{Manner, Proc, Sandbox},
    sway::prepare,
    wayland::{self, Inputs, Toplevel, toplevels, wait_for_toplevels},
};

/// A running phoc with one output. Dropping it ends it.
#[derive(Debug)]
pub struct Phoc {
    process: Option<Proc>,
    inputs: Inputs,
    display: String,
    sandbox: Sandbox,
}

impl Phoc {
    /// phoc in a sandbox of its own; 1280 by 720.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_in(&Sandbox::new())
    }

    /// phoc in `sandbox`, whose `WAYLAND_DISPLAY` becomes its own.
    #[track_caller]
    pub fn start_in(sandbox: &Sandbox) -> Self {
        Self::with_scale_in(sandbox, 1.0)
    }

    /// As [`start_in`](Self::start_in), with an output whose logical pixels are `scale` real ones.
    #[track_caller]
    pub fn with_scale_in(sandbox: &Sandbox, scale: f64) -> Self {
        Self::launch(sandbox, scale, "phoc".into())
    }

    /// As [`start_in`](Self::start_in), from a copy of its program that has another's name.
    #[track_caller]
    pub fn called_in(sandbox: &Sandbox, name: &str) -> Self {
        let program = sandbox.install_as(&programs::need("phoc"), name);
        Self::launch(sandbox, 1.0, program.into_os_string())
    }

    #[track_caller]
    fn launch(sandbox: &Sandbox, scale: f64, program: OsString) -> Self {
        let config = Self::config(sandbox, scale);
        // Asked to end, it removes its socket.
        let manner = Manner {
            farewell: Signal::TERM,
            ..Manner::default()
        };
        let command = [program, "-C".into(), config.into_os_string()];
        let process = sandbox.spawn_in_manner(command, manner);
        let mut phoc = Self::attach(sandbox);
        phoc.process = Some(process);
        phoc
    }

    /// Prepares the sandbox for one that something else starts there: its configuration, for `-C`.
    pub fn config(sandbox: &Sandbox, scale: f64) -> PathBuf {
        prepare(sandbox);
        let config =
            format!("[core]\nxwayland=false\n[output:HEADLESS-1]\nscale={scale}\nmode=1280x720\n");
        sandbox.write(".config/phoc.ini", config)
    }

    /// The phoc that something else starts in `sandbox`: waits for its display, which becomes the
    /// sandbox's `WAYLAND_DISPLAY`. It belongs to whoever started it.
    #[track_caller]
    pub fn attach(sandbox: &Sandbox) -> Self {
        let display = wayland::wait_for_display(sandbox);
        let path = sandbox.runtime_dir().join(&display);
        sandbox.set_env("WAYLAND_DISPLAY", &display);
        Self {
            process: None,
            inputs: Inputs::plug_into(&path),
            display,
            sandbox: sandbox.clone(),
        }
    }

    /// Its process, where the testkit started it.
    pub fn process(&self) -> Option<&Proc> {
        self.process.as_ref()
    }

    /// The name of its display, as in `WAYLAND_DISPLAY`.
    pub fn display(&self) -> &str {
        &self.display
    }

    /// The sandbox it runs in.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// A keyboard and a pointer, which are there from the start.
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// Presses a key with modifiers, for whatever has the keyboard. See [`Inputs::press`].
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

    /// Its windows.
    #[track_caller]
    pub fn toplevels(&self) -> Vec<Toplevel> {
        toplevels(&self.path())
    }

    /// Waits until its windows are as `wanted` says.
    ///
    /// # Panics
    /// When `limit` runs out; the message lists the windows.
    #[track_caller]
    pub fn wait_for_toplevels(
        &self,
        limit: Duration,
        wanted: impl Fn(&[Toplevel]) -> bool,
    ) -> Vec<Toplevel> {
        wait_for_toplevels(&self.path(), limit, wanted)
    }

    fn path(&self) -> PathBuf {
        self.sandbox.runtime_dir().join(&self.display)
    }
}

impl Screen for Phoc {
    #[track_caller]
    fn picture(&self) -> Picture {
        wayland::grim(&self.sandbox, &[])
    }
}

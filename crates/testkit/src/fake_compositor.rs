//! [`FakeCompositor`]: a process with the IPC of a compositor that Debian does not ship, built from the
//! published sources and protocol files: Hyprland 0.53 to 0.56, niri 25.11, river 0.3.12. It answers at
//! a Wayland socket and shows nothing.
//!
//! ```no_run
//! use endsession_testkit::{fake_compositor::{FakeCompositor, Fault, Kind}, session::Sandbox};
//!
//! let sandbox = Sandbox::new();
//! let niri = FakeCompositor::start_in(&sandbox, Kind::Niri, Fault::None);
//! ```

use std::process::Command;

use serde_json::Value;

use crate::{
    programs,
    session::{Proc, Sandbox},
    wait::LIMIT,
};

/// The compositor whose IPC it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Hyprland 0.53, which knows classic dispatchers alone.
    HyprlandClassic,
    /// Hyprland 0.55 with a configuration in its old language.
    HyprlandHyprlang,
    /// Hyprland 0.55 or later with a configuration in Lua.
    HyprlandLua,
    /// niri 25.11.
    Niri,
    /// river 0.3.12, or river-classic.
    River,
    /// None: it has no IPC.
    Plain,
}

/// What is wrong with its IPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It says no to the exit command.
    Refuses,
    /// Its answers are none of the protocol.
    Nonsense,
    /// It takes connections and never answers.
    Silent,
    /// It hangs up instead of answering.
    HangsUp,
    /// It agrees to exit and goes on.
    Stays,
    /// The same, and SIGTERM does not move it either.
    Clings,
    /// Its answers have no end.
    Endless,
}

/// The process. Dropping it ends it.
#[derive(Debug)]
pub struct FakeCompositor {
    process: Proc,
}

impl FakeCompositor {
    /// Starts it in `sandbox`, whose `WAYLAND_DISPLAY` becomes its own.
    #[track_caller]
    pub fn start_in(sandbox: &Sandbox, kind: Kind, fault: Fault) -> Self {
        Self::launch(sandbox, kind, fault, &[])
    }

    /// As [`start_in`](Self::start_in), as a program that has capabilities of its own: nobody may look
    /// at what it is and holds.
    #[track_caller]
    pub fn private_in(sandbox: &Sandbox, kind: Kind) -> Self {
        Self::launch(sandbox, kind, Fault::None, &["private"])
    }

    #[track_caller]
    fn launch(sandbox: &Sandbox, kind: Kind, fault: Fault, options: &[&str]) -> Self {
        let script = sandbox.write("compositor.py", include_str!("../assets/compositor.py"));
        let kind = match kind {
            Kind::HyprlandClassic => "hyprland-classic",
            Kind::HyprlandHyprlang => "hyprland-hyprlang",
            Kind::HyprlandLua => "hyprland-lua",
            Kind::Niri => "niri",
            Kind::River => "river",
            Kind::Plain => "plain",
        };
        let fault = match fault {
            Fault::None => "none",
            Fault::Refuses => "refuses",
            Fault::Nonsense => "nonsense",
            Fault::Silent => "silent",
            Fault::HangsUp => "hangs-up",
            Fault::Stays => "stays",
            Fault::Clings => "clings",
            Fault::Endless => "endless",
        };
        let mut command = Command::new(programs::need("/usr/bin/python3"));
        command.arg(script).args([kind, fault]).args(options);
        let process = sandbox.spawn_with_input(command);
        process.wait_for_line("ready", LIMIT);
        sandbox.set_env("WAYLAND_DISPLAY", "wayland-fake");
        Self { process }
    }

    /// Its process.
    pub fn process(&self) -> &Proc {
        &self.process
    }

    /// What it was told so far, a line each; "SIGTERM" is one.
    pub fn told(&self) -> Vec<String> {
        let said = self.process.stdout_so_far();
        let lines = said
            .lines()
            .filter(|line| line.starts_with("told ") || *line == "SIGTERM");
        lines
            .map(|line| line.strip_prefix("told ").unwrap_or(line).to_owned())
            .collect()
    }

    /// Ends the connections that follow its events, as on somebody who does not listen fast enough.
    #[track_caller]
    pub fn hangs_up(&self) {
        let mark = self.process.stdout().mark();
        self.process.write("\"hang up\"\n");
        self.process.stdout().wait_for_from(mark, "hung up", LIMIT);
    }

    /// Gives it these windows, each as its IPC tells of them; they are known by their id or address.
    #[track_caller]
    pub fn has(&self, windows: &[Value]) {
        let mark = self.process.stdout().mark();
        self.process
            .write(&format!("{}\n", Value::from(windows.to_vec())));
        let done = format!("has {} windows", windows.len());
        self.process.stdout().wait_for_from(mark, &done, LIMIT);
    }
}

//! [`Wine`]: Windows programs on Linux, in a prefix of their own: the seed's programs in C, and what this project builds for Windows.
//!
//! `cargo xtask windows build` makes the prefix that is copied here and the programs; `cargo xtask test` does that by itself.
//!
//! ```no_run
//! use std::time::Duration;
//! use endsession_testkit::wine::Wine;
//!
//! let wine = Wine::start();
//! let application = wine.application(&["--answer", "no"]);
//! wine.log_off();
//! application.wait_for_line("answer window=1 value=0", Duration::from_secs(10));
//! assert!(application.is_alive());
//! ```

mod built;
mod prefix;
mod program;

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    time::Duration,
};

use crate::{
    programs,
    session::{Proc, Sandbox},
    wait::LIMIT,
};

pub use built::{Built, built};
pub use program::Program;

use prefix::{Graphics, Prefix};

/// A Wine prefix; nothing runs in it until a program is started. Dropping it ends all that runs in it.
#[derive(Debug)]
pub struct Wine {
    prefix: Prefix,
    sandbox: Sandbox,
}

impl Wine {
    /// A prefix in a sandbox of its own, that shows no windows and needs no display.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_in(&Sandbox::new())
    }

    /// As [`start`](Self::start): the first one of a sandbox is where Wine looks for it by itself, in `.wine` of the home.
    ///
    /// # Panics
    /// When nothing was built for Windows yet; the message says how.
    #[track_caller]
    pub fn start_in(sandbox: &Sandbox) -> Self {
        Self::with_graphics(sandbox, Graphics::None)
    }

    /// A prefix whose windows are shown on the X display that the sandbox's `DISPLAY` names.
    ///
    /// # Panics
    /// When the sandbox has no display, or as [`start_in`](Self::start_in).
    #[track_caller]
    pub fn on_display_in(sandbox: &Sandbox) -> Self {
        assert!(
            sandbox.env("DISPLAY").is_some(),
            "the sandbox has no X display"
        );
        Self::with_graphics(sandbox, Graphics::X11)
    }

    #[track_caller]
    fn with_graphics(sandbox: &Sandbox, graphics: Graphics) -> Self {
        Self {
            prefix: Prefix::new(sandbox, graphics),
            sandbox: sandbox.clone(),
        }
    }

    /// Its directory, `WINEPREFIX` of its programs.
    pub fn prefix(&self) -> &Path {
        self.prefix.path()
    }

    /// The sandbox it runs in.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Starts a program that was built for Windows, and waits for nothing.
    ///
    /// # Panics
    /// When it was not built, or before its source was changed; the message says what builds it.
    #[track_caller]
    pub fn spawn(&self, program: Built<'_>, args: &[&str]) -> Program {
        let program = self.sandbox.install(&built(program));
        let program = program.to_str().expect("the sandbox's paths are text");
        self.run("wine", &[&[program], args].concat())
    }

    /// Starts the seed's application, `end_the_session.c`, which asks its user with a box; returns once the process runs.
    #[track_caller]
    pub fn end_the_session(&self) -> Program {
        self.spawn(Built::C("end_the_session"), &[])
    }

    /// Starts `application.c`, whose head lists its options, and waits until its windows are there.
    #[track_caller]
    pub fn application(&self, options: &[&str]) -> Program {
        let application = self.spawn(Built::C("application"), options);
        application.wait_for_line("ready ", LIMIT);
        application
    }

    /// Runs the seed's request, `ExitWindows(0, 0)`, and returns once Windows has accepted it: it is carried out after that.
    ///
    /// # Panics
    /// When it is refused.
    #[track_caller]
    pub fn log_off(&self) {
        self.exit_windows(&[]);
    }

    /// As [`log_off`](Self::log_off), with `ExitWindowsEx` and these flags.
    #[track_caller]
    pub fn log_off_ex(&self, flags: u32) {
        self.exit_windows(&[&flags.to_string()]);
    }

    #[track_caller]
    fn exit_windows(&self, args: &[&str]) {
        let request = self.spawn(Built::C("log_off"), args);
        let status = request.wait_exit(LIMIT);
        let said = request.output();
        assert!(
            status.success() && said.contains("accepted=1"),
            "{status}: {said}"
        );
    }

    /// Starts `wineboot --end-session` with more options, as somebody outside Wine asks for the end. Its status is 1 when an
    /// application refused. While one is silent it does not end.
    #[track_caller]
    pub fn end_session(&self, options: &[&str]) -> Program {
        self.run("wineboot", &[&["--end-session"], options].concat())
    }

    /// Waits until no program runs in the prefix any more.
    ///
    /// # Panics
    /// When some still does after `limit`.
    #[track_caller]
    pub fn wait_until_over(&self, limit: Duration) -> ExitStatus {
        self.run("wineserver", &["-w"]).wait_exit(limit)
    }

    /// Runs one of Wine's own commands in the prefix.
    #[track_caller]
    pub fn run(&self, command: &str, args: &[&str]) -> Program {
        let output = self.prefix.next_output(&self.sandbox, args);
        // What Wine starts on the way inherits the descriptors of whoever comes first, and lives on: with a pipe nobody would
        // see the end of what this one says.
        let script = "output=$1; shift; exec \"$@\" <&- >\"$output\" 2>&1";
        let mut shell = Command::new("sh");
        shell.args(["-c", script, "sh"]).arg(&output);
        shell.arg(programs::need(command)).args(args);
        self.prefix.variables(&mut shell);
        let process: Proc = self.sandbox.spawn(shell);
        Program::new(process, output)
    }

    /// The processes of Windows programs in the prefix, Wine's own included.
    pub fn processes(&self) -> Vec<u32> {
        let is_ours = |pid: &u32| {
            let variables = crate::session::environ_of(*pid);
            variables.get("WINEPREFIX").map(PathBuf::from).as_deref() == Some(self.prefix())
        };
        self.sandbox
            .processes()
            .into_iter()
            .filter(is_ours)
            .collect()
    }
}

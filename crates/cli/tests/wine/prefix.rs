//! A Wine prefix of the test's own, with windows on the session's display, and the programs in it:
//! the testkit's, each under a name of its own, since by that they are told apart.

use std::path::{Path, PathBuf};
use std::time::Instant;

use endsession_testkit::session::Sandbox;
use endsession_testkit::wine::{Built, Program, Wine, built};
use endsession_testkit::x11::Xvfb;

use crate::desk::{Desk, LIMIT};

pub(crate) struct Prefix {
    wine: Wine,
    sandbox: Sandbox,
}

impl Prefix {
    pub(crate) fn new(desk: &Desk) -> Self {
        // sway starts its Xwayland for the first that connects, and tells of it before.
        let _known = desk.display();
        Self::in_sandbox(&desk.sandbox)
    }

    /// On the sandbox's display.
    pub(crate) fn in_sandbox(sandbox: &Sandbox) -> Self {
        Self {
            wine: Wine::on_display_in(sandbox),
            sandbox: sandbox.clone(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.wine.prefix()
    }

    /// Runs a command of Wine's in it.
    pub(crate) fn run(&self, command: &str, words: &[&str]) -> Program {
        self.wine.run(command, words)
    }

    /// Starts one of the testkit's programs under this name.
    fn start(&self, program: &str, name: &str, options: &[&str]) -> Program {
        let named: PathBuf = self.sandbox.home().join(name);
        std::fs::copy(built(Built::C(program)), &named).unwrap();
        self.run("wine", &[&[named.to_str().unwrap()], options].concat())
    }

    /// Starts the seed's program: "End the session?", Yes or No. With its window, titled "Unsaved work".
    pub(crate) fn seed(&self, desk: &Desk, name: &str) -> Program {
        let before = windows(desk, "Unsaved work");
        let program = self.start("end_the_session", name, &[]);
        wait_until(|| windows(desk, "Unsaved work") > before);
        program
    }

    /// Starts a program that behaves as these options say, with a window of that title.
    pub(crate) fn application(
        &self,
        desk: &Desk,
        name: &str,
        title: &str,
        options: &[&str],
    ) -> Program {
        let options = [&["--title", title], options].concat();
        let program = self.start("application", name, &options);
        if options.contains(&"--hidden") {
            program.wait_for_line("ready ", LIMIT);
        } else {
            desk.wait_for_window(title);
        }
        program
    }

    /// Starts a program on this display, which the sandbox's variables name.
    pub(crate) fn elsewhere(&self, display: &Xvfb, name: &str, title: &str) -> Program {
        let program = self.start("application", name, &["--title", title]);
        display.wait_for_window(LIMIT, |w| w.title == title);
        program
    }

    /// The pid of its server.
    pub(crate) fn server(&self) -> u32 {
        let is_server = |pid: &u32| {
            std::fs::read_to_string(format!("/proc/{pid}/comm"))
                .is_ok_and(|comm| comm.starts_with("wineserver"))
        };
        let all = self.wine.processes();
        all.into_iter().find(is_server).expect("a server runs")
    }
}

/// How many windows have this title.
pub(crate) fn windows(desk: &Desk, title: &str) -> usize {
    let titles = desk.display().titles();
    titles.iter().filter(|t| *t == title).count()
}

/// Waits until `reached`. For what nothing announces to a test.
#[track_caller]
pub(crate) fn wait_until(reached: impl Fn() -> bool) {
    let begun = Instant::now();
    while !reached() {
        assert!(begun.elapsed() < LIMIT, "never within {LIMIT:?}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

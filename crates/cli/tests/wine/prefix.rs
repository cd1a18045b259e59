//! A Wine prefix of the test's own, with windows on the session's display, and the programs in it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use endsession_testkit::session::{Proc, Sandbox};
use endsession_testkit::x11::Xvfb;

use crate::desk::{Desk, LIMIT};

/// What `cargo xtask windows build` builds, and a link to the prefix that it made.
const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/windows/programs");

/// Without these lines a program shows its windows.
const NO_GRAPHICS: &str = "\n[Software\\\\Wine\\\\Drivers]\n\"Graphics\"=\"null\"\n";

pub(crate) struct Prefix {
    pub(crate) path: PathBuf,
    sandbox: Sandbox,
}

impl Prefix {
    /// A copy of the one that is made once a machine.
    pub(crate) fn new(sandbox: &Sandbox, name: &str) -> Self {
        let from = Path::new(PROGRAMS).join("prefix");
        assert!(
            from.exists(),
            "{PROGRAMS} is not there: cargo xtask windows build"
        );
        let path = sandbox.home().join(name);
        let mut copy = Command::new("cp");
        copy.arg("-a")
            .arg(format!("{}/.", from.display()))
            .arg(&path);
        assert!(copy.status().unwrap().success());
        let settings = path.join("user.reg");
        let text = std::fs::read_to_string(&settings).unwrap();
        assert!(text.contains(NO_GRAPHICS), "the prefix has other settings");
        std::fs::write(&settings, text.replace(NO_GRAPHICS, "")).unwrap();
        let owner = format!("{0}:{0}", sandbox.uid());
        let mut own = Command::new("chown");
        assert!(
            own.args(["-hR", &owner])
                .arg(&path)
                .status()
                .unwrap()
                .success()
        );
        Self {
            path,
            sandbox: sandbox.clone(),
        }
    }

    /// `wine` with these words, in this prefix.
    pub(crate) fn wine(&self, words: &[&str]) -> Command {
        let mut command = Command::new("wine");
        command
            .args(words)
            .env("WINEPREFIX", &self.path)
            .env("WINEDEBUG", "-all")
            .env(
                "WINEDLLOVERRIDES",
                "mscoree,mshtml,winemenubuilder.exe,winedbg.exe=d",
            );
        command
    }

    /// Puts a program of the testkit into the home directory under a name of its own.
    fn install(&self, program: &str, name: &str) -> String {
        let from = format!("{PROGRAMS}/{program}");
        let to = self.sandbox.home().join(name);
        std::fs::copy(&from, &to).unwrap_or_else(|e| panic!("{from}: {e}"));
        to.display().to_string()
    }

    /// Starts the seed's program: "End the session?", Yes or No. With its window, titled "Unsaved work".
    pub(crate) fn seed(&self, desk: &Desk, name: &str) -> Proc {
        let program = self.install("end_the_session.exe", name);
        let before = windows(desk, "Unsaved work");
        let proc = self.sandbox.spawn(self.wine(&[&program]));
        wait_until(|| windows(desk, "Unsaved work") > before);
        proc
    }

    /// Starts a program that behaves as these options say, with a window of that title.
    pub(crate) fn application(
        &self,
        desk: &Desk,
        name: &str,
        title: &str,
        options: &[&str],
    ) -> Proc {
        let program = self.install("application.exe", name);
        let words = [&[program.as_str(), "--title", title], options].concat();
        let proc = self.sandbox.spawn(self.wine(&words));
        if options.contains(&"--hidden") {
            proc.wait_for_line("ready", LIMIT);
        } else {
            desk.wait_for_window(title);
        }
        proc
    }

    /// Starts a program on another display than the session's; the sandbox's variables name it.
    pub(crate) fn elsewhere(&self, display: &Xvfb, name: &str, title: &str) -> Proc {
        let program = self.install("application.exe", name);
        let proc = self.sandbox.spawn(self.wine(&[&program, "--title", title]));
        display.wait_for_window(LIMIT, |w| w.title == title);
        proc
    }

    /// The pid of its server.
    pub(crate) fn server(&self) -> u32 {
        let is_it = |pid: &u32| {
            let is_server = std::fs::read_to_string(format!("/proc/{pid}/comm"))
                .is_ok_and(|comm| comm.starts_with("wineserver"));
            let environment = endsession_testkit::session::environ_of(*pid);
            is_server && environment.get("WINEPREFIX").map(Path::new) == Some(&self.path)
        };
        let all = self.sandbox.processes();
        all.into_iter().find(is_it).expect("a server runs")
    }
}

impl Drop for Prefix {
    fn drop(&mut self) {
        // What is left of it goes with the sandbox; its server's directory is its own to take away.
        let mut end = Command::new("wineserver");
        end.arg("-k").env("WINEPREFIX", &self.path);
        let _gone_already = self.sandbox.as_user(end).status();
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

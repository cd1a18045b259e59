//! The dialog as a process on a real compositor: from the moment at which the manager starts it to
//! the one at which it says that the user sees it, with the files of all fonts in the cache and
//! with none; then what it costs while it is shown and nothing changes.
//!
//! Runs `target/release/endsession`, on headless sway, which draws without a graphics card. Not
//! divan's: each sample is a whole log-off.

use std::{
    error::Error,
    fs::File,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use endsession_testkit::{
    gnome_client::{GnomeClient, Manner},
    measure,
    session::{Proc, Sandbox},
    sway::{self, Config, Sway},
    wait::{for_entry, until_gone},
};

const SAMPLES: usize = 15;
const LIMIT: Duration = Duration::from_secs(30);
/// Shorter than the time in which a number on the screen grows.
const IDLE: Duration = Duration::from_secs(8);

fn main() -> Result<(), Box<dyn Error>> {
    let program = program()?;
    let size = program.metadata()?.len();
    let session = Session::start(&program);
    session.sample();
    for (name, cold) in [
        ("fonts in the cache", false),
        ("no font in the cache", true),
    ] {
        let mut times: Vec<Duration> = Vec::new();
        for _ in 0..SAMPLES {
            if cold {
                evict(Path::new("/usr/share/fonts"))?;
            }
            times.push(session.sample());
        }
        times.sort();
        println!(
            "start to shown, {name}: median {:.1} ms, {:.1} to {:.1}",
            ms(times[SAMPLES / 2]),
            ms(times[0]),
            ms(times[SAMPLES - 1])
        );
    }
    let (logoff, dialog, _) = session.show();
    println!(
        "shown: PSS {:.1} MB, of it private {:.1} MB, {} threads; the program is {:.1} MB",
        mb(measure::pss_kb(dialog)),
        mb(measure::private_kb(dialog)),
        measure::threads(dialog),
        mb(size / 1024)
    );
    let idle = measure::over(dialog, IDLE);
    println!("shown for {IDLE:?}, nothing changes: {idle:?}");
    session.cancel(&logoff, dialog);
    let manager = session.run.pid();
    println!(
        "the manager after that: PSS {:.1} MB",
        mb(measure::pss_kb(manager))
    );
    Ok(())
}

/// The release build of the command, beside this program.
fn program() -> Result<PathBuf, Box<dyn Error>> {
    let own = std::env::current_exe()?;
    let beside = own.ancestors().nth(2).map(|dir| dir.join("endsession"));
    beside
        .filter(|program| program.exists())
        .ok_or_else(|| "there is no endsession: cargo build --release -p endsession-cli".into())
}

struct Session {
    sandbox: Sandbox,
    run: Proc,
    _sway: Sway,
    _holder: GnomeClient,
}

impl Session {
    fn start(program: &Path) -> Self {
        let sandbox = Sandbox::new();
        sandbox.install(program);
        sandbox.set_env("ENDSESSION_LOG", "debug");
        sandbox.unset_env("DBUS_SESSION_BUS_ADDRESS");
        sway::prepare(&sandbox);
        let config = Config::new().write(&sandbox).display().to_string();
        let run = sandbox.spawn(["endsession", "run", "--", "sway", "-c", &config]);
        let bus = for_entry(&sandbox.runtime_dir(), LIMIT, |name| {
            name.starts_with("endsession-bus-")
        });
        let bus = format!("unix:path={}", bus.display());
        sandbox.set_env("DBUS_SESSION_BUS_ADDRESS", &bus);
        let sway = Sway::attach(&sandbox);
        let manner = Manner::Refuse("There are unsaved documents".to_owned());
        let holder = GnomeClient::register_on(&bus, sandbox.uid(), "org.gnome.gedit", manner)
            .expect("a client of the session manager");
        Self {
            sandbox,
            run,
            _sway: sway,
            _holder: holder,
        }
    }

    /// A log-off that is held up, its dialog, and how long that took to be seen.
    fn show(&self) -> (Proc, u32, Duration) {
        let log = self.run.stderr();
        let mark = log.mark();
        let logoff = self.sandbox.spawn(["endsession", "logoff"]);
        let line = log.wait_for_from(mark, "started the dialog (", LIMIT);
        let begun = Instant::now();
        log.wait_for_from(mark, "Show by ", LIMIT);
        let took = begun.elapsed();
        let pid = line
            .rsplit_once("pid ")
            .map(|(_, pid)| pid.trim_end_matches(')'));
        let pid = pid.and_then(|pid| pid.parse().ok()).expect("its process");
        (logoff, pid, took)
    }

    fn cancel(&self, logoff: &Proc, dialog: u32) {
        let cancel = self.sandbox.spawn(["endsession", "cancel"]);
        assert!(cancel.wait_exit(LIMIT).success() && until_gone(dialog, LIMIT));
        logoff.wait_exit(LIMIT);
    }

    fn sample(&self) -> Duration {
        let (logoff, dialog, took) = self.show();
        self.cancel(&logoff, dialog);
        took
    }
}

/// Takes the files below `dir` out of the kernel's cache.
fn evict(dir: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            evict(&path)?;
        } else if let Ok(file) = File::open(&path) {
            rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
        }
    }
    Ok(())
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[allow(clippy::cast_precision_loss, reason = "megabytes")]
fn mb(kb: u64) -> f64 {
    kb as f64 / 1024.0
}

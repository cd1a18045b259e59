//! A log-off waits for what is still to be written to a disk that may be taken away.
//!
//! The disk is a real one with a real file system, a loop device that in a mount namespace of its own says
//! that it is removable. Its file lies on a second such disk, and freezing that one (fsfreeze(8)) keeps
//! whatever is written to the first from ever arriving, until it is thawed.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

mod support;

use endsession_testkit::bus::Bus;
use endsession_testkit::machine;
use endsession_testkit::session::{Proc, Sandbox};
use endsession_testkit::wait;
use support::LIMIT;

/// What it says when the disk is there and has something to be written.
const READY: &str = "ready: ";

/// `$1`: a directory for the disks. The rest is run in the end. The lower disk is thawed when nobody
/// holds our input any more, however that came.
const DISKS: &str = r#"
set -euo pipefail
cd "$1"
shift
mkdir lower stick
truncate -s 64M lower.img
mkfs.ext4 -q lower.img
mount -o loop lower.img lower
truncate -s 32M lower/stick.img
mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 lower/stick.img
loop=$(losetup --find --show lower/stick.img)
mount "$loop" stick
# Goes when it is no longer mounted.
losetup -d "$loop"
echo 1 >one
mount --bind one "/sys/block/${loop##*/}/removable"
sync -f stick
exec 3<&0 </dev/null
if [ "$FREEZE" = yes ]; then
    # Under nohup, and no child of what follows: a session that ends lets it be.
    (trap '' HUP; (cat <&3 >/dev/null; fsfreeze -u lower; touch thawed) &)
    fsfreeze -f lower
    head -c 4M /dev/urandom >stick/report
fi
exec 3<&-
echo "ready: ${loop##*/}"
exec "$@"
"#;

/// A session beside a disk.
struct Desk {
    run: Proc,
    disk: String,
    is_frozen: bool,
    sandbox: Sandbox,
    _bus: Bus,
}

impl Desk {
    /// Nothing where this computer has no loop devices for us.
    #[track_caller]
    fn start(freeze: bool) -> Option<Self> {
        if !rustix::process::getuid().is_root()
            || !std::path::Path::new("/dev/loop-control").exists()
        {
            machine::not_run("needs root and loop devices");
            return None;
        }
        let sandbox = Sandbox::as_caller();
        sandbox.install(std::path::Path::new(env!("CARGO_BIN_EXE_endsession")));
        let bus = Bus::daemon_in(&sandbox);
        sandbox.set_env("FREEZE", if freeze { "yes" } else { "no" });
        let script = sandbox.write("disks.sh", DISKS).display().to_string();
        let home = sandbox.home().display().to_string();
        let config = sandbox
            .write("c.toml", "[dialog]\ncommand = []\n")
            .display()
            .to_string();
        let namespace = [
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "bash",
            &script,
            &home,
        ];
        let session = [
            "endsession",
            "run",
            "--config",
            &config,
            "--",
            "sleep",
            "1000",
        ];
        let run = sandbox.spawn_with_input([&namespace[..], &session].concat());
        let ready = run.wait_for_line(READY, LIMIT);
        let disk = ready.split(READY).nth(1).unwrap().trim().to_owned();
        bus.wait_for_name("org.gnome.SessionManager", LIMIT);
        Some(Self {
            run,
            disk,
            is_frozen: freeze,
            sandbox,
            _bus: bus,
        })
    }

    /// What is written to the disk arrives.
    fn thaw(&self) {
        self.run.close_input();
    }

    fn endsession(&self, arguments: &[&str]) -> Proc {
        self.sandbox.spawn([&["endsession"], arguments].concat())
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // Before the sandbox kills whoever thaws it.
        self.thaw();
        if self.is_frozen {
            wait::for_entry(&self.sandbox.home(), LIMIT, |name| name == "thawed");
        }
    }
}

#[test]
fn what_is_to_be_written_to_a_stick_holds_until_it_is_there() {
    let Some(desk) = Desk::start(true) else {
        return;
    };
    let refused = desk.endsession(&["logoff", "--no-dialog"]);
    assert_eq!(refused.wait_exit(LIMIT).code(), Some(1));
    let said = refused.stderr_so_far();
    assert!(said.contains(&format!("{}: at most ", desk.disk)), "{said}");
    assert!(said.contains(" MB to write, "), "{said}");

    let watch = desk.endsession(&["watch"]);
    let asked = desk.endsession(&["logoff"]);
    watch.wait_for_line(&format!("{} blocks: at most ", desk.disk), LIMIT);
    let status = desk.endsession(&["status", "--json"]);
    assert!(status.wait_exit(LIMIT).success());
    let status: serde_json::Value = serde_json::from_str(&status.stdout_so_far()).unwrap();
    let blocks = &status["blockers"][0];
    assert_eq!(
        (&blocks["kind"], &blocks["name"]),
        (&"inhibitor".into(), &desk.disk.as_str().into())
    );
    // It says how far it is, again and again, and blocks for as long as before.
    watch.wait_for_line("no longer blocks", LIMIT);
    assert!(asked.is_alive());
    desk.thaw();
    let ended = asked.wait_exit(LIMIT);
    assert_eq!(ended.code(), Some(0), "{}", asked.stderr_so_far());
    assert!(desk.run.wait_exit(LIMIT).success());
    let log = desk.run.stderr_so_far();
    assert!(log.contains(&format!("{} is written", desk.disk)), "{log}");
}

#[test]
fn a_stick_with_nothing_left_to_write_holds_nothing() {
    let Some(desk) = Desk::start(false) else {
        return;
    };
    let ended = desk.endsession(&["logoff", "--no-dialog"]);
    assert_eq!(
        ended.wait_exit(LIMIT).code(),
        Some(0),
        "{}",
        ended.stderr_so_far()
    );
    assert!(desk.run.wait_exit(LIMIT).success());
    let log = desk.run.stderr_so_far();
    assert!(
        log.contains(&format!("writing out what is left for {}", desk.disk)),
        "{log}"
    );
}

#[test]
fn the_user_need_not_wait_for_a_stick() {
    let Some(desk) = Desk::start(true) else {
        return;
    };
    let watch = desk.endsession(&["watch"]);
    let asked = desk.endsession(&["logoff"]);
    watch.wait_for_line("blocks: at most ", LIMIT);
    let chosen = desk.endsession(&["choose", "end-all"]);
    assert!(
        chosen.wait_exit(LIMIT).success(),
        "{}",
        chosen.stderr_so_far()
    );
    assert_eq!(
        asked.wait_exit(LIMIT).code(),
        Some(0),
        "{}",
        asked.stderr_so_far()
    );
    // Its process hangs in the kernel, and nobody waits for that.
    assert!(desk.run.wait_exit(LIMIT).success());
}

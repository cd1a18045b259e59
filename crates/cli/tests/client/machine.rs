//! With the real systemd-logind, on a machine of its own.

use std::io::Write as _;
use std::path::PathBuf;

use endsession_testkit::machine::{End, Machine};
use endsession_testkit::wait::for_line_in;

use crate::actor::SIGN;
use crate::support::LIMIT;

/// An application in alice's session, which has a bus and no session manager.
struct Inside<'a> {
    machine: &'a Machine,
    said: PathBuf,
    read: usize,
}

impl<'a> Inside<'a> {
    #[track_caller]
    fn start(machine: &'a Machine) -> Self {
        let program = std::env::current_exe().unwrap();
        machine.install(&program);
        let name = program.file_name().unwrap().display();
        std::fs::write(machine.share().join("orders"), "").unwrap();
        let script = format!(
            "tail -n +1 -f /share/orders | {SIGN}=org.example.Render {name} --exact actor_process --nocapture --quiet >/share/said 2>&1"
        );
        // The session lasts as long as its script.
        let _login = machine.login("alice", "gui", &script);
        Self {
            machine,
            said: machine.share().join("said"),
            read: 0,
        }
    }

    #[track_caller]
    fn order(&self, order: &str) {
        let orders = self.machine.share().join("orders");
        let mut orders = std::fs::OpenOptions::new()
            .append(true)
            .open(orders)
            .unwrap();
        writeln!(orders, "{order}").unwrap();
    }

    #[track_caller]
    fn says(&mut self, text: &str) {
        let (_, read) = for_line_in(&self.said, self.read, LIMIT, |line| line.contains(text));
        self.read = read;
    }

    /// What logind lists of it.
    #[track_caller]
    fn locks(&self) -> String {
        let list = self
            .machine
            .exec(["systemd-inhibit", "--list", "--no-pager"]);
        let list = list.success();
        let ours = list
            .lines()
            .filter(|line| line.contains("org.example.Render"));
        ours.collect::<Vec<_>>().join("\n")
    }
}

#[test]
fn a_power_off_waits_until_the_application_is_done() {
    let Some(machine) = Machine::boot() else {
        return;
    };
    let mut inside = Inside::start(&machine);
    inside.says("connected to logind");
    machine.exec(["systemctl", "poweroff"]);
    inside.says("got end 1. critical=true kind=Some(Shutdown)");
    assert!(machine.is_up());
    inside.order("done");
    assert_eq!(machine.wait_for_end(LIMIT), End::PowerOff);
}

#[test]
fn holds_are_locks_that_logind_lists() {
    let Some(machine) = Machine::boot() else {
        return;
    };
    let mut inside = Inside::start(&machine);
    inside.says("connected to logind");
    inside.order("hold film lsi Rendering");
    inside.order("reason film Nearly done");
    inside.order("held film");
    inside.says("film holds LOG_OFF | SLEEP | IDLE");
    // The new lock is there before the old one goes.
    crate::support::until(|| {
        let locks = inside.locks();
        locks.contains("Nearly done") && !locks.contains("Rendering")
    });
    let locks = inside.locks();
    assert!(
        locks.contains("shutdown:sleep:idle") && locks.contains("block"),
        "{locks}"
    );
    inside.order("release film");
    crate::support::until(|| !inside.locks().contains("block"));
    assert!(inside.locks().contains("delay"), "{}", inside.locks());
}

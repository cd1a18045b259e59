//! A machine's journal. It is kept outside, so it can be read when the machine has gone.

use std::process::Command;

use super::Machine;
use crate::{programs, session::Output};

impl Machine {
    /// The journal so far: time, unit or program, message; of everybody, the kernel's part aside.
    #[track_caller]
    pub fn journal(&self) -> String {
        let read = self.journalctl().output().expect("journalctl");
        String::from_utf8_lossy(&read.stdout).into_owned()
    }

    /// The journal as it grows, to wait for a line of.
    #[track_caller]
    pub fn journal_lines(&self) -> &Output {
        let follow = || {
            let mut command = self.journalctl();
            command.args(["--follow", "--lines=all"]);
            self.sandbox.spawn(command)
        };
        self.journal.get_or_init(follow).stdout()
    }

    #[track_caller]
    fn journalctl(&self) -> Command {
        let mut command = Command::new(programs::need("journalctl"));
        command
            .arg("--directory")
            .arg(self.sandbox.dir().join("journal"));
        command.args(["--no-pager", "--quiet", "--output=short-precise"]);
        command
    }
}

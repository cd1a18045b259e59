//! [`Program`]: one Windows program under Wine, what it says and how it ends.

use std::{fs, path::PathBuf, process::ExitStatus, time::Duration};

use crate::{session::Proc, wait};

/// A program that runs under Wine. Its process is the Windows program's own. Dropping it kills it.
#[derive(Debug)]
pub struct Program {
    process: Proc,
    output: PathBuf,
}

impl Program {
    pub(super) fn new(process: Proc, output: PathBuf) -> Self {
        Self { process, output }
    }

    /// Its process.
    pub fn process(&self) -> &Proc {
        &self.process
    }

    /// Its process id on Linux; on Windows it has another.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Everything it has said, its errors included.
    pub fn output(&self) -> String {
        let bytes = fs::read(&self.output).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace("\r\n", "\n")
    }

    /// The lines it has said.
    pub fn lines(&self) -> Vec<String> {
        self.output().lines().map(str::to_owned).collect()
    }

    /// Waits for a line that contains `pattern`, and returns it.
    ///
    /// # Panics
    /// When `limit` runs out; the message has what it said.
    #[track_caller]
    pub fn wait_for_line(&self, pattern: &str, limit: Duration) -> String {
        let wanted = |line: &str| line.contains(pattern);
        let (line, _) = wait::for_line_in(&self.output, 0, limit, wanted);
        line.trim_end_matches('\r').to_owned()
    }

    /// Waits for its end. One that Windows ended after a log-off has status 0.
    ///
    /// # Panics
    /// When it is still there after `limit`; the message has what it said.
    #[track_caller]
    pub fn wait_exit(&self, limit: Duration) -> ExitStatus {
        if !wait::until_gone(self.pid(), limit) {
            panic!(
                "{:?} lives after {limit:?}; it said:\n{}",
                self.output,
                self.output()
            );
        }
        self.process.wait_exit(limit)
    }

    /// Whether it has not ended.
    pub fn is_alive(&self) -> bool {
        self.process.is_alive()
    }
}

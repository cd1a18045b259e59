//! A sway configuration for a headless session without anything that moves by itself.

use std::path::PathBuf;

use crate::session::Sandbox;

/// Lines of a sway configuration.
#[derive(Clone, Debug)]
pub struct Config {
    xwayland: bool,
    lines: Vec<String>,
}

impl Config {
    /// No bar, no background, no Xwayland.
    pub fn new() -> Self {
        Self {
            xwayland: false,
            lines: Vec::new(),
        }
    }

    /// Lets sway start Xwayland for the first X11 client.
    pub fn with_xwayland(mut self) -> Self {
        self.xwayland = true;
        self
    }

    /// Adds a line, as in sway(5): `exec foot`, `bindsym …`.
    pub fn line(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    /// The text of the configuration.
    pub fn text(&self) -> String {
        let xwayland = if self.xwayland { "enable" } else { "disable" };
        let mut text = format!("xwayland {xwayland}\nfocus_on_window_activation focus\n");
        for line in &self.lines {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// Writes it where the sandbox's user can read it, for `sway -c`.
    pub fn write(&self, sandbox: &Sandbox) -> PathBuf {
        sandbox.write(".config/sway/testkit", self.text())
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

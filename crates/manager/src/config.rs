//! `config.toml`: what a user may set, and what each value means. Which files there are, and what
//! they say together, is in [`files`].

pub mod files;

use std::path::{Path, PathBuf};
use std::time::Duration;

use endsession_core::Policy;
use serde::{Deserialize, Deserializer};

use crate::backend::compositor::Kind;
use crate::rules::Entry;
use files::Files;

/// The configuration, with [`Policy`]'s defaults where the file is silent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The waits.
    pub deadlines: Deadlines,
    /// What shows the user what a request waits for.
    pub dialog: Dialog,
    /// The session itself.
    pub session: Session,
    /// How long hooks may run.
    pub hooks: Hooks,
    /// What counts as work in a terminal.
    pub jobs: Jobs,
    /// What holds the session open, or its screen on, beside its applications' log-off inhibitors.
    pub holds: Holds,
    /// Rules per application, the first to decide first.
    pub application: Vec<Entry>,
    /// Where it was read from.
    #[serde(skip)]
    pub files: Files,
}

/// The session itself, where something else started it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Session {
    /// What shows it or manages its windows, instead of what it looks like.
    pub compositor: Option<Kind>,
}

/// What counts as work in a terminal: programs by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Jobs {
    /// Those that never count, beside the built-in ones.
    #[serde(deserialize_with = "crate::rules::programs")]
    pub ignore: Option<Vec<String>>,
    /// Those that count although they are built in.
    #[serde(deserialize_with = "crate::rules::programs")]
    pub count: Option<Vec<String>>,
}

/// What holds what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Holds {
    /// What locks of others at logind hold: package managers', firmware updates'.
    pub system: System,
    /// When `org.freedesktop.ScreenSaver` is served where nobody else does.
    #[serde(deserialize_with = "screen_saver")]
    pub screen_saver: Option<ScreenSaver>,
}

/// What locks of others against a shutdown hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum System {
    /// Restart and power-off.
    #[default]
    PowerOff,
    /// A log-off too.
    LogOff,
}

/// When `org.freedesktop.ScreenSaver` is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScreenSaver {
    /// Not at all.
    Never,
    /// When nobody has taken its name for so long, in milliseconds.
    After(u64),
}

fn screen_saver<'de, D: Deserializer<'de>>(from: D) -> Result<Option<ScreenSaver>, D::Error> {
    let text = String::deserialize(from)?;
    if text == "never" {
        return Ok(Some(ScreenSaver::Never));
    }
    let after = parse_duration(&text).map(|d| Some(ScreenSaver::After(as_millis(d))));
    after.map_err(|e| serde::de::Error::custom(format!("{e}, or \"never\"")))
}

/// How long hooks may run, each as in [`Deadlines`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Hooks {
    /// Each hook that is asked.
    #[serde(deserialize_with = "millis")]
    pub asking: Option<u64>,
    /// All hooks of the session's end together: [`Policy::hooks`].
    #[serde(deserialize_with = "millis")]
    pub ending: Option<u64>,
    /// Each hook that is told of a cancelled request.
    #[serde(deserialize_with = "millis")]
    pub cancelled: Option<u64>,
}

/// The dialog.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Dialog {
    /// The program and its arguments, instead of endsession's own; an empty list is none at all.
    pub command: Option<Vec<String>>,
}

/// The waits, each as `"30s"`, `"300ms"`, `"2m 30s"`. See [`Policy`] for what each means.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Deadlines {
    /// [`Policy::slow`].
    #[serde(deserialize_with = "millis")]
    pub slow: Option<u64>,
    /// [`Policy::silent`].
    #[serde(deserialize_with = "millis")]
    pub not_responding: Option<u64>,
    /// [`Policy::ping`].
    #[serde(deserialize_with = "millis")]
    pub ping: Option<u64>,
    /// [`Policy::stays`].
    #[serde(deserialize_with = "millis")]
    pub window_stays: Option<u64>,
    /// [`Policy::exit`].
    #[serde(deserialize_with = "millis")]
    pub exit: Option<u64>,
    /// [`Policy::exit_voter`].
    #[serde(deserialize_with = "millis")]
    pub exit_told: Option<u64>,
    /// [`Policy::exit_kill`].
    #[serde(deserialize_with = "millis")]
    pub exit_kill: Option<u64>,
    /// [`Policy::forced`].
    #[serde(deserialize_with = "millis")]
    pub forced: Option<u64>,
    /// [`Policy::forced_kill`].
    #[serde(deserialize_with = "millis")]
    pub forced_kill: Option<u64>,
    /// [`Policy::forced_one`].
    #[serde(deserialize_with = "millis")]
    pub end_one: Option<u64>,
    /// [`Policy::show`].
    #[serde(deserialize_with = "millis")]
    pub show: Option<u64>,
    /// [`Policy::unshown`].
    #[serde(deserialize_with = "millis")]
    pub nobody_shown: Option<u64>,
    /// [`Policy::rest`].
    #[serde(deserialize_with = "millis")]
    pub rest: Option<u64>,
    /// [`Policy::backend`].
    #[serde(deserialize_with = "millis")]
    pub session: Option<u64>,
    /// The time that everybody has when the manager gets SIGTERM.
    #[serde(deserialize_with = "millis")]
    pub imposed: Option<u64>,
}

pub(crate) fn millis<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let text = String::deserialize(from)?;
    parse_duration(&text)
        .map(|d| Some(as_millis(d)))
        .map_err(serde::de::Error::custom)
}

/// Milliseconds, at most what a `u64` holds.
#[must_use]
pub fn as_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A duration as people write it.
///
/// # Errors
/// A sentence that says what was wrong and what would be right.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text.trim())
        .map_err(|e| format!("{text:?} is no duration ({e}); write it like 30s, 300ms or 2m"))
}

/// Milliseconds as [`parse_duration`] takes them.
#[must_use]
pub fn format_millis(ms: u64) -> String {
    humantime::format_duration(Duration::from_millis(ms)).to_string()
}

/// Why a configuration could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file is there and cannot be read.
    #[error("cannot read the configuration {path}: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Its text is wrong.
    #[error("{path}:{line}:{column}: {message}")]
    Wrong {
        /// Which.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// What is wrong.
        message: String,
    },
}

impl Config {
    /// Reads the user's and the administrator's files, or the one that is `named` in place of the
    /// user's.
    ///
    /// # Errors
    /// When one cannot be read, or is not right; nothing of any is used then.
    pub fn load(named: Option<&Path>) -> Result<Self, ConfigError> {
        Files::new(named).read()
    }

    /// Reads the same files again; what comes from none stays as it is.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn again(&self) -> Result<Self, ConfigError> {
        if self.files == Files::default() {
            return Ok(self.clone());
        }
        self.files.read()
    }

    /// Reads a text; `path` is for the errors and the origins of rules.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let layer = files::Layer::parse(path, text);
        match layer.errors.into_iter().next() {
            Some(error) => Err(error),
            None => Ok(files::together([layer.table])),
        }
    }

    /// The waits as the coordinator takes them.
    #[must_use]
    pub fn policy(&self) -> Policy {
        let (d, default) = (&self.deadlines, Policy::default());
        Policy {
            slow: d.slow.unwrap_or(default.slow),
            silent: d.not_responding.unwrap_or(default.silent),
            stays: d.window_stays.unwrap_or(default.stays),
            exit: d.exit.unwrap_or(default.exit),
            exit_voter: d.exit_told.unwrap_or(default.exit_voter),
            exit_kill: d.exit_kill.unwrap_or(default.exit_kill),
            forced: d.forced.unwrap_or(default.forced),
            unshown: d.nobody_shown.unwrap_or(default.unshown),
            ping: d.ping.unwrap_or(default.ping),
            forced_kill: d.forced_kill.unwrap_or(default.forced_kill),
            forced_one: d.end_one.unwrap_or(default.forced_one),
            show: d.show.unwrap_or(default.show),
            rest: d.rest.unwrap_or(default.rest),
            backend: d.session.unwrap_or(default.backend),
            hooks: self.hooks.ending.unwrap_or(default.hooks),
            ..default
        }
    }

    /// How long each hook may run that is asked or told of a cancelled request.
    #[must_use]
    pub fn hook_limits(&self) -> [Duration; 2] {
        [self.hooks.asking, self.hooks.cancelled]
            .map(|ms| Duration::from_millis(ms.unwrap_or(10_000)))
    }

    /// Every value that holds, by its key and as it is written. Rules are not among them.
    #[must_use]
    pub fn values(&self) -> Vec<(&'static str, String)> {
        let policy = self.policy();
        let [asking, cancelled] = self.hook_limits();
        let written = |ms: u64| format!("{:?}", format_millis(ms));
        let dialog = self.dialog.command.as_ref();
        let names = |list: Option<&Vec<String>>| {
            list.map_or("as built in".to_owned(), |l| format!("{l:?}"))
        };
        vec![
            ("deadlines.slow", written(policy.slow)),
            ("deadlines.not-responding", written(policy.silent)),
            ("deadlines.ping", written(policy.ping)),
            ("deadlines.window-stays", written(policy.stays)),
            ("deadlines.exit", written(policy.exit)),
            ("deadlines.exit-told", written(policy.exit_voter)),
            ("deadlines.exit-kill", written(policy.exit_kill)),
            ("deadlines.forced", written(policy.forced)),
            ("deadlines.forced-kill", written(policy.forced_kill)),
            ("deadlines.end-one", written(policy.forced_one)),
            ("deadlines.show", written(policy.show)),
            ("deadlines.nobody-shown", written(policy.unshown)),
            ("deadlines.rest", written(policy.rest)),
            ("deadlines.session", written(policy.backend)),
            ("deadlines.imposed", written(self.imposed())),
            ("hooks.asking", written(as_millis(asking))),
            ("hooks.ending", written(policy.hooks)),
            ("hooks.cancelled", written(as_millis(cancelled))),
            ("jobs.ignore", names(self.jobs.ignore.as_ref())),
            ("jobs.count", names(self.jobs.count.as_ref())),
            (
                "dialog.command",
                dialog.map_or("endsession's own".to_owned(), |words| format!("{words:?}")),
            ),
            (
                "session.compositor",
                self.session
                    .compositor
                    .map_or("found by itself".to_owned(), |kind| format!("\"{kind}\"")),
            ),
            (
                "holds.system",
                match self.holds.system {
                    System::PowerOff => "\"power-off\"".to_owned(),
                    System::LogOff => "\"log-off\"".to_owned(),
                },
            ),
            (
                "holds.screen-saver",
                self.screen_saver()
                    .map_or("\"never\"".to_owned(), |after| written(as_millis(after))),
            ),
        ]
    }

    /// How long nobody else has to have the name of the screen saver before we serve it; `None` for
    /// never.
    #[must_use]
    pub fn screen_saver(&self) -> Option<Duration> {
        match self.holds.screen_saver {
            Some(ScreenSaver::Never) => None,
            Some(ScreenSaver::After(ms)) => Some(Duration::from_millis(ms)),
            None => Some(Duration::from_secs(10)),
        }
    }

    /// The time that everybody has when the manager gets SIGTERM, in milliseconds.
    #[must_use]
    pub fn imposed(&self) -> u64 {
        self.deadlines.imposed.unwrap_or(10_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Config::parse(Path::new("/etc/x.toml"), text)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn silence_means_the_defaults() {
        assert_eq!(
            Config::parse(Path::new("x"), "").unwrap().policy(),
            Policy::default()
        );
    }

    #[test]
    fn a_wait_is_written_as_people_do() {
        let config = Config::parse(
            Path::new("x"),
            "[deadlines]\nslow = \"1500ms\"\nforced = \"1m\"",
        )
        .unwrap();
        assert_eq!(
            (config.policy().slow, config.policy().forced),
            (1_500, 60_000)
        );
    }

    #[test]
    fn every_wait_is_set_by_its_own_key_and_shown_under_it() {
        let parse = |text: &str| Config::parse(Path::new("x"), text).unwrap();
        let defaults = parse("").values();
        for (at, (key, _)) in defaults.iter().enumerate() {
            let (section, name) = key.split_once('.').unwrap();
            if matches!(section, "dialog" | "session" | "jobs" | "holds") {
                continue;
            }
            let mut expected = defaults.clone();
            expected[at].1 = "\"7s 1ms\"".to_owned();
            let set = parse(&format!("[{section}]\n{name} = \"7001ms\"")).values();
            assert_eq!(set, expected, "{key}");
        }
    }

    #[test]
    fn programs_that_count_are_named_as_they_are_called() {
        let jobs = |text: &str| Config::parse(Path::new("x"), text).unwrap().jobs;
        let set = jobs("[jobs]\nignore = \"cmus\"\ncount = [\"ssh\", \"less\"]");
        assert_eq!(set.ignore.unwrap(), ["cmus"]);
        assert_eq!(set.count.unwrap(), ["ssh", "less"]);
        assert_eq!(jobs(""), Jobs::default());
        let e = error("[jobs]\nignore = [\"/usr/bin/cmus\"]");
        assert!(
            e.starts_with("/etc/x.toml:2:") && e.contains("\"cmus\""),
            "{e}"
        );
        let e = error("[jobs]\nignore = [\"less -R\"]");
        assert!(e.contains("no arguments"), "{e}");
        let e = error("[jobs]\nignores = []");
        assert!(
            e.starts_with("/etc/x.toml:2:1: ") && e.contains("ignores"),
            "{e}"
        );
    }

    #[test]
    fn a_dialog_is_a_list_of_words() {
        let dialog = |text| Config::parse(Path::new("x"), text).unwrap().dialog.command;
        assert_eq!(dialog(""), None);
        assert_eq!(dialog("[dialog]\ncommand = []"), Some(Vec::new()));
        let words = dialog("[dialog]\ncommand = [\"mine\", \"--log off\"]");
        assert_eq!(words.unwrap(), ["mine", "--log off"]);
    }

    #[test]
    fn what_holds_is_read_and_shown() {
        let parse = |text: &str| Config::parse(Path::new("x"), text).unwrap();
        let shown = |config: &Config, key: &str| {
            let value = config.values().into_iter().find(|(k, _)| *k == key);
            value.unwrap().1
        };
        let silent = parse("");
        assert_eq!(shown(&silent, "holds.system"), "\"power-off\"");
        assert_eq!(shown(&silent, "holds.screen-saver"), "\"10s\"");
        let set = parse("[holds]\nsystem = \"log-off\"\nscreen-saver = \"never\"");
        assert_eq!(shown(&set, "holds.system"), "\"log-off\"");
        assert_eq!(shown(&set, "holds.screen-saver"), "\"never\"");
        assert_eq!(set.screen_saver(), None);
        let now = parse("[holds]\nscreen-saver = \"0s\"");
        assert_eq!(now.screen_saver(), Some(Duration::ZERO));
        let e = error("[holds]\nscreen-saver = \"often\"\n");
        assert!(e.starts_with("/etc/x.toml:2:16: "), "{e}");
        assert!(e.contains("never"), "{e}");
        let e = error("[holds]\nsystem = \"always\"\n");
        assert!(e.starts_with("/etc/x.toml:2:10: "), "{e}");
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place() {
        let e = error("[deadlines]\nslow = \"1s\"\n  slov = \"1s\"\n");
        assert!(e.starts_with("/etc/x.toml:3:3: "), "{e}");
        assert!(e.contains("slov"), "{e}");
    }

    #[test]
    fn a_wrong_type_is_named_with_its_place() {
        let e = error("[deadlines]\nslow = 5\n");
        assert!(e.starts_with("/etc/x.toml:2:8: "), "{e}");
    }

    #[test]
    fn a_wrong_duration_says_how_to_write_one() {
        let e = error("[deadlines]\nslow = \"soon\"\n");
        assert!(
            e.starts_with("/etc/x.toml:2:8: ") && e.contains("30s"),
            "{e}"
        );
    }

    #[test]
    fn broken_toml_is_named_with_its_place() {
        assert!(
            error("[deadlines\n").starts_with("/etc/x.toml:1:"),
            "{}",
            error("[deadlines\n")
        );
    }
}

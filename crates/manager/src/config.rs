//! `config.toml`: what a user may set. Reads one file; an error names the file, line and column.

use std::path::{Path, PathBuf};
use std::time::Duration;

use endsession_core::Policy;
use serde::{Deserialize, Deserializer};

use crate::backend::compositor::Kind;

/// The configuration, with the defaults of DESIGN where the file is silent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The waits.
    pub deadlines: Deadlines,
    /// What shows the user what a request waits for.
    pub dialog: Dialog,
    /// The session itself.
    pub session: Session,
}

/// The session itself, where something else started it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Session {
    /// What shows it or manages its windows, instead of what it looks like.
    pub compositor: Option<Kind>,
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
    /// [`Policy::unshown`].
    #[serde(deserialize_with = "millis")]
    pub nobody_shown: Option<u64>,
    /// The time that everybody has when the manager gets SIGTERM.
    #[serde(deserialize_with = "millis")]
    pub imposed: Option<u64>,
}

fn millis<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
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
    /// Where the user's configuration is: `$XDG_CONFIG_HOME/endsession/config.toml`, else below
    /// `~/.config`.
    #[must_use]
    pub fn user_path() -> Option<PathBuf> {
        let set = |name: &str| {
            std::env::var_os(name)
                .filter(|v| !v.is_empty())
                .map(PathBuf::from)
        };
        let base = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|h| h.join(".config")))?;
        Some(base.join("endsession").join("config.toml"))
    }

    /// Reads a file. One that is not there is an empty one, unless the caller insists.
    ///
    /// # Errors
    /// When it cannot be read, or is not right; nothing of it is used then.
    pub fn read(path: &Path, must_exist: bool) -> Result<Self, ConfigError> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && !must_exist => {
                Ok(Self::default())
            }
            Err(source) => Err(ConfigError::Read {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// Reads a text; `path` is for the errors.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|e| {
            let before = &text[..e.span().map_or(0, |s| s.start.min(text.len()))];
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
            ConfigError::Wrong {
                path: path.to_owned(),
                line,
                column,
                message: e.message().to_owned(),
            }
        })
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
            ..default
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
    fn a_dialog_is_a_list_of_words() {
        let dialog = |text| Config::parse(Path::new("x"), text).unwrap().dialog.command;
        assert_eq!(dialog(""), None);
        assert_eq!(dialog("[dialog]\ncommand = []"), Some(Vec::new()));
        let words = dialog("[dialog]\ncommand = [\"mine\", \"--log off\"]");
        assert_eq!(words.unwrap(), ["mine", "--log off"]);
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

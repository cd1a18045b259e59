//! What `hold` says, and how it calls the command that it holds for.

use std::ffi::OsStr;
use std::path::Path;

use endsession::{Backend, What};

/// An app id is at most that long; see [`endsession::Error::BadAppId`].
const LONGEST: usize = 255;

/// The command's name: its file's, as a list of processes shows it.
pub(crate) fn name(program: &OsStr) -> String {
    let path = Path::new(program);
    let file = match path.extension() {
        Some(extension) if extension.eq_ignore_ascii_case("exe") => path.file_stem(),
        _ => path.file_name(),
    };
    file.unwrap_or(program).to_string_lossy().into_owned()
}

/// The name as an app id: who holds is shown by it.
pub(crate) fn app_id(name: &str) -> String {
    let plain = |c: char| match c {
        '.' | '-' | '_' => c,
        c if c.is_ascii_alphanumeric() => c,
        _ => '_',
    };
    let id: String = name.chars().map(plain).take(LONGEST).collect();
    match id.is_empty() {
        true => "hold".to_owned(),
        false => id,
    }
}

/// What of `what` is not held up, and why not; empty where all is as it was asked for.
pub(crate) fn missing(what: What, held: What, backend: Backend, name: &str) -> String {
    let missing = what.without(held);
    if missing.is_nothing() {
        // It has no log-off: a shut-down is what it holds up of the session's end.
        return if backend == Backend::Logind && what.contains(What::LOG_OFF) {
            format!(
                "logind holds up restart and power off, a log-off not; {name} runs all the same"
            )
        } else {
            String::new()
        };
    }
    let names = [
        (What::LOG_OFF, "the end of the session"),
        (What::SLEEP, "sleep"),
        (What::IDLE, "idleness"),
    ];
    let named: Vec<&str> = names
        .iter()
        .filter(|(what, _)| missing.contains(*what))
        .map(|(_, name)| *name)
        .collect();
    let named = named.join(", ");
    let why = match backend {
        Backend::None => "no session manager or system service here takes a hold".to_owned(),
        // A refusal counts all the same.
        other if missing == What::LOG_OFF && other.support().refuses() => {
            return format!("{other} takes no hold beforehand: {name} refuses when it is asked");
        }
        other => format!("{other} does not hold that"),
    };
    format!("not held up: {named} ({why}); {name} runs all the same")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_called_as_its_file() {
        assert_eq!(name(OsStr::new("/usr/bin/rsync")), "rsync");
        assert_eq!(name(OsStr::new("build.sh")), "build.sh");
        assert_eq!(name(OsStr::new("robocopy.EXE")), "robocopy");
        assert_eq!(name(OsStr::new("/")), "/");
    }

    #[test]
    fn every_name_makes_an_app_id() {
        assert_eq!(app_id("rsync"), "rsync");
        assert_eq!(app_id("größe machen"), "gr__e_machen");
        assert_eq!(app_id(""), "hold");
        assert_eq!(app_id(&"x".repeat(300)).len(), 255);
        for name in ["/", "a b", "…"] {
            let builder = endsession::Client::builder(app_id(name)).backend(Backend::None);
            assert!(builder.connect().is_ok(), "{name}");
        }
    }

    #[test]
    fn what_is_missing_is_named_with_the_reason() {
        let all = What::LOG_OFF | What::SLEEP | What::IDLE;
        assert_eq!(
            missing(all, What::NOTHING, Backend::None, "rsync"),
            "not held up: the end of the session, sleep, idleness (no session manager or system service here takes a hold); rsync runs all the same"
        );
        assert_eq!(
            missing(What::LOG_OFF, What::NOTHING, Backend::Xsmp, "rsync"),
            "xsmp takes no hold beforehand: rsync refuses when it is asked"
        );
        assert_eq!(
            missing(What::LOG_OFF, What::LOG_OFF, Backend::Logind, "rsync"),
            "logind holds up restart and power off, a log-off not; rsync runs all the same"
        );
        assert_eq!(missing(all, all, Backend::Endsession, "rsync"), "");
        assert_eq!(missing(What::SLEEP, all, Backend::Logind, "rsync"), "");
    }
}

//! What is odd about rules: those that can never decide anything, and programs that are not what
//! runs. Looks for their programs.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{Entry, plain};

/// What is odd about rules, by their origin: those that can never decide anything, or mean nobody.
/// Looks for their programs.
#[must_use]
pub fn warnings(entries: &[Entry]) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (n, entry) in entries.iter().enumerate() {
        let mut warn = |text: String| all.push((entry.origin.clone(), text));
        let keys = entry.keys();
        let earlier: Vec<&Entry> = entries[..n].iter().filter(|e| e.covers(entry)).collect();
        let decided = |key: &&str| earlier.iter().find(|e| e.keys().contains(key));
        let lost: Vec<(&str, &Entry)> = keys
            .iter()
            .filter_map(|key| Some((*key, *decided(key)?)))
            .collect();
        if keys.is_empty() {
            warn(
                "it says of whom, and not what; write ignore, end-by, end-anyway or deadline"
                    .to_owned(),
            );
        } else if let Some((_, by)) = lost.first().filter(|_| lost.len() == keys.len()) {
            warn(format!(
                "it never decides anything: the rule at {} does",
                by.origin
            ));
        } else {
            for (key, by) in lost {
                warn(format!(
                    "its {key} never counts: the rule at {} decides",
                    by.origin
                ));
            }
        }
        if entry.ignore == Some(true) && keys.len() > 1 {
            warn(
                "what is ignored is not asked or closed, so that its other keys never count"
                    .to_owned(),
            );
        }
        for executable in &entry.executable {
            if let Some(text) = odd_program(executable) {
                warn(text);
            }
        }
    }
    all
}

/// What is odd about a program that a rule means.
fn odd_program(executable: &str) -> Option<String> {
    let path = PathBuf::from(executable);
    let path = if path.is_absolute() {
        if !path.exists() {
            return Some(format!("there is no {executable}"));
        }
        path
    } else {
        let dirs = std::env::var_os("PATH").unwrap_or_default();
        match std::env::split_paths(&dirs)
            .map(|d| d.join(executable))
            .find(|p| p.is_file())
        {
            Some(path) => path,
            None => {
                return Some(format!(
                    "no program called {executable} is in PATH; the name is compared with that of the file that \
                     runs (ls -l /proc/PID/exe)"
                ));
            }
        }
    };
    let target = path.canonicalize().ok()?;
    let mut begin = [0; 2];
    let is_script = std::fs::File::open(&target)
        .and_then(|mut f| std::io::Read::read_exact(&mut f, &mut begin))
        .is_ok_and(|()| begin == *b"#!");
    if is_script {
        return Some(format!(
            "{executable} is a script, and what runs is its interpreter or another program; use the app id, or that \
             program's name (ls -l /proc/PID/exe)"
        ));
    }
    let other = target.file_name().filter(|n| *n != executable)?;
    (!executable.starts_with('/')).then(|| {
        format!(
            "{executable} is a link; what runs is called {}",
            other.to_string_lossy()
        )
    })
}

impl Entry {
    /// The keys that it sets.
    fn keys(&self) -> Vec<&'static str> {
        [
            ("ignore", self.ignore.is_some()),
            ("end-by", self.end_by.is_some()),
            ("end-anyway", self.end_anyway.is_some()),
            ("deadline", self.deadline.is_some()),
        ]
        .into_iter()
        .filter_map(|(key, set)| set.then_some(key))
        .collect()
    }

    /// Whether it means every application that the other means.
    fn covers(&self, other: &Self) -> bool {
        let all = |mine: &[String], others: &[String], same: &dyn Fn(&str) -> String| {
            let mine: BTreeSet<String> = mine.iter().map(|m| same(m)).collect();
            mine.is_empty()
                || (!others.is_empty() && others.iter().all(|o| mine.contains(&same(o))))
        };
        all(&self.app_id, &other.app_id, &plain)
            && all(&self.executable, &other.executable, &str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    #[test]
    fn a_rule_that_can_never_decide_anything_is_told() {
        let config = Config::parse(
            Path::new("c.toml"),
            "[[application]]\napp-id = [\"a\", \"b\"]\nignore = true\n\
             [[application]]\napp-id = \"B\"\nignore = false\n\
             [[application]]\napp-id = \"a\"\nignore = false\nend-anyway = true\n\
             [[application]]\napp-id = \"c\"\nignore = false\n\
             [[application]]\napp-id = \"d\"\n",
        );
        let warnings = warnings(&config.unwrap().application);
        let about = |line: &str| {
            let origin = format!("c.toml:{line}");
            let texts = warnings
                .iter()
                .filter(|(o, _)| *o == origin)
                .map(|(_, t)| t.as_str());
            texts.collect::<Vec<_>>().join("; ")
        };
        assert_eq!(
            about("4"),
            "it never decides anything: the rule at c.toml:1 does"
        );
        assert_eq!(
            about("7"),
            "its ignore never counts: the rule at c.toml:1 decides"
        );
        assert_eq!(about("11"), "");
        assert!(about("14").contains("not what"), "{warnings:#?}");
    }

    #[test]
    fn a_program_that_is_not_what_runs_is_told() {
        assert!(
            odd_program("/nowhere/chat")
                .unwrap()
                .contains("there is no")
        );
        assert!(odd_program("no-such-program").unwrap().contains("PATH"));
        assert_eq!(odd_program("setpriv"), None);
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("script");
        std::fs::write(&script, "#!/bin/sh\n").unwrap();
        assert!(
            odd_program(script.to_str().unwrap())
                .unwrap()
                .contains("script")
        );
    }
}

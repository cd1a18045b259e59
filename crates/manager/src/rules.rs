//! Rules per application: which application each of the user's, the administrator's and the
//! built-in ones means, and what they say about it together. Reads `/proc/PID/exe`.
//!
//! A key is decided by the first rule that means the application and sets that key: the user's in
//! the order of the file, then the administrator's, then the built-in ones.

mod check;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use endsession_core::{EndBy, Event, Identity, Rule};
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::adapter::wine;
use crate::process;
pub use check::warnings;

/// One `[[application]]` of a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Entry {
    /// Its app id (Wayland), class (X11) or `.desktop` name: any of these.
    #[serde(deserialize_with = "app_ids")]
    pub app_id: Vec<String>,
    /// Its program, by name or absolute path, as the kernel tells it: any of these. With an app id
    /// too, both must fit.
    #[serde(deserialize_with = "executables")]
    pub executable: Vec<String>,
    /// [`Rule::ignore`].
    pub ignore: Option<bool>,
    /// [`Rule::end_by`].
    pub end_by: Option<By>,
    /// [`Rule::end_anyway`].
    pub end_anyway: Option<bool>,
    /// [`Rule::deadline`], in milliseconds.
    #[serde(deserialize_with = "crate::config::millis")]
    pub deadline: Option<u64>,
    /// The file and line, or where else it comes from.
    #[serde(skip)]
    pub origin: String,
}

/// How an application is let go, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// [`EndBy::Term`].
    Sigterm,
    /// [`EndBy::Close`].
    Close,
}

impl From<By> for EndBy {
    fn from(by: By) -> Self {
        match by {
            By::Sigterm => Self::Term,
            By::Close => Self::Close,
        }
    }
}

/// One string, or a list of them.
struct Strings(fn(&str) -> Result<(), String>);

impl<'de> Visitor<'de> for Strings {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a string, or a list of strings")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<String>, E> {
        (self.0)(text).map_err(E::custom)?;
        Ok(vec![text.to_owned()])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Vec<String>, A::Error> {
        let mut all = Vec::new();
        while let Some(text) = from.next_element::<String>()? {
            (self.0)(&text).map_err(A::Error::custom)?;
            all.push(text);
        }
        Ok(all)
    }
}

fn app_ids<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    from.deserialize_any(Strings(|text| match text {
        "" => Err("an empty app id means no application".to_owned()),
        _ => Ok(()),
    }))
}

fn executables<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    from.deserialize_any(Strings(|text| match text {
        "" => Err("an empty executable means no application".to_owned()),
        text if text.contains('/') && !text.starts_with('/') => Err(format!(
            "{text:?} is neither a name nor an absolute path; write {:?} or the whole path",
            text.rsplit('/').next().unwrap_or(text)
        )),
        _ => Ok(()),
    }))
}

/// Programs in a terminal: they are known by the names that they run under, not by their files.
pub(crate) fn programs<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Vec<String>>, D::Error> {
    let names = from.deserialize_any(Strings(|text| match text {
        "" => Err("an empty name means no program".to_owned()),
        text if text.contains('/') => Err(format!(
            "{text:?} is a path, and programs in a terminal are known by their names; write {:?}",
            text.rsplit('/').next().unwrap_or(text)
        )),
        text if text.contains(' ') => Err(format!(
            "{text:?} is more than a name: no arguments are compared"
        )),
        _ => Ok(()),
    }))?;
    Ok(Some(names))
}

/// Browsers and mail programs of their making lose windows when closed one by one, and end whole on
/// SIGTERM; so do Chromium's relatives, of which many also hide in a tray when closed.
const END_BY_SIGTERM: [&str; 25] = [
    "firefox",
    "firefox-esr",
    "firefox-bin",
    "librewolf",
    "thunderbird",
    "thunderbird-bin",
    "chromium",
    "chromium-browser",
    "chrome",
    "google-chrome",
    "brave",
    "vivaldi-bin",
    "opera",
    "msedge",
    "electron",
    "code",
    "code-oss",
    "codium",
    "discord",
    "Discord",
    "element-desktop",
    "obsidian",
    "signal-desktop",
    "slack",
    "teams-for-linux",
];

/// Where built-in rules come from.
pub const BUILT_IN: &str = "built in";

/// The rules that hold where no other says something else.
#[must_use]
pub fn built_in() -> Vec<Entry> {
    vec![Entry {
        executable: END_BY_SIGTERM.map(str::to_owned).to_vec(),
        end_by: Some(By::Sigterm),
        origin: BUILT_IN.to_owned(),
        ..Entry::default()
    }]
}

impl Entry {
    /// Whether it means an application of this program and these names.
    fn means(&self, program: Option<&Path>, names: &BTreeSet<String>) -> bool {
        let is_program = |executable: &String| {
            program.is_some_and(|p| {
                let executable = Path::new(executable);
                if executable.is_absolute() {
                    // Of a link, /proc tells the end.
                    p == executable || std::fs::canonicalize(executable).is_ok_and(|e| e == p)
                } else {
                    p.file_name() == Some(executable.as_os_str())
                }
            })
        };
        let is_named = |id: &String| names.contains(&plain(id));
        let any = |list: &[String], fits: &dyn Fn(&String) -> bool| {
            list.is_empty() || list.iter().any(fits)
        };
        let says_whom = !self.app_id.is_empty() || !self.executable.is_empty();
        says_whom && any(&self.app_id, &is_named) && any(&self.executable, &is_program)
    }
}

/// An app id as it is compared: people write it as its `.desktop` file is called, or as a window
/// tool shows it, in either case.
fn plain(id: &str) -> String {
    let id = id.to_lowercase();
    id.strip_suffix(".desktop").unwrap_or(&id).to_owned()
}

/// What the rules say together about one application, and which of them do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What.
    pub rule: Rule,
    /// How it is let go, where one of them says.
    pub end_by: Option<By>,
    /// Where the rules stand that decided something.
    pub from: Vec<String>,
}

/// More names than these are not kept of one application; none has so many.
const MAX_NAMES: usize = 32;

/// At so many applications those that have gone are forgotten for the first time.
const PRUNE_AT: usize = 1024;

#[derive(Debug)]
struct Known {
    program: Option<PathBuf>,
    names: BTreeSet<String>,
    verdict: Verdict,
}

/// All rules, and what is known of the applications they may mean.
#[derive(Debug)]
pub struct Rules {
    entries: Vec<Entry>,
    known: BTreeMap<Identity, Known>,
    prune_at: usize,
}

impl Rules {
    /// These rules, then the built-in ones.
    #[must_use]
    pub fn new(entries: &[Entry]) -> Self {
        let mut entries = entries.to_vec();
        entries.extend(built_in());
        Self {
            entries,
            known: BTreeMap::new(),
            prune_at: PRUNE_AT,
        }
    }

    /// What they say about an application of this program and these names.
    #[must_use]
    pub fn verdict(&self, program: Option<&Path>, names: &BTreeSet<String>) -> Verdict {
        let mut verdict = Verdict::default();
        let (mut ignore, mut end_by, mut end_anyway, mut deadline) = (None, None, None, None);
        for entry in self.entries.iter().filter(|e| e.means(program, names)) {
            let mut decides = take(&mut ignore, entry.ignore);
            decides |= take(&mut end_by, entry.end_by);
            decides |= take(&mut end_anyway, entry.end_anyway);
            decides |= take(&mut deadline, entry.deadline);
            if decides {
                verdict.from.push(entry.origin.clone());
            }
        }
        verdict.end_by = end_by;
        verdict.rule = Rule {
            ignore: ignore.unwrap_or_default(),
            end_by: end_by.map(EndBy::from).unwrap_or_default(),
            end_anyway: end_anyway.unwrap_or_default(),
            deadline,
        };
        verdict
    }

    /// Learns what an event tells of an application; what the rules say about it now. `known`: the
    /// applications that are still there.
    pub(crate) fn learn(
        &mut self,
        event: &Event,
        known: impl Fn(&Identity) -> bool,
    ) -> Option<(Identity, Rule)> {
        let (of, name) = match event {
            Event::Registered { of, name, .. }
            | Event::Inhibited { of, name, .. }
            | Event::JobSeen { of, name, .. } => (of, name),
            Event::WindowSeen { of, about, .. } => (of, &about.name),
            Event::Bundled { of, name, .. } => (of, name),
            _ => return None,
        };
        let name = wine::file_of(name).unwrap_or(name);
        if of.is_hook() {
            return None;
        }
        if self.known.len() >= self.prune_at && !self.known.contains_key(of) {
            self.known.retain(|of, _| known(of));
            // Where all are still there, not for each that comes.
            self.prune_at = PRUNE_AT.max(2 * self.known.len());
        }
        let name = plain(name);
        if let Some(app) = self.known.get(of)
            && (name.is_empty() || app.names.contains(&name) || app.names.len() >= MAX_NAMES)
        {
            return Some((of.clone(), app.verdict.rule));
        }
        let (program, mut names) = match self.known.remove(of) {
            Some(app) => (app.program, app.names),
            None => (of.pid().and_then(process::executable), BTreeSet::new()),
        };
        names.extend((!name.is_empty()).then_some(name));
        let verdict = self.verdict(program.as_deref(), &names);
        let rule = verdict.rule;
        let app = Known {
            program,
            names,
            verdict,
        };
        self.known.insert(of.clone(), app);
        Some((of.clone(), rule))
    }

    /// Other rules hold from now on; what they say about the applications that are known.
    pub(crate) fn replace(&mut self, entries: &[Entry]) -> Vec<(Identity, Rule)> {
        let mut new = Self::new(entries);
        for (of, app) in std::mem::take(&mut self.known) {
            let verdict = new.verdict(app.program.as_deref(), &app.names);
            new.known.insert(of, Known { verdict, ..app });
        }
        *self = new;
        let rules = self.known.iter();
        rules.map(|(of, a)| (of.clone(), a.verdict.rule)).collect()
    }

    /// What the rules say about an application, where they say something.
    pub(crate) fn about(&self, of: &Identity) -> Option<&Verdict> {
        let verdict = &self.known.get(of)?.verdict;
        (!verdict.from.is_empty()).then_some(verdict)
    }
}

/// Takes the first that is there; whether it was this one.
fn take<T>(have: &mut Option<T>, new: Option<T>) -> bool {
    let takes = have.is_none() && new.is_some();
    if takes {
        *have = new;
    }
    takes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn rules(text: &str) -> Rules {
        let config = Config::parse(Path::new("c.toml"), text).unwrap();
        Rules::new(&config.application)
    }

    fn of(rules: &Rules, program: &str, names: &[&str]) -> Verdict {
        let names = names.iter().map(|n| plain(n)).collect();
        rules.verdict((!program.is_empty()).then_some(Path::new(program)), &names)
    }

    #[test]
    fn an_app_id_is_written_as_people_see_it() {
        for id in ["org.telegram.desktop", "Org.Telegram.Desktop"] {
            let rules = rules(&format!("[[application]]\napp-id = {id:?}\nignore = true"));
            assert!(
                of(&rules, "", &["org.telegram.desktop"]).rule.ignore,
                "{id}"
            );
        }
        let rules = rules("[[application]]\napp-id = \"firefox.desktop\"\nignore = true");
        assert!(of(&rules, "", &["Firefox"]).rule.ignore);
        assert!(!of(&rules, "", &["firefox2"]).rule.ignore);
    }

    #[test]
    fn an_executable_is_a_name_or_a_whole_path_and_never_a_claim() {
        let name = rules("[[application]]\nexecutable = \"chat\"\nignore = true");
        assert!(of(&name, "/opt/chat/chat", &[]).rule.ignore);
        assert!(!of(&name, "/opt/chat/Chat", &["chat"]).rule.ignore);
        let path = rules("[[application]]\nexecutable = \"/opt/chat/chat\"\nignore = true");
        assert!(of(&path, "/opt/chat/chat", &[]).rule.ignore);
        assert!(!of(&path, "/home/me/chat", &[]).rule.ignore);
        // A link to the program means the program.
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        let program = std::env::current_exe().unwrap().canonicalize().unwrap();
        std::os::unix::fs::symlink(&program, &link).unwrap();
        let linked = rules(&format!(
            "[[application]]\nexecutable = {link:?}\nignore = true"
        ));
        assert!(of(&linked, program.to_str().unwrap(), &[]).rule.ignore);
    }

    #[test]
    fn a_windows_program_is_its_file() {
        let mut rules = rules("[[application]]\napp-id = \"notepad.exe\"\nignore = true");
        let bundled = |name: &str| Event::Bundled {
            of: Identity::Peer(1),
            name: name.to_owned(),
            bundle: endsession_core::BundleId(1),
        };
        let (_, rule) = rules
            .learn(&bundled("Wine: notepad.exe (~/.wine)"), |_| true)
            .unwrap();
        assert!(rule.ignore);
    }

    #[test]
    fn with_both_an_app_id_and_an_executable_both_must_fit() {
        let rules =
            rules("[[application]]\napp-id = \"a\"\nexecutable = [\"x\", \"y\"]\nignore = true");
        assert!(of(&rules, "/usr/bin/y", &["a"]).rule.ignore);
        assert!(!of(&rules, "/usr/bin/y", &["b"]).rule.ignore);
        assert!(!of(&rules, "/usr/bin/z", &["a"]).rule.ignore);
        assert!(!of(&rules, "", &["a"]).rule.ignore);
    }

    #[test]
    fn each_key_is_decided_by_the_first_rule_that_sets_it() {
        let rules = rules(
            "[[application]]\napp-id = \"a\"\ndeadline = \"40s\"\n\
             [[application]]\napp-id = \"a\"\ndeadline = \"1s\"\nend-anyway = true\n\
             [[application]]\napp-id = \"b\"\nignore = true\n",
        );
        let verdict = of(&rules, "", &["a"]);
        assert_eq!(verdict.rule.deadline, Some(40_000));
        assert!(verdict.rule.end_anyway && !verdict.rule.ignore);
        assert_eq!(verdict.from, ["c.toml:1", "c.toml:4"]);
    }

    #[test]
    fn the_users_rule_overrides_a_built_in_one_for_its_key_alone() {
        let none = rules("");
        let verdict = of(&none, "/usr/lib/firefox-esr/firefox-esr", &[]);
        assert_eq!(
            (verdict.rule.end_by, verdict.from),
            (EndBy::Term, vec!["built in".to_owned()])
        );
        let close = rules("[[application]]\nexecutable = \"firefox-esr\"\nend-by = \"close\"");
        assert_eq!(
            of(&close, "/usr/bin/firefox-esr", &[]).rule.end_by,
            EndBy::Close
        );
        let slow = rules("[[application]]\napp-id = \"firefox\"\ndeadline = \"1m\"");
        let rule = of(&slow, "/usr/lib/firefox/firefox", &["firefox"]).rule;
        assert_eq!((rule.end_by, rule.deadline), (EndBy::Term, Some(60_000)));
    }

    #[test]
    fn an_application_with_several_names_is_meant_by_each() {
        let mut rules = rules("[[application]]\napp-id = \"calc\"\nignore = true");
        let of = Identity::AppId("office".into());
        let mut seen = |name: &str| {
            let event = Event::Inhibited {
                inhibitor: endsession_core::InhibitorId(1),
                of: of.clone(),
                name: name.to_owned(),
                reason: String::new(),
            };
            rules.learn(&event, |_| true).unwrap().1.ignore
        };
        assert!(!seen("writer"));
        assert!(seen("Calc"));
        assert!(seen("writer"));
        assert_eq!(rules.replace(&[])[0].1, Rule::default());
    }
}

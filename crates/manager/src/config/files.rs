//! The files of the configuration: which there are, what is wrong in each, and what they say
//! together. The user's stands above the administrator's, key by key, and the rules of the one come
//! before those of the other. Reads them, and the variables that name their places.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use toml::de::{DeTable, DeValue, Deserializer};
use toml::{Spanned, Table, Value};

use super::{Config, ConfigError};

/// The list of rules, of which each file may have its part.
const RULES: &str = "application";

/// More errors than these of one file help nobody; it is another kind of file then.
const MAX_ERRORS: usize = 50;

/// Where a configuration is read from: the user's file first, then the administrator's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    paths: Vec<PathBuf>,
    /// The first was named by somebody, and must be there.
    named: bool,
    /// The directories of endsession's own, the user's first.
    dirs: Vec<PathBuf>,
}

impl Files {
    /// The user's file, or the one that is named in its place, and the administrator's.
    #[must_use]
    pub fn new(named: Option<&Path>) -> Self {
        let file = |dir: &PathBuf| dir.join("config.toml");
        let (user, system) = (user_dir(), system_dirs());
        let mut paths: Vec<PathBuf> = match named {
            Some(named) => vec![named.to_owned()],
            None => user.iter().map(file).collect(),
        };
        paths.extend(system.iter().map(file));
        Self {
            paths,
            named: named.is_some(),
            dirs: user.into_iter().chain(system).collect(),
        }
    }

    /// Directories that stand beside the files, the user's first; of a configuration that comes from
    /// no file there are none.
    pub(crate) fn beside(&self, name: &str) -> Vec<PathBuf> {
        self.dirs.iter().map(|dir| dir.join(name)).collect()
    }

    /// One file alone.
    #[must_use]
    pub fn only(path: &Path) -> Self {
        Self {
            paths: vec![path.to_owned()],
            named: true,
            dirs: Vec::new(),
        }
    }

    /// Reads them.
    ///
    /// # Errors
    /// The first that is wrong with any of them; nothing is used then.
    pub fn read(&self) -> Result<Config, ConfigError> {
        let examined = self.examine();
        match examined.errors.into_iter().next() {
            Some(error) => Err(error),
            None => Ok(examined.config),
        }
    }

    /// Reads them, and tells all that is wrong with them and where each value comes from.
    #[must_use]
    pub fn examine(&self) -> Examined {
        let mut examined = Examined::default();
        let mut tables = Vec::new();
        for (n, path) in self.paths.iter().enumerate() {
            let text = match std::fs::read_to_string(path) {
                Ok(text) => text,
                Err(e) if e.kind() == ErrorKind::NotFound && !(self.named && n == 0) => {
                    examined.files.push((path.clone(), false));
                    continue;
                }
                Err(source) => {
                    examined.errors.push(ConfigError::Read {
                        path: path.clone(),
                        source,
                    });
                    continue;
                }
            };
            examined.files.push((path.clone(), true));
            let layer = Layer::parse(path, &text);
            examined.errors.extend(layer.errors);
            for (key, place) in layer.places {
                examined.places.entry(key).or_insert(place);
            }
            tables.push(layer.table);
        }
        examined.config = together(tables);
        examined.config.files = self.clone();
        examined
    }
}

/// What was found in all files.
#[derive(Debug, Default)]
pub struct Examined {
    /// Each, the one that stands above the others first, and whether it is there.
    pub files: Vec<(PathBuf, bool)>,
    /// All that is wrong.
    pub errors: Vec<ConfigError>,
    /// What they say together, without what is wrong.
    pub config: Config,
    /// Where each value stands, `file:line` by its key, as in `deadlines.slow`.
    pub places: BTreeMap<String, String>,
}

/// One file.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    pub(crate) errors: Vec<ConfigError>,
    /// What is right in it, with the origin of each rule.
    pub(crate) table: Content,
    places: BTreeMap<String, String>,
}

/// What is right in one file.
#[derive(Debug, Default)]
pub(crate) struct Content {
    table: Table,
    origins: Vec<String>,
}

impl Layer {
    pub(crate) fn parse(path: &Path, text: &str) -> Self {
        let mut layer = Self::default();
        let wrong = |at: usize, message: String| {
            let (line, column) = position(text, at);
            ConfigError::Wrong {
                path: path.to_owned(),
                line,
                column,
                message,
            }
        };
        let at = |error: &toml::de::Error| error.span().map_or(0, |s| s.start);
        let (mut document, broken) = DeTable::parse_recoverable(text);
        if !broken.is_empty() {
            // What could be made of the rest is a guess.
            let broken = broken.iter().take(MAX_ERRORS);
            layer.errors = broken
                .map(|e| wrong(at(e), e.message().to_owned()))
                .collect();
            return layer;
        }
        // Whatever is wrong is told and taken out, until the rest is right.
        while layer.errors.len() < MAX_ERRORS {
            let Err(error) = Config::deserialize(Deserializer::from(document.clone())) else {
                break;
            };
            let message = with_suggestion(error.message());
            layer.errors.push(wrong(at(&error), message));
            let span = error.span().unwrap_or_default();
            if !take_out(document.get_mut(), &span) {
                document.get_mut().clear();
            }
        }
        let line = |at: usize| format!("{}:{}", path.display(), position(text, at).0);
        let rules = document.get_mut().get_mut(RULES).map(Spanned::get_mut);
        if let Some(DeValue::Array(rules)) = rules {
            let says_whom = |rule: &Spanned<DeValue<'_>>| {
                let has = |key| {
                    rule.get_ref()
                        .as_table()
                        .is_some_and(|t| t.contains_key(key))
                };
                has("app-id") || has("executable")
            };
            *rules = rules
                .iter()
                .filter(|rule| {
                    let whom = says_whom(rule);
                    if !whom {
                        let message =
                            "this rule says nothing of whom it means; write app-id or executable";
                        layer
                            .errors
                            .push(wrong(rule.span().start, message.to_owned()));
                    }
                    whom
                })
                .cloned()
                .collect();
            layer.table.origins = rules.iter().map(|r| line(r.span().start)).collect();
        }
        layer.errors.sort_by_key(|e| match e {
            ConfigError::Wrong { line, column, .. } => (*line, *column),
            ConfigError::Read { .. } => (0, 0),
        });
        places(document.get_ref(), "", &line, &mut layer.places);
        layer.table.table = Table::deserialize(Deserializer::from(document)).unwrap_or_default();
        layer
    }
}

/// Notes where each value stands.
fn places(
    table: &DeTable<'_>,
    above: &str,
    line: &impl Fn(usize) -> String,
    into: &mut BTreeMap<String, String>,
) {
    for (key, value) in table {
        let path = format!("{above}{}", key.get_ref());
        match value.get_ref() {
            DeValue::Table(table) => places(table, &format!("{path}."), line, into),
            _ => drop(into.insert(path, line(key.span().start))),
        }
    }
}

/// Takes the innermost key out of whose name or value an error was told; whether there was one.
fn take_out(table: &mut DeTable<'_>, span: &std::ops::Range<usize>) -> bool {
    let holds = |s: std::ops::Range<usize>| s.start <= span.start && span.end <= s.end;
    let found = table
        .iter()
        .find(|(k, v)| holds(k.span()) || holds(v.span()));
    let Some((key, in_key)) = found.map(|(k, _)| (k.get_ref().clone(), holds(k.span()))) else {
        // The span of a table with a header does not hold all that is written below it.
        return table.iter_mut().any(|(_, v)| inside(v.get_mut(), span));
    };
    let inner = !in_key
        && table
            .get_mut(&*key)
            .is_some_and(|v| inside(v.get_mut(), span));
    inner || table.remove(&*key).is_some()
}

fn inside(value: &mut DeValue<'_>, span: &std::ops::Range<usize>) -> bool {
    match value {
        DeValue::Table(table) => take_out(table, span),
        DeValue::Array(list) => list.iter_mut().any(|v| inside(v.get_mut(), span)),
        _ => false,
    }
}

/// What several files say together, the one above all others first.
pub(crate) fn together(files: impl IntoIterator<Item = Content>) -> Config {
    let (mut all, mut rules, mut origins) = (Table::new(), Vec::new(), Vec::new());
    for mut file in files {
        if let Some(Value::Array(own)) = file.table.remove(RULES) {
            rules.extend(own);
            origins.extend(file.origins);
        }
        fill(&mut all, file.table);
    }
    all.insert(RULES.to_owned(), Value::Array(rules));
    // Each was found to be right by itself, and nothing depends on two keys.
    let mut config = Config::deserialize(all).unwrap_or_default();
    for (entry, origin) in config.application.iter_mut().zip(origins) {
        entry.origin = origin;
    }
    config
}

/// Adds what is not there yet, key by key.
fn fill(above: &mut Table, below: Table) {
    for (key, value) in below {
        match (above.get_mut(&key), value) {
            (Some(Value::Table(above)), Value::Table(below)) => fill(above, below),
            (Some(_), _) => {}
            (None, value) => drop(above.insert(key, value)),
        }
    }
}

/// Line and column, both from 1, the column in characters.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
    (line, column)
}

/// An unknown key is most often a known one, misspelt: ``unknown field `a`, expected one of `b`, `c` ``.
fn with_suggestion(message: &str) -> String {
    let Some(rest) = message.strip_prefix("unknown field ") else {
        return message.to_owned();
    };
    let mut words = rest.split('`').skip(1).step_by(2);
    let Some(wrong) = words.next() else {
        return message.to_owned();
    };
    let right = words.min_by_key(|w| distance(wrong, w));
    match right.filter(|w| distance(wrong, w) <= w.len().div_ceil(2)) {
        Some(right) => format!("{message}; did you mean `{right}`?"),
        None => message.to_owned(),
    }
}

/// How many letters to change, add or leave out make one word of the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (n, from) in a.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], n + 1);
        for (m, to) in b.iter().enumerate() {
            let changed = corner + usize::from(from != *to);
            corner = row[m + 1];
            row[m + 1] = changed.min(corner + 1).min(row[m] + 1);
        }
    }
    row[b.len()]
}

fn variable(name: &str) -> Option<PathBuf> {
    let value = std::env::var_os(name).filter(|v| !v.is_empty())?;
    Some(PathBuf::from(value))
}

/// `$XDG_CONFIG_HOME/endsession`, else `~/.config/endsession`.
fn user_dir() -> Option<PathBuf> {
    let base = variable("XDG_CONFIG_HOME").or_else(|| Some(variable("HOME")?.join(".config")))?;
    Some(base.join("endsession"))
}

/// `endsession` in each of `$XDG_CONFIG_DIRS`, else in `/etc/xdg`; the first stands above the others
/// (XDG Base Directory Specification).
fn system_dirs() -> Vec<PathBuf> {
    let dirs = std::env::var_os("XDG_CONFIG_DIRS").filter(|v| !v.is_empty());
    let dirs = dirs.unwrap_or_else(|| "/etc/xdg".into());
    let absolute = std::env::split_paths(&dirs).filter(|dir| dir.is_absolute());
    absolute.map(|dir| dir.join("endsession")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(text: &str) -> Layer {
        Layer::parse(Path::new("a.toml"), text)
    }

    fn errors(text: &str) -> Vec<String> {
        layer(text).errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_error_is_told_with_its_place() {
        let text = "[deadlines]\nslov = \"1s\"\nexit = 3\nforced = \"9s\"\n\n[dialogue]\ncommand = []\n\n\
                    [[application]]\napp-id = \"a\"\nend-by = \"kill\"\nignore = \"yes\"\n\n[[application]]\nignore = true\n";
        let errors = errors(text);
        let places = [
            "a.toml:2:1: ",
            "a.toml:3:8: ",
            "a.toml:6:2: ",
            "a.toml:11:10: ",
            "a.toml:12:10: ",
            "a.toml:14:1: ",
        ];
        for place in places {
            assert!(
                errors.iter().any(|e| e.starts_with(place)),
                "{place} in {errors:#?}"
            );
        }
        assert_eq!(errors.len(), places.len(), "{errors:#?}");
    }

    #[test]
    fn an_unknown_key_has_a_suggestion() {
        let error = &errors("[deadlines]\nnot-respondig = \"1s\"\n")[0];
        assert!(
            error.ends_with("; did you mean `not-responding`?"),
            "{error}"
        );
        let error = &errors("[deadlines]\nxyzzy = \"1s\"\n")[0];
        assert!(!error.contains("did you mean"), "{error}");
    }

    #[test]
    fn what_is_right_beside_an_error_still_counts_for_a_check() {
        let layer = layer("[deadlines]\nslov = \"1s\"\nforced = \"9s\"\n");
        assert_eq!(together([layer.table]).policy().forced, 9_000);
    }

    #[test]
    fn the_users_file_stands_above_the_administrators_key_by_key() {
        let user = "[deadlines]\nslow = \"1s\"\n[[application]]\napp-id = \"a\"\n";
        let system = "[deadlines]\nslow = \"9s\"\nexit = \"9s\"\n[dialog]\ncommand = []\n\n\n[[application]]\napp-id = \"b\"\n";
        let system = Layer::parse(Path::new("b.toml"), system);
        let config = together([layer(user).table, system.table]);
        assert_eq!((config.policy().slow, config.policy().exit), (1_000, 9_000));
        assert_eq!(config.dialog.command, Some(Vec::new()));
        let origins: Vec<&str> = config
            .application
            .iter()
            .map(|e| e.origin.as_str())
            .collect();
        assert_eq!(origins, ["a.toml:3", "b.toml:8"]);
    }

    #[test]
    fn places_are_told_by_key() {
        let places = layer("[deadlines]\nslow = \"1s\"\n[hooks]\n\nasking = \"1s\"\n").places;
        assert_eq!(places["deadlines.slow"], "a.toml:2");
        assert_eq!(places["hooks.asking"], "a.toml:5");
    }

    #[test]
    fn a_distance_counts_letters() {
        assert_eq!(distance("slov", "slow"), 1);
        assert_eq!(distance("", "slow"), 4);
        assert_eq!(distance("exit-kil", "exit-kill"), 1);
    }
}

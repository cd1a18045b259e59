//! Applications as the user knows them: the name and the icon of an application's `.desktop` file
//! (Desktop Entry Specification).
//!
//! What an application calls itself is untrusted: it is looked for, and shown, and nothing more.
//! Reads `.desktop` files, and of a process its program's name and its cgroup.

mod entry;
mod process;

use std::{
    collections::{HashMap, HashSet},
    env, fs,
    path::{Path, PathBuf},
};

use crate::keyfile;
use entry::Entry;

/// The most applications that are remembered.
const MAX_KEPT: usize = 256;
/// The longest name that is looked for: that of a file. What is longer is nobody's.
const MAX_ID: usize = 255 - ".desktop".len();
/// The largest `.desktop` file. LibreOffice's, translated into everything, have 30 KiB.
const MAX_FILE: usize = 256 * 1024;
/// The most files that are read in the search for one that names itself otherwise.
const MAX_FILES: usize = 4000;
/// How deep directories of applications are.
const MAX_DEPTH: usize = 3;

/// What the user knows an application by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct App {
    /// Its name in the user's language; empty where it has no `.desktop` file.
    pub name: String,
    /// Its icon's name or path, as `Icon` has it; empty where it has none.
    pub icon: String,
}

/// The `.desktop` files of the system and of the user.
#[derive(Debug)]
pub struct Apps {
    /// The directories, in order; a file in one hides its namesakes in later ones.
    directories: Vec<PathBuf>,
    /// The endings of a key in the user's language, the best first: `es_MX`, `es`.
    languages: Vec<String>,
    /// All files, once a name had to be looked for in them.
    all: Option<Vec<Entry>>,
    kept: HashMap<(String, Option<u32>), App>,
}

impl Apps {
    /// What the environment names: `XDG_DATA_HOME`, `XDG_DATA_DIRS`. Reads nothing yet. Names are
    /// of `locale`, as in `LANG`; where that is empty, of `LC_ALL`, `LC_MESSAGES` or `LANG`.
    #[must_use]
    pub fn new(locale: &str) -> Self {
        let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let data_home = variable("XDG_DATA_HOME")
            .map(PathBuf::from)
            .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".local/share")));
        let data_dirs =
            variable("XDG_DATA_DIRS").unwrap_or_else(|| "/usr/local/share:/usr/share".into());
        let directories = data_home
            .into_iter()
            .chain(env::split_paths(&data_dirs))
            .map(|data| data.join("applications"))
            .collect();
        let of_environment = || {
            let mut names = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter();
            let locale = names.find_map(variable).unwrap_or_default();
            locale.to_string_lossy().into_owned()
        };
        match locale {
            "" => Self::below(&of_environment(), directories),
            locale => Self::below(locale, directories),
        }
    }

    /// The same with these directories.
    #[must_use]
    pub fn below(locale: &str, mut directories: Vec<PathBuf>) -> Self {
        directories.retain(|directory| directory.is_absolute());
        Self {
            directories,
            languages: entry::languages(locale),
            all: None,
            kept: HashMap::new(),
        }
    }

    /// The application that calls itself `id` (an app id, a window class, the name of a program)
    /// and whose process is `pid`, where that is known.
    pub fn find(&mut self, id: &str, pid: Option<u32>) -> App {
        let id = id.strip_suffix(".desktop").unwrap_or(id);
        // The name of a program may come with its directory.
        let id = match id.rsplit_once('/') {
            Some((_, program)) if id.starts_with('/') => program,
            _ => id,
        };
        let id = if is_id(id) { id } else { "" };
        let key = (id.to_owned(), pid);
        if let Some(known) = self.kept.get(&key) {
            return known.clone();
        }
        let app = self.look(id, pid).unwrap_or_default();
        if self.kept.len() >= MAX_KEPT {
            self.kept.clear();
        }
        self.kept.insert(key, app.clone());
        app
    }

    fn look(&mut self, id: &str, pid: Option<u32>) -> Option<App> {
        // A sandbox knows whom it holds better than what it holds does.
        let sandboxed = pid.and_then(process::sandboxed).filter(|id| is_id(id));
        let program = pid.and_then(process::program).filter(|id| is_id(id));
        let named: Vec<&str> = [sandboxed.as_deref(), Some(id)]
            .into_iter()
            .flatten()
            .filter(|id| !id.is_empty())
            .collect();
        let direct = named.iter().find_map(|id| self.file(id));
        if let Some(entry) = direct {
            return Some(entry.into());
        }
        // Only now are all files read: one of them may name itself otherwise.
        let all = self.all();
        named
            .iter()
            .find_map(|id| search(all, id))
            .or_else(|| program.as_deref().and_then(|program| search(all, program)))
            .map(|entry| entry.clone().into())
    }

    /// The file that is called so.
    fn file(&self, id: &str) -> Option<Entry> {
        let mut paths = vec![format!("{id}.desktop")];
        // A file in a directory below has the directory's name before a dash.
        for (at, _) in id.match_indices('-').take(MAX_DEPTH) {
            let path = format!("{}/{}.desktop", id[..at].replace('-', "/"), &id[at + 1..]);
            if !path
                .split('/')
                .any(|part| part.is_empty() || part.starts_with('.'))
            {
                paths.push(path);
            }
        }
        for directory in &self.directories {
            for path in &paths {
                let path = directory.join(path);
                if let Some(text) = keyfile::read_text(&path, MAX_FILE) {
                    // One that is hidden stands for a file that was removed, in later directories
                    // too.
                    return Entry::parse(id, &text, &self.languages).filter(|entry| !entry.hidden);
                }
            }
        }
        None
    }

    fn all(&mut self) -> &[Entry] {
        let (directories, languages) = (&self.directories, &self.languages);
        self.all.get_or_insert_with(|| {
            let mut files = Vec::new();
            for directory in directories {
                list(directory, "", 0, &mut files);
            }
            let mut seen = HashSet::new();
            files
                .into_iter()
                .filter(|(id, _)| seen.insert(id.clone()))
                .filter_map(|(id, path)| {
                    Entry::parse(&id, &keyfile::read_text(&path, MAX_FILE)?, languages)
                })
                .filter(|entry| !entry.hidden)
                .collect()
        })
    }
}

impl From<Entry> for App {
    fn from(entry: Entry) -> Self {
        Self {
            name: entry.name,
            icon: entry.icon,
        }
    }
}

/// Whether it can be the id of a file: one that leads nowhere else.
fn is_id(id: &str) -> bool {
    id.len() <= MAX_ID && !id.starts_with('.') && !id.contains(|c: char| c == '/' || c.is_control())
}

/// The best of all entries for what an application calls itself.
fn search<'a>(all: &'a [Entry], id: &str) -> Option<&'a Entry> {
    let last = id.rsplit('.').next().unwrap_or(id);
    let same = |a: &str, b: &str| !a.is_empty() && a.eq_ignore_ascii_case(b);
    let ways: [&dyn Fn(&Entry) -> bool; 6] = [
        &|entry| same(&entry.id, id),
        &|entry| entry.class == id,
        &|entry| same(&entry.class, id),
        // `gedit` is org.gnome.gedit, and com.example.Gedit may be gedit.
        &|entry| same(entry.id.rsplit('.').next().unwrap_or_default(), id) || same(&entry.id, last),
        &|entry| same(&entry.program, id),
        &|entry| last != id && same(&entry.program, last),
    ];
    ways.iter().find_map(|way| {
        let fits = || all.iter().filter(|entry| way(entry));
        // Settings and handlers of an application are often not shown in menus; it itself is.
        fits()
            .find(|entry| !entry.no_display)
            .or_else(|| fits().next())
    })
}

/// The files below a directory with their ids, by name.
fn list(directory: &Path, prefix: &str, depth: usize, files: &mut Vec<(String, PathBuf)>) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    let mut paths: Vec<_> = entries
        .flatten()
        .take(MAX_FILES)
        .map(|e| e.path())
        .collect();
    paths.sort();
    for path in paths {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if files.len() >= MAX_FILES {
            return;
        }
        if let Some(id) = name.strip_suffix(".desktop") {
            let id = format!("{prefix}{id}");
            files.push((id, path));
        } else if depth < MAX_DEPTH && !name.contains('.') && path.is_dir() {
            let prefix = format!("{prefix}{name}-");
            list(&path, &prefix, depth + 1, files);
        }
    }
}

#[cfg(test)]
mod tests;

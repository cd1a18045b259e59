//! One icon theme: its index, and where in it an icon of a size may be.

use std::path::PathBuf;

use super::KINDS;
use crate::keyfile;

/// The largest index that is read; those of complete themes have 60 KiB.
const MAX_INDEX: usize = 1 << 20;
/// The most directories of a theme; complete ones have some two hundred.
const MAX_DIRECTORIES: usize = 2000;
/// The most files that are tried for one icon before the next theme's turn.
const MAX_TRIED: usize = 8;

/// A theme's index.
#[derive(Debug)]
pub(super) struct Theme {
    /// The name of its directory.
    pub(super) name: String,
    /// The themes to look in next, in order.
    pub(super) inherits: Vec<String>,
    /// The directories of that name: a theme may be spread over several bases.
    roots: Vec<PathBuf>,
    directories: Vec<Directory>,
}

/// A directory of icons of one size, in pixels of the display.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Directory {
    path: String,
    size: u32,
    /// What icons here are good for.
    smallest: u32,
    largest: u32,
}

impl Theme {
    /// The theme of that name; `None` where it has no index.
    pub(super) fn read(name: &str, bases: &[PathBuf]) -> Option<Self> {
        let roots: Vec<_> = bases
            .iter()
            .map(|base| base.join(name))
            .filter(|root| root.is_dir())
            .collect();
        // The first index counts for all.
        let text = roots
            .iter()
            .find_map(|root| keyfile::read_text(&root.join("index.theme"), MAX_INDEX))?;
        let (inherits, directories) = parse(&text);
        Some(Self {
            name: name.to_owned(),
            inherits,
            roots,
            directories,
        })
    }

    /// Files that may be the icon, the best first. Each is looked for when it is asked for.
    pub(super) fn files<'a>(
        &'a self,
        name: &'a str,
        size: u32,
    ) -> impl Iterator<Item = PathBuf> + 'a {
        let mut best: Vec<_> = self
            .directories
            .iter()
            .map(|directory| (directory.distance(size), directory))
            .collect();
        // Of equals the index's order counts, and the sort keeps it.
        best.sort_by_key(|(distance, _)| *distance);
        best.into_iter()
            .flat_map(move |(_, directory)| {
                self.roots.iter().flat_map(move |root| {
                    let directory = root.join(&directory.path);
                    KINDS.map(|kind| directory.join(format!("{name}.{kind}")))
                })
            })
            .filter(|path| path.exists())
            .take(MAX_TRIED)
    }
}

impl Directory {
    /// How badly its icons fit: nothing where they are made for the size; less for what has to be
    /// made smaller than for what has to be made larger, which blurs.
    const fn distance(&self, size: u32) -> (bool, u32) {
        if size < self.smallest {
            (false, self.smallest - size)
        } else if size > self.largest {
            (true, size - self.largest)
        } else {
            (false, 0)
        }
    }
}

fn parse(text: &str) -> (Vec<String>, Vec<Directory>) {
    let list = |value: &str| -> Vec<String> {
        let names = value
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty());
        names.map(Into::into).collect()
    };
    let (mut inherits, mut listed) = (Vec::new(), Vec::new());
    let mut sections: std::collections::HashMap<&str, Section<'_>> =
        std::collections::HashMap::new();
    for (group, key, value) in keyfile::entries(text) {
        match (group, key) {
            ("Icon Theme", "Inherits") => inherits = list(value),
            ("Icon Theme", "Directories" | "ScaledDirectories") => listed.extend(list(value)),
            ("Icon Theme", _) => {}
            (_, "Type") => sections.entry(group).or_default().kind = value,
            _ => {
                let Ok(number) = value.parse::<u32>() else {
                    continue;
                };
                let section = sections.entry(group).or_default();
                let number = Some(number.min(4096));
                match key {
                    "Size" => section.size = number,
                    "MinSize" => section.min = number,
                    "MaxSize" => section.max = number,
                    "Threshold" => section.threshold = number,
                    "Scale" => section.scale = number,
                    _ => {}
                }
            }
        }
    }
    let leads_out = |path: &str| path.starts_with('/') || path.split('/').any(|part| part == "..");
    let directories = listed
        .into_iter()
        .filter(|path| !leads_out(path))
        .take(MAX_DIRECTORIES)
        .filter_map(|path| {
            sections
                .get(path.as_str())
                .and_then(|section| section.directory(&path))
        })
        .collect();
    (inherits, directories)
}

#[derive(Default)]
struct Section<'a> {
    kind: &'a str,
    size: Option<u32>,
    min: Option<u32>,
    max: Option<u32>,
    threshold: Option<u32>,
    scale: Option<u32>,
}

impl Section<'_> {
    fn directory(&self, path: &str) -> Option<Directory> {
        let size = self.size?;
        // Icons for a scale of 2 have twice the pixels, and pixels are what is asked for.
        let scale = self.scale.unwrap_or(1).clamp(1, 16);
        let (smallest, largest) = match self.kind {
            "Fixed" => (size, size),
            "Scalable" => (self.min.unwrap_or(size), self.max.unwrap_or(size)),
            _ => {
                let threshold = self.threshold.unwrap_or(2);
                (size.saturating_sub(threshold), size + threshold)
            }
        };
        Some(Directory {
            path: path.to_owned(),
            size: size * scale,
            smallest: smallest * scale,
            largest: largest.max(smallest) * scale,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_lists_sizes_and_what_is_inherited() {
        let (inherits, directories) = parse(
            "[Icon Theme]\nInherits=Adwaita, hicolor\nDirectories=16/apps,s,../x,/y,none\n\
             ScaledDirectories=24@2\n[16/apps]\nSize=16\n[s]\nSize=64\nMinSize=8\nMaxSize=512\n\
             Type=Scalable\n[24@2]\nSize=24\nScale=2\nType=Fixed\n[../x]\nSize=9\n[unlisted]\nSize=1\n",
        );
        assert_eq!(inherits, ["Adwaita", "hicolor"]);
        let seen: Vec<_> = directories
            .iter()
            .map(|d| (d.path.as_str(), d.size, d.smallest, d.largest))
            .collect();
        assert_eq!(
            seen,
            [
                ("16/apps", 16, 14, 18),
                ("s", 64, 8, 512),
                ("24@2", 48, 48, 48)
            ]
        );
    }

    #[test]
    fn larger_icons_are_liked_better_than_smaller_ones() {
        let at = |size| Directory {
            path: String::new(),
            size,
            smallest: size,
            largest: size,
        };
        let mut all = [at(16), at(32), at(64), at(256)];
        all.sort_by_key(|directory| directory.distance(48));
        assert_eq!(all.map(|directory| directory.size), [64, 256, 32, 16]);
    }
}

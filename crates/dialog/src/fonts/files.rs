//! The font files of the system, by name: a walk through directories that opens no file.

use std::{
    collections::{HashMap, HashSet},
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// The most files that are taken in. The largest collections in use have some thousands; a walk
/// of more would delay the first frame.
const MAX_FILES: usize = 20_000;
/// How deep directories are followed; distributions nest three deep.
const MAX_DEPTH: usize = 8;

/// What a file's name says of its style.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum FileStyle {
    /// Upright and of ordinary weight, or variable.
    Regular,
    /// Upright and bold.
    Bold,
    /// Anything else: italic, condensed, light.
    Other,
}

/// A font file, unread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FontFile {
    /// Where it is.
    pub(super) path: PathBuf,
    /// Its family as its name has it: `dejavusans` of `DejaVuSans-Bold.ttf`.
    pub(super) stem: String,
    /// Its style as its name has it.
    pub(super) style: FileStyle,
}

/// The font files below some directories, in an order that depends on names alone.
#[derive(Debug, Default)]
pub(super) struct Files {
    files: Vec<FontFile>,
    by_stem: HashMap<String, Vec<usize>>,
}

impl Files {
    /// Walks `directories`. What comes first is found first; within a directory files go by name.
    pub(super) fn below(directories: &[PathBuf]) -> Self {
        let mut this = Self::default();
        let mut seen = HashSet::new();
        for directory in directories {
            this.walk(directory, 0, &mut seen);
        }
        for (at, file) in this.files.iter().enumerate() {
            this.by_stem.entry(file.stem.clone()).or_default().push(at);
        }
        this
    }

    fn walk(&mut self, directory: &Path, depth: usize, seen: &mut HashSet<(u64, u64)>) {
        // A directory that two paths lead to is walked once, and a circle of links ends.
        let Ok(about) = fs::metadata(directory) else {
            return;
        };
        if depth > MAX_DEPTH || !seen.insert((about.dev(), about.ino())) {
            return;
        }
        let Ok(entries) = fs::read_dir(directory) else {
            return;
        };
        let mut below = Vec::new();
        let mut files = Vec::new();
        for entry in entries.flatten().take(MAX_FILES) {
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            let path = entry.path();
            if let Some((stem, style)) = names(&path) {
                // A link is followed only where its name is a font's.
                if kind.is_file() || (kind.is_symlink() && path.is_file()) {
                    files.push(FontFile { path, stem, style });
                }
            } else if kind.is_dir() || (kind.is_symlink() && path.is_dir()) {
                below.push(path);
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        below.sort();
        files.truncate(MAX_FILES.saturating_sub(self.files.len()));
        self.files.append(&mut files);
        for path in below {
            if self.files.len() < MAX_FILES {
                self.walk(&path, depth + 1, seen);
            }
        }
    }

    /// The file with that number.
    pub(super) fn get(&self, at: usize) -> Option<&FontFile> {
        self.files.get(at)
    }

    /// All of them, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &FontFile)> {
        self.files.iter().enumerate()
    }

    /// The first file of a family, by [`normal`] name, in that style.
    pub(super) fn find(&self, stem: &str, style: FileStyle) -> Option<usize> {
        let of = self.by_stem.get(stem)?;
        of.iter().copied().find(|at| self.files[*at].style == style)
    }

    /// The bold sister of a file: of the same family, in the same directory.
    pub(super) fn bold_of(&self, at: usize) -> Option<usize> {
        let file = self.files.get(at)?;
        let of = self.by_stem.get(&file.stem)?;
        of.iter().copied().find(|other| {
            let other = &self.files[*other];
            other.style == FileStyle::Bold && other.path.parent() == file.path.parent()
        })
    }
}

/// A name without what writers of names disagree about: case, spaces, dashes.
pub(super) fn normal(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// Family and style by a file's name; `None` for what is no font that we read.
fn names(path: &Path) -> Option<(String, FileStyle)> {
    let extension = path.extension()?.to_str()?;
    if !["ttf", "otf", "ttc", "otc"].contains(&extension.to_ascii_lowercase().as_str()) {
        return None;
    }
    let name = path.file_stem()?.to_str()?;
    // A variable font lists its axes: `Inter[opsz,wght]`.
    let (name, axes) = match name.split_once('[') {
        Some((name, axes)) => (name, axes),
        None => (name, ""),
    };
    let (mut stem, mut regular, mut bold) = match name.rsplit_once(['-', '_']) {
        Some((family, "R" | "VF" | "Regular")) => (normal(family), true, false),
        Some((family, "B" | "Bd")) => (normal(family), false, true),
        Some((family, "BI" | "RI" | "It" | "Th" | "L" | "LI" | "M" | "MI" | "C")) => {
            return Some((normal(family), FileStyle::Other));
        }
        _ => (normal(name), false, false),
    };
    let mut other = axes.is_empty() && stem.is_empty();
    // What is left of the style stands at the end, in one word or in several.
    while let Some(word) = STYLES
        .iter()
        .find(|word| stem.len() > word.len() && stem.ends_with(**word))
    {
        match *word {
            "bold" => bold = true,
            "regular" | "book" | "roman" | "variable" => regular = true,
            _ => other = true,
        }
        stem.truncate(stem.len() - word.len());
    }
    let style = match (other, bold, regular) {
        (true, ..) | (_, true, true) => FileStyle::Other,
        (_, true, _) => FileStyle::Bold,
        _ => FileStyle::Regular,
    };
    Some((stem, style))
}

/// The words that names of styles are made of.
const STYLES: [&str; 17] = [
    "regular",
    "bold",
    "italic",
    "oblique",
    "book",
    "roman",
    "variable",
    "medium",
    "light",
    "thin",
    "black",
    "heavy",
    "semi",
    "demi",
    "extra",
    "condensed",
    "compressed",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> (String, FileStyle) {
        names(Path::new(name)).unwrap()
    }

    #[test]
    fn a_files_name_tells_family_and_style() {
        use FileStyle::{Bold, Other, Regular};
        for (name, stem, style) in [
            ("DejaVuSans.ttf", "dejavusans", Regular),
            ("DejaVuSans-Bold.ttf", "dejavusans", Bold),
            ("DejaVuSans-BoldOblique.ttf", "dejavusans", Other),
            ("DejaVuSansCondensed-Bold.ttf", "dejavusans", Other),
            ("NotoSans-Regular.ttf", "notosans", Regular),
            ("NotoSans-SemiBold.ttf", "notosans", Other),
            ("NotoSansSymbols2-Regular.ttf", "notosanssymbols2", Regular),
            ("Ubuntu-R.ttf", "ubuntu", Regular),
            ("Ubuntu-B.ttf", "ubuntu", Bold),
            ("Ubuntu-BI.ttf", "ubuntu", Other),
            ("Cantarell-VF.otf", "cantarell", Regular),
            ("Inter[opsz,wght].ttf", "inter", Regular),
            ("Inter-Italic[opsz,wght].ttf", "inter", Other),
            ("InterVariable.ttf", "inter", Regular),
            ("FreeSansBold.ttf", "freesans", Bold),
            ("FreeSans.ttf", "freesans", Regular),
            ("wqy-microhei.ttc", "wqymicrohei", Regular),
            ("Bold.ttf", "bold", Regular),
        ] {
            assert_eq!(named(name), (stem.to_owned(), style), "{name}");
        }
        assert_eq!(names(Path::new("a050013l.pfb")), None);
        assert_eq!(names(Path::new(".ttf")), None);
    }

    #[test]
    fn the_order_is_of_directories_and_then_of_names() {
        let temp = tempfile::tempdir().unwrap();
        let (own, system) = (temp.path().join("own"), temp.path().join("system"));
        for file in [
            own.join("z/Zed.ttf"),
            system.join("b/Bee-Bold.ttf"),
            system.join("b/Bee.ttf"),
            system.join("a/Ay.otf"),
            system.join("a/ay.txt"),
        ] {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        let files = Files::below(&[own.clone(), system.clone(), own, temp.path().join("none")]);
        let stems: Vec<_> = files.iter().map(|(_, file)| file.stem.as_str()).collect();
        assert_eq!(stems, ["zed", "ay", "bee", "bee"]);
        let bee = files.find("bee", FileStyle::Regular).unwrap();
        let bold = files.bold_of(bee).unwrap();
        assert!(files.get(bold).unwrap().path.ends_with("Bee-Bold.ttf"));
    }

    #[test]
    fn a_circle_of_links_ends() {
        let temp = tempfile::tempdir().unwrap();
        let inner = temp.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("One.ttf"), "").unwrap();
        std::os::unix::fs::symlink(temp.path(), inner.join("back")).unwrap();
        let files = Files::below(&[temp.path().to_owned()]);
        assert_eq!(files.iter().count(), 1);
    }
}

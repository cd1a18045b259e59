//! Icons by name, from the icon theme (Icon Theme Specification), as pixels.
//!
//! Of a theme its index is read, and files are looked for by name; no directory is walked. Reads
//! nothing but icons and indexes, and of an icon's own links to other files none.

mod pixels;
mod theme;

use std::{
    collections::HashMap,
    env,
    path::{Path, PathBuf},
};

use tiny_skia::Pixmap;

use theme::Theme;

/// The most icons that are kept, those that do not exist included.
const MAX_KEPT: usize = 64;
/// The largest icon that is made, in pixels: 64 logical ones at scale 8.
const MAX_SIZE: u32 = 512;
/// The most themes that one inherits.
const MAX_THEMES: usize = 16;
/// The longest name of a file.
const MAX_NAME: usize = 255;
/// The kinds of files that can be drawn, the best first.
const KINDS: [&str; 2] = ["svg", "png"];

/// The icon theme.
#[derive(Debug)]
pub struct Icons {
    name: String,
    /// Where themes are, in order.
    bases: Vec<PathBuf>,
    /// Where icons without a theme are, besides the bases.
    pixmaps: Vec<PathBuf>,
    /// The theme and what it inherits; none before the first icon is looked for.
    themes: Option<Vec<Theme>>,
    kept: HashMap<(String, u32), Option<Pixmap>>,
}

impl Icons {
    /// The icons of `theme`, of the themes that it inherits and of hicolor. Reads nothing yet.
    #[must_use]
    pub fn new(theme: &str) -> Self {
        let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let home = variable("HOME").map(PathBuf::from);
        let mut bases = Vec::new();
        bases.extend(home.as_ref().map(|home| home.join(".icons")));
        let data_home = variable("XDG_DATA_HOME").map(PathBuf::from);
        let data_home = data_home.or_else(|| home.map(|home| home.join(".local/share")));
        bases.extend(data_home.map(|data| data.join("icons")));
        let data_dirs =
            variable("XDG_DATA_DIRS").unwrap_or_else(|| "/usr/local/share:/usr/share".into());
        let data_dirs: Vec<_> = env::split_paths(&data_dirs).collect();
        bases.extend(data_dirs.iter().map(|data| data.join("icons")));
        let mut pixmaps: Vec<_> = data_dirs.iter().map(|data| data.join("pixmaps")).collect();
        pixmaps.push("/usr/share/pixmaps".into());
        Self::below(theme, bases, pixmaps)
    }

    /// The same with themes below `bases` and icons without a theme in `pixmaps`.
    #[must_use]
    pub fn below(theme: &str, mut bases: Vec<PathBuf>, mut pixmaps: Vec<PathBuf>) -> Self {
        // The Base Directory Specification has relative paths ignored.
        bases.retain(|base| base.is_absolute());
        pixmaps.retain(|base| base.is_absolute());
        pixmaps.dedup();
        Self {
            name: theme.to_owned(),
            bases,
            pixmaps,
            themes: None,
            kept: HashMap::new(),
        }
    }

    /// The icon called `name`, or in the file of that absolute path, `size` pixels of the display
    /// high and wide. `None` where there is none, or none that can be read.
    pub fn find(&mut self, name: &str, size: u32) -> Option<&Pixmap> {
        let size = size.clamp(1, MAX_SIZE);
        if name.len() > MAX_NAME * 16 {
            return None;
        }
        let key = (name.to_owned(), size);
        if !self.kept.contains_key(&key) {
            if self.kept.len() >= MAX_KEPT {
                self.kept.clear();
            }
            let icon = self.load(name, size);
            self.kept.insert(key.clone(), icon);
        }
        self.kept.get(&key)?.as_ref()
    }

    fn load(&mut self, name: &str, size: u32) -> Option<Pixmap> {
        let path = Path::new(name);
        if path.is_absolute() {
            return pixels::load(path, size);
        }
        // The specification has names without an ending; many files have one all the same.
        let name = [".png", ".svg", ".xpm"]
            .into_iter()
            .find_map(|ending| name.strip_suffix(ending))
            .unwrap_or(name);
        if !is_file_name(name) {
            return None;
        }
        for theme in self.themes() {
            // A file that cannot be read is like none, and the next best may be whole.
            let found = theme
                .files(name, size)
                .find_map(|path| pixels::load(&path, size));
            if found.is_some() {
                return found;
            }
        }
        self.bases
            .iter()
            .chain(&self.pixmaps)
            .flat_map(|base| KINDS.map(|kind| base.join(format!("{name}.{kind}"))))
            .find_map(|path| pixels::load(&path, size))
    }

    fn themes(&mut self) -> &[Theme] {
        let (bases, name) = (&self.bases, &self.name);
        self.themes.get_or_insert_with(|| {
            let mut themes: Vec<Theme> = Vec::new();
            // Depth first; what is inherited twice counts where it comes first, hicolor last.
            let mut next = vec![name.clone()];
            while let Some(name) = next.pop() {
                let known = themes.iter().any(|theme| theme.name == name);
                if known || name == "hicolor" || themes.len() >= MAX_THEMES {
                    continue;
                }
                if is_file_name(&name)
                    && let Some(theme) = Theme::read(&name, bases)
                {
                    next.extend(theme.inherits.iter().rev().cloned());
                    themes.push(theme);
                }
            }
            themes.extend(Theme::read("hicolor", bases));
            themes
        })
    }
}

/// Whether it is the name of a file in a directory: one that leads nowhere else.
fn is_file_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_NAME - ".svg".len()
        && !name.starts_with('.')
        && !name.contains(['/', '\0'])
}

#[cfg(test)]
mod tests;

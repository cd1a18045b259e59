//! What the user's and the system's fontconfig say: which family is `sans-serif`, and where fonts
//! are. Of that language only these two questions are understood, and only answers that depend on
//! nothing else.

use std::{
    env, fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use roxmltree::{Document, Node, ParsingOptions};

/// The largest file that is read; fontconfig's own largest is 40 KiB.
const MAX_FILE: u64 = 256 * 1024;
/// The most files of `conf.d`; distributions have some fifty.
const MAX_FILES: usize = 256;

/// The environment variable that names the directories of fonts, separated by colons, in place of
/// the search for them.
pub const FONTS_VARIABLE: &str = "ENDSESSION_FONTS";

/// Where fonts are, and which families are liked best.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Config {
    /// Directories, the user's own first.
    pub(super) directories: Vec<PathBuf>,
    /// Families for `sans-serif`, the best first.
    pub(super) families: Vec<String>,
}

impl Config {
    /// What this process's environment says.
    pub(super) fn of_environment() -> Self {
        let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        if let Some(list) = variable(FONTS_VARIABLE) {
            return Self::only(env::split_paths(&list).collect());
        }
        let home = variable("HOME").map(PathBuf::from);
        let home_dir = |below: &str| home.as_ref().map(|home| home.join(below));
        let data_home = variable("XDG_DATA_HOME")
            .map(PathBuf::from)
            .or_else(|| home_dir(".local/share"));
        let config_home = variable("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .or_else(|| home_dir(".config"));

        let mut this = Self::default();
        this.directories
            .extend(data_home.map(|data| data.join("fonts")));
        this.directories.extend(home_dir(".fonts"));
        if let Some(config) = config_home.map(|config| config.join("fontconfig")) {
            this.read_all(&config.join("conf.d"));
            this.read(&config.join("fonts.conf"));
        }
        let etc = Path::new("/etc/fonts");
        this.read(&etc.join("local.conf"));
        match variable("FONTCONFIG_FILE") {
            Some(file) => this.read(Path::new(&file)),
            None => this.read(&etc.join("fonts.conf")),
        }
        this.read_all(&etc.join("conf.d"));
        let data_dirs =
            variable("XDG_DATA_DIRS").unwrap_or_else(|| "/usr/local/share:/usr/share".into());
        this.directories
            .extend(env::split_paths(&data_dirs).map(|data| data.join("fonts")));
        for usual in ["/usr/local/share/fonts", "/usr/share/fonts"] {
            this.directories.push(usual.into());
        }
        this.directories.retain(|path| path.is_absolute());
        this
    }

    /// These directories, and no word of anybody about families: the same fonts everywhere.
    pub(super) fn only(directories: Vec<PathBuf>) -> Self {
        Self {
            directories,
            families: Vec::new(),
        }
    }

    /// Reads a directory of files in the order of their names.
    fn read_all(&mut self, directory: &Path) {
        let Ok(entries) = fs::read_dir(directory) else {
            return;
        };
        let mut paths: Vec<_> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|e| e == "conf"))
            .take(MAX_FILES)
            .collect();
        paths.sort();
        for path in paths {
            self.read(&path);
        }
    }

    fn read(&mut self, path: &Path) {
        let mut text = String::new();
        let read =
            fs::File::open(path).and_then(|file| file.take(MAX_FILE).read_to_string(&mut text));
        // Most of what a distribution has here says nothing of sans-serif; a search is cheaper
        // than a parse.
        if read.is_ok() && (text.contains("sans-serif") || text.contains("<dir")) {
            self.take_in(&text);
        }
    }

    fn take_in(&mut self, text: &str) {
        let options = ParsingOptions {
            allow_dtd: true,
            nodes_limit: 20_000,
            ..ParsingOptions::default()
        };
        let Ok(document) = Document::parse_with_options(text, options) else {
            return;
        };
        for node in document.root_element().children() {
            match node.tag_name().name() {
                "dir" if node.attribute("prefix").is_none() => {
                    self.directories.extend(words(node).map(PathBuf::from));
                }
                "alias" => {
                    let of = words_of(node, "family").next();
                    if of == Some("sans-serif") {
                        let prefer = children(node, "prefer");
                        self.families
                            .extend(prefer.flat_map(|p| words_of(p, "family")).map(Into::into));
                    }
                }
                "match" => self.families.extend(matched(node).map(Into::into)),
                _ => {}
            }
        }
    }
}

/// The families that a `<match>` puts before sans-serif, if that is all that it asks for.
fn matched<'a>(node: Node<'a, 'a>) -> impl Iterator<Item = &'a str> {
    let mut tests = children(node, "test").peekable();
    let only_family = tests.peek().is_some()
        && node.attribute("target").unwrap_or("pattern") == "pattern"
        && tests.all(|test| {
            test.attribute("name") == Some("family")
                && test.attribute("compare").unwrap_or("eq") == "eq"
                && words_of(test, "string").eq(["sans-serif"])
        });
    children(node, "edit")
        .filter(move |edit| {
            only_family
                && edit.attribute("name") == Some("family")
                && matches!(
                    edit.attribute("mode"),
                    Some("prepend" | "prepend_first" | "assign" | "assign_replace")
                )
        })
        .flat_map(|edit| words_of(edit, "string"))
}

fn children<'a>(node: Node<'a, 'a>, name: &'static str) -> impl Iterator<Item = Node<'a, 'a>> {
    node.children()
        .filter(move |child| child.has_tag_name(name))
}

fn words<'a>(node: Node<'a, 'a>) -> impl Iterator<Item = &'a str> {
    node.text()
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .into_iter()
}

fn words_of<'a>(node: Node<'a, 'a>, name: &'static str) -> impl Iterator<Item = &'a str> {
    children(node, name).flat_map(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Config {
        let mut config = Config::default();
        config.take_in(text);
        config
    }

    #[test]
    fn an_alias_and_a_plain_match_name_the_sans_serif() {
        let config = read(
            r#"<?xml version="1.0"?>
            <!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
            <fontconfig>
              <dir>/opt/fonts</dir><dir prefix="xdg">fonts</dir>
              <alias><family>serif</family><prefer><family>No</family></prefer></alias>
              <alias><family>sans-serif</family>
                <prefer><family> Noto Sans </family><family>DejaVu Sans</family></prefer></alias>
              <match target="pattern"><test name="family"><string>sans-serif</string></test>
                <edit name="family" mode="prepend" binding="strong"><string>Inter</string></edit></match>
              <match><test name="lang"><string>ja</string></test>
                <test name="family"><string>sans-serif</string></test>
                <edit name="family" mode="prepend"><string>Only Japanese</string></edit></match>
              <match target="font"><test name="family"><string>sans-serif</string></test>
                <edit name="family" mode="prepend"><string>A face</string></edit></match>
            </fontconfig>"#,
        );
        assert_eq!(config.families, ["Noto Sans", "DejaVu Sans", "Inter"]);
        assert_eq!(config.directories, [PathBuf::from("/opt/fonts")]);
    }

    #[test]
    fn a_broken_file_says_nothing() {
        assert_eq!(read("<fontconfig><alias>"), Config::default());
        assert_eq!(read("sans-serif"), Config::default());
    }
}

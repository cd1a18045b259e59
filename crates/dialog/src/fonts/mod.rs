//! Which fonts there are, and which of them have to be read: a system has hundreds, and a dialog
//! needs two or three.
//!
//! Names of files are looked at first. Of the dialog's own font only the regular and the bold file
//! are read. A text that these do not cover is given, cluster by cluster, to the first font that
//! has it: of those that are liked for its script, then of all there are. The choice depends on the
//! files and the text alone, never on what was shown before. Without a font texts have no shape,
//! and [`crate::text`] draws boxes; everything else works.
//!
//! Reads font files and fontconfig's configuration; nothing else.

mod config;
mod cover;
mod files;
mod prefer;

use std::{collections::HashMap, fmt, ops::Range, path::PathBuf};

use cosmic_text::{
    Attrs, Fallback, Family, FontSystem,
    fontdb::{self, Database, FaceInfo, ID, Language, Source, Weight},
    skrifa::{self, MetadataProvider as _},
};
use unicode_script::{Script, UnicodeScript as _};
use unicode_segmentation::UnicodeSegmentation as _;

use config::Config;
pub use config::FONTS_VARIABLE;
use cover::{Coverage, is_ignorable};
use files::{FileStyle, Files, normal};
use prefer::Han;

/// The dialog's own font by the names that the shaper knows it by.
const REGULAR: &str = "endsession regular";
const BOLD: &str = "endsession bold";
/// The most faces that are held open: texts of more scripts at once than this show replacement
/// characters for the last ones.
const MAX_FACES: usize = 48;
/// The most files whose coverage is read in the search for a character that no liked font has.
const MAX_SEARCHED: usize = 4000;
/// The most characters whose font is remembered.
const MAX_CHOSEN: usize = 8192;

/// A face that the shaper may use, by a name that only we give.
#[derive(Debug)]
struct Face {
    name: String,
    weight: u16,
    id: ID,
}

/// A text with nothing in it that no font has, and which face draws what of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Runs {
    /// The text.
    pub(crate) text: String,
    /// Parts of it, in order and without gaps, and the number of a face.
    pub(crate) spans: Vec<(Range<usize>, usize)>,
}

/// The fonts of the system.
pub(crate) struct Fonts {
    system: FontSystem,
    files: Files,
    han: Han,
    faces: Vec<Face>,
    /// By file, boldness and shape of Han; `None` for a file that is of no use.
    loaded: HashMap<(usize, bool, Han), Option<usize>>,
    coverage: HashMap<usize, Coverage>,
    chosen: HashMap<(char, bool, Han), Option<usize>>,
    /// The file of the dialog's own font.
    own: Option<usize>,
}

impl fmt::Debug for Fonts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fonts")
            .field("faces", &self.faces)
            .finish_non_exhaustive()
    }
}

impl Fonts {
    /// The fonts that the environment leads to; see [`FONTS_VARIABLE`].
    pub(crate) fn of_environment(locale: &str) -> Self {
        Self::new(locale, &Config::of_environment())
    }

    /// The fonts below these directories.
    pub(crate) fn below(locale: &str, directories: Vec<PathBuf>) -> Self {
        Self::new(locale, &Config::only(directories))
    }

    fn new(locale: &str, config: &Config) -> Self {
        let mut this = Self {
            system: FontSystem::new_with_locale_and_db_and_fallback(
                locale.to_owned(),
                Database::new(),
                OwnFont,
            ),
            files: Files::below(&config.directories),
            han: Han::of_locale(locale),
            faces: Vec::new(),
            loaded: HashMap::new(),
            coverage: HashMap::new(),
            chosen: HashMap::new(),
            own: None,
        };
        this.own = this.choose_own(&config.families);
        if this.own.is_none() {
            tracing::warn!("no font was found: texts are shown as boxes");
        }
        this
    }

    /// The first font of ordinary weight that can be read and has Latin letters.
    fn choose_own(&mut self, families: &[String]) -> Option<usize> {
        let named: Vec<usize> = families
            .iter()
            .map(|family| normal(family))
            .chain(prefer::SANS.iter().map(|&stem| stem.to_owned()))
            .filter_map(|stem| self.files.find(&stem, FileStyle::Regular))
            .collect();
        if let Some(own) = named.into_iter().find(|&file| self.is_fit(file)) {
            return Some(own);
        }
        self.by_liking().into_iter().find(|&file| self.is_fit(file))
    }

    fn is_fit(&mut self, file: usize) -> bool {
        self.covers(file, "aZ ") && self.face_of(file, false, self.han).is_some()
    }

    /// All files, those first that look best.
    fn by_liking(&self) -> Vec<usize> {
        let mut all: Vec<_> = self
            .files
            .iter()
            .filter(|(_, file)| !prefer::NEVER.contains(&file.stem.as_str()))
            .map(|(at, file)| {
                (
                    (file.style != FileStyle::Regular, prefer::poor(&file.stem)),
                    at,
                )
            })
            .collect();
        all.sort_unstable();
        all.into_iter()
            .map(|(_, at)| at)
            .take(MAX_SEARCHED)
            .collect()
    }

    /// Whether there is any font.
    pub(crate) fn is_empty(&self) -> bool {
        self.own.is_none()
    }

    /// What shapes with these fonts.
    pub(crate) fn system(&mut self) -> &mut FontSystem {
        &mut self.system
    }

    /// How the shaper is told to use a face.
    pub(crate) fn attrs(&self, face: usize) -> Attrs<'_> {
        let attrs = Attrs::new();
        match self.faces.get(face) {
            Some(face) => attrs
                .family(Family::Name(&face.name))
                .weight(Weight(face.weight)),
            None => attrs,
        }
    }

    /// Whether the dialog's own font has all of this.
    pub(crate) fn has(&mut self, text: &str) -> bool {
        self.own.is_some_and(|own| self.covers(own, text))
    }

    /// The dialog's own face.
    pub(crate) fn own(&mut self, bold: bool) -> Option<usize> {
        let own = self.own?;
        self.face_for(own, bold, self.han, "")
    }

    /// How far a face reaches above and below its baseline, in ems.
    pub(crate) fn reach(&mut self, face: usize) -> (f32, f32) {
        let Some(&Face { id, weight, .. }) = self.faces.get(face) else {
            return (1.0, 0.25);
        };
        let Some(font) = self.system.get_font(id, Weight(weight)) else {
            return (1.0, 0.25);
        };
        let metrics = font.metrics();
        let em = f32::from(metrics.units_per_em.max(1));
        (metrics.ascent / em, -metrics.descent / em)
    }

    /// Which faces draw `text`. What no font has becomes U+FFFD, or loses a mark that none has.
    pub(crate) fn runs(&mut self, text: &str, bold: bool) -> Runs {
        let mut runs = Runs::default();
        let Some(own) = self.own else {
            return runs;
        };
        let han = Han::of_text(text).unwrap_or(self.han);
        let mut last = own;
        for cluster in text.graphemes(true) {
            let (file, cluster) = match self.choose(cluster, last, han) {
                Some(file) => (file, self.covered(file, cluster)),
                None if self.covers(own, "\u{fffd}") => (own, "\u{fffd}".to_owned()),
                None => (own, "?".to_owned()),
            };
            last = file;
            let Some(face) = self.face_for(file, bold, han, &cluster) else {
                continue;
            };
            let start = runs.text.len();
            runs.text.push_str(&cluster);
            match runs.spans.last_mut() {
                Some((range, of)) if *of == face => range.end = runs.text.len(),
                _ => runs.spans.push((start..runs.text.len(), face)),
            }
        }
        runs
    }

    /// The part of a cluster that a file has. Without the rest the shaper misses nothing, and does
    /// not try what other texts happened to load.
    fn covered(&mut self, file: usize, cluster: &str) -> String {
        let coverage = self.coverage(file);
        cluster
            .chars()
            .filter(|&c| is_ignorable(c) || coverage.has(c))
            .collect()
    }

    /// The file that draws a cluster: the whole of it, or at least its first character.
    fn choose(&mut self, cluster: &str, last: usize, han: Han) -> Option<usize> {
        let own = self.own?;
        if cluster.len() == 1 && self.covers(own, cluster) {
            return Some(own);
        }
        let first = cluster.chars().next()?;
        let emoji = cluster.contains('\u{fe0f}')
            || (prefer::is_emoji(first) && !cluster.contains('\u{fe0e}'));
        let single = first.len_utf8() == cluster.len();
        let key = (first, emoji, han);
        // What belongs to no script stays in the font of what stands before it, where that has it.
        let belongs = !matches!(first.script(), Script::Common | Script::Inherited);
        if single
            && belongs
            && let Some(known) = self.chosen.get(&key)
        {
            return *known;
        }
        let found = self.search(cluster, last, han, emoji, belongs);
        if single {
            if belongs {
                if self.chosen.len() >= MAX_CHOSEN {
                    self.chosen.clear();
                }
                self.chosen.insert(key, found);
            }
            return found;
        }
        found.or_else(|| self.choose(&cluster[..first.len_utf8()], last, han))
    }

    fn search(
        &mut self,
        cluster: &str,
        last: usize,
        han: Han,
        emoji: bool,
        belongs: bool,
    ) -> Option<usize> {
        let own = self.own?;
        if emoji && let Some(file) = self.first_of(&prefer::EMOJI, cluster, han) {
            return Some(file);
        }
        for file in [own, last] {
            if (file == own || !belongs) && self.covers(file, cluster) {
                return Some(file);
            }
        }
        let script = cluster
            .chars()
            .map(|c| c.script())
            .find(|script| !matches!(script, Script::Common | Script::Inherited));
        let liked = prefer::of_script(script.unwrap_or(Script::Common), han);
        self.first_of(&liked, cluster, han)
            .or_else(|| self.first_of(&prefer::GENERAL, cluster, han))
            .or_else(|| {
                let all = self.by_liking();
                all.into_iter()
                    .find(|&file| self.covers(file, cluster) && self.is_usable(file, han))
            })
    }

    fn first_of<S: AsRef<str>>(&mut self, stems: &[S], cluster: &str, han: Han) -> Option<usize> {
        stems.iter().find_map(|stem| {
            let file = self.files.find(stem.as_ref(), FileStyle::Regular)?;
            (self.covers(file, cluster) && self.is_usable(file, han)).then_some(file)
        })
    }

    fn is_usable(&mut self, file: usize, han: Han) -> bool {
        self.face_of(file, false, han).is_some()
    }

    fn covers(&mut self, file: usize, text: &str) -> bool {
        let coverage = self.coverage(file);
        text.chars().all(|c| is_ignorable(c) || coverage.has(c))
    }

    fn coverage(&mut self, file: usize) -> &Coverage {
        let files = &self.files;
        self.coverage.entry(file).or_insert_with(|| {
            files
                .get(file)
                .map(|file| Coverage::of_file(&file.path))
                .unwrap_or_default()
        })
    }

    /// The face of a file for a cluster: bold where it is to be and a bold one has it all.
    fn face_for(&mut self, file: usize, bold: bool, han: Han, cluster: &str) -> Option<usize> {
        if bold {
            // A variable font is its own bold.
            if let Some(face) = self.face_of(file, true, han) {
                return Some(face);
            }
            if let Some(sister) = self.files.bold_of(file)
                && self.covers(sister, cluster)
                && let Some(face) = self.face_of(sister, true, han)
            {
                return Some(face);
            }
        }
        self.face_of(file, false, han)
    }

    /// The face of exactly this file: `bold` asks a regular file for a weight that it can vary to.
    fn face_of(&mut self, file: usize, bold: bool, han: Han) -> Option<usize> {
        let key = (file, bold, han);
        if let Some(known) = self.loaded.get(&key) {
            return *known;
        }
        let face = self.load(file, bold, han);
        self.loaded.insert(key, face);
        face
    }

    fn load(&mut self, file: usize, bold: bool, han: Han) -> Option<usize> {
        let path = self.files.get(file)?.path.clone();
        let is_bold = self.files.get(file)?.style == FileStyle::Bold;
        if bold && !is_bold {
            // The same face again, at another weight, or none.
            let regular = self.face_of(file, false, han)?;
            let id = self.faces.get(regular)?.id;
            let varies = self.system.db().with_face_data(id, |data, index| {
                let font = skrifa::FontRef::from_index(data, index).ok()?;
                let axis = font.axes().get_by_tag(skrifa::Tag::new(b"wght"))?;
                Some((axis.min_value()..=axis.max_value()).contains(&700.0))
            });
            let name = self.faces.get(regular)?.name.clone();
            return (varies == Some(Some(true))).then(|| self.push(name, 700, id));
        }
        if self.faces.len() >= MAX_FACES {
            return None;
        }
        let info = pick(&path, han)?;
        let weight = if is_bold { 700 } else { 400 };
        // The dialog's own font is the first that is loaded, and the only one that shapes
        // ellipses; its names are known to `OwnFont`.
        let name = match (self.own, is_bold) {
            (None, _) => REGULAR.to_owned(),
            (Some(own), true) if self.files.bold_of(own) == Some(file) => BOLD.to_owned(),
            _ => format!("endsession {}", self.faces.len()),
        };
        let id = self.system.db_mut().push_face_info(FaceInfo {
            id: ID::dummy(),
            families: vec![(name.clone(), Language::English_UnitedStates)],
            // The shaper takes a face with "Emoji" in this for the first fallback of all.
            post_script_name: String::new(),
            style: fontdb::Style::Normal,
            weight: Weight(weight),
            stretch: fontdb::Stretch::Normal,
            monospaced: false,
            ..info
        });
        if self.system.get_font(id, Weight(weight)).is_none() {
            self.system.db_mut().remove_face(id);
            return None;
        }
        Some(self.push(name, weight, id))
    }

    fn push(&mut self, name: String, weight: u16, id: ID) -> usize {
        self.faces.push(Face { name, weight, id });
        self.faces.len() - 1
    }
}

/// The face of a file; of a collection the one with these shapes of Han characters.
fn pick(path: &std::path::Path, han: Han) -> Option<FaceInfo> {
    let mut scratch = Database::new();
    scratch.load_font_file(path).ok()?;
    let named = |face: &&FaceInfo| {
        let mut names = face.families.iter().map(|(name, _)| name);
        names.any(|name| name.ends_with(han.suffix()) && !name.contains("Mono"))
    };
    let mut faces: Vec<_> = scratch.faces().collect();
    faces.sort_by_key(|face| face.index);
    let face = faces
        .iter()
        .copied()
        .find(named)
        .or(faces.first().copied())?;
    Some(FaceInfo {
        source: Source::File(path.to_owned()),
        ..face.clone()
    })
}

/// What the shaper falls back on where a face lacks something after all: an ellipsis, at most.
#[derive(Debug)]
struct OwnFont;

impl Fallback for OwnFont {
    fn common_fallback(&self) -> &[&'static str] {
        &[REGULAR, BOLD]
    }

    fn forbidden_fallback(&self) -> &[&'static str] {
        &[]
    }

    fn script_fallback(&self, _: Script, _: &str) -> &[&'static str] {
        &[]
    }
}

#[cfg(test)]
pub(crate) mod tests;

//! Which characters a font file has.

use std::path::Path;

use cosmic_text::{
    fontdb::{Database, FaceInfo, ID, Source, Stretch, Style, Weight},
    skrifa::{FontRef, MetadataProvider as _},
};

/// The most ranges that are kept of one file. Fonts with every Han character have some thousands;
/// what a malformed one claims beyond this does not count.
const MAX_RANGES: usize = 20_000;

/// The characters of a font, as ranges in order. Kept instead of the file's own table, so that
/// asking opens nothing again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Coverage {
    ranges: Vec<(u32, u32)>,
}

impl Coverage {
    /// What the file's character map has, of a collection its first face's; nothing where it
    /// cannot be read.
    pub(super) fn of_file(path: &Path) -> Self {
        // The database only maps the file: this crate has no unsafe code of its own.
        let mut database = Database::new();
        let id = database.push_face_info(FaceInfo {
            id: ID::dummy(),
            source: Source::File(path.to_owned()),
            index: 0,
            families: Vec::new(),
            post_script_name: String::new(),
            style: Style::Normal,
            weight: Weight::NORMAL,
            stretch: Stretch::Normal,
            monospaced: false,
        });
        let read = database.with_face_data(id, |data, index| {
            let font = FontRef::from_index(data, index).ok()?;
            Some(Self::of(font.charmap().mappings().map(|(c, _)| c)))
        });
        read.flatten().unwrap_or_default()
    }

    fn of(characters: impl Iterator<Item = u32>) -> Self {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for c in characters {
            if let Some((_, end)) = ranges.last_mut()
                && c.checked_sub(1) == Some(*end)
            {
                *end = c;
            } else if ranges.len() < MAX_RANGES {
                ranges.push((c, c));
            } else {
                break;
            }
        }
        // A malformed map need not be in order.
        ranges.sort_unstable();
        ranges.shrink_to_fit();
        Self { ranges }
    }

    /// Whether the font has this character.
    pub(super) fn has(&self, c: char) -> bool {
        let c = u32::from(c);
        let at = self.ranges.partition_point(|(start, _)| *start <= c);
        at.checked_sub(1).is_some_and(|at| self.ranges[at].1 >= c)
    }
}

/// Characters that change others and show nothing themselves: no font has to have them.
pub(super) const fn is_ignorable(c: char) -> bool {
    matches!(
        c,
        '\u{200c}'..='\u{200f}' | '\u{061c}' | '\u{2066}'..='\u{2069}' | '\u{180b}'..='\u{180f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{e0020}'..='\u{e007f}' | '\u{e0100}'..='\u{e01ef}'
            | '\u{034f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_what_was_put_in_and_nothing_else() {
        let coverage = Coverage::of([0x41, 0x42, 0x43, 0x61, 0x5d0].into_iter());
        for c in ['A', 'C', 'a', 'א'] {
            assert!(coverage.has(c), "{c}");
        }
        for c in ['@', 'D', 'b', 'ב', '\0', char::MAX] {
            assert!(!coverage.has(c), "{c}");
        }
        assert!(!Coverage::default().has('a'));
    }

    #[test]
    fn a_file_that_is_no_font_covers_nothing() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(Coverage::of_file(file.path()), Coverage::default());
        std::fs::write(file.path(), [0x5a; 4096]).unwrap();
        assert_eq!(Coverage::of_file(file.path()), Coverage::default());
        assert_eq!(
            Coverage::of_file(Path::new("/nowhere")),
            Coverage::default()
        );
    }
}

//! Untrusted text made fit to be shaped: one line of bounded length that cannot reorder, stretch or
//! hide anything but itself.

use unicode_segmentation::UnicodeSegmentation as _;

/// The most bytes that are looked at. What a peer may say is capped at 4 KiB where it comes in.
const MAX_BYTES: usize = 4096;
/// The most characters that are shown: more than any place of a dialog has room for.
const MAX_CHARS: usize = 1000;
/// The most characters of one cluster. The longest that people write are emoji of several persons
/// with skin tones, of 11; stacks of marks beyond this are no language's.
const MAX_CLUSTER: usize = 16;
/// The most isolates within each other; translations nest two deep.
const MAX_DEPTH: usize = 8;

/// A text as it is shaped: line ends, tabs and runs of spaces are one space, characters that
/// control and do not show are gone, and so are those that override or embed directions
/// (U+202A–U+202E). Isolates (U+2066–U+2069), which translations put around names, stay and are
/// closed. What is longer than a dialog shows ends in an ellipsis.
pub(super) fn plain(text: &str) -> String {
    clean(text, true)
}

/// `text` fit to be put into another: as it is shown by itself, without isolates, so that a name
/// can neither end the isolate that a translation puts around it nor begin one that does not end.
#[must_use]
pub fn inline(text: &str) -> String {
    clean(text, false)
}

fn clean(text: &str, isolates: bool) -> String {
    let mut cut = text.len().min(MAX_BYTES);
    while !text.is_char_boundary(cut) {
        cut -= 1;
    }
    let mut shortened = cut < text.len();
    let mut kept = String::with_capacity(cut);
    // Open isolates that were kept, and after them those that were too deep.
    let (mut open, mut dropped) = (0_usize, 0_usize);
    let mut space = None;
    let mut last = '\0';
    for c in text[..cut].chars() {
        match c {
            '\u{2066}'..='\u{2068}' if isolates => {
                if open < MAX_DEPTH {
                    open += 1;
                } else {
                    dropped += 1;
                    continue;
                }
            }
            '\u{2069}' if isolates => match (dropped, open) {
                (0, 0) => continue,
                (0, _) => open -= 1,
                _ => {
                    dropped -= 1;
                    continue;
                }
            },
            // Marks of direction are needed once.
            '\u{200e}' | '\u{200f}' | '\u{061c}' if c != last => {}
            // Tags spell the flags of regions after the black flag, and nothing elsewhere.
            '\u{e0020}'..='\u{e007f}'
                if last == '\u{1f3f4}' || matches!(last, '\u{e0020}'..='\u{e007f}') => {}
            _ if c.is_whitespace() || c.is_control() => {
                space = Some(match space {
                    None if matches!(c, '\u{a0}' | '\u{202f}' | '\u{3000}') => c,
                    _ => ' ',
                });
                continue;
            }
            _ if is_hidden(c) => continue,
            _ => {}
        }
        if let Some(space) = space.take()
            && !kept.is_empty()
        {
            kept.push(space);
        }
        kept.push(c);
        last = c;
    }
    let mut out = String::with_capacity(kept.len());
    let mut left = MAX_CHARS;
    for cluster in kept.graphemes(true) {
        let cluster = cluster
            .char_indices()
            .nth(MAX_CLUSTER)
            .map_or(cluster, |(end, _)| &cluster[..end]);
        let length = cluster.chars().count();
        if length > left {
            shortened = true;
            break;
        }
        left -= length;
        out.push_str(cluster);
    }
    if shortened {
        out.push('…');
    }
    if isolates {
        let mut open = 0_usize;
        for c in out.chars() {
            match c {
                '\u{2066}'..='\u{2068}' => open += 1,
                '\u{2069}' => open = open.saturating_sub(1),
                _ => {}
            }
        }
        out.extend(std::iter::repeat_n('\u{2069}', open));
    }
    out
}

/// Characters that show nothing and that no reader misses. Joiners and variation selectors are not
/// among them: words and emoji need them, and they count as part of their cluster.
const fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e00ff}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{fffe}' | '\u{ffff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_line_without_controls() {
        assert_eq!(plain("  Save\n\n\tchanges?\r\0 "), "Save changes?");
        assert_eq!(plain("a\u{2028}b\u{85}c\u{7f}d"), "a b c d");
        assert_eq!(plain("10\u{a0}%"), "10\u{a0}%");
        assert_eq!(plain("\u{feff}a\u{200b}\u{200b}b\u{ad}c"), "abc");
        assert_eq!(plain(" \n\0"), "");
        assert_eq!(plain("<b>&amp;</b>"), "<b>&amp;</b>");
    }

    #[test]
    fn overrides_are_gone_and_isolates_are_closed() {
        assert_eq!(plain("photo\u{202e}gpj.exe"), "photogpj.exe");
        assert_eq!(plain("\u{202b}\u{202a}a\u{202c}"), "a");
        assert_eq!(plain("\u{2068}a\u{2069}b"), "\u{2068}a\u{2069}b");
        assert_eq!(plain("a\u{2069}\u{2067}b"), "a\u{2067}b\u{2069}");
        let deep = "\u{2067}".repeat(500) + "x" + &"\u{2069}".repeat(600);
        assert_eq!(
            plain(&deep),
            "\u{2067}".repeat(8) + "x" + &"\u{2069}".repeat(8)
        );
    }

    #[test]
    fn what_is_put_into_another_text_holds_no_isolates() {
        assert_eq!(inline("\u{2069}evil\u{2067}\u{202e} name\n"), "evil name");
    }

    #[test]
    fn floods_are_cut() {
        let zalgo = format!("a{}b", "\u{301}".repeat(3000));
        assert_eq!(
            plain(&zalgo),
            format!("a{}…", "\u{301}".repeat(MAX_CLUSTER - 1))
        );
        let long = plain(&"x".repeat(5000));
        assert_eq!(long.chars().count(), MAX_CHARS + 1);
        assert!(long.ends_with('…'));
        assert!(plain(&"\u{200d}".repeat(5000)).chars().count() <= MAX_CLUSTER + 1);
        assert_eq!(plain(&"\u{200f}".repeat(1000)), "\u{200f}");
    }

    #[test]
    fn emoji_and_joined_letters_stay_whole() {
        for text in ["👨‍👩‍👧‍👦", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "☕️", "می‌خواهم", "क्‍ष", "👩🏽‍❤️‍💋‍👨🏻"]
        {
            assert_eq!(plain(text), text);
        }
        assert_eq!(plain("a\u{e0067}\u{e007f}b"), "ab");
    }
}

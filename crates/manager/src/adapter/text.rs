//! Text that a peer sent, made fit to show: one place decides what of it is kept.
//!
//! Touches nothing but the bytes it is given. A title is a stranger's: it may be megabytes long,
//! not be text at all, or carry control characters that would redraw a terminal or turn a row of
//! the dialog around.

use super::display::MAX_TEXT;

/// What stands where a control character or a byte that is no text stood.
const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

/// Bytes that should be UTF-8.
pub(crate) fn from_utf8(bytes: &[u8]) -> String {
    // A lossy decoding grows a byte to three at most, and everything past the cut is waste. The
    // four bytes more keep a character that straddles the cut whole, so that it is not mistaken
    // for a broken one.
    let bytes = &bytes[..bytes.len().min(MAX_TEXT + 4)];
    from_chars(String::from_utf8_lossy(bytes).chars())
}

/// Bytes of ISO 8859-1, as the type STRING of ICCCM 2.7.1 has them.
pub(crate) fn from_latin1(bytes: &[u8]) -> String {
    from_chars(bytes.iter().map(|&b| char::from(b)))
}

/// Text that is already known to be UTF-8.
pub(crate) fn from_str(text: &str) -> String {
    from_chars(text.chars())
}

/// Keeps at most [`MAX_TEXT`] bytes, cut at a character.
fn from_chars(chars: impl Iterator<Item = char>) -> String {
    let mut kept = String::new();
    for c in chars {
        let c = match c {
            // A line break in a title is a space to whoever reads the row.
            '\t' | '\n' | '\r' => ' ',
            c if c.is_control() => REPLACEMENT,
            // Directional overrides and isolates without an end reorder what follows the title
            // on the row: the name of the next application, for one.
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => continue,
            c => c,
        };
        if kept.len() + c.len_utf8() > MAX_TEXT {
            break;
        }
        kept.push(c);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_never_reach_a_terminal() {
        assert_eq!(
            from_utf8(b"a\x1b[2Jb\0\x7f"),
            "a\u{fffd}[2Jb\u{fffd}\u{fffd}"
        );
        assert_eq!(from_str("two\nlines\there"), "two lines here");
        // C1 controls are controls too: U+009B starts an escape sequence on some terminals.
        assert_eq!(from_str("\u{9b}31m"), "\u{fffd}31m");
    }

    #[test]
    fn directional_marks_are_dropped() {
        assert_eq!(
            from_str("a\u{202e}txt.exe\u{202c}\u{2066}b\u{200f}"),
            "atxt.exeb"
        );
    }

    #[test]
    fn broken_utf8_is_marked_and_the_rest_kept() {
        assert_eq!(from_utf8(b"caf\xe9.txt"), "caf\u{fffd}.txt");
    }

    #[test]
    fn latin1_is_decoded() {
        assert_eq!(from_latin1(b"caf\xe9"), "café");
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        // 3 bytes each: 512 is not a multiple of 3.
        let long = "語".repeat(1_000_000);
        for cut in [from_utf8(long.as_bytes()), from_str(&long)] {
            assert_eq!(cut, "語".repeat(MAX_TEXT / 3));
        }
        let cut = from_latin1(&vec![0xe9; 100_000]);
        assert_eq!(cut, "é".repeat(MAX_TEXT / 2));
        assert_eq!(from_utf8(&vec![0xff; 100_000]).len() / 3, MAX_TEXT / 3);
    }

    #[test]
    fn a_character_at_the_cut_is_not_mistaken_for_a_broken_one() {
        let text = format!("{}é{}", "x".repeat(MAX_TEXT - 1), "y".repeat(100));
        assert_eq!(from_utf8(text.as_bytes()), "x".repeat(MAX_TEXT - 1));
    }
}

//! How long a text for the user may be, and how one is cut.

/// The longest reason, in UTF-16 code units as Windows counts them: `MAX_STR_BLOCKREASON` less the 0 at its end. A longer one is cut at a
/// character, on every platform, so that it reads the same everywhere.
pub const MAX_REASON: usize = 255;

/// The beginning of `text` that has at most `units` UTF-16 code units, cut at a character.
pub(crate) fn cut(text: &str, units: usize) -> &str {
    let mut left = units;
    for (at, character) in text.char_indices() {
        match left.checked_sub(character.len_utf16()) {
            Some(rest) => left = rest,
            None => return &text[..at],
        }
    }
    text
}

/// `reason` as every backend gets it: without control characters (they would break the lists in which it is shown), and cut.
pub(crate) fn reason(text: &str) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        // What follows is cut off anyway; a huge text is not copied first.
        .take(MAX_REASON)
        .collect();
    cut(clean.trim(), MAX_REASON).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_at_a_character_as_windows_counts() {
        assert_eq!(reason(&"a".repeat(300)).len(), 255);
        // Two units each: the 128th does not fit whole.
        assert_eq!(reason(&"😀".repeat(300)), "😀".repeat(127));
        assert_eq!(reason("short"), "short");
    }

    #[test]
    fn a_reason_is_one_line() {
        assert_eq!(reason(" two\nlines\0 "), "two lines");
    }
}

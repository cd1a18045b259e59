//! Lookup in trees of the tests' own.

use std::fs;

use tempfile::TempDir;

use super::*;

/// A base directory with files; a picture is of one colour, by which it is known again.
struct Tree(TempDir);

impl Tree {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, path: &str, text: &str) -> &Self {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn theme(&self, name: &str, inherits: &str, sizes: &[u32]) -> &Self {
        let directories: Vec<_> = sizes.iter().map(|size| format!("{size}/apps")).collect();
        let mut text = format!(
            "[Icon Theme]\nName={name}\nInherits={inherits}\nDirectories={}\n",
            directories.join(",")
        );
        for size in sizes {
            text += &format!("[{size}/apps]\nSize={size}\nType=Fixed\n");
        }
        self.write(&format!("{name}/index.theme"), &text)
    }

    fn picture(&self, path: &str, size: u32, color: u8) -> &Self {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut picture = Pixmap::new(size, size).unwrap();
        picture.fill(tiny_skia::Color::from_rgba8(color, 0, 0, 255));
        picture.save_png(path).unwrap();
        self
    }

    fn icons(&self, theme: &str) -> Icons {
        Icons::below(
            theme,
            vec![self.0.path().to_owned()],
            vec![self.0.path().join("pixmaps")],
        )
    }
}

/// The colour in the middle of an icon of the size that was asked for.
fn color(icons: &mut Icons, name: &str, size: u32) -> Option<u8> {
    let icon = icons.find(name, size)?;
    assert_eq!((icon.width(), icon.height()), (size, size));
    icon.pixel(size / 2, size / 2).map(|pixel| pixel.red())
}

#[test]
fn the_best_size_is_taken() {
    let tree = Tree::new();
    tree.theme("own", "", &[16, 32, 48, 256]);
    for size in [16, 32, 48, 256_u32] {
        let color = u8::try_from(size.min(200)).unwrap();
        tree.picture(&format!("own/{size}/apps/app.png"), size, color);
    }
    let mut icons = tree.icons("own");
    assert_eq!(color(&mut icons, "app", 16), Some(16));
    assert_eq!(color(&mut icons, "app", 32), Some(32));
    assert_eq!(color(&mut icons, "app", 40), Some(48));
    assert_eq!(color(&mut icons, "app", 64), Some(200));
    assert_eq!(color(&mut icons, "app", 300), Some(200));
    assert_eq!(color(&mut icons, "app.png", 16), Some(16));
    assert_eq!(color(&mut icons, "other", 16), None);
}

#[test]
fn a_theme_comes_before_what_it_inherits_and_hicolor_last() {
    let tree = Tree::new();
    tree.theme("own", "hicolor,mother,own", &[32])
        .theme("mother", "grandmother", &[32])
        .theme("grandmother", "own", &[32])
        .theme("hicolor", "", &[32]);
    for (theme, color, names) in [
        ("own", 1, &["a"][..]),
        ("mother", 2, &["a", "b"]),
        ("grandmother", 3, &["a", "b", "c"]),
        ("hicolor", 4, &["a", "b", "c", "d"]),
    ] {
        for name in names {
            tree.picture(&format!("{theme}/32/apps/{name}.png"), 32, color);
        }
    }
    tree.picture("pixmaps/e.png", 32, 5).picture("f.png", 32, 6);
    let mut icons = tree.icons("own");
    for (name, expected) in [("a", 1), ("b", 2), ("c", 3), ("d", 4), ("e", 5), ("f", 6)] {
        assert_eq!(color(&mut icons, name, 32), Some(expected), "{name}");
    }
    // A theme that is not there is hicolor.
    assert_eq!(color(&mut tree.icons("none"), "a", 32), Some(4));
    assert_eq!(color(&mut tree.icons(""), "a", 32), Some(4));
}

#[test]
fn an_icon_that_cannot_be_read_is_passed_over() {
    let tree = Tree::new();
    tree.theme("own", "", &[32, 64]).theme("hicolor", "", &[32]);
    tree.write("own/32/apps/a.png", "no picture")
        .picture("own/64/apps/a.png", 64, 64)
        .write("own/32/apps/b.svg", "<svg")
        .picture("hicolor/32/apps/b.png", 32, 4)
        .write("own/32/apps/c.svg", "<svg");
    let mut icons = tree.icons("own");
    assert_eq!(color(&mut icons, "a", 32), Some(64));
    assert_eq!(color(&mut icons, "b", 32), Some(4));
    assert_eq!(color(&mut icons, "c", 32), None);
}

#[test]
fn a_name_leads_nowhere_else() {
    let tree = Tree::new();
    tree.theme("own", "..,.,a/b,../own", &[32])
        .picture("secret.png", 32, 9);
    tree.picture("own/32/apps/fine.png", 32, 1);
    let mut icons = tree.icons("own");
    let long = "x".repeat(70_000);
    for name in [
        "../../../secret",
        "..",
        ".",
        "",
        "a/b",
        "fi\0ne",
        "\0",
        &long,
        &long[..300],
    ] {
        assert_eq!(color(&mut icons, name, 32), None);
    }
    assert_eq!(color(&mut tree.icons("../own"), "fine", 32), None);
    assert_eq!(color(&mut icons, "fine", 32), Some(1));
}

#[test]
fn an_absolute_path_is_a_file() {
    let tree = Tree::new();
    tree.picture("some where/icon.png", 16, 7);
    let path = tree.0.path().join("some where/icon.png");
    let mut icons = tree.icons("");
    assert_eq!(color(&mut icons, path.to_str().unwrap(), 40), Some(7));
    assert_eq!(color(&mut icons, "/etc/passwd", 40), None);
    assert_eq!(color(&mut icons, "/nowhere.png", 40), None);
}

#[test]
fn a_bounded_number_of_icons_is_kept() {
    let tree = Tree::new();
    let mut icons = tree.icons("");
    for number in 0..1000 {
        icons.find(&number.to_string(), 16);
        assert!(icons.kept.len() <= MAX_KEPT);
    }
    assert!(icons.find("x", 0).is_none());
    assert!(icons.find("x", u32::MAX).is_none());
}

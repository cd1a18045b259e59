//! What the dialog looks like, kept as pictures: every kind of content, in both languages, light
//! and dark, at scales 1 and 2. Painted without a display, so that they are the same everywhere;
//! the fonts are Debian's.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use endsession_dialog::apps::App;
use endsession_dialog::content::{Content, Holds, Kind, Phase, Question, Request, Row};
use endsession_dialog::geometry::Size;
use endsession_dialog::i18n::Messages;
use endsession_dialog::icons::Icons;
use endsession_dialog::layout::layout;
use endsession_dialog::paint::{Look, paint};
use endsession_dialog::text::Text;
use endsession_dialog::theme::{Scheme, Theme};
use endsession_dialog::view::{Control, Pending, Ui, view};
use endsession_testkit::picture::{Picture, Tolerance};
use tempfile::TempDir;
use tiny_skia::Pixmap;

/// A file and the package that has it.
const FONTS: [&str; 5] = [
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf",
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
    "/usr/share/fonts/truetype/lohit-devanagari/Lohit-Devanagari.ttf",
    "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf",
];

/// An icon as themes have them.
const ICON: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">
<rect x="2" y="1" width="12" height="14" rx="2" fill="#f6d32d"/>
<path d="M5 5h6M5 8h6M5 11h4" stroke="#613583" stroke-width="1.2"/></svg>"##;

struct Studio {
    files: TempDir,
}

/// One picture to be made.
struct Shot<'a> {
    content: Content,
    ui: Ui,
    locale: &'a str,
    scheme: Scheme,
    scale: f32,
    room: Size,
    scroll: f32,
    focus: Option<Control>,
}

impl Shot<'_> {
    fn of(content: Content) -> Self {
        Self {
            content,
            ui: Ui::default(),
            locale: "en",
            scheme: Scheme::Light,
            scale: 1.0,
            room: Size::new(1280.0, 720.0),
            scroll: 0.0,
            focus: None,
        }
    }
}

impl Studio {
    fn new() -> Self {
        let files = TempDir::new().unwrap();
        for font in FONTS.map(Path::new) {
            assert!(
                font.exists(),
                "{} is not installed: cargo xtask test",
                font.display()
            );
            symlink(font, files.path().join(font.file_name().unwrap())).unwrap();
        }
        std::fs::write(files.path().join("icon.svg"), ICON).unwrap();
        Self { files }
    }

    fn take(&self, name: &str, shot: Shot<'_>) {
        let words = Messages::new(shot.locale);
        let icon = self.files.path().join("icon.svg").display().to_string();
        let mut known = |name: &str, _| App {
            name: match name {
                "org.gnome.gedit" => "Text Editor".to_owned(),
                _ => String::new(),
            },
            icon: match name {
                "org.gnome.gedit" => icon.clone(),
                _ => String::new(),
            },
        };
        let view = view(&shot.content, &shot.ui, &words, 75_000, &mut known);
        let mut text = Text::with_fonts(shot.locale, vec![self.files.path().to_owned()]);
        text.set_scale(shot.scale);
        let layout = layout(&view, &mut text, shot.room, false, shot.scroll);
        let pixels = |length: f32| (length * shot.scale).ceil() as u32;
        let size = (pixels(layout.size.width), pixels(layout.size.height));
        let mut pixmap = Pixmap::new(size.0, size.1).unwrap();
        let look = Look {
            theme: Theme::of(shot.scheme),
            focus: Some(shot.focus.as_ref().unwrap_or(&view.default)),
            hover: None,
            pressed: None,
            rounded: true,
        };
        // None but the one above: the machine may have one of every name.
        let mut icons = Icons::below("none", Vec::new(), Vec::new());
        paint(
            &mut pixmap.as_mut(),
            shot.scale,
            &layout,
            &look,
            &mut text,
            &mut icons,
        );
        let made = self.files.path().join(format!("{name}.png"));
        pixmap.save_png(&made).unwrap();
        let golden: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "goldens"]
            .iter()
            .collect();
        Picture::load(&made).assert_like(&golden.join(format!("{name}.png")), Tolerance::default());
    }
}

fn row(app: &str, holds: Holds, reason: &str, since: i64) -> Row {
    Row {
        app: app.to_owned(),
        name: app.to_owned(),
        holds,
        reason: reason.to_owned(),
        responding: holds != Holds::NotResponding,
        can_show: holds != Holds::Slow,
        since,
        ..Row::default()
    }
}

fn blocked() -> Request {
    Request {
        rows: vec![
            row(
                "org.gnome.gedit",
                Holds::Inhibitor,
                "There are unsaved documents",
                40_000,
            ),
            row(
                "Disc burner",
                Holds::Refusal,
                "Burning “Holiday pictures 2026” at 8×. If this is \
                 interrupted the disc can be thrown away, and so can the two before it, since the \
                 set is only complete with all three of them",
                0,
            ),
            row("player", Holds::NotResponding, "", 10_000),
            row("foot", Holds::Job, "cargo build --release", 70_000),
        ],
        ..Request::default()
    }
}

fn closing() -> Request {
    Request {
        phase: Phase::Closing,
        closed: 3,
        total: 7,
        ..Request::default()
    }
}

#[test]
fn who_blocks_in_both_languages_and_both_schemes_at_both_scales() {
    let studio = Studio::new();
    for (locale, scheme, scale) in [
        ("en", Scheme::Light, 1.0),
        ("es", Scheme::Dark, 1.0),
        ("en", Scheme::Dark, 2.0),
        ("es", Scheme::Light, 2.0),
        ("en", Scheme::Light, 1.5),
    ] {
        let shot = Shot {
            locale,
            scheme,
            scale,
            ..Shot::of(Content::Request(blocked()))
        };
        let scheme = if scheme == Scheme::Dark {
            "dark"
        } else {
            "light"
        };
        studio.take(&format!("blocked-{locale}-{scheme}-{scale}"), shot);
    }
}

#[test]
fn texts_of_every_script_and_length() {
    let rows = vec![
        row(
            "מעבד תמלילים",
            Holds::Window,
            "יש מסמכים שלא נשמרו (draft 2.txt)",
            75_000,
        ),
        row(
            "محرر النصوص",
            Holds::Refusal,
            "توجد مستندات غير محفوظة",
            75_000,
        ),
        row(
            "文書作成",
            Holds::Refusal,
            "保存されていない変更があります。保存しますか？",
            75_000,
        ),
        row("पाठ संपादक", Holds::Refusal, "बिना सहेजे दस्तावेज़ हैं", 75_000),
        row(
            "Chat 🎉",
            Holds::Inhibitor,
            "In a call with 👩‍💻 and 👨‍👩‍👧 🇪🇺",
            75_000,
        ),
        row("", Holds::Inhibitor, "", 75_000),
        row(
            "<b>bold</b> &amp; evil\u{202e}gpj.exe",
            Holds::Refusal,
            "<a href='x'>click</a> \u{202e}me\nnow",
            75_000,
        ),
        row(
            &"W".repeat(400),
            Holds::Refusal,
            &"unbreakable".repeat(60),
            75_000,
        ),
        row(
            "Z̵̛͖̗a̴̛̦l̷̬̂g̷̹͝o̸̻͝",
            Holds::Refusal,
            &"o\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}".repeat(40),
            75_000,
        ),
    ];
    let request = Request {
        rows,
        ..Request::default()
    };
    let ui = Ui {
        expanded: true,
        ..Ui::default()
    };
    let room = Size::new(1280.0, 1080.0);
    Studio::new().take(
        "scripts",
        Shot {
            ui,
            room,
            ..Shot::of(Content::Request(request))
        },
    );
}

#[test]
fn many_rows_scroll_under_the_edges_of_the_list() {
    let rows = (1..=30).map(|n| row(&format!("Application {n}"), Holds::Refusal, "Not now", 0));
    let request = Request {
        rows: rows.collect(),
        ..Request::default()
    };
    let focus = Some(Control::End("Application 7".to_owned()));
    Studio::new().take(
        "many",
        Shot {
            scroll: 333.0,
            focus,
            ..Shot::of(Content::Request(request))
        },
    );
}

#[test]
fn warnings_before_anything_is_lost() {
    let studio = Studio::new();
    for (name, pending) in [
        ("warning-one", Pending::One("Disc burner".to_owned())),
        ("warning-all", Pending::All),
    ] {
        let ui = Ui {
            pending: Some(pending),
            ..Ui::default()
        };
        studio.take(
            name,
            Shot {
                ui,
                ..Shot::of(Content::Request(blocked()))
            },
        );
    }
}

#[test]
fn the_strip_wide_and_narrow() {
    let studio = Studio::new();
    let mut request = closing();
    request.rows = blocked().rows;
    request.rows.push(row(
        "org.gnome.gedit",
        Holds::Window,
        "Save changes to “draft.txt”?",
        60_000,
    ));
    for (name, width, locale) in [("strip-wide", 1280.0, "en"), ("strip-narrow", 400.0, "es")] {
        let room = Size::new(width, 300.0);
        studio.take(
            name,
            Shot {
                room,
                locale,
                ..Shot::of(Content::Request(request.clone()))
            },
        );
    }
}

#[test]
fn a_telephones_screen() {
    let shot = Shot {
        room: Size::new(360.0, 700.0),
        ..Shot::of(Content::Request(blocked()))
    };
    Studio::new().take("telephone", shot);
}

#[test]
fn what_is_about_to_happen_and_how_far_it_is() {
    let studio = Studio::new();
    let mut confirm = Request {
        phase: Phase::Confirming,
        kind: Kind::Restart,
        ..Request::default()
    };
    confirm.reason = "Security updates are installed at 18:00".to_owned();
    studio.take("confirm", Shot::of(Content::Request(confirm)));
    let forced = Request {
        forced: true,
        ..closing()
    };
    studio.take(
        "ending-all",
        Shot {
            scheme: Scheme::Dark,
            ..Shot::of(Content::Request(forced))
        },
    );
    let imposed = Request {
        phase: Phase::Imposed,
        forced: true,
        ..closing()
    };
    studio.take("imposed", Shot::of(Content::Request(imposed)));
}

#[test]
fn the_menu_and_the_question() {
    let studio = Studio::new();
    let menu = Content::Menu(vec![Kind::LogOff, Kind::Restart, Kind::PowerOff]);
    studio.take(
        "menu",
        Shot {
            scheme: Scheme::Dark,
            locale: "es",
            ..Shot::of(menu)
        },
    );
    let question = Content::Question(Question {
        text: "End the session?".to_owned(),
        detail: "“draft.txt” has changes that are not saved.".to_owned(),
    });
    studio.take("question", Shot::of(question));
}

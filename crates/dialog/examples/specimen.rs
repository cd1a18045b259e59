//! Draws texts of many kinds and some applications, so that a person can look at them:
//! `specimen FILE.png [SCALE]`.

use std::{error::Error, time::Instant};

use endsession_dialog::{
    apps::Apps,
    geometry::Rect,
    icons::Icons,
    text::{Measure as _, Style, Text},
};
use tiny_skia::{Color, Paint, Pixmap, Transform};

const WIDTH: f32 = 720.0;
const HEIGHT: f32 = 1080.0;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("specimen FILE.png [SCALE]")?;
    let scale = arguments.next().map_or(Ok(1.0), |scale| scale.parse())?;

    let began = Instant::now();
    let mut text = Text::new(&std::env::var("LANG").unwrap_or_default());
    text.set_scale(scale);
    eprintln!("fonts: {:?}", began.elapsed());
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "small"
    )]
    let size = |length: f32| (length * scale).ceil() as u32;
    let mut picture = Pixmap::new(size(WIDTH), size(HEIGHT)).ok_or("too large")?;
    for (x, ground, ink) in [
        (
            0.0,
            Color::from_rgba8(250, 250, 250, 255),
            Color::from_rgba8(30, 30, 30, 255),
        ),
        (
            WIDTH / 2.0,
            Color::from_rgba8(36, 36, 36, 255),
            Color::from_rgba8(238, 238, 238, 255),
        ),
    ] {
        let side = tiny_skia::Rect::from_xywh(x * scale, 0.0, WIDTH / 2.0 * scale, HEIGHT * scale);
        let mut paint = Paint::default();
        paint.set_color(ground);
        picture.fill_rect(side.ok_or("no size")?, &paint, Transform::identity(), None);
        column(&mut text, &mut picture, x + 12.0, ink);
    }
    eprintln!("drawn: {:?}", began.elapsed());
    picture.save_png(path)?;
    Ok(())
}

/// One under the other, each in a frame as large as it was measured.
fn column(text: &mut Text, picture: &mut Pixmap, x: f32, ink: Color) {
    let scale = text.scale();
    let mut y = 8.0;
    for (sample, style) in samples() {
        let began = Instant::now();
        let room = WIDTH / 2.0 - 24.0;
        let size = text.measure(&sample, &style, room);
        let left = if text.is_rtl(&sample) {
            x + room - size.width
        } else {
            x
        };
        let place = Rect::new(left, y, size.width, size.height);
        if !place.is_empty()
            && let Some(rect) = tiny_skia::Rect::from_xywh(
                place.x * scale,
                place.y * scale,
                place.width * scale,
                place.height * scale,
            )
        {
            let mut paint = Paint::default();
            paint.set_color_rgba8(80, 140, 255, 40);
            picture.fill_rect(rect, &paint, Transform::identity(), None);
        }
        text.draw(&mut picture.as_mut(), &sample, &style, place, ink);
        y += size.height + 6.0;
        let short: String = sample.chars().take(20).collect();
        eprintln!("{:>9.1?} {size:?} {short:?}", began.elapsed());
    }
    applications(text, picture, x, y, ink);
}

/// Name and icon of what these ids lead to on this system.
fn applications(text: &mut Text, picture: &mut Pixmap, x: f32, mut y: f32, ink: Color) {
    let scale = text.scale();
    let (mut apps, mut icons) = (Apps::new(""), Icons::new("Adwaita"));
    let style = Style {
        size: 13.0,
        bold: true,
        max_lines: 1,
    };
    for id in [
        "foot",
        "Firefox-esr",
        "org.gnome.gedit",
        "Mousepad",
        "libreoffice",
        "gvim",
        "nobody",
    ] {
        let began = Instant::now();
        let app = apps.find(id, None);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small"
        )]
        let size = (32.0 * scale).round() as u32;
        #[expect(clippy::cast_possible_truncation, reason = "small")]
        if let Some(icon) = icons.find(&app.icon, size) {
            let paint = tiny_skia::PixmapPaint::default();
            let (left, top) = ((x * scale) as i32, (y * scale) as i32);
            picture.draw_pixmap(
                left,
                top,
                icon.as_ref(),
                &paint,
                Transform::identity(),
                None,
            );
        }
        eprintln!("{:>9.1?} {app:?}", began.elapsed());
        let name = format!("{} ({id})", app.name);
        let place = Rect::new(x + 40.0, y + 7.0, 300.0, 25.0);
        text.draw(&mut picture.as_mut(), &name, &style, place, ink);
        y += 38.0;
    }
}

fn samples() -> Vec<(String, Style)> {
    let body = Style {
        size: 13.0,
        bold: false,
        max_lines: 2,
    };
    let title = Style {
        size: 20.0,
        bold: true,
        max_lines: 2,
    };
    let one = Style {
        max_lines: 1,
        ..body
    };
    let small = Style { size: 11.0, ..one };
    let bold = Style { bold: true, ..body };
    [
        ("3 applications are preventing log-off", title),
        ("Hamburgefonstiv – office, fjord, “quoted” 0123456789", body),
        ("Bold: Hamburgefonstiv 0123456789", bold),
        ("Small: waiting for 12 s · not responding", small),
        ("Large", Style { size: 32.0, ..body }),
        ("", body),
        ("This reason is longer than its two lines have room for: the document “Report of the year, final, second version (3).odt” was changed and never saved by anybody at all", body),
        ("/home/user/averyveryverylongpathwithoutanyspaces/averyveryverylongpathwithoutanyspaces/averyveryverylongpathwithoutanyspaces.txt", body),
        ("One line that ends in an ellipsis because it is longer than the place", one),
        ("لم يتم حفظ المستند. هل تريد حفظ التغييرات قبل الخروج من الجلسة الآن؟", body),
        ("המסמך לא נשמר. לשמור את השינויים?", body),
        ("العنوان «report-2024.pdf» لم يُحفظ (3 من 7)", body),
        ("The file \u{2068}تقرير\u{2069} (1 of 2) is not saved", body),
        ("photo\u{202e}gpj.exe", body),
        ("文書が保存されていません。ログアウトしますか？", body),
        ("文档尚未保存。要注销吗？直骨角", body),
        ("문서가 저장되지 않았습니다.", body),
        ("दस्तावेज़ सहेजा नहीं गया है। क्षत्रिय", body),
        ("เอกสารยังไม่ได้บันทึก ต้องการออกจากระบบหรือไม่", body),
        ("Документ не сохранён · Το έγγραφο δεν αποθηκεύτηκε", body),
        ("😀 👨‍👩‍👧‍👦 👍🏽 🏴󠁧󠁢󠁥󠁮󠁧󠁿 🇪🇸 1️⃣ ☕ ❤️ ❤ ✔ Done 🎉", body),
        ("Z̸̡̢̛̗̘̙̜̝̞̟̠̀́̂̃̄̅̆̇̈à̴̡̢̗̘̙̜̝̞̟́̂̃̄̅̆̇l̵̡̢̗̘̙̜̝̞̟̀́̂̃̄̅̆̇g̶̡̢̗̘̙̜̝̞̟̀́̂̃̄̅̆̇ò̷̡̢̗̘̙̜̝̞̟́̂̃̄̅̆̇ text", body),
        ("∀x∈ℝ: ⌈x⌉ = −⌊−x⌋ → ⟨𝒜⟩ ♞ ⚙ ⏻ 𓀀 \u{10ffff}", body),
        ("Line\nbreaks\tand \u{7} controls", body),
        ("漢字kana😀עברית mixed with everything العربية 123 and more of it, so that it takes three lines", body),
    ]
    .into_iter()
    .map(|(text, style)| (text.to_owned(), style))
    .collect()
}

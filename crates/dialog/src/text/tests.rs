//! Text as it is measured and drawn, with real fonts from Debian.

use std::{ops::Range, sync::OnceLock};

use proptest::prelude::*;
use tempfile::TempDir;
use tiny_skia::Pixmap;

use super::{
    lines::{MAX_LAYOUTS, MAX_LINE},
    *,
};
use crate::fonts::tests::{ALL, directory};

const BODY: Style = Style {
    size: 13.0,
    bold: false,
    max_lines: 2,
};

fn text() -> Text {
    static FONTS: OnceLock<TempDir> = OnceLock::new();
    let temp = FONTS.get_or_init(|| directory(&ALL));
    Text::with_fonts("en_US.UTF-8", vec![temp.path().to_owned()])
}

fn no_fonts() -> Text {
    Text::with_fonts("C", vec!["/nowhere".into()])
}

/// The columns of a picture in which anything was drawn, from first to last.
fn drawn(text: &mut Text, what: &str, style: &Style, place: Rect) -> Option<(u32, u32)> {
    let mut picture = Pixmap::new(400, 100).unwrap();
    text.draw(&mut picture.as_mut(), what, style, place, Color::BLACK);
    let columns = (0..400).filter(|x| (0..100).any(|y| picture.pixel(*x, y).unwrap().alpha() > 0));
    let columns: Vec<u32> = columns.collect();
    Some((*columns.first()?, *columns.last()?))
}

/// Which units stand in each line, and whether it ends in an ellipsis.
fn lines(text: &mut Text, what: &str, style: &Style, width: f32) -> Vec<(Range<usize>, bool)> {
    let layout = text.lay_out(what, style, width);
    layout
        .lines
        .iter()
        .map(|line| (line.units.clone(), line.ellipsis))
        .collect()
}

#[test]
fn a_text_is_as_wide_as_its_longest_line_and_as_high_as_its_lines() {
    let mut text = text();
    let one = text.measure("Save", &BODY, 300.0);
    assert!(
        one.width > 25.0 && one.width < 45.0 && one.width.fract() == 0.0,
        "{one:?}"
    );
    assert!(one.height >= 13.0 && one.height < 20.0, "{one:?}");
    let two = text.measure("Save all of these changes now", &BODY, 120.0);
    assert_eq!(two.height, 2.0 * one.height);
    assert!(two.width <= 120.0);
    let bold = text.measure("Save", &Style { bold: true, ..BODY }, 300.0);
    assert!(bold.width > one.width);
    assert_eq!(text.measure("", &BODY, 300.0), Size::default());
    assert_eq!(text.measure("\n\0\u{202e}", &BODY, 300.0), Size::default());
}

#[test]
fn what_is_longer_ends_in_an_ellipsis() {
    let mut text = text();
    let long = "words ".repeat(100);
    let seen = lines(&mut text, &long, &BODY, 200.0);
    let [(first, false), (second, true)] = seen.as_slice() else {
        panic!("{seen:?}");
    };
    // Neither line begins or ends with a space.
    assert_eq!((first.start, first.end % 6), (0, 5));
    assert_eq!((second.start, second.start % 6), (first.end + 1, 0));
    assert_ne!(second.end % 6, 0);
    let size = text.measure(
        &long,
        &Style {
            max_lines: 1,
            ..BODY
        },
        200.0,
    );
    assert_eq!(size.height, text.measure("x", &BODY, 200.0).height);
    let whole = text.measure("word word", &BODY, 200.0).width;
    assert_eq!(lines(&mut text, "word word", &BODY, whole), [(0..9, false)]);
    assert_eq!(
        lines(&mut text, "word word", &BODY, whole - 1.0),
        [(0..4, false), (5..9, false)]
    );
}

#[test]
fn no_space_and_no_short_word_pushes_the_ellipsis_out() {
    let mut text = text();
    let what = "Several words of which the last is . , x";
    let whole = text.measure(what, &BODY, 1000.0).width;
    let style = Style {
        max_lines: 1,
        ..BODY
    };
    for less in 1..60_u8 {
        let room = whole - f32::from(less);
        let layout = text.lay_out(what, &style, room);
        assert!(layout.lines[0].ellipsis);
        assert!(layout.width <= room + 0.1, "{} in {room}", layout.width);
    }
}

#[test]
fn a_space_before_the_end_of_an_isolate_takes_no_room_at_the_end() {
    let mut text = text();
    let bare = text.measure("abc", &BODY, 300.0);
    assert_eq!(text.measure("\u{2068}abc \u{2069}", &BODY, 300.0), bare);
}

#[test]
fn a_word_longer_than_a_line_is_broken_anywhere() {
    let mut text = text();
    let long = "x".repeat(4096);
    let style = Style {
        max_lines: 3,
        ..BODY
    };
    let size = text.measure(&long, &style, 200.0);
    assert!(size.width <= 200.0 && size.width > 180.0, "{size:?}");
    assert_eq!(size.height, 3.0 * text.measure("x", &BODY, 200.0).height);
    let place = Rect::new(10.0, 0.0, size.width, size.height);
    let (first, last) = drawn(&mut text, &long, &style, place).unwrap();
    assert!(first >= 10 && last < 210, "{first}..{last}");
}

#[test]
fn lines_break_where_they_were_measured_at_every_scale() {
    let mut text = text();
    let long = "The document “Report (3).odt” was changed, 文書が保存, and is not saved by anybody";
    for scale in [1.0, 1.25, 1.5, 1.75, 2.0, 3.0] {
        text.set_scale(scale);
        for width in 60..300_u16 {
            let style = Style {
                max_lines: 4,
                ..BODY
            };
            let width = f32::from(width);
            let size = text.measure(long, &style, width);
            let measured = lines(&mut text, long, &style, width);
            assert_eq!(
                measured,
                lines(&mut text, long, &style, size.width),
                "{scale} {width}"
            );
        }
    }
}

#[test]
fn a_right_to_left_text_begins_at_the_right() {
    let mut text = text();
    let place = Rect::new(20.0, 0.0, 300.0, 40.0);
    for (what, rtl) in [
        ("المستند", true),
        ("123 ملف", true),
        ("file ملف", false),
        ("\u{2068}ملف\u{2069} file", false),
        ("123", false),
        ("", false),
    ] {
        assert_eq!(text.is_rtl(what), rtl, "{what}");
        match drawn(&mut text, what, &BODY, place) {
            None => assert!(what.is_empty()),
            Some((first, last)) if rtl => {
                assert!(first > 200 && last > 310, "{what} {first} {last}")
            }
            Some((first, last)) => assert!(first < 24 && last < 200, "{what} {first} {last}"),
        }
    }
}

#[test]
fn a_right_to_left_word_of_several_fonts_is_in_order() {
    let mut text = text();
    let place = Rect::new(0.0, 0.0, 300.0, 40.0);
    let ideographic = drawn(&mut text, "、", &BODY, Rect::new(0.0, 0.0, 20.0, 40.0)).unwrap();
    let without = drawn(&mut text, "אאאא", &BODY, place).unwrap();
    // The comma has a font of its own and stands to the left of all letters.
    let seen = drawn(&mut text, "אאאא、", &BODY, place).unwrap();
    assert!(seen.1.abs_diff(without.1) <= 1, "{seen:?} {without:?}");
    let comma = ideographic.1 - ideographic.0;
    assert!(seen.0 < without.0 - comma, "{seen:?} {without:?}");
}

#[test]
fn an_override_reorders_nothing() {
    let mut text = text();
    let mut picture = |what: &str| {
        let mut picture = Pixmap::new(100, 30).unwrap();
        let place = Rect::new(0.0, 0.0, 100.0, 30.0);
        text.draw(&mut picture.as_mut(), what, &BODY, place, Color::BLACK);
        picture
    };
    let bare = picture("abc def");
    assert!(picture("abc\u{202e} def") == bare);
    assert!(picture("abc\u{2067}\u{202d} def") != picture("abc fed"));
}

#[test]
fn nothing_is_drawn_outside_the_place() {
    let mut text = text();
    let zalgo =
        "Z\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}\u{308}\u{309}\u{30a}\u{30b}".repeat(4);
    let style = Style { size: 30.0, ..BODY };
    let place = Rect::new(50.0, 40.0, 60.0, 10.0);
    let mut picture = Pixmap::new(200, 100).unwrap();
    text.draw(&mut picture.as_mut(), &zalgo, &style, place, Color::BLACK);
    let mut inside = 0;
    for y in 0..100 {
        for x in 0..200 {
            if picture.pixel(x, y).unwrap().alpha() > 0 {
                assert!((50..110).contains(&x) && (40..50).contains(&y), "{x} {y}");
                inside += 1;
            }
        }
    }
    assert!(inside > 20);
    // Places that lie outside of the picture, or nowhere.
    for place in [
        Rect::new(-1e9, -1e9, 1e10, 1e10),
        Rect::new(1e9, 0.0, 10.0, 10.0),
        Rect::new(f32::NAN, f32::INFINITY, f32::NAN, 5.0),
        Rect::new(190.0, 90.0, 60.0, 60.0),
    ] {
        text.draw(
            &mut picture.as_mut(),
            "Outside 😀",
            &BODY,
            place,
            Color::BLACK,
        );
    }
}

#[test]
fn emoji_keep_their_colours_and_fade_with_the_text() {
    let mut text = text();
    let place = Rect::new(0.0, 0.0, 100.0, 40.0);
    let mut alpha = |color: Color| {
        let mut picture = Pixmap::new(100, 40).unwrap();
        text.draw(&mut picture.as_mut(), "😀", &BODY, place, color);
        let yellow = picture
            .pixels()
            .iter()
            .filter(|p| p.red() > p.blue() + 20)
            .count();
        assert!(yellow > 40, "{yellow}");
        picture.pixels().iter().map(|p| p.alpha()).max().unwrap()
    };
    assert_eq!(alpha(Color::BLACK), 255);
    let faded = alpha(Color::from_rgba8(0, 0, 0, 128));
    assert!((126..=130).contains(&faded), "{faded}");
}

#[test]
fn without_fonts_boxes_are_drawn() {
    let mut text = no_fonts();
    let size = text.measure("Save changes?", &BODY, 60.0);
    assert!(size.width <= 60.0 && size.height > 26.0, "{size:?}");
    let place = Rect::new(0.0, 0.0, size.width, size.height);
    assert!(drawn(&mut text, "Save changes?", &BODY, place).is_some());
    assert_eq!(text.measure("", &BODY, 60.0), Size::default());
    assert!(text.is_rtl("שלום"));
    assert!(
        drawn(&mut text, "שלום", &BODY, Rect::new(0.0, 0.0, 300.0, 20.0))
            .unwrap()
            .0
            > 200
    );
}

#[test]
fn caches_are_bounded() {
    let mut text = text();
    for number in 0..300 {
        let what = format!("{number} {}", "x".repeat(900));
        text.measure(&what, &BODY, 100.0);
        for width in 0..20_u8 {
            text.measure(&what, &BODY, 100.0 + f32::from(width));
        }
        assert!(text.kept <= MAX_SHAPED);
        let layouts = text
            .shaped
            .iter()
            .flat_map(HashMap::values)
            .map(|s| s.layouts());
        assert!(layouts.max().unwrap() <= MAX_LAYOUTS);
    }
}

/// Characters that have made trouble somewhere, next to any others.
fn nasty() -> impl Strategy<Value = String> {
    let bits = prop_oneof![
        4 => any::<char>().prop_map(String::from),
        4 => "[ a-z]{1,8}",
        2 => "[\u{590}-\u{6ff}]{1,8}",
        2 => "[\u{900}-\u{97f}]{1,8}",
        1 => "[\u{e00}-\u{e7f}]{1,8}",
        1 => "[\u{4e00}-\u{4fff}\u{3040}-\u{30ff}]{1,6}",
        2 => "[\u{202a}-\u{202e}\u{2066}-\u{2069}\u{200b}-\u{200f}\n\t\0\u{2028}\u{feff}\u{ad}]{1,4}",
        1 => "[\u{300}-\u{36f}]{1,40}",
        1 => "[\u{1f300}-\u{1f6ff}\u{200d}\u{fe0e}\u{fe0f}\u{1f1e6}-\u{1f1ff}\u{1f3fb}-\u{1f3ff}\u{e0020}-\u{e007f}]{1,8}",
        1 => "[()<>|=!&\\-.,:;«»]{1,6}",
    ];
    prop::collection::vec(bits, 0..24).prop_map(|bits| bits.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_text_panics_or_leaves_its_place(
        what in nasty(),
        bold: bool,
        size in 4.0_f32..40.0,
        max_lines in 0_usize..5,
        width in 0.0_f32..300.0,
        scale in prop::sample::select(vec![1.0_f32, 1.25, 1.5, 2.0]),
    ) {
        thread_local! {
            static TEXT: std::cell::RefCell<Text> = std::cell::RefCell::new(text());
        }
        TEXT.with_borrow_mut(|text| {
            text.set_scale(scale);
            let style = Style { size, bold, max_lines };
            let measured = text.measure(&what, &style, width);
            prop_assert!(measured.width <= width && measured.width >= 0.0);
            prop_assert!(measured.height <= size * MAX_LINE * 5.0 + 10.0);
            let again = text.measure(&what, &style, measured.width);
            prop_assert_eq!(again, measured);
            let layout = text.lay_out(&what, &style, measured.width);
            for line in &layout.lines {
                // Only a line in which not even one unit and an ellipsis have room is cut.
                prop_assert!(
                    line.width <= width * scale + 0.1 || line.units.len() <= 1,
                    "{} in {}", line.width, width * scale
                );
            }
            let mut picture = Pixmap::new(300, 60).unwrap();
            let place = Rect::new(3.0, 3.0, measured.width, measured.height);
            text.draw(&mut picture.as_mut(), &what, &style, place, Color::BLACK);
            let _ = text.is_rtl(&what);
            Ok(())
        })?;
    }
}

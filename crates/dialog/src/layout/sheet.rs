//! The sheet and the window: heading, sentences, progress, the list, a warning, buttons, from top
//! to bottom.

use super::{
    BODY, BUTTON_HEIGHT, GAP, HEADING, ICON, Item, LABEL, Layout, MARGIN, NAME, NOTE, SPACE, Tone,
    WHY, What, height_of_lines, lines_of, width_of,
};
use crate::geometry::{Rect, Size};
use crate::shell::Form;
use crate::text::{Measure, Style};
use crate::view::{Button, Control, RowView, View};

/// With a list.
const WIDTH: f32 = 620.0;
/// With a few sentences.
const NARROW: f32 = 440.0;
/// Of the room, at most.
const SHARE: f32 = 0.92;
/// The list never gets so low that no row is seen, as long as there is room at all.
const LIST_MIN: f32 = 84.0;
const BAR: f32 = 6.0;
/// For the scrollbar and the space before it.
const SCROLL_WIDTH: f32 = 14.0;

pub(super) fn layout(
    view: &View,
    measure: &mut dyn Measure,
    room: Size,
    exact: bool,
    scroll: f32,
) -> Layout {
    let most = if exact {
        room
    } else {
        Size::new(room.width * SHARE, room.height * SHARE)
    };
    let wanted = if view.rows.is_empty() { NARROW } else { WIDTH };
    let width = if exact {
        room.width
    } else {
        wanted.min(most.width)
    };
    let mut out = Layout::default();
    let inner = (width - 2.0 * MARGIN).max(1.0);
    let everywhere = Rect::new(0.0, 0.0, width, f32::MAX);

    let top = if view.form == Form::Window {
        MARGIN - 4.0
    } else {
        MARGIN
    };
    let mut y = head(&mut out, view, measure, inner, top, everywhere);
    y = choices(&mut out, view, measure, inner, y, everywhere);

    // What comes below the list is as high as it is; the list takes what is left.
    let warning = measured(&view.warning, &BODY, measure, inner);
    let footer = lines_of(&view.buttons, measure, inner);
    let below =
        if warning > 0.0 { warning + SPACE } else { 0.0 } + height_of_lines(footer.len()) + MARGIN;
    let heights: Vec<f32> = view
        .rows
        .iter()
        .map(|row| row_height(row, measure, inner))
        .collect();
    let all: f32 = heights.iter().map(|h| h + GAP).sum::<f32>() - GAP;
    if !view.rows.is_empty() {
        y += SPACE;
        let space = (most.height - y - below - 2.0 * SPACE).max(LIST_MIN);
        let height = if exact { space } else { all.min(space) };
        out.list = Rect::new(MARGIN, y, inner, height);
        out.scroll_max = (all - height).max(0.0);
        // Whoever scrolls gives up width for the bar, so its rows may be higher than measured.
        let scrolls = out.scroll_max > 0.0;
        let row_width = if scrolls { inner - SCROLL_WIDTH } else { inner };
        let heights: Vec<f32> = if scrolls {
            view.rows
                .iter()
                .map(|row| row_height(row, measure, row_width))
                .collect()
        } else {
            heights
        };
        let all: f32 = heights.iter().map(|h| h + GAP).sum::<f32>() - GAP;
        out.scroll_max = if scrolls {
            (all - height).max(0.0)
        } else {
            0.0
        };
        let scroll = scroll.clamp(0.0, out.scroll_max);
        let mut at = y - scroll;
        for (n, (row, height)) in view.rows.iter().zip(&heights).enumerate() {
            let place = Rect::new(MARGIN, at, row_width, *height);
            self::row(&mut out, n, row, measure, place);
            at += height + GAP;
        }
        if scrolls {
            scrollbar(&mut out, all, scroll);
        }
        y += height + SPACE;
    }
    y += SPACE;
    if warning > 0.0 {
        let place = Rect::new(MARGIN, y, inner, warning);
        out.text(&view.warning, BODY, Tone::Warning, place, everywhere);
        y += warning + SPACE;
    }
    if exact {
        y = y.max(room.height - below);
    }
    self::footer(&mut out, &footer, measure, inner, y, everywhere);
    y += height_of_lines(footer.len()) + MARGIN;
    out.size = if exact {
        room
    } else {
        Size::new(width, y.ceil())
    };
    out
}

fn measured(text: &str, style: &Style, measure: &mut dyn Measure, width: f32) -> f32 {
    if text.is_empty() {
        0.0
    } else {
        measure.measure(text, style, width).height
    }
}

/// Puts a text to the top left of `at` and as wide as that; how high it is.
fn put(
    out: &mut Layout,
    measure: &mut dyn Measure,
    (text, style, tone): (&str, Style, Tone),
    at: Rect,
    clip: Rect,
) -> f32 {
    let height = measured(text, &style, measure, at.width);
    out.text(text, style, tone, Rect { height, ..at }, clip);
    height
}

/// Heading, sentences and progress; where they end.
fn head(
    out: &mut Layout,
    view: &View,
    measure: &mut dyn Measure,
    width: f32,
    top: f32,
    clip: Rect,
) -> f32 {
    let mut y = top;
    let at = |y: f32| Rect::new(MARGIN, y, width, 0.0);
    y += put(
        out,
        measure,
        (&view.heading, HEADING, Tone::Normal),
        at(y),
        clip,
    );
    for detail in &view.details {
        y += GAP;
        y += put(out, measure, (detail, BODY, Tone::Quiet), at(y), clip);
    }
    if let Some(progress) = &view.progress {
        y += SPACE;
        let place = Rect::new(MARGIN, y, width, BAR);
        bar(out, progress.done, progress.total, place, clip);
        y += BAR + GAP;
        y += put(
            out,
            measure,
            (&progress.text, NOTE, Tone::Quiet),
            at(y),
            clip,
        );
    }
    out.head = Rect::new(MARGIN, top, width, y - top);
    y
}

#[allow(clippy::cast_precision_loss, reason = "numbers of applications")]
pub(super) fn bar(out: &mut Layout, done: usize, total: usize, place: Rect, clip: Rect) {
    let share = done as f32 / total.max(1) as f32;
    out.items.push(Item {
        place,
        clip,
        what: What::Bar(share.clamp(0.0, 1.0)),
    });
}

/// A menu's buttons, each as wide as the whole, with a sentence below its label.
fn choices(
    out: &mut Layout,
    view: &View,
    measure: &mut dyn Measure,
    width: f32,
    top: f32,
    clip: Rect,
) -> f32 {
    let mut y = top;
    for button in &view.choices {
        y += SPACE;
        let inner = width - 2.0 * SPACE;
        let label = measure.measure(&button.label, &LABEL, inner);
        let text = measured(&button.description, &WHY, measure, inner);
        let height = SPACE + label.height + 2.0 + text + SPACE;
        let place = Rect::new(MARGIN, y, width, height);
        out.items.push(Item {
            place,
            clip,
            what: What::Button {
                control: button.control.clone(),
                emphasis: button.emphasis,
            },
        });
        let at = Rect::new(MARGIN + SPACE, y + SPACE, inner, label.height);
        out.text(&button.label, LABEL, Tone::On(button.emphasis), at, clip);
        let at = Rect::new(at.x, at.bottom() + 2.0, inner, text);
        out.text(&button.description, WHY, Tone::Quiet, at, clip);
        out.target_of(button, place, clip, None);
        y += height;
    }
    y
}

/// Where the texts of a row are, and its buttons.
struct Columns {
    texts: f32,
    /// The buttons' widths; they stand beside the texts, or below where there is no room.
    buttons: Vec<f32>,
    below: bool,
}

fn columns(row: &RowView, measure: &mut dyn Measure, width: f32) -> Columns {
    let inner = width - 2.0 * SPACE;
    let beside_icon = inner - ICON - SPACE;
    let buttons: Vec<f32> = row
        .buttons
        .iter()
        .map(|b| width_of(b, measure, beside_icon))
        .collect();
    let taken: f32 = buttons.iter().map(|w| w + GAP).sum();
    // Less would break every word of a reason.
    let below = beside_icon - taken < 180.0;
    Columns {
        texts: if below {
            beside_icon
        } else {
            beside_icon - taken
        },
        buttons,
        below,
    }
}

fn row_height(row: &RowView, measure: &mut dyn Measure, width: f32) -> f32 {
    let columns = columns(row, measure, width);
    let texts = texts_height(row, measure, columns.texts);
    let high = if columns.below {
        texts.max(ICON) + GAP + BUTTON_HEIGHT
    } else {
        texts.max(ICON).max(BUTTON_HEIGHT)
    };
    (high + 2.0 * SPACE).ceil()
}

fn why_style(row: &RowView) -> Style {
    Style {
        // A warning is read whole.
        max_lines: if row.warns { 4 } else { WHY.max_lines },
        ..WHY
    }
}

fn texts_height(row: &RowView, measure: &mut dyn Measure, width: f32) -> f32 {
    let note = measured(&row.note, &NOTE, measure, width);
    measured(&row.name, &NAME, measure, width)
        + 2.0
        + measured(&row.why, &why_style(row), measure, width)
        + if note > 0.0 { 3.0 + note } else { 0.0 }
}

fn row(out: &mut Layout, n: usize, row: &RowView, measure: &mut dyn Measure, place: Rect) {
    let clip = out.list;
    out.rows.push(place);
    out.items.push(Item {
        place,
        clip,
        what: What::Row { warns: row.warns },
    });
    let columns = columns(row, measure, place.width);
    let texts = texts_height(row, measure, columns.texts);
    let inner = place.inset(SPACE);
    let line = if columns.below {
        texts.max(ICON)
    } else {
        inner.height
    };
    out.items.push(Item {
        place: Rect::new(
            inner.x,
            inner.y + ((line - ICON) / 2.0).max(0.0).floor(),
            ICON,
            ICON,
        ),
        clip,
        what: What::Icon {
            icons: row.icons.clone(),
            name: row.name.clone(),
        },
    });
    let x = inner.x + ICON + SPACE;
    let mut y = inner.y + ((line - texts) / 2.0).max(0.0).floor();
    let mut below = |text: &str, style: Style, tone: Tone, gap: f32| {
        if text.is_empty() {
            return;
        }
        y += gap;
        let at = Rect::new(x, y, columns.texts, 0.0);
        y += put(out, measure, (text, style, tone), at, clip);
    };
    below(&row.name, NAME, Tone::Normal, 0.0);
    let tone = if row.warns {
        Tone::Warning
    } else {
        Tone::Normal
    };
    below(&row.why, why_style(row), tone, 2.0);
    below(
        &row.note,
        NOTE,
        if row.hung { Tone::Warning } else { Tone::Quiet },
        3.0,
    );
    let taken: f32 = columns.buttons.iter().map(|w| w + GAP).sum::<f32>() - GAP;
    let mut x = inner.right() - taken.max(0.0);
    let y = if columns.below {
        inner.bottom() - BUTTON_HEIGHT
    } else {
        inner.y + ((inner.height - BUTTON_HEIGHT) / 2.0).floor()
    };
    for (button, width) in row.buttons.iter().zip(&columns.buttons) {
        let place = Rect::new(x, y, *width, BUTTON_HEIGHT);
        out.button(button, measure, place, clip, Some(n));
        x += width + GAP;
    }
}

fn scrollbar(out: &mut Layout, all: f32, scroll: f32) {
    let list = out.list;
    let height = (list.height * list.height / all).max(24.0).min(list.height);
    let y = list.y + (list.height - height) * scroll / out.scroll_max.max(1.0);
    let (width, right) = (5.0, list.right());
    out.items.push(Item {
        place: Rect::new(right - width, y, width, height),
        clip: list,
        what: What::Scrollbar,
    });
}

/// At the right, but what ends all at the left, away from the rest.
fn footer(
    out: &mut Layout,
    lines: &[Vec<(&Button, f32)>],
    measure: &mut dyn Measure,
    inner: f32,
    top: f32,
    clip: Rect,
) {
    let mut y = top;
    for line in lines {
        let taken: f32 = line.iter().map(|(_, w)| w + GAP).sum::<f32>() - GAP;
        let mut x = MARGIN + inner - taken;
        for (n, (button, width)) in line.iter().enumerate() {
            let apart = n == 0 && button.control == Control::EndAll && line.len() > 1;
            let at = if apart { MARGIN } else { x };
            let place = Rect::new(at, y, *width, BUTTON_HEIGHT);
            out.button(button, measure, place, clip, None);
            x += width + GAP;
        }
        y += BUTTON_HEIGHT + GAP;
    }
}

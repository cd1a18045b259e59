//! The strip: one line, or two where the output is narrow: who is to be answered, and buttons.

use super::{
    BODY, BUTTON_HEIGHT, GAP, Item, Layout, NAME, SPACE, Tone, What, height_of_lines, lines_of,
    sheet,
};
use crate::geometry::{Rect, Size};
use crate::text::{Measure, Style};
use crate::view::View;

/// Wider is no easier to read.
const WIDTH: f32 = 960.0;
const ICON: f32 = 32.0;
const BAR: f32 = 4.0;
/// Narrower, and the buttons go below the texts.
const TEXT_MIN: f32 = 240.0;

pub(super) fn layout(view: &View, measure: &mut dyn Measure, room: Size) -> Layout {
    let width = WIDTH.min(room.width).max(1.0);
    let inner = (width - 2.0 * SPACE).max(1.0);
    let clip = Rect::new(0.0, 0.0, width, f32::MAX);
    let mut out = Layout::default();
    let row = view.rows.first();

    let mut lines = lines_of(&view.buttons, measure, inner);
    let taken: f32 = lines
        .first()
        .map_or(0.0, |line| line.iter().map(|(_, w)| w + GAP).sum());
    let icon = if row.is_some() { ICON + SPACE } else { 0.0 };
    let beside = lines.len() <= 1 && inner - icon - taken >= TEXT_MIN;
    let texts = if beside {
        inner - icon - taken
    } else {
        inner - icon
    };

    // The second line: what the application says, then how many more there are.
    let second: Vec<&str> = row
        .map(|r| r.why.as_str())
        .into_iter()
        .chain(view.details.iter().map(String::as_str))
        .filter(|t| !t.is_empty())
        .collect();
    let second = second.join(" · ");
    let body = Style {
        size: 13.5,
        max_lines: 1,
        ..BODY
    };
    let name = measure.measure(&view.heading, &NAME, texts).height;
    let why = measure.measure(&second, &body, texts).height;
    let high = (name + 2.0 + why).max(ICON);
    let high = if beside {
        high.max(BUTTON_HEIGHT)
    } else {
        high
    };

    let top = SPACE;
    if let Some(row) = row {
        out.items.push(Item {
            place: Rect::new(SPACE, top + ((high - ICON) / 2.0).floor(), ICON, ICON),
            clip,
            what: What::Icon {
                icons: row.icons.clone(),
                name: row.name.clone(),
            },
        });
    }
    let x = SPACE + icon;
    let y = top + ((high - name - 2.0 - why) / 2.0).floor();
    out.text(
        &view.heading,
        NAME,
        Tone::Normal,
        Rect::new(x, y, texts, name),
        clip,
    );
    let at = Rect::new(x, y + name + 2.0, texts, why);
    out.text(&second, body, Tone::Quiet, at, clip);
    out.head = Rect::new(x, y, texts, name + 2.0 + why);
    if row.is_some() {
        out.list = out.head;
        out.rows.push(out.head);
    }

    let mut y = top + high;
    if beside {
        let mut x = SPACE + inner - taken + GAP;
        for (button, width) in lines.pop().into_iter().flatten() {
            let place = Rect::new(
                x,
                top + ((high - BUTTON_HEIGHT) / 2.0).floor(),
                width,
                BUTTON_HEIGHT,
            );
            out.button(button, measure, place, clip, None);
            x += width + GAP;
        }
    } else {
        y += GAP;
        let count = lines.len();
        let mut at = y;
        for line in lines {
            let taken: f32 = line.iter().map(|(_, w)| w + GAP).sum::<f32>() - GAP;
            let mut x = SPACE + inner - taken;
            for (button, width) in line {
                let place = Rect::new(x, at, width, BUTTON_HEIGHT);
                out.button(button, measure, place, clip, None);
                x += width + GAP;
            }
            at += BUTTON_HEIGHT + GAP;
        }
        y += height_of_lines(count);
    }
    if let Some(progress) = &view.progress {
        y += GAP;
        let place = Rect::new(SPACE, y, inner, BAR);
        sheet::bar(&mut out, progress.done, progress.total, place, clip);
        y += BAR;
    }
    out.size = Size::new(width, (y + SPACE).ceil());
    out
}

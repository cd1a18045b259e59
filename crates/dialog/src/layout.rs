//! Where everything is: from a [`View`] to rectangles. Pure; text is measured by whoever knows
//! fonts.
//!
//! All places are in logical pixels from the top left of what is drawn.

mod sheet;
mod strip;

use crate::geometry::{Point, Rect, Size};
use crate::shell::Form;
use crate::text::{Measure, Style};
use crate::view::{Button, Control, Emphasis, View};

/// In which colour a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tone {
    /// What is read first.
    Normal,
    /// What is read after it.
    Quiet,
    /// A warning.
    Warning,
    /// On a button of this kind.
    On(Emphasis),
}

/// Something that is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Where.
    pub place: Rect,
    /// It is seen only as far as it lies within this: a list scrolls under its edges.
    pub clip: Rect,
    /// What.
    pub what: What,
}

/// What an item is.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A text.
    Text {
        /// What it says.
        text: String,
        /// How it looks.
        style: Style,
        /// Its colour.
        tone: Tone,
    },
    /// An application's icon: its names, and the application's, for a letter where there is none.
    Icon {
        /// As [`crate::icons::Icons::find`] takes them, the best first.
        icons: Vec<String>,
        /// The application's name.
        name: String,
    },
    /// A button's face; its label is a text of its own.
    Button {
        /// What it does.
        control: Control,
        /// How it looks.
        emphasis: Emphasis,
    },
    /// The background of a row.
    Row {
        /// It is a warning.
        warns: bool,
    },
    /// A progress bar, filled so far.
    Bar(f32),
    /// The part of a list that is seen, beside it.
    Scrollbar,
}

/// What can be pressed, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// What it does.
    pub control: Control,
    /// Where it is.
    pub place: Rect,
    /// The part of that which can be seen.
    pub seen: Rect,
    /// In the list, at which row.
    pub row: Option<usize>,
}

/// Everything in its place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    /// Of the whole.
    pub size: Size,
    /// In the order in which they are drawn.
    pub items: Vec<Item>,
    /// In the order of the Tab key.
    pub targets: Vec<Target>,
    /// Where the rows are seen.
    pub list: Rect,
    /// Each row, as far as it is scrolled; may lie outside of the list.
    pub rows: Vec<Rect>,
    /// The list can be scrolled so far.
    pub scroll_max: f32,
    /// The heading's and the other texts' places, for assistive technology.
    pub head: Rect,
}

/// Lays `view` out within `room`, its list scrolled by `scroll`. `exact`: it takes all of it.
pub fn layout(
    view: &View,
    measure: &mut dyn Measure,
    room: Size,
    exact: bool,
    scroll: f32,
) -> Layout {
    match view.form {
        Form::Strip => strip::layout(view, measure, room),
        Form::Sheet | Form::Window => sheet::layout(view, measure, room, exact, scroll),
    }
}

impl Layout {
    /// What is pressed at a place.
    #[must_use]
    pub fn at(&self, place: Point) -> Option<&Control> {
        let mut targets = self.targets.iter();
        targets.find(|t| t.seen.contains(place)).map(|t| &t.control)
    }

    /// Where a control is.
    #[must_use]
    pub fn target(&self, control: &Control) -> Option<&Target> {
        self.targets.iter().find(|t| t.control == *control)
    }

    /// How far the list, scrolled by `scroll` now, has to be scrolled for a control's row to be
    /// seen whole.
    #[must_use]
    pub fn reveal(&self, control: &Control, scroll: f32) -> f32 {
        let row = self.target(control).and_then(|t| t.row);
        let Some(row) = row.and_then(|row| self.rows.get(row)) else {
            return scroll;
        };
        let above = self.list.y - row.y;
        let below = row.bottom() - self.list.bottom();
        let by = if above > 0.0 {
            -above
        } else if below > 0.0 {
            // The top of a row that is higher than the list comes first.
            below.min(row.y - self.list.y)
        } else {
            0.0
        };
        (scroll + by).clamp(0.0, self.scroll_max)
    }

    fn text(&mut self, text: &str, style: Style, tone: Tone, place: Rect, clip: Rect) {
        self.items.push(Item {
            place,
            clip,
            what: What::Text {
                text: text.to_owned(),
                style,
                tone,
            },
        });
    }

    /// A button with its label in the middle.
    fn button(
        &mut self,
        button: &Button,
        measure: &mut dyn Measure,
        place: Rect,
        clip: Rect,
        row: Option<usize>,
    ) {
        self.items.push(Item {
            place,
            clip,
            what: What::Button {
                control: button.control.clone(),
                emphasis: button.emphasis,
            },
        });
        let inner = place.width - 2.0 * BUTTON_MARGIN;
        let label = measure.measure(&button.label, &LABEL, inner);
        let at = Rect::new(
            place.x + (place.width - label.width) / 2.0,
            place.y + (place.height - label.height) / 2.0,
            label.width,
            label.height,
        );
        self.text(&button.label, LABEL, Tone::On(button.emphasis), at, clip);
        self.target_of(button, place, clip, row);
    }

    fn target_of(&mut self, button: &Button, place: Rect, clip: Rect, row: Option<usize>) {
        self.targets.push(Target {
            control: button.control.clone(),
            place,
            seen: place.intersection(&clip),
            row,
        });
    }
}

const fn style(size: f32, bold: bool, max_lines: usize) -> Style {
    Style {
        size,
        bold,
        max_lines,
    }
}

/// The heading of a sheet.
const HEADING: Style = style(21.0, true, 8);
/// Sentences.
const BODY: Style = style(14.5, false, 6);
/// An application's name.
const NAME: Style = style(15.0, true, 1);
/// Why it holds the request up.
const WHY: Style = style(14.0, false, 2);
/// For how long.
const NOTE: Style = style(12.5, false, 2);
/// On a button.
const LABEL: Style = style(14.0, true, 1);

/// Around the whole.
const MARGIN: f32 = 24.0;
/// Between things that belong together.
const GAP: f32 = 8.0;
/// Within a row, and between parts.
const SPACE: f32 = 12.0;
/// A finger hits that.
const BUTTON_HEIGHT: f32 = 38.0;
const BUTTON_MIN_WIDTH: f32 = 72.0;
/// At each side of a button's label.
const BUTTON_MARGIN: f32 = 14.0;
const ICON: f32 = 40.0;

/// A button's width.
fn width_of(button: &Button, measure: &mut dyn Measure, most: f32) -> f32 {
    let label = measure.measure(&button.label, &LABEL, most - 2.0 * BUTTON_MARGIN);
    (label.width + 2.0 * BUTTON_MARGIN)
        .max(BUTTON_MIN_WIDTH)
        .min(most)
}

/// Buttons in lines of at most `most`, each with its width.
fn lines_of<'a>(
    buttons: &'a [Button],
    measure: &mut dyn Measure,
    most: f32,
) -> Vec<Vec<(&'a Button, f32)>> {
    let mut lines: Vec<Vec<(&Button, f32)>> = Vec::new();
    let mut used = 0.0;
    for button in buttons {
        let width = width_of(button, measure, most);
        match lines.last_mut() {
            Some(line) if used + GAP + width <= most => {
                used += GAP + width;
                line.push((button, width));
            }
            _ => {
                used = width;
                lines.push(vec![(button, width)]);
            }
        }
    }
    lines
}

/// The height of so many lines of buttons.
#[allow(clippy::cast_precision_loss, reason = "a handful of lines")]
fn height_of_lines(lines: usize) -> f32 {
    if lines == 0 {
        0.0
    } else {
        lines as f32 * (BUTTON_HEIGHT + GAP) - GAP
    }
}

#[cfg(test)]
mod tests;

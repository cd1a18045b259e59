//! From a layout to pixels. It knows colours, fonts and icons, and no display.

use tiny_skia::{
    Color, FillRule, Mask, Paint, PathBuilder, PixmapMut, PixmapPaint, Stroke, Transform,
};

use crate::geometry::Rect;
use crate::icons::Icons;
use crate::layout::{Item, Layout, What};
use crate::text::{Measure as _, Style, Text};
use crate::theme::Theme;
use crate::view::{Control, Emphasis};

/// What changes how things look, and not where they are.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// The colours.
    pub theme: Theme,
    /// What has the focus; nothing where the keyboard is somebody else's.
    pub focus: Option<&'a Control>,
    /// What the pointer is over.
    pub hover: Option<&'a Control>,
    /// What is held down.
    pub pressed: Option<&'a Control>,
    /// The corners of the whole may be transparent.
    pub rounded: bool,
}

const CORNER: f32 = 14.0;
const ROW_CORNER: f32 = 10.0;
const BUTTON_CORNER: f32 = 8.0;
/// The ring's distance from what it is around, and its width.
const RING: (f32, f32) = (3.0, 2.0);

/// Paints `layout`; `scale` pixels are one logical pixel.
pub fn paint(
    into: &mut PixmapMut<'_>,
    scale: f32,
    layout: &Layout,
    look: &Look<'_>,
    text: &mut Text,
    icons: &mut Icons,
) {
    let mut brush = Brush {
        into,
        scale,
        mask: None,
    };
    let all = Rect::new(0.0, 0.0, layout.size.width, layout.size.height);
    brush.card(all, look);
    if layout.scroll_max > 0.0 {
        brush.clip_to(layout.list);
    }
    let (inside, outside): (Vec<&Item>, Vec<&Item>) = layout
        .items
        .iter()
        .partition(|i| i.clip == layout.list && layout.scroll_max > 0.0);
    for item in inside {
        if !item.place.intersection(&item.clip).is_empty() {
            brush.item(item, look, text, icons);
        }
    }
    brush.mask = None;
    for item in outside {
        brush.item(item, look, text, icons);
    }
}

struct Brush<'a, 'b> {
    into: &'a mut PixmapMut<'b>,
    scale: f32,
    mask: Option<Mask>,
}

impl Brush<'_, '_> {
    fn clip_to(&mut self, place: Rect) {
        let Some(mut mask) = Mask::new(self.into.width(), self.into.height()) else {
            return;
        };
        if let Some(rect) = self.device(place) {
            let path = PathBuilder::from_rect(rect);
            mask.fill_path(&path, FillRule::Winding, false, Transform::identity());
        }
        self.mask = Some(mask);
    }

    /// In pixels of the display, at whole ones.
    fn device(&self, place: Rect) -> Option<tiny_skia::Rect> {
        let at = |v: f32| (v * self.scale).round();
        tiny_skia::Rect::from_ltrb(
            at(place.x),
            at(place.y),
            at(place.right()),
            at(place.bottom()),
        )
    }

    fn card(&mut self, all: Rect, look: &Look<'_>) {
        let corner = if look.rounded { CORNER } else { 0.0 };
        self.rounded(all, corner, look.theme.border());
        self.rounded(all.inset(1.0), (corner - 1.0).max(0.0), look.theme.card());
    }

    fn rounded(&mut self, place: Rect, corner: f32, color: Color) {
        let Some(rect) = self.device(place) else {
            return;
        };
        let Some(path) = rounded_path(rect, corner * self.scale) else {
            return;
        };
        self.into.fill_path(
            &path,
            &paint_of(color),
            FillRule::Winding,
            Transform::identity(),
            self.mask.as_ref(),
        );
    }

    fn outline(&mut self, place: Rect, corner: f32, width: f32, color: Color) {
        let width = (width * self.scale).round().max(1.0);
        let Some(rect) = self.device(place) else {
            return;
        };
        // The middle of the line, so that its outer edge lies on whole pixels.
        let Some(rect) = rect.inset(width / 2.0, width / 2.0) else {
            return;
        };
        let corner = (corner * self.scale - width / 2.0).max(0.0);
        let Some(path) = rounded_path(rect, corner) else {
            return;
        };
        let stroke = Stroke {
            width,
            ..Stroke::default()
        };
        self.into.stroke_path(
            &path,
            &paint_of(color),
            &stroke,
            Transform::identity(),
            self.mask.as_ref(),
        );
    }

    fn item(&mut self, item: &Item, look: &Look<'_>, text: &mut Text, icons: &mut Icons) {
        let place = item.place;
        match &item.what {
            What::Text {
                text: words,
                style,
                tone,
            } => text.draw_within(
                self.into,
                words,
                style,
                place,
                item.clip,
                look.theme.text(*tone),
            ),
            What::Icon { icons: names, name } => {
                self.icon(place, item.clip, names, name, look, text, icons)
            }
            What::Button { control, emphasis } => self.button(place, control, *emphasis, look),
            What::Row { warns } => self.rounded(place, ROW_CORNER, look.theme.row(*warns)),
            What::Bar(share) => {
                let corner = place.height / 2.0;
                self.rounded(place, corner, look.theme.track());
                let full = Rect {
                    width: place.width * share,
                    ..place
                };
                if full.width >= 1.0 {
                    self.rounded(full, corner.min(full.width / 2.0), look.theme.filled());
                }
            }
            What::Scrollbar => {
                self.rounded(place, place.width / 2.0, look.theme.scrollbar());
            }
        }
    }

    fn button(&mut self, place: Rect, control: &Control, emphasis: Emphasis, look: &Look<'_>) {
        let (hover, pressed) = (look.hover == Some(control), look.pressed == Some(control));
        self.rounded(
            place,
            BUTTON_CORNER,
            look.theme.button(emphasis, hover, pressed),
        );
        if let Some(border) = look.theme.button_border(emphasis) {
            self.outline(place, BUTTON_CORNER, 1.0, border);
        }
        if look.focus == Some(control) {
            let (distance, width) = RING;
            let ring = place.inset(-distance);
            self.outline(ring, BUTTON_CORNER + distance, width, look.theme.focus());
        }
    }

    #[allow(clippy::too_many_arguments, reason = "all that makes an icon")]
    fn icon(
        &mut self,
        place: Rect,
        clip: Rect,
        names: &[String],
        name: &str,
        look: &Look<'_>,
        text: &mut Text,
        icons: &mut Icons,
    ) {
        let Some(rect) = self.device(place) else {
            return;
        };
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "some tens of pixels"
        )]
        let (size, x, y) = (rect.width() as u32, rect.x() as i32, rect.y() as i32);
        let found = names.iter().find(|n| icons.find(n, size).is_some());
        if let Some(pixels) = found.and_then(|n| icons.find(n, size)) {
            self.into.draw_pixmap(
                x,
                y,
                pixels.as_ref(),
                &PixmapPaint::default(),
                Transform::identity(),
                self.mask.as_ref(),
            );
            return;
        }
        self.rounded(place, place.width / 4.0, look.theme.filled());
        let letter = name.chars().find(|c| c.is_alphanumeric()).unwrap_or('?');
        let letter = letter.to_uppercase().to_string();
        let style = Style {
            size: place.height * 0.55,
            bold: true,
            max_lines: 1,
        };
        let size = text.measure(&letter, &style, place.width);
        let at = Rect::new(
            place.x + (place.width - size.width) / 2.0,
            place.y + (place.height - size.height) / 2.0,
            size.width,
            size.height,
        );
        let color = look.theme.text(crate::layout::Tone::On(Emphasis::Primary));
        text.draw_within(self.into, &letter, &style, at, clip, color);
    }
}

fn paint_of(color: Color) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color(color);
    paint.anti_alias = true;
    paint
}

/// A rectangle with round corners: each a quarter of a circle, as near as a cubic curve comes.
fn rounded_path(rect: tiny_skia::Rect, corner: f32) -> Option<tiny_skia::Path> {
    let r = corner.min(rect.width() / 2.0).min(rect.height() / 2.0);
    if r <= 0.0 {
        return Some(PathBuilder::from_rect(rect));
    }
    let (l, t, right, b) = (rect.left(), rect.top(), rect.right(), rect.bottom());
    let c = r * 0.552_284_8;
    let mut path = PathBuilder::new();
    path.move_to(l + r, t);
    path.line_to(right - r, t);
    path.cubic_to(right - r + c, t, right, t + r - c, right, t + r);
    path.line_to(right, b - r);
    path.cubic_to(right, b - r + c, right - r + c, b, right - r, b);
    path.line_to(l + r, b);
    path.cubic_to(l + r - c, b, l, b - r + c, l, b - r);
    path.line_to(l, t + r);
    path.cubic_to(l, t + r - c, l + r - c, t, l + r, t);
    path.close();
    path.finish()
}

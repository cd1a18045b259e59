//! Lines: what of a shaped text stands in which line, and where.
//!
//! The shaper's own layout is not used: it puts parts of right-to-left words of several fonts in
//! the wrong order, and its ellipsis does not always fit in the line that it ends.

use std::{collections::HashSet, ops::Range, rc::Rc};

use cosmic_text::{CacheKey, CacheKeyFlags, ShapeGlyph, ShapeLine, fontdb};

/// The most layouts of one shaped text that are kept: it is measured at one width or two, and drawn
/// at what was measured.
pub(super) const MAX_LAYOUTS: usize = 4;
/// A line is at most so many ems high, whatever a font says of itself.
pub(super) const MAX_LINE: f32 = 3.0;
/// By how many pixels a line may be wider than its room: a width that went through logical pixels
/// and back must not break the line that it was measured of.
const SLACK: f32 = 0.01;

/// A text's glyphs, at no size yet.
#[derive(Debug)]
pub(super) struct Shaped {
    /// In the order of the text.
    units: Vec<Unit>,
    /// Those of each unit together, from left to right.
    glyphs: Vec<Glyph>,
    /// The paragraph begins at the right.
    rtl: bool,
    layouts: Vec<(Asked, Rc<Layout>)>,
}

/// What is not divided: the glyphs of one or more characters.
#[derive(Clone, Debug)]
struct Unit {
    glyphs: Range<usize>,
    /// In ems, as all lengths of a shaped text are.
    advance: f32,
    above: f32,
    below: f32,
    /// How deep in opposite directions it stands; odd levels run from right to left.
    level: u8,
    /// Nothing to see: at the end of a line it takes no room.
    blank: bool,
    /// A line may begin here.
    may_begin: bool,
}

#[derive(Clone, Debug)]
struct Glyph {
    font: fontdb::ID,
    weight: fontdb::Weight,
    id: u16,
    flags: CacheKeyFlags,
    advance: f32,
    offset: (f32, f32),
}

/// What a layout was made for: sizes in pixels of the display, as bits so that they compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) size: u32,
    pub(super) width: u32,
    pub(super) max_lines: usize,
}

/// Lines with all their glyphs placed, in pixels of the display.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) lines: Vec<Line>,
    /// Of the longest line.
    pub(super) width: f32,
    pub(super) height: f32,
    /// Lines begin at the right.
    pub(super) rtl: bool,
}

#[derive(Debug)]
pub(super) struct Line {
    glyphs: Vec<(Glyph, f32)>,
    pub(super) width: f32,
    /// Below the layout's top; whole, so that hinted glyphs stay sharp.
    baseline: f32,
    size: f32,
    /// The units in it, for tests.
    #[cfg(test)]
    pub(super) units: Range<usize>,
    /// It ends in an ellipsis.
    #[cfg(test)]
    pub(super) ellipsis: bool,
}

impl Shaped {
    /// The glyphs of a text that the shaper made.
    pub(super) fn new(text: &str, line: &ShapeLine) -> Self {
        let begins: HashSet<usize> = unicode_linebreak::linebreaks(text)
            .map(|(at, _)| at)
            .collect();
        let mut this = Self {
            units: Vec::new(),
            glyphs: Vec::new(),
            rtl: line.rtl,
            layouts: Vec::new(),
        };
        for span in &line.spans {
            let mut glyphs: Vec<&ShapeGlyph> = Vec::new();
            for word in &span.words {
                // What the shaper has turned round for lines from the right is turned back.
                if line.rtl {
                    glyphs.extend(word.glyphs.iter().rev());
                } else {
                    glyphs.extend(&word.glyphs);
                }
            }
            // Now those of a cluster are together, from left to right. Words, and parts of a word
            // of several fonts, need not be in order.
            glyphs.sort_by_key(|glyph| glyph.start);
            for cluster in glyphs.chunk_by(|a, b| a.start == b.start) {
                this.push(cluster, span.level.number(), text, &begins);
            }
        }
        this
    }

    fn push(&mut self, cluster: &[&ShapeGlyph], level: u8, text: &str, begins: &HashSet<usize>) {
        let from = self.glyphs.len();
        self.glyphs.extend(cluster.iter().map(|glyph| Glyph {
            font: glyph.font_id,
            weight: glyph.font_weight,
            id: glyph.glyph_id,
            flags: glyph.cache_key_flags,
            advance: glyph.x_advance,
            offset: (glyph.x_offset, glyph.y_offset),
        }));
        let most = |of: fn(&ShapeGlyph) -> f32| cluster.iter().map(|g| of(g)).fold(0.0, f32::max);
        let start = cluster.first().map_or(0, |glyph| glyph.start);
        let stands_for = cluster
            .first()
            .and_then(|glyph| text.get(glyph.start..glyph.end));
        self.units.push(Unit {
            glyphs: from..self.glyphs.len(),
            advance: cluster.iter().map(|glyph| glyph.x_advance).sum(),
            above: most(|glyph| glyph.ascent),
            below: most(|glyph| glyph.descent),
            level,
            blank: stands_for.is_some_and(|text| !text.is_empty() && text.chars().all(is_blank)),
            may_begin: begins.contains(&start),
        });
    }

    /// How many glyphs it has.
    pub(super) fn len(&self) -> usize {
        self.glyphs.len()
    }

    /// How many layouts of it are kept.
    #[cfg(test)]
    pub(super) fn layouts(&self) -> usize {
        self.layouts.len()
    }

    /// Lines at these sizes, made or remembered; `reach` is that of the dialog's own font.
    pub(super) fn lay_out(
        &mut self,
        asked: Asked,
        reach: (f32, f32),
        ellipsis: &Shaped,
    ) -> Rc<Layout> {
        if let Some((_, layout)) = self.layouts.iter().find(|(of, _)| *of == asked) {
            return Rc::clone(layout);
        }
        let size = f32::from_bits(asked.size);
        let mut layout = Layout {
            rtl: self.rtl,
            ..Layout::default()
        };
        for (units, cut) in self.lines(size, f32::from_bits(asked.width), asked.max_lines, ellipsis)
        {
            self.add(&mut layout, units, cut.then_some(ellipsis), size, reach);
        }
        let layout = Rc::new(layout);
        if self.layouts.len() >= MAX_LAYOUTS {
            self.layouts.remove(0);
        }
        self.layouts.push((asked, Rc::clone(&layout)));
        layout
    }

    /// Which units stand in which line, and whether the line is cut and ends in an ellipsis.
    fn lines(
        &self,
        size: f32,
        room: f32,
        max_lines: usize,
        ellipsis: &Shaped,
    ) -> Vec<(Range<usize>, bool)> {
        let room = room + SLACK;
        let mut lines = Vec::new();
        let mut start = 0;
        while start < self.units.len() {
            let fit = self.fit(start, size, room);
            if fit == self.units.len() {
                lines.push((start..self.without_blanks(start, fit), false));
                break;
            }
            if lines.len() + 1 >= max_lines {
                let room = room - ellipsis.advance() * size;
                let fit = self.fit_anywhere(start, size, room);
                lines.push((start..self.without_blanks(start, fit), true));
                break;
            }
            // Back to where a line may begin; else within the word, but never without progress.
            let next = (start + 1..=fit).rev().find(|&at| self.units[at].may_begin);
            let mut next = next.unwrap_or(fit.max(start + 1));
            lines.push((start..self.without_blanks(start, next), false));
            while self.units.get(next).is_some_and(|unit| unit.blank) {
                next += 1;
            }
            start = next;
        }
        lines
    }

    /// The first unit from `start` that has no room in the line, or the number of all. Blanks
    /// always have.
    fn fit(&self, start: usize, size: f32, room: f32) -> usize {
        let mut width = 0.0;
        for (at, unit) in self.units.iter().enumerate().skip(start) {
            width += unit.advance * size;
            if width > room && !unit.blank {
                return at;
            }
        }
        self.units.len()
    }

    /// The same, where a blank takes room.
    fn fit_anywhere(&self, start: usize, size: f32, room: f32) -> usize {
        let mut width = 0.0;
        for (at, unit) in self.units.iter().enumerate().skip(start) {
            width += unit.advance * size;
            if width > room {
                return at;
            }
        }
        self.units.len()
    }

    fn without_blanks(&self, start: usize, mut end: usize) -> usize {
        while end > start && self.units[end - 1].blank {
            end -= 1;
        }
        end
    }

    fn advance(&self) -> f32 {
        self.units.iter().map(|unit| unit.advance).sum()
    }

    /// Puts a line under those that are there. It is as high as the dialog's own font, or more where
    /// a script's font needs more.
    fn add(
        &self,
        layout: &mut Layout,
        units: Range<usize>,
        ellipsis: Option<&Shaped>,
        size: f32,
        reach: (f32, f32),
    ) {
        let base = u8::from(self.rtl);
        let own = self.units[units.clone()]
            .iter()
            .map(|unit| (self, unit, unit.level));
        let end = ellipsis
            .into_iter()
            .flat_map(|of| of.units.iter().map(move |u| (of, u, base)));
        let mut visual: Vec<(&Self, &Unit, u8)> = own.chain(end).collect();
        reorder(&mut visual);

        let (mut above, mut below) = reach;
        let mut x = 0.0;
        let mut glyphs = Vec::new();
        for (of, unit, _) in visual {
            above = above.max(unit.above);
            below = below.max(unit.below);
            for glyph in &of.glyphs[unit.glyphs.clone()] {
                glyphs.push((glyph.clone(), x));
                x += glyph.advance * size;
            }
        }
        let above = above.clamp(0.0, MAX_LINE);
        let below = below.clamp(0.0, MAX_LINE - above);
        let baseline = layout.height + (above * size).round();
        layout.height = baseline + (below * size).ceil();
        layout.width = layout.width.max(x);
        layout.lines.push(Line {
            glyphs,
            width: x,
            baseline,
            size,
            #[cfg(test)]
            units,
            #[cfg(test)]
            ellipsis: ellipsis.is_some(),
        });
    }
}

impl Line {
    /// Each glyph's image and the whole pixel of its origin, for a line whose layout's top left is
    /// at `x`, `y`.
    pub(super) fn placed(&self, x: f32, y: f32) -> impl Iterator<Item = (CacheKey, (i32, i32))> {
        self.glyphs.iter().map(move |(glyph, at)| {
            let place = (
                x + at + glyph.offset.0 * self.size,
                (y + self.baseline - glyph.offset.1 * self.size).round(),
            );
            let (key, x, y) = CacheKey::new(
                glyph.font,
                glyph.id,
                self.size,
                place,
                glyph.weight,
                glyph.flags,
            );
            (key, (x, y))
        })
    }
}

/// White space at which lines break, and marks of direction: spaces may stand before those.
fn is_blank(c: char) -> bool {
    let mark = matches!(
        c,
        '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{2066}'..='\u{2069}'
    );
    mark || (c.is_whitespace() && c != '\u{a0}')
}

/// From the order of the text to that from left to right: rule L2 of the Unicode Bidirectional
/// Algorithm. A line has no blanks at its end, which rule L1 is about.
fn reorder<A, B>(units: &mut [(A, B, u8)]) {
    let highest = units.iter().map(|unit| unit.2).max().unwrap_or(0);
    for level in (1..=highest).rev() {
        for run in units.chunk_by_mut(|a, b| (a.2 >= level) == (b.2 >= level)) {
            if run[0].2 >= level {
                run.reverse();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reordered(units: &[(char, u8)]) -> String {
        let mut units: Vec<_> = units.iter().map(|(c, level)| (*c, (), *level)).collect();
        reorder(&mut units);
        units.into_iter().map(|unit| unit.0).collect()
    }

    #[test]
    fn levels_are_reversed_from_the_deepest_out() {
        assert_eq!(reordered(&[('a', 0), ('b', 0)]), "ab");
        assert_eq!(reordered(&[('a', 1), ('b', 1)]), "ba");
        assert_eq!(reordered(&[('a', 0), ('b', 1), ('c', 1), ('d', 0)]), "acbd");
        assert_eq!(reordered(&[('a', 1), ('1', 2), ('2', 2), ('b', 1)]), "b12a");
        assert_eq!(reordered(&[]), "");
    }
}

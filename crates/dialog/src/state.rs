//! What input means: from keys, pointer and touch to choices. Pure: it knows what is shown and
//! where, and neither a display nor whoever hears the choice.

use crate::content::{Choice, Content, Request};
use crate::geometry::Point;
use crate::input::{Input, Key};
use crate::layout::Layout;
use crate::shell::Form;
use crate::view::{self, Control, Pending, Ui};

/// What follows from an input.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// The user chose.
    Choose(Choice),
    /// Something looks different.
    Redraw,
    /// The user drags the window.
    Move,
    /// The user wants to use the keyboard here.
    TakeKeyboard,
}

/// What is shown and what the user is doing with it.
#[derive(Clone, Debug)]
pub struct State {
    content: Content,
    ui: Ui,
    focus: Focus,
    has_keyboard: bool,
    hover: Option<Control>,
    press: Option<Press>,
    scroll: f32,
    /// A finger moves the list: which, where it was last, and whether it has moved far.
    drag: Option<Drag>,
}

/// Where the focus is.
#[derive(Clone, Debug, PartialEq)]
enum Focus {
    /// On what the view has for a default: the user has not moved it.
    Default,
    /// Where the user moved it.
    At(Control),
    /// What had it has gone. Enter is not for whatever comes in its place.
    Nowhere,
}

/// A control is held down.
#[derive(Clone, Debug, PartialEq)]
struct Press {
    control: Control,
    /// The finger, or the pointer.
    finger: Option<i32>,
    /// It has not left the control.
    over: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Drag {
    finger: i32,
    began: Point,
    last: Point,
    moved: bool,
}

/// A finger that moves less far has not moved.
const TREMBLE: f32 = 10.0;

impl State {
    /// Before any input.
    #[must_use]
    pub fn new(content: Content) -> Self {
        Self {
            content,
            ui: Ui::default(),
            focus: Focus::Default,
            has_keyboard: false,
            hover: None,
            press: None,
            scroll: 0.0,
            drag: None,
        }
    }

    /// What is shown.
    #[must_use]
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// What the user has done with it.
    #[must_use]
    pub fn ui(&self) -> &Ui {
        &self.ui
    }

    /// The form that fits.
    #[must_use]
    pub fn form(&self) -> Form {
        view::form(&self.content, &self.ui)
    }

    /// How far the list is scrolled.
    #[must_use]
    pub fn scroll(&self) -> f32 {
        self.scroll
    }

    /// What has the focus, among what is there.
    #[must_use]
    pub fn focus<'a>(&'a self, layout: &Layout, default: &'a Control) -> Option<&'a Control> {
        match &self.focus {
            Focus::Default => Some(default),
            Focus::At(control) => Some(control).filter(|c| layout.target(c).is_some()),
            Focus::Nowhere => None,
        }
    }

    /// Whether the keyboard is ours.
    #[must_use]
    pub fn has_keyboard(&self) -> bool {
        self.has_keyboard
    }

    /// What the pointer is over.
    #[must_use]
    pub fn hover(&self) -> Option<&Control> {
        self.hover.as_ref()
    }

    /// What is held down, and would be chosen if it were released now.
    #[must_use]
    pub fn pressed(&self) -> Option<&Control> {
        self.press.as_ref().filter(|p| p.over).map(|p| &p.control)
    }

    /// What is to be shown from now on. Warnings about what has gone go; an application that has
    /// begun to ask its user gets the room for it.
    pub fn set_content(&mut self, content: Content) {
        let before = std::mem::replace(&mut self.content, content);
        let Content::Request(now) = &self.content else {
            return;
        };
        let has = |app: &str| now.rows.iter().any(|r| r.app == app);
        let stands = match &self.ui.pending {
            Some(Pending::One(app)) => has(app),
            // Who has joined since was not in the warning.
            Some(Pending::All) => {
                let known = |app: &str| match &before {
                    Content::Request(before) => before.rows.iter().any(|r| r.app == app),
                    _ => false,
                };
                !now.rows.is_empty() && !now.forced && now.rows.iter().all(|r| known(&r.app))
            }
            None => true,
        };
        if !stands {
            self.ui.pending = None;
        }
        if self.ui.answering.as_deref().is_some_and(|app| !has(app)) {
            self.ui.answering = None;
        }
        let asked_before = |app: &str| match &before {
            Content::Request(before) => asks(before, app),
            _ => false,
        };
        if now
            .rows
            .iter()
            .any(|r| r.is_answered_elsewhere() && !asked_before(&r.app))
        {
            self.make_way();
        }
    }

    /// The user asked for the log-off once more: whatever is open elsewhere, this is wanted now.
    pub fn attend(&mut self) {
        self.ui.expanded = true;
    }

    /// The user went to answer this application.
    pub fn answer(&mut self, app: &str) {
        let Content::Request(request) = &self.content else {
            return;
        };
        // One that holds nothing up has nothing to be answered.
        if !request.rows.iter().any(|r| r.app == app) {
            return;
        }
        self.make_way();
        self.ui.answering = Some(app.to_owned());
    }

    /// The user looks elsewhere; a warning does not wait for them here.
    fn make_way(&mut self) {
        self.ui.expanded = false;
        self.ui.pending = None;
        self.focus = Focus::Default;
    }

    /// The layout has changed: what was pointed at may be gone, or elsewhere.
    pub fn laid_out(&mut self, layout: &Layout) {
        self.scroll = self.scroll.clamp(0.0, layout.scroll_max);
        if self
            .hover
            .as_ref()
            .is_some_and(|c| layout.target(c).is_none())
        {
            self.hover = None;
        }
        if matches!(&self.focus, Focus::At(c) if layout.target(c).is_none()) {
            self.focus = Focus::Nowhere;
        }
        if self
            .press
            .as_ref()
            .is_some_and(|p| layout.target(&p.control).is_none())
        {
            self.press = None;
        }
    }

    /// Takes in one input, made where `layout` shows what; `default` has the focus unless the user
    /// moved it.
    pub fn input(&mut self, input: Input, layout: &Layout, default: &Control) -> Vec<Effect> {
        match input {
            Input::Key { key, repeated } => self.key(key, repeated, layout, default),
            Input::PointerMoved(at) => self.pointed(layout.at(at), None),
            Input::PointerLeft => self.pointed(None, None),
            Input::PointerPressed(at) => self.pressed_at(at, None, layout),
            Input::PointerReleased(_) => self.released(None),
            Input::Scrolled(by) => self.scroll_by(by, layout),
            Input::TouchDown(finger, at) => self.touched(finger, at, layout),
            Input::TouchMoved(finger, at) => self.dragged(finger, at, layout),
            Input::TouchUp(finger) => {
                self.drag = self.drag.filter(|d| d.finger != finger);
                self.released(Some(finger))
            }
            Input::TouchCancelled => {
                self.drag = None;
                self.press = self.press.take().filter(|p| p.finger.is_none());
                vec![Effect::Redraw]
            }
            Input::Focused(has) => {
                self.has_keyboard = has;
                vec![Effect::Redraw]
            }
        }
    }

    fn key(&mut self, key: Key, repeated: bool, layout: &Layout, default: &Control) -> Vec<Effect> {
        let at = self.focus(layout, default).cloned();
        let to = match key {
            // A key that was held since before must not choose.
            Key::Enter | Key::Space | Key::Escape if repeated => return Vec::new(),
            Key::Enter | Key::Space => match at {
                Some(at) => return self.choose(&at),
                None => return Vec::new(),
            },
            Key::Escape if self.ui.pending.is_some() => return self.choose(&Control::Back),
            Key::Escape => return self.choose(&Control::No),
            Key::Tab => beside(layout, at.as_ref(), 1),
            Key::BackTab => beside(layout, at.as_ref(), -1),
            Key::Left => beside(layout, at.as_ref(), -1),
            Key::Right => beside(layout, at.as_ref(), 1),
            Key::Up => above_or_below(layout, at.as_ref(), false),
            Key::Down => above_or_below(layout, at.as_ref(), true),
            Key::Home => layout.targets.first().map(|t| t.control.clone()),
            Key::End => layout.targets.last().map(|t| t.control.clone()),
            Key::PageUp => return self.scroll_by(-layout.list.height, layout),
            Key::PageDown => return self.scroll_by(layout.list.height, layout),
        };
        let Some(to) = to else { return Vec::new() };
        self.move_focus(to, layout)
    }

    /// Moves the focus, and scrolls the list so that it is seen.
    pub fn move_focus(&mut self, to: Control, layout: &Layout) -> Vec<Effect> {
        self.scroll = layout.reveal(&to, self.scroll);
        self.focus = Focus::At(to);
        vec![Effect::Redraw]
    }

    fn pointed(&mut self, at: Option<&Control>, finger: Option<i32>) -> Vec<Effect> {
        let mut changed = false;
        if finger.is_none() && self.hover.as_ref() != at {
            self.hover = at.cloned();
            changed = true;
        }
        if let Some(press) = self.press.as_mut().filter(|p| p.finger == finger) {
            let over = at == Some(&press.control);
            changed |= over != press.over;
            press.over = over;
        }
        if changed {
            vec![Effect::Redraw]
        } else {
            Vec::new()
        }
    }

    fn pressed_at(&mut self, at: Point, finger: Option<i32>, layout: &Layout) -> Vec<Effect> {
        let mut effects = Vec::new();
        let target = layout.at(at);
        // Whoever presses a button there goes on typing elsewhere.
        if self.form() == Form::Strip && !self.has_keyboard && target.is_none() {
            effects.push(Effect::TakeKeyboard);
        }
        match target {
            Some(control) => {
                self.focus = Focus::At(control.clone());
                self.press = Some(Press {
                    control: control.clone(),
                    finger,
                    over: true,
                });
                effects.push(Effect::Redraw);
            }
            None if self.form() == Form::Window && finger.is_none() => effects.push(Effect::Move),
            None => {}
        }
        effects
    }

    fn released(&mut self, finger: Option<i32>) -> Vec<Effect> {
        match self.press.take() {
            Some(press) if press.finger == finger && press.over => self.choose(&press.control),
            Some(press) if press.finger == finger => vec![Effect::Redraw],
            other => {
                self.press = other;
                Vec::new()
            }
        }
    }

    fn touched(&mut self, finger: i32, at: Point, layout: &Layout) -> Vec<Effect> {
        if self.drag.is_none() && layout.list.contains(at) {
            self.drag = Some(Drag {
                finger,
                began: at,
                last: at,
                moved: false,
            });
        }
        self.pressed_at(at, Some(finger), layout)
    }

    fn dragged(&mut self, finger: i32, at: Point, layout: &Layout) -> Vec<Effect> {
        let Some(drag) = self.drag.as_mut().filter(|d| d.finger == finger) else {
            return self.pointed(layout.at(at), Some(finger));
        };
        let by = drag.last.y - at.y;
        drag.moved |= (at.y - drag.began.y).abs() > TREMBLE;
        if !drag.moved || layout.scroll_max <= 0.0 {
            return self.pointed(layout.at(at), Some(finger));
        }
        drag.last = at;
        // Whoever scrolls presses nothing.
        self.press = self.press.take().filter(|p| p.finger != Some(finger));
        self.scroll_by(by, layout)
    }

    fn scroll_by(&mut self, by: f32, layout: &Layout) -> Vec<Effect> {
        let to = (self.scroll + by).clamp(0.0, layout.scroll_max);
        if to == self.scroll || !to.is_finite() {
            return Vec::new();
        }
        self.scroll = to;
        vec![Effect::Redraw]
    }

    /// A control is pressed, by whatever means.
    pub fn choose(&mut self, control: &Control) -> Vec<Effect> {
        let choice = match control {
            Control::Yes => Choice::Yes,
            Control::No => Choice::No,
            Control::AskAgain => Choice::AskAgain,
            Control::Kind(kind) => Choice::Kind(*kind),
            Control::ReallyEnd(app) => {
                self.ui.pending = None;
                self.focus = Focus::Nowhere;
                Choice::EndOne(app.clone())
            }
            Control::ReallyEndAll => {
                self.ui.pending = None;
                self.focus = Focus::Nowhere;
                Choice::EndAll
            }
            Control::Show(app) => {
                self.answer(app);
                Choice::Show(app.clone())
            }
            Control::End(app) => {
                self.ui.pending = Some(Pending::One(app.clone()));
                self.focus = Focus::At(Control::Back);
                return vec![Effect::Redraw];
            }
            Control::EndAll => {
                self.ui.pending = Some(Pending::All);
                self.focus = Focus::At(Control::Back);
                return vec![Effect::Redraw];
            }
            Control::Back => {
                self.focus = match self.ui.pending.take() {
                    Some(Pending::One(app)) => Focus::At(Control::End(app)),
                    Some(Pending::All) => Focus::At(Control::EndAll),
                    None => Focus::Default,
                };
                return vec![Effect::Redraw];
            }
            Control::Details => {
                self.ui.expanded = true;
                self.focus = Focus::Default;
                return vec![Effect::Redraw];
            }
            Control::Less => {
                self.make_way();
                return vec![Effect::Redraw];
            }
        };
        vec![Effect::Choose(choice), Effect::Redraw]
    }
}

fn asks(request: &Request, app: &str) -> bool {
    let mut rows = request.rows.iter();
    rows.any(|r| r.app == app && r.is_answered_elsewhere())
}

/// The control so many further in the order of the Tab key, round and round.
fn beside(layout: &Layout, from: Option<&Control>, by: isize) -> Option<Control> {
    let targets = &layout.targets;
    let count = isize::try_from(targets.len()).ok().filter(|n| *n > 0)?;
    let here = targets.iter().position(|t| Some(&t.control) == from);
    let to = match here.and_then(|h| isize::try_from(h).ok()) {
        Some(here) => (here + by).rem_euclid(count),
        None if by > 0 => 0,
        None => count - 1,
    };
    let to = usize::try_from(to).ok()?;
    targets.get(to).map(|t| t.control.clone())
}

/// The nearest control in the nearest line below, or above.
fn above_or_below(layout: &Layout, from: Option<&Control>, below: bool) -> Option<Control> {
    let here = layout.target(from?)?.place;
    let middle = here.x + here.width / 2.0;
    let distance = |place: &crate::geometry::Rect| {
        let down = if below {
            place.y - here.bottom()
        } else {
            here.y - place.bottom()
        };
        // Lines that overlap are one line.
        (down > -here.height / 2.0 && place.y != here.y)
            .then(|| (down, (place.x + place.width / 2.0 - middle).abs()))
    };
    layout
        .targets
        .iter()
        .filter_map(|t| Some((distance(&t.place)?, t)))
        .min_by(|(a, _), (b, _)| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)))
        .map(|(_, t)| t.control.clone())
}

#[cfg(test)]
mod tests;

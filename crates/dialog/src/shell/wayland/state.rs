//! What is known of a compositor and of our window on it. Events only take note; [`State::settle`]
//! then does what follows from all of them, so that their order does not matter.

use std::{collections::VecDeque, time::Instant};

use tiny_skia::PixmapMut;
use wayland_client::{
    Connection, Dispatch, QueueHandle,
    protocol::{
        wl_buffer::WlBuffer,
        wl_callback::{self, WlCallback},
        wl_output::WlOutput,
        wl_surface::{self, WlSurface},
    },
};
use wayland_protocols::wp::fractional_scale::v1::client::wp_fractional_scale_v1::{
    self, WpFractionalScaleV1,
};

use super::{
    super::{Form, Names, ShellEvent},
    canvas::{Callback, Canvas, Shown},
    globals::Globals,
    layer::{Sheet, Strip},
    seat::Seat,
    toplevels::Toplevels,
    window::Window,
};
use crate::{geometry::Size, input::Input};

/// How often a window that the compositor takes away is opened again before we believe it.
const MAX_REBUILT: u8 = 4;

/// How long after the keyboard was taken from a sheet it stays below overlays, though it has the
/// keyboard again. A locker has its windows by then.
const RISE_AFTER: std::time::Duration = std::time::Duration::from_secs(1);

/// The scales that a compositor may ask for: below and beyond nothing can be read or held.
const SCALES: std::ops::RangeInclusive<f32> = 0.5..=8.0;

/// A window in one of its forms.
#[derive(Debug)]
pub(super) enum Stage {
    Sheet(Sheet),
    Strip(Strip),
    Window(Window),
}

impl Stage {
    fn canvas(&self) -> &Canvas {
        match self {
            Self::Sheet(sheet) => &sheet.card,
            Self::Strip(strip) => &strip.canvas,
            Self::Window(window) => &window.canvas,
        }
    }

    fn canvas_mut(&mut self) -> &mut Canvas {
        match self {
            Self::Sheet(sheet) => &mut sheet.card,
            Self::Strip(strip) => &mut strip.canvas,
            Self::Window(window) => &mut window.canvas,
        }
    }

    fn owns(&self, surface: &WlSurface) -> bool {
        match self {
            Self::Sheet(sheet) => sheet.owns(surface),
            Self::Strip(strip) => strip.canvas.surface == *surface,
            Self::Window(window) => window.owns(surface),
        }
    }

    fn destroy(&mut self) {
        match self {
            Self::Sheet(sheet) => sheet.destroy(),
            Self::Strip(strip) => strip.destroy(),
            Self::Window(window) => window.destroy(),
        }
    }
}

/// Where a surface is, as the compositor tells.
#[derive(Debug)]
struct Place {
    surface: WlSurface,
    outputs: Vec<WlOutput>,
    /// It was on an output once.
    entered: bool,
    /// Preferred scale, in 120ths.
    fraction: Option<u32>,
    /// Preferred scale, rounded up.
    integer: Option<i32>,
}

/// What was told of last.
#[derive(Debug, Default)]
struct Told {
    configured: Option<(Size, f32, bool)>,
    visible: bool,
    focused: bool,
}

/// Everything known of a compositor and of our window on it.
#[derive(Debug)]
pub(super) struct State {
    pub(super) queue: QueueHandle<Self>,
    pub(super) globals: Globals,
    pub(super) outputs: Vec<super::globals::Output>,
    pub(super) seats: Vec<Seat>,
    /// The windows of others, while a strip has to know whether one is active.
    pub(super) toplevels: Option<Toplevels>,
    pub(super) events: VecDeque<ShellEvent>,
    pub(super) stage: Option<Stage>,
    /// The window in its last form, until there is a frame in the new one.
    retiring: Option<Stage>,
    /// The compositor took the window away.
    pub(super) homeless: bool,
    /// How often it did so, since it last gave room.
    pub(super) rebuilt: u8,
    /// It will not have us.
    pub(super) fatal: Option<String>,
    /// Answers to [`Callback::Synced`].
    pub(super) synced: u32,
    form: Form,
    names: Names,
    places: Vec<Place>,
    told: Told,
    /// A sheet that somebody took the keyboard from: a screen locker, or another sheet.
    covered: bool,
    /// The keyboard was taken from one of our surfaces, if only for a moment.
    pub(super) robbed: bool,
    /// When a sheet that went below overlays may rise again, if it has the keyboard then.
    rises: Option<Instant>,
}

impl State {
    pub(super) fn new(queue: QueueHandle<Self>, form: Form, names: Names) -> Self {
        Self {
            queue,
            globals: Globals::default(),
            outputs: Vec::new(),
            seats: Vec::new(),
            toplevels: None,
            events: VecDeque::new(),
            stage: None,
            retiring: None,
            homeless: false,
            rebuilt: 0,
            fatal: None,
            synced: 0,
            form,
            names,
            places: Vec::new(),
            told: Told::default(),
            covered: false,
            robbed: false,
            rises: None,
        }
    }

    /// Opens the window in its form. `false`: the compositor lacks what that needs.
    pub(super) fn build(&mut self) -> bool {
        let (globals, queue, seen) = (&self.globals, &self.queue, self.told.visible);
        let on_a_layer = match self.form {
            _ if globals.layer_shell.is_none() => None,
            Form::Sheet => Sheet::new(globals, queue, seen).map(Stage::Sheet),
            Form::Strip => Strip::new(globals, queue, seen).map(Stage::Strip),
            Form::Window => None,
        };
        self.stage = on_a_layer
            .or_else(|| Window::new(globals, queue, &self.names, seen).map(Stage::Window));
        self.follow_toplevels();
        self.told.configured = None;
        (self.covered, self.robbed, self.rises) = (false, false, None);
        self.stage.is_some()
    }

    /// Follows the windows of others for a strip that nobody tells of a lock of the screen.
    fn follow_toplevels(&mut self) {
        let needed = matches!(self.stage, Some(Stage::Strip(_))) && !self.globals.locks;
        if !needed {
            if let Some(toplevels) = self.toplevels.take() {
                toplevels.leave();
            }
        } else if self.toplevels.is_none()
            && let Some((registry, name, version)) = &self.globals.toplevels
        {
            let toplevels = Toplevels::follow(registry, (*name, *version), &self.queue);
            self.toplevels = Some(toplevels);
        }
    }

    /// Changes the form. What is seen stays until there is a frame in the new form, but lets go of
    /// the keyboard at once.
    pub(super) fn set_form(&mut self, form: Form) {
        if form == self.form {
            return;
        }
        self.form = form;
        if let Some(mut old) = self.stage.take() {
            let alike = self.globals.layer_shell.is_none();
            if alike {
                // All forms are one here; only the room has to be told again.
                self.stage = Some(old);
                self.told.configured = None;
                return;
            }
            if old.canvas().is_painted() && self.retiring.is_none() && !self.homeless {
                if let Stage::Sheet(sheet) = &old {
                    sheet.release_keyboard();
                }
                self.retiring = Some(old);
            } else {
                self.forget(&old);
                old.destroy();
            }
        }
        self.homeless = false;
        if !self.build() {
            self.fatal = Some("the compositor has no way to show a window any more".to_owned());
        }
    }

    pub(super) fn set_title(&mut self, title: &str) {
        title.clone_into(&mut self.names.title);
        if let Some(Stage::Window(window)) = &self.stage {
            window.set_title(title);
        }
    }

    pub(super) fn present(
        &mut self,
        size: Size,
        paint: &mut dyn FnMut(&mut PixmapMut<'_>, f32),
    ) -> bool {
        let Some((_, scale, _)) = self.told.configured else {
            return false;
        };
        let Some(stage) = &mut self.stage else {
            return false;
        };
        let side = |length: f32| (length.ceil() as u32).clamp(1, 16384);
        let size = (side(size.width), side(size.height));
        let canvas = stage.canvas_mut();
        if !canvas.paint(&self.globals, &self.queue, size, scale, paint) {
            return false;
        }
        match stage {
            Stage::Sheet(_) => {}
            Stage::Strip(strip) => strip.prepare(),
            Stage::Window(window) => window.prepare(),
        }
        stage.canvas().surface.commit();
        if let Stage::Sheet(sheet) = stage {
            sheet.settle(&self.globals, &self.queue);
        }
        if let Some(mut old) = self.retiring.take() {
            self.forget(&old);
            old.destroy();
        }
        true
    }

    /// The next moment at which something has to be done without word from the compositor.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let frame = self.stage.as_ref().and_then(|s| s.canvas().deadline());
        let repeats = self.seats.iter().filter_map(Seat::deadline);
        frame.into_iter().chain(self.rises).chain(repeats).min()
    }

    /// Does what is due.
    pub(super) fn at(&mut self, now: Instant) {
        for seat in &mut self.seats {
            if let Some(key) = seat.repeat(now) {
                let input = Input::Key {
                    key,
                    repeated: true,
                };
                self.events.push_back(ShellEvent::Input(input));
            }
        }
        if let Some(stage) = &mut self.stage {
            stage.canvas_mut().at(now);
        }
        if self.rises.take_if(|rises| *rises <= now).is_some()
            && self.told.focused
            && let Some(Stage::Sheet(sheet)) = &mut self.stage
        {
            sheet.step_down(false);
        }
    }

    /// Does what follows from all that has become known.
    pub(super) fn settle(&mut self) {
        self.come_home();
        self.cover_outputs();
        if let Some(Stage::Sheet(sheet)) = &mut self.stage {
            sheet.settle(&self.globals, &self.queue);
        }
        self.tell_room();
        self.tell_focus();
        self.tell_visible();
    }

    /// Opens the window again where the compositor took it away with its output.
    fn come_home(&mut self) {
        if !self.homeless || self.outputs.is_empty() {
            return;
        }
        if self.rebuilt >= MAX_REBUILT {
            self.fatal = Some("the compositor took the window away, again and again".to_owned());
            return;
        }
        self.rebuilt += 1;
        self.homeless = false;
        if let Some(mut old) = self.stage.take() {
            self.forget(&old);
            old.destroy();
        }
        if !self.build() {
            self.fatal = Some("the compositor took the window away".to_owned());
        }
    }

    fn cover_outputs(&mut self) {
        let Some(Stage::Sheet(sheet)) = &self.stage else {
            return;
        };
        let Some(home) = self.home(&sheet.primary.surface) else {
            return;
        };
        let others: Vec<WlOutput> = self
            .outputs
            .iter()
            .map(|output| &output.proxy)
            .filter(|output| **output != home)
            .cloned()
            .collect();
        if let Some(Stage::Sheet(sheet)) = &mut self.stage {
            sheet.cover(&self.globals, &self.queue, &others);
        }
    }

    fn tell_room(&mut self) {
        let Some(stage) = &self.stage else {
            return;
        };
        let offer = match stage {
            Stage::Sheet(sheet) => sheet.room().map(|room| (room, false)),
            Stage::Strip(strip) => {
                let home = self.home(&strip.canvas.surface);
                let known = home.and_then(|home| self.output(&home)?.size());
                let output = known.or(strip.output);
                output.map(|(width, height)| ((width, height / 4), false))
            }
            Stage::Window(window) => {
                let home = self.home(&window.canvas.surface);
                let output = home.and_then(|home| self.output(&home));
                window.room(output.or(self.outputs.first()).and_then(|o| o.size()))
            }
        };
        let Some(((width, height), exact)) = offer else {
            return;
        };
        let room = Size::new(width as f32, height as f32);
        let now = (room, self.scale(stage, (width, height)), exact);
        if self.told.configured != Some(now) {
            self.told.configured = Some(now);
            self.events.push_back(ShellEvent::Configured {
                room,
                scale: now.1,
                exact,
            });
        } else if let Some(Stage::Window(window)) = &mut self.stage {
            window.answer();
        }
    }

    /// The scale for a window: the compositor's word, that of the outputs it is on, or a guess.
    fn scale(&self, stage: &Stage, room: (u32, u32)) -> f32 {
        let surfaces: &[&WlSurface] = match stage {
            Stage::Sheet(sheet) => &[&sheet.card.surface, &sheet.primary.surface],
            Stage::Strip(strip) => &[&strip.canvas.surface],
            Stage::Window(window) => &[&window.canvas.surface],
        };
        let places = || {
            let place = |s: &&WlSurface| self.places.iter().find(move |p| p.surface == **s);
            surfaces.iter().filter_map(place)
        };
        let of_outputs = |outputs: &mut dyn Iterator<Item = &WlOutput>| {
            let scales = outputs.filter_map(|output| Some(self.output(output)?.scale));
            scales.max()
        };
        let fraction = places().find_map(|place| place.fraction);
        let integer = || places().find_map(|place| place.integer);
        let entered = || places().find_map(|place| of_outputs(&mut place.outputs.iter()));
        // Before it is anywhere: outputs of the size that it was offered, or any.
        let guess = || {
            let alike = self.outputs.iter().filter(|o| o.size() == Some(room));
            let alike = alike.map(|o| o.scale).max();
            alike.or_else(|| self.outputs.iter().map(|o| o.scale).max())
        };
        let scale = match fraction {
            Some(fraction) => fraction as f32 / 120.0,
            None => integer().or_else(entered).or_else(guess).unwrap_or(1) as f32,
        };
        scale.clamp(*SCALES.start(), *SCALES.end())
    }

    fn tell_focus(&mut self) {
        let Some(stage) = &self.stage else {
            return;
        };
        let mut held = self.seats.iter().filter_map(Seat::keyboard_focus);
        let focused = held.any(|surface| stage.owns(surface));
        let robbed = std::mem::take(&mut self.robbed);
        let changed = focused != self.told.focused;
        if changed {
            self.told.focused = focused;
            let input = Input::Focused(focused);
            self.events.push_back(ShellEvent::Input(input));
        }
        let inside = self.seats.iter().any(Seat::has_pointer_inside);
        match &mut self.stage {
            Some(Stage::Strip(strip)) => {
                strip.yield_keyboard(inside, focused);
                // No window is active while the screen is locked. Below overlays only one that fills
                // the screen could hide the strip, and one that the user looks at is active.
                let toplevels = self.toplevels.as_ref();
                let idle = toplevels.is_some_and(|windows| !windows.any_is_active());
                strip.step_down(idle && !focused);
            }
            // Nobody takes the keyboard from a sheet but a locker, or another sheet over it. Old
            // lockers take it for a moment before they have a window, and we get it back once more:
            // so it is left to them for a while, beneath them.
            Some(Stage::Sheet(sheet)) => {
                if robbed && sheet.card.is_painted() {
                    sheet.step_down(true);
                    sheet.card.probe(&self.queue);
                }
                if focused {
                    self.covered = false;
                }
                if sheet.below && (robbed || changed) {
                    self.rises = Some(Instant::now() + RISE_AFTER);
                }
            }
            _ => {}
        }
    }

    fn tell_visible(&mut self) {
        let Some(stage) = &self.stage else {
            return;
        };
        let canvas = stage.canvas();
        let place = self.places.iter().find(|p| p.surface == canvas.surface);
        let nowhere = place.is_some_and(|p| p.entered && p.outputs.is_empty());
        // While the form changes the old one is still there to be seen.
        let shown = canvas.is_seen() && !nowhere && !self.homeless;
        let visible = shown && !self.covered;
        if visible != self.told.visible {
            self.told.visible = visible;
            self.events.push_back(ShellEvent::Visible(visible));
        }
    }

    /// The output that a surface is on.
    fn home(&self, surface: &WlSurface) -> Option<WlOutput> {
        let place = self.places.iter().find(|p| p.surface == *surface)?;
        place.outputs.first().cloned()
    }

    /// Whether a surface is part of the window in its present form.
    pub(super) fn owns(&self, surface: &WlSurface) -> bool {
        self.stage.as_ref().is_some_and(|stage| stage.owns(surface))
    }

    /// Whether frames are painted on a surface: places on it are places in the window.
    pub(super) fn paints_on(&self, surface: &WlSurface) -> bool {
        let stage = self.stage.as_ref();
        stage.is_some_and(|stage| stage.canvas().surface == *surface)
    }

    /// The scale that a cursor is drawn for.
    pub(super) fn cursor_scale(&self) -> i32 {
        let scale = self.told.configured.map_or(1.0, |(_, scale, _)| scale);
        (scale.ceil() as i32).max(1)
    }

    /// In a strip: takes the keyboard, for as long as the pointer stays on it.
    pub(super) fn take_keyboard(&mut self) {
        let inside = self.seats.iter().any(Seat::has_pointer_inside);
        if let (true, Some(Stage::Strip(strip))) = (inside, &mut self.stage) {
            strip.take_keyboard();
        }
    }

    /// The user drags the window from now on.
    pub(super) fn begin_move(&self) {
        if let Some(Stage::Window(window)) = &self.stage
            && let Some((seat, serial)) = self.seats.iter().find_map(Seat::press)
        {
            window.begin_move(seat, serial);
        }
    }

    pub(super) fn buffer_released(&mut self, buffer: &WlBuffer) {
        if let Some(stage) = &mut self.stage
            && stage.canvas_mut().released(buffer)
        {
            self.events.push_back(ShellEvent::FrameDone);
        }
    }

    pub(super) fn output_gone(&mut self, output: &WlOutput) {
        for place in &mut self.places {
            place.outputs.retain(|o| o != output);
        }
    }

    fn frame_shown(&mut self, callback: &WlCallback) {
        let Some(stage) = &mut self.stage else {
            return;
        };
        match stage.canvas_mut().shown(callback) {
            Shown::Foreign => return,
            Shown::Frame => self.events.push_back(ShellEvent::FrameDone),
            Shown::Probe => {}
        }
        // Lockers of old compositors are layers over ours: frames go on beneath them, but the
        // keyboard that only a sheet like ours may have is theirs.
        let sheet = matches!(self.stage, Some(Stage::Sheet(_)));
        self.covered = sheet && !self.told.focused && self.seats.iter().any(Seat::lost_keyboard);
    }

    fn place(&mut self, surface: &WlSurface) -> &mut Place {
        let index = match self.places.iter().position(|p| p.surface == *surface) {
            Some(index) => index,
            None => {
                self.places.push(Place {
                    surface: surface.clone(),
                    outputs: Vec::new(),
                    entered: false,
                    fraction: None,
                    integer: None,
                });
                self.places.len() - 1
            }
        };
        &mut self.places[index]
    }

    fn forget(&mut self, stage: &Stage) {
        self.places.retain(|place| !stage.owns(&place.surface));
    }

    /// Gives every surface back.
    pub(super) fn close(&mut self) {
        for mut stage in self.stage.take().into_iter().chain(self.retiring.take()) {
            stage.destroy();
        }
    }
}

impl Dispatch<WlSurface, ()> for State {
    fn event(
        state: &mut Self,
        surface: &WlSurface,
        event: wl_surface::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        // A surface that has been destroyed is told of for a while.
        if !state.owns(surface) {
            return;
        }
        let place = state.place(surface);
        match event {
            wl_surface::Event::Enter { output } => {
                place.entered = true;
                if !place.outputs.contains(&output) {
                    place.outputs.push(output);
                }
            }
            wl_surface::Event::Leave { output } => place.outputs.retain(|o| *o != output),
            wl_surface::Event::PreferredBufferScale { factor } => place.integer = Some(factor),
            _ => {}
        }
    }
}

impl Dispatch<WpFractionalScaleV1, WlSurface> for State {
    fn event(
        state: &mut Self,
        _: &WpFractionalScaleV1,
        event: wp_fractional_scale_v1::Event,
        surface: &WlSurface,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let wp_fractional_scale_v1::Event::PreferredScale { scale } = event
            && state.owns(surface)
        {
            state.place(surface).fraction = Some(scale);
        }
    }
}

impl Dispatch<WlCallback, Callback> for State {
    fn event(
        state: &mut Self,
        callback: &WlCallback,
        event: wl_callback::Event,
        about: &Callback,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let wl_callback::Event::Done { .. } = event {
            match about {
                Callback::Synced => state.synced += 1,
                Callback::Frame => state.frame_shown(callback),
            }
        }
    }
}

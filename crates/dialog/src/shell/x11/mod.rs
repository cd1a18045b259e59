//! A window on X11.
//!
//! [`wire`] is the connection, [`stage`] the window in one of its forms, [`events`] what the server
//! tells, with [`keys`]; [`pixels`] is how the screen writes colours.

mod atoms;
mod events;
mod keys;
mod pixels;
mod stage;
mod wire;

use std::{
    borrow::Cow,
    collections::VecDeque,
    io,
    time::{Duration, Instant},
};

use tiny_skia::PixmapMut;
use x11rb_protocol::protocol::{
    randr::{self, GetMonitorsReply, GetMonitorsRequest},
    xproto::{
        AtomEnum, ChangeWindowAttributesAux, ChangeWindowAttributesRequest, ClientMessageEvent,
        EventMask, GetInputFocusRequest, GetKeyboardMappingRequest, GetModifierMappingRequest,
        GetPropertyReply, GetPropertyRequest, GetSelectionOwnerRequest, InputFocus,
        QueryExtensionRequest, QueryPointerRequest, SendEventRequest, SetInputFocusRequest,
        UngrabPointerRequest,
    },
};

use self::{
    atoms::Atoms,
    keys::Keys,
    pixels::Format,
    stage::{Area, Stage},
    wire::Wire,
};
use super::{Form, Names, ShellError, ShellEvent};
use crate::{
    geometry::{Point, Size},
    input::Input,
};

/// How long a server may take to greet us and to say what it has.
const OPEN_LIMIT: Duration = Duration::from_secs(5);

/// A frame that the server has not taken for so long is not seen: it is stopped.
const FRAME_LIMIT: Duration = Duration::from_secs(1);

/// The widest and highest frame painted: what the protocol's coordinates hold.
const MAX_SIDE: u32 = 16384;

/// What `xrdb` says a screen has where it says nothing.
const DPI: f32 = 96.0;

/// Scales beyond these are a slip in somebody's settings.
const SCALES: std::ops::RangeInclusive<f32> = 0.5..=8.0;

/// Words of a property that are read: resources are some KiB.
const MAX_WORDS: u32 = 16 << 10;

/// What a question was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// The server has done all that came before: the frame of this window.
    Frame(u32),
    /// Who had the keyboard before this window takes it.
    Focus(u32),
    /// Where this window is.
    Place(u32),
    /// The states of this window.
    States(u32),
    Resources,
    Monitors,
    Mapping,
    Modifiers,
}

/// A window on X11.
#[derive(Debug)]
pub struct X11 {
    wire: Wire<Asked>,
    atoms: Atoms,
    format: Format,
    root: u32,
    /// The extension that knows monitors, where there is one.
    randr: Option<u8>,
    /// A window manager runs.
    managed: bool,
    /// The monitor that the window is on.
    monitor: Area,
    scale: f32,
    keys: Keys,
    names: Names,
    stage: Stage,
    /// The window in its last form, until the new one is there.
    retiring: Option<Stage>,
    /// Who had the keyboard before we took it, where no window manager sees to that.
    focus_before: Option<u32>,
    /// A frame is under way; until when it counts as seen.
    frame: Option<Option<Instant>>,
    /// Another frame was refused meanwhile; nobody has to be told otherwise.
    stalled: bool,
    events: VecDeque<ShellEvent>,
    told: Told,
    lost: bool,
    /// Where and when the first button went down last.
    press: Option<(i16, i16)>,
}

/// What was told of last.
#[derive(Debug, Default)]
struct Told {
    configured: Option<(Size, f32, bool)>,
    visible: bool,
    focused: bool,
}

impl X11 {
    pub(super) async fn open(display: &str, form: Form, names: Names) -> Result<Self, ShellError> {
        let unreachable = |why: String| ShellError::Unreachable {
            display: display.to_owned(),
            why,
        };
        let opening = Self::start(display, form, names);
        let opened = tokio::time::timeout(OPEN_LIMIT, opening)
            .await
            .map_err(|_| unreachable(format!("no answer within {} s", OPEN_LIMIT.as_secs())))?;
        match opened {
            Ok(Some(shell)) => Ok(shell),
            Ok(None) => Err(ShellError::Unsupported {
                display: display.to_owned(),
                why: "its pixels are no true colours".to_owned(),
            }),
            Err(error) => Err(unreachable(error.to_string())),
        }
    }

    async fn start(display: &str, form: Form, names: Names) -> io::Result<Option<Self>> {
        let mut wire = Wire::connect(display).await?;
        let atoms = Atoms::ask(&mut wire).await?;
        let (screen, number) = wire.screen();
        let (root, visual) = (screen.root, screen.root_visual);
        let whole = Area {
            x: 0,
            y: 0,
            width: screen.width_in_pixels.into(),
            height: screen.height_in_pixels.into(),
        };
        wire.send(ChangeWindowAttributesRequest {
            window: root,
            value_list: Cow::Owned(
                ChangeWindowAttributesAux::new()
                    .event_mask(EventMask::PROPERTY_CHANGE | EventMask::STRUCTURE_NOTIFY),
            ),
        });
        let compositor = atoms::atom(&mut wire, &format!("_NET_WM_CM_S{number}")).await?;
        let owner = GetSelectionOwnerRequest {
            selection: compositor,
        };
        let composited = wire.ask_now(owner).await?.is_some_and(|o| o.owner != 0);
        // Without a compositor, what is transparent is black.
        let alpha = composited.then(|| Format::with_alpha(wire.setup(), number));
        let format = Format::of(wire.setup(), number, visual);
        let Some(format) = alpha.flatten().or(format) else {
            return Ok(None);
        };
        let name = randr::X11_EXTENSION_NAME.as_bytes().into();
        let extension = wire.ask_now(QueryExtensionRequest { name }).await?;
        let randr = extension.filter(|e| e.present).map(|e| e.major_opcode);
        let managed = is_managed(&mut wire, &atoms, root).await?;
        let pointer = wire.ask_now(QueryPointerRequest { window: root }).await?;
        let pointer = pointer.map_or((0, 0), |p| (p.root_x.into(), p.root_y.into()));

        let stage = Stage::new(&mut wire, &atoms, format, form, &names, whole);
        let mut shell = Self {
            wire,
            atoms,
            format,
            root,
            randr,
            managed,
            monitor: whole,
            scale: 1.0,
            keys: Keys::default(),
            names,
            stage,
            retiring: None,
            focus_before: None,
            frame: None,
            stalled: false,
            events: VecDeque::new(),
            told: Told::default(),
            lost: false,
            press: None,
        };
        // The answers to these are taken as those of later are, and the last is the mark.
        shell.ask_resources();
        shell.ask_monitors();
        shell.ask_mapping();
        let mark = Asked::Frame(0);
        shell.wire.ask(GetInputFocusRequest, mark);
        shell.monitor = Area {
            x: pointer.0,
            y: pointer.1,
            width: 1,
            height: 1,
        };
        shell.frame = Some(None);
        while shell.frame.is_some() {
            shell.take_packets()?;
            if shell.frame.is_some() {
                shell.wire.arrival().await?;
            }
        }
        if shell.randr.is_none() || shell.monitor.width == 1 {
            shell.monitor = whole;
        }
        shell.events.clear();
        shell.settle();
        Ok(Some(shell))
    }

    pub(super) async fn next(&mut self) -> ShellEvent {
        loop {
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            if self.lost {
                return std::future::pending().await;
            }
            if let Err(error) = self.turn().await {
                self.lost = true;
                self.events.push_back(ShellEvent::Lost(error.to_string()));
            }
        }
    }

    /// Waits until something has happened, or until the deadline, and does what follows.
    async fn turn(&mut self) -> io::Result<()> {
        if !self.take_packets()? {
            let deadline = self.deadline();
            let arrival = self.wire.arrival();
            match deadline {
                None => arrival.await?,
                Some(at) => {
                    // Too late is no error: something is due.
                    if let Ok(arrived) = tokio::time::timeout_at(at.into(), arrival).await {
                        arrived?;
                    }
                }
            }
            self.take_packets()?;
        }
        let now = Instant::now();
        self.stage.at_time(&mut self.wire, now);
        if let Some(until) = &mut self.frame {
            until.take_if(|until| *until <= now).inspect(|_| {
                self.stalled = true;
            });
        }
        self.settle();
        self.wire.flush()
    }

    fn deadline(&self) -> Option<Instant> {
        let frame = self.frame.flatten();
        frame.into_iter().chain(self.stage.deadline()).min()
    }

    /// Tells what follows from all that has become known.
    fn settle(&mut self) {
        let pixels = match (self.stage.insisted, self.stage.form) {
            (_, Form::Strip) => (self.monitor.width, self.monitor.height / 4),
            (Some(size), _) => size,
            _ => (self.monitor.width, self.monitor.height),
        };
        let exact = self.stage.insisted.is_some() && self.stage.form != Form::Strip;
        let logical = |pixels: u32| pixels as f32 / self.scale;
        let room = Size::new(logical(pixels.0), logical(pixels.1));
        let configured = (room, self.scale, exact);
        if self.told.configured != Some(configured) {
            self.told.configured = Some(configured);
            self.events.push_back(ShellEvent::Configured {
                room,
                scale: self.scale,
                exact,
            });
        }
        if self.told.focused != self.stage.focused {
            self.told.focused = self.stage.focused;
            let focused = Input::Focused(self.told.focused);
            self.events.push_back(ShellEvent::Input(focused));
        }
        // While the form changes, the old window is there to be seen.
        let old = self.retiring.as_ref().is_some_and(Stage::is_seen);
        let visible = (self.stage.is_seen() || old) && !self.stalled;
        if self.told.visible != visible {
            self.told.visible = visible;
            self.events.push_back(ShellEvent::Visible(visible));
        }
    }

    pub(super) fn set_form(&mut self, form: Form) {
        if form == self.stage.form || self.lost {
            return;
        }
        let (wire, atoms) = (&mut self.wire, &self.atoms);
        let stage = Stage::new(wire, atoms, self.format, form, &self.names, self.monitor);
        let old = std::mem::replace(&mut self.stage, stage);
        if old.focused && form == Form::Strip {
            self.give_focus_back();
        }
        if old.is_mapped() && self.retiring.is_none() {
            self.retiring = Some(old);
        } else {
            old.destroy(&mut self.wire);
        }
        self.told.configured = None;
        self.frame = None;
        self.follow_up();
    }

    pub(super) fn set_title(&mut self, title: &str) {
        title.clone_into(&mut self.names.title);
        self.stage.set_title(&mut self.wire, &self.atoms, title);
        self.follow_up();
    }

    pub(super) fn present(
        &mut self,
        size: Size,
        paint: &mut dyn FnMut(&mut PixmapMut<'_>, f32),
    ) -> bool {
        if self.lost || self.frame.is_some() || self.told.configured.is_none() {
            return false;
        }
        let side = |length: f32| {
            // Half a thousandth less, so that 100 at 1.1 are 110 pixels whatever a float makes of it.
            let exact = f64::from(length.ceil()) * f64::from(self.scale) - 0.0005;
            (exact.ceil() as u32).clamp(1, MAX_SIDE)
        };
        let exact = self.stage.insisted.filter(|_| {
            let room = self.told.configured.map(|(room, _, exact)| (room, exact));
            room == Some((size, true))
        });
        let pixels = exact.unwrap_or((side(size.width), side(size.height)));
        let mut rgba = vec![0; pixels.0 as usize * pixels.1 as usize * 4];
        let Some(mut pixmap) = PixmapMut::from_bytes(&mut rgba, pixels.0, pixels.1) else {
            return false;
        };
        paint(&mut pixmap, self.scale);
        self.stage.show(
            &mut self.wire,
            &self.atoms,
            &rgba,
            pixels,
            self.monitor,
            self.managed,
        );
        let mark = Asked::Frame(self.stage.window);
        self.wire.ask(GetInputFocusRequest, mark);
        self.frame = Some(Some(Instant::now() + FRAME_LIMIT));
        self.follow_up();
        true
    }

    pub(super) fn origin(&self) -> Option<Point> {
        let (x, y) = self.stage.offset();
        let at = (self.stage.at.0 + x, self.stage.at.1 + y);
        Some(Point::new(at.0 as f32, at.1 as f32))
    }

    pub(super) fn has_alpha(&self) -> bool {
        self.format.has_alpha()
    }

    pub(super) fn begin_move(&mut self) {
        let Some((x, y)) = self.press else {
            return;
        };
        // The press holds the pointer for us, and the window manager needs it.
        let time = self.stage.time;
        self.wire.send(UngrabPointerRequest { time });
        let (x, y) = (x as u32, y as u32);
        // _NET_WM_MOVERESIZE_MOVE, with the first button, by an application.
        self.tell_manager(self.atoms._NET_WM_MOVERESIZE, [x, y, 8, 1, 1]);
        self.follow_up();
    }

    pub(super) fn take_keyboard(&mut self) {
        self.set_focus(self.stage.window);
        self.follow_up();
    }

    pub(super) fn raise(&mut self) {
        self.activate();
    }

    /// Asks the window manager to give the window the keyboard; without one, takes it.
    fn activate(&mut self) {
        if self.stage.form == Form::Strip {
            return;
        }
        if self.managed {
            // As a pager: the user asked for the session's end, whatever has been typed since.
            let message = [2, self.stage.time, 0, 0, 0];
            self.tell_manager(self.atoms._NET_ACTIVE_WINDOW, message);
        } else {
            let tag = Asked::Focus(self.stage.window);
            self.wire.ask(GetInputFocusRequest, tag);
            self.set_focus(self.stage.window);
        }
    }

    fn set_focus(&mut self, window: u32) {
        self.wire.send(SetInputFocusRequest {
            // Should the window go, the keyboard is with the pointer and not nowhere.
            revert_to: InputFocus::POINTER_ROOT,
            focus: window,
            time: 0,
        });
    }

    /// Where no window manager sees to it, gives the keyboard to whoever had it.
    fn give_focus_back(&mut self) {
        if let Some(before) = self.focus_before.take() {
            self.set_focus(before);
        }
    }

    /// Sends the window manager a message about the window.
    fn tell_manager(&mut self, kind: u32, data: [u32; 5]) {
        self.send_message(self.stage.window, kind, data);
    }

    fn send_message(&mut self, window: u32, kind: u32, data: [u32; 5]) {
        let message = ClientMessageEvent::new(32, window, kind, data);
        let bytes: [u8; 32] = message.into();
        self.wire.send(SendEventRequest {
            propagate: false,
            destination: self.root,
            event_mask: EventMask::SUBSTRUCTURE_REDIRECT | EventMask::SUBSTRUCTURE_NOTIFY,
            event: Cow::Owned(bytes),
        });
    }

    fn ask_resources(&mut self) {
        let property = GetPropertyRequest {
            delete: false,
            window: self.root,
            property: AtomEnum::RESOURCE_MANAGER.into(),
            type_: AtomEnum::STRING.into(),
            long_offset: 0,
            long_length: MAX_WORDS,
        };
        self.wire.ask(property, Asked::Resources);
    }

    fn ask_monitors(&mut self) {
        if let Some(opcode) = self.randr {
            let request = GetMonitorsRequest {
                window: self.root,
                get_active: true,
            };
            self.wire.ask_extension(request, opcode, Asked::Monitors);
        }
    }

    fn ask_mapping(&mut self) {
        let setup = self.wire.setup();
        let (first, last) = (setup.min_keycode, setup.max_keycode);
        let count = last.saturating_sub(first).saturating_add(1);
        let request = GetKeyboardMappingRequest {
            first_keycode: first,
            count,
        };
        self.wire.ask(request, Asked::Mapping);
        self.wire.ask(GetModifierMappingRequest, Asked::Modifiers);
    }

    /// Takes the monitor that the window is on, or would be.
    fn set_monitors(&mut self, reply: &GetMonitorsReply) {
        let area = |m: &randr::MonitorInfo| Area {
            x: m.x.into(),
            y: m.y.into(),
            width: m.width.into(),
            height: m.height.into(),
        };
        let (x, y) = (
            self.monitor.x + self.monitor.width as i32 / 2,
            self.monitor.y + self.monitor.height as i32 / 2,
        );
        let monitors = &reply.monitors;
        let here = monitors.iter().find(|m| area(m).contains(x, y));
        let primary = || monitors.iter().find(|m| m.primary);
        if let Some(monitor) = here.or_else(primary).or(monitors.first()) {
            self.move_to(area(monitor));
        }
    }

    fn move_to(&mut self, monitor: Area) {
        if self.monitor == monitor {
            return;
        }
        self.monitor = monitor;
        if self.stage.is_mapped() && self.stage.form != Form::Window {
            let size = self.stage.asked;
            self.stage.place(&mut self.wire, &self.atoms, size, monitor);
        }
    }

    /// Sends what was asked for at once. An error comes again when somebody waits for events.
    fn follow_up(&mut self) {
        if !self.lost {
            self.settle();
            let _ = self.wire.flush();
        }
    }
}

impl Drop for X11 {
    fn drop(&mut self) {
        // The server takes everything but the keyboard back when the connection closes.
        let focused = self.stage.focused || self.retiring.as_ref().is_some_and(|old| old.focused);
        if focused && self.focus_before.is_some() && !self.lost {
            self.give_focus_back();
            self.wire.hang_up();
        }
    }
}

/// Whether a window manager runs: the window that it names on the root names itself (EWMH).
async fn is_managed(wire: &mut Wire<Asked>, atoms: &Atoms, root: u32) -> io::Result<bool> {
    let property = |window: u32| GetPropertyRequest {
        delete: false,
        window,
        property: atoms._NET_SUPPORTING_WM_CHECK,
        type_: AtomEnum::WINDOW.into(),
        long_offset: 0,
        long_length: 1,
    };
    let word = |reply: Option<GetPropertyReply>| reply?.value32()?.next();
    let Some(window) = word(wire.ask_now(property(root)).await?) else {
        return Ok(false);
    };
    Ok(word(wire.ask_now(property(window)).await?) == Some(window))
}

/// The scale that a user has set: `GDK_SCALE` in the environment, else `Xft.dpi` in the server's
/// resources.
fn scale_of(gdk: Option<&str>, resources: &[u8]) -> f32 {
    let gdk = gdk.and_then(|scale| scale.trim().parse().ok());
    let resources = String::from_utf8_lossy(resources);
    let dpi = resources.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == "Xft.dpi").then(|| value.trim().parse::<f32>().ok())?
    });
    let scale = gdk.or(dpi.map(|dpi| dpi / DPI)).unwrap_or(1.0);
    if !scale.is_finite() || scale <= 0.0 {
        return 1.0;
    }
    scale.clamp(*SCALES.start(), *SCALES.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_dpi_is_the_scale_and_nonsense_is_none() {
        let scale = |resources: &str| scale_of(None, resources.as_bytes());
        assert_eq!(scale("Xcursor.size:\t24\nXft.dpi:\t192\n"), 2.0);
        assert_eq!(scale("Xft.dpi: 144"), 1.5);
        assert_eq!(scale(""), 1.0);
        assert_eq!(scale("Xft.dpi: NaN"), 1.0);
        assert_eq!(scale("Xft.dpi: -96"), 1.0);
        assert_eq!(scale("Xft.dpi: 960000"), 8.0);
        assert_eq!(scale_of(Some("2"), b"Xft.dpi: 96"), 2.0);
        assert_eq!(scale_of(Some(""), b"Xft.dpi: 144"), 1.5);
    }
}

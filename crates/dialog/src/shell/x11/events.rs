//! What an X server tells: events and replies.

use std::io;

use x11rb_protocol::{
    protocol::{
        Event,
        xproto::{
            AtomEnum, ClientMessageEvent, ConfigureNotifyEvent, GetInputFocusReply,
            GetKeyboardMappingReply, GetModifierMappingReply, GetPropertyReply, GetPropertyRequest,
            Mapping, NotifyDetail, NotifyMode, PropertyNotifyEvent, TranslateCoordinatesReply,
            TranslateCoordinatesRequest,
        },
    },
    x11_utils::TryParse,
};

use super::{Asked, X11, scale_of, wire::Packet};
use crate::{geometry::Point, input::Input, shell::ShellEvent};

/// Logical pixels that one notch of a wheel scrolls: three lines of text.
const NOTCH: f32 = 48.0;

/// Buttons as the core protocol counts them.
const FIRST_BUTTON: u8 = 1;
const WHEEL_UP: u8 = 4;
const WHEEL_DOWN: u8 = 5;

impl X11 {
    /// Takes what has arrived. `true`: there was something.
    pub(super) fn take_packets(&mut self) -> io::Result<bool> {
        let mut any = false;
        while let Some(packet) = self.wire.packet()? {
            any = true;
            match packet {
                Packet::Reply(asked, bytes) => self.reply(asked, &bytes),
                Packet::Refused(asked) => self.refused(asked),
                Packet::Event(event) => self.event(&event)?,
            }
        }
        Ok(any)
    }

    fn reply(&mut self, asked: Asked, bytes: &[u8]) {
        match asked {
            Asked::Frame(_) => self.frame_taken(asked),
            Asked::Focus(window) => {
                if let Some(reply) = parse::<GetInputFocusReply>(bytes)
                    && window == self.stage.window
                    && reply.focus != window
                {
                    self.focus_before = Some(reply.focus);
                }
            }
            Asked::Place(window) => {
                if let Some(reply) = parse::<TranslateCoordinatesReply>(bytes)
                    && window == self.stage.window
                {
                    let at = (reply.dst_x.into(), reply.dst_y.into());
                    self.stage.is_at(&mut self.wire, at);
                }
            }
            Asked::States(window) => {
                let hidden = self.atoms._NET_WM_STATE_HIDDEN;
                if let Some(reply) = parse::<GetPropertyReply>(bytes)
                    && window == self.stage.window
                {
                    let mut states = reply.value32().into_iter().flatten();
                    self.stage.hidden = states.any(|state| state == hidden);
                }
            }
            Asked::Resources => {
                if let Some(reply) = parse::<GetPropertyReply>(bytes) {
                    let gdk = std::env::var("GDK_SCALE").ok();
                    self.scale = scale_of(gdk.as_deref(), &reply.value);
                }
            }
            Asked::Monitors => {
                if let Some(reply) = parse(bytes) {
                    self.set_monitors(&reply);
                }
            }
            Asked::Mapping => {
                if let Some(reply) = parse::<GetKeyboardMappingReply>(bytes) {
                    let first = self.wire.setup().min_keycode;
                    self.keys.set_mapping(first, reply);
                }
            }
            Asked::Modifiers => {
                if let Some(reply) = parse::<GetModifierMappingReply>(bytes) {
                    self.keys.set_modifiers(&reply);
                }
            }
        }
    }

    fn refused(&mut self, asked: Asked) {
        match asked {
            // The mark of a frame has to come back in any case.
            Asked::Frame(_) => self.frame_taken(asked),
            // A server whose extension is older than monitors.
            Asked::Monitors => self.randr = None,
            _ => {}
        }
    }

    fn frame_taken(&mut self, asked: Asked) {
        let window = match asked {
            Asked::Frame(window) => window,
            _ => return,
        };
        // One of a window that has gone meanwhile is nobody's.
        if window == self.stage.window || window == 0 {
            self.frame = None;
            self.stalled = false;
            self.events.push_back(ShellEvent::FrameDone);
        }
    }

    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::PropertyNotify(e) => self.property(e),
            Event::ConfigureNotify(e) => self.configured(e),
            Event::MappingNotify(e) => {
                if e.request != Mapping::POINTER {
                    self.ask_mapping();
                }
            }
            Event::MapNotify(e) if e.window == self.stage.window => {
                self.stage.shown();
                self.ask_place();
                self.activate();
                // The new form is there: the old one may go.
                if let Some(old) = self.retiring.take() {
                    old.destroy(&mut self.wire);
                }
            }
            Event::UnmapNotify(e) if e.window == self.stage.window => self.stage.unmapped(),
            Event::ReparentNotify(e) if e.window == self.stage.window => self.ask_place(),
            Event::DestroyNotify(e) if e.window == self.stage.window => {
                return Err(io::Error::other("somebody destroyed the window"));
            }
            Event::VisibilityNotify(e) => {
                if e.window == self.stage.window {
                    self.stage.set_visibility(e.state);
                } else if let Some(old) = &mut self.retiring
                    && e.window == old.window
                {
                    old.set_visibility(e.state);
                }
            }
            Event::Expose(e) if e.window == self.stage.window && e.count == 0 => {
                self.stage.copy(&mut self.wire);
            }
            Event::Expose(e) if e.count == 0 => {
                if let Some(old) = self.retiring.as_ref().filter(|o| o.window == e.window) {
                    old.copy(&mut self.wire);
                }
            }
            Event::FocusIn(e) if is_focus(e.mode, e.detail) => self.focused(e.event, true),
            Event::FocusOut(e) if is_focus(e.mode, e.detail) => self.focused(e.event, false),
            Event::ClientMessage(e) => self.message(e),
            _ => self.hands(event),
        }
        Ok(())
    }

    /// What the user's hands did.
    fn hands(&mut self, event: &Event) {
        let ours = self.stage.window;
        match event {
            Event::KeyPress(e) if e.event == ours => {
                self.stage.time = e.time;
                let down = self.keys.down(e.detail, u16::from(e.state), e.time);
                if let Some((key, repeated)) = down {
                    self.push(Input::Key { key, repeated });
                }
            }
            Event::KeyRelease(e) if e.event == ours => self.keys.up(e.detail, e.time),
            Event::MotionNotify(e) if e.event == ours => self.moved(e.event_x, e.event_y),
            Event::EnterNotify(e) if e.event == ours => self.moved(e.event_x, e.event_y),
            // A button that goes down holds the pointer, and that is no leave.
            Event::LeaveNotify(e) if e.event == ours && e.mode != NotifyMode::GRAB => {
                self.push(Input::PointerLeft);
            }
            Event::ButtonPress(e) if e.event == ours => {
                self.stage.time = e.time;
                let at = self.point(e.event_x, e.event_y);
                match e.detail {
                    FIRST_BUTTON => {
                        self.press = Some((e.root_x, e.root_y));
                        self.push(Input::PointerPressed(at));
                    }
                    WHEEL_UP => self.push(Input::Scrolled(-NOTCH)),
                    WHEEL_DOWN => self.push(Input::Scrolled(NOTCH)),
                    _ => {}
                }
            }
            Event::ButtonRelease(e) if e.event == ours && e.detail == FIRST_BUTTON => {
                let at = self.point(e.event_x, e.event_y);
                self.push(Input::PointerReleased(at));
            }
            _ => {}
        }
    }

    fn push(&mut self, input: Input) {
        self.events.push_back(ShellEvent::Input(input));
    }

    /// The pointer is there; of places that nobody has seen yet the latest counts.
    fn moved(&mut self, x: i16, y: i16) {
        let event = ShellEvent::Input(Input::PointerMoved(self.point(x, y)));
        match self.events.back_mut() {
            Some(last @ ShellEvent::Input(Input::PointerMoved(_))) => *last = event,
            _ => self.events.push_back(event),
        }
    }

    /// A place of the window as one of what is drawn.
    fn point(&self, x: i16, y: i16) -> Point {
        let (left, top) = self.stage.offset();
        let logical = |at: i16, from: i32| (i32::from(at) - from) as f32 / self.scale;
        Point::new(logical(x, left), logical(y, top))
    }

    fn focused(&mut self, window: u32, focused: bool) {
        if window == self.stage.window {
            self.stage.focused = focused;
        } else if let Some(old) = &mut self.retiring
            && window == old.window
        {
            old.focused = focused;
        }
    }

    fn property(&mut self, event: &PropertyNotifyEvent) {
        if event.window == self.root {
            if event.atom == u32::from(AtomEnum::RESOURCE_MANAGER) {
                self.ask_resources();
            }
        } else if event.window == self.stage.window {
            self.stage.time = event.time;
            if event.atom == self.atoms._NET_WM_STATE {
                let request = GetPropertyRequest {
                    delete: false,
                    window: event.window,
                    property: event.atom,
                    type_: AtomEnum::ATOM.into(),
                    long_offset: 0,
                    long_length: 64,
                };
                self.wire.ask(request, Asked::States(event.window));
            }
        }
    }

    fn configured(&mut self, event: &ConfigureNotifyEvent) {
        if event.window == self.root {
            // The screen's size: monitors came or went.
            self.ask_monitors();
        } else if event.window == self.stage.window {
            let size = (event.width.into(), event.height.into());
            if self.stage.resized(size) {
                self.stage.copy(&mut self.wire);
            }
            self.ask_place();
        }
    }

    fn ask_place(&mut self) {
        let window = self.stage.window;
        let request = TranslateCoordinatesRequest {
            src_window: window,
            dst_window: self.root,
            src_x: 0,
            src_y: 0,
        };
        self.wire.ask(request, Asked::Place(window));
    }

    fn message(&mut self, event: &ClientMessageEvent) {
        if event.format != 32 || event.type_ != self.atoms.WM_PROTOCOLS {
            return;
        }
        let mut data = event.data.as_data32();
        if data[0] == self.atoms.WM_DELETE_WINDOW {
            self.events.push_back(ShellEvent::CloseRequested);
        } else if data[0] == self.atoms._NET_WM_PING {
            // The answer is the question, sent to the root window.
            data[2] = event.window;
            self.send_message(self.root, event.type_, data);
        }
    }
}

/// Whether a change of the focus is one, and not somebody's grab for the length of a shortcut, nor
/// one between a window and its own.
fn is_focus(mode: NotifyMode, detail: NotifyDetail) -> bool {
    let grab = mode == NotifyMode::GRAB || mode == NotifyMode::UNGRAB;
    let own = [
        NotifyDetail::INFERIOR,
        NotifyDetail::POINTER,
        NotifyDetail::POINTER_ROOT,
        NotifyDetail::NONE,
    ];
    !grab && !own.contains(&detail)
}

/// A reply. One that makes no sense is not worth the window.
fn parse<R: TryParse>(bytes: &[u8]) -> Option<R> {
    let parsed = R::try_parse(bytes);
    parsed
        .inspect_err(|error| tracing::debug!("a reply of the X server's: {error}"))
        .ok()
        .map(|(reply, _)| reply)
}

//! The window in one of its forms: its properties, where it is put, and the frame it shows.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use x11rb_protocol::protocol::xproto::{
    AtomEnum, ChangeGCAux, ChangeGCRequest, ChangePropertyRequest, ColormapAlloc,
    ConfigureWindowAux, ConfigureWindowRequest, CopyAreaRequest, CreateColormapRequest,
    CreateGCAux, CreateGCRequest, CreatePixmapRequest, CreateWindowAux, CreateWindowRequest,
    DestroyWindowRequest, EventMask, FreeColormapRequest, FreeGCRequest, FreePixmapRequest,
    Gravity, ImageFormat, MapWindowRequest, PolyFillRectangleRequest, PropMode, PutImageRequest,
    Rectangle, StackMode, Visibility, WindowClass,
};

use super::{Asked, Form, Names, atoms::Atoms, pixels::Format, wire::Wire};

/// How long a window manager may take to give a window the size that it asked for, before it counts
/// as refused.
const SIZE_LIMIT: Duration = Duration::from_millis(250);

/// How long a window may take to be shown before it is asked for again, and how often it is.
const MAP_LIMIT: Duration = Duration::from_millis(500);
const MAX_MAPS: u8 = 6;

/// A rectangle of a screen, in its pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Area {
    pub(super) fn contains(&self, x: i32, y: i32) -> bool {
        let inside = |at: i32, from: i32, length: u32| at >= from && at - from < length as i32;
        inside(x, self.x, self.width) && inside(y, self.y, self.height)
    }
}

/// The window in one of its forms.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) window: u32,
    pub(super) form: Form,
    format: Format,
    context: u32,
    colormap: u32,
    /// The frame, and its size.
    pixmap: Option<(u32, (u32, u32))>,
    /// What the window shows beside the frame, where it is larger.
    beside: u32,
    /// The size that was asked for; zero before the first frame.
    pub(super) asked: (u32, u32),
    asked_at: (i32, i32),
    /// It was asked for its place once more.
    nudged: bool,
    /// The size that it has.
    pub(super) actual: (u32, u32),
    /// When a difference between the two becomes the window manager's will.
    differs: Option<Instant>,
    /// The size that the window manager insists on.
    pub(super) insisted: Option<(u32, u32)>,
    /// Where it is on the screen.
    pub(super) at: (i32, i32),
    mapped: bool,
    /// When the server is asked to show the window again, and how often it was.
    maps: Option<Instant>,
    asked_to_map: u8,
    pub(super) viewable: bool,
    /// Minimized, or on a desktop that is not shown.
    pub(super) hidden: bool,
    visibility: Option<Visibility>,
    pub(super) focused: bool,
    /// The latest time that the server told.
    pub(super) time: u32,
}

impl Stage {
    /// A window that is not seen yet.
    pub(super) fn new(
        wire: &mut Wire<Asked>,
        atoms: &Atoms,
        format: Format,
        form: Form,
        names: &Names,
        area: Area,
    ) -> Self {
        let (window, context, colormap) = (wire.id(), wire.id(), wire.id());
        let (root, root_visual) = {
            let (screen, _) = wire.screen();
            (screen.root, screen.root_visual)
        };
        wire.send(CreateColormapRequest {
            alloc: ColormapAlloc::NONE,
            mid: colormap,
            window: root,
            visual: format.visual,
        });
        let mut attributes = CreateWindowAux::new()
            .bit_gravity(Gravity::NORTH_WEST)
            .event_mask(
                EventMask::EXPOSURE
                    | EventMask::STRUCTURE_NOTIFY
                    | EventMask::VISIBILITY_CHANGE
                    | EventMask::FOCUS_CHANGE
                    | EventMask::PROPERTY_CHANGE
                    | EventMask::KEY_PRESS
                    | EventMask::KEY_RELEASE
                    | EventMask::BUTTON_PRESS
                    | EventMask::BUTTON_RELEASE
                    | EventMask::POINTER_MOTION
                    | EventMask::ENTER_WINDOW
                    | EventMask::LEAVE_WINDOW,
            );
        if format.visual != root_visual {
            // Without these a window of another visual than its parent's is refused.
            attributes = attributes.border_pixel(0).colormap(colormap);
        }
        wire.send(CreateWindowRequest {
            depth: format.depth,
            wid: window,
            parent: root,
            x: clamp16(area.x),
            y: clamp16(area.y),
            width: 1,
            height: 1,
            border_width: 0,
            class: WindowClass::INPUT_OUTPUT,
            visual: format.visual,
            value_list: Cow::Owned(attributes),
        });
        wire.send(CreateGCRequest {
            cid: context,
            drawable: window,
            value_list: Cow::Owned(CreateGCAux::new().graphics_exposures(0)),
        });
        let mut stage = Self {
            window,
            form,
            format,
            context,
            colormap,
            pixmap: None,
            beside: 0,
            asked: (0, 0),
            asked_at: (0, 0),
            nudged: false,
            actual: (1, 1),
            differs: None,
            insisted: None,
            at: (area.x, area.y),
            mapped: false,
            maps: None,
            asked_to_map: 0,
            viewable: false,
            hidden: false,
            visibility: None,
            focused: false,
            time: 0,
        };
        stage.describe(wire, atoms, names);
        stage
    }

    /// Tells the window manager what this is.
    fn describe(&mut self, wire: &mut Wire<Asked>, atoms: &Atoms, names: &Names) {
        self.set_title(wire, atoms, &names.title);
        let class = format!("{0}\0{0}\0", names.app_id);
        let string: u32 = AtomEnum::STRING.into();
        self.set8(wire, AtomEnum::WM_CLASS.into(), string, class.as_bytes());
        let uname = rustix::system::uname();
        let machine = uname.nodename().to_bytes();
        self.set8(wire, atoms.WM_CLIENT_MACHINE, string, machine);
        let pid = [std::process::id()];
        self.set32(wire, atoms._NET_WM_PID, AtomEnum::CARDINAL.into(), &pid);
        let atom: u32 = AtomEnum::ATOM.into();
        let protocols = [atoms.WM_DELETE_WINDOW, atoms._NET_WM_PING];
        self.set32(wire, atoms.WM_PROTOCOLS, atom, &protocols);

        let kind = match self.form {
            Form::Sheet => atoms._NET_WM_WINDOW_TYPE_DIALOG,
            Form::Strip => atoms._NET_WM_WINDOW_TYPE_DOCK,
            Form::Window => atoms._NET_WM_WINDOW_TYPE_NORMAL,
        };
        self.set32(wire, atoms._NET_WM_WINDOW_TYPE, atom, &[kind]);
        if self.form != Form::Window {
            let states = [
                atoms._NET_WM_STATE_ABOVE,
                atoms._NET_WM_STATE_STICKY,
                atoms._NET_WM_STATE_SKIP_TASKBAR,
                atoms._NET_WM_STATE_SKIP_PAGER,
            ];
            self.set32(wire, atoms._NET_WM_STATE, atom, &states);
            // No frame and no title bar: only the field of decorations counts.
            let hints = atoms._MOTIF_WM_HINTS;
            self.set32(wire, hints, hints, &[2, 0, 0, 0, 0]);
        }
        // WM_HINTS of ICCCM 4.1.2.4: whether it wants the keyboard, and that it begins as itself.
        let keyboard = u32::from(self.form != Form::Strip);
        let hints: u32 = AtomEnum::WM_HINTS.into();
        self.set32(wire, hints, hints, &[1 | 2, keyboard, 1, 0, 0, 0, 0, 0, 0]);
    }

    pub(super) fn set_title(&self, wire: &mut Wire<Asked>, atoms: &Atoms, title: &str) {
        let utf8 = atoms.UTF8_STRING;
        for property in [atoms._NET_WM_NAME, AtomEnum::WM_NAME.into()] {
            self.set8(wire, property, utf8, title.as_bytes());
        }
    }

    fn set8(&self, wire: &mut Wire<Asked>, property: u32, type_: u32, bytes: &[u8]) {
        wire.send(ChangePropertyRequest {
            mode: PropMode::REPLACE,
            window: self.window,
            property,
            type_,
            format: 8,
            data_len: bytes.len() as u32,
            data: bytes.into(),
        });
    }

    fn set32(&self, wire: &mut Wire<Asked>, property: u32, type_: u32, words: &[u32]) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        wire.send(ChangePropertyRequest {
            mode: PropMode::REPLACE,
            window: self.window,
            property,
            type_,
            format: 32,
            data_len: words.len() as u32,
            data: bytes.into(),
        });
    }

    /// Whether the display should show something of it.
    pub(super) fn is_mapped(&self) -> bool {
        self.mapped
    }

    /// Whether the user can see it.
    pub(super) fn is_seen(&self) -> bool {
        let uncovered = self
            .visibility
            .is_some_and(|v| v != Visibility::FULLY_OBSCURED);
        self.viewable && uncovered && !self.hidden
    }

    pub(super) fn set_visibility(&mut self, visibility: Visibility) {
        self.visibility = Some(visibility);
    }

    pub(super) fn unmapped(&mut self) {
        self.viewable = false;
        self.visibility = None;
    }

    /// Puts a frame into the window's pixmap and shows it. The frame is RGBA, premultiplied.
    pub(super) fn show(
        &mut self,
        wire: &mut Wire<Asked>,
        atoms: &Atoms,
        rgba: &[u8],
        size: (u32, u32),
        area: Area,
        managed: bool,
    ) {
        self.put(wire, rgba, size);
        if self.insisted.is_none() || self.form == Form::Strip {
            self.place(wire, atoms, size, area);
        }
        if self.mapped {
            self.copy(wire);
        } else {
            self.mapped = true;
            if !managed {
                self.raise(wire);
            }
            self.map(wire);
        }
    }

    /// Asks for the window to be shown. A window manager that has only just started may lose that:
    /// openbox does. So it is asked for again, for a while.
    fn map(&mut self, wire: &mut Wire<Asked>) {
        if self.asked_to_map >= MAX_MAPS {
            return;
        }
        self.asked_to_map += 1;
        self.maps = Some(Instant::now() + MAP_LIMIT);
        let geometry = ConfigureWindowAux::new()
            .x(self.asked_at.0)
            .y(self.asked_at.1)
            .width(self.asked.0)
            .height(self.asked.1);
        wire.send(ConfigureWindowRequest {
            window: self.window,
            value_list: Cow::Owned(geometry),
        });
        wire.send(MapWindowRequest {
            window: self.window,
        });
    }

    fn put(&mut self, wire: &mut Wire<Asked>, rgba: &[u8], size: (u32, u32)) {
        let pixmap = match self.pixmap {
            Some((pixmap, had)) if had == size => pixmap,
            old => {
                if let Some((pixmap, _)) = old {
                    wire.send(FreePixmapRequest { pixmap });
                }
                let pixmap = wire.id();
                wire.send(CreatePixmapRequest {
                    depth: self.format.depth,
                    pid: pixmap,
                    drawable: self.window,
                    width: size.0 as u16,
                    height: size.1 as u16,
                });
                pixmap
            }
        };
        self.pixmap = Some((pixmap, size));
        let bytes = self.format.convert(rgba, size.0);
        let stride = self.format.stride(size.0);
        // What a request without the extension for large ones holds, less its header.
        let most = usize::from(wire.setup().maximum_request_length) * 4 - 32;
        let rows = (most / stride).max(1);
        for (index, part) in bytes.chunks(rows * stride).enumerate() {
            wire.send(PutImageRequest {
                format: ImageFormat::Z_PIXMAP,
                drawable: pixmap,
                gc: self.context,
                width: size.0 as u16,
                height: (part.len() / stride) as u16,
                dst_x: 0,
                dst_y: (index * rows) as i16,
                left_pad: 0,
                depth: self.format.depth,
                data: part.into(),
            });
        }
        // A window that was made wider than its frame goes on in the colour of the frame's edge.
        let edge = (size.1 as usize / 2) * size.0 as usize * 4;
        if let Some(pixel) = rgba.get(edge..edge + 4) {
            self.beside = self.format.pixel([pixel[0], pixel[1], pixel[2], pixel[3]]);
        }
    }

    /// Asks for a size, in the middle of its monitor or at its edge.
    pub(super) fn place(
        &mut self,
        wire: &mut Wire<Asked>,
        atoms: &Atoms,
        size: (u32, u32),
        area: Area,
    ) {
        let middle = |from: i32, room: u32, length: u32| from + (room as i32 - length as i32) / 2;
        let x = middle(area.x, area.width, size.0);
        let y = match self.form {
            Form::Strip => area.y,
            _ => middle(area.y, area.height, size.1),
        };
        if self.asked == size && self.asked_at == (x, y) {
            return;
        }
        let moves = self.asked == (0, 0) || self.form != Form::Window;
        self.asked = size;
        self.asked_at = (x, y);
        self.nudged = false;
        // WM_NORMAL_HINTS of ICCCM 4.1.2.3: this place, this size and no other.
        let mut hints = [0; 18];
        hints[0] = 1 | 4 | 8 | 16 | 32;
        hints[1..3].copy_from_slice(&[x as u32, y as u32]);
        for pair in [3, 5, 7] {
            hints[pair..pair + 2].copy_from_slice(&[size.0, size.1]);
        }
        let property = AtomEnum::WM_NORMAL_HINTS.into();
        let type_ = AtomEnum::WM_SIZE_HINTS.into();
        self.set32(wire, property, type_, &hints);
        if self.form == Form::Strip {
            let end = area.x + area.width as i32 - 1;
            let top = (area.y + size.1 as i32).max(0) as u32;
            let mut strut = [0; 12];
            strut[2] = top;
            strut[8..10].copy_from_slice(&[area.x.max(0) as u32, end.max(0) as u32]);
            let cardinal = AtomEnum::CARDINAL.into();
            self.set32(wire, atoms._NET_WM_STRUT_PARTIAL, cardinal, &strut);
            self.set32(wire, atoms._NET_WM_STRUT, cardinal, &strut[..4]);
        }
        let mut geometry = ConfigureWindowAux::new().width(size.0).height(size.1);
        if moves {
            geometry = geometry.x(x).y(y);
        }
        wire.send(ConfigureWindowRequest {
            window: self.window,
            value_list: Cow::Owned(geometry),
        });
        self.compare();
    }

    /// The window is there now. A sheet that was put elsewhere asks once more: i3 makes room for a
    /// title bar before it sees that none is wanted.
    pub(super) fn is_at(&mut self, wire: &mut Wire<Asked>, at: (i32, i32)) {
        self.at = at;
        let astray = self.at != self.asked_at && self.actual == self.asked;
        if self.form == Form::Sheet && self.viewable && astray && !self.nudged {
            self.nudged = true;
            let (x, y) = self.asked_at;
            wire.send(ConfigureWindowRequest {
                window: self.window,
                value_list: Cow::Owned(ConfigureWindowAux::new().x(x).y(y)),
            });
        }
    }

    /// The window has this size now. `true`: it is another than before.
    pub(super) fn resized(&mut self, size: (u32, u32)) -> bool {
        let changed = self.actual != size;
        self.actual = size;
        if self.insisted.is_some() {
            self.insisted = Some(size);
        }
        self.compare();
        changed
    }

    fn compare(&mut self) {
        if self.asked == self.actual || self.insisted.is_some() || !self.viewable {
            self.differs = None;
        } else if self.differs.is_none() {
            self.differs = Some(Instant::now() + SIZE_LIMIT);
        }
    }

    /// It has become viewable.
    pub(super) fn shown(&mut self) {
        self.viewable = true;
        self.maps = None;
        self.compare();
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.differs.into_iter().chain(self.maps).min()
    }

    /// Does what is due.
    pub(super) fn at_time(&mut self, wire: &mut Wire<Asked>, now: Instant) {
        if self.maps.take_if(|at| *at <= now).is_some() {
            self.map(wire);
        }
        if self.differs.take_if(|at| *at <= now).is_some() {
            self.insisted = Some(self.actual);
        }
    }

    /// Where the frame is in the window.
    pub(super) fn offset(&self) -> (i32, i32) {
        let Some((_, size)) = self.pixmap else {
            return (0, 0);
        };
        let middle = |room: u32, length: u32| (room as i32 - length as i32) / 2;
        let y = match self.form {
            Form::Strip => 0,
            _ => middle(self.actual.1, size.1),
        };
        (middle(self.actual.0, size.0), y)
    }

    /// Copies the frame into the window.
    pub(super) fn copy(&self, wire: &mut Wire<Asked>) {
        let Some((pixmap, size)) = self.pixmap else {
            return;
        };
        let (x, y) = self.offset();
        if self.actual.0 > size.0 || self.actual.1 > size.1 {
            self.fill_beside(wire, (x, y), size);
        }
        wire.send(CopyAreaRequest {
            src_drawable: pixmap,
            dst_drawable: self.window,
            gc: self.context,
            src_x: 0,
            src_y: 0,
            dst_x: clamp16(x),
            dst_y: clamp16(y),
            width: size.0 as u16,
            height: size.1 as u16,
        });
    }

    fn fill_beside(&self, wire: &mut Wire<Asked>, (x, y): (i32, i32), size: (u32, u32)) {
        wire.send(ChangeGCRequest {
            gc: self.context,
            value_list: Cow::Owned(ChangeGCAux::new().foreground(self.beside)),
        });
        let (width, height) = (self.actual.0 as i32, self.actual.1 as i32);
        let (right, bottom) = (x + size.0 as i32, y + size.1 as i32);
        let part = |x: i32, y: i32, right: i32, bottom: i32| Rectangle {
            x: clamp16(x),
            y: clamp16(y),
            width: (right - x).clamp(0, i32::from(u16::MAX)) as u16,
            height: (bottom - y).clamp(0, i32::from(u16::MAX)) as u16,
        };
        let parts = [
            part(0, 0, width, y),
            part(0, bottom, width, height),
            part(0, y, x, bottom),
            part(right, y, width, bottom),
        ];
        wire.send(PolyFillRectangleRequest {
            drawable: self.window,
            gc: self.context,
            rectangles: parts.as_slice().into(),
        });
    }

    pub(super) fn raise(&self, wire: &mut Wire<Asked>) {
        wire.send(ConfigureWindowRequest {
            window: self.window,
            value_list: Cow::Owned(ConfigureWindowAux::new().stack_mode(StackMode::ABOVE)),
        });
    }

    /// Gives everything back.
    pub(super) fn destroy(self, wire: &mut Wire<Asked>) {
        wire.send(DestroyWindowRequest {
            window: self.window,
        });
        if let Some((pixmap, _)) = self.pixmap {
            wire.send(FreePixmapRequest { pixmap });
        }
        wire.send(FreeGCRequest { gc: self.context });
        wire.send(FreeColormapRequest {
            cmap: self.colormap,
        });
    }
}

fn clamp16(value: i32) -> i16 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

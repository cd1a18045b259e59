//! A small client of [`Shell`]: a flat colour with a border, and everything that the display told.

use std::{path::Path, pin::pin, time::Duration};

use endsession_dialog::{
    geometry::{Point, Size},
    input::{Input, Key},
    shell::{Form, Names, Shell, ShellError, ShellEvent, Target},
};
use endsession_testkit::{
    phoc::Phoc,
    picture::{Picture, Screen},
    sway::Sway,
    wait::Deadline,
    weston::Weston,
    x11::Xvfb,
};
use tiny_skia::{Color, Paint, PixmapMut, Rect, Transform};
use tokio::runtime::{Builder, Runtime};

use super::{compositor::Compositor, place::Place};

pub(crate) use endsession_testkit::wait::LIMIT;

/// What the window is filled with.
pub(crate) const FILL: [u8; 3] = [0x30, 0x90, 0xe0];
/// Its border, [`BORDER_WIDTH`] logical pixels wide.
pub(crate) const BORDER: [u8; 3] = [0xf0, 0xc0, 0x20];
/// See [`BORDER`].
pub(crate) const BORDER_WIDTH: f32 = 4.0;

/// A display that windows can be opened on.
pub(crate) trait Display {
    fn target(&self) -> Target;
}

/// The Wayland display with this socket.
pub(crate) fn wayland(socket: &Path) -> Target {
    Target {
        wayland: Some(socket.to_str().unwrap().to_owned()),
        x11: None,
    }
}

impl Display for Sway {
    fn target(&self) -> Target {
        wayland(&self.sandbox().runtime_dir().join(self.display()))
    }
}

impl Display for Phoc {
    fn target(&self) -> Target {
        wayland(&self.sandbox().runtime_dir().join(self.display()))
    }
}

impl Display for Weston {
    fn target(&self) -> Target {
        wayland(&self.sandbox().runtime_dir().join(self.wayland_display()))
    }
}

impl Display for Compositor {
    fn target(&self) -> Target {
        wayland(&self.socket())
    }
}

impl Display for Xvfb {
    fn target(&self) -> Target {
        Target {
            wayland: None,
            x11: Some(self.display().to_owned()),
        }
    }
}

/// A window, and what became of it.
pub(crate) struct Client {
    pub(crate) shell: Shell,
    runtime: Runtime,
    size: Size,
    fill: [u8; 3],
    /// Something has to be painted.
    dirty: bool,
    /// Frames that the display took.
    pub(crate) frames: usize,
    /// Everything it told.
    pub(crate) events: Vec<ShellEvent>,
    /// The latest [`ShellEvent::Configured`].
    pub(crate) room: Option<(Size, f32, bool)>,
    /// The latest [`ShellEvent::Visible`].
    pub(crate) visible: bool,
    /// Whether the keyboard is ours.
    pub(crate) focused: bool,
    /// Why the display is lost.
    pub(crate) lost: Option<String>,
}

impl Client {
    /// Opens a window that will be of this size.
    #[track_caller]
    pub(crate) fn open(on: &impl Display, form: Form, size: (f32, f32)) -> Self {
        Self::try_open(&on.target(), form, size).unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) fn try_open(
        target: &Target,
        form: Form,
        size: (f32, f32),
    ) -> Result<Self, ShellError> {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let names = Names {
            title: "A test's window".to_owned(),
            app_id: "endsession-test".to_owned(),
        };
        let shell = runtime.block_on(Shell::open(target, form, names))?;
        Ok(Self {
            runtime,
            shell,
            size: Size::new(size.0, size.1),
            fill: FILL,
            dirty: true,
            frames: 0,
            events: Vec::new(),
            room: None,
            visible: false,
            focused: false,
            lost: None,
        })
    }

    /// Opens it and waits until the display says that it is seen.
    #[track_caller]
    pub(crate) fn shown(on: &impl Display, form: Form, size: (f32, f32)) -> Self {
        let mut client = Self::open(on, form, size);
        client.until("the window is seen", |c| c.visible);
        client
    }

    /// The window will be of this size.
    pub(crate) fn resize(&mut self, size: (f32, f32)) {
        self.size = Size::new(size.0, size.1);
        self.dirty = true;
        self.paint();
    }

    /// The window will have this colour.
    pub(crate) fn refill(&mut self, fill: [u8; 3]) {
        self.fill = fill;
        self.dirty = true;
        self.paint();
    }

    /// The size that it has.
    pub(crate) fn size(&self) -> Size {
        match self.room {
            Some((room, _, true)) => room,
            _ => self.size,
        }
    }

    fn paint(&mut self) {
        if self.room.is_none() {
            return;
        }
        let (size, fill) = (self.size(), self.fill);
        let mut draw = |pixmap: &mut PixmapMut<'_>, scale: f32| flat(pixmap, scale, fill);
        if self.shell.present(size, &mut draw) {
            self.dirty = false;
            self.frames += 1;
        }
    }

    /// Takes events until `done`.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let deadline = Deadline::after(LIMIT);
        while !done(self) {
            assert!(
                !deadline.passed(),
                "{what}: never, within {LIMIT:?}; there was {:?}",
                self.events
            );
            // What a display did without a word to us is looked at now and then.
            self.step(Duration::from_millis(50));
        }
    }

    /// Takes events until a screen shows what `wanted` accepts, and returns that picture.
    #[track_caller]
    pub(crate) fn until_picture(
        &mut self,
        screen: &impl Screen,
        wanted: impl Fn(&Picture) -> bool,
    ) -> Picture {
        let deadline = Deadline::after(LIMIT);
        while !deadline.passed() {
            let picture = screen.picture();
            if wanted(&picture) {
                return picture;
            }
            self.rest(Duration::from_millis(20));
        }
        // It keeps the picture that is not as it should be, and says where.
        screen.wait_for_picture(Duration::ZERO, wanted)
    }

    /// Takes events until a screen shows the window exactly there.
    #[track_caller]
    pub(crate) fn until_at(&mut self, place: Place, screen: &impl Screen) {
        self.until_picture(screen, |picture| place.holds(picture).is_ok());
    }

    /// Takes events until a screen shows the window there, over another of the kind.
    #[track_caller]
    pub(crate) fn until_over(&mut self, place: Place, screen: &impl Screen) {
        self.until_picture(screen, |picture| place.is_covered(picture).is_ok());
    }

    /// Takes events while another thread does something that needs the window's answers.
    #[track_caller]
    pub(crate) fn while_it_lives<T: Send>(&mut self, act: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let acts = scope.spawn(act);
            while !acts.is_finished() {
                self.step(Duration::from_millis(10));
            }
            // What it fails by is its own.
            let done = acts.join();
            done.unwrap_or_else(|failure| std::panic::resume_unwind(failure))
        })
    }

    /// Takes events for so long, for tests of what must not come.
    pub(crate) fn rest(&mut self, limit: Duration) {
        let deadline = Deadline::after(limit);
        while self.step(deadline.left()) {}
    }

    /// Asserts that for two seconds there is nothing to do: no event, no frame, and the thread is
    /// not even woken.
    #[track_caller]
    pub(crate) fn idles(&mut self) {
        let before = (self.frames, self.events.len(), wakes());
        self.rest(Duration::from_secs(2));
        let after = (self.frames, self.events.len(), wakes());
        assert_eq!((before.0, before.1), (after.0, after.1));
        // The end of the rest itself is one, and a busy machine may add another.
        let woken = after.2 - before.2;
        assert!(woken <= 4, "woken {woken} times");
    }

    /// Takes one event and answers it. `false`: none came in time.
    fn step(&mut self, limit: Duration) -> bool {
        let next = self
            .runtime
            .block_on(async { tokio::time::timeout(limit, pin!(self.shell.next())).await });
        let Ok(event) = next else {
            return false;
        };
        match &event {
            ShellEvent::Configured { room, scale, exact } => {
                self.room = Some((*room, *scale, *exact));
                self.dirty = true;
            }
            ShellEvent::Visible(visible) => self.visible = *visible,
            ShellEvent::Input(Input::Focused(focused)) => self.focused = *focused,
            ShellEvent::Lost(why) => self.lost = Some(why.clone()),
            _ => {}
        }
        let paint = matches!(event, ShellEvent::Configured { .. } | ShellEvent::FrameDone);
        self.events.push(event);
        if paint && self.dirty {
            self.paint();
        }
        true
    }

    /// What the user's hands did, in order.
    pub(crate) fn inputs(&self) -> Vec<Input> {
        let input = |event: &ShellEvent| match event {
            ShellEvent::Input(input) => Some(*input),
            _ => None,
        };
        self.events.iter().filter_map(input).collect()
    }

    /// The keys that went down.
    pub(crate) fn keys(&self) -> Vec<Key> {
        let key = |input: Input| match input {
            Input::Key {
                key,
                repeated: false,
            } => Some(key),
            _ => None,
        };
        self.inputs().into_iter().filter_map(key).collect()
    }

    /// How often a held key came again.
    pub(crate) fn repetitions(&self) -> usize {
        let again = |input: &Input| matches!(input, Input::Key { repeated: true, .. });
        self.inputs().iter().filter(|input| again(input)).count()
    }

    /// Where the first button went down.
    pub(crate) fn presses(&self) -> Vec<Point> {
        let press = |input: Input| match input {
            Input::PointerPressed(at) => Some(at),
            _ => None,
        };
        self.inputs().into_iter().filter_map(press).collect()
    }
}

/// How often this thread has gone to sleep.
fn wakes() -> u64 {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let line = status
        .lines()
        .find_map(|l| l.strip_prefix("voluntary_ctxt_switches:"));
    line.unwrap().trim().parse().unwrap()
}

fn flat(pixmap: &mut PixmapMut<'_>, scale: f32, fill: [u8; 3]) {
    let (width, height) = (pixmap.width() as f32, pixmap.height() as f32);
    let border = BORDER_WIDTH * scale;
    let inside = Rect::from_xywh(border, border, width - 2.0 * border, height - 2.0 * border);
    pixmap.fill(colour(BORDER));
    let mut paint = Paint::default();
    paint.set_color(colour(fill));
    paint.anti_alias = false;
    pixmap.fill_rect(inside.unwrap(), &paint, Transform::identity(), None);
}

fn colour([red, green, blue]: [u8; 3]) -> Color {
    Color::from_rgba8(red, green, blue, 255)
}

//! A small client of [`Shell`]: a flat colour with a border, and everything that the display told.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use endsession_dialog::{
    geometry::{Point, Size},
    input::{Input, Key},
    shell::{Form, Names, Shell, ShellError, ShellEvent, Target},
};
use tiny_skia::{Color, Paint, PixmapMut, Rect, Transform};
use tokio::runtime::{Builder, Runtime};

/// How long a display is waited for: far more than any needs, even on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// What the window is filled with.
pub(crate) const FILL: [u8; 3] = [0x30, 0x90, 0xe0];
/// Its border, [`BORDER_WIDTH`] logical pixels wide.
pub(crate) const BORDER: [u8; 3] = [0xf0, 0xc0, 0x20];
/// See [`BORDER`].
pub(crate) const BORDER_WIDTH: f32 = 4.0;

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
    pub(crate) fn open(target: &Target, form: Form, size: (f32, f32)) -> Self {
        Self::try_open(target, form, size).unwrap_or_else(|error| panic!("{error}"))
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
    pub(crate) fn shown(target: &Target, form: Form, size: (f32, f32)) -> Self {
        let mut client = Self::open(target, form, size);
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
        let deadline = Instant::now() + LIMIT;
        while !done(self) {
            assert!(
                Instant::now() < deadline,
                "{what}: never, within {LIMIT:?}; there was {:?}",
                self.events
            );
            // What a display did without a word to us is looked at now and then.
            self.step(Duration::from_millis(50));
        }
    }

    /// Takes events for so long, for tests of what must not come.
    pub(crate) fn rest(&mut self, limit: Duration) {
        let deadline = Instant::now() + limit;
        while self.step(deadline.saturating_duration_since(Instant::now())) {}
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

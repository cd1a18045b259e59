//! The dialog itself: content in, choices out. It joins the pure parts to a display and to
//! assistive technology, and sleeps until one of them says something or a time on the screen grows.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::access::{Access, Names as AccessNames, Shown, Wish};
use crate::apps::Apps;
use crate::content::{Choice, Content};
use crate::geometry::Size;
use crate::i18n::{Messages, Value};
use crate::icons::Icons;
use crate::layout::{Layout, layout};
use crate::paint::{Look, paint};
use crate::settings::Watch;
use crate::shell::{Form, Names, Shell, ShellError, ShellEvent, Target};
use crate::state::{Effect, State};
use crate::text::Text;
use crate::theme::Theme;
use crate::view::{self, Control, View};

/// What a dialog needs to begin.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it is shown.
    pub target: Target,
    /// The session bus, for the desktop portal's settings.
    pub bus: Option<String>,
    /// The locale of its words, as [`crate::i18n::locale_of`] finds it.
    pub locale: String,
    /// The window's app id (Wayland) and class (X11).
    pub app_id: String,
    /// From when the times in the content count.
    pub origin: Instant,
}

/// What a dialog tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The user chose. The dialog stays as it is: what follows from the choice comes as content.
    Chosen(Choice),
    /// The user can see it, or no longer.
    Visible(bool),
    /// Its display is gone; nothing comes after this.
    Lost(String),
}

/// A window with a content.
#[derive(Debug)]
pub struct Dialog {
    words: Messages,
    state: State,
    shell: Shell,
    settings: Watch,
    text: Text,
    icons: Icons,
    icon_theme: String,
    apps: Apps,
    access: Option<Access>,
    access_names: AccessNames,
    origin: Instant,
    form: Form,
    title: String,
    /// Unknown until the display has told it.
    room: Option<Room>,
    view: View,
    layout: Layout,
    /// What is on the screen is not what should be.
    stale: bool,
    /// The display has not taken the last frame yet.
    held: bool,
    /// What has changed since assistive technology was told last.
    news: String,
    events: VecDeque<Event>,
}

#[derive(Clone, Copy, Debug)]
struct Room {
    size: Size,
    scale: f32,
    exact: bool,
}

impl Dialog {
    /// Opens a window. It is seen once [`Dialog::next`] has been polled and the display is ready.
    ///
    /// # Errors
    /// When there is no display, or none that can show a window.
    pub async fn open(content: Content, options: Options) -> Result<Self, ShellError> {
        let words = Messages::new(&options.locale);
        let state = State::new(content);
        let form = state.form();
        // A list of languages, as in LANGUAGE: the first is meant most.
        let first = options.locale.split(':').next().unwrap_or_default();
        let mut apps = Apps::new(first);
        let view = shown(&state, &words, now(options.origin), &mut apps);
        let names = Names {
            title: view.heading.clone(),
            app_id: options.app_id.clone(),
        };
        let (settings, shell) = tokio::join!(
            Watch::start(options.bus.as_deref()),
            Shell::open(&options.target, form, names)
        );
        let access_names = AccessNames {
            rows: words.text("list-of-holders"),
            choices: words.text("list-of-ways"),
        };
        Ok(Self {
            text: Text::new(first),
            icons: Icons::new(&settings.settings().icons),
            icon_theme: settings.settings().icons.clone(),
            shell: shell?,
            title: view.heading.clone(),
            view,
            words,
            state,
            settings,
            apps,
            access: None,
            access_names,
            origin: options.origin,
            form,
            room: None,
            layout: Layout::default(),
            stale: false,
            held: false,
            news: String::new(),
            events: VecDeque::new(),
        })
    }

    /// What is to be shown from now on.
    pub fn update(&mut self, content: Content) {
        if content != *self.state.content() {
            self.state.set_content(content);
            self.stale = true;
        }
    }

    /// The user asked for the log-off once more: all of it comes to the front.
    pub fn attend(&mut self) {
        self.state.attend();
        self.shell.raise();
        self.stale = true;
    }

    /// Somebody chose to see an application's window: that is what the user looks at now.
    pub fn answering(&mut self, app: &str) {
        self.state.answer(app);
        self.stale = true;
    }

    /// What happens next. Cancel-safe.
    pub async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            if self.stale {
                self.refresh();
            }
            let grows = view::next_change(self.state.content(), now(self.origin));
            tokio::select! {
                biased;
                event = self.shell.next() => self.shell_event(event),
                wish = wish(&mut self.access) => self.wish(wish),
                () = self.settings.changed() => {
                    let theme = &self.settings.settings().icons;
                    if *theme != self.icon_theme {
                        self.icon_theme.clone_from(theme);
                        self.icons = Icons::new(theme);
                    }
                    self.stale = true;
                }
                () = after(grows) => self.stale = true,
            }
        }
    }

    fn shell_event(&mut self, event: ShellEvent) {
        match event {
            ShellEvent::Configured { room, scale, exact } => {
                self.room = Some(Room {
                    size: room,
                    scale,
                    exact,
                });
                self.text.set_scale(scale);
                // A frame that another output has not taken will never be done.
                self.held = false;
                self.stale = true;
            }
            ShellEvent::FrameDone => self.held = false,
            ShellEvent::Input(input) => {
                if let crate::input::Input::Focused(focused) = input
                    && let Some(access) = &mut self.access
                {
                    access.set_focused(focused);
                }
                let effects = self.state.input(input, &self.layout, &self.view.default);
                self.carry_out(effects);
            }
            ShellEvent::Visible(visible) => self.events.push_back(Event::Visible(visible)),
            ShellEvent::CloseRequested => {
                let effects = self.state.choose(&Control::No);
                self.carry_out(effects);
            }
            ShellEvent::Lost(why) => self.events.push_back(Event::Lost(why)),
        }
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Choose(choice) => self.events.push_back(Event::Chosen(choice)),
                Effect::Redraw => self.stale = true,
                Effect::Move => self.shell.begin_move(),
                Effect::TakeKeyboard => self.shell.take_keyboard(),
            }
        }
    }

    fn wish(&mut self, wish: Wish) {
        match wish {
            Wish::Tree => {
                if let Some(access) = &mut self.access {
                    access.set_focused(self.state.has_keyboard());
                }
                self.stale = true;
            }
            Wish::Press(control) if self.layout.target(&control).is_some() => {
                let effects = self.state.choose(&control);
                self.carry_out(effects);
            }
            Wish::Focus(control) if self.layout.target(&control).is_some() => {
                let effects = self.state.move_focus(control, &self.layout);
                self.carry_out(effects);
            }
            // It went while assistive technology pressed it.
            Wish::Press(_) | Wish::Focus(_) => {}
        }
    }

    /// Brings the screen up to date, as far as the display takes it now.
    fn refresh(&mut self) {
        let form = self.state.form();
        if form != self.form {
            self.form = form;
            // The display tells anew how much room there is.
            self.room = None;
            self.held = false;
            self.shell.set_form(form);
        }
        let view = shown(&self.state, &self.words, now(self.origin), &mut self.apps);
        let news = news(&self.view, &view, &self.words);
        if !news.is_empty() {
            self.news = news;
        }
        self.view = view;
        if self.view.heading != self.title {
            self.title.clone_from(&self.view.heading);
            self.shell.set_title(&self.title);
        }
        let Some(room) = self.room.filter(|_| !self.held) else {
            // Wakes us when it takes another; until then nothing is drawn.
            self.stale = self.held;
            return;
        };
        self.stale = false;
        let scroll = self.state.scroll();
        let layout = layout(&self.view, &mut self.text, room.size, room.exact, scroll);
        self.state.laid_out(&layout);
        if self.present(&layout) {
            // What is pressed is what is seen.
            self.layout = layout;
        }
        self.tell(room.scale);
    }

    /// Whether the display took it.
    fn present(&mut self, layout: &Layout) -> bool {
        let focus = self.state.focus(layout, &self.view.default);
        let look = Look {
            theme: Theme::of(self.settings.settings().scheme),
            focus: focus.filter(|_| self.state.has_keyboard()),
            hover: self.state.hover(),
            pressed: self.state.pressed(),
            // An ordinary window has its frame, with its corners, from the window manager.
            rounded: self.form != Form::Window && self.shell.has_alpha(),
        };
        let (text, icons) = (&mut self.text, &mut self.icons);
        let taken = self.shell.present(layout.size, &mut |into, scale| {
            paint(into, scale, layout, &look, text, icons);
        });
        self.held = !taken;
        self.stale = !taken;
        taken
    }

    /// Tells assistive technology, where some runs. It is offered once something is on the screen:
    /// to reach its bus takes longer than a frame.
    fn tell(&mut self, scale: f32) {
        if !self.settings.accessibility() {
            return;
        }
        let origin = self.shell.origin();
        let access = self.access.get_or_insert_with(|| {
            let mut access = Access::start();
            access.set_focused(self.state.has_keyboard());
            access
        });
        if !access.is_active() {
            return;
        }
        if let Some(origin) = origin {
            let size = self.layout.size;
            access.set_bounds(origin, Size::new(size.width * scale, size.height * scale));
        }
        access.show(&Shown {
            view: &self.view,
            layout: &self.layout,
            focus: self.state.focus(&self.layout, &self.view.default),
            scale,
            news: &self.news,
            names: &self.access_names,
        });
    }
}

fn shown(state: &State, words: &Messages, now: i64, apps: &mut Apps) -> View {
    let mut known = |name: &str, pid: Option<u32>| apps.find(name, pid);
    view::view(state.content(), state.ui(), words, now, &mut known)
}

/// Milliseconds since the origin.
fn now(origin: Instant) -> i64 {
    i64::try_from(origin.elapsed().as_millis()).unwrap_or(i64::MAX)
}

/// What has changed between two views, as sentences to be said.
fn news(before: &View, now: &View, words: &Messages) -> String {
    let has = |view: &View, app: &str| view.holders.iter().any(|h| h.app == app);
    let came = now
        .holders
        .iter()
        .filter(|h| !has(before, &h.app))
        .map(|h| {
            let values = [("app", Value::Text(&h.name)), ("why", Value::Text(&h.why))];
            words.with("came", &values)
        });
    let went = before
        .holders
        .iter()
        .filter(|h| !has(now, &h.app))
        .map(|h| words.with("went", &[("app", Value::Text(&h.name))]));
    let warned = |app: &str| before.rows.iter().any(|r| r.app == app && r.warns);
    let warns = now.rows.iter().filter(|r| r.warns && !warned(&r.app));
    let sentences = went.chain(came).chain(warns.map(|r| r.why.clone()));
    sentences.collect::<Vec<String>>().join(" ")
}

async fn wish(access: &mut Option<Access>) -> Wish {
    match access {
        Some(access) => access.next().await,
        None => std::future::pending().await,
    }
}

async fn after(ms: Option<u64>) {
    match ms {
        Some(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
        None => std::future::pending().await,
    }
}

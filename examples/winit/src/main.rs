//! A window that is asked before the session ends.
//!
//! `u` makes its work unsaved (orange), `s` saves it (green). Asked with unsaved work it asks its user, in its title (red): `y` lets the session end, `n` keeps it.

#![cfg_attr(windows, windows_subsystem = "windows")]

use std::{error::Error, num::NonZeroU32, rc::Rc};

use endsession::{AskingUser, Client, Event};
use softbuffer::{Context, Surface};
use winit::{
    application::ApplicationHandler,
    event::{ElementState, KeyEvent, WindowEvent},
    event_loop::{ActiveEventLoop, EventLoop, EventLoopProxy},
    keyboard::Key,
    window::{Window, WindowId},
};

fn main() -> Result<(), Box<dyn Error>> {
    let event_loop = EventLoop::<Event>::with_user_event().build()?;
    let mut application = Application {
        proxy: event_loop.create_proxy(),
        screen: None,
        client: None,
        is_unsaved: false,
        asking: None,
        failed: None,
    };
    event_loop.run_app(&mut application)?;
    application.failed.map_or(Ok(()), Err)
}

struct Application {
    proxy: EventLoopProxy<Event>,
    screen: Option<Screen>,
    /// For as long as it lives, this program is asked.
    client: Option<Client>,
    is_unsaved: bool,
    /// The question that its user is to answer.
    asking: Option<AskingUser>,
    failed: Option<Box<dyn Error>>,
}

struct Screen {
    window: Rc<Window>,
    surface: Surface<Rc<Window>, Rc<Window>>,
}

impl ApplicationHandler<Event> for Application {
    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        if let Err(error) = self.start(event_loop) {
            self.failed = Some(error);
            event_loop.exit();
        }
    }

    /// What the session manager says, in the loop's own thread.
    fn user_event(&mut self, event_loop: &ActiveEventLoop, event: Event) {
        match event {
            Event::Query(query) if self.is_unsaved && !query.ending().is_critical() => {
                self.asking = Some(query.ask_user("The drawing is not saved"));
            }
            Event::Query(query) => query.accept(),
            // Nobody needs the answer any more.
            Event::Cancelled => self.asking = None,
            Event::End(end) => {
                end.done();
                event_loop.exit();
            }
            _ => {}
        }
        self.show();
    }

    fn window_event(&mut self, event_loop: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        match event {
            WindowEvent::CloseRequested => event_loop.exit(),
            WindowEvent::RedrawRequested => self.paint(),
            WindowEvent::KeyboardInput {
                event:
                    KeyEvent {
                        logical_key: Key::Character(key),
                        state: ElementState::Pressed,
                        ..
                    },
                ..
            } => self.key(&key),
            _ => {}
        }
    }
}

impl Application {
    /// The window first: on Windows a program is asked through it.
    fn start(&mut self, event_loop: &ActiveEventLoop) -> Result<(), Box<dyn Error>> {
        if self.screen.is_some() {
            return Ok(());
        }
        let window = Rc::new(event_loop.create_window(Window::default_attributes())?);
        let context = Context::new(Rc::clone(&window))?;
        let surface = Surface::new(&context, Rc::clone(&window))?;
        let mut builder = Client::builder("org.endsession.example.Winit");
        if let Some(window) = endsession::Window::of(&window) {
            builder = builder.window(window);
        }
        let proxy = self.proxy.clone();
        self.client = Some(builder.connect_with(move |event| {
            // A loop that has ended has nothing left to be asked about.
            let _ended = proxy.send_event(event);
        })?);
        self.screen = Some(Screen { window, surface });
        self.show();
        Ok(())
    }

    fn key(&mut self, key: &str) {
        match (key, self.asking.take()) {
            ("y", Some(asking)) => asking.accept(),
            ("n", Some(asking)) => asking.refuse("The drawing is not saved"),
            ("u", None) => self.is_unsaved = true,
            ("s", None) => self.is_unsaved = false,
            (_, asking) => self.asking = asking,
        }
        self.show();
    }

    fn show(&self) {
        let Some(screen) = &self.screen else { return };
        screen
            .window
            .set_title(match (&self.asking, self.is_unsaved) {
                (Some(_), _) => "The drawing is not saved. End the session? y or n",
                (None, true) => "Unsaved: s saves",
                (None, false) => "Saved: u makes it unsaved",
            });
        screen.window.request_redraw();
    }

    fn paint(&mut self) {
        let colour = match (&self.asking, self.is_unsaved) {
            (Some(_), _) => 0x00C0_3028,
            (None, true) => 0x00E0_9020,
            (None, false) => 0x0030_A050,
        };
        let Some(screen) = &mut self.screen else {
            return;
        };
        let size = screen.window.inner_size();
        let (Some(width), Some(height)) =
            (NonZeroU32::new(size.width), NonZeroU32::new(size.height))
        else {
            return;
        };
        let painted = screen.surface.resize(width, height).and_then(|()| {
            let mut buffer = screen.surface.buffer_mut()?;
            buffer.fill(colour);
            buffer.present()
        });
        if let Err(error) = painted {
            eprintln!("the window cannot be painted: {error}");
        }
    }
}

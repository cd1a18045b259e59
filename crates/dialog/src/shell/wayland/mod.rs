//! A window on Wayland.
//!
//! [`link`] is the wire, [`state`] what is known and what follows from it, [`globals`] what the
//! compositor offers. [`layer`] and [`window`] are the forms, [`canvas`] is what all of them paint
//! on, with [`buffers`] beneath. [`seat`] is the user's hands, in [`keyboard`], [`pointer`] and
//! [`cursor`]. [`toplevels`] are the windows of others.

mod buffers;
mod canvas;
mod cursor;
mod globals;
mod keyboard;
mod layer;
mod link;
mod pointer;
mod seat;
mod state;
mod toplevels;
mod window;

use std::time::{Duration, Instant};

use tiny_skia::PixmapMut;
use wayland_client::{DispatchError, EventQueue, backend::WaylandError};

use self::{canvas::Callback, link::Link, state::State};
use super::{Form, Names, ShellError, ShellEvent};
use crate::geometry::Size;

/// How long a compositor may take to greet us and to say what it offers. A live one needs
/// milliseconds.
const OPEN_LIMIT: Duration = Duration::from_secs(5);

/// A window on Wayland.
#[derive(Debug)]
pub struct Wayland {
    link: Link,
    events: EventQueue<State>,
    state: State,
    /// Nothing comes any more.
    lost: bool,
}

impl Wayland {
    pub(super) async fn open(display: &str, form: Form, names: Names) -> Result<Self, ShellError> {
        let unreachable = |why: String| ShellError::Unreachable {
            display: display.to_owned(),
            why,
        };
        let opening = async {
            let link = Link::connect(display)
                .await
                .map_err(|error| unreachable(error.to_string()))?;
            let events = link.connection().new_event_queue();
            let state = State::new(events.handle(), form, names);
            let mut shell = Self {
                link,
                events,
                state,
                lost: false,
            };
            let queue = shell.events.handle();
            let display = shell.link.connection().display();
            display.get_registry(&queue, ());
            // The first answer to everything is the list of globals, the second what those said
            // of themselves: the outputs' sizes, the seats' devices.
            for round in 1..=2 {
                display.sync(&queue, Callback::Synced);
                while shell.state.synced < round {
                    shell.turn(None).await.map_err(unreachable)?;
                }
            }
            Ok(shell)
        };
        let mut shell = tokio::time::timeout(OPEN_LIMIT, opening)
            .await
            .map_err(|_| unreachable(format!("no answer within {} s", OPEN_LIMIT.as_secs())))??;
        let globals = &shell.state.globals;
        let missing = if globals.compositor.is_none() {
            Some("wl_compositor")
        } else if globals.shm.is_none() {
            Some("wl_shm")
        } else if !shell.state.build() {
            Some("a shell: neither zwlr_layer_shell_v1 nor xdg_wm_base")
        } else {
            None
        };
        if let Some(missing) = missing {
            return Err(ShellError::Unsupported {
                display: display.to_owned(),
                why: format!("it lacks {missing}"),
            });
        }
        Ok(shell)
    }

    pub(super) async fn next(&mut self) -> ShellEvent {
        loop {
            if let Some(event) = self.state.events.pop_front() {
                return event;
            }
            if self.lost {
                return std::future::pending().await;
            }
            let turned = self.turn(self.state.deadline()).await;
            let fatal = self.state.fatal.take();
            let lost = turned.err().or(fatal);
            if let Some(why) = lost {
                self.lost = true;
                self.state.events.push_back(ShellEvent::Lost(why));
            }
        }
    }

    /// Waits until something has happened, or until the deadline, and does what follows. An error
    /// is the end of the connection.
    async fn turn(&mut self, deadline: Option<Instant>) -> Result<(), String> {
        // What has come already is looked at before anything is waited for.
        if self.dispatch()? == 0 && self.state.events.is_empty() {
            self.link.wait(deadline).await.map_err(|e| self.why(&e))?;
            self.dispatch()?;
        }
        self.state.at(Instant::now());
        self.state.settle();
        self.link.flush().map_err(|error| self.why(&error))?;
        Ok(())
    }

    fn dispatch(&mut self) -> Result<usize, String> {
        let dispatched = self.events.dispatch_pending(&mut self.state);
        dispatched.map_err(|error| match error {
            DispatchError::Backend(error) => self.why(&error),
            error @ DispatchError::BadMessage { .. } => error.to_string(),
        })
    }

    /// Why the connection is at its end: the compositor's own words, where it said something.
    fn why(&self, error: &WaylandError) -> String {
        match self.link.connection().protocol_error() {
            Some(protocol) => protocol.to_string(),
            None => error.to_string(),
        }
    }

    pub(super) fn set_form(&mut self, form: Form) {
        self.state.set_form(form);
        self.follow_up();
    }

    pub(super) fn set_title(&mut self, title: &str) {
        self.state.set_title(title);
        self.follow_up();
    }

    pub(super) fn present(
        &mut self,
        size: Size,
        paint: &mut dyn FnMut(&mut PixmapMut<'_>, f32),
    ) -> bool {
        let presented = !self.lost && self.state.present(size, paint);
        self.follow_up();
        presented
    }

    pub(super) fn begin_move(&mut self) {
        self.state.begin_move();
        self.follow_up();
    }

    pub(super) fn take_keyboard(&mut self) {
        self.state.take_keyboard();
        self.follow_up();
    }

    /// Sends what was asked for at once, whether or not somebody waits for events. An error comes
    /// again when somebody does.
    fn follow_up(&mut self) {
        if !self.lost {
            self.state.settle();
            let _ = self.link.flush();
        }
    }
}

impl Drop for Wayland {
    fn drop(&mut self) {
        self.state.close();
        // Best effort: the compositor takes everything back when the connection closes.
        let _ = self.link.flush();
    }
}

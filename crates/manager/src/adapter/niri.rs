//! niri's windows over its IPC socket: it tells each window's process (niri 25.11,
//! `niri-ipc/src/lib.rs`; JSON a line).
//!
//! May touch that socket. One connection follows the events, which begin with all windows; what is
//! ordered goes over others.

use std::{
    collections::BTreeSet,
    fmt,
    future::{Future, pending},
    path::{Path, PathBuf},
    pin::Pin,
};

use serde::Deserialize;

use super::{
    display::{DisplayEvent, MAX_WINDOWS, Toplevel, WindowKey},
    errands::{Ends, Errands},
    ledger::Ledger,
    talk::{Talk, TalkError, limited},
    text,
};

/// A window, and what of it is read.
#[derive(Debug, Deserialize)]
struct Window {
    id: u64,
    title: Option<String>,
    app_id: Option<String>,
    /// The credentials of the window's connection.
    pid: Option<i32>,
}

/// The events that matter here; others are left alone.
#[derive(Debug, Deserialize)]
enum Event {
    WindowsChanged { windows: Vec<Window> },
    WindowOpenedOrChanged { window: Window },
    WindowClosed { id: u64 },
}

/// Orders: nobody waits for their answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Order;

/// A connection to the events that is under way.
type Resuming = Pin<Box<dyn Future<Output = Result<Talk, TalkError>> + Send>>;

/// The windows of a niri session.
pub struct NiriWindows {
    socket: PathBuf,
    /// None while it is connected anew.
    events: Option<Talk>,
    resuming: Option<Resuming>,
    /// Something was heard on this connection: one that never says anything is not connected again.
    heard: bool,
    /// All windows have been told on this connection.
    listed: bool,
    orders: Errands<Order>,
    windows: BTreeSet<WindowKey>,
    ledger: Ledger,
}

impl NiriWindows {
    /// Connects to a niri by its IPC socket.
    ///
    /// # Errors
    /// When the socket cannot be reached, does not answer within 3 s or answers nonsense.
    pub async fn connect(socket: &Path) -> Result<Self, TalkError> {
        let what = || format!("the IPC at {}", socket.display());
        let connecting = async {
            let events = follow(socket.to_owned()).await?;
            let mut this = Self {
                socket: socket.to_owned(),
                events: Some(events),
                resuming: None,
                heard: true,
                listed: false,
                orders: Errands::to(socket.to_owned(), Ends::Line),
                windows: BTreeSet::new(),
                ledger: Ledger::default(),
            };
            while !this.listed {
                let line = line(&mut this.events).await?;
                this.event(&line);
            }
            Ok(this)
        };
        limited(what, connecting).await
    }

    /// The next event; see [`super::display::Display::next`].
    pub async fn next(&mut self) -> DisplayEvent {
        loop {
            if let Some(event) = self.ledger.pop() {
                return event;
            }
            if self.ledger.is_over() {
                return pending().await;
            }
            tokio::select! {
                line = line(&mut self.events) => self.heard(line),
                events = resumed(&mut self.resuming) => self.resumed(events),
                (_, answer) = self.orders.next() => answered(answer),
            }
        }
    }

    /// An event that has already arrived.
    pub fn try_next(&mut self) -> Option<DisplayEvent> {
        while self.ledger.is_empty() && !self.ledger.is_over() {
            let line = self.events.as_mut().and_then(Talk::try_line);
            if let Some(line) = line {
                self.heard(line);
            } else if let Some((_, answer)) = self.orders.try_next() {
                answered(answer);
            } else {
                break;
            }
        }
        self.ledger.pop()
    }

    /// Whether every window that is known has been told of; see
    /// [`super::display::Display::is_settled`].
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.ledger.is_over() || self.listed
    }

    /// Asks the window to close.
    pub fn close(&mut self, window: WindowKey) {
        self.order("CloseWindow", window);
    }

    /// Shows the window to the user. `false`: it has gone.
    pub fn activate(&mut self, window: WindowKey) -> bool {
        self.order("FocusWindow", window)
    }

    /// `false`: the IPC has no way to ask.
    pub fn ping(&mut self, _window: WindowKey) -> bool {
        false
    }

    fn order(&mut self, action: &str, window: WindowKey) -> bool {
        let is_there = self.ledger.contains(window);
        if is_there {
            let WindowKey(id) = window;
            let order = format!("{{\"Action\":{{\"{action}\":{{\"id\":{id}}}}}}}\n");
            self.orders.send(Order, order);
        }
        is_there
    }

    fn heard(&mut self, line: Result<Vec<u8>, TalkError>) {
        match line {
            Ok(line) => {
                self.heard = true;
                self.event(&line);
            }
            // It hangs up on who does not listen fast enough, too.
            Err(error) if error.is_hang_up() && std::mem::take(&mut self.heard) => {
                self.events = None;
                self.listed = false;
                self.resuming = Some(Box::pin(follow(self.socket.clone())));
            }
            Err(error) => self.ledger.lost(error.to_string()),
        }
    }

    fn resumed(&mut self, events: Result<Talk, TalkError>) {
        self.resuming = None;
        match events {
            Ok(events) => self.events = Some(events),
            Err(error) => self.ledger.lost(error.to_string()),
        }
    }

    fn event(&mut self, line: &[u8]) {
        match serde_json::from_slice(line) {
            Ok(Event::WindowsChanged { windows }) => {
                let now: BTreeSet<_> = windows.iter().map(|w| WindowKey(w.id)).collect();
                for gone in self.windows.difference(&now) {
                    self.ledger.remove(*gone);
                }
                self.windows.retain(|key| now.contains(key));
                windows.into_iter().for_each(|window| self.window(window));
                self.listed = true;
            }
            Ok(Event::WindowOpenedOrChanged { window }) => self.window(window),
            Ok(Event::WindowClosed { id }) => {
                self.windows.remove(&WindowKey(id));
                self.ledger.remove(WindowKey(id));
            }
            // One of the many other events.
            Err(_) => {}
        }
    }

    fn window(&mut self, window: Window) {
        let key = WindowKey(window.id);
        if self.windows.len() < MAX_WINDOWS {
            self.windows.insert(key);
        }
        let toplevel = Toplevel {
            title: text::from_str(&window.title.unwrap_or_default()),
            app_id: text::from_str(&window.app_id.unwrap_or_default()),
            pid: (window.pid).and_then(|pid| u32::try_from(pid).ok().filter(|pid| *pid > 0)),
            ..Toplevel::default()
        };
        self.ledger.update(key, toplevel);
    }
}

/// Connects to the events; the first of them tell all windows.
async fn follow(socket: PathBuf) -> Result<Talk, TalkError> {
    let what = || format!("the IPC at {}", socket.display());
    let following = async {
        let mut talk = Talk::with("the IPC", &socket).await?;
        talk.say(b"\"EventStream\"\n");
        let reply = talk.hear_line().await?;
        // Its `Reply` is a `Result<Response, String>`, as serde writes it.
        match serde_json::from_slice::<Result<serde_json::Value, String>>(&reply) {
            Ok(Ok(_)) => Ok(talk),
            Ok(Err(why)) => Err(talk.refused(why)),
            Err(error) => Err(talk.malformed(error.to_string())),
        }
    };
    limited(what, following).await
}

async fn line(events: &mut Option<Talk>) -> Result<Vec<u8>, TalkError> {
    match events {
        Some(events) => events.hear_line().await,
        None => pending().await,
    }
}

async fn resumed(resuming: &mut Option<Resuming>) -> Result<Talk, TalkError> {
    match resuming {
        Some(resuming) => resuming.await,
        None => pending().await,
    }
}

/// A window that has gone meanwhile is no error.
fn answered(answer: Result<Vec<u8>, TalkError>) {
    if let Err(error) = answer {
        tracing::warn!("{error}");
    }
}

impl fmt::Debug for NiriWindows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NiriWindows")
            .field("socket", &self.socket)
            .field("ledger", &self.ledger)
            .field("orders", &self.orders)
            .finish_non_exhaustive()
    }
}

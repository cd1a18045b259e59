//! Hyprland's windows over its two sockets: it tells each window's process.
//!
//! May touch those sockets. All windows are asked for once; from then on the events tell what changes,
//! but for a new window, whose process no event names: then all are asked for again.

use std::{
    collections::BTreeMap,
    fmt,
    future::{Future, pending},
    path::{Path, PathBuf},
    pin::Pin,
};

use super::{
    display::{DisplayEvent, MAX_WINDOWS, Toplevel, WindowKey},
    errands::{self, Ends, Errands},
    hyprctl::{self, Dialect, Event},
    ledger::Ledger,
    talk::{Talk, TalkError, limited},
};

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Clients,
    /// Something was ordered, and nobody waits for the answer.
    Order,
}

/// A connection to the events that is under way.
type Resuming = Pin<Box<dyn Future<Output = Result<Talk, TalkError>> + Send>>;

/// The windows of a Hyprland session.
pub struct HyprlandWindows {
    what: String,
    socket2: PathBuf,
    dialect: Dialect,
    /// None while it is connected anew.
    events: Option<Talk>,
    resuming: Option<Resuming>,
    /// Something was heard on this connection: one that never says anything is not connected again.
    heard: bool,
    errands: Errands<Asked>,
    windows: BTreeMap<WindowKey, Toplevel>,
    ledger: Ledger,
    /// What the events have said since the list under way was asked for, which may be older: titles,
    /// and whether it has to be asked for once more.
    titles: BTreeMap<WindowKey, String>,
    again: bool,
}

impl HyprlandWindows {
    /// Connects to a Hyprland by its `.socket.sock`; `.socket2.sock` lies beside it.
    ///
    /// # Errors
    /// When a socket cannot be reached, does not answer within 3 s or answers nonsense.
    pub async fn connect(socket: &Path) -> Result<Self, TalkError> {
        let what = format!("Hyprland at {}", socket.display());
        let socket2 = socket.with_file_name(".socket2.sock");
        // First of all: what changes from here on is heard.
        let events = follow(socket2.clone()).await?;
        let ask =
            |request: &str| errands::ask(socket.to_owned(), request.to_owned(), Ends::Hanging);
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let dialect = Dialect::of(&text(ask(hyprctl::STATUS).await?));
        let clients = text(ask(hyprctl::CLIENTS).await?);
        let mut this = Self {
            what: what.clone(),
            socket2,
            dialect,
            events: Some(events),
            resuming: None,
            heard: true,
            errands: Errands::to(socket.to_owned(), Ends::Hanging),
            windows: BTreeMap::new(),
            ledger: Ledger::default(),
            titles: BTreeMap::new(),
            again: false,
        };
        let listed = hyprctl::clients(&clients);
        let listed = listed.map_err(|why| TalkError::Malformed { what, why })?;
        this.listed(listed);
        Ok(this)
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
                (asked, answer) = self.errands.next() => self.answered(asked, answer),
            }
        }
    }

    /// An event that has already arrived.
    pub fn try_next(&mut self) -> Option<DisplayEvent> {
        while self.ledger.is_empty() && !self.ledger.is_over() {
            let line = self.events.as_mut().and_then(Talk::try_line);
            if let Some(line) = line {
                self.heard(line);
            } else if let Some((asked, answer)) = self.errands.try_next() {
                self.answered(asked, answer);
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
        let asks = self.errands.waits(Asked::Clients) || self.errands.is_under_way(Asked::Clients);
        self.ledger.is_over() || !(asks || self.resuming.is_some())
    }

    /// Asks the window to close.
    pub fn close(&mut self, window: WindowKey) {
        if self.ledger.contains(window) {
            let order = self.dialect.close(window);
            self.errands.send(Asked::Order, order);
        }
    }

    /// Shows the window to the user. `false`: it has gone.
    pub fn activate(&mut self, window: WindowKey) -> bool {
        let is_there = self.ledger.contains(window);
        if is_there {
            let order = self.dialect.focus(window);
            self.errands.send(Asked::Order, order);
        }
        is_there
    }

    /// `false`: the IPC has no way to ask.
    pub fn ping(&mut self, _window: WindowKey) -> bool {
        false
    }

    fn heard(&mut self, line: Result<Vec<u8>, TalkError>) {
        let line = match line {
            Ok(line) => line,
            // It hangs up on who does not listen fast enough, too.
            Err(error) if error.is_hang_up() && std::mem::take(&mut self.heard) => {
                self.events = None;
                self.resuming = Some(Box::pin(follow(self.socket2.clone())));
                return;
            }
            Err(error) => return self.ledger.lost(error.to_string()),
        };
        self.heard = true;
        match Event::of(&String::from_utf8_lossy(&line)) {
            Some(Event::Opened) => self.ask(),
            Some(Event::Closed(window)) => {
                self.windows.remove(&window);
                self.ledger.remove(window);
                // The list may be older, and must not bring it back.
                self.again |= self.errands.is_under_way(Asked::Clients);
            }
            Some(Event::Titled(window, title)) => {
                if self.errands.is_under_way(Asked::Clients) && self.titles.len() < MAX_WINDOWS {
                    self.titles.insert(window, title.clone());
                }
                if let Some(known) = self.windows.get_mut(&window) {
                    known.title = title;
                    self.ledger.update(window, known.clone());
                }
            }
            None => {}
        }
    }

    fn resumed(&mut self, events: Result<Talk, TalkError>) {
        self.resuming = None;
        match events {
            Ok(events) => {
                self.events = Some(events);
                self.ask();
            }
            Err(error) => self.ledger.lost(error.to_string()),
        }
    }

    /// Asks for all windows, once more where that is under way already.
    fn ask(&mut self) {
        if self.errands.is_under_way(Asked::Clients) {
            self.again = true;
        } else if !self.errands.waits(Asked::Clients) {
            self.errands
                .send(Asked::Clients, hyprctl::CLIENTS.to_owned());
        }
    }

    fn answered(&mut self, asked: Asked, answer: Result<Vec<u8>, TalkError>) {
        let answer = answer.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        match (asked, answer) {
            (Asked::Clients, Ok(answer)) => match hyprctl::clients(&answer) {
                Ok(clients) => self.listed(clients),
                Err(error) => tracing::warn!("{} lists its windows wrongly: {error}", self.what),
            },
            (Asked::Order, Ok(answer)) => {
                if let Some(why) = hyprctl::refusal(&answer) {
                    tracing::debug!("{} does not do as it is told: {why}", self.what);
                }
            }
            (_, Err(error)) => tracing::warn!("{error}"),
        }
        if asked == Asked::Clients {
            self.titles.clear();
            if std::mem::take(&mut self.again) {
                self.ask();
            }
        }
    }

    fn listed(&mut self, clients: Vec<(WindowKey, Toplevel)>) {
        let now: BTreeMap<WindowKey, Toplevel> = clients.into_iter().take(MAX_WINDOWS).collect();
        for gone in self.windows.keys().filter(|key| !now.contains_key(key)) {
            self.ledger.remove(*gone);
        }
        self.windows = now;
        for (key, window) in &mut self.windows {
            if let Some(title) = self.titles.remove(key) {
                window.title = title;
            }
            self.ledger.update(*key, window.clone());
        }
    }
}

/// Connects to the events.
async fn follow(socket2: PathBuf) -> Result<Talk, TalkError> {
    let what = || format!("the events at {}", socket2.display());
    limited(what, Talk::with("the events", &socket2)).await
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

impl fmt::Debug for HyprlandWindows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HyprlandWindows")
            .field("what", &self.what)
            .field("dialect", &self.dialect)
            .field("ledger", &self.ledger)
            .field("errands", &self.errands)
            .finish_non_exhaustive()
    }
}

//! sway (and i3) over its IPC socket: it tells each window's process.
//!
//! May touch the compositor's IPC socket and, for windows of Xwayland, that X server's socket.
//! The tree is read once; from then on the events tell what changes.

use std::{
    collections::BTreeMap,
    fmt,
    future::{Future, pending},
    path::Path,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use super::{
    display::{DisplayError, DisplayEvent, MAX_WINDOWS, Toplevel, WindowKey},
    i3ipc::{
        self, EVENT_SHUTDOWN, EVENT_WINDOW, GET_TREE, Node, Outcome, Owner, RUN_COMMAND, SUBSCRIBE,
        WindowEvent,
    },
    ledger::Ledger,
    link::{CONNECT_LIMIT, Link},
    xres,
};

/// The processes that an X server knows behind some of its windows.
type Pids = std::collections::HashMap<u32, u32>;

/// A question to Xwayland that is under way: the windows asked about, and the answer to come.
type Asking = Pin<Box<dyn Future<Output = Result<Pids, DisplayError>> + Send>>;

/// The windows of a sway or i3 session.
pub struct SwayWindows {
    what: String,
    link: Link,
    x11_display: Option<String>,
    ledger: Ledger,
    /// The tree has arrived: every window that was there on connecting is known.
    listed: bool,
    /// Why the tree or the subscription could not be had.
    refused: Option<DisplayError>,
    /// Windows of Xwayland, and what the X server said of their processes.
    x11: BTreeMap<WindowKey, X11View>,
    asking: Option<Asking>,
}

/// A window of Xwayland. It is told of when its process is known, or known not to be known:
/// otherwise it would first look like a stranger's.
struct X11View {
    window: u32,
    toplevel: Toplevel,
    pid: X11Pid,
}

#[derive(Clone, Copy, PartialEq)]
enum X11Pid {
    Unasked,
    Asked,
    Answered(Option<u32>),
}

impl SwayWindows {
    /// Connects to the compositor's IPC socket (`SWAYSOCK`, `I3SOCK`).
    ///
    /// `x11_display` names the Xwayland of that compositor. It is connected to only when a window
    /// of Xwayland exists, because connecting starts an Xwayland that is not running yet, and no
    /// longer than a question takes.
    ///
    /// # Errors
    /// [`DisplayError::Io`] if the socket cannot be reached or says nothing for 3 s,
    /// [`DisplayError::Malformed`] if what answers is not sway or i3,
    /// [`DisplayError::Unsupported`] if it refuses the subscription.
    pub async fn connect(socket: &Path, x11_display: Option<&str>) -> Result<Self, DisplayError> {
        let what = format!("the compositor at {}", socket.display());
        tokio::time::timeout(CONNECT_LIMIT, Self::open(what.clone(), socket, x11_display))
            .await
            .unwrap_or_else(|_| Err(DisplayError::silent(what)))
    }

    async fn open(
        what: String,
        socket: &Path,
        x11_display: Option<&str>,
    ) -> Result<Self, DisplayError> {
        let failed = |source| DisplayError::Io {
            what: what.clone(),
            source,
        };
        let mut link = Link::connect(socket).await.map_err(failed)?;
        // In this order, on one connection: a window that opens between the two is in the tree
        // and in an event, and one that closes is never told of after it.
        link.queue(&i3ipc::encode(SUBSCRIBE, r#"["window","shutdown"]"#));
        link.queue(&i3ipc::encode(GET_TREE, ""));
        let mut this = Self {
            what: what.clone(),
            link,
            x11_display: x11_display.map(str::to_owned),
            ledger: Ledger::default(),
            listed: false,
            refused: None,
            x11: BTreeMap::new(),
            asking: None,
        };
        while !this.listed {
            this.link.arrival().await.map_err(failed)?;
            this.read_frames();
            if let Some(error) = this.refused.take() {
                return Err(error);
            }
        }
        // A frozen Xwayland must not keep the compositor's own windows from us: its windows are
        // told of when it answers, or without a process.
        if let Some(asking) = &mut this.asking
            && let Ok(answer) = tokio::time::timeout(CONNECT_LIMIT / 3, asking).await
        {
            this.answered(answer);
        }
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
                arrival = self.link.arrival() => match arrival {
                    Ok(()) => self.read_frames(),
                    Err(error) => self.ledger.lost(format!("{}: {error}", self.what)),
                },
                answer = wait_for(&mut self.asking) => self.answered(answer),
            }
        }
    }

    /// An event that has already arrived.
    pub fn try_next(&mut self) -> Option<DisplayEvent> {
        if let Some(event) = self.ledger.pop() {
            return Some(event);
        }
        if self.ledger.is_over() {
            return None;
        }
        match self.link.turn() {
            Ok(true) => self.read_frames(),
            Ok(false) => {}
            Err(error) => self.ledger.lost(format!("{}: {error}", self.what)),
        }
        // Nobody is woken by this look: whoever waits does so in `next`, which looks again.
        let mut context = Context::from_waker(Waker::noop());
        if let Some(Poll::Ready(answer)) = self
            .asking
            .as_mut()
            .map(|asking| asking.as_mut().poll(&mut context))
        {
            self.answered(answer);
        }
        self.ledger.pop()
    }

    /// Whether every window that is known has been told of; see
    /// [`super::display::Display::is_settled`].
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.asking.is_none() || self.ledger.is_over()
    }

    /// Asks the window to close.
    pub fn close(&mut self, window: WindowKey) {
        self.command(window, "kill");
    }

    /// Shows the window to the user, wherever it is, the scratchpad included. `false`: the
    /// connection is over.
    pub fn activate(&mut self, window: WindowKey) -> bool {
        self.command(window, "focus");
        !self.ledger.is_over()
    }

    /// `false`: the IPC has no way to ask.
    pub fn ping(&mut self, _window: WindowKey) -> bool {
        false
    }

    fn command(&mut self, WindowKey(id): WindowKey, command: &str) {
        if self.ledger.is_over() {
            return;
        }
        self.link.queue(&i3ipc::encode(
            RUN_COMMAND,
            &format!("[con_id={id}] {command}"),
        ));
        // What cannot be written now is written by `next`, which also reports a broken socket.
        if let Err(error) = self.link.flush() {
            tracing::debug!(%error, "a command could not be sent");
        }
    }

    fn read_frames(&mut self) {
        loop {
            match i3ipc::decode(self.link.input()) {
                Ok(None) => return,
                Ok(Some((kind, header, length))) => {
                    self.link.take(header);
                    let payload = self.link.take(length);
                    self.message(kind, &payload);
                }
                Err(error) => {
                    self.malformed(error.to_string());
                    return self.ledger.lost(format!("{}: {error}", self.what));
                }
            }
        }
    }

    fn message(&mut self, kind: u32, payload: &[u8]) {
        // sway passes titles on as X11 clients wrote them, which is not always UTF-8; that must
        // not cost the whole tree.
        let json = String::from_utf8_lossy(payload);
        match kind {
            SUBSCRIBE => match serde_json::from_str::<Outcome>(&json) {
                Ok(Outcome { success: true }) => {}
                Ok(Outcome { success: false }) => {
                    self.refused = Some(DisplayError::Unsupported {
                        what: self.what.clone(),
                        why: "it refuses to tell of window events".to_owned(),
                    });
                }
                Err(error) => self.malformed(error.to_string()),
            },
            GET_TREE => match serde_json::from_str::<Node>(&json) {
                Ok(root) => {
                    self.listed = true;
                    root.views().into_iter().for_each(|view| self.view(view));
                    self.ask_xwayland();
                }
                Err(error) => self.malformed(error.to_string()),
            },
            EVENT_WINDOW => match serde_json::from_str::<WindowEvent>(&json) {
                Ok(event) if event.change == "close" => self.gone(WindowKey(event.container.id)),
                // Every other change brings the whole window with it, as it now is.
                Ok(event) if event.container.is_view() => {
                    self.view(&event.container);
                    self.ask_xwayland();
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "a window event makes no sense; ignored"),
            },
            // i3 says "restart" here when it restarts in place: this connection ends either way.
            EVENT_SHUTDOWN => self.ledger.lost(format!("{} is shutting down", self.what)),
            // The replies to our commands: a window that has gone meanwhile is no error.
            _ => {}
        }
    }

    fn malformed(&mut self, why: String) {
        self.refused = Some(DisplayError::Malformed {
            what: self.what.clone(),
            why,
        });
    }

    fn view(&mut self, view: &Node) {
        let key = WindowKey(view.id);
        let toplevel = view.toplevel();
        match view.owner() {
            Owner::Known(pid) => self.ledger.update(key, Toplevel { pid, ..toplevel }),
            Owner::X11(window) => {
                let pid = match self.x11.get(&key) {
                    Some(known) if known.window == window => known.pid,
                    _ if self.x11_display.is_none() => X11Pid::Answered(None),
                    _ => X11Pid::Unasked,
                };
                if self.x11.len() < MAX_WINDOWS || self.x11.contains_key(&key) {
                    self.x11.insert(
                        key,
                        X11View {
                            window,
                            toplevel: toplevel.clone(),
                            pid,
                        },
                    );
                }
                if let X11Pid::Answered(pid) = pid {
                    self.ledger.update(key, Toplevel { pid, ..toplevel });
                }
            }
        }
    }

    fn gone(&mut self, key: WindowKey) {
        self.x11.remove(&key);
        self.ledger.remove(key);
    }

    /// Asks Xwayland about its windows that were not asked about yet, one question at a time.
    fn ask_xwayland(&mut self) {
        let Some(display) = self.x11_display.clone().filter(|_| self.asking.is_none()) else {
            return;
        };
        let mut windows = Vec::new();
        for view in self
            .x11
            .values_mut()
            .filter(|view| view.pid == X11Pid::Unasked)
        {
            view.pid = X11Pid::Asked;
            windows.push(view.window);
        }
        if !windows.is_empty() {
            self.asking = Some(Box::pin(async move { xres::pids(&display, windows).await }));
        }
    }

    fn answered(&mut self, answer: Result<Pids, DisplayError>) {
        self.asking = None;
        let pids = answer.unwrap_or_else(|error| {
            tracing::warn!(%error, "windows of Xwayland stay without a process");
            Pids::new()
        });
        for (key, view) in self
            .x11
            .iter_mut()
            .filter(|(_, view)| view.pid == X11Pid::Asked)
        {
            let pid = pids.get(&view.window).copied();
            view.pid = X11Pid::Answered(pid);
            self.ledger.update(
                *key,
                Toplevel {
                    pid,
                    ..view.toplevel.clone()
                },
            );
        }
        self.ask_xwayland();
    }
}

/// Waits for the answer, or for ever where nothing was asked.
async fn wait_for(asking: &mut Option<Asking>) -> Result<Pids, DisplayError> {
    match asking {
        Some(asking) => asking.await,
        None => pending().await,
    }
}

impl fmt::Debug for SwayWindows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SwayWindows")
            .field("what", &self.what)
            .field("x11_display", &self.x11_display)
            .field("ledger", &self.ledger)
            .field("asking", &self.asking.is_some())
            .finish_non_exhaustive()
    }
}

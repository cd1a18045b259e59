//! Keeping the session's screen on, whatever shows it: begun, held, given back. What each kind of display
//! is asked for is in [`super::blank`] and [`super::idle`].

use std::future::{Future, pending};
use std::io;
use std::path::PathBuf;
use std::pin::Pin;

use super::blank::Suspended;
use super::idle::Inhibited;
use super::link::CONNECT_LIMIT;

/// What shows the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Screen {
    /// An X display.
    X11(String),
    /// A compositor's socket, and whether it is known to take the word of a surface that nobody sees.
    Wayland(PathBuf, bool),
}

impl std::fmt::Display for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::X11(display) => write!(f, "the X display {display}"),
            Self::Wayland(socket, _) => write!(f, "the compositor at {}", socket.display()),
        }
    }
}

#[derive(Debug)]
enum Kept {
    X11(Box<Suspended>),
    Wayland(Box<Inhibited>),
}

impl Kept {
    async fn begin(screen: Screen) -> Result<Self, String> {
        let begin = async {
            Ok(match &screen {
                Screen::X11(display) => Self::X11(Box::new(Suspended::begin(display).await?)),
                Screen::Wayland(socket, bare) => {
                    Self::Wayland(Box::new(Inhibited::begin(socket, *bare).await?))
                }
            })
        };
        let begun = tokio::time::timeout(CONNECT_LIMIT, begin).await;
        begun.unwrap_or_else(|_| Err(format!("no answer within {CONNECT_LIMIT:?}")))
    }

    async fn lost(&mut self) -> io::Error {
        match self {
            Self::X11(suspended) => suspended.lost().await,
            Self::Wayland(inhibited) => inhibited.lost().await,
        }
    }
}

type Begins = Pin<Box<dyn Future<Output = Result<Kept, String>>>>;

/// The screen that is kept on, if one is.
#[derive(Default)]
pub(crate) struct Awake(State);

#[derive(Default)]
enum State {
    #[default]
    Off,
    Begins(Screen, Begins),
    On(Screen, Kept),
}

impl std::fmt::Debug for Awake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (state, screen) = match &self.0 {
            State::Off => ("off", None),
            State::Begins(screen, _) => ("begins", Some(screen)),
            State::On(screen, _) => ("on", Some(screen)),
        };
        f.debug_tuple("Awake").field(&state).field(&screen).finish()
    }
}

impl Awake {
    /// Whether a screen is kept on, or is about to be.
    pub(crate) fn is_on(&self) -> bool {
        !matches!(self.0, State::Off)
    }

    /// Keeps this screen on until [`Awake::let_go`].
    pub(crate) fn keep(&mut self, screen: Screen) {
        self.0 = State::Begins(screen.clone(), Box::pin(Kept::begin(screen)));
    }

    /// Gives it back, at once.
    pub(crate) fn let_go(&mut self) {
        if let State::On(screen, _) = std::mem::take(&mut self.0) {
            tracing::info!("{screen} may blank again");
        }
    }

    /// Goes on with it. Cancel-safe.
    pub(crate) async fn next(&mut self) {
        match &mut self.0 {
            State::Off => pending().await,
            State::Begins(screen, begins) => match begins.as_mut().await {
                Ok(kept) => {
                    tracing::info!("{screen} is kept from blanking");
                    self.0 = State::On(screen.clone(), kept);
                }
                Err(why) => {
                    tracing::info!("{screen} is not kept from blanking by itself: {why}");
                    self.0 = State::Off;
                }
            },
            State::On(screen, kept) => {
                let lost = kept.lost().await;
                tracing::info!("{screen} is gone: {lost}");
                self.0 = State::Off;
            }
        }
    }
}

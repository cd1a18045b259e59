//! What `hold` needs of Windows: a window, without which nobody may refuse there, and that Ctrl-C is the command's.

use std::process::ExitStatus;

use endsession::{Builder, Client, Events, HoldWindow};
use tokio::signal::windows::{CtrlBreak, CtrlC, ctrl_break, ctrl_c};
use tokio::sync::oneshot;

use crate::exit::{Failure, Result};

/// An exit status.
pub(crate) type Status = i32;

/// The window, and what the console says.
pub(crate) struct Holding {
    closed: Option<oneshot::Receiver<()>>,
    interrupts: CtrlC,
    breaks: CtrlBreak,
    /// Closed with this.
    _window: HoldWindow,
}

impl Holding {
    /// Begins to hold for the command of that name.
    pub(crate) fn begin(builder: Builder, name: &str, why: &str) -> Result<(Self, Client, Events)> {
        let console = |e| Failure::io("cannot wait for the console", e);
        let (interrupts, breaks) = (ctrl_c().map_err(console)?, ctrl_break().map_err(console)?);
        let (tell, closed) = oneshot::channel();
        let text = format!(
            "{name}: {why}\n\nThe session stays open until {name} has ended. If you close this window, the session may end before that; {name} goes on \
             until then."
        );
        let (window, client, events) = HoldWindow::open(name, &text, builder, move || {
            // Nobody listens once the command has ended.
            let _too_late = tell.send(());
        })?;
        let holding = Self {
            closed: Some(closed),
            interrupts,
            breaks,
            _window: window,
        };
        Ok((holding, client, events))
    }

    /// Ends, once, when the user has closed the window. Until then Ctrl-C and Ctrl-Break are what they are for the command: it is in this console too.
    pub(crate) async fn let_go(&mut self, _pid: u32) {
        loop {
            let closed = async {
                match &mut self.closed {
                    Some(closed) => closed.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = self.interrupts.recv() => {}
                _ = self.breaks.recv() => {}
                closed = closed => {
                    self.closed = None;
                    if closed.is_ok() {
                        return;
                    }
                }
            }
        }
    }
}

/// Windows tells and ends the command itself, as every program of the session.
pub(crate) fn tell_to_end(_pid: u32) {}

/// The command's own.
pub(crate) fn status(status: ExitStatus) -> Status {
    status.code().unwrap_or(-1)
}

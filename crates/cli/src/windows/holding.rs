//! What `hold` needs of Windows: a window, without which nobody may refuse there, and that Ctrl-C is the command's.

use std::process::ExitStatus;

use endsession::{Builder, Client, End, Events, HoldWindow, What};
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
    /// Closed with this. Sleep is held without one.
    _window: Option<HoldWindow>,
}

impl Holding {
    /// Begins to hold `what` for the command of that name.
    pub(crate) fn begin(
        builder: Builder,
        what: What,
        name: &str,
        why: &str,
    ) -> Result<(Self, Client, Events)> {
        let console = |e| Failure::io("cannot wait for the console", e);
        let (interrupts, breaks) = (ctrl_c().map_err(console)?, ctrl_break().map_err(console)?);
        let (tell, closed) = oneshot::channel();
        let (window, client, events) = if what.contains(What::LOG_OFF) {
            let text = format!(
                "{name}: {why}\n\nThe session stays open until {name} has ended. Close this window, and it may end before that."
            );
            let closed = move || {
                // Nobody listens once the command has ended.
                let _too_late = tell.send(());
            };
            let (window, client, events) = HoldWindow::open(name, &text, builder, closed)?;
            (Some(window), client, events)
        } else {
            let (client, events) = builder.connect()?;
            (None, client, events)
        };
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

/// Windows tells and ends the command itself, as every program of the session; perhaps after us, and not before we are done.
pub(crate) fn tell_to_end(_pid: u32, end: End) -> Option<End> {
    end.done();
    None
}

/// The command's own.
pub(crate) fn status(status: ExitStatus) -> Status {
    status.code().unwrap_or(-1)
}

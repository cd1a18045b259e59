//! A message bus inside this program itself, on a thread of its own: for the demo, which needs
//! nothing from the system, and for a log-off where no session bus runs. It has neither policy nor
//! activation.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc;

use crate::exit::{Failure, Result};

/// A running bus. It ends with the process.
pub(crate) struct Embedded {
    address: String,
}

/// Where the bus of a log-off in this display's session is, where there is no session bus: the same
/// place for all that look for it. `None` without a directory that is this user's alone.
pub(crate) fn meeting_place() -> Option<PathBuf> {
    let set = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    let runtime = PathBuf::from(set("XDG_RUNTIME_DIR")?);
    let display = set("WAYLAND_DISPLAY").or_else(|| set("DISPLAY"))?;
    let fit = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = display.chars().take(40).map(fit).collect();
    Some(runtime.join(format!("endsession-bus.{name}")))
}

/// The bus of a log-off that is under way there.
pub(crate) fn met() -> Option<String> {
    let place = meeting_place()?;
    UnixStream::connect(&place).ok()?;
    Some(format!("unix:path={}", place.display()))
}

impl Embedded {
    /// Where nobody else looks for it.
    pub(crate) fn start() -> Result<Self> {
        let dir = std::env::temp_dir();
        Self::at(format!("unix:tmpdir={}", dir.display()))
    }

    /// Where all commands of this display's session look for it.
    pub(crate) fn start_at_meeting_place() -> Result<Self> {
        let Some(place) = meeting_place() else {
            return Self::start();
        };
        // What one left that was killed; nobody answered there.
        let _not_there = std::fs::remove_file(&place);
        Self::at(format!("unix:path={}", place.display()))
    }

    fn at(wanted: String) -> Result<Self> {
        let (ready, address) = mpsc::sync_channel(1);
        let asked = wanted.clone();
        let failed = |e: String| {
            Failure::NoSession(format!(
                "a bus of our own cannot be started at {asked}: {e}"
            ))
        };
        std::thread::Builder::new()
            .name("bus".to_owned())
            .spawn(move || zruntime::block_on(serve(wanted, ready)))
            .map_err(|e| failed(e.to_string()))?;
        match address.recv() {
            Ok(Ok(address)) => Ok(Self { address }),
            Ok(Err(error)) => Err(failed(error)),
            Err(_) => Err(failed("its thread ended".to_owned())),
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        let path = self
            .address
            .split([':', ','])
            .find_map(|part| part.strip_prefix("path="));
        if let Some(path) = path {
            let _gone = std::fs::remove_file(path);
        }
    }
}

async fn serve(wanted: String, ready: mpsc::SyncSender<std::result::Result<String, String>>) {
    let mut bus = match busd::bus::Bus::for_address(Some(&wanted)).await {
        Ok(bus) => bus,
        Err(error) => {
            let _nobody_waits = ready.send(Err(format!("{error:#}")));
            return;
        }
    };
    let _nobody_waits = ready.send(Ok(bus.address().to_string()));
    if let Err(error) = bus.run().await {
        tracing::warn!("our own bus failed: {error:#}");
    }
}

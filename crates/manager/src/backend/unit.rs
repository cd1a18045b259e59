//! The compositor is a service of the user's systemd (`wayland-wm@….service` of uwsm,
//! `niri.service`, one that the user wrote): it is ended by stopping that, so that systemd does not
//! take its end for a crash and start it anew. Talks to the user's systemd.

use std::path::Path;
use std::time::Duration;

use crate::units::place::{Kind, Place};
use crate::units::systemd::{Error, Systemd};

/// A compositor that stays is killed by systemd when its file says so, after 90 s without a word;
/// that is longer than anybody waits.
const KILL_AFTER: Duration = Duration::from_secs(10);

/// The unit that the compositor with this process is, where it is one.
pub(crate) fn of_compositor(pid: u32) -> Option<String> {
    let at = Place::of(pid)?;
    // A scope is somebody's who started it there, and may hold others; a service is what it runs.
    (at.kind() == Kind::Service && at.unit.ends_with(".service")).then_some(at.unit)
}

/// Stops it, and waits until it has stopped.
///
/// # Errors
/// Why it has not, in one sentence.
pub(crate) async fn end(socket: &Path, unit: &str) -> Result<(), String> {
    match stop(socket, unit).await {
        Ok(result) if result == "done" => Ok(()),
        Ok(result) => Err(format!("systemd did not stop {unit}: {result}")),
        Err(error) if error.is_unknown_unit() => Ok(()),
        Err(error) => Err(format!("systemd did not stop {unit}: {error}")),
    }
}

async fn stop(socket: &Path, unit: &str) -> Result<String, Error> {
    let mut systemd = Systemd::connect(socket).await?;
    let job = systemd.stop(unit).await?;
    match tokio::time::timeout(KILL_AFTER, systemd.wait_for(&job)).await {
        Ok(result) => result,
        Err(_) => {
            tracing::warn!("{unit} did not stop within {KILL_AFTER:?}; SIGKILL");
            systemd.kill(unit).await?;
            let gone = tokio::time::timeout(KILL_AFTER, systemd.wait_for(&job)).await;
            gone.unwrap_or_else(|_| Ok("it stays".to_owned()))
        }
    }
}

//! A message bus inside the demo itself, on a thread of its own, so that the demo needs nothing
//! from the system. For the demo only: it has neither policy nor activation.

use std::sync::mpsc;

use crate::exit::{Failure, Result};

/// A running bus. It ends with the process.
pub(super) struct Embedded {
    address: String,
}

impl Embedded {
    pub(super) fn start() -> Result<Self> {
        let dir = std::env::temp_dir();
        let wanted = format!("unix:tmpdir={}", dir.display());
        let (ready, address) = mpsc::sync_channel(1);
        let failed = |e: String| {
            Failure::Usage(format!(
                "the demo's bus cannot be started in {}: {e}",
                dir.display()
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

    pub(super) fn address(&self) -> &str {
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
            let _demo_has_ended = ready.send(Err(format!("{error:#}")));
            return;
        }
    };
    let _demo_has_ended = ready.send(Ok(bus.address().to_string()));
    if let Err(error) = bus.run().await {
        tracing::warn!("the demo's bus failed: {error:#}");
    }
}
